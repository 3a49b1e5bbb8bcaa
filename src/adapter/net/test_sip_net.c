#include "test/kit/check.h"

#include "adapter/net/sip_net.h"
#include "adapter/net/test_pki.h"
#include "engine/siptx.h"
#include "proto/sip/sip.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* One "process" with a role that answers by method:
 *      OPTIONS  200 with the body that came, and who sent it in X-From
 *      MESSAGE  202, and counts
 *      INVITE   180, then as X-Then says: 486, 200, or nothing until CANCEL
 *      NOTIFY   waits until the gate opens */
struct node {
        struct loop *loop;
        struct workers *workers;
        struct sip_net *net;
        struct sip_port *port;
        SSL_CTX *tls;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned messages, acks, invites, waiting;
        bool gate;
        struct sip_tx *ringing;
        struct sip_msg *ringing_rq;
        struct sip_peer last_from;
};

static struct pki pki;
static SSL_CTX *client_tls[2];

static void note(struct node *n, unsigned *counter)
{
        pthread_mutex_lock(&n->lock);
        ++*counter;
        pthread_cond_broadcast(&n->changed);
        pthread_mutex_unlock(&n->lock);
}

static void await(struct node *n, const unsigned *counter, unsigned want)
{
        pthread_mutex_lock(&n->lock);
        while (*counter < want)
                pthread_cond_wait(&n->changed, &n->lock);
        pthread_mutex_unlock(&n->lock);
}

static void answer(struct node *n, struct sip_tx *tx, struct sip_msg *rq, int status)
{
        struct sip_msg *rs = sip_response_new(NULL, rq, status, NULL);
        CHECK_OK(n->port->reply(n->port, tx, rs));
}

static void on_options(struct node *n, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct sip_msg *rs = sip_response_new(NULL, rq, 200, NULL);
        sip_hdr_set(rs, "X-From", "%s %s %s", sip_proto_name(from->proto), from->ip,
                    *from->tls_name ? from->tls_name : "-");
        sip_set_body(rs, "application/octet-stream", sip_body(rq));
        CHECK_OK(n->port->reply(n->port, tx, rs));
}

static void on_invite(struct node *n, struct sip_tx *tx, struct sip_msg *rq)
{
        const char *then = sip_hdr(rq, "X-Then");
        answer(n, tx, rq, 180);
        pthread_mutex_lock(&n->lock);
        if (then == NULL) {
                n->ringing = tx;
                n->ringing_rq = sip_msg_copy(NULL, rq);
        }
        pthread_mutex_unlock(&n->lock);
        note(n, &n->invites);
        if (then != NULL)
                answer(n, tx, rq, atoi(then));
}

static void on_request(void *role, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct node *n = role;
        pthread_mutex_lock(&n->lock);
        n->last_from = *from;
        pthread_mutex_unlock(&n->lock);
        if (sip_method_is(rq, "OPTIONS")) {
                on_options(n, tx, rq, from);
        } else if (sip_method_is(rq, "MESSAGE")) {
                note(n, &n->messages);
                answer(n, tx, rq, 202);
        } else if (sip_method_is(rq, "INVITE")) {
                on_invite(n, tx, rq);
        } else if (sip_method_is(rq, "ACK")) {
                assert_null(tx);
                note(n, &n->acks);
        } else if (sip_method_is(rq, "CANCEL")) {
                answer(n, tx, rq, 200);
                answer(n, n->ringing, n->ringing_rq, 487);
                talloc_free(n->ringing_rq);
        } else {
                note(n, &n->waiting);
                pthread_mutex_lock(&n->lock);
                while (!n->gate)
                        pthread_cond_wait(&n->changed, &n->lock);
                pthread_mutex_unlock(&n->lock);
                answer(n, tx, rq, 200);
        }
}

enum { ALL = 1u << SIP_UDP | 1u << SIP_TCP | 1u << SIP_TLS };

