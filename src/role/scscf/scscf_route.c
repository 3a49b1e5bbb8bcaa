/* Requests of registered users, and requests to them: TS 24.229 clauses 5.4.3.2 and 5.4.3.3. */
#include "role/scscf/scscf.h"

#include "role/common/sip_peer.h"
#include "role/common/sip_proxy.h"

#include <talloc.h>

#define ROUTE_TIMEOUT_MS 32000u

/* Our own Service-Route or Record-Route on top: which way the request goes. User part "orig", or NULL. */
static char *own_route_user(struct scscf *s, void *mem, struct sip_msg *rq)
{
        struct sip_addr a;
        struct sip_target me = { 0 };
        if (sip_addr_of(mem, rq, "Route", 0, &a, NULL) != E_OK)
                return NULL;
        for (int p = SIP_TCP; p <= SIP_TLS; p++)
                if (s->env->sip->local(s->env->sip, "mw", (enum sip_proto)p, &me) == E_OK && a.u.port == me.port &&
                    strcmp(a.u.host, me.ip) == 0) {
                        const char *odi = sip_param(&a.u.params, "odi");
                        return talloc_strdup(mem, odi != NULL ? "odi" : a.u.user != NULL ? a.u.user : "");
                }
        return NULL;
}

static void forward(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, struct sip_msg *out,
                    const struct sip_target *to)
{
        sip_proxy_forward(
                &(struct sip_proxy_job){
                        .port = s->env->sip, .log = s->env->log, .role = "scscf", .timeout_ms = ROUTE_TIMEOUT_MS },
                tx, rq, out, to);
}

static void record_route(struct scscf *s, void *mem, struct sip_msg *out)
{
        char *me = sip_own_uri(mem, s->env->sip, "mw", SIP_TLS, "rr", true);
        if (me != NULL && (sip_method_is(out, "SUBSCRIBE") || sip_method_is(out, "INVITE")))
                sip_hdr_prepend(out, "Record-Route", "<%s>", me);
}

/* R-SA-26: P-Preferred-Service becomes P-Asserted-Service when it is among the served ones, and is dropped otherwise.
 */
static void assert_service(struct scscf *s, struct sip_msg *out)
{
        const char *wanted = sip_hdr(out, "P-Preferred-Service");
        sip_hdr_remove(out, "P-Asserted-Service");
        for (size_t i = 0; wanted != NULL && i < s->conf->services.n; i++)
                if (strcasecmp(wanted, s->conf->services.item[i]) == 0)
                        sip_hdr_set(out, "P-Asserted-Service", "%s", s->conf->services.item[i]);
        sip_hdr_remove(out, "P-Preferred-Service");
}

/* The first application server of a registered user's request. *ret "" when no criterion matches. */
static enum ecode first_server(struct scscf *s, void *mem, const char *impu, struct sip_msg *out, char **ret,
                               struct err *er)
{
        struct ifc_match match = { 0 };
        enum ecode e = E_OK;
        pthread_mutex_lock(&s->lock);
        struct scscf_user *u = scscf_user_of(s, impu);
        if (u == NULL || u->reg->contacts_n == 0) {
                e = err_set(er, E_NOT_REGISTERED, "R-SA-24", "%s from an identity without registration",
                            sip_method(out));
        } else {
                struct ifc_request q = { .method = sip_method(out),
                                         .session_case = IFC_ORIGINATING_REGISTERED,
                                         .request_uri = sip_ruri(out),
                                         .header = scscf_header_at,
                                         .message = out };
                e = ifc_eval(mem, ims_profile_of(u->data, scscf_user_key(u)), &q, &match, er);
                *ret = talloc_strdup(mem, e == E_OK && match.n > 0 ? match.as[0]->server_name : "");
        }
        pthread_mutex_unlock(&s->lock);
        return e;
}

