/* The decision of service authorisation over a store in memory that can be told to fail: mcx_authorise.c and what it
 * leaves behind. What needs keys of a KMS is proven over real processes (test/flow/csk.py). */
#include "role/common/test_issuer.h"

#include "role/mcx/mcx.h"

#include <pthread.h>
#include <unistd.h>

#define NOW  1767261600
#define IMPU "sip:alice.impu@ims.mc.example"

/* --- a store in memory --- */

struct entry {
        char *key;
        struct bytes value;
};

struct fake_kv {
        struct store_kv kv; /* first */
        void *mem;
        pthread_mutex_t lock;
        struct entry e[64];
        size_t n;
        int fail_at; /* this call from now fails, 0: none */
        int calls;
};

static bool fails(struct fake_kv *f)
{
        return ++f->calls == f->fail_at;
}

static size_t find(const struct fake_kv *f, const char *key)
{
        size_t i = 0;
        while (i < f->n && strcmp(f->e[i].key, key) != 0)
                i++;
        return i;
}

static enum ecode fake_put(struct store_kv *kv, const char *key, struct bytes value, struct err *er)
{
        struct fake_kv *f = (struct fake_kv *)(void *)kv;
        enum ecode e = E_OK;
        pthread_mutex_lock(&f->lock);
        size_t i = find(f, key);
        assert_true(i < COUNT(f->e));
        if (fails(f)) {
                e = err_set(er, E_STORE_DOWN, NULL, "told to");
        } else {
                if (i == f->n)
                        f->e[f->n++].key = talloc_strdup(f->mem, key);
                f->e[i].value = bytes_copy(f->mem, value);
        }
        pthread_mutex_unlock(&f->lock);
        return e;
}

static enum ecode fake_del(struct store_kv *kv, const char *key, struct err *er)
{
        struct fake_kv *f = (struct fake_kv *)(void *)kv;
        enum ecode e = E_OK;
        pthread_mutex_lock(&f->lock);
        size_t i = find(f, key);
        if (fails(f))
                e = err_set(er, E_STORE_DOWN, NULL, "told to");
        else if (i < f->n)
                f->e[i] = f->e[--f->n];
        pthread_mutex_unlock(&f->lock);
        return e;
}

static enum ecode fake_each(struct store_kv *kv, enum ecode (*fn)(void *arg, const char *key, struct bytes value),
                            void *arg, struct err *er)
{
        struct fake_kv *f = (struct fake_kv *)(void *)kv;
        enum ecode e = E_OK;
        (void)er;
        for (size_t i = 0; i < f->n && e == E_OK; i++)
                e = fn(arg, f->e[i].key, f->e[i].value);
        return e;
}

/* --- the server --- */

struct fix {
        struct test_issuer issuer;
        struct clock_fake clock;
        struct fake_kv store;
        struct role_env env;
        struct site site;
        struct mcx_conf conf;
        struct mcx *m;
        char dir[64];
};

static void start(struct fix *f)
{
        void *self = NULL;
        TALLOC_FREE(f->m);
        CHECK_OK(role_mcx.start(f, &f->env, &f->conf, &self, NULL));
        f->m = self;
}

static void add_user(struct fix *f, const char *name)
{
        json_t *o = json_pack("{s:s,s:s,s:[i,i]}", "mc_id", talloc_asprintf(f, "%s@mc.example", name), "mcptt_id",
                              talloc_asprintf(f, "sip:%s@mc.example", name), "profiles", 1, 2);
        struct mcx_user *u = mcx_user_from_json(f, o);
        assert_non_null(u);
        CHECK_OK(mcx_user_put(f->m, u, NULL));
        json_decref(o);
}

