#include "role/common/test_issuer.h"

#include "role/cms/cms_priv.h"

#include <unistd.h>

#define NOW    1782907200 /* 2026-07-01T12:00:00Z */
#define ALICE  "sip:alice@mc.example"
#define SCOPES "openid 3gpp:mc:ptt_config_management_service 3gpp:mc:ptt_group_management_service"
#define GROUP  "sip:fire-1@mc.example"

/* The store in memory: what port/store_cms.h promises, without a disk. */
struct mem_store {
        struct store_cms port; /* first */
        void *mem;
        struct cms_user user[8];
        struct cms_group group[8];
        bool member[8][8]; /* user, group */
        size_t users, groups;
        bool down;
};

static struct mem_store *of(struct store_cms *st)
{
        return (struct mem_store *)(void *)st;
}

static size_t find_user(const struct mem_store *s, const char *mc_id)
{
        size_t i = 0;
        while (i < s->users && strcmp(s->user[i].mc_id, mc_id) != 0)
                i++;
        return i;
}

static size_t find_group(const struct mem_store *s, const char *uri)
{
        size_t i = 0;
        while (i < s->groups && strcmp(s->group[i].uri, uri) != 0)
                i++;
        return i;
}

static const char *keep(const struct mem_store *s, const char *text)
{
        return text != NULL ? talloc_strdup(s->mem, text) : NULL;
}

static enum ecode m_user_put(struct store_cms *st, const struct cms_user *u, const char *const *groups, size_t n,
                             bool check_only, struct err *er)
{
        struct mem_store *s = of(st);
        size_t at = find_user(s, u->mc_id);
        for (size_t i = 0; i < n; i++)
                if (find_group(s, groups[i]) == s->groups)
                        return err_set(er, E_NOT_FOUND, "R-SA-122", "no group");
        if (check_only)
                return E_OK;
        s->users += at == s->users;
        struct cms_user *k = &s->user[at];
        *k = *u;
        k->mc_id = keep(s, u->mc_id);
        k->name = keep(s, u->name);
        k->organisation = keep(s, u->organisation);
        k->participant_type = keep(s, u->participant_type);
        k->allow = keep(s, u->allow);
        for (unsigned v = 0; v < CMS_SERVICES; v++)
                k->id[v] = keep(s, u->id[v]);
        for (size_t g = 0; groups != NULL && g < 8; g++)
                s->member[at][g] = false;
        for (size_t i = 0; i < n; i++)
                s->member[at][find_group(s, groups[i])] = true;
        return E_OK;
}

static enum ecode m_user_get(struct store_cms *st, void *mem, const char *mc_id, struct cms_user *ret, struct err *er)
{
        struct mem_store *s = of(st);
        size_t at = find_user(s, mc_id);
        (void)mem;
        if (at == s->users)
                return err_set(er, E_NOT_FOUND, NULL, "none");
        *ret = s->user[at];
        return E_OK;
}

static enum ecode m_user_by_id(struct store_cms *st, void *mem, unsigned service, const char *id, struct cms_user *ret,
                               struct err *er)
{
        struct mem_store *s = of(st);
        (void)mem;
        if (s->down)
                return err_set(er, E_STORE_DOWN, NULL, "switched off");
        for (size_t i = 0; i < s->users; i++) {
                if (s->user[i].id[service] != NULL && strcmp(s->user[i].id[service], id) == 0) {
                        *ret = s->user[i];
                        return E_OK;
                }
        }
        return err_set(er, E_NOT_FOUND, NULL, "none");
}

static enum ecode m_user_list(struct store_cms *st, void *mem, const char *after, size_t most, struct cms_user **ret,
                              size_t *ret_n, struct err *er)
{
        (void)mem;
        (void)after;
        (void)most;
        (void)er;
        *ret = of(st)->user;
        *ret_n = of(st)->users;
        return E_OK;
}

