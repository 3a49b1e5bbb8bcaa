#include "adapter/net/loop.h"
#include "adapter/net/workers.h"
#include "test/kit/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <event2/event.h>

/* A door that holds workers until it is opened, and tells how many wait at it. */
struct door {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned waiting, passed;
        bool open;
};

#define DOOR_INIT                                                                                                      \
        {                                                                                                              \
                .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                 \
        }

static void door_pass(void *arg)
{
        struct door *d = arg;
        pthread_mutex_lock(&d->lock);
        d->waiting++;
        pthread_cond_broadcast(&d->changed);
        while (!d->open)
                pthread_cond_wait(&d->changed, &d->lock);
        d->waiting--;
        d->passed++;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

static void door_await(struct door *d, unsigned waiting, unsigned passed)
{
        pthread_mutex_lock(&d->lock);
        while (d->waiting < waiting || d->passed < passed)
                pthread_cond_wait(&d->changed, &d->lock);
        pthread_mutex_unlock(&d->lock);
}

static void door_open(struct door *d)
{
        pthread_mutex_lock(&d->lock);
        d->open = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
}

static void a_full_queue_says_busy_at_once(void **state)
{
        (void)state;
        struct workers *w = NULL;
        struct door d = DOOR_INIT;
        CHECK_OK(workers_start("test", 2, 3, &w, NULL));
        CHECK_OK(workers_submit(w, door_pass, &d));
        CHECK_OK(workers_submit(w, door_pass, &d));
        door_await(&d, 2, 0);
        for (int i = 0; i < 3; i++)
                CHECK_OK(workers_submit(w, door_pass, &d));
        CHECK_E(E_BUSY, workers_submit(w, door_pass, &d));
        struct workers_stats s;
        workers_stats(w, &s);
        assert_int_equal(s.queued, 3);
        assert_int_equal(s.running, 2);
        assert_int_equal(s.refused, 1);
        door_open(&d);
        door_await(&d, 0, 5);
        CHECK_OK(workers_submit(w, door_pass, &d));
        workers_stop(w); /* runs what is queued */
        assert_int_equal(d.passed, 6);
}

static void refuses_impossible_sizes(void **state)
{
        (void)state;
        struct workers *w = NULL;
        struct err er;
        CHECK_E(E_RANGE, workers_start("test", 0, 1, &w, &er));
        CHECK_E(E_RANGE, workers_start("test", 1, 0, &w, &er));
        CHECK_E(E_RANGE, workers_start("test", 5000, 1, &w, NULL));
        assert_null(w);
        workers_stop(NULL);
        loop_stop(NULL);
}

struct order {
        struct loop *loop;
        unsigned next;
        bool wrong_thread, wrong_order;
};

struct step {
        struct loop_task task;
        struct order *order;
        unsigned n;
};

static void run_step(struct loop_task *t)
{
        struct step *s = (struct step *)(void *)t;
        s->order->wrong_thread |= !loop_here(s->order->loop);
        s->order->wrong_order |= s->n != s->order->next++;
}

static void posts_arrive_in_order_on_the_loop(void **state)
{
        (void)state;
        struct order o = { 0 };
        static struct step step[1000];
        CHECK_OK(loop_start("test", &o.loop, NULL));
        assert_false(loop_here(o.loop));
        for (unsigned i = 0; i < COUNT(step); i++) {
                step[i] = (struct step){ { .fn = run_step }, &o, i };
                loop_post_task(o.loop, &step[i].task);
        }
        loop_stop(o.loop); /* runs what was posted before */
        assert_int_equal(o.next, COUNT(step));
        assert_false(o.wrong_thread || o.wrong_order);
}

struct crowd {
        struct loop *loop;
        unsigned seen; /* on the loop */
        _Atomic unsigned lost;
};

static void count(void *arg)
{
        struct crowd *c = arg;
        c->seen++;
}

static void post_many(void *arg)
{
        struct crowd *c = arg;
        for (int i = 0; i < 100; i++)
                if (loop_post(c->loop, count, c) != E_OK)
                        c->lost++;
}

static void many_threads_post_and_nothing_is_lost(void **state)
{
        (void)state;
        struct crowd c = { 0 };
        struct workers *w = NULL;
        CHECK_OK(loop_start("test", &c.loop, NULL));
        CHECK_OK(workers_start("test", 8, 100, &w, NULL));
        for (int i = 0; i < 50; i++)
                CHECK_OK(workers_submit(w, post_many, &c));
        workers_stop(w);
        loop_call(c.loop, count, &c); /* comes after them, and waits */
        assert_int_equal(c.seen, 50 * 100 + 1);
        assert_int_equal(c.lost, 0);
        loop_stop(c.loop);
}

struct ticking {
        struct loop *loop;
        struct event *timer;
        struct door door;
};

static void tick(evutil_socket_t fd, short what, void *arg)
{
        (void)fd, (void)what;
        struct ticking *t = arg;
        pthread_mutex_lock(&t->door.lock);
        t->door.passed++;
        pthread_cond_broadcast(&t->door.changed);
        pthread_mutex_unlock(&t->door.lock);
}

static void timer_on(void *arg)
{
        struct ticking *t = arg;
        t->timer = event_new(loop_base(t->loop), -1, EV_PERSIST, tick, t);
        event_add(t->timer, &(struct timeval){ .tv_usec = 1000 });
}

static void free_timer(void *arg)
{
        event_free(arg);
}

static void timer_off(void *arg)
{
        struct ticking *t = arg;
        loop_call(t->loop, free_timer, t->timer); /* on the loop itself: runs directly */
}

static void events_of_others_run_beside_posts(void **state)
{
        (void)state;
        struct ticking t = { .door = DOOR_INIT };
        CHECK_OK(loop_start("test", &t.loop, NULL));
        loop_call(t.loop, timer_on, &t);
        door_await(&t.door, 0, 3);
        loop_call(t.loop, timer_off, &t);
        loop_stop(t.loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_queue_says_busy_at_once),
                cmocka_unit_test(refuses_impossible_sizes),
                cmocka_unit_test(posts_arrive_in_order_on_the_loop),
                cmocka_unit_test(many_threads_post_and_nothing_is_lost),
                cmocka_unit_test(events_of_others_run_beside_posts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
