/* The store of configuration and group management (port/store_cms.h) on SQLite. */
#ifndef MUSTER_ADAPTER_STORE_CMS_SQLITE_H
#define MUSTER_ADAPTER_STORE_CMS_SQLITE_H

#include "adapter/store/db.h"
#include "port/role.h"
#include "port/store_cms.h"

/* path may be DB_MEMORY. Goes with mem. */
enum ecode cms_sqlite_open(void *mem, const char *path, struct store_cms **ret, struct err *er);
/* <state_dir>/cms.db, as the host's list of roles wants it. */
enum ecode cms_store_open(void *mem, const struct role_env *env, void **ret, struct err *er);
/* For tests: what lies below. */
struct db *cms_sqlite_db(struct store_cms *st);

#endif
