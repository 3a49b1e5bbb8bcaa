#include "test/kit/check.h"

#include "proto/mcx/mcx_group.h"
#include "proto/mcx/mcx_lists.h"
#include "proto/mcx/mcx_profile.h"
#include "proto/mcx/mcx_settings.h"
#include "proto/mcx/mcx_ue_init.h"
#include "proto/xml/xml.h"

static struct bytes canonical(void *mem, struct bytes text)
{
        struct xml *x = NULL;
        struct bytes c = { 0 };
        struct err er = { 0 };
        if (xml_parse(mem, text, NULL, &x, &er) != E_OK)
                fail_msg("%s", er.text);
        CHECK_OK(xml_canonical(mem, x, &c));
        return c;
}

/* R-SA-85: the index in either namespace. */
static void test_settings(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_settings *s = NULL;
        struct bytes out, file = vector_file(mem, "mcx/poc-settings.xml");
        CHECK_OK(mcx_settings_parse(mem, file, &s, NULL));
        assert_int_equal(s->n, 1);
        assert_string_equal(s->entities[0].id, "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
        assert_int_equal(s->entities[0].answer_mode, MCX_ANSWER_AUTOMATIC);
        assert_true(s->entities[0].has_profile_index);
        assert_int_equal(s->entities[0].profile_index, 1);
        CHECK_OK(mcx_settings_print(mem, s, &out, NULL));
        CHECK_BYTES("document", canonical(mem, out), canonical(mem, file));

        CHECK_OK(mcx_settings_parse(mem, vector_file(mem, "mcx/poc-settings-vendor.xml"), &s, NULL));
        assert_true(s->entities[0].has_profile_index);
        assert_int_equal(s->entities[0].profile_index, 0);
        talloc_free(mem);
}

/* R-SA-83, R-SA-84 (an index out of range never reaches a profile), R-SA-57 */
static void test_settings_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
#define SETTINGS(inside)                                                                                               \
        "<poc-settings xmlns='urn:oma:params:xml:ns:poc:poc-settings'><entity id='a'>" inside "</entity></"            \
        "poc-settings>"
#define MODE(m) SETTINGS("<am-settings><answer-mode>" m "</answer-mode></am-settings>")
#define INDEX(i)                                                                                                       \
        SETTINGS("<selected-user-profile-index><user-profile-index>" i                                                 \
                 "</user-profile-index></selected-user-profile-index>")
        static const struct {
                const char *text;
                enum ecode e;
                enum mcx_answer_mode mode;
        } vec[] = {
                { MODE("manual"), E_OK, MCX_ANSWER_MANUAL },
                { SETTINGS(""), E_OK, MCX_ANSWER_UNSET },
                { SETTINGS("<am-settings/>"), E_OK, MCX_ANSWER_UNSET },
                { MODE("Manual"), E_SYNTAX, 0 },
                { MODE(""), E_SYNTAX, 0 },
                { INDEX("256"), E_RANGE, 0 },
                { INDEX("-1"), E_RANGE, 0 },
                { INDEX("one"), E_SYNTAX, 0 },
                { "<poc-settings/>", E_SYNTAX, 0 },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct mcx_settings *s = NULL;
                struct err er = { 0 };
                if (mcx_settings_parse(mem, bytes_str(vec[i].text), &s, &er) != vec[i].e)
                        fail_msg("%s: %s", vec[i].text, er.text);
                if (s != NULL)
                        assert_int_equal(s->entities[0].answer_mode, vec[i].mode);
        }
        talloc_free(mem);
}

