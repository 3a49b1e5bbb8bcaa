#include "crypto/sakke.h"

#include <pthread.h>
#include <talloc.h>

#include "crypto/ed.h"
#include "crypto/pairing.h"
#include "crypto/prim.h"

/* ---- tables over P and g, made at the first use: about 500 KiB and 15 ms ---- */

static struct {
        struct ed p;
        struct ed_comb *full, *small; /* [k]P for k < q, and for k < 2^256 */
        struct gt_comb *g;            /* g^k */
} base;
static pthread_once_t base_once = PTHREAD_ONCE_INIT;

static void base_make(void)
{
        ed_from_wp(&base.p, &wp_base);
        base.full = ed_comb_new(NULL, &base.p, comb_full);
        base.small = ed_comb_new(NULL, &base.p, comb_short);
        base.g = gt_comb_new(NULL, &pairing_g, comb_full);
}

static enum ecode base_open(void)
{
        pthread_once(&base_once, base_make);
        return base.full != NULL && base.small != NULL && base.g != NULL ? E_OK : E_NOMEM;
}

static enum ecode no_memory(struct err *er)
{
        return err_set(er, E_NOMEM, NULL, "out of memory");
}

/* ---- scalars and hashes ---- */

static void fp_wipe(struct fp *a)
{
        secret_wipe(a, sizeof *a);
}
#define SECRET_FP __attribute__((cleanup(fp_wipe))) struct fp

static enum ecode id_scalar(struct bytes id, struct fp *ret, struct err *er)
{
        uint8_t padded[FP_LEN] = { 0 };
        if (id.n == 0 || id.n > SAKKE_ID_MAX)
                return err_set(er, E_RANGE, NULL, "an identity has 1 to %d octets, not %zu", SAKKE_ID_MAX, id.n);
        memcpy(padded + FP_LEN - id.n, id.p, id.n);
        sc_read(ret, padded);
        return E_OK;
}

/* RFC 6508 5.1: v_1 || ... || v_l of HashToIntegerRange, l rounds. */
static enum ecode hash_rounds(const struct bytes *parts, size_t n, size_t rounds, uint8_t *ret)
{
        uint8_t a[SHA256_LEN], h[SHA256_LEN] = { 0 };
        enum ecode e = sha256_parts(parts, n, a);
        for (size_t i = 0; i < rounds && e == E_OK; i++) {
                e = sha256(BYTES_ARR(h), h);
                const struct bytes ha[] = { BYTES_ARR(h), BYTES_ARR(a) };
                if (e == E_OK)
                        e = sha256_parts(ha, COUNT(ha), ret + i * SHA256_LEN);
        }
        secret_wipe(a, sizeof a);
        return e;
}

/* lg(q) = 1022 bits: four rounds, exactly 1024 bits to reduce. */
static enum ecode hash_to_scalar(const struct bytes *parts, size_t n, struct fp *ret)
{
        uint8_t v[FP_LEN];
        enum ecode e = hash_rounds(parts, n, 4, v);
        if (e == E_OK)
                sc_read(ret, v);
        secret_wipe(v, sizeof v);
        return e;
}

enum ecode sakke_hash_to_q(const struct bytes *parts, size_t n, uint8_t ret[128])
{
        SECRET_FP k;
        enum ecode e = hash_to_scalar(parts, n, &k);
        if (e == E_OK)
                sc_write(ret, &k);
        return e;
}

/* out = in xor HashToIntegerRange(w, 2^128), the step that hides and shows the SSV: RFC 6508 6.2.1, 6.2.2. */
static enum ecode mask_ssv(const struct gt *w, const uint8_t in[16], uint8_t out[16])
{
        uint8_t ratio[FP_LEN], v[SHA256_LEN];
        gt_write(ratio, w);
        const struct bytes part = BYTES_ARR(ratio);
        enum ecode e = hash_rounds(&part, 1, 1, v);
        for (size_t i = 0; e == E_OK && i < 16; i++)
                out[i] = in[i] ^ v[16 + i];
        secret_wipe(ratio, sizeof ratio);
        secret_wipe(v, sizeof v);
        return e;
}

/* ---- points ---- */

