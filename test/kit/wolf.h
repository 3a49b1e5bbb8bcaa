/* wolfCrypt's ECCSI and SAKKE behind a few plain functions: a second opinion in tests, and the peer in benchmarks. All
 * return wolfCrypt's code, 0 for success. One struct wolf serves one thread.
 *
 * What its documentation does not say: a SakkeKey that did any client operation makes wrong RSKs afterwards, so that
 * KMS and user have objects of their own; keys are imported with their public parts, as those are not recomputed; and
 * wc_MakeSakkeEncapsulatedSSV overwrites the key it is given with H. */
#ifndef MUSTER_TEST_WOLF_H
#define MUSTER_TEST_WOLF_H

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/eccsi.h>
#include <wolfssl/wolfcrypt/sakke.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/eccsi.h"
#include "crypto/sakke.h"

struct wolf {
        WC_RNG rng;
        EccsiKey kms_e, user_e;
        SakkeKey kms_s, user_s;
        mp_int ssk;
        ecc_point *pvt, *rsk;
};

#define WOLF_TRY(call)                                                                                                 \
        do {                                                                                                           \
                int rc_ = (call);                                                                                      \
                if (rc_ != 0)                                                                                          \
                        return rc_;                                                                                    \
        } while (0)

static inline int wolf_open(struct wolf *w)
{
        memset(w, 0, sizeof *w);
        WOLF_TRY(wc_InitRng(&w->rng));
        WOLF_TRY(wc_InitEccsiKey(&w->kms_e, NULL, INVALID_DEVID));
        WOLF_TRY(wc_InitEccsiKey(&w->user_e, NULL, INVALID_DEVID));
        WOLF_TRY(wc_InitSakkeKey_ex(&w->kms_s, 128, ECC_SAKKE_1, NULL, INVALID_DEVID));
        WOLF_TRY(wc_InitSakkeKey_ex(&w->user_s, 128, ECC_SAKKE_1, NULL, INVALID_DEVID));
        WOLF_TRY(mp_init(&w->ssk));
        w->pvt = wc_ecc_new_point();
        w->rsk = wc_ecc_new_point();
        return w->pvt != NULL && w->rsk != NULL ? 0 : -1;
}

static inline void wolf_close(struct wolf *w)
{
        wc_ecc_del_point(w->pvt);
        wc_ecc_del_point(w->rsk);
        mp_forcezero(&w->ssk);
        wc_FreeEccsiKey(&w->kms_e);
        wc_FreeEccsiKey(&w->user_e);
        wc_FreeSakkeKey(&w->kms_s);
        wc_FreeSakkeKey(&w->user_s);
        wc_FreeRng(&w->rng);
        wc_ecc_fp_free();
}

/* As the KMS: the master keys. */
static inline int wolf_kms(struct wolf *w, const struct eccsi_ksak *ksak, const struct eccsi_kpak *kpak,
                           const struct sakke_z *z, const struct sakke_zpub *zpub)
{
        uint8_t e[96], s[384];
        memcpy(e, ksak->b, 32);
        memcpy(e + 32, kpak->b + 1, 64);
        memcpy(s, z->b, 128);
        memcpy(s + 128, zpub->b + 1, 256);
        WOLF_TRY(wc_ImportEccsiKey(&w->kms_e, e, sizeof e));
        return wc_ImportSakkeKey(&w->kms_s, s, sizeof s);
}

/* As a user: the public keys of the domain. */
static inline int wolf_user(struct wolf *w, const struct eccsi_kpak *kpak, const struct sakke_zpub *zpub)
{
        WOLF_TRY(wc_ImportEccsiPublicKey(&w->user_e, kpak->b, 65, 0));
        return wc_ImportSakkePublicKey(&w->user_s, zpub->b, 257, 0);
}

static inline int wolf_rsk(struct wolf *w, struct bytes id, struct sakke_rsk *ret)
{
        word32 n = sizeof ret->b;
        WOLF_TRY(wc_MakeSakkeRsk(&w->kms_s, id.p, (word16)id.n, w->rsk));
        return wc_EncodeSakkeRsk(&w->kms_s, w->rsk, ret->b, &n, 0);
}

static inline int wolf_pair(struct wolf *w, struct bytes id, struct eccsi_ssk *ret_ssk, struct eccsi_pvt *ret_pvt)
{
        word32 n = sizeof ret_ssk->b, m = sizeof ret_pvt->b;
        WOLF_TRY(wc_MakeEccsiPair(&w->kms_e, &w->rng, WC_HASH_TYPE_SHA256, id.p, (word32)id.n, &w->ssk, w->pvt));
        WOLF_TRY(wc_EncodeEccsiSsk(&w->kms_e, &w->ssk, ret_ssk->b, &n));
        return wc_EncodeEccsiPvt(&w->kms_e, w->pvt, ret_pvt->b, &m, 0);
}

