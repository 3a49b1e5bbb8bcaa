/* PSK identities from a ClientHello: any octets. One identity has one spelling, so that no second text finds a key. */
#include <stdlib.h>

#include "crypto/kdf_msg5g.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct psk_id id;
        struct psk_id_text text;
        enum ecode e = psk_id_parse(bytes_of(data, size), &id);
        if (e != E_OK && e != E_SYNTAX)
                abort();
        if (e == E_OK) {
                psk_id_print(&id, &text);
                if (!bytes_eq_str(bytes_of(data, size), text.s))
                        abort();
        }
        return 0;
}
