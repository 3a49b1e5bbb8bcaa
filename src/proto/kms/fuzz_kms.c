#include <stdlib.h>
#include <talloc.h>

#include "proto/kms/kms.h"
#include "proto/kms/kms_sig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum ecode any_key(const void *arg, const char *name, struct bytes *ret)
{
        (void)arg, (void)name;
        *ret = BYTES_LIT("k");
        return E_OK;
}

/* What our printer accepts of a parsed answer parses again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        struct bytes in = bytes_of(data, n), out;
        struct kms_request *rq = NULL, *rq2 = NULL;
        struct kms_response *rs = NULL, *rs2 = NULL;
        struct kms_cert *c = NULL;
        if (kms_request_parse(mem, in, &rq, NULL) == E_OK && kms_request_print(mem, rq, &out, NULL) == E_OK &&
            kms_request_parse(mem, out, &rq2, NULL) != E_OK)
                abort();
        if (kms_response_parse(mem, in, &rs, NULL) == E_OK && kms_response_print(mem, rs, NULL, &out, NULL) == E_OK &&
            kms_response_parse(mem, out, &rs2, NULL) != E_OK)
                abort();
        kms_cert_parse(mem, in, &c, NULL);
        char *name = NULL;
        kms_signature_verify(mem, in, &(struct kms_sig_keys){ any_key, NULL }, &name, NULL);
        talloc_free(mem);
        return 0;
}
