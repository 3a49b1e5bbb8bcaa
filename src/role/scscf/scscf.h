/* S-CSCF: registrar of the home network (TS 24.229 clause 5.4). It challenges (MAR), assigns itself (SAR), holds the
 * bindings, tells application servers by third-party REGISTER, and routes requests of registered users by their filter
 * criteria.
 *
 *   scscf.c             start, stop, expiry, what is kept in the store
 *   scscf_register.c    REGISTER from P-CSCF and I-CSCF: read, authenticate, admit, answer
 *   scscf_auth.c        challenges and their answers
 *   scscf_thirdparty.c  third-party REGISTER to application servers
 *   scscf_event.c       subscriptions to registrations (reg-event)
 *   scscf_route.c       everything that is not REGISTER
 */
#ifndef MUSTER_ROLE_SCSCF_H
#define MUSTER_ROLE_SCSCF_H

#include "base/due.h"
#include "engine/challenge.h"
#include "engine/registrar.h"
#include "port/cx_conf.h"
#include "port/role.h"
#include "port/store_kv.h"
#include "proto/ifc/ifc.h"
#include "proto/reginfo/reginfo.h"
#include "proto/sip/sip.h"

#include <pthread.h>

#define SCSCF_FLOW "mcx-sign-on"

struct scscf_conf {
        const char *listen, *name;
        struct conf_list trusted_names, trusted_addresses, services;
        int64_t expires_min, expires_max, expires_default, auth_failures_max, as_timeout;
        struct cx_conf cx;
};

/* One implicit registration set with all that the S-CSCF knows about it. */
struct scscf_user {
        struct reg *reg;
        char *user_data;               /* as the HSS sent it */
        struct ims_subscription *data; /* read */
        struct scscf_as *as;           /* application servers that were told, for Call-ID and CSeq */
        size_t as_n;
        bool untold;    /* not all servers of the last round have answered or failed: kept, survives a restart */
        bool owed;      /* found untold at the start: the round is run again */
        size_t awaited; /* answers of the round `generation` that are to come */
        struct scscf_sub **subs; /* who hears what becomes of it */
        size_t subs_n;
        char **shown; /* contacts in the last NOTIFY */
        size_t shown_n;
        struct bytes last_register, last_response;
        int64_t last_expires;
        uint64_t generation; /* the third-party round: a late failure of an old one is no news */
        size_t names_n;      /* rows of by_impu that lead here */
};

/* A dialog of the event package "reg" in which this S-CSCF notifies. */
struct scscf_sub {
        char *call_id, *local, *tag, *remote; /* our To with its tag; their From */
        char *target, **routes;
        size_t routes_n;
        uint32_t remote_cseq, cseq, version;
        int64_t expires_at;
};

struct scscf_as {
        char *server_name, *call_id;
        uint32_t cseq;
};

struct scscf {
        const struct role_env *env;
        const struct scscf_conf *conf;
        /* Changes of one set, one at a time, so that they reach the store in the order in which they were made; taken
         * before `lock`. A set's is the one that its key falls on. */
        pthread_mutex_t turns[256];
        pthread_mutex_t lock; /* over everything below */
        struct chal_table *challenges;
        struct scscf_entry *by_impu; /* each IMPU of each set */
        struct due due;              /* the first binding or subscription to end */
        uint64_t registered, refused, told, told_failed, rounds;
};

extern const struct role role_scscf;

/* --- inside of the role --- */

/* One REGISTER on its way through. Everything on mem. */
struct scscf_turn {
        struct scscf *s;
        struct sip_tx *tx;
        struct sip_msg *rq;
        const struct sip_peer *from;
        void *mem;
        char *impu;
        const char *impi;
        struct sip_auth auth;
        bool has_auth;
        struct reg_ask ask;
        bool ends; /* nothing but lifetimes of zero */
        struct digest_hex rspauth;
        enum chal_scheme scheme;
};

void scscf_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void scscf_on_register(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void scscf_on_request(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);

/* E_OK: authenticated. E_AUTH_NEEDED: *challenge is the 401 to send. Otherwise a refusal or E_PEER_DOWN. */
enum ecode scscf_authenticate(struct scscf_turn *t, struct sip_msg **challenge, struct err *er);

/* Waits for the turn of the set that this IMPU belongs to (`fresh`, which may be NULL, where there is none yet), and
 * takes the lock. scscf_leave gives both back. */
size_t scscf_enter(struct scscf *s, const char *impu, const struct scscf_user *fresh);
void scscf_leave(struct scscf *s, size_t turn);
/* With the lock held: the set that this IMPU belongs to, or NULL. */
struct scscf_user *scscf_user_of(struct scscf *s, const char *impu);
/* With the lock held: takes u and indexes it by its IMPUs, or frees it when there is no memory; takes it out and frees
 * it. */
enum ecode scscf_user_add(struct scscf *s, struct scscf_user *u);
void scscf_user_remove(struct scscf *s, struct scscf_user *u);
/* With the set entered: writes it to the store, or removes it there. The lock is given away while the disk is waited
 * for; u stays, since its turn is kept. */
enum ecode scscf_user_keep(struct scscf *s, const struct scscf_user *u, struct err *er);
enum ecode scscf_user_forget(struct scscf *s, const struct scscf_user *u, struct err *er);
const char *scscf_user_key(const struct scscf_user *u);

/* With the set entered: one server less to answer in this round; the last one ends it. */
void scscf_told(struct scscf *s, struct scscf_user *u);
/* With the set entered: third-party REGISTER to every application server whose criteria match (TS 24.229
 * clause 5.4.1.7). expires 0: de-registration. `last` is the set as it was when it ended. */
void scscf_tell(struct scscf *s, struct scscf_user *u, unsigned reg_type, int64_t expires);
/* With the set entered: the round that a binding owes since it was acknowledged; scscf_told writes down that it is
 * paid.
 */
void scscf_tell_owed(struct scscf *s, struct scscf_user *u, unsigned reg_type);
/* The headers of a message, or of none (NULL), for filter criteria. */
bool scscf_header_at(const void *message, size_t nth, const char **name, const char **value);
/* Takes the set down on the network's own account: store, application servers, HSS (TS 24.229 clause 5.4.1.5). */
void scscf_network_deregister(struct scscf *s, const char *impu, enum cx_assignment why);

/* R-SA-27. True: it was a SUBSCRIBE to a registration here, and is answered. */
bool scscf_on_subscribe(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq);
/* With the set entered: tells subscribers; contacts that are gone since the last time went through `ended`. all_gone:
 * those which are still there as well. */
void scscf_notify(struct scscf *s, struct scscf_user *u, bool all_gone, enum reginfo_event ended);
/* With the set entered: ends subscriptions whose time is over. */
bool scscf_subs_due(const struct scscf_user *u, int64_t now);
void scscf_subs_expire(struct scscf *s, struct scscf_user *u, int64_t now);
json_t *scscf_subs_json(const struct scscf_user *u);
void scscf_subs_from_json(struct scscf_user *u, const json_t *a);

void scscf_reply(struct scscf *s, struct sip_tx *tx, struct sip_msg *rs);
/* Status from the error, Retry-After where nothing was decided, event with the requirement. */
void scscf_refuse(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct err *er);

#endif
