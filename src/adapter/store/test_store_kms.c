#include "test/kit/check.h"

#include "adapter/store/kms_sqlite.h"

static int setup(void **state)
{
        struct store_kms *st;
        void *mem = talloc_new(NULL);
        CHECK_OK(kms_sqlite_open(mem, DB_MEMORY, &st, NULL));
        *state = st;
        return 0;
}

static int teardown(void **state)
{
        talloc_free(talloc_parent(*state));
        return 0;
}

static void test_master(void **state)
{
        struct store_kms *st = *state;
        struct kms_master_row m = { .ksak = BYTES_LIT("a"),
                                    .z = BYTES_LIT("b"),
                                    .vseed = BYTES_LIT("c"),
                                    .kpak = BYTES_LIT("d"),
                                    .pub_z = BYTES_LIT("e"),
                                    .kms_uri = "kms.example",
                                    .key_period = 2592000,
                                    .key_offset = 5,
                                    .created_s = 7 };
        struct kms_master_row back;
        CHECK_E(E_NOT_FOUND, st->master_get(st, st, &back, NULL));
        CHECK_OK(st->master_put(st, &m, NULL));
        CHECK_E(E_EXISTS, st->master_put(st, &m, NULL));
        CHECK_OK(st->master_get(st, st, &back, NULL));
        CHECK_BYTES("ksak", back.ksak, m.ksak);
        CHECK_BYTES("pub_z", back.pub_z, m.pub_z);
        assert_string_equal(back.kms_uri, m.kms_uri);
        assert_int_equal(back.key_period, 2592000);
        assert_int_equal(back.key_offset, 5);
}

/* R-SA-122: idempotent, and nothing changes on a check or a refusal. */
static void test_subjects(void **state)
{
        struct store_kms *st = *state;
        struct kms_subject two[] = { { .uri = "sip:a@x", .services = 2 }, { .uri = "sip:b@x", .services = 4 } };
        struct kms_subject s, *list;
        size_t n;
        CHECK_OK(st->subjects_put(st, "alice", false, two, 2, 100, true, NULL));
        CHECK_E(E_NOT_FOUND, st->subject_get(st, st, "sip:a@x", &s, NULL));
        CHECK_OK(st->subjects_put(st, "alice", false, two, 2, 100, false, NULL));
        CHECK_OK(st->subjects_put(st, "alice", false, two, 2, 200, false, NULL));
        CHECK_OK(st->subject_get(st, st, "sip:a@x", &s, NULL));
        assert_int_equal(s.created_s, 100);
        assert_int_equal(s.services, 2);
        assert_false(s.server);
        CHECK_E(E_EXISTS, st->subjects_put(st, "bob", false, two, 1, 100, true, NULL));
        struct kms_subject mixed[] = { { .uri = "sip:c@x", .services = 2 }, { .uri = "sip:b@x", .services = 4 } };
        CHECK_E(E_EXISTS, st->subjects_put(st, "bob", false, mixed, 2, 100, false, NULL));
        CHECK_E(E_NOT_FOUND, st->subject_get(st, st, "sip:c@x", &s, NULL));
        CHECK_E(E_EXISTS, st->subjects_put(st, "alice", true, two, 1, 100, false, NULL));
        CHECK_OK(st->subjects_put(st, "bob", false, mixed, 1, 300, false, NULL));
        CHECK_OK(st->subjects_put(st, "alice", false, two, 1, 400, false, NULL));
        CHECK_E(E_NOT_FOUND, st->subject_get(st, st, "sip:b@x", &s, NULL));
        struct kms_subject server = { .uri = "sip:psi@x" };
        CHECK_OK(st->subjects_put(st, "sip:psi@x", true, &server, 1, 500, false, NULL));
        CHECK_OK(st->subject_list(st, st, NULL, "", 10, &list, &n, NULL));
        assert_int_equal(n, 3);
        assert_string_equal(list[0].owner, "alice");
        assert_true(list[2].server);
        CHECK_OK(st->subject_list(st, st, NULL, "alice", 1, &list, &n, NULL));
        assert_int_equal(n, 1);
        assert_string_equal(list[0].owner, "bob");
        CHECK_OK(st->owner_del(st, "alice", NULL));
        CHECK_E(E_NOT_FOUND, st->owner_del(st, "alice", NULL));
        CHECK_OK(st->subject_list(st, st, "alice", "", 10, &list, &n, NULL));
        assert_int_equal(n, 0);
}

