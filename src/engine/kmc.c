#include "engine/kmc.h"

#include <ctype.h>
#include <talloc.h>

/* RFC 3986 clause 2.1: everything but unreserved characters is escaped. */
static char *escape(void *mem, const char *s)
{
        struct buf b = buf_on(mem);
        for (; *s != 0; s++)
                buf_printf(&b, isalnum((unsigned char)*s) || strchr("-._~", *s) ? "%c" : "%%%02X", (unsigned char)*s);
        return buf_str(&b);
}

static enum ecode body_of(void *mem, const struct kmc_ask *ask, struct kmc_request *rq, struct err *er)
{
        if (ask->kms_uri == NULL)
                return E_OK;
        struct kms_request doc = { .user_uri = (char *)(uintptr_t)ask->user_uri,
                                   .kms_uri = (char *)(uintptr_t)ask->kms_uri,
                                   .client_req_url = rq->url,
                                   .time_s = ask->now_s };
        return kms_request_print(mem, &doc, &rq->body, er);
}

enum ecode kmc_init_request(void *mem, const struct kmc_ask *ask, struct kmc_request *ret, struct err *er)
{
        struct kmc_request rq = { .url = talloc_asprintf(mem, "%s" KMS_BASE_PATH "init", ask->base_url) };
        enum ecode e = rq.url != NULL ? body_of(mem, ask, &rq, er) : err_set(er, E_NOMEM, NULL, "KMS request");
        if (e == E_OK)
                *ret = rq;
        return e;
}

enum ecode kmc_keyprov_request(void *mem, const struct kmc_ask *ask, struct kmc_request *ret, struct err *er)
{
        char time[17] = "", *user = escape(mem, ask->user_uri);
        if (ask->period_at_s != 0)
                kms_time_path_print(ask->period_at_s, time);
        struct kmc_request rq = { 0 };
        if (user != NULL)
                rq.url = talloc_asprintf(mem, "%s" KMS_BASE_PATH "keyprov/%s%s%s", ask->base_url, user,
                                         *time ? "/" : "", time);
        enum ecode e = rq.url != NULL ? body_of(mem, ask, &rq, er) : err_set(er, E_NOMEM, NULL, "KMS request");
        if (e == E_OK)
                *ret = rq;
        return e;
}

static enum ecode refused(void *mem, int status, struct bytes body, struct err *er)
{
        struct kms_response *rs = NULL;
        const char *said =
                kms_response_parse(mem, body, &rs, NULL) == E_OK && rs->error.msg != NULL ? rs->error.msg : "";
        enum ecode e = status == 401                    ? E_TOKEN_SIGNATURE
                       : status == 403                  ? E_FORBIDDEN
                       : status == 404                  ? E_NOT_FOUND
                       : status >= 500 || status == 429 ? E_PEER_DOWN
                                                        : E_SYNTAX;
        return err_set(er, e, NULL, "the KMS answered %d%s%s", status, *said ? ": " : "", said);
}

static enum ecode answer(void *mem, int status, struct bytes body, enum kms_content want, struct kms_response **ret,
                         struct err *er)
{
        if (status != 200)
                return refused(mem, status, body, er);
        enum ecode e = kms_response_parse(mem, body, ret, er);
        if (e != E_OK)
                return e;
        if ((*ret)->content != want)
                return err_set(er, E_SYNTAX, "R-KMS-61",
                               "the KMS answered 200 with another message than the one asked for");
        return E_OK;
}

enum ecode kmc_init_answer(void *mem, const struct kmc_ask *ask, int status, struct bytes body, struct kms_cert **ret,
                           struct mikey_domain **ret_domain, struct err *er)
{
        struct kms_response *rs = NULL;
        struct mikey_domain *d = NULL;
        enum ecode e = answer(mem, status, body, KMS_INIT, &rs, er);
        if (e != E_OK)
                return e;
        struct kms_cert *c = &rs->certs[0];
        if (c->role != KMS_ROLE_ROOT || strcmp(c->kms_uri, rs->kms_uri) != 0 ||
            (ask->kms_uri != NULL && strcmp(c->kms_uri, ask->kms_uri) != 0))
                return err_set(er, E_KEY_INVALID, "R-KMS-13",
                               "the certificate is not the Root certificate of this KMS");
        e = mikey_domain_new(mem, c, &d, er);
        if (e == E_OK && !mikey_domain_valid(d, ask->now_s))
                e = err_set(er, E_KEY_INVALID, "R-KMS-20", "the KMS certificate is not valid now");
        if (e != E_OK)
                return e;
        *ret = c;
        *ret_domain = d;
        return E_OK;
}

enum ecode kmc_keyprov_answer(void *mem, const struct kmc_ask *ask, const struct mikey_domain *domain, int status,
                              struct bytes body, bool receives_much, struct kms_key_set **ret_set,
                              struct mikey_user **ret_user, struct err *er)
{
        struct kms_response *rs = NULL;
        struct mikey_user *u = NULL;
        enum ecode e = answer(mem, status, body, KMS_KEYPROV, &rs, er);
        if (e != E_OK)
                return e;
        for (size_t i = 0; i < rs->sets_n; i++) {
                struct kms_key_set *set = &rs->sets[i];
                if (strcmp(set->user_uri, ask->user_uri) != 0 || set->revoked)
                        continue;
                e = mikey_user_new(mem, domain, set, receives_much, &u, er);
                if (e != E_OK)
                        return e;
                *ret_set = set;
                *ret_user = u;
                return E_OK;
        }
        return err_set(er, E_NOT_FOUND, "R-KMS-2", "the KMS sent no key set for %s", ask->user_uri);
}
