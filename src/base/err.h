/* One catalogue of everything that can go wrong. A row gives the code, the OAuth word (or NULL), the HTTP status that
 * an edge answers by default, and the advice for the person who reads the log. Library code returns these; only an edge
 * (HTTP, SIP, Diameter, command line) turns them into an answer, and only an edge logs them.
 *
 * "No" is never "could not ask": codes from E_BUSY to E_IO say that nothing was decided, ecode_undecided() tells. */
#ifndef MUSTER_BASE_ERR_H
#define MUSTER_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* clang-format off */
#define ERROR_CATALOGUE(X) \
        /* the input */                                                                                                 \
        X(E_SHORT,           "invalid_request", 400, "the input ends too early: it was cut on the way or is not what its type says") \
        X(E_LONG,            "invalid_request", 413, "the input is longer than the limit: see the limits in the configuration") \
        X(E_SYNTAX,          "invalid_request", 400, "the input does not follow its grammar: look at the named place") \
        X(E_RANGE,           "invalid_request", 400, "a value is outside of its range: the message names value and range") \
        X(E_DUPLICATE,       "invalid_request", 400, "something that may stand once stands twice: repair the sender") \
        X(E_UNSUPPORTED,     "invalid_request", 400, "this is a variant that Muster does not serve: the message names it") \
        X(E_MISSING,         "invalid_request", 400, "a mandatory part is missing: the message names it") \
        X(E_MEDIA_TYPE,      "invalid_request", 415, "the body is of a type that is not served here") \
        X(E_METHOD,          "invalid_request", 405, "use the method that the Allow header names") \
        /* decisions about things */                                                                                    \
        X(E_NOT_FOUND,       NULL,              404, "no such thing: check the name, `muster user list` shows what there is") \
        X(E_EXISTS,          NULL,              409, "it exists already: choose another name or remove the old one") \
        X(E_CONFLICT,        NULL,              409, "somebody else changed it meanwhile: read again and repeat") \
        X(E_FORBIDDEN,       "access_denied",   403, "the asker may not do this: see the requirement that the event names") \
        X(E_REPLAY,          "invalid_grant",   409, "the same message was seen before: a replay, or a client that repeats itself") \
        X(E_UNTRUSTED_PEER,  NULL,              403, "the sender is not a configured peer: compare its certificate name or address with the configuration") \
        X(E_LIMIT,           NULL,              486, "a maximum is reached: the message names it") \
        /* OAuth and OpenID Connect */                                                                                  \
        X(E_CLIENT_UNKNOWN,  "invalid_client",  401, "register the client first: muster client add") \
        X(E_CLIENT_AUTH,     "invalid_client",  401, "the client has to authenticate exactly as it was registered") \
        X(E_CLIENT_GRANT,    "unauthorized_client", 400, "the client is not registered for this grant") \
        X(E_REDIRECT_URI,    "invalid_request", 400, "redirect URIs compare octet by octet: register this one or repair the client") \
        X(E_RESPONSE_TYPE,   "unsupported_response_type", 400, "only response_type=code is served") \
        X(E_SCOPE,           "invalid_scope",   400, "nothing of the requested scope can be granted to this client and user") \
        X(E_GRANT_TYPE,      "unsupported_grant_type", 400, "this grant type is not served") \
        X(E_TARGET,          "invalid_target",  400, "the resource is not on the list of partners") \
        X(E_CODE_UNKNOWN,    "invalid_grant",   400, "the code was never issued, or is long gone") \
        X(E_CODE_SPENT,      "invalid_grant",   400, "the code was used before, its tokens are revoked now: compare both events of this code") \
        X(E_CODE_EXPIRED,    "invalid_grant",   400, "the code is too old: the client waited too long, or clocks differ") \
        X(E_CODE_CLIENT,     "invalid_grant",   400, "the code belongs to another client or redirect URI: mix-up or theft") \
        X(E_PKCE_MISMATCH,   "invalid_grant",   400, "verifier and challenge differ: client fault or stolen code") \
        X(E_REFRESH_UNKNOWN, "invalid_grant",   400, "the refresh token is unknown, expired or revoked: sign on again") \
        X(E_REFRESH_REUSED,  "invalid_grant",   400, "a rotated refresh token came back, its family is revoked: theft, or a client that lost an answer") \
        X(E_ACCOUNT_INVALID, "invalid_grant",   400, "the account behind this grant is disabled or gone: muster user show, muster user enable") \
        X(E_LOGIN_FAILED,    "access_denied",   401, "name or password is wrong") \
        X(E_LOGIN_REQUIRED,  "login_required",  400, "the user has to sign in, but the client asked for no dialogue") \
        X(E_USER_DISABLED,   "access_denied",   403, "the account is disabled: muster user enable") \
        /* tokens at a resource server */                                                                               \
        X(E_TOKEN_MISSING,   NULL,              403, "send the access token in the Authorization header (HTTP) or the info body (SIP)") \
        X(E_TOKEN_MALFORMED, "invalid_token",   401, "this is not a JWT in compact form: `muster token inspect` shows where it breaks") \
        X(E_TOKEN_ALG,       "invalid_token",   401, "the algorithm is not allowed for this issuer: forgery, or another product's settings") \
        X(E_TOKEN_KEY,       "invalid_token",   401, "the issuer publishes no key of this id: a key change not seen yet, or a forgery") \
        X(E_TOKEN_SIGNATURE, "invalid_token",   401, "the signature does not fit: forgery, or a token that was altered on the way") \
        X(E_TOKEN_EXPIRED,   "invalid_token",   401, "the token is too old: refresh it; if it is fresh, compare the clocks") \
        X(E_TOKEN_EARLY,     "invalid_token",   401, "the token is from the future: compare the clocks of both hosts") \
        X(E_TOKEN_ISSUER,    "invalid_token",   401, "the issuer is not in the trust list of this server") \
        X(E_TOKEN_AUDIENCE,  "invalid_token",   401, "the token was made for another server: ask for this one's scope") \
        X(E_TOKEN_TYPE,      "invalid_token",   401, "this is not an access token (an ID token or security token, perhaps)") \
        X(E_TOKEN_REVOKED,   "invalid_token",   401, "the token was revoked: sign on again") \
        X(E_TOKEN_SCOPE,     "insufficient_scope", 403, "the token lacks the scope that this server needs: ask for it at sign-on") \
        X(E_TOKEN_IDENTITY,  "invalid_token",   403, "the token names no MC service ID for this service, or another user's") \
        /* cryptography */                                                                                              \
        X(E_KEY_INVALID,     NULL,              400, "the key does not satisfy its equation or its range: do not use it, fetch it again") \
        X(E_POINT,           NULL,              400, "this is no point of the curve: altered or forged") \
        X(E_SIGNATURE,       NULL,              403, "the signature does not verify: altered, forged, or the wrong sender") \
        X(E_DECRYPT,         NULL,              403, "it does not open with this key: altered, or made for somebody else") \
        X(E_CRYPTO,          NULL,              500, "the cryptographic library refused: see its own message in the log") \
        /* SIP and IMS */                                                                                               \
        X(E_AUTH_FAILED,     NULL,              403, "the response does not fit the challenge: wrong key, OPc or password") \
        X(E_AUTH_STALE,      NULL,              401, "the nonce is old or was used: the client answers the new challenge") \
        X(E_AUTH_NEEDED,     NULL,              401, "the client answers the challenge") \
        X(E_NOT_REGISTERED,  NULL,              403, "register first: this identity has no live registration here") \
        X(E_NOT_AUTHORISED,  NULL,              404, "the user is registered but has no service authorisation: send PUBLISH with a token (Warning 141)") \
        X(E_INTERVAL_BRIEF,  NULL,              423, "the asked lifetime is below the minimum that the answer names") \
        X(E_NO_DIALOG,       NULL,              481, "no such dialog, or it is over: begin a new one") \
        X(E_BAD_EVENT,       NULL,              489, "the event package is not served here: see Allow-Events") \
        X(E_ETAG,            NULL,              412, "the entity tag is not the current one: publish anew") \
        /* nothing was decided */                                                                                       \
        X(E_BUSY,            "temporarily_unavailable", 503, "overloaded right now: come back after Retry-After") \
        X(E_STORE_DOWN,      "temporarily_unavailable", 503, "the store did not answer: see store_state in the status, and the disk") \
        X(E_PEER_DOWN,       "temporarily_unavailable", 503, "a server that has to be asked does not answer: the message names it") \
        X(E_TIMEOUT,         "temporarily_unavailable", 504, "a server that has to be asked is too slow: the message names it") \
        X(E_NOMEM,           "server_error",    503, "out of memory") \
        X(E_CONFIG,          "server_error",    500, "the configuration does not allow this: muster config check") \
        X(E_INTERNAL,        "server_error",    500, "a fault of Muster itself: please report it with this event") \
        X(E_IO,              "server_error",    500, "the operating system refused: the message holds its reason")
