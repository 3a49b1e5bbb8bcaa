/* The Miller loop with a table of the lines of A.
 *
 * A step takes f at T to f^(2^w) * s at 2^w T + cA, where s has the zeros 2^w (T) + (cA), and poles at infinity and at
 * the sum. It is a(x) + y b(x); at Q, moved to (-Qx, i Qy) and divided by Qy, that is
 *
 *      (a0 - a1 Qx + a2 Qx^2 - a3 Qx^3) / Qy + i (b0 - b1 Qx)
 *
 * scaled so that the highest coefficient of b is 1: 0 and 3 terms of a for one doubling, b0 and 4 terms for two. */
#include "crypto/miller.h"

#include <string.h>
#include <talloc.h>

#include "base/secret.h"

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

/* The chain of multiples in Jacobian coordinates: three per step. False when A is not of order q. */
static bool chain(struct jac *out, const struct wp *a)
{
        struct jac c = { .x = a->x, .y = a->y, .z = fp_one };
        struct wp minus;
        bool good = true;
        wp_neg(&minus, a);
        for (size_t i = 0; i < MILLER_STEPS; i++) {
                int sign = step_sign(miller_schedule[i]);
                out[3 * i] = c;
                jac_dbl(&c, NULL, NULL);
                out[3 * i + 1] = c;
                if (step_doublings(miller_schedule[i]) == 2)
                        jac_dbl(&c, NULL, NULL);
                out[3 * i + 2] = c;
                good &= !fp_is_zero(&c.z);
                if (sign == 0)
                        continue;
                if (i + 1 < MILLER_STEPS)
                        good &= jac_add(&c, sign > 0 ? a : &minus, NULL, NULL);
                else
                        good &= jac_is(&c, sign > 0 ? &minus : a);
        }
        return good;
}

/* Affine points and slopes for the whole chain, with two inversions. */
static void affine(struct step *s, const struct jac *j, const struct wp *a, struct fp *z, struct fp *scratch)
{
        for (size_t i = 0; i < 3 * MILLER_STEPS; i++)
                z[i] = j[i].z;
        fp_inv_many(z, 3 * MILLER_STEPS, scratch);
        for (size_t i = 0; i < 3 * MILLER_STEPS; i++) {
                struct fp zz;
                struct wp *p = &s[i / 3].at[i % 3];
                fp_sqr(&zz, &z[i]);
                fp_mul(&p->x, &j[i].x, &zz);
                fp_mul(&zz, &zz, &z[i]);
                fp_mul(&p->y, &j[i].y, &zz);
        }
        for (size_t i = 0; i < MILLER_STEPS; i++) {
                int w = step_doublings(miller_schedule[i]), sign = step_sign(miller_schedule[i]);
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
                if (sign == 0 || i + 1 == MILLER_STEPS) /* no chord */
                        z[3 * i + 2] = fp_one;
        }
        fp_inv_many(z, 3 * MILLER_STEPS, scratch);
        for (size_t i = 0; i < 3 * MILLER_STEPS; i++)
                fp_mul(&s[i / 3].slope[i % 3], &s[i / 3].slope[i % 3], &z[i]);
}

/* The functions, then each divided by the highest coefficient of its b. False when one of these is 0, which has a
 * chance of 2^-1000 for each A. */
static bool functions(struct miller_table *ret, const struct step *s, struct fn *f, struct fp *z, struct fp *scratch)
{
        bool good = true;
        for (size_t i = 0; i < MILLER_STEPS; i++) {
                step_function(&f[i], &s[i], miller_schedule[i],
                              step_sign(miller_schedule[i]) != 0 && i + 1 < MILLER_STEPS);
                z[i] = f[i].b[step_doublings(miller_schedule[i]) - 1];
                good &= !fp_is_zero(&z[i]);
        }
        if (!good)
                return false;
        fp_inv_many(z, MILLER_STEPS, scratch);
        struct fp *c = ret->c;
        for (size_t i = 0; i < MILLER_STEPS; i++) {
                size_t terms = step_terms(miller_schedule[i]), b = step_doublings(miller_schedule[i]) == 2 ? 1 : 0;
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
        for (size_t i = 0; i < MILLER_STEPS; i++)
                n += step_terms(miller_schedule[i]);
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
        struct jac *j = talloc_array(ret, struct jac, 3 * MILLER_STEPS);
        struct step *s = talloc_array(ret, struct step, MILLER_STEPS);
        struct fn *f = talloc_array(ret, struct fn, MILLER_STEPS);
        struct fp *z = talloc_array(ret, struct fp, 6 * MILLER_STEPS);
        bool got = ret != NULL && j != NULL && s != NULL && f != NULL && z != NULL;
        if (got) {
                ret->n = table_terms();
                *ret_bad = !chain(j, a);
                if (!*ret_bad) {
                        affine(s, j, a, z, z + 3 * MILLER_STEPS);
                        *ret_bad = !functions(ret, s, f, z, z + 3 * MILLER_STEPS);
                }
                secret_wipe(j, 3 * MILLER_STEPS * sizeof *j);
                secret_wipe(s, MILLER_STEPS * sizeof *s);
                secret_wipe(f, MILLER_STEPS * sizeof *f);
                secret_wipe(z, 6 * MILLER_STEPS * sizeof *z);
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
        for (const char *s = miller_schedule; *s != 0; s++) {
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
        gt_final_power(&f);
        *ret = f;
        secret_wipe(&f, sizeof f);
}
