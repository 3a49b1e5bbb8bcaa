#include "test/kit/check.h"

#include "engine/siptx.h"

#include <time.h>

/* Runs a lone transaction through virtual time until `until`; notes when which actions were wanted. */
struct seen {
        uint64_t at[64];
        unsigned todo[64];
        size_t n;
};

static struct siptx_table *table(void *mem, size_t max)
{
        struct siptx_table *tb = siptx_table_new(mem, max, &rng_system);
        assert_non_null(tb);
        return tb;
}

static struct seen run(struct siptx_table *tb, uint64_t until)
{
        struct seen s = { .n = 0 };
        uint64_t now;
        while ((now = siptx_next_ms(tb)) <= until) {
                enum siptx_event ev;
                struct siptx *t = siptx_due(tb, now, &ev);
                unsigned todo = siptx_step(tb, t, ev, now);
                assert_true(s.n < COUNT(s.at));
                s.at[s.n] = now;
                s.todo[s.n++] = todo;
                if ((todo & SIPTX_DO_END) != 0)
                        siptx_take(tb, t);
        }
        return s;
}

static void check_times(const struct seen *s, const uint64_t *want, size_t n, unsigned todo)
{
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(s->at[i], want[i]);
                assert_int_equal(s->todo[i], todo);
        }
}

/* RFC 3261 clause 17.1.2.2: E doubles from T1 to T2, F ends at 64*T1. */
static void test_client_schedule(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct siptx_table *tb = table(mem, 4);
        struct siptx t;
        siptx_init(&t, SIPTX_CLIENT, false, "k", 0);
        CHECK_OK(siptx_put(tb, &t));
        struct seen s = run(tb, 100000);
        static const uint64_t e[] = { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500 };
        check_times(&s, e, COUNT(e), SIPTX_DO_SEND_REQUEST);
        assert_int_equal(s.n, COUNT(e) + 1);
        assert_int_equal(s.at[COUNT(e)], 32000);
        assert_int_equal(s.todo[COUNT(e)], SIPTX_DO_TELL_TIMEOUT | SIPTX_DO_END);
        assert_int_equal(siptx_count(tb), 0);
        talloc_free(mem);
}

/* A provisional answer: E goes on at T2, F stays where it was. A final one: K absorbs what comes late. */
static void test_client_answers(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct siptx_table *tb = table(mem, 4);
        struct siptx t;
        siptx_init(&t, SIPTX_CLIENT, false, "k", 0);
        CHECK_OK(siptx_put(tb, &t));
        assert_int_equal(siptx_step(tb, &t, SIPTX_1XX, 100), SIPTX_DO_PASS);
        struct seen s = run(tb, 9000);
        static const uint64_t e[] = { 4100, 8100 };
        check_times(&s, e, COUNT(e), SIPTX_DO_SEND_REQUEST);
        assert_int_equal(s.n, 2);
        assert_int_equal(t.end_ms, 32000);
        assert_int_equal(siptx_step(tb, &t, SIPTX_FINAL, 9000), SIPTX_DO_PASS);
        assert_int_equal(siptx_step(tb, &t, SIPTX_FINAL, 9001), 0);
        s = run(tb, 100000);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.at[0], 9000 + SIPTX_T4);
        assert_int_equal(s.todo[0], SIPTX_DO_END);

        siptx_init(&t, SIPTX_CLIENT, true, "k", 0); /* TCP: nothing is sent again, and K is 0 */
        CHECK_OK(siptx_put(tb, &t));
        assert_int_equal(siptx_next_ms(tb), 32000);
        siptx_step(tb, &t, SIPTX_2XX, 50);
        assert_int_equal(siptx_next_ms(tb), 50);
        siptx_take(tb, &t);
        siptx_init(&t, SIPTX_CLIENT, true, "k", 0);
        assert_int_equal(siptx_on(&t, SIPTX_BROKEN, 1), SIPTX_DO_TELL_BROKEN | SIPTX_DO_END);
        talloc_free(mem);
}

