#include "test/kit/check.h"

#include "proto/oauth/oauth.h"

static int setup(void **state)
{
        void *mem = talloc_new(NULL);
        json_t **v = talloc(mem, json_t *);
        *v = vector_json(mem, "mcx-identity.json");
        *state = v;
        return 0;
}

static int teardown(void **state)
{
        json_t **v = *state;
        json_decref(*v);
        talloc_free(talloc_parent(v));
        return 0;
}

static const char *vec(void **state, const char *name)
{
        const char *s = json_string_value(json_object_get(*(json_t **)*state, name));
        if (s == NULL)
                fail_msg("no vector %s", name);
        return s;
}

static void test_form(void **state)
{
        void *mem = talloc_new(*state);
        struct form f;
        CHECK_OK(form_parse(mem, BYTES_LIT("a=1&b=x+y%20z&c=&d&&e=%C3%A9%3D%26"), &f, NULL));
        assert_int_equal(f.n, 5);
        assert_null(f.repeated);
        assert_string_equal(form_get(&f, "a"), "1");
        assert_string_equal(form_get(&f, "b"), "x y z");
        assert_null(form_get(&f, "c"));
        assert_null(form_get(&f, "d"));
        assert_string_equal(form_get(&f, "e"), "\xc3\xa9=&");
        CHECK_OK(form_parse(mem, BYTES_LIT(""), &f, NULL));
        assert_int_equal(f.n, 0);
        /* R-ID-49: also when written in two ways */
        CHECK_OK(form_parse(mem, BYTES_LIT("ab=1&a%62=2"), &f, NULL));
        assert_string_equal(f.repeated, "ab");
        assert_null(form_get(&f, "ab"));
        static const char *const bad[] = { "a=%",         "a=%4", "a=%zz",          "a=%00",    "a=%ff", "a=%c0%80",
                                           "a=%ed%a0%80", "=1",   "a=%f4%90%80%80", "a=%e2%82", "%=1" };
        for (size_t i = 0; i < COUNT(bad); i++)
                if (form_parse(mem, bytes_str(bad[i]), &f, NULL) != E_SYNTAX)
                        fail_msg("%s", bad[i]);
        CHECK_E(E_SYNTAX, form_parse(mem, bytes_of("a=\0b", 4), &f, NULL));
        struct buf many = buf_on(mem);
        for (int i = 0; i <= FORM_PAIRS_MAX; i++)
                buf_printf(&many, "p%d=1&", i);
        CHECK_E(E_LONG, form_parse(mem, buf_bytes(&many), &f, NULL));
        talloc_free(mem);
}

/* R-ID-47, R-ID-48, R-ID-62, R-ID-63: RFC 7636 appendix B and the example. */
static void test_pkce(void **state)
{
        static const char *const pair[][2] = {
                { "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" },
                { "1RsuN73FM0UyoaRLykTjLWklK-zVwdsSAtvQ8HM158A", "8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ" },
        };
        for (size_t i = 0; i < COUNT(pair); i++) {
                char got[PKCE_CHALLENGE_LEN + 1], wrong[64];
                CHECK_OK(pkce_s256(pair[i][0], got));
                assert_string_equal(got, pair[i][1]);
                CHECK_OK(pkce_check(pair[i][0], pair[i][1], NULL));
                strcpy(wrong, pair[i][0]);
                wrong[42] ^= 1;
                CHECK_E(E_PKCE_MISMATCH, pkce_check(wrong, pair[i][1], NULL));
        }
        CHECK_E(E_PKCE_MISMATCH, pkce_check("short", pair[0][1], NULL));
        CHECK_E(E_PKCE_MISMATCH, pkce_check(NULL, pair[0][1], NULL));
        CHECK_E(E_PKCE_MISMATCH, pkce_check(pair[0][0], NULL, NULL));
        CHECK_E(E_PKCE_MISMATCH, pkce_check(pair[0][0], "", NULL));
        assert_false(pkce_challenge_valid("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="));
        assert_false(pkce_challenge_valid("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM"));
        char *v = pkce_new_verifier(&rng_system, *state);
        assert_true(pkce_verifier_valid(v));
        talloc_free(v);
}