static void test_lists(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_uri_list *l = NULL;
        struct bytes out, file = vector_file(mem, "mcx/resource-lists.xml");
        CHECK_OK(mcx_resource_lists_parse(mem, file, &l, NULL));
        assert_int_equal(l->n, 3);
        assert_string_equal(l->uris[2], "org.3gpp.mcptt.service-config/global/service-config.xml");
        CHECK_OK(mcx_resource_lists_print(mem, l, &out, NULL));
        CHECK_BYTES("document", canonical(mem, out), canonical(mem, file));
        CHECK_OK(mcx_resource_lists_parse(
                mem,
                bytes_str("<r:resource-lists xmlns:r='urn:ietf:params:xml:ns:resource-lists'><r:list><r:entry uri='a'/>"
                          "<r:list><r:entry uri='b'/></r:list><r:entry uri='c'/></r:list></r:resource-lists>"),
                &l, NULL));
        assert_int_equal(l->n, 3);
        assert_string_equal(l->uris[1], "b");
        struct buf many = buf_on(mem);
        buf_puts(&many, "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>");
        for (unsigned i = 0; i <= MCX_LIST_MAX; i++)
                buf_puts(&many, "<entry uri='a'/>");
        buf_puts(&many, "</list></resource-lists>");
        CHECK_E(E_LONG, mcx_resource_lists_parse(mem, buf_bytes(&many), &l, NULL));

        struct mcx_xcap_diff *d = NULL;
        file = vector_file(mem, "mcx/xcap-diff.xml");
        CHECK_OK(mcx_xcap_diff_parse(mem, file, &d, NULL));
        assert_string_equal(d->xcap_root, "https://cms.mc.example/xcap/");
        assert_int_equal(d->n, 2);
        assert_string_equal(d->docs[0].new_etag, "a1");
        assert_null(d->docs[0].previous_etag);
        CHECK_OK(mcx_xcap_diff_print(mem, d, &out, NULL));
        CHECK_BYTES("document", canonical(mem, out), canonical(mem, file));
        CHECK_E(E_MISSING,
                mcx_xcap_diff_parse(mem, bytes_str("<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff'/>"), &d, NULL));
        talloc_free(mem);
}

static void test_ue_init(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_ue_init *u = NULL, *back = NULL;
        CHECK_OK(mcx_ue_init_parse(mem, vector_file(mem, "mcx/ue-init.xml"), &u, NULL));
        assert_string_equal(u->domain, "mc.example");
        assert_string_equal(u->idms_auth_endpoint, "https://idms-auth.mc.example/authorize");
        assert_string_equal(u->idms_token_endpoint, "https://idms-token.mc.example/token");
        assert_string_equal(u->http_proxy, "https://proxy.mc.example:443");
        assert_string_equal(u->kms, "https://kms.mc.example");
        assert_string_equal(u->gms_xcap_root, "https://gms.mc.example/xcap");
        assert_string_equal(u->cms_xcap_root, "https://cms.mc.example/xcap");
        assert_string_equal(u->default_user, "sip:default@mc.example");
        assert_string_equal(u->plmn, "001001");
        assert_string_equal(u->apn_core, "mc-core-apn");
        assert_int_equal(u->pcscf_n, 0);

        char *pcscf[] = { (char[]){ "sip:127.0.0.5:5060;transport=tcp" }, (char[]){ "sip:[::1]:5060" } };
        u->pcscf = pcscf;
        u->pcscf_n = COUNT(pcscf);
        struct bytes out;
        CHECK_OK(mcx_ue_init_print(mem, u, &out, NULL));
        CHECK_OK(mcx_ue_init_parse(mem, out, &back, NULL));
        assert_int_equal(back->pcscf_n, 2);
        assert_string_equal(back->pcscf[0], pcscf[0]);
        assert_string_equal(back->instance_id_urn, u->instance_id_urn);
        assert_string_equal(back->group_creation_xui, "sip:group-admin@mc.example");
        assert_false(back->confidentiality_protection);
        u->cms = NULL;
        CHECK_E(E_MISSING, mcx_ue_init_print(mem, u, &out, NULL));
        talloc_free(mem);
}

/* R-SA-113, R-SA-119, R-SA-67 */
static void test_profile(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_profile *p = NULL, *back = NULL;
        struct bytes out;
        CHECK_OK(mcx_profile_parse(mem, vector_file(mem, "mcx/user-profile.xml"), &p, NULL));
        assert_int_equal(p->service, MCX_PTT);
        assert_string_equal(p->user_uri, "sip:alice@mc.example");
        assert_int_equal(p->index, 1);
        assert_true(p->enabled);
        assert_true(p->pre_selected);
        assert_string_equal(p->user_id.uri, "sip:alice@mc.example");
        assert_string_equal(p->user_id.display_name, "Alice");
        assert_int_equal(p->groups_n, 1);
        assert_string_equal(p->groups[0].uri, "sip:fire-1@mc.example");
        assert_string_equal(p->implicit_affiliations[0], "sip:fire-1@mc.example");
        assert_int_equal(p->max_affiliations, 10);
        assert_int_equal(p->max_calls, 4);
        assert_int_equal(p->priority, 4);
        assert_string_equal(p->gms_id, "sip:gms@mc.example");
        assert_string_equal(p->kms_uri, "https://kms.mc.example");
        assert_true(p->allow.private_call && p->allow.emergency_group_call && p->allow.activate_emergency_alert);
        assert_false(p->allow.regroup);
        for (unsigned s = 0; s < MCX_SERVICES; s++) {
                p->service = (enum mcx_service)s;
                p->max_authorizations = 3;
                CHECK_OK(mcx_profile_print(mem, p, &out, NULL));
                CHECK_OK(mcx_profile_parse(mem, out, &back, NULL));
                assert_int_equal(back->service, s);
                assert_string_equal(back->groups[0].display_name, "Fire 1");
                assert_int_equal(back->max_authorizations, 3);
                assert_int_equal(back->max_affiliations, 10);
                assert_string_equal(back->idms_token_endpoint, p->idms_token_endpoint);
                assert_memory_equal(&back->allow, &p->allow, sizeof p->allow);
                assert_true(back->pre_selected);
        }
        p->index = 256;
        CHECK_E(E_RANGE, mcx_profile_print(mem, p, &out, NULL));
        talloc_free(mem);
}

