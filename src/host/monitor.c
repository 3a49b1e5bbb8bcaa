/* Metrics and health for collectors that do not speak the administration socket: GET /metrics, /health and /ready over
 * plain HTTP/1.0, one small request at a time. Only loopback addresses are taken, since nothing protects it. */
#include "host/running.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <talloc.h>
#include <unistd.h>

struct monitor {
        struct running *r;
        int fd, stop_fd;
        pthread_t thread;
};

static void put_ready(struct running *r, struct buf *to)
{
        buf_puts(to, running_ready(r) ? "ready\n" : "not ready\n");
}

static void put_health(struct running *r, struct buf *to)
{
        json_t *o = running_status(r);
        char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
        buf_puts(to, text ? text : "{}");
        buf_puts(to, "\n");
        free(text);
        json_decref(o);
}

static const struct {
        const char *line, *type;
        void (*put)(struct running *r, struct buf *to);
        bool by_readiness; /* 503 while not ready */
} pages[] = {
        { "GET /metrics ", "text/plain; version=0.0.4", running_metrics, false },
        { "GET /health ", "application/json", put_health, false },
        { "GET /ready ", "text/plain", put_ready, true },
};

static void answer(struct running *r, void *mem, const char *head, struct buf *to)
{
        struct buf body = buf_on(mem);
        const char *status = "404 Not Found", *type = "text/plain";
        for (size_t i = 0; i < COUNT(pages); i++) {
                if (strncmp(head, pages[i].line, strlen(pages[i].line)) != 0)
                        continue;
                pages[i].put(r, &body);
                type = pages[i].type;
                status = pages[i].by_readiness && !running_ready(r) ? "503 Service Unavailable" : "200 OK";
        }
        buf_printf(to, "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                   type, body.n);
        buf_put(to, buf_bytes(&body));
}

static void serve(struct running *r, int fd)
{
        const struct timeval soon = { 2, 0 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
        void *mem = talloc_new(NULL);
        char head[4096] = "";
        ssize_t n = 0, got = 1;
        while (got > 0 && n < (ssize_t)sizeof head - 1 && strstr(head, "\r\n\r\n") == NULL) {
                got = recv(fd, head + n, sizeof head - 1 - (size_t)n, 0);
                n += got > 0 ? got : 0;
                head[n] = 0;
        }
        if (strstr(head, "\r\n\r\n") != NULL) {
                struct buf to = buf_on(mem);
                answer(r, mem, head, &to);
                for (size_t at = 0; at < to.n && (got = send(fd, to.p + at, to.n - at, MSG_NOSIGNAL)) > 0;)
                        at += (size_t)got;
        }
        talloc_free(mem);
}

static void *watch(void *arg)
{
        struct monitor *m = arg;
        for (;;) {
                struct pollfd p[2] = { { m->fd, POLLIN, 0 }, { m->stop_fd, POLLIN, 0 } };
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return NULL;
                if (p[1].revents)
                        return NULL;
                int fd = p[0].revents ? accept4(m->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
                if (fd < 0)
                        continue;
                serve(m->r, fd);
                close(fd);
        }
}

static enum ecode listen_on(struct monitor *m, const char *address, unsigned port_offset, struct err *er)
{
        struct sockaddr_in a = { .sin_family = AF_INET };
        char ip[64];
        const char *colon = strrchr(address, ':');
        int one = 1;
        snprintf(ip, sizeof ip, "%.*s", (int)(colon - address), address);
        unsigned long port = strtoul(colon + 1, NULL, 10) + port_offset;
        if (inet_pton(AF_INET, ip, &a.sin_addr) != 1 || ntohl(a.sin_addr.s_addr) >> 24 != 127 || port > 65535)
                return err_set(er, E_CONFIG, NULL,
                               "deployment.monitor: %s is no loopback address with room for one port per role",
                               address);
        a.sin_port = htons((uint16_t)port);
        m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        setsockopt(m->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(m->fd, 16) != 0)
                return err_set(er, E_IO, NULL, "cannot listen on %s:%lu: %s", ip, port, strerror(errno));
        return E_OK;
}

enum ecode monitor_start(struct running *r, const char *address, unsigned port_offset, struct monitor **ret,
                         struct err *er)
{
        if (*address == 0)
                return E_OK;
        struct monitor *m = calloc(1, sizeof *m);
        if (m == NULL)
                return err_set(er, E_NOMEM, NULL, "monitor");
        *m = (struct monitor){ .r = r, .fd = -1, .stop_fd = eventfd(0, EFD_CLOEXEC) };
        enum ecode e = listen_on(m, address, port_offset, er);
        if (e == E_OK && pthread_create(&m->thread, NULL, watch, m) != 0)
                e = err_set(er, E_IO, NULL, "no thread for the monitor");
        if (e == E_OK) {
                *ret = m;
                return E_OK;
        }
        if (m->fd >= 0)
                close(m->fd);
        close(m->stop_fd);
        free(m);
        return e;
}

void monitor_stop(struct monitor *m)
{
        if (m == NULL)
                return;
        uint64_t one = 1;
        ssize_t n = write(m->stop_fd, &one, sizeof one);
        (void)n;
        pthread_join(m->thread, NULL);
        close(m->fd);
        close(m->stop_fd);
        free(m);
}
