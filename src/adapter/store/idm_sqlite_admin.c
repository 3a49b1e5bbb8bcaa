/* Users, clients and keys. */
#include "adapter/store/idm_sqlite_priv.h"

#include <talloc.h>

/* One past the last of an array that grows on mem; NULL: no memory. */
#define GROW(mem, list, n)                                                                                             \
        ((n) % 16 != 0 ? true : ((list) = talloc_realloc_size((mem), (list), ((n) + 16) * sizeof *(list))) != NULL)

/* Users */

#define USER_COLS                                                                                                      \
        "sub, mc_id, name, password_hash, mcptt_id, mcvideo_id, mcdata_id, extra_scopes, enabled, created_s,"          \
        " last_login_s"

static void user_row(struct db_stmt *st, void *mem, struct idm_user *u)
{
        *u = (struct idm_user){ .sub = db_col_text(st, mem, 0),
                                .mc_id = db_col_text(st, mem, 1),
                                .name = db_col_text(st, mem, 2),
                                .password_hash = db_col_text(st, mem, 3),
                                .mcptt_id = db_col_text(st, mem, 4),
                                .mcvideo_id = db_col_text(st, mem, 5),
                                .mcdata_id = db_col_text(st, mem, 6),
                                .extra_scopes = db_col_text(st, mem, 7),
                                .enabled = db_col_int(st, 8) != 0,
                                .created_s = db_col_int(st, 9),
                                .last_login_s = db_col_int(st, 10) };
}

static enum ecode revoke_all_of(struct db_tx *tx, const char *mc_id, struct err *er)
{
        return db_exec(tx, er,
                       "UPDATE family SET revoked = 1 WHERE revoked = 0 AND"
                       " sub = (SELECT sub FROM user WHERE mc_id = ?)",
                       DB_TEXT(mc_id));
}

static enum ecode not_found(struct err *er, const char *what, const char *name)
{
        return err_set(er, E_NOT_FOUND, NULL, "there is no %s %s", what, name);
}

/* What an existing user was must not outlive what they are now. */
static enum ecode user_put_end_old(struct db_tx *tx, const struct idm_user *u, struct err *er)
{
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT password_hash IS NOT ? FROM user WHERE mc_id = ?",
                              DB_TEXT(u->password_hash), DB_TEXT(u->mc_id));
        if (e == E_NOT_FOUND) {
                e = db_one(tx, &st, er, "SELECT 1 FROM sub_gone WHERE sub = ?", DB_TEXT(u->sub));
                if (e == E_OK)
                        return err_set(er, E_EXISTS, "R-ID-12", "this subject identifier belonged to another user");
                return e == E_NOT_FOUND ? E_OK : e;
        }
        if (e == E_OK && (db_col_int(st, 0) != 0 || !u->enabled))
                return revoke_all_of(tx, u->mc_id, er);
        return e;
}

static enum ecode user_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct idm_user *u = ((struct idm_call *)arg)->in;
        enum ecode e = user_put_end_old(tx, u, er);
        if (e != E_OK)
                return e;
        struct err why = { 0 };
        e = db_exec(tx, &why,
                    "INSERT INTO user (" USER_COLS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (mc_id) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash,"
                    " mcptt_id = excluded.mcptt_id, mcvideo_id = excluded.mcvideo_id, mcdata_id = excluded.mcdata_id,"
                    " extra_scopes = excluded.extra_scopes, enabled = excluded.enabled",
                    DB_TEXT(u->sub), DB_TEXT(u->mc_id), DB_TEXT(u->name), DB_TEXT(u->password_hash),
                    DB_TEXT(u->mcptt_id), DB_TEXT(u->mcvideo_id), DB_TEXT(u->mcdata_id), DB_TEXT(u->extra_scopes),
                    DB_INT(u->enabled), DB_INT(u->created_s), DB_INT(u->last_login_s));
        if (e == E_EXISTS)
                return err_set(er, e, "R-ID-10", "another user has this identity (%s)", why.text);
        return e == E_OK ? E_OK : err_set(er, e, NULL, "%s", why.text);
}

static enum ecode user_put(struct store_idm *st, const struct idm_user *u, struct err *er)
{
        return db_write(idm_db(st), user_put_in, &(struct idm_call){ .in = u }, er);
}

