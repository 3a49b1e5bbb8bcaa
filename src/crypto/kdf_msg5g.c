#include "crypto/kdf_msg5g.h"

#include <sodium.h>

#include "base/rdwr.h"
#include "crypto/kdf.h"
#include "crypto/prim.h"

#define PSK_ID_PREFIX "msg5g1."
#define PREFIX_LEN    (sizeof PSK_ID_PREFIX - 1)

SECRET_TYPE(digest32, SHA256_LEN)

static const char *const profiles[PSK_PROFILES] = {
        [PSK_TLS13_SHA256] = "tls13-sha256",
        [PSK_TLS13_SHA384] = "tls13-sha384",
        [PSK_TLS12] = "tls12",
};

const char *psk_profile_name(enum psk_profile p)
{
        return (size_t)p < PSK_PROFILES ? profiles[p] : NULL;
}

enum psk_profile psk_profile_of(struct bytes name)
{
        for (int i = 0; i < PSK_PROFILES; i++)
                if (bytes_eq_str(name, profiles[i]))
                        return (enum psk_profile)i;
        return PSK_PROFILES;
}

/* The first n octets of the KDF, written on success only. */
static enum ecode derive(struct bytes key, enum kdf_msg5g_fc fc, const struct bytes *p, size_t np, uint8_t *ret,
                         size_t n)
{
        SECRET(digest32) d = { 0 };
        enum ecode e = kdf_3gpp(key, (uint16_t)fc, p, np, d.b);
        if (e == E_OK)
                memcpy(ret, d.b, n);
        return e;
}

enum ecode kdf_kmsg(const struct key_kamf *kamf, struct bytes supi, struct bytes kms_id, struct bytes offer,
                    struct bytes select, struct key_kmsg *ret)
{
        struct bytes value;
        enum ecode e = supi_kdf_value(supi, &value);
        if (e != E_OK)
                return e;
        const struct bytes p[] = { BYTES_LIT("MSGin5G-KMSG"), value, kms_id, offer, select };
        return derive(BYTES_ARR(kamf->b), KDF_FC_KMSG, p, COUNT(p), ret->b, sizeof ret->b);
}

enum ecode kdf_kmsg_prov(const struct key_kmsg *kmsg, struct key_kmsg_prov *ret)
{
        const struct bytes p = BYTES_LIT("MSGin5G-PROV");
        return derive(BYTES_ARR(kmsg->b), KDF_FC_KMSG_PROV, &p, 1, ret->b, sizeof ret->b);
}

/* PSK and PSK-ID have the same parameters behind P0. */
static enum ecode of_profile(const struct key_kmsg *kmsg, enum kdf_msg5g_fc fc, struct bytes name,
                             const struct msg5g_prov *v, uint8_t *ret, size_t n)
{
        const char *profile = psk_profile_name(v->profile);
        if (profile == NULL)
                return E_RANGE;
        const struct bytes p[] = { name, BYTES_ARR(v->nonce_ue.b), BYTES_ARR(v->nonce_kms.b), v->kms_id,
                                   bytes_str(profile) };
        return derive(BYTES_ARR(kmsg->b), fc, p, COUNT(p), ret, n);
}

enum ecode kdf_kmsg_psk(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct key_kmsg_psk *ret)
{
        return of_profile(kmsg, KDF_FC_KMSG_PSK, BYTES_LIT("MSGin5G-PSK"), v, ret->b, sizeof ret->b);
}

enum ecode kdf_psk_id(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct psk_id *ret)
{
        return of_profile(kmsg, KDF_FC_PSK_ID, BYTES_LIT("MSGin5G-PSKID"), v, ret->b, sizeof ret->b);
}

enum ecode kdf_kmsg_pop(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct key_kmsg_pop *ret)
{
        const struct bytes p[] = { BYTES_LIT("MSGin5G-POP"), BYTES_ARR(v->nonce_ue.b), BYTES_ARR(v->nonce_kms.b),
                                   v->kms_id };
        return derive(BYTES_ARR(kmsg->b), KDF_FC_KMSG_POP, p, COUNT(p), ret->b, sizeof ret->b);
}

