/* Inside of struct jwk, for the files of this folder alone. */
#ifndef MUSTER_PROTO_JOSE_JWK_IMPL_H
#define MUSTER_PROTO_JOSE_JWK_IMPL_H

#include "proto/jose/jwk.h"

#include <openssl/types.h>

struct jwk {
        EVP_PKEY *pkey;
        enum jose_alg alg;
        bool is_private;
        char *kid;
};

/* Takes pkey over, also on failure. kid NULL: the thumbprint. */
enum ecode jwk_wrap(void *mem, EVP_PKEY *pkey, bool is_private, const char *kid, struct jwk **ret, struct err *er);
/* Empties OpenSSL's error queue into er. */
enum ecode jwk_crypto_error(struct err *er, enum ecode code, const char *what);

#endif
