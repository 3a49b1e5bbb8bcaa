/* Checked reading and writing of binary messages, big-endian. A reader or writer that failed once stays failed: do all
 * reads, then look at err once. rd_take is the only place that compares a length. */
#ifndef MUSTER_BASE_RDWR_H
#define MUSTER_BASE_RDWR_H

#include "base/bytes.h"
#include "base/err.h"

struct rd {
        const uint8_t *p;
        size_t n, at;
        enum ecode err;
};

static inline struct rd rd_init(struct bytes in)
{
        return (struct rd){ .p = in.p, .n = in.n };
}

/* NULL and err = E_SHORT when fewer than n octets are left. */
const uint8_t *rd_take(struct rd *r, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
struct bytes rd_bytes(struct rd *r, size_t n);
size_t rd_left(const struct rd *r);

/* Writes into a fixed array; err = E_LONG when it is full. */
struct wr {
        uint8_t *p;
        size_t n, at;
        enum ecode err;
};

static inline struct wr wr_init(uint8_t *out, size_t n)
{
        return (struct wr){ .p = out, .n = n };
}

void wr_bytes(struct wr *w, struct bytes in);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);

#endif
