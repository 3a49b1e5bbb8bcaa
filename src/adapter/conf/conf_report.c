#include "adapter/conf/conf_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <talloc.h>

struct conf_report conf_report_on(void *mem, const char *file)
{
        return (struct conf_report){ .mem = mem, .file = file };
}

enum ecode conf_problem(struct conf_report *rep, const struct conf_word *at, enum ecode code, const char *remedy,
                        const char *fmt, ...)
{
        struct conf_problem *grown = talloc_realloc(rep->mem, rep->items, struct conf_problem, rep->n + 1);
        if (grown == NULL)
                return E_NOMEM;
        rep->items = grown;
        va_list ap;
        va_start(ap, fmt);
        char *text = talloc_vasprintf(rep->items, fmt, ap);
        va_end(ap);
        rep->items[rep->n++] = (struct conf_problem){
                .line = at ? at->line : 0,
                .column = at ? at->column : 0,
                .code = code,
                .text = text ? text : "out of memory",
                .remedy = remedy ? talloc_strdup(rep->items, remedy) : NULL,
        };
        return code;
}

char *conf_problem_line(void *mem, const struct conf_report *rep, size_t i)
{
        const struct conf_problem *p = &rep->items[i];
        char *place = p->line ? talloc_asprintf(mem, "%s:%u:%u", rep->file, p->line, p->column)
                              : talloc_strdup(mem, rep->file);
        return talloc_asprintf(mem, "%s: %s%s%s%s", place, p->text, p->remedy ? " (" : "", p->remedy ? p->remedy : "",
                               p->remedy ? ")" : "");
}

enum ecode conf_report_err(const struct conf_report *rep, struct err *er)
{
        if (rep->n == 0)
                return E_OK;
        char *line = conf_problem_line(rep->mem, rep, 0);
        enum ecode e = err_set(er, rep->items[0].code, NULL, "%s", line ? line : "out of memory");
        talloc_free(line);
        return e;
}

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Levenshtein distance of words below 64 letters; longer ones are far from everything. */
static size_t distance(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b), row[64];
        if (n >= COUNT(row) || m >= COUNT(row))
                return COUNT(row);
        for (size_t j = 0; j <= m; j++)
                row[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        size_t best = smaller(smaller(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[m];
}

const char *conf_nearest(const char *typed, const char *const *words)
{
        const char *best = NULL;
        size_t limit = strlen(typed) / 3 + 2, nearest = limit;
        for (; *words != NULL; words++) {
                size_t d = distance(typed, *words);
                if (d < nearest && d < strlen(*words)) {
                        nearest = d;
                        best = *words;
                }
        }
        return best;
}
