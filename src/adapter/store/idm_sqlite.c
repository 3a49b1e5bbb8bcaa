#include "adapter/store/idm_sqlite.h"

#include "adapter/store/idm_sqlite_priv.h"

#include <talloc.h>

static const char *const migrations[] = {
        "CREATE TABLE user ("
        " sub TEXT PRIMARY KEY, mc_id TEXT NOT NULL UNIQUE, name TEXT, password_hash TEXT,"
        " mcptt_id TEXT UNIQUE, mcvideo_id TEXT UNIQUE, mcdata_id TEXT UNIQUE, extra_scopes TEXT,"
        " enabled INTEGER NOT NULL, created_s INTEGER NOT NULL, last_login_s INTEGER NOT NULL) STRICT;"
        "CREATE TABLE sub_gone (sub TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
        "CREATE TABLE client ("
        " id TEXT PRIMARY KEY, name TEXT, auth_method TEXT NOT NULL, secret_hash TEXT, jwks TEXT,"
        " redirect_uris TEXT NOT NULL, logout_uris TEXT NOT NULL, scopes TEXT NOT NULL, id_alg TEXT NOT NULL,"
        " lenience INTEGER NOT NULL, rel13_scopes INTEGER NOT NULL, consent INTEGER NOT NULL,"
        " introspects INTEGER NOT NULL, par_required INTEGER NOT NULL, enabled INTEGER NOT NULL,"
        " access_ttl_s INTEGER NOT NULL, created_s INTEGER NOT NULL) STRICT;"
        "CREATE TABLE txn ("
        " handle BLOB PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, state TEXT NOT NULL,"
        " nonce TEXT, scope TEXT NOT NULL, challenge TEXT NOT NULL, login_hint TEXT, expires_s INTEGER NOT NULL,"
        " sub TEXT, auth_time_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE INDEX txn_expires ON txn (expires_s);"
        "CREATE TABLE failure (key TEXT PRIMARY KEY, count INTEGER NOT NULL, last_s INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE family ("
        " id TEXT PRIMARY KEY, sub TEXT NOT NULL, client_id TEXT NOT NULL, scope TEXT NOT NULL, nonce TEXT,"
        " auth_time_s INTEGER NOT NULL, created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL,"
        " revoked INTEGER NOT NULL DEFAULT 0) STRICT;"
        "CREATE INDEX family_sub ON family (sub, created_s);"
        "CREATE INDEX family_client ON family (client_id);"
        "CREATE INDEX family_expires ON family (expires_s);"
        "CREATE TABLE code ("
        " hash BLOB PRIMARY KEY, family TEXT NOT NULL REFERENCES family (id) ON DELETE CASCADE,"
        " redirect_uri TEXT NOT NULL, challenge TEXT NOT NULL, expires_s INTEGER NOT NULL,"
        " spent INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
        "CREATE INDEX code_family ON code (family);"
        "CREATE TABLE refresh ("
        " hash BLOB PRIMARY KEY, family TEXT NOT NULL REFERENCES family (id) ON DELETE CASCADE,"
        " issued_s INTEGER NOT NULL, expires_s INTEGER NOT NULL, rotated_s INTEGER NOT NULL DEFAULT 0,"
        " successor BLOB, asked_scope TEXT, answer BLOB) STRICT, WITHOUT ROWID;"
        "CREATE INDEX refresh_family ON refresh (family);"
        "CREATE INDEX refresh_expires ON refresh (expires_s);"
        "CREATE INDEX refresh_answer ON refresh (rotated_s) WHERE answer IS NOT NULL;"
        "CREATE TABLE access ("
        " jti TEXT PRIMARY KEY, family TEXT NOT NULL REFERENCES family (id) ON DELETE CASCADE,"
        " expires_s INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
        "CREATE INDEX access_family ON access (family);"
        "CREATE INDEX access_expires ON access (expires_s);"
        "CREATE TABLE signing_key ("
        " kid TEXT PRIMARY KEY, alg TEXT NOT NULL, secret BLOB NOT NULL, created_s INTEGER NOT NULL,"
        " use_from_s INTEGER NOT NULL, drop_at_s INTEGER NOT NULL) STRICT;"
        "CREATE TABLE pushed ("
        " handle BLOB PRIMARY KEY, client_id TEXT NOT NULL, form TEXT NOT NULL, expires_s INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE INDEX pushed_expires ON pushed (expires_s);"
        "CREATE TABLE once (what TEXT PRIMARY KEY, until_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE INDEX once_until ON once (until_s)",
        NULL,
};

enum ecode idm_sqlite_open(void *mem, const char *path, struct store_idm **ret, struct err *er)
{
        struct idm_sqlite *st = talloc_zero(mem, struct idm_sqlite);
        if (st == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = db_open(st, &(struct db_conf){ .path = path, .migrations = migrations }, &st->db, er);
        if (e != E_OK) {
                talloc_free(st);
                return e;
        }
        idm_sqlite_set_admin(&st->port);
        idm_sqlite_set_flow(&st->port);
        *ret = &st->port;
        return E_OK;
}

enum ecode idm_store_open(void *mem, const struct role_env *env, void **ret, struct err *er)
{
        struct store_idm *st = NULL;
        char *path = talloc_asprintf(mem, "%s/idm.db", env->state_dir);
        if (path == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        enum ecode e = idm_sqlite_open(mem, path, &st, er);
        talloc_free(path);
        if (e == E_OK)
                *ret = st;
        return e;
}

struct db *idm_sqlite_db(struct store_idm *st)
{
        return idm_db(st);
}
