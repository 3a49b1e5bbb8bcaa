#include "crypto/pairing.h"
#include "crypto/miller.h"

#include <string.h>
#include <talloc.h>

#include "base/secret.h"
#include "crypto/fp_kernel.h"

const struct fp pairing_g = { { 0x170a46d2335c1685, 0xeac9e971e1007a58, 0x40e8f3df43ca4a73, 0x2646f81582642475,
                                0x3af49bb4b36576d1, 0xd89e2d1472bf1afb, 0x27be882c2fd151e6, 0xaddedc858f88717c,
                                0xd6d859bf16ac6c6f, 0x0e741a1b2d8eae58, 0x6faf7a0061c1f30d, 0x66dbd09a9b67e096,
                                0x21f11c067d3b4f7d, 0x6152ba02c727c98e, 0xafd58891e86cb221, 0x59e93c6a6bd3baf4 } };

const char miller_schedule[] =
        "PMPMdDMMMDMMdPdDMdDPPPMMMdPdDDDMMPPMPMdMdPMdDPdPMPMdPdMdMMMPdDPMPMMDMPdPdDPMdMMDDPMPdMDPMPdMPMMP"
        "dPDDPPMDPdMdDMPPdMMdMdPdMMMdPMMPdDMDDDPMPdPMDMDMPDDPMMMMMMdPPDDMdPMDDMDDPDMdPdMMdPDPPDPdMPMDPMPP"
        "PPMdPMPPMMPdMPMMDPdMPDMdPdPdMMPdMPDDDDMdDMdPDPDPPDPMdPPdMMMdMMPdPPdDDMPdPPPMPMPMPPPdMMPDPdMDPPdM"
        "MdPMdPdPDPdMPMdPPdMMMPPMPMPPDPPDPPMMMMdPMdMPdMMMPMMMPDDPdMPdMDPdMdMdMMMDDDMPdPPPdDPMdPMdDPPdPPPP"
        "DDPPPPdDMPDMPDMDPPdPDPdMDPDMdDDPPMPPPPPDDMdPPPdMMdMMMdDMMMMPPMdMdPdDMdPdDDDDMPdMdPdDMPDDPdPdMDPP"
        "MDPMMDDMdMMdDPdDDPMdPMDMdDMDPDPMMMdPdDMMMPdMPDPDMMPMPdMdMMDDDPdDMMdDDMPPPDPMdDDDMM";

/* (a + bi)(c + di) with three products and two reductions. */
void gt_mul(struct gt *ret, const struct gt *x, const struct gt *y)
{
        struct fpw ac, bd, s;
        struct fp l, r;
        fp_add(&l, &x->re, &x->im);
        fp_add(&r, &y->re, &y->im);
        fp_mulw(&ac, &x->re, &y->re);
        fp_mulw(&bd, &x->im, &y->im);
        fp_mulw(&s, &l, &r);
        fp_subw(&s, &s, &ac);
        fp_subw(&s, &s, &bd);
        fp_subw(&ac, &ac, &bd);
        fp_redc(&ret->re, &ac);
        fp_redc(&ret->im, &s);
}

void gt_sqr(struct gt *ret, const struct gt *a)
{
        struct fp plus, minus, im;
        fp_add(&plus, &a->re, &a->im);
        fp_sub(&minus, &a->re, &a->im);
        fp_mul(&im, &a->re, &a->im);
        fp_mul(&ret->re, &plus, &minus);
        fp_dbl(&ret->im, &im);
}

void gt_write(uint8_t ret[FP_LEN], const struct gt *a)
{
        struct fp t;
        fp_inv(&t, &a->re);
        fp_mul(&t, &t, &a->im);
        fp_write(ret, &t);
}

bool gt_is_ratio(const struct gt *a, const struct fp *t)
{
        struct fp x;
        fp_mul(&x, t, &a->re);
        bool same = fp_eq(&x, &a->im);
        same &= !fp_is_zero(&a->re);
        return same;
}

