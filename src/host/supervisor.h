/* `muster serve`: one child process per role, restarted with growing delay, ended in reverse order. */
#ifndef MUSTER_HOST_SUPERVISOR_H
#define MUSTER_HOST_SUPERVISOR_H

#include "base/event.h"
#include "host/deployment.h"

struct supervisor_conf {
        const char *const *roles; /* NULL at the end */
        const char *run_dir;      /* lock and status.json */
        struct log *log;
        /* argv of a role's process, on mem; the first is the file to execute. */
        char **(*command)(void *mem, const char *role, void *arg);
        void *arg;
        unsigned first_delay_ms, most_delay_ms; /* between an end and the restart; 0: 200 and 30000, doubling */
        unsigned settled_ms;                    /* a life this long resets the delay; 0: 60000 */
        unsigned stop_ms;                       /* then SIGKILL */
        void (*on_ready)(void *arg);            /* once, when every role is ready for the first time; may be NULL */
};

/* Runs until SIGTERM or SIGINT. E_EXISTS: another supervisor holds the lock. */
enum ecode supervise(const struct supervisor_conf *conf, struct err *er);

#endif
