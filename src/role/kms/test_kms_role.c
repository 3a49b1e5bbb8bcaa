#include "role/common/test_issuer.h"

#include "role/kms/kms_priv.h"

#include <unistd.h>

#define NOW   1782907200 /* 2026-07-01T12:00:00Z */
#define BASE  "https://127.0.1.3:8443" KMS_BASE_PATH
#define SCOPE "openid 3gpp:mc:ptt_key_management_service"
#define ALICE "sip:alice@mc.example"

/* The store in memory: what port/store_kms.h promises, without a disk. */
struct mem_store {
        struct store_kms port; /* first */
        void *mem;
        struct kms_master_row *master;
        struct kms_subject subject[16];
        struct kms_issue issue[64];
        struct kms_partner partner[4];
        size_t subjects, issues, partners;
        int64_t cache_num;
        bool down;
        unsigned fail_nth; /* this call from now answers E_STORE_DOWN; 0: none does */
};

static struct mem_store *of(struct store_kms *st)
{
        return (struct mem_store *)(void *)st;
}

static enum ecode down(struct mem_store *m, struct err *er)
{
        bool now = m->fail_nth == 1;
        m->fail_nth -= m->fail_nth > 0;
        return m->down || now ? err_set(er, E_STORE_DOWN, NULL, "switched off") : E_OK;
}

static enum ecode m_master_get(struct store_kms *st, void *mem, struct kms_master_row *ret, struct err *er)
{
        (void)mem;
        if (of(st)->master == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "none");
        *ret = *of(st)->master;
        return E_OK;
}

static enum ecode m_master_put(struct store_kms *st, const struct kms_master_row *m, struct err *er)
{
        struct mem_store *s = of(st);
        if (s->master != NULL)
                return err_set(er, E_EXISTS, NULL, "there is one");
        s->master = talloc(s->mem, struct kms_master_row);
        *s->master = *m;
        s->master->ksak = bytes_copy(s->mem, m->ksak);
        s->master->z = bytes_copy(s->mem, m->z);
        s->master->vseed = bytes_copy(s->mem, m->vseed);
        s->master->kpak = bytes_copy(s->mem, m->kpak);
        s->master->pub_z = bytes_copy(s->mem, m->pub_z);
        return E_OK;
}

static enum ecode m_subjects_put(struct store_kms *st, const char *owner, bool server, const struct kms_subject *list,
                                 size_t n, int64_t now_s, bool check_only, struct err *er)
{
        struct mem_store *s = of(st);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < s->subjects; k++)
                        if (strcmp(s->subject[k].uri, list[i].uri) == 0 && strcmp(s->subject[k].owner, owner) != 0)
                                return err_set(er, E_EXISTS, "R-SA-122", "taken");
        if (check_only)
                return E_OK;
        for (size_t k = 0; k < s->subjects; k++)
                if (strcmp(s->subject[k].owner, owner) != 0)
                        s->subject[kept++] = s->subject[k];
        s->subjects = kept;
        for (size_t i = 0; i < n; i++)
                s->subject[s->subjects++] = (struct kms_subject){ talloc_strdup(s->mem, list[i].uri), list[i].services,
                                                                  talloc_strdup(s->mem, owner), server, now_s };
        return E_OK;
}

static enum ecode m_subject_get(struct store_kms *st, void *mem, const char *uri, struct kms_subject *ret,
                                struct err *er)
{
        struct mem_store *s = of(st);
        (void)mem;
        if (down(s, er) != E_OK)
                return E_STORE_DOWN;
        for (size_t k = 0; k < s->subjects; k++) {
                if (strcmp(s->subject[k].uri, uri) == 0) {
                        *ret = s->subject[k];
                        return E_OK;
                }
        }
        return err_set(er, E_NOT_FOUND, NULL, "none");
}

static enum ecode m_subject_list(struct store_kms *st, void *mem, const char *owner, const char *after, size_t most,
                                 struct kms_subject **ret, size_t *ret_n, struct err *er)
{
        struct mem_store *s = of(st);
        struct kms_subject *list = talloc_zero_array(mem, struct kms_subject, 16);
        size_t n = 0;
        if (down(s, er) != E_OK)
                return E_STORE_DOWN;
        (void)after;
        (void)most;
        for (size_t k = 0; k < s->subjects; k++)
                if (owner == NULL || strcmp(s->subject[k].owner, owner) == 0)
                        list[n++] = s->subject[k];
        *ret = list;
        *ret_n = n;
        return E_OK;
}

static enum ecode m_owner_del(struct store_kms *st, const char *owner, struct err *er)
{
        struct mem_store *s = of(st);
        size_t before = s->subjects;
        m_subjects_put(st, owner, false, NULL, 0, 0, false, er);
        return s->subjects == before ? err_set(er, E_NOT_FOUND, NULL, "none") : E_OK;
}

