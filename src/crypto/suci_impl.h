/* What the files of suci.h share. */
#ifndef MUSTER_CRYPTO_SUCI_IMPL_H
#define MUSTER_CRYPTO_SUCI_IMPL_H

#include "crypto/suci.h"

#define SUCI_MAC_LEN 8u /* TS 33.501 C.3.4: both profiles */

/* Half octets, low one first, 0xf behind an odd number of digits. digits has 1 to 10; ret SUCI_MSIN_MAX octets. Gives
 * the number of octets. */
size_t msin_pack(struct bytes digits, uint8_t ret[SUCI_MSIN_MAX]);
/* With a NUL; the number of digits, or 0 for what is no MSIN. */
size_t msin_unpack(struct bytes bcd, char ret[2 * SUCI_MSIN_MAX + 1]);

/* The elliptic curve scheme of C.3. seal fills s->out: E_LONG where it has no room. open gives E_DECRYPT for all that
 * does not open, and for a plain text that is not 1 to SUCI_MSIN_MAX octets. */
enum ecode ecies_seal(const struct suci_public *pub, struct bytes plain, const struct rng *rng, struct suci *s);
enum ecode ecies_open(const struct suci_home_key *key, struct bytes out, uint8_t ret[SUCI_MSIN_MAX], size_t *ret_n);

#endif
