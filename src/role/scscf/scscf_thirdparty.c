/* Third-party REGISTER (TS 24.229 clauses 5.4.1.7 and 5.4.1.7A): one to each application server whose filter criteria
 * the registration matches. Sent after the UE has its answer; what the server answers matters only where the criteria
 * say SESSION_TERMINATED (R-SA-34). */
#include "role/scscf/scscf.h"

#include "proto/mime/mime.h"
#include "proto/xml/xml.h"
#include "role/common/sip_peer.h"

#include <stdlib.h>
#include <talloc.h>

/* What the answer has to find again; the registration may be gone by then. */
struct told {
        struct scscf *s;
        char *impu, *server_name, *call_id;
        enum ifc_handling handling;
        uint64_t generation;
};

bool scscf_header_at(const void *message, size_t nth, const char **name, const char **value)
{
        return message != NULL && sip_hdr_each(message, nth, name, value);
}

/* TS 24.229 clause 7.6 */
static struct bytes service_info_xml(void *mem, const char *info)
{
        struct xmlw w = xmlw_on(mem);
        struct bytes text = { 0 };
        xmlw_start(&w, "ims-3gpp");
        xmlw_attr(&w, "version", "1");
        xmlw_leaf(&w, "service-info", info);
        xmlw_end(&w);
        return xmlw_done(&w, &text, NULL) == E_OK ? text : (struct bytes){ 0 };
}

static struct scscf_as *as_of(struct scscf *s, struct scscf_user *u, const char *server_name)
{
        for (size_t i = 0; i < u->as_n; i++)
                if (strcmp(u->as[i].server_name, server_name) == 0)
                        return &u->as[i];
        struct scscf_as *list = talloc_realloc(u, u->as, struct scscf_as, u->as_n + 1);
        char *id = rng_hex(s->env->rng, u, 12);
        if (list == NULL || id == NULL)
                return NULL;
        u->as = list;
        u->as[u->as_n] = (struct scscf_as){ talloc_strdup(u, server_name),
                                            talloc_asprintf(u, "3p-%s@%s", id, s->env->site->ims_domain), 0 };
        return &u->as[u->as_n++];
}

/* R-SA-30, R-SA-31: one part is the body itself, several are multipart/mixed; none in a de-registration. */
static enum ecode set_bodies(struct scscf *s, void *mem, struct sip_msg *rq, const struct scscf_user *u,
                             const struct ifc_as *as, struct err *er)
{
        struct mime_out parts[3] = { 0 };
        size_t n = 0;
        if (as->service_info != NULL)
                parts[n++] = (struct mime_out){ .content_type = "application/3gpp-ims+xml",
                                                .body = service_info_xml(mem, as->service_info) };
        if (as->include_register_request && u->last_register.n > 0)
                parts[n++] = (struct mime_out){ .content_type = "message/sip", .body = u->last_register };
        if (as->include_register_response && u->last_response.n > 0)
                parts[n++] = (struct mime_out){ .content_type = "message/sip", .body = u->last_response };
        if (n == 1)
                sip_set_body(rq, parts[0].content_type, parts[0].body);
        if (n < 2)
                return E_OK;
        char *type = NULL, *boundary = rng_hex(s->env->rng, mem, 12);
        struct bytes body;
        if (boundary == NULL)
                return err_set(er, E_CRYPTO, NULL, "no random octets for a boundary");
        enum ecode e = mime_print(mem, parts, n, boundary, &type, &body, er);
        if (e == E_OK)
                sip_set_body(rq, type, body);
        return e;
}

void scscf_told(struct scscf *s, struct scscf_user *u)
{
        if (u->awaited > 0)
                u->awaited--;
        if (u->awaited > 0 || !u->untold)
                return;
        u->untold = false;
        scscf_user_keep(s, u, NULL);
}

static void on_answer(void *arg, struct sip_msg *rs, enum ecode why)
{
        struct told *told = arg;
        struct scscf *s = told->s;
        int status = rs != NULL ? sip_status(rs) : 0;
        if (status >= 100 && status < 200)
                return;
        bool good = status >= 200 && status < 300;
        /* TS 24.229 clause 5.4.1.7: no answer, 408 and 5xx are a failure of the server; other refusals are its word */
        bool failed = rs == NULL || status == 408 || (status >= 500 && status < 600);
        size_t turn = scscf_enter(s, told->impu, NULL);
        s->told++;
        s->told_failed += !good;
        struct scscf_user *u = scscf_user_of(s, told->impu);
        bool current = u != NULL && u->generation == told->generation;
        if (current)
                scscf_told(s, u);
        scscf_leave(s, turn);
        if (!good)
                ev(s->env->log, EV_WARN, "third-party-register-failed", KV_STR("server", told->server_name),
                   KV_INT("status", status), KV_STR("cause", rs == NULL ? ecode_name(why) : NULL),
                   KV_STR("req", "R-SA-34"), KV_HASH("subject", told->impu));
        if (failed && current && told->handling == IFC_SESSION_TERMINATED)
                scscf_network_deregister(s, told->impu, CX_ADMINISTRATIVE_DEREGISTRATION);
        talloc_free(told);
}

