#include "role/pcscf/pcscf.h"

#include "base/json.h"
#include "role/common/sip_peer.h"

#include <stdlib.h>
#include <talloc.h>
#include "base/hash.h"

struct pcscf_entry {
        struct pcscf_ue *ue;
        UT_hash_handle hh_id, hh_where;
};

static const struct conf_item conf_items[] = {
        CONF_LISTEN(struct pcscf_conf, gm_listen, "{net}.6:5060",
                    "Gm, for UEs: SIP over UDP and TCP, over TLS on the next port.", "TS 24.229 clause 5.2"),
        CONF_LISTEN(struct pcscf_conf, mw_listen, "{net}.6:5070",
                    "Mw, for the core: SIP over TCP, over TLS on the next port.", "TS 24.229 clause 5.2"),
        CONF_STRING(struct pcscf_conf, icscf, "sip:{net}.7:5061;transport=tls", "Entrance of the home network.",
                    "TS 24.229 clause 5.2.2"),
        CONF_LIST(struct pcscf_conf, trusted_names, "scscf.{ims_domain} icscf.{ims_domain}",
                  "Certificate names of the core elements that are believed on Mw.", "R-SA-24"),
        CONF_LIST(struct pcscf_conf, trusted_addresses, "",
                  "IP addresses that are believed without a certificate; only for a core that has no TLS inside.",
                  NULL),
        CONF_BOOL(struct pcscf_conf, aka_without_protection, "no",
                  "Let UEs register without TLS or IPsec underneath: for laboratories.", "TS 33.203 clause 7.2"),
        CONF_CHOICE(struct pcscf_conf, sec_agree, "off", "off require",
                    "Whether a UE has to negotiate the security mechanism (Require: sec-agree).", "R-SA-22"),
        CONF_SECONDS(struct pcscf_conf, timeout, "25", 1, 60, "How long the core may take to answer.", NULL),
        CONF_END
};

char *pcscf_where(void *mem, const struct sip_peer *from)
{
        if (from->flow != 0)
                return talloc_asprintf(mem, "%s/%llu", sip_proto_param(from->proto), (unsigned long long)from->flow);
        return talloc_asprintf(mem, "%s/%s:%u", sip_proto_param(from->proto), from->ip, from->port);
}

static char **texts_copy(void *mem, char *const *text, size_t n)
{
        char **copy = talloc_zero_array(mem, char *, n + 1);
        for (size_t i = 0; copy != NULL && i < n; i++)
                copy[i] = talloc_strdup(copy, text[i]);
        return copy;
}

static struct pcscf_ue *ue_copy(void *mem, const struct pcscf_ue *ue)
{
        struct pcscf_ue *c = talloc_zero(mem, struct pcscf_ue);
        if (c == NULL)
                return NULL;
        *c = *ue;
        c->id = talloc_strdup(c, ue->id);
        c->where = talloc_strdup(c, ue->where);
        c->contact = talloc_strdup(c, ue->contact);
        c->impus = texts_copy(c, ue->impus, ue->impus_n);
        c->service_route = texts_copy(c, ue->service_route, ue->service_route_n);
        return c;
}

bool pcscf_ue_by_where(struct pcscf *p, void *mem, const char *where, struct pcscf_ue **ret)
{
        struct pcscf_entry *e = NULL;
        pthread_mutex_lock(&p->lock);
        HASH_FIND(hh_where, p->by_where, where, strlen(where), e);
        *ret = e != NULL && e->ue->expires_at > clock_now(p->env->clock) ? ue_copy(mem, e->ue) : NULL;
        pthread_mutex_unlock(&p->lock);
        return *ret != NULL;
}

bool pcscf_ue_by_id(struct pcscf *p, void *mem, const char *id, struct pcscf_ue **ret)
{
        struct pcscf_entry *e = NULL;
        pthread_mutex_lock(&p->lock);
        HASH_FIND(hh_id, p->by_id, id, strlen(id), e);
        *ret = e != NULL ? ue_copy(mem, e->ue) : NULL;
        pthread_mutex_unlock(&p->lock);
        return *ret != NULL;
}

