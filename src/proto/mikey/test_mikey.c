#include "test/kit/check.h"

#include "proto/mikey/mikey.h"

static const json_t *worked(json_t *doc, const char *name)
{
        json_t *list = json_object_get(doc, "worked_examples"), *one;
        size_t i;
        json_array_foreach(list, i, one) if (name == NULL || strcmp(json_string_value(json_object_get(one, "name")),
                                                                    name) == 0) return one;
        fail_msg("no worked example %s", name);
        return NULL;
}

static struct bytes hex_of(void *mem, const json_t *o, const char *key)
{
        return vector_hex(mem, json_string_value(json_object_get(o, key)));
}

/* R-KMS-100: struct to octets and back for all three messages. R-KMS-107: roles 8 and 9. */
static void test_worked_examples(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *doc = vector_json(mem, "mikey-3gpp.json"), *one;
        size_t i;
        json_array_foreach(json_object_get(doc, "worked_examples"), i, one)
        {
                struct bytes msg = hex_of(mem, one, "message_hex"), out, raw;
                struct mikey_msg m;
                struct err er = { 0 };
                if (mikey_parse(msg, &m, &er) != E_OK)
                        fail_msg("%s", er.text);
                assert_true(m.hidden);
                assert_int_equal(m.ntp_s, json_integer_value(json_object_get(one, "ntp_seconds")));
                assert_int_equal(mikey_time_s(&m, 1782907000), 1782907200);
                CHECK_BYTES("RAND", m.rand, hex_of(mem, one, "rand"));
                assert_int_equal(m.initiator.data.n, 32);
                assert_true(bytes_eq_str(m.kms_r.data, "kms.example.org"));
                assert_int_equal(m.signed_part.n, msg.n - MIKEY_SIG_LEN);
                CHECK_OK(mikey_print_unsigned(mem, &m, &out, NULL));
                CHECK_BYTES("printed", out, m.signed_part);
                const char *b64 = json_string_value(json_object_get(one, "message_base64"));
                CHECK_OK(mikey_from_body(mem, bytes_str(b64), &raw));
                CHECK_BYTES("base64", raw, msg);
                CHECK_OK(mikey_from_body(mem, msg, &raw));
                CHECK_BYTES("binary", raw, msg);
        }
        assert_int_equal(i, 3);
        json_decref(doc);
        talloc_free(mem);
}

/* R-KMS-103, R-KMS-104 */
static void test_lengths(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *doc = vector_json(mem, "mikey-3gpp.json");
        struct bytes msg = hex_of(mem, worked(doc, "GMK to bob"), "message_hex");
        struct mikey_msg m;
        for (size_t n = 0; n < msg.n; n++) {
                struct bytes cut = bytes_copy(mem, bytes_of(msg.p, n)); /* its own allocation: an over-read shows */
                struct err er = { 0 };
                enum ecode e = mikey_parse(cut, &m, &er);
                if (e != E_SHORT)
                        fail_msg("cut to %zu octets: %s %s", n, ecode_name(e), er.text);
                talloc_free((void *)(uintptr_t)cut.p);
        }
        uint8_t *longer = talloc_zero_size(mem, MIKEY_OCTETS_MAX + 1);
        memcpy(longer, msg.p, msg.n);
        CHECK_E(E_LONG, mikey_parse(bytes_of(longer, msg.n + 1), &m, NULL));
        CHECK_E(E_LONG, mikey_parse(bytes_of(longer, MIKEY_OCTETS_MAX + 1), &m, NULL));
        json_decref(doc);
        talloc_free(mem);
}

static struct bytes printed(void *mem, const struct mikey_msg *m)
{
        struct bytes body;
        struct buf whole = buf_on(mem);
        CHECK_OK(mikey_print_unsigned(mem, m, &body, NULL));
        buf_put(&whole, body);
        buf_put(&whole, m->signature);
        return buf_bytes(&whole);
}

/* R-KMS-102 (structure), R-KMS-107, R-KMS-108, R-KMS-115 */
static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *doc = vector_json(mem, "mikey-3gpp.json");
        struct mikey_msg good, m, out;
        CHECK_OK(mikey_parse(hex_of(mem, worked(doc, "CSK upload"), "message_hex"), &good, NULL));

        m = good;
        m.hidden = false;
        m.initiator.data = bytes_str("sip:alice@example.org");
        m.responder.data = bytes_str("sip:mcptt-server@example.org");
        CHECK_OK(mikey_parse(printed(mem, &m), &out, NULL));
        assert_false(out.hidden);
        assert_true(bytes_eq_str(out.initiator.data, "sip:alice@example.org"));
        m.initiator.type = 0; /* NAI */
        CHECK_E(E_UNSUPPORTED, mikey_parse(printed(mem, &m), &out, NULL));
        m.initiator = (struct mikey_id){ 1, BYTES_LIT("sip:alice\0") };
        CHECK_E(E_RANGE, mikey_parse(printed(mem, &m), &out, NULL));
        m = good;
        m.responder.data.n--;
        CHECK_E(E_RANGE, mikey_parse(printed(mem, &m), &out, NULL));
        m = good;
        m.csb_id = 0x70000001;
        CHECK_E(E_RANGE, mikey_parse(printed(mem, &m), &out, NULL));
        m = good;
        m.rand.n = 15;
        CHECK_E(E_RANGE, mikey_parse(printed(mem, &m), &out, NULL));
        m = good;
        m.cs[0].policies = bytes_of(good.rand.p, 0x80);
        struct bytes none;
        CHECK_E(E_RANGE, mikey_print_unsigned(mem, &m, &none, NULL));

        static const struct {
                const char *params;
                enum ecode e;
        } policy[] = {
                { "", E_OK },          { "ee0177", E_OK },    { "000106140110", E_OK }, { "000100", E_RANGE },
                { "14010c", E_RANGE }, { "01010f", E_RANGE }, { "070100", E_RANGE },    { "0001", E_SHORT },
                { "00", E_SHORT },     { "01020010", E_OK },  { "0100", E_RANGE },
        };
        for (size_t i = 0; i < COUNT(policy); i++) {
                m = good;
                m.policies[0].params = vector_hex(mem, policy[i].params);
                struct err er = { 0 };
                if (mikey_parse(printed(mem, &m), &out, &er) != policy[i].e)
                        fail_msg("policy %s: %s", policy[i].params, er.text);
        }
        m = good;
        m.policies[1] = m.policies[0];
        m.policies_n = 2;
        CHECK_E(E_DUPLICATE, mikey_parse(printed(mem, &m), &out, NULL));
        json_decref(doc);
        talloc_free(mem);
}