static void test_profile_refuses(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
#define PROFILE(attrs, inside)                                                                                         \
        "<mcptt-user-profile xmlns='urn:3gpp:mcptt:user-profile:1.0' " attrs ">" inside "</mcptt-user-profile>"
        static const struct {
                const char *text;
                enum ecode e;
        } vec[] = {
                { PROFILE("XUI-URI='sip:a@b' user-profile-index='0'", "<Status>false</Status>"), E_OK },
                { PROFILE("XUI-URI='sip:a@b' user-profile-index='256'", "<Status>true</Status>"), E_RANGE },
                { PROFILE("XUI-URI='sip:a@b'", "<Status>true</Status>"), E_MISSING },
                { PROFILE("user-profile-index='0'", "<Status>true</Status>"), E_MISSING },
                { PROFILE("XUI-URI='sip:a@b' user-profile-index='0'", ""), E_MISSING },
                { PROFILE("XUI-URI='sip:a@b' user-profile-index='0'", "<Status>yes</Status>"), E_SYNTAX },
                { "<mcptt-user-profile/>", E_SYNTAX },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                struct mcx_profile *p = NULL;
                struct err er = { 0 };
                if (mcx_profile_parse(mem, bytes_str(vec[i].text), &p, &er) != vec[i].e)
                        fail_msg("%s: %s", vec[i].text, er.text);
                assert_false(p != NULL && p->enabled);
        }
        talloc_free(mem);
}

static void test_group(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mcx_group *g = NULL, *back = NULL;
        struct bytes out, file = vector_file(mem, "mcx/group.xml");
        CHECK_OK(mcx_group_parse(mem, file, &g, NULL));
        assert_string_equal(g->uri, "sip:fire-1@mc.example");
        assert_string_equal(g->display_name, "Fire 1");
        assert_int_equal(g->members_n, 2);
        assert_string_equal(g->members[0].display_name, "Alice");
        assert_true(g->members[0].on_network_required);
        assert_int_equal(g->members[1].priority, 5);
        assert_int_equal(g->max_participants, 200);
        assert_true(g->invite_members);
        assert_true(g->allow_emergency_call);
        assert_ptr_equal(mcx_group_member(g, "sip:bob@mc.example"), &g->members[1]);
        assert_null(mcx_group_member(g, "sip:eve@mc.example"));
        assert_null(mcx_group_member(g, "SIP:bob@mc.example"));
        CHECK_OK(mcx_group_print(mem, g, &out, NULL));
        CHECK_OK(mcx_group_parse(mem, out, &back, NULL));
        assert_int_equal(back->members_n, 2);
        assert_string_equal(back->members[0].participant_type, "First Responder");
        assert_int_equal(back->priority, 5);
        assert_true(back->allow_emergency_call);
        g->members[1].uri = NULL;
        CHECK_E(E_MISSING, mcx_group_print(mem, g, &out, NULL));
        CHECK_E(E_MISSING, mcx_group_parse(mem, bytes_str("<group xmlns='urn:oma:xml:poc:list-service'/>"), &g, NULL));
        CHECK_E(E_SYNTAX, mcx_group_parse(mem, bytes_str("<group/>"), &g, NULL));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings), cmocka_unit_test(test_settings_refuses),
                cmocka_unit_test(test_lists),    cmocka_unit_test(test_ue_init),
                cmocka_unit_test(test_profile),  cmocka_unit_test(test_profile_refuses),
                cmocka_unit_test(test_group),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
