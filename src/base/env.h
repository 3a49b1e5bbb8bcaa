/* Everything impure that code may touch is passed in: time, chance and the log. Tests hand in fakes. */
#ifndef MUSTER_BASE_ENV_H
#define MUSTER_BASE_ENV_H

#include "base/bytes.h"
#include "base/err.h"

struct clock {
        int64_t (*now_s)(const struct clock *);    /* seconds since 1970-01-01T00:00:00Z */
        uint64_t (*mono_ms)(const struct clock *); /* milliseconds, monotonic, for time-outs */
};

extern const struct clock clock_system;

struct clock_fake {
        struct clock base;
        int64_t s;
        uint64_t ms;
};
struct clock_fake clock_fake_at(int64_t now_s);

static inline int64_t clock_now(const struct clock *c)
{
        return c->now_s(c);
}

static inline uint64_t clock_ms(const struct clock *c)
{
        return c->mono_ms(c);
}

/* "2026-07-01T12:00:00Z"; ret holds at least 21 octets. */
void time_iso8601(int64_t unix_s, char ret[21]);
/* Accepts fractions and offsets. E_SYNTAX. */
enum ecode time_parse_iso8601(struct bytes text, int64_t *ret_unix_s);

/* Seconds between the NTP era 0 (1900) and the Unix epoch: RFC 5905. */
#define NTP_UNIX_OFFSET INT64_C(2208988800)

struct rng {
        enum ecode (*fill)(const struct rng *, uint8_t *out, size_t n);
};

extern const struct rng rng_system;

/* Deterministic octets from a seed, for tests and byte-exact vectors: hands out `script` first, then fails E_CRYPTO. */
struct rng_script {
        struct rng base;
        struct bytes script;
        size_t at;
};
struct rng_script rng_script_of(struct bytes script);

static inline enum ecode rng_fill(const struct rng *r, uint8_t *out, size_t n)
{
        return r->fill(r, out, n);
}

/* n random octets as base64url or hex text, on mem. NULL: E_CRYPTO or out of memory. */
char *rng_token(const struct rng *r, void *mem, size_t n);
char *rng_hex(const struct rng *r, void *mem, size_t n);
/* A random "urn:uuid:..." (RFC 4122 version 4). */
char *rng_uuid_urn(const struct rng *r, void *mem);

struct log;

struct env {
        const struct clock *clock;
        const struct rng *rng;
        struct log *log;
};

#endif
