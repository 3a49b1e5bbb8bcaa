/* Logins, codes, tokens. */
#include "adapter/store/idm_sqlite_priv.h"

#include <talloc.h>

/* Logins under way */

static enum ecode txn_begin_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct idm_txn *t = ((struct idm_call *)arg)->in;
        return db_exec(tx, er,
                       "INSERT INTO txn (handle, client_id, redirect_uri, state, nonce, scope, challenge, login_hint,"
                       " expires_s, sub, auth_time_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
                       HASH(&t->handle), DB_TEXT(t->client_id), DB_TEXT(t->redirect_uri), DB_TEXT(t->state),
                       DB_TEXT(t->nonce), DB_TEXT(t->scope), DB_TEXT(t->challenge), DB_TEXT(t->login_hint),
                       DB_INT(t->expires_s));
}

static enum ecode txn_begin(struct store_idm *st, const struct idm_txn *t, struct err *er)
{
        return db_write(idm_db(st), txn_begin_in, &(struct idm_call){ .in = t }, er);
}

static enum ecode no_txn(struct err *er)
{
        return err_set(er, E_NOT_FOUND, NULL, "this login is over: it took too long, or was finished before");
}

static enum ecode txn_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT client_id, redirect_uri, state, nonce, scope, challenge, login_hint, expires_s,"
                              " sub, auth_time_s FROM txn WHERE handle = ? AND expires_s > ?",
                              HASH(c->hash), DB_INT(c->i));
        if (e != E_OK)
                return e == E_NOT_FOUND ? no_txn(er) : e;
        *(struct idm_txn *)c->out = (struct idm_txn){ .handle = *c->hash,
                                                      .client_id = db_col_text(st, c->mem, 0),
                                                      .redirect_uri = db_col_text(st, c->mem, 1),
                                                      .state = db_col_text(st, c->mem, 2),
                                                      .nonce = db_col_text(st, c->mem, 3),
                                                      .scope = db_col_text(st, c->mem, 4),
                                                      .challenge = db_col_text(st, c->mem, 5),
                                                      .login_hint = db_col_text(st, c->mem, 6),
                                                      .expires_s = db_col_int(st, 7),
                                                      .sub = db_col_text(st, c->mem, 8),
                                                      .auth_time_s = db_col_int(st, 9) };
        return E_OK;
}

static enum ecode txn_get(struct store_idm *st, void *mem, const struct idm_hash *handle, int64_t now_s,
                          struct idm_txn *ret, struct err *er)
{
        struct idm_call c = { .mem = mem, .hash = handle, .i = now_s, .out = ret };
        return db_read(idm_db(st), txn_get_in, &c, er);
}

static enum ecode clear_failures(struct db_tx *tx, const char *key, struct err *er)
{
        return key == NULL ? E_OK : db_exec(tx, er, "DELETE FROM failure WHERE key = ?", DB_TEXT(key));
}

static enum ecode txn_proven_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        const struct idm_txn *t = c->in;
        enum ecode e = clear_failures(tx, c->text, er);
        if (e == E_OK)
                e = db_exec(tx, er, "UPDATE txn SET sub = ?, auth_time_s = ? WHERE handle = ? AND sub IS NULL",
                            DB_TEXT(t->sub), DB_INT(t->auth_time_s), HASH(&t->handle));
        return e == E_OK && db_changes(tx) == 0 ? no_txn(er) : e;
}

static enum ecode txn_proven(struct store_idm *st, const struct idm_txn *t, const char *failure_key, struct err *er)
{
        return db_write(idm_db(st), txn_proven_in, &(struct idm_call){ .in = t, .text = failure_key }, er);
}

