#include "test/kit/check.h"

#include "proto/jose/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The example tokens and keys: test/vectors/mcx-identity.json. */
struct fix {
        json_t *v;
        struct jwk *a, *b, *a_private;
        struct jwks keys;
};

static const char *text(const json_t *o, const char *name)
{
        const char *s = json_string_value(json_object_get(o, name));
        if (s == NULL)
                fail_msg("no member %s", name);
        return s;
}

static const char *token_text(const struct fix *f, const char *name)
{
        size_t i;
        json_t *t;
        json_array_foreach(json_object_get(f->v, "tokens"), i, t)
        {
                if (strcmp(text(t, "name"), name) == 0)
                        return text(t, "text");
        }
        fail_msg("no token %s", name);
        return NULL;
}

static int setup(void **state)
{
        struct fix *f = talloc_zero(NULL, struct fix);
        f->v = vector_json(f, "mcx-identity.json");
        json_t *keys = json_object_get(f->v, "keys");
        CHECK_OK(jwk_from_json(f, json_object_get(keys, "a_public"), &f->a, NULL));
        CHECK_OK(jwk_from_json(f, json_object_get(keys, "b_public"), &f->b, NULL));
        CHECK_OK(jwk_from_json(f, json_object_get(keys, "a_private"), &f->a_private, NULL));
        f->keys.key = talloc_array(f, struct jwk *, 2);
        f->keys.key[0] = f->a;
        f->keys.key[1] = f->b;
        f->keys.n = 2;
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fix *f = *state;
        json_decref(f->v);
        talloc_free(f);
        return 0;
}

static const char *const typ_access[] = { "at+jwt", NULL };
static const char *const typ_jwt[] = { "JWT", NULL };
static const char *const aud_mcx_a[] = { "mcx-a", NULL };
static const char *const aud_kms[] = { "https://kms.mcx-a.example", NULL };
#define ISS_A "https://idms.mcx-a.example"
#define T1    1767261700 /* after the issue of the tokens of A, before their end */

static struct jwt_policy policy(void)
{
        return (struct jwt_policy){ .algs = JOSE_ALLOW_ALL,
                                    .iss = ISS_A,
                                    .typ = typ_access,
                                    .aud_any = aud_mcx_a,
                                    .leeway_s = 30,
                                    .access = true };
}

static enum ecode verify_at(struct fix *f, const char *token, const struct jwt_policy *p, int64_t now)
{
        struct token_claims c;
        void *mem = talloc_new(f);
        enum ecode e = jwt_verify(mem, bytes_str(token), &f->keys, p, now, &c, NULL);
        talloc_free(mem);
        return e;
}

/* R-ID-29, R-ID-132, R-ID-143: thumbprints, members in public form only. */
static void test_keys(void **state)
{
        struct fix *f = *state;
        json_t *keys = json_object_get(f->v, "keys");
        assert_string_equal(jwk_thumbprint(f, f->a), text(json_object_get(keys, "a_public"), "kid"));
        assert_string_equal(jwk_thumbprint(f, f->b), text(json_object_get(keys, "b_public"), "kid"));
        assert_string_equal(jwk_kid(f->a_private), jwk_kid(f->a));
        assert_true(jwk_is_private(f->a_private));
        json_t *o = jwk_to_json(f->a_private);
        assert_true(json_equal(o, json_object_get(keys, "a_public")));
        json_decref(o);
        o = jwk_to_json(f->b);
        assert_true(json_equal(o, json_object_get(keys, "b_public")));
        json_decref(o);
        struct jwks set = { &f->a_private, 1 }, back;
        char *printed = jwks_print(f, &set);
        static const char *const private_members[] = { "\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"" };
        for (size_t i = 0; i < COUNT(private_members); i++)
                assert_null(strstr(printed, private_members[i]));
        CHECK_OK(jwks_parse(f, bytes_str(printed), &back, NULL));
        assert_int_equal(back.n, 1);
        assert_non_null(jwks_find(&back, jwk_kid(f->a)));
        assert_null(jwks_find(&back, "other"));
        assert_null(jwks_find(&back, NULL));
}

static void test_jwks_bad(void **state)
{
        struct fix *f = *state;
        static const struct {
                enum ecode want;
                const char *text;
        } bad[] = {
                { E_SYNTAX, "" },
                { E_SYNTAX, "[]" },
                { E_SYNTAX, "{\"keys\":{}}" },
                { E_SYNTAX, "{\"keys\":[1]}" },
                { E_SYNTAX, "{\"keys\":[],\"keys\":[]}" },
                { E_SYNTAX, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB=\",\"e\":\"AQAB\"}]}" },
                { E_SYNTAX, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}]}" },
                { E_UNSUPPORTED, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"1Kic\",\"e\":\"AQAB\"}]}" },
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct jwks set;
                enum ecode e = jwks_parse(f, bytes_str(bad[i].text), &set, NULL);
                if (bad[i].want == E_UNSUPPORTED) /* too weak: skipped or refused, never taken */
                        assert_true(e != E_OK || set.n == 0);
                else
                        CHECK_E(bad[i].want, e);
        }
        struct jwks set;
        /* kinds that are not served are skipped: RFC 7517 clause 5 */
        CHECK_OK(jwks_parse(f, BYTES_LIT("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"},{\"kty\":\"OKP\"}]}"), &set, NULL));
        assert_int_equal(set.n, 0);
        /* a point that is not on the curve */
        json_t *o = json_deep_copy(json_object_get(json_object_get(f->v, "keys"), "b_public"));
        json_object_set(o, "y", json_object_get(o, "x"));
        struct jwk *k;
        CHECK_E(E_KEY_INVALID, jwk_from_json(f, o, &k, NULL));
        json_decref(o);
        /* two keys of one name */
        const char *one = "{\"keys\":[%s,%s]}";
        json_t *pub = jwk_to_json(f->b);
        char *dump = json_dumps(pub, JSON_COMPACT);
        CHECK_E(E_DUPLICATE, jwks_parse(f, bytes_str(talloc_asprintf(f, one, dump, dump)), &set, NULL));
        free(dump);
        json_decref(pub);
}

