#include "adapter/net/test_net.h"

#include <signal.h>

#define HOST  "Host: a.example\r\n"
#define CLOSE "Connection: close\r\n"

static void get_hello(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        http_res_body(rs, 200, "text/plain", BYTES_LIT("hello"));
}

static void post_echo(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role;
        http_res_body(rs, 200, "application/octet-stream", rq->body);
}

static void get_wait(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct world *w = role;
        door_pass(&w->door);
        http_res_body(rs, 200, "text/plain", bytes_str(rq->path)); /* reads request memory after the wait */
}

static void get_about(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role;
        char *text = talloc_asprintf(rs->mem, "%s|%s|%s|%s|%s|%s|%s", rq->method, rq->path, rq->query, rq->url,
                                     rq->peer_ip, rq->peer_name ? rq->peer_name : "-", rq->trace);
        http_res_body(rs, 200, "text/plain", bytes_str(text));
        http_res_field(rs, "Content-Length", "1"); /* the adapter knows better */
        http_res_field(rs, "X-Own", "%s", http_req_field(rq, "x-own") ? http_req_field(rq, "x-own") : "");
}

#define BIG ((size_t)4 << 20)

static void get_big(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        char *p = talloc_size(rs->mem, BIG);
        memset(p, 'x', BIG);
        http_res_body(rs, 200, "text/plain", bytes_of(p, BIG));
}

static void get_nothing(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq;
        rs->status = 204;
}

static void get_silence(void *role, const struct http_req *rq, struct http_res *rs)
{
        (void)role, (void)rq, (void)rs;
}

static const struct http_route routes[] = {
        { "GET", "/hello", get_hello },     { "POST", "/echo", post_echo },     { "PUT", "/echo", post_echo },
        { "GET", "/wait", get_wait },       { "GET", "/about/*", get_about },   { "GET", "/big", get_big },
        { "GET", "/nothing", get_nothing }, { "GET", "/silence", get_silence }, { 0 },
};

static const struct http_route other_routes[] = { { "GET", "/other", get_hello }, { 0 } };

/* One request on a connection of its own; the answer on mem. */
static char *ask(struct world *w, void *mem, uint16_t port, const char *text)
{
        struct peer p;
        assert_true(peer_open(&p, port, w->client_tls));
        assert_true(peer_send(&p, text));
        char *answer = peer_answer_to(&p, mem, strncmp(text, "HEAD", 4) == 0);
        peer_close(&p);
        return answer;
}

static void check_status(struct world *w, uint16_t port, int want, const char *text)
{
        char *answer = ask(w, NULL, port, text);
        if (status_of(answer) != want)
                fail_msg("want %d for %s, got %s", want, text, answer);
        talloc_free(answer);
}

