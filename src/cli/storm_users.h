/* Users for `muster storm`, kept with their subscriber keys and one password in ue/storm.json (mode 0600), so that the
 * next storm finds them. Inside of cli/ only. */
#ifndef MUSTER_CLI_STORM_USERS_H
#define MUSTER_CLI_STORM_USERS_H

#include "cli/command.h"

#include <jansson.h>

/* At least n users; those that are missing are provisioned into every role, several at a time. *ret: n profiles, each
 * complete for a UE and with its "password"; a new reference. */
enum ecode storm_users(struct cli *c, const struct deployment *d, size_t n, json_t **ret, struct err *er);
/* All of them out of every role. *ret_n: how many. */
enum ecode storm_users_remove(struct cli *c, const struct deployment *d, size_t *ret_n, struct err *er);

#endif
