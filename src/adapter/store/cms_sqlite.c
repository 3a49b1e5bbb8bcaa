#include "adapter/store/cms_sqlite.h"

#include <talloc.h>

struct cms_sqlite {
        struct store_cms port;
        struct db *db;
};

static struct db *db_of(struct store_cms *st)
{
        return ((struct cms_sqlite *)(void *)st)->db;
}

struct db *cms_sqlite_db(struct store_cms *st)
{
        return db_of(st);
}

static const char *const migrations[] = {
        "CREATE TABLE user ("
        " mc_id TEXT PRIMARY KEY, mcptt_id TEXT UNIQUE, mcvideo_id TEXT UNIQUE, mcdata_id TEXT UNIQUE, name TEXT,"
        " organisation TEXT, participant_type TEXT, priority INTEGER NOT NULL, profile_index INTEGER NOT NULL,"
        " max_affiliations INTEGER NOT NULL, max_calls INTEGER NOT NULL, allow TEXT NOT NULL, enabled INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE grp ("
        " uri TEXT PRIMARY KEY, display_name TEXT, max_participants INTEGER NOT NULL, priority INTEGER NOT NULL,"
        " invite_members INTEGER NOT NULL, allow_emergency_call INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE member ("
        " uri TEXT NOT NULL REFERENCES grp (uri) ON DELETE CASCADE,"
        " mc_id TEXT NOT NULL REFERENCES user (mc_id) ON DELETE CASCADE, PRIMARY KEY (uri, mc_id)) STRICT, WITHOUT "
        "ROWID;"
        "CREATE INDEX member_user ON member (mc_id, uri)",
        NULL,
};

struct call {
        void *mem;
        const void *in;
        const char *text;
        const char *const *groups;
        size_t n;
        unsigned service;
        bool check_only;
        void *out;
        size_t *out_n;
};

#define USER_COLS(t)                                                                                                   \
        t "mc_id, " t "mcptt_id, " t "mcvideo_id, " t "mcdata_id, " t "name, " t "organisation, " t                    \
          "participant_type, " t "priority, " t "profile_index, " t "max_affiliations, " t "max_calls, " t "allow, " t \
          "enabled"
#define GROUP_COLS(t)                                                                                                  \
        t "uri, " t "display_name, " t "max_participants, " t "priority, " t "invite_members, " t "allow_emergency_"   \
          "call"

static void user_row(struct db_stmt *st, void *mem, void *at)
{
        *(struct cms_user *)at = (struct cms_user){
                .mc_id = db_col_str(st, mem, 0),
                .id = { db_col_text(st, mem, 1), db_col_text(st, mem, 2), db_col_text(st, mem, 3) },
                .name = db_col_text(st, mem, 4),
                .organisation = db_col_text(st, mem, 5),
                .participant_type = db_col_text(st, mem, 6),
                .priority = db_col_int(st, 7),
                .profile_index = db_col_int(st, 8),
                .max_affiliations = db_col_int(st, 9),
                .max_calls = db_col_int(st, 10),
                .allow = db_col_str(st, mem, 11),
                .enabled = db_col_int(st, 12) != 0,
        };
}

static void group_row(struct db_stmt *st, void *mem, void *at)
{
        *(struct cms_group *)at = (struct cms_group){ .uri = db_col_str(st, mem, 0),
                                                      .display_name = db_col_text(st, mem, 1),
                                                      .max_participants = db_col_int(st, 2),
                                                      .priority = db_col_int(st, 3),
                                                      .invite_members = db_col_int(st, 4) != 0,
                                                      .allow_emergency_call = db_col_int(st, 5) != 0 };
}

typedef void (*row_fn)(struct db_stmt *st, void *mem, void *at);

