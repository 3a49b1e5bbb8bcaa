/* TS 33.180 D.2: who may have which keys. The order of the checks: the token, the request, the person, the period. */
#include "role/kms/kms_priv.h"

#include "role/common/request.h"

#include <talloc.h>

/* Who asks, and for which identities: those of a token whose service's key management scope was granted, or those of a
 * server that showed its certificate. */
struct who {
        struct token_claims claims; /* all NULL for servers */
        const char **id;
        size_t n;
        const char *via; /* for the log of issues */
};

static const char **list_of(void *mem, const struct conf_list *l)
{
        const char **out = talloc_zero_array(mem, const char *, l->n + 1);
        for (size_t i = 0; out != NULL && i < l->n; i++)
                out[i] = talloc_strdup(out, l->item[i]);
        return out;
}

#define SERVER_URIS_MOST 64

/* "<name in the certificate>=<URI>" of the configuration: those of each name together, so that one that is no longer
 * there gets no keys any more. */
static enum ecode put_servers(struct kms *k, struct err *er)
{
        const struct conf_list *l = &k->conf->servers;
        enum ecode e = E_OK;
        void *tmp = talloc_new(k);
        struct kms_subject *list = talloc_zero_array(tmp, struct kms_subject, l->n + 1);
        for (size_t i = 0; e == E_OK && i < l->n; i++) {
                size_t name_n = strcspn(l->item[i], "="), n = 0;
                if (l->item[i][name_n] == 0 || name_n == 0 ||
                    mc_id_check(l->item[i] + name_n + 1, "server", er) != E_OK)
                        e = err_set(er, E_CONFIG, NULL, "servers: %.120s is not NAME=URI", l->item[i]);
                for (size_t j = 0; e == E_OK && list != NULL && j < l->n; j++)
                        if (strncmp(l->item[j], l->item[i], name_n + 1) == 0)
                                list[n++] = (struct kms_subject){ .uri = l->item[j] + name_n + 1 };
                char *name = e == E_OK ? talloc_strndup(tmp, l->item[i], name_n) : NULL;
                if (e == E_OK && (name == NULL || list == NULL))
                        e = err_set(er, E_NOMEM, NULL, "servers");
                if (e == E_OK)
                        e = k->store->subjects_put(k->store, name, true, list, n, clock_now(k->env->clock), false, er);
        }
        talloc_free(tmp);
        return e;
}

enum ecode kms_start(void *mem, const struct role_env *env, const struct kms_conf *conf, struct kms **ret,
                     struct err *er)
{
        struct kms *k = talloc_zero(mem, struct kms);
        if (k == NULL)
                return err_set(er, E_NOMEM, NULL, "KMS");
        k->env = env;
        k->conf = conf;
        k->store = env->store;
        k->period = (struct key_period){ (uint64_t)conf->key_period, (uint64_t)conf->key_offset };
        k->cert_uri = talloc_asprintf(k, "cert1.%s", conf->kms_uri);
        k->audiences = list_of(k, &conf->audiences);
        k->domains = list_of(k, &conf->domains);
        struct trust_issuer is = { .issuer = conf->issuer,
                                   .jwks_url = conf->jwks_url,
                                   .plain_jwt_typ = conf->plain_jwt_typ,
                                   .scp_array = conf->scp_array };
        enum ecode e = k->cert_uri != NULL && k->audiences != NULL && k->domains != NULL
                               ? E_OK
                               : err_set(er, E_NOMEM, NULL, "KMS");
        if (e == E_OK)
                e = key_period_check(k->period, er); /* R-KMS-12 */
        if (e == E_OK)
                e = kms_master_open(k, env, conf, &k->master, er);
        if (e == E_OK)
                e = put_servers(k, er);
        if (e == E_OK)
                e = trust_open(k, env, &is, 1, &k->trust, er);
        if (e != E_OK) {
                talloc_free(k);
                return e;
        }
        *ret = k;
        return E_OK;
}