static enum ecode put_code(struct db_tx *tx, const struct idm_code *k, struct err *er)
{
        const struct idm_family *f = &k->family;
        enum ecode e = db_exec(tx, er,
                               "INSERT INTO family (id, sub, client_id, scope, nonce, auth_time_s, created_s,"
                               " expires_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                               DB_TEXT(f->id), DB_TEXT(f->sub), DB_TEXT(f->client_id), DB_TEXT(f->scope),
                               DB_TEXT(f->nonce), DB_INT(f->auth_time_s), DB_INT(f->created_s), DB_INT(f->expires_s));
        if (e != E_OK)
                return e;
        return db_exec(
                tx, er, "INSERT INTO code (hash, family, redirect_uri, challenge, expires_s) VALUES (?, ?, ?, ?, ?)",
                HASH(&k->hash), DB_TEXT(f->id), DB_TEXT(k->redirect_uri), DB_TEXT(k->challenge), DB_INT(k->expires_s));
}

static enum ecode txn_finish_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        const struct idm_code *k = c->in;
        enum ecode e = db_exec(tx, er, "DELETE FROM txn WHERE handle = ?", HASH(c->hash));
        if (e == E_OK && db_changes(tx) == 0)
                return no_txn(er);
        if (e == E_OK)
                e = clear_failures(tx, c->text, er);
        if (e == E_OK)
                e = db_exec(tx, er, "UPDATE user SET last_login_s = ? WHERE sub = ?", DB_INT(k->family.auth_time_s),
                            DB_TEXT(k->family.sub));
        return e == E_OK ? put_code(tx, k, er) : e;
}

static enum ecode txn_finish(struct store_idm *st, const struct idm_hash *handle, const struct idm_code *code,
                             const char *failure_key, struct err *er)
{
        struct idm_call c = { .hash = handle, .in = code, .text = failure_key };
        return db_write(idm_db(st), txn_finish_in, &c, er);
}

static enum ecode txn_drop_in(struct db_tx *tx, void *arg, struct err *er)
{
        enum ecode e = db_exec(tx, er, "DELETE FROM txn WHERE handle = ?", HASH(((struct idm_call *)arg)->hash));
        return e == E_OK && db_changes(tx) == 0 ? no_txn(er) : e;
}

static enum ecode txn_drop(struct store_idm *st, const struct idm_hash *handle, struct err *er)
{
        return db_write(idm_db(st), txn_drop_in, &(struct idm_call){ .hash = handle }, er);
}

/* Failures */

static enum ecode failures_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        struct idm_failures f = { 0 };
        enum ecode e = db_one(tx, &st, er, "SELECT count, last_s FROM failure WHERE key = ? AND last_s >= ?",
                              DB_TEXT(c->text), DB_INT(c->i));
        if (e == E_OK)
                f = (struct idm_failures){ db_col_int(st, 0), db_col_int(st, 1) };
        if (e == E_OK || e == E_NOT_FOUND)
                *(struct idm_failures *)c->out = f;
        return e == E_NOT_FOUND ? E_OK : e;
}

static enum ecode failures_get(struct store_idm *st, const char *key, int64_t since_s, struct idm_failures *ret,
                               struct err *er)
{
        return db_read(idm_db(st), failures_get_in, &(struct idm_call){ .text = key, .i = since_s, .out = ret }, er);
}

static enum ecode failures_add_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        return db_exec(tx, er,
                       "INSERT INTO failure (key, count, last_s) VALUES (?1, 1, ?2) ON CONFLICT (key) DO UPDATE"
                       " SET count = CASE WHEN last_s < ?3 THEN 1 ELSE count + 1 END, last_s = ?2",
                       DB_TEXT(c->text), DB_INT(c->j), DB_INT(c->i));
}

static enum ecode failures_add(struct store_idm *st, const char *key, int64_t since_s, int64_t now_s, struct err *er)
{
        return db_write(idm_db(st), failures_add_in, &(struct idm_call){ .text = key, .i = since_s, .j = now_s }, er);
}

/* Families */

#define FAMILY_COLS   "f.id, f.sub, f.client_id, f.scope, f.nonce, f.auth_time_s, f.created_s, f.expires_s, f.revoked"
#define FAMILY_COLS_N 9