/* All rows of a running statement as an array on mem. */
static enum ecode collect(struct db_stmt *st, struct call *c, row_fn fn, size_t size, struct err *er)
{
        char *list = NULL;
        size_t n = 0, cap = 0;
        bool row;
        enum ecode e;
        while ((e = db_step(st, &row, er)) == E_OK && row) {
                if (n == cap) {
                        cap = cap == 0 ? 8 : 2 * cap;
                        list = talloc_realloc_size(c->mem, list, cap * size);
                        if (list == NULL)
                                return err_set(er, E_NOMEM, NULL, "list");
                }
                fn(st, c->mem, list + n++ * size);
        }
        if (e == E_OK) {
                memcpy(c->out, &list, sizeof list);
                *c->out_n = n;
        }
        return e;
}

/* Users */

static const char *const by_id_sql[CMS_SERVICES] = {
        "SELECT " USER_COLS("") " FROM user WHERE mcptt_id = ?",
        "SELECT " USER_COLS("") " FROM user WHERE mcvideo_id = ?",
        "SELECT " USER_COLS("") " FROM user WHERE mcdata_id = ?",
};

static enum ecode check_user(struct db_tx *tx, const struct call *c, struct err *er)
{
        const struct cms_user *u = c->in;
        struct db_stmt *st = NULL;
        for (unsigned s = 0; s < CMS_SERVICES; s++) {
                if (u->id[s] == NULL)
                        continue;
                enum ecode e = db_one(tx, &st, er, by_id_sql[s], DB_TEXT(u->id[s]));
                if (e != E_OK && e != E_NOT_FOUND)
                        return e;
                char *owner = e == E_OK ? db_col_text(st, NULL, 0) : NULL;
                bool other = e == E_OK && (owner == NULL || strcmp(owner, u->mc_id) != 0);
                talloc_free(owner);
                if (other)
                        return err_set(er, E_EXISTS, "R-SA-122", "%.150s belongs to another user", u->id[s]);
        }
        for (size_t i = 0; i < c->n; i++) {
                enum ecode e = db_one(tx, &st, er, "SELECT 1 FROM grp WHERE uri = ?", DB_TEXT(c->groups[i]));
                if (e == E_NOT_FOUND)
                        return err_set(er, e, "R-SA-122", "there is no group %.150s: muster group add", c->groups[i]);
                if (e != E_OK)
                        return e;
        }
        return E_OK;
}

static enum ecode put_groups(struct db_tx *tx, const struct call *c, const char *mc_id, struct err *er)
{
        enum ecode e = db_exec(tx, er, "DELETE FROM member WHERE mc_id = ?", DB_TEXT(mc_id));
        for (size_t i = 0; e == E_OK && i < c->n; i++)
                e = db_exec(tx, er, "INSERT INTO member (uri, mc_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                            DB_TEXT(c->groups[i]), DB_TEXT(mc_id));
        return e;
}

static enum ecode user_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct call *c = arg;
        const struct cms_user *u = c->in;
        enum ecode e = check_user(tx, c, er);
        if (e != E_OK || c->check_only)
                return e;
        e = db_exec(tx, er,
                    "INSERT INTO user (" USER_COLS(
                            "") ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                " ON CONFLICT (mc_id) DO UPDATE SET mcptt_id = excluded.mcptt_id, mcvideo_id = "
                                "excluded.mcvideo_id,"
                                " mcdata_id = excluded.mcdata_id, name = excluded.name, organisation = "
                                "excluded.organisation,"
                                " participant_type = excluded.participant_type, priority = excluded.priority,"
                                " profile_index = excluded.profile_index, max_affiliations = excluded.max_affiliations,"
                                " max_calls = excluded.max_calls, allow = excluded.allow, enabled = excluded.enabled",
                    DB_TEXT(u->mc_id), DB_TEXT(u->id[0]), DB_TEXT(u->id[1]), DB_TEXT(u->id[2]), DB_TEXT(u->name),
                    DB_TEXT(u->organisation), DB_TEXT(u->participant_type), DB_INT(u->priority),
                    DB_INT(u->profile_index), DB_INT(u->max_affiliations), DB_INT(u->max_calls), DB_TEXT(u->allow),
                    DB_INT(u->enabled));
        return e == E_OK && c->groups != NULL ? put_groups(tx, c, u->mc_id, er) : e;
}

