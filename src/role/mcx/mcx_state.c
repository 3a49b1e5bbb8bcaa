/* Users, registrations and bindings. The maps in memory are what decisions look at; each change is in the store before
 * anybody hears of it, so that after a restart nothing that was acknowledged is missing (R-SA-111). */
#include "role/mcx/mcx.h"

#include "base/codec.h"
#include "base/secret.h"

#include <stdlib.h>
#include <talloc.h>
#include "base/hash.h"

struct mcx_entry {
        char *key;
        void *value; /* talloc */
        UT_hash_handle hh;
};

struct mcx_map {
        struct mcx_entry *head;
};

static void *map_get(const struct mcx_map *map, const char *key)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        return e != NULL ? e->value : NULL;
}

static void map_del(struct mcx_map *map, const char *key)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        if (e == NULL)
                return;
        HASH_DEL(map->head, e);
        talloc_free(e->value);
        free(e->key);
        free(e);
}

/* Takes value. */
static enum ecode map_put(struct mcx_map *map, const char *key, void *value)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        if (e != NULL) {
                talloc_free(e->value);
                e->value = value;
                return E_OK;
        }
        e = calloc(1, sizeof *e);
        if (e == NULL || (e->key = strdup(key)) == NULL) {
                free(e);
                talloc_free(value);
                return E_NOMEM;
        }
        e->value = value;
        HASH_ADD_KEYPTR(hh, map->head, e->key, strlen(e->key), e);
        return E_OK;
}

static int map_free(struct mcx_map *map)
{
        while (map->head != NULL)
                map_del(map, map->head->key);
        return 0;
}

static struct mcx_map *map_new(void *mem)
{
        struct mcx_map *map = talloc_zero(mem, struct mcx_map);
        if (map != NULL)
                talloc_set_destructor(map, map_free);
        return map;
}

size_t mcx_count(const struct mcx_map *map)
{
        return HASH_COUNT(map->head);
}

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

static int binding_free(struct mcx_binding *b)
{
        secret_wipe(&b->csk, sizeof b->csk);
        return 0;
}

static struct mcx_binding *binding_new(void *mem)
{
        struct mcx_binding *b = talloc_zero(mem, struct mcx_binding);
        if (b != NULL)
                talloc_set_destructor(b, binding_free);
        return b;
}

static char *dup(void *mem, const char *s)
{
        return s != NULL ? talloc_strdup(mem, s) : NULL;
}

struct mcx_binding *mcx_binding_copy(void *mem, const struct mcx_binding *b)
{
        struct mcx_binding *c = binding_new(mem);
        if (c == NULL)
                return NULL;
        *c = *b;
        c->mc_id = dup(c, b->mc_id);
        c->client_id = dup(c, b->client_id);
        c->impu = dup(c, b->impu);
        c->etag = dup(c, b->etag);
        c->token_jti = dup(c, b->token_jti);
        c->token_sub = dup(c, b->token_sub);
        c->token_iss = dup(c, b->token_iss);
        c->oauth_client = dup(c, b->oauth_client);
        c->entity_id = dup(c, b->entity_id);
        return c;
}

static struct mcx_user *user_copy(void *mem, const struct mcx_user *u)
{
        struct mcx_user *c = talloc_zero(mem, struct mcx_user);
        if (c == NULL)
                return NULL;
        *c = *u;
        c->mc_id = dup(c, u->mc_id);
        for (size_t i = 0; i < MCX_SERVICES; i++)
                c->service_id[i] = dup(c, u->service_id[i]);
        return c;
}

static struct mcx_reg *reg_copy(void *mem, const struct mcx_reg *r)
{
        struct mcx_reg *c = talloc_zero(mem, struct mcx_reg);
        if (c == NULL)
                return NULL;
        *c = *r;
        c->impu = dup(c, r->impu);
        c->scscf = dup(c, r->scscf);
        c->call_id = dup(c, r->call_id);
        return c;
}

