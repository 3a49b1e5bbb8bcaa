#include "adapter/net/http_client.h"
#include "adapter/net/tls.h"
#include "host/running.h"

#include <talloc.h>

enum { DRAIN_MS = 3000 };

static enum ecode open_http_client(struct running *r, struct err *er)
{
        if (!(r->role->needs & NEED_HTTP_CLIENT))
                return E_OK;
        const struct http_client_conf c = { .rng = r->env.rng,
                                            .ca_file = r->d->site.ca_file,
                                            .cert_file = running_tls_file(r, "crt"),
                                            .key_file = running_tls_file(r, "key") };
        enum ecode e = http_client_open(&c, &r->http_client, er);
        r->env.http = r->http_client;
        return e;
}

static void close_http_client(struct running *r)
{
        http_client_close(r->http_client);
}

enum ecode running_server_ctx(struct running *r, const struct role_listener *l, SSL_CTX **ret, struct err *er)
{
        const struct tls_server_conf c = {
                .cert_file = running_tls_file(r, "crt"),
                .key_file = running_tls_file(r, "key"),
                .ca_file = r->d->site.ca_file,
                .client_cert = l->client_cert_optional ? TLS_CLIENT_CERT_OPTIONAL
                               : l->client_cert        ? TLS_CLIENT_CERT_REQUIRED
                                                       : TLS_CLIENT_CERT_NONE,
        };
        return tls_server_ctx(&c, ret, er);
}

static enum ecode open_https_listener(struct running *r, const struct role_listener *l, struct err *er)
{
        SSL_CTX *tls = NULL;
        enum ecode e = running_server_ctx(r, l, &tls, er);
        const struct http_listen h = { .name = l->name,
                                       .address = running_listen_address(r, l),
                                       .tls = tls,
                                       .routes = l->routes,
                                       .role = r->self };
        if (e == E_OK)
                e = http_server_listen(r->http, &h, NULL, er);
        SSL_CTX_free(tls);
        return e;
}

static enum ecode open_https(struct running *r, struct err *er)
{
        if (!running_has_listener(r, LISTEN_HTTPS))
                return E_OK;
        const struct http_server_conf c = { r->env.clock, r->env.rng, r->env.log, r->workers, r->loops, r->loops_n };
        enum ecode e = http_server_open(&c, &r->http, er);
        for (const struct role_listener *l = r->role->listeners; e == E_OK && l->name != NULL; l++)
                if (l->kind == LISTEN_HTTPS)
                        e = open_https_listener(r, l, er);
        if (e != E_OK) {
                http_server_close(r->http, 0);
                r->http = NULL;
        }
        return e;
}

static void close_https(struct running *r)
{
        http_server_close(r->http, DRAIN_MS);
        r->http = NULL;
}

static void stats_https(struct running *r, json_t *into)
{
        struct http_server_stats h;
        if (r->http == NULL)
                return;
        http_server_stats(r->http, &h);
        running_stat(into, "http_connections", h.connections);
        running_stat(into, "http_connections_now", h.connections_now);
        running_stat(into, "http_turned_away", h.turned_away);
        running_stat(into, "http_tls_failed", h.tls_failed);
        running_stat(into, "http_requests", h.requests);
        running_stat(into, "http_refused", h.refused);
        running_stat(into, "http_busy", h.busy);
        running_stat(into, "http_timeouts", h.timeouts);
}

static enum ecode renew_certificates(struct running *r, struct err *er)
{
        enum ecode e = E_OK;
        for (const struct role_listener *l = r->role->listeners; r->http != NULL && e == E_OK && l->name != NULL; l++) {
                SSL_CTX *tls = NULL;
                if (l->kind != LISTEN_HTTPS)
                        continue;
                e = running_server_ctx(r, l, &tls, er);
                if (e == E_OK)
                        e = http_server_set_tls(r->http, l->name, tls);
                SSL_CTX_free(tls);
        }
        return e;
}

const struct running_part part_http_client = {
        .name = "HTTP client",
        .open = open_http_client,
        .close = close_http_client,
};
const struct running_part part_https = { "HTTPS listeners", open_https, close_https, stats_https, renew_certificates };
