/* Sealing of secrets at rest: XChaCha20-Poly1305 with a random 24-octet nonce in front. The associated text names what
 * was sealed (table, row, column), so that a sealed value does not open in another place. */
#ifndef MUSTER_CRYPTO_SEAL_H
#define MUSTER_CRYPTO_SEAL_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

SECRET_TYPE(seal_key, 32)

#define SEAL_OVERHEAD (1 + 24 + 16) /* version, nonce, tag */

/* On mem. E_NOMEM, E_CRYPTO. */
enum ecode seal(void *mem, const struct seal_key *k, const struct rng *rng, const char *what, struct bytes plain,
                struct bytes *ret);
/* On mem as a secret that wipes itself. E_SHORT, E_UNSUPPORTED (version), E_DECRYPT. */
enum ecode seal_open(void *mem, const struct seal_key *k, const char *what, struct bytes sealed, struct bytes *ret,
                     struct err *er);

#endif
