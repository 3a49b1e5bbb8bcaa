/* Inside of the SIP adapter. Everything here is the loop's, except where it says otherwise. */
#ifndef MUSTER_ADAPTER_NET_SIP_NET_INT_H
#define MUSTER_ADAPTER_NET_SIP_NET_INT_H

#include "adapter/net/sip_net.h"
#include "engine/siptx.h"
#include "proto/sip/sip.h"

#include <pthread.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <event2/event.h>
#include <event2/bufferevent.h>
#include <talloc.h>
#include "base/hash.h"

#define SIP_PROTOS        (SIP_TLS + 1)
#define SIP_LISTENERS_MAX 8

/* Does not change after sip_net_listen(), but for tls: any thread reads the rest. */
struct sip_listener {
        struct sip_net *net;
        char name[32];
        char ip[46];
        uint16_t port[SIP_PROTOS]; /* 0: not served */
        int fd[SIP_PROTOS];
        struct event *ev[SIP_PROTOS];
        SSL_CTX *tls;
        bool one_port;
};

struct sip_ctx;

struct sip_addr_key {
        const struct sip_listener *ls;
        enum sip_proto proto;
        uint16_t port;
        char ip[46];
};

enum sip_conn_state { SIP_CONN_CONNECTING, SIP_CONN_HANDSHAKE, SIP_CONN_OPEN, SIP_CONN_DOOMED };

struct sip_conn {
        struct sip_net *net;
        struct sip_listener *ls;
        uint64_t flow;
        struct sip_addr_key key;
        enum sip_conn_state state;
        int fd;                   /* while connecting; then the bufferevent's */
        struct event *connecting; /* writable: connect() is done */
        struct event *timer;
        uint64_t deadline_ms;
        struct evbuffer *waiting; /* what is to be sent once it is open */
        struct bufferevent *bev;
        SSL *ssl; /* the bufferevent's */
        struct sip_frame frame;
        bool half; /* a message has begun and not ended */
        char tls_name[128];
        struct sip_ctx *users; /* requests whose answer is expected here */
        UT_hash_handle hh_flow, hh_addr;
};

/* Where a message came from. */
struct sip_src {
        struct sip_listener *ls;
        struct sip_peer peer;
};

/* One event for a callback. */
struct sip_told {
        struct sip_told *next;
        struct sip_msg *rs;
        enum ecode why;
};

struct sip_waiter {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        bool done;
        struct sip_msg *rs;
        enum ecode why;
};

/* A request that we send. */
struct sip_ctx {
        struct siptx tx;    /* first */
        struct siptx alias; /* of an INVITE: found by its dialog, for ACK and CANCEL */
        bool in_table, aliased, has_via;
        struct loop_task task; /* to the loop: start, or a callback has returned */
        struct sip_net *net;
        struct sip_msg *rq;
        struct sip_target to;
        uint64_t limit_ms;
        sip_response_fn fn;
        void *arg;
        struct sip_waiter *waiter; /* instead of fn */
        char *branch;
        struct bytes out;      /* as sent */
        struct bytes ack_2xx;  /* the ACK that was sent for a 2xx */
        bool may_fall_back;    /* over TCP for its size alone: UDP is left to try */
        struct sip_conn *conn; /* in whose list of users this is */
        struct sip_ctx *conn_prev, *conn_next;
        struct sip_ctx *prev, *next; /* net->ctxs */
        struct sip_told *told;       /* not yet told, in order; the first is on a worker while `telling` */
        bool telling;
        struct sip_ctx *starved; /* next in net->starved */
};

/* A request that we received; the handle that roles hold. */
struct sip_tx {
        struct siptx tx;    /* first */
        struct siptx alias; /* of an INVITE: found by its dialog, for the ACK of a 2xx */
        bool aliased, answered;
        struct sip_net *net;
        struct sip_target back;
        struct bytes answer; /* the last one */
        char tag[17];        /* ours, for To; any thread reads it */
};

struct sip_net {
        struct sip_port port; /* first: what roles hold */
        struct sip_net_conf conf;
        struct sip_listener listeners[SIP_LISTENERS_MAX];
        size_t listeners_n;
        atomic_bool serving, closing;
        sip_request_fn fn;
        void *role;

