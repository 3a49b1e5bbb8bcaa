#include "host/run_role.h"

#include "base/env.h"
#include "host/notify.h"
#include "host/running.h"

#include <signal.h>
#include <talloc.h>
#include <time.h>

/* Blocked before any thread is made, so that all of them inherit it and this one alone takes signals. */
static void block_signals(sigset_t *set)
{
        sigemptyset(set);
        sigaddset(set, SIGTERM);
        sigaddset(set, SIGINT);
        sigaddset(set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, set, NULL);
        signal(SIGPIPE, SIG_IGN);
}

static void reload(struct running *r)
{
        struct err er;
        if (running_reload(r, &er) == E_OK)
                ev(r->env.log, EV_INFO, "reloaded", KV_STR("level", r->d->set.log_level));
        else
                ev(r->env.log, EV_ERROR, "not-reloaded", KV_STR("cause", ecode_name(er.code)), KV_STR("text", er.text));
}

/* Once a second until SIGTERM or SIGINT. */
static void attend(struct running *r, const sigset_t *set)
{
        for (;;) {
                const struct timespec second = { 1, 0 };
                int s = sigtimedwait(set, NULL, &second);
                if (s == SIGTERM || s == SIGINT)
                        return;
                if (s == SIGHUP)
                        reload(r);
                running_tick(r);
        }
}

enum ecode run_role(struct deployment *d, const struct role_row *row, struct err *er)
{
        sigset_t set;
        block_signals(&set);
        struct running *r = talloc_zero(NULL, struct running);
        if (r == NULL)
                return err_set(er, E_NOMEM, NULL, "role");
        r->d = d;
        r->row = row;
        r->role = row->role;
        r->started_ms = clock_ms(&clock_system);
        r->env = (struct role_env){ .clock = &clock_system, .rng = &rng_system, .site = &d->site };
        enum ecode e = deployment_log(r, d, row->role->name, &r->env.log, er);
        if (e == E_OK)
                e = running_open(r, er);
        if (e == E_OK) {
                atomic_store(&r->ready, true);
                ev(r->env.log, EV_INFO, "ready", KV_STR("title", row->role->title));
                notify_ready();
                attend(r, &set);
                atomic_store(&r->ready, false);
                notify_stopping();
                ev(r->env.log, EV_INFO, "stopping", KV_STR("title", row->role->title));
        } else if (r->env.log != NULL) {
                ev(r->env.log, EV_ERROR, "not-started", KV_STR("cause", ecode_name(e)),
                   KV_STR("text", er ? er->text : ""), KV_STR("advice", ecode_advice(e)));
        }
        struct log *log = r->env.log;
        running_close(r);
        talloc_free(r);
        log_close(log);
        return e;
}
