#include "host/running.h"
#include "port/cx_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>
#include <unistd.h>

/* The HSS's address is a setting of its Cx peer. */
static void add_cx_listener(struct running *r, json_t *to)
{
        if (!(r->role->needs & NEED_CX_SERVER))
                return;
        const struct cx_conf *c = running_cx_conf(r);
        const char *colon = strrchr(c->listen, ':');
        char address[80];
        snprintf(address, sizeof address, "%.*s:%s", (int)(colon - c->listen), c->listen, colon + 1);
        if (!c->plain)
                snprintf(address, sizeof address, "%.*s:%d", (int)(colon - c->listen), c->listen, (int)c->tls_port);
        json_array_append_new(to, json_pack("{s:s,s:s,s:s}", "name", "cx", "kind", "diameter", "address", address));
}

json_t *running_status(struct running *r)
{
        json_t *listeners = json_array();
        for (const struct role_listener *l = r->role->listeners; l != NULL && l->name != NULL; l++) {
                const char *address;
                memcpy(&address, (const uint8_t *)r->set + l->conf_offset, sizeof address);
                json_array_append_new(listeners,
                                      json_pack("{s:s,s:s,s:s}", "name", l->name, "kind",
                                                l->kind == LISTEN_HTTPS ? "https" : "sip", "address", address));
        }
        add_cx_listener(r, listeners);
        json_t *o = json_pack("{s:s,s:s,s:b,s:i,s:I,s:o}", "role", r->role->name, "title", r->role->title, "ready",
                              (int)running_ready(r), "pid", (int)getpid(), "uptime_ms",
                              (json_int_t)(clock_ms(r->env.clock) - r->started_ms), "listeners", listeners);
        return o;
}

/* Prometheus names: letters, digits, underscores. */
static void put_metric(struct buf *to, const char *role, const char *group, const char *name, json_int_t value)
{
        char clean[128];
        snprintf(clean, sizeof clean, "muster_%s%s", group, name);
        for (char *p = clean; *p; p++)
                if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *p) == NULL)
                        *p = '_';
        buf_printf(to, "# TYPE %s untyped\n%s{role=\"%s\"} %lld\n", clean, clean, role, (long long)value);
}

static void put_metrics(struct buf *to, const char *role, const char *group, json_t *o)
{
        const char *name;
        json_t *v;
        json_object_foreach(o, name, v)
        {
                char inner[96];
                snprintf(inner, sizeof inner, "%s%s_", group, name);
                if (json_is_object(v))
                        put_metrics(to, role, !strcmp(name, "role") ? talloc_asprintf(to->mem, "%s_", role) : inner, v);
                else if (json_is_integer(v) || json_is_boolean(v))
                        put_metric(to, role, group, name, json_is_integer(v) ? json_integer_value(v) : json_is_true(v));
        }
}

void running_metrics(struct running *r, struct buf *to)
{
        const char *role = r->role->name;
        json_t *o = running_stats(r);
        put_metric(to, role, "", "ready", running_ready(r));
        put_metric(to, role, "", "uptime_seconds", (json_int_t)((clock_ms(r->env.clock) - r->started_ms) / 1000));
        put_metrics(to, role, "", o);
        json_decref(o);
}

static enum ecode do_status(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)args;
        *out = running_status(r);
        return *out ? E_OK : err_set(er, E_NOMEM, NULL, "status");
}

static enum ecode do_stats(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)args;
        *out = running_stats(r);
        return *out ? E_OK : err_set(er, E_NOMEM, NULL, "stats");
}

static enum ecode do_metrics(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)args;
        struct buf b = buf_on(mem);
        running_metrics(r, &b);
        *out = b.failed ? NULL : json_pack("{s:s}", "text", buf_str(&b));
        return *out ? E_OK : err_set(er, E_NOMEM, NULL, "metrics");
}

static enum ecode do_log_level(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)out;
        const char *word = json_string_value(json_object_get(args, "level"));
        enum ev_level level;
        if (word == NULL || !log_level_parse(word, &level))
                return err_set(er, E_RANGE, NULL, "level is one of debug, info, warning, error");
        log_set_level(r->env.log, level);
        return E_OK;
}

static enum ecode do_reload(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)args;
        (void)out;
        return running_reload(r, er);
}

static enum ecode do_commands(struct running *r, void *mem, json_t *args, json_t **out, struct err *er);

static const struct {
        const char *name;
        enum ecode (*fn)(struct running *r, void *mem, json_t *args, json_t **out, struct err *er);
} builtin[] = {
        { "status", do_status },       { "stats", do_stats },   { "metrics", do_metrics },
        { "log-level", do_log_level }, { "reload", do_reload }, { "commands", do_commands },
};

static enum ecode do_commands(struct running *r, void *mem, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)args;
        json_t *names = json_array();
        for (size_t i = 0; i < COUNT(builtin); i++)
                json_array_append_new(names, json_string(builtin[i].name));
        for (const struct admin_cmd *c = r->role->admin; c != NULL && c->name != NULL; c++)
                json_array_append_new(names, json_string(c->name));
        *out = json_pack("{s:o}", "commands", names);
        return *out ? E_OK : err_set(er, E_NOMEM, NULL, "commands");
}

enum ecode running_admin(void *arg, void *mem, const char *cmd, json_t *args, json_t **out, struct err *er)
{
        struct running *r = arg;
        for (size_t i = 0; i < COUNT(builtin); i++)
                if (!strcmp(cmd, builtin[i].name))
                        return builtin[i].fn(r, mem, args, out, er);
        for (const struct admin_cmd *c = r->role->admin; c != NULL && c->name != NULL; c++)
                if (!strcmp(cmd, c->name))
                        return c->fn(r->self, mem, args, out, er);
        return err_set(er, E_UNSUPPORTED, NULL, "%s has no command %.40s", r->role->name, cmd);
}
