#include "role/scscf/scscf.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/secret.h"

#include <stdlib.h>
#include <talloc.h>

struct scscf_entry {
        char *impu;
        struct scscf_user *user;
        UT_hash_handle hh;
};

static const struct conf_item conf_items[] = {
        CONF_LISTEN(struct scscf_conf, listen, "{net}.8:5060",
                    "Mw and ISC: SIP over TCP here, over TLS on the next port.", "TS 24.229 clause 5.4"),
        CONF_STRING(struct scscf_conf, name, "sip:{net}.8:5061;transport=tls",
                    "SIP URI under which the HSS and the other CSCFs know this S-CSCF.", "TS 29.229 clause 6.3.3"),
        CONF_LIST(struct scscf_conf, trusted_names,
                  "pcscf.{ims_domain} icscf.{ims_domain} epcscf.{ims_domain} mcx.{mc_domain}",
                  "Certificate names of the core elements that are believed.", "R-SA-24"),
        CONF_LIST(struct scscf_conf, trusted_addresses, "",
                  "IP addresses that are believed without a certificate; only for a core that has no TLS inside.",
                  NULL),
        CONF_LIST(struct scscf_conf, services,
                  "urn:urn-7:3gpp-service.ims.icsi.mcptt urn:urn-7:3gpp-service.ims.icsi.mcvideo "
                  "urn:urn-7:3gpp-service.ims.icsi.mcdata urn:urn-7:3gpp-service.ims.icsi.mcdata.sds "
                  "urn:urn-7:3gpp-service.ims.icsi.mcdata.fd urn:urn-7:3gpp-service.ims.icsi.mcdata.ipconn",
                  "Services that subscribers may ask for in P-Preferred-Service.", "R-SA-26"),
        CONF_SECONDS(struct scscf_conf, expires_min, "60", 1, 86400, "Shortest registration that is served.",
                     "R-SA-15"),
        CONF_SECONDS(struct scscf_conf, expires_max, "1h", 60, 604800, "Longest registration that is granted.",
                     "R-SA-15"),
        CONF_SECONDS(struct scscf_conf, expires_default, "1h", 60, 604800, "For a REGISTER that names no lifetime.",
                     "R-SA-16"),
        CONF_INT(struct scscf_conf, auth_failures_max, "3", 1, 20,
                 "Wrong SIP Digest answers before 403 instead of a fresh challenge.", "R-SA-10"),
        CONF_SECONDS(struct scscf_conf, as_timeout, "4", 1, 60, "How long an application server may take to answer.",
                     "R-SA-34"),
        CX_CLIENT_ROWS(struct scscf_conf, cx, "scscf", "8"),
        CONF_END
};

static size_t turn_of(struct scscf *s, const char *impu, const struct scscf_user *fresh)
{
        const struct scscf_user *u = scscf_user_of(s, impu);
        const char *key = u != NULL ? scscf_user_key(u) : fresh != NULL ? scscf_user_key(fresh) : impu;
        return hash_keyed(key, strlen(key)) % COUNT(s->turns);
}

/* Whose set it is may change while the turn is waited for: then it is another turn. */
size_t scscf_enter(struct scscf *s, const char *impu, const struct scscf_user *fresh)
{
        pthread_mutex_lock(&s->lock);
        size_t turn = turn_of(s, impu, fresh);
        pthread_mutex_unlock(&s->lock);
        for (;;) {
                pthread_mutex_lock(&s->turns[turn]);
                pthread_mutex_lock(&s->lock);
                size_t now = turn_of(s, impu, fresh);
                if (now == turn)
                        return turn;
                scscf_leave(s, turn);
                turn = now;
        }
}

void scscf_leave(struct scscf *s, size_t turn)
{
        pthread_mutex_unlock(&s->lock);
        pthread_mutex_unlock(&s->turns[turn]);
}

struct scscf_user *scscf_user_of(struct scscf *s, const char *impu)
{
        struct scscf_entry *e = NULL;
        HASH_FIND_STR(s->by_impu, impu, e);
        return e != NULL ? e->user : NULL;
}

