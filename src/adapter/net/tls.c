#include "adapter/net/tls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <talloc.h>

/* TLS 1.2: what RFC 9325 clause 4.2 recommends, ephemeral keys and AEAD alone. All suites of TLS 1.3 are such. */
static const char tls12_suites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";

void tls_why(SSL *ssl, char *ret, size_t n)
{
        unsigned long e = ERR_peek_last_error();
        long verify = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
        const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
        if (reason == NULL && e != 0 && ERR_SYSTEM_ERROR(e))
                reason = strerror(ERR_GET_REASON(e));
        if (reason == NULL)
                reason = "the connection ended";
        if (verify != X509_V_OK)
                snprintf(ret, n, "%s (%s)", reason, X509_verify_cert_error_string(verify));
        else
                snprintf(ret, n, "%s", reason);
        ERR_clear_error();
}

static enum ecode crypto_failed(const char *what, struct err *er)
{
        char why[160];
        tls_why(NULL, why, sizeof why);
        return err_set(er, E_CRYPTO, NULL, "TLS: %s: %s", what, why);
}

static enum ecode file_failed(const char *file, struct err *er)
{
        char why[128];
        tls_why(NULL, why, sizeof why);
        return err_set(er, E_CONFIG, NULL, "%s: %s", file, why);
}

/* Without this OpenSSL asks on the terminal. */
static int no_pass_phrase(char *to, int size, int writing, void *arg)
{
        (void)to, (void)size, (void)writing, (void)arg;
        return -1;
}

static enum ecode load_own(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *er)
{
        if (cert_file == NULL || key_file == NULL)
                return err_set(er, E_CONFIG, NULL, "a certificate and its key are needed, both");
        if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
                return file_failed(cert_file, er);
        if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
                return file_failed(key_file, er);
        if (SSL_CTX_check_private_key(ctx) != 1)
                return err_set(er, E_CONFIG, NULL, "%s is not the key of the certificate in %s", key_file, cert_file);
        return E_OK;
}

static enum ecode load_ca(SSL_CTX *ctx, const char *ca_file, struct err *er)
{
        if (ca_file == NULL)
                return err_set(er, E_CONFIG, NULL, "no file of trusted certificates is given");
        return SSL_CTX_load_verify_file(ctx, ca_file) == 1 ? E_OK : file_failed(ca_file, er);
}

/* What both sides share: R-ID-3, R-KMS-60. */
static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
        SSL_CTX *ctx = SSL_CTX_new(method);
        if (ctx == NULL)
                return NULL;
        SSL_CTX_set_security_level(ctx, 2);
        SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
        if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_cipher_list(ctx, tls12_suites) != 1 || SSL_CTX_set1_groups_list(ctx, groups) != 1) {
                SSL_CTX_free(ctx);
                return NULL;
        }
        return ctx;
}

static enum ecode ask_client_cert(SSL_CTX *ctx, const struct tls_server_conf *conf, struct err *er)
{
        if (conf->client_cert == TLS_CLIENT_CERT_NONE)
                return E_OK;
        enum ecode e = load_ca(ctx, conf->ca_file, er);
        if (e != E_OK)
                return e;
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(conf->ca_file);
        if (names == NULL)
                return file_failed(conf->ca_file, er);
        SSL_CTX_set_client_CA_list(ctx, names);
        int must = conf->client_cert == TLS_CLIENT_CERT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | must, NULL); /* R-SA-125 */
        return E_OK;
}

enum ecode tls_server_ctx(const struct tls_server_conf *conf, SSL_CTX **ret, struct err *er)
{
        static const unsigned char session_context[] = "muster"; /* resumption with client certificates needs one */
        SSL_CTX *ctx = ctx_new(TLS_server_method());
        if (ctx == NULL)
                return crypto_failed("server context", er);
        enum ecode e = load_own(ctx, conf->cert_file, conf->key_file, er);
        if (e == E_OK)
                e = ask_client_cert(ctx, conf, er);
        if (e == E_OK && SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1) != 1)
                e = crypto_failed("session context", er);
        if (e != E_OK) {
                SSL_CTX_free(ctx);
                return e;
        }
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets alone: no state here */
        *ret = ctx;
        return E_OK;
}

