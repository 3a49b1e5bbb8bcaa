#ifndef MUSTER_ADAPTER_STORE_KV_SQLITE_H
#define MUSTER_ADAPTER_STORE_KV_SQLITE_H

#include "base/env.h"
#include "crypto/seal.h"
#include "port/store_kv.h"

/* path: a file, or DB_MEMORY. Every value is sealed under the role's key with its own key as the place it belongs to,
 * since a kept REGISTER may hold a token: whoever takes the file alone reads the keys of the map (identities) and
 * nothing else. *ret on mem; freeing it closes and wipes. */
enum ecode kv_sqlite_open(void *mem, const char *path, const struct seal_key *key, const struct rng *rng,
                          struct store_kv **ret, struct err *er);

#endif
