/* The decision of service authorisation: TS 33.180 clauses 5.1.3 and 5.4, TS 24.379 clauses 7.3.2 to 7.3.5. No SIP
 * here: the same decision serves PUBLISH and the REGISTER inside a third-party REGISTER. */
#include "role/mcx/mcx.h"

#include "base/secret.h"
#include "crypto/prim.h"

#include <talloc.h>

static const struct mcx_refusal no_101 = { 403, 101, "service authorisation failed" };
static const struct mcx_refusal no_139 = { 403, 139, "integrity protection check failed" };
static const struct mcx_refusal no_140 = { 403, 140, "unable to decrypt XML content" };
static const struct mcx_refusal no_141 = { 404, 141, "user unknown to the participating function" };
static const struct mcx_refusal no_164 = { 486, 164, "maximum number of service authorizations reached" };
static const struct mcx_refusal no_100 = { 403, 100, "function not allowed due to unknown user profile" };
static const struct mcx_refusal no_412 = { 412, 0, NULL };
static const struct mcx_refusal later = { 500, 0, NULL };

/* What one decision gathers on its way. */
struct work {
        struct mcx *m;
        void *mem;
        const struct mcx_ask *ask;
        struct token_claims claims;
        const char *mc_id, *client_id;
        struct mikey_opened csk;
        bool has_csk, csk_repeated;
        uint8_t digest[32];
        struct mcx_binding *next;
};

static enum mc_service service_of(enum mcx_service s)
{
        return s == MCX_PTT ? MC_PTT : s == MCX_VIDEO ? MC_VIDEO : MC_DATA;
}

/* "No" gets the answer of the specification; "could not ask" is 500 with Retry-After (R-SA-74). */
static enum ecode no(const struct mcx_refusal *what, struct mcx_refusal *ret, enum ecode e)
{
        *ret = ecode_undecided(e) ? later : *what;
        return e;
}

/* The same upload again has no effect (R-KMS-111): whoever refreshes with the same body keeps the key. */
static bool csk_seen(struct work *w)
{
        struct mcx *m = w->m;
        bool seen = false;
        if (sha256(w->ask->mikey, w->digest) != E_OK || w->mc_id == NULL)
                return false;
        pthread_mutex_lock(&m->lock);
        struct mcx_binding *b = mcx_binding_of(m, w->ask->service, w->mc_id, w->client_id);
        if (b != NULL && b->has_csk && memcmp(b->csk_digest, w->digest, sizeof w->digest) == 0)
                seen = true;
        pthread_mutex_unlock(&m->lock);
        return seen;
}

static enum ecode open_csk(struct work *w, struct err *er)
{
        const struct mcx_ask *ask = w->ask;
        w->csk_repeated = csk_seen(w);
        if (w->csk_repeated)
                return E_OK;
        enum ecode e = mcx_keys_open_csk(w->m, w->mem, ask->service, ask->mikey, w->mc_id, &w->csk, er);
        w->has_csk = e == E_OK;
        return e;
}

/* Elements under the CSK that came with them (R-SA-78). The key's derivation needs the user's name, which therefore has
 * to stand in the open in the I_MESSAGE. */
static enum ecode uncover(struct work *w, struct mcx_refusal *ret, struct err *er)
{
        uint32_t named = 0;
        if (!mcx_info_key_id(w->ask->info, &named))
                return E_OK;
        if (w->ask->mikey.n == 0) {
                return no(&no_140, ret,
                          err_set(er, E_DECRYPT, "R-SA-78", "encrypted elements under a key that is not known here"));
        }
        enum ecode e = open_csk(w, er);
        if (e != E_OK)
                return no(&no_101, ret, e);
        if (w->csk.initiator_uri == NULL || w->csk.key.id != named) {
                return no(&no_140, ret,
                          err_set(er, E_DECRYPT, "R-SA-78",
                                  "the I_MESSAGE does not name its sender, or carries another key"));
        }
        struct mcx_conf_key k = { .key_id = w->csk.key.id };
        e = kdf_xpk_conf(&w->csk.key.key, k.key_id, bytes_str(w->csk.initiator_uri), &k.key);
        e = e == E_OK ? mcx_info_decrypt(w->mem, w->ask->info, &k, er)
                      : err_set(er, e, "R-SA-78", "no key for the encrypted elements");
        secret_wipe(&k, sizeof k);
        return e == E_OK ? E_OK : no(&no_140, ret, e);
}

