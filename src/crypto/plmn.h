/* The identity of a network (PLMN): mobile country code and network code, their three octets on the wire, and the
 * serving network name of TS 33.501 that goes into the 5G keys. */
#ifndef MUSTER_CRYPTO_PLMN_H
#define MUSTER_CRYPTO_PLMN_H

#include "base/bytes.h"
#include "base/err.h"

/* Decimal digits with their NUL: three of the MCC, two or three of the MNC. "01" and "001" are different networks. */
struct plmn {
        char mcc[4], mnc[4];
};

#define PLMN_LEN 3u

/* E_RANGE for what is not three, and two or three, digits. */
enum ecode plmn_of(struct bytes mcc, struct bytes mnc, struct plmn *ret);
bool plmn_eq(const struct plmn *a, const struct plmn *b);

/* TS 24.008 10.5.1.13: digits as half octets, low half first; 0xf stands for the third MNC digit of a two-digit MNC.
 * E_SYNTAX for other half octets. */
enum ecode plmn_read(const uint8_t in[PLMN_LEN], struct plmn *ret);
void plmn_write(const struct plmn *p, uint8_t ret[PLMN_LEN]);

/* "5G:mnc001.mcc001.3gppnetwork.org" with its NUL: TS 33.501 6.1.1.4, both codes with three digits. */
#define SN_NAME_LEN 32u
struct sn_name {
        char s[SN_NAME_LEN + 1];
};
void sn_name_of(const struct plmn *p, struct sn_name *ret);
/* From a text that a peer sent. E_SYNTAX for any other form (R-5G-5). */
enum ecode sn_name_parse(struct bytes text, struct sn_name *ret);

#endif
