/* What every resource server needs: which issuers are trusted, their keys, and whether an access token opens this
 * server (TS 33.180 B.10, B.11). Used by kms, cms and mcx. Thread-safe.
 *
 * Keys come only from the trust entry of the token's issuer (R-ID-86). They are cached in memory and in state_dir, so
 * that validation goes on while the issuer cannot be reached (R-ID-97); they are fetched again every 300 s, and once
 * for an unknown kid, at most once a minute. */
#ifndef MUSTER_ROLE_COMMON_TRUST_H
#define MUSTER_ROLE_COMMON_TRUST_H

#include "port/role.h"
#include "proto/oauth/oauth.h"

struct trust_issuer {
        const char *issuer;   /* the `iss` text, exact */
        const char *jwks_url; /* https */
        unsigned algs;        /* JOSE_ALLOW(...); 0: RS256 and ES256 */
        bool plain_jwt_typ;   /* accept typ "JWT" or none: issuers that do not know RFC 9068 */
        bool scp_array;       /* accept `scp` for `scope` */
};

struct trust;

/* Copies everything of `list`; reads what state_dir holds (NULL: nothing is kept). env has to outlive it. Nothing is
 * fetched yet. */
enum ecode trust_open(void *mem, const struct role_env *env, const struct trust_issuer *list, size_t n,
                      struct trust **ret, struct err *er);

/* Proves the token and its audience; scope and identity are the caller's (trust_may). audiences: one of these has to
 * be in `aud`, NULL-terminated (R-ID-88). *ret lives on mem. Errors E_TOKEN_*; E_PEER_DOWN only while there never was a
 * key of this issuer. */
enum ecode trust_token(struct trust *t, void *mem, struct bytes token, const char *const *audiences,
                       struct token_claims *ret, struct err *er);

/* Refuses tokens before their time: see deny.h. As administration commands of every role that has a trust list:
 * token-deny {"jti" or "sub" or "client_id": value} and token-denied -> {"denied":[{claim, value, at}]}. */
enum ecode trust_deny_cmd(struct trust *t, json_t *in, struct err *er);
enum ecode trust_denied_cmd(struct trust *t, json_t **out, struct err *er);

/* The scope for this service and resource is there (E_TOKEN_SCOPE, R-ID-83), and the MC service ID of that service
 * (E_TOKEN_IDENTITY, R-ID-84). *ret_id borrows from c. MC_ANY as service: any one service will do, the first granted
 * is taken. */
enum ecode trust_may(const struct token_claims *c, enum mc_service s, enum mc_resource r, const char **ret_id,
                     struct err *er);

/* Both in one, for servers of one service: MC servers. */
enum ecode trust_check(struct trust *t, void *mem, struct bytes token, const char *const *audiences, enum mc_service s,
                       enum mc_resource r, struct token_claims *ret, const char **ret_id, struct err *er);

/* Called from the role's tick: fetches what is due, so that requests rarely have to. */
void trust_tick(struct trust *t);

/* Whether some key of each issuer is at hand: for readiness and status. */
bool trust_ready(struct trust *t);

struct bearer_words {
        const char *realm;
        const char *scope;  /* named with insufficient_scope, or NULL */
        int missing_status; /* no credentials: 403 for XCAP servers (R-ID-81), 401 at the KMS (R-KMS-30) */
};

/* Whether the token, or the way it was sent, is what is wrong: then bearer_answer has the words. */
bool bearer_concerns(const struct err *er);
/* Status and WWW-Authenticate for an error of bearer_parse, trust_token or trust_may (R-ID-80 to R-ID-83; RFC 6750
 * clause 3.1). Sets no body. Undecided errors give 503 with Retry-After. */
void bearer_answer(struct http_res *rs, const struct err *er, const struct bearer_words *w);

#endif
