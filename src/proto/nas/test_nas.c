#include "test/kit/vec5g.h"

#include "proto/nas/nas.h"

static void *mem;
static json_t *all;

static struct bytes message(const char *name)
{
        return vec_hex(mem, vec_get(all, "nas_messages"), name);
}

static struct nas_msg parsed(struct bytes in)
{
        struct nas_msg m;
        struct err er = { 0 };
        if (nas_parse(in, &m, &er) != E_OK)
                fail_msg("%s: %s", hex_encode(mem, in), er.text);
        return m;
}

static void check_prints(const struct nas_msg *m, struct bytes want)
{
        struct bytes got;
        CHECK_OK(nas_print(mem, m, &got, NULL));
        CHECK_BYTES(nas_type_name(m->type), got, want);
}

/* Every plain message of the vectors parses and prints to its octets. */
static void test_vectors(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                enum nas_type type;
        } rows[] = {
                { "registration_request_suci_null", NAS_REGISTRATION_REQUEST },
                { "authentication_request", NAS_AUTHENTICATION_REQUEST },
                { "authentication_response", NAS_AUTHENTICATION_RESPONSE },
                { "authentication_failure_mac", NAS_AUTHENTICATION_FAILURE },
                { "authentication_failure_synch", NAS_AUTHENTICATION_FAILURE },
                { "security_mode_command_plain", NAS_SECURITY_MODE_COMMAND },
                { "security_mode_complete_plain", NAS_SECURITY_MODE_COMPLETE },
                { "ul_nas_transport_pdu_session_establishment_request", NAS_UL_TRANSPORT },
                { "dl_nas_transport_pdu_session_establishment_accept", NAS_DL_TRANSPORT },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct bytes in = message(rows[i].name);
                struct nas_msg m = parsed(in), inner;
                assert_int_equal(m.type, rows[i].type);
                check_prints(&m, in);
                if (!nas_has(&m, NAS_IE_CONTAINER))
                        continue;
                inner = parsed(m.oct[NAS_IE_CONTAINER]);
                assert_true(nas_has(&inner, NAS_IE_EPCO));
                check_prints(&inner, m.oct[NAS_IE_CONTAINER]);
        }
}

static void test_fields(void **state)
{
        (void)state;
        struct nas_msg m = parsed(message("registration_request_suci_null"));
        assert_int_equal(m.num[NAS_IE_NGKSI], 7);
        assert_int_equal(m.num[NAS_IE_REG_TYPE], 9);
        CHECK_BYTES("capability", m.oct[NAS_IE_UE_CAP], BYTES_LIT("\xa0\xa0"));
        m = parsed(message("authentication_request"));
        assert_int_equal(m.num[NAS_IE_NGKSI], 1);
        CHECK_BYTES("ABBA", m.oct[NAS_IE_ABBA], BYTES_LIT("\0\0"));
        CHECK_BYTES("AUTN", m.oct[NAS_IE_AUTN], vector_hex(mem, "55f328b43577b9b94a9ffac354dfafb3"));
        m = parsed(message("authentication_failure_synch"));
        assert_int_equal(m.num[NAS_IE_CAUSE], NAS_CAUSE_SYNCH_FAILURE);
        CHECK_BYTES("AUTS", m.oct[NAS_IE_AUTS], vec_hex(mem, vec_get(all, "resync"), "auts"));
        m = parsed(message("ul_nas_transport_pdu_session_establishment_request"));
        assert_int_equal(m.num[NAS_IE_CONTAINER_TYPE], NAS_CONTAINER_5GSM);
        assert_int_equal(m.num[NAS_IE_PSI], 1);
        assert_int_equal(m.num[NAS_IE_REQUEST_TYPE], 1);
        m = parsed(m.oct[NAS_IE_CONTAINER]);
        assert_int_equal(m.type, NAS_PDU_SESSION_REQUEST);
        assert_int_equal(m.psi, 1);
        assert_int_equal(m.pti, 1);
}

