#include "role/mcx/mcx.h"

#include <talloc.h>

static const struct conf_item conf_items[] = {
        CONF_LISTEN(struct mcx_conf, listen, "{net}.5:5060", "ISC: SIP over TCP here, over TLS on the next port.",
                    "TS 24.229 clause 5.7"),
        CONF_STRING(struct mcx_conf, host, "mcx.{mc_domain}", "Host name in Warning headers.", "R-SA-98"),
        CONF_URL(struct mcx_conf, issuer, "https://{net}.1:8443", "The IdM server whose tokens are trusted: `iss`.",
                 "R-ID-86"),
        CONF_URL(struct mcx_conf, jwks_url, "https://{net}.2:8443/jwks.json", "Where its public keys are.", "R-ID-86"),
        CONF_STRING(struct mcx_conf, audience, "{mc_domain}", "What `aud` of an access token has to name.", "R-ID-88"),
        CONF_URL(struct mcx_conf, kms_url, "https://{net}.3:8443", "The KMS that gives this server its keys (CSC-9).",
                 "TS 33.180 clause 5.3.1"),
        CONF_STRING(struct mcx_conf, psi_mcptt, "sip:mcptt-psi@{mc_domain}",
                    "Public service identity of the MCPTT function; CSKs are encrypted to it.",
                    "TS 24.379 clause 7.2.1A"),
        CONF_STRING(struct mcx_conf, psi_mcvideo, "sip:mcvideo-psi@{mc_domain}", "The same for MCVideo.",
                    "TS 24.281 clause 7"),
        CONF_STRING(struct mcx_conf, psi_mcdata, "sip:mcdata-psi@{mc_domain}", "The same for MCData.",
                    "TS 24.282 clause 7"),
        CONF_CHOICE(struct mcx_conf, csk, "prefer", "off prefer require",
                    "Whether a CSK upload is ignored, verified when it is there, or demanded.", "R-SA-81"),
        CONF_CHOICE(struct mcx_conf, limited_service, "off", "off",
                    "What a registered user without service authorisation may do.", "R-SA-106"),
        CONF_LIST(struct mcx_conf, trusted_names, "scscf.{ims_domain}",
                  "Certificate names of the S-CSCFs that are believed.", "R-SA-37"),
        CONF_LIST(struct mcx_conf, trusted_addresses, "",
                  "IP addresses that are believed without a certificate; only for a core that has no TLS inside.",
                  NULL),
        CONF_SECONDS(struct mcx_conf, publish_min, "60", 1, 86400, "Shortest service authorisation that is served.",
                     "R-SA-87"),
        CONF_SECONDS(struct mcx_conf, publish_default, "1d", 60, 2147483647, "For a PUBLISH that names no lifetime.",
                     "R-SA-87"),
        CONF_SECONDS(struct mcx_conf, publish_max, "2147483647", 60, 2147483647,
                     "Longest service authorisation that is granted.", "R-SA-132"),
        CONF_SECONDS(struct mcx_conf, register_default, "1h", 60, 604800,
                     "For a third-party REGISTER that names no lifetime.", "R-SA-38"),
        CONF_INT(struct mcx_conf, bindings_max, "8", 1, 1000, "Clients that one user may have authorised at a time.",
                 "R-SA-72"),
        CONF_SECONDS(struct mcx_conf, mikey_window, "300", 5, 86400,
                     "How far the time in a CSK upload may be from ours.", "R-KMS-110"),
        CONF_END
};

const char *mcx_psi(const struct mcx *m, enum mcx_service s)
{
        return s == MCX_PTT ? m->conf->psi_mcptt : s == MCX_VIDEO ? m->conf->psi_mcvideo : m->conf->psi_mcdata;
}

static int mcx_free(struct mcx *m)
{
        for (size_t i = 0; i < COUNT(m->impus); i++) {
                pthread_mutex_destroy(&m->impus[i]);
                pthread_mutex_destroy(&m->users_of[i]);
        }
        pthread_mutex_destroy(&m->lock);
        return 0;
}

static enum ecode mcx_start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct mcx *m = talloc_zero(mem, struct mcx);
        if (m == NULL)
                return err_set(er, E_NOMEM, NULL, "mcx");
        m->env = env;
        m->conf = conf;
        pthread_mutex_init(&m->lock, NULL);
        for (size_t i = 0; i < COUNT(m->impus); i++) {
                pthread_mutex_init(&m->impus[i], NULL);
                pthread_mutex_init(&m->users_of[i], NULL);
        }
        talloc_set_destructor(m, mcx_free);
        struct trust_issuer issuer = { .issuer = m->conf->issuer, .jwks_url = m->conf->jwks_url };
        enum ecode e = trust_open(m, env, &issuer, 1, &m->trust, er);
        if (e == E_OK)
                e = mcx_state_open(m, er);
        if (e == E_OK)
                e = mcx_keys_open(m, er);
        if (e == E_OK)
                *ret = m;
        return e;
}

static void mcx_tick(void *self)
{
        struct mcx *m = self;
        trust_tick(m->trust);
        mcx_keys_tick(m);
        mcx_state_expire(m);
}

static void mcx_stats(void *self, json_t *into)
{
        struct mcx *m = self;
        pthread_mutex_lock(&m->lock);
        json_object_set_new(into, "users", json_integer((json_int_t)mcx_count(m->users)));
        json_object_set_new(into, "registered_identities", json_integer((json_int_t)mcx_count(m->regs)));
        json_object_set_new(into, "bindings", json_integer((json_int_t)mcx_count(m->bindings)));
        json_object_set_new(into, "authorised", json_integer((json_int_t)m->authorised));
        json_object_set_new(into, "refused", json_integer((json_int_t)m->refused));
        json_object_set_new(into, "server_keys_held", json_boolean(mcx_keys_held(m)));
        json_object_set_new(into, "third_party_registers", json_integer((json_int_t)m->registered));
        pthread_mutex_unlock(&m->lock);
}

