#include "crypto/pairing.h"

#include <string.h>
#include <talloc.h>

#include "base/secret.h"
#include "crypto/fp_kernel.h"

const struct fp pairing_g = { { 0x170a46d2335c1685, 0xeac9e971e1007a58, 0x40e8f3df43ca4a73, 0x2646f81582642475,
                                0x3af49bb4b36576d1, 0xd89e2d1472bf1afb, 0x27be882c2fd151e6, 0xaddedc858f88717c,
                                0xd6d859bf16ac6c6f, 0x0e741a1b2d8eae58, 0x6faf7a0061c1f30d, 0x66dbd09a9b67e096,
                                0x21f11c067d3b4f7d, 0x6152ba02c727c98e, 0xafd58891e86cb221, 0x59e93c6a6bd3baf4 } };

/* q from its second bit on, as the loop takes it: d and D double the multiple of A once and twice; p and P add A
 * afterwards, m and M subtract it. Of all such chains the cheapest for pairing_table: two doublings with their addition
 * make one function of 5 or 6 coefficients. */
static const char schedule[] =
        "PMPMdDMMMDMMdPdDMdDPPPMMMdPdDDDMMPPMPMdMdPMdDPdPMPMdPdMdMMMPdDPMPMMDMPdPdDPMdMMDDPMPdMDPMPdMPMMP"
        "dPDDPPMDPdMdDMPPdMMdMdPdMMMdPMMPdDMDDDPMPdPMDMDMPDDPMMMMMMdPPDDMdPMDDMDDPDMdPdMMdPDPPDPdMPMDPMPP"
        "PPMdPMPPMMPdMPMMDPdMPDMdPdPdMMPdMPDDDDMdDMdPDPDPPDPMdPPdMMMdMMPdPPdDDMPdPPPMPMPMPPPdMMPDPdMDPPdM"
        "MdPMdPdPDPdMPMdPPdMMMPPMPMPPDPPDPPMMMMdPMdMPdMMMPMMMPDDPdMPdMDPdMdMdMMMDDDMPdPPPdDPMdPMdDPPdPPPP"
        "DDPPPPdDMPDMPDMDPPdPDPdMDPDMdDDPPMPPPPPDDMdPPPdMMdMMMdDMMMMPPMdMdPdDMdPdDDDDMPdMdPdDMPDDPdPdMDPP"
        "MDPMMDDMdMMdDPdDDPMdPMDMdDMDPDPMMMdPdDMMMPdMPDPDMMPMPdMdMMDDDPdDMMdDDMPPPDPMdDDDMM";

static int step_doublings(char s)
{
        return s == 'd' || s == 'p' || s == 'm' ? 1 : 2;
}

static int step_sign(char s)
{
        return s == 'p' || s == 'P' ? 1 : s == 'm' || s == 'M' ? -1 : 0;
}

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

