#include "lib/lib.h"

#include "base/secret.h"

#include <talloc.h>

_Static_assert((int)MUSTER_GMK == MIKEY_GMK && (int)MUSTER_CSK == MIKEY_CSK && (int)MUSTER_MUSIK == MIKEY_MUSIK,
               "key types are numbered alike");

enum muster_result muster_key_new(enum muster_key_type type, struct muster_key *ret, struct muster_error *err)
{
        struct err er = { 0 };
        struct mikey_key k = { 0 };
        enum ecode e = (unsigned)type <= MUSTER_MUSIK ? mikey_key_new(lib_env.rng, (enum mikey_type)type, &k)
                                                      : err_set(&er, E_RANGE, NULL, "no such type of key");
        if (e == E_OK) {
                memcpy(ret->octets, k.key.b, sizeof ret->octets);
                ret->id = k.id;
        }
        mikey_key_wipe(&k);
        return lib_result(e, &er, err);
}

void muster_key_wipe(struct muster_key *k)
{
        secret_wipe(k, sizeof *k);
}

static enum mikey_cs_use sessions_of(enum muster_service s)
{
        return s == MUSTER_MCPTT ? MIKEY_CS_PTT : s == MUSTER_MCVIDEO ? MIKEY_CS_VIDEO : MIKEY_CS_NONE;
}

static enum ecode make(void *mem, const struct muster_mikey_offer *in, struct bytes *ret, struct err *er)
{
        if (in->from == NULL || in->peer_uri == NULL || in->key == NULL)
                return lib_missing("from, peer_uri or key", er);
        struct mikey_params params = { 0 };
        if (in->params != NULL)
                params = (struct mikey_params){ .revoked = in->params->revoked,
                                                .shared_with_gateway = in->params->shared_with_gateway,
                                                .activation_s = in->params->activation_s,
                                                .expiry_s = in->params->expiry_s,
                                                .text = (char *)(uintptr_t)in->params->text,
                                                .groups = (char **)(uintptr_t)in->params->groups,
                                                .groups_n = in->params->groups_n };
        __attribute__((cleanup(mikey_key_wipe))) struct mikey_key key = { .id = in->key->id };
        memcpy(key.key.b, in->key->octets, sizeof key.key.b);
        struct mikey_offer offer = { .from = in->from->user,
                                     .peer_uri = in->peer_uri,
                                     .peer_domain = in->peer_domain != NULL ? in->peer_domain->d : in->from->home.d,
                                     .key = &key,
                                     .time_s = lib_time(in->time_s),
                                     .params = in->params != NULL ? &params : NULL,
                                     .cs = sessions_of(in->sessions),
                                     .clear_uris = in->clear_uris };
        return mikey_offer_print(mem, &offer, lib_env.rng, ret, er);
}

enum muster_result muster_mikey_make(const struct muster_mikey_offer *offer, uint8_t **ret, size_t *ret_n,
                                     struct muster_error *err)
{
        struct err er = { 0 };
        struct bytes message = { 0 };
        uint8_t *out = NULL;
        void *mem = talloc_new(NULL);
        enum ecode e = mem != NULL ? make(mem, offer, &message, &er) : E_NOMEM;
        if (e == E_OK && (out = lib_octets(message)) == NULL)
                e = E_NOMEM;
        if (e == E_OK) {
                *ret = out;
                *ret_n = message.n;
        }
        talloc_free(mem);
        return lib_result(e, &er, err);
}

/* --- opening --- */

struct opened {
        struct muster_mikey_opened shown; /* first: what the caller holds */
        struct mikey_opened in;
        struct muster_key_params params;
};

static int opened_end(struct opened *o)
{
        muster_key_wipe(&o->shown.key);
        mikey_opened_wipe(&o->in);
        return 0;
}

static const struct mikey_domain *domain_of(const void *arg, const char *kms_uri)
{
        const struct muster_mikey_expect *x = arg;
        for (size_t i = 0; i < x->selves_n; i++)
                if (strcmp(x->selves[i]->home.d->kms_uri, kms_uri) == 0)
                        return x->selves[i]->home.d;
        for (size_t i = 0; i < x->partners_n; i++)
                if (strcmp(x->partners[i]->d->kms_uri, kms_uri) == 0)
                        return x->partners[i]->d;
        return NULL;
}

static void show(struct opened *o)
{
        struct muster_mikey_opened *to = &o->shown;
        memcpy(to->key.octets, o->in.key.key.b, sizeof to->key.octets);
        to->key.id = o->in.key.id;
        to->type = (enum muster_key_type)o->in.type;
        to->csb_id = o->in.csb_id;
        to->time_s = o->in.time_s;
        to->initiator_uri = o->in.initiator_uri;
        to->initiator_kms_uri = o->in.initiator_domain->kms_uri;
        to->receiver_uri = o->in.self->uri;
        if (o->in.params == NULL)
                return;
        const struct mikey_params *p = o->in.params;
        o->params = (struct muster_key_params){ .revoked = p->revoked,
                                                .shared_with_gateway = p->shared_with_gateway,
                                                .activation_s = p->activation_s,
                                                .expiry_s = p->expiry_s,
                                                .text = p->text,
                                                .groups = (const char *const *)p->groups,
                                                .groups_n = p->groups_n };
        to->params = &o->params;
}

static enum ecode open_message(struct opened *o, struct bytes message, const struct muster_mikey_expect *x,
                               struct err *er)
{
        const struct mikey_user **selves = talloc_zero_array(o, const struct mikey_user *, x->selves_n + 1);
        if (selves == NULL)
                return err_set(er, E_NOMEM, NULL, "MIKEY message");
        for (size_t i = 0; i < x->selves_n; i++)
                selves[i] = x->selves[i]->user;
        struct mikey_expect in = { .selves = selves,
                                   .selves_n = x->selves_n,
                                   .domain_of = domain_of,
                                   .domain_arg = x,
                                   .initiator_uri = x->initiator_uri,
                                   .types = x->types,
                                   .now_s = lib_time(x->now_s),
                                   .window_s = x->window_s };
        return mikey_open(o, message, &in, &o->in, er);
}

enum muster_result muster_mikey_open(const uint8_t *message, size_t n, const struct muster_mikey_expect *expect,
                                     struct muster_mikey_opened **ret, struct muster_error *err)
{
        struct err er = { 0 };
        struct opened *o = talloc_zero(NULL, struct opened);
        if (o == NULL)
                return lib_result(E_NOMEM, &er, err);
        talloc_set_destructor(o, opened_end);
        enum ecode e = open_message(o, bytes_of(message, n), expect, &er);
        if (e == E_OK) {
                show(o);
                *ret = &o->shown;
        } else {
                talloc_free(o);
        }
        return lib_result(e, &er, err);
}

bool muster_mikey_initiator_is(const struct muster_mikey_opened *o, const char *uri)
{
        return mikey_initiator_is(&((const struct opened *)o)->in, uri);
}

void muster_mikey_opened_free(struct muster_mikey_opened *o)
{
        talloc_free(o);
}
