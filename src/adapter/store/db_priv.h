/* What db.c and db_stmt.c share: one connection with its statements. */
#ifndef MUSTER_ADAPTER_STORE_DB_PRIV_H
#define MUSTER_ADAPTER_STORE_DB_PRIV_H

#include "adapter/store/db.h"

#include <sqlite3.h>

#define DB_STMTS_MAX 256

struct db_stmt {
        struct db_tx *tx;
        sqlite3_stmt *st;
        char *sql;
        uint32_t hash;
        bool busy;
};

/* One connection; used by one thread at a time. It is the transaction handle as well: it has one at a time. */
struct db_tx {
        struct db *db;
        sqlite3 *sq;
        struct db_stmt *stmt[DB_STMTS_MAX];
        size_t stmt_n;
        int64_t changes;
        struct db_tx *next_idle;
};

/* The code for what SQLite said last on this connection, with its text in er. */
enum ecode db_said(struct db_tx *tx, int rc, const char *doing, struct err *er);
/* True once when the failure that a test asked for is due. */
bool db_fails_now(struct db *db, struct err *er);

/* Without counting for db_fail_nth. */
enum ecode db_plain(struct db_tx *tx, const char *sql, struct err *er);
void db_stmts_reset(struct db_tx *tx);
void db_stmts_drop(struct db_tx *tx);

#endif
