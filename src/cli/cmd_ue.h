/* Inside of cli/ only. */
#ifndef MUSTER_CLI_CMD_UE_H
#define MUSTER_CLI_CMD_UE_H

#include "cli/command.h"

/* All steps of a sign-on in this process, for the demonstration. trace: what ties its events together, also on failure.
 */
enum ecode cli_sign_on(struct cli *c, struct deployment *d, const char *user, const char *password, char trace[33],
                       struct err *er);

#endif
