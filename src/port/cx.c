#include "port/cx.h"

#include "base/secret.h"

static void wipe(struct bytes b)
{
        secret_wipe((void *)(uintptr_t)b.p, b.n);
}

void cx_maa_wipe(struct cx_maa *a)
{
        for (size_t i = 0; i < a->items_n; i++) {
                wipe(a->items[i].xres);
                wipe(a->items[i].ck);
                wipe(a->items[i].ik);
                wipe(bytes_str(a->items[i].ha1));
        }
        a->items_n = 0;
}
