/* Requests other than REGISTER: from UEs (TS 24.229 clause 5.2.6.3) and to them (clause 5.2.6.4). */
#include "role/pcscf/pcscf.h"

#include "role/common/sip_peer.h"
#include "role/common/sip_proxy.h"

#include <strings.h>
#include <talloc.h>

#define REQUEST_TIMEOUT_MS 32000u

static bool is_ours(struct pcscf *p, const struct sip_uri *u)
{
        static const char *const listener[] = { "gm", "mw" };
        for (size_t i = 0; i < COUNT(listener); i++)
                for (int proto = SIP_UDP; proto <= SIP_TLS; proto++) {
                        struct sip_target t;
                        if (p->env->sip->local(p->env->sip, listener[i], (enum sip_proto)proto, &t) == E_OK &&
                            t.port == u->port && strcmp(t.ip, u->host) == 0)
                                return true;
                }
        return false;
}

/* Takes our own entries off the top of Route; the user part of the last one is the UE's id. */
static const char *strip_own_routes(struct pcscf *p, void *mem, struct sip_msg *m)
{
        const char *id = NULL;
        struct sip_addr a;
        while (sip_addr_of(mem, m, "Route", 0, &a, NULL) == E_OK && is_ours(p, &a.u)) {
                if (a.u.user != NULL)
                        id = a.u.user;
                sip_hdr_remove_at(m, "Route", 0);
        }
        return id;
}

/* Two entries, one for each side (RFC 5658): the core comes back on Mw, the UE on Gm. */
static void record_route(struct pcscf *p, void *mem, struct sip_msg *out, const struct pcscf_ue *ue)
{
        if (!sip_method_is(out, "SUBSCRIBE") && !sip_method_is(out, "INVITE"))
                return;
        char *gm = sip_own_uri(mem, p->env->sip, "gm", ue->at.proto, ue->id, true);
        char *mw = sip_own_uri(mem, p->env->sip, "mw", SIP_TLS, ue->id, true);
        if (gm != NULL && mw != NULL) {
                sip_hdr_prepend(out, "Record-Route", "<%s>", gm);
                sip_hdr_prepend(out, "Record-Route", "<%s>", mw);
        }
}

static void forward(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, struct sip_msg *out,
                    const struct sip_target *to)
{
        sip_proxy_forward(
                &(struct sip_proxy_job){
                        .port = p->env->sip, .log = p->env->log, .role = "pcscf", .timeout_ms = REQUEST_TIMEOUT_MS },
                tx, rq, out, to);
}

/* R-SA-25: the identity is one that this UE registered; which one, it may prefer. */
static void assert_identity(const struct pcscf_ue *ue, struct sip_msg *out)
{
        const char *preferred = sip_hdr(out, "P-Preferred-Identity"), *is = ue->impus[0];
        for (size_t i = 0; preferred != NULL && i < ue->impus_n; i++)
                if (sip_aor_eq(preferred, ue->impus[i]))
                        is = ue->impus[i];
        sip_hdr_remove(out, "P-Preferred-Identity");
        sip_hdr_remove(out, "P-Asserted-Service");
        sip_hdr_set(out, "P-Asserted-Identity", "<%s>", is);
}

/* Where a request of the UE enters the core. Inside a dialog the route set decides, but only towards its own S-CSCF. */
static enum ecode next_hop(void *mem, const struct pcscf_ue *ue, struct sip_msg *out, struct sip_target *to,
                           struct err *er)
{
        struct sip_target own;
        enum ecode e = ue->service_route_n > 0 ? sip_target_of(ue->service_route[0], &own, er)
                                               : err_set(er, E_INTERNAL, NULL, "registered without Service-Route");
        if (e != E_OK)
                return e;
        if (sip_to_tag(out) == NULL) {
                sip_hdr_remove(out, "Route");
                for (size_t i = 0; i < ue->service_route_n; i++)
                        sip_hdr_add(out, "Route", "%s", ue->service_route[i]);
                *to = own;
                return E_OK;
        }
        struct sip_addr a;
        bool routed = sip_addr_of(mem, out, "Route", 0, &a, NULL) == E_OK;
        /* without further routes the S-CSCF itself is the other end, of reg-event (R-SA-27) */
        if (sip_target_of(routed ? a.uri : sip_ruri(out), to, er) != E_OK || to->port != own.port ||
            strcmp(to->ip, own.ip) != 0)
                return err_set(er, E_FORBIDDEN, "R-SA-24", "the route set leads past the S-CSCF of this registration");
        return E_OK;
}

