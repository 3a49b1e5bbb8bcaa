#include "test/kit/check.h"

#include "crypto/fp.h"
#include "crypto/fp_kernel.h"
#include "crypto/pairing.h"
#include "crypto/sakke.h"
#include "crypto/uid.h"

static json_t *files[2], *sakke, *kms, *examples;
static void *mem;

static struct bytes hex_at(json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        if (s == NULL)
                fail_msg("vector lacks %s", key);
        return vector_hex(mem, s);
}

#define TAKE(type, o, key)                                                                                             \
        ({                                                                                                             \
                struct bytes in_ = hex_at((o), (key));                                                                 \
                struct type t_ = { 0 };                                                                                \
                assert_true(in_.n <= sizeof t_.b);                                                                     \
                memcpy(t_.b + sizeof t_.b - in_.n, in_.p, in_.n);                                                      \
                t_;                                                                                                    \
        })

static struct sakke_domain *domain_of(json_t *o, const char *key)
{
        struct sakke_zpub pub = TAKE(sakke_zpub, o, key);
        struct sakke_domain *d = NULL;
        CHECK_OK(sakke_domain_new(mem, &pub, &d, NULL));
        return d;
}

/* R-KMS-80, R-KMS-85 */
static void test_master(void **state)
{
        (void)state;
        struct sakke_z z = TAKE(sakke_z, sakke, "z"), bad = { 0 };
        struct sakke_zpub want = TAKE(sakke_zpub, sakke, "Z"), got;
        CHECK_OK(sakke_master_public(&z, &got, NULL));
        CHECK_BYTES("Z", BYTES_ARR(got.b), BYTES_ARR(want.b));
        CHECK_OK(sakke_master_check(&z, &want, NULL));
        want.b[200] ^= 1;
        CHECK_E(E_KEY_INVALID, sakke_master_check(&z, &want, NULL));
        CHECK_E(E_KEY_INVALID, sakke_master_public(&bad, &got, NULL));
        struct bytes q = hex_at(json_object_get(sakke, "params"), "q");
        memcpy(bad.b, q.p, q.n);
        CHECK_E(E_KEY_INVALID, sakke_master_public(&bad, &got, NULL));
        memset(bad.b, 0xff, sizeof bad.b);
        CHECK_E(E_KEY_INVALID, sakke_master_public(&bad, &got, NULL));
        memcpy(bad.b, q.p, q.n);
        bad.b[127] -= 1; /* q - 1: Z = -P */
        CHECK_OK(sakke_master_public(&bad, &got, NULL));
        CHECK_BYTES("x of -P", bytes_of(got.b + 1, 128),
                    bytes_of(hex_at(json_object_get(sakke, "params"), "P").p + 1, 128));
        CHECK_OK(sakke_master_make(&rng_system, &z, &got));
        CHECK_OK(sakke_master_check(&z, &got, NULL));
}

/* R-KMS-6, R-KMS-80, R-KMS-84 */
static void test_rsk(void **state)
{
        (void)state;
        struct sakke_z z = TAKE(sakke_z, sakke, "z");
        struct bytes id = hex_at(sakke, "ID");
        struct sakke_domain *d = domain_of(sakke, "Z");
        struct sakke_rsk rsk, other;
        for (int i = 0; i < 2; i++) { /* again after a validation, and with tables */
                CHECK_OK(sakke_rsk_extract(&z, id, &rsk, NULL));
                CHECK_BYTES("RSK", BYTES_ARR(rsk.b), hex_at(sakke, "RSK"));
                CHECK_OK(sakke_rsk_check(d, id, &rsk, NULL));
                CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, BYTES_LIT("someone else"), &rsk, NULL));
                CHECK_OK(sakke_rsk_extract(&z, BYTES_LIT("someone else"), &other, NULL));
                CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, id, &other, NULL));
                CHECK_OK(sakke_rsk_check(d, BYTES_LIT("someone else"), &other, NULL));
                CHECK_E(E_RANGE, sakke_rsk_check(d, bytes_of(rsk.b, 129), &rsk, NULL));
                rsk.b[256] ^= 1;
                CHECK_E(E_POINT, sakke_rsk_check(d, id, &rsk, NULL));
                CHECK_OK(sakke_domain_prepare(d, NULL));
        }
        CHECK_E(E_RANGE, sakke_rsk_extract(&z, bytes_of(rsk.b, 0), &rsk, NULL));
        CHECK_E(E_RANGE, sakke_rsk_extract(&z, bytes_of(rsk.b, 129), &other, NULL));
}

