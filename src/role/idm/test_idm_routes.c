/* CSC-1 as HTTP: pages, cookies, statuses, headers, events. */
#include "role/idm/test_idm.h"

#define FORM "application/x-www-form-urlencoded"

struct call {
        const char *method, *path, *query, *body, *type, *cookie, *authorization;
};

static const struct http_route *route_of(const struct http_route *routes, const char *method, const char *path)
{
        for (; routes->path != NULL; routes++)
                if (strcmp(routes->method, method) == 0 && strcmp(routes->path, path) == 0)
                        return routes;
        return NULL;
}

static struct http_res send_to(struct fx *f, const struct http_route *routes, struct call c)
{
        struct http_field field[3];
        struct http_req rq = { .mem = f->mem,
                               .method = c.method,
                               .path = c.path,
                               .query = c.query ? c.query : "",
                               .fields = field,
                               .body = bytes_str(c.body),
                               .peer_ip = "192.0.2.1",
                               .trace = "0af7651916cd43dd8448eb211c80319c" };
        if (c.type != NULL)
                field[rq.fields_n++] = (struct http_field){ "Content-Type", c.type };
        if (c.cookie != NULL)
                field[rq.fields_n++] = (struct http_field){ "Cookie", c.cookie };
        if (c.authorization != NULL)
                field[rq.fields_n++] = (struct http_field){ "Authorization", c.authorization };
        struct http_res rs = { .mem = f->mem };
        const struct http_route *r = route_of(routes, c.method, c.path);
        assert_non_null(r);
        r->fn(f->idm, &rq, &rs);
        return rs;
}

static const char *field_of(const struct http_res *rs, const char *name)
{
        for (size_t i = 0; i < rs->fields_n; i++)
                if (strcasecmp(rs->fields[i].name, name) == 0)
                        return rs->fields[i].value;
        return "";
}

static const char *cookie_of(struct fx *f, const struct http_res *rs, const char *name)
{
        size_t n = strlen(name);
        for (size_t i = 0; i < rs->fields_n; i++) {
                const char *v = rs->fields[i].value;
                if (strcasecmp(rs->fields[i].name, "Set-Cookie") == 0 && strncmp(v, name, n) == 0 && v[n] == '=')
                        return talloc_strndup(f->mem, v + n + 1, strcspn(v + n + 1, ";"));
        }
        return NULL;
}

static const char *text_of(struct fx *f, const struct http_res *rs)
{
        return bytes_to_str(f->mem, rs->body);
}

