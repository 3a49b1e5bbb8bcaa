/* The IdM server's store: every promise of port/store_idm.h, on a file and in memory. */
#include "test/kit/check.h"

#include "adapter/store/idm_sqlite.h"

#include <pthread.h>
#include <unistd.h>

#define T0 INT64_C(1767261600)

static const struct idm_user alice = {
        .sub = "u-alice",
        .mc_id = "alice@mc.example",
        .name = "Alice",
        .password_hash = "$h1",
        .mcptt_id = "sip:alice.ptt@mc.example",
        .mcdata_id = "sip:alice.data@mc.example",
        .enabled = true,
        .created_s = T0,
};
static const struct idm_client handset = {
        .id = "mcx-handset-01",
        .auth_method = "none",
        .redirect_uris = "com.example:/cb http://127.0.0.1/callback",
        .logout_uris = "",
        .scopes = "openid 3gpp:mc:ptt_service",
        .id_alg = "RS256",
        .lenience = 3,
        .consent = true,
        .enabled = true,
        .created_s = T0,
};

static struct idm_hash hash_of(unsigned n)
{
        struct idm_hash h = { { 0 } };
        memcpy(h.b, &n, sizeof n);
        return h;
}

static struct idm_code code_of(unsigned n, const char *family)
{
        return (struct idm_code){ .hash = hash_of(n),
                                  .redirect_uri = "com.example:/cb",
                                  .challenge = "c",
                                  .expires_s = T0 + 60,
                                  .family = { .id = family,
                                              .sub = alice.sub,
                                              .client_id = handset.id,
                                              .scope = "openid",
                                              .auth_time_s = T0,
                                              .created_s = T0,
                                              .expires_s = T0 + 60 } };
}

static struct idm_issue issue_of(unsigned n, const char *jti)
{
        return (struct idm_issue){ .refresh = hash_of(n),
                                   .refresh_expires_s = T0 + 3600,
                                   .jti = jti,
                                   .access_expires_s = T0 + 900,
                                   .family_expires_s = T0 + 7200,
                                   .now_s = T0 };
}

static void begin_login(struct store_idm *st, unsigned n)
{
        struct idm_txn t = { .handle = hash_of(n),
                             .client_id = handset.id,
                             .redirect_uri = "com.example:/cb",
                             .state = "s",
                             .scope = "openid",
                             .challenge = "c",
                             .expires_s = T0 + 600 };
        CHECK_OK(st->txn_begin(st, &t, NULL));
}

static void make_code(struct store_idm *st, unsigned n, const char *family)
{
        begin_login(st, n);
        struct idm_hash h = hash_of(n);
        struct idm_code k = code_of(n, family);
        CHECK_OK(st->txn_finish(st, &h, &k, NULL, NULL));
}

/* R-ID-10, R-ID-11, R-ID-12 */
static void users_are_unique(struct store_idm *st, void *mem)
{
        struct idm_user u, bob = { .sub = "u-bob", .mc_id = "bob@mc.example", .enabled = true };
        struct err er = { 0 };
        CHECK_E(E_NOT_FOUND, st->user_by_mc_id(st, mem, alice.mc_id, &u, NULL));
        CHECK_OK(st->user_put(st, &alice, NULL));
        CHECK_OK(st->user_by_mc_id(st, mem, alice.mc_id, &u, NULL));
        assert_string_equal(u.sub, alice.sub);
        assert_string_equal(u.mcdata_id, alice.mcdata_id);
        assert_null(u.mcvideo_id);
        assert_true(u.enabled);
        bob.mcptt_id = alice.mcptt_id;
        CHECK_E(E_EXISTS, st->user_check(st, &bob, &er));
        assert_non_null(strstr(er.text, "mcptt_id"));
        CHECK_OK(st->user_check(st, &alice, &er));
        CHECK_E(E_EXISTS, st->user_put(st, &bob, &er));
        assert_non_null(strstr(er.text, "mcptt_id"));
        bob.mcptt_id = bob.mc_id; /* an MC ID may equal an MC service ID */
        CHECK_OK(st->user_put(st, &bob, NULL));
        struct idm_user changed = alice;
        changed.sub = "u-other"; /* of a user that exists, sub stays */
        changed.name = "Alice B.";
        CHECK_OK(st->user_put(st, &changed, NULL));
        CHECK_OK(st->user_by_sub(st, mem, alice.sub, &u, NULL));
        assert_string_equal(u.name, "Alice B.");
        CHECK_OK(st->user_del(st, bob.mc_id, NULL));
        CHECK_E(E_NOT_FOUND, st->user_del(st, bob.mc_id, NULL));
        CHECK_E(E_EXISTS, st->user_put(st, &bob, &er)); /* a subject identifier has one life */
        bob.sub = "u-bob2";
        CHECK_OK(st->user_put(st, &bob, NULL));
        struct idm_user *list;
        size_t n;
        CHECK_OK(st->user_list(st, mem, "", 10, &list, &n, NULL));
        assert_int_equal(n, 2);
        CHECK_OK(st->user_list(st, mem, list[0].mc_id, 10, &list, &n, NULL));
        assert_int_equal(n, 1);
        assert_string_equal(list[0].mc_id, bob.mc_id);
}

