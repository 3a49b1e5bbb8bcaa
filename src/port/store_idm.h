/* The store of the IdM server, in the words of the protocol: TS 33.180 annex B, RFC 6749, RFC 7009, RFC 7662.
 *
 * Every function blocks (workers only), and answers E_STORE_DOWN or E_NOMEM when nothing was decided; such an answer
 * leaves nothing half done. What a function that changes something has answered E_OK to is on the disk. Both endpoints,
 * also as two processes, see the same store (R-ID-5).
 *
 * Codes, refresh tokens and transaction handles are stored and looked up by their SHA-256 (R-ID-34); `secret` fields of
 * keys and answers come and go sealed. Times are seconds since 1970. Results are on mem. */
#ifndef MUSTER_PORT_STORE_IDM_H
#define MUSTER_PORT_STORE_IDM_H

#include "base/bytes.h"
#include "base/err.h"

#define IDM_HASH_LEN 32

struct idm_hash {
        uint8_t b[IDM_HASH_LEN];
};

/* R-ID-10. Texts may be NULL where the user has no such thing. */
struct idm_user {
        const char *sub;   /* at most 255 octets, never used again after deletion (R-ID-12) */
        const char *mc_id; /* what the user types; unique */
        const char *name;  /* for people */
        const char *password_hash;
        const char *mcptt_id, *mcvideo_id, *mcdata_id; /* each unique within its service */
        const char *extra_scopes;                      /* granted beside those that follow from the MC service IDs */
        bool enabled;
        int64_t created_s, last_login_s;
};

/* What the registration of a client holds: B.3. Lists are texts with single spaces, as scopes are. */
struct idm_client {
        const char *id, *name;
        const char *auth_method; /* "none", "client_secret_basic", "private_key_jwt" */
        const char *secret_hash; /* password_hash() of the client secret, or NULL */
        const char *jwks;        /* for private_key_jwt: JWK set, or NULL */
        const char *redirect_uris, *logout_uris, *scopes;
        const char *id_alg; /* "RS256", "ES256" */
        unsigned lenience;  /* enum auth_lenience */
        bool rel13_scopes;  /* knows the scope names of TS 33.179 */
        bool consent;       /* ask the user: C.1 step 3c */
        bool introspects;   /* a resource server: may ask about tokens */
        bool par_required;  /* only pushed requests: RFC 9126 */
        bool enabled;
        int64_t access_ttl_s; /* 0: as configured */
        int64_t created_s;
};

/* A login under way, between the authentication request and its response: C.1 steps 3a to 3d. */
struct idm_txn {
        struct idm_hash handle;
        const char *client_id, *redirect_uri, *state, *nonce, *scope, *challenge, *login_hint;
        int64_t expires_s;
        const char *sub; /* once the password was right and consent is asked for; else NULL */
        int64_t auth_time_s;
};

/* What a user granted to a client at one login. All tokens that come from it are its family, and fall with it. */
struct idm_family {
        const char *id, *sub, *client_id, *scope, *nonce;
        int64_t auth_time_s, created_s, expires_s;
        bool revoked;
};

struct idm_code {
        struct idm_hash hash;
        struct idm_family family;
        const char *redirect_uri, *challenge;
        int64_t expires_s;
        bool spent;
};

struct idm_refresh {
        struct idm_hash hash;
        struct idm_family family;
        int64_t issued_s, expires_s; /* expires_s: idle limit */
        int64_t rotated_s;           /* when it was exchanged for its successor, 0: it is the current one */
        bool successor_used;
        const char *asked_scope; /* at that exchange, "" for none */
        struct bytes answer;     /* of that exchange, sealed; empty once the grace is over */
};

struct idm_access {
        const char *jti;
        int64_t expires_s;
        bool revoked;
        struct idm_family family;
};