/* A multimap from text to values that it does not own: bindings on an IMPU, bindings of a user, the user of an id. */
struct many {
        void **v;
        size_t n;
};

static enum ecode index_add(struct mcx_map *map, const char *key, void *value)
{
        struct many *many = map_get(map, key);
        if (many == NULL) {
                many = talloc_zero(map, struct many);
                if (many == NULL || map_put(map, key, many) != E_OK)
                        return E_NOMEM;
        }
        void **v = talloc_realloc(many, many->v, void *, many->n + 1);
        if (v == NULL)
                return E_NOMEM;
        many->v = v;
        many->v[many->n++] = value;
        return E_OK;
}

static void index_del(struct mcx_map *map, const char *key, const void *value)
{
        struct many *many = map_get(map, key);
        for (size_t i = 0; many != NULL && i < many->n; i++)
                if (many->v[i] == value) {
                        many->v[i] = many->v[--many->n];
                        break;
                }
        if (many != NULL && many->n == 0)
                map_del(map, key);
}

static char *index_key(void *mem, const char *what, enum mcx_service s, const char *id)
{
        return talloc_asprintf(mem, "%s/%s/%s", what, mcx_service_name(s), id);
}

static const struct many *index_get(struct mcx *m, const char *what, enum mcx_service s, const char *id)
{
        static const struct many none = { 0 };
        char *key = index_key(NULL, what, s, id);
        const struct many *many = key != NULL ? map_get(m->index, key) : NULL;
        talloc_free(key);
        return many != NULL ? many : &none;
}

static void user_index(struct mcx *m, struct mcx_user *u, bool add)
{
        for (int s = 0; s < MCX_SERVICES; s++) {
                char *key =
                        u->service_id[s] != NULL ? index_key(NULL, "id", (enum mcx_service)s, u->service_id[s]) : NULL;
                if (key != NULL && add)
                        index_add(m->index, key, u);
                else if (key != NULL)
                        index_del(m->index, key, u);
                talloc_free(key);
        }
}

static void binding_index(struct mcx *m, struct mcx_binding *b, bool add)
{
        char *on = index_key(NULL, "on", b->service, b->impu), *of = index_key(NULL, "of", b->service, b->mc_id);
        char *csk = talloc_asprintf(NULL, "csk/%08x", b->csk_id);
        if (on != NULL && of != NULL && csk != NULL) {
                (add ? (void)index_add(m->index, on, b) : index_del(m->index, on, b));
                (add ? (void)index_add(m->index, of, b) : index_del(m->index, of, b));
                if (b->has_csk)
                        (add ? (void)index_add(m->index, csk, b) : index_del(m->index, csk, b));
        }
        talloc_free(on);
        talloc_free(of);
        talloc_free(csk);
}

struct mcx_user *mcx_user_of(struct mcx *m, enum mcx_service s, const char *service_id)
{
        const struct many *many = index_get(m, "id", s, service_id);
        return many->n > 0 ? many->v[0] : NULL;
}

struct mcx_reg *mcx_reg_of(struct mcx *m, const char *impu)
{
        return map_get(m->regs, impu);
}

struct mcx_binding *mcx_binding_of(struct mcx *m, enum mcx_service s, const char *mc_id, const char *client_id)
{
        char *key = binding_key(NULL, s, mc_id, client_id);
        struct mcx_binding *b = key != NULL ? map_get(m->bindings, key) : NULL;
        talloc_free(key);
        return b;
}

struct mcx_binding *mcx_binding_on(struct mcx *m, enum mcx_service s, const char *impu, int64_t now_s)
{
        const struct many *many = index_get(m, "on", s, impu);
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
        const struct many *many = index_get(m, "on", s, impu);
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
        const struct many *many = index_get(m, "on", s, impu);
        for (size_t i = 0; i < many->n; i++)
                if (strcmp(((struct mcx_binding *)many->v[i])->mc_id, mc_id) != 0)
                        return many->v[i];
        return NULL;
}

