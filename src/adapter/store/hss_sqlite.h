/* store_hss over SQLite (store_hss.h tells what each function promises). */
#ifndef MUSTER_ADAPTER_STORE_HSS_SQLITE_H
#define MUSTER_ADAPTER_STORE_HSS_SQLITE_H

#include "adapter/store/db.h"
#include "port/store_hss.h"

/* path as in struct db_conf; DB_MEMORY for a store that goes with the process. Freeing *ret closes as well. */
enum ecode store_hss_sqlite(void *mem, const char *path, struct store_hss **ret, struct err *er);
/* The database beneath, for tests that let calls fail. */
struct db *store_hss_sqlite_db(struct store_hss *s);

#endif
