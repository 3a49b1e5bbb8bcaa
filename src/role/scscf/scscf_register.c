/* REGISTER at the S-CSCF: TS 24.229 clause 5.4.1. The turn is read, authenticated, admitted and answered; then the
 * application servers are told, which never delays the answer (R-SA-35). */
#include "role/scscf/scscf.h"

#include "role/common/sip_peer.h"

#include <stdio.h>
#include <talloc.h>

void scscf_reply(struct scscf *s, struct sip_tx *tx, struct sip_msg *rs)
{
        if (rs != NULL && s->env->sip->reply(s->env->sip, tx, rs) != E_OK)
                ev(s->env->log, EV_WARN, "reply-lost", KV_INT("status", sip_status(rs)));
}

void scscf_refuse(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const char *step, const struct err *er)
{
        pthread_mutex_lock(&s->lock);
        s->refused++;
        pthread_mutex_unlock(&s->lock);
        sip_refuse(s->env, SCSCF_FLOW, step, tx, rq, s->conf->expires_min, er);
}

/* TS 24.229 clause 5.4.1.2.1: without an Authorization header the private identity is the public one without "sip:". */
static const char *impi_of(struct scscf_turn *t)
{
        if (t->has_auth && t->auth.username != NULL && *t->auth.username != 0)
                return t->auth.username;
        return strncmp(t->impu, "sip:", 4) == 0 ? t->impu + 4 : t->impu;
}

static enum ecode read_auth(struct scscf_turn *t, struct err *er)
{
        const char *realm_of_ours = t->s->env->site->ims_domain;
        for (size_t i = 0; i < sip_hdr_count(t->rq, "Authorization"); i++) {
                struct sip_auth a;
                enum ecode e = sip_auth_parse(t->mem, sip_hdr_at(t->rq, "Authorization", i), &a, er);
                if (e != E_OK)
                        return e;
                if (a.scheme == NULL || strcasecmp(a.scheme, "Digest") != 0)
                        continue;
                t->auth = a;
                t->has_auth = true;
                if (a.realm != NULL && strcmp(a.realm, realm_of_ours) == 0)
                        break;
        }
        return E_OK;
}

/* ";a;b=c" without expires and q, as the UE wrote it. */
static char *params_text(void *mem, const char *value)
{
        const char *gt = value[0] == '<' || strchr(value, '<') ? strchr(value, '>') : NULL;
        const char *p = gt != NULL ? gt + 1 : strchr(value, ';');
        struct buf b = buf_on(mem);
        while (p != NULL && *p != 0) {
                const char *start = p;
                bool quoted = false;
                for (p += *p == ';'; *p != 0 && (quoted || *p != ';'); p++)
                        if (*p == '"')
                                quoted = !quoted;
                if (strncasecmp(start, ";expires=", 9) != 0)
                        buf_put(&b, bytes_of(start, (size_t)(p - start)));
        }
        char *s = buf_str(&b);
        return s != NULL ? s : talloc_strdup(mem, "");
}

static enum ecode read_contact(struct scscf_turn *t, size_t i, struct reg_ask_contact *c, struct err *er)
{
        struct sip_addr a;
        enum ecode e = sip_addr_of(t->mem, t->rq, "Contact", i, &a, er);
        if (e != E_OK)
                return e;
        int64_t header = sip_expires(t->rq);
        if (a.star) {
                if (header != 0)
                        return err_set(er, E_SYNTAX, "R-SA-20", "Contact: * goes with Expires: 0 alone");
                t->ask.star = true;
                return E_OK;
        }
        const char *own = sip_param(&a.params, "expires"), *instance = sip_param(&a.params, "+sip.instance");
        const char *reg_id = sip_param(&a.params, "reg-id");
        int64_t asked = own != NULL ? sip_delta_seconds(own) : -1;
        c->expires = asked >= 0 ? asked : header >= 0 ? header : t->s->conf->expires_default; /* R-SA-16 */
        c->uri = a.uri;
        c->params = params_text(t->mem, sip_hdr_at(t->rq, "Contact", i));
        c->instance = instance != NULL ? talloc_asprintf(t->mem, "%s%s%s", instance, reg_id ? ";reg-id=" : "",
                                                         reg_id ? reg_id : "")
                                       : NULL;
        return E_OK;
}