/* R-ID-41 */
static void test_redirect(void **state)
{
        (void)state;
        static const struct {
                const char *registered, *requested;
                bool want;
        } row[] = {
                { "com.example.mcxhandset:/oauth2redirect", "com.example.mcxhandset:/oauth2redirect", true },
                { "com.example.mcxhandset:/oauth2redirect", "com.example.mcxhandset:/oauth2redirect/", false },
                { "com.example.mcxhandset:/oauth2redirect", "COM.example.mcxhandset:/oauth2redirect", false },
                { "https://a.example/cb", "https://a.example/cb?x=1", false },
                { "https://a.example/cb", "https://a.example:443/cb", false },
                { "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true },
                { "http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true },
                { "http://[::1]/cb", "http://[::1]:5/cb", true },
                { "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb/", false },
                { "http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false },
                { "http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false },
                { "http://127.0.0.1/cb", "http://127.0.0.1:/cb", false },
                { "http://127.0.0.1/cb", "http://[::1]/cb", false },
                { "http://localhost/cb", "http://localhost:99/cb", false },
                { "https://127.0.0.1/cb", "https://127.0.0.1:99/cb", false },
                { NULL, "x", false },
        };
        for (size_t i = 0; i < COUNT(row); i++)
                if (redirect_uri_match(row[i].registered, row[i].requested) != row[i].want)
                        fail_msg("%s against %s", row[i].registered, row[i].requested);
        assert_true(redirect_uri_registrable("com.example.app:/cb"));
        assert_true(redirect_uri_registrable("https://a.example/cb"));
        assert_true(redirect_uri_registrable("http://127.0.0.1/cb"));
        static const char *const bad[] = { "",
                                           "x",
                                           "/cb",
                                           "app:/cb",
                                           "http://a.example/cb",
                                           "http://localhost/cb",
                                           "https:///cb",
                                           "https://a.example/#f",
                                           "javascript:alert.x(1)",
                                           "https://a.example/ cb",
                                           "http://127.0.0.1.evil.example/" };
        for (size_t i = 0; i < COUNT(bad); i++)
                if (redirect_uri_registrable(bad[i]))
                        fail_msg("%s", bad[i]);
}

static struct auth_req parsed(void *mem, const char *query)
{
        struct form f;
        struct auth_req r;
        CHECK_OK(form_parse(mem, bytes_str(query), &f, NULL));
        auth_req_parse(&f, &r);
        return r;
}

/* R-ID-143: the example request, both ways. */
static void test_auth_vector(void **state)
{
        void *mem = talloc_new(*state);
        const char *url = vec(state, "authentication_request");
        struct auth_req r = parsed(mem, strchr(url, '?') + 1);
        CHECK_OK(auth_req_check(&r, 0, NULL));
        assert_string_equal(r.redirect_uri, "com.example.mcxhandset:/oauth2redirect");
        assert_true(scope_has(r.scope, "3gpp:mc:ptt_key_management_service"));
        assert_string_equal(auth_req_url(mem, "/as/authorize", &r), url);
        struct auth_res res = { .code = vec(state, "code"),
                                .state = vec(state, "state"),
                                .iss = vec(state, "issuer_a") };
        char *answer = auth_res_url(mem, r.redirect_uri, &res);
        assert_string_equal(answer, vec(state, "authentication_response"));
        struct auth_res back;
        CHECK_OK(auth_res_parse(mem, strchr(answer, '?') + 1, &back, NULL));
        assert_string_equal(back.code, res.code);
        assert_string_equal(back.iss, res.iss);
        CHECK_E(E_SYNTAX, auth_res_parse(mem, "code=a&error=b&state=c", &back, NULL));
        CHECK_E(E_DUPLICATE, auth_res_parse(mem, "code=a&code=b&state=c", &back, NULL));
        res.error = "invalid_scope";
        res.error_description = "x y";
        assert_string_equal(auth_res_url(mem, "https://a.example/cb?q=1", &res),
                            "https://a.example/cb?q=1&error=invalid_scope&error_description=x%20y&"
                            "state=S6aXNcpTdl7WpwnttWxuog&iss=https%3A%2F%2Fidms.mcx-a.example");
        talloc_free(mem);
}

#define GOOD                                                                                                           \
        "response_type=code&client_id=c&scope=openid&redirect_uri=a.b:/c&state=s&acr_values=3gpp:acr:password&"        \
        "code_challenge=8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ&code_challenge_method=S256"

static char *without(void *mem, const char *name)
{
        struct buf b = buf_on(mem);
        char *copy = talloc_strdup(mem, GOOD), *save = NULL;
        for (char *p = strtok_r(copy, "&", &save); p != NULL; p = strtok_r(NULL, "&", &save))
                if (strncmp(p, name, strlen(name)) != 0 || p[strlen(name)] != '=')
                        buf_printf(&b, "%s&", p);
        return buf_str(&b);
}

/* R-ID-42 to R-ID-49: R-ID-42, R-ID-43, R-ID-44, R-ID-45, R-ID-46, R-ID-47, R-ID-48, R-ID-49. */
static void test_auth_refusals(void **state)
{
        void *mem = talloc_new(*state);
        struct {
                enum ecode want;
                const char *query, *req;
        } row[] = {
                { E_OK, GOOD, "" },
                { E_OK, GOOD "&unknown=1", "" },
                { E_DUPLICATE, GOOD "&state=t", "R-ID-49" },
                { E_DUPLICATE, GOOD "&x=1&x=1", "R-ID-49" },
                { E_MISSING, without(mem, "response_type"), "R-ID-42" },
                { E_RESPONSE_TYPE, talloc_asprintf(mem, "%sresponse_type=token", without(mem, "response_type")),
                  "R-ID-42" },
                { E_RESPONSE_TYPE, talloc_asprintf(mem, "%sresponse_type=code%%20token", without(mem, "response_type")),
                  "R-ID-42" },
                { E_MISSING, without(mem, "state"), "R-ID-43" },
                { E_MISSING, talloc_asprintf(mem, "%sstate=", without(mem, "state")), "R-ID-43" },
                { E_MISSING, without(mem, "scope"), "R-ID-44" },
                { E_SCOPE, talloc_asprintf(mem, "%sscope=3gpp:mc:ptt_service", without(mem, "scope")), "R-ID-44" },
                { E_SCOPE, talloc_asprintf(mem, "%sscope=openidx", without(mem, "scope")), "R-ID-44" },
                { E_SCOPE, talloc_asprintf(mem, "%sscope=openid++x", without(mem, "scope")), "R-ID-50" },
                { E_MISSING, without(mem, "acr_values"), "R-ID-45" },
                { E_MISSING, without(mem, "code_challenge"), "R-ID-47" },
                { E_UNSUPPORTED, without(mem, "code_challenge_method"), "R-ID-47" },
                { E_UNSUPPORTED,
                  talloc_asprintf(mem, "%scode_challenge_method=plain", without(mem, "code_challenge_method")),
                  "R-ID-47" },
                { E_SYNTAX, talloc_asprintf(mem, "%scode_challenge=abc", without(mem, "code_challenge")), "R-ID-48" },
                { E_UNSUPPORTED, GOOD "&request=eyJ", "R-ID-49" },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct err er = { 0 };
                struct auth_req r = parsed(mem, row[i].query);
                enum ecode e = auth_req_check(&r, 0, &er);
                if (e != row[i].want || strcmp(er.req, row[i].req) != 0)
                        fail_msg("%s: %s %s", row[i].query, ecode_name(e), er.req);
        }
        struct auth_req r = parsed(mem, without(mem, "acr_values"));
        CHECK_OK(auth_req_check(&r, AUTH_LENIENT_ACR, NULL));
        r.scope = "3gpp:mc:ptt_service";
        CHECK_E(E_SCOPE, auth_req_check(&r, AUTH_LENIENT_ACR, NULL));
        CHECK_OK(auth_req_check(&r, AUTH_LENIENT_ACR | AUTH_LENIENT_OPENID, NULL));
        talloc_free(mem);
}

#define FORM "application/x-www-form-urlencoded"

static enum ecode token_parse(void *mem, const char *body, const char *type, const char *auth, struct token_req *r)
{
        return token_req_parse(mem, bytes_str(body), type, auth, r, NULL);
}

/* R-ID-60, R-ID-61, R-ID-110, R-ID-115, R-ID-142, R-ID-143 */
static void test_token_request(void **state)
{
        void *mem = talloc_new(*state);
        static const char *const name[] = { "token_request", "refresh_request", "exchange_request", "bearer_request" };
        struct token_req r;
        for (size_t i = 0; i < COUNT(name); i++) {
                CHECK_OK(token_parse(mem, vec(state, name[i]), FORM "; charset=UTF-8", NULL, &r));
                assert_int_equal(r.grant, i);
                assert_string_equal(r.client_id, "mcx-handset-01");
                struct token_req again;
                CHECK_OK(token_parse(mem, token_req_print(mem, &r), FORM, NULL, &again));
                assert_int_equal(again.grant, i);
        }
        CHECK_OK(token_parse(mem, vec(state, "token_request"), FORM, NULL, &r));
        assert_string_equal(r.code, vec(state, "code"));
        assert_string_equal(token_req_print(mem, &r), vec(state, "token_request"));
        static const struct {
                enum ecode want;
                const char *body, *type, *auth;
        } row[] = {
                { E_MEDIA_TYPE, "grant_type=refresh_token", "application/json", NULL },
                { E_MEDIA_TYPE, "grant_type=refresh_token", NULL, NULL },
                { E_MEDIA_TYPE, "grant_type=refresh_token", FORM "x", NULL },
                { E_MISSING, "code=a", FORM, NULL },
                { E_GRANT_TYPE, "grant_type=password&username=a&password=b", FORM, NULL },
                { E_GRANT_TYPE, "grant_type=client_credentials", FORM, NULL },
                { E_MISSING, "grant_type=authorization_code&code=a&client_id=b&redirect_uri=c", FORM, NULL },
                { E_MISSING, "grant_type=authorization_code&code=a&client_id=b&code_verifier=c", FORM, NULL },
                { E_MISSING, "grant_type=authorization_code&code=a&redirect_uri=b&code_verifier=c", FORM, NULL },
                { E_MISSING, "grant_type=authorization_code&client_id=a&redirect_uri=b&code_verifier=c", FORM, NULL },
                { E_DUPLICATE, "grant_type=refresh_token&client_id=b&refresh_token=r&client_id=b", FORM, NULL },
                { E_SCOPE, "grant_type=refresh_token&client_id=b&refresh_token=r&scope=a++b", FORM, NULL },
                { E_CLIENT_AUTH, "grant_type=refresh_token&client_id=b&refresh_token=r", FORM, "Basic !" },
                { E_CLIENT_AUTH, "grant_type=refresh_token&client_id=b&refresh_token=r", FORM, "Basic YTpi" },
                { E_OK, "grant_type=refresh_token&refresh_token=r", FORM, "Basic YTpi" },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                enum ecode e = token_parse(mem, row[i].body, row[i].type, row[i].auth, &r);
                if (e != row[i].want)
                        fail_msg("%s: %s", row[i].body, ecode_name(e));
        }
        assert_string_equal(r.client_id, "a");
        assert_string_equal(r.basic_secret, "b");
        talloc_free(mem);
}

/* R-ID-67, R-ID-114, R-ID-143 */
static void test_answers(void **state)
{
        void *mem = talloc_new(*state);
        static const char *const name[] = { "token_response", "refresh_response", "exchange_response",
                                            "partner_response" };
        struct token_res r;
        for (size_t i = 0; i < COUNT(name); i++) {
                CHECK_OK(token_res_parse(mem, bytes_str(vec(state, name[i])), &r, NULL));
                assert_string_equal(token_res_print(mem, &r), vec(state, name[i]));
        }
        CHECK_E(E_SYNTAX, token_res_parse(mem, BYTES_LIT("[]"), &r, NULL));
        CHECK_E(E_MISSING, token_res_parse(mem, BYTES_LIT("{\"token_type\":\"Bearer\"}"), &r, NULL));
        CHECK_E(E_SYNTAX,
                token_res_parse(mem, BYTES_LIT("{\"access_token\":\"a\",\"token_type\":\"b\",\"expires_in\":\"9\"}"),
                                &r, NULL));
        struct err er;
        err_set(&er, E_CODE_SPENT, "R-ID-64", "authorization code already used");
        assert_string_equal(oauth_error_print(mem, &er),
                            "{\"error\":\"invalid_grant\",\"error_description\":\"authorization code already used\"}");
        assert_int_equal(oauth_error_status(&er), 400);
        err_set(&er, E_STORE_DOWN, NULL, "disk");
        assert_int_equal(oauth_error_status(&er), 503);
        err_set(&er, E_CLIENT_UNKNOWN, NULL, "a \"b\"\n");
        assert_int_equal(oauth_error_status(&er), 401);
        struct oauth_error oe;
        CHECK_OK(oauth_error_parse(mem, bytes_str(oauth_error_print(mem, &er)), &oe));
        assert_string_equal(oe.error, "invalid_client");
        assert_string_equal(oe.description, "a 'b''");
        CHECK_E(E_SYNTAX, oauth_error_parse(mem, BYTES_LIT("{}"), &oe));
        talloc_free(mem);
}

/* R-ID-80 */
static void test_bearer(void **state)
{
        void *mem = talloc_new(*state);
        struct bytes t;
        CHECK_OK(bearer_parse("Bearer abc.def", &t, NULL));
        CHECK_BYTES("token", t, BYTES_LIT("abc.def"));
        CHECK_OK(bearer_parse("bearer  abc", &t, NULL));
        CHECK_E(E_TOKEN_MISSING, bearer_parse(NULL, &t, NULL));
        CHECK_E(E_TOKEN_MISSING, bearer_parse("Basic YTpi", &t, NULL));
        CHECK_E(E_TOKEN_MISSING, bearer_parse("Bearerabc", &t, NULL));
        CHECK_E(E_SYNTAX, bearer_parse("Bearer", &t, NULL));
        CHECK_E(E_SYNTAX, bearer_parse("Bearer ", &t, NULL));
        CHECK_E(E_SYNTAX, bearer_parse("Bearer a b", &t, NULL));
        CHECK_E(E_SYNTAX, bearer_parse("Bearer a,Bearer b", &t, NULL));
        const char *id, *secret;
        CHECK_OK(basic_parse(mem, basic_print(mem, "a:b c", "p%q"), &id, &secret));
        assert_string_equal(id, "a:b c");
        assert_string_equal(secret, "p%q");
        CHECK_E(E_SYNTAX, basic_parse(mem, "Basic YQ==", &id, &secret));
        talloc_free(mem);
}

/* R-ID-51: thirteen names and four aliases. */
static void test_scopes(void **state)
{
        (void)state;
        size_t current = 0, alias = 0;
        for (size_t i = 0; i < MC_SCOPES_N; i++) {
                const struct mc_scope *s = &mc_scopes[i];
                assert_ptr_equal(mc_scope_find(bytes_str(s->name)), s);
                current += s->alias_of == NULL;
                alias += s->alias_of != NULL;
                if (s->alias_of == NULL)
                        assert_string_equal(mc_scope_name(s->service, s->resource), s->name);
                else
                        assert_non_null(mc_scope_find(bytes_str(s->alias_of)));
                assert_true(mc_scope_granted(s->name, s->service, s->resource));
        }
        assert_int_equal(current, 13);
        assert_int_equal(alias, 4);
        assert_null(mc_scope_find(BYTES_LIT("openid")));
        assert_null(mc_scope_find(BYTES_LIT("3GPP:mc:ptt_service")));
        assert_false(mc_scope_granted("openid 3gpp:mc:ptt_service", MC_PTT, MC_RES_KMS));
        size_t at = 0, n = 0;
        struct bytes s;
        while (scope_next("openid 3gpp:mc:ptt_service x", &at, &s))
                n++;
        assert_int_equal(n, 3);
        assert_true(scope_valid("a b"));
        static const char *const bad[] = { "", " a", "a ", "a  b", "a\"", "a\\", "a\tb", "\xc3\xa9" };
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_false(scope_valid(bad[i]));
}

/* R-ID-21, R-ID-130, R-ID-143 */
static void test_discovery(void **state)
{
        void *mem = talloc_new(*state);
        struct oauth_metadata m;
        struct bytes doc = bytes_str(vec(state, "discovery"));
        CHECK_OK(oauth_metadata_parse(mem, doc, "https://idms.mcx-a.example", &m, NULL));
        assert_string_equal(oauth_metadata_print(mem, &m), vec(state, "discovery"));
        CHECK_E(E_TOKEN_ISSUER, oauth_metadata_parse(mem, doc, "https://idms.mcx-a.example/", &m, NULL));
        CHECK_E(E_SYNTAX, oauth_metadata_parse(mem, BYTES_LIT("[]"), "x", &m, NULL));
        CHECK_E(E_MISSING, oauth_metadata_parse(mem, BYTES_LIT("{\"issuer\":\"x\"}"), "x", &m, NULL));
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_form),          cmocka_unit_test(test_pkce),
                cmocka_unit_test(test_redirect),      cmocka_unit_test(test_auth_vector),
                cmocka_unit_test(test_auth_refusals), cmocka_unit_test(test_token_request),
                cmocka_unit_test(test_answers),       cmocka_unit_test(test_bearer),
                cmocka_unit_test(test_scopes),        cmocka_unit_test(test_discovery),
        };
        return cmocka_run_group_tests_name("oauth", tests, setup, teardown);
}
