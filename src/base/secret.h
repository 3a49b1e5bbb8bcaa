/* Secrets: wiping and comparing. A key has a struct type of its own, so that the compiler refuses the wrong rung of a
 * ladder, and is declared with SECRET so that no return can skip the wipe:
 *
 *      SECRET(key_kamf) kamf = { 0 };     calls key_kamf_wipe(&kamf) when the block ends
 */
#ifndef MUSTER_BASE_SECRET_H
#define MUSTER_BASE_SECRET_H

#include "base/bytes.h"

void secret_wipe(void *p, size_t n);

/* Defines struct name { uint8_t b[size]; } with name_wipe(). */
#define SECRET_TYPE(name, size)                                                                                        \
        struct name {                                                                                                  \
                uint8_t b[size];                                                                                       \
        };                                                                                                             \
        static inline void name##_wipe(struct name *k)                                                                 \
        {                                                                                                              \
                secret_wipe(k->b, sizeof k->b);                                                                        \
        }

#define SECRET(name) __attribute__((cleanup(name##_wipe))) struct name

/* Talloc memory that wipes itself when it is freed, for secrets of variable length. NULL when memory is out. */
uint8_t *secret_alloc(void *mem, size_t n);
struct bytes secret_copy(void *mem, struct bytes in);

#endif
