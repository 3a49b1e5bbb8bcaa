#include "test/kit/vec5g.h"

#include "proto/nas/nas.h"
#include "proto/nas/nas_sec.h"

static void *mem;
static json_t *all;
static struct nas_sec ue, amf;

static struct bytes message(const char *name)
{
        return vec_hex(mem, vec_get(all, "nas_messages"), name);
}

/* R-5G-21: SECURITY MODE COMMAND and COMPLETE to the octet, both ways */
static void test_security_mode(void **state)
{
        (void)state;
        struct bytes smc = message("security_mode_command_plain"), done = message("security_mode_complete_plain");
        struct bytes pdu, plain, body;
        enum nas_sht type;
        CHECK_OK(nas_seal(mem, &amf, NAS_INTEGRITY_NEW, smc, &pdu, NULL));
        CHECK_BYTES("SMC", pdu, message("security_mode_command_protected_dl0_non3gpp"));
        CHECK_OK(nas_peek(pdu, &type, &body));
        CHECK_BYTES("peek", body, smc);
        CHECK_OK(nas_open(mem, &ue, pdu, &type, &plain, NULL));
        assert_int_equal(type, NAS_INTEGRITY_NEW);
        CHECK_BYTES("opened", plain, smc);
        CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED_NEW, done, &pdu, NULL));
        CHECK_BYTES("complete", pdu, message("security_mode_complete_protected_ul0_non3gpp"));
        CHECK_OK(nas_open(mem, &amf, pdu, &type, &plain, NULL));
        assert_int_equal(type, NAS_CIPHERED_NEW);
        CHECK_BYTES("opened", plain, done);
}

/* R-5G-22 */
static void test_replay(void **state)
{
        (void)state;
        struct bytes first, second, plain;
        struct err er;
        enum nas_sht type;
        CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("one"), &first, NULL));
        CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("one"), &second, NULL));
        assert_false(bytes_eq(first, second));
        CHECK_OK(nas_open(mem, &amf, first, &type, &plain, NULL));
        CHECK_E(E_AUTH_FAILED, nas_open(mem, &amf, first, &type, &plain, &er));
        assert_string_equal(er.req, "R-5G-22");
        CHECK_OK(nas_open(mem, &amf, second, &type, &plain, NULL));
        CHECK_BYTES("second", plain, BYTES_LIT("one"));
        CHECK_E(E_AUTH_FAILED, nas_open(mem, &amf, first, &type, &plain, NULL));
        /* back to its sender */
        CHECK_E(E_AUTH_FAILED, nas_open(mem, &ue, second, &type, &plain, NULL));
}

/* R-5G-22: every bit of a PDU, and the state stays as it was */
static void test_altered(void **state)
{
        (void)state;
        struct bytes pdu, plain;
        enum nas_sht type;
        CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("message"), &pdu, NULL));
        uint8_t *p = talloc_memdup(mem, pdu.p, pdu.n);
        for (size_t bit = 16; bit < 8 * pdu.n; bit++) {
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                CHECK_E(E_AUTH_FAILED, nas_open(mem, &amf, bytes_of(p, pdu.n), &type, &plain, NULL));
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(amf.next_recv, 0);
        for (size_t n = 0; n < pdu.n; n++)
                assert_int_not_equal(nas_open(mem, &amf, bytes_of(p, n), &type, &plain, NULL), E_OK);
        CHECK_OK(nas_open(mem, &amf, pdu, &type, &plain, NULL));
        assert_int_equal(amf.next_recv, 1);
}

/* R-5G-22: the sequence number wraps, lost messages are passed over, and the counts end */
static void test_counts(void **state)
{
        (void)state;
        struct bytes pdu, plain;
        enum nas_sht type;
        for (unsigned i = 0; i < 600; i++) {
                CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("m"), &pdu, NULL));
                assert_int_equal(pdu.p[6], i & 0xff);
                if (i % 3 == 0)
                        CHECK_OK(nas_open(mem, &amf, pdu, &type, &plain, NULL));
        }
        assert_int_equal(amf.next_recv, 598);
        ue.next_send = NAS_COUNT_END - 1;
        amf.next_recv = NAS_COUNT_END - 1;
        CHECK_OK(nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("last"), &pdu, NULL));
        CHECK_OK(nas_open(mem, &amf, pdu, &type, &plain, NULL));
        CHECK_E(E_LIMIT, nas_seal(mem, &ue, NAS_CIPHERED, BYTES_LIT("more"), &plain, NULL));
        CHECK_E(E_LIMIT, nas_open(mem, &amf, pdu, &type, &plain, NULL));
}

static void test_refused(void **state)
{
        (void)state;
        struct bytes out;
        enum nas_sht type;
        CHECK_E(E_RANGE, nas_seal(mem, &ue, NAS_PLAIN, BYTES_LIT("m"), &out, NULL));
        CHECK_E(E_RANGE, nas_seal(mem, &ue, NAS_CIPHERED, bytes_of(mem, NAS_PDU_MAX - 6), &out, NULL));
        assert_int_equal(ue.next_send, 0);
        CHECK_E(E_SYNTAX, nas_open(mem, &ue, BYTES_LIT("\x7e\0\x58"), &type, &out, NULL));
        CHECK_E(E_SHORT, nas_open(mem, &ue, BYTES_LIT("\x7e\2\0\0\0\0\0"), &type, &out, NULL));
        CHECK_E(E_SYNTAX, nas_open(mem, &ue, BYTES_LIT("\x7e\5\0\0\0\0\0\0"), &type, &out, NULL));
        CHECK_E(E_UNSUPPORTED, nas_open(mem, &ue, BYTES_LIT("\x2e\2\0\0\0\0\0\0"), &type, &out, NULL));
        CHECK_E(E_SHORT, nas_peek(BYTES_LIT("\x7e"), &type, &out));
}

static int fresh(void **state)
{
        (void)state;
        struct key_kamf kamf;
        vec_to(vec_get(vec_get(all, "five_g_aka_set1"), "output"), "kamf", kamf.b, sizeof kamf.b);
        CHECK_OK(nas_sec_of(&kamf, NAS_NON_3GPP, NAS_UP, &ue));
        CHECK_OK(nas_sec_of(&kamf, NAS_NON_3GPP, NAS_DOWN, &amf));
        return 0;
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        all = vector_json(mem, "5g-aka.json");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_decref(all);
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_security_mode, fresh), cmocka_unit_test_setup(test_replay, fresh),
                cmocka_unit_test_setup(test_altered, fresh),       cmocka_unit_test_setup(test_counts, fresh),
                cmocka_unit_test_setup(test_refused, fresh),
        };
        return cmocka_run_group_tests_name("nas_sec", tests, set_up, tear_down);
}
