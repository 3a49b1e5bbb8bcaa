#include "host/supervisor.h"

#include "base/env.h"
#include "host/notify.h"
#include "host/supervisor_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

struct supervisor {
        const struct supervisor_conf *conf;
        struct child *children;
        size_t n;
        int signal_fd, lock_fd;
        bool stopping, told_ready;
        uint64_t now_ms;
};

static enum ecode take_lock(struct supervisor *s, struct err *er)
{
        char *path = talloc_asprintf(s, "%s/lock", s->conf->run_dir);
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
                return err_set(er, E_IO, NULL, "cannot open %s: %s", path, strerror(errno));
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
                return E_OK;
        return err_set(er, E_EXISTS, NULL, "this deployment is served already (%s is locked): see `muster status`",
                       path);
}

/* run/status.json, replaced as a whole, so that a reader never sees half of it. */
static void write_status(struct supervisor *s)
{
        json_t *roles = json_array();
        for (size_t i = 0; i < s->n; i++) {
                const struct child *c = &s->children[i];
                json_array_append_new(roles,
                                      json_pack("{s:s,s:s,s:i,s:i,s:I}", "name", c->role, "state",
                                                child_state_name(c->state), "pid", (int)c->pid, "restarts",
                                                (int)c->restarts, "for_ms", (json_int_t)(s->now_ms - c->since_ms)));
        }
        json_t *o = json_pack("{s:i,s:b,s:o}", "pid", (int)getpid(), "stopping", s->stopping, "roles", roles);
        char *path = talloc_asprintf(NULL, "%s/status.json", s->conf->run_dir);
        char *fresh = talloc_asprintf(NULL, "%s/status.json.new", s->conf->run_dir);
        if (o != NULL && json_dump_file(o, fresh, JSON_INDENT(2)) == 0)
                rename(fresh, path);
        json_decref(o);
        talloc_free(path);
        talloc_free(fresh);
}

static void start_due(struct supervisor *s)
{
        for (size_t i = 0; i < s->n && !s->stopping; i++) {
                struct child *c = &s->children[i];
                struct err er;
                if (c->state != CHILD_WAITING || c->restart_at_ms > s->now_ms)
                        continue;
                if (child_start(c, s->conf, s->now_ms, &er) == E_OK)
                        continue;
                ev(s->conf->log, EV_ERROR, "role-not-started", KV_STR("name", c->role), KV_STR("text", er.text));
                c->restart_at_ms = s->now_ms + 1000;
        }
}

static void reap(struct supervisor *s)
{
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
                for (size_t i = 0; i < s->n; i++) {
                        struct child *c = &s->children[i];
                        if (c->pid != pid)
                                continue;
                        if (!s->stopping) {
                                child_ended(c, s->conf, status, s->now_ms);
                        } else {
                                c->pid = 0;
                                c->state = CHILD_ENDED;
                        }
                }
        }
}

static void read_signals(struct supervisor *s)
{
        struct signalfd_siginfo si;
        while (read(s->signal_fd, &si, sizeof si) == (ssize_t)sizeof si)
                if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
                        s->stopping = true;
                else if (si.ssi_signo == SIGHUP)
                        for (size_t i = 0; i < s->n; i++)
                                if (s->children[i].pid > 0)
                                        kill(s->children[i].pid, SIGHUP);
        reap(s);
}

static void tell_ready(struct supervisor *s)
{
        bool all = true;
        for (size_t i = 0; i < s->n; i++)
                all &= s->children[i].was_ready;
        if (!all || s->told_ready)
                return;
        s->told_ready = true;
        ev(s->conf->log, EV_INFO, "all-ready", KV_INT("roles", (int64_t)s->n));
        notify_ready();
        if (s->conf->on_ready != NULL)
                s->conf->on_ready(s->conf->arg);
}

/* Until the next signal, line of readiness or restart, at most a second. */
static void wait_once(struct supervisor *s, unsigned most_ms)
{
        struct pollfd *p = talloc_zero_array(s, struct pollfd, s->n + 1);
        uint64_t until = s->now_ms + most_ms;
        p[0] = (struct pollfd){ s->signal_fd, POLLIN, 0 };
        for (size_t i = 0; i < s->n; i++) {
                const struct child *c = &s->children[i];
                p[i + 1] = (struct pollfd){ c->ready_fd, POLLIN, 0 }; /* -1 is passed over */
                if (c->state == CHILD_WAITING && c->restart_at_ms < until)
                        until = c->restart_at_ms;
        }
        poll(p, s->n + 1, until > s->now_ms ? (int)(until - s->now_ms) : 0);
        s->now_ms = clock_ms(&clock_system);
        for (size_t i = 0; i < s->n; i++)
                if (p[i + 1].revents && s->children[i].ready_fd >= 0)
                        child_ready(&s->children[i], s->conf, s->now_ms);
        if (p[0].revents)
                read_signals(s);
        talloc_free(p);
}

/* In reverse order: who is asked ends after those who ask. */
static void stop_all(struct supervisor *s)
{
        ev(s->conf->log, EV_INFO, "stopping", KV_INT("roles", (int64_t)s->n));
        notify_stopping();
        uint64_t deadline = clock_ms(&clock_system) + (s->conf->stop_ms ? s->conf->stop_ms : 10000);
        for (size_t i = s->n; i-- > 0;) {
                struct child *c = &s->children[i];
                if (c->pid > 0)
                        kill(c->pid, SIGTERM);
                while (c->pid > 0) {
                        s->now_ms = clock_ms(&clock_system);
                        if (s->now_ms >= deadline) {
                                ev(s->conf->log, EV_WARN, "role-killed", KV_STR("name", c->role),
                                   KV_INT("pid", c->pid));
                                kill(c->pid, SIGKILL);
                                waitpid(c->pid, NULL, 0);
                                c->pid = 0;
                        } else {
                                wait_once(s, (unsigned)(deadline - s->now_ms));
                        }
                }
                c->state = CHILD_ENDED;
        }
}

static enum ecode prepare(struct supervisor *s, struct err *er)
{
        while (s->conf->roles[s->n] != NULL)
                s->n++;
        s->children = talloc_zero_array(s, struct child, s->n + 1);
        for (size_t i = 0; i < s->n; i++)
                s->children[i] = (struct child){ .role = s->conf->roles[i], .ready_fd = -1 };
        enum ecode e = take_lock(s, er);
        if (e != E_OK)
                return e;
        sigset_t set;
        sigemptyset(&set);
        const int caught[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
        for (size_t i = 0; i < COUNT(caught); i++)
                sigaddset(&set, caught[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return s->signal_fd >= 0 ? E_OK : err_set(er, E_IO, NULL, "no signals: %s", strerror(errno));
}

enum ecode supervise(const struct supervisor_conf *conf, struct err *er)
{
        struct supervisor *s = talloc_zero(NULL, struct supervisor);
        s->conf = conf;
        s->signal_fd = s->lock_fd = -1;
        enum ecode e = prepare(s, er);
        s->now_ms = clock_ms(&clock_system);
        while (e == E_OK && !s->stopping) {
                start_due(s);
                write_status(s);
                wait_once(s, 1000);
                tell_ready(s);
        }
        if (e == E_OK) {
                stop_all(s);
                write_status(s);
        }
        if (s->signal_fd >= 0)
                close(s->signal_fd);
        if (s->lock_fd >= 0)
                close(s->lock_fd);
        talloc_free(s);
        return e;
}
