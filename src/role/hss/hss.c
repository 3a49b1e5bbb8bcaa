#include "role/hss/hss_priv.h"

#include <talloc.h>

enum ecode hss_open(void *mem, const struct role_env *env, const struct hss_conf *conf, struct hss **ret,
                    struct err *er)
{
        struct hss *h = talloc_zero(mem, struct hss);
        if (h == NULL)
                return err_set(er, E_NOMEM, NULL, "hss");
        h->env = env;
        h->conf = conf;
        h->st = env->store;
        enum ecode e = hss_criteria(h, conf, &h->ifcs, &h->ifcs_n, er);
        if (e != E_OK) {
                talloc_free(h);
                return e;
        }
        *ret = h;
        return E_OK;
}

static enum ecode start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct hss *h = NULL;
        enum ecode e = hss_open(mem, env, conf, &h, er);
        if (e == E_OK)
                *ret = h;
        return e;
}

static void stats(void *self, json_t *into)
{
        struct hss *h = self;
        const struct {
                const char *name;
                uint64_t value;
        } rows[] = {
                { "requests", atomic_load(&h->requests) },   { "refused", atomic_load(&h->refused) },
                { "undecided", atomic_load(&h->undecided) }, { "vectors", atomic_load(&h->vectors) },
                { "resyncs", atomic_load(&h->resyncs) },
        };
        uint64_t all = 0, registered = 0;
        for (size_t i = 0; i < COUNT(rows); i++)
                json_object_set_new(into, rows[i].name, json_integer((json_int_t)rows[i].value));
        if (h->st->ops->count(h->st, &all, &registered, NULL) != E_OK)
                return; /* the store does not say: no number is better than a wrong one */
        json_object_set_new(into, "subscriptions", json_integer((json_int_t)all));
        json_object_set_new(into, "registered", json_integer((json_int_t)registered));
}

const struct role role_hss = {
        .name = "hss",
        .title = "home subscriber server",
        .needs = NEED_STORE | NEED_CX_SERVER,
        .conf = hss_conf_items,
        .conf_size = sizeof(struct hss_conf),
        .listeners = (const struct role_listener[]){ { 0 } },
        .admin = hss_admin_cmds,
        .cx = &hss_cx,
        .cx_conf = offsetof(struct hss_conf, cx),
        .start = start,
        .stats = stats,
};
