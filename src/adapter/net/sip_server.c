#include "adapter/net/sip_net_int.h"

#include <stdlib.h>

/* --- where answers go ----------------------------------------------------------------------------------------------
 */

enum ecode sip_target_back(const struct sip_src *src, const struct sip_msg *rq, struct sip_target *ret)
{
        struct sip_via via;
        void *tmp = talloc_new(NULL);
        enum ecode e = sip_via_parse(tmp, sip_hdr(rq, "Via"), &via, NULL);
        if (e == E_OK) {
                *ret = (struct sip_target){ .proto = src->peer.proto,
                                            .flow = src->peer.flow,
                                            .listener = src->ls->name };
                memcpy(ret->ip, src->peer.ip, sizeof ret->ip);
                uint16_t usual = src->peer.proto == SIP_TLS ? 5061 : 5060;
                ret->port = via.port != 0 ? via.port : usual;
                if (src->peer.proto == SIP_UDP && sip_param(&via.params, "rport") != NULL)
                        ret->port = src->peer.port;
        }
        talloc_free(tmp);
        return e;
}

/* RFC 3261 clause 18.2.1, RFC 3581 clause 4: received where sent-by names another address, and both when rport is asked
 * for. Whatever the sender wrote there itself does not count. */
void sip_via_amend(const struct sip_src *src, struct sip_msg *rq)
{
        struct sip_via v;
        if (sip_via_parse(rq, sip_hdr(rq, "Via"), &v, NULL) != E_OK)
                return;
        struct buf b = buf_on(rq);
        bool rport = sip_param(&v.params, "rport") != NULL;
        buf_printf(&b, strchr(v.host, ':') != NULL ? "SIP/2.0/%s [%s]" : "SIP/2.0/%s %s", v.transport, v.host);
        if (v.port != 0)
                buf_printf(&b, ":%u", v.port);
        for (size_t i = 0; i < v.params.n; i++) {
                const struct sip_param *p = &v.params.p[i];
                if (strcasecmp(p->name, "received") == 0 || strcasecmp(p->name, "rport") == 0)
                        continue;
                char *q = p->value[strcspn(p->value, " \t\"<>;,")] != 0 ? sip_quote(rq, p->value) : NULL;
                buf_printf(&b, ";%s%s%s", p->name, *p->value != 0 ? "=" : "", q != NULL ? q : p->value);
        }
        if (rport || strcmp(v.host, src->peer.ip) != 0)
                buf_printf(&b, ";received=%s", src->peer.ip);
        if (rport)
                buf_printf(&b, ";rport=%u", src->peer.port);
        const char *text = buf_str(&b);
        sip_hdr_remove_at(rq, "Via", 0);
        sip_hdr_prepend(rq, "Via", "%s", text != NULL ? text : "");
}

/* --- transactions --------------------------------------------------------------------------------------------------
 */

static void tx_send(struct sip_tx *x)
{
        struct sip_route r;
        if (x->answer.n == 0)
                return;
        if (sip_route(x->net, &x->back, &r) != E_OK || sip_transmit(x->net, &r, &x->back, x->answer) != E_OK)
                ev(x->net->conf.log, EV_WARN, "sip-answer-lost", KV_STR("peer", x->back.ip),
                   KV_INT("port", x->back.port),
                   KV_STR("advice", "the sender closed its connection before it was answered"));
}

static void tx_do(struct sip_tx *x, unsigned todo)
{
        struct sip_net *n = x->net;
        if ((todo & (SIPTX_DO_SEND_ANSWER | SIPTX_DO_SEND_TRYING)) != 0)
                tx_send(x);
        if ((todo & SIPTX_DO_END) == 0)
                return;
        siptx_take(n->tb, &x->tx);
        if (x->aliased)
                siptx_take(n->tb, &x->alias);
        n->txs--;
        talloc_free(x);
}

void sip_tx_due(struct sip_tx *x, enum siptx_event ev)
{
        if (ev == SIPTX_RETRANSMIT)
                x->net->resent++;
        tx_do(x, siptx_step(x->net->tb, &x->tx, ev, sip_now(x->net)));
}

