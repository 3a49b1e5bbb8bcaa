#include "proto/mcx/mcx_profile.h"

#include <talloc.h>

#include "proto/mcx/mcx_internal.h"
#include "proto/mcx/mcx_profile_rows.h"
#include "proto/xml/xml_read.h"

const struct mcx_profile_row mcx_profile_rows[MCX_SERVICES] = {
        [MCX_PTT] = { "mcptt-user-profile", "urn:3gpp:mcptt:user-profile:1.0",
                      "application/vnd.3gpp.mcptt-user-profile+xml", "org.3gpp.mcptt.user-profile", "MCPTTUserID",
                      "MCPTTGroupInfo", "MCPTT-group-call", "MCPTTGroupInitiation" },
        [MCX_VIDEO] = { "mcvideo-user-profile", "urn:3gpp:mcvideo:user-profile:1.0",
                        "application/vnd.3gpp.mcvideo-user-profile+xml", "org.3gpp.mcvideo.user-profile",
                        "MCVideoUserID", "MCVideoGroupInfo", "MCVideo-group-call", "MCVideoGroupInitiation" },
        [MCX_DATA] = { "mcdata-user-profile", "urn:3gpp:mcdata:user-profile:1.0",
                       "application/vnd.3gpp.mcdata-user-profile+xml", "org.3gpp.mcdata.user-profile", "MCDataUserID",
                       "MCDataGroupInfo", "MCData-group-call", "MCDataGroupInitiation" },
};

const char *mcx_profile_media_type(enum mcx_service s)
{
        return mcx_profile_rows[s].media_type;
}

const char *mcx_profile_auid(enum mcx_service s)
{
        return mcx_profile_rows[s].auid;
}

const char *mcx_profile_ns(enum mcx_service s)
{
        return mcx_profile_rows[s].ns;
}

static void read_entry(struct xmlr *r, const struct xml_node *n, struct mcx_entry *ret)
{
        ret->uri = xmlr_text(r, n, "uri-entry");
        ret->display_name = xmlr_opt_text(r, n, "display-name");
}

static void read_common(struct xmlr *r, const struct xml_node *n, struct mcx_profile *p)
{
        const struct mcx_profile_row *row = &mcx_profile_rows[p->service];
        const struct xml_node *id = xmlr_opt_node(r, n, row->user_id);
        if (id != NULL)
                read_entry(r, id, &p->user_id);
        p->organisation = xmlr_opt_text(r, n, "MissionCriticalOrganization");
        p->participant_type = xmlr_opt_text(r, n, "ParticipantType");
        const struct xml_node *call = xmlr_opt_node(r, n, row->group_call);
        p->max_calls = xmlr_i64_or(r, call, "MaxSimultaneousCallsN6", 0);
        p->priority = xmlr_i64_or(r, call, "Priority", 0);
}

static void read_groups(struct xmlr *r, const struct xml_node *info, struct mcx_profile *p)
{
        p->groups = xmlr_array(r, info, "entry", sizeof *p->groups, MCX_PROFILE_GROUPS_MAX, &p->groups_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(info, r->ns, "entry"); i < p->groups_n;
             c = xml_next(c, r->ns, "entry"), i++)
                read_entry(r, c, &p->groups[i]);
}

static void read_implicit(struct xmlr *r, const struct xml_node *list, struct mcx_profile *p)
{
        p->implicit_affiliations = xmlr_array(r, list, "entry", sizeof *p->implicit_affiliations,
                                              MCX_PROFILE_GROUPS_MAX, &p->implicit_affiliations_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(list, r->ns, "entry"); i < p->implicit_affiliations_n;
             c = xml_next(c, r->ns, "entry"), i++)
                p->implicit_affiliations[i] = xmlr_text(r, c, "uri-entry");
}

