/* What the two forms of the Miller loop share, with a table (miller.c) and without (pairing.c): how the loop takes q,
 * and points in Jacobian coordinates. */
#ifndef MUSTER_CRYPTO_MILLER_H
#define MUSTER_CRYPTO_MILLER_H

#include "crypto/pairing.h"

#define MILLER_STEPS 562

/* q from its second bit on, as the loop takes it: d and D double the multiple of A once and twice; p and P add A
 * afterwards, m and M subtract it. Of all such chains the cheapest for pairing_table: two doublings with their addition
 * make one function of 5 or 6 coefficients. */
extern const char miller_schedule[MILLER_STEPS + 1];

static inline int step_doublings(char s)
{
        return s == 'd' || s == 'p' || s == 'm' ? 1 : 2;
}

static inline int step_sign(char s)
{
        return s == 'p' || s == 'P' ? 1 : s == 'm' || s == 'M' ? -1 : 0;
}

/* x = X/Z^2, y = Y/Z^3 */
struct jac {
        struct fp x, y, z;
};

/* C = 2C, and v = v^2 times the tangent at q; v NULL: the point alone. */
void jac_dbl(struct jac *c, struct gt *v, const struct wp *q);
/* C = C + A, and v times the chord at q. False when C was A or -A or infinity. */
bool jac_add(struct jac *c, const struct wp *a, struct gt *v, const struct wp *q);
bool jac_is(const struct jac *c, const struct wp *a);
void wp_neg(struct wp *ret, const struct wp *a);

/* v^4 = v^((p + 1) / q), RFC 6508 3.2. */
void gt_final_power(struct gt *f);

#endif
