#include "adapter/net/http_client.h"
#include "adapter/net/test_net.h"

#include <signal.h>

static void answer_about(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role;
        const char *type = http_req_field(rq, "Content-Type"), *own = http_req_field(rq, "X-Own");
        char *text = talloc_asprintf(rs->mem, "%s|%s|%s|%s|%s|%s|%.*s", rq->method, rq->url + strcspn(rq->url, "/") + 2,
                                     type ? type : "-", own ? own : "-", rq->trace, rq->peer_name ? rq->peer_name : "-",
                                     (int)rq->body.n, (const char *)rq->body.p);
        http_res_body(rs, 200, "text/plain", bytes_str(text));
        http_res_field(rs, "X-Port", "%u", rq->peer_port);
        if (http_req_field(rq, "Expect") != NULL)
                rs->status = 500;
}

static void answer_away(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        http_res_body(rs, 302, "text/plain", BYTES_LIT(""));
        http_res_field(rs, "Location", "/about");
}

static void answer_late(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)rq;
        struct world *w = role;
        door_pass(&w->door);
        http_res_body(rs, 200, "text/plain", BYTES_LIT("late"));
}

static void answer_long(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        http_res_body(rs, 200, "text/plain", bytes_of(talloc_zero_size(rs->mem, 5000), 5000));
}

static const struct http_route routes[] = {
        { "GET", "/about*", answer_about }, { "POST", "/about", answer_about },
        { "PUT", "/about", answer_about },  { "DELETE", "/about", answer_about },
        { "GET", "/away", answer_away },    { "GET", "/late", answer_late },
        { "GET", "/long", answer_long },    { 0 },
};

static struct http_client *client_open(struct world *w, const char *ca, const char *cert, const char *key, bool plain)
{
        struct http_client *c = NULL;
        struct http_client_conf conf = { .rng = &rng_system,
                                         .ca_file = ca ? ca : pki_path(&w->pki, "ca.pem"),
                                         .cert_file = cert,
                                         .key_file = key,
                                         .allow_plain = plain };
        CHECK_OK(http_client_open(&conf, &c, NULL));
        return c;
}

static const char *url_of(struct world *w, void *mem, const char *scheme_and_host, const char *path)
{
        return talloc_asprintf(mem, "%s:%u%s", scheme_and_host, w->port, path);
}

#define HERE "https://127.0.0.1"

static void exchanges_requests_and_answers(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        struct http_in in = { 0 };
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct http_client *c = client_open(&w, NULL, NULL, NULL, false);
        struct http_out out = { .method = "POST",
                                .url = url_of(&w, mem, HERE, "/about"),
                                .body = BYTES_LIT("a\0b"),
                                .trace = "4bf92f3577b34da6a3ce929d0e0e4736" };
        out.fields[out.fields_n++] = (struct http_field){ "Content-Type", "application/x" };
        out.fields[out.fields_n++] = (struct http_field){ "X-Own", "" };
        CHECK_OK(c->fetch(c, mem, &out, &in, NULL));
        assert_int_equal(in.status, 200);
        char *want = talloc_asprintf(mem, "POST|127.0.0.1:%u/about|application/x||4bf92f3577b34da6a3ce929d0e0e4736|-|a",
                                     w.port);
        assert_true(in.body.n >= strlen(want) && memcmp(in.body.p, want, strlen(want)) == 0);
        assert_string_equal(http_in_field(&in, "content-type"), "text/plain");
        char *port = talloc_strdup(mem, http_in_field(&in, "x-port"));
        static const char *const methods[] = { "GET", "PUT", "DELETE", "HEAD" };
        for (size_t i = 0; i < COUNT(methods); i++) {
                out = (struct http_out){ .method = methods[i], .url = url_of(&w, mem, HERE, "/about") };
                CHECK_OK(c->fetch(c, mem, &out, &in, NULL));
                assert_int_equal(in.status, 200);
                if (i < 3)
                        assert_memory_equal(in.body.p, methods[i], strlen(methods[i]));
                else
                        assert_int_equal(in.body.n, 0);
                assert_string_equal(http_in_field(&in, "x-port"), port); /* the connection is reused */
        }
        out = (struct http_out){ .method = "GET", .url = url_of(&w, mem, HERE, "/none?secret") };
        CHECK_OK(c->fetch(c, mem, &out, &in, NULL));
        assert_int_equal(in.status, 404);
        out.url = url_of(&w, mem, HERE, "/away");
        CHECK_OK(c->fetch(c, mem, &out, &in, NULL)); /* redirects are not followed */
        assert_int_equal(in.status, 302);
        assert_string_equal(http_in_field(&in, "location"), "/about");
        http_client_close(c);
        talloc_free(mem);
        world_close(&w);
}

