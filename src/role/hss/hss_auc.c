#include "role/hss/hss_priv.h"

#include <talloc.h>

/* SQN = SEQ || IND, TS 33.102 annex C.1.1.1 and C.1.2: IND has 5 bits and is the USIM's array index. */
#define IND_BITS 5u
#define IND_MASK ((UINT64_C(1) << IND_BITS) - 1)
#define SEQ_MAX  (AKA_SQN_MAX >> IND_BITS)
/* How far ahead of the USIM a number may be: TS 33.102 annex C.3, the limit Delta of all three profiles. */
#define DELTA (UINT64_C(1) << 28)

#define RETRIES   16 /* against others who count up the same user meanwhile */
#define RES_TRIES 64 /* one RES of 32 has a 00 octet */

struct aka_keys {
        struct milenage_k k;
        struct milenage_opc opc;
};

static void aka_keys_wipe(struct aka_keys *k)
{
        secret_wipe(k, sizeof *k);
}

const char *hss_seal_name(void *mem, const char *impi, const char *field)
{
        return talloc_asprintf(mem, "hss/%s/%s", field, impi);
}

/* A value that does not open was sealed with another key or for somebody else: the operator's matter, not the user's.
 */
static enum ecode unseal(struct hss *h, void *mem, const struct hss_subscription *s, const char *field,
                         struct bytes sealed, struct bytes *ret, struct err *er)
{
        const char *name = hss_seal_name(mem, s->impi, field);
        if (name == NULL)
                return err_set(er, E_NOMEM, NULL, "%s", field);
        enum ecode e = seal_open(mem, h->env->seal_key, name, sealed, ret, er);
        if (e == E_OK || e == E_NOMEM)
                return e;
        return err_set(er, E_CONFIG, NULL, "%s of this user does not open: was hss.seal replaced?", field);
}

static enum ecode open_keys(struct hss *h, void *mem, const struct hss_subscription *s, struct aka_keys *ret,
                            struct err *er)
{
        struct bytes k = { 0 }, opc = { 0 };
        enum ecode e = unseal(h, mem, s, "k", s->k, &k, er);
        if (e == E_OK)
                e = unseal(h, mem, s, "opc", s->opc, &opc, er);
        if (e == E_OK && (k.n != sizeof ret->k.b || opc.n != sizeof ret->opc.b))
                e = err_set(er, E_CONFIG, NULL, "K or OPc of this user has a wrong length");
        if (e != E_OK)
                return e;
        memcpy(ret->k.b, k.p, k.n);
        memcpy(ret->opc.b, opc.p, opc.n);
        return E_OK;
}

static enum ecode sqn_next(const struct hss *h, uint64_t *sqn, struct err *er)
{
        uint64_t seq = (*sqn >> IND_BITS) + 1, ind = (*sqn + 1) & IND_MASK;
        if (!strcmp(h->conf->sqn, "time")) {
                uint64_t now = (uint64_t)clock_now(h->env->clock);
                seq = seq > now ? seq : now;
        }
        if (seq > SEQ_MAX)
                return err_set(er, E_RANGE, NULL, "the sequence numbers of this user are used up: give it a new K");
        *sqn = seq << IND_BITS | ind;
        return E_OK;
}

/* TS 33.102 clause 6.3.5: where to count on from. The number of the network stays when the USIM would take its
 * successor. MAC-S is looked at in any case (R-SA-6). */
static enum ecode resynchronise(struct hss *h, const struct aka_keys *k, struct bytes resync, uint64_t *sqn,
                                struct err *er)
{
        struct aka_rand rand;
        uint64_t ms = 0;
        if (resync.n != sizeof rand.b + AKA_AUTS_LEN)
                return err_set(er, E_AUTH_FAILED, "R-SA-6", "RAND and AUTS have %zu octets", resync.n);
        memcpy(rand.b, resync.p, sizeof rand.b);
        enum ecode e = aka_auts_open(&k->k, &k->opc, &rand, bytes_of(resync.p + sizeof rand.b, AKA_AUTS_LEN), &ms);
        if (e != E_OK)
                return err_set(er, e, "R-SA-6", e == E_AUTH_FAILED ? "MAC-S of AUTS is wrong" : "AUTS");
        atomic_fetch_add(&h->resyncs, 1);
        uint64_t he_seq = (*sqn >> IND_BITS) + 1, ms_seq = ms >> IND_BITS;
        if (he_seq <= ms_seq || he_seq - ms_seq > DELTA)
                *sqn = ms;
        return E_OK;
}

static bool has_null(const uint8_t *p, size_t n)
{
        return memchr(p, 0, n) != NULL;
}

