/* SQLite for the stores: one file per role, group commit, pooled snapshot readers, cached statements, migrations.
 *
 * Writing: db_write() runs a function inside a savepoint of the current group's transaction and returns after that
 * group's COMMIT is on the disk (WAL, synchronous=FULL). Callers that arrive while a group commits form the next group,
 * so that many answers share one fsync. A function that fails rolls back its own savepoint and nothing else.
 *
 * A store function therefore has this shape (see also test_db.c):
 *
 *      static enum ecode spend(struct db_tx *tx, void *arg, struct err *er)
 *      {
 *              struct spend *s = arg;
 *              enum ecode e = db_exec(tx, er, "UPDATE code SET used = 1 WHERE hash = ? AND used = 0",
 * DB_BLOB(s->hash)); if (e == E_OK) s->won = db_changes(tx) == 1; return e;
 *      }
 *      ...
 *      struct spend s = { .hash = hash };
 *      enum ecode e = db_write(db, spend, &s, er);    E_OK: durable, s.won counts; otherwise s says nothing
 *
 * A refusal that has to leave a trace (a replayed code revokes its family) is no failure of the function: it returns
 * E_OK and reports the refusal through its argument, otherwise the trace would be rolled back.
 *
 * Rules for functions: short, no waiting, no db_write or db_read of the same db inside. They may run on the thread of
 * another caller, while their own waits. What they allocate goes on memory of their caller.
 *
 * Secrets are sealed (crypto/seal.h) before they come here. */
#ifndef MUSTER_ADAPTER_STORE_DB_H
#define MUSTER_ADAPTER_STORE_DB_H

#include "base/bytes.h"
#include "base/err.h"

struct db;
struct db_tx;   /* the transaction that a db_fn works in */
struct db_stmt; /* a running statement; ends with its transaction */

#define DB_MEMORY ":memory:"

struct db_conf {
        const char *path; /* of the file, made with mode 0600; DB_MEMORY: a store that goes with the process */
        /* Forward only, each one or several SQL statements. Number n (from 1) brings PRAGMA user_version from n-1 to n.
         * What is missing is applied at open, in one transaction. Ends with NULL. Never change one that was released.
         */
        const char *const *migrations;
        unsigned readers; /* connections in the pool, 0: 8 */
        unsigned busy_ms; /* how long to wait for another process's lock, 0: 5000 */
};

/* *ret on mem; freeing it closes as well. E_CONFIG: the file comes from a newer Muster. E_STORE_DOWN: anything SQLite
 * says. */
enum ecode db_open(void *mem, const struct db_conf *conf, struct db **ret, struct err *er);
/* Nobody may be inside. NULL is fine. */
void db_close(struct db *db);

typedef enum ecode (*db_fn)(struct db_tx *tx, void *arg, struct err *er);

/* What fn returned; E_STORE_DOWN when the group could not be committed, whatever fn returned: nothing of it happened.
 */
enum ecode db_write(struct db *db, db_fn fn, void *arg, struct err *er);
/* fn sees one snapshot from its first to its last statement, and cannot change anything. */
enum ecode db_read(struct db *db, db_fn fn, void *arg, struct err *er);

/* Values for the question marks of a statement, in their order. Borrowed until the statement is done. */
enum db_type { DB_T_END, DB_T_NULL, DB_T_INT, DB_T_TEXT, DB_T_BLOB };
struct db_val {
        enum db_type type;
        int64_t i;
        struct bytes b;
};
#define DB_NULL    ((struct db_val){ .type = DB_T_NULL })
#define DB_INT(v)  ((struct db_val){ .type = DB_T_INT, .i = (v) })
#define DB_TEXT(v) db_text_val(v) /* const char *; NULL binds null */
#define DB_BLOB(v) ((struct db_val){ .type = DB_T_BLOB, .b = (v) })

static inline struct db_val db_text_val(const char *s)
{
        return (struct db_val){ .type = s != NULL ? DB_T_TEXT : DB_T_NULL, .b = bytes_str(s) };
}

/* The first is nobody's: it lets the list be empty. */
#define DB_VALS(...) (&((const struct db_val[]){ DB_NULL, ##__VA_ARGS__, { DB_T_END } })[1])

/* Runs a statement that gives no rows. E_EXISTS: a UNIQUE or PRIMARY KEY rule was broken. E_CONFLICT: a foreign key
 * was. */
#define db_exec(tx, er, sql, ...) db_exec_vals((tx), (er), (sql), DB_VALS(__VA_ARGS__))
/* Starts a statement that gives rows; db_step fetches the first. Another start of the same SQL text ends this one. */
#define db_query(tx, ret, er, sql, ...) db_query_vals((tx), (ret), (er), (sql), DB_VALS(__VA_ARGS__))
/* For statements of one row: starts it and stands on that row. E_NOT_FOUND (er untouched): there is none. */
#define db_one(tx, ret, er, sql, ...) db_one_vals((tx), (ret), (er), (sql), DB_VALS(__VA_ARGS__))

enum ecode db_exec_vals(struct db_tx *tx, struct err *er, const char *sql, const struct db_val *v);
enum ecode db_query_vals(struct db_tx *tx, struct db_stmt **ret, struct err *er, const char *sql,
                         const struct db_val *v);
enum ecode db_one_vals(struct db_tx *tx, struct db_stmt **ret, struct err *er, const char *sql, const struct db_val *v);

/* *row: whether there is a row now. After the last one (false) the statement is done. */
enum ecode db_step(struct db_stmt *st, bool *row, struct err *er);

/* Columns of the current row, from 0. Texts and blobs are copies on mem. */
int64_t db_col_int(struct db_stmt *st, int col);
bool db_col_null(struct db_stmt *st, int col);
/* NULL for null, and when memory is out. */
char *db_col_text(struct db_stmt *st, void *mem, int col);
/* "" instead of NULL. */
const char *db_col_str(struct db_stmt *st, void *mem, int col);
struct bytes db_col_blob(struct db_stmt *st, void *mem, int col);

/* Rows changed by the last db_exec of this transaction; and the rowid that it made. */
int64_t db_changes(struct db_tx *tx);
int64_t db_last_id(struct db_tx *tx);

struct db_stats {
        uint64_t writes, reads; /* calls */
        uint64_t commits;       /* groups that went to the disk */
        uint64_t largest_group; /* calls in one group */
        uint64_t failures;      /* answers E_STORE_DOWN */
};
void db_stats(struct db *db, struct db_stats *ret);

/* For tests: the nth call from now (1: the next) answers E_STORE_DOWN and does nothing. Every db_read, db_write,
 * statement start and COMMIT is one call. 0 switches off. db_fail_fired: whether it has happened, so that a loop knows
 * when to end. */
void db_fail_nth(struct db *db, unsigned n);
bool db_fail_fired(struct db *db);

#endif
