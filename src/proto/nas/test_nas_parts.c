#include "test/kit/vec5g.h"

#include "proto/nas/nas.h"
#include "proto/nas/nas_cap.h"
#include "proto/nas/nas_id.h"

static void *mem;
static json_t *all;

static const json_t *messages(void)
{
        return vec_get(all, "nas_messages");
}

static struct nas_msg parsed(struct bytes in)
{
        struct nas_msg m;
        CHECK_OK(nas_parse(in, &m, NULL));
        return m;
}

static void test_suci(void **state)
{
        (void)state;
        struct nas_msg m = parsed(vec_hex(mem, messages(), "registration_request_suci_null"));
        struct bytes id = m.oct[NAS_IE_IDENTITY], text = vec_str(vec_get(all, "suci"), "null_scheme");
        struct suci s;
        uint8_t out[NAS_SUCI_MAX];
        assert_int_equal(nas_id_type(id), NAS_ID_SUCI);
        CHECK_OK(nas_suci_read(id, &s, NULL));
        CHECK_BYTES("text", bytes_str(suci_print(mem, &s)), text);
        size_t n = nas_suci_write(&s, out);
        CHECK_BYTES("octets", bytes_of(out, n), id);

        CHECK_OK(suci_parse(BYTES_LIT("suci-0-274-012-678-1-27-b2e92f836055a255837debf850b528997ce0201cb82adfe4be1f587d"
                                      "07d8457dcb02352410cddd9e730ef3fa87"),
                            &s, NULL));
        n = nas_suci_write(&s, out);
        CHECK_BYTES("head", bytes_of(out, 8), vector_hex(mem, "0172241076f8011b"));
        struct suci back;
        CHECK_OK(nas_suci_read(bytes_of(out, n), &back, NULL));
        assert_string_equal(suci_print(mem, &back), suci_print(mem, &s));
}

/* R-5G-24 */
static void test_suci_refused(void **state)
{
        (void)state;
        static const struct {
                const char *hex;
                enum ecode e;
        } rows[] = {
                { "", E_SHORT },
                { "0100f110f0ff00", E_SHORT },
                { "0100f110f0ff0000", E_SYNTAX },             /* no MSIN */
                { "0100f110f0ff0000000000000010", E_SYNTAX }, /* six octets of it */
                { "0100f110f0ff00000a", E_SYNTAX },           /* half octet a */
                { "0100f110ffff000010", E_SYNTAX },           /* no routing indicator */
                { "0100f110f0f1000010", E_SYNTAX },           /* a digit behind the filler */
                { "010af110f0ff000010", E_SYNTAX },           /* no MCC */
                { "0100f110f0ff000110", E_RANGE },            /* key 1 with the null scheme */
                { "0100f110f0ff010010", E_RANGE },            /* key 0 with profile A */
                { "0100f110f0ff0c0110", E_UNSUPPORTED },      /* scheme 12 */
                { "1100f110f0ff000010", E_UNSUPPORTED },      /* SUPI format 1 */
                { "0200f110f0ff000010", E_SYNTAX },           /* a 5G-GUTI */
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct suci s;
                enum ecode e = nas_suci_read(vector_hex(mem, rows[i].hex), &s, NULL);
                if (e != rows[i].e)
                        fail_msg("%s: %s", rows[i].hex, ecode_name(e));
        }
        struct suci s;
        uint8_t big[8 + SUCI_OUT_MAX + 1] = { 0x01, 0x00, 0xf1, 0x10, 0xf0, 0xff, 0x01, 0x01 };
        CHECK_E(E_LONG, nas_suci_read(BYTES_ARR(big), &s, NULL));
        assert_int_equal(nas_id_type(bytes_of(NULL, 0)), NAS_ID_NONE);
        assert_int_equal(nas_id_type(BYTES_LIT("\x03")), NAS_ID_NONE);
}

static void test_guti(void **state)
{
        (void)state;
        struct bytes ie = vec_hex(mem, messages(), "five_g_guti_ie"), value = bytes_of(ie.p + 3, ie.n - 3);
        struct guti g, back;
        struct guti_text text;
        uint8_t out[NAS_GUTI_LEN];
        assert_int_equal(nas_id_type(value), NAS_ID_GUTI);
        CHECK_OK(nas_guti_read(value, &g, NULL));
        guti_print(&g, &text);
        CHECK_BYTES("text", bytes_str(text.s), vec_str(messages(), "five_g_guti_text"));
        assert_int_equal(g.amf_region, 2);
        assert_int_equal(g.amf_set_pointer, 0x41);
        assert_int_equal(g.tmsi, 0xc0ffee01);
        CHECK_OK(guti_parse(bytes_str(text.s), &back));
        nas_guti_write(&back, out);
        CHECK_BYTES("octets", BYTES_ARR(out), value);
        CHECK_OK(guti_parse(BYTES_LIT("5g-guti-310410020041c0ffee01"), &g));
        assert_string_equal(g.plmn.mnc, "410");

        CHECK_E(E_SHORT, nas_guti_read(bytes_of(value.p, 10), &g, NULL));
        CHECK_E(E_LONG, nas_guti_read(ie, &g, NULL));
        out[0] = 0x02;
        CHECK_E(E_SYNTAX, nas_guti_read(BYTES_ARR(out), &g, NULL));
        static const char *const bad[] = { "",
                                           "5g-guti-",
                                           "5g-guti-0010102004 c0ffee01",
                                           "5g-guti-00101020041C0FFEE01",
                                           "5G-guti-00101020041c0ffee01",
                                           "5g-guti-0010102004c0ffee01",
                                           "5g-guti-0010101020041c0ffee01",
                                           "5g-guti-a0101020041c0ffee01" };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, guti_parse(bytes_str(bad[i]), &g));
}

