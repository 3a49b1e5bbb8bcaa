/* The SQLite layer: group commit, isolation, migrations, durability, failures. Everything that can runs on a file and
 * in memory. */
#include "test/kit/check.h"

#include "adapter/store/db.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* SQLite's own calls are counted: it is a shared library and finds these first. */
static atomic_uint syncs;

int fsync(int fd)
{
        static int (*real)(int);
        if (real == NULL)
                *(void **)&real = dlsym(RTLD_NEXT, "fsync");
        syncs++;
        return real(fd);
}

int fdatasync(int fd)
{
        static int (*real)(int);
        if (real == NULL)
                *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
        syncs++;
        return real(fd);
}

static const char *const migrations[] = {
        "CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER, b BLOB, s TEXT) STRICT, WITHOUT ROWID;"
        "CREATE TABLE child (k TEXT NOT NULL REFERENCES t(k)) STRICT",
        NULL,
};

struct place {
        char dir[64], path[96];
};

static struct place place_new(void)
{
        struct place p = { .dir = "/tmp/test_db.XXXXXX" };
        assert_non_null(mkdtemp(p.dir));
        snprintf(p.path, sizeof p.path, "%s/db", p.dir);
        return p;
}

static void place_drop(const struct place *p)
{
        static const char *const suffix[] = { "", "-wal", "-shm" };
        char path[128];
        for (size_t i = 0; i < COUNT(suffix); i++) {
                snprintf(path, sizeof path, "%s%s", p->path, suffix[i]);
                unlink(path);
        }
        assert_int_equal(rmdir(p->dir), 0);
}

static struct db *open_at(const char *path)
{
        struct db *db = NULL;
        struct err er = { 0 };
        if (db_open(NULL, &(struct db_conf){ .path = path, .migrations = migrations }, &db, &er) != E_OK)
                fail_msg("open: %s", er.text);
        return db;
}

struct put {
        const char *k;
        int64_t v;
        enum ecode end; /* what the function returns after it wrote */
};

static enum ecode put(struct db_tx *tx, void *arg, struct err *er)
{
        struct put *p = arg;
        enum ecode e = db_exec(tx, er, "INSERT INTO t (k, v) VALUES (?, ?)", DB_TEXT(p->k), DB_INT(p->v));
        return e != E_OK ? e : p->end;
}

static enum ecode count(struct db_tx *tx, void *arg, struct err *er)
{
        struct db_stmt *st;
        enum ecode e = db_one(tx, &st, er, "SELECT count(*) FROM t");
        if (e == E_OK)
                *(int64_t *)arg = db_col_int(st, 0);
        return e;
}

static int64_t rows(struct db *db)
{
        int64_t n = -1;
        CHECK_OK(db_read(db, count, &n, NULL));
        return n;
}

/* Run on a file and in memory */

static enum ecode put_values(struct db_tx *tx, void *arg, struct err *er)
{
        (void)arg;
        static const uint8_t zero[] = { 0, 1, 0 };
        enum ecode e = db_exec(tx, er, "INSERT INTO t VALUES (?, ?, ?, ?)", DB_TEXT("a"), DB_INT(INT64_MIN),
                               DB_BLOB(BYTES_ARR(zero)), DB_TEXT("gr\xc3\xbc\xc3\x9f"));
        return e != E_OK ? e
                         : db_exec(tx, er, "INSERT INTO t VALUES (?, ?, ?, ?)", DB_TEXT("b"), DB_NULL,
                                   DB_BLOB(((struct bytes){ 0 })), DB_TEXT(NULL));
}

static enum ecode get_values(struct db_tx *tx, void *mem, struct err *er)
{
        static const uint8_t zero[] = { 0, 1, 0 };
        struct db_stmt *st;
        bool row;
        CHECK_OK(db_query(tx, &st, er, "SELECT k, v, b, s FROM t ORDER BY k"));
        CHECK_OK(db_step(st, &row, er));
        assert_true(row);
        assert_string_equal(db_col_text(st, mem, 0), "a");
        assert_true(db_col_int(st, 1) == INT64_MIN);
        CHECK_BYTES("blob", db_col_blob(st, mem, 2), BYTES_ARR(zero));
        assert_string_equal(db_col_text(st, mem, 3), "gr\xc3\xbc\xc3\x9f");
        CHECK_OK(db_step(st, &row, er));
        assert_true(row);
        assert_true(db_col_null(st, 1));
        assert_false(db_col_null(st, 2));
        assert_int_equal(db_col_blob(st, mem, 2).n, 0);
        assert_null(db_col_text(st, mem, 3));
        assert_string_equal(db_col_str(st, mem, 3), "");
        CHECK_OK(db_step(st, &row, er));
        assert_false(row);
        CHECK_OK(db_step(st, &row, er));
        assert_false(row);
        CHECK_E(E_NOT_FOUND, db_one(tx, &st, er, "SELECT 1 FROM t WHERE k = ?", DB_TEXT("none")));
        return E_OK;
}

