#include "proto/jose/jwt.h"

#include "base/codec.h"

#include <openssl/sha.h>
#include <talloc.h>

struct json_owner {
        json_t *o;
};

static int json_owner_free(struct json_owner *w)
{
        json_decref(w->o);
        return 0;
}

/* Ties a JSON value to mem. False: no memory, and the value is gone. */
static bool json_owned_by(void *mem, json_t *o)
{
        struct json_owner *w = talloc(mem, struct json_owner);
        if (w == NULL) {
                json_decref(o);
                return false;
        }
        w->o = o;
        talloc_set_destructor(w, json_owner_free);
        return true;
}

static enum ecode malformed(struct err *er, const char *why)
{
        return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s", why);
}

/* RFC 7515 clause 5.2 step 3, RFC 7519 clause 7.2 step 10. jansson checks UTF-8. */
static enum ecode part_object(void *mem, struct bytes text, const char *what, json_t **ret, struct err *er)
{
        struct bytes raw;
        json_error_t je;
        if (b64url_decode(mem, text, &raw) != E_OK)
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s is not strict base64url", what);
        json_t *o = json_loadb((const char *)raw.p, raw.n, JSON_REJECT_DUPLICATES, &je);
        if (!json_is_object(o)) {
                json_decref(o);
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s is no JSON object: %.80s", what,
                               je.text[0] != 0 ? je.text : "another type");
        }
        if (!json_owned_by(mem, o))
                return err_set(er, E_NOMEM, NULL, "token");
        *ret = o;
        return E_OK;
}

/* A member that is a text or absent; any other type is an error. */
static enum ecode text_member(const json_t *o, const char *name, const char **ret, struct err *er)
{
        const json_t *v = json_object_get(o, name);
        if (v != NULL && !json_is_string(v))
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s is no text", name);
        *ret = json_string_value(v);
        return E_OK;
}

static bool three_parts(struct bytes text, struct bytes part[3])
{
        size_t n = 0, from = 0;
        for (size_t i = 0; i <= text.n; i++) {
                if (i < text.n && text.p[i] != '.')
                        continue;
                if (n == 3)
                        return false;
                part[n++] = bytes_of(text.p + from, i - from);
                from = i + 1;
        }
        return n == 3;
}

enum ecode jwt_parse(void *mem, struct bytes text, struct jwt *ret, struct err *er)
{
        struct bytes part[3];
        struct jwt t = { 0 };
        if (text.n > JWT_MAX)
                return malformed(er, "longer than 8192 characters");
        struct bytes copy = bytes_copy(mem, text);
        if (copy.p == NULL)
                return err_set(er, E_NOMEM, NULL, "token");
        if (!three_parts(copy, part))
                return malformed(er, "not three parts");
        enum ecode e = part_object(mem, part[0], "header", &t.header, er);
        if (e == E_OK)
                e = part_object(mem, part[1], "payload", &t.payload, er);
        if (e == E_OK && b64url_decode(mem, part[2], &t.sig) != E_OK)
                e = malformed(er, "signature is not strict base64url");
        if (e == E_OK)
                e = text_member(t.header, "alg", &t.alg, er);
        if (e == E_OK)
                e = text_member(t.header, "kid", &t.kid, er);
        if (e == E_OK)
                e = text_member(t.header, "typ", &t.typ, er);
        if (e == E_OK)
                e = text_member(t.payload, "iss", &t.iss, er);
        if (e != E_OK)
                return e;
        /* R-ID-87: no extension is understood here, RFC 7797 least of all. */
        if (json_object_get(t.header, "crit") != NULL || json_object_get(t.header, "b64") != NULL)
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-87", "token: crit or b64 in the header");
        t.signed_part = bytes_of(copy.p, part[0].n + 1 + part[1].n);
        *ret = t;
        return E_OK;
}

struct text_row {
        const char *name;
        size_t offset;
};

#define ROW(field)                                                                                                     \
        {                                                                                                              \
#field, offsetof(struct token_claims, field)                                                           \
        }
static const struct text_row text_rows[] = { ROW(iss),      ROW(sub),        ROW(client_id), ROW(jti), ROW(nonce),
                                             ROW(acr),      ROW(azp),        ROW(at_hash),   ROW(sid), ROW(scope),
                                             ROW(mcptt_id), ROW(mcvideo_id), ROW(mcdata_id) };
static const struct text_row time_rows[] = { ROW(exp), ROW(iat), ROW(nbf), ROW(auth_time) };
#undef ROW

/* 2^53: beyond it a NumericDate that went through a double is not exact; RFC 8259 clause 6. */
#define TIME_MOST INT64_C(9007199254740992)

