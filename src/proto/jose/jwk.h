/* JSON Web Keys: RFC 7517 (format), RFC 7518 (RSA and EC members), RFC 7638 (thumbprint).
 *
 * Written on OpenSSL's EVP and jansson, not on cjose: cjose makes the OpenSSL key anew for every signature and counts
 * its references without atomics, so its keys can be neither shared between threads nor cheap; it also offers RSA
 * through functions that OpenSSL 3 deprecates. Here the EVP_PKEY is made once, at import.
 *
 * A struct jwk never changes after it was made and may be used by many threads at a time. jwk_share gives another
 * handle to the same key on another talloc context, so that a cache can drop its own while a request still verifies. */
#ifndef MUSTER_PROTO_JOSE_JWK_H
#define MUSTER_PROTO_JOSE_JWK_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"

#include <jansson.h>

/* RFC 7518 clause 3.1. Muster knows these two: RS256 needs 2048 bits or more (R-ID-29), ES256 is over P-256 (R-ID-30).
 */
enum jose_alg { JOSE_NONE, JOSE_RS256, JOSE_ES256 };

#define JOSE_ALLOW(alg) (1u << (alg))
#define JOSE_ALLOW_ALL  (JOSE_ALLOW(JOSE_RS256) | JOSE_ALLOW(JOSE_ES256))

/* "RS256"; JOSE_NONE for every other text. */
enum jose_alg jose_alg_of(const char *name);
const char *jose_alg_name(enum jose_alg alg);

struct jwk;

/* The algorithm a key signs with follows from its kind, never from a token. */
enum jose_alg jwk_alg(const struct jwk *k);
/* What its publisher calls it; for keys made here the thumbprint. */
const char *jwk_kid(const struct jwk *k);
bool jwk_is_private(const struct jwk *k);

/* rsa_bits: 2048, 3072 or 4096; ignored for ES256. E_RANGE, E_CRYPTO. kid = thumbprint. */
enum ecode jwk_generate(void *mem, enum jose_alg alg, unsigned rsa_bits, struct jwk **ret, struct err *er);
/* Private keys as PKCS #8. The DER text is for sealing: allocated so that it wipes itself. kid = thumbprint. */
enum ecode jwk_from_der(void *mem, struct bytes der, struct jwk **ret, struct err *er);
enum ecode jwk_to_der(void *mem, const struct jwk *k, struct bytes *ret, struct err *er);
/* PEM, private or public. */
enum ecode jwk_from_pem(void *mem, struct bytes pem, struct jwk **ret, struct err *er);
enum ecode jwk_to_pem(void *mem, const struct jwk *k, char **ret, struct err *er);
struct jwk *jwk_share(void *mem, const struct jwk *k);

/* From a JSON object; private members are taken over when all are there. A missing kid becomes the thumbprint.
 * E_UNSUPPORTED for kinds and uses that cannot verify RS256 or ES256; E_SYNTAX, E_KEY_INVALID. */
enum ecode jwk_from_json(void *mem, json_t *o, struct jwk **ret, struct err *er);
/* Public members only (R-ID-132): kty, kid, use "sig", alg, and n, e or crv, x, y. A new reference, NULL: no memory. */
json_t *jwk_to_json(const struct jwk *k);
/* base64url of SHA-256 over the required members in lexicographic order: RFC 7638 clause 3. */
char *jwk_thumbprint(void *mem, const struct jwk *k);

/* Signature octets: ES256 as r || s, 64 octets (RFC 7518 clause 3.4). */
enum ecode jwk_sign(void *mem, const struct jwk *k, struct bytes input, struct bytes *ret, struct err *er);
/* E_TOKEN_SIGNATURE when it does not fit. */
enum ecode jwk_verify(const struct jwk *k, struct bytes input, struct bytes sig, struct err *er);

#define JWKS_MAX 64

struct jwks {
        struct jwk **key;
        size_t n;
};

/* Keys of kinds or uses that are not served here are skipped, as RFC 7517 clause 5 asks. E_SYNTAX for everything that
 * is no JWK set; E_DUPLICATE when two keys share a kid; E_LONG beyond JWKS_MAX keys. */
enum ecode jwks_parse(void *mem, struct bytes text, struct jwks *ret, struct err *er);
/* {"keys":[...]}, public members only. */
char *jwks_print(void *mem, const struct jwks *set);
/* NULL when no key has this kid. */
const struct jwk *jwks_find(const struct jwks *set, const char *kid);

#endif