static enum ecode read_contacts(struct scscf_turn *t, struct err *er)
{
        size_t n = sip_hdr_count(t->rq, "Contact");
        struct reg_ask_contact *list = talloc_zero_array(t->mem, struct reg_ask_contact, n + 1);
        if (list == NULL)
                return err_set(er, E_NOMEM, NULL, "contacts");
        bool all_zero = n > 0;
        for (size_t i = 0; i < n; i++) {
                enum ecode e = read_contact(t, i, &list[i], er);
                if (e != E_OK)
                        return e;
                all_zero = all_zero && list[i].expires == 0;
        }
        if (t->ask.star && n != 1)
                return err_set(er, E_SYNTAX, "R-SA-20", "Contact: * stands alone");
        t->ends = t->ask.star || all_zero;
        t->ask.contacts = list;
        t->ask.contacts_n = t->ask.star ? 0 : n;
        return E_OK;
}

static enum ecode read_turn(struct scscf_turn *t, struct err *er)
{
        struct sip_addr to;
        enum ecode e = sip_addr_of(t->mem, t->rq, "To", 0, &to, er);
        if (e != E_OK)
                return e;
        t->impu = sip_impu(t->mem, to.uri);
        if (t->impu == NULL)
                return err_set(er, E_SYNTAX, "R-SA-38", "To holds no SIP or tel URI");
        struct sip_uri home;
        e = sip_uri_parse(t->mem, sip_ruri(t->rq), &home, er);
        if (e != E_OK)
                return e;
        if (strcasecmp(home.host, t->s->env->site->ims_domain) != 0)
                return err_set(er, E_NOT_FOUND, "R-SA-2", "REGISTER for the domain %s is not ours to answer",
                               home.host);
        e = read_auth(t, er);
        if (e == E_OK)
                e = read_contacts(t, er);
        t->impi = impi_of(t);
        t->ask.call_id = sip_call_id(t->rq);
        t->ask.cseq = sip_cseq(t->rq);
        t->ask.path_n = sip_hdr_count(t->rq, "Path");
        const char **path = talloc_zero_array(t->mem, const char *, t->ask.path_n + 1);
        for (size_t i = 0; path != NULL && i < t->ask.path_n; i++)
                path[i] = sip_hdr_at(t->rq, "Path", i);
        t->ask.path = path;
        return e;
}

static struct reg_limits limits_of(const struct scscf *s)
{
        return (struct reg_limits){ .least_s = s->conf->expires_min,
                                    .most_s = s->conf->expires_max,
                                    .contacts_most = 8 };
}

/* Under the lock: whether the set as it is now (NULL: there is none) lets this REGISTER in. */
static enum ecode check_turn(const struct scscf_turn *t, const struct scscf_user *u, struct err *er)
{
        struct reg_limits lim = limits_of(t->s);
        enum ecode e = reg_check(u ? u->reg : NULL, &t->ask, &lim, clock_now(t->s->env->clock), er);
        if (e == E_OK && u != NULL && strcmp(u->reg->impi, t->impi) != 0)
                e = err_set(er, E_FORBIDDEN, "R-SA-13",
                            "this public identity is registered by another private identity");
        return e;
}

static enum ecode precheck(struct scscf_turn *t, struct err *er)
{
        pthread_mutex_lock(&t->s->lock);
        enum ecode e = check_turn(t, scscf_user_of(t->s, t->impu), er);
        pthread_mutex_unlock(&t->s->lock);
        return e;
}

static enum ecode assign(struct scscf_turn *t, enum cx_assignment type, struct cx_saa *a, struct err *er)
{
        struct scscf *s = t->s;
        struct cx_sar q = { .impi = t->impi, .impu = t->impu, .server_name = s->conf->name, .type = type };
        enum ecode e = s->env->cx->sar(s->env->cx, t->mem, &q, a, er);
        if (e != E_OK)
                return e;
        if (a->result == CX_SUCCESS)
                return E_OK;
        if (a->result == CX_UNABLE_TO_COMPLY || a->result == CX_TOO_BUSY)
                return err_set(er, E_PEER_DOWN, NULL, "the HSS could not say: Diameter result %u", a->result);
        return err_set(er, E_FORBIDDEN, "R-SA-13", "the HSS refused the assignment: result %u", a->result);
}

