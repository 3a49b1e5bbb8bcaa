#include <sodium.h>

#include "crypto/ossl.h"
#include "crypto/prim.h"
#include "crypto/suci_impl.h"

#define DRAWS_MAX 64 /* a uniform 256-bit number is below the order of P-256 but for one in 2^32 */

SECRET_TYPE(shared_z, 32)

/* What the key derivation gives, in its order: TS 33.501 C.3.4. */
struct ecies_keys {
        uint8_t ek[16], icb[16], mk[32];
};
_Static_assert(sizeof(struct ecies_keys) == 2 * SHA256_LEN, "two blocks without padding");
static inline void ecies_keys_wipe(struct ecies_keys *k)
{
        secret_wipe(k, sizeof *k);
}

/* ANSI X9.63 KDF with SHA-256: SHA256(Z || counter || ephemeral public key). */
static enum ecode derive(const struct shared_z *z, struct bytes eph, struct ecies_keys *ret)
{
        enum ecode e = E_OK;
        for (uint8_t i = 0; e == E_OK && i < 2; i++) {
                const uint8_t counter[4] = { 0, 0, 0, (uint8_t)(i + 1) };
                const struct bytes parts[] = { BYTES_ARR(z->b), BYTES_ARR(counter), eph };
                e = sha256_parts(parts, COUNT(parts), (uint8_t *)ret + i * SHA256_LEN);
        }
        return e;
}

static BIGNUM *scalar(const struct suci_private *k)
{
        BIGNUM *x = BN_secure_new();
        if (x == NULL || BN_bin2bn(k->b, sizeof k->b, x) == NULL) {
                BN_clear_free(x);
                return NULL;
        }
        BN_set_flags(x, BN_FLG_CONSTTIME);
        return x;
}

/* [k]G, or [k]at when at is not NULL, compressed. E_KEY_INVALID for k, E_POINT for at. */
static enum ecode p256_mul(const struct suci_private *k, const struct bytes *at, uint8_t ret[33])
{
        const EC_GROUP *g = ossl()->p256;
        if (g == NULL)
                return E_CRYPTO;
        OSSL_FREED(BN_CTX, BN_CTX_free) *ctx = BN_CTX_secure_new();
        OSSL_FREED(BIGNUM, BN_clear_free) *x = scalar(k);
        OSSL_FREED(EC_POINT, EC_POINT_clear_free) *p = EC_POINT_new(g);
        if (ctx == NULL || x == NULL || p == NULL)
                return E_NOMEM;
        if (BN_is_zero(x) || BN_cmp(x, EC_GROUP_get0_order(g)) >= 0)
                return E_KEY_INVALID;
        /* libcrypto checks that the point is on the curve; P-256 has no small subgroups */
        if (at != NULL && (at->n != 33 || EC_POINT_oct2point(g, p, at->p, at->n, ctx) != 1))
                return E_POINT;
        int done = at != NULL ? EC_POINT_mul(g, p, NULL, p, x, ctx) : EC_POINT_mul(g, p, x, NULL, NULL, ctx);
        if (done != 1 || EC_POINT_point2oct(g, p, POINT_CONVERSION_COMPRESSED, ret, 33, ctx) != 33)
                return E_CRYPTO;
        return E_OK;
}

static size_t public_len(enum suci_scheme s)
{
        return s == SUCI_A ? 32 : 33;
}

static enum ecode public_of(enum suci_scheme scheme, const struct suci_private *k, uint8_t ret[SUCI_KEY_MAX])
{
        if (scheme == SUCI_B)
                return p256_mul(k, NULL, ret);
        return crypto_scalarmult_base(ret, k->b) == 0 ? E_OK : E_KEY_INVALID;
}

/* The shared secret: X25519's output, or the x coordinate. E_POINT for a public key that is none or, with X25519, of
 * low order (Z would be zero). */
static enum ecode agree(enum suci_scheme scheme, const struct suci_private *k, struct bytes pub, struct shared_z *ret)
{
        if (scheme == SUCI_A)
                return pub.n == 32 && crypto_scalarmult(ret->b, k->b, pub.p) == 0 ? E_OK : E_POINT;
        uint8_t point[33];
        enum ecode e = p256_mul(k, &pub, point);
        if (e == E_OK)
                memcpy(ret->b, point + 1, sizeof ret->b);
        secret_wipe(point, sizeof point);
        return e;
}

