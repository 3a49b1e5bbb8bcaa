#include <talloc.h>

#include "proto/ifc/ifc.h"
#include "proto/ifc/ifc_pattern.h"
#include "proto/xml/xml_read.h"

#define PROFILES_MAX   32u
#define IDENTITIES_MAX 256u
#define IFCS_MAX       64u
#define SPTS_MAX       64u
#define GROUPS_MAX     16u

static int64_t read_range(struct xmlr *r, const struct xml_node *n, const char *name, int64_t absent, int64_t most)
{
        int64_t v = xmlr_i64_or(r, n, name, absent);
        if (v < 0 || v > most)
                xmlr_fail(r, E_RANGE, n, name, "is out of its range");
        return v;
}

static void check_pattern(struct xmlr *r, const char *pattern, enum ifc_match_kind kind)
{
        regex_t re;
        if (r->e != E_OK || pattern == NULL)
                return;
        r->e = ifc_pattern_compile(pattern, kind, &re, r->er);
        if (r->e == E_OK)
                regfree(&re);
}

static void read_uri(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        s->kind = IFC_SPT_URI;
        s->name = xmlr_text(r, n, "RequestURI");
        check_pattern(r, s->name, IFC_MATCH_CONTENT);
}

static void read_method(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        s->kind = IFC_SPT_METHOD;
        s->name = xmlr_text(r, n, "Method");
        const struct xml_node *ext = xmlr_opt_node(r, n, "Extension");
        size_t types_n;
        char **types = xmlr_texts(r, ext, "RegistrationType", 16, &types_n);
        for (size_t i = 0; i < types_n && r->e == E_OK; i++) {
                int64_t v;
                if (xml_parse_i64(types[i], &v) != E_OK || v < 0 || v > 2)
                        xmlr_fail(r, E_RANGE, ext, "RegistrationType", "is not 0, 1 or 2");
                else
                        s->reg_types |= 1u << v;
        }
}

static void read_header(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        const struct xml_node *h = xmlr_node(r, n, "SIPHeader");
        s->kind = IFC_SPT_HEADER;
        s->name = xmlr_text(r, h, "Header");
        s->content = xmlr_opt_text(r, h, "Content");
        check_pattern(r, s->name, IFC_MATCH_NAME);
        check_pattern(r, s->content, IFC_MATCH_CONTENT);
}

static void read_case(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        s->kind = IFC_SPT_CASE;
        s->session_case = (enum ifc_session_case)read_range(r, n, "SessionCase", 0, 3);
}

static void read_sdp(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        const struct xml_node *d = xmlr_node(r, n, "SessionDescription");
        s->kind = IFC_SPT_SDP;
        s->name = xmlr_text(r, d, "Line");
        s->content = xmlr_opt_text(r, d, "Content");
        check_pattern(r, s->name, IFC_MATCH_NAME);
        check_pattern(r, s->content, IFC_MATCH_CONTENT);
}

static const struct {
        const char *element;
        void (*read)(struct xmlr *, const struct xml_node *, struct ifc_spt *);
} spt_kinds[] = {
        { "RequestURI", read_uri },   { "Method", read_method },          { "SIPHeader", read_header },
        { "SessionCase", read_case }, { "SessionDescription", read_sdp },
};

static void read_groups(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        size_t texts_n;
        char **texts = xmlr_texts(r, n, "Group", GROUPS_MAX, &texts_n);
        if (r->e == E_OK && texts_n == 0)
                xmlr_fail(r, E_MISSING, n, "Group", "is missing");
        s->groups = talloc_zero_array(r->mem, unsigned, (unsigned)texts_n);
        for (size_t i = 0; i < texts_n && r->e == E_OK; i++) {
                int64_t v;
                if (s->groups == NULL)
                        xmlr_fail(r, E_NOMEM, n, "Group", "does not fit into memory");
                else if (xml_parse_i64(texts[i], &v) != E_OK || v < 0 || v > INT32_MAX)
                        xmlr_fail(r, E_RANGE, n, "Group", "is no group number");
                else
                        s->groups[s->groups_n++] = (unsigned)v;
        }
}

static void read_spt(struct xmlr *r, const struct xml_node *n, struct ifc_spt *s)
{
        unsigned kinds = 0;
        s->negated = xmlr_bool_or(r, n, "ConditionNegated", false);
        read_groups(r, n, s);
        for (size_t i = 0; i < COUNT(spt_kinds); i++) {
                if (xmlr_opt_node(r, n, spt_kinds[i].element) == NULL)
                        continue;
                kinds++;
                spt_kinds[i].read(r, n, s);
        }
        if (kinds != 1)
                xmlr_fail(r, E_SYNTAX, n, "SPT", "has not exactly one condition");
}

