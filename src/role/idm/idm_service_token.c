/* The token endpoint's decisions: TS 33.180 B.4.2.4, B.4.2.5, B.5, B.12; RFC 7009, RFC 7662. */
#include "role/idm/idm_priv.h"

#include <talloc.h>

/* Tokens */

/* The MC service IDs of the services that the scope names, and no others: B.2.2.3 (R-ID-24, R-ID-27). The one scope
 * that belongs to all services (location management) brings all of them when it stands alone. */
static void put_mc_ids(struct token_claims *c, const struct idm_user *u, const char *scope)
{
        struct bytes word;
        bool any = false, one = false;
        for (size_t at = 0; scope_next(scope, &at, &word);) {
                const struct mc_scope *m = mc_scope_find(word);
                if (m == NULL)
                        continue;
                any |= m->service == MC_ANY;
                one |= m->service != MC_ANY;
                if (m->service == MC_PTT)
                        c->mcptt_id = u->mcptt_id;
                if (m->service == MC_VIDEO)
                        c->mcvideo_id = u->mcvideo_id;
                if (m->service == MC_DATA)
                        c->mcdata_id = u->mcdata_id;
        }
        if (any && !one) {
                c->mcptt_id = u->mcptt_id;
                c->mcvideo_id = u->mcvideo_id;
                c->mcdata_id = u->mcdata_id;
        }
}

/* A token for key management alone is for the KMS alone, so that it is worth nothing to whoever sees it elsewhere. */
static const char *audience_of(const struct idm_conf *conf, const char *scope)
{
        struct bytes word;
        bool kms = false;
        for (size_t at = 0; scope_next(scope, &at, &word);) {
                const struct mc_scope *m = mc_scope_find(word);
                if (m == NULL || m->resource != MC_RES_KMS)
                        return conf->audience;
                kms = true;
        }
        return kms ? conf->kms_audience : conf->audience;
}

static enum ecode make_access(struct idm *idm, void *mem, const struct idm_token_plan *p, const struct idm_issue *t,
                              const char **ret, struct err *er)
{
        const char *aud = audience_of(idm->conf, p->scope);
        struct token_claims c = { .iss = idm->conf->issuer,
                                  .sub = p->user->sub,
                                  .aud = &aud,
                                  .aud_n = 1,
                                  .aud_is_array = true,
                                  .client_id = p->client->id,
                                  .scope = p->scope,
                                  .iat = t->now_s,
                                  .exp = t->access_expires_s,
                                  .jti = t->jti };
        struct jwk *key = NULL;
        char *token = NULL;
        put_mc_ids(&c, p->user, p->scope);
        enum ecode e = idm_keys_signer(idm, mem, jose_alg_of(idm->conf->access_alg), &key, er);
        if (e == E_OK)
                e = token_sign(mem, key, TOKEN_ACCESS, idm->conf->access_typ, &c, &token, er);
        if (e == E_OK)
                *ret = token;
        return e;
}

/* R-ID-20 to R-ID-24, R-ID-32, R-ID-33. At a refresh there is no nonce, and auth_time stays that of the login: OIDC
 * Core clause 12.2. */