/* The implicit set: the identities of the profile that are not barred, default first (R-SA-17, TS 29.228 annex B). */
static enum ecode user_from_profile(struct scscf_turn *t, const struct cx_saa *a, struct scscf_user **ret,
                                    struct err *er)
{
        struct scscf_user *u = talloc_zero(NULL, struct scscf_user);
        if (u == NULL || a->user_data == NULL) {
                talloc_free(u);
                return err_set(er, E_PEER_DOWN, NULL, "the HSS sent no user data");
        }
        u->user_data = talloc_strdup(u, a->user_data);
        enum ecode e = ims_subscription_parse(u, bytes_str(u->user_data), &u->data, er);
        const struct ims_profile *p = e == E_OK ? ims_profile_of(u->data, t->impu) : NULL;
        if (p == NULL) {
                talloc_free(u);
                return e != E_OK ? e : err_set(er, E_FORBIDDEN, "R-SA-13", "the user data do not hold this identity");
        }
        u->reg = talloc_zero(u, struct reg);
        u->reg->impi = talloc_strdup(u->reg, t->impi);
        u->reg->impus = talloc_zero_array(u->reg, char *, p->identities_n + 1);
        for (size_t i = 0; i < p->identities_n; i++)
                if (!p->identities[i].barred)
                        u->reg->impus[u->reg->impus_n++] = talloc_strdup(u->reg, p->identities[i].uri);
        if (!reg_has_impu(u->reg, t->impu)) {
                talloc_free(u);
                return err_set(er, E_FORBIDDEN, "R-SA-13", "this public identity is barred");
        }
        *ret = u;
        return E_OK;
}

static struct sip_msg *answer_ok(struct scscf_turn *t, const struct scscf_user *u)
{
        struct scscf *s = t->s;
        int64_t now = clock_now(s->env->clock);
        struct sip_msg *rs = sip_response_new(t->mem, t->rq, 200, NULL);
        char *orig = sip_own_uri(t->mem, s->env->sip, "mw", t->from->proto, "orig", true);
        if (rs == NULL || orig == NULL)
                return NULL;
        sip_hdr_copy(rs, "Path", t->rq, "Path");
        if (u != NULL && u->reg->contacts_n > 0) {
                sip_hdr_add(rs, "Service-Route", "<%s>", orig);
                for (size_t i = 0; i < u->reg->impus_n; i++)
                        sip_hdr_add(rs, "P-Associated-URI", "<%s>", u->reg->impus[i]);
        }
        for (size_t i = 0; u != NULL && i < u->reg->contacts_n; i++) {
                const struct reg_contact *c = u->reg->contacts[i];
                sip_hdr_add(rs, "Contact", "<%s>%s;expires=%lld", c->uri, c->params, (long long)(c->expires_at - now));
        }
        sip_hdr_set(rs, "Expires", "%lld", (long long)(u != NULL ? reg_longest(u->reg, now) : 0));
        if (t->has_auth && t->scheme == CHAL_DIGEST && t->rspauth.s[0] != 0 && t->auth.cnonce != NULL)
                sip_hdr_add(rs, "Authentication-Info", "qop=auth,rspauth=\"%s\",cnonce=\"%s\",nc=%s", t->rspauth.s,
                            t->auth.cnonce, t->auth.nc);
        return rs;
}

/* Keeps the texts that application servers may get with the third-party REGISTER: as received, as sent (R-SA-30). */
static void keep_texts(struct scscf_turn *t, struct scscf_user *u, const struct sip_msg *rs)
{
        struct bytes sent;
        talloc_free((void *)(uintptr_t)u->last_register.p);
        talloc_free((void *)(uintptr_t)u->last_response.p);
        u->last_register = bytes_copy(u, sip_msg_raw(t->rq));
        u->last_response = sip_msg_print(t->mem, rs, &sent) == E_OK ? bytes_copy(u, sent) : (struct bytes){ 0 };
}

