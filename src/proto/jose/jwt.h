/* JSON Web Tokens in compact JWS form (RFC 7519, RFC 7515), with the claims of the MCX Connect profile (TS 33.180
 * annex B). One strict reader for access, ID and security tokens; see jwt_verify for the order of its checks. */
#ifndef MUSTER_PROTO_JOSE_JWT_H
#define MUSTER_PROTO_JOSE_JWT_H

#include "proto/jose/jwk.h"

/* Longer tokens are refused before anything else is looked at. */
#define JWT_MAX 8192
/* TS 33.180 B.2.1.2: clock-skew leeway is not above 30 s (R-ID-85). */
#define JWT_LEEWAY_S 30

/* The claims Muster knows. Absent texts are NULL, absent times 0. A list has n = 0 when the claim is absent. */
struct token_claims {
        const char *iss, *sub, *client_id, *jti, *nonce, *acr, *azp, *at_hash, *sid;
        const char *scope; /* one text, elements separated by single spaces */
        const char *mcptt_id, *mcvideo_id, *mcdata_id;
        int64_t exp, iat, nbf, auth_time; /* seconds since 1970 */
        const char **aud;
        size_t aud_n;
        bool aud_is_array; /* how it stood, or is to be printed */
        const char **amr;
        size_t amr_n;
        const char *typ; /* of the JOSE header; read only */
        const char *kid; /* of the JOSE header; read only */
};

/* Member order of each kind as in the example tokens; absent claims are left out. */
enum token_kind { TOKEN_ACCESS, TOKEN_ID, TOKEN_SECURITY };

/* The header `typ`: "at+jwt" for access tokens (RFC 9068 clause 2.1, R-ID-28), "JWT" otherwise. */
const char *token_typ(enum token_kind kind);
/* The payload. A new reference; NULL: no memory. */
json_t *token_claims_json(enum token_kind kind, const struct token_claims *c);

/* Signs `claims` under header {"alg","kid","typ"}; typ may be NULL to leave it out. */
enum ecode jwt_sign(void *mem, const struct jwk *k, const char *typ, json_t *claims, char **ret, struct err *er);
/* token_claims_json and jwt_sign in one. typ NULL: token_typ(kind). */
enum ecode token_sign(void *mem, const struct jwk *k, enum token_kind kind, const char *typ,
                      const struct token_claims *c, char **ret, struct err *er);

/* OIDC Core clause 3.1.3.6: base64url of the left half of SHA-256 over the access token. */
char *jwt_at_hash(void *mem, const char *access_token);

/* A token after step 1 of the checks: taken apart, nothing in it proven yet. */
struct jwt {
        json_t *header, *payload;          /* freed with mem */
        const char *alg, *kid, *typ, *iss; /* NULL when absent */
        struct bytes signed_part, sig;
};

/* Length, three parts, strict base64url, UTF-8 JSON objects without duplicate keys: E_TOKEN_MALFORMED (R-ID-82).
 * `crit` is refused, and a `b64` member (R-ID-87). jku, x5u, jwk, x5c are never looked at. */
enum ecode jwt_parse(void *mem, struct bytes text, struct jwt *ret, struct err *er);

struct jwt_policy {
        unsigned algs;          /* JOSE_ALLOW(...) of the issuer's trust entry: R-ID-87 */
        const char *iss;        /* exact; NULL: not checked (jwt_parse's caller chose the keys by it) */
        const char *const *typ; /* accepted header types, NULL-terminated, compared without case; "" accepts none
                                   present; NULL list: any */
        const char *const
                *aud; /* every one of these has to be in the token's aud, NULL-terminated; NULL: not checked */
        const char *const *aud_any; /* at least one of these; NULL: not checked */
        int leeway_s;               /* 0 to JWT_LEEWAY_S; larger values are cut */
        int64_t max_age_s;          /* iat not older than this; 0: not checked */
        bool scp_array; /* read the member `scp` (array or text) where `scope` is missing: some issuers do so */
        bool access;    /* client_id and scope are mandatory: TS 33.180 B.2.2.2 (R-ID-26) */
};

/* Steps 2, 4, 5 and 6 for a parsed token and the key that its kid selected: algorithm allowed and that of the key,
 * typ, signature, exp/nbf/iat, aud. *ret borrows from t.
 * Errors: E_TOKEN_ALG, E_TOKEN_TYPE, E_TOKEN_SIGNATURE, E_TOKEN_ISSUER, E_TOKEN_EXPIRED, E_TOKEN_EARLY,
 * E_TOKEN_AUDIENCE, E_TOKEN_MALFORMED (a claim of the wrong JSON type). */
enum ecode jwt_check(void *mem, const struct jwt *t, const struct jwk *key, const struct jwt_policy *pol, int64_t now_s,
                     struct token_claims *ret, struct err *er);
/* jwt_parse, the key by its kid (E_TOKEN_KEY), jwt_check. `text` may go afterwards. */
enum ecode jwt_verify(void *mem, struct bytes text, const struct jwks *keys, const struct jwt_policy *pol,
                      int64_t now_s, struct token_claims *ret, struct err *er);
/* Reads the claims without any proof: for the owner of a token who only wants to show it (`muster token inspect`). */
enum ecode jwt_claims_unproven(void *mem, const struct jwt *t, struct token_claims *ret, struct err *er);

/* Exact element of the space separated list: RFC 6749 clause 3.3. */
bool scope_has(const char *scope, const char *element);

#endif