static inline int wolf_rsk_valid(struct wolf *w, struct bytes id, const struct sakke_rsk *rsk, int *ret_valid)
{
        WOLF_TRY(wc_DecodeSakkeRsk(&w->user_s, rsk->b, 257, w->rsk));
        return wc_ValidateSakkeRsk(&w->user_s, id.p, (word16)id.n, w->rsk, ret_valid);
}

/* Takes the pair into w->ssk and w->pvt for wolf_sign. */
static inline int wolf_pair_valid(struct wolf *w, struct bytes id, const struct eccsi_ssk *ssk,
                                  const struct eccsi_pvt *pvt, int *ret_valid)
{
        WOLF_TRY(wc_DecodeEccsiSsk(&w->user_e, ssk->b, 32, &w->ssk));
        WOLF_TRY(wc_DecodeEccsiPvt(&w->user_e, pvt->b, 65, w->pvt));
        return wc_ValidateEccsiPair(&w->user_e, WC_HASH_TYPE_SHA256, id.p, (word32)id.n, &w->ssk, w->pvt, ret_valid);
}

/* After wolf_pair_valid: HS and the pair into the key. */
static inline int wolf_signer(struct wolf *w, struct bytes id)
{
        uint8_t hs[32], n = sizeof hs;
        WOLF_TRY(wc_HashEccsiId(&w->user_e, WC_HASH_TYPE_SHA256, id.p, (word32)id.n, w->pvt, hs, &n));
        WOLF_TRY(wc_SetEccsiHash(&w->user_e, hs, n));
        return wc_SetEccsiPair(&w->user_e, &w->ssk, w->pvt);
}

static inline int wolf_sign(struct wolf *w, struct bytes m, struct eccsi_sig *ret)
{
        word32 n = sizeof ret->b;
        return wc_SignEccsiHash(&w->user_e, &w->rng, WC_HASH_TYPE_SHA256, m.p, (word32)m.n, ret->b, &n);
}

static inline int wolf_verify(struct wolf *w, struct bytes id, struct bytes m, const struct eccsi_sig *sig,
                              int *ret_verified)
{
        uint8_t hs[32], n = sizeof hs;
        *ret_verified = 0;
        WOLF_TRY(wc_DecodeEccsiPvtFromSig(&w->user_e, sig->b, sizeof sig->b, w->pvt));
        WOLF_TRY(wc_HashEccsiId(&w->user_e, WC_HASH_TYPE_SHA256, id.p, (word32)id.n, w->pvt, hs, &n));
        WOLF_TRY(wc_SetEccsiHash(&w->user_e, hs, n));
        return wc_VerifyEccsiHash(&w->user_e, WC_HASH_TYPE_SHA256, m.p, (word32)m.n, sig->b, sizeof sig->b,
                                  ret_verified);
}

/* The receiver of what follows; keep: its point I is computed now and used again. */
static inline int wolf_peer(struct wolf *w, struct bytes id, bool keep)
{
        WOLF_TRY(wc_SetSakkeIdentity(&w->user_s, id.p, (word16)id.n));
        return keep ? wc_MakeSakkePointI(&w->user_s, id.p, (word16)id.n) : 0;
}

static inline int wolf_encapsulate(struct wolf *w, const struct mc_key *key, struct sakke_sed *ret)
{
        word16 n = 257;
        memcpy(ret->b + 257, key->b, 16);
        return wc_MakeSakkeEncapsulatedSSV(&w->user_s, WC_HASH_TYPE_SHA256, ret->b + 257, 16, ret->b, &n);
}

static inline int wolf_receiver(struct wolf *w, struct bytes id, const struct sakke_rsk *rsk)
{
        WOLF_TRY(wc_SetSakkeIdentity(&w->user_s, id.p, (word16)id.n));
        WOLF_TRY(wc_DecodeSakkeRsk(&w->user_s, rsk->b, 257, w->rsk));
        return wc_SetSakkeRsk(&w->user_s, w->rsk, NULL, 0);
}

static inline int wolf_decapsulate(struct wolf *w, const struct sakke_sed *sed, struct mc_key *ret)
{
        memcpy(ret->b, sed->b + 257, 16);
        return wc_DeriveSakkeSSV(&w->user_s, WC_HASH_TYPE_SHA256, ret->b, 16, sed->b, 257);
}

#endif
