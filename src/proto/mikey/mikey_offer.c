#include <talloc.h>

#include "proto/mikey/mikey_params.h"
#include "proto/mikey/mikey_wire.h"

/* SRTP parameters: type, length, value (33.180 E.2 to E.4; types RFC 3830 6.10.1 and RFC 7714). AES-128-GCM, 16-octet
 * keys, 12-octet salts, 16-octet tags. */
static const uint8_t policy_full[] = { 0, 1, 6, 1, 1,  16, 2, 1,  4, 4, 1,  12, 5, 1,
                                       0, 6, 1, 0, 18, 1,  4, 19, 1, 0, 20, 1,  16 };
static const uint8_t policy_call[] = { 0, 1, 6, 1, 1, 16, 4, 1, 12, 5, 1, 0, 6, 1, 0, 20, 1, 16 };

#define NO_CS 0xff

static const struct type_row {
        bool served;
        uint8_t cs_ptt, cs_video; /* CS ID: E.1.3 */
        struct bytes policy;
} type_rows[] = {
        [MIKEY_GMK] = { true, 4, 5, { policy_full, sizeof policy_full } },
        [MIKEY_PCK] = { true, NO_CS, NO_CS, { policy_call, sizeof policy_call } },
        [MIKEY_CSK] = { true, 6, 8, { policy_full, sizeof policy_full } },
        [MIKEY_MUSIK] = { true, 7, 9, { policy_full, sizeof policy_full } },
};

/* What a message is put together from; everything that mikey_msg borrows lives here. */
struct draft {
        struct mikey_msg m;
        struct uid peer_uid;
        uint8_t rand[16];
        uint8_t spi[8];
        uint8_t policy_number;
        struct sakke_sed sed;
};

static void put_u32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static enum ecode check_offer(const struct mikey_offer *o, struct err *er)
{
        struct uid mine;
        unsigned type = o->key->id >> 28;
        if (type >= COUNT(type_rows) || !type_rows[type].served)
                return err_set(er, E_RANGE, "R-KMS-108", "keys of type %u do not travel in an I_MESSAGE", type);
        enum ecode e = mikey_domain_uid(o->from->home, o->from->uri, o->time_s, &mine, NULL, er);
        if (e != E_OK)
                return e;
        if (!bytes_eq(uid_bytes(&mine), uid_bytes(&o->from->uid)))
                return err_set(er, E_RANGE, "R-KMS-113", "the keys of %s are of period %llu, which is not that time's",
                               o->from->uri, (unsigned long long)o->from->period_no);
        if (!mikey_domain_valid(o->from->home, o->time_s) || !mikey_domain_valid(o->peer_domain, o->time_s))
                return err_set(er, E_KEY_INVALID, "R-KMS-20", "a KMS certificate is not valid at that time");
        return E_OK;
}

static void set_cs(struct draft *d, const struct mikey_offer *o)
{
        const struct type_row *row = &type_rows[mikey_key_type(o->key->id)];
        uint8_t cs_id = o->cs == MIKEY_CS_VIDEO ? row->cs_video : row->cs_ptt;
        d->m.map = MIKEY_MAP_EMPTY;
        if (o->cs == MIKEY_CS_NONE || cs_id == NO_CS)
                return;
        d->m.map = MIKEY_MAP_GENERIC;
        d->m.cs_n = 1;
        /* a GMK goes by both of its names, GMK-ID and GUK-ID */
        bool gmk = mikey_key_type(o->key->id) == MIKEY_GMK;
        put_u32(d->spi, o->key->id);
        put_u32(d->spi + 4, d->m.csb_id);
        d->m.cs[0] = (struct mikey_cs){ .cs_id = cs_id,
                                        .policies = bytes_of(&d->policy_number, 1),
                                        .spi = bytes_of(d->spi, gmk ? 8 : 4) };
}

