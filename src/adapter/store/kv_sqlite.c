#include "adapter/store/kv_sqlite.h"

#include "adapter/store/db.h"

#include <talloc.h>

struct kv {
        struct store_kv port;
        struct db *db;
        struct seal_key key;
        const struct rng *rng;
};

static const char *const migrations[] = {
        "CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        NULL,
};

struct kv_call {
        const char *key;
        struct bytes value;
        enum ecode (*fn)(void *arg, const char *key, struct bytes value);
        void *arg;
        const struct seal_key *seal_key;
};

static enum ecode put_tx(struct db_tx *tx, void *arg, struct err *er)
{
        const struct kv_call *c = arg;
        return db_exec(
                tx, er,
                "INSERT INTO entry (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                DB_TEXT(c->key), DB_BLOB(c->value));
}

static enum ecode kv_put(struct store_kv *s, const char *key, struct bytes value, struct err *er)
{
        struct kv *kv = (struct kv *)s;
        void *mem = talloc_new(NULL);
        struct kv_call c = { .key = key };
        enum ecode e = seal(mem, &kv->key, kv->rng, key, value, &c.value);
        e = e == E_OK ? db_write(kv->db, put_tx, &c, er) : err_set(er, e, NULL, "sealing a value");
        talloc_free(mem);
        return e;
}

static enum ecode del_tx(struct db_tx *tx, void *arg, struct err *er)
{
        return db_exec(tx, er, "DELETE FROM entry WHERE key = ?", DB_TEXT(((struct kv_call *)arg)->key));
}

static enum ecode kv_del(struct store_kv *s, const char *key, struct err *er)
{
        return db_write(((struct kv *)s)->db, del_tx, &(struct kv_call){ .key = key }, er);
}

static enum ecode each_tx(struct db_tx *tx, void *arg, struct err *er)
{
        struct kv_call *c = arg;
        struct db_stmt *st;
        bool row = false;
        enum ecode e = db_query(tx, &st, er, "SELECT key, value FROM entry ORDER BY key");
        while (e == E_OK && (e = db_step(st, &row, er)) == E_OK && row) {
                void *mem = talloc_new(NULL);
                const char *key = db_col_str(st, mem, 0);
                struct bytes plain;
                e = seal_open(mem, c->seal_key, key, db_col_blob(st, mem, 1), &plain, er);
                if (e == E_OK)
                        e = c->fn(c->arg, key, plain);
                talloc_free(mem);
        }
        return e;
}

static enum ecode kv_each(struct store_kv *s, enum ecode (*fn)(void *arg, const char *key, struct bytes value),
                          void *arg, struct err *er)
{
        return db_read(((struct kv *)s)->db, each_tx,
                       &(struct kv_call){ .fn = fn, .arg = arg, .seal_key = &((struct kv *)s)->key }, er);
}

static int kv_free(struct kv *kv)
{
        seal_key_wipe(&kv->key);
        return 0;
}

enum ecode kv_sqlite_open(void *mem, const char *path, const struct seal_key *key, const struct rng *rng,
                          struct store_kv **ret, struct err *er)
{
        struct kv *kv = talloc_zero(mem, struct kv);
        if (kv == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        kv->key = *key;
        kv->rng = rng;
        talloc_set_destructor(kv, kv_free);
        enum ecode e = db_open(kv, &(struct db_conf){ .path = path, .migrations = migrations }, &kv->db, er);
        if (e != E_OK) {
                talloc_free(kv);
                return e;
        }
        kv->port = (struct store_kv){ kv_put, kv_del, kv_each };
        *ret = &kv->port;
        return E_OK;
}
