/* Cx commands between port/cx.h and freeDiameter's messages: TS 29.229 clause 6.1. No transport here. */
#ifndef MUSTER_ADAPTER_DIAMETER_CX_MSG_H
#define MUSTER_ADAPTER_DIAMETER_CX_MSG_H

#include "adapter/diameter/cx_dict.h"
#include "port/cx.h"

#define CX_TEXT_MAX      1024u         /* octets of an identity or name */
#define CX_USER_DATA_MAX (256u * 1024) /* octets of a service profile */

/* A new request with what all of them hold; `put` adds the rest. *ret is the caller's: fd_msg_free. */
enum ecode cx_msg_request(enum cx_command cmd, const char *dest_host, const char *dest_realm, struct msg **ret);

/* Append the command's own AVPs. E_NOMEM. */
enum ecode cx_put_uar(struct msg *m, const struct cx_uar *rq);
enum ecode cx_put_mar(struct msg *m, const struct cx_mar *rq);
enum ecode cx_put_sar(struct msg *m, const struct cx_sar *rq);
/* Answers: Result-Code or Experimental-Result, the AVPs that all answers hold, and the command's own. */
enum ecode cx_put_uaa(struct msg *m, const struct cx_uaa *a);
enum ecode cx_put_maa(struct msg *m, const struct cx_mar *rq, const struct cx_maa *a);
enum ecode cx_put_saa(struct msg *m, const struct cx_sar *rq, const struct cx_saa *a);

/* Texts and octets are copies on mem. E_MISSING, E_LONG, E_SYNTAX, E_RANGE; E_UNSUPPORTED: an authentication scheme
 * that we do not know. */
enum ecode cx_get_uar(void *mem, struct msg *m, struct cx_uar *ret, struct err *er);
enum ecode cx_get_mar(void *mem, struct msg *m, struct cx_mar *ret, struct err *er);
enum ecode cx_get_sar(void *mem, struct msg *m, struct cx_sar *ret, struct err *er);
enum ecode cx_get_uaa(void *mem, struct msg *m, struct cx_uaa *ret, struct err *er);
/* Wipes the secrets of the message as well. */
enum ecode cx_get_maa(void *mem, struct msg *m, struct cx_maa *ret, struct err *er);
enum ecode cx_get_saa(void *mem, struct msg *m, struct cx_saa *ret, struct err *er);

/* Result-Code, or 10000 + Experimental-Result-Code; 0 when the message has neither. */
uint32_t cx_get_result(struct msg *m);

#endif
