#include "host/ladder_int.h"

#include "base/env.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

/* The same Call-ID or subject again after this long is another run: users sign on every morning. */
#define TIE_GAP_US INT64_C(60000000)

const char *ladder_text(const struct ladder_event *e, const char *key)
{
        const char *s = json_string_value(json_object_get(e->o, key));
        return s ? s : "";
}

static int drop(struct ladder *l)
{
        for (size_t i = 0; i < l->n; i++)
                json_decref(l->ev[i].o);
        return 0;
}

struct ladder *ladder_new(void *mem)
{
        struct ladder *l = talloc_zero(mem, struct ladder);
        if (l != NULL)
                talloc_set_destructor(l, drop);
        return l;
}

/* "2026-07-01T12:00:00.123456Z" to microseconds. */
static bool time_us(const char *text, int64_t *ret)
{
        int64_t s;
        if (time_parse_iso8601(bytes_str(text), &s) != E_OK)
                return false;
        int64_t us = 0, unit = 100000;
        const char *dot = strchr(text, '.');
        for (const char *p = dot != NULL ? dot + 1 : ""; unit > 0 && *p >= '0' && *p <= '9'; p++, unit /= 10)
                us += (*p - '0') * unit;
        *ret = s * 1000000 + us;
        return true;
}

bool ladder_begin(struct ladder *l, const char *since)
{
        return time_us(since, &l->from_us);
}

enum ecode ladder_add_line(struct ladder *l, struct bytes line)
{
        json_error_t je;
        json_t *o = json_loadb((const char *)line.p, line.n, 0, &je);
        struct ladder_event e = { .o = o, .order = l->n };
        if (o == NULL || !json_is_object(o)) {
                json_decref(o);
                return E_SYNTAX;
        }
        bool arrow = !strcmp(ladder_text(&e, "event"), "arrow") && *ladder_text(&e, "from") && *ladder_text(&e, "to");
        e.refusal = !strcmp(ladder_text(&e, "event"), "refused");
        e.drawn = arrow || e.refusal;
        bool ties = *ladder_text(&e, "trace") || *ladder_text(&e, "call") || *ladder_text(&e, "subject");
        if ((!e.drawn && !ties) || !time_us(ladder_text(&e, "time"), &e.at_us) || e.at_us < l->from_us) {
                json_decref(o);
                return E_OK;
        }
        if (l->n == l->cap) {
                size_t cap = l->cap ? 2 * l->cap : 256;
                struct ladder_event *grown = talloc_realloc(l, l->ev, struct ladder_event, cap);
                if (grown == NULL) {
                        json_decref(o);
                        return E_NOMEM;
                }
                l->ev = grown;
                l->cap = cap;
        }
        l->ev[l->n++] = e;
        return E_OK;
}

static enum ecode add_file(struct ladder *l, const char *path, struct err *er)
{
        FILE *f = fopen(path, "re");
        if (f == NULL)
                return err_set(er, E_IO, NULL, "cannot read %s: %s", path, strerror(errno));
        char *line = NULL;
        size_t cap = 0;
        ssize_t n;
        enum ecode e = E_OK;
        while (e != E_NOMEM && (n = getline(&line, &cap, f)) > 0)
                e = ladder_add_line(l, bytes_of(line, (size_t)n)); /* a line that is still being written is left out */
        free(line);
        fclose(f);
        return e == E_NOMEM ? err_set(er, E_NOMEM, NULL, "events") : E_OK;
}

static bool is_event_file(const char *name)
{
        size_t n = strlen(name);
        return !strncmp(name, "events-", 7) &&
               ((n > 6 && !strcmp(name + n - 6, ".jsonl")) || (n > 8 && !strcmp(name + n - 8, ".jsonl.1")));
}

enum ecode ladder_add_dir(struct ladder *l, const char *dir, struct err *er)
{
        char *log = talloc_asprintf(NULL, "%s/log", dir);
        DIR *d = opendir(log);
        enum ecode e = d ? E_OK : err_set(er, E_IO, NULL, "cannot read %s: %s", log, strerror(errno));
        for (const struct dirent *f; e == E_OK && (f = readdir(d)) != NULL;)
                if (is_event_file(f->d_name))
                        e = add_file(l, talloc_asprintf(log, "%s/%s", log, f->d_name), er);
        if (d != NULL)
                closedir(d);
        talloc_free(log);
        return e;
}

