#include "test/kit/check.h"

#include "proto/sip/sip.h"

static void *mem;

static int fresh(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        return 0;
}

static int done(void **state)
{
        (void)state;
        talloc_free(mem);
        return 0;
}

/* The text with CR LF for every LF. */
static struct bytes crlf(const char *text)
{
        struct buf b = buf_on(mem);
        for (; *text != 0; text++)
                buf_put(&b, *text == '\n' ? BYTES_LIT("\r\n") : bytes_of(text, 1));
        return buf_bytes(&b);
}

static struct sip_msg *parse(const char *text)
{
        struct sip_msg *m = NULL;
        struct err er = { 0 };
        if (sip_msg_parse(mem, crlf(text), &m, &er) != E_OK)
                fail_msg("%s: %s", er.text, text);
        return m;
}

static const char *printed(const struct sip_msg *m)
{
        struct bytes b = { 0 };
        CHECK_OK(sip_msg_print(mem, m, &b));
        return (const char *)b.p;
}

#define HEAD                                                                                                           \
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\nFrom: <sip:a@example.com>;tag=f1\nTo: <sip:b@example.com>\n"       \
        "Call-ID: c1\n"

/* The same message as RFC 4475 clause 3.1.1.1 has in mind: white space, folds, compact forms, escapes, odd cases. */
static void test_tortuous_but_valid(void **state)
{
        (void)state;
        struct sip_msg *m =
                parse("INVITE sip:vivekg@chair.example.com;unknownparam SIP/2.0\n"
                      "TO :\n sip:vivekg@chair.example.com ;   tag    = 1918181833n\n"
                      "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\n  ;\n  tag = 98asjd8\n"
                      "MaX-fOrWaRdS: 0068\n"
                      "Call-ID: wsinv.ndaksdj@192.0.2.1\n"
                      "Content-Length   : 5\n"
                      "cseq: 0009\n  INVITE\n"
                      "Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw\n"
                      "s :\n"
                      "NewFangledHeader:   newfangled value\n continued newfangled value\n"
                      "UnknownHeaderWithUnusualValue: ;;,,;;,;\n"
                      "Content-Type: application/sdp\n"
                      "Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n"
                      "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n"
                      " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n"
                      "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n"
                      "  secondparam ; q = 0.33\n\nv=0\n\n");
        assert_string_equal(sip_to_tag(m), "1918181833n");
        assert_string_equal(sip_from_tag(m), "98asjd8");
        assert_int_equal(sip_max_forwards(m), 68);
        assert_int_equal(sip_cseq(m), 9);
        assert_string_equal(sip_method(m), "INVITE");
        assert_int_equal(sip_hdr_count(m, "Via"), 3);
        assert_int_equal(sip_hdr_count(m, "V"), 3);
        assert_string_equal(sip_via_param(m, "branch"), "390skdjuw");
        struct sip_via via;
        CHECK_OK(sip_via_parse(mem, sip_hdr_at(m, "via", 1), &via, NULL));
        assert_string_equal(via.transport, "TCP");
        assert_string_equal(via.host, "spindle.example.com");
        assert_string_equal(sip_param(&via.params, "branch"), "z9hG4bK9ikj8");
        assert_string_equal(sip_hdr(m, "newfangledheader"), "newfangled value continued newfangled value");
        assert_string_equal(sip_hdr(m, "UnknownHeaderWithUnusualValue"), ";;,,;;,;");
        assert_string_equal(sip_hdr(m, "Subject"), "");
        struct sip_addr a;
        CHECK_OK(sip_addr_of(mem, m, "Contact", 0, &a, NULL));
        assert_string_equal(a.display, "Quoted string \"\"");
        assert_string_equal(sip_param(&a.params, "newparam"), "newvalue");
        assert_string_equal(sip_param(&a.params, "secondparam"), "");
        assert_string_equal(sip_param(&a.params, "Q"), "0.33");
        CHECK_OK(sip_addr_of(mem, m, "From", 0, &a, NULL));
        assert_string_equal(a.display, "J Rosenberg \\\"");
        CHECK_BYTES("body", sip_body(m), BYTES_LIT("v=0\r\n"));
}