/* who: 0 or 1, whose certificate */
static void node_open(struct node *n, int who, unsigned protos, struct sip_net_conf conf)
{
        *n = (struct node){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
        struct err er = { 0 };
        CHECK_OK(loop_start("sip", &n->loop, NULL));
        if (conf.workers == NULL)
                CHECK_OK(workers_start("sip", 4, 64, &n->workers, NULL));
        else
                n->workers = conf.workers;
        struct tls_server_conf sc = { .cert_file = pki_path(&pki, who ? "b.pem" : "a.pem"),
                                      .key_file = pki_path(&pki, who ? "b.key" : "a.key"),
                                      .ca_file = pki_path(&pki, "ca.pem"),
                                      .client_cert = TLS_CLIENT_CERT_OPTIONAL };
        CHECK_OK(tls_server_ctx(&sc, &n->tls, &er));
        conf.clock = &clock_system;
        conf.rng = &rng_system;
        conf.workers = n->workers;
        conf.loop = n->loop;
        conf.tls_client = client_tls[who];
        CHECK_OK(sip_net_open(&conf, &n->net, &er));
        n->port = sip_net_port(n->net);
        struct sip_listen l = { .name = "mw", .address = "127.0.0.1:0", .protos = protos, .tls = n->tls };
        if (sip_net_listen(n->net, &l, &er) != E_OK)
                fail_msg("%s", er.text);
        sip_net_serve(n->net, on_request, n);
}

static void node_close(struct node *n)
{
        sip_net_close(n->net);
        workers_stop(n->workers);
        loop_stop(n->loop);
        SSL_CTX_free(n->tls);
}

static struct sip_target at(struct node *n, enum sip_proto proto)
{
        struct sip_target t = { 0 };
        CHECK_OK(n->port->local(n->port, "mw", proto, &t));
        t.listener = NULL;
        return t;
}

static struct sip_msg *request(const char *method)
{
        static atomic_uint count;
        char call[32];
        snprintf(call, sizeof call, "call-%u", count++);
        return sip_request_new(NULL, &(struct sip_request_in){ .method = method,
                                                               .uri = "sip:b@example.com",
                                                               .from = "<sip:a@example.com>;tag=from",
                                                               .to = "<sip:b@example.com>",
                                                               .call_id = call,
                                                               .cseq = 1 });
}

/* --- raw peers ------------------------------------------------------------------------------------------------------
 */

static int raw_open(int type, struct node *n, enum sip_proto proto)
{
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        struct timeval tv = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        if (n == NULL) {
                assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
                return fd;
        }
        a.sin_port = htons(at(n, proto).port);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        return fd;
}

static void raw_send(int fd, const char *text)
{
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What arrives, as a string: one datagram, or at least `least` octets. "" when the other side closed. */
static char *raw_read(void *mem, int fd, size_t least)
{
        char *in = talloc_zero_size(mem, SIP_MSG_MAX + 1);
        size_t have = 0;
        do {
                ssize_t n = recv(fd, in + have, SIP_MSG_MAX - have, 0);
                if (n < 0 && errno != ECONNRESET)
                        fail_msg("nothing came: %s", strerror(errno));
                if (n <= 0)
                        break;
                have += (size_t)n;
        } while (have < least);
        return in;
}

static char *raw_text(void *mem, const char *method, const char *branch, const char *more)
{
        return talloc_asprintf(mem,
                               "%s sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK%s;rport\r\n"
                               "From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: raw-%s\r\nCSeq: 1 %s\r\n%s\r\n",
                               method, branch, branch, method, more);
}

/* --- tests
 * ------------------------------------------------------------------------------------------------------------ */

static void test_all_transports(void **state)
{
        (void)state;
        struct node a, b;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        static const char *const from[] = { "UDP 127.0.0.1 -", "TCP 127.0.0.1 -", "TLS 127.0.0.1 node-a" };
        for (int k = 0; k < 6; k++) {
                void *mem = talloc_new(NULL);
                struct err er = { 0 };
                struct sip_msg *rq = request("OPTIONS"), *rs = NULL;
                struct sip_target to = at(&b, (enum sip_proto)(k % 3));
                sip_set_body(rq, "text/plain", BYTES_LIT("hello"));
                if (a.port->call(a.port, mem, rq, &to, 5000, &rs, &er) != E_OK)
                        fail_msg("%s", er.text);
                assert_int_equal(sip_status(rs), 200);
                assert_string_equal(sip_hdr(rs, "X-From"), from[k % 3]);
                assert_int_equal(sip_hdr_count(rs, "Via"), 0);
                assert_non_null(sip_to_tag(rs));
                CHECK_BYTES("body", sip_body(rs), BYTES_LIT("hello"));
                talloc_free(mem);
        }
        struct sip_net_stats s;
        sip_net_stats(b.net, &s);
        assert_int_equal(s.connections_now, 2); /* one TCP, one TLS: the second round used them again */
        assert_int_equal(s.requests, 6);

        /* back over the connection that the other side opened */
        struct sip_target back = { .proto = SIP_TLS, .flow = b.last_from.flow };
        void *mem = talloc_new(NULL);
        struct sip_msg *rs = NULL;
        CHECK_OK(b.port->call(b.port, mem, request("OPTIONS"), &back, 5000, &rs, NULL));
        assert_string_equal(sip_hdr(rs, "X-From"), "TLS 127.0.0.1 node-b");
        sip_net_stats(a.net, &s);
        assert_int_equal(s.connections_now, 2);
        talloc_free(mem);
        node_close(&a);
        node_close(&b);
}

/* RFC 3261 clause 18.1.1: beyond 1300 octets TCP; UDP all the same where the target has none. */
static void test_big_messages(void **state)
{
        (void)state;
        struct node a, b, u;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        node_open(&u, 1, 1u << SIP_UDP, (struct sip_net_conf){ 0 });
        void *mem = talloc_new(NULL);
        uint8_t *body = talloc_size(mem, 60000);
        for (size_t i = 0; i < 60000; i++)
                body[i] = (uint8_t)(i * 7);
        struct node *const whom[] = { &b, &u, &b };
        static const size_t size[] = { 2000, 20000, 60000 };
        static const char *const from[] = { "TCP 127.0.0.1 -", "UDP 127.0.0.1 -", "TCP 127.0.0.1 -" };
        for (size_t k = 0; k < COUNT(whom); k++) {
                struct sip_msg *rq = request("OPTIONS"), *rs = NULL;
                struct sip_target to = at(whom[k], SIP_UDP);
                sip_set_body(rq, "text/plain", bytes_of(body, size[k]));
                CHECK_OK(a.port->call(a.port, mem, rq, &to, 5000, &rs, NULL));
                assert_string_equal(sip_hdr(rs, "X-From"), from[k]);
                CHECK_BYTES("body", sip_body(rs), bytes_of(body, size[k]));
        }
        talloc_free(mem);
        node_close(&a);
        node_close(&b);
        node_close(&u);
}

/* Silence and absence are told apart, and neither is an answer. */
static void test_nobody_there(void **state)
{
        (void)state;
        struct node a;
        struct err er;
        struct sip_msg *rs = NULL;
        node_open(&a, 0, ALL, (struct sip_net_conf){ .handshake_ms = 300 });
        int silent = raw_open(SOCK_DGRAM, NULL, SIP_UDP), closed = raw_open(SOCK_STREAM, NULL, SIP_TCP);
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        struct sip_target to = { .proto = SIP_UDP, .ip = "127.0.0.1" };
        getsockname(silent, (struct sockaddr *)&sa, &len);
        to.port = ntohs(sa.sin_port);
        CHECK_E(E_TIMEOUT, a.port->call(a.port, NULL, request("OPTIONS"), &to, 300, &rs, &er));
        getsockname(closed, (struct sockaddr *)&sa, &len);
        to.port = ntohs(sa.sin_port);
        to.proto = SIP_TCP;
        CHECK_E(E_PEER_DOWN, a.port->call(a.port, NULL, request("OPTIONS"), &to, 5000, &rs, &er));
        to.proto = SIP_TLS;
        CHECK_E(E_PEER_DOWN, a.port->call(a.port, NULL, request("OPTIONS"), &to, 5000, &rs, &er));
        to.proto = SIP_WSS;
        CHECK_E(E_PEER_DOWN, a.port->call(a.port, NULL, request("OPTIONS"), &to, 5000, &rs, &er));
        to = at(&a, SIP_TCP); /* TLS towards somebody who does not speak it */
        to.proto = SIP_TLS;
        CHECK_E(E_PEER_DOWN, a.port->call(a.port, NULL, request("OPTIONS"), &to, 5000, &rs, &er));
        close(silent);
        close(closed);
        node_close(&a);
}

/* R-SA-99: the handler ran once, the answer came three times. RFC 3581: to where the request came from. */
static void test_retransmission_absorbed(void **state)
{
        (void)state;
        struct node b;
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        void *mem = talloc_new(NULL);
        int fd = raw_open(SOCK_DGRAM, &b, SIP_UDP);
        const char *text = raw_text(mem, "MESSAGE", "re1", ""), *first = NULL;
        for (int i = 0; i < 3; i++) {
                raw_send(fd, text);
                const char *got = raw_read(mem, fd, 1);
                if (first == NULL)
                        first = got;
                assert_string_equal(got, first);
        }
        assert_int_equal(strncmp(first, "SIP/2.0 202", 11), 0);
        assert_non_null(strstr(first, ";received=127.0.0.1;rport="));
        assert_int_equal(b.messages, 1);
        struct sip_net_stats s;
        sip_net_stats(b.net, &s);
        assert_int_equal(s.retransmissions, 2);
        close(fd);
        talloc_free(mem);
        node_close(&b);
}

struct lossy {
        int fd;
        char *first, *second;
        void *mem;
};

/* Loses the first datagram, answers the second. */
static void *lossy_peer(void *arg)
{
        struct lossy *l = arg;
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        struct sip_msg *rq = NULL;
        struct bytes out = { 0 };
        l->first = raw_read(l->mem, l->fd, 1);
        l->second = talloc_zero_size(l->mem, 65536);
        recvfrom(l->fd, l->second, 65535, 0, (struct sockaddr *)&sa, &len);
        CHECK_OK(sip_msg_parse(l->mem, bytes_str(l->second), &rq, NULL));
        CHECK_OK(sip_msg_print(l->mem, sip_response_new(l->mem, rq, 200, NULL), &out));
        sendto(l->fd, out.p, out.n, 0, (struct sockaddr *)&sa, len);
        return NULL;
}

static void test_loss_is_repaired(void **state)
{
        (void)state;
        struct node a;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        struct lossy l = { .fd = raw_open(SOCK_DGRAM, NULL, SIP_UDP), .mem = talloc_new(NULL) };
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        pthread_t thread;
        struct sip_msg *rs = NULL;
        getsockname(l.fd, (struct sockaddr *)&sa, &len);
        struct sip_target to = { .proto = SIP_UDP, .ip = "127.0.0.1", .port = ntohs(sa.sin_port) };
        assert_int_equal(pthread_create(&thread, NULL, lossy_peer, &l), 0);
        uint64_t start = clock_ms(&clock_system);
        enum ecode e = a.port->call(a.port, NULL, request("OPTIONS"), &to, 5000, &rs, NULL);
        pthread_join(thread, NULL);
        CHECK_OK(e);
        assert_int_equal(sip_status(rs), 200);
        assert_true(clock_ms(&clock_system) - start >= SIPTX_T1);
        assert_string_equal(l.first, l.second);
        talloc_free(rs);
        talloc_free(l.mem);
        close(l.fd);
        node_close(&a);
}

static void test_streams(void **state)
{
        (void)state;
        struct node b;
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        void *mem = talloc_new(NULL);
        int fd = raw_open(SOCK_STREAM, &b, SIP_TCP);
        raw_send(fd, "\r\n\r\n");
        assert_string_equal(raw_read(mem, fd, 2), "\r\n");
        const char *text = raw_text(mem, "MESSAGE", "s1", "Content-Length: 3\r\n");
        for (const char *p = text; *p != 0; p++) /* a slow sender */
                assert_int_equal(send(fd, p, 1, MSG_NOSIGNAL), 1);
        raw_send(fd, talloc_asprintf(mem, "abc%s", raw_text(mem, "MESSAGE", "s2", "l: 0\r\n")));
        char *got = raw_read(mem, fd, 1);
        while (strstr(got, "raw-s1") == NULL || strstr(got, "raw-s2") == NULL)
                got = talloc_asprintf(mem, "%s%s", got, raw_read(mem, fd, 1));
        assert_int_equal(b.messages, 2);

        raw_send(fd, raw_text(mem, "MESSAGE", "s3", "Content-Length: 0\r\nTo: <sip:again>\r\n"));
        assert_non_null(strstr(raw_read(mem, fd, 1), "SIP/2.0 400 "));
        char *newer = raw_text(mem, "MESSAGE", "s4", "Content-Length: 0\r\n");
        memcpy(strstr(newer, "SIP/2.0"), "SIP/3.0", 7);
        raw_send(fd, newer);
        assert_non_null(strstr(raw_read(mem, fd, 1), "SIP/2.0 505 "));
        raw_send(fd, raw_text(mem, "MESSAGE", "s5", "")); /* nobody knows where it ends */
        assert_non_null(strstr(raw_read(mem, fd, 1), "SIP/2.0 400 "));
        assert_string_equal(raw_read(mem, fd, 1), "");
        close(fd);
        talloc_free(mem);
        node_close(&b);
}

/* R-SA-128 */
static void test_too_long(void **state)
{
        (void)state;
        struct node b;
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        void *mem = talloc_new(NULL);
        int fd = raw_open(SOCK_STREAM, &b, SIP_TCP);
        raw_send(fd, raw_text(mem, "PUBLISH", "l1", "Content-Length: 65537\r\n"));
        assert_non_null(strstr(raw_read(mem, fd, 1), "SIP/2.0 413 "));
        assert_string_equal(raw_read(mem, fd, 1), "");
        close(fd);
        fd = raw_open(SOCK_STREAM, &b, SIP_TCP);
        char *junk = talloc_size(mem, SIP_MSG_MAX + 1);
        memset(junk, 'x', SIP_MSG_MAX + 1);
        send(fd, junk, SIP_MSG_MAX + 1, MSG_NOSIGNAL);
        assert_string_equal(raw_read(mem, fd, 1), ""); /* no headers, no answer */
        close(fd);
        talloc_free(mem);
        node_close(&b);
}

static void test_time_outs_and_limits(void **state)
{
        (void)state;
        struct node b;
        struct sip_net_stats s;
        node_open(
                &b, 1, ALL,
                (struct sip_net_conf){ .message_ms = 150, .handshake_ms = 150, .idle_ms = 400, .max_connections = 2 });
        void *mem = talloc_new(NULL);
        int half = raw_open(SOCK_STREAM, &b, SIP_TCP), mute = raw_open(SOCK_STREAM, &b, SIP_TLS);
        raw_send(half, "MESSAGE sip:b SIP/2.0\r\n");
        assert_string_equal(raw_read(mem, half, 1), "");
        assert_string_equal(raw_read(mem, mute, 1), "");
        sip_net_stats(b.net, &s);
        assert_int_equal(s.timeouts, 2);
        int one = raw_open(SOCK_STREAM, &b, SIP_TCP), two = raw_open(SOCK_STREAM, &b, SIP_TCP);
        int three = raw_open(SOCK_STREAM, &b, SIP_TCP);
        assert_string_equal(raw_read(mem, three, 1), "");
        raw_send(one, "\r\n\r\n");
        assert_string_equal(raw_read(mem, one, 2), "\r\n");
        assert_string_equal(raw_read(mem, two, 1), ""); /* idle */
        sip_net_stats(b.net, &s);
        assert_int_equal(s.turned_away, 1);
        close(half);
        close(mute);
        close(one);
        close(two);
        close(three);
        talloc_free(mem);
        node_close(&b);
}

/* --- INVITE
 * ----------------------------------------------------------------------------------------------------------- */

struct heard {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        int status[8];
        enum ecode why;
        unsigned n, finals;
        char to[128];
};

static void on_answer(void *arg, struct sip_msg *rs, enum ecode why)
{
        struct heard *h = arg;
        pthread_mutex_lock(&h->lock);
        h->status[h->n++ % 8] = rs != NULL ? sip_status(rs) : 0;
        h->why = why;
        if (rs == NULL || sip_status(rs) >= 200)
                h->finals++;
        if (rs != NULL)
                snprintf(h->to, sizeof h->to, "%s", sip_hdr(rs, "To"));
        pthread_cond_broadcast(&h->changed);
        pthread_mutex_unlock(&h->lock);
}

static void hear(struct heard *h, unsigned n)
{
        pthread_mutex_lock(&h->lock);
        while (h->n < n)
                pthread_cond_wait(&h->changed, &h->lock);
        pthread_mutex_unlock(&h->lock);
}

#define HEARD_INIT                                                                                                     \
        {                                                                                                              \
                .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                 \
        }

static struct sip_msg *follow_up(const struct sip_msg *invite, const char *method, const char *to)
{
        return sip_request_new(NULL, &(struct sip_request_in){ .method = method,
                                                               .uri = sip_ruri(invite),
                                                               .from = sip_hdr(invite, "From"),
                                                               .to = to,
                                                               .call_id = sip_call_id(invite),
                                                               .cseq = 1 });
}

static void test_invite(void **state)
{
        (void)state;
        struct node a, b;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        for (int proto = SIP_UDP; proto <= SIP_TLS; proto++) {
                struct sip_target to = at(&b, (enum sip_proto)proto);
                struct heard refused = HEARD_INIT, taken = HEARD_INIT, cancelled = HEARD_INIT, cancel = HEARD_INIT,
                             acked = HEARD_INIT;
                struct sip_msg *rq = request("INVITE");
                sip_hdr_add(rq, "X-Then", "486");
                CHECK_OK(a.port->send(a.port, rq, &to, 0, on_answer, &refused));
                hear(&refused, 2);
                assert_int_equal(refused.status[0], 180);
                assert_int_equal(refused.status[1], 486);

                rq = request("INVITE");
                sip_hdr_add(rq, "X-Then", "200");
                struct sip_msg *kept = sip_msg_copy(NULL, rq);
                CHECK_OK(a.port->send(a.port, rq, &to, 0, on_answer, &taken));
                hear(&taken, 2);
                assert_int_equal(taken.status[1], 200);
                CHECK_OK(a.port->send(a.port, follow_up(kept, "ACK", taken.to), &to, 0, on_answer, &acked));
                hear(&acked, 1);
                assert_int_equal(acked.why, E_OK);
                await(&b, &b.acks, (unsigned)proto + 1); /* of the 200 alone: that of the 486 stays below */
                talloc_free(kept);

                rq = request("INVITE");
                kept = sip_msg_copy(NULL, rq);
                CHECK_OK(a.port->send(a.port, rq, &to, 0, on_answer, &cancelled));
                hear(&cancelled, 1);
                await(&b, &b.invites, 3 * ((unsigned)proto + 1));
                CHECK_OK(a.port->send(a.port, follow_up(kept, "CANCEL", sip_hdr(kept, "To")), &to, 0, on_answer,
                                      &cancel));
                hear(&cancelled, 2);
                hear(&cancel, 1);
                assert_int_equal(cancel.status[0], 200);
                assert_int_equal(cancelled.status[1], 487);
                talloc_free(kept);
                assert_int_equal(b.acks, proto + 1);
        }
        void *mem = talloc_new(NULL);
        struct sip_msg *rs = NULL;
        struct sip_target to = at(&b, SIP_UDP);
        CHECK_OK(a.port->call(a.port, mem, request("CANCEL"), &to, 3000, &rs, NULL));
        assert_int_equal(sip_status(rs), 481);
        talloc_free(mem);
        node_close(&a);
        node_close(&b);
}

/* Over UDP the 200 of an INVITE comes again until its ACK was there. */
static void test_2xx_until_ack(void **state)
{
        (void)state;
        struct node b;
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        void *mem = talloc_new(NULL);
        int fd = raw_open(SOCK_DGRAM, &b, SIP_UDP);
        raw_send(fd, raw_text(mem, "INVITE", "i1", "X-Then: 200\r\n"));
        const char *first = raw_read(mem, fd, 1);
        while (strncmp(first, "SIP/2.0 200", 11) != 0)
                first = raw_read(mem, fd, 1);
        assert_string_equal(raw_read(mem, fd, 1), first);
        char *ack = raw_text(mem, "ACK", "i1", "");
        memcpy(strstr(ack, "z9hG4bKi1"), "z9hG4bKi2", 9); /* a transaction of its own */
        raw_send(fd, ack);
        await(&b, &b.acks, 1);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&p, 1, 1500), 0);
        close(fd);
        talloc_free(mem);
        node_close(&b);
}

