#include "proto/sip/sip_int.h"
#include "base/secret.h"

#include <strings.h>
#include <talloc.h>

enum quoting {
        QUOTED,
        PLAIN,
        QUOTED_IN_CHALLENGE, /* qop: RFC 2617 clause 3.2.1 against 3.2.2 and 3.2.3 */
};

#define ROW(name, field, q)                                                                                            \
        {                                                                                                              \
                name, offsetof(struct sip_auth, field), q                                                              \
        }
/* In the order in which they are printed. RFC 2617 clause 3.2, RFC 3310 clause 3.4, TS 24.229 clause 7.2A.2. */
static const struct {
        const char *name;
        size_t offset;
        enum quoting quoting;
} rows[] = {
        ROW("username", username, QUOTED),
        ROW("realm", realm, QUOTED),
        ROW("domain", domain, QUOTED),
        ROW("nonce", nonce, QUOTED),
        ROW("uri", uri, QUOTED),
        ROW("response", response, QUOTED),
        ROW("nextnonce", nextnonce, QUOTED),
        ROW("rspauth", rspauth, QUOTED),
        ROW("opaque", opaque, QUOTED),
        ROW("stale", stale, PLAIN),
        ROW("algorithm", algorithm, PLAIN),
        ROW("qop", qop, QUOTED_IN_CHALLENGE),
        ROW("cnonce", cnonce, QUOTED),
        ROW("nc", nc, PLAIN),
        ROW("auts", auts, QUOTED),
        ROW("integrity-protected", integrity_protected, QUOTED),
        ROW("ck", ck, QUOTED),
        ROW("ik", ik, QUOTED),
};

static const char **slot(struct sip_auth *a, size_t row)
{
        return (const char **)(void *)((char *)a + rows[row].offset);
}

static const char *value(const struct sip_auth *a, size_t row)
{
        return *(const char *const *)(const void *)((const char *)a + rows[row].offset);
}

/* token68 of RFC 7235 clause 2.1: what Bearer carries */
static bool is_token68(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
        return n > 0 && s[n + strspn(s + n, "=")] == 0;
}

static enum ecode params_take(void *mem, char *s, struct sip_auth *a, struct err *er)
{
        struct sip_params ps;
        enum ecode e = sip_params_scan(mem, s, ',', false, &ps, er);
        if (e != E_OK)
                return e;
        struct sip_param *rest = talloc_array(mem, struct sip_param, ps.n + 1);
        if (rest == NULL)
                return err_set(er, E_NOMEM, NULL, "authentication parameters");
        size_t n = 0;
        for (size_t i = 0; i < ps.n; i++) {
                size_t row = 0;
                while (row < COUNT(rows) && strcasecmp(rows[row].name, ps.p[i].name) != 0)
                        row++;
                if (row < COUNT(rows))
                        *slot(a, row) = ps.p[i].value;
                else
                        rest[n++] = ps.p[i];
        }
        a->rest = (struct sip_params){ rest, n };
        return E_OK;
}

static enum ecode copy_in(void *mem, const char *text, char **ret, struct err *er)
{
        if (text == NULL || !sip_is_clean(text))
                return err_set(er, E_SYNTAX, NULL, "no authentication header");
        char *s = talloc_strdup(mem, text);
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "authentication header");
        *ret = sip_trim(s);
        return E_OK;
}

enum ecode sip_auth_parse(void *mem, const char *text, struct sip_auth *ret, struct err *er)
{
        char *s = NULL;
        enum ecode e = copy_in(mem, text, &s, er);
        if (e != E_OK)
                return e;
        struct sip_auth a = { .scheme = s };
        char *rest = s + strcspn(s, " \t");
        if (*rest == 0)
                return err_set(er, E_SYNTAX, NULL, "an authentication scheme has no parameters");
        *rest++ = 0;
        rest += strspn(rest, " \t");
        if (!sip_all(SIP_C_TOKEN, s))
                return err_set(er, E_SYNTAX, NULL, "the authentication scheme is not a token");
        if (is_token68(rest))
                a.token = rest;
        else
                e = params_take(mem, rest, &a, er);
        if (e == E_OK)
                *ret = a;
        return e;
}

enum ecode sip_auth_info_parse(void *mem, const char *text, struct sip_auth *ret, struct err *er)
{
        char *s = NULL;
        enum ecode e = copy_in(mem, text, &s, er);
        struct sip_auth a = { 0 };
        if (e == E_OK)
                e = params_take(mem, s, &a, er);
        if (e == E_OK)
                *ret = a;
        return e;
}

static void param_print(struct buf *b, const char *name, const char *v, bool quoted)
{
        char *q = quoted || !sip_all(SIP_C_TOKEN, v) ? sip_quote(b->mem, v) : NULL;
        buf_puts(b, name);
        buf_puts(b, "=");
        buf_puts(b, q != NULL ? q : v);
        if (q != NULL) {
                secret_wipe(q, strlen(q));
                talloc_free(q);
        }
        buf_puts(b, ", ");
}

char *sip_auth_print(void *mem, const struct sip_auth *a)
{
        struct buf b = buf_on(mem);
        bool challenge = a->scheme != NULL && a->response == NULL;
        if (a->scheme != NULL)
                buf_printf(&b, "%s ", a->scheme);
        if (a->token != NULL) {
                buf_puts(&b, a->token);
                return buf_str(&b);
        }
        for (size_t i = 0; i < COUNT(rows); i++) {
                enum quoting q = rows[i].quoting;
                if (value(a, i) != NULL)
                        param_print(&b, rows[i].name, value(a, i),
                                    q == QUOTED || (q == QUOTED_IN_CHALLENGE && challenge));
        }
        for (size_t i = 0; i < a->rest.n; i++)
                param_print(&b, a->rest.p[i].name, a->rest.p[i].value, true);
        if (!b.failed && b.n >= 2 && b.p[b.n - 2] == ',')
                b.p[b.n -= 2] = 0;
        return buf_str(&b);
}

void sip_auth_wipe(struct sip_auth *a)
{
        const char **secrets[] = { &a->ck, &a->ik, &a->token };
        for (size_t i = 0; i < COUNT(secrets); i++) {
                if (*secrets[i] != NULL)
                        secret_wipe((void *)(uintptr_t)*secrets[i], strlen(*secrets[i]));
                *secrets[i] = NULL;
        }
}