static enum ecode check_token(struct work *w, struct mcx_refusal *ret, struct err *er)
{
        const struct mcx_ask *ask = w->ask;
        const char *token = mcx_value_text(&ask->info->access_token);
        const char *const aud[] = { w->m->conf->audience, NULL };
        enum ecode e = token == NULL ? err_set(er, E_TOKEN_MALFORMED, "R-SA-77", "the token element holds no token")
                                     : trust_check(w->m->trust, w->mem, bytes_str(token), aud, service_of(ask->service),
                                                   MC_RES_SERVICE, &w->claims, &w->mc_id, er);
        return e == E_OK ? E_OK : no(&no_101, ret, e);
}

/* R-SA-66, R-SA-68 */
static enum ecode check_names(struct work *w, struct mcx_refusal *ret, struct err *er)
{
        const char *said = mcx_value_text(&w->ask->info->request_uri);
        w->client_id = mcx_value_text(&w->ask->info->client_id);
        enum ecode e = E_OK;
        if (w->client_id == NULL || *w->client_id == 0 || strpbrk(w->client_id, "\r\n") != NULL)
                e = err_set(er, E_MISSING, "R-SA-68", "no client id beside the token");
        else if (said != NULL && strcmp(said, w->mc_id) != 0)
                e = err_set(er, E_TOKEN_IDENTITY, "R-SA-66", "the body names another MC service ID than the token");
        else if (sip_aor(w->mem, w->mc_id) == NULL)
                e = err_set(er, E_TOKEN_IDENTITY, "R-SA-64", "the MC service ID is no URI");
        return e == E_OK ? E_OK : no(&no_101, ret, e);
}

/* R-KMS-118: the CSK was signed by the user that the token names; R-SA-81: and is there, where policy demands it. */
static enum ecode check_csk(struct work *w, struct mcx_refusal *ret, struct err *er)
{
        struct mcx *m = w->m;
        const char *policy = m->conf->csk;
        if (strcmp(policy, "off") == 0)
                return E_OK;
        if (w->ask->mikey.n == 0) {
                if (strcmp(policy, "require") != 0)
                        return E_OK;
                return no(&no_101, ret, err_set(er, E_MISSING, "R-SA-81", "no application/mikey with the CSK"));
        }
        enum ecode e = w->has_csk ? E_OK : open_csk(w, er);
        if (e == E_OK && w->has_csk && w->csk.initiator_uri != NULL && strcmp(w->csk.initiator_uri, w->mc_id) != 0)
                e = err_set(er, E_TOKEN_IDENTITY, "R-KMS-118", "the CSK was signed by another user than the token's");
        return e == E_OK ? E_OK : no(&no_101, ret, e);
}

/* With the lock, as it will be bound: R-KMS-110. */
static enum ecode check_csk_new(const struct work *w, const struct mcx_binding *old, struct err *er)
{
        if (w->csk_repeated && (old == NULL || !old->has_csk)) /* the binding that had it went meanwhile */
                return err_set(er, E_BUSY, "R-KMS-111", "the CSK message belongs to a binding that has just ended");
        if (!w->has_csk)
                return E_OK;
        if (old != NULL && old->has_csk && w->csk.time_s < old->csk_time)
                return err_set(er, E_REPLAY, "R-KMS-110", "the CSK message is older than the one in force");
        if (mcx_csk_id_taken(w->m, w->csk.key.id, old))
                return err_set(er, E_REPLAY, "R-KMS-110", "this CSK-ID belongs to another client");
        return E_OK;
}

static bool profile_known(const struct mcx_user *u, int64_t index)
{
        for (size_t i = 0; i < u->profiles_n; i++)
                if (u->profiles[i] == index)
                        return true;
        return false;
}

static const struct mcx_settings_entity *entity_of(const struct mcx_ask *ask)
{
        return ask->settings != NULL && ask->settings->n > 0 ? &ask->settings->entities[0] : NULL;
}

/* R-SA-82, R-SA-84: what was chosen, else the pre-selected profile; index 0 of a client that has no profile 0 is no
 * choice. With the lock. */
