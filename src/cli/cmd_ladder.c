/* ladder, logs: what happened, drawn and in words. */
#include "base/env.h"
#include "cli/command.h"
#include "host/ladder.h"
#include "host/tail.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

/* Lines of several processes are put in order as long as they come within this time. */
enum { SETTLE_US = 200000, HEADER_EVERY = 30 };

static unsigned terminal_width(const struct cli *c)
{
        const char *given = cli_opt(c, "width");
        struct winsize w;
        if (given != NULL)
                return (unsigned)strtoul(given, NULL, 10);
        if (c->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
                return w.ws_col;
        return 80;
}

/* "10m" before now, or ISO 8601. */
static const char *since(const struct cli *c)
{
        const char *text = cli_opt(c, "since");
        char *end;
        long long n = text ? strtoll(text, &end, 10) : 0;
        const char *units = "smhd";
        static const int seconds[] = { 1, 60, 3600, 86400 };
        if (text == NULL || n <= 0 || *end == 0 || end[1] != 0 || strchr(units, *end) == NULL)
                return text;
        char *iso = talloc_zero_size(c->mem, 32);
        time_iso8601(clock_now(&clock_system) - n * seconds[strchr(units, *end) - units], iso);
        return iso;
}

static void print_buf(const struct buf *b)
{
        if (b->n > 0)
                fwrite(b->p, 1, b->n, stdout);
        fflush(stdout);
}

static void add_line(void *arg, struct bytes line)
{
        ladder_add_line(arg, line);
}

static int64_t now_us(void)
{
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Until Ctrl-C. A fresh ladder for each stretch, so that memory does not grow with the day. */
static enum ecode follow(struct cli *c, const char *dir, const struct ladder_options *opt, struct err *er)
{
        struct tail *t = tail_new(c->mem, dir, true);
        struct ladder *l = ladder_new(c->mem);
        enum ecode e = tail_read(t, NULL, NULL, er);
        for (size_t rows = 0, added = 0; e == E_OK && !ferror(stdout);) {
                struct buf b = buf_on(c->mem);
                e = tail_read(t, add_line, l, er);
                ladder_tie(l);
                size_t n = ladder_draw_new(l, opt, now_us() - SETTLE_US, rows % HEADER_EVERY == 0, &b);
                print_buf(&b);
                talloc_free(b.p);
                rows += n;
                added += n;
                if (n == 0 && added > 1000) {
                        talloc_free(l);
                        l = ladder_new(c->mem);
                        added = 0;
                }
                tail_wait(t, n ? 50 : 250);
        }
        return e;
}

static enum ecode cmd_ladder(struct cli *c, struct err *er)
{
        struct deployment *d;
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        setlocale(LC_CTYPE, "");
        const struct ladder_options opt = {
                .width = terminal_width(c),
                .colour = c->colour,
                .ascii = cli_opt(c, "ascii") != NULL || (c->out_tty && strcmp(nl_langinfo(CODESET), "UTF-8") != 0),
                .trace = cli_opt(c, "trace"),
                .since = since(c),
                .last_run = cli_opt(c, "last") != NULL,
                .note = true,
        };
        if (cli_opt(c, "follow") != NULL)
                return follow(c, d->site.dir, &opt, er);
        struct ladder *l = ladder_new(c->mem);
        e = ladder_add_dir(l, d->site.dir, er);
        if (e != E_OK)
                return e;
        ladder_tie(l);
        if (c->json) {
                json_t *runs = ladder_json(l, &opt);
                json_dumpf(runs, stdout, JSON_INDENT(2));
                puts("");
                json_decref(runs);
                return E_OK;
        }
        struct buf b = buf_on(c->mem);
        b.max = (size_t)256 << 20;
        size_t n = ladder_draw(l, &opt, &b);
        print_buf(&b);
        if (n == 0)
                return err_set(er, E_NOT_FOUND, NULL, "no message was seen%s: sign somebody on first",
                               opt.trace || opt.since ? " in what you asked for" : "");
        return E_OK;
}

/* ---- logs ---- */

struct log_line {
        char *time, *raw;
        json_t *o;
};

struct logs {
        const struct cli *c;
        struct log_line *lines;
        size_t n;
        const char *role, *since;
        int level;
};

static int level_of(const char *word)
{
        static const char *const levels[] = { "debug", "info", "warning", "error" };
        for (size_t i = 0; i < COUNT(levels); i++)
                if (word != NULL && !strcmp(word, levels[i]))
                        return (int)i;
        return -1;
}

static void collect_log(void *arg, struct bytes line)
{
        struct logs *g = arg;
        json_t *o = json_loadb((const char *)line.p, line.n, 0, NULL);
        const char *when = json_string_value(json_object_get(o, "time"));
        const char *role = json_string_value(json_object_get(o, "role"));
        bool wanted = when != NULL && role != NULL && (g->role == NULL || !strcmp(role, g->role)) &&
                      (g->since == NULL || strcmp(when, g->since) >= 0) &&
                      level_of(json_string_value(json_object_get(o, "level"))) >= g->level;
        struct log_line *grown = wanted ? talloc_realloc(g->c->mem, g->lines, struct log_line, g->n + 1) : NULL;
        if (grown != NULL) {
                g->lines = grown;
                grown[g->n].time = talloc_strdup(grown, when);
                grown[g->n].raw = bytes_to_str(grown, line);
                grown[g->n++].o = json_incref(o);
        }
        json_decref(o);
}

static int by_time(const void *a, const void *b)
{
        return strcmp(((const struct log_line *)a)->time, ((const struct log_line *)b)->time);
}

/* Values may come from a stranger: controls (C0, DEL, and C1 as UTF-8 writes them) do not reach the terminal. */
static void put_value(const char *text)
{
        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
                putchar(*p < 0x20 || *p == 0x7f || c1 ? '?' : *p);
                p += c1;
        }
}

static void print_log(const struct cli *c, const struct log_line *l)
{
        static const char *const paint[] = { "\033[2m", "", "\033[33m", "\033[31m" };
        int level = level_of(json_string_value(json_object_get(l->o, "level")));
        printf("%.19s %-6s %s", l->time, json_string_value(json_object_get(l->o, "role")),
               c->colour && level >= 0 ? paint[level] : "");
        const char *name = json_string_value(json_object_get(l->o, "event")), *key;
        put_value(name ? name : "");
        fputs(c->colour ? "\033[0m" : "", stdout);
        json_t *v;
        json_object_foreach(l->o, key, v)
        {
                if (!strcmp(key, "time") || !strcmp(key, "level") || !strcmp(key, "role") || !strcmp(key, "event"))
                        continue;
                printf(" %s=", key);
                if (json_is_string(v)) {
                        bool plain = strcspn(json_string_value(v), " \"=") == json_string_length(v);
                        fputs(plain ? "" : "\"", stdout);
                        put_value(json_string_value(v));
                        fputs(plain ? "" : "\"", stdout);
                } else {
                        json_is_boolean(v) ? printf("%s", json_is_true(v) ? "yes" : "no")
                                           : printf("%lld", (long long)json_integer_value(v));
                }
        }
        puts("");
}

static void print_logs(struct logs *g)
{
        if (g->n > 0)
                qsort(g->lines, g->n, sizeof *g->lines, by_time);
        for (size_t i = 0; i < g->n; i++) {
                if (g->c->json)
                        puts(g->lines[i].raw);
                else
                        print_log(g->c, &g->lines[i]);
                json_decref(g->lines[i].o);
        }
        talloc_free(g->lines);
        g->lines = NULL;
        g->n = 0;
        fflush(stdout);
}

static enum ecode cmd_logs(struct cli *c, struct err *er)
{
        struct deployment *d;
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        const char *level = cli_opt(c, "level");
        struct logs g = { .c = c, .role = cli_opt(c, "role"), .since = since(c), .level = level ? level_of(level) : 1 };
        if (g.level < 0)
                return err_set(er, E_RANGE, NULL, "--level is one of debug, info, warning, error");
        struct tail *t = tail_new(c->mem, d->site.dir, false);
        bool more = cli_opt(c, "follow") != NULL;
        do {
                e = tail_read(t, collect_log, &g, er);
                print_logs(&g);
                if (more)
                        tail_wait(t, 1000);
        } while (e == E_OK && more && !ferror(stdout));
        return e;
}

const struct cli_cmd cli_ladder_cmds[] = {
        { "ladder",
          "",
          0,
          0,
          "Draw who sent what to whom, in the shape of the standard's figures.",
          "Reads the events of all functions of this deployment. Messages that belong together by trace, Call-ID or "
          "subject "
          "make one run; each arrow carries the step of the standard's figure.",
          cmd_ladder,
          { { "follow", 'f', NULL, "Go on drawing what happens, until Ctrl-C." },
            { "last", 0, NULL, "Only the newest run." },
            { "since", 0, "TIME", "Only runs since then: 10m, 2h, or 2026-07-01T12:00:00Z." },
            { "trace", 0, "ID", "Only the run with this trace id (its beginning is enough)." },
            { "width", 0, "N", "Columns to use (default: the terminal's, else 80)." },
            { "ascii", 0, NULL, "Without line drawing characters." } } },
        { "logs",
          "",
          0,
          0,
          "Show the events of all functions in order of time.",
          NULL,
          cmd_logs,
          { { "follow", 'f', NULL, "Go on showing what happens, until Ctrl-C." },
            { "since", 0, "TIME", "Only since then: 10m, 2h, or 2026-07-01T12:00:00Z." },
            { "role", 0, "ROLE", "Only of this function." },
            { "level", 0, "LEVEL", "Least importance: debug, info, warning, error (default info)." } } },
        { 0 },
};
