#include "test/kit/check.h"

#include "proto/kms/kms.h"
#include "proto/xml/xml.h"

#define ALICE "sip:alice@example.org"

static struct bytes canonical(void *mem, struct bytes text)
{
        struct xml *x = NULL;
        struct bytes c = { 0 };
        struct err er = { 0 };
        if (xml_parse(mem, text, &(struct xml_limits){ 1 << 20, 30, 100000 }, &x, &er) != E_OK)
                fail_msg("%s", er.text);
        CHECK_OK(xml_canonical(mem, x, &c));
        return c;
}

static struct kms_response *response(void *mem, const char *file)
{
        struct kms_response *rs = NULL;
        struct err er = { 0 };
        if (kms_response_parse(mem, vector_file(mem, file), &rs, &er) != E_OK)
                fail_msg("%s: %s", file, er.text);
        return rs;
}

/* R-KMS-56, R-KMS-13, R-KMS-14 */
static void test_request_vectors(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *file, *url;
                bool is_signed;
        } vec[] = {
                { "kms-xml/01-init-request.xml", "init", false },
                { "kms-xml/03-keyprov-request.xml", "keyprov/sip%3Aalice%40example.org", false },
                { "kms-xml/06-certcache-request.xml", "certcache/6", false },
                { "kms-xml/09-signed-keyprov-request.xml", "keyprov/sip%3Aalice%40example.org", true },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct bytes file = vector_file(mem, vec[i].file);
                struct kms_request *rq = NULL;
                CHECK_OK(kms_request_parse(mem, file, &rq, NULL));
                assert_string_equal(rq->user_uri, ALICE);
                assert_string_equal(rq->kms_uri, "kms.example.org");
                assert_int_equal(rq->time_s, 1782907200); /* 2026-07-01T12:00:00Z */
                assert_string_equal(rq->client_id, "client-1");
                assert_string_equal(rq->device_id, "urn:uuid:7d3c2f10-0000-4000-8000-000000000001");
                char *url = talloc_asprintf(mem, "https://kms.example.org" KMS_BASE_PATH "%s", vec[i].url);
                assert_string_equal(rq->client_req_url, url);
                assert_int_equal(rq->is_signed, vec[i].is_signed);
                struct bytes out;
                CHECK_OK(kms_request_print(mem, rq, &out, NULL));
                if (!rq->is_signed)
                        CHECK_BYTES(vec[i].file, canonical(mem, out), canonical(mem, file));
        }
        talloc_free(mem);
}

/* R-KMS-16: our printer makes the example documents. */
static void test_response_vectors(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *file;
                enum kms_content content;
                int status;
        } vec[] = {
                { "kms-xml/02-init-response.xml", KMS_INIT, 200 },
                { "kms-xml/04-keyprov-response.xml", KMS_KEYPROV, 200 },
                { "kms-xml/05-keyprov-future-response.xml", KMS_KEYPROV, 200 },
                { "kms-xml/07-certcache-response.xml", KMS_CERTCACHE, 200 },
                { "kms-xml/08-error-response.xml", KMS_ERROR, 403 }, /* R-KMS-61 */
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct kms_response *rs = response(mem, vec[i].file);
                assert_int_equal(rs->content, vec[i].content);
                assert_int_equal(kms_http_status(rs), vec[i].status);
                struct bytes out;
                CHECK_OK(kms_response_print(mem, rs, NULL, &out, NULL));
                CHECK_BYTES(vec[i].file, canonical(mem, out), canonical(mem, vector_file(mem, vec[i].file)));
        }
        talloc_free(mem);
}

/* R-KMS-15 */
static void test_cert_fields(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct kms_cert *c = response(mem, "kms-xml/07-certcache-response.xml")->certs;
        assert_int_equal(c->role, KMS_ROLE_EXTERNAL);
        assert_string_equal(c->cert_uri, "cert3.kms.partner.example");
        assert_string_equal(c->kms_uri, "kms.partner.example");
        assert_string_equal(c->user_id_format, "2");
        assert_int_equal(c->key_period.period, 2592000);
        assert_int_equal(c->key_period.offset, 86400);
        assert_int_equal(c->parameter_set, 1);
        assert_int_equal(c->valid_from, 1767225600);
        assert_int_equal(c->domains_n, 1);
        assert_string_equal(c->domains[0], "partner.example");
        assert_int_equal(c->pub_enc_key.n, 257);
        assert_int_equal(c->pub_auth_key.n, 65);

        struct bytes out;
        struct kms_cert *back = NULL;
        CHECK_OK(kms_cert_print(mem, c, &out, NULL));
        CHECK_OK(kms_cert_parse(mem, out, &back, NULL));
        CHECK_BYTES("Z", back->pub_enc_key, c->pub_enc_key);
        c->parameter_set = 2;
        CHECK_E(E_RANGE, kms_cert_print(mem, c, &out, NULL));
        c->parameter_set = 1;
        c->pub_auth_key.n = 64;
        CHECK_E(E_RANGE, kms_cert_print(mem, c, &out, NULL));
        c->pub_auth_key.n = 65;
        c->key_period.offset = c->key_period.period;
        CHECK_E(E_RANGE, kms_cert_print(mem, c, &out, NULL));
        talloc_free(mem);
}

