/* What the parts of libmuster share inside: the way from internal errors and memory to those of include/muster/. */
#ifndef MUSTER_LIB_LIB_H
#define MUSTER_LIB_LIB_H

#include "adapter/net/http_client.h"
#include "base/env.h"
#include "proto/mikey/mikey_key.h"

#include <muster/muster.h>

/* The clock and the random generator of this machine; no log. */
extern const struct env lib_env;

/* The result for the caller; fills *ret (which may be NULL) unless e is E_OK. er holds the details of e, if anything.
 */
enum muster_result lib_result(enum ecode e, const struct err *er, struct muster_error *ret);
/* E_MISSING: "NAME is missing". */
enum ecode lib_missing(const char *name, struct err *er);

/* Buffers for muster_free(). NULL: no memory. */
uint8_t *lib_octets(struct bytes in);
char *lib_text(const char *in);

/* An HTTPS client that ends with mem, and whose exchanges raise no SIGPIPE in the caller's threads. */
enum ecode lib_http_open(void *mem, const struct http_client_conf *conf, struct http_client **ret, struct err *er);

/* The handles of kms.h. */
struct muster_domain {
        const struct mikey_domain *d;
};
struct muster_keys {
        struct muster_domain home;
        const struct mikey_user *user;
        struct bytes init, keyprov; /* on this handle; empty: a UE's */
};

/* muster_tokens_open() with another clock than the machine's. */
enum ecode lib_tokens_open(const struct muster_tokens_conf *conf, const struct clock *clock, struct muster_tokens **ret,
                           struct err *er);

static inline int64_t lib_time(int64_t given_s)
{
        return given_s != 0 ? given_s : clock_now(lib_env.clock);
}

#endif
