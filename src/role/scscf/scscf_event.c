/* The event package "reg" (RFC 3680; TS 24.229 clauses 5.4.2.1.1 and 5.4.2.1.2): the user's UEs, its P-CSCF and its
 * application servers hear what becomes of a registration. A subscription belongs to the set it is about, is kept with
 * it and ends with it. */
#include "role/scscf/scscf.h"

#include "proto/reginfo/reginfo.h"
#include "role/common/sip_peer.h"

#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

#define SUB_DEFAULT_S 3761   /* RFC 3680 clause 4.4 */
#define SUB_MOST_S    600000 /* TS 24.229 clause 5.1.1.3 */
#define SUBS_MOST     32u    /* of one set: its UEs, their P-CSCFs, its application servers */
#define NOTIFY_MS     32000u

/* Finds its subscription again, which may be gone by then. */
struct notified {
        struct scscf *s;
        char *impu, *call_id, *tag;
};

/* A SUBSCRIBE on its way. */
struct ask {
        void *mem;
        struct sip_msg *rq;
        const char *who, *impu; /* asserted identity as a URI; whose registration */
        int64_t expires;
};

/* tag is ours, which no one else has given. */
static struct scscf_sub *sub_of(struct scscf_user *u, const char *call_id, const char *tag)
{
        for (size_t i = 0; i < u->subs_n; i++)
                if (strcmp(u->subs[i]->call_id, call_id) == 0 && strcmp(u->subs[i]->tag, tag) == 0)
                        return u->subs[i];
        return NULL;
}

static void sub_drop(struct scscf_user *u, struct scscf_sub *sub)
{
        for (size_t i = 0; i < u->subs_n; i++)
                if (u->subs[i] == sub) {
                        u->subs[i] = u->subs[--u->subs_n];
                        talloc_free(sub);
                        return;
                }
}

/* --- who may ask --- */

static bool same_host(void *mem, const char *addr, const char *host)
{
        struct sip_addr a = { 0 };
        enum ecode e =
                strchr(addr, '<') != NULL ? sip_addr_parse(mem, addr, &a, NULL) : sip_uri_parse(mem, addr, &a.u, NULL);
        return e == E_OK && a.u.host != NULL && strcasecmp(a.u.host, host) == 0;
}

/* TS 24.229 clause 5.4.2.1.1: identities of the set, the P-CSCFs in its Path, the servers of its filter criteria. */
static bool may_ask(void *mem, const struct scscf_user *u, const char *who)
{
        struct sip_uri w = { 0 };
        char *aor = sip_aor(mem, who);
        if (aor != NULL && reg_has_impu(u->reg, aor))
                return true;
        if (sip_uri_parse(mem, who, &w, NULL) != E_OK || w.user != NULL)
                return false; /* a user, and another one */
        for (size_t i = 0; i < u->reg->contacts_n; i++)
                for (size_t k = 0; k < u->reg->contacts[i]->path_n; k++)
                        if (same_host(mem, u->reg->contacts[i]->path[k], w.host))
                                return true;
        const struct ims_profile *p = ims_profile_of(u->data, scscf_user_key(u));
        for (size_t i = 0; p != NULL && i < p->ifcs_n; i++)
                if (same_host(mem, p->ifcs[i].as.server_name, w.host))
                        return true;
        return false;
}

/* --- NOTIFY --- */

static void on_notified(void *arg, struct sip_msg *rs, enum ecode why)
{
        struct notified *n = arg;
        int status = rs != NULL ? sip_status(rs) : 0;
        if (status >= 100 && status < 200)
                return;
        /* RFC 6665 clause 4.2.2: no answer, or one that says that nobody listens any more */
        bool gone = rs == NULL || status == 404 || status == 408 || status == 410 || status == 480 || status == 481 ||
                    status == 489;
        if (gone) {
                size_t turn = scscf_enter(n->s, n->impu, NULL);
                struct scscf_user *u = scscf_user_of(n->s, n->impu);
                struct scscf_sub *sub = u != NULL ? sub_of(u, n->call_id, n->tag) : NULL;
                if (sub != NULL) {
                        sub_drop(u, sub);
                        scscf_user_keep(n->s, u, NULL);
                        ev(n->s->env->log, EV_INFO, "subscription-lost", KV_INT("status", status),
                           KV_STR("cause", rs == NULL ? ecode_name(why) : NULL), KV_HASH("subject", n->impu));
                }
                scscf_leave(n->s, turn);
        }
        talloc_free(n);
}

