/* The IdM server's store (port/store_idm.h) on SQLite. */
#ifndef MUSTER_ADAPTER_STORE_IDM_SQLITE_H
#define MUSTER_ADAPTER_STORE_IDM_SQLITE_H

#include "adapter/store/db.h"
#include "port/role.h"
#include "port/store_idm.h"

/* path may be DB_MEMORY. Goes with mem. */
enum ecode idm_sqlite_open(void *mem, const char *path, struct store_idm **ret, struct err *er);
/* <state_dir>/idm.db, as the host's list of roles wants it. */
enum ecode idm_store_open(void *mem, const struct role_env *env, void **ret, struct err *er);
/* For tests: what lies below. */
struct db *idm_sqlite_db(struct store_idm *st);

#endif