/* --- overload and the end
 * ------------------------------------------------------------------------------------------------ */

static void test_busy(void **state)
{
        (void)state;
        struct node b;
        struct workers *one;
        CHECK_OK(workers_start("one", 1, 1, &one, NULL));
        node_open(&b, 1, ALL, (struct sip_net_conf){ .workers = one });
        void *mem = talloc_new(NULL);
        int fd = raw_open(SOCK_DGRAM, &b, SIP_UDP);
        raw_send(fd, raw_text(mem, "NOTIFY", "b1", ""));
        await(&b, &b.waiting, 1);
        raw_send(fd, raw_text(mem, "NOTIFY", "b2", "")); /* waits in the queue */
        raw_send(fd, raw_text(mem, "NOTIFY", "b3", ""));
        const char *got = raw_read(mem, fd, 1);
        assert_int_equal(strncmp(got, "SIP/2.0 503", 11), 0);
        assert_non_null(strstr(got, "raw-b3"));
        assert_non_null(strstr(got, "Retry-After: "));
        pthread_mutex_lock(&b.lock);
        b.gate = true;
        pthread_cond_broadcast(&b.changed);
        pthread_mutex_unlock(&b.lock);
        assert_int_equal(strncmp(raw_read(mem, fd, 1), "SIP/2.0 200", 11), 0);
        assert_int_equal(strncmp(raw_read(mem, fd, 1), "SIP/2.0 200", 11), 0);
        close(fd);
        talloc_free(mem);
        node_close(&b);
}

