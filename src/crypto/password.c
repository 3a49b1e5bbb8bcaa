#include "crypto/password.h"

#include <errno.h>
#include <sodium.h>
#include <talloc.h>

#include "base/secret.h"

#define PASSWORD_MAX 1024

const struct password_cost password_cost_default = { .opslimit = 2, .memlimit = (size_t)19 << 20 };

static bool cost_ok(struct password_cost c)
{
        return c.opslimit >= crypto_pwhash_argon2id_OPSLIMIT_MIN && c.opslimit <= crypto_pwhash_argon2id_OPSLIMIT_MAX &&
               c.memlimit >= crypto_pwhash_argon2id_MEMLIMIT_MIN && c.memlimit <= crypto_pwhash_argon2id_MEMLIMIT_MAX;
}

enum ecode password_hash(void *mem, struct bytes password, struct password_cost cost, char **ret)
{
        if (sodium_init() < 0)
                return E_CRYPTO;
        if (!cost_ok(cost) || password.n > PASSWORD_MAX)
                return E_RANGE;
        char text[crypto_pwhash_argon2id_STRBYTES];
        if (crypto_pwhash_argon2id_str(text, (const char *)password.p, password.n, cost.opslimit, cost.memlimit) != 0)
                return E_NOMEM;
        char *out = talloc_strdup(mem, text);
        if (out == NULL)
                return E_NOMEM;
        *ret = out;
        return E_OK;
}

enum ecode password_verify(const char *hash, struct bytes password)
{
        if (sodium_init() < 0)
                return E_CRYPTO;
        if (crypto_pwhash_argon2id_str_needs_rehash(hash, 1, crypto_pwhash_argon2id_MEMLIMIT_MIN) < 0)
                return E_SYNTAX;
        if (password.n > PASSWORD_MAX)
                return E_LOGIN_FAILED;
        /* libsodium answers -1 for a wrong password and for memory that is out; only the latter sets errno. */
        errno = 0;
        if (crypto_pwhash_argon2id_str_verify(hash, (const char *)password.p, password.n) == 0)
                return E_OK;
        return errno == ENOMEM ? E_NOMEM : E_LOGIN_FAILED;
}

enum ecode password_verify_dummy(struct bytes password, struct password_cost cost)
{
        if (sodium_init() < 0)
                return E_CRYPTO;
        if (!cost_ok(cost))
                return E_RANGE;
        if (password.n > PASSWORD_MAX)
                return E_LOGIN_FAILED;
        static const uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];
        uint8_t out[32];
        if (crypto_pwhash_argon2id(out, sizeof out, (const char *)password.p, password.n, salt, cost.opslimit,
                                   cost.memlimit, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
                return E_NOMEM;
        secret_wipe(out, sizeof out);
        return E_LOGIN_FAILED;
}

bool password_stale(const char *hash, struct password_cost cost)
{
        return crypto_pwhash_argon2id_str_needs_rehash(hash, cost.opslimit, cost.memlimit) != 0;
}