static void values_come_back(struct db *db)
{
        void *mem = talloc_new(NULL);
        CHECK_OK(db_write(db, put_values, NULL, NULL));
        CHECK_OK(db_read(db, get_values, mem, NULL));
        talloc_free(mem);
}

static enum ecode orphan(struct db_tx *tx, void *arg, struct err *er)
{
        (void)arg;
        return db_exec(tx, er, "INSERT INTO child VALUES ('nobody')");
}

static enum ecode nonsense(struct db_tx *tx, void *arg, struct err *er)
{
        (void)arg;
        return db_exec(tx, er, "SELECT no_such_column FROM t");
}

static void errors_have_their_codes(struct db *db)
{
        struct err er = { 0 };
        CHECK_OK(db_write(db, put, &(struct put){ "x", 1 }, &er));
        CHECK_E(E_EXISTS, db_write(db, put, &(struct put){ "x", 2 }, &er));
        assert_non_null(strstr(er.text, "UNIQUE"));
        CHECK_E(E_CONFLICT, db_write(db, orphan, NULL, &er));
        CHECK_E(E_STORE_DOWN, db_write(db, nonsense, NULL, &er));
        assert_non_null(strstr(er.text, "no_such_column"));
        CHECK_E(E_STORE_DOWN, db_read(db, put, &(struct put){ "y", 1 }, &er));
        assert_non_null(strstr(er.text, "readonly"));
        assert_int_equal(rows(db), 1);
}

static void a_failing_call_rolls_back_alone(struct db *db)
{
        CHECK_OK(db_write(db, put, &(struct put){ "a", 1 }, NULL));
        CHECK_E(E_FORBIDDEN, db_write(db, put, &(struct put){ "b", 1, E_FORBIDDEN }, NULL));
        assert_int_equal(rows(db), 1);
        CHECK_OK(db_write(db, put, &(struct put){ "b", 1 }, NULL));
        assert_int_equal(rows(db), 2);
}

#define THREADS 16
#define EACH    100

struct crowd {
        struct db *db;
        unsigned no;
        enum ecode wrong;
};

/* Every third call fails after it has written. */
static void *crowd_run(void *arg)
{
        struct crowd *c = arg;
        char k[32];
        for (int i = 0; i < EACH; i++) {
                snprintf(k, sizeof k, "%u-%d", c->no, i);
                enum ecode end = i % 3 == 2 ? E_FORBIDDEN : E_OK;
                enum ecode e = db_write(c->db, put, &(struct put){ k, i, end }, NULL);
                if (e != end)
                        c->wrong = e;
        }
        return NULL;
}