/* The messages that the vectors lack, made and read again. */
static void test_made(void **state)
{
        (void)state;
        struct nas_msg m = { .type = NAS_REGISTRATION_ACCEPT };
        nas_set(&m, NAS_IE_REG_RESULT, BYTES_LIT("\2"));
        nas_set(&m, NAS_IE_GUTI, vector_hex(mem, "f200f110020041c0ffee01"));
        struct bytes out;
        CHECK_OK(nas_print(mem, &m, &out, NULL));
        CHECK_BYTES("accept", out, vector_hex(mem, "7e0042010277000bf200f110020041c0ffee01"));
        CHECK_BYTES("GUTI", parsed(out).oct[NAS_IE_GUTI], m.oct[NAS_IE_GUTI]);

        m = (struct nas_msg){ .type = NAS_REGISTRATION_REJECT };
        nas_set_num(&m, NAS_IE_CAUSE, NAS_CAUSE_MANDATORY);
        check_prints(&m, BYTES_LIT("\x7e\0\x44\x60"));
        m.type = NAS_5GMM_STATUS;
        check_prints(&m, BYTES_LIT("\x7e\0\x64\x60"));
        m = (struct nas_msg){ .type = NAS_PDU_SESSION_REJECT, .psi = 1, .pti = 2 };
        nas_set_num(&m, NAS_IE_SM_CAUSE, 29);
        check_prints(&m, BYTES_LIT("\x2e\1\2\xc3\x1d"));
        m = (struct nas_msg){ .type = NAS_AUTHENTICATION_REJECT };
        check_prints(&m, BYTES_LIT("\x7e\0\x58"));
        m.type = NAS_REGISTRATION_COMPLETE;
        check_prints(&m, BYTES_LIT("\x7e\0\x43"));
}

static void test_print_refuses(void **state)
{
        (void)state;
        struct bytes out;
        struct nas_msg m = { .type = NAS_AUTHENTICATION_RESPONSE };
        CHECK_E(E_MISSING, nas_print(mem, &m, &out, NULL));
        nas_set(&m, NAS_IE_RES_STAR, BYTES_LIT("short"));
        CHECK_E(E_RANGE, nas_print(mem, &m, &out, NULL));
        m.type = (enum nas_type)0x40;
        CHECK_E(E_UNSUPPORTED, nas_print(mem, &m, &out, NULL));
        m = parsed(message("authentication_request"));
        nas_set_num(&m, NAS_IE_NGKSI, 16);
        CHECK_E(E_RANGE, nas_print(mem, &m, &out, NULL));
        m = parsed(message("ul_nas_transport_pdu_session_establishment_request"));
        nas_set(&m, NAS_IE_CONTAINER, bytes_of(talloc_zero_size(mem, NAS_PDU_MAX), NAS_PDU_MAX));
        CHECK_E(E_RANGE, nas_print(mem, &m, &out, NULL));
}

/* R-5G-24: every cut, on the heap so that the sanitizer sees a read behind the end */
static void test_cut(void **state)
{
        (void)state;
        static const char *const names[] = {
                "registration_request_suci_null", "authentication_request",
                "authentication_response",        "authentication_failure_synch",
                "security_mode_command_plain",    "dl_nas_transport_pdu_session_establishment_accept"
        };
        for (size_t i = 0; i < COUNT(names); i++) {
                struct bytes in = message(names[i]);
                for (size_t n = 0; n < in.n; n++) {
                        uint8_t *exact = malloc(n + 1); /* never of no size */
                        struct nas_msg m;
                        assert_non_null(exact);
                        memcpy(exact + 1, in.p, n);
                        enum ecode e = nas_parse(bytes_of(exact + 1, n), &m, NULL);
                        free(exact);
                        if (e != E_OK) {
                                assert_true(e == E_SHORT || e == E_MISSING);
                                assert_int_equal(nas_cause_of(e), NAS_CAUSE_MANDATORY);
                                continue;
                        }
                        /* whole without the optional elements that were cut off */
                        assert_true(m.type == NAS_AUTHENTICATION_FAILURE || m.type == NAS_DL_TRANSPORT);
                }
        }
}

/* R-5G-24: what is refused, and with which cause */
static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *what, *hex;
                enum ecode e;
                enum nas_cause cause;
        } rows[] = {
                { "nothing", "", E_SHORT, 96 },
                { "no type", "7e00", E_SHORT, 96 },
                { "unknown 5GMM type", "7e004f", E_UNSUPPORTED, 97 },
                { "unknown 5GSM type", "2e0101c0", E_UNSUPPORTED, 97 },
                { "5GSM type in 5GMM", "7e00c3", E_UNSUPPORTED, 97 },
                { "5GMM type in 5GSM", "2e010158", E_UNSUPPORTED, 97 },
                { "another protocol", "070058", E_UNSUPPORTED, 97 },
                { "protected", "7e025800000000", E_SYNTAX, 96 },
                { "RES* twice", "7e00572d10f236a7417272bfb2d66d4d670733b5272d10f236a7417272bfb2d66d4d670733b527",
                  E_DUPLICATE, 100 },
                { "RES* of 17", "7e00572d11f236a7417272bfb2d66d4d670733b52700", E_LONG, 100 },
                { "RES* of 15", "7e00572d0ff236a7417272bfb2d66d4d670733b5", E_SYNTAX, 96 },
                { "no RES*", "7e0057", E_MISSING, 96 },
                { "GUTI of 65535", "7e004201027fffffff", E_SHORT, 96 },
                { "GUTI overlong", "7e0042010277ffff00", E_LONG, 100 },
                { "unknown with comprehension required", "7e0058010100", E_SYNTAX, 96 },
                { "unknown, cut", "7e0058301000", E_SHORT, 96 },
                { "ABBA of 1", "7e0056010100", E_SYNTAX, 96 },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct nas_msg m;
                struct err er = { 0 };
                enum ecode e = nas_parse(vector_hex(mem, rows[i].hex), &m, &er);
                if (e != rows[i].e || nas_cause_of(e) != rows[i].cause || strcmp(er.req, "R-5G-24") != 0)
                        fail_msg("%s: %s, %s", rows[i].what, ecode_name(e), er.text);
        }
        struct nas_msg m;
        CHECK_E(E_LONG, nas_parse(bytes_of(talloc_zero_size(mem, NAS_PDU_MAX + 1), NAS_PDU_MAX + 1), &m, NULL));
}

