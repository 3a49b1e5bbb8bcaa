#include "proto/mcx/mcx_ue_init.h"

#include <talloc.h>

#include "proto/xml/xml_read.h"

#define ROOT      "mcptt-UE-initial-configuration"
#define PCSCF_MAX 16u

static char *path_text(struct xmlr *r, const struct xml_node *n, const char *path, const char *name)
{
        return xmlr_opt_text(r, xml_path(n, r->ns, path), name);
}

static void read_default_user(struct xmlr *r, const struct xml_node *n, struct mcx_ue_init *u)
{
        if (n == NULL)
                return;
        u->default_user = xmlr_attr(r, n, "User-ID");
        char *index = xmlr_attr(r, n, "user-profile-index");
        if (index != NULL && xml_parse_i64(index, &u->default_profile_index) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, "user-profile-index", "is no integer");
}

static void read_servers(struct xmlr *r, const struct xml_node *n, struct mcx_ue_init *u)
{
        u->idms_auth_endpoint = xmlr_text(r, n, "idms-auth-endpoint");
        u->idms_token_endpoint = xmlr_text(r, n, "idms-token-endpoint");
        u->http_proxy = xmlr_opt_text(r, n, "http-proxy");
        u->gms = xmlr_opt_text(r, n, "gms");
        u->cms = xmlr_opt_text(r, n, "cms");
        u->kms = xmlr_opt_text(r, n, "kms");
        u->mutual_tls = xmlr_bool_or(r, xml_first(n, r->ns, "tls-tunnel-auth-method"), "mutual-authentication", false);
}

static void read_on_network(struct xmlr *r, const struct xml_node *n, struct mcx_ue_init *u)
{
        const struct xml_node *hplmn = xml_first(n, r->ns, "HPLMN");
        u->plmn = hplmn != NULL ? xmlr_opt_attr(r, hplmn, "PLMN") : NULL;
        u->apn_mcptt = path_text(r, hplmn, "service", "MCPTT-to-con-ref");
        u->apn_core = path_text(r, hplmn, "service", "MC-common-core-to-con-ref");
        u->apn_id = path_text(r, hplmn, "service", "MC-ID-to-con-ref");
        read_servers(r, xmlr_node(r, n, "App-Server-Info"), u);
        u->group_creation_xui = xmlr_opt_text(r, n, "group-creation-XUI");
        u->gms_xcap_root = xmlr_opt_text(r, n, "GMS-XCAP-root-URI");
        u->cms_xcap_root = xmlr_opt_text(r, n, "CMS-XCAP-root-URI");
        u->integrity_protection = xmlr_bool_or(r, n, "integrity-protection-enabled", false);
        u->confidentiality_protection = xmlr_bool_or(r, n, "confidentiality-protection-enabled", false);
}

static void read_ue_init(struct xmlr *r, const struct xml_node *root, struct mcx_ue_init *u)
{
        if (!xml_is(root, MCX_UE_INIT_NS, ROOT)) {
                xmlr_fail(r, E_SYNTAX, root, xml_name(root), "is the root instead of " ROOT);
                return;
        }
        u->domain = xmlr_opt_attr(r, root, "domain");
        u->xui_uri = xmlr_opt_attr(r, root, "XUI-URI");
        u->name = xmlr_opt_text(r, root, "name");
        u->instance_id_urn = path_text(r, root, "mcptt-UE-id", "Instance-ID-URN");
        read_default_user(r, xmlr_opt_node(r, root, "Default-user-profile"), u);
        read_on_network(r, xmlr_node(r, root, "on-network"), u);
        struct xmlr ext = *r;
        ext.ns = MCX_UE_CONFIG_EXT_NS;
        u->pcscf = xmlr_texts(&ext, xmlr_opt_node(&ext, root, "ue-config"), "p-cscf", PCSCF_MAX, &u->pcscf_n);
        r->e = ext.e;
}

enum ecode mcx_ue_init_parse(void *mem, struct bytes xml, struct mcx_ue_init **ret, struct err *er)
{
        struct mcx_ue_init *u = talloc_zero(mem, struct mcx_ue_init);
        struct xml *x = NULL;
        enum ecode e = u == NULL ? err_set(er, E_NOMEM, NULL, "UE configuration") : xml_parse(u, xml, NULL, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = u, .ns = MCX_UE_INIT_NS, .er = er };
                read_ue_init(&r, xml_root(x), u);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(u);
        else
                *ret = u;
        return e;
}

static const char *or_default(const char *s, const char *absent)
{
        return s != NULL ? s : absent;
}

