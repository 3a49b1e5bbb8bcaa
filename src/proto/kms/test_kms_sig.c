#include "test/kit/check.h"

#include "proto/kms/kms.h"
#include "proto/kms/kms_sig.h"

#define INK_NAME "ink.12.sip:alice@example.org"

static enum ecode find(const void *arg, const char *name, struct bytes *ret)
{
        if (strcmp(name, INK_NAME) != 0)
                return E_NOT_FOUND;
        *ret = *(const struct bytes *)arg;
        return E_OK;
}

static enum ecode down(const void *arg, const char *name, struct bytes *ret)
{
        (void)arg, (void)name, (void)ret;
        return E_STORE_DOWN;
}

static struct bytes ink(void *mem)
{
        json_t *doc = vector_json(mem, "mikey-3gpp.json");
        struct bytes k =
                vector_hex(mem, json_string_value(json_object_get(json_object_get(doc, "example_kms"), "InK")));
        json_decref(doc);
        return k;
}

/* R-KMS-70: documents signed by another implementation. */
static void test_vectors(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const char *const files[] = { "kms-xml/09-signed-keyprov-request.xml",
                                             "kms-xml/10-signed-init-response-new-keys.xml",
                                             "kms-xml/11-signed-keyprov-response-wrapped.xml" };
        struct bytes key = ink(mem);
        for (size_t i = 0; i < COUNT(files); i++) {
                struct err er = { 0 };
                char *name = NULL;
                const struct kms_sig_keys keys = { find, &key };
                if (kms_signature_verify(mem, vector_file(mem, files[i]), &keys, &name, &er) != E_OK)
                        fail_msg("%s: %s", files[i], er.text);
                assert_string_equal(name, INK_NAME);
        }
        talloc_free(mem);
}

static struct bytes replaced(void *mem, struct bytes in, const char *what, const char *by)
{
        char *text = talloc_strndup(mem, (const char *)in.p, in.n);
        char *at = strstr(text, what);
        if (at == NULL)
                fail_msg("%s is not in the document", what);
        *at = 0;
        return bytes_str(talloc_asprintf(mem, "%s%s%s", text, by, at + strlen(what)));
}

/* R-KMS-70, R-KMS-71 */
static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct bytes file = vector_file(mem, "kms-xml/09-signed-keyprov-request.xml"), key = ink(mem), other = key;
        static const struct {
                const char *what, *by;
                enum ecode e;
        } vec[] = {
                { "<UserUri>sip:alice", "<UserUri>sip:mallory", E_SIGNATURE },
                { "<ds:DigestValue>9k", "<ds:DigestValue>8k", E_SIGNATURE },
                { "<ds:SignatureValue>w8", "<ds:SignatureValue>x8", E_SIGNATURE },
                { ">256<", ">128<", E_SIGNATURE },
                { ">256<", "> 256 <", E_SIGNATURE }, /* SignedInfo itself is covered */
                { "<ds:KeyName>ink.12", "<ds:KeyName>ink.13", E_SIGNATURE },
                { "hmac-sha256", "hmac-md5", E_UNSUPPORTED },
                { "xmlenc#sha256", "xmlenc#sha512", E_UNSUPPORTED },
                { "REC-xml-c14n-20010315", "REC-xml-c14n-20010315#WithComments", E_UNSUPPORTED },
                { "URI=\"#req-2\"", "URI=\"#req-3\"", E_SIGNATURE },
                { "URI=\"#req-2\"", "URI=\"\"", E_MISSING },
                { "<DeviceId>", "<DeviceId Id=\"req-2\">", E_SIGNATURE },
                { "<ds:SignedInfo>", "<ds:SignedInfo id=\"req-2\">", E_SIGNATURE },
                { "</ds:Signature>", "</ds:Signature><KmsRequest Id=\"req-9\"/>", E_SYNTAX },
                { "</ds:Signature>", "<ds:Object/></ds:Signature><x/>", E_SYNTAX },
                { "<ds:KeyName>" INK_NAME "</ds:KeyName>", "", E_MISSING },
                { "<ds:DigestMethod",
                  "<ds:Transforms><ds:Transform Algorithm=\"urn:xslt\"/></ds:Transforms><ds:DigestMethod",
                  E_UNSUPPORTED },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct err er = { 0 };
                char *name = NULL;
                const struct kms_sig_keys keys = { find, &key };
                enum ecode e =
                        kms_signature_verify(mem, replaced(mem, file, vec[i].what, vec[i].by), &keys, &name, &er);
                if (e != vec[i].e || name != NULL)
                        fail_msg("%s: %s %s", vec[i].by, ecode_name(e), er.text);
        }
        char *name = NULL;
        uint8_t wrong[32] = { 1 };
        other = BYTES_ARR(wrong);
        CHECK_E(E_SIGNATURE, kms_signature_verify(mem, file, &(struct kms_sig_keys){ find, &other }, &name, NULL));
        /* "no" is not "could not ask" */
        CHECK_E(E_STORE_DOWN, kms_signature_verify(mem, file, &(struct kms_sig_keys){ down, NULL }, &name, NULL));
        CHECK_E(E_SYNTAX, kms_signature_verify(mem, vector_file(mem, "kms-xml/01-init-request.xml"),
                                               &(struct kms_sig_keys){ find, &key }, &name, NULL));
        talloc_free(mem);
}

/* R-KMS-70: what we sign verifies, also in the middle of other octets of the same document changing. */
static void test_sign(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct bytes key = ink(mem), out;
        static const char *const files[] = { "kms-xml/03-keyprov-request.xml", "kms-xml/04-keyprov-response.xml" };
        for (size_t i = 0; i < COUNT(files); i++) {
                char *name = NULL;
                const struct kms_sig_keys keys = { find, &key };
                CHECK_OK(kms_sign(mem, vector_file(mem, files[i]), INK_NAME, key, &out, NULL));
                CHECK_OK(kms_signature_verify(mem, out, &keys, &name, NULL));
                struct bytes bad = replaced(mem, out, "alice@example.org", "elice@example.org");
                CHECK_E(E_SIGNATURE, kms_signature_verify(mem, bad, &keys, &name, NULL));
        }
        struct kms_response *rs = NULL;
        CHECK_OK(kms_response_parse(mem, out, &rs, NULL));
        assert_true(rs->is_signed);
        struct bytes no_id = replaced(mem, vector_file(mem, files[0]), " Id=\"req-1\"", "");
        CHECK_E(E_MISSING, kms_sign(mem, no_id, INK_NAME, key, &out, NULL));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_sign),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
