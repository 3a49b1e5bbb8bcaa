#include "test/kit/check.h"

#include "proto/mcx/mcx_info.h"
#include "proto/xml/xml.h"

#define NS "xmlns=\"urn:3gpp:ns:mcpttInfo:1.0\""

static struct mcx_info *parsed(void *mem, struct bytes text)
{
        struct mcx_info *in = NULL;
        struct err er = { 0 };
        if (mcx_info_parse(mem, text, &in, &er) != E_OK)
                fail_msg("%s %s", ecode_name(er.code), er.text);
        return in;
}

static struct bytes body(void *mem, const char *children)
{
        return bytes_str(
                talloc_asprintf(mem, "<mcpttinfo " NS "><mcptt-Params>%s</mcptt-Params></mcpttinfo>", children));
}

static void test_example(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_info *in = parsed(mem, vector_file(mem, "mcx/mcptt-info.xml"));
        assert_int_equal(in->service, MCX_PTT);
        assert_string_equal(mcx_value_text(&in->access_token), "eyJhbGciOiJFUzI1NiJ9.e30.c2ln");
        assert_string_equal(mcx_value_text(&in->client_id), "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
        assert_int_equal(in->request_uri.form, MCX_ABSENT);
        assert_null(mcx_value_text(&in->request_uri));
        struct bytes out, got, want;
        struct xml *x = NULL, *y = NULL;
        CHECK_OK(mcx_info_print(mem, in, NULL, &out, NULL));
        CHECK_OK(xml_parse(mem, out, NULL, &x, NULL));
        CHECK_OK(xml_parse(mem, vector_file(mem, "mcx/mcptt-info.xml"), NULL, &y, NULL));
        CHECK_OK(xml_canonical(mem, x, &got));
        CHECK_OK(xml_canonical(mem, y, &want));
        CHECK_BYTES("document", got, want);
        assert_null(memchr(out.p, '\n', out.n)); /* R-SA-133: clients cut a part at a line end */
        talloc_free(mem);
}

/* R-SA-69, R-SA-75, R-SA-76 */
static void test_tolerance(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_info *in = parsed(
                mem,
                body(mem,
                     "<mcptt-client-id type='Normal'><mcpttString>sip:alice@mc.example</mcpttString></mcptt-client-id>"
                     "<unknown a='b'/><x:y xmlns:x='urn:x'/>"
                     "<session-type>prearranged</session-type>"
                     "<mcptt-access-token colour='blue'><mcpttString> T </mcpttString></mcptt-access-token>"
                     "<emergency-ind type='Normal'><mcpttBoolean>1</mcpttBoolean></emergency-ind>"
                     "<anyExt><multiple-devices-ind type='Normal'><mcpttBoolean>true</mcpttBoolean>"
                     "</multiple-devices-ind></anyExt>"
                     "<mcptt-request-uri type='Normal'><mcpttURI>sip:alice@mc.example</mcpttURI></mcptt-request-uri>"));
        assert_string_equal(in->client_id.text, "sip:alice@mc.example");
        assert_string_equal(in->access_token.text, "T");
        assert_string_equal(in->request_uri.text, "sip:alice@mc.example");
        assert_string_equal(in->session_type, "prearranged");
        assert_true(mcx_value_true(&in->emergency_ind));
        assert_true(mcx_value_true(&in->multiple_devices_ind));
        in = parsed(mem, bytes_str("<mcpttinfo " NS "/>"));
        assert_int_equal(in->access_token.form, MCX_ABSENT);
        talloc_free(mem);
}

static void test_services(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        for (unsigned s = 0; s < MCX_SERVICES; s++) {
                enum mcx_service back;
                assert_true(mcx_service_of_media_type(mcx_info_media_type((enum mcx_service)s), &back));
                assert_int_equal(back, s);
                struct mcx_info in = { .service = (enum mcx_service)s,
                                       .access_token = mcx_value_of("T"),
                                       .client_id = mcx_value_of("C"),
                                       .request_uri = mcx_value_of("sip:a@b"),
                                       .multiple_devices_ind = mcx_value_of("true") };
                struct bytes out;
                CHECK_OK(mcx_info_print(mem, &in, NULL, &out, NULL));
                struct mcx_info *got = parsed(mem, out);
                assert_int_equal(got->service, s);
                assert_string_equal(got->access_token.text, "T");
                assert_string_equal(got->client_id.text, "C");
                assert_string_equal(got->request_uri.text, "sip:a@b");
                assert_true(mcx_value_true(&got->multiple_devices_ind));
                assert_non_null(memmem(out.p, out.n, mcx_service_name((enum mcx_service)s), 5));
        }
        enum mcx_service none;
        assert_false(mcx_service_of_media_type("application/xml", &none));
        talloc_free(mem);
}

/* R-SA-57, R-SA-77, R-SA-78 */
static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
#define ENC(attr, inside) "<mcptt-client-id " attr ">" inside "</mcptt-client-id>"
#define DATA(inside)      "<e:EncryptedData xmlns:e='http://www.w3.org/2001/04/xmlenc#'>" inside "</e:EncryptedData>"
        static const struct {
                const char *children;
                enum ecode e;
                const char *req;
        } bad[] = {
                { ENC("", ""), E_SYNTAX, "R-SA-77" },
                { ENC("", "text"), E_SYNTAX, "R-SA-77" },
                { ENC("", "<mcpttString>a</mcpttString><mcpttString>b</mcpttString>"), E_SYNTAX, "R-SA-77" },
                { ENC("", "<mcdataString>a</mcdataString>"), E_SYNTAX, "R-SA-77" },
                { ENC("type='Secret'", "<mcpttString>a</mcpttString>"), E_SYNTAX, "R-SA-77" },
                { "<mcptt-access-token/>", E_TOKEN_MALFORMED, "R-SA-77" },
                { "<mcptt-access-token><mcpttString>a</mcpttString><mcpttString>b</mcpttString></mcptt-access-token>",
                  E_TOKEN_MALFORMED, "R-SA-77" },
                { "<emergency-ind><mcpttBoolean>perhaps</mcpttBoolean></emergency-ind>", E_SYNTAX, "R-SA-77" },
                { ENC("", "<mcpttString>a</mcpttString>") ENC("", "<mcpttString>b</mcpttString>"), E_DUPLICATE,
                  "R-SA-57" },
                { ENC("type='Encrypted'", ""), E_DECRYPT, "R-SA-78" },
                { ENC("type='Encrypted'", "<mcpttString>a</mcpttString>"), E_DECRYPT, "R-SA-78" },
                { ENC("", DATA("")), E_DECRYPT, "R-SA-78" },
                { ENC("", DATA("<e:CipherData><e:CipherValue>AAAA</e:CipherValue></e:CipherData>")), E_DECRYPT,
                  "R-SA-78" },
                { ENC("", DATA("<e:EncryptionMethod Algorithm='http://www.w3.org/2001/04/xmlenc#aes128-cbc'/>")),
                  E_DECRYPT, "R-SA-78" },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct mcx_info *in = NULL;
                struct err er = { 0 };
                enum ecode e = mcx_info_parse(mem, body(mem, bad[i].children), &in, &er);
                if (e != bad[i].e || in != NULL || strcmp(er.req, bad[i].req) != 0)
                        fail_msg("%s: %s %s %s", bad[i].children, ecode_name(e), er.req, er.text);
        }
        struct mcx_info *in = NULL;
        CHECK_E(E_SYNTAX, mcx_info_parse(mem, bytes_str("<mcpttinfo/>"), &in, NULL));
        CHECK_E(E_SYNTAX, mcx_info_parse(mem, bytes_str("<mcdatainfo " NS "/>"), &in, NULL));
        CHECK_E(E_SYNTAX, mcx_info_parse(mem, bytes_str("<!DOCTYPE m><mcpttinfo " NS "/>"), &in, NULL));
        talloc_free(mem);
}

