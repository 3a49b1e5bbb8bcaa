/* Scanners: they work in place on a copy that the caller made, so that a value needs one allocation at most. */
#include "proto/sip/sip_int.h"
#include "base/codec.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

#define T SIP_C_TOKEN
#define U (SIP_C_USER | SIP_C_PASS)
#define P SIP_C_PARAM
#define H SIP_C_HOST
#define S SIP_C_SCHEME

/* RFC 3261 clause 25.1: alphanum, mark, token, user-unreserved, password, param-unreserved, scheme. */
static const uint8_t classes[128] = {
        ['0' ... '9'] = T | U | P | H | S,
        ['A' ... 'Z'] = T | U | P | H | S,
        ['a' ... 'z'] = T | U | P | H | S,
        ['-'] = T | U | P | H | S,
        ['.'] = T | U | P | H | S,
        ['+'] = T | U | P | S,
        ['_'] = T | U | P,
        ['!'] = T | U | P,
        ['~'] = T | U | P,
        ['*'] = T | U | P,
        ['\''] = T | U | P,
        ['('] = U | P,
        [')'] = U | P,
        ['%'] = T,
        ['`'] = T,
        ['&'] = U | P,
        ['$'] = U | P,
        ['='] = U,
        [','] = U,
        [';'] = SIP_C_USER,
        ['?'] = SIP_C_USER,
        ['/'] = SIP_C_USER | P,
        ['['] = P,
        [']'] = P,
        [':'] = P,
};

bool sip_is(enum sip_class c, char ch)
{
        unsigned char u = (unsigned char)ch;
        return u < 128 && (classes[u] & c) != 0;
}

bool sip_all(enum sip_class c, const char *s)
{
        if (*s == 0)
                return false;
        while (sip_is(c, *s))
                s++;
        return *s == 0;
}

char *sip_trim(char *s)
{
        while (*s == ' ' || *s == '\t')
                s++;
        size_t n = strlen(s);
        while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
                n--;
        s[n] = 0;
        return s;
}

bool sip_uint(const char *s, uint64_t most, uint64_t *ret)
{
        uint64_t v = 0;
        if (*s == 0)
                return false;
        for (; *s >= '0' && *s <= '9'; s++) {
                v = v * 10 + (uint64_t)(*s - '0');
                if (v > most)
                        return false;
        }
        if (*s != 0)
                return false;
        *ret = v;
        return true;
}

bool sip_is_clean(const char *s)
{
        for (; *s != 0; s++)
                if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
                        return false;
        return true;
}

char *sip_next(char **s, char sep)
{
        char *p = *s;
        if (p == NULL)
                return NULL;
        bool quoted = false, angle = false;
        for (; *p != 0; p++) {
                if (quoted && *p == '\\' && p[1] != 0)
                        p++;
                else if (*p == '"' && !angle)
                        quoted = !quoted;
                else if (*p == '<' && !quoted)
                        angle = true;
                else if (*p == '>' && !quoted)
                        angle = false;
                else if (*p == sep && !quoted && !angle)
                        break;
        }
        char *one = *s;
        *s = *p == sep ? p + 1 : NULL;
        *p = 0;
        return sip_trim(one);
}

char *sip_unquote(char **s)
{
        char *in = *s + 1, *out = in, *start = in;
        while (*in != 0 && *in != '"') {
                if (*in == '\\' && in[1] != 0)
                        in++;
                *out++ = *in++;
        }
        if (*in != '"')
                return NULL;
        *s = in + 1;
        *out = 0;
        return start;
}

bool sip_unescape(char *s, enum sip_class may)
{
        char *out = s;
        for (; *s != 0; s++) {
                if (*s != '%') {
                        if (!sip_is(may, *s))
                                return false;
                        *out++ = *s;
                        continue;
                }
                int hi = hex_digit((uint8_t)s[1]), lo = hi < 0 ? -1 : hex_digit((uint8_t)s[2]);
                if (lo < 0 || (hi == 0 && lo == 0))
                        return false;
                *out++ = (char)(hi << 4 | lo);
                s += 2;
        }
        *out = 0;
        return true;
}

static enum ecode host_ipv6(char *s, char **rest, const char **host, struct err *er)
{
        struct in6_addr a;
        char *end = strchr(s, ']');
        if (end == NULL)
                return err_set(er, E_SYNTAX, NULL, "']' is missing after an IPv6 address");
        *end = 0;
        if (inet_pton(AF_INET6, s + 1, &a) != 1)
                return err_set(er, E_SYNTAX, NULL, "not an IPv6 address: \"%.60s\"", s + 1);
        *host = s + 1;
        *rest = end + 1;
        return E_OK;
}

