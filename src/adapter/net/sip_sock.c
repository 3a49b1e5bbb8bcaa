#include "adapter/net/sip_net_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "127.0.1.1:5060", "[::1]:0" */
static bool address_cut(const char *address, char ip[46], uint16_t *port)
{
        const char *colon = strrchr(address, ':');
        size_t n = colon != NULL ? (size_t)(colon - address) : 0;
        if (n > 1 && address[0] == '[' && address[n - 1] == ']') {
                address++;
                n -= 2;
        }
        int64_t p = colon != NULL ? sip_delta_seconds(colon + 1) : -1;
        if (n == 0 || n >= 46 || p < 0 || p > 65534)
                return false;
        memcpy(ip, address, n);
        ip[n] = 0;
        *port = (uint16_t)p;
        return true;
}

static int bound(const char *ip, uint16_t port, int type, bool one_port)
{
        struct sockaddr_storage sa;
        socklen_t len = 0;
        const int one = 1;
        if (!sip_sockaddr(ip, port, &sa, &len)) {
                errno = EADDRNOTAVAIL;
                return -1;
        }
        int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (type == SOCK_STREAM)
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (type == SOCK_STREAM && one_port)
                setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&sa, len) != 0 || (type == SOCK_STREAM && listen(fd, 512) != 0)) {
                int e = errno;
                close(fd);
                errno = e;
                return -1;
        }
        return fd;
}

static uint16_t port_of(int fd)
{
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        char ip[46];
        uint16_t port = 0;
        if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
                sip_sockname(&sa, ip, &port);
        return port;
}

static bool open_all(struct sip_listener *l, uint16_t port, unsigned protos)
{
        static const enum sip_proto order[] = { SIP_TCP, SIP_UDP, SIP_TLS };
        uint16_t shared = port; /* UDP and TCP have the same number, also when the system chose it */
        for (size_t i = 0; i < COUNT(order); i++) {
                enum sip_proto p = order[i];
                if ((protos & 1u << p) == 0)
                        continue;
                uint16_t want = p != SIP_TLS ? shared : port != 0 ? (uint16_t)(port + 1) : 0;
                l->fd[p] = bound(l->ip, want, p == SIP_UDP ? SOCK_DGRAM : SOCK_STREAM, l->one_port);
                if (l->fd[p] < 0)
                        return false;
                l->port[p] = port_of(l->fd[p]);
                if (p == SIP_TCP)
                        shared = l->port[p];
        }
        return true;
}

static void close_fds(struct sip_listener *l)
{
        for (size_t p = 0; p < SIP_PROTOS; p++) {
                if (l->fd[p] >= 0)
                        close(l->fd[p]);
                l->fd[p] = -1;
        }
}

enum ecode sip_sock_open(struct sip_listener *l, const char *address, unsigned protos, struct err *er)
{
        uint16_t port;
        if (!address_cut(address, l->ip, &port))
                return err_set(er, E_CONFIG, NULL, "not an address with port: %s", address);
        for (int tries = port == 0 ? 8 : 1; tries > 0; tries--) {
                if (open_all(l, port, protos))
                        return E_OK;
                int why = errno;
                close_fds(l);
                errno = why;
        }
        return err_set(er, E_IO, NULL, "cannot listen on %s: %s", address, strerror(errno));
}

enum { BURST = 64 }; /* datagrams or connections per turn, so that one socket cannot starve the others */

static void on_datagrams(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct sip_listener *l = arg;
        uint8_t *in = l->net->datagram;
        for (int i = 0; i < BURST; i++) {
                struct sockaddr_storage sa;
                socklen_t len = sizeof sa;
                ssize_t n = recvfrom(fd, in, SIP_MSG_MAX, 0, (struct sockaddr *)&sa, &len);
                if (n < 0)
                        return;
                struct sip_src src = { .ls = l, .peer = { .proto = SIP_UDP, .listener = l->name } };
                sip_sockname(&sa, src.peer.ip, &src.peer.port);
                size_t blank = 0;
                while (blank < (size_t)n && (in[blank] == '\r' || in[blank] == '\n' || in[blank] == 0))
                        blank++;
                if (blank <
                    (size_t)n) /* otherwise it keeps a NAT open (RFC 5626 clause 4.4.1 for datagrams: nothing) */
                        sip_received(l->net, &src, bytes_of(in, (size_t)n));
        }
}

static void on_connections(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct sip_listener *l = arg;
        for (int i = 0; i < BURST; i++) {
                struct sockaddr_storage sa;
                socklen_t len = sizeof sa;
                int c = accept4(fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (c < 0)
                        return;
                sip_conn_accepted(l, fd == l->fd[SIP_TLS] ? SIP_TLS : SIP_TCP, c, &sa);
        }
}

enum ecode sip_sock_start(struct sip_listener *l)
{
        for (size_t p = 0; p < SIP_PROTOS; p++) {
                if (l->fd[p] < 0 || l->ev[p] != NULL)
                        continue;
                l->ev[p] = event_new(loop_base(l->net->conf.loop), l->fd[p], EV_READ | EV_PERSIST,
                                     p == SIP_UDP ? on_datagrams : on_connections, l);
                if (l->ev[p] == NULL || event_add(l->ev[p], NULL) != 0)
                        return E_NOMEM;
        }
        return E_OK;
}

void sip_sock_close(struct sip_listener *l)
{
        for (size_t p = 0; p < SIP_PROTOS; p++) {
                if (l->ev[p] != NULL)
                        event_free(l->ev[p]);
                l->ev[p] = NULL;
        }
        close_fds(l);
        SSL_CTX_free(l->tls);
        l->tls = NULL;
}
