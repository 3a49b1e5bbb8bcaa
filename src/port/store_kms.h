/* The store of the KMS: master secrets (sealed before they come here), who gets keys, what was issued, and the
 * certificates of partner domains. TS 33.180 clause 5.3 and annex D.
 *
 * Every function blocks (workers only), and answers E_STORE_DOWN or E_NOMEM when nothing was decided; such an answer
 * leaves nothing half done. What a function that changes something has answered E_OK to is on the disk. Times are
 * seconds since 1970. Results are on mem. */
#ifndef MUSTER_PORT_STORE_KMS_H
#define MUSTER_PORT_STORE_KMS_H

#include "base/bytes.h"
#include "base/err.h"

/* Made once, at the first start. The UIDs of all users hang on kms_uri, period and offset (F.2.1), so these are kept
 * beside the secrets that were used with them. */
struct kms_master_row {
        struct bytes ksak, z, vseed; /* sealed */
        struct bytes kpak, pub_z;    /* public */
        const char *kms_uri;
        uint64_t key_period, key_offset; /* seconds */
        int64_t created_s;
};

/* An identity that keys are made for: an MC service ID, or the URI of a server (5.3.1: servers have a key management
 * client of their own). */
struct kms_subject {
        const char *uri;   /* octet by octet as in the UID: R-KMS-14 */
        unsigned services; /* 1 << enum mc_service for each service whose ID this is; 0 for servers */
        const char *owner; /* MC ID of its user; for servers the name in their certificate */
        bool server;
        int64_t created_s; /* no keys for periods that ended before */
};

struct kms_issue {
        int64_t time_s;
        const char *uri;
        int64_t period_no;
        const char *via;       /* "https" or "admin" */
        const char *client_id; /* of the token, or NULL */
        const char *jti;       /* of the token, or NULL */
};

/* Of a partner domain; xml is a KmsCertificate document with Role External. */
struct kms_partner {
        const char *cert_uri, *kms_uri;
        struct bytes xml;
};

struct store_kms {
        /* E_NOT_FOUND: none yet. E_EXISTS: another process was first. */
        enum ecode (*master_get)(struct store_kms *, void *mem, struct kms_master_row *ret, struct err *er);
        enum ecode (*master_put)(struct store_kms *, const struct kms_master_row *m, struct err *er);

        /* The owner has exactly these URIs afterwards, as user or as server (uri and services of the list count);
         * those kept keep their created_s. E_EXISTS: another owner has one. check_only: says what would happen, and
         * changes nothing (R-SA-122). */
        enum ecode (*subjects_put)(struct store_kms *, const char *owner, bool server, const struct kms_subject *list,
                                   size_t n, int64_t now_s, bool check_only, struct err *er);
        /* E_NOT_FOUND. */
        enum ecode (*subject_get)(struct store_kms *, void *mem, const char *uri, struct kms_subject *ret,
                                  struct err *er);
        /* In the order of owner and URI. owner: those of this one; NULL: all, at most `most` after the owner `after`.
         */
        enum ecode (*subject_list)(struct store_kms *, void *mem, const char *owner, const char *after, size_t most,
                                   struct kms_subject **ret, size_t *ret_n, struct err *er);
        /* E_NOT_FOUND. */
        enum ecode (*owner_del)(struct store_kms *, const char *owner, struct err *er);

        /* The log of issues: the latest first, of one URI or (NULL) of all. */
        enum ecode (*issue_add)(struct store_kms *, const struct kms_issue *list, size_t n, struct err *er);
        enum ecode (*issue_list)(struct store_kms *, void *mem, const char *uri, size_t most, struct kms_issue **ret,
                                 size_t *ret_n, struct err *er);
        enum ecode (*issue_prune)(struct store_kms *, int64_t before_s, struct err *er);

        /* Certificates of partners. Putting one with a known cert_uri replaces it (R-KMS-19); each change raises the
         * cache number (R-KMS-17). */
        enum ecode (*partner_put)(struct store_kms *, const struct kms_partner *p, struct err *er);
        enum ecode (*partner_del)(struct store_kms *, const char *cert_uri, struct err *er);
        enum ecode (*partner_list)(struct store_kms *, void *mem, struct kms_partner **ret, size_t *ret_n,
                                   int64_t *ret_cache_num, struct err *er);
};

#endif
