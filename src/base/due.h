/* When something in a table can be due at the earliest: a lower bound of many moments. Whoever looks every second for
 * what is over looks through the table only then, and takes the bound anew from what it sees. A moment that moves to
 * later may leave the bound behind: one look too many, never one too few. */
#ifndef MUSTER_BASE_DUE_H
#define MUSTER_BASE_DUE_H

#include <stdbool.h>
#include <stdint.h>

struct due {
        int64_t at; /* seconds since 1970 */
};

static inline struct due due_never(void)
{
        return (struct due){ INT64_MAX };
}

static inline struct due due_at_once(void)
{
        return (struct due){ INT64_MIN };
}

static inline void due_note(struct due *d, int64_t at_s)
{
        if (at_s < d->at)
                d->at = at_s;
}

static inline bool due_is(const struct due *d, int64_t now_s)
{
        return d->at <= now_s;
}

#endif
