/* Keys and proofs of profile msg5g/1: KMSG from KAMF, and KMSG-PSK and its companions from KMSG.
 *
 * The profile is a project extension after a study proposal. Its function codes are NOT assigned by 3GPP: they are the
 * top of the two-octet extension space of TS 33.220 B.2.1, and every P0 is a string of its own.
 *
 * All functions return E_OK, E_NOMEM, E_CRYPTO, E_RANGE (a parameter is longer than 65535 octets) or what is said; ret
 * is written on success only. */
#ifndef MUSTER_CRYPTO_KDF_MSG5G_H
#define MUSTER_CRYPTO_KDF_MSG5G_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/kdf_5g.h"

enum kdf_msg5g_fc {
        KDF_FC_KMSG = 0xfff0,
        KDF_FC_KMSG_PROV = 0xfff1,
        KDF_FC_KMSG_PSK = 0xfff2,
        KDF_FC_PSK_ID = 0xfff3,
        KDF_FC_KMSG_POP = 0xfff4,
        KDF_FC_MAC_REQUEST = 0xfff5,
        KDF_FC_MAC_RESPONSE = 0xfff6,
        KDF_FC_PROOF = 0xfff7,
        KDF_FC_SUB = 0xfff8,
};

SECRET_TYPE(key_kmsg, 32)
SECRET_TYPE(key_kmsg_prov, 32) /* authenticates the provisioning exchange, S-3 and S-8 */
SECRET_TYPE(key_kmsg_psk, 32)  /* a TLS secret and nothing else */
SECRET_TYPE(key_kmsg_pop, 32)  /* proofs of possession at registration */
SECRET_TYPE(key_subject, 32)   /* the operator's, for pairwise pseudonyms */

#define MSG5G_NONCE_LEN 16u
struct msg5g_nonce {
        uint8_t b[MSG5G_NONCE_LEN];
};

/* One PSK serves one hash and one TLS version (RFC 8446 4.2.11). */
enum psk_profile {
        PSK_TLS13_SHA256,
        PSK_TLS13_SHA384,
        PSK_TLS12,
        PSK_PROFILES,
};
/* "tls13-sha256" and so on; NULL for no profile. psk_profile_of gives PSK_PROFILES for an unknown text. */
const char *psk_profile_name(enum psk_profile p);
enum psk_profile psk_profile_of(struct bytes name);

/* kms_id is the FQDN of the key server in lower case without a final dot; offer and select are the texts that NAS
 * carried. E_SYNTAX for the SUPI. */
enum ecode kdf_kmsg(const struct key_kamf *kamf, struct bytes supi, struct bytes kms_id, struct bytes offer,
                    struct bytes select, struct key_kmsg *ret);
enum ecode kdf_kmsg_prov(const struct key_kmsg *kmsg, struct key_kmsg_prov *ret);

/* One provisioning: what both sides know of it. kms_id borrows. */
struct msg5g_prov {
        struct msg5g_nonce nonce_ue, nonce_kms;
        struct bytes kms_id;
        enum psk_profile profile;
};

/* The name of a PSK on the wire: 16 octets, as a text "msg5g1." and 22 characters of base64url. It travels in clear and
 * says nothing about the UE. */
#define PSK_ID_LEN      16u
#define PSK_ID_TEXT_LEN 29u
struct psk_id {
        uint8_t b[PSK_ID_LEN];
};
struct psk_id_text {
        char s[PSK_ID_TEXT_LEN + 1];
};
void psk_id_print(const struct psk_id *id, struct psk_id_text *ret);
/* E_SYNTAX for every other spelling than the one that psk_id_print gives. */
enum ecode psk_id_parse(struct bytes text, struct psk_id *ret);

enum ecode kdf_kmsg_psk(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct key_kmsg_psk *ret);
enum ecode kdf_psk_id(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct psk_id *ret);
enum ecode kdf_kmsg_pop(const struct key_kmsg *kmsg, const struct msg5g_prov *v, struct key_kmsg_pop *ret);

#define MSG5G_MAC_LEN 32u
struct msg5g_mac {
        uint8_t b[MSG5G_MAC_LEN];
};
bool msg5g_mac_eq(const struct msg5g_mac *a, const struct msg5g_mac *b); /* in a time that tells nothing */

/* S-3: guti is the text "5g-guti-..."; of v the UE's nonce, the KMS-ID and the profile count. */
enum ecode msg5g_mac_request(const struct key_kmsg_prov *key, const struct msg5g_prov *v, struct bytes guti,
                             uint8_t ngksi, struct bytes offer, struct msg5g_mac *ret);
/* S-8: config are the octets before their base64url. */
enum ecode msg5g_mac_response(const struct key_kmsg_prov *key, const struct msg5g_prov *v, const struct psk_id *id,
                              uint32_t expires_in_s, struct bytes config, struct msg5g_mac *ret);

/* What a proof of possession asks for. */
enum msg5g_op {
        MSG5G_REG,
        MSG5G_UPD,
        MSG5G_DEREG,
};
struct msg5g_claim {
        enum msg5g_op op;
        struct bytes token, ue_service_id, gateway_id, aud; /* texts, borrowed */
        struct msg5g_nonce nonce;
        uint64_t iat_s;
};
enum ecode msg5g_proof(const struct key_kmsg_pop *key, const struct msg5g_claim *c, struct msg5g_mac *ret);

/* The pseudonym of a SUPI towards one audience. E_SYNTAX for the SUPI. */
#define MSG5G_SUB_LEN 16u
enum ecode msg5g_sub(const struct key_subject *key, struct bytes supi, struct bytes aud, uint8_t ret[MSG5G_SUB_LEN]);

#endif
