/* The list of roles: the only place that names them all. A new role is a folder below role/ and one row here. */
#ifndef MUSTER_HOST_ROLES_H
#define MUSTER_HOST_ROLES_H

#include "port/role.h"

/* Opens the role's store in env->state_dir; closing happens when mem is freed. */
typedef enum ecode (*role_store_open)(void *mem, const struct role_env *env, void **ret, struct err *er);

struct role_row {
        const struct role *role;
        role_store_open open_store; /* NULL exactly when the role does not need one */
        unsigned address;           /* last octet of its first address on the loopback network: {net}.address */
        unsigned addresses;         /* how many follow one another; certificates name them all */
        bool in_ims;                /* its own name lies in the IMS domain, not in the MC domain */
};

/* In the order of starting; ends with an all-zero row. */
extern const struct role_row host_roles[];
const struct role_row *host_role(const char *name); /* NULL: no such role in this build */
/* Names in the order of the list, NULL at the end; on mem. */
const char **host_role_names(void *mem);

#endif