static enum ecode m_issue_add(struct store_kms *st, const struct kms_issue *list, size_t n, struct err *er)
{
        struct mem_store *s = of(st);
        if (down(s, er) != E_OK)
                return E_STORE_DOWN;
        for (size_t i = 0; i < n; i++)
                s->issue[s->issues++] = list[i];
        return E_OK;
}

static enum ecode m_issue_prune(struct store_kms *st, int64_t before_s, struct err *er)
{
        (void)st;
        (void)before_s;
        (void)er;
        return E_OK;
}

static enum ecode m_partner_put(struct store_kms *st, const struct kms_partner *p, struct err *er)
{
        struct mem_store *s = of(st);
        (void)er;
        s->partner[s->partners++] =
                (struct kms_partner){ talloc_strdup(s->mem, p->cert_uri), talloc_strdup(s->mem, p->kms_uri),
                                      bytes_copy(s->mem, p->xml) };
        s->cache_num++;
        return E_OK;
}

static enum ecode m_partner_list(struct store_kms *st, void *mem, struct kms_partner **ret, size_t *ret_n,
                                 int64_t *ret_cache_num, struct err *er)
{
        struct mem_store *s = of(st);
        (void)mem;
        if (down(s, er) != E_OK)
                return E_STORE_DOWN;
        *ret = s->partner;
        *ret_n = s->partners;
        *ret_cache_num = s->cache_num;
        return E_OK;
}

static struct mem_store *mem_store(void *mem)
{
        struct mem_store *s = talloc_zero(mem, struct mem_store);
        s->mem = mem;
        s->cache_num = 1;
        s->port = (struct store_kms){ .master_get = m_master_get,
                                      .master_put = m_master_put,
                                      .subjects_put = m_subjects_put,
                                      .subject_get = m_subject_get,
                                      .subject_list = m_subject_list,
                                      .owner_del = m_owner_del,
                                      .issue_add = m_issue_add,
                                      .issue_prune = m_issue_prune,
                                      .partner_put = m_partner_put,
                                      .partner_list = m_partner_list };
        return s;
}

struct fix {
        struct test_issuer issuer;
        struct clock_fake clock;
        struct site site;
        struct role_env env;
        struct kms_conf conf;
        struct mem_store *store;
        struct kms *k;
        char dir[64];
};

static const struct seal_key seal_octets = { { 1, 2, 3 } };
static const char *const aud[] = { "https://127.0.1.3:8443" };
static const char *domain[] = { "mc.example" };

