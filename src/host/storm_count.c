#include "host/storm_int.h"

#include "host/admin.h"
#include "host/roles.h"

#include <stdlib.h>
#include <talloc.h>

enum { CALL_MS = 5000 };

/* Durations in microseconds and processor times of other processes are what no struct clock offers; nothing is decided
 * by them. */
double storm_seconds(clockid_t c)
{
        struct timespec t = { 0 };
        clock_gettime(c, &t);
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- latencies --- */

void samples_put(struct samples *s, double seconds)
{
        if (s->n == s->room) {
                size_t room = s->room ? 2 * s->room : 256;
                uint32_t *more = realloc(s->us, room * sizeof *more);
                if (more == NULL)
                        return; /* one sample less */
                s->us = more;
                s->room = room;
        }
        s->us[s->n++] = seconds < 4000 ? (uint32_t)(seconds * 1e6) : UINT32_MAX;
}

static int by_value(const void *a, const void *b)
{
        uint32_t x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return (x > y) - (x < y);
}

/* Nearest rank. */
static double percentile(const uint32_t *us, size_t n, unsigned p)
{
        size_t rank = (n * p + 99) / 100;
        return rank > 0 ? us[rank - 1] / 1e3 : 0;
}

void samples_sum(struct samples *of, size_t n, size_t stride, struct storm_step *to)
{
        struct samples all = { 0 };
        for (size_t t = 0; t < n; t++) {
                struct samples *s = &of[t * stride];
                for (size_t i = 0; i < s->n; i++)
                        samples_put(&all, s->us[i] / 1e6);
                to->failed += s->failed;
                free(s->us);
                *s = (struct samples){ 0 };
        }
        if (all.n > 0)
                qsort(all.us, all.n, sizeof *all.us, by_value);
        to->done = all.n;
        to->median_ms = percentile(all.us, all.n, 50);
        to->p95_ms = percentile(all.us, all.n, 95);
        to->p99_ms = percentile(all.us, all.n, 99);
        to->max_ms = percentile(all.us, all.n, 100);
        free(all.us);
}

/* --- processor time --- */

static enum ecode find_one(void *mem, const struct deployment *d, const char *role, struct storm_cpu *cpu,
                           struct err *er)
{
        json_t *status = NULL;
        enum ecode e = admin_call(mem, d->site.dir, role, "status", NULL, CALL_MS, &status, er);
        pid_t pid = (pid_t)json_integer_value(json_object_get(status, "pid"));
        json_decref(status);
        if (e == E_OK && (pid <= 0 || clock_getcpuclockid(pid, &cpu->clock[cpu->n]) != 0))
                e = err_set(er, E_NOT_FOUND, NULL, "the processor time of %s cannot be seen from here", role);
        cpu->n += e == E_OK;
        return e;
}

enum ecode storm_cpu_find(void *mem, const struct deployment *d, struct storm_cpu *cpu, struct storm_result *ret,
                          struct err *er)
{
        const char **roles = d->set.roles.n ? d->set.roles.item : host_role_names(mem);
        enum ecode e = E_OK;
        for (; *roles != NULL && e == E_OK && cpu->n < STORM_ROLES_MAX; roles++) {
                e = find_one(mem, d, *roles, cpu, er);
                ret->role[ret->roles_n] = *roles;
                ret->roles_n = cpu->n;
        }
        return e;
}

void storm_cpu_read(const struct storm_cpu *cpu, double ret[STORM_ROLES_MAX])
{
        for (size_t i = 0; i < cpu->n; i++)
                ret[i] = storm_seconds(cpu->clock[i]);
}

void storm_cpu_since(const struct storm_cpu *cpu, const double since[STORM_ROLES_MAX], double to[STORM_ROLES_MAX])
{
        double now[STORM_ROLES_MAX];
        storm_cpu_read(cpu, now);
        for (size_t i = 0; i < cpu->n; i++)
                to[i] = now[i] > since[i] ? now[i] - since[i] : 0; /* a restarted process has another clock */
}

/* --- failures --- */

void storm_error_put(struct storm_result *ret, const char *step, const struct err *why)
{
        for (size_t i = 0; i < ret->errors_n; i++)
                if (ret->error[i].code == why->code && !strcmp(ret->error[i].step, step)) {
                        ret->error[i].count++;
                        return;
                }
        if (ret->errors_n == STORM_ERRORS_MAX)
                return;
        struct storm_error *e = &ret->error[ret->errors_n++];
        *e = (struct storm_error){ .step = step, .code = why->code, .count = 1 };
        snprintf(e->text, sizeof e->text, "%s", why->text);
}
