#include "adapter/net/http_answer.h"
#include "adapter/net/http_conn.h"
#include "base/event.h"

#include <talloc.h>

struct exchange *exchange_new(struct http_side *side, struct http_listener *ls, struct conn *c)
{
        struct exchange *x = talloc_pooled_object(NULL, struct exchange, 32, 4096);
        if (x == NULL)
                return NULL;
        *x = (struct exchange){ .conn = c, .side = side, .listener = ls };
        x->rq.mem = x->rs.mem = x;
        x->rq.method = "";
        x->body = buf_on(x);
        x->body.max = ls->conf.max_body;
        x->began_ms = clock_ms(side->server->conf.clock);
        return x;
}

/* The head is a copy of our own, and behind each slice stands a delimiter that is not needed any more. */
static const char *end_here(struct bytes b)
{
        char *p = (char *)(uintptr_t)b.p;
        p[b.n] = 0;
        return p;
}

static enum ecode fill_fields(struct exchange *x)
{
        struct http_field *f = talloc_array(x, struct http_field, x->head.fields_n);
        if (f == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < x->head.fields_n; i++)
                f[i] = (struct http_field){ end_here(x->head.field[i].name), end_here(x->head.field[i].value) };
        x->rq.fields = f;
        x->rq.fields_n = x->head.fields_n;
        return E_OK;
}

enum ecode exchange_head(struct exchange *x, struct bytes head, const struct http_peer *peer, struct err *er)
{
        struct bytes own = bytes_copy(x, head);
        if (own.p == NULL)
                return err_set(er, E_NOMEM, NULL, "out of memory");
        enum ecode e = http_head_parse(own, &x->head, er);
        if (e != E_OK)
                return e;
        struct http_req *rq = &x->rq;
        rq->method = end_here(x->head.method);
        rq->path = end_here(x->head.path);
        rq->query = x->head.query.n > 0 ? end_here(x->head.query) : "";
        if (fill_fields(x) != E_OK)
                return err_set(er, E_NOMEM, NULL, "out of memory");
        rq->peer_ip = talloc_strdup(x, peer->ip);
        rq->peer_port = peer->port;
        rq->peer_name = peer->name != NULL ? talloc_strdup(x, peer->name) : NULL;
        rq->url = talloc_asprintf(x, "%s://%.*s%s%s%s", x->listener->conf.plain ? "http" : "https", (int)x->head.host.n,
                                  (const char *)x->head.host.p, rq->path, *rq->query ? "?" : "", rq->query);
        x->keep_alive = x->head.keep_alive;
        bool whole = rq->peer_ip != NULL && rq->url != NULL && (rq->peer_name != NULL || peer->name == NULL);
        return whole ? E_OK : err_set(er, E_NOMEM, NULL, "out of memory");
}

enum ecode exchange_body(struct exchange *x, struct bytes in, size_t *used, bool *ret_done)
{
        if (x->head.chunked) {
                enum ecode e = http_chunked_feed(&x->chunked, in, &x->body, x->body.max, used);
                *ret_done = x->chunked.done;
                return e;
        }
        size_t left = (size_t)x->head.length - x->body.n, n = in.n < left ? in.n : left;
        buf_put(&x->body, bytes_of(in.p, n));
        *used = n;
        *ret_done = n == left;
        return x->body.failed ? E_NOMEM : E_OK;
}

static const char *trace_of(struct exchange *x)
{
        char id[33];
        const struct http_head_field *f = http_head_find(&x->head, "traceparent");
        if (f != NULL && http_traceparent(f->value, id) == E_OK)
                return talloc_strdup(x, id);
        return rng_hex(x->side->server->conf.rng, x, 16);
}

static void exchange_told(struct exchange *x)
{
        const struct http_server_conf *conf = &x->side->server->conf;
        ev(conf->log, EV_DEBUG, "http-request", KV_STR("listener", x->listener->conf.name),
           KV_STR("method", x->rq.method), KV_STR("route", x->route->path), KV_INT("status", x->rs.status),
           KV_INT("ms", (int64_t)(clock_ms(conf->clock) - x->began_ms)), KV_STR("trace", x->rq.trace));
}

void exchange_print(struct exchange *x)
{
        struct http_server *s = x->side->server;
        if (atomic_load(&s->draining))
                x->keep_alive = false;
        struct http_answer_how how = {
                .now_s = clock_now(s->conf.clock),
                .head_only = strcmp(x->rq.method, "HEAD") == 0,
                .keep_alive = x->keep_alive,
                .tls = !x->listener->conf.plain,
        };
        if (http_answer_print(x, &x->rs, &how, &x->out) != E_OK)
                x->out = (struct bytes){ 0 };
}

void exchange_run(void *arg)
{
        struct exchange *x = arg;
        x->rq.body = buf_bytes(&x->body);
        x->rq.trace = trace_of(x);
        if (x->rq.trace != NULL)
                x->route->fn(x->listener->conf.role, &x->rq, &x->rs);
        else
                http_answer_refusal(&x->rs, 503, "no trace id could be made");
        if (x->rs.status == 0)
                http_answer_refusal(&x->rs, 500, "the handler gave no answer");
        exchange_told(x);
        exchange_print(x);
        loop_post_task(x->side->loop, &x->back);
}
