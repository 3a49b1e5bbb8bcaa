#include "test/kit/check.h"

#include "proto/xml/xml.h"

static enum ecode parse(void *mem, const char *text, struct xml **ret, struct err *er)
{
        return xml_parse(mem, bytes_str(text), NULL, ret, er);
}

static void test_reads(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct xml *x = NULL;
        CHECK_OK(parse(
                mem,
                "<?xml version='1.0' encoding='ISO-8859-1'?>\n<!-- c --><a xmlns='urn:a' xmlns:b='urn:b' k=' v '>\n"
                "<b:c> one &amp; \xc3\xa9 </b:c><c><![CDATA[<two>]]></c><n>-7</n><t>1</t><e/></a>",
                &x, NULL));
        const struct xml_node *a = xml_root(x);
        assert_true(xml_is(a, "urn:a", "a"));
        assert_string_equal(xml_attr(mem, a, "", "k"), "v");
        assert_null(xml_attr(mem, a, "", "no"));
        assert_string_equal(xml_child_text(mem, a, "urn:b", "c"), "one & \xc3\xa9");
        assert_string_equal(xml_child_text(mem, a, "urn:a", "c"), "<two>");
        assert_string_equal(xml_child_text(mem, a, "urn:a", "e"), "");
        assert_null(xml_child_text(mem, a, "urn:a", "f"));
        assert_int_equal(xml_count(a, NULL, "c"), 2);
        assert_int_equal(xml_count(a, NULL, NULL), 5);
        assert_int_equal(xml_line(xml_first(a, "urn:b", "c")), 3);
        int64_t n = 0;
        bool t = false;
        CHECK_OK(xml_child_i64(a, NULL, "n", &n));
        assert_int_equal(n, -7);
        CHECK_OK(xml_child_bool(a, NULL, "t", &t));
        assert_true(t);
        CHECK_E(E_SYNTAX, xml_child_i64(a, NULL, "e", &n));
        CHECK_E(E_MISSING, xml_child_i64(a, NULL, "f", &n));
        CHECK_OK(parse(mem, "<a><b/><b><c>x</c></b><d><e><f>y</f></e></d></a>", &x, NULL));
        assert_null(xml_path(xml_root(x), "", "b/c"));
        assert_string_equal(xml_text(mem, xml_path(xml_root(x), "", "d/e/f")), "y");
        assert_null(xml_path(xml_root(x), "urn:a", "d"));
        talloc_free(mem);
}

/* R-KMS-54, R-SA-57 */
static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const struct {
                const char *what, *text;
                enum ecode e;
        } bad[] = {
                { "empty", "", E_SYNTAX },
                { "text", "hello", E_SYNTAX },
                { "unclosed", "<a><b></a>", E_SYNTAX },
                { "twice", "<a/><b/>", E_SYNTAX },
                { "doctype", "<!DOCTYPE a><a/>", E_SYNTAX },
                { "entity", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", E_SYNTAX },
                { "external", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", E_SYNTAX },
                { "external entity", "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", E_SYNTAX },
                { "parameter entity", "<!DOCTYPE a [<!ENTITY % e SYSTEM 'http://127.0.0.1:1/'> %e;]><a/>", E_SYNTAX },
                { "undeclared entity", "<a>&e;</a>", E_SYNTAX },
                { "prefix", "<p:a/>", E_SYNTAX },
                { "latin 1", "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", E_SYNTAX },
                { "control character", "<a>\x01</a>", E_SYNTAX },
                { "attribute twice", "<a b='1' b='2'/>", E_SYNTAX },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct xml *x = NULL;
                struct err er = { 0 };
                if (parse(mem, bad[i].text, &x, &er) != bad[i].e || x != NULL || er.code != bad[i].e)
                        fail_msg("%s: %s %s", bad[i].what, ecode_name(er.code), er.text);
        }
        struct err er = { 0 };
        struct xml *x = NULL;
        CHECK_E(E_SYNTAX, parse(mem, "<a>\n<b>\n</a>", &x, &er));
        assert_non_null(strstr(er.text, "line 3"));
        talloc_free(mem);
}

static char *repeated(void *mem, const char *head, const char *what, unsigned n, const char *tail)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, head);
        for (unsigned i = 0; i < n; i++)
                buf_printf(&b, what, i);
        buf_puts(&b, tail);
        return buf_str(&b);
}

