/* Names in user profile documents; used by the files of this folder only. */
#ifndef MUSTER_PROTO_MCX_MCX_PROFILE_ROWS_H
#define MUSTER_PROTO_MCX_MCX_PROFILE_ROWS_H

#include "proto/mcx/mcx_profile.h"

#define MCX_CP_NS              "urn:ietf:params:xml:ns:common-policy" /* RFC 4745 */
#define MCX_MAX_AUTHORIZATIONS "user-max-simultaneous-authorizations"

struct mcx_profile_row {
        const char *root, *ns, *media_type, *auid;
        const char *user_id, *group_info, *group_call, *group_initiation; /* element names */
};
extern const struct mcx_profile_row mcx_profile_rows[MCX_SERVICES];

#endif