static struct idm_family family_row(struct db_stmt *st, void *mem)
{
        return (struct idm_family){ .id = db_col_text(st, mem, 0),
                                    .sub = db_col_text(st, mem, 1),
                                    .client_id = db_col_text(st, mem, 2),
                                    .scope = db_col_text(st, mem, 3),
                                    .nonce = db_col_text(st, mem, 4),
                                    .auth_time_s = db_col_int(st, 5),
                                    .created_s = db_col_int(st, 6),
                                    .expires_s = db_col_int(st, 7),
                                    .revoked = db_col_int(st, 8) != 0 };
}

static enum ecode family_revoke_in(struct db_tx *tx, void *arg, struct err *er)
{
        return db_exec(tx, er, "UPDATE family SET revoked = 1 WHERE id = ?", DB_TEXT(((struct idm_call *)arg)->text));
}

static enum ecode family_revoke(struct store_idm *st, const char *id, struct err *er)
{
        return db_write(idm_db(st), family_revoke_in, &(struct idm_call){ .text = id }, er);
}

/* Redeemed ones only: what waits for its code is no session yet. */
static enum ecode family_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        struct idm_family *list = NULL;
        size_t n = 0;
        bool row = true;
        enum ecode e = db_query(tx, &st, er,
                                "SELECT " FAMILY_COLS " FROM family f WHERE f.revoked = 0 AND f.expires_s > ?1"
                                " AND (?2 IS NULL OR f.sub = ?2) AND EXISTS (SELECT 1 FROM refresh r"
                                " WHERE r.family = f.id AND r.rotated_s = 0 AND r.expires_s > ?1)"
                                " ORDER BY f.created_s DESC, f.id LIMIT ?3",
                                DB_INT(c->i), DB_TEXT(c->text), DB_INT(c->j));
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (n % 16 == 0 && (list = talloc_realloc_size(c->mem, list, (n + 16) * sizeof *list)) == NULL)
                        return err_set(er, E_NOMEM, NULL, "list");
                list[n++] = family_row(st, list);
        }
        *(struct idm_family **)c->out = list;
        *c->out_n = n;
        return e;
}

static enum ecode family_list(struct store_idm *st, void *mem, const char *sub, int64_t now_s, size_t most,
                              struct idm_family **ret, size_t *ret_n, struct err *er)
{
        struct idm_family *list = NULL;
        size_t n = 0;
        struct idm_call c = {
                .mem = mem,
                .text = sub,
                .i = now_s,
                .j = (int64_t)most,
                .out = &list,
                .out_n = &n,
        };
        enum ecode e = db_read(idm_db(st), family_list_in, &c, er);
        if (e == E_OK) {
                *ret = list;
                *ret_n = n;
        }
        return e;
}

static enum ecode family_end_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e = db_exec(tx, er,
                               "UPDATE family SET revoked = 1 WHERE sub = ?1 AND revoked = 0"
                               " AND (?2 IS NULL OR client_id = ?2)",
                               DB_TEXT(c->text), DB_TEXT(c->more));
        if (e == E_OK)
                *c->count = db_changes(tx);
        return e;
}

static enum ecode family_end(struct store_idm *st, const char *sub, const char *client_id, int64_t *ret_n,
                             struct err *er)
{
        int64_t n = 0;
        struct idm_call c = { .text = sub, .more = client_id, .count = &n };
        enum ecode e = db_write(idm_db(st), family_end_in, &c, er);
        if (e == E_OK)
                *ret_n = n;
        return e;
}

/* Codes */

static enum ecode code_find_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT " FAMILY_COLS ", c.redirect_uri, c.challenge, c.expires_s, c.spent"
                              " FROM code c JOIN family f ON f.id = c.family WHERE c.hash = ?",
                              HASH(c->hash));
        if (e != E_OK)
                return e == E_NOT_FOUND ? err_set(er, e, NULL, "no such code") : e;
        *(struct idm_code *)c->out = (struct idm_code){ .hash = *c->hash,
                                                        .family = family_row(st, c->mem),
                                                        .redirect_uri = db_col_text(st, c->mem, FAMILY_COLS_N),
                                                        .challenge = db_col_text(st, c->mem, FAMILY_COLS_N + 1),
                                                        .expires_s = db_col_int(st, FAMILY_COLS_N + 2),
                                                        .spent = db_col_int(st, FAMILY_COLS_N + 3) != 0 };
        return E_OK;
}

