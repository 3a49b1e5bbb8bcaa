/* A durable map for roles whose state is a set of named documents: the registrations of a CSCF. What put() or del()
 * acknowledged is on the disk. */
#ifndef MUSTER_PORT_STORE_KV_H
#define MUSTER_PORT_STORE_KV_H

#include "base/bytes.h"
#include "base/err.h"

struct store_kv {
        /* All: E_STORE_DOWN when nobody knows. */
        enum ecode (*put)(struct store_kv *, const char *key, struct bytes value, struct err *er);
        enum ecode (*del)(struct store_kv *, const char *key, struct err *er); /* E_OK also when there was none */
        /* Calls fn for each entry, in order of key; fn's first failure ends the walk and is returned. */
        enum ecode (*each)(struct store_kv *, enum ecode (*fn)(void *arg, const char *key, struct bytes value),
                           void *arg, struct err *er);
};

#endif
