#include "lib/lib.h"

#include "base/secret.h"
#include "engine/kmc.h"

#include <stdio.h>
#include <talloc.h>

struct muster_kms {
        char *url;
        bool receives_much;
        struct http_client *http;
};

static enum ecode open_kms(struct muster_kms *k, const struct muster_kms_conf *conf, struct err *er)
{
        if (conf->url == NULL)
                return lib_missing("the address of the KMS", er);
        if (conf->ca_file == NULL)
                return lib_missing("ca_file", er);
        k->receives_much = conf->receives_much;
        k->url = talloc_strdup(k, conf->url);
        if (k->url == NULL)
                return err_set(er, E_NOMEM, NULL, "KMS client");
        for (size_t n = strlen(k->url); n > 0 && k->url[n - 1] == '/'; n--)
                k->url[n - 1] = 0;
        struct http_client_conf c = {
                .rng = lib_env.rng, .ca_file = conf->ca_file, .cert_file = conf->cert_file, .key_file = conf->key_file
        };
        return lib_http_open(k, &c, &k->http, er);
}

enum muster_result muster_kms_open(const struct muster_kms_conf *conf, struct muster_kms **ret,
                                   struct muster_error *err)
{
        struct err er = { 0 };
        struct muster_kms *k = talloc_zero(NULL, struct muster_kms);
        enum ecode e = k != NULL ? open_kms(k, conf, &er) : E_NOMEM;
        if (e == E_OK)
                *ret = k;
        else
                talloc_free(k);
        return lib_result(e, &er, err);
}

void muster_kms_free(struct muster_kms *kms)
{
        talloc_free(kms);
}

/* --- keys from two answers --- */

struct answers {
        struct http_in init, keyprov;
};

static enum ecode read_init(struct muster_keys *k, struct kmc_ask *ask, const struct http_in *rs, struct err *er)
{
        struct kms_cert *cert = NULL;
        struct mikey_domain *d = NULL;
        enum ecode e = kmc_init_answer(k, ask, rs->status, rs->body, &cert, &d, er);
        if (e != E_OK)
                return e;
        k->home.d = d;
        ask->kms_uri = d->kms_uri;
        k->init = bytes_copy(k, rs->body);
        return k->init.p != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "KMS certificate");
}

static enum ecode read_keyprov(struct muster_keys *k, const struct kmc_ask *ask, const struct http_in *rs,
                               bool receives_much, struct err *er)
{
        struct kms_key_set *set = NULL;
        struct mikey_user *user = NULL;
        enum ecode e = kmc_keyprov_answer(k, ask, k->home.d, rs->status, rs->body, receives_much, &set, &user, er);
        if (e != E_OK)
                return e;
        k->user = user;
        k->keyprov = secret_copy(k, rs->body);
        return k->keyprov.p != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "keys");
}

/* --- the exchange --- */

static enum ecode post(struct muster_kms *kms, void *mem, const struct kmc_request *rq, const char *token,
                       struct http_in *rs, struct err *er)
{
        struct http_out out = { .method = "POST",
                                .url = rq->url,
                                .body = rq->body,
                                .fields = { { "Content-Type", KMS_MEDIA_TYPE }, { "Accept", KMS_MEDIA_TYPE } },
                                .fields_n = 2 };
        if (token != NULL) {
                char *value = talloc_asprintf(mem, "Bearer %s", token);
                if (value == NULL)
                        return err_set(er, E_NOMEM, NULL, "KMS request");
                out.fields[out.fields_n++] = (struct http_field){ "Authorization", value };
        }
        return kms->http->fetch(kms->http, mem, &out, rs, er);
}

static enum ecode fetch_keys(struct muster_kms *kms, void *mem, struct kmc_ask *ask, const char *token,
                             struct muster_keys *k, struct err *er)
{
        struct kmc_request rq;
        struct http_in rs = { 0 };
        enum ecode e = kmc_init_request(mem, ask, &rq, er);
        if (e == E_OK)
                e = post(kms, mem, &rq, token, &rs, er);
        if (e == E_OK)
                e = read_init(k, ask, &rs, er);
        if (e == E_OK)
                e = kmc_keyprov_request(mem, ask, &rq, er);
        if (e == E_OK)
                e = post(kms, mem, &rq, token, &rs, er);
        if (e != E_OK)
                return e;
        e = read_keyprov(k, ask, &rs, kms->receives_much, er);
        secret_wipe((void *)(uintptr_t)rs.body.p, rs.body.n);
        return e;
}

