#include "role/common/trust.h"

#include "base/codec.h"
#include "role/common/deny.h"
#include "role/common/request.h"
#include "role/common/trust_file.h"

#include <pthread.h>
#include <talloc.h>

#define REFRESH_MS     (300 * 1000) /* keys are fetched anew after this */
#define RETRY_MS       (60 * 1000)  /* at most one fetch a minute, for unknown kids too */
#define FIRST_RETRY_MS 100          /* while there never was a key nothing can be judged: ask more often */
#define FETCH_MS       3000         /* a request waits for a fetch no longer than this */
#define JWKS_OCTETS    (256 * 1024)

struct entry {
        struct trust_issuer is;
        char *path; /* of the cached set, below state_dir; NULL: not kept */
        void *mem;  /* of keys; NULL: there never was a key */
        struct jwks keys;
        bool fetching, tried;
        uint64_t tried_ms, fetched_ms;
        bool fresh; /* fetched in this process, not only read from the disk */
};

struct trust {
        const struct role_env *env;
        pthread_mutex_t lock;
        pthread_cond_t fetched;
        struct entry *entry;
        size_t n;
        struct deny *deny;
};

static int trust_free(struct trust *t)
{
        for (size_t i = 0; i < t->n; i++)
                talloc_free(t->entry[i].mem);
        pthread_cond_destroy(&t->fetched);
        pthread_mutex_destroy(&t->lock);
        return 0;
}

/* An entry's keys live on a context without parent: talloc contexts of other threads are not touched. */
static void take_keys(struct entry *e, void *mem, struct jwks keys)
{
        talloc_free(e->mem);
        e->mem = mem;
        e->keys = keys;
}

static enum ecode entry_init(struct trust *t, struct entry *e, const struct trust_issuer *is, struct err *er)
{
        e->is = (struct trust_issuer){ .issuer = talloc_strdup(t, is->issuer),
                                       .jwks_url = talloc_strdup(t, is->jwks_url),
                                       .algs = is->algs != 0 ? is->algs : JOSE_ALLOW_ALL,
                                       .plain_jwt_typ = is->plain_jwt_typ,
                                       .scp_array = is->scp_array };
        if (t->env->state_dir != NULL)
                e->path = trust_file_path(t, t->env->state_dir, is->issuer);
        if (e->is.issuer == NULL || e->is.jwks_url == NULL || (t->env->state_dir != NULL && e->path == NULL))
                return err_set(er, E_NOMEM, NULL, "trust list");
        if (e->path == NULL)
                return E_OK;
        void *mem = talloc_new(NULL);
        struct jwks keys;
        struct bytes text;
        if (trust_file_read(mem, e->path, JWKS_OCTETS, &text) == E_OK && jwks_parse(mem, text, &keys, NULL) == E_OK &&
            keys.n > 0)
                take_keys(e, mem, keys);
        else
                talloc_free(mem);
        return E_OK;
}

enum ecode trust_open(void *mem, const struct role_env *env, const struct trust_issuer *list, size_t n,
                      struct trust **ret, struct err *er)
{
        struct trust *t = talloc_zero(mem, struct trust);
        if (t == NULL || (t->entry = talloc_zero_array(t, struct entry, n + 1)) == NULL) {
                talloc_free(t);
                return err_set(er, E_NOMEM, NULL, "trust list");
        }
        t->env = env;
        pthread_mutex_init(&t->lock, NULL);
        pthread_cond_init(&t->fetched, NULL);
        talloc_set_destructor(t, trust_free);
        for (; t->n < n; t->n++) {
                enum ecode e = entry_init(t, &t->entry[t->n], &list[t->n], er);
                if (e != E_OK) {
                        talloc_free(t);
                        return e;
                }
        }
        enum ecode e = deny_open(t, env->state_dir, &t->deny, er);
        if (e != E_OK) {
                talloc_free(t);
                return e;
        }
        *ret = t;
        return E_OK;
}

enum ecode trust_deny_cmd(struct trust *t, json_t *in, struct err *er)
{
        const char *claim, *value = NULL;
        json_t *v;
        enum ecode e = json_object_size(in) == 1 ? E_OK : err_set(er, E_SYNTAX, NULL, "one of jti, sub, client_id");
        json_object_foreach(in, claim, v)
        {
                if (e == E_OK)
                        e = arg_need(in, claim, &value, er);
                if (e == E_OK) {
                        pthread_mutex_lock(&t->lock);
                        e = deny_add(t->deny, claim, value, clock_now(t->env->clock), er);
                        pthread_mutex_unlock(&t->lock);
                }
                if (e == E_OK)
                        ev(t->env->log, EV_INFO, "token-denied", KV_STR("claim", claim), KV_HASH("value", value));
        }
        return e;
}

