/* Users, registrations and bindings. The maps in memory are what decisions look at; each change is in the store before
 * anybody hears of it, so that after a restart nothing that was acknowledged is missing (R-SA-111). */
#include "role/mcx/mcx.h"

#include <stdlib.h>
#include <talloc.h>

static char *user_key(void *mem, const char *mc_id)
{
        return talloc_asprintf(mem, "user/%s", mc_id);
}

static char *reg_key(void *mem, const char *impu)
{
        return talloc_asprintf(mem, "reg/%s", impu);
}

/* A line end cannot stand in an identity (SIP and XML readers see to that), so keys of two pairs never meet. */
static char *binding_key(void *mem, enum mcx_service s, const char *mc_id, const char *client_id)
{
        return talloc_asprintf(mem, "binding/%s/%s\n%s", mcx_service_name(s), mc_id, client_id);
}

static char *index_key(void *mem, const char *what, enum mcx_service s, const char *id)
{
        return talloc_asprintf(mem, "%s/%s/%s", what, mcx_service_name(s), id);
}

static const struct mcx_many *index_get(struct mcx *m, const char *what, enum mcx_service s, const char *id)
{
        char *key = index_key(NULL, what, s, id);
        const struct mcx_many *many = mcx_index_get(m->index, key);
        talloc_free(key);
        return many;
}

static void user_index(struct mcx *m, struct mcx_user *u, bool add)
{
        for (int s = 0; s < MCX_SERVICES; s++) {
                char *key =
                        u->service_id[s] != NULL ? index_key(NULL, "id", (enum mcx_service)s, u->service_id[s]) : NULL;
                if (key != NULL && add)
                        mcx_index_add(m->index, key, u);
                else if (key != NULL)
                        mcx_index_del(m->index, key, u);
                talloc_free(key);
        }
}

static void binding_index(struct mcx *m, struct mcx_binding *b, bool add)
{
        char *on = index_key(NULL, "on", b->service, b->impu), *of = index_key(NULL, "of", b->service, b->mc_id);
        char *csk = talloc_asprintf(NULL, "csk/%08x", b->csk_id);
        if (on != NULL && of != NULL && csk != NULL) {
                (add ? (void)mcx_index_add(m->index, on, b) : mcx_index_del(m->index, on, b));
                (add ? (void)mcx_index_add(m->index, of, b) : mcx_index_del(m->index, of, b));
                if (b->has_csk)
                        (add ? (void)mcx_index_add(m->index, csk, b) : mcx_index_del(m->index, csk, b));
        }
        talloc_free(on);
        talloc_free(of);
        talloc_free(csk);
}

struct mcx_user *mcx_user_of(struct mcx *m, enum mcx_service s, const char *service_id)
{
        const struct mcx_many *many = index_get(m, "id", s, service_id);
        return many->n > 0 ? many->v[0] : NULL;
}

struct mcx_reg *mcx_reg_of(struct mcx *m, const char *impu)
{
        return mcx_map_get(m->regs, impu);
}

struct mcx_binding *mcx_binding_of(struct mcx *m, enum mcx_service s, const char *mc_id, const char *client_id)
{
        char *key = binding_key(NULL, s, mc_id, client_id);
        struct mcx_binding *b = key != NULL ? mcx_map_get(m->bindings, key) : NULL;
        talloc_free(key);
        return b;
}

struct mcx_binding *mcx_binding_on(struct mcx *m, enum mcx_service s, const char *impu, int64_t now_s)
{
        const struct mcx_many *many = index_get(m, "on", s, impu);
        for (size_t i = 0; i < many->n; i++) {
                struct mcx_binding *b = many->v[i];
                if (b->valid_until > now_s) /* R-SA-102 */
                        return b;
        }
        return NULL;
}

/* The one that was made last counts where several clients share the IMPU and nothing says which is meant. */
struct mcx_binding *mcx_binding_for(struct mcx *m, enum mcx_service s, const char *impu, const char *etag,
                                    const char *client_id, int64_t now_s)
{
        const struct mcx_many *many = index_get(m, "on", s, impu);
        struct mcx_binding *best = NULL;
        for (size_t i = 0; i < many->n; i++) {
                struct mcx_binding *b = many->v[i];
                bool meant = (etag == NULL || strcmp(b->etag, etag) == 0) &&
                             (client_id == NULL || strcmp(b->client_id, client_id) == 0);
                if (meant && b->valid_until > now_s && (best == NULL || b->authorised_at >= best->authorised_at))
                        best = b;
        }
        return best;
}

