/* MCX server (participating function): who is registered in the SIP core, who is authorised, and nobody else gets in.
 * TS 33.180 clause 5.1.3, TS 24.379, 24.281 and 24.282 clauses 7.
 *
 *   mcx.c           settings, start, stop, expiry, administration
 *   mcx_state.c     users, registrations, bindings: in memory and in the store
 *   mcx_value.c     each of them as a value: copies, and the form in the store
 *   mcx_map.c       maps and indexes
 *   mcx_keys.c      the server's own keys from the KMS (CSC-9)
 *   mcx_register.c  third-party REGISTER (step 2)
 *   mcx_publish.c   PUBLISH of service settings: read and answered (step 4)
 *   mcx_authorise.c the decision: token, CSK, user, limit, binding
 *   mcx_request.c   everything else: 404 with Warning 141 for who is not authorised
 */
#ifndef MUSTER_ROLE_MCX_H
#define MUSTER_ROLE_MCX_H

#include "crypto/kdf.h"
#include "crypto/seal.h"
#include "engine/kmc.h"
#include "port/role.h"
#include "port/store_kv.h"
#include "proto/mcx/mcx_info.h"
#include "proto/mcx/mcx_settings.h"
#include "proto/mime/mime.h"
#include "proto/sip/sip.h"
#include "role/common/trust.h"
#include "role/mcx/mcx_map.h"

#include <pthread.h>

#define MCX_FLOW "mcx-sign-on"

struct mcx_conf {
        const char *listen, *host, *issuer, *jwks_url, *audience, *kms_url;
        const char *psi_mcptt, *psi_mcvideo, *psi_mcdata;
        const char *csk, *limited_service;
        struct conf_list trusted_names, trusted_addresses;
        int64_t publish_min, publish_default, publish_max, register_default, bindings_max, mikey_window;
};

/* The MC user database's view that service authorisation needs. */
struct mcx_user {
        char *mc_id, *service_id[MCX_SERVICES]; /* NULL: not provisioned for that service */
        bool enabled;
        int64_t bindings_max; /* 0: the server's maximum */
        int64_t profiles[8];
        size_t profiles_n;
        int64_t preselected;
};

/* An IMPU that the SIP core says is registered: limited service until somebody is authorised on it. */
struct mcx_reg {
        char *impu, *scscf, *call_id;
        uint32_t cseq;
        int64_t expires_at;
        unsigned services; /* bits: the UE announced this service in its Contact */
};

/* The result of service authorisation: MC service ID, client and IMPU belong together. */
struct mcx_binding {
        enum mcx_service service;
        char *mc_id, *client_id, *impu, *etag, *token_jti, *token_sub, *token_iss, *oauth_client, *entity_id;
        int64_t authorised_at, valid_until, token_exp, profile_index;
        enum mcx_answer_mode answer_mode;
        bool has_csk;
        uint32_t csk_id;
        struct mc_key csk;
        int64_t csk_time;       /* T of the message that brought it: R-KMS-110 */
        uint8_t csk_digest[32]; /* of that message: the same one again has no effect (R-KMS-111) */
};

struct mcx {
        const struct role_env *env;
        const struct mcx_conf *conf;
        struct trust *trust;
        pthread_mutex_t lock;         /* over the maps; taken last, and never while waiting for the disk */
        pthread_mutex_t impus[64];    /* one decision at a time for one IMPU; taken first */
        pthread_mutex_t users_of[64]; /* and for one user; taken second, one at a time */
        struct mcx_map *users, *regs, *bindings, *index;
        struct mcx_keys *keys;
        uint64_t authorised, refused, registered;
};

extern const struct role role_mcx;

/* --- inside of the role --- */

/* mcx_state.c. With m->lock held unless said otherwise; pointers are good while it is held. */
enum ecode mcx_state_open(struct mcx *m, struct err *er);
struct mcx_user *mcx_user_of(struct mcx *m, enum mcx_service s, const char *service_id);
struct mcx_reg *mcx_reg_of(struct mcx *m, const char *impu);
struct mcx_binding *mcx_binding_of(struct mcx *m, enum mcx_service s, const char *mc_id, const char *client_id);
/* The binding of this service that requests from the IMPU belong to, if it is alive; NULL: limited service. */
struct mcx_binding *mcx_binding_on(struct mcx *m, enum mcx_service s, const char *impu, int64_t now_s);
/* The live one that settings from the IMPU are for: that of the entity tag and client id, where these are not NULL. */
struct mcx_binding *mcx_binding_for(struct mcx *m, enum mcx_service s, const char *impu, const char *etag,
                                    const char *client_id, int64_t now_s);
/* One on this IMPU that belongs to another user than mc_id. */
struct mcx_binding *mcx_stranger_on(struct mcx *m, enum mcx_service s, const char *impu, const char *mc_id);
size_t mcx_bindings_of(struct mcx *m, enum mcx_service s, const char *mc_id, int64_t now_s);
bool mcx_csk_id_taken(struct mcx *m, uint32_t csk_id, const struct mcx_binding *by);
/* This binding is there, and nobody changed it since it was copied. */
bool mcx_binding_unchanged(struct mcx *m, const struct mcx_binding *seen);
void mcx_each_user(struct mcx *m, void (*fn)(void *arg, const struct mcx_user *u), void *arg);
void mcx_each_reg(struct mcx *m, void (*fn)(void *arg, const struct mcx_reg *r), void *arg);
void mcx_each_binding(struct mcx *m, void (*fn)(void *arg, const struct mcx_binding *b), void *arg);

