/* Processes that link libmuster keep their own signal handlers. A TLS connection writes with write(), which raises
 * SIGPIPE when the peer is gone: it is held back for the time of an exchange, and one that came is taken away. */
#include "lib/lib.h"

#include <signal.h>
#include <talloc.h>
#include <time.h>

struct quiet {
        sigset_t before;
        bool pending;
};

static struct quiet quiet_begin(void)
{
        struct quiet q;
        sigset_t pipe;
        sigpending(&pipe);
        q.pending = sigismember(&pipe, SIGPIPE) == 1;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, &q.before);
        return q;
}

static void quiet_end(const struct quiet *q)
{
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        if (!q->pending)
                sigtimedwait(&pipe, NULL, &(struct timespec){ 0, 0 });
        pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

struct lib_http {
        struct http_client port; /* first: a port pointer is one to this */
        struct http_client *net;
};

static enum ecode quiet_fetch(struct http_client *c, void *mem, const struct http_out *rq, struct http_in *rs,
                              struct err *er)
{
        struct http_client *net = ((struct lib_http *)c)->net;
        struct quiet q = quiet_begin();
        enum ecode e = net->fetch(net, mem, rq, rs, er);
        quiet_end(&q);
        return e;
}

static int http_end(struct lib_http *h)
{
        struct quiet q = quiet_begin();
        http_client_close(h->net);
        quiet_end(&q);
        return 0;
}

enum ecode lib_http_open(void *mem, const struct http_client_conf *conf, struct http_client **ret, struct err *er)
{
        struct lib_http *h = talloc_zero(mem, struct lib_http);
        if (h == NULL)
                return err_set(er, E_NOMEM, NULL, "HTTPS client");
        h->port.fetch = quiet_fetch;
        talloc_set_destructor(h, http_end);
        enum ecode e = http_client_open(conf, &h->net, er);
        if (e == E_OK)
                *ret = &h->port;
        else
                talloc_free(h);
        return e;
}