/* Keys made here survive the way through storage and sign again. */
static void test_key_storage(void **state)
{
        struct fix *f = *state;
        static const enum jose_alg algs[] = { JOSE_RS256, JOSE_ES256 };
        for (size_t i = 0; i < COUNT(algs); i++) {
                struct jwk *k, *from_der, *from_pem;
                struct bytes der, sig;
                char *pem;
                CHECK_OK(jwk_generate(f, algs[i], 2048, &k, NULL));
                CHECK_OK(jwk_to_der(f, k, &der, NULL));
                CHECK_OK(jwk_from_der(f, der, &from_der, NULL));
                CHECK_OK(jwk_to_pem(f, k, &pem, NULL));
                CHECK_OK(jwk_from_pem(f, bytes_str(pem), &from_pem, NULL));
                assert_string_equal(jwk_kid(k), jwk_kid(from_der));
                assert_string_equal(jwk_kid(k), jwk_kid(from_pem));
                CHECK_OK(jwk_sign(f, from_der, BYTES_LIT("text"), &sig, NULL));
                CHECK_OK(jwk_verify(from_pem, BYTES_LIT("text"), sig, NULL));
                CHECK_E(E_TOKEN_SIGNATURE, jwk_verify(from_pem, BYTES_LIT("texT"), sig, NULL));
                struct jwk *shared = jwk_share(f, k);
                talloc_free(k);
                CHECK_OK(jwk_verify(shared, BYTES_LIT("text"), sig, NULL));
                CHECK_E(E_SYNTAX, jwk_from_der(f, bytes_of(der.p, der.n - 1), &k, NULL));
        }
        struct jwk *k;
        CHECK_E(E_RANGE, jwk_generate(f, JOSE_RS256, 1024, &k, NULL));
        CHECK_E(E_SYNTAX, jwk_from_pem(f, BYTES_LIT("-----BEGIN PRIVATE KEY-----\n"), &k, NULL));
        struct bytes der;
        CHECK_E(E_MISSING, jwk_to_der(f, f->a, &der, NULL));
}

