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

/* A core element: its verified certificate name is listed, or, for cores without TLS inside, its address is. Nothing is
 * believed of anybody else (R-SA-37). */
bool sip_peer_trusted(const struct sip_peer *from, const struct conf_list *names, const struct conf_list *addresses);

#endif
