#include "crypto/fp.h"

#include <string.h>

#include "crypto/fp_kernel.h"

const struct fp fp_p = { { 0x666d807afea85feb, 0x80c5df10ac7ace87, 0xfce3e82389857db0, 0x9f94d6af56971f1f,
                           0xa7cf3c521c3c09aa, 0xb6aff4a831852a82, 0x512ac5cd65681ce1, 0xe26c6487326b4cd4,
                           0x356d27f4a666a6d0, 0xe791b39ff7c88a19, 0x228730d531a59cb0, 0xf40aab27e2fc0f1b,
                           0xbe9ae358b3e01a2e, 0x416c0ce19cb48261, 0x65c61198dad0657a, 0x997abb1f0a563fda } };
const struct fp fp_q = { { 0xd99b601ebfaa17fb, 0x203177c42b1eb3a1, 0xff38fa08e2615f6c, 0xa7e535abd5a5c7c7,
                           0xa9f3cf14870f026a, 0x6dabfd2a0c614aa0, 0x144ab173595a0738, 0x389b1921cc9ad335,
                           0x4d5b49fd2999a9b4, 0x39e46ce7fdf22286, 0xc8a1cc354c69672c, 0xbd02aac9f8bf03c6,
                           0x6fa6b8d62cf8068b, 0x905b0338672d2098, 0x9971846636b4195e, 0x265eaec7c2958ff6 } };
const struct fp fp_one = { { 0x99927f850157a015, 0x7f3a20ef53853178, 0x031c17dc767a824f, 0x606b2950a968e0e0,
                             0x5830c3ade3c3f655, 0x49500b57ce7ad57d, 0xaed53a329a97e31e, 0x1d939b78cd94b32b,
                             0xca92d80b5999592f, 0x186e4c60083775e6, 0xdd78cf2ace5a634f, 0x0bf554d81d03f0e4,
                             0x41651ca74c1fe5d1, 0xbe93f31e634b7d9e, 0x9a39ee67252f9a85, 0x668544e0f5a9c025 } };
static const struct fp fp_r2 = { { 0xe199c8ceed17b0a1, 0x7ffd8b4be3620f7f, 0xca865d5f4f76e245, 0x623ff8dc27ecf5cb,
                                   0x229900e1d19bb697, 0xed6aef26ea40c71f, 0xa3aed42cc906365c, 0x17d461b69eab6451,
                                   0x2009367d7d666da9, 0x8bcad1dcb63c1d56, 0x5a126231c31a92dc, 0x5fb41b0eb8d94c5b,
                                   0xc113d394843f623c, 0x5d8d8e74f159f1eb, 0xae4ba7edb5d48c14, 0x191640b9698af16a } };
const struct fp fp_zero;

/* a (with a carry above it) minus m when it is not below m. */
static inline void reduce_once(uint64_t *a, uint64_t carry, const uint64_t *m)
{
        uint64_t t[FP_LIMBS];
        uint64_t borrow = fp_kernel.sub(t, a, m);
        uint64_t keep = 0 - (borrow & (carry ^ 1)); /* a < m */
        for (size_t i = 0; i < FP_LIMBS; i++)
                a[i] = (a[i] & keep) | (t[i] & ~keep);
}

void fp_add(struct fp *ret, const struct fp *a, const struct fp *b)
{
        uint64_t c = fp_kernel.add(ret->l, a->l, b->l);
        reduce_once(ret->l, c, fp_p.l);
}

static inline void sub_mod(uint64_t *ret, const uint64_t *a, const uint64_t *b)
{
        uint64_t mask = 0 - fp_kernel.sub(ret, a, b), t[FP_LIMBS];
        for (size_t i = 0; i < FP_LIMBS; i++)
                t[i] = fp_p.l[i] & mask;
        fp_kernel.add(ret, ret, t);
}

void fp_sub(struct fp *ret, const struct fp *a, const struct fp *b)
{
        sub_mod(ret->l, a->l, b->l);
}

void fp_neg(struct fp *ret, const struct fp *a)
{
        sub_mod(ret->l, fp_zero.l, a->l);
}

void fp_mulw(struct fpw *ret, const struct fp *a, const struct fp *b)
{
        fp_kernel.mul(ret->l, a->l, b->l);
}

/* p is 0.6 R: a wide value (below p R) plus a product (below p p) stays below 0.96 R R. */
void fp_mulw_add(struct fpw *acc, const struct fp *a, const struct fp *b)
{
        struct fpw t;
        fp_kernel.mul(t.l, a->l, b->l);
        fp_addw(acc, acc, &t);
}

void fp_addw(struct fpw *ret, const struct fpw *a, const struct fpw *b)
{
        uint64_t c = fp_kernel.addw(ret->l, a->l, b->l);
        reduce_once(ret->l + FP_LIMBS, c, fp_p.l);
}

void fp_subw(struct fpw *ret, const struct fpw *a, const struct fpw *b)
{
        uint64_t mask = 0 - fp_kernel.subw(ret->l, a->l, b->l), t[FP_LIMBS];
        for (size_t i = 0; i < FP_LIMBS; i++)
                t[i] = fp_p.l[i] & mask;
        fp_kernel.add(ret->l + FP_LIMBS, ret->l + FP_LIMBS, t);
}

void fp_redc(struct fp *ret, const struct fpw *t)
{
        uint64_t c = fp_kernel.redc(ret->l, t->l, fp_p.l, FP_N0);
        reduce_once(ret->l, c, fp_p.l);
}

