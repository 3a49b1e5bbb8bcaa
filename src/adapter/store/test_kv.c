#include "test/kit/check.h"

#include "adapter/store/db.h"
#include "adapter/store/kv_sqlite.h"

#include <unistd.h>

static const struct seal_key key = { { 1, 2, 3 } }, other = { { 9 } };

struct seen {
        size_t n;
        char text[200];
};

static enum ecode collect(void *arg, const char *k, struct bytes value)
{
        struct seen *s = arg;
        s->n++;
        snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s=%.*s;", k, (int)value.n,
                 (const char *)value.p);
        return E_OK;
}

/* The same for the store in memory and the one in a file. */
static void behaves(const char *path)
{
        void *mem = talloc_new(NULL);
        struct store_kv *kv = NULL;
        struct seen s = { 0 };
        CHECK_OK(kv_sqlite_open(mem, path, &key, &rng_system, &kv, NULL));
        CHECK_OK(kv->put(kv, "b", bytes_str("two"), NULL));
        CHECK_OK(kv->put(kv, "a", bytes_str("one"), NULL));
        CHECK_OK(kv->put(kv, "b", bytes_str("TWO"), NULL));
        CHECK_OK(kv->put(kv, "c", bytes_str("gone"), NULL));
        CHECK_OK(kv->del(kv, "c", NULL));
        CHECK_OK(kv->del(kv, "never", NULL));
        CHECK_OK(kv->each(kv, collect, &s, NULL));
        assert_string_equal(s.text, "a=one;b=TWO;");
        talloc_free(mem);
}

static void test_memory(void **state)
{
        (void)state;
        behaves(DB_MEMORY);
}

/* R-KMS-87: what is kept is sealed, each value to its own place. */
static void test_file_is_sealed(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct store_kv *kv = NULL;
        struct seen s = { 0 };
        char dir[] = "/tmp/muster-kv-XXXXXX";
        assert_non_null(mkdtemp(dir));
        char *path = talloc_asprintf(mem, "%s/state.db", dir);
        behaves(path);
        CHECK_OK(kv_sqlite_open(mem, path, &key, &rng_system, &kv, NULL));
        CHECK_OK(kv->put(kv, "k", bytes_str("a-very-plain-secret"), NULL));
        CHECK_OK(kv->each(kv, collect, &s, NULL));
        assert_string_equal(s.text, "a=one;b=TWO;k=a-very-plain-secret;");
        TALLOC_FREE(kv);
        CHECK_OK(kv_sqlite_open(mem, path, &other, &rng_system, &kv, NULL));
        CHECK_E(E_DECRYPT, kv->each(kv, collect, &s, NULL));
        TALLOC_FREE(kv);
        char *cmd = talloc_asprintf(mem, "grep -q a-very-plain-secret %s/*", dir);
        assert_int_not_equal(system(cmd), 0);
        assert_int_equal(system(talloc_asprintf(mem, "rm -rf %s", dir)), 0);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_memory), cmocka_unit_test(test_file_is_sealed) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
