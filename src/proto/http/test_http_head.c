#include "proto/http/http_head.h"
#include "test/kit/check.h"

#define HOST "Host: kms.mc.example\r\n"

static enum ecode parse(const char *text, struct http_head *h)
{
        struct bytes in = bytes_str(text);
        assert_int_equal(http_head_end(in, 0), in.n);
        return http_head_parse(in, h, NULL);
}

static void reads_a_request(void **state)
{
        (void)state;
        struct http_head h;
        CHECK_OK(parse("POST /keymanagement/identity/v1/keyprov/sip:a@b?x=%20&y HTTP/1.1\r\n" HOST
                       "Content-Length:  12 \r\nX-Empty:\r\nConnection: foo, Close\r\nExpect: 100-Continue\r\n\r\n",
                       &h));
        assert_true(bytes_eq_str(h.method, "POST"));
        assert_true(bytes_eq_str(h.path, "/keymanagement/identity/v1/keyprov/sip:a@b"));
        assert_true(bytes_eq_str(h.query, "x=%20&y"));
        assert_true(bytes_eq_str(h.host, "kms.mc.example"));
        assert_int_equal(h.form, HTTP_FORM_ORIGIN);
        assert_true(h.has_length && !h.chunked && h.length == 12);
        assert_true(!h.keep_alive && h.expect_continue);
        assert_int_equal(h.fields_n, 5);
        assert_true(bytes_eq_str(http_head_find(&h, "content-length")->value, "12"));
        assert_int_equal(http_head_find(&h, "x-empty")->value.n, 0);
        assert_null(http_head_find(&h, "X-None"));
}

static void reads_the_forms_of_a_target(void **state)
{
        (void)state;
        struct http_head h;
        CHECK_OK(parse("GET https://kms.mc.example/a?b HTTP/1.1\r\n" HOST "\r\n", &h));
        assert_int_equal(h.form, HTTP_FORM_ABSOLUTE);
        assert_true(bytes_eq_str(h.path, "/a") && bytes_eq_str(h.query, "b"));
        CHECK_OK(parse("CONNECT idm.mc.example:443 HTTP/1.1\r\n" HOST "\r\n", &h));
        assert_int_equal(h.form, HTTP_FORM_AUTHORITY);
        CHECK_OK(parse("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", &h));
        assert_int_equal(h.form, HTTP_FORM_ASTERISK);
        CHECK_OK(parse("GET / HTTP/1.0\r\n" HOST "\r\n", &h));
        assert_true(h.minor == 0 && !h.keep_alive && h.query.n == 0);
        CHECK_OK(parse("GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", &h));
        assert_true(h.keep_alive);
}

