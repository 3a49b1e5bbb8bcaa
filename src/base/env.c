#include "base/env.h"

#include "base/codec.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <openssl/rand.h>
#include <talloc.h>

static int64_t system_now_s(const struct clock *c)
{
        (void)c;
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        return ts.tv_sec;
}

static uint64_t system_mono_ms(const struct clock *c)
{
        (void)c;
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const struct clock clock_system = { system_now_s, system_mono_ms };

static int64_t fake_now_s(const struct clock *c)
{
        return ((const struct clock_fake *)(const void *)c)->s;
}

static uint64_t fake_mono_ms(const struct clock *c)
{
        return ((const struct clock_fake *)(const void *)c)->ms;
}

struct clock_fake clock_fake_at(int64_t now_s)
{
        return (struct clock_fake){ .base = { fake_now_s, fake_mono_ms }, .s = now_s, .ms = 1000 };
}

void time_iso8601(int64_t unix_s, char ret[21])
{
        time_t t = (time_t)unix_s;
        struct tm tm;
        if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 8099 || strftime(ret, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) != 20)
                memcpy(ret, "9999-12-31T23:59:59Z", 21);
}

/* Exactly n digits, which sscanf would not insist on. */
static bool digits(const char **p, int n, int *ret)
{
        int v = 0;
        for (int i = 0; i < n; i++, (*p)++) {
                if (**p < '0' || **p > '9')
                        return false;
                v = v * 10 + (**p - '0');
        }
        *ret = v;
        return true;
}

static bool letter(const char **p, char c)
{
        return *(*p)++ == c;
}

static bool date_and_time(const char **p, struct tm *tm)
{
        return digits(p, 4, &tm->tm_year) && letter(p, '-') && digits(p, 2, &tm->tm_mon) && letter(p, '-') &&
               digits(p, 2, &tm->tm_mday) && letter(p, 'T') && digits(p, 2, &tm->tm_hour) && letter(p, ':') &&
               digits(p, 2, &tm->tm_min) && letter(p, ':') && digits(p, 2, &tm->tm_sec);
}

enum ecode time_parse_iso8601(struct bytes text, int64_t *ret_unix_s)
{
        char s[48];
        if (text.n < 19 || text.n >= sizeof s || memchr(text.p, 0, text.n) != NULL)
                return E_SYNTAX;
        memcpy(s, text.p, text.n);
        s[text.n] = 0;
        struct tm tm = { 0 };
        const char *p = s;
        if (!date_and_time(&p, &tm) || tm.tm_year < 1900 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
            tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
                return E_SYNTAX;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        if (*p == '.') {
                size_t n = strspn(++p, "0123456789");
                if (n == 0)
                        return E_SYNTAX;
                p += n;
        }
        int64_t offset = 0;
        if (*p == '+' || *p == '-') {
                int h = 0, m = 0, sign = *p++ == '-' ? -1 : 1;
                if (!digits(&p, 2, &h) || !letter(&p, ':') || !digits(&p, 2, &m) || *p != 0 || h > 14 || m > 59)
                        return E_SYNTAX;
                offset = (int64_t)sign * (h * 3600 + m * 60);
        } else if (!(p[0] == 'Z' && p[1] == 0) && p[0] != 0) {
                return E_SYNTAX;
        }
        *ret_unix_s = (int64_t)timegm(&tm) - offset;
        return E_OK;
}

static enum ecode system_fill(const struct rng *r, uint8_t *out, size_t n)
{
        (void)r;
        return RAND_bytes(out, (int)n) == 1 ? E_OK : E_CRYPTO;
}

const struct rng rng_system = { system_fill };

static enum ecode script_fill(const struct rng *r, uint8_t *out, size_t n)
{
        struct rng_script *s = (struct rng_script *)(uintptr_t)r;
        if (n > s->script.n - s->at)
                return E_CRYPTO;
        memcpy(out, s->script.p + s->at, n);
        s->at += n;
        return E_OK;
}

struct rng_script rng_script_of(struct bytes script)
{
        return (struct rng_script){ .base = { script_fill }, .script = script };
}

static char *rng_text(const struct rng *r, void *mem, size_t n, char *(*encode)(void *, struct bytes))
{
        uint8_t b[64];
        if (n > sizeof b || rng_fill(r, b, n) != E_OK)
                return NULL;
        char *s = encode(mem, bytes_of(b, n));
        secret_wipe(b, sizeof b);
        return s;
}

char *rng_token(const struct rng *r, void *mem, size_t n)
{
        return rng_text(r, mem, n, b64url_encode);
}

char *rng_hex(const struct rng *r, void *mem, size_t n)
{
        return rng_text(r, mem, n, hex_encode);
}

char *rng_uuid_urn(const struct rng *r, void *mem)
{
        uint8_t b[16];
        if (rng_fill(r, b, sizeof b) != E_OK)
                return NULL;
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
        return talloc_asprintf(mem, "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                               b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                               b[14], b[15]);
}
