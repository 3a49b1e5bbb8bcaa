#include "proto/reginfo/reginfo.h"

#include "proto/xml/xml.h"
#include "test/kit/check.h"

#define NS "urn:ietf:params:xml:ns:reginfo"

static struct xml *printed(void *mem, uint32_t version, const struct reginfo_aor *aors, size_t n)
{
        struct bytes text = { 0 };
        struct xml *x = NULL;
        CHECK_OK(reginfo_print(mem, version, aors, n, &text, NULL));
        CHECK_OK(xml_parse(mem, text, NULL, &x, NULL));
        assert_true(xml_is(xml_root(x), NS, "reginfo"));
        return x;
}

/* R-SA-27: a full state, whose ids stay and whose states follow from the events. */
static void documents_of_one_subscription(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct reginfo_contact c[] = { { "sip:ue@192.0.2.1:5060;a=<&>", REGINFO_REGISTERED, 600 },
                                       { "sip:other@192.0.2.2", REGINFO_UNREGISTERED, -1 } };
        struct reginfo_aor aors[] = { { "sip:alice@ims.mc.example", c, 2 }, { "tel:+15550100", c, 2 } };
        struct xml *x = printed(mem, 7, aors, 2);
        assert_string_equal(xml_attr(mem, xml_root(x), "", "version"), "7");
        assert_string_equal(xml_attr(mem, xml_root(x), "", "state"), "full");
        const struct xml_node *r = xml_first(xml_root(x), NS, "registration");
        const struct xml_node *on = xml_first(r, NS, "contact"), *off = xml_next(on, NS, "contact");
        assert_string_equal(xml_attr(mem, r, "", "aor"), "sip:alice@ims.mc.example");
        assert_string_equal(xml_attr(mem, r, "", "state"), "active");
        assert_string_equal(xml_attr(mem, on, "", "state"), "active");
        assert_string_equal(xml_attr(mem, on, "", "event"), "registered");
        assert_string_equal(xml_attr(mem, on, "", "expires"), "600");
        assert_string_equal(xml_child_text(mem, on, NS, "uri"), c[0].uri);
        assert_string_equal(xml_attr(mem, off, "", "state"), "terminated");
        assert_null(xml_attr(mem, off, "", "expires"));
        const struct xml_node *second = xml_next(r, NS, "registration");
        assert_string_not_equal(xml_attr(mem, second, "", "id"), xml_attr(mem, r, "", "id"));
        assert_string_not_equal(xml_attr(mem, on, "", "id"), xml_attr(mem, off, "", "id"));
        struct xml *again = printed(mem, 8, aors, 1);
        const struct xml_node *same = xml_first(xml_root(again), NS, "registration");
        assert_string_equal(xml_attr(mem, same, "", "id"), xml_attr(mem, r, "", "id"));
        assert_string_equal(xml_attr(mem, xml_first(same, NS, "contact"), "", "id"), xml_attr(mem, on, "", "id"));
        talloc_free(mem);
}

/* R-SA-28 */
static void end_of_a_registration(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const enum reginfo_event ends[] = { REGINFO_EXPIRED, REGINFO_DEACTIVATED, REGINFO_UNREGISTERED,
                                                   REGINFO_REJECTED };
        for (size_t i = 0; i < COUNT(ends); i++) {
                struct reginfo_contact c = { "sip:ue@192.0.2.1", ends[i], 0 };
                struct xml *x = printed(mem, 1, &(struct reginfo_aor){ "sip:a@b", &c, 1 }, 1);
                const struct xml_node *r = xml_first(xml_root(x), NS, "registration");
                assert_string_equal(xml_attr(mem, r, "", "state"), "terminated");
                assert_string_equal(xml_attr(mem, xml_first(r, NS, "contact"), "", "state"), "terminated");
                assert_string_equal(xml_attr(mem, xml_first(r, NS, "contact"), "", "event"),
                                    reginfo_event_name(ends[i]));
        }
        struct xml *x = printed(mem, 0, &(struct reginfo_aor){ "sip:a@b", NULL, 0 }, 1);
        assert_string_equal(xml_attr(mem, xml_first(xml_root(x), NS, "registration"), "", "state"), "init");
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(documents_of_one_subscription),
                                            cmocka_unit_test(end_of_a_registration) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
