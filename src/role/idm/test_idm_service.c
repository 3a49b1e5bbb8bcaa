/* The IdM server's decisions: TS 33.180 annex B, RFC 6749, RFC 7636, RFC 7009, RFC 7662, RFC 9700. */
#include "role/idm/test_idm.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* R-ID-20, R-ID-21, R-ID-22, R-ID-24, R-ID-25, R-ID-26, R-ID-27, R-ID-28, R-ID-32, R-ID-33, R-ID-46, R-ID-52, R-ID-63,
 * R-ID-67 */
static void test_sign_on(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        struct auth_res back = fx_redirected(f, &a);
        assert_string_equal(back.state, rq.state);
        assert_string_equal(back.iss, f->conf.issuer);
        assert_true(strncmp(a.redirect, REDIRECT "?code=", strlen(REDIRECT) + 6) == 0);
        fx_at(f, T0 + 12);
        struct token_res t = fx_tokens(f, fx_redeem(back.code));
        assert_string_equal(t.token_type, "Bearer");
        assert_int_equal(t.expires_in, 900);
        assert_string_equal(t.scope, SCOPES);
        assert_true(strlen(t.refresh_token) >= 43);

        struct token_claims at = fx_claims(f, t.access_token), id = fx_claims(f, t.id_token);
        assert_string_equal(at.typ, "at+jwt");
        assert_string_equal(at.iss, "https://idms.mcx-a.example");
        assert_int_equal(at.aud_n, 1);
        assert_string_equal(at.aud[0], "mcx-a");
        assert_string_equal(at.client_id, "mcx-handset-01");
        assert_string_equal(at.scope, SCOPES);
        assert_string_equal(at.mcptt_id, "sip:alice.ptt@mcx-a.example");
        assert_string_equal(at.mcdata_id, "sip:alice.data@mcx-a.example");
        assert_null(at.mcvideo_id);
        assert_int_equal(at.iat, T0 + 12);
        assert_int_equal(at.exp, T0 + 912);
        assert_non_null(at.jti);

        assert_string_equal(id.typ, "JWT");
        assert_string_equal(id.sub, at.sub);
        assert_string_equal(id.aud[0], "mcx-handset-01");
        assert_string_equal(id.nonce, rq.nonce);
        assert_string_equal(id.acr, "3gpp:acr:password");
        assert_string_equal(id.amr[0], "pwd");
        assert_int_equal(id.auth_time, T0);
        assert_string_equal(id.at_hash, jwt_at_hash(f->mem, t.access_token));
        assert_string_equal(id.mcptt_id, at.mcptt_id);
        assert_string_equal(id.mcdata_id, at.mcdata_id);
        fx_free(f);
}

/* The request */

static struct auth_req parse_query(struct fx *f, const char *query)
{
        struct form form;
        struct auth_req rq;
        CHECK_OK(form_parse(f->mem, bytes_str(query), &form, NULL));
        auth_req_parse(&form, &rq);
        return rq;
}

#define Q_CLIENT   "client_id=mcx-handset-01"
#define Q_REDIRECT "&redirect_uri=com.example.mcxhandset%3A%2Foauth2redirect"
#define Q_TYPE     "&response_type=code"
#define Q_SCOPE    "&scope=openid%203gpp%3Amc%3Aptt_service"
#define Q_STATE    "&state=abc123"
#define Q_ACR      "&acr_values=3gpp%3Aacr%3Apassword"
#define Q_PKCE     "&code_challenge=8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ&code_challenge_method=S256"

/* R-ID-40, R-ID-41: before the redirect URI is proven, nobody is sent there. */
static void test_no_redirect(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        static const struct {
                const char *query;
                enum ecode want;
                const char *req;
        } row[] = {
                { Q_REDIRECT Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE, E_CLIENT_UNKNOWN, "R-ID-40" },
                { "client_id=nobody" Q_REDIRECT Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE, E_CLIENT_UNKNOWN, "R-ID-40" },
                { Q_CLIENT "&" Q_CLIENT Q_REDIRECT Q_TYPE, E_CLIENT_UNKNOWN, "R-ID-40" },
                { Q_CLIENT Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE, E_REDIRECT_URI, "R-ID-41" },
                { Q_CLIENT Q_REDIRECT Q_REDIRECT Q_TYPE, E_REDIRECT_URI, "R-ID-41" },
                { Q_CLIENT Q_REDIRECT "%2F" Q_TYPE, E_REDIRECT_URI, "R-ID-41" },
                { Q_CLIENT "&redirect_uri=COM.example.mcxhandset%3A%2Foauth2redirect" Q_TYPE, E_REDIRECT_URI,
                  "R-ID-41" },
                { Q_CLIENT "&redirect_uri=https%3A%2F%2Fevil.example%2F" Q_TYPE, E_REDIRECT_URI, "R-ID-41" },
                { Q_CLIENT "&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback" Q_TYPE, E_REDIRECT_URI, "R-ID-41" },
                { Q_CLIENT "&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback2" Q_TYPE, E_REDIRECT_URI,
                  "R-ID-41" },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct auth_req rq = parse_query(f, row[i].query);
                struct idm_answer a;
                struct err er = { 0 };
                CHECK_E(row[i].want, idm_authorize(f->idm, f->mem, &rq, &a, &er));
                assert_string_equal(er.req, row[i].req);
        }
        struct auth_req rq = parse_query(
                f,
                Q_CLIENT "&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback" Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE);
        struct idm_answer a;
        CHECK_OK(idm_authorize(f->idm, f->mem, &rq, &a, NULL)); /* the port of a loopback literal is free */
        assert_int_equal(a.step, IDM_ASK_PASSWORD);
        fx_free(f);
}