/* Clause 17.1.1.2 */
static void test_client_invite(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct siptx_table *tb = table(mem, 4);
        struct siptx t;
        siptx_init(&t, SIPTX_CLIENT_INVITE, false, "k", 0);
        CHECK_OK(siptx_put(tb, &t));
        struct seen s = run(tb, 100000);
        static const uint64_t a[] = { 500, 1500, 3500, 7500, 15500, 31500 };
        check_times(&s, a, COUNT(a), SIPTX_DO_SEND_REQUEST);
        assert_int_equal(s.at[COUNT(a)], 32000);

        siptx_init(&t, SIPTX_CLIENT_INVITE, false, "k", 0);
        CHECK_OK(siptx_put(tb, &t));
        assert_int_equal(siptx_step(tb, &t, SIPTX_1XX, 10), SIPTX_DO_PASS);
        assert_int_equal(siptx_next_ms(tb), UINT64_MAX); /* ringing takes as long as it takes */
        assert_int_equal(siptx_step(tb, &t, SIPTX_FINAL, 5000), SIPTX_DO_PASS | SIPTX_DO_SEND_ACK);
        assert_int_equal(siptx_step(tb, &t, SIPTX_FINAL, 5500), SIPTX_DO_SEND_ACK);
        assert_int_equal(siptx_next_ms(tb), 37000);
        siptx_take(tb, &t);

        siptx_init(&t, SIPTX_CLIENT_INVITE, false, "k", 0); /* the user's patience ends the ringing, not the rest */
        siptx_limit(&t, 7000);
        assert_int_equal(t.end_ms, 7000);
        assert_int_equal(siptx_on(&t, SIPTX_1XX, 10), SIPTX_DO_PASS);
        assert_int_equal(t.end_ms, 7000);
        siptx_on(&t, SIPTX_FINAL, 20);
        assert_int_equal(t.end_ms, 32020);

        siptx_init(&t, SIPTX_CLIENT_INVITE, false, "k", 0);
        assert_int_equal(siptx_on(&t, SIPTX_2XX, 10), SIPTX_DO_PASS);
        assert_int_equal(siptx_on(&t, SIPTX_2XX, 510), SIPTX_DO_SEND_ACK_2XX);
        assert_int_equal(t.end_ms, 32010);
        talloc_free(mem);
}

/* R-SA-99: a request that comes again gets the stored answer, and nothing is passed upward. */
static void test_server_stored_reply(void **state)
{
        (void)state;
        struct siptx t;
        siptx_init(&t, SIPTX_SERVER, false, "k", 0);
        assert_int_equal(siptx_on(&t, SIPTX_REQUEST, 500), 0);
        assert_int_equal(t.end_ms, UINT64_MAX);
        assert_int_equal(siptx_on(&t, SIPTX_2XX, 600), SIPTX_DO_SEND_ANSWER);
        assert_int_equal(siptx_on(&t, SIPTX_REQUEST, 1500), SIPTX_DO_SEND_ANSWER);
        assert_int_equal(siptx_on(&t, SIPTX_REQUEST, 3500), SIPTX_DO_SEND_ANSWER);
        assert_int_equal(siptx_on(&t, SIPTX_FINAL, 3600), 0); /* a second final answer goes nowhere */
        assert_int_equal(t.end_ms, 600 + 32000);
        assert_int_equal(siptx_on(&t, SIPTX_EXPIRE, 32600), SIPTX_DO_END);
}

/* Clause 17.2.1: G until the ACK, which is absorbed, as are its repetitions. */
static void test_server_invite(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct siptx_table *tb = table(mem, 4);
        struct siptx t;
        siptx_init(&t, SIPTX_SERVER_INVITE, false, "k", 0);
        CHECK_OK(siptx_put(tb, &t));
        struct seen s = run(tb, 1000);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.at[0], 200);
        assert_int_equal(s.todo[0], SIPTX_DO_SEND_TRYING);
        assert_int_equal(siptx_step(tb, &t, SIPTX_REQUEST, 1000), SIPTX_DO_SEND_ANSWER);
        assert_int_equal(siptx_step(tb, &t, SIPTX_FINAL, 2000), SIPTX_DO_SEND_ANSWER);
        s = run(tb, 10000);
        static const uint64_t g[] = { 2500, 3500, 5500, 9500 };
        check_times(&s, g, COUNT(g), SIPTX_DO_SEND_ANSWER);
        assert_int_equal(siptx_step(tb, &t, SIPTX_ACK, 10000), 0);
        assert_int_equal(siptx_step(tb, &t, SIPTX_ACK, 10100), 0);
        assert_int_equal(siptx_step(tb, &t, SIPTX_REQUEST, 10200), 0);
        s = run(tb, 100000);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.at[0], 15000);

        siptx_init(&t, SIPTX_SERVER_INVITE, false, "k", 0); /* 2xx goes out again until its ACK was seen */
        CHECK_OK(siptx_put(tb, &t));
        assert_int_equal(siptx_step(tb, &t, SIPTX_2XX, 100), SIPTX_DO_SEND_ANSWER);
        s = run(tb, 2000);
        static const uint64_t l[] = { 600, 1600 };
        check_times(&s, l, COUNT(l), SIPTX_DO_SEND_ANSWER);
        siptx_hush(tb, &t);
        s = run(tb, 100000);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.at[0], 32100);

        siptx_init(&t, SIPTX_SERVER_INVITE, true, "k", 0);
        siptx_on(&t, SIPTX_FINAL, 5);
        assert_int_equal(t.again_ms, UINT64_MAX);
        talloc_free(mem);
}

