/* The server side of port/http.h: HTTP/1.1 over TLS on own connections (see docs/decisions/0003-http-server.md). Each
 * connection belongs to one loop; a complete request goes to the workers, and the answer comes back by a post to the
 * loop. A client that goes away meanwhile loses its answer, nothing else.
 *
 * What is refused before a handler runs: plain HTTP on a TLS listener (no answer at all; R-ID-2), heads beyond 16 KiB
 * (431), bodies beyond the listener's limit (413; R-SA-128), more than one Host or Authorization, Content-Length beside
 * chunked coding (400; R-KMS-62), paths with bad percent-encoding, NUL, dot or empty segments after decoding (400),
 * unknown paths (404) and methods (405), and everything while the workers' queue is full (503 with Retry-After).
 * Upgrade is never followed, so no TLS inside of HTTP is offered (R-ID-4). */
#ifndef MUSTER_ADAPTER_NET_HTTP_SERVER_H
#define MUSTER_ADAPTER_NET_HTTP_SERVER_H

#include "adapter/net/loop.h"
#include "adapter/net/tls.h"
#include "adapter/net/workers.h"
#include "base/env.h"
#include "port/http.h"

struct http_server;

struct http_server_conf {
        const struct clock *clock;
        const struct rng *rng;
        struct log *log;         /* may be NULL */
        struct workers *workers; /* outlives the server, and so do the loops */
        struct loop **loops;     /* connections are spread over them; the first one accepts */
        size_t loops_n;
};

/* One address with its own certificate and its own routes: what one listener serves, another does not (R-ID-1). In all
 * limits 0 is the default. Time-outs are for the whole of a step, so that a slow trickle does not extend them. */
struct http_listen {
        const char *name;                /* "token", in events */
        const char *address;             /* "127.0.1.1:8443", "[::1]:0"; port 0: a free one */
        SSL_CTX *tls;                    /* the server takes a reference of its own */
        bool plain;                      /* without TLS, where tls is NULL: laboratory and tests only */
        const struct http_route *routes; /* ends with an all-zero row; outlives the server */
        void *role;                      /* given to the handlers */
        size_t max_body;                 /* octets, 1 MiB */
        size_t max_connections;          /* 4096; one more is closed at once */
        unsigned handshake_ms;           /* TCP accepted until TLS is up, 10 s */
        unsigned head_ms;                /* first octet of a request until the end of its head, 10 s */
        unsigned body_ms;                /* and until the end of its body, 30 s */
        unsigned send_ms;                /* answer given until the last octet is in the kernel, 30 s */
        unsigned idle_ms;                /* between requests, 60 s */
};

struct http_server_stats {
        uint64_t connections;     /* accepted since the start */
        uint64_t connections_now; /* open now */
        uint64_t turned_away;     /* closed because of max_connections */
        uint64_t tls_failed;      /* handshakes that failed or timed out */
        uint64_t requests;        /* handed to a handler */
        uint64_t refused;         /* answered without a handler: 4xx and 5xx of this file */
        uint64_t busy;            /* of these: 503 because the workers' queue was full */
        uint64_t timeouts;        /* connections closed because a step took too long */
};

enum ecode http_server_open(const struct http_server_conf *conf, struct http_server **ret, struct err *er);

/* Serves from now on. *ret_port (may be NULL) is the port in use. E_CONFIG: the address or neither tls nor plain;
 * E_IO: the system's reason, with the address. */
enum ecode http_server_listen(struct http_server *s, const struct http_listen *l, uint16_t *ret_port, struct err *er);

/* New connections to the listener of that name get this context (renewed certificate); open ones stay. E_NOT_FOUND. */
enum ecode http_server_set_tls(struct http_server *s, const char *name, SSL_CTX *tls);

void http_server_stats(const struct http_server *s, struct http_server_stats *ret);

/* Stops accepting, lets requests under way be answered for drain_ms at most, closes every connection, waits for
 * handlers that still run, frees. Not from a loop or worker. NULL is fine. */
void http_server_close(struct http_server *s, unsigned drain_ms);

#endif