enum ecode trust_denied_cmd(struct trust *t, json_t **out, struct err *er)
{
        pthread_mutex_lock(&t->lock);
        json_t *o = deny_json(t->deny);
        pthread_mutex_unlock(&t->lock);
        if (o == NULL)
                return err_set(er, E_NOMEM, NULL, "deny list");
        *out = o;
        return E_OK;
}

/* One GET of the JWK set. *ret lives on mem. */
static enum ecode fetch_keys(struct trust *t, const struct entry *e, void *mem, struct jwks *ret, struct err *er)
{
        struct http_out rq = {
                .method = "GET", .url = e->is.jwks_url, .timeout_ms = FETCH_MS, .max_body = JWKS_OCTETS
        };
        struct http_in rs = { 0 };
        if (t->env->http == NULL)
                return err_set(er, E_PEER_DOWN, "R-ID-97", "no HTTP client");
        rq.fields[rq.fields_n++] = (struct http_field){ "Accept", "application/jwk-set+json, application/json" };
        enum ecode c = t->env->http->fetch(t->env->http, mem, &rq, &rs, er);
        if (c != E_OK)
                return c;
        if (rs.status != 200)
                return err_set(er, E_PEER_DOWN, "R-ID-97", "%.120s answered %d", e->is.jwks_url, rs.status);
        c = jwks_parse(mem, rs.body, ret, er);
        if (c == E_OK && ret->n == 0)
                c = err_set(er, E_PEER_DOWN, "R-ID-97", "%.120s holds no key that is served here", e->is.jwks_url);
        return c;
}

/* Called and returns with the lock held; lets it go while the network is asked. Others wait or use what there is. */
static void refresh(struct trust *t, struct entry *e)
{
        struct jwks keys;
        struct err er = { 0 };
        e->fetching = true;
        pthread_mutex_unlock(&t->lock);
        void *mem = talloc_new(NULL);
        enum ecode c = fetch_keys(t, e, mem, &keys, &er);
        char *text = c == E_OK && e->path != NULL ? jwks_print(mem, &keys) : NULL;
        if (text != NULL && trust_file_write(e->path, bytes_str(text)) != E_OK)
                ev(t->env->log, EV_WARN, "jwks-not-kept", KV_STR("issuer", e->is.issuer), KV_STR("path", e->path));
        pthread_mutex_lock(&t->lock);
        e->fetching = false;
        e->tried = true;
        e->tried_ms = clock_ms(t->env->clock);
        if (c == E_OK) {
                e->fetched_ms = e->tried_ms;
                e->fresh = true;
                take_keys(e, mem, keys);
                ev(t->env->log, EV_INFO, "jwks-fetched", KV_STR("issuer", e->is.issuer),
                   KV_INT("keys", (int64_t)keys.n));
        } else {
                talloc_free(mem);
                ev(t->env->log, EV_WARN, "jwks-unreachable", KV_STR("issuer", e->is.issuer), KV_STR("req", "R-ID-97"),
                   KV_STR("cause", er.text), KV_BOOL("keys-at-hand", e->mem != NULL));
        }
        pthread_cond_broadcast(&t->fetched);
}

static bool may_try(const struct trust *t, const struct entry *e)
{
        uint64_t wait = e->mem == NULL ? FIRST_RETRY_MS : RETRY_MS;
        return !e->tried || clock_ms(t->env->clock) - e->tried_ms >= wait;
}

static bool is_stale(const struct trust *t, const struct entry *e)
{
        return !e->fresh || clock_ms(t->env->clock) - e->fetched_ms >= REFRESH_MS;
}

void trust_tick(struct trust *t)
{
        for (size_t i = 0; i < t->n; i++) {
                struct entry *e = &t->entry[i];
                pthread_mutex_lock(&t->lock);
                if (is_stale(t, e) && may_try(t, e) && !e->fetching)
                        refresh(t, e);
                pthread_mutex_unlock(&t->lock);
        }
}

bool trust_ready(struct trust *t)
{
        bool all = true;
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < t->n; i++)
                all &= t->entry[i].mem != NULL;
        pthread_mutex_unlock(&t->lock);
        return all;
}