/* No event in any state of any machine does anything but what the table says; ended ones stay ended. */
static void test_ended_is_deaf(void **state)
{
        (void)state;
        for (int k = 0; k < SIPTX_KINDS; k++)
                for (int e = 0; e < SIPTX_EVENTS; e++) {
                        struct siptx t;
                        siptx_init(&t, (enum siptx_kind)k, false, "k", 0);
                        t.state = SIPTX_ENDED;
                        assert_int_equal(siptx_on(&t, (enum siptx_event)e, 5), 0);
                        assert_int_equal(t.state, SIPTX_ENDED);
                }
}

static struct sip_msg *message(void *mem, const char *via, const char *method, const char *call)
{
        struct sip_msg *m = NULL;
        char *text = talloc_asprintf(mem,
                                     "%s sip:a SIP/2.0\r\nVia: %s\r\nFrom: <sip:a>;tag=f\r\nTo: <sip:b>\r\n"
                                     "Call-ID: %s\r\nCSeq: 3 %s\r\n\r\n",
                                     method, via, call, method);
        CHECK_OK(sip_msg_parse(mem, bytes_str(text), &m, NULL));
        return m;
}

static void test_keys(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const char via[] = "SIP/2.0/UDP h:5060;branch=z9hG4bKa";
        struct sip_msg *inv = message(mem, via, "INVITE", "1"), *ack = message(mem, via, "ACK", "1");
        struct sip_msg *cancel = message(mem, via, "CANCEL", "1");
        assert_string_equal(siptx_key_server(mem, inv), siptx_key_server(mem, ack));
        assert_string_not_equal(siptx_key_server(mem, inv), siptx_key_server(mem, cancel));
        assert_string_equal(siptx_key_server(mem, inv), siptx_key_cancelled(mem, cancel));
        struct sip_msg *other = message(mem, "SIP/2.0/UDP h:5061;branch=z9hG4bKa", "INVITE", "1");
        assert_string_not_equal(siptx_key_server(mem, inv), siptx_key_server(mem, other));
        struct sip_msg *rs = sip_response_new(mem, inv, 200, NULL);
        assert_string_equal(siptx_key_client(mem, inv), siptx_key_client(mem, rs));
        assert_string_equal(siptx_key_dialog(mem, ack, false), siptx_key_dialog(mem, rs, false));
        /* RFC 2543 peers: same branch, other call */
        struct sip_msg *o1 = message(mem, "SIP/2.0/UDP h;branch=1", "OPTIONS", "1");
        struct sip_msg *o2 = message(mem, "SIP/2.0/UDP h;branch=1", "OPTIONS", "2");
        assert_string_not_equal(siptx_key_server(mem, o1), siptx_key_server(mem, o2));
        assert_null(siptx_key_client(mem, message(mem, "SIP/2.0/UDP h", "OPTIONS", "1")));
        talloc_free(mem);
}

/* 100,000 at a time: every one is found, none is lost, order of times holds, and the table says no when it is full. */
static void test_many(void **state)
{
        (void)state;
        enum { N = 100000 };
        void *mem = talloc_new(NULL);
        struct siptx_table *tb = table(mem, N);
        size_t before = talloc_total_blocks(tb);
        struct siptx *t = talloc_array(mem, struct siptx, N + 1);
        char(*key)[24] = talloc_size(mem, sizeof *key * (N + 1));
        for (size_t i = 0; i <= N; i++) {
                snprintf(key[i], sizeof key[i], "s z9hG4bK%zu", i);
                siptx_init(&t[i], SIPTX_CLIENT, false, key[i], (i * 7919) % 30000);
                CHECK_E(i < N ? E_OK : E_BUSY, siptx_put(tb, &t[i]));
        }
        siptx_take(tb, &t[5]);
        assert_null(siptx_find(tb, key[5]));
        CHECK_OK(siptx_put(tb, &t[5]));
        t[N].key = key[7];
        siptx_take(tb, &t[9]);
        CHECK_E(E_EXISTS, siptx_put(tb, &t[N]));
        CHECK_OK(siptx_put(tb, &t[9]));
        for (size_t i = 0; i < N; i++)
                assert_ptr_equal(siptx_find(tb, key[i]), &t[i]);
        for (size_t i = 0; i < N; i += 2)
                siptx_step(tb, &t[i], SIPTX_FINAL, 40000);
        uint64_t last = 0;
        size_t ended = 0;
        while (siptx_count(tb) > 0) {
                uint64_t now = siptx_next_ms(tb);
                enum siptx_event ev;
                struct siptx *due = siptx_due(tb, now, &ev);
                assert_true(now >= last);
                last = now;
                if ((siptx_step(tb, due, ev, now) & SIPTX_DO_END) != 0) {
                        siptx_take(tb, due);
                        ended++;
                }
        }
        assert_int_equal(ended, N);
        assert_int_equal(talloc_total_blocks(tb), before); /* nothing was allocated on the way */
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_client_schedule),
                cmocka_unit_test(test_client_answers),
                cmocka_unit_test(test_client_invite),
                cmocka_unit_test(test_server_stored_reply),
                cmocka_unit_test(test_server_invite),
                cmocka_unit_test(test_ended_is_deaf),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
