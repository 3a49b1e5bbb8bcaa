"""Forged tokens at KMS and configuration management: servers that trust an issuer of this test, so that every claim can be
wrong below a good signature, and every signature wrong above good claims."""
import json
import re
import time

from muster import Deployment, add_case, case, main, same, setup, test_dir
from oidc import Issuer, Key, assemble, b64, claims, hmac_signed, unb64, unsigned
from refusals import bearer_error, key_request, no_keys, profile_url

dep = Deployment('forged', roles=['kms', 'cms'])
rsa, ec, stranger = Key(test_dir(), 'rsa'), Key(test_dir(), 'ec', 'EC'), Key(test_dir(), 'stranger')
issuer = Issuer(dep, dep.net + '.200', [rsa, ec])
for section in ('kms', 'cms'):
    dep.setting(section, 'issuer', '"%s"' % issuer.url)
    dep.setting(section, 'jwks_url', '"%s/jwks.json"' % issuer.url)


@setup
def starts():
    global victim
    dep.start()
    victim = dep.add_user('victim')
    for key in (rsa, ec):
        good = key.token(issuer.claims(mcptt_id=victim['mcptt_id'], aud=dep.domain))
        same(key_request(dep, good, victim).status, 200, 'kms with a good token')
        same(dep.http('GET', profile_url(dep, victim), bearer=good).status, 200, 'cms with a good token')


def forged(make, status, word, req):
    """make: (good claims) to token."""
    def run():
        token = make(issuer.claims(mcptt_id=victim['mcptt_id'], aud=dep.domain))
        dep.secret(token)
        a = key_request(dep, token, victim)
        if status == 200:
            same(a.status, 200, 'status of %s' % a)
            return
        bearer_error(a, status, word, req)
        no_keys(a)
        a = dep.http('GET', profile_url(dep, victim), bearer=token)
        bearer_error(a, status, word, req)
        same(a.body, b'', 'body')
    return run


def changed(**changes):
    return lambda c: rsa.token({k: v for k, v in dict(c, **changes).items() if v is not None})


def headed(**head):
    return lambda c: rsa.token(c, **head)


def respelled(token):
    """The same token in another spelling: the last character carries two bits that mean nothing."""
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


def now(seconds):
    return int(time.time()) + seconds


for name, make, req in (
        ('expired', lambda c: rsa.token(dict(c, iat=now(-900), exp=now(-35))), 'R-ID-100'),
        ('expired-long-ago', lambda c: rsa.token(dict(c, iat=1600000000, exp=1600000900)), 'R-ID-100'),
        ('not-yet-valid', lambda c: rsa.token(dict(c, nbf=now(60))), 'R-ID-85'),
        ('issued-tomorrow', lambda c: rsa.token(dict(c, iat=now(86400), exp=now(90000))), 'R-ID-85'),
        ('without-exp', changed(exp=None), 'R-ID-26'),
        ('exp-as-text', lambda c: rsa.token(dict(c, exp=str(c['exp']))), 'R-ID-23'),
        ('without-client', changed(client_id=None), 'R-ID-26'),
        ('without-scope', changed(scope=None), 'R-ID-26'),
        ('forged-signature', lambda c: stranger.token(c, kid='rsa'), 'R-ID-82'),
        ('unknown-key', lambda c: stranger.token(c), 'R-ID-86'),
        ('without-kid-of-a-stranger', lambda c: stranger.token(c, kid=None), 'R-ID-8[26]'),
        ('alg-none', unsigned, 'R-ID-87'),
        ('alg-None', lambda c: unsigned(c, 'None', kid='rsa'), 'R-ID-87'),
        ('alg-absent', lambda c: assemble({'typ': 'at+jwt', 'kid': 'rsa'}, c, rsa.sign), 'R-ID-8[27]'),
        ('hs256-with-the-public-pem', lambda c: hmac_signed(c, rsa.public_pem(), kid='rsa'), 'R-ID-87'),
        ('hs256-with-the-modulus', lambda c: hmac_signed(c, unb64(rsa.jwk()['n']), kid='rsa'), 'R-ID-87'),
        ('es256-label-on-rs256', headed(alg='ES256'), 'R-ID-8[27]'),
        ('rs384-label', headed(alg='RS384'), 'R-ID-87'),
        ('critical-header', headed(crit=['exp']), 'R-ID-87'),
        ('unencoded-payload', headed(b64=False, crit=['b64']), 'R-ID-87'),
        ('key-in-the-header', lambda c: stranger.token(c, kid=None, jwk=stranger.jwk()), 'R-ID-8[267]'),
        ('key-by-address', lambda c: stranger.token(c, jku='https://evil.example/jwks.json'), 'R-ID-8[267]'),
        ('other-issuer', changed(iss='https://evil.example'), 'R-ID-86'),
        ('issuer-with-slash', lambda c: rsa.token(dict(c, iss=c['iss'] + '/')), 'R-ID-86'),
        ('without-issuer', changed(iss=None), 'R-ID-86'),
        ('other-audience', changed(aud='https://elsewhere.example'), 'R-ID-88'),
        ('audience-list-without-us', changed(aud=['a', 'b']), 'R-ID-88'),
        ('without-audience', changed(aud=None), 'R-ID-88'),
        ('typ-jwt', headed(typ='JWT'), 'R-ID-28'),
        ('security-token', headed(typ='st+jwt'), 'R-ID-28'),
        ('padded', lambda c: rsa.token(c) + '==', 'R-ID-8[02]'),
        ('spelled-otherwise', lambda c: respelled(rsa.token(c)), 'R-ID-82'),
        ('claims-no-object', lambda c: rsa.token(b'[]'), 'R-ID-82'),
        ('claims-no-json', lambda c: rsa.token(b'{"iss":'), 'R-ID-82'),
        ('claims-twice', lambda c: rsa.token(json.dumps(c).replace('{', '{"scope":"x",', 1).encode()), 'R-ID-82')):
    exact = req if '[' not in req else re.compile('^' + req + '$')
    add_case('token-%s (%s)' % (name, re.sub(r'\[(.).*', r'\1', req)),
             forged(make, 401, 'invalid_token', exact))

add_case('token-expired-within-leeway (R-ID-85)', forged(lambda c: rsa.token(dict(c, exp=now(-20))), 200, None, None))


@case
def token_without_mc_service_id():
    """R-ID-84"""
    token = rsa.token(issuer.claims(aud=dep.domain))
    a = key_request(dep, token, victim)
    same(a.status, 403, 'status of %s' % a)
    no_keys(a)
    dep.refused(a, 'R-ID-84')


@case
def users_who_are_not_provisioned():
    """The same answer to a stranger of the domain and to one of elsewhere: R-KMS-41"""
    answers = []
    for uri in ('sip:ghost@mc.example', 'sip:ghost@else.where'):
        token = rsa.token(issuer.claims(aud=dep.domain, mcptt_id=uri))
        a = key_request(dep, token, {'mcptt_id': uri})
        same(a.status, 404, 'status of %s' % a)
        no_keys(a)
        dep.refused(a, 'R-KMS-41')
        answers.append(re.sub(r'<(\w+:)?(Time|ClientReqUrl|UserUri)>[^<]*', '', a.text))
    same(answers[1], answers[0], 'answer')


@case
def no_secret_in_any_log():
    """R-ID-141 R-SA-127"""
    assert len(dep.secrets) > 30, len(dep.secrets)
    same(dep.leaks(), [], 'leaks')


main()
