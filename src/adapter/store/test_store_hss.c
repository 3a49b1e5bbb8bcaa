/* The HSS's store: every promise of port/store_hss.h, in plain memory (what the role's tests use), in SQLite's memory
 * and on a file. */
#include "test/kit/check.h"
#include "test/kit/store_hss_mem.h"

#include "adapter/store/hss_sqlite.h"

#include <unistd.h>

#define ALICE "alice.impi@ims.test"
#define BOB   "bob.impi@ims.test"
#define S1    "sip:s1.ims.test:6060"

static const struct hss_impu alice_impus[] = { { "sip:alice@ims.test", false }, { "tel:+15550100", true } };
static const struct hss_impu bob_impus[] = { { "sip:bob@ims.test", false } };

static struct hss_subscription alice(void)
{
        return (struct hss_subscription){ .impi = ALICE,
                                          .impus = alice_impus,
                                          .impus_n = 2,
                                          .auth = HSS_AUTH_AKA,
                                          .k = BYTES_LIT("sealed k"),
                                          .opc = BYTES_LIT("sealed\0opc"),
                                          .amf = { 0x80, 1 },
                                          .no_null_res = true };
}

static struct hss_subscription bob(void)
{
        return (struct hss_subscription){
                .impi = BOB, .impus = bob_impus, .impus_n = 1, .auth = HSS_AUTH_DIGEST, .ha1 = BYTES_LIT("sealed ha1")
        };
}

/* ---- the suite ---- */

static void keeps_what_is_put(struct store_hss *st, void *mem)
{
        struct hss_subscription a = alice(), got = { 0 };
        const char *impi = NULL;
        struct err er = { 0 };
        bool created = false;
        CHECK_E(E_NOT_FOUND, st->ops->by_impi(st, mem, ALICE, &got, &er));
        assert_true(er.code == E_NOT_FOUND && er.text[0]);
        CHECK_OK(st->ops->put(st, &a, &created, NULL));
        assert_true(created);
        CHECK_OK(st->ops->by_impi(st, mem, ALICE, &got, NULL));
        assert_string_equal(got.impi, ALICE);
        assert_true(got.auth == HSS_AUTH_AKA && got.no_null_res && got.amf[0] == 0x80 && got.amf[1] == 1);
        CHECK_BYTES("k", got.k, a.k);
        CHECK_BYTES("opc", got.opc, a.opc);
        assert_true(got.ha1.n == 0 && got.sqn == 0 && got.scscf == NULL && got.state == HSS_NOT_REGISTERED);
        assert_int_equal(got.impus_n, 2);
        assert_string_equal(got.impus[0].uri, alice_impus[0].uri);
        assert_true(!got.impus[0].barred && got.impus[1].barred);
        CHECK_OK(st->ops->impi_of(st, mem, "tel:+15550100", &impi, NULL));
        assert_string_equal(impi, ALICE);
        CHECK_E(E_NOT_FOUND, st->ops->impi_of(st, mem, "sip:nobody@ims.test", &impi, NULL));
}

/* R-SA-122: an identity of somebody else is refused whole; putting again keeps what registration made. */
static void put_is_all_or_nothing(struct store_hss *st, void *mem)
{
        struct hss_subscription a = alice(), b = bob(), got = { 0 };
        const struct hss_impu stolen[] = { { "sip:bob2@ims.test", false }, { "tel:+15550100", false } };
        const char *impi = NULL;
        bool created = false;
        CHECK_OK(st->ops->put(st, &a, NULL, NULL));
        CHECK_OK(st->ops->put(st, &b, NULL, NULL));
        CHECK_OK(st->ops->auth_begin(st, BOB, 0, 0, false, S1, NULL));
        CHECK_OK(st->ops->assign(st, BOB, S1, HSS_REGISTERED, NULL));
        b.impus = stolen;
        b.impus_n = 2;
        CHECK_E(E_EXISTS, st->ops->put(st, &b, &created, NULL));
        CHECK_E(E_NOT_FOUND, st->ops->impi_of(st, mem, "sip:bob2@ims.test", &impi, NULL));
        CHECK_OK(st->ops->impi_of(st, mem, "sip:bob@ims.test", &impi, NULL));
        b.impus_n = 1;
        created = true;
        CHECK_OK(st->ops->put(st, &b, &created, NULL));
        assert_false(created);
        CHECK_E(E_NOT_FOUND, st->ops->impi_of(st, mem, "sip:bob@ims.test", &impi, NULL));
        CHECK_OK(st->ops->by_impi(st, mem, BOB, &got, NULL));
        assert_true(got.state == HSS_REGISTERED && !strcmp(got.scscf, S1) && got.impus_n == 1);
}

