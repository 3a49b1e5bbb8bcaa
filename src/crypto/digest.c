#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "crypto/ossl.h"

#define COLON BYTES_LIT(":")

/* Hex of the hash over the parts. */
static enum ecode hash_hex(enum digest_alg alg, const struct bytes *parts, size_t n, struct digest_hex *ret)
{
        const EVP_MD *md = alg == DIGEST_MD5 ? ossl()->md5 : ossl()->sha256;
        OSSL_FREED(EVP_MD_CTX, EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();
        if (ctx == NULL)
                return E_NOMEM;
        if (md == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
                return E_CRYPTO;
        for (size_t i = 0; i < n; i++)
                if (parts[i].n > 0 && EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) != 1)
                        return E_CRYPTO;
        uint8_t d[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (EVP_DigestFinal_ex(ctx, d, &len) != 1 || 2 * len >= sizeof ret->s)
                return E_CRYPTO;
        for (unsigned i = 0; i < len; i++) {
                ret->s[2 * i] = "0123456789abcdef"[d[i] >> 4];
                ret->s[2 * i + 1] = "0123456789abcdef"[d[i] & 15];
        }
        ret->s[2 * len] = 0;
        secret_wipe(d, sizeof d);
        return E_OK;
}

enum ecode digest_ha1(enum digest_alg alg, struct bytes username, struct bytes realm, struct bytes password,
                      struct digest_hex *ret)
{
        const struct bytes parts[] = { username, COLON, realm, COLON, password };
        return hash_hex(alg, parts, COUNT(parts), ret);
}

/* RFC 2617 3.2.2.3: H(A2). */
static enum ecode ha2(const struct digest_req *r, struct bytes method, struct digest_hex *ret)
{
        if (r->qop != DIGEST_QOP_AUTH_INT) {
                const struct bytes parts[] = { method, COLON, r->uri };
                return hash_hex(r->alg, parts, COUNT(parts), ret);
        }
        struct digest_hex body;
        enum ecode e = hash_hex(r->alg, &r->body, 1, &body);
        if (e != E_OK)
                return e;
        const struct bytes parts[] = { method, COLON, r->uri, COLON, bytes_str(body.s) };
        return hash_hex(r->alg, parts, COUNT(parts), ret);
}

/* RFC 2617 3.2.2.1. */
static enum ecode request_digest(const struct digest_req *r, const struct digest_hex *ha1, struct bytes method,
                                 struct digest_hex *ret)
{
        struct digest_hex a2;
        enum ecode e = ha2(r, method, &a2);
        if (e != E_OK)
                return e;
        struct bytes h1 = bytes_str(ha1->s), h2 = bytes_str(a2.s);
        if (r->qop == DIGEST_QOP_NONE) {
                const struct bytes parts[] = { h1, COLON, r->nonce, COLON, h2 };
                return hash_hex(r->alg, parts, COUNT(parts), ret);
        }
        struct bytes qop = r->qop == DIGEST_QOP_AUTH ? BYTES_LIT("auth") : BYTES_LIT("auth-int");
        const struct bytes parts[] = { h1, COLON, r->nonce, COLON, r->nc, COLON, r->cnonce, COLON, qop, COLON, h2 };
        return hash_hex(r->alg, parts, COUNT(parts), ret);
}

enum ecode digest_response(const struct digest_req *r, const struct digest_hex *ha1, struct digest_hex *ret)
{
        return request_digest(r, ha1, r->method, ret);
}

enum ecode digest_rspauth(const struct digest_req *r, const struct digest_hex *ha1, struct digest_hex *ret)
{
        return request_digest(r, ha1, bytes_of(NULL, 0), ret);
}

enum ecode digest_verify(const struct digest_req *r, const struct digest_hex *ha1, struct bytes response)
{
        struct digest_hex want, got;
        enum ecode e = digest_response(r, ha1, &want);
        if (e != E_OK)
                return e;
        size_t n = strlen(want.s);
        if (response.n != n)
                return E_AUTH_FAILED;
        for (size_t i = 0; i < n; i++)
                got.s[i] = (char)(response.p[i] >= 'A' && response.p[i] <= 'F' ? response.p[i] | 0x20 : response.p[i]);
        return bytes_eq_secret(bytes_of(want.s, n), bytes_of(got.s, n)) ? E_OK : E_AUTH_FAILED;
}

static enum ecode hmac_md5(const uint8_t *key, size_t n, struct bytes in, uint8_t ret[16])
{
        if (ossl()->hmac == NULL)
                return E_CRYPTO;
        OSSL_FREED(EVP_MAC_CTX, EVP_MAC_CTX_free) *ctx = EVP_MAC_CTX_new(ossl()->hmac);
        if (ctx == NULL)
                return E_NOMEM;
        char name[] = "MD5";
        const OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, sizeof name - 1),
                                      OSSL_PARAM_END };
        size_t len = 0;
        if (EVP_MAC_init(ctx, key, n, params) != 1 || EVP_MAC_update(ctx, in.p, in.n) != 1 ||
            EVP_MAC_final(ctx, ret, &len, 16) != 1)
                return E_CRYPTO;
        return E_OK;
}

enum ecode digest_akav2_password(struct bytes res, const uint8_t ik[16], const uint8_t ck[16], char ret[25])
{
        uint8_t key[16 + 16 + 16], mac[16];
        if (res.n > 16)
                return E_LONG;
        if (res.n > 0)
                memcpy(key, res.p, res.n);
        memcpy(key + res.n, ik, 16);
        memcpy(key + res.n + 16, ck, 16);
        enum ecode e = hmac_md5(key, res.n + 32, BYTES_LIT("http-digest-akav2-password"), mac);
        if (e == E_OK)
                EVP_EncodeBlock((unsigned char *)ret, mac, sizeof mac);
        secret_wipe(key, sizeof key);
        secret_wipe(mac, sizeof mac);
        return e;
}
