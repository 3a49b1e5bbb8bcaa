/* uthash with a keyed hash: keys that come from the network (Call-IDs, addresses, nonces) cannot be chosen so that they
 * all fall into one bucket. Include this instead of <uthash.h>. The key is drawn once in the life of a process; nothing
 * but the order inside of tables depends on it. */
#ifndef MUSTER_BASE_HASH_H
#define MUSTER_BASE_HASH_H

#include <stddef.h>

/* SipHash-2-4 under the key of this process. Thread-safe. */
unsigned hash_keyed(const void *p, size_t n);

#define HASH_FUNCTION(key, len, hashv) ((hashv) = hash_keyed((key), (len)))

#include <uthash.h>

#ifdef __clang_analyzer__
/* The analyzer loses itself in the buckets, and believes in frees that never were. It sees a plain list. */
void *hash_some(const void *head, const void *key);
#undef HASH_FIND
#define HASH_FIND(hh, head, keyptr, keylen, out) ((out) = hash_some((head), (keyptr)))
#undef HASH_ADD_KEYPTR
#define HASH_ADD_KEYPTR(hh, head, keyptr, keylen, add) ((add)->hh.next = (head), (head) = (add))
#undef HASH_DELETE
#define HASH_DELETE(hh, head, gone) ((head) = (head) == (gone) ? (gone)->hh.next : (void *)(head))
#endif

#endif