static enum ecode user_put(struct store_cms *st, const struct cms_user *u, const char *const *groups, size_t n,
                           bool check_only, struct err *er)
{
        struct call c = { .in = u, .groups = groups, .n = groups != NULL ? n : 0, .check_only = check_only };
        return check_only ? db_read(db_of(st), user_put_in, &c, er) : db_write(db_of(st), user_put_in, &c, er);
}

static enum ecode user_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " USER_COLS("") " FROM user WHERE mc_id = ?", DB_TEXT(c->text));
        if (e == E_OK)
                user_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? err_set(er, e, NULL, "there is no user %.150s", c->text) : e;
}

static enum ecode user_get(struct store_cms *st, void *mem, const char *mc_id, struct cms_user *ret, struct err *er)
{
        return db_read(db_of(st), user_get_in, &(struct call){ .mem = mem, .text = mc_id, .out = ret }, er);
}

static enum ecode user_by_id_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, by_id_sql[c->service], DB_TEXT(c->text));
        if (e == E_OK)
                user_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? err_set(er, e, NULL, "there is no user of this MC service ID") : e;
}

static enum ecode user_by_id(struct store_cms *st, void *mem, unsigned service, const char *id, struct cms_user *ret,
                             struct err *er)
{
        struct call c = { .mem = mem, .text = id, .service = service, .out = ret };
        if (service >= CMS_SERVICES)
                return err_set(er, E_NOT_FOUND, NULL, "there is no such service");
        return db_read(db_of(st), user_by_id_in, &c, er);
}

static enum ecode user_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e =
                db_query(tx, &st, er, "SELECT " USER_COLS("") " FROM user WHERE mc_id > ? ORDER BY mc_id LIMIT ?",
                         DB_TEXT(c->text), DB_INT((int64_t)c->n));
        return e == E_OK ? collect(st, c, user_row, sizeof(struct cms_user), er) : e;
}

static enum ecode user_list(struct store_cms *st, void *mem, const char *after, size_t most, struct cms_user **ret,
                            size_t *ret_n, struct err *er)
{
        struct call c = { .mem = mem, .text = after, .n = most, .out = ret, .out_n = ret_n };
        return db_read(db_of(st), user_list_in, &c, er);
}

static enum ecode user_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        enum ecode e = db_exec(tx, er, "DELETE FROM user WHERE mc_id = ?", DB_TEXT(c->text));
        if (e == E_OK && db_changes(tx) == 0)
                e = err_set(er, E_NOT_FOUND, NULL, "there is no user %.150s", c->text);
        return e;
}

static enum ecode user_del(struct store_cms *st, const char *mc_id, struct err *er)
{
        return db_write(db_of(st), user_del_in, &(struct call){ .text = mc_id }, er);
}

/* Groups */

static enum ecode group_put_in(struct db_tx *tx, void *arg, struct err *er)
{
        const struct cms_group *g = ((struct call *)arg)->in;
        return db_exec(
                tx, er,
                "INSERT INTO grp (" GROUP_COLS(
                        "") ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uri) DO UPDATE SET"
                            " display_name = excluded.display_name, max_participants = excluded.max_participants,"
                            " priority = excluded.priority, invite_members = excluded.invite_members,"
                            " allow_emergency_call = excluded.allow_emergency_call",
                DB_TEXT(g->uri), DB_TEXT(g->display_name), DB_INT(g->max_participants), DB_INT(g->priority),
                DB_INT(g->invite_members), DB_INT(g->allow_emergency_call));
}

static enum ecode group_put(struct store_cms *st, const struct cms_group *g, struct err *er)
{
        return db_write(db_of(st), group_put_in, &(struct call){ .in = g }, er);
}

static enum ecode group_get_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_one(tx, &st, er, "SELECT " GROUP_COLS("") " FROM grp WHERE uri = ?", DB_TEXT(c->text));
        if (e == E_OK)
                group_row(st, c->mem, c->out);
        return e == E_NOT_FOUND ? err_set(er, e, NULL, "there is no group %.150s", c->text) : e;
}

