/* The registrar's bindings: RFC 3261 clause 10.3 for the implicit registration sets of IMS (TS 24.229 clause 5.4.1.2).
 * One struct reg is one implicit set of a subscription: all its public identities share the bindings. Pure functions of
 * (bindings, request, time); Cx, iFC and sending are the S-CSCF's. */
#ifndef MUSTER_ENGINE_REGISTRAR_H
#define MUSTER_ENGINE_REGISTRAR_H

#include "base/bytes.h"
#include "base/err.h"

#include <jansson.h>

struct reg_contact {
        char *uri;      /* as the UE wrote it */
        char *params;   /* ";+sip.instance=...;+g.3gpp.mcptt" untouched, without expires (R-SA-1) */
        char *instance; /* +sip.instance with reg-id, or NULL */
        char *call_id;
        uint32_t cseq;
        char **path; /* values of Path, topmost first */
        size_t path_n;
        int64_t expires_at; /* seconds since 1970 */
};

struct reg {
        char *impi;
        char **impus; /* the set; the first is the default public identity; barred ones are not in it */
        size_t impus_n;
        struct reg_contact **contacts;
        size_t contacts_n;
};

/* One REGISTER, read. */
struct reg_ask_contact {
        const char *uri, *params, *instance;
        int64_t expires; /* seconds asked for: Contact, else header, else default (R-SA-16) */
};
struct reg_ask {
        bool star; /* Contact: * */
        const struct reg_ask_contact *contacts;
        size_t contacts_n;
        const char *call_id;
        uint32_t cseq;
        const char *const *path;
        size_t path_n;
};

struct reg_limits {
        int64_t least_s, most_s;
        size_t contacts_most;
};

enum reg_change { REG_QUERIED, REG_CREATED, REG_REFRESHED, REG_REDUCED, REG_ENDED };

/* What a REGISTER would do, without doing it. E_INTERVAL_BRIEF (R-SA-15), E_CONFLICT: CSeq not growing within its
 * Call-ID (R-SA-19), E_SYNTAX: star with a lifetime (R-SA-20), E_LIMIT. */
enum ecode reg_check(const struct reg *r, const struct reg_ask *ask, const struct reg_limits *lim, int64_t now_s,
                     struct err *er);
/* Does it, after reg_check; all memory on r. */
enum ecode reg_apply(struct reg *r, const struct reg_ask *ask, const struct reg_limits *lim, int64_t now_s,
                     enum reg_change *ret);
/* Drops bindings whose time is over. True when something went. */
bool reg_expire(struct reg *r, int64_t now_s);
/* The longest that any binding still lives, in seconds; 0 when there is none. */
int64_t reg_longest(const struct reg *r, int64_t now_s);
bool reg_has_impu(const struct reg *r, const char *impu);

/* For the store, so that an acknowledged registration outlives the process. */
json_t *reg_to_json(const struct reg *r);
enum ecode reg_from_json(void *mem, const json_t *o, struct reg **ret);

#endif
