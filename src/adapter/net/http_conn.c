#include "adapter/net/http_conn.h"

#include "adapter/net/http_answer.h"
#include "base/event.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <talloc.h>

#define LINGER_MS                                                                                                      \
        1000 /* after our last octet, for the peer to read it: a close with unread input would reset it away */

enum conn_state {
        ST_HANDSHAKE,
        ST_IDLE,    /* no octet of a next request yet */
        ST_HEAD,    /* the head is coming in */
        ST_BODY,    /* the body is coming in */
        ST_BUSY,    /* a worker has the exchange */
        ST_SENDING, /* the answer goes out */
        ST_LINGER,  /* everything is said, the peer may still talk */
        ST_COUNT,
};

struct conn {
        LIST_ENTRY(conn) entry;
        struct http_side *side;
        struct http_listener *listener;
        struct stream stream;
        struct http_peer peer;
        struct event readable, writable, timer;
        enum conn_state state;
        uint8_t *in; /* HTTP_HEAD_MAX octets while there is input, else NULL */
        size_t in_n, seen;
        bool eof, wants_write, blank_line;
        struct exchange *x; /* from the end of a head until its answer is sent */
        size_t out_at;
};

/* What pump() does after a step. */
enum step { GO, WAIT, GONE };

static struct http_server *server_of(const struct conn *c)
{
        return c->side->server;
}

static enum step conn_close(struct conn *c)
{
        struct http_server *s = server_of(c);
        struct http_listener *ls = c->listener;
        event_del(&c->readable);
        event_del(&c->writable);
        event_del(&c->timer);
        if (c->x != NULL && c->state == ST_BUSY)
                c->x->conn = NULL; /* the worker has it; exchange_back() ends it */
        else
                talloc_free(c->x);
        stream_close(&c->stream);
        LIST_REMOVE(c, entry);
        talloc_free(c->peer.name);
        free(c->in);
        free(c);
        atomic_fetch_sub(&ls->open, 1);
        server_fewer(s, &s->open);
        return GONE;
}

static void enter(struct conn *c, enum conn_state state, unsigned timeout_ms)
{
        c->state = state;
        struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
        if (timeout_ms > 0)
                event_add(&c->timer, &tv);
        else
                event_del(&c->timer);
}

static void tell(const struct conn *c, const char *name, int status, const char *why, const char *req)
{
        unsigned untold;
        if (server_may_tell(server_of(c), &untold))
                ev(server_of(c)->conf.log, EV_INFO, name, KV_STR("listener", c->listener->conf.name),
                   KV_STR("peer", c->peer.ip), KV_INT("status", status), KV_STR("cause", why), KV_STR("req", req),
                   KV_INT("untold", untold));
}

/* Answers on the loop, without a handler. Where the body is not read to its end the connection cannot go on. */
static enum step refuse(struct conn *c, int status, const char *why, const char *req, bool body_read)
{
        if (c->x == NULL)
                c->x = exchange_new(c->side, c->listener, c);
        if (c->x == NULL)
                return conn_close(c);
        count_one(server_of(c), N_REFUSED);
        tell(c, "http-refused", status, why, req);
        if (!body_read)
                c->x->keep_alive = false;
        http_answer_refusal(&c->x->rs, status, why);
        exchange_print(c->x);
        enter(c, ST_SENDING, c->listener->conf.send_ms);
        return GO;
}

enum fill { FILL_BLOCKED, FILL_FULL, FILL_FAILED };

static enum fill fill(struct conn *c)
{
        if (c->eof)
                return FILL_BLOCKED;
        if (c->in == NULL)
                c->in = malloc(HTTP_HEAD_MAX);
        while (c->in != NULL && c->in_n < HTTP_HEAD_MAX) {
                ssize_t r = stream_read(&c->stream, c->in + c->in_n, HTTP_HEAD_MAX - c->in_n);
                if (r > 0) {
                        c->in_n += (size_t)r;
                        continue;
                }
                c->eof = r == STREAM_EOF; /* the peer sends no more; it may still be reading */
                c->wants_write |= r == STREAM_WANT_WRITE;
                return r == STREAM_FAILED ? FILL_FAILED : FILL_BLOCKED;
        }
        return c->in == NULL ? FILL_FAILED : FILL_FULL;
}

