/* Key management client (TS 33.180 clause 5.3.1): what a UE and an MC server have in common when they fetch keys. It
 * makes the requests and judges the answers; the exchange itself is the caller's (HTTPS, with a token or, for servers,
 * a client certificate). */
#ifndef MUSTER_ENGINE_KMC_H
#define MUSTER_ENGINE_KMC_H

#include "proto/kms/kms.h"
#include "proto/mikey/mikey_key.h"

struct kmc_ask {
        const char *base_url; /* "https://127.0.1.3:8443" */
        const char *user_uri; /* the MC service ID, or a server's identity */
        const char *kms_uri;  /* NULL: not known yet (then the body is empty, which a KMS accepts over TLS: R-KMS-23) */
        int64_t now_s;
        int64_t period_at_s; /* keyprov: the key period that contains this time; 0: the current one */
};

struct kmc_request {
        char *url; /* POST, KMS_MEDIA_TYPE */
        struct bytes body;
};

enum ecode kmc_init_request(void *mem, const struct kmc_ask *ask, struct kmc_request *ret, struct err *er);
enum ecode kmc_keyprov_request(void *mem, const struct kmc_ask *ask, struct kmc_request *ret, struct err *er);

/* The answers, with their HTTP status. E_TOKEN_MISSING, E_TOKEN_SCOPE and so on as the status says; E_PEER_DOWN for
 * 5xx; E_KEY_INVALID and E_POINT when what came is not what it should be: such keys are not used (R-KMS-6, R-KMS-7). */
enum ecode kmc_init_answer(void *mem, const struct kmc_ask *ask, int status, struct bytes body, struct kms_cert **ret,
                           struct mikey_domain **ret_domain, struct err *er);
/* *ret_set is what the KMS sent (for keeping); *ret_user the checked keys, ready for use. */
enum ecode kmc_keyprov_answer(void *mem, const struct kmc_ask *ask, const struct mikey_domain *domain, int status,
                              struct bytes body, bool receives_much, struct kms_key_set **ret_set,
                              struct mikey_user **ret_user, struct err *er);

#endif
