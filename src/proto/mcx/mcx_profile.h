/* The MCPTT user profile document (TS 24.484 8.3): what a user may do. The documents of MCVideo and MCData (9.3, 10.3)
 * are read and written in the same shape, with the service's name in the place of "MCPTT" in element names. */
#ifndef MUSTER_PROTO_MCX_MCX_PROFILE_H
#define MUSTER_PROTO_MCX_MCX_PROFILE_H

#include "proto/mcx/mcx_info.h"

#define MCX_PROFILE_GROUPS_MAX 4096u

/* "application/vnd.3gpp.mcptt-user-profile+xml", "org.3gpp.mcptt.user-profile", "urn:3gpp:mcptt:user-profile:1.0". */
const char *mcx_profile_media_type(enum mcx_service s);
const char *mcx_profile_auid(enum mcx_service s);
const char *mcx_profile_ns(enum mcx_service s);

/* A uri-entry with its display-name. */
struct mcx_entry {
        char *uri;
        char *display_name; /* or NULL */
};

/* The boolean allow-elements of the ruleset, in the words of 24.484 8.3.2. An absent one is false. */
#define MCX_ALLOWS(X)                                                                                                  \
        X(presence_status, "allow-presence-status")                                                                    \
        X(request_presence, "allow-request-presence")                                                                  \
        X(private_call, "allow-private-call")                                                                          \
        X(manual_commencement, "allow-manual-commencement")                                                            \
        X(automatic_commencement, "allow-automatic-commencement")                                                      \
        X(emergency_group_call, "allow-emergency-group-call")                                                          \
        X(emergency_private_call, "allow-emergency-private-call")                                                      \
        X(cancel_group_emergency, "allow-cancel-group-emergency")                                                      \
        X(imminent_peril_call, "allow-imminent-peril-call")                                                            \
        X(cancel_imminent_peril, "allow-cancel-imminent-peril")                                                        \
        X(activate_emergency_alert, "allow-activate-emergency-alert")                                                  \
        X(cancel_emergency_alert, "allow-cancel-emergency-alert")                                                      \
        X(request_affiliated_groups, "allow-request-affiliated-groups")                                                \
        X(private_call_to_any_user, "allow-private-call-to-any-user")                                                  \
        X(regroup, "allow-regroup")

struct mcx_allow {
#define X(field, element) bool field;
        MCX_ALLOWS(X)
#undef X
};

struct mcx_profile {
        enum mcx_service service;
        char *user_uri;           /* XUI-URI */
        int64_t index;            /* user-profile-index, 0 to 255 */
        char *name;               /* or NULL */
        bool enabled;             /* Status (R-SA-67) */
        char *profile_name;       /* NULL prints mcptt-user-profile-<index>.xml */
        bool pre_selected;        /* Pre-selected-indication: at most one profile of a user (R-SA-119) */
        struct mcx_entry user_id; /* MCPTTUserID; uri NULL prints user_uri */
        char *organisation;       /* MissionCriticalOrganization, or NULL */
        char *participant_type;   /* or NULL */
        int64_t priority;         /* of group calls; 0: left out */
        struct mcx_entry *groups; /* MCPTTGroupInfo: groups the user may affiliate to */
        size_t groups_n;
        int64_t max_affiliations; /* N2; 0: left out */
        int64_t max_calls;        /* N6; 0: left out */
        char **implicit_affiliations;
        size_t implicit_affiliations_n;
        char *gms_id, *idms_token_endpoint, *kms_uri; /* GroupServerInfo; or NULL */
        int64_t max_authorizations;                   /* simultaneous authorisations of this user; 0: left out */
        struct mcx_allow allow;
};

/* The service follows from root and namespace.
 * Errors  E_SYNTAX, E_RANGE (index), E_MISSING (XUI-URI, user-profile-index, Status), E_LONG. */
enum ecode mcx_profile_parse(void *mem, struct bytes xml, struct mcx_profile **ret, struct err *er);
enum ecode mcx_profile_print(void *mem, const struct mcx_profile *in, struct bytes *ret, struct err *er);

#endif
