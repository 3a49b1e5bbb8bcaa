/* The 5G key ladder of TS 33.501 annex A from CK and IK down to the NAS keys, and AKMA's keys of TS 33.535 annex A.
 * Every rung has its own type. The rungs below KAMF that profile msg5g/1 adds are in kdf_msg5g.h.
 *
 * All functions return E_OK, E_NOMEM, E_CRYPTO or what is said; ret is written on success only. */
#ifndef MUSTER_CRYPTO_KDF_5G_H
#define MUSTER_CRYPTO_KDF_5G_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/milenage.h"
#include "crypto/plmn.h"

enum kdf_5g_fc {
        KDF_FC_ALGORITHM = 0x69, /* TS 33.501 A.8 */
        KDF_FC_KAUSF = 0x6a,     /* A.2 */
        KDF_FC_RES_STAR = 0x6b,  /* A.4 */
        KDF_FC_KSEAF = 0x6c,     /* A.6 */
        KDF_FC_KAMF = 0x6d,      /* A.7 */
        KDF_FC_KAKMA = 0x80,     /* TS 33.535 A.2 */
        KDF_FC_A_TID = 0x81,     /* TS 33.535 A.3 */
        KDF_FC_KAF = 0x82,       /* TS 33.535 A.4 */
};

SECRET_TYPE(key_kausf, 32)
SECRET_TYPE(key_kseaf, 32)
SECRET_TYPE(key_kamf, 32)
SECRET_TYPE(key_nas_enc, 16)
SECRET_TYPE(key_nas_int, 16)
SECRET_TYPE(key_kakma, 32)
SECRET_TYPE(key_kaf, 32)
/* RES* or XRES*, and its hash that the AMF may hold. */
SECRET_TYPE(res_star, 16)
SECRET_TYPE(hres_star, 16)

/* The part of a SUPI that goes into keys (TS 33.501 A.7.0): the digits of "imsi-...", the NAI of "nai-...". Borrows.
 * E_SYNTAX for a text that is no SUPI. Every `supi` below is the full text, so that no caller can forget or repeat the
 * cut. */
enum ecode supi_kdf_value(struct bytes supi, struct bytes *ret);

/* CK and IK as MILENAGE gives them; sqn_ak is SQN xor AK, the first six octets of AUTN. */
enum ecode kdf_kausf(const uint8_t ck[16], const uint8_t ik[16], const struct sn_name *sn, const uint8_t sqn_ak[6],
                     struct key_kausf *ret);
/* res is RES or XRES, 4 to 16 octets: E_RANGE otherwise. */
enum ecode kdf_res_star(const uint8_t ck[16], const uint8_t ik[16], const struct sn_name *sn,
                        const struct aka_rand *rand, struct bytes res, struct res_star *ret);
/* A.5. */
enum ecode kdf_hres_star(const struct aka_rand *rand, const struct res_star *res, struct hres_star *ret);
enum ecode kdf_kseaf(const struct key_kausf *kausf, const struct sn_name *sn, struct key_kseaf *ret);
/* abba is what the UE was sent, 2 octets or more. E_SYNTAX for the SUPI. */
enum ecode kdf_kamf(const struct key_kseaf *kseaf, struct bytes supi, struct bytes abba, struct key_kamf *ret);

/* alg is the identity of the algorithm, 0 to 15 (5.11.1): 2 for 128-NEA2 and 128-NIA2. E_RANGE above. */
enum ecode kdf_nas_enc(const struct key_kamf *kamf, uint8_t alg, struct key_nas_enc *ret);
enum ecode kdf_nas_int(const struct key_kamf *kamf, uint8_t alg, struct key_nas_int *ret);

/* In a time that tells nothing (TS 33.501 6.1.3.2, R-5G-15). */
bool res_star_eq(const struct res_star *a, const struct res_star *b);
bool hres_star_eq(const struct hres_star *a, const struct hres_star *b);

/* AKMA. A-TID is the pseudonym inside the A-KID. ua_star is the Ua* security protocol identifier (TS 33.220 annex H),
 * which together with the FQDN makes AF_ID. */
#define A_TID_LEN   32u
#define UA_STAR_LEN 5u
enum ecode kdf_kakma(const struct key_kausf *kausf, struct bytes supi, struct key_kakma *ret);
enum ecode kdf_a_tid(const struct key_kausf *kausf, struct bytes supi, uint8_t ret[A_TID_LEN]);
/* E_RANGE for an FQDN of no or more than 255 octets. */
enum ecode kdf_kaf(const struct key_kakma *kakma, struct bytes af_fqdn, const uint8_t ua_star[UA_STAR_LEN],
                   struct key_kaf *ret);

#endif
