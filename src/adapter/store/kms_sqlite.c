#include "adapter/store/kms_sqlite.h"

#include <talloc.h>

struct kms_sqlite {
        struct store_kms port;
        struct db *db;
};

static struct db *db_of(struct store_kms *st)
{
        return ((struct kms_sqlite *)(void *)st)->db;
}

struct db *kms_sqlite_db(struct store_kms *st)
{
        return db_of(st);
}

static const char *const migrations[] = {
        "CREATE TABLE master ("
        " one INTEGER PRIMARY KEY CHECK (one = 1), ksak BLOB NOT NULL, z BLOB NOT NULL, vseed BLOB NOT NULL,"
        " kpak BLOB NOT NULL, pub_z BLOB NOT NULL, kms_uri TEXT NOT NULL, key_period INTEGER NOT NULL,"
        " key_offset INTEGER NOT NULL, created_s INTEGER NOT NULL) STRICT;"
        "CREATE TABLE subject ("
        " uri TEXT PRIMARY KEY, services INTEGER NOT NULL, owner TEXT NOT NULL, server INTEGER NOT NULL,"
        " created_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE INDEX subject_owner ON subject (owner, uri);"
        "CREATE TABLE issue ("
        " id INTEGER PRIMARY KEY, time_s INTEGER NOT NULL, uri TEXT NOT NULL, period_no INTEGER NOT NULL,"
        " via TEXT NOT NULL, client_id TEXT, jti TEXT) STRICT;"
        "CREATE INDEX issue_uri ON issue (uri, id);"
        "CREATE INDEX issue_time ON issue (time_s);"
        "CREATE TABLE partner (cert_uri TEXT PRIMARY KEY, kms_uri TEXT NOT NULL, xml BLOB NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE cache_num (one INTEGER PRIMARY KEY CHECK (one = 1), num INTEGER NOT NULL) STRICT;"
        "INSERT INTO cache_num VALUES (1, 1)",
        NULL,
};

/* What a function gets: arguments of the call, and where the answer goes. */
struct call {
        void *mem;
        const void *in;
        const char *text, *after;
        size_t n;
        int64_t now_s;
        bool flag, check_only;
        void *out;
        size_t *out_n;
        int64_t *out_num;
};

/* Room for one more on a list that grows by doubling. False: no memory. */
static bool grow(void *mem, void *list_at, size_t n, size_t size)
{
        void *list;
        memcpy(&list, list_at, sizeof list);
        if (n >= 8 && (n & (n - 1)) != 0)
                return true;
        if (n != 0 && n < 8)
                return true;
        list = talloc_realloc_size(mem, list, (n == 0 ? 8 : 2 * n) * size);
        memcpy(list_at, &list, sizeof list);
        return list != NULL;
}

/* Master secrets */

static enum ecode master_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct kms_master_row *m = c->out;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT ksak, z, vseed, kpak, pub_z, kms_uri, key_period, key_offset, created_s"
                              " FROM master");
        if (e == E_NOT_FOUND)
                return err_set(er, e, NULL, "no master secrets yet");
        if (e != E_OK)
                return e;
        *m = (struct kms_master_row){ .ksak = db_col_blob(st, c->mem, 0),
                                      .z = db_col_blob(st, c->mem, 1),
                                      .vseed = db_col_blob(st, c->mem, 2),
                                      .kpak = db_col_blob(st, c->mem, 3),
                                      .pub_z = db_col_blob(st, c->mem, 4),
                                      .kms_uri = db_col_str(st, c->mem, 5),
                                      .key_period = (uint64_t)db_col_int(st, 6),
                                      .key_offset = (uint64_t)db_col_int(st, 7),
                                      .created_s = db_col_int(st, 8) };
        return E_OK;
}

static enum ecode master_get(struct store_kms *st, void *mem, struct kms_master_row *ret, struct err *er)
{
        return db_read(db_of(st), master_get_in, &(struct call){ .mem = mem, .out = ret }, er);
}

