/* port/sip.h over UDP, TCP and TLS. One loop owns sockets, connections and transactions; handlers and callbacks run on
 * the workers. In this order:
 *
 *      sip_net_open()      the port exists (role_env.sip), nothing is bound
 *      sip_net_listen()    once for each listener: bound, `local` answers, nothing is read yet
 *      sip_net_serve()     requests reach the role from now on
 *      sip_net_stop()      nothing comes or goes any more; the port answers E_PEER_DOWN, the role may stop
 *      sip_net_close()
 *
 * What never reaches a role: retransmissions (R-SA-99), ACKs of refusals, CANCELs without an INVITE (481), messages
 * that do not parse (400), are over 64 KiB (413 and, on streams, close; R-SA-128) or of another SIP version (505), and
 * requests while transactions or the workers' queue are full (503 with Retry-After).
 *
 * What is done for roles: Via with branch on what is sent, and taken off from what comes back; received and rport (RFC
 * 3581) on what arrives; To tags on answers; 100 for an INVITE after 200 ms; requests beyond 1300 octets go over TCP
 * when we have a TCP listener of that name and the target takes the connection (RFC 3261 clause 18.1.1); answers of 2xx
 * to an INVITE are repeated until the ACK, and that ACK is repeated when its 2xx is (hop by hop); a CANCEL that is sent
 * gets the branch and target of its INVITE; CR LF CR LF is answered with CR LF (RFC 5626 clause 4.4.1). */
#ifndef MUSTER_ADAPTER_NET_SIP_NET_H
#define MUSTER_ADAPTER_NET_SIP_NET_H

#include "adapter/net/loop.h"
#include "adapter/net/tls.h"
#include "adapter/net/workers.h"
#include "base/env.h"
#include "base/event.h"
#include "port/sip.h"

struct sip_net;

/* In all limits 0 is the default. */
struct sip_net_conf {
        const struct clock *clock;
        const struct rng *rng;
        struct log *log;         /* may be NULL */
        struct workers *workers; /* outlives the net, and so does the loop */
        struct loop *loop;
        SSL_CTX *tls_client;     /* for connections that we open, or NULL: none over TLS. A reference is taken */
        size_t max_transactions; /* 100000 */
        size_t max_connections;  /* 10000; one more is closed at once */
        unsigned connect_ms;     /* until TCP stands, 5 s */
        unsigned handshake_ms;   /* until TLS stands, 10 s */
        unsigned message_ms;     /* from the first octet of a message to its last, 20 s */
        unsigned idle_ms;        /* without any octet, 1 h */
};

struct sip_listen {
        const char *name;    /* "gm" */
        const char *address; /* "127.0.1.1:5060", "[::1]:0"; port 0: free ones */
        unsigned protos;     /* 1u << SIP_UDP | 1u << SIP_TCP | 1u << SIP_TLS; TLS listens on the port after */
        SSL_CTX *tls; /* for SIP_TLS; a reference is taken. Whether client certificates are asked is its matter */
        /* TCP connections that we open leave from the listener's port: a UE whose registration is tied to its address
         * and port is known on both transports (TS 33.203 annex N). Only where peers are few. */
        bool one_port;
};

struct sip_net_stats {
        uint64_t received;        /* messages that parsed */
        uint64_t malformed;       /* that did not */
        uint64_t requests;        /* handed to the role */
        uint64_t retransmissions; /* absorbed */
        uint64_t busy;            /* answered 503 here */
        uint64_t connections_now, transactions_now;
        uint64_t turned_away; /* connections closed because of max_connections */
        uint64_t timeouts;    /* connections closed because a step took too long */
        uint64_t resent;      /* requests and answers sent once more by a timer */
};

enum ecode sip_net_open(const struct sip_net_conf *conf, struct sip_net **ret, struct err *er);
struct sip_port *sip_net_port(struct sip_net *n);
/* E_CONFIG: not an address, or no TLS context; E_IO: the system's reason. */
enum ecode sip_net_listen(struct sip_net *n, const struct sip_listen *l, struct err *er);
void sip_net_serve(struct sip_net *n, sip_request_fn fn, void *role);
/* New connections to the TLS listener of that name get this context. E_NOT_FOUND. */
enum ecode sip_net_set_tls(struct sip_net *n, const char *name, SSL_CTX *tls);
void sip_net_stats(struct sip_net *n, struct sip_net_stats *ret);
/* Closes sockets and connections, tells callbacks that still wait E_PEER_DOWN, and waits until handlers and callbacks
 * have returned. Not from the loop or a worker. NULL is fine, and so is a second time. */
void sip_net_stop(struct sip_net *n);
/* Stops and frees. NULL is fine. */
void sip_net_close(struct sip_net *n);

#endif
