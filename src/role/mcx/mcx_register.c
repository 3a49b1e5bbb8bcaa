/* Third-party REGISTER (step 2; TS 24.229 clause 5.7.1.1, TS 24.379 clause 7.3.2). The S-CSCF gets its 200 first; a
 * token inside is judged afterwards, and a bad one only means that there is no binding (R-SA-36, R-SA-44). */
#include "role/mcx/mcx.h"

#include "role/common/sip_peer.h"

#include <strings.h>
#include <talloc.h>

/* What the outer request says, and the REGISTER of the UE inside of it. */
struct news {
        char *impu;
        const char *scscf;
        int64_t expires;
        struct sip_msg *inner, *response; /* or NULL */
        unsigned services;                /* announced in the inner Contact */
        const struct mime_part *inner_part;
};

static int64_t outer_expires(struct mcx *m, void *mem, struct sip_msg *rq)
{
        struct sip_addr c;
        int64_t s = sip_expires(rq);
        const char *p = NULL;
        if (s < 0 && sip_addr_of(mem, rq, "Contact", 0, &c, NULL) == E_OK)
                p = sip_param(&c.params, "expires");
        if (s < 0 && p != NULL)
                s = sip_delta_seconds(p);
        return s >= 0 ? s : m->conf->register_default; /* R-SA-38 */
}

/* R-SA-39: told apart by their start line. */
static void take_inner(void *mem, const struct mime_part *part, struct news *n)
{
        struct sip_msg *msg = NULL;
        if (part->type != NULL && strcmp(part->type, "message/sip") == 0 &&
            sip_msg_parse(mem, part->body, &msg, NULL) == E_OK) {
                if (sip_is_request(msg) && sip_method_is(msg, "REGISTER")) {
                        n->inner = msg;
                        n->inner_part = part;
                } else if (!sip_is_request(msg)) {
                        n->response = msg;
                }
        }
        for (size_t i = 0; i < part->n; i++)
                take_inner(mem, &part->parts[i], n);
}

/* R-SA-40: the inner To names the outer one's identity, or one of the same implicit set. */
static bool inner_fits(struct news *n)
{
        const char *to = sip_hdr(n->inner, "To");
        if (to != NULL && sip_aor_eq(to, n->impu))
                return true;
        for (size_t i = 0; n->response != NULL && to != NULL && i < sip_hdr_count(n->response, "P-Associated-URI"); i++)
                if (sip_aor_eq(to, sip_hdr_at(n->response, "P-Associated-URI", i)))
                        return true;
        return false;
}

/* R-SA-41: feature tags stand in the inner Contact. "+g.3gpp.mcptt" bare or with a value; any mcdata tag is MCData. */
static unsigned announced(void *mem, struct sip_msg *inner)
{
        unsigned bits = 0;
        for (size_t i = 0; i < sip_hdr_count(inner, "Contact"); i++) {
                struct sip_addr a;
                if (sip_addr_of(mem, inner, "Contact", i, &a, NULL) != E_OK)
                        continue;
                for (size_t k = 0; k < a.params.n; k++) {
                        const char *name = a.params.p[k].name;
                        bits |= strcasecmp(name, "+g.3gpp.mcptt") == 0         ? 1u << MCX_PTT
                                : strcasecmp(name, "+g.3gpp.mcvideo") == 0     ? 1u << MCX_VIDEO
                                : strncasecmp(name, "+g.3gpp.mcdata", 14) == 0 ? 1u << MCX_DATA
                                                                               : 0;
                }
        }
        return bits;
}

static enum ecode read_news(struct mcx *m, void *mem, struct sip_msg *rq, struct news *n, struct err *er)
{
        struct sip_addr from;
        n->impu = sip_impu(mem, sip_hdr(rq, "To"));
        if (n->impu == NULL)
                return err_set(er, E_SYNTAX, "R-SA-38", "To holds no SIP or tel URI");
        n->scscf = sip_addr_of(mem, rq, "From", 0, &from, NULL) == E_OK ? from.uri : "";
        n->expires = outer_expires(m, mem, rq);
        struct mime_part *root = NULL;
        struct err body = { 0 };
        if (sip_content_type(rq) == NULL || sip_body(rq).n == 0)
                return E_OK;
        if (mime_parse(mem, sip_content_type(rq), sip_body(rq), 0, &root, &body) != E_OK) {
                /* R-SA-39: the registration counts, its body does not */
                ev_refused(m->env->log, MCX_FLOW, "2", &body,
                           (const struct ev_kv[]){ KV_HASH("subject", n->impu), { 0 } });
                return E_OK;
        }
        take_inner(mem, root, n);
        if (n->inner != NULL && !inner_fits(n)) {
                err_set(&body, E_TOKEN_IDENTITY, "R-SA-40", "the REGISTER inside is about another identity");
                ev_refused(m->env->log, MCX_FLOW, "2", &body,
                           (const struct ev_kv[]){ KV_HASH("subject", n->impu), { 0 } });
                n->inner = NULL;
        }
        n->services = n->inner != NULL ? announced(mem, n->inner) : 0;
        return E_OK;
}

