/* What the HSS keeps, in the words of TS 29.228 and TS 33.102. Every function is one atomic step; E_OK of a change
 * means that it is durable. E_STORE_DOWN: nobody knows, nothing was changed. Secrets come here sealed. */
#ifndef MUSTER_PORT_STORE_HSS_H
#define MUSTER_PORT_STORE_HSS_H

#include "base/bytes.h"
#include "base/err.h"

enum hss_auth { HSS_AUTH_AKA, HSS_AUTH_DIGEST };

/* Registration state of the implicit registration set, TS 29.228 clause 6.1. */
enum hss_state { HSS_NOT_REGISTERED, HSS_REGISTERED, HSS_UNREGISTERED };

struct hss_impu {
        const char *uri;
        bool barred;
};

/* One IMS subscription with one private identity. Its public identities form one implicit registration set; the first
 * one is the default. A public identity belongs to one subscription. */
struct hss_subscription {
        const char *impi;
        const struct hss_impu *impus;
        size_t impus_n; /* at least 1 */
        enum hss_auth auth;
        struct bytes k, opc, ha1; /* sealed; empty where the other kind of authentication is used */
        uint8_t amf[2];
        bool no_null_res; /* hand out no RES with a 00 octet: R-SA-129 */

        /* What registration changes; `put` leaves it alone. */
        uint64_t sqn;      /* the last sequence number handed out, 48 bits */
        const char *scscf; /* assigned S-CSCF, or NULL */
        enum hss_state state;
};

struct store_hss;
struct store_hss_ops {
        /* By private identity; on mem. E_NOT_FOUND. */
        enum ecode (*by_impi)(struct store_hss *, void *mem, const char *impi, struct hss_subscription *ret,
                              struct err *er);
        /* The private identity that a public one belongs to; on mem. E_NOT_FOUND. */
        enum ecode (*impi_of)(struct store_hss *, void *mem, const char *impu, const char **ret, struct err *er);
        /* Makes or replaces the provisioned part. E_EXISTS: a public identity belongs to another subscription; nothing
         * was changed. *created may be NULL. */
        enum ecode (*put)(struct store_hss *, const struct hss_subscription *s, bool *created, struct err *er);
        /* E_NOT_FOUND. */
        enum ecode (*del)(struct store_hss *, const char *impi, struct err *er);
        /* Private identities after `after` (NULL: from the start) in order of their octets, at most `most`; on mem. */
        enum ecode (*list)(struct store_hss *, void *mem, const char *after, size_t most, const char ***ret,
                           size_t *ret_n, struct err *er);
        /* Authentication begins: sequence number from `old` to `now` and the S-CSCF that asked, together (TS 29.228
         * clause 6.3.1). E_CONFLICT: the number is not `old` any more, or it would go backwards though `backwards` is
         * not set; nothing was changed. E_NOT_FOUND. */
        enum ecode (*auth_begin)(struct store_hss *, const char *impi, uint64_t old, uint64_t now, bool backwards,
                                 const char *scscf, struct err *er);
        /* Server assignment: both together; scscf NULL clears the name. E_NOT_FOUND. */
        enum ecode (*assign)(struct store_hss *, const char *impi, const char *scscf, enum hss_state state,
                             struct err *er);
        /* Subscriptions, and those in state HSS_REGISTERED. */
        enum ecode (*count)(struct store_hss *, uint64_t *ret_all, uint64_t *ret_registered, struct err *er);
};
struct store_hss {
        const struct store_hss_ops *ops;
};

#endif