/* R-KMS-86 */
static void test_identity_without_key(void **state)
{
        (void)state;
        struct sakke_z z = { 0 };
        struct sakke_zpub pub;
        struct sakke_rsk rsk;
        struct sakke_domain *d;
        struct sakke_sed sed;
        struct sakke_peer *peer;
        struct mc_key key = { { 1 } };
        /* z = q - id */
        struct bytes q = hex_at(json_object_get(sakke, "params"), "q");
        const uint8_t id[] = { 0x12, 0x34 };
        memcpy(z.b, q.p, q.n);
        unsigned low = (unsigned)z.b[126] << 8 | z.b[127];
        low -= 0x1234;
        z.b[126] = (uint8_t)(low >> 8);
        z.b[127] = (uint8_t)low;
        struct err er;
        CHECK_E(E_KEY_INVALID, sakke_rsk_extract(&z, BYTES_ARR(id), &rsk, &er));
        assert_string_equal(er.req, "R-KMS-86");
        CHECK_OK(sakke_master_public(&z, &pub, NULL));
        CHECK_OK(sakke_domain_new(mem, &pub, &d, NULL));
        CHECK_E(E_KEY_INVALID, sakke_encapsulate(d, BYTES_ARR(id), &key, &sed, NULL));
        CHECK_E(E_KEY_INVALID, sakke_peer_new(mem, d, BYTES_ARR(id), &peer, NULL));
        CHECK_OK(sakke_encapsulate(d, bytes_of(id, 1), &key, &sed, NULL));
        /* [id]P = Z: the addition of equal points */
        memset(z.b, 0, sizeof z.b);
        z.b[127] = 7;
        CHECK_OK(sakke_master_public(&z, &pub, NULL));
        CHECK_OK(sakke_domain_new(mem, &pub, &d, NULL));
        CHECK_OK(sakke_rsk_extract(&z, BYTES_LIT("\7"), &rsk, NULL));
        CHECK_OK(sakke_rsk_check(d, BYTES_LIT("\7"), &rsk, NULL));
}

/* R-KMS-80 */
static void test_encapsulation(void **state)
{
        (void)state;
        struct sakke_domain *d = domain_of(sakke, "Z");
        struct bytes id = hex_at(sakke, "ID");
        struct mc_key ssv = TAKE(mc_key, sakke, "SSV"), got;
        struct sakke_rsk rsk = TAKE(sakke_rsk, sakke, "RSK");
        struct sakke_sed sed;
        uint8_t r[128];
        const struct bytes parts[] = { BYTES_ARR(ssv.b), id };
        CHECK_OK(sakke_hash_to_q(parts, COUNT(parts), r));
        CHECK_BYTES("r", BYTES_ARR(r), hex_at(sakke, "r"));
        CHECK_OK(sakke_encapsulate(d, id, &ssv, &sed, NULL));
        CHECK_BYTES("SED", BYTES_ARR(sed.b), hex_at(sakke, "encapsulated"));
        CHECK_OK(sakke_decapsulate(d, id, &rsk, BYTES_ARR(sed.b), &got, NULL));
        CHECK_BYTES("SSV", BYTES_ARR(got.b), BYTES_ARR(ssv.b));

        struct sakke_peer *peer;
        memset(&sed, 0, sizeof sed);
        CHECK_OK(sakke_peer_new(mem, d, id, &peer, NULL));
        CHECK_OK(sakke_encapsulate_peer(peer, &ssv, &sed, NULL));
        CHECK_BYTES("SED", BYTES_ARR(sed.b), hex_at(sakke, "encapsulated"));
        struct sakke_rsk_table *t;
        CHECK_OK(sakke_rsk_table_new(mem, d, id, &rsk, &t, NULL));
        memset(&got, 0, sizeof got);
        CHECK_OK(sakke_decapsulate_table(t, BYTES_ARR(sed.b), &got, NULL));
        CHECK_BYTES("SSV", BYTES_ARR(got.b), BYTES_ARR(ssv.b));
        CHECK_E(E_KEY_INVALID, sakke_rsk_table_new(mem, d, BYTES_LIT("other"), &rsk, &t, NULL));
}

static const uint8_t nothing[16];