enum ecode suci_public_of(const struct suci_home_key *key, struct suci_public *ret, struct err *er)
{
        struct suci_public p = { .scheme = key->scheme, .id = key->id };
        if (key->scheme != SUCI_A && key->scheme != SUCI_B)
                return err_set(er, E_UNSUPPORTED, NULL, "scheme %u has no keys", (unsigned)key->scheme);
        enum ecode e = public_of(key->scheme, &key->priv, p.b);
        if (e != E_OK)
                return err_set(er, e, NULL, "home network key %u is no private key", key->id);
        p.n = (uint8_t)public_len(key->scheme);
        *ret = p;
        return E_OK;
}

static enum ecode draw(enum suci_scheme scheme, const struct rng *rng, struct suci_private *k,
                       uint8_t ret_pub[SUCI_KEY_MAX])
{
        enum ecode e = E_KEY_INVALID;
        for (int i = 0; e == E_KEY_INVALID && i < DRAWS_MAX; i++) {
                e = rng_fill(rng, k->b, sizeof k->b);
                if (e == E_OK)
                        e = public_of(scheme, k, ret_pub);
        }
        return e == E_KEY_INVALID ? E_CRYPTO : e;
}

enum ecode ecies_seal(const struct suci_public *pub, struct bytes plain, const struct rng *rng, struct suci *s)
{
        SECRET(suci_private) k = { 0 };
        SECRET(shared_z) z = { 0 };
        SECRET(ecies_keys) keys = { 0 };
        uint8_t mac[SHA256_LEN];
        if ((pub->scheme != SUCI_A && pub->scheme != SUCI_B) || pub->n != public_len(pub->scheme) || pub->id == 0)
                return E_KEY_INVALID;
        if (plain.n > sizeof s->out - SUCI_KEY_MAX - SUCI_MAC_LEN)
                return E_LONG;
        uint8_t *cipher = s->out + pub->n;
        enum ecode e = draw(pub->scheme, rng, &k, s->out);
        if (e == E_OK)
                e = agree(pub->scheme, &k, bytes_of(pub->b, pub->n), &z);
        if (e == E_OK)
                e = derive(&z, bytes_of(s->out, pub->n), &keys);
        if (e == E_OK)
                e = aes128_ctr(keys.ek, keys.icb, plain, cipher);
        if (e == E_OK)
                e = hmac_sha256(BYTES_ARR(keys.mk), bytes_of(cipher, plain.n), mac);
        if (e != E_OK)
                return e;
        memcpy(cipher + plain.n, mac, SUCI_MAC_LEN);
        s->out_n = (uint8_t)(pub->n + plain.n + SUCI_MAC_LEN);
        return E_OK;
}

enum ecode ecies_open(const struct suci_home_key *key, struct bytes out, uint8_t ret[SUCI_MSIN_MAX], size_t *ret_n)
{
        SECRET(shared_z) z = { 0 };
        SECRET(ecies_keys) keys = { 0 };
        uint8_t mac[SHA256_LEN];
        size_t eph_n = public_len(key->scheme);
        if (out.n <= eph_n + SUCI_MAC_LEN || out.n > eph_n + SUCI_MSIN_MAX + SUCI_MAC_LEN)
                return E_DECRYPT;
        struct bytes eph = bytes_of(out.p, eph_n);
        struct bytes cipher = bytes_of(out.p + eph_n, out.n - eph_n - SUCI_MAC_LEN);
        enum ecode e = agree(key->scheme, &key->priv, eph, &z);
        if (e == E_POINT)
                return E_DECRYPT;
        if (e == E_OK)
                e = derive(&z, eph, &keys);
        if (e == E_OK)
                e = hmac_sha256(BYTES_ARR(keys.mk), cipher, mac);
        if (e == E_OK && !bytes_eq_secret(bytes_of(mac, SUCI_MAC_LEN), bytes_of(cipher.p + cipher.n, SUCI_MAC_LEN)))
                return E_DECRYPT; /* before anything is decrypted */
        if (e == E_OK)
                e = aes128_ctr(keys.ek, keys.icb, cipher, ret);
        if (e == E_OK)
                *ret_n = cipher.n;
        return e;
}
