#include "adapter/conf/conf_tree.h"

#include <talloc.h>

void conf_set_dir(struct conf *c, const char *dir)
{
        c->dir = talloc_strdup(c, dir);
}

enum ecode conf_set_var(struct conf *c, const char *name, const char *value)
{
        for (size_t i = 0; i < c->vars_n; i++) {
                if (strcmp(c->vars[i].name, name) != 0)
                        continue;
                c->vars[i].value = talloc_strdup(c, value);
                return c->vars[i].value ? E_OK : E_NOMEM;
        }
        struct conf_var *grown = talloc_realloc(c, c->vars, struct conf_var, c->vars_n + 1);
        if (grown == NULL)
                return E_NOMEM;
        c->vars = grown;
        c->vars[c->vars_n] = (struct conf_var){ talloc_strdup(c, name), talloc_strdup(c, value) };
        if (c->vars[c->vars_n].name == NULL || c->vars[c->vars_n].value == NULL)
                return E_NOMEM;
        c->vars_n++;
        return E_OK;
}

static const char *var(const struct conf *c, struct bytes name)
{
        for (size_t i = 0; i < c->vars_n; i++)
                if (bytes_eq_str(name, c->vars[i].name))
                        return c->vars[i].value;
        return NULL;
}

char *conf_expand(const struct conf *c, void *mem, const char *text, char **unknown)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "");
        while (*text) {
                size_t plain = strcspn(text, "{");
                const char *end = text[plain] ? strchr(text + plain, '}') : NULL;
                if (end == NULL) {
                        buf_puts(&b, text);
                        break;
                }
                struct bytes name = bytes_of(text + plain + 1, (size_t)(end - text) - plain - 1);
                const char *value = var(c, name);
                if (value == NULL) {
                        *unknown = bytes_to_str(mem, name);
                        return NULL;
                }
                buf_put(&b, bytes_of(text, plain));
                buf_puts(&b, value);
                text = end + 1;
        }
        return buf_str(&b);
}

/* Without white space around it, and without a pair of quotes. */
static struct bytes trim(struct bytes w)
{
        while (w.n > 0 && strchr(" \t\"'", w.p[0]) != NULL)
                w = bytes_of(w.p + 1, w.n - 1);
        while (w.n > 0 && strchr(" \t\"'", w.p[w.n - 1]) != NULL)
                w.n--;
        return w;
}

enum ecode conf_split(void *mem, const char *text, struct conf_list *ret)
{
        struct bytes in = trim(bytes_str(text));
        if (in.n >= 2 && in.p[0] == '[' && in.p[in.n - 1] == ']')
                in = trim(bytes_of(in.p + 1, in.n - 2));
        char separator = in.n > 0 && memchr(in.p, ',', in.n) != NULL ? ',' : ' ';
        struct conf_list l = { talloc_array(mem, const char *, in.n / 2 + 2), 0 };
        if (l.item == NULL)
                return E_NOMEM;
        while (in.n > 0) {
                const uint8_t *sep = memchr(in.p, separator, in.n);
                size_t n = sep ? (size_t)(sep - in.p) : in.n;
                struct bytes word = trim(bytes_of(in.p, n));
                if (word.n > 0 && (l.item[l.n++] = bytes_to_str(mem, word)) == NULL)
                        return E_NOMEM;
                in = bytes_of(in.p + n + (sep != NULL), in.n - n - (sep != NULL));
        }
        l.item[l.n] = NULL;
        *ret = l;
        return E_OK;
}
