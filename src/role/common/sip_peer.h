/* Where SIP goes and whom it is believed from: shared by the CSCFs and the MCX server. */
#ifndef MUSTER_ROLE_COMMON_SIP_PEER_H
#define MUSTER_ROLE_COMMON_SIP_PEER_H

#include "port/conf.h"
#include "port/sip.h"

/* "sip:127.0.1.8:5061;transport=tls" to a target. Without transport: TLS for sips, else UDP; without port: 5060, 5061
 * for TLS. Names are resolved (blocking). E_SYNTAX; E_PEER_DOWN: the name does not resolve. */
enum ecode sip_target_of(const char *uri, struct sip_target *ret, struct err *er);

/* "sip:user@ip:port;transport=tls;lr" of a listener of ours; user may be NULL, lr chooses the parameter. NULL: out of
 * memory, or no such listener. */
char *sip_own_uri(void *mem, struct sip_port *port, const char *listener, enum sip_proto proto, const char *user,
                  bool lr);

/* Says no: to the log, with what the requirement was, and to the asker, with Retry-After where nothing was decided and
 * with Min-Expires where the lifetime was too brief (min_expires). tx NULL (an ACK): the log alone. */
struct role_env;
void sip_refuse(const struct role_env *env, const char *flow, const char *step, struct sip_tx *tx, struct sip_msg *rq,
                int64_t min_expires, const struct err *er);

/* A core element: its verified certificate name is listed, or, for cores without TLS inside, its address is. Nothing is
 * believed of anybody else (R-SA-37). */
bool sip_peer_trusted(const struct sip_peer *from, const struct conf_list *names, const struct conf_list *addresses);

#endif