static void entry_drop(struct pcscf *p, struct pcscf_entry *e)
{
        HASH_DELETE(hh_id, p->by_id, e);
        HASH_DELETE(hh_where, p->by_where, e);
        talloc_free(e->ue);
        free(e);
}

static enum ecode keep(struct pcscf *p, const struct pcscf_ue *ue, struct err *er)
{
        struct store_kv *kv = p->env->store;
        if (ue->at.flow != 0)
                return E_OK; /* a connection does not outlive the process: the UE registers anew */
        json_t *o = json_pack("{s:s,s:s,s:i,s:s,s:I,s:o,s:o}", "id", ue->id, "ip", ue->at.ip, "port", ue->at.port,
                              "contact", ue->contact, "expires_at", (json_int_t)ue->expires_at, "impus",
                              texts_json(ue->impus, ue->impus_n), "service_route",
                              texts_json(ue->service_route, ue->service_route_n));
        char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
        enum ecode e = text ? kv->put(kv, ue->where, bytes_str(text), er) : err_set(er, E_NOMEM, NULL, "UE");
        free(text);
        json_decref(o);
        return e;
}

/* With the lock; takes ue. */
static enum ecode table_add(struct pcscf *p, struct pcscf_ue *ue)
{
        struct pcscf_entry *e = NULL;
        HASH_FIND(hh_where, p->by_where, ue->where, strlen(ue->where), e);
        if (e != NULL)
                entry_drop(p, e);
        HASH_FIND(hh_id, p->by_id, ue->id, strlen(ue->id), e);
        if (e != NULL)
                entry_drop(p, e);
        e = calloc(1, sizeof *e);
        if (e == NULL) {
                talloc_free(ue);
                return E_NOMEM;
        }
        e->ue = talloc_steal(p, ue);
        HASH_ADD_KEYPTR(hh_id, p->by_id, ue->id, strlen(ue->id), e);
        HASH_ADD_KEYPTR(hh_where, p->by_where, ue->where, strlen(ue->where), e);
        return E_OK;
}

enum ecode pcscf_ue_put(struct pcscf *p, const struct pcscf_ue *ue, struct err *er)
{
        enum ecode e = keep(p, ue, er);
        struct pcscf_ue *c = e == E_OK ? ue_copy(NULL, ue) : NULL; /* p is others' too */
        if (c == NULL)
                return e != E_OK ? e : err_set(er, E_NOMEM, NULL, "UE");
        pthread_mutex_lock(&p->lock);
        e = table_add(p, c);
        pthread_mutex_unlock(&p->lock);
        return e;
}

void pcscf_ue_drop(struct pcscf *p, const char *where)
{
        struct store_kv *kv = p->env->store;
        struct pcscf_entry *e = NULL;
        bool kept = false;
        pthread_mutex_lock(&p->lock);
        HASH_FIND(hh_where, p->by_where, where, strlen(where), e);
        if (e != NULL) {
                kept = e->ue->at.flow == 0;
                entry_drop(p, e);
        }
        pthread_mutex_unlock(&p->lock);
        if (kept)
                kv->del(kv, where, NULL);
}

