/* What one sign-on cannot do without: processor time of each cryptographic operation and durable write that a chain
 * forces on the network, each measured by itself on one thread. test/bench/run makes the limit of `sign-on` of it.
 *
 * Every line is one operation: which step and role need it, how often for a user with three MC services, and what one
 * costs in milliseconds of processor time. */
#include "adapter/net/tls.h"
#include "base/env.h"
#include "crypto/eccsi.h"
#include "crypto/password.h"
#include "crypto/sakke.h"
#include "proto/jose/jwk.h"
#include "test/kit/bench.h"

#include <fcntl.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static struct {
        void *mem;
        char *hash;
        struct jwk *rsa;
        struct bytes input, signature;
        struct eccsi_ksak ksak;
        struct eccsi_kpak kpak;
        struct eccsi_vseed seed;
        struct eccsi_ssk ssk;
        struct eccsi_pvt pvt;
        struct eccsi_signer signer;
        struct eccsi_sig sig;
        struct sakke_z z;
        struct sakke_zpub zpub;
        struct sakke_domain *domain;
        struct sakke_rsk rsk;
        struct sakke_rsk_table *table;
        struct sakke_sed sed;
        struct mc_key key, opened;
        uint8_t id[32], message[572];
        SSL_CTX *server, *client;
        int fd;
        double not_counted; /* what a UE spends in an operation */
} b;

#define ID BYTES_ARR(b.id)

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- the operations --- */

/* A full handshake in memory; of the server's part its session tickets are one. */
static bool do_tls_handshake(void)
{
        SSL *s = SSL_new(b.server), *c = SSL_new(b.client);
        BIO *bs, *bc;
        if (s == NULL || c == NULL || BIO_new_bio_pair(&bs, 0, &bc, 0) != 1)
                return false;
        SSL_set_bio(s, bs, bs);
        SSL_set_bio(c, bc, bc);
        SSL_set_accept_state(s);
        SSL_set_connect_state(c);
        int up_s = 0, up_c = 0;
        for (int i = 0; i < 20 && !(up_s == 1 && up_c == 1); i++) {
                double start = seconds();
                up_c = SSL_do_handshake(c);
                b.not_counted += seconds() - start;
                up_s = SSL_do_handshake(s);
        }
        SSL_free(s);
        SSL_free(c);
        return up_s == 1 && up_c == 1;
}

static bool do_argon2id(void)
{
        return password_verify(b.hash, BYTES_LIT("correct horse")) == E_OK;
}

static bool do_rs256_sign(void)
{
        struct bytes sig;
        bool good = jwk_sign(b.mem, b.rsa, b.input, &sig, NULL) == E_OK;
        if (good)
                talloc_free((void *)(uintptr_t)sig.p);
        return good;
}

static bool do_rs256_verify(void)
{
        return jwk_verify(b.rsa, b.input, b.signature, NULL) == E_OK;
}

static bool do_eccsi_issue(void)
{
        return eccsi_issue_derived(&b.ksak, &b.kpak, &b.seed, ID, &b.ssk, &b.pvt) == E_OK;
}

static bool do_sakke_extract(void)
{
        return sakke_rsk_extract(&b.z, ID, &b.rsk, NULL) == E_OK;
}

static bool do_sakke_decapsulate(void)
{
        return sakke_decapsulate_table(b.table, BYTES_ARR(b.sed.b), &b.opened, NULL) == E_OK;
}

static bool do_eccsi_verify(void)
{
        return eccsi_verify(&b.kpak, ID, BYTES_ARR(b.message), BYTES_ARR(b.sig.b), NULL) == E_OK;
}

static bool do_durable_write(void)
{
        static const char row[4096];
        return pwrite(b.fd, row, sizeof row, 0) == (ssize_t)sizeof row && fdatasync(b.fd) == 0;
}

