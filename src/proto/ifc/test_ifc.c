#include "test/kit/check.h"

#include "proto/ifc/ifc.h"
#include "proto/xml/xml.h"

static struct ims_subscription *example(void *mem)
{
        struct ims_subscription *s = NULL;
        struct err er = { 0 };
        if (ims_subscription_parse(mem, vector_file(mem, "ifc/mcx-subscription.xml"), &s, &er) != E_OK)
                fail_msg("%s", er.text);
        return s;
}

static void test_parse_print(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ims_subscription *s = example(mem);
        assert_string_equal(s->private_id, "alice.impi@ims.mc.example");
        assert_int_equal(s->profiles_n, 1);
        const struct ims_profile *p = ims_profile_of(s, "sip:alice.impu@ims.mc.example");
        assert_ptr_equal(p, &s->profiles[0]);
        assert_null(ims_profile_of(s, "sip:bob@ims.mc.example"));
        assert_false(p->identities[0].barred);
        assert_int_equal(p->ifcs_n, 2);
        const struct ifc *f = &p->ifcs[0];
        assert_int_equal(f->priority, 10);
        assert_true(f->cnf);
        assert_int_equal(f->spts_n, 1);
        assert_int_equal(f->spts[0].reg_types, IFC_REG_INITIAL | IFC_REG_RE | IFC_REG_DE);
        assert_string_equal(f->as.server_name, "sip:mcxas.mc.example:5070");
        assert_int_equal(f->as.default_handling, IFC_SESSION_CONTINUED);
        assert_true(f->as.include_register_request && f->as.include_register_response);
        assert_int_equal(p->ifcs[1].spts_n, 6);
        assert_string_equal(p->ifcs[1].spts[4].name, "P-Asserted-Service");

        struct bytes out, want, got;
        struct xml *x = NULL, *y = NULL;
        CHECK_OK(ims_subscription_print(mem, s, &out, NULL));
        CHECK_OK(xml_parse(mem, out, NULL, &x, NULL));
        CHECK_OK(xml_parse(mem, vector_file(mem, "ifc/mcx-subscription.xml"), NULL, &y, NULL));
        CHECK_OK(xml_canonical(mem, x, &got));
        CHECK_OK(xml_canonical(mem, y, &want));
        CHECK_BYTES("document", got, want);
        talloc_free(mem);
}

struct field {
        const char *name, *value;
};

static bool header(const void *message, size_t nth, const char **name, const char **value)
{
        const struct field *f = message;
        for (size_t i = 0; i <= nth; i++)
                if (f[i].name == NULL)
                        return false;
        *name = f[nth].name;
        *value = f[nth].value;
        return true;
}

static const struct field mc_request[] = { { "From", "<sip:a@b>" },
                                           { "p-asserted-service", "urn:urn-7:3gpp-service.ims.icsi.mcptt" },
                                           { NULL, NULL } };
static const struct field plain_request[] = { { "X-P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.mcptt" },
                                              { NULL, NULL } };

/* R-SA-33 */
static void test_example(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        const struct ims_profile *p = &example(mem)->profiles[0];
        static const struct {
                const char *what, *method;
                unsigned reg_type;
                enum ifc_session_case c;
                const struct field *headers;
                size_t want; /* number of servers */
        } vec[] = {
                { "initial registration", "REGISTER", IFC_REG_INITIAL, 0, plain_request, 1 },
                { "re-registration", "REGISTER", IFC_REG_RE, 0, plain_request, 1 },
                { "de-registration", "REGISTER", IFC_REG_DE, 0, plain_request, 1 },
                { "publish of an MC client", "PUBLISH", 0, IFC_ORIGINATING_REGISTERED, mc_request, 1 },
                { "without the service", "PUBLISH", 0, IFC_ORIGINATING_REGISTERED, plain_request, 0 },
                { "terminating", "INVITE", 0, IFC_TERMINATING_REGISTERED, mc_request, 0 },
                { "another method", "OPTIONS", 0, IFC_ORIGINATING_REGISTERED, mc_request, 0 },
                { "another case of letters", "register", IFC_REG_INITIAL, 0, plain_request, 0 },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct ifc_request rq = { .method = vec[i].method,
                                          .reg_type = vec[i].reg_type,
                                          .session_case = vec[i].c,
                                          .request_uri = "sip:psi@mc.example",
                                          .header = header,
                                          .message = vec[i].headers };
                struct ifc_match m;
                CHECK_OK(ifc_eval(mem, p, &rq, &m, NULL));
                if (m.n != vec[i].want)
                        fail_msg("%s: %zu servers", vec[i].what, m.n);
        }
        talloc_free(mem);
}