/* Whoever still waits is told, exactly once. */
static void test_close_tells(void **state)
{
        (void)state;
        struct node a, b;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        node_open(&b, 1, ALL, (struct sip_net_conf){ 0 });
        struct heard h = HEARD_INIT;
        for (int i = 0; i < 12; i++) {
                struct sip_target to = at(&b, (enum sip_proto)(i % 3));
                CHECK_OK(a.port->send(a.port, request("NOTIFY"), &to, 0, on_answer, &h));
        }
        await(&b, &b.waiting, 4);
        sip_net_stop(a.net);
        assert_int_equal(h.finals, 12);
        assert_int_equal(h.why, E_PEER_DOWN);
        struct sip_target to = at(&b, SIP_UDP);
        CHECK_E(E_PEER_DOWN, a.port->send(a.port, request("NOTIFY"), &to, 0, on_answer, &h));
        node_close(&a);
        pthread_mutex_lock(&b.lock);
        b.gate = true;
        pthread_cond_broadcast(&b.changed);
        pthread_mutex_unlock(&b.lock);
        node_close(&b);
}

/* A connection that breaks is told at once, not after 32 seconds. */
static void *hang_up(void *arg)
{
        char in[4096];
        int fd = accept(*(int *)arg, NULL, NULL);
        recv(fd, in, sizeof in, 0);
        close(fd);
        return NULL;
}