static void test_raw_and_round_trip(void **state)
{
        (void)state;
        const char *text = "PUBLISH sip:mcptt.example.com SIP/2.0\n" HEAD
                           "CSeq: 7 PUBLISH\nX-One: 1\nPath: <sip:p1;lr>, <sip:p2;lr>\nX-Two: a, b\n"
                           "Authorization: Digest username=\"a,b\", realm=\"r\"\nX-One: 2\n"
                           "Content-Type: text/plain\nContent-Length: 4\n\nbody";
        struct sip_msg *m = parse(text);
        CHECK_BYTES("raw", sip_msg_raw(m), crlf(text));
        assert_string_equal(printed(m),
                            (const char *)crlf("PUBLISH sip:mcptt.example.com SIP/2.0\n" HEAD
                                               "CSeq: 7 PUBLISH\nX-One: 1\nPath: <sip:p1;lr>\nPath: <sip:p2;lr>\n"
                                               "X-Two: a, b\nAuthorization: Digest username=\"a,b\", realm=\"r\"\n"
                                               "X-One: 2\nContent-Type: text/plain\nContent-Length: 4\n\nbody")
                                    .p);
        struct sip_msg *c = sip_msg_copy(mem, m);
        assert_string_equal(printed(c), printed(m));
        sip_hdr_set(c, "X-One", "3");
        sip_hdr_prepend(c, "Path", "<sip:p0>");
        sip_hdr_remove_at(c, "Path", 1);
        sip_hdr_add(c, "Allow", "INVITE, ACK,BYE");
        sip_set_ruri(c, "sip:other@example.com");
        sip_set_body(c, "application/sdp", BYTES_LIT("v=0"));
        assert_int_equal(sip_hdr_count(c, "x-one"), 1);
        assert_string_equal(sip_hdr_at(c, "Path", 0), "<sip:p0>");
        assert_string_equal(sip_hdr_at(c, "Path", 1), "<sip:p2;lr>");
        assert_string_equal(sip_hdr_at(c, "Allow", 2), "BYE");
        assert_true(sip_hdr_has(c, "Allow", "ack"));
        assert_false(sip_hdr_has(c, "Allow", "AC"));
        assert_null(sip_hdr_at(c, "Allow", 3));
        assert_non_null(strstr(printed(c), "PUBLISH sip:other@example.com SIP/2.0\r\n"));
        assert_non_null(strstr(printed(c), "\r\nContent-Length: 3\r\n\r\nv=0"));
        assert_string_equal(sip_hdr(m, "X-One"), "1"); /* the original is untouched */
        assert_true(sip_type_is("Application / SDP;x=y", "application/sdp"));
        assert_false(sip_type_is("application/sdpx", "application/sdp"));
        assert_false(sip_type_is(NULL, "application/sdp"));
}

static void test_changes_cannot_inject(void **state)
{
        (void)state;
        struct bytes out;
        struct sip_msg *m = parse("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\n\n");
        sip_hdr_set(m, "Subject", "a\r\nEvil: b");
        CHECK_E(E_SYNTAX, sip_msg_print(mem, m, &out));
        m = parse("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\n\n");
        sip_set_ruri(m, "sip:a SIP/2.0");
        CHECK_E(E_SYNTAX, sip_msg_print(mem, m, &out));
        m = parse("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\n\n");
        sip_set_to_tag(m, "a;b");
        CHECK_E(E_SYNTAX, sip_msg_print(mem, m, &out));
        m = parse("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\n\n");
        for (int i = 0; i < SIP_HEADERS_MAX; i++)
                sip_hdr_add(m, "X-Many", "%d", i);
        CHECK_E(E_LONG, sip_msg_print(mem, m, &out));
}