/* clang-format on */

enum ecode {
        E_OK = 0,
#define X(code, oauth, http, advice) code,
        ERROR_CATALOGUE(X)
#undef X
                E_COUNT
};

/* An error with its details: what the edge shows and logs. `text` names cause and place; it holds no secret. */
struct err {
        enum ecode code;
        char req[16];   /* requirement id, for example R-ID-62, or empty */
        char text[240]; /* for the operator */
};

/* "E_PKCE_MISMATCH" */
const char *ecode_name(enum ecode e);
/* "invalid_grant" or NULL */
const char *ecode_oauth(enum ecode e);
int ecode_http(enum ecode e);
const char *ecode_advice(enum ecode e);
/* True where nobody could be asked, so that nothing was decided. */
bool ecode_undecided(enum ecode e);

/* Fills *er, which may be NULL, and is the code: `return err_set(er, E_SYNTAX, "R-SA-57", "boundary is missing");`
 * req may be NULL. Keeps nothing of an earlier error. A macro, so that compilers see that the code comes back, and know
 * which paths end here. */
#define err_set(er, code, req, ...)                                                                                    \
        __extension__({                                                                                                \
                enum ecode err_code_ = (code);                                                                         \
                err_fill((er), err_code_, (req), __VA_ARGS__);                                                         \
                err_code_;                                                                                             \
        })
void err_fill(struct err *er, enum ecode code, const char *req, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Puts "place: " before the text of an error that comes from below. er may be NULL. */
void err_at(struct err *er, const char *place);

#endif