static void consume(struct conn *c, size_t n)
{
        c->in_n -= n;
        c->seen = 0;
        if (c->in_n > 0)
                memmove(c->in, c->in + n, c->in_n);
}

static void drop_input(struct conn *c)
{
        free(c->in);
        c->in = NULL;
        c->in_n = c->seen = 0;
}

static enum step step_handshake(struct conn *c)
{
        char why[160];
        int r = stream_handshake(&c->stream);
        if (r == 1) {
                c->peer.name = tls_peer_name(NULL, c->stream.ssl);
                enter(c, ST_IDLE, c->listener->conf.idle_ms);
                return GO;
        }
        c->wants_write = r == STREAM_WANT_WRITE;
        if (r != STREAM_FAILED)
                return WAIT;
        tls_why(c->stream.ssl, why, sizeof why);
        count_one(server_of(c), N_TLS_FAILED);
        tell(c, "tls-refused", 0, why, "R-ID-3");
        shutdown(c->stream.fd, SHUT_WR); /* OpenSSL has sent its alert; the peer shall be able to read it */
        enter(c, ST_LINGER, LINGER_MS);
        return GO;
}

static enum step step_idle(struct conn *c)
{
        if (fill(c) == FILL_FAILED)
                return conn_close(c);
        if (c->in_n == 0) {
                drop_input(c);
                if (!c->eof)
                        return WAIT;
                stream_end(&c->stream);
                return conn_close(c);
        }
        c->blank_line = false;
        enter(c, ST_HEAD, c->listener->conf.head_ms);
        return GO;
}

/* RFC 9112 clause 2.2: one empty line before a request is forgiven. */
static void skip_blank_line(struct conn *c)
{
        if (c->blank_line || c->in_n < 2 || c->in[0] != '\r' || c->in[1] != '\n')
                return;
        c->blank_line = true;
        consume(c, 2);
}

static int status_of_head(enum ecode e)
{
        switch (e) {
        case E_LONG: return 431;
        case E_UNSUPPORTED: return 501;
        case E_NOMEM: return 503;
        default: return 400;
        }
}

/* Everything that can be told from the head alone is refused before the body is read. */
static enum step check_head(struct conn *c)
{
        struct exchange *x = c->x;
        const char *allow = NULL;
        bool body_read = !x->head.chunked && x->head.length == 0;
        if (x->head.form == HTTP_FORM_AUTHORITY)
                return refuse(c, 501, "CONNECT is not served here", NULL, false);
        x->route = http_route_find(x, x->listener->conf.routes, x->rq.method, x->rq.path, &allow);
        if (x->route == NULL && allow != NULL) {
                http_res_field(&x->rs, "Allow", "%s", allow);
                return refuse(c, 405, NULL, "R-KMS-58", body_read);
        }
        if (x->route == NULL)
                return refuse(c, 404, NULL, "R-ID-1", body_read);
        if (x->head.length > x->listener->conf.max_body)
                return refuse(c, 413, "the body is longer than this listener takes", "R-SA-128", false);
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (x->head.expect_continue && !body_read && c->in_n == 0 &&
            stream_write(&c->stream, go_on, sizeof go_on - 1) != (ssize_t)sizeof go_on - 1)
                return conn_close(c);
        enter(c, ST_BODY, c->listener->conf.body_ms);
        return GO;
}

static enum step step_head(struct conn *c)
{
        struct err er = { 0 };
        if (fill(c) == FILL_FAILED)
                return conn_close(c);
        skip_blank_line(c);
        size_t end = http_head_end(bytes_of(c->in, c->in_n), c->seen);
        if (end == 0) {
                c->seen = c->in_n;
                if (c->in_n == HTTP_HEAD_MAX)
                        return refuse(c, 431, "the head is longer than 16 KiB", NULL, false);
                return c->eof ? conn_close(c) : WAIT;
        }
        c->x = exchange_new(c->side, c->listener, c);
        if (c->x == NULL)
                return conn_close(c);
        enum ecode e = exchange_head(c->x, bytes_of(c->in, end), &c->peer, &er);
        consume(c, end);
        if (e != E_OK)
                return refuse(c, status_of_head(e), er.text, er.req, false);
        return check_head(c);
}

