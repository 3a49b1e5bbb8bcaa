#include "adapter/conf/conf_tree.h"

#include <errno.h>
#include <stdio.h>
#include <talloc.h>
#include <yaml.h>

/* Limits that no real file comes near; they bound what a hostile one may cost. */
enum { SECTIONS_MAX = 64, ENTRIES_MAX = 256, ITEMS_MAX = 1024 };

struct reading {
        yaml_document_t doc;
        struct conf *conf;
        struct conf_report *rep;
};

static struct conf_word word_of(struct reading *r, const yaml_node_t *n)
{
        struct conf_word w = { .line = (unsigned)n->start_mark.line + 1, .column = (unsigned)n->start_mark.column + 1 };
        if (n->type == YAML_SCALAR_NODE) {
                struct bytes text = bytes_of(n->data.scalar.value, n->data.scalar.length);
                w.text = bytes_to_str(r->conf, text);
        }
        return w;
}

static enum ecode read_items(struct reading *r, const yaml_node_t *n, struct conf_entry *e)
{
        size_t count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
        if (count > ITEMS_MAX)
                return conf_problem(r->rep, &e->value, E_LIMIT, NULL, "a list has at most %d items", ITEMS_MAX);
        e->kind = CONF_SEQUENCE;
        e->items = talloc_zero_array(r->conf, struct conf_word, count + 1);
        if (e->items == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < count; i++) {
                struct conf_word w = word_of(r, yaml_document_get_node(&r->doc, n->data.sequence.items.start[i]));
                if (w.text == NULL)
                        return conf_problem(r->rep, &w, E_SYNTAX, "write one plain text per item",
                                            "an item of %s is not a plain text", e->key.text);
                e->items[e->items_n++] = w;
        }
        return E_OK;
}

static enum ecode read_entry(struct reading *r, struct conf_section *s, const yaml_node_pair_t *pair)
{
        const yaml_node_t *k = yaml_document_get_node(&r->doc, pair->key);
        const yaml_node_t *v = yaml_document_get_node(&r->doc, pair->value);
        struct conf_entry e = { .key = word_of(r, k), .value = word_of(r, v) };
        if (e.key.text == NULL)
                return conf_problem(r->rep, &e.key, E_SYNTAX, "write `name: value`", "a setting needs a plain name");
        const struct conf_entry *twice = conf_entry_find(s, e.key.text);
        if (twice != NULL)
                return conf_problem(r->rep, &e.key, E_DUPLICATE, "remove one of them",
                                    "%s is set twice, first in line %u", e.key.text, twice->key.line);
        enum ecode err = E_OK;
        if (v->type == YAML_SEQUENCE_NODE) {
                err = read_items(r, v, &e);
        } else if (v->type != YAML_SCALAR_NODE) {
                e.kind = CONF_MAPPING;
                err = conf_problem(r->rep, &e.value, E_SYNTAX,
                                   "settings have two levels only; a value that begins with { stands in quotes",
                                   "%s is a mapping", e.key.text);
        } else if (e.value.text == NULL) {
                err = conf_problem(r->rep, &e.value, E_SYNTAX, NULL, "the value of %s holds a NUL", e.key.text);
        } else {
                e.absent = v->data.scalar.length == 0 && v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        }
        if (err == E_OK)
                s->entries[s->entries_n++] = e;
        return err;
}

static enum ecode read_section(struct reading *r, const yaml_node_pair_t *pair)
{
        const yaml_node_t *k = yaml_document_get_node(&r->doc, pair->key);
        const yaml_node_t *v = yaml_document_get_node(&r->doc, pair->value);
        struct conf_section s = { .name = word_of(r, k) };
        if (s.name.text == NULL)
                return conf_problem(r->rep, &s.name, E_SYNTAX, NULL, "a section needs a plain name");
        const struct conf_section *twice = conf_section_find(r->conf, s.name.text);
        if (twice != NULL)
                return conf_problem(r->rep, &s.name, E_DUPLICATE, "join them",
                                    "section %s stands twice, first in line %u", s.name.text, twice->name.line);
        bool empty = v->type == YAML_SCALAR_NODE && v->data.scalar.length == 0;
        if (v->type != YAML_MAPPING_NODE && !empty)
                return conf_problem(r->rep, &s.name, E_SYNTAX, "indent the settings of a section below its name",
                                    "%s is not a section", s.name.text);
        size_t n = empty ? 0 : (size_t)(v->data.mapping.pairs.top - v->data.mapping.pairs.start);
        if (n > ENTRIES_MAX)
                return conf_problem(r->rep, &s.name, E_LIMIT, NULL, "section %s has more than %d settings", s.name.text,
                                    ENTRIES_MAX);
        s.entries = talloc_zero_array(r->conf, struct conf_entry, n + 1);
        if (s.entries == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < n; i++)
                read_entry(r, &s, &v->data.mapping.pairs.start[i]);
        r->conf->sections[r->conf->sections_n++] = s;
        return E_OK;
}

