#include "test/kit/check.h"

#include "crypto/digest.h"

static const uint8_t res[8] = { 0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf };

static struct digest_req aka_request(void)
{
        return (struct digest_req){
                .alg = DIGEST_MD5,
                .qop = DIGEST_QOP_AUTH,
                .method = BYTES_LIT("REGISTER"),
                .uri = BYTES_LIT("sip:ims.mc.example"),
                .nonce = BYTES_LIT("I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="),
                .nc = BYTES_LIT("00000001"),
                .cnonce = BYTES_LIT("0a4f113b"),
        };
}

static struct digest_hex ha1_of(struct bytes password)
{
        struct digest_hex h;
        CHECK_OK(digest_ha1(DIGEST_MD5, BYTES_LIT("alice.impi@ims.mc.example"), BYTES_LIT("ims.mc.example"), password,
                            &h));
        return h;
}

#define CHECK_RESPONSE(req, ha1, want)                                                                                 \
        do {                                                                                                           \
                struct digest_hex h_;                                                                                  \
                CHECK_OK(digest_response((req), (ha1), &h_));                                                          \
                assert_string_equal(h_.s, (want));                                                                     \
                CHECK_OK(digest_verify((req), (ha1), bytes_str(want)));                                                \
        } while (0)

static void test_akav1(void **state)
{
        (void)state;
        struct digest_req r = aka_request();
        struct digest_hex ha1 = ha1_of(BYTES_ARR(res)), h;
        assert_string_equal(ha1.s, "5feb400124bba7e9638be25925a18b4b");
        CHECK_RESPONSE(&r, &ha1, "2303bf9855fb1c03236c6df7a0099b26");
        CHECK_OK(digest_rspauth(&r, &ha1, &h));
        assert_string_equal(h.s, "62df7473eb31e444acaa8ac577a2d803");
        r.qop = DIGEST_QOP_NONE;
        CHECK_RESPONSE(&r, &ha1, "a0a0eb49c1174d8f832556f3e4a34134");
        r.qop = DIGEST_QOP_AUTH_INT;
        CHECK_RESPONSE(&r, &ha1, "5b4c13e378eb6b81e5ce4befd3dfc2c4");
}

static void test_resync_has_an_empty_password(void **state)
{
        (void)state;
        struct digest_req r = aka_request();
        struct digest_hex ha1 = ha1_of(bytes_of(NULL, 0));
        CHECK_RESPONSE(&r, &ha1, "1d19a8e50f0eab8978b4c05f2e1febae");
}

static void test_akav2(void **state)
{
        (void)state;
        uint8_t ik[16], ck[16];
        char password[25];
        CHECK_OK(hex_decode_to(BYTES_LIT("f769bcd751044604127672711c6d3441"), ik, sizeof ik));
        CHECK_OK(hex_decode_to(BYTES_LIT("b40ba9a3c58b2a05bbf0d987b21bf8cb"), ck, sizeof ck));
        CHECK_OK(digest_akav2_password(BYTES_ARR(res), ik, ck, password));
        assert_string_equal(password, "shzt3q8CWaZnCAWqs3WmEQ==");
        struct digest_req r = aka_request();
        struct digest_hex ha1 = ha1_of(bytes_str(password));
        CHECK_RESPONSE(&r, &ha1, "fc5fa055413301390c2da4c0afefda97");
}

static void test_password(void **state)
{
        (void)state;
        struct digest_req r = aka_request();
        r.nonce = BYTES_LIT("dcd98b7102dd2f0e8b11d0f600bfb0c093");
        struct digest_hex ha1 = ha1_of(BYTES_LIT("secret")), h;
        CHECK_RESPONSE(&r, &ha1, "fb2a61230f8a7a7c0a09d664507b81a1");
        CHECK_OK(digest_rspauth(&r, &ha1, &h));
        assert_string_equal(h.s, "b0106f117674410513df4eddb9ca7857");

        CHECK_OK(digest_verify(&r, &ha1, BYTES_LIT("FB2A61230F8A7A7C0A09D664507B81A1")));
        CHECK_E(E_AUTH_FAILED, digest_verify(&r, &ha1, BYTES_LIT("fb2a61230f8a7a7c0a09d664507b81a2")));
        CHECK_E(E_AUTH_FAILED, digest_verify(&r, &ha1, BYTES_LIT("fb2a61230f8a7a7c0a09d664507b81a")));
        CHECK_E(E_AUTH_FAILED, digest_verify(&r, &ha1, BYTES_LIT("")));
        r.nc = BYTES_LIT("00000002");
        CHECK_E(E_AUTH_FAILED, digest_verify(&r, &ha1, BYTES_LIT("fb2a61230f8a7a7c0a09d664507b81a1")));
}

/* A password is octets: one with NUL differs from its beginning. */
static void test_binary_password(void **state)
{
        (void)state;
        static const uint8_t a[] = { 1, 0, 2 }, b[] = { 1, 0, 3 };
        struct digest_hex ha = ha1_of(BYTES_ARR(a)), hb = ha1_of(BYTES_ARR(b)), hc = ha1_of(bytes_of(a, 1));
        assert_string_not_equal(ha.s, hb.s);
        assert_string_not_equal(ha.s, hc.s);
}

/* The example of RFC 7616 3.9.1. */
static void test_rfc7616(void **state)
{
        (void)state;
        struct digest_req r = {
                .alg = DIGEST_MD5,
                .qop = DIGEST_QOP_AUTH,
                .method = BYTES_LIT("GET"),
                .uri = BYTES_LIT("/dir/index.html"),
                .nonce = BYTES_LIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
                .nc = BYTES_LIT("00000001"),
                .cnonce = BYTES_LIT("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
        };
        struct bytes user = BYTES_LIT("Mufasa"), realm = BYTES_LIT("http-auth@example.org");
        struct bytes password = BYTES_LIT("Circle of Life");
        struct digest_hex ha1;
        CHECK_OK(digest_ha1(DIGEST_MD5, user, realm, password, &ha1));
        CHECK_RESPONSE(&r, &ha1, "8ca523f5e9506fed4657c9700eebdbec");
        r.alg = DIGEST_SHA256;
        CHECK_OK(digest_ha1(DIGEST_SHA256, user, realm, password, &ha1));
        CHECK_RESPONSE(&r, &ha1, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_akav1),   cmocka_unit_test(test_resync_has_an_empty_password),
                cmocka_unit_test(test_akav2),   cmocka_unit_test(test_password),
                cmocka_unit_test(test_rfc7616), cmocka_unit_test(test_binary_password),
        };
        return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