static json_t *json_of(struct fx *f, const struct http_res *rs)
{
        json_t *o = json_loads(text_of(f, rs), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        return o;
}

static struct http_res authorize(struct fx *f, const char *more)
{
        struct buf b = buf_on(f->mem);
        struct auth_req rq = fx_request(SCOPES);
        form_put(&b, "response_type", rq.response_type);
        form_put(&b, "client_id", rq.client_id);
        form_put(&b, "scope", rq.scope);
        form_put(&b, "redirect_uri", rq.redirect_uri);
        form_put(&b, "state", rq.state);
        form_put(&b, "acr_values", rq.acr_values);
        form_put(&b, "code_challenge", rq.code_challenge);
        form_put(&b, "code_challenge_method", rq.code_challenge_method);
        buf_puts(&b, more);
        return send_to(f, idm_authorization_routes,
                       (struct call){ .method = "GET", .path = "/as/authorize", .query = buf_str(&b) });
}

/* As a client without a browser does it: the hidden field, the cookie, the two inputs. */
static struct http_res login(struct fx *f, const struct http_res *page, const char *user, const char *password)
{
        const char *html = text_of(f, page), *at = strstr(html, "name=\"txn\" value=\"");
        assert_non_null(at);
        at += strlen("name=\"txn\" value=\"");
        struct buf b = buf_on(f->mem);
        form_put(&b, "txn", talloc_strndup(f->mem, at, strcspn(at, "\"")));
        form_put(&b, "username", user);
        form_put(&b, "password", password);
        char *cookie = talloc_asprintf(f->mem, "a=b; __Host-txn=%s; c=d", cookie_of(f, page, "__Host-txn"));
        return send_to(f, idm_authorization_routes,
                       (struct call){ .method = "POST",
                                      .path = "/as/authorize",
                                      .body = buf_str(&b),
                                      .type = FORM,
                                      .cookie = cookie });
}

static struct http_res token(struct fx *f, const char *body, const char *authorization)
{
        return send_to(f, idm_token_routes,
                       (struct call){ .method = "POST",
                                      .path = "/as/token",
                                      .body = body,
                                      .type = FORM,
                                      .authorization = authorization });
}

static void no_secret_in_log(struct fx *f, const char *secret)
{
        assert_non_null(secret);
        assert_true(strlen(secret) > 8);
        if (strstr(log_mem_text(f->log), secret) != NULL)
                fail_msg("the log holds %s", secret);
}

/* R-ID-1 */
static void test_endpoints_share_no_path(void **state)
{
        (void)state;
        for (const struct http_route *a = idm_authorization_routes; a->path != NULL; a++)
                for (const struct http_route *t = idm_token_routes; t->path != NULL; t++)
                        assert_string_not_equal(a->path, t->path);
        assert_non_null(route_of(idm_authorization_routes, "GET", "/as/authorize")); /* R-ID-8 */
        assert_non_null(route_of(idm_authorization_routes, "POST", "/as/authorize"));
        assert_non_null(route_of(idm_token_routes, "POST", "/as/token"));
        assert_null(route_of(idm_token_routes, "GET", "/as/token"));
        assert_int_equal(role_idm.listeners[0].routes == idm_authorization_routes, 1);
        assert_int_equal(role_idm.listeners[1].routes == idm_token_routes, 1);
        assert_null(role_idm.listeners[2].name);
}

/* R-ID-14, R-ID-52, R-ID-67, R-ID-68, R-ID-140, R-ID-141 */
static void test_whole_sign_on(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct http_res page = authorize(f, "");
        const char *html = text_of(f, &page), *csp = field_of(&page, "Content-Security-Policy");
        assert_int_equal(page.status, 200);
        assert_non_null(strstr(csp, "frame-ancestors 'none'"));
        assert_null(strstr(csp, "form-action"));
        assert_null(strstr(csp, "unsafe"));
        assert_string_equal(field_of(&page, "Referrer-Policy"), "no-referrer");
        assert_string_equal(field_of(&page, "Cache-Control"), "no-store");
        assert_string_equal(field_of(&page, "X-Frame-Options"), "DENY");
        assert_non_null(strstr(field_of(&page, "Set-Cookie"), "Path=/; Secure; HttpOnly; SameSite=Lax"));
        assert_non_null(strstr(html, "name=\"username\""));
        assert_non_null(strstr(html, "name=\"password\""));
        assert_null(strstr(html, "<script"));
        assert_non_null(strstr(html, "MCX &lt;handset&gt;")); /* names are text, never markup */
        assert_null(strstr(html, "MCX <handset>"));

        struct http_res again = login(f, &page, ALICE, "not the password");
        assert_int_equal(again.status, 200);
        assert_non_null(strstr(text_of(f, &again), "role=\"alert\""));
        assert_non_null(strstr(text_of(f, &again), "value=\"" ALICE "\""));
        assert_null(strstr(text_of(f, &again), "not the password"));
        struct http_res back = login(f, &again, ALICE, PASSWORD);
        assert_int_equal(back.status, 302);
        const char *to = field_of(&back, "Location");
        struct auth_res rs;
        CHECK_OK(auth_res_parse(f->mem, strchr(to, '?') + 1, &rs, NULL));
        assert_string_equal(rs.state, "S6aXNcpTdl7WpwnttWxuog");
        assert_string_equal(cookie_of(f, &back, "__Host-txn"), "");
        assert_non_null(cookie_of(f, &back, "__Host-mark"));

        struct token_req rq = fx_redeem(rs.code);
        struct http_res ok = token(f, token_req_print(f->mem, &rq), NULL);
        assert_int_equal(ok.status, 200);
        assert_string_equal(field_of(&ok, "Content-Type"), "application/json");
        assert_string_equal(field_of(&ok, "Cache-Control"), "no-store");
        assert_string_equal(field_of(&ok, "Pragma"), "no-cache");
        json_t *o = json_of(f, &ok);
        assert_true(json_is_integer(json_object_get(o, "expires_in"))); /* R-ID-23 */
        const char *at = talloc_strdup(f->mem, json_string_value(json_object_get(o, "access_token")));
        const char *rt = talloc_strdup(f->mem, json_string_value(json_object_get(o, "refresh_token")));
        json_decref(o);

        struct http_res replay = token(f, token_req_print(f->mem, &rq), NULL);
        assert_int_equal(replay.status, 400);
        assert_string_equal(text_of(f, &replay), "{\"error\":\"invalid_grant\",\"error_description\":"
                                                 "\"authorization code already used\"}");
        assert_string_equal(field_of(&replay, "Cache-Control"), "no-store");

        const char *log = log_mem_text(f->log);
        static const char *const steps[] = { "\"step\":\"3a\"", "\"step\":\"3b\"", "\"step\":\"3e\"", "R-ID-65",
                                             "R-ID-15" };
        for (size_t i = 0; i < COUNT(steps); i++)
                assert_non_null(strstr(log, steps[i]));
        const char *const secrets[] = { PASSWORD,
                                        "not the password",
                                        rs.code,
                                        VERIFIER,
                                        at,
                                        rt,
                                        ALICE,
                                        "alice.ptt",
                                        cookie_of(f, &page, "__Host-txn"),
                                        cookie_of(f, &back, "__Host-mark") };
        for (size_t i = 0; i < COUNT(secrets); i++)
                no_secret_in_log(f, secrets[i]);
        fx_free(f);
}

/* R-ID-40, R-ID-41, R-ID-53 */
static void test_authorization_errors(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct http_res rs = authorize(f, "&redirect_uri=x");
        assert_int_equal(rs.status, 400);
        assert_string_equal(field_of(&rs, "Location"), "");
        assert_non_null(strstr(text_of(f, &rs), "R-ID-41"));
        rs = authorize(f, "&state=again");
        assert_int_equal(rs.status, 302);
        assert_non_null(strstr(field_of(&rs, "Location"), "error=invalid_request"));
        rs = send_to(f, idm_authorization_routes,
                     (struct call){ .method = "GET", .path = "/as/authorize", .query = "a=%ZZ" });
        assert_int_equal(rs.status, 400);
        rs = send_to(
                f, idm_authorization_routes,
                (struct call){ .method = "POST", .path = "/as/authorize", .body = "{}", .type = "application/json" });
        assert_int_equal(rs.status, 400);
        rs = send_to(f, idm_authorization_routes,
                     (struct call){ .method = "POST",
                                    .path = "/as/authorize",
                                    .body = "txn=abc&username=a&password=b",
                                    .type = FORM,
                                    .cookie = "__Host-txn=abd" });
        assert_int_equal(rs.status, 400);
        struct http_res page = authorize(f, "");
        for (int i = 0; i < 3; i++)
                page = login(f, &page, ALICE, "wrong");
        rs = login(f, &page, ALICE, PASSWORD); /* R-ID-16 */
        assert_int_equal(rs.status, 429);
        assert_string_equal(field_of(&rs, "Retry-After"), "1");
        fx_free(f);
}

/* R-ID-8: the same request by POST. */
static void test_request_by_post(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct auth_req rq = fx_request(SCOPES);
        char *url = auth_req_url(f->mem, "https://x", &rq);
        struct http_res rs = send_to(f, idm_authorization_routes,
                                     (struct call){ .method = "POST",
                                                    .path = "/as/authorize",
                                                    .body = strchr(url, '?') + 1,
                                                    .type = FORM ";charset=UTF-8" });
        assert_int_equal(rs.status, 200);
        assert_non_null(strstr(text_of(f, &rs), "name=\"txn\""));
        fx_free(f);
}

/* R-ID-60, R-ID-61, R-ID-49, R-ID-69 */
static void test_token_errors(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        static const struct {
                const char *body, *type, *authorization, *error;
                int status;
        } row[] = {
                { "{}", "application/json", NULL, "invalid_request", 415 },
                { "grant_type=authorization_code", NULL, NULL, "invalid_request", 415 },
                { "client_id=mcx-handset-01", FORM, NULL, "invalid_request", 400 },
                { "grant_type=password&client_id=mcx-handset-01&username=a&password=b", FORM, NULL,
                  "unsupported_grant_type", 400 },
                { "grant_type=authorization_code&client_id=mcx-handset-01&code=a&redirect_uri=b", FORM, NULL,
                  "invalid_request", 400 },
                { "grant_type=authorization_code&client_id=mcx-handset-01&code=a&code=b&redirect_uri=b&code_"
                  "verifier=" VERIFIER,
                  FORM, NULL, "invalid_request", 400 },
                { "grant_type=authorization_code&client_id=mcx-handset-01&code=a&redirect_uri=b&code_"
                  "verifier=" VERIFIER,
                  FORM, NULL, "invalid_grant", 400 },
                { "grant_type=authorization_code&client_id=nobody&code=a&redirect_uri=b&code_verifier=" VERIFIER, FORM,
                  NULL, "invalid_client", 401 },
                { "grant_type=refresh_token&client_id=mcx-handset-01&refresh_token=a", FORM,
                  "Basic bWN4OnNlY3JldA==", "invalid_client", 401 },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct http_res rs = send_to(f, idm_token_routes,
                                             (struct call){ .method = "POST",
                                                            .path = "/as/token",
                                                            .body = row[i].body,
                                                            .type = row[i].type,
                                                            .authorization = row[i].authorization });
                json_t *o = json_of(f, &rs);
                const char *error = json_string_value(json_object_get(o, "error"));
                if (rs.status != row[i].status || strcmp(error, row[i].error) != 0)
                        fail_msg("row %zu: want %d %s, got %d %s", i, row[i].status, row[i].error, rs.status, error);
                assert_string_equal(field_of(&rs, "Cache-Control"), "no-store");
                if (rs.status == 401)
                        assert_true(strncmp(field_of(&rs, "WWW-Authenticate"), "Basic ", 6) == 0);
                json_decref(o);
        }
        fx_free(f);
}

/* An outage is 503 on both endpoints, and tells strangers nothing of the inside. */
static void test_outage(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct http_res page = authorize(f, "");
        db_fail_nth(idm_sqlite_db(f->st), 3);
        struct http_res rs = login(f, &page, ALICE, PASSWORD);
        assert_int_equal(rs.status, 503);
        assert_null(strstr(text_of(f, &rs), "a test made"));
        rs = login(f, &page, ALICE, PASSWORD);
        assert_int_equal(rs.status, 302);
        db_fail_nth(idm_sqlite_db(f->st), 1);
        rs = authorize(f, "");
        assert_int_equal(rs.status, 503);
        db_fail_nth(idm_sqlite_db(f->st), 3);
        rs = authorize(f, "");
        assert_non_null(strstr(field_of(&rs, "Location"), "error=temporarily_unavailable"));
        db_fail_nth(idm_sqlite_db(f->st), 1);
        rs = token(f, "grant_type=refresh_token&client_id=mcx-handset-01&refresh_token=a", NULL);
        assert_int_equal(rs.status, 503);
        assert_string_equal(field_of(&rs, "Retry-After"), "5");
        assert_non_null(strstr(text_of(f, &rs), "temporarily_unavailable"));
        assert_null(strstr(text_of(f, &rs), "a test made"));
        fx_free(f);
}

/* R-ID-130, R-ID-133, R-ID-21 */
static void test_documents(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct http_res a = send_to(f, idm_authorization_routes,
                                    (struct call){ .method = "GET", .path = "/.well-known/openid-configuration" });
        struct http_res b =
                send_to(f, idm_authorization_routes,
                        (struct call){ .method = "GET", .path = "/.well-known/oauth-authorization-server" });
        struct oauth_metadata m;
        CHECK_OK(oauth_metadata_parse(f->mem, a.body, f->conf.issuer, &m, NULL));
        CHECK_BYTES("the two documents", a.body, b.body);
        assert_string_equal(m.token_endpoint, "https://token.idms.mcx-a.example/as/token");
        json_t *o = json_of(f, &a);
        assert_true(json_is_true(json_object_get(o, "authorization_response_iss_parameter_supported")));
        assert_int_equal(json_array_size(json_object_get(o, "response_types_supported")), 1);
        json_decref(o);
        struct http_res k = send_to(f, idm_token_routes, (struct call){ .method = "GET", .path = "/jwks.json" });
        assert_int_equal(k.status, 200);
        assert_string_equal(field_of(&k, "Content-Type"), "application/jwk-set+json");
        struct jwks keys;
        CHECK_OK(jwks_parse(f->mem, k.body, &keys, NULL));
        assert_int_equal(keys.n, 2);
        fx_free(f);
}

/* R-ID-102, R-ID-137 */
static void test_revoke_and_introspect(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        json_decref(fx_admin(f, "client-put",
                             json_pack("{s:s, s:s, s:s, s:b}", "client_id", "rs", "auth_method", "client_secret_basic",
                                       "secret", "s3cret", "introspects", 1),
                             E_OK));
        struct token_res t = fx_tokens(f, fx_redeem(fx_code(f, SCOPES)));
        struct call ask = { .method = "POST",
                            .path = "/as/introspect",
                            .body = talloc_asprintf(f->mem, "token=%s", t.access_token),
                            .type = FORM,
                            .authorization = basic_print(f->mem, "rs", "s3cret") };
        struct http_res rs = send_to(f, idm_token_routes, ask);
        assert_int_equal(rs.status, 200);
        json_t *o = json_of(f, &rs);
        assert_true(json_is_true(json_object_get(o, "active")));
        assert_string_equal(json_string_value(json_object_get(o, "mcptt_id")), "sip:alice.ptt@mcx-a.example");
        assert_string_equal(json_string_value(json_object_get(o, "scope")), SCOPES);
        assert_true(json_is_integer(json_object_get(o, "exp")));
        json_decref(o);
        rs = send_to(
                f, idm_token_routes,
                (struct call){ .method = "POST",
                               .path = "/as/revoke",
                               .body = talloc_asprintf(f->mem, "client_id=mcx-handset-01&token=%s", t.refresh_token),
                               .type = FORM });
        assert_int_equal(rs.status, 200);
        rs = send_to(f, idm_token_routes, ask);
        assert_string_equal(text_of(f, &rs), "{\"active\":false}");
        ask.authorization = NULL;
        rs = send_to(f, idm_token_routes, ask);
        assert_int_equal(rs.status, 401);
        fx_free(f);
}

/* R-ID-134, R-ID-138 */
static void test_push_and_logout(void **state)
{
        (void)state;
        struct fx *f = fx_new();
        struct auth_req rq = fx_request(SCOPES);
        struct http_res rs = send_to(f, idm_token_routes,
                                     (struct call){ .method = "POST",
                                                    .path = "/as/par",
                                                    .body = strchr(auth_req_url(f->mem, "https://x", &rq), '?') + 1,
                                                    .type = FORM });
        assert_int_equal(rs.status, 201);
        json_t *o = json_of(f, &rs);
        struct buf q = buf_on(f->mem);
        form_put(&q, "client_id", "mcx-handset-01");
        form_put(&q, "request_uri", json_string_value(json_object_get(o, "request_uri")));
        json_decref(o);
        rs = send_to(f, idm_authorization_routes,
                     (struct call){ .method = "GET", .path = "/as/authorize", .query = buf_str(&q) });
        assert_int_equal(rs.status, 200);
        rs = login(f, &rs, ALICE, PASSWORD);
        assert_int_equal(rs.status, 302);
        rs = send_to(f, idm_authorization_routes, (struct call){ .method = "GET", .path = "/as/logout" });
        assert_int_equal(rs.status, 200);
        rs = send_to(f, idm_authorization_routes,
                     (struct call){
                             .method = "GET",
                             .path = "/as/logout",
                             .query = "client_id=mcx-handset-01&post_logout_redirect_uri=https%3A%2F%2Fevil.example" });
        assert_int_equal(rs.status, 400);
        assert_string_equal(field_of(&rs, "Location"), "");
        fx_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endpoints_share_no_path),
                cmocka_unit_test(test_whole_sign_on),
                cmocka_unit_test(test_authorization_errors),
                cmocka_unit_test(test_request_by_post),
                cmocka_unit_test(test_token_errors),
                cmocka_unit_test(test_outage),
                cmocka_unit_test(test_documents),
                cmocka_unit_test(test_revoke_and_introspect),
                cmocka_unit_test(test_push_and_logout),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
