#include "adapter/net/sip_net.h"
#include "host/running.h"

#include <talloc.h>

static enum ecode listen_one(struct running *r, const struct role_listener *l, struct err *er)
{
        SSL_CTX *tls = NULL;
        bool with_tls = l->sip_protos & (1u << SIP_TLS);
        enum ecode e = with_tls ? running_server_ctx(r, l, &tls, er) : E_OK;
        const struct sip_listen s = {
                .name = l->name, .address = running_listen_address(r, l), .protos = l->sip_protos, .tls = tls
        };
        if (e == E_OK)
                e = sip_net_listen(r->sip, &s, er);
        if (e == E_OK)
                ev(r->env.log, EV_INFO, "listening", KV_STR("listener", l->name), KV_STR("proto", "SIP"),
                   KV_STR("address", s.address), KV_BOOL("tls", with_tls));
        SSL_CTX_free(tls);
        return e;
}

static void close_sip(struct running *r)
{
        sip_net_close(r->sip);
        r->sip = NULL;
        r->env.sip = NULL;
}

/* Bound before the role starts, so that it knows its own addresses; nothing is read until part_sip_requests. */
static enum ecode open_sip(struct running *r, struct err *er)
{
        SSL_CTX *client = NULL;
        if (!running_has_listener(r, LISTEN_SIP))
                return E_OK;
        const struct tls_client_conf t = { .ca_file = r->d->site.ca_file,
                                           .cert_file = running_tls_file(r, "crt"),
                                           .key_file = running_tls_file(r, "key") };
        enum ecode e = tls_client_ctx(&t, &client, er);
        const struct sip_net_conf c = { .clock = r->env.clock,
                                        .rng = r->env.rng,
                                        .log = r->env.log,
                                        .workers = r->workers,
                                        .loop = r->loops[0],
                                        .tls_client = client };
        if (e == E_OK)
                e = sip_net_open(&c, &r->sip, er);
        SSL_CTX_free(client);
        for (const struct role_listener *l = r->role->listeners; e == E_OK && l->name != NULL; l++)
                if (l->kind == LISTEN_SIP)
                        e = listen_one(r, l, er);
        if (e != E_OK)
                close_sip(r);
        else
                r->env.sip = sip_net_port(r->sip);
        return e;
}

static enum ecode open_requests(struct running *r, struct err *er)
{
        (void)er;
        if (r->sip != NULL)
                sip_net_serve(r->sip, r->role->on_sip, r->self);
        return E_OK;
}

static void stop_sip(struct running *r)
{
        sip_net_stop(r->sip); /* the role still holds the port while it stops */
}

static void stats_sip(struct running *r, json_t *into)
{
        struct sip_net_stats s;
        if (r->sip == NULL)
                return;
        sip_net_stats(r->sip, &s);
        running_stat(into, "sip_received", s.received);
        running_stat(into, "sip_malformed", s.malformed);
        running_stat(into, "sip_requests", s.requests);
        running_stat(into, "sip_retransmissions", s.retransmissions);
        running_stat(into, "sip_busy", s.busy);
        running_stat(into, "sip_connections_now", s.connections_now);
        running_stat(into, "sip_transactions_now", s.transactions_now);
        running_stat(into, "sip_turned_away", s.turned_away);
        running_stat(into, "sip_timeouts", s.timeouts);
        running_stat(into, "sip_resent", s.resent);
}

static enum ecode renew_certificates(struct running *r, struct err *er)
{
        enum ecode e = E_OK;
        for (const struct role_listener *l = r->role->listeners; r->sip != NULL && e == E_OK && l->name != NULL; l++) {
                SSL_CTX *tls = NULL;
                if (l->kind != LISTEN_SIP || !(l->sip_protos & (1u << SIP_TLS)))
                        continue;
                e = running_server_ctx(r, l, &tls, er);
                if (e == E_OK)
                        e = sip_net_set_tls(r->sip, l->name, tls);
                SSL_CTX_free(tls);
        }
        return e;
}

/* Stopped before the role stops: handlers have returned then, and callbacks that waited were told. */
const struct running_part part_sip_port = { "SIP listeners", open_sip, close_sip, stats_sip, renew_certificates };
const struct running_part part_sip_requests = { .name = "SIP requests", .open = open_requests, .close = stop_sip };
