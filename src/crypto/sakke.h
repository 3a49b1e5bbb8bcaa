/* SAKKE: identity-based key encapsulation of RFC 6508, parameter set 1 of RFC 6509 appendix A (1024-bit supersingular
 * curve, SHA-256, 128-bit keys). Points are 04 || x || y. Identities are 1 to 128 octets, read big-endian modulo q; in
 * the 3GPP profile the 32 octets of the UID.
 *
 * Secret values (z, RSKs, the scalar r of an encapsulation) choose neither branches nor addresses. Objects are
 * read-only after they were made: any number of threads may use one. They live on `mem` and are wiped when they are
 * freed. */
#ifndef MUSTER_CRYPTO_SAKKE_H
#define MUSTER_CRYPTO_SAKKE_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/kdf.h"

#define SAKKE_POINT_LEN 257
#define SAKKE_SED_LEN   273
#define SAKKE_ID_MAX    128

SECRET_TYPE(sakke_z, 128)               /* KMS master secret, big-endian */
SECRET_TYPE(sakke_rsk, SAKKE_POINT_LEN) /* a user's receiver secret key */

struct sakke_zpub { /* KMS public key Z = [z]P */
        uint8_t b[SAKKE_POINT_LEN];
};

struct sakke_sed { /* SAKKE encapsulated data, R || H */
        uint8_t b[SAKKE_SED_LEN];
};

/* RFC 6508 2.2. */
enum ecode sakke_master_make(const struct rng *rng, struct sakke_z *ret_z, struct sakke_zpub *ret_pub);
/* Z of z: 0 < z < q, else E_KEY_INVALID. */
enum ecode sakke_master_public(const struct sakke_z *z, struct sakke_zpub *ret, struct err *er);
/* At load: the range, and the public part recomputed (R-KMS-85). E_KEY_INVALID. */
enum ecode sakke_master_check(const struct sakke_z *z, const struct sakke_zpub *pub, struct err *er);

/* RSK for an identity, RFC 6508 6.1.1. E_KEY_INVALID when id + z = 0 mod q (R-KMS-86), E_RANGE for the id's length. */
enum ecode sakke_rsk_extract(const struct sakke_z *z, struct bytes id, struct sakke_rsk *ret, struct err *er);

/* A security domain as its peers see it: Z on the curve and of order q, else E_POINT (R-KMS-21). Holds a table over Z
 * (360 KiB, some 10 ms to make): to be kept. */
struct sakke_domain;
enum ecode sakke_domain_new(void *mem, const struct sakke_zpub *pub, struct sakke_domain **ret, struct err *er);

/* Tables that halve the time of sakke_rsk_check, for one who checks many: 40 ms and 900 KiB. Before d is shared with
 * other threads. */
enum ecode sakke_domain_prepare(struct sakke_domain *d, struct err *er);

/* RFC 6508 6.1.2: <[id]P + Z, RSK> = g, to be called on each received RSK (R-KMS-6). E_POINT, E_KEY_INVALID. */
enum ecode sakke_rsk_check(const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk, struct err *er);

/* RFC 6508 6.2.1. The key must be random in all its bits: encapsulation adds no randomness of its own. */
enum ecode sakke_encapsulate(const struct sakke_domain *d, struct bytes id, const struct mc_key *key,
                             struct sakke_sed *ret, struct err *er);
/* RFC 6508 6.2.2: nothing is computed on an R that is off the curve, has another prefix than 04 or another length
 * (R-KMS-83: E_POINT, E_SHORT, E_LONG); then E_DECRYPT when TEST differs from R. */
enum ecode sakke_decapsulate(const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk,
                             struct bytes sed, struct mc_key *ret, struct err *er);

/* One receiver whom much is sent to: a table over [id]P + Z makes each encapsulation several times faster. */
struct sakke_peer;
enum ecode sakke_peer_new(void *mem, const struct sakke_domain *d, struct bytes id, struct sakke_peer **ret,
                          struct err *er);
enum ecode sakke_encapsulate_peer(const struct sakke_peer *p, const struct mc_key *key, struct sakke_sed *ret,
                                  struct err *er);

/* One receiver who receives much (a server): the pairing's lines for its RSK and the table of its own [id]P + Z.
 * The RSK is checked first, as sakke_rsk_check does. Some 900 KiB. */
struct sakke_rsk_table;
enum ecode sakke_rsk_table_new(void *mem, const struct sakke_domain *d, struct bytes id, const struct sakke_rsk *rsk,
                               struct sakke_rsk_table **ret, struct err *er);
enum ecode sakke_decapsulate_table(const struct sakke_rsk_table *t, struct bytes sed, struct mc_key *ret,
                                   struct err *er);

/* RFC 6508 5.1, with n = q. ret is big-endian. */
enum ecode sakke_hash_to_q(const struct bytes *parts, size_t n, uint8_t ret[128]);

#endif