/* (a + bi)(l + i) */
static void gt_mul_line(struct gt *f, const struct fp *l)
{
        struct fp re, im;
        fp_mul(&re, &f->re, l);
        fp_sub(&re, &re, &f->im);
        fp_mul(&im, &f->im, l);
        fp_add(&f->im, &im, &f->re);
        f->re = re;
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
static void final_power(struct gt *f)
{
        gt_sqr(f, f);
        gt_sqr(f, f);
}

/* ---- without a table: the multiple of A in Jacobian coordinates, x = X/Z^2, y = Y/Z^3 ---- */

struct jac {
        struct fp x, y, z;
};

/* C = 2C and v = v^2 * T with T = 3(Cx^2 - 1)(Qx + Cx) - 2Cy^2 + i 2CyQy, times Z^6. Without q: the point alone. */
static void jac_dbl(struct jac *c, struct gt *v, const struct wp *q)
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
static bool jac_add(struct jac *c, const struct wp *a, struct gt *v, const struct wp *q)
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
static bool jac_is(const struct jac *c, const struct wp *a)
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

static void wp_neg(struct wp *ret, const struct wp *a)
{
        ret->x = a->x;
        fp_neg(&ret->y, &a->y);
}

/* The Miller loop over A, or, with ret = NULL, [q]A alone. */
static bool miller(struct gt *ret, const struct wp *a, const struct wp *q)
{
        struct jac c = { .x = a->x, .y = a->y, .z = fp_one };
        struct wp minus;
        wp_neg(&minus, a);
        bool good = true;
        for (const char *s = schedule; *s != 0; s++) {
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
        final_power(ret);
}

bool wp_has_order_q(const struct wp *a)
{
        return miller(NULL, a, NULL);
}

/* ---- with a table ----
 *
 * A step takes f at T to f^(2^w) * s at 2^w T + cA, where s has the zeros 2^w (T) + (cA), and poles at infinity and at
 * the sum. It is a(x) + y b(x); at Q, moved to (-Qx, i Qy) and divided by Qy, that is
 *
 *      (a0 - a1 Qx + a2 Qx^2 - a3 Qx^3) / Qy + i (b0 - b1 Qx)
 *
 * scaled so that the highest coefficient of b is 1: 0 and 3 terms of a for one doubling, b0 and 4 terms for two. */

#define FN_A 6
#define FN_B 5

/* a(x) + y b(x), with na and nb coefficients; the others are 0. */
struct fn {
        struct fp a[FN_A], b[FN_B];
        int na, nb;
};

struct miller_table {
        size_t n;
        struct fp c[];
};

static size_t step_terms(char s)
{
        return (step_doublings(s) == 1 ? 2 : 4) + (step_sign(s) != 0 ? 1 : 0);
}

/* r -= c (slope x + offset) */
static void poly_sub_line(struct fp *r, const struct fp *c, int n, const struct fp *slope, const struct fp *offset)
{
        struct fp t;
        for (int i = 0; i < n; i++) {
                fp_mul(&t, offset, &c[i]);
                fp_sub(&r[i], &r[i], &t);
                fp_mul(&t, slope, &c[i]);
                fp_sub(&r[i + 1], &r[i + 1], &t);
        }
}

static int max(int a, int b)
{
        return a > b ? a : b;
}

/* f * (y - slope x - offset), with y^2 = x^3 - 3x. At most 4 and 3 coefficients come in. */
static void fn_mul_line(struct fn *f, const struct fp *slope, const struct fp *offset)
{
        struct fn r = { .na = max(f->na + 1, f->nb + 3), .nb = max(f->na, f->nb + 1) };
        struct fp t;
        for (int i = 0; i < f->nb; i++) { /* y * y b */
                fp_add(&r.a[i + 3], &r.a[i + 3], &f->b[i]);
                fp_dbl(&t, &f->b[i]);
                fp_add(&t, &t, &f->b[i]);
                fp_sub(&r.a[i + 1], &r.a[i + 1], &t);
        }
        for (int i = 0; i < f->na; i++) /* y * a */
                r.b[i] = f->a[i];
        poly_sub_line(r.a, f->a, f->na, slope, offset);
        poly_sub_line(r.b, f->b, f->nb, slope, offset);
        *f = r;
}

/* The exact quotient by x - root. */
static void poly_div(struct fp *c, int n, const struct fp *root)
{
        struct fp carry = fp_zero, old, t;
        for (int i = n - 1; i >= 0; i--) {
                old = c[i];
                c[i] = carry;
                fp_mul(&t, root, &carry);
                fp_add(&carry, &old, &t);
        }
}

static void fn_div(struct fn *f, const struct fp *root)
{
        poly_div(f->a, f->na--, root);
        poly_div(f->b, f->nb--, root);
}

/* What one step needs, affine: T, 2T, 4T where it is used, the slopes there. */
struct step {
        struct wp at[3];    /* T, 2T, 4T */
        struct fp slope[3]; /* tangents at T and 2T, chord through the last and cA; numerators first */
};

static void line_offset(struct fp *ret, const struct wp *p, const struct fp *slope)
{
        fp_mul(ret, slope, &p->x);
        fp_sub(ret, &p->y, ret);
}

static void step_function(struct fn *f, const struct step *s, char kind, bool chord)
{
        struct fp off[2], o;
        int w = step_doublings(kind);
        memset(f, 0, sizeof *f);
        f->na = 2;
        f->nb = 1;
        f->b[0] = fp_one;
        line_offset(&off[0], &s->at[0], &s->slope[0]);
        fp_neg(&f->a[0], &off[0]);
        fp_neg(&f->a[1], &s->slope[0]);
        if (w == 2) { /* l_T^2 l_2T / v_2T^2 */
                line_offset(&off[1], &s->at[1], &s->slope[1]);
                fn_mul_line(f, &s->slope[1], &off[1]);
                fn_div(f, &s->at[1].x);
                fn_mul_line(f, &s->slope[0], &off[0]);
                fn_div(f, &s->at[1].x);
        }
        if (chord) {
                line_offset(&o, &s->at[w], &s->slope[2]);
                fn_mul_line(f, &s->slope[2], &o);
                fn_div(f, &s->at[w].x);
        }
}

static const size_t steps = sizeof schedule - 1;

/* The chain of multiples in Jacobian coordinates: three per step. False when A is not of order q. */
static bool chain(struct jac *out, const struct wp *a)
{
        struct jac c = { .x = a->x, .y = a->y, .z = fp_one };
        struct wp minus;
        bool good = true;
        wp_neg(&minus, a);
        for (size_t i = 0; i < steps; i++) {
                int sign = step_sign(schedule[i]);
                out[3 * i] = c;
                jac_dbl(&c, NULL, NULL);
                out[3 * i + 1] = c;
                if (step_doublings(schedule[i]) == 2)
                        jac_dbl(&c, NULL, NULL);
                out[3 * i + 2] = c;
                good &= !fp_is_zero(&c.z);
                if (sign == 0)
                        continue;
                if (i + 1 < steps)
                        good &= jac_add(&c, sign > 0 ? a : &minus, NULL, NULL);
                else
                        good &= jac_is(&c, sign > 0 ? &minus : a);
        }
        return good;
}

/* Affine points and slopes for the whole chain, with two inversions. */
static void affine(struct step *s, const struct jac *j, const struct wp *a, struct fp *z, struct fp *scratch)
{
        for (size_t i = 0; i < 3 * steps; i++)
                z[i] = j[i].z;
        fp_inv_many(z, 3 * steps, scratch);
        for (size_t i = 0; i < 3 * steps; i++) {
                struct fp zz;
                struct wp *p = &s[i / 3].at[i % 3];
                fp_sqr(&zz, &z[i]);
                fp_mul(&p->x, &j[i].x, &zz);
                fp_mul(&zz, &zz, &z[i]);
                fp_mul(&p->y, &j[i].y, &zz);
        }
        for (size_t i = 0; i < steps; i++) {
                int w = step_doublings(schedule[i]), sign = step_sign(schedule[i]);
                struct fp t;
                for (int k = 0; k < 2; k++) { /* (3x^2 - 3) / 2y; the slope at 2T is not used after one doubling */
                        fp_sqr(&t, &s[i].at[k].x);
                        fp_sub(&t, &t, &fp_one);
                        fp_dbl(&s[i].slope[k], &t);
                        fp_add(&s[i].slope[k], &s[i].slope[k], &t);
                        fp_dbl(&z[3 * i + (size_t)k], &s[i].at[k].y);
                }
                struct fp ay = a->y;
                if (sign < 0)
                        fp_neg(&ay, &a->y);
                fp_sub(&s[i].slope[2], &s[i].at[w].y, &ay);
                fp_sub(&z[3 * i + 2], &s[i].at[w].x, &a->x);
                if (sign == 0 || i + 1 == steps) /* no chord */
                        z[3 * i + 2] = fp_one;
        }
        fp_inv_many(z, 3 * steps, scratch);
        for (size_t i = 0; i < 3 * steps; i++)
                fp_mul(&s[i / 3].slope[i % 3], &s[i / 3].slope[i % 3], &z[i]);
}

/* The functions, then each divided by the highest coefficient of its b. False when one of these is 0, which has a
 * chance of 2^-1000 for each A. */
static bool functions(struct miller_table *ret, const struct step *s, struct fn *f, struct fp *z, struct fp *scratch)
{
        bool good = true;
        for (size_t i = 0; i < steps; i++) {
                step_function(&f[i], &s[i], schedule[i], step_sign(schedule[i]) != 0 && i + 1 < steps);
                z[i] = f[i].b[step_doublings(schedule[i]) - 1];
                good &= !fp_is_zero(&z[i]);
        }
        if (!good)
                return false;
        fp_inv_many(z, steps, scratch);
        struct fp *c = ret->c;
        for (size_t i = 0; i < steps; i++) {
                size_t terms = step_terms(schedule[i]), b = step_doublings(schedule[i]) == 2 ? 1 : 0;
                if (b != 0)
                        fp_mul(c++, &f[i].b[0], &z[i]);
                for (size_t k = 0; k < terms - b; k++)
                        fp_mul(c++, &f[i].a[k], &z[i]);
        }
        return true;
}

static size_t table_terms(void)
{
        size_t n = 0;
        for (size_t i = 0; i < steps; i++)
                n += step_terms(schedule[i]);
        return n;
}

void miller_table_wipe(struct miller_table *t)
{
        secret_wipe(t->c, t->n * sizeof t->c[0]);
}

struct miller_table *miller_table_new(void *mem, const struct wp *a, bool *ret_bad)
{
        *ret_bad = false;
        struct miller_table *ret = talloc_size(mem, sizeof *ret + table_terms() * sizeof ret->c[0]);
        struct jac *j = talloc_array(ret, struct jac, 3 * steps);
        struct step *s = talloc_array(ret, struct step, steps);
        struct fn *f = talloc_array(ret, struct fn, steps);
        struct fp *z = talloc_array(ret, struct fp, 6 * steps);
        bool got = ret != NULL && j != NULL && s != NULL && f != NULL && z != NULL;
        if (got) {
                ret->n = table_terms();
                *ret_bad = !chain(j, a);
                if (!*ret_bad) {
                        affine(s, j, a, z, z + 3 * steps);
                        *ret_bad = !functions(ret, s, f, z, z + 3 * steps);
                }
                secret_wipe(j, 3 * steps * sizeof *j);
                secret_wipe(s, steps * sizeof *s);
                secret_wipe(f, steps * sizeof *f);
                secret_wipe(z, 6 * steps * sizeof *z);
        }
        talloc_free(j);
        talloc_free(s);
        talloc_free(f);
        talloc_free(z);
        if (!got || *ret_bad) {
                talloc_free(ret);
                return NULL;
        }
        return ret;
}

void pairing_table(struct gt *ret, const struct miller_table *t, const struct wp *q)
{
        /* powers[k] = (-Qx)^k / Qy */
        struct fp powers[4], minus_x;
        fp_neg(&minus_x, &q->x);
        fp_inv(&powers[0], &q->y);
        for (int k = 1; k < 4; k++)
                fp_mul(&powers[k], &powers[k - 1], &minus_x);
        struct gt f = { .re = fp_one };
        const struct fp *c = t->c;
        for (const char *s = schedule; *s != 0; s++) {
                int w = step_doublings(*s);
                size_t terms = step_terms(*s) - (w == 2 ? 1 : 0);
                struct gt line;
                if (w == 2)
                        fp_add(&line.im, c++, &minus_x);
                struct fpw sum;
                fp_mulw(&sum, &c[0], &powers[0]);
                for (size_t k = 1; k < terms; k++)
                        fp_mulw_add(&sum, &c[k], &powers[k]);
                c += terms;
                fp_redc(&line.re, &sum);
                for (int i = 0; i < w; i++)
                        gt_sqr(&f, &f);
                if (w == 2)
                        gt_mul(&f, &f, &line);
                else
                        gt_mul_line(&f, &line.re);
        }
        final_power(&f);
        *ret = f;
        secret_wipe(&f, sizeof f);
}
