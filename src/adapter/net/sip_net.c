#include "adapter/net/sip_net_int.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

static const struct {
        size_t transactions, connections;
        unsigned connect_ms, handshake_ms, message_ms, idle_ms;
} dflt = { 100000, 10000, 5000, 10000, 20000, 3600000 };

/* --- small things ------------------------------------------------------------------------------------------------ */

bool sip_sockaddr(const char *ip, uint16_t port, struct sockaddr_storage *ret, socklen_t *len)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        memset(ret, 0, sizeof *ret);
        if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
                memcpy(ret, &v4, sizeof v4);
                *len = sizeof v4;
                return true;
        }
        if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
                memcpy(ret, &v6, sizeof v6);
                *len = sizeof v6;
                return true;
        }
        return false;
}

void sip_sockname(const struct sockaddr_storage *sa, char ip[46], uint16_t *port)
{
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        ip[0] = 0;
        *port = 0;
        if (sa->ss_family == AF_INET) {
                memcpy(&v4, sa, sizeof v4);
                inet_ntop(AF_INET, &v4.sin_addr, ip, 46);
                *port = ntohs(v4.sin_port);
        } else if (sa->ss_family == AF_INET6) {
                memcpy(&v6, sa, sizeof v6);
                inet_ntop(AF_INET6, &v6.sin6_addr, ip, 46);
                *port = ntohs(v6.sin6_port);
        }
}

void sip_net_hold(struct sip_net *n)
{
        pthread_mutex_lock(&n->lock);
        n->busy++;
        pthread_mutex_unlock(&n->lock);
}

void sip_net_drop(struct sip_net *n)
{
        pthread_mutex_lock(&n->lock);
        if (--n->busy == 0)
                pthread_cond_broadcast(&n->idle);
        pthread_mutex_unlock(&n->lock);
}

struct sip_listener *sip_net_listener(struct sip_net *n, const char *name, enum sip_proto proto)
{
        for (size_t i = 0; i < n->listeners_n && proto < SIP_PROTOS; i++) {
                struct sip_listener *l = &n->listeners[i];
                if (l->port[proto] != 0 && (name == NULL || strcmp(l->name, name) == 0))
                        return l;
        }
        return NULL;
}

/* --- timers ------------------------------------------------------------------------------------------------------ */

