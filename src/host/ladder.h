/* Ladder diagrams from events (base/event.h, ev_arrow and ev_refused), in the shape of the standard's figures. */
#ifndef MUSTER_HOST_LADDER_H
#define MUSTER_HOST_LADDER_H

#include "base/bytes.h"
#include "base/err.h"

#include <jansson.h>

struct ladder_options {
        unsigned width; /* columns of the terminal; at least 40 is used */
        bool colour, ascii;
        const char *trace; /* only the run with this trace id (a beginning is enough), or NULL */
        const char *since; /* ISO 8601 text; only events from then on, or NULL */
        bool last_run;     /* only the newest run */
        bool note;         /* begin with the honest note on step 0 */
};

/* Events in the order of reading: JSON objects, borrowed from `lines`. */
struct ladder;
struct ladder *ladder_new(void *mem);
/* Lines that are older than this ISO 8601 text are ignored from now on, so that nothing earlier is tied to what comes.
 * False: it is no time. */
bool ladder_begin(struct ladder *l, const char *since);
/* Adds one line of an event file; what is neither arrow nor refusal is ignored. E_SYNTAX: no JSON object. */
enum ecode ladder_add_line(struct ladder *l, struct bytes line);
/* Every log/events-*.jsonl below dir. */
enum ecode ladder_add_dir(struct ladder *l, const char *dir, struct err *er);
/* Sorts by time and ties what belongs together. */
void ladder_tie(struct ladder *l);
/* Draws the runs; returns how many arrows were drawn. */
size_t ladder_draw(struct ladder *l, const struct ladder_options *opt, struct buf *to);
/* For following: draws, as one endless ladder of all functions, what was added and not drawn yet and is older than
 * before_us (microseconds since 1970: lines of several files arrive out of order). `header`: begin with the names. */
size_t ladder_draw_new(struct ladder *l, const struct ladder_options *opt, int64_t before_us, bool header,
                       struct buf *to);
/* The same selection as a JSON array of runs, a new reference. */
json_t *ladder_json(struct ladder *l, const struct ladder_options *opt);

#endif
