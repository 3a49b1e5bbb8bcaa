#include "proto/oauth/oauth.h"

#include "base/codec.h"

#include <openssl/sha.h>
#include <talloc.h>

static bool is_base64url(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool pkce_verifier_valid(const char *verifier)
{
        size_t n = verifier != NULL ? strlen(verifier) : 0;
        for (size_t i = 0; i < n; i++)
                if (!is_base64url(verifier[i]) && verifier[i] != '.' && verifier[i] != '~')
                        return false;
        return n >= 43 && n <= 128;
}

bool pkce_challenge_valid(const char *challenge)
{
        size_t n = challenge != NULL ? strlen(challenge) : 0;
        for (size_t i = 0; i < n; i++)
                if (!is_base64url(challenge[i]))
                        return false;
        return n == PKCE_CHALLENGE_LEN;
}

enum ecode pkce_s256(const char *verifier, char ret[PKCE_CHALLENGE_LEN + 1])
{
        uint8_t md[SHA256_DIGEST_LENGTH];
        SHA256((const uint8_t *)verifier, strlen(verifier), md);
        char *text = b64url_encode(NULL, BYTES_ARR(md));
        if (text == NULL)
                return E_NOMEM;
        memcpy(ret, text, PKCE_CHALLENGE_LEN + 1);
        talloc_free(text);
        return E_OK;
}

enum ecode pkce_check(const char *verifier, const char *challenge, struct err *er)
{
        char got[PKCE_CHALLENGE_LEN + 1];
        if (!pkce_verifier_valid(verifier))
                return err_set(er, E_PKCE_MISMATCH, "R-ID-62", "code_verifier is not of RFC 7636 clause 4.1");
        enum ecode e = pkce_s256(verifier, got);
        if (e != E_OK)
                return err_set(er, e, NULL, "code_verifier");
        if (challenge == NULL || !bytes_eq_secret(bytes_str(got), bytes_str(challenge)))
                return err_set(er, E_PKCE_MISMATCH, "R-ID-62", "code_verifier does not fit the code_challenge");
        return E_OK;
}

char *pkce_new_verifier(const struct rng *rng, void *mem)
{
        return rng_token(rng, mem, 32);
}