static void base_mul(struct ed *ret, const struct fp *k)
{
        struct comb_scalar u;
        comb_recode_full(&u, k);
        ed_comb_mul(ret, &u, base.full);
        secret_wipe(&u, sizeof u);
}

/* [id]P. Identities are public: short ones (the UID) may take the short way. */
static void id_point(struct ed *ret, const struct fp *id, size_t octets)
{
        if (octets > 32) {
                base_mul(ret, id);
                return;
        }
        struct comb_scalar u;
        uint64_t even;
        comb_recode_short(&u, id, &even);
        ed_comb_mul(ret, &u, base.small);
        if (even) {
                struct ed minus = base.p;
                fp_neg(&minus.x, &minus.x);
                fp_neg(&minus.t, &minus.t);
                ed_add(ret, ret, &minus);
        }
}

struct sakke_domain {
        struct ed z;
        struct wp z_affine;
        struct ed_comb *comb;
        struct miller_table *p_lines, *z_lines; /* NULL unless prepared */
};

/* I = [id]P + Z, what is sent to; E_KEY_INVALID when it is infinity, as nobody can have an RSK for it. */
static enum ecode receiver_point(const struct sakke_domain *d, struct bytes id, struct ed *ret, struct wp *ret_affine,
                                 struct err *er)
{
        struct fp k;
        struct wp affine;
        enum ecode e = id_scalar(id, &k, er);
        if (e != E_OK)
                return e;
        id_point(ret, &k, id.n);
        ed_add(ret, ret, &d->z);
        if (!ed_to_wp(&affine, ret))
                return err_set(er, E_KEY_INVALID, "R-KMS-86", "this identity has no key in this domain: id + z = 0");
        *ret_affine = affine;
        return E_OK;
}

/* ---- the KMS ---- */

static enum ecode z_scalar(const struct sakke_z *z, struct fp *ret, struct err *er)
{
        sc_read(ret, z->b);
        if (!sc_in_range(ret, z->b))
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "z is 0 or not below q");
        return E_OK;
}

enum ecode sakke_master_public(const struct sakke_z *z, struct sakke_zpub *ret, struct err *er)
{
        SECRET_FP k;
        struct ed p;
        struct wp w;
        enum ecode e = z_scalar(z, &k, er);
        if (e != E_OK)
                return e;
        if (base_open() != E_OK)
                return no_memory(er);
        base_mul(&p, &k);
        if (!ed_to_wp(&w, &p))
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "[z]P is infinity");
        wp_write(ret->b, &w);
        return E_OK;
}

enum ecode sakke_master_make(const struct rng *rng, struct sakke_z *ret_z, struct sakke_zpub *ret_pub)
{
        SECRET(sakke_z) z;
        for (int tries = 0; tries < 128; tries++) {
                enum ecode e = rng_fill(rng, z.b, sizeof z.b);
                if (e != E_OK)
                        return e;
                z.b[0] &= 0x3f; /* q has 1022 bits and starts with 26: three draws of five are good */
                e = sakke_master_public(&z, ret_pub, NULL);
                if (e == E_OK)
                        *ret_z = z;
                if (e != E_KEY_INVALID)
                        return e;
        }
        return E_CRYPTO;
}

enum ecode sakke_master_check(const struct sakke_z *z, const struct sakke_zpub *pub, struct err *er)
{
        struct sakke_zpub p;
        enum ecode e = sakke_master_public(z, &p, er);
        if (e != E_OK)
                return e;
        if (memcmp(p.b, pub->b, sizeof p.b) != 0)
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "Z is not [z]P");
        return E_OK;
}

enum ecode sakke_rsk_extract(const struct sakke_z *z, struct bytes id, struct sakke_rsk *ret, struct err *er)
{
        SECRET_FP k;
        struct fp a;
        struct ed p;
        struct wp w;
        enum ecode e = z_scalar(z, &k, er);
        if (e == E_OK)
                e = id_scalar(id, &a, er);
        if (e != E_OK)
                return e;
        if (base_open() != E_OK)
                return no_memory(er);
        sc_add(&k, &k, &a);
        if (fp_is_zero(&k))
                return err_set(er, E_KEY_INVALID, "R-KMS-86", "this identity has no key in this domain: id + z = 0");
        sc_inv(&k, &k);
        base_mul(&p, &k);
        bool good = ed_to_wp(&w, &p);
        if (good)
                wp_write(ret->b, &w);
        secret_wipe(&p, sizeof p);
        secret_wipe(&w, sizeof w);
        return good ? E_OK : err_set(er, E_CRYPTO, "R-KMS-6", "the RSK came out as infinity");
}

