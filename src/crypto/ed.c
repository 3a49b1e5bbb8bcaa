#include "crypto/ed.h"

#include <string.h>
#include <talloc.h>

#include "base/secret.h"
#include "crypto/fp_kernel.h"

/* All constants in Montgomery form. */
const struct wp wp_base = { .x = { { 0xbf9c7ec6e0162bc2, 0xddecc6e310a89289, 0x5d599df09e499d81, 0x9a96ea286d358218,
                                     0x01aec7d370c5f8db, 0xe72e49958cf5d066, 0xc2e7297d3e91d7f8, 0x8621db92da9f2f5a,
                                     0x4b26c8675a5679ed, 0x233385df2c56aac1, 0xb88e74d4c6a13f99, 0x1214b173ffa8ec11,
                                     0xa0386a271f3f9fef, 0xbd9b1b4ec0e7b44e, 0xafe528dceecd3496, 0x8dfff96a1c49f80b } },
                            .y = { { 0xb4a4753ac03c0c83, 0x68e69d18abcdcd75, 0xe3839b88f775b649, 0x803f949abf58f352,
                                     0x5f702679bd0bc15c, 0x85bf5d168ff298c2, 0x3f6ebd98c6c7976e, 0x20618af445e3e1b4,
                                     0x67d5598e54e64093, 0xb047283b504fed9e, 0x450cabfd70d87517, 0x47d628bf3f5addbe,
                                     0x0037ef3078cb4cca, 0x4e148d3c6b1c4908, 0xe256d3294fcfd837,
                                     0x2aa1207bde3c01f3 } } };

/* c^2 */
const struct fp ed_sqrt_minus_3 = { { 0x8d6f720f278709e8, 0xd412bf4edd844579, 0x191fc2a522c50a6e, 0xe35c1b1e5920b7ef,
                                      0x262e71cdca66213c, 0xcf37a9ef40bdc9a6, 0xfbfae7dedea50b7f, 0xbddf8873b8ecb9cd,
                                      0x6d63e82a2b372dac, 0x517cfbbb1971c5ae, 0x8a324d2f8b942cc2, 0x23a4c97fd4694a0d,
                                      0x0a0de0224c3e1b5e, 0x596ff16434aaf69e, 0x313accb62e5cd294,
                                      0x5e1226c81e1f9787 } };

/* s c */
static const struct fp ed_to_x = { { 0x0b8797e46672021d, 0xde028fc58d19c0ee, 0xf7c474af6b085d23, 0x8b556de1adc618f3,
                                     0x1c2708294b70599e, 0xc113c8f49df31558, 0x564d210c407d681f, 0x229805681ba24adf,
                                     0xd83e1ba634aff3f0, 0x901e604fdba8da19, 0x7f55642ecf9633b0, 0x63eb8214d35dcf77,
                                     0x6f28dad015e6fb4e, 0x7e64ed79f3c10be8, 0xdc1ebd4ddbe1156b, 0x394cfbd455497b90 } };

/* s c^3 */
static const struct fp ed_from_y = { { 0xe3813fa97e917e33, 0xdb9c68c11c74e09e, 0xe1f399df73b0aeed, 0x9afb860be24a7ca8,
                                       0xc1228475605d008e, 0x7b96b54b329e74a7, 0x9dbfec11fcf73578, 0x722400fd56aef68a,
                                       0x03dbcbdc70d232c9, 0x506a3c36d366d3f7, 0xd79dff32bc3c9c6e, 0x99ed86388c1f0367,
                                       0xd2d04c226159c787, 0x93fdaf2b055831f8, 0x7ae912a5575f9130,
                                       0x84416e6ef7ae3237 } };

const struct comb_shape comb_full = { .stride = 171, .columns = 6 };
const struct comb_shape comb_short = { .stride = 43, .columns = 6 };

static struct ed ed_neutral_of(void)
{
        return (struct ed){ .y = fp_one, .z = fp_one };
}

bool wp_read(struct wp *ret, const uint8_t in[257])
{
        struct wp p;
        if (in[0] != 0x04 || !fp_read(&p.x, in + 1) || !fp_read(&p.y, in + 1 + FP_LEN))
                return false;
        struct fp l, r, three;
        fp_dbl(&three, &fp_one);
        fp_add(&three, &three, &fp_one);
        fp_sqr(&l, &p.y);
        fp_sqr(&r, &p.x);
        fp_sub(&r, &r, &three);
        fp_mul(&r, &r, &p.x);
        if (!fp_eq(&l, &r))
                return false;
        *ret = p;
        return true;
}