static enum ecode make_id(struct idm *idm, void *mem, const struct idm_token_plan *p, const struct idm_issue *t,
                          const char *access, const char **ret, struct err *er)
{
        const char *aud = p->client->id, *amr = "pwd";
        struct token_claims c = { .iss = idm->conf->issuer,
                                  .sub = p->user->sub,
                                  .aud = &aud,
                                  .aud_n = 1,
                                  .exp = t->access_expires_s,
                                  .iat = t->now_s,
                                  .auth_time = p->family->auth_time_s,
                                  .nonce = p->first ? p->family->nonce : NULL,
                                  .acr = IDM_ACR_PASSWORD,
                                  .amr = &amr,
                                  .amr_n = 1,
                                  .at_hash = jwt_at_hash(mem, access) };
        struct jwk *key = NULL;
        char *token = NULL;
        put_mc_ids(&c, p->user, p->scope);
        if (c.at_hash == NULL)
                return err_set(er, E_NOMEM, NULL, "at_hash");
        enum ecode e = idm_keys_signer(idm, mem, jose_alg_of(p->client->id_alg), &key, er);
        if (e == E_OK)
                e = token_sign(mem, key, TOKEN_ID, NULL, &c, &token, er);
        if (e == E_OK)
                *ret = token;
        return e;
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static enum ecode plan_issue(struct idm *idm, void *mem, const struct idm_token_plan *p, struct idm_tokens *ret,
                             const char **refresh, struct err *er)
{
        const struct idm_conf *conf = idm->conf;
        int64_t now = idm_now(idm);
        int64_t end = p->first ? now + conf->refresh_max_s : p->family->expires_s;
        char *random = rng_token(idm->env->rng, mem, 16);
        *refresh = idm_random(idm, mem);
        if (random == NULL || *refresh == NULL)
                return err_set(er, E_CRYPTO, NULL, "no randomness");
        ret->issue = (struct idm_issue){
                .now_s = now,
                .jti = talloc_asprintf(mem, "at-%s", random),
                .access_expires_s = now + (p->client->access_ttl_s != 0 ? p->client->access_ttl_s : conf->access_ttl_s),
                .refresh_expires_s = earlier(now + conf->refresh_idle_s, end),
                .family_expires_s = end,
        };
        if (ret->issue.jti == NULL)
                return err_set(er, E_NOMEM, NULL, "jti");
        return idm_hash_of(*refresh, &ret->issue.refresh, er);
}

/* B.4.2.5 (R-ID-67). */
enum ecode idm_tokens_make(struct idm *idm, void *mem, const struct idm_token_plan *p, struct idm_tokens *ret,
                           struct err *er)
{
        struct token_res rs = { .token_type = "Bearer", .scope = p->scope };
        enum ecode e = plan_issue(idm, mem, p, ret, &rs.refresh_token, er);
        if (e == E_OK)
                e = make_access(idm, mem, p, &ret->issue, &rs.access_token, er);
        if (e == E_OK && scope_has(p->scope, "openid"))
                e = make_id(idm, mem, p, &ret->issue, rs.access_token, &rs.id_token, er);
        if (e != E_OK)
                return e;
        rs.expires_in = ret->issue.access_expires_s - ret->issue.now_s;
        ret->json = token_res_print(mem, &rs);
        return ret->json != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "answer");
}

/* R-ID-13, R-ID-72: the account as it is now. */
static enum ecode account_valid(struct idm *idm, void *mem, const char *sub, const char *req, struct idm_user *ret,
                                struct err *er)
{
        enum ecode e = idm->st->user_by_sub(idm->st, mem, sub, ret, er);
        if (e == E_NOT_FOUND || (e == E_OK && !ret->enabled))
                return err_set(er, E_ACCOUNT_INVALID, req, "the account of this grant is no longer valid");
        return e;
}

/* The code grant: B.4.2.4. The order of the checks matters. */

static enum ecode find_code(struct idm *idm, void *mem, const char *code, const struct idm_client *c,
                            struct idm_code *ret, struct err *er)
{
        struct idm_hash h;
        enum ecode e = idm_hash_of(code, &h, er);
        if (e == E_OK)
                e = idm->st->code_find(idm->st, mem, &h, ret, er);
        if (e == E_NOT_FOUND)
                return err_set(er, E_CODE_UNKNOWN, "R-ID-64", "unknown code");
        if (e == E_OK && strcmp(ret->family.client_id, c->id) != 0)
                return err_set(er, E_CODE_CLIENT, "R-ID-66", "the code belongs to another client");
        return e;
}

static enum ecode check_code(struct idm *idm, const struct token_req *rq, const struct idm_code *k, struct err *er)
{
        if (k->spent)
                return err_set(er, E_CODE_SPENT, "R-ID-65", "authorization code already used");
        if (k->expires_s <= idm_now(idm))
                return err_set(er, E_CODE_EXPIRED, "R-ID-66", "the code is too old");
        if (k->family.revoked)
                return err_set(er, E_ACCOUNT_INVALID, "R-ID-13", "the grant of this code was revoked");
        if (strcmp(k->redirect_uri, rq->redirect_uri) != 0)
                return err_set(er, E_CODE_CLIENT, "R-ID-66", "redirect_uri is not that of the request");
        return pkce_check(rq->code_verifier, k->challenge, er);
}

/* What a refused try does to the code: a replay ends its whole family (R-ID-65), a failed proof uses the code up, so
 * that nobody can guess. When that cannot be written, nothing was decided. */