/* R-KMS-131 (both forms of UserID), R-KMS-16 */
static void test_key_set_fields(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct kms_response *rs = response(mem, "kms-xml/04-keyprov-response.xml");
        assert_int_equal(rs->sets_n, 1);
        const struct kms_key_set *s = rs->sets;
        const char *hex = "45d93f8230d4895b669376f4113dc8e2c455616590bfb1f991237336de8eee63";
        assert_string_equal(hex_encode(mem, uid_bytes(&s->user_id)), hex);
        assert_int_equal(s->key_period_no, 1540);
        assert_string_equal(s->user_uri, ALICE);
        assert_int_equal(s->decrypt_key.plain.n, 257);
        assert_int_equal(s->signing_key_ssk.plain.n, 32);
        assert_int_equal(s->pub_token_pvt.plain.n, 65);
        assert_int_equal(s->signing_key_ssk.wrapped.n, 0);

        struct bytes out;
        CHECK_OK(kms_response_print(mem, rs, &(struct kms_print_opts){ .user_id_hex = true }, &out, NULL));
        assert_non_null(memmem(out.p, out.n, hex, strlen(hex)));
        struct kms_response *back = NULL;
        CHECK_OK(kms_response_parse(mem, out, &back, NULL));
        CHECK_BYTES("UID", uid_bytes(&back->sets->user_id), uid_bytes(&s->user_id));

        struct kms_response bad = *rs;
        bad.kms_uri = talloc_strdup(mem, "kms.other.example");
        struct err er = { 0 };
        CHECK_E(E_RANGE, kms_response_print(mem, &bad, NULL, &out, &er));
        assert_string_equal(er.req, "R-KMS-13");
        rs->sets[0].signing_key_ssk.plain.n = 31;
        CHECK_E(E_RANGE, kms_response_print(mem, rs, NULL, &out, NULL));
        talloc_free(mem);
}

static void test_wrapped_keys(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct kms_response *rs = response(mem, "kms-xml/10-signed-init-response-new-keys.xml");
        assert_true(rs->is_signed);
        assert_int_equal(rs->new_trk_n, 1);
        assert_int_equal(rs->new_ink_n, 1);
        assert_string_equal(rs->new_trk[0].trk_name, "tk.12.sip:alice@example.org");
        assert_int_equal(rs->new_ink[0].wrapped.n, 40);
        struct bytes out;
        struct kms_response *back = NULL;
        CHECK_OK(kms_response_print(mem, rs, NULL, &out, NULL));
        CHECK_OK(kms_response_parse(mem, out, &back, NULL));
        CHECK_BYTES("TrK", back->new_trk[0].wrapped, rs->new_trk[0].wrapped);

        rs = response(mem, "kms-xml/11-signed-keyprov-response-wrapped.xml");
        assert_int_equal(rs->sets[0].decrypt_key.plain.n, 0);
        assert_int_equal(rs->sets[0].signing_key_ssk.wrapped.n, 40);
        CHECK_OK(kms_response_print(mem, rs, NULL, &out, NULL));
        CHECK_OK(kms_response_parse(mem, out, &back, NULL));
        CHECK_BYTES("SSK", back->sets[0].signing_key_ssk.wrapped, rs->sets[0].signing_key_ssk.wrapped);
        talloc_free(mem);
}

static char *replaced(void *mem, struct bytes in, const char *what, const char *by)
{
        char *text = talloc_strndup(mem, (const char *)in.p, in.n);
        char *at = strstr(text, what);
        if (at == NULL)
                fail_msg("%s is not in the document", what);
        *at = 0;
        return talloc_asprintf(mem, "%s%s%s", text, by, at + strlen(what));
}