static void tx_answer(struct sip_tx *x, int status, struct bytes out)
{
        struct sip_net *n = x->net;
        if (x->answered || x->tx.state > SIPTX_PROCEEDING) {
                ev(n->conf.log, EV_WARN, "sip-answered-twice", KV_INT("status", status));
                return;
        }
        x->answered = status >= 200;
        talloc_free((void *)(uintptr_t)x->answer.p);
        x->answer = bytes_of(talloc_steal(x, out.p), out.n);
        tx_do(x, siptx_step(n->tb, &x->tx, siptx_answer(status), sip_now(n)));
        sip_net_arm(n);
}

static struct bytes printed_answer(struct sip_tx *x, const struct sip_msg *rq, int status)
{
        struct bytes out = { 0 };
        struct sip_msg *rs = sip_response_new(NULL, rq, status, NULL);
        if (rs == NULL)
                return out;
        if (status > 100 && sip_to_tag(rs) == NULL)
                sip_set_to_tag(rs, x->tag);
        if (status == 503)
                sip_hdr_set(rs, "Retry-After", "%u",
                            1 + (unsigned)(x->tag[0] & 7)); /* not all at the same time again */
        if (sip_msg_print(x, rs, &out) != E_OK)
                out = (struct bytes){ 0 };
        talloc_free(rs);
        return out;
}

static enum ecode tx_put(struct sip_tx *x, struct sip_msg *rq, const char *key)
{
        struct sip_net *n = x->net;
        bool invite = sip_method_is(rq, "INVITE");
        siptx_init(&x->tx, invite ? SIPTX_SERVER_INVITE : SIPTX_SERVER, x->back.proto != SIP_UDP, key, sip_now(n));
        if (siptx_count(n->tb) >= n->conf.max_transactions)
                return E_BUSY;
        enum ecode e = siptx_put(n->tb, &x->tx);
        if (e != E_OK || !invite)
                return e;
        x->answer = printed_answer(x, rq, 100);
        char *dialog = siptx_key_dialog(x, rq, false);
        siptx_init_name(&x->alias, dialog);
        x->aliased = dialog != NULL && siptx_put(n->tb, &x->alias) == E_OK;
        return E_OK;
}

/* Takes key. NULL: out of memory, of random numbers, or of room. */
static struct sip_tx *tx_new(struct sip_net *n, const struct sip_src *src, struct sip_msg *rq, char *key)
{
        uint8_t tag[8];
        struct sip_tx *x = talloc_zero(n, struct sip_tx);
        if (x == NULL) {
                talloc_free(key);
                return NULL;
        }
        talloc_steal(x, key);
        x->net = n;
        if (rng_fill(n->conf.rng, tag, sizeof tag) == E_OK && sip_target_back(src, rq, &x->back) == E_OK) {
                for (size_t i = 0; i < sizeof tag; i++)
                        snprintf(x->tag + 2 * i, 3, "%02x", tag[i]);
                if (tx_put(x, rq, key) == E_OK) {
                        n->txs++;
                        return x;
                }
        }
        talloc_free(x);
        return NULL;
}

/* --- to the role ----------------------------------------------------------------------------------------------------
 */

struct handing {
        struct sip_net *net;
        struct sip_tx *tx;
        struct sip_msg *rq;
        struct sip_peer peer;
};

static void on_worker(void *arg)
{
        struct handing *h = arg;
        struct sip_net *n = h->net;
        n->fn(n->role, h->tx, h->rq, &h->peer);
        talloc_free(h->rq);
        talloc_free(h);
        sip_net_drop(n);
}

static bool hand_over(struct sip_net *n, struct sip_tx *x, const struct sip_src *src, struct sip_msg *rq)
{
        struct handing *h = talloc(NULL, struct handing);
        if (h == NULL || !n->serving || n->closing) {
                talloc_free(h);
                return false;
        }
        *h = (struct handing){ n, x, rq, src->peer };
        sip_net_hold(n);
        if (workers_submit(n->conf.workers, on_worker, h) == E_OK) {
                n->requests++;
                return true;
        }
        sip_net_drop(n);
        talloc_free(h);
        return false;
}

static void refuse(struct sip_net *n, const struct sip_src *src, struct sip_msg *rq, int status)
{
        struct bytes out;
        if (sip_msg_print(rq, rq, &out) == E_OK)
                sip_refuse_octets(n, src, out, status);
        talloc_free(rq);
}