const char *scscf_user_key(const struct scscf_user *u)
{
        return u->reg->impus[0];
}

enum ecode scscf_user_add(struct scscf *s, struct scscf_user *u)
{
        talloc_steal(s, u);
        for (size_t i = 0; i < u->reg->impus_n; i++) {
                struct scscf_entry *e = NULL;
                HASH_FIND_STR(s->by_impu, u->reg->impus[i], e);
                if (e != NULL) {
                        e->user->names_n--;
                        e->user = u;
                        u->names_n++;
                        continue;
                }
                e = calloc(1, sizeof *e);
                if (e == NULL || (e->impu = strdup(u->reg->impus[i])) == NULL) {
                        free(e);
                        scscf_user_remove(s, u);
                        return E_NOMEM;
                }
                e->user = u;
                u->names_n++;
                HASH_ADD_KEYPTR(hh, s->by_impu, e->impu, strlen(e->impu), e);
        }
        return E_OK;
}

static void entry_free(struct scscf *s, struct scscf_entry *e)
{
        HASH_DEL(s->by_impu, e);
        e->user->names_n--;
        free(e->impu);
        free(e);
}

void scscf_user_remove(struct scscf *s, struct scscf_user *u)
{
        struct scscf_entry *e, *next;
        for (size_t i = 0; i < u->reg->impus_n; i++) {
                HASH_FIND_STR(s->by_impu, u->reg->impus[i], e);
                if (e != NULL && e->user == u)
                        entry_free(s, e);
        }
        /* a set that shrank may have left names behind */
        for (e = s->by_impu; u->names_n > 0 && e != NULL; e = next) {
                next = e->hh.next;
                if (e->user == u)
                        entry_free(s, e);
        }
        talloc_free(u);
}

static json_t *as_json(const struct scscf_user *u)
{
        json_t *a = json_array();
        for (size_t i = 0; i < u->as_n; i++)
                json_array_append_new(a, json_pack("{s:s,s:s,s:I}", "server", u->as[i].server_name, "call_id",
                                                   u->as[i].call_id, "cseq", (json_int_t)u->as[i].cseq));
        return a;
}

static json_t *octets_json(void *mem, struct bytes b)
{
        return json_string(b64_encode(mem, b)); /* a REGISTER may hold octets that are no text */
}

static char *user_text(const struct scscf_user *u)
{
        void *mem = talloc_new(NULL);
        json_t *o = json_pack("{s:o,s:s,s:o,s:o,s:b,s:I,s:o,s:o}", "reg", reg_to_json(u->reg), "user_data",
                              u->user_data, "as", as_json(u), "subs", scscf_subs_json(u), "untold", u->untold,
                              "last_expires", (json_int_t)u->last_expires, "register",
                              octets_json(mem, u->last_register), "response", octets_json(mem, u->last_response));
        char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
        json_decref(o);
        talloc_free(mem);
        return text;
}

static void note_due(struct scscf *s, const struct scscf_user *u)
{
        for (size_t i = 0; i < u->reg->contacts_n; i++)
                due_note(&s->due, u->reg->contacts[i]->expires_at);
        for (size_t i = 0; i < u->subs_n; i++)
                due_note(&s->due, u->subs[i]->expires_at);
}

enum ecode scscf_user_keep(struct scscf *s, const struct scscf_user *u, struct err *er)
{
        struct store_kv *kv = s->env->store;
        char *text = user_text(u);
        note_due(s, u);
        pthread_mutex_unlock(&s->lock);
        enum ecode e = text != NULL ? kv->put(kv, scscf_user_key(u), bytes_str(text), er)
                                    : err_set(er, E_NOMEM, NULL, "registration of a set");
        if (text != NULL)
                secret_wipe(text, strlen(text)); /* a token may stand in the REGISTER */
        free(text);
        pthread_mutex_lock(&s->lock);
        return e;
}