static void exchange_back(struct loop_task *t);

static enum step submit(struct conn *c)
{
        struct http_server *s = server_of(c);
        c->x->back.fn = exchange_back;
        atomic_fetch_add(&s->jobs, 1);
        enter(c, ST_BUSY, 0);
        if (workers_submit(s->conf.workers, exchange_run, c->x) == E_OK) {
                count_one(s, N_REQUESTS);
                return GO;
        }
        server_fewer(s, &s->jobs);
        count_one(s, N_BUSY);
        http_res_field(&c->x->rs, "Retry-After", "1");
        return refuse(c, 503, "overloaded, come back later", NULL, true);
}

static enum step step_body(struct conn *c)
{
        size_t used = 0;
        bool done = false;
        enum fill f = fill(c);
        if (f == FILL_FAILED)
                return conn_close(c);
        enum ecode e = exchange_body(c->x, bytes_of(c->in, c->in_n), &used, &done);
        if (e == E_LONG)
                return refuse(c, 413, "the body is longer than this listener takes", "R-SA-128", false);
        if (e != E_OK)
                return e == E_NOMEM ? refuse(c, 503, "out of memory", NULL, false)
                                    : refuse(c, 400, "the chunked body is malformed", "R-KMS-62", false);
        consume(c, used);
        if (done)
                return submit(c);
        if (f == FILL_FULL)
                return GO;
        return c->eof ? conn_close(c) : WAIT;
}

/* Reads on, so that a peer that goes away is noticed; what comes early waits in the buffer. */
static enum step step_busy(struct conn *c)
{
        return fill(c) == FILL_FAILED ? conn_close(c) : WAIT;
}

static enum step step_sending(struct conn *c)
{
        struct bytes out = c->x->out;
        if (out.n == 0)
                return conn_close(c);
        while (c->out_at < out.n) {
                ssize_t r = stream_write(&c->stream, out.p + c->out_at, out.n - c->out_at);
                if (r == STREAM_FAILED)
                        return conn_close(c);
                c->wants_write = r == STREAM_WANT_WRITE;
                if (r <= 0)
                        return WAIT;
                c->out_at += (size_t)r;
        }
        bool keep = c->x->keep_alive && !atomic_load(&server_of(c)->draining);
        TALLOC_FREE(c->x);
        c->out_at = 0;
        if (keep) {
                enter(c, ST_IDLE, c->listener->conf.idle_ms);
                return GO;
        }
        stream_end(&c->stream);
        drop_input(c);
        enter(c, ST_LINGER, LINGER_MS);
        return GO;
}

static enum step step_linger(struct conn *c)
{
        return stream_drop_input(&c->stream) == STREAM_WANT_READ ? WAIT : conn_close(c);
}

static enum step (*const steps[ST_COUNT])(struct conn *) = {
        [ST_HANDSHAKE] = step_handshake, [ST_IDLE] = step_idle,       [ST_HEAD] = step_head,     [ST_BODY] = step_body,
        [ST_BUSY] = step_busy,           [ST_SENDING] = step_sending, [ST_LINGER] = step_linger,
};

/* Readiness is level-triggered: only what the next step would take may be asked for. */
static void set_interest(struct conn *c)
{
        bool read;
        switch (c->state) {
        case ST_HANDSHAKE: read = !c->wants_write; break;
        case ST_SENDING: read = !c->wants_write; break;
        case ST_LINGER: read = true; break;
        default: read = !c->eof && c->in_n < HTTP_HEAD_MAX; break;
        }
        if (read)
                event_add(&c->readable, NULL);
        else
                event_del(&c->readable);
        if (c->wants_write)
                event_add(&c->writable, NULL);
        else
                event_del(&c->writable);
}

