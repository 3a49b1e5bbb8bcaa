/* One thread with one libevent base. Whatever belongs to a loop (connections, timers) is touched on its thread only and
 * needs no lock; other threads post functions to it. The base itself has no locks: event_add() and friends on another
 * thread than the loop's are a fault. */
#ifndef MUSTER_ADAPTER_NET_LOOP_H
#define MUSTER_ADAPTER_NET_LOOP_H

#include "base/err.h"

#include <stdbool.h>

struct event_base;
struct loop;

/* Something to run on a loop, kept inside the caller's own struct so that posting cannot fail. It is the loop's from
 * loop_post_task() until fn is entered, which may free it. */
struct loop_task {
        void (*fn)(struct loop_task *self);
        struct loop_task *next; /* the loop's */
};

/* name: at most 15 characters. The thread runs when this returns. E_NOMEM, E_IO. */
enum ecode loop_start(const char *name, struct loop **ret, struct err *er);

/* To make events and bufferevents on, on the loop's own thread. */
struct event_base *loop_base(struct loop *l);

/* True on the loop's own thread. */
bool loop_here(const struct loop *l);

/* From any thread. Tasks run in the order in which they were posted. */
void loop_post_task(struct loop *l, struct loop_task *t);
/* The same with a task on the heap. E_NOMEM: fn will not run. */
enum ecode loop_post(struct loop *l, void (*fn)(void *arg), void *arg);
/* Runs fn on the loop and waits until it has returned; directly when called on the loop. */
void loop_call(struct loop *l, void (*fn)(void *arg), void *arg);

/* Runs what was posted before, ends the thread and frees the base. Events that are still on the base are the caller's
 * to free first (with loop_call). Nothing may be posted meanwhile or afterwards. Not from the loop. NULL is fine. */
void loop_stop(struct loop *l);

#endif