struct mcx_binding *mcx_stranger_on(struct mcx *m, enum mcx_service s, const char *impu, const char *mc_id)
{
        const struct mcx_many *many = index_get(m, "on", s, impu);
        for (size_t i = 0; i < many->n; i++)
                if (strcmp(((struct mcx_binding *)many->v[i])->mc_id, mc_id) != 0)
                        return many->v[i];
        return NULL;
}

size_t mcx_bindings_of(struct mcx *m, enum mcx_service s, const char *mc_id, int64_t now_s)
{
        const struct mcx_many *many = index_get(m, "of", s, mc_id);
        size_t n = 0;
        for (size_t i = 0; i < many->n; i++)
                n += ((struct mcx_binding *)many->v[i])->valid_until > now_s;
        return n;
}

bool mcx_csk_id_taken(struct mcx *m, uint32_t csk_id, const struct mcx_binding *by)
{
        char *key = talloc_asprintf(NULL, "csk/%08x", csk_id);
        const struct mcx_many *many = mcx_index_get(m->index, key);
        bool taken = false;
        for (size_t i = 0; i < many->n; i++)
                taken = taken || many->v[i] != by;
        talloc_free(key);
        return taken;
}

void mcx_each_user(struct mcx *m, void (*fn)(void *arg, const struct mcx_user *u), void *arg)
{
        for (struct mcx_entry *e = m->users->head; e != NULL; e = e->hh.next)
                fn(arg, e->value);
}

void mcx_each_reg(struct mcx *m, void (*fn)(void *arg, const struct mcx_reg *r), void *arg)
{
        for (struct mcx_entry *e = m->regs->head; e != NULL; e = e->hh.next)
                fn(arg, e->value);
}

void mcx_each_binding(struct mcx *m, void (*fn)(void *arg, const struct mcx_binding *b), void *arg)
{
        for (struct mcx_entry *e = m->bindings->head; e != NULL; e = e->hh.next)
                fn(arg, e->value);
}

static enum ecode no_memory(struct err *er)
{
        return err_set(er, E_NOMEM, NULL, "mcx state");
}

static enum ecode store_put(struct mcx *m, const char *key, json_t *o, struct err *er)
{
        struct store_kv *kv = m->env->store;
        char *text = o != NULL && key != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
        enum ecode e = text != NULL ? kv->put(kv, key, bytes_str(text), er) : no_memory(er);
        free(text);
        json_decref(o);
        return e;
}

static enum ecode store_del(struct mcx *m, const char *key, struct err *er)
{
        struct store_kv *kv = m->env->store;
        return key != NULL ? kv->del(kv, key, er) : no_memory(er);
}

/* --- changes --- */

/* With the lock: the old value under the key leaves the indexes before it goes. */
static void user_replace(struct mcx *m, const char *mc_id, struct mcx_user *u)
{
        struct mcx_user *old = mcx_map_get(m->users, mc_id);
        if (old != NULL)
                user_index(m, old, false);
        if (u == NULL)
                mcx_map_del(m->users, mc_id);
        else if (mcx_map_put(m->users, mc_id, u) == E_OK)
                user_index(m, u, true);
}

static void binding_replace(struct mcx *m, const char *key, struct mcx_binding *b)
{
        struct mcx_binding *old = mcx_map_get(m->bindings, key);
        if (old != NULL)
                binding_index(m, old, false);
        if (b == NULL)
                mcx_map_del(m->bindings, key);
        else if (mcx_map_put(m->bindings, key, b) == E_OK)
                binding_index(m, b, true);
}

