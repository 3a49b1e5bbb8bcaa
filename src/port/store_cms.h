/* The store of configuration and group management: MC users with their profile, and groups with their members.
 * TS 24.484 clause 8.3, TS 24.481 clause 7.2.
 *
 * Every function blocks (workers only), and answers E_STORE_DOWN or E_NOMEM when nothing was decided; such an answer
 * leaves nothing half done. What a function that changes something has answered E_OK to is on the disk. Results are on
 * mem. Membership is kept once, per user; profiles and group documents are both made from it, so they cannot differ. */
#ifndef MUSTER_PORT_STORE_CMS_H
#define MUSTER_PORT_STORE_CMS_H

#include "base/bytes.h"
#include "base/err.h"

/* MCPTT, MCVideo, MCData: the order of enum mcx_service. */
#define CMS_SERVICES 3

struct cms_user {
        const char *mc_id;
        const char *id[CMS_SERVICES]; /* MC service IDs, NULL where the user has none; each unique in its service */
        const char *name, *organisation, *participant_type; /* or NULL */
        int64_t priority;                                   /* of group calls; 0: none given */
        int64_t profile_index;                              /* 0 to 255 */
        int64_t max_affiliations, max_calls;                /* 0: none given */
        const char *allow;                                  /* words of MCX_ALLOWS with single spaces */
        bool enabled;
};

struct cms_group {
        const char *uri, *display_name; /* display_name may be NULL */
        int64_t max_participants, priority;
        bool invite_members, allow_emergency_call;
};

struct store_cms {
        /* Makes or replaces by mc_id. groups NULL: membership stays; else the user is in exactly these groups.
         * E_EXISTS: another user has one of the MC service IDs. E_NOT_FOUND: no such group. check_only: says what would
         * happen, and changes nothing (R-SA-122). */
        enum ecode (*user_put)(struct store_cms *, const struct cms_user *u, const char *const *groups, size_t n,
                               bool check_only, struct err *er);
        enum ecode (*user_get)(struct store_cms *, void *mem, const char *mc_id, struct cms_user *ret, struct err *er);
        enum ecode (*user_by_id)(struct store_cms *, void *mem, unsigned service, const char *id, struct cms_user *ret,
                                 struct err *er);
        /* In the order of mc_id, those after `after`. */
        enum ecode (*user_list)(struct store_cms *, void *mem, const char *after, size_t most, struct cms_user **ret,
                                size_t *ret_n, struct err *er);
        enum ecode (*user_del)(struct store_cms *, const char *mc_id, struct err *er);

        enum ecode (*group_put)(struct store_cms *, const struct cms_group *g, struct err *er);
        enum ecode (*group_get)(struct store_cms *, void *mem, const char *uri, struct cms_group *ret, struct err *er);
        enum ecode (*group_list)(struct store_cms *, void *mem, struct cms_group **ret, size_t *ret_n, struct err *er);
        enum ecode (*group_del)(struct store_cms *, const char *uri, struct err *er);

        /* Both in the order of their names. */
        enum ecode (*groups_of)(struct store_cms *, void *mem, const char *mc_id, struct cms_group **ret, size_t *ret_n,
                                struct err *er);
        enum ecode (*members_of)(struct store_cms *, void *mem, const char *uri, struct cms_user **ret, size_t *ret_n,
                                 struct err *er);
};

#endif
