/* Keys from a key management server (TS 33.180 clause 5.3.1 and annex D): a client fetches the certificate of the KMS
 * and the keys of one identity for one key period. What comes is checked before it can be used: the UID, the signing
 * key by its equation and the decryption key by a pairing (R-KMS-6, R-KMS-7).
 *
 *      struct muster_kms_conf conf = { .url = "https://kms.mc.example:8443", .ca_file = "/etc/mc/ca.crt" };
 *      if (muster_kms_open(&conf, &kms, &err) == MUSTER_OK)
 *              muster_kms_fetch(kms, "sip:alice@mc.example", access_token, 0, &keys, &err);
 */
#ifndef MUSTER_KMS_H
#define MUSTER_KMS_H

#include <muster/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct muster_kms;
struct muster_domain; /* the public side of a KMS: enough to encrypt to its users and to check their signatures */
struct muster_keys;   /* the secret keys of one identity in one key period, with the domain they are of */

struct muster_kms_conf {
        const char *url;                  /* https, without a path */
        const char *ca_file;              /* PEM, whom the KMS has to be certified by */
        const char *cert_file, *key_file; /* PEM, for clients that come with a certificate, as MC servers do; or NULL */
        bool receives_much;               /* keys of a server: precompute for many messages to one receiver */
        const void *reserved[4];
};

/* E_MISSING, E_CONFIG: a file cannot be read. */
MUSTER_API enum muster_result muster_kms_open(const struct muster_kms_conf *conf, struct muster_kms **ret,
                                              struct muster_error *err);
MUSTER_API void muster_kms_free(struct muster_kms *kms);

/* Two requests, init and keyprov. user_uri: the MC service ID that the token names, or a server's identity. token: an
 * access token with a key management scope, or NULL where the certificate speaks. time_s: a time inside of the wanted
 * key period, 0: now. Errors  E_TOKEN_SIGNATURE (401), E_FORBIDDEN (403), E_NOT_FOUND (404); E_KEY_INVALID, E_POINT,
 * E_SYNTAX: what came is not what it should be; E_UNSUPPORTED: the keys are wrapped; E_PEER_DOWN, E_TIMEOUT. */
MUSTER_API enum muster_result muster_kms_fetch(struct muster_kms *kms, const char *user_uri, const char *token,
                                               int64_t time_s, struct muster_keys **ret, struct muster_error *err);

/* The two KmsResponse documents that keys came in, for the caller's own sealed storage, and back. Both are borrowed.
 * The keyprov document is secret: it holds the keys in clear. E_MISSING: these keys are a UE's (see ue.h). */
MUSTER_API enum muster_result muster_keys_documents(const struct muster_keys *k, const uint8_t **ret_init,
                                                    size_t *ret_init_n, const uint8_t **ret_keyprov,
                                                    size_t *ret_keyprov_n, struct muster_error *err);

struct muster_keys_source {
        const uint8_t *init; /* answer to init */
        size_t init_n;
        const uint8_t *keyprov; /* answer to keyprov */
        size_t keyprov_n;
        const char *user_uri; /* whose keys: the document may hold those of several */
        int64_t now_s;        /* for the validity of the certificate; 0: the clock of this machine */
        bool receives_much;   /* as in struct muster_kms_conf */
        const void *reserved[4];
};

/* Checks as muster_kms_fetch() does; also for documents that another client fetched. */
MUSTER_API enum muster_result muster_keys_read(const struct muster_keys_source *from, struct muster_keys **ret,
                                               struct muster_error *err);
MUSTER_API void muster_keys_free(struct muster_keys *k);

/* Borrowed. */
MUSTER_API const char *muster_keys_uri(const struct muster_keys *k);
MUSTER_API const struct muster_domain *muster_keys_domain(const struct muster_keys *k);
/* The UID of TS 33.180 clause F.2.1. */
MUSTER_API void muster_keys_uid(const struct muster_keys *k, uint8_t ret[32]);
/* The key period: its number, its first second and the first second after it (since 1970). Each may be NULL. */
MUSTER_API void muster_keys_period(const struct muster_keys *k, uint64_t *ret_no, int64_t *ret_from_s,
                                   int64_t *ret_to_s);

/* A domain by its certificate: a KmsInit answer, a document KmsCertificate, or the first certificate of a CertCache
 * answer, for domains of partners. Errors as above. */
MUSTER_API enum muster_result muster_domain_read(const uint8_t *document, size_t n, struct muster_domain **ret,
                                                 struct muster_error *err);
/* Not for domains that are borrowed. */
MUSTER_API void muster_domain_free(struct muster_domain *d);
MUSTER_API const char *muster_domain_kms_uri(const struct muster_domain *d);

#ifdef __cplusplus
}
#endif

#endif
