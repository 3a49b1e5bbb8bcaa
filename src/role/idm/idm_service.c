/* The IdM server's beginning and end, and what its parts share: clients and scopes. */
#include "role/idm/idm_priv.h"

#include "crypto/prim.h"

#include <talloc.h>

#define RING_FRESH_MS  10000 /* a rotation in another process is seen after this */
#define SWEEP_EVERY_MS 30000

static int idm_end(struct idm *idm)
{
        idm_keys_close(idm);
        pthread_mutex_destroy(&idm->ring_lock);
        secret_wipe(idm->mark_key, sizeof idm->mark_key);
        return 0;
}

enum ecode idm_start(void *mem, const struct role_env *env, const struct idm_conf *conf, struct idm **ret,
                     struct err *er)
{
        struct idm *idm = talloc_zero(mem, struct idm);
        if (idm == NULL)
                return err_set(er, E_NOMEM, NULL, "idm");
        *idm = (struct idm){ .env = env, .conf = conf, .st = env->store };
        idm->cost = (struct password_cost){ .opslimit = (unsigned long long)conf->password_passes,
                                            .memlimit = (size_t)conf->password_memory_kib * 1024 };
        pthread_mutex_init(&idm->ring_lock, NULL);
        talloc_set_destructor(idm, idm_end);
        enum ecode e =
                hmac_sha256(BYTES_ARR(env->seal_key->b), BYTES_LIT("idm marks of known browsers"), idm->mark_key);
        e = e == E_OK ? idm_keys_open(idm, er) : err_set(er, e, NULL, "key derivation");
        if (e != E_OK) {
                talloc_free(idm);
                return e;
        }
        *ret = idm;
        return E_OK;
}

void idm_stop(struct idm *idm)
{
        talloc_free(idm);
}

void idm_tick(struct idm *idm)
{
        struct err er = { 0 };
        uint64_t ms = clock_ms(idm->env->clock);
        if (ms - idm->ring_ms >= RING_FRESH_MS && idm_keys_load(idm, &er) != E_OK) {
                idm->ring_ms = ms; /* the keys at hand go on signing */
                ev(idm->env->log, EV_ERROR, "keys-not-read", KV_STR("cause", ecode_name(er.code)),
                   KV_STR("text", er.text), KV_STR("advice", ecode_advice(er.code)));
        }
        if (ms - idm->expired_ms < SWEEP_EVERY_MS)
                return;
        idm->expired_ms = ms;
        if (idm->st->expire(idm->st, idm_now(idm), idm_now(idm) - idm->conf->refresh_grace_s, &er) != E_OK)
                ev(idm->env->log, EV_ERROR, "store-not-swept", KV_STR("cause", ecode_name(er.code)),
                   KV_STR("text", er.text), KV_STR("advice", ecode_advice(er.code)));
}

enum ecode idm_hash_of(const char *text, struct idm_hash *ret, struct err *er)
{
        enum ecode e = sha256(bytes_str(text), ret->b);
        return e == E_OK ? E_OK : err_set(er, e, NULL, "SHA-256");
}

char *idm_random(struct idm *idm, void *mem)
{
        return rng_token(idm->env->rng, mem, 32);
}

const char *idm_describe(const struct err *er)
{
        return ecode_undecided(er->code) ? "nothing was decided, please try again in a moment" : er->text;
}

/* Clients */

enum ecode idm_client_known(struct idm *idm, void *mem, const char *client_id, struct idm_client *ret, struct err *er)
{
        if (client_id == NULL)
                return err_set(er, E_CLIENT_UNKNOWN, "R-ID-40", "client_id is missing");
        enum ecode e = idm->st->client_get(idm->st, mem, client_id, ret, er);
        if (e == E_NOT_FOUND)
                return err_set(er, E_CLIENT_UNKNOWN, "R-ID-40", "no client is registered under this client_id");
        if (e == E_OK && !ret->enabled)
                return err_set(er, E_CLIENT_UNKNOWN, "R-ID-40", "this client is switched off");
        return e;
}

/* Secrets that Muster made have 256 random bits and need no slow hash; those that people chose do. */
#define FAST_HASH "sha256:"