static void crowd_write(struct db *db)
{
        pthread_t t[THREADS];
        struct crowd c[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
                c[i] = (struct crowd){ .db = db, .no = i };
                assert_int_equal(pthread_create(&t[i], NULL, crowd_run, &c[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) {
                pthread_join(t[i], NULL);
                CHECK_OK(c[i].wrong);
        }
}

/* A write that lasts until everybody of the crowd has come. */
struct gate {
        struct db *db;
        atomic_bool inside;
        enum ecode wrong;
};

static enum ecode wait_for_crowd(struct db_tx *tx, void *arg, struct err *er)
{
        struct gate *g = arg;
        struct db_stats s;
        (void)tx;
        (void)er;
        atomic_store(&g->inside, true);
        do {
                nanosleep(&(const struct timespec){ 0, 1000000 }, NULL);
                db_stats(g->db, &s);
        } while (s.writes < 1 + THREADS);
        return E_OK;
}

static void *gate_run(void *arg)
{
        struct gate *g = arg;
        g->wrong = db_write(g->db, wait_for_crowd, g, NULL);
        return NULL;
}

static void many_threads_share_commits(struct db *db)
{
        struct gate g = { .db = db };
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, gate_run, &g), 0);
        while (!atomic_load(&g.inside))
                nanosleep(&(const struct timespec){ 0, 1000000 }, NULL);
        crowd_write(db);
        pthread_join(t, NULL);
        CHECK_OK(g.wrong);
        struct db_stats s;
        db_stats(db, &s);
        assert_int_equal(rows(db), THREADS * (EACH - EACH / 3));
        assert_int_equal(s.writes, 1 + THREADS * EACH);
        assert_true(s.largest_group > 1);
        assert_true(s.commits < s.writes);
}

static void every_call_can_fail(struct db *db)
{
        unsigned nth = 1;
        for (;; nth++) {
                char k[16];
                snprintf(k, sizeof k, "%u", nth);
                int64_t before = rows(db);
                db_fail_nth(db, nth);
                struct err er = { 0 };
                enum ecode e = db_write(db, put, &(struct put){ k, 1 }, &er);
                bool fired = db_fail_fired(db);
                db_fail_nth(db, 0);
                CHECK_E(fired ? E_STORE_DOWN : E_OK, e);
                assert_int_equal(rows(db), before + (fired ? 0 : 1));
                if (!fired)
                        break;
        }
        assert_int_equal(nth, 4); /* the call, the statement, the COMMIT */
}

static void (*const suite[])(struct db *) = {
        values_come_back,           errors_have_their_codes, a_failing_call_rolls_back_alone,
        many_threads_share_commits, every_call_can_fail,
};

static void on_memory(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(suite); i++) {
                struct db *db = open_at(DB_MEMORY);
                suite[i](db);
                db_close(db);
        }
}

static void on_file(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(suite); i++) {
                struct place p = place_new();
                struct db *db = open_at(p.path);
                suite[i](db);
                db_close(db);
                place_drop(&p);
        }
}

/* Files only */

static void fsyncs_are_fewer_than_writes(void **state)
{
        (void)state;
        struct place p = place_new();
        struct db *db = open_at(p.path);
        unsigned before = syncs;
        CHECK_OK(db_write(db, put, &(struct put){ "one", 1 }, NULL));
        assert_true(syncs > before); /* an answer is on the disk */
        before = syncs;
        crowd_write(db);
        unsigned used = syncs - before;
        print_message("%d writes, %u fsyncs\n", THREADS * EACH, used);
        assert_true(used < THREADS * EACH / 2);
        db_close(db);
        place_drop(&p);
}

static void the_file_is_private(void **state)
{
        (void)state;
        struct place p = place_new();
        struct db *db = open_at(p.path);
        struct stat st;
        assert_int_equal(stat(p.path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        db_close(db);
        place_drop(&p);
}

static void migrations_go_forward_only(void **state)
{
        (void)state;
        static const char *const later[] = { NULL, NULL, NULL };
        static const char *const broken[] = { "x", "ALTER TABLE t ADD COLUMN n2 INTEGER; NONSENSE", NULL };
        struct place p = place_new();
        struct err er = { 0 };
        struct db *db = open_at(p.path);
        CHECK_OK(db_write(db, put, &(struct put){ "kept", 1 }, NULL));
        db_close(db);
        CHECK_E(E_STORE_DOWN, db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = broken }, &db, &er));
        assert_non_null(strstr(er.text, "migration 2"));
        const char *const two[] = { migrations[0], "ALTER TABLE t ADD COLUMN n2 INTEGER", NULL };
        CHECK_OK(db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = two }, &db, &er));
        assert_int_equal(rows(db), 1); /* nothing was left of the broken one, or the column would exist */
        db_close(db);
        db = NULL;
        CHECK_E(E_CONFIG, db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = migrations }, &db, &er));
        assert_non_null(strstr(er.text, "version 2"));
        CHECK_E(E_CONFIG, db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = later }, &db, &er));
        assert_null(db);
        place_drop(&p);
}

static enum ecode count_twice(struct db_tx *tx, void *arg, struct err *er)
{
        struct db *db = arg;
        int64_t one = 0, two = 0;
        CHECK_OK(count(tx, &one, er));
        CHECK_OK(db_write(db, put, &(struct put){ "meanwhile", 1 }, er)); /* allowed on a file from a reader */
        CHECK_OK(count(tx, &two, er));
        assert_int_equal(one, two);
        return E_OK;
}

