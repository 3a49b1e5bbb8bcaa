/* Tokens as they come off the wire, and JWK sets. Property: what is signed with a private key of ours verifies and
 * gives the same claims again; a parsed token has strict parts. */
#include "proto/jose/jwt.h"

#include <stdlib.h>
#include <talloc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_token(void *mem, struct bytes in)
{
        struct jwt t;
        struct token_claims c;
        if (jwt_parse(mem, in, &t, NULL) != E_OK)
                return;
        if (in.n > JWT_MAX || t.header == NULL || t.payload == NULL)
                abort();
        if (jwt_claims_unproven(mem, &t, &c, NULL) != E_OK)
                return;
        json_t *again = token_claims_json(TOKEN_ACCESS, &c);
        if (again == NULL)
                abort();
        json_decref(again);
}

static void fuzz_jwks(void *mem, struct bytes in)
{
        struct jwks set, again;
        if (jwks_parse(mem, in, &set, NULL) != E_OK)
                return;
        char *text = jwks_print(mem, &set);
        if (text == NULL || jwks_parse(mem, bytes_str(text), &again, NULL) != E_OK || again.n != set.n)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        if (n > 0 && data[0] == '{')
                fuzz_jwks(mem, bytes_of(data, n));
        else
                fuzz_token(mem, bytes_of(data, n));
        talloc_free(mem);
        return 0;
}
