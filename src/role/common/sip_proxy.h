/* A stateful proxy's one step (RFC 3261 clause 16), for P-, I- and S-CSCF: pass a request on and its answers back. */
#ifndef MUSTER_ROLE_COMMON_SIP_PROXY_H
#define MUSTER_ROLE_COMMON_SIP_PROXY_H

#include "base/event.h"
#include "port/sip.h"

/* Sees each answer before it goes back, may change it (take ck and ik out, learn a Service-Route) and returns what goes
 * back: rs, or another message in its place. On a worker. */
typedef struct sip_msg *(*sip_proxy_edit)(void *arg, struct sip_msg *rs);

struct sip_proxy_job {
        struct sip_port *port;
        struct log *log;
        const char *role; /* of this proxy, in events */
        unsigned timeout_ms;
        sip_proxy_edit edit; /* or NULL */
        void *arg;           /* talloc memory that goes with the exchange, or NULL */
};

/* Sends `out` (taken; made by sip_proxy_copy and changed as the role wishes) and sees to it that tx gets exactly one
 * final answer: what came back, 408 when nothing did in time, 503 when the next hop cannot be reached. Never 403:
 * nobody decided. */
void sip_proxy_forward(const struct sip_proxy_job *job, struct sip_tx *tx, struct sip_msg *rq, struct sip_msg *out,
                       const struct sip_target *to);

/* A copy to be sent on, with Max-Forwards one lower. E_RANGE (483) when it was 0. */
enum ecode sip_proxy_copy(const struct sip_msg *rq, struct sip_msg **ret, struct err *er);

#endif
