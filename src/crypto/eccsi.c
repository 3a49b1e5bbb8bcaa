#include "crypto/eccsi.h"

#include "crypto/ossl.h"
#include "crypto/prim.h"

/* What a computation on the curve needs; opened at the top of each public function. */
struct work {
        const EC_GROUP *g;
        const BIGNUM *q;
        BN_CTX *ctx;
};

static void work_close(struct work *w)
{
        BN_CTX_free(w->ctx);
}

#define WORK __attribute__((cleanup(work_close))) struct work

static enum ecode work_open(struct work *w)
{
        w->g = ossl()->p256;
        if (w->g == NULL)
                return E_CRYPTO;
        w->q = EC_GROUP_get0_order(w->g);
        w->ctx = BN_CTX_secure_new();
        return w->ctx != NULL ? E_OK : E_NOMEM;
}

#define BN_OWN    OSSL_FREED(BIGNUM, BN_clear_free)
#define POINT_OWN OSSL_FREED(EC_POINT, EC_POINT_clear_free)

static BIGNUM *secret_bn(const uint8_t in[32])
{
        BIGNUM *x = BN_secure_new();
        if (x == NULL || BN_bin2bn(in, 32, x) == NULL) {
                BN_clear_free(x);
                return NULL;
        }
        BN_set_flags(x, BN_FLG_CONSTTIME);
        return x;
}

static bool in_range(const struct work *w, const BIGNUM *x)
{
        return !BN_is_zero(x) && BN_cmp(x, w->q) < 0;
}

/* 04 || x || y into a point. libcrypto checks the curve. Infinity has no such form. */
static enum ecode point_read(const struct work *w, const uint8_t in[65], EC_POINT *ret)
{
        if (in[0] != 0x04 || EC_POINT_oct2point(w->g, ret, in, 65, w->ctx) != 1)
                return E_POINT;
        return EC_POINT_is_at_infinity(w->g, ret) ? E_POINT : E_OK;
}

static enum ecode point_write(const struct work *w, const EC_POINT *p, uint8_t ret[65])
{
        size_t n = EC_POINT_point2oct(w->g, p, POINT_CONVERSION_UNCOMPRESSED, ret, 65, w->ctx);
        return n == 65 ? E_OK : E_CRYPTO;
}

/* [x]G with the library's constant-time path for a single secret scalar. */
static enum ecode base_mul(const struct work *w, const BIGNUM *x, uint8_t ret[65])
{
        POINT_OWN *p = EC_POINT_new(w->g);
        if (p == NULL)
                return E_NOMEM;
        if (EC_POINT_mul(w->g, p, x, NULL, NULL, w->ctx) != 1)
                return E_CRYPTO;
        return point_write(w, p, ret);
}

/* A uniform scalar 0 < x < q by rejection. */
static enum ecode draw_scalar(const struct work *w, const struct rng *rng, uint8_t ret[32])
{
        for (int tries = 0; tries < 64; tries++) {
                enum ecode e = rng_fill(rng, ret, 32);
                if (e != E_OK)
                        return e;
                BN_OWN *x = secret_bn(ret);
                if (x == NULL)
                        return E_NOMEM;
                if (in_range(w, x))
                        return E_OK;
        }
        return E_CRYPTO;
}

/* HS = SHA-256(G || KPAK || ID || PVT), RFC 6507 5.1.1. */
static enum ecode hash_hs(const struct eccsi_kpak *kpak, struct bytes id, const uint8_t pvt[65], uint8_t ret[32])
{
        static const uint8_t g[65] = {
                0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
                0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
                0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
                0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
        };
        const struct bytes parts[] = { BYTES_ARR(g), BYTES_ARR(kpak->b), id, bytes_of(pvt, 65) };
        return sha256_parts(parts, COUNT(parts), ret);
}

/* HE = SHA-256(HS || r || M), RFC 6507 5.2.1. */
static enum ecode hash_he(const uint8_t hs[32], const uint8_t r[32], struct bytes m, uint8_t ret[32])
{
        const struct bytes parts[] = { bytes_of(hs, 32), bytes_of(r, 32), m };
        return sha256_parts(parts, COUNT(parts), ret);
}

enum ecode eccsi_master_make(const struct rng *rng, struct eccsi_ksak *ret_ksak, struct eccsi_kpak *ret_kpak)
{
        WORK w = { 0 };
        SECRET(eccsi_ksak) ksak;
        enum ecode e = work_open(&w);
        if (e == E_OK)
                e = draw_scalar(&w, rng, ksak.b);
        if (e == E_OK)
                e = eccsi_master_public(&ksak, ret_kpak, NULL);
        if (e == E_OK)
                *ret_ksak = ksak;
        return e;
}