/* R-ID-42, R-ID-43, R-ID-44, R-ID-45, R-ID-47, R-ID-48, R-ID-49, R-ID-50, R-ID-53, R-ID-142 */
static void test_redirected_errors(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        static const struct {
                const char *query, *error;
        } row[] = {
                { "&response_type=token" Q_SCOPE Q_STATE Q_ACR Q_PKCE, "unsupported_response_type" },
                { "&response_type=code%20id_token" Q_SCOPE Q_STATE Q_ACR Q_PKCE, "unsupported_response_type" },
                { Q_SCOPE Q_STATE Q_ACR Q_PKCE, "invalid_request" },
                { Q_TYPE Q_SCOPE Q_ACR Q_PKCE, "invalid_request" },
                { Q_TYPE Q_STATE Q_ACR Q_PKCE, "invalid_request|invalid_scope" },
                { Q_TYPE "&scope=3gpp%3Amc%3Aptt_service" Q_STATE Q_ACR Q_PKCE, "invalid_scope" },
                { Q_TYPE "&scope=openid%203gpp%3Amcptt%3Aptt_server" Q_STATE Q_ACR Q_PKCE, "invalid_scope" },
                { Q_TYPE Q_SCOPE Q_STATE Q_PKCE, "invalid_request" },
                { Q_TYPE Q_SCOPE Q_STATE Q_ACR, "invalid_request" },
                { Q_TYPE Q_SCOPE Q_STATE Q_ACR "&code_challenge=8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ",
                  "invalid_request" },
                { Q_TYPE Q_SCOPE Q_STATE Q_ACR "&code_challenge=8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ"
                                               "&code_challenge_method=plain",
                  "invalid_request" },
                { Q_TYPE Q_SCOPE Q_STATE Q_ACR "&code_challenge=8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpou"
                                               "&code_challenge_method=S256",
                  "invalid_request" },
                { Q_TYPE Q_SCOPE Q_SCOPE Q_STATE Q_ACR Q_PKCE, "invalid_request" },
                { Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE "&prompt=none", "login_required" },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                char *q = talloc_asprintf(f->mem, "%s%s", Q_CLIENT Q_REDIRECT, row[i].query);
                struct auth_req rq = parse_query(f, q);
                struct idm_answer a;
                CHECK_OK(idm_authorize(f->idm, f->mem, &rq, &a, NULL));
                struct auth_res rs = fx_redirected(f, &a);
                assert_null(rs.code);
                if (strstr(row[i].error, rs.error) == NULL)
                        fail_msg("row %zu: want %s, got %s", i, row[i].error, rs.error);
                assert_string_equal(rs.iss, f->conf.issuer);
                if (rq.state != NULL)
                        assert_string_equal(rs.state, rq.state);
        }
        struct auth_req rq = parse_query(f, Q_CLIENT Q_REDIRECT Q_TYPE Q_SCOPE Q_STATE Q_ACR Q_PKCE "&foo=bar");
        struct idm_answer a;
        CHECK_OK(idm_authorize(f->idm, f->mem, &rq, &a, NULL));
        assert_int_equal(a.step, IDM_ASK_PASSWORD); /* unknown parameters are ignored */
        fx_free(f);
}

/* R-ID-44, R-ID-45, R-ID-51 */
static void test_lenient_client(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:b, s:b, s:b}", "client_id", "mcx-handset-01", "lenient_openid", 1,
                                       "lenient_acr", 1, "rel13_scopes", 1),
                             E_OK));
        struct auth_req rq = fx_request("3gpp:mcptt:ptt_server 3gpp:mcptt:key_management_server 3gpp:x:unknown");
        rq.acr_values = NULL;
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        struct token_res t = fx_tokens(f, fx_redeem(fx_redirected(f, &a).code));
        assert_string_equal(t.scope, "3gpp:mc:ptt_service 3gpp:mcptt:ptt_server 3gpp:mc:ptt_key_management_service"
                                     " 3gpp:mcptt:key_management_server");
        assert_null(t.id_token);
        fx_free(f);
}

/* R-ID-24, R-ID-27, R-ID-50, R-ID-51 */
static void test_scopes_follow_the_user(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *all = NULL;
        json_t *c = fx_admin(f, "client-list", json_object(), E_OK), *list, *s;
        list = json_object_get(json_array_get(json_object_get(c, "clients"), 0), "scopes");
        assert_int_equal(json_array_size(list), 14);
        size_t i;
        json_array_foreach(list, i, s) all =
                talloc_asprintf(f->mem, "%s%s%s", all ? all : "", all ? " " : "", json_string_value(s));
        json_decref(c);
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, all)));
        assert_true(scope_has(t.scope, "3gpp:mc:data_group_management_service"));
        assert_true(scope_has(t.scope, "3gpp:mc:location_management_service"));
        assert_null(strstr(t.scope, "video"));
        struct token_claims id = fx_claims(f, t.id_token);
        assert_non_null(id.mcdata_id);
        assert_null(id.mcvideo_id);
        t = fx_tokens(f, fx_redeem(fx_code(f, "openid 3gpp:mc:location_management_service")));
        assert_non_null(fx_claims(f, t.access_token).mcptt_id);
        t = fx_tokens(f, fx_redeem(fx_code(f, "openid")));
        assert_null(fx_claims(f, t.access_token).mcptt_id);

        struct auth_req rq = fx_request("openid 3gpp:mc:video_service");
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        assert_string_equal(fx_redirected(f, &a).error, "invalid_scope");
        /* what a role of the operator needs is granted by name */
        json_decref(fx_admin(
                f, "client-put",
                json_pack("{s:s, s:[s, s]}", "client_id", "mcx-handset-01", "scopes", "openid", "muster:operate"),
                E_OK));
        t = fx_tokens(f, fx_redeem(fx_code(f, "openid muster:operate")));
        assert_string_equal(t.scope, "openid");
        json_decref(fx_admin(f, "user-put", json_pack("{s:s, s:s}", "mc_id", ALICE, "extra_scopes", "muster:operate"),
                             E_OK));
        t = fx_tokens(f, fx_redeem(fx_code(f, "openid muster:operate")));
        assert_string_equal(t.scope, "openid muster:operate");
        fx_free(f);
}

/* Login */

static enum ecode try_login(struct fx *f, const char *handle, const char *user, const char *password, const char *mark,
                            struct idm_answer *a)
{
        struct idm_login in = {
                .handle = handle, .cookie = handle, .username = user, .password = password, .mark = mark
        };
        return idm_login(f->idm, f->mem, &in, a, NULL);
}

static const char *begin(struct fx *f)
{
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a;
        CHECK_OK(idm_authorize(f->idm, f->mem, &rq, &a, NULL));
        return a.handle;
}

/* R-ID-15 */
static void test_unknown_user_and_wrong_password_look_alike(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *h = begin(f);
        struct idm_answer wrong, unknown;
        CHECK_OK(try_login(f, h, ALICE, "wrong", NULL, &wrong));
        CHECK_OK(try_login(f, h, "nobody@mcx-a.example", "wrong", NULL, &unknown));
        assert_int_equal(wrong.step, IDM_ASK_PASSWORD);
        assert_int_equal(unknown.step, IDM_ASK_PASSWORD);
        CHECK_E(E_LOGIN_FAILED, wrong.why.code);
        CHECK_E(E_LOGIN_FAILED, unknown.why.code);
        assert_string_equal(wrong.why.text, unknown.why.text);
        assert_string_equal(wrong.why.req, unknown.why.req);
        assert_null(unknown.sub);
        assert_null(wrong.sub);
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, NULL, &wrong)); /* the page may be sent again */
        assert_int_equal(wrong.step, IDM_REDIRECT);
        fx_free(f);
}

static double seconds_of(struct fx *f, const char *h, const char *user)
{
        double best = 1e9;
        for (int i = 0; i < 5; i++) {
                struct timespec a, b;
                struct idm_answer ans;
                f->clock.s += 1000;
                clock_gettime(CLOCK_MONOTONIC, &a);
                CHECK_OK(try_login(f, h, user, "wrong", NULL, &ans));
                clock_gettime(CLOCK_MONOTONIC, &b);
                double s = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
                best = s < best ? s : best;
        }
        return best;
}

/* R-ID-15 (time), R-ID-16 (slow) */
static void test_unknown_user_takes_as_long(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        f->conf.txn_ttl_s = 100000;
        f->idm->cost = (struct password_cost){ 2, (size_t)16 << 20 };
        json_decref(fx_admin(f, "user-passwd", json_pack("{s:s, s:s}", "mc_id", ALICE, "password", PASSWORD), E_OK));
        const char *h = begin(f);
        double wrong = seconds_of(f, h, ALICE), unknown = seconds_of(f, h, "nobody@mcx-a.example");
        print_message("wrong password %.1f ms, unknown user %.1f ms\n", wrong * 1e3, unknown * 1e3);
        assert_true(wrong < 2 * unknown && unknown < 2 * wrong);
        fx_free(f);
}

