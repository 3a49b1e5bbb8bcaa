/* PUBLISH of service settings (step 4): TS 24.379 clause 7.3.3, RFC 3903. The checks stand in the order of the
 * specification; the decision is mcx_authorise.c. */
#include "role/mcx/mcx.h"

#include "base/codec.h"

#include <strings.h>
#include <talloc.h>

struct turn {
        struct mcx *m;
        struct sip_tx *tx;
        struct sip_msg *rq;
        const struct sip_peer *from;
        void *mem;
        struct mcx_parts parts;
        struct mcx_ask ask;
        bool has_body;
};

static void mcx_parts_settings(struct mcx_parts *p, struct mcx_settings *s)
{
        if (p->settings == NULL)
                p->settings = s;
}

/* The XML reader serves documents of many kinds; here its refusal is that of a SIP body. */
static enum ecode document(enum ecode e, struct err *er)
{
        if (e == E_SYNTAX && er != NULL && strncmp(er->req, "R-SA-", 5) != 0)
                snprintf(er->req, sizeof er->req, "R-SA-57");
        return e;
}

enum ecode mcx_parts_read(void *mem, const struct mime_part *part, struct mcx_parts *ret, struct err *er)
{
        enum mcx_service s;
        enum ecode e = E_OK;
        if (part->type != NULL && mcx_service_of_media_type(part->type, &s)) {
                if (ret->info[s] != NULL)
                        return err_set(er, E_DUPLICATE, "R-SA-97", "two bodies of one service");
                e = document(mcx_info_parse(mem, part->body, &ret->info[s], er), er);
                ret->known = true;
        } else if (part->type != NULL && strcmp(part->type, MCX_SETTINGS_MEDIA_TYPE) == 0) {
                struct mcx_settings *settings = NULL;
                e = document(mcx_settings_parse(mem, part->body, &settings, er), er);
                mcx_parts_settings(ret, settings);
                ret->known = true;
        } else if (part->type != NULL && strcmp(part->type, "application/mikey") == 0) {
                e = mime_body(mem, part, &ret->mikey);
                /* raw messages begin with octet 01, base64 text with "AR" */
                if (e == E_OK && ret->mikey.n > 1 && ret->mikey.p[0] == 'A')
                        e = b64_decode(mem, ret->mikey, &ret->mikey);
                if (e != E_OK)
                        return err_set(er, e, "R-SA-57", "application/mikey is neither binary nor base64");
                ret->known = true;
        }
        for (size_t i = 0; e == E_OK && i < part->n; i++)
                e = mcx_parts_read(mem, &part->parts[i], ret, er);
        return e;
}

static bool same_psi(void *mem, const char *uri, const char *psi)
{
        struct sip_uri a, b;
        if (sip_aor_eq(uri, psi))
                return true;
        /* deployed clients address a service by its host alone (R-SA-131) */
        return sip_uri_parse(mem, uri, &a, NULL) == E_OK && sip_uri_parse(mem, psi, &b, NULL) == E_OK &&
               a.user == NULL && strcmp(a.host, b.host) == 0;
}

static bool psi_is_ours(struct turn *t)
{
        for (int s = 0; s < MCX_SERVICES; s++)
                if (same_psi(t->mem, sip_ruri(t->rq), mcx_psi(t->m, (enum mcx_service)s)))
                        return true;
        return false;
}

static void refuse_with(struct turn *t, int status, const struct err *er)
{
        mcx_refuse(t->m, t->tx, t->rq, "4", &(struct mcx_refusal){ status, 0, NULL }, er);
}