static void pump(struct conn *c)
{
        enum step next;
        c->wants_write = false;
        do {
                next = steps[c->state](c);
        } while (next == GO);
        if (next == WAIT)
                set_interest(c);
}

static void exchange_back(struct loop_task *t)
{
        struct exchange *x = (struct exchange *)(void *)t;
        struct conn *c = x->conn;
        struct http_server *s = x->side->server;
        if (c == NULL) {
                talloc_free(x);
        } else {
                enter(c, ST_SENDING, c->listener->conf.send_ms);
                pump(c);
        }
        server_fewer(s, &s->jobs);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
        (void)fd, (void)what;
        pump(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        (void)fd, (void)what;
        struct conn *c = arg;
        if (c->state == ST_IDLE)
                stream_end(&c->stream);
        if (c->state == ST_IDLE || c->state == ST_LINGER) {
                conn_close(c);
                return;
        }
        count_one(server_of(c), N_TIMEOUTS);
        if (c->state == ST_HEAD || c->state == ST_BODY) {
                if (refuse(c, 408, "the request took too long to arrive", NULL, false) == GO)
                        pump(c);
                return;
        }
        if (c->state == ST_HANDSHAKE) {
                count_one(server_of(c), N_TLS_FAILED);
                tell(c, "tls-refused", 0, "the handshake took too long", NULL);
        }
        conn_close(c);
}

static void peer_of(struct http_peer *p, const struct sockaddr_storage *from)
{
        if (from->ss_family == AF_INET) {
                const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)from;
                inet_ntop(AF_INET, &a->sin_addr, p->ip, sizeof p->ip);
                p->port = ntohs(a->sin_port);
        } else {
                const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)from;
                inet_ntop(AF_INET6, &a->sin6_addr, p->ip, sizeof p->ip);
                p->port = ntohs(a->sin6_port);
        }
}

static SSL_CTX *tls_of(struct http_listener *ls)
{
        pthread_mutex_lock(&ls->lock);
        SSL_CTX *ctx = ls->tls;
        if (ctx != NULL)
                SSL_CTX_up_ref(ctx);
        pthread_mutex_unlock(&ls->lock);
        return ctx;
}

static struct conn *conn_new(const struct arrival *a)
{
        struct conn *c = calloc(1, sizeof *c);
        SSL_CTX *tls = tls_of(a->listener);
        if (c == NULL)
                close(a->fd);
        if (c == NULL || stream_accept(&c->stream, a->fd, tls) != 0) {
                SSL_CTX_free(tls);
                free(c);
                return NULL;
        }
        SSL_CTX_free(tls); /* the SSL holds its own reference */
        c->side = a->side;
        c->listener = a->listener;
        peer_of(&c->peer, &a->from);
        struct event_base *base = loop_base(a->side->loop);
        event_assign(&c->readable, base, a->fd, EV_READ | EV_PERSIST, on_ready, c);
        event_assign(&c->writable, base, a->fd, EV_WRITE | EV_PERSIST, on_ready, c);
        event_assign(&c->timer, base, -1, 0, on_timer, c);
        LIST_INSERT_HEAD(&a->side->conns, c, entry);
        return c;
}

void conn_arrive(struct loop_task *t)
{
        struct arrival *a = (struct arrival *)(void *)t;
        struct http_server *s = a->side->server;
        struct conn *c = conn_new(a);
        if (c == NULL) {
                atomic_fetch_sub(&a->listener->open, 1);
                server_fewer(s, &s->open);
        } else {
                enter(c, ST_HANDSHAKE, a->listener->conf.handshake_ms);
                pump(c);
        }
        free(a);
}

void conns_end(struct http_side *side, bool all)
{
        struct conn *next;
        for (struct conn *c = LIST_FIRST(&side->conns); c != NULL; c = next) {
                next = LIST_NEXT(c, entry);
                bool between = c->state == ST_HANDSHAKE || c->state == ST_IDLE || c->state == ST_LINGER;
                if (c->state == ST_IDLE)
                        stream_end(&c->stream);
                if (all || between)
                        conn_close(c);
        }
}