static enum ecode code_find(struct store_idm *st, void *mem, const struct idm_hash *hash, struct idm_code *ret,
                            struct err *er)
{
        return db_read(idm_db(st), code_find_in, &(struct idm_call){ .mem = mem, .hash = hash, .out = ret }, er);
}

static enum ecode family_lives(struct db_tx *tx, const char *id, struct err *er)
{
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT 1 FROM family WHERE id = ? AND revoked = 0", DB_TEXT(id));
        return e == E_NOT_FOUND ? err_set(er, E_REFRESH_UNKNOWN, NULL, "the grant was revoked meanwhile") : e;
}

static enum ecode put_tokens(struct db_tx *tx, const char *family, const struct idm_issue *t, struct err *er)
{
        enum ecode e = db_exec(tx, er, "INSERT INTO refresh (hash, family, issued_s, expires_s) VALUES (?, ?, ?, ?)",
                               HASH(&t->refresh), DB_TEXT(family), DB_INT(t->now_s), DB_INT(t->refresh_expires_s));
        if (e != E_OK)
                return e;
        return db_exec(tx, er, "INSERT INTO access (jti, family, expires_s) VALUES (?, ?, ?)", DB_TEXT(t->jti),
                       DB_TEXT(family), DB_INT(t->access_expires_s));
}

static enum ecode code_redeem_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e = db_exec(tx, er, "UPDATE code SET spent = 1 WHERE hash = ? AND spent = 0", HASH(c->hash));
        if (e == E_OK && db_changes(tx) == 0)
                return err_set(er, E_CODE_SPENT, "R-ID-64", "the code was used before");
        if (e == E_OK)
                e = family_lives(tx, c->text, er);
        if (e == E_OK)
                e = db_exec(tx, er, "UPDATE family SET expires_s = ? WHERE id = ?", DB_INT(c->issue->family_expires_s),
                            DB_TEXT(c->text));
        return e == E_OK ? put_tokens(tx, c->text, c->issue, er) : e;
}

static enum ecode code_redeem(struct store_idm *st, const struct idm_hash *hash, const char *family,
                              const struct idm_issue *tokens, struct err *er)
{
        struct idm_call c = { .hash = hash, .text = family, .issue = tokens };
        return db_write(idm_db(st), code_redeem_in, &c, er);
}

static enum ecode code_burn_in(struct db_tx *tx, void *arg, struct err *er)
{
        return db_exec(tx, er, "UPDATE code SET spent = 1 WHERE hash = ?", HASH(((struct idm_call *)arg)->hash));
}

static enum ecode code_burn(struct store_idm *st, const struct idm_hash *hash, struct err *er)
{
        return db_write(idm_db(st), code_burn_in, &(struct idm_call){ .hash = hash }, er);
}

/* Refresh tokens */

static enum ecode refresh_find_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT " FAMILY_COLS ", r.issued_s, r.expires_s, r.rotated_s, r.asked_scope, r.answer,"
                              " EXISTS (SELECT 1 FROM refresh n WHERE n.hash = r.successor AND n.rotated_s <> 0)"
                              " FROM refresh r JOIN family f ON f.id = r.family WHERE r.hash = ?",
                              HASH(c->hash));
        if (e != E_OK)
                return e == E_NOT_FOUND ? err_set(er, e, NULL, "no such refresh token") : e;
        *(struct idm_refresh *)c->out =
                (struct idm_refresh){ .hash = *c->hash,
                                      .family = family_row(st, c->mem),
                                      .issued_s = db_col_int(st, FAMILY_COLS_N),
                                      .expires_s = db_col_int(st, FAMILY_COLS_N + 1),
                                      .rotated_s = db_col_int(st, FAMILY_COLS_N + 2),
                                      .asked_scope = db_col_str(st, c->mem, FAMILY_COLS_N + 3),
                                      .answer = db_col_blob(st, c->mem, FAMILY_COLS_N + 4),
                                      .successor_used = db_col_int(st, FAMILY_COLS_N + 5) != 0 };
        return E_OK;
}