#define SPT(neg, groups, condition) "<SPT><ConditionNegated>" neg "</ConditionNegated>" groups condition "</SPT>"
#define G(n)                        "<Group>" #n "</Group>"
#define METHOD(m)                   "<Method>" m "</Method>"

static enum ecode with_trigger(void *mem, const char *cnf, const char *spts, const char *after,
                               struct ims_subscription **ret)
{
        char *text = talloc_asprintf(
                mem,
                "<IMSSubscription><PrivateID>a</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:a@b</Identity>"
                "</PublicIdentity><InitialFilterCriteria><Priority>1</Priority><TriggerPoint><ConditionTypeCNF>%s"
                "</ConditionTypeCNF>%s</TriggerPoint><ApplicationServer><ServerName>sip:as</ServerName>"
                "</ApplicationServer>%s</InitialFilterCriteria></ServiceProfile></IMSSubscription>",
                cnf, spts, after);
        return ims_subscription_parse(mem, bytes_str(text), ret, NULL);
}

/* R-SA-33: normal forms, negation, groups and each kind of condition, on one INVITE. */
static void test_conditions(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
#define YES METHOD("INVITE")
#define NO  METHOD("MESSAGE")
        static const struct {
                const char *what, *cnf, *spts, *after;
                bool want;
        } vec[] = {
                { "cnf: or inside a group", "1", SPT("0", G(0), NO) SPT("0", G(0), YES), "", true },
                { "cnf: and between groups", "1", SPT("0", G(0), NO) SPT("0", G(1), YES), "", false },
                { "dnf: and inside a group", "0", SPT("0", G(0), NO) SPT("0", G(0), YES), "", false },
                { "dnf: or between groups", "0", SPT("0", G(0), NO) SPT("0", G(1), YES), "", true },
                { "negated", "1", SPT("1", G(0), NO), "", true },
                { "negated true", "1", SPT("1", G(0), YES), "", false },
                { "an SPT in two groups, cnf", "1", SPT("0", G(0) G(1), YES) SPT("0", G(1), NO), "", true },
                { "an SPT in two groups, dnf", "0", SPT("0", G(0) G(1), NO) SPT("0", G(1), YES), "", false },
                { "uri", "1", SPT("0", G(0), "<RequestURI>^sip:.*@mc\\.example$</RequestURI>"), "", true },
                { "uri not", "1", SPT("0", G(0), "<RequestURI>^tel:</RequestURI>"), "", false },
                { "case", "1", SPT("0", G(0), "<SessionCase>0</SessionCase>"), "", true },
                { "case not", "1", SPT("0", G(0), "<SessionCase>2</SessionCase>"), "", false },
                { "header present", "1", SPT("0", G(0), "<SIPHeader><Header>from</Header></SIPHeader>"), "", true },
                { "header name is a pattern", "1",
                  SPT("0", G(0), "<SIPHeader><Header>P-.*</Header><Content>mcptt$</Content></SIPHeader>"), "", true },
                { "header name is whole", "1", SPT("0", G(0), "<SIPHeader><Header>Service</Header></SIPHeader>"), "",
                  false },
                { "header absent, negated", "1", SPT("1", G(0), "<SIPHeader><Header>Route</Header></SIPHeader>"), "",
                  true },
                { "sdp", "1",
                  SPT("0", G(0), "<SessionDescription><Line>m</Line><Content>^audio</Content></SessionDescription>"),
                  "", true },
                { "sdp not", "1",
                  SPT("0", G(0), "<SessionDescription><Line>m</Line><Content>^video</Content></SessionDescription>"),
                  "", false },
                { "registered part", "1", SPT("0", G(0), YES), "<ProfilePartIndicator>0</ProfilePartIndicator>", true },
                { "unregistered part", "1", SPT("0", G(0), YES), "<ProfilePartIndicator>1</ProfilePartIndicator>",
                  false },
        };
        const struct ifc_request rq = { .method = "INVITE",
                                        .request_uri = "sip:psi@mc.example",
                                        .header = header,
                                        .message = mc_request,
                                        .sdp = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n" };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct ims_subscription *s = NULL;
                struct ifc_match m;
                if (with_trigger(mem, vec[i].cnf, vec[i].spts, vec[i].after, &s) != E_OK)
                        fail_msg("%s does not parse", vec[i].what);
                CHECK_OK(ifc_eval(mem, &s->profiles[0], &rq, &m, NULL));
                if ((m.n == 1) != vec[i].want)
                        fail_msg("%s: %zu servers", vec[i].what, m.n);
        }
        talloc_free(mem);
}