static enum ecode group_get(struct store_cms *st, void *mem, const char *uri, struct cms_group *ret, struct err *er)
{
        return db_read(db_of(st), group_get_in, &(struct call){ .mem = mem, .text = uri, .out = ret }, er);
}

static enum ecode group_list_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct db_stmt *st = NULL;
        enum ecode e = db_query(tx, &st, er, "SELECT " GROUP_COLS("") " FROM grp ORDER BY uri");
        return e == E_OK ? collect(st, arg, group_row, sizeof(struct cms_group), er) : e;
}

static enum ecode group_list(struct store_cms *st, void *mem, struct cms_group **ret, size_t *ret_n, struct err *er)
{
        return db_read(db_of(st), group_list_in, &(struct call){ .mem = mem, .out = ret, .out_n = ret_n }, er);
}

static enum ecode group_del_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        enum ecode e = db_exec(tx, er, "DELETE FROM grp WHERE uri = ?", DB_TEXT(c->text));
        if (e == E_OK && db_changes(tx) == 0)
                e = err_set(er, E_NOT_FOUND, NULL, "there is no group %.150s", c->text);
        return e;
}

static enum ecode group_del(struct store_cms *st, const char *uri, struct err *er)
{
        return db_write(db_of(st), group_del_in, &(struct call){ .text = uri }, er);
}

static enum ecode groups_of_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_query(tx, &st, er,
                                "SELECT " GROUP_COLS("g.") " FROM grp g JOIN member m ON m.uri = g.uri"
                                                           " WHERE m.mc_id = ? ORDER BY g.uri",
                                DB_TEXT(c->text));
        return e == E_OK ? collect(st, c, group_row, sizeof(struct cms_group), er) : e;
}

static enum ecode groups_of(struct store_cms *st, void *mem, const char *mc_id, struct cms_group **ret, size_t *ret_n,
                            struct err *er)
{
        struct call c = { .mem = mem, .text = mc_id, .out = ret, .out_n = ret_n };
        return db_read(db_of(st), groups_of_in, &c, er);
}

static enum ecode members_of_in(struct db_tx *tx, void *arg, struct err *er)
{
        struct call *c = arg;
        struct db_stmt *st = NULL;
        enum ecode e = db_query(tx, &st, er,
                                "SELECT " USER_COLS("u.") " FROM user u JOIN member m ON m.mc_id = u.mc_id"
                                                          " WHERE m.uri = ? ORDER BY u.mc_id",
                                DB_TEXT(c->text));
        return e == E_OK ? collect(st, c, user_row, sizeof(struct cms_user), er) : e;
}

static enum ecode members_of(struct store_cms *st, void *mem, const char *uri, struct cms_user **ret, size_t *ret_n,
                             struct err *er)
{
        struct call c = { .mem = mem, .text = uri, .out = ret, .out_n = ret_n };
        return db_read(db_of(st), members_of_in, &c, er);
}

enum ecode cms_sqlite_open(void *mem, const char *path, struct store_cms **ret, struct err *er)
{
        struct cms_sqlite *st = talloc_zero(mem, struct cms_sqlite);
        if (st == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = db_open(st, &(struct db_conf){ .path = path, .migrations = migrations }, &st->db, er);
        if (e != E_OK) {
                talloc_free(st);
                return e;
        }
        st->port = (struct store_cms){ .user_put = user_put,
                                       .user_get = user_get,
                                       .user_by_id = user_by_id,
                                       .user_list = user_list,
                                       .user_del = user_del,
                                       .group_put = group_put,
                                       .group_get = group_get,
                                       .group_list = group_list,
                                       .group_del = group_del,
                                       .groups_of = groups_of,
                                       .members_of = members_of };
        *ret = &st->port;
        return E_OK;
}

enum ecode cms_store_open(void *mem, const struct role_env *env, void **ret, struct err *er)
{
        struct store_cms *st = NULL;
        char *path = talloc_asprintf(mem, "%s/cms.db", env->state_dir);
        if (path == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = cms_sqlite_open(mem, path, &st, er);
        talloc_free(path);
        if (e == E_OK)
                *ret = st;
        return e;
}
