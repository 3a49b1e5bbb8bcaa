#include "crypto/uid.h"

#include <inttypes.h>

#include "crypto/prim.h"

enum ecode key_period_check(struct key_period kp, struct err *er)
{
        if (kp.period == 0)
                return err_set(er, E_RANGE, "R-KMS-12", "UserKeyPeriod is 0 (33.180 F.2.1.1)");
        if (kp.offset >= kp.period)
                return err_set(er, E_RANGE, "R-KMS-12",
                               "UserKeyOffset %" PRIu64 " is not below UserKeyPeriod %" PRIu64 " (33.180 F.2.1.1)",
                               kp.offset, kp.period);
        return E_OK;
}

enum ecode key_period_no(struct key_period kp, uint64_t ntp_s, uint64_t *ret, struct err *er)
{
        enum ecode e = key_period_check(kp, er);
        if (e != E_OK)
                return e;
        if (ntp_s < kp.offset)
                return err_set(er, E_RANGE, "R-KMS-11", "the time lies before key period 0");
        *ret = (ntp_s - kp.offset) / kp.period;
        return E_OK;
}

enum ecode key_period_start(struct key_period kp, uint64_t no, uint64_t *ret, struct err *er)
{
        enum ecode e = key_period_check(kp, er);
        if (e != E_OK)
                return e;
        uint64_t start;
        if (__builtin_mul_overflow(no, kp.period, &start) || __builtin_add_overflow(start, kp.offset, &start))
                return err_set(er, E_RANGE, "R-KMS-11", "key period %" PRIu64 " starts beyond 64 bits of seconds", no);
        *ret = start;
        return E_OK;
}

/* The minimal big-endian octets of v at the end of out; zero is one octet 00 (R-KMS-11). */
static struct bytes minimal(uint64_t v, uint8_t out[8])
{
        size_t at = 8;
        do {
                out[--at] = (uint8_t)v;
                v >>= 8;
        } while (v != 0);
        return bytes_of(out + at, 8 - at);
}

enum ecode uid_make(struct bytes user_uri, struct bytes kms_uri, struct key_period kp, uint64_t no, struct uid *ret,
                    struct err *er)
{
        uint8_t num[3][8], len[6][2];
        const struct bytes p[] = {
                BYTES_LIT("MIKEY-SAKKE-UID"), user_uri,           kms_uri, minimal(kp.period, num[0]),
                minimal(kp.offset, num[1]),   minimal(no, num[2])
        };
        struct bytes parts[13] = { BYTES_LIT("\0") };
        for (size_t i = 0; i < COUNT(p); i++) {
                if (p[i].n == 0 || p[i].n > 0xffff)
                        return err_set(er, E_RANGE, "R-KMS-10", "a URI of a UID has 1 to 65535 octets");
                len[i][0] = (uint8_t)(p[i].n >> 8);
                len[i][1] = (uint8_t)p[i].n;
                parts[1 + 2 * i] = p[i];
                parts[2 + 2 * i] = BYTES_ARR(len[i]);
        }
        return sha256_parts(parts, COUNT(parts), ret->b);
}
