#include "test/kit/vec5g.h"

#include "crypto/milenage.h"

static void *mem;

#define TAKE(type, hex)                                                                                                \
        ({                                                                                                             \
                struct type t_ = { 0 };                                                                                \
                CHECK_OK(hex_decode_to(bytes_str(hex), t_.b, sizeof t_.b));                                            \
                t_;                                                                                                    \
        })
#define CHECK_HEX(what, arr, hex) CHECK_BYTES(what, BYTES_ARR(arr), vector_hex(mem, hex))

static const uint8_t amf[2] = { 0xb9, 0xb9 };
#define SQN UINT64_C(0xff9bb4d0b607)

static struct milenage_k k;
static struct milenage_opc opc;
static struct aka_rand rnd;

/* TS 35.208 test set 1 */
static void test_set_1(void **state)
{
        (void)state;
        struct milenage_op op = TAKE(milenage_op, "cdc202d5123e20f62b6d676ac72cb318");
        struct milenage_opc got;
        CHECK_OK(milenage_opc_of(&k, &op, &got));
        CHECK_BYTES("OPc", BYTES_ARR(got.b), BYTES_ARR(opc.b));
        uint8_t a[8], s[8];
        CHECK_OK(milenage_f1(&k, &opc, &rnd, SQN, amf, a, s));
        CHECK_HEX("MAC-A", a, "4a9ffac354dfafb3");
        CHECK_HEX("MAC-S", s, "01cfaf9ec4e871e9");
        struct milenage_f2345 f;
        CHECK_OK(milenage_f2345(&k, &opc, &rnd, &f));
        CHECK_HEX("RES", f.res, "a54211d5e3ba50bf");
        CHECK_HEX("CK", f.ck, "b40ba9a3c58b2a05bbf0d987b21bf8cb");
        CHECK_HEX("IK", f.ik, "f769bcd751044604127672711c6d3441");
        CHECK_HEX("AK", f.ak, "aa689c648370");
        CHECK_HEX("AK*", f.ak_star, "451e8beca43b");
        CHECK_E(E_RANGE, milenage_f1(&k, &opc, &rnd, AKA_SQN_MAX + 1, amf, a, s));
}

static void test_vector_and_autn(void **state)
{
        (void)state;
        struct aka_vector v;
        CHECK_OK(aka_vector_make(&k, &opc, &rnd, SQN, amf, &v));
        CHECK_HEX("AUTN", v.autn, "55f328b43577b9b94a9ffac354dfafb3");
        CHECK_HEX("XRES", v.xres, "a54211d5e3ba50bf");
        struct milenage_f2345 f;
        uint64_t sqn;
        uint8_t got[2];
        CHECK_OK(aka_autn_open(&k, &opc, &rnd, BYTES_ARR(v.autn), &f, &sqn, got));
        assert_int_equal(sqn, SQN);
        assert_memory_equal(got, amf, 2);
        CHECK_BYTES("CK", BYTES_ARR(f.ck), BYTES_ARR(v.ck));
        for (size_t i = 0; i < sizeof v.autn; i++) {
                v.autn[i] ^= 1;
                CHECK_E(E_AUTH_FAILED, aka_autn_open(&k, &opc, &rnd, BYTES_ARR(v.autn), &f, &sqn, got));
                v.autn[i] ^= 1;
        }
        CHECK_E(E_SHORT, aka_autn_open(&k, &opc, &rnd, bytes_of(v.autn, 15), &f, &sqn, got));
}

static void test_auts(void **state)
{
        (void)state;
        uint8_t auts[AKA_AUTS_LEN];
        uint64_t sqn;
        CHECK_OK(aka_auts_make(&k, &opc, &rnd, UINT64_C(0xff9bb4d0b700), auts));
        CHECK_HEX("AUTS", auts, "ba853f3c133b81e8d4025b8e6c4a");
        CHECK_OK(aka_auts_open(&k, &opc, &rnd, BYTES_ARR(auts), &sqn));
        assert_int_equal(sqn, UINT64_C(0xff9bb4d0b700));
        for (size_t i = 0; i < sizeof auts; i++) {
                auts[i] ^= 0x80;
                CHECK_E(E_AUTH_FAILED, aka_auts_open(&k, &opc, &rnd, BYTES_ARR(auts), &sqn));
                auts[i] ^= 0x80;
        }
        CHECK_E(E_SHORT, aka_auts_open(&k, &opc, &rnd, bytes_of(auts, 13), &sqn));
        CHECK_E(E_SHORT, aka_auts_open(&k, &opc, &rnd, bytes_of(auts, 0), &sqn));
        uint8_t more[15] = { 0 };
        CHECK_E(E_LONG, aka_auts_open(&k, &opc, &rnd, BYTES_ARR(more), &sqn));
        CHECK_E(E_RANGE, aka_auts_make(&k, &opc, &rnd, AKA_SQN_MAX + 1, auts));
}