static int by_time(const void *a, const void *b)
{
        const struct ladder_event *x = a, *y = b;
        if (x->at_us != y->at_us)
                return x->at_us < y->at_us ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

/* Union-find: `up` leads to the representative of a set. */
static size_t top(size_t *up, size_t i)
{
        while (up[i] != i)
                i = up[i] = up[up[i]];
        return i;
}

static void join(size_t *up, size_t a, size_t b)
{
        a = top(up, a);
        b = top(up, b);
        up[a > b ? a : b] = a < b ? a : b;
}

/* Ties event i to the latest one before it that has the same value under this key. `seen` maps "key=value" to index
 * + 1. */
static void tie_by(struct ladder *l, size_t *up, json_t *seen, size_t i, const char *key, bool for_ever)
{
        const char *value = ladder_text(&l->ev[i], key);
        if (*value == 0)
                return;
        char *name = talloc_asprintf(NULL, "%s=%s", key, value);
        size_t before = (size_t)json_integer_value(json_object_get(seen, name));
        if (before > 0 && (for_ever || l->ev[i].at_us - l->ev[before - 1].at_us < TIE_GAP_US))
                join(up, i, before - 1);
        json_object_set_new(seen, name, json_integer((json_int_t)i + 1));
        talloc_free(name);
}

void ladder_tie(struct ladder *l)
{
        if (l->n > 0)
                qsort(l->ev, l->n, sizeof *l->ev, by_time);
        size_t *up = talloc_array(NULL, size_t, l->n + 1);
        json_t *seen = json_object();
        for (size_t i = 0; i < l->n; i++) {
                up[i] = i;
                tie_by(l, up, seen, i, "trace", true);
                tie_by(l, up, seen, i, "call", false);
                tie_by(l, up, seen, i, "subject", false);
        }
        l->runs = 0;
        for (size_t i = 0; i < l->n; i++)
                l->ev[i].run = top(up, i) == i ? l->runs++ : l->ev[up[i]].run;
        json_decref(seen);
        talloc_free(up);
}

static struct ladder_run collect(struct ladder *l, void *mem, size_t number)
{
        struct ladder_run r = { .ev = talloc_array(mem, const struct ladder_event *, l->n), .flow = "", .trace = "" };
        for (size_t i = 0; r.ev != NULL && i < l->n; i++) {
                const struct ladder_event *e = &l->ev[i];
                if (e->run != number)
                        continue;
                if (*r.flow == 0)
                        r.flow = ladder_text(e, "flow");
                if (*r.trace == 0)
                        r.trace = ladder_text(e, "trace");
                if (e->drawn)
                        r.ev[r.n++] = e;
                r.refusals += e->refusal;
        }
        return r;
}

static bool wanted(struct ladder *l, size_t number, const struct ladder_options *opt)
{
        int64_t since = 0;
        if (opt->since != NULL && !time_us(opt->since, &since))
                return false;
        bool traced = opt->trace == NULL, late = opt->since == NULL;
        for (size_t i = 0; i < l->n && !(traced && late); i++) {
                if (l->ev[i].run != number)
                        continue;
                late |= l->ev[i].at_us >= since;
                traced |=
                        opt->trace != NULL && !strncmp(ladder_text(&l->ev[i], "trace"), opt->trace, strlen(opt->trace));
        }
        return traced && late;
}

struct ladder_run *ladder_choose(struct ladder *l, void *mem, const struct ladder_options *opt, size_t *n)
{
        struct ladder_run *runs = talloc_zero_array(mem, struct ladder_run, l->runs + 1);
        *n = 0;
        for (size_t i = 0; runs != NULL && i < l->runs; i++) {
                if (!wanted(l, i, opt))
                        continue;
                runs[*n] = collect(l, mem, i);
                *n += runs[*n].n > 0;
        }
        if (opt->last_run && *n > 1) {
                size_t newest = 0;
                for (size_t i = 1; i < *n; i++)
                        if (runs[i].ev[runs[i].n - 1]->at_us >= runs[newest].ev[runs[newest].n - 1]->at_us)
                                newest = i;
                runs[0] = runs[newest];
                *n = 1;
        }
        return runs;
}

size_t ladder_draw(struct ladder *l, const struct ladder_options *opt, struct buf *to)
{
        void *mem = talloc_new(NULL);
        size_t n, drawn = 0;
        struct ladder_run *runs = ladder_choose(l, mem, opt, &n);
        for (size_t i = 0; i < n; i++)
                drawn += ladder_draw_run(&runs[i], opt, to);
        talloc_free(mem);
        return drawn;
}

size_t ladder_draw_new(struct ladder *l, const struct ladder_options *opt, int64_t before_us, bool header,
                       struct buf *to)
{
        struct ladder_run r = { .ev = talloc_array(NULL, const struct ladder_event *, l->n + 1),
                                .flow = "",
                                .trace = "" };
        for (size_t i = 0; r.ev != NULL && i < l->n; i++) {
                struct ladder_event *e = &l->ev[i];
                if (e->shown || e->at_us > before_us)
                        continue;
                e->shown = true;
                bool traced = opt->trace == NULL || !strncmp(ladder_text(e, "trace"), opt->trace, strlen(opt->trace));
                if (e->drawn && traced)
                        r.ev[r.n++] = e;
        }
        if (r.n > 0)
                ladder_draw_rows(&r, opt, header, to);
        talloc_free(r.ev);
        return r.n;
}

json_t *ladder_json(struct ladder *l, const struct ladder_options *opt)
{
        void *mem = talloc_new(NULL);
        size_t n;
        struct ladder_run *runs = ladder_choose(l, mem, opt, &n);
        json_t *all = json_array();
        for (size_t i = 0; i < n; i++) {
                json_t *events = json_array();
                for (size_t k = 0; k < runs[i].n; k++)
                        json_array_append(events, runs[i].ev[k]->o);
                int64_t took = runs[i].ev[runs[i].n - 1]->at_us - runs[i].ev[0]->at_us;
                json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:I,s:I,s:o}", "flow", runs[i].flow, "trace",
                                                     runs[i].trace, "began", ladder_text(runs[i].ev[0], "time"),
                                                     "took_us", (json_int_t)took, "refusals",
                                                     (json_int_t)runs[i].refusals, "events", events));
        }
        talloc_free(mem);
        return all;
}
