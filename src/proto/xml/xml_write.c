#include "proto/xml/xml.h"

#include <inttypes.h>
#include <stdio.h>

struct xmlw xmlw_fragment(void *mem)
{
        return (struct xmlw){ .b = buf_on(mem) };
}

struct xmlw xmlw_on(void *mem)
{
        struct xmlw w = xmlw_fragment(mem);
        buf_puts(&w.b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        return w;
}

static void close_tag(struct xmlw *w)
{
        if (w->in_tag)
                buf_puts(&w->b, ">");
        w->in_tag = false;
}

static void new_line(struct xmlw *w)
{
        static const char spaces[] = "                                                                ";
        if (!w->pretty || w->b.n == 0)
                return;
        buf_puts(&w->b, "\n");
        buf_put(&w->b, bytes_of(spaces, (size_t)2 * w->depth < sizeof spaces ? (size_t)2 * w->depth : 0));
}

void xmlw_start(struct xmlw *w, const char *name)
{
        if (w->depth >= COUNT(w->open)) {
                w->bad_use = true;
                return;
        }
        close_tag(w);
        new_line(w);
        buf_puts(&w->b, "<");
        buf_puts(&w->b, name);
        w->open[w->depth++] = name;
        w->in_tag = true;
        w->has_text = false;
}

void xmlw_end(struct xmlw *w)
{
        if (w->depth == 0) {
                w->bad_use = true;
                return;
        }
        w->depth--;
        if (w->in_tag) {
                buf_puts(&w->b, "/>");
        } else {
                if (!w->has_text)
                        new_line(w);
                buf_printf(&w->b, "</%s>", w->open[w->depth]);
        }
        w->in_tag = false;
        w->has_text = false;
}

/* Length of the UTF-8 sequence at s when it is a character that XML 1.0 allows (clause 2.2), else 0. */
static size_t xml_char_len(const unsigned char *s)
{
        static const struct {
                unsigned char mask, lead;
                uint32_t least;
        } form[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
        for (size_t n = 0; n < COUNT(form); n++) {
                if ((s[0] & form[n].mask) != form[n].lead)
                        continue;
                uint32_t c = s[0] & (unsigned char)~form[n].mask;
                for (size_t i = 1; i <= n; i++) {
                        if ((s[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (s[i] & 0x3f);
                }
                bool allowed = (c >= 0x20 || c == '\t' || c == '\n' || c == '\r') && (c < 0xd800 || c > 0xdfff) &&
                               c != 0xfffe && c != 0xffff && c <= 0x10ffff && c >= form[n].least;
                return allowed ? n + 1 : 0;
        }
        return 0;
}

static const char *escape_of(char c, bool in_attr)
{
        switch (c) {
        case '&': return "&amp;";
        case '<': return "&lt;";
        case '>': return "&gt;";
        case '\r': return "&#13;";
        case '"': return in_attr ? "&quot;" : NULL;
        case '\n': return in_attr ? "&#10;" : NULL;
        case '\t': return in_attr ? "&#9;" : NULL;
        default: return NULL;
        }
}

static void put_escaped(struct xmlw *w, const char *s, bool in_attr)
{
        while (*s != 0) {
                size_t n = xml_char_len((const unsigned char *)s);
                if (n == 0) {
                        w->bad_text = true;
                        return;
                }
                const char *esc = escape_of(*s, in_attr);
                if (esc != NULL)
                        buf_puts(&w->b, esc);
                else
                        buf_put(&w->b, bytes_of(s, n));
                s += n;
        }
}

void xmlw_attr(struct xmlw *w, const char *name, const char *value)
{
        if (value == NULL)
                return;
        if (!w->in_tag) {
                w->bad_use = true;
                return;
        }
        buf_printf(&w->b, " %s=\"", name);
        put_escaped(w, value, true);
        buf_puts(&w->b, "\"");
}

void xmlw_attr_i64(struct xmlw *w, const char *name, int64_t value)
{
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, value);
        xmlw_attr(w, name, text);
}

void xmlw_text(struct xmlw *w, const char *text)
{
        close_tag(w);
        put_escaped(w, text, false);
        w->has_text = true;
}

void xmlw_leaf(struct xmlw *w, const char *name, const char *text)
{
        if (text == NULL)
                return;
        xmlw_start(w, name);
        xmlw_text(w, text);
        xmlw_end(w);
}

void xmlw_leaf_i64(struct xmlw *w, const char *name, int64_t value)
{
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, value);
        xmlw_leaf(w, name, text);
}

void xmlw_leaf_bool(struct xmlw *w, const char *name, bool value)
{
        xmlw_leaf(w, name, value ? "true" : "false");
}

void xmlw_empty(struct xmlw *w, const char *name)
{
        xmlw_start(w, name);
        xmlw_end(w);
}

enum ecode xmlw_done(struct xmlw *w, struct bytes *ret, struct err *er)
{
        if (w->bad_use || w->depth != 0)
                return err_set(er, E_INTERNAL, NULL, "XML elements are opened and closed unevenly");
        if (w->bad_text)
                return err_set(er, E_SYNTAX, NULL, "a value holds octets that XML cannot carry");
        if (w->b.failed)
                return err_set(er, E_NOMEM, NULL, "XML document");
        *ret = buf_bytes(&w->b);
        return E_OK;
}
