#include "proto/jose/jwk_impl.h"

#include "base/codec.h"
#include "base/secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <talloc.h>

/* Members of a JWK and what OpenSSL calls them: RFC 7518 clauses 6.2 and 6.3. */
struct member {
        const char *jwk, *ossl;
        bool is_private;
};

static const struct member rsa_members[] = {
        { "n", OSSL_PKEY_PARAM_RSA_N, false },         { "e", OSSL_PKEY_PARAM_RSA_E, false },
        { "d", OSSL_PKEY_PARAM_RSA_D, true },          { "p", OSSL_PKEY_PARAM_RSA_FACTOR1, true },
        { "q", OSSL_PKEY_PARAM_RSA_FACTOR2, true },    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, true },
        { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, true }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, true },
};

#define P256_LEN 32

static const char *text_of(const json_t *o, const char *name)
{
        return json_string_value(json_object_get(o, name));
}

static enum ecode member_bytes(void *mem, const json_t *o, const char *name, struct bytes *ret, struct err *er)
{
        const char *text = text_of(o, name);
        if (text == NULL)
                return err_set(er, E_SYNTAX, NULL, "JWK without text member %s", name);
        if (b64url_decode(mem, bytes_str(text), ret) != E_OK || ret->n == 0 || ret->n > 1024)
                return err_set(er, E_SYNTAX, NULL, "JWK member %s is no base64url number", name);
        return E_OK;
}

/* Consumes the builder's content; *ret is the caller's. */
static enum ecode import(OSSL_PARAM_BLD *bld, const char *kind, bool is_private, EVP_PKEY **ret, struct err *er)
{
        EVP_PKEY *p = NULL;
        OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
        enum ecode e = E_OK;
        if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &p, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
                e = jwk_crypto_error(er, E_KEY_INVALID, "JWK numbers");
        EVP_PKEY_CTX_free(ctx);
        OSSL_PARAM_free(params);
        if (e != E_OK)
                return e;
        /* The point is on the curve, the modulus is odd, private and public part belong together. */
        ctx = EVP_PKEY_CTX_new_from_pkey(NULL, p, NULL);
        if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1 || (is_private && EVP_PKEY_pairwise_check(ctx) != 1))
                e = jwk_crypto_error(er, E_KEY_INVALID, "JWK check");
        EVP_PKEY_CTX_free(ctx);
        if (e != E_OK)
                EVP_PKEY_free(p);
        else
                *ret = p;
        return e;
}

static enum ecode import_rsa(void *mem, const json_t *o, bool is_private, EVP_PKEY **ret, struct err *er)
{
        BIGNUM *bn[COUNT(rsa_members)] = { 0 };
        OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        enum ecode e = bld != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "JWK");
        for (size_t i = 0; e == E_OK && i < COUNT(rsa_members); i++) {
                struct bytes v;
                if (rsa_members[i].is_private && !is_private)
                        break;
                e = member_bytes(mem, o, rsa_members[i].jwk, &v, er);
                if (e != E_OK)
                        break;
                bn[i] = BN_bin2bn(v.p, (int)v.n, NULL);
                if (bn[i] == NULL || OSSL_PARAM_BLD_push_BN(bld, rsa_members[i].ossl, bn[i]) != 1)
                        e = err_set(er, E_NOMEM, NULL, "JWK");
        }
        if (e == E_OK)
                e = import(bld, "RSA", is_private, ret, er);
        OSSL_PARAM_BLD_free(bld);
        for (size_t i = 0; i < COUNT(bn); i++)
                BN_clear_free(bn[i]);
        return e;
}

/* The coordinates have full length: RFC 7518 clauses 6.2.1.2 and 6.2.2.1. */
static enum ecode p256_number(void *mem, const json_t *o, const char *name, struct bytes *ret, struct err *er)
{
        enum ecode e = member_bytes(mem, o, name, ret, er);
        if (e == E_OK && ret->n != P256_LEN)
                e = err_set(er, E_SYNTAX, NULL, "JWK member %s is not of 32 octets", name);
        return e;
}

