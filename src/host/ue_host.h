/* What a UE of client/ needs of a machine: HTTPS client, SIP port, log, its files in the deployment's ue/ folder
 *      ue/<name>.json         what provisioning wrote: identities, subscriber keys
 *      ue/<name>.state.json   tokens, SQN and registration, for the next run; both mode 0600 */
#ifndef MUSTER_HOST_UE_HOST_H
#define MUSTER_HOST_UE_HOST_H

#include "client/ue.h"
#include "host/deployment.h"

struct ue_host;

/* E_NOT_FOUND: no such user in ue/. */
enum ecode ue_host_open(void *mem, const struct deployment *d, const char *user, enum sip_proto proto,
                        struct ue_host **ret, struct err *er);
struct ue *ue_host_ue(struct ue_host *h);
/* Writes the state file as a whole. */
enum ecode ue_host_keep(struct ue_host *h, struct err *er);
void ue_host_close(struct ue_host *h);

/* RFC 8252 clause 7.3: a listener on the loopback address that the browser is redirected to. *ret_uri is the redirect
 * URI; ue_host_await gives the query of the redirect. E_TIMEOUT. */
enum ecode ue_host_listen(struct ue_host *h, char **ret_uri, struct err *er);
enum ecode ue_host_await(struct ue_host *h, unsigned timeout_s, char **ret_query, struct err *er);

#endif
