/* What the files of this role share. */
#ifndef MUSTER_ROLE_HSS_PRIV_H
#define MUSTER_ROLE_HSS_PRIV_H

#include "crypto/milenage.h"
#include "crypto/seal.h"
#include "proto/ifc/ifc.h"
#include "role/hss/hss.h"

#include <stdatomic.h>

struct hss {
        const struct role_env *env;
        const struct hss_conf *conf;
        struct store_hss *st;
        struct ifc *ifcs; /* the criteria that every profile gets */
        size_t ifcs_n;
        atomic_ullong requests, refused, undecided, vectors, resyncs;
};

/* ---- hss_profile.c ---- */

/* The criteria of TS 29.228 annex B that the settings ask for; on mem. E_CONFIG, E_NOMEM. */
enum ecode hss_criteria(void *mem, const struct hss_conf *conf, struct ifc **ret, size_t *ret_n, struct err *er);
/* The IMSSubscription of one user, as text on mem. */
enum ecode hss_profile(const struct hss *h, void *mem, const struct hss_subscription *s, const char **ret,
                       struct err *er);

/* ---- hss_auc.c ---- */

/* Names of sealed values: what seal() binds them to. */
const char *hss_seal_name(void *mem, const char *impi, const char *field);

/* n vectors for an AKA subscription, for the S-CSCF that asks. The sequence numbers are used up durably before this
 * returns. resync as in struct cx_mar. E_AUTH_FAILED (R-SA-6): MAC-S is wrong. E_STORE_DOWN, E_BUSY, E_CONFIG, ... */
enum ecode hss_vectors(struct hss *h, void *mem, const struct cx_mar *rq, struct hss_subscription *s,
                       struct cx_maa *ret, struct err *er);
/* HA1 of a Digest subscription. */
enum ecode hss_digest(struct hss *h, void *mem, const struct cx_mar *rq, const struct hss_subscription *s,
                      struct cx_maa *ret, struct err *er);

/* ---- hss_cx.c ---- */
extern const struct cx_server hss_cx;

#endif