static void read_trigger(struct xmlr *r, const struct xml_node *n, struct ifc *f)
{
        f->has_trigger = true;
        f->cnf = xmlr_bool_or(r, xmlr_node(r, n, "ConditionTypeCNF") != NULL ? n : NULL, "ConditionTypeCNF", false);
        f->spts = xmlr_array(r, n, "SPT", sizeof *f->spts, SPTS_MAX, &f->spts_n);
        if (r->e == E_OK && f->spts_n == 0)
                xmlr_fail(r, E_MISSING, n, "SPT", "is missing");
        size_t i = 0;
        for (const struct xml_node *c = xml_first(n, NULL, "SPT"); i < f->spts_n; c = xml_next(c, NULL, "SPT"), i++)
                read_spt(r, c, &f->spts[i]);
}

static void read_as(struct xmlr *r, const struct xml_node *n, struct ifc_as *as)
{
        as->server_name = xmlr_text(r, n, "ServerName");
        as->default_handling = (enum ifc_handling)read_range(r, n, "DefaultHandling", 0, 1);
        as->service_info = xmlr_opt_text(r, n, "ServiceInfo");
        const struct xml_node *ext = xmlr_opt_node(r, n, "Extension");
        as->include_register_request = xmlr_opt_node(r, ext, "IncludeRegisterRequest") != NULL;
        as->include_register_response = xmlr_opt_node(r, ext, "IncludeRegisterResponse") != NULL;
}

static void read_ifc(struct xmlr *r, const struct xml_node *n, struct ifc *f)
{
        f->priority = xmlr_i64(r, n, "Priority");
        const struct xml_node *trigger = xmlr_opt_node(r, n, "TriggerPoint");
        if (trigger != NULL)
                read_trigger(r, trigger, f);
        read_as(r, xmlr_node(r, n, "ApplicationServer"), &f->as);
        f->part = (enum ifc_part)read_range(r, n, "ProfilePartIndicator", IFC_PART_BOTH, IFC_PART_BOTH);
}

static void read_profile(struct xmlr *r, const struct xml_node *n, struct ims_profile *p)
{
        size_t i = 0;
        p->identities = xmlr_array(r, n, "PublicIdentity", sizeof *p->identities, IDENTITIES_MAX, &p->identities_n);
        if (r->e == E_OK && p->identities_n == 0)
                xmlr_fail(r, E_MISSING, n, "PublicIdentity", "is missing");
        for (const struct xml_node *c = xml_first(n, NULL, "PublicIdentity"); i < p->identities_n;
             c = xml_next(c, NULL, "PublicIdentity"), i++) {
                p->identities[i].uri = xmlr_text(r, c, "Identity");
                p->identities[i].barred = xmlr_bool_or(r, c, "BarringIndication", false);
        }
        i = 0;
        p->ifcs = xmlr_array(r, n, "InitialFilterCriteria", sizeof *p->ifcs, IFCS_MAX, &p->ifcs_n);
        for (const struct xml_node *c = xml_first(n, NULL, "InitialFilterCriteria"); i < p->ifcs_n;
             c = xml_next(c, NULL, "InitialFilterCriteria"), i++)
                read_ifc(r, c, &p->ifcs[i]);
}

static void read_subscription(struct xmlr *r, const struct xml_node *n, struct ims_subscription *s)
{
        if (!xml_is(n, NULL, "IMSSubscription")) {
                xmlr_fail(r, E_SYNTAX, n, xml_name(n), "is the root instead of IMSSubscription");
                return;
        }
        s->private_id = xmlr_text(r, n, "PrivateID");
        s->profiles = xmlr_array(r, n, "ServiceProfile", sizeof *s->profiles, PROFILES_MAX, &s->profiles_n);
        if (r->e == E_OK && s->profiles_n == 0)
                xmlr_fail(r, E_MISSING, n, "ServiceProfile", "is missing");
        size_t i = 0;
        for (const struct xml_node *c = xml_first(n, NULL, "ServiceProfile"); i < s->profiles_n;
             c = xml_next(c, NULL, "ServiceProfile"), i++)
                read_profile(r, c, &s->profiles[i]);
}

enum ecode ims_subscription_parse(void *mem, struct bytes xml, struct ims_subscription **ret, struct err *er)
{
        struct ims_subscription *s = talloc_zero(mem, struct ims_subscription);
        struct xml *x = NULL;
        enum ecode e = s == NULL ? err_set(er, E_NOMEM, NULL, "IMSSubscription") : xml_parse(s, xml, NULL, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = s, .req = "R-SA-33", .er = er };
                read_subscription(&r, xml_root(x), s);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(s);
        else
                *ret = s;
        return e;
}

const struct ims_profile *ims_profile_of(const struct ims_subscription *s, const char *public_identity)
{
        for (size_t i = 0; i < s->profiles_n; i++)
                for (size_t k = 0; k < s->profiles[i].identities_n; k++)
                        if (strcmp(s->profiles[i].identities[k].uri, public_identity) == 0)
                                return &s->profiles[i];
        return NULL;
}
