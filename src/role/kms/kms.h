/* The key management server of TS 33.180 clause 5.3 and annex D: a resource server that takes an access token with a
 * key management scope and gives identity-based keys to the MC service ID in it (step 3.5 of a sign-on).
 *
 * kms_service.c decides, and reads like the clauses; it knows neither HTTP nor SQL. kms_master.c holds the master
 * secrets, which exist in this process alone. kms_routes.c speaks HTTP, kms_admin.c is the administration. */
#ifndef MUSTER_ROLE_KMS_H
#define MUSTER_ROLE_KMS_H

#include "port/role.h"
#include "port/store_kms.h"
#include "proto/kms/kms.h"
#include "proto/oauth/oauth.h"

extern const struct role role_kms;

struct kms_conf {
        const char *listen;
        const char *kms_uri; /* the name of the security domain */
        const char *kms_id;  /* of this server within it */
        const char *issuer, *jwks_url;
        struct conf_list audiences; /* names of this server in `aud` */
        struct conf_list domains;   /* KmsDomainList */
        struct conf_list servers;   /* "<name in the certificate>=<URI>": who gets keys for a client certificate */
        int64_t key_period, key_offset;
        int64_t cert_life;
        int64_t time_window_s;
        int64_t periods_ahead;
        int64_t issue_log_s;
        bool plain_jwt_typ, scp_array;
        bool user_id_hex;
};
extern const struct conf_item kms_conf_items[];

struct kms;

/* Opens or makes the master secrets. E_STORE_DOWN; E_KEY_INVALID, E_DECRYPT: the stored ones do not hold (R-KMS-85);
 * E_CONFIG: KmsUri or key period differ from those that keys were issued under (R-KMS-12, R-KMS-13). */
enum ecode kms_start(void *mem, const struct role_env *env, const struct kms_conf *conf, struct kms **ret,
                     struct err *er);
void kms_stop(struct kms *k);
void kms_tick(struct kms *k);

enum kms_op { KMS_OP_INIT, KMS_OP_KEYPROV, KMS_OP_CERTCACHE, KMS_OP_CERT };

/* A request, free of HTTP. */
struct kms_ask {
        enum kms_op op;
        struct bytes token;    /* p NULL: none */
        const char *peer_name; /* of the verified client certificate, or NULL; counts where there is no token */
        const char *url;       /* as the client addressed it: R-KMS-51 */
        const char *name;      /* decoded <UserUri> or <KmsUri> of the path, or NULL */
        const char *time_hex;  /* <time> of a keyprov path, or NULL */
        const char *cache_num; /* of a certcache path, or NULL */
        struct bytes body;     /* KmsRequest, or empty */
};

/* Whom the answer is for, for events. */
struct kms_about {
        const char *user_uri, *client_id, *jti;
        bool server; /* by its certificate: CSC-9 */
};

/* Annex D.2.3 to D.2.6. *ret is ready to print; key values in it wipe themselves with mem.
 * Errors  E_TOKEN_* and what trust_token says; E_FORBIDDEN (R-KMS-36, 37); E_NOT_FOUND (R-KMS-18, 41, 57); E_RANGE
 *         (R-KMS-50, 51, 52); E_SYNTAX and the like for the body (R-KMS-54, 55). */
enum ecode kms_answer(struct kms *k, void *mem, const struct kms_ask *ask, struct kms_response *ret,
                      struct kms_about *about, struct err *er);

/* A KmsResponse that carries the error: its code is the HTTP status (R-KMS-61). UserUri is the one asked for, else that
 * of `about`, else the anonymous URI of RFC 3323: the schema wants one. */
void kms_error_response(struct kms *k, void *mem, const struct kms_ask *ask, const struct kms_about *about, int status,
                        const struct err *er, struct kms_response *ret);

/* For servers of the same machine, over the administration socket: KmsInit and KmsKeyProv for a provisioned server. */
enum ecode kms_server_keys(struct kms *k, void *mem, const char *uri, int64_t time_s, struct kms_response *ret_init,
                           struct kms_response *ret_keys, struct err *er);

/* Administration (host/admin.h). Arguments and results are JSON objects:
 *
 *   user-put     mc_id, mcptt_id, mcvideo_id, mcdata_id: what is absent stays, null removes; other members are ignored.
 *                With "new": true an mc_id that has keys already is E_EXISTS.
 *                Result: the user as user-show gives it. R-SA-122: putting twice is the same as once.
 *   user-check   the same arguments; answers as user-put would, and changes nothing
 *   user-del     mc_id
 *   user-show    mc_id -> mc_id, mcptt_id, mcvideo_id, mcdata_id, uris [..], server
 *   user-list    after, most -> {"users":[...], "next": mc_id or absent}
 *   server-put   uri, name (in its certificate; absent: the URI itself, for server-keys alone); server-del  uri.
 *                Servers that the configuration names are put at each start.
 *   server-keys  uri, time (ISO 8601, absent: now) -> {"uri", "init": XML, "keyprov": XML}: the documents that the
 *                server would get over HTTPS. For servers of the same deployment; the socket's peer check is the proof.
 *   partner-put  xml (KmsCertificate) -> {"cert_uri", "kms_uri"}; partner-del  cert_uri; partner-list
 *   token-deny   jti or sub or client_id; token-denied: see trust_deny_cmd (R-KMS-33)
 *   issue-list   uri (absent: all), most
 *   kms-show     -> kms_uri, cert_uri, created, key_period, key_offset, key_period_no, pub_enc_key, pub_auth_key */
extern const struct admin_cmd kms_admin_cmds[];

#endif
