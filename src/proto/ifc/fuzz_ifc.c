#include <stdlib.h>
#include <talloc.h>

#include "proto/ifc/ifc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool header(const void *message, size_t nth, const char **name, const char **value)
{
        (void)message;
        *name = "P-Asserted-Service";
        *value = "urn:urn-7:3gpp-service.ims.icsi.mcptt";
        return nth == 0;
}

/* A profile that parses prints, parses again, and evaluates to the same servers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const struct ifc_request rq = { .method = "INVITE",
                                               .request_uri = "sip:psi@mc.example",
                                               .header = header,
                                               .sdp = "v=0\r\nm=audio ab 0\r\n" };
        void *mem = talloc_new(NULL);
        struct ims_subscription *s = NULL, *t = NULL;
        struct bytes out;
        if (ims_subscription_parse(mem, bytes_of(data, n), &s, NULL) == E_OK) {
                if (ims_subscription_print(mem, s, &out, NULL) != E_OK ||
                    ims_subscription_parse(mem, out, &t, NULL) != E_OK || t->profiles_n != s->profiles_n)
                        abort();
                for (size_t i = 0; i < s->profiles_n; i++) {
                        struct ifc_match a, b;
                        if (ifc_eval(mem, &s->profiles[i], &rq, &a, NULL) != E_OK ||
                            ifc_eval(mem, &t->profiles[i], &rq, &b, NULL) != E_OK || a.n != b.n)
                                abort();
                }
        }
        talloc_free(mem);
        return 0;
}
