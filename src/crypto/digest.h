/* HTTP and SIP Digest computations (RFC 2617 3.2.2, RFC 3310, RFC 4169; with SHA-256 RFC 7616). Texts are passed as
 * they stand in the header, without quotes. Digests are lower-case hex. */
#ifndef MUSTER_CRYPTO_DIGEST_H
#define MUSTER_CRYPTO_DIGEST_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

enum digest_alg {
        DIGEST_MD5, /* also AKAv1-MD5 and AKAv2-MD5: they differ in the password */
        DIGEST_SHA256,
};

enum digest_qop {
        DIGEST_QOP_NONE, /* RFC 2069 form: no nc, no cnonce */
        DIGEST_QOP_AUTH,
        DIGEST_QOP_AUTH_INT,
};

/* Hex text of a digest with its NUL. Holds H(A1), which is as good as the password, or a response. */
struct digest_hex {
        char s[65];
};
static inline void digest_hex_wipe(struct digest_hex *h)
{
        secret_wipe(h, sizeof *h);
}

/* One request. method is "REGISTER" and so on; nc is 8 hex digits. body matters for auth-int only. */
struct digest_req {
        enum digest_alg alg;
        enum digest_qop qop;
        struct bytes method, uri, nonce, nc, cnonce, body;
};

/* H(username ":" realm ":" password). The password is octets: for AKAv1 the RES, which may hold NUL; empty in a
 * resynchronisation (RFC 3310 3.4). */
enum ecode digest_ha1(enum digest_alg alg, struct bytes username, struct bytes realm, struct bytes password,
                      struct digest_hex *ret);
enum ecode digest_response(const struct digest_req *r, const struct digest_hex *ha1, struct digest_hex *ret);
/* rspauth of Authentication-Info: A2 has no method. */
enum ecode digest_rspauth(const struct digest_req *r, const struct digest_hex *ha1, struct digest_hex *ret);
/* The response that came in fits: E_OK or E_AUTH_FAILED, in a time that tells nothing. Accepts upper-case hex. */
enum ecode digest_verify(const struct digest_req *r, const struct digest_hex *ha1, struct bytes response);

/* Password of AKAv2-MD5 (RFC 4169): base64(HMAC-MD5(RES || IK || CK, "http-digest-akav2-password")), 24 characters. */
enum ecode digest_akav2_password(struct bytes res, const uint8_t ik[16], const uint8_t ck[16], char ret[25]);

#endif