/* R-ID-30: 64 octets r || s, in 86 characters. */
static void test_es256(void **state)
{
        struct fix *f = *state;
        struct jwk *k;
        char *token;
        json_t *claims = json_pack("{si}", "exp", T1 + 60);
        CHECK_OK(jwk_generate(f, JOSE_ES256, 0, &k, NULL));
        for (int i = 0; i < 20; i++) {
                CHECK_OK(jwt_sign(f, k, NULL, claims, &token, NULL));
                assert_int_equal(strlen(strrchr(token, '.') + 1), 86);
                struct jwks set = { &k, 1 };
                struct token_claims c;
                CHECK_OK(jwt_verify(f, bytes_str(token), &set, &(struct jwt_policy){ .algs = JOSE_ALLOW_ALL }, T1, &c,
                                    NULL));
        }
        json_decref(claims);
        uint8_t zero[64] = { 0 };
        CHECK_E(E_TOKEN_SIGNATURE, jwk_verify(k, BYTES_LIT("x"), BYTES_ARR(zero), NULL));
        CHECK_E(E_TOKEN_SIGNATURE, jwk_verify(k, BYTES_LIT("x"), bytes_of(zero, 63), NULL));
        CHECK_E(E_TOKEN_SIGNATURE, jwk_verify(k, BYTES_LIT("x"), bytes_of(zero, 0), NULL));
}

static enum token_kind kind_of(const char *name)
{
        return strcmp(name, "id") == 0 ? TOKEN_ID : strcmp(name, "security") == 0 ? TOKEN_SECURITY : TOKEN_ACCESS;
}

/* R-ID-20, R-ID-22, R-ID-24, R-ID-25, R-ID-26, R-ID-28, R-ID-32, R-ID-143: every example token verifies, its claims
 * print back to the same octets, and the RS256 ones come out byte for byte. */
static void test_vectors(void **state)
{
        struct fix *f = *state;
        size_t i;
        json_t *t;
        json_array_foreach(json_object_get(f->v, "tokens"), i, t)
        {
                struct token_claims c;
                struct jwt_policy p = { .algs = JOSE_ALLOW_ALL, .leeway_s = 30 };
                CHECK_OK(jwt_verify(f, bytes_str(text(t, "text")), &f->keys, &p, 1767261730, &c, NULL));
                enum token_kind kind = kind_of(text(t, "kind"));
                assert_string_equal(c.typ, token_typ(kind));
                json_t *o = token_claims_json(kind, &c);
                char *back = json_dumps(o, JSON_COMPACT);
                assert_string_equal(back, text(t, "payload"));
                free(back);
                json_decref(o);
                if (strcmp(text(t, "alg"), "RS256") != 0)
                        continue;
                char *again;
                CHECK_OK(token_sign(f, f->a_private, kind, NULL, &c, &again, NULL));
                assert_string_equal(again, text(t, "text"));
        }
        assert_int_equal(i, 5);
        assert_string_equal(jwt_at_hash(f, token_text(f, "access_token")), "kOtUcpXH0tW4IhyW3MctZg");
}

/* R-ID-82, R-ID-85, R-ID-88, R-ID-100, R-ID-123. */
static void test_policy(void **state)
{
        struct fix *f = *state;
        struct jwt_policy p = policy();
        const char *at = token_text(f, "access_token");
        const int64_t exp = 1767262512, iat = 1767261612;
        CHECK_OK(verify_at(f, at, &p, T1));
        CHECK_OK(verify_at(f, at, &p, exp + 29));
        CHECK_E(E_TOKEN_EXPIRED, verify_at(f, at, &p, exp + 30));
        CHECK_E(E_TOKEN_EXPIRED, verify_at(f, at, &p, exp + 31));
        CHECK_OK(verify_at(f, at, &p, iat - 30));
        CHECK_E(E_TOKEN_EARLY, verify_at(f, at, &p, iat - 31));
        p.leeway_s = 3600; /* cut to 30 s */
        CHECK_E(E_TOKEN_EXPIRED, verify_at(f, at, &p, exp + 31));
        p.max_age_s = 60;
        CHECK_E(E_TOKEN_EXPIRED, verify_at(f, at, &p, iat + 91));
        p = policy();
        p.aud_any = aud_kms;
        CHECK_E(E_TOKEN_AUDIENCE, verify_at(f, at, &p, T1));
        CHECK_OK(verify_at(f, token_text(f, "kms_access_token"), &p, T1));
        p = policy();
        CHECK_E(E_TOKEN_AUDIENCE, verify_at(f, token_text(f, "kms_access_token"), &p, T1));
        CHECK_E(E_TOKEN_TYPE, verify_at(f, token_text(f, "id_token"), &p, T1));
        CHECK_E(E_TOKEN_TYPE, verify_at(f, token_text(f, "security_token"), &p, 1767261730));
        p.typ = typ_jwt;
        CHECK_E(E_TOKEN_AUDIENCE, verify_at(f, token_text(f, "id_token"), &p, T1));
        p = policy();
        CHECK_E(E_TOKEN_ISSUER, verify_at(f, token_text(f, "partner_access_token"), &p, 1767261730));
        p.algs = JOSE_ALLOW(JOSE_ES256);
        CHECK_E(E_TOKEN_ALG, verify_at(f, at, &p, T1));
}