static bool is_bound(const struct scscf_user *u, const char *uri)
{
        for (size_t i = 0; i < u->reg->contacts_n; i++)
                if (strcmp(u->reg->contacts[i]->uri, uri) == 0)
                        return true;
        return false;
}

/* The contacts as they are, and those which were shown before and went through `ended`. */
static struct reginfo_contact *contacts_of(struct scscf *s, void *mem, const struct scscf_user *u, bool all_gone,
                                           enum reginfo_event ended, size_t *n)
{
        int64_t now = clock_now(s->env->clock);
        struct reginfo_contact *c =
                talloc_zero_array(mem, struct reginfo_contact, (unsigned)(u->reg->contacts_n + u->shown_n + 1));
        *n = 0;
        for (size_t i = 0; c != NULL && i < u->reg->contacts_n; i++)
                c[(*n)++] = (struct reginfo_contact){ u->reg->contacts[i]->uri, all_gone ? ended : REGINFO_REGISTERED,
                                                      u->reg->contacts[i]->expires_at - now };
        for (size_t i = 0; c != NULL && i < u->shown_n; i++)
                if (!is_bound(u, u->shown[i]))
                        c[(*n)++] = (struct reginfo_contact){ u->shown[i], ended, -1 };
        return c;
}

static enum ecode document(struct scscf *s, void *mem, const struct scscf_user *u, uint32_t version, bool all_gone,
                           enum reginfo_event ended, struct bytes *ret)
{
        size_t n = 0;
        struct reginfo_contact *c = contacts_of(s, mem, u, all_gone, ended, &n);
        struct reginfo_aor *aors = talloc_zero_array(mem, struct reginfo_aor, (unsigned)u->reg->impus_n + 1);
        if (c == NULL || aors == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < u->reg->impus_n; i++)
                aors[i] = (struct reginfo_aor){ u->reg->impus[i], c, n };
        return reginfo_print(mem, version, aors, u->reg->impus_n, ret, NULL);
}

static struct sip_msg *notify_message(struct scscf *s, void *mem, struct scscf_sub *sub, const char *state,
                                      struct bytes body)
{
        char *me = sip_own_uri(mem, s->env->sip, "mw", SIP_TLS, NULL, false);
        struct sip_msg *rq = me == NULL ? NULL
                                        : sip_request_new(NULL, &(struct sip_request_in){ .method = "NOTIFY",
                                                                                          .uri = sub->target,
                                                                                          .from = sub->local,
                                                                                          .to = sub->remote,
                                                                                          .call_id = sub->call_id,
                                                                                          .cseq = ++sub->cseq });
        if (rq == NULL)
                return NULL;
        for (size_t i = 0; i < sub->routes_n; i++)
                sip_hdr_add(rq, "Route", "%s", sub->routes[i]);
        sip_hdr_add(rq, "Contact", "<%s>", me);
        sip_hdr_add(rq, "Event", "reg");
        sip_hdr_add(rq, "Subscription-State", "%s", state);
        sip_set_body(rq, REGINFO_TYPE, body);
        return rq;
}

/* state: "active", "terminated;reason=..." */
static void notify_one(struct scscf *s, const struct scscf_user *u, struct scscf_sub *sub, const char *over,
                       bool all_gone, enum reginfo_event ended)
{
        void *mem = talloc_new(NULL);
        struct bytes body = { 0 };
        struct sip_target to;
        struct err er = { 0 };
        int64_t left = sub->expires_at - clock_now(s->env->clock);
        const char *state =
                over != NULL ? over : talloc_asprintf(mem, "active;expires=%lld", (long long)(left > 0 ? left : 0));
        enum ecode e = document(s, mem, u, sub->version, all_gone, ended, &body);
        if (e == E_OK)
                e = sip_target_of(sub->routes_n > 0 ? sub->routes[0] : sub->target, &to, &er);
        struct sip_msg *rq = e == E_OK ? notify_message(s, mem, sub, state, body) : NULL;
        struct notified *n = rq != NULL ? talloc_zero(NULL, struct notified) : NULL;
        if (n != NULL) {
                sub->version++;
                *n = (struct notified){ s, talloc_strdup(n, scscf_user_key(u)), talloc_strdup(n, sub->call_id),
                                        talloc_strdup(n, sub->tag) };
                e = s->env->sip->send(s->env->sip, rq, &to, NOTIFY_MS, on_notified, n);
                if (e != E_OK)
                        talloc_free(n);
        } else {
                talloc_free(rq);
        }
        if (n == NULL || e != E_OK)
                ev(s->env->log, EV_WARN, "notify-failed", KV_STR("cause", ecode_name(e != E_OK ? e : E_NOMEM)),
                   KV_STR("text", er.text), KV_HASH("subject", scscf_user_key(u)));
        talloc_free(mem);
}