static enum ecode master_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct kms_master_row *m = ((struct call *)arg)->in;
        return db_exec(tx, er, "INSERT INTO master VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)", DB_BLOB(m->ksak),
                       DB_BLOB(m->z), DB_BLOB(m->vseed), DB_BLOB(m->kpak), DB_BLOB(m->pub_z), DB_TEXT(m->kms_uri),
                       DB_INT((int64_t)m->key_period), DB_INT((int64_t)m->key_offset), DB_INT(m->created_s));
}

static enum ecode master_put(struct store_kms *st, const struct kms_master_row *m, struct err *er)
{
        return db_write(db_of(st), master_put_in, &(struct call){ .in = m }, er);
}

/* Subjects */

static enum ecode check_free(struct db_tx *tx, const struct call *c, struct err *er)
{
        const struct kms_subject *list = c->in;
        for (size_t i = 0; i < c->n; i++) {
                struct db_stmt *st = NULL;
                enum ecode e =
                        db_one(tx, &st, er, "SELECT 1 FROM subject WHERE uri = ? AND (owner <> ? OR server <> ?)",
                               DB_TEXT(list[i].uri), DB_TEXT(c->text), DB_INT(c->flag));
                if (e == E_OK)
                        return err_set(er, E_EXISTS, "R-SA-122", "%.150s belongs to somebody else", list[i].uri);
                if (e != E_NOT_FOUND)
                        return e;
        }
        return E_OK;
}

/* services = -1 marks what is not on the list any more. */
static enum ecode subjects_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct call *c = arg;
        const struct kms_subject *list = c->in;
        enum ecode e = check_free(tx, c, er);
        if (e != E_OK || c->check_only)
                return e;
        e = db_exec(tx, er, "UPDATE subject SET services = -1 WHERE owner = ? AND server = ?", DB_TEXT(c->text),
                    DB_INT(c->flag));
        for (size_t i = 0; e == E_OK && i < c->n; i++)
                e = db_exec(tx, er,
                            "INSERT INTO subject (uri, services, owner, server, created_s) VALUES (?, ?, ?, ?, ?)"
                            " ON CONFLICT (uri) DO UPDATE SET services = excluded.services",
                            DB_TEXT(list[i].uri), DB_INT(list[i].services), DB_TEXT(c->text), DB_INT(c->flag),
                            DB_INT(c->now_s));
        if (e == E_OK)
                e = db_exec(tx, er, "DELETE FROM subject WHERE owner = ? AND services = -1", DB_TEXT(c->text));
        return e;
}

static enum ecode subjects_put(struct store_kms *st, const char *owner, bool server, const struct kms_subject *list,
                               size_t n, int64_t now_s, bool check_only, struct err *er)
{
        struct call c = { .text = owner, .flag = server, .in = list, .n = n, .now_s = now_s, .check_only = check_only };
        return check_only ? db_read(db_of(st), subjects_put_in, &c, er) : db_write(db_of(st), subjects_put_in, &c, er);
}

#define SUBJECT_COLS "uri, services, owner, server, created_s"

static void subject_row(struct db_stmt *st, void *mem, struct kms_subject *s)
{
        *s = (struct kms_subject){ .uri = db_col_str(st, mem, 0),
                                   .services = (unsigned)db_col_int(st, 1),
                                   .owner = db_col_str(st, mem, 2),
                                   .server = db_col_int(st, 3) != 0,
                                   .created_s = db_col_int(st, 4) };
}

static enum ecode subject_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " SUBJECT_COLS " FROM subject WHERE uri = ?", DB_TEXT(c->text));
        if (e == E_OK)
                subject_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? err_set(er, e, NULL, "there is no user or server of this URI") : e;
}

static enum ecode subject_get(struct store_kms *st, void *mem, const char *uri, struct kms_subject *ret, struct err *er)
{
        return db_read(db_of(st), subject_get_in, &(struct call){ .mem = mem, .text = uri, .out = ret }, er);
}

