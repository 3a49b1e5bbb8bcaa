#include "adapter/net/loop.h"

#include "adapter/net/thread.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <event2/event.h>

struct loop {
        struct event_base *base;
        struct event *woken;
        int wake_fd;
        pthread_t thread;
        pthread_mutex_t lock;
        struct loop_task *first, **last; /* posted and not yet taken */
        struct loop_task stop;
};

static void run_posted(evutil_socket_t fd, short what, void *arg)
{
        (void)what;
        struct loop *l = arg;
        uint64_t n;
        while (read(fd, &n, sizeof n) < 0 && errno == EINTR)
                continue;
        pthread_mutex_lock(&l->lock);
        struct loop_task *t = l->first;
        l->first = NULL;
        l->last = &l->first;
        pthread_mutex_unlock(&l->lock);
        while (t != NULL) {
                struct loop_task *next = t->next; /* t may be gone after the call */
                t->fn(t);
                t = next;
        }
}

static void *loop_main(void *arg)
{
        struct loop *l = arg;
        event_base_dispatch(l->base);
        return NULL;
}

static void loop_free(struct loop *l)
{
        if (l->woken != NULL)
                event_free(l->woken);
        if (l->base != NULL)
                event_base_free(l->base);
        if (l->wake_fd >= 0)
                close(l->wake_fd);
        pthread_mutex_destroy(&l->lock);
        free(l);
}

static struct event_base *base_without_locks(void)
{
        struct event_config *c = event_config_new();
        if (c == NULL)
                return NULL;
        event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
        struct event_base *base = event_base_new_with_config(c);
        event_config_free(c);
        return base;
}

enum ecode loop_start(const char *name, struct loop **ret, struct err *er)
{
        struct loop *l = calloc(1, sizeof *l);
        if (l == NULL)
                return err_set(er, E_NOMEM, NULL, "no memory for the loop %s", name);
        pthread_mutex_init(&l->lock, NULL);
        l->last = &l->first;
        l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        l->base = base_without_locks();
        if (l->base != NULL && l->wake_fd >= 0)
                l->woken = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, run_posted, l);
        int e = l->woken == NULL || event_add(l->woken, NULL) != 0 ? errno : 0;
        if (l->woken != NULL && e == 0)
                e = thread_start(&l->thread, name, loop_main, l);
        if (l->woken == NULL || e != 0) {
                loop_free(l);
                return err_set(er, E_IO, NULL, "cannot start the loop %s: %s", name, strerror(e));
        }
        *ret = l;
        return E_OK;
}

struct event_base *loop_base(struct loop *l)
{
        return l->base;
}

bool loop_here(const struct loop *l)
{
        return pthread_equal(pthread_self(), l->thread);
}

void loop_post_task(struct loop *l, struct loop_task *t)
{
        t->next = NULL;
        pthread_mutex_lock(&l->lock);
        bool wake = l->first == NULL; /* otherwise somebody else's wake-up is still on its way */
        *l->last = t;
        l->last = &t->next;
        pthread_mutex_unlock(&l->lock);
        const uint64_t one = 1;
        while (wake && write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
                continue;
}

struct post {
        struct loop_task task;
        void (*fn)(void *arg);
        void *arg;
};

static void run_post(struct loop_task *t)
{
        struct post p = *(struct post *)(void *)t;
        free(t);
        p.fn(p.arg);
}

enum ecode loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
        struct post *p = malloc(sizeof *p);
        if (p == NULL)
                return E_NOMEM;
        *p = (struct post){ .task = { .fn = run_post }, .fn = fn, .arg = arg };
        loop_post_task(l, &p->task);
        return E_OK;
}

struct call {
        struct loop_task task;
        void (*fn)(void *arg);
        void *arg;
        pthread_mutex_t lock;
        pthread_cond_t returned;
        bool done;
};

static void run_call(struct loop_task *t)
{
        struct call *c = (struct call *)(void *)t;
        c->fn(c->arg);
        pthread_mutex_lock(&c->lock);
        c->done = true;
        pthread_cond_signal(&c->returned);
        pthread_mutex_unlock(&c->lock);
}

void loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
        if (loop_here(l)) {
                fn(arg);
                return;
        }
        struct call c = { .task = { .fn = run_call }, .fn = fn, .arg = arg };
        pthread_mutex_init(&c.lock, NULL);
        pthread_cond_init(&c.returned, NULL);
        loop_post_task(l, &c.task);
        pthread_mutex_lock(&c.lock);
        while (!c.done)
                pthread_cond_wait(&c.returned, &c.lock);
        pthread_mutex_unlock(&c.lock);
        pthread_cond_destroy(&c.returned);
        pthread_mutex_destroy(&c.lock);
}

static void run_stop(struct loop_task *t)
{
        struct loop *l = (struct loop *)(void *)((char *)t - offsetof(struct loop, stop));
        event_base_loopbreak(l->base);
}

void loop_stop(struct loop *l)
{
        if (l == NULL)
                return;
        l->stop.fn = run_stop;
        loop_post_task(l, &l->stop);
        pthread_join(l->thread, NULL);
        loop_free(l);
}