/* The inverse of 1 + ti is, up to a factor, 1 - ti. */
static void gt_of_ratio(struct gt *ret, const struct fp *t, bool inverse)
{
        ret->re = fp_one;
        ret->im = *t;
        if (inverse)
                fp_neg(&ret->im, t);
}

static void gt_entries(struct gt *ret, const struct gt teeth[COMB_TEETH])
{
        struct gt neg;
        ret[0] = teeth[COMB_TEETH - 1];
        for (unsigned t = 0; t < COMB_TEETH - 1; t++) {
                neg = teeth[t];
                fp_neg(&neg.im, &neg.im);
                for (unsigned i = 0; i < 1u << t; i++) {
                        gt_mul(&ret[i + (1u << t)], &ret[i], &teeth[t]);
                        gt_mul(&ret[i], &ret[i], &neg);
                }
        }
}

struct gt_comb *gt_comb_new(void *mem, const struct fp *ratio, struct comb_shape shape)
{
        size_t n = comb_tables(shape) * COMB_ENTRIES;
        struct gt_comb *ret = talloc_size(mem, sizeof *ret + n * sizeof ret->ratio[0]);
        struct gt *all = talloc_array(ret, struct gt, n);
        struct fp *z = talloc_array(ret, struct fp, 2 * n);
        struct gt *teeth = talloc_array(ret, struct gt, comb_tables(shape) * COMB_TEETH);
        if (ret == NULL || all == NULL || z == NULL || teeth == NULL) {
                talloc_free(ret);
                return NULL;
        }
        struct gt at;
        gt_of_ratio(&at, ratio, false);
        for (unsigned bit = 0; bit < COMB_TEETH * shape.stride; bit++) {
                unsigned col = bit % shape.stride;
                if (col % shape.columns == 0)
                        teeth[col / shape.columns * COMB_TEETH + bit / shape.stride] = at;
                gt_sqr(&at, &at);
        }
        for (unsigned t = 0; t < comb_tables(shape); t++)
                gt_entries(all + t * COMB_ENTRIES, teeth + t * COMB_TEETH);
        ret->shape = shape;
        for (size_t i = 0; i < n; i++)
                z[i] = all[i].re;
        fp_inv_many(z, n, z + n);
        for (size_t i = 0; i < n; i++)
                fp_mul(&ret->ratio[i], &all[i].im, &z[i]);
        talloc_free(all);
        talloc_free(z);
        talloc_free(teeth);
        return ret;
}

/* f (1 + ti) */
static void gt_mul_ratio(struct gt *f, const struct fp *t)
{
        struct fp re, im;
        fp_mul(&re, &f->im, t);
        fp_mul(&im, &f->re, t);
        fp_sub(&f->re, &f->re, &re);
        fp_add(&f->im, &f->im, &im);
}

void gt_comb_pow(struct gt *ret, const struct comb_scalar *k, const struct gt_comb *c)
{
        struct gt f = { .re = fp_one };
        struct fp t, minus;
        unsigned n = comb_tables(c->shape);
        for (unsigned col = c->shape.columns; col-- > 0;) {
                if (col + 1 < c->shape.columns)
                        gt_sqr(&f, &f);
                for (unsigned i = 0; i < n && i * c->shape.columns + col < c->shape.stride; i++) {
                        uint64_t neg;
                        unsigned at = comb_index(k, c->shape.stride, i * c->shape.columns + col, &neg);
                        fp_kernel.pick(t.l, c->ratio[i * COMB_ENTRIES].l, COMB_ENTRIES, FP_LIMBS, at);
                        fp_neg(&minus, &t);
                        fp_cmov(&t, &minus, neg);
                        gt_mul_ratio(&f, &t);
                }
        }
        *ret = f;
        secret_wipe(&f, sizeof f);
        secret_wipe(&t, sizeof t);
}

/* v^4 = v^((p + 1) / q), RFC 6508 3.2. */
void gt_final_power(struct gt *f)
{
        gt_sqr(f, f);
        gt_sqr(f, f);
}

/* ---- the loop without a table ---- */