static enum ecode punish(struct idm *idm, const struct idm_code *k, enum ecode why, struct err *er)
{
        struct err store = { 0 };
        enum ecode e = E_OK;
        if (why == E_CODE_SPENT)
                e = idm->st->family_revoke(idm->st, k->family.id, &store);
        if (why == E_CODE_CLIENT || why == E_PKCE_MISMATCH)
                e = idm->st->code_burn(idm->st, &k->hash, &store);
        return e == E_OK ? why : err_set(er, e, NULL, "%s", store.text);
}

/* What a scope text can still give to this user, as of now. */
static enum ecode regrant(void *mem, const struct idm_client *c, const struct idm_user *u, const char *scope,
                          const char **ret, struct err *er)
{
        enum ecode e = idm_scope_grant(mem, c, u, scope, ret, er);
        return e == E_SCOPE ? err_set(er, E_SCOPE, "R-ID-50", "nothing of this scope can be granted any more") : e;
}

static enum ecode redeem_code(struct idm *idm, void *mem, const struct token_req *rq, const struct idm_client *c,
                              const char **ret_json, struct idm_about *about, struct err *er)
{
        struct idm_code k;
        struct idm_user u;
        struct idm_tokens t;
        struct idm_token_plan plan = { .client = c, .user = &u, .family = &k.family, .first = true };
        enum ecode e = find_code(idm, mem, rq->code, c, &k, er);
        if (e != E_OK)
                return e;
        about->sub = k.family.sub;
        about->family = k.family.id;
        e = check_code(idm, rq, &k, er);
        if (e != E_OK)
                return punish(idm, &k, e, er);
        e = account_valid(idm, mem, k.family.sub, "R-ID-13", &u, er);
        if (e == E_OK)
                e = regrant(mem, c, &u, k.family.scope, &plan.scope, er);
        if (e == E_OK)
                e = idm_tokens_make(idm, mem, &plan, &t, er);
        if (e == E_OK)
                e = idm->st->code_redeem(idm->st, &k.hash, k.family.id, &t.issue, er);
        if (e == E_CODE_SPENT) /* somebody was faster: the same as a replay */
                return punish(idm, &k, e, er);
        if (e == E_OK)
                *ret_json = t.json;
        return e;
}

/* The refresh grant: B.5 */

#define ANSWER_LABEL "idm refresh answer"

static enum ecode find_refresh(struct idm *idm, void *mem, const char *token, const struct idm_client *c,
                               struct idm_refresh *ret, struct err *er)
{
        struct idm_hash h;
        enum ecode e = idm_hash_of(token, &h, er);
        if (e == E_OK)
                e = idm->st->refresh_find(idm->st, mem, &h, ret, er);
        if (e == E_NOT_FOUND)
                return err_set(er, E_REFRESH_UNKNOWN, "R-ID-73", "unknown refresh token");
        if (e != E_OK)
                return e;
        if (strcmp(ret->family.client_id, c->id) != 0)
                return err_set(er, E_REFRESH_UNKNOWN, "R-ID-74", "the refresh token belongs to another client");
        int64_t now = idm_now(idm);
        if (ret->family.revoked || ret->expires_s <= now || ret->family.expires_s <= now)
                return err_set(er, E_REFRESH_UNKNOWN, "R-ID-73", "the refresh token is expired or revoked");
        return E_OK;
}

static enum ecode revoke_for(struct idm *idm, const char *family, enum ecode why, const char *req, const char *text,
                             struct err *er)
{
        enum ecode e = idm->st->family_revoke(idm->st, family, er);
        return e == E_OK ? err_set(er, why, req, "%s", text) : e;
}

/* A rotated token came back. Within the grace, and while the token that replaced it is unused, the client may have lost
 * the answer on the radio link and gets it again; otherwise two parties hold the token: RFC 9700 clause 4.14.2. */
static enum ecode repeat_answer(struct idm *idm, void *mem, const struct idm_refresh *r, const char *asked,
                                const char **ret_json, struct err *er)
{
        struct bytes plain = { 0 };
        int64_t grace = idm->conf->refresh_grace_s; /* 0: never, also not within this second */
        bool fresh = grace > 0 && idm_now(idm) - r->rotated_s <= grace;
        if (!fresh || r->successor_used || r->answer.n == 0 || strcmp(r->asked_scope, asked) != 0)
                return revoke_for(idm, r->family.id, E_REFRESH_REUSED, "R-ID-73",
                                  "the refresh token was used before; all tokens of this login are revoked", er);
        enum ecode e = seal_open(mem, idm->env->seal_key, ANSWER_LABEL, r->answer, &plain, er);
        if (e != E_OK)
                return err_set(er, E_INTERNAL, NULL, "the kept answer does not open");
        *ret_json = bytes_to_str(mem, plain);
        return *ret_json != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "answer");
}

