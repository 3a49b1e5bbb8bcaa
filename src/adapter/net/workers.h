/* A bounded pool of threads for work that may block: handlers, stores, pairings, password hashing. Loops hand work over
 * and never wait. When the queue is full the caller is told at once, so that overload becomes a refusal (503) and not a
 * growing delay. */
#ifndef MUSTER_ADAPTER_NET_WORKERS_H
#define MUSTER_ADAPTER_NET_WORKERS_H

#include "base/err.h"

#include <stdint.h>

struct workers;

struct workers_stats {
        uint64_t done;    /* since the start */
        uint64_t refused; /* submissions that found the queue full */
        size_t queued;    /* waiting now */
        size_t running;   /* on a thread now */
};

/* name: at most 10 characters, shown by ps and debuggers. threads and queue_max are at least 1.
 * E_RANGE, E_NOMEM, E_IO. */
enum ecode workers_start(const char *name, unsigned threads, size_t queue_max, struct workers **ret, struct err *er);

/* fn(arg) runs once on some thread of the pool, in order of submission. E_BUSY: the queue is full or the pool is being
 * stopped; fn will not run and arg stays the caller's. Any thread, workers included, may submit; none waits. */
enum ecode workers_submit(struct workers *w, void (*fn)(void *arg), void *arg);

void workers_stats(struct workers *w, struct workers_stats *ret);

/* Refuses what comes from now on, runs what is queued, joins the threads and frees. Not from a worker. NULL is fine. */
void workers_stop(struct workers *w);

#endif
