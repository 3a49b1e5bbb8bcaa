/* What ladder.c (reading, tying, choosing) and ladder_draw.c (drawing) share. */
#ifndef MUSTER_HOST_LADDER_INT_H
#define MUSTER_HOST_LADDER_INT_H

#include "host/ladder.h"

struct ladder_event {
        json_t *o;
        int64_t at_us; /* since 1970 */
        size_t order;  /* of reading, where times are equal */
        size_t run;    /* number of its run, after ladder_tie */
        bool drawn;    /* an arrow or a refusal; others only tie */
        bool refusal;
        bool shown; /* by ladder_draw_new */
};

struct ladder {
        struct ladder_event *ev;
        size_t n, cap;
        size_t runs;
        int64_t from_us; /* what is older is not taken in */
};

/* One run as it is drawn: borrowed events in order of time. */
struct ladder_run {
        const struct ladder_event **ev;
        size_t n, refusals;
        const char *flow, *trace; /* "" when none of its events says */
};

/* "" when there is none. */
const char *ladder_text(const struct ladder_event *e, const char *key);
/* Runs that opt asks for, in order of their beginning, on mem. */
struct ladder_run *ladder_choose(struct ladder *l, void *mem, const struct ladder_options *opt, size_t *n);
/* Only the rows, with a column for every function that the figures know. */
void ladder_draw_rows(const struct ladder_run *run, const struct ladder_options *opt, bool header, struct buf *to);
size_t ladder_draw_run(const struct ladder_run *run, const struct ladder_options *opt, struct buf *to);

#endif