/* R-SA-24: the association is by connection, or by address and port. A UE that registered over UDP sends what is too
 * long for a datagram over TCP, from the same port (RFC 3261 clause 18.1.1). */
static bool known_ue(struct pcscf *p, void *mem, const struct sip_peer *from, struct pcscf_ue **ret)
{
        struct sip_peer udp = *from;
        udp.proto = SIP_UDP;
        udp.flow = 0;
        return pcscf_ue_by_where(p, mem, pcscf_where(mem, from), ret) ||
               (from->proto == SIP_TCP && pcscf_ue_by_where(p, mem, pcscf_where(mem, &udp), ret));
}

static enum ecode from_ue(struct pcscf *p, void *mem, struct sip_tx *tx, struct sip_msg *rq,
                          const struct sip_peer *from, struct err *er)
{
        struct pcscf_ue *ue = NULL;
        struct sip_msg *out = NULL;
        struct sip_target to;
        if (!known_ue(p, mem, from, &ue) || ue->impus_n == 0)
                return err_set(er, E_NOT_REGISTERED, "R-SA-24", "%s from %s:%u, which is not registered",
                               sip_method(rq), from->ip, from->port);
        enum ecode e = sip_proxy_copy(rq, &out, er);
        if (e != E_OK)
                return e;
        talloc_steal(mem, out);
        strip_own_routes(p, mem, out);
        assert_identity(ue, out);
        sip_hdr_remove(out, "P-Charging-Vector");
        char *icid = rng_hex(p->env->rng, mem, 12);
        sip_charging_set(out, &(struct sip_charging){ .icid = icid, .orig_ioi = p->env->site->ims_domain });
        e = next_hop(mem, ue, out, &to, er);
        if (e != E_OK)
                return e;
        record_route(p, mem, out, ue);
        ev_arrow(p->env->log, &(struct arrow){ .flow = PCSCF_FLOW,
                                               .step = "4",
                                               .from = "ue",
                                               .to = "pcscf",
                                               .proto = talloc_asprintf(mem, "SIP/%s", sip_proto_name(from->proto)),
                                               .text = sip_method(rq),
                                               .call = sip_call_id(rq) });
        forward(p, tx, rq, talloc_steal(NULL, out), &to);
        return E_OK;
}

static enum ecode to_ue(struct pcscf *p, void *mem, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from,
                        struct err *er)
{
        struct pcscf_ue *ue = NULL;
        struct sip_msg *out = NULL;
        if (!sip_peer_trusted(from, &p->conf->trusted_names, &p->conf->trusted_addresses))
                return err_set(er, E_UNTRUSTED_PEER, "R-SA-24", "%s from %s (certificate \"%s\")", sip_method(rq),
                               from->ip, from->tls_name);
        enum ecode e = sip_proxy_copy(rq, &out, er);
        if (e != E_OK)
                return e;
        talloc_steal(mem, out);
        const char *id = strip_own_routes(p, mem, out);
        if (id == NULL || !pcscf_ue_by_id(p, mem, id, &ue))
                return err_set(er, E_NOT_FOUND, "R-SA-24", "no registered UE behind this route");
        record_route(p, mem, out, ue);
        forward(p, tx, rq, talloc_steal(NULL, out), &ue->at);
        return E_OK;
}

void pcscf_on_request(struct pcscf *p, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct err er = { 0 };
        void *mem = talloc_new(NULL);
        enum ecode e = strcmp(from->listener, "gm") == 0 ? from_ue(p, mem, tx, rq, from, &er)
                                                         : to_ue(p, mem, tx, rq, from, &er);
        if (e != E_OK && !sip_method_is(rq, "ACK"))
                pcscf_refuse(p, tx, rq, "4", &er);
        talloc_free(mem);
}