static enum ecode user_check_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct idm_user *u = ((struct idm_call *)arg)->in;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er,
                              "SELECT mcptt_id IS ?2, mcvideo_id IS ?3 FROM user"
                              " WHERE (mcptt_id = ?2 OR mcvideo_id = ?3 OR mcdata_id = ?4) AND mc_id <> ?1",
                              DB_TEXT(u->mc_id), DB_TEXT(u->mcptt_id), DB_TEXT(u->mcvideo_id), DB_TEXT(u->mcdata_id));
        if (e != E_OK)
                return e == E_NOT_FOUND ? E_OK : e;
        bool ptt = u->mcptt_id != NULL && db_col_int(st, 0) != 0,
             video = u->mcvideo_id != NULL && db_col_int(st, 1) != 0;
        return err_set(er, E_EXISTS, "R-ID-10", "another user has this identity (%s)",
                       ptt     ? "mcptt_id"
                       : video ? "mcvideo_id"
                               : "mcdata_id");
}

static enum ecode user_check(struct store_idm *st, const struct idm_user *u, struct err *er)
{
        return db_read(idm_db(st), user_check_in, &(struct idm_call){ .in = u }, er);
}

static enum ecode user_by_mc_id_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " USER_COLS " FROM user WHERE mc_id = ?", DB_TEXT(c->text));
        if (e == E_OK)
                user_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? not_found(er, "user", c->text) : e;
}

static enum ecode user_by_mc_id(struct store_idm *st, void *mem, const char *mc_id, struct idm_user *ret,
                                struct err *er)
{
        return db_read(idm_db(st), user_by_mc_id_in, &(struct idm_call){ .mem = mem, .text = mc_id, .out = ret }, er);
}

static enum ecode user_by_sub_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " USER_COLS " FROM user WHERE sub = ?", DB_TEXT(c->text));
        if (e == E_OK)
                user_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? not_found(er, "user", "of this subject identifier") : e;
}

static enum ecode user_by_sub(struct store_idm *st, void *mem, const char *sub, struct idm_user *ret, struct err *er)
{
        return db_read(idm_db(st), user_by_sub_in, &(struct idm_call){ .mem = mem, .text = sub, .out = ret }, er);
}

static enum ecode user_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        struct idm_user *list = NULL;
        size_t n = 0;
        bool row = true;
        enum ecode e = db_query(tx, &st, er, "SELECT " USER_COLS " FROM user WHERE mc_id > ? ORDER BY mc_id LIMIT ?",
                                DB_TEXT(c->text), DB_INT(c->i));
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!GROW(c->mem, list, n))
                        return err_set(er, E_NOMEM, NULL, "list");
                user_row(st, list, &list[n++]);
        }
        *(struct idm_user **)c->out = list;
        *c->out_n = n;
        return e;
}

static enum ecode user_list(struct store_idm *st, void *mem, const char *after, size_t most, struct idm_user **ret,
                            size_t *ret_n, struct err *er)
{
        struct idm_user *list = NULL;
        size_t n = 0;
        struct idm_call c = { .mem = mem, .text = after, .i = (int64_t)most, .out = &list, .out_n = &n };
        enum ecode e = db_read(idm_db(st), user_list_in, &c, er);
        if (e == E_OK) {
                *ret = list;
                *ret_n = n;
        }
        return e;
}

static enum ecode user_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        const char *mc_id = ((struct idm_call *)arg)->text;
        enum ecode e = revoke_all_of(tx, mc_id, er);
        if (e == E_OK)
                e = db_exec(tx, er, "INSERT INTO sub_gone SELECT sub FROM user WHERE mc_id = ?", DB_TEXT(mc_id));
        if (e == E_OK)
                e = db_exec(tx, er, "DELETE FROM user WHERE mc_id = ?", DB_TEXT(mc_id));
        return e == E_OK && db_changes(tx) == 0 ? not_found(er, "user", mc_id) : e;
}

static enum ecode user_del(struct store_idm *st, const char *mc_id, struct err *er)
{
        return db_write(idm_db(st), user_del_in, &(struct idm_call){ .text = mc_id }, er);
}

static enum ecode user_enable_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e = c->flag ? E_OK : revoke_all_of(tx, c->text, er);
        if (e == E_OK)
                e = db_exec(tx, er, "UPDATE user SET enabled = ? WHERE mc_id = ?", DB_INT(c->flag), DB_TEXT(c->text));
        return e == E_OK && db_changes(tx) == 0 ? not_found(er, "user", c->text) : e;
}

static enum ecode user_enable(struct store_idm *st, const char *mc_id, bool enabled, struct err *er)
{
        return db_write(idm_db(st), user_enable_in, &(struct idm_call){ .text = mc_id, .flag = enabled }, er);
}