/* ---- the domain, and keys at their receivers ---- */

enum ecode sakke_domain_new(void *mem, const struct sakke_zpub *pub, struct sakke_domain **ret, struct err *er)
{
        struct wp z;
        if (!wp_read(&z, pub->b))
                return err_set(er, E_POINT, "R-KMS-21", "PubEncKey is no point of the curve");
        if (!wp_has_order_q(&z))
                return err_set(er, E_POINT, "R-KMS-21", "PubEncKey is not of order q");
        struct sakke_domain *d = talloc_zero(mem, struct sakke_domain);
        if (d == NULL || base_open() != E_OK)
                goto out_of_memory;
        d->z_affine = z;
        ed_from_wp(&d->z, &z);
        d->comb = ed_comb_new(d, &d->z, comb_full);
        if (d->comb == NULL)
                goto out_of_memory;
        *ret = d;
        return E_OK;
out_of_memory:
        talloc_free(d);
        return no_memory(er);
}

static enum ecode rsk_read(const struct sakke_rsk *rsk, struct wp *ret, struct err *er)
{
        if (!wp_read(ret, rsk->b))
                return err_set(er, E_POINT, "R-KMS-6", "the RSK is no point of the curve");
        return E_OK;
}

static enum ecode rsk_wrong(struct err *er)
{
        return err_set(er, E_KEY_INVALID, "R-KMS-6", "the RSK does not belong to this identity and domain");
}

enum ecode sakke_domain_prepare(struct sakke_domain *d, struct err *er)
{
        bool bad;
        if (d->p_lines == NULL)
                d->p_lines = miller_table_new(d, &wp_base, &bad);
        if (d->z_lines == NULL)
                d->z_lines = miller_table_new(d, &d->z_affine, &bad);
        return d->p_lines != NULL && d->z_lines != NULL ? E_OK : no_memory(er);
}

/* <[id]P + Z, K> = <P, K>^id <Z, K>, whose lines are ready. */
static enum ecode rsk_pairing_prepared(const struct sakke_domain *d, struct bytes id, const struct wp *k,
                                       struct gt *ret, struct err *er)
{
        struct fp a;
        struct gt u, v;
        enum ecode e = id_scalar(id, &a, er);
        if (e != E_OK)
                return e;
        if (!wp_has_order_q(k))
                return rsk_wrong(er);
        pairing_table(&u, d->p_lines, k);
        gt_pow_public(&u, &u, &a);
        pairing_table(&v, d->z_lines, k);
        gt_mul(ret, &u, &v);
        return E_OK;
}

static enum ecode rsk_pairing(const struct sakke_domain *d, struct bytes id, const struct wp *k, struct gt *ret,
                              struct err *er)
{
        struct ed i;
        struct wp iw;
        bool order;
        enum ecode e = receiver_point(d, id, &i, &iw, er);
        if (e != E_OK)
                return e;
        pairing(ret, k, &iw, &order);
        return order ? E_OK : rsk_wrong(er);
}

enum ecode sakke_rsk_check(const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk, struct err *er)
{
        struct wp k;
        struct gt w;
        enum ecode e = rsk_read(rsk, &k, er);
        if (e == E_OK)
                e = d->z_lines != NULL ? rsk_pairing_prepared(d, id, &k, &w, er) : rsk_pairing(d, id, &k, &w, er);
        secret_wipe(&k, sizeof k);
        if (e != E_OK)
                return e;
        return gt_is_ratio(&w, &pairing_g) ? E_OK : rsk_wrong(er);
}

/* ---- encapsulation ---- */

/* Whom to send to. With I = [id]P + Z, [r]I is one multiplication with a table of I, or else two with the tables of P
 * and of the domain's Z: [r id]P + [r]Z. */
