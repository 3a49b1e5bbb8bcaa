/* A private certification authority for tests: real certificates, made in a temporary directory, gone with pki_drop().
 */
#ifndef MUSTER_ADAPTER_NET_TEST_PKI_H
#define MUSTER_ADAPTER_NET_TEST_PKI_H

#include "test/kit/check.h"

#include <dirent.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct pki {
        char dir[64];
        EVP_PKEY *ca_key;
        X509 *ca;
        long serial;
};

/* "<dir>/<name>" in one of a few buffers: good until some calls later. */
static inline const char *pki_path(const struct pki *p, const char *name)
{
        static _Thread_local char path[8][512];
        static _Thread_local unsigned at;
        char *s = path[at++ % 8];
        snprintf(s, sizeof path[0], "%s/%s", p->dir, name);
        return s;
}

static inline void pki_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        if (e == NULL || X509_add_ext(cert, e, -1) != 1)
                fail_msg("extension %s", value);
        X509_EXTENSION_free(e);
}

static inline X509 *pki_cert(struct pki *p, EVP_PKEY *key, const char *cn, const char *san, int days)
{
        X509 *c = X509_new();
        X509_set_version(c, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(c), ++p->serial);
        X509_gmtime_adj(X509_getm_notBefore(c), -86400);
        X509_gmtime_adj(X509_getm_notAfter(c), 86400L * days);
        X509_set_pubkey(c, key);
        X509_NAME *n = X509_get_subject_name(c);
        if (cn != NULL)
                X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
        X509 *issuer = p->ca != NULL ? p->ca : c;
        X509_set_issuer_name(c, X509_get_subject_name(issuer));
        pki_extension(c, issuer, NID_basic_constraints, p->ca == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
        if (san != NULL)
                pki_extension(c, issuer, NID_subject_alt_name, san);
        if (X509_sign(c, p->ca_key, EVP_sha256()) == 0)
                fail_msg("cannot sign %s", cn);
        return c;
}

static inline void pki_write(const char *path, X509 *cert, EVP_PKEY *key)
{
        FILE *f = fopen(path, "w");
        int ok = f != NULL && (cert == NULL || PEM_write_X509(f, cert)) &&
                 (key == NULL || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
        if (!ok || fclose(f) != 0)
                fail_msg("cannot write %s", path);
}

/* Makes the authority: ca.pem. */
static inline struct pki pki_new(const char *cn)
{
        struct pki p = { .dir = "/tmp/muster-pki-XXXXXX" };
        if (mkdtemp(p.dir) == NULL)
                fail_msg("no temporary directory");
        p.ca_key = EVP_EC_gen("P-256");
        p.ca = pki_cert(&p, p.ca_key, cn, NULL, 30);
        pki_write(pki_path(&p, "ca.pem"), p.ca, NULL);
        return p;
}

/* Makes <name>.pem and <name>.key. san: "IP:127.0.0.1,DNS:localhost,URI:sip:a", or NULL. days < 0: expired. */
static inline void pki_issue(struct pki *p, const char *name, const char *cn, const char *san, int days)
{
        char file[64];
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *c = pki_cert(p, key, cn, san, days);
        snprintf(file, sizeof file, "%s.pem", name);
        pki_write(pki_path(p, file), c, NULL);
        snprintf(file, sizeof file, "%s.key", name);
        pki_write(pki_path(p, file), NULL, key);
        X509_free(c);
        EVP_PKEY_free(key);
}

static inline void pki_drop(struct pki *p)
{
        DIR *d = opendir(p->dir);
        for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
                if (e->d_name[0] != '.')
                        unlink(pki_path(p, e->d_name));
        if (d != NULL)
                closedir(d);
        rmdir(p->dir);
        X509_free(p->ca);
        EVP_PKEY_free(p->ca_key);
}

#endif
