/* Making what a client gets: the domain's certificate and users' key sets. */
#include "role/kms/kms_priv.h"

#include "base/secret.h"

#include <talloc.h>

void kms_own_cert(struct kms *k, void *mem, struct kms_cert *ret)
{
        size_t n = 0;
        while (k->domains[n] != NULL)
                n++;
        *ret = (struct kms_cert){ .role = KMS_ROLE_ROOT,
                                  .cert_uri = talloc_strdup(mem, k->cert_uri),
                                  .kms_uri = talloc_strdup(mem, k->conf->kms_uri),
                                  .issuer = talloc_strdup(mem, k->conf->kms_uri),
                                  .valid_from = k->master->created_s,
                                  .valid_to = k->master->created_s + k->conf->cert_life,
                                  .user_id_format = talloc_strdup(mem, "2"),
                                  .key_period = k->period,
                                  .pub_enc_key = BYTES_ARR(k->master->pub_z.b),
                                  .pub_auth_key = BYTES_ARR(k->master->kpak.b),
                                  .parameter_set = 1,
                                  .domains = talloc_zero_array(mem, char *, n + 1) };
        for (; ret->domains != NULL && ret->domains_n < n; ret->domains_n++)
                ret->domains[ret->domains_n] = talloc_strdup(mem, k->domains[ret->domains_n]);
}

void kms_response_head(struct kms *k, void *mem, const char *user_uri, const char *url, struct kms_response *ret)
{
        *ret = (struct kms_response){ .user_uri = talloc_strdup(mem, user_uri),
                                      .kms_uri = talloc_strdup(mem, k->conf->kms_uri),
                                      .time_s = clock_now(k->env->clock),
                                      .kms_id = talloc_strdup(mem, k->conf->kms_id),
                                      .client_req_url = talloc_strdup(mem, url) };
}

static enum ecode period_of(struct kms *k, int64_t time_s, uint64_t *ret, struct err *er)
{
        if (time_s < -NTP_UNIX_OFFSET)
                return err_set(er, E_NOT_FOUND, "R-KMS-57", "time before 1900");
        return key_period_no(k->period, (uint64_t)(time_s + NTP_UNIX_OFFSET), ret, er);
}

/* R-KMS-57: from the period in which the user was provisioned up to as many ahead as configured. */
static enum ecode check_period(struct kms *k, const struct kms_subject *s, uint64_t no, struct err *er)
{
        uint64_t first, now;
        enum ecode e = period_of(k, s->created_s, &first, er);
        if (e == E_OK)
                e = period_of(k, clock_now(k->env->clock), &now, er);
        if (e != E_OK)
                return e;
        if (no < first || no > now + (uint64_t)k->conf->periods_ahead)
                return err_set(er, E_NOT_FOUND, "R-KMS-57", "key period %llu is not served: %llu to %llu are",
                               (unsigned long long)no, (unsigned long long)first,
                               (unsigned long long)(now + (uint64_t)k->conf->periods_ahead));
        return E_OK;
}

static enum ecode fill_dates(struct kms *k, uint64_t no, struct kms_key_set *set, struct err *er)
{
        uint64_t from, to;
        enum ecode e = key_period_start(k->period, no, &from, er);
        if (e == E_OK)
                e = key_period_start(k->period, no + 1, &to, er);
        if (e != E_OK)
                return e;
        set->valid_from = (int64_t)from - NTP_UNIX_OFFSET;
        set->valid_to = (int64_t)to - NTP_UNIX_OFFSET;
        set->key_period_no = no;
        return E_OK;
}

/* R-KMS-2, R-KMS-8: RSK is a function of z and UID, and v is derived, so that asking twice gives the same octets. */
static enum ecode fill_keys(struct kms *k, void *mem, struct kms_key_set *set, struct err *er)
{
        SECRET(sakke_rsk) rsk;
        SECRET(eccsi_ssk) ssk;
        struct eccsi_pvt pvt;
        enum ecode e = sakke_rsk_extract(&k->master->z, uid_bytes(&set->user_id), &rsk, er);
        if (e != E_OK)
                return e;
        e = eccsi_issue_derived(&k->master->ksak, &k->master->kpak, &k->master->vseed, uid_bytes(&set->user_id), &ssk,
                                &pvt);
        if (e != E_OK)
                return err_set(er, e, "R-KMS-9", "signing keys could not be made");
        set->decrypt_key.plain = secret_copy(mem, BYTES_ARR(rsk.b));
        set->signing_key_ssk.plain = secret_copy(mem, BYTES_ARR(ssk.b));
        set->pub_token_pvt.plain = secret_copy(mem, BYTES_ARR(pvt.b));
        if (set->decrypt_key.plain.p == NULL || set->signing_key_ssk.plain.p == NULL ||
            set->pub_token_pvt.plain.p == NULL)
                return err_set(er, E_NOMEM, NULL, "keys");
        return E_OK;
}

enum ecode kms_make_set(struct kms *k, void *mem, const struct kms_subject *s, int64_t time_s, struct kms_key_set *ret,
                        struct err *er)
{
        uint64_t no;
        struct kms_key_set set = { .kms_uri = talloc_strdup(mem, k->conf->kms_uri),
                                   .cert_uri = talloc_strdup(mem, k->cert_uri),
                                   .issuer = talloc_strdup(mem, k->conf->kms_uri),
                                   .user_uri = talloc_strdup(mem, s->uri) };
        enum ecode e = period_of(k, time_s, &no, er);
        if (e == E_OK)
                e = check_period(k, s, no, er);
        if (e == E_OK)
                e = fill_dates(k, no, &set, er);
        if (e == E_OK)
                e = uid_make(bytes_str(s->uri), bytes_str(k->conf->kms_uri), k->period, no, &set.user_id, er);
        if (e == E_OK)
                e = fill_keys(k, mem, &set, er);
        if (e == E_OK) {
                atomic_fetch_add(&k->key_sets, 1);
                *ret = set;
        }
        return e;
}