/* A handle of the request's own to the key that kid names: an unknown kid costs one fetch, at most once a minute. */
static enum ecode key_of(struct trust *t, struct entry *e, void *mem, const char *kid, struct jwk **ret, struct err *er)
{
        pthread_mutex_lock(&t->lock);
        const struct jwk *k = jwks_find(&e->keys, kid);
        while (k == NULL && e->fetching) {
                pthread_cond_wait(&t->fetched, &t->lock);
                k = jwks_find(&e->keys, kid);
        }
        if ((k == NULL || is_stale(t, e)) && may_try(t, e) && !e->fetching) {
                refresh(t, e);
                k = jwks_find(&e->keys, kid);
        }
        bool had_keys = e->mem != NULL;
        struct jwk *mine = k != NULL ? jwk_share(mem, k) : NULL;
        pthread_mutex_unlock(&t->lock);
        if (k == NULL && !had_keys)
                return err_set(er, E_PEER_DOWN, "R-ID-97", "no key of %.120s was ever fetched", e->is.issuer);
        if (k == NULL)
                return err_set(er, E_TOKEN_KEY, "R-ID-86", "%.100s publishes no key %.60s", e->is.issuer,
                               kid != NULL ? kid : "(no kid given)");
        if (mine == NULL)
                return err_set(er, E_NOMEM, NULL, "key");
        *ret = mine;
        return E_OK;
}

static struct entry *entry_of(struct trust *t, const char *iss)
{
        for (size_t i = 0; iss != NULL && i < t->n; i++)
                if (strcmp(t->entry[i].is.issuer, iss) == 0)
                        return &t->entry[i];
        return NULL;
}

enum ecode trust_token(struct trust *t, void *mem, struct bytes token, const char *const *audiences,
                       struct token_claims *ret, struct err *er)
{
        static const char *const strict[] = { "at+jwt", NULL }, *const lenient[] = { "at+jwt", "JWT", "", NULL };
        struct jwt jwt;
        struct jwk *key = NULL;
        enum ecode c = jwt_parse(mem, token, &jwt, er);
        if (c != E_OK)
                return c;
        enum jose_alg alg = jose_alg_of(jwt.alg);
        if (alg == JOSE_NONE)
                return err_set(er, E_TOKEN_ALG, "R-ID-87", "algorithm %.20s",
                               jwt.alg != NULL ? jwt.alg : "(none given)");
        struct entry *e = entry_of(t, jwt.iss);
        if (e == NULL)
                return err_set(er, E_TOKEN_ISSUER, "R-ID-86", "issuer %.150s is not trusted here",
                               jwt.iss != NULL ? jwt.iss : "(none given)");
        c = key_of(t, e, mem, jwt.kid, &key, er);
        if (c != E_OK)
                return c;
        struct jwt_policy pol = { .algs = e->is.algs,
                                  .iss = e->is.issuer,
                                  .typ = e->is.plain_jwt_typ ? lenient : strict,
                                  .aud_any = audiences,
                                  .leeway_s = JWT_LEEWAY_S,
                                  .scp_array = e->is.scp_array,
                                  .access = true };
        struct token_claims claims;
        c = jwt_check(mem, &jwt, key, &pol, clock_now(t->env->clock), &claims, er);
        if (c != E_OK)
                return c;
        pthread_mutex_lock(&t->lock);
        c = deny_check(t->deny, &claims, er);
        pthread_mutex_unlock(&t->lock);
        if (c == E_OK)
                *ret = claims;
        return c;
}

enum ecode trust_may(const struct token_claims *c, enum mc_service s, enum mc_resource r, const char **ret_id,
                     struct err *er)
{
        bool granted = false;
        for (enum mc_service one = MC_PTT; one <= MC_DATA; one++) {
                if ((s != MC_ANY && s != one) || !mc_scope_granted(c->scope, one, r))
                        continue;
                granted = true;
                if (token_mc_id(c, one) == NULL)
                        continue;
                *ret_id = token_mc_id(c, one);
                return E_OK;
        }
        if (!granted)
                return err_set(er, E_TOKEN_SCOPE, "R-ID-83", "scope %s is not in the token",
                               mc_scope_name(s == MC_ANY ? MC_PTT : s, r));
        return err_set(er, E_TOKEN_IDENTITY, "R-ID-84", "the token has no %s ID", mc_service_name(s));
}

enum ecode trust_check(struct trust *t, void *mem, struct bytes token, const char *const *audiences, enum mc_service s,
                       enum mc_resource r, struct token_claims *ret, const char **ret_id, struct err *er)
{
        struct token_claims c;
        const char *id;
        enum ecode e = trust_token(t, mem, token, audiences, &c, er);
        if (e == E_OK)
                e = trust_may(&c, s, r, &id, er);
        if (e != E_OK)
                return e;
        *ret = c;
        *ret_id = id;
        return E_OK;
}
