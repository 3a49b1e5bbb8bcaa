/* For the unit tests of resource servers: an issuer with one key, its HTTP side, and requests to handlers. */
#ifndef MUSTER_ROLE_COMMON_TEST_ISSUER_H
#define MUSTER_ROLE_COMMON_TEST_ISSUER_H

#include "test/kit/check.h"

#include "base/env.h"
#include "base/event.h"
#include "port/role.h"
#include "proto/jose/jwt.h"

#define ISSUER     "https://idm.mc.example"
#define ISSUER_URL ISSUER "/jwks.json"

struct test_issuer {
        struct http_client http; /* first */
        struct jwk *key;
        char *jwks;
        bool down;
};

static inline enum ecode test_issuer_fetch(struct http_client *c, void *mem, const struct http_out *rq,
                                           struct http_in *rs, struct err *er)
{
        struct test_issuer *t = (struct test_issuer *)(void *)c;
        assert_string_equal(rq->url, ISSUER_URL);
        if (t->down)
                return err_set(er, E_PEER_DOWN, NULL, "no connection");
        rs->status = 200;
        rs->body = bytes_copy(mem, bytes_str(t->jwks));
        return E_OK;
}

static inline void test_issuer_init(void *mem, struct test_issuer *t)
{
        *t = (struct test_issuer){ .http.fetch = test_issuer_fetch };
        CHECK_OK(jwk_generate(mem, JOSE_ES256, 0, &t->key, NULL));
        t->jwks = jwks_print(mem, &(struct jwks){ &t->key, 1 });
}

/* A token as the IdM server would make it, with what the test changes. */
static inline struct token_claims test_claims(int64_t now_s, const char *const *aud, const char *scope)
{
        return (struct token_claims){ .iss = ISSUER,
                                      .sub = "u-1",
                                      .client_id = "client-1",
                                      .jti = "at-1",
                                      .aud = (const char **)(uintptr_t)aud,
                                      .aud_n = 1,
                                      .scope = scope,
                                      .iat = now_s,
                                      .exp = now_s + 900,
                                      .mcptt_id = "sip:alice@mc.example",
                                      .mcdata_id = "sip:alice.data@mc.example" };
}

static inline char *test_bearer(void *mem, const struct test_issuer *t, const struct token_claims *c)
{
        char *text;
        CHECK_OK(token_sign(mem, t->key, TOKEN_ACCESS, NULL, c, &text, NULL));
        return talloc_asprintf(mem, "Bearer %s", text);
}

static inline bool test_path_fits(const char *pattern, const char *path)
{
        size_t n = strlen(pattern);
        if (n > 0 && pattern[n - 1] == '*')
                return strncmp(pattern, path, n - 1) == 0;
        return strcmp(pattern, path) == 0;
}

/* As the HTTP adapter would: method and path pick the handler, 405 and 404 otherwise. */
static inline struct http_res test_request(void *role, const struct http_route *routes, struct http_req *rq)
{
        struct http_res rs = { .mem = rq->mem, .status = 404 };
        for (const struct http_route *r = routes; r->fn != NULL; r++) {
                if (!test_path_fits(r->path, rq->path))
                        continue;
                rs.status = 405;
                if (strcmp(r->method, rq->method) == 0) {
                        r->fn(role, rq, &rs);
                        return rs;
                }
        }
        return rs;
}

static inline const char *test_field(const struct http_res *rs, const char *name)
{
        for (size_t i = 0; i < rs->fields_n; i++)
                if (strcasecmp(rs->fields[i].name, name) == 0)
                        return rs->fields[i].value;
        return NULL;
}

#endif
