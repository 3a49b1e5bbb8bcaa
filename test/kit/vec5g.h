/* Reading test/vectors/5g-aka.json: hex members as octets, paths of names. */
#ifndef MUSTER_TEST_VEC5G_H
#define MUSTER_TEST_VEC5G_H

#include "test/kit/check.h"

/* The member of that name; fails the test when there is none. */
static inline const json_t *vec_get(const json_t *o, const char *name)
{
        const json_t *v = json_object_get(o, name);
        if (v == NULL)
                fail_msg("no member %s", name);
        return v;
}

static inline struct bytes vec_str(const json_t *o, const char *name)
{
        return bytes_str(json_string_value(vec_get(o, name)));
}

static inline struct bytes vec_hex(void *mem, const json_t *o, const char *name)
{
        return vector_hex(mem, json_string_value(vec_get(o, name)));
}

/* Into an array of exactly n octets. */
static inline void vec_to(const json_t *o, const char *name, uint8_t *out, size_t n)
{
        if (hex_decode_to(vec_str(o, name), out, n) != E_OK)
                fail_msg("%s is not %zu octets", name, n);
}

#endif
