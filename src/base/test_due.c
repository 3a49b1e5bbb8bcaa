#include "test/kit/check.h"

#include "base/due.h"

static void test_bound(void **state)
{
        (void)state;
        struct due d = due_never();
        assert_false(due_is(&d, INT64_MAX - 1));
        due_note(&d, 100);
        due_note(&d, 200); /* later: the bound stays */
        assert_false(due_is(&d, 99));
        assert_true(due_is(&d, 100));
        due_note(&d, 50);
        assert_true(due_is(&d, 50));
        d = due_at_once();
        assert_true(due_is(&d, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_bound) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
