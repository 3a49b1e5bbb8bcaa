#include "proto/oauth/oauth.h"

#include "base/codec.h"
#include "proto/oauth/json_text.h"

#include <talloc.h>

char *jtext_print(void *mem, json_t *o)
{
        char *text = json_dumps(o, JSON_COMPACT);
        char *out = text != NULL ? talloc_strdup(mem, text) : NULL;
        free(text);
        json_decref(o);
        return out;
}

json_t *jtext_read(struct bytes body)
{
        json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(o)) {
                json_decref(o);
                return NULL;
        }
        return o;
}

const char *jtext_member(void *mem, const json_t *o, const char *name)
{
        const char *s = json_string_value(json_object_get(o, name));
        return s != NULL ? talloc_strdup(mem, s) : NULL;
}

char *token_res_print(void *mem, const struct token_res *r)
{
        return jtext_print(mem, json_pack("{ss ss* ss sI ss* ss* ss*}", "access_token", r->access_token,
                                          "issued_token_type", r->issued_token_type, "token_type", r->token_type,
                                          "expires_in", (json_int_t)r->expires_in, "scope", r->scope, "id_token",
                                          r->id_token, "refresh_token", r->refresh_token));
}

enum ecode token_res_parse(void *mem, struct bytes body, struct token_res *ret, struct err *er)
{
        json_t *o = jtext_read(body);
        if (o == NULL)
                return err_set(er, E_SYNTAX, "R-ID-67", "token answer is no JSON object");
        struct token_res r = { .access_token = jtext_member(mem, o, "access_token"),
                               .issued_token_type = jtext_member(mem, o, "issued_token_type"),
                               .token_type = jtext_member(mem, o, "token_type"),
                               .scope = jtext_member(mem, o, "scope"),
                               .id_token = jtext_member(mem, o, "id_token"),
                               .refresh_token = jtext_member(mem, o, "refresh_token"),
                               .expires_in = json_integer_value(json_object_get(o, "expires_in")) };
        const json_t *expires = json_object_get(o, "expires_in");
        bool bad_expires = expires != NULL && (!json_is_integer(expires) || r.expires_in < 0);
        json_decref(o);
        if (bad_expires)
                return err_set(er, E_SYNTAX, "R-ID-67", "expires_in is no number of seconds");
        if (r.access_token == NULL || r.token_type == NULL)
                return err_set(er, E_MISSING, "R-ID-67", "token answer without %s",
                               r.access_token == NULL ? "access_token" : "token_type");
        *ret = r;
        return E_OK;
}

/* error_description may hold %x20-21 / %x23-5B / %x5D-7E only: RFC 6749 clause 5.2. */
static char *description(void *mem, const char *text)
{
        char *s = talloc_strdup(mem, text);
        for (char *p = s; p != NULL && *p != 0; p++)
                if (*p < 0x20 || *p == '"' || *p == '\\' || (uint8_t)*p > 0x7e)
                        *p = '\'';
        return s;
}

char *oauth_error_print(void *mem, const struct err *er)
{
        const char *word = ecode_oauth(er->code);
        if (word == NULL)
                word = ecode_undecided(er->code) ? "temporarily_unavailable" : "invalid_request";
        return jtext_print(mem, json_pack("{ss ss*}", "error", word, "error_description",
                                          er->text[0] != 0 ? description(mem, er->text) : NULL));
}

enum ecode oauth_error_parse(void *mem, struct bytes body, struct oauth_error *ret)
{
        json_t *o = jtext_read(body);
        struct oauth_error e = { jtext_member(mem, o, "error"), jtext_member(mem, o, "error_description") };
        json_decref(o);
        if (e.error == NULL)
                return E_SYNTAX;
        *ret = e;
        return E_OK;
}

int oauth_error_status(const struct err *er)
{
        const char *word = ecode_oauth(er->code);
        int http = ecode_http(er->code);
        if (ecode_undecided(er->code) || http == 405 || http == 413 || http == 415)
                return http;
        if (word != NULL && strcmp(word, "invalid_client") == 0)
                return 401;
        return http >= 500 ? http : 400;
}

/* RFC 6750 clause 2.1 */
static bool is_b64token(const char *p)
{
        size_t n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
        return n > 0 && p[n + strspn(p + n, "=")] == 0;
}

static const char *scheme_rest(const char *authorization, const char *scheme)
{
        size_t n = strlen(scheme);
        if (authorization == NULL || strncasecmp(authorization, scheme, n) != 0)
                return NULL;
        if (authorization[n] != ' ' && authorization[n] != 0)
                return NULL;
        return authorization + n + strspn(authorization + n, " ");
}

enum ecode bearer_parse(const char *authorization, struct bytes *ret, struct err *er)
{
        const char *rest = scheme_rest(authorization, "Bearer");
        if (rest == NULL)
                return err_set(er, E_TOKEN_MISSING, "R-ID-80", "no Authorization: Bearer");
        if (!is_b64token(rest))
                return err_set(er, E_SYNTAX, "R-ID-80", "Authorization: Bearer is not followed by one token");
        *ret = bytes_str(rest);
        return E_OK;
}

enum ecode basic_parse(void *mem, const char *authorization, const char **ret_id, const char **ret_secret)
{
        const char *rest = scheme_rest(authorization, "Basic");
        struct bytes plain;
        char *id, *secret;
        if (rest == NULL)
                return E_MISSING;
        if (b64_decode(mem, bytes_str(rest), &plain) != E_OK || plain.n == 0)
                return E_SYNTAX;
        const uint8_t *colon = memchr(plain.p, ':', plain.n);
        if (colon == NULL)
                return E_SYNTAX;
        size_t n = (size_t)(colon - plain.p);
        if (pct_decode(mem, bytes_of(plain.p, n), true, &id) != E_OK ||
            pct_decode(mem, bytes_of(colon + 1, plain.n - n - 1), true, &secret) != E_OK || *id == 0)
                return E_SYNTAX;
        *ret_id = id;
        *ret_secret = secret;
        return E_OK;
}

char *basic_print(void *mem, const char *id, const char *secret)
{
        char *a = pct_encode(mem, bytes_str(id)), *b = pct_encode(mem, bytes_str(secret));
        char *plain = a != NULL && b != NULL ? talloc_asprintf(mem, "%s:%s", a, b) : NULL;
        char *text = plain != NULL ? b64_encode(mem, bytes_str(plain)) : NULL;
        return text != NULL ? talloc_asprintf(mem, "Basic %s", text) : NULL;
}