/* R-KMS-54 */
static void test_limits(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct xml *x = NULL;
        struct xml_limits small = { .octets = 64, .depth = 3, .nodes = 5 };
        CHECK_OK(xml_parse(mem, bytes_str("<a><b><c/></b></a>"), &small, &x, NULL));
        CHECK_E(E_LONG, xml_parse(mem, bytes_str("<a><b><c><d/></c></b></a>"), &small, &x, NULL));
        CHECK_E(E_LONG, xml_parse(mem, bytes_str("<a><b/><b/><b/><b/><b/></a>"), &small, &x, NULL));
        small.nodes = 100;
        CHECK_E(E_LONG, xml_parse(mem, bytes_str(repeated(mem, "<a>", "%u", 60, "</a>")), &small, &x, NULL));
        CHECK_E(E_LONG, parse(mem, repeated(mem, "<a", " x%u='y'", 300, "/>"), &x, NULL));
        CHECK_E(E_LONG, parse(mem, repeated(mem, "<a", " xmlns:x%u = 'y'", 100, "/>"), &x, NULL));
        CHECK_OK(parse(mem, repeated(mem, "<a>", "<b xmlns='urn:%u'/>", 300, "</a>"), &x, NULL));
        talloc_free(mem);
}

static void test_writes(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "a");
        xmlw_attr(&w, "k", "\"<&>'\n");
        xmlw_leaf(&w, "t", "<&>\"\r\xc3\xa9\xf0\x9f\x98\x80");
        xmlw_leaf(&w, "none", NULL);
        xmlw_leaf_i64(&w, "n", -5);
        xmlw_leaf_bool(&w, "b", true);
        xmlw_empty(&w, "e");
        xmlw_end(&w);
        struct bytes out;
        CHECK_OK(xmlw_done(&w, &out, NULL));
        CHECK_BYTES("document", out,
                    bytes_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a k=\"&quot;&lt;&amp;&gt;'&#10;\">"
                              "<t>&lt;&amp;&gt;\"&#13;\xc3\xa9\xf0\x9f\x98\x80</t><n>-5</n><b>true</b><e/></a>"));
        struct xml *x = NULL;
        CHECK_OK(xml_parse(mem, out, NULL, &x, NULL));
        assert_string_equal(xml_attr(mem, xml_root(x), "", "k"), "\"<&>'");

        w = xmlw_fragment(mem);
        w.pretty = true;
        xmlw_start(&w, "a");
        xmlw_start(&w, "b");
        xmlw_leaf(&w, "c", "x");
        xmlw_end(&w);
        xmlw_end(&w);
        CHECK_OK(xmlw_done(&w, &out, NULL));
        CHECK_BYTES("pretty", out, bytes_str("<a>\n  <b>\n    <c>x</c>\n  </b>\n</a>"));
        talloc_free(mem);
}

static void test_write_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const char *const bad[] = { "\x01",         "\xff", "\xc0\x80", "\xed\xa0\x80",
                                           "\xef\xbf\xbf", "\xc3", "a\xe2\x82" };
        struct bytes out = { 0 };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct xmlw w = xmlw_on(mem);
                xmlw_leaf(&w, "a", bad[i]);
                CHECK_E(E_SYNTAX, xmlw_done(&w, &out, NULL));
        }
        struct xmlw open = xmlw_on(mem);
        xmlw_start(&open, "a");
        CHECK_E(E_INTERNAL, xmlw_done(&open, &out, NULL));
        struct xmlw deep = xmlw_on(mem);
        for (unsigned i = 0; i <= XML_DEPTH_MAX; i++)
                xmlw_start(&deep, "a");
        CHECK_E(E_INTERNAL, xmlw_done(&deep, &out, NULL));
        assert_null(out.p);
        talloc_free(mem);
}

static void test_canonical(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct xml *x = NULL, *y = NULL;
        struct bytes cx, cy;
        CHECK_OK(parse(mem, "<a b='1' a=\"2\">\n  <c> t </c>\n  <d></d>\n</a>", &x, NULL));
        CHECK_OK(parse(mem, "<a a='2' b='1'><c> t </c><d/></a>", &y, NULL));
        CHECK_OK(xml_canonical(mem, x, &cx));
        CHECK_OK(xml_canonical(mem, y, &cy));
        CHECK_BYTES("canonical", cx, cy);
        CHECK_BYTES("canonical", cx, bytes_str("<a a=\"2\" b=\"1\"><c> t </c><d></d></a>"));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads),  cmocka_unit_test(test_refuses),       cmocka_unit_test(test_limits),
                cmocka_unit_test(test_writes), cmocka_unit_test(test_write_refuses), cmocka_unit_test(test_canonical),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
