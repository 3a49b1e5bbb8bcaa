/* The pairing <R, Q> of RFC 6508 3.2 and the group PF_p that it maps to.
 *
 * PF_p is F_p^2 = F_p[i], i^2 = -1, up to factors in F_p; an element is given to the outside as the ratio of its
 * imaginary to its real part (RFC 6508 2.1). Factors in F_p are free: that is why lines need no denominators and may be
 * scaled at will, here so that one coefficient is 1.
 *
 * <R, Q> = <Q, R>: so the Miller loop runs over the point that stays (a receiver's RSK), whose lines are then computed
 * once, and only evaluated at the point that comes (the R of an encapsulation). */
#ifndef MUSTER_CRYPTO_PAIRING_H
#define MUSTER_CRYPTO_PAIRING_H

#include "crypto/ed.h"

struct gt {
        struct fp re, im;
};

void gt_mul(struct gt *ret, const struct gt *a, const struct gt *b);
void gt_sqr(struct gt *ret, const struct gt *a);
/* im / re as octets; zeros when re is 0. */
void gt_write(uint8_t ret[FP_LEN], const struct gt *a);
/* Whether a is the element of ratio t. */
bool gt_is_ratio(const struct gt *a, const struct fp *t);

/* a^k for a public k. */
void gt_pow_public(struct gt *ret, const struct gt *a, const struct fp *k);

extern const struct fp pairing_g; /* g = <P, P>, as a ratio */

/* Powers of a fixed element with the comb of ed.h: the scalar is secret. */
struct gt_comb {
        struct comb_shape shape;
        struct fp ratio[]; /* [comb_tables][COMB_ENTRIES] */
};
struct gt_comb *gt_comb_new(void *mem, const struct fp *ratio, struct comb_shape shape);
void gt_comb_pow(struct gt *ret, const struct comb_scalar *k, const struct gt_comb *c);

/* <A, Q> with no table. *ret_order_q tells whether A has order q. Neither branches nor addresses depend on A or Q. */
void pairing(struct gt *ret, const struct wp *a, const struct wp *q, bool *ret_order_q);

/* Whether A has order q; E has 4q points. A may be secret. */
bool wp_has_order_q(const struct wp *a);

/* The lines of A. NULL when A is not of order q (*ret_bad is true then) or when memory is out. */
struct miller_table;
struct miller_table *miller_table_new(void *mem, const struct wp *a, bool *ret_bad);
/* <A, Q>; Q is public or at least free to be inverted. */
void pairing_table(struct gt *ret, const struct miller_table *t, const struct wp *q);
void miller_table_wipe(struct miller_table *t);

#endif
