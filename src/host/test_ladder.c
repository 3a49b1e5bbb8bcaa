#include "test/kit/check.h"

#include "host/ladder.h"

#include <sys/stat.h>
#include <unistd.h>

static struct ladder *recorded(void *mem)
{
        struct ladder *l = ladder_new(mem);
        struct bytes all = vector_file(mem, "ladder/events.jsonl");
        while (all.n > 0) {
                const uint8_t *end = memchr(all.p, '\n', all.n);
                size_t n = (size_t)(end - all.p);
                CHECK_OK(ladder_add_line(l, bytes_of(all.p, n)));
                all = bytes_of(end + 1, all.n - n - 1);
        }
        ladder_tie(l);
        return l;
}

/* The drawing is what people see first: any change of it is looked at, then written over the golden text. */
static void check_golden(const struct ladder_options *opt, const char *name)
{
        void *mem = talloc_new(NULL);
        struct buf b = buf_on(mem);
        ladder_draw(recorded(mem), opt, &b);
        const char *dump = getenv("MUSTER_LADDER_DUMP");
        if (dump != NULL) {
                char *path = talloc_asprintf(mem, "%s/%s", dump, name);
                FILE *f = fopen(path, "w");
                fwrite(b.p, 1, b.n, f);
                fclose(f);
        }
        struct bytes want = vector_file(mem, talloc_asprintf(mem, "ladder/%s", name));
        if (!bytes_eq(buf_bytes(&b), want))
                fail_msg("%s: the drawing differs:\n%s", name, buf_str(&b));
        talloc_free(mem);
}

static void test_golden(void **state)
{
        (void)state;
        check_golden(&(struct ladder_options){ .width = 80, .note = true }, "ladder-80.txt");
        check_golden(&(struct ladder_options){ .width = 60, .ascii = true, .last_run = true }, "ladder-ascii.txt");
        check_golden(&(struct ladder_options){ .width = 132, .colour = true, .trace = "4bf9" }, "ladder-colour.txt");
}

/* No line is wider than the terminal, whatever its width. */
static void test_widths(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ladder *l = recorded(mem);
        for (unsigned width = 60; width < 200; width += 7) {
                struct buf b = buf_on(mem);
                assert_int_equal(ladder_draw(l, &(struct ladder_options){ .width = width, .ascii = true }, &b), 19);
                for (char *line = strtok(buf_str(&b), "\n"); line != NULL; line = strtok(NULL, "\n"))
                        assert_true(strlen(line) <= width);
        }
        talloc_free(mem);
}

static void test_runs_are_told_apart(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ladder *l = recorded(mem);
        json_t *runs = ladder_json(l, &(struct ladder_options){ 0 });
        assert_int_equal(json_array_size(runs), 2);
        json_t *first = json_array_get(runs, 0);
        assert_int_equal(json_array_size(json_object_get(first, "events")), 19);
        assert_int_equal(json_integer_value(json_object_get(first, "refusals")), 1);
        assert_string_equal(json_string_value(json_object_get(first, "trace")), "4bf92f3577b34da6a3ce929d0e0e4736");
        json_decref(runs);
        runs = ladder_json(l, &(struct ladder_options){ .since = "2026-07-01T12:30:00Z" });
        assert_int_equal(json_array_size(runs), 1);
        json_decref(runs);
        runs = ladder_json(l, &(struct ladder_options){ .trace = "ffff" });
        assert_int_equal(json_array_size(runs), 0);
        json_decref(runs);
        talloc_free(mem);
}

/* What a stranger wrote cannot steer the terminal. */
static void test_controls_are_harmless(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ladder *l = ladder_new(mem);
        CHECK_OK(ladder_add_line(
                l, bytes_str("{\"time\":\"2026-07-01T12:00:00Z\",\"event\":\"arrow\",\"from\":\"u\\u001bx\",\"to\":"
                             "\"y\\n\",\"text\":\"\\u001b]0;\\u009b\\u202e\\u0007\",\"step\":\"\\r1\"}")));
        CHECK_E(E_SYNTAX, ladder_add_line(l, bytes_str("{\"time\":")));
        CHECK_E(E_SYNTAX, ladder_add_line(l, bytes_str("[]")));
        CHECK_OK(ladder_add_line(l, bytes_str("{\"event\":\"arrow\",\"time\":7}")));
        ladder_tie(l);
        struct buf b = buf_on(mem);
        assert_int_equal(ladder_draw(l, &(struct ladder_options){ .width = 80 }, &b), 1);
        for (const unsigned char *p = b.p; *p; p++)
                assert_true(*p == '\n' || (*p >= ' ' && *p != 0x7f));
        assert_null(strstr(buf_str(&b), "\xc2\x9b"));
        assert_null(strstr(buf_str(&b), "\xe2\x80\xae"));
        talloc_free(mem);
}

/* More functions than fit still draw. */
static void test_many_columns(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct ladder *l = ladder_new(mem);
        for (int i = 0; i < 40; i++)
                CHECK_OK(ladder_add_line(l, bytes_str(talloc_asprintf(
                                                    mem,
                                                    "{\"time\":\"2026-07-01T12:00:%02dZ\",\"event\":\"arrow\",\"from\":"
                                                    "\"f%d\",\"to\":\"t%d\",\"trace\":\"a\"}",
                                                    i, i, i))));
        ladder_tie(l);
        struct buf b = buf_on(mem);
        assert_int_equal(ladder_draw(l, &(struct ladder_options){ .width = 40 }, &b), 40);
        assert_false(b.failed);
        talloc_free(mem);
}

static void test_reads_a_deployment(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        char dir[] = "/tmp/ladder-XXXXXX";
        assert_non_null(mkdtemp(dir));
        char *log = talloc_asprintf(mem, "%s/log", dir), *file = talloc_asprintf(mem, "%s/events-idm.jsonl", log);
        struct err er;
        CHECK_E(E_IO, ladder_add_dir(ladder_new(mem), dir, &er));
        mkdir(log, 0700);
        FILE *f = fopen(file, "w");
        fputs("{\"time\":\"2026-07-01T12:00:00Z\",\"event\":\"arrow\",\"from\":\"ue\",\"to\":\"idm\"}\n{\"time\":\"20",
              f);
        fclose(f);
        struct ladder *l = ladder_new(mem);
        CHECK_OK(ladder_add_dir(l, dir, &er));
        ladder_tie(l);
        struct buf b = buf_on(mem);
        assert_int_equal(ladder_draw(l, &(struct ladder_options){ .width = 80 }, &b), 1);
        unlink(file);
        rmdir(log);
        rmdir(dir);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_runs_are_told_apart),
                cmocka_unit_test(test_controls_are_harmless),
                cmocka_unit_test(test_many_columns),
                cmocka_unit_test(test_reads_a_deployment),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