static enum ecode m_group_put(struct store_cms *st, const struct cms_group *g, struct err *er)
{
        struct mem_store *s = of(st);
        size_t at = find_group(s, g->uri);
        (void)er;
        s->groups += at == s->groups;
        s->group[at] = *g;
        s->group[at].uri = keep(s, g->uri);
        s->group[at].display_name = keep(s, g->display_name);
        return E_OK;
}

static enum ecode m_group_get(struct store_cms *st, void *mem, const char *uri, struct cms_group *ret, struct err *er)
{
        struct mem_store *s = of(st);
        size_t at = find_group(s, uri);
        (void)mem;
        if (at == s->groups)
                return err_set(er, E_NOT_FOUND, NULL, "none");
        *ret = s->group[at];
        return E_OK;
}

static enum ecode m_group_list(struct store_cms *st, void *mem, struct cms_group **ret, size_t *ret_n, struct err *er)
{
        (void)mem;
        (void)er;
        *ret = of(st)->group;
        *ret_n = of(st)->groups;
        return E_OK;
}

static enum ecode m_groups_of(struct store_cms *st, void *mem, const char *mc_id, struct cms_group **ret, size_t *ret_n,
                              struct err *er)
{
        struct mem_store *s = of(st);
        struct cms_group *list = talloc_array(mem, struct cms_group, 8);
        size_t at = find_user(s, mc_id), n = 0;
        (void)er;
        for (size_t g = 0; g < s->groups; g++)
                if (at < s->users && s->member[at][g])
                        list[n++] = s->group[g];
        *ret = list;
        *ret_n = n;
        return E_OK;
}

static enum ecode m_members_of(struct store_cms *st, void *mem, const char *uri, struct cms_user **ret, size_t *ret_n,
                               struct err *er)
{
        struct mem_store *s = of(st);
        struct cms_user *list = talloc_array(mem, struct cms_user, 8);
        size_t g = find_group(s, uri), n = 0;
        (void)er;
        for (size_t u = 0; u < s->users; u++)
                if (s->member[u][g])
                        list[n++] = s->user[u];
        *ret = list;
        *ret_n = n;
        return E_OK;
}

struct fix {
        struct test_issuer issuer;
        struct clock_fake clock;
        struct site site;
        struct role_env env;
        struct cms_conf conf;
        struct mem_store *store;
        struct cms *c;
        char dir[64];
};

static const char *const aud[] = { "mc.example" };
static const char *pcscf[] = { "sip:127.0.1.6:5060" };

static void admin(struct fix *f, enum ecode want, const char *name, const char *args, json_t **out)
{
        json_t *in = json_loads(args, 0, NULL), *got = NULL;
        struct err er = { 0 };
        assert_non_null(in);
        for (const struct admin_cmd *c = cms_admin_cmds; c->name != NULL; c++) {
                if (strcmp(c->name, name) != 0)
                        continue;
                enum ecode e = c->fn(f->c, f, in, &got, &er);
                if (e != want)
                        fail_msg("%s %s: %s %s", name, args, ecode_name(e), er.text);
                json_decref(in);
                if (out != NULL)
                        *out = got;
                else
                        json_decref(got);
                return;
        }
        fail_msg("no command %s", name);
}

