/* How much the server costs beside what OpenSSL alone costs on this machine: requests on kept connections, and new TLS
 * connections next to the bare handshake (both sides in memory, one thread). Clients share the machine's cores with the
 * server, so that the numbers are ratios to compare, not capacities. */
#include "adapter/net/http_server.h"
#include "test/kit/bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define CLIENTS 16

static void get_hello(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        http_res_body(rs, 200, "text/plain", BYTES_LIT("hello"));
}

static const struct http_route routes[] = { { "GET", "/hello", get_hello }, { 0 } };

struct bench {
        uint16_t port;
        SSL_CTX *client;
        bool keep;
        double seconds;
        _Atomic bool stop;
        _Atomic unsigned long done, failed;
};

static void die(const char *what)
{
        fprintf(stderr, "bench_http: %s\n", what);
        exit(1);
}

static SSL_CTX *server_ctx(void)
{
        char cert[] = "/tmp/muster-bench-XXXXXX", key[] = "/tmp/muster-bench-XXXXXX";
        int fd[2] = { mkstemp(cert), mkstemp(key) };
        if (fd[0] < 0 || fd[1] < 0)
                die("no temporary files");
        FILE *fc = fdopen(fd[0], "w"), *fk = fdopen(fd[1], "w");
        EVP_PKEY *k = EVP_EC_gen("P-256");
        X509 *c = X509_new();
        X509_gmtime_adj(X509_getm_notBefore(c), 0);
        X509_gmtime_adj(X509_getm_notAfter(c), 3600);
        X509_set_pubkey(c, k);
        if (fc == NULL || fk == NULL || X509_sign(c, k, EVP_sha256()) == 0 || !PEM_write_X509(fc, c) ||
            !PEM_write_PrivateKey(fk, k, NULL, NULL, 0, NULL, NULL))
                die("no certificate");
        fclose(fc);
        fclose(fk);
        struct tls_server_conf conf = { .cert_file = cert, .key_file = key };
        SSL_CTX *ctx = NULL;
        struct err er = { 0 };
        if (tls_server_ctx(&conf, &ctx, &er) != E_OK)
                die(er.text);
        unlink(cert);
        unlink(key);
        X509_free(c);
        EVP_PKEY_free(k);
        return ctx;
}

static SSL *dial(const struct bench *b, int *fd)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(b->port) };
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *fd = socket(AF_INET, SOCK_STREAM, 0);
        SSL *ssl = SSL_new(b->client);
        SSL_set_fd(ssl, *fd);
        if (connect(*fd, (struct sockaddr *)&a, sizeof a) == 0 && SSL_connect(ssl) == 1)
                return ssl;
        SSL_free(ssl);
        close(*fd);
        return NULL;
}

static bool ask(SSL *ssl)
{
        static const char rq[] = "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n";
        char answer[1024];
        return SSL_write(ssl, rq, sizeof rq - 1) > 0 && SSL_read(ssl, answer, sizeof answer) > 0 &&
               memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void *client(void *arg)
{
        struct bench *b = arg;
        while (!b->stop) {
                int fd;
                SSL *ssl = dial(b, &fd);
                if (ssl == NULL) {
                        b->failed++;
                        continue;
                }
                do {
                        if (ask(ssl))
                                b->done++;
                        else
                                b->failed++;
                } while (b->keep && !b->stop);
                SSL_free(ssl);
                close(fd);
        }
        return NULL;
}

static double run(struct bench *b, bool keep)
{
        pthread_t t[CLIENTS];
        b->keep = keep;
        b->stop = false;
        b->done = b->failed = 0;
        for (size_t i = 0; i < CLIENTS; i++)
                if (pthread_create(&t[i], NULL, client, b) != 0)
                        die("no thread");
        usleep((useconds_t)(b->seconds * 1e6));
        b->stop = true;
        for (size_t i = 0; i < CLIENTS; i++)
                pthread_join(t[i], NULL);
        if (b->failed > 0)
                fprintf(stderr, "bench_http: %lu exchanges failed\n", (unsigned long)b->failed);
        return (double)b->done / b->seconds;
}

/* Full handshakes per second, client and server in one thread without a network. */
static double bare(SSL_CTX *server, SSL_CTX *to_server, double seconds)
{
        uint64_t end = clock_ms(&clock_system) + (uint64_t)(seconds * 1000);
        unsigned long n = 0;
        for (; clock_ms(&clock_system) < end; n++) {
                SSL *s = SSL_new(server), *c = SSL_new(to_server);
                BIO *bs, *bc;
                if (BIO_new_bio_pair(&bs, 0, &bc, 0) != 1)
                        die("no pair");
                SSL_set_bio(s, bs, bs);
                SSL_set_bio(c, bc, bc);
                SSL_set_accept_state(s);
                SSL_set_connect_state(c);
                int up_s = 0, up_c = 0;
                for (int i = 0; i < 20 && !(up_s == 1 && up_c == 1); i++) {
                        up_c = SSL_do_handshake(c);
                        up_s = SSL_do_handshake(s);
                }
                if (up_s != 1 || up_c != 1)
                        die("no handshake");
                SSL_free(s);
                SSL_free(c);
        }
        return (double)n / seconds;
}

int main(int argc, char **argv)
{
        struct bench_options o = bench_options(argc, argv);
        double seconds = o.quick ? 0.3 : o.seconds > 0 ? o.seconds : 3;
        struct bench b = { .seconds = seconds, .client = SSL_CTX_new(TLS_client_method()) };
        struct workers *workers = NULL;
        struct loop *loop[2] = { 0 };
        struct http_server *server = NULL;
        struct err er = { 0 };
        SSL_CTX *tls = server_ctx();
        signal(SIGPIPE, SIG_IGN);
        struct http_server_conf conf = { .clock = &clock_system, .rng = &rng_system, .loops = loop, .loops_n = 2 };
        struct http_listen l = { .name = "bench", .address = "127.0.0.1:0", .tls = tls, .routes = routes };
        if (workers_start("bench", 2, 1024, &workers, &er) != E_OK || loop_start("bench-0", &loop[0], &er) != E_OK ||
            loop_start("bench-1", &loop[1], &er) != E_OK)
                die(er.text);
        conf.workers = workers;
        if (http_server_open(&conf, &server, &er) != E_OK || http_server_listen(server, &l, &b.port, &er) != E_OK)
                die(er.text);
        double kept = run(&b, true), fresh = run(&b, false), hands = bare(tls, b.client, seconds);
        fprintf(stderr, "%d clients; reference: OpenSSL's bare handshake, both sides on one core\n", CLIENTS);
        bench_row(&o, "requests_kept_connection", "requests/s", kept, NAN, NAN);
        bench_row(&o, "requests_new_connection", "requests/s", fresh, hands, 1);
        http_server_close(server, 1000);
        workers_stop(workers);
        loop_stop(loop[0]);
        loop_stop(loop[1]);
        SSL_CTX_free(tls);
        SSL_CTX_free(b.client);
        return 0;
}