/* Tokens about to be answered. */
struct idm_issue {
        struct idm_hash refresh;
        int64_t refresh_expires_s;
        const char *jti;
        int64_t access_expires_s;
        int64_t family_expires_s; /* until its code was redeemed, a family lives no longer than the code */
        int64_t now_s;
};

struct idm_key {
        const char *kid, *alg;
        struct bytes secret; /* PKCS #8, sealed */
        int64_t created_s;
        int64_t use_from_s; /* published before, signs from then on */
        int64_t drop_at_s;  /* published until then; 0: no end yet */
};

/* A pushed authorization request: RFC 9126. */
struct idm_pushed {
        struct idm_hash handle;
        const char *client_id, *form;
        int64_t expires_s;
};

struct idm_failures {
        int64_t count, last_s;
};

struct store_idm {
        /* Users. user_put makes or replaces by mc_id; sub and created_s of an existing user stay. E_EXISTS: another
         * user has one of the MC service IDs, or sub was used before. Disabling, deleting and a new password end all
         * families. */
        enum ecode (*user_put)(struct store_idm *, const struct idm_user *u, struct err *er);
        /* E_EXISTS where user_put would say so; changes nothing. */
        enum ecode (*user_check)(struct store_idm *, const struct idm_user *u, struct err *er);
        enum ecode (*user_by_mc_id)(struct store_idm *, void *mem, const char *mc_id, struct idm_user *ret,
                                    struct err *er);
        enum ecode (*user_by_sub)(struct store_idm *, void *mem, const char *sub, struct idm_user *ret, struct err *er);
        /* In the order of mc_id, those after `after` ("" is the first). */
        enum ecode (*user_list)(struct store_idm *, void *mem, const char *after, size_t most, struct idm_user **ret,
                                size_t *ret_n, struct err *er);
        enum ecode (*user_del)(struct store_idm *, const char *mc_id, struct err *er);
        enum ecode (*user_enable)(struct store_idm *, const char *mc_id, bool enabled, struct err *er);
        enum ecode (*user_passwd)(struct store_idm *, const char *mc_id, const char *password_hash, struct err *er);
        /* The same password under a new cost: nothing ends. Does nothing when the hash is no longer `old`. */
        enum ecode (*user_rehash)(struct store_idm *, const char *sub, const char *old, const char *password_hash,
                                  struct err *er);

        /* Clients. E_NOT_FOUND. Deleting ends all families. */
        enum ecode (*client_put)(struct store_idm *, const struct idm_client *c, struct err *er);
        enum ecode (*client_get)(struct store_idm *, void *mem, const char *id, struct idm_client *ret, struct err *er);
        enum ecode (*client_list)(struct store_idm *, void *mem, struct idm_client **ret, size_t *ret_n,
                                  struct err *er);
        enum ecode (*client_del)(struct store_idm *, const char *id, struct err *er);

        /* Logins under way. E_NOT_FOUND: never was, expired or finished. */
        enum ecode (*txn_begin)(struct store_idm *, const struct idm_txn *t, struct err *er);
        enum ecode (*txn_get)(struct store_idm *, void *mem, const struct idm_hash *handle, int64_t now_s,
                              struct idm_txn *ret, struct err *er);
        /* The password was right, and consent is asked for: sub and auth_time_s of t are kept; clears the failures.
         * E_NOT_FOUND: it was done before. */
        enum ecode (*txn_proven)(struct store_idm *, const struct idm_txn *t, const char *failure_key, struct err *er);
        /* Ends the transaction and makes the code with its family, in one step: of two racing callers one gets E_OK and
         * the other E_NOT_FOUND. Clears the failures under failure_key (may be NULL). */
        enum ecode (*txn_finish)(struct store_idm *, const struct idm_hash *handle, const struct idm_code *code,
                                 const char *failure_key, struct err *er);
        enum ecode (*txn_drop)(struct store_idm *, const struct idm_hash *handle, struct err *er);

