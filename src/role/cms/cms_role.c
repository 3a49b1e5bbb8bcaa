#include "role/cms/cms_priv.h"

static enum ecode start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct cms *c = NULL;
        enum ecode e = cms_start(mem, env, conf, &c, er);
        if (e == E_OK)
                *ret = c;
        return e;
}

static void tick(void *self)
{
        cms_tick(self);
}

static void stats(void *self, json_t *into)
{
        struct cms *c = self;
        json_object_set_new(into, "served", json_integer(atomic_load(&c->served)));
        json_object_set_new(into, "unchanged", json_integer(atomic_load(&c->unchanged)));
        json_object_set_new(into, "refused", json_integer(atomic_load(&c->refused)));
        json_object_set_new(into, "issuer_keys_at_hand", json_integer(trust_ready(c->trust)));
}

static const struct role_listener listeners[] = {
        { .name = "xcap",
          .kind = LISTEN_HTTPS,
          .conf_offset = offsetof(struct cms_conf, listen),
          .routes = cms_routes },
        { 0 },
};

const struct role role_cms = {
        .name = "cms",
        .title = "configuration and group management server",
        .needs = NEED_STORE | NEED_HTTP_CLIENT,
        .conf = cms_conf_items,
        .conf_size = sizeof(struct cms_conf),
        .listeners = listeners,
        .admin = cms_admin_cmds,
        .start = start,
        .tick = tick,
        .stats = stats,
};