static enum ecode restore_one(void *arg, const char *key, struct bytes value)
{
        struct pcscf *p = arg;
        json_t *o = json_loadb((const char *)value.p, value.n, 0, NULL);
        const char *id = json_string_value(json_object_get(o, "id")), *ip = json_string_value(json_object_get(o, "ip"));
        const char *contact = json_string_value(json_object_get(o, "contact"));
        struct pcscf_ue *ue = id && ip && contact ? talloc_zero(NULL, struct pcscf_ue) : NULL;
        if (ue != NULL) {
                ue->id = talloc_strdup(ue, id);
                ue->where = talloc_strdup(ue, key);
                ue->contact = talloc_strdup(ue, contact);
                ue->at = (struct sip_target){ .proto = SIP_UDP,
                                              .listener = "gm",
                                              .port = (uint16_t)json_integer_value(json_object_get(o, "port")) };
                snprintf(ue->at.ip, sizeof ue->at.ip, "%s", ip);
                ue->expires_at = json_integer_value(json_object_get(o, "expires_at"));
                ue->impus = json_texts(ue, json_object_get(o, "impus"), &ue->impus_n);
                ue->service_route = json_texts(ue, json_object_get(o, "service_route"), &ue->service_route_n);
        }
        if (ue != NULL && ue->impus != NULL && ue->service_route != NULL)
                table_add(p, ue);
        else
                talloc_free(ue);
        json_decref(o);
        return E_OK;
}

static int pcscf_free(struct pcscf *p)
{
        struct pcscf_entry *e, *next;
        HASH_ITER(hh_id, p->by_id, e, next)
        entry_drop(p, e);
        pthread_mutex_destroy(&p->lock);
        return 0;
}

static enum ecode pcscf_start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct pcscf *p = talloc_zero(mem, struct pcscf);
        if (p == NULL)
                return err_set(er, E_NOMEM, NULL, "pcscf");
        p->env = env;
        p->conf = conf;
        pthread_mutex_init(&p->lock, NULL);
        talloc_set_destructor(p, pcscf_free);
        struct store_kv *kv = env->store;
        enum ecode e = kv->each(kv, restore_one, p, er);
        if (e == E_OK)
                *ret = p;
        return e;
}

static void pcscf_tick(void *self)
{
        struct pcscf *p = self;
        int64_t now = clock_now(p->env->clock);
        void *mem = talloc_new(NULL);
        struct pcscf_entry *e, *next;
        pthread_mutex_lock(&p->lock);
        char **gone = talloc_zero_array(mem, char *, HASH_CNT(hh_id, p->by_id) + 1);
        size_t n = 0;
        HASH_ITER(hh_id, p->by_id, e, next)
        {
                if (gone != NULL && e->ue->expires_at <= now)
                        gone[n++] = talloc_strdup(mem, e->ue->where);
        }
        pthread_mutex_unlock(&p->lock);
        for (size_t i = 0; i < n; i++)
                pcscf_ue_drop(p, gone[i]);
        talloc_free(mem);
}

static void pcscf_stats(void *self, json_t *into)
{
        struct pcscf *p = self;
        pthread_mutex_lock(&p->lock);
        json_object_set_new(into, "registered_ues", json_integer((json_int_t)HASH_CNT(hh_id, p->by_id)));
        json_object_set_new(into, "registers", json_integer((json_int_t)p->registers));
        json_object_set_new(into, "refused", json_integer((json_int_t)p->refused));
        pthread_mutex_unlock(&p->lock);
}

static void pcscf_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        if (sip_method_is(rq, "REGISTER"))
                pcscf_on_register(role, tx, rq, from);
        else
                pcscf_on_request(role, tx, rq, from);
}

static const struct role_listener listeners[] = {
        { "gm", LISTEN_SIP, offsetof(struct pcscf_conf, gm_listen), NULL, 1u << SIP_UDP | 1u << SIP_TCP | 1u << SIP_TLS,
          false },
        { "mw", LISTEN_SIP, offsetof(struct pcscf_conf, mw_listen), NULL, 1u << SIP_TCP | 1u << SIP_TLS, true },
        { 0 },
};
static const struct admin_cmd admin[] = { { 0 } };

const struct role role_pcscf = {
        .name = "pcscf",
        .title = "proxy call session control function",
        .needs = NEED_STORE,
        .conf = conf_items,
        .conf_size = sizeof(struct pcscf_conf),
        .listeners = listeners,
        .admin = admin,
        .on_sip = pcscf_on_sip,
        .start = pcscf_start,
        .tick = pcscf_tick,
        .stats = pcscf_stats,
};
