#include "test/kit/vec5g.h"

#include "crypto/kdf.h"
#include "crypto/kdf_5g.h"

static void *mem;
static json_t *vectors;
static const struct bytes supi = { (const uint8_t *)"imsi-001010000000001", 20 };

/* CK, IK and what stands beside them in one run of the vectors. */
struct run {
        const json_t *in, *out;
        struct sn_name sn;
        struct aka_rand rand;
        struct milenage_f2345 f;
};

static struct run run_of(const char *name)
{
        const json_t *v = vec_get(vectors, name);
        struct run r = { .in = vec_get(v, "input"), .out = vec_get(v, "output") };
        struct milenage_k k;
        struct milenage_opc opc;
        CHECK_OK(sn_name_parse(vec_str(v, "serving_network_name"), &r.sn));
        vec_to(r.in, "rand", r.rand.b, sizeof r.rand.b);
        vec_to(r.in, "k", k.b, sizeof k.b);
        vec_to(r.in, "opc", opc.b, sizeof opc.b);
        CHECK_OK(milenage_f2345(&k, &opc, &r.rand, &r.f));
        return r;
}

/* The octets S that the vector lists give the same key. */
static void check_s(const struct run *r, const char *name, struct bytes key, struct bytes want_tail)
{
        uint8_t d[SHA256_LEN];
        CHECK_OK(hmac_sha256(key, vec_hex(mem, r->out, name), d));
        CHECK_BYTES(name, bytes_of(d + sizeof d - want_tail.n, want_tail.n), want_tail);
}

static void check_run(const char *name)
{
        struct run r = run_of(name);
        struct bytes autn = vec_hex(mem, r.out, "autn"), res = vec_hex(mem, r.in, "f2_res");
        uint8_t ck_ik[32];
        memcpy(ck_ik, r.f.ck, 16);
        memcpy(ck_ik + 16, r.f.ik, 16);
        struct key_kausf kausf;
        struct res_star rs;
        struct hres_star hrs;
        struct key_kseaf kseaf;
        struct key_kamf kamf;
        CHECK_OK(kdf_kausf(r.f.ck, r.f.ik, &r.sn, autn.p, &kausf));
        CHECK_BYTES("KAUSF", BYTES_ARR(kausf.b), vec_hex(mem, r.out, "kausf"));
        check_s(&r, "S_kausf", BYTES_ARR(ck_ik), BYTES_ARR(kausf.b));
        CHECK_OK(kdf_res_star(r.f.ck, r.f.ik, &r.sn, &r.rand, res, &rs));
        CHECK_BYTES("RES*", BYTES_ARR(rs.b), vec_hex(mem, r.out, "res_star"));
        check_s(&r, "S_res_star", BYTES_ARR(ck_ik), BYTES_ARR(rs.b));
        CHECK_OK(kdf_hres_star(&r.rand, &rs, &hrs));
        CHECK_BYTES("HRES*", BYTES_ARR(hrs.b), vec_hex(mem, r.out, "hres_star"));
        CHECK_OK(kdf_kseaf(&kausf, &r.sn, &kseaf));
        CHECK_BYTES("KSEAF", BYTES_ARR(kseaf.b), vec_hex(mem, r.out, "kseaf"));
        check_s(&r, "S_kseaf", BYTES_ARR(kausf.b), BYTES_ARR(kseaf.b));
        CHECK_OK(kdf_kamf(&kseaf, supi, BYTES_LIT("\0\0"), &kamf));
        CHECK_BYTES("KAMF", BYTES_ARR(kamf.b), vec_hex(mem, r.out, "kamf"));
        check_s(&r, "S_kamf", BYTES_ARR(kseaf.b), BYTES_ARR(kamf.b));
}

/* R-5G-2, R-5G-3 */
static void test_ladder(void **state)
{
        (void)state;
        check_run("five_g_aka_set1");
        check_run("five_g_aka_run2");
        check_run("five_g_aka_after_resync");
}

/* R-5G-4 */
static void test_res_star_extra(void **state)
{
        (void)state;
        const json_t *v = vec_get(vectors, "res_star_extra_kat");
        struct sn_name sn;
        struct aka_rand rand;
        struct res_star got;
        CHECK_OK(sn_name_parse(vec_str(v, "serving_network_name"), &sn));
        vec_to(v, "rand", rand.b, sizeof rand.b);
        struct bytes ck = vec_hex(mem, v, "ck"), ik = vec_hex(mem, v, "ik"), res = vec_hex(mem, v, "res");
        CHECK_OK(kdf_res_star(ck.p, ik.p, &sn, &rand, res, &got));
        CHECK_BYTES("RES*", BYTES_ARR(got.b), vec_hex(mem, v, "res_star"));
        CHECK_E(E_RANGE, kdf_res_star(ck.p, ik.p, &sn, &rand, bytes_of(res.p, 3), &got));
        CHECK_E(E_RANGE, kdf_res_star(ck.p, ik.p, &sn, &rand, bytes_of(mem, 17), &got));
}

