/* Everything that is neither REGISTER nor PUBLISH of settings. Who is registered but not authorised is in limited
 * service (TS 33.180 clause 5.1.1): 404 with Warning 141 for everything (R-SA-101), except, where the operator switched
 * it on, an anonymous emergency communication (R-SA-107). */
#include "role/mcx/mcx.h"

#include "role/common/sip_peer.h"

#include <talloc.h>

void mcx_reply(struct mcx *m, struct sip_tx *tx, struct sip_msg *rs)
{
        if (rs != NULL && m->env->sip->reply(m->env->sip, tx, rs) != E_OK)
                ev(m->env->log, EV_WARN, "reply-lost", KV_INT("status", sip_status(rs)));
}

void mcx_refuse(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct mcx_refusal *no,
                const struct err *er)
{
        ev_refused(m->env->log, MCX_FLOW, step, er,
                   (const struct ev_kv[]){ KV_STR("method", sip_method(rq)),
                                           KV_INT("status", no->status),
                                           KV_INT("warning", no->warning),
                                           KV_HASH("call", sip_call_id(rq)),
                                           KV_HASH("subject", sip_hdr(rq, "P-Asserted-Identity")),
                                           { 0 } });
        struct sip_msg *rs = sip_response_new(NULL, rq, no->status, NULL);
        if (rs == NULL)
                return;
        if (no->warning != 0)
                sip_warning_add(rs, m->conf->host, no->warning, no->text); /* R-SA-98 */
        if (no->status == 500 || no->status == 503)
                sip_hdr_set(rs, "Retry-After", "%u", 5 + (unsigned)(clock_ms(m->env->clock) % 11));
        if (no->status == 423)
                sip_hdr_set(rs, "Min-Expires", "%lld", (long long)m->conf->publish_min);
        if (no->status == 489)
                sip_hdr_set(rs, "Allow-Events", "poc-settings");
        if (no->status == 415)
                for (int s = 0; s < MCX_SERVICES; s++)
                        sip_hdr_add(rs, "Accept", "%s", mcx_info_media_type((enum mcx_service)s));
        mcx_reply(m, tx, rs);
}

static bool is_authorised(struct mcx *m, const char *impu)
{
        bool is = false;
        pthread_mutex_lock(&m->lock);
        for (int s = 0; s < MCX_SERVICES && !is; s++)
                is = mcx_binding_on(m, (enum mcx_service)s, impu, clock_now(m->env->clock)) != NULL;
        pthread_mutex_unlock(&m->lock);
        return is;
}

void mcx_on_request(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        static const struct mcx_refusal unknown = { 404, 141, "user unknown to the participating function" };
        static const struct mcx_refusal not_served = { 501, 0, NULL };
        (void)from;
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        struct sip_addr pai;
        const char *impu =
                sip_addr_of(mem, rq, "P-Asserted-Identity", 0, &pai, NULL) == E_OK ? sip_aor(mem, pai.uri) : NULL;
        if (sip_method_is(rq, "ACK")) {
                talloc_free(mem);
                return;
        }
        if (impu == NULL || !is_authorised(m, impu)) {
                err_set(&er, E_NOT_AUTHORISED, "R-SA-101", "%s before service authorisation", sip_method(rq));
                mcx_refuse(m, tx, rq, "limited service", &unknown, &er);
        } else {
                err_set(&er, E_UNSUPPORTED, NULL, "%s: calls and messages are another server's business",
                        sip_method(rq));
                mcx_refuse(m, tx, rq, "4", &not_served, &er);
        }
        talloc_free(mem);
}

void mcx_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct mcx *m = role;
        struct err er = { 0 };
        if (!sip_peer_trusted(from, &m->conf->trusted_names, &m->conf->trusted_addresses)) {
                err_set(&er, E_UNTRUSTED_PEER, "R-SA-37", "%s from %s (certificate \"%s\")", sip_method(rq), from->ip,
                        from->tls_name);
                if (!sip_method_is(rq, "ACK"))
                        mcx_refuse(m, tx, rq, "2", &(struct mcx_refusal){ 403, 0, NULL }, &er);
        } else if (sip_method_is(rq, "REGISTER")) {
                mcx_on_register(m, tx, rq, from);
        } else if (sip_method_is(rq, "PUBLISH") &&
                   (sip_hdr(rq, "Event") == NULL || !sip_hdr_has(rq, "Event", "presence"))) {
                mcx_on_publish(m, tx, rq, from);
        } else {
                mcx_on_request(m, tx, rq, from);
        }
}
