/* An IdM server over its real store in memory, with a clock that the test moves, one user and one native client. */
#ifndef MUSTER_ROLE_TEST_IDM_H
#define MUSTER_ROLE_TEST_IDM_H

#include "test/kit/check.h"

#include "adapter/store/idm_sqlite.h"
#include "role/idm/idm_priv.h"

#define T0       INT64_C(1767261600)
#define REDIRECT "com.example.mcxhandset:/oauth2redirect"
#define VERIFIER "1RsuN73FM0UyoaRLykTjLWklK-zVwdsSAtvQ8HM158A"
#define PASSWORD "correct horse battery staple"
#define ALICE    "alice@mcx-a.example"
#define SCOPES                                                                                                         \
        "openid 3gpp:mc:ptt_service 3gpp:mc:ptt_key_management_service 3gpp:mc:ptt_config_management_service"          \
        " 3gpp:mc:ptt_group_management_service 3gpp:mc:data_service"

struct fx {
        void *mem;
        struct store_idm *st;
        struct clock_fake clock;
        struct log *log;
        struct site site;
        struct idm_conf conf;
        struct role_env env;
        struct idm *idm;
};

static const struct seal_key fx_seal_key = { { 7 } };

static const struct idm_conf fx_conf = {
        .issuer = "https://idms.mcx-a.example",
        .authorization_url = "https://auth.idms.mcx-a.example",
        .token_url = "https://token.idms.mcx-a.example",
        .audience = "mcx-a",
        .kms_audience = "https://kms.mcx-a.example",
        .code_ttl_s = 60,
        .txn_ttl_s = 600,
        .access_ttl_s = 900,
        .refresh_idle_s = 43200,
        .refresh_max_s = 2592000,
        .refresh_grace_s = 10,
        .access_alg = "RS256",
        .access_typ = "at+jwt",
        .rsa_bits = 2048,
        .key_lead_s = 600,
        .password_passes = 1,
        .password_memory_kib = 8,
        .delay_after = 3,
        .delay_most_s = 16,
        .organisation = "MCX <A>",
};

/* RSA keys take a while to make: the first fixture's keys serve all. */
static inline void fx_share_keys(struct fx *f, bool take)
{
        static struct idm_key *keys;
        static size_t keys_n;
        if (take && keys == NULL)
                CHECK_OK(f->st->key_list(f->st, NULL, &keys, &keys_n, NULL));
        for (size_t i = 0; !take && i < keys_n; i++)
                CHECK_OK(f->st->key_add(f->st, &keys[i], true, 0, NULL));
}

static inline json_t *fx_admin(struct fx *f, const char *name, json_t *in, enum ecode want)
{
        json_t *out = NULL;
        struct err er = { 0 };
        for (const struct admin_cmd *c = idm_admin_cmds; c->name != NULL; c++)
                if (strcmp(c->name, name) == 0) {
                        enum ecode e = c->fn(f->idm, f->mem, in, &out, &er);
                        if (e != want)
                                fail_msg("%s: want %s, got %s: %s", name, ecode_name(want), ecode_name(e), er.text);
                        json_decref(in);
                        return out;
                }
        fail_msg("no command %s", name);
        return NULL;
}

static inline void fx_put_alice(struct fx *f)
{
        json_decref(fx_admin(f, "user-put",
                             json_pack("{s:s, s:s, s:s, s:s}", "mc_id", ALICE, "password", PASSWORD, "mcptt_id",
                                       "sip:alice.ptt@mcx-a.example", "mcdata_id", "sip:alice.data@mcx-a.example"),
                             E_OK));
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:s, s:[s, s]}", "client_id", "mcx-handset-01", "name", "MCX <handset>",
                                       "redirect_uris", REDIRECT, "http://127.0.0.1/callback"),
                             E_OK));
}

static inline struct fx *fx_new(void)
{
        struct fx *f = talloc_zero(NULL, struct fx);
        f->mem = f;
        f->clock = clock_fake_at(T0);
        f->log = log_mem();
        f->conf = fx_conf;
        f->site = (struct site){ .net = "127.0.1", .mc_domain = "mcx-a", .ims_domain = "ims.mcx-a" };
        struct err er = { 0 };
        CHECK_OK(idm_sqlite_open(f, DB_MEMORY, &f->st, &er));
        f->env = (struct role_env){ .clock = &f->clock.base,
                                    .rng = &rng_system,
                                    .log = f->log,
                                    .site = &f->site,
                                    .store = f->st,
                                    .seal_key = &fx_seal_key };
        fx_share_keys(f, false);
        if (idm_start(f, &f->env, &f->conf, &f->idm, &er) != E_OK)
                fail_msg("start: %s", er.text);
        fx_share_keys(f, true);
        fx_put_alice(f);
        return f;
}