static void numbers_only_go_up(struct store_hss *st, void *mem)
{
        struct hss_subscription a = alice(), got = { 0 };
        const uint64_t big = (UINT64_C(1) << 48) - 1;
        CHECK_OK(st->ops->put(st, &a, NULL, NULL));
        CHECK_OK(st->ops->auth_begin(st, ALICE, 0, 64, false, S1, NULL));
        CHECK_E(E_CONFLICT, st->ops->auth_begin(st, ALICE, 0, 96, false, S1, NULL));
        CHECK_E(E_CONFLICT, st->ops->auth_begin(st, ALICE, 64, 32, false, S1, NULL));
        CHECK_OK(st->ops->by_impi(st, mem, ALICE, &got, NULL));
        assert_true(got.sqn == 64 && !strcmp(got.scscf, S1) && got.state == HSS_NOT_REGISTERED);
        CHECK_OK(st->ops->auth_begin(st, ALICE, 64, 32, true, S1, NULL));
        CHECK_OK(st->ops->auth_begin(st, ALICE, 32, big, false, S1, NULL));
        CHECK_OK(st->ops->by_impi(st, mem, ALICE, &got, NULL));
        assert_true(got.sqn == big);
        CHECK_E(E_NOT_FOUND, st->ops->auth_begin(st, BOB, 0, 1, false, S1, NULL));
}

static void assigns_lists_and_deletes(struct store_hss *st, void *mem)
{
        struct hss_subscription a = alice(), b = bob(), got = { 0 };
        uint64_t all = 0, registered = 0;
        const char **l = NULL;
        size_t n = 0;
        CHECK_E(E_NOT_FOUND, st->ops->assign(st, ALICE, S1, HSS_REGISTERED, NULL));
        CHECK_OK(st->ops->put(st, &b, NULL, NULL));
        CHECK_OK(st->ops->put(st, &a, NULL, NULL));
        CHECK_OK(st->ops->assign(st, ALICE, S1, HSS_REGISTERED, NULL));
        CHECK_OK(st->ops->count(st, &all, &registered, NULL));
        assert_true(all == 2 && registered == 1);
        CHECK_OK(st->ops->assign(st, ALICE, NULL, HSS_NOT_REGISTERED, NULL));
        CHECK_OK(st->ops->by_impi(st, mem, ALICE, &got, NULL));
        assert_true(got.scscf == NULL && got.state == HSS_NOT_REGISTERED);
        CHECK_OK(st->ops->list(st, mem, NULL, 1, &l, &n, NULL));
        assert_true(n == 1 && !strcmp(l[0], ALICE));
        CHECK_OK(st->ops->list(st, mem, ALICE, 10, &l, &n, NULL));
        assert_true(n == 1 && !strcmp(l[0], BOB));
        CHECK_OK(st->ops->del(st, ALICE, NULL));
        CHECK_E(E_NOT_FOUND, st->ops->del(st, ALICE, NULL));
        const char *impi = NULL;
        CHECK_E(E_NOT_FOUND, st->ops->impi_of(st, mem, alice_impus[0].uri, &impi, NULL));
        CHECK_OK(st->ops->put(st, &a, NULL, NULL));
}

