#include "adapter/diameter/cx_fd_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <talloc.h>
#include <unistd.h>

static atomic_bool started, running;
static pthread_t watcher;

/* freeDiameter ends itself after errors that it cannot repair, and would leave a process that answers nobody. The host
 * stops in order then, and is started again by whoever watches it. */
static void *watch(void *arg)
{
        struct log *log = arg;
        fd_core_wait_shutdown_complete();
        if (atomic_exchange(&running, false)) {
                ev(log, EV_ERROR, "diameter_ended", KV_STR("text", "freeDiameter gave up: see its messages"));
                kill(getpid(), SIGTERM);
        }
        return NULL;
}

/* Everything up to and including `open_door` happens before anybody can connect. */
static enum ecode start(const struct cx_conf *conf, const struct cx_fd_place *place, const struct cx_server *ops,
                        void *role, struct err *er)
{
        void *mem = talloc_new(NULL);
        const char *path = NULL, *ip = conf->address;
        uint16_t port;
        enum ecode e = cx_fd_write_conf(mem, conf, place, ops != NULL, &path, er);
        if (e == E_OK)
                e = cx_fd_bye_check(er);
        if (e == E_OK)
                e = cx_fd_log_start(place->log, er);
        if (e == E_OK && fd_core_parseconf(path) != 0)
                e = err_set(er, E_CONFIG, NULL, "freeDiameter refuses %s/freediameter.conf: see its messages",
                            place->dir);
        if (e == E_OK && ops != NULL)
                e = cx_fd_address(mem, conf->listen, &ip, &port, er);
        if (e == E_OK)
                e = cx_fd_bind(ip, er);
        if (e == E_OK)
                e = cx_dict_load(er);
        if (e == E_OK && ops != NULL)
                e = cx_fd_peers_start(place->log, conf, er);
        if (e == E_OK && ops != NULL)
                e = cx_fd_serve(place->log, ops, role, er);
        if (e == E_OK && (fd_core_start() != 0 || fd_core_waitstartcomplete() != 0))
                e = err_set(er, E_IO, NULL, "Diameter cannot listen on %s: is the address in use?",
                            ops != NULL ? conf->listen : conf->address);
        talloc_free(mem);
        return e;
}

/* freeDiameter's threads inherit a mask that leaves all signals to the host; and it writes to sockets that may be
 * closed. */
static enum ecode start_masked(const struct cx_conf *conf, const struct cx_fd_place *place, const struct cx_server *ops,
                               void *role, struct err *er)
{
        if (atomic_exchange(&started, true))
                return err_set(er, E_EXISTS, NULL, "Diameter was started in this process before");
        sigset_t all, old;
        sigfillset(&all);
        signal(SIGPIPE, SIG_IGN);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        enum ecode e = start(conf, place, ops, role, er);
        atomic_store(&running, e == E_OK);
        if (e == E_OK && pthread_create(&watcher, NULL, watch, place->log) != 0) {
                atomic_store(&running, false);
                e = err_set(er, E_IO, NULL, "no thread for Diameter");
        }
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return e;
}

enum ecode cx_fd_start_server(const struct cx_conf *conf, const struct cx_fd_place *place, const struct cx_server *ops,
                              void *role, struct err *er)
{
        return start_masked(conf, place, ops, role, er);
}

enum ecode cx_fd_start_client(const struct cx_conf *conf, const struct cx_fd_place *place, struct cx_client **ret,
                              struct err *er)
{
        enum ecode e = start_masked(conf, place, NULL, NULL, er);
        if (e == E_OK)
                *ret = cx_fd_client(conf);
        return e;
}

bool cx_fd_connected(void)
{
        bool open = false;
        if (!atomic_load(&running) || pthread_rwlock_rdlock(&fd_g_peers_rw) != 0)
                return false;
        for (struct fd_list *li = fd_g_peers.next; li != &fd_g_peers && !open; li = li->next)
                open = fd_peer_get_state((struct peer_hdr *)li->o) == STATE_OPEN;
        pthread_rwlock_unlock(&fd_g_peers_rw);
        return open;
}

void cx_fd_stop(void)
{
        if (!atomic_exchange(&running, false))
                return;
        cx_fd_log_stopping();
        fd_core_shutdown();
        pthread_join(watcher, NULL);
}