static enum ecode import_p256(void *mem, const json_t *o, bool is_private, EVP_PKEY **ret, struct err *er)
{
        uint8_t point[1 + 2 * P256_LEN] = { 0x04 };
        struct bytes x, y, d;
        BIGNUM *bn = NULL;
        enum ecode e = p256_number(mem, o, "x", &x, er);
        if (e == E_OK)
                e = p256_number(mem, o, "y", &y, er);
        if (e == E_OK && is_private)
                e = p256_number(mem, o, "d", &d, er);
        if (e != E_OK)
                return e;
        memcpy(point + 1, x.p, P256_LEN);
        memcpy(point + 1 + P256_LEN, y.p, P256_LEN);
        OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        if (is_private)
                bn = BN_bin2bn(d.p, P256_LEN, NULL);
        if (bld == NULL || (is_private && bn == NULL) ||
            OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
            OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1 ||
            (is_private && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, bn) != 1))
                e = err_set(er, E_NOMEM, NULL, "JWK");
        else
                e = import(bld, "EC", is_private, ret, er);
        OSSL_PARAM_BLD_free(bld);
        BN_clear_free(bn);
        return e;
}

/* Whether the publisher wants this key used for verifying signatures: RFC 7517 clauses 4.2 to 4.4. */
static enum ecode check_purpose(const json_t *o, enum jose_alg alg, struct err *er)
{
        const json_t *use = json_object_get(o, "use"), *ops = json_object_get(o, "key_ops");
        const json_t *alg_member = json_object_get(o, "alg");
        bool may_verify = ops == NULL;
        size_t i;
        json_t *op;
        json_array_foreach(ops, i, op)
        {
                const char *name = json_string_value(op);
                may_verify |= name != NULL && (strcmp(name, "verify") == 0 || strcmp(name, "sign") == 0);
        }
        if (use != NULL && (json_string_value(use) == NULL || strcmp(json_string_value(use), "sig") != 0))
                return err_set(er, E_UNSUPPORTED, NULL, "JWK is not for signatures");
        if (!may_verify)
                return err_set(er, E_UNSUPPORTED, NULL, "JWK is not for signatures (key_ops)");
        if (alg_member != NULL && jose_alg_of(json_string_value(alg_member)) != alg)
                return err_set(er, E_UNSUPPORTED, NULL, "JWK is for another algorithm than RS256 or ES256");
        return E_OK;
}

static enum jose_alg kind_of(const json_t *o)
{
        const char *kty = text_of(o, "kty"), *crv = text_of(o, "crv");
        if (kty != NULL && strcmp(kty, "RSA") == 0)
                return JOSE_RS256;
        if (kty != NULL && strcmp(kty, "EC") == 0 && crv != NULL && strcmp(crv, "P-256") == 0)
                return JOSE_ES256;
        return JOSE_NONE;
}

enum ecode jwk_from_json(void *mem, json_t *o, struct jwk **ret, struct err *er)
{
        if (!json_is_object(o) || text_of(o, "kty") == NULL)
                return err_set(er, E_SYNTAX, NULL, "JWK is no object with kty");
        enum jose_alg alg = kind_of(o);
        if (alg == JOSE_NONE)
                return err_set(er, E_UNSUPPORTED, NULL, "JWK of kind %.20s", text_of(o, "kty"));
        enum ecode e = check_purpose(o, alg, er);
        if (e != E_OK)
                return e;
        const json_t *kid = json_object_get(o, "kid");
        if (kid != NULL && (json_string_length(kid) == 0 || json_string_length(kid) > 256))
                return err_set(er, E_SYNTAX, NULL, "JWK member kid is no text of 1 to 256 octets");
        bool is_private = json_object_get(o, "d") != NULL;
        EVP_PKEY *pkey = NULL;
        void *tmp = talloc_new(mem);
        e = alg == JOSE_RS256 ? import_rsa(tmp, o, is_private, &pkey, er) : import_p256(tmp, o, is_private, &pkey, er);
        if (e == E_OK)
                e = jwk_wrap(mem, pkey, is_private, json_string_value(kid), ret, er);
        talloc_free(tmp);
        return e;
}

/* A public number as base64url text, left-padded to `len` octets (0: minimal). NULL: E_CRYPTO or no memory. */
static char *number_text(void *mem, const EVP_PKEY *pkey, const char *param, size_t len)
{
        BIGNUM *bn = NULL;
        uint8_t octets[1024];
        char *text = NULL;
        if (EVP_PKEY_get_bn_param(pkey, param, &bn) == 1 && (size_t)BN_num_bytes(bn) <= sizeof octets) {
                size_t n = len != 0 ? len : (size_t)BN_num_bytes(bn);
                if (BN_bn2binpad(bn, octets, (int)n) == (int)n)
                        text = b64url_encode(mem, bytes_of(octets, n));
        }
        BN_free(bn);
        return text;
}