/* R-SA-42 to R-SA-45: one body per service, each for itself. */
static void authorise_inside(struct mcx *m, void *mem, struct news *n)
{
        struct mime_part *root = NULL;
        struct mcx_parts parts = { 0 };
        struct err er = { 0 };
        if (n->inner == NULL || sip_body(n->inner).n == 0 || sip_content_type(n->inner) == NULL)
                return;
        enum ecode e =
                mime_parse(mem, sip_content_type(n->inner), sip_body(n->inner), n->inner_part->depth, &root, &er);
        if (e == E_OK)
                e = mcx_parts_read(mem, root, &parts, &er);
        if (e != E_OK)
                ev_refused(m->env->log, MCX_FLOW, "2", &er,
                           (const struct ev_kv[]){ KV_HASH("subject", n->impu), { 0 } });
        for (int s = 0; e == E_OK && s < MCX_SERVICES; s++) {
                struct mcx_info *info = parts.info[s];
                if (info == NULL || info->access_token.form == MCX_ABSENT)
                        continue;
                struct mcx_ask ask = { .service = (enum mcx_service)s,
                                       .impu = n->impu,
                                       .info = info,
                                       .mikey = parts.mikey,
                                       .settings = parts.settings,
                                       .expires = m->conf->publish_max,
                                       .by_register = true,
                                       .call_id = sip_call_id(n->inner) };
                struct mcx_grant grant = { 0 };
                struct mcx_refusal no;
                struct err why = { 0 };
                bool good = mcx_authorise(m, mem, &ask, &grant, &no, &why) == E_OK;
                if (good)
                        ev(m->env->log, EV_INFO, "service-authorised", KV_STR("service", mcx_service_name(ask.service)),
                           KV_STR("by", "REGISTER"), KV_HASH("user", grant.mc_id), KV_HASH("subject", n->impu));
                else
                        ev_refused(m->env->log, MCX_FLOW, "2", &why,
                                   (const struct ev_kv[]){ KV_HASH("subject", n->impu), { 0 } });
                pthread_mutex_lock(&m->lock);
                *(good ? &m->authorised : &m->refused) += 1;
                pthread_mutex_unlock(&m->lock);
        }
}

/* An old CSeq within a Call-ID is news that was overtaken. */
static bool overtaken(struct mcx *m, struct sip_msg *rq, const char *impu)
{
        pthread_mutex_lock(&m->lock);
        struct mcx_reg *r = mcx_reg_of(m, impu);
        bool old = r != NULL && strcmp(r->call_id, sip_call_id(rq)) == 0 && sip_cseq(rq) <= r->cseq;
        pthread_mutex_unlock(&m->lock);
        return old;
}

static enum ecode settle(struct mcx *m, void *mem, struct sip_msg *rq, struct news *n, struct err *er)
{
        enum ecode e;
        mcx_enter(m, n->impu);
        if (n->expires == 0) {
                e = mcx_reg_del(m, n->impu, er); /* R-SA-48 */
        } else {
                struct mcx_reg r = { .impu = n->impu,
                                     .scscf = talloc_strdup(mem, n->scscf),
                                     .cseq = sip_cseq(rq),
                                     .call_id = talloc_strdup(mem, sip_call_id(rq)),
                                     .services = n->services,
                                     .expires_at = clock_now(m->env->clock) + n->expires };
                e = mcx_reg_put(m, &r, er);
                /* R-SA-47: a service that the UE no longer announces is logged off */
                if (e == E_OK && n->inner != NULL)
                        e = mcx_bindings_drop(m, n->impu, ~n->services & ((1u << MCX_SERVICES) - 1), er);
        }
        mcx_leave(m, n->impu);
        return e;
}

static void answer_ok(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, int64_t expires)
{
        struct sip_msg *rs = sip_response_new(NULL, rq, 200, NULL);
        if (rs != NULL)
                sip_hdr_set(rs, "Expires", "%lld", (long long)expires);
        mcx_reply(m, tx, rs);
}

void mcx_on_register(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        struct news n = { 0 };
        enum ecode e = read_news(m, mem, rq, &n, &er);
        if (e == E_OK)
                ev_arrow(m->env->log,
                         &(struct arrow){ .flow = MCX_FLOW,
                                          .step = "2",
                                          .from = "scscf",
                                          .to = "mcx",
                                          .proto = from->proto == SIP_TLS ? "SIP/TLS" : "SIP/TCP",
                                          .subject = n.impu,
                                          .call = n.inner != NULL ? sip_call_id(n.inner) : NULL,
                                          .text = n.expires == 0 ? "third-party REGISTER, Expires 0"
                                                  : n.inner != NULL
                                                          ? "third-party REGISTER with the UE's REGISTER inside"
                                                          : "third-party REGISTER" });
        if (e == E_OK && overtaken(m, rq, n.impu))
                e = err_set(&er, E_CONFLICT, "R-SA-19", "CSeq %u was overtaken", sip_cseq(rq));
        if (e == E_OK)
                e = settle(m, mem, rq, &n, &er); /* durable before it is acknowledged */
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                m->registered++;
                pthread_mutex_unlock(&m->lock);
                answer_ok(m, tx, rq, n.expires);
                if (n.expires > 0)
                        authorise_inside(m, mem, &n);
        } else {
                struct mcx_refusal no = { sip_status_of(er.code), 0, NULL };
                mcx_refuse(m, tx, rq, "2", &no, &er);
        }
        talloc_free(mem);
}
