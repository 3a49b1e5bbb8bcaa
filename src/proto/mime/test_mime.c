#include "test/kit/check.h"

#include "proto/mime/mime.h"

#define MIXED "multipart/mixed"

/* R-SA-58 */
static void test_accepts(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const char body[] = "a preamble\r\n--b\r\nContent-Type: application/x\r\n\r\ndo not mind --b here\r\n"
                                   "--b  \r\ncontent-type:Application/Y;q=1\r\nContent-ID: <i@h>\r\nX-Other: 1\r\n"
                                   "Content-Transfer-Encoding: Base64\r\n\r\nAQI=\r\n--bb\r\n"
                                   "--b\r\n\r\nplain\r\n--b\r\n--b--\r\nepilogue";
        static const char *const types[] = { MIXED ";boundary=b", MIXED "; boundary=\"b\"",
                                             "Multipart/Related ; type=\"a;boundary=c\"; BOUNDARY = \"\\b\" ;x=y" };
        for (size_t i = 0; i < COUNT(types); i++) {
                struct mime_part *root = NULL;
                struct err er = { 0 };
                if (mime_parse(mem, types[i], bytes_str(body), 0, &root, &er) != E_OK)
                        fail_msg("%s: %s", types[i], er.text);
                assert_int_equal(root->n, 4);
                assert_int_equal(root->depth, 1);
                assert_string_equal(root->parts[0].type, "application/x");
                CHECK_BYTES("first", root->parts[0].body, bytes_str("do not mind --b here"));
                const struct mime_part *y = mime_find(root, "application/y");
                assert_ptr_equal(y, &root->parts[1]);
                assert_string_equal(y->content_type, "Application/Y;q=1");
                assert_string_equal(y->id, "i@h");
                assert_string_equal(y->encoding, "base64");
                assert_ptr_equal(mime_find_id(root, "cid:i@h"), y);
                assert_ptr_equal(mime_find_id(root, "<i@h>"), y);
                assert_ptr_equal(mime_find_id(root, "i@h"), y);
                assert_null(mime_find_id(root, "j@h"));
                struct bytes decoded;
                CHECK_E(E_SYNTAX, mime_body(mem, y, &decoded)); /* --bb is not base64 */
                assert_string_equal(root->parts[2].type, "text/plain");
                CHECK_BYTES("no headers", root->parts[2].body, bytes_str("plain"));
                assert_int_equal(root->parts[3].body.n, 0);
                assert_null(mime_find(root, "application/z"));
        }
        talloc_free(mem);
}

static void test_single(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mime_part *root = NULL;
        CHECK_OK(mime_parse(mem, " application/mikey ", BYTES_LIT("\x01\x1a"), 0, &root, NULL));
        assert_int_equal(root->n, 0);
        assert_ptr_equal(mime_find(root, "application/mikey"), root);
        CHECK_BYTES("body", root->body, BYTES_LIT("\x01\x1a"));
        talloc_free(mem);
}

/* R-SA-57 */
static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *what, *type, *body;
                enum ecode e;
        } bad[] = {
                { "no boundary parameter", MIXED, "--b\r\n\r\n\r\n--b--", E_SYNTAX },
                { "empty boundary", MIXED ";boundary=\"\"", "--\r\n\r\n\r\n----", E_SYNTAX },
                { "open quote", MIXED ";boundary=\"b", "--b\r\n\r\n\r\n--b--", E_SYNTAX },
                { "boundary does not occur", MIXED ";boundary=b", "--c\r\n\r\n\r\n--c--", E_SYNTAX },
                { "unterminated", MIXED ";boundary=b", "--b\r\n\r\nx\r\n", E_SYNTAX },
                { "unterminated after two", MIXED ";boundary=b", "--b\r\n\r\nx\r\n--b\r\n\r\ny", E_SYNTAX },
                { "nothing inside", MIXED ";boundary=b", "--b--", E_SYNTAX },
                { "no type", "", "x", E_SYNTAX },
                { "half a type", "text/", "x", E_SYNTAX },
                { "header without colon", MIXED ";boundary=b", "--b\r\nhello\r\n\r\nx\r\n--b--", E_SYNTAX },
                { "type twice", MIXED ";boundary=b", "--b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n--b--",
                  E_DUPLICATE },
                { "bad inner", MIXED ";boundary=b", "--b\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--b--",
                  E_SYNTAX },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct mime_part *root = NULL;
                struct err er = { 0 };
                enum ecode e = mime_parse(mem, bad[i].type, bytes_str(bad[i].body), 0, &root, &er);
                if (e != bad[i].e || root != NULL)
                        fail_msg("%s: %s %s", bad[i].what, ecode_name(e), er.text);
        }
        talloc_free(mem);
}