/* R-KMS-54, R-KMS-55, R-KMS-56 */
static void test_request_variants(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *what, *by;
                enum ecode e;
        } vec[] = {
                { "Version=\"1.1.0\"", "Version=\"1.0.0\"", E_OK },
                { "Version=\"1.1.0\"", "Version=\"2.0.0\"", E_UNSUPPORTED },
                { "2026-07-01T12:00:00Z", "2026-07-01T12:00:00", E_OK },
                { "2026-07-01T12:00:00Z", "2026-07-01T14:00:00.5+02:00", E_OK },
                { "2026-07-01T12:00:00Z", "yesterday", E_SYNTAX },
                { "<Time>2026-07-01T12:00:00Z</Time>", "", E_MISSING },
                { "<Time>2026-07-01T12:00:00Z</Time>", "<Time/>", E_MISSING },
                { "<UserUri>", "<x:y xmlns:x='urn:x'>z</x:y><UserUri>", E_OK },
                { "<UserUri>", "<TrK-ID xmlns=''>tk.12</TrK-ID><UserUri>", E_OK },
                { "<UserUri>", "<UserUri>sip:eve@example.org</UserUri><UserUri>", E_DUPLICATE },
                { "<UserUri>sip:alice@example.org</UserUri>", "", E_MISSING },
                { "<UserUri>sip:alice@example.org</UserUri>", "<UserUri/>", E_MISSING },
                { "urn:3gpp:ns:mcsecKMSInterface:1.0", "urn:3gpp:ns:mcsecKMSInterface:2.0", E_SYNTAX },
                { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<!DOCTYPE KmsRequest>", E_SYNTAX },
                { "<KmsRequest ", "<KmsResponse ", E_SYNTAX },
        };
        struct bytes file = vector_file(mem, "kms-xml/01-init-request.xml");
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct kms_request *rq = NULL;
                struct err er = { 0 };
                enum ecode e = kms_request_parse(mem, bytes_str(replaced(mem, file, vec[i].what, vec[i].by)), &rq, &er);
                if (e != vec[i].e || (rq != NULL) != (e == E_OK))
                        fail_msg("%s: %s %s", vec[i].by, ecode_name(e), er.text);
                if (rq != NULL)
                        assert_int_equal(rq->time_s, 1782907200);
        }
        struct kms_request *rq = NULL;
        const char *error = "<ClientError><ErrorCode>7</ErrorCode><ErrorMsg>no</ErrorMsg></ClientError><UserUri>";
        CHECK_OK(kms_request_parse(mem, bytes_str(replaced(mem, file, "<UserUri>", error)), &rq, NULL));
        assert_int_equal(rq->client_error->code, 7);
        assert_string_equal(rq->client_error->msg, "no");
        talloc_free(mem);
}

static void test_response_variants(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *what, *by;
                enum ecode e;
        } vec[] = {
                { " xsi:type=\"KeyContentType\"", "", E_OK }, /* a vendor's sample has none */
                { "\"KeyContentType\"", "\"EncKeyContentType\"", E_SYNTAX },
                { "\"KeyContentType\"", "\"Other\"", E_UNSUPPORTED },
                { "KeyContentType\">04", "KeyContentType\">05", E_OK }, /* an RSK off its curve: crypto tells */
                { "KeyContentType\">49", "KeyContentType\">", E_SYNTAX },
                { "<UserID>Rdk/gj", "<UserID>Rdk/", E_SYNTAX },
                { "<KeyPeriodNo>1540", "<KeyPeriodNo>-1", E_RANGE },
                { "<KmsKeyProv ", "<KmsLookup/><KmsKeyProv ", E_DUPLICATE },
                { "<KmsMessage>", "<KmsError><ErrorCode>1</ErrorCode></KmsError><KmsMessage>", E_SYNTAX },
        };
        struct bytes file = vector_file(mem, "kms-xml/04-keyprov-response.xml");
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct kms_response *rs = NULL;
                struct err er = { 0 };
                enum ecode e =
                        kms_response_parse(mem, bytes_str(replaced(mem, file, vec[i].what, vec[i].by)), &rs, &er);
                if (e != vec[i].e)
                        fail_msg("%s: %s %s", vec[i].by, ecode_name(e), er.text);
        }
        file = vector_file(mem, "kms-xml/02-init-response.xml");
        struct kms_response *rs = NULL;
        CHECK_E(E_RANGE,
                kms_response_parse(mem, bytes_str(replaced(mem, file, "Offset>0<", "Offset>2592000<")), &rs, NULL));
        CHECK_E(E_RANGE,
                kms_response_parse(mem, bytes_str(replaced(mem, file, "EncKey>0400", "EncKey>0500")), &rs, NULL));
        CHECK_E(E_SYNTAX, kms_response_parse(mem, bytes_str(replaced(mem, file, "\"Root\"", "\"Leaf\"")), &rs, NULL));
        talloc_free(mem);
}

/* R-KMS-57 */
static void test_time_path(void **state)
{
        (void)state;
        int64_t t = 0, now = 1782907200;
        CHECK_OK(kms_time_path_parse(bytes_str("D6B4323200000000"), now, &t));
        assert_int_equal(t, 1393144754); /* D.2.4: 2014-02-23T08:39:14Z */
        CHECK_OK(kms_time_path_parse(bytes_str("d6b43232ffffffff"), now, &t));
        assert_int_equal(t, 1393144754);
        CHECK_OK(kms_time_path_parse(bytes_str("0000001000000000"), now, &t)); /* the era that begins in 2036 */
        assert_int_equal(t, 2085978512);
        char text[17];
        kms_time_path_print(1393144754, text);
        assert_string_equal(text, "D6B4323200000000");
        static const char *const bad[] = { "", "D6B4323", "D6B432320000000", "D6B43232000000000", "D6B432320000000g" };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, kms_time_path_parse(bytes_str(bad[i]), now, &t));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_vectors),   cmocka_unit_test(test_response_vectors),
                cmocka_unit_test(test_cert_fields),       cmocka_unit_test(test_key_set_fields),
                cmocka_unit_test(test_wrapped_keys),      cmocka_unit_test(test_request_variants),
                cmocka_unit_test(test_response_variants), cmocka_unit_test(test_time_path),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
