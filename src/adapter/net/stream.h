/* A non-blocking TCP connection, with or without TLS, as four calls that never wait. What they want before they can go
 * on is told; the caller has loop and timer. */
#ifndef MUSTER_ADAPTER_NET_STREAM_H
#define MUSTER_ADAPTER_NET_STREAM_H

#include <stddef.h>
#include <sys/types.h>
#include <openssl/ssl.h>

struct stream {
        int fd;
        SSL *ssl; /* NULL: no TLS */
};

enum { STREAM_EOF = 0, STREAM_WANT_READ = -1, STREAM_WANT_WRITE = -2, STREAM_FAILED = -3 };

/* Server side on an accepted, non-blocking socket, which is the stream's from now on. ctx NULL: no TLS. -1: no memory.
 */
int stream_accept(struct stream *s, int fd, SSL_CTX *ctx);
/* 1: done; or WANT_..., FAILED (tls_why() tells). */
int stream_handshake(struct stream *s);
/* Octets read (never 0), or EOF, WANT_..., FAILED. n > 0. */
ssize_t stream_read(struct stream *s, void *to, size_t n);
/* Octets written, or WANT_..., FAILED. n > 0. */
ssize_t stream_write(struct stream *s, const void *from, size_t n);
/* Nothing more will be written: tells the peer. Not after FAILED. */
void stream_end(struct stream *s);
/* Reads what the peer still sends and drops it. EOF, WANT_READ or FAILED. */
int stream_drop_input(struct stream *s);
void stream_close(struct stream *s);

#endif
