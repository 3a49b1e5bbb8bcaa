/* URIs, addresses and Via. Each parser works in place on one copy of the text. */
#include "proto/sip/sip_int.h"

#include <strings.h>
#include <talloc.h>

static void lower(char *s)
{
        for (; *s != 0; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s |= 0x20;
}

static enum ecode userinfo(char *s, struct sip_uri *u, struct err *er)
{
        char *colon = strchr(s, ':');
        if (colon != NULL) {
                *colon = 0;
                u->password = colon + 1;
                if (!sip_unescape(colon + 1, SIP_C_PASS))
                        return err_set(er, E_SYNTAX, NULL, "the password of a SIP URI holds what it may not");
        }
        u->user = s;
        if (*s == 0 || !sip_unescape(s, SIP_C_USER))
                return err_set(er, E_SYNTAX, NULL, "the user of a SIP URI is empty or holds what it may not");
        return E_OK;
}

/* RFC 3261 clause 25.1 SIP-URI, from behind the colon. */
static enum ecode uri_sip(void *mem, char *s, struct sip_uri *u, struct err *er)
{
        char *at = strchr(s, '@');
        if (at != NULL) {
                *at = 0;
                enum ecode e = userinfo(s, u, er);
                if (e != E_OK)
                        return e;
                s = at + 1;
        }
        char *headers = strchr(s, '?');
        if (headers != NULL) {
                *headers = 0;
                u->headers = headers + 1;
                if (headers[1 + strcspn(headers + 1, " \t\"<>@,;")] != 0 || headers[1] == 0)
                        return err_set(er, E_SYNTAX, NULL, "the headers of a SIP URI hold what they may not");
        }
        char *params = strchr(s, ';');
        if (params != NULL)
                *params++ = 0;
        if (s[strcspn(s, " \t")] != 0)
                return err_set(er, E_SYNTAX, NULL, "white space in a SIP URI");
        enum ecode e = sip_hostport(s, &u->host, &u->port, er);
        if (e == E_OK)
                e = sip_params_scan(mem, params, ';', true, &u->params, er);
        return e;
}

/* RFC 3966 clause 3. */
static enum ecode uri_tel(void *mem, char *s, struct sip_uri *u, struct err *er)
{
        char *params = strchr(s, ';');
        if (params != NULL)
                *params++ = 0;
        const char *digits = *s == '+' ? s + 1 : s;
        const char *may = *s == '+' ? "0123456789-.()" : "0123456789abcdefABCDEF*#-.()";
        if (strpbrk(digits, "0123456789abcdefABCDEF*#") == NULL || digits[strspn(digits, may)] != 0)
                return err_set(er, E_SYNTAX, NULL, "not a telephone number");
        u->user = s;
        return sip_params_scan(mem, params, ';', true, &u->params, er);
}

static enum ecode uri_scan(void *mem, char *s, struct sip_uri *ret, struct err *er)
{
        struct sip_uri u = { .host = "" };
        char *colon = strchr(s, ':');
        if (colon == NULL)
                return err_set(er, E_SYNTAX, NULL, "a URI has no scheme: \"%.60s\"", s);
        *colon = 0;
        if (!sip_all(SIP_C_SCHEME, s))
                return err_set(er, E_SYNTAX, NULL, "not a URI scheme: \"%.60s\"", s);
        lower(s);
        u.scheme = s;
        enum ecode e = E_OK;
        if (strcmp(s, "sip") == 0 || strcmp(s, "sips") == 0) {
                e = uri_sip(mem, colon + 1, &u, er);
        } else if (strcmp(s, "tel") == 0) {
                e = uri_tel(mem, colon + 1, &u, er);
        } else {
                u.opaque = colon + 1;
                if (*u.opaque == 0 || u.opaque[strcspn(u.opaque, " \t\"<>")] != 0)
                        e = err_set(er, E_SYNTAX, NULL, "a URI is empty or holds white space, quotes, < or >");
        }
        if (e == E_OK)
                *ret = u;
        return e;
}

enum ecode sip_uri_parse(void *mem, const char *text, struct sip_uri *ret, struct err *er)
{
        if (text == NULL || !sip_is_clean(text))
                return err_set(er, E_SYNTAX, NULL, "not a URI");
        char *s = talloc_strdup(mem, text);
        return s != NULL ? uri_scan(mem, s, ret, er) : err_set(er, E_NOMEM, NULL, "URI");
}

static void escaped(struct buf *b, const char *s, enum sip_class may)
{
        for (; *s != 0; s++) {
                if (sip_is(may, *s))
                        buf_put(b, bytes_of(s, 1));
                else
                        buf_printf(b, "%%%02X", (unsigned char)*s);
        }
}

static void print_host(struct buf *b, const char *host, uint16_t port)
{
        buf_printf(b, strchr(host, ':') != NULL ? "[%s]" : "%s", host);
        if (port != 0)
                buf_printf(b, ":%u", port);
}

char *sip_uri_print(void *mem, const struct sip_uri *u)
{
        struct buf b = buf_on(mem);
        buf_printf(&b, "%s:", u->scheme);
        if (u->opaque != NULL) {
                buf_puts(&b, u->opaque);
                return buf_str(&b);
        }
        bool tel = strcmp(u->scheme, "tel") == 0;
        if (tel)
                buf_puts(&b, u->user);
        else if (u->user != NULL)
                escaped(&b, u->user, SIP_C_USER);
        if (u->password != NULL) {
                buf_puts(&b, ":");
                escaped(&b, u->password, SIP_C_PASS);
        }
        if (!tel) {
                buf_puts(&b, u->user != NULL ? "@" : "");
                print_host(&b, u->host, u->port);
        }
        for (size_t i = 0; i < u->params.n; i++) {
                buf_puts(&b, ";");
                escaped(&b, u->params.p[i].name, SIP_C_PARAM);
                buf_puts(&b, *u->params.p[i].value != 0 ? "=" : "");
                escaped(&b, u->params.p[i].value, SIP_C_PARAM);
        }
        if (u->headers != NULL)
                buf_printf(&b, "?%s", u->headers);
        return buf_str(&b);
}

static bool same(const char *a, const char *b)
{
        return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Parameters of a and not of b may stand there alone, except these: RFC 3261 clause 19.1.4, and its examples for
 * transport. */
static bool params_fit(const struct sip_params *a, const struct sip_params *b)
{
        static const char *const never_alone[] = { "user", "ttl", "method", "maddr", "transport" };
        for (size_t i = 0; i < a->n; i++) {
                const char *other = sip_param(b, a->p[i].name);
                if (other != NULL && strcasecmp(other, a->p[i].value) != 0)
                        return false;
                for (size_t k = 0; other == NULL && k < COUNT(never_alone); k++)
                        if (strcasecmp(a->p[i].name, never_alone[k]) == 0)
                                return false;
        }
        return true;
}

/* Every "name=value" of a stands in b too. The order does not matter. */
static bool headers_in(const char *a, const char *b)
{
        while (a != NULL && *a != 0) {
                size_t n = strcspn(a, "&");
                const char *q = b;
                while (*q != 0 && !(strcspn(q, "&") == n && strncasecmp(a, q, n) == 0)) {
                        q += strcspn(q, "&");
                        q += *q == '&';
                }
                if (*q == 0)
                        return false;
                a += n;
                a += *a == '&';
        }
        return true;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
        if (strcmp(a->scheme, b->scheme) != 0 || !same(a->user, b->user) || !same(a->password, b->password) ||
            strcmp(a->host, b->host) != 0 || a->port != b->port || !same(a->opaque, b->opaque))
                return false;
        const char *ha = a->headers != NULL ? a->headers : "", *hb = b->headers != NULL ? b->headers : "";
        return params_fit(&a->params, &b->params) && params_fit(&b->params, &a->params) && headers_in(ha, hb) &&
               headers_in(hb, ha);
}

static char *aor_tel(void *mem, const struct sip_uri *u)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "tel:");
        for (const char *p = u->user; *p != 0; p++)
                if (strchr("-.()", *p) == NULL) /* RFC 3966 clause 5: visual separators do not count */
                        buf_put(&b, bytes_of((const char[]){ *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p }, 1));
        const char *context = sip_param(&u->params, "phone-context");
        if (context != NULL) {
                char *c = talloc_strdup(mem, context);
                if (c == NULL)
                        return NULL;
                lower(c);
                buf_puts(&b, ";phone-context=");
                escaped(&b, c, SIP_C_PARAM);
        }
        return buf_str(&b);
}

