#include "host/running.h"

#include <talloc.h>
#include <time.h>

/* Threads of freeDiameter come first: they are to inherit nothing. A role starts when everything that it may call is
 * there, and what may call the role opens after it. */
static const struct running_part *const parts[] = {
        &part_conf, &part_state,        &part_cx_client, &part_threads, &part_store, &part_http_client, &part_sip_port,
        &part_role, &part_sip_requests, &part_cx_server, &part_https,   &part_admin, &part_monitor,
};

char *running_tls_file(const struct running *r, const char *suffix)
{
        return deployment_path((void *)(uintptr_t)r, r->d, "tls/%s.%s", r->role->name, suffix);
}

bool running_has_listener(const struct running *r, enum listen_kind kind)
{
        for (const struct role_listener *l = r->role->listeners; l != NULL && l->name != NULL; l++)
                if (l->kind == kind)
                        return true;
        return false;
}

const char *running_listen_address(const struct running *r, const struct role_listener *l)
{
        const char *address;
        memcpy(&address, (const uint8_t *)r->set + l->conf_offset, sizeof address);
        return address;
}

void running_stat(json_t *into, const char *name, uint64_t value)
{
        json_object_set_new(into, name, json_integer((json_int_t)value));
}

enum ecode running_open(struct running *r, struct err *er)
{
        while (r->parts_open < COUNT(parts)) {
                enum ecode e = parts[r->parts_open]->open(r, er);
                if (e != E_OK) {
                        err_at(er, parts[r->parts_open]->name);
                        return e;
                }
                r->parts_open++;
        }
        return E_OK;
}

void running_close(struct running *r)
{
        atomic_store(&r->stopping, true);
        while (atomic_load(&r->ticking)) /* the last one; it may still use every part */
                nanosleep(&(const struct timespec){ 0, 1000000 }, NULL);
        while (r->parts_open > 0) {
                const struct running_part *p = parts[--r->parts_open];
                if (p->close != NULL)
                        p->close(r);
        }
}

json_t *running_stats(struct running *r)
{
        json_t *o = json_object();
        for (size_t i = 0; o != NULL && i < r->parts_open; i++)
                if (parts[i]->stats != NULL)
                        parts[i]->stats(r, o);
        return o;
}

bool running_ready(struct running *r)
{
        bool all = atomic_load(&r->ready);
        for (size_t i = 0; all && i < COUNT(parts); i++)
                if (parts[i]->ready != NULL)
                        all = parts[i]->ready(r);
        return all;
}

static void tick(void *arg)
{
        struct running *r = arg;
        if (!atomic_load(&r->stopping))
                r->role->tick(r->self);
        atomic_store(&r->ticking, false);
}

void running_tick(struct running *r)
{
        if (r->role->tick == NULL || atomic_exchange(&r->ticking, true))
                return;
        if (workers_submit(r->workers, tick, r) != E_OK)
                atomic_store(&r->ticking, false); /* busy: the next second will do */
}

enum ecode running_reload(struct running *r, struct err *er)
{
        struct deployment *fresh = NULL;
        void *tmp = talloc_new(NULL);
        enum ecode e = deployment_open(tmp, r->d->site.dir, &fresh, er);
        enum ev_level level;
        if (e == E_OK && log_level_parse(fresh->set.log_level, &level))
                log_set_level(r->env.log, level);
        for (size_t i = 0; e == E_OK && i < COUNT(parts); i++)
                if (parts[i]->reload != NULL)
                        e = parts[i]->reload(r, er);
        talloc_free(tmp);
        return e;
}