static enum ecode rotate(struct idm *idm, void *mem, const struct idm_token_plan *plan, const struct idm_refresh *r,
                         const char *asked, const char **ret_json, struct err *er)
{
        struct idm_tokens t;
        struct bytes kept = { 0 };
        enum ecode e = idm_tokens_make(idm, mem, plan, &t, er);
        if (e == E_OK && seal(mem, idm->env->seal_key, idm->env->rng, ANSWER_LABEL, bytes_str(t.json), &kept) != E_OK)
                e = err_set(er, E_CRYPTO, NULL, "the answer could not be sealed");
        if (e == E_OK)
                e = idm->st->refresh_rotate(idm->st, &r->hash, r->family.id, asked, kept, &t.issue, er);
        if (e == E_OK)
                *ret_json = t.json;
        return e;
}

static enum ecode refresh(struct idm *idm, void *mem, const struct token_req *rq, const struct idm_client *c,
                          const char **ret_json, struct idm_about *about, struct err *er)
{
        struct idm_refresh r;
        struct idm_user u;
        const char *asked = rq->scope != NULL ? rq->scope : "";
        struct idm_token_plan plan = { .client = c, .user = &u, .family = &r.family };
        enum ecode e = find_refresh(idm, mem, rq->refresh_token, c, &r, er);
        if (e != E_OK)
                return e;
        about->sub = r.family.sub;
        about->family = r.family.id;
        if (r.rotated_s != 0)
                return repeat_answer(idm, mem, &r, asked, ret_json, er);
        if (rq->scope != NULL)
                e = idm_scope_narrow(r.family.scope, rq->scope, er);
        if (e == E_OK)
                e = account_valid(idm, mem, r.family.sub, "R-ID-72", &u, er);
        if (e == E_ACCOUNT_INVALID)
                return revoke_for(idm, r.family.id, e, "R-ID-72", "the account of this grant is no longer valid", er);
        if (e == E_OK)
                e = regrant(mem, c, &u, rq->scope != NULL ? rq->scope : r.family.scope, &plan.scope, er);
        if (e == E_OK)
                e = rotate(idm, mem, &plan, &r, asked, ret_json, er);
        if (e != E_CONFLICT)
                return e;
        /* The same token came twice at once: the other one was first, so this is a repetition. */
        e = find_refresh(idm, mem, rq->refresh_token, c, &r, er);
        return e == E_OK ? repeat_answer(idm, mem, &r, asked, ret_json, er) : e;
}

enum ecode idm_token(struct idm *idm, void *mem, const struct token_req *rq, const char **ret_json,
                     struct idm_about *about, struct err *er)
{
        struct idm_client c;
        struct idm_caller who = { .client_id = rq->client_id,
                                  .basic_id = rq->basic_id,
                                  .basic_secret = rq->basic_secret,
                                  .assertion = rq->client_assertion,
                                  .assertion_type = rq->client_assertion_type };
        enum ecode e = idm_client_proven(idm, mem, &who, &c, er);
        if (e != E_OK)
                return e;
        about->client_id = c.id;
        switch (rq->grant) {
        case GRANT_CODE: return redeem_code(idm, mem, rq, &c, ret_json, about, er);
        case GRANT_REFRESH: return refresh(idm, mem, rq, &c, ret_json, about, er);
        case GRANT_EXCHANGE:
        case GRANT_JWT_BEARER: break;
        }
        return err_set(er, E_GRANT_TYPE, "R-ID-142", "the grant %s is not served", oauth_grant_name(rq->grant));
}

/* Revocation and introspection */

enum ecode idm_token_ours(struct idm *idm, void *mem, const char *token, struct token_claims *ret, struct err *er)
{
        struct jwks keys;
        const char *const typ[] = { idm->conf->access_typ, NULL };
        struct jwt_policy pol = { .algs = JOSE_ALLOW_ALL, .iss = idm->conf->issuer, .typ = typ, .access = true };
        enum ecode e = idm_keys_public(idm, mem, &keys, er);
        return e == E_OK ? jwt_verify(mem, bytes_str(token), &keys, &pol, idm_now(idm), ret, er) : e;
}

