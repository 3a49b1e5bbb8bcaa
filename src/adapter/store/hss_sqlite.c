#include "adapter/store/hss_sqlite.h"

#include <stdio.h>
#include <talloc.h>

/* The sequence number has 48 bits and fits SQLite's signed integers. */
static const char *const migrations[] = {
        "CREATE TABLE subscription ("
        " impi TEXT PRIMARY KEY, auth INTEGER NOT NULL, k BLOB, opc BLOB, ha1 BLOB, amf BLOB NOT NULL,"
        " no_null_res INTEGER NOT NULL, sqn INTEGER NOT NULL DEFAULT 0, scscf TEXT,"
        " state INTEGER NOT NULL DEFAULT 0) STRICT;"
        "CREATE INDEX subscription_state ON subscription (state);"
        "CREATE TABLE impu ("
        " uri TEXT PRIMARY KEY, impi TEXT NOT NULL REFERENCES subscription (impi) ON DELETE CASCADE,"
        " place INTEGER NOT NULL, barred INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE INDEX impu_impi ON impu (impi, place)",
        NULL,
};

struct hss_sqlite {
        struct store_hss port;
        struct db *db;
};

static struct db *db_of(struct store_hss *st)
{
        return ((struct hss_sqlite *)st)->db;
}

/* Arguments and results of one call; each function below uses what it needs. */
struct call {
        void *mem;
        const char *key, *scscf;
        const struct hss_subscription *in;
        struct hss_subscription out;
        const char *found;
        const char **list;
        size_t n, most;
        uint64_t old, now, all, registered;
        int64_t state;
        bool created;
};

static enum ecode unknown(struct err *er, const char *key)
{
        return err_set(er, E_NOT_FOUND, NULL, "the HSS has no %s", key);
}

static enum ecode read_impus(struct db_tx *tx, struct call *c, struct err *er)
{
        struct db_stmt *st = NULL;
        struct hss_impu *u = NULL;
        size_t n = 0;
        bool row = false;
        enum ecode e =
                db_query(tx, &st, er, "SELECT uri, barred FROM impu WHERE impi = ? ORDER BY place", DB_TEXT(c->key));
        for (; e == E_OK && (e = db_step(st, &row, er)) == E_OK && row; n++) {
                u = talloc_realloc(c->mem, u, struct hss_impu, (unsigned)n + 1);
                if (u == NULL)
                        return err_set(er, E_NOMEM, NULL, "public identities");
                u[n] = (struct hss_impu){ db_col_str(st, c->mem, 0), db_col_int(st, 1) != 0 };
        }
        c->out.impus = u;
        c->out.impus_n = n;
        return e;
}

static enum ecode tx_by_impi(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        struct hss_subscription *s = &c->out;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT auth, k, opc, ha1, amf, no_null_res, sqn, scscf, state FROM subscription"
                              " WHERE impi = ?",
                              DB_TEXT(c->key));
        if (e != E_OK)
                return e == E_NOT_FOUND ? unknown(er, c->key) : e;
        *s = (struct hss_subscription){ .impi = talloc_strdup(c->mem, c->key) };
        s->auth = db_col_int(st, 0) == HSS_AUTH_AKA ? HSS_AUTH_AKA : HSS_AUTH_DIGEST;
        s->k = db_col_blob(st, c->mem, 1);
        s->opc = db_col_blob(st, c->mem, 2);
        s->ha1 = db_col_blob(st, c->mem, 3);
        struct bytes amf = db_col_blob(st, c->mem, 4);
        if (amf.n == sizeof s->amf)
                memcpy(s->amf, amf.p, amf.n);
        s->no_null_res = db_col_int(st, 5) != 0;
        s->sqn = (uint64_t)db_col_int(st, 6);
        s->scscf = db_col_text(st, c->mem, 7);
        s->state = (enum hss_state)db_col_int(st, 8);
        return read_impus(tx, c, er);
}

static enum ecode by_impi(struct store_hss *st, void *mem, const char *impi, struct hss_subscription *ret,
                          struct err *er)
{
        struct call c = { .mem = mem, .key = impi };
        enum ecode e = db_read(db_of(st), tx_by_impi, &c, er);
        if (e == E_OK)
                *ret = c.out;
        return e;
}