/* R-KMS-62, R-KMS-59 */
static void refuses_what_two_readers_could_read_differently(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum ecode want;
        } bad[] = {
                { "GET / HTTP/1.1\r\n" HOST HOST "\r\n", E_DUPLICATE },
                { "GET / HTTP/1.1\r\n" HOST "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n", E_DUPLICATE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", E_DUPLICATE },
                { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", E_DUPLICATE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", E_DUPLICATE },
                { "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", E_DUPLICATE },
                { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", E_UNSUPPORTED },
                { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
                  E_DUPLICATE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n", E_RANGE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n", E_RANGE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", E_RANGE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n", E_RANGE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n", E_RANGE },
                { "POST / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\n", E_SYNTAX },
                { "POST / HTTP/1.1\r\n" HOST " folded: 3\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\nHost: a\n\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST "A: b\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\nA: b\r\n\r\n", E_MISSING },
                { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", E_SYNTAX },
                { "GET / HTTP/2.0\r\n" HOST "\r\n", E_RANGE },
                { "GET / http/1.1\r\n" HOST "\r\n", E_RANGE },
                { "GET  / HTTP/1.1\r\n" HOST "\r\n", E_SYNTAX },
                { "GET / x HTTP/1.1\r\n" HOST "\r\n", E_RANGE },
                { "GET /\x80 HTTP/1.1\r\n" HOST "\r\n", E_SYNTAX },
                { "GET /#f HTTP/1.1\r\n" HOST "\r\n", E_SYNTAX },
                { "GET\r\n" HOST "\r\n", E_SYNTAX },
                { "GET x HTTP/1.1\r\n" HOST "\r\n", E_SYNTAX },
                { "GET https://other.example/ HTTP/1.1\r\n" HOST "\r\n", E_SYNTAX },
                { "GET / HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n", E_UNSUPPORTED },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct http_head h = { .minor = 77 };
                enum ecode got = parse(bad[i].text, &h);
                if (got != bad[i].want)
                        fail_msg("want %s, got %s: %s", ecode_name(bad[i].want), ecode_name(got), bad[i].text);
                assert_int_equal(h.minor, 77); /* nothing is written on failure */
        }
        static const char nul[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n";
        CHECK_E(E_SYNTAX, http_head_parse(bytes_of(nul, sizeof nul - 1), &(struct http_head){ 0 }, NULL));
}

static void checks_paths(void **state)
{
        (void)state;
        static const char *const good[] = {
                "/", "/a", "/a/", "/a/...", "/a/.b/b.", "/sip:a@b%20c", "/a/~~/b%5b1%5d", "/%c3%a4", "/..a/a..",
        };
        static const char *const bad[] = {
                "",    "a",    "//",      "//a",       "/a//b",       "/a%2f/b", "/%2fa",
                "/.",  "/..",  "/a/../b", "/a/./b",    "/a/%2e%2E/b", "/a/.%2e", "/a%00",
                "/a%", "/a%4", "/a%zz",   "/a/..%2fb", "/a/%2e",
        };
        for (size_t i = 0; i < COUNT(good); i++)
                if (http_path_check(bytes_str(good[i]), NULL) != E_OK)
                        fail_msg("refused: %s", good[i]);
        for (size_t i = 0; i < COUNT(bad); i++)
                if (http_path_check(bytes_str(bad[i]), NULL) != E_SYNTAX)
                        fail_msg("accepted: %s", bad[i]);
}

static void limits_the_number_of_fields(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct http_head h;
        for (int n = HTTP_FIELDS_MAX - 1; n <= HTTP_FIELDS_MAX; n++) {
                struct buf b = buf_on(mem);
                buf_puts(&b, "GET / HTTP/1.1\r\n" HOST);
                for (int i = 0; i < n; i++)
                        buf_printf(&b, "X-%d: y\r\n", i);
                buf_puts(&b, "\r\n");
                CHECK_E(n < HTTP_FIELDS_MAX ? E_OK : E_LONG, http_head_parse(buf_bytes(&b), &h, NULL));
        }
        talloc_free(mem);
}

static void finds_the_end_in_drops(void **state)
{
        (void)state;
        static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        size_t end = 0, at = 0;
        for (; end == 0; at++)
                end = http_head_end(bytes_of(text, at), at > 0 ? at - 1 : 0);
        assert_int_equal(end, sizeof text - 1 - 4);
        assert_int_equal(http_head_end(BYTES_LIT("GET /\n\nx"), 0), 7);
        assert_int_equal(http_head_end(BYTES_LIT(""), 0), 0);
}

/* W3C Trace Context */
static void reads_traceparent(void **state)
{
        (void)state;
        char id[33];
        CHECK_OK(http_traceparent(BYTES_LIT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), id));
        assert_string_equal(id, "4bf92f3577b34da6a3ce929d0e0e4736");
        CHECK_OK(http_traceparent(BYTES_LIT("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"), id));
        static const char *const bad[] = {
                "",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, http_traceparent(bytes_str(bad[i]), id));
}

static void decodes_chunks(void **state)
{
        (void)state;
        static const struct {
                const char *in, *out;
                enum ecode want;
        } row[] = {
                { "5\r\nhello\r\n0\r\n\r\n", "hello", E_OK },
                { "1;a=b\r\nx\r\n00A\r\n0123456789\r\n0\r\nTrailer: y\r\n\r\n", "x0123456789", E_OK },
                { "0\r\n\r\n", "", E_OK },
                { "5\nhello\r\n0\r\n\r\n", "", E_SYNTAX },
                { "5\r\nhelloX\r\n0\r\n\r\n", "hello", E_SYNTAX },
                { "\r\n", "", E_SYNTAX },
                { "-5\r\n", "", E_SYNTAX },
                { " 5\r\n", "", E_SYNTAX },
                { "0000000000000005\r\n", "", E_SYNTAX },
                { "11\r\n", "", E_OK },
                { "11\r\n0", "", E_LONG },
                { "fffffffffffffff\r\nx", "", E_LONG },
                { "5\r\nhello\r\n0\r\nA\n", "hello", E_SYNTAX },
        };
        void *mem = talloc_new(NULL);
        for (size_t i = 0; i < COUNT(row); i++) {
                struct http_chunked c = { 0 };
                struct buf out = buf_on(mem);
                size_t used = 0;
                enum ecode got = http_chunked_feed(&c, bytes_str(row[i].in), &out, 16, &used);
                if (got != row[i].want || !bytes_eq_str(buf_bytes(&out), row[i].out))
                        fail_msg("%s: %s, %.*s", row[i].in, ecode_name(got), (int)out.n, out.p);
        }
        struct http_chunked c = { 0 };
        struct buf out = buf_on(mem);
        size_t used = 0;
        CHECK_OK(http_chunked_feed(&c, BYTES_LIT("1\r\na\r\n0\r\n\r\nGET /"), &out, 16, &used));
        assert_true(c.done);
        assert_int_equal(used, 11);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_a_request),
                cmocka_unit_test(reads_the_forms_of_a_target),
                cmocka_unit_test(refuses_what_two_readers_could_read_differently),
                cmocka_unit_test(checks_paths),
                cmocka_unit_test(limits_the_number_of_fields),
                cmocka_unit_test(finds_the_end_in_drops),
                cmocka_unit_test(reads_traceparent),
                cmocka_unit_test(decodes_chunks),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
