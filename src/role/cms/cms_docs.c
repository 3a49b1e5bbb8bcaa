/* Rows to documents. Profiles and group documents come from the same membership, so that they cannot differ. */
#include "role/cms/cms_priv.h"

#include "proto/xml/xml.h"

#include <talloc.h>

#define UE_CONFIG_NS      "urn:3gpp:mcptt:mcpttUEConfig:1.0"
#define SERVICE_CONFIG_NS "urn:3gpp:ns:mcpttServiceConfig:1.0"

/* The structs of proto/mcx hold texts that may be changed; printing does not. */
static char *text(const char *s)
{
        return (char *)(uintptr_t)s;
}

enum ecode cms_print_ue_init(struct cms *c, void *mem, const char *ue_id, struct bytes *ret, struct err *er)
{
        const struct cms_conf *conf = c->conf;
        struct mcx_ue_init d = { .domain = text(c->env->site->mc_domain),
                                 .instance_id_urn = strncmp(ue_id, "urn:", 4) == 0 ? text(ue_id) : NULL,
                                 .idms_auth_endpoint = text(conf->authorization_endpoint),
                                 .idms_token_endpoint = text(conf->token_endpoint),
                                 .http_proxy = *conf->http_proxy != 0 ? text(conf->http_proxy) : NULL,
                                 .gms = text(conf->gms_psi),
                                 .cms = text(conf->cms_psi),
                                 .kms = text(conf->kms_url),
                                 .gms_xcap_root = text(conf->xcap_root),
                                 .cms_xcap_root = text(conf->xcap_root),
                                 .integrity_protection = conf->integrity_protection,
                                 .confidentiality_protection = conf->confidentiality_protection,
                                 .pcscf = talloc_array(mem, char *, conf->pcscf.n + 1),
                                 .pcscf_n = conf->pcscf.n };
        if (d.pcscf == NULL)
                return err_set(er, E_NOMEM, NULL, "document");
        for (size_t i = 0; i < conf->pcscf.n; i++)
                d.pcscf[i] = text(conf->pcscf.item[i]);
        return mcx_ue_init_print(mem, &d, ret, er);
}

static const struct {
        const char *word;
        size_t offset;
} allows[] = {
#define X(field, element) { #field, offsetof(struct mcx_allow, field) },
        MCX_ALLOWS(X)
#undef X
};

static bool *allow_field(struct mcx_allow *a, struct bytes word)
{
        for (size_t i = 0; i < COUNT(allows); i++)
                if (bytes_eq_str(word, allows[i].word))
                        return (bool *)((char *)a + allows[i].offset);
        return NULL;
}

enum ecode cms_allow_check(const char *words, struct err *er)
{
        struct mcx_allow a;
        struct bytes word;
        for (size_t at = 0; scope_next(words, &at, &word);)
                if (allow_field(&a, word) == NULL)
                        return err_set(er, E_SYNTAX, "R-SA-113", "no such permission in a user profile: %.*s",
                                       (int)(word.n < 60 ? word.n : 60), (const char *)word.p);
        return E_OK;
}

enum ecode cms_print_profile(struct cms *c, void *mem, enum mcx_service s, const struct cms_user *u, struct bytes *ret,
                             struct err *er)
{
        struct cms_group *groups;
        struct bytes word;
        size_t n;
        enum ecode e = c->store->groups_of(c->store, mem, u->mc_id, &groups, &n, er);
        if (e != E_OK)
                return e;
        struct mcx_profile p = { .service = s,
                                 .user_uri = text(u->id[s]),
                                 .index = u->profile_index,
                                 .name = text(u->name),
                                 .enabled = u->enabled,
                                 .pre_selected = true, /* the one profile of this user: R-SA-119 */
                                 .user_id = { text(u->id[s]), text(u->name) },
                                 .organisation = text(u->organisation),
                                 .participant_type = text(u->participant_type),
                                 .priority = u->priority,
                                 .groups = talloc_zero_array(mem, struct mcx_entry, n + 1),
                                 .groups_n = n,
                                 .max_affiliations = u->max_affiliations,
                                 .max_calls = u->max_calls,
                                 .gms_id = text(c->conf->gms_psi),
                                 .idms_token_endpoint = text(c->conf->token_endpoint),
                                 .kms_uri = text(c->conf->kms_uri) };
        if (p.groups == NULL)
                return err_set(er, E_NOMEM, NULL, "document");
        for (size_t i = 0; i < n; i++)
                p.groups[i] = (struct mcx_entry){ text(groups[i].uri), text(groups[i].display_name) };
        for (size_t at = 0; scope_next(u->allow, &at, &word);) {
                bool *field = allow_field(&p.allow, word);
                if (field != NULL)
                        *field = true;
        }
        return mcx_profile_print(mem, &p, ret, er);
}

