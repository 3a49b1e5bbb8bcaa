/* The Key Parameters payload (33.180 E.6 in the protected form of 8.5.4); used by the files of this folder only. */
#ifndef MUSTER_PROTO_MIKEY_MIKEY_PARAMS_H
#define MUSTER_PROTO_MIKEY_MIKEY_PARAMS_H

#include "proto/mikey/mikey_key.h"

#define MIKEY_PARAMS_IV 16u

/* Data of general extension 7. E_RANGE for what has no room. */
enum ecode mikey_params_seal(void *mem, const struct mikey_params *p, const struct mc_key *key, uint32_t csb_id,
                             const uint8_t iv[MIKEY_PARAMS_IV], struct bytes *ret, struct err *er);
/* E_DECRYPT (R-KMS-114), E_RANGE (of another key: R-KMS-108), E_SHORT, E_SYNTAX, E_UNSUPPORTED. */
enum ecode mikey_params_open(void *mem, struct bytes data, const struct mc_key *key, uint32_t csb_id,
                             struct mikey_params **ret, struct err *er);

#endif
