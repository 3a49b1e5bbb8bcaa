#include "adapter/diameter/cx_fd_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define TC_SECONDS 1u /* between attempts to connect; freeDiameter adds 0 to 3 s of chance */
#define TW_SECONDS 6u /* between watchdogs: the least that freeDiameter takes, RFC 3539 clause 3.4.1 */
/* Elliptic curves only, TLS 1.2 at least. */
#define TLS_PRIORITY "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-DHE-RSA:-RSA"

/* Names and paths stand between quotes in freeDiameter's file, which knows no escapes. */
static bool quotable(const char *s)
{
        if (s == NULL || *s == 0)
                return false;
        for (; *s; s++) {
                if (*s == '"' || *s == '\\' || (unsigned char)*s < ' ')
                        return false;
        }
        return true;
}

enum ecode cx_fd_address(void *mem, const char *text, const char **ret_ip, uint16_t *ret_port, struct err *er)
{
        const char *colon = text != NULL ? strrchr(text, ':') : NULL;
        char *ip = colon != NULL ? talloc_strndup(mem, text, (size_t)(colon - text)) : NULL;
        uint8_t bin[16];
        char *end = NULL;
        unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
        if (ip == NULL || (inet_pton(AF_INET, ip, bin) != 1 && inet_pton(AF_INET6, ip, bin) != 1) || *end != 0 ||
            port == 0 || port > 65535)
                return err_set(er, E_CONFIG, NULL, "\"%s\" is no ip:port", text ? text : "");
        *ret_ip = ip;
        *ret_port = (uint16_t)port;
        return E_OK;
}

static enum ecode write_file(const char *path, const char *text, struct err *er)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        size_t n = strlen(text);
        bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
        int why = errno;
        if (fd >= 0)
                close(fd);
        return ok ? E_OK : err_set(er, E_IO, NULL, "cannot write %s: %s", path, strerror(why));
}

/* freeDiameter makes Diffie-Hellman parameters of its own at start when it is given none, which takes long, though our
 * priorities never use them. So it gets the group ffdhe2048 of RFC 7919. */
static enum ecode write_dh(void *mem, const char *path, struct err *er)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
        EVP_PKEY *group = NULL;
        BIO *out = BIO_new(BIO_s_mem());
        char *pem = NULL;
        bool ok = ctx != NULL && out != NULL && EVP_PKEY_paramgen_init(ctx) == 1 &&
                  EVP_PKEY_CTX_set_group_name(ctx, "ffdhe2048") == 1 && EVP_PKEY_paramgen(ctx, &group) == 1 &&
                  PEM_write_bio_Parameters(out, group) == 1;
        if (ok) {
                long n = BIO_get_mem_data(out, &pem);
                pem = talloc_strndup(mem, pem, (size_t)n);
        }
        EVP_PKEY_free(group);
        EVP_PKEY_CTX_free(ctx);
        BIO_free(out);
        if (!ok || pem == NULL)
                return err_set(er, E_CRYPTO, NULL, "no Diffie-Hellman parameters");
        return write_file(path, pem, er);
}

static enum ecode put_tls(void *mem, struct buf *b, const struct cx_fd_place *place, struct err *er)
{
        const struct {
                const char *what, *path;
        } files[] = { { "certificate", place->cert_file }, { "key", place->key_file }, { "CA", place->ca_file } };
        for (size_t i = 0; i < COUNT(files); i++) {
                if (!quotable(files[i].path) || access(files[i].path, R_OK) != 0)
                        return err_set(er, E_CONFIG, NULL, "the %s file of Diameter cannot be read: %s", files[i].what,
                                       files[i].path ? files[i].path : "(none)");
        }
        const char *dh = talloc_asprintf(mem, "%s/freediameter.dh", place->dir);
        enum ecode e = dh != NULL ? write_dh(mem, dh, er) : E_NOMEM;
        buf_printf(b, "TLS_Cred = \"%s\", \"%s\";\nTLS_CA = \"%s\";\nTLS_DH_File = \"%s\";\nTLS_Prio = \"%s\";\n",
                   place->cert_file, place->key_file, place->ca_file, dh ? dh : "", TLS_PRIORITY);
        return e;
}

static enum ecode put_server(void *mem, struct buf *b, const struct cx_conf *conf, struct err *er)
{
        const char *ip = NULL;
        uint16_t port = 0;
        enum ecode e = cx_fd_address(mem, conf->listen, &ip, &port, er);
        if (e == E_OK)
                buf_printf(b, "Port = %u;\nSecPort = %u;\nThreadsPerServer = 16;\n", conf->plain ? port : 0u,
                           conf->plain ? 0u : (unsigned)conf->tls_port);
        return e;
}

static enum ecode put_client(void *mem, struct buf *b, const struct cx_conf *conf, struct err *er)
{
        const char *ip = NULL;
        uint16_t port = 0;
        enum ecode e = cx_fd_address(mem, conf->hss_address, &ip, &port, er);
        if (e != E_OK)
                return e;
        if (!quotable(conf->hss) || !quotable(conf->address))
                return err_set(er, E_CONFIG, NULL, "cx_hss and cx_address are needed");
        /* No port is open: whoever knocked there could claim to be the HSS, freeDiameter does not compare the
         * certificate of an incoming connection with the identity that it claims. */
        buf_puts(b, "Port = 0;\nSecPort = 0;\n");
        buf_printf(b, "ConnectPeer = \"%s\" { ConnectTo = \"%s\"; Port = %u; No_SCTP; %s};\n", conf->hss, ip, port,
                   conf->plain ? "No_TLS; " : "");
        return E_OK;
}

enum ecode cx_fd_bind(const char *ip, struct err *er)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        bool is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
        if (!is_v4 && inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1)
                return err_set(er, E_CONFIG, NULL, "\"%s\" is no address", ip);
        int r = fd_ep_add_merge(&fd_g_config->cnf_endpoints, is_v4 ? (sSA *)&v4 : (sSA *)&v6,
                                is_v4 ? sizeof v4 : sizeof v6, EP_FL_CONF | EP_ACCEPTALL);
        return r == 0 ? E_OK : err_set(er, E_NOMEM, NULL, "address of Diameter");
}

enum ecode cx_fd_write_conf(void *mem, const struct cx_conf *conf, const struct cx_fd_place *place, bool server,
                            const char **ret, struct err *er)
{
        if (!quotable(conf->identity) || !quotable(conf->realm) || !quotable(place->dir))
                return err_set(er, E_CONFIG, NULL, "Diameter identity, realm or directory is empty or has a quote");
        struct buf b = buf_on(mem);
        buf_printf(&b,
                   "# Written by muster at every start.\nIdentity = \"%s\";\nRealm = \"%s\";\nNo_SCTP;\nNoRelay;\n"
                   "AppServThreads = %u;\nTcTimer = %u;\nTwTimer = %u;\n",
                   conf->identity, conf->realm, place->workers ? place->workers : 8, TC_SECONDS, TW_SECONDS);
        enum ecode e = server ? put_server(mem, &b, conf, er) : put_client(mem, &b, conf, er);
        if (e == E_OK && !conf->plain)
                e = put_tls(mem, &b, place, er);
        const char *path = talloc_asprintf(mem, "%s/freediameter.conf", place->dir);
        if (e == E_OK && (path == NULL || buf_str(&b) == NULL))
                e = err_set(er, E_NOMEM, NULL, "Diameter configuration");
        if (e == E_OK)
                e = write_file(path, buf_str(&b), er);
        if (e == E_OK)
                *ret = path;
        return e;
}
