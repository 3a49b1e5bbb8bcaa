/* MILENAGE (TS 35.206) and the handling of AUTN and AUTS around it (TS 33.102 6.3). */
#ifndef MUSTER_CRYPTO_MILENAGE_H
#define MUSTER_CRYPTO_MILENAGE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

SECRET_TYPE(milenage_k, 16)
SECRET_TYPE(milenage_opc, 16)
SECRET_TYPE(milenage_op, 16)

struct aka_rand {
        uint8_t b[16];
};

/* f2 to f5 and f5* of one RAND. */
struct milenage_f2345 {
        uint8_t res[8], ck[16], ik[16], ak[6], ak_star[6];
};
static inline void milenage_f2345_wipe(struct milenage_f2345 *f)
{
        secret_wipe(f, sizeof *f);
}

/* The longest RES of TS 33.102 is 16 octets; MILENAGE gives 8. */
struct aka_vector {
        struct aka_rand rand;
        uint8_t autn[16], xres[8], ck[16], ik[16], ak[6];
};
static inline void aka_vector_wipe(struct aka_vector *v)
{
        secret_wipe(v, sizeof *v);
}

#define AKA_SQN_MAX  ((UINT64_C(1) << 48) - 1)
#define AKA_AUTS_LEN 14

/* OPc = E_K(OP) xor OP. All functions return E_OK or E_CRYPTO unless said otherwise. */
enum ecode milenage_opc_of(const struct milenage_k *k, const struct milenage_op *op, struct milenage_opc *ret);
/* sqn has 48 bits: E_RANGE above. mac_a is f1, mac_s is f1*. */
enum ecode milenage_f1(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                       uint64_t sqn, const uint8_t amf[2], uint8_t ret_mac_a[8], uint8_t ret_mac_s[8]);
enum ecode milenage_f2345(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                          struct milenage_f2345 *ret);

/* AuC: AUTN = (SQN xor AK) || AMF || MAC-A, TS 33.102 6.3.2. E_RANGE for sqn. */
enum ecode aka_vector_make(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                           uint64_t sqn, const uint8_t amf[2], struct aka_vector *ret);
/* AuC: SQN_MS of AUTS when MAC-S fits, TS 33.102 6.3.5. E_SHORT, E_LONG, E_AUTH_FAILED. */
enum ecode aka_auts_open(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         struct bytes auts, uint64_t *ret_sqn_ms);

/* USIM: opens AUTN. E_SHORT, E_LONG, E_AUTH_FAILED (MAC-A). Whether *ret_sqn is fresh is the caller's question. */
enum ecode aka_autn_open(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         struct bytes autn, struct milenage_f2345 *ret, uint64_t *ret_sqn, uint8_t ret_amf[2]);
/* USIM: AUTS = (SQN_MS xor AK*) || MAC-S, with AMF* = 0 (TS 33.102 6.3.3). */
enum ecode aka_auts_make(const struct milenage_k *k, const struct milenage_opc *opc, const struct aka_rand *rand,
                         uint64_t sqn_ms, uint8_t ret[AKA_AUTS_LEN]);

#endif