/* Seconds; fixed, as nothing in Muster depends on them yet the document has to carry them. */
static void write_timers(struct xmlw *w)
{
        static const char *const names[] = { "T100", "T101", "T103", "T104", "T132" };
        xmlw_start(w, "Timers");
        for (size_t i = 0; i < COUNT(names); i++)
                xmlw_leaf_i64(w, names[i], 5);
        xmlw_end(w);
}

static void write_hplmn(struct xmlw *w, const struct mcx_ue_init *u)
{
        xmlw_start(w, "HPLMN");
        xmlw_attr(w, "PLMN", or_default(u->plmn, "001001"));
        xmlw_start(w, "service");
        xmlw_leaf(w, "MCPTT-to-con-ref", or_default(u->apn_mcptt, "mcptt"));
        xmlw_leaf(w, "MC-common-core-to-con-ref", or_default(u->apn_core, "mc-core"));
        xmlw_leaf(w, "MC-ID-to-con-ref", or_default(u->apn_id, "mc-id"));
        xmlw_end(w);
        xmlw_end(w);
}

static void write_servers(struct xmlw *w, const struct mcx_ue_init *u)
{
        xmlw_start(w, "App-Server-Info");
        xmlw_leaf(w, "idms-auth-endpoint", u->idms_auth_endpoint);
        xmlw_leaf(w, "idms-token-endpoint", u->idms_token_endpoint);
        xmlw_leaf(w, "http-proxy", u->http_proxy);
        xmlw_leaf(w, "gms", u->gms);
        xmlw_leaf(w, "cms", u->cms);
        xmlw_leaf(w, "kms", u->kms);
        xmlw_start(w, "tls-tunnel-auth-method");
        xmlw_leaf_bool(w, "mutual-authentication", u->mutual_tls);
        xmlw_end(w);
        xmlw_end(w);
}

static void write_on_network(struct xmlw *w, const struct mcx_ue_init *u)
{
        xmlw_start(w, "on-network");
        write_timers(w);
        write_hplmn(w, u);
        write_servers(w, u);
        xmlw_leaf(w, "GMS-URI", u->gms);
        xmlw_leaf(w, "group-creation-XUI", or_default(u->group_creation_xui, u->gms));
        xmlw_leaf(w, "GMS-XCAP-root-URI", u->gms_xcap_root);
        xmlw_leaf(w, "CMS-XCAP-root-URI", u->cms_xcap_root);
        xmlw_leaf_bool(w, "integrity-protection-enabled", u->integrity_protection);
        xmlw_leaf_bool(w, "confidentiality-protection-enabled", u->confidentiality_protection);
        xmlw_end(w);
}

static void write_extension(struct xmlw *w, const struct mcx_ue_init *u)
{
        if (u->pcscf_n == 0)
                return;
        xmlw_start(w, "ue-config");
        xmlw_attr(w, "xmlns", MCX_UE_CONFIG_EXT_NS);
        for (size_t i = 0; i < u->pcscf_n; i++)
                xmlw_leaf(w, "p-cscf", u->pcscf[i]);
        xmlw_end(w);
}

enum ecode mcx_ue_init_print(void *mem, const struct mcx_ue_init *u, struct bytes *ret, struct err *er)
{
        const char *const mandatory[] = { u->domain, u->idms_auth_endpoint, u->idms_token_endpoint, u->gms, u->cms,
                                          u->kms,    u->gms_xcap_root,      u->cms_xcap_root };
        for (size_t i = 0; i < COUNT(mandatory); i++)
                if (mandatory[i] == NULL)
                        return err_set(er, E_MISSING, NULL, "value %zu of the UE initial configuration", i);
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        xmlw_start(&w, ROOT);
        xmlw_attr(&w, "xmlns", MCX_UE_INIT_NS);
        xmlw_attr(&w, "domain", u->domain);
        xmlw_attr(&w, "XUI-URI", u->xui_uri);
        xmlw_leaf(&w, "name", u->name);
        if (u->instance_id_urn != NULL) {
                xmlw_start(&w, "mcptt-UE-id");
                xmlw_leaf(&w, "Instance-ID-URN", u->instance_id_urn);
                xmlw_end(&w);
        }
        if (u->default_user != NULL) {
                xmlw_start(&w, "Default-user-profile");
                xmlw_attr(&w, "User-ID", u->default_user);
                xmlw_attr_i64(&w, "user-profile-index", u->default_profile_index);
                xmlw_end(&w);
        }
        write_on_network(&w, u);
        write_extension(&w, u);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
