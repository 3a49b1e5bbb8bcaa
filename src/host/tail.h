/* New lines of a deployment's event files, also while they grow and are rotated. */
#ifndef MUSTER_HOST_TAIL_H
#define MUSTER_HOST_TAIL_H

#include "base/bytes.h"
#include "base/err.h"

struct tail;
typedef void (*tail_fn)(void *arg, struct bytes line); /* without the line feed */

/* dir: the deployment's. at_end: what stands there now is passed over. */
struct tail *tail_new(void *mem, const char *dir, bool at_end);
/* Hands every whole line that came since the last call to fn, file by file. E_IO: the directory cannot be read. */
enum ecode tail_read(struct tail *t, tail_fn fn, void *arg, struct err *er);
/* Waits until a file grows, at most most_ms. */
void tail_wait(struct tail *t, int most_ms);

#endif
