#include "crypto/kdf_5g.h"

#include "crypto/kdf.h"
#include "crypto/prim.h"

#define ALG_NAS_ENC 0x01 /* algorithm type distinguishers, TS 33.501 table A.8-1 */
#define ALG_NAS_INT 0x02

SECRET_TYPE(digest32, SHA256_LEN)
SECRET_TYPE(ck_ik, 32)

static bool cut_prefix(struct bytes *text, const char *prefix)
{
        size_t n = strlen(prefix);
        if (text->n < n || memcmp(text->p, prefix, n) != 0)
                return false;
        *text = bytes_of(text->p + n, text->n - n);
        return true;
}

/* R-5G-6 */
enum ecode supi_kdf_value(struct bytes supi, struct bytes *ret)
{
        struct bytes v = supi;
        if (cut_prefix(&v, "imsi-")) {
                if (v.n < 5 || v.n > 15)
                        return E_SYNTAX;
                for (size_t i = 0; i < v.n; i++)
                        if (v.p[i] < '0' || v.p[i] > '9')
                                return E_SYNTAX;
        } else if (!cut_prefix(&v, "nai-") || v.n == 0) {
                return E_SYNTAX;
        }
        *ret = v;
        return E_OK;
}

static void join(const uint8_t ck[16], const uint8_t ik[16], struct ck_ik *ret)
{
        memcpy(ret->b, ck, 16);
        memcpy(ret->b + 16, ik, 16);
}

/* A key of 32 octets, written on success only. */
static enum ecode rung(struct bytes key, enum kdf_5g_fc fc, const struct bytes *p, size_t n, uint8_t ret[32])
{
        SECRET(digest32) d = { 0 };
        enum ecode e = kdf_3gpp(key, (uint16_t)fc, p, n, d.b);
        if (e == E_OK)
                memcpy(ret, d.b, sizeof d.b);
        return e;
}

/* The last 128 bits, as A.4 and A.8 cut. */
static enum ecode low128(struct bytes key, enum kdf_5g_fc fc, const struct bytes *p, size_t n, uint8_t ret[16])
{
        SECRET(digest32) d = { 0 };
        enum ecode e = kdf_3gpp(key, (uint16_t)fc, p, n, d.b);
        if (e == E_OK)
                memcpy(ret, d.b + 16, 16);
        return e;
}

enum ecode kdf_kausf(const uint8_t ck[16], const uint8_t ik[16], const struct sn_name *sn, const uint8_t sqn_ak[6],
                     struct key_kausf *ret)
{
        SECRET(ck_ik) key = { 0 };
        join(ck, ik, &key);
        const struct bytes p[] = { bytes_str(sn->s), bytes_of(sqn_ak, 6) };
        return rung(BYTES_ARR(key.b), KDF_FC_KAUSF, p, COUNT(p), ret->b);
}

enum ecode kdf_res_star(const uint8_t ck[16], const uint8_t ik[16], const struct sn_name *sn,
                        const struct aka_rand *rand, struct bytes res, struct res_star *ret)
{
        if (res.n < 4 || res.n > 16)
                return E_RANGE;
        SECRET(ck_ik) key = { 0 };
        join(ck, ik, &key);
        const struct bytes p[] = { bytes_str(sn->s), BYTES_ARR(rand->b), res };
        return low128(BYTES_ARR(key.b), KDF_FC_RES_STAR, p, COUNT(p), ret->b);
}

enum ecode kdf_hres_star(const struct aka_rand *rand, const struct res_star *res, struct hres_star *ret)
{
        SECRET(digest32) d = { 0 };
        const struct bytes parts[] = { BYTES_ARR(rand->b), BYTES_ARR(res->b) };
        enum ecode e = sha256_parts(parts, COUNT(parts), d.b);
        if (e == E_OK)
                memcpy(ret->b, d.b + 16, sizeof ret->b);
        return e;
}

enum ecode kdf_kseaf(const struct key_kausf *kausf, const struct sn_name *sn, struct key_kseaf *ret)
{
        const struct bytes p = bytes_str(sn->s);
        return rung(BYTES_ARR(kausf->b), KDF_FC_KSEAF, &p, 1, ret->b);
}

enum ecode kdf_kamf(const struct key_kseaf *kseaf, struct bytes supi, struct bytes abba, struct key_kamf *ret)
{
        struct bytes value;
        enum ecode e = supi_kdf_value(supi, &value);
        if (e != E_OK)
                return e;
        const struct bytes p[] = { value, abba };
        return rung(BYTES_ARR(kseaf->b), KDF_FC_KAMF, p, COUNT(p), ret->b);
}

static enum ecode algorithm_key(const struct key_kamf *kamf, uint8_t type, uint8_t alg, uint8_t ret[16])
{
        if (alg > 15)
                return E_RANGE;
        const struct bytes p[] = { bytes_of(&type, 1), bytes_of(&alg, 1) };
        return low128(BYTES_ARR(kamf->b), KDF_FC_ALGORITHM, p, COUNT(p), ret);
}

enum ecode kdf_nas_enc(const struct key_kamf *kamf, uint8_t alg, struct key_nas_enc *ret)
{
        return algorithm_key(kamf, ALG_NAS_ENC, alg, ret->b);
}

enum ecode kdf_nas_int(const struct key_kamf *kamf, uint8_t alg, struct key_nas_int *ret)
{
        return algorithm_key(kamf, ALG_NAS_INT, alg, ret->b);
}

/* R-5G-15 */
bool res_star_eq(const struct res_star *a, const struct res_star *b)
{
        return bytes_eq_secret(BYTES_ARR(a->b), BYTES_ARR(b->b));
}

bool hres_star_eq(const struct hres_star *a, const struct hres_star *b)
{
        return bytes_eq_secret(BYTES_ARR(a->b), BYTES_ARR(b->b));
}

static enum ecode of_supi(const struct key_kausf *kausf, enum kdf_5g_fc fc, struct bytes name, struct bytes supi,
                          uint8_t ret[32])
{
        struct bytes value;
        enum ecode e = supi_kdf_value(supi, &value);
        if (e != E_OK)
                return e;
        const struct bytes p[] = { name, value };
        return rung(BYTES_ARR(kausf->b), fc, p, COUNT(p), ret);
}

enum ecode kdf_kakma(const struct key_kausf *kausf, struct bytes supi, struct key_kakma *ret)
{
        return of_supi(kausf, KDF_FC_KAKMA, BYTES_LIT("AKMA"), supi, ret->b);
}

enum ecode kdf_a_tid(const struct key_kausf *kausf, struct bytes supi, uint8_t ret[A_TID_LEN])
{
        return of_supi(kausf, KDF_FC_A_TID, BYTES_LIT("A-TID"), supi, ret);
}

enum ecode kdf_kaf(const struct key_kakma *kakma, struct bytes af_fqdn, const uint8_t ua_star[UA_STAR_LEN],
                   struct key_kaf *ret)
{
        uint8_t af_id[255 + UA_STAR_LEN];
        if (af_fqdn.n == 0 || af_fqdn.n > 255)
                return E_RANGE;
        memcpy(af_id, af_fqdn.p, af_fqdn.n);
        memcpy(af_id + af_fqdn.n, ua_star, UA_STAR_LEN);
        const struct bytes p = bytes_of(af_id, af_fqdn.n + UA_STAR_LEN);
        return rung(BYTES_ARR(kakma->b), KDF_FC_KAF, &p, 1, ret->b);
}
