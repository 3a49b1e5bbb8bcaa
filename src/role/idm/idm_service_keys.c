/* Signing keys: made at the first start, sealed in the store, published before they sign and after they stopped
 * (R-ID-131). */
#include "role/idm/idm_priv.h"

#include <talloc.h>

struct ring_key {
        struct jwk *key;
        int64_t use_from_s, drop_at_s;
};
struct idm_ring {
        struct ring_key *key; /* oldest first */
        size_t n;
};

static const char *const key_algs[] = { "RS256", "ES256" };

static char *seal_label(void *mem, const char *kid)
{
        return talloc_asprintf(mem, "idm signing_key %s", kid);
}

static enum ecode unseal_key(struct idm *idm, void *mem, const struct idm_key *k, struct jwk **ret, struct err *er)
{
        struct bytes der = { 0 };
        char *label = seal_label(mem, k->kid);
        if (label == NULL)
                return err_set(er, E_NOMEM, NULL, "key");
        enum ecode e = seal_open(mem, idm->env->seal_key, label, k->secret, &der, er);
        if (e == E_OK)
                e = jwk_from_der(mem, der, ret, er);
        if (e != E_OK)
                err_at(er, "signing key");
        return e;
}

enum ecode idm_keys_load(struct idm *idm, struct err *er)
{
        struct idm_ring *ring = talloc_zero(NULL, struct idm_ring);
        struct idm_key *list = NULL;
        size_t n = 0;
        enum ecode e = ring == NULL ? err_set(er, E_NOMEM, NULL, "keys") : E_OK;
        if (e == E_OK)
                e = idm->st->key_list(idm->st, ring, &list, &n, er);
        if (e == E_OK && (ring->key = talloc_zero_array(ring, struct ring_key, n + 1)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "keys");
        for (size_t i = 0; e == E_OK && i < n; i++) {
                struct ring_key *k = &ring->key[i];
                e = unseal_key(idm, ring, &list[i], &k->key, er);
                k->use_from_s = list[i].use_from_s;
                k->drop_at_s = list[i].drop_at_s;
                ring->n = i + 1;
        }
        if (e != E_OK) {
                talloc_free(ring);
                return e;
        }
        pthread_mutex_lock(&idm->ring_lock);
        struct idm_ring *old = idm->ring;
        idm->ring = ring;
        idm->ring_ms = clock_ms(idm->env->clock);
        talloc_free(old);
        pthread_mutex_unlock(&idm->ring_lock);
        return E_OK;
}

/* Until when keys of today are still needed to check a token that was signed just before `from_s`. */
static int64_t drop_after(const struct idm *idm, int64_t from_s)
{
        int64_t longest = idm->conf->access_ttl_s > 86400 ? idm->conf->access_ttl_s : 86400;
        return from_s + longest + JWT_LEEWAY_S;
}

static enum ecode add_key(struct idm *idm, void *mem, const char *alg, bool first, struct err *er)
{
        struct jwk *k = NULL;
        struct bytes der = { 0 };
        struct idm_key row = { .alg = alg, .created_s = idm_now(idm) };
        row.use_from_s = row.created_s + (first ? 0 : idm->conf->key_lead_s);
        enum ecode e = jwk_generate(mem, jose_alg_of(alg), (unsigned)idm->conf->rsa_bits, &k, er);
        if (e == E_OK)
                e = jwk_to_der(mem, k, &der, er);
        if (e != E_OK)
                return e;
        row.kid = jwk_kid(k);
        char *label = seal_label(mem, row.kid);
        if (label == NULL || seal(mem, idm->env->seal_key, idm->env->rng, label, der, &row.secret) != E_OK)
                return err_set(er, E_CRYPTO, NULL, "a new signing key could not be sealed");
        e = idm->st->key_add(idm->st, &row, first, drop_after(idm, row.use_from_s), er);
        if (e == E_OK)
                ev(idm->env->log, EV_INFO, "signing-key-made", KV_STR("kid", row.kid), KV_STR("alg", alg),
                   KV_INT("use_from", row.use_from_s), KV_STR("req", "R-ID-131"));
        return first && e == E_EXISTS ? E_OK : e;
}

static bool ring_has(const struct idm_ring *r, enum jose_alg alg)
{
        for (size_t i = 0; i < r->n; i++)
                if (jwk_alg(r->key[i].key) == alg)
                        return true;
        return false;
}

enum ecode idm_keys_open(struct idm *idm, struct err *er)
{
        void *mem = talloc_new(NULL);
        bool made = false;
        enum ecode e = idm_keys_load(idm, er);
        for (size_t i = 0; e == E_OK && i < COUNT(key_algs); i++)
                if (!ring_has(idm->ring, jose_alg_of(key_algs[i]))) {
                        e = add_key(idm, mem, key_algs[i], true, er);
                        made = true;
                }
        talloc_free(mem);
        return e == E_OK && made ? idm_keys_load(idm, er) : e;
}

enum ecode idm_keys_rotate(struct idm *idm, const char *alg, struct err *er)
{
        if (alg != NULL && jose_alg_of(alg) == JOSE_NONE)
                return err_set(er, E_RANGE, NULL, "alg is RS256 or ES256");
        void *mem = talloc_new(NULL);
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < COUNT(key_algs); i++)
                if (alg == NULL || strcmp(alg, key_algs[i]) == 0)
                        e = add_key(idm, mem, key_algs[i], false, er);
        talloc_free(mem);
        return e == E_OK ? idm_keys_load(idm, er) : e;
}

enum ecode idm_keys_signer(struct idm *idm, void *mem, enum jose_alg alg, struct jwk **ret, struct err *er)
{
        struct jwk *found = NULL;
        int64_t now = idm_now(idm);
        pthread_mutex_lock(&idm->ring_lock);
        for (size_t i = 0; i < idm->ring->n; i++) { /* the youngest that may sign */
                const struct ring_key *k = &idm->ring->key[i];
                if (jwk_alg(k->key) == alg && k->use_from_s <= now)
                        found = k->key;
        }
        if (found != NULL)
                found = jwk_share(mem, found);
        pthread_mutex_unlock(&idm->ring_lock);
        if (found == NULL)
                return err_set(er, E_INTERNAL, NULL, "there is no key that signs %s now", jose_alg_name(alg));
        *ret = found;
        return E_OK;
}

enum ecode idm_keys_public(struct idm *idm, void *mem, struct jwks *ret, struct err *er)
{
        struct jwks set = { 0 };
        int64_t now = idm_now(idm);
        bool failed = false;
        pthread_mutex_lock(&idm->ring_lock);
        set.key = talloc_zero_array(mem, struct jwk *, idm->ring->n + 1);
        for (size_t i = 0; set.key != NULL && i < idm->ring->n; i++) {
                const struct ring_key *k = &idm->ring->key[i];
                if (k->drop_at_s != 0 && k->drop_at_s <= now)
                        continue;
                set.key[set.n] = jwk_share(mem, k->key);
                failed |= set.key[set.n++] == NULL;
        }
        pthread_mutex_unlock(&idm->ring_lock);
        if (set.key == NULL || failed)
                return err_set(er, E_NOMEM, NULL, "keys");
        *ret = set;
        return E_OK;
}

void idm_keys_close(struct idm *idm)
{
        talloc_free(idm->ring);
        idm->ring = NULL;
}

const char *idm_jwks(struct idm *idm, void *mem, struct err *er)
{
        struct jwks set;
        if (idm_keys_public(idm, mem, &set, er) != E_OK)
                return NULL;
        return jwks_print(mem, &set);
}
