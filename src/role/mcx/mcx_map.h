/* A map from text to values that it owns, and on top of it an index from text to values of others. The owner of a map
 * holds a lock around each call and as long as it looks at what it got. */
#ifndef MUSTER_ROLE_MCX_MAP_H
#define MUSTER_ROLE_MCX_MAP_H

#include "base/err.h"
#include "base/hash.h"

struct mcx_entry {
        char *key;
        void *value; /* talloc, on the map */
        UT_hash_handle hh;
};

struct mcx_map {
        struct mcx_entry *head; /* walk with hh.next */
};

struct mcx_map *mcx_map_new(void *mem);
size_t mcx_count(const struct mcx_map *map);
void *mcx_map_get(const struct mcx_map *map, const char *key);
/* Takes value, also when it fails; what was under the key is freed. */
enum ecode mcx_map_put(struct mcx_map *map, const char *key, void *value);
void mcx_map_del(struct mcx_map *map, const char *key);

/* The values under one key of an index. */
struct mcx_many {
        void **v;
        size_t n;
};
enum ecode mcx_index_add(struct mcx_map *map, const char *key, void *value);
void mcx_index_del(struct mcx_map *map, const char *key, const void *value);
/* Never NULL. A key of NULL (no memory for it) finds nothing. */
const struct mcx_many *mcx_index_get(const struct mcx_map *map, const char *key);

#endif
