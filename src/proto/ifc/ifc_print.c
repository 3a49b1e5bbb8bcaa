#include "proto/ifc/ifc.h"
#include "proto/xml/xml.h"

static void write_condition(struct xmlw *w, const struct ifc_spt *s)
{
        switch (s->kind) {
        case IFC_SPT_URI: xmlw_leaf(w, "RequestURI", s->name); break;
        case IFC_SPT_METHOD: xmlw_leaf(w, "Method", s->name); break;
        case IFC_SPT_CASE: xmlw_leaf_i64(w, "SessionCase", s->session_case); break;
        case IFC_SPT_HEADER:
                xmlw_start(w, "SIPHeader");
                xmlw_leaf(w, "Header", s->name);
                xmlw_leaf(w, "Content", s->content);
                xmlw_end(w);
                break;
        case IFC_SPT_SDP:
                xmlw_start(w, "SessionDescription");
                xmlw_leaf(w, "Line", s->name);
                xmlw_leaf(w, "Content", s->content);
                xmlw_end(w);
                break;
        }
}

static void write_spt(struct xmlw *w, const struct ifc_spt *s)
{
        xmlw_start(w, "SPT");
        xmlw_leaf_i64(w, "ConditionNegated", s->negated);
        for (size_t i = 0; i < s->groups_n; i++)
                xmlw_leaf_i64(w, "Group", s->groups[i]);
        write_condition(w, s);
        if (s->kind == IFC_SPT_METHOD && s->reg_types != 0) {
                xmlw_start(w, "Extension");
                for (int t = 0; t <= 2; t++)
                        if (s->reg_types & 1u << t)
                                xmlw_leaf_i64(w, "RegistrationType", t);
                xmlw_end(w);
        }
        xmlw_end(w);
}

static void write_as(struct xmlw *w, const struct ifc_as *as)
{
        xmlw_start(w, "ApplicationServer");
        xmlw_leaf(w, "ServerName", as->server_name);
        xmlw_leaf_i64(w, "DefaultHandling", as->default_handling);
        xmlw_leaf(w, "ServiceInfo", as->service_info);
        if (as->include_register_request || as->include_register_response) {
                xmlw_start(w, "Extension");
                if (as->include_register_request)
                        xmlw_empty(w, "IncludeRegisterRequest");
                if (as->include_register_response)
                        xmlw_empty(w, "IncludeRegisterResponse");
                xmlw_end(w);
        }
        xmlw_end(w);
}

static void write_ifc(struct xmlw *w, const struct ifc *f)
{
        xmlw_start(w, "InitialFilterCriteria");
        xmlw_leaf_i64(w, "Priority", f->priority);
        if (f->has_trigger) {
                xmlw_start(w, "TriggerPoint");
                xmlw_leaf_i64(w, "ConditionTypeCNF", f->cnf);
                for (size_t i = 0; i < f->spts_n; i++)
                        write_spt(w, &f->spts[i]);
                xmlw_end(w);
        }
        write_as(w, &f->as);
        if (f->part != IFC_PART_BOTH)
                xmlw_leaf_i64(w, "ProfilePartIndicator", f->part);
        xmlw_end(w);
}

static void write_profile(struct xmlw *w, const struct ims_profile *p)
{
        xmlw_start(w, "ServiceProfile");
        for (size_t i = 0; i < p->identities_n; i++) {
                xmlw_start(w, "PublicIdentity");
                xmlw_leaf_i64(w, "BarringIndication", p->identities[i].barred);
                xmlw_leaf(w, "Identity", p->identities[i].uri);
                xmlw_end(w);
        }
        for (size_t i = 0; i < p->ifcs_n; i++)
                write_ifc(w, &p->ifcs[i]);
        xmlw_end(w);
}

enum ecode ims_subscription_print(void *mem, const struct ims_subscription *s, struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "IMSSubscription");
        xmlw_leaf(&w, "PrivateID", s->private_id);
        for (size_t i = 0; i < s->profiles_n; i++)
                write_profile(&w, &s->profiles[i]);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
