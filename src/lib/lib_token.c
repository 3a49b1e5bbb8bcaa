#include "lib/lib.h"

#include "role/common/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

/* How a JWK set that was handed in is asked for, as if it were fetched: the number of its issuer follows. */
#define TEXT_URL "muster-jwks:"

_Static_assert((int)MUSTER_MCPTT == MC_PTT && (int)MUSTER_MCVIDEO == MC_VIDEO && (int)MUSTER_MCDATA == MC_DATA,
               "services are numbered alike");
_Static_assert((int)MUSTER_RES_SERVICE == MC_RES_SERVICE && (int)MUSTER_RES_LMS == MC_RES_LMS,
               "resources are numbered alike");

struct muster_tokens {
        struct http_client http; /* first: what the trust list asks for keys */
        struct http_client *net; /* NULL: all keys were handed in */
        struct role_env env;
        struct trust *trust;
        const char **audiences;
        char **text; /* one per issuer, or NULL */
};

static enum ecode fetch(struct http_client *c, void *mem, const struct http_out *rq, struct http_in *rs, struct err *er)
{
        const struct muster_tokens *t = (const struct muster_tokens *)c;
        if (strncmp(rq->url, TEXT_URL, strlen(TEXT_URL)) != 0)
                return t->net->fetch(t->net, mem, rq, rs, er);
        unsigned long i = strtoul(rq->url + strlen(TEXT_URL), NULL, 10);
        rs->body = bytes_copy(mem, bytes_str(t->text[i]));
        rs->status = 200;
        return rs->body.p != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "JWK set");
}

static enum ecode take_audiences(struct muster_tokens *t, const char *const *list, struct err *er)
{
        size_t n = 0;
        while (list != NULL && list[n] != NULL)
                n++;
        if (n == 0)
                return lib_missing("an audience", er);
        t->audiences = talloc_zero_array(t, const char *, n + 1);
        for (size_t i = 0; t->audiences != NULL && i < n; i++)
                if ((t->audiences[i] = talloc_strdup(t, list[i])) == NULL)
                        return err_set(er, E_NOMEM, NULL, "audiences");
        return t->audiences != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "audiences");
}

static enum ecode take_issuer(struct muster_tokens *t, const struct muster_issuer *in, size_t i,
                              struct trust_issuer *to, struct err *er)
{
        struct jwks keys;
        *to = (struct trust_issuer){ .issuer = in->issuer,
                                     .jwks_url = in->jwks_url,
                                     .plain_jwt_typ = in->plain_jwt,
                                     .scp_array = in->scp_array };
        if (in->issuer == NULL)
                return lib_missing("the name of an issuer", er);
        if ((in->jwks_url == NULL) == (in->jwks_text == NULL))
                return err_set(er, E_MISSING, NULL, "%.120s needs either jwks_url or jwks_text", in->issuer);
        if (in->jwks_text == NULL)
                return E_OK;
        void *mem = talloc_new(NULL);
        enum ecode e = jwks_parse(mem, bytes_str(in->jwks_text), &keys, er);
        talloc_free(mem);
        if (e != E_OK)
                return e;
        t->text[i] = talloc_strdup(t, in->jwks_text);
        to->jwks_url = talloc_asprintf(t, TEXT_URL "%zu", i);
        return t->text[i] != NULL && to->jwks_url != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "JWK set");
}

static enum ecode open_trust(struct muster_tokens *t, const struct muster_tokens_conf *conf, struct err *er)
{
        if (conf->issuers_n == 0)
                return lib_missing("an issuer", er);
        t->text = talloc_zero_array(t, char *, conf->issuers_n);
        struct trust_issuer *list = talloc_zero_array(t, struct trust_issuer, conf->issuers_n);
        if (t->text == NULL || list == NULL)
                return err_set(er, E_NOMEM, NULL, "issuers");
        bool network = false;
        enum ecode e = E_OK;
        for (size_t i = 0; i < conf->issuers_n && e == E_OK; i++) {
                e = take_issuer(t, &conf->issuers[i], i, &list[i], er);
                network |= conf->issuers[i].jwks_url != NULL;
        }
        if (e == E_OK && network && conf->ca_file == NULL)
                e = lib_missing("ca_file", er);
        if (e == E_OK && network)
                e = lib_http_open(t, &(struct http_client_conf){ .rng = lib_env.rng, .ca_file = conf->ca_file },
                                  &t->net, er);
        if (e == E_OK)
                e = trust_open(t, &t->env, list, conf->issuers_n, &t->trust, er);
        talloc_free(list);
        return e;
}