/* R-ID-16, and pitfall: a stranger who guesses cannot shut the user out. */
static void test_failures_delay_and_never_lock(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *h = begin(f);
        struct idm_answer a;
        for (int i = 0; i < 3; i++)
                CHECK_OK(try_login(f, h, ALICE, "wrong", NULL, &a));
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, NULL, &a));
        CHECK_E(E_LIMIT, a.why.code); /* too early: not even looked at */
        assert_int_equal(a.wait_s, 1);
        CHECK_OK(try_login(f, h, "bob@mcx-a.example", "wrong", NULL, &a));
        CHECK_E(E_LOGIN_FAILED, a.why.code); /* other accounts do not wait */
        for (int i = 0; i < 12; i++) {
                f->clock.s += 16;
                CHECK_OK(try_login(f, h, ALICE, "wrong", NULL, &a));
                CHECK_E(E_LOGIN_FAILED, a.why.code);
        }
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, NULL, &a));
        assert_int_equal(a.wait_s, 16); /* never more */
        /* the browser in which this account signed on before has a counter of its own */
        char *mark = NULL;
        {
                struct fx *g = fx_new();
                struct idm_answer b;
                CHECK_OK(try_login(g, begin(g), ALICE, PASSWORD, NULL, &b));
                mark = talloc_strdup(f->mem, b.mark);
                fx_free(g);
        }
        CHECK_OK(try_login(f, h, "bob@mcx-a.example", "x", mark, &a));
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, "not-the-mark", &a));
        CHECK_E(E_LIMIT, a.why.code);
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, mark, &a));
        assert_int_equal(a.step, IDM_REDIRECT);
        fx_free(f);
}

/* R-ID-16 */
static void test_hashes_follow_the_cost(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct idm_user before, after;
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        CHECK_OK(f->st->user_by_mc_id(f->st, f->mem, ALICE, &before, NULL));
        f->idm->cost.opslimit = 2;
        assert_true(password_stale(before.password_hash, f->idm->cost));
        fx_code(f, SCOPES);
        CHECK_OK(f->st->user_by_mc_id(f->st, f->mem, ALICE, &after, NULL));
        assert_false(password_stale(after.password_hash, f->idm->cost));
        fx_code(f, SCOPES);
        fx_tokens(f, fx_refresh(t.refresh_token, NULL)); /* nothing ends by it */
        fx_free(f);
}

/* R-ID-6, R-ID-7: what strangers do to their accounts does not slow anybody else, wherever they sit. */
static void test_accounts_do_not_block_each_other(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *h = begin(f);
        struct idm_answer a;
        for (int i = 0; i < 200; i++) {
                char user[32];
                snprintf(user, sizeof user, "u%d@mcx-a.example", i % 20);
                CHECK_OK(try_login(f, h, user, "wrong", NULL, &a));
        }
        CHECK_E(E_LIMIT, a.why.code);
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, NULL, &a));
        assert_int_equal(a.step, IDM_REDIRECT);
        fx_free(f);
}

/* R-ID-5, R-ID-14; pitfall 7: the page is bound to the browser that got it. */
static void test_transaction_is_bound(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *h = begin(f), *other = begin(f);
        struct idm_answer a;
        struct err er = { 0 };
        struct idm_login in = { .handle = h, .cookie = other, .username = ALICE, .password = PASSWORD };
        CHECK_E(E_FORBIDDEN, idm_login(f->idm, f->mem, &in, &a, &er));
        in.cookie = NULL;
        CHECK_E(E_FORBIDDEN, idm_login(f->idm, f->mem, &in, &a, &er));
        in.handle = in.cookie = "made-up";
        CHECK_E(E_NOT_FOUND, idm_login(f->idm, f->mem, &in, &a, &er));
        CHECK_OK(try_login(f, h, ALICE, NULL, NULL, &a));
        CHECK_E(E_MISSING, a.why.code);
        CHECK_OK(try_login(f, h, ALICE, PASSWORD, NULL, &a));
        assert_int_equal(a.step, IDM_REDIRECT);
        CHECK_E(E_NOT_FOUND, try_login(f, h, ALICE, PASSWORD, NULL, &a)); /* once */
        fx_at(f, T0 + 600);
        CHECK_E(E_NOT_FOUND, try_login(f, other, ALICE, PASSWORD, NULL, &a)); /* and in time */
        fx_free(f);
}

/* R-ID-13 */
static void test_disabled_user(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *code = fx_code(f, SCOPES), *code2 = fx_code(f, SCOPES);
        struct token_res t = fx_tokens(f, fx_redeem(code2));
        json_decref(fx_admin(f, "user-disable", json_pack("{s:s}", "mc_id", ALICE), E_OK));
        fx_refused(f, fx_redeem(code), E_ACCOUNT_INVALID, "R-ID-13");
        fx_refused(f, fx_refresh(t.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73");
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        assert_string_equal(fx_redirected(f, &a).error, "access_denied");
        CHECK_E(E_USER_DISABLED, a.why.code);
        a = fx_login_as(f, &rq, ALICE, "wrong"); /* without the password nobody learns of it */
        CHECK_E(E_LOGIN_FAILED, a.why.code);
        json_decref(fx_admin(f, "user-enable", json_pack("{s:s}", "mc_id", ALICE), E_OK));
        fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        fx_free(f);
}

/* C.1 step 3c */
static void test_consent(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(
                fx_admin(f, "client-put", json_pack("{s:s, s:b}", "client_id", "mcx-handset-01", "consent", 1), E_OK));
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD), b;
        assert_int_equal(a.step, IDM_ASK_CONSENT);
        assert_string_equal(a.scope, SCOPES);
        const char *fresh = begin(f);
        CHECK_E(E_FORBIDDEN,
                idm_consent(f->idm, f->mem, fresh, fresh, true, &b, NULL)); /* no way around the password */
        CHECK_E(E_FORBIDDEN, idm_consent(f->idm, f->mem, a.handle, "x", true, &b, NULL));
        fx_at(f, T0 + 30);
        CHECK_OK(idm_consent(f->idm, f->mem, a.handle, a.handle, true, &b, NULL));
        struct token_res t = fx_tokens(f, fx_redeem(fx_redirected(f, &b).code));
        assert_int_equal(fx_claims(f, t.id_token).auth_time, T0); /* when the password was given */
        CHECK_E(E_NOT_FOUND, idm_consent(f->idm, f->mem, a.handle, a.handle, true, &b, NULL));
        a = fx_login_as(f, &rq, ALICE, PASSWORD);
        CHECK_OK(idm_consent(f->idm, f->mem, a.handle, a.handle, false, &b, NULL));
        assert_string_equal(fx_redirected(f, &b).error, "access_denied");
        fx_free(f);
}

/* Codes */

/* R-ID-60, R-ID-62, R-ID-64, R-ID-66 */
static void test_code_refusals(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:[s]}", "client_id", "other-client", "redirect_uris", REDIRECT), E_OK));
        fx_refused(f, fx_redeem("no-such-code"), E_CODE_UNKNOWN, "R-ID-64");

        struct token_req rq = fx_redeem(fx_code(f, SCOPES));
        rq.client_id = "other-client";
        fx_refused(f, rq, E_CODE_CLIENT, "R-ID-66");
        rq.client_id = "nobody";
        fx_refused(f, rq, E_CLIENT_UNKNOWN, "R-ID-40");
        fx_tokens(f, fx_redeem(rq.code)); /* a stranger's try does not cost the code */

        rq = fx_redeem(fx_code(f, SCOPES));
        rq.code_verifier = "1RsuN73FM0UyoaRLykTjLWklK-zVwdsSAtvQ8HM158B";
        fx_refused(f, rq, E_PKCE_MISMATCH, "R-ID-62");
        fx_refused(f, fx_redeem(rq.code), E_CODE_SPENT, "R-ID-65"); /* a wrong guess does */

        rq = fx_redeem(fx_code(f, SCOPES));
        rq.redirect_uri = "http://127.0.0.1/callback";
        fx_refused(f, rq, E_CODE_CLIENT, "R-ID-66");
        fx_refused(f, fx_redeem(rq.code), E_CODE_SPENT, "R-ID-65");

        rq = fx_redeem(fx_code(f, SCOPES));
        fx_at(f, T0 + 60);
        fx_refused(f, rq, E_CODE_EXPIRED, "R-ID-66");
        rq.grant = GRANT_EXCHANGE;
        fx_refused(f, rq, E_GRANT_TYPE, "R-ID-142");
        fx_free(f);
}

