#include "role/mcx/mcx_map.h"

#include <stdlib.h>
#include <talloc.h>

void *mcx_map_get(const struct mcx_map *map, const char *key)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        return e != NULL ? e->value : NULL;
}

void mcx_map_del(struct mcx_map *map, const char *key)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        if (e == NULL)
                return;
        HASH_DEL(map->head, e);
        talloc_free(e->value);
        free(e->key);
        free(e);
}

enum ecode mcx_map_put(struct mcx_map *map, const char *key, void *value)
{
        struct mcx_entry *e = NULL;
        HASH_FIND_STR(map->head, key, e);
        if (e != NULL) {
                talloc_free(e->value);
                e->value = talloc_steal(map, value);
                return E_OK;
        }
        e = calloc(1, sizeof *e);
        if (e == NULL || (e->key = strdup(key)) == NULL) {
                free(e);
                talloc_free(value);
                return E_NOMEM;
        }
        e->value = talloc_steal(map, value);
        HASH_ADD_KEYPTR(hh, map->head, e->key, strlen(e->key), e);
        return E_OK;
}

static int map_free(struct mcx_map *map)
{
        while (map->head != NULL)
                mcx_map_del(map, map->head->key);
        return 0;
}

struct mcx_map *mcx_map_new(void *mem)
{
        struct mcx_map *map = talloc_zero(mem, struct mcx_map);
        if (map != NULL)
                talloc_set_destructor(map, map_free);
        return map;
}

size_t mcx_count(const struct mcx_map *map)
{
        return HASH_COUNT(map->head);
}

enum ecode mcx_index_add(struct mcx_map *map, const char *key, void *value)
{
        struct mcx_many *many = mcx_map_get(map, key);
        if (many == NULL) {
                many = talloc_zero(map, struct mcx_many);
                if (many == NULL || mcx_map_put(map, key, many) != E_OK)
                        return E_NOMEM;
        }
        void **v = talloc_realloc(many, many->v, void *, many->n + 1);
        if (v == NULL)
                return E_NOMEM;
        many->v = v;
        many->v[many->n++] = value;
        return E_OK;
}

void mcx_index_del(struct mcx_map *map, const char *key, const void *value)
{
        struct mcx_many *many = mcx_map_get(map, key);
        for (size_t i = 0; many != NULL && i < many->n; i++)
                if (many->v[i] == value) {
                        many->v[i] = many->v[--many->n];
                        break;
                }
        if (many != NULL && many->n == 0)
                mcx_map_del(map, key);
}

const struct mcx_many *mcx_index_get(const struct mcx_map *map, const char *key)
{
        static const struct mcx_many none = { 0 };
        const struct mcx_many *many = key != NULL ? mcx_map_get(map, key) : NULL;
        return many != NULL ? many : &none;
}