enum ecode mcx_user_put(struct mcx *m, const struct mcx_user *u, struct err *er)
{
        void *mem = talloc_new(NULL);
        mcx_enter_user(m, u->mc_id);
        struct mcx_user *c = mcx_user_copy(NULL, u);
        enum ecode e = c != NULL ? store_put(m, user_key(mem, u->mc_id), mcx_user_json(u), er) : no_memory(er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                user_replace(m, u->mc_id, c);
                pthread_mutex_unlock(&m->lock);
        } else {
                talloc_free(c);
        }
        mcx_leave_user(m, u->mc_id);
        talloc_free(mem);
        return e;
}

enum ecode mcx_user_del(struct mcx *m, const char *mc_id, struct err *er)
{
        void *mem = talloc_new(NULL);
        mcx_enter_user(m, mc_id);
        enum ecode e = store_del(m, user_key(mem, mc_id), er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                user_replace(m, mc_id, NULL);
                pthread_mutex_unlock(&m->lock);
        }
        mcx_leave_user(m, mc_id);
        talloc_free(mem);
        return e;
}

enum ecode mcx_reg_put(struct mcx *m, const struct mcx_reg *r, struct err *er)
{
        void *mem = talloc_new(NULL);
        struct mcx_reg *c = mcx_reg_copy(NULL, r);
        enum ecode e = c != NULL ? store_put(m, reg_key(mem, r->impu), mcx_reg_json(r), er) : no_memory(er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                e = mcx_map_put(m->regs, r->impu, c);
                pthread_mutex_unlock(&m->lock);
        } else {
                talloc_free(c);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_binding_put(struct mcx *m, const struct mcx_binding *b, struct err *er)
{
        void *mem = talloc_new(NULL);
        char *key = binding_key(mem, b->service, b->mc_id, b->client_id);
        struct mcx_binding *c = mcx_binding_copy(NULL, b);
        enum ecode e = c != NULL ? store_put(m, key, mcx_binding_json(m, mem, b), er) : no_memory(er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                binding_replace(m, key, c);
                pthread_mutex_unlock(&m->lock);
        } else {
                talloc_free(c);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_binding_del(struct mcx *m, const struct mcx_binding *b, struct err *er)
{
        void *mem = talloc_new(NULL);
        char *key = binding_key(mem, b->service, b->mc_id, b->client_id);
        enum ecode e = store_del(m, key, er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                binding_replace(m, key, NULL);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

/* Each change gives a new entity tag. */
bool mcx_binding_unchanged(struct mcx *m, const struct mcx_binding *seen)
{
        const struct mcx_binding *b = mcx_binding_of(m, seen->service, seen->mc_id, seen->client_id);
        return b != NULL && strcmp(b->etag, seen->etag) == 0;
}

enum ecode mcx_binding_drop(struct mcx *m, const struct mcx_binding *seen, struct err *er)
{
        mcx_enter_user(m, seen->mc_id);
        pthread_mutex_lock(&m->lock);
        bool same = mcx_binding_unchanged(m, seen);
        pthread_mutex_unlock(&m->lock);
        enum ecode e = same ? mcx_binding_del(m, seen, er) : E_OK;
        mcx_leave_user(m, seen->mc_id);
        return e;
}

enum ecode mcx_bindings_drop(struct mcx *m, const char *impu, unsigned services, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e = E_OK;
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++) {
                if (!(services & 1u << s))
                        continue;
                pthread_mutex_lock(&m->lock);
                const struct mcx_many *many = index_get(m, "on", (enum mcx_service)s, impu);
                size_t n = many->n;
                struct mcx_binding **list = talloc_zero_array(mem, struct mcx_binding *, n + 1);
                for (size_t i = 0; list != NULL && i < n; i++)
                        list[i] = mcx_binding_copy(mem, many->v[i]);
                pthread_mutex_unlock(&m->lock);
                for (size_t i = 0; i < n && e == E_OK; i++)
                        e = list != NULL && list[i] != NULL ? mcx_binding_drop(m, list[i], er) : no_memory(er);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_reg_del(struct mcx *m, const char *impu, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e = mcx_bindings_drop(m, impu, (1u << MCX_SERVICES) - 1, er);
        if (e == E_OK)
                e = store_del(m, reg_key(mem, impu), er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                mcx_map_del(m->regs, impu);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

/* --- start and time --- */

static enum ecode restore_one(void *arg, const char *key, struct bytes value)
{
        struct mcx *m = arg;
        json_t *o = json_loadb((const char *)value.p, value.n, 0, NULL);
        bool good = false;
        if (o != NULL && strncmp(key, "user/", 5) == 0) {
                struct mcx_user *u = mcx_user_from_json(NULL, o);
                if ((good = u != NULL))
                        user_replace(m, u->mc_id, u);
        } else if (o != NULL && strncmp(key, "reg/", 4) == 0) {
                struct mcx_reg *r = mcx_reg_from_json(NULL, o);
                good = r != NULL && mcx_map_put(m->regs, r->impu, r) == E_OK;
        } else if (o != NULL && strncmp(key, "binding/", 8) == 0) {
                struct mcx_binding *b = mcx_binding_from_json(m, NULL, o);
                if ((good = b != NULL))
                        binding_replace(m, key, b);
        }
        if (!good) /* one broken entry must not keep the others out */
                ev(m->env->log, EV_ERROR, "state-lost", KV_HASH("subject", key));
        json_decref(o);
        return E_OK;
}

enum ecode mcx_state_open(struct mcx *m, struct err *er)
{
        m->users = mcx_map_new(m);
        m->regs = mcx_map_new(m);
        m->bindings = mcx_map_new(m);
        m->index = mcx_map_new(m);
        if (m->users == NULL || m->regs == NULL || m->bindings == NULL || m->index == NULL)
                return no_memory(er);
        struct store_kv *kv = m->env->store;
        return kv->each(kv, restore_one, m, er);
}

/* R-SA-49: unless it was renewed since. */
static void expire_reg(struct mcx *m, const char *impu, int64_t now)
{
        mcx_enter(m, impu);
        pthread_mutex_lock(&m->lock);
        const struct mcx_reg *r = mcx_reg_of(m, impu);
        bool over = r != NULL && r->expires_at <= now;
        pthread_mutex_unlock(&m->lock);
        if (over) {
                ev(m->env->log, EV_INFO, "registration-expired", KV_HASH("subject", impu), KV_STR("req", "R-SA-49"));
                mcx_reg_del(m, impu, NULL);
        }
        mcx_leave(m, impu);
}

void mcx_state_expire(struct mcx *m)
{
        int64_t now = clock_now(m->env->clock);
        void *mem = talloc_new(NULL);
        pthread_mutex_lock(&m->lock);
        char **gone = talloc_zero_array(mem, char *, mcx_count(m->regs) + 1);
        struct mcx_binding **over = talloc_zero_array(mem, struct mcx_binding *, mcx_count(m->bindings) + 1);
        size_t n = 0, k = 0;
        for (struct mcx_entry *e = m->regs->head; gone != NULL && e != NULL; e = e->hh.next)
                if (((struct mcx_reg *)e->value)->expires_at <= now)
                        n += (gone[n] = talloc_strdup(mem, ((struct mcx_reg *)e->value)->impu)) != NULL;
        for (struct mcx_entry *e = m->bindings->head; over != NULL && e != NULL; e = e->hh.next)
                if (((struct mcx_binding *)e->value)->valid_until <= now)
                        k += (over[k] = mcx_binding_copy(mem, e->value)) != NULL;
        pthread_mutex_unlock(&m->lock);
        for (size_t i = 0; i < n; i++)
                expire_reg(m, gone[i], now);
        for (size_t i = 0; i < k; i++)
                mcx_binding_drop(m, over[i], NULL);
        talloc_free(mem);
}

static pthread_mutex_t *stripe_of(pthread_mutex_t stripe[64], const char *s)
{
        return &stripe[hash_keyed(s, strlen(s)) % 64];
}

void mcx_enter(struct mcx *m, const char *impu)
{
        pthread_mutex_lock(stripe_of(m->impus, impu));
}

void mcx_leave(struct mcx *m, const char *impu)
{
        pthread_mutex_unlock(stripe_of(m->impus, impu));
}

void mcx_enter_user(struct mcx *m, const char *mc_id)
{
        pthread_mutex_lock(stripe_of(m->users_of, mc_id));
}

void mcx_leave_user(struct mcx *m, const char *mc_id)
{
        pthread_mutex_unlock(stripe_of(m->users_of, mc_id));
}