/* R-SA-53, R-SA-54, R-SA-55: 0, or the status to refuse with. */
static int check_head(struct turn *t, struct err *er)
{
        const char *event = sip_hdr(t->rq, "Event");
        struct sip_addr pai;
        if (!psi_is_ours(t)) {
                err_set(er, E_NOT_FOUND, "R-SA-55", "%s is no identity of this server", sip_ruri(t->rq));
                return 404;
        }
        if (event == NULL || !sip_hdr_has(t->rq, "Event", "poc-settings")) {
                err_set(er, E_BAD_EVENT, "R-SA-53", "Event: %s", event ? event : "(none)");
                return 489;
        }
        if (sip_addr_of(t->mem, t->rq, "P-Asserted-Identity", 0, &pai, NULL) != E_OK ||
            (t->ask.impu = sip_impu(t->mem, pai.uri)) == NULL) {
                err_set(er, E_FORBIDDEN, "R-SA-54", "no P-Asserted-Identity from the core");
                return 403;
        }
        return 0;
}

static int read_body(struct turn *t, struct err *er)
{
        struct mime_part *root = NULL;
        t->has_body = sip_body(t->rq).n > 0;
        if (!t->has_body)
                return 0;
        if (sip_content_type(t->rq) == NULL) {
                err_set(er, E_MEDIA_TYPE, "R-SA-56", "a body without Content-Type");
                return 415;
        }
        enum ecode e = mime_parse(t->mem, sip_content_type(t->rq), sip_body(t->rq), 0, &root, er);
        if (e == E_OK)
                e = mcx_parts_read(t->mem, root, &t->parts, er);
        if (e == E_TOKEN_MALFORMED)
                return -101;
        if (e == E_DECRYPT)
                return -140;
        if (e != E_OK)
                return e == E_LONG ? 413 : ecode_undecided(e) ? 500 : 400;
        if (!t->parts.known) {
                err_set(er, E_MEDIA_TYPE, "R-SA-56", "no part of a type that is served");
                return 415;
        }
        return 0;
}

/* R-SA-52, R-SA-97: the info body says which service; then P-Asserted-Service; then the PSI. They may not differ. */
static int find_service(struct turn *t, struct err *er)
{
        int by_body = -1, by_header = -1, by_psi = -1;
        const char *asserted = sip_hdr(t->rq, "P-Asserted-Service");
        for (int s = 0; s < MCX_SERVICES; s++) {
                if (t->parts.info[s] != NULL && by_body >= 0) {
                        err_set(er, E_DUPLICATE, "R-SA-97", "bodies of two services in one PUBLISH");
                        return 400;
                }
                if (t->parts.info[s] != NULL)
                        by_body = s;
                /* MCData names its parts too: "...icsi.mcdata.sds" */
                if (asserted != NULL &&
                    strncasecmp(asserted, mcx_icsi((enum mcx_service)s), strlen(mcx_icsi((enum mcx_service)s))) == 0)
                        by_header = s;
                if (by_psi < 0 && same_psi(t->mem, sip_ruri(t->rq), mcx_psi(t->m, (enum mcx_service)s)))
                        by_psi = s;
        }
        if (by_body >= 0 && by_header >= 0 && by_body != by_header) {
                err_set(er, E_SYNTAX, "R-SA-52", "body and P-Asserted-Service name different services");
                return 400;
        }
        t->ask.service = (enum mcx_service)(by_body >= 0 ? by_body : by_header >= 0 ? by_header : by_psi);
        t->ask.info = by_body >= 0 ? t->parts.info[by_body] : NULL;
        t->ask.mikey = t->parts.mikey;
        t->ask.settings = t->parts.settings;
        t->ask.call_id = sip_call_id(t->rq);
        return 0;
}

/* RFC 3903 clause 6: R-SA-87, R-SA-88, R-SA-89. */
static int check_publication(struct turn *t, struct err *er)
{
        t->ask.expires = sip_expires(t->rq);
        t->ask.if_match = sip_hdr(t->rq, "SIP-If-Match");
        if (sip_hdr_count(t->rq, "SIP-If-Match") > 1) {
                err_set(er, E_DUPLICATE, "R-SA-88", "more than one SIP-If-Match");
                return 400;
        }
        if (t->ask.expires > 0 && t->ask.expires < t->m->conf->publish_min) {
                err_set(er, E_INTERVAL_BRIEF, "R-SA-87", "%lld s asked", (long long)t->ask.expires);
                return 423;
        }
        if (!t->has_body && t->ask.if_match == NULL && t->ask.expires != 0) {
                err_set(er, E_MISSING, "R-SA-89", "neither a body nor SIP-If-Match");
                return 400;
        }
        return 0;
}