static void remember_shown(struct scscf_user *u)
{
        talloc_free(u->shown);
        u->shown_n = 0;
        u->shown = talloc_zero_array(u, char *, (unsigned)u->reg->contacts_n + 1);
        for (size_t i = 0; u->shown != NULL && i < u->reg->contacts_n; i++)
                u->shown_n += (u->shown[i] = talloc_strdup(u->shown, u->reg->contacts[i]->uri)) != NULL;
}

void scscf_notify(struct scscf *s, struct scscf_user *u, bool all_gone, enum reginfo_event ended)
{
        if (u->subs_n == 0)
                return;
        bool over = all_gone || u->reg->contacts_n == 0;
        for (size_t i = 0; i < u->subs_n; i++)
                notify_one(s, u, u->subs[i], over ? "terminated;reason=noresource" : NULL, all_gone, ended);
        remember_shown(u);
        if (!over)
                scscf_user_keep(s, u, NULL); /* CSeq and version go on after a restart */
}

bool scscf_subs_due(const struct scscf_user *u, int64_t now)
{
        for (size_t i = 0; i < u->subs_n; i++)
                if (u->subs[i]->expires_at <= now)
                        return true;
        return false;
}

void scscf_subs_expire(struct scscf *s, struct scscf_user *u, int64_t now)
{
        if (!scscf_subs_due(u, now))
                return;
        for (size_t i = u->subs_n; i-- > 0;)
                if (u->subs[i]->expires_at <= now) {
                        notify_one(s, u, u->subs[i], "terminated;reason=timeout", false, REGINFO_EXPIRED);
                        sub_drop(u, u->subs[i]);
                }
        scscf_user_keep(s, u, NULL);
}

/* --- SUBSCRIBE --- */

static struct scscf_sub *sub_new(struct scscf *s, struct scscf_user *u, const struct ask *a)
{
        struct scscf_sub **list = talloc_realloc(u, u->subs, struct scscf_sub *, (unsigned)u->subs_n + 1);
        struct scscf_sub *sub = list != NULL ? talloc_zero(u, struct scscf_sub) : NULL;
        if (list != NULL)
                u->subs = list;
        if (sub == NULL)
                return NULL;
        char *tag = rng_hex(s->env->rng, sub, 8);
        size_t n = sip_hdr_count(a->rq, "Record-Route");
        sub->local = tag != NULL ? talloc_asprintf(sub, "%s;tag=%s", sip_hdr(a->rq, "To"), tag) : NULL;
        sub->tag = tag;
        sub->remote = talloc_strdup(sub, sip_hdr(a->rq, "From"));
        sub->call_id = talloc_strdup(sub, sip_call_id(a->rq));
        sub->routes = talloc_zero_array(sub, char *, (unsigned)n + 1);
        for (size_t i = 0; sub->routes != NULL && i < n; i++) /* RFC 3261 clause 12.1.1: in their order */
                sub->routes[sub->routes_n++] = talloc_strdup(sub, sip_hdr_at(a->rq, "Record-Route", i));
        if (sub->local == NULL || sub->remote == NULL || sub->call_id == NULL || sub->routes == NULL) {
                talloc_free(sub);
                return NULL;
        }
        u->subs[u->subs_n++] = sub;
        return sub;
}