size_t mcx_bindings_of(struct mcx *m, enum mcx_service s, const char *mc_id, int64_t now_s)
{
        const struct many *many = index_get(m, "of", s, mc_id);
        size_t n = 0;
        for (size_t i = 0; i < many->n; i++)
                n += ((struct mcx_binding *)many->v[i])->valid_until > now_s;
        return n;
}

bool mcx_csk_id_taken(struct mcx *m, uint32_t csk_id, const struct mcx_binding *by)
{
        char *key = talloc_asprintf(NULL, "csk/%08x", csk_id);
        const struct many *many = key != NULL ? map_get(m->index, key) : NULL;
        bool taken = false;
        for (size_t i = 0; many != NULL && i < many->n; i++)
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

/* --- forms for the store --- */

static json_t *user_json(const struct mcx_user *u)
{
        json_t *profiles = json_array();
        for (size_t i = 0; i < u->profiles_n; i++)
                json_array_append_new(profiles, json_integer(u->profiles[i]));
        return json_pack("{s:s,s:s*,s:s*,s:s*,s:b,s:I,s:o,s:I}", "mc_id", u->mc_id, "mcptt_id", u->service_id[MCX_PTT],
                         "mcvideo_id", u->service_id[MCX_VIDEO], "mcdata_id", u->service_id[MCX_DATA], "enabled",
                         u->enabled, "bindings_max", (json_int_t)u->bindings_max, "profiles", profiles, "preselected",
                         (json_int_t)u->preselected);
}

static char *json_text(void *mem, const json_t *o, const char *key)
{
        return dup(mem, json_string_value(json_object_get(o, key)));
}

static int64_t json_number(const json_t *o, const char *key)
{
        return json_integer_value(json_object_get(o, key));
}

static struct mcx_user *user_of_json(void *mem, const json_t *o)
{
        static const char *const id[] = { "mcptt_id", "mcvideo_id", "mcdata_id" };
        struct mcx_user *u = talloc_zero(mem, struct mcx_user);
        if (u == NULL)
                return NULL;
        u->mc_id = json_text(u, o, "mc_id");
        for (int s = 0; s < MCX_SERVICES; s++)
                u->service_id[s] = json_text(u, o, id[s]);
        u->enabled = !json_is_false(json_object_get(o, "enabled"));
        u->bindings_max = json_number(o, "bindings_max");
        u->preselected = json_number(o, "preselected");
        const json_t *profiles = json_object_get(o, "profiles");
        for (size_t i = 0; i < json_array_size(profiles) && i < COUNT(u->profiles); i++)
                u->profiles[u->profiles_n++] = json_integer_value(json_array_get(profiles, i));
        return u;
}

struct mcx_user *mcx_user_from_json(void *mem, const json_t *o)
{
        struct mcx_user *u = user_of_json(mem, o);
        if (u != NULL && u->mc_id == NULL) {
                talloc_free(u);
                return NULL;
        }
        if (u != NULL && u->profiles_n == 0)
                u->profiles[u->profiles_n++] = u->preselected = 1;
        return u;
}

static json_t *reg_json(const struct mcx_reg *r)
{
        return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "impu", r->impu, "scscf", r->scscf, "call_id", r->call_id, "cseq",
                         (json_int_t)r->cseq, "expires_at", (json_int_t)r->expires_at, "services",
                         (json_int_t)r->services);
}

static struct mcx_reg *reg_of_json(void *mem, const json_t *o)
{
        struct mcx_reg *r = talloc_zero(mem, struct mcx_reg);
        if (r == NULL)
                return NULL;
        r->impu = json_text(r, o, "impu");
        r->scscf = json_text(r, o, "scscf");
        r->call_id = json_text(r, o, "call_id");
        r->cseq = (uint32_t)json_number(o, "cseq");
        r->expires_at = json_number(o, "expires_at");
        r->services = (unsigned)json_number(o, "services");
        return r;
}

