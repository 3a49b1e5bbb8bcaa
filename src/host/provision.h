/* One user into the databases of identity management, key management, configuration management and HSS: all of them or
 * none (TS 33.180 clause 5.1.2.1; R-SA-122). Over the administration sockets, so command line, console and bulk import
 * do the same. */
#ifndef MUSTER_HOST_PROVISION_H
#define MUSTER_HOST_PROVISION_H

#include "base/err.h"

#include <jansson.h>

/* Roles that hold users, in the order of writing: idm is last, so that nobody can sign on before the rest is there.
 * NULL at the end. */
extern const char *const provision_roles[];

/* A new user. `user` has the members of all roles: mc_id, name, password, mcptt_id, mcvideo_id, mcdata_id,
 * extra_scopes, enabled, organisation, groups; impi, impus, auth, k, opc, amf, ims_password. Each role gets its own
 * members only. `roles` (NULL at the end) are those of provision_roles that belong to this deployment. First every role
 * is asked whether it would, then all are written; what was written is taken back when one fails. */
enum ecode provision_add(void *mem, const char *dir, const char *const *roles, json_t *user, struct err *er);
/* From all; idm first. A role that does not know the user is passed over; E_NOT_FOUND when none did. */
enum ecode provision_del(void *mem, const char *dir, const char *const *roles, json_t *user, struct err *er);
/* What this role would get of `user`; a new reference. */
json_t *provision_args(const char *role, json_t *user);

#endif
