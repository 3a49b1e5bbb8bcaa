#include "adapter/store/db.h"

#include "adapter/store/db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <talloc.h>

#define GROUP_MAX 512 /* calls in one transaction, so that the first does not wait for ever */

/* A caller of db_write, on its stack. */
struct job {
        db_fn fn;
        void *arg;
        struct err *er;
        enum ecode result;
        bool done, leads;
        pthread_cond_t wake;
        struct job *next;
};

struct db {
        char *path;
        bool in_memory;
        unsigned busy_ms, readers_max;

        pthread_mutex_t queue_lock; /* queue, leading */
        struct job *queue, **queue_end;
        bool leading;
        pthread_mutex_t writer_lock; /* the writer connection; memory stores read on it as well */
        struct db_tx *writer;

        pthread_mutex_t pool_lock; /* idle, readers_n */
        pthread_cond_t pool_wake;
        struct db_tx *idle;
        unsigned readers_n;

        atomic_uint fail_in;
        atomic_bool fail_fired;
        atomic_ullong writes, reads, commits, largest_group, failures;
};

/* Connections */

static void conn_close(struct db_tx *c)
{
        if (c == NULL)
                return;
        db_stmts_drop(c);
        sqlite3_close(c->sq);
        free(c);
}

static enum ecode conn_open(struct db *db, bool writer, struct db_tx **ret, struct err *er)
{
        struct db_tx *c = calloc(1, sizeof *c);
        if (c == NULL)
                return err_set(er, E_NOMEM, NULL, "connection");
        c->db = db;
        int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (db->in_memory ? SQLITE_OPEN_CREATE : 0);
        int rc = sqlite3_open_v2(db->path, &c->sq, flags, NULL);
        if (rc != SQLITE_OK) {
                enum ecode e = db_said(c, rc, db->path, er);
                conn_close(c);
                return e;
        }
        sqlite3_extended_result_codes(c->sq, 1);
        sqlite3_busy_timeout(c->sq, (int)db->busy_ms);
        sqlite3_db_config(c->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(c->sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        enum ecode e = E_OK;
        if (writer && !db->in_memory)
                e = db_plain(c, "PRAGMA journal_mode = WAL", er);
        if (e == E_OK)
                e = db_plain(c, writer ? "PRAGMA synchronous = FULL" : "PRAGMA query_only = ON", er);
        if (e != E_OK) {
                conn_close(c);
                return e;
        }
        *ret = c;
        return E_OK;
}

static void roll_back(struct db_tx *c)
{
        db_stmts_reset(c);
        if (!sqlite3_get_autocommit(c->sq))
                db_plain(c, "ROLLBACK", NULL);
}

/* Migrations */

static enum ecode version_of(struct db_tx *c, int *ret, struct err *er)
{
        struct db_stmt *st = NULL;
        bool row = false;
        enum ecode e = db_query_vals(c, &st, er, "PRAGMA user_version", DB_VALS());
        if (e == E_OK)
                e = db_step(st, &row, er);
        if (e == E_OK)
                *ret = (int)db_col_int(st, 0);
        db_stmts_reset(c);
        return e;
}

static enum ecode migrate_from(struct db_tx *c, const char *const *m, int have, int known, struct err *er)
{
        for (int i = have; i < known; i++)
                if (sqlite3_exec(c->sq, m[i], NULL, NULL, NULL) != SQLITE_OK) {
                        char doing[32];
                        snprintf(doing, sizeof doing, "migration %d", i + 1);
                        return db_said(c, 0, doing, er);
                }
        char set[48];
        snprintf(set, sizeof set, "PRAGMA user_version = %d", known);
        if (sqlite3_exec(c->sq, set, NULL, NULL, NULL) != SQLITE_OK)
                return db_said(c, 0, "user_version", er);
        return E_OK;
}

static enum ecode migrate(struct db_tx *c, const char *const *m, struct err *er)
{
        static const char *const none[] = { NULL };
        int known = 0, have = 0;
        m = m != NULL ? m : none;
        while (m[known] != NULL)
                known++;
        /* The lock comes first: of two processes that start together, the second finds the work done. */
        enum ecode e = db_plain(c, "BEGIN IMMEDIATE", er);
        if (e == E_OK)
                e = version_of(c, &have, er);
        if (e == E_OK && have > known)
                e = err_set(er, E_CONFIG, NULL, "the database %s is of version %d, this Muster knows versions up to %d",
                            c->db->path, have, known);
        if (e == E_OK && have < known)
                e = migrate_from(c, m, have, known, er);
        if (e == E_OK)
                e = db_plain(c, "COMMIT", er);
        if (e != E_OK) {
                roll_back(c);
                return e;
        }
        /* Only now: a migration may rebuild a table that others refer to. */
        return db_plain(c, "PRAGMA foreign_keys = ON", er);
}

/* Open and close */

static int db_end(struct db *db)
{
        conn_close(db->writer);
        while (db->idle != NULL) {
                struct db_tx *c = db->idle;
                db->idle = c->next_idle;
                conn_close(c);
        }
        pthread_mutex_destroy(&db->queue_lock);
        pthread_mutex_destroy(&db->writer_lock);
        pthread_mutex_destroy(&db->pool_lock);
        pthread_cond_destroy(&db->pool_wake);
        return 0;
}

/* SQLite gives its side files the mode of the database, so that only this one has to be made by hand. */
static enum ecode make_file(const char *path, struct err *er)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_set(er, E_STORE_DOWN, NULL, "cannot open %s: %s", path, strerror(errno));
        close(fd);
        return E_OK;
}

enum ecode db_open(void *mem, const struct db_conf *conf, struct db **ret, struct err *er)
{
        struct db *db = talloc_zero(mem, struct db);
        if (db == NULL)
                return err_set(er, E_NOMEM, NULL, "store");
        pthread_mutex_init(&db->queue_lock, NULL);
        pthread_mutex_init(&db->writer_lock, NULL);
        pthread_mutex_init(&db->pool_lock, NULL);
        pthread_cond_init(&db->pool_wake, NULL);
        talloc_set_destructor(db, db_end);
        db->queue_end = &db->queue;
        db->path = talloc_strdup(db, conf->path);
        db->in_memory = strcmp(conf->path, DB_MEMORY) == 0;
        db->busy_ms = conf->busy_ms != 0 ? conf->busy_ms : 5000;
        db->readers_max = conf->readers != 0 ? conf->readers : 8;
        enum ecode e = db->in_memory ? E_OK : make_file(conf->path, er);
        if (e == E_OK)
                e = conn_open(db, true, &db->writer, er);
        if (e == E_OK)
                e = migrate(db->writer, conf->migrations, er);
        if (e != E_OK) {
                talloc_free(db);
                return e;
        }
        *ret = db;
        return E_OK;
}

void db_close(struct db *db)
{
        talloc_free(db);
}

/* Group commit */

static enum ecode run_in_savepoint(struct db_tx *c, struct job *j)
{
        enum ecode e = db_plain(c, "SAVEPOINT job", j->er);
        if (e != E_OK)
                return e;
        e = j->fn(c, j->arg, j->er);
        db_stmts_reset(c);
        if (sqlite3_get_autocommit(c->sq))
                return e != E_OK ? e : E_INTERNAL; /* SQLite gave the whole transaction up; the caller looks */
        struct err *er = e == E_OK ? j->er : NULL;
        enum ecode back = e == E_OK ? E_OK : db_plain(c, "ROLLBACK TO job", er);
        enum ecode released = db_plain(c, "RELEASE job", er);
        return e != E_OK ? e : back != E_OK ? back : released;
}

static void fail_all(struct job *first, const struct err *why)
{
        for (struct job *j = first; j != NULL; j = j->next)
                j->result = err_set(j->er, E_STORE_DOWN, NULL, "%s", why->text);
}

/* Everything that a call decided may rest on changes of others in its group; so when the group is lost, all are. */
static void run_group(struct db *db, struct job *first)
{
        struct db_tx *c = db->writer;
        struct err why = { 0 };
        if (db_plain(c, "BEGIN IMMEDIATE", &why) != E_OK) {
                fail_all(first, &why);
                return;
        }
        uint64_t n = 0;
        bool changed = false;
        for (struct job *j = first; j != NULL; j = j->next, n++) {
                j->result = run_in_savepoint(c, j);
                changed |= j->result == E_OK;
                if (sqlite3_get_autocommit(c->sq)) {
                        err_set(&why, E_STORE_DOWN, NULL, "the transaction was given up: %s", sqlite3_errmsg(c->sq));
                        fail_all(first, &why);
                        return;
                }
        }
        if (!changed) {
                roll_back(c);
                return;
        }
        if (db_fails_now(db, &why) || db_plain(c, "COMMIT", &why) != E_OK) {
                roll_back(c);
                fail_all(first, &why);
                return;
        }
        db->commits++;
        if (n > db->largest_group) /* only the leader writes it */
                db->largest_group = n;
}

/* Takes the first GROUP_MAX of the queue. */
static struct job *take_group(struct db *db)
{
        struct job *first = db->queue, *last = first;
        for (unsigned n = 1; last->next != NULL && n < GROUP_MAX; n++)
                last = last->next;
        db->queue = last->next;
        if (db->queue == NULL)
                db->queue_end = &db->queue;
        last->next = NULL;
        return first;
}

/* Called with the queue locked; the leader's own job is the first of the queue. */
static void lead(struct db *db)
{
        struct job *first = take_group(db);
        pthread_mutex_unlock(&db->queue_lock);
        pthread_mutex_lock(&db->writer_lock);
        run_group(db, first);
        pthread_mutex_unlock(&db->writer_lock);
        pthread_mutex_lock(&db->queue_lock);
        for (struct job *j = first, *next; j != NULL; j = next) {
                next = j->next; /* once done is seen, the job is gone with its stack */
                j->done = true;
                pthread_cond_signal(&j->wake);
        }
        db->leading = db->queue != NULL;
        if (db->leading) {
                db->queue->leads = true;
                pthread_cond_signal(&db->queue->wake);
        }
}

enum ecode db_write(struct db *db, db_fn fn, void *arg, struct err *er)
{
        db->writes++;
        if (db_fails_now(db, er))
                return E_STORE_DOWN;
        struct job j = { .fn = fn, .arg = arg, .er = er };
        pthread_cond_init(&j.wake, NULL);
        pthread_mutex_lock(&db->queue_lock);
        *db->queue_end = &j;
        db->queue_end = &j.next;
        if (!db->leading)
                db->leading = j.leads = true;
        while (!j.done && !j.leads)
                pthread_cond_wait(&j.wake, &db->queue_lock);
        if (!j.done)
                lead(db);
        pthread_mutex_unlock(&db->queue_lock);
        pthread_cond_destroy(&j.wake);
        if (j.result == E_STORE_DOWN)
                db->failures++;
        return j.result;
}

/* Reading */

static enum ecode reader_take(struct db *db, struct db_tx **ret, struct err *er)
{
        pthread_mutex_lock(&db->pool_lock);
        while (db->idle == NULL && db->readers_n == db->readers_max)
                pthread_cond_wait(&db->pool_wake, &db->pool_lock);
        struct db_tx *c = db->idle;
        if (c != NULL)
                db->idle = c->next_idle;
        else
                db->readers_n++;
        pthread_mutex_unlock(&db->pool_lock);
        enum ecode e = c != NULL ? E_OK : conn_open(db, false, &c, er);
        if (e == E_OK) {
                *ret = c;
                return E_OK;
        }
        pthread_mutex_lock(&db->pool_lock);
        db->readers_n--;
        pthread_cond_signal(&db->pool_wake);
        pthread_mutex_unlock(&db->pool_lock);
        return e;
}

static void reader_give(struct db *db, struct db_tx *c)
{
        pthread_mutex_lock(&db->pool_lock);
        c->next_idle = db->idle;
        db->idle = c;
        pthread_cond_signal(&db->pool_wake);
        pthread_mutex_unlock(&db->pool_lock);
}

static enum ecode read_on(struct db_tx *c, db_fn fn, void *arg, struct err *er)
{
        enum ecode e = db_plain(c, "BEGIN", er);
        if (e == E_OK)
                e = fn(c, arg, er);
        roll_back(c);
        return e;
}

/* A memory store has one connection, so that reading waits for the group that is being written. */
static enum ecode read_in_memory(struct db *db, db_fn fn, void *arg, struct err *er)
{
        pthread_mutex_lock(&db->writer_lock);
        enum ecode e = db_plain(db->writer, "PRAGMA query_only = ON", er);
        if (e == E_OK)
                e = read_on(db->writer, fn, arg, er);
        db_plain(db->writer, "PRAGMA query_only = OFF", NULL);
        pthread_mutex_unlock(&db->writer_lock);
        return e;
}

enum ecode db_read(struct db *db, db_fn fn, void *arg, struct err *er)
{
        db->reads++;
        if (db_fails_now(db, er))
                return E_STORE_DOWN;
        enum ecode e;
        if (db->in_memory) {
                e = read_in_memory(db, fn, arg, er);
        } else {
                struct db_tx *c = NULL;
                e = reader_take(db, &c, er);
                if (e == E_OK) {
                        e = read_on(c, fn, arg, er);
                        reader_give(db, c);
                }
        }
        if (e == E_STORE_DOWN)
                db->failures++;
        return e;
}

/* Numbers and failures on demand */

void db_stats(struct db *db, struct db_stats *ret)
{
        *ret = (struct db_stats){ .writes = db->writes,
                                  .reads = db->reads,
                                  .commits = db->commits,
                                  .largest_group = db->largest_group,
                                  .failures = db->failures };
}

void db_fail_nth(struct db *db, unsigned n)
{
        db->fail_fired = false;
        db->fail_in = n;
}

bool db_fail_fired(struct db *db)
{
        return db->fail_fired;
}

bool db_fails_now(struct db *db, struct err *er)
{
        unsigned left = db->fail_in;
        while (left != 0 && !atomic_compare_exchange_weak(&db->fail_in, &left, left - 1))
                ;
        if (left != 1)
                return false;
        db->fail_fired = true;
        err_set(er, E_STORE_DOWN, NULL, "a test made this call fail");
        return true;
}
