#include "role/common/sip_proxy.h"

#include "proto/sip/sip.h"

#include <talloc.h>

struct hop {
        struct sip_proxy_job job;
        struct sip_tx *tx;
        struct sip_msg *rq; /* what the answer to the asker is made from when nobody gives one */
};

static void answer(struct hop *h, struct sip_msg *rs)
{
        if (rs != NULL && h->job.port->reply(h->job.port, h->tx, rs) != E_OK)
                ev(h->job.log, EV_WARN, "reply-lost", KV_INT("status", sip_status(rs)),
                   KV_HASH("call", sip_call_id(h->rq)));
}

static void answer_nobody(struct hop *h, enum ecode why)
{
        struct sip_msg *rs = sip_response_new(NULL, h->rq, why == E_TIMEOUT ? 408 : 503, NULL);
        if (rs != NULL && why != E_TIMEOUT)
                sip_hdr_set(rs, "Retry-After", "5");
        ev(h->job.log, EV_ERROR, "next-hop-silent", KV_STR("method", sip_method(h->rq)),
           KV_STR("cause", ecode_name(why)), KV_STR("advice", ecode_advice(why)), KV_HASH("call", sip_call_id(h->rq)));
        answer(h, rs);
}

static void on_response(void *arg, struct sip_msg *rs, enum ecode why)
{
        struct hop *h = arg;
        if (rs == NULL) {
                if (why != E_OK) /* otherwise an ACK, which nobody answers */
                        answer_nobody(h, why);
                talloc_free(h);
                return;
        }
        int status = sip_status(rs);
        if (status == 100) /* of this hop alone: RFC 3261 clause 16.7 step 4 */
                return;
        struct sip_msg *back = sip_msg_copy(NULL, rs);
        if (back != NULL && h->job.edit != NULL)
                back = h->job.edit(h->job.arg, back);
        if (back == NULL)
                back = sip_response_new(NULL, h->rq, 503, NULL);
        answer(h, back);
        if (status >= 200)
                talloc_free(h);
}

enum ecode sip_proxy_copy(const struct sip_msg *rq, struct sip_msg **ret, struct err *er)
{
        int hops = sip_max_forwards(rq);
        if (hops == 0)
                return err_set(er, E_RANGE, NULL, "too many hops");
        struct sip_msg *out = sip_msg_copy(NULL, rq);
        if (out == NULL)
                return err_set(er, E_NOMEM, NULL, "forwarding");
        sip_hdr_set(out, "Max-Forwards", "%d", hops > 0 ? hops - 1 : 70);
        *ret = out;
        return E_OK;
}

void sip_proxy_forward(const struct sip_proxy_job *job, struct sip_tx *tx, struct sip_msg *rq, struct sip_msg *out,
                       const struct sip_target *to)
{
        struct hop *h = talloc_zero(NULL, struct hop);
        struct sip_msg *kept = h != NULL ? sip_msg_copy(h, rq) : NULL;
        if (kept == NULL) { /* no memory for waiting: say so now */
                struct sip_msg *rs = sip_response_new(NULL, rq, 503, NULL);
                if (rs != NULL)
                        job->port->reply(job->port, tx, rs);
                talloc_free(h);
                talloc_free(out);
                return;
        }
        h->job = *job;
        h->tx = tx;
        h->rq = kept;
        if (job->arg != NULL)
                h->job.arg = talloc_steal(h, job->arg);
        enum ecode e = job->port->send(job->port, out, to, job->timeout_ms, on_response, h);
        if (e != E_OK) {
                answer_nobody(h, e);
                talloc_free(h);
        }
}
