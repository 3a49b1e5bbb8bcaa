/* What the files of this folder share. freeDiameter has one instance per process, and so has this. */
#ifndef MUSTER_ADAPTER_DIAMETER_CX_FD_INTERNAL_H
#define MUSTER_ADAPTER_DIAMETER_CX_FD_INTERNAL_H

#include "adapter/diameter/cx_fd.h"
#include "adapter/diameter/cx_msg.h"

/* freediameter.conf and the Diffie-Hellman parameters, written into place->dir. *ret: path of the former, on mem.
 * E_CONFIG, E_IO, E_NOMEM. */
enum ecode cx_fd_write_conf(void *mem, const struct cx_conf *conf, const struct cx_fd_place *place, bool server,
                            const char **ret, struct err *er);

/* "ip:port" taken apart; ip on mem. E_CONFIG. */
enum ecode cx_fd_address(void *mem, const char *text, const char **ret_ip, uint16_t *ret_port, struct err *er);

/* The address that this process has, and listens on as a server: after the configuration was read. freeDiameter's own
 * directive ListenOn drops loopback addresses without a word and then opens its port on every interface. */
enum ecode cx_fd_bind(const char *ip, struct err *er);

/* freeDiameter's messages and peers' comings and goings become events of `log`. */
enum ecode cx_fd_log_start(struct log *log, struct err *er);
/* That TLS sessions end as cx_fd_bye.c wants it. E_INTERNAL. */
enum ecode cx_fd_bye_check(struct err *er);
/* Its farewell is no emergency. */
void cx_fd_log_stopping(void);

/* Server: who may connect. Before the port opens. */
enum ecode cx_fd_peers_start(struct log *log, const struct cx_conf *conf, struct err *er);

/* Registers handlers that call ops, before the port opens. */
enum ecode cx_fd_serve(struct log *log, const struct cx_server *ops, void *role, struct err *er);

struct cx_client *cx_fd_client(const struct cx_conf *conf);

#endif