static char *compact(void *mem, const char *header, const char *payload, struct bytes sig)
{
        return talloc_asprintf(mem, "%s.%s.%s", b64url_encode(mem, bytes_str(header)),
                               b64url_encode(mem, bytes_str(payload)), b64url_encode(mem, sig));
}

/* The public key as PEM as the secret of an HMAC: the classic confusion. */
static char *hs256_token(struct fix *f, const char *payload)
{
        char *pem;
        uint8_t md[32];
        unsigned n = sizeof md;
        CHECK_OK(jwk_to_pem(f, f->a, &pem, NULL));
        char *header = talloc_asprintf(f, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", jwk_kid(f->a));
        char *in =
                talloc_asprintf(f, "%s.%s", b64url_encode(f, bytes_str(header)), b64url_encode(f, bytes_str(payload)));
        HMAC(EVP_sha256(), pem, (int)strlen(pem), (const uint8_t *)in, strlen(in), md, &n);
        return compact(f, header, payload, BYTES_ARR(md));
}

/* R-ID-86, R-ID-87, R-ID-143: forgeries. */
static void test_forgeries(void **state)
{
        struct fix *f = *state;
        struct jwt_policy p = policy();
        const char *at = token_text(f, "access_token");
        const char *payload = text(json_array_get(json_object_get(f->v, "tokens"), 0), "payload");
        CHECK_E(E_TOKEN_ALG, verify_at(f, compact(f, "{\"alg\":\"none\"}", payload, bytes_of(NULL, 0)), &p, T1));
        CHECK_E(E_TOKEN_ALG, verify_at(f, hs256_token(f, payload), &p, T1));
        /* the key of another kind than alg says */
        char *h = talloc_asprintf(f, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", jwk_kid(f->a));
        uint8_t sig[64] = { 1 };
        CHECK_E(E_TOKEN_ALG, verify_at(f, compact(f, h, payload, BYTES_ARR(sig)), &p, T1));
        /* keys in the header are never looked at: signed by a stranger's key that the token brings along */
        struct jwk *mine;
        char *token;
        CHECK_OK(jwk_generate(f, JOSE_RS256, 2048, &mine, NULL));
        json_t *claims = json_loads(payload, 0, NULL);
        CHECK_OK(jwt_sign(f, mine, "at+jwt", claims, &token, NULL));
        json_decref(claims);
        CHECK_E(E_TOKEN_KEY, verify_at(f, token, &p, T1));
        /* one changed character in payload, and in the signature */
        char *bad = talloc_strdup(f, at);
        char *dot = strchr(bad, '.');
        dot[40] = dot[40] == 'A' ? 'B' : 'A';
        enum ecode e = verify_at(f, bad, &p, T1);
        assert_true(e == E_TOKEN_SIGNATURE || e == E_TOKEN_MALFORMED);
        bad = talloc_strdup(f, at);
        dot = strrchr(bad, '.');
        dot[1] = dot[1] == 'A' ? 'B' : 'A';
        CHECK_E(E_TOKEN_SIGNATURE, verify_at(f, bad, &p, T1));
        /* no kid: no key is guessed */
        CHECK_E(E_TOKEN_KEY, verify_at(f, compact(f, "{\"alg\":\"RS256\"}", payload, BYTES_ARR(sig)), &p, T1));
}

/* R-ID-82: the form alone. */
static void test_malformed(void **state)
{
        struct fix *f = *state;
        struct jwt_policy p = policy();
        const char *at = token_text(f, "access_token");
        const char *h = "{\"alg\":\"RS256\",\"kid\":\"k\"}";
        struct bytes sig = BYTES_LIT("ssss");
        const char *bad[] = {
                "",
                ".",
                "..",
                "a.b",
                "a.b.c.d",
                talloc_asprintf(f, "%s.", at),
                talloc_asprintf(f, " %s", at),
                talloc_asprintf(f, "%s=", at),
                talloc_asprintf(f, "%s\n", at),
                compact(f, "[]", "{}", sig),
                compact(f, "{}", "[]", sig),
                compact(f, "{} x", "{}", sig),
                compact(f, "{\"alg\":\"RS256\",\"alg\":\"RS256\"}", "{}", sig),
                compact(f, h, "{\"exp\":1,\"exp\":2}", sig),
                compact(f, h, "{\"iss\":7}", sig),
                compact(f, h, "{\"a\":\"\xff\"}", sig),
                compact(f, "{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":[\"exp\"]}", "{}", sig),
                compact(f, "{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":true}", "{}", sig),
                compact(f, "{\"alg\":5,\"kid\":\"k\"}", "{}", sig),
        };
        for (size_t i = 0; i < COUNT(bad); i++) {
                enum ecode e = verify_at(f, bad[i], &p, T1);
                if (e != E_TOKEN_MALFORMED)
                        fail_msg("%zu: %s: %s", i, bad[i], ecode_name(e));
        }
        char *longest = talloc_size(f, JWT_MAX + 2);
        memset(longest, 'A', JWT_MAX + 1);
        longest[JWT_MAX + 1] = 0;
        CHECK_E(E_TOKEN_MALFORMED, verify_at(f, longest, &p, T1));
}

/* R-ID-23, R-ID-26: claims of the wrong type, properly signed. */
static void test_claim_types(void **state)
{
        struct fix *f = *state;
        static const struct {
                enum ecode want;
                const char *payload;
        } row[] = {
                { E_OK, "{\"exp\":1767261760,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_OK, "{\"exp\":1767261760.5,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":[\"x\",\"mcx-a\"]}" },
                { E_TOKEN_MALFORMED, "{\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":\"1767261760\",\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":1e300,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":-5,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":1767261760,\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":1767261760,\"client_id\":\"c\",\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":1767261760,\"client_id\":\"c\",\"scope\":[\"s\"],\"aud\":\"mcx-a\"}" },
                { E_TOKEN_MALFORMED, "{\"exp\":1767261760,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":[1]}" },
                { E_TOKEN_AUDIENCE, "{\"exp\":1767261760,\"client_id\":\"c\",\"scope\":\"s\"}" },
                { E_TOKEN_AUDIENCE, "{\"exp\":1767261760,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":[]}" },
                { E_TOKEN_EARLY,
                  "{\"exp\":1767261760,\"nbf\":1767261731,\"client_id\":\"c\",\"scope\":\"s\",\"aud\":\"mcx-a\"}" },
        };
        struct jwt_policy p = policy();
        p.iss = NULL;
        for (size_t i = 0; i < COUNT(row); i++) {
                char *token;
                json_t *claims = json_loads(row[i].payload, 0, NULL);
                CHECK_OK(jwt_sign(f, f->a_private, "at+jwt", claims, &token, NULL));
                json_decref(claims);
                enum ecode e = verify_at(f, token, &p, T1);
                if (e != row[i].want)
                        fail_msg("%s: %s", row[i].payload, ecode_name(e));
        }
        char *token;
        json_t *claims =
                json_loads("{\"exp\":1767261760,\"client_id\":\"c\",\"scp\":[\"a\",\"b\"],\"aud\":\"mcx-a\"}", 0, NULL);
        CHECK_OK(jwt_sign(f, f->a_private, "at+jwt", claims, &token, NULL));
        json_decref(claims);
        CHECK_E(E_TOKEN_MALFORMED, verify_at(f, token, &p, T1));
        p.scp_array = true;
        struct token_claims c;
        CHECK_OK(jwt_verify(f, bytes_str(token), &f->keys, &p, T1, &c, NULL));
        assert_string_equal(c.scope, "a b");
}

static void test_scope_has(void **state)
{
        (void)state;
        assert_true(scope_has("a b c", "a"));
        assert_true(scope_has("a b c", "c"));
        assert_true(scope_has("ab a", "a"));
        assert_false(scope_has("ab b", "a"));
        assert_false(scope_has("", "a"));
        assert_false(scope_has(NULL, "a"));
        assert_false(scope_has("a", ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keys),      cmocka_unit_test(test_jwks_bad),  cmocka_unit_test(test_key_storage),
                cmocka_unit_test(test_es256),     cmocka_unit_test(test_vectors),   cmocka_unit_test(test_policy),
                cmocka_unit_test(test_forgeries), cmocka_unit_test(test_malformed), cmocka_unit_test(test_claim_types),
                cmocka_unit_test(test_scope_has),
        };
        return cmocka_run_group_tests_name("jose", tests, setup, teardown);
}
