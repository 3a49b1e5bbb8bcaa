/* The server's own keys (CSC-9): the KMS certificate, and for each service's identity the key sets of the current and
 * the neighbouring period, with which CSK uploads are opened. They are fetched over HTTPS with the server's
 * certificate, live in this process, and are fetched again when the period changes. */
#include "role/mcx/mcx.h"

#include <talloc.h>

#define HELD_MAX 16
#define AHEAD_S  300 /* keys of the next period are fetched this long before it begins */

struct held {
        struct mikey_user *user;
        enum mcx_service service;
};

struct mcx_keys {
        pthread_mutex_t fetch_lock; /* one fetch at a time; taken before `lock` */
        pthread_rwlock_t lock;      /* over what is held */
        struct mikey_domain *domain;
        struct held *held;
        size_t held_n;
        uint64_t fetched_for; /* the period number that was current at the last fetch */
        int64_t try_again_at;
};

static int keys_free(struct mcx_keys *k)
{
        pthread_rwlock_destroy(&k->lock);
        pthread_mutex_destroy(&k->fetch_lock);
        return 0;
}

enum ecode mcx_keys_open(struct mcx *m, struct err *er)
{
        m->keys = talloc_zero(m, struct mcx_keys);
        if (m->keys == NULL)
                return err_set(er, E_NOMEM, NULL, "keys");
        pthread_mutex_init(&m->keys->fetch_lock, NULL);
        pthread_rwlock_init(&m->keys->lock, NULL);
        talloc_set_destructor(m->keys, keys_free);
        return E_OK;
}

static enum ecode exchange(struct mcx *m, void *mem, const struct kmc_request *rq, struct http_in *rs, struct err *er)
{
        struct http_out out = { .method = "POST",
                                .url = rq->url,
                                .body = rq->body,
                                .fields = { { "Content-Type", KMS_MEDIA_TYPE }, { "Accept", KMS_MEDIA_TYPE } },
                                .fields_n = 2 };
        return m->env->http->fetch(m->env->http, mem, &out, rs, er);
}

static struct kmc_ask ask_of(struct mcx *m, enum mcx_service s, const char *kms_uri)
{
        return (struct kmc_ask){ .base_url = m->conf->kms_url,
                                 .user_uri = mcx_psi(m, s),
                                 .kms_uri = kms_uri,
                                 .now_s = clock_now(m->env->clock) };
}

static enum ecode fetch_domain(struct mcx *m, void *mem, struct mikey_domain **ret, struct err *er)
{
        struct kmc_ask ask = ask_of(m, MCX_PTT, NULL);
        struct kmc_request rq;
        struct http_in rs;
        struct kms_cert *cert;
        enum ecode e = kmc_init_request(mem, &ask, &rq, er);
        if (e == E_OK)
                e = exchange(m, mem, &rq, &rs, er);
        return e != E_OK ? e : kmc_init_answer(mem, &ask, rs.status, rs.body, &cert, ret, er);
}

/* One key set; a KMS that does not serve this period yet (404) is no failure. */
static enum ecode fetch_one(struct mcx *m, void *mem, const struct mikey_domain *d, enum mcx_service s, int64_t at,
                            struct held *list, size_t *n, struct err *er)
{
        struct kmc_ask ask = ask_of(m, s, d->kms_uri);
        struct kmc_request rq;
        struct http_in rs;
        struct kms_key_set *set;
        struct mikey_user *user = NULL;
        ask.period_at_s = at;
        enum ecode e = kmc_keyprov_request(mem, &ask, &rq, er);
        if (e == E_OK)
                e = exchange(m, mem, &rq, &rs, er);
        if (e == E_OK)
                e = kmc_keyprov_answer(mem, &ask, d, rs.status, rs.body, true, &set, &user, er);
        if (e == E_NOT_FOUND && at != 0)
                return E_OK;
        if (e == E_OK)
                list[(*n)++] = (struct held){ user, s };
        return e;
}

static enum ecode fetch_all(struct mcx *m, void *mem, struct mikey_domain **domain, struct held *list, size_t *n,
                            struct err *er)
{
        enum ecode e = fetch_domain(m, mem, domain, er);
        for (int s = 0; e == E_OK && s < MCX_SERVICES; s++) {
                int64_t now = clock_now(m->env->clock), period = (int64_t)(*domain)->key_period.period;
                e = fetch_one(m, mem, *domain, (enum mcx_service)s, 0, list, n, er);
                /* messages made just before or after a change of period: a few minutes are tolerated */
                struct uid uid;
                uint64_t cur = 0, other = 0;
                mikey_domain_uid(*domain, mcx_psi(m, (enum mcx_service)s), now, &uid, &cur, NULL);
                const int64_t near[] = { now - AHEAD_S, now + AHEAD_S };
                for (size_t i = 0; e == E_OK && period > 2 * AHEAD_S && i < COUNT(near); i++)
                        if (mikey_domain_uid(*domain, mcx_psi(m, (enum mcx_service)s), near[i], &uid, &other, NULL) ==
                                    E_OK &&
                            other != cur)
                                e = fetch_one(m, mem, *domain, (enum mcx_service)s, near[i], list, n, er);
        }
        return e;
}