static struct seal_key seal_key_of(struct mcx *m)
{
        struct seal_key k;
        memcpy(k.b, m->env->seal_key, sizeof k.b);
        return k;
}

static char *csk_sealed(struct mcx *m, void *mem, const struct mcx_binding *b)
{
        SECRET(seal_key) k = seal_key_of(m);
        struct bytes out;
        if (!b->has_csk || seal(mem, &k, m->env->rng, "mcx binding csk", BYTES_ARR(b->csk.b), &out) != E_OK)
                return NULL;
        return b64_encode(mem, out);
}

static json_t *binding_json(struct mcx *m, void *mem, const struct mcx_binding *b)
{
        return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:s*,s:s*,s:I,s:I,s:I,s:I,s:i,s:s*,s:I,s:I,s:s}",
                         "service", (int)b->service, "mc_id", b->mc_id, "client_id", b->client_id, "impu", b->impu,
                         "etag", b->etag, "jti", b->token_jti, "sub", b->token_sub, "iss", b->token_iss, "oauth_client",
                         b->oauth_client, "entity", b->entity_id, "authorised_at", (json_int_t)b->authorised_at,
                         "valid_until", (json_int_t)b->valid_until, "token_exp", (json_int_t)b->token_exp, "profile",
                         (json_int_t)b->profile_index, "answer_mode", (int)b->answer_mode, "csk", csk_sealed(m, mem, b),
                         "csk_id", (json_int_t)b->csk_id, "csk_time", (json_int_t)b->csk_time, "csk_digest",
                         hex_encode(mem, BYTES_ARR(b->csk_digest)));
}

static bool csk_unseal(struct mcx *m, struct mcx_binding *b, const char *text)
{
        SECRET(seal_key) k = seal_key_of(m);
        void *mem = talloc_new(NULL);
        struct bytes sealed, plain;
        bool good = b64_decode(mem, bytes_str(text), &sealed) == E_OK &&
                    seal_open(mem, &k, "mcx binding csk", sealed, &plain, NULL) == E_OK && plain.n == sizeof b->csk.b;
        if (good)
                memcpy(b->csk.b, plain.p, sizeof b->csk.b);
        talloc_free(mem);
        return good;
}

static struct mcx_binding *binding_of_json(struct mcx *m, const json_t *o)
{
        struct mcx_binding *b = binding_new(m);
        if (b == NULL)
                return NULL;
        b->service = (enum mcx_service)json_number(o, "service");
        b->mc_id = json_text(b, o, "mc_id");
        b->client_id = json_text(b, o, "client_id");
        b->impu = json_text(b, o, "impu");
        b->etag = json_text(b, o, "etag");
        b->token_jti = json_text(b, o, "jti");
        b->token_sub = json_text(b, o, "sub");
        b->token_iss = json_text(b, o, "iss");
        b->oauth_client = json_text(b, o, "oauth_client");
        b->entity_id = json_text(b, o, "entity");
        b->authorised_at = json_number(o, "authorised_at");
        b->valid_until = json_number(o, "valid_until");
        b->token_exp = json_number(o, "token_exp");
        b->profile_index = json_number(o, "profile");
        b->answer_mode = (enum mcx_answer_mode)json_number(o, "answer_mode");
        b->csk_id = (uint32_t)json_number(o, "csk_id");
        b->csk_time = json_number(o, "csk_time");
        const char *digest = json_string_value(json_object_get(o, "csk_digest"));
        const char *csk = json_string_value(json_object_get(o, "csk"));
        b->has_csk = csk != NULL && csk_unseal(m, b, csk);
        if (b->service >= MCX_SERVICES || b->mc_id == NULL || b->client_id == NULL || b->impu == NULL ||
            b->etag == NULL ||
            (digest != NULL && hex_decode_to(bytes_str(digest), b->csk_digest, sizeof b->csk_digest) != E_OK)) {
                talloc_free(b);
                return NULL;
        }
        return b;
}