/* Both ways of opening must refuse, with one of two codes, and leave the output alone. */
static void check_refused(const char *what, struct sakke_domain *d, struct sakke_rsk_table *t, struct bytes sed,
                          enum ecode want)
{
        struct bytes id = hex_at(sakke, "ID");
        struct sakke_rsk rsk = TAKE(sakke_rsk, sakke, "RSK");
        struct mc_key key = { { 0 } };
        struct err er = { 0 };
        enum ecode e = sakke_decapsulate(d, id, &rsk, sed, &key, &er);
        if (e != want)
                fail_msg("%s: want %s, got %s (%s)", what, ecode_name(want), ecode_name(e), er.text);
        e = sakke_decapsulate_table(t, sed, &key, &er);
        if (e != want)
                fail_msg("%s: want %s, got %s (%s)", what, ecode_name(want), ecode_name(e), er.text);
        assert_memory_equal(key.b, nothing, sizeof key.b);
}

/* R-KMS-81, R-KMS-83 */
static void test_must_fail(void **state)
{
        (void)state;
        struct sakke_domain *d = domain_of(sakke, "Z");
        struct bytes id = hex_at(sakke, "ID"), good = hex_at(sakke, "encapsulated");
        struct sakke_rsk rsk = TAKE(sakke_rsk, sakke, "RSK");
        struct sakke_rsk_table *t;
        CHECK_OK(sakke_rsk_table_new(mem, d, id, &rsk, &t, NULL));
        static const struct {
                const char *name;
                enum ecode want;
        } cases[] = {
                { "H changed", E_DECRYPT },     { "R not on curve", E_POINT }, { "prefix not 04", E_POINT },
                { "one octet short", E_SHORT }, { "one octet long", E_LONG },  { "R replaced by P", E_DECRYPT },
        };
        size_t i;
        json_t *v;
        json_array_foreach(json_object_get(sakke, "decapsulate_must_fail"), i, v)
        {
                const char *name = json_string_value(json_object_get(v, "case"));
                assert_true(i < COUNT(cases));
                assert_string_equal(name, cases[i].name);
                check_refused(name, d, t, hex_at(v, "encapsulated"), cases[i].want);
        }
        assert_int_equal(i, COUNT(cases));

        uint8_t sed[SAKKE_SED_LEN];
        memcpy(sed, good.p, sizeof sed);
        /* -R is on the curve; so is (0, 0), of order 2 */
        struct fp y;
        assert_true(fp_read(&y, sed + 129));
        fp_neg(&y, &y);
        fp_write(sed + 129, &y);
        check_refused("-R", d, t, BYTES_ARR(sed), E_DECRYPT);
        memset(sed + 1, 0, 256);
        check_refused("(0, 0)", d, t, BYTES_ARR(sed), E_DECRYPT);
        memset(sed + 1, 0xff, 128);
        check_refused("x above p", d, t, BYTES_ARR(sed), E_POINT);
        memcpy(sed, good.p, sizeof sed);
        memset(sed + 129, 0xff, 128);
        check_refused("y above p", d, t, BYTES_ARR(sed), E_POINT);
        check_refused("nothing", d, t, bytes_of(sed, 0), E_SHORT);
}

/* A + (0, 0): x' = -3/x, y' = 3y/x^2 */
static void add_order_2(struct wp *a)
{
        struct fp ix, three;
        fp_add(&three, &fp_one, &fp_one);
        fp_add(&three, &three, &fp_one);
        fp_inv(&ix, &a->x);
        fp_mul(&a->x, &three, &ix);
        fp_mul(&a->y, &a->y, &a->x);
        fp_mul(&a->y, &a->y, &ix);
        fp_neg(&a->x, &a->x);
}

/* A root of a when there is one: a^q. */
static bool square_root(struct fp *ret, const struct fp *a)
{
        struct fp t = fp_one, back;
        for (int bit = 1023; bit >= 0; bit--) {
                fp_sqr(&t, &t);
                if (fp_q.l[bit / 64] >> (bit % 64) & 1)
                        fp_mul(&t, &t, a);
        }
        fp_sqr(&back, &t);
        *ret = t;
        return fp_eq(&back, a);
}