static enum ecode user_passwd_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        enum ecode e = revoke_all_of(tx, c->text, er);
        if (e == E_OK)
                e = db_exec(tx, er, "UPDATE user SET password_hash = ? WHERE mc_id = ?", DB_TEXT(c->more),
                            DB_TEXT(c->text));
        return e == E_OK && db_changes(tx) == 0 ? not_found(er, "user", c->text) : e;
}

static enum ecode user_passwd(struct store_idm *st, const char *mc_id, const char *password_hash, struct err *er)
{
        return db_write(idm_db(st), user_passwd_in, &(struct idm_call){ .text = mc_id, .more = password_hash }, er);
}

static enum ecode user_rehash_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        return db_exec(tx, er, "UPDATE user SET password_hash = ? WHERE sub = ? AND password_hash = ?",
                       DB_TEXT(c->third), DB_TEXT(c->text), DB_TEXT(c->more));
}

static enum ecode user_rehash(struct store_idm *st, const char *sub, const char *old, const char *password_hash,
                              struct err *er)
{
        struct idm_call c = { .text = sub, .more = old, .third = password_hash };
        return db_write(idm_db(st), user_rehash_in, &c, er);
}

/* Clients */

#define CLIENT_COLS                                                                                                    \
        "id, name, auth_method, secret_hash, jwks, redirect_uris, logout_uris, scopes, id_alg, lenience,"              \
        " rel13_scopes, consent, introspects, par_required, enabled, access_ttl_s, created_s"

static void client_row(struct db_stmt *st, void *mem, struct idm_client *c)
{
        *c = (struct idm_client){ .id = db_col_text(st, mem, 0),
                                  .name = db_col_text(st, mem, 1),
                                  .auth_method = db_col_text(st, mem, 2),
                                  .secret_hash = db_col_text(st, mem, 3),
                                  .jwks = db_col_text(st, mem, 4),
                                  .redirect_uris = db_col_text(st, mem, 5),
                                  .logout_uris = db_col_text(st, mem, 6),
                                  .scopes = db_col_text(st, mem, 7),
                                  .id_alg = db_col_text(st, mem, 8),
                                  .lenience = (unsigned)db_col_int(st, 9),
                                  .rel13_scopes = db_col_int(st, 10) != 0,
                                  .consent = db_col_int(st, 11) != 0,
                                  .introspects = db_col_int(st, 12) != 0,
                                  .par_required = db_col_int(st, 13) != 0,
                                  .enabled = db_col_int(st, 14) != 0,
                                  .access_ttl_s = db_col_int(st, 15),
                                  .created_s = db_col_int(st, 16) };
}

static enum ecode client_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct idm_client *c = ((struct idm_call *)arg)->in;
        return db_exec(tx, er,
                       "INSERT OR REPLACE INTO client (" CLIENT_COLS ")"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       DB_TEXT(c->id), DB_TEXT(c->name), DB_TEXT(c->auth_method), DB_TEXT(c->secret_hash),
                       DB_TEXT(c->jwks), DB_TEXT(c->redirect_uris), DB_TEXT(c->logout_uris), DB_TEXT(c->scopes),
                       DB_TEXT(c->id_alg), DB_INT(c->lenience), DB_INT(c->rel13_scopes), DB_INT(c->consent),
                       DB_INT(c->introspects), DB_INT(c->par_required), DB_INT(c->enabled), DB_INT(c->access_ttl_s),
                       DB_INT(c->created_s));
}

static enum ecode client_put(struct store_idm *st, const struct idm_client *c, struct err *er)
{
        return db_write(idm_db(st), client_put_in, &(struct idm_call){ .in = c }, er);
}

static enum ecode client_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " CLIENT_COLS " FROM client WHERE id = ?", DB_TEXT(c->text));
        if (e == E_OK)
                client_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? not_found(er, "client", c->text) : e;
}

static enum ecode client_get(struct store_idm *st, void *mem, const char *id, struct idm_client *ret, struct err *er)
{
        return db_read(idm_db(st), client_get_in, &(struct idm_call){ .mem = mem, .text = id, .out = ret }, er);
}

static enum ecode client_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        struct idm_client *list = NULL;
        size_t n = 0;
        bool row = true;
        enum ecode e = db_query(tx, &st, er, "SELECT " CLIENT_COLS " FROM client ORDER BY id");
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!GROW(c->mem, list, n))
                        return err_set(er, E_NOMEM, NULL, "list");
                client_row(st, list, &list[n++]);
        }
        *(struct idm_client **)c->out = list;
        *c->out_n = n;
        return e;
}