char *sip_aor(void *mem, const char *uri_or_addr)
{
        struct sip_addr a = { 0 };
        if (uri_or_addr == NULL)
                return NULL;
        bool angle = strchr(uri_or_addr, '<') != NULL; /* otherwise parameters are the URI's */
        enum ecode e = angle ? sip_addr_parse(mem, uri_or_addr, &a, NULL) : sip_uri_parse(mem, uri_or_addr, &a.u, NULL);
        if (e != E_OK || a.star)
                return NULL;
        struct sip_uri u = { .scheme = a.u.scheme, .user = a.u.user, .host = a.u.host, .opaque = a.u.opaque };
        if (strcmp(u.scheme, "tel") == 0 && u.user != NULL)
                return aor_tel(mem, &a.u);
        uint16_t usual = strcmp(u.scheme, "sips") == 0 ? 5061 : 5060;
        u.port = a.u.port == usual ? 0 : a.u.port;
        return sip_uri_print(mem, &u);
}

char *sip_impu(void *mem, const char *uri_or_addr)
{
        static const char *const scheme[] = { "sip:", "sips:", "tel:" };
        char *aor = sip_aor(mem, uri_or_addr);
        for (size_t i = 0; aor != NULL && i < COUNT(scheme); i++)
                if (strncmp(aor, scheme[i], strlen(scheme[i])) == 0)
                        return aor;
        return NULL;
}