static enum ecode refresh_find(struct store_idm *st, void *mem, const struct idm_hash *hash, struct idm_refresh *ret,
                               struct err *er)
{
        return db_read(idm_db(st), refresh_find_in, &(struct idm_call){ .mem = mem, .hash = hash, .out = ret }, er);
}

static enum ecode refresh_rotate_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e = db_exec(tx, er,
                               "UPDATE refresh SET rotated_s = ?, successor = ?, asked_scope = ?, answer = ?"
                               " WHERE hash = ? AND rotated_s = 0",
                               DB_INT(c->issue->now_s), HASH(&c->issue->refresh), DB_TEXT(c->more), DB_BLOB(c->blob),
                               HASH(c->hash));
        if (e == E_OK && db_changes(tx) == 0)
                return err_set(er, E_CONFLICT, NULL, "the refresh token was exchanged meanwhile");
        if (e == E_OK)
                e = family_lives(tx, c->text, er);
        return e == E_OK ? put_tokens(tx, c->text, c->issue, er) : e;
}

static enum ecode refresh_rotate(struct store_idm *st, const struct idm_hash *old, const char *family,
                                 const char *asked_scope, struct bytes answer, const struct idm_issue *tokens,
                                 struct err *er)
{
        struct idm_call c = { .hash = old, .text = family, .more = asked_scope, .blob = answer, .issue = tokens };
        return db_write(idm_db(st), refresh_rotate_in, &c, er);
}

/* Access tokens */

static enum ecode access_find_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT " FAMILY_COLS ", a.expires_s, a.revoked FROM access a"
                              " JOIN family f ON f.id = a.family WHERE a.jti = ?",
                              DB_TEXT(c->text));
        if (e != E_OK)
                return e == E_NOT_FOUND ? err_set(er, e, NULL, "no such access token") : e;
        *(struct idm_access *)c->out = (struct idm_access){ .jti = talloc_strdup(c->mem, c->text),
                                                            .family = family_row(st, c->mem),
                                                            .expires_s = db_col_int(st, FAMILY_COLS_N),
                                                            .revoked = db_col_int(st, FAMILY_COLS_N + 1) != 0 };
        return E_OK;
}

static enum ecode access_find(struct store_idm *st, void *mem, const char *jti, struct idm_access *ret, struct err *er)
{
        return db_read(idm_db(st), access_find_in, &(struct idm_call){ .mem = mem, .text = jti, .out = ret }, er);
}

static enum ecode access_revoke_in(struct db_tx *tx, void *arg, struct err *er)
{
        return db_exec(tx, er, "UPDATE access SET revoked = 1 WHERE jti = ?", DB_TEXT(((struct idm_call *)arg)->text));
}

static enum ecode access_revoke(struct store_idm *st, const char *jti, struct err *er)
{
        return db_write(idm_db(st), access_revoke_in, &(struct idm_call){ .text = jti }, er);
}

/* Pushed requests, and what may come once */

static enum ecode pushed_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct idm_pushed *p = ((struct idm_call *)arg)->in;
        return db_exec(tx, er, "INSERT INTO pushed (handle, client_id, form, expires_s) VALUES (?, ?, ?, ?)",
                       HASH(&p->handle), DB_TEXT(p->client_id), DB_TEXT(p->form), DB_INT(p->expires_s));
}

static enum ecode pushed_put(struct store_idm *st, const struct idm_pushed *p, struct err *er)
{
        return db_write(idm_db(st), pushed_put_in, &(struct idm_call){ .in = p }, er);
}

static enum ecode pushed_take_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e =
                db_one(tx, &st, er, "SELECT client_id, form, expires_s FROM pushed WHERE handle = ? AND expires_s > ?",
                       HASH(c->hash), DB_INT(c->i));
        if (e != E_OK)
                return e == E_NOT_FOUND ? err_set(er, e, NULL, "no such pushed request") : e;
        *(struct idm_pushed *)c->out = (struct idm_pushed){ .handle = *c->hash,
                                                            .client_id = db_col_text(st, c->mem, 0),
                                                            .form = db_col_text(st, c->mem, 1),
                                                            .expires_s = db_col_int(st, 2) };
        return db_exec(tx, er, "DELETE FROM pushed WHERE handle = ?", HASH(c->hash));
}