static void check_ts35208(const json_t *v)
{
        struct milenage_k key;
        struct milenage_op op;
        struct milenage_opc c;
        struct aka_rand r;
        struct milenage_f2345 f;
        uint8_t field[2], a[8], s[8];
        vec_to(v, "k", key.b, sizeof key.b);
        vec_to(v, "op", op.b, sizeof op.b);
        vec_to(v, "rand", r.b, sizeof r.b);
        vec_to(v, "amf", field, sizeof field);
        uint64_t sqn = strtoull(json_string_value(vec_get(v, "sqn")), NULL, 16);
        CHECK_OK(milenage_opc_of(&key, &op, &c));
        CHECK_BYTES("OPc", BYTES_ARR(c.b), vec_hex(mem, v, "opc"));
        CHECK_OK(milenage_f1(&key, &c, &r, sqn, field, a, s));
        CHECK_BYTES("f1", BYTES_ARR(a), vec_hex(mem, v, "f1_mac_a"));
        CHECK_BYTES("f1*", BYTES_ARR(s), vec_hex(mem, v, "f1star_mac_s"));
        CHECK_OK(milenage_f2345(&key, &c, &r, &f));
        CHECK_BYTES("f2", BYTES_ARR(f.res), vec_hex(mem, v, "f2_res"));
        CHECK_BYTES("f3", BYTES_ARR(f.ck), vec_hex(mem, v, "f3_ck"));
        CHECK_BYTES("f4", BYTES_ARR(f.ik), vec_hex(mem, v, "f4_ik"));
        CHECK_BYTES("f5", BYTES_ARR(f.ak), vec_hex(mem, v, "f5_ak"));
        CHECK_BYTES("f5*", BYTES_ARR(f.ak_star), vec_hex(mem, v, "f5star_ak"));
}

/* R-5G-1: TS 35.208 test sets 1 to 6 */
static void test_ts35208(void **state)
{
        (void)state;
        json_t *all = vector_json(mem, "5g-aka.json"), *v;
        size_t i;
        json_array_foreach(json_object_get(all, "milenage_ts35208"), i, v) check_ts35208(v);
        assert_int_equal(i, 6);
        json_decref(all);
}

/* TS 33.102 6.3.3: the AUTS of the vectors, both ways */
static void test_resync_vector(void **state)
{
        (void)state;
        json_t *all = vector_json(mem, "5g-aka.json");
        const json_t *v = vec_get(all, "resync");
        uint64_t sqn = strtoull(json_string_value(vec_get(v, "sqn_ms")), NULL, 16), got;
        uint8_t auts[AKA_AUTS_LEN];
        CHECK_OK(aka_auts_make(&k, &opc, &rnd, sqn, auts));
        CHECK_BYTES("AUTS", BYTES_ARR(auts), vec_hex(mem, v, "auts"));
        CHECK_OK(aka_auts_open(&k, &opc, &rnd, BYTES_ARR(auts), &got));
        assert_int_equal(got, sqn);
        json_decref(all);
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        k = TAKE(milenage_k, "465b5ce8b199b49faa5f0a2ee238a6bc");
        opc = TAKE(milenage_opc, "cd63cb71954a9f4e48a5994e37a02baf");
        rnd = TAKE(aka_rand, "23553cbe9637a89d218ae64dae47bf35");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_1),   cmocka_unit_test(test_vector_and_autn), cmocka_unit_test(test_auts),
                cmocka_unit_test(test_ts35208), cmocka_unit_test(test_resync_vector),
        };
        return cmocka_run_group_tests_name("milenage", tests, set_up, tear_down);
}