bool sip_aor_eq(const char *a, const char *b)
{
        void *tmp = talloc_new(NULL);
        const char *x = sip_aor(tmp, a), *y = sip_aor(tmp, b);
        bool eq = x != NULL && y != NULL && strcmp(x, y) == 0;
        talloc_free(tmp);
        return eq;
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

/* display-name of tokens; more than the grammar, less than what could hide an address */
static enum ecode display_scan(char *s, struct sip_addr *a, struct err *er)
{
        s = sip_trim(s);
        if (s[strcspn(s, "\",;:@>")] != 0)
                return err_set(er, E_SYNTAX, NULL, "a display name with such characters has to be quoted");
        a->display = *s != 0 ? s : NULL;
        return E_OK;
}

/* Cuts s into display name, URI and what follows (at its ';', or empty). A display name of tokens has no colon, so that
 * a '<' behind the first colon belongs to a parameter. */
static enum ecode addr_cut(char *s, struct sip_addr *a, char **uri, char **rest, struct err *er)
{
        char *open = s + strcspn(s, "<:");
        if (*s == '"') {
                a->display = sip_unquote(&s);
                open = s + strspn(s, " \t");
                if (a->display == NULL || *open != '<')
                        return err_set(er, E_SYNTAX, NULL, "a quoted display name is not followed by <address>");
        } else if (*open == '<') {
                *open = 0;
                enum ecode e = display_scan(s, a, er);
                if (e != E_OK)
                        return e;
        } else {
                /* RFC 3261 clause 20: a URI without < > ends at the first semicolon, and holds no comma or question
                 * mark */
                *rest = s + strcspn(s, ";");
                *uri = s;
                return E_OK;
        }
        *uri = open + 1;
        *rest = strchr(*uri, '>');
        if (*rest == NULL)
                return err_set(er, E_SYNTAX, NULL, "'>' is missing after an address");
        *(*rest)++ = 0;
        *rest = sip_trim(*rest);
        return E_OK;
}

static enum ecode addr_scan(void *mem, char *s, struct sip_addr *a, struct err *er)
{
        char *rest = s, *uri = s;
        enum ecode e = addr_cut(s, a, &uri, &rest, er);
        if (e != E_OK)
                return e;
        if (*rest != ';' && *rest != 0)
                return err_set(er, E_SYNTAX, NULL, "something stands after an address");
        char *params = *rest == ';' ? rest + 1 : NULL;
        if (params != NULL)
                *rest = 0;
        bool bare = uri == s;
        if (bare)
                uri = sip_trim(uri);
        if (bare && uri[strcspn(uri, ",?")] != 0)
                return err_set(er, E_SYNTAX, NULL, "a URI with ',' or '?' has to stand in < >");
        a->uri = uri;
        e = sip_uri_parse(mem, uri, &a->u, er);
        return e != E_OK ? e : sip_params_scan(mem, params, ';', false, &a->params, er);
}

enum ecode sip_addr_parse(void *mem, const char *text, struct sip_addr *ret, struct err *er)
{
        struct sip_addr a = { 0 };
        if (text == NULL || !sip_is_clean(text))
                return err_set(er, E_SYNTAX, NULL, "not an address");
        char *s = talloc_strdup(mem, text);
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "address");
        s = sip_trim(s);
        a.star = strcmp(s, "*") == 0;
        enum ecode e = a.star ? E_OK : addr_scan(mem, s, &a, er);
        if (e == E_OK)
                *ret = a;
        return e;
}

