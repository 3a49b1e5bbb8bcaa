/* `muster init`: makes a deployment directory (see deployment.h). Built beside its final place and renamed at the end,
 * so that a failure leaves nothing behind and an existing deployment is never touched. */
#ifndef MUSTER_HOST_INIT_H
#define MUSTER_HOST_INIT_H

#include "base/env.h"
#include "base/err.h"

struct init_options {
        const char *dir;    /* must not exist, or be an empty directory */
        const char *net;    /* "127.0.1": the first three octets */
        const char *domain; /* "mc.example"; the IMS domain is "ims." and this */
};

/* E_EXISTS: something is there already. */
enum ecode init_deployment(const struct env *env, const struct init_options *opt, struct err *er);

#endif
