/* The group of SAKKE's parameter set 1 in a form that multiplies fast.
 *
 * E: Y^2 = X^3 - 3X over F_p (RFC 6509 appendix A) is isomorphic to the twisted Edwards curve -x^2 + y^2 = 1 + x^2 y^2:
 * with c^4 = -3 and s^2 = -2 (both exist in F_p),
 *
 *      x = s c X / Y,  y = (X - c^2) / (X + c^2)
 *
 * On it an addition with a table entry takes 7 multiplications and a doubling 3 with 4 squarings, and in the subgroup
 * of odd order q the addition has no exceptions (H. Hisil et al., "Twisted Edwards Curves Revisited", 2008): so scalar
 * multiplications have no branches at all. Points here are of that subgroup; callers prove it for what comes from
 * outside. */
#ifndef MUSTER_CRYPTO_ED_H
#define MUSTER_CRYPTO_ED_H

#include "crypto/fp.h"

/* Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
struct ed {
        struct fp x, y, z, t;
};

/* A point of E, affine; never infinity. */
struct wp {
        struct fp x, y;
};

extern const struct wp wp_base; /* P */
extern const struct fp ed_sqrt_minus_3;

/* From octets 04 || X || Y: the prefix, X, Y < p, and the equation. */
bool wp_read(struct wp *ret, const uint8_t in[257]);
void wp_write(uint8_t ret[257], const struct wp *p);
bool wp_eq(const struct wp *a, const struct wp *b);

void ed_from_wp(struct ed *ret, const struct wp *p);
/* False for the neutral element, which has no affine form on E. */
bool ed_to_wp(struct wp *ret, const struct ed *p);
bool ed_eq(const struct ed *a, const struct ed *b);
/* Whether b, read from outside and of whatever order, is a. */
bool ed_is_wp(const struct ed *a, const struct wp *b);

void ed_add(struct ed *ret, const struct ed *a, const struct ed *b);
void ed_dbl(struct ed *ret, const struct ed *a);

/* Comb tables for a fixed point: six teeth `stride` bits apart, `columns` columns between two doublings, so that
 * stride / columns tables of 32 entries serve 6 * stride bits. */
#define COMB_TEETH   6
#define COMB_ENTRIES 32

struct comb_shape {
        unsigned stride, columns;
};

/* For scalars modulo q (1026 bits), and for identities of 32 octets (258 bits). */
extern const struct comb_shape comb_full, comb_short;

static inline unsigned comb_tables(struct comb_shape s)
{
        return (s.stride + s.columns - 1) / s.columns;
}

struct ed_entry {
        struct fp y_minus_x, y_plus_x, xy2;
};

struct ed_comb {
        struct comb_shape shape;
        struct ed_entry e[]; /* [comb_tables][COMB_ENTRIES] */
};

/* On mem; NULL when memory is out. */
struct ed_comb *ed_comb_new(void *mem, const struct ed *a, struct comb_shape shape);

/* A scalar in signed bits: k (or k + q, to be odd) = sum of +-2^i. */
struct comb_scalar {
        uint64_t u[17];
};
void comb_recode_full(struct comb_scalar *ret, const struct fp *k);
/* k is below 2^256. When it is even, k + 1 is encoded: *ret_even is then all ones, and the base has to be subtracted.
 */
void comb_recode_short(struct comb_scalar *ret, const struct fp *k, uint64_t *ret_even);
/* The index of a column's entry, and all ones in *ret_neg when the entry is to be negated. */
unsigned comb_index(const struct comb_scalar *k, unsigned stride, unsigned column, uint64_t *ret_neg);

/* The scalar is secret. */
void ed_comb_mul(struct ed *ret, const struct comb_scalar *k, const struct ed_comb *c);
/* [k]A + [m]B, with the doublings in common; both combs have the same shape. */
void ed_comb_mul2(struct ed *ret, const struct comb_scalar *k, const struct ed_comb *c, const struct comb_scalar *m,
                  const struct ed_comb *d);

#endif
