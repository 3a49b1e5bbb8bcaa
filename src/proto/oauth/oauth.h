/* OAuth 2.0 and OpenID Connect messages of CSC-1: TS 33.180 annex B over RFC 6749, RFC 7636, RFC 8693, RFC 7523,
 * RFC 9207, OIDC Core. Texts to structs and back; whether something is granted is decided elsewhere. */
#ifndef MUSTER_PROTO_OAUTH_OAUTH_H
#define MUSTER_PROTO_OAUTH_OAUTH_H

#include "base/env.h"
#include "proto/oauth/form.h"
#include "proto/oauth/scope.h"

/* PKCE: RFC 7636. The challenge is 43 characters and a NUL. */
#define PKCE_CHALLENGE_LEN 43
enum ecode pkce_s256(const char *verifier, char ret[PKCE_CHALLENGE_LEN + 1]);
/* 43 to 128 characters of the unreserved set: clause 4.1. */
bool pkce_verifier_valid(const char *verifier);
/* Exactly 43 base64url characters: clause 4.2 (R-ID-48). */
bool pkce_challenge_valid(const char *challenge);
/* E_PKCE_MISMATCH when verifier is malformed or does not fit; constant time (R-ID-62, R-ID-63). */
enum ecode pkce_check(const char *verifier, const char *challenge, struct err *er);
/* A fresh verifier of 43 characters. NULL: E_CRYPTO or no memory. */
char *pkce_new_verifier(const struct rng *rng, void *mem);

/* Whether a requested redirect URI is the registered one: octet by octet; in a loopback IP literal with scheme http the
 * port is free (R-ID-41; RFC 8252 clause 7.3). */
bool redirect_uri_match(const char *registered, const char *requested);
/* What may be registered: absolute, no fragment, no white space; https, loopback http, or a private-use scheme. */
bool redirect_uri_registrable(const char *uri);

/* Authentication request: TS 33.180 B.4.2.2. Absent, empty and repeated parameters are NULL. */
struct auth_req {
        const char *response_type, *client_id, *scope, *redirect_uri, *state, *acr_values;
        const char *code_challenge, *code_challenge_method;
        const char *nonce, *prompt, *max_age, *login_hint, *ui_locales, *request, *request_uri, *response_mode;
        const char *repeated; /* first parameter that stands twice, or NULL */
};

/* Per client: what deployed software is known to leave out (TS 33.180 B.4.2.2 wants both). */
enum auth_lenience { AUTH_LENIENT_OPENID = 1, AUTH_LENIENT_ACR = 2 };

/* Never fails on content: first the caller looks at client_id and redirect_uri, and only then may an error be sent to
 * the redirect URI (R-ID-40). */
void auth_req_parse(const struct form *f, struct auth_req *ret);
/* R-ID-42 to R-ID-49. Errors in OAuth words: E_RESPONSE_TYPE, E_SCOPE, E_MISSING, E_DUPLICATE, E_SYNTAX,
 * E_UNSUPPORTED. The text is fit for error_description. */
enum ecode auth_req_check(const struct auth_req *r, unsigned lenience, struct err *er);
/* The whole URL, for clients. Parameter order as in the table of the clause. */
char *auth_req_url(void *mem, const char *endpoint, const struct auth_req *r);

/* Authentication response: 302 to redirect URI with code or error, state and iss (R-ID-52, R-ID-53; RFC 9207). */
struct auth_res {
        const char *code, *state, *iss;
        const char *error, *error_description; /* error NULL: success */
};
char *auth_res_url(void *mem, const char *redirect_uri, const struct auth_res *r);
/* `query` is that of the redirect. E_SYNTAX, E_DUPLICATE. */
enum ecode auth_res_parse(void *mem, const char *query, struct auth_res *ret, struct err *er);

enum oauth_grant { GRANT_CODE, GRANT_REFRESH, GRANT_EXCHANGE, GRANT_JWT_BEARER };
#define OAUTH_GT_CODE     "authorization_code"
#define OAUTH_GT_REFRESH  "refresh_token"
#define OAUTH_GT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"
#define OAUTH_GT_BEARER   "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define OAUTH_TT_JWT      "urn:ietf:params:oauth:token-type:jwt"
const char *oauth_grant_name(enum oauth_grant g);

