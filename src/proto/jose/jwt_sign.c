#include "proto/jose/jwt.h"

#include "base/codec.h"

#include <talloc.h>

enum row_type { ROW_TEXT, ROW_TIME, ROW_AUD, ROW_AMR };

struct row {
        const char *name;
        enum row_type type;
        size_t offset;
};

#define TEXT(f)                                                                                                        \
        {                                                                                                              \
#f, ROW_TEXT, offsetof(struct token_claims, f)                                                         \
        }
#define TIME(f)                                                                                                        \
        {                                                                                                              \
#f, ROW_TIME, offsetof(struct token_claims, f)                                                         \
        }
#define AUD                                                                                                            \
        {                                                                                                              \
                "aud", ROW_AUD, 0                                                                                      \
        }
#define AMR                                                                                                            \
        {                                                                                                              \
                "amr", ROW_AMR, 0                                                                                      \
        }

/* TS 33.180 B.2.2 with RFC 9068 clause 2.2 (R-ID-26, R-ID-28). */
static const struct row access_rows[] = {
        TEXT(iss),       TEXT(sub), AUD,       TEXT(client_id), TEXT(scope), TEXT(mcptt_id), TEXT(mcvideo_id),
        TEXT(mcdata_id), TIME(iat), TIME(exp), TIME(nbf),       TEXT(acr),   TEXT(jti)
};
/* TS 33.180 B.2.1 with OIDC Core clause 2 (R-ID-20, R-ID-23, R-ID-24). */
static const struct row id_rows[] = {
        TEXT(iss), TEXT(sub), AUD,           TIME(exp), TIME(iat), TIME(auth_time), TEXT(nonce),      TEXT(acr),
        AMR,       TEXT(azp), TEXT(at_hash), TEXT(sid), TEXT(jti), TEXT(mcptt_id),  TEXT(mcvideo_id), TEXT(mcdata_id)
};
/* TS 33.180 B.8. */
static const struct row security_rows[] = { TEXT(iss), TEXT(sub), AUD, TIME(exp), TIME(iat), TEXT(jti) };

static const struct {
        const char *typ;
        const struct row *row;
        size_t n;
} kinds[] = {
        [TOKEN_ACCESS] = { "at+jwt", access_rows, COUNT(access_rows) },
        [TOKEN_ID] = { "JWT", id_rows, COUNT(id_rows) },
        [TOKEN_SECURITY] = { "JWT", security_rows, COUNT(security_rows) },
};

const char *token_typ(enum token_kind kind)
{
        return kinds[kind].typ;
}

static json_t *text_array(const char *const *list, size_t n)
{
        json_t *a = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(a, json_string(list[i]));
        return a;
}

/* NULL: the claim is absent. */
static json_t *row_value(const struct row *r, const struct token_claims *c)
{
        const void *field = (const char *)c + r->offset;
        const char *text;
        int64_t t;
        switch (r->type) {
        case ROW_TEXT: memcpy(&text, field, sizeof text); return json_string(text);
        case ROW_TIME: memcpy(&t, field, sizeof t); return t != 0 ? json_integer(t) : NULL;
        case ROW_AUD:
                if (c->aud_n == 1 && !c->aud_is_array)
                        return json_string(c->aud[0]);
                return c->aud_n > 0 ? text_array(c->aud, c->aud_n) : NULL;
        case ROW_AMR: return c->amr_n > 0 ? text_array(c->amr, c->amr_n) : NULL;
        }
        return NULL;
}

json_t *token_claims_json(enum token_kind kind, const struct token_claims *c)
{
        json_t *o = json_object();
        for (size_t i = 0; o != NULL && i < kinds[kind].n; i++) {
                json_t *v = row_value(&kinds[kind].row[i], c);
                if (v != NULL && json_object_set_new(o, kinds[kind].row[i].name, v) != 0) {
                        json_decref(o);
                        o = NULL;
                }
        }
        return o;
}

/* One part: the object without white space, as base64url. */
static char *part(void *mem, const json_t *o)
{
        char *text = json_dumps(o, JSON_COMPACT);
        char *out = text != NULL ? b64url_encode(mem, bytes_str(text)) : NULL;
        free(text);
        return out;
}

enum ecode jwt_sign(void *mem, const struct jwk *k, const char *typ, json_t *claims, char **ret, struct err *er)
{
        void *tmp = talloc_new(mem);
        json_t *h = json_pack("{ss ss ss*}", "alg", jose_alg_name(jwk_alg(k)), "kid", jwk_kid(k), "typ", typ);
        char *head = part(tmp, h), *body = part(tmp, claims);
        char *input = head != NULL && body != NULL ? talloc_asprintf(tmp, "%s.%s", head, body) : NULL;
        json_decref(h);
        struct bytes sig;
        enum ecode e =
                input != NULL ? jwk_sign(tmp, k, bytes_str(input), &sig, er) : err_set(er, E_NOMEM, NULL, "token");
        if (e == E_OK) {
                char *sig_text = b64url_encode(tmp, sig);
                char *out = sig_text != NULL ? talloc_asprintf(mem, "%s.%s", input, sig_text) : NULL;
                if (out == NULL)
                        e = err_set(er, E_NOMEM, NULL, "token");
                else if (strlen(out) > JWT_MAX)
                        e = err_set(er, E_LONG, NULL, "token of %zu characters", strlen(out));
                else
                        *ret = out;
        }
        talloc_free(tmp);
        return e;
}

enum ecode token_sign(void *mem, const struct jwk *k, enum token_kind kind, const char *typ,
                      const struct token_claims *c, char **ret, struct err *er)
{
        json_t *claims = token_claims_json(kind, c);
        if (claims == NULL)
                return err_set(er, E_NOMEM, NULL, "claims");
        enum ecode e = jwt_sign(mem, k, typ != NULL ? typ : token_typ(kind), claims, ret, er);
        json_decref(claims);
        return e;
}
