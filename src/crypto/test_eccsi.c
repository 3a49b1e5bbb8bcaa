#include "test/kit/check.h"

#include "crypto/eccsi.h"

static json_t *eccsi, *kms;
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
                struct type t_;                                                                                        \
                assert_int_equal(in_.n, sizeof t_.b);                                                                  \
                memcpy(t_.b, in_.p, in_.n);                                                                            \
                t_;                                                                                                    \
        })

/* R-KMS-80, R-KMS-85 */
static void test_rfc_master(void **state)
{
        (void)state;
        struct eccsi_ksak ksak = TAKE(eccsi_ksak, eccsi, "KSAK");
        struct eccsi_kpak want = TAKE(eccsi_kpak, eccsi, "KPAK"), got;
        CHECK_OK(eccsi_master_public(&ksak, &got, NULL));
        CHECK_BYTES("KPAK", BYTES_ARR(got.b), BYTES_ARR(want.b));
        CHECK_OK(eccsi_master_check(&ksak, &want, NULL));
        CHECK_OK(eccsi_kpak_check(&want, NULL));

        struct eccsi_kpak off = want;
        off.b[64] ^= 1;
        CHECK_E(E_POINT, eccsi_kpak_check(&off, NULL));
        CHECK_E(E_KEY_INVALID, eccsi_master_check(&ksak, &off, NULL));
        off = (struct eccsi_kpak){ 0 };
        CHECK_E(E_POINT, eccsi_kpak_check(&off, NULL));

        struct eccsi_ksak bad = { 0 };
        CHECK_E(E_KEY_INVALID, eccsi_master_public(&bad, &got, NULL));
        struct bytes q = hex_at(json_object_get(eccsi, "params"), "q");
        memcpy(bad.b, q.p, q.n);
        CHECK_E(E_KEY_INVALID, eccsi_master_public(&bad, &got, NULL));
        bad.b[31] -= 1;
        CHECK_OK(eccsi_master_public(&bad, &got, NULL));
}

/* R-KMS-7, R-KMS-80 */
static void test_rfc_pair_and_signature(void **state)
{
        (void)state;
        struct eccsi_ksak ksak = TAKE(eccsi_ksak, eccsi, "KSAK");
        struct eccsi_kpak kpak = TAKE(eccsi_kpak, eccsi, "KPAK");
        struct bytes id = hex_at(eccsi, "ID");
        struct rng_script v = rng_script_of(hex_at(eccsi, "v"));
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        CHECK_OK(eccsi_issue(&ksak, &kpak, id, &v.base, &ssk, &pvt));
        CHECK_BYTES("SSK", BYTES_ARR(ssk.b), hex_at(eccsi, "SSK"));
        CHECK_BYTES("PVT", BYTES_ARR(pvt.b), hex_at(eccsi, "PVT"));

        struct eccsi_signer s;
        CHECK_OK(eccsi_signer_make(&kpak, id, &ssk, &pvt, &s, NULL));
        CHECK_BYTES("HS", BYTES_ARR(s.hs), hex_at(eccsi, "HS"));
        json_t *sign = json_object_get(eccsi, "sign");
        struct rng_script j = rng_script_of(hex_at(sign, "j"));
        struct eccsi_sig sig;
        CHECK_OK(eccsi_sign(&s, &j.base, hex_at(sign, "M"), &sig));
        CHECK_BYTES("signature", BYTES_ARR(sig.b), hex_at(sign, "signature"));
        CHECK_OK(eccsi_verify(&kpak, id, hex_at(sign, "M"), BYTES_ARR(sig.b), NULL));
}

/* R-KMS-81, R-KMS-82 */
static void test_must_fail(void **state)
{
        (void)state;
        struct eccsi_kpak kpak = TAKE(eccsi_kpak, eccsi, "KPAK");
        size_t i;
        json_t *v;
        assert_int_equal(json_array_size(json_object_get(eccsi, "verify_must_fail")), 10);
        json_array_foreach(json_object_get(eccsi, "verify_must_fail"), i, v)
        {
                struct err er = { 0 };
                enum ecode e = eccsi_verify(&kpak, hex_at(v, "ID"), hex_at(v, "M"), hex_at(v, "signature"), &er);
                if (e != E_SIGNATURE && e != E_POINT && e != E_SHORT)
                        fail_msg("%s: %s", json_string_value(json_object_get(v, "case")), ecode_name(e));
                assert_string_equal(er.req, "R-KMS-82");
        }
}

