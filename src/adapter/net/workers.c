#include "adapter/net/workers.h"

#include "adapter/net/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
        void (*fn)(void *arg);
        void *arg;
};

struct workers {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        struct work *ring; /* queue_max slots; n of them used, from `first` on */
        size_t ring_size, first, n, running;
        uint64_t done, refused;
        int stopping;
        char name[24];
        unsigned threads_n;
        pthread_t thread[];
};

static bool take(struct workers *w, struct work *ret)
{
        while (w->n == 0 && !w->stopping)
                pthread_cond_wait(&w->filled, &w->lock);
        if (w->n == 0)
                return false;
        *ret = w->ring[w->first];
        w->first = (w->first + 1) % w->ring_size;
        w->n--;
        return true;
}

static void *worker_main(void *arg)
{
        struct workers *w = arg;
        struct work job;
        pthread_mutex_lock(&w->lock);
        while (take(w, &job)) {
                w->running++;
                pthread_mutex_unlock(&w->lock);
                job.fn(job.arg);
                pthread_mutex_lock(&w->lock);
                w->running--;
                w->done++;
        }
        pthread_mutex_unlock(&w->lock);
        return NULL;
}

enum ecode workers_start(const char *name, unsigned threads, size_t queue_max, struct workers **ret, struct err *er)
{
        if (threads == 0 || threads > 1024 || queue_max == 0 || queue_max > 1 << 20)
                return err_set(er, E_RANGE, NULL, "%u worker threads with a queue of %zu: not a size for a pool",
                               threads, queue_max);
        struct workers *w = calloc(1, sizeof *w + threads * sizeof w->thread[0]);
        struct work *ring = calloc(queue_max, sizeof *ring);
        if (w == NULL || ring == NULL) {
                free(w);
                free(ring);
                return err_set(er, E_NOMEM, NULL, "no memory for %u workers", threads);
        }
        w->ring = ring;
        w->ring_size = queue_max;
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->filled, NULL);
        for (; w->threads_n < threads; w->threads_n++) {
                snprintf(w->name, sizeof w->name, "%.10s-%u", name, w->threads_n);
                int e = thread_start(&w->thread[w->threads_n], w->name, worker_main, w);
                if (e != 0) {
                        unsigned n = w->threads_n;
                        workers_stop(w);
                        return err_set(er, E_IO, NULL, "cannot start worker thread %u of %u: %s", n + 1, threads,
                                       strerror(e));
                }
        }
        *ret = w;
        return E_OK;
}

enum ecode workers_submit(struct workers *w, void (*fn)(void *arg), void *arg)
{
        pthread_mutex_lock(&w->lock);
        bool room = w->n < w->ring_size && !w->stopping;
        if (room) {
                w->ring[(w->first + w->n) % w->ring_size] = (struct work){ fn, arg };
                w->n++;
                pthread_cond_signal(&w->filled);
        } else {
                w->refused++;
        }
        pthread_mutex_unlock(&w->lock);
        return room ? E_OK : E_BUSY;
}

void workers_stats(struct workers *w, struct workers_stats *ret)
{
        pthread_mutex_lock(&w->lock);
        *ret = (struct workers_stats){ .done = w->done, .refused = w->refused, .queued = w->n, .running = w->running };
        pthread_mutex_unlock(&w->lock);
}

void workers_stop(struct workers *w)
{
        if (w == NULL)
                return;
        pthread_mutex_lock(&w->lock);
        w->stopping = 1;
        pthread_cond_broadcast(&w->filled);
        pthread_mutex_unlock(&w->lock);
        for (unsigned i = 0; i < w->threads_n; i++)
                pthread_join(w->thread[i], NULL);
        pthread_cond_destroy(&w->filled);
        pthread_mutex_destroy(&w->lock);
        free(w->ring);
        free(w);
}