static int setup(void **state)
{
        struct fix *f = talloc_zero(NULL, struct fix);
        test_issuer_init(f, &f->issuer);
        f->clock = clock_fake_at(NOW);
        strcpy(f->dir, "/tmp/muster-kms-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        f->store = mem_store(f);
        f->site = (struct site){ .mc_domain = "mc.example" };
        f->env = (struct role_env){ .clock = &f->clock.base,
                                    .rng = &rng_system,
                                    .log = log_mem(),
                                    .site = &f->site,
                                    .store = f->store,
                                    .http = &f->issuer.http,
                                    .seal_key = &seal_octets,
                                    .state_dir = f->dir };
        f->conf = (struct kms_conf){ .kms_uri = "kms.mc.example",
                                     .kms_id = "kms-1",
                                     .issuer = ISSUER,
                                     .jwks_url = ISSUER_URL,
                                     .audiences = { (const char **)(uintptr_t)aud, 1 },
                                     .domains = { domain, 1 },
                                     .key_period = 2592000,
                                     .cert_life = 315360000,
                                     .time_window_s = 5,
                                     .periods_ahead = 1,
                                     .issue_log_s = 86400,
                                     .scp_array = true };
        CHECK_OK(kms_start(f, &f->env, &f->conf, &f->k, NULL));
        struct kms_subject own[] = { { .uri = ALICE, .services = 1u << MC_PTT } };
        CHECK_OK(f->store->port.subjects_put(&f->store->port, "alice", false, own, 1, NOW, false, NULL));
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fix *f = *state;
        kms_stop(f->k);
        log_close(f->env.log);
        assert_int_equal(system(talloc_asprintf(f, "rm -rf %s", f->dir)), 0);
        talloc_free(f);
        return 0;
}

static struct token_claims claims(void)
{
        return test_claims(NOW, aud, SCOPE);
}

static struct http_res post_as(struct fix *f, const char *authorization, const char *rest, const char *body)
{
        struct http_field fields[] = { { "Content-Type", "application/xml" }, { "Authorization", authorization } };
        struct http_req rq = { .mem = f,
                               .method = "POST",
                               .path = talloc_asprintf(f, "%s%s", KMS_BASE_PATH, rest),
                               .query = "",
                               .url = talloc_asprintf(f, "%s%s", BASE, rest),
                               .fields = fields,
                               .fields_n = authorization != NULL ? 2 : 1,
                               .body = bytes_str(body),
                               .trace = "t" };
        return test_request(f->k, kms_routes, &rq);
}

static struct http_res post(struct fix *f, const char *rest, const char *body)
{
        struct token_claims c = claims();
        c.iat = clock_now(&f->clock.base);
        c.exp = c.iat + 900;
        return post_as(f, test_bearer(f, &f->issuer, &c), rest, body);
}

/* Every answer is a document; 200 never carries an error, and errors carry their status: R-KMS-61. */
static struct kms_response *answer(struct fix *f, struct http_res rs, int status)
{
        struct kms_response *r;
        if (rs.status != status)
                fail_msg("want %d, got %d: %.*s\n%s", status, rs.status, (int)rs.body.n, (const char *)rs.body.p,
                         log_mem_text(f->env.log));
        assert_string_equal(test_field(&rs, "Content-Type"), "application/xml");
        assert_string_equal(test_field(&rs, "Cache-Control"), "no-store");
        CHECK_OK(kms_response_parse(f, rs.body, &r, NULL));
        assert_int_equal(r->content == KMS_ERROR, status != 200);
        if (status != 200)
                assert_int_equal(r->error.code, status);
        return r;
}

static char *body_with(struct fix *f, const char *user, const char *kms, int64_t time_s, const char *rest)
{
        struct kms_request rq = { .id = talloc_strdup(f, "r1"),
                                  .user_uri = talloc_strdup(f, user),
                                  .kms_uri = talloc_strdup(f, kms),
                                  .time_s = time_s,
                                  .client_req_url = talloc_asprintf(f, "%s%s", BASE, rest) };
        struct bytes xml;
        CHECK_OK(kms_request_print(f, &rq, &xml, NULL));
        return bytes_to_str(f, xml);
}

/* R-KMS-1, R-KMS-13, R-KMS-15, R-KMS-16, R-KMS-22, R-KMS-23 */
static void test_init(void **state)
{
        struct fix *f = *state;
        struct kms_response *r = answer(f, post(f, "init", ""), 200);
        assert_int_equal(r->content, KMS_INIT);
        assert_int_equal(r->certs_n, 1);
        assert_int_equal(r->certs[0].role, KMS_ROLE_ROOT);
        assert_string_equal(r->certs[0].user_id_format, "2");
        assert_string_equal(r->certs[0].kms_uri, "kms.mc.example");
        assert_string_equal(r->kms_uri, "kms.mc.example");
        assert_string_equal(r->client_req_url, BASE "init");
        CHECK_BYTES("Z", r->certs[0].pub_enc_key, BYTES_ARR(f->k->master->pub_z.b));
        CHECK_BYTES("KPAK", r->certs[0].pub_auth_key, BYTES_ARR(f->k->master->kpak.b));
        answer(f, post(f, "init", body_with(f, ALICE, "kms.mc.example", NOW, "init")), 200);
        assert_non_null(strstr(log_mem_text(f->env.log), "\"step\":\"3.5\""));
}

/* The client's own checks of what it got: R-KMS-2, R-KMS-6, R-KMS-7. */
static void check_set(struct fix *f, const struct kms_key_set *set)
{
        struct sakke_domain *d;
        struct sakke_rsk rsk;
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        struct eccsi_signer signer;
        struct uid uid;
        CHECK_OK(uid_make(bytes_str(set->user_uri), bytes_str("kms.mc.example"), f->k->period, set->key_period_no, &uid,
                          NULL));
        CHECK_BYTES("uid", uid_bytes(&set->user_id), uid_bytes(&uid));
        memcpy(rsk.b, set->decrypt_key.plain.p, sizeof rsk.b);
        memcpy(ssk.b, set->signing_key_ssk.plain.p, sizeof ssk.b);
        memcpy(pvt.b, set->pub_token_pvt.plain.p, sizeof pvt.b);
        CHECK_OK(sakke_domain_new(f, &f->k->master->pub_z, &d, NULL));
        CHECK_OK(sakke_rsk_check(d, uid_bytes(&uid), &rsk, NULL));
        CHECK_OK(eccsi_signer_make(&f->k->master->kpak, uid_bytes(&uid), &ssk, &pvt, &signer, NULL));
}

/* R-KMS-2, R-KMS-3, R-KMS-4, R-KMS-5, R-KMS-8 */
static void test_keyprov(void **state)
{
        struct fix *f = *state;
        struct kms_response *r = answer(f, post(f, "keyprov/sip%3Aalice%40mc.example", ""), 200);
        assert_int_equal(r->content, KMS_KEYPROV);
        assert_int_equal(r->sets_n, 1);
        assert_int_equal(r->sets[0].key_period_no, 1540);
        assert_string_equal(r->sets[0].user_uri, ALICE);
        check_set(f, &r->sets[0]);
        struct kms_response *again = answer(f, post(f, "keyprov/" ALICE, ""), 200);
        CHECK_BYTES("RSK", again->sets[0].decrypt_key.plain, r->sets[0].decrypt_key.plain);
        CHECK_BYTES("SSK", again->sets[0].signing_key_ssk.plain, r->sets[0].signing_key_ssk.plain);
        CHECK_BYTES("PVT", again->sets[0].pub_token_pvt.plain, r->sets[0].pub_token_pvt.plain);
        again = answer(f, post(f, "keyprov", body_with(f, ALICE, "kms.mc.example", NOW, "keyprov")), 200);
        assert_int_equal(again->sets_n, 1);
        assert_int_equal(f->store->issues, 3);
        assert_string_equal(f->store->issue[0].client_id, "client-1");
        /* the first second of the next period: 2026-07-29T00:00:00Z */
        char hex[17];
        kms_time_path_print(r->sets[0].valid_to, hex);
        again = answer(f, post(f, talloc_asprintf(f, "keyprov/%s/%s", ALICE, hex), ""), 200);
        assert_int_equal(again->sets[0].key_period_no, 1541);
        assert_int_equal(again->sets[0].valid_from, r->sets[0].valid_to);
        check_set(f, &again->sets[0]);
}

/* R-KMS-24: the next period needs no restart; R-KMS-57. */
static void test_periods(void **state)
{
        struct fix *f = *state;
        char hex[17];
        static const struct {
                int64_t days;
                int status;
        } row[] = { { -1, 200 }, { -30, 404 }, { 30, 200 }, { 60, 404 } };
        for (size_t i = 0; i < COUNT(row); i++) {
                kms_time_path_print(NOW + row[i].days * 86400, hex);
                answer(f, post(f, talloc_asprintf(f, "keyprov/%s/%s", ALICE, hex), ""), row[i].status);
        }
        answer(f, post(f, "keyprov/" ALICE "/xyz", ""), 400);
        answer(f, post(f, "keyprov/" ALICE "/D6B432320000000", ""), 400);
        f->clock.s += 30 * 86400;
        struct kms_response *r = answer(f, post(f, "keyprov", ""), 200);
        assert_int_equal(r->sets[0].key_period_no, 1541);
}

static void refused(struct fix *f, const struct token_claims *c, int status, const char *www)
{
        struct http_res rs = post_as(f, test_bearer(f, &f->issuer, c), "keyprov", "");
        answer(f, rs, status);
        const char *got = test_field(&rs, "WWW-Authenticate");
        if (www == NULL ? got != NULL : got == NULL || strstr(got, www) == NULL)
                fail_msg("WWW-Authenticate: %s", got);
}

/* R-KMS-30, R-KMS-31, R-KMS-32, R-KMS-34, R-KMS-38, R-ID-88 */
static void test_tokens(void **state)
{
        struct fix *f = *state;
        static const char *const other_aud[] = { "elsewhere" };
        struct http_res rs = post_as(f, NULL, "keyprov", "");
        answer(f, rs, 401);
        assert_string_equal(test_field(&rs, "WWW-Authenticate"), "Bearer realm=\"kms.mc.example\"");
        struct token_claims c = claims();
        c.exp = NOW - 31;
        refused(f, &c, 401, "error=\"invalid_token\"");
        c = claims();
        c.iss = "https://stranger.example";
        refused(f, &c, 401, "error=\"invalid_token\"");
        c = claims();
        c.aud = (const char **)(uintptr_t)other_aud;
        refused(f, &c, 401, "error=\"invalid_token\"");
        c = claims();
        c.scope = "openid 3gpp:mc:ptt_service";
        refused(f, &c, 403, "error=\"insufficient_scope\"");
        c = claims();
        c.mcptt_id = NULL;
        refused(f, &c, 403, NULL);
        answer(f, post_as(f, "Bearer x.y.z", "keyprov", ""), 401);
        answer(f, post_as(f, "Bearer eyJhbGciOiJub25lIn0.e30.", "keyprov", ""), 401);
        answer(f, post_as(f, "Bearer a b", "keyprov", ""), 400);
        struct http_req rq = { .mem = f,
                               .method = "POST",
                               .path = KMS_BASE_PATH "init",
                               .query = "access_token=x",
                               .url = BASE "init",
                               .trace = "t" };
        answer(f, test_request(f->k, kms_routes, &rq), 400);
        assert_int_equal(f->store->issues, 0);
        assert_non_null(strstr(log_mem_text(f->env.log), "R-ID-83"));
}

/* R-KMS-33, R-KMS-39, R-KMS-40 */
static void test_more_tokens(void **state)
{
        struct fix *f = *state;
        char *token;
        json_t *payload = json_pack("{ss ss s[s] ss s[ss] ss sI}", "iss", ISSUER, "sub", "u", "aud", aud[0],
                                    "client_id", "c", "scp", "openid", "3gpp:mc:ptt_key_management_service", "mcptt_id",
                                    ALICE, "exp", (json_int_t)NOW + 60);
        CHECK_OK(jwt_sign(f, f->issuer.key, "at+jwt", payload, &token, NULL));
        json_decref(payload);
        answer(f, post_as(f, talloc_asprintf(f, "Bearer %s", token), "keyprov", ""), 200);
        struct http_field asserted = { "X-3GPP-Asserted-Identity", "\"" ALICE "\"" };
        struct http_req rq = { .mem = f,
                               .method = "POST",
                               .path = KMS_BASE_PATH "keyprov",
                               .query = "",
                               .url = BASE "keyprov",
                               .fields = &asserted,
                               .fields_n = 1,
                               .trace = "t" };
        answer(f, test_request(f->k, kms_routes, &rq), 401);
        struct token_claims c = claims();
        json_t *in = json_pack("{ss}", "jti", c.jti), *out = NULL;
        for (const struct admin_cmd *cmd = kms_admin_cmds; cmd->name != NULL; cmd++)
                if (strcmp(cmd->name, "token-deny") == 0)
                        CHECK_OK(cmd->fn(f->k, f, in, &out, NULL));
        json_decref(in);
        struct http_res rs = post_as(f, test_bearer(f, &f->issuer, &c), "keyprov", "");
        answer(f, rs, 401);
        assert_non_null(strstr(test_field(&rs, "WWW-Authenticate"), "error_description=\"revoked\""));
}

/* R-KMS-35, R-KMS-36, R-KMS-37, R-KMS-41 */
static void test_strangers(void **state)
{
        struct fix *f = *state;
        struct kms_subject own[] = { { .uri = "sip:bob@mc.example", .services = 2 } };
        CHECK_OK(f->store->port.subjects_put(&f->store->port, "bob", false, own, 1, NOW, false, NULL));
        struct http_res rs = post(f, "keyprov/sip%3Abob%40mc.example", "");
        answer(f, rs, 403);
        assert_null(memmem(rs.body.p, rs.body.n, "UserDecryptKey", 14));
        answer(f, post(f, "keyprov/sip:alice.data@mc.example", ""),
               403); /* an ID of the token, but not of this scope */
        answer(f, post(f, "keyprov/SIP:alice@mc.example", ""), 403);
        answer(f, post(f, "keyprov", body_with(f, "sip:bob@mc.example", "kms.mc.example", NOW, "keyprov")), 403);
        struct token_claims c = claims();
        c.mcptt_id = "sip:carol@mc.example"; /* the token is good, but nobody provisioned her */
        answer(f, post_as(f, test_bearer(f, &f->issuer, &c), "keyprov", ""), 404);
        answer(f, post_as(f, test_bearer(f, &f->issuer, &c), "init", ""), 404);
        c.mcptt_id = "sip:x@elsewhere.example";
        answer(f, post_as(f, test_bearer(f, &f->issuer, &c), "keyprov", ""), 404);
        assert_int_equal(f->store->issues, 0);
        /* both services: the one that is provisioned is served */
        c = claims();
        c.scope = SCOPE " 3gpp:mc:data_key_management_service";
        struct kms_response *r = answer(f, post_as(f, test_bearer(f, &f->issuer, &c), "keyprov", ""), 200);
        assert_int_equal(r->sets_n, 1);
}

/* R-KMS-50, R-KMS-51, R-KMS-52, R-KMS-54, R-KMS-55, R-KMS-56, R-KMS-58, R-KMS-59 */
static void test_bodies(void **state)
{
        struct fix *f = *state;
        answer(f, post(f, "init", body_with(f, ALICE, "kms.other.example", NOW, "init")), 400);
        answer(f, post(f, "init", body_with(f, ALICE, "kms.mc.example", NOW, "keyprov")), 400);
        answer(f, post(f, "init", body_with(f, ALICE, "kms.mc.example", NOW - 6, "init")), 400);
        answer(f, post(f, "init", body_with(f, ALICE, "kms.mc.example", NOW + 6, "init")), 400);
        answer(f, post(f, "init", body_with(f, ALICE, "kms.mc.example", NOW - 5, "init")), 200);
        answer(f, post(f, "init", "<x/>"), 400);
        answer(f, post(f, "init", "<KmsRequest"), 400);
        answer(f, post(f, "init", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), 400);
        char *good = body_with(f, ALICE, "kms.mc.example", NOW, "init");
        char *version = strstr(good, "Version=\"1.1.0\"");
        assert_non_null(version);
        memcpy(version, "Version=\"1.0.0\"", 15);
        answer(f, post(f, "init", good), 200);
        static const char *const bad[] = { "keyprov/sip%3Aa%2Fb", "keyprov/%00", "keyprov/%ff", "keyprov/%2e%2e",
                                           "keyprov/%zz" };
        for (size_t i = 0; i < COUNT(bad); i++)
                answer(f, post(f, bad[i], ""), 400);
        struct http_req rq = {
                .mem = f, .method = "GET", .path = KMS_BASE_PATH "init", .query = "", .url = BASE "init"
        };
        assert_int_equal(test_request(f->k, kms_routes, &rq).status, 405);
        struct http_field type = { "Content-Type", "text/plain" };
        rq = (struct http_req){ .mem = f,
                                .method = "POST",
                                .path = KMS_BASE_PATH "init",
                                .query = "",
                                .url = BASE "init",
                                .fields = &type,
                                .fields_n = 1,
                                .body = BYTES_LIT("x"),
                                .trace = "t" };
        answer(f, test_request(f->k, kms_routes, &rq), 401); /* nobody learns about bodies without a token */
}

/* R-KMS-17, R-KMS-18, R-KMS-20, R-KMS-21 */
static void test_partners(void **state)
{
        struct fix *f = *state;
        struct kms_response *r = answer(f, post(f, "certcache", ""), 200);
        assert_int_equal(r->certs_n, 0);
        int64_t first = r->cache_num;
        struct kms_cert c;
        struct bytes xml;
        kms_own_cert(f->k, f, &c);
        c.role = KMS_ROLE_EXTERNAL;
        c.kms_uri = c.issuer = talloc_strdup(f, "kms.partner.example");
        c.cert_uri = talloc_strdup(f, "cert1.kms.partner.example");
        CHECK_OK(kms_cert_print(f, &c, &xml, NULL));
        json_t *in = json_pack("{ss}", "xml", bytes_to_str(f, xml)), *out = NULL;
        const struct admin_cmd *put = kms_admin_cmds;
        while (strcmp(put->name, "partner-put") != 0)
                put++;
        CHECK_OK(put->fn(f->k, f, in, &out, NULL));
        json_decref(in);
        json_decref(out);
        r = answer(f, post(f, "certcache", ""), 200);
        assert_int_equal(r->certs_n, 1);
        assert_int_equal(r->certs[0].role, KMS_ROLE_EXTERNAL);
        assert_true(r->cache_num > first);
        r = answer(f, post(f, talloc_asprintf(f, "certcache/%lld", (long long)r->cache_num), ""), 200);
        assert_int_equal(r->certs_n, 0);
        answer(f, post(f, "certcache/x", ""), 400);
        r = answer(f, post(f, "cert/kms.partner.example", ""), 200);
        assert_string_equal(r->certs[0].kms_uri, "kms.partner.example");
        answer(f, post(f, "cert/kms.mc.example", ""), 200);
        answer(f, post(f, "cert/kms.nobody.example", ""), 404);
        uint8_t z[257] = { 4, 1 };
        c.pub_enc_key = BYTES_ARR(z);
        CHECK_OK(kms_cert_print(f, &c, &xml, NULL));
        in = json_pack("{ss}", "xml", bytes_to_str(f, xml));
        CHECK_E(E_POINT, put->fn(f->k, f, in, &out, NULL));
        json_decref(in);
        f->clock.s += 400000000; /* beyond the certificate's life */
        CHECK_OK(f->store->port.subjects_put(&f->store->port, "alice", false, &(struct kms_subject){ .uri = ALICE }, 1,
                                             f->clock.s, false, NULL));
        r = answer(f, post(f, "certcache", ""), 200);
        assert_int_equal(r->certs_n, 0);
}

/* R-ID-97 and "could not ask": 503, never a refusal. */
static void test_outage(void **state)
{
        struct fix *f = *state;
        f->issuer.down = true;
        struct http_res rs = post(f, "keyprov", "");
        answer(f, rs, 503);
        assert_non_null(test_field(&rs, "Retry-After"));
        f->issuer.down = false;
        f->clock.ms += 1000;
        answer(f, post(f, "keyprov", ""), 200);
        f->issuer.down = true;
        f->clock.ms += 3600000;
        answer(f, post(f, "keyprov", ""), 200);
        f->store->down = true;
        answer(f, post(f, "keyprov", ""), 503);
        f->store->down = false;
        /* each store call of each operation fails once */
        static const char *const ops[] = { "init", "keyprov", ("keyprov/" ALICE), "certcache", "cert/kms.mc.example" };
        for (size_t i = 0; i < COUNT(ops); i++) {
                unsigned failed = 0;
                for (bool done = false; !done; failed += !done) {
                        f->store->fail_nth = failed + 1;
                        struct http_res one = post(f, ops[i], "");
                        done = f->store->fail_nth != 0; /* fewer calls than that: all were tried */
                        answer(f, one, done ? 200 : 503);
                        f->store->fail_nth = 0;
                }
                assert_true(failed >= 1);
        }
}

/* R-KMS-12, R-KMS-13, R-KMS-85: the same secrets after a restart; none that do not hold; none under another name. */
static void test_restart(void **state)
{
        struct fix *f = *state;
        struct eccsi_kpak kpak = f->k->master->kpak;
        struct kms *again;
        CHECK_OK(kms_start(f, &f->env, &f->conf, &again, NULL));
        CHECK_BYTES("KPAK", BYTES_ARR(again->master->kpak.b), BYTES_ARR(kpak.b));
        kms_stop(again);
        struct kms_conf conf = f->conf;
        conf.kms_uri = "kms.new.example";
        CHECK_E(E_CONFIG, kms_start(f, &f->env, &conf, &again, NULL));
        conf = f->conf;
        conf.key_period++;
        CHECK_E(E_CONFIG, kms_start(f, &f->env, &conf, &again, NULL));
        conf = f->conf;
        conf.key_offset = conf.key_period;
        CHECK_E(E_RANGE, kms_start(f, &f->env, &conf, &again, NULL));
        struct role_env env = f->env;
        static const struct seal_key other_key = { { 9 } };
        env.seal_key = &other_key;
        CHECK_E(E_DECRYPT, kms_start(f, &env, &f->conf, &again, NULL));
        struct bytes good = f->store->master->pub_z;
        uint8_t bad[257];
        memcpy(bad, good.p, sizeof bad);
        bad[256] ^= 1;
        f->store->master->pub_z = BYTES_ARR(bad);
        CHECK_E(E_KEY_INVALID, kms_start(f, &f->env, &f->conf, &again, NULL));
        f->store->master->pub_z = good;
        assert_null(memmem(f->store->master->ksak.p, f->store->master->ksak.n, f->k->master->ksak.b, 32));
}

static enum ecode admin(struct fix *f, const char *name, const char *args, json_t **out, struct err *er)
{
        json_t *in = json_loads(args, 0, NULL);
        *out = NULL;
        for (const struct admin_cmd *c = kms_admin_cmds; c->name != NULL; c++) {
                if (strcmp(c->name, name) != 0)
                        continue;
                enum ecode e = c->fn(f->k, f, in, out, er);
                json_decref(in);
                return e;
        }
        fail_msg("no command %s", name);
        return E_INTERNAL;
}

#define ADMIN(want, name, args)                                                                                        \
        do {                                                                                                           \
                CHECK_E(want, admin(f, name, args, &out, NULL));                                                       \
        } while (0)

/* R-SA-122, R-ID-10: what is absent stays, null removes. */
static void test_admin_users(void **state)
{
        struct fix *f = *state;
        json_t *out;
        ADMIN(E_OK, "user-check", "{\"mc_id\":\"bob\",\"mcptt_id\":\"sip:bob@x\"}");
        ADMIN(E_NOT_FOUND, "user-show", "{\"mc_id\":\"bob\"}");
        ADMIN(E_OK, "user-put",
              "{\"mc_id\":\"bob\",\"mcptt_id\":\"sip:bob@x\",\"mcdata_id\":\"sip:bob@x\",\"name\":\"B\"}");
        assert_string_equal(json_string_value(json_object_get(out, "mcdata_id")), "sip:bob@x");
        assert_int_equal(json_array_size(json_object_get(out, "uris")), 1);
        json_decref(out);
        ADMIN(E_OK, "user-put", "{\"mc_id\":\"bob\",\"mcvideo_id\":\"sip:bob.v@x\",\"mcdata_id\":null}");
        assert_string_equal(json_string_value(json_object_get(out, "mcptt_id")), "sip:bob@x");
        assert_string_equal(json_string_value(json_object_get(out, "mcvideo_id")), "sip:bob.v@x");
        assert_null(json_object_get(out, "mcdata_id"));
        json_decref(out);
        ADMIN(E_EXISTS, "user-check", "{\"mc_id\":\"bob\",\"new\":true}");
        ADMIN(E_EXISTS, "user-put", "{\"mc_id\":\"bob\",\"new\":true}");
        ADMIN(E_EXISTS, "user-check", "{\"mc_id\":\"eve\",\"mcptt_id\":\"sip:bob@x\"}");
        ADMIN(E_EXISTS, "user-put", "{\"mc_id\":\"eve\",\"mcptt_id\":\"" ALICE "\"}");
        ADMIN(E_MISSING, "user-put", "{\"mcptt_id\":\"sip:bob@x\"}");
        ADMIN(E_SYNTAX, "user-put", "{\"mc_id\":\"eve\",\"mcptt_id\":\"eve\"}");
        ADMIN(E_SYNTAX, "user-put", "{\"mc_id\":\"eve\",\"mcptt_id\":7}");
        ADMIN(E_OK, "user-list", "{}");
        assert_int_equal(json_array_size(json_object_get(out, "users")), 2);
        json_decref(out);
        ADMIN(E_OK, "user-del", "{\"mc_id\":\"bob\"}");
        ADMIN(E_NOT_FOUND, "user-del", "{\"mc_id\":\"bob\"}");
}

/* A server of this deployment gets over the socket what it would get over HTTPS. */
static void test_admin_server(void **state)
{
        struct fix *f = *state;
        json_t *out;
        struct kms_response *init, *keys;
        ADMIN(E_NOT_FOUND, "server-keys", "{\"uri\":\"sip:mcptt-psi@mc.example\"}");
        ADMIN(E_OK, "server-put", "{\"uri\":\"sip:mcptt-psi@mc.example\"}");
        json_decref(out);
        ADMIN(E_OK, "server-keys", "{\"uri\":\"sip:mcptt-psi@mc.example\"}");
        CHECK_OK(kms_response_parse(f, bytes_str(json_string_value(json_object_get(out, "init"))), &init, NULL));
        CHECK_OK(kms_response_parse(f, bytes_str(json_string_value(json_object_get(out, "keyprov"))), &keys, NULL));
        assert_int_equal(init->certs_n, 1);
        check_set(f, &keys->sets[0]);
        json_decref(out);
        ADMIN(E_FORBIDDEN, "server-keys", "{\"uri\":\"" ALICE "\"}");
        ADMIN(E_FORBIDDEN, "server-del", "{\"uri\":\"" ALICE "\"}");
        ADMIN(E_OK, "server-del", "{\"uri\":\"sip:mcptt-psi@mc.example\"}");
        ADMIN(E_OK, "kms-show", "{}");
        assert_string_equal(json_string_value(json_object_get(out, "kms_uri")), "kms.mc.example");
        json_decref(out);
}

static struct http_res post_from(struct fix *f, const char *peer, const char *authorization, const char *rest)
{
        struct http_field field = { "Authorization", authorization };
        struct http_req rq = { .mem = f,
                               .method = "POST",
                               .path = talloc_asprintf(f, "%s%s", KMS_BASE_PATH, rest),
                               .query = "",
                               .url = talloc_asprintf(f, "%s%s", BASE, rest),
                               .fields = &field,
                               .fields_n = authorization != NULL,
                               .peer_name = peer,
                               .trace = "t" };
        return test_request(f->k, kms_routes, &rq);
}

/* CSC-9: servers by their certificate, for their own identities alone (R-KMS-36); strangers' certificates open nothing.
 */
static void test_servers(void **state)
{
        struct fix *f = *state;
        static const char *servers[] = { "mcx.mc.example=sip:mcptt-psi@mc.example", "gms.mc.example=sip:gms@mc.example",
                                         "mcx.mc.example=sip:mcdata-psi@mc.example" };
        struct kms_conf conf = f->conf;
        conf.servers = (struct conf_list){ servers, COUNT(servers) };
        CHECK_OK(kms_start(f, &f->env, &conf, &f->k, NULL));
        struct kms_response *r = answer(f, post_from(f, "mcx.mc.example", NULL, "init"), 200);
        assert_int_equal(r->content, KMS_INIT);
        r = answer(f, post_from(f, "mcx.mc.example", NULL, "keyprov/sip%3Amcdata-psi%40mc.example"), 200);
        check_set(f, &r->sets[0]);
        r = answer(f, post_from(f, "mcx.mc.example", NULL, "keyprov"), 200);
        assert_int_equal(r->sets_n, 2);
        assert_string_equal(f->store->issue[0].via, "certificate");
        assert_null(f->store->issue[0].client_id);
        answer(f, post_from(f, "mcx.mc.example", NULL, "keyprov/sip:gms@mc.example"), 403);
        answer(f, post_from(f, "mcx.mc.example", NULL, "keyprov/" ALICE), 403);
        answer(f, post_from(f, "alice", NULL, "keyprov/" ALICE), 401); /* a user's name in a certificate is no token */
        answer(f, post_from(f, "hss.mc.example", NULL, "keyprov"), 401);
        answer(f, post_from(f, "mcx.mc.example", "Bearer x.y.z", "keyprov"), 401); /* a bad token is not made good */
        static const char *bad[] = { "mcx.mc.example" };
        conf.servers = (struct conf_list){ bad, 1 };
        CHECK_E(E_CONFIG, kms_start(f, &f->env, &conf, &f->k, NULL));
}

/* No secret and no token in any event. */
static void test_quiet(void **state)
{
        struct fix *f = *state;
        struct token_claims c = claims();
        const char *bearer = test_bearer(f, &f->issuer, &c);
        struct kms_response *r = answer(f, post_as(f, bearer, "keyprov", ""), 200);
        const char *log = log_mem_text(f->env.log);
        assert_null(strstr(log, bearer + 7));
        assert_null(strstr(log, strrchr(bearer, '.')));
        assert_null(strstr(log, ALICE));
        assert_null(strcasestr(log, hex_encode(f, r->sets[0].signing_key_ssk.plain)));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_init),         T(test_keyprov),     T(test_periods), T(test_tokens),  T(test_strangers),
                T(test_bodies),       T(test_partners),    T(test_outage),  T(test_restart), T(test_admin_users),
                T(test_admin_server), T(test_more_tokens), T(test_servers), T(test_quiet),
        };
        return cmocka_run_group_tests_name("kms", tests, NULL, NULL);
}