/* The order by square roots and the order by [q]A agree, for points of all four kinds. */
static void test_order(void **state)
{
        (void)state;
        struct wp a = { .x = fp_one };
        int seen[2] = { 0 };
        for (int i = 0; i < 60; i++) {
                struct fp r, three;
                fp_add(&a.x, &a.x, &fp_one); /* x = 2, 3, 4, ... */
                fp_add(&three, &fp_one, &fp_one);
                fp_add(&three, &three, &fp_one);
                fp_sqr(&r, &a.x);
                fp_sub(&r, &r, &three);
                fp_mul(&r, &r, &a.x);
                if (!square_root(&a.y, &r))
                        continue;
                struct gt w;
                bool chain;
                pairing(&w, &a, &wp_base, &chain);
                assert_int_equal(wp_has_order_q(&a), chain);
                seen[chain]++;
                if (!chain)
                        continue;
                struct wp b = a;
                add_order_2(&b);
                assert_false(wp_has_order_q(&b));
                add_order_2(&b);
                assert_true(wp_eq(&a, &b));
        }
        assert_true(seen[0] > 0 && seen[1] > 0);
        struct wp two = { .x = fp_zero, .y = fp_zero };
        assert_false(wp_has_order_q(&two));
        /* order 4: x^2 = -3 */
        struct wp four = { .x = ed_sqrt_minus_3 };
        for (int sign = 0; sign < 2; sign++) {
                struct fp r;
                fp_add(&r, &fp_one, &fp_one);
                fp_add(&r, &r, &fp_one);
                fp_dbl(&r, &r);
                fp_neg(&r, &r);
                fp_mul(&r, &r, &four.x); /* y^2 = -6x */
                if (square_root(&four.y, &r))
                        assert_false(wp_has_order_q(&four));
                fp_neg(&four.x, &four.x);
        }
}

/* (0, 0) + R has the same pairing as R, as the cofactor falls out: only TEST tells them apart. */
static void test_cofactor(void **state)
{
        (void)state;
        struct sakke_domain *d = domain_of(sakke, "Z");
        struct bytes id = hex_at(sakke, "ID"), good = hex_at(sakke, "encapsulated");
        struct sakke_rsk rsk = TAKE(sakke_rsk, sakke, "RSK");
        struct sakke_rsk_table *t;
        CHECK_OK(sakke_rsk_table_new(mem, d, id, &rsk, &t, NULL));
        uint8_t sed[SAKKE_SED_LEN];
        struct wp r;
        memcpy(sed, good.p, sizeof sed);
        assert_true(wp_read(&r, sed));
        add_order_2(&r);
        wp_write(sed, &r);
        check_refused("R + (0, 0)", d, t, BYTES_ARR(sed), E_DECRYPT);
        /* a domain key and an RSK of the wrong order */
        struct sakke_zpub pub;
        struct sakke_domain *bad;
        memcpy(pub.b, sed, sizeof pub.b);
        CHECK_E(E_POINT, sakke_domain_new(mem, &pub, &bad, NULL));
        memset(pub.b + 1, 0, 256);
        CHECK_E(E_POINT, sakke_domain_new(mem, &pub, &bad, NULL));
        struct sakke_rsk low = { { 4 } };
        CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, id, &low, NULL));
        CHECK_E(E_KEY_INVALID, sakke_rsk_table_new(mem, d, id, &low, &t, NULL));
        /* RSK + (0, 0), which the pairing alone would take */
        CHECK_OK(sakke_domain_prepare(d, NULL));
        CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, id, &low, NULL));
        CHECK_OK(sakke_rsk_check(d, id, &rsk, NULL));
        struct wp k;
        assert_true(wp_read(&k, rsk.b));
        add_order_2(&k);
        wp_write(low.b, &k);
        CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, id, &low, NULL));
        CHECK_E(E_KEY_INVALID, sakke_rsk_table_new(mem, d, id, &low, &t, NULL));
        d = domain_of(sakke, "Z");
        CHECK_E(E_KEY_INVALID, sakke_rsk_check(d, id, &low, NULL));
}

/* R-KMS-21 */
static void test_partner_import(void **state)
{
        (void)state;
        struct sakke_zpub pub = TAKE(sakke_zpub, kms, "PubEncKey");
        struct sakke_domain *d;
        struct err er;
        pub.b[0] = 6;
        CHECK_E(E_POINT, sakke_domain_new(mem, &pub, &d, &er));
        assert_string_equal(er.req, "R-KMS-21");
        pub.b[0] = 4;
        pub.b[17] ^= 4;
        CHECK_E(E_POINT, sakke_domain_new(mem, &pub, &d, NULL));
}