static void clients_come_back(struct store_idm *st, void *mem)
{
        struct idm_client c, *list;
        size_t n;
        CHECK_E(E_NOT_FOUND, st->client_get(st, mem, handset.id, &c, NULL));
        CHECK_OK(st->client_put(st, &handset, NULL));
        CHECK_OK(st->client_put(st, &handset, NULL));
        CHECK_OK(st->client_get(st, mem, handset.id, &c, NULL));
        assert_string_equal(c.redirect_uris, handset.redirect_uris);
        assert_int_equal(c.lenience, 3);
        assert_true(c.consent && c.enabled && !c.introspects);
        CHECK_OK(st->client_list(st, mem, &list, &n, NULL));
        assert_int_equal(n, 1);
        CHECK_OK(st->client_del(st, handset.id, NULL));
        CHECK_E(E_NOT_FOUND, st->client_del(st, handset.id, NULL));
}

static void a_login_ends_once(struct store_idm *st, void *mem)
{
        struct idm_hash h = hash_of(1);
        struct idm_txn t;
        begin_login(st, 1);
        CHECK_OK(st->txn_get(st, mem, &h, T0, &t, NULL));
        assert_null(t.sub);
        CHECK_E(E_NOT_FOUND, st->txn_get(st, mem, &h, T0 + 600, &t, NULL));
        CHECK_OK(st->txn_get(st, mem, &h, T0, &t, NULL));
        t.sub = alice.sub;
        t.auth_time_s = T0 + 5;
        CHECK_OK(st->txn_proven(st, &t, NULL, NULL));
        CHECK_E(E_NOT_FOUND, st->txn_proven(st, &t, NULL, NULL));
        CHECK_OK(st->txn_get(st, mem, &h, T0, &t, NULL));
        assert_string_equal(t.sub, alice.sub);
        struct idm_code k = code_of(2, "f");
        CHECK_OK(st->txn_finish(st, &h, &k, NULL, NULL));
        struct idm_code again = code_of(3, "f2");
        CHECK_E(E_NOT_FOUND, st->txn_finish(st, &h, &again, NULL, NULL));
        CHECK_E(E_NOT_FOUND, st->code_find(st, mem, &again.hash, &again, NULL));
}

