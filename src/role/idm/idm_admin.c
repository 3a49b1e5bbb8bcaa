/* Administration: JSON in, JSON out; see idm.h for the commands. */
#include "role/idm/idm_priv.h"

#include "role/common/request.h"

#include "crypto/prim.h"

#include <talloc.h>

#define NAME_MAX_LEN 255

/* Reading arguments */

static enum ecode get_text(void *mem, json_t *in, const char *key, const char **ret, struct err *er)
{
        json_t *v = json_object_get(in, key);
        if (v == NULL)
                return E_OK; /* stays as it is */
        if (json_is_null(v)) {
                *ret = NULL;
                return E_OK;
        }
        if (!json_is_string(v))
                return err_set(er, E_SYNTAX, NULL, "%s is a text", key);
        size_t n = json_string_length(v);
        const char *s = json_string_value(v);
        if (n == 0 || n > NAME_MAX_LEN || strlen(s) != n)
                return err_set(er, E_RANGE, NULL, "%s has 1 to %d octets", key, NAME_MAX_LEN);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return err_set(er, E_SYNTAX, NULL, "%s holds a control character", key);
        *ret = talloc_strdup(mem, s);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "%s", key);
}

static enum ecode need_text(void *mem, json_t *in, const char *key, const char **ret, struct err *er)
{
        const char *s = NULL;
        enum ecode e = get_text(mem, in, key, &s, er);
        if (e == E_OK && s == NULL)
                return err_set(er, E_MISSING, NULL, "%s is missing", key);
        if (e == E_OK)
                *ret = s;
        return e;
}

static enum ecode get_bool(json_t *in, const char *key, bool *ret, struct err *er)
{
        json_t *v = json_object_get(in, key);
        if (v != NULL && !json_is_boolean(v))
                return err_set(er, E_SYNTAX, NULL, "%s is true or false", key);
        if (v != NULL)
                *ret = json_is_true(v);
        return E_OK;
}

static void set_text(json_t *o, const char *key, const char *s)
{
        if (s != NULL)
                json_object_set_new(o, key, json_string(s));
}

static void set_time(json_t *o, const char *key, int64_t t)
{
        char text[21];
        if (t == 0)
                return;
        time_iso8601(t, text);
        json_object_set_new(o, key, json_string(text));
}

/* Lists stand as texts with single spaces in the store and as arrays outside. */
static json_t *words(const char *list)
{
        json_t *a = json_array();
        struct bytes w;
        for (size_t at = 0; list != NULL && scope_next(list, &at, &w);)
                json_array_append_new(a, json_stringn((const char *)w.p, w.n));
        return a;
}

/* Users */

static json_t *user_json(const struct idm_user *u)
{
        json_t *o = json_object();
        set_text(o, "mc_id", u->mc_id);
        set_text(o, "sub", u->sub);
        set_text(o, "name", u->name);
        set_text(o, "mcptt_id", u->mcptt_id);
        set_text(o, "mcvideo_id", u->mcvideo_id);
        set_text(o, "mcdata_id", u->mcdata_id);
        set_text(o, "extra_scopes", u->extra_scopes);
        json_object_set_new(o, "enabled", json_boolean(u->enabled));
        set_time(o, "created", u->created_s);
        set_time(o, "last_login", u->last_login_s);
        return o;
}

/* An MC service ID is a URI: 5.1.2.1. */
static enum ecode check_uri(const char *key, const char *uri, struct err *er)
{
        if (uri == NULL)
                return E_OK;
        const char *colon = strchr(uri, ':');
        if (colon == NULL || colon == uri || colon[1] == 0 || strpbrk(uri, " <>\"") != NULL)
                return err_set(er, E_SYNTAX, "R-ID-10", "%s is a URI such as sip:alice@mc.example", key);
        return E_OK;
}