/* Request to the token endpoint: B.4.2.4, B.5.2, B.7.2, B.7.4. */
struct token_req {
        enum oauth_grant grant;
        const char *client_id, *code, *redirect_uri, *code_verifier;
        const char *refresh_token, *scope;
        const char *resource, *subject_token, *subject_token_type, *requested_token_type;
        const char *assertion;
        const char *basic_id, *basic_secret; /* HTTP Basic, already decoded (RFC 6749 clause 2.3.1), or NULL */
        const char *client_assertion, *client_assertion_type;
};

/* content_type and authorization are the header values or NULL. R-ID-60, R-ID-61, R-ID-49, R-ID-110, R-ID-115.
 * E_MEDIA_TYPE, E_DUPLICATE, E_MISSING, E_GRANT_TYPE, E_SYNTAX. */
enum ecode token_req_parse(void *mem, struct bytes body, const char *content_type, const char *authorization,
                           struct token_req *ret, struct err *er);
/* The body, for clients (client credentials in Basic are the caller's header). */
char *token_req_print(void *mem, const struct token_req *r);

/* B.4.2.5, B.5.3, B.7.3. Member order as in the example answers. */
struct token_res {
        const char *access_token, *issued_token_type, *token_type, *scope, *id_token, *refresh_token;
        int64_t expires_in; /* seconds */
};
char *token_res_print(void *mem, const struct token_res *r);
/* E_SYNTAX; E_MISSING without access_token or token_type. The body is a success answer (200). */
enum ecode token_res_parse(void *mem, struct bytes body, struct token_res *ret, struct err *er);

/* {"error":...,"error_description":...}. Undecided errors give "temporarily_unavailable" or "server_error". */
char *oauth_error_print(void *mem, const struct err *er);
struct oauth_error {
        const char *error, *description;
};
/* E_SYNTAX when the body is no such answer. */
enum ecode oauth_error_parse(void *mem, struct bytes body, struct oauth_error *ret);
/* RFC 6749 clause 5.2: which status the token endpoint answers: 400, 401, 405, 413, 415, 500, 503. */
int oauth_error_status(const struct err *er);

/* `Authorization: Bearer <token>`: R-ID-80. NULL or another scheme: E_TOKEN_MISSING. Not exactly one b64token (RFC 6750
 * clause 2.1): E_SYNTAX. *ret borrows. */
enum ecode bearer_parse(const char *authorization, struct bytes *ret, struct err *er);
/* `Authorization: Basic`, both parts form-decoded. E_MISSING when there is none, E_SYNTAX. */
enum ecode basic_parse(void *mem, const char *authorization, const char **ret_id, const char **ret_secret);
char *basic_print(void *mem, const char *id, const char *secret);

/* OIDC Discovery 1.0 clause 3 and RFC 8414 (R-ID-130). NULL texts are left out; lists end with NULL. */
struct oauth_metadata {
        const char *issuer, *authorization_endpoint, *token_endpoint, *jwks_uri;
        const char *revocation_endpoint, *introspection_endpoint, *par_endpoint, *end_session_endpoint;
        const char *const *scopes, *const *response_types, *const *response_modes, *const *grant_types;
        const char *const *subject_types, *const *id_token_algs, *const *auth_methods, *const *challenge_methods;
        bool iss_parameter;
        const char *const *acr_values, *const *claims;
};
char *oauth_metadata_print(void *mem, const struct oauth_metadata *m);
/* `issuer` is the one asked; the document has to name the same (OIDC Discovery clause 4.3, R-ID-21), else
 * E_TOKEN_ISSUER. Needs issuer, authorization_endpoint, token_endpoint, jwks_uri. */
enum ecode oauth_metadata_parse(void *mem, struct bytes body, const char *issuer, struct oauth_metadata *ret,
                                struct err *er);

#endif
