#include "test/kit/check.h"

#include "role/common/trust.h"

#include <pthread.h>
#include <unistd.h>

#define ISS "https://idm.mc.example"
#define NOW 1767261600
#define URL ISS "/jwks.json"

/* An issuer's HTTP side: what it would answer now, and how often it was asked. */
struct issuer_http {
        struct http_client base;
        enum ecode code;
        int status;
        const char *body;
        unsigned asked;
};

static enum ecode issuer_fetch(struct http_client *c, void *mem, const struct http_out *rq, struct http_in *rs,
                               struct err *er)
{
        struct issuer_http *h = (struct issuer_http *)(void *)c;
        h->asked++;
        assert_string_equal(rq->url, URL);
        if (h->code != E_OK)
                return err_set(er, h->code, NULL, "no connection");
        rs->status = h->status;
        rs->body = bytes_copy(mem, bytes_str(h->body));
        return E_OK;
}

struct fix {
        struct issuer_http http;
        struct clock_fake clock;
        struct role_env env;
        char dir[64];
        struct jwk *k1, *k2;
        struct trust *t;
};

static char *set_of(void *mem, struct jwk *k)
{
        return jwks_print(mem, &(struct jwks){ &k, 1 });
}

static void open_trust(struct fix *f)
{
        struct trust_issuer is = { .issuer = ISS, .jwks_url = URL };
        talloc_free(f->t);
        CHECK_OK(trust_open(f, &f->env, &is, 1, &f->t, NULL));
}