static void answer_ok(struct turn *t, const struct mcx_grant *grant)
{
        struct mcx *m = t->m;
        struct sip_msg *rs = sip_response_new(t->mem, t->rq, 200, NULL);
        if (rs == NULL)
                return;
        sip_hdr_set(rs, "P-Asserted-Identity", "<%s>", mcx_psi(m, t->ask.service));
        if (grant != NULL)
                sip_hdr_set(rs, "SIP-ETag", "%s", grant->etag);
        sip_hdr_set(rs, "Expires", "%lld", (long long)(grant != NULL ? grant->expires : 0));
        struct bytes xml;
        struct mcx_info info = { .service = t->ask.service, .multiple_devices_ind = mcx_value_of("true") };
        if (grant != NULL && grant->multiple_devices && mcx_info_print(t->mem, &info, NULL, &xml, NULL) == E_OK)
                sip_set_body(rs, mcx_info_media_type(t->ask.service), xml); /* R-SA-71 */
        mcx_reply(m, t->tx, rs);
}

static void decide(struct turn *t)
{
        struct mcx *m = t->m;
        struct mcx_grant grant = { 0 };
        struct mcx_refusal no = { 0 };
        struct err er = { 0 };
        bool token = t->ask.info != NULL && t->ask.info->access_token.form != MCX_ABSENT;
        bool ends = t->ask.expires == 0;
        enum ecode e = ends    ? mcx_log_off(m, t->mem, &t->ask, &no, &er)
                       : token ? mcx_authorise(m, t->mem, &t->ask, &grant, &no, &er)
                               : mcx_resettle(m, t->mem, &t->ask, &grant, &no, &er);
        pthread_mutex_lock(&m->lock);
        *(e == E_OK ? &m->authorised : &m->refused) += 1;
        pthread_mutex_unlock(&m->lock);
        if (e != E_OK) {
                mcx_refuse(m, t->tx, t->rq, "4", &no, &er);
                return;
        }
        ev(m->env->log, EV_INFO,
           ends    ? "service-logged-off"
           : token ? "service-authorised"
                   : "settings-changed",
           KV_STR("service", mcx_service_name(t->ask.service)), KV_STR("by", "PUBLISH"), KV_HASH("user", grant.mc_id),
           KV_HASH("subject", t->ask.impu), KV_BOOL("csk", t->ask.mikey.n > 0));
        answer_ok(t, ends ? NULL : &grant);
}

void mcx_on_publish(struct mcx *m, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        static const struct mcx_refusal by_body[] = { { 403, 101, "service authorisation failed" },
                                                      { 403, 140, "unable to decrypt XML content" } };
        struct turn t = { .m = m, .tx = tx, .rq = rq, .from = from, .mem = talloc_new(NULL) };
        struct err er = { 0 };
        int status = check_head(&t, &er);
        if (status == 0)
                status = read_body(&t, &er);
        if (status == 0)
                status = find_service(&t, &er);
        if (status == 0)
                status = check_publication(&t, &er);
        ev_arrow(m->env->log, &(struct arrow){ .flow = MCX_FLOW,
                                               .step = "4",
                                               .from = "scscf",
                                               .to = "mcx",
                                               .proto = from->proto == SIP_TLS ? "SIP/TLS" : "SIP/TCP",
                                               .call = sip_call_id(rq),
                                               .subject = t.ask.impu,
                                               .text = sip_expires(rq) == 0 ? "PUBLISH, Expires 0 (log-off)"
                                                       : t.ask.info != NULL && t.ask.info->access_token.form
                                                               ? "PUBLISH with access token and client id"
                                                               : "PUBLISH of settings" });
        if (status < 0)
                mcx_refuse(m, tx, rq, "4", &by_body[status == -140], &er);
        else if (status > 0)
                refuse_with(&t, status, &er);
        else
                decide(&t);
        talloc_free(t.mem);
}