void sip_net_arm(struct sip_net *n)
{
        uint64_t next = siptx_next_ms(n->tb), now = sip_now(n);
        if (next >= n->armed_ms)
                return;
        n->armed_ms = next;
        uint64_t ms = next > now ? next - now : 0;
        struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
        evtimer_add(n->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct sip_net *n = arg;
        struct siptx *t;
        enum siptx_event ev;
        while ((t = siptx_due(n->tb, sip_now(n), &ev)) != NULL) {
                if (t->kind == SIPTX_CLIENT || t->kind == SIPTX_CLIENT_INVITE)
                        sip_ctx_due((struct sip_ctx *)(void *)t, ev);
                else
                        sip_tx_due((struct sip_tx *)(void *)t, ev);
        }
        n->armed_ms = UINT64_MAX;
        sip_net_arm(n);
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

static enum ecode port_local(struct sip_port *p, const char *listener, enum sip_proto proto, struct sip_target *ret)
{
        struct sip_net *n = (struct sip_net *)(void *)p;
        const struct sip_listener *l = sip_net_listener(n, listener, proto);
        if (l == NULL)
                return E_NOT_FOUND;
        *ret = (struct sip_target){ .proto = proto, .port = l->port[proto], .listener = l->name };
        memcpy(ret->ip, l->ip, sizeof ret->ip);
        return E_OK;
}

static void fill_defaults(struct sip_net_conf *c)
{
        c->max_transactions = c->max_transactions ? c->max_transactions : dflt.transactions;
        c->max_connections = c->max_connections ? c->max_connections : dflt.connections;
        c->connect_ms = c->connect_ms ? c->connect_ms : dflt.connect_ms;
        c->handshake_ms = c->handshake_ms ? c->handshake_ms : dflt.handshake_ms;
        c->message_ms = c->message_ms ? c->message_ms : dflt.message_ms;
        c->idle_ms = c->idle_ms ? c->idle_ms : dflt.idle_ms;
}

static void make_events(void *arg)
{
        struct sip_net *n = arg;
        n->timer = evtimer_new(loop_base(n->conf.loop), on_timer, n);
        n->feed = evtimer_new(loop_base(n->conf.loop), sip_ctx_feed, n);
}

static void free_events(void *arg)
{
        struct sip_net *n = arg;
        if (n->timer != NULL)
                event_free(n->timer);
        if (n->feed != NULL)
                event_free(n->feed);
}

static void net_free(struct sip_net *n)
{
        loop_call(n->conf.loop, free_events, n);
        if (n->conf.tls_client != NULL)
                SSL_CTX_free(n->conf.tls_client);
        pthread_cond_destroy(&n->idle);
        pthread_mutex_destroy(&n->lock);
        talloc_free(n);
}

enum ecode sip_net_open(const struct sip_net_conf *conf, struct sip_net **ret, struct err *er)
{
        struct sip_net *n = talloc_zero(NULL, struct sip_net);
        if (n == NULL)
                return err_set(er, E_NOMEM, NULL, "SIP adapter");
        n->port = (struct sip_port){ sip_port_send, sip_port_call, sip_port_reply, port_local };
        n->conf = *conf;
        fill_defaults(&n->conf);
        if (conf->tls_client != NULL)
                SSL_CTX_up_ref(conf->tls_client);
        pthread_mutex_init(&n->lock, NULL);
        pthread_cond_init(&n->idle, NULL);
        n->armed_ms = UINT64_MAX;
        n->tb = siptx_table_new(n, 2 * n->conf.max_transactions, conf->rng); /* an INVITE has two names */
        n->datagram = talloc_size(n, SIP_MSG_MAX);
        loop_call(conf->loop, make_events, n);
        if (n->tb == NULL || n->datagram == NULL || n->timer == NULL || n->feed == NULL) {
                net_free(n);
                return err_set(er, E_NOMEM, NULL, "SIP adapter");
        }
        *ret = n;
        return E_OK;
}

struct sip_port *sip_net_port(struct sip_net *n)
{
        return &n->port;
}

enum ecode sip_net_listen(struct sip_net *n, const struct sip_listen *l, struct err *er)
{
        if (n->listeners_n == SIP_LISTENERS_MAX)
                return err_set(er, E_CONFIG, NULL, "more than %d SIP listeners", SIP_LISTENERS_MAX);
        if ((l->protos & 1u << SIP_TLS) != 0 && l->tls == NULL)
                return err_set(er, E_CONFIG, NULL, "the SIP listener %s has no TLS context", l->name);
        struct sip_listener *s = &n->listeners[n->listeners_n];
        *s = (struct sip_listener){ .net = n, .fd = { -1, -1, -1 }, .one_port = l->one_port };
        snprintf(s->name, sizeof s->name, "%s", l->name);
        enum ecode e = sip_sock_open(s, l->address, l->protos, er);
        if (e != E_OK)
                return e;
        if (l->tls != NULL) {
                SSL_CTX_up_ref(l->tls);
                s->tls = l->tls;
        }
        n->listeners_n++;
        return E_OK;
}

static void start_listeners(void *arg)
{
        struct sip_net *n = arg;
        for (size_t i = 0; i < n->listeners_n; i++)
                if (sip_sock_start(&n->listeners[i]) != E_OK)
                        ev(n->conf.log, EV_ERROR, "listen-failed", KV_STR("listener", n->listeners[i].name));
        n->serving = true;
}

void sip_net_serve(struct sip_net *n, sip_request_fn fn, void *role)
{
        n->fn = fn;
        n->role = role;
        loop_call(n->conf.loop, start_listeners, n);
}

struct new_tls {
        struct sip_net *net;
        const char *name;
        SSL_CTX *tls;
        bool found;
};

static void swap_tls(void *arg)
{
        struct new_tls *t = arg;
        struct sip_listener *l = sip_net_listener(t->net, t->name, SIP_TLS);
        t->found = l != NULL;
        if (l == NULL)
                return;
        SSL_CTX_up_ref(t->tls);
        SSL_CTX_free(l->tls);
        l->tls = t->tls;
}

enum ecode sip_net_set_tls(struct sip_net *n, const char *name, SSL_CTX *tls)
{
        struct new_tls t = { n, name, tls, false };
        loop_call(n->conf.loop, swap_tls, &t);
        return t.found ? E_OK : E_NOT_FOUND;
}

void sip_net_stats(struct sip_net *n, struct sip_net_stats *ret)
{
        *ret = (struct sip_net_stats){
                .received = n->received,
                .malformed = n->malformed,
                .requests = n->requests,
                .retransmissions = n->retransmissions,
                .busy = n->refused_busy,
                .connections_now = n->conns,
                .transactions_now = n->txs,
                .turned_away = n->turned_away,
                .timeouts = n->timeouts,
                .resent = n->resent,
        };
}

static void close_sockets(void *arg)
{
        struct sip_net *n = arg;
        n->closing = true;
        for (size_t i = 0; i < n->listeners_n; i++)
                sip_sock_close(&n->listeners[i]);
        sip_conn_close_all(n);
        for (struct sip_ctx *x = n->ctxs, *next; x != NULL; x = next) {
                next = x->next;
                sip_ctx_broken(x, false);
        }
}

static void nothing(void *arg)
{
        (void)arg;
}

void sip_net_stop(struct sip_net *n)
{
        if (n == NULL)
                return;
        loop_call(n->conf.loop, close_sockets, n);
        pthread_mutex_lock(&n->lock);
        while (n->busy > 0)
                pthread_cond_wait(&n->idle, &n->lock);
        pthread_mutex_unlock(&n->lock);
        loop_call(n->conf.loop, nothing, NULL); /* what was posted before has run then */
}

void sip_net_close(struct sip_net *n)
{
        sip_net_stop(n);
        if (n != NULL)
                net_free(n);
}
