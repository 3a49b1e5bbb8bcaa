/* storm: makes load and reports percentiles. */
#include "cli/cli_util.h"
#include "cli/command.h"
#include "cli/storm_users.h"
#include "host/storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

#define STEPS_DEFAULT "configure,login,keys,register,authorize,profile"

static enum ecode number(const struct cli *c, const char *name, unsigned dflt, unsigned most, unsigned *ret,
                         struct err *er)
{
        const char *text = cli_opt(c, name);
        char *end = NULL;
        unsigned long n = text != NULL ? strtoul(text, &end, 10) : dflt;
        if (text != NULL && (end == text || *end != 0 || text[0] == '-' || n < 1 || n > most))
                return err_set(er, E_RANGE, NULL, "--%s is a number from 1 to %u", name, most);
        *ret = (unsigned)n;
        return E_OK;
}

/* --- what is told --- */

static json_t *cpu_json(const struct storm_result *r, const double *cpu_s, uint64_t per)
{
        json_t *o = json_object();
        for (size_t i = 0; i < r->roles_n; i++)
                json_object_set_new(o, r->role[i], json_real(per > 0 ? 1e3 * cpu_s[i] / (double)per : 0));
        return o;
}

static double total(const struct storm_result *r, const double *cpu_s)
{
        double sum = 0;
        for (size_t i = 0; i < r->roles_n; i++)
                sum += cpu_s[i];
        return sum;
}

static json_t *step_json(const struct storm_result *r, const struct storm_step *s, bool waves)
{
        json_t *o = json_pack("{s:s,s:I,s:I,s:f,s:f,s:f,s:f}", "name", s->name, "done", (json_int_t)s->done, "failed",
                              (json_int_t)s->failed, "median_ms", s->median_ms, "p95_ms", s->p95_ms, "p99_ms",
                              s->p99_ms, "max_ms", s->max_ms);
        if (waves) {
                json_object_set_new(o, "elapsed_s", json_real(s->elapsed_s));
                json_object_set_new(o, "cpu_ms", cpu_json(r, s->cpu_s, s->done));
        }
        return o;
}

static void print_json(const struct storm_result *r, const struct storm_conf *f)
{
        json_t *steps = json_array(), *errors = json_array();
        for (size_t i = 0; i < r->steps_n; i++)
                json_array_append_new(steps, step_json(r, &r->step[i], f->waves));
        for (size_t i = 0; i < r->errors_n; i++)
                json_array_append_new(errors, json_pack("{s:s,s:s,s:s,s:I}", "step", r->error[i].step, "code",
                                                        ecode_name(r->error[i].code), "text", r->error[i].text, "count",
                                                        (json_int_t)r->error[i].count));
        double all = total(r, r->cpu_s), n = r->chains > 0 ? (double)r->chains : 1;
        json_t *o = json_pack("{s:I,s:i,s:I,s:I,s:f,s:f,s:o,s:o,s:f,s:f,s:o}", "users",
                              (json_int_t)json_array_size(f->users), "concurrency", (int)f->concurrency, "chains",
                              (json_int_t)r->chains, "failed", (json_int_t)r->broken, "elapsed_s", r->elapsed_s,
                              "chains_per_s", (double)r->chains / r->elapsed_s, "steps", steps, "cpu_ms_per_chain",
                              cpu_json(r, r->cpu_s, r->chains), "roles_cpu_ms_per_chain", 1e3 * all / n,
                              "storm_cpu_ms_per_chain", 1e3 * r->own_cpu_s / n, "errors", errors);
        cli_print_json(o);
        json_decref(o);
}

static void print_steps(const struct storm_result *r)
{
        printf("%-12s %8s %8s %10s %10s %10s %10s\n", "STEP", "DONE", "FAILED", "MEDIAN ms", "P95 ms", "P99 ms",
               "MAX ms");
        for (size_t i = 0; i < r->steps_n; i++) {
                const struct storm_step *s = &r->step[i];
                printf("%-12s %8llu %8llu %10.1f %10.1f %10.1f %10.1f\n", s->name, (unsigned long long)s->done,
                       (unsigned long long)s->failed, s->median_ms, s->p95_ms, s->p99_ms, s->max_ms);
        }
}

/* Milliseconds of processor time for one user: a line per role, a column per step. */
static void print_cpu(const struct storm_result *r, bool waves)
{
        printf("\n%-12s", "CPU ms");
        for (size_t i = 0; waves && i < r->steps_n; i++)
                printf(" %10s", r->step[i].name);
        printf(" %10s\n", "chain");
        for (size_t k = 0; k < r->roles_n; k++) {
                printf("%-12s", r->role[k]);
                for (size_t i = 0; waves && i < r->steps_n; i++)
                        printf(" %10.2f", r->step[i].done ? 1e3 * r->step[i].cpu_s[k] / (double)r->step[i].done : 0);
                printf(" %10.2f\n", r->chains ? 1e3 * r->cpu_s[k] / (double)r->chains : 0);
        }
        printf("%-12s", "all");
        for (size_t i = 0; waves && i < r->steps_n; i++)
                printf(" %10.2f", r->step[i].done ? 1e3 * total(r, r->step[i].cpu_s) / (double)r->step[i].done : 0);
        printf(" %10.2f\n", r->chains ? 1e3 * total(r, r->cpu_s) / (double)r->chains : 0);
}

