/* Octets with their length, and the one growable buffer. See also codec.h (hex, base64) and rdwr.h (checked reading).
 *
 * struct bytes borrows: it never frees, and is not NUL-terminated. Memory that a function hands out is allocated from
 * the talloc context `mem` that the caller passed in, and goes with it. */
#ifndef MUSTER_BASE_BYTES_H
#define MUSTER_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct bytes {
        const uint8_t *p;
        size_t n;
};

#define BYTES_LIT(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })
#define BYTES_ARR(a) ((struct bytes){ (const uint8_t *)(a), sizeof(a) })

static inline struct bytes bytes_of(const void *p, size_t n)
{
        return (struct bytes){ p, n };
}

/* NULL gives the empty string. */
static inline struct bytes bytes_str(const char *s)
{
        return (struct bytes){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

bool bytes_eq(struct bytes a, struct bytes b);
bool bytes_eq_str(struct bytes a, const char *s);
/* ASCII letters without case. */
bool bytes_ieq_str(struct bytes a, const char *s);
/* For secrets: the time depends on the lengths alone. */
bool bytes_eq_secret(struct bytes a, struct bytes b);

/* A copy on mem. bytes_to_str gives NULL when the octets hold a NUL, or when memory is out. */
struct bytes bytes_copy(void *mem, struct bytes in);
char *bytes_to_str(void *mem, struct bytes in);

/* A growable buffer with a hard maximum. The first failure sticks: append freely, look at `failed` once at the end.
 * The content is always followed by a NUL that is not counted. */
struct buf {
        uint8_t *p;
        size_t n, cap, max;
        bool failed;
        void *mem;
};

#define BUF_MAX_DEFAULT ((size_t)4 << 20)

struct buf buf_on(void *mem);
void buf_put(struct buf *b, struct bytes in);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct bytes buf_bytes(const struct buf *b);
/* NULL when the buffer failed. */
char *buf_str(const struct buf *b);

#endif
