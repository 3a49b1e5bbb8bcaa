/* The HSS's store (port/store_hss.h) on SQLite. */
#ifndef MUSTER_ADAPTER_STORE_HSS_SQLITE_H
#define MUSTER_ADAPTER_STORE_HSS_SQLITE_H

#include "adapter/store/db.h"
#include "port/role.h"
#include "port/store_hss.h"

/* path may be DB_MEMORY. Goes with mem. */
enum ecode hss_sqlite_open(void *mem, const char *path, struct store_hss **ret, struct err *er);
/* <state_dir>/hss.db, as the host's list of roles wants it. */
enum ecode hss_store_open(void *mem, const struct role_env *env, void **ret, struct err *er);
/* For tests: what lies below. */
struct db *hss_sqlite_db(struct store_hss *st);

#endif