static void check_fails(struct http_client *c, struct http_out out, enum ecode want, const char *says)
{
        void *mem = talloc_new(NULL);
        struct http_in in = { .status = 77 };
        struct err er = { 0 };
        enum ecode got = c->fetch(c, mem, &out, &in, &er);
        if (got != want || strstr(er.text, says) == NULL || strstr(er.text, "secret") != NULL)
                fail_msg("%s: want %s with %s, got %s: %s", out.url, ecode_name(want), says, ecode_name(got), er.text);
        assert_int_equal(in.status, 77); /* nothing is written on failure */
        talloc_free(mem);
}

static void says_precisely_what_failed(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct http_client *c = client_open(&w, NULL, NULL, NULL, false);
        struct http_out out = { .method = "GET", .url = url_of(&w, mem, HERE, "/late?secret"), .timeout_ms = 100 };
        check_fails(c, out, E_TIMEOUT, "no answer in time");
        door_open(&w.door);
        out = (struct http_out){ .method = "GET", .url = url_of(&w, mem, HERE, "/long"), .max_body = 4999 };
        check_fails(c, out, E_LONG, "too long");
        out.url = url_of(&w, mem, "http://127.0.0.1", "/about?secret");
        check_fails(c, out, E_UNSUPPORTED, "only https");
        out.url = "https://127.0.0.1:1/";
        check_fails(c, out, E_PEER_DOWN, "connection refused");
        out.url = "ftp://127.0.0.1/";
        check_fails(c, out, E_UNSUPPORTED, "only https");
        out.url = "https://";
        check_fails(c, out, E_SYNTAX, "not a URL");
        out.url = url_of(&w, mem, HERE, "/about");
        out.fields[out.fields_n++] = (struct http_field){ "X", "a\r\nY: b" };
        check_fails(c, out, E_SYNTAX, "header field");
        http_client_close(c);
        talloc_free(mem);
        world_close(&w);
}

/* R-SA-125 */
static void trusts_the_deployment_alone(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct pki stranger = pki_new("Another CA");
        struct http_client *c = client_open(&w, pki_path(&stranger, "ca.pem"), NULL, NULL, false);
        struct http_out out = { .method = "GET", .url = url_of(&w, mem, HERE, "/about") };
        check_fails(c, out, E_PEER_DOWN, "TLS refused, the server's certificate");
        http_client_close(c);
        c = client_open(&w, NULL, NULL, NULL, true);
        SSL_CTX *elsewhere = NULL;
        pki_issue(&w.pki, "else", "else", "DNS:elsewhere.example,IP:127.0.0.9", 10);
        struct tls_server_conf conf = { .cert_file = pki_path(&w.pki, "else.pem"),
                                        .key_file = pki_path(&w.pki, "else.key") };
        CHECK_OK(tls_server_ctx(&conf, &elsewhere, NULL));
        world_listen(&w, (struct http_listen){ .routes = routes, .tls = elsewhere });
        out.url = url_of(&w, mem, HERE, "/about");
        check_fails(c, out, E_PEER_DOWN, "TLS refused, the server's certificate");
        world_listen(&w, (struct http_listen){ .routes = routes, .plain = true, .head_ms = 50 });
        out.url = url_of(&w, mem, HERE, "/about"); /* TLS to a plain port */
        check_fails(c, out, E_PEER_DOWN, "TLS refused");
        struct http_in in;
        out.url = url_of(&w, mem, "http://127.0.0.1", "/about"); /* allowed here */
        CHECK_OK(c->fetch(c, mem, &out, &in, NULL));
        assert_int_equal(in.status, 200);
        http_client_close(c);
        SSL_CTX_free(elsewhere);
        pki_drop(&stranger);
        talloc_free(mem);
        world_close(&w);
}

