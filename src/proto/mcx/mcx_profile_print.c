#include <stdio.h>

#include "proto/mcx/mcx_profile_rows.h"
#include "proto/xml/xml.h"

static void write_entry(struct xmlw *w, const char *name, int64_t index, const char *uri, const char *display_name)
{
        xmlw_start(w, name);
        if (index > 0)
                xmlw_attr_i64(w, "index", index);
        xmlw_leaf(w, "uri-entry", uri);
        xmlw_leaf(w, "display-name", display_name);
        xmlw_end(w);
}

/* The group that an emergency of this user goes to: the one selected at that moment, else the first of the profile. */
static void write_emergency_entry(struct xmlw *w, const struct mcx_profile *p)
{
        xmlw_start(w, "entry");
        xmlw_attr(w, "entry-info", "UseCurrentlySelectedGroup");
        xmlw_leaf(w, "uri-entry", p->groups[0].uri);
        xmlw_end(w);
}

static void write_group_call(struct xmlw *w, const struct mcx_profile *p)
{
        static const char *const calls[] = { "EmergencyCall", "ImminentPerilCall" };
        const struct mcx_profile_row *row = &mcx_profile_rows[p->service];
        if (p->max_calls == 0 && p->priority == 0 && p->groups_n == 0)
                return;
        xmlw_start(w, row->group_call);
        if (p->max_calls > 0)
                xmlw_leaf_i64(w, "MaxSimultaneousCallsN6", p->max_calls);
        for (size_t i = 0; i < COUNT(calls) && p->groups_n > 0; i++) {
                xmlw_start(w, calls[i]);
                xmlw_start(w, row->group_initiation);
                write_emergency_entry(w, p);
                xmlw_end(w);
                xmlw_end(w);
        }
        if (p->groups_n > 0) {
                xmlw_start(w, "EmergencyAlert");
                write_emergency_entry(w, p);
                xmlw_end(w);
        }
        if (p->priority > 0)
                xmlw_leaf_i64(w, "Priority", p->priority);
        xmlw_end(w);
}

static void write_common(struct xmlw *w, const struct mcx_profile *p)
{
        xmlw_start(w, "Common");
        xmlw_attr(w, "index", "1");
        write_entry(w, mcx_profile_rows[p->service].user_id, 1, p->user_id.uri != NULL ? p->user_id.uri : p->user_uri,
                    p->user_id.display_name);
        write_group_call(w, p);
        xmlw_leaf(w, "MissionCriticalOrganization", p->organisation);
        xmlw_leaf(w, "ParticipantType", p->participant_type);
        xmlw_end(w);
}

static void write_server(struct xmlw *w, const char *name, const char *uri)
{
        if (uri == NULL)
                return;
        xmlw_start(w, name);
        write_entry(w, "entry", 0, uri, NULL);
        xmlw_end(w);
}

static void write_any(struct xmlw *w, const struct mcx_profile *p)
{
        bool servers = p->gms_id != NULL || p->idms_token_endpoint != NULL || p->kms_uri != NULL;
        if (!servers && p->max_authorizations == 0)
                return;
        xmlw_start(w, "anyExt");
        if (servers) {
                xmlw_start(w, "GroupServerInfo");
                write_server(w, "GMS-Serv-Id", p->gms_id);
                write_server(w, "IDMS-token-endpoint", p->idms_token_endpoint);
                write_server(w, "KMS-URI", p->kms_uri);
                xmlw_end(w);
        }
        if (p->max_authorizations > 0)
                xmlw_leaf_i64(w, MCX_MAX_AUTHORIZATIONS, p->max_authorizations);
        xmlw_end(w);
}

static void write_on_network(struct xmlw *w, const struct mcx_profile *p)
{
        xmlw_start(w, "OnNetwork");
        xmlw_attr(w, "index", "1");
        if (p->groups_n > 0)
                xmlw_start(w, mcx_profile_rows[p->service].group_info);
        for (size_t i = 0; i < p->groups_n; i++)
                write_entry(w, "entry", (int64_t)i + 1, p->groups[i].uri, p->groups[i].display_name);
        if (p->groups_n > 0)
                xmlw_end(w);
        if (p->max_affiliations > 0)
                xmlw_leaf_i64(w, "MaxAffiliationsN2", p->max_affiliations);
        if (p->implicit_affiliations_n > 0)
                xmlw_start(w, "ImplicitAffiliations");
        for (size_t i = 0; i < p->implicit_affiliations_n; i++)
                write_entry(w, "entry", (int64_t)i + 1, p->implicit_affiliations[i], NULL);
        if (p->implicit_affiliations_n > 0)
                xmlw_end(w);
        write_any(w, p);
        xmlw_end(w);
}

static void write_ruleset(struct xmlw *w, const struct mcx_profile *p)
{
        xmlw_start(w, "cp:ruleset");
        xmlw_start(w, "cp:rule");
        xmlw_attr(w, "id", "on-network-default");
        xmlw_start(w, "cp:actions");
#define X(field, element)                                                                                              \
        if (p->allow.field)                                                                                            \
                xmlw_leaf_bool(w, element, true);
        MCX_ALLOWS(X)
#undef X
        xmlw_end(w);
        xmlw_end(w);
        xmlw_end(w);
}

enum ecode mcx_profile_print(void *mem, const struct mcx_profile *p, struct bytes *ret, struct err *er)
{
        const struct mcx_profile_row *row = &mcx_profile_rows[p->service];
        char file[64];
        if (p->user_uri == NULL)
                return err_set(er, E_MISSING, NULL, "the user of a profile");
        if (p->index < 0 || p->index > 255)
                return err_set(er, E_RANGE, NULL, "user-profile-index is not 0 to 255");
        snprintf(file, sizeof file, "%s-%d.xml", row->root, (int)p->index);
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        xmlw_start(&w, row->root);
        xmlw_attr(&w, "xmlns", row->ns);
        xmlw_attr(&w, "xmlns:cp", MCX_CP_NS);
        xmlw_attr(&w, "XUI-URI", p->user_uri);
        xmlw_attr_i64(&w, "user-profile-index", p->index);
        xmlw_leaf(&w, "Name", p->name);
        xmlw_leaf_bool(&w, "Status", p->enabled);
        xmlw_leaf(&w, "ProfileName", p->profile_name != NULL ? p->profile_name : file);
        if (p->pre_selected)
                xmlw_empty(&w, "Pre-selected-indication");
        write_common(&w, p);
        write_on_network(&w, p);
        write_ruleset(&w, p);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
