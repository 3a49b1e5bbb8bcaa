/* Key derivation of TS 33.180 annex F.1 over the KDF of TS 33.220 annex B, and the MIKEY PRF of RFC 3830 4.1 with
 * HMAC-SHA-256 (PRF function 1). */
#ifndef MUSTER_CRYPTO_KDF_H
#define MUSTER_CRYPTO_KDF_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/prim.h"

/* Function codes of TS 33.180 F.1. */
enum kdf_fc {
        KDF_FC_USER_SALT = 0x50, /* F.1.3: user salt, which hides the GMK-ID in the GUK-ID */
        KDF_FC_XPK_CONF = 0x51,  /* F.1.4: signalling confidentiality */
        KDF_FC_XPK_INT = 0x52,   /* F.1.4: signalling integrity */
        KDF_FC_DPCK = 0x53,      /* F.1.5: MCData payload cipher key */
};

/* GMK, PCK, CSK, SPK, MuSiK: the 128-bit key that SAKKE carries (TS 33.180 E.1.1), and what comes from it. */
SECRET_TYPE(mc_key, 16)
SECRET_TYPE(xpk_conf, 16)
SECRET_TYPE(xpk_int, 16)
SECRET_TYPE(dpck, 16)

/* HMAC-SHA-256(key, FC || P0 || L0 || P1 || L1 ...), TS 33.220 B.2.0. FC is one octet, or two when the first is 0xff
 * (B.2.1): 0x00 to 0xfe and 0xff00 to 0xffff. E_RANGE for another FC, for more than 8 parameters, and for a parameter
 * longer than 65535 octets. */
enum ecode kdf_3gpp(struct bytes key, uint16_t fc, const struct bytes *p, size_t n, uint8_t ret[SHA256_LEN]);

/* Low 28 bits of the KDF; the GUK-ID keeps the purpose tag (top 4 bits) of the GMK-ID. The function is its own inverse:
 * with a GUK-ID in it gives the GMK-ID (TS 33.180 5.2.3). */
enum ecode kdf_user_salt(const struct mc_key *gmk, struct bytes mc_service_id, uint32_t *ret);
enum ecode kdf_guk_id(const struct mc_key *gmk, uint32_t gmk_id, struct bytes mc_service_id, uint32_t *ret);

/* Low 128 bits; P0 is the MC service ID of the user on that link, P1 the key id as 4 octets. */
enum ecode kdf_xpk_conf(const struct mc_key *xpk, uint32_t xpk_id, struct bytes mc_service_id, struct xpk_conf *ret);
enum ecode kdf_xpk_int(const struct mc_key *xpk, uint32_t xpk_id, struct bytes mc_service_id, struct xpk_int *ret);
enum ecode kdf_dpck(const struct mc_key *dppk, uint32_t dppk_id, struct dpck *ret);

/* RFC 3830 4.1.2: n octets for inkey and label. E_RANGE when inkey is empty or n is above 255 * 32. */
enum ecode mikey_prf(struct bytes inkey, struct bytes label, uint8_t *ret, size_t n);

/* RFC 3830 4.1.3 and 4.1.4: what is derived names the constant in the label. */
enum mikey_use {
        MIKEY_TEK,
        MIKEY_SALT,
        MIKEY_ENCR,
        MIKEY_AUTH,
};

/* label = constant || CS ID || CSB ID || RAND. For group media csb_id is the sender's GUK-ID. Master keys have 16
 * octets, master salts 12. */
enum ecode mikey_derive(const struct mc_key *key, enum mikey_use use, uint8_t cs_id, uint32_t csb_id, struct bytes rand,
                        uint8_t *ret, size_t n);

#endif
