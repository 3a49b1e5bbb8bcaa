/* Configuration and group management, the read side of XCAP (RFC 4825) over HTTP-1: UE initial configuration (TS 24.484
 * 7.2, the one document without a token), user profiles (8.3), UE and service configuration, group documents
 * (TS 24.481). Writing is for administrators, over the administration socket.
 *
 * cms_service.c decides who may read what, cms_docs.c makes the documents, cms_routes.c speaks HTTP. */
#ifndef MUSTER_ROLE_CMS_H
#define MUSTER_ROLE_CMS_H

#include "port/role.h"
#include "port/store_cms.h"
#include "proto/oauth/oauth.h"

extern const struct role role_cms;

struct cms_conf {
        const char *listen;
        const char *xcap_root; /* https URL of this server; its path is where documents begin */
        const char *issuer, *jwks_url;
        struct conf_list audiences;
        bool plain_jwt_typ, scp_array;
        /* what the UE initial configuration tells */
        const char *authorization_endpoint, *token_endpoint, *kms_url, *http_proxy;
        const char *gms_psi, *cms_psi;
        struct conf_list pcscf;
        bool integrity_protection, confidentiality_protection;
        const char *kms_uri; /* in user profiles: the domain of the group server */
};
extern const struct conf_item cms_conf_items[];

struct cms;

enum ecode cms_start(void *mem, const struct role_env *env, const struct cms_conf *conf, struct cms **ret,
                     struct err *er);
void cms_tick(struct cms *c);

struct cms_doc {
        const char *media_type;
        char etag[33]; /* hex, without quotes; equal exactly when the octets are */
        struct bytes xml;
};

/* Who asked, for events. */
struct cms_about {
        const char *what; /* "user profile", ... */
        const char *user_uri;
        const char *scope; /* the one that is needed, where a token is needed */
};

/* The document at `path` (as received, below or without the XCAP root's path). token.p NULL: none was sent.
 * Errors  E_SYNTAX (R-SA-115: broken path), E_NOT_FOUND (R-SA-114, R-SA-120), E_TOKEN_MISSING and the other E_TOKEN_*,
 *         E_FORBIDDEN (another's document, not a member of the group). */
enum ecode cms_get(struct cms *c, void *mem, const char *path, struct bytes token, struct cms_doc *ret,
                   struct cms_about *about, struct err *er);

/* Administration (host/admin.h). Arguments and results are JSON objects:
 *
 *   user-put     mc_id, mcptt_id, mcvideo_id, mcdata_id, name, organisation, participant_type, priority, profile_index,
 *                max_affiliations, max_calls, allow [words, as in the profile without "allow-"], enabled, groups
 * [uris]. What is absent stays, null removes; other members are ignored. With "new": true an existing mc_id is
 *                E_EXISTS. Result: the user as user-show gives it.
 *   user-check   the same arguments; answers as user-put would, and changes nothing (R-SA-122)
 *   user-show    mc_id; user-del  mc_id; user-list  after, most -> {"users":[...], "next": mc_id or absent}
 *   group-put    uri, name, max_participants, priority, invite_members, allow_emergency_call; group-del  uri
 *   token-deny   jti or sub or client_id; token-denied: see trust_deny_cmd
 *   group-list   -> {"groups":[{..., "members":[mc_id..]}]} */
extern const struct admin_cmd cms_admin_cmds[];

#endif
