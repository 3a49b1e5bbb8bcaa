#include "adapter/net/sip_net_int.h"

#include <stdlib.h>
#include <utlist.h>

enum {
        UDP_MOST = 1300,     /* RFC 3261 clause 18.1.1, path MTU unknown */
        PATIENCE_MS = 32000, /* 64*T1 */
        RINGING_MS = 180000, /* timer C, clause 16.6 step 11 */
        FEED_AGAIN_MS = 20,
};

/* --- telling who waits
 * ------------------------------------------------------------------------------------------------ */

static void maybe_free(struct sip_ctx *x)
{
        struct sip_net *n = x->net;
        if (x->in_table || x->told != NULL)
                return;
        if (x->conn != NULL)
                DL_DELETE2(x->conn->users, x, conn_prev, conn_next);
        DL_DELETE(n->ctxs, x);
        talloc_free(x);
        sip_net_drop(n);
}

static void feed(struct sip_ctx *x);

static void told_on_loop(struct loop_task *t)
{
        struct sip_ctx *x = (struct sip_ctx *)(void *)((char *)t - offsetof(struct sip_ctx, task));
        struct sip_told *first = x->told;
        x->told = first->next;
        x->telling = false;
        talloc_free(first);
        if (x->told != NULL)
                feed(x);
        else
                maybe_free(x);
}

static void tell_on_worker(void *arg)
{
        struct sip_ctx *x = arg;
        struct sip_told *first = x->told;
        x->fn(x->arg, first->rs, first->why);
        talloc_free(first->rs);
        x->task.fn = told_on_loop;
        loop_post_task(x->net->conf.loop, &x->task);
}

/* Workers that have no room now have some later: a callback is never lost. */
static void feed(struct sip_ctx *x)
{
        struct sip_net *n = x->net;
        if (x->telling)
                return;
        x->telling = true;
        if (workers_submit(n->conf.workers, tell_on_worker, x) == E_OK)
                return;
        bool first = n->starved == NULL;
        x->starved = n->starved;
        n->starved = x;
        struct timeval tv = { .tv_usec = FEED_AGAIN_MS * 1000 };
        if (first)
                evtimer_add(n->feed, &tv);
}

void sip_ctx_feed(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        struct sip_net *n = arg;
        struct sip_ctx *x = n->starved, *next;
        n->starved = NULL;
        for (; x != NULL; x = next) {
                next = x->starved;
                x->telling = false;
                feed(x);
        }
}

static void wake(struct sip_ctx *x, struct sip_msg *rs, enum ecode why)
{
        struct sip_waiter *w = x->waiter;
        if (rs != NULL && sip_status(rs) < 200) {
                talloc_free(rs);
                return;
        }
        x->waiter = NULL;
        pthread_mutex_lock(&w->lock);
        w->rs = rs;
        w->why = why;
        w->done = true;
        pthread_cond_signal(&w->cond);
        pthread_mutex_unlock(&w->lock);
}

/* Takes rs. */
static void tell(struct sip_ctx *x, struct sip_msg *rs, enum ecode why)
{
        if (x->waiter != NULL) {
                wake(x, rs, why);
                return;
        }
        struct sip_told *t = x->fn != NULL ? talloc(NULL, struct sip_told) : NULL;
        if (t == NULL) {
                talloc_free(rs);
                return;
        }
        *t = (struct sip_told){ .rs = rs, .why = why };
        LL_APPEND(x->told, t);
        feed(x);
}

/* --- sending
 * ----------------------------------------------------------------------------------------------------------- */

static void use_conn(struct sip_ctx *x, struct sip_conn *c)
{
        if (x->conn == c)
                return;
        if (x->conn != NULL)
                DL_DELETE2(x->conn->users, x, conn_prev, conn_next);
        x->conn = c;
        if (c != NULL)
                DL_APPEND2(c->users, x, conn_prev, conn_next);
}

