#include "test/kit/check.h"

#include "adapter/store/db.h"
#include "adapter/store/kv_sqlite.h"
#include "role/mcx/mcx.h"

#include <pthread.h>
#include <talloc.h>

#define NOW    1782907200 /* 2026-07-01T12:00:00Z */
#define ROUNDS 60

struct fixture {
        struct mcx *m; /* the parent of all the rest */
        struct clock_fake clock;
        struct role_env env;
};

static const struct seal_key seal_octets = { { 5 } };

/* A server that has begun with what is in its store. */
static struct mcx *server(struct fixture *f, struct store_kv *kv)
{
        struct mcx *m = talloc_zero(NULL, struct mcx);
        f->clock = clock_fake_at(NOW);
        f->env = (struct role_env){
                .clock = &f->clock.base, .rng = &rng_system, .log = log_mem(), .store = kv, .seal_key = &seal_octets
        };
        m->env = &f->env;
        pthread_mutex_init(&m->lock, NULL);
        for (size_t i = 0; i < COUNT(m->impus); i++) {
                pthread_mutex_init(&m->impus[i], NULL);
                pthread_mutex_init(&m->users_of[i], NULL);
        }
        CHECK_OK(mcx_state_open(m, NULL));
        return m;
}

static void end(struct fixture *f)
{
        for (size_t i = 0; i < COUNT(f->m->impus); i++) {
                pthread_mutex_destroy(&f->m->impus[i]);
                pthread_mutex_destroy(&f->m->users_of[i]);
        }
        pthread_mutex_destroy(&f->m->lock);
        talloc_free(f->m);
        log_close(f->env.log);
}

static struct mcx_binding binding(const char *user, const char *impu, const char *etag, int64_t until)
{
        return (struct mcx_binding){ .service = MCX_PTT,
                                     .mc_id = (char *)(uintptr_t)user,
                                     .client_id = (char *)(uintptr_t) "urn:uuid:1",
                                     .impu = (char *)(uintptr_t)impu,
                                     .etag = (char *)(uintptr_t)etag,
                                     .has_csk = true,
                                     .csk = { { 1, 2, 3 } },
                                     .csk_id = 0x20000001,
                                     .authorised_at = NOW,
                                     .valid_until = until };
}

static struct mcx_reg registration(const char *impu, int64_t until)
{
        return (struct mcx_reg){ .impu = (char *)(uintptr_t)impu,
                                 .scscf = (char *)(uintptr_t) "sip:scscf",
                                 .call_id = (char *)(uintptr_t) "1@scscf",
                                 .cseq = 1,
                                 .services = 1u << MCX_PTT,
                                 .expires_at = until };
}

static size_t bindings(struct fixture *f)
{
        pthread_mutex_lock(&f->m->lock);
        size_t n = mcx_count(f->m->bindings);
        pthread_mutex_unlock(&f->m->lock);
        return n;
}

/* What was acknowledged is there after a restart, its key with it: R-SA-111 */
static void test_restart(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct store_kv *kv = NULL;
        CHECK_OK(kv_sqlite_open(mem, DB_MEMORY, &seal_octets, &rng_system, &kv, NULL));
        struct fixture f = { 0 }, again = { 0 };
        f.m = server(&f, kv);
        struct mcx_binding b = binding("sip:alice@mc", "sip:1@ims", "a", NOW + 100);
        struct mcx_reg r = registration("sip:1@ims", NOW + 100);
        CHECK_OK(mcx_reg_put(f.m, &r, NULL));
        CHECK_OK(mcx_binding_put(f.m, &b, NULL));
        end(&f);
        again.m = server(&again, kv);
        const struct mcx_binding *got = mcx_binding_on(again.m, MCX_PTT, "sip:1@ims", NOW);
        assert_non_null(got);
        assert_string_equal(got->mc_id, "sip:alice@mc");
        assert_true(got->has_csk);
        CHECK_BYTES("CSK", BYTES_ARR(got->csk.b), BYTES_ARR(b.csk.b));
        assert_true(mcx_csk_id_taken(again.m, b.csk_id, NULL));
        assert_false(mcx_csk_id_taken(again.m, b.csk_id, got));
        assert_non_null(mcx_reg_of(again.m, "sip:1@ims"));
        end(&again);
        talloc_free(mem);
}