static enum ecode find_or_make(struct scscf *s, struct scscf_user *u, const struct ask *a, struct scscf_sub **ret,
                               struct err *er)
{
        struct sip_addr contact;
        const char *tag = sip_to_tag(a->rq);
        struct scscf_sub *sub = tag != NULL ? sub_of(u, sip_call_id(a->rq), tag) : NULL;
        if (tag != NULL && sub == NULL)
                return err_set(er, E_NO_DIALOG, "R-SA-27", "no such subscription");
        if (sub != NULL && sip_cseq(a->rq) <= sub->remote_cseq)
                return err_set(er, E_CONFLICT, "R-SA-27", "CSeq %u was overtaken", sip_cseq(a->rq));
        enum ecode e = sip_addr_of(a->mem, a->rq, "Contact", 0, &contact, er);
        if (e != E_OK)
                return e;
        if (sub == NULL && u->subs_n >= SUBS_MOST)
                return err_set(er, E_LIMIT, "R-SA-27", "this registration has %u subscriptions", SUBS_MOST);
        if (sub == NULL)
                sub = sub_new(s, u, a);
        if (sub == NULL)
                return err_set(er, E_NOMEM, NULL, "subscription");
        talloc_free(sub->target);
        sub->target = talloc_strdup(sub, contact.uri);
        sub->remote_cseq = sip_cseq(a->rq);
        sub->expires_at = clock_now(s->env->clock) + a->expires;
        *ret = sub;
        return sub->target != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "subscription");
}

static struct sip_msg *answer_ok(struct scscf *s, const struct ask *a, const struct scscf_sub *sub)
{
        struct sip_msg *rs = sip_response_new(NULL, a->rq, 200, NULL);
        char *me = rs != NULL ? sip_own_uri(rs, s->env->sip, "mw", SIP_TLS, NULL, false) : NULL;
        if (me == NULL) {
                talloc_free(rs);
                return NULL;
        }
        if (sip_to_tag(rs) == NULL)
                sip_set_to_tag(rs, sub->tag);
        sip_hdr_set(rs, "Expires", "%lld", (long long)a->expires);
        sip_hdr_add(rs, "Contact", "<%s>", me);
        return rs;
}

/* With the set entered, so that nothing is told before this and nothing lost after it. */
static enum ecode subscribe(struct scscf *s, struct sip_tx *tx, const struct ask *a, struct err *er)
{
        struct scscf_user *u = scscf_user_of(s, a->impu);
        struct scscf_sub *sub = NULL;
        if (u == NULL || u->reg->contacts_n == 0)
                return err_set(er, sip_to_tag(a->rq) != NULL ? E_NO_DIALOG : E_NOT_FOUND, "R-SA-27",
                               "nobody is registered under %s", a->impu);
        if (!may_ask(a->mem, u, a->who))
                return err_set(er, E_FORBIDDEN, "R-SA-27", "neither the user's UE, nor its P-CSCF, nor its server");
        enum ecode e = find_or_make(s, u, a, &sub, er);
        if (e != E_OK)
                return e;
        struct sip_msg *rs = answer_ok(s, a, sub);
        if (rs == NULL)
                return err_set(er, E_NOMEM, NULL, "answer");
        if (u->shown == NULL)
                remember_shown(u);
        scscf_reply(s, tx, rs);
        notify_one(s, u, sub, a->expires == 0 ? "terminated;reason=timeout" : NULL, false, REGINFO_UNREGISTERED);
        if (a->expires == 0)
                sub_drop(u, sub);
        scscf_user_keep(s, u, NULL);
        return E_OK;
}

static bool for_this_server(struct scscf *s, void *mem, const char *uri)
{
        struct sip_uri u;
        struct sip_target me;
        if (sip_uri_parse(mem, uri, &u, NULL) != E_OK || u.user != NULL)
                return false;
        for (int p = SIP_TCP; p <= SIP_TLS; p++)
                if (s->env->sip->local(s->env->sip, "mw", (enum sip_proto)p, &me) == E_OK && u.port == me.port &&
                    strcmp(u.host, me.ip) == 0)
                        return true;
        return false;
}

/* Of an IMPU of ours; inside of a dialog the Request-URI is our Contact, and To still names the IMPU. */
static const char *asked_about(struct scscf *s, void *mem, struct sip_msg *rq)
{
        bool ours = for_this_server(s, mem, sip_ruri(rq));
        struct sip_uri u;
        const char *uri = ours ? sip_hdr(rq, "To") : sip_ruri(rq);
        char *impu = sip_impu(mem, uri);
        if (impu == NULL || sip_uri_parse(mem, impu, &u, NULL) != E_OK)
                return NULL;
        return ours || strcmp(u.scheme, "tel") == 0 || strcasecmp(u.host, s->env->site->ims_domain) == 0 ? impu : NULL;
}

