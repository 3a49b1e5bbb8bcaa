#include <stdlib.h>
#include <talloc.h>

#include "proto/xml/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What parses has a canonical form, which parses to the same canonical form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        struct xml *x = NULL, *y = NULL;
        struct bytes once, twice;
        if (xml_parse(mem, bytes_of(data, n), NULL, &x, NULL) == E_OK && xml_canonical(mem, x, &once) == E_OK) {
                if (xml_parse(mem, once, &(struct xml_limits){ 8 << 20, 250, 1u << 30 }, &y, NULL) == E_OK &&
                    (xml_canonical(mem, y, &twice) != E_OK || !bytes_eq(once, twice)))
                        abort();
        }
        talloc_free(mem);
        return 0;
}