static struct mcx_conf_key vector_key(void *mem)
{
        struct mc_key xpk;
        struct mcx_conf_key key = { .key_id = 0x2a5b6c7d };
        memcpy(xpk.b, vector_hex(mem, "000102030405060708090a0b0c0d0e0f").p, sizeof xpk.b);
        CHECK_OK(kdf_xpk_conf(&xpk, key.key_id, bytes_str("sip:alice@mc.example"), &key.key));
        return key;
}

/* R-SA-80: the vector opens, and is what we write from its inputs. */
static void test_encrypted(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_conf_key key = vector_key(mem);
        CHECK_BYTES("key", BYTES_ARR(key.key.b), vector_hex(mem, "c94056e09f3aea46d280f5954a3092b1"));
        struct mcx_info *in = parsed(mem, vector_file(mem, "mcx/mcptt-info-encrypted.xml"));
        struct bytes cipher = in->access_token.cipher;
        assert_int_equal(in->access_token.form, MCX_ENCRYPTED);
        assert_string_equal(in->access_token.key_name, "KltsfQ==");
        uint32_t id = 0;
        assert_true(mcx_info_key_id(in, &id));
        assert_int_equal(id, 0x2a5b6c7d);
        struct mcx_info before = *in;
        CHECK_OK(mcx_info_decrypt(mem, in, &key, NULL));
        assert_string_equal(mcx_value_text(&in->access_token), "TOKEN");
        assert_false(mcx_info_key_id(in, &id));

        struct rng_script rng = rng_script_of(vector_hex(mem, "000102030405060708090a0b"));
        struct bytes out;
        CHECK_OK(mcx_info_print(mem, in, &(struct mcx_protect){ &key, &rng.base }, &out, NULL));
        struct mcx_info *again = parsed(mem, out);
        CHECK_BYTES("cipher", again->access_token.cipher, cipher);
        CHECK_OK(mcx_info_print(mem, &before, NULL, &out, NULL)); /* an encrypted value prints as it is */
        CHECK_BYTES("cipher", parsed(mem, out)->access_token.cipher, cipher);
        talloc_free(mem);
}