static enum ecode tx_impi_of(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT impi FROM impu WHERE uri = ?", DB_TEXT(c->key));
        if (e == E_OK)
                c->found = db_col_str(st, c->mem, 0);
        return e == E_NOT_FOUND ? unknown(er, c->key) : e;
}

static enum ecode impi_of(struct store_hss *st, void *mem, const char *impu, const char **ret, struct err *er)
{
        struct call c = { .mem = mem, .key = impu };
        enum ecode e = db_read(db_of(st), tx_impi_of, &c, er);
        if (e == E_OK)
                *ret = c.found;
        return e;
}

static struct db_val blob_or_null(struct bytes b)
{
        return b.n > 0 ? DB_BLOB(b) : DB_NULL;
}

static enum ecode put_impus(struct db_tx *tx, const struct hss_subscription *s, struct err *er)
{
        enum ecode e = db_exec(tx, er, "DELETE FROM impu WHERE impi = ?", DB_TEXT(s->impi));
        for (size_t i = 0; e == E_OK && i < s->impus_n; i++) {
                e = db_exec(tx, er, "INSERT INTO impu (uri, impi, place, barred) VALUES (?, ?, ?, ?)",
                            DB_TEXT(s->impus[i].uri), DB_TEXT(s->impi), DB_INT((int64_t)i), DB_INT(s->impus[i].barred));
                if (e == E_EXISTS)
                        err_set(er, e, "R-SA-122", "%s belongs to another subscription", s->impus[i].uri);
        }
        return e;
}

static enum ecode tx_put(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        const struct hss_subscription *s = c->in;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT 1 FROM subscription WHERE impi = ?", DB_TEXT(s->impi));
        if (e != E_OK && e != E_NOT_FOUND)
                return e;
        c->created = e == E_NOT_FOUND;
        e = db_exec(tx, er,
                    "INSERT INTO subscription (impi, auth, k, opc, ha1, amf, no_null_res) VALUES (?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (impi) DO UPDATE SET auth = excluded.auth, k = excluded.k, opc = excluded.opc,"
                    " ha1 = excluded.ha1, amf = excluded.amf, no_null_res = excluded.no_null_res",
                    DB_TEXT(s->impi), DB_INT(s->auth), blob_or_null(s->k), blob_or_null(s->opc), blob_or_null(s->ha1),
                    DB_BLOB(BYTES_ARR(s->amf)), DB_INT(s->no_null_res));
        return e == E_OK ? put_impus(tx, s, er) : e;
}

static enum ecode put(struct store_hss *st, const struct hss_subscription *s, bool *created, struct err *er)
{
        struct call c = { .in = s };
        enum ecode e = db_write(db_of(st), tx_put, &c, er);
        if (e == E_OK && created != NULL)
                *created = c.created;
        return e;
}

static enum ecode changed_one(struct db_tx *tx, enum ecode e, const struct call *c, struct err *er)
{
        return e == E_OK && db_changes(tx) == 0 ? unknown(er, c->key) : e;
}

static enum ecode tx_del(struct db_tx *tx, void *arg, struct err *er)
{
        const struct call *c = arg;
        enum ecode e = db_exec(tx, er, "DELETE FROM subscription WHERE impi = ?", DB_TEXT(c->key));
        return changed_one(tx, e, c, er);
}

static enum ecode del(struct store_hss *st, const char *impi, struct err *er)
{
        struct call c = { .key = impi };
        return db_write(db_of(st), tx_del, &c, er);
}

static enum ecode tx_list(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        bool row = false;
        enum ecode e = db_query(tx, &st, er, "SELECT impi FROM subscription WHERE impi > ? ORDER BY impi LIMIT ?",
                                DB_TEXT(c->key), DB_INT((int64_t)c->most));
        for (; e == E_OK && (e = db_step(st, &row, er)) == E_OK && row; c->n++) {
                c->list = talloc_realloc(c->mem, c->list, const char *, (unsigned)c->n + 1);
                if (c->list == NULL)
                        return err_set(er, E_NOMEM, NULL, "list");
                c->list[c->n] = db_col_str(st, c->mem, 0);
        }
        return e;
}

