#include "base/rdwr.h"

const uint8_t *rd_take(struct rd *r, size_t n)
{
        if (r->err == E_OK && n > r->n - r->at)
                r->err = E_SHORT;
        if (r->err != E_OK)
                return NULL;
        r->at += n;
        return r->p + (r->at - n);
}

static uint64_t rd_be(struct rd *r, size_t n)
{
        const uint8_t *p = rd_take(r, n);
        uint64_t v = 0;
        for (size_t i = 0; p != NULL && i < n; i++)
                v = v << 8 | p[i];
        return v;
}

uint8_t rd_u8(struct rd *r)
{
        return (uint8_t)rd_be(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
        return (uint16_t)rd_be(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
        return (uint32_t)rd_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
        return rd_be(r, 8);
}

struct bytes rd_bytes(struct rd *r, size_t n)
{
        const uint8_t *p = rd_take(r, n);
        return p != NULL ? bytes_of(p, n) : (struct bytes){ 0 };
}

size_t rd_left(const struct rd *r)
{
        return r->err == E_OK ? r->n - r->at : 0;
}

void wr_bytes(struct wr *w, struct bytes in)
{
        if (w->err == E_OK && in.n > w->n - w->at)
                w->err = E_LONG;
        if (w->err != E_OK || in.n == 0)
                return;
        memcpy(w->p + w->at, in.p, in.n);
        w->at += in.n;
}

static void wr_be(struct wr *w, uint64_t v, size_t n)
{
        uint8_t b[8];
        for (size_t i = 0; i < n; i++)
                b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
        wr_bytes(w, bytes_of(b, n));
}

void wr_u8(struct wr *w, uint8_t v)
{
        wr_be(w, v, 1);
}

void wr_u16(struct wr *w, uint16_t v)
{
        wr_be(w, v, 2);
}

void wr_u32(struct wr *w, uint32_t v)
{
        wr_be(w, v, 4);
}

void wr_u64(struct wr *w, uint64_t v)
{
        wr_be(w, v, 8);
}