/* R-ID-23: a number, not a text. Fractions are allowed by RFC 7519 clause 2 and cut. */
static enum ecode time_member(const json_t *o, const char *name, int64_t *ret, struct err *er)
{
        const json_t *v = json_object_get(o, name);
        if (v == NULL)
                return E_OK;
        if (!json_is_number(v) || !(json_number_value(v) >= 1 && json_number_value(v) < (double)TIME_MOST))
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-23", "token: %s is no number of seconds", name);
        *ret = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)json_real_value(v);
        return E_OK;
}

/* A text or an array of texts. */
static enum ecode list_member(void *mem, const json_t *o, const char *name, const char ***ret, size_t *ret_n,
                              bool *is_array, struct err *er)
{
        const json_t *v = json_object_get(o, name);
        size_t n = json_is_array(v) ? json_array_size(v) : v != NULL;
        if (v == NULL)
                return E_OK;
        if (n > 64 || (!json_is_array(v) && !json_is_string(v)))
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s is neither text nor short array", name);
        const char **list = talloc_zero_array(mem, const char *, n + 1);
        if (list == NULL)
                return err_set(er, E_NOMEM, NULL, "token");
        for (size_t i = 0; i < n; i++) {
                list[i] = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
                if (list[i] == NULL)
                        return err_set(er, E_TOKEN_MALFORMED, "R-ID-82", "token: %s holds something else than texts",
                                       name);
        }
        *ret = list;
        *ret_n = n;
        *is_array = json_is_array(v);
        return E_OK;
}

enum ecode jwt_claims_unproven(void *mem, const struct jwt *t, struct token_claims *ret, struct err *er)
{
        struct token_claims c = { .typ = t->typ, .kid = t->kid };
        bool amr_array = false;
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < COUNT(text_rows); i++)
                e = text_member(t->payload, text_rows[i].name,
                                (const char **)(void *)((char *)&c + text_rows[i].offset), er);
        for (size_t i = 0; e == E_OK && i < COUNT(time_rows); i++)
                e = time_member(t->payload, time_rows[i].name, (int64_t *)(void *)((char *)&c + time_rows[i].offset),
                                er);
        if (e == E_OK)
                e = list_member(mem, t->payload, "aud", &c.aud, &c.aud_n, &c.aud_is_array, er);
        if (e == E_OK)
                e = list_member(mem, t->payload, "amr", &c.amr, &c.amr_n, &amr_array, er);
        if (e == E_OK)
                *ret = c;
        return e;
}

static enum ecode read_scp(void *mem, const struct jwt *t, struct token_claims *c, struct err *er)
{
        const char **scp = NULL;
        size_t n = 0;
        bool is_array;
        enum ecode e = list_member(mem, t->payload, "scp", &scp, &n, &is_array, er);
        if (e != E_OK || n == 0)
                return e;
        struct buf b = buf_on(mem);
        for (size_t i = 0; i < n; i++)
                buf_printf(&b, "%s%s", i != 0 ? " " : "", scp[i]);
        c->scope = buf_str(&b);
        return c->scope != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "token");
}

/* The algorithm is that of the key and on the list; the token's word has to agree with both: R-ID-25, R-ID-87. */
static enum ecode check_header(const struct jwt *t, const struct jwk *key, const struct jwt_policy *pol, struct err *er)
{
        enum jose_alg alg = jose_alg_of(t->alg);
        if (alg == JOSE_NONE || (pol->algs & JOSE_ALLOW(alg)) == 0 || alg != jwk_alg(key))
                return err_set(er, E_TOKEN_ALG, "R-ID-87", "algorithm %.20s is not the one of this issuer's key",
                               t->alg != NULL ? t->alg : "(none given)");
        if (pol->typ == NULL)
                return E_OK;
        const char *typ = t->typ != NULL ? t->typ : "";
        /* RFC 7515 clause 4.1.9: the prefix may be left out. */
        if (strncasecmp(typ, "application/", 12) == 0)
                typ += 12;
        for (const char *const *p = pol->typ; *p != NULL; p++)
                if (strcasecmp(*p, typ) == 0)
                        return E_OK;
        return err_set(er, E_TOKEN_TYPE, "R-ID-28", "typ %.40s is not accepted here", *typ != 0 ? typ : "(absent)");
}

