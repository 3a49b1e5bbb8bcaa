#include "adapter/net/http_server.h"

#include "adapter/net/http_conn.h"
#include "base/event.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <event2/event.h>

#define TOLD_PER_SECOND 20

void server_fewer(struct http_server *s, _Atomic size_t *what)
{
        if (atomic_fetch_sub(what, 1) != 1)
                return;
        pthread_mutex_lock(&s->lock);
        pthread_cond_broadcast(&s->fewer);
        pthread_mutex_unlock(&s->lock);
}

bool server_may_tell(struct http_server *s, unsigned *ret_untold)
{
        int64_t now = clock_now(s->conf.clock);
        if (atomic_exchange(&s->told_s, now) != now)
                atomic_store(&s->told, 0);
        if (atomic_fetch_add(&s->told, 1) >= TOLD_PER_SECOND) {
                atomic_fetch_add(&s->untold, 1);
                return false;
        }
        *ret_untold = atomic_exchange(&s->untold, 0);
        return true;
}

enum ecode http_server_open(const struct http_server_conf *conf, struct http_server **ret, struct err *er)
{
        struct http_server *s = calloc(1, sizeof *s);
        struct http_side *side = calloc(conf->loops_n, sizeof *side);
        if (conf->loops_n == 0 || s == NULL || side == NULL) {
                free(s);
                free(side);
                return conf->loops_n == 0 ? err_set(er, E_RANGE, NULL, "an HTTP server needs a loop")
                                          : err_set(er, E_NOMEM, NULL, "no memory for an HTTP server");
        }
        s->conf = *conf;
        s->side = side;
        for (size_t i = 0; i < conf->loops_n; i++)
                side[i] = (struct http_side){ .server = s, .loop = conf->loops[i] };
        pthread_mutex_init(&s->lock, NULL);
        pthread_condattr_t mono;
        pthread_condattr_init(&mono);
        pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
        pthread_cond_init(&s->fewer, &mono);
        pthread_condattr_destroy(&mono);
        *ret = s;
        return E_OK;
}

static void hand_over(struct http_listener *ls, int fd, const struct sockaddr_storage *from)
{
        struct http_server *s = ls->server;
        struct arrival *a = NULL;
        if (atomic_load(&ls->open) >= ls->conf.max_connections)
                count_one(s, N_TURNED_AWAY);
        else
                a = malloc(sizeof *a);
        if (a == NULL) {
                close(fd);
                return;
        }
        count_one(s, N_CONNECTIONS);
        atomic_fetch_add(&ls->open, 1);
        atomic_fetch_add(&s->open, 1);
        *a = (struct arrival){ .task = { .fn = conn_arrive },
                               .listener = ls,
                               .side = &s->side[s->next_side++ % s->conf.loops_n],
                               .fd = fd,
                               .from = *from };
        loop_post_task(a->side->loop, &a->task);
}