static void set_ids(struct draft *d, const struct mikey_offer *o)
{
        d->m.hidden = !o->clear_uris;
        d->m.initiator =
                (struct mikey_id){ MIKEY_ID_URI, o->clear_uris ? bytes_str(o->from->uri) : uid_bytes(&o->from->uid) };
        d->m.responder =
                (struct mikey_id){ MIKEY_ID_URI, o->clear_uris ? bytes_str(o->peer_uri) : uid_bytes(&d->peer_uid) };
        d->m.kms_i = (struct mikey_id){ MIKEY_ID_URI, bytes_str(o->from->home->kms_uri) };
        d->m.kms_r = (struct mikey_id){ MIKEY_ID_URI, bytes_str(o->peer_domain->kms_uri) };
}

static enum ecode set_key(struct draft *d, const struct mikey_offer *o, struct err *er)
{
        d->m.csb_id = o->key->id;
        enum ecode e = E_OK;
        if (mikey_key_type(o->key->id) == MIKEY_GMK) /* 5.2.3 */
                e = kdf_guk_id(&o->key->key, o->key->id, bytes_str(o->peer_uri), &d->m.csb_id);
        if (e != E_OK)
                return err_set(er, e, NULL, "GUK-ID");
        e = mikey_domain_uid(o->peer_domain, o->peer_uri, o->time_s, &d->peer_uid, NULL, er);
        if (e != E_OK)
                return e;
        d->m.sakke = (struct mikey_sakke){ MIKEY_SAKKE_SET_1, MIKEY_SCHEME_3GPP, BYTES_ARR(d->sed.b) };
        if (o->peer != NULL)
                return sakke_encapsulate_peer(o->peer, &o->key->key, &d->sed, er);
        return sakke_encapsulate(o->peer_domain->sakke, uid_bytes(&d->peer_uid), &o->key->key, &d->sed, er);
}

static enum ecode set_params(void *mem, struct draft *d, const struct mikey_offer *o, const struct rng *rng,
                             struct err *er)
{
        uint8_t iv[MIKEY_PARAMS_IV];
        d->m.ext_after_sakke = true;
        if (o->params == NULL)
                return E_OK;
        enum ecode e = rng_fill(rng, iv, sizeof iv);
        if (e != E_OK)
                return err_set(er, e, NULL, "randomness");
        return mikey_params_seal(mem, o->params, &o->key->key, d->m.csb_id, iv, &d->m.key_params, er);
}

static enum ecode sign(void *mem, const struct draft *d, const struct mikey_offer *o, const struct rng *rng,
                       struct bytes *ret, struct err *er)
{
        struct bytes body;
        struct eccsi_sig sig;
        enum ecode e = mikey_print_unsigned(mem, &d->m, &body, er);
        if (e != E_OK)
                return e;
        e = eccsi_sign(&o->from->signer, rng, body, &sig);
        if (e != E_OK)
                return err_set(er, e, NULL, "signing the I_MESSAGE");
        struct buf b = buf_on(mem);
        buf_put(&b, body);
        buf_put(&b, BYTES_ARR(sig.b));
        if (b.failed)
                return err_set(er, E_NOMEM, NULL, "I_MESSAGE");
        *ret = buf_bytes(&b);
        return E_OK;
}

enum ecode mikey_offer_print(void *mem, const struct mikey_offer *o, const struct rng *rng, struct bytes *ret,
                             struct err *er)
{
        struct draft d = { 0 };
        enum ecode e = check_offer(o, er);
        if (e == E_OK && rng_fill(rng, d.rand, sizeof d.rand) != E_OK)
                e = err_set(er, E_CRYPTO, NULL, "randomness");
        if (e == E_OK)
                e = set_key(&d, o, er);
        if (e == E_OK)
                e = set_params(mem, &d, o, rng, er);
        if (e != E_OK)
                return e;
        set_cs(&d, o);
        set_ids(&d, o);
        d.m.ntp_s = (uint32_t)(o->time_s + NTP_UNIX_OFFSET);
        d.m.rand = BYTES_ARR(d.rand);
        d.m.policies[0] = (struct mikey_policy){ .params = type_rows[mikey_key_type(o->key->id)].policy };
        d.m.policies_n = 1;
        return sign(mem, &d, o, rng, ret, er);
}