/* An access token of ours with what the store knows of it. E_TOKEN_*: it is none, or past its end (R-ID-100). */
static enum ecode find_access(struct idm *idm, void *mem, const char *token, struct token_claims *claims,
                              struct idm_access *ret, struct err *er)
{
        enum ecode e = idm_token_ours(idm, mem, token, claims, er);
        if (e == E_OK && claims->jti == NULL)
                return err_set(er, E_TOKEN_MALFORMED, NULL, "no jti");
        if (e == E_OK)
                e = idm->st->access_find(idm->st, mem, claims->jti, ret, er);
        return e == E_NOT_FOUND ? err_set(er, E_TOKEN_REVOKED, NULL, "not a token that was issued here") : e;
}

static enum ecode others_token(struct err *er)
{
        return err_set(er, E_CODE_CLIENT, "R-ID-137", "the token belongs to another client");
}

/* RFC 7009: refresh tokens end their whole family (R-ID-102); tokens that mean nothing here are as good as revoked. */
enum ecode idm_revoke(struct idm *idm, void *mem, const struct idm_caller *who, const char *token, struct err *er)
{
        struct idm_client c;
        struct idm_refresh r;
        struct idm_access a;
        struct token_claims claims;
        struct idm_hash h;
        enum ecode e = idm_client_proven(idm, mem, who, &c, er);
        if (e == E_OK && token == NULL)
                e = err_set(er, E_MISSING, NULL, "token is missing");
        if (e == E_OK)
                e = idm_hash_of(token, &h, er);
        if (e != E_OK)
                return e;
        e = idm->st->refresh_find(idm->st, mem, &h, &r, er);
        if (e == E_OK)
                return strcmp(r.family.client_id, c.id) == 0 ? idm->st->family_revoke(idm->st, r.family.id, er)
                                                             : others_token(er);
        if (e != E_NOT_FOUND)
                return e;
        e = find_access(idm, mem, token, &claims, &a, er);
        if (e != E_OK)
                return ecode_undecided(e) ? e : E_OK;
        return strcmp(a.family.client_id, c.id) == 0 ? idm->st->access_revoke(idm->st, a.jti, er) : others_token(er);
}

/* A resource server learns about tokens that carry one of its scopes, and of no others. */
static bool concerns(const struct idm_client *c, const char *scope)
{
        struct bytes word;
        char one[128];
        for (size_t at = 0; scope_next(c->scopes, &at, &word);) {
                if (word.n >= sizeof one)
                        continue;
                memcpy(one, word.p, word.n);
                one[word.n] = 0;
                if (strcmp(one, "openid") != 0 && scope_has(scope, one))
                        return true;
        }
        return false;
}

static const char *introspection(void *mem, const struct token_claims *c)
{
        json_t *aud = json_array();
        for (size_t i = 0; i < c->aud_n; i++)
                json_array_append_new(aud, json_string(c->aud[i]));
        json_t *o = json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s*, s:s*, s:s*, s:s, s:o}", "active", 1,
                              "iss", c->iss, "sub", c->sub, "client_id", c->client_id, "scope", c->scope, "exp",
                              (json_int_t)c->exp, "iat", (json_int_t)c->iat, "token_type", "Bearer", "mcptt_id",
                              c->mcptt_id, "mcvideo_id", c->mcvideo_id, "mcdata_id", c->mcdata_id, "jti", c->jti, "aud",
                              aud);
        char *text = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
        char *copy = text != NULL ? talloc_strdup(mem, text) : NULL;
        free(text);
        json_decref(o);
        return copy;
}

enum ecode idm_introspect(struct idm *idm, void *mem, const struct idm_caller *who, const char *token,
                          const char **ret_json, struct err *er)
{
        struct idm_client c;
        struct idm_access a;
        struct token_claims claims = { 0 };
        enum ecode e = idm_client_proven(idm, mem, who, &c, er);
        if (e == E_OK && (!c.introspects || strcmp(c.auth_method, "none") == 0))
                e = err_set(er, E_CLIENT_AUTH, "R-ID-137", "this client may not ask about tokens");
        if (e == E_OK && token == NULL)
                e = err_set(er, E_MISSING, NULL, "token is missing");
        if (e != E_OK)
                return e;
        e = find_access(idm, mem, token, &claims, &a, er);
        if (e != E_OK && ecode_undecided(e))
                return e;
        bool active = e == E_OK && !a.revoked && !a.family.revoked && concerns(&c, claims.scope);
        *ret_json = active ? introspection(mem, &claims) : "{\"active\":false}";
        return *ret_json != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "answer");
}
