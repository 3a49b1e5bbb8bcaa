#include "test/kit/check.h"

#include "engine/registrar.h"

static const struct reg_limits lim = { .least_s = 60, .most_s = 3600, .contacts_most = 2 };

static struct reg *set_of(void *mem)
{
        struct reg *r = talloc_zero(mem, struct reg);
        r->impi = talloc_strdup(r, "alice.impi@ims.mc.example");
        r->impus = talloc_zero_array(r, char *, 3);
        r->impus[0] = talloc_strdup(r, "sip:alice.impu@ims.mc.example");
        r->impus[1] = talloc_strdup(r, "tel:+15550100");
        r->impus_n = 2;
        return r;
}

static struct reg_ask ask_of(const struct reg_ask_contact *c, size_t n, uint32_t cseq)
{
        static const char *const path[] = { "<sip:t1@127.0.1.6:5071;lr>" };
        return (struct reg_ask){
                .contacts = c, .contacts_n = n, .call_id = "reg-7f2a", .cseq = cseq, .path = path, .path_n = 1
        };
}

/* R-SA-15, R-SA-19, R-SA-20 */
static void test_life(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct reg *r = set_of(mem);
        enum reg_change change;
        struct reg_ask_contact c = { .uri = "sip:alice@10.0.0.7:5060", .params = ";+g.3gpp.mcptt", .expires = 600000 };
        struct reg_ask a = ask_of(&c, 1, 1);
        CHECK_OK(reg_check(r, &a, &lim, 100, NULL));
        CHECK_OK(reg_apply(r, &a, &lim, 100, &change));
        assert_int_equal(change, REG_CREATED);
        assert_int_equal(reg_longest(r, 100), 3600); /* shortened to the maximum */
        CHECK_E(E_CONFLICT, reg_check(r, &a, &lim, 100, NULL));
        a = ask_of(&c, 1, 2);
        CHECK_OK(reg_check(r, &a, &lim, 200, NULL));
        CHECK_OK(reg_apply(r, &a, &lim, 200, &change));
        assert_int_equal(change, REG_REFRESHED);
        assert_int_equal(r->contacts_n, 1);
        struct reg_ask_contact brief = { .uri = "sip:b@10.0.0.8", .expires = 59 };
        a = ask_of(&brief, 1, 3);
        CHECK_E(E_INTERVAL_BRIEF, reg_check(r, &a, &lim, 200, NULL));
        struct reg_ask star = { .star = true, .call_id = "other", .cseq = 1 };
        CHECK_OK(reg_check(r, &star, &lim, 200, NULL));
        CHECK_OK(reg_apply(r, &star, &lim, 200, &change));
        assert_int_equal(change, REG_ENDED);
        talloc_free(mem);
}

static void test_instances_and_limit(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct reg *r = set_of(mem);
        enum reg_change change;
        struct reg_ask_contact two[] = { { .uri = "sip:a@10.0.0.7", .instance = "<urn:uuid:1>", .expires = 100 },
                                         { .uri = "sip:a@10.0.0.7", .instance = "<urn:uuid:2>", .expires = 200 } };
        struct reg_ask a = ask_of(two, 2, 1);
        CHECK_OK(reg_check(r, &a, &lim, 0, NULL));
        CHECK_OK(reg_apply(r, &a, &lim, 0, &change));
        assert_int_equal(r->contacts_n, 2);
        struct reg_ask_contact third = { .uri = "sip:a@10.0.0.9", .expires = 100 };
        a = ask_of(&third, 1, 2);
        CHECK_E(E_LIMIT, reg_check(r, &a, &lim, 0, NULL));
        two[0].uri = "sip:a@10.9.9.9"; /* the same instance elsewhere: replaced, not added */
        a = ask_of(two, 1, 3);
        CHECK_OK(reg_check(r, &a, &lim, 0, NULL));
        CHECK_OK(reg_apply(r, &a, &lim, 0, &change));
        assert_int_equal(r->contacts_n, 2);
        assert_true(reg_expire(r, 150));
        assert_int_equal(r->contacts_n, 1);
        assert_false(reg_expire(r, 199));
        assert_true(reg_expire(r, 200));
        talloc_free(mem);
}

static void test_store_form(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct reg *r = set_of(mem), *back = NULL;
        enum reg_change change;
        struct reg_ask_contact c = {
                .uri = "sip:a@10.0.0.7", .params = ";+g.3gpp.mcptt", .instance = "<urn:uuid:1>", .expires = 100
        };
        struct reg_ask a = ask_of(&c, 1, 7);
        CHECK_OK(reg_apply(r, &a, &lim, 1000, &change));
        json_t *o = reg_to_json(r);
        assert_non_null(o);
        CHECK_OK(reg_from_json(mem, o, &back));
        assert_string_equal(back->impus[1], "tel:+15550100");
        assert_true(reg_has_impu(back, "tel:+15550100"));
        assert_int_equal(back->contacts[0]->cseq, 7);
        assert_string_equal(back->contacts[0]->path[0], "<sip:t1@127.0.1.6:5071;lr>");
        assert_int_equal(back->contacts[0]->expires_at, 1100);
        json_object_del(o, "impi");
        CHECK_E(E_SYNTAX, reg_from_json(mem, o, &back));
        json_decref(o);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_life), cmocka_unit_test(test_instances_and_limit),
                                            cmocka_unit_test(test_store_form) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