struct public_texts {
        const char *a, *b; /* n and e, or x and y */
};

static bool public_texts(void *mem, const struct jwk *k, struct public_texts *ret)
{
        if (k->alg == JOSE_RS256)
                *ret = (struct public_texts){ number_text(mem, k->pkey, OSSL_PKEY_PARAM_RSA_N, 0),
                                              number_text(mem, k->pkey, OSSL_PKEY_PARAM_RSA_E, 0) };
        else
                *ret = (struct public_texts){ number_text(mem, k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_LEN),
                                              number_text(mem, k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_LEN) };
        return ret->a != NULL && ret->b != NULL;
}

char *jwk_thumbprint(void *mem, const struct jwk *k)
{
        struct public_texts t;
        uint8_t md[SHA256_DIGEST_LENGTH];
        void *tmp = talloc_new(mem);
        char *out = NULL;
        if (public_texts(tmp, k, &t)) {
                char *text =
                        k->alg == JOSE_RS256
                                ? talloc_asprintf(tmp, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", t.b, t.a)
                                : talloc_asprintf(tmp, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                                                  t.a, t.b);
                if (text != NULL) {
                        SHA256((const uint8_t *)text, strlen(text), md);
                        out = b64url_encode(mem, BYTES_ARR(md));
                }
        }
        talloc_free(tmp);
        return out;
}

json_t *jwk_to_json(const struct jwk *k)
{
        struct public_texts t;
        void *tmp = talloc_new(NULL);
        json_t *o = NULL;
        if (public_texts(tmp, k, &t))
                o = k->alg == JOSE_RS256 ? json_pack("{ss ss ss ss ss ss}", "kty", "RSA", "kid", k->kid, "use", "sig",
                                                     "alg", "RS256", "n", t.a, "e", t.b)
                                         : json_pack("{ss ss ss ss ss ss ss}", "kty", "EC", "kid", k->kid, "use", "sig",
                                                     "alg", "ES256", "crv", "P-256", "x", t.a, "y", t.b);
        talloc_free(tmp);
        return o;
}

/* Adds one member of "keys"; kinds that are not served are skipped. */
static enum ecode add_key(void *mem, json_t *o, struct jwks *set, struct err *er)
{
        struct jwk *k;
        enum ecode e = jwk_from_json(mem, o, &k, er);
        if (e == E_UNSUPPORTED)
                return E_OK;
        if (e != E_OK)
                return e;
        if (jwks_find(set, k->kid) != NULL)
                return err_set(er, E_DUPLICATE, "R-ID-131", "two keys have the same kid");
        set->key[set->n++] = k;
        return E_OK;
}

enum ecode jwks_parse(void *mem, struct bytes text, struct jwks *ret, struct err *er)
{
        json_error_t je;
        json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &je);
        const json_t *keys = json_object_get(o, "keys");
        struct jwks set = { 0 };
        enum ecode e = E_OK;
        if (!json_is_array(keys))
                e = err_set(er, E_SYNTAX, NULL, "no JWK set: %s", o == NULL ? je.text : "member keys is missing");
        else if (json_array_size(keys) > JWKS_MAX)
                e = err_set(er, E_LONG, NULL, "JWK set of %zu keys", json_array_size(keys));
        else if ((set.key = talloc_zero_array(mem, struct jwk *, json_array_size(keys) + 1)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "JWK set");
        for (size_t i = 0; e == E_OK && i < json_array_size(keys); i++)
                e = add_key(set.key, json_array_get(keys, i), &set, er);
        json_decref(o);
        if (e == E_OK)
                *ret = set;
        else
                talloc_free(set.key);
        return e;
}

char *jwks_print(void *mem, const struct jwks *set)
{
        json_t *keys = json_array();
        for (size_t i = 0; i < set->n; i++)
                json_array_append_new(keys, jwk_to_json(set->key[i]));
        json_t *o = json_pack("{so}", "keys", keys);
        char *text = json_dumps(o, JSON_COMPACT);
        char *out = json_array_size(keys) == set->n && text != NULL ? talloc_strdup(mem, text) : NULL;
        free(text);
        json_decref(o);
        return out;
}

const struct jwk *jwks_find(const struct jwks *set, const char *kid)
{
        for (size_t i = 0; kid != NULL && i < set->n; i++)
                if (strcmp(set->key[i]->kid, kid) == 0)
                        return set->key[i];
        return NULL;
}