static enum ecode read_user(void *mem, json_t *in, struct idm_user *u, struct err *er)
{
        const struct {
                const char *key;
                const char **at;
                bool uri;
        } field[] = { { "name", &u->name, false },
                      { "mcptt_id", &u->mcptt_id, true },
                      { "mcvideo_id", &u->mcvideo_id, true },
                      { "mcdata_id", &u->mcdata_id, true },
                      { "extra_scopes", &u->extra_scopes, false } };
        enum ecode e = get_bool(in, "enabled", &u->enabled, er);
        for (size_t i = 0; e == E_OK && i < COUNT(field); i++) {
                e = get_text(mem, in, field[i].key, field[i].at, er);
                if (e == E_OK && field[i].uri)
                        e = check_uri(field[i].key, *field[i].at, er);
        }
        if (e == E_OK && u->extra_scopes != NULL && !scope_valid(u->extra_scopes))
                e = err_set(er, E_SYNTAX, NULL, "extra_scopes are scopes with single spaces between them");
        return e;
}

static enum ecode hash_password(struct idm *idm, void *mem, json_t *in, const char **ret, struct err *er)
{
        const char *password = NULL;
        char *hash = NULL;
        enum ecode e = get_text(mem, in, "password", &password, er);
        if (e != E_OK || password == NULL)
                return e;
        e = password_hash(mem, bytes_str(password), idm->cost, &hash);
        if (e != E_OK)
                return err_set(er, e, NULL, "the password could not be hashed");
        *ret = hash;
        return E_OK;
}

/* The user as they would be after the command; *is_new tells whether there was none. */
static enum ecode plan_user(struct idm *idm, void *mem, json_t *in, struct idm_user *u, bool *is_new, struct err *er)
{
        const char *mc_id = NULL;
        bool only_new = false;
        struct err why = { 0 };
        enum ecode e = need_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = get_bool(in, "new", &only_new, er);
        if (e != E_OK)
                return e;
        e = idm->st->user_by_mc_id(idm->st, mem, mc_id, u, &why);
        *is_new = e == E_NOT_FOUND;
        if (e == E_OK && only_new)
                return err_set(er, E_EXISTS, "R-ID-10", "there is a user %s", mc_id);
        if (*is_new) {
                char *random = rng_hex(idm->env->rng, mem, 16);
                if (random == NULL)
                        return err_set(er, E_CRYPTO, NULL, "no randomness");
                *u = (struct idm_user){ .mc_id = mc_id, .enabled = true, .created_s = idm_now(idm) };
                u->sub = talloc_asprintf(mem, "u-%s", random);
        } else if (e != E_OK) {
                return err_set(er, e, NULL, "%s", why.text);
        }
        return read_user(mem, in, u, er);
}

static enum ecode user_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_user u;
        bool is_new;
        enum ecode e = plan_user(idm, mem, in, &u, &is_new, er);
        if (e == E_OK)
                e = hash_password(idm, mem, in, &u.password_hash, er);
        if (e == E_OK && u.password_hash == NULL)
                e = err_set(er, E_MISSING, "R-ID-10", "a user needs a password");
        if (e == E_OK)
                e = idm->st->user_put(idm->st, &u, er);
        if (e != E_OK)
                return e;
        ev(idm->env->log, EV_INFO, is_new ? "user-made" : "user-changed", KV_HASH("user", u.mc_id));
        *out = user_json(&u);
        return E_OK;
}

static enum ecode user_check(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_user u;
        bool is_new;
        const char *password = NULL;
        enum ecode e = plan_user(idm, mem, in, &u, &is_new, er);
        if (e == E_OK)
                e = get_text(mem, in, "password", &password, er);
        if (e == E_OK && u.password_hash == NULL && password == NULL)
                e = err_set(er, E_MISSING, "R-ID-10", "a user needs a password");
        if (e == E_OK)
                e = idm->st->user_check(idm->st, &u, er);
        if (e == E_OK)
                *out = json_pack("{s:b}", "new", is_new);
        return e;
}

