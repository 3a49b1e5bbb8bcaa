/* Cx over Diameter: freeDiameter (libfdcore) inside our process, as the HSS or as one of its clients.
 *
 * freeDiameter keeps its state in globals, so there is one peer per process: start once, stop once, not again after
 * that. Start before other threads fork or change the signal mask; its threads take no signals.
 * Should freeDiameter give up by itself, the process gets SIGTERM.
 *
 * Trust: TLS with certificates of the deployment's CA on both sides. A server takes a peer only when its Origin-Host is
 * on the configured list and its certificate names that Origin-Host; a client takes the HSS only when its certificate
 * names the configured identity, and listens nowhere. freeDiameter alone would believe any Origin-Host that comes under
 * any certificate of the CA. Plain transport keeps the list and loses the proof. */
#ifndef MUSTER_ADAPTER_DIAMETER_CX_FD_H
#define MUSTER_ADAPTER_DIAMETER_CX_FD_H

#include "base/env.h"
#include "base/event.h"
#include "port/cx.h"
#include "port/cx_conf.h"

/* Where a peer lives. log and conf outlive it, the rest is used at start alone. */
struct cx_fd_place {
        struct log *log;
        const char *dir;       /* freediameter.conf is written here at start (the role's state_dir) */
        const char *cert_file; /* PEM, chain of this role; names cx_conf.identity */
        const char *key_file;  /* PEM */
        const char *ca_file;   /* PEM: who may vouch for peers */
        unsigned workers;      /* requests served at a time, 0: 8 */
};

/* The HSS: requests go to `ops` with `role`, on up to `workers` threads at a time. Returns when the port is open.
 * E_CONFIG: settings or files are wrong, er names which. E_EXISTS: started before. E_IO: address in use and the like.
 */
enum ecode cx_fd_start_server(const struct cx_conf *conf, const struct cx_fd_place *place, const struct cx_server *ops,
                              void *role, struct err *er);

/* I-CSCF and S-CSCF. Returns before the HSS is connected; calls give E_PEER_DOWN until it is. The connection is made
 * again by itself, attempts are 0 to 4 s apart. *ret is good until cx_fd_stop(). */
enum ecode cx_fd_start_client(const struct cx_conf *conf, const struct cx_fd_place *place, struct cx_client **ret,
                              struct err *er);

/* Whether a peer is connected and takes requests: for readiness and status. */
bool cx_fd_connected(void);

/* Tells peers goodbye, waits for handlers under way. At most about 15 s. Nothing started is fine. */
void cx_fd_stop(void);

#endif