        /* Failed logins under a key; those before since_s are forgotten. */
        enum ecode (*failures_get)(struct store_idm *, const char *key, int64_t since_s, struct idm_failures *ret,
                                   struct err *er);
        enum ecode (*failures_add)(struct store_idm *, const char *key, int64_t since_s, int64_t now_s, struct err *er);

        /* Codes. code_redeem marks the code spent and keeps the new tokens, in one step (R-ID-64): of two racing
         * callers one gets E_OK and the other E_CODE_SPENT. E_REFRESH_UNKNOWN: the family was revoked meanwhile. */
        enum ecode (*code_find)(struct store_idm *, void *mem, const struct idm_hash *hash, struct idm_code *ret,
                                struct err *er);
        enum ecode (*code_redeem)(struct store_idm *, const struct idm_hash *hash, const char *family,
                                  const struct idm_issue *tokens, struct err *er);
        /* A check failed: nobody may try again with this code. */
        enum ecode (*code_burn)(struct store_idm *, const struct idm_hash *hash, struct err *er);

        /* Refresh tokens. refresh_rotate marks `old` exchanged, keeps the answer for the grace, and keeps the new
         * tokens, in one step. E_CONFLICT: it was exchanged meanwhile; E_REFRESH_UNKNOWN: the family was revoked
         * meanwhile. */
        enum ecode (*refresh_find)(struct store_idm *, void *mem, const struct idm_hash *hash, struct idm_refresh *ret,
                                   struct err *er);
        enum ecode (*refresh_rotate)(struct store_idm *, const struct idm_hash *old, const char *family,
                                     const char *asked_scope, struct bytes answer, const struct idm_issue *tokens,
                                     struct err *er);

        /* Access tokens, for revocation and introspection. */
        enum ecode (*access_find)(struct store_idm *, void *mem, const char *jti, struct idm_access *ret,
                                  struct err *er);
        enum ecode (*access_revoke)(struct store_idm *, const char *jti, struct err *er);

        /* Families: E_OK also when it was revoked before. family_list: live ones of one user (sub NULL: of all), newest
         * first; family_end: all of one user, and of one client unless client_id is NULL; *ret_n says how many. */
        enum ecode (*family_revoke)(struct store_idm *, const char *id, struct err *er);
        enum ecode (*family_list)(struct store_idm *, void *mem, const char *sub, int64_t now_s, size_t most,
                                  struct idm_family **ret, size_t *ret_n, struct err *er);
        enum ecode (*family_end)(struct store_idm *, const char *sub, const char *client_id, int64_t *ret_n,
                                 struct err *er);

        /* Signing keys, oldest first. key_add with first_only does nothing, with E_EXISTS, when there is one of that
         * alg: of two processes that start together one makes the key. drop_older_at_s: until when the others of that
         * alg are published. */
        enum ecode (*key_list)(struct store_idm *, void *mem, struct idm_key **ret, size_t *ret_n, struct err *er);
        enum ecode (*key_add)(struct store_idm *, const struct idm_key *k, bool first_only, int64_t drop_older_at_s,
                              struct err *er);

        /* Pushed requests: taken once (R-ID-134). E_NOT_FOUND. */
        enum ecode (*pushed_put)(struct store_idm *, const struct idm_pushed *p, struct err *er);
        enum ecode (*pushed_take)(struct store_idm *, void *mem, const struct idm_hash *handle, int64_t now_s,
                                  struct idm_pushed *ret, struct err *er);
        /* Remembers an identifier that may come once. E_REPLAY: it was seen before (R-ID-69, client assertions). */
        enum ecode (*once)(struct store_idm *, const char *what, int64_t until_s, struct err *er);

        /* Forgets everything that is over at now_s, and answers of exchanges before grace_s. */
        enum ecode (*expire)(struct store_idm *, int64_t now_s, int64_t grace_s, struct err *er);
        enum ecode (*count)(struct store_idm *, int64_t now_s, int64_t *ret_users, int64_t *ret_families,
                            struct err *er);
};

#endif