static void failures_are_counted_and_forgotten(struct store_idm *st, void *mem)
{
        (void)mem;
        struct idm_failures f;
        struct idm_hash h = hash_of(9);
        struct idm_code k = code_of(9, "f9");
        CHECK_OK(st->failures_get(st, "a", T0, &f, NULL));
        assert_int_equal(f.count, 0);
        CHECK_OK(st->failures_add(st, "a", T0 - 100, T0, NULL));
        CHECK_OK(st->failures_add(st, "a", T0 - 100, T0 + 1, NULL));
        CHECK_OK(st->failures_get(st, "a", T0, &f, NULL));
        assert_int_equal(f.count, 2);
        assert_int_equal(f.last_s, T0 + 1);
        CHECK_OK(st->failures_get(st, "a", T0 + 2, &f, NULL));
        assert_int_equal(f.count, 0);
        CHECK_OK(st->failures_add(st, "a", T0 + 2, T0 + 3, NULL));
        CHECK_OK(st->failures_get(st, "a", T0, &f, NULL));
        assert_int_equal(f.count, 1);
        begin_login(st, 9);
        CHECK_OK(st->txn_finish(st, &h, &k, "a", NULL));
        CHECK_OK(st->failures_get(st, "a", T0, &f, NULL));
        assert_int_equal(f.count, 0);
}

struct racer {
        struct store_idm *st;
        struct idm_hash hash;
        unsigned no;
        enum ecode e;
};

static void *race_redeem(void *arg)
{
        struct racer *r = arg;
        char jti[16];
        snprintf(jti, sizeof jti, "at-%u", r->no);
        struct idm_issue t = issue_of(1000 + r->no, jti);
        r->e = r->st->code_redeem(r->st, &r->hash, "race", &t, NULL);
        return NULL;
}

/* R-ID-64 */
static void a_code_works_once(struct store_idm *st, void *mem)
{
        enum { N = 12 };
        pthread_t t[N];
        struct racer r[N];
        make_code(st, 7, "race");
        for (unsigned i = 0; i < N; i++) {
                r[i] = (struct racer){ st, hash_of(7), i, E_OK };
                pthread_create(&t[i], NULL, race_redeem, &r[i]);
        }
        unsigned won = 0;
        for (unsigned i = 0; i < N; i++) {
                pthread_join(t[i], NULL);
                won += r[i].e == E_OK;
                if (r[i].e != E_OK)
                        CHECK_E(E_CODE_SPENT, r[i].e);
        }
        assert_int_equal(won, 1);
        struct idm_code k;
        CHECK_OK(st->code_find(st, mem, &r[0].hash, &k, NULL));
        assert_true(k.spent);
        assert_int_equal(k.family.expires_s, T0 + 7200);
        struct idm_access a;
        unsigned tokens = 0;
        for (unsigned i = 0; i < N; i++) {
                char jti[16];
                snprintf(jti, sizeof jti, "at-%u", i);
                tokens += st->access_find(st, mem, jti, &a, NULL) == E_OK;
        }
        assert_int_equal(tokens, 1); /* the losers left nothing */
}

static void refresh_tokens_rotate(struct store_idm *st, void *mem)
{
        struct idm_issue t1 = issue_of(101, "at-1"), t2 = issue_of(102, "at-2"), t3 = issue_of(103, "at-3");
        struct idm_hash code = hash_of(100), r1 = hash_of(101), r2 = hash_of(102);
        struct idm_refresh r;
        make_code(st, 100, "f");
        CHECK_OK(st->code_redeem(st, &code, "f", &t1, NULL));
        CHECK_OK(st->refresh_find(st, mem, &r1, &r, NULL));
        assert_int_equal(r.rotated_s, 0);
        CHECK_OK(st->refresh_rotate(st, &r1, "f", "x", BYTES_LIT("sealed"), &t2, NULL));
        CHECK_E(E_CONFLICT, st->refresh_rotate(st, &r1, "f", "x", BYTES_LIT("other"), &t3, NULL));
        CHECK_OK(st->refresh_find(st, mem, &r1, &r, NULL));
        assert_int_equal(r.rotated_s, T0);
        CHECK_BYTES("answer", r.answer, BYTES_LIT("sealed"));
        assert_string_equal(r.asked_scope, "x");
        assert_false(r.successor_used);
        CHECK_OK(st->refresh_rotate(st, &r2, "f", "", BYTES_LIT("sealed"), &t3, NULL));
        CHECK_OK(st->refresh_find(st, mem, &r1, &r, NULL));
        assert_true(r.successor_used);
        CHECK_OK(st->family_revoke(st, "f", NULL));
        struct idm_issue t4 = issue_of(104, "at-4");
        struct idm_hash r3 = hash_of(103);
        CHECK_E(E_REFRESH_UNKNOWN, st->refresh_rotate(st, &r3, "f", "", BYTES_LIT("sealed"), &t4, NULL));
        struct idm_access a;
        CHECK_OK(st->access_find(st, mem, "at-1", &a, NULL));
        assert_true(a.family.revoked && !a.revoked);
        CHECK_OK(st->access_revoke(st, "at-1", NULL));
        CHECK_OK(st->access_find(st, mem, "at-1", &a, NULL));
        assert_true(a.revoked);
        /* answers go after the grace, everything else at its own end */
        CHECK_OK(st->expire(st, T0 + 10, T0 + 5, NULL));
        CHECK_OK(st->refresh_find(st, mem, &r1, &r, NULL));
        assert_int_equal(r.answer.n, 0);
        CHECK_OK(st->expire(st, T0 + 3600 * 24, T0 + 5, NULL));
        CHECK_E(E_NOT_FOUND, st->refresh_find(st, mem, &r1, &r, NULL));
        CHECK_E(E_NOT_FOUND, st->access_find(st, mem, "at-1", &a, NULL));
}