void kms_stop(struct kms *k)
{
        if (k != NULL)
                TALLOC_FREE(k->master); /* wipes */
}

#define PRUNE_EVERY_S 3600

void kms_tick(struct kms *k)
{
        int64_t now = clock_now(k->env->clock);
        trust_tick(k->trust);
        if (now - k->pruned_s < PRUNE_EVERY_S)
                return;
        k->pruned_s = now;
        struct err er;
        if (k->store->issue_prune(k->store, now - k->conf->issue_log_s, &er) != E_OK)
                ev(k->env->log, EV_WARN, "issue-log-not-pruned", KV_STR("cause", er.text));
}

/* R-KMS-30 to R-KMS-35. */
static enum ecode identify_user(struct kms *k, void *mem, struct bytes token, struct who *w, struct err *er)
{
        const char *any;
        enum ecode e = trust_token(k->trust, mem, token, k->audiences, &w->claims, er);
        if (e == E_OK)
                e = trust_may(&w->claims, MC_ANY, MC_RES_KMS, &any, er);
        if (e == E_OK && (w->id = talloc_array(mem, const char *, MC_DATA)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "identities");
        if (e != E_OK)
                return e;
        for (enum mc_service s = MC_PTT; s <= MC_DATA; s++) {
                const char *id = token_mc_id(&w->claims, s);
                bool known = false;
                for (size_t i = 0; id != NULL && i < w->n; i++)
                        known |= strcmp(w->id[i], id) == 0;
                if (id != NULL && !known && mc_scope_granted(w->claims.scope, s, MC_RES_KMS))
                        w->id[w->n++] = id;
        }
        w->via = "https";
        return E_OK;
}

/* CSC-9: a server of this deployment, by the name in its verified certificate. A certificate of anybody else counts for
 * nothing: the answer is that of a request without credentials. */
static enum ecode identify_server(struct kms *k, void *mem, const char *name, struct who *w, struct err *er)
{
        struct kms_subject *list;
        size_t n;
        enum ecode e = k->store->subject_list(k->store, mem, name, "", SERVER_URIS_MOST, &list, &n, er);
        if (e == E_OK && (w->id = talloc_array(mem, const char *, n + 1)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "identities");
        if (e != E_OK)
                return e;
        for (size_t i = 0; i < n; i++)
                if (list[i].server)
                        w->id[w->n++] = list[i].uri;
        if (w->n == 0)
                return err_set(er, E_TOKEN_MISSING, "R-KMS-30", "no token, and %.100s is no server of this domain",
                               name);
        w->via = "certificate";
        return E_OK;
}

static enum ecode identify(struct kms *k, void *mem, const struct kms_ask *ask, struct who *ret, struct err *er)
{
        struct who w = { 0 };
        enum ecode e;
        if (ask->token.p != NULL)
                e = identify_user(k, mem, ask->token, &w, er);
        else if (ask->peer_name != NULL)
                e = identify_server(k, mem, ask->peer_name, &w, er);
        else
                e = err_set(er, E_TOKEN_MISSING, "R-KMS-30", "no Authorization: Bearer");
        if (e == E_OK)
                *ret = w;
        return e;
}

/* R-KMS-36, R-KMS-37: octet by octet (R-KMS-14). */
static enum ecode check_own(const struct who *w, const char *uri, const char *where, struct err *er)
{
        for (size_t i = 0; i < w->n; i++)
                if (strcmp(w->id[i], uri) == 0)
                        return E_OK;
        return err_set(er, E_FORBIDDEN, "R-KMS-36", "the user in the %s is not the one of the token", where);
}

/* R-KMS-50 to R-KMS-52; D.2.2. */
static enum ecode check_request(struct kms *k, const struct kms_ask *ask, const struct kms_request *rq, struct err *er)
{
        int64_t apart = clock_now(k->env->clock) - rq->time_s;
        if (rq->is_signed)
                return err_set(
                        er, E_UNSUPPORTED, "R-KMS-53",
                        "signed requests need an integrity key, and none is provisioned: send KmsRequest over TLS");
        if (strcmp(rq->kms_uri, k->conf->kms_uri) != 0)
                return err_set(er, E_RANGE, "R-KMS-50", "KmsUri %.80s is not this KMS", rq->kms_uri);
        if (strcmp(rq->client_req_url, ask->url) != 0)
                return err_set(er, E_RANGE, "R-KMS-51", "ClientReqUrl is not the address that was asked");
        if (apart > k->conf->time_window_s || apart < -k->conf->time_window_s)
                return err_set(er, E_RANGE, "R-KMS-52", "Time is %lld s away from this server's clock",
                               (long long)(apart < 0 ? -apart : apart));
        return E_OK;
}

/* Reads the body, if there is one, and says which user the request names: path first, then body, else NULL. */
static enum ecode read_request(struct kms *k, void *mem, const struct kms_ask *ask, const struct who *w,
                               const char **ret_user, struct err *er)
{
        const char *in_path = ask->op == KMS_OP_KEYPROV ? ask->name : NULL;
        if (in_path != NULL) {
                enum ecode e = check_own(w, in_path, "path", er);
                if (e != E_OK)
                        return e;
        }
        *ret_user = in_path;
        if (ask->body.n == 0) /* R-KMS-23 */
                return E_OK;
        struct kms_request *rq;
        enum ecode e = kms_request_parse(mem, ask->body, &rq, er);
        if (e == E_OK)
                e = check_own(w, rq->user_uri, "body", er);
        if (e == E_OK && in_path != NULL && strcmp(in_path, rq->user_uri) != 0)
                e = err_set(er, E_FORBIDDEN, "R-KMS-37", "UserUri differs from the user in the path");
        if (e == E_OK)
                e = check_request(k, ask, rq, er);
        if (e != E_OK)
                return e;
        if (rq->client_error != NULL)
                ev(k->env->log, EV_WARN, "kms-client-error", KV_INT("code", rq->client_error->code),
                   KV_STR("text", rq->client_error->msg), KV_STR("client", w->claims.client_id));
        *ret_user = rq->user_uri;
        return E_OK;
}

/* R-KMS-41: a stranger to this domain and a user who is not provisioned get the same answer. */
static enum ecode subject_of(struct kms *k, void *mem, const char *uri, struct kms_subject *ret, struct err *er)
{
        enum ecode e = k->store->subject_get(k->store, mem, uri, ret, er);
        return e == E_NOT_FOUND ? err_set(er, E_NOT_FOUND, "R-KMS-41", "this user is not provisioned here") : e;
}

static enum ecode answer_init(struct kms *k, void *mem, struct kms_response *rs)
{
        struct kms_cert *c = talloc(mem, struct kms_cert);
        if (c == NULL)
                return E_NOMEM;
        kms_own_cert(k, mem, c);
        rs->content = KMS_INIT;
        rs->certs = c;
        rs->certs_n = 1;
        return E_OK;
}

/* The issue is on the disk before the keys leave. */
static enum ecode log_issues(struct kms *k, void *mem, const struct who *w, const struct kms_key_set *set, size_t n,
                             struct err *er)
{
        struct kms_issue *list = talloc_zero_array(mem, struct kms_issue, n + 1);
        if (list == NULL)
                return err_set(er, E_NOMEM, NULL, "issues");
        for (size_t i = 0; i < n; i++)
                list[i] = (struct kms_issue){ .time_s = clock_now(k->env->clock),
                                              .uri = set[i].user_uri,
                                              .period_no = (int64_t)set[i].key_period_no,
                                              .via = w->via,
                                              .client_id = w->claims.client_id,
                                              .jti = w->claims.jti };
        return k->store->issue_add(k->store, list, n, er);
}

/* D.2.4: the user of the path; without one, all identities of the token that are provisioned (R-KMS-5). */
static enum ecode answer_keyprov(struct kms *k, void *mem, const struct kms_ask *ask, const struct who *w,
                                 struct kms_response *rs, struct err *er)
{
        int64_t time_s = clock_now(k->env->clock);
        enum ecode e = E_OK;
        if (ask->time_hex != NULL)
                e = kms_time_path_parse(bytes_str(ask->time_hex), time_s, &time_s);
        if (e != E_OK)
                return err_set(er, e, "R-KMS-57", "the time of the path is not 16 hex digits");
        struct kms_key_set *set = talloc_zero_array(mem, struct kms_key_set, w->n + 1);
        size_t n = 0, asked = ask->name != NULL ? 1 : w->n;
        if (set == NULL)
                return err_set(er, E_NOMEM, NULL, "key sets");
        for (size_t i = 0; e == E_OK && i < asked; i++) {
                struct kms_subject s;
                e = subject_of(k, mem, ask->name != NULL ? ask->name : w->id[i], &s, er);
                if (e == E_OK)
                        e = kms_make_set(k, mem, &s, time_s, &set[n], er);
                if (e == E_OK)
                        n++;
                else if (e == E_NOT_FOUND && asked > 1 && (i + 1 < asked || n > 0))
                        e = E_OK; /* another identity of this token may be served */
        }
        if (e == E_OK)
                e = log_issues(k, mem, w, set, n, er);
        if (e != E_OK)
                return e;
        rs->content = KMS_KEYPROV;
        rs->sets = set;
        rs->sets_n = n;
        return E_OK;
}

/* D.2.5, R-KMS-17, R-KMS-20; cert_of NULL: the whole cache. *ret_n 0: none of this name. */
static enum ecode partner_certs(struct kms *k, void *mem, const char *cert_of, struct kms_response *rs, struct err *er)
{
        struct kms_partner *p;
        size_t n;
        int64_t now = clock_now(k->env->clock);
        enum ecode e = k->store->partner_list(k->store, mem, &p, &n, &rs->cache_num, er);
        rs->certs = e == E_OK ? talloc_zero_array(mem, struct kms_cert, n + 1) : NULL;
        if (e == E_OK && rs->certs == NULL)
                e = err_set(er, E_NOMEM, NULL, "certificates");
        for (size_t i = 0; e == E_OK && i < n; i++) {
                struct kms_cert *c;
                if (cert_of != NULL && strcmp(p[i].kms_uri, cert_of) != 0)
                        continue;
                e = kms_cert_parse(mem, p[i].xml, &c, er);
                if (e == E_OK && (c->valid_to == KMS_TIME_NONE || c->valid_to > now))
                        rs->certs[rs->certs_n++] = *c;
        }
        rs->content = KMS_CERTCACHE;
        rs->has_cache_num = true;
        return e;
}

static enum ecode answer_certcache(struct kms *k, void *mem, const struct kms_ask *ask, struct kms_response *rs,
                                   struct err *er)
{
        char *end = NULL;
        long long held = -1;
        if (ask->cache_num != NULL) {
                if (strspn(ask->cache_num, "0123456789") != strlen(ask->cache_num) || strlen(ask->cache_num) > 18)
                        return err_set(er, E_SYNTAX, "R-KMS-17", "the number of the cache is not a number");
                held = strtoll(ask->cache_num, &end, 10);
        }
        enum ecode e = partner_certs(k, mem, NULL, rs, er);
        if (e == E_OK && held == rs->cache_num)
                rs->certs_n = 0;
        return e;
}

/* D.2.6, R-KMS-18: our own certificate too can be asked for. */
static enum ecode answer_cert(struct kms *k, void *mem, const struct kms_ask *ask, struct kms_response *rs,
                              struct err *er)
{
        if (ask->name == NULL)
                return err_set(er, E_NOT_FOUND, "R-KMS-18", "the path names no KMS");
        enum ecode e = partner_certs(k, mem, ask->name, rs, er);
        if (e == E_OK && strcmp(ask->name, k->conf->kms_uri) == 0)
                kms_own_cert(k, mem, &rs->certs[rs->certs_n++]);
        if (e == E_OK && rs->certs_n == 0)
                e = err_set(er, E_NOT_FOUND, "R-KMS-18", "no certificate of %.80s", ask->name);
        return e;
}

enum ecode kms_answer(struct kms *k, void *mem, const struct kms_ask *ask, struct kms_response *ret,
                      struct kms_about *about, struct err *er)
{
        struct who w;
        const char *user = NULL;
        struct kms_subject s;
        struct kms_response rs;
        *about = (struct kms_about){ 0 };
        enum ecode e = identify(k, mem, ask, &w, er);
        if (e != E_OK)
                return e;
        *about = (struct kms_about){ w.id[0], w.claims.client_id, w.claims.jti, ask->token.p == NULL };
        e = read_request(k, mem, ask, &w, &user, er);
        if (e != E_OK)
                return e;
        about->user_uri = user != NULL ? user : w.id[0];
        if (ask->op != KMS_OP_KEYPROV) {
                e = subject_of(k, mem, about->user_uri, &s, er);
                if (e != E_OK)
                        return e;
        }
        kms_response_head(k, mem, about->user_uri, ask->url, &rs);
        switch (ask->op) {
        case KMS_OP_INIT: e = answer_init(k, mem, &rs); break;
        case KMS_OP_KEYPROV: e = answer_keyprov(k, mem, ask, &w, &rs, er); break;
        case KMS_OP_CERTCACHE: e = answer_certcache(k, mem, ask, &rs, er); break;
        case KMS_OP_CERT: e = answer_cert(k, mem, ask, &rs, er); break;
        }
        if (e == E_OK) {
                atomic_fetch_add(&k->answered, 1);
                *ret = rs;
        }
        return e;
}

void kms_error_response(struct kms *k, void *mem, const struct kms_ask *ask, const struct kms_about *about, int status,
                        const struct err *er, struct kms_response *ret)
{
        const char *user = ask->op == KMS_OP_KEYPROV && ask->name != NULL ? ask->name : about->user_uri;
        kms_response_head(k, mem, user != NULL ? user : "sip:anonymous@anonymous.invalid", ask->url, ret);
        ret->content = KMS_ERROR;
        ret->error.code = status;
        /* Details go to the event: a stranger is told what kind of fault it is, not what this server compared. */
        ret->error.msg = talloc_strdup(mem, status == 401 || status >= 500 ? ecode_name(er->code) : er->text);
}

/* 5.3.1: a server's key management client. It speaks over the administration socket, so its peer check is the proof. */
enum ecode kms_server_keys(struct kms *k, void *mem, const char *uri, int64_t time_s, struct kms_response *ret_init,
                           struct kms_response *ret_keys, struct err *er)
{
        struct kms_subject s;
        struct kms_response init, keys;
        struct kms_key_set *set = talloc_zero(mem, struct kms_key_set);
        enum ecode e = set != NULL ? subject_of(k, mem, uri, &s, er) : err_set(er, E_NOMEM, NULL, "keys");
        if (e == E_OK && !s.server)
                e = err_set(er, E_FORBIDDEN, "R-KMS-36", "this is a user, and users fetch their keys with a token");
        if (e == E_OK)
                e = kms_make_set(k, mem, &s, time_s, set, er);
        if (e == E_OK)
                e = log_issues(k, mem, &(struct who){ .via = "admin" }, set, 1, er);
        if (e != E_OK)
                return e;
        kms_response_head(k, mem, uri, "admin:init", &init);
        kms_response_head(k, mem, uri, "admin:keyprov", &keys);
        e = answer_init(k, mem, &init);
        if (e != E_OK)
                return err_set(er, e, NULL, "certificate");
        keys.content = KMS_KEYPROV;
        keys.sets = set;
        keys.sets_n = 1;
        *ret_init = init;
        *ret_keys = keys;
        return E_OK;
}
