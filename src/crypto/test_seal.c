#include "test/kit/check.h"

#include "crypto/password.h"
#include "crypto/seal.h"

static const struct password_cost cheap = { .opslimit = 1, .memlimit = 8192 };

/* R-KMS-87 */
static void test_seal_and_open(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct seal_key k = { { 7 } }, other = { { 8 } };
        struct bytes sealed, again, back;
        struct bytes z = BYTES_LIT("the master secret");
        CHECK_OK(seal(mem, &k, &rng_system, "kms.master.z", z, &sealed));
        CHECK_OK(seal(mem, &k, &rng_system, "kms.master.z", z, &again));
        assert_int_equal(sealed.n, z.n + SEAL_OVERHEAD);
        assert_false(bytes_eq(sealed, again));
        assert_null(memmem(sealed.p, sealed.n, z.p, z.n));
        CHECK_OK(seal_open(mem, &k, "kms.master.z", sealed, &back, NULL));
        CHECK_BYTES("opened", back, z);
        CHECK_E(E_DECRYPT, seal_open(mem, &other, "kms.master.z", sealed, &back, NULL));
        CHECK_E(E_DECRYPT, seal_open(mem, &k, "kms.master.ksak", sealed, &back, NULL));
        uint8_t *p = talloc_memdup(mem, sealed.p, sealed.n);
        for (size_t i = 0; i < sealed.n; i++) {
                p[i] ^= 4;
                enum ecode e = seal_open(mem, &k, "kms.master.z", bytes_of(p, sealed.n), &back, NULL);
                assert_int_equal(e, i == 0 ? E_UNSUPPORTED : E_DECRYPT);
                p[i] ^= 4;
        }
        for (size_t n = 0; n < SEAL_OVERHEAD; n++)
                CHECK_E(E_SHORT, seal_open(mem, &k, "kms.master.z", bytes_of(p, n), &back, NULL));
        talloc_free(mem);
}

static void test_seal_nothing(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct seal_key k = { { 7 } };
        struct bytes sealed, back;
        CHECK_OK(seal(mem, &k, &rng_system, "", bytes_of(NULL, 0), &sealed));
        CHECK_OK(seal_open(mem, &k, "", sealed, &back, NULL));
        assert_int_equal(back.n, 0);
        struct rng_script dry = rng_script_of(bytes_of(NULL, 0));
        CHECK_E(E_CRYPTO, seal(mem, &k, &dry.base, "", bytes_of(NULL, 0), &sealed));
        talloc_free(mem);
}

static void test_password(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        char *h, *h2;
        CHECK_OK(password_hash(mem, BYTES_LIT("correct horse"), cheap, &h));
        CHECK_OK(password_hash(mem, BYTES_LIT("correct horse"), cheap, &h2));
        assert_string_not_equal(h, h2);
        assert_memory_equal(h, "$argon2id$v=19$", 15);
        CHECK_OK(password_verify(h, BYTES_LIT("correct horse")));
        CHECK_E(E_LOGIN_FAILED, password_verify(h, BYTES_LIT("correct horsf")));
        CHECK_E(E_LOGIN_FAILED, password_verify(h, BYTES_LIT("")));
        CHECK_E(E_LOGIN_FAILED, password_verify_dummy(BYTES_LIT("correct horse"), cheap));
        CHECK_E(E_SYNTAX, password_verify("$2b$12$abcdefghijklmnopqrstuv", BYTES_LIT("correct horse")));
        CHECK_E(E_SYNTAX, password_verify("", BYTES_LIT("correct horse")));
        assert_false(password_stale(h, cheap));
        assert_true(password_stale(h, password_cost_default));
        talloc_free(mem);
}

static void test_password_limits(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        char *h;
        uint8_t *big = talloc_zero_size(mem, 1025);
        CHECK_E(E_RANGE, password_hash(mem, BYTES_LIT("x"), (struct password_cost){ 0, 8192 }, &h));
        CHECK_E(E_RANGE, password_hash(mem, BYTES_LIT("x"), (struct password_cost){ 1, 100 }, &h));
        CHECK_E(E_RANGE, password_hash(mem, bytes_of(big, 1025), cheap, &h));
        CHECK_OK(password_hash(mem, bytes_of(big, 1024), cheap, &h));
        CHECK_OK(password_verify(h, bytes_of(big, 1024)));
        CHECK_E(E_LOGIN_FAILED, password_verify(h, bytes_of(big, 1025)));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_seal_and_open),
                cmocka_unit_test(test_seal_nothing),
                cmocka_unit_test(test_password),
                cmocka_unit_test(test_password_limits),
        };
        return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
