#include "proto/jose/jwk.h"

#include "base/codec.h"
#include "base/secret.h"
#include "proto/jose/jwk_impl.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <talloc.h>

static const char *const alg_names[] = { [JOSE_NONE] = "none", [JOSE_RS256] = "RS256", [JOSE_ES256] = "ES256" };

enum jose_alg jose_alg_of(const char *name)
{
        for (unsigned i = JOSE_RS256; name != NULL && i < COUNT(alg_names); i++)
                if (strcmp(name, alg_names[i]) == 0)
                        return (enum jose_alg)i;
        return JOSE_NONE;
}

const char *jose_alg_name(enum jose_alg alg)
{
        return alg_names[alg];
}

enum jose_alg jwk_alg(const struct jwk *k)
{
        return k->alg;
}

const char *jwk_kid(const struct jwk *k)
{
        return k->kid;
}

bool jwk_is_private(const struct jwk *k)
{
        return k->is_private;
}

enum ecode jwk_crypto_error(struct err *er, enum ecode code, const char *what)
{
        char reason[120] = "no reason given";
        unsigned long e = ERR_get_error();
        if (e != 0)
                ERR_error_string_n(e, reason, sizeof reason);
        ERR_clear_error();
        return err_set(er, code, NULL, "%s: %s", what, reason);
}

static int jwk_free(struct jwk *k)
{
        EVP_PKEY_free(k->pkey);
        return 0;
}

/* Which algorithm the key serves, or JOSE_NONE: RSA of 2048 to 8192 bits (R-ID-29), P-256. */
static enum jose_alg alg_of_pkey(const EVP_PKEY *p)
{
        char group[32];
        if (EVP_PKEY_is_a(p, "RSA"))
                return EVP_PKEY_get_bits(p) >= 2048 && EVP_PKEY_get_bits(p) <= 8192 ? JOSE_RS256 : JOSE_NONE;
        if (EVP_PKEY_is_a(p, "EC") && EVP_PKEY_get_group_name(p, group, sizeof group, NULL) == 1 &&
            strcmp(group, "prime256v1") == 0)
                return JOSE_ES256;
        return JOSE_NONE;
}

/* Takes pkey over, also on failure. kid NULL: the thumbprint. */
enum ecode jwk_wrap(void *mem, EVP_PKEY *pkey, bool is_private, const char *kid, struct jwk **ret, struct err *er)
{
        struct jwk *k = talloc_zero(mem, struct jwk);
        if (k == NULL) {
                EVP_PKEY_free(pkey);
                return err_set(er, E_NOMEM, NULL, "key");
        }
        k->pkey = pkey;
        talloc_set_destructor(k, jwk_free);
        k->is_private = is_private;
        k->alg = alg_of_pkey(pkey);
        if (k->alg == JOSE_NONE) {
                talloc_free(k);
                return err_set(er, E_UNSUPPORTED, "R-ID-29", "key is neither RSA of 2048 bits or more nor P-256");
        }
        k->kid = kid != NULL ? talloc_strdup(k, kid) : jwk_thumbprint(k, k);
        if (k->kid == NULL) {
                talloc_free(k);
                return err_set(er, E_NOMEM, NULL, "key id");
        }
        *ret = k;
        return E_OK;
}

enum ecode jwk_generate(void *mem, enum jose_alg alg, unsigned rsa_bits, struct jwk **ret, struct err *er)
{
        EVP_PKEY *p;
        if (alg == JOSE_RS256) {
                if (rsa_bits != 2048 && rsa_bits != 3072 && rsa_bits != 4096)
                        return err_set(er, E_RANGE, "R-ID-29", "RSA of %u bits: 2048, 3072 or 4096", rsa_bits);
                p = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits);
        } else if (alg == JOSE_ES256) {
                p = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        } else {
                return err_set(er, E_UNSUPPORTED, NULL, "keys are made for RS256 and ES256");
        }
        if (p == NULL)
                return jwk_crypto_error(er, E_CRYPTO, "key generation");
        return jwk_wrap(mem, p, true, NULL, ret, er);
}