/* R-SA-33: lower Priority first, and a criterion without a trigger always matches. */
static void test_order(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ifc f[] = { { .priority = 30, .as.server_name = (char[]){ "c" }, .part = IFC_PART_BOTH },
                           { .priority = 10, .as.server_name = (char[]){ "a" }, .part = IFC_PART_BOTH },
                           { .priority = 20, .as.server_name = (char[]){ "b" }, .part = IFC_PART_BOTH },
                           { .priority = 20, .as.server_name = (char[]){ "d" }, .part = IFC_PART_BOTH } };
        struct ims_profile p = { .ifcs = f, .ifcs_n = COUNT(f) };
        struct ifc_match m;
        CHECK_OK(ifc_eval(mem, &p, &(struct ifc_request){ .method = "INVITE" }, &m, NULL));
        assert_int_equal(m.n, 4);
        static const char *const want[] = { "a", "b", "d", "c" };
        for (size_t i = 0; i < 4; i++)
                assert_string_equal(m.as[i]->server_name, want[i]);
        p.ifcs_n = 0;
        CHECK_OK(ifc_eval(mem, &p, &(struct ifc_request){ .method = "INVITE" }, &m, NULL));
        assert_int_equal(m.n, 0);
        talloc_free(mem);
}

static void test_registration_type(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ims_subscription *s = NULL;
        const char *ext = METHOD("REGISTER") "<Extension><RegistrationType>2</RegistrationType></Extension>";
        CHECK_OK(with_trigger(mem, "1", talloc_asprintf(mem, "<SPT>" G(0) "%s</SPT>", ext), "", &s));
        for (unsigned type = IFC_REG_INITIAL; type <= IFC_REG_DE; type <<= 1) {
                struct ifc_match m;
                CHECK_OK(ifc_eval(mem, &s->profiles[0], &(struct ifc_request){ .method = "REGISTER", .reg_type = type },
                                  &m, NULL));
                assert_int_equal(m.n, type == IFC_REG_DE);
        }
        talloc_free(mem);
}

static void test_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        char *lengthy = talloc_zero_size(mem, IFC_PATTERN_MAX + 2);
        memset(lengthy, 'a', IFC_PATTERN_MAX + 1);
        const struct {
                const char *what, *pattern;
                enum ecode e;
        } bad[] = {
                { "too long", lengthy, E_RANGE },
                { "no expression", "(", E_SYNTAX },
                { "back reference", "(a*)\\1", E_RANGE },
                { "repetition", "((a{99}){99}){99}", E_RANGE },
                { "one huge repetition", "a{30000}", E_RANGE },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct ims_subscription *s = NULL;
                char *spt = talloc_asprintf(mem, "<SPT>" G(0) "<RequestURI>%s</RequestURI></SPT>", bad[i].pattern);
                if (with_trigger(mem, "1", spt, "", &s) != bad[i].e || s != NULL)
                        fail_msg("%s", bad[i].what);
        }
        static const struct {
                const char *spts;
                enum ecode e;
        } trigger[] = {
                { "", E_MISSING },
                { "<SPT>" METHOD("A") "</SPT>", E_MISSING },
                { "<SPT>" G(0) "</SPT>", E_SYNTAX },
                { "<SPT>" G(0) METHOD("A") "<SessionCase>0</SessionCase></SPT>", E_SYNTAX },
                { "<SPT>" G(0) "<SessionCase>4</SessionCase></SPT>", E_RANGE },
                { "<SPT>" G(-1) METHOD("A") "</SPT>", E_RANGE },
        };
        for (size_t i = 0; i < COUNT(trigger); i++) {
                struct ims_subscription *s = NULL;
                CHECK_E(trigger[i].e, with_trigger(mem, "1", trigger[i].spts, "", &s));
        }
        /* a subject that is too long does not match, also a pattern that matches everything */
        struct ims_subscription *s = NULL;
        char *uri = talloc_zero_size(mem, IFC_SUBJECT_MAX + 2);
        memset(uri, 'a', IFC_SUBJECT_MAX + 1);
        CHECK_OK(with_trigger(mem, "1", "<SPT>" G(0) "<RequestURI>.*</RequestURI></SPT>", "", &s));
        struct ifc_match m;
        CHECK_OK(ifc_eval(mem, s->profiles, &(struct ifc_request){ .method = "A", .request_uri = uri }, &m, NULL));
        assert_int_equal(m.n, 0);
        CHECK_OK(ifc_eval(mem, s->profiles, &(struct ifc_request){ .method = "A", .request_uri = uri + 1 }, &m, NULL));
        assert_int_equal(m.n, 1);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_print),       cmocka_unit_test(test_example),
                cmocka_unit_test(test_conditions),        cmocka_unit_test(test_order),
                cmocka_unit_test(test_registration_type), cmocka_unit_test(test_refuses),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
