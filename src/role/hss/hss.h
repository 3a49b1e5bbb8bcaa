/* HSS: subscriptions, authentication vectors, S-CSCF assignment and service profiles, asked over Cx (TS 29.228).
 *
 *   hss.c          start and stop
 *   hss_conf.c     settings
 *   hss_cx.c       the three Cx commands as they arrive: events, then the service
 *   hss_service.c  what TS 29.228 clause 6 decides
 *   hss_auc.c      vectors and sequence numbers (TS 33.102 clause 6.3)
 *   hss_profile.c  the IMSSubscription that an S-CSCF gets (TS 29.228 annex B)
 *   hss_admin.c    provisioning */
#ifndef MUSTER_ROLE_HSS_H
#define MUSTER_ROLE_HSS_H

#include "port/cx_conf.h"
#include "port/role.h"
#include "port/store_hss.h"

struct hss_conf {
        struct cx_conf cx;
        struct conf_list as;       /* application servers that get the third-party REGISTER and the MC requests */
        const char *as_failure;    /* "continued" or "terminated": DefaultHandling */
        struct conf_list as_parts; /* of "request", "response": IncludeRegisterRequest and -Response */
        const char *as_info;       /* ServiceInfo, or "" */
        const char *sqn;           /* "counter" or "time" */
        const char *digest_realm;  /* realm of HA1 */
};

extern const struct conf_item hss_conf_items[];
extern const struct role role_hss;

struct hss;
enum ecode hss_open(void *mem, const struct role_env *env, const struct hss_conf *conf, struct hss **ret,
                    struct err *er);

/* TS 29.228 clauses 6.1.1, 6.3.1, 6.1.2. ret->result is always set, *er (never NULL) tells why when it is a refusal or
 * an outage. An outage of the store is CX_UNABLE_TO_COMPLY, never "user unknown". */
void hss_uar(struct hss *h, void *mem, const struct cx_uar *rq, struct cx_uaa *ret, struct err *er);
void hss_mar(struct hss *h, void *mem, const struct cx_mar *rq, struct cx_maa *ret, struct err *er);
void hss_sar(struct hss *h, void *mem, const struct cx_sar *rq, struct cx_saa *ret, struct err *er);

/* Administration (host/admin.h). Arguments and results are JSON objects; other members are ignored:
 *
 *   user-put     impi, impus [uri or {"uri","barred"}, the default one first], auth ("aka", "digest"),
 *                k, opc or op, amf (hex), password or ha1, no_null_res (R-SA-129). Makes or changes: what is absent
 *                stays. With "new": true an existing impi is E_EXISTS. Sequence number and registration stay.
 *                Result: the user as user-show gives it, and "created". R-SA-122: putting twice is the same as once.
 *   user-check   the same arguments; answers as user-put would, and changes nothing
 *   user-show    impi -> impi, impus [{"uri","barred"}], auth, amf, no_null_res, sqn, scscf or absent, state
 *   user-list    after, most -> {"users":[...], "next": impi or absent}
 *   user-del     impi -> {"deleted": whether there was one}: deleting twice is no error */
extern const struct admin_cmd hss_admin_cmds[];

#endif
