#include "adapter/diameter/cx_fd_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define DIAMETER_UNABLE_TO_DELIVER 3002u /* RFC 6733 clause 7.1.3 */
#define GRACE_S                    2     /* how much longer than freeDiameter's own timer a caller waits */

/* One request under way. Held by the caller and by freeDiameter's callbacks; the last one frees it, since an answer may
 * come when the caller has given up. */
struct call {
        pthread_mutex_t lock;
        pthread_cond_t woken;
        unsigned holders;
        bool over;          /* answered or expired */
        struct msg *answer; /* NULL: it expired */
};

static struct call *call_new(void)
{
        struct call *c = calloc(1, sizeof *c);
        if (c == NULL)
                return NULL;
        pthread_condattr_t mono;
        pthread_condattr_init(&mono);
        pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
        pthread_mutex_init(&c->lock, NULL);
        pthread_cond_init(&c->woken, &mono);
        pthread_condattr_destroy(&mono);
        c->holders = 2;
        return c;
}

static void call_release(struct call *c)
{
        pthread_mutex_lock(&c->lock);
        bool last = --c->holders == 0;
        pthread_mutex_unlock(&c->lock);
        if (!last)
                return;
        if (c->answer != NULL)
                fd_msg_free(c->answer);
        pthread_cond_destroy(&c->woken);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

static void call_over(struct call *c, struct msg *answer)
{
        pthread_mutex_lock(&c->lock);
        c->answer = answer;
        c->over = true;
        pthread_cond_signal(&c->woken);
        pthread_mutex_unlock(&c->lock);
        call_release(c);
}

static void on_answer(void *arg, struct msg **m)
{
        struct msg *answer = *m;
        *m = NULL;
        call_over(arg, answer);
}

static void on_expiry(void *arg, DiamId_t peer, size_t peer_n, struct msg **request)
{
        (void)peer, (void)peer_n, (void)request;
        call_over(arg, NULL);
}

static void call_wait(struct call *c, int64_t seconds)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += seconds;
        pthread_mutex_lock(&c->lock);
        while (!c->over && pthread_cond_timedwait(&c->woken, &c->lock, &until) == 0)
                ;
        pthread_mutex_unlock(&c->lock);
}

struct client {
        struct cx_client base;
        const struct cx_conf *conf;
};

/* The HSS itself did not speak: freeDiameter found no way to it. */
static bool undelivered(struct msg *answer)
{
        return cx_get_result(answer) == DIAMETER_UNABLE_TO_DELIVER;
}

/* Sends *m (taken in any case) and waits. E_OK: *ret is the HSS's answer, for fd_msg_free. */
static enum ecode ask(const struct client *cl, struct msg *m, struct call **ret, struct err *er)
{
        struct call *c = call_new();
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until); /* freeDiameter's timers run on this clock */
        until.tv_sec += cl->conf->timeout_s;
        if (c == NULL || fd_msg_send_timeout(&m, on_answer, c, on_expiry, &until) != 0) {
                free(c);
                fd_msg_free(m);
                return err_set(er, E_NOMEM, NULL, "Diameter request");
        }
        call_wait(c, cl->conf->timeout_s + GRACE_S);
        pthread_mutex_lock(&c->lock);
        struct msg *answer = c->answer;
        pthread_mutex_unlock(&c->lock);
        enum ecode e = E_OK;
        if (answer == NULL)
                e = err_set(er, E_TIMEOUT, NULL, "%s did not answer within %lld s", cl->conf->hss,
                            (long long)cl->conf->timeout_s);
        else if (undelivered(answer))
                e = err_set(er, E_PEER_DOWN, NULL, "the connection to %s is gone", cl->conf->hss);
        if (e != E_OK)
                call_release(c);
        else
                *ret = c;
        return e;
}

static enum ecode begin(const struct cx_client *base, enum cx_command cmd, struct msg **ret, struct err *er)
{
        const struct client *cl = (const struct client *)base;
        if (!cx_fd_connected())
                return err_set(er, E_PEER_DOWN, NULL, "%s is not connected", cl->conf->hss);
        enum ecode e = cx_msg_request(cmd, cl->conf->hss, cl->conf->realm, ret);
        return e == E_OK ? E_OK : err_set(er, e, NULL, "Diameter request");
}

/* An answer that cannot be read decides nothing. */
static enum ecode finish(struct call *c, enum ecode e, struct err *er)
{
        call_release(c);
        if (e == E_OK)
                return E_OK;
        err_at(er, "answer of the HSS");
        if (er != NULL)
                er->code = E_PEER_DOWN;
        return E_PEER_DOWN;
}

/* The three commands differ in their types alone. */
#define COMMAND(name, cmd, rq_type, ans_type, put, get)                                                                \
        static enum ecode name(struct cx_client *base, void *mem, const struct rq_type *rq, struct ans_type *ret,      \
                               struct err *er)                                                                         \
        {                                                                                                              \
                struct msg *m = NULL;                                                                                  \
                struct call *c = NULL;                                                                                 \
                enum ecode e = begin(base, cmd, &m, er);                                                               \
                if (e != E_OK)                                                                                         \
                        return e;                                                                                      \
                if ((e = put(m, rq)) != E_OK) {                                                                        \
                        fd_msg_free(m);                                                                                \
                        return err_set(er, e, NULL, "Diameter request");                                               \
                }                                                                                                      \
                e = ask((const struct client *)base, m, &c, er);                                                       \
                return e == E_OK ? finish(c, get(mem, c->answer, ret, er), er) : e;                                    \
        }

COMMAND(uar, CX_CMD_UA, cx_uar, cx_uaa, cx_put_uar, cx_get_uaa)
COMMAND(mar, CX_CMD_MA, cx_mar, cx_maa, cx_put_mar, cx_get_maa)
COMMAND(sar, CX_CMD_SA, cx_sar, cx_saa, cx_put_sar, cx_get_saa)

struct cx_client *cx_fd_client(const struct cx_conf *conf)
{
        static struct client the_client; /* as there is one freeDiameter */
        the_client = (struct client){ .base = { .uar = uar, .mar = mar, .sar = sar }, .conf = conf };
        return &the_client.base;
}
