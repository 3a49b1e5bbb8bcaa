#include <stdlib.h>
#include <talloc.h>

#include "proto/mikey/mikey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What parses prints (payloads then stand in canonical order) and parses to the same octets again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        struct mikey_msg a, b;
        struct bytes once, twice;
        if (mikey_parse(bytes_of(data, n), &a, NULL) == E_OK) {
                if (mikey_print_unsigned(mem, &a, &once, NULL) != E_OK)
                        abort();
                struct buf whole = buf_on(mem);
                buf_put(&whole, once);
                buf_put(&whole, a.signature);
                if (mikey_parse(buf_bytes(&whole), &b, NULL) != E_OK ||
                    mikey_print_unsigned(mem, &b, &twice, NULL) != E_OK || !bytes_eq(once, twice) ||
                    mikey_time_s(&a, 0) != mikey_time_s(&b, 0))
                        abort();
        }
        talloc_free(mem);
        return 0;
}