enum ecode lib_tokens_open(const struct muster_tokens_conf *conf, const struct clock *clock, struct muster_tokens **ret,
                           struct err *er)
{
        struct muster_tokens *t = talloc_zero(NULL, struct muster_tokens);
        if (t == NULL)
                return err_set(er, E_NOMEM, NULL, "tokens");
        t->http.fetch = fetch;
        t->env = (struct role_env){ .clock = clock, .rng = lib_env.rng, .http = &t->http };
        enum ecode e = take_audiences(t, conf->audiences, er);
        if (e == E_OK && conf->cache_dir != NULL && (t->env.state_dir = talloc_strdup(t, conf->cache_dir)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "tokens");
        if (e == E_OK)
                e = open_trust(t, conf, er);
        if (e == E_OK)
                *ret = t;
        else
                muster_tokens_free(t);
        return e;
}

enum muster_result muster_tokens_open(const struct muster_tokens_conf *conf, struct muster_tokens **ret,
                                      struct muster_error *err)
{
        struct err er = { 0 };
        return lib_result(lib_tokens_open(conf, lib_env.clock, ret, &er), &er, err);
}

void muster_tokens_free(struct muster_tokens *t)
{
        if (t != NULL)
                TALLOC_FREE(t->trust); /* before what it asks through */
        talloc_free(t);
}

/* Which service lets the user in, and as whom. */
static enum ecode let_in(const struct token_claims *c, enum muster_service s, enum muster_resource r,
                         enum muster_service *ret_service, const char **ret_id, struct err *er)
{
        enum ecode e = trust_may(c, (enum mc_service)s, (enum mc_resource)r, ret_id, er);
        if (e != E_OK)
                return e;
        *ret_service = s;
        for (int one = MC_PTT; s == MUSTER_ANY_SERVICE && one <= MC_DATA; one++) {
                const char *id;
                if (trust_may(c, (enum mc_service)one, (enum mc_resource)r, &id, NULL) == E_OK) {
                        *ret_service = (enum muster_service)one;
                        return E_OK;
                }
        }
        return E_OK;
}

static enum ecode check(struct muster_tokens *t, const char *token, enum muster_service s, enum muster_resource r,
                        struct muster_token *to, struct err *er)
{
        struct token_claims c;
        if (token == NULL)
                return err_set(er, E_TOKEN_MISSING, "R-ID-81", "there is no token");
        if ((unsigned)s > MUSTER_MCDATA || (unsigned)r > MUSTER_RES_LMS)
                return err_set(er, E_RANGE, NULL, "no such service or resource");
        enum ecode e = trust_token(t->trust, to, bytes_str(token), t->audiences, &c, er);
        if (e == E_OK)
                e = let_in(&c, s, r, &to->service, &to->identity, er);
        if (e != E_OK)
                return e;
        to->issuer = c.iss;
        to->sub = c.sub;
        to->client_id = c.client_id;
        to->scope = c.scope;
        to->jti = c.jti;
        to->mcptt_id = c.mcptt_id;
        to->mcvideo_id = c.mcvideo_id;
        to->mcdata_id = c.mcdata_id;
        to->issued_at = c.iat;
        to->expires_at = c.exp;
        return E_OK;
}

enum muster_result muster_tokens_check(struct muster_tokens *t, const char *token, enum muster_service service,
                                       enum muster_resource resource, struct muster_token **ret,
                                       struct muster_error *err)
{
        struct err er = { 0 };
        struct muster_token *to = talloc_zero(NULL, struct muster_token);
        enum ecode e = to != NULL ? check(t, token, service, resource, to, &er) : E_NOMEM;
        if (e == E_OK)
                *ret = to;
        else
                talloc_free(to);
        return lib_result(e, &er, err);
}

void muster_token_free(struct muster_token *token)
{
        talloc_free(token);
}

enum muster_result muster_tokens_refresh(struct muster_tokens *t, struct muster_error *err)
{
        struct err er = { 0 };
        trust_tick(t->trust);
        enum ecode e = trust_ready(t->trust)
                               ? E_OK
                               : err_set(&er, E_PEER_DOWN, "R-ID-97", "of some issuer no key was ever fetched");
        return lib_result(e, &er, err);
}