/* C = 2C and v = v^2 * T with T = 3(Cx^2 - 1)(Qx + Cx) - 2Cy^2 + i 2CyQy, times Z^6. Without q: the point alone. */
void jac_dbl(struct jac *c, struct gt *v, const struct wp *q)
{
        struct fp zz, m, yy, s, t;
        struct gt line;
        fp_sqr(&zz, &c->z);
        fp_sub(&m, &c->x, &zz);
        fp_add(&t, &c->x, &zz);
        fp_mul(&m, &m, &t);
        fp_dbl(&t, &m);
        fp_add(&m, &m, &t);
        fp_sqr(&yy, &c->y);
        fp_mul(&s, &c->x, &yy);
        fp_dbl(&s, &s);
        fp_dbl(&s, &s);
        fp_mul(&c->z, &c->y, &c->z);
        fp_dbl(&c->z, &c->z);
        if (v != NULL) {
                fp_mul(&t, &q->x, &zz);
                fp_add(&t, &t, &c->x);
                fp_mul(&line.re, &m, &t);
                fp_dbl(&t, &yy);
                fp_sub(&line.re, &line.re, &t);
                fp_mul(&line.im, &zz, &q->y);
                fp_mul(&line.im, &line.im, &c->z);
                gt_sqr(v, v);
                gt_mul(v, v, &line);
        }
        fp_sqr(&c->x, &m);
        fp_sub(&c->x, &c->x, &s);
        fp_sub(&c->x, &c->x, &s);
        fp_sub(&s, &s, &c->x);
        fp_mul(&c->y, &m, &s);
        fp_sqr(&yy, &yy);
        fp_dbl(&yy, &yy);
        fp_dbl(&yy, &yy);
        fp_dbl(&yy, &yy);
        fp_sub(&c->y, &c->y, &yy);
}

/* C = C + A and v = v * (r (Qx + Ax) - Ay Z3 + i Z3 Qy), r / Z3 being the slope. False when C is A or -A or infinity.
 */
bool jac_add(struct jac *c, const struct wp *a, struct gt *v, const struct wp *q)
{
        struct fp zz, h, r, hh, t;
        struct gt line;
        fp_sqr(&zz, &c->z);
        fp_mul(&h, &a->x, &zz);
        fp_sub(&h, &h, &c->x);
        fp_mul(&r, &a->y, &zz);
        fp_mul(&r, &r, &c->z);
        fp_sub(&r, &r, &c->y);
        fp_mul(&c->z, &c->z, &h);
        if (v != NULL) {
                fp_add(&t, &q->x, &a->x);
                fp_mul(&line.re, &r, &t);
                fp_mul(&t, &a->y, &c->z);
                fp_sub(&line.re, &line.re, &t);
                fp_mul(&line.im, &c->z, &q->y);
                gt_mul(v, v, &line);
        }
        fp_sqr(&hh, &h);
        fp_mul(&h, &h, &hh);
        fp_mul(&hh, &hh, &c->x);
        fp_sqr(&c->x, &r);
        fp_sub(&c->x, &c->x, &h);
        fp_sub(&c->x, &c->x, &hh);
        fp_sub(&c->x, &c->x, &hh);
        fp_sub(&t, &hh, &c->x);
        fp_mul(&t, &t, &r);
        fp_mul(&h, &h, &c->y);
        fp_sub(&c->y, &t, &h);
        return !fp_is_zero(&c->z);
}

/* C = A, as C is not scaled. */
bool jac_is(const struct jac *c, const struct wp *a)
{
        struct fp zz, t;
        fp_sqr(&zz, &c->z);
        fp_mul(&t, &a->x, &zz);
        bool same = fp_eq(&t, &c->x);
        fp_mul(&t, &a->y, &zz);
        fp_mul(&t, &t, &c->z);
        same &= fp_eq(&t, &c->y);
        same &= !fp_is_zero(&c->z);
        return same;
}

void wp_neg(struct wp *ret, const struct wp *a)
{
        ret->x = a->x;
        fp_neg(&ret->y, &a->y);
}