/* Durable changes; without m->lock, they wait for the disk. Who changes a registration has entered its IMPU; who puts
 * or deletes a binding has entered its user. */
enum ecode mcx_user_put(struct mcx *m, const struct mcx_user *u, struct err *er);
enum ecode mcx_user_del(struct mcx *m, const char *mc_id, struct err *er);
enum ecode mcx_reg_put(struct mcx *m, const struct mcx_reg *r, struct err *er);
/* With all bindings on it: R-SA-48. */
enum ecode mcx_reg_del(struct mcx *m, const char *impu, struct err *er);
enum ecode mcx_binding_put(struct mcx *m, const struct mcx_binding *b, struct err *er);
enum ecode mcx_binding_del(struct mcx *m, const struct mcx_binding *b, struct err *er);
/* Enters the user itself, and deletes the binding unless it was changed since it was copied. */
enum ecode mcx_binding_drop(struct mcx *m, const struct mcx_binding *seen, struct err *er);
/* Those of the IMPU and these services (bits). */
enum ecode mcx_bindings_drop(struct mcx *m, const char *impu, unsigned services, struct err *er);
void mcx_state_expire(struct mcx *m);

/* One decision at a time about an IMPU, and about a user. */
void mcx_enter(struct mcx *m, const char *impu);
void mcx_leave(struct mcx *m, const char *impu);
void mcx_enter_user(struct mcx *m, const char *mc_id);
void mcx_leave_user(struct mcx *m, const char *mc_id);

/* mcx_value.c. Everything on mem; NULL: no memory, or a text that does not hold what has to be there. */
struct mcx_user *mcx_user_copy(void *mem, const struct mcx_user *u);
struct mcx_reg *mcx_reg_copy(void *mem, const struct mcx_reg *r);
struct mcx_binding *mcx_binding_copy(void *mem, const struct mcx_binding *b);
/* An empty one, wiped when it is freed. */
struct mcx_binding *mcx_binding_new(void *mem);
json_t *mcx_user_json(const struct mcx_user *u);
json_t *mcx_reg_json(const struct mcx_reg *r);
/* The CSK is sealed; mem is for what the document is made of. */
json_t *mcx_binding_json(struct mcx *m, void *mem, const struct mcx_binding *b);
/* Also a user as administration names it. */
struct mcx_user *mcx_user_from_json(void *mem, const json_t *o);
struct mcx_reg *mcx_reg_from_json(void *mem, const json_t *o);
struct mcx_binding *mcx_binding_from_json(struct mcx *m, void *mem, const json_t *o);

/* mcx_keys.c */
enum ecode mcx_keys_open(struct mcx *m, struct err *er);
void mcx_keys_tick(struct mcx *m);
/* CSK uploads can be opened, or are not looked at by policy. */
bool mcx_keys_held(struct mcx *m);
/* Opens the CSK upload for this service's identity, signed by `initiator` (NULL: not known yet; then the message has to
 * name it in the open, and the caller compares). E_PEER_DOWN while the server has no keys yet. */
enum ecode mcx_keys_open_csk(struct mcx *m, void *mem, enum mcx_service s, struct bytes message, const char *initiator,
                             struct mikey_opened *ret, struct err *er);

/* What asks for authorisation, whichever way it came. Texts live on the request's memory. */
struct mcx_ask {
        enum mcx_service service;
        const char *impu, *call_id;
        struct mcx_info *info;
        struct bytes mikey;
        const struct mcx_settings *settings; /* or NULL */
        const char *if_match;                /* or NULL */
        int64_t expires;                     /* asked for; -1: not said */
        bool by_register;
};
struct mcx_grant {
        char *etag;
        int64_t expires;
        bool multiple_devices;
        char *mc_id;
};
/* A refusal as the wire shows it: TS 24.379 clause 4.4. warning 0: none. */
struct mcx_refusal {
        int status, warning;
        const char *text;
};
enum ecode mcx_authorise(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_grant *ret,
                         struct mcx_refusal *no, struct err *er);
/* Settings of a client that is authorised already: refresh and change (TS 24.379 clause 7.3.4). */
enum ecode mcx_resettle(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_grant *ret,
                        struct mcx_refusal *no, struct err *er);
/* Log-off (clause 7.3.5). */
enum ecode mcx_log_off(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_refusal *no, struct err *er);

const char *mcx_psi(const struct mcx *m, enum mcx_service s);
/* The parts of a body of REGISTER or PUBLISH. info stays NULL when there is none of that service. */
struct mcx_parts {
        struct mcx_info *info[MCX_SERVICES];
        struct mcx_settings *settings;
        struct bytes mikey;
        bool known; /* at least one part is of a type that is served */
};
enum ecode mcx_parts_read(void *mem, const struct mime_part *root, struct mcx_parts *ret, struct err *er);

void mcx_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void mcx_on_register(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void mcx_on_publish(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void mcx_on_request(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void mcx_reply(struct mcx *m, struct sip_tx *tx, struct sip_msg *rs);
void mcx_refuse(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct mcx_refusal *no,
                const struct err *er);

#endif
