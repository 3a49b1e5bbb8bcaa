/* Starting a thread as this folder's pools and loops need it: named, and deaf to signals, which belong to the host
 * (SIGPIPE too: writing to a connection that is gone fails with EPIPE there, and nothing else happens). */
#ifndef MUSTER_ADAPTER_NET_THREAD_H
#define MUSTER_ADAPTER_NET_THREAD_H

#include <pthread.h>
#include <signal.h>

/* An errno value; 0 is success. */
static inline int thread_start(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg)
{
        sigset_t all, before;
        sigfillset(&all);
        static const int own[] = {
                SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS
        }; /* a thread's own faults */
        for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
                sigdelset(&all, own[i]);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int e = pthread_create(ret, NULL, fn, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (e == 0)
                pthread_setname_np(*ret, name); /* longer than 15 characters: stays nameless */
        return e;
}

#endif