static enum ecode pushed_take(struct store_idm *st, void *mem, const struct idm_hash *handle, int64_t now_s,
                              struct idm_pushed *ret, struct err *er)
{
        struct idm_call c = { .mem = mem, .hash = handle, .i = now_s, .out = ret };
        return db_write(idm_db(st), pushed_take_in, &c, er);
}

static enum ecode once_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e =
                db_exec(tx, NULL, "INSERT INTO once (what, until_s) VALUES (?, ?)", DB_TEXT(c->text), DB_INT(c->i));
        if (e == E_EXISTS)
                return err_set(er, E_REPLAY, NULL, "this was seen before");
        return e == E_OK ? E_OK : err_set(er, e, NULL, "could not be remembered");
}

static enum ecode once(struct store_idm *st, const char *what, int64_t until_s, struct err *er)
{
        return db_write(idm_db(st), once_in, &(struct idm_call){ .text = what, .i = until_s }, er);
}

/* Expiry */

/* How long something that is over can still be told from something that never was. */
#define LINGER_S       600
#define FAILURE_KEEP_S 86400

static enum ecode expire_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        const struct {
                const char *sql;
                int64_t before;
        } step[] = {
                { "DELETE FROM txn WHERE expires_s < ?", c->i },
                { "DELETE FROM pushed WHERE expires_s < ?", c->i },
                { "DELETE FROM once WHERE until_s < ?", c->i },
                { "DELETE FROM failure WHERE last_s < ?", c->i - FAILURE_KEEP_S },
                { "DELETE FROM access WHERE expires_s < ?", c->i - LINGER_S },
                { "DELETE FROM refresh WHERE expires_s < ?", c->i - LINGER_S },
                { "DELETE FROM family WHERE expires_s < ?", c->i - LINGER_S },
                { "DELETE FROM signing_key WHERE drop_at_s <> 0 AND drop_at_s < ?", c->i },
                { "UPDATE refresh SET answer = NULL WHERE answer IS NOT NULL AND rotated_s < ?", c->j },
        };
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < COUNT(step); i++)
                e = db_exec(tx, er, step[i].sql, DB_INT(step[i].before));
        return e;
}

static enum ecode expire(struct store_idm *st, int64_t now_s, int64_t grace_s, struct err *er)
{
        return db_write(idm_db(st), expire_in, &(struct idm_call){ .i = now_s, .j = grace_s }, er);
}

static enum ecode count_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT (SELECT count(*) FROM user),"
                              " (SELECT count(*) FROM family WHERE revoked = 0 AND expires_s > ?)",
                              DB_INT(c->i));
        if (e == E_OK) {
                *c->count = db_col_int(st, 0);
                *c->count2 = db_col_int(st, 1);
        }
        return e;
}

static enum ecode count(struct store_idm *st, int64_t now_s, int64_t *ret_users, int64_t *ret_families, struct err *er)
{
        struct idm_call c = { .i = now_s, .count = ret_users, .count2 = ret_families };
        return db_read(idm_db(st), count_in, &c, er);
}

void idm_sqlite_set_flow(struct store_idm *st)
{
        st->txn_begin = txn_begin;
        st->txn_get = txn_get;
        st->txn_proven = txn_proven;
        st->txn_finish = txn_finish;
        st->txn_drop = txn_drop;
        st->failures_get = failures_get;
        st->failures_add = failures_add;
        st->family_revoke = family_revoke;
        st->family_list = family_list;
        st->family_end = family_end;
        st->code_find = code_find;
        st->code_redeem = code_redeem;
        st->code_burn = code_burn;
        st->refresh_find = refresh_find;
        st->refresh_rotate = refresh_rotate;
        st->access_find = access_find;
        st->access_revoke = access_revoke;
        st->pushed_put = pushed_put;
        st->pushed_take = pushed_take;
        st->once = once;
        st->expire = expire;
        st->count = count;
}
