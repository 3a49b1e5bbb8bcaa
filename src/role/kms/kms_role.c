#include "role/kms/kms_priv.h"

static enum ecode start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct kms *k = NULL;
        enum ecode e = kms_start(mem, env, conf, &k, er);
        if (e == E_OK)
                *ret = k;
        return e;
}

static void tick(void *self)
{
        kms_tick(self);
}

static void stats(void *self, json_t *into)
{
        struct kms *k = self;
        json_object_set_new(into, "answered", json_integer(atomic_load(&k->answered)));
        json_object_set_new(into, "refused", json_integer(atomic_load(&k->refused)));
        json_object_set_new(into, "key_sets", json_integer(atomic_load(&k->key_sets)));
        json_object_set_new(into, "issuer_keys_at_hand", json_integer(trust_ready(k->trust)));
}

static void stop(void *self)
{
        kms_stop(self);
}

static const struct role_listener listeners[] = {
        { .name = "csc-8",
          .kind = LISTEN_HTTPS,
          .conf_offset = offsetof(struct kms_conf, listen),
          .routes = kms_routes,
          .client_cert_optional = true },
        { 0 },
};

const struct role role_kms = {
        .name = "kms",
        .title = "key management server",
        .needs = NEED_STORE | NEED_HTTP_CLIENT,
        .conf = kms_conf_items,
        .conf_size = sizeof(struct kms_conf),
        .listeners = listeners,
        .admin = kms_admin_cmds,
        .start = start,
        .tick = tick,
        .stats = stats,
        .stop = stop,
};