static int setup(void **state)
{
        struct fix *f = talloc_zero(NULL, struct fix);
        f->http = (struct issuer_http){ .base.fetch = issuer_fetch, .status = 200 };
        f->clock = clock_fake_at(NOW);
        strcpy(f->dir, "/tmp/muster-trust-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        f->env = (struct role_env){ .clock = &f->clock.base, .http = &f->http.base, .state_dir = f->dir };
        CHECK_OK(jwk_generate(f, JOSE_ES256, 0, &f->k1, NULL));
        CHECK_OK(jwk_generate(f, JOSE_ES256, 0, &f->k2, NULL));
        f->http.body = set_of(f, f->k1);
        open_trust(f);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fix *f = *state;
        char *cmd = talloc_asprintf(f, "rm -rf %s", f->dir);
        assert_int_equal(system(cmd), 0);
        talloc_free(f);
        return 0;
}

static const char *audience[] = { "mc.example", "https://kms.mc.example" };

static struct token_claims claims_of(void)
{
        return (struct token_claims){ .iss = ISS,
                                      .sub = "u",
                                      .client_id = "c",
                                      .jti = "j",
                                      .aud = audience,
                                      .aud_n = 1,
                                      .scope = "openid 3gpp:mc:ptt_key_management_service",
                                      .exp = NOW + 900,
                                      .iat = NOW,
                                      .mcptt_id = "sip:alice@mc.example" };
}

static char *token_of(struct fix *f, const struct jwk *k, const char *typ)
{
        struct token_claims c = claims_of();
        char *text;
        CHECK_OK(token_sign(f, k, TOKEN_ACCESS, typ, &c, &text, NULL));
        return text;
}

static enum ecode check(struct fix *f, const char *token)
{
        static const char *const mine[] = { "other", "mc.example", NULL };
        struct token_claims c;
        return trust_token(f->t, f, bytes_str(token), mine, &c, NULL);
}

/* R-ID-86, R-ID-97: fetch on first use, once a minute on unknown kids, and offline from memory and disk. */
static void test_keys(void **state)
{
        struct fix *f = *state;
        char *t1 = token_of(f, f->k1, NULL), *t2 = token_of(f, f->k2, NULL);
        f->http.code = E_PEER_DOWN;
        assert_false(trust_ready(f->t));
        CHECK_E(E_PEER_DOWN, check(f, t1));
        assert_int_equal(f->http.asked, 1);
        CHECK_E(E_PEER_DOWN, check(f, t1));
        assert_int_equal(f->http.asked, 1);
        f->clock.ms += 1000;
        f->http.code = E_OK;
        CHECK_OK(check(f, t1));
        assert_true(trust_ready(f->t));
        assert_int_equal(f->http.asked, 2);
        CHECK_OK(check(f, t1));
        CHECK_E(E_TOKEN_KEY, check(f, t2));
        assert_int_equal(f->http.asked, 2); /* asked less than a minute ago */
        f->http.body = set_of(f, f->k2);
        f->clock.ms += 60000;
        CHECK_OK(check(f, t2));
        assert_int_equal(f->http.asked, 3);
        CHECK_E(E_TOKEN_KEY, check(f, t1)); /* the issuer no longer publishes it */
        assert_int_equal(f->http.asked, 3);
        f->http.code = E_PEER_DOWN; /* gone for good: from memory, then by another process from the disk */
        f->clock.ms += 3600000;
        CHECK_OK(check(f, t2));
        assert_int_equal(f->http.asked, 4);
        open_trust(f);
        assert_true(trust_ready(f->t));
        CHECK_OK(check(f, t2));
        CHECK_E(E_TOKEN_KEY, check(f, t1));
}

/* The tick fetches before a request has to; broken answers never replace good keys. */
static void test_tick(void **state)
{
        struct fix *f = *state;
        trust_tick(f->t);
        trust_tick(f->t);
        assert_int_equal(f->http.asked, 1);
        static const struct {
                int status;
                const char *body;
        } bad[] = { { 500, "" }, { 200, "" }, { 200, "{\"keys\":[]}" }, { 200, "<html>" } };
        for (size_t i = 0; i < COUNT(bad); i++) {
                f->http.status = bad[i].status;
                f->http.body = bad[i].body;
                f->clock.ms += 300000;
                trust_tick(f->t);
                assert_int_equal(f->http.asked, 2 + i);
                CHECK_OK(check(f, token_of(f, f->k1, NULL)));
        }
}

/* R-ID-82, R-ID-87, R-ID-88, R-ID-123, R-KMS-32 */
static void test_refusals(void **state)
{
        struct fix *f = *state;
        CHECK_E(E_TOKEN_MALFORMED, check(f, "x"));
        CHECK_E(E_TOKEN_TYPE, check(f, token_of(f, f->k1, "JWT")));
        struct token_claims c = claims_of();
        char *text;
        c.iss = "https://other.example";
        CHECK_OK(token_sign(f, f->k1, TOKEN_ACCESS, NULL, &c, &text, NULL));
        CHECK_E(E_TOKEN_ISSUER, check(f, text));
        c = claims_of();
        c.aud = audience + 1;
        CHECK_OK(token_sign(f, f->k1, TOKEN_ACCESS, NULL, &c, &text, NULL));
        CHECK_E(E_TOKEN_AUDIENCE, check(f, text));
        CHECK_E(E_TOKEN_ALG, check(f, "eyJhbGciOiJub25lIn0.e30."));
        f->clock.s = NOW + 931;
        CHECK_E(E_TOKEN_EXPIRED, check(f, token_of(f, f->k1, NULL)));
}

/* R-ID-83, R-ID-84, R-ID-96, R-KMS-35 */
static void test_may(void **state)
{
        (void)state;
        struct token_claims c = claims_of();
        const char *id;
        CHECK_OK(trust_may(&c, MC_PTT, MC_RES_KMS, &id, NULL));
        assert_string_equal(id, "sip:alice@mc.example");
        CHECK_OK(trust_may(&c, MC_ANY, MC_RES_KMS, &id, NULL));
        CHECK_E(E_TOKEN_SCOPE, trust_may(&c, MC_VIDEO, MC_RES_KMS, &id, NULL));
        CHECK_E(E_TOKEN_SCOPE, trust_may(&c, MC_PTT, MC_RES_CMS, &id, NULL));
        CHECK_E(E_TOKEN_SCOPE, trust_may(&c, MC_ANY, MC_RES_CMS, &id, NULL));
        c.mcptt_id = NULL;
        CHECK_E(E_TOKEN_IDENTITY, trust_may(&c, MC_PTT, MC_RES_KMS, &id, NULL));
        c.mcptt_id = "";
        CHECK_E(E_TOKEN_IDENTITY, trust_may(&c, MC_ANY, MC_RES_KMS, &id, NULL));
}

/* R-ID-81, R-ID-82, R-ID-83, R-KMS-30, R-KMS-31, R-KMS-34 */
static void test_bearer_answer(void **state)
{
        struct fix *f = *state;
        static const struct {
                enum ecode code;
                int missing, status;
                const char *www;
        } row[] = {
                { E_TOKEN_MISSING, 403, 403, NULL },
                { E_TOKEN_MISSING, 401, 401, "Bearer realm=\"r\"" },
                { E_SYNTAX, 403, 400, "Bearer realm=\"r\", error=\"invalid_request\"" },
                { E_TOKEN_EXPIRED, 403, 401,
                  "Bearer realm=\"r\", error=\"invalid_token\", error_description=\"expired\"" },
                { E_TOKEN_REVOKED, 403, 401,
                  "Bearer realm=\"r\", error=\"invalid_token\", error_description=\"revoked\"" },
                { E_TOKEN_SCOPE, 403, 403, "Bearer realm=\"r\", error=\"insufficient_scope\", scope=\"s\"" },
                { E_TOKEN_IDENTITY, 403, 403, NULL },
                { E_PEER_DOWN, 403, 503, NULL },
                { E_STORE_DOWN, 403, 503, NULL },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct http_res rs = { .mem = f };
                struct err er;
                err_set(&er, row[i].code, NULL, "text");
                bearer_answer(&rs, &er, &(struct bearer_words){ "r", "s", row[i].missing });
                assert_int_equal(rs.status, row[i].status);
                const char *www = NULL;
                for (size_t k = 0; k < rs.fields_n; k++)
                        if (strcmp(rs.fields[k].name, "WWW-Authenticate") == 0)
                                www = rs.fields[k].value;
                if (row[i].www == NULL)
                        assert_null(www);
                else
                        assert_string_equal(www, row[i].www);
        }
}

/* R-KMS-33: refused before its time; what is issued later is good again; a restart forgets nothing. */
static void test_deny(void **state)
{
        struct fix *f = *state;
        char *before = token_of(f, f->k1, NULL);
        json_t *in = json_pack("{ss}", "sub", "u"), *out = NULL;
        CHECK_OK(check(f, before));
        CHECK_OK(trust_deny_cmd(f->t, in, NULL));
        CHECK_E(E_TOKEN_REVOKED, check(f, before));
        open_trust(f);
        CHECK_E(E_TOKEN_REVOKED, check(f, before));
        CHECK_OK(trust_denied_cmd(f->t, &out, NULL));
        assert_int_equal(json_array_size(json_object_get(out, "denied")), 1);
        json_decref(out);
        json_decref(in);
        struct token_claims c = claims_of();
        char *after;
        c.iat = NOW + 1;
        CHECK_OK(token_sign(f, f->k1, TOKEN_ACCESS, NULL, &c, &after, NULL));
        CHECK_OK(check(f, after));
        in = json_pack("{ss}", "jti", "j");
        f->clock.s += 1;
        CHECK_OK(trust_deny_cmd(f->t, in, NULL));
        CHECK_E(E_TOKEN_REVOKED, check(f, after));
        json_decref(in);
        in = json_pack("{ss}", "scope", "x");
        CHECK_E(E_SYNTAX, trust_deny_cmd(f->t, in, NULL));
        json_decref(in);
        in = json_object();
        CHECK_E(E_SYNTAX, trust_deny_cmd(f->t, in, NULL));
        json_decref(in);
        /* a damaged list is never taken for an empty one */
        FILE *damaged = fopen(talloc_asprintf(f, "%s/denied.json", f->dir), "w");
        fputs("{\"denied\":", damaged);
        fclose(damaged);
        struct trust *t;
        CHECK_E(E_SYNTAX,
                trust_open(f, &f->env, &(struct trust_issuer){ .issuer = ISS, .jwks_url = URL }, 1, &t, NULL));
}

#define THREADS 8

struct worker {
        struct fix *f;
        const char *token;
        unsigned good, other;
};

static void *verify_many(void *arg)
{
        static const char *const mine[] = { "mc.example", NULL };
        struct worker *w = arg;
        for (int i = 0; i < 50; i++) {
                void *mem = talloc_new(NULL);
                struct token_claims c;
                enum ecode e = trust_token(w->f->t, mem, bytes_str(w->token), mine, &c, NULL);
                if (e == E_OK)
                        w->good++;
                else
                        w->other++;
                talloc_free(mem);
        }
        return NULL;
}

/* Many threads on one key while it is fetched for the first time: one fetch, and everybody gets in. */
static void test_threads(void **state)
{
        struct fix *f = *state;
        struct worker w[THREADS];
        pthread_t t[THREADS];
        const char *token = token_of(f, f->k1, NULL);
        for (size_t i = 0; i < THREADS; i++) {
                w[i] = (struct worker){ f, token, 0, 0 };
                assert_int_equal(pthread_create(&t[i], NULL, verify_many, &w[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
                pthread_join(t[i], NULL);
                assert_int_equal(w[i].good, 50);
                assert_int_equal(w[i].other, 0);
        }
        assert_int_equal(f->http.asked, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deny, setup, teardown),
                cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tick, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
                cmocka_unit_test_setup_teardown(test_may, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bearer_answer, setup, teardown),
        };
        return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