        struct siptx_table *tb;
        struct event *timer;
        uint64_t armed_ms;
        struct sip_conn *by_flow, *by_addr;
        uint64_t last_flow;
        uint8_t *datagram; /* SIP_MSG_MAX octets to read into */
        struct sip_ctx *ctxs;
        struct sip_ctx *starved; /* callbacks that found the workers' queue full */
        struct event *feed;

        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t idle;
        size_t busy; /* requests under way, and jobs on workers */
        atomic_uint_fast64_t received, malformed, requests, retransmissions, refused_busy, conns, txs, turned_away,
                timeouts, resent;
};

static inline uint64_t sip_now(const struct sip_net *n)
{
        return clock_ms(n->conf.clock);
}

/* sip_net.c */
void sip_net_hold(struct sip_net *n);
void sip_net_drop(struct sip_net *n); /* any thread */
struct sip_listener *sip_net_listener(struct sip_net *n, const char *name, enum sip_proto proto);
bool sip_sockaddr(const char *ip, uint16_t port, struct sockaddr_storage *ret, socklen_t *len);
void sip_sockname(const struct sockaddr_storage *sa, char ip[46], uint16_t *port);
/* Sets the timer to the next transaction that is due. */
void sip_net_arm(struct sip_net *n);

/* sip_sock.c: bound sockets */
enum ecode sip_sock_open(struct sip_listener *l, const char *address, unsigned protos, struct err *er);
enum ecode sip_sock_start(struct sip_listener *l);
void sip_sock_close(struct sip_listener *l);

/* sip_conn.c: streams */
struct sip_conn *sip_conn_find(struct sip_net *n, const struct sip_target *to, const struct sip_listener *ls);
enum ecode sip_conn_connect(struct sip_listener *ls, const struct sip_target *to, struct sip_conn **ret);
void sip_conn_accepted(struct sip_listener *ls, enum sip_proto proto, int fd, const struct sockaddr_storage *sa);
void sip_conn_write(struct sip_conn *c, struct bytes out);
/* Nothing more is read; closed when what was written is out. Never at once: callers may still hold it. */
void sip_conn_doom(struct sip_conn *c);
void sip_conn_close_all(struct sip_net *n);

/* sip_out.c: from a target to a socket */
struct sip_route {
        struct sip_listener *ls;
        enum sip_proto proto;
        struct sip_conn *conn; /* NULL: UDP, or still to be opened */
};
enum ecode sip_route(struct sip_net *n, const struct sip_target *to, struct sip_route *ret);
/* E_PEER_DOWN. The connection is in r->conn afterwards. */
enum ecode sip_transmit(struct sip_net *n, struct sip_route *r, const struct sip_target *to, struct bytes out);

/* sip_recv.c: one message that arrived */
void sip_received(struct sip_net *n, const struct sip_src *src, struct bytes in);
/* Answers what cannot be handed on, without a transaction, as far as its headers allow. */
void sip_refuse_octets(struct sip_net *n, const struct sip_src *src, struct bytes in, int status);

/* sip_client.c */
void sip_ctx_start(struct loop_task *t);
void sip_ctx_answered(struct sip_ctx *x, struct sip_msg *rs); /* takes rs */
void sip_ctx_due(struct sip_ctx *x, enum siptx_event ev);
void sip_ctx_broken(struct sip_ctx *x, bool never_open);
void sip_ctx_feed(evutil_socket_t fd, short what, void *arg);
enum ecode sip_port_send(struct sip_port *p, struct sip_msg *rq, const struct sip_target *to, unsigned timeout_ms,
                         sip_response_fn fn, void *arg);
enum ecode sip_port_call(struct sip_port *p, void *mem, struct sip_msg *rq, const struct sip_target *to,
                         unsigned timeout_ms, struct sip_msg **ret, struct err *er);

/* sip_server.c */
void sip_tx_request(struct sip_net *n, const struct sip_src *src,
                    struct sip_msg *rq); /* takes rq; its Via is amended */
void sip_tx_due(struct sip_tx *x, enum siptx_event ev);
enum ecode sip_port_reply(struct sip_port *p, struct sip_tx *tx, struct sip_msg *rs);
/* Writes received and rport into the topmost Via: clause 18.2.1, RFC 3581 clause 4. */
void sip_via_amend(const struct sip_src *src, struct sip_msg *rq);
/* Where an answer to rq goes: RFC 3261 clause 18.2.2, RFC 3581 clause 4. */
enum ecode sip_target_back(const struct sip_src *src, const struct sip_msg *rq, struct sip_target *ret);

#endif