struct receiver {
        const struct ed_comb *comb;     /* of I; NULL: none */
        const struct sakke_domain *dom; /* where comb is NULL */
        struct bytes id;
};

static enum ecode ssv_scalar(const struct mc_key *ssv, struct bytes id, struct fp *ret)
{
        const struct bytes parts[] = { BYTES_ARR(ssv->b), id };
        return hash_to_scalar(parts, COUNT(parts), ret);
}

static enum ecode receiver_mul(const struct receiver *rc, const struct fp *r, const struct comb_scalar *u,
                               struct ed *ret, struct err *er)
{
        if (rc->dom == NULL) { /* the receiver was met before */
                ed_comb_mul(ret, u, rc->comb);
                return E_OK;
        }
        SECRET_FP k;
        struct comb_scalar v;
        enum ecode e = id_scalar(rc->id, &k, er);
        if (e != E_OK)
                return e;
        sc_mul(&k, &k, r);
        comb_recode_full(&v, &k);
        ed_comb_mul2(ret, &v, base.full, u, rc->dom->comb);
        secret_wipe(&v, sizeof v);
        return E_OK;
}

static enum ecode encapsulate(const struct receiver *rc, const struct mc_key *key, struct sakke_sed *ret,
                              struct err *er)
{
        SECRET_FP r;
        struct comb_scalar u;
        struct ed ri;
        struct wp w;
        struct gt gr;
        struct sakke_sed sed = { 0 };
        enum ecode e = ssv_scalar(key, rc->id, &r);
        if (e != E_OK)
                return err_set(er, e, NULL, "libcrypto does not hash");
        comb_recode_full(&u, &r);
        e = receiver_mul(rc, &r, &u, &ri, er);
        gt_comb_pow(&gr, &u, base.g);
        secret_wipe(&u, sizeof u);
        if (e == E_OK && !ed_to_wp(&w, &ri))
                e = err_set(er, E_KEY_INVALID, "R-KMS-86", "this identity has no key in this domain: id + z = 0");
        if (e == E_OK) {
                wp_write(sed.b, &w);
                e = mask_ssv(&gr, key->b, sed.b + SAKKE_POINT_LEN);
        }
        secret_wipe(&gr, sizeof gr);
        if (e == E_OK)
                *ret = sed;
        return e;
}

enum ecode sakke_encapsulate(const struct sakke_domain *d, struct bytes id, const struct mc_key *key,
                             struct sakke_sed *ret, struct err *er)
{
        const struct receiver rc = { .dom = d, .id = id };
        return encapsulate(&rc, key, ret, er);
}

struct sakke_peer {
        struct ed i;
        struct ed_comb *comb;
        struct bytes id;
};

enum ecode sakke_peer_new(void *mem, const struct sakke_domain *d, struct bytes id, struct sakke_peer **ret,
                          struct err *er)
{
        struct wp affine;
        struct sakke_peer *p = talloc_zero(mem, struct sakke_peer);
        if (p == NULL)
                return no_memory(er);
        enum ecode e = receiver_point(d, id, &p->i, &affine, er);
        if (e == E_OK) {
                p->comb = ed_comb_new(p, &p->i, comb_full);
                p->id = bytes_copy(p, id);
                if (p->comb == NULL || p->id.p == NULL)
                        e = no_memory(er);
        }
        if (e != E_OK) {
                talloc_free(p);
                return e;
        }
        *ret = p;
        return E_OK;
}

enum ecode sakke_encapsulate_peer(const struct sakke_peer *p, const struct mc_key *key, struct sakke_sed *ret,
                                  struct err *er)
{
        const struct receiver rc = { .comb = p->comb, .id = p->id };
        return encapsulate(&rc, key, ret, er);
}

/* ---- decapsulation ---- */

/* R of the data, before anything is computed on it (R-KMS-83). */
static enum ecode sed_read(struct bytes sed, struct wp *ret, struct err *er)
{
        if (sed.n != SAKKE_SED_LEN)
                return err_set(er, sed.n < SAKKE_SED_LEN ? E_SHORT : E_LONG, "R-KMS-83",
                               "SAKKE encapsulated data has %d octets, not %zu", SAKKE_SED_LEN, sed.n);
        if (!wp_read(ret, sed.p))
                return err_set(er, E_POINT, "R-KMS-83", "R is no point of the curve");
        return E_OK;
}