/* R-5G-5 */
static void test_serving_network(void **state)
{
        (void)state;
        struct plmn p;
        struct sn_name sn;
        CHECK_OK(plmn_of(BYTES_LIT("001"), BYTES_LIT("01"), &p));
        sn_name_of(&p, &sn);
        assert_string_equal(sn.s, "5G:mnc001.mcc001.3gppnetwork.org");
        CHECK_OK(plmn_of(BYTES_LIT("310"), BYTES_LIT("410"), &p));
        sn_name_of(&p, &sn);
        assert_string_equal(sn.s, "5G:mnc410.mcc310.3gppnetwork.org");
        static const char *const bad[] = {
                "",
                "5G:mnc01.mcc001.3gppnetwork.org",
                "5G:mnc001.mcc001.3gppnetwork.org.",
                "5g:mnc001.mcc001.3gppnetwork.org",
                "5G:mnc00a.mcc001.3gppnetwork.org",
                "5G:mcc001.mnc001.3gppnetwork.org",
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, sn_name_parse(bytes_str(bad[i]), &sn));

        const json_t *neg = vec_get(vec_get(vectors, "negative"), "res_star_wrong_serving_network");
        struct run r = run_of("five_g_aka_set1");
        struct res_star right, wrong;
        CHECK_OK(sn_name_parse(vec_str(neg, "serving_network_name"), &sn));
        CHECK_OK(kdf_res_star(r.f.ck, r.f.ik, &r.sn, &r.rand, BYTES_ARR(r.f.res), &right));
        CHECK_OK(kdf_res_star(r.f.ck, r.f.ik, &sn, &r.rand, BYTES_ARR(r.f.res), &wrong));
        CHECK_BYTES("other network", BYTES_ARR(wrong.b), vec_hex(mem, neg, "res_star"));
        assert_false(res_star_eq(&right, &wrong));
        assert_true(res_star_eq(&right, &right));
}

static void test_plmn(void **state)
{
        (void)state;
        static const struct {
                const char *mcc, *mnc;
                uint8_t wire[PLMN_LEN];
        } rows[] = {
                { "001", "01", { 0x00, 0xf1, 0x10 } },
                { "274", "012", { 0x72, 0x24, 0x10 } },
                { "310", "410", { 0x13, 0x00, 0x14 } },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct plmn p, back;
                uint8_t wire[PLMN_LEN];
                CHECK_OK(plmn_of(bytes_str(rows[i].mcc), bytes_str(rows[i].mnc), &p));
                plmn_write(&p, wire);
                CHECK_BYTES(rows[i].mnc, BYTES_ARR(wire), BYTES_ARR(rows[i].wire));
                CHECK_OK(plmn_read(wire, &back));
                assert_true(plmn_eq(&p, &back));
        }
        struct plmn p, q;
        CHECK_E(E_SYNTAX, plmn_read((const uint8_t[]){ 0x0f, 0xf1, 0x10 }, &p));
        CHECK_E(E_SYNTAX, plmn_read((const uint8_t[]){ 0x00, 0xa1, 0x10 }, &p));
        CHECK_E(E_SYNTAX, plmn_read((const uint8_t[]){ 0x00, 0xf1, 0xf0 }, &p));
        CHECK_E(E_RANGE, plmn_of(BYTES_LIT("01"), BYTES_LIT("01"), &p));
        CHECK_E(E_RANGE, plmn_of(BYTES_LIT("001"), BYTES_LIT("0x"), &p));
        CHECK_OK(plmn_of(BYTES_LIT("001"), BYTES_LIT("01"), &p));
        CHECK_OK(plmn_of(BYTES_LIT("001"), BYTES_LIT("001"), &q));
        assert_false(plmn_eq(&p, &q));
}

/* R-5G-6 */
static void test_supi(void **state)
{
        (void)state;
        static const struct {
                const char *supi, *value;
        } good[] = { { "imsi-001010000000001", "001010000000001" },
                     { "imsi-00101", "00101" },
                     { "nai-meter@example.org", "meter@example.org" } };
        struct bytes v;
        for (size_t i = 0; i < COUNT(good); i++) {
                CHECK_OK(supi_kdf_value(bytes_str(good[i].supi), &v));
                CHECK_BYTES(good[i].supi, v, bytes_str(good[i].value));
        }
        static const char *const bad[] = { "",     "imsi-",      "imsi-0010", "imsi-0010100000000011", "imsi-00101x",
                                           "nai-", "IMSI-00101", "00101" };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, supi_kdf_value(bytes_str(bad[i]), &v));
        struct key_kseaf kseaf = { { 1 } };
        struct key_kamf kamf;
        CHECK_E(E_SYNTAX, kdf_kamf(&kseaf, BYTES_LIT("001010000000001"), BYTES_LIT("\0\0"), &kamf));
}

