/* The user identifier of TS 33.180 F.2.1: SHA-256 over user, KMS and key period. It is the identity in ECCSI and SAKKE,
 * 32 raw octets. URIs are taken octet by octet as they were provisioned (R-KMS-14). */
#ifndef MUSTER_CRYPTO_UID_H
#define MUSTER_CRYPTO_UID_H

#include "base/bytes.h"
#include "base/err.h"

struct uid {
        uint8_t b[32];
};

/* UserKeyPeriod and UserKeyOffset of a KMS certificate, in seconds; the offset counts from 1900-01-01T00:00:00Z. */
struct key_period {
        uint64_t period, offset;
};

/* E_RANGE when the period is 0 or offset >= period (F.2.1.1, R-KMS-12). */
enum ecode key_period_check(struct key_period kp, struct err *er);

/* P5: number of the period that holds ntp_s, seconds since 1900 in 64 bits, so that numbers go on rising after 2036
 * (R-KMS-25). E_RANGE as above, or when ntp_s lies before period 0. */
enum ecode key_period_no(struct key_period kp, uint64_t ntp_s, uint64_t *ret, struct err *er);
/* First NTP second of period no: its end is the start of no + 1. E_RANGE beyond 64 bits. */
enum ecode key_period_start(struct key_period kp, uint64_t no, uint64_t *ret, struct err *er);

/* E_RANGE when a URI is empty or longer than 65535 octets. The numbers are hashed as they are: key_period_check them
 * where they come in. */
enum ecode uid_make(struct bytes user_uri, struct bytes kms_uri, struct key_period kp, uint64_t no, struct uid *ret,
                    struct err *er);

static inline struct bytes uid_bytes(const struct uid *u)
{
        return BYTES_ARR(u->b);
}

#endif
