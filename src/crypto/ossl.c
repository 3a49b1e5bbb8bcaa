#include "crypto/ossl.h"

#include <pthread.h>

static struct ossl the;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
        the.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        the.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
        the.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        the.cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
        the.aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
        the.aes128_ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
        the.aes128_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
        the.p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

const struct ossl *ossl(void)
{
        pthread_once(&once, fetch);
        return &the;
}
