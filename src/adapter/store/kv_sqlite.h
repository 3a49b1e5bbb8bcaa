#ifndef MUSTER_ADAPTER_STORE_KV_SQLITE_H
#define MUSTER_ADAPTER_STORE_KV_SQLITE_H

#include "port/store_kv.h"

/* path: a file, or DB_MEMORY. *ret on mem; freeing it closes. */
enum ecode kv_sqlite_open(void *mem, const char *path, struct store_kv **ret, struct err *er);

#endif