/* TS 24.501 7.6.1: unknown optional elements of all three formats, and known ones that nobody reads */
static void test_ignored(void **state)
{
        (void)state;
        struct nas_msg m = parsed(vector_hex(mem, "7e005f17"
                                                  "9f"         /* one octet */
                                                  "3003aabbcc" /* one octet of length */
                                                  "790002aabb" /* two octets of length */
                                             ));
        assert_int_equal(m.num[NAS_IE_CAUSE], NAS_CAUSE_CAPABILITIES);
        check_prints(&m, BYTES_LIT("\x7e\0\x5f\x17"));
        m = parsed(vector_hex(mem, "7e004179000d0100f110f0ff000000000000105200f11000000a2e02a0a0"));
        check_prints(&m, message("registration_request_suci_null"));
}

/* R-5G-21: what the UE demands of a SECURITY MODE COMMAND */
static void test_smc_cause(void **state)
{
        (void)state;
        struct bytes own = BYTES_LIT("\xa0\xa0");
        struct nas_msg m = parsed(message("security_mode_command_plain"));
        assert_int_equal(nas_smc_cause(&m, own), 0);
        assert_int_equal(nas_smc_cause(&m, BYTES_LIT("\xa0\x20")), NAS_CAUSE_CAPABILITIES);
        assert_int_equal(nas_smc_cause(&m, BYTES_LIT("\xa0\xa0\0")), NAS_CAUSE_CAPABILITIES);
        static const uint8_t others[] = { 0x20, 0x00, 0x02, 0x21, 0x12, 0x33 }; /* 20: NIA0 */
        for (size_t i = 0; i < sizeof others; i++) {
                nas_set_num(&m, NAS_IE_ALGORITHMS, others[i]);
                assert_int_equal(nas_smc_cause(&m, own), NAS_CAUSE_CAPABILITIES);
        }
}

/* R-5G-24: frames of the lab access */
static void test_frames(void **state)
{
        (void)state;
        struct bytes in = vector_hex(mem, "00037e00580004"), pdu;
        size_t used = 0;
        CHECK_OK(nas_frame_next(in, &pdu, &used));
        assert_int_equal(used, 5);
        CHECK_BYTES("PDU", pdu, BYTES_LIT("\x7e\0\x58"));
        for (size_t n = 0; n < 5; n++)
                CHECK_E(E_SHORT, nas_frame_next(bytes_of(in.p, n), &pdu, &used));
        CHECK_E(E_RANGE, nas_frame_next(BYTES_LIT("\0\0"), &pdu, &used));
        CHECK_E(E_LONG, nas_frame_next(BYTES_LIT("\x20\x01"), &pdu, &used)); /* 8193 */
        CHECK_E(E_SHORT, nas_frame_next(BYTES_LIT("\x20\x00"), &pdu, &used));
        uint8_t head[2];
        nas_frame_head(NAS_PDU_MAX, head);
        CHECK_BYTES("head", BYTES_ARR(head), BYTES_LIT("\x20\x00"));
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
                cmocka_unit_test(test_vectors),       cmocka_unit_test(test_fields),    cmocka_unit_test(test_made),
                cmocka_unit_test(test_print_refuses), cmocka_unit_test(test_cut),       cmocka_unit_test(test_refused),
                cmocka_unit_test(test_ignored),       cmocka_unit_test(test_smc_cause), cmocka_unit_test(test_frames),
        };
        return cmocka_run_group_tests_name("nas", tests, set_up, tear_down);
}
