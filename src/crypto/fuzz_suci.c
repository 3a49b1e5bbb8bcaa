/* SUCI texts from strangers. What parses prints, and parses to the same again; a home network with the published keys
 * of TS 33.501 C.4 either opens it to an IMSI or refuses it in the ways that suci.h names. */
#include <stdlib.h>
#include <talloc.h>

#include "base/codec.h"
#include "crypto/suci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct suci_home_key keys[2] = { { .scheme = SUCI_A, .id = 27 }, { .scheme = SUCI_B, .id = 28 } };

static void need(bool good)
{
        if (!good)
                abort();
}

static void set_up(void)
{
        need(hex_decode_to(BYTES_LIT("c53c22208b61860b06c62e5406a7b330c2b577aa5558981510d128247d38bd1d"),
                           keys[0].priv.b, 32) == E_OK);
        need(hex_decode_to(BYTES_LIT("f1ab1074477ebcc7f554ea1c5fc368b1616730155e0041ac447d6301975fecda"),
                           keys[1].priv.b, 32) == E_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct suci s, t;
        struct supi supi;
        const struct suci_home home = { .keys = keys, .n = COUNT(keys), .null_allowed = true };
        if (keys[0].priv.b[0] == 0)
                set_up();
        if (suci_parse(bytes_of(data, size), &s, NULL) != E_OK)
                return 0;
        void *mem = talloc_new(NULL);
        char *text = suci_print(mem, &s);
        need(text != NULL && suci_parse(bytes_str(text), &t, NULL) == E_OK && s.out_n == t.out_n &&
             memcmp(s.out, t.out, s.out_n) == 0 && plmn_eq(&s.plmn, &t.plmn) && s.key_id == t.key_id);
        enum ecode e = suci_reveal(&s, &home, &supi, NULL);
        need(e == E_OK || e == E_DECRYPT);
        need(e != E_OK || (memcmp(supi.s, "imsi-", 5) == 0 && strlen(supi.s) <= 20));
        talloc_free(mem);
        return 0;
}
