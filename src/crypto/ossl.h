/* Algorithms of libcrypto, fetched once per process: fetching by name costs more than hashing a short message. */
#ifndef MUSTER_CRYPTO_OSSL_H
#define MUSTER_CRYPTO_OSSL_H

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

struct ossl {
        EVP_MD *sha256, *md5;
        EVP_MAC *hmac, *cmac;
        EVP_CIPHER *aes128_gcm, *aes128_ecb, *aes128_ctr;
        EC_GROUP *p256;
};

/* Members are NULL where the library does not offer the algorithm (MD5 in a FIPS build): E_CRYPTO at the user's. */
const struct ossl *ossl(void);

#define CLEANUP_OF(type, fn)                                                                                           \
        static inline void fn##_at(type **p)                                                                           \
        {                                                                                                              \
                fn(*p);                                                                                                \
        }
CLEANUP_OF(EVP_MD_CTX, EVP_MD_CTX_free)
CLEANUP_OF(EVP_MAC_CTX, EVP_MAC_CTX_free)
CLEANUP_OF(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
CLEANUP_OF(BN_CTX, BN_CTX_free)
CLEANUP_OF(BIGNUM, BN_clear_free)
CLEANUP_OF(EC_POINT, EC_POINT_clear_free)

/* `OSSL_FREED(BIGNUM, BN_clear_free) *x = BN_new();` */
#define OSSL_FREED(type, fn) __attribute__((cleanup(fn##_at))) type

#endif