static enum ecode apply_settings(const struct mcx_ask *ask, const struct mcx_user *u, struct mcx_binding *b,
                                 struct mcx_refusal *ret, struct err *er)
{
        const struct mcx_settings_entity *s = entity_of(ask);
        if (s != NULL && s->answer_mode != MCX_ANSWER_UNSET)
                b->answer_mode = s->answer_mode;
        else if (b->answer_mode == MCX_ANSWER_UNSET)
                b->answer_mode = MCX_ANSWER_MANUAL;
        if (s != NULL && s->id != NULL)
                b->entity_id = talloc_strdup(b, s->id);
        bool chosen = s != NULL && s->has_profile_index && (s->profile_index != 0 || profile_known(u, 0));
        if (chosen && !profile_known(u, s->profile_index)) {
                return no(&no_100, ret,
                          err_set(er, E_NOT_FOUND, "R-SA-84", "there is no profile %lld", (long long)s->profile_index));
        }
        if (chosen)
                b->profile_index = s->profile_index;
        else if (b->profile_index == 0)
                b->profile_index = u->preselected != 0 ? u->preselected : u->profiles[0];
        return E_OK;
}

/* With the lock: the user, the limit, the CSK, and what the binding will be (R-SA-67, R-SA-71 to R-SA-73). */
static enum ecode prepare(struct work *w, struct mcx_grant *grant, struct mcx_refusal *ret, struct err *er)
{
        struct mcx *m = w->m;
        const struct mcx_ask *ask = w->ask;
        int64_t now = clock_now(m->env->clock);
        struct mcx_user *u = mcx_user_of(m, ask->service, w->mc_id);
        if (u == NULL || !u->enabled) {
                return no(&no_101, ret,
                          err_set(er, u == NULL ? E_NOT_FOUND : E_USER_DISABLED, "R-SA-67",
                                  "%s in the MC user database", u == NULL ? "not provisioned" : "disabled"));
        }
        struct mcx_binding *old = mcx_binding_of(m, ask->service, w->mc_id, w->client_id);
        bool again = old != NULL && old->valid_until > now;
        if (ask->if_match != NULL && (!again || strcmp(ask->if_match, old->etag) != 0)) {
                return no(&no_412, ret,
                          err_set(er, E_ETAG, "R-SA-88", "SIP-If-Match is not the current entity tag of this client"));
        }
        size_t others = mcx_bindings_of(m, ask->service, w->mc_id, now) - again;
        int64_t most = u->bindings_max > 0 ? u->bindings_max : m->conf->bindings_max;
        if (!again && (int64_t)others >= most) {
                return no(&no_164, ret,
                          err_set(er, E_LIMIT, "R-SA-72", "%lld clients of this user are authorised already",
                                  (long long)others));
        }
        enum ecode e = check_csk_new(w, old, er);
        if (e != E_OK)
                return no(&no_101, ret, e);
        talloc_free(w->next);
        w->next = old != NULL ? mcx_binding_copy(w->mem, old) : mcx_binding_new(w->mem);
        if (w->next == NULL) {
                return no(&no_101, ret, err_set(er, E_NOMEM, NULL, "binding"));
        }
        grant->multiple_devices = others > 0;
        return apply_settings(ask, u, w->next, ret, er);
}

static int64_t granted(const struct mcx *m, int64_t asked)
{
        int64_t s = asked < 0 ? m->conf->publish_default : asked;
        return s > m->conf->publish_max ? m->conf->publish_max : s; /* R-SA-132: fits a signed 32-bit number */
}

static void fill(struct work *w, struct mcx_grant *grant)
{
        struct mcx *m = w->m;
        struct mcx_binding *b = w->next;
        int64_t now = clock_now(m->env->clock);
        b->service = w->ask->service;
        b->mc_id = talloc_strdup(b, w->mc_id);
        b->client_id = talloc_strdup(b, w->client_id);
        b->impu = talloc_strdup(b, w->ask->impu);
        b->etag = rng_hex(m->env->rng, b, 8); /* a bare token: deployed clients want no quotes */
        b->token_jti = talloc_strdup(b, w->claims.jti ? w->claims.jti : "");
        b->token_sub = talloc_strdup(b, w->claims.sub ? w->claims.sub : "");
        b->token_iss = talloc_strdup(b, w->claims.iss ? w->claims.iss : "");
        b->oauth_client = talloc_strdup(b, w->claims.client_id ? w->claims.client_id : "");
        b->token_exp = w->claims.exp;
        b->authorised_at = now;
        grant->expires = granted(m, w->ask->expires);
        b->valid_until = now + grant->expires;
        if (w->has_csk) {
                b->has_csk = true;
                b->csk = w->csk.key.key;
                b->csk_id = w->csk.key.id;
                b->csk_time = w->csk.time_s;
                memcpy(b->csk_digest, w->digest, sizeof b->csk_digest);
        }
        grant->etag = b->etag;
        grant->mc_id = b->mc_id;
}