enum ecode eccsi_master_public(const struct eccsi_ksak *ksak, struct eccsi_kpak *ret, struct err *er)
{
        WORK w = { 0 };
        enum ecode e = work_open(&w);
        if (e != E_OK)
                return err_set(er, e, NULL, "libcrypto does not offer P-256");
        BN_OWN *x = secret_bn(ksak->b);
        if (x == NULL)
                return err_set(er, E_NOMEM, NULL, "out of memory");
        if (!in_range(&w, x))
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "KSAK is 0 or not below q");
        struct eccsi_kpak k = { 0 };
        e = base_mul(&w, x, k.b);
        if (e != E_OK)
                return err_set(er, e, NULL, "libcrypto does not multiply on P-256");
        *ret = k;
        return E_OK;
}

enum ecode eccsi_master_check(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak, struct err *er)
{
        struct eccsi_kpak k;
        enum ecode e = eccsi_master_public(ksak, &k, er);
        if (e != E_OK)
                return e;
        if (memcmp(k.b, kpak->b, sizeof k.b) != 0)
                return err_set(er, E_KEY_INVALID, "R-KMS-85", "KPAK is not [KSAK]G");
        return E_OK;
}

enum ecode eccsi_kpak_check(const struct eccsi_kpak *kpak, struct err *er)
{
        WORK w = { 0 };
        enum ecode e = work_open(&w);
        if (e != E_OK)
                return err_set(er, e, NULL, "libcrypto does not offer P-256");
        POINT_OWN *p = EC_POINT_new(w.g);
        if (p == NULL)
                return err_set(er, E_NOMEM, NULL, "out of memory");
        if (point_read(&w, kpak->b, p) != E_OK)
                return err_set(er, E_POINT, "R-KMS-21", "PubAuthKey is no point of P-256");
        return E_OK;
}

/* The pair for one v; E_RANGE asks for another v (RFC 6507 5.1.1 step 5). */
static enum ecode pair_of(const struct work *w, const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak,
                          struct bytes id, const uint8_t v[32], struct eccsi_ssk *ret_ssk, struct eccsi_pvt *ret_pvt)
{
        BN_OWN *bv = secret_bn(v);
        BN_OWN *a = secret_bn(ksak->b);
        BN_OWN *t = BN_secure_new();
        BN_OWN *h = BN_new();
        if (bv == NULL || a == NULL || t == NULL || h == NULL)
                return E_NOMEM;
        if (!in_range(w, bv))
                return E_RANGE;
        struct eccsi_pvt pvt;
        uint8_t hs[32];
        enum ecode e = base_mul(w, bv, pvt.b);
        if (e == E_OK)
                e = hash_hs(kpak, id, pvt.b, hs);
        if (e != E_OK)
                return e;
        if (BN_bin2bn(hs, 32, h) == NULL || BN_nnmod(h, h, w->q, w->ctx) != 1 ||
            BN_mod_mul(t, h, bv, w->q, w->ctx) != 1 || BN_mod_add(t, t, a, w->q, w->ctx) != 1)
                return E_CRYPTO;
        if (BN_is_zero(h) || BN_is_zero(t))
                return E_RANGE; /* R-KMS-9 */
        if (BN_bn2binpad(t, ret_ssk->b, 32) != 32)
                return E_CRYPTO;
        *ret_pvt = pvt;
        return E_OK;
}

enum ecode eccsi_issue(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak, struct bytes id,
                       const struct rng *rng, struct eccsi_ssk *ret_ssk, struct eccsi_pvt *ret_pvt)
{
        WORK w = { 0 };
        enum ecode e = work_open(&w);
        if (e != E_OK)
                return e;
        SECRET(eccsi_ksak) v;
        do {
                e = draw_scalar(&w, rng, v.b);
                if (e == E_OK)
                        e = pair_of(&w, ksak, kpak, id, v.b, ret_ssk, ret_pvt);
        } while (e == E_RANGE);
        return e;
}

/* v is the first of HMAC(seed, "ECCSI v" || try || KPAK || id) below q: at once but for one time in 2^32. */
static enum ecode derive_v(const struct eccsi_vseed *seed, const struct eccsi_kpak *kpak, struct bytes id, uint8_t try,
                           uint8_t ret[32])
{
        const struct bytes parts[] = { BYTES_LIT("ECCSI v"), bytes_of(&try, 1), BYTES_ARR(kpak->b), id };
        return hmac_sha256_parts(BYTES_ARR(seed->b), parts, COUNT(parts), ret);
}