static enum ecode user_show(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_user u;
        const char *mc_id = NULL;
        enum ecode e = need_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = idm->st->user_by_mc_id(idm->st, mem, mc_id, &u, er);
        if (e == E_OK)
                *out = user_json(&u);
        return e;
}

static enum ecode user_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_user *list = NULL;
        size_t n = 0;
        struct page page;
        enum ecode e = arg_page(in, &page, er);
        if (e == E_OK)
                e = idm->st->user_list(idm->st, mem, page.after, page.most, &list, &n, er);
        if (e != E_OK)
                return e;
        json_t *users = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(users, user_json(&list[i]));
        *out = json_pack("{s:o}", "users", users);
        if (n == page.most)
                json_object_set_new(*out, "next", json_string(list[n - 1].mc_id));
        return E_OK;
}

static enum ecode user_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        const char *mc_id = NULL;
        (void)out;
        enum ecode e = need_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = idm->st->user_del(idm->st, mc_id, er);
        if (e == E_OK)
                ev(idm->env->log, EV_INFO, "user-deleted", KV_HASH("user", mc_id), KV_STR("req", "R-ID-12"));
        return e;
}

static enum ecode set_enabled(struct idm *idm, void *mem, json_t *in, bool on, struct err *er)
{
        const char *mc_id = NULL;
        enum ecode e = need_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = idm->st->user_enable(idm->st, mc_id, on, er);
        if (e == E_OK)
                ev(idm->env->log, EV_INFO, on ? "user-enabled" : "user-disabled", KV_HASH("user", mc_id),
                   KV_STR("req", "R-ID-13"));
        return e;
}

static enum ecode user_enable(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        (void)out;
        return set_enabled(role, mem, in, true, er);
}

static enum ecode user_disable(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        (void)out;
        return set_enabled(role, mem, in, false, er);
}

static enum ecode user_passwd(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        const char *mc_id = NULL, *hash = NULL;
        (void)out;
        enum ecode e = need_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = hash_password(idm, mem, in, &hash, er);
        if (e == E_OK && hash == NULL)
                e = err_set(er, E_MISSING, NULL, "password is missing");
        if (e == E_OK)
                e = idm->st->user_passwd(idm->st, mc_id, hash, er);
        if (e == E_OK)
                ev(idm->env->log, EV_INFO, "password-changed", KV_HASH("user", mc_id));
        return e;
}

/* Clients */

static json_t *client_json(const struct idm_client *c)
{
        json_t *o = json_object();
        set_text(o, "client_id", c->id);
        set_text(o, "name", c->name);
        set_text(o, "auth_method", c->auth_method);
        json_object_set_new(o, "redirect_uris", words(c->redirect_uris));
        json_object_set_new(o, "logout_uris", words(c->logout_uris));
        json_object_set_new(o, "scopes", words(c->scopes));
        set_text(o, "id_alg", c->id_alg);
        json_object_set_new(o, "lenient_openid", json_boolean(c->lenience & AUTH_LENIENT_OPENID));
        json_object_set_new(o, "lenient_acr", json_boolean(c->lenience & AUTH_LENIENT_ACR));
        json_object_set_new(o, "rel13_scopes", json_boolean(c->rel13_scopes));
        json_object_set_new(o, "consent", json_boolean(c->consent));
        json_object_set_new(o, "introspects", json_boolean(c->introspects));
        json_object_set_new(o, "par_required", json_boolean(c->par_required));
        json_object_set_new(o, "enabled", json_boolean(c->enabled));
        if (c->access_ttl_s != 0)
                json_object_set_new(o, "access_ttl_s", json_integer(c->access_ttl_s));
        set_time(o, "created", c->created_s);
        return o;
}

/* openid and the thirteen current scopes: R-ID-51. */
static const char *all_scopes(void *mem)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "openid");
        for (size_t i = 0; i < MC_SCOPES_N; i++)
                if (mc_scopes[i].alias_of == NULL)
                        buf_printf(&b, " %s", mc_scopes[i].name);
        return buf_str(&b);
}

typedef bool (*word_ok)(const char *);