enum ecode scscf_user_forget(struct scscf *s, const struct scscf_user *u, struct err *er)
{
        struct store_kv *kv = s->env->store;
        pthread_mutex_unlock(&s->lock);
        enum ecode e = kv->del(kv, scscf_user_key(u), er);
        pthread_mutex_lock(&s->lock);
        return e;
}

static struct bytes json_octets(void *mem, const json_t *o, const char *key)
{
        const char *text = json_string_value(json_object_get(o, key));
        struct bytes b = { 0 };
        return text != NULL && b64_decode(mem, bytes_str(text), &b) == E_OK ? b : (struct bytes){ 0 };
}

static enum ecode user_from_json(struct scscf *s, const json_t *o)
{
        struct scscf_user *u = talloc_zero(NULL, struct scscf_user);
        const char *data = json_string_value(json_object_get(o, "user_data"));
        if (u == NULL || data == NULL || reg_from_json(u, json_object_get(o, "reg"), &u->reg) != E_OK ||
            ims_subscription_parse(u, bytes_str(data), &u->data, NULL) != E_OK) {
                talloc_free(u);
                return E_SYNTAX;
        }
        u->user_data = talloc_strdup(u, data);
        u->untold = u->owed = json_is_true(json_object_get(o, "untold"));
        u->last_expires = json_integer_value(json_object_get(o, "last_expires"));
        u->last_register = json_octets(u, o, "register");
        u->last_response = json_octets(u, o, "response");
        scscf_subs_from_json(u, json_object_get(o, "subs"));
        const json_t *as = json_object_get(o, "as");
        u->as = talloc_zero_array(u, struct scscf_as, json_array_size(as));
        for (size_t i = 0; u->as != NULL && i < json_array_size(as); i++) {
                const json_t *a = json_array_get(as, i);
                const char *server = json_string_value(json_object_get(a, "server"));
                const char *call_id = json_string_value(json_object_get(a, "call_id"));
                if (server == NULL || call_id == NULL)
                        continue;
                /* what was kept is from before the last round, whose CSeq the server may have seen */
                uint32_t cseq = (uint32_t)json_integer_value(json_object_get(a, "cseq")) + 1;
                u->as[u->as_n++] = (struct scscf_as){ talloc_strdup(u, server), talloc_strdup(u, call_id), cseq };
        }
        return scscf_user_add(s, u);
}

static enum ecode restore_one(void *arg, const char *key, struct bytes value)
{
        struct scscf *s = arg;
        json_t *o = json_loadb((const char *)value.p, value.n, 0, NULL);
        enum ecode e = o != NULL ? user_from_json(s, o) : E_SYNTAX;
        json_decref(o);
        if (e != E_OK) /* one broken entry must not keep all others out */
                ev(s->env->log, EV_ERROR, "registration-lost", KV_HASH("subject", key), KV_STR("cause", ecode_name(e)));
        return E_OK;
}

static int scscf_free(struct scscf *s)
{
        struct scscf_entry *e, *next;
        HASH_ITER(hh, s->by_impu, e, next)
        entry_free(s, e);
        for (size_t i = 0; i < COUNT(s->turns); i++)
                pthread_mutex_destroy(&s->turns[i]);
        pthread_mutex_destroy(&s->lock);
        return 0;
}

static enum ecode scscf_start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct scscf *s = talloc_zero(mem, struct scscf);
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "scscf");
        s->env = env;
        s->conf = conf;
        s->due = due_at_once(); /* what is restored has to be looked at */
        pthread_mutex_init(&s->lock, NULL);
        for (size_t i = 0; i < COUNT(s->turns); i++)
                pthread_mutex_init(&s->turns[i], NULL);
        talloc_set_destructor(s, scscf_free);
        s->challenges = chal_table_new(s, 200000);
        if (s->challenges == NULL)
                return err_set(er, E_NOMEM, NULL, "scscf");
        struct store_kv *kv = env->store;
        enum ecode e = kv->each(kv, restore_one, s, er);
        if (e != E_OK)
                return e;
        ev(env->log, EV_INFO, "registrations-restored", KV_INT("identities", HASH_COUNT(s->by_impu)));
        *ret = s;
        return E_OK;
}

