#include <talloc.h>

#include "proto/mikey/mikey_key.h"

void mikey_key_wipe(struct mikey_key *k)
{
        mc_key_wipe(&k->key);
        k->id = 0;
}

enum mikey_type mikey_key_type(uint32_t id)
{
        return (enum mikey_type)(id >> 28);
}

enum ecode mikey_key_new(const struct rng *rng, enum mikey_type type, struct mikey_key *ret)
{
        uint8_t id[4];
        __attribute__((cleanup(mikey_key_wipe))) struct mikey_key k = { 0 };
        enum ecode e = rng_fill(rng, k.key.b, sizeof k.key.b);
        if (e == E_OK)
                e = rng_fill(rng, id, sizeof id);
        if (e != E_OK)
                return e;
        k.id = (uint32_t)type << 28 | (uint32_t)(id[0] & 0x0f) << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 |
               id[3];
        *ret = k;
        return E_OK;
}

static enum ecode fill_domain(struct mikey_domain *d, const struct kms_cert *c, struct err *er)
{
        struct sakke_zpub z;
        struct sakke_domain *sakke = NULL;
        memcpy(d->kpak.b, c->pub_auth_key.p, sizeof d->kpak.b);
        memcpy(z.b, c->pub_enc_key.p, sizeof z.b);
        d->kms_uri = talloc_strdup(d, c->kms_uri);
        d->key_period = c->key_period;
        d->valid_from = c->valid_from;
        d->valid_to = c->valid_to;
        if (d->kms_uri == NULL)
                return err_set(er, E_NOMEM, NULL, "KMS domain");
        enum ecode e = key_period_check(d->key_period, er);
        if (e == E_OK)
                e = eccsi_kpak_check(&d->kpak, er);
        if (e == E_OK)
                e = sakke_domain_new(d, &z, &sakke, er);
        d->sakke = sakke;
        return e;
}

enum ecode mikey_domain_new(void *mem, const struct kms_cert *c, struct mikey_domain **ret, struct err *er)
{
        if (c->revoked)
                return err_set(er, E_KEY_INVALID, "R-KMS-20", "the certificate of %s is revoked", c->kms_uri);
        if (c->user_id_format == NULL || strcmp(c->user_id_format, "2") != 0 || c->parameter_set != 1)
                return err_set(er, E_KEY_INVALID, "R-KMS-15", "%s has another UserIdFormat or ParameterSet",
                               c->kms_uri);
        if (c->pub_auth_key.n != sizeof(struct eccsi_kpak) || c->pub_enc_key.n != sizeof(struct sakke_zpub))
                return err_set(er, E_KEY_INVALID, "R-KMS-15", "the keys of %s have not their length", c->kms_uri);
        struct mikey_domain *d = talloc_zero(mem, struct mikey_domain);
        enum ecode e = d == NULL ? err_set(er, E_NOMEM, NULL, "KMS domain") : fill_domain(d, c, er);
        if (e != E_OK)
                talloc_free(d);
        else
                *ret = d;
        return e;
}

bool mikey_domain_valid(const struct mikey_domain *d, int64_t time_s)
{
        return (d->valid_from == KMS_TIME_NONE || time_s >= d->valid_from) &&
               (d->valid_to == KMS_TIME_NONE || time_s < d->valid_to);
}

enum ecode mikey_domain_uid(const struct mikey_domain *d, const char *uri, int64_t time_s, struct uid *ret,
                            uint64_t *ret_period_no, struct err *er)
{
        uint64_t no = 0;
        if (time_s < -NTP_UNIX_OFFSET || time_s > INT64_MAX - NTP_UNIX_OFFSET)
                return err_set(er, E_RANGE, NULL, "a time without a key period");
        enum ecode e = key_period_no(d->key_period, (uint64_t)(time_s + NTP_UNIX_OFFSET), &no, er);
        if (e == E_OK)
                e = uid_make(bytes_str(uri), bytes_str(d->kms_uri), d->key_period, no, ret, er);
        if (e == E_OK && ret_period_no != NULL)
                *ret_period_no = no;
        return e;
}

