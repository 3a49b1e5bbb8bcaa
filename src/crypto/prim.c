#include "crypto/prim.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "crypto/ossl.h"

enum ecode sha256(struct bytes in, uint8_t ret[SHA256_LEN])
{
        return sha256_parts(&in, 1, ret);
}

enum ecode sha256_parts(const struct bytes *parts, size_t n, uint8_t ret[SHA256_LEN])
{
        OSSL_FREED(EVP_MD_CTX, EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();
        if (ctx == NULL)
                return E_NOMEM;
        if (ossl()->sha256 == NULL || EVP_DigestInit_ex2(ctx, ossl()->sha256, NULL) != 1)
                return E_CRYPTO;
        for (size_t i = 0; i < n; i++)
                if (parts[i].n > 0 && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) != 1)
                        return E_CRYPTO;
        return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? E_OK : E_CRYPTO;
}

enum ecode hmac_sha256(struct bytes key, struct bytes in, uint8_t ret[SHA256_LEN])
{
        return hmac_sha256_parts(key, &in, 1, ret);
}

enum ecode hmac_sha256_parts(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[SHA256_LEN])
{
        if (ossl()->hmac == NULL)
                return E_CRYPTO;
        OSSL_FREED(EVP_MAC_CTX, EVP_MAC_CTX_free) *ctx = EVP_MAC_CTX_new(ossl()->hmac);
        if (ctx == NULL)
                return E_NOMEM;
        char name[] = "SHA256";
        const OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, sizeof name - 1),
                                      OSSL_PARAM_END };
        static const uint8_t none[1];
        if (EVP_MAC_init(ctx, key.n > 0 ? key.p : none, key.n, params) != 1)
                return E_CRYPTO;
        for (size_t i = 0; i < n; i++)
                if (parts[i].n > 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].n) != 1)
                        return E_CRYPTO;
        size_t len = 0;
        return EVP_MAC_final(ctx, ret, &len, SHA256_LEN) == 1 && len == SHA256_LEN ? E_OK : E_CRYPTO;
}

enum ecode aes128_ctr(const uint8_t key[16], const uint8_t block[16], struct bytes in, uint8_t *ret)
{
        if (in.n > INT_MAX)
                return E_LONG;
        OSSL_FREED(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free) *ctx = EVP_CIPHER_CTX_new();
        if (ctx == NULL)
                return E_NOMEM;
        int done;
        if (ossl()->aes128_ctr == NULL || EVP_EncryptInit_ex2(ctx, ossl()->aes128_ctr, key, block, NULL) != 1)
                return E_CRYPTO;
        if (in.n > 0 && EVP_EncryptUpdate(ctx, ret, &done, in.p, (int)in.n) != 1)
                return E_CRYPTO;
        return E_OK;
}

enum ecode aes128_cmac_parts(const uint8_t key[16], const struct bytes *parts, size_t n, uint8_t ret[16])
{
        if (ossl()->cmac == NULL)
                return E_CRYPTO;
        OSSL_FREED(EVP_MAC_CTX, EVP_MAC_CTX_free) *ctx = EVP_MAC_CTX_new(ossl()->cmac);
        if (ctx == NULL)
                return E_NOMEM;
        char name[] = "AES-128-CBC";
        const OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_CIPHER, name, sizeof name - 1),
                                      OSSL_PARAM_END };
        if (EVP_MAC_init(ctx, key, 16, params) != 1)
                return E_CRYPTO;
        for (size_t i = 0; i < n; i++)
                if (parts[i].n > 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].n) != 1)
                        return E_CRYPTO;
        size_t len = 0;
        return EVP_MAC_final(ctx, ret, &len, 16) == 1 && len == 16 ? E_OK : E_CRYPTO;
}

/* Everything of GCM up to the text itself is the same in both directions. */
static enum ecode gcm_start(EVP_CIPHER_CTX *ctx, int seal, const uint8_t key[16], struct bytes iv, struct bytes aad)
{
        if (iv.n == 0 || iv.n > 64 || aad.n > INT_MAX)
                return E_RANGE;
        int done;
        size_t iv_len = iv.n;
        const OSSL_PARAM params[] = { OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, &iv_len), OSSL_PARAM_END };
        if (ossl()->aes128_gcm == NULL || EVP_CipherInit_ex2(ctx, ossl()->aes128_gcm, NULL, NULL, seal, params) != 1 ||
            EVP_CipherInit_ex2(ctx, NULL, key, iv.p, seal, NULL) != 1)
                return E_CRYPTO;
        if (aad.n > 0 && EVP_CipherUpdate(ctx, NULL, &done, aad.p, (int)aad.n) != 1)
                return E_CRYPTO;
        return E_OK;
}

enum ecode aes128_gcm_seal(const uint8_t key[16], struct bytes iv, struct bytes aad, struct bytes plain,
                           uint8_t *ret_cipher, uint8_t ret_tag[GCM_TAG_LEN])
{
        if (plain.n > INT_MAX)
                return E_LONG;
        OSSL_FREED(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free) *ctx = EVP_CIPHER_CTX_new();
        if (ctx == NULL)
                return E_NOMEM;
        int done = 0;
        enum ecode e = gcm_start(ctx, 1, key, iv, aad);
        if (e != E_OK)
                return e;
        uint8_t rest[16];
        if ((plain.n > 0 && EVP_CipherUpdate(ctx, ret_cipher, &done, plain.p, (int)plain.n) != 1) ||
            EVP_CipherFinal_ex(ctx, rest, &done) != 1 ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, ret_tag) != 1)
                return E_CRYPTO;
        return E_OK;
}

enum ecode aes128_gcm_open(const uint8_t key[16], struct bytes iv, struct bytes aad, struct bytes cipher,
                           struct bytes tag, uint8_t *ret_plain)
{
        if (tag.n != GCM_TAG_LEN)
                return tag.n < GCM_TAG_LEN ? E_SHORT : E_LONG;
        if (cipher.n > INT_MAX)
                return E_LONG;
        OSSL_FREED(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free) *ctx = EVP_CIPHER_CTX_new();
        if (ctx == NULL)
                return E_NOMEM;
        enum ecode e = gcm_start(ctx, 0, key, iv, aad);
        if (e != E_OK)
                return e;
        uint8_t want[GCM_TAG_LEN], rest[16];
        int done = 0;
        memcpy(want, tag.p, sizeof want);
        if ((cipher.n > 0 && EVP_CipherUpdate(ctx, ret_plain, &done, cipher.p, (int)cipher.n) != 1) ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, want) != 1)
                e = E_CRYPTO;
        else if (EVP_CipherFinal_ex(ctx, rest, &done) != 1)
                e = E_DECRYPT;
        if (e != E_OK && cipher.n > 0)
                secret_wipe(ret_plain, cipher.n);
        return e;
}