static enum ecode subject_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        struct kms_subject *list = NULL;
        bool row;
        size_t n = 0;
        enum ecode e =
                c->text != NULL
                        ? db_query(tx, &st, er, "SELECT " SUBJECT_COLS " FROM subject WHERE owner = ? ORDER BY uri",
                                   DB_TEXT(c->text))
                        : db_query(tx, &st, er,
                                   "SELECT " SUBJECT_COLS " FROM subject WHERE owner IN (SELECT DISTINCT owner"
                                   " FROM subject WHERE owner > ? ORDER BY owner LIMIT ?) ORDER BY owner, uri",
                                   DB_TEXT(c->after), DB_INT((int64_t)c->n));
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!grow(c->mem, &list, n, sizeof *list))
                        return err_set(er, E_NOMEM, NULL, "list");
                subject_row(st, c->mem, &list[n++]);
        }
        if (e == E_OK) {
                *(struct kms_subject **)c->out = list;
                *c->out_n = n;
        }
        return e;
}

static enum ecode subject_list(struct store_kms *st, void *mem, const char *owner, const char *after, size_t most,
                               struct kms_subject **ret, size_t *ret_n, struct err *er)
{
        struct call c = { .mem = mem, .text = owner, .after = after, .n = most, .out = ret, .out_n = ret_n };
        return db_read(db_of(st), subject_list_in, &c, er);
}

static enum ecode owner_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        enum ecode e = db_exec(tx, er, "DELETE FROM subject WHERE owner = ?", DB_TEXT(c->text));
        if (e == E_OK && db_changes(tx) == 0)
                e = err_set(er, E_NOT_FOUND, NULL, "there is no user or server %.150s", c->text);
        return e;
}

static enum ecode owner_del(struct store_kms *st, const char *owner, struct err *er)
{
        return db_write(db_of(st), owner_del_in, &(struct call){ .text = owner }, er);
}

/* Issues */

static enum ecode issue_add_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        const struct kms_issue *list = c->in;
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < c->n; i++)
                e = db_exec(tx, er,
                            "INSERT INTO issue (time_s, uri, period_no, via, client_id, jti) VALUES (?, ?, ?, ?, ?, ?)",
                            DB_INT(list[i].time_s), DB_TEXT(list[i].uri), DB_INT(list[i].period_no),
                            DB_TEXT(list[i].via), DB_TEXT(list[i].client_id), DB_TEXT(list[i].jti));
        return e;
}

static enum ecode issue_add(struct store_kms *st, const struct kms_issue *list, size_t n, struct err *er)
{
        return db_write(db_of(st), issue_add_in, &(struct call){ .in = list, .n = n }, er);
}

#define ISSUE_COLS "time_s, uri, period_no, via, client_id, jti"

static enum ecode issue_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        struct kms_issue *list = NULL;
        bool row;
        size_t n = 0;
        enum ecode e = c->text != NULL
                               ? db_query(tx, &st, er,
                                          "SELECT " ISSUE_COLS " FROM issue WHERE uri = ?"
                                          " ORDER BY id DESC LIMIT ?",
                                          DB_TEXT(c->text), DB_INT((int64_t)c->n))
                               : db_query(tx, &st, er, "SELECT " ISSUE_COLS " FROM issue ORDER BY id DESC LIMIT ?",
                                          DB_INT((int64_t)c->n));
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!grow(c->mem, &list, n, sizeof *list))
                        return err_set(er, E_NOMEM, NULL, "list");
                list[n++] = (struct kms_issue){ .time_s = db_col_int(st, 0),
                                                .uri = db_col_str(st, c->mem, 1),
                                                .period_no = db_col_int(st, 2),
                                                .via = db_col_str(st, c->mem, 3),
                                                .client_id = db_col_text(st, c->mem, 4),
                                                .jti = db_col_text(st, c->mem, 5) };
        }
        if (e == E_OK) {
                *(struct kms_issue **)c->out = list;
                *c->out_n = n;
        }
        return e;
}

static enum ecode issue_list(struct store_kms *st, void *mem, const char *uri, size_t most, struct kms_issue **ret,
                             size_t *ret_n, struct err *er)
{
        struct call c = { .mem = mem, .text = uri, .n = most, .out = ret, .out_n = ret_n };
        return db_read(db_of(st), issue_list_in, &c, er);
}

static enum ecode issue_prune_in(struct db_tx *tx, void *arg, struct err *er)
{
        return db_exec(tx, er, "DELETE FROM issue WHERE time_s < ?", DB_INT(((struct call *)arg)->now_s));
}

static enum ecode issue_prune(struct store_kms *st, int64_t before_s, struct err *er)
{
        return db_write(db_of(st), issue_prune_in, &(struct call){ .now_s = before_s }, er);
}