/* R-ID-13, R-ID-72: what a user was must not outlive what they are. */
static void families_end_with_their_user(struct store_idm *st, void *mem)
{
        struct idm_code k;
        struct idm_family *list;
        size_t n;
        int64_t ended;
        CHECK_OK(st->user_put(st, &alice, NULL));
        CHECK_OK(st->client_put(st, &handset, NULL));
        for (unsigned i = 0; i < 5; i++) {
                char f[8], jti[8];
                snprintf(f, sizeof f, "f%u", i);
                snprintf(jti, sizeof jti, "a%u", i);
                make_code(st, i, f);
                struct idm_hash h = hash_of(i);
                struct idm_issue t = issue_of(200 + i, jti);
                CHECK_OK(st->code_redeem(st, &h, f, &t, NULL));
                CHECK_OK(st->family_list(st, mem, alice.sub, T0, 10, &list, &n, NULL));
                assert_int_equal(n, 1);
                switch (i) {
                case 0: CHECK_OK(st->user_enable(st, alice.mc_id, false, NULL)); break;
                case 1: CHECK_OK(st->user_passwd(st, alice.mc_id, "$h2", NULL)); break;
                case 2: CHECK_OK(st->family_end(st, alice.sub, handset.id, &ended, NULL)); break;
                case 3: CHECK_OK(st->client_del(st, handset.id, NULL)); break;
                default: CHECK_OK(st->user_del(st, alice.mc_id, NULL)); break;
                }
                CHECK_OK(st->code_find(st, mem, &h, &k, NULL));
                assert_true(k.family.revoked);
                CHECK_OK(st->family_list(st, mem, NULL, T0, 10, &list, &n, NULL));
                assert_int_equal(n, 0);
        }
        CHECK_E(E_NOT_FOUND, st->user_enable(st, alice.mc_id, true, NULL));
        CHECK_E(E_NOT_FOUND, st->user_passwd(st, alice.mc_id, "$h2", NULL));
}

/* R-ID-131 */
static void keys_follow_one_another(struct store_idm *st, void *mem)
{
        struct idm_key *list, k1 = { "k1", "RS256", BYTES_LIT("s1"), T0, T0, 0 };
        struct idm_key k2 = { "k2", "RS256", BYTES_LIT("s2"), T0 + 10, T0 + 310, 0 };
        struct idm_key k3 = { "k3", "ES256", BYTES_LIT("s3"), T0, T0, 0 };
        size_t n;
        CHECK_OK(st->key_add(st, &k1, true, 0, NULL));
        CHECK_E(E_EXISTS, st->key_add(st, &k2, true, 0, NULL));
        CHECK_OK(st->key_add(st, &k3, true, 0, NULL));
        CHECK_OK(st->key_add(st, &k2, false, T0 + 2000, NULL));
        CHECK_OK(st->key_list(st, mem, &list, &n, NULL));
        assert_int_equal(n, 3);
        assert_string_equal(list[2].kid, "k2");
        assert_int_equal(list[0].drop_at_s, T0 + 2000);
        assert_int_equal(list[2].drop_at_s, 0);
        CHECK_OK(st->expire(st, T0 + 2001, 0, NULL));
        CHECK_OK(st->key_list(st, mem, &list, &n, NULL));
        assert_int_equal(n, 2);
}