static void test_many(void **state)
{
        struct store_kms *st = *state;
        struct kms_subject *list;
        size_t n;
        for (int i = 0; i < 100; i++) {
                struct kms_subject s = { .uri = talloc_asprintf(st, "sip:u%03d@x", i), .services = 2 };
                CHECK_OK(st->subjects_put(st, talloc_asprintf(st, "u%03d", i), false, &s, 1, 1, false, NULL));
        }
        CHECK_OK(st->subject_list(st, st, NULL, "", 1000, &list, &n, NULL));
        assert_int_equal(n, 100);
        for (int i = 0; i < 100; i++)
                assert_string_equal(list[i].owner, talloc_asprintf(st, "u%03d", i));
}

static void test_issues(void **state)
{
        struct store_kms *st = *state;
        struct kms_issue one[] = { { 10, "sip:a@x", 5, "https", "client", "jti" },
                                   { 20, "sip:b@x", 5, "admin", NULL, NULL } };
        struct kms_issue *list;
        size_t n;
        CHECK_OK(st->issue_add(st, one, 2, NULL));
        CHECK_OK(st->issue_list(st, st, NULL, 10, &list, &n, NULL));
        assert_int_equal(n, 2);
        assert_string_equal(list[0].uri, "sip:b@x");
        assert_null(list[0].jti);
        CHECK_OK(st->issue_list(st, st, "sip:a@x", 10, &list, &n, NULL));
        assert_int_equal(n, 1);
        assert_string_equal(list[0].client_id, "client");
        CHECK_OK(st->issue_prune(st, 15, NULL));
        CHECK_OK(st->issue_list(st, st, NULL, 10, &list, &n, NULL));
        assert_int_equal(n, 1);
}

/* R-KMS-17, R-KMS-19 */
static void test_partners(void **state)
{
        struct store_kms *st = *state;
        struct kms_partner a = { "cert1.b", "kms.b", BYTES_LIT("<one/>") }, *list;
        size_t n;
        int64_t before, num;
        CHECK_OK(st->partner_list(st, st, &list, &n, &before, NULL));
        assert_int_equal(n, 0);
        CHECK_OK(st->partner_put(st, &a, NULL));
        a.xml = BYTES_LIT("<two/>");
        CHECK_OK(st->partner_put(st, &a, NULL));
        CHECK_OK(st->partner_list(st, st, &list, &n, &num, NULL));
        assert_int_equal(n, 1);
        CHECK_BYTES("xml", list[0].xml, a.xml);
        assert_int_equal(num, before + 2);
        CHECK_OK(st->partner_del(st, "cert1.b", NULL));
        CHECK_E(E_NOT_FOUND, st->partner_del(st, "cert1.b", NULL));
        CHECK_OK(st->partner_list(st, st, &list, &n, &num, NULL));
        assert_int_equal(n, 0);
        assert_int_equal(num, before + 3);
}

/* Each call below fails once: the answer is "could not ask", and nothing is left half done. */
static void test_outage(void **state)
{
        struct store_kms *st = *state;
        struct kms_subject two[] = { { .uri = "sip:a@x", .services = 2 }, { .uri = "sip:b@x", .services = 4 } };
        for (unsigned nth = 1;; nth++) {
                struct kms_subject *list;
                size_t n;
                db_fail_nth(kms_sqlite_db(st), nth);
                enum ecode e = st->subjects_put(st, "alice", false, two, 2, 100, false, NULL);
                bool fired = db_fail_fired(kms_sqlite_db(st));
                db_fail_nth(kms_sqlite_db(st), 0);
                CHECK_E(fired ? E_STORE_DOWN : E_OK, e);
                CHECK_OK(st->subject_list(st, st, NULL, "", 10, &list, &n, NULL));
                assert_int_equal(n, fired ? 0 : 2);
                if (!fired)
                        break;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_master, setup, teardown),
                cmocka_unit_test_setup_teardown(test_subjects, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many, setup, teardown),
                cmocka_unit_test_setup_teardown(test_issues, setup, teardown),
                cmocka_unit_test_setup_teardown(test_partners, setup, teardown),
                cmocka_unit_test_setup_teardown(test_outage, setup, teardown),
        };
        return cmocka_run_group_tests_name("store_kms", tests, NULL, NULL);
}
