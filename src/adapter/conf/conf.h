/* The configuration file: YAML with one section `deployment` and one section per role, bound to the rows of
 * port/conf.h.
 *
 * Everything that is wrong is reported, not only the first thing, and each report names file, line and column, the
 * cause and the remedy. A file that was accepted binds without a surprise: what is not written in it takes the row's
 * default.
 *
 *      deployment:
 *        net: 127.0.1
 *      idm:
 *        code_ttl_s: 30s
 */
#ifndef MUSTER_ADAPTER_CONF_H
#define MUSTER_ADAPTER_CONF_H

#include "base/bytes.h"
#include "base/err.h"
#include "port/conf.h"

#define CONF_FILE_MAX ((size_t)1 << 20)

struct conf_problem {
        unsigned line, column; /* from 1; 0: the file as a whole */
        enum ecode code;
        const char *text;   /* what is wrong */
        const char *remedy; /* what to write instead */
};

/* Collects problems. `file` is the name that people know the file by. */
struct conf_report {
        void *mem;
        const char *file;
        struct conf_problem *items;
        size_t n;
};

struct conf_report conf_report_on(void *mem, const char *file);
/* "muster.yaml:7:3: cause (remedy)", on mem. */
char *conf_problem_line(void *mem, const struct conf_report *rep, size_t i);
/* The first problem as an error, for callers that show one. Returns its code, E_OK when there is none. */
enum ecode conf_report_err(const struct conf_report *rep, struct err *er);

/* A file that was read; lives on mem. */
struct conf;
enum ecode conf_load(void *mem, const char *path, struct conf **ret, struct conf_report *rep);
enum ecode conf_parse(void *mem, struct bytes yaml, struct conf **ret, struct conf_report *rep);

/* What {name} stands for in values and defaults, and where relative paths begin. Setting a name again replaces it. */
enum ecode conf_set_var(struct conf *c, const char *name, const char *value);
void conf_set_dir(struct conf *c, const char *dir);

/* The text of one setting as it stands in the file, or NULL. */
const char *conf_text(const struct conf *c, const char *section, const char *key);

/* Fills the struct that `items` describe (size as the caller knows it; wholly initialised by this call) from the
 * section, or from the defaults where the file says nothing. Texts live on the conf. E_CONFIG when anything was
 * reported. */
enum ecode conf_bind(struct conf *c, const char *section, const struct conf_item *items, void *out, size_t out_size,
                     struct conf_report *rep);
/* Reports sections that nobody knows. `known` ends with NULL. */
enum ecode conf_check_sections(struct conf *c, const char *const *known, struct conf_report *rep);

/* The commented section that `muster init` writes: each setting with its sentence, its source and its default,
 * commented out; mandatory ones stand open. `title` may be NULL. `given` (may be NULL, ends with an all-zero row) are
 * settings that stand with a value. */
struct conf_given {
        const char *name, *value;
};
void conf_print_sample(struct buf *to, const char *section, const char *title, const struct conf_item *items,
                       const struct conf_given *given);
/* The effective values of a bound struct, as YAML that reads back to the same. */
void conf_print_values(struct buf *to, const char *section, const struct conf_item *items, const void *bound);

/* The word of `words` (ends with NULL) that is nearest to what somebody typed, or NULL when none is near. */
const char *conf_nearest(const char *typed, const char *const *words);

#endif