/* In the manner of RFC 4475 clauses 3.1.2 and 3.3: each of these is refused for its own reason. */
static void test_malformed(void **state)
{
        (void)state;
        static const struct {
                enum ecode want;
                const char *text;
        } bad[] = {
                { E_SHORT, "" },
                { E_SHORT, "\n\n\n" },
                { E_SYNTAX, "INVITE sip:a\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE  sip:a SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a; lr SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a SIP/2.0  \n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE <sip:a> SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE nouri SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "IN@VITE sip:a SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_UNSUPPORTED, "INVITE sip:a SIP/7.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a HTTP/1.1\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "SIP/2.0 4294967301 better not break\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "SIP/2.0 099 x\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "SIP/2.0 200OK\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a SIP/2.0\n folded: first\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a SIP/2.0\nno colon\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a SIP/2.0\nna me: x\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "INVITE sip:a SIP/2.0\nX: a\x01"
                            "b\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n" },
                { E_RANGE, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 2147483648 OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 36893488147419103232 OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: -1 OPTIONS\n\n" },
                { E_DUPLICATE, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nt: <sip:c>\n\n" },
                { E_DUPLICATE, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nContent-Length: 0\nl: 0\n\n" },
                { E_MISSING,
                  "OPTIONS sip:a SIP/2.0\nFrom: <sip:a>;tag=1\nTo: <sip:a>\nCSeq: 1 OPTIONS\nCall-ID: 1\n\n" },
                { E_MISSING, "OPTIONS sip:a SIP/2.0\n" HEAD "\n" },
                { E_SHORT, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nContent-Length: 9999\n\nabc" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nContent-Length: -999\n\nabc" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nMax-Forwards: 300\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h:99999;branch=1\nf: <sip:a>;tag=1\nt: <sip:b>\n"
                            "i: 1\nCSeq: 1 OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: \"unterminated <sip:a>;tag=1\nt: <sip:b>\n"
                            "i: 1\nCSeq: 1 OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: Bell, Alexander <sip:a>;tag=1\nt: <sip:b>\n"
                            "i: 1\nCSeq: 1 OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: <sip:a;tag=1\nt: <sip:b>\ni: 1\nCSeq: 1 "
                            "OPTIONS\n\n" },
                { E_SYNTAX, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: <sip:a>;;;tag=1\nt: <sip:b>\ni: 1\nCSeq: 1 "
                            "OPTIONS\n\n" },
                { E_DUPLICATE, "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: <sip:a>;tag=1;TAG=2\nt: <sip:b>\ni: 1\n"
                               "CSeq: 1 OPTIONS\n\n" },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct sip_msg *m;
                struct err er = { 0 };
                struct bytes in = crlf(bad[i].text);
                enum ecode got = sip_msg_parse(mem, in, &m, &er);
                if (got != bad[i].want)
                        fail_msg("want %s, got %s (%s): %s", ecode_name(bad[i].want), ecode_name(got), er.text,
                                 bad[i].text);
        }
        struct sip_msg *m;
        CHECK_E(E_SHORT, sip_msg_parse(mem, BYTES_LIT("OPTIONS sip:a SIP/2.0\n\n"), &m, NULL));
        CHECK_E(E_SYNTAX, sip_msg_parse(mem, BYTES_LIT("OPTIONS sip:a SIP/2.0\nVia: x\r\n\r\n"), &m, NULL));
        CHECK_E(E_SYNTAX, sip_msg_parse(mem, BYTES_LIT("OPTIONS sip:a SIP/2.0\r\nA: \0\r\n\r\n"), &m, NULL));
}

/* Every cut of a good message is refused or understood, never read past. */
static void test_truncated_everywhere(void **state)
{
        (void)state;
        struct bytes in = crlf("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\nContact: \"x\" <sip:a>;q=1\n"
                               "Content-Length: 2\n\nab");
        for (size_t n = 0; n < in.n; n++) {
                struct sip_msg *m;
                uint8_t *exact = talloc_size(mem, n ? n : 1);
                memcpy(exact, in.p, n);
                assert_int_not_equal(sip_msg_parse(mem, bytes_of(exact, n), &m, NULL), E_OK);
                talloc_free(exact);
        }
}

/* R-SA-128 */
static void test_limits(void **state)
{
        (void)state;
        struct buf b = buf_on(mem);
        struct sip_msg *m;
        buf_put(&b, crlf("PUBLISH sip:a SIP/2.0\n" HEAD "CSeq: 1 PUBLISH\nContent-Length: 65500\n\n"));
        size_t head = b.n;
        char *body = talloc_zero_size(mem, SIP_MSG_MAX);
        buf_put(&b, bytes_of(body, SIP_MSG_MAX));
        CHECK_E(E_LONG, sip_msg_parse(mem, bytes_of(b.p, SIP_MSG_MAX + 1), &m, NULL));
        CHECK_E(E_SHORT, sip_msg_parse(mem, bytes_of(b.p, SIP_MSG_MAX), &m, NULL));
        struct sip_frame f = { 0 };
        assert_int_equal(sip_frame_next(&f, bytes_of(b.p, head)), SIP_FRAME_TOO_LONG);
        CHECK_OK(sip_msg_parse_head(mem, bytes_of(b.p, head), &m, NULL)); /* enough to answer 413 */
        assert_string_equal(sip_call_id(m), "c1");

        b.n = 0;
        buf_put(&b, crlf("PUBLISH sip:a SIP/2.0\n" HEAD "CSeq: 1 PUBLISH\n"));
        for (int i = 0; i < SIP_HEADERS_MAX; i++)
                buf_printf(&b, "X-N: %d\r\n", i);
        buf_puts(&b, "\r\n");
        CHECK_E(E_LONG, sip_msg_parse(mem, buf_bytes(&b), &m, NULL));
}

static void test_frames(void **state)
{
        (void)state;
        struct bytes in = crlf("\n\n\nOPTIONS sip:a SIP/2.0\nContent-Length: 2\n\nabSIP");
        struct sip_frame f = { 0 };
        assert_int_equal(sip_frame_next(&f, in), SIP_FRAME_PING);
        assert_int_equal(f.n, 4);
        f = (struct sip_frame){ 0 };
        in = bytes_of(in.p + 4, in.n - 4);
        assert_int_equal(sip_frame_next(&f, in), SIP_FRAME_BLANK);
        in = bytes_of(in.p + 2, in.n - 2);
        f = (struct sip_frame){ 0 };
        for (size_t n = 1; n < in.n - 3; n++) /* one octet at a time */
                assert_int_equal(sip_frame_next(&f, bytes_of(in.p, n)), SIP_FRAME_MORE);
        assert_int_equal(sip_frame_next(&f, bytes_of(in.p, in.n - 3)), SIP_FRAME_MESSAGE);
        assert_int_equal(f.n, in.n - 3);
        static const char *const bad[] = {
                "OPTIONS sip:a SIP/2.0\n\n",         "OPTIONS sip:a SIP/2.0\nl: 1\nContent-Length: 1\n\n",
                "OPTIONS sip:a SIP/2.0\nl: +1\n\n",  "OPTIONS sip:a SIP/2.0\nl: 1\n 2\n\n",
                "OPTIONS sip:a SIP/2.0\nl:\n 2\n\n", "OPTIONS sip:a SIP/2.0\nl: 99999999999\n\n",
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                f = (struct sip_frame){ 0 };
                assert_int_equal(sip_frame_next(&f, crlf(bad[i])), SIP_FRAME_MALFORMED);
        }
}

static void test_uri(void **state)
{
        (void)state;
        struct sip_uri u;
        CHECK_OK(sip_uri_parse(mem, "SIPS:a%20;b?c:p%40w@[2001:DB8::1]:5062;transport=TCP;lr;x=%7e?subject=a&b=c", &u,
                               NULL));
        assert_string_equal(u.scheme, "sips");
        assert_string_equal(u.user, "a ;b?c");
        assert_string_equal(u.password, "p@w");
        assert_string_equal(u.host, "2001:db8::1");
        assert_int_equal(u.port, 5062);
        assert_string_equal(sip_param(&u.params, "Transport"), "TCP");
        assert_string_equal(sip_param(&u.params, "lr"), "");
        assert_string_equal(sip_param(&u.params, "x"), "~");
        assert_null(sip_param(&u.params, "maddr"));
        assert_string_equal(u.headers, "subject=a&b=c");
        assert_string_equal(sip_uri_print(mem, &u),
                            "sips:a%20;b?c:p%40w@[2001:db8::1]:5062;transport=TCP;lr;x=~?subject=a&b=c");
        static const char *const bad[] = {
                "",
                "a@b",
                "sip:",
                "sip:@host",
                "sip:a@",
                "sip:a@b@c",
                "sip:a@ho st",
                "sip:a b@host",
                "sip:a@host:",
                "sip:a@host:0",
                "sip:a@host:65536",
                "sip:a@host:5060x",
                "sip:a@host;;lr",
                "sip:a@host;lr=",
                "sip:a@[::1",
                "sip:a@[zz]",
                "sip:a%2@host",
                "sip:a%00b@host",
                "sip:\"a\"@host",
                "sip:a@host;x=\"y\"",
                "sip:a@host_1 ",
                "tel:",
                "tel:+",
                "tel:+12a",
                "urn:",
                "1 2:x",
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                if (sip_uri_parse(mem, bad[i], &u, NULL) != E_SYNTAX)
                        fail_msg("accepted: %s", bad[i]);
}

/* RFC 3261 clause 19.1.4 with its examples */
static void test_uri_compare(void **state)
{
        (void)state;
        static const struct {
                const char *a, *b;
                bool eq;
        } rows[] = {
                { "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true },
                { "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
                { "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true },
                { "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
                { "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                  "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
                { "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false },
                { "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
                { "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
                { "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
                { "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
                { "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
                { "sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on", false },
                { "sip:a@h", "sips:a@h", false },
                { "sip:a@h", "sip:a:p@h", false },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct sip_uri a, b;
                CHECK_OK(sip_uri_parse(mem, rows[i].a, &a, NULL));
                CHECK_OK(sip_uri_parse(mem, rows[i].b, &b, NULL));
                if (sip_uri_eq(&a, &b) != rows[i].eq || sip_uri_eq(&b, &a) != rows[i].eq)
                        fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
        assert_string_equal(sip_aor(mem, "\"Alice\" <SIP:%61lice@Example.COM:5060;transport=tcp>;tag=x"),
                            "sip:alice@example.com");
        assert_string_equal(sip_aor(mem, "<tel:+49-30.(12)3;x=y>"), "tel:+4930123");
        assert_string_equal(sip_aor(mem, "tel:112;phone-context=Example.com"), "tel:112;phone-context=example.com");
        assert_string_equal(sip_aor(mem, "urn:service:sos"), "urn:service:sos");
        assert_null(sip_impu(mem, "urn:service:sos")); /* R-SA-38 */
        assert_null(sip_impu(mem, "<mailto:a@h>"));
        assert_string_equal(sip_impu(mem, "<sip:a@H>"), "sip:a@h");
        assert_string_equal(sip_impu(mem, "<tel:+49>"), "tel:+49");
        assert_true(sip_aor_eq("sip:a@h:5060", "<sip:a@H;lr>"));
        assert_false(sip_aor_eq("sip:a@h:5061", "sip:a@h"));
        assert_false(sip_aor_eq("sip:A@h", "sip:a@h"));
        assert_false(sip_aor_eq("garbage", "garbage"));
}

static void test_addresses(void **state)
{
        (void)state;
        struct sip_addr a;
        CHECK_OK(sip_addr_parse(mem, "sip:a@h;+sip.instance=\"<urn:uuid:1>\";expires=5", &a, NULL));
        assert_string_equal(a.uri, "sip:a@h");
        assert_string_equal(sip_param(&a.params, "+sip.instance"), "<urn:uuid:1>");
        assert_int_equal(sip_delta_seconds(sip_param(&a.params, "expires")), 5);
        assert_int_equal(a.u.params.n, 0);
        CHECK_OK(sip_addr_parse(mem, "Bob Smith <sip:a@h;lr>;q=0.5", &a, NULL));
        assert_string_equal(a.display, "Bob Smith");
        assert_string_equal(sip_addr_print(mem, &a), "\"Bob Smith\" <sip:a@h;lr>;q=0.5");
        CHECK_OK(sip_addr_parse(mem, "*", &a, NULL));
        assert_true(a.star);
        static const char *const bad[] = {
                "",         "<sip:a@h",    "sip:a@h>",   "<sip:a@h> x",      "\"a <sip:a>",   "\"a\" sip:a@h",
                "<sip:a>;", "sip:a@h?x=y", "< sip:a@h>", "sip:a@h, sip:b@h", "<sip:a>;x=a\"b"
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                if (sip_addr_parse(mem, bad[i], &a, NULL) != E_SYNTAX)
                        fail_msg("accepted: %s", bad[i]);
        struct sip_params ps;
        CHECK_OK(sip_params_of(mem, "text/plain; charset=\"utf-8\" ;x", &ps, NULL));
        assert_string_equal(sip_param(&ps, "charset"), "utf-8");
        CHECK_OK(sip_params_of(mem, "presence", &ps, NULL));
        assert_int_equal(ps.n, 0);
        assert_int_equal(sip_delta_seconds("4294967296"), -1);
        assert_int_equal(sip_delta_seconds(""), -1);
}

static void test_auth(void **state)
{
        (void)state;
        static const char text[] = "Digest username=\"al\\\"ice@ims\", realm=\"ims, x\", nonce=\"\", uri=\"sip:ims\", "
                                   "response=\"\", algorithm=AKAv1-MD5, qop=auth, cnonce=\"c\", nc=00000001, "
                                   "auts=\"AAAA==\", integrity-protected=\"yes\", new=\"x\"";
        struct sip_auth a;
        CHECK_OK(sip_auth_parse(mem, text, &a, NULL));
        assert_string_equal(a.scheme, "Digest");
        assert_string_equal(a.username, "al\"ice@ims");
        assert_string_equal(a.realm, "ims, x");
        assert_string_equal(a.nonce, "");
        assert_string_equal(a.auts, "AAAA==");
        assert_string_equal(a.integrity_protected, "yes");
        assert_null(a.opaque);
        assert_string_equal(sip_param(&a.rest, "new"), "x");
        assert_string_equal(sip_auth_print(mem, &a), text);

        struct sip_auth c = { .scheme = "Digest",
                              .realm = "r",
                              .nonce = "n",
                              .algorithm = "AKAv1-MD5",
                              .qop = "auth",
                              .ck = talloc_strdup(mem, "aa"),
                              .ik = talloc_strdup(mem, "bb"),
                              .stale = "TRUE" };
        assert_string_equal(sip_auth_print(mem, &c), "Digest realm=\"r\", nonce=\"n\", stale=TRUE, "
                                                     "algorithm=AKAv1-MD5, qop=\"auth\", ck=\"aa\", ik=\"bb\"");
        const char *ck = c.ck;
        sip_auth_wipe(&c);
        assert_null(c.ck);
        assert_int_equal(ck[0], 0);
        CHECK_OK(sip_auth_parse(mem, "Bearer abc.def-_==", &a, NULL));
        assert_string_equal(a.token, "abc.def-_==");
        assert_string_equal(sip_auth_print(mem, &a), "Bearer abc.def-_==");
        CHECK_OK(sip_auth_info_parse(mem, "nextnonce=\"n\", qop=auth, rspauth=\"r\", nc=00000001", &a, NULL));
        assert_string_equal(a.rspauth, "r");
        assert_string_equal(sip_auth_print(mem, &a), "nextnonce=\"n\", rspauth=\"r\", qop=auth, nc=00000001");
        CHECK_E(E_DUPLICATE, sip_auth_parse(mem, "Digest realm=\"a\", Realm=\"b\"", &a, NULL));
        CHECK_E(E_SYNTAX, sip_auth_parse(mem, "Digest realm=\"a", &a, NULL));
        CHECK_E(E_SYNTAX, sip_auth_parse(mem, "Digest realm=\"a\" x, nonce=1", &a, NULL));
        CHECK_E(E_SYNTAX, sip_auth_parse(mem, "Digest", &a, NULL));
        CHECK_E(E_SYNTAX, sip_auth_parse(mem, "Digest a b, c", &a, NULL));
}

static void test_builders(void **state)
{
        (void)state;
        struct sip_msg *rq = sip_request_new(mem, &(struct sip_request_in){ .method = "REGISTER",
                                                                            .uri = "sip:ims.mc.example",
                                                                            .from = "<sip:a@ims.mc.example>;tag=1",
                                                                            .to = "<sip:a@ims.mc.example>",
                                                                            .call_id = "c9",
                                                                            .cseq = 5 });
        sip_hdr_prepend(rq, "Via", "SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bKx");
        sip_hdr_add(rq, "Path", "<sip:p@pcscf;lr>");
        sip_hdr_add(rq, "Record-Route", "<sip:rr;lr>");
        sip_charging_set(rq, &(struct sip_charging){ .icid = "a b", .orig_ioi = "home.example" });
        struct sip_msg *in = NULL;
        CHECK_OK(sip_msg_parse(mem, bytes_str(printed(rq)), &in, NULL));
        assert_string_equal(sip_hdr(in, "P-Charging-Vector"), "icid-value=\"a b\";orig-ioi=home.example");
        struct sip_charging pcv;
        CHECK_OK(sip_charging_get(mem, in, &pcv, NULL));
        assert_string_equal(pcv.icid, "a b");
        assert_null(pcv.term_ioi);

        struct sip_msg *rs = sip_response_new(mem, in, 200, NULL);
        sip_set_to_tag(rs, "t1");
        sip_hdr_copy(rs, "Service-Route", in, "Path");
        sip_hdr_add(rs, "P-Associated-URI", "<sip:a@x>, <tel:+1>");
        assert_string_equal(sip_to_tag(rs), "t1");
        sip_set_to_tag(rs, "t2");
        assert_string_equal(sip_hdr(rs, "To"), "<sip:a@ims.mc.example>;tag=t2");
        assert_string_equal(printed(rs),
                            (const char *)crlf("SIP/2.0 200 OK\nVia: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bKx\n"
                                               "From: <sip:a@ims.mc.example>;tag=1\n"
                                               "To: <sip:a@ims.mc.example>;tag=t2\nCall-ID: c9\n"
                                               "CSeq: 5 REGISTER\nRecord-Route: <sip:rr;lr>\n"
                                               "Service-Route: <sip:p@pcscf;lr>\n"
                                               "P-Associated-URI: <sip:a@x>\nP-Associated-URI: <tel:+1>\n"
                                               "Content-Length: 0\n\n")
                                    .p);
        assert_string_equal(sip_method(rs), "REGISTER");
}

/* R-SA-98 */
static void test_warning(void **state)
{
        (void)state;
        struct sip_msg *rq = parse("INVITE sip:a SIP/2.0\n" HEAD "CSeq: 1 INVITE\n\n");
        struct sip_msg *rs = sip_response_new(mem, rq, 404, NULL);
        assert_int_equal(sip_warning_code(rs, NULL), -1);
        sip_hdr_add(rs, "Warning", "301 other \"x, y\"");
        sip_warning_add(rs, "mcptt.example.com", 141, "user unknown to the participating function");
        assert_string_equal(sip_hdr_at(rs, "Warning", 1),
                            "399 mcptt.example.com \"141 user unknown to the participating function\"");
        struct sip_msg *back = NULL;
        const char *text = NULL;
        CHECK_OK(sip_msg_parse(mem, bytes_str(printed(rs)), &back, NULL));
        assert_int_equal(sip_warning_code(back, &text), 141);
        assert_string_equal(text, "user unknown to the participating function");
}

/* "Could not ask" stays apart from "no" in what a SIP peer sees. */
static void test_status_of_errors(void **state)
{
        (void)state;
        assert_int_equal(sip_status_of(E_STORE_DOWN), 503);
        assert_int_equal(sip_status_of(E_PEER_DOWN), 503);
        assert_int_equal(sip_status_of(E_TIMEOUT), 504);
        assert_int_equal(sip_status_of(E_LONG), 413); /* R-SA-128 */
        assert_int_equal(sip_status_of(E_FORBIDDEN), 403);
        for (int e = E_OK + 1; e < E_COUNT; e++) {
                int s = sip_status_of((enum ecode)e);
                assert_true(s >= 400 && s < 700);
                if (ecode_undecided((enum ecode)e))
                        assert_true(s >= 500);
        }
}

/* Every known header is found by its name in any case: the table is in order. */
static void test_names(void **state)
{
        (void)state;
        static const char *const names[] = { "accept",
                                             "CONTACT",
                                             "www-authenticate",
                                             "Via",
                                             "path",
                                             "P-Charging-Vector",
                                             "security-verify",
                                             "sip-if-match",
                                             "MIN-SE",
                                             "Min-Expires",
                                             "to",
                                             "Subscription-State",
                                             "CSeq",
                                             "RSeq",
                                             "mime-version" };
        for (size_t i = 0; i < COUNT(names); i++) {
                struct sip_msg *m = parse("OPTIONS sip:a SIP/2.0\n" HEAD "CSeq: 1 OPTIONS\n\n");
                const char *name, *value;
                sip_hdr_set(m, names[i], "x");
                bool canonical = false;
                for (size_t k = 0; sip_hdr_each(m, k, &name, &value); k++)
                        canonical |= strcasecmp(name, names[i]) == 0 && name[0] >= 'A' && name[0] <= 'Z';
                assert_true(canonical);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_tortuous_but_valid, fresh, done),
                cmocka_unit_test_setup_teardown(test_raw_and_round_trip, fresh, done),
                cmocka_unit_test_setup_teardown(test_changes_cannot_inject, fresh, done),
                cmocka_unit_test_setup_teardown(test_malformed, fresh, done),
                cmocka_unit_test_setup_teardown(test_truncated_everywhere, fresh, done),
                cmocka_unit_test_setup_teardown(test_limits, fresh, done),
                cmocka_unit_test_setup_teardown(test_frames, fresh, done),
                cmocka_unit_test_setup_teardown(test_uri, fresh, done),
                cmocka_unit_test_setup_teardown(test_uri_compare, fresh, done),
                cmocka_unit_test_setup_teardown(test_addresses, fresh, done),
                cmocka_unit_test_setup_teardown(test_auth, fresh, done),
                cmocka_unit_test_setup_teardown(test_builders, fresh, done),
                cmocka_unit_test_setup_teardown(test_warning, fresh, done),
                cmocka_unit_test_setup_teardown(test_status_of_errors, fresh, done),
                cmocka_unit_test_setup_teardown(test_names, fresh, done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