static void a_reader_sees_one_snapshot(void **state)
{
        (void)state;
        struct place p = place_new();
        struct db *db = open_at(p.path);
        CHECK_OK(db_read(db, count_twice, db, NULL));
        assert_int_equal(rows(db), 1);
        db_close(db);
        place_drop(&p);
}

static enum ecode hold(struct db_tx *tx, void *arg, struct err *er)
{
        struct err other = { 0 };
        struct db *second = arg;
        CHECK_OK(db_exec(tx, er, "INSERT INTO t (k) VALUES ('held')"));
        CHECK_E(E_STORE_DOWN, db_write(second, put, &(struct put){ "late", 1 }, &other));
        assert_non_null(strstr(other.text, "locked"));
        return E_OK;
}

static void another_process_holds_the_lock(void **state)
{
        (void)state;
        struct place p = place_new();
        struct db *db = open_at(p.path), *second = NULL;
        CHECK_OK(db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = migrations, .busy_ms = 20 }, &second,
                         NULL));
        CHECK_OK(db_write(db, hold, second, NULL));
        CHECK_OK(db_write(second, put, &(struct put){ "late", 1 }, NULL));
        assert_int_equal(rows(db), 2);
        db_close(second);
        db_close(db);
        place_drop(&p);
}

static void a_file_that_is_no_database(void **state)
{
        (void)state;
        struct place p = place_new();
        FILE *f = fopen(p.path, "w");
        for (int i = 0; i < 200; i++)
                fputs("this is no database\n", f);
        fclose(f);
        struct db *db = NULL;
        struct err er = { 0 };
        CHECK_E(E_STORE_DOWN, db_open(NULL, &(struct db_conf){ .path = p.path, .migrations = migrations }, &db, &er));
        assert_non_null(strstr(er.text, "not a database"));
        place_drop(&p);
        CHECK_E(E_STORE_DOWN, db_open(NULL, &(struct db_conf){ .path = "/nowhere/at/all" }, &db, &er));
}

/* The child acknowledges each write through the pipe, on four threads, until it is killed. */
struct ack {
        struct db *db;
        int fd, no;
};

static void *ack_run(void *arg)
{
        struct ack *a = arg;
        for (int32_t i = a->no;; i += 4) {
                char k[16];
                snprintf(k, sizeof k, "%d", i);
                if (db_write(a->db, put, &(struct put){ k, i }, NULL) != E_OK)
                        _exit(1);
                if (write(a->fd, &i, sizeof i) != sizeof i)
                        _exit(1);
        }
        return NULL;
}

static void child_write(const char *path, int fd)
{
        struct ack a[4];
        pthread_t t[4];
        struct db *db = open_at(path);
        for (int i = 0; i < 4; i++) {
                a[i] = (struct ack){ db, fd, i };
                pthread_create(&t[i], NULL, ack_run, &a[i]);
        }
        pause();
}

static enum ecode has(struct db_tx *tx, void *arg, struct err *er)
{
        struct db_stmt *st;
        char k[16];
        snprintf(k, sizeof k, "%d", *(int32_t *)arg);
        return db_one(tx, &st, er, "SELECT 1 FROM t WHERE k = ?", DB_TEXT(k));
}

static void killed_in_the_middle_nothing_is_lost(void **state)
{
        (void)state;
        struct place p = place_new();
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t child = fork();
        if (child == 0) {
                close(fd[0]);
                child_write(p.path, fd[1]);
        }
        close(fd[1]);
        int32_t acked[4096];
        size_t n = 0;
        while (n < COUNT(acked) && read(fd[0], &acked[n], sizeof acked[n]) == sizeof acked[n])
                if (++n == 400)
                        kill(child, SIGKILL);
        close(fd[0]);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_true(n >= 400);
        struct db *db = open_at(p.path);
        for (size_t i = 0; i < n; i++)
                if (db_read(db, has, &acked[i], NULL) != E_OK)
                        fail_msg("acknowledged write %d is gone", acked[i]);
        db_close(db);
        place_drop(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(killed_in_the_middle_nothing_is_lost), /* first: it forks, so no threads yet */
                cmocka_unit_test(on_memory),
                cmocka_unit_test(on_file),
                cmocka_unit_test(fsyncs_are_fewer_than_writes),
                cmocka_unit_test(the_file_is_private),
                cmocka_unit_test(migrations_go_forward_only),
                cmocka_unit_test(a_reader_sees_one_snapshot),
                cmocka_unit_test(another_process_holds_the_lock),
                cmocka_unit_test(a_file_that_is_no_database),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
