/* REGISTER at the P-CSCF: TS 24.229 clauses 5.2.2 and 5.2.3. */
#include "role/pcscf/pcscf.h"

#include "role/common/sip_peer.h"
#include "role/common/sip_proxy.h"

#include <strings.h>
#include <talloc.h>

#define SECURITY_SERVER "tls;q=0.1"

/* Lives while the core decides; on the memory of the exchange. */
struct pending {
        struct pcscf *p;
        struct sip_peer from;
        struct sip_msg *rq;
        char *where, *id;
        bool offered_tls; /* the UE asked to negotiate TLS: RFC 3329 */
};

void pcscf_refuse(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct err *er)
{
        pthread_mutex_lock(&p->lock);
        p->refused++;
        pthread_mutex_unlock(&p->lock);
        sip_refuse(p->env, PCSCF_FLOW, step, tx, rq, 0, er);
}

/* R-SA-18: several contacts are one UE only when they share address and port (TS 24.379 clause 7.1). */
static enum ecode check_contacts(void *mem, struct sip_msg *rq, struct err *er)
{
        struct sip_addr first, other;
        for (size_t i = 0; i < sip_hdr_count(rq, "Contact"); i++) {
                enum ecode e = sip_addr_of(mem, rq, "Contact", i, i == 0 ? &first : &other, er);
                if (e != E_OK)
                        return e;
                if (i > 0 && (first.star || other.star || strcmp(first.u.host, other.u.host) != 0 ||
                              first.u.port != other.u.port))
                        return err_set(er, E_SYNTAX, "R-SA-18", "contacts of one REGISTER differ in address or port");
        }
        return E_OK;
}

static bool hdr_has_mechanism(struct sip_msg *rq, const char *name, const char *mechanism)
{
        size_t n = strlen(mechanism);
        for (size_t i = 0; i < sip_hdr_count(rq, name); i++) {
                const char *v = sip_hdr_at(rq, name, i);
                if (strncasecmp(v, mechanism, n) == 0 && (v[n] == 0 || v[n] == ';' || v[n] == ' ' || v[n] == ','))
                        return true;
        }
        return false;
}

/* R-SA-22: true when the request was answered here. */
static bool sec_agree_refused(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq)
{
        bool required = strcmp(p->conf->sec_agree, "require") == 0;
        const char *verify = sip_hdr(rq, "Security-Verify");
        int status = 0;
        if (required && verify == NULL && !hdr_has_mechanism(rq, "Security-Client", "tls"))
                status = sip_hdr_has(rq, "Require", "sec-agree") ? 494 : 421;
        else if (verify != NULL && strcasecmp(verify, SECURITY_SERVER) != 0)
                status = 494;
        if (status == 0)
                return false;
        struct err er;
        err_set(&er, E_FORBIDDEN, "R-SA-22",
                status == 421 ? "the UE does not negotiate security" : "Security-Verify is not what was offered");
        ev_refused(p->env->log, PCSCF_FLOW, "1", &er, (const struct ev_kv[]){ KV_INT("status", status), { 0 } });
        struct sip_msg *rs = sip_response_new(NULL, rq, status, NULL);
        if (rs != NULL) {
                sip_hdr_add(rs, status == 421 ? "Require" : "Security-Server", "%s",
                            status == 421 ? "sec-agree" : SECURITY_SERVER);
                p->env->sip->reply(p->env->sip, tx, rs);
        }
        return true;
}

/* What the core reads as our word about the way this came: TS 24.229 clause 7.2A.2. A UE's own word goes (R-SA-12). */
static enum ecode mark_protection(struct pending *n, void *mem, struct sip_msg *out, struct err *er)
{
        struct sip_auth a;
        struct pcscf_ue *known = NULL;
        const char *h = sip_hdr(out, "Authorization");
        if (h == NULL)
                return E_OK;
        enum ecode e = sip_auth_parse(mem, h, &a, er);
        if (e != E_OK)
                return e;
        bool registered = pcscf_ue_by_where(n->p, mem, n->where, &known);
        bool aka = a.algorithm != NULL && strncasecmp(a.algorithm, "AKA", 3) == 0;
        a.ck = a.ik = NULL;
        a.integrity_protected = n->from.proto == SIP_TLS ? (registered ? "tls-yes" : "tls-pending")
                                : aka                    ? "no"
                                : registered             ? "ip-assoc-yes"
                                                         : "ip-assoc-pending";
        char *text = sip_auth_print(mem, &a);
        if (text == NULL)
                return err_set(er, E_NOMEM, NULL, "Authorization");
        sip_hdr_set(out, "Authorization", "%s", text);
        return E_OK;
}

