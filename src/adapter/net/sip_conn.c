#include "adapter/net/sip_net_int.h"

#include <errno.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

enum { BACKLOG_MAX = 1 << 20 }; /* octets that a peer may leave unread before it is cut off */

/* --- one deadline per connection ------------------------------------------------------------------------------------
 */

static void timer_in(struct sip_conn *c, uint64_t ms)
{
        struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
        evtimer_add(c->timer, &tv);
}

/* A later deadline lets the timer run: it looks again when it fires. */
static void deadline(struct sip_conn *c, unsigned ms)
{
        uint64_t now = sip_now(c->net), was = c->deadline_ms;
        c->deadline_ms = now + ms;
        if (was == 0 || c->deadline_ms < was)
                timer_in(c, ms);
}

static void conn_close(struct sip_conn *c)
{
        struct sip_net *n = c->net;
        bool never_open = c->state == SIP_CONN_CONNECTING || c->state == SIP_CONN_HANDSHAKE;
        HASH_DELETE(hh_flow, n->by_flow, c);
        HASH_DELETE(hh_addr, n->by_addr, c);
        if (c->connecting != NULL)
                event_free(c->connecting);
        event_free(c->timer);
        if (c->bev != NULL)
                bufferevent_free(c->bev);
        else
                close(c->fd);
        if (c->waiting != NULL)
                evbuffer_free(c->waiting);
        struct sip_ctx *users = c->users;
        for (struct sip_ctx *x = users; x != NULL; x = x->conn_next)
                x->conn = NULL;
        talloc_free(c);
        n->conns--;
        while (users != NULL) { /* which may open the next connection, or end others in the list: never those behind */
                struct sip_ctx *x = users;
                users = x->conn_next;
                x->conn_next = x->conn_prev = NULL;
                sip_ctx_broken(x, never_open);
        }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct sip_conn *c = arg;
        uint64_t now = sip_now(c->net);
        if (now < c->deadline_ms) {
                timer_in(c, c->deadline_ms - now);
                return;
        }
        if (c->state != SIP_CONN_DOOMED)
                c->net->timeouts++;
        conn_close(c);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

static struct sip_src source(const struct sip_conn *c)
{
        struct sip_src s = {
                .ls = c->ls,
                .peer = { .proto = c->key.proto, .port = c->key.port, .flow = c->flow, .listener = c->ls->name }
        };
        memcpy(s.peer.ip, c->key.ip, sizeof s.peer.ip);
        memcpy(s.peer.tls_name, c->tls_name, sizeof s.peer.tls_name);
        return s;
}

static void refuse_and_end(struct sip_conn *c, struct bytes in, int status)
{
        struct sip_src s = source(c);
        c->net->malformed++;
        if (c->frame.head > 0)
                sip_refuse_octets(c->net, &s, bytes_of(in.p, c->frame.head), status);
        sip_conn_doom(c);
}

/* One piece off the front. False: wait for more, or the connection has ended. */
static bool take_one(struct sip_conn *c, struct evbuffer *in)
{
        size_t have = evbuffer_get_length(in);
        if (have == 0 || c->state != SIP_CONN_OPEN)
                return false;
        size_t look = have < SIP_MSG_MAX + 1 ? have : SIP_MSG_MAX + 1;
        struct bytes all = bytes_of(evbuffer_pullup(in, (ssize_t)look), look);
        struct sip_src s = source(c);
        switch (sip_frame_next(&c->frame, all)) {
        case SIP_FRAME_MORE: return false;
        case SIP_FRAME_PING: bufferevent_write(c->bev, "\r\n", 2); break;
        case SIP_FRAME_BLANK: break;
        case SIP_FRAME_MESSAGE: sip_received(c->net, &s, bytes_of(all.p, c->frame.n)); break;
        case SIP_FRAME_TOO_LONG: refuse_and_end(c, all, 413); return false; /* R-SA-128 */
        case SIP_FRAME_MALFORMED: refuse_and_end(c, all, 400); return false;
        }
        evbuffer_drain(in, c->frame.n);
        c->frame = (struct sip_frame){ 0 };
        return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
        struct sip_conn *c = arg;
        struct evbuffer *in = bufferevent_get_input(bev);
        bool finished_one = false;
        while (take_one(c, in))
                finished_one = true;
        if (c->state != SIP_CONN_OPEN)
                return;
        bool half = evbuffer_get_length(in) > 0;
        if (half && (!c->half || finished_one))
                deadline(c, c->net->conf.message_ms); /* for the whole message: a trickle does not extend it */
        else if (!half)
                deadline(c, c->net->conf.idle_ms);
        c->half = half;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static void now_open(struct sip_conn *c)
{
        c->state = SIP_CONN_OPEN;
        if (c->ssl != NULL) {
                char *name = tls_peer_name(c, c->ssl);
                if (name != NULL && strlen(name) < sizeof c->tls_name)
                        memcpy(c->tls_name, name, strlen(name) + 1);
                talloc_free(name);
        }
        deadline(c, c->net->conf.idle_ms);
        bufferevent_setwatermark(c->bev, EV_READ, 0, SIP_MSG_MAX + 1);
        bufferevent_enable(c->bev, EV_READ | EV_WRITE);
        if (c->waiting != NULL)
                bufferevent_write_buffer(c->bev, c->waiting);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
        struct sip_conn *c = arg;
        if ((what & BEV_EVENT_CONNECTED) != 0) {
                now_open(c);
                return;
        }
        if (c->state == SIP_CONN_HANDSHAKE) {
                char why[160] = "";
                unsigned long e = bufferevent_get_openssl_error(bev);
                if (e != 0)
                        ERR_error_string_n(e, why, sizeof why);
                ev(c->net->conf.log, EV_WARN, "sip-tls-failed", KV_STR("peer", c->key.ip), KV_INT("port", c->key.port),
                   KV_STR("cause", why));
        }
        conn_close(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
        struct sip_conn *c = arg;
        if (c->state == SIP_CONN_DOOMED && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
                timer_in(c, c->deadline_ms = 0);
}

/* The socket stands; now TLS, or nothing more. False: out of memory. */
static bool wrap(struct sip_conn *c, bool outgoing)
{
        struct event_base *base = loop_base(c->net->conf.loop);
        if (c->key.proto == SIP_TCP) {
                c->bev = bufferevent_socket_new(base, c->fd, BEV_OPT_CLOSE_ON_FREE);
        } else {
                c->ssl = SSL_new(outgoing ? c->net->conf.tls_client : c->ls->tls);
                if (c->ssl == NULL || (outgoing && tls_expect(c->ssl, c->key.ip, NULL) != E_OK)) {
                        SSL_free(c->ssl);
                        c->ssl = NULL;
                        return false;
                }
                c->bev = bufferevent_openssl_socket_new(
                        base, c->fd, c->ssl, outgoing ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING,
                        BEV_OPT_CLOSE_ON_FREE);
        }
        if (c->bev == NULL)
                return false;
        bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
        if (c->key.proto == SIP_TCP) {
                now_open(c);
        } else {
                c->state = SIP_CONN_HANDSHAKE;
                deadline(c, c->net->conf.handshake_ms);
                bufferevent_enable(c->bev, EV_READ | EV_WRITE);
        }
        return true;
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct sip_conn *c = arg;
        int e = 0;
        socklen_t len = sizeof e;
        event_free(c->connecting);
        c->connecting = NULL;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0 || e != 0 || !wrap(c, true))
                conn_close(c);
}

static struct sip_conn *conn_new(struct sip_listener *ls, enum sip_proto proto, int fd, const char *ip, uint16_t port)
{
        struct sip_net *n = ls->net;
        struct sip_conn *c = talloc_zero(n, struct sip_conn);
        if (c == NULL)
                return NULL;
        c->net = n;
        c->ls = ls;
        c->fd = fd;
        c->flow = ++n->last_flow;
        c->key.ls = ls;
        c->key.proto = proto;
        c->key.port = port;
        memcpy(c->key.ip, ip, strnlen(ip, sizeof c->key.ip - 1));
        c->timer = evtimer_new(loop_base(n->conf.loop), on_deadline, c);
        if (c->timer == NULL) {
                talloc_free(c);
                return NULL;
        }
        n->conns++;
        HASH_ADD(hh_flow, n->by_flow, flow, sizeof c->flow, c);
        HASH_ADD(hh_addr, n->by_addr, key, sizeof c->key, c);
        return c;
}

/* A small answer may follow what the peer has not acknowledged yet (session tickets, another answer): it does not wait
 * for the acknowledgement, which a peer delays by 40 ms. */
static void send_at_once(int fd)
{
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void sip_conn_accepted(struct sip_listener *ls, enum sip_proto proto, int fd, const struct sockaddr_storage *sa)
{
        struct sip_net *n = ls->net;
        char ip[46];
        uint16_t port;
        sip_sockname(sa, ip, &port);
        send_at_once(fd);
        struct sip_conn *c = n->conns < n->conf.max_connections ? conn_new(ls, proto, fd, ip, port) : NULL;
        if (c == NULL) {
                n->turned_away++;
                close(fd);
        } else if (!wrap(c, false)) {
                conn_close(c);
        }
}

/* From the listener's own address, by which peers may know us. */
static int connect_fd(const struct sip_listener *ls, const struct sip_target *to)
{
        struct sockaddr_storage from, sa;
        socklen_t from_len = 0, len = 0;
        const int one = 1;
        bool same = ls->one_port && to->proto == SIP_TCP;
        if (!sip_sockaddr(ls->ip, same ? ls->port[SIP_TCP] : 0, &from, &from_len) ||
            !sip_sockaddr(to->ip, to->port, &sa, &len))
                return -1;
        int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        send_at_once(fd);
        if (same) {
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
                setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        }
        if ((from.ss_family == sa.ss_family && bind(fd, (struct sockaddr *)&from, from_len) != 0) ||
            (connect(fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS)) {
                close(fd);
                return -1;
        }
        return fd;
}

enum ecode sip_conn_connect(struct sip_listener *ls, const struct sip_target *to, struct sip_conn **ret)
{
        struct sip_net *n = ls->net;
        if (n->closing || n->conns >= n->conf.max_connections || (to->proto == SIP_TLS && n->conf.tls_client == NULL))
                return E_PEER_DOWN;
        int fd = connect_fd(ls, to);
        if (fd < 0)
                return E_PEER_DOWN;
        struct sip_conn *c = conn_new(ls, to->proto, fd, to->ip, to->port);
        if (c == NULL) {
                close(fd);
                return E_NOMEM;
        }
        c->waiting = evbuffer_new();
        c->connecting = event_new(loop_base(n->conf.loop), fd, EV_WRITE, on_connected, c);
        if (c->waiting == NULL || c->connecting == NULL || event_add(c->connecting, NULL) != 0) {
                conn_close(c);
                return E_NOMEM;
        }
        deadline(c, n->conf.connect_ms);
        *ret = c;
        return E_OK;
}

struct sip_conn *sip_conn_find(struct sip_net *n, const struct sip_target *to, const struct sip_listener *ls)
{
        struct sip_conn *c = NULL;
        struct sip_addr_key key;
        if (to->flow != 0)
                HASH_FIND(hh_flow, n->by_flow, &to->flow, sizeof to->flow, c);
        if (c != NULL && c->state != SIP_CONN_DOOMED)
                return c;
        if (ls == NULL)
                return NULL;
        memset(&key, 0, sizeof key); /* padding is part of the key */
        key.ls = ls;
        key.proto = to->proto;
        key.port = to->port;
        memcpy(key.ip, to->ip, strnlen(to->ip, sizeof key.ip - 1));
        HASH_FIND(hh_addr, n->by_addr, &key, sizeof key, c);
        return c != NULL && c->state != SIP_CONN_DOOMED ? c : NULL;
}

void sip_conn_write(struct sip_conn *c, struct bytes out)
{
        struct evbuffer *to = c->state == SIP_CONN_OPEN ? bufferevent_get_output(c->bev) : c->waiting;
        if (c->state == SIP_CONN_HANDSHAKE && to == NULL)
                to = c->waiting = evbuffer_new(); /* accepted, and somebody sends already */
        if (to == NULL || evbuffer_get_length(to) + out.n > BACKLOG_MAX || evbuffer_add(to, out.p, out.n) != 0)
                sip_conn_doom(c);
}

void sip_conn_doom(struct sip_conn *c)
{
        bool flush = c->state == SIP_CONN_OPEN && evbuffer_get_length(bufferevent_get_output(c->bev)) > 0;
        if (c->state == SIP_CONN_OPEN)
                bufferevent_disable(c->bev, EV_READ);
        c->state = SIP_CONN_DOOMED;
        c->deadline_ms = flush ? sip_now(c->net) + 2000 : 0;
        timer_in(c, flush ? 2000 : 0);
}

void sip_conn_close_all(struct sip_net *n)
{
        struct sip_conn *c, *next;
        HASH_ITER(hh_flow, n->by_flow, c, next)
        {
                conn_close(c);
        }
}
