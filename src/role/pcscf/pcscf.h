/* P-CSCF: where UEs meet the SIP core (TS 24.229 clause 5.2). It believes nothing that a UE says about itself: what the
 * core reads as asserted (identity, integrity protection, visited network, charging id) is set here.
 *
 *   pcscf.c           start, stop, expiry; the table of registered UEs
 *   pcscf_register.c  REGISTER: checks, what is added and taken out on both ways, what is learnt from the 200
 *   pcscf_request.c   other requests, from UEs and to them
 */
#ifndef MUSTER_ROLE_PCSCF_H
#define MUSTER_ROLE_PCSCF_H

#include "port/role.h"
#include "port/store_kv.h"
#include "proto/sip/sip.h"

#include <pthread.h>

#define PCSCF_FLOW "mcx-sign-on"

struct pcscf_conf {
        const char *gm_listen, *mw_listen, *icscf, *sec_agree;
        struct conf_list trusted_names, trusted_addresses;
        bool aka_without_protection;
        int64_t timeout;
};

/* A registered UE: the association between where its messages come from and who it is. */
struct pcscf_ue {
        char *id;    /* in our Path: random, says nothing about the user */
        char *where; /* the key: "tls/17" for a connection, "udp/10.0.0.7:5060" otherwise */
        struct sip_target at;
        char **impus; /* first is the default */
        size_t impus_n;
        char **service_route;
        size_t service_route_n;
        char *contact;
        int64_t expires_at;
};

struct pcscf {
        const struct role_env *env;
        const struct pcscf_conf *conf;
        pthread_mutex_t lock;
        struct pcscf_entry *by_id;
        struct pcscf_entry *by_where;
        uint64_t registers, refused;
};

extern const struct role role_pcscf;

/* --- inside of the role --- */
void pcscf_on_register(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void pcscf_on_request(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);
void pcscf_refuse(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct err *er);
char *pcscf_where(void *mem, const struct sip_peer *from);

/* The table. A copy on mem is handed out, so that nothing is held while a request is on its way. */
bool pcscf_ue_by_where(struct pcscf *p, void *mem, const char *where, struct pcscf_ue **ret);
bool pcscf_ue_by_id(struct pcscf *p, void *mem, const char *id, struct pcscf_ue **ret);
/* Replaces what was known under the same place or id. Durable for UEs on UDP, whose place outlives this process. */
enum ecode pcscf_ue_put(struct pcscf *p, const struct pcscf_ue *ue, struct err *er);
void pcscf_ue_drop(struct pcscf *p, const char *where);

#endif
