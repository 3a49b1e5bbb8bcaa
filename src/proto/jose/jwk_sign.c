#include "proto/jose/jwk_impl.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <talloc.h>

#define RSA_SIG_MAX   1024 /* 8192 bits */
#define ES256_SIG_LEN 64   /* RFC 7518 clause 3.4 */
#define ES256_HALF    32
#define ES256_DER_MAX 80

static enum ecode evp_sign(const struct jwk *k, struct bytes in, uint8_t *out, size_t *n, struct err *er)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        int ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                 EVP_DigestSign(ctx, out, n, in.p, in.n) == 1;
        EVP_MD_CTX_free(ctx);
        return ok ? E_OK : jwk_crypto_error(er, E_CRYPTO, "signing");
}

static enum ecode raw_from_der(const uint8_t *der, size_t n, uint8_t raw[ES256_SIG_LEN])
{
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
        bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, ES256_HALF) == ES256_HALF &&
                  BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + ES256_HALF, ES256_HALF) == ES256_HALF;
        ECDSA_SIG_free(sig);
        return ok ? E_OK : E_CRYPTO;
}

/* Length of the DER text, or 0. */
static size_t der_from_raw(struct bytes raw, uint8_t der[ES256_DER_MAX])
{
        ECDSA_SIG *sig = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(raw.p, ES256_HALF, NULL), *s = BN_bin2bn(raw.p + ES256_HALF, ES256_HALF, NULL);
        int n = 0;
        if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
                r = s = NULL; /* the signature owns them now */
                if (i2d_ECDSA_SIG(sig, NULL) <= ES256_DER_MAX)
                        n = i2d_ECDSA_SIG(sig, &der);
        }
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return n > 0 ? (size_t)n : 0;
}

/* R-ID-30 for ES256. */
enum ecode jwk_sign(void *mem, const struct jwk *k, struct bytes input, struct bytes *ret, struct err *er)
{
        uint8_t sig[RSA_SIG_MAX], raw[ES256_SIG_LEN];
        size_t n = sizeof sig;
        if (!k->is_private)
                return err_set(er, E_MISSING, NULL, "this key has no private part");
        enum ecode e = evp_sign(k, input, sig, &n, er);
        if (e != E_OK)
                return e;
        struct bytes out = bytes_of(sig, n);
        if (k->alg == JOSE_ES256) {
                if (raw_from_der(sig, n, raw) != E_OK)
                        return jwk_crypto_error(er, E_CRYPTO, "signature form");
                out = BYTES_ARR(raw);
        }
        out = bytes_copy(mem, out);
        if (out.p == NULL)
                return err_set(er, E_NOMEM, NULL, "signature");
        *ret = out;
        return E_OK;
}

enum ecode jwk_verify(const struct jwk *k, struct bytes input, struct bytes sig, struct err *er)
{
        uint8_t der[ES256_DER_MAX];
        if (k->alg == JOSE_ES256) {
                if (sig.n != ES256_SIG_LEN)
                        return err_set(er, E_TOKEN_SIGNATURE, "R-ID-30", "ES256 signature of %zu octets", sig.n);
                size_t n = der_from_raw(sig, der);
                if (n == 0)
                        return err_set(er, E_NOMEM, NULL, "signature");
                sig = bytes_of(der, n);
        }
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) != 1) {
                EVP_MD_CTX_free(ctx);
                return jwk_crypto_error(er, E_CRYPTO, "verifying");
        }
        int ok = EVP_DigestVerify(ctx, sig.p, sig.n, input.p, input.n);
        EVP_MD_CTX_free(ctx);
        if (ok == 1)
                return E_OK;
        ERR_clear_error();
        return err_set(er, E_TOKEN_SIGNATURE, "R-ID-82", "signature does not verify");
}
