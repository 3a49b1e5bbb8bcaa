/* Shared by the files of this folder alone. */
#ifndef MUSTER_ROLE_KMS_PRIV_H
#define MUSTER_ROLE_KMS_PRIV_H

#include "crypto/eccsi.h"
#include "crypto/sakke.h"
#include "crypto/seal.h"
#include "role/common/trust.h"
#include "role/kms/kms.h"

#include <stdatomic.h>

/* The secrets of the domain: in this process alone, wiped when it ends. */
struct kms_master {
        struct eccsi_ksak ksak;
        struct sakke_z z;
        struct eccsi_vseed vseed;
        struct eccsi_kpak kpak;
        struct sakke_zpub pub_z;
        int64_t created_s;
};

/* *ret on mem. Makes and seals new ones where the store has none. */
enum ecode kms_master_open(void *mem, const struct role_env *env, const struct kms_conf *conf, struct kms_master **ret,
                           struct err *er);

struct kms {
        const struct role_env *env;
        const struct kms_conf *conf;
        struct store_kms *store;
        struct kms_master *master;
        struct trust *trust;
        struct key_period period;
        char *cert_uri;
        const char **audiences, **domains; /* NULL-terminated */
        int64_t pruned_s;
        atomic_llong key_sets, refused, answered;
};

/* The Root certificate of this domain (D.3.2.2), as borrowed texts on mem. */
void kms_own_cert(struct kms *k, void *mem, struct kms_cert *ret);
/* One user's keys of the period that holds time_s. E_NOT_FOUND for a period that is not served. */
enum ecode kms_make_set(struct kms *k, void *mem, const struct kms_subject *s, int64_t time_s, struct kms_key_set *ret,
                        struct err *er);
/* Head of a response that answers `url` for user_uri. */
void kms_response_head(struct kms *k, void *mem, const char *user_uri, const char *url, struct kms_response *ret);

extern const struct http_route kms_routes[];

#endif
