/* The group document (TS 24.481 7.2 on the OMA list-service document): which MC service IDs belong to a group. */
#ifndef MUSTER_PROTO_MCX_MCX_GROUP_H
#define MUSTER_PROTO_MCX_MCX_GROUP_H

#include "base/bytes.h"
#include "base/err.h"

#define MCX_GROUP_MEDIA_TYPE  "application/vnd.oma.poc.groups+xml"
#define MCX_GROUP_AUID        "org.openmobilealliance.groups"
#define MCX_GROUP_MEMBERS_MAX 4096u

struct mcx_member {
        char *uri;              /* MC service ID */
        char *display_name;     /* or NULL */
        char *participant_type; /* or NULL */
        int64_t priority;       /* user-priority; 0: left out */
        bool on_network_required;
};

struct mcx_group {
        char *uri;          /* group id */
        char *display_name; /* or NULL */
        struct mcx_member *members;
        size_t members_n;
        int64_t max_participants; /* 0: left out */
        int64_t priority;         /* on-network-group-priority; 0: left out */
        bool invite_members;
        bool allow_emergency_call;
};

/* Errors  E_SYNTAX, E_MISSING (uri of the service or of an entry), E_LONG. */
enum ecode mcx_group_parse(void *mem, struct bytes xml, struct mcx_group **ret, struct err *er);
enum ecode mcx_group_print(void *mem, const struct mcx_group *in, struct bytes *ret, struct err *er);
/* NULL when that URI (octet by octet) is no member. */
const struct mcx_member *mcx_group_member(const struct mcx_group *g, const char *uri);

#endif