static void answers_by_route(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        char *a = ask(&w, mem, w.port, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_of(a), 200);
        assert_string_equal(body_of(a), "hello");
        assert_non_null(strstr(a, "Content-Length: 5\r\n"));
        assert_non_null(strstr(a, "X-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(a, "Strict-Transport-Security: "));
        assert_non_null(strstr(a, "Date: "));
        assert_null(strstr(a, "Connection: close"));
        a = ask(&w, mem, w.port, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_of(a), 200);
        assert_non_null(strstr(a, "Content-Length: 5\r\n"));
        assert_string_equal(body_of(a), "");
        a = ask(&w, mem, w.port, "DELETE /echo HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_of(a), 405);
        assert_non_null(strstr(a, "Allow: POST, PUT\r\n"));
        check_status(&w, w.port, 404, "GET /hell HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, w.port, 404, "GET /hello/ HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, w.port, 404, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, w.port, 501, "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, w.port, 500, "GET /silence HTTP/1.1\r\n" HOST "\r\n");
        a = ask(&w, mem, w.port, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_of(a), 204);
        assert_null(strstr(a, "Content-Length"));
        struct http_server_stats s;
        http_server_stats(w.server, &s);
        assert_int_equal(s.requests, 4);
        assert_int_equal(s.refused, 5);
        talloc_free(mem);
        world_close(&w);
}

static void tells_handlers_about_the_request(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        char *a = ask(&w, mem, w.port,
                      "GET /about/sip:a@b%20c?q=1&r=%2f HTTP/1.1\r\nHost: kms.example:8443\r\nX-Own:  value \r\n"
                      "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n");
        assert_string_equal(body_of(a), "GET|/about/sip:a@b%20c|q=1&r=%2f|"
                                        "https://kms.example:8443/about/sip:a@b%20c?q=1&r=%2f|127.0.0.1|-|"
                                        "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_non_null(strstr(a, "X-Own: value\r\n"));
        a = ask(&w, mem, w.port, "GET /about/ HTTP/1.1\r\n" HOST "traceparent: bad\r\n\r\n");
        const char *trace = strrchr(body_of(a), '|') + 1;
        assert_int_equal(strlen(trace), 32);
        assert_int_equal(strspn(trace, "0123456789abcdef"), 32);
        talloc_free(mem);
        world_close(&w);
}

static void keeps_connections_and_answers_in_order(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        void *mem = talloc_new(NULL);
        world_open(&w, 4, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        assert_true(peer_open(&p, w.port, w.client_tls));
        for (int i = 0; i < 3; i++) {
                assert_true(peer_send(&p, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"));
                assert_string_equal(body_of(peer_answer(&p, mem)), "abc");
        }
        assert_true(peer_send(&p,
                              "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1"
                              "\r\nPOST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n"
                              "GET /none HTTP/1.1\r\n" HOST "\r\n"
                              "GET /hello HTTP/1.1\r\n" HOST CLOSE "\r\n"));
        assert_string_equal(body_of(peer_answer(&p, mem)), "1");
        assert_string_equal(body_of(peer_answer(&p, mem)), "2");
        assert_int_equal(status_of(peer_answer(&p, mem)), 404);
        char *last = peer_answer(&p, mem);
        assert_string_equal(body_of(last), "hello");
        assert_non_null(strstr(last, "Connection: close\r\n"));
        assert_true(peer_is_closed(&p));
        assert_int_equal(SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
        peer_close(&p);
        assert_true(peer_open(&p, w.port, w.client_tls));
        assert_true(peer_send(&p, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
        assert_int_equal(status_of(peer_answer(&p, mem)), 100);
        assert_true(peer_send(&p, "ok"));
        assert_string_equal(body_of(peer_answer(&p, mem)), "ok");
        peer_close(&p);
        talloc_free(mem);
        world_close(&w);
}

/* R-ID-1: each listener has its own routes and certificate, and refuses what is another's. */
static void listeners_are_separate(void **state)
{
        (void)state;
        struct world w;
        world_open(&w, 2, 10);
        uint16_t a = world_listen(&w, (struct http_listen){ .name = "authorization", .routes = routes });
        uint16_t b = world_listen(&w, (struct http_listen){ .name = "token", .routes = other_routes });
        check_status(&w, a, 200, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, a, 404, "GET /other HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, b, 200, "GET /other HTTP/1.1\r\n" HOST "\r\n");
        check_status(&w, b, 404, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        world_close(&w);
}

/* R-ID-2, and R-ID-4: no TLS inside of HTTP/1.1 either. */
static void plain_text_gets_no_service(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        assert_true(peer_open(&p, w.port, NULL));
        assert_true(peer_send(&p, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        char octets[64] = { 0 };
        for (size_t n; (n = peer_read(&p, octets, sizeof octets - 1)) > 0; memset(octets, 0, sizeof octets))
                assert_null(memmem(octets, n, "HTTP", 4));
        peer_close(&p);
        struct err er;
        struct http_listen unsaid = { .name = "x", .address = "127.0.0.1:0", .routes = routes };
        CHECK_E(E_CONFIG, http_server_listen(w.server, &unsaid, NULL, &er));
        assert_string_equal(er.req, "R-ID-2");
        char *a =
                ask(&w, mem, w.port, "GET /hello HTTP/1.1\r\n" HOST "Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n\r\n");
        assert_int_equal(status_of(a), 200);
        assert_null(strstr(a, "Upgrade"));
        talloc_free(mem);
        world_close(&w);
}

static bool shakes_hands(struct world *w, int low, int high, const char *suites)
{
        struct peer p;
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, low);
        SSL_CTX_set_max_proto_version(ctx, high);
        if (suites != NULL)
                assert_int_equal(SSL_CTX_set_cipher_list(ctx, suites), 1);
        bool up = peer_open(&p, w->port, ctx);
        peer_close(&p);
        SSL_CTX_free(ctx);
        return up;
}

/* R-ID-3, R-KMS-60, R-SA-125 */
static void speaks_tls_12_and_13_only(void **state)
{
        (void)state;
        struct world w;
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        assert_true(shakes_hands(&w, TLS1_3_VERSION, TLS1_3_VERSION, NULL));
        assert_true(shakes_hands(&w, TLS1_2_VERSION, TLS1_2_VERSION, NULL));
        assert_false(shakes_hands(&w, TLS1_1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0"));
        assert_false(shakes_hands(&w, TLS1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0"));
        assert_false(shakes_hands(&w, TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256")); /* CBC */
        assert_false(shakes_hands(&w, TLS1_2_VERSION, TLS1_2_VERSION, "AES128-GCM-SHA256")); /* no ephemeral key */
        struct http_server_stats s;
        for (int i = 0; i < 1000; i++) { /* the alert is out before the server counts */
                http_server_stats(w.server, &s);
                if (s.tls_failed == 4)
                        break;
                usleep(5000);
        }
        assert_int_equal(s.tls_failed, 4);
        world_close(&w);
}

static void uses_a_renewed_certificate(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        SSL_CTX *renewed = NULL;
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .name = "token", .routes = routes });
        pki_issue(&w.pki, "new", "renewed", "IP:127.0.0.1", 10);
        struct tls_server_conf conf = { .cert_file = pki_path(&w.pki, "new.pem"),
                                        .key_file = pki_path(&w.pki, "new.key") };
        CHECK_OK(tls_server_ctx(&conf, &renewed, NULL));
        CHECK_E(E_NOT_FOUND, http_server_set_tls(w.server, "other", renewed));
        CHECK_OK(http_server_set_tls(w.server, "token", renewed));
        SSL_CTX_free(renewed);
        assert_true(peer_open(&p, w.port, w.client_tls));
        char *name = tls_peer_name(NULL, p.ssl);
        assert_string_equal(name, "renewed");
        talloc_free(name);
        peer_close(&p);
        world_close(&w);
}

/* R-KMS-62, R-KMS-59 */
static void refuses_ambiguous_requests(void **state)
{
        (void)state;
        struct world w;
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        static const char *const bad[] = {
                "GET /hello HTTP/1.1\r\n\r\n",
                "GET /hello HTTP/1.1\r\n" HOST HOST "\r\n",
                "GET /hello HTTP/1.1\r\n" HOST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nZ\r\n",
                "GET /about/%00 HTTP/1.1\r\n" HOST "\r\n",
                "GET /about/%2e%2e/hello HTTP/1.1\r\n" HOST "\r\n",
                "GET /about//x HTTP/1.1\r\n" HOST "\r\n",
                "GET /about/%zz HTTP/1.1\r\n" HOST "\r\n",
                "GET /hello HTTP/1.1\nHost: a\n\n",
                "GET /hello HTTP/2.0\r\n" HOST "\r\n",
                "\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                check_status(&w, w.port, 400, bad[i]);
        struct http_server_stats s;
        http_server_stats(w.server, &s);
        assert_int_equal(s.refused, COUNT(bad));
        assert_int_equal(s.requests, 0);
        world_close(&w);
}

/* R-SA-128 */
static void limits_head_and_body(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct bytes body = bytes_of(talloc_zero_size(mem, (1 << 20) + 1), (1 << 20) + 1);
        for (size_t n = body.n - 1; n <= body.n; n++) {
                struct peer p;
                assert_true(peer_open(&p, w.port, w.client_tls));
                peer_send(&p, talloc_asprintf(mem, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n));
                if (n < body.n) /* the other is refused from its head alone */
                        assert_true(peer_send_bytes(&p, bytes_of(body.p, n)));
                assert_int_equal(status_of(peer_answer(&p, mem)), n < body.n ? 200 : 413);
                peer_close(&p);
        }
        struct peer p;
        assert_true(peer_open(&p, w.port, w.client_tls));
        peer_send(&p, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n80000\r\n");
        peer_send_bytes(&p, bytes_of(body.p, 0x80000));
        peer_send(&p, "\r\n80001\r\nx");
        assert_int_equal(status_of(peer_answer(&p, mem)), 413);
        peer_close(&p);
        struct buf head = buf_on(mem);
        buf_puts(&head, "GET /hello HTTP/1.1\r\n" HOST "X: ");
        while (head.n < (16 << 10) - 4)
                buf_puts(&head, "y");
        check_status(&w, w.port, 200, talloc_asprintf(mem, "%s\r\n\r\n", (char *)head.p));
        check_status(&w, w.port, 431, talloc_asprintf(mem, "%sy\r\n\r\n", (char *)head.p));
        talloc_free(mem);
        world_close(&w);
}

static void slow_clients_are_left(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        uint16_t port = world_listen(&w, (struct http_listen){ .routes = routes, .handshake_ms = 50 });
        assert_true(peer_open(&p, port, NULL)); /* no hello */
        assert_true(peer_is_closed(&p));
        peer_close(&p);
        assert_true(peer_open(&p, port, NULL)); /* half a hello */
        assert_true(peer_send_bytes(&p, BYTES_LIT("\x16\x03\x01\x02\x00\x01")));
        assert_true(peer_is_closed(&p));
        peer_close(&p);
        port = world_listen(&w, (struct http_listen){ .routes = routes, .idle_ms = 50 });
        assert_true(peer_open(&p, port, w.client_tls)); /* nothing asked */
        assert_true(peer_is_closed(&p));
        peer_close(&p);
        port = world_listen(&w, (struct http_listen){ .routes = routes, .head_ms = 50 });
        assert_true(peer_open(&p, port, w.client_tls)); /* slow loris: a drop again and again */
        peer_send(&p, "GET /hello HTTP/1.1\r\n");
        for (int i = 0; i < 1000 && peer_send(&p, "X-A: b\r\n"); i++)
                usleep(5000);
        assert_int_not_equal(status_of(peer_answer(&p, mem)), 200);
        peer_close(&p);
        port = world_listen(&w, (struct http_listen){ .routes = routes, .body_ms = 50 });
        assert_true(peer_open(&p, port, w.client_tls));
        peer_send(&p, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab");
        assert_int_equal(status_of(peer_answer(&p, mem)), 408);
        assert_true(peer_is_closed(&p));
        peer_close(&p);
        struct http_server_stats s;
        http_server_stats(w.server, &s);
        assert_int_equal(s.timeouts, 4);
        assert_int_equal(s.tls_failed, 2);
        talloc_free(mem);
        world_close(&w);
}

static void slow_readers_are_left(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes, .send_ms = 2000 });
        char *whole = ask(&w, mem, w.port, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(strlen(body_of(whole)), BIG);
        uint16_t hasty = world_listen(&w, (struct http_listen){ .routes = routes, .send_ms = 50 });
        assert_true(peer_open(&p, hasty, w.client_tls));
        int small = 4096;
        setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        for (int i = 0; i < 8; i++) /* more than the kernel takes */
                peer_send(&p, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        struct http_server_stats s;
        for (int i = 0; i < 1000; i++) {
                http_server_stats(w.server, &s);
                if (s.timeouts > 0)
                        break;
                usleep(10000);
        }
        assert_int_equal(s.timeouts, 1);
        peer_close(&p);
        talloc_free(mem);
        world_close(&w);
}

static void clients_that_leave_lose_their_answer_only(void **state)
{
        (void)state;
        struct world w;
        struct peer p[6];
        world_open(&w, 8, 10);
        uint16_t plain = world_listen(&w, (struct http_listen){ .routes = routes, .plain = true });
        uint16_t tls = world_listen(&w, (struct http_listen){ .routes = routes });
        for (unsigned i = 0; i < COUNT(p); i++) {
                assert_true(peer_open(&p[i], i % 2 ? plain : tls, i % 2 ? NULL : w.client_tls));
                assert_true(peer_send(&p[i], "GET /wait HTTP/1.1\r\n" HOST "\r\n"));
        }
        door_await(&w.door, COUNT(p), 0);
        for (unsigned i = 0; i < 4; i++) /* two of each kind are reset, one of each closed in order */
                peer_reset(&p[i]);
        peer_close(&p[4]);
        peer_close(&p[5]);
        struct http_server_stats s;
        do
                http_server_stats(w.server, &s); /* the resets are seen while the handlers still wait */
        while (s.connections_now > 2);
        door_open(&w.door);
        door_await(&w.door, 0, COUNT(p));
        check_status(&w, tls, 200, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        world_close(&w);
}

static void a_half_closed_client_gets_its_answer(void **state)
{
        (void)state;
        struct world w;
        struct peer p;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes, .plain = true });
        assert_true(peer_open(&p, w.port, NULL));
        peer_send(&p, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        shutdown(p.fd, SHUT_WR);
        door_await(&w.door, 1, 0);
        door_open(&w.door);
        char *a = peer_answer(&p, mem);
        assert_string_equal(body_of(a), "/wait");
        assert_null(strstr(a, "Strict-Transport-Security"));
        assert_true(peer_is_closed(&p));
        peer_close(&p);
        talloc_free(mem);
        world_close(&w);
}

static void overload_is_said_at_once(void **state)
{
        (void)state;
        struct world w;
        struct peer p[3];
        void *mem = talloc_new(NULL);
        world_open(&w, 1, 1);
        world_listen(&w, (struct http_listen){ .routes = routes });
        struct http_server_stats s = { 0 };
        for (unsigned i = 0; i < 2; i++) {
                assert_true(peer_open(&p[i], w.port, w.client_tls));
                peer_send(&p[i], "GET /wait HTTP/1.1\r\n" HOST "\r\n");
                if (i == 0)
                        door_await(&w.door, 1, 0);
        }
        while (s.requests < 2)
                http_server_stats(w.server, &s);
        assert_true(peer_open(&p[2], w.port, w.client_tls));
        peer_send(&p[2], "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        char *a = peer_answer(&p[2], mem);
        assert_int_equal(status_of(a), 503);
        assert_non_null(strstr(a, "Retry-After: 1\r\n"));
        door_open(&w.door);
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(status_of(peer_answer(&p[i], mem)), 200);
        peer_send(&p[2], "GET /hello HTTP/1.1\r\n" HOST "\r\n"); /* the connection is as good as before */
        assert_int_equal(status_of(peer_answer(&p[2], mem)), 200);
        for (unsigned i = 0; i < COUNT(p); i++)
                peer_close(&p[i]);
        http_server_stats(w.server, &s);
        assert_int_equal(s.busy, 1);
        talloc_free(mem);
        world_close(&w);
}

static void connections_are_limited(void **state)
{
        (void)state;
        struct world w;
        struct peer p[3];
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes, .max_connections = 2 });
        assert_true(peer_open(&p[0], w.port, w.client_tls));
        assert_true(peer_open(&p[1], w.port, w.client_tls));
        assert_false(peer_open(&p[2], w.port, w.client_tls));
        peer_send(&p[0], "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_of(peer_answer(&p[0], mem)), 200);
        struct http_server_stats s;
        http_server_stats(w.server, &s);
        assert_int_equal(s.turned_away, 1);
        assert_int_equal(s.connections_now, 2);
        for (unsigned i = 0; i < COUNT(p); i++)
                peer_close(&p[i]);
        do
                http_server_stats(w.server, &s);
        while (s.connections_now > 0);
        check_status(&w, w.port, 200, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        talloc_free(mem);
        world_close(&w);
}

struct guest {
        struct world *w;
        pthread_t thread;
        unsigned good;
};

static void *visit(void *arg)
{
        struct guest *g = arg;
        struct peer p;
        void *mem = talloc_new(NULL);
        if (peer_open(&p, g->w->port, g->w->client_tls))
                for (int i = 0; i < 5; i++) {
                        char body[64];
                        snprintf(body, sizeof body, "guest %p visit %d", arg, i);
                        peer_send(&p,
                                  talloc_asprintf(mem, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s",
                                                  strlen(body), body));
                        char *a = peer_answer(&p, mem);
                        g->good += status_of(a) == 200 && strcmp(body_of(a), body) == 0;
                }
        peer_close(&p);
        talloc_free(mem);
        return NULL;
}

static void a_hundred_at_once_each_get_their_own_answer(void **state)
{
        (void)state;
        struct world w;
        static struct guest guest[100];
        world_open(&w, 4, 200);
        world_listen(&w, (struct http_listen){ .routes = routes });
        for (size_t i = 0; i < COUNT(guest); i++) {
                guest[i] = (struct guest){ .w = &w };
                assert_int_equal(pthread_create(&guest[i].thread, NULL, visit, &guest[i]), 0);
        }
        unsigned good = 0;
        for (size_t i = 0; i < COUNT(guest); i++) {
                pthread_join(guest[i].thread, NULL);
                good += guest[i].good;
        }
        assert_int_equal(good, 500);
        world_close(&w);
}

static SSL_CTX *client_with(struct pki *ca, const char *cert_dir_name, struct pki *of)
{
        SSL_CTX *ctx = NULL;
        char pem[64], key[64];
        snprintf(pem, sizeof pem, "%s.pem", cert_dir_name ? cert_dir_name : "");
        snprintf(key, sizeof key, "%s.key", cert_dir_name ? cert_dir_name : "");
        struct tls_client_conf conf = { .ca_file = pki_path(ca, "ca.pem"),
                                        .cert_file = cert_dir_name ? pki_path(of, pem) : NULL,
                                        .key_file = cert_dir_name ? pki_path(of, key) : NULL };
        CHECK_OK(tls_client_ctx(&conf, &ctx, NULL));
        return ctx;
}

/* "" when the connection was refused (in TLS 1.3 that shows with the first answer), else the body. */
static char *ask_as(SSL_CTX *ctx, void *mem, uint16_t port)
{
        struct peer p;
        char *body = talloc_strdup(mem, "");
        if (peer_open(&p, port, ctx) && peer_send(&p, "GET /about/ HTTP/1.1\r\n" HOST "\r\n"))
                body = talloc_strdup(mem, body_of(peer_answer(&p, mem)));
        peer_close(&p);
        SSL_CTX_free(ctx);
        return body;
}

/* R-SA-125 */
static void asks_for_client_certificates(void **state)
{
        (void)state;
        struct world w;
        void *mem = talloc_new(NULL);
        SSL_CTX *must = NULL, *may = NULL;
        world_open(&w, 2, 10);
        struct pki stranger = pki_new("Test CA"); /* the same name, another key */
        pki_issue(&stranger, "mcx", "mcx", NULL, 10);
        pki_issue(&w.pki, "mcx", "mcx", NULL, 10);
        pki_issue(&w.pki, "san", NULL, "DNS:pcscf.example,URI:sip:x", 10);
        pki_issue(&w.pki, "old", "old", NULL, -1);
        struct tls_server_conf conf = { .cert_file = pki_path(&w.pki, "server.pem"),
                                        .key_file = pki_path(&w.pki, "server.key"),
                                        .ca_file = pki_path(&w.pki, "ca.pem"),
                                        .client_cert = TLS_CLIENT_CERT_REQUIRED };
        CHECK_OK(tls_server_ctx(&conf, &must, NULL));
        conf.client_cert = TLS_CLIENT_CERT_OPTIONAL;
        CHECK_OK(tls_server_ctx(&conf, &may, NULL));
        const uint16_t port[] = { world_listen(&w, (struct http_listen){ .routes = routes, .tls = must }),
                                  world_listen(&w, (struct http_listen){ .routes = routes, .tls = may }) };
        for (size_t i = 0; i < COUNT(port); i++) {
                assert_non_null(strstr(ask_as(client_with(&w.pki, "mcx", &w.pki), mem, port[i]), "|mcx|"));
                assert_non_null(strstr(ask_as(client_with(&w.pki, "san", &w.pki), mem, port[i]), "|pcscf.example|"));
                assert_string_equal(ask_as(client_with(&w.pki, "mcx", &stranger), mem, port[i]), "");
                assert_string_equal(ask_as(client_with(&w.pki, "old", &w.pki), mem, port[i]), "");
        }
        assert_string_equal(ask_as(client_with(&w.pki, NULL, NULL), mem, port[0]), "");
        assert_non_null(strstr(ask_as(client_with(&w.pki, NULL, NULL), mem, port[1]), "|-|"));
        SSL_CTX_free(must);
        SSL_CTX_free(may);
        pki_drop(&stranger);
        talloc_free(mem);
        world_close(&w);
}

static void *close_server(void *arg)
{
        struct world *w = arg;
        http_server_close(w->server, 10000);
        return NULL;
}

static void closing_lets_requests_end(void **state)
{
        (void)state;
        struct world w;
        struct peer busy, idle;
        pthread_t closer;
        void *mem = talloc_new(NULL);
        world_open(&w, 2, 10);
        world_listen(&w, (struct http_listen){ .routes = routes });
        assert_true(peer_open(&idle, w.port, w.client_tls));
        assert_true(peer_open(&busy, w.port, w.client_tls));
        peer_send(&busy, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        door_await(&w.door, 1, 0);
        assert_int_equal(pthread_create(&closer, NULL, close_server, &w), 0);
        assert_true(peer_is_closed(&idle)); /* so the closing has begun */
        door_open(&w.door);
        char *a = peer_answer(&busy, mem);
        assert_int_equal(status_of(a), 200);
        assert_non_null(strstr(a, "Connection: close\r\n"));
        peer_close(&busy);
        peer_close(&idle);
        pthread_join(closer, NULL);
        w.server = NULL;
        talloc_free(mem);
        world_close(&w);
}

static void says_what_is_wrong_with_files_and_addresses(void **state)
{
        (void)state;
        struct world w;
        SSL_CTX *ctx = NULL;
        struct err er = { 0 };
        world_open(&w, 1, 1);
        pki_issue(&w.pki, "a", "a", NULL, 10);
        struct tls_server_conf conf = { .cert_file = pki_path(&w.pki, "a.pem"),
                                        .key_file = pki_path(&w.pki, "server.key") };
        CHECK_E(E_CONFIG, tls_server_ctx(&conf, &ctx, &er));
        assert_non_null(strstr(er.text, "server.key"));
        conf.cert_file = pki_path(&w.pki, "none.pem");
        CHECK_E(E_CONFIG, tls_server_ctx(&conf, &ctx, &er));
        assert_non_null(strstr(er.text, "none.pem"));
        struct tls_client_conf client = { .ca_file = pki_path(&w.pki, "server.key") };
        CHECK_E(E_CONFIG, tls_client_ctx(&client, &ctx, &er));
        assert_null(ctx);
        static const char *const bad[] = { "", "127.0.0.1", "localhost:1", "127.0.0.1:x", ":443" };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct http_listen l = { .name = "a", .address = bad[i], .tls = w.tls, .routes = routes };
                CHECK_E(E_CONFIG, http_server_listen(w.server, &l, NULL, &er));
        }
        char taken[32];
        uint16_t port = world_listen(&w, (struct http_listen){ .routes = routes });
        snprintf(taken, sizeof taken, "127.0.0.1:%u", port);
        struct http_listen l = { .name = "a", .address = taken, .tls = w.tls, .routes = routes };
        CHECK_E(E_IO, http_server_listen(w.server, &l, NULL, &er));
        assert_non_null(strstr(er.text, taken));
        world_close(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_by_route),
                cmocka_unit_test(tells_handlers_about_the_request),
                cmocka_unit_test(keeps_connections_and_answers_in_order),
                cmocka_unit_test(listeners_are_separate),
                cmocka_unit_test(plain_text_gets_no_service),
                cmocka_unit_test(speaks_tls_12_and_13_only),
                cmocka_unit_test(uses_a_renewed_certificate),
                cmocka_unit_test(refuses_ambiguous_requests),
                cmocka_unit_test(limits_head_and_body),
                cmocka_unit_test(slow_clients_are_left),
                cmocka_unit_test(slow_readers_are_left),
                cmocka_unit_test(clients_that_leave_lose_their_answer_only),
                cmocka_unit_test(a_half_closed_client_gets_its_answer),
                cmocka_unit_test(overload_is_said_at_once),
                cmocka_unit_test(connections_are_limited),
                cmocka_unit_test(a_hundred_at_once_each_get_their_own_answer),
                cmocka_unit_test(asks_for_client_certificates),
                cmocka_unit_test(closing_lets_requests_end),
                cmocka_unit_test(says_what_is_wrong_with_files_and_addresses),
        };
        signal(SIGPIPE, SIG_IGN); /* the test's own clients write to closed connections */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