static int setup(void **state)
{
        static const struct seal_key seal = { { 7 } };
        struct fix *f = talloc_zero(NULL, struct fix);
        test_issuer_init(f, &f->issuer);
        f->clock = clock_fake_at(NOW);
        strcpy(f->dir, "/tmp/muster-mcx-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        f->store = (struct fake_kv){ .kv = { fake_put, fake_del, fake_each }, .mem = talloc_new(f) };
        pthread_mutex_init(&f->store.lock, NULL);
        f->site = (struct site){ .mc_domain = "mc.example", .ims_domain = "ims.mc.example" };
        f->env = (struct role_env){ .clock = &f->clock.base,
                                    .rng = &rng_system,
                                    .site = &f->site,
                                    .store = &f->store,
                                    .http = &f->issuer.http,
                                    .seal_key = &seal,
                                    .state_dir = f->dir };
        f->conf = (struct mcx_conf){ .host = "mcx.mc.example",
                                     .issuer = ISSUER,
                                     .jwks_url = ISSUER_URL,
                                     .audience = "mc.example",
                                     .kms_url = "https://kms.mc.example",
                                     .psi_mcptt = "sip:mcptt-psi@mc.example",
                                     .psi_mcvideo = "sip:mcvideo-psi@mc.example",
                                     .psi_mcdata = "sip:mcdata-psi@mc.example",
                                     .csk = "off",
                                     .limited_service = "off",
                                     .publish_min = 60,
                                     .publish_default = 86400,
                                     .publish_max = INT32_MAX,
                                     .register_default = 3600,
                                     .bindings_max = 2,
                                     .mikey_window = 300 };
        start(f);
        add_user(f, "alice");
        add_user(f, "bob");
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fix *f = *state;
        char *cmd = talloc_asprintf(f, "rm -rf %s", f->dir);
        assert_int_equal(system(cmd), 0);
        pthread_mutex_destroy(&f->store.lock);
        talloc_free(f);
        return 0;
}

static char *token_of(struct fix *f, void *mem, const char *user)
{
        static const char *const aud[] = { "mc.example" };
        struct token_claims c = test_claims(NOW, aud, "openid 3gpp:mc:ptt_service");
        c.mcptt_id = talloc_asprintf(mem, "sip:%s@mc.example", user);
        return talloc_strdup(mem, test_bearer(mem, &f->issuer, &c) + strlen("Bearer "));
}

struct outcome {
        enum ecode e;
        struct mcx_refusal no;
        struct mcx_grant grant;
        struct err er;
};

static struct outcome authorise(struct fix *f, void *mem, const char *user, const char *client, const char *impu)
{
        struct outcome o = { 0 };
        struct mcx_info info = { .service = MCX_PTT,
                                 .access_token = { MCX_NORMAL, token_of(f, mem, user), NULL, { 0 } },
                                 .client_id = { MCX_NORMAL, talloc_strdup(mem, client), NULL, { 0 } } };
        struct mcx_ask ask = { .service = MCX_PTT, .impu = impu, .call_id = "c", .info = &info, .expires = 600 };
        o.e = mcx_authorise(f->m, mem, &ask, &o.grant, &o.no, &o.er);
        return o;
}

static size_t bound(struct fix *f, const char *user)
{
        char *id = talloc_asprintf(NULL, "sip:%s@mc.example", user);
        pthread_mutex_lock(&f->m->lock);
        size_t n = mcx_bindings_of(f->m, MCX_PTT, id, clock_now(&f->clock.base));
        pthread_mutex_unlock(&f->m->lock);
        talloc_free(id);
        return n;
}

static void check_refused(const struct outcome *o, int status, int warning, const char *req)
{
        assert_true(o->e != E_OK);
        assert_int_equal(o->no.status, status);
        assert_int_equal(o->no.warning, warning);
        if (req != NULL)
                assert_string_equal(o->er.req, req);
}

/* --- what is decided --- */

/* R-SA-71, R-SA-72, R-SA-73 */
static void limit_counts_clients(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        struct outcome o = authorise(f, mem, "alice", "c1", IMPU);
        CHECK_OK(o.e);
        assert_false(o.grant.multiple_devices);
        o = authorise(f, mem, "alice", "c2", IMPU);
        CHECK_OK(o.e);
        assert_true(o.grant.multiple_devices);
        o = authorise(f, mem, "alice", "c3", IMPU);
        check_refused(&o, 486, 164, "R-SA-72");
        CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
        assert_int_equal(bound(f, "alice"), 2);
        f->clock.s += 601; /* R-SA-102: who is over counts no more */
        assert_int_equal(bound(f, "alice"), 0);
}

struct racer {
        struct fix *f;
        char client[8], impu[40];
        enum ecode e;
};

static void *race(void *arg)
{
        struct racer *r = arg;
        void *mem = talloc_new(NULL);
        r->e = authorise(r->f, mem, "alice", r->client, r->impu).e;
        talloc_free(mem);
        return NULL;
}

/* R-SA-100, from as many identities as there are clients */
static void race_for_the_last_place(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        for (int round = 0; round < 20; round++) {
                struct racer r[6];
                pthread_t t[COUNT(r)];
                size_t won = 0;
                CHECK_OK(authorise(f, mem, "alice", "first", IMPU).e);
                for (size_t i = 0; i < COUNT(r); i++) {
                        r[i] = (struct racer){ .f = f };
                        snprintf(r[i].client, sizeof r[i].client, "r%zu", i);
                        snprintf(r[i].impu, sizeof r[i].impu, "sip:i%zu@ims.mc.example", i);
                        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
                }
                for (size_t i = 0; i < COUNT(r); i++) {
                        pthread_join(t[i], NULL);
                        won += r[i].e == E_OK;
                }
                assert_int_equal(won, 1);
                assert_int_equal(bound(f, "alice"), 2);
                for (size_t i = 0; i < COUNT(r); i++)
                        CHECK_OK(mcx_reg_del(f->m, r[i].impu, NULL));
        }
}

/* R-SA-110: all clients of the first user leave the IMPU; R-SA-109: a client moves with its user */
static void another_user_and_another_impu(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
        CHECK_OK(authorise(f, mem, "alice", "c2", IMPU).e);
        CHECK_OK(authorise(f, mem, "bob", "c1", IMPU).e);
        assert_int_equal(bound(f, "alice"), 0);
        assert_int_equal(bound(f, "bob"), 1);
        CHECK_OK(authorise(f, mem, "bob", "c1", "sip:other@ims.mc.example").e);
        assert_int_equal(bound(f, "bob"), 1);
        pthread_mutex_lock(&f->m->lock);
        assert_null(mcx_binding_on(f->m, MCX_PTT, IMPU, NOW));
        pthread_mutex_unlock(&f->m->lock);
}

/* R-SA-88, R-SA-90, R-SA-94: settings are those of the client whose entity tag they name */
static void settings_by_etag(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        const char *e1 = authorise(f, mem, "alice", "c1", IMPU).grant.etag;
        const char *e2 = authorise(f, mem, "alice", "c2", IMPU).grant.etag;
        struct mcx_ask ask = { .service = MCX_PTT, .impu = IMPU, .call_id = "c", .if_match = e1, .expires = 600 };
        struct outcome o = { 0 };
        CHECK_OK(mcx_resettle(f->m, mem, &ask, &o.grant, &o.no, &o.er));
        assert_string_not_equal(o.grant.etag, e1);
        o.e = mcx_resettle(f->m, mem, &ask, &o.grant, &o.no, &o.er);
        check_refused(&o, 412, 0, "R-SA-88");
        ask.if_match = e2;
        CHECK_OK(mcx_log_off(f->m, mem, &ask, &o.no, &o.er));
        pthread_mutex_lock(&f->m->lock);
        assert_non_null(mcx_binding_of(f->m, MCX_PTT, "sip:alice@mc.example", "c1"));
        assert_null(mcx_binding_of(f->m, MCX_PTT, "sip:alice@mc.example", "c2"));
        pthread_mutex_unlock(&f->m->lock);
        ask.if_match = NULL;
        ask.impu = "sip:nobody@ims.mc.example";
        o.e = mcx_log_off(f->m, mem, &ask, &o.no, &o.er);
        check_refused(&o, 404, 141, "R-SA-91");
}

/* --- what happens when nobody can be asked --- */

/* R-SA-74: every call of the store fails once. The answer is 500, nothing half done stays, and trying again works. */
static void store_fails_once(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        for (int at = 1;; at++) {
                CHECK_OK(mcx_reg_del(f->m, IMPU, NULL));
                CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
                CHECK_OK(authorise(f, mem, "alice", "c2", IMPU).e);
                f->store.calls = 0;
                f->store.fail_at = at;
                struct outcome o = authorise(f, mem, "bob", "c1", IMPU); /* two go, one comes */
                bool failed = f->store.calls >= at;
                f->store.fail_at = 0;
                if (!failed) {
                        CHECK_OK(o.e);
                        assert_int_equal(at, 4);
                        return;
                }
                CHECK_E(E_STORE_DOWN, o.e);
                check_refused(&o, 500, 0, NULL);
                assert_int_equal(bound(f, "bob"), 0);
                start(f); /* what the store holds is what was decided */
                assert_int_equal(bound(f, "bob"), 0);
                CHECK_OK(authorise(f, mem, "bob", "c1", IMPU).e);
                assert_int_equal(bound(f, "alice"), 0);
        }
}

/* The same for what ends a binding: it stands until its end is on the disk. */
static void store_fails_at_the_end(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
        struct mcx_ask ask = { .service = MCX_PTT, .impu = IMPU, .call_id = "c" };
        struct outcome o = { 0 };
        f->store.calls = 0;
        f->store.fail_at = 1;
        o.e = mcx_log_off(f->m, mem, &ask, &o.no, &o.er);
        CHECK_E(E_STORE_DOWN, o.e);
        check_refused(&o, 500, 0, NULL);
        assert_int_equal(bound(f, "alice"), 1);
        f->store.calls = 0;
        CHECK_E(E_STORE_DOWN, mcx_reg_del(f->m, IMPU, NULL));
        f->store.fail_at = 0;
        assert_int_equal(bound(f, "alice"), 1);
        CHECK_OK(mcx_reg_del(f->m, IMPU, NULL));
        assert_int_equal(bound(f, "alice"), 0);
}

/* R-SA-74: no keys of the issuer is no forged token */
static void issuer_down(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        f->issuer.down = true;
        struct outcome o = authorise(f, mem, "alice", "c1", IMPU);
        CHECK_E(E_PEER_DOWN, o.e);
        check_refused(&o, 500, 0, NULL);
        f->issuer.down = false;
        f->clock.s += 61;
        f->clock.ms += 61000;
        CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
}

/* R-SA-111 */
static void restart_restores(void **state)
{
        struct fix *f = *state;
        void *mem = talloc_new(f);
        struct mcx_reg r = { .impu = (char *)(uintptr_t)IMPU,
                             .scscf = (char *)(uintptr_t) "sip:s",
                             .call_id = (char *)(uintptr_t) "c",
                             .cseq = 3,
                             .expires_at = NOW + 600 };
        CHECK_OK(mcx_reg_put(f->m, &r, NULL));
        CHECK_OK(authorise(f, mem, "alice", "c1", IMPU).e);
        start(f);
        assert_int_equal(bound(f, "alice"), 1);
        pthread_mutex_lock(&f->m->lock);
        assert_non_null(mcx_reg_of(f->m, IMPU));
        assert_int_equal(mcx_reg_of(f->m, IMPU)->cseq, 3);
        struct mcx_binding *b = mcx_binding_on(f->m, MCX_PTT, IMPU, NOW);
        assert_non_null(b);
        assert_string_equal(b->mc_id, "sip:alice@mc.example");
        pthread_mutex_unlock(&f->m->lock);
        f->clock.s += 601; /* R-SA-49 */
        role_mcx.tick(f->m);
        pthread_mutex_lock(&f->m->lock);
        assert_null(mcx_reg_of(f->m, IMPU));
        pthread_mutex_unlock(&f->m->lock);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(limit_counts_clients, setup, teardown),
                cmocka_unit_test_setup_teardown(race_for_the_last_place, setup, teardown),
                cmocka_unit_test_setup_teardown(another_user_and_another_impu, setup, teardown),
                cmocka_unit_test_setup_teardown(settings_by_etag, setup, teardown),
                cmocka_unit_test_setup_teardown(store_fails_once, setup, teardown),
                cmocka_unit_test_setup_teardown(store_fails_at_the_end, setup, teardown),
                cmocka_unit_test_setup_teardown(issuer_down, setup, teardown),
                cmocka_unit_test_setup_teardown(restart_restores, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