/* TS 24.484 clause 8.2, as far as clients read it. */
enum ecode cms_print_ue_config(struct cms *c, void *mem, const struct cms_user *u, struct bytes *ret, struct err *er)
{
        struct cms_group *groups;
        size_t n;
        enum ecode e = c->store->groups_of(c->store, mem, u->mc_id, &groups, &n, er);
        if (e != E_OK)
                return e;
        struct xmlw w = xmlw_on(mem);
        int64_t calls = u->max_calls != 0 ? u->max_calls : 1;
        xmlw_start(&w, "mcptt-UE-configuration");
        xmlw_attr(&w, "xmlns", UE_CONFIG_NS);
        xmlw_attr(&w, "domain", c->env->site->mc_domain);
        xmlw_attr(&w, "XUI-URI", u->id[MCX_PTT]);
        xmlw_leaf(&w, "name", u->name);
        xmlw_start(&w, "common");
        xmlw_start(&w, "private-call");
        xmlw_leaf_i64(&w, "Max-Simul-Call-N10", calls);
        xmlw_end(&w);
        xmlw_start(&w, "MCPTT-Group-Call");
        xmlw_leaf_i64(&w, "Max-Simul-Call-N4", calls);
        xmlw_leaf_i64(&w, "Max-Simul-Trans-N5", 1);
        xmlw_start(&w, "Prioritized-MCPTT-Group");
        for (size_t i = 0; i < n; i++) {
                xmlw_start(&w, "MCPTT-Group-Priority");
                xmlw_leaf(&w, "MCPTT-Group-ID", groups[i].uri);
                xmlw_leaf_i64(&w, "group-priority-hierarchy", groups[i].priority);
                xmlw_end(&w);
        }
        xmlw_end(&w);
        xmlw_end(&w);
        xmlw_end(&w);
        xmlw_start(&w, "on-network");
        xmlw_leaf_bool(&w, "IPv6Preferred", false);
        xmlw_leaf_bool(&w, "Relay-Service", false);
        xmlw_end(&w);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

static void resource_priority(struct xmlw *w, const char *name, int64_t priority)
{
        xmlw_start(w, name);
        xmlw_leaf(w, "resource-priority-namespace", "mcpttp"); /* RFC 8101 */
        xmlw_leaf_i64(w, "resource-priority-priority", priority);
        xmlw_end(w);
}

/* TS 24.484 clause 8.4: what is the same for everybody in the domain. */
enum ecode cms_print_service_config(struct cms *c, void *mem, struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "service-configuration-info");
        xmlw_attr(&w, "xmlns", SERVICE_CONFIG_NS);
        xmlw_start(&w, "service-configuration-params");
        xmlw_attr(&w, "domain", c->env->site->mc_domain);
        xmlw_start(&w, "common");
        xmlw_start(&w, "broadcast-group");
        xmlw_leaf_i64(&w, "num-levels-group-hierarchy", 1);
        xmlw_leaf_i64(&w, "num-levels-user-hierarchy", 1);
        xmlw_end(&w);
        xmlw_end(&w);
        xmlw_start(&w, "on-network");
        xmlw_start(&w, "signalling-protection");
        xmlw_leaf_bool(&w, "confidentiality-protection", c->conf->confidentiality_protection);
        xmlw_leaf_bool(&w, "integrity-protection", c->conf->integrity_protection);
        xmlw_end(&w);
        resource_priority(&w, "emergency-resource-priority", 15);
        resource_priority(&w, "imminent-peril-resource-priority", 8);
        resource_priority(&w, "normal-resource-priority", 0);
        xmlw_end(&w);
        xmlw_end(&w);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

/* One entry per identity: an operator may use one value for all services of a user. */
static size_t add_member(struct mcx_member *list, size_t n, const struct cms_user *u)
{
        size_t first = n;
        for (unsigned s = 0; s < CMS_SERVICES; s++) {
                bool known = false;
                for (size_t i = first; u->id[s] != NULL && i < n; i++)
                        known |= strcmp(list[i].uri, u->id[s]) == 0;
                if (u->id[s] != NULL && !known)
                        list[n++] = (struct mcx_member){ .uri = text(u->id[s]),
                                                         .display_name = text(u->name),
                                                         .participant_type = text(u->participant_type),
                                                         .priority = u->priority,
                                                         .on_network_required = true };
        }
        return n;
}

enum ecode cms_print_group(struct cms *c, void *mem, const struct cms_group *g, const struct cms_user *members,
                           size_t n, struct bytes *ret, struct err *er)
{
        (void)c;
        struct mcx_group d = { .uri = text(g->uri),
                               .display_name = text(g->display_name),
                               .members = talloc_zero_array(mem, struct mcx_member, n * CMS_SERVICES + 1),
                               .max_participants = g->max_participants,
                               .priority = g->priority,
                               .invite_members = g->invite_members,
                               .allow_emergency_call = g->allow_emergency_call };
        if (d.members == NULL)
                return err_set(er, E_NOMEM, NULL, "document");
        for (size_t i = 0; i < n; i++)
                d.members_n = add_member(d.members, d.members_n, &members[i]);
        return mcx_group_print(mem, &d, ret, er);
}