enum ecode eccsi_issue_derived(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak,
                               const struct eccsi_vseed *seed, struct bytes id, struct eccsi_ssk *ret_ssk,
                               struct eccsi_pvt *ret_pvt)
{
        WORK w = { 0 };
        enum ecode e = work_open(&w);
        if (e != E_OK)
                return e;
        SECRET(eccsi_ksak) v;
        for (unsigned try = 0; try < 256; try++) {
                e = derive_v(seed, kpak, id, (uint8_t)try, v.b);
                if (e == E_OK)
                        e = pair_of(&w, ksak, kpak, id, v.b, ret_ssk, ret_pvt);
                if (e != E_RANGE)
                        return e;
        }
        return E_CRYPTO;
}

/* KPAK = [SSK]G - [HS]PVT, RFC 6507 5.1.2, as [SSK]G = KPAK + [HS]PVT: so that the secret scalar stands alone. */
static enum ecode pair_equation(const struct work *w, const struct eccsi_kpak *kpak, const struct eccsi_ssk *ssk,
                                const struct eccsi_pvt *pvt, const uint8_t hs[32])
{
        BN_OWN *s = secret_bn(ssk->b);
        BN_OWN *h = BN_bin2bn(hs, 32, NULL);
        POINT_OWN *left = EC_POINT_new(w->g);
        POINT_OWN *right = EC_POINT_new(w->g);
        POINT_OWN *k = EC_POINT_new(w->g);
        if (s == NULL || h == NULL || left == NULL || right == NULL || k == NULL)
                return E_NOMEM;
        if (!in_range(w, s))
                return E_KEY_INVALID;
        if (point_read(w, pvt->b, right) != E_OK || point_read(w, kpak->b, k) != E_OK)
                return E_POINT;
        if (EC_POINT_mul(w->g, right, NULL, right, h, w->ctx) != 1 ||
            EC_POINT_add(w->g, right, right, k, w->ctx) != 1 || EC_POINT_mul(w->g, left, s, NULL, NULL, w->ctx) != 1)
                return E_CRYPTO;
        int differ = EC_POINT_cmp(w->g, left, right, w->ctx);
        return differ == 0 ? E_OK : differ > 0 ? E_KEY_INVALID : E_CRYPTO;
}

enum ecode eccsi_signer_make(const struct eccsi_kpak *kpak, struct bytes id, const struct eccsi_ssk *ssk,
                             const struct eccsi_pvt *pvt, struct eccsi_signer *ret, struct err *er)
{
        WORK w = { 0 };
        uint8_t hs[32];
        enum ecode e = work_open(&w);
        if (e == E_OK)
                e = hash_hs(kpak, id, pvt->b, hs);
        if (e == E_OK)
                e = pair_equation(&w, kpak, ssk, pvt, hs);
        if (e != E_OK)
                return err_set(er, e, "R-KMS-7", "SSK and PVT do not belong to this identity and KPAK");
        ret->ssk = *ssk;
        ret->pvt = *pvt;
        memcpy(ret->hs, hs, sizeof hs);
        return E_OK;
}

/* s = (HE + r * SSK)^-1 * j. The inverse is of the sum times j', a second secret that cancels: the inversion then works
 * on a value that tells nothing, whatever its timing. Here j' = j, as s = j * j * (j * (HE + r * SSK))^-1. */
static enum ecode sign_s(const struct work *w, const BIGNUM *j, const uint8_t he[32], const uint8_t r[32],
                         const struct eccsi_ssk *ssk, uint8_t ret[32])
{
        BN_OWN *k = secret_bn(ssk->b);
        BN_OWN *h = BN_bin2bn(he, 32, NULL);
        BN_OWN *t = BN_bin2bn(r, 32, NULL);
        BN_OWN *u = BN_secure_new();
        if (k == NULL || h == NULL || t == NULL || u == NULL)
                return E_NOMEM;
        if (BN_nnmod(h, h, w->q, w->ctx) != 1 || BN_mod_mul(t, t, k, w->q, w->ctx) != 1 ||
            BN_mod_add(t, t, h, w->q, w->ctx) != 1)
                return E_CRYPTO;
        if (BN_is_zero(t))
                return E_RANGE;
        BN_set_flags(t, BN_FLG_CONSTTIME);
        if (BN_mod_mul(t, t, j, w->q, w->ctx) != 1 || BN_mod_inverse(u, t, w->q, w->ctx) == NULL ||
            BN_mod_mul(u, u, j, w->q, w->ctx) != 1 || BN_mod_mul(u, u, j, w->q, w->ctx) != 1)
                return E_CRYPTO;
        return BN_bn2binpad(u, ret, 32) == 32 ? E_OK : E_CRYPTO;
}

