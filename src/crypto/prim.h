/* SHA-256, HMAC-SHA-256, AES-128 in counter mode, AES-CMAC and AES-128-GCM in the form that the ladders above need
 * them: lists of parts, no state. All return E_OK, E_NOMEM or E_CRYPTO unless said otherwise. */
#ifndef MUSTER_CRYPTO_PRIM_H
#define MUSTER_CRYPTO_PRIM_H

#include "base/bytes.h"
#include "base/err.h"

#define SHA256_LEN  32
#define GCM_TAG_LEN 16

enum ecode sha256(struct bytes in, uint8_t ret[SHA256_LEN]);
/* The parts one after the other. */
enum ecode sha256_parts(const struct bytes *parts, size_t n, uint8_t ret[SHA256_LEN]);

enum ecode hmac_sha256(struct bytes key, struct bytes in, uint8_t ret[SHA256_LEN]);
enum ecode hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[SHA256_LEN]);

/* AES-128 in counter mode (NIST SP 800-38A 6.5), with the whole block as big-endian counter. Its own inverse; ret has
 * in.n octets and may be in.p. E_LONG above INT_MAX. */
enum ecode aes128_ctr(const uint8_t key[16], const uint8_t block[16], struct bytes in, uint8_t *ret);
/* AES-CMAC (RFC 4493) over the parts one after the other. */
enum ecode aes128_cmac_parts(const uint8_t key[16], const struct bytes *parts, size_t n, uint8_t ret[16]);

/* AES-128-GCM (NIST SP 800-38D). iv is 1 to 64 octets: 12 for XML encryption, 16 in MIKEY's Key Parameters. `cipher`
 * has plain.n octets. */
enum ecode aes128_gcm_seal(const uint8_t key[16], struct bytes iv, struct bytes aad, struct bytes plain,
                           uint8_t *ret_cipher, uint8_t ret_tag[GCM_TAG_LEN]);
/* E_DECRYPT when the tag does not fit; ret_plain (cipher.n octets) is wiped then. E_SHORT for a tag of another length.
 */
enum ecode aes128_gcm_open(const uint8_t key[16], struct bytes iv, struct bytes aad, struct bytes cipher,
                           struct bytes tag, uint8_t *ret_plain);

#endif
