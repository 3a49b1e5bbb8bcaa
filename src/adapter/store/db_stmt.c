#include "adapter/store/db_priv.h"

#include <stdlib.h>
#include <talloc.h>

enum ecode db_said(struct db_tx *tx, int rc, const char *doing, struct err *er)
{
        const char *text = tx->sq != NULL ? sqlite3_errmsg(tx->sq) : sqlite3_errstr(rc);
        enum ecode e = E_STORE_DOWN;
        switch (tx->sq != NULL ? sqlite3_extended_errcode(tx->sq) : rc) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID: e = E_EXISTS; break;
        case SQLITE_CONSTRAINT_FOREIGNKEY: e = E_CONFLICT; break;
        case SQLITE_CONSTRAINT_CHECK:
        case SQLITE_CONSTRAINT_NOTNULL: e = E_INTERNAL; break;
        case SQLITE_NOMEM: e = E_NOMEM; break;
        default: break;
        }
        return err_set(er, e, NULL, "%s: %s", doing, text);
}

static uint32_t text_hash(const char *s)
{
        uint32_t h = 2166136261u; /* FNV-1a */
        for (; *s; s++)
                h = (h ^ (uint8_t)*s) * 16777619u;
        return h;
}

static void stmt_drop(struct db_stmt *s)
{
        sqlite3_finalize(s->st);
        free(s->sql);
        free(s);
}

static enum ecode stmt_new(struct db_tx *tx, const char *sql, uint32_t hash, struct db_stmt **ret, struct err *er)
{
        struct db_stmt *s = calloc(1, sizeof *s);
        char *copy = strdup(sql);
        if (s == NULL || copy == NULL) {
                free(s);
                free(copy);
                return err_set(er, E_NOMEM, NULL, "statement");
        }
        *s = (struct db_stmt){ .tx = tx, .sql = copy, .hash = hash };
        if (sqlite3_prepare_v3(tx->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->st, NULL) != SQLITE_OK) {
                enum ecode e = db_said(tx, 0, "prepare", er);
                stmt_drop(s);
                return e;
        }
        *ret = s;
        return E_OK;
}

/* A place in the cache; when it is full, that of a statement which is not running. */
static struct db_stmt **cache_place(struct db_tx *tx)
{
        if (tx->stmt_n < DB_STMTS_MAX)
                return &tx->stmt[tx->stmt_n++];
        for (size_t i = 0; i < DB_STMTS_MAX; i++)
                if (!tx->stmt[i]->busy) {
                        stmt_drop(tx->stmt[i]);
                        return &tx->stmt[i];
                }
        return NULL;
}

static enum ecode stmt_get(struct db_tx *tx, const char *sql, struct db_stmt **ret, struct err *er)
{
        uint32_t hash = text_hash(sql);
        for (size_t i = 0; i < tx->stmt_n; i++) {
                struct db_stmt *s = tx->stmt[i];
                if (s->hash == hash && strcmp(s->sql, sql) == 0) {
                        sqlite3_reset(s->st);
                        sqlite3_clear_bindings(s->st);
                        *ret = s;
                        return E_OK;
                }
        }
        struct db_stmt *s = NULL;
        enum ecode e = stmt_new(tx, sql, hash, &s, er);
        if (s == NULL)
                return e;
        struct db_stmt **place = cache_place(tx);
        if (place == NULL) {
                stmt_drop(s);
                return err_set(er, E_INTERNAL, NULL, "more than %d statements at once", DB_STMTS_MAX);
        }
        *place = *ret = s;
        return E_OK;
}

static int bind_one(sqlite3_stmt *st, int at, const struct db_val *v)
{
        /* An empty text or blob is not null: SQLite takes a null pointer for null. */
        const void *p = v->b.p != NULL ? (const void *)v->b.p : "";
        switch (v->type) {
        case DB_T_INT: return sqlite3_bind_int64(st, at, v->i);
        case DB_T_TEXT: return sqlite3_bind_text64(st, at, p, v->b.n, SQLITE_STATIC, SQLITE_UTF8);
        case DB_T_BLOB: return sqlite3_bind_blob64(st, at, p, v->b.n, SQLITE_STATIC);
        case DB_T_NULL:
        case DB_T_END: break;
        }
        return sqlite3_bind_null(st, at);
}

static enum ecode stmt_bind(struct db_tx *tx, struct db_stmt *s, const struct db_val *v, struct err *er)
{
        int at = 0;
        for (; v->type != DB_T_END; v++)
                if (bind_one(s->st, ++at, v) != SQLITE_OK)
                        return db_said(tx, 0, "bind", er);
        if (at != sqlite3_bind_parameter_count(s->st))
                return err_set(er, E_INTERNAL, NULL, "%d values for %d places in: %s", at,
                               sqlite3_bind_parameter_count(s->st), s->sql);
        return E_OK;
}

