/* The file as it was read: sections of entries with their places. Inside of adapter/conf only. */
#ifndef MUSTER_ADAPTER_CONF_TREE_H
#define MUSTER_ADAPTER_CONF_TREE_H

#include "adapter/conf/conf.h"

enum conf_kind { CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };

struct conf_word {
        const char *text;
        unsigned line, column;
};

struct conf_entry {
        struct conf_word key;
        enum conf_kind kind;
        struct conf_word value;  /* scalar; for others the place alone */
        bool absent;             /* "key:" with nothing behind it counts as not written */
        struct conf_word *items; /* sequence of scalars */
        size_t items_n;
};

struct conf_section {
        struct conf_word name;
        struct conf_entry *entries;
        size_t entries_n;
};

struct conf_var {
        char *name, *value;
};

struct conf {
        struct conf_section *sections;
        size_t sections_n;
        struct conf_var *vars;
        size_t vars_n;
        const char *dir;
};

const struct conf_section *conf_section_find(const struct conf *c, const char *name);
const struct conf_entry *conf_entry_find(const struct conf_section *s, const char *key);

/* Adds a problem; the remedy is formatted by the caller or a constant. Returns code. */
enum ecode conf_problem(struct conf_report *rep, const struct conf_word *at, enum ecode code, const char *remedy,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Replaces {name}. NULL: `*unknown` is the name that nobody set (on mem), or memory is out. */
char *conf_expand(const struct conf *c, void *mem, const char *text, char **unknown);

/* Words of a list as one line: "[a, b]", "a, b" or "a b". */
enum ecode conf_split(void *mem, const char *text, struct conf_list *ret);

#endif