void wp_write(uint8_t ret[257], const struct wp *p)
{
        ret[0] = 0x04;
        fp_write(ret + 1, &p->x);
        fp_write(ret + 1 + FP_LEN, &p->y);
}

bool wp_eq(const struct wp *a, const struct wp *b)
{
        bool same = fp_eq(&a->x, &b->x);
        same &= fp_eq(&a->y, &b->y);
        return same;
}

/* With the common denominator Y (X + c^2). */
void ed_from_wp(struct ed *ret, const struct wp *p)
{
        struct fp minus, plus, sx;
        fp_sub(&minus, &p->x, &ed_sqrt_minus_3);
        fp_add(&plus, &p->x, &ed_sqrt_minus_3);
        fp_mul(&sx, &ed_to_x, &p->x);
        fp_mul(&ret->x, &sx, &plus);
        fp_mul(&ret->y, &minus, &p->y);
        fp_mul(&ret->z, &p->y, &plus);
        fp_mul(&ret->t, &sx, &minus);
}

/* X = c^2 (1 + y) / (1 - y), Y = s c^3 (1 + y) / ((1 - y) x). */
bool ed_to_wp(struct wp *ret, const struct ed *p)
{
        struct fp plus, d;
        fp_add(&plus, &p->z, &p->y);
        fp_sub(&d, &p->z, &p->y);
        fp_mul(&d, &d, &p->x);
        if (fp_is_zero(&d))
                return false;
        fp_inv(&d, &d);
        fp_mul(&plus, &plus, &d);
        fp_mul(&ret->x, &plus, &p->x);
        fp_mul(&ret->x, &ret->x, &ed_sqrt_minus_3);
        fp_mul(&ret->y, &plus, &p->z);
        fp_mul(&ret->y, &ret->y, &ed_from_y);
        return true;
}

bool ed_eq(const struct ed *a, const struct ed *b)
{
        struct fp l, r;
        fp_mul(&l, &a->x, &b->z);
        fp_mul(&r, &b->x, &a->z);
        bool same = fp_eq(&l, &r);
        fp_mul(&l, &a->y, &b->z);
        fp_mul(&r, &b->y, &a->z);
        same &= fp_eq(&l, &r);
        same &= !fp_is_zero(&a->z);
        same &= !fp_is_zero(&b->z);
        return same;
}

bool ed_is_wp(const struct ed *a, const struct wp *b)
{
        struct fp plus, minus, l, r;
        fp_add(&plus, &a->z, &a->y);
        fp_sub(&minus, &a->z, &a->y);
        fp_mul(&l, &b->x, &minus);
        fp_mul(&r, &plus, &ed_sqrt_minus_3);
        bool same = fp_eq(&l, &r);
        fp_mul(&minus, &minus, &a->x);
        fp_mul(&l, &b->y, &minus);
        fp_mul(&r, &plus, &ed_from_y);
        fp_mul(&r, &r, &a->z);
        same &= fp_eq(&l, &r);
        same &= !fp_is_zero(&minus);
        return same;
}

/* E F, G H, F G, E H: the common end of addition and doubling. */
static void finish(struct ed *ret, const struct fp *e, const struct fp *f, const struct fp *g, const struct fp *h,
                   bool with_t)
{
        fp_mul(&ret->x, e, f);
        fp_mul(&ret->y, g, h);
        fp_mul(&ret->z, f, g);
        if (with_t)
                fp_mul(&ret->t, e, h);
}

/* dbl-2008-hwcd with a = -1; T only where an addition follows. */
static void dbl(struct ed *ret, const struct ed *p, bool with_t)
{
        struct fp a, b, c, e, f, g, h;
        fp_sqr(&a, &p->x);
        fp_sqr(&b, &p->y);
        fp_sqr(&c, &p->z);
        fp_dbl(&c, &c);
        fp_add(&e, &p->x, &p->y);
        fp_sqr(&e, &e);
        fp_sub(&e, &e, &a);
        fp_sub(&e, &e, &b);
        fp_sub(&g, &b, &a);
        fp_sub(&f, &g, &c);
        fp_add(&h, &a, &b);
        fp_neg(&h, &h);
        finish(ret, &e, &f, &g, &h, with_t);
}