enum muster_result muster_kms_fetch(struct muster_kms *kms, const char *user_uri, const char *token, int64_t time_s,
                                    struct muster_keys **ret, struct muster_error *err)
{
        struct err er = { 0 };
        void *mem = talloc_new(NULL);
        struct muster_keys *k = talloc_zero(NULL, struct muster_keys);
        struct kmc_ask ask = {
                .base_url = kms->url, .user_uri = user_uri, .now_s = lib_time(0), .period_at_s = time_s
        };
        enum ecode e = mem == NULL || k == NULL ? E_NOMEM
                       : user_uri == NULL       ? lib_missing("user_uri", &er)
                                                : fetch_keys(kms, mem, &ask, token, k, &er);
        talloc_free(mem);
        if (e == E_OK)
                *ret = k;
        else
                talloc_free(k);
        return lib_result(e, &er, err);
}

/* --- keys as documents --- */

enum muster_result muster_keys_documents(const struct muster_keys *k, const uint8_t **ret_init, size_t *ret_init_n,
                                         const uint8_t **ret_keyprov, size_t *ret_keyprov_n, struct muster_error *err)
{
        struct err er = { 0 };
        if (k->keyprov.n == 0)
                return lib_result(err_set(&er, E_MISSING, NULL, "a UE does not keep the documents of its keys"), &er,
                                  err);
        *ret_init = k->init.p;
        *ret_init_n = k->init.n;
        *ret_keyprov = k->keyprov.p;
        *ret_keyprov_n = k->keyprov.n;
        return MUSTER_OK;
}

enum muster_result muster_keys_read(const struct muster_keys_source *from, struct muster_keys **ret,
                                    struct muster_error *err)
{
        struct err er = { 0 };
        struct kmc_ask ask = { .user_uri = from->user_uri, .now_s = lib_time(from->now_s) };
        struct http_in init = { .status = 200, .body = bytes_of(from->init, from->init_n) };
        struct http_in keyprov = { .status = 200, .body = bytes_of(from->keyprov, from->keyprov_n) };
        struct muster_keys *k = talloc_zero(NULL, struct muster_keys);
        enum ecode e = k == NULL                ? E_NOMEM
                       : from->user_uri == NULL ? lib_missing("user_uri", &er)
                                                : read_init(k, &ask, &init, &er);
        if (e == E_OK)
                e = read_keyprov(k, &ask, &keyprov, from->receives_much, &er);
        if (e == E_OK)
                *ret = k;
        else
                talloc_free(k);
        return lib_result(e, &er, err);
}

void muster_keys_free(struct muster_keys *k)
{
        talloc_free(k);
}

const char *muster_keys_uri(const struct muster_keys *k)
{
        return k->user->uri;
}

const struct muster_domain *muster_keys_domain(const struct muster_keys *k)
{
        return &k->home;
}

void muster_keys_uid(const struct muster_keys *k, uint8_t ret[32])
{
        memcpy(ret, k->user->uid.b, sizeof k->user->uid.b);
}

void muster_keys_period(const struct muster_keys *k, uint64_t *ret_no, int64_t *ret_from_s, int64_t *ret_to_s)
{
        uint64_t from = 0, to = 0, no = k->user->period_no;
        /* cannot fail for a period that was checked when the keys came */
        key_period_start(k->home.d->key_period, no, &from, NULL);
        key_period_start(k->home.d->key_period, no + 1, &to, NULL);
        if (ret_no != NULL)
                *ret_no = no;
        if (ret_from_s != NULL)
                *ret_from_s = (int64_t)from - NTP_UNIX_OFFSET;
        if (ret_to_s != NULL)
                *ret_to_s = (int64_t)to - NTP_UNIX_OFFSET;
}

/* --- domains --- */

static enum ecode read_cert(void *mem, struct bytes document, struct kms_cert **ret, struct err *er)
{
        struct kms_response *rs = NULL;
        if (kms_cert_parse(mem, document, ret, NULL) == E_OK)
                return E_OK;
        enum ecode e = kms_response_parse(mem, document, &rs, er);
        if (e == E_OK && rs->certs_n == 0)
                e = err_set(er, E_MISSING, NULL, "the document holds no KMS certificate");
        if (e == E_OK)
                *ret = &rs->certs[0];
        return e;
}

enum muster_result muster_domain_read(const uint8_t *document, size_t n, struct muster_domain **ret,
                                      struct muster_error *err)
{
        struct err er = { 0 };
        struct kms_cert *cert = NULL;
        struct mikey_domain *made = NULL;
        void *mem = talloc_new(NULL);
        struct muster_domain *d = talloc_zero(NULL, struct muster_domain);
        enum ecode e = mem != NULL && d != NULL ? read_cert(mem, bytes_of(document, n), &cert, &er) : E_NOMEM;
        if (e == E_OK)
                e = mikey_domain_new(d, cert, &made, &er);
        talloc_free(mem);
        if (e == E_OK) {
                d->d = made;
                *ret = d;
        } else {
                talloc_free(d);
        }
        return lib_result(e, &er, err);
}

void muster_domain_free(struct muster_domain *d)
{
        talloc_free(d);
}

const char *muster_domain_kms_uri(const struct muster_domain *d)
{
        return d->d->kms_uri;
}