static enum ecode store_put(struct mcx *m, const char *key, json_t *o, struct err *er)
{
        struct store_kv *kv = m->env->store;
        char *text = o != NULL && key != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
        enum ecode e = text != NULL ? kv->put(kv, key, bytes_str(text), er) : err_set(er, E_NOMEM, NULL, "mcx state");
        free(text);
        json_decref(o);
        return e;
}

static enum ecode store_del(struct mcx *m, const char *key, struct err *er)
{
        struct store_kv *kv = m->env->store;
        return key != NULL ? kv->del(kv, key, er) : err_set(er, E_NOMEM, NULL, "mcx state");
}

/* --- changes --- */

/* With the lock: the old value under the key leaves the indexes before it goes. */
static void user_replace(struct mcx *m, const char *mc_id, struct mcx_user *u)
{
        struct mcx_user *old = map_get(m->users, mc_id);
        if (old != NULL)
                user_index(m, old, false);
        if (u == NULL)
                map_del(m->users, mc_id);
        else if (map_put(m->users, mc_id, u) == E_OK)
                user_index(m, u, true);
}

static void binding_replace(struct mcx *m, const char *key, struct mcx_binding *b)
{
        struct mcx_binding *old = map_get(m->bindings, key);
        if (old != NULL)
                binding_index(m, old, false);
        if (b == NULL)
                map_del(m->bindings, key);
        else if (map_put(m->bindings, key, b) == E_OK)
                binding_index(m, b, true);
}

