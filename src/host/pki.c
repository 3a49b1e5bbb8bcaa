#include "host/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <talloc.h>

static enum ecode refused(struct err *er, const char *doing)
{
        const char *why = ERR_reason_error_string(ERR_get_error());
        ERR_clear_error();
        return err_set(er, E_CRYPTO, NULL, "%s: %s", doing, why ? why : "refused without a reason");
}

static bool add_ext(X509 *crt, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509V3_set_ctx_nodb(&ctx);
        X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
        X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        bool good = x != NULL && X509_add_ext(crt, x, -1) == 1;
        X509_EXTENSION_free(x);
        return good;
}

/* Serial number: 127 random bits, positive. RFC 5280 clause 4.1.2.2 allows at most 20 octets. */
static bool set_serial(const struct env *env, X509 *crt)
{
        uint8_t b[16];
        if (rng_fill(env->rng, b, sizeof b) != E_OK)
                return false;
        b[0] = (b[0] & 0x7f) | 0x40;
        BIGNUM *n = BN_bin2bn(b, sizeof b, NULL);
        bool good = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(crt)) != NULL;
        BN_free(n);
        return good;
}

static bool set_subject(X509 *crt, const char *common_name)
{
        X509_NAME *n = X509_get_subject_name(crt);
        return X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const uint8_t *)"Muster deployment", -1, -1, 0) ==
                       1 &&
               X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0) == 1;
}

/* Everything but issuer, extensions and signature. Valid from an hour ago, so that clocks may differ a little. */
static X509 *new_crt(const struct env *env, const struct pki_subject *s, EVP_PKEY *key)
{
        X509 *crt = X509_new();
        time_t now = (time_t)clock_now(env->clock);
        if (crt != NULL && X509_set_version(crt, X509_VERSION_3) == 1 && set_serial(env, crt) &&
            set_subject(crt, s->common_name) && X509_time_adj_ex(X509_getm_notBefore(crt), 0, -3600, &now) != NULL &&
            X509_time_adj_ex(X509_getm_notAfter(crt), (int)s->days, 0, &now) != NULL && X509_set_pubkey(crt, key) == 1)
                return crt;
        X509_free(crt);
        return NULL;
}

static bool extend_ca(X509 *crt)
{
        return add_ext(crt, crt, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               add_ext(crt, crt, NID_key_usage, "critical,keyCertSign,cRLSign") &&
               add_ext(crt, crt, NID_subject_key_identifier, "hash");
}

static bool extend_leaf(X509 *crt, X509 *ca, const char *const *names)
{
        char *list = talloc_strdup(NULL, "");
        for (; list != NULL && *names != NULL; names++)
                list = talloc_asprintf_append(list, "%s%s", *list ? "," : "", *names);
        bool good = list != NULL && add_ext(crt, ca, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_ext(crt, ca, NID_key_usage, "critical,digitalSignature") &&
                    add_ext(crt, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_ext(crt, ca, NID_subject_key_identifier, "hash") &&
                    add_ext(crt, ca, NID_authority_key_identifier, "keyid:always") &&
                    (*list == 0 || add_ext(crt, ca, NID_subject_alt_name, list));
        talloc_free(list);
        return good;
}

static FILE *create(const char *dir, const char *file, const char *suffix, mode_t mode, struct err *er)
{
        char *path = talloc_asprintf(NULL, "%s/%s.%s", dir, file, suffix);
        int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) : -1;
        if (fd < 0)
                err_set(er, E_IO, NULL, "cannot create %s: %s", path ? path : file, strerror(errno));
        talloc_free(path);
        return fd < 0 ? NULL : fdopen(fd, "w");
}

static enum ecode save(const char *dir, const char *file, X509 *crt, EVP_PKEY *key, struct err *er)
{
        FILE *c = create(dir, file, "crt", 0644, er), *k = c ? create(dir, file, "key", 0600, er) : NULL;
        enum ecode e = E_IO;
        if (c != NULL && k != NULL) {
                bool good = PEM_write_X509(c, crt) == 1 && PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1;
                good &= fflush(c) == 0 && fflush(k) == 0 && fsync(fileno(c)) == 0 && fsync(fileno(k)) == 0;
                e = good ? E_OK : err_set(er, E_IO, NULL, "cannot write %s/%s: %s", dir, file, strerror(errno));
        }
        if (c != NULL)
                fclose(c);
        if (k != NULL)
                fclose(k);
        return e;
}

enum ecode pki_make_ca(const struct env *env, const char *tls_dir, const struct pki_subject *s, struct err *er)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *crt = key ? new_crt(env, s, key) : NULL;
        enum ecode e;
        if (crt == NULL || X509_set_issuer_name(crt, X509_get_subject_name(crt)) != 1 || !extend_ca(crt) ||
            X509_sign(crt, key, EVP_sha256()) == 0)
                e = refused(er, "cannot make the certification authority");
        else
                e = save(tls_dir, "ca", crt, key, er);
        X509_free(crt);
        EVP_PKEY_free(key);
        return e;
}

static enum ecode load_ca(const char *tls_dir, X509 **crt, EVP_PKEY **key, struct err *er)
{
        char *crt_path = talloc_asprintf(NULL, "%s/ca.crt", tls_dir),
             *key_path = talloc_asprintf(NULL, "%s/ca.key", tls_dir);
        FILE *c = crt_path ? fopen(crt_path, "re") : NULL, *k = key_path ? fopen(key_path, "re") : NULL;
        enum ecode e = E_OK;
        if (c == NULL || k == NULL)
                e = err_set(er, E_IO, NULL, "cannot read the certification authority in %s: %s", tls_dir,
                            strerror(errno));
        else if ((*crt = PEM_read_X509(c, NULL, NULL, NULL)) == NULL ||
                 (*key = PEM_read_PrivateKey(k, NULL, NULL, NULL)) == NULL)
                e = refused(er, "cannot read the certification authority");
        if (c != NULL)
                fclose(c);
        if (k != NULL)
                fclose(k);
        talloc_free(crt_path);
        talloc_free(key_path);
        return e;
}

enum ecode pki_issue(const struct env *env, const char *tls_dir, const char *file, const struct pki_subject *s,
                     struct err *er)
{
        X509 *ca = NULL, *crt = NULL;
        EVP_PKEY *ca_key = NULL, *key = NULL;
        enum ecode e = load_ca(tls_dir, &ca, &ca_key, er);
        if (e == E_OK) {
                key = EVP_EC_gen("P-256");
                crt = key ? new_crt(env, s, key) : NULL;
                if (crt == NULL || X509_set_issuer_name(crt, X509_get_subject_name(ca)) != 1 ||
                    !extend_leaf(crt, ca, s->names) || X509_sign(crt, ca_key, EVP_sha256()) == 0)
                        e = refused(er, "cannot issue the certificate");
                else
                        e = save(tls_dir, file, crt, key, er);
        }
        X509_free(crt);
        X509_free(ca);
        EVP_PKEY_free(key);
        EVP_PKEY_free(ca_key);
        return e;
}
