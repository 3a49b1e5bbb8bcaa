#include "adapter/diameter/cx_fd_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* freeDiameter calls back without an argument of ours. */
static struct log *fd_log_to;
static atomic_bool stopping;
static struct fd_hook_hdl *hook;

/* freeDiameter ends a connection's threads by cancelling them. One that was cancelled while it writes an event would
 * keep the log's lock for ever, and everybody else would wait for it. */
static int hold_cancel(void)
{
        int was;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
        return was;
}

static void release_cancel(int was)
{
        pthread_setcancelstate(was, NULL);
}

/* Our own hooks below replace those messages of freeDiameter that hold whole Diameter messages, keys included. */
static void on_message(int level, const char *fmt, va_list ap)
{
        if (level < FD_LOG_NOTICE)
                return;
        char text[512];
        int was = hold_cancel();
        vsnprintf(text, sizeof text, fmt, ap);
        enum ev_level l = atomic_load(&stopping) || level == FD_LOG_NOTICE ? EV_DEBUG
                          : level == FD_LOG_ERROR                          ? EV_WARN
                                                                           : EV_ERROR;
        ev(fd_log_to, l, "diameter", KV_STR("text", text));
        release_cancel(was);
}

static const char *peer_name(const struct peer_hdr *peer)
{
        return peer != NULL ? peer->info.pi_diamid : NULL;
}

static void on_hook(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer, void *other,
                    struct fd_hook_permsgdata *pmd, void *arg)
{
        (void)pmd, (void)arg;
        const char *why = other;
        int was = hold_cancel();
        switch (type) {
        case HOOK_PEER_CONNECT_SUCCESS:
                ev(fd_log_to, EV_INFO, "diameter_connected", KV_STR("peer", peer_name(peer)));
                break;
        case HOOK_PEER_CONNECT_FAILED:
                ev(fd_log_to, atomic_load(&stopping) ? EV_DEBUG : EV_WARN, "diameter_connection_failed",
                   KV_STR("peer", peer_name(peer)), KV_STR("text", why));
                break;
        case HOOK_MESSAGE_PARSING_ERROR:
                ev(fd_log_to, EV_WARN, "diameter_message_refused", KV_STR("peer", peer_name(peer)),
                   KV_STR("text", msg != NULL ? why : "not a Diameter message"));
                break;
        case HOOK_MESSAGE_ROUTING_ERROR:
        case HOOK_MESSAGE_DROPPED:
                ev(fd_log_to, EV_DEBUG, "diameter_message_dropped", KV_STR("peer", peer_name(peer)),
                   KV_STR("text", why));
                break;
        default: break;
        }
        release_cancel(was);
}

enum ecode cx_fd_log_start(struct log *log, struct err *er)
{
        fd_log_to = log;
        uint32_t all = HOOK_MASK(HOOK_MESSAGE_RECEIVED, HOOK_MESSAGE_LOCAL, HOOK_MESSAGE_SENT, HOOK_MESSAGE_FAILOVER,
                                 HOOK_MESSAGE_PARSING_ERROR, HOOK_MESSAGE_PARSING_ERROR2, HOOK_MESSAGE_ROUTING_ERROR,
                                 HOOK_MESSAGE_ROUTING_FORWARD, HOOK_MESSAGE_ROUTING_LOCAL, HOOK_MESSAGE_DROPPED,
                                 HOOK_PEER_CONNECT_FAILED, HOOK_PEER_CONNECT_SUCCESS);
        if (fd_log_handler_register(on_message) != 0)
                return err_set(er, E_EXISTS, NULL, "Diameter was started in this process before");
        fd_g_debug_lvl = FD_LOG_NOTICE;
        if (fd_core_initialize() != 0 || fd_hook_register(all, on_hook, NULL, NULL, &hook) != 0)
                return err_set(er, E_INTERNAL, NULL, "freeDiameter does not start");
        return E_OK;
}

void cx_fd_log_stopping(void)
{
        atomic_store(&stopping, true);
}