void psk_id_print(const struct psk_id *id, struct psk_id_text *ret)
{
        memcpy(ret->s, PSK_ID_PREFIX, PREFIX_LEN);
        sodium_bin2base64(ret->s + PREFIX_LEN, sizeof ret->s - PREFIX_LEN, id->b, sizeof id->b,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* libsodium's decoder takes octets from 0x80 on for a character of the alphabet: only the text that the identity prints
 * to is its spelling. */
enum ecode psk_id_parse(struct bytes text, struct psk_id *ret)
{
        struct psk_id id;
        struct psk_id_text again;
        size_t n = 0;
        if (text.n != PSK_ID_TEXT_LEN || memcmp(text.p, PSK_ID_PREFIX, PREFIX_LEN) != 0)
                return E_SYNTAX;
        if (sodium_base642bin(id.b, sizeof id.b, (const char *)text.p + PREFIX_LEN, text.n - PREFIX_LEN, NULL, &n, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
            n != sizeof id.b)
                return E_SYNTAX;
        psk_id_print(&id, &again);
        if (!bytes_eq_str(text, again.s))
                return E_SYNTAX;
        *ret = id;
        return E_OK;
}

bool msg5g_mac_eq(const struct msg5g_mac *a, const struct msg5g_mac *b)
{
        return bytes_eq_secret(BYTES_ARR(a->b), BYTES_ARR(b->b));
}

enum ecode msg5g_mac_request(const struct key_kmsg_prov *key, const struct msg5g_prov *v, struct bytes guti,
                             uint8_t ngksi, struct bytes offer, struct msg5g_mac *ret)
{
        const char *profile = psk_profile_name(v->profile);
        if (profile == NULL)
                return E_RANGE;
        const struct bytes p[] = {
                BYTES_LIT("MSGin5G-REQ"), guti, bytes_of(&ngksi, 1), v->kms_id, BYTES_ARR(v->nonce_ue.b),
                bytes_str(profile),       offer
        };
        return derive(BYTES_ARR(key->b), KDF_FC_MAC_REQUEST, p, COUNT(p), ret->b, sizeof ret->b);
}

enum ecode msg5g_mac_response(const struct key_kmsg_prov *key, const struct msg5g_prov *v, const struct psk_id *id,
                              uint32_t expires_in_s, struct bytes config, struct msg5g_mac *ret)
{
        struct psk_id_text text;
        uint8_t expires[4], hash[SHA256_LEN];
        struct wr w = wr_init(expires, sizeof expires);
        wr_u32(&w, expires_in_s);
        psk_id_print(id, &text);
        enum ecode e = sha256(config, hash);
        if (e != E_OK)
                return e;
        const struct bytes p[] = {
                BYTES_LIT("MSGin5G-RSP"), BYTES_ARR(v->nonce_ue.b), BYTES_ARR(v->nonce_kms.b), v->kms_id,
                bytes_str(text.s),        BYTES_ARR(expires),       BYTES_ARR(hash),
        };
        return derive(BYTES_ARR(key->b), KDF_FC_MAC_RESPONSE, p, COUNT(p), ret->b, sizeof ret->b);
}

enum ecode msg5g_proof(const struct key_kmsg_pop *key, const struct msg5g_claim *c, struct msg5g_mac *ret)
{
        static const char *const ops[] = {
                [MSG5G_REG] = "MSGin5G-REG",
                [MSG5G_UPD] = "MSGin5G-UPD",
                [MSG5G_DEREG] = "MSGin5G-DEREG",
        };
        if ((size_t)c->op >= COUNT(ops))
                return E_RANGE;
        uint8_t ath[SHA256_LEN], iat[8];
        struct wr w = wr_init(iat, sizeof iat);
        wr_u64(&w, c->iat_s);
        enum ecode e = sha256(c->token, ath);
        if (e != E_OK)
                return e;
        const struct bytes p[] = {
                bytes_str(ops[c->op]), BYTES_ARR(ath), c->ue_service_id, c->gateway_id, c->aud,
                BYTES_ARR(c->nonce.b), BYTES_ARR(iat),
        };
        return derive(BYTES_ARR(key->b), KDF_FC_PROOF, p, COUNT(p), ret->b, sizeof ret->b);
}

enum ecode msg5g_sub(const struct key_subject *key, struct bytes supi, struct bytes aud, uint8_t ret[MSG5G_SUB_LEN])
{
        struct bytes value;
        enum ecode e = supi_kdf_value(supi, &value);
        if (e != E_OK)
                return e;
        const struct bytes p[] = { BYTES_LIT("MSGin5G-SUB"), value, aud };
        return derive(BYTES_ARR(key->b), KDF_FC_SUB, p, COUNT(p), ret, MSG5G_SUB_LEN);
}
