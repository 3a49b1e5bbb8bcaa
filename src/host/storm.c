#include "host/storm_int.h"

#include "host/ue_site.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

enum { EXPIRES_S = 600000, THREADS_PER_LOOP = 16 };

struct storm {
        const struct storm_conf *conf;
        struct storm_result *ret;
        struct ue_site *site;
        size_t step[STORM_STEPS_MAX], steps_n; /* rows of `steps` */
        struct storm_cpu cpu;
        double end;          /* of beginning new chains */
        struct guest *guest; /* one for each user */
        size_t guests_n;
        size_t wave;           /* which step the threads do now */
        struct samples *count; /* [thread][step] */
        pthread_mutex_t lock;  /* of ret's errors */
        atomic_uint_fast64_t chains, broken;
};

/* A user, and the UE that it has while its chain runs. */
struct guest {
        json_t *profile;
        const char *password;
        struct ue_seat *seat;
        bool broken;
};

struct thread {
        struct storm *s;
        size_t number;
        pthread_t id;
};

/* --- the steps --- */

static enum ecode do_configure(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_configure(u, er);
}

static enum ecode do_login(struct ue *u, const char *password, struct err *er)
{
        return ue_login_password(u, password, er);
}

static enum ecode do_refresh(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_refresh(u, er);
}

static enum ecode do_keys(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_fetch_keys(u, er);
}

static enum ecode do_register(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_register(u, EXPIRES_S, false, er);
}

static enum ecode do_authorize(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        enum ecode e = E_OK;
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++)
                if (u->tokens.service_id[s] != NULL)
                        e = ue_authorize(u, (enum mcx_service)s, er);
        return e;
}

static enum ecode do_profile(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_read_profile(u, MCX_PTT, er);
}

static enum ecode do_log_off(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        enum ecode e = E_OK;
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++)
                if (u->auth[s].etag != NULL)
                        e = ue_log_off(u, (enum mcx_service)s, er);
        return e;
}

static enum ecode do_deregister(struct ue *u, const char *password, struct err *er)
{
        (void)password;
        return ue_deregister(u, er);
}

static enum ecode (*const steps[])(struct ue *, const char *, struct err *) = {
        do_configure, do_login, do_refresh, do_keys, do_register, do_authorize, do_profile, do_log_off, do_deregister,
};
const char *const storm_step_names[] = { "configure", "login",   "refresh", "keys",       "register",
                                         "authorize", "profile", "log-off", "deregister", NULL };
_Static_assert(COUNT(steps) + 1 == COUNT(storm_step_names), "each step has a name");

/* --- one UE --- */

static void leave(struct guest *g)
{
        ue_seat_close(g->seat);
        g->seat = NULL;
}

static void failed(struct storm *s, size_t thread, struct guest *g, size_t i, const struct err *why)
{
        g->broken = true;
        s->count[thread * STORM_STEPS_MAX + i].failed++;
        pthread_mutex_lock(&s->lock);
        storm_error_put(s->ret, storm_step_names[s->step[i]], why);
        pthread_mutex_unlock(&s->lock);
}

/* The i-th of the wanted steps. */
static void go(struct storm *s, size_t thread, struct guest *g, size_t i)
{
        struct err why = { 0 };
        enum ecode e = E_OK;
        if (g->seat == NULL)
                e = ue_seat_open(NULL, s->site, g->profile, NULL, s->conf->proto, 0, &g->seat, &why);
        double start = storm_seconds(CLOCK_MONOTONIC);
        if (e == E_OK)
                e = steps[s->step[i]](ue_seat_ue(g->seat), g->password, &why);
        if (e == E_OK)
                samples_put(&s->count[thread * STORM_STEPS_MAX + i], storm_seconds(CLOCK_MONOTONIC) - start);
        else
                failed(s, thread, g, i, &why);
}

static void end_chain(struct storm *s, struct guest *g)
{
        atomic_fetch_add(g->broken ? &s->broken : &s->chains, 1);
        g->broken = false;
        leave(g);
}

/* --- threads. Each has the users whose number leaves its own as remainder, so that no two touch one. --- */

static void *mixed(void *arg)
{
        struct thread *t = arg;
        struct storm *s = t->s;
        for (size_t at = t->number; storm_seconds(CLOCK_MONOTONIC) < s->end;) {
                struct guest *g = &s->guest[at];
                for (size_t i = 0; i < s->steps_n && !g->broken; i++)
                        go(s, t->number, g, i);
                end_chain(s, g);
                at += s->conf->concurrency;
                at = at < s->guests_n ? at : t->number;
        }
        return NULL;
}

static void *wave(void *arg)
{
        struct thread *t = arg;
        struct storm *s = t->s;
        for (size_t at = t->number; at < s->guests_n; at += s->conf->concurrency)
                if (!s->guest[at].broken)
                        go(s, t->number, &s->guest[at], s->wave);
        return NULL;
}