static inline void fx_free(struct fx *f)
{
        struct log *log = f->log;
        idm_stop(f->idm);
        talloc_free(f);
        log_close(log);
}

static inline void fx_at(struct fx *f, int64_t s)
{
        f->clock.s = s;
        f->clock.ms += 1000;
}

static inline const char *fx_challenge(void)
{
        static char c[PKCE_CHALLENGE_LEN + 1];
        CHECK_OK(pkce_s256(VERIFIER, c));
        return c;
}

static inline struct auth_req fx_request(const char *scope)
{
        return (struct auth_req){ .response_type = "code",
                                  .client_id = "mcx-handset-01",
                                  .scope = scope,
                                  .redirect_uri = REDIRECT,
                                  .state = "S6aXNcpTdl7WpwnttWxuog",
                                  .nonce = "eDd7UldXtJRCf4kBT5fXmQ",
                                  .acr_values = "3gpp:acr:password",
                                  .code_challenge = fx_challenge(),
                                  .code_challenge_method = "S256" };
}

static inline struct auth_res fx_redirected(struct fx *f, const struct idm_answer *a)
{
        struct auth_res rs;
        assert_int_equal(a->step, IDM_REDIRECT);
        const char *q = strchr(a->redirect, '?');
        assert_non_null(q);
        CHECK_OK(auth_res_parse(f->mem, q + 1, &rs, NULL));
        return rs;
}

static inline struct idm_answer fx_login_as(struct fx *f, const struct auth_req *rq, const char *user,
                                            const char *password)
{
        struct idm_answer a, b;
        struct err er = { 0 };
        if (idm_authorize(f->idm, f->mem, rq, &a, &er) != E_OK)
                fail_msg("authorize: %s", er.text);
        assert_int_equal(a.step, IDM_ASK_PASSWORD);
        struct idm_login in = { .handle = a.handle, .cookie = a.handle, .username = user, .password = password };
        if (idm_login(f->idm, f->mem, &in, &b, &er) != E_OK)
                fail_msg("login: %s", er.text);
        return b;
}

static inline const char *fx_code(struct fx *f, const char *scope)
{
        struct auth_req rq = fx_request(scope);
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        struct auth_res rs = fx_redirected(f, &a);
        assert_null(rs.error);
        assert_non_null(rs.code);
        return rs.code;
}

static inline struct token_req fx_redeem(const char *code)
{
        return (struct token_req){ .grant = GRANT_CODE,
                                   .client_id = "mcx-handset-01",
                                   .code = code,
                                   .redirect_uri = REDIRECT,
                                   .code_verifier = VERIFIER };
}

static inline struct token_req fx_refresh(const char *token, const char *scope)
{
        return (struct token_req){
                .grant = GRANT_REFRESH, .client_id = "mcx-handset-01", .refresh_token = token, .scope = scope
        };
}

static inline enum ecode fx_try(struct fx *f, struct token_req rq, struct token_res *ret, struct err *er)
{
        const char *json = NULL;
        struct idm_about about = { 0 };
        enum ecode e = idm_token(f->idm, f->mem, &rq, &json, &about, er);
        if (e == E_OK)
                CHECK_OK(token_res_parse(f->mem, bytes_str(json), ret, NULL));
        return e;
}

static inline struct token_res fx_tokens(struct fx *f, struct token_req rq)
{
        struct token_res rs;
        struct err er = { 0 };
        if (fx_try(f, rq, &rs, &er) != E_OK)
                fail_msg("token: %s %s", ecode_name(er.code), er.text);
        return rs;
}

static inline void fx_refused(struct fx *f, struct token_req rq, enum ecode want, const char *req)
{
        struct token_res rs;
        struct err er = { 0 };
        CHECK_E(want, fx_try(f, rq, &rs, &er));
        CHECK_E(want, er.code);
        assert_string_equal(er.req, req);
}

static inline struct token_claims fx_claims(struct fx *f, const char *token)
{
        struct jwks keys;
        struct token_claims c;
        struct jwt_policy pol = { .algs = JOSE_ALLOW_ALL, .iss = f->conf.issuer };
        CHECK_OK(jwks_parse(f->mem, bytes_str(idm_jwks(f->idm, f->mem, NULL)), &keys, NULL));
        struct err er = { 0 };
        if (jwt_verify(f->mem, bytes_str(token), &keys, &pol, f->clock.s, &c, &er) != E_OK)
                fail_msg("verify: %s", er.text);
        return c;
}

#endif
