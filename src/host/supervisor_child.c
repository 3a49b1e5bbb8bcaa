#include "host/supervisor_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

static unsigned or_default(unsigned v, unsigned dflt)
{
        return v ? v : dflt;
}

const char *child_state_name(enum child_state s)
{
        static const char *const name[] = { "waiting", "starting", "ready", "ended" };
        return name[s];
}

/* Between fork and exec: only what is safe there. The child leads a process group of its own, so that Ctrl-C reaches
 * the supervisor alone, which then ends the children in their order; and it ends when the supervisor does. */
static void become(char **argv, char **envp, pid_t parent)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(0);
        execve(argv[0], argv, envp);
        _exit(127);
}

/* The environment with MUSTER_READY_FD, and without what is meant for the supervisor alone. */
static char **child_environment(void *mem, int ready_fd)
{
        size_t n = 0;
        while (environ[n] != NULL)
                n++;
        char **env = talloc_zero_array(mem, char *, n + 2), **to = env;
        for (size_t i = 0; env != NULL && i < n; i++)
                if (strncmp(environ[i], "MUSTER_READY_FD=", 16) != 0 && strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0)
                        *to++ = environ[i];
        if (env != NULL)
                *to = talloc_asprintf(env, "MUSTER_READY_FD=%d", ready_fd);
        return env;
}

enum ecode child_start(struct child *c, const struct supervisor_conf *conf, uint64_t now_ms, struct err *er)
{
        int p[2];
        if (pipe2(p, O_CLOEXEC) != 0)
                return err_set(er, E_IO, NULL, "no pipe: %s", strerror(errno));
        void *mem = talloc_new(NULL);
        char **argv = conf->command(mem, c->role, conf->arg), **envp = child_environment(mem, p[1]);
        pid_t self = getpid(), pid = argv != NULL && envp != NULL ? fork() : -1;
        if (pid == 0) {
                fcntl(p[1], F_SETFD, 0);
                become(argv, envp, self);
        }
        int why = errno;
        talloc_free(mem);
        close(p[1]);
        if (pid < 0) {
                close(p[0]);
                return err_set(er, E_IO, NULL, "cannot start %s: %s", c->role, strerror(why));
        }
        c->pid = pid;
        c->ready_fd = p[0];
        c->state = CHILD_STARTING;
        c->since_ms = c->started_ms = now_ms;
        ev(conf->log, EV_DEBUG, "role-started", KV_STR("name", c->role), KV_INT("pid", pid));
        return E_OK;
}

void child_ended(struct child *c, const struct supervisor_conf *conf, int status, uint64_t now_ms)
{
        unsigned first = or_default(conf->first_delay_ms, 200), most = or_default(conf->most_delay_ms, 30000);
        if (now_ms - c->started_ms >= or_default(conf->settled_ms, 60000) || c->delay_ms == 0)
                c->delay_ms = first;
        ev(conf->log, EV_WARN, "role-ended", KV_STR("name", c->role), KV_INT("pid", c->pid),
           WIFSIGNALED(status) ? KV_INT("signal", WTERMSIG(status)) : KV_INT("status", WEXITSTATUS(status)),
           KV_INT("restart_in_ms", c->delay_ms));
        if (c->ready_fd >= 0)
                close(c->ready_fd);
        c->ready_fd = -1;
        c->pid = 0;
        c->state = CHILD_WAITING;
        c->since_ms = now_ms;
        c->restart_at_ms = now_ms + c->delay_ms;
        c->restarts++;
        c->delay_ms = c->delay_ms * 2 < most ? c->delay_ms * 2 : most;
}

void child_ready(struct child *c, const struct supervisor_conf *conf, uint64_t now_ms)
{
        char line[16];
        ssize_t n = read(c->ready_fd, line, sizeof line);
        close(c->ready_fd);
        c->ready_fd = -1;
        if (n <= 0)
                return; /* it ends; waitpid tells how */
        c->state = CHILD_READY;
        c->was_ready = true;
        ev(conf->log, EV_INFO, "role-ready", KV_STR("name", c->role), KV_INT("pid", c->pid),
           KV_INT("after_ms", (int64_t)(now_ms - c->started_ms)));
        c->since_ms = now_ms;
}