static bool active(struct fx *f, const char *token)
{
        struct idm_client c;
        const char *json = NULL;
        struct idm_caller who = { .basic_id = "rs", .basic_secret = "resource server secret" };
        if (f->st->client_get(f->st, f->mem, "rs", &c, NULL) == E_NOT_FOUND)
                json_decref(fx_admin(f, "client-put",
                                     json_pack("{s:s, s:s, s:s, s:b}", "client_id", "rs", "auth_method",
                                               "client_secret_basic", "secret", who.basic_secret, "introspects", 1),
                                     E_OK));
        CHECK_OK(idm_introspect(f->idm, f->mem, &who, token, &json, NULL));
        json_t *o = json_loads(json, 0, NULL);
        bool is = json_is_true(json_object_get(o, "active"));
        if (!is)
                assert_string_equal(json, "{\"active\":false}");
        json_decref(o);
        return is;
}

/* R-ID-65 */
static void test_code_replay_revokes(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *code = fx_code(f, SCOPES);
        struct token_res t = fx_tokens(f, fx_redeem(code));
        struct token_res t2 = fx_tokens(f, fx_refresh(t.refresh_token, NULL));
        assert_true(active(f, t.access_token) && active(f, t2.access_token));
        fx_refused(f, fx_redeem(code), E_CODE_SPENT, "R-ID-65");
        assert_false(active(f, t.access_token) || active(f, t2.access_token));
        fx_refused(f, fx_refresh(t2.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73");
        fx_free(f);
}

struct racer {
        struct fx *f;
        const char *code;
        enum ecode e;
};

static void *race(void *arg)
{
        struct racer *r = arg;
        void *mem = talloc_new(NULL);
        const char *json = NULL;
        struct idm_about about = { 0 };
        struct token_req rq = fx_redeem(r->code);
        r->e = idm_token(r->f->idm, mem, &rq, &json, &about, NULL);
        talloc_free(mem);
        return NULL;
}

/* R-ID-64, R-ID-65 */
static void test_concurrent_redemption(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        pthread_t t[8];
        struct racer r[8];
        const char *code = fx_code(f, SCOPES);
        unsigned won = 0;
        for (size_t i = 0; i < COUNT(t); i++) {
                r[i] = (struct racer){ f, code, E_OK };
                pthread_create(&t[i], NULL, race, &r[i]);
        }
        for (size_t i = 0; i < COUNT(t); i++) {
                pthread_join(t[i], NULL);
                won += r[i].e == E_OK;
                if (r[i].e != E_OK)
                        CHECK_E(E_CODE_SPENT, r[i].e);
        }
        assert_int_equal(won, 1);
        fx_free(f);
}

/* Refresh */

/* R-ID-70, R-ID-71, R-ID-73, R-ID-74; the example of a token for the KMS alone */
static void test_refresh(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(fx_admin(f, "client-put", json_pack("{s:s}", "client_id", "other-client"), E_OK));
        struct token_res t1 = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        fx_at(f, T0 + 60);
        fx_refused(f, fx_refresh("no-such-token", NULL), E_REFRESH_UNKNOWN, "R-ID-73");
        struct token_req rq = fx_refresh(t1.refresh_token, NULL);
        rq.client_id = "other-client";
        fx_refused(f, rq, E_REFRESH_UNKNOWN, "R-ID-74");
        fx_refused(f, fx_refresh(t1.refresh_token, "openid 3gpp:mc:video_service"), E_SCOPE, "R-ID-71");

        struct token_res t2 = fx_tokens(f, fx_refresh(t1.refresh_token, "3gpp:mc:ptt_key_management_service"));
        assert_string_not_equal(t2.refresh_token, t1.refresh_token);
        assert_null(t2.id_token);
        struct token_claims c = fx_claims(f, t2.access_token);
        assert_string_equal(c.scope, "3gpp:mc:ptt_key_management_service");
        assert_int_equal(c.aud_n, 1);
        assert_string_equal(c.aud[0], "https://kms.mcx-a.example");
        assert_non_null(c.mcptt_id);
        assert_null(c.mcdata_id);

        struct token_res t3 = fx_tokens(f, fx_refresh(t2.refresh_token, NULL)); /* the whole grant is still there */
        assert_string_equal(t3.scope, SCOPES);
        struct token_claims id = fx_claims(f, t3.id_token);
        assert_null(id.nonce);
        assert_int_equal(id.auth_time, T0);
        assert_int_equal(id.iat, T0 + 60);
        assert_string_equal(id.sub, fx_claims(f, t1.id_token).sub);
        fx_free(f);
}

/* R-ID-73, RFC 9700 clause 4.14.2 */
static void test_refresh_reuse(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct token_res t1 = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        struct token_res t2 = fx_tokens(f, fx_refresh(t1.refresh_token, NULL));
        fx_at(f, T0 + 10);
        struct token_res again = fx_tokens(f, fx_refresh(t1.refresh_token, NULL)); /* the answer was lost: the same */
        assert_string_equal(again.refresh_token, t2.refresh_token);
        assert_string_equal(again.access_token, t2.access_token);
        assert_true(active(f, t2.access_token));
        fx_tokens(f, fx_refresh(t2.refresh_token, NULL)); /* the new one is used: now it was not lost */
        fx_refused(f, fx_refresh(t1.refresh_token, NULL), E_REFRESH_REUSED, "R-ID-73");
        assert_false(active(f, t2.access_token));

        fx_at(f, T0);
        t1 = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        t2 = fx_tokens(f, fx_refresh(t1.refresh_token, NULL));
        fx_at(f, T0 + 11); /* after the grace */
        fx_refused(f, fx_refresh(t1.refresh_token, NULL), E_REFRESH_REUSED, "R-ID-73");
        fx_refused(f, fx_refresh(t2.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73");

        fx_at(f, T0);
        t1 = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        fx_tokens(f, fx_refresh(t1.refresh_token, NULL));
        fx_refused(f, fx_refresh(t1.refresh_token, "openid"), E_REFRESH_REUSED, "R-ID-73"); /* another question */
        fx_free(f);
}

/* R-ID-72, R-ID-31 */
static void test_refresh_ends(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        fx_at(f, T0 + 43200);
        fx_refused(f, fx_refresh(t.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73"); /* idle */
        fx_at(f, T0);
        t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        int64_t at = T0;
        for (; at + 43000 < T0 + 2592000; at += 43000) {
                fx_at(f, at + 43000);
                t = fx_tokens(f, fx_refresh(t.refresh_token, NULL));
        }
        fx_at(f, T0 + 2592000);
        fx_refused(f, fx_refresh(t.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73"); /* in all */
        fx_at(f, T0);
        t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        json_decref(fx_admin(f, "user-put", json_pack("{s:s, s:n}", "mc_id", ALICE, "mcdata_id"), E_OK));
        t = fx_tokens(f, fx_refresh(t.refresh_token, NULL)); /* what the user lost is gone at the next refresh */
        assert_false(scope_has(t.scope, "3gpp:mc:data_service"));
        json_decref(fx_admin(f, "user-del", json_pack("{s:s}", "mc_id", ALICE), E_OK));
        fx_refused(f, fx_refresh(t.refresh_token, NULL), E_REFRESH_UNKNOWN, "R-ID-73");
        fx_free(f);
}

/* Clients, revocation, introspection */

/* R-ID-69 */
static void test_client_authentication(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_t *made = fx_admin(f, "client-put",
                                json_pack("{s:s, s:s, s:[s]}", "client_id", "web", "auth_method", "client_secret_basic",
                                          "redirect_uris", "https://web.example/cb"),
                                E_OK);
        const char *secret = talloc_strdup(f->mem, json_string_value(json_object_get(made, "secret")));
        json_decref(made);
        made = fx_admin(f, "client-put", json_pack("{s:s, s:s}", "client_id", "web", "name", "Web"), E_OK);
        assert_null(json_object_get(made, "secret")); /* shown once */
        json_decref(made);
        struct auth_req rq = fx_request(SCOPES);
        rq.client_id = "web";
        rq.redirect_uri = "https://web.example/cb";
        struct idm_answer a = fx_login_as(f, &rq, ALICE, PASSWORD);
        struct token_req t = fx_redeem(fx_redirected(f, &a).code);
        t.redirect_uri = rq.redirect_uri;
        t.client_id = "web";
        fx_refused(f, t, E_CLIENT_AUTH, "R-ID-69");
        t.basic_id = "web";
        t.basic_secret = "wrong";
        fx_refused(f, t, E_CLIENT_AUTH, "R-ID-69");
        t.client_id = "mcx-handset-01";
        t.basic_secret = secret;
        fx_refused(f, t, E_CLIENT_AUTH, "R-ID-69");
        t.client_id = NULL;
        fx_tokens(f, t);
        t = fx_redeem(fx_code(f, SCOPES));
        t.basic_id = "mcx-handset-01";
        t.basic_secret = "";
        fx_refused(f, t, E_CLIENT_AUTH, "R-ID-69"); /* a public client has nothing to show */
        fx_free(f);
}

static const char *assertion(struct fx *f, const struct jwk *k, const char *sub, json_t *aud, int64_t life,
                             const char *jti)
{
        char *t = NULL;
        json_t *c = json_pack("{s:s, s:s, s:o, s:I, s:I, s:s*}", "iss", sub, "sub", sub, "aud", aud, "iat",
                              (json_int_t)f->clock.s, "exp", (json_int_t)(f->clock.s + life), "jti", jti);
        CHECK_OK(jwt_sign(f->mem, k, "JWT", c, &t, NULL));
        json_decref(c);
        return t;
}

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* R-ID-69: RFC 7523 clause 3 */
static void test_private_key_jwt(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct jwk *k = NULL, *wrong = NULL;
        const char *iss = f->conf.issuer, *url = "https://token.idms.mcx-a.example/as/token";
        CHECK_OK(jwk_generate(f->mem, JOSE_ES256, 0, &k, NULL));
        CHECK_OK(jwk_generate(f->mem, JOSE_ES256, 0, &wrong, NULL));
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:s}", "client_id", "pk", "auth_method", "private_key_jwt"), E_MISSING));
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:s, s:{s:[o]}}", "client_id", "pk", "auth_method", "private_key_jwt",
                                       "jwks", "keys", jwk_to_json(k)),
                             E_OK));
        const struct {
                const char *token;
                enum ecode want;
        } row[] = {
                { assertion(f, k, "pk", json_string(iss), 60, "1"), E_OK },
                { assertion(f, k, "pk", json_string(url), 60, "2"), E_OK },
                { assertion(f, k, "pk", json_string(iss), 60, "1"), E_CLIENT_AUTH }, /* a second time */
                { assertion(f, k, "pk", json_string("https://elsewhere.example"), 60, "3"), E_CLIENT_AUTH },
                { assertion(f, k, "pk", json_pack("[s, s]", iss, "https://elsewhere.example"), 60, "4"),
                  E_CLIENT_AUTH },
                { assertion(f, k, "pk", json_string(iss), 3600, "5"), E_CLIENT_AUTH },
                { assertion(f, k, "pk", json_string(iss), -60, "6"), E_CLIENT_AUTH },
                { assertion(f, k, "pk", json_string(iss), 60, NULL), E_CLIENT_AUTH },
                { assertion(f, wrong, "pk", json_string(iss), 60, "7"), E_CLIENT_AUTH },
                { assertion(f, k, "mcx-handset-01", json_string(iss), 60, "8"), E_CLIENT_AUTH },
                { "nonsense", E_CLIENT_UNKNOWN },
                { NULL, E_CLIENT_UNKNOWN },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct idm_caller who = { .assertion = row[i].token, .assertion_type = ASSERTION_TYPE };
                enum ecode e = idm_revoke(f->idm, f->mem, &who, "nonsense", NULL);
                if (e != row[i].want)
                        fail_msg("row %zu: want %s, got %s", i, ecode_name(row[i].want), ecode_name(e));
        }
        struct idm_caller bare = { .client_id = "pk" };
        CHECK_E(E_CLIENT_AUTH, idm_revoke(f->idm, f->mem, &bare, "nonsense", NULL));
        fx_free(f);
}

static enum ecode push(struct fx *f, const char *client, const char *form_text, const char **uri)
{
        struct form form;
        const char *json = NULL;
        struct idm_caller who = { .client_id = client };
        CHECK_OK(form_parse(f->mem, bytes_str(form_text), &form, NULL));
        enum ecode e = idm_push(f->idm, f->mem, &who, &form, &json, NULL);
        if (e == E_OK) {
                json_t *o = json_loads(json, 0, NULL);
                *uri = talloc_strdup(f->mem, json_string_value(json_object_get(o, "request_uri")));
                assert_int_equal(json_integer_value(json_object_get(o, "expires_in")), 90);
                json_decref(o);
        }
        return e;
}

/* R-ID-134: RFC 9126 */
static void test_pushed_requests(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *uri = NULL;
        struct idm_answer a;
        struct auth_req full = fx_request(SCOPES);
        const char *text = strchr(auth_req_url(f->mem, "https://x", &full), '?') + 1;
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:[s]}", "client_id", "other-client", "redirect_uris", REDIRECT), E_OK));
        CHECK_E(E_CLIENT_UNKNOWN, push(f, "nobody", text, &uri));
        CHECK_E(E_REDIRECT_URI, push(f, "mcx-handset-01", "client_id=mcx-handset-01&response_type=code", &uri));
        CHECK_E(E_MISSING, push(f, "mcx-handset-01", Q_CLIENT Q_REDIRECT Q_TYPE Q_SCOPE Q_ACR Q_PKCE, &uri));
        CHECK_E(E_UNSUPPORTED, push(f, "mcx-handset-01", Q_CLIENT "&request_uri=urn%3Ax", &uri));
        CHECK_OK(push(f, "mcx-handset-01", text, &uri));
        struct auth_req named = { .client_id = "other-client", .request_uri = uri };
        CHECK_E(E_SYNTAX, idm_authorize(f->idm, f->mem, &named, &a, NULL));
        CHECK_OK(push(f, "mcx-handset-01", text, &uri));
        named = (struct auth_req){ .client_id = "mcx-handset-01", .request_uri = uri };
        CHECK_OK(idm_authorize(f->idm, f->mem, &named, &a, NULL));
        assert_int_equal(a.step, IDM_ASK_PASSWORD);
        struct idm_answer b;
        CHECK_OK(try_login(f, a.handle, ALICE, PASSWORD, NULL, &b));
        fx_tokens(f, fx_redeem(fx_redirected(f, &b).code));
        CHECK_E(E_SYNTAX, idm_authorize(f->idm, f->mem, &named, &a, NULL)); /* once */
        CHECK_OK(push(f, "mcx-handset-01", text, &uri));
        named.request_uri = uri;
        fx_at(f, T0 + 90);
        CHECK_E(E_SYNTAX, idm_authorize(f->idm, f->mem, &named, &a, NULL)); /* in time */
        json_decref(fx_admin(f, "client-put", json_pack("{s:s, s:b}", "client_id", "mcx-handset-01", "par_required", 1),
                             E_OK));
        CHECK_OK(idm_authorize(f->idm, f->mem, &full, &a, NULL));
        assert_string_equal(fx_redirected(f, &a).error, "invalid_request");
        CHECK_OK(push(f, "mcx-handset-01", text, &uri));
        named.request_uri = uri;
        CHECK_OK(idm_authorize(f->idm, f->mem, &named, &a, NULL));
        assert_int_equal(a.step, IDM_ASK_PASSWORD);
        fx_free(f);
}

/* R-ID-138: OpenID Connect RP-Initiated Logout 1.0 */
static void test_logout(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        const char *to = NULL;
        int64_t n = -1;
        json_decref(fx_admin(
                f, "client-put",
                json_pack("{s:s, s:[s]}", "client_id", "mcx-handset-01", "logout_uris", "com.example.mcxhandset:/bye"),
                E_OK));
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        struct idm_logout in = { .client_id = "mcx-handset-01", .post_logout_redirect_uri = "https://evil.example/" };
        CHECK_E(E_REDIRECT_URI, idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        in = (struct idm_logout){ .post_logout_redirect_uri = "com.example.mcxhandset:/bye" };
        CHECK_E(E_CLIENT_UNKNOWN, idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        in = (struct idm_logout){ .id_token_hint = t.access_token };
        CHECK_E(E_TOKEN_TYPE, idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        in = (struct idm_logout){ .id_token_hint = t.id_token, .client_id = "other-client" };
        CHECK_E(E_FORBIDDEN, idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        in = (struct idm_logout){ .id_token_hint = t.id_token, .post_logout_redirect_uri = "https://evil.example/" };
        CHECK_E(E_REDIRECT_URI, idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        in = (struct idm_logout){ 0 }; /* nobody is meant: nothing ends */
        CHECK_OK(idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        assert_int_equal(n, 0);
        assert_true(active(f, t.access_token));
        fx_at(f, T0 + 5000); /* an ID token past its end still says who is meant */
        t.access_token = fx_tokens(f, fx_refresh(t.refresh_token, NULL)).access_token;
        assert_true(active(f, t.access_token));
        in = (struct idm_logout){ .id_token_hint = t.id_token,
                                  .post_logout_redirect_uri = "com.example.mcxhandset:/bye",
                                  .state = "s 1" };
        CHECK_OK(idm_logout(f->idm, f->mem, &in, &to, &n, NULL));
        assert_int_equal(n, 1);
        assert_string_equal(to, "com.example.mcxhandset:/bye?state=s%201");
        assert_false(active(f, t.access_token));
        fx_free(f);
}

/* R-ID-100, R-ID-102, R-ID-137 */
static void test_revocation_and_introspection(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct idm_caller me = { .client_id = "mcx-handset-01" }, other = { .client_id = "other-client" };
        struct idm_caller rs = { .basic_id = "rs", .basic_secret = "wrong" };
        const char *json = NULL;
        json_decref(fx_admin(f, "client-put", json_pack("{s:s}", "client_id", "other-client"), E_OK));
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        assert_true(active(f, t.access_token));
        assert_false(active(f, t.id_token));
        assert_false(active(f, "nonsense"));
        CHECK_E(E_CLIENT_AUTH, idm_introspect(f->idm, f->mem, &rs, t.access_token, &json, NULL));
        CHECK_E(E_CLIENT_AUTH, idm_introspect(f->idm, f->mem, &me, t.access_token, &json, NULL));

        CHECK_E(E_CODE_CLIENT, idm_revoke(f->idm, f->mem, &other, t.refresh_token, NULL));
        CHECK_E(E_CODE_CLIENT, idm_revoke(f->idm, f->mem, &other, t.access_token, NULL));
        CHECK_OK(idm_revoke(f->idm, f->mem, &me, "nonsense", NULL));
        CHECK_E(E_MISSING, idm_revoke(f->idm, f->mem, &me, NULL, NULL));
        assert_true(active(f, t.access_token));
        CHECK_OK(idm_revoke(f->idm, f->mem, &me, t.access_token, NULL));
        assert_false(active(f, t.access_token));
        struct token_res t2 = fx_tokens(f, fx_refresh(t.refresh_token, NULL)); /* one token, not the login */
        assert_true(active(f, t2.access_token));
        CHECK_OK(idm_revoke(f->idm, f->mem, &me, t2.refresh_token, NULL));
        assert_false(active(f, t2.access_token));

        t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        fx_at(f, T0 + 899);
        assert_true(active(f, t.access_token));
        fx_at(f, T0 + 901);
        assert_false(active(f, t.access_token));

        /* a server learns of tokens that concern it */
        t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:[s]}", "client_id", "rs", "scopes", "3gpp:mc:video_service"), E_OK));
        assert_false(active(f, t.access_token));
        fx_free(f);
}

/* Keys */

static size_t published(struct fx *f, const char *kid)
{
        size_t found = 0, i;
        const char *text = idm_jwks(f->idm, f->mem, NULL);
        json_t *o = json_loads(text, 0, NULL), *k;
        json_array_foreach(json_object_get(o, "keys"), i, k)
        {
                assert_null(json_object_get(k, "d")); /* R-ID-132 */
                assert_null(json_object_get(k, "p"));
                found += kid == NULL || strcmp(json_string_value(json_object_get(k, "kid")), kid) == 0;
        }
        json_decref(o);
        return found;
}

/* R-ID-29, R-ID-30, R-ID-131, R-ID-132 */
static void test_key_rotation(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        f->conf.access_alg = "ES256";
        struct token_res t1 = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        const char *old = fx_claims(f, t1.access_token).kid;
        assert_string_not_equal(fx_claims(f, t1.id_token).kid, old); /* RS256 for the ID token, as ever */
        assert_int_equal(published(f, NULL), 2);
        json_decref(fx_admin(f, "key-rotate", json_pack("{s:s}", "alg", "HS256"), E_RANGE));
        json_decref(fx_admin(f, "key-rotate", json_pack("{s:s}", "alg", "ES256"), E_OK));
        assert_int_equal(published(f, NULL), 3); /* published at once */
        fx_at(f, T0 + 599);
        struct token_res t2 = fx_tokens(f, fx_refresh(t1.refresh_token, NULL));
        assert_string_equal(fx_claims(f, t2.access_token).kid, old); /* and not used yet */
        fx_at(f, T0 + 600);
        struct token_res t3 = fx_tokens(f, fx_refresh(t2.refresh_token, NULL));
        const char *new = fx_claims(f, t3.access_token).kid;
        assert_string_not_equal(new, old);
        fx_claims(f, t2.access_token); /* the old one still proves what it signed */
        assert_int_equal(published(f, old), 1);
        fx_at(f, T0 + 600 + 86400 + 31);
        assert_int_equal(published(f, old), 0);
        assert_int_equal(published(f, new), 1);
        f->clock.ms += 60000;
        idm_tick(f->idm); /* sweeps and reads anew */
        assert_int_equal(published(f, NULL), 2);
        fx_free(f);
}

/* Sealed keys of another deployment, or altered ones, are an error and never replaced in silence. */
static void test_keys_sealed_with_another_key(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        static const struct seal_key other = { { 8 } };
        struct role_env env = f->env;
        struct idm *second = NULL;
        struct err er = { 0 };
        env.seal_key = &other;
        CHECK_E(E_DECRYPT, idm_start(f, &env, &f->conf, &second, &er));
        fx_free(f);
}

static bool file_holds_bytes(struct fx *f, const char *path, struct bytes what)
{
        FILE *in = fopen(path, "rb");
        if (in == NULL)
                return false;
        fseek(in, 0, SEEK_END);
        size_t n = (size_t)ftell(in);
        rewind(in);
        uint8_t *p = talloc_size(f->mem, n + 1);
        assert_int_equal(fread(p, 1, n, in), n);
        fclose(in);
        bool found = memmem(p, n, what.p, what.n) != NULL;
        talloc_free(p);
        return found;
}

static bool file_holds(struct fx *f, const char *path, const char *what)
{
        return file_holds_bytes(f, path, bytes_str(what));
}

/* R-ID-34: the disk knows codes, tokens and handles by their hashes, keys and kept answers sealed. */
static void test_nothing_on_the_disk_signs_on(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        char dir[] = "/tmp/test_idm_disk.XXXXXX";
        assert_non_null(mkdtemp(dir));
        const char *path = talloc_asprintf(f->mem, "%s/idm.db", dir);
        const char *side[] = { path, talloc_asprintf(f->mem, "%s-wal", path), talloc_asprintf(f->mem, "%s-shm", path) };
        idm_stop(f->idm);
        TALLOC_FREE(f->st);
        CHECK_OK(idm_sqlite_open(f, path, &f->st, NULL));
        f->env.store = f->st;
        CHECK_OK(idm_start(f, &f->env, &f->conf, &f->idm, NULL));
        fx_put_alice(f);
        const char *h = begin(f), *code = fx_code(f, SCOPES);
        struct token_res t = fx_tokens(f, fx_redeem(code)), t2 = fx_tokens(f, fx_refresh(t.refresh_token, NULL));
        struct idm_key *keys;
        struct bytes der;
        size_t n;
        CHECK_OK(f->st->key_list(f->st, f->mem, &keys, &n, NULL));
        CHECK_OK(seal_open(f->mem, f->idm->env->seal_key, talloc_asprintf(f->mem, "idm signing_key %s", keys[0].kid),
                           keys[0].secret, &der, NULL));
        const char *const secret[] = { h, code, t.refresh_token, t2.refresh_token, t2.access_token, PASSWORD };
        for (size_t i = 0; i < COUNT(side); i++) {
                for (size_t j = 0; j < COUNT(secret); j++)
                        if (file_holds(f, side[i], secret[j]))
                                fail_msg("%s holds secret %zu", side[i], j);
                assert_false(file_holds_bytes(f, side[i], bytes_of(der.p + der.n / 2, 16)));
        }
        assert_true(file_holds(f, side[1], ALICE)); /* the search finds what is there */
        assert_true(der.n > 16);
        idm_stop(f->idm);
        f->idm = NULL;
        TALLOC_FREE(f->st);
        for (size_t i = 0; i < COUNT(side); i++)
                unlink(side[i]);
        assert_int_equal(rmdir(dir), 0);
        fx_free(f);
}

/* Administration */

/* R-ID-10, R-ID-11, R-ID-12 */
static void test_admin(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(fx_admin(f, "user-put", json_pack("{s:s}", "mc_id", "bob"), E_MISSING));
        json_decref(fx_admin(f, "user-put",
                             json_pack("{s:s, s:s, s:s}", "mc_id", "bob", "password", "x", "mcptt_id", "no uri"),
                             E_SYNTAX));
        json_decref(fx_admin(f, "user-check", json_pack("{s:s, s:b}", "mc_id", ALICE, "new", 1), E_EXISTS));
        json_decref(fx_admin(f, "user-check",
                             json_pack("{s:s, s:s, s:s}", "mc_id", "bob", "password", "x", "mcptt_id",
                                       "sip:alice.ptt@mcx-a.example"),
                             E_EXISTS));
        json_decref(fx_admin(f, "user-put",
                             json_pack("{s:s, s:s, s:s}", "mc_id", "bob", "password", "x", "mcptt_id",
                                       "sip:alice.ptt@mcx-a.example"),
                             E_EXISTS));
        json_t *u = fx_admin(f, "user-put",
                             json_pack("{s:s, s:s, s:s}", "mc_id", "sip:bob@mcx-a.example", "password", "x", "mcptt_id",
                                       "sip:bob@mcx-a.example"),
                             E_OK);
        char *sub = talloc_strdup(f->mem, json_string_value(json_object_get(u, "sub")));
        assert_null(json_object_get(u, "password"));
        json_decref(u);
        json_decref(fx_admin(f, "user-del", json_pack("{s:s}", "mc_id", "sip:bob@mcx-a.example"), E_OK));
        json_decref(fx_admin(f, "user-show", json_pack("{s:s}", "mc_id", "sip:bob@mcx-a.example"), E_NOT_FOUND));
        u = fx_admin(f, "user-put", json_pack("{s:s, s:s}", "mc_id", "sip:bob@mcx-a.example", "password", "x"), E_OK);
        assert_string_not_equal(json_string_value(json_object_get(u, "sub")), sub);
        json_decref(u);
        u = fx_admin(f, "user-list", json_object(), E_OK);
        assert_int_equal(json_array_size(json_object_get(u, "users")), 2);
        json_decref(u);
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:[s]}", "client_id", "c", "redirect_uris", "http://evil.example/cb"),
                             E_SYNTAX));
        json_decref(
                fx_admin(f, "client-put", json_pack("{s:s, s:s}", "client_id", "c", "auth_method", "magic"), E_RANGE));
        fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        u = fx_admin(f, "sessions", json_object(), E_OK);
        assert_int_equal(json_array_size(json_object_get(u, "sessions")), 1);
        json_decref(u);
        u = fx_admin(f, "sessions", json_pack("{s:s, s:b}", "mc_id", ALICE, "end", 1), E_OK);
        assert_int_equal(json_integer_value(json_object_get(u, "ended")), 1);
        json_decref(u);
        json_decref(fx_admin(f, "client-del", json_pack("{s:s}", "client_id", "mcx-handset-01"), E_OK));
        json_decref(fx_admin(f, "client-del", json_pack("{s:s}", "client_id", "mcx-handset-01"), E_NOT_FOUND));
        fx_free(f);
}

/* Outages */

struct run {
        enum ecode e;      /* what the last step said */
        const char *stage; /* which one that was */
};

/* One sign-on and one refresh; ends at the first step that does not work. */
static struct run sign_on_once(struct fx *f)
{
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a, b;
        struct token_res t;
        struct err er = { 0 };
        enum ecode e = idm_authorize(f->idm, f->mem, &rq, &a, &er);
        if (e == E_OK && a.step == IDM_REDIRECT)
                e = a.why.code;
        if (e != E_OK)
                return (struct run){ e, "authorize" };
        e = try_login(f, a.handle, ALICE, PASSWORD, NULL, &b);
        if (e == E_OK && b.why.code != E_OK)
                e = b.why.code;
        if (e != E_OK)
                return (struct run){ e, "login" };
        struct token_req redeem = fx_redeem(fx_redirected(f, &b).code);
        e = fx_try(f, redeem, &t, &er);
        if (e != E_OK) { /* nothing half done: the same code works when the store is back */
                CHECK_E(E_STORE_DOWN, e);
                db_fail_nth(idm_sqlite_db(f->st), 0);
                fx_tokens(f, redeem);
                return (struct run){ e, "redeem" };
        }
        struct token_req again = fx_refresh(t.refresh_token, NULL);
        e = fx_try(f, again, &t, &er);
        if (e != E_OK) {
                CHECK_E(E_STORE_DOWN, e);
                db_fail_nth(idm_sqlite_db(f->st), 0);
                fx_tokens(f, again);
        }
        return (struct run){ e, "refresh" };
}

/* R-ID-5, R-ID-64: every store call fails once; an outage is never told as a refusal and leaves no half state. */
static void test_every_store_call_fails_once(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        unsigned nth = 1, at_stage[4] = { 0 };
        for (;; nth++) {
                db_fail_nth(idm_sqlite_db(f->st), nth);
                struct run r = sign_on_once(f);
                if (r.e == E_OK)
                        break;
                if (r.e != E_STORE_DOWN)
                        fail_msg("call %u, %s: %s", nth, r.stage, ecode_name(r.e));
                at_stage[*r.stage == 'a' ? 0 : *r.stage == 'l' ? 1 : r.stage[2] == 'd' ? 2 : 3]++;
        }
        assert_false(db_fail_fired(idm_sqlite_db(f->st)));
        for (size_t i = 0; i < COUNT(at_stage); i++)
                assert_true(at_stage[i] >= 3);
        fx_free(f);
}

/* A refusal that has to be remembered and cannot be: nothing was decided. */
static void test_refusals_need_the_store(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        for (unsigned nth = 1;; nth++) {
                struct token_req rq = fx_redeem(fx_code(f, SCOPES));
                rq.code_verifier = "1RsuN73FM0UyoaRLykTjLWklK-zVwdsSAtvQ8HM158B";
                struct token_res t;
                db_fail_nth(idm_sqlite_db(f->st), nth);
                enum ecode e = fx_try(f, rq, &t, NULL);
                bool fired = db_fail_fired(idm_sqlite_db(f->st));
                db_fail_nth(idm_sqlite_db(f->st), 0);
                CHECK_E(fired ? E_STORE_DOWN : E_PKCE_MISMATCH, e);
                if (!fired)
                        break;
        }
        for (unsigned nth = 1;; nth++) {
                const char *h = begin(f);
                struct idm_answer a;
                fx_at(f, f->clock.s + 100);
                db_fail_nth(idm_sqlite_db(f->st), nth);
                enum ecode e = try_login(f, h, ALICE, "wrong", NULL, &a);
                bool fired = db_fail_fired(idm_sqlite_db(f->st));
                db_fail_nth(idm_sqlite_db(f->st), 0);
                CHECK_E(fired ? E_STORE_DOWN : E_LOGIN_FAILED, e == E_OK ? a.why.code : e);
                if (!fired)
                        break;
        }
        fx_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sign_on),
                cmocka_unit_test(test_no_redirect),
                cmocka_unit_test(test_redirected_errors),
                cmocka_unit_test(test_lenient_client),
                cmocka_unit_test(test_scopes_follow_the_user),
                cmocka_unit_test(test_unknown_user_and_wrong_password_look_alike),
                cmocka_unit_test(test_unknown_user_takes_as_long),
                cmocka_unit_test(test_failures_delay_and_never_lock),
                cmocka_unit_test(test_hashes_follow_the_cost),
                cmocka_unit_test(test_accounts_do_not_block_each_other),
                cmocka_unit_test(test_nothing_on_the_disk_signs_on),
                cmocka_unit_test(test_transaction_is_bound),
                cmocka_unit_test(test_disabled_user),
                cmocka_unit_test(test_consent),
                cmocka_unit_test(test_code_refusals),
                cmocka_unit_test(test_code_replay_revokes),
                cmocka_unit_test(test_concurrent_redemption),
                cmocka_unit_test(test_refresh),
                cmocka_unit_test(test_refresh_reuse),
                cmocka_unit_test(test_refresh_ends),
                cmocka_unit_test(test_client_authentication),
                cmocka_unit_test(test_private_key_jwt),
                cmocka_unit_test(test_pushed_requests),
                cmocka_unit_test(test_logout),
                cmocka_unit_test(test_revocation_and_introspection),
                cmocka_unit_test(test_key_rotation),
                cmocka_unit_test(test_keys_sealed_with_another_key),
                cmocka_unit_test(test_admin),
                cmocka_unit_test(test_every_store_call_fails_once),
                cmocka_unit_test(test_refusals_need_the_store),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