static enum ecode one_vector(struct hss *h, void *mem, const struct hss_subscription *s, const struct aka_keys *k,
                             uint64_t sqn, struct cx_auth_item *ret, struct err *er)
{
        __attribute__((cleanup(aka_vector_wipe))) struct aka_vector v = { 0 };
        struct aka_rand rand;
        for (int i = 0; i < RES_TRIES; i++) {
                enum ecode e = rng_fill(h->env->rng, rand.b, sizeof rand.b);
                if (e == E_OK)
                        e = aka_vector_make(&k->k, &k->opc, &rand, sqn, s->amf, &v);
                if (e != E_OK)
                        return err_set(er, e, "R-SA-3", "vector");
                if (!s->no_null_res || !has_null(v.xres, sizeof v.xres)) /* R-SA-129: RES hangs on RAND alone */
                        break;
        }
        if (s->no_null_res && has_null(v.xres, sizeof v.xres))
                return err_set(er, E_CRYPTO, "R-SA-129", "no RES without a 00 octet in %d tries", RES_TRIES);
        *ret = (struct cx_auth_item){
                .scheme = CX_AKA,
                .rand = bytes_copy(mem, BYTES_ARR(v.rand.b)),
                .autn = bytes_copy(mem, BYTES_ARR(v.autn)),
                .xres = secret_copy(mem, BYTES_ARR(v.xres)),
                .ck = secret_copy(mem, BYTES_ARR(v.ck)),
                .ik = secret_copy(mem, BYTES_ARR(v.ik)),
        };
        bool ok = ret->rand.p && ret->autn.p && ret->xres.p && ret->ck.p && ret->ik.p;
        return ok ? E_OK : err_set(er, E_NOMEM, NULL, "vector");
}

/* One try: E_CONFLICT when somebody counted meanwhile. */
static enum ecode try_vectors(struct hss *h, void *mem, const struct cx_mar *rq, const struct hss_subscription *s,
                              struct cx_maa *ret, struct err *er)
{
        __attribute__((cleanup(aka_keys_wipe))) struct aka_keys k = { 0 };
        uint64_t sqn = s->sqn;
        enum ecode e = open_keys(h, mem, s, &k, er);
        if (e == E_OK && rq->resync.n > 0)
                e = resynchronise(h, &k, rq->resync, &sqn, er);
        size_t n = rq->count < 1 ? 1 : rq->count > COUNT(ret->items) ? COUNT(ret->items) : rq->count;
        for (ret->items_n = 0; e == E_OK && ret->items_n < n;) {
                e = sqn_next(h, &sqn, er);
                if (e == E_OK)
                        e = one_vector(h, mem, s, &k, sqn, &ret->items[ret->items_n], er);
                ret->items_n += e == E_OK;
        }
        if (e == E_OK) /* durable before anybody sees a vector: a number is never used twice */
                e = h->st->ops->auth_begin(h->st, s->impi, s->sqn, sqn, rq->resync.n > 0, rq->server_name, er);
        if (e != E_OK)
                cx_maa_wipe(ret);
        return e;
}

enum ecode hss_vectors(struct hss *h, void *mem, const struct cx_mar *rq, struct hss_subscription *s,
                       struct cx_maa *ret, struct err *er)
{
        for (int i = 0; i < RETRIES; i++) {
                enum ecode e = try_vectors(h, mem, rq, s, ret, er);
                if (e == E_OK)
                        atomic_fetch_add(&h->vectors, ret->items_n);
                if (e != E_CONFLICT)
                        return e;
                e = h->st->ops->by_impi(h->st, mem, rq->impi, s, er);
                if (e != E_OK)
                        return e;
        }
        return err_set(er, E_BUSY, NULL, "too many authentications of one user at a time");
}

enum ecode hss_digest(struct hss *h, void *mem, const struct cx_mar *rq, const struct hss_subscription *s,
                      struct cx_maa *ret, struct err *er)
{
        struct bytes ha1 = { 0 };
        enum ecode e = unseal(h, mem, s, "ha1", s->ha1, &ha1, er);
        if (e == E_OK && ha1.n != 32)
                e = err_set(er, E_CONFIG, NULL, "HA1 of this user has a wrong length");
        if (e == E_OK && (s->scscf == NULL || strcmp(s->scscf, rq->server_name) != 0))
                e = h->st->ops->auth_begin(h->st, s->impi, s->sqn, s->sqn, false, rq->server_name, er);
        if (e != E_OK)
                return e;
        struct bytes text = secret_copy(mem, ha1); /* followed by a NUL */
        if (text.p == NULL)
                return err_set(er, E_NOMEM, NULL, "HA1");
        ret->items[0] = (struct cx_auth_item){ .scheme = CX_DIGEST,
                                               .realm = h->conf->digest_realm,
                                               .ha1 = (const char *)text.p };
        ret->items_n = 1;
        return E_OK;
}