static enum ecode originating(struct scscf *s, void *mem, struct sip_tx *tx, struct sip_msg *rq, struct err *er)
{
        struct sip_addr pai;
        struct sip_msg *out = NULL;
        struct sip_target to;
        char *server = NULL;
        if (sip_addr_of(mem, rq, "P-Asserted-Identity", 0, &pai, NULL) != E_OK)
                return err_set(er, E_FORBIDDEN, "R-SA-24", "no P-Asserted-Identity from the P-CSCF");
        char *impu = sip_aor(mem, pai.uri);
        enum ecode e =
                impu != NULL ? sip_proxy_copy(rq, &out, er) : err_set(er, E_SYNTAX, "R-SA-24", "P-Asserted-Identity");
        if (e != E_OK)
                return e;
        talloc_steal(mem, out);
        sip_hdr_remove_at(out, "Route", 0);
        assert_service(s, out);
        e = first_server(s, mem, impu, out, &server, er);
        if (e != E_OK)
                return e;
        if (*server == 0)
                return err_set(er, E_NOT_FOUND, NULL, "no application server serves %s to %s", sip_method(rq),
                               sip_ruri(rq));
        e = sip_target_of(server, &to, er);
        if (e != E_OK)
                return e;
        char *me = sip_own_uri(mem, s->env->sip, "mw", SIP_TLS, NULL, true), *odi = rng_hex(s->env->rng, mem, 6);
        sip_hdr_prepend(out, "Route", "<%s;odi=%s>", me ? me : "", odi ? odi : "");
        sip_hdr_prepend(out, "Route", "<%s;lr>", server);
        record_route(s, mem, out);
        ev_arrow(s->env->log, &(struct arrow){ .flow = SCSCF_FLOW,
                                               .step = "4",
                                               .from = "pcscf",
                                               .to = "scscf",
                                               .proto = "SIP",
                                               .call = sip_call_id(rq),
                                               .text = talloc_asprintf(mem, "%s, by filter criteria to %s",
                                                                       sip_method(rq), server) });
        forward(s, tx, rq, talloc_steal(NULL, out), &to);
        return E_OK;
}

/* To a registered user: Request-URI becomes the contact, Route its Path. */
static enum ecode terminating(struct scscf *s, void *mem, struct sip_tx *tx, struct sip_msg *rq, struct err *er)
{
        struct sip_msg *out = NULL;
        struct sip_target to;
        char *impu = sip_aor(mem, sip_ruri(rq)), *first = NULL;
        enum ecode e = sip_proxy_copy(rq, &out, er);
        if (e != E_OK)
                return e;
        talloc_steal(mem, out);
        if (own_route_user(s, mem, rq) != NULL)
                sip_hdr_remove_at(out, "Route", 0);
        if (sip_hdr_count(out, "Route") > 0) { /* inside a dialog: the route set knows the way */
                first = talloc_strdup(mem, sip_hdr_at(out, "Route", 0));
        } else {
                pthread_mutex_lock(&s->lock);
                struct scscf_user *u = impu != NULL ? scscf_user_of(s, impu) : NULL;
                const struct reg_contact *c = u != NULL && u->reg->contacts_n > 0 ? u->reg->contacts[0] : NULL;
                if (c != NULL && c->path_n > 0) {
                        sip_set_ruri(out, c->uri);
                        for (size_t i = 0; i < c->path_n; i++)
                                sip_hdr_add(out, "Route", "%s", c->path[i]);
                        first = talloc_strdup(mem, c->path[0]);
                }
                pthread_mutex_unlock(&s->lock);
        }
        if (first == NULL)
                return err_set(er, E_NOT_FOUND, "R-SA-24", "nobody is registered under %s", sip_ruri(rq));
        e = sip_target_of(first, &to, er);
        if (e == E_OK) {
                record_route(s, mem, out);
                forward(s, tx, rq, talloc_steal(NULL, out), &to);
        }
        return e;
}

void scscf_on_request(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        (void)from;
        if (scscf_on_subscribe(s, tx, rq))
                return;
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        char *way = own_route_user(s, mem, rq);
        enum ecode e =
                way != NULL && strcmp(way, "orig") == 0 ? originating(s, mem, tx, rq, &er)
                : way != NULL && strcmp(way, "odi") == 0
                        ? err_set(&er, E_NOT_FOUND, NULL, "%s came back from its application server", sip_method(rq))
                        : terminating(s, mem, tx, rq, &er);
        if (e != E_OK && sip_method_is(rq, "ACK"))
                ev_refused(s->env->log, SCSCF_FLOW, "4", &er, NULL);
        else if (e != E_OK)
                scscf_refuse(s, tx, rq, "4", &er);
        talloc_free(mem);
}
