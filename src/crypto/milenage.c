#include "crypto/milenage.h"

#include "crypto/ossl.h"

/* One block cipher with a fixed key (TS 35.206 clause 2.3: the kernel function is AES-128). */
struct kernel {
        EVP_CIPHER_CTX *ctx;
        uint8_t temp[16]; /* E_K(RAND xor OPc) */
        const struct milenage_opc *opc;
};

static void kernel_close(struct kernel *e)
{
        EVP_CIPHER_CTX_free(e->ctx);
        secret_wipe(e->temp, sizeof e->temp);
}

#define KERNEL __attribute__((cleanup(kernel_close))) struct kernel

static enum ecode block(struct kernel *e, const uint8_t in[16], uint8_t out[16])
{
        int n = 0;
        return EVP_EncryptUpdate(e->ctx, out, &n, in, 16) == 1 && n == 16 ? E_OK : E_CRYPTO;
}

static void xor16(uint8_t out[16], const uint8_t a[16], const uint8_t b[16])
{
        for (int i = 0; i < 16; i++)
                out[i] = a[i] ^ b[i];
}

static enum ecode kernel_key(struct kernel *e, const struct milenage_k *k)
{
        e->ctx = EVP_CIPHER_CTX_new();
        if (e->ctx == NULL)
                return E_NOMEM;
        if (ossl()->aes128_ecb == NULL || EVP_EncryptInit_ex2(e->ctx, ossl()->aes128_ecb, k->b, NULL, NULL) != 1)
                return E_CRYPTO;
        EVP_CIPHER_CTX_set_padding(e->ctx, 0);
        return E_OK;
}

static enum ecode kernel_open(struct kernel *e, const struct milenage_k *k, const struct milenage_opc *opc,
                              const struct aka_rand *rand)
{
        enum ecode ec = kernel_key(e, k);
        if (ec != E_OK)
                return ec;
        e->opc = opc;
        uint8_t in[16];
        xor16(in, rand->b, opc->b);
        return block(e, in, e->temp);
}

/* OUT = E_K(rot(in xor OPc, r) xor more xor c) xor OPc, with the constants r (in octets) and c (last octet) of
 * TS 35.206 4.1; `more` may be NULL. */
static enum ecode out_of(struct kernel *e, const uint8_t in[16], unsigned r, uint8_t c, const uint8_t *more,
                         uint8_t out[16])
{
        uint8_t t[16], x[16];
        xor16(x, in, e->opc->b);
        for (unsigned i = 0; i < 16; i++)
                t[i] = x[(i + r) % 16];
        if (more != NULL)
                xor16(t, t, more);
        t[15] ^= c;
        enum ecode ec = block(e, t, out);
        xor16(out, out, e->opc->b);
        secret_wipe(t, sizeof t);
        secret_wipe(x, sizeof x);
        return ec;
}

enum ecode milenage_opc_of(const struct milenage_k *k, const struct milenage_op *op, struct milenage_opc *ret)
{
        KERNEL e = { 0 };
        enum ecode ec = kernel_key(&e, k);
        if (ec == E_OK)
                ec = block(&e, op->b, e.temp);
        if (ec == E_OK)
                xor16(ret->b, e.temp, op->b);
        return ec;
}

static void sqn_put(uint8_t out[6], uint64_t sqn)
{
        for (int i = 0; i < 6; i++)
                out[i] = (uint8_t)(sqn >> (40 - 8 * i));
}

static uint64_t sqn_get(const uint8_t in[6])
{
        uint64_t v = 0;
        for (int i = 0; i < 6; i++)
                v = v << 8 | in[i];
        return v;
}

enum ecode milenage_f1(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                       uint64_t sqn, const uint8_t amf[2], uint8_t ret_mac_a[8], uint8_t ret_mac_s[8])
{
        if (sqn > AKA_SQN_MAX)
                return E_RANGE;
        uint8_t in1[16], out1[16];
        sqn_put(in1, sqn);
        memcpy(in1 + 6, amf, 2);
        memcpy(in1 + 8, in1, 8);
        KERNEL e = { 0 };
        enum ecode ec = kernel_open(&e, k, opc, rand);
        if (ec == E_OK)
                ec = out_of(&e, in1, 8, 0, e.temp, out1); /* r1 = 64 bits, c1 = 0 */
        if (ec != E_OK)
                return ec;
        memcpy(ret_mac_a, out1, 8);
        memcpy(ret_mac_s, out1 + 8, 8);
        return E_OK;
}

