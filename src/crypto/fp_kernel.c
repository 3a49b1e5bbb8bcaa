#include "crypto/fp_kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef unsigned __int128 u128;

/* ret[0..n] += a * m, returns the carry out of ret[n - 1]. */
static inline uint64_t row_add(uint64_t *ret, const uint64_t *a, size_t n, uint64_t m)
{
        uint64_t c = 0;
        for (size_t i = 0; i < n; i++) {
                u128 t = (u128)a[i] * m + ret[i] + c;
                ret[i] = (uint64_t)t;
                c = (uint64_t)(t >> 64);
        }
        return c;
}

static void mul_c(uint64_t ret[32], const uint64_t a[16], const uint64_t b[16])
{
        memset(ret, 0, 16 * sizeof *ret);
        for (size_t i = 0; i < 16; i++)
                ret[16 + i] = row_add(ret + i, b, 16, a[i]);
}

static void sqr_c(uint64_t ret[32], const uint64_t a[16])
{
        mul_c(ret, a, a);
}

static uint64_t redc_c(uint64_t ret[16], const uint64_t in[32], const uint64_t p[16], uint64_t n0)
{
        uint64_t t[32], carry = 0;
        memcpy(t, in, sizeof t);
        for (size_t i = 0; i < 16; i++) {
                uint64_t c = row_add(t + i, p, 16, t[i] * n0);
                u128 s = (u128)t[16 + i] + c + carry;
                t[16 + i] = (uint64_t)s;
                carry = (uint64_t)(s >> 64);
        }
        memcpy(ret, t + 16, 16 * sizeof *ret);
        return carry;
}

static inline uint64_t add_n(uint64_t *ret, const uint64_t *a, const uint64_t *b, size_t n)
{
        uint64_t c = 0;
        for (size_t i = 0; i < n; i++) {
                u128 s = (u128)a[i] + b[i] + c;
                ret[i] = (uint64_t)s;
                c = (uint64_t)(s >> 64);
        }
        return c;
}

static inline uint64_t sub_n(uint64_t *ret, const uint64_t *a, const uint64_t *b, size_t n)
{
        uint64_t borrow = 0;
        for (size_t i = 0; i < n; i++) {
                u128 s = (u128)a[i] - b[i] - borrow;
                ret[i] = (uint64_t)s;
                borrow = (uint64_t)(s >> 64) & 1;
        }
        return borrow;
}

static uint64_t add_c(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16])
{
        return add_n(ret, a, b, 16);
}

static uint64_t sub_c(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16])
{
        return sub_n(ret, a, b, 16);
}

static uint64_t addw_c(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32])
{
        return add_n(ret, a, b, 32);
}

static uint64_t subw_c(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32])
{
        return sub_n(ret, a, b, 32);
}

/* All ones when a == b, for small numbers. */
static inline uint64_t mask_eq(unsigned a, unsigned b)
{
        return 0 - (((uint64_t)(a ^ b) - 1) >> 63);
}

static void pick_c(uint64_t *ret, const uint64_t *table, unsigned n, size_t words, unsigned index)
{
        memset(ret, 0, words * sizeof *ret);
        for (unsigned i = 0; i < n; i++) {
                uint64_t mask = mask_eq(i, index);
                for (size_t w = 0; w < words; w++)
                        ret[w] |= table[i * words + w] & mask;
        }
}

#define PORTABLE                                                                                                       \
        {                                                                                                              \
                mul_c, sqr_c, redc_c, add_c, sub_c, addw_c, subw_c, pick_c, "portable"                                 \
        }

const struct fp_kernel fp_kernel_portable = PORTABLE;
struct fp_kernel fp_kernel = PORTABLE;

#if defined(__x86_64__) && defined(__ELF__)
#include <cpuid.h>

void muster_fp_mul_adx(uint64_t ret[32], const uint64_t a[16], const uint64_t b[16]);
void muster_fp_sqr_adx(uint64_t ret[32], const uint64_t a[16]);
uint64_t muster_fp_redc_adx(uint64_t ret[16], const uint64_t t[32], const uint64_t p[16], uint64_t n0);
uint64_t muster_fp_add_adx(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16]);
uint64_t muster_fp_sub_adx(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16]);
uint64_t muster_fp_addw_adx(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32]);
uint64_t muster_fp_subw_adx(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32]);

typedef uint64_t lane4 __attribute__((vector_size(32), aligned(8), may_alias));

/* 16 words at a time stay in registers while all entries pass by. */
__attribute__((target("avx2"))) static void pick_avx2(uint64_t *ret, const uint64_t *table, unsigned n, size_t words,
                                                      unsigned index)
{
        for (size_t w = 0; w < words; w += 16) {
                lane4 a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
                for (unsigned i = 0; i < n; i++) {
                        uint64_t m = mask_eq(i, index);
                        lane4 mask = { m, m, m, m };
                        const lane4 *in = (const lane4 *)(table + i * words + w);
                        a |= in[0] & mask;
                        b |= in[1] & mask;
                        c |= in[2] & mask;
                        d |= in[3] & mask;
                }
                lane4 *out = (lane4 *)(ret + w);
                out[0] = a;
                out[1] = b;
                out[2] = c;
                out[3] = d;
        }
}

static const struct fp_kernel adx = { muster_fp_mul_adx,  muster_fp_sqr_adx, muster_fp_redc_adx,
                                      muster_fp_add_adx,  muster_fp_sub_adx, muster_fp_addw_adx,
                                      muster_fp_subw_adx, pick_avx2,         "bmi2+adx+avx2" };

static bool has_adx(void)
{
        unsigned a, b, c, d;
        return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2) && (b & bit_ADX) &&
               __builtin_cpu_supports("avx2");
}
#else
typedef uint64_t lane4 __attribute__((vector_size(32), aligned(8), may_alias));

/* 16 words at a time stay in registers while all entries pass by. */
__attribute__((target("avx2"))) static void pick_avx2(uint64_t *ret, const uint64_t *table, unsigned n, size_t words,
                                                      unsigned index)
{
        for (size_t w = 0; w < words; w += 16) {
                lane4 a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
                for (unsigned i = 0; i < n; i++) {
                        uint64_t m = mask_eq(i, index);
                        lane4 mask = { m, m, m, m };
                        const lane4 *in = (const lane4 *)(table + i * words + w);
                        a |= in[0] & mask;
                        b |= in[1] & mask;
                        c |= in[2] & mask;
                        d |= in[3] & mask;
                }
                lane4 *out = (lane4 *)(ret + w);
                out[0] = a;
                out[1] = b;
                out[2] = c;
                out[3] = d;
        }
}

static const struct fp_kernel adx = PORTABLE;

static bool has_adx(void)
{
        return false;
}
#endif

void fp_kernel_choose(int portable)
{
        fp_kernel = !portable && has_adx() ? adx : fp_kernel_portable;
}

/* Before main and any thread, so that nobody sees it change. */
__attribute__((constructor)) static void choose(void)
{
#if defined(__x86_64__)
        __builtin_cpu_init();
#endif
        fp_kernel_choose(0);
}