static enum ecode get_words(void *mem, json_t *in, const char *key, word_ok ok, const char **ret, struct err *er)
{
        json_t *v = json_object_get(in, key), *item;
        struct buf b = buf_on(mem);
        size_t i;
        if (v == NULL)
                return E_OK;
        if (!json_is_array(v))
                return err_set(er, E_SYNTAX, NULL, "%s is a list of texts", key);
        json_array_foreach(v, i, item)
        {
                const char *s = json_string_value(item);
                if (s == NULL || *s == 0 || strchr(s, ' ') != NULL || !ok(s))
                        return err_set(er, E_SYNTAX, NULL, "%s: entry %zu is not allowed", key, i + 1);
                buf_printf(&b, "%s%s", i > 0 ? " " : "", s);
        }
        *ret = buf_str(&b);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "%s", key);
}

static enum ecode get_scopes(void *mem, json_t *in, const char **ret, struct err *er)
{
        const char *word = json_string_value(json_object_get(in, "scopes"));
        if (word == NULL)
                return get_words(mem, in, "scopes", scope_valid, ret, er);
        if (strcmp(word, "all") != 0)
                return err_set(er, E_SYNTAX, NULL, "scopes is a list of texts, or \"all\"");
        *ret = all_scopes(mem);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "scopes");
}

/* A list of words instead of a number per switch keeps the rows of the table alike. */
static enum ecode read_switches(json_t *in, struct idm_client *c, struct err *er)
{
        bool openid = c->lenience & AUTH_LENIENT_OPENID, acr = c->lenience & AUTH_LENIENT_ACR;
        const struct {
                const char *key;
                bool *at;
        } row[] = { { "lenient_openid", &openid },
                    { "lenient_acr", &acr },
                    { "rel13_scopes", &c->rel13_scopes },
                    { "consent", &c->consent },
                    { "introspects", &c->introspects },
                    { "par_required", &c->par_required },
                    { "enabled", &c->enabled } };
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < COUNT(row); i++)
                e = get_bool(in, row[i].key, row[i].at, er);
        c->lenience = (openid ? AUTH_LENIENT_OPENID : 0) | (acr ? AUTH_LENIENT_ACR : 0);
        return e;
}

static enum ecode read_ttl(json_t *in, struct idm_client *c, struct err *er)
{
        json_t *v = json_object_get(in, "access_ttl_s");
        if (v == NULL)
                return E_OK;
        json_int_t n = json_integer_value(v);
        if (!json_is_integer(v) || n < 0 || n > 86400)
                return err_set(er, E_RANGE, "R-ID-31", "access_ttl_s is 0 to 86400 seconds");
        c->access_ttl_s = n;
        return E_OK;
}

static bool one_of(const char *s, const char *const *words_)
{
        for (; *words_ != NULL; words_++)
                if (strcmp(s, *words_) == 0)
                        return true;
        return false;
}

static enum ecode read_client(void *mem, json_t *in, struct idm_client *c, struct err *er)
{
        static const char *const methods[] = { "none", "client_secret_basic", "private_key_jwt", NULL };
        static const char *const algs[] = { "RS256", "ES256", NULL };
        enum ecode e = get_text(mem, in, "name", &c->name, er);
        if (e == E_OK)
                e = get_text(mem, in, "auth_method", &c->auth_method, er);
        if (e == E_OK)
                e = get_text(mem, in, "id_alg", &c->id_alg, er);
        if (e == E_OK)
                e = get_words(mem, in, "redirect_uris", redirect_uri_registrable, &c->redirect_uris, er);
        if (e == E_OK)
                e = get_words(mem, in, "logout_uris", redirect_uri_registrable, &c->logout_uris, er);
        if (e == E_OK)
                e = get_scopes(mem, in, &c->scopes, er);
        if (e == E_OK)
                e = read_switches(in, c, er);
        if (e == E_OK)
                e = read_ttl(in, c, er);
        if (e != E_OK)
                return e;
        if (c->auth_method == NULL || !one_of(c->auth_method, methods))
                return err_set(er, E_RANGE, "R-ID-69", "auth_method is none, client_secret_basic or private_key_jwt");
        if (c->id_alg == NULL || !one_of(c->id_alg, algs))
                return err_set(er, E_RANGE, "R-ID-29", "id_alg is RS256 or ES256");
        return E_OK;
}

