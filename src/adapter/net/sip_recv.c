#include "adapter/net/sip_net_int.h"

static int status_of_refusal(enum ecode e)
{
        return e == E_LONG ? 413 : e == E_UNSUPPORTED ? 505 : e == E_NOMEM ? 503 : 400;
}

/* Answers without a transaction: RFC 3261 clause 8.2.7 */
static void answer_stateless(struct sip_net *n, const struct sip_src *src, struct sip_msg *rq, int status)
{
        struct sip_msg *rs = sip_response_new(rq, rq, status, NULL);
        struct bytes out;
        struct sip_target back;
        struct sip_route r;
        if (rs == NULL || sip_target_back(src, rq, &back) != E_OK)
                return;
        if (status == 503)
                sip_hdr_set(rs, "Retry-After", "5");
        if (sip_to_tag(rs) == NULL) { /* the same for each retransmission would be better, and needs state */
                char *tag = rng_hex(n->conf.rng, rs, 8);
                if (tag != NULL)
                        sip_set_to_tag(rs, tag);
        }
        if (sip_msg_print(rs, rs, &out) == E_OK && sip_route(n, &back, &r) == E_OK)
                sip_transmit(n, &r, &back, out);
}

void sip_refuse_octets(struct sip_net *n, const struct sip_src *src, struct bytes in, int status)
{
        static const char *const need[] = { "Via", "From", "To", "Call-ID", "CSeq" };
        struct sip_msg *m = NULL;
        if (sip_msg_parse_head(NULL, in, &m, NULL) != E_OK)
                return;
        bool answerable = sip_is_request(m) && !sip_method_is(m, "ACK");
        for (size_t i = 0; i < COUNT(need); i++)
                answerable = answerable && sip_hdr(m, need[i]) != NULL;
        if (answerable) {
                sip_via_amend(src, m);
                answer_stateless(n, src, m, status);
        }
        talloc_free(m);
}

void sip_received(struct sip_net *n, const struct sip_src *src, struct bytes in)
{
        struct sip_msg *m = NULL;
        struct err er = { 0 };
        enum ecode e = sip_msg_parse(NULL, in, &m, &er);
        if (e != E_OK) {
                n->malformed++;
                ev(n->conf.log, EV_DEBUG, "sip-malformed", KV_STR("listener", src->ls->name),
                   KV_STR("peer", src->peer.ip), KV_STR("error", ecode_name(e)), KV_STR("cause", er.text));
                sip_refuse_octets(n, src, in, status_of_refusal(e));
                return;
        }
        n->received++;
        if (sip_is_request(m)) {
                sip_tx_request(n, src, m);
        } else {
                char *key = siptx_key_client(m, m);
                struct siptx *t = siptx_find(n->tb, key);
                if (t != NULL) /* the branch, which nobody can guess, proves that it belongs here */
                        sip_ctx_answered((struct sip_ctx *)(void *)t, m);
                else
                        talloc_free(m);
        }
        sip_net_arm(n);
}
