/* Load on a running deployment: many scripted UEs go through the steps of a sign-on, and how long each step took and
 * what it cost each role is counted. Every chain is a device that has just been switched on: fresh connections, fresh
 * handshakes, nothing kept from the chain before but the user. */
#ifndef MUSTER_HOST_STORM_H
#define MUSTER_HOST_STORM_H

#include "host/deployment.h"
#include "port/sip.h"

#include <jansson.h>

enum { STORM_STEPS_MAX = 16, STORM_ROLES_MAX = 16, STORM_ERRORS_MAX = 8 };

/* Names of the steps that there are, in the order of a chain; NULL at the end. */
extern const char *const storm_step_names[];

struct storm_conf {
        const struct deployment *d;
        json_t *users;        /* array of complete profiles with "user" and "password" */
        unsigned concurrency; /* threads, each with one UE at a time; not more than users */
        unsigned seconds;     /* how long new chains begin; without waves */
        bool waves;           /* every user once, step by step: all do one before any does the next */
        bool share_https;     /* UEs share HTTPS connections */
        enum sip_proto proto;
        const char *const *steps; /* NULL at the end; E_RANGE for a name that is none */
};

struct storm_step {
        const char *name;
        uint64_t done, failed;
        double median_ms, p95_ms, p99_ms, max_ms; /* of those that were done */
        double cpu_s[STORM_ROLES_MAX];            /* with waves: what the step cost each role */
        double elapsed_s;                         /* with waves */
};

struct storm_error {
        const char *step;
        char text[256]; /* the first of its kind */
        enum ecode code;
        uint64_t count;
};

struct storm_result {
        uint64_t chains, broken; /* whole ones, and those of which a step failed */
        double elapsed_s;
        struct storm_step step[STORM_STEPS_MAX];
        size_t steps_n;
        const char *role[STORM_ROLES_MAX]; /* processes of the deployment, on mem */
        double cpu_s[STORM_ROLES_MAX];     /* processor time each took meanwhile */
        size_t roles_n;
        double own_cpu_s; /* of this process */
        struct storm_error error[STORM_ERRORS_MAX];
        size_t errors_n;
};

/* Blocks. E_OK also when steps failed: the result counts them. E_PEER_DOWN: a role does not run. */
enum ecode storm_run(void *mem, const struct storm_conf *conf, struct storm_result *ret, struct err *er);

#endif