static void print_text(const struct storm_result *r, const struct storm_conf *f)
{
        print_steps(r);
        print_cpu(r, f->waves);
        for (size_t i = 0; i < r->errors_n; i++)
                printf("%s%llu times at %s: %s\n", i ? "" : "\n", (unsigned long long)r->error[i].count,
                       r->error[i].step, r->error[i].text);
        printf("\n%llu chains in %.1f s: %.1f per second", (unsigned long long)r->chains, r->elapsed_s,
               (double)r->chains / r->elapsed_s);
        printf(r->broken ? "; %llu failed\n" : "\n", (unsigned long long)r->broken);
}

/* --- the command --- */

static enum ecode remove_users(struct cli *c, struct deployment *d, struct err *er)
{
        size_t n;
        enum ecode e = storm_users_remove(c, d, &n, er);
        if (e == E_OK)
                printf("%zu users are removed\n", n);
        return e;
}

static enum ecode steps_of(struct cli *c, const char ***ret, struct err *er)
{
        const char *text = cli_opt(c, "steps");
        json_t *words = cli_words(text != NULL ? text : STEPS_DEFAULT), *w;
        size_t n = 0, i, have = json_array_size(words);
        const char **list = talloc_zero_array(c->mem, const char *, have + 2);
        if (have > 0 && strcmp(json_string_value(json_array_get(words, 0)), "configure") != 0)
                list[n++] = "configure"; /* without it a UE knows no address */
        json_array_foreach(words, i, w) list[n++] = talloc_strdup(c->mem, json_string_value(w));
        json_decref(words);
        *ret = list;
        return n > 0 ? E_OK : err_set(er, E_MISSING, NULL, "--steps names no step");
}

static enum ecode conf_of(struct cli *c, struct storm_conf *f, unsigned *users, struct err *er)
{
        const char **steps = NULL;
        enum ecode e = cli_transport(c, &f->proto, er);
        if (e == E_OK)
                e = number(c, "users", 100, 99999, users, er);
        if (e == E_OK)
                e = number(c, "seconds", 10, 86400, &f->seconds, er);
        if (e == E_OK)
                e = number(c, "concurrency", *users < 16 ? *users : 16, *users < 2000 ? *users : 2000, &f->concurrency,
                           er);
        if (e == E_OK)
                e = steps_of(c, &steps, er);
        f->steps = steps;
        f->waves = cli_opt(c, "waves") != NULL;
        f->share_https = cli_opt(c, "share-https") != NULL;
        return e;
}

static enum ecode cmd_storm(struct cli *c, struct err *er)
{
        struct storm_conf f = { 0 };
        struct storm_result *r = talloc_zero(c->mem, struct storm_result);
        struct deployment *d;
        unsigned users = 0;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK && cli_opt(c, "remove") != NULL)
                return remove_users(c, d, er);
        if (e == E_OK)
                e = conf_of(c, &f, &users, er);
        if (e == E_OK)
                e = cli_handset_client(d, er);
        if (e == E_OK)
                e = storm_users(c, d, users, &f.users, er);
        f.d = d;
        if (e == E_OK)
                e = storm_run(c->mem, &f, r, er);
        if (e == E_OK && c->json)
                print_json(r, &f);
        else if (e == E_OK)
                print_text(r, &f);
        json_decref(f.users);
        if (e == E_OK && r->broken > 0)
                e = err_set(er, r->error[0].code, NULL, "%llu of %llu chains failed", (unsigned long long)r->broken,
                            (unsigned long long)(r->chains + r->broken));
        return e;
}

const struct cli_cmd cli_storm_cmds[] = {
        { "storm",
          "",
          0,
          0,
          "Make load: many UEs sign on at the same time; report percentiles and what each role spent.",
          "Each chain is a device that has just been switched on, with connections of its own. The users are "
          "provisioned "
          "at the first time, kept in ue/storm.json, and removed by --remove. Processor time is milliseconds for one "
          "chain; with --waves each step has its own column. Exit status 0 only if no chain failed.",
          cmd_storm,
          { { "users", 'n', "N", "How many users there are (100)." },
            { "concurrency", 'c', "N", "How many UEs are active at a time (16)." },
            { "seconds", 's', "S", "How long new chains begin (10)." },
            { "steps", 0, "STEP,...",
              "configure, login, refresh, keys, register, authorize, profile, log-off, deregister "
              "(default: " STEPS_DEFAULT ")." },
            { "transport", 't', "NAME", "SIP over tls (default), tcp or udp." },
            { "waves", 0, NULL, "Every user once, and all do a step before any does the next." },
            { "share-https", 0, NULL, "UEs share HTTPS connections: fewer handshakes than devices make." },
            { "remove", 0, NULL, "Only remove the users of earlier storms." } } },
        { 0 },
};
