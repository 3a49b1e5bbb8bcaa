#include "base/secret.h"

#include <sodium.h>
#include <talloc.h>

void secret_wipe(void *p, size_t n)
{
        if (p != NULL && n > 0)
                sodium_memzero(p, n);
}

static int wipe_on_free(uint8_t *p)
{
        sodium_memzero(p, talloc_get_size(p));
        return 0;
}

uint8_t *secret_alloc(void *mem, size_t n)
{
        uint8_t *p = (uint8_t *)talloc_array(mem, char, n ? n : 1);
        if (p != NULL)
                talloc_set_destructor(p, wipe_on_free);
        return p;
}

struct bytes secret_copy(void *mem, struct bytes in)
{
        uint8_t *p = secret_alloc(mem, in.n + 1);
        if (p == NULL)
                return (struct bytes){ 0 };
        if (in.n > 0)
                memcpy(p, in.p, in.n);
        p[in.n] = 0;
        return bytes_of(p, in.n);
}
