/* AVPs of a freeDiameter message or group: appending and finding. */
#ifndef MUSTER_ADAPTER_DIAMETER_CX_AVP_H
#define MUSTER_ADAPTER_DIAMETER_CX_AVP_H

#include "adapter/diameter/cx_dict.h"
#include "base/bytes.h"

/* Appends to a message or group. The first failure sticks; look at it once at the end. */
struct cx_put {
        void *parent;
        bool failed;
};

void cx_put_u32(struct cx_put *p, uint32_t vendor, uint32_t code, uint32_t v);
void cx_put_bytes(struct cx_put *p, uint32_t vendor, uint32_t code, struct bytes v);
/* NULL: nothing is appended. */
void cx_put_text(struct cx_put *p, uint32_t vendor, uint32_t code, const char *v);
/* Appends an empty group to fill; put_end hands a failure inside it on. */
struct cx_put cx_put_group(struct cx_put *p, uint32_t vendor, uint32_t code);
void cx_put_end(struct cx_put *p, const struct cx_put *group);

/* The nth (from 0) AVP of that code, or NULL. */
struct avp *cx_find(void *parent, uint32_t vendor, uint32_t code, size_t nth);
/* Empty when there is none. Borrowed from the message. */
struct bytes cx_find_bytes(void *parent, uint32_t vendor, uint32_t code);
/* `dflt` when there is none. */
uint32_t cx_find_u32(void *parent, uint32_t vendor, uint32_t code, uint32_t dflt);

#endif
