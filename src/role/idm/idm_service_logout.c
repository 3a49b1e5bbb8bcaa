/* OpenID Connect RP-Initiated Logout 1.0: shared handsets change users at every shift. */
#include "role/idm/idm_priv.h"

#include <talloc.h>

/* Clause 2: an ID token that is past its end still says whose session is meant. So it is proven as of its own
 * beginning. */
static enum ecode read_hint(struct idm *idm, void *mem, const char *hint, struct token_claims *ret, struct err *er)
{
        struct jwt t;
        struct jwks keys;
        struct token_claims loose;
        static const char *const typ[] = { "JWT", NULL };
        struct jwt_policy pol = { .algs = JOSE_ALLOW_ALL, .iss = idm->conf->issuer, .typ = typ };
        enum ecode e = jwt_parse(mem, bytes_str(hint), &t, er);
        if (e == E_OK)
                e = jwt_claims_unproven(mem, &t, &loose, er);
        if (e == E_OK)
                e = idm_keys_public(idm, mem, &keys, er);
        if (e == E_OK)
                e = jwt_verify(mem, bytes_str(hint), &keys, &pol, loose.iat, ret, er);
        if (e == E_OK && (ret->sub == NULL || ret->aud_n != 1 || ret->client_id != NULL))
                e = err_set(er, E_TOKEN_TYPE, NULL, "this is no ID token");
        if (e != E_OK)
                err_at(er, "id_token_hint");
        return e;
}

enum ecode idm_logout(struct idm *idm, void *mem, const struct idm_logout *in, const char **ret_redirect,
                      int64_t *ret_ended, struct err *er)
{
        struct idm_client c = { 0 };
        struct token_claims hint = { 0 };
        const char *client_id = in->client_id, *to = in->post_logout_redirect_uri;
        enum ecode e = E_OK;
        if (in->repeated != NULL)
                return err_set(er, E_DUPLICATE, "R-ID-49", "%.64s stands twice", in->repeated);
        if (in->id_token_hint != NULL) {
                e = read_hint(idm, mem, in->id_token_hint, &hint, er);
                if (e == E_OK && client_id != NULL && strcmp(client_id, hint.aud[0]) != 0)
                        e = err_set(er, E_FORBIDDEN, "R-ID-138", "the ID token was made for another client");
                client_id = e == E_OK ? hint.aud[0] : NULL;
        }
        if (e == E_OK && to != NULL)
                e = idm_client_known(idm, mem, client_id, &c, er);
        if (e == E_OK && to != NULL && !idm_uri_registered(c.logout_uris, to))
                e = err_set(er, E_REDIRECT_URI, "R-ID-138", "this post_logout_redirect_uri is not registered");
        int64_t ended = 0;
        if (e == E_OK && hint.sub != NULL)
                e = idm->st->family_end(idm->st, hint.sub, client_id, &ended, er);
        if (e != E_OK)
                return e;
        struct buf b = buf_on(mem);
        buf_puts(&b, to != NULL ? to : "");
        if (to != NULL && in->state != NULL)
                query_put(&b, "state", in->state);
        *ret_redirect = to != NULL ? buf_str(&b) : NULL;
        *ret_ended = ended;
        return E_OK;
}
