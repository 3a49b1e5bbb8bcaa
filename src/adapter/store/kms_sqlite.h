/* The KMS's store (port/store_kms.h) on SQLite. */
#ifndef MUSTER_ADAPTER_STORE_KMS_SQLITE_H
#define MUSTER_ADAPTER_STORE_KMS_SQLITE_H

#include "adapter/store/db.h"
#include "port/role.h"
#include "port/store_kms.h"

/* path may be DB_MEMORY. Goes with mem. */
enum ecode kms_sqlite_open(void *mem, const char *path, struct store_kms **ret, struct err *er);
/* <state_dir>/kms.db, as the host's list of roles wants it. */
enum ecode kms_store_open(void *mem, const struct role_env *env, void **ret, struct err *er);
/* For tests: what lies below. */
struct db *kms_sqlite_db(struct store_kms *st);

#endif