/* Names of the sets that need something now. All count for the next bound as well: what fails is tried again
 * in a second. */
static char **due_sets(struct scscf *s, void *mem, int64_t now, size_t *n)
{
        struct scscf_entry *e, *next;
        char **name = talloc_zero_array(mem, char *, HASH_COUNT(s->by_impu) + 1);
        if (name == NULL)
                return NULL; /* the next second will do */
        s->due = due_never();
        HASH_ITER(hh, s->by_impu, e, next)
        {
                const struct scscf_user *u = e->user;
                bool due = u->owed || scscf_subs_due(u, now);
                for (size_t i = 0; !due && i < u->reg->contacts_n; i++)
                        due = u->reg->contacts[i]->expires_at <= now;
                note_due(s, u);
                if (due && strcmp(e->impu, scscf_user_key(u)) == 0)
                        *n += (name[*n] = talloc_strdup(mem, e->impu)) != NULL;
        }
        return name;
}

/* With the set entered. True: it has lost its last binding. */
static bool look_after(struct scscf *s, struct scscf_user *u, int64_t now)
{
        if (u->owed)
                scscf_tell_owed(s, u, IFC_REG_RE);
        scscf_subs_expire(s, u, now);
        if (!reg_expire(u->reg, now))
                return false;
        if (u->reg->contacts_n > 0) {
                scscf_user_keep(s, u, NULL);
                scscf_notify(s, u, false, REGINFO_EXPIRED);
        }
        return u->reg->contacts_n == 0;
}

/* Names first, then one set at a time. */
static void scscf_tick(void *self)
{
        struct scscf *s = self;
        int64_t now = clock_now(s->env->clock);
        void *mem = talloc_new(NULL);
        size_t n = 0;
        pthread_mutex_lock(&s->lock);
        chal_expire(s->challenges, clock_ms(s->env->clock));
        char **name = due_is(&s->due, now) ? due_sets(s, mem, now, &n) : NULL;
        pthread_mutex_unlock(&s->lock);
        for (size_t i = 0; i < n; i++) {
                size_t turn = scscf_enter(s, name[i], NULL);
                struct scscf_user *u = scscf_user_of(s, name[i]);
                bool over = u != NULL && look_after(s, u, now);
                scscf_leave(s, turn);
                if (over)
                        scscf_network_deregister(s, name[i], CX_TIMEOUT_DEREGISTRATION);
        }
        talloc_free(mem);
}

static void scscf_stats(void *self, json_t *into)
{
        struct scscf *s = self;
        pthread_mutex_lock(&s->lock);
        json_object_set_new(into, "registered_identities", json_integer(HASH_COUNT(s->by_impu)));
        json_object_set_new(into, "pending_challenges", json_integer((json_int_t)chal_count(s->challenges)));
        json_object_set_new(into, "registrations", json_integer((json_int_t)s->registered));
        json_object_set_new(into, "refused", json_integer((json_int_t)s->refused));
        json_object_set_new(into, "third_party_sent", json_integer((json_int_t)s->told));
        json_object_set_new(into, "third_party_failed", json_integer((json_int_t)s->told_failed));
        pthread_mutex_unlock(&s->lock);
}

static const struct role_listener listeners[] = {
        { "mw", LISTEN_SIP, offsetof(struct scscf_conf, listen), NULL, 1u << SIP_TCP | 1u << SIP_TLS, true },
        { 0 },
};
static const struct admin_cmd admin[] = { { 0 } };

const struct role role_scscf = {
        .name = "scscf",
        .title = "serving call session control function (registrar)",
        .needs = NEED_STORE | NEED_CX_CLIENT,
        .conf = conf_items,
        .conf_size = sizeof(struct scscf_conf),
        .listeners = listeners,
        .admin = admin,
        .on_sip = scscf_on_sip,
        .cx_conf = offsetof(struct scscf_conf, cx),
        .start = scscf_start,
        .tick = scscf_tick,
        .stats = scscf_stats,
};