/* Partners: R-KMS-17, R-KMS-19 */

static enum ecode raise_cache_num(struct db_tx *tx, struct err *er)
{
        return db_exec(tx, er, "UPDATE cache_num SET num = num + 1");
}

static enum ecode partner_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct kms_partner *p = ((struct call *)arg)->in;
        enum ecode e = db_exec(tx, er,
                               "INSERT INTO partner (cert_uri, kms_uri, xml) VALUES (?, ?, ?) ON CONFLICT (cert_uri)"
                               " DO UPDATE SET kms_uri = excluded.kms_uri, xml = excluded.xml",
                               DB_TEXT(p->cert_uri), DB_TEXT(p->kms_uri), DB_BLOB(p->xml));
        return e == E_OK ? raise_cache_num(tx, er) : e;
}

static enum ecode partner_put(struct store_kms *st, const struct kms_partner *p, struct err *er)
{
        return db_write(db_of(st), partner_put_in, &(struct call){ .in = p }, er);
}

static enum ecode partner_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        enum ecode e = db_exec(tx, er, "DELETE FROM partner WHERE cert_uri = ?", DB_TEXT(c->text));
        if (e == E_OK && db_changes(tx) == 0)
                return err_set(er, E_NOT_FOUND, NULL, "there is no certificate %.150s", c->text);
        return e == E_OK ? raise_cache_num(tx, er) : e;
}

static enum ecode partner_del(struct store_kms *st, const char *cert_uri, struct err *er)
{
        return db_write(db_of(st), partner_del_in, &(struct call){ .text = cert_uri }, er);
}

static enum ecode partner_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        struct kms_partner *list = NULL;
        bool row;
        size_t n = 0;
        enum ecode e = db_one(tx, &st, er, "SELECT num FROM cache_num");
        if (e != E_OK)
                return e;
        *c->out_num = db_col_int(st, 0);
        e = db_query(tx, &st, er, "SELECT cert_uri, kms_uri, xml FROM partner ORDER BY cert_uri");
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!grow(c->mem, &list, n, sizeof *list))
                        return err_set(er, E_NOMEM, NULL, "list");
                list[n++] = (struct kms_partner){ db_col_str(st, c->mem, 0), db_col_str(st, c->mem, 1),
                                                  db_col_blob(st, c->mem, 2) };
        }
        if (e == E_OK) {
                *(struct kms_partner **)c->out = list;
                *c->out_n = n;
        }
        return e;
}

static enum ecode partner_list(struct store_kms *st, void *mem, struct kms_partner **ret, size_t *ret_n,
                               int64_t *ret_cache_num, struct err *er)
{
        struct call c = { .mem = mem, .out = ret, .out_n = ret_n, .out_num = ret_cache_num };
        return db_read(db_of(st), partner_list_in, &c, er);
}

enum ecode kms_sqlite_open(void *mem, const char *path, struct store_kms **ret, struct err *er)
{
        struct kms_sqlite *st = talloc_zero(mem, struct kms_sqlite);
        if (st == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = db_open(st, &(struct db_conf){ .path = path, .migrations = migrations }, &st->db, er);
        if (e != E_OK) {
                talloc_free(st);
                return e;
        }
        st->port = (struct store_kms){ .master_get = master_get,
                                       .master_put = master_put,
                                       .subjects_put = subjects_put,
                                       .subject_get = subject_get,
                                       .subject_list = subject_list,
                                       .owner_del = owner_del,
                                       .issue_add = issue_add,
                                       .issue_list = issue_list,
                                       .issue_prune = issue_prune,
                                       .partner_put = partner_put,
                                       .partner_del = partner_del,
                                       .partner_list = partner_list };
        *ret = &st->port;
        return E_OK;
}

enum ecode kms_store_open(void *mem, const struct role_env *env, void **ret, struct err *er)
{
        struct store_kms *st = NULL;
        char *path = talloc_asprintf(mem, "%s/kms.db", env->state_dir);
        if (path == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = kms_sqlite_open(mem, path, &st, er);
        talloc_free(path);
        if (e == E_OK)
                *ret = st;
        return e;
}
