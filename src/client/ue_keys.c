/* Step 3.5: a token with the key management scope opens the KMS (TS 33.180 clause 5.3.1, annex D). What comes back is
 * checked before it is used: UID, the SSK/PVT equation, and the RSK by a pairing. */
#include "client/ue.h"

#include "proto/oauth/scope.h"

#include <talloc.h>

static enum ecode post(struct ue *u, void *mem, const struct kmc_request *rq, struct http_in *rs, struct err *er)
{
        const char *token = NULL;
        enum ecode e = ue_token_at(u, MC_RES_KMS, &token, er);
        if (e != E_OK)
                return e;
        struct http_out out = { .method = "POST",
                                .url = rq->url,
                                .body = rq->body,
                                .fields = { { "Content-Type", KMS_MEDIA_TYPE },
                                            { "Accept", KMS_MEDIA_TYPE },
                                            { "Authorization", talloc_asprintf(mem, "Bearer %s", token) } },
                                .fields_n = 3 };
        return ue_fetch(u, mem, &out, rs, er);
}

static const char *first_id(const struct ue *u)
{
        for (int s = 0; s < MCX_SERVICES; s++)
                if (u->tokens.service_id[s] != NULL)
                        return u->tokens.service_id[s];
        return NULL;
}

static enum ecode initialise(struct ue *u, void *mem, struct err *er)
{
        struct kmc_ask ask = { .base_url = u->init->kms, .user_uri = first_id(u), .now_s = clock_now(u->env->clock) };
        struct kmc_request rq;
        struct http_in rs;
        struct kms_cert *cert = NULL;
        enum ecode e = ask.user_uri != NULL
                               ? kmc_init_request(mem, &ask, &rq, er)
                               : err_set(er, E_TOKEN_IDENTITY, NULL, "the ID token names no MC service ID");
        if (e == E_OK)
                e = post(u, mem, &rq, &rs, er);
        if (e == E_OK)
                e = kmc_init_answer(u, &ask, rs.status, rs.body, &cert, &u->domain, er);
        if (e == E_OK)
                ue_arrow(u, "3.5", "kms", "HTTPS",
                         talloc_asprintf(mem, "200, KmsInit: certificate of %s", cert->kms_uri), NULL);
        return e;
}

static enum ecode provision(struct ue *u, void *mem, enum mcx_service s, struct err *er)
{
        struct kmc_ask ask = { .base_url = u->init->kms,
                               .user_uri = u->tokens.service_id[s],
                               .kms_uri = u->domain->kms_uri,
                               .now_s = clock_now(u->env->clock) };
        struct kmc_request rq;
        struct http_in rs;
        struct kms_key_set *set = NULL;
        enum ecode e = kmc_keyprov_request(mem, &ask, &rq, er);
        if (e == E_OK)
                e = post(u, mem, &rq, &rs, er);
        if (e == E_OK)
                e = kmc_keyprov_answer(u, &ask, u->domain, rs.status, rs.body, false, &set, &u->keys[s], er);
        if (e == E_OK)
                ue_arrow(u, "3.5", "kms", "HTTPS",
                         talloc_asprintf(mem, "200, KmsKeyProv: RSK, SSK, PVT of %s, period %llu, validated",
                                         set->user_uri, (unsigned long long)set->key_period_no),
                         NULL);
        return e;
}

enum ecode ue_fetch_keys(struct ue *u, struct err *er)
{
        void *mem = talloc_new(u);
        enum ecode e = initialise(u, mem, er);
        /* one identity may serve several services: its keys are fetched once */
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++) {
                if (u->tokens.service_id[s] == NULL)
                        continue;
                u->keys[s] = NULL;
                for (int before = 0; before < s; before++)
                        if (u->keys[before] != NULL && strcmp(u->keys[before]->uri, u->tokens.service_id[s]) == 0)
                                u->keys[s] = u->keys[before];
                if (u->keys[s] == NULL)
                        e = provision(u, mem, (enum mcx_service)s, er);
        }
        talloc_free(mem);
        return e;
}
