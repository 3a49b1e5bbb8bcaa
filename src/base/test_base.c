#include "test/kit/check.h"

#include "base/env.h"
#include "base/event.h"
#include "base/rdwr.h"
#include "base/secret.h"

static void test_codec(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *plain, *b64, *b64url;
        } vec[] = {
                /* RFC 4648 clause 10 */
                { "", "", "" },
                { "f", "Zg==", "Zg" },
                { "fo", "Zm8=", "Zm8" },
                { "foo", "Zm9v", "Zm9v" },
                { "foob", "Zm9vYg==", "Zm9vYg" },
                { "fooba", "Zm9vYmE=", "Zm9vYmE" },
                { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct bytes back;
                assert_string_equal(b64_encode(mem, bytes_str(vec[i].plain)), vec[i].b64);
                assert_string_equal(b64url_encode(mem, bytes_str(vec[i].plain)), vec[i].b64url);
                CHECK_OK(b64_decode(mem, bytes_str(vec[i].b64), &back));
                CHECK_BYTES(vec[i].plain, back, bytes_str(vec[i].plain));
                CHECK_OK(b64url_decode(mem, bytes_str(vec[i].b64url), &back));
                CHECK_BYTES(vec[i].plain, back, bytes_str(vec[i].plain));
        }
        static const char *const bad[] = { "Zg==", "Zh", "Z", "Zm9v\n", "Zm 9v", "Zm+v" };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct bytes back;
                CHECK_E(E_SYNTAX, b64url_decode(mem, bytes_str(bad[i]), &back));
        }
        struct bytes hex;
        CHECK_OK(hex_decode(mem, bytes_str("00fFa5"), &hex));
        assert_string_equal(hex_encode(mem, hex), "00ffa5");
        CHECK_E(E_SYNTAX, hex_decode(mem, bytes_str("0"), &hex));
        CHECK_E(E_SYNTAX, hex_decode(mem, bytes_str("0g"), &hex));
        talloc_free(mem);
}

static void test_reader_sticks(void **state)
{
        (void)state;
        const uint8_t in[] = { 1, 2, 3 };
        struct rd r = rd_init(BYTES_ARR(in));
        assert_int_equal(rd_u16(&r), 0x0102);
        assert_int_equal(rd_u16(&r), 0);
        assert_int_equal(rd_u8(&r), 0); /* one octet is left, but the reader is broken */
        assert_int_equal(r.err, E_SHORT);
        uint8_t out[3];
        struct wr w = wr_init(out, sizeof out);
        wr_u16(&w, 0xabcd);
        wr_u16(&w, 1);
        wr_u8(&w, 1);
        assert_int_equal(w.err, E_LONG);
        assert_int_equal(w.at, 2);
}

static void test_buf_limit(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct buf b = buf_on(mem);
        b.max = 8;
        buf_printf(&b, "%s-%d", "abc", 42);
        assert_string_equal(buf_str(&b), "abc-42");
        buf_puts(&b, "xyz");
        assert_true(b.failed);
        assert_null(buf_str(&b));
        talloc_free(mem);
}

static void test_time(void **state)
{
        (void)state;
        char text[21];
        time_iso8601(1767261600, text);
        assert_string_equal(text, "2026-01-01T10:00:00Z");
        int64_t t;
        CHECK_OK(time_parse_iso8601(bytes_str("2026-01-01T10:00:00Z"), &t));
        assert_int_equal(t, 1767261600);
        CHECK_OK(time_parse_iso8601(bytes_str("2026-01-01T12:00:00.25+02:00"), &t));
        assert_int_equal(t, 1767261600);
        static const char *const bad[] = { "",
                                           "2026-01-01",
                                           "2026-13-01T10:00:00Z",
                                           "2026-01-01T10:00:00X",
                                           "2026-01-01T10:00:00.Z",
                                           "2026- 1-01T10:00:00Z",
                                           "+026-01-01T10:00:00Z",
                                           "2026-01-01T10:00:00+ 2:00" };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, time_parse_iso8601(bytes_str(bad[i]), &t));
}

static void test_err(void **state)
{
        (void)state;
        struct err er;
        CHECK_E(E_PKCE_MISMATCH, err_set(&er, E_PKCE_MISMATCH, "R-ID-62", "verifier of %d characters", 43));
        err_at(&er, "token endpoint");
        assert_string_equal(er.text, "token endpoint: verifier of 43 characters");
        assert_string_equal(er.req, "R-ID-62");
        assert_string_equal(ecode_oauth(er.code), "invalid_grant");
        assert_true(ecode_undecided(E_STORE_DOWN));
        assert_false(ecode_undecided(E_NOT_FOUND));
        for (int e = 1; e < E_COUNT; e++)
                assert_true(strlen(ecode_advice(e)) > 10);
}

static void test_events(void **state)
{
        (void)state;
        struct log *log = log_mem();
        ev(log, EV_INFO, "thing-done", KV_STR("a", "b"), KV_INT("n", 7), KV_HASH("user", "alice"),
           KV_STR("none", NULL));
        struct err er;
        err_set(&er, E_TOKEN_EXPIRED, "R-ID-82", "31 s too old");
        ev_refused(log, "mcx-sign-on", "3.5", &er, (const struct ev_kv[]){ KV_STR("extra", "1"), { 0 } });
        const char *text = log_mem_text(log);
        assert_non_null(strstr(text, "\"event\":\"thing-done\",\"a\":\"b\",\"n\":7,\"user\":\""));
        assert_null(strstr(text, "alice"));
        assert_null(strstr(text, "none"));
        assert_non_null(strstr(text, "\"cause\":\"E_TOKEN_EXPIRED\",\"req\":\"R-ID-82\""));
        assert_non_null(strstr(text, "\"extra\":\"1\""));
        log_close(log);
        char *s = ev_abbrev(NULL, "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln");
        assert_string_equal(s, "eyJhbGci... (49 characters)");
        talloc_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codec), cmocka_unit_test(test_reader_sticks), cmocka_unit_test(test_buf_limit),
                cmocka_unit_test(test_time),  cmocka_unit_test(test_err),           cmocka_unit_test(test_events),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