static enum ecode read_document(struct reading *r)
{
        const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
        if (root == NULL)
                return E_OK; /* nothing but comments: all defaults */
        struct conf_word at = { .line = (unsigned)root->start_mark.line + 1, .column = 1 };
        if (root->type != YAML_MAPPING_NODE)
                return conf_problem(r->rep, &at, E_SYNTAX, "`muster config sample` shows a whole file",
                                    "the file is not a list of sections");
        size_t n = (size_t)(root->data.mapping.pairs.top - root->data.mapping.pairs.start);
        if (n > SECTIONS_MAX)
                return conf_problem(r->rep, &at, E_LIMIT, NULL, "more than %d sections", SECTIONS_MAX);
        r->conf->sections = talloc_zero_array(r->conf, struct conf_section, n + 1);
        if (r->conf->sections == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < n; i++)
                read_section(r, &root->data.mapping.pairs.start[i]);
        return E_OK;
}

static enum ecode yaml_error(const yaml_parser_t *p, struct conf_report *rep)
{
        struct conf_word at = { .line = (unsigned)p->problem_mark.line + 1,
                                .column = (unsigned)p->problem_mark.column + 1 };
        if (p->error == YAML_MEMORY_ERROR)
                return conf_problem(rep, NULL, E_NOMEM, NULL, "out of memory");
        return conf_problem(rep, &at, E_SYNTAX, "indent with spaces, and put quotes around a value that begins with {",
                            "this is not YAML: %s%s%s", p->problem ? p->problem : "unreadable", p->context ? " " : "",
                            p->context ? p->context : "");
}

enum ecode conf_parse(void *mem, struct bytes yaml, struct conf **ret, struct conf_report *rep)
{
        size_t before = rep->n;
        if (yaml.n > CONF_FILE_MAX)
                return conf_problem(rep, NULL, E_LONG, NULL, "the file is longer than %zu octets", CONF_FILE_MAX);
        yaml_parser_t p;
        if (!yaml_parser_initialize(&p))
                return conf_problem(rep, NULL, E_NOMEM, NULL, "out of memory");
        struct reading r = { .rep = rep, .conf = talloc_zero(mem, struct conf) };
        yaml_parser_set_input_string(&p, yaml.n ? yaml.p : (const uint8_t *)"", yaml.n);
        if (r.conf == NULL) {
                conf_problem(rep, NULL, E_NOMEM, NULL, "out of memory");
        } else if (!yaml_parser_load(&p, &r.doc)) {
                yaml_error(&p, rep);
        } else {
                read_document(&r);
                yaml_document_delete(&r.doc);
        }
        yaml_parser_delete(&p);
        if (r.conf == NULL || rep->n > before) {
                talloc_free(r.conf);
                return E_CONFIG;
        }
        *ret = r.conf;
        return E_OK;
}

static enum ecode slurp(void *mem, const char *path, struct buf *to)
{
        FILE *f = fopen(path, "rbe");
        if (f == NULL)
                return E_IO;
        uint8_t chunk[4096];
        size_t n;
        *to = buf_on(mem);
        to->max = CONF_FILE_MAX + sizeof chunk; /* one too long is seen as such by conf_parse */
        while (!to->failed && to->n <= CONF_FILE_MAX && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
                buf_put(to, bytes_of(chunk, n));
        bool bad = ferror(f) != 0;
        fclose(f);
        return bad ? E_IO : to->failed ? E_NOMEM : E_OK;
}

enum ecode conf_load(void *mem, const char *path, struct conf **ret, struct conf_report *rep)
{
        void *tmp = talloc_new(NULL);
        struct buf text = { 0 };
        errno = 0;
        enum ecode e = slurp(tmp, path, &text);
        if (e != E_OK)
                conf_problem(rep, NULL, e, "`muster init` makes a deployment", "cannot read it: %s", strerror(errno));
        else
                e = conf_parse(mem, buf_bytes(&text), ret, rep);
        talloc_free(tmp);
        return e;
}

const struct conf_section *conf_section_find(const struct conf *c, const char *name)
{
        for (size_t i = 0; c != NULL && i < c->sections_n; i++)
                if (!strcmp(c->sections[i].name.text, name))
                        return &c->sections[i];
        return NULL;
}

const struct conf_entry *conf_entry_find(const struct conf_section *s, const char *key)
{
        for (size_t i = 0; s != NULL && i < s->entries_n; i++)
                if (!strcmp(s->entries[i].key.text, key))
                        return &s->entries[i];
        return NULL;
}

const char *conf_text(const struct conf *c, const char *section, const char *key)
{
        const struct conf_entry *e = conf_entry_find(conf_section_find(c, section), key);
        return e != NULL && e->kind == CONF_SCALAR && !e->absent ? e->value.text : NULL;
}

enum ecode conf_check_sections(struct conf *c, const char *const *known, struct conf_report *rep)
{
        size_t before = rep->n;
        for (size_t i = 0; i < c->sections_n; i++) {
                const struct conf_word *name = &c->sections[i].name;
                bool found = false;
                for (const char *const *k = known; *k != NULL; k++)
                        found |= !strcmp(*k, name->text);
                if (found)
                        continue;
                const char *near = conf_nearest(name->text, known);
                char *remedy = near ? talloc_asprintf(NULL, "did you mean %s?", near)
                                    : talloc_strdup(NULL, "`muster config sample` shows all sections");
                conf_problem(rep, name, E_NOT_FOUND, remedy, "there is no section %s", name->text);
                talloc_free(remedy);
        }
        return rep->n > before ? E_CONFIG : E_OK;
}
