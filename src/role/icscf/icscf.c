#include "role/icscf/icscf.h"

#include "port/cx_conf.h"

#include "proto/sip/sip.h"
#include "role/common/sip_peer.h"
#include "role/common/sip_proxy.h"

#include <strings.h>
#include <talloc.h>

#define FLOW "mcx-sign-on"

struct icscf_conf {
        const char *listen;
        struct conf_list scscf, trusted_names, trusted_addresses;
        int64_t timeout;
        struct cx_conf cx;
};

struct icscf {
        const struct role_env *env;
        const struct icscf_conf *conf;
};

static const struct conf_item conf_items[] = {
        CONF_LISTEN(struct icscf_conf, listen, "{net}.7:5060", "Mw: SIP over TCP here, over TLS on the next port.",
                    "TS 24.229 clause 5.3"),
        CONF_LIST(struct icscf_conf, scscf, "sip:{net}.8:5061;transport=tls",
                  "S-CSCFs to choose from when the HSS has assigned none.", "TS 24.229 clause 5.3.1.2"),
        CONF_LIST(struct icscf_conf, trusted_names, "pcscf.{ims_domain} epcscf.{ims_domain}",
                  "Certificate names of the P-CSCFs that are believed.", "R-SA-24"),
        CONF_LIST(struct icscf_conf, trusted_addresses, "",
                  "IP addresses that are believed without a certificate; only for a core that has no TLS inside.",
                  NULL),
        CONF_SECONDS(struct icscf_conf, timeout, "20", 1, 60, "How long the S-CSCF may take to answer.", NULL),
        CX_CLIENT_ROWS(struct icscf_conf, cx, "icscf", "7"),
        CONF_END
};

/* One REGISTER: who asks, for whom. */
struct ask {
        char *impu;
        const char *impi, *visited;
        bool ends;
};

static enum ecode read_ask(struct icscf *c, void *mem, struct sip_msg *rq, struct ask *a, struct err *er)
{
        struct sip_addr to;
        struct sip_uri home;
        struct sip_auth auth = { 0 };
        enum ecode e = sip_addr_of(mem, rq, "To", 0, &to, er);
        if (e == E_OK)
                e = sip_uri_parse(mem, sip_ruri(rq), &home, er);
        if (e != E_OK)
                return e;
        if (strcasecmp(home.host, c->env->site->ims_domain) != 0)
                return err_set(er, E_NOT_FOUND, "R-SA-2", "REGISTER for the domain %s is not ours to answer",
                               home.host);
        a->impu = sip_impu(mem, to.uri);
        if (a->impu == NULL)
                return err_set(er, E_SYNTAX, "R-SA-38", "To holds no SIP or tel URI");
        const char *h = sip_hdr(rq, "Authorization");
        if (h != NULL)
                e = sip_auth_parse(mem, h, &auth, er);
        if (e != E_OK)
                return e;
        /* TS 24.229 clause 5.3.1.2: without a private identity it is the public one without its scheme */
        a->impi = auth.username != NULL && *auth.username ? auth.username
                  : strncmp(a->impu, "sip:", 4) == 0      ? a->impu + 4
                                                          : a->impu;
        a->visited = sip_hdr(rq, "P-Visited-Network-ID");
        struct sip_addr contact;
        const char *lifetime = NULL;
        if (sip_addr_of(mem, rq, "Contact", 0, &contact, NULL) == E_OK && !contact.star)
                lifetime = sip_param(&contact.params, "expires");
        a->ends = lifetime != NULL ? sip_delta_seconds(lifetime) == 0 : sip_expires(rq) == 0;
        return E_OK;
}