/* Another user of the same service on this IMPU (the device changed hands: R-SA-110): all of that user's go first. This
 * user's client on another IMPU is the same binding, which moves (R-SA-109). */
static enum ecode replace_older(struct work *w, struct mcx_refusal *ret, struct err *er)
{
        struct mcx *m = w->m;
        for (;;) {
                pthread_mutex_lock(&m->lock);
                struct mcx_binding *b = mcx_stranger_on(m, w->ask->service, w->ask->impu, w->mc_id);
                struct mcx_binding *other = b != NULL ? mcx_binding_copy(w->mem, b) : NULL;
                pthread_mutex_unlock(&m->lock);
                if (b == NULL)
                        return E_OK;
                enum ecode e = other != NULL ? mcx_binding_drop(m, other, er) : err_set(er, E_NOMEM, NULL, "binding");
                if (e != E_OK)
                        return no(&no_101, ret, e);
        }
}

static enum ecode look(struct work *w, struct mcx_grant *grant, struct mcx_refusal *ret, struct err *er)
{
        pthread_mutex_lock(&w->m->lock);
        enum ecode e = prepare(w, grant, ret, er);
        pthread_mutex_unlock(&w->m->lock);
        return e;
}

static enum ecode put(struct work *w, struct mcx_grant *grant, struct mcx_refusal *ret, struct err *er)
{
        fill(w, grant);
        enum ecode e = w->next->etag != NULL ? mcx_binding_put(w->m, w->next, er)
                                             : err_set(er, E_CRYPTO, NULL, "no random octets");
        return e == E_OK ? E_OK : no(&no_101, ret, e);
}

/* A first look decides whether the older ones go; the second is the one that counts. */
static enum ecode bind_user(struct work *w, struct mcx_grant *grant, struct mcx_refusal *ret, struct err *er)
{
        struct mcx *m = w->m;
        mcx_enter(m, w->ask->impu);
        enum ecode e = look(w, grant, ret, er);
        if (e == E_OK)
                e = replace_older(w, ret, er);
        if (e == E_OK) {
                mcx_enter_user(m, w->mc_id); /* R-SA-100: of two at the limit exactly one */
                e = look(w, grant, ret, er);
                if (e == E_OK)
                        e = put(w, grant, ret, er);
                mcx_leave_user(m, w->mc_id);
        }
        mcx_leave(m, w->ask->impu);
        return e;
}

enum ecode mcx_authorise(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_grant *ret,
                         struct mcx_refusal *why, struct err *er)
{
        struct work w = { .m = m, .mem = mem, .ask = ask };
        *why = no_101;
        enum ecode e = uncover(&w, why, er);
        if (e == E_OK)
                e = check_token(&w, why, er);
        if (e == E_OK)
                e = check_names(&w, why, er);
        if (e == E_OK)
                e = check_csk(&w, why, er);
        if (e == E_OK)
                e = bind_user(&w, ret, why, er);
        mikey_opened_wipe(&w.csk);
        if (w.next != NULL)
                secret_wipe(&w.next->csk, sizeof w.next->csk);
        if (e == E_SIGNATURE && strcmp(er->req, "R-SA-79") == 0)
                *why = no_139;
        return e;
}

/* The binding that settings from this IMPU are for; a copy on mem. Clients of one user may share an IMPU: the entity
 * tag says whose settings these are, otherwise the client id (R-SA-94). */