/* The profile may have changed since: TS 29.228 clause 6.1.2. */
static void take_profile(struct scscf_user *u, struct scscf_user *fresh)
{
        talloc_free(u->user_data);
        talloc_free(u->data);
        u->user_data = talloc_steal(u, fresh->user_data);
        u->data = talloc_steal(u, fresh->data);
        talloc_free(fresh);
}

/* On the disk before anybody hears 200. */
static enum ecode bind_contacts(struct scscf_turn *t, struct scscf_user *u, enum reg_change *change,
                                struct sip_msg **ret, struct err *er)
{
        struct scscf *s = t->s;
        struct reg_limits lim = limits_of(s);
        enum ecode e = reg_apply(u->reg, &t->ask, &lim, clock_now(s->env->clock), change);
        if (e != E_OK)
                return err_set(er, e, NULL, "bindings");
        *ret = answer_ok(t, u);
        if (*ret == NULL)
                return err_set(er, E_NOMEM, NULL, "answer");
        keep_texts(t, u, *ret);
        u->last_expires = reg_longest(u->reg, clock_now(s->env->clock));
        u->untold = true;
        return scscf_user_keep(s, u, er);
}

/* With the set entered: the bindings as they will be. Takes fresh. */
static enum ecode bind_user(struct scscf_turn *t, struct scscf_user *fresh, enum reg_change *change,
                            struct sip_msg **ret, struct err *er)
{
        struct scscf *s = t->s;
        struct scscf_user *known = scscf_user_of(s, t->impu), *u = known != NULL ? known : fresh;
        enum ecode e = check_turn(t, known, er); /* again: time passed */
        if (e != E_OK) {
                talloc_free(fresh);
                return e;
        }
        if (known != NULL)
                take_profile(known, fresh);
        else if (scscf_user_add(s, fresh) != E_OK)
                return err_set(er, E_NOMEM, NULL, "registration");
        e = bind_contacts(t, u, change, ret, er);
        if (e != E_OK && known == NULL) /* not on the disk: not registered */
                scscf_user_remove(s, u);
        return e;
}

static void log_arrow(struct scscf_turn *t, const char *text)
{
        ev_arrow(t->s->env->log, &(struct arrow){ .flow = SCSCF_FLOW,
                                                  .step = "1",
                                                  .from = "icscf",
                                                  .to = "scscf",
                                                  .proto = t->from->proto == SIP_TLS ? "SIP/TLS" : "SIP/TCP",
                                                  .text = text,
                                                  .call = sip_call_id(t->rq),
                                                  .subject = t->impi });
}

/* With the set entered. */
static void tell_servers(struct scscf_turn *t, enum reg_change change)
{
        struct scscf *s = t->s;
        struct scscf_user *u = scscf_user_of(s, t->impu);
        if (u != NULL)
                scscf_tell_owed(s, u, change == REG_CREATED ? IFC_REG_INITIAL : IFC_REG_RE);
        if (u != NULL)
                scscf_notify(s, u, false, REGINFO_UNREGISTERED);
        s->registered++;
}

static enum ecode admit(struct scscf_turn *t, struct err *er)
{
        struct scscf *s = t->s;
        pthread_mutex_lock(&s->lock);
        bool known = scscf_user_of(s, t->impu) != NULL;
        pthread_mutex_unlock(&s->lock);
        struct cx_saa a = { 0 };
        struct scscf_user *fresh = NULL;
        enum ecode e = assign(t, known ? CX_RE_REGISTRATION : CX_REGISTRATION, &a, er);
        if (e == E_OK)
                e = user_from_profile(t, &a, &fresh, er);
        if (e != E_OK)
                return e;
        enum reg_change change = REG_QUERIED;
        struct sip_msg *rs = NULL;
        size_t turn = scscf_enter(s, t->impu, fresh);
        e = bind_user(t, fresh, &change, &rs, er);
        if (e == E_OK) {
                scscf_reply(s, t->tx, rs);
                tell_servers(t, change);
        }
        scscf_leave(s, turn);
        return e;
}

