/* The prime field of SAKKE's parameter set 1 (RFC 6509 appendix A): 1024 bits, 16 limbs, Montgomery form with
 * R = 2^1024. An element is always reduced (0 <= a < p). Nothing here branches or indexes on a value, but for what is
 * named _vartime.
 *
 * A wide value is an unreduced product, below p * R. Sums of products cost one reduction:
 *
 *      fp_mulw(&t, a, b); fp_mulw_add(&t, c, d); fp_redc(ret, &t);      ret = ab + cd
 */
#ifndef MUSTER_CRYPTO_FP_H
#define MUSTER_CRYPTO_FP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FP_LIMBS 16
#define FP_LEN   128

struct fp {
        uint64_t l[FP_LIMBS];
};

struct fpw {
        uint64_t l[2 * FP_LIMBS];
};

extern const struct fp fp_p;   /* p itself, not in Montgomery form; so is q */
extern const struct fp fp_q;   /* q = (p + 1) / 4, order of the group */
extern const struct fp fp_one; /* 1, in Montgomery form */
extern const struct fp fp_zero;

void fp_add(struct fp *ret, const struct fp *a, const struct fp *b);
void fp_sub(struct fp *ret, const struct fp *a, const struct fp *b);
void fp_neg(struct fp *ret, const struct fp *a);
void fp_mul(struct fp *ret, const struct fp *a, const struct fp *b);
void fp_sqr(struct fp *ret, const struct fp *a);
static inline void fp_dbl(struct fp *ret, const struct fp *a)
{
        fp_add(ret, a, a);
}

void fp_mulw(struct fpw *ret, const struct fp *a, const struct fp *b);
void fp_mulw_add(struct fpw *acc, const struct fp *a, const struct fp *b);
void fp_addw(struct fpw *ret, const struct fpw *a, const struct fpw *b);
void fp_subw(struct fpw *ret, const struct fpw *a, const struct fpw *b);
void fp_redc(struct fp *ret, const struct fpw *t);

/* 1/a; 0 for 0. */
void fp_inv(struct fp *ret, const struct fp *a);
/* 1/a for n elements at the price of one inversion and 3 multiplications each; none may be 0. */
void fp_inv_many(struct fp *a, size_t n, struct fp *scratch);

bool fp_is_zero(const struct fp *a);
bool fp_eq(const struct fp *a, const struct fp *b);
/* ret = mask ? a : ret; mask is 0 or all ones. */
void fp_cmov(struct fp *ret, const struct fp *a, uint64_t mask);

/* Octets, big-endian, out of and into Montgomery form. False when the number is p or above. */
bool fp_read(struct fp *ret, const uint8_t in[FP_LEN]);
void fp_write(uint8_t ret[FP_LEN], const struct fp *a);

/* Integers modulo q, not in Montgomery form. */
void sc_read(struct fp *ret, const uint8_t in[FP_LEN]);         /* reduces */
bool sc_in_range(const struct fp *a, const uint8_t in[FP_LEN]); /* 0 < in < q, where a was read from in */
void sc_write(uint8_t ret[FP_LEN], const struct fp *a);
void sc_add(struct fp *ret, const struct fp *a, const struct fp *b);
void sc_mul(struct fp *ret, const struct fp *a, const struct fp *b);
void sc_inv(struct fp *ret, const struct fp *a);

/* 1/a modulo an odd m of at most 1024 bits for gcd(a, m) = 1; 0 for 0. Integers, not in Montgomery form. */
void modinv(struct fp *ret, const struct fp *a, const struct fp *m);

#endif
