/* The client side of port/http.h over libcurl. Handles with their open connections are pooled, one is in use per thread
 * that fetches. Only https is spoken, only the deployment's CA is trusted, proxies of the environment are ignored. */
#ifndef MUSTER_ADAPTER_NET_HTTP_CLIENT_H
#define MUSTER_ADAPTER_NET_HTTP_CLIENT_H

#include "base/env.h"
#include "port/http.h"

struct http_client_conf {
        const struct rng *rng;            /* for the span id of traceparent */
        const char *ca_file;              /* PEM */
        const char *cert_file, *key_file; /* for mutual TLS, or both NULL */
        bool allow_plain;                 /* http:// too: laboratory and tests only */
};

/* May be used by many threads at once. E_CONFIG: a file cannot be read; E_NOMEM. */
enum ecode http_client_open(const struct http_client_conf *conf, struct http_client **ret, struct err *er);
/* When no fetch is under way. NULL is fine. */
void http_client_close(struct http_client *c);

#endif