static enum ecode client_list(struct store_idm *st, void *mem, struct idm_client **ret, size_t *ret_n, struct err *er)
{
        struct idm_client *list = NULL;
        size_t n = 0;
        struct idm_call c = { .mem = mem, .out = &list, .out_n = &n };
        enum ecode e = db_read(idm_db(st), client_list_in, &c, er);
        if (e == E_OK) {
                *ret = list;
                *ret_n = n;
        }
        return e;
}

static enum ecode client_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        const char *id = ((struct idm_call *)arg)->text;
        enum ecode e = db_exec(tx, er, "UPDATE family SET revoked = 1 WHERE client_id = ?", DB_TEXT(id));
        if (e == E_OK)
                e = db_exec(tx, er, "DELETE FROM client WHERE id = ?", DB_TEXT(id));
        return e == E_OK && db_changes(tx) == 0 ? not_found(er, "client", id) : e;
}

static enum ecode client_del(struct store_idm *st, const char *id, struct err *er)
{
        return db_write(idm_db(st), client_del_in, &(struct idm_call){ .text = id }, er);
}

/* Signing keys */

static enum ecode key_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        struct db_stmt *st = NULL;
        struct idm_key *list = NULL;
        size_t n = 0;
        bool row = true;
        enum ecode e = db_query(tx, &st, er,
                                "SELECT kid, alg, secret, created_s, use_from_s, drop_at_s FROM signing_key"
                                " ORDER BY use_from_s, created_s, kid");
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                if (!GROW(c->mem, list, n))
                        return err_set(er, E_NOMEM, NULL, "list");
                list[n++] = (struct idm_key){ .kid = db_col_text(st, list, 0),
                                              .alg = db_col_text(st, list, 1),
                                              .secret = db_col_blob(st, list, 2),
                                              .created_s = db_col_int(st, 3),
                                              .use_from_s = db_col_int(st, 4),
                                              .drop_at_s = db_col_int(st, 5) };
        }
        *(struct idm_key **)c->out = list;
        *c->out_n = n;
        return e;
}

static enum ecode key_list(struct store_idm *st, void *mem, struct idm_key **ret, size_t *ret_n, struct err *er)
{
        struct idm_key *list = NULL;
        size_t n = 0;
        struct idm_call c = { .mem = mem, .out = &list, .out_n = &n };
        enum ecode e = db_read(idm_db(st), key_list_in, &c, er);
        if (e == E_OK) {
                *ret = list;
                *ret_n = n;
        }
        return e;
}

static enum ecode key_add_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct idm_call *c = arg;
        const struct idm_key *k = c->in;
        struct db_stmt *st = NULL;
        enum ecode e = E_NOT_FOUND;
        if (c->flag)
                e = db_one(tx, &st, er, "SELECT 1 FROM signing_key WHERE alg = ? LIMIT 1", DB_TEXT(k->alg));
        if (e == E_OK)
                return err_set(er, E_EXISTS, NULL, "there is a signing key for %s", k->alg);
        if (e != E_NOT_FOUND)
                return e;
        e = db_exec(tx, er, "UPDATE signing_key SET drop_at_s = ? WHERE alg = ? AND drop_at_s = 0", DB_INT(c->i),
                    DB_TEXT(k->alg));
        if (e != E_OK)
                return e;
        return db_exec(tx, er,
                       "INSERT INTO signing_key (kid, alg, secret, created_s, use_from_s, drop_at_s)"
                       " VALUES (?, ?, ?, ?, ?, 0)",
                       DB_TEXT(k->kid), DB_TEXT(k->alg), DB_BLOB(k->secret), DB_INT(k->created_s),
                       DB_INT(k->use_from_s));
}

static enum ecode key_add(struct store_idm *st, const struct idm_key *k, bool first_only, int64_t drop_older_at_s,
                          struct err *er)
{
        struct idm_call c = { .in = k, .flag = first_only, .i = drop_older_at_s };
        return db_write(idm_db(st), key_add_in, &c, er);
}

void idm_sqlite_set_admin(struct store_idm *st)
{
        st->user_put = user_put;
        st->user_check = user_check;
        st->user_by_mc_id = user_by_mc_id;
        st->user_by_sub = user_by_sub;
        st->user_list = user_list;
        st->user_del = user_del;
        st->user_enable = user_enable;
        st->user_passwd = user_passwd;
        st->user_rehash = user_rehash;
        st->client_put = client_put;
        st->client_get = client_get;
        st->client_list = client_list;
        st->client_del = client_del;
        st->key_list = key_list;
        st->key_add = key_add;
}