/* R-KMS-6, R-KMS-8: users of the example KMS, and the keys of the worked examples */
static void test_example_kms(void **state)
{
        (void)state;
        struct sakke_z z = TAKE(sakke_z, kms, "z");
        struct sakke_zpub pub = TAKE(sakke_zpub, kms, "PubEncKey");
        CHECK_OK(sakke_master_check(&z, &pub, NULL));
        struct sakke_domain *d = domain_of(kms, "PubEncKey");
        size_t i, j;
        json_t *v, *p;
        json_array_foreach(json_object_get(kms, "users"), i, v)
        {
                struct sakke_rsk rsk;
                CHECK_OK(sakke_rsk_extract(&z, hex_at(v, "uid_hex"), &rsk, NULL));
                CHECK_BYTES("RSK", BYTES_ARR(rsk.b), hex_at(v, "UserDecryptKey"));
                CHECK_OK(sakke_rsk_check(d, hex_at(v, "uid_hex"), &rsk, NULL));
        }
        json_array_foreach(examples, i, v)
        {
                struct uid uid;
                struct mc_key key = TAKE(mc_key, v, "key");
                struct sakke_sed sed;
                CHECK_OK(uid_make(bytes_str(json_string_value(json_object_get(v, "responder"))),
                                  BYTES_LIT("kms.example.org"), (struct key_period){ 2592000, 0 }, 1540, &uid, NULL));
                CHECK_OK(sakke_encapsulate(d, uid_bytes(&uid), &key, &sed, NULL));
                bool found = false;
                json_array_foreach(json_object_get(v, "payloads"), j, p)
                {
                        if (strcmp(json_string_value(json_object_get(p, "name")), "SAKKE") != 0)
                                continue;
                        struct bytes payload = hex_at(p, "hex");
                        CHECK_BYTES("SED", BYTES_ARR(sed.b), bytes_of(payload.p + 5, payload.n - 5));
                        found = true;
                }
                assert_true(found);
        }
}

static void number(uint64_t *seed, uint8_t out[128])
{
        for (size_t i = 0; i < 128; i++) {
                *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                out[i] = (uint8_t)(*seed >> 33);
        }
        if (*seed % 5 == 0)
                memset(out, *seed & 64 ? 0xff : 0, 100); /* long carries */
        out[0] &= 0x7f;
}

/* The hand-written kernel and the portable one agree, also where carries run far. */
static void test_kernels(void **state)
{
        (void)state;
        uint64_t seed = 7;
        for (int i = 0; i < 3000; i++) {
                uint8_t ab[128], bb[128], cb[128];
                struct fp a, b, c, r[2][4];
                number(&seed, ab);
                number(&seed, bb);
                number(&seed, cb);
                if (i == 0)
                        memset(ab, 0, sizeof ab);
                assert_true(fp_read(&a, ab) && fp_read(&b, bb) && fp_read(&c, cb));
                for (int k = 0; k < 2; k++) {
                        struct fpw w, v;
                        fp_kernel_choose(k);
                        fp_mul(&r[k][0], &a, &b);
                        fp_sqr(&r[k][1], &a);
                        fp_mulw(&w, &a, &b);
                        fp_mulw_add(&w, &b, &c);
                        fp_mulw_add(&w, &c, &c);
                        fp_redc(&r[k][2], &w);
                        fp_mulw(&v, &a, &a);
                        fp_subw(&w, &v, &w);
                        fp_redc(&r[k][3], &w);
                }
                fp_kernel_choose(0);
                for (int f = 0; f < 4; f++)
                        assert_true(fp_eq(&r[0][f], &r[1][f]));
                struct fp one, inv;
                if (!fp_is_zero(&a)) {
                        fp_inv(&inv, &a);
                        fp_mul(&one, &inv, &a);
                        assert_true(fp_eq(&one, &fp_one));
                }
                fp_sub(&one, &r[0][2], &r[0][0]); /* bc + c^2 = c (b + c) */
                fp_add(&inv, &b, &c);
                fp_mul(&inv, &inv, &c);
                assert_true(fp_eq(&one, &inv));
        }
        struct fp z;
        fp_inv(&z, &fp_zero);
        assert_true(fp_is_zero(&z));
}

/* The same on the portable kernel: what processors without ADX run. */
static void test_portable(void **state)
{
        fp_kernel_choose(1);
        test_encapsulation(state);
        fp_kernel_choose(0);
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        files[0] = vector_json(mem, "eccsi-sakke.json");
        files[1] = vector_json(mem, "mikey-3gpp.json");
        sakke = json_object_get(files[0], "sakke");
        kms = json_object_get(files[1], "example_kms");
        examples = json_object_get(files[1], "worked_examples");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_decref(files[0]);
        json_decref(files[1]);
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_master),
                cmocka_unit_test(test_rsk),
                cmocka_unit_test(test_identity_without_key),
                cmocka_unit_test(test_encapsulation),
                cmocka_unit_test(test_must_fail),
                cmocka_unit_test(test_cofactor),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_partner_import),
                cmocka_unit_test(test_example_kms),
                cmocka_unit_test(test_kernels),
                cmocka_unit_test(test_portable),
        };
        return cmocka_run_group_tests_name("sakke", tests, set_up, tear_down);
}