/* R-SA-125 */
static void shows_its_own_certificate(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        SSL_CTX *must = NULL;
        struct http_in in;
        world_open(&w, 2, 10);
        pki_issue(&w.pki, "mcx", "mcx", NULL, 10);
        struct tls_server_conf conf = { .cert_file = pki_path(&w.pki, "server.pem"),
                                        .key_file = pki_path(&w.pki, "server.key"),
                                        .ca_file = pki_path(&w.pki, "ca.pem"),
                                        .client_cert = TLS_CLIENT_CERT_REQUIRED };
        CHECK_OK(tls_server_ctx(&conf, &must, NULL));
        world_listen(&w, (struct http_listen){ .routes = routes, .tls = must });
        struct http_client *c = client_open(&w, NULL, pki_path(&w.pki, "mcx.pem"), pki_path(&w.pki, "mcx.key"), false);
        struct http_out out = { .method = "GET", .url = url_of(&w, mem, HERE, "/about") };
        CHECK_OK(c->fetch(c, mem, &out, &in, NULL));
        assert_non_null(memmem(in.body.p, in.body.n, "|mcx|", 5));
        http_client_close(c);
        c = client_open(&w, NULL, NULL, NULL, false);
        check_fails(c, out, E_PEER_DOWN, "TLS refused");
        http_client_close(c);
        SSL_CTX_free(must);
        talloc_free(mem);
        world_close(&w);
}

struct caller {
        struct http_client *c;
        const char *url;
        pthread_t thread;
        unsigned good;
};

static void *call(void *arg)
{
        struct caller *k = arg;
        void *mem = talloc_new(NULL);
        for (int i = 0; i < 10; i++) {
                struct http_in in = { 0 };
                struct http_out out = { .method = "GET", .url = talloc_asprintf(mem, "%s/%p-%d", k->url, arg, i) };
                if (k->c->fetch(k->c, mem, &out, &in, NULL) == E_OK)
                        k->good += memmem(in.body.p, in.body.n, out.url + 8, strlen(out.url + 8)) != NULL;
        }
        talloc_free(mem);
        return NULL;
}

static void serves_many_threads(void **state)
{
        (void)state;
        struct world w;
        struct caller k[16];
        void *mem = talloc_new(NULL);
        world_open(&w, 4, 100);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct http_client *c = client_open(&w, NULL, NULL, NULL, false);
        for (size_t i = 0; i < COUNT(k); i++) {
                k[i] = (struct caller){ .c = c, .url = url_of(&w, mem, HERE, "/about") };
                assert_int_equal(pthread_create(&k[i].thread, NULL, call, &k[i]), 0);
        }
        unsigned good = 0;
        for (size_t i = 0; i < COUNT(k); i++) {
                pthread_join(k[i].thread, NULL);
                good += k[i].good;
        }
        assert_int_equal(good, COUNT(k) * 10);
        http_client_close(c);
        talloc_free(mem);
        world_close(&w);
}

static void refuses_to_start_without_trust(void **state)
{
        (void)state;
        struct http_client *c = NULL;
        struct err er;
        CHECK_E(E_CONFIG, http_client_open(&(struct http_client_conf){ .rng = &rng_system }, &c, &er));
        struct http_client_conf conf = { .rng = &rng_system, .ca_file = "/nonexistent/ca.pem" };
        CHECK_E(E_CONFIG, http_client_open(&conf, &c, &er));
        assert_non_null(strstr(er.text, "/nonexistent/ca.pem"));
        assert_null(c);
        http_client_close(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exchanges_requests_and_answers),
                cmocka_unit_test(says_precisely_what_failed),
                cmocka_unit_test(trusts_the_deployment_alone),
                cmocka_unit_test(shows_its_own_certificate),
                cmocka_unit_test(serves_many_threads),
                cmocka_unit_test(refuses_to_start_without_trust),
        };
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
