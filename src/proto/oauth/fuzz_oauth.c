/* Everything of CSC-1 that a stranger may send: forms (authentication and token requests), discovery documents,
 * answers, redirect URIs. Property: what was parsed prints, and parses again to the same. */
#include "proto/oauth/oauth.h"

#include <stdlib.h>
#include <talloc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool same(const char *a, const char *b)
{
        return a == NULL ? b == NULL : b != NULL && strcmp(a, b) == 0;
}

static void fuzz_auth(void *mem, struct bytes in)
{
        struct form f, g;
        struct auth_req r, again;
        if (form_parse(mem, in, &f, NULL) != E_OK)
                return;
        auth_req_parse(&f, &r);
        if (auth_req_check(&r, 0, NULL) != E_OK)
                return;
        char *url = auth_req_url(mem, "https://a.example/x", &r);
        if (url == NULL || form_parse(mem, bytes_str(strchr(url, '?') + 1), &g, NULL) != E_OK)
                abort();
        auth_req_parse(&g, &again);
        if (!same(r.state, again.state) || !same(r.redirect_uri, again.redirect_uri) || !same(r.scope, again.scope))
                abort();
}

static void fuzz_token(void *mem, struct bytes in)
{
        static const char type[] = "application/x-www-form-urlencoded";
        struct token_req r, again;
        if (token_req_parse(mem, in, type, NULL, &r, NULL) != E_OK)
                return;
        char *text = token_req_print(mem, &r);
        if (text == NULL || token_req_parse(mem, bytes_str(text), type, NULL, &again, NULL) != E_OK)
                abort();
        if (r.grant != again.grant || !same(r.code, again.code) || !same(r.assertion, again.assertion))
                abort();
        pkce_check(r.code_verifier, "8j6fKVdQfSkJe--b7h1CD60o-DOcDvKGAxa08hlpouQ", NULL);
}

static void fuzz_json(void *mem, struct bytes in)
{
        struct token_res res;
        struct oauth_error error;
        struct oauth_metadata m;
        if (token_res_parse(mem, in, &res, NULL) == E_OK && token_res_print(mem, &res) == NULL)
                abort();
        oauth_error_parse(mem, in, &error);
        if (oauth_metadata_parse(mem, in, "https://idms.mcx-a.example", &m, NULL) == E_OK &&
            oauth_metadata_print(mem, &m) == NULL)
                abort();
}

static void fuzz_text(void *mem, struct bytes in)
{
        struct bytes token;
        const char *id, *secret;
        char *text = bytes_to_str(mem, in);
        if (text == NULL)
                return;
        bearer_parse(text, &token, NULL);
        basic_parse(mem, text, &id, &secret);
        redirect_uri_registrable(text);
        if (!redirect_uri_match(text, text))
                abort();
        redirect_uri_match("http://127.0.0.1:8080/cb", text);
        scope_valid(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        struct bytes in = bytes_of(data, n);
        fuzz_auth(mem, in);
        fuzz_token(mem, in);
        fuzz_json(mem, in);
        fuzz_text(mem, in);
        talloc_free(mem);
        return 0;
}
