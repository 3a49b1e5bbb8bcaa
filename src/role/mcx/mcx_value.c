/* Users, registrations and bindings as values: their copies, and their form in the store. */
#include "role/mcx/mcx.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"

#include <talloc.h>

static int binding_free(struct mcx_binding *b)
{
        secret_wipe(&b->csk, sizeof b->csk);
        return 0;
}

struct mcx_binding *mcx_binding_new(void *mem)
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
        struct mcx_binding *c = mcx_binding_new(mem);
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

struct mcx_user *mcx_user_copy(void *mem, const struct mcx_user *u)
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

struct mcx_reg *mcx_reg_copy(void *mem, const struct mcx_reg *r)
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

/* --- forms for the store --- */

json_t *mcx_user_json(const struct mcx_user *u)
{
        json_t *profiles = json_array();
        for (size_t i = 0; i < u->profiles_n; i++)
                json_array_append_new(profiles, json_integer(u->profiles[i]));
        return json_pack("{s:s,s:s*,s:s*,s:s*,s:b,s:I,s:o,s:I}", "mc_id", u->mc_id, "mcptt_id", u->service_id[MCX_PTT],
                         "mcvideo_id", u->service_id[MCX_VIDEO], "mcdata_id", u->service_id[MCX_DATA], "enabled",
                         u->enabled, "bindings_max", (json_int_t)u->bindings_max, "profiles", profiles, "preselected",
                         (json_int_t)u->preselected);
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

json_t *mcx_reg_json(const struct mcx_reg *r)
{
        return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "impu", r->impu, "scscf", r->scscf, "call_id", r->call_id, "cseq",
                         (json_int_t)r->cseq, "expires_at", (json_int_t)r->expires_at, "services",
                         (json_int_t)r->services);
}

struct mcx_reg *mcx_reg_from_json(void *mem, const json_t *o)
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
        if (r->impu == NULL || r->scscf == NULL || r->call_id == NULL) {
                talloc_free(r);
                return NULL;
        }
        return r;
}

static char *csk_sealed(struct mcx *m, void *mem, const struct mcx_binding *b)
{
        struct bytes out;
        if (!b->has_csk ||
            seal(mem, m->env->seal_key, m->env->rng, "mcx binding csk", BYTES_ARR(b->csk.b), &out) != E_OK)
                return NULL;
        return b64_encode(mem, out);
}

json_t *mcx_binding_json(struct mcx *m, void *mem, const struct mcx_binding *b)
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
        void *mem = talloc_new(NULL);
        struct bytes sealed, plain;
        bool good = b64_decode(mem, bytes_str(text), &sealed) == E_OK &&
                    seal_open(mem, m->env->seal_key, "mcx binding csk", sealed, &plain, NULL) == E_OK &&
                    plain.n == sizeof b->csk.b;
        if (good)
                memcpy(b->csk.b, plain.p, sizeof b->csk.b);
        talloc_free(mem);
        return good;
}

struct mcx_binding *mcx_binding_from_json(struct mcx *m, void *mem, const json_t *o)
{
        struct mcx_binding *b = mcx_binding_new(mem);
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