enum ecode sip_hostport(char *s, const char **host, uint16_t *port, struct err *er)
{
        char *rest = s + strcspn(s, " \t:");
        if (*s == '[') {
                enum ecode e = host_ipv6(s, &rest, host, er);
                if (e != E_OK)
                        return e;
        } else {
                *host = s;
        }
        char *colon = rest + strspn(rest, " \t");
        uint64_t n = 0;
        if (*colon == ':') {
                if (!sip_uint(sip_trim(colon + 1), 65535, &n) || n == 0)
                        return err_set(er, E_SYNTAX, NULL, "a port is a number from 1 to 65535");
        } else if (*colon != 0) {
                return err_set(er, E_SYNTAX, NULL, "something stands after the host name");
        }
        *rest = 0;
        if (*s != '[' && (!sip_all(SIP_C_HOST, s) || strlen(s) > 253))
                return err_set(er, E_SYNTAX, NULL, "not a host name: \"%.60s\"", s);
        for (char *p = s; *p != 0; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p |= 0x20;
        *port = (uint16_t)n;
        return E_OK;
}

#define PARAMS_MAX 64 /* of one value; bounds the search for duplicates */

static size_t params_count(const char *s, char sep)
{
        size_t n = 1;
        for (; *s != 0; s++)
                n += *s == sep;
        return n < PARAMS_MAX ? n : PARAMS_MAX;
}

static enum ecode value_scan(char *v, bool uri, const char **ret, struct err *er)
{
        v = sip_trim(v);
        if (*v == '"' && !uri) {
                *ret = sip_unquote(&v);
                if (*ret == NULL || *sip_trim(v) != 0)
                        return err_set(er, E_SYNTAX, NULL, "a quoted parameter value does not end where it should");
                return E_OK;
        }
        *ret = v;
        if (*v == 0)
                return err_set(er, E_SYNTAX, NULL, "a parameter has '=' and no value");
        if (uri)
                return sip_unescape(v, SIP_C_PARAM) ? E_OK
                                                    : err_set(er, E_SYNTAX, NULL, "a URI parameter has a wrong value");
        if (v[strcspn(v, " \t\"<>")] != 0)
                return err_set(er, E_SYNTAX, NULL, "a parameter value with such characters has to be quoted");
        return E_OK;
}

static enum ecode param_scan(char *piece, bool uri, struct sip_param *ret, struct err *er)
{
        char *eq = strchr(piece, '=');
        ret->value = "";
        if (eq != NULL) {
                *eq = 0;
                enum ecode e = value_scan(eq + 1, uri, &ret->value, er);
                if (e != E_OK)
                        return e;
        }
        char *name = sip_trim(piece);
        ret->name = name;
        if (uri ? *name == 0 || !sip_unescape(name, SIP_C_PARAM) : !sip_all(SIP_C_TOKEN, name))
                return err_set(er, E_SYNTAX, NULL, "not a parameter name: \"%.60s\"", name);
        return E_OK;
}

enum ecode sip_params_scan(void *mem, char *s, char sep, bool uri, struct sip_params *ret, struct err *er)
{
        *ret = (struct sip_params){ 0 };
        if (s == NULL)
                return E_OK;
        size_t room = params_count(s, sep), n = 0;
        struct sip_param *p = talloc_array(mem, struct sip_param, room);
        if (p == NULL)
                return err_set(er, E_NOMEM, NULL, "parameters");
        for (char *piece; (piece = sip_next(&s, sep)) != NULL; n++) {
                if (n == room)
                        return err_set(er, E_LONG, NULL, "more than %d parameters", PARAMS_MAX);
                enum ecode e = param_scan(piece, uri, &p[n], er);
                if (e != E_OK)
                        return e;
                for (size_t i = 0; i < n; i++)
                        if (strcasecmp(p[i].name, p[n].name) == 0)
                                return err_set(er, E_DUPLICATE, NULL, "parameter %.60s stands twice", p[n].name);
        }
        *ret = (struct sip_params){ p, n };
        return E_OK;
}

const char *sip_param(const struct sip_params *ps, const char *name)
{
        for (size_t i = 0; i < ps->n; i++)
                if (strcasecmp(ps->p[i].name, name) == 0)
                        return ps->p[i].value;
        return NULL;
}

enum ecode sip_params_of(void *mem, const char *value, struct sip_params *ret, struct err *er)
{
        char *s = talloc_strdup(mem, value != NULL ? value : "");
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "parameters");
        sip_next(&s, ';');
        struct sip_params ps;
        enum ecode e = sip_params_scan(mem, s, ';', false, &ps, er);
        if (e == E_OK)
                *ret = ps;
        return e;
}

char *sip_quote(void *mem, const char *s)
{
        size_t n = strlen(s), at = 0;
        char *q = talloc_size(mem, 2 * n + 3);
        if (q == NULL || !sip_is_clean(s))
                return NULL;
        q[at++] = '"';
        for (; *s != 0; s++) {
                if (*s == '"' || *s == '\\')
                        q[at++] = '\\';
                q[at++] = *s;
        }
        q[at++] = '"';
        q[at] = 0;
        talloc_set_name_const(q, "char");
        return q;
}
