/* Argon2id password hashes as text ("$argon2id$v=19$..."), which carries its parameters and salt. One call costs
 * memlimit octets and tens of milliseconds: call it from a worker. */
#ifndef MUSTER_CRYPTO_PASSWORD_H
#define MUSTER_CRYPTO_PASSWORD_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

struct password_cost {
        unsigned long long opslimit; /* passes, at least 1 */
        size_t memlimit;             /* octets, at least 8192 */
};

/* OWASP's floor for servers: two passes over 19 MiB. */
extern const struct password_cost password_cost_default;

/* Text on mem. E_RANGE (cost, or a password longer than 1024 octets), E_NOMEM. */
enum ecode password_hash(void *mem, struct bytes password, struct password_cost cost, char **ret);
/* E_OK, E_LOGIN_FAILED, E_SYNTAX (not such a text), E_NOMEM. */
enum ecode password_verify(const char *hash, struct bytes password);
/* For unknown users: takes as long as password_verify with this cost, and answers E_LOGIN_FAILED (or E_NOMEM). */
enum ecode password_verify_dummy(struct bytes password, struct password_cost cost);
/* The hash was made with another cost: hash anew at the next good login. */
bool password_stale(const char *hash, struct password_cost cost);

#endif
