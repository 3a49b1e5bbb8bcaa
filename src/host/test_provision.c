/* Roles that answer as they are told: R-SA-122 is what happens when one of them does not want, or goes away. */
#include "test/kit/check.h"

#include "host/admin.h"
#include "host/provision.h"

#include <sys/stat.h>
#include <unistd.h>

struct fake {
        const char *role;
        const char *refuse; /* this command */
        enum ecode with;
        bool has, asked_for_secret;
        struct admin_server *server;
};

enum { FAKES = 5 };
static struct fake fakes[FAKES];
static char top[64];

static enum ecode answer(void *arg, void *mem, const char *cmd, json_t *args, json_t **out, struct err *er)
{
        (void)mem;
        (void)out;
        struct fake *f = arg;
        bool is_hss = !strcmp(f->role, "hss");
        f->asked_for_secret |= json_object_get(args, "k") != NULL && !is_hss;
        f->asked_for_secret |= json_object_get(args, "ims_password") != NULL;
        if (json_object_get(args, is_hss ? "impi" : "mc_id") == NULL)
                return err_set(er, E_MISSING, NULL, "who?");
        if (f->refuse != NULL && !strcmp(f->refuse, cmd)) {
                f->has |= !strcmp(cmd, "user-put") && ecode_undecided(f->with); /* done, and then the answer got lost */
                return err_set(er, f->with, "R-SA-122", "refused on purpose");
        }
        if (!strcmp(cmd, "user-put"))
                f->has = true;
        if (!strcmp(cmd, "user-del") && !f->has)
                return err_set(er, E_NOT_FOUND, NULL, "no such user");
        if (!strcmp(cmd, "user-del"))
                f->has = false;
        return E_OK;
}

static int start(void **state)
{
        (void)state;
        snprintf(top, sizeof top, "/tmp/muster-prov-XXXXXX");
        assert_non_null(mkdtemp(top));
        char run[80];
        snprintf(run, sizeof run, "%s/run", top);
        mkdir(run, 0700);
        for (size_t i = 0; i < FAKES; i++) {
                fakes[i] = (struct fake){ .role = provision_roles[i] };
                CHECK_OK(admin_server_start(run, provision_roles[i], NULL, answer, &fakes[i], &fakes[i].server, NULL));
        }
        return 0;
}

static int stop(void **state)
{
        (void)state;
        for (size_t i = 0; i < FAKES; i++)
                admin_server_stop(fakes[i].server);
        char run[80];
        snprintf(run, sizeof run, "%s/run", top);
        rmdir(run);
        return rmdir(top);
}

static json_t *alice(void)
{
        return json_pack("{s:s,s:s,s:s,s:[s],s:s,s:s,s:s}", "mc_id", "alice@mc.example", "password", "x", "impi",
                         "alice.impi@ims.mc.example", "impus", "sip:alice.impu@ims.mc.example", "auth", "aka", "k",
                         "00", "ims_password", "y");
}

static size_t count(void)
{
        size_t n = 0;
        for (size_t i = 0; i < FAKES; i++)
                n += fakes[i].has;
        return n;
}

/* R-SA-122 */
static void test_all(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *u = alice();
        struct err er;
        CHECK_OK(provision_add(mem, top, provision_roles, u, &er));
        assert_int_equal(count(), FAKES);
        for (size_t i = 0; i < FAKES; i++)
                assert_false(fakes[i].asked_for_secret);
        CHECK_OK(provision_del(mem, top, provision_roles, u, &er));
        assert_int_equal(count(), 0);
        CHECK_E(E_NOT_FOUND, provision_del(mem, top, provision_roles, u, &er));
        static const char *const some[] = { "idm", "kms", NULL };
        CHECK_OK(provision_add(mem, top, some, u, &er));
        assert_int_equal(count(), 2);
        CHECK_OK(provision_del(mem, top, provision_roles, u, &er));
        json_decref(u);
        talloc_free(mem);
}

/* R-SA-122: whoever refuses, and at whichever step, nobody keeps the user. */
static void test_none(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *u = alice();
        static const char *const steps[] = { "user-check", "user-put" };
        static const enum ecode why[] = { E_EXISTS, E_STORE_DOWN };
        for (size_t role = 0; role < FAKES; role++)
                for (size_t step = 0; step < 2; step++)
                        for (size_t w = 0; w < 2; w++) {
                                struct err er;
                                fakes[role].refuse = steps[step];
                                fakes[role].with = why[w];
                                CHECK_E(why[w], provision_add(mem, top, provision_roles, u, &er));
                                assert_string_equal(er.req, "R-SA-122");
                                assert_non_null(strstr(er.text, fakes[role].role));
                                assert_int_equal(count(), 0);
                                fakes[role].refuse = NULL;
                        }
        json_decref(u);
        talloc_free(mem);
}

/* R-SA-122: a role that is away is known before anything is written; one that cannot take back is named. */
static void test_away(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *u = alice();
        struct err er;
        admin_server_stop(fakes[3].server);
        fakes[3].server = NULL;
        CHECK_E(E_PEER_DOWN, provision_add(mem, top, provision_roles, u, &er));
        assert_int_equal(count(), 0);
        char run[80];
        snprintf(run, sizeof run, "%s/run", top);
        CHECK_OK(admin_server_start(run, fakes[3].role, NULL, answer, &fakes[3], &fakes[3].server, NULL));
        fakes[3].refuse = "user-put";
        fakes[3].with = E_EXISTS;
        fakes[1].refuse = "user-del";
        fakes[1].with = E_STORE_DOWN;
        CHECK_E(E_EXISTS, provision_add(mem, top, provision_roles, u, &er));
        assert_non_null(strstr(er.text, "mcx could not be cleaned"));
        fakes[1].refuse = fakes[3].refuse = NULL;
        CHECK_OK(provision_del(mem, top, provision_roles, u, &er));
        assert_int_equal(count(), 0);
        json_decref(u);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all, start, stop),
                cmocka_unit_test_setup_teardown(test_none, start, stop),
                cmocka_unit_test_setup_teardown(test_away, start, stop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