enum ecode sip_addr_of(void *mem, const struct sip_msg *m, const char *name, size_t i, struct sip_addr *ret,
                       struct err *er)
{
        const char *v = sip_hdr_at(m, name, i);
        if (v == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no %s with index %zu", name, i);
        return sip_addr_parse(mem, v, ret, er);
}

char *sip_addr_print(void *mem, const struct sip_addr *a)
{
        struct buf b = buf_on(mem);
        if (a->star)
                return talloc_strdup(mem, "*");
        if (a->display != NULL) {
                char *q = sip_quote(mem, a->display);
                b.failed |= q == NULL;
                buf_printf(&b, "%s ", q != NULL ? q : "");
        }
        buf_printf(&b, "<%s>", a->uri);
        for (size_t i = 0; i < a->params.n; i++) {
                const struct sip_param *p = &a->params.p[i];
                char *q = sip_all(SIP_C_TOKEN, p->value) || *p->value == 0 ? NULL : sip_quote(mem, p->value);
                buf_printf(&b, ";%s%s%s", p->name, *p->value != 0 ? "=" : "", q != NULL ? q : p->value);
        }
        return buf_str(&b);
}

/* --- Via --------------------------------------------------------------------------------------------------------- */

/* "SIP / 2.0 / UDP host": takes the protocol off *s and returns the transport. */
static char *via_protocol(char **s)
{
        char *slash1 = strchr(*s, '/');
        char *slash2 = slash1 != NULL ? strchr(slash1 + 1, '/') : NULL;
        if (slash2 == NULL)
                return NULL;
        *slash1 = *slash2 = 0;
        if (strcasecmp(sip_trim(*s), "SIP") != 0 || strcmp(sip_trim(slash1 + 1), "2.0") != 0)
                return NULL;
        char *transport = slash2 + 1 + strspn(slash2 + 1, " \t");
        char *end = transport + strcspn(transport, " \t");
        if (*end == 0)
                return NULL;
        *end = 0;
        *s = end + 1;
        return sip_all(SIP_C_TOKEN, transport) ? transport : NULL;
}

enum ecode sip_via_parse(void *mem, const char *text, struct sip_via *ret, struct err *er)
{
        struct sip_via v = { 0 };
        char *s = text != NULL ? talloc_strdup(mem, text) : NULL;
        if (s == NULL || !sip_is_clean(s))
                return err_set(er, E_SYNTAX, NULL, "Via is missing");
        v.transport = via_protocol(&s);
        if (v.transport == NULL)
                return err_set(er, E_SYNTAX, NULL, "Via does not begin with SIP/2.0/transport");
        char *params = strchr(s, ';');
        if (params != NULL)
                *params++ = 0;
        enum ecode e = sip_hostport(sip_trim(s), &v.host, &v.port, er);
        if (e == E_OK)
                e = sip_params_scan(mem, params, ';', false, &v.params, er);
        if (e == E_OK)
                *ret = v;
        return e;
}
