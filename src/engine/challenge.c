#include "engine/challenge.h"

#include "base/secret.h"

#include <stdlib.h>
#include <strings.h>
#include <talloc.h>
#include "base/hash.h"

struct entry {
        struct chal *c;
        UT_hash_handle hh; /* by c->nonce; insertion order is age */
};

struct chal_table {
        struct entry *by_nonce;
        size_t limit;
};

static int table_free(struct chal_table *t)
{
        struct entry *e, *next;
        HASH_ITER(hh, t->by_nonce, e, next)
        {
                HASH_DEL(t->by_nonce, e);
                free(e);
        }
        return 0;
}

struct chal_table *chal_table_new(void *mem, size_t limit)
{
        struct chal_table *t = talloc_zero(mem, struct chal_table);
        if (t != NULL) {
                t->limit = limit;
                talloc_set_destructor(t, table_free);
        }
        return t;
}

static int chal_free(struct chal *c)
{
        secret_wipe(c->xres, sizeof c->xres);
        digest_hex_wipe(&c->ha1);
        return 0;
}

struct chal *chal_new(void *mem)
{
        struct chal *c = talloc_zero(mem, struct chal);
        if (c != NULL)
                talloc_set_destructor(c, chal_free);
        return c;
}

static void entry_drop(struct chal_table *t, struct entry *e)
{
        HASH_DEL(t->by_nonce, e);
        talloc_free(e->c);
        free(e);
}

static struct entry *entry_of(struct chal_table *t, const char *nonce)
{
        struct entry *e = NULL;
        HASH_FIND_STR(t->by_nonce, nonce, e);
        return e;
}

enum ecode chal_put(struct chal_table *t, struct chal *c, uint64_t now_ms)
{
        if (entry_of(t, c->nonce) != NULL)
                return E_EXISTS;
        if (HASH_COUNT(t->by_nonce) >= t->limit && t->by_nonce != NULL)
                entry_drop(t, t->by_nonce);
        struct entry *e = calloc(1, sizeof *e);
        if (e == NULL)
                return E_NOMEM;
        c->made_ms = now_ms;
        e->c = talloc_steal(t, c);
        HASH_ADD_KEYPTR(hh, t->by_nonce, c->nonce, strlen(c->nonce), e);
        return E_OK;
}

void chal_drop(struct chal_table *t, struct chal *c)
{
        struct entry *e = c != NULL ? entry_of(t, c->nonce) : NULL;
        if (e != NULL)
                entry_drop(t, e);
}

void chal_expire(struct chal_table *t, uint64_t now_ms)
{
        while (t->by_nonce != NULL && now_ms - t->by_nonce->c->made_ms > CHAL_LIFE_MS)
                entry_drop(t, t->by_nonce);
}

size_t chal_count(const struct chal_table *t)
{
        return HASH_COUNT(t->by_nonce);
}

static bool has(const char *s)
{
        return s != NULL && *s != 0;
}

/* "00000001": exactly eight hex digits (RFC 2617 clause 3.2.2), as a number; 0 is no count. */
static uint32_t nc_value(const char *nc)
{
        if (nc == NULL || strlen(nc) != 8 || strspn(nc, "0123456789abcdefABCDEF") != 8)
                return 0;
        return (uint32_t)strtoul(nc, NULL, 16);
}

static enum ecode answer_ha1(const struct chal *c, const struct chal_answer *a, struct digest_hex *ret)
{
        if (c->scheme == CHAL_DIGEST) {
                *ret = c->ha1;
                return E_OK;
        }
        return digest_ha1(DIGEST_MD5, bytes_str(a->username), bytes_str(c->realm), bytes_of(c->xres, c->xres_n), ret);
}

static bool answer_fits(const struct chal *c, const struct chal_answer *a, struct digest_hex *rspauth)
{
        __attribute__((cleanup(digest_hex_wipe))) struct digest_hex ha1 = { 0 };
        struct digest_req rq = {
                .alg = DIGEST_MD5,
                .qop = !has(a->qop)                          ? DIGEST_QOP_NONE
                       : strcasecmp(a->qop, "auth-int") == 0 ? DIGEST_QOP_AUTH_INT
                                                             : DIGEST_QOP_AUTH,
                .method = bytes_str(a->method),
                .uri = bytes_str(a->uri),
                .nonce = bytes_str(c->nonce),
                .nc = bytes_str(a->nc),
                .cnonce = bytes_str(a->cnonce),
                .body = a->body,
        };
        return answer_ha1(c, a, &ha1) == E_OK && digest_verify(&rq, &ha1, bytes_str(a->response)) == E_OK &&
               digest_rspauth(&rq, &ha1, rspauth) == E_OK;
}

enum chal_verdict chal_check(struct chal_table *t, const struct chal_answer *a, uint64_t now_ms, struct chal **which,
                             struct digest_hex *rspauth)
{
        *which = NULL;
        if (!has(a->nonce))
                return CHAL_NONE;
        struct entry *e = entry_of(t, a->nonce);
        if (e == NULL || now_ms - e->c->made_ms > CHAL_LIFE_MS)
                return CHAL_NONE;
        struct chal *c = *which = e->c;
        if (!has(a->username) || strcmp(a->username, c->impi) != 0 || !has(a->realm) || strcmp(a->realm, c->realm) != 0)
                return CHAL_WRONG; /* somebody else's challenge */
        if (c->scheme == CHAL_AKA && has(a->auts))
                return CHAL_RESYNC; /* the digest of an empty password proves nothing: MAC-S does */
        if (!has(a->response))
                return c->scheme == CHAL_AKA ? CHAL_NETWORK_REFUSED : CHAL_WRONG;
        uint32_t nc = nc_value(a->nc);
        if (has(a->qop) && nc == 0)
                return CHAL_WRONG;
        if (!answer_fits(c, a, rspauth))
                return CHAL_WRONG;
        if (c->nc > 0 && nc <= c->nc)
                return CHAL_REPLAYED;
        c->nc = nc > 0 ? nc : 1;
        return CHAL_GOOD;
}
