/* Inside of the HTTP server: what its files share. See http_server.h for the outside. */
#ifndef MUSTER_ADAPTER_NET_HTTP_CONN_H
#define MUSTER_ADAPTER_NET_HTTP_CONN_H

#include "adapter/net/http_server.h"
#include "adapter/net/stream.h"
#include "proto/http/http_head.h"

#include <pthread.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define HTTP_HEAD_MAX ((size_t)16 << 10)

struct event;
struct conn;

/* Who is at the other end of a connection. */
struct http_peer {
        char ip[INET6_ADDRSTRLEN];
        uint16_t port;
        char *name; /* of the verified client certificate, talloc, or NULL */
};

enum http_count { N_CONNECTIONS, N_TURNED_AWAY, N_TLS_FAILED, N_REQUESTS, N_REFUSED, N_BUSY, N_TIMEOUTS, N_COUNTS };

/* The part of the server that lives on one loop. */
struct http_side {
        struct http_server *server;
        struct loop *loop;
        LIST_HEAD(, conn) conns; /* touched on the loop only */
};

struct http_listener {
        LIST_ENTRY(http_listener) entry;
        struct http_server *server;
        struct http_listen conf; /* limits filled in; name is a copy */
        char address[64];
        int fd;
        struct event *readable, *again; /* on the first loop */
        _Atomic size_t open;            /* connections */
        pthread_mutex_t lock;
        SSL_CTX *tls; /* under lock */
};

struct http_server {
        struct http_server_conf conf;
        struct http_side *side;
        size_t next_side; /* accepting loop only */
        LIST_HEAD(, http_listener) listeners;
        _Atomic uint64_t count[N_COUNTS];
        _Atomic size_t open, jobs; /* connections; requests that a worker has */
        atomic_bool draining;
        pthread_mutex_t lock;
        pthread_cond_t fewer; /* open or jobs came down to 0 */
        _Atomic int64_t told_s;
        _Atomic unsigned told, untold;
};

/* One request with its answer. While a worker has it, the loop touches `conn` only, and the worker everything else. */
struct exchange {
        struct loop_task back; /* posts it back to the loop */
        struct conn *conn;     /* NULL: gone meanwhile */
        struct http_side *side;
        struct http_listener *listener;
        struct http_head head;
        const struct http_route *route;
        struct http_req rq;
        struct http_res rs;
        struct buf body;
        struct http_chunked chunked;
        bool keep_alive;
        struct bytes out;
        uint64_t began_ms;
};

/* A connection that was accepted, on its way to its loop. */
struct arrival {
        struct loop_task task;
        struct http_listener *listener;
        struct http_side *side;
        int fd;
        struct sockaddr_storage from;
};

/* On its loop: takes the arrival, frees it. */
void conn_arrive(struct loop_task *t);
/* On the loop: ends all connections (all), or those which are not in the middle of a request. */
void conns_end(struct http_side *side, bool all);

/* A talloc root, or NULL. */
struct exchange *exchange_new(struct http_side *side, struct http_listener *ls, struct conn *c);
/* Parses the head, of which it takes a copy, and fills in x->rq. What http_head_parse() says, and E_NOMEM. */
enum ecode exchange_head(struct exchange *x, struct bytes head, const struct http_peer *peer, struct err *er);
/* Takes octets of the body; *ret_done when it is complete. What http_chunked_feed() says. */
enum ecode exchange_body(struct exchange *x, struct bytes in, size_t *used, bool *ret_done);
/* On a worker: runs the handler, prints the answer, posts it back. */
void exchange_run(void *arg);
/* Prints x->rs to x->out. On failure x->out is empty. */
void exchange_print(struct exchange *x);

static inline void count_one(struct http_server *s, enum http_count which)
{
        atomic_fetch_add_explicit(&s->count[which], 1, memory_order_relaxed);
}

/* One down; wakes who waits for none. Called on loops only. */
void server_fewer(struct http_server *s, _Atomic size_t *what);
/* Events that strangers can cause are limited per second: true when this one may be told. *ret_untold: how many were
 * not. */
bool server_may_tell(struct http_server *s, unsigned *ret_untold);

#endif
