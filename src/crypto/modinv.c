/* Inversion by division steps (D. J. Bernstein, B.-Y. Yang: "Fast constant-time gcd computation and modular inversion",
 * 2019), in the variant with delta starting at 1/2 and batches of 62 steps on signed 62-bit limbs. The number of steps
 * is fixed, so that the time tells nothing. */
#include <string.h>

#include "crypto/fp.h"

#define N   17 /* 17 * 62 = 1054 bits hold values in (-2m, m) */
#define M62 (UINT64_MAX >> 2)
/* (45907 * 1024 + 26313) / 19929 = 2360 steps suffice for 1024 bits with this delta; 39 * 62 = 2418. */
#define BATCHES 39

typedef __int128 i128;

struct s62 {
        int64_t v[N];
};

/* Transition matrix of 62 steps, times 2^62. */
struct trans {
        int64_t u, v, q, r;
};

static void pack(struct s62 *ret, const struct fp *a)
{
        for (unsigned i = 0; i < N; i++) {
                unsigned bit = 62 * i, limb = bit / 64, off = bit % 64;
                uint64_t x = a->l[limb] >> off;
                if (off > 2 && limb + 1 < FP_LIMBS)
                        x |= a->l[limb + 1] << (64 - off);
                ret->v[i] = (int64_t)(x & M62);
        }
}

static void unpack(struct fp *ret, const struct s62 *a)
{
        memset(ret, 0, sizeof *ret);
        for (unsigned i = 0; i < N; i++) {
                unsigned bit = 62 * i, limb = bit / 64, off = bit % 64;
                ret->l[limb] |= (uint64_t)a->v[i] << off;
                if (off > 2 && limb + 1 < FP_LIMBS)
                        ret->l[limb + 1] |= (uint64_t)a->v[i] >> (64 - off);
        }
}

/* 62 division steps on the low bits; zeta = -(delta + 1/2). */
static int64_t divsteps(int64_t zeta, uint64_t f, uint64_t g, struct trans *ret)
{
        uint64_t u = 1, v = 0, q = 0, r = 1;
        for (int i = 0; i < 62; i++) {
                uint64_t c1 = (uint64_t)(zeta >> 63); /* delta > 0 */
                uint64_t c2 = 0 - (g & 1);
                uint64_t x = (f ^ c1) - c1, y = (u ^ c1) - c1, z = (v ^ c1) - c1;
                g += x & c2;
                q += y & c2;
                r += z & c2;
                c1 &= c2;
                zeta = (zeta ^ (int64_t)c1) - 1;
                f += g & c1;
                u += q & c1;
                v += r & c1;
                g >>= 1;
                u <<= 1;
                v <<= 1;
        }
        *ret = (struct trans){ (int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r };
        return zeta;
}

/* (f, g) = t * (f, g) / 2^62, exact. */
static void update_fg(struct s62 *f, struct s62 *g, const struct trans *t)
{
        i128 cf = (i128)t->u * f->v[0] + (i128)t->v * g->v[0];
        i128 cg = (i128)t->q * f->v[0] + (i128)t->r * g->v[0];
        cf >>= 62;
        cg >>= 62;
        for (int i = 1; i < N; i++) {
                cf += (i128)t->u * f->v[i] + (i128)t->v * g->v[i];
                cg += (i128)t->q * f->v[i] + (i128)t->r * g->v[i];
                f->v[i - 1] = (int64_t)((uint64_t)cf & M62);
                g->v[i - 1] = (int64_t)((uint64_t)cg & M62);
                cf >>= 62;
                cg >>= 62;
        }
        f->v[N - 1] = (int64_t)cf;
        g->v[N - 1] = (int64_t)cg;
}

/* (d, e) = t * (d, e) / 2^62 mod m; both stay in (-2m, m). */
static void update_de(struct s62 *d, struct s62 *e, const struct trans *t, const struct s62 *m, uint64_t m_inv62)
{
        int64_t sd = d->v[N - 1] >> 63, se = e->v[N - 1] >> 63;
        int64_t md = (t->u & sd) + (t->v & se), me = (t->q & sd) + (t->r & se);
        i128 cd = (i128)t->u * d->v[0] + (i128)t->v * e->v[0];
        i128 ce = (i128)t->q * d->v[0] + (i128)t->r * e->v[0];
        md -= (int64_t)((m_inv62 * (uint64_t)cd + (uint64_t)md) & M62);
        me -= (int64_t)((m_inv62 * (uint64_t)ce + (uint64_t)me) & M62);
        cd += (i128)m->v[0] * md;
        ce += (i128)m->v[0] * me;
        cd >>= 62;
        ce >>= 62;
        for (int i = 1; i < N; i++) {
                cd += (i128)t->u * d->v[i] + (i128)t->v * e->v[i] + (i128)m->v[i] * md;
                ce += (i128)t->q * d->v[i] + (i128)t->r * e->v[i] + (i128)m->v[i] * me;
                d->v[i - 1] = (int64_t)((uint64_t)cd & M62);
                e->v[i - 1] = (int64_t)((uint64_t)ce & M62);
                cd >>= 62;
                ce >>= 62;
        }
        d->v[N - 1] = (int64_t)cd;
        e->v[N - 1] = (int64_t)ce;
}

static void carry(struct s62 *a)
{
        for (int i = 0; i < N - 1; i++) {
                a->v[i + 1] += a->v[i] >> 62;
                a->v[i] &= (int64_t)M62;
        }
}

/* From (-2m, m) into [0, m), negated first when sign is negative. */
static void normalise(struct s62 *a, int64_t sign, const struct s62 *m)
{
        int64_t add = a->v[N - 1] >> 63, neg = sign >> 63;
        for (int i = 0; i < N; i++) {
                a->v[i] += m->v[i] & add;
                a->v[i] = (a->v[i] ^ neg) - neg;
        }
        carry(a);
        add = a->v[N - 1] >> 63;
        for (int i = 0; i < N; i++)
                a->v[i] += m->v[i] & add;
        carry(a);
}

void modinv(struct fp *ret, const struct fp *a, const struct fp *m)
{
        struct s62 d = { { 0 } }, e = { { 1 } }, f, g, mod;
        pack(&mod, m);
        pack(&g, a);
        f = mod;
        uint64_t m_inv = m->l[0]; /* 1/m mod 2^64 by Newton: 3 bits are right at the start */
        for (int i = 0; i < 5; i++)
                m_inv *= 2 - m->l[0] * m_inv;
        int64_t zeta = -1;
        struct trans t;
        for (int i = 0; i < BATCHES; i++) {
                zeta = divsteps(zeta, (uint64_t)f.v[0] | (uint64_t)f.v[1] << 62,
                                (uint64_t)g.v[0] | (uint64_t)g.v[1] << 62, &t);
                update_de(&d, &e, &t, &mod, m_inv & M62);
                update_fg(&f, &g, &t);
        }
        normalise(&d, f.v[N - 1], &mod);
        unpack(ret, &d);
        explicit_bzero(&d, sizeof d);
        explicit_bzero(&e, sizeof e);
        explicit_bzero(&t, sizeof t);
}
