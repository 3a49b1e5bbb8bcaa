/* One child of the supervisor as a small state machine. Inside of host/ only. */
#ifndef MUSTER_HOST_SUPERVISOR_CHILD_H
#define MUSTER_HOST_SUPERVISOR_CHILD_H

#include "host/supervisor.h"

#include <sys/types.h>

enum child_state { CHILD_WAITING, CHILD_STARTING, CHILD_READY, CHILD_ENDED };

struct child {
        const char *role;
        enum child_state state;
        pid_t pid;      /* 0: no process */
        int ready_fd;   /* the line of readiness comes here; -1: none expected */
        bool was_ready; /* at least once */
        unsigned restarts;
        unsigned delay_ms; /* of the next restart */
        uint64_t since_ms; /* this state */
        uint64_t started_ms;
        uint64_t restart_at_ms; /* CHILD_WAITING */
};

const char *child_state_name(enum child_state s);
/* Forks and executes. E_IO. */
enum ecode child_start(struct child *c, const struct supervisor_conf *conf, uint64_t now_ms, struct err *er);
/* Its process ended; decides when to start it again. status as from waitpid. */
void child_ended(struct child *c, const struct supervisor_conf *conf, int status, uint64_t now_ms);
/* Something came on ready_fd. */
void child_ready(struct child *c, const struct supervisor_conf *conf, uint64_t now_ms);

#endif
