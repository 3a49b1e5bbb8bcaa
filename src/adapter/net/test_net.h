/* What the tests of this folder share: a server with real workers, loops and certificates, and a blocking client that
 * sends octets as they are given. Every wait of the client ends after ten seconds. */
#ifndef MUSTER_ADAPTER_NET_TEST_NET_H
#define MUSTER_ADAPTER_NET_TEST_NET_H

#include "adapter/net/http_server.h"
#include "adapter/net/test_pki.h"

#include <errno.h>
#include <pthread.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <openssl/err.h>

/* A door that holds handlers until it is opened, and tells how many came. */
struct door {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned arrived, left;
        bool open;
};

#define DOOR_INIT                                                                                                      \
        {                                                                                                              \
                .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                 \
        }

static inline void door_pass(struct door *d)
{
        pthread_mutex_lock(&d->lock);
        d->arrived++;
        pthread_cond_broadcast(&d->changed);
        while (!d->open)
                pthread_cond_wait(&d->changed, &d->lock);
        d->left++;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

static inline void door_await(struct door *d, unsigned arrived, unsigned left)
{
        pthread_mutex_lock(&d->lock);
        while (d->arrived < arrived || d->left < left)
                pthread_cond_wait(&d->changed, &d->lock);
        pthread_mutex_unlock(&d->lock);
}

static inline void door_open(struct door *d)
{
        pthread_mutex_lock(&d->lock);
        d->open = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

struct world {
        struct pki pki;
        SSL_CTX *tls, *client_tls;
        struct workers *workers;
        struct loop *loop[2];
        struct http_server *server;
        struct log *log;
        uint16_t port;
        struct door door; /* for handlers; world is the role */
};

/* Server certificate for 127.0.0.1 and localhost. */
static inline void world_open(struct world *w, unsigned threads, size_t queue)
{
        *w = (struct world){ .door = DOOR_INIT };
        w->pki = pki_new("Test CA");
        pki_issue(&w->pki, "server", "server", "IP:127.0.0.1,DNS:localhost", 10);
        struct tls_server_conf sc = { .cert_file = pki_path(&w->pki, "server.pem"),
                                      .key_file = pki_path(&w->pki, "server.key") };
        struct tls_client_conf cc = { .ca_file = pki_path(&w->pki, "ca.pem") };
        CHECK_OK(tls_server_ctx(&sc, &w->tls, NULL));
        CHECK_OK(tls_client_ctx(&cc, &w->client_tls, NULL));
        CHECK_OK(workers_start("test", threads, queue, &w->workers, NULL));
        for (size_t i = 0; i < COUNT(w->loop); i++)
                CHECK_OK(loop_start("test-loop", &w->loop[i], NULL));
        struct http_server_conf conf = { .clock = &clock_system,
                                         .rng = &rng_system,
                                         .workers = w->workers,
                                         .loops = w->loop,
                                         .loops_n = COUNT(w->loop) };
        CHECK_OK(http_server_open(&conf, &w->server, NULL));
}

/* conf: limits and routes; the rest is filled in. Returns the port. */
static inline uint16_t world_listen(struct world *w, struct http_listen conf)
{
        struct err er = { 0 };
        if (!conf.plain && conf.tls == NULL)
                conf.tls = w->tls;
        conf.name = conf.name ? conf.name : "test";
        conf.address = "127.0.0.1:0";
        conf.role = w;
        if (http_server_listen(w->server, &conf, &w->port, &er) != E_OK)
                fail_msg("%s", er.text);
        return w->port;
}

static inline void world_close(struct world *w)
{
        http_server_close(w->server, 1000);
        workers_stop(w->workers);
        for (size_t i = 0; i < COUNT(w->loop); i++)
                loop_stop(w->loop[i]);
        SSL_CTX_free(w->tls);
        SSL_CTX_free(w->client_tls);
        pki_drop(&w->pki);
}

struct peer {
        int fd;
        SSL *ssl;
};

static inline int peer_dial(uint16_t port)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval tv = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
                fail_msg("connect: %s", strerror(errno));
        return fd;
}

/* ctx NULL: no TLS. False: the handshake failed. */
static inline bool peer_open(struct peer *p, uint16_t port, SSL_CTX *ctx)
{
        *p = (struct peer){ .fd = peer_dial(port) };
        if (ctx == NULL)
                return true;
        p->ssl = SSL_new(ctx);
        SSL_set_fd(p->ssl, p->fd);
        CHECK_OK(tls_expect(p->ssl, "127.0.0.1", NULL));
        return SSL_connect(p->ssl) == 1;
}

static inline void peer_close(struct peer *p)
{
        SSL_free(p->ssl);
        ERR_clear_error();
        close(p->fd);
}

/* Without a goodbye: the other side gets a reset. */
static inline void peer_reset(struct peer *p)
{
        struct linger now = { .l_onoff = 1 };
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        peer_close(p);
}

/* False: the other side has gone. */
static inline bool peer_send_bytes(struct peer *p, struct bytes b)
{
        while (b.n > 0) {
                ssize_t r = p->ssl ? SSL_write(p->ssl, b.p, (int)b.n) : send(p->fd, b.p, b.n, MSG_NOSIGNAL);
                if (r <= 0)
                        return false;
                b = bytes_of(b.p + r, b.n - (size_t)r);
        }
        return true;
}

static inline bool peer_send(struct peer *p, const char *text)
{
        return peer_send_bytes(p, bytes_str(text));
}

/* 0: closed or reset. Fails the test after ten seconds. */
static inline size_t peer_read(struct peer *p, void *to, size_t n)
{
        ssize_t r = p->ssl ? SSL_read(p->ssl, to, (int)n) : recv(p->fd, to, n, 0);
        if (r < 0 && (p->ssl ? SSL_get_error(p->ssl, (int)r) == SSL_ERROR_WANT_READ : errno == EAGAIN))
                fail_msg("nothing came in ten seconds");
        ERR_clear_error();
        return r > 0 ? (size_t)r : 0;
}

/* One whole answer, head and body, or what came until the end of the connection. */
static inline char *peer_answer_to(struct peer *p, void *mem, bool head_only)
{
        struct buf b = buf_on(mem);
        b.max = (size_t)64 << 20;
        buf_puts(&b, "");
        for (char c; peer_read(p, &c, 1) == 1;) {
                buf_put(&b, bytes_of(&c, 1));
                if (b.n >= 4 && memcmp(b.p + b.n - 4, "\r\n\r\n", 4) == 0)
                        break;
        }
        const char *field = b.n > 0 ? strstr((char *)b.p, "Content-Length: ") : NULL;
        size_t left = field != NULL && !head_only ? strtoul(field + 16, NULL, 10) : 0;
        static _Thread_local char part[16384];
        while (left > 0) {
                size_t n = peer_read(p, part, left < sizeof part ? left : sizeof part);
                if (n == 0)
                        break;
                buf_put(&b, bytes_of(part, n));
                left -= n;
        }
        return buf_str(&b);
}

static inline char *peer_answer(struct peer *p, void *mem)
{
        return peer_answer_to(p, mem, false);
}

static inline bool peer_is_closed(struct peer *p)
{
        char c;
        return peer_read(p, &c, 1) == 0;
}

static inline int status_of(const char *answer)
{
        return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static inline const char *body_of(const char *answer)
{
        const char *p = strstr(answer, "\r\n\r\n");
        return p != NULL ? p + 4 : "";
}

#endif
