#include "adapter/conf/conf_tree.h"

#include <ctype.h>
#include <inttypes.h>
#include <talloc.h>

/* One character inside of double quotes; returns its octets. The input is UTF-8, since YAML was its source. What YAML
 * does not print, or takes for a line break (YAML 1.1 clauses 5.1, 5.4), is escaped. */
static size_t put_quoted(struct buf *to, const uint8_t *p)
{
        uint32_t c = p[0];
        size_t n = 1;
        if (c >= 0xc0) {
                n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
                c &= 0xffu >> (n + 1);
                for (size_t i = 1; i < n && p[i]; i++)
                        c = c << 6 | (p[i] & 0x3fu);
        }
        if (c == '"' || c == '\\')
                buf_printf(to, "\\%c", (char)c);
        else if (c < ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0xfeff && c <= 0xffff))
                buf_printf(to, "\\u%04x", c);
        else
                buf_put(to, bytes_of(p, strnlen((const char *)p, n)));
        return strnlen((const char *)p, n);
}

/* A text as YAML would read it back: plain where that is safe, in double quotes otherwise. */
static void put_scalar(struct buf *to, const char *s)
{
        bool plain = isalnum((unsigned char)*s) || *s == '/';
        size_t n = strlen(s);
        for (const char *p = s; *p; p++)
                plain &= (isalnum((unsigned char)*p) || strchr("._-/@+:%", *p) != NULL) && (*p != ':' || p[1] > ' ');
        if (plain && n > 0) {
                buf_puts(to, s);
                return;
        }
        buf_puts(to, "\"");
        for (const uint8_t *p = (const uint8_t *)s; *p;)
                p += put_quoted(to, p);
        buf_puts(to, "\"");
}

static void put_list(struct buf *to, const struct conf_list *l)
{
        buf_puts(to, "[");
        for (size_t i = 0; i < l->n; i++) {
                buf_puts(to, i ? ", " : "");
                put_scalar(to, l->item[i]);
        }
        buf_puts(to, "]");
}

static void put_default(struct buf *to, const struct conf_item *i)
{
        struct conf_list l;
        void *tmp = talloc_new(NULL);
        if (i->type != CONF_T_LIST)
                put_scalar(to, i->dflt);
        else if (conf_split(tmp, i->dflt, &l) == E_OK)
                put_list(to, &l);
        talloc_free(tmp);
}

/* A sentence in lines of comment. */
static void put_comment(struct buf *to, const char *indent, const char *text)
{
        const size_t width = 100;
        while (*text) {
                size_t n = strlen(text);
                if (n > width)
                        for (n = width; n > 0 && text[n] != ' ';)
                                n--;
                if (n == 0)
                        n = strcspn(text, " ");
                buf_printf(to, "%s# ", indent);
                buf_put(to, bytes_of(text, n));
                buf_puts(to, "\n");
                text += n;
                text += strspn(text, " ");
        }
}

static void put_limits(struct buf *to, const struct conf_item *i)
{
        if (i->type == CONF_T_CHOICE)
                buf_printf(to, " One of: %s.", i->choices);
        else if (i->type == CONF_T_SECONDS && i->most != 0)
                buf_printf(to, " %" PRId64 " to %" PRId64 " seconds.", i->least, i->most);
        else if (i->type == CONF_T_INT && i->most != 0)
                buf_printf(to, " %" PRId64 " to %" PRId64 ".", i->least, i->most);
}

static const char *given_value(const struct conf_given *given, const char *name)
{
        for (; given != NULL && given->name != NULL; given++)
                if (!strcmp(given->name, name))
                        return given->value;
        return NULL;
}

static void put_setting(struct buf *to, const struct conf_item *i, const char *value)
{
        if (value == NULL && i->dflt == NULL) {
                buf_printf(to, "  %s:", i->name);
        } else if (value == NULL) {
                buf_printf(to, "  # %s: ", i->name);
                put_default(to, i);
        } else {
                buf_printf(to, "  %s: ", i->name);
                put_scalar(to, value);
        }
        buf_puts(to, "\n");
}

void conf_print_sample(struct buf *to, const char *section, const char *title, const struct conf_item *items,
                       const struct conf_given *given)
{
        if (title != NULL)
                put_comment(to, "", title);
        buf_printf(to, "%s:\n", section);
        for (const struct conf_item *i = items; i->name != NULL; i++) {
                struct buf text = buf_on(to->mem);
                buf_puts(&text, i->text ? i->text : "");
                put_limits(&text, i);
                if (i->source != NULL)
                        buf_printf(&text, " [%s]", i->source);
                put_comment(to, "  ", buf_str(&text) ? buf_str(&text) : "");
                talloc_free(text.p);
                put_setting(to, i, given_value(given, i->name));
        }
        buf_puts(to, "\n");
}

static void put_value(struct buf *to, const struct conf_item *i, const uint8_t *field)
{
        const char *s;
        int64_t v;
        bool b;
        struct conf_list l;
        switch (i->type) {
        case CONF_T_INT:
        case CONF_T_SECONDS:
                memcpy(&v, field, sizeof v);
                buf_printf(to, "%" PRId64, v);
                break;
        case CONF_T_BOOL:
                memcpy(&b, field, sizeof b);
                buf_puts(to, b ? "true" : "false");
                break;
        case CONF_T_LIST:
                memcpy(&l, field, sizeof l);
                put_list(to, &l);
                break;
        default: memcpy(&s, field, sizeof s); put_scalar(to, s);
        }
}

void conf_print_values(struct buf *to, const char *section, const struct conf_item *items, const void *bound)
{
        buf_printf(to, "%s:\n", section);
        for (const struct conf_item *i = items; i->name != NULL; i++) {
                buf_printf(to, "  %s: ", i->name);
                put_value(to, i, (const uint8_t *)bound + i->offset);
                buf_puts(to, "\n");
        }
}