/* An ACK that no refusal was waiting for is that of a 2xx: its own request, RFC 3261 clause 13.2.2.4. */
static void ack_of_2xx(struct sip_net *n, const struct sip_src *src, struct sip_msg *rq)
{
        struct siptx *alias = siptx_find(n->tb, siptx_key_dialog(rq, rq, false));
        if (alias != NULL) {
                struct sip_tx *x = (struct sip_tx *)(void *)((char *)alias - offsetof(struct sip_tx, alias));
                siptx_hush(n->tb, &x->tx);
        }
        if (!hand_over(n, NULL, src, rq))
                talloc_free(rq);
}

static void once_more(struct sip_net *n, struct siptx *t, const struct sip_msg *rq)
{
        n->retransmissions++;
        tx_do((struct sip_tx *)(void *)t,
              siptx_step(n->tb, t, sip_method_is(rq, "ACK") ? SIPTX_ACK : SIPTX_REQUEST, sip_now(n)));
}

void sip_tx_request(struct sip_net *n, const struct sip_src *src, struct sip_msg *rq)
{
        sip_via_amend(src, rq);
        char *key = siptx_key_server(NULL, rq);
        struct siptx *t = siptx_find(n->tb, key);
        bool ack = sip_method_is(rq, "ACK");
        struct sip_tx *x = NULL;
        if (key == NULL) {
                talloc_free(rq);
        } else if (ack && (t == NULL || t->state == SIPTX_ACCEPTED)) {
                ack_of_2xx(n, src, rq);
        } else if (t != NULL) {
                once_more(n, t, rq); /* R-SA-99 */
                talloc_free(rq);
        } else if (sip_method_is(rq, "CANCEL") && siptx_find(n->tb, siptx_key_cancelled(rq, rq)) == NULL) {
                refuse(n, src, rq, 481);
        } else if ((x = tx_new(n, src, rq, key)) == NULL) {
                n->refused_busy++;
                refuse(n, src, rq, 503);
                return; /* key went with it */
        } else if (!hand_over(n, x, src, rq)) {
                n->refused_busy++;
                tx_answer(x, 503, printed_answer(x, rq, 503));
                talloc_free(rq);
        }
        if (x == NULL)
                talloc_free(key);
}

/* --- answers of the role
 * ---------------------------------------------------------------------------------------------- */

struct reply {
        struct loop_task task; /* first */
        struct sip_tx *tx;
        int status;
        struct bytes out;
};

static void reply_on_loop(struct loop_task *t)
{
        struct reply *r = (struct reply *)(void *)t;
        struct sip_net *n = r->tx->net;
        tx_answer(r->tx, r->status, r->out);
        talloc_free(r);
        sip_net_drop(n);
}

/* What a role gave and what cannot be printed becomes a 500, so that the sender does not wait in vain. */
static enum ecode reply_print(struct reply *r, struct sip_tx *tx, struct sip_msg *rs)
{
        if (r->status > 100 && sip_to_tag(rs) == NULL)
                sip_set_to_tag(rs, tx->tag);
        enum ecode e = sip_msg_print(r, rs, &r->out);
        if (e == E_OK)
                return E_OK;
        struct sip_msg *fault = sip_response_new(r, rs, 500, NULL);
        r->status = 500;
        if (fault == NULL || sip_msg_print(r, fault, &r->out) != E_OK)
                r->out = (struct bytes){ 0 };
        return e;
}

enum ecode sip_port_reply(struct sip_port *p, struct sip_tx *tx, struct sip_msg *rs)
{
        struct sip_net *n = (struct sip_net *)(void *)p;
        if (rs == NULL || tx == NULL) {
                talloc_free(rs);
                return rs == NULL ? E_INTERNAL : E_OK;
        }
        struct reply *r = talloc_zero(NULL, struct reply);
        if (r == NULL) {
                talloc_free(rs);
                return E_NOMEM;
        }
        *r = (struct reply){ .task = { .fn = reply_on_loop }, .tx = tx, .status = sip_status(rs) };
        enum ecode e = reply_print(r, tx, rs);
        talloc_free(rs);
        sip_net_hold(n);
        loop_post_task(n->conf.loop, &r->task);
        return e;
}