static void adopt(struct mcx *m, void *mem, struct mikey_domain *domain, struct held *list, size_t n, uint64_t period)
{
        struct mcx_keys *k = m->keys;
        pthread_rwlock_wrlock(&k->lock);
        void *old = k->held != NULL ? talloc_parent(k->held) : NULL;
        talloc_steal(k, mem);
        k->domain = domain;
        k->held = list;
        k->held_n = n;
        k->fetched_for = period;
        if (old != NULL && old != k)
                talloc_free(old);
        pthread_rwlock_unlock(&k->lock);
        ev(m->env->log, EV_INFO, "server-keys-held", KV_STR("kms", domain->kms_uri), KV_INT("period", (int64_t)period),
           KV_INT("key_sets", (int64_t)n));
}

/* With fetch_lock. */
static enum ecode fetch_keys(struct mcx *m, int64_t now, struct err *er)
{
        void *mem = talloc_new(NULL);
        struct mikey_domain *domain = NULL;
        struct held *list = talloc_zero_array(mem, struct held, HELD_MAX);
        struct uid uid;
        uint64_t period = 0;
        size_t n = 0;
        enum ecode e = list != NULL ? fetch_all(m, mem, &domain, list, &n, er) : err_set(er, E_NOMEM, NULL, "keys");
        if (e == E_OK)
                e = mikey_domain_uid(domain, mcx_psi(m, MCX_PTT), now + AHEAD_S, &uid, &period, er);
        if (e == E_OK) {
                adopt(m, mem, domain, list, n, period);
                return E_OK;
        }
        talloc_free(mem);
        m->keys->try_again_at = now + (m->keys->domain == NULL ? 1 : 10);
        return e;
}

/* A little ahead of time, so that the next period's keys are there before anybody uses them. */
static bool are_current(struct mcx *m, int64_t now)
{
        struct mcx_keys *k = m->keys;
        uint64_t period = 0;
        struct uid uid;
        return k->domain != NULL &&
               mikey_domain_uid(k->domain, mcx_psi(m, MCX_PTT), now + AHEAD_S, &uid, &period, NULL) == E_OK &&
               period == k->fetched_for;
}

void mcx_keys_tick(struct mcx *m)
{
        struct mcx_keys *k = m->keys;
        int64_t now = clock_now(m->env->clock);
        struct err er = { 0 };
        if (strcmp(m->conf->csk, "off") == 0)
                return;
        pthread_mutex_lock(&k->fetch_lock);
        if (now >= k->try_again_at && !are_current(m, now) && fetch_keys(m, now, &er) != E_OK)
                ev(m->env->log, k->domain == NULL ? EV_INFO : EV_WARN, "server-keys-missing",
                   KV_STR("cause", ecode_name(er.code)), KV_STR("text", er.text));
        pthread_mutex_unlock(&k->fetch_lock);
}

/* Right after the start the tick may not have had its turn, or the KMS was not up when it had: whoever needs the keys
 * first asks for them. */
static void fetch_first(struct mcx *m)
{
        struct mcx_keys *k = m->keys;
        int64_t now = clock_now(m->env->clock);
        if (mcx_keys_held(m))
                return;
        pthread_mutex_lock(&k->fetch_lock);
        if (k->domain == NULL)
                fetch_keys(m, now, NULL);
        pthread_mutex_unlock(&k->fetch_lock);
}

static const struct mikey_domain *home_only(const void *arg, const char *kms_uri)
{
        const struct mikey_domain *d = arg;
        return strcmp(d->kms_uri, kms_uri) == 0 ? d : NULL;
}

enum ecode mcx_keys_open_csk(struct mcx *m, void *mem, enum mcx_service s, struct bytes message, const char *initiator,
                             struct mikey_opened *ret, struct err *er)
{
        struct mcx_keys *k = m->keys;
        const struct mikey_user *selves[HELD_MAX];
        size_t n = 0;
        fetch_first(m);
        pthread_rwlock_rdlock(&k->lock);
        for (size_t i = 0; i < k->held_n && n < COUNT(selves); i++)
                if (k->held[i].service == s)
                        selves[n++] = k->held[i].user;
        enum ecode e;
        if (k->domain == NULL || n == 0) {
                e = err_set(er, E_PEER_DOWN, NULL, "the KMS has not given this server its keys yet");
        } else {
                struct mikey_expect x = { .selves = selves,
                                          .selves_n = n,
                                          .domain_of = home_only,
                                          .domain_arg = k->domain,
                                          .initiator_uri = initiator,
                                          .types = 1u << MIKEY_CSK,
                                          .now_s = clock_now(m->env->clock),
                                          .window_s = m->conf->mikey_window };
                e = mikey_open(mem, message, &x, ret, er);
                ret->self = NULL; /* these end with the lock */
                ret->initiator_domain = NULL;
        }
        pthread_rwlock_unlock(&k->lock);
        return e;
}

bool mcx_keys_held(struct mcx *m)
{
        pthread_rwlock_rdlock(&m->keys->lock);
        bool held = m->keys->domain != NULL || strcmp(m->conf->csk, "off") == 0;
        pthread_rwlock_unlock(&m->keys->lock);
        return held;
}
