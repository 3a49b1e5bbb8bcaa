/* The kept copy of an issuer's JWK set (R-ID-97): one file per issuer, replaced as a whole. */
#ifndef MUSTER_ROLE_COMMON_TRUST_FILE_H
#define MUSTER_ROLE_COMMON_TRUST_FILE_H

#include "base/bytes.h"
#include "base/err.h"

/* <dir>/jwks-<hash of the issuer>.json. NULL: no memory. */
char *trust_file_path(void *mem, const char *dir, const char *issuer);
/* E_NOT_FOUND, E_LONG, E_IO. */
enum ecode trust_file_read(void *mem, const char *path, size_t max, struct bytes *ret);
/* Old content or new content, never half of one. E_IO. */
enum ecode trust_file_write(const char *path, struct bytes text);

#endif
