#include "proto/mcx/mcx_group.h"

#include <talloc.h>

#include "proto/xml/xml_read.h"

#define NS_LIST  "urn:oma:xml:poc:list-service"
#define NS_RL    "urn:ietf:params:xml:ns:resource-lists"
#define NS_CP    "urn:ietf:params:xml:ns:common-policy"
#define NS_GROUP "urn:3gpp:ns:mcpttGroupInfo:1.0" /* 24.481 7.2.2 */

/* A reader whose children live in another namespace; its failure is carried back. */
static struct xmlr in_ns(const struct xmlr *r, const char *ns)
{
        struct xmlr other = *r;
        other.ns = ns;
        return other;
}

static void read_member(struct xmlr *r, const struct xml_node *n, struct mcx_member *m)
{
        m->uri = xmlr_attr(r, n, "uri");
        struct xmlr rl = in_ns(r, NS_RL);
        m->display_name = xmlr_opt_text(&rl, n, "display-name");
        struct xmlr gi = in_ns(&rl, NS_GROUP);
        m->participant_type = xmlr_opt_text(&gi, n, "participant-type");
        m->priority = xmlr_i64_or(&gi, n, "user-priority", 0);
        m->on_network_required = xmlr_opt_node(&gi, n, "on-network-required") != NULL;
        r->e = gi.e;
}

static void read_actions(struct xmlr *r, const struct xml_node *service, struct mcx_group *g)
{
        struct xmlr gi = in_ns(r, NS_GROUP);
        const struct xml_node *set = xml_first(service, NS_CP, "ruleset");
        for (const struct xml_node *rule = xml_first(set, NS_CP, "rule"); rule != NULL;
             rule = xml_next(rule, NS_CP, "rule"))
                g->allow_emergency_call =
                        xmlr_bool_or(&gi, xml_first(rule, NS_CP, "actions"), "on-network-allow-MCPTT-emergency-call",
                                     g->allow_emergency_call);
        r->e = gi.e;
}

static void read_group(struct xmlr *r, const struct xml_node *root, struct mcx_group *g)
{
        if (!xml_is(root, NS_LIST, "group"))
                xmlr_fail(r, E_SYNTAX, root, xml_name(root), "is the root instead of group");
        const struct xml_node *service = xmlr_node(r, root, "list-service");
        if (service == NULL)
                return;
        g->uri = xmlr_attr(r, service, "uri");
        g->display_name = xmlr_opt_text(r, service, "display-name");
        const struct xml_node *list = xmlr_opt_node(r, service, "list");
        g->members = xmlr_array(r, list, "entry", sizeof *g->members, MCX_GROUP_MEMBERS_MAX, &g->members_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(list, NS_LIST, "entry"); i < g->members_n;
             c = xml_next(c, NS_LIST, "entry"), i++)
                read_member(r, c, &g->members[i]);
        g->max_participants = xmlr_i64_or(r, service, "max-participant-count", 0);
        struct xmlr gi = in_ns(r, NS_GROUP);
        g->invite_members = xmlr_bool_or(&gi, service, "on-network-invite-members", false);
        g->priority = xmlr_i64_or(&gi, service, "on-network-group-priority", 0);
        r->e = gi.e;
        read_actions(r, service, g);
}

enum ecode mcx_group_parse(void *mem, struct bytes xml, struct mcx_group **ret, struct err *er)
{
        static const struct xml_limits limits = { 2u << 20, XML_DEPTH_MAX, 200000 };
        struct mcx_group *g = talloc_zero(mem, struct mcx_group);
        struct xml *x = NULL;
        enum ecode e = g == NULL ? err_set(er, E_NOMEM, NULL, "group document") : xml_parse(g, xml, &limits, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = g, .ns = NS_LIST, .er = er };
                read_group(&r, xml_root(x), g);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(g);
        else
                *ret = g;
        return e;
}

static void write_member(struct xmlw *w, const struct mcx_member *m)
{
        xmlw_start(w, "entry");
        xmlw_attr(w, "uri", m->uri);
        xmlw_leaf(w, "rl:display-name", m->display_name);
        if (m->on_network_required)
                xmlw_empty(w, "mcpttgi:on-network-required");
        if (m->priority > 0)
                xmlw_leaf_i64(w, "mcpttgi:user-priority", m->priority);
        xmlw_leaf(w, "mcpttgi:participant-type", m->participant_type);
        xmlw_end(w);
}

static void write_ruleset(struct xmlw *w, const struct mcx_group *g)
{
        xmlw_start(w, "cp:ruleset");
        xmlw_start(w, "cp:rule");
        xmlw_attr(w, "id", "members");
        xmlw_start(w, "cp:conditions");
        xmlw_empty(w, "is-list-member");
        xmlw_end(w);
        xmlw_start(w, "cp:actions");
        xmlw_leaf_bool(w, "join-handling", true);
        xmlw_leaf_bool(w, "mcpttgi:on-network-allow-MCPTT-emergency-call", g->allow_emergency_call);
        xmlw_end(w);
        xmlw_end(w);
        xmlw_end(w);
}

static void write_service(struct xmlw *w, const struct mcx_group *g)
{
        xmlw_start(w, "list-service");
        xmlw_attr(w, "uri", g->uri);
        xmlw_leaf(w, "display-name", g->display_name);
        xmlw_start(w, "list");
        for (size_t i = 0; i < g->members_n; i++)
                write_member(w, &g->members[i]);
        xmlw_end(w);
        if (g->max_participants > 0)
                xmlw_leaf_i64(w, "max-participant-count", g->max_participants);
        xmlw_leaf_bool(w, "mcpttgi:on-network-invite-members", g->invite_members);
        if (g->priority > 0)
                xmlw_leaf_i64(w, "mcpttgi:on-network-group-priority", g->priority);
        write_ruleset(w, g);
        xmlw_end(w);
}

enum ecode mcx_group_print(void *mem, const struct mcx_group *g, struct bytes *ret, struct err *er)
{
        bool complete = g->uri != NULL;
        for (size_t i = 0; i < g->members_n; i++)
                complete = complete && g->members[i].uri != NULL;
        if (!complete)
                return err_set(er, E_MISSING, NULL, "the URI of a group or of a member");
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        xmlw_start(&w, "group");
        xmlw_attr(&w, "xmlns", NS_LIST);
        xmlw_attr(&w, "xmlns:rl", NS_RL);
        xmlw_attr(&w, "xmlns:cp", NS_CP);
        xmlw_attr(&w, "xmlns:mcpttgi", NS_GROUP);
        write_service(&w, g);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

const struct mcx_member *mcx_group_member(const struct mcx_group *g, const char *uri)
{
        for (size_t i = 0; i < g->members_n; i++)
                if (strcmp(g->members[i].uri, uri) == 0)
                        return &g->members[i];
        return NULL;
}