/* R-KMS-82 */
static void test_signature_ranges(void **state)
{
        (void)state;
        struct eccsi_kpak kpak = TAKE(eccsi_kpak, eccsi, "KPAK");
        struct bytes id = hex_at(eccsi, "ID"), good = hex_at(json_object_get(eccsi, "sign"), "signature");
        struct bytes m = hex_at(json_object_get(eccsi, "sign"), "M");
        struct bytes q = hex_at(json_object_get(eccsi, "params"), "q");
        uint8_t sig[ECCSI_SIG_LEN + 1] = { 0 };

        memcpy(sig, good.p, good.n);
        CHECK_E(E_LONG, eccsi_verify(&kpak, id, m, bytes_of(sig, 130), NULL));
        CHECK_E(E_SHORT, eccsi_verify(&kpak, id, m, bytes_of(sig, 0), NULL));
        memcpy(sig + 32, q.p, 32); /* s = q */
        CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
        memset(sig + 32, 0xff, 32); /* s > q */
        CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
        memset(sig + 32, 0, 32);
        CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
        memcpy(sig, good.p, good.n);
        memset(sig, 0, 32); /* r = 0 */
        CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
        memcpy(sig, good.p, good.n);
        memset(sig + 65, 0, 64); /* the usual picture of infinity */
        CHECK_E(E_POINT, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
        memcpy(sig, good.p, good.n);
        sig[64] = 0;
        CHECK_E(E_POINT, eccsi_verify(&kpak, id, m, bytes_of(sig, 129), NULL));
}

/* R-KMS-7: the published users of the example KMS, and each of them with the other's keys */
static void test_example_users(void **state)
{
        (void)state;
        struct eccsi_ksak ksak = TAKE(eccsi_ksak, kms, "KSAK");
        struct eccsi_kpak kpak = TAKE(eccsi_kpak, kms, "PubAuthKey");
        CHECK_OK(eccsi_master_check(&ksak, &kpak, NULL));
        struct eccsi_ssk before;
        struct eccsi_pvt before_pvt;
        size_t i;
        json_t *v;
        json_array_foreach(json_object_get(kms, "users"), i, v)
        {
                struct bytes uid = hex_at(v, "uid_hex");
                struct rng_script rv = rng_script_of(hex_at(v, "eccsi_v"));
                struct eccsi_ssk ssk;
                struct eccsi_pvt pvt;
                struct eccsi_signer s;
                CHECK_OK(eccsi_issue(&ksak, &kpak, uid, &rv.base, &ssk, &pvt));
                CHECK_BYTES("SSK", BYTES_ARR(ssk.b), hex_at(v, "UserSigningKeySSK"));
                CHECK_BYTES("PVT", BYTES_ARR(pvt.b), hex_at(v, "UserPubTokenPVT"));
                CHECK_OK(eccsi_signer_make(&kpak, uid, &ssk, &pvt, &s, NULL));
                CHECK_BYTES("HS", BYTES_ARR(s.hs), hex_at(v, "HS"));
                if (i > 0) {
                        CHECK_E(E_KEY_INVALID, eccsi_signer_make(&kpak, uid, &before, &before_pvt, &s, NULL));
                        CHECK_E(E_KEY_INVALID, eccsi_signer_make(&kpak, uid, &before, &pvt, &s, NULL));
                }
                pvt.b[1] ^= 1;
                CHECK_E(E_POINT, eccsi_signer_make(&kpak, uid, &ssk, &pvt, &s, NULL));
                pvt.b[1] ^= 1;
                before = ssk;
                before_pvt = pvt;
        }
}

/* R-KMS-8, R-KMS-9 */
static void test_derived(void **state)
{
        (void)state;
        struct eccsi_ksak ksak = TAKE(eccsi_ksak, kms, "KSAK");
        struct eccsi_kpak kpak = TAKE(eccsi_kpak, kms, "PubAuthKey");
        struct eccsi_vseed seed = { { 1, 2, 3 } }, other = { { 1, 2, 4 } };
        struct eccsi_ssk a, b, c;
        struct eccsi_pvt pa, pb, pc;
        struct eccsi_signer s;
        CHECK_OK(eccsi_issue_derived(&ksak, &kpak, &seed, BYTES_LIT("alice"), &a, &pa));
        CHECK_OK(eccsi_issue_derived(&ksak, &kpak, &seed, BYTES_LIT("alice"), &b, &pb));
        CHECK_OK(eccsi_signer_make(&kpak, BYTES_LIT("alice"), &a, &pa, &s, NULL));
        CHECK_BYTES("SSK", BYTES_ARR(a.b), BYTES_ARR(b.b));
        CHECK_BYTES("PVT", BYTES_ARR(pa.b), BYTES_ARR(pb.b));
        CHECK_OK(eccsi_issue_derived(&ksak, &kpak, &seed, BYTES_LIT("bob"), &c, &pc));
        assert_memory_not_equal(pa.b, pc.b, sizeof pa.b);
        CHECK_OK(eccsi_issue_derived(&ksak, &kpak, &other, BYTES_LIT("alice"), &c, &pc));
        assert_memory_not_equal(pa.b, pc.b, sizeof pa.b);
}

/* R-KMS-88; values of chance that are out of range are drawn anew */
static void test_fresh_j(void **state)
{
        (void)state;
        struct eccsi_ksak ksak;
        struct eccsi_kpak kpak;
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        struct eccsi_signer s;
        struct eccsi_sig s1, s2;
        CHECK_OK(eccsi_master_make(&rng_system, &ksak, &kpak));
        CHECK_OK(eccsi_issue(&ksak, &kpak, BYTES_LIT("u"), &rng_system, &ssk, &pvt));
        CHECK_OK(eccsi_signer_make(&kpak, BYTES_LIT("u"), &ssk, &pvt, &s, NULL));
        CHECK_OK(eccsi_sign(&s, &rng_system, BYTES_LIT("m"), &s1));
        CHECK_OK(eccsi_sign(&s, &rng_system, BYTES_LIT("m"), &s2));
        assert_memory_not_equal(s1.b, s2.b, 32);
        CHECK_OK(eccsi_verify(&kpak, BYTES_LIT("u"), BYTES_LIT("m"), BYTES_ARR(s1.b), NULL));
        CHECK_OK(eccsi_verify(&kpak, BYTES_LIT("u"), BYTES_LIT("m"), BYTES_ARR(s2.b), NULL));
        CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, BYTES_LIT("w"), BYTES_LIT("m"), BYTES_ARR(s2.b), NULL));

        uint8_t script[96];
        memset(script, 0, 32);         /* 0: refused */
        memset(script + 32, 0xff, 32); /* above q: refused */
        memset(script + 64, 0x11, 32);
        struct rng_script three = rng_script_of(BYTES_ARR(script)), last = rng_script_of(bytes_of(script + 64, 32));
        CHECK_OK(eccsi_sign(&s, &three.base, BYTES_LIT("m"), &s1));
        CHECK_OK(eccsi_sign(&s, &last.base, BYTES_LIT("m"), &s2));
        CHECK_BYTES("same j", BYTES_ARR(s1.b), BYTES_ARR(s2.b));
        /* chance that fails is a failure, not a weak key */
        CHECK_E(E_CRYPTO, eccsi_sign(&s, &last.base, BYTES_LIT("m"), &s2));
        CHECK_E(E_CRYPTO, eccsi_master_make(&last.base, &ksak, &kpak));
}

static json_t *files[2];

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        files[0] = vector_json(mem, "eccsi-sakke.json");
        files[1] = vector_json(mem, "mikey-3gpp.json");
        eccsi = json_object_get(files[0], "eccsi");
        kms = json_object_get(files[1], "example_kms");
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
                cmocka_unit_test(test_rfc_master),    cmocka_unit_test(test_rfc_pair_and_signature),
                cmocka_unit_test(test_must_fail),     cmocka_unit_test(test_signature_ranges),
                cmocka_unit_test(test_example_users), cmocka_unit_test(test_derived),
                cmocka_unit_test(test_fresh_j),
        };
        return cmocka_run_group_tests_name("eccsi", tests, set_up, tear_down);
}
