#include "proto/oauth/form.h"
#include "base/codec.h"

#include <talloc.h>

static bool is_unreserved(uint8_t c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_' || c == '~';
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n;) {
                size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xc2 && p[i] <= 0xdf ? 1 : (p[i] & 0xf0) == 0xe0 ? 2 : 3;
                if (p[i] >= 0x80 && (p[i] < 0xc2 || p[i] > 0xf4))
                        return false;
                if (more > n - i - 1)
                        return false;
                for (size_t k = 1; k <= more; k++)
                        if ((p[i + k] & 0xc0) != 0x80)
                                return false;
                if ((p[i] == 0xe0 && p[i + 1] < 0xa0) || (p[i] == 0xed && p[i + 1] > 0x9f) ||
                    (p[i] == 0xf0 && p[i + 1] < 0x90) || (p[i] == 0xf4 && p[i + 1] > 0x8f))
                        return false;
                i += more + 1;
        }
        return true;
}

enum ecode pct_decode(void *mem, struct bytes in, bool plus_is_space, char **ret)
{
        uint8_t *out = talloc_size(mem, in.n + 1);
        size_t n = 0;
        if (out == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < in.n; i++) {
                uint8_t c = in.p[i];
                if (c == '%') {
                        int hi = in.n - i > 2 ? hex_digit(in.p[i + 1]) : -1;
                        int lo = in.n - i > 2 ? hex_digit(in.p[i + 2]) : -1;
                        if (hi < 0 || lo < 0)
                                goto bad;
                        c = (uint8_t)(hi << 4 | lo);
                        i += 2;
                } else if (c == '+' && plus_is_space) {
                        c = ' ';
                }
                if (c == 0)
                        goto bad;
                out[n++] = c;
        }
        if (!is_utf8(out, n))
                goto bad;
        out[n] = 0;
        *ret = (char *)out;
        return E_OK;
bad:
        talloc_free(out);
        return E_SYNTAX;
}

static void pct_put(struct buf *b, struct bytes in)
{
        for (size_t i = 0; i < in.n; i++) {
                if (is_unreserved(in.p[i]))
                        buf_put(b, bytes_of(in.p + i, 1));
                else
                        buf_printf(b, "%%%02X", in.p[i]);
        }
}

char *pct_encode(void *mem, struct bytes in)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "");
        pct_put(&b, in);
        return buf_str(&b);
}

static struct bytes until(struct bytes *rest, uint8_t stop)
{
        const uint8_t *at = rest->n > 0 ? memchr(rest->p, stop, rest->n) : NULL;
        size_t n = at != NULL ? (size_t)(at - rest->p) : rest->n;
        struct bytes head = bytes_of(rest->p, n);
        size_t skip = at != NULL ? n + 1 : n;
        *rest = bytes_of(rest->p + skip, rest->n - skip);
        return head;
}

static enum ecode parse_pair(void *mem, struct bytes text, struct form_pair *ret, struct err *er)
{
        char *name, *value;
        struct bytes head = until(&text, '=');
        if (pct_decode(mem, head, true, &name) != E_OK || *name == 0)
                return err_set(er, E_SYNTAX, "R-ID-61", "form: broken name");
        if (pct_decode(mem, text, true, &value) != E_OK)
                return err_set(er, E_SYNTAX, "R-ID-61", "form: broken value of %.60s", name);
        *ret = (struct form_pair){ name, value };
        return E_OK;
}

static bool has_name(const struct form *f, const char *name)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->pair[i].name, name) == 0)
                        return true;
        return false;
}

enum ecode form_parse(void *mem, struct bytes in, struct form *ret, struct err *er)
{
        struct form f = { .pair = talloc_array(mem, struct form_pair, FORM_PAIRS_MAX) };
        if (f.pair == NULL)
                return err_set(er, E_NOMEM, NULL, "form");
        while (in.n > 0) {
                struct bytes text = until(&in, '&');
                if (text.n == 0)
                        continue;
                if (f.n == FORM_PAIRS_MAX)
                        return err_set(er, E_LONG, NULL, "form of more than %d parameters", FORM_PAIRS_MAX);
                struct form_pair p;
                enum ecode e = parse_pair(mem, text, &p, er);
                if (e != E_OK)
                        return e;
                if (f.repeated == NULL && has_name(&f, p.name))
                        f.repeated = p.name;
                f.pair[f.n++] = p;
        }
        *ret = f;
        return E_OK;
}

const char *form_get(const struct form *f, const char *name)
{
        const char *value = NULL;
        size_t seen = 0;
        for (size_t i = 0; i < f->n; i++) {
                if (strcmp(f->pair[i].name, name) != 0)
                        continue;
                value = f->pair[i].value;
                seen++;
        }
        return seen == 1 && *value != 0 ? value : NULL;
}

void form_put(struct buf *b, const char *name, const char *value)
{
        if (value == NULL)
                return;
        if (b->n > 0 && b->p[b->n - 1] != '?' && b->p[b->n - 1] != '&')
                buf_puts(b, "&");
        pct_put(b, bytes_str(name));
        buf_puts(b, "=");
        pct_put(b, bytes_str(value));
}

void query_put(struct buf *b, const char *name, const char *value)
{
        if (value == NULL)
                return;
        if (b->n > 0 && memchr(b->p, '?', b->n) == NULL)
                buf_puts(b, "?");
        form_put(b, name, value);
}