/* A secret that somebody chose is hashed slowly; one made here has 256 bits, is shown once, and needs no slow hash. */
static enum ecode read_secret(struct idm *idm, void *mem, json_t *in, struct idm_client *c, const char **shown,
                              struct err *er)
{
        const char *given = NULL;
        char *slow = NULL;
        uint8_t h[SHA256_LEN];
        enum ecode e = get_text(mem, in, "secret", &given, er);
        if (e != E_OK || strcmp(c->auth_method, "client_secret_basic") != 0) {
                c->secret_hash = NULL;
                return e;
        }
        if (given == NULL && c->secret_hash != NULL)
                return E_OK;
        if (given != NULL) {
                e = password_hash(mem, bytes_str(given), idm->cost, &slow);
                c->secret_hash = slow;
                return e == E_OK ? E_OK : err_set(er, e, NULL, "the secret could not be hashed");
        }
        *shown = idm_random(idm, mem);
        if (*shown == NULL || sha256(bytes_str(*shown), h) != E_OK)
                return err_set(er, E_CRYPTO, NULL, "no randomness");
        c->secret_hash = talloc_asprintf(mem, "sha256:%s", hex_encode(mem, BYTES_ARR(h)));
        return c->secret_hash != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "secret");
}

static enum ecode read_jwks(void *mem, json_t *in, struct idm_client *c, struct err *er)
{
        struct jwks keys;
        json_t *v = json_object_get(in, "jwks");
        if (v != NULL) {
                char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
                c->jwks = text != NULL ? talloc_strdup(mem, text) : NULL;
                free(text);
        }
        if (strcmp(c->auth_method, "private_key_jwt") != 0) {
                c->jwks = NULL;
                return E_OK;
        }
        if (c->jwks == NULL)
                return err_set(er, E_MISSING, "R-ID-69", "jwks is missing");
        enum ecode e = jwks_parse(mem, bytes_str(c->jwks), &keys, er);
        return e == E_OK && keys.n == 0 ? err_set(er, E_RANGE, "R-ID-69", "jwks holds no key of use") : e;
}

static enum ecode client_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        const char *id = NULL, *secret = NULL;
        struct idm_client c;
        struct err why = { 0 };
        enum ecode e = need_text(mem, in, "client_id", &id, er);
        if (e != E_OK)
                return e;
        e = idm->st->client_get(idm->st, mem, id, &c, &why);
        if (e == E_NOT_FOUND)
                c = (struct idm_client){ .id = id,
                                         .auth_method = "none",
                                         .redirect_uris = "",
                                         .logout_uris = "",
                                         .scopes = all_scopes(mem),
                                         .id_alg = "RS256",
                                         .enabled = true,
                                         .created_s = idm_now(idm) };
        else if (e != E_OK)
                return err_set(er, e, NULL, "%s", why.text);
        e = read_client(mem, in, &c, er);
        if (e == E_OK)
                e = read_secret(idm, mem, in, &c, &secret, er);
        if (e == E_OK)
                e = read_jwks(mem, in, &c, er);
        if (e == E_OK)
                e = idm->st->client_put(idm->st, &c, er);
        if (e != E_OK)
                return e;
        ev(idm->env->log, EV_INFO, "client-changed", KV_STR("client", c.id));
        *out = client_json(&c);
        set_text(*out, "secret", secret);
        return E_OK;
}

static enum ecode client_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_client *list = NULL;
        size_t n = 0;
        (void)in;
        enum ecode e = idm->st->client_list(idm->st, mem, &list, &n, er);
        if (e != E_OK)
                return e;
        json_t *clients = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(clients, client_json(&list[i]));
        *out = json_pack("{s:o}", "clients", clients);
        return E_OK;
}

