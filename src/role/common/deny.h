/* Tokens that are refused before their time: the local deny list of a resource server. The profile's own means of
 * revocation is expiry (TS 33.180 B.12); this is for the case that nobody wants to wait (R-KMS-33).
 *
 * An entry names a claim and its value and means: tokens with that value which were issued up to now. Tokens of a later
 * sign-on are good again. Kept in one file below state_dir. Not locked: the owner does that. */
#ifndef MUSTER_ROLE_COMMON_DENY_H
#define MUSTER_ROLE_COMMON_DENY_H

#include "proto/jose/jwt.h"

/* Longer than any access token lives. */
#define DENY_KEPT_S 604800
#define DENY_MOST   10000

struct deny;

/* Reads <state_dir>/denied.json where there is one; state_dir NULL: nothing can be denied. E_SYNTAX: it is damaged, and
 * nothing is guessed. */
enum ecode deny_open(void *mem, const char *state_dir, struct deny **ret, struct err *er);
/* claim: "jti", "sub" or "client_id", E_SYNTAX otherwise. On the disk when it answers E_OK; E_LIMIT, E_IO. */
enum ecode deny_add(struct deny *d, const char *claim, const char *value, int64_t now_s, struct err *er);
/* E_TOKEN_REVOKED. */
enum ecode deny_check(const struct deny *d, const struct token_claims *c, struct err *er);
/* {"denied":[{"claim","value","at"}]}, a new reference. */
json_t *deny_json(const struct deny *d);

#endif
