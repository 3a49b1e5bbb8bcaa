/* Chained hash table and binary heap over transactions that the caller owns. */
#include "engine/siptx.h"

#include <sodium.h>
#include <talloc.h>

struct siptx_table {
        uint8_t seed[crypto_shorthash_KEYBYTES];
        size_t n, max, mask;
        struct siptx **bucket;
        struct siptx **heap; /* the earliest first */
};

struct siptx_table *siptx_table_new(void *mem, size_t max, const struct rng *rng)
{
        size_t buckets = 64;
        while (buckets < max)
                buckets *= 2;
        struct siptx_table *tb = talloc_zero(mem, struct siptx_table);
        if (tb == NULL)
                return NULL;
        tb->max = max;
        tb->mask = buckets - 1;
        tb->bucket = talloc_zero_array(tb, struct siptx *, buckets);
        tb->heap = talloc_array(tb, struct siptx *, max + 1);
        if (tb->bucket == NULL || tb->heap == NULL || rng_fill(rng, tb->seed, sizeof tb->seed) != E_OK) {
                talloc_free(tb);
                return NULL;
        }
        return tb;
}

static uint64_t due_ms(const struct siptx *t)
{
        return t->again_ms < t->end_ms ? t->again_ms : t->end_ms;
}

static void heap_set(struct siptx_table *tb, size_t at, struct siptx *t)
{
        tb->heap[at] = t;
        t->heap_at = at;
}

static void heap_place(struct siptx_table *tb, struct siptx *t)
{
        size_t at = t->heap_at;
        while (at > 0 && due_ms(t) < due_ms(tb->heap[(at - 1) / 2])) {
                heap_set(tb, at, tb->heap[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        for (;;) {
                size_t child = 2 * at + 1;
                if (child + 1 < tb->n && due_ms(tb->heap[child + 1]) < due_ms(tb->heap[child]))
                        child++;
                if (child >= tb->n || due_ms(t) <= due_ms(tb->heap[child]))
                        break;
                heap_set(tb, at, tb->heap[child]);
                at = child;
        }
        heap_set(tb, at, t);
}

static uint64_t hash_of(const struct siptx_table *tb, const char *key)
{
        uint64_t h;
        crypto_shorthash((unsigned char *)&h, (const unsigned char *)key, strlen(key), tb->seed);
        return h;
}

static struct siptx **slot(const struct siptx_table *tb, const char *key, uint64_t hash)
{
        struct siptx **p = &tb->bucket[hash & tb->mask];
        while (*p != NULL && ((*p)->hash != hash || strcmp((*p)->key, key) != 0))
                p = &(*p)->next;
        return p;
}

enum ecode siptx_put(struct siptx_table *tb, struct siptx *t)
{
        if (tb->n >= tb->max)
                return E_BUSY;
        t->hash = hash_of(tb, t->key);
        struct siptx **p = slot(tb, t->key, t->hash);
        if (*p != NULL)
                return E_EXISTS;
        t->next = NULL;
        *p = t;
        t->heap_at = tb->n;
        tb->heap[tb->n++] = t;
        heap_place(tb, t);
        return E_OK;
}

struct siptx *siptx_find(const struct siptx_table *tb, const char *key)
{
        return key != NULL ? *slot(tb, key, hash_of(tb, key)) : NULL;
}

void siptx_take(struct siptx_table *tb, struct siptx *t)
{
        struct siptx **p = slot(tb, t->key, t->hash);
        if (*p != t)
                return;
        *p = t->next;
        struct siptx *last = tb->heap[--tb->n];
        if (last != t) {
                heap_set(tb, t->heap_at, last);
                heap_place(tb, last);
        }
}

size_t siptx_count(const struct siptx_table *tb)
{
        return tb->n;
}

unsigned siptx_step(struct siptx_table *tb, struct siptx *t, enum siptx_event ev, uint64_t now_ms)
{
        unsigned todo = siptx_on(t, ev, now_ms);
        heap_place(tb, t);
        return todo;
}

void siptx_hush(struct siptx_table *tb, struct siptx *t)
{
        siptx_quiet(t);
        heap_place(tb, t);
}

struct siptx *siptx_due(struct siptx_table *tb, uint64_t now_ms, enum siptx_event *ev)
{
        if (tb->n == 0 || due_ms(tb->heap[0]) > now_ms)
                return NULL;
        *ev = tb->heap[0]->end_ms <= now_ms ? SIPTX_EXPIRE : SIPTX_RETRANSMIT;
        return tb->heap[0];
}

uint64_t siptx_next_ms(const struct siptx_table *tb)
{
        return tb->n > 0 ? due_ms(tb->heap[0]) : UINT64_MAX;
}