/* One signature for one j; E_RANGE asks for another. */
static enum ecode sign_with(const struct work *w, const struct eccsi_signer *s, const uint8_t jb[32], struct bytes m,
                            struct eccsi_sig *ret)
{
        BN_OWN *j = secret_bn(jb);
        if (j == NULL)
                return E_NOMEM;
        uint8_t jpoint[65], he[32], sb[32];
        enum ecode e = base_mul(w, j, jpoint);
        const uint8_t *r = jpoint + 1;
        if (e == E_OK)
                e = hash_he(s->hs, r, m, he);
        if (e == E_OK)
                e = sign_s(w, j, he, r, &s->ssk, sb);
        if (e != E_OK)
                return e;
        memcpy(ret->b, r, 32);
        memcpy(ret->b + 32, sb, 32);
        memcpy(ret->b + 64, s->pvt.b, 65);
        return E_OK;
}

enum ecode eccsi_sign(const struct eccsi_signer *s, const struct rng *rng, struct bytes m, struct eccsi_sig *ret)
{
        WORK w = { 0 };
        enum ecode e = work_open(&w);
        if (e != E_OK)
                return e;
        SECRET(eccsi_ksak) j;
        do {
                e = draw_scalar(&w, rng, j.b);
                if (e == E_OK)
                        e = sign_with(&w, s, j.b, m, ret);
        } while (e == E_RANGE);
        return e;
}

/* J = [s]([HE]G + [r]Y), Y = [HS]PVT + KPAK; r = Jx. All of it is public. */
static enum ecode verify_equation(const struct work *w, const struct eccsi_kpak *kpak, const uint8_t *sig,
                                  const uint8_t hs[32], const uint8_t he[32])
{
        BN_OWN *r = BN_bin2bn(sig, 32, NULL);
        BN_OWN *s = BN_bin2bn(sig + 32, 32, NULL);
        BN_OWN *h = BN_bin2bn(hs, 32, NULL);
        BN_OWN *u = BN_bin2bn(he, 32, NULL);
        POINT_OWN *y = EC_POINT_new(w->g);
        POINT_OWN *k = EC_POINT_new(w->g);
        if (r == NULL || s == NULL || h == NULL || u == NULL || y == NULL || k == NULL)
                return E_NOMEM;
        if (point_read(w, sig + 64, y) != E_OK || point_read(w, kpak->b, k) != E_OK)
                return E_POINT;
        if (!in_range(w, s) || BN_is_zero(r))
                return E_SIGNATURE;
        if (EC_POINT_mul(w->g, y, NULL, y, h, w->ctx) != 1 || EC_POINT_add(w->g, y, y, k, w->ctx) != 1 ||
            BN_mod_mul(u, u, s, w->q, w->ctx) != 1 || BN_mod_mul(h, r, s, w->q, w->ctx) != 1 ||
            EC_POINT_mul(w->g, y, u, y, h, w->ctx) != 1)
                return E_CRYPTO;
        uint8_t j[65];
        if (EC_POINT_is_at_infinity(w->g, y))
                return E_SIGNATURE;
        enum ecode e = point_write(w, y, j);
        if (e != E_OK)
                return e;
        return memcmp(j + 1, sig, 32) == 0 ? E_OK : E_SIGNATURE;
}

enum ecode eccsi_verify(const struct eccsi_kpak *kpak, struct bytes id, struct bytes m, struct bytes sig,
                        struct err *er)
{
        if (sig.n != ECCSI_SIG_LEN)
                return err_set(er, sig.n < ECCSI_SIG_LEN ? E_SHORT : E_LONG, "R-KMS-82",
                               "an ECCSI signature has %d octets, not %zu", ECCSI_SIG_LEN, sig.n);
        WORK w = { 0 };
        uint8_t hs[32], he[32];
        enum ecode e = work_open(&w);
        if (e == E_OK)
                e = hash_hs(kpak, id, sig.p + 64, hs);
        if (e == E_OK)
                e = hash_he(hs, sig.p, m, he);
        if (e == E_OK)
                e = verify_equation(&w, kpak, sig.p, hs, he);
        switch (e) {
        case E_OK: return E_OK;
        case E_POINT: return err_set(er, e, "R-KMS-82", "PVT or KPAK is no point of P-256");
        case E_SIGNATURE: return err_set(er, e, "R-KMS-82", "the ECCSI signature does not verify for this identity");
        default: return err_set(er, e, NULL, "libcrypto could not compute on P-256");
        }
}
