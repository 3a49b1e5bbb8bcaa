/* Administration of a running role over the Unix socket run/<role>.sock (mode 0600; the peer's uid has to be the
 * server's or root's). One JSON object per line:
 *
 *      {"cmd":"user-put","args":{...}}   ->   {"ok":true,"result":{...}}
 *                                        or {"ok":false,"code":"E_EXISTS","req":"R-SA-122","text":"...","advice":"..."}
 *
 * Built in for every role: status, stats, metrics, log-level, commands. The role's own: struct role.admin. */
#ifndef MUSTER_HOST_ADMIN_H
#define MUSTER_HOST_ADMIN_H

#include "base/err.h"
#include "base/event.h"

#include <jansson.h>

#define ADMIN_LINE_MAX ((size_t)4 << 20)

/* Client. args is borrowed, may be NULL. *ret is a new reference (never NULL when E_OK). The code, requirement and text
 * of a refusal come back in er as the role gave them. E_PEER_DOWN: the role does not run. */
enum ecode admin_call(void *mem, const char *dir, const char *role, const char *cmd, json_t *args, unsigned timeout_ms,
                      json_t **ret, struct err *er);

/* Server. fn runs on the connection's own thread; *out is a new reference or stays NULL for {}. */
typedef enum ecode (*admin_fn)(void *arg, void *mem, const char *cmd, json_t *args, json_t **out, struct err *er);
struct admin_server;
enum ecode admin_server_start(const char *run_dir, const char *role, struct log *log, admin_fn fn, void *arg,
                              struct admin_server **ret, struct err *er);
/* Waits for commands under way. NULL is fine. */
void admin_server_stop(struct admin_server *s);

#endif