void fp_mul(struct fp *ret, const struct fp *a, const struct fp *b)
{
        struct fpw t;
        fp_kernel.mul(t.l, a->l, b->l);
        fp_redc(ret, &t);
}

void fp_sqr(struct fp *ret, const struct fp *a)
{
        struct fpw t;
        fp_kernel.sqr(t.l, a->l);
        fp_redc(ret, &t);
}

bool fp_eq(const struct fp *a, const struct fp *b)
{
        uint64_t d = 0;
        for (size_t i = 0; i < FP_LIMBS; i++)
                d |= a->l[i] ^ b->l[i];
        return d == 0;
}

bool fp_is_zero(const struct fp *a)
{
        return fp_eq(a, &fp_zero);
}

void fp_cmov(struct fp *ret, const struct fp *a, uint64_t mask)
{
        for (size_t i = 0; i < FP_LIMBS; i++)
                ret->l[i] ^= (ret->l[i] ^ a->l[i]) & mask;
}

static void octets_in(struct fp *ret, const uint8_t in[FP_LEN])
{
        for (size_t i = 0; i < FP_LIMBS; i++) {
                uint64_t v = 0;
                for (size_t j = 0; j < 8; j++)
                        v = v << 8 | in[FP_LEN - 8 * (i + 1) + j];
                ret->l[i] = v;
        }
}

static void octets_out(uint8_t ret[FP_LEN], const struct fp *a)
{
        for (size_t i = 0; i < FP_LEN; i++)
                ret[FP_LEN - 1 - i] = (uint8_t)(a->l[i / 8] >> (8 * (i % 8)));
}

bool fp_read(struct fp *ret, const uint8_t in[FP_LEN])
{
        struct fp a, t;
        octets_in(&a, in);
        bool below = fp_kernel.sub(t.l, a.l, fp_p.l) == 1;
        if (below)
                fp_mul(ret, &a, &fp_r2);
        return below;
}

static void from_mont(struct fp *ret, const struct fp *a)
{
        struct fpw t = { 0 };
        memcpy(t.l, a->l, sizeof a->l);
        fp_redc(ret, &t);
}

void fp_write(uint8_t ret[FP_LEN], const struct fp *a)
{
        struct fp t;
        from_mont(&t, a);
        octets_out(ret, &t);
}

void fp_inv(struct fp *ret, const struct fp *a)
{
        /* a holds x * R; the inverse wanted is R / x = R^2 / (x * R): two multiplications by R^2 follow modinv. */
        struct fp t;
        modinv(&t, a, &fp_p);
        fp_mul(&t, &t, &fp_r2);
        fp_mul(ret, &t, &fp_r2);
}

void fp_inv_many(struct fp *a, size_t n, struct fp *scratch)
{
        struct fp all = fp_one;
        for (size_t i = 0; i < n; i++) {
                scratch[i] = all;
                fp_mul(&all, &all, &a[i]);
        }
        fp_inv(&all, &all);
        for (size_t i = n; i-- > 0;) {
                struct fp next;
                fp_mul(&next, &all, &a[i]);
                fp_mul(&a[i], &all, &scratch[i]);
                all = next;
        }
}

/* Below 2^1024 < 1.7 * 4q: three conditional subtractions reduce. */
void sc_read(struct fp *ret, const uint8_t in[FP_LEN])
{
        octets_in(ret, in);
        for (int shift = 2; shift >= 0; shift--) {
                struct fp m = fp_q;
                for (int s = 0; s < shift; s++)
                        fp_kernel.add(m.l, m.l, m.l);
                reduce_once(ret->l, 0, m.l);
        }
}

bool sc_in_range(const struct fp *a, const uint8_t in[FP_LEN])
{
        struct fp raw;
        octets_in(&raw, in);
        bool same = fp_eq(a, &raw);
        same &= !fp_is_zero(a);
        return same;
}

void sc_write(uint8_t ret[FP_LEN], const struct fp *a)
{
        octets_out(ret, a);
}

void sc_add(struct fp *ret, const struct fp *a, const struct fp *b)
{
        fp_kernel.add(ret->l, a->l, b->l);
        reduce_once(ret->l, 0, fp_q.l);
}

/* a b / 2^1024 modulo q */
static void sc_mont(struct fp *ret, const struct fp *a, const struct fp *b)
{
        static const uint64_t n0 = UINT64_C(0xb8a1d17d46eaa4cd); /* -1 / q modulo 2^64 */
        struct fpw t;
        fp_kernel.mul(t.l, a->l, b->l);
        fp_kernel.redc(ret->l, t.l, fp_q.l, n0);
        reduce_once(ret->l, 0, fp_q.l);
}

void sc_mul(struct fp *ret, const struct fp *a, const struct fp *b)
{
        /* 2^2048 modulo q */
        static const struct fp q_r2 = {
                { 0xda18351aab65130d, 0x53d2a86ff2ea3168, 0x9cf2730004b7e984, 0x7df33bab26caacf6, 0xbd9ffef9a4e7d523,
                  0xe4baf1d588717ce0, 0x24b1bbc4bc93533a, 0x9ad2dc261db57a34, 0x422970b3838d8f48, 0x890491f5401df1e3,
                  0xf3d2a16bbcb013be, 0x9b9de76d5595e10b, 0x58d7c6f9f724bb45, 0xb2074f8f97cac807, 0x76271e07c569cadc,
                  0x14274810a10f335f }
        };
        struct fp t;
        sc_mont(&t, a, b);
        sc_mont(ret, &t, &q_r2);
}

void sc_inv(struct fp *ret, const struct fp *a)
{
        modinv(ret, a, &fp_q);
}
