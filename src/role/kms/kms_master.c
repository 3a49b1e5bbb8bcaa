/* The master secrets of the domain: made once, sealed in the store, proven at each load. */
#include "role/kms/kms_priv.h"

#include "base/secret.h"

#include <talloc.h>

static int master_wipe(struct kms_master *m)
{
        secret_wipe(m, sizeof *m);
        return 0;
}

static enum ecode make(const struct role_env *env, struct kms_master *m, struct err *er)
{
        enum ecode e = eccsi_master_make(env->rng, &m->ksak, &m->kpak);
        if (e == E_OK)
                e = sakke_master_make(env->rng, &m->z, &m->pub_z);
        if (e == E_OK)
                e = rng_fill(env->rng, m->vseed.b, sizeof m->vseed.b);
        m->created_s = clock_now(env->clock);
        return e == E_OK ? E_OK : err_set(er, e, "R-KMS-85", "master secrets could not be made");
}

static enum ecode store(const struct role_env *env, const struct kms_conf *conf, const struct kms_master *m,
                        struct err *er)
{
        struct store_kms *st = env->store;
        void *tmp = talloc_new(NULL);
        struct kms_master_row row = { .kpak = BYTES_ARR(m->kpak.b),
                                      .pub_z = BYTES_ARR(m->pub_z.b),
                                      .kms_uri = conf->kms_uri,
                                      .key_period = (uint64_t)conf->key_period,
                                      .key_offset = (uint64_t)conf->key_offset,
                                      .created_s = m->created_s };
        enum ecode e = seal(tmp, env->seal_key, env->rng, "kms.master.ksak", BYTES_ARR(m->ksak.b), &row.ksak);
        if (e == E_OK)
                e = seal(tmp, env->seal_key, env->rng, "kms.master.z", BYTES_ARR(m->z.b), &row.z);
        if (e == E_OK)
                e = seal(tmp, env->seal_key, env->rng, "kms.master.vseed", BYTES_ARR(m->vseed.b), &row.vseed);
        if (e != E_OK)
                err_set(er, e, NULL, "master secrets could not be sealed");
        else
                e = st->master_put(st, &row, er);
        talloc_free(tmp);
        return e;
}

/* Opens one sealed value of exactly n octets. */
static enum ecode open_one(void *mem, const struct seal_key *key, const char *what, struct bytes sealed, uint8_t *out,
                           size_t n, struct err *er)
{
        struct bytes plain;
        enum ecode e = seal_open(mem, key, what, sealed, &plain, er);
        if (e != E_OK)
                return e;
        if (plain.n != n)
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "%s has %zu octets", what, plain.n);
        memcpy(out, plain.p, n);
        return E_OK;
}

static enum ecode load(const struct role_env *env, const struct kms_master_row *row, struct kms_master *m,
                       struct err *er)
{
        void *tmp = talloc_new(NULL);
        enum ecode e = open_one(tmp, env->seal_key, "kms.master.ksak", row->ksak, m->ksak.b, sizeof m->ksak.b, er);
        if (e == E_OK)
                e = open_one(tmp, env->seal_key, "kms.master.z", row->z, m->z.b, sizeof m->z.b, er);
        if (e == E_OK)
                e = open_one(tmp, env->seal_key, "kms.master.vseed", row->vseed, m->vseed.b, sizeof m->vseed.b, er);
        talloc_free(tmp);
        if (e != E_OK)
                return e;
        if (row->kpak.n != sizeof m->kpak.b || row->pub_z.n != sizeof m->pub_z.b)
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "a stored public key is damaged");
        memcpy(m->kpak.b, row->kpak.p, row->kpak.n);
        memcpy(m->pub_z.b, row->pub_z.p, row->pub_z.n);
        m->created_s = row->created_s;
        /* R-KMS-85: the range, and the public parts recomputed */
        e = eccsi_master_check(&m->ksak, &m->kpak, er);
        return e == E_OK ? sakke_master_check(&m->z, &m->pub_z, er) : e;
}

/* R-KMS-13: all keys that users hold hang on these three. */
static enum ecode check_domain(const struct kms_conf *conf, const struct kms_master_row *row, struct err *er)
{
        if (strcmp(row->kms_uri, conf->kms_uri) != 0)
                return err_set(er, E_CONFIG, "R-KMS-13",
                               "kms_uri is %.60s, but keys were issued under %.60s: set it back", conf->kms_uri,
                               row->kms_uri);
        if (row->key_period != (uint64_t)conf->key_period || row->key_offset != (uint64_t)conf->key_offset)
                return err_set(er, E_CONFIG, "R-KMS-12",
                               "key_period and key_offset differ from %llu s and %llu s, under which keys were issued",
                               (unsigned long long)row->key_period, (unsigned long long)row->key_offset);
        return E_OK;
}

enum ecode kms_master_open(void *mem, const struct role_env *env, const struct kms_conf *conf, struct kms_master **ret,
                           struct err *er)
{
        struct store_kms *st = env->store;
        struct kms_master_row row;
        struct kms_master *m = talloc_zero(mem, struct kms_master);
        if (m == NULL)
                return err_set(er, E_NOMEM, NULL, "master secrets");
        talloc_set_destructor(m, master_wipe);
        enum ecode e = st->master_get(st, m, &row, er);
        if (e == E_NOT_FOUND) {
                e = make(env, m, er);
                if (e == E_OK)
                        e = store(env, conf, m, er);
                if (e == E_OK)
                        ev(env->log, EV_INFO, "kms-master-made", KV_STR("kms_uri", conf->kms_uri));
        } else if (e == E_OK) {
                e = check_domain(conf, &row, er);
                if (e == E_OK)
                        e = load(env, &row, m, er);
        }
        if (e != E_OK) {
                talloc_free(m);
                return e;
        }
        *ret = m;
        return E_OK;
}