static enum ecode on_threads(struct storm *s, void *(*fn)(void *), struct err *er)
{
        size_t n = s->conf->concurrency, up = 0;
        struct thread *t = talloc_zero_array(NULL, struct thread, n);
        for (; t != NULL && up < n; up++) {
                t[up] = (struct thread){ .s = s, .number = up };
                if (pthread_create(&t[up].id, NULL, fn, &t[up]) != 0)
                        break;
        }
        for (size_t i = 0; i < up; i++)
                pthread_join(t[i].id, NULL);
        talloc_free(t);
        return up == n ? E_OK : err_set(er, E_NOMEM, NULL, "%zu threads cannot be started", n);
}

static enum ecode in_waves(struct storm *s, struct err *er)
{
        enum ecode e = E_OK;
        for (s->wave = 0; s->wave < s->steps_n && e == E_OK; s->wave++) {
                struct storm_step *row = &s->ret->step[s->wave];
                double before[STORM_ROLES_MAX], start = storm_seconds(CLOCK_MONOTONIC);
                storm_cpu_read(&s->cpu, before);
                e = on_threads(s, wave, er);
                storm_cpu_since(&s->cpu, before, row->cpu_s);
                row->elapsed_s = storm_seconds(CLOCK_MONOTONIC) - start;
        }
        for (size_t i = 0; i < s->guests_n && e == E_OK; i++)
                end_chain(s, &s->guest[i]);
        return e;
}

/* --- before and after --- */

static enum ecode choose_steps(struct storm *s, struct err *er)
{
        for (const char *const *want = s->conf->steps; *want != NULL; want++) {
                size_t i = 0;
                while (storm_step_names[i] != NULL && strcmp(storm_step_names[i], *want) != 0)
                        i++;
                if (storm_step_names[i] == NULL || s->steps_n == STORM_STEPS_MAX)
                        return err_set(er, E_RANGE, NULL, "%s is no step, or there are too many", *want);
                s->ret->step[s->steps_n].name = storm_step_names[i];
                s->step[s->steps_n++] = i;
        }
        s->ret->steps_n = s->steps_n;
        return E_OK;
}

static enum ecode take_users(struct storm *s, void *mem, struct err *er)
{
        s->guests_n = json_array_size(s->conf->users);
        s->guest = talloc_zero_array(mem, struct guest, s->guests_n);
        s->count = talloc_zero_array(mem, struct samples, s->conf->concurrency * STORM_STEPS_MAX);
        if (s->guest == NULL || s->count == NULL)
                return err_set(er, E_NOMEM, NULL, "UEs");
        for (size_t i = 0; i < s->guests_n; i++) {
                json_t *p = json_array_get(s->conf->users, i);
                const char *password = json_string_value(json_object_get(p, "password"));
                s->guest[i] = (struct guest){ .profile = p, .password = password != NULL ? password : "" };
        }
        return s->conf->concurrency > 0 && s->conf->concurrency <= s->guests_n
                       ? E_OK
                       : err_set(er, E_RANGE, NULL, "%u UEs at a time need as many users", s->conf->concurrency);
}

static enum ecode measure(struct storm *s, struct err *er)
{
        struct storm_result *r = s->ret;
        double before[STORM_ROLES_MAX], own = storm_seconds(CLOCK_PROCESS_CPUTIME_ID);
        double start = storm_seconds(CLOCK_MONOTONIC);
        s->end = start + s->conf->seconds;
        storm_cpu_read(&s->cpu, before);
        enum ecode e = s->conf->waves ? in_waves(s, er) : on_threads(s, mixed, er);
        storm_cpu_since(&s->cpu, before, r->cpu_s);
        r->elapsed_s = storm_seconds(CLOCK_MONOTONIC) - start;
        r->own_cpu_s = storm_seconds(CLOCK_PROCESS_CPUTIME_ID) - own;
        r->chains = s->chains;
        r->broken = s->broken;
        for (size_t i = 0; i < s->steps_n; i++)
                samples_sum(&s->count[i], s->conf->concurrency, STORM_STEPS_MAX, &r->step[i]);
        return e;
}

enum ecode storm_run(void *mem, const struct storm_conf *conf, struct storm_result *ret, struct err *er)
{
        void *tmp = talloc_new(mem);
        struct storm s = { .conf = conf, .ret = ret, .lock = PTHREAD_MUTEX_INITIALIZER };
        struct ue_site_conf site = { .loops = 1 + conf->concurrency / THREADS_PER_LOOP,
                                     .workers = 2,
                                     .share_https = conf->share_https };
        *ret = (struct storm_result){ 0 };
        enum ecode e = choose_steps(&s, er);
        if (e == E_OK)
                e = take_users(&s, tmp, er);
        if (e == E_OK)
                e = storm_cpu_find(mem, conf->d, &s.cpu, ret, er);
        if (e == E_OK)
                e = ue_site_open(tmp, conf->d, &site, &s.site, er);
        if (e == E_OK)
                e = measure(&s, er);
        for (size_t i = 0; s.site != NULL && i < s.guests_n; i++)
                leave(&s.guest[i]);
        ue_site_close(s.site);
        talloc_free(tmp);
        return e;
}
