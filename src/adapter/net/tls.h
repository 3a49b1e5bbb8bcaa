/* TLS as Muster speaks it: 1.2 and 1.3 only, AEAD suites with ephemeral elliptic-curve keys, X25519, P-256 and P-384,
 * no renegotiation, no compression (TS 33.210 clause 6.2; R-ID-3, R-KMS-60, R-SA-125). A context is made once and
 * shared by all threads; SSL_CTX_free() ends it. */
#ifndef MUSTER_ADAPTER_NET_TLS_H
#define MUSTER_ADAPTER_NET_TLS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <openssl/ssl.h>

enum tls_client_cert {
        TLS_CLIENT_CERT_NONE,     /* not asked for */
        TLS_CLIENT_CERT_OPTIONAL, /* asked for; a wrong one fails the handshake, none is allowed */
        TLS_CLIENT_CERT_REQUIRED, /* none fails the handshake too */
};

struct tls_server_conf {
        const char *cert_file; /* PEM, the server's certificate and the chain above it */
        const char *key_file;  /* PEM */
        const char *ca_file;   /* PEM, what client certificates are checked against; may be NULL with ..._NONE */
        enum tls_client_cert client_cert;
};

struct tls_client_conf {
        const char *ca_file;              /* PEM; nothing else is trusted */
        const char *cert_file, *key_file; /* the client's own, or both NULL */
};

/* E_CONFIG with file and reason (missing, wrong pass phrase, key of another certificate), E_NOMEM, E_CRYPTO. */
enum ecode tls_server_ctx(const struct tls_server_conf *conf, SSL_CTX **ret, struct err *er);
enum ecode tls_client_ctx(const struct tls_client_conf *conf, SSL_CTX **ret, struct err *er);

/* Before the handshake of a client: the peer has to prove this DNS name (subject alternative names, RFC 9525 clause 6)
 * or this IP address. Sends the name as server name indication (RFC 6066 clause 3), an address not. E_RANGE, E_CRYPTO.
 */
enum ecode tls_expect(SSL *ssl, const char *name_or_ip, struct err *er);

/* Who the peer proved to be: the common name of its verified certificate, else its first DNS or URI alternative name.
 * NULL: no certificate, not verified, or no usable name. */
char *tls_peer_name(void *mem, SSL *ssl);
/* Whether the peer's verified certificate carries this DNS or URI alternative name, or IP address, or common name when
 * there is no such alternative name (used to match a sender with a configured peer). */
bool tls_peer_is(SSL *ssl, const char *name);

/* Why OpenSSL refused, from its error queue, which is emptied: "certificate verify failed (self-signed certificate)".
 * ssl may be NULL; ret holds at least 1 octet, and is never empty afterwards if it is larger. */
void tls_why(SSL *ssl, char *ret, size_t n);

#endif
