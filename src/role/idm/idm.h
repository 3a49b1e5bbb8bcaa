/* The identity management server of TS 33.180 clause 5.1.2 and annex B: authorization endpoint and token endpoint of
 * CSC-1, two listeners that know nothing of each other's paths (R-ID-1).
 *
 * idm_service*.c decide, and read like the clauses; they know neither HTTP nor SQL. idm_routes.c speaks HTTP. */
#ifndef MUSTER_ROLE_IDM_H
#define MUSTER_ROLE_IDM_H

#include "port/role.h"
#include "port/store_idm.h"
#include "proto/oauth/oauth.h"

extern const struct role role_idm;

struct idm_conf {
        const char *listen_authorization, *listen_token;
        const char *issuer, *authorization_url, *token_url;
        const char *audience, *kms_audience;
        int64_t code_ttl_s, txn_ttl_s, access_ttl_s, refresh_idle_s, refresh_max_s, refresh_grace_s;
        const char *access_alg, *access_typ;
        int64_t rsa_bits, key_lead_s;
        int64_t password_passes, password_memory_kib;
        int64_t delay_after, delay_most_s;
        const char *organisation;
};
extern const struct conf_item idm_conf_items[];

struct idm;

/* E_STORE_DOWN, E_CRYPTO. Makes the signing keys when there are none yet. */
enum ecode idm_start(void *mem, const struct role_env *env, const struct idm_conf *conf, struct idm **ret,
                     struct err *er);
void idm_stop(struct idm *idm);
void idm_tick(struct idm *idm);

/* What the authorization endpoint shows next. */
enum idm_step {
        IDM_ASK_PASSWORD, /* the login page, with `handle` in form and cookie; `why` says why it is shown again */
        IDM_ASK_CONSENT,  /* the consent page */
        IDM_REDIRECT,     /* 302 to `redirect`: the authentication response, good or bad */
};

struct idm_answer {
        enum idm_step step;
        const char *handle, *client_name, *login_hint, *scope;
        const char *redirect;
        struct err why;   /* code E_OK: nothing to tell. For IDM_REDIRECT with an error: what the event reports */
        int64_t wait_s;   /* how long this account has to wait before the next try is looked at */
        const char *mark; /* for the browser to keep: this account was used here before */
        const char *sub;  /* who is signing on, once known; for events as a pseudonym */
        const char *client_id;
};

/* The authentication request: B.4.2.2, step 3a. An error means: tell the user, do not redirect (R-ID-40, R-ID-41). */
enum ecode idm_authorize(struct idm *idm, void *mem, const struct auth_req *rq, struct idm_answer *ret, struct err *er);

struct idm_login {
        const char *handle, *cookie; /* both have to be there and equal */
        const char *username, *password;
        const char *mark; /* cookie of an earlier login in this browser, or NULL */
};
/* MC ID and password: step 3b. An error means: there is no such transaction; tell the user. */
enum ecode idm_login(struct idm *idm, void *mem, const struct idm_login *in, struct idm_answer *ret, struct err *er);
/* The user's decision: step 3c. */
enum ecode idm_consent(struct idm *idm, void *mem, const char *handle, const char *cookie, bool allowed,
                       struct idm_answer *ret, struct err *er);

/* RP-initiated logout. The IdM server keeps no session in the browser; what ends is what the client holds: all families
 * of the user of the ID token at that client. */
struct idm_logout {
        const char *id_token_hint, *client_id, *post_logout_redirect_uri, *state;
        const char *repeated; /* first parameter that stands twice, or NULL */
};
/* *ret_redirect is NULL when there is nowhere to go. An error means: tell the user, do not redirect (R-ID-138). */
enum ecode idm_logout(struct idm *idm, void *mem, const struct idm_logout *in, const char **ret_redirect,
                      int64_t *ret_ended, struct err *er);

/* Who a token answer is about, for events. */
struct idm_about {
        const char *client_id, *sub, *family;
};
/* B.4.2.4 and B.5.2: codes and refresh tokens to tokens. *ret_json is the body of the answer. */
enum ecode idm_token(struct idm *idm, void *mem, const struct token_req *rq, const char **ret_json,
                     struct idm_about *about, struct err *er);

/* How a client proves itself at the endpoints that take only that: revocation, introspection, pushed requests. */
struct idm_caller {
        const char *client_id, *basic_id, *basic_secret, *assertion, *assertion_type;
};
/* RFC 7009. E_OK for unknown tokens as well. */
enum ecode idm_revoke(struct idm *idm, void *mem, const struct idm_caller *who, const char *token, struct err *er);
/* RFC 7662. */
enum ecode idm_introspect(struct idm *idm, void *mem, const struct idm_caller *who, const char *token,
                          const char **ret_json, struct err *er);

/* RFC 9126: checks the request in `form` as the authorization endpoint would, and keeps it (R-ID-134). */
#define IDM_REQUEST_URI "urn:ietf:params:oauth:request_uri:"
#define IDM_PUSHED_S    90
enum ecode idm_push(struct idm *idm, void *mem, const struct idm_caller *who, const struct form *form,
                    const char **ret_json, struct err *er);

/* Bodies of the discovery documents and of the key set: R-ID-130. */
const char *idm_metadata(struct idm *idm, void *mem);
const char *idm_jwks(struct idm *idm, void *mem, struct err *er);

/* Administration (host/admin.h). Arguments and results are JSON objects:
 *
 *   user-put      mc_id, password (needed for a new user), name, mcptt_id, mcvideo_id, mcdata_id, extra_scopes,
 * enabled. Makes or changes: what is absent stays, null removes. Result: the user as user-show gives it. user-check the
 * same arguments; answers as user-put would, and changes nothing. With "new": true an existing mc_id is E_EXISTS
 * (user-put knows "new" as well). user-show     mc_id -> mc_id, sub, name, mcptt_id, mcvideo_id, mcdata_id,
 * extra_scopes, enabled, created, last_login user-list     after, most -> {"users":[...], "next": mc_id or absent}
 *   user-del, user-enable, user-disable    mc_id
 *   user-passwd   mc_id, password
 *   client-put    client_id, name, auth_method, secret, jwks, redirect_uris [..], logout_uris [..], scopes [..] or
 * "all", id_alg, lenient_openid, lenient_acr, rel13_scopes, consent, introspects, par_required, enabled, access_ttl_s.
 * Result: the client as client-list gives it; "secret" is there once when it was made here (auth_method
 * client_secret_basic without secret). client-list   -> {"clients":[...]};  client-del  client_id key-rotate    alg
 * ("RS256", "ES256"; absent: both) -> {"keys":[{kid, alg, created, use_from, drop_at}]} key-list      the same without
 * a rotation sessions      mc_id (absent: all), end (true: end them) -> {"sessions":[...]} or {"ended": n} */
extern const struct admin_cmd idm_admin_cmds[];

#endif