static char *nested(void *mem, unsigned levels)
{
        char *s = talloc_strdup(mem, "x");
        for (unsigned i = levels; i >= 1; i--) /* the boundary at level i is "bi" */
                s = talloc_asprintf(mem, "--b%u\r\nContent-Type: %s%u\r\n\r\n%s\r\n--b%u--\r\n", i,
                                    i == levels ? "text/x;n=" : MIXED ";boundary=b", i + 1, s, i);
        return s;
}

/* R-SA-39 */
static void test_limits(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mime_part *root = NULL;
        struct err er = { 0 };
        CHECK_OK(mime_parse(mem, MIXED ";boundary=b1", bytes_str(nested(mem, 3)), 0, &root, &er));
        assert_int_equal(root->parts[0].parts[0].parts[0].depth, 4);
        CHECK_BYTES("innermost", root->parts[0].parts[0].parts[0].body, bytes_str("x"));
        CHECK_E(E_LONG, mime_parse(mem, MIXED ";boundary=b1", bytes_str(nested(mem, 4)), 0, &root, &er));
        assert_string_equal(er.req, "R-SA-39");
        CHECK_E(E_LONG, mime_parse(mem, MIXED ";boundary=b1", bytes_str(nested(mem, 3)), 1, &root, &er));
        CHECK_OK(mime_parse(mem, "text/x", bytes_str("x"), 3, &root, &er));
        CHECK_E(E_LONG, mime_parse(mem, "text/x", bytes_str("x"), 4, &root, &er));

        uint8_t *big = talloc_zero_size(mem, MIME_OCTETS_MAX + 1);
        CHECK_OK(mime_parse(mem, "text/x", bytes_of(big, MIME_OCTETS_MAX), 0, &root, &er));
        CHECK_E(E_LONG, mime_parse(mem, "text/x", bytes_of(big, MIME_OCTETS_MAX + 1), 0, &root, &er));

        struct buf many = buf_on(mem);
        for (unsigned i = 0; i <= MIME_PARTS_MAX; i++)
                buf_puts(&many, "--b\r\n\r\nx\r\n");
        buf_puts(&many, "--b--");
        CHECK_E(E_LONG, mime_parse(mem, MIXED ";boundary=b", buf_bytes(&many), 0, &root, &er));
        talloc_free(mem);
}

/* R-SA-133 */
static void test_prints(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        const struct mime_out parts[] = {
                { .content_type = "application/x+xml", .id = "i@h", .body = bytes_str("<a/>") },
                { .content_type = "application/mikey", .encoding = "base64", .body = bytes_str("AQI=") },
        };
        char *type = NULL;
        struct bytes out;
        CHECK_OK(mime_print(mem, parts, COUNT(parts), "b1", &type, &out, NULL));
        assert_string_equal(type, "multipart/mixed;boundary=b1");
        CHECK_BYTES("body", out,
                    bytes_str("--b1\r\nContent-Type: application/x+xml\r\nContent-ID: <i@h>\r\n\r\n<a/>\r\n"
                              "--b1\r\nContent-Type: application/mikey\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                              "AQI=\r\n--b1--\r\n"));
        struct mime_part *root = NULL;
        CHECK_OK(mime_parse(mem, type, out, 0, &root, NULL));
        assert_int_equal(root->n, 2);
        struct bytes decoded;
        CHECK_OK(mime_body(mem, &root->parts[1], &decoded));
        CHECK_BYTES("decoded", decoded, BYTES_LIT("\x01\x02"));

        const struct mime_out clash = { .content_type = "text/plain", .body = bytes_str("--b1") };
        CHECK_E(E_CONFLICT, mime_print(mem, &clash, 1, "b1", &type, &out, NULL));
        CHECK_E(E_RANGE, mime_print(mem, &clash, 1, "b 1", &type, &out, NULL));
        CHECK_E(E_RANGE, mime_print(mem, &clash, 1, "", &type, &out, NULL));
        const struct mime_out inject = { .content_type = "text/plain\r\nX: y" };
        CHECK_E(E_RANGE, mime_print(mem, &inject, 1, "b1", &type, &out, NULL));
        CHECK_E(E_MISSING, mime_print(mem, NULL, 0, "b1", &type, &out, NULL));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accepts), cmocka_unit_test(test_single), cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_limits),  cmocka_unit_test(test_prints),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