static int setup(void **state)
{
        struct fix *f = talloc_zero(NULL, struct fix);
        test_issuer_init(f, &f->issuer);
        f->clock = clock_fake_at(NOW);
        strcpy(f->dir, "/tmp/muster-cms-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        f->store = talloc_zero(f, struct mem_store);
        f->store->mem = f;
        f->store->port = (struct store_cms){ .user_put = m_user_put,
                                             .user_get = m_user_get,
                                             .user_by_id = m_user_by_id,
                                             .user_list = m_user_list,
                                             .group_put = m_group_put,
                                             .group_get = m_group_get,
                                             .group_list = m_group_list,
                                             .groups_of = m_groups_of,
                                             .members_of = m_members_of };
        f->site = (struct site){ .mc_domain = "mc.example" };
        f->env = (struct role_env){ .clock = &f->clock.base,
                                    .rng = &rng_system,
                                    .log = log_mem(),
                                    .site = &f->site,
                                    .store = f->store,
                                    .http = &f->issuer.http,
                                    .state_dir = f->dir };
        f->conf = (struct cms_conf){ .xcap_root = "https://127.0.1.4:8443/xcap",
                                     .issuer = ISSUER,
                                     .jwks_url = ISSUER_URL,
                                     .audiences = { (const char **)(uintptr_t)aud, 1 },
                                     .authorization_endpoint = "https://127.0.1.1:8443/as/authorize",
                                     .token_endpoint = "https://127.0.1.2:8443/as/token",
                                     .kms_url = "https://127.0.1.3:8443",
                                     .http_proxy = "",
                                     .gms_psi = "sip:gms@mc.example",
                                     .cms_psi = "sip:cms@mc.example",
                                     .pcscf = { pcscf, 1 },
                                     .kms_uri = "kms.mc.example" };
        CHECK_OK(cms_start(f, &f->env, &f->conf, &f->c, NULL));
        admin(f, E_OK, "group-put", "{\"uri\":\"" GROUP "\",\"name\":\"Fire 1\",\"priority\":5}", NULL);
        admin(f, E_OK, "group-put", "{\"uri\":\"sip:police@mc.example\"}", NULL);
        admin(f, E_OK, "user-put",
              "{\"mc_id\":\"alice@mc.example\",\"mcptt_id\":\"" ALICE "\",\"mcdata_id\":\"sip:alice.data@mc.example\","
              "\"name\":\"Alice\",\"groups\":[\"" GROUP "\"]}",
              NULL);
        admin(f, E_OK, "user-put", "{\"mc_id\":\"bob\",\"mcptt_id\":\"sip:bob@mc.example\",\"groups\":[\"" GROUP "\"]}",
              NULL);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fix *f = *state;
        log_close(f->env.log);
        assert_int_equal(system(talloc_asprintf(f, "rm -rf %s", f->dir)), 0);
        talloc_free(f);
        return 0;
}

static struct http_res get_as(struct fix *f, const char *authorization, const char *path, const char *none_match)
{
        struct http_field *fields = talloc_zero_array(f, struct http_field, 2);
        struct http_req rq = {
                .mem = f, .method = "GET", .path = path, .query = "", .url = path, .fields = fields, .trace = "t"
        };
        if (authorization != NULL)
                fields[rq.fields_n++] = (struct http_field){ "Authorization", authorization };
        if (none_match != NULL)
                fields[rq.fields_n++] = (struct http_field){ "If-None-Match", none_match };
        return test_request(f->c, cms_routes, &rq);
}

static const char *bearer(struct fix *f, const char *scope)
{
        struct token_claims c = test_claims(NOW, aud, scope);
        return test_bearer(f, &f->issuer, &c);
}

static struct http_res get(struct fix *f, int status, const char *path)
{
        struct http_res rs = get_as(f, bearer(f, SCOPES), path, NULL);
        if (rs.status != status)
                fail_msg("%s: want %d, got %d\n%s", path, status, rs.status, log_mem_text(f->env.log));
        return rs;
}

#define PROFILE "/org.3gpp.mcptt.user-profile/users/sip:alice@mc.example/mcptt-user-profile-1.xml"

/* R-SA-112 */
static void test_ue_init(void **state)
{
        struct fix *f = *state;
        struct http_res rs = get_as(f, NULL, "/xcap/org.3gpp.mcptt.ue-init-config/users/ue-1/ue-1", NULL);
        assert_int_equal(rs.status, 200);
        assert_string_equal(test_field(&rs, "Content-Type"), MCX_UE_INIT_MEDIA_TYPE);
        struct mcx_ue_init *d;
        CHECK_OK(mcx_ue_init_parse(f, rs.body, &d, NULL));
        assert_string_equal(d->idms_auth_endpoint, "https://127.0.1.1:8443/as/authorize");
        assert_string_equal(d->idms_token_endpoint, "https://127.0.1.2:8443/as/token");
        assert_string_equal(d->cms_xcap_root, "https://127.0.1.4:8443/xcap");
        assert_int_equal(d->pcscf_n, 1);
        assert_string_equal(d->pcscf[0], "sip:127.0.1.6:5060");
        assert_int_equal(get_as(f, NULL, "/xcap" PROFILE, NULL).status, 403);
        assert_int_equal(get_as(f, NULL, "/xcap/org.3gpp.mcptt.service-config/global/service-config.xml", NULL).status,
                         403);
        assert_int_equal(get_as(f, NULL, "/xcap/no.such.auid/x/y", NULL).status, 403);
        assert_non_null(strstr(log_mem_text(f->env.log), "\"step\":\"0\""));
}

/* R-SA-113, R-SA-119 */
static void test_profile(void **state)
{
        struct fix *f = *state;
        struct http_res rs = get(f, 200, "/xcap" PROFILE);
        struct mcx_profile *p;
        assert_string_equal(test_field(&rs, "Content-Type"), "application/vnd.3gpp.mcptt-user-profile+xml");
        const char *etag = test_field(&rs, "ETag");
        assert_int_equal(etag[0], '"');
        assert_int_equal(etag[strlen(etag) - 1], '"');
        CHECK_OK(mcx_profile_parse(f, rs.body, &p, NULL));
        assert_string_equal(p->user_uri, ALICE);
        assert_true(p->enabled);
        assert_true(p->pre_selected);
        assert_int_equal(p->groups_n, 1);
        assert_string_equal(p->groups[0].uri, GROUP);
        assert_true(p->allow.private_call);
        assert_false(p->allow.regroup);
        assert_string_equal(p->kms_uri, "kms.mc.example");
        assert_int_equal(get_as(f, bearer(f, SCOPES), "/xcap" PROFILE, etag).status, 304);
        assert_int_equal(get_as(f, bearer(f, SCOPES), "/xcap" PROFILE, "\"x\", W/\"y\"").status, 200);
        assert_int_equal(get_as(f, bearer(f, SCOPES), "/xcap" PROFILE, talloc_asprintf(f, "\"x\", W/%s", etag)).status,
                         304);
        assert_int_equal(get_as(f, bearer(f, SCOPES), "/xcap" PROFILE, "*").status, 304);
        admin(f, E_OK, "user-put", "{\"mc_id\":\"alice@mc.example\",\"enabled\":false,\"allow\":[\"regroup\"]}", NULL);
        struct http_res changed = get_as(f, bearer(f, SCOPES), "/xcap" PROFILE, etag);
        assert_int_equal(changed.status, 200);
        CHECK_OK(mcx_profile_parse(f, changed.body, &p, NULL));
        assert_false(p->enabled);
        assert_true(p->allow.regroup);
        assert_string_equal(p->name, "Alice");
        assert_int_equal(p->groups_n, 1);
        struct http_res data = get_as(
                f, bearer(f, "3gpp:mc:data_config_management_service"),
                "/xcap/org.3gpp.mcdata.user-profile/users/sip:alice.data@mc.example/mcdata-user-profile-1.xml", NULL);
        assert_int_equal(data.status, 200);
}

/* R-SA-115 */
static void test_paths(void **state)
{
        struct fix *f = *state;
        struct http_res a = get(f, 200, "/xcap" PROFILE), b = get(f, 200, PROFILE);
        struct http_res c = get(
                f, 200, "/xcap/org.3gpp.mcptt.user-profile/users/sip%3Aalice%40mc.example/mcptt-user-profile-1.xml");
        assert_string_equal(test_field(&a, "ETag"), test_field(&b, "ETag"));
        assert_string_equal(test_field(&a, "ETag"), test_field(&c, "ETag"));
        static const char *const bad[] = { "/xcap/a//b", "/xcap/%2e%2e/a", "/xcap/a/../b", "/xcap/a%2Fb",
                                           "/xcap/%00",  "/xcap/%zz",      "/xcap/%ff",    "/xcap/a/." };
        for (size_t i = 0; i < COUNT(bad); i++)
                get(f, 400, bad[i]);
        static const char *const none[] = {
                "/xcap/org.3gpp.mcptt.user-profile/users/sip:alice@mc.example/mcptt-user-profile-2.xml",
                "/xcap/org.3gpp.mcptt.user-profile/users/sip:alice@mc.example",
                "/xcap/org.3gpp.mcptt.user-profile/global/sip:alice@mc.example/mcptt-user-profile-1.xml",
                "/xcap/org.3gpp.mcptt.service-config/global/other.xml",
                "/xcap/no.such.auid/x/y",
                "/xcap/a/b/c/d/e/f/g/h",
        };
        for (size_t i = 0; i < COUNT(none); i++)
                get(f, 404, none[i]);
}

/* R-SA-114, R-ID-82, R-ID-83, R-ID-88 */
static void test_refusals(void **state)
{
        struct fix *f = *state;
        static const char *const kms_aud[] = { "https://127.0.1.3:8443" };
        get(f, 403, "/xcap/org.3gpp.mcptt.user-profile/users/sip:bob@mc.example/mcptt-user-profile-1.xml");
        struct token_claims c = test_claims(NOW, aud, SCOPES);
        c.exp = NOW - 31;
        struct http_res rs = get_as(f, test_bearer(f, &f->issuer, &c), "/xcap" PROFILE, NULL);
        assert_int_equal(rs.status, 401);
        assert_string_equal(test_field(&rs, "WWW-Authenticate"),
                            "Bearer realm=\"mc.example\", error=\"invalid_token\", error_description=\"expired\"");
        c = test_claims(NOW, kms_aud, SCOPES);
        assert_int_equal(get_as(f, test_bearer(f, &f->issuer, &c), "/xcap" PROFILE, NULL).status, 401);
        rs = get_as(f, bearer(f, "openid 3gpp:mc:ptt_service"), "/xcap" PROFILE, NULL);
        assert_int_equal(rs.status, 403);
        assert_string_equal(test_field(&rs, "WWW-Authenticate"),
                            "Bearer realm=\"mc.example\", error=\"insufficient_scope\", "
                            "scope=\"3gpp:mc:ptt_config_management_service\"");
        c = test_claims(NOW, aud, SCOPES);
        c.mcptt_id = "sip:nobody@mc.example";
        assert_int_equal(
                get_as(f, test_bearer(f, &f->issuer, &c),
                       "/xcap/org.3gpp.mcptt.user-profile/users/sip:nobody@mc.example/mcptt-user-profile-1.xml", NULL)
                        .status,
                404);
        f->store->down = true;
        rs = get(f, 503, "/xcap" PROFILE);
        assert_non_null(test_field(&rs, "Retry-After"));
        assert_null(strstr(log_mem_text(f->env.log), ALICE));
}

/* R-SA-120 */
static void test_groups(void **state)
{
        struct fix *f = *state;
        static const char *const paths[] = {
                "/xcap/org.openmobilealliance.groups/global/byGroup/" GROUP,
                "/xcap/org.openmobilealliance.groups/global/byGroupID/sip%3Afire-1%40mc.example",
                "/xcap/org.openmobilealliance.groups/users/sip:alice@mc.example/" GROUP
        };
        for (size_t i = 0; i < COUNT(paths); i++) {
                struct mcx_group *g;
                struct http_res rs = get(f, 200, paths[i]);
                assert_string_equal(test_field(&rs, "Content-Type"), MCX_GROUP_MEDIA_TYPE);
                CHECK_OK(mcx_group_parse(f, rs.body, &g, NULL));
                assert_string_equal(g->display_name, "Fire 1");
                assert_non_null(mcx_group_member(g, ALICE));
                assert_non_null(mcx_group_member(g, "sip:alice.data@mc.example"));
                assert_non_null(mcx_group_member(g, "sip:bob@mc.example"));
                assert_int_equal(g->members_n, 3);
        }
        get(f, 403, "/xcap/org.openmobilealliance.groups/global/byGroup/sip:police@mc.example");
        get(f, 404, "/xcap/org.openmobilealliance.groups/global/byGroup/sip:none@mc.example");
        get(f, 404, "/xcap/org.openmobilealliance.groups/global/byGroup");
        assert_int_equal(get_as(f, bearer(f, "3gpp:mc:ptt_config_management_service"), paths[0], NULL).status, 403);
        /* an ID of the token whose service's scope was not granted opens nothing */
        admin(f, E_OK, "user-put", "{\"mc_id\":\"alice@mc.example\",\"mcptt_id\":null}", NULL);
        get(f, 403, paths[0]);
}

static void test_configs(void **state)
{
        struct fix *f = *state;
        struct http_res rs = get(f, 200, "/xcap/org.3gpp.mcptt.ue-config/users/ue-1/ue-1/mcptt-ue-configuration.xml");
        assert_non_null(memmem(rs.body.p, rs.body.n, "<MCPTT-Group-ID>" GROUP, strlen("<MCPTT-Group-ID>" GROUP)));
        rs = get(f, 200, "/xcap/org.3gpp.mcptt.service-config/global/service-config.xml");
        assert_string_equal(test_field(&rs, "Content-Type"), "application/vnd.3gpp.mcptt-service-config+xml");
        assert_non_null(memmem(rs.body.p, rs.body.n, "domain=\"mc.example\"", 19));
}

/* R-SA-122 */
static void test_admin(void **state)
{
        struct fix *f = *state;
        json_t *out;
        admin(f, E_OK, "user-check", "{\"mc_id\":\"carol\",\"mcptt_id\":\"sip:carol@x\"}", NULL);
        admin(f, E_NOT_FOUND, "user-show", "{\"mc_id\":\"carol\"}", NULL);
        admin(f, E_NOT_FOUND, "user-check", "{\"mc_id\":\"carol\",\"groups\":[\"sip:none@x\"]}", NULL);
        admin(f, E_SYNTAX, "user-put", "{\"mc_id\":\"carol\",\"allow\":[\"fly\"]}", NULL);
        admin(f, E_SYNTAX, "user-put", "{\"mc_id\":\"carol\",\"mcptt_id\":\"carol\"}", NULL);
        admin(f, E_RANGE, "user-put", "{\"mc_id\":\"carol\",\"profile_index\":256}", NULL);
        admin(f, E_EXISTS, "user-check", "{\"mc_id\":\"bob\",\"new\":true}", NULL);
        admin(f, E_EXISTS, "user-put", "{\"mc_id\":\"bob\",\"new\":true}", NULL);
        admin(f, E_MISSING, "user-put", "{}", NULL);
        admin(f, E_OK, "user-show", "{\"mc_id\":\"alice@mc.example\"}", &out);
        assert_string_equal(json_string_value(json_object_get(out, "mcptt_id")), ALICE);
        assert_int_equal(json_array_size(json_object_get(out, "groups")), 1);
        json_decref(out);
        admin(f, E_OK, "user-put", "{\"mc_id\":\"alice@mc.example\",\"groups\":null}", &out);
        assert_int_equal(json_array_size(json_object_get(out, "groups")), 0);
        json_decref(out);
        admin(f, E_OK, "user-list", "{}", &out);
        assert_int_equal(json_array_size(json_object_get(out, "users")), 2);
        json_decref(out);
        admin(f, E_OK, "group-list", "{}", &out);
        assert_int_equal(json_array_size(json_object_get(out, "groups")), 2);
        json_decref(out);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_ue_init), T(test_profile), T(test_paths), T(test_refusals),
                T(test_groups),  T(test_configs), T(test_admin),
        };
        return cmocka_run_group_tests_name("cms", tests, NULL, NULL);
}
