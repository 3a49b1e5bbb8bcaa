/* HTTP as roles see it: a request as plain data, an answer to fill in. A handler runs on a worker thread from first to
 * last line and may block on its store; the connection's loop never waits for it. Everything of a request lives on
 * rq->mem and goes with it. What the adapter has checked before a handler runs: sizes, one Host, one Authorization, no
 * Content-Length beside chunked coding (R-KMS-62), a path without NUL, `..` or empty segments after decoding. */
#ifndef MUSTER_PORT_HTTP_H
#define MUSTER_PORT_HTTP_H

#include "base/bytes.h"
#include "base/err.h"

struct http_field {
        const char *name, *value;
};

struct http_req {
        void *mem;
        const char *method; /* "GET" */
        const char *path;   /* as received, without the query: "/as/token"; percent-encoding untouched */
        const char *query;  /* without '?', or "" */
        const char *url;    /* scheme, host and path with query as the client addressed it: R-KMS-51 */
        const struct http_field *fields;
        size_t fields_n;
        struct bytes body;
        const char *peer_ip;
        uint16_t peer_port;
        const char *peer_name; /* name in the verified client certificate (mutual TLS), or NULL */
        const char *trace;     /* trace id: 32 hex digits, from traceparent or fresh */
};

struct http_res {
        void *mem; /* the request's */
        int status;
        struct http_field fields[24];
        size_t fields_n;
        struct bytes body; /* Content-Length is added by the adapter, always */
};

/* Case-insensitive; the first of that name, or NULL. */
const char *http_req_field(const struct http_req *rq, const char *name);
/* Adds a field; value is formatted on rs->mem. CR, LF and NUL in it are refused by dropping the field. */
void http_res_field(struct http_res *rs, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Sets status, Content-Type and body. body is borrowed and has to live on rs->mem or longer. */
void http_res_body(struct http_res *rs, int status, const char *type, struct bytes body);

typedef void (*http_handler)(void *role, const struct http_req *rq, struct http_res *rs);

/* A path that ends in an asterisk matches every path with that beginning. A path that matches with another method only
 * is answered 405 with Allow; nothing matches: 404. HEAD is served by GET rows. */
struct http_route {
        const char *method, *path;
        http_handler fn;
};

/* The client side: one blocking exchange over HTTPS (certificate and host checked against the deployment's trust), no
 * redirects followed. Called on workers and from the command line. */
struct http_out {
        const char *method, *url;
        struct http_field fields[12];
        size_t fields_n;
        struct bytes body;
        unsigned timeout_ms; /* 0: 10000 */
        size_t max_body;     /* 0: 1 MiB */
        const char *trace;   /* sent as traceparent, or NULL */
};

struct http_in {
        int status;
        struct http_field *fields;
        size_t fields_n;
        struct bytes body;
};

struct http_client {
        /* E_PEER_DOWN: no connection, or TLS refused (the text says which); E_TIMEOUT; E_LONG. Any status is E_OK. */
        enum ecode (*fetch)(struct http_client *, void *mem, const struct http_out *rq, struct http_in *rs,
                            struct err *er);
};

const char *http_in_field(const struct http_in *rs, const char *name);

#endif