bool scscf_on_subscribe(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq)
{
        if (!sip_method_is(rq, "SUBSCRIBE") || !sip_hdr_has(rq, "Event", "reg"))
                return false;
        void *mem = talloc_new(NULL);
        struct err er = { 0 };
        struct sip_addr pai;
        struct ask a = { .mem = mem, .rq = rq, .impu = asked_about(s, mem, rq), .expires = sip_expires(rq) };
        if (a.impu == NULL) {
                talloc_free(mem);
                return false;
        }
        a.expires = a.expires < 0 ? SUB_DEFAULT_S : a.expires > SUB_MOST_S ? SUB_MOST_S : a.expires;
        enum ecode e = E_OK;
        if (sip_addr_of(mem, rq, "P-Asserted-Identity", 0, &pai, NULL) != E_OK)
                e = err_set(&er, E_FORBIDDEN, "R-SA-27", "nobody is asserted to ask");
        if (e == E_OK) {
                a.who = pai.uri;
                size_t turn = scscf_enter(s, a.impu, NULL);
                e = subscribe(s, tx, &a, &er);
                scscf_leave(s, turn);
        }
        if (e == E_OK)
                ev(s->env->log, EV_INFO, "subscribed", KV_INT("expires", a.expires), KV_HASH("subject", a.impu));
        else
                scscf_refuse(s, tx, rq, "reg-event", &er);
        talloc_free(mem);
        return true;
}

/* --- what is kept --- */

json_t *scscf_subs_json(const struct scscf_user *u)
{
        json_t *a = json_array();
        for (size_t i = 0; i < u->subs_n; i++) {
                const struct scscf_sub *b = u->subs[i];
                json_t *routes = json_array();
                for (size_t k = 0; k < b->routes_n; k++)
                        json_array_append_new(routes, json_string(b->routes[k]));
                json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I}", "call_id", b->call_id,
                                                   "local", b->local, "tag", b->tag, "remote", b->remote, "target",
                                                   b->target, "routes", routes, "remote_cseq",
                                                   (json_int_t)b->remote_cseq, "cseq", (json_int_t)b->cseq, "version",
                                                   (json_int_t)b->version, "expires_at", (json_int_t)b->expires_at));
        }
        return a;
}

static char *text_of(void *mem, const json_t *o, const char *key)
{
        const char *text = json_string_value(json_object_get(o, key));
        return text != NULL ? talloc_strdup(mem, text) : NULL;
}

static struct scscf_sub *sub_from_json(void *mem, const json_t *o)
{
        struct scscf_sub *b = talloc_zero(mem, struct scscf_sub);
        const json_t *routes = json_object_get(o, "routes");
        if (b == NULL)
                return NULL;
        b->call_id = text_of(b, o, "call_id");
        b->local = text_of(b, o, "local");
        b->tag = text_of(b, o, "tag");
        b->remote = text_of(b, o, "remote");
        b->target = text_of(b, o, "target");
        b->routes = talloc_zero_array(b, char *, (unsigned)json_array_size(routes) + 1);
        for (size_t i = 0; b->routes != NULL && i < json_array_size(routes); i++)
                b->routes[b->routes_n++] = talloc_strdup(b, json_string_value(json_array_get(routes, i)));
        b->remote_cseq = (uint32_t)json_integer_value(json_object_get(o, "remote_cseq"));
        b->cseq = (uint32_t)json_integer_value(json_object_get(o, "cseq"));
        b->version = (uint32_t)json_integer_value(json_object_get(o, "version"));
        b->expires_at = json_integer_value(json_object_get(o, "expires_at"));
        if (b->call_id && b->local && b->tag && b->remote && b->target && b->routes)
                return b;
        talloc_free(b);
        return NULL;
}

void scscf_subs_from_json(struct scscf_user *u, const json_t *a)
{
        u->subs = talloc_zero_array(u, struct scscf_sub *, (unsigned)json_array_size(a) + 1);
        for (size_t i = 0; u->subs != NULL && i < json_array_size(a); i++)
                u->subs_n += (u->subs[u->subs_n] = sub_from_json(u, json_array_get(a, i))) != NULL;
        if (u->subs_n > 0)
                remember_shown(u);
}
