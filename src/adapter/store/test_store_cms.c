#include "test/kit/check.h"

#include "adapter/store/cms_sqlite.h"

static int setup(void **state)
{
        struct store_cms *st;
        void *mem = talloc_new(NULL);
        CHECK_OK(cms_sqlite_open(mem, DB_MEMORY, &st, NULL));
        CHECK_OK(st->group_put(st, &(struct cms_group){ .uri = "sip:g1@x", .display_name = "One", .priority = 3 },
                               NULL));
        CHECK_OK(st->group_put(st, &(struct cms_group){ .uri = "sip:g2@x", .invite_members = true }, NULL));
        *state = st;
        return 0;
}

static int teardown(void **state)
{
        talloc_free(talloc_parent(*state));
        return 0;
}

static struct cms_user alice(void)
{
        return (struct cms_user){ .mc_id = "alice",
                                  .id = { "sip:a.ptt@x", NULL, "sip:a.data@x" },
                                  .name = "Alice",
                                  .profile_index = 1,
                                  .allow = "private_call",
                                  .enabled = true };
}

static const char *const both[] = { "sip:g1@x", "sip:g2@x" }, *const none[] = { "sip:no@x" };

/* R-SA-122: one user with groups as a whole or not at all; twice is once. */
static void test_user(void **state)
{
        struct store_cms *st = *state;
        struct cms_user u = alice(), back;
        struct cms_group *g;
        size_t n;
        CHECK_OK(st->user_put(st, &u, both, 2, true, NULL));
        CHECK_E(E_NOT_FOUND, st->user_get(st, st, "alice", &back, NULL));
        CHECK_E(E_NOT_FOUND, st->user_put(st, &u, none, 1, true, NULL));
        CHECK_E(E_NOT_FOUND, st->user_put(st, &u, none, 1, false, NULL));
        CHECK_E(E_NOT_FOUND, st->user_get(st, st, "alice", &back, NULL));
        CHECK_OK(st->user_put(st, &u, both, 2, false, NULL));
        CHECK_OK(st->user_put(st, &u, both, 2, false, NULL));
        CHECK_OK(st->user_by_id(st, st, 2, "sip:a.data@x", &back, NULL));
        assert_string_equal(back.mc_id, "alice");
        assert_string_equal(back.allow, "private_call");
        assert_null(back.id[1]);
        assert_true(back.enabled);
        CHECK_E(E_NOT_FOUND, st->user_by_id(st, st, 0, "sip:a.data@x", &back, NULL));
        CHECK_OK(st->user_put(st, &u, NULL, 0, false, NULL));
        CHECK_OK(st->groups_of(st, st, "alice", &g, &n, NULL));
        assert_int_equal(n, 2);
        assert_string_equal(g[0].display_name, "One");
        CHECK_OK(st->user_put(st, &u, both + 1, 1, false, NULL));
        CHECK_OK(st->groups_of(st, st, "alice", &g, &n, NULL));
        assert_int_equal(n, 1);
        struct cms_user bob = alice();
        bob.mc_id = "bob";
        CHECK_E(E_EXISTS, st->user_put(st, &bob, NULL, 0, true, NULL));
        CHECK_E(E_EXISTS, st->user_put(st, &bob, NULL, 0, false, NULL));
        CHECK_OK(st->user_del(st, "alice", NULL));
        CHECK_E(E_NOT_FOUND, st->user_del(st, "alice", NULL));
        CHECK_OK(st->user_put(st, &bob, NULL, 0, false, NULL));
        CHECK_OK(st->groups_of(st, st, "bob", &g, &n, NULL));
        assert_int_equal(n, 0);
}

static void test_groups(void **state)
{
        struct store_cms *st = *state;
        struct cms_user *list;
        struct cms_group g, *groups;
        size_t n;
        for (int i = 0; i < 20; i++) {
                struct cms_user u = { .mc_id = talloc_asprintf(st, "u%02d", i), .allow = "" };
                CHECK_OK(st->user_put(st, &u, both, 1 + i % 2, false, NULL));
        }
        CHECK_OK(st->members_of(st, st, "sip:g1@x", &list, &n, NULL));
        assert_int_equal(n, 20);
        CHECK_OK(st->members_of(st, st, "sip:g2@x", &list, &n, NULL));
        assert_int_equal(n, 10);
        assert_string_equal(list[0].mc_id, "u01");
        CHECK_OK(st->user_list(st, st, "u09", 5, &list, &n, NULL));
        assert_int_equal(n, 5);
        assert_string_equal(list[0].mc_id, "u10");
        CHECK_OK(st->group_list(st, st, &groups, &n, NULL));
        assert_int_equal(n, 2);
        CHECK_OK(st->group_get(st, st, "sip:g1@x", &g, NULL));
        assert_int_equal(g.priority, 3);
        g.priority = 4;
        CHECK_OK(st->group_put(st, &g, NULL));
        CHECK_OK(st->members_of(st, st, "sip:g1@x", &list, &n, NULL));
        assert_int_equal(n, 20); /* replacing a group keeps its members */
        CHECK_OK(st->group_del(st, "sip:g1@x", NULL));
        CHECK_E(E_NOT_FOUND, st->group_del(st, "sip:g1@x", NULL));
        CHECK_OK(st->groups_of(st, st, "u00", &groups, &n, NULL));
        assert_int_equal(n, 0);
}

static void test_outage(void **state)
{
        struct store_cms *st = *state;
        struct cms_user u = alice(), back;
        for (unsigned nth = 1;; nth++) {
                db_fail_nth(cms_sqlite_db(st), nth);
                enum ecode e = st->user_put(st, &u, both, 2, false, NULL);
                bool fired = db_fail_fired(cms_sqlite_db(st));
                db_fail_nth(cms_sqlite_db(st), 0);
                CHECK_E(fired ? E_STORE_DOWN : E_OK, e);
                CHECK_E(fired ? E_NOT_FOUND : E_OK, st->user_get(st, st, "alice", &back, NULL));
                if (!fired)
                        break;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_user, setup, teardown),
                cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
                cmocka_unit_test_setup_teardown(test_outage, setup, teardown),
        };
        return cmocka_run_group_tests_name("store_cms", tests, NULL, NULL);
}
