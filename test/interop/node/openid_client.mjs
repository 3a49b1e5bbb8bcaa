// openid-client signs on against the IdM server as any relying party would; jose verifies what it got.
import * as jose from 'jose';
import * as client from 'openid-client';
import { refused, same, setting, step } from './steps.mjs';

const { issuer, tokenUrl, clientId, redirectUri, user, password, scope, audience, mcpttId, alg } = setting;
let config, verifier, state, nonce, tokens, callback;

// The browser, as far as a form without JavaScript needs one: cookies, hidden fields, no redirects.
async function fill(url, name, word) {
        const page = await fetch(url, { redirect: 'manual' });
        same(page.status, 200, 'status of the login page');
        const cookie = page.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
        const text = await page.text();
        const form = new URLSearchParams();
        for (const [, n, v] of text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
                form.set(n, v);
        form.set('username', name);
        form.set('password', word);
        const action = new URL(/<form method="post" action="([^"]*)"/.exec(text)[1], url);
        return fetch(action, { method: 'POST', body: form, headers: { cookie }, redirect: 'manual' });
}

await step('discovery (R-ID-130 R-ID-21)', async () => {
        config = await client.discovery(new URL(issuer), clientId, { id_token_signed_response_alg: alg }, client.None());
        const meta = config.serverMetadata();
        same(meta.issuer, issuer, 'issuer');
        same(meta.token_endpoint, `${tokenUrl}/as/token`, 'token endpoint');
        same(meta.code_challenge_methods_supported, ['S256'], 'PKCE methods');
        same(meta.authorization_response_iss_parameter_supported, true, 'iss in answers'); // R-ID-133
        same(meta.response_types_supported, ['code'], 'response types'); // R-ID-142
});

await step('metadata of RFC 8414 agrees (R-ID-130)', async () => {
        const other = await client.discovery(new URL(issuer), clientId, undefined, client.None(), { algorithm: 'oauth2' });
        same(other.serverMetadata(), config.serverMetadata(), 'metadata');
});

await step('code flow with PKCE (R-ID-52 R-ID-67 R-ID-32)', async () => {
        verifier = client.randomPKCECodeVerifier();
        state = client.randomState();
        nonce = client.randomNonce();
        const url = client.buildAuthorizationUrl(config, {
                redirect_uri: redirectUri,
                scope,
                state,
                nonce,
                acr_values: '3gpp:acr:password',
                code_challenge: await client.calculatePKCECodeChallenge(verifier),
                code_challenge_method: 'S256',
        });
        const answer = await fill(url, user, password);
        same(answer.status, 302, 'status');
        callback = new URL(answer.headers.get('location'));
        // openid-client checks state, iss, nonce, at_hash and the ID token's claims
        tokens = await client.authorizationCodeGrant(config, callback, {
                pkceCodeVerifier: verifier,
                expectedState: state,
                expectedNonce: nonce,
                idTokenExpected: true,
        });
        same(tokens.token_type, 'bearer', 'token type');
        same(typeof tokens.expires_in, 'number', 'type of expires_in');
        same(tokens.claims().mcptt_id, mcpttId, 'mcptt_id'); // R-ID-24
        same(tokens.claims().acr, '3gpp:acr:password', 'acr'); // R-ID-33
});

await step('an answer of another issuer is noticed (R-ID-133)', async () => {
        const foreign = new URL(callback);
        foreign.searchParams.set('iss', 'https://evil.example');
        await refused(() => client.authorizationCodeGrant(config, foreign, { pkceCodeVerifier: verifier, expectedState: state }));
});

const keys = jose.createRemoteJWKSet(new URL(`${tokenUrl}/jwks.json`));

await step('jose verifies the ID token (R-ID-20 R-ID-22)', async () => {
        const { payload, protectedHeader } = await jose.jwtVerify(tokens.id_token, keys, {
                issuer, audience: clientId, typ: 'JWT', requiredClaims: ['sub', 'exp', 'iat'] });
        same(protectedHeader.alg, alg, 'alg');
        same(payload.nonce, nonce, 'nonce');
});

await step('jose verifies the access token (R-ID-25 R-ID-26 R-ID-28)', async () => {
        const { payload, protectedHeader } = await jose.jwtVerify(tokens.access_token, keys, {
                issuer, audience, typ: 'at+jwt', algorithms: ['RS256', 'ES256'],
                requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'scope'] });
        same(protectedHeader.alg, alg, 'alg');
        same(payload.mcptt_id, mcpttId, 'mcptt_id');
        same(payload.client_id, clientId, 'client_id');
        same(payload.scope, scope, 'scope');
});

