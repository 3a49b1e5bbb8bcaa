/* What the files of the IdM server share. */
#ifndef MUSTER_ROLE_IDM_PRIV_H
#define MUSTER_ROLE_IDM_PRIV_H

#include "base/codec.h"
#include "crypto/password.h"
#include "crypto/seal.h"
#include "role/idm/idm.h"

#include <pthread.h>

#define IDM_ACR_PASSWORD "3gpp:acr:password" /* B.4.2.2, R-ID-46 */

struct idm_ring; /* idm_service_keys.c */

struct idm {
        const struct role_env *env;
        const struct idm_conf *conf;
        struct store_idm *st;
        uint8_t mark_key[32]; /* makes the marks of known browsers; from the seal key */
        struct password_cost cost;
        pthread_mutex_t ring_lock;
        struct idm_ring *ring;
        _Atomic uint64_t ring_ms; /* when it was read from the store, monotonic */
        uint64_t expired_ms;      /* when the store was last swept */
};

static inline int64_t idm_now(const struct idm *idm)
{
        return clock_now(idm->env->clock);
}

/* Codes, refresh tokens and handles are known to the store by this. E_CRYPTO. */
enum ecode idm_hash_of(const char *text, struct idm_hash *ret, struct err *er);
/* 256 random bits as text: R-ID-34. NULL: E_CRYPTO or no memory. */
char *idm_random(struct idm *idm, void *mem);
/* What a stranger may read of an error. */
const char *idm_describe(const struct err *er);

/* Clients: E_CLIENT_UNKNOWN, E_CLIENT_AUTH (R-ID-69). */
enum ecode idm_client_known(struct idm *idm, void *mem, const char *client_id, struct idm_client *ret, struct err *er);
enum ecode idm_client_proven(struct idm *idm, void *mem, const struct idm_caller *who, struct idm_client *ret,
                             struct err *er);

/* Whether uri is one of a list of registered ones: R-ID-41. */
bool idm_uri_registered(const char *list, const char *uri);

/* R-ID-50: requested AND supported AND client AND user. user NULL: not known yet, that part is left out. E_SCOPE when
 * nothing is left of what was asked. */
enum ecode idm_scope_grant(void *mem, const struct idm_client *c, const struct idm_user *u, const char *requested,
                           const char **ret, struct err *er);
/* R-ID-71: asked is a subset of granted, or E_SCOPE. */
enum ecode idm_scope_narrow(const char *granted, const char *asked, struct err *er);

/* The tokens of one answer: what the client gets, and what the store has to remember. */
struct idm_tokens {
        struct idm_issue issue;
        const char *json;
};
struct idm_token_plan {
        const struct idm_client *client;
        const struct idm_user *user;
        const struct idm_family *family;
        const char *scope; /* effective */
        bool first;        /* from a code: nonce goes in, the family's life begins */
};
enum ecode idm_tokens_make(struct idm *idm, void *mem, const struct idm_token_plan *plan, struct idm_tokens *ret,
                           struct err *er);
/* Proves that `token` is a live access token of ours, as far as the token itself can tell. E_TOKEN_*. */
enum ecode idm_token_ours(struct idm *idm, void *mem, const char *token, struct token_claims *ret, struct err *er);

/* Keys. */
enum ecode idm_keys_open(struct idm *idm, struct err *er);
enum ecode idm_keys_load(struct idm *idm, struct err *er);
void idm_keys_close(struct idm *idm);
/* A handle on mem to the key that signs now with alg. */
enum ecode idm_keys_signer(struct idm *idm, void *mem, enum jose_alg alg, struct jwk **ret, struct err *er);
/* Handles on mem to all published keys. */
enum ecode idm_keys_public(struct idm *idm, void *mem, struct jwks *ret, struct err *er);
/* New keys, in use after the lead: R-ID-131. alg NULL: one of each. */
enum ecode idm_keys_rotate(struct idm *idm, const char *alg, struct err *er);

/* Pages: idm_page.c */
struct http_res;
void idm_page_login(struct idm *idm, struct http_res *rs, const struct idm_answer *a);
void idm_page_consent(struct idm *idm, struct http_res *rs, const struct idm_answer *a);
void idm_page_error(struct idm *idm, struct http_res *rs, int status, const struct err *er, const char *trace);
void idm_page_signed_out(struct idm *idm, struct http_res *rs, bool ended);

extern const struct http_route idm_authorization_routes[], idm_token_routes[];

#endif
