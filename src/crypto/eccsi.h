/* ECCSI: identity-based signatures of RFC 6507 on P-256 with SHA-256 (RFC 6509 appendix A). Points are 04 || x || y.
 *
 * Randomness that may never repeat (v, j) comes from the rng passed in; values out of range are drawn anew. */
#ifndef MUSTER_CRYPTO_ECCSI_H
#define MUSTER_CRYPTO_ECCSI_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

#define ECCSI_SIG_LEN 129

SECRET_TYPE(eccsi_ksak, 32)  /* KMS secret authentication key */
SECRET_TYPE(eccsi_ssk, 32)   /* a user's secret signing key */
SECRET_TYPE(eccsi_vseed, 32) /* KMS secret from which v is derived */

struct eccsi_kpak { /* KMS public authentication key */
        uint8_t b[65];
};

struct eccsi_pvt { /* public validation token of a user; travels in each signature */
        uint8_t b[65];
};

struct eccsi_sig { /* r || s || PVT */
        uint8_t b[ECCSI_SIG_LEN];
};

/* RFC 6507 4.2. */
enum ecode eccsi_master_make(const struct rng *rng, struct eccsi_ksak *ret_ksak, struct eccsi_kpak *ret_kpak);
/* KPAK of a KSAK: 0 < KSAK < q, else E_KEY_INVALID. */
enum ecode eccsi_master_public(const struct eccsi_ksak *ksak, struct eccsi_kpak *ret, struct err *er);
/* At load: the range, and the public part recomputed (R-KMS-85). E_KEY_INVALID. */
enum ecode eccsi_master_check(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak, struct err *er);
/* A partner's KPAK at import: on the curve and not at infinity (R-KMS-21). E_POINT. */
enum ecode eccsi_kpak_check(const struct eccsi_kpak *kpak, struct err *er);

/* A key pair for an identity, RFC 6507 5.1.1. kpak belongs to ksak (eccsi_master_check once at load). */
enum ecode eccsi_issue(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak, struct bytes id,
                       const struct rng *rng, struct eccsi_ssk *ret_ssk, struct eccsi_pvt *ret_pvt);
/* The same with v = PRF(seed, KPAK, id, try): asking twice gives the same octets, and two identities never share a v
 * (R-KMS-8, R-KMS-9). */
enum ecode eccsi_issue_derived(const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak,
                               const struct eccsi_vseed *seed, struct bytes id, struct eccsi_ssk *ret_ssk,
                               struct eccsi_pvt *ret_pvt);

/* What a user signs with. hs is RFC 6507's HS, a function of the public parts. */
struct eccsi_signer {
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        uint8_t hs[32];
};

static inline void eccsi_signer_wipe(struct eccsi_signer *s)
{
        eccsi_ssk_wipe(&s->ssk);
}

/* RFC 6507 5.1.2: to be called on each received pair (R-KMS-7). E_KEY_INVALID, E_POINT. */
enum ecode eccsi_signer_make(const struct eccsi_kpak *kpak, struct bytes id, const struct eccsi_ssk *ssk,
                             const struct eccsi_pvt *pvt, struct eccsi_signer *ret, struct err *er);

/* RFC 6507 5.2.1, a fresh j each time (R-KMS-88). */
enum ecode eccsi_sign(const struct eccsi_signer *s, const struct rng *rng, struct bytes m, struct eccsi_sig *ret);

/* RFC 6507 5.2.2. id is the sender's, kpak that of the sender's domain. E_SHORT or E_LONG for another length than 129,
 * E_POINT for a PVT off the curve, E_SIGNATURE otherwise (R-KMS-82). */
enum ecode eccsi_verify(const struct eccsi_kpak *kpak, struct bytes id, struct bytes m, struct bytes sig,
                        struct err *er);

#endif