await step('jose refuses tampered tokens (R-ID-25)', async () => {
        const [head, body, mac] = tokens.access_token.split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url'));
        const other = Buffer.from(JSON.stringify({ ...claims, mcptt_id: 'sip:bob@mc.example' })).toString('base64url');
        const flipped = Buffer.from(mac, 'base64url');
        flipped[0] ^= 1;
        for (const bad of [`${head}.${other}.${mac}`, `${head}.${body}.${flipped.toString('base64url')}`,
                           `${head}.${body}.`, tokens.access_token.slice(0, -8)])
                await refused(() => jose.jwtVerify(bad, keys));
        const e = await refused(() => jose.jwtVerify(tokens.access_token, keys, { audience: 'https://elsewhere.example' }));
        same(e.code, 'ERR_JWT_CLAIM_VALIDATION_FAILED', 'error');
});

await step('the key set holds public keys alone (R-ID-132)', async () => {
        const set = await (await fetch(`${tokenUrl}/jwks.json`)).json();
        for (const k of set.keys) {
                for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
                        same(k[member], undefined, member);
                same(await jose.calculateJwkThumbprint(k), k.kid, 'kid by RFC 7638');
        }
});

await step('refresh (R-ID-70 R-ID-73)', async () => {
        const next = await client.refreshTokenGrant(config, tokens.refresh_token);
        if (next.access_token === tokens.access_token || next.refresh_token === tokens.refresh_token)
                throw new Error('nothing was renewed');
        const { payload } = await jose.jwtVerify(next.access_token, keys, { issuer, audience });
        same(payload.sub, tokens.claims().sub, 'sub');
        tokens.refresh_token = next.refresh_token;
});

await step('refresh with less scope (R-ID-71)', async () => {
        const kms = '3gpp:mc:ptt_key_management_service';
        const next = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: kms });
        same(jose.decodeJwt(next.access_token).scope, kms, 'scope');
        tokens.refresh_token = next.refresh_token;
});

await step('revocation (R-ID-102)', async () => {
        await client.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
        const e = await refused(() => client.refreshTokenGrant(config, tokens.refresh_token));
        same(e.error, 'invalid_grant', 'error');
});

await step('code used twice (R-ID-64)', async () => {
        const e = await refused(() => client.authorizationCodeGrant(config, callback, {
                pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }));
        same(e.error, 'invalid_grant', 'error');
});

await step('wrong verifier (R-ID-62)', async () => {
        const url = client.buildAuthorizationUrl(config, {
                redirect_uri: redirectUri, scope, state, acr_values: '3gpp:acr:password', code_challenge_method: 'S256',
                code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()) });
        const answer = await fill(url, user, password);
        const e = await refused(() => client.authorizationCodeGrant(config, new URL(answer.headers.get('location')), {
                pkceCodeVerifier: verifier, expectedState: state }));
        same(e.error, 'invalid_grant', 'error');
});

await step('errors come back with state and iss (R-ID-53)', async () => {
        const url = client.buildAuthorizationUrl(config, {
                redirect_uri: redirectUri, scope: 'openid unknown', state, acr_values: '3gpp:acr:password' });
        const answer = await fetch(url, { redirect: 'manual' });
        same(answer.status, 302, 'status');
        const e = await refused(() => client.authorizationCodeGrant(config, new URL(answer.headers.get('location')), {
                expectedState: state }));
        same(e.error, 'invalid_request', 'error'); // no code_challenge: R-ID-47
});

await step('pushed request (R-ID-134)', async () => {
        if (config.serverMetadata().pushed_authorization_request_endpoint === undefined)
                return 'the server does not offer it';
        verifier = client.randomPKCECodeVerifier();
        const url = await client.buildAuthorizationUrlWithPAR(config, {
                redirect_uri: redirectUri, scope, state, acr_values: '3gpp:acr:password', code_challenge_method: 'S256',
                code_challenge: await client.calculatePKCECodeChallenge(verifier) });
        const answer = await fill(url, user, password);
        same(answer.status, 302, 'status');
        await client.authorizationCodeGrant(config, new URL(answer.headers.get('location')), {
                pkceCodeVerifier: verifier, expectedState: state });
});

await step('end of session (R-ID-138)', async () => {
        if (config.serverMetadata().end_session_endpoint === undefined)
                return 'the server does not offer it';
        const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token });
        const answer = await fetch(url, { redirect: 'manual' });
        same(answer.status, 200, 'status');
});