static enum ecode print_for(struct sip_ctx *x, const struct sip_route *r)
{
        const char *host = r->ls->ip;
        uint16_t port = r->ls->port[r->proto];
        for (size_t p = 0; port == 0 && p < SIP_PROTOS; p++)
                port = r->ls->port[p];
        if (x->has_via)
                sip_hdr_remove_at(x->rq, "Via", 0);
        sip_hdr_prepend(x->rq, "Via",
                        strchr(host, ':') != NULL ? "SIP/2.0/%s [%s]:%u;branch=%s;rport"
                                                  : "SIP/2.0/%s %s:%u;branch=%s;rport",
                        sip_proto_name(r->proto), host, port, x->branch);
        x->has_via = true;
        return sip_msg_print(x, x->rq, &x->out);
}

/* Chooses the way, puts our Via on top and sends. */
static enum ecode launch(struct sip_ctx *x, bool udp_only, bool *reliable)
{
        struct sip_route r;
        enum ecode e = sip_route(x->net, &x->to, &r);
        if (e == E_OK)
                e = print_for(x, &r);
        if (e != E_OK)
                return e;
        x->may_fall_back = !udp_only && r.proto == SIP_UDP && x->out.n > UDP_MOST && r.ls->port[SIP_TCP] != 0;
        if (x->may_fall_back) {
                r.proto = SIP_TCP;
                e = print_for(x, &r);
        }
        if (e == E_OK)
                e = sip_transmit(x->net, &r, &x->to, x->out);
        if (e != E_OK && x->may_fall_back)
                return launch(x, true, reliable);
        if (e == E_OK)
                use_conn(x, r.conn);
        *reliable = r.proto != SIP_UDP;
        return e;
}

static enum ecode choose_branch(struct sip_ctx *x)
{
        if (x->branch != NULL)
                return E_OK;
        char *hex = rng_hex(x->net->conf.rng, x, 12);
        x->branch = hex != NULL ? talloc_asprintf(x, "z9hG4bK%s", hex) : NULL; /* RFC 3261 clause 8.1.1.7 */
        return x->branch != NULL ? E_OK : E_CRYPTO;
}

static struct sip_ctx *by_dialog(struct sip_net *n, struct sip_msg *rq)
{
        struct siptx *alias = siptx_find(n->tb, siptx_key_dialog(rq, rq, true));
        return alias != NULL ? (struct sip_ctx *)(void *)((char *)alias - offsetof(struct sip_ctx, alias)) : NULL;
}

/* RFC 3261 clause 9.1: a CANCEL goes where its INVITE went, with the same branch. */
static void follow_invite(struct sip_ctx *x)
{
        const struct sip_ctx *invite = x->branch == NULL ? by_dialog(x->net, x->rq) : NULL;
        if (invite == NULL)
                return;
        x->branch = talloc_strdup(x, invite->branch);
        x->to = invite->to;
}

static void put_in_table(struct sip_ctx *x, bool reliable)
{
        struct sip_net *n = x->net;
        bool invite = sip_method_is(x->rq, "INVITE");
        char *key = siptx_key_client(x, x->rq);
        siptx_init(&x->tx, invite ? SIPTX_CLIENT_INVITE : SIPTX_CLIENT, reliable, key, sip_now(n));
        siptx_limit(&x->tx, x->limit_ms);
        x->in_table = key != NULL && siptx_count(n->tb) < n->conf.max_transactions && siptx_put(n->tb, &x->tx) == E_OK;
        if (!x->in_table || !invite || x->aliased)
                return;
        char *dialog = siptx_key_dialog(x, x->rq, true);
        siptx_init_name(&x->alias, dialog);
        x->aliased = dialog != NULL && siptx_put(n->tb, &x->alias) == E_OK;
}

static void take_out(struct sip_ctx *x)
{
        if (x->in_table)
                siptx_take(x->net->tb, &x->tx);
        if (x->aliased)
                siptx_take(x->net->tb, &x->alias);
        x->in_table = x->aliased = false;
}

static void start_ack(struct sip_ctx *x)
{
        bool reliable;
        enum ecode e = launch(x, false, &reliable);
        struct sip_ctx *invite = by_dialog(x->net, x->rq);
        if (e == E_OK && invite != NULL) {
                invite->ack_2xx = bytes_copy(invite, x->out);
                memcpy(&invite->to, &x->to, sizeof x->to);
        }
        tell(x, NULL, e == E_OK ? E_OK : E_PEER_DOWN);
        maybe_free(x);
}

static void give_up(struct sip_ctx *x, enum ecode why)
{
        take_out(x);
        tell(x, NULL, why);
        maybe_free(x);
}