/* Who renewed in time is not thrown out by an expiry or a de-registration that saw the older state: R-SA-48, R-SA-49 */
static void test_renewed_meanwhile(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct store_kv *kv = NULL;
        CHECK_OK(kv_sqlite_open(mem, DB_MEMORY, &seal_octets, &rng_system, &kv, NULL));
        struct fixture f = { 0 };
        f.m = server(&f, kv);
        struct mcx_binding old = binding("sip:alice@mc", "sip:1@ims", "a", NOW - 1), renewed = old;
        renewed.etag = (char *)(uintptr_t) "b";
        renewed.valid_until = NOW + 100;
        CHECK_OK(mcx_binding_put(f.m, &old, NULL));
        assert_null(mcx_binding_on(f.m, MCX_PTT, "sip:1@ims", NOW));
        CHECK_OK(mcx_binding_put(f.m, &renewed, NULL));
        CHECK_OK(mcx_binding_drop(f.m, &old, NULL));
        assert_int_equal(bindings(&f), 1);
        mcx_state_expire(f.m);
        assert_non_null(mcx_binding_on(f.m, MCX_PTT, "sip:1@ims", NOW));
        CHECK_OK(mcx_binding_drop(f.m, &renewed, NULL));
        assert_int_equal(bindings(&f), 0);
        /* and who did not is out, with all that stood on the registration */
        struct mcx_reg r = registration("sip:1@ims", NOW);
        CHECK_OK(mcx_binding_put(f.m, &renewed, NULL));
        CHECK_OK(mcx_reg_put(f.m, &r, NULL));
        mcx_state_expire(f.m);
        assert_int_equal(bindings(&f), 0);
        assert_null(mcx_reg_of(f.m, "sip:1@ims"));
        end(&f);
        talloc_free(mem);
}

struct worker {
        struct fixture *f;
        pthread_t thread;
        char impu[32], user[32];
        unsigned failed;
};

static void *work(void *arg)
{
        struct worker *w = arg;
        struct mcx *m = w->f->m;
        for (int i = 0; i < ROUNDS; i++) {
                char etag[16];
                snprintf(etag, sizeof etag, "%d", i);
                struct mcx_reg r = registration(w->impu, NOW + 100);
                struct mcx_binding b = binding(w->user, w->impu, etag, NOW + 100);
                mcx_enter(m, w->impu);
                w->failed += mcx_reg_put(m, &r, NULL) != E_OK;
                mcx_enter_user(m, w->user);
                w->failed += mcx_binding_put(m, &b, NULL) != E_OK;
                mcx_leave_user(m, w->user);
                pthread_mutex_lock(&m->lock);
                w->failed += mcx_binding_for(m, MCX_PTT, w->impu, etag, NULL, NOW) == NULL;
                pthread_mutex_unlock(&m->lock);
                if (i % 3 == 2)
                        w->failed += mcx_reg_del(m, w->impu, NULL) != E_OK;
                mcx_leave(m, w->impu);
                mcx_state_expire(m);
        }
        return NULL;
}

/* Several workers and the clock at once; two of them share an IMPU. */
static void test_threads(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct store_kv *kv = NULL;
        CHECK_OK(kv_sqlite_open(mem, DB_MEMORY, &seal_octets, &rng_system, &kv, NULL));
        struct fixture f = { 0 };
        struct worker w[4] = { 0 };
        f.m = server(&f, kv);
        for (size_t i = 0; i < COUNT(w); i++) {
                w[i].f = &f;
                snprintf(w[i].impu, sizeof w[i].impu, "sip:%zu@ims", i == 3 ? 0 : i);
                snprintf(w[i].user, sizeof w[i].user, "sip:user%zu@mc", i);
                assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
        }
        for (size_t i = 0; i < COUNT(w); i++) {
                pthread_join(w[i].thread, NULL);
                assert_int_equal(w[i].failed, 0);
        }
        for (size_t i = 0; i < COUNT(w); i++)
                CHECK_OK(mcx_reg_del(f.m, w[i].impu, NULL));
        assert_int_equal(bindings(&f), 0);
        assert_int_equal(mcx_count(f.m->index), 0);
        end(&f);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_renewed_meanwhile),
                cmocka_unit_test(test_threads),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