/* Out of descriptors or memory: a listening socket stays readable then, so it rests for a moment. */
static void rest(struct http_listener *ls)
{
        unsigned untold;
        if (server_may_tell(ls->server, &untold))
                ev(ls->server->conf.log, EV_ERROR, "http-accept-failed", KV_STR("listener", ls->conf.name),
                   KV_STR("cause", strerror(errno)));
        event_del(ls->readable);
        event_add(ls->again, &(struct timeval){ .tv_usec = 100000 });
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct http_listener *ls = arg;
        for (int i = 0; i < 64; i++) {
                struct sockaddr_storage from;
                socklen_t n = sizeof from;
                int c = accept4(fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (c >= 0)
                        hand_over(ls, c, &from);
                else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        return rest(ls);
                else if (errno == EAGAIN || errno == EWOULDBLOCK)
                        return;
        }
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
        (void)fd, (void)what;
        struct http_listener *ls = arg;
        event_add(ls->readable, NULL);
}

/* "127.0.1.1:8443" or "[::1]:8443", numbers only. */
static enum ecode open_socket(struct http_listener *ls, struct err *er)
{
        const char *address = ls->address, *colon = strrchr(address, ':');
        char host[64] = "";
        size_t n = colon != NULL ? (size_t)(colon - address) : 0;
        bool v6 = n > 2 && address[0] == '[' && address[n - 1] == ']';
        if (n == 0 || n >= sizeof host)
                return err_set(er, E_CONFIG, NULL, "listener %s: %s is not address and port", ls->conf.name, address);
        memcpy(host, v6 ? address + 1 : address, v6 ? n - 2 : n);
        struct addrinfo want = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
        struct addrinfo *ai = NULL;
        if (getaddrinfo(host, colon + 1, &want, &ai) != 0)
                return err_set(er, E_CONFIG, NULL, "listener %s: %s is not address and port", ls->conf.name, address);
        const int one = 1;
        ls->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        bool up = ls->fd >= 0 && setsockopt(ls->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                  bind(ls->fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(ls->fd, 1024) == 0;
        int why = errno;
        freeaddrinfo(ai);
        return up ? E_OK
                  : err_set(er, E_IO, NULL, "listener %s: cannot listen on %s: %s", ls->conf.name, address,
                            strerror(why));
}

static uint16_t port_of(int fd)
{
        union {
                struct sockaddr_storage any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } a = { 0 };
        socklen_t n = sizeof a;
        if (getsockname(fd, (struct sockaddr *)&a.any, &n) != 0)
                return 0;
        return ntohs(a.any.ss_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

/* On the first loop. */
static void listener_up(void *arg)
{
        struct http_listener *ls = arg;
        struct event_base *base = loop_base(ls->server->side[0].loop);
        ls->readable = event_new(base, ls->fd, EV_READ | EV_PERSIST, on_accept, ls);
        ls->again = event_new(base, -1, 0, on_rested, ls);
        if (ls->readable != NULL && ls->again != NULL)
                event_add(ls->readable, NULL);
}

static void listener_down(void *arg)
{
        struct http_listener *ls = arg;
        if (ls->readable != NULL)
                event_free(ls->readable);
        if (ls->again != NULL)
                event_free(ls->again);
        ls->readable = ls->again = NULL;
        if (ls->fd >= 0)
                close(ls->fd);
        ls->fd = -1;
}

static void listener_free(struct http_listener *ls)
{
        loop_call(ls->server->side[0].loop, listener_down, ls);
        SSL_CTX_free(ls->tls);
        pthread_mutex_destroy(&ls->lock);
        free((void *)(uintptr_t)ls->conf.name);
        free(ls);
}

static void default_limits(struct http_listen *l)
{
        l->max_body = l->max_body ? l->max_body : (size_t)1 << 20; /* R-SA-128 */
        l->max_connections = l->max_connections ? l->max_connections : 4096;
        l->handshake_ms = l->handshake_ms ? l->handshake_ms : 10000;
        l->head_ms = l->head_ms ? l->head_ms : 10000;
        l->body_ms = l->body_ms ? l->body_ms : 30000;
        l->send_ms = l->send_ms ? l->send_ms : 30000;
        l->idle_ms = l->idle_ms ? l->idle_ms : 60000;
}

static struct http_listener *listener_new(struct http_server *s, const struct http_listen *l)
{
        struct http_listener *ls = calloc(1, sizeof *ls);
        char *name = strdup(l->name != NULL ? l->name : "");
        if (ls == NULL || name == NULL) {
                free(ls);
                free(name);
                return NULL;
        }
        ls->server = s;
        ls->conf = *l;
        ls->conf.name = name;
        ls->conf.address = ls->address;
        ls->fd = -1;
        snprintf(ls->address, sizeof ls->address, "%s", l->address);
        default_limits(&ls->conf);
        pthread_mutex_init(&ls->lock, NULL);
        if (l->tls != NULL)
                SSL_CTX_up_ref(l->tls);
        ls->tls = l->tls;
        return ls;
}

enum ecode http_server_listen(struct http_server *s, const struct http_listen *l, uint16_t *ret_port, struct err *er)
{
        if (l->plain == (l->tls != NULL)) /* R-ID-2: no TLS only where somebody says so */
                return err_set(er, E_CONFIG, "R-ID-2", "listener %s: either TLS or plain, and said so", l->name);
        struct http_listener *ls = listener_new(s, l);
        if (ls == NULL)
                return err_set(er, E_NOMEM, NULL, "no memory for listener %s", l->name);
        enum ecode e = open_socket(ls, er);
        if (e == E_OK)
                loop_call(s->side[0].loop, listener_up, ls);
        if (e == E_OK && (ls->readable == NULL || ls->again == NULL))
                e = err_set(er, E_NOMEM, NULL, "no memory for listener %s", l->name);
        if (e != E_OK) {
                listener_free(ls);
                return e;
        }
        pthread_mutex_lock(&s->lock);
        LIST_INSERT_HEAD(&s->listeners, ls, entry);
        pthread_mutex_unlock(&s->lock);
        uint16_t port = port_of(ls->fd);
        ev(s->conf.log, EV_INFO, "http-listening", KV_STR("listener", ls->conf.name), KV_STR("address", ls->address),
           KV_INT("port", port), KV_BOOL("tls", !l->plain));
        if (ret_port != NULL)
                *ret_port = port;
        return E_OK;
}

enum ecode http_server_set_tls(struct http_server *s, const char *name, SSL_CTX *tls)
{
        enum ecode e = E_NOT_FOUND;
        struct http_listener *ls;
        pthread_mutex_lock(&s->lock);
        LIST_FOREACH(ls, &s->listeners, entry)
        {
                if (ls->conf.plain || strcmp(ls->conf.name, name) != 0)
                        continue;
                SSL_CTX_up_ref(tls);
                pthread_mutex_lock(&ls->lock);
                SSL_CTX_free(ls->tls);
                ls->tls = tls;
                pthread_mutex_unlock(&ls->lock);
                e = E_OK;
        }
        pthread_mutex_unlock(&s->lock);
        return e;
}

void http_server_stats(const struct http_server *s, struct http_server_stats *ret)
{
        *ret = (struct http_server_stats){
                .connections = s->count[N_CONNECTIONS],
                .connections_now = s->open,
                .turned_away = s->count[N_TURNED_AWAY],
                .tls_failed = s->count[N_TLS_FAILED],
                .requests = s->count[N_REQUESTS],
                .refused = s->count[N_REFUSED],
                .busy = s->count[N_BUSY],
                .timeouts = s->count[N_TIMEOUTS],
        };
}

static void side_drain(void *arg)
{
        conns_end(arg, false);
}

static void side_end(void *arg)
{
        conns_end(arg, true);
}

static void nothing(void *arg)
{
        (void)arg;
}

static void on_all_loops(struct http_server *s, void (*fn)(void *side))
{
        for (size_t i = 0; i < s->conf.loops_n; i++)
                loop_call(s->side[i].loop, fn, &s->side[i]);
}

static void await_none(struct http_server *s, _Atomic size_t *what, unsigned timeout_ms)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&s->lock);
        while (atomic_load(what) > 0 && pthread_cond_timedwait(&s->fewer, &s->lock, &until) != ETIMEDOUT)
                continue;
        pthread_mutex_unlock(&s->lock);
}

void http_server_close(struct http_server *s, unsigned drain_ms)
{
        if (s == NULL)
                return;
        struct http_listener *ls;
        atomic_store(&s->draining, true);
        LIST_FOREACH(ls, &s->listeners, entry)
        loop_call(s->side[0].loop, listener_down, ls);
        on_all_loops(s, side_drain);
        await_none(s, &s->open, drain_ms);
        on_all_loops(s, side_end);
        while (atomic_load(&s->jobs) > 0) /* handlers use what the caller frees next */
                await_none(s, &s->jobs, 1000);
        on_all_loops(s, nothing); /* callbacks that counted down have returned */
        while ((ls = LIST_FIRST(&s->listeners)) != NULL) {
                LIST_REMOVE(ls, entry);
                listener_free(ls);
        }
        pthread_cond_destroy(&s->fewer);
        pthread_mutex_destroy(&s->lock);
        free(s->side);
        free(s);
}