/* Who has to do it in which step: a UE with connections of its own, three MC services with an identity each. */
static const struct need {
        const char *name;
        bool (*fn)(void);
        const char *step, *role;
        unsigned count;
} needs[] = {
        { "tls_handshake", do_tls_handshake, "configure", "cms", 1 },
        { "tls_handshake", do_tls_handshake, "login", "idm", 2 }, /* two addresses: authorization and token */
        { "argon2id", do_argon2id, "login", "idm", 1 },
        { "rs256_sign", do_rs256_sign, "login", "idm", 2 },       /* access token, ID token */
        { "durable_write", do_durable_write, "login", "idm", 2 }, /* code, grant */
        { "tls_handshake", do_tls_handshake, "keys", "kms", 1 },
        { "rs256_verify", do_rs256_verify, "keys", "kms", 4 }, /* KmsInit, and KmsKeyProv for each identity */
        { "eccsi_issue", do_eccsi_issue, "keys", "kms", 3 },
        { "sakke_extract", do_sakke_extract, "keys", "kms", 3 },
        { "durable_write", do_durable_write, "keys", "kms", 3 },
        { "rs256_sign", do_rs256_sign, "keys", "idm", 1 }, /* the token for the KMS alone, by a refresh */
        { "durable_write", do_durable_write, "keys", "idm", 1 },
        { "tls_handshake", do_tls_handshake, "register", "pcscf", 1 },
        { "durable_write", do_durable_write, "register", "hss", 1 },   /* SQN */
        { "durable_write", do_durable_write, "register", "scscf", 1 }, /* binding */
        { "rs256_verify", do_rs256_verify, "authorize", "mcx", 3 },
        { "sakke_decapsulate", do_sakke_decapsulate, "authorize", "mcx", 3 },
        { "eccsi_verify", do_eccsi_verify, "authorize", "mcx", 3 },
        { "durable_write", do_durable_write, "authorize", "mcx", 3 },
        { "rs256_sign", do_rs256_sign, "authorize", "idm", 1 }, /* and for the MC servers */
        { "durable_write", do_durable_write, "authorize", "idm", 1 },
        { "rs256_verify", do_rs256_verify, "profile", "cms", 1 },
        { "rs256_sign", do_rs256_sign, "profile", "idm", 1 }, /* and for the CMS */
        { "durable_write", do_durable_write, "profile", "idm", 1 },
};

/* --- preparing --- */

static bool write_pem(const char *cert, const char *key)
{
        EVP_PKEY *k = EVP_EC_gen("P-256");
        X509 *c = X509_new();
        FILE *fc = fopen(cert, "w"), *fk = fopen(key, "w");
        bool good = k != NULL && c != NULL && fc != NULL && fk != NULL;
        if (good) {
                X509_gmtime_adj(X509_getm_notBefore(c), 0);
                X509_gmtime_adj(X509_getm_notAfter(c), 3600);
                X509_set_pubkey(c, k);
                good = X509_sign(c, k, EVP_sha256()) != 0 && PEM_write_X509(fc, c) == 1 &&
                       PEM_write_PrivateKey(fk, k, NULL, NULL, 0, NULL, NULL) == 1;
        }
        if (fc != NULL)
                fclose(fc);
        if (fk != NULL)
                fclose(fk);
        X509_free(c);
        EVP_PKEY_free(k);
        return good;
}

static bool prepare_tls(const char *dir)
{
        char *cert = talloc_asprintf(b.mem, "%s/crt", dir), *key = talloc_asprintf(b.mem, "%s/key", dir);
        bool good = write_pem(cert, key) &&
                    tls_server_ctx(&(struct tls_server_conf){ .cert_file = cert, .key_file = key }, &b.server, NULL) ==
                            E_OK;
        b.client = SSL_CTX_new(TLS_client_method()); /* checks nothing, as its part is not counted */
        unlink(cert);
        unlink(key);
        return good && b.client != NULL;
}