static enum ecode client_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        const char *id = NULL;
        (void)out;
        enum ecode e = need_text(mem, in, "client_id", &id, er);
        if (e == E_OK)
                e = idm->st->client_del(idm->st, id, er);
        if (e == E_OK)
                ev(idm->env->log, EV_INFO, "client-deleted", KV_STR("client", id));
        return e;
}

/* Keys and sessions */

static enum ecode key_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        struct idm_key *list = NULL;
        size_t n = 0;
        (void)in;
        enum ecode e = idm->st->key_list(idm->st, mem, &list, &n, er);
        if (e != E_OK)
                return e;
        json_t *keys = json_array();
        for (size_t i = 0; i < n; i++) {
                json_t *o = json_pack("{s:s, s:s}", "kid", list[i].kid, "alg", list[i].alg);
                set_time(o, "created", list[i].created_s);
                set_time(o, "use_from", list[i].use_from_s);
                set_time(o, "drop_at", list[i].drop_at_s);
                json_array_append_new(keys, o);
        }
        *out = json_pack("{s:o}", "keys", keys);
        return E_OK;
}

static enum ecode key_rotate(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        const char *alg = NULL;
        enum ecode e = get_text(mem, in, "alg", &alg, er);
        if (e == E_OK)
                e = idm_keys_rotate(role, alg, er);
        return e == E_OK ? key_list(role, mem, in, out, er) : e;
}

static json_t *session_json(struct idm *idm, void *mem, const struct idm_family *f)
{
        struct idm_user u;
        json_t *o = json_object();
        if (idm->st->user_by_sub(idm->st, mem, f->sub, &u, NULL) == E_OK)
                set_text(o, "mc_id", u.mc_id);
        set_text(o, "sub", f->sub);
        set_text(o, "client_id", f->client_id);
        set_text(o, "scope", f->scope);
        set_time(o, "signed_on", f->auth_time_s);
        set_time(o, "expires", f->expires_s);
        return o;
}

static enum ecode end_sessions(struct idm *idm, const char *sub, json_t **out, struct err *er)
{
        int64_t n = 0;
        if (sub == NULL)
                return err_set(er, E_MISSING, NULL, "whose sessions shall end: mc_id is missing");
        enum ecode e = idm->st->family_end(idm->st, sub, NULL, &n, er);
        if (e == E_OK)
                *out = json_pack("{s:I}", "ended", (json_int_t)n);
        return e;
}

static enum ecode sessions(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct idm *idm = role;
        const char *mc_id = NULL;
        bool end = false;
        struct idm_user u = { 0 };
        struct idm_family *list = NULL;
        size_t n = 0;
        enum ecode e = get_text(mem, in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = get_bool(in, "end", &end, er);
        if (e == E_OK && mc_id != NULL)
                e = idm->st->user_by_mc_id(idm->st, mem, mc_id, &u, er);
        if (e == E_OK && end)
                return end_sessions(idm, u.sub, out, er);
        if (e == E_OK)
                e = idm->st->family_list(idm->st, mem, u.sub, idm_now(idm), 1000, &list, &n, er);
        if (e != E_OK)
                return e;
        json_t *all = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(all, session_json(idm, mem, &list[i]));
        *out = json_pack("{s:o}", "sessions", all);
        return E_OK;
}

const struct admin_cmd idm_admin_cmds[] = {
        { "user-put", user_put },         { "user-check", user_check },   { "user-show", user_show },
        { "user-list", user_list },       { "user-del", user_del },       { "user-enable", user_enable },
        { "user-disable", user_disable }, { "user-passwd", user_passwd }, { "client-put", client_put },
        { "client-list", client_list },   { "client-del", client_del },   { "key-rotate", key_rotate },
        { "key-list", key_list },         { "sessions", sessions },       { 0 },
};