enum ecode tls_client_ctx(const struct tls_client_conf *conf, SSL_CTX **ret, struct err *er)
{
        SSL_CTX *ctx = ctx_new(TLS_client_method());
        if (ctx == NULL)
                return crypto_failed("client context", er);
        enum ecode e = load_ca(ctx, conf->ca_file, er);
        if (e == E_OK && (conf->cert_file != NULL || conf->key_file != NULL))
                e = load_own(ctx, conf->cert_file, conf->key_file, er);
        if (e != E_OK) {
                SSL_CTX_free(ctx);
                return e;
        }
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        *ret = ctx;
        return E_OK;
}

static bool is_ip(const char *s)
{
        unsigned char a[16];
        return inet_pton(AF_INET, s, a) == 1 || inet_pton(AF_INET6, s, a) == 1;
}

enum ecode tls_expect(SSL *ssl, const char *name_or_ip, struct err *er)
{
        if (name_or_ip == NULL || *name_or_ip == 0)
                return err_set(er, E_RANGE, NULL, "TLS: whom to expect is not given");
        X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
        if (is_ip(name_or_ip)) {
                if (X509_VERIFY_PARAM_set1_ip_asc(p, name_or_ip) != 1)
                        return crypto_failed("expected address", er);
                return E_OK;
        }
        X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        if (X509_VERIFY_PARAM_set1_host(p, name_or_ip, 0) != 1 || SSL_set_tlsext_host_name(ssl, name_or_ip) != 1)
                return crypto_failed("expected name", er);
        return E_OK;
}

/* As a string when it holds no NUL (a NUL in a certificate's name is an attack), else NULL. */
static char *asn1_text(void *mem, const ASN1_STRING *s)
{
        const unsigned char *p = ASN1_STRING_get0_data(s);
        int n = ASN1_STRING_length(s);
        if (n <= 0 || memchr(p, 0, (size_t)n) != NULL)
                return NULL;
        return talloc_strndup(mem, (const char *)p, (size_t)n);
}

static char *common_name(void *mem, X509 *cert)
{
        X509_NAME *subject = X509_get_subject_name(cert);
        int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (at < 0)
                return NULL;
        unsigned char *utf8 = NULL;
        int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        char *ret = NULL;
        if (n > 0 && memchr(utf8, 0, (size_t)n) == NULL)
                ret = talloc_strndup(mem, (const char *)utf8, (size_t)n);
        OPENSSL_free(utf8);
        return ret;
}

/* The first DNS or URI alternative name; or, with `want`, that one if it is there. */
static char *alternative_name(void *mem, X509 *cert, const char *want)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        char *ret = NULL;
        for (int i = 0; ret == NULL && i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
                if (g->type != GEN_DNS && g->type != GEN_URI)
                        continue;
                ret = asn1_text(mem, g->type == GEN_DNS ? g->d.dNSName : g->d.uniformResourceIdentifier);
                if (ret != NULL && want != NULL && strcmp(ret, want) != 0)
                        TALLOC_FREE(ret);
        }
        GENERAL_NAMES_free(names);
        return ret;
}

static X509 *verified_cert(SSL *ssl)
{
        if (ssl == NULL || SSL_get_verify_result(ssl) != X509_V_OK || !(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER))
                return NULL;
        return SSL_get0_peer_certificate(ssl);
}

char *tls_peer_name(void *mem, SSL *ssl)
{
        X509 *cert = verified_cert(ssl);
        if (cert == NULL)
                return NULL;
        char *name = common_name(mem, cert);
        return name != NULL ? name : alternative_name(mem, cert, NULL);
}

bool tls_peer_is(SSL *ssl, const char *name)
{
        X509 *cert = verified_cert(ssl);
        if (cert == NULL || name == NULL || *name == 0)
                return false;
        if (is_ip(name))
                return X509_check_ip_asc(cert, name, 0) == 1;
        if (X509_check_host(cert, name, strlen(name), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
                return true;
        char *uri = alternative_name(NULL, cert, name);
        bool found = uri != NULL;
        talloc_free(uri);
        return found;
}