/* R-ID-85, R-ID-100. */
static enum ecode check_times(const struct token_claims *c, const struct jwt_policy *pol, int64_t now_s, struct err *er)
{
        int leeway = pol->leeway_s < 0 ? 0 : pol->leeway_s > JWT_LEEWAY_S ? JWT_LEEWAY_S : pol->leeway_s;
        if (c->exp == 0)
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-26", "token: exp is missing");
        if (now_s >= c->exp + leeway)
                return err_set(er, E_TOKEN_EXPIRED, "R-ID-100", "expired %lld s ago", (long long)(now_s - c->exp));
        if (c->nbf > now_s + leeway || c->iat > now_s + leeway)
                return err_set(er, E_TOKEN_EARLY, "R-ID-85", "valid in %lld s",
                               (long long)((c->nbf > c->iat ? c->nbf : c->iat) - now_s));
        if (pol->max_age_s != 0 && (c->iat == 0 || now_s - c->iat > pol->max_age_s + leeway))
                return err_set(er, E_TOKEN_EXPIRED, "R-ID-82", "issued longer than %lld s ago",
                               (long long)pol->max_age_s);
        return E_OK;
}

static bool aud_has(const struct token_claims *c, const char *name)
{
        for (size_t i = 0; i < c->aud_n; i++)
                if (strcmp(c->aud[i], name) == 0)
                        return true;
        return false;
}

/* R-ID-88. */
static enum ecode check_aud(const struct token_claims *c, const struct jwt_policy *pol, struct err *er)
{
        bool any = pol->aud_any == NULL;
        for (const char *const *p = pol->aud; p != NULL && *p != NULL; p++)
                if (!aud_has(c, *p))
                        return err_set(er, E_TOKEN_AUDIENCE, "R-ID-88", "aud does not name %.120s", *p);
        for (const char *const *p = pol->aud_any; p != NULL && *p != NULL; p++)
                any |= aud_has(c, *p);
        if (!any)
                return err_set(er, E_TOKEN_AUDIENCE, "R-ID-88", "aud does not name this server (%.100s)",
                               pol->aud_any[0] != NULL ? pol->aud_any[0] : "no name configured");
        return E_OK;
}

enum ecode jwt_check(void *mem, const struct jwt *t, const struct jwk *key, const struct jwt_policy *pol, int64_t now_s,
                     struct token_claims *ret, struct err *er)
{
        struct token_claims c;
        enum ecode e = check_header(t, key, pol, er);
        if (e == E_OK)
                e = jwk_verify(key, t->signed_part, t->sig, er);
        if (e == E_OK)
                e = jwt_claims_unproven(mem, t, &c, er);
        if (e == E_OK && pol->scp_array && c.scope == NULL)
                e = read_scp(mem, t, &c, er);
        if (e != E_OK)
                return e;
        if (pol->iss != NULL && (c.iss == NULL || strcmp(c.iss, pol->iss) != 0))
                return err_set(er, E_TOKEN_ISSUER, "R-ID-86", "iss is not %.150s", pol->iss);
        e = check_times(&c, pol, now_s, er);
        if (e == E_OK)
                e = check_aud(&c, pol, er);
        if (e != E_OK)
                return e;
        if (pol->access && (c.client_id == NULL || c.scope == NULL))
                return err_set(er, E_TOKEN_MALFORMED, "R-ID-26", "token: client_id or scope is missing");
        *ret = c;
        return E_OK;
}

enum ecode jwt_verify(void *mem, struct bytes text, const struct jwks *keys, const struct jwt_policy *pol,
                      int64_t now_s, struct token_claims *ret, struct err *er)
{
        struct jwt t;
        enum ecode e = jwt_parse(mem, text, &t, er);
        if (e != E_OK)
                return e;
        const struct jwk *key = jwks_find(keys, t.kid);
        if (key == NULL && jose_alg_of(t.alg) == JOSE_NONE)
                return err_set(er, E_TOKEN_ALG, "R-ID-87", "algorithm %.20s", t.alg != NULL ? t.alg : "(none given)");
        if (key == NULL)
                return err_set(er, E_TOKEN_KEY, "R-ID-86", "no key %.60s", t.kid != NULL ? t.kid : "(no kid given)");
        return jwt_check(mem, &t, key, pol, now_s, ret, er);
}

char *jwt_at_hash(void *mem, const char *access_token)
{
        uint8_t md[SHA256_DIGEST_LENGTH];
        SHA256((const uint8_t *)access_token, strlen(access_token), md);
        return b64url_encode(mem, bytes_of(md, sizeof md / 2));
}

bool scope_has(const char *scope, const char *element)
{
        size_t n = strlen(element);
        for (const char *at = scope; at != NULL && n > 0; at = strchr(at, ' ')) {
                at += *at == ' ';
                if (strncmp(at, element, n) == 0 && (at[n] == ' ' || at[n] == 0))
                        return true;
        }
        return false;
}
