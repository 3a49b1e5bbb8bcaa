/* Token answers: the checks of OIDC Core clause 3.1.3.7 before anything is used (TS 33.180 B.11.1), and refresh (B.5).
 */
#include "client/ue.h"

#include "base/secret.h"
#include "proto/jose/jwt.h"
#include "proto/oauth/oauth.h"

#include <talloc.h>

enum ecode ue_token_exchange(struct ue *u, const char *body, void *mem, struct http_in *rs, struct err *er)
{
        struct http_out rq = { .method = "POST",
                               .url = u->init->idms_token_endpoint,
                               .body = bytes_str(body),
                               .fields = { { "Content-Type", "application/x-www-form-urlencoded" },
                                           { "Accept", "application/json" } },
                               .fields_n = 2 };
        struct oauth_error oe = { 0 };
        enum ecode e = ue_fetch(u, mem, &rq, rs, er);
        if (e != E_OK || rs->status == 200)
                return e;
        oauth_error_parse(mem, rs->body, &oe);
        return err_set(er, rs->status >= 500 ? E_PEER_DOWN : E_FORBIDDEN, NULL, "token endpoint: %d %s: %s", rs->status,
                       oe.error ? oe.error : "", oe.description ? oe.description : "");
}

static enum ecode get(struct ue *u, void *mem, const char *url, struct bytes *ret, struct err *er)
{
        struct http_in rs;
        enum ecode e = ue_fetch(u, mem, &(struct http_out){ .method = "GET", .url = url }, &rs, er);
        if (e == E_OK && rs.status != 200)
                e = err_set(er, E_PEER_DOWN, NULL, "%s answered %d", url, rs.status);
        if (e == E_OK)
                *ret = rs.body;
        return e;
}

/* The issuer whose published endpoints are the configured ones, and its keys. */
static enum ecode issuer_keys(struct ue *u, void *mem, const char *iss, struct jwks *keys, struct err *er)
{
        struct bytes text;
        struct oauth_metadata m = { 0 };
        char *url = talloc_asprintf(mem, "%s/.well-known/openid-configuration", iss);
        enum ecode e = get(u, mem, url, &text, er);
        if (e == E_OK)
                e = oauth_metadata_parse(mem, text, iss, &m, er);
        if (e == E_OK && (strcmp(m.authorization_endpoint, u->init->idms_auth_endpoint) != 0 ||
                          strcmp(m.token_endpoint, u->init->idms_token_endpoint) != 0))
                e = err_set(er, E_TOKEN_ISSUER, "R-ID-130", "%s publishes other endpoints than the configured ones",
                            iss);
        if (e == E_OK)
                e = get(u, mem, m.jwks_uri, &text, er);
        return e == E_OK ? jwks_parse(mem, text, keys, er) : e;
}

static enum ecode check_id_token(struct ue *u, void *mem, const struct token_res *res, struct token_claims *c,
                                 struct err *er)
{
        struct jwt t;
        struct jwks keys = { 0 };
        static const char *const typ[] = { "JWT", "", NULL };
        const char *const aud[] = { u->profile->oauth_client, NULL };
        enum ecode e = jwt_parse(mem, bytes_str(res->id_token), &t, er);
        if (e == E_OK && (t.iss == NULL || strncmp(t.iss, "https://", 8) != 0))
                e = err_set(er, E_TOKEN_ISSUER, "R-ID-21", "the ID token names no https issuer");
        if (e == E_OK)
                e = issuer_keys(u, mem, t.iss, &keys, er);
        struct jwt_policy pol = { .algs = JOSE_ALLOW_ALL, .iss = t.iss, .typ = typ, .aud = aud, .leeway_s = 30 };
        if (e == E_OK)
                e = jwt_verify(mem, bytes_str(res->id_token), &keys, &pol, clock_now(u->env->clock), c, er);
        if (e == E_OK && u->nonce != NULL && (c->nonce == NULL || strcmp(c->nonce, u->nonce) != 0))
                e = err_set(er, E_REPLAY, "R-ID-32", "the nonce of the ID token is not ours");
        const char *at_hash = e == E_OK ? jwt_at_hash(mem, res->access_token) : NULL;
        if (e == E_OK && c->at_hash != NULL && (at_hash == NULL || strcmp(c->at_hash, at_hash) != 0))
                e = err_set(er, E_TOKEN_SIGNATURE, NULL,
                            "at_hash: the access token is not the one that belongs to the ID token");
        return e;
}

static void replace(struct ue *u, char **to, const char *from)
{
        char *fresh = from != NULL ? talloc_strdup(u, from) : NULL;
        if (*to != NULL)
                secret_wipe(*to, strlen(*to));
        talloc_free(*to);
        *to = fresh;
}

static void keep(struct ue *u, const struct token_res *res)
{
        replace(u, &u->tokens.access, res->access_token);
        if (res->refresh_token != NULL)
                replace(u, &u->tokens.refresh, res->refresh_token);
        if (res->scope != NULL)
                replace(u, &u->tokens.scope, res->scope);
        u->tokens.expires_at = clock_now(u->env->clock) + res->expires_in;
}