void sip_ctx_start(struct loop_task *t)
{
        struct sip_ctx *x = (struct sip_ctx *)(void *)((char *)t - offsetof(struct sip_ctx, task));
        bool reliable = false;
        DL_APPEND(x->net->ctxs, x);
        if (sip_method_is(x->rq, "CANCEL"))
                follow_invite(x);
        enum ecode e = choose_branch(x);
        if (e == E_OK && sip_method_is(x->rq, "ACK")) {
                start_ack(x);
                return;
        }
        if (e == E_OK)
                e = launch(x, false, &reliable);
        if (e == E_OK)
                put_in_table(x, reliable);
        if (!x->in_table)
                give_up(x, e == E_LONG || e == E_SYNTAX ? E_INTERNAL : E_PEER_DOWN);
        else
                sip_net_arm(x->net);
}

/* --- events
 * ------------------------------------------------------------------------------------------------------------ */

static struct sip_ctx *ctx_new(struct sip_net *n, struct sip_msg *rq, const struct sip_target *to, unsigned timeout_ms)
{
        struct sip_ctx *x = rq != NULL && !n->closing ? talloc_zero(NULL, struct sip_ctx) : NULL;
        if (x == NULL)
                return NULL;
        unsigned dflt = sip_method_is(rq, "INVITE") ? RINGING_MS : PATIENCE_MS;
        x->net = n;
        x->rq = talloc_steal(x, rq);
        x->to = *to;
        x->limit_ms = sip_now(n) + (timeout_ms != 0 ? timeout_ms : dflt);
        x->task.fn = sip_ctx_start;
        sip_net_hold(n);
        return x;
}

/* `method` (ACK, CANCEL) for the INVITE of x, hop by hop: RFC 3261 clauses 9.1 and 17.1.1.3. */
static struct sip_msg *companion(void *mem, const struct sip_ctx *x, const char *method, const char *to)
{
        struct sip_msg *m = sip_request_new(mem, &(struct sip_request_in){ .method = method,
                                                                           .uri = sip_ruri(x->rq),
                                                                           .from = sip_hdr(x->rq, "From"),
                                                                           .to = to,
                                                                           .call_id = sip_call_id(x->rq),
                                                                           .cseq = sip_cseq(x->rq) });
        if (m != NULL)
                sip_hdr_copy(m, "Route", x->rq, "Route");
        return m;
}

static void send_octets(struct sip_ctx *x, struct bytes out)
{
        struct sip_route r;
        struct sip_target to = x->to;
        if (x->conn != NULL)
                to.flow = x->conn->flow;
        else if (x->tx.reliable && to.proto == SIP_UDP)
                to.proto = SIP_TCP; /* it had been sent over TCP for its size */
        if (out.n > 0 && sip_route(x->net, &to, &r) == E_OK)
                sip_transmit(x->net, &r, &to, out);
}

static void send_ack(struct sip_ctx *x, const struct sip_msg *rs)
{
        const char *to = sip_hdr(rs, "To");
        struct sip_msg *ack = companion(x, x, "ACK", to != NULL ? to : sip_hdr(x->rq, "To"));
        struct bytes out;
        if (ack == NULL)
                return;
        sip_hdr_prepend(ack, "Via", "%s", sip_hdr(x->rq, "Via"));
        if (sip_msg_print(ack, ack, &out) == E_OK)
                send_octets(x, out);
        talloc_free(ack);
}

/* Nobody waits for the INVITE any longer: the far end should not ring on (RFC 3261 clause 16.8). */
static void cancel(struct sip_ctx *x)
{
        struct sip_msg *m = companion(NULL, x, "CANCEL", sip_hdr(x->rq, "To"));
        struct sip_ctx *c = ctx_new(x->net, m, &x->to, 0);
        if (c == NULL) {
                talloc_free(m);
                return;
        }
        c->branch = talloc_strdup(c, x->branch);
        loop_post_task(x->net->conf.loop, &c->task);
}