void ed_dbl(struct ed *ret, const struct ed *a)
{
        dbl(ret, a, true);
}

/* add-2008-hwcd-3 with a = -1, d = 1, in two halves: the second operand as Y - X, Y + X, 2T and Z. z2 = NULL stands for
 * Z = 1. */
static void add_cached(struct ed *ret, const struct ed *p, const struct ed_entry *q, const struct fp *z2, bool with_t)
{
        struct fp a, b, c, d, e, f, g, h;
        fp_sub(&a, &p->y, &p->x);
        fp_mul(&a, &a, &q->y_minus_x);
        fp_add(&b, &p->y, &p->x);
        fp_mul(&b, &b, &q->y_plus_x);
        fp_mul(&c, &p->t, &q->xy2);
        if (z2 != NULL)
                fp_mul(&d, &p->z, z2);
        else
                d = p->z;
        fp_dbl(&d, &d);
        fp_sub(&e, &b, &a);
        fp_sub(&f, &d, &c);
        fp_add(&g, &d, &c);
        fp_add(&h, &b, &a);
        finish(ret, &e, &f, &g, &h, with_t);
}

static void cache(struct ed_entry *ret, const struct ed *p)
{
        fp_sub(&ret->y_minus_x, &p->y, &p->x);
        fp_add(&ret->y_plus_x, &p->y, &p->x);
        fp_dbl(&ret->xy2, &p->t);
}

void ed_add(struct ed *ret, const struct ed *a, const struct ed *b)
{
        struct ed_entry q;
        cache(&q, b);
        add_cached(ret, a, &q, &b->z, true);
}

/* -(x, y) = (-x, y). */
static void entry_cneg(struct ed_entry *e, uint64_t neg)
{
        for (size_t i = 0; i < FP_LIMBS; i++) {
                uint64_t t = (e->y_minus_x.l[i] ^ e->y_plus_x.l[i]) & neg;
                e->y_minus_x.l[i] ^= t;
                e->y_plus_x.l[i] ^= t;
        }
        struct fp m;
        fp_neg(&m, &e->xy2);
        fp_cmov(&e->xy2, &m, neg);
}

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))

/* u = (k' + 2^bits - 1) / 2 where k' is odd: then k' is the sum of (2 u_i - 1) 2^i over i < bits. */
static void recode(struct comb_scalar *ret, const uint64_t odd[17], unsigned bits)
{
        for (unsigned i = 0; i < 17; i++)
                ret->u[i] = odd[i] >> 1 | (i < 16 ? odd[i + 1] << 63 : 0);
        /* (k' - 1) / 2 + 2^(bits - 1): the top bit was 0 */
        ret->u[(bits - 1) / 64] |= UINT64_C(1) << ((bits - 1) % 64);
}

void comb_recode_full(struct comb_scalar *ret, const struct fp *k)
{
        uint64_t odd[17] = { 0 }, even = (k->l[0] & 1) - 1, c = 0;
        for (unsigned i = 0; i < FP_LIMBS; i++) {
                unsigned __int128 s = (unsigned __int128)k->l[i] + (fp_q.l[i] & even) + c;
                odd[i] = (uint64_t)s;
                c = (uint64_t)(s >> 64);
        }
        recode(ret, odd, COMB_TEETH * comb_full.stride);
        secret_wipe(odd, sizeof odd);
}

void comb_recode_short(struct comb_scalar *ret, const struct fp *k, uint64_t *ret_even)
{
        uint64_t odd[17] = { 0 };
        memcpy(odd, k->l, 32);
        *ret_even = (odd[0] & 1) - 1;
        odd[0] |= 1;
        recode(ret, odd, COMB_TEETH * comb_short.stride);
}

static unsigned bit_of(const struct comb_scalar *k, unsigned i)
{
        return (unsigned)(k->u[i / 64] >> (i % 64)) & 1;
}

unsigned comb_index(const struct comb_scalar *k, unsigned stride, unsigned column, uint64_t *ret_neg)
{
        unsigned low = 0;
        for (unsigned t = 0; t < COMB_TEETH - 1; t++)
                low |= bit_of(k, t * stride + column) << t;
        unsigned top = bit_of(k, (COMB_TEETH - 1) * stride + column);
        *ret_neg = (uint64_t)top - 1;
        return (low ^ (top - 1)) & (COMB_ENTRIES - 1);
}