/* TS 24.229 clause 5.4.1.4: bindings go, the HSS hears it, then the UE, then the application servers. */
static enum ecode release(struct scscf_turn *t, struct err *er)
{
        struct scscf *s = t->s;
        struct reg_limits lim = limits_of(s);
        enum reg_change change = REG_QUERIED;
        size_t turn = scscf_enter(s, t->impu, NULL);
        struct scscf_user *u = scscf_user_of(s, t->impu);
        enum ecode e = u != NULL ? reg_apply(u->reg, &t->ask, &lim, clock_now(s->env->clock), &change) : E_OK;
        struct sip_msg *rs = e == E_OK ? answer_ok(t, u) : NULL;
        bool over = u != NULL && u->reg->contacts_n == 0;
        if (e == E_OK && u != NULL)
                e = over ? scscf_user_forget(s, u, er) : scscf_user_keep(s, u, er);
        scscf_leave(s, turn);
        if (e != E_OK || rs == NULL)
                return e != E_OK ? e : err_set(er, E_NOMEM, NULL, "answer");
        if (over) {
                struct cx_saa a = { 0 };
                struct err why = { 0 };
                if (assign(t, CX_USER_DEREGISTRATION, &a, &why) != E_OK) /* the UE is gone either way */
                        ev_refused(s->env->log, SCSCF_FLOW, "de-registration", &why, NULL);
        }
        scscf_reply(s, t->tx, rs);
        turn = scscf_enter(s, t->impu, NULL);
        u = scscf_user_of(s, t->impu);
        if (u != NULL && u->reg->contacts_n == 0) {
                scscf_tell(s, u, IFC_REG_DE, 0);
                scscf_notify(s, u, false, REGINFO_UNREGISTERED);
                scscf_user_remove(s, u);
        } else if (u != NULL) {
                scscf_tell(s, u, IFC_REG_RE, reg_longest(u->reg, clock_now(s->env->clock)));
                scscf_notify(s, u, false, REGINFO_UNREGISTERED);
        }
        scscf_leave(s, turn);
        return E_OK;
}

/* RFC 3261 clause 10.2.3: without Contact it asks what is bound. Nothing changes, so that nobody is told. */
static enum ecode report(struct scscf_turn *t, struct err *er)
{
        struct scscf *s = t->s;
        pthread_mutex_lock(&s->lock);
        struct sip_msg *rs = answer_ok(t, scscf_user_of(s, t->impu));
        pthread_mutex_unlock(&s->lock);
        if (rs == NULL)
                return err_set(er, E_NOMEM, NULL, "answer");
        scscf_reply(s, t->tx, rs);
        return E_OK;
}

void scscf_on_register(struct scscf *s, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct err er = { 0 };
        struct sip_msg *challenge = NULL;
        struct scscf_turn t = { .s = s, .tx = tx, .rq = rq, .from = from, .mem = talloc_new(NULL) };
        enum ecode e = read_turn(&t, &er);
        if (e == E_OK) {
                log_arrow(&t, t.has_auth && t.auth.response != NULL && *t.auth.response
                                      ? "REGISTER, with response"
                                      : "REGISTER, no credentials yet");
                e = precheck(&t, &er);
        }
        if (e == E_OK)
                e = scscf_authenticate(&t, &challenge, &er);
        if (e == E_OK)
                e = t.ends ? release(&t, &er) : t.ask.contacts_n == 0 && !t.ask.star ? report(&t, &er) : admit(&t, &er);
        if (e == E_AUTH_NEEDED && challenge != NULL)
                scscf_reply(s, tx, challenge);
        else if (e != E_OK)
                scscf_refuse(s, tx, rq, t.ends ? "de-registration" : "1", &er);
        digest_hex_wipe(&t.rspauth);
        talloc_free(t.mem);
}

void scscf_on_sip(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct scscf *s = role;
        struct err er = { 0 };
        if (!sip_peer_trusted(from, &s->conf->trusted_names, &s->conf->trusted_addresses)) {
                err_set(&er, E_UNTRUSTED_PEER, "R-SA-24", "%s from %s (certificate \"%s\")", sip_method(rq), from->ip,
                        from->tls_name);
                scscf_refuse(s, tx, rq, "1", &er);
        } else if (sip_method_is(rq, "REGISTER")) {
                scscf_on_register(s, tx, rq, from);
        } else {
                scscf_on_request(s, tx, rq, from);
        }
}
