#include "adapter/diameter/cx_fd_internal.h"

#include <pthread.h>
#include <talloc.h>

static struct log *log_to;
static const struct cx_server *ops;
static void *role;

/* RFC 6733 clause 7.1.5 */
#define DIAMETER_INVALID_AVP_VALUE 5004u
#define DIAMETER_MISSING_AVP       5005u

/* What a request that cannot be read is answered with. */
static uint32_t result_of(enum ecode e)
{
        return e == E_UNSUPPORTED ? (uint32_t)CX_ERROR_AUTH_SCHEME_NOT_SUPPORTED
               : e == E_MISSING   ? DIAMETER_MISSING_AVP
                                  : DIAMETER_INVALID_AVP_VALUE;
}

/* freeDiameter's identity of the peer, which its certificate showed; not the Origin-Host inside the request. */
static const char *sender(void *mem, struct msg *m)
{
        DiamId_t id = NULL;
        size_t n = 0;
        return fd_msg_source_get(m, &id, &n) == 0 && id != NULL ? talloc_strndup(mem, id, n) : "";
}

/* One per command: reads *m, asks the role, turns *m into the answer and fills it. */
typedef enum ecode (*serve_fn)(void *mem, const char *from, struct msg **m, struct err *er);

static enum ecode answer_to(struct msg **m)
{
        return fd_msg_new_answer_from_req(fd_g_config->cnf_dict, m, 0) == 0 ? E_OK : E_NOMEM;
}

static enum ecode serve_uar(void *mem, const char *from, struct msg **m, struct err *er)
{
        struct cx_uar rq = { 0 };
        struct cx_uaa a = { 0 };
        enum ecode e = cx_get_uar(mem, *m, &rq, er);
        if (e == E_OK)
                ops->uar(role, mem, from, &rq, &a);
        else
                a.result = result_of(e);
        enum ecode out = answer_to(m);
        return out == E_OK ? cx_put_uaa(*m, &a) : out;
}

static enum ecode serve_mar(void *mem, const char *from, struct msg **m, struct err *er)
{
        struct cx_mar rq = { 0 };
        struct cx_maa a = { 0 };
        enum ecode e = cx_get_mar(mem, *m, &rq, er);
        if (e == E_OK)
                ops->mar(role, mem, from, &rq, &a);
        else
                a.result = result_of(e);
        enum ecode out = answer_to(m);
        if (out == E_OK)
                out = cx_put_maa(*m, &rq, &a);
        cx_maa_wipe(&a);
        return out;
}

static enum ecode serve_sar(void *mem, const char *from, struct msg **m, struct err *er)
{
        struct cx_sar rq = { 0 };
        struct cx_saa a = { 0 };
        enum ecode e = cx_get_sar(mem, *m, &rq, er);
        if (e == E_OK)
                ops->sar(role, mem, from, &rq, &a);
        else
                a.result = result_of(e);
        enum ecode out = answer_to(m);
        return out == E_OK ? cx_put_saa(*m, &rq, &a) : out;
}

static const struct served {
        enum cx_command cmd;
        serve_fn fn;
} served[] = { { CX_CMD_UA, serve_uar }, { CX_CMD_MA, serve_mar }, { CX_CMD_SA, serve_sar } };

/* Runs on one of freeDiameter's AppServThreads. */
static int on_request(struct msg **m, struct avp *avp, struct session *sess, void *arg, enum disp_action *act)
{
        (void)avp, (void)sess;
        const struct served *s = arg;
        struct err er = { 0 };
        int cancel; /* freeDiameter cancels threads that do not stop in time; not in the middle of a store call */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
        void *mem = talloc_new(NULL);
        const char *from = sender(mem, *m);
        enum ecode e = s->fn(mem, from, m, &er);
        if (er.code != E_OK)
                ev_refused(log_to, NULL, NULL, &er, (const struct ev_kv[]){ KV_STR("peer", from), { 0 } });
        talloc_free(mem);
        if (e != E_OK) /* half an answer is none: the asker times out, nothing was decided for him */
                ev(log_to, EV_ERROR, "diameter_no_answer", KV_STR("peer", from), KV_STR("cause", ecode_name(e)));
        pthread_setcancelstate(cancel, NULL);
        *act = DISP_ACT_SEND;
        return e == E_OK ? 0 : ENOMEM;
}

enum ecode cx_fd_serve(struct log *log, const struct cx_server *to, void *instance, struct err *er)
{
        log_to = log;
        ops = to;
        role = instance;
        for (size_t i = 0; i < COUNT(served); i++) {
                struct disp_when when = { .app = cx_dict_application(), .command = cx_dict_request(served[i].cmd) };
                if (fd_disp_register(on_request, DISP_HOW_CC, &when, (void *)(uintptr_t)&served[i], NULL) != 0)
                        return err_set(er, E_INTERNAL, NULL, "freeDiameter did not take a handler");
        }
        return E_OK;
}