static void drop_claims(struct sip_msg *out)
{
        static const char *const not_a_ues[] = { "P-Asserted-Identity",
                                                 "P-Asserted-Service",
                                                 "P-Visited-Network-ID",
                                                 "P-Charging-Vector",
                                                 "P-Charging-Function-Addresses",
                                                 "Path",
                                                 "Route",
                                                 "Security-Client",
                                                 "Security-Verify",
                                                 "Proxy-Require",
                                                 "Service-Route",
                                                 "P-Associated-URI" };
        for (size_t i = 0; i < COUNT(not_a_ues); i++)
                sip_hdr_remove(out, not_a_ues[i]);
        for (size_t i = sip_hdr_count(out, "Require"); i-- > 0;)
                if (strcasecmp(sip_hdr_at(out, "Require", i), "sec-agree") == 0)
                        sip_hdr_remove_at(out, "Require", i);
}

static enum ecode outward(struct pending *n, void *mem, struct sip_msg *out, struct err *er)
{
        struct pcscf *p = n->p;
        char *path = sip_own_uri(mem, p->env->sip, "mw", SIP_TLS, n->id, true), *icid = rng_hex(p->env->rng, mem, 12);
        if (path == NULL || icid == NULL)
                return err_set(er, E_CRYPTO, NULL, "Path");
        enum ecode e = mark_protection(n, mem, out, er);
        if (e != E_OK)
                return e;
        drop_claims(out);
        sip_hdr_prepend(out, "Path", "<%s>", path);
        sip_hdr_add(out, "Require", "path");
        sip_hdr_set(out, "P-Visited-Network-ID", "\"%s\"", p->env->site->ims_domain);
        sip_charging_set(out, &(struct sip_charging){ .icid = icid });
        return E_OK;
}

/* R-SA-8: what the core sent for us alone does not go on. AKA keys without protection underneath are worth nothing. */
static struct sip_msg *inward_401(struct pending *n, struct sip_msg *rs)
{
        struct sip_auth a;
        const char *h = sip_hdr(rs, "WWW-Authenticate");
        if (h == NULL || sip_auth_parse(rs, h, &a, NULL) != E_OK)
                return rs;
        bool aka = a.algorithm != NULL && strncasecmp(a.algorithm, "AKA", 3) == 0;
        if (aka && n->from.proto != SIP_TLS && !n->p->conf->aka_without_protection) {
                struct err er;
                err_set(&er, E_FORBIDDEN, "R-SA-22",
                        "IMS AKA over %s: this P-CSCF wants TLS (aka_without_protection is off)",
                        sip_proto_name(n->from.proto));
                ev_refused(n->p->env->log, PCSCF_FLOW, "1", &er, NULL);
                talloc_free(rs);
                return sip_response_new(NULL, n->rq, 403, NULL);
        }
        a.ck = a.ik = NULL;
        char *text = sip_auth_print(rs, &a);
        sip_hdr_remove(rs, "WWW-Authenticate");
        if (text != NULL)
                sip_hdr_add(rs, "WWW-Authenticate", "%s", text);
        if (n->offered_tls)
                sip_hdr_add(rs, "Security-Server", SECURITY_SERVER);
        return rs;
}

static bool asked_for(void *mem, struct sip_msg *rq, const char *uri)
{
        struct sip_addr c;
        for (size_t i = 0; i < sip_hdr_count(rq, "Contact"); i++)
                if (sip_addr_of(mem, rq, "Contact", i, &c, NULL) == E_OK && !c.star && strcmp(c.uri, uri) == 0)
                        return true;
        return false;
}

/* How long this UE is registered. The 200 lists the contacts of all UEs of the identity; the others' are not its. */
static int64_t granted(void *mem, struct sip_msg *rq, struct sip_msg *rs)
{
        int64_t most = 0;
        struct sip_addr c;
        for (size_t i = 0; i < sip_hdr_count(rs, "Contact"); i++) {
                if (sip_addr_of(mem, rs, "Contact", i, &c, NULL) != E_OK || !asked_for(mem, rq, c.uri))
                        continue;
                const char *text = sip_param(&c.params, "expires");
                int64_t s = text != NULL ? sip_delta_seconds(text) : -1;
                most = s > most ? s : most;
        }
        return most;
}

static char **header_uris(void *mem, struct sip_msg *rs, const char *name, bool bare, size_t *n)
{
        size_t count = sip_hdr_count(rs, name);
        char **list = talloc_zero_array(mem, char *, count + 1);
        *n = 0;
        for (size_t i = 0; list != NULL && i < count; i++) {
                struct sip_addr a;
                if (sip_addr_of(mem, rs, name, i, &a, NULL) == E_OK)
                        list[(*n)++] = talloc_strdup(list, bare ? a.uri : sip_hdr_at(rs, name, i));
        }
        return list;
}

