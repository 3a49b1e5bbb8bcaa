#include "crypto/kdf.h"

#define KDF_PARAMS_MAX 8
#define LOW28          UINT32_C(0x0fffffff)

enum ecode kdf_3gpp(struct bytes key, uint16_t fc, const struct bytes *p, size_t n, uint8_t ret[SHA256_LEN])
{
        struct bytes parts[1 + 2 * KDF_PARAMS_MAX];
        uint8_t len[KDF_PARAMS_MAX][2];
        const uint8_t fc2[2] = { (uint8_t)(fc >> 8), (uint8_t)fc };
        if (n > KDF_PARAMS_MAX || (fc > 0xfe && fc < 0xff00))
                return E_RANGE;
        parts[0] = fc > 0xfe ? BYTES_ARR(fc2) : bytes_of(fc2 + 1, 1);
        for (size_t i = 0; i < n; i++) {
                if (p[i].n > 0xffff)
                        return E_RANGE;
                len[i][0] = (uint8_t)(p[i].n >> 8);
                len[i][1] = (uint8_t)p[i].n;
                parts[1 + 2 * i] = p[i];
                parts[2 + 2 * i] = BYTES_ARR(len[i]);
        }
        return hmac_sha256_parts(key, parts, 1 + 2 * n, ret);
}

static void put_u32(uint8_t out[4], uint32_t v)
{
        for (int i = 0; i < 4; i++)
                out[i] = (uint8_t)(v >> (24 - 8 * i));
}

enum ecode kdf_user_salt(const struct mc_key *gmk, struct bytes mc_service_id, uint32_t *ret)
{
        uint8_t d[SHA256_LEN];
        enum ecode e = kdf_3gpp(BYTES_ARR(gmk->b), KDF_FC_USER_SALT, &mc_service_id, 1, d);
        if (e == E_OK)
                *ret = ((uint32_t)d[28] << 24 | (uint32_t)d[29] << 16 | (uint32_t)d[30] << 8 | d[31]) & LOW28;
        secret_wipe(d, sizeof d);
        return e;
}

enum ecode kdf_guk_id(const struct mc_key *gmk, uint32_t gmk_id, struct bytes mc_service_id, uint32_t *ret)
{
        uint32_t salt;
        enum ecode e = kdf_user_salt(gmk, mc_service_id, &salt);
        if (e == E_OK)
                *ret = gmk_id ^ salt;
        return e;
}

/* The low 128 bits of the KDF, as all keys of annex F.1 are cut. */
static enum ecode low128(const struct mc_key *key, enum kdf_fc fc, const struct bytes *p, size_t n, uint8_t ret[16])
{
        uint8_t d[SHA256_LEN];
        enum ecode e = kdf_3gpp(BYTES_ARR(key->b), (uint16_t)fc, p, n, d);
        if (e == E_OK)
                memcpy(ret, d + 16, 16);
        secret_wipe(d, sizeof d);
        return e;
}

static enum ecode xpk(const struct mc_key *key, enum kdf_fc fc, uint32_t id, struct bytes mc_service_id,
                      uint8_t ret[16])
{
        uint8_t id4[4];
        put_u32(id4, id);
        const struct bytes p[] = { mc_service_id, BYTES_ARR(id4) };
        return low128(key, fc, p, COUNT(p), ret);
}

enum ecode kdf_xpk_conf(const struct mc_key *key, uint32_t xpk_id, struct bytes mc_service_id, struct xpk_conf *ret)
{
        return xpk(key, KDF_FC_XPK_CONF, xpk_id, mc_service_id, ret->b);
}

enum ecode kdf_xpk_int(const struct mc_key *key, uint32_t xpk_id, struct bytes mc_service_id, struct xpk_int *ret)
{
        return xpk(key, KDF_FC_XPK_INT, xpk_id, mc_service_id, ret->b);
}

enum ecode kdf_dpck(const struct mc_key *dppk, uint32_t dppk_id, struct dpck *ret)
{
        uint8_t id4[4];
        put_u32(id4, dppk_id);
        const struct bytes p = BYTES_ARR(id4);
        return low128(dppk, KDF_FC_DPCK, &p, 1, ret->b);
}

/* P(s, label, m) of RFC 3830 4.1.2, xored into ret. */
static enum ecode prf_block(struct bytes s, struct bytes label, uint8_t *ret, size_t n)
{
        uint8_t a[SHA256_LEN], out[SHA256_LEN];
        enum ecode e = hmac_sha256(s, label, a);
        for (size_t at = 0; e == E_OK && at < n; at += SHA256_LEN) {
                const struct bytes parts[] = { BYTES_ARR(a), label };
                e = hmac_sha256_parts(s, parts, COUNT(parts), out);
                for (size_t i = 0; i < SHA256_LEN && at + i < n; i++)
                        ret[at + i] ^= out[i];
                if (e == E_OK)
                        e = hmac_sha256(s, BYTES_ARR(a), a);
        }
        secret_wipe(a, sizeof a);
        secret_wipe(out, sizeof out);
        return e;
}

enum ecode mikey_prf(struct bytes inkey, struct bytes label, uint8_t *ret, size_t n)
{
        if (inkey.n == 0 || n > 255 * SHA256_LEN)
                return E_RANGE;
        memset(ret, 0, n);
        enum ecode e = E_OK;
        for (size_t at = 0; e == E_OK && at < inkey.n; at += SHA256_LEN) {
                size_t left = inkey.n - at;
                e = prf_block(bytes_of(inkey.p + at, left < SHA256_LEN ? left : SHA256_LEN), label, ret, n);
        }
        if (e != E_OK)
                secret_wipe(ret, n);
        return e;
}

enum ecode mikey_derive(const struct mc_key *key, enum mikey_use use, uint8_t cs_id, uint32_t csb_id, struct bytes rand,
                        uint8_t *ret, size_t n)
{
        /* RFC 3830 4.1.3 and 4.1.4. */
        static const uint32_t constants[] = {
                [MIKEY_TEK] = 0x2ad01c64,
                [MIKEY_SALT] = 0x39a2c14b,
                [MIKEY_ENCR] = 0x15798cef,
                [MIKEY_AUTH] = 0x1b5c7973,
        };
        uint8_t label[4 + 1 + 4 + 255];
        if (rand.n > 255 || (size_t)use >= COUNT(constants))
                return E_RANGE;
        put_u32(label, constants[use]);
        label[4] = cs_id;
        put_u32(label + 5, csb_id);
        if (rand.n > 0)
                memcpy(label + 9, rand.p, rand.n);
        return mikey_prf(BYTES_ARR(key->b), bytes_of(label, 9 + rand.n), ret, n);
}