static enum ecode list(struct store_hss *st, void *mem, const char *after, size_t most, const char ***ret,
                       size_t *ret_n, struct err *er)
{
        struct call c = { .mem = mem, .key = after ? after : "", .most = most };
        enum ecode e = db_read(db_of(st), tx_list, &c, er);
        if (e == E_OK) {
                *ret = c.list;
                *ret_n = c.n;
        }
        return e;
}

static enum ecode tx_auth_begin(struct db_tx *tx, void *arg, struct err *er)
{
        const struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT sqn FROM subscription WHERE impi = ?", DB_TEXT(c->key));
        if (e != E_OK)
                return e == E_NOT_FOUND ? unknown(er, c->key) : e;
        if ((uint64_t)db_col_int(st, 0) != c->old)
                return err_set(er, E_CONFLICT, NULL, "the sequence number was moved meanwhile");
        return db_exec(tx, er, "UPDATE subscription SET sqn = ?, scscf = ? WHERE impi = ?", DB_INT((int64_t)c->now),
                       DB_TEXT(c->scscf), DB_TEXT(c->key));
}

static enum ecode auth_begin(struct store_hss *st, const char *impi, uint64_t old, uint64_t now, bool backwards,
                             const char *scscf, struct err *er)
{
        struct call c = { .key = impi, .old = old, .now = now, .scscf = scscf };
        if (now < old && !backwards)
                return err_set(er, E_CONFLICT, NULL, "the sequence number would go backwards");
        return db_write(db_of(st), tx_auth_begin, &c, er);
}

static enum ecode tx_assign(struct db_tx *tx, void *arg, struct err *er)
{
        const struct call *c = arg;
        enum ecode e = db_exec(tx, er, "UPDATE subscription SET scscf = ?, state = ? WHERE impi = ?", DB_TEXT(c->scscf),
                               DB_INT(c->state), DB_TEXT(c->key));
        return changed_one(tx, e, c, er);
}

static enum ecode assign(struct store_hss *st, const char *impi, const char *scscf, enum hss_state state,
                         struct err *er)
{
        struct call c = { .key = impi, .scscf = scscf, .state = state };
        return db_write(db_of(st), tx_assign, &c, er);
}

static enum ecode tx_count(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT count(*), count(*) FILTER (WHERE state = ?) FROM subscription",
                              DB_INT(HSS_REGISTERED));
        if (e == E_OK) {
                c->all = (uint64_t)db_col_int(st, 0);
                c->registered = (uint64_t)db_col_int(st, 1);
        }
        return e;
}

static enum ecode count(struct store_hss *st, uint64_t *ret_all, uint64_t *ret_registered, struct err *er)
{
        struct call c = { 0 };
        enum ecode e = db_read(db_of(st), tx_count, &c, er);
        if (e == E_OK) {
                *ret_all = c.all;
                *ret_registered = c.registered;
        }
        return e;
}

static const struct store_hss_ops ops = {
        .by_impi = by_impi,
        .impi_of = impi_of,
        .put = put,
        .del = del,
        .list = list,
        .auth_begin = auth_begin,
        .assign = assign,
        .count = count,
};

enum ecode hss_sqlite_open(void *mem, const char *path, struct store_hss **ret, struct err *er)
{
        struct hss_sqlite *st = talloc_zero(mem, struct hss_sqlite);
        if (st == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = db_open(st, &(struct db_conf){ .path = path, .migrations = migrations }, &st->db, er);
        if (e != E_OK) {
                talloc_free(st);
                return e;
        }
        st->port.ops = &ops;
        *ret = &st->port;
        return E_OK;
}

enum ecode hss_store_open(void *mem, const struct role_env *env, void **ret, struct err *er)
{
        struct store_hss *st = NULL;
        char *path = talloc_asprintf(mem, "%s/hss.db", env->state_dir);
        if (path == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = hss_sqlite_open(mem, path, &st, er);
        talloc_free(path);
        if (e == E_OK)
                *ret = st;
        return e;
}

struct db *hss_sqlite_db(struct store_hss *st)
{
        return db_of(st);
}
