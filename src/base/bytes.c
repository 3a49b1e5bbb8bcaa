#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sodium.h>
#include <talloc.h>

bool bytes_eq(struct bytes a, struct bytes b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_eq_str(struct bytes a, const char *s)
{
        return bytes_eq(a, bytes_str(s));
}

bool bytes_ieq_str(struct bytes a, const char *s)
{
        return a.n == strlen(s) && (a.n == 0 || strncasecmp((const char *)a.p, s, a.n) == 0);
}

bool bytes_eq_secret(struct bytes a, struct bytes b)
{
        return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

struct bytes bytes_copy(void *mem, struct bytes in)
{
        uint8_t *p = talloc_size(mem, in.n + 1);
        if (p == NULL)
                return (struct bytes){ 0 };
        if (in.n > 0)
                memcpy(p, in.p, in.n);
        p[in.n] = 0;
        return (struct bytes){ p, in.n };
}

char *bytes_to_str(void *mem, struct bytes in)
{
        if (in.n > 0 && memchr(in.p, 0, in.n) != NULL)
                return NULL;
        return talloc_strndup(mem, in.n > 0 ? (const char *)in.p : "", in.n);
}

struct buf buf_on(void *mem)
{
        return (struct buf){ .mem = mem, .max = BUF_MAX_DEFAULT };
}

static bool buf_room(struct buf *b, size_t more)
{
        if (b->failed || more > b->max || b->n > b->max - more) {
                b->failed = true;
                return false;
        }
        size_t need = b->n + more + 1;
        if (need <= b->cap)
                return true;
        size_t cap = b->cap ? b->cap * 2 : 256;
        if (cap < need)
                cap = need;
        uint8_t *p = talloc_realloc_size(b->mem, b->p, cap);
        if (p == NULL) {
                b->failed = true;
                return false;
        }
        b->p = p;
        b->cap = cap;
        return true;
}

void buf_put(struct buf *b, struct bytes in)
{
        if (!buf_room(b, in.n))
                return;
        if (in.n > 0)
                memcpy(b->p + b->n, in.p, in.n);
        b->n += in.n;
        b->p[b->n] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
        buf_put(b, bytes_str(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
        va_list ap, again;
        va_start(ap, fmt);
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n >= 0 && buf_room(b, (size_t)n)) {
                vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
                b->n += (size_t)n;
        } else {
                b->failed = true;
        }
        va_end(again);
}

struct bytes buf_bytes(const struct buf *b)
{
        return (struct bytes){ b->p, b->failed ? 0 : b->n };
}

char *buf_str(const struct buf *b)
{
        if (b->failed)
                return NULL;
        return b->p != NULL ? (char *)b->p : talloc_strdup(b->mem, "");
}