enum ecode ue_take_tokens(struct ue *u, struct bytes body, struct err *er)
{
        void *mem = talloc_new(u);
        struct token_res res = { 0 };
        struct token_claims c = { 0 };
        enum ecode e = token_res_parse(mem, body, &res, er);
        if (e == E_OK && res.id_token == NULL && u->tokens.id == NULL)
                e = err_set(er, E_MISSING, "R-ID-67", "the answer holds no ID token");
        if (e == E_OK && res.id_token != NULL)
                e = check_id_token(u, mem, &res, &c, er);
        if (e == E_OK) {
                keep(u, &res);
                if (res.id_token != NULL) {
                        replace(u, &u->tokens.id, res.id_token);
                        replace(u, &u->tokens.sub, c.sub);
                        replace(u, &u->tokens.service_id[MCX_PTT], c.mcptt_id);
                        replace(u, &u->tokens.service_id[MCX_VIDEO], c.mcvideo_id);
                        replace(u, &u->tokens.service_id[MCX_DATA], c.mcdata_id);
                }
                u->nonce = NULL; /* it was for one ID token: a refreshed one has none */
        }
        talloc_free(mem);
        return e;
}

static enum ecode refresh(struct ue *u, void *mem, const char *scope, struct http_in *rs, struct err *er)
{
        struct token_req rq = { .grant = GRANT_REFRESH,
                                .client_id = u->profile->oauth_client,
                                .refresh_token = u->tokens.refresh,
                                .scope = scope };
        if (u->tokens.refresh == NULL)
                return err_set(er, E_REFRESH_UNKNOWN, NULL, "there is no refresh token: log in first");
        char *body = token_req_print(mem, &rq);
        return body != NULL ? ue_token_exchange(u, body, mem, rs, er) : err_set(er, E_NOMEM, NULL, "refresh");
}

enum ecode ue_refresh(struct ue *u, struct err *er)
{
        void *mem = talloc_new(u);
        struct http_in rs;
        enum ecode e = refresh(u, mem, NULL, &rs, er);
        if (e == E_OK)
                e = ue_take_tokens(u, rs.body, er);
        if (e == E_OK)
                ue_arrow(u, "3f", "idm", "HTTPS", "200, fresh ID token, access token, refresh token", NULL);
        talloc_free(mem);
        return e;
}

/* What was granted for this kind of server, in all services. NULL: nothing. */
static char *scope_at(void *mem, const char *granted, enum mc_resource r)
{
        struct buf b = buf_on(mem);
        struct bytes one;
        for (size_t at = 0; granted != NULL && scope_next(granted, &at, &one);) {
                const struct mc_scope *s = mc_scope_find(one);
                if (s != NULL && s->resource == r)
                        buf_printf(&b, "%s%.*s", b.n ? " " : "", (int)one.n, (const char *)one.p);
        }
        return b.n > 0 ? buf_str(&b) : NULL;
}

static const char *server_word(enum mc_resource r)
{
        static const char *const word[] = { "the MC servers", "the KMS", "the CMS", "the GMS", "the LMS" };
        return word[r];
}

enum ecode ue_token_for(struct ue *u, const char *scope, char **ret_token, int64_t *ret_expires_at, struct err *er)
{
        void *mem = talloc_new(u);
        struct http_in rs;
        struct token_res res = { 0 };
        enum ecode e = refresh(u, mem, scope, &rs, er);
        if (e == E_OK)
                e = token_res_parse(mem, rs.body, &res, er);
        if (e == E_OK) {
                if (res.refresh_token != NULL) /* rotated, and still the whole grant */
                        replace(u, &u->tokens.refresh, res.refresh_token);
                *ret_token = talloc_strdup(u, res.access_token);
                *ret_expires_at = clock_now(u->env->clock) + res.expires_in;
        }
        talloc_free(mem);
        return e;
}

static enum ecode narrow(struct ue *u, void *mem, enum mc_resource r, struct err *er)
{
        char *scope = scope_at(mem, u->tokens.scope, r), *token = NULL;
        struct ue_narrow *n = &u->narrow[r];
        int64_t expires_at = 0;
        enum ecode e = scope != NULL ? ue_token_for(u, scope, &token, &expires_at, er)
                                     : err_set(er, E_TOKEN_SCOPE, NULL, "no scope for %s was granted", server_word(r));
        if (e != E_OK)
                return e;
        replace(u, &n->access, NULL);
        n->access = token;
        n->expires_at = expires_at;
        ue_arrow(u, "3f", "idm", "HTTPS", talloc_asprintf(mem, "200, access token for %s alone", server_word(r)), NULL);
        return E_OK;
}

enum ecode ue_token_at(struct ue *u, enum mc_resource r, const char **ret, struct err *er)
{
        if (u->tokens.access == NULL)
                return err_set(er, E_TOKEN_MISSING, NULL, "there is no access token: log in first");
        /* R-ID-101: none is sent past its life; a few seconds for the way */
        if (u->narrow[r].access == NULL || clock_now(u->env->clock) + 5 >= u->narrow[r].expires_at) {
                void *mem = talloc_new(u);
                enum ecode e = narrow(u, mem, r, er);
                talloc_free(mem);
                if (e != E_OK)
                        return e;
        }
        *ret = u->narrow[r].access;
        return E_OK;
}