static enum ecode choose(struct icscf *c, void *mem, const struct ask *a, const char **server, struct err *er)
{
        struct cx_uaa ua = { 0 };
        struct cx_uar q = { .impi = a->impi,
                            .impu = a->impu,
                            .type = a->ends ? 1 : 0,
                            .visited_network = a->visited != NULL ? a->visited : c->env->site->ims_domain };
        enum ecode e = c->env->cx->uar(c->env->cx, mem, &q, &ua, er);
        if (e != E_OK)
                return e;
        switch (ua.result) {
        case CX_SUCCESS:
        case CX_FIRST_REGISTRATION:
        case CX_SUBSEQUENT_REGISTRATION:
        case CX_SERVER_NAME_NOT_STORED: break;
        case CX_ERROR_USER_UNKNOWN:
                return err_set(er, E_FORBIDDEN, "R-SA-14", "the HSS does not know this private identity");
        case CX_ERROR_IDENTITIES_DONT_MATCH:
                return err_set(er, E_FORBIDDEN, "R-SA-13", "private and public identity do not belong together");
        case CX_ERROR_IDENTITY_NOT_REGISTERED:
                return err_set(er, E_FORBIDDEN, "R-SA-13", "de-registration of an identity that is not registered");
        case CX_ERROR_ROAMING_NOT_ALLOWED:
        case CX_AUTHORIZATION_REJECTED:
                return err_set(er, E_FORBIDDEN, "R-SA-13", "the HSS does not let this identity register here (barred)");
        default: return err_set(er, E_PEER_DOWN, NULL, "the HSS could not say: Diameter result %u", ua.result);
        }
        *server = ua.server_name != NULL && *ua.server_name ? ua.server_name
                  : c->conf->scscf.n > 0                    ? c->conf->scscf.item[0]
                                                            : NULL;
        return *server != NULL ? E_OK : err_set(er, E_CONFIG, NULL, "no S-CSCF is configured to choose from");
}

static enum ecode pass_on(struct icscf *c, void *mem, struct sip_tx *tx, struct sip_msg *rq,
                          const struct sip_peer *from, struct err *er)
{
        struct ask a = { 0 };
        const char *server = NULL;
        struct sip_target to;
        struct sip_msg *out = NULL;
        if (!sip_peer_trusted(from, &c->conf->trusted_names, &c->conf->trusted_addresses))
                return err_set(er, E_UNTRUSTED_PEER, "R-SA-24", "%s from %s (certificate \"%s\")", sip_method(rq),
                               from->ip, from->tls_name);
        if (!sip_method_is(rq, "REGISTER"))
                return err_set(er, E_METHOD, NULL, "%s: this I-CSCF serves registrations", sip_method(rq));
        enum ecode e = read_ask(c, mem, rq, &a, er);
        if (e != E_OK)
                return e;
        ev_arrow(c->env->log, &(struct arrow){ .flow = FLOW,
                                               .step = "1",
                                               .from = "pcscf",
                                               .to = "icscf",
                                               .proto = from->proto == SIP_TLS ? "SIP/TLS" : "SIP/TCP",
                                               .text = "REGISTER",
                                               .call = sip_call_id(rq),
                                               .subject = a.impi });
        e = choose(c, mem, &a, &server, er);
        if (e == E_OK)
                e = sip_target_of(server, &to, er);
        if (e == E_OK)
                e = sip_proxy_copy(rq, &out, er);
        if (e == E_OK)
                sip_proxy_forward(&(struct sip_proxy_job){ .port = c->env->sip,
                                                           .log = c->env->log,
                                                           .role = "icscf",
                                                           .timeout_ms = (unsigned)c->conf->timeout * 1000 },
                                  tx, rq, out, &to);
        return e;
}

static void icscf_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct icscf *c = role;
        struct err er = { 0 };
        void *mem = talloc_new(NULL);
        if (pass_on(c, mem, tx, rq, from, &er) != E_OK && !sip_method_is(rq, "ACK"))
                sip_refuse(c->env, FLOW, "1", tx, rq, 0, &er);
        talloc_free(mem);
}

static enum ecode icscf_start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct icscf *c = talloc_zero(mem, struct icscf);
        if (c == NULL)
                return err_set(er, E_NOMEM, NULL, "icscf");
        *c = (struct icscf){ env, conf };
        *ret = c;
        return E_OK;
}

static const struct role_listener listeners[] = {
        { "mw", LISTEN_SIP, offsetof(struct icscf_conf, listen), NULL, 1u << SIP_TCP | 1u << SIP_TLS, true },
        { 0 },
};
static const struct admin_cmd admin[] = { { 0 } };

const struct role role_icscf = {
        .name = "icscf",
        .title = "interrogating call session control function",
        .needs = NEED_CX_CLIENT,
        .conf = conf_items,
        .conf_size = sizeof(struct icscf_conf),
        .listeners = listeners,
        .admin = admin,
        .on_sip = icscf_on_sip,
        .cx_conf = offsetof(struct icscf_conf, cx),
        .start = icscf_start,
};
