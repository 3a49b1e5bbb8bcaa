/* Registration information, application/reginfo+xml: what subscribers of the event package "reg" are told (RFC 3680
 * clause 5). Always a full state. */
#ifndef MUSTER_PROTO_REGINFO_REGINFO_H
#define MUSTER_PROTO_REGINFO_REGINFO_H

#include "base/bytes.h"
#include "base/err.h"

#define REGINFO_TYPE "application/reginfo+xml"

/* What brought a contact into its state; from REGINFO_EXPIRED on it is terminated. */
enum reginfo_event {
        REGINFO_REGISTERED,
        REGINFO_CREATED,
        REGINFO_REFRESHED,
        REGINFO_SHORTENED,
        REGINFO_EXPIRED,
        REGINFO_DEACTIVATED, /* by the network: register again at once */
        REGINFO_UNREGISTERED,
        REGINFO_REJECTED, /* by the network: do not come back by yourself */
};

struct reginfo_contact {
        const char *uri;
        enum reginfo_event event;
        int64_t expires; /* seconds left; below 0: not told */
};

/* One address of record; active when one of its contacts is. Ids are made from the address and the contact, so that
 * they stay the same from one document to the next (RFC 3680 clause 5.1). */
struct reginfo_aor {
        const char *uri;
        const struct reginfo_contact *contacts;
        size_t contacts_n;
};

const char *reginfo_event_name(enum reginfo_event e);
/* version: 0 in the first document of a subscription, one more in each further one.
 * Errors  E_SYNTAX (an address that XML cannot carry), E_NOMEM. */
enum ecode reginfo_print(void *mem, uint32_t version, const struct reginfo_aor *aors, size_t n, struct bytes *ret,
                         struct err *er);

#endif
