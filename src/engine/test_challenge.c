#include "test/kit/check.h"

#include "engine/challenge.h"

/* The worked AKA and Digest example: MILENAGE test set 1 of TS 35.208, digest values computed for Muster's tests. */
#define NONCE    "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define IMPI     "alice.impi@ims.mc.example"
#define REALM    "ims.mc.example"
#define RESPONSE "2303bf9855fb1c03236c6df7a0099b26"

static struct chal *aka(void *mem)
{
        struct chal *c = chal_new(mem);
        c->nonce = talloc_strdup(c, NONCE);
        c->impi = talloc_strdup(c, IMPI);
        c->realm = talloc_strdup(c, REALM);
        c->scheme = CHAL_AKA;
        CHECK_OK(hex_decode_to(bytes_str("a54211d5e3ba50bf"), c->xres, 8));
        c->xres_n = 8;
        return c;
}

static const struct chal_answer good = { .username = IMPI,
                                         .realm = REALM,
                                         .nonce = NONCE,
                                         .uri = "sip:ims.mc.example",
                                         .response = RESPONSE,
                                         .qop = "auth",
                                         .nc = "00000001",
                                         .cnonce = "0a4f113b",
                                         .method = "REGISTER" };

static enum chal_verdict judge(const struct chal_answer *a, uint64_t now_ms, struct digest_hex *rspauth)
{
        void *mem = talloc_new(NULL);
        struct chal_table *t = chal_table_new(mem, 10);
        struct chal *which;
        CHECK_OK(chal_put(t, aka(mem), 1000));
        enum chal_verdict v = chal_check(t, a, now_ms, &which, rspauth);
        talloc_free(mem);
        return v;
}

/* R-SA-4, R-SA-6, R-SA-7, R-SA-21 */
static void test_aka_verdicts(void **state)
{
        (void)state;
        struct digest_hex rspauth = { 0 };
        assert_int_equal(judge(&good, 2000, &rspauth), CHAL_GOOD);
        assert_string_equal(rspauth.s, "62df7473eb31e444acaa8ac577a2d803");
        struct chal_answer a = good;
        a.response = "2303bf9855fb1c03236c6df7a0099b27";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_WRONG);
        a = good;
        a.nc = "1";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_WRONG);
        a = good;
        a.username = "mallory@ims.mc.example";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_WRONG);
        a = good;
        a.response = "";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_NETWORK_REFUSED);
        a.auts = "uoU/PBM7gejUAluObEo=";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_RESYNC);
        a = good;
        a.nonce = "unknown";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_NONE);
        assert_int_equal(judge(&good, 1000 + CHAL_LIFE_MS, &rspauth), CHAL_GOOD);
        assert_int_equal(judge(&good, 1001 + CHAL_LIFE_MS, &rspauth), CHAL_NONE);
        a = good;
        a.qop = NULL;
        a.nc = a.cnonce = NULL;
        a.response = "a0a0eb49c1174d8f832556f3e4a34134";
        assert_int_equal(judge(&a, 2000, &rspauth), CHAL_GOOD);
}

/* R-SA-10, R-SA-11: SIP Digest, and nc that does not grow. */
static void test_digest_count(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct chal_table *t = chal_table_new(mem, 10);
        struct chal *c = chal_new(mem), *which;
        struct digest_hex rspauth;
        c->nonce = talloc_strdup(c, "dcd98b7102dd2f0e8b11d0f600bfb0c093");
        c->impi = talloc_strdup(c, IMPI);
        c->realm = talloc_strdup(c, REALM);
        c->scheme = CHAL_DIGEST;
        CHECK_OK(digest_ha1(DIGEST_MD5, bytes_str(IMPI), bytes_str(REALM), bytes_str("secret"), &c->ha1));
        CHECK_OK(chal_put(t, c, 0));
        struct chal_answer a = good;
        a.nonce = c->nonce;
        a.response = "fb2a61230f8a7a7c0a09d664507b81a1";
        assert_int_equal(chal_check(t, &a, 10, &which, &rspauth), CHAL_GOOD);
        assert_string_equal(rspauth.s, "b0106f117674410513df4eddb9ca7857");
        assert_int_equal(chal_check(t, &a, 11, &which, &rspauth), CHAL_REPLAYED);
        talloc_free(mem);
}

static void test_table_is_bounded(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct chal_table *t = chal_table_new(mem, 3);
        for (int i = 0; i < 5; i++) {
                struct chal *c = aka(mem);
                c->nonce = talloc_asprintf(c, "n%d", i);
                CHECK_OK(chal_put(t, c, (uint64_t)i));
        }
        assert_int_equal(chal_count(t), 3);
        struct chal_answer a = good;
        struct chal *which;
        struct digest_hex rspauth;
        a.nonce = "n1"; /* one of the oldest, which went */
        assert_int_equal(chal_check(t, &a, 10, &which, &rspauth), CHAL_NONE);
        struct chal *again = aka(mem);
        again->nonce = talloc_strdup(again, "n4");
        CHECK_E(E_EXISTS, chal_put(t, again, 11));
        chal_expire(t, 3 + CHAL_LIFE_MS);
        assert_int_equal(chal_count(t), 2);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_aka_verdicts), cmocka_unit_test(test_digest_count),
                                            cmocka_unit_test(test_table_is_bounded) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
