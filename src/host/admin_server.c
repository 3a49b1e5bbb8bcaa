#include "host/admin.h"

#include "host/admin_line.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <talloc.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 32 };

struct admin_server {
        struct log *log;
        admin_fn fn;
        void *arg;
        char *run_dir, *role;
        int fd, stop_fd;
        pthread_t acceptor;
        pthread_mutex_t lock;
        pthread_cond_t idle;
        int open[CONNECTIONS_MAX]; /* sockets of connections, -1: free */
        size_t open_n;
};

struct connection {
        struct admin_server *s;
        size_t slot;
        int fd;
};

static json_t *refusal(const struct err *er)
{
        return json_pack("{s:b,s:s,s:s*,s:s,s:s}", "ok", 0, "code", ecode_name(er->code), "req",
                         er->req[0] ? er->req : NULL, "text", er->text, "advice", ecode_advice(er->code));
}

static json_t *serve_line(struct admin_server *s, void *mem, const char *line)
{
        struct err er = { 0 };
        json_error_t je;
        json_t *rq = json_loads(line, JSON_REJECT_DUPLICATES, &je), *out = NULL, *answer;
        const char *cmd = json_string_value(json_object_get(rq, "cmd"));
        json_t *args = json_object_get(rq, "args"), *none = json_object();
        enum ecode e;
        if (cmd == NULL || (args != NULL && !json_is_object(args)))
                e = err_set(&er, E_SYNTAX, NULL, "a request is {\"cmd\":\"...\",\"args\":{...}} in one line");
        else
                e = s->fn(s->arg, mem, cmd, args ? args : none, &out, &er);
        if (e != E_OK && er.code == E_OK)
                err_set(&er, e, NULL, "%s was refused", cmd ? cmd : "the request");
        answer = e == E_OK ? json_pack("{s:b,s:O}", "ok", 1, "result", out ? out : none) : refusal(&er);
        json_decref(out);
        json_decref(none);
        json_decref(rq);
        return answer;
}

static void release(struct connection *c)
{
        pthread_mutex_lock(&c->s->lock);
        c->s->open[c->slot] = -1;
        close(c->fd);
        if (--c->s->open_n == 0)
                pthread_cond_broadcast(&c->s->idle);
        pthread_mutex_unlock(&c->s->lock);
        free(c);
}

static void *serve_connection(void *arg)
{
        struct connection *c = arg;
        for (bool more = true; more;) {
                void *mem = talloc_new(NULL);
                char *line = NULL, *text = NULL;
                more = admin_read_line(c->fd, mem, ADMIN_LINE_MAX, &line) == E_OK;
                if (more) {
                        json_t *answer = serve_line(c->s, mem, line);
                        text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
                        json_decref(answer);
                        more = text != NULL && admin_write_line(c->fd, text) == E_OK;
                }
                free(text);
                talloc_free(mem);
        }
        release(c);
        return NULL;
}

/* Only the same user, or root: nobody else gives orders, whatever the mode of the directories. */
static bool welcome(struct admin_server *s, int fd)
{
        struct ucred who;
        socklen_t n = sizeof who;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && (who.uid == 0 || who.uid == geteuid()))
                return true;
        ev(s->log, EV_WARN, "admin-refused", KV_STR("cause", ecode_name(E_FORBIDDEN)), KV_INT("uid", (int64_t)who.uid));
        return false;
}

static void start_connection(struct admin_server *s, int fd)
{
        struct connection *c = calloc(1, sizeof *c);
        pthread_t t;
        pthread_mutex_lock(&s->lock);
        size_t slot = 0;
        while (slot < CONNECTIONS_MAX && s->open[slot] >= 0)
                slot++;
        bool room = c != NULL && slot < CONNECTIONS_MAX;
        if (room) {
                *c = (struct connection){ s, slot, fd };
                s->open[slot] = fd;
                s->open_n++;
                if (pthread_create(&t, NULL, serve_connection, c) == 0) {
                        pthread_detach(t);
                } else {
                        s->open[slot] = -1;
                        s->open_n--;
                        room = false;
                }
        }
        pthread_mutex_unlock(&s->lock);
        if (!room) {
                free(c);
                close(fd);
        }
}

static void *accept_all(void *arg)
{
        struct admin_server *s = arg;
        for (;;) {
                struct pollfd p[2] = { { s->fd, POLLIN, 0 }, { s->stop_fd, POLLIN, 0 } };
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return NULL;
                if (p[1].revents)
                        return NULL;
                int fd = p[0].revents ? accept4(s->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
                if (fd < 0)
                        continue;
                struct timeval slow = { 60, 0 };
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &slow, sizeof slow);
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slow, sizeof slow);
                if (welcome(s, fd))
                        start_connection(s, fd);
                else
                        close(fd);
        }
}

/* A socket that somebody listens on stays; one that was left behind is removed. */
static enum ecode bind_socket(struct admin_server *s, struct err *er)
{
        struct sockaddr_un a;
        int dir_fd = -1;
        enum ecode e = admin_address(s->run_dir, s->role, &a, &dir_fd, er);
        if (e != E_OK)
                return e;
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (probe < 0 || s->fd < 0) {
                e = err_set(er, E_IO, NULL, "no socket: %s", strerror(errno));
        } else if (connect(probe, (struct sockaddr *)&a, sizeof a) == 0) {
                e = err_set(er, E_EXISTS, NULL, "%s already runs in this deployment", s->role);
        } else {
                unlink(a.sun_path);
                fchmod(s->fd, 0600); /* before bind: the file is never open to others, not even for a moment */
                if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 16) != 0)
                        e = err_set(er, E_IO, NULL, "cannot listen on %s/%s.sock: %s", s->run_dir, s->role,
                                    strerror(errno));
        }
        if (probe >= 0)
                close(probe);
        close(dir_fd);
        return e;
}

static void destroy(struct admin_server *s)
{
        if (s->fd >= 0)
                close(s->fd);
        if (s->stop_fd >= 0)
                close(s->stop_fd);
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->idle);
        talloc_free(s);
}

enum ecode admin_server_start(const char *run_dir, const char *role, struct log *log, admin_fn fn, void *arg,
                              struct admin_server **ret, struct err *er)
{
        struct admin_server *s = talloc_zero(NULL, struct admin_server);
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "administration");
        *s = (struct admin_server){ .log = log, .fn = fn, .arg = arg, .fd = -1 };
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                s->open[i] = -1;
        s->run_dir = talloc_strdup(s, run_dir);
        s->role = talloc_strdup(s, role);
        s->stop_fd = eventfd(0, EFD_CLOEXEC);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->idle, NULL);
        enum ecode e = bind_socket(s, er);
        if (e == E_OK && pthread_create(&s->acceptor, NULL, accept_all, s) != 0)
                e = err_set(er, E_IO, NULL, "no thread for administration");
        if (e != E_OK) {
                destroy(s);
                return e;
        }
        *ret = s;
        return E_OK;
}

void admin_server_stop(struct admin_server *s)
{
        if (s == NULL)
                return;
        uint64_t one = 1;
        ssize_t n = write(s->stop_fd, &one, sizeof one);
        (void)n;
        pthread_join(s->acceptor, NULL);
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                if (s->open[i] >= 0)
                        shutdown(s->open[i], SHUT_RD); /* the answer under way still goes out */
        while (s->open_n > 0)
                pthread_cond_wait(&s->idle, &s->lock);
        pthread_mutex_unlock(&s->lock);
        char *path = talloc_asprintf(NULL, "%s/%s.sock", s->run_dir, s->role);
        unlink(path);
        talloc_free(path);
        destroy(s);
}