/* The Miller loop over A. */
static bool miller(struct gt *ret, const struct wp *a, const struct wp *q)
{
        struct jac c = { .x = a->x, .y = a->y, .z = fp_one };
        struct wp minus;
        wp_neg(&minus, a);
        bool good = true;
        for (const char *s = miller_schedule; *s != 0; s++) {
                for (int i = 0; i < step_doublings(*s); i++)
                        jac_dbl(&c, ret, q);
                if (step_sign(*s) == 0)
                        continue;
                const struct wp *add = step_sign(*s) > 0 ? a : &minus;
                if (s[1] != 0)
                        good &= jac_add(&c, add, ret, q);
                else /* [q]A is infinity: the last line is vertical, in F_p, hence 1 */
                        good &= jac_is(&c, step_sign(*s) > 0 ? &minus : a);
        }
        secret_wipe(&c, sizeof c);
        secret_wipe(&minus, sizeof minus);
        return good;
}

void pairing(struct gt *ret, const struct wp *a, const struct wp *q, bool *ret_order_q)
{
        *ret = (struct gt){ .re = fp_one };
        *ret_order_q = miller(ret, a, q);
        gt_final_power(ret);
}

/* a^(2q - 1) = 1 tells a square; with q = (p + 1) / 4, a^q is its root then, and a root of -a otherwise. */
static bool root(struct fp *ret, const struct fp *a)
{
        struct fp power[16], t = fp_one;
        power[0] = fp_one;
        for (int i = 1; i < 16; i++)
                fp_mul(&power[i], &power[i - 1], a);
        for (int nibble = 255; nibble >= 0; nibble--) {
                for (int i = 0; i < 4; i++)
                        fp_sqr(&t, &t);
                fp_mul(&t, &t, &power[fp_q.l[nibble / 16] >> (4 * (nibble % 16)) & 15]);
        }
        *ret = t;
        fp_sqr(&t, &t);
        secret_wipe(power, sizeof power);
        return fp_eq(&t, a);
}

/* E(F_p) is cyclic of order 4q, so A has order q or 1 when it is four times another point. A is twice a point when x is
 * a square: e^2 = x. Half of it has s with s - 3/s = w and w = 2(x +- y/e); the product of both w is 12, no square,
 * hence one w is a square, and with r^2 = w, s = r (r + 2e) / 2. That half is twice a point again when s is a square.
 */
bool wp_has_order_q(const struct wp *a)
{
        struct fp e, t, w, r, other, s, half;
        bool good = !fp_is_zero(&a->x);
        good &= root(&e, &a->x);
        fp_inv(&t, &e);
        fp_mul(&t, &t, &a->y);
        fp_add(&w, &a->x, &t);
        fp_dbl(&w, &w);
        uint64_t square = 0 - (uint64_t)root(&r, &w);
        /* otherwise r^2 = -w, and the other w = 12/w has the root 2 sqrt(-3) / r */
        fp_inv(&other, &r);
        fp_mul(&other, &other, &ed_sqrt_minus_3);
        fp_dbl(&other, &other);
        fp_cmov(&r, &other, ~square);
        fp_add(&s, &e, &e);
        fp_add(&s, &s, &r);
        fp_mul(&s, &s, &r);
        fp_dbl(&half, &fp_one);
        fp_mul(&s, &s, &half); /* 2 and 1/2 differ by a square */
        good &= root(&t, &s);
        return good;
}

void gt_pow_public(struct gt *ret, const struct gt *a, const struct fp *k)
{
        struct gt power[16], f = { .re = fp_one };
        power[0] = f;
        for (int i = 1; i < 16; i++)
                gt_mul(&power[i], &power[i - 1], a);
        bool started = false;
        for (int nibble = 255; nibble >= 0; nibble--) {
                unsigned d = k->l[nibble / 16] >> (4 * (nibble % 16)) & 15;
                for (int i = 0; started && i < 4; i++)
                        gt_sqr(&f, &f);
                if (d != 0)
                        gt_mul(&f, &f, &power[d]);
                started |= d != 0;
        }
        *ret = f;
}