static void things_that_come_once(struct store_idm *st, void *mem)
{
        struct idm_pushed p = { hash_of(1), "c", "a=b", T0 + 60 }, got;
        CHECK_OK(st->pushed_put(st, &p, NULL));
        CHECK_OK(st->pushed_take(st, mem, &p.handle, T0, &got, NULL));
        assert_string_equal(got.form, "a=b");
        CHECK_E(E_NOT_FOUND, st->pushed_take(st, mem, &p.handle, T0, &got, NULL));
        CHECK_OK(st->once(st, "jti-1", T0 + 60, NULL));
        CHECK_E(E_REPLAY, st->once(st, "jti-1", T0 + 60, NULL));
}

/* Every call of a login and redemption fails once: what was answered with an outage has left nothing. */
static void an_outage_leaves_nothing(struct store_idm *st, void *mem)
{
        CHECK_OK(st->user_put(st, &alice, NULL));
        struct idm_hash h = hash_of(1);
        struct idm_code k = code_of(1, "f"), found;
        struct idm_issue t = issue_of(2, "at");
        unsigned nth = 1;
        for (;; nth++) {
                begin_login(st, 1);
                db_fail_nth(idm_sqlite_db(st), nth);
                enum ecode e1 = st->txn_finish(st, &h, &k, NULL, NULL), e2 = E_STORE_DOWN;
                bool first = db_fail_fired(idm_sqlite_db(st));
                if (e1 == E_OK)
                        e2 = st->code_redeem(st, &h, "f", &t, NULL);
                bool fired = db_fail_fired(idm_sqlite_db(st));
                db_fail_nth(idm_sqlite_db(st), 0);
                CHECK_E(first ? E_STORE_DOWN : E_OK, e1);
                CHECK_E(fired ? E_STORE_DOWN : E_OK, e2);
                if (first) {
                        CHECK_E(E_NOT_FOUND, st->code_find(st, mem, &h, &found, NULL));
                        CHECK_OK(st->txn_drop(st, &h, NULL));
                        continue;
                }
                CHECK_OK(st->code_find(st, mem, &h, &found, NULL));
                assert_true(found.spent == !fired);
                if (!fired)
                        break;
                CHECK_OK(st->expire(st, T0 + 86400, 0, NULL));
        }
        assert_true(nth > 8);
}

static void (*const suite[])(struct store_idm *, void *) = {
        users_are_unique,
        clients_come_back,
        a_login_ends_once,
        failures_are_counted_and_forgotten,
        a_code_works_once,
        refresh_tokens_rotate,
        families_end_with_their_user,
        keys_follow_one_another,
        things_that_come_once,
        an_outage_leaves_nothing,
};

static void run_suite(const char *path)
{
        for (size_t i = 0; i < COUNT(suite); i++) {
                void *mem = talloc_new(NULL);
                struct store_idm *st = NULL;
                CHECK_OK(idm_sqlite_open(mem, path, &st, NULL));
                suite[i](st, mem);
                talloc_free(mem);
                if (strcmp(path, DB_MEMORY) != 0)
                        unlink(path);
        }
}

static void on_memory(void **state)
{
        (void)state;
        run_suite(DB_MEMORY);
}

static void on_file(void **state)
{
        (void)state;
        char dir[] = "/tmp/test_idm.XXXXXX", path[64];
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/idm.db", dir);
        run_suite(path);
        assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(on_memory), cmocka_unit_test(on_file) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