/* R-SA-78 */
static void test_decrypt_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_conf_key key = vector_key(mem), other = key;
        struct mcx_info *in = parsed(mem, vector_file(mem, "mcx/mcptt-info-encrypted.xml"));
        struct err er = { 0 };
        other.key_id ^= 1;
        CHECK_E(E_DECRYPT, mcx_info_decrypt(mem, in, &other, &er));
        assert_string_equal(er.req, "R-SA-78");
        other = key;
        other.key.b[0] ^= 1;
        CHECK_E(E_DECRYPT, mcx_info_decrypt(mem, in, &other, &er));
        uint8_t *c = talloc_memdup(mem, in->access_token.cipher.p, in->access_token.cipher.n);
        for (size_t i = 0; i < in->access_token.cipher.n; i++) {
                struct mcx_info bad = *in;
                c[i] ^= 1;
                bad.access_token.cipher.p = c;
                CHECK_E(E_DECRYPT, mcx_info_decrypt(mem, &bad, &key, &er));
                assert_int_equal(bad.access_token.form, MCX_ENCRYPTED);
                c[i] ^= 1;
        }
        talloc_free(mem);
}

/* After decryption the wrapper with or without namespace and bare text are accepted, anything else is not. */
static void test_plain_forms(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_conf_key key = vector_key(mem);
        static const struct {
                const char *plain, *want;
        } vec[] = {
                { "<mcpttString xmlns=\"urn:3gpp:ns:mcpttInfo:1.0\">T&amp;</mcpttString>", "T&" },
                { "<mcpttString>T</mcpttString>", "T" },
                { "T", "T" },
                { "", "" },
                { "<other>T</other>", NULL },
                { "<mcpttString>T</mcpttString><mcpttString>U</mcpttString>", NULL },
                { "</t><t>", NULL },
                { "<mcpttString>", NULL },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct bytes plain = bytes_str(vec[i].plain);
                uint8_t *c = talloc_zero_size(mem, 12 + plain.n + 16);
                CHECK_OK(aes128_gcm_seal(key.key.b, bytes_of(c, 12), bytes_of(NULL, 0), plain, c + 12,
                                         c + 12 + plain.n));
                struct mcx_info in = { .access_token = { .form = MCX_ENCRYPTED, .cipher = bytes_of(c, 28 + plain.n) } };
                CHECK_E(vec[i].want != NULL ? E_OK : E_DECRYPT, mcx_info_decrypt(mem, &in, &key, NULL));
                if (vec[i].want != NULL)
                        assert_string_equal(mcx_value_text(&in.access_token), vec[i].want);
        }
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),     cmocka_unit_test(test_tolerance),
                cmocka_unit_test(test_services),    cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_encrypted),   cmocka_unit_test(test_decrypt_refuses),
                cmocka_unit_test(test_plain_forms),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