static void test_hang_up(void **state)
{
        (void)state;
        struct node a;
        struct sip_msg *rs = NULL;
        node_open(&a, 0, ALL, (struct sip_net_conf){ 0 });
        int fd = raw_open(SOCK_STREAM, NULL, SIP_TCP);
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        pthread_t thread;
        listen(fd, 1);
        getsockname(fd, (struct sockaddr *)&sa, &len);
        struct sip_target to = { .proto = SIP_TCP, .ip = "127.0.0.1", .port = ntohs(sa.sin_port) };
        assert_int_equal(pthread_create(&thread, NULL, hang_up, &fd), 0);
        CHECK_E(E_PEER_DOWN, a.port->call(a.port, NULL, request("OPTIONS"), &to, 20000, &rs, NULL));
        pthread_join(thread, NULL);
        close(fd);
        node_close(&a);
}

static int make_pki(void **state)
{
        (void)state;
        pki = pki_new("Test CA");
        pki_issue(&pki, "a", "node-a", "IP:127.0.0.1", 10);
        pki_issue(&pki, "b", "node-b", "IP:127.0.0.1", 10);
        for (int i = 0; i < 2; i++) {
                struct tls_client_conf cc = { .ca_file = pki_path(&pki, "ca.pem"),
                                              .cert_file = pki_path(&pki, i ? "b.pem" : "a.pem"),
                                              .key_file = pki_path(&pki, i ? "b.key" : "a.key") };
                CHECK_OK(tls_client_ctx(&cc, &client_tls[i], NULL));
        }
        return 0;
}

static int drop_pki(void **state)
{
        (void)state;
        SSL_CTX_free(client_tls[0]);
        SSL_CTX_free(client_tls[1]);
        pki_drop(&pki);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_transports),
                cmocka_unit_test(test_big_messages),
                cmocka_unit_test(test_nobody_there),
                cmocka_unit_test(test_retransmission_absorbed),
                cmocka_unit_test(test_loss_is_repaired),
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_time_outs_and_limits),
                cmocka_unit_test(test_invite),
                cmocka_unit_test(test_2xx_until_ack),
                cmocka_unit_test(test_busy),
                cmocka_unit_test(test_close_tells),
                cmocka_unit_test(test_hang_up),
        };
        return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