/* Where a payload starts, by walking the chain of the worked example. */
static struct bytes spliced(void *mem, struct bytes msg, size_t at, struct bytes extra, uint8_t type, size_t fix)
{
        struct buf b = buf_on(mem);
        buf_put(&b, bytes_of(msg.p, at));
        buf_put(&b, extra);
        buf_put(&b, bytes_of(msg.p + at, msg.n - at));
        b.p[fix] = type;
        return buf_bytes(&b);
}

/* R-KMS-107 (duplicates, mixed roles), R-KMS-117 */
static void test_chain(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *doc = vector_json(mem, "mikey-3gpp.json");
        struct bytes msg = hex_of(mem, worked(doc, "PCK minimal"), "message_hex");
        struct mikey_msg m;
        struct err er = { 0 };
        /* T stands at 10, RAND at 20, IDRuidi at 38, IDRuidr at 75 */
        CHECK_E(E_DUPLICATE,
                mikey_parse(spliced(mem, msg, 10, vector_hex(mem, "0500edef7fc000000000"), 5, 2), &m, &er));
        CHECK_E(E_DUPLICATE, mikey_parse(spliced(mem, msg, 38, bytes_of(msg.p + 38, 37), 14, 20), &m, &er));
        uint8_t *mixed = talloc_memdup(mem, msg.p, msg.n);
        mixed[39] = MIKEY_ROLE_INITIATOR;
        memset(mixed + 43, 'a', 32);
        CHECK_E(E_SYNTAX, mikey_parse(bytes_of(mixed, msg.n), &m, &er));
        assert_string_equal(er.req, "R-KMS-107");
        mixed[39] = 3;
        CHECK_E(E_UNSUPPORTED, mikey_parse(bytes_of(mixed, msg.n), &m, &er));

        /* extensions nobody knows are skipped, but not without end */
        struct buf many = buf_on(mem);
        for (int i = 0; i < 20; i++)
                buf_put(&many, vector_hex(mem, "15630000"));
        many.p[many.n - 4] = 5;
        CHECK_OK(mikey_parse(spliced(mem, msg, 10, buf_bytes(&many), 21, 2), &m, &er));
        struct bytes twenty = buf_bytes(&many);
        struct bytes forty = spliced(mem, twenty, 0, vector_hex(mem, "15630000156300001563000015630000"), 21, 0);
        forty = spliced(mem, forty, 0, vector_hex(mem, "15630000156300001563000015630000"), 21, 0);
        CHECK_E(E_LONG, mikey_parse(spliced(mem, msg, 10, forty, 21, 2), &m, &er));
        assert_string_equal(er.req, "R-KMS-117");

        /* the chain ends before SIGN, or names a payload that is not served */
        uint8_t *ends = talloc_memdup(mem, msg.p, msg.n);
        ends[2] = 0;
        CHECK_E(E_MISSING, mikey_parse(bytes_of(ends, msg.n), &m, &er));
        ends[2] = 7;
        CHECK_E(E_UNSUPPORTED, mikey_parse(bytes_of(ends, msg.n), &m, &er));
        json_decref(doc);
        talloc_free(mem);
}

static void test_self(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *doc = vector_json(mem, "mikey-3gpp.json");
        struct mikey_msg m, out;
        CHECK_OK(mikey_parse(hex_of(mem, worked(doc, "CSK upload"), "message_hex"), &m, NULL));
        m.has_self = true;
        m.self = m.sakke;
        for (int after = 0; after <= 1; after++) {
                m.ext_after_sakke = after;
                CHECK_OK(mikey_parse(printed(mem, &m), &out, NULL));
                assert_true(out.has_self);
                assert_int_equal(out.ext_after_sakke, after);
                CHECK_BYTES("SED", out.self.sed, m.sakke.sed);
                CHECK_BYTES("params", out.key_params, m.key_params);
        }
        json_decref(doc);
        talloc_free(mem);
}

/* R-KMS-25: T wraps in 2036. */
static void test_time(void **state)
{
        (void)state;
        struct mikey_msg m = { .ntp_s = 0xffffffff };
        assert_int_equal(mikey_time_s(&m, 2085978500), 2085978495);
        m.ntp_s = 5;
        assert_int_equal(mikey_time_s(&m, 2085978490), 2085978501);
        assert_int_equal(mikey_time_s(&m, 2085978600), 2085978501);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_worked_examples), cmocka_unit_test(test_lengths), cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_chain),           cmocka_unit_test(test_self),    cmocka_unit_test(test_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
