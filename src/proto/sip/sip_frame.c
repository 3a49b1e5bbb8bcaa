#include "proto/sip/sip_int.h"

#include <strings.h>

static bool name_is(const uint8_t *p, size_t n, const char *name)
{
        return n == strlen(name) && strncasecmp((const char *)p, name, n) == 0;
}

/* One header line without its CR LF; a Content-Length in it goes to *length. False: it is there and no number. */
static bool line_scan(const uint8_t *p, size_t n, int64_t *length)
{
        const uint8_t *colon = memchr(p, ':', n);
        if (colon == NULL)
                return true;
        size_t name = (size_t)(colon - p);
        while (name > 0 && (p[name - 1] == ' ' || p[name - 1] == '\t'))
                name--;
        if (!name_is(p, name, "Content-Length") && !name_is(p, name, "l"))
                return true;
        const uint8_t *v = colon + 1, *end = p + n;
        while (v < end && (*v == ' ' || *v == '\t'))
                v++;
        while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        if (*length >= 0 || v == end || end - v > 10)
                return false;
        for (*length = 0; v < end; v++) {
                if (*v < '0' || *v > '9')
                        return false;
                *length = *length * 10 + (*v - '0');
        }
        return true;
}

/* The same value as the parser will find, or -1. A folded Content-Length is refused: intermediaries differ about it. */
static int64_t content_length(struct bytes head)
{
        int64_t length = -1;
        const uint8_t *p = head.p, *end = head.p + head.n - 2;
        bool last = false; /* the line before was Content-Length */
        while (p < end) {
                const uint8_t *nl = memmem(p, (size_t)(end + 2 - p), "\r\n", 2);
                if (nl == NULL)
                        break;
                int64_t before = length;
                if (*p == ' ' || *p == '\t') {
                        if (last)
                                return -1;
                } else {
                        if (!line_scan(p, (size_t)(nl - p), &length))
                                return -1;
                        last = length != before;
                }
                p = nl + 2;
        }
        return length;
}

static enum sip_frame_is blank(struct sip_frame *f, struct bytes in)
{
        if (in.n >= 4 && in.p[2] == '\r' && in.p[3] == '\n') {
                f->n = 4;
                return SIP_FRAME_PING;
        }
        if (in.n == 2 || (in.n == 3 && in.p[2] == '\r'))
                return SIP_FRAME_MORE; /* half a ping, perhaps */
        f->n = 2;
        return SIP_FRAME_BLANK;
}

enum sip_frame_is sip_frame_next(struct sip_frame *f, struct bytes in)
{
        if (f->head == 0 && in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
                return blank(f, in);
        if (f->head == 0) {
                size_t from = f->seen > 3 ? f->seen - 3 : 0;
                const uint8_t *p = in.n > from ? memmem(in.p + from, in.n - from, "\r\n\r\n", 4) : NULL;
                f->seen = in.n;
                if (p == NULL)
                        return in.n > SIP_MSG_MAX ? SIP_FRAME_TOO_LONG : SIP_FRAME_MORE;
                f->head = (size_t)(p - in.p) + 4;
                int64_t body = content_length(bytes_of(in.p, f->head));
                if (body < 0)
                        return SIP_FRAME_MALFORMED;
                f->n = f->head + (size_t)body;
        }
        if (f->n > SIP_MSG_MAX)
                return SIP_FRAME_TOO_LONG;
        return in.n >= f->n ? SIP_FRAME_MESSAGE : SIP_FRAME_MORE;
}