static void test_nas_keys(void **state)
{
        (void)state;
        const json_t *v = vec_get(vec_get(vectors, "five_g_aka_set1"), "nas_keys");
        struct key_kamf kamf;
        struct key_nas_enc enc;
        struct key_nas_int integ;
        vec_to(run_of("five_g_aka_set1").out, "kamf", kamf.b, sizeof kamf.b);
        CHECK_OK(kdf_nas_enc(&kamf, 2, &enc));
        CHECK_BYTES("enc", BYTES_ARR(enc.b), vec_hex(mem, v, "k_nas_enc_nea2"));
        CHECK_OK(kdf_nas_int(&kamf, 2, &integ));
        CHECK_BYTES("int", BYTES_ARR(integ.b), vec_hex(mem, v, "k_nas_int_nia2"));
        CHECK_OK(kdf_nas_int(&kamf, 1, &integ));
        CHECK_BYTES("int 1", BYTES_ARR(integ.b), vec_hex(mem, v, "k_nas_int_nia1"));
        CHECK_E(E_RANGE, kdf_nas_int(&kamf, 16, &integ));
}

static void test_akma(void **state)
{
        (void)state;
        const json_t *v = vec_get(vectors, "akma");
        struct key_kausf kausf;
        struct key_kakma kakma;
        struct key_kaf kaf;
        uint8_t a_tid[A_TID_LEN], want[SHA256_LEN];
        vec_to(run_of("five_g_aka_set1").out, "kausf", kausf.b, sizeof kausf.b);
        CHECK_OK(kdf_kakma(&kausf, supi, &kakma));
        CHECK_BYTES("KAKMA", BYTES_ARR(kakma.b), vec_hex(mem, v, "k_akma"));
        CHECK_OK(hmac_sha256(BYTES_ARR(kausf.b), vec_hex(mem, v, "S_k_akma"), want));
        CHECK_BYTES("S", BYTES_ARR(kakma.b), BYTES_ARR(want));
        CHECK_OK(kdf_a_tid(&kausf, supi, a_tid));
        CHECK_BYTES("A-TID", BYTES_ARR(a_tid), vec_hex(mem, v, "a_tid"));
        struct bytes ua = vec_hex(mem, v, "ua_star_id");
        assert_int_equal(ua.n, UA_STAR_LEN);
        CHECK_OK(kdf_kaf(&kakma, vec_str(v, "af_fqdn"), ua.p, &kaf));
        CHECK_BYTES("KAF", BYTES_ARR(kaf.b), vec_hex(mem, v, "k_af"));
        CHECK_E(E_RANGE, kdf_kaf(&kakma, bytes_of(NULL, 0), ua.p, &kaf));
}

/* R-5G-2: where one octet of FC ends and two begin, and an empty parameter in the middle. */
static void test_function_code(void **state)
{
        (void)state;
        uint8_t got[SHA256_LEN], want[SHA256_LEN];
        struct bytes key = BYTES_LIT("key");
        const struct bytes p[] = { BYTES_LIT("a"), { NULL, 0 }, BYTES_LIT("bc") };
        CHECK_OK(kdf_3gpp(key, 0xfe, p, COUNT(p), got));
        CHECK_OK(hmac_sha256(key,
                             BYTES_LIT("\xfe"
                                       "a\0\1\0\0bc\0\2"),
                             want));
        CHECK_BYTES("fe", BYTES_ARR(got), BYTES_ARR(want));
        CHECK_OK(kdf_3gpp(key, 0xff00, p, COUNT(p), got));
        CHECK_OK(hmac_sha256(key,
                             BYTES_LIT("\xff\0"
                                       "a\0\1\0\0bc\0\2"),
                             want));
        CHECK_BYTES("ff00", BYTES_ARR(got), BYTES_ARR(want));
        CHECK_E(E_RANGE, kdf_3gpp(key, 0xff, p, COUNT(p), got));
        CHECK_E(E_RANGE, kdf_3gpp(key, 0x100, p, COUNT(p), got));
        CHECK_E(E_RANGE, kdf_3gpp(key, 0xfeff, p, COUNT(p), got));
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        vectors = vector_json(mem, "5g-aka.json");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_decref(vectors);
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ladder), cmocka_unit_test(test_res_star_extra),
                cmocka_unit_test(test_plmn),   cmocka_unit_test(test_serving_network),
                cmocka_unit_test(test_supi),   cmocka_unit_test(test_nas_keys),
                cmocka_unit_test(test_akma),   cmocka_unit_test(test_function_code),
        };
        return cmocka_run_group_tests_name("kdf_5g", tests, set_up, tear_down);
}