static void (*const suite[])(struct store_hss *, void *) = { keeps_what_is_put, put_is_all_or_nothing,
                                                             numbers_only_go_up, assigns_lists_and_deletes };

/* ---- where it runs ---- */

static char *file_in(void *mem, char *dir)
{
        assert_non_null(mkdtemp(dir));
        return talloc_asprintf(mem, "%s/hss.db", dir);
}

static void remove_dir(const char *dir)
{
        char cmd[128];
        snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
        assert_int_equal(system(cmd), 0);
}

static void memory_passes(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(suite); i++) {
                void *mem = talloc_new(NULL);
                suite[i](&hss_mem_new(mem)->port, mem);
                talloc_free(mem);
        }
}

static void sqlite_passes(void **state)
{
        (void)state;
        for (size_t i = 0; i < 2 * COUNT(suite); i++) {
                char dir[] = "/tmp/muster-hss-XXXXXX";
                void *mem = talloc_new(NULL);
                struct store_hss *st = NULL;
                CHECK_OK(hss_sqlite_open(mem, i % 2 ? file_in(mem, dir) : DB_MEMORY, &st, NULL));
                suite[i / 2](st, mem);
                talloc_free(mem);
                if (i % 2)
                        remove_dir(dir);
        }
}

static void survives_a_restart(void **state)
{
        (void)state;
        char dir[] = "/tmp/muster-hss-XXXXXX";
        void *mem = talloc_new(NULL);
        char *path = file_in(mem, dir);
        struct store_hss *st = NULL;
        struct hss_subscription a = alice(), got = { 0 };
        CHECK_OK(hss_sqlite_open(mem, path, &st, NULL));
        CHECK_OK(st->ops->put(st, &a, NULL, NULL));
        CHECK_OK(st->ops->auth_begin(st, ALICE, 0, 4711, false, S1, NULL));
        talloc_free(st);
        CHECK_OK(hss_sqlite_open(mem, path, &st, NULL));
        CHECK_OK(st->ops->by_impi(st, mem, ALICE, &got, NULL));
        assert_true(got.sqn == 4711 && !strcmp(got.scscf, S1) && got.impus_n == 2);
        talloc_free(mem);
        remove_dir(dir);
}

/* Whatever call of the database fails: the answer is E_STORE_DOWN, and the old state or the new one stands, whole. */
static void every_call_fails_once(void **state)
{
        (void)state;
        struct hss_subscription a = alice(), b = bob();
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
                void *mem = talloc_new(NULL);
                struct store_hss *st = NULL;
                struct hss_subscription got = { 0 };
                CHECK_OK(hss_sqlite_open(mem, DB_MEMORY, &st, NULL));
                CHECK_OK(st->ops->put(st, &b, NULL, NULL));
                db_fail_nth(hss_sqlite_db(st), nth);
                enum ecode e = st->ops->put(st, &a, NULL, NULL);
                if (e == E_OK)
                        e = st->ops->auth_begin(st, ALICE, 0, 32, false, S1, NULL);
                if (e == E_OK)
                        e = st->ops->assign(st, ALICE, S1, HSS_REGISTERED, NULL);
                if (e == E_OK)
                        e = st->ops->by_impi(st, mem, ALICE, &got, NULL);
                fired = db_fail_fired(hss_sqlite_db(st));
                db_fail_nth(hss_sqlite_db(st), 0);
                CHECK_E(fired ? E_STORE_DOWN : E_OK, e);
                e = st->ops->by_impi(st, mem, ALICE, &got, NULL);
                if (e == E_OK)
                        assert_true(got.impus_n == 2 && (got.sqn == 32) == (got.scscf != NULL));
                else
                        CHECK_E(E_NOT_FOUND, e);
                talloc_free(mem);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_passes),
                cmocka_unit_test(sqlite_passes),
                cmocka_unit_test(survives_a_restart),
                cmocka_unit_test(every_call_fails_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
