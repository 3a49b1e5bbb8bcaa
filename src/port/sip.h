/* SIP as roles see it. The adapter owns transports (UDP, TCP, TLS; later WebSocket) and transactions (RFC 3261 clause
 * 17): retransmissions are absorbed below (R-SA-99), Via and its branch are added and removed below. Handlers run on
 * worker threads and may block. */
#ifndef MUSTER_PORT_SIP_H
#define MUSTER_PORT_SIP_H

#include "base/bytes.h"
#include "base/err.h"

struct sip_msg; /* proto/sip/sip.h */
struct sip_tx;  /* a server transaction; valid until its final reply was given */

enum sip_proto { SIP_UDP, SIP_TCP, SIP_TLS, SIP_WS, SIP_WSS };

struct sip_peer {
        enum sip_proto proto;
        char ip[46];
        uint16_t port;
        char tls_name[128];   /* name in the verified client certificate, or "" */
        uint64_t flow;        /* the connection, so that later requests can go back on it; 0 for UDP */
        const char *listener; /* name of the role's listener on which it arrived: "gm", "mw", "isc" */
};

/* Where to send. With flow != 0 that connection is used while it lives; otherwise ip and port. */
struct sip_target {
        enum sip_proto proto;
        char ip[46];
        uint16_t port;
        uint64_t flow;
        const char *listener; /* send from this listener of ours; NULL: the first of that protocol */
};

/* rs is borrowed for the call. No answer: rs == NULL and why is E_TIMEOUT or E_PEER_DOWN. Called once for each
 * provisional answer and once for the final one, on a worker, never two at a time for one request. An ACK has no
 * answer: rs == NULL and why == E_OK, once, when it is on its way. */
typedef void (*sip_response_fn)(void *arg, struct sip_msg *rs, enum ecode why);

struct sip_port {
        /* Sends a request in a transaction of its own. Takes rq, also when it fails. The callback always comes if E_OK.
         */
        enum ecode (*send)(struct sip_port *, struct sip_msg *rq, const struct sip_target *to, unsigned timeout_ms,
                           sip_response_fn fn, void *arg);
        /* The same, and waits for the final answer (own thread, not a loop). *ret on mem. */
        enum ecode (*call)(struct sip_port *, void *mem, struct sip_msg *rq, const struct sip_target *to,
                           unsigned timeout_ms, struct sip_msg **ret, struct err *er);
        /* Answers; takes rs, also when it fails. A status >= 200 ends tx. A To tag is added where there is none. tx
         * NULL (of an ACK): nothing is sent. */
        enum ecode (*reply)(struct sip_port *, struct sip_tx *tx, struct sip_msg *rs);
        /* "<sip:ip:port;transport=tcp>" parts of a listener of ours, for Contact, Path, Service-Route. */
        enum ecode (*local)(struct sip_port *, const char *listener, enum sip_proto proto, struct sip_target *ret);
};

/* What a role implements: every request that is not a retransmission, ACK included. rq is borrowed for the call; its
 * raw octets as received are sip_msg_raw(rq). Exactly one final reply has to follow, now or later; to an ACK none, and
 * its tx is NULL. */
typedef void (*sip_request_fn)(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from);

const char *sip_proto_name(enum sip_proto p);  /* "UDP" */
const char *sip_proto_param(enum sip_proto p); /* "udp" */

#endif
