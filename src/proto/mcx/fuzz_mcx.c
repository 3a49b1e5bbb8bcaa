#include <stdlib.h>
#include <talloc.h>

#include "proto/mcx/mcx_group.h"
#include "proto/mcx/mcx_info.h"
#include "proto/mcx/mcx_lists.h"
#include "proto/mcx/mcx_profile.h"
#include "proto/mcx/mcx_settings.h"
#include "proto/mcx/mcx_ue_init.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A document that parses, and prints, parses again. */
#define ROUND(type, parse, print)                                                                                      \
        do {                                                                                                           \
                struct type *a = NULL, *b = NULL;                                                                      \
                struct bytes out;                                                                                      \
                if (parse(mem, in, &a, NULL) == E_OK && print == E_OK && parse(mem, out, &b, NULL) != E_OK)            \
                        abort();                                                                                       \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const struct mcx_conf_key key = { .key_id = 0x2a5b6c7d };
        void *mem = talloc_new(NULL);
        struct bytes in = bytes_of(data, n);
        struct mcx_info *info = NULL;
        ROUND(mcx_info, mcx_info_parse, mcx_info_print(mem, a, NULL, &out, NULL));
        ROUND(mcx_settings, mcx_settings_parse, mcx_settings_print(mem, a, &out, NULL));
        ROUND(mcx_uri_list, mcx_resource_lists_parse, mcx_resource_lists_print(mem, a, &out, NULL));
        ROUND(mcx_xcap_diff, mcx_xcap_diff_parse, mcx_xcap_diff_print(mem, a, &out, NULL));
        ROUND(mcx_ue_init, mcx_ue_init_parse, mcx_ue_init_print(mem, a, &out, NULL));
        ROUND(mcx_profile, mcx_profile_parse, mcx_profile_print(mem, a, &out, NULL));
        ROUND(mcx_group, mcx_group_parse, mcx_group_print(mem, a, &out, NULL));
        if (mcx_info_parse(mem, in, &info, NULL) == E_OK)
                mcx_info_decrypt(mem, info, &key, NULL);
        talloc_free(mem);
        return 0;
}