static enum ecode secret_fits(void *mem, const char *stored, const char *given)
{
        uint8_t h[SHA256_LEN];
        if (strncmp(stored, FAST_HASH, strlen(FAST_HASH)) != 0)
                return password_verify(stored, bytes_str(given));
        if (sha256(bytes_str(given), h) != E_OK)
                return E_CRYPTO;
        char *hex = hex_encode(mem, BYTES_ARR(h));
        if (hex == NULL)
                return E_NOMEM;
        return bytes_eq_secret(bytes_str(hex), bytes_str(stored + strlen(FAST_HASH))) ? E_OK : E_LOGIN_FAILED;
}

static enum ecode prove_basic(void *mem, const struct idm_caller *who, const struct idm_client *c, struct err *er)
{
        if (who->basic_secret == NULL || who->assertion != NULL)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "this client is registered for HTTP Basic");
        if (c->secret_hash == NULL)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "this client has no secret");
        enum ecode e = secret_fits(mem, c->secret_hash, who->basic_secret);
        if (e == E_OK)
                return E_OK;
        if (e == E_LOGIN_FAILED)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "the client secret is wrong");
        return err_set(er, e == E_SYNTAX ? E_INTERNAL : e, NULL, "the client secret could not be compared");
}

/* private_key_jwt: RFC 7523 clause 3. One audience, which is this server; a short life; one use. */
#define ASSERTION_TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_MOST_S 600

static enum ecode check_assertion(struct idm *idm, void *mem, const struct idm_caller *who, const struct idm_client *c,
                                  struct token_claims *ret, struct err *er)
{
        struct jwks keys;
        const char *const aud[] = { idm->conf->issuer, talloc_asprintf(mem, "%s/as/token", idm->conf->token_url),
                                    NULL };
        struct jwt_policy pol = { .algs = JOSE_ALLOW_ALL, .iss = c->id, .aud_any = aud, .leeway_s = JWT_LEEWAY_S };
        enum ecode e = jwks_parse(mem, bytes_str(c->jwks), &keys, er);
        if (e == E_OK)
                e = jwt_verify(mem, bytes_str(who->assertion), &keys, &pol, idm_now(idm), ret, er);
        if (e != E_OK && !ecode_undecided(e))
                err_at(er, "client_assertion");
        if (e != E_OK)
                return e;
        if (ret->sub == NULL || strcmp(ret->sub, c->id) != 0 || ret->aud_n != 1 || ret->jti == NULL)
                return err_set(er, E_TOKEN_MALFORMED, NULL, "client_assertion: sub, one aud and jti are needed");
        if (ret->exp > idm_now(idm) + ASSERTION_MOST_S)
                return err_set(er, E_RANGE, NULL, "client_assertion: it may live %d seconds", ASSERTION_MOST_S);
        return E_OK;
}

static enum ecode prove_assertion(struct idm *idm, void *mem, const struct idm_caller *who, const struct idm_client *c,
                                  struct err *er)
{
        struct token_claims claims;
        struct err why = { 0 };
        if (who->assertion == NULL || who->assertion_type == NULL || who->basic_id != NULL || c->jwks == NULL ||
            strcmp(who->assertion_type, ASSERTION_TYPE) != 0)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "this client is registered for private_key_jwt");
        enum ecode e = check_assertion(idm, mem, who, c, &claims, &why);
        if (e == E_OK) {
                char *what = talloc_asprintf(mem, "assertion %s %s", c->id, claims.jti);
                e = what == NULL ? E_NOMEM : idm->st->once(idm->st, what, claims.exp + JWT_LEEWAY_S, &why);
        }
        if (e == E_OK)
                return E_OK;
        return err_set(er, ecode_undecided(e) ? e : E_CLIENT_AUTH, "R-ID-69", "%s", why.text);
}

/* Whom an assertion speaks of, before anything is proven. */
static const char *assertion_sub(void *mem, const struct idm_caller *who)
{
        struct jwt t;
        struct token_claims c;
        if (who->assertion == NULL || jwt_parse(mem, bytes_str(who->assertion), &t, NULL) != E_OK ||
            jwt_claims_unproven(mem, &t, &c, NULL) != E_OK)
                return NULL;
        return c.sub;
}