enum ecode jwk_from_der(void *mem, struct bytes der, struct jwk **ret, struct err *er)
{
        const unsigned char *at = der.p;
        if (der.n > 16384)
                return err_set(er, E_LONG, NULL, "private key of %zu octets", der.n);
        EVP_PKEY *p = d2i_AutoPrivateKey(NULL, &at, (long)der.n);
        if (p == NULL)
                return jwk_crypto_error(er, E_SYNTAX, "private key");
        if (at != der.p + der.n) {
                EVP_PKEY_free(p);
                return err_set(er, E_SYNTAX, NULL, "octets behind the private key");
        }
        return jwk_wrap(mem, p, true, NULL, ret, er);
}

enum ecode jwk_to_der(void *mem, const struct jwk *k, struct bytes *ret, struct err *er)
{
        if (!k->is_private)
                return err_set(er, E_MISSING, NULL, "this key has no private part");
        PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k->pkey);
        unsigned char *der = NULL;
        int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;
        PKCS8_PRIV_KEY_INFO_free(p8);
        if (n <= 0)
                return jwk_crypto_error(er, E_CRYPTO, "private key");
        struct bytes out = secret_copy(mem, bytes_of(der, (size_t)n));
        OPENSSL_clear_free(der, (size_t)n);
        if (out.p == NULL)
                return err_set(er, E_NOMEM, NULL, "private key");
        *ret = out;
        return E_OK;
}

/* A key file that wants a passphrase is refused instead of asking on the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
        (void)buf;
        (void)size;
        (void)rwflag;
        (void)u;
        return -1;
}

enum ecode jwk_from_pem(void *mem, struct bytes pem, struct jwk **ret, struct err *er)
{
        if (pem.n > 65536)
                return err_set(er, E_LONG, NULL, "PEM text of %zu octets", pem.n);
        BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
        if (bio == NULL)
                return err_set(er, E_NOMEM, NULL, "PEM text");
        bool is_private = true;
        EVP_PKEY *p = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
        if (p == NULL) {
                is_private = false;
                (void)BIO_reset(bio);
                p = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
        }
        BIO_free(bio);
        if (p == NULL)
                return jwk_crypto_error(er, E_SYNTAX, "PEM key");
        ERR_clear_error();
        return jwk_wrap(mem, p, is_private, NULL, ret, er);
}

enum ecode jwk_to_pem(void *mem, const struct jwk *k, char **ret, struct err *er)
{
        BIO *bio = BIO_new(BIO_s_secmem());
        if (bio == NULL)
                return err_set(er, E_NOMEM, NULL, "PEM text");
        int ok = k->is_private ? PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL)
                               : PEM_write_bio_PUBKEY(bio, k->pkey);
        char *text = NULL;
        long n = ok == 1 ? BIO_get_mem_data(bio, &text) : 0;
        uint8_t *out = n > 0 ? secret_alloc(mem, (size_t)n + 1) : NULL;
        if (out != NULL) {
                memcpy(out, text, (size_t)n);
                out[n] = 0;
        }
        BIO_free(bio);
        if (n <= 0)
                return jwk_crypto_error(er, E_CRYPTO, "PEM key");
        if (out == NULL)
                return err_set(er, E_NOMEM, NULL, "PEM text");
        *ret = (char *)out;
        return E_OK;
}

struct jwk *jwk_share(void *mem, const struct jwk *k)
{
        struct jwk *c = talloc_zero(mem, struct jwk);
        if (c == NULL || (c->kid = talloc_strdup(c, k->kid)) == NULL || EVP_PKEY_up_ref(k->pkey) != 1) {
                talloc_free(c);
                return NULL;
        }
        c->pkey = k->pkey;
        c->alg = k->alg;
        c->is_private = k->is_private;
        talloc_set_destructor(c, jwk_free);
        return c;
}