static int user_end(struct mikey_user *u)
{
        eccsi_signer_wipe(&u->signer);
        sakke_rsk_wipe(&u->rsk);
        return 0;
}

/* R-KMS-7 */
static enum ecode take_signer(struct mikey_user *u, const struct kms_key_set *k, struct err *er)
{
        SECRET(eccsi_ssk) ssk = { 0 };
        struct eccsi_pvt pvt;
        memcpy(ssk.b, k->signing_key_ssk.plain.p, sizeof ssk.b);
        memcpy(pvt.b, k->pub_token_pvt.plain.p, sizeof pvt.b);
        return eccsi_signer_make(&u->home->kpak, uid_bytes(&u->uid), &ssk, &pvt, &u->signer, er);
}

/* R-KMS-6 */
static enum ecode take_rsk(struct mikey_user *u, const struct kms_key_set *k, bool receives_much, struct err *er)
{
        struct sakke_rsk_table *table = NULL;
        memcpy(u->rsk.b, k->decrypt_key.plain.p, sizeof u->rsk.b);
        if (!receives_much)
                return sakke_rsk_check(u->home->sakke, uid_bytes(&u->uid), &u->rsk, er);
        enum ecode e = sakke_rsk_table_new(u, u->home->sakke, uid_bytes(&u->uid), &u->rsk, &table, er);
        u->table = table;
        return e;
}

static enum ecode check_set(const struct mikey_domain *home, const struct kms_key_set *k, struct err *er)
{
        if (k->revoked)
                return err_set(er, E_KEY_INVALID, "R-KMS-20", "the key set of %s is revoked", k->user_uri);
        if (strcmp(k->kms_uri, home->kms_uri) != 0)
                return err_set(er, E_KEY_INVALID, "R-KMS-13", "the key set is of %s, the certificate of %s", k->kms_uri,
                               home->kms_uri);
        if (k->decrypt_key.plain.n != sizeof(struct sakke_rsk) ||
            k->signing_key_ssk.plain.n != sizeof(struct eccsi_ssk) ||
            k->pub_token_pvt.plain.n != sizeof(struct eccsi_pvt))
                return err_set(er, E_UNSUPPORTED, NULL, "the keys of %s are wrapped, or have not their length",
                               k->user_uri);
        return E_OK;
}

static enum ecode fill_user(struct mikey_user *u, const struct kms_key_set *k, bool receives_much, struct err *er)
{
        u->period_no = k->key_period_no;
        u->uri = talloc_strdup(u, k->user_uri);
        if (u->uri == NULL)
                return err_set(er, E_NOMEM, NULL, "user keys");
        enum ecode e = uid_make(bytes_str(u->uri), bytes_str(u->home->kms_uri), u->home->key_period, u->period_no,
                                &u->uid, er);
        if (e == E_OK && !bytes_eq(uid_bytes(&u->uid), uid_bytes(&k->user_id)))
                e = err_set(er, E_KEY_INVALID, "R-KMS-14", "UserID is not the UID of %s in period %llu", u->uri,
                            (unsigned long long)u->period_no);
        if (e == E_OK)
                e = take_signer(u, k, er);
        if (e == E_OK)
                e = take_rsk(u, k, receives_much, er);
        return e;
}

enum ecode mikey_user_new(void *mem, const struct mikey_domain *home, const struct kms_key_set *keys,
                          bool receives_much, struct mikey_user **ret, struct err *er)
{
        enum ecode e = check_set(home, keys, er);
        if (e != E_OK)
                return e;
        struct mikey_user *u = talloc_zero(mem, struct mikey_user);
        if (u == NULL)
                return err_set(er, E_NOMEM, NULL, "user keys");
        talloc_set_destructor(u, user_end);
        u->home = home;
        e = fill_user(u, keys, receives_much, er);
        if (e != E_OK)
                talloc_free(u);
        else
                *ret = u;
        return e;
}