/* R-ID-69: exactly the registered method, nothing weaker and nothing beside it. */
enum ecode idm_client_proven(struct idm *idm, void *mem, const struct idm_caller *who, struct idm_client *ret,
                             struct err *er)
{
        if (who->client_id != NULL && who->basic_id != NULL && strcmp(who->client_id, who->basic_id) != 0)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "client_id and Authorization name different clients");
        const char *id = who->basic_id != NULL ? who->basic_id : who->client_id;
        enum ecode e = idm_client_known(idm, mem, id != NULL ? id : assertion_sub(mem, who), ret, er);
        if (e != E_OK)
                return e;
        if (strcmp(ret->auth_method, "client_secret_basic") == 0)
                return prove_basic(mem, who, ret, er);
        if (strcmp(ret->auth_method, "private_key_jwt") == 0)
                return prove_assertion(idm, mem, who, ret, er);
        if (strcmp(ret->auth_method, "none") != 0)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "the registered method %s is not served",
                               ret->auth_method);
        if (who->basic_id != NULL || who->assertion != NULL)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "this client is registered without credentials");
        return E_OK;
}

bool idm_uri_registered(const char *list, const char *uri)
{
        char one[2048];
        struct bytes word;
        for (size_t at = 0; uri != NULL && scope_next(list, &at, &word);) {
                if (word.n >= sizeof one)
                        continue;
                memcpy(one, word.p, word.n);
                one[word.n] = 0;
                if (redirect_uri_match(one, uri))
                        return true;
        }
        return false;
}

/* Scopes */

static bool user_may(const struct idm_user *u, const struct mc_scope *m, const char *name)
{
        if (m == NULL)
                return strcmp(name, "openid") == 0 || scope_has(u->extra_scopes, name);
        switch (m->service) {
        case MC_PTT: return u->mcptt_id != NULL;
        case MC_VIDEO: return u->mcvideo_id != NULL;
        case MC_DATA: return u->mcdata_id != NULL;
        case MC_ANY: break;
        }
        return u->mcptt_id != NULL || u->mcvideo_id != NULL || u->mcdata_id != NULL;
}

static void put_scope(struct buf *b, const char *name)
{
        if (scope_has(buf_str(b), name))
                return;
        if (b->n > 0)
                buf_puts(b, " ");
        buf_puts(b, name);
}

/* For clients of Rel-13 both spellings, so that either kind of resource server finds its own. */
static void put_with_alias(struct buf *b, const char *name, const struct mc_scope *m, bool rel13)
{
        put_scope(b, m != NULL && m->alias_of != NULL ? m->alias_of : name);
        for (size_t i = 0; m != NULL && rel13 && i < MC_SCOPES_N; i++) {
                const char *now = m->alias_of != NULL ? m->alias_of : m->name;
                if (mc_scopes[i].alias_of != NULL && strcmp(mc_scopes[i].alias_of, now) == 0)
                        put_scope(b, mc_scopes[i].name);
        }
}

enum ecode idm_scope_grant(void *mem, const struct idm_client *c, const struct idm_user *u, const char *requested,
                           const char **ret, struct err *er)
{
        struct buf b = buf_on(mem);
        struct bytes word;
        bool mc_asked = false, mc_given = false;
        buf_puts(&b, "");
        for (size_t at = 0; scope_next(requested, &at, &word);) {
                const struct mc_scope *m = mc_scope_find(word);
                char *name = bytes_to_str(mem, word);
                if (name == NULL)
                        return err_set(er, E_NOMEM, NULL, "scope");
                mc_asked |= m != NULL;
                if (m != NULL && m->alias_of != NULL && !c->rel13_scopes)
                        continue;
                if (!scope_has(c->scopes, m != NULL && m->alias_of != NULL ? m->alias_of : name))
                        continue;
                if (u != NULL && !user_may(u, m, name))
                        continue;
                mc_given |= m != NULL;
                put_with_alias(&b, name, m, c->rel13_scopes);
        }
        const char *granted = buf_str(&b);
        if (granted == NULL)
                return err_set(er, E_NOMEM, NULL, "scope");
        if (*granted == 0 || (mc_asked && !mc_given))
                return err_set(er, E_SCOPE, "R-ID-50", "nothing of the requested scope can be granted");
        *ret = granted;
        return E_OK;
}

enum ecode idm_scope_narrow(const char *granted, const char *asked, struct err *er)
{
        if (!scope_valid(asked))
                return err_set(er, E_SCOPE, "R-ID-71", "scope is no list of scopes");
        struct bytes word;
        for (size_t at = 0; scope_next(asked, &at, &word);) {
                char name[128];
                if (word.n >= sizeof name)
                        return err_set(er, E_SCOPE, "R-ID-71", "scope goes beyond the grant");
                memcpy(name, word.p, word.n);
                name[word.n] = 0;
                if (!scope_has(granted, name))
                        return err_set(er, E_SCOPE, "R-ID-71", "scope goes beyond the grant");
        }
        return E_OK;
}
