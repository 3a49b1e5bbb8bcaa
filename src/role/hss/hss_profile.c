#include "role/hss/hss_priv.h"

#include <talloc.h>

#define PER_SERVER 2u /* criteria for each application server */

/* The methods that MC clients send to a public service identity of the server. */
static const char *const psi_methods[] = { "PUBLISH", "SUBSCRIBE", "MESSAGE", "INVITE", "REFER", "OPTIONS", "INFO" };

#define MC_SERVICE ".*3gpp-service\\.ims\\.icsi\\.mc(ptt|video|data).*"

static struct ifc_spt *spt(struct ifc *f, unsigned group, enum ifc_spt_kind kind)
{
        struct ifc_spt *s = f->spts != NULL ? &f->spts[f->spts_n] : NULL;
        unsigned *g = s != NULL ? talloc(f->spts, unsigned) : NULL;
        if (g == NULL)
                return NULL;
        *g = group;
        *s = (struct ifc_spt){ .groups = g, .groups_n = 1, .kind = kind };
        f->spts_n++;
        return s;
}

static bool start(void *mem, struct ifc *f, const struct hss_conf *conf, size_t server, int64_t priority, size_t spts)
{
        *f = (struct ifc){ .priority = priority, .has_trigger = true, .cnf = true, .part = IFC_PART_BOTH };
        f->spts = talloc_zero_array(mem, struct ifc_spt, (unsigned)spts);
        f->as.server_name = talloc_strdup(mem, conf->as.item[server]);
        f->as.default_handling =
                !strcmp(conf->as_failure, "terminated") ? IFC_SESSION_TERMINATED : IFC_SESSION_CONTINUED;
        return f->spts != NULL && f->as.server_name != NULL;
}

static bool has_word(const struct conf_list *list, const char *word)
{
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->item[i], word) == 0)
                        return true;
        return false;
}

/* Every REGISTER, whatever its Contact says: a log-off without the MC feature tags has to reach the server too. */
static bool third_party_register(void *mem, struct ifc *f, const struct hss_conf *conf, size_t server)
{
        if (!start(mem, f, conf, server, 10 + 20 * (int64_t)server, 1))
                return false;
        f->as.include_register_request = has_word(&conf->as_parts, "request");
        f->as.include_register_response = has_word(&conf->as_parts, "response");
        if (*conf->as_info != 0 && (f->as.service_info = talloc_strdup(mem, conf->as_info)) == NULL)
                return false;
        struct ifc_spt *s = spt(f, 0, IFC_SPT_METHOD);
        if (s == NULL)
                return false;
        s->name = talloc_strdup(mem, "REGISTER");
        s->reg_types = IFC_REG_INITIAL | IFC_REG_RE | IFC_REG_DE;
        return s->name != NULL;
}

/* One of the methods, and an MC service asserted, and originated by a registered user. */
static bool psi_routing(void *mem, struct ifc *f, const struct hss_conf *conf, size_t server)
{
        bool ok = start(mem, f, conf, server, 20 + 20 * (int64_t)server, COUNT(psi_methods) + 2);
        for (size_t i = 0; ok && i < COUNT(psi_methods); i++) {
                struct ifc_spt *s = spt(f, 0, IFC_SPT_METHOD);
                ok = s != NULL && (s->name = talloc_strdup(mem, psi_methods[i])) != NULL;
        }
        struct ifc_spt *header = ok ? spt(f, 1, IFC_SPT_HEADER) : NULL;
        struct ifc_spt *origin = ok ? spt(f, 2, IFC_SPT_CASE) : NULL;
        if (header == NULL || origin == NULL)
                return false;
        header->name = talloc_strdup(mem, "P-Asserted-Service");
        header->content = talloc_strdup(mem, MC_SERVICE);
        origin->session_case = IFC_ORIGINATING_REGISTERED;
        return header->name != NULL && header->content != NULL;
}

enum ecode hss_criteria(void *mem, const struct hss_conf *conf, struct ifc **ret, size_t *ret_n, struct err *er)
{
        size_t n = conf->as.n * PER_SERVER;
        struct ifc *f = talloc_zero_array(mem, struct ifc, (unsigned)(n ? n : 1));
        bool ok = f != NULL;
        for (size_t i = 0; ok && i < conf->as.n; i++)
                ok = third_party_register(f, &f[i * PER_SERVER], conf, i) &&
                     psi_routing(f, &f[i * PER_SERVER + 1], conf, i);
        if (!ok) {
                talloc_free(f);
                return err_set(er, E_NOMEM, NULL, "service profile");
        }
        *ret = f;
        *ret_n = n;
        return E_OK;
}

/* R-SA-17: the order of the identities is that of the implicit set, the default one first. */
enum ecode hss_profile(const struct hss *h, void *mem, const struct hss_subscription *s, const char **ret,
                       struct err *er)
{
        struct ims_identity *ids = talloc_zero_array(mem, struct ims_identity, (unsigned)s->impus_n);
        struct bytes xml = { 0 };
        if (ids == NULL)
                return err_set(er, E_NOMEM, NULL, "service profile");
        for (size_t i = 0; i < s->impus_n; i++) {
                ids[i].uri = (char *)(uintptr_t)s->impus[i].uri; /* the printer changes nothing */
                ids[i].barred = s->impus[i].barred;
        }
        struct ims_profile p = { ids, s->impus_n, h->ifcs, h->ifcs_n };
        struct ims_subscription sub = { (char *)(uintptr_t)s->impi, &p, 1 };
        enum ecode e = ims_subscription_print(mem, &sub, &xml, er);
        if (e != E_OK)
                return e;
        const char *text = bytes_to_str(mem, xml);
        if (text == NULL)
                return err_set(er, E_NOMEM, NULL, "service profile");
        *ret = text;
        return E_OK;
}
