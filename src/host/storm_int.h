/* Inside of the storm: what storm.c (threads and steps) and storm_count.c (time and counts) share. */
#ifndef MUSTER_HOST_STORM_INT_H
#define MUSTER_HOST_STORM_INT_H

#include "host/storm.h"

#include <time.h>
#include <sys/types.h>

/* Latencies of one step on one thread, in microseconds. */
struct samples {
        uint32_t *us;
        size_t n, room;
        uint64_t failed;
};

/* Processes whose processor time is looked at. */
struct storm_cpu {
        clockid_t clock[STORM_ROLES_MAX];
        size_t n;
};

double storm_seconds(clockid_t c);

void samples_put(struct samples *s, double seconds);
/* Of `n` threads into one row; frees them. */
void samples_sum(struct samples *of, size_t n, size_t stride, struct storm_step *to);

/* Finds the roles of the deployment and their processes; names go into ret. */
enum ecode storm_cpu_find(void *mem, const struct deployment *d, struct storm_cpu *cpu, struct storm_result *ret,
                          struct err *er);
void storm_cpu_read(const struct storm_cpu *cpu, double ret[STORM_ROLES_MAX]);
/* to[i] = now - since[i] */
void storm_cpu_since(const struct storm_cpu *cpu, const double since[STORM_ROLES_MAX], double to[STORM_ROLES_MAX]);

/* Counts a failure; the caller holds the lock of ret. */
void storm_error_put(struct storm_result *ret, const char *step, const struct err *why);

#endif