static struct bytes epco_of(const char *transport)
{
        struct nas_msg m = parsed(vec_hex(mem, messages(), transport));
        return parsed(m.oct[NAS_IE_CONTAINER]).oct[NAS_IE_EPCO];
}

static void test_capability(void **state)
{
        (void)state;
        const json_t *in = vec_get(vec_get(all, "msg5g_profile_v1"), "input");
        struct bytes request = epco_of("ul_nas_transport_pdu_session_establishment_request"), out;
        struct bytes accept = epco_of("dl_nas_transport_pdu_session_establishment_accept");
        struct msg5g_cap c;
        CHECK_BYTES("content", bytes_of(request.p + 4, request.n - 4),
                    vec_hex(mem, messages(), "capability_container_request"));
        CHECK_OK(msg5g_cap_parse(request, &c, NULL));
        CHECK_BYTES("offer", c.methods, vec_str(in, "offer"));
        assert_int_equal(c.kms_id.n, 0);
        assert_int_equal(c.port, 0);
        CHECK_OK(msg5g_cap_print(mem, &c, &out, NULL));
        CHECK_BYTES("request", out, request);

        CHECK_OK(msg5g_cap_parse(accept, &c, NULL));
        CHECK_BYTES("select", c.methods, vec_str(in, "select"));
        CHECK_BYTES("KMS-ID", c.kms_id, vec_str(in, "kms_id"));
        assert_int_equal(c.port, 8443);
        assert_string_equal(c.plmn.mnc, "01");
        CHECK_OK(msg5g_cap_print(mem, &c, &out, NULL));
        CHECK_BYTES("accept", out, accept);
}

static void test_capability_refused(void **state)
{
        (void)state;
        static const struct {
                const char *hex;
                enum ecode e;
        } rows[] = {
                { "", E_SHORT },
                { "00", E_SYNTAX },
                { "80", E_NOT_FOUND },
                { "80000d00", E_NOT_FOUND },
                { "80ff01", E_SHORT },
                { "80ff0105", E_SHORT },
                { "80ff010300f110", E_SHORT },
                { "80ff010400f11001", E_MISSING },
                { "80ff010400f11002", E_UNSUPPORTED },
                { "80ff0104a0f11001", E_SYNTAX },
                { "80ff010700f11001010161", E_OK },
                { "80ff010a00f110010101610901ff", E_OK },        /* unknown tag */
                { "80000d00ff010700f11001010161", E_OK },        /* behind another container */
                { "80ff010600f110010105", E_SHORT },             /* the tag is cut */
                { "80ff010a00f11001010161010162", E_DUPLICATE }, /* two offers */
                { "80ff010600f110010100", E_SYNTAX },            /* no method */
                { "80ff010700f11001010141", E_SYNTAX },          /* capital letter */
                { "80ff010800f1100101022c61", E_SYNTAX },        /* empty method */
                { "80ff010a00f110010101610301ff", E_SYNTAX },    /* port of one octet */
                { "80ff010b00f1100101016103020000", E_SYNTAX },  /* port 0 */
                { "80ff010b00f1100101016102026b2e", E_SYNTAX },  /* final dot */
                { "80ff010700f11001010161ff010700f11001010161", E_DUPLICATE },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct msg5g_cap c;
                enum ecode e = msg5g_cap_parse(vector_hex(mem, rows[i].hex), &c, NULL);
                if (e != rows[i].e)
                        fail_msg("%s: %s", rows[i].hex, ecode_name(e));
        }
        struct bytes out;
        struct msg5g_cap c = { .plmn = { "001", "01" }, .methods = BYTES_LIT("A") };
        CHECK_E(E_RANGE, msg5g_cap_print(mem, &c, &out, NULL));
        char *many = talloc_asprintf(mem, "%0300d", 0);
        c.methods = bytes_str(many);
        CHECK_E(E_RANGE, msg5g_cap_print(mem, &c, &out, NULL));
}

static void test_offered(void **state)
{
        (void)state;
        struct bytes offer = BYTES_LIT("tls13-psk,tls12-psk,akma");
        assert_true(msg5g_offered(offer, BYTES_LIT("tls13-psk")));
        assert_true(msg5g_offered(offer, BYTES_LIT("akma")));
        static const char *const bad[] = { "", "tls13", "tls13-psk,tls12-psk", "psk", "akma,", "AKMA", "tls13-psk2" };
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_false(msg5g_offered(offer, bytes_str(bad[i])));
        assert_false(msg5g_offered(BYTES_LIT(""), BYTES_LIT("")));
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
                cmocka_unit_test(test_suci),
                cmocka_unit_test(test_suci_refused),
                cmocka_unit_test(test_guti),
                cmocka_unit_test(test_capability),
                cmocka_unit_test(test_capability_refused),
                cmocka_unit_test(test_offered),
        };
        return cmocka_run_group_tests_name("nas_parts", tests, set_up, tear_down);
}
