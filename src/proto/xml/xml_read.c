#include "proto/xml/xml_read.h"

#include <talloc.h>

void xmlr_fail(struct xmlr *r, enum ecode e, const struct xml_node *n, const char *name, const char *what)
{
        if (r->e == E_OK)
                r->e = err_set(r->er, e, r->req, "line %ld: %s %s", n != NULL ? xml_line(n) : 0L, name, what);
}

const struct xml_node *xmlr_opt_node(struct xmlr *r, const struct xml_node *n, const char *name)
{
        if (r->e != E_OK)
                return NULL;
        const struct xml_node *c = xml_first(n, r->ns, name);
        if (c != NULL && xml_next(c, r->ns, name) != NULL) {
                xmlr_fail(r, E_DUPLICATE, c, name, "stands twice");
                return NULL;
        }
        return c;
}

const struct xml_node *xmlr_node(struct xmlr *r, const struct xml_node *n, const char *name)
{
        const struct xml_node *c = xmlr_opt_node(r, n, name);
        if (c == NULL)
                xmlr_fail(r, E_MISSING, n, name, "is missing");
        return c;
}

char *xmlr_opt_text(struct xmlr *r, const struct xml_node *n, const char *name)
{
        const struct xml_node *c = xmlr_opt_node(r, n, name);
        if (c == NULL)
                return NULL;
        char *text = xml_text(r->mem, c);
        if (text == NULL)
                xmlr_fail(r, E_NOMEM, c, name, "does not fit into memory");
        return text != NULL && text[0] != 0 ? text : NULL;
}

char *xmlr_text(struct xmlr *r, const struct xml_node *n, const char *name)
{
        char *text = xmlr_opt_text(r, n, name);
        if (text == NULL)
                xmlr_fail(r, E_MISSING, n, name, "is missing or empty");
        return text;
}

int64_t xmlr_i64(struct xmlr *r, const struct xml_node *n, const char *name)
{
        int64_t v = 0;
        char *text = xmlr_text(r, n, name);
        if (text == NULL)
                return 0;
        enum ecode e = xml_parse_i64(text, &v);
        if (e != E_OK)
                xmlr_fail(r, e, xml_first(n, r->ns, name), name, "is no integer");
        talloc_free(text);
        return v;
}

int64_t xmlr_i64_or(struct xmlr *r, const struct xml_node *n, const char *name, int64_t absent)
{
        return xmlr_opt_node(r, n, name) == NULL ? absent : xmlr_i64(r, n, name);
}

bool xmlr_bool_or(struct xmlr *r, const struct xml_node *n, const char *name, bool absent)
{
        bool v = absent;
        if (xmlr_opt_node(r, n, name) == NULL)
                return v;
        enum ecode e = xml_child_bool(n, r->ns, name, &v);
        if (e != E_OK)
                xmlr_fail(r, e, xml_first(n, r->ns, name), name, "is neither true nor false");
        return v;
}

char *xmlr_opt_attr(struct xmlr *r, const struct xml_node *n, const char *name)
{
        if (r->e != E_OK)
                return NULL;
        char *text = xml_attr(r->mem, n, "", name);
        return text != NULL && text[0] != 0 ? text : NULL;
}

char *xmlr_attr(struct xmlr *r, const struct xml_node *n, const char *name)
{
        char *text = xmlr_opt_attr(r, n, name);
        if (text == NULL)
                xmlr_fail(r, E_MISSING, n, name, "is missing or empty");
        return text;
}

void *xmlr_array(struct xmlr *r, const struct xml_node *n, const char *name, size_t size, size_t max, size_t *ret_n)
{
        *ret_n = 0;
        size_t count = r->e == E_OK ? xml_count(n, r->ns, name) : 0;
        if (count == 0)
                return NULL;
        if (count > max) {
                xmlr_fail(r, E_LONG, n, name, "stands too often");
                return NULL;
        }
        void *array = talloc_zero_size(r->mem, size * count);
        if (array == NULL)
                xmlr_fail(r, E_NOMEM, n, name, "does not fit into memory");
        else
                *ret_n = count;
        return array;
}

char **xmlr_texts(struct xmlr *r, const struct xml_node *n, const char *name, size_t max, size_t *ret_n)
{
        char **texts = xmlr_array(r, n, name, sizeof *texts, max, ret_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(n, r->ns, name); i < *ret_n; c = xml_next(c, r->ns, name), i++) {
                texts[i] = xml_text(r->mem, c);
                if (texts[i] == NULL)
                        xmlr_fail(r, E_NOMEM, c, name, "does not fit into memory");
        }
        return texts;
}
