#include "crypto/seal.h"

#include <assert.h>
#include <sodium.h>
#include <talloc.h>

#define SEAL_VERSION 1

static_assert(SEAL_OVERHEAD ==
                      1 + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
              "layout of a sealed value");
static_assert(sizeof(struct seal_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key length");

enum ecode seal(void *mem, const struct seal_key *k, const struct rng *rng, const char *what, struct bytes plain,
                struct bytes *ret)
{
        if (sodium_init() < 0)
                return E_CRYPTO;
        if (plain.n > SIZE_MAX - SEAL_OVERHEAD)
                return E_LONG;
        uint8_t *out = talloc_size(mem, plain.n + SEAL_OVERHEAD);
        if (out == NULL)
                return E_NOMEM;
        out[0] = SEAL_VERSION;
        enum ecode e = rng_fill(rng, out + 1, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
        if (e != E_OK) {
                talloc_free(out);
                return e;
        }
        uint8_t *cipher = out + 1 + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
        unsigned long long n = 0;
        crypto_aead_xchacha20poly1305_ietf_encrypt(cipher, &n, plain.p, plain.n, (const uint8_t *)what, strlen(what),
                                                   NULL, out + 1, k->b);
        *ret = bytes_of(out, plain.n + SEAL_OVERHEAD);
        return E_OK;
}

enum ecode seal_open(void *mem, const struct seal_key *k, const char *what, struct bytes sealed, struct bytes *ret,
                     struct err *er)
{
        if (sodium_init() < 0)
                return err_set(er, E_CRYPTO, NULL, "libsodium does not start");
        if (sealed.n < SEAL_OVERHEAD)
                return err_set(er, E_SHORT, "R-KMS-87", "%s: a sealed value has at least %d octets", what,
                               SEAL_OVERHEAD);
        if (sealed.p[0] != SEAL_VERSION)
                return err_set(er, E_UNSUPPORTED, "R-KMS-87", "%s: sealed in form %u, known is %d", what, sealed.p[0],
                               SEAL_VERSION);
        const uint8_t *nonce = sealed.p + 1;
        const uint8_t *cipher = nonce + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
        size_t n = sealed.n - SEAL_OVERHEAD;
        uint8_t *out = secret_alloc(mem, n > 0 ? n : 1);
        if (out == NULL)
                return err_set(er, E_NOMEM, NULL, "out of memory");
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, cipher,
                                                       n + crypto_aead_xchacha20poly1305_ietf_ABYTES,
                                                       (const uint8_t *)what, strlen(what), nonce, k->b) != 0) {
                talloc_free(out);
                return err_set(er, E_DECRYPT, "R-KMS-87", "%s: does not open with this sealing key", what);
        }
        *ret = bytes_of(out, n);
        return E_OK;
}
