/* 128-NEA2 and 128-NIA2 (TS 33.501 annex D: AES-CTR and AES-CMAC as in TS 33.401 annex B): ciphering and
 * integrity of one NAS message. Algorithm 2 is the only one that is served; null algorithms do not exist here. */
#ifndef MUSTER_CRYPTO_NAS_ALG_H
#define MUSTER_CRYPTO_NAS_ALG_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/kdf_5g.h"

#define NAS_ALG_AES 2u /* 128-NEA2 and 128-NIA2 */

enum nas_dir {
        NAS_UP = 0,
        NAS_DOWN = 1,
};

/* NAS connection identifiers serve as bearer: TS 24.501 4.4.3. */
enum nas_bearer {
        NAS_3GPP = 1,
        NAS_NON_3GPP = 2,
};

/* The place of a message. count is 24 bits behind eight zero bits: overflow || sequence number. The same place must
 * never serve two messages under one key. bearer has 5 bits: E_RANGE above. */
struct nas_place {
        uint32_t count;
        uint8_t bearer;
        enum nas_dir dir;
};

#define NAS_MAC_LEN 4u

/* Its own inverse; ret has in.n octets and may be in.p. */
enum ecode nea2(const struct key_nas_enc *key, struct nas_place at, struct bytes in, uint8_t *ret);
/* `in` begins with the sequence number (TS 24.501 4.4.3). */
enum ecode nia2(const struct key_nas_int *key, struct nas_place at, struct bytes in, uint8_t ret[NAS_MAC_LEN]);

#endif