static void stmt_done(struct db_stmt *s)
{
        sqlite3_reset(s->st);
        sqlite3_clear_bindings(s->st);
        s->busy = false;
}

static enum ecode start(struct db_tx *tx, struct db_stmt **ret, struct err *er, const char *sql, const struct db_val *v)
{
        struct db_stmt *s = NULL;
        enum ecode e = stmt_get(tx, sql, &s, er);
        if (s == NULL)
                return e != E_OK ? e : E_INTERNAL;
        s->busy = true;
        e = stmt_bind(tx, s, v, er);
        if (e == E_OK)
                *ret = s;
        else
                stmt_done(s);
        return e;
}

enum ecode db_query_vals(struct db_tx *tx, struct db_stmt **ret, struct err *er, const char *sql,
                         const struct db_val *v)
{
        if (db_fails_now(tx->db, er))
                return E_STORE_DOWN;
        return start(tx, ret, er, sql, v);
}

enum ecode db_step(struct db_stmt *s, bool *row, struct err *er)
{
        int rc = s->busy ? sqlite3_step(s->st) : SQLITE_DONE;
        if (rc == SQLITE_ROW) {
                *row = true;
                return E_OK;
        }
        enum ecode e = E_OK;
        if (rc == SQLITE_DONE)
                *row = false;
        else
                e = db_said(s->tx, rc, "step", er);
        stmt_done(s);
        return e;
}

enum ecode db_one_vals(struct db_tx *tx, struct db_stmt **ret, struct err *er, const char *sql, const struct db_val *v)
{
        struct db_stmt *s = NULL;
        bool row = false;
        enum ecode e = db_query_vals(tx, &s, er, sql, v);
        if (e == E_OK)
                e = db_step(s, &row, er);
        if (e == E_OK && !row)
                return E_NOT_FOUND;
        if (e == E_OK)
                *ret = s;
        return e;
}

static enum ecode run(struct db_tx *tx, struct err *er, const char *sql, const struct db_val *v)
{
        struct db_stmt *s = NULL;
        enum ecode e = start(tx, &s, er, sql, v);
        bool row = true;
        while (e == E_OK && row)
                e = db_step(s, &row, er);
        return e;
}

enum ecode db_exec_vals(struct db_tx *tx, struct err *er, const char *sql, const struct db_val *v)
{
        if (db_fails_now(tx->db, er))
                return E_STORE_DOWN;
        enum ecode e = run(tx, er, sql, v);
        tx->changes = e == E_OK ? sqlite3_changes64(tx->sq) : 0;
        return e;
}

enum ecode db_plain(struct db_tx *tx, const char *sql, struct err *er)
{
        return run(tx, er, sql, DB_VALS());
}

int64_t db_changes(struct db_tx *tx)
{
        return tx->changes;
}

int64_t db_last_id(struct db_tx *tx)
{
        return sqlite3_last_insert_rowid(tx->sq);
}

int64_t db_col_int(struct db_stmt *s, int col)
{
        return sqlite3_column_int64(s->st, col);
}

bool db_col_null(struct db_stmt *s, int col)
{
        return sqlite3_column_type(s->st, col) == SQLITE_NULL;
}

char *db_col_text(struct db_stmt *s, void *mem, int col)
{
        const unsigned char *p = sqlite3_column_text(s->st, col);
        return p != NULL ? talloc_strdup(mem, (const char *)p) : NULL;
}

const char *db_col_str(struct db_stmt *s, void *mem, int col)
{
        const char *p = db_col_text(s, mem, col);
        return p != NULL ? p : "";
}

struct bytes db_col_blob(struct db_stmt *s, void *mem, int col)
{
        const void *p = sqlite3_column_blob(s->st, col);
        int n = sqlite3_column_bytes(s->st, col);
        return bytes_copy(mem, bytes_of(p, p != NULL && n > 0 ? (size_t)n : 0));
}

void db_stmts_reset(struct db_tx *tx)
{
        for (size_t i = 0; i < tx->stmt_n; i++)
                if (tx->stmt[i]->busy)
                        stmt_done(tx->stmt[i]);
}

void db_stmts_drop(struct db_tx *tx)
{
        for (size_t i = 0; i < tx->stmt_n; i++)
                stmt_drop(tx->stmt[i]);
        tx->stmt_n = 0;
}
