/* One role in this process, from configuration to orderly stop. */
#ifndef MUSTER_HOST_RUN_ROLE_H
#define MUSTER_HOST_RUN_ROLE_H

#include "host/deployment.h"
#include "host/roles.h"

/* Returns when the role was told to stop (SIGTERM, SIGINT): E_OK; or could not start. Readiness is told on the file
 * descriptor named by MUSTER_READY_FD (one line) and to NOTIFY_SOCKET, once everything listens. */
enum ecode run_role(struct deployment *d, const struct role_row *row, struct err *er);

#endif