static void add_column(struct ed *acc, const struct comb_scalar *k, const struct ed_comb *c, unsigned col)
{
        struct ed_entry e;
        for (unsigned t = 0; t < comb_tables(c->shape) && t * c->shape.columns + col < c->shape.stride; t++) {
                uint64_t neg;
                unsigned i = comb_index(k, c->shape.stride, t * c->shape.columns + col, &neg);
                fp_kernel.pick(e.y_minus_x.l, c->e[t * COMB_ENTRIES].y_minus_x.l, COMB_ENTRIES, WORDS(e), i);
                entry_cneg(&e, neg);
                add_cached(acc, acc, &e, NULL, true);
        }
        secret_wipe(&e, sizeof e);
}

void ed_comb_mul2(struct ed *ret, const struct comb_scalar *k, const struct ed_comb *c, const struct comb_scalar *m,
                  const struct ed_comb *d)
{
        struct ed acc = ed_neutral_of();
        for (unsigned col = c->shape.columns; col-- > 0;) {
                if (col + 1 < c->shape.columns)
                        dbl(&acc, &acc, true);
                add_column(&acc, k, c, col);
                if (d != NULL)
                        add_column(&acc, m, d, col);
        }
        *ret = acc;
        secret_wipe(&acc, sizeof acc);
}

void ed_comb_mul(struct ed *ret, const struct comb_scalar *k, const struct ed_comb *c)
{
        ed_comb_mul2(ret, k, c, NULL, NULL);
}

/* Entries of one table: top tooth plus or minus each of the others; bit t of the index chooses plus. */
static void comb_entries(struct ed *ret, const struct ed teeth[COMB_TEETH])
{
        struct ed neg;
        ret[0] = teeth[COMB_TEETH - 1];
        for (unsigned t = 0; t < COMB_TEETH - 1; t++) {
                neg = teeth[t];
                fp_neg(&neg.x, &neg.x);
                fp_neg(&neg.t, &neg.t);
                for (unsigned i = 0; i < 1u << t; i++) {
                        ed_add(&ret[i + (1u << t)], &ret[i], &teeth[t]);
                        ed_add(&ret[i], &ret[i], &neg);
                }
        }
}

/* Every entry to Z = 1. */
static void comb_normalise(struct ed_entry *ret, const struct ed *p, size_t n, struct fp *z, struct fp *scratch)
{
        for (size_t i = 0; i < n; i++)
                z[i] = p[i].z;
        fp_inv_many(z, n, scratch);
        for (size_t i = 0; i < n; i++) {
                struct ed a;
                fp_mul(&a.x, &p[i].x, &z[i]);
                fp_mul(&a.y, &p[i].y, &z[i]);
                fp_mul(&a.t, &a.x, &a.y);
                cache(&ret[i], &a);
        }
}

struct ed_comb *ed_comb_new(void *mem, const struct ed *a, struct comb_shape shape)
{
        size_t n = comb_tables(shape) * COMB_ENTRIES;
        struct ed_comb *ret = talloc_size(mem, sizeof *ret + n * sizeof ret->e[0]);
        struct ed *all = talloc_array(ret, struct ed, n);
        struct fp *z = talloc_array(ret, struct fp, 2 * n);
        struct ed *teeth = talloc_array(ret, struct ed, comb_tables(shape) * COMB_TEETH);
        if (ret == NULL || all == NULL || z == NULL || teeth == NULL) {
                talloc_free(ret);
                return NULL;
        }
        struct ed at = *a;
        for (unsigned bit = 0; bit < COMB_TEETH * shape.stride; bit++) {
                unsigned col = bit % shape.stride;
                if (col % shape.columns == 0)
                        teeth[col / shape.columns * COMB_TEETH + bit / shape.stride] = at;
                dbl(&at, &at, true);
        }
        for (unsigned t = 0; t < comb_tables(shape); t++)
                comb_entries(all + t * COMB_ENTRIES, teeth + t * COMB_TEETH);
        ret->shape = shape;
        comb_normalise(ret->e, all, n, z, z + n);
        talloc_free(all);
        talloc_free(z);
        talloc_free(teeth);
        return ret;
}