enum ecode mcx_user_put(struct mcx *m, const struct mcx_user *u, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e = store_put(m, user_key(mem, u->mc_id), user_json(u), er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                user_replace(m, u->mc_id, user_copy(m, u));
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_user_del(struct mcx *m, const char *mc_id, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e = store_del(m, user_key(mem, mc_id), er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                user_replace(m, mc_id, NULL);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_reg_put(struct mcx *m, const struct mcx_reg *r, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e = store_put(m, reg_key(mem, r->impu), reg_json(r), er);
        struct mcx_reg *c = e == E_OK ? reg_copy(m, r) : NULL;
        if (e == E_OK && c != NULL) {
                pthread_mutex_lock(&m->lock);
                e = map_put(m->regs, r->impu, c);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_binding_put(struct mcx *m, const struct mcx_binding *b, struct err *er)
{
        void *mem = talloc_new(NULL);
        char *key = binding_key(mem, b->service, b->mc_id, b->client_id);
        enum ecode e = store_put(m, key, binding_json(m, mem, b), er);
        struct mcx_binding *c = e == E_OK ? mcx_binding_copy(m, b) : NULL;
        if (e == E_OK && c != NULL) {
                pthread_mutex_lock(&m->lock);
                binding_replace(m, key, c);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
        return e;
}

enum ecode mcx_binding_del(struct mcx *m, enum mcx_service s, const char *mc_id, const char *client_id, struct err *er)
{
        void *mem = talloc_new(NULL);
        char *key = binding_key(mem, s, mc_id, client_id);
        enum ecode e = store_del(m, key, er);
        if (e == E_OK) {
                pthread_mutex_lock(&m->lock);
                binding_replace(m, key, NULL);
                pthread_mutex_unlock(&m->lock);
        }
        talloc_free(mem);
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
                const struct many *many = index_get(m, "on", (enum mcx_service)s, impu);
                size_t n = many->n;
                struct mcx_binding **list = talloc_zero_array(mem, struct mcx_binding *, n + 1);
                for (size_t i = 0; list != NULL && i < n; i++)
                        list[i] = mcx_binding_copy(mem, many->v[i]);
                pthread_mutex_unlock(&m->lock);
                for (size_t i = 0; list != NULL && i < n && e == E_OK; i++)
                        e = list[i] != NULL
                                    ? mcx_binding_del(m, (enum mcx_service)s, list[i]->mc_id, list[i]->client_id, er)
                                    : E_NOMEM;
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
                map_del(m->regs, impu);
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
                struct mcx_user *u = mcx_user_from_json(m, o);
                if ((good = u != NULL))
                        user_replace(m, u->mc_id, u);
        } else if (o != NULL && strncmp(key, "reg/", 4) == 0) {
                struct mcx_reg *r = reg_of_json(m, o);
                good = r != NULL && r->impu != NULL && map_put(m->regs, r->impu, r) == E_OK;
        } else if (o != NULL && strncmp(key, "binding/", 8) == 0) {
                struct mcx_binding *b = binding_of_json(m, o);
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
        m->users = map_new(m);
        m->regs = map_new(m);
        m->bindings = map_new(m);
        m->index = map_new(m);
        if (m->users == NULL || m->regs == NULL || m->bindings == NULL || m->index == NULL)
                return err_set(er, E_NOMEM, NULL, "mcx state");
        struct store_kv *kv = m->env->store;
        return kv->each(kv, restore_one, m, er);
}

/* R-SA-49, unless a refresh came meanwhile. */
static void reg_expire_one(struct mcx *m, const char *impu, int64_t now)
{
        mcx_enter(m, impu, NULL);
        pthread_mutex_lock(&m->lock);
        const struct mcx_reg *r = mcx_reg_of(m, impu);
        bool over = r != NULL && r->expires_at <= now;
        pthread_mutex_unlock(&m->lock);
        if (over) {
                ev(m->env->log, EV_INFO, "registration-expired", KV_HASH("subject", impu), KV_STR("req", "R-SA-49"));
                mcx_reg_del(m, impu, NULL);
        }
        mcx_leave(m, impu, NULL);
}

void mcx_state_expire(struct mcx *m)
{
        int64_t now = clock_now(m->env->clock);
        void *mem = talloc_new(NULL);
        pthread_mutex_lock(&m->lock);
        char **gone = talloc_zero_array(mem, char *, HASH_COUNT(m->regs->head) + 1);
        struct mcx_binding **over = talloc_zero_array(mem, struct mcx_binding *, HASH_COUNT(m->bindings->head) + 1);
        size_t n = 0, k = 0;
        for (struct mcx_entry *e = m->regs->head; gone != NULL && e != NULL; e = e->hh.next)
                if (((struct mcx_reg *)e->value)->expires_at <= now)
                        gone[n++] = talloc_strdup(mem, ((struct mcx_reg *)e->value)->impu);
        for (struct mcx_entry *e = m->bindings->head; over != NULL && e != NULL; e = e->hh.next)
                if (((struct mcx_binding *)e->value)->valid_until <= now)
                        over[k++] = mcx_binding_copy(mem, e->value);
        pthread_mutex_unlock(&m->lock);
        for (size_t i = 0; i < n; i++)
                reg_expire_one(m, gone[i], now);
        for (size_t i = 0; i < k; i++)
                mcx_binding_del(m, over[i]->service, over[i]->mc_id, over[i]->client_id, NULL);
        talloc_free(mem);
}

static size_t stripe_of(const char *s)
{
        size_t h = 5381;
        for (; s != NULL && *s; s++)
                h = h * 33 + (uint8_t)*s;
        return h % 64;
}

/* In order of number, so that two who want the same two never wait for each other. */
void mcx_enter(struct mcx *m, const char *a, const char *b)
{
        size_t i = stripe_of(a), k = b != NULL ? stripe_of(b) : i;
        pthread_mutex_lock(&m->stripes[i < k ? i : k]);
        if (i != k)
                pthread_mutex_lock(&m->stripes[i < k ? k : i]);
}

void mcx_leave(struct mcx *m, const char *a, const char *b)
{
        size_t i = stripe_of(a), k = b != NULL ? stripe_of(b) : i;
        pthread_mutex_unlock(&m->stripes[i]);
        if (i != k)
                pthread_mutex_unlock(&m->stripes[k]);
}
