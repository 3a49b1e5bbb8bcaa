/* Certificates for tests: a CA, and one certificate per name with that name as its DNS name. */
#ifndef MUSTER_TEST_PKI_H
#define MUSTER_TEST_PKI_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static inline int pki_extend(X509 *crt, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
        X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        int ok = x != NULL && X509_add_ext(crt, x, -1) == 1;
        X509_EXTENSION_free(x);
        return ok;
}

static inline int pki_write(const char *dir, const char *name, X509 *crt, EVP_PKEY *key)
{
        char path[512];
        snprintf(path, sizeof path, "%s/%s.crt", dir, name);
        FILE *f = fopen(path, "w");
        int ok = f != NULL && PEM_write_X509(f, crt) == 1;
        if (f != NULL)
                fclose(f);
        snprintf(path, sizeof path, "%s/%s.key", dir, name);
        f = fopen(path, "w");
        ok = ok && f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
        if (f != NULL)
                fclose(f);
        return ok;
}

/* issuer NULL: a CA, signed by itself. *ret_crt and *ret_key are the caller's. */
static inline int pki_issue(const char *name, long serial, X509 *issuer, EVP_PKEY *issuer_key, X509 **ret_crt,
                            EVP_PKEY **ret_key)
{
        char san[300];
        snprintf(san, sizeof san, "DNS:%s", name);
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *crt = X509_new();
        X509_set_version(crt, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(crt), serial);
        X509_gmtime_adj(X509_getm_notBefore(crt), -3600);
        X509_gmtime_adj(X509_getm_notAfter(crt), 86400);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(crt), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0);
        X509_set_issuer_name(crt, X509_get_subject_name(issuer ? issuer : crt));
        X509_set_pubkey(crt, key);
        int ok = issuer == NULL ? pki_extend(crt, crt, NID_basic_constraints, "critical,CA:TRUE") &&
                                          pki_extend(crt, crt, NID_key_usage, "critical,keyCertSign,cRLSign")
                                : pki_extend(crt, issuer, NID_subject_alt_name, san) &&
                                          pki_extend(crt, issuer, NID_key_usage, "critical,digitalSignature");
        ok = ok && X509_sign(crt, issuer_key ? issuer_key : key, EVP_sha256()) > 0;
        *ret_crt = crt;
        *ret_key = key;
        return ok;
}

/* ca.crt, ca.key, and <name>.crt, <name>.key for each name, in dir. 0, or -1. */
static inline int pki_make(const char *dir, const char *const *names, size_t n)
{
        X509 *ca, *crt;
        EVP_PKEY *ca_key, *key;
        int ok = pki_issue("test CA", 1, NULL, NULL, &ca, &ca_key) && pki_write(dir, "ca", ca, ca_key);
        for (size_t i = 0; i < n; i++) {
                ok = pki_issue(names[i], (long)i + 2, ca, ca_key, &crt, &key) && pki_write(dir, names[i], crt, key) &&
                     ok;
                X509_free(crt);
                EVP_PKEY_free(key);
        }
        X509_free(ca);
        EVP_PKEY_free(ca_key);
        return ok ? 0 : -1;
}

#endif
