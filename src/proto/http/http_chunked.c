#include "proto/http/http_head.h"
#include "base/codec.h"

/* RFC 9112 clause 7.1. Extensions and trailer fields mean nothing here: read within CHUNK_LINE_MAX octets, and dropped.
 */
enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LINE, TRAILER_LF, END_LF };

#define CHUNK_LINE_MAX 1024

static enum ecode on_size(struct http_chunked *c, uint8_t o)
{
        int v = hex_digit(o);
        if (v >= 0) {
                if (++c->digits > 15)
                        return E_SYNTAX;
                c->left = c->left << 4 | (uint64_t)v;
                return E_OK;
        }
        if (c->digits == 0 || (o != ';' && o != '\r'))
                return E_SYNTAX;
        c->state = o == ';' ? EXTENSION : SIZE_LF;
        return E_OK;
}

/* Within an extension or a trailer line: up to CR, no other control characters. */
static enum ecode on_text(struct http_chunked *c, uint8_t o, int after)
{
        if (o == '\r')
                c->state = after;
        else if ((o < 0x20 && o != '\t') || o == 0x7f || ++c->line > CHUNK_LINE_MAX)
                return E_SYNTAX;
        return E_OK;
}

static enum ecode expect(struct http_chunked *c, uint8_t o, uint8_t want, int next)
{
        c->state = next;
        return o == want ? E_OK : E_SYNTAX;
}

static enum ecode on_octet(struct http_chunked *c, uint8_t o)
{
        switch (c->state) {
        case SIZE: return on_size(c, o);
        case EXTENSION: return on_text(c, o, SIZE_LF);
        case SIZE_LF:
                c->digits = 0;
                c->line = 0;
                return expect(c, o, '\n', c->left > 0 ? DATA : TRAILER);
        case DATA_CR: return expect(c, o, '\r', DATA_LF);
        case DATA_LF: return expect(c, o, '\n', SIZE);
        case TRAILER:
                if (o == '\r')
                        return expect(c, o, '\r', END_LF);
                c->state = TRAILER_LINE;
                return on_text(c, o, TRAILER_LF);
        case TRAILER_LINE: return on_text(c, o, TRAILER_LF);
        case TRAILER_LF: return expect(c, o, '\n', TRAILER); /* c->line goes on: all trailers together */
        default: c->done = true; return o == '\n' ? E_OK : E_SYNTAX;
        }
}

enum ecode http_chunked_feed(struct http_chunked *c, struct bytes in, struct buf *out, size_t max, size_t *used)
{
        size_t at = 0;
        enum ecode e = E_OK;
        while (e == E_OK && at < in.n && !c->done) {
                if (c->state != DATA) {
                        e = on_octet(c, in.p[at++]);
                        continue;
                }
                if (c->left > max || out->n > max - c->left)
                        return E_LONG;
                size_t n = in.n - at < c->left ? in.n - at : (size_t)c->left;
                buf_put(out, bytes_of(in.p + at, n));
                if (out->failed)
                        return E_NOMEM;
                at += n;
                c->left -= n;
                if (c->left == 0)
                        c->state = DATA_CR;
        }
        *used = at;
        return e;
}