enum ecode milenage_f2345(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                          struct milenage_f2345 *ret)
{
        uint8_t out[4][16];
        KERNEL e = { 0 };
        enum ecode ec = kernel_open(&e, k, opc, rand);
        /* OUT2 to OUT5: r2 = 0, r3 = 32, r4 = 64, r5 = 96 bits; c2 = 1, c3 = 2, c4 = 4, c5 = 8 */
        for (unsigned i = 0; i < 4 && ec == E_OK; i++)
                ec = out_of(&e, e.temp, 4 * i, (uint8_t)(1u << i), NULL, out[i]);
        if (ec == E_OK) {
                memcpy(ret->ak, out[0], 6);
                memcpy(ret->res, out[0] + 8, 8);
                memcpy(ret->ck, out[1], 16);
                memcpy(ret->ik, out[2], 16);
                memcpy(ret->ak_star, out[3], 6);
        }
        secret_wipe(out, sizeof out);
        return ec;
}

#define F2345 __attribute__((cleanup(milenage_f2345_wipe))) struct milenage_f2345

enum ecode aka_vector_make(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                           uint64_t sqn, const uint8_t amf[2], struct aka_vector *ret)
{
        uint8_t mac_a[8], mac_s[8];
        F2345 f;
        enum ecode e = milenage_f1(k, opc, rand, sqn, amf, mac_a, mac_s);
        if (e == E_OK)
                e = milenage_f2345(k, opc, rand, &f);
        if (e != E_OK)
                return e;
        ret->rand = *rand;
        sqn_put(ret->autn, sqn ^ sqn_get(f.ak));
        memcpy(ret->autn + 6, amf, 2);
        memcpy(ret->autn + 8, mac_a, 8);
        memcpy(ret->xres, f.res, 8);
        memcpy(ret->ck, f.ck, 16);
        memcpy(ret->ik, f.ik, 16);
        memcpy(ret->ak, f.ak, 6);
        return E_OK;
}

static const uint8_t amf_resync[2]; /* AMF* = 0000, TS 33.102 6.3.3 */

enum ecode aka_auts_open(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         struct bytes auts, uint64_t *ret_sqn_ms)
{
        if (auts.n != AKA_AUTS_LEN)
                return auts.n < AKA_AUTS_LEN ? E_SHORT : E_LONG;
        F2345 f;
        enum ecode e = milenage_f2345(k, opc, rand, &f);
        if (e != E_OK)
                return e;
        uint64_t sqn = sqn_get(auts.p) ^ sqn_get(f.ak_star);
        uint8_t mac_a[8], mac_s[8];
        e = milenage_f1(k, opc, rand, sqn, amf_resync, mac_a, mac_s);
        if (e != E_OK)
                return e;
        if (!bytes_eq_secret(BYTES_ARR(mac_s), bytes_of(auts.p + 6, 8)))
                return E_AUTH_FAILED;
        *ret_sqn_ms = sqn;
        return E_OK;
}

enum ecode aka_autn_open(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         struct bytes autn, struct milenage_f2345 *ret, uint64_t *ret_sqn, uint8_t ret_amf[2])
{
        if (autn.n != 16)
                return autn.n < 16 ? E_SHORT : E_LONG;
        F2345 f;
        enum ecode e = milenage_f2345(k, opc, rand, &f);
        if (e != E_OK)
                return e;
        uint64_t sqn = sqn_get(autn.p) ^ sqn_get(f.ak);
        uint8_t mac_a[8], mac_s[8];
        e = milenage_f1(k, opc, rand, sqn, autn.p + 6, mac_a, mac_s);
        if (e != E_OK)
                return e;
        if (!bytes_eq_secret(BYTES_ARR(mac_a), bytes_of(autn.p + 8, 8)))
                return E_AUTH_FAILED;
        *ret = f;
        *ret_sqn = sqn;
        memcpy(ret_amf, autn.p + 6, 2);
        return E_OK;
}

enum ecode aka_auts_make(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         uint64_t sqn_ms, uint8_t ret[AKA_AUTS_LEN])
{
        F2345 f;
        uint8_t mac_a[8], mac_s[8];
        enum ecode e = milenage_f1(k, opc, rand, sqn_ms, amf_resync, mac_a, mac_s);
        if (e == E_OK)
                e = milenage_f2345(k, opc, rand, &f);
        if (e != E_OK)
                return e;
        sqn_put(ret, sqn_ms ^ sqn_get(f.ak_star));
        memcpy(ret + 6, mac_s, 8);
        return E_OK;
}
