#include "base/secret.h"
#include "host/running.h"

#include <errno.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

enum { QUEUE_PER_WORKER = 64 };

static enum ecode open_conf(struct running *r, struct err *er)
{
        struct conf_report rep = conf_report_on(r, r->d->problems.file);
        r->set = talloc_zero_size(r, r->role->conf_size + 1);
        if (conf_bind(r->d->conf, r->role->name, r->role->conf, r->set, r->role->conf_size, &rep) == E_OK)
                return E_OK;
        for (size_t i = 0; i < rep.n; i++)
                ev(r->env.log, EV_ERROR, "configuration", KV_STR("text", conf_problem_line(r, &rep, i)));
        conf_report_err(&rep, er);
        if (er != NULL)
                er->code = E_CONFIG;
        return E_CONFIG;
}

static enum ecode open_state(struct running *r, struct err *er)
{
        char *dir = deployment_path(r, r->d, "state/%s", r->role->name);
        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
                return err_set(er, E_IO, NULL, "cannot make %s: %s", dir, strerror(errno));
        r->env.state_dir = dir;
        r->env.seal_key = &r->seal_key;
        return deployment_key(r->d, talloc_asprintf(r, "%s.seal", r->role->name), r->seal_key.b, er);
}

static void close_state(struct running *r)
{
        seal_key_wipe(&r->seal_key);
}

static enum ecode open_threads(struct running *r, struct err *er)
{
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned threads = r->d->set.workers ? (unsigned)r->d->set.workers : 2 * (unsigned)(cpus > 2 ? cpus : 2);
        enum ecode e = workers_start(r->role->name, threads, (size_t)threads * QUEUE_PER_WORKER, &r->workers, er);
        size_t want = running_has_listener(r, LISTEN_HTTPS) && cpus > 3 ? 2 : 1;
        r->loops = talloc_zero_array(r, struct loop *, want);
        while (e == E_OK && r->loops_n < want) {
                e = loop_start(r->role->name, &r->loops[r->loops_n], er);
                r->loops_n += e == E_OK;
        }
        if (e != E_OK) {
                while (r->loops_n > 0)
                        loop_stop(r->loops[--r->loops_n]);
                workers_stop(r->workers);
        }
        return e;
}

static void close_threads(struct running *r)
{
        workers_stop(r->workers);
        while (r->loops_n > 0)
                loop_stop(r->loops[--r->loops_n]);
}

static void stats_threads(struct running *r, json_t *into)
{
        struct workers_stats w;
        workers_stats(r->workers, &w);
        running_stat(into, "workers_done", w.done);
        running_stat(into, "workers_refused", w.refused);
        running_stat(into, "workers_queued", w.queued);
        running_stat(into, "workers_running", w.running);
}

static enum ecode open_store(struct running *r, struct err *er)
{
        if (!(r->role->needs & NEED_STORE))
                return E_OK;
        if (r->row->open_store == NULL)
                return err_set(er, E_INTERNAL, NULL, "no store is known for %s", r->role->name);
        return r->row->open_store(r, &r->env, &r->env.store, er);
}

static enum ecode open_role(struct running *r, struct err *er)
{
        return r->role->start(r, &r->env, r->set, &r->self, er);
}

static void close_role(struct running *r)
{
        if (r->role->stop != NULL)
                r->role->stop(r->self);
        r->self = NULL;
}

/* The role's own numbers, under a name of their own. */
static void stats_role(struct running *r, json_t *into)
{
        json_t *own = json_object();
        if (r->role->stats != NULL)
                r->role->stats(r->self, own);
        json_object_set_new(into, "role", own);
}

static enum ecode open_admin(struct running *r, struct err *er)
{
        return admin_server_start(deployment_path(r, r->d, "run"), r->role->name, r->env.log, running_admin, r,
                                  &r->admin, er);
}

static void close_admin(struct running *r)
{
        admin_server_stop(r->admin);
}

static enum ecode open_monitor(struct running *r, struct err *er)
{
        unsigned at = 0;
        while (host_roles[at].role != NULL && host_roles[at].role != r->role)
                at++;
        return monitor_start(r, r->d->set.monitor, at, &r->monitor, er);
}

static void close_monitor(struct running *r)
{
        monitor_stop(r->monitor);
}

const struct running_part part_conf = { .name = "configuration", .open = open_conf };
const struct running_part part_state = { .name = "state directory", .open = open_state, .close = close_state };
const struct running_part part_threads = { "threads", open_threads, close_threads, stats_threads, NULL };
const struct running_part part_store = { .name = "store", .open = open_store };
const struct running_part part_role = { "role", open_role, close_role, stats_role, NULL };
const struct running_part part_admin = { .name = "administration", .open = open_admin, .close = close_admin };
const struct running_part part_monitor = { .name = "monitor", .open = open_monitor, .close = close_monitor };