static bool prepare_ibc(void)
{
        return rng_fill(&rng_system, b.id, sizeof b.id) == E_OK &&
               rng_fill(&rng_system, b.key.b, sizeof b.key.b) == E_OK &&
               rng_fill(&rng_system, b.seed.b, sizeof b.seed.b) == E_OK &&
               eccsi_master_make(&rng_system, &b.ksak, &b.kpak) == E_OK &&
               sakke_master_make(&rng_system, &b.z, &b.zpub) == E_OK &&
               sakke_domain_new(b.mem, &b.zpub, &b.domain, NULL) == E_OK && do_sakke_extract() &&
               sakke_rsk_table_new(b.mem, b.domain, ID, &b.rsk, &b.table, NULL) == E_OK &&
               sakke_encapsulate(b.domain, ID, &b.key, &b.sed, NULL) == E_OK && do_eccsi_issue() &&
               eccsi_signer_make(&b.kpak, ID, &b.ssk, &b.pvt, &b.signer, NULL) == E_OK &&
               eccsi_sign(&b.signer, &rng_system, BYTES_ARR(b.message), &b.sig) == E_OK;
}

/* The files lie where the stores of a deployment would: $TMPDIR decides on the disk. */
static bool prepare(void)
{
        const char *tmp = getenv("TMPDIR");
        b.mem = talloc_new(NULL);
        char *dir = talloc_asprintf(b.mem, "%s/muster-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
        if (mkdtemp(dir) == NULL)
                return false;
        char *path = talloc_asprintf(b.mem, "%s/row", dir);
        b.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        b.input = BYTES_ARR(b.message);
        bool good = b.fd >= 0 && prepare_tls(dir) && prepare_ibc() &&
                    password_hash(b.mem, BYTES_LIT("correct horse"), password_cost_default, &b.hash) == E_OK &&
                    jwk_generate(b.mem, JOSE_RS256, 2048, &b.rsa, NULL) == E_OK &&
                    jwk_sign(b.mem, b.rsa, b.input, &b.signature, NULL) == E_OK;
        unlink(path);
        rmdir(dir);
        return good;
}

/* --- measuring --- */

static int by_value(const void *a, const void *c)
{
        double x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, c, sizeof y);
        return (x > y) - (x < y);
}

/* Milliseconds: the median of many, so that a neighbour's load does not count. NAN: it failed. */
static double measure(const struct need *n, double patience)
{
        enum { MOST = 400 };
        double took[MOST], sum = 0;
        int k = 0;
        while (k < MOST && (k < 5 || sum < patience)) {
                double start = seconds();
                b.not_counted = 0;
                if (!n->fn())
                        return NAN;
                took[k] = seconds() - start - b.not_counted;
                sum += took[k++];
        }
        qsort(took, (size_t)k, sizeof *took, by_value);
        return 1e3 * took[k / 2];
}

int main(int argc, char **argv)
{
        struct bench_options o = bench_options(argc, argv);
        double known[COUNT(needs)] = { 0 }, patience = o.quick ? 0.05 : 0.3;
        if (!prepare()) {
                fprintf(stderr, "bench_chain: the preparation failed\n");
                return 1;
        }
        for (size_t i = 0; i < COUNT(needs); i++) {
                const struct need *n = &needs[i];
                size_t same = 0;
                while (needs[same].fn != n->fn)
                        same++;
                known[i] = same < i ? known[same] : measure(n, patience);
                if (isnan(known[i])) {
                        fprintf(stderr, "bench_chain: %s failed\n", n->name);
                        return 1;
                }
                if (o.json)
                        printf("{\"name\":\"%s\",\"step\":\"%s\",\"role\":\"%s\",\"count\":%u,\"cpu_ms\":%.6g}\n",
                               n->name, n->step, n->role, n->count, known[i]);
                else
                        printf("%-10s %-6s %2u x %-18s %8.3f ms\n", n->step, n->role, n->count, n->name, known[i]);
        }
        close(b.fd);
        SSL_CTX_free(b.server);
        SSL_CTX_free(b.client);
        talloc_free(b.mem);
        return 0;
}