static enum ecode find_own(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_binding **ret,
                           struct mcx_refusal *why, struct err *er)
{
        int64_t now = clock_now(m->env->clock);
        const char *client = ask->info != NULL ? mcx_value_text(&ask->info->client_id) : NULL;
        pthread_mutex_lock(&m->lock);
        bool any = mcx_binding_on(m, ask->service, ask->impu, now) != NULL;
        struct mcx_binding *b = mcx_binding_for(m, ask->service, ask->impu, ask->if_match, client, now);
        *ret = b != NULL ? mcx_binding_copy(mem, b) : NULL;
        pthread_mutex_unlock(&m->lock);
        if (*ret == NULL && ask->if_match != NULL) {
                return no(&no_412, why,
                          err_set(er, E_ETAG, "R-SA-88",
                                  any ? "SIP-If-Match is not the current entity tag"
                                      : "SIP-If-Match of an identity without service authorisation"));
        }
        if (*ret == NULL) {
                return no(&no_141, why,
                          err_set(er, E_NOT_AUTHORISED, "R-SA-91",
                                  "settings from an identity without service authorisation"));
        }
        const char *said = ask->info != NULL ? mcx_value_text(&ask->info->request_uri) : NULL;
        if (said != NULL && strcmp(said, (*ret)->mc_id) != 0) {
                return no(&no_101, why,
                          err_set(er, E_TOKEN_IDENTITY, "R-SA-92", "settings for another user's MC service ID"));
        }
        return E_OK;
}

/* The same, and enters its user: nobody changes it until mcx_leave_user(). */
static enum ecode enter_own(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_binding **ret,
                            struct mcx_refusal *why, struct err *er)
{
        for (;;) {
                enum ecode e = find_own(m, mem, ask, ret, why, er);
                if (e != E_OK)
                        return e;
                mcx_enter_user(m, (*ret)->mc_id);
                pthread_mutex_lock(&m->lock);
                bool same = mcx_binding_unchanged(m, *ret);
                pthread_mutex_unlock(&m->lock);
                if (same)
                        return E_OK;
                mcx_leave_user(m, (*ret)->mc_id);
        }
}

static enum ecode change_settings(struct mcx *m, const struct mcx_ask *ask, struct mcx_binding *b,
                                  struct mcx_refusal *why, struct err *er)
{
        pthread_mutex_lock(&m->lock);
        struct mcx_user *u = mcx_user_of(m, ask->service, b->mc_id);
        enum ecode e =
                u == NULL || !u->enabled
                        ? no(&no_141, why, err_set(er, E_USER_DISABLED, "R-SA-67", "no longer in the MC user database"))
                        : apply_settings(ask, u, b, why, er);
        pthread_mutex_unlock(&m->lock);
        return e;
}

static enum ecode resettle(struct mcx *m, const struct mcx_ask *ask, struct mcx_binding *b, struct mcx_grant *ret,
                           struct mcx_refusal *why, struct err *er)
{
        enum ecode e = change_settings(m, ask, b, why, er);
        if (e != E_OK)
                return e;
        ret->expires = granted(m, ask->expires);
        b->valid_until = clock_now(m->env->clock) + ret->expires;
        b->etag = rng_hex(m->env->rng, b, 8);
        e = b->etag != NULL ? mcx_binding_put(m, b, er) : err_set(er, E_CRYPTO, NULL, "no random octets");
        ret->etag = b->etag;
        ret->mc_id = b->mc_id;
        return e == E_OK ? E_OK : no(&no_101, why, e);
}

enum ecode mcx_resettle(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_grant *ret,
                        struct mcx_refusal *why, struct err *er)
{
        struct mcx_binding *b = NULL;
        mcx_enter(m, ask->impu);
        enum ecode e = enter_own(m, mem, ask, &b, why, er);
        if (e == E_OK) {
                e = resettle(m, ask, b, ret, why, er);
                mcx_leave_user(m, b->mc_id);
        }
        mcx_leave(m, ask->impu);
        return e;
}

enum ecode mcx_log_off(struct mcx *m, void *mem, const struct mcx_ask *ask, struct mcx_refusal *why, struct err *er)
{
        struct mcx_binding *b = NULL;
        mcx_enter(m, ask->impu);
        enum ecode e = enter_own(m, mem, ask, &b, why, er);
        if (e == E_OK) {
                e = mcx_binding_del(m, b, er);
                mcx_leave_user(m, b->mc_id);
                if (e != E_OK)
                        no(&no_101, why, e);
        }
        mcx_leave(m, ask->impu);
        return e;
}
