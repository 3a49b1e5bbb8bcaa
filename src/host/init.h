/* `muster init`: makes a deployment directory (see deployment.h). Built beside its final place and renamed at the end,
 * so that a failure leaves nothing behind and an existing deployment is never touched. */
#ifndef MUSTER_HOST_INIT_H
#define MUSTER_HOST_INIT_H

#include "base/env.h"
#include "base/err.h"
#include "port/role.h"

struct init_options {
        const char *dir;    /* must not exist, or be an empty directory */
        const char *net;    /* "127.0.1": the first three octets */
        const char *domain; /* "mc.example"; the IMS domain is "ims." and this */
};

/* E_EXISTS: something is there already. */
enum ecode init_deployment(const struct env *env, const struct init_options *opt, struct err *er);

/* A deployment made by an older build lacks what new functions need: makes the certificates and keys that are missing,
 * and touches nothing that is there. `roles` (NULL at the end) are those that are about to run here. *ret_added: for
 * how many. E_IO where the authority's key has been taken away. */
enum ecode init_complete(const struct env *env, const struct site *site, const char *const *roles, size_t *ret_added,
                         struct err *er);

#endif