/* Takes rs, which may be NULL. */
static void ctx_do(struct sip_ctx *x, unsigned todo, struct sip_msg *rs)
{
        if ((todo & SIPTX_DO_SEND_REQUEST) != 0)
                send_octets(x, x->out);
        if ((todo & SIPTX_DO_SEND_ACK) != 0 && rs != NULL)
                send_ack(x, rs);
        if ((todo & SIPTX_DO_SEND_ACK_2XX) != 0)
                send_octets(x, x->ack_2xx);
        if ((todo & SIPTX_DO_PASS) != 0 && rs != NULL) {
                sip_hdr_remove_at(rs, "Via", 0); /* ours */
                tell(x, rs, E_OK);
                rs = NULL;
        }
        talloc_free(rs);
        if ((todo & SIPTX_DO_TELL_TIMEOUT) != 0)
                tell(x, NULL, E_TIMEOUT);
        if ((todo & SIPTX_DO_TELL_BROKEN) != 0)
                tell(x, NULL, E_PEER_DOWN);
        if ((todo & SIPTX_DO_END) != 0) {
                take_out(x);
                maybe_free(x);
        }
}

void sip_ctx_answered(struct sip_ctx *x, struct sip_msg *rs)
{
        enum siptx_event ev = siptx_answer(sip_status(rs));
        ctx_do(x, siptx_step(x->net->tb, &x->tx, ev, sip_now(x->net)), rs);
}

void sip_ctx_due(struct sip_ctx *x, enum siptx_event ev)
{
        bool rings = x->tx.kind == SIPTX_CLIENT_INVITE && x->tx.state == SIPTX_PROCEEDING;
        if (ev == SIPTX_RETRANSMIT)
                x->net->resent++;
        else if (rings)
                cancel(x);
        ctx_do(x, siptx_step(x->net->tb, &x->tx, ev, sip_now(x->net)), NULL);
}

void sip_ctx_broken(struct sip_ctx *x, bool never_open)
{
        bool reliable;
        if (!x->in_table)
                return;
        if (never_open && x->may_fall_back && !x->net->closing) { /* the target has no TCP: UDP then, clause 18.1.1 */
                take_out(x);
                if (launch(x, true, &reliable) == E_OK)
                        put_in_table(x, reliable);
                if (!x->in_table)
                        give_up(x, E_PEER_DOWN);
                sip_net_arm(x->net);
                return;
        }
        ctx_do(x, siptx_step(x->net->tb, &x->tx, SIPTX_BROKEN, sip_now(x->net)), NULL);
}

/* --- the port
 * ---------------------------------------------------------------------------------------------------------- */

enum ecode sip_port_send(struct sip_port *p, struct sip_msg *rq, const struct sip_target *to, unsigned timeout_ms,
                         sip_response_fn fn, void *arg)
{
        struct sip_net *n = (struct sip_net *)(void *)p;
        struct sip_ctx *x = to->proto < SIP_PROTOS ? ctx_new(n, rq, to, timeout_ms) : NULL;
        if (x == NULL) {
                talloc_free(rq);
                return E_PEER_DOWN;
        }
        x->fn = fn;
        x->arg = arg;
        loop_post_task(n->conf.loop, &x->task);
        return E_OK;
}

enum ecode sip_port_call(struct sip_port *p, void *mem, struct sip_msg *rq, const struct sip_target *to,
                         unsigned timeout_ms, struct sip_msg **ret, struct err *er)
{
        struct sip_net *n = (struct sip_net *)(void *)p;
        struct sip_waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL, E_OK };
        struct sip_ctx *x = NULL;
        if (!loop_here(n->conf.loop) && to->proto < SIP_PROTOS)
                x = ctx_new(n, rq, to, timeout_ms);
        if (x == NULL) {
                talloc_free(rq);
                return err_set(er, E_PEER_DOWN, NULL, "cannot send to %s:%u", to->ip, to->port);
        }
        x->waiter = &w;
        loop_post_task(n->conf.loop, &x->task);
        pthread_mutex_lock(&w.lock);
        while (!w.done)
                pthread_cond_wait(&w.cond, &w.lock);
        pthread_mutex_unlock(&w.lock);
        if (w.rs == NULL)
                return w.why == E_OK
                               ? E_OK
                               : err_set(er, w.why, NULL, "%s:%u (%s) %s", to->ip, to->port, sip_proto_name(to->proto),
                                         w.why == E_TIMEOUT ? "gave no answer in time" : "cannot be reached");
        *ret = talloc_steal(mem, w.rs);
        return E_OK;
}
