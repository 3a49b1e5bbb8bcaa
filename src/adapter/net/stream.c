#include "adapter/net/stream.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <openssl/err.h>

int stream_accept(struct stream *s, int fd, SSL_CTX *ctx)
{
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
        if (ctx != NULL && (ssl == NULL || SSL_set_fd(ssl, fd) != 1)) {
                SSL_free(ssl);
                close(fd);
                ERR_clear_error();
                return -1;
        }
        if (ssl != NULL)
                SSL_set_accept_state(ssl);
        *s = (struct stream){ fd, ssl };
        return 0;
}

/* What a result <= 0 of OpenSSL means. The error queue is left for tls_why() on FAILED. */
static int tls_result(struct stream *s, int r)
{
        switch (SSL_get_error(s->ssl, r)) {
        case SSL_ERROR_WANT_READ: return STREAM_WANT_READ;
        case SSL_ERROR_WANT_WRITE: return STREAM_WANT_WRITE;
        case SSL_ERROR_ZERO_RETURN: return STREAM_EOF;
        default: return STREAM_FAILED;
        }
}

static int plain_result(int want)
{
        return errno == EAGAIN || errno == EWOULDBLOCK ? want : STREAM_FAILED;
}

int stream_handshake(struct stream *s)
{
        if (s->ssl == NULL)
                return 1;
        ERR_clear_error();
        int r = SSL_do_handshake(s->ssl);
        if (r == 1)
                return 1;
        r = tls_result(s, r);
        return r == STREAM_EOF ? STREAM_FAILED : r;
}

ssize_t stream_read(struct stream *s, void *to, size_t n)
{
        ssize_t r;
        if (s->ssl != NULL) {
                ERR_clear_error();
                r = SSL_read(s->ssl, to, n > INT_MAX ? INT_MAX : (int)n);
                return r > 0 ? r : tls_result(s, (int)r);
        }
        do {
                r = recv(s->fd, to, n, 0);
        } while (r < 0 && errno == EINTR);
        return r >= 0 ? r : plain_result(STREAM_WANT_READ);
}

ssize_t stream_write(struct stream *s, const void *from, size_t n)
{
        ssize_t r;
        if (s->ssl != NULL) {
                ERR_clear_error();
                r = SSL_write(s->ssl, from, n > INT_MAX ? INT_MAX : (int)n);
                if (r > 0)
                        return r;
                r = tls_result(s, (int)r);
                return r == STREAM_EOF ? STREAM_FAILED : r;
        }
        do {
                r = send(s->fd, from, n, MSG_NOSIGNAL);
        } while (r < 0 && errno == EINTR);
        return r >= 0 ? r : plain_result(STREAM_WANT_WRITE);
}

void stream_end(struct stream *s)
{
        if (s->ssl != NULL) {
                SSL_shutdown(s->ssl); /* close_notify, if it fits; the peer's is not waited for */
                ERR_clear_error();
        }
        shutdown(s->fd, SHUT_WR);
}

int stream_drop_input(struct stream *s)
{
        char waste[4096];
        for (unsigned i = 0; i < 64; i++) {
                ssize_t r = recv(s->fd, waste, sizeof waste, 0);
                if (r == 0)
                        return STREAM_EOF;
                if (r < 0 && errno != EINTR)
                        return plain_result(STREAM_WANT_READ);
        }
        return STREAM_WANT_READ; /* more is there; others on this loop come first */
}

void stream_close(struct stream *s)
{
        SSL_free(s->ssl);
        ERR_clear_error();
        if (s->fd >= 0)
                close(s->fd);
        *s = (struct stream){ .fd = -1 };
}