/* From w = <R, K>: SSV, r, and TEST = [r]I against R. */
static enum ecode unmask_and_test(const struct gt *w, const struct receiver *rc, struct bytes sed,
                                  const struct wp *big_r, struct mc_key *ret, struct err *er)
{
        SECRET(mc_key) ssv;
        SECRET_FP r;
        struct comb_scalar u;
        struct ed test;
        enum ecode e = mask_ssv(w, sed.p + SAKKE_POINT_LEN, ssv.b);
        if (e == E_OK)
                e = ssv_scalar(&ssv, rc->id, &r);
        if (e != E_OK)
                return err_set(er, e, NULL, "libcrypto does not hash");
        comb_recode_full(&u, &r);
        e = receiver_mul(rc, &r, &u, &test, er);
        bool same = e == E_OK && ed_is_wp(&test, big_r);
        secret_wipe(&u, sizeof u);
        secret_wipe(&test, sizeof test);
        if (e != E_OK)
                return e;
        if (!same)
                return err_set(er, E_DECRYPT, "R-KMS-81", "SAKKE: TEST differs from R (RFC 6508 6.2.2)");
        *ret = ssv;
        return E_OK;
}

enum ecode sakke_decapsulate(const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk,
                             struct bytes sed, struct mc_key *ret, struct err *er)
{
        struct wp r, k;
        struct gt w;
        bool order;
        enum ecode e = sed_read(sed, &r, er);
        if (e == E_OK)
                e = rsk_read(rsk, &k, er);
        if (e != E_OK)
                return e;
        pairing(&w, &k, &r, &order);
        secret_wipe(&k, sizeof k);
        const struct receiver rc = { .dom = d, .id = id };
        e = order ? unmask_and_test(&w, &rc, sed, &r, ret, er) : rsk_wrong(er);
        secret_wipe(&w, sizeof w);
        return e;
}

struct sakke_rsk_table {
        struct miller_table *lines;
        struct sakke_peer *self;
};

static int table_wipe(struct sakke_rsk_table *t)
{
        if (t->lines != NULL)
                miller_table_wipe(t->lines);
        return 0;
}

/* The lines of an RSK that was read, and the proof that it is this identity's. */
static enum ecode table_lines(struct sakke_rsk_table *t, const struct wp *k, struct err *er)
{
        bool bad;
        struct wp i;
        struct gt w;
        t->lines = miller_table_new(t, k, &bad);
        if (t->lines == NULL)
                return bad ? rsk_wrong(er) : no_memory(er);
        ed_to_wp(&i, &t->self->i); /* sakke_peer_new refused infinity */
        pairing_table(&w, t->lines, &i);
        return gt_is_ratio(&w, &pairing_g) ? E_OK : rsk_wrong(er);
}

enum ecode sakke_rsk_table_new(void *mem, const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk,
                               struct sakke_rsk_table **ret, struct err *er)
{
        struct wp k;
        enum ecode e = rsk_read(rsk, &k, er);
        if (e != E_OK)
                return e;
        struct sakke_rsk_table *t = talloc_zero(mem, struct sakke_rsk_table);
        if (t == NULL)
                e = no_memory(er);
        else
                talloc_set_destructor(t, table_wipe);
        if (e == E_OK)
                e = sakke_peer_new(t, d, id, &t->self, er);
        if (e == E_OK)
                e = table_lines(t, &k, er);
        secret_wipe(&k, sizeof k);
        if (e != E_OK) {
                talloc_free(t);
                return e;
        }
        *ret = t;
        return E_OK;
}

enum ecode sakke_decapsulate_table(const struct sakke_rsk_table *t, struct bytes sed, struct mc_key *ret,
                                   struct err *er)
{
        struct wp r;
        struct gt w;
        enum ecode e = sed_read(sed, &r, er);
        if (e != E_OK)
                return e;
        pairing_table(&w, t->lines, &r);
        const struct receiver rc = { .comb = t->self->comb, .id = t->self->id };
        e = unmask_and_test(&w, &rc, sed, &r, ret, er);
        secret_wipe(&w, sizeof w);
        return e;
}