static struct sip_msg *third_party(struct scscf *s, void *mem, struct scscf_user *u, struct scscf_as *as,
                                   int64_t expires, struct sip_msg *inner)
{
        char *me = sip_own_uri(mem, s->env->sip, "mw", SIP_TLS, NULL, false);
        char *tag = rng_hex(s->env->rng, mem, 8);
        if (me == NULL || tag == NULL)
                return NULL;
        struct sip_msg *rq =
                sip_request_new(mem, &(struct sip_request_in){ .method = "REGISTER",
                                                               .uri = as->server_name,
                                                               .from = talloc_asprintf(mem, "<%s>;tag=%s", me, tag),
                                                               .to = talloc_asprintf(mem, "<%s>", scscf_user_key(u)),
                                                               .call_id = as->call_id,
                                                               .cseq = ++as->cseq });
        if (rq == NULL)
                return NULL;
        sip_hdr_add(rq, "Contact", "<%s>", me);
        sip_hdr_add(rq, "Expires", "%lld", (long long)expires);
        struct sip_charging c = { 0 };
        if (inner != NULL && sip_charging_get(mem, inner, &c, NULL) == E_OK)
                sip_charging_set(rq, &(struct sip_charging){
                                             .icid = c.icid,
                                             .orig_ioi = talloc_asprintf(mem, "Type 3%s", s->env->site->ims_domain) });
        if (inner != NULL) {
                sip_hdr_copy(rq, "P-Access-Network-Info", inner, "P-Access-Network-Info");
                sip_hdr_copy(rq, "P-Visited-Network-ID", inner, "P-Visited-Network-ID");
        }
        return rq;
}

static void tell_one(struct scscf *s, void *mem, struct scscf_user *u, const struct ifc_as *as, int64_t expires,
                     struct sip_msg *inner)
{
        struct err er = { 0 };
        struct sip_target to;
        struct scscf_as *known = as_of(s, u, as->server_name);
        struct sip_msg *rq = known != NULL ? third_party(s, mem, u, known, expires, inner) : NULL;
        enum ecode e = rq != NULL ? sip_target_of(as->server_name, &to, &er)
                                  : err_set(&er, E_NOMEM, NULL, "third-party REGISTER");
        if (e == E_OK && expires > 0)
                e = set_bodies(s, mem, rq, u, as, &er);
        struct told *told = e == E_OK ? talloc_zero(NULL, struct told) : NULL;
        if (told != NULL) {
                *told = (struct told){ .s = s,
                                       .impu = talloc_strdup(told, scscf_user_key(u)),
                                       .server_name = talloc_strdup(told, as->server_name),
                                       .handling = expires > 0 ? as->default_handling : IFC_SESSION_CONTINUED,
                                       .generation = u->generation };
                e = s->env->sip->send(s->env->sip, rq, &to, (unsigned)s->conf->as_timeout * 1000, on_answer, told);
                if (e != E_OK)
                        talloc_free(told);
                else
                        u->awaited++;
        }
        if (e != E_OK) {
                s->told_failed++;
                ev(s->env->log, EV_WARN, "third-party-register-failed", KV_STR("server", as->server_name),
                   KV_STR("cause", ecode_name(e)), KV_STR("text", er.text), KV_HASH("subject", scscf_user_key(u)));
        }
}

void scscf_tell(struct scscf *s, struct scscf_user *u, unsigned reg_type, int64_t expires)
{
        void *mem = talloc_new(NULL);
        struct sip_msg *inner = NULL;
        struct ifc_match match = { 0 };
        if (u->last_register.n > 0)
                sip_msg_parse(mem, u->last_register, &inner, NULL);
        const struct ims_profile *p = ims_profile_of(u->data, scscf_user_key(u));
        /* No condition on Contact may hide a de-registration (R-SA-32): the REGISTER that is evaluated is the last one.
         */
        struct ifc_request q = { .method = "REGISTER",
                                 .reg_type = reg_type,
                                 .session_case = IFC_ORIGINATING_REGISTERED,
                                 .request_uri = inner != NULL ? sip_ruri(inner) : "",
                                 .header = scscf_header_at,
                                 .message = inner };
        struct err er = { 0 };
        u->generation = ++s->rounds; /* of all sets: one that comes back is not taken for what it was */
        u->awaited = 0;
        if (p == NULL || ifc_eval(mem, p, &q, &match, &er) != E_OK)
                ev(s->env->log, EV_ERROR, "filter-criteria-failed", KV_STR("text", er.text));
        for (size_t i = 0; i < match.n; i++)
                tell_one(s, mem, u, match.as[i], expires, inner);
        if (u->awaited == 0)
                u->untold = false;
        talloc_free(mem);
}

void scscf_tell_owed(struct scscf *s, struct scscf_user *u, unsigned reg_type)
{
        size_t known = u->as_n;
        u->owed = false;
        scscf_tell(s, u, reg_type, u->last_expires);
        if (!u->untold || u->as_n != known) /* a new server's Call-ID outlives this process */
                scscf_user_keep(s, u, NULL);
}

void scscf_network_deregister(struct scscf *s, const char *impu, enum cx_assignment why)
{
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        size_t turn = scscf_enter(s, impu, NULL);
        struct scscf_user *u = scscf_user_of(s, impu);
        const char *impi = u != NULL ? talloc_strdup(mem, u->reg->impi) : NULL;
        if (u != NULL) {
                scscf_tell(s, u, IFC_REG_DE, 0); /* R-SA-28 */
                scscf_notify(s, u, true, why == CX_TIMEOUT_DEREGISTRATION ? REGINFO_EXPIRED : REGINFO_REJECTED);
                if (scscf_user_forget(s, u, &er) != E_OK)
                        ev(s->env->log, EV_ERROR, "store-failed", KV_STR("text", er.text));
                scscf_user_remove(s, u);
        }
        scscf_leave(s, turn);
        if (impi != NULL) {
                struct cx_saa a = { 0 };
                struct cx_sar q = { .impi = impi, .impu = impu, .server_name = s->conf->name, .type = why };
                enum ecode e = s->env->cx->sar(s->env->cx, mem, &q, &a, &er);
                ev(s->env->log, EV_INFO, "network-deregistration", KV_HASH("subject", impu), KV_INT("type", why),
                   KV_STR("hss", e != E_OK ? ecode_name(e) : "told"));
        }
        talloc_free(mem);
}