/* --- administration: the MC user database's entries for service authorisation (R-SA-122) --- */

static enum ecode read_user(struct mcx *m, void *mem, json_t *in, struct mcx_user **ret, struct err *er)
{
        struct mcx_user *u = mcx_user_from_json(mem, in);
        if (u == NULL)
                return err_set(er, E_MISSING, "R-SA-122", "mc_id is missing");
        enum ecode e = E_OK;
        pthread_mutex_lock(&m->lock);
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++) {
                struct mcx_user *other =
                        u->service_id[s] != NULL ? mcx_user_of(m, (enum mcx_service)s, u->service_id[s]) : NULL;
                if (other != NULL && strcmp(other->mc_id, u->mc_id) != 0)
                        e = err_set(er, E_EXISTS, "R-SA-122", "%s belongs to %s already", u->service_id[s],
                                    other->mc_id);
        }
        pthread_mutex_unlock(&m->lock);
        if (e == E_OK)
                *ret = u;
        return e;
}

static enum ecode admin_user_check(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct mcx_user *u = NULL;
        (void)out;
        return read_user(role, mem, in, &u, er);
}

static enum ecode admin_user_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct mcx_user *u = NULL;
        (void)out;
        enum ecode e = read_user(role, mem, in, &u, er);
        return e != E_OK ? e : mcx_user_put(role, u, er);
}

static enum ecode admin_user_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        const char *mc_id = json_string_value(json_object_get(in, "mc_id"));
        (void)mem;
        (void)out;
        return mc_id != NULL ? mcx_user_del(role, mc_id, er) : err_set(er, E_MISSING, "R-SA-122", "mc_id is missing");
}

static void list_one(void *arg, const struct mcx_user *u)
{
        json_array_append_new(arg, json_pack("{s:s,s:b,s:s*,s:s*,s:s*}", "mc_id", u->mc_id, "enabled", u->enabled,
                                             "mcptt_id", u->service_id[MCX_PTT], "mcvideo_id", u->service_id[MCX_VIDEO],
                                             "mcdata_id", u->service_id[MCX_DATA]));
}

static enum ecode admin_user_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct mcx *m = role;
        json_t *list = json_array();
        (void)mem;
        (void)in;
        pthread_mutex_lock(&m->lock);
        mcx_each_user(m, list_one, list);
        pthread_mutex_unlock(&m->lock);
        *out = json_pack("{s:o}", "users", list);
        return *out != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "list");
}

static const char *answer_mode_name(enum mcx_answer_mode a)
{
        return a == MCX_ANSWER_AUTOMATIC ? "automatic" : a == MCX_ANSWER_MANUAL ? "manual" : "unset";
}

static void list_binding(void *arg, const struct mcx_binding *b)
{
        json_array_append_new(
                arg, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:b,s:I}", "service", mcx_service_name(b->service),
                               "mc_id", b->mc_id, "client_id", b->client_id, "impu", b->impu, "authorised_at",
                               (json_int_t)b->authorised_at, "valid_until", (json_int_t)b->valid_until, "profile_index",
                               (json_int_t)b->profile_index, "answer_mode", answer_mode_name(b->answer_mode), "csk",
                               b->has_csk, "csk_id", (json_int_t)b->csk_id));
}

static void list_reg(void *arg, const struct mcx_reg *r)
{
        json_t *services = json_array();
        for (int s = 0; s < MCX_SERVICES; s++)
                if (r->services & 1u << s)
                        json_array_append_new(services, json_string(mcx_service_name((enum mcx_service)s)));
        json_array_append_new(arg, json_pack("{s:s,s:I,s:o}", "impu", r->impu, "expires_at", (json_int_t)r->expires_at,
                                             "services", services));
}

/* Who is registered, and who is authorised as whom: what an operator asks first. */
static enum ecode admin_binding_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct mcx *m = role;
        json_t *bindings = json_array(), *regs = json_array();
        (void)mem;
        (void)in;
        pthread_mutex_lock(&m->lock);
        mcx_each_binding(m, list_binding, bindings);
        mcx_each_reg(m, list_reg, regs);
        pthread_mutex_unlock(&m->lock);
        *out = json_pack("{s:o,s:o}", "bindings", bindings, "registrations", regs);
        return *out != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "list");
}

static const struct role_listener listeners[] = {
        { "isc", LISTEN_SIP, offsetof(struct mcx_conf, listen), NULL, 1u << SIP_TCP | 1u << SIP_TLS, true },
        { 0 },
};
static const struct admin_cmd admin[] = {
        { "user-check", admin_user_check }, { "user-put", admin_user_put },         { "user-del", admin_user_del },
        { "user-list", admin_user_list },   { "binding-list", admin_binding_list }, { 0 },
};

const struct role role_mcx = {
        .name = "mcx",
        .title = "MCPTT, MCVideo and MCData server",
        .needs = NEED_STORE | NEED_HTTP_CLIENT,
        .conf = conf_items,
        .conf_size = sizeof(struct mcx_conf),
        .listeners = listeners,
        .admin = admin,
        .on_sip = mcx_on_sip,
        .start = mcx_start,
        .tick = mcx_tick,
        .stats = mcx_stats,
};