static void read_on_network(struct xmlr *r, const struct xml_node *n, struct mcx_profile *p)
{
        read_groups(r, xmlr_opt_node(r, n, mcx_profile_rows[p->service].group_info), p);
        read_implicit(r, xmlr_opt_node(r, n, "ImplicitAffiliations"), p);
        p->max_affiliations = xmlr_i64_or(r, n, "MaxAffiliationsN2", 0);
        const struct xml_node *any = xmlr_opt_node(r, n, "anyExt");
        p->gms_id = xmlr_opt_text(r, xml_path(any, r->ns, "GroupServerInfo/GMS-Serv-Id/entry"), "uri-entry");
        p->idms_token_endpoint =
                xmlr_opt_text(r, xml_path(any, r->ns, "GroupServerInfo/IDMS-token-endpoint/entry"), "uri-entry");
        p->kms_uri = xmlr_opt_text(r, xml_path(any, r->ns, "GroupServerInfo/KMS-URI/entry"), "uri-entry");
        p->max_authorizations = xmlr_i64_or(r, any, MCX_MAX_AUTHORIZATIONS, 0);
}

static void read_actions(struct xmlr *r, const struct xml_node *actions, struct mcx_allow *allow)
{
#define X(field, element) allow->field = xmlr_bool_or(r, actions, element, allow->field);
        MCX_ALLOWS(X)
#undef X
}

static void read_ruleset(struct xmlr *r, const struct xml_node *root, struct mcx_profile *p)
{
        const struct xml_node *set = xml_first(root, MCX_CP_NS, "ruleset");
        for (const struct xml_node *rule = xml_first(set, MCX_CP_NS, "rule"); rule != NULL && r->e == E_OK;
             rule = xml_next(rule, MCX_CP_NS, "rule"))
                read_actions(r, xml_first(rule, MCX_CP_NS, "actions"), &p->allow);
}

static void read_index(struct xmlr *r, const struct xml_node *root, struct mcx_profile *p)
{
        char *index = xmlr_attr(r, root, "user-profile-index");
        if (index != NULL && (xml_parse_i64(index, &p->index) != E_OK || p->index < 0 || p->index > 255))
                xmlr_fail(r, E_RANGE, root, "user-profile-index", "is not 0 to 255");
}

static void read_profile(struct xmlr *r, const struct xml_node *root, struct mcx_profile *p)
{
        for (unsigned s = 0; s < MCX_SERVICES && r->ns == NULL; s++) {
                if (xml_is(root, mcx_profile_rows[s].ns, mcx_profile_rows[s].root)) {
                        p->service = (enum mcx_service)s;
                        r->ns = mcx_profile_rows[s].ns;
                }
        }
        if (r->ns == NULL) {
                xmlr_fail(r, E_SYNTAX, root, xml_name(root), "is no root element of a user profile");
                return;
        }
        p->user_uri = xmlr_attr(r, root, "XUI-URI");
        read_index(r, root, p);
        p->name = xmlr_opt_text(r, root, "Name");
        p->enabled = xmlr_node(r, root, "Status") != NULL && xmlr_bool_or(r, root, "Status", false);
        p->profile_name = xmlr_opt_text(r, root, "ProfileName");
        p->pre_selected = xmlr_opt_node(r, root, "Pre-selected-indication") != NULL;
        read_common(r, xmlr_opt_node(r, root, "Common"), p);
        read_on_network(r, xml_first(root, r->ns, "OnNetwork"), p);
        read_ruleset(r, root, p);
}

enum ecode mcx_profile_parse(void *mem, struct bytes xml, struct mcx_profile **ret, struct err *er)
{
        static const struct xml_limits limits = { 2u << 20, XML_DEPTH_MAX, 200000 };
        struct mcx_profile *p = talloc_zero(mem, struct mcx_profile);
        struct xml *x = NULL;
        enum ecode e = p == NULL ? err_set(er, E_NOMEM, NULL, "user profile") : xml_parse(p, xml, &limits, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = p, .er = er };
                read_profile(&r, xml_root(x), p);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(p);
        else
                *ret = p;
        return e;
}