/* TS 24.229 clause 5.2.2: who this UE is from now on, and how its requests enter the core. */
static void learn(struct pending *n, struct sip_msg *rs)
{
        struct pcscf *p = n->p;
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        struct sip_addr contact = { 0 };
        int64_t life = granted(mem, n->rq, rs);
        if (sip_hdr_count(n->rq, "Contact") == 0) { /* it only asked */
                talloc_free(mem);
                return;
        }
        if (life <= 0) {
                pcscf_ue_drop(p, n->where);
        } else if (sip_addr_of(mem, n->rq, "Contact", 0, &contact, NULL) == E_OK) {
                struct pcscf_ue ue = { .id = n->id,
                                       .where = n->where,
                                       .contact = (char *)(uintptr_t)contact.uri,
                                       .expires_at = clock_now(p->env->clock) + life };
                ue.at = (struct sip_target){
                        .proto = n->from.proto, .port = n->from.port, .flow = n->from.flow, .listener = "gm"
                };
                memcpy(ue.at.ip, n->from.ip, sizeof ue.at.ip);
                ue.impus = header_uris(mem, rs, "P-Associated-URI", true, &ue.impus_n);
                ue.service_route = header_uris(mem, rs, "Service-Route", false, &ue.service_route_n);
                if (pcscf_ue_put(p, &ue, &er) != E_OK)
                        ev(p->env->log, EV_ERROR, "store-failed", KV_STR("text", er.text));
        }
        talloc_free(mem);
}

static struct sip_msg *inward(void *arg, struct sip_msg *rs)
{
        struct pending *n = arg;
        int status = sip_status(rs);
        if (status == 401)
                return inward_401(n, rs);
        if (status == 200)
                learn(n, rs);
        return rs;
}

static struct pending *pending_new(struct pcscf *p, struct sip_msg *rq, const struct sip_peer *from)
{
        struct pending *n = talloc_zero(NULL, struct pending);
        struct pcscf_ue *known = NULL;
        if (n == NULL)
                return NULL;
        n->p = p;
        n->from = *from;
        n->rq = sip_msg_copy(n, rq);
        n->where = pcscf_where(n, from);
        n->offered_tls = hdr_has_mechanism(rq, "Security-Client", "tls");
        n->id = n->where != NULL && pcscf_ue_by_where(p, n, n->where, &known) ? talloc_strdup(n, known->id)
                                                                              : rng_token(p->env->rng, n, 12);
        if (n->rq == NULL || n->where == NULL || n->id == NULL) {
                talloc_free(n);
                return NULL;
        }
        return n;
}

static enum ecode pass_on(struct pcscf *p, void *mem, struct sip_tx *tx, struct sip_msg *rq,
                          const struct sip_peer *from, struct err *er)
{
        struct sip_target to;
        struct sip_msg *out = NULL;
        enum ecode e = strcmp(from->listener, "gm") == 0 ? check_contacts(mem, rq, er)
                                                         : err_set(er, E_UNTRUSTED_PEER, "R-SA-24", "REGISTER on Mw");
        if (e == E_OK)
                e = sip_target_of(p->conf->icscf, &to, er);
        if (e == E_OK)
                e = sip_proxy_copy(rq, &out, er);
        struct pending *n = e == E_OK ? pending_new(p, rq, from) : NULL;
        if (e == E_OK && n == NULL)
                e = err_set(er, E_NOMEM, NULL, "REGISTER");
        if (e == E_OK)
                e = outward(n, mem, out, er);
        if (e != E_OK) {
                talloc_free(out);
                talloc_free(n);
                return e;
        }
        sip_proxy_forward(&(struct sip_proxy_job){ .port = p->env->sip,
                                                   .log = p->env->log,
                                                   .role = "pcscf",
                                                   .edit = inward,
                                                   .arg = n,
                                                   .timeout_ms = (unsigned)p->conf->timeout * 1000 },
                          tx, rq, out, &to);
        return E_OK;
}

void pcscf_on_register(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct err er = { 0 };
        if (strcmp(from->listener, "gm") == 0 && sec_agree_refused(p, tx, rq))
                return;
        void *mem = talloc_new(NULL);
        pthread_mutex_lock(&p->lock);
        p->registers++;
        pthread_mutex_unlock(&p->lock);
        struct sip_auth a = { 0 };
        const char *h = sip_hdr(rq, "Authorization");
        bool answered = h != NULL && sip_auth_parse(mem, h, &a, NULL) == E_OK && a.response != NULL && *a.response != 0;
        ev_arrow(p->env->log, &(struct arrow){ .flow = PCSCF_FLOW,
                                               .step = "1",
                                               .from = "ue",
                                               .to = "pcscf",
                                               .proto = talloc_asprintf(mem, "SIP/%s", sip_proto_name(from->proto)),
                                               .text = answered ? "REGISTER, answer to the challenge" : "REGISTER",
                                               .call = sip_call_id(rq) });
        if (pass_on(p, mem, tx, rq, from, &er) != E_OK)
                pcscf_refuse(p, tx, rq, "1", &er);
        talloc_free(mem);
}
