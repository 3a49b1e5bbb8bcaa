/* Cx between real processes: freeDiameter holds one instance per process, so each side is forked before it starts. */
#include "adapter/diameter/cx_fd.h"
#include "test/kit/check.h"
#include "test/kit/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IMPI   "alice.impi@ims.test"
#define IMPU   "sip:alice@ims.test"
#define SCSCF  "sip:scscf.ims.test:6060"
#define HA1    "5feb400124bba7e9638be25925a18b4b"
#define RESYNC "0123456789abcdef0123456789abcd"

static char dir[64];
static char address[2][32]; /* server's "ip:port" without and with TLS */
static char ip[24];

/* In a forked process a failed check ends it; the parent sees the status. */
#define MUST(c)                                                                                                        \
        do {                                                                                                           \
                if (!(c)) {                                                                                            \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);                                        \
                        _exit(1);                                                                                      \
                }                                                                                                      \
        } while (0)

/* ---- the server's side ---- */

static void on_uar(void *role, void *mem, const char *from, const struct cx_uar *rq, struct cx_uaa *ret)
{
        (void)mem;
        MUST(role == (void *)dir);
        ret->result = CX_ERROR_USER_UNKNOWN;
        if (strcmp(rq->impi, IMPI) != 0)
                return;
        MUST(!strcmp(rq->impu, IMPU) && !strcmp(rq->visited_network, "visited.test"));
        MUST(!strcmp(from, "icscf.ims.test"));
        ret->result = rq->type == 1 ? CX_SUCCESS : CX_FIRST_REGISTRATION;
        ret->server_name = rq->type == 1 ? SCSCF : NULL;
}

static void on_mar(void *role, void *mem, const char *from, const struct cx_mar *rq, struct cx_maa *ret)
{
        (void)role, (void)from, (void)mem;
        static uint8_t keys[2][5][16];
        if (!strcmp(rq->impi, "slow@ims.test")) {
                struct timespec t = { .tv_sec = 2 };
                nanosleep(&t, NULL);
        }
        ret->result = CX_SUCCESS;
        ret->items_n = rq->scheme == CX_AKA ? rq->count : 1;
        if (rq->scheme == CX_DIGEST)
                ret->items[0] = (struct cx_auth_item){ .scheme = CX_DIGEST,
                                                       .realm = "ims.test",
                                                       .ha1 = talloc_strdup(mem, HA1) };
        for (size_t i = 0; rq->scheme == CX_AKA && i < ret->items_n; i++) {
                for (int k = 0; k < 5; k++)
                        memset(keys[i][k], (int)(16 * i) + k, 16);
                if (rq->resync.n == 30)
                        memcpy(keys[i][0], rq->resync.p + 14, 16);
                ret->items[i] = (struct cx_auth_item){
                        .scheme = CX_AKA,
                        .rand = bytes_of(keys[i][0], 16),
                        .autn = bytes_of(keys[i][1], 16),
                        .xres = bytes_of(keys[i][2], 8),
                        .ck = bytes_of(keys[i][3], 16),
                        .ik = bytes_of(keys[i][4], 16),
                };
        }
}

static void on_sar(void *role, void *mem, const char *from, const struct cx_sar *rq, struct cx_saa *ret)
{
        (void)role, (void)from;
        MUST(!strcmp(rq->server_name, SCSCF));
        ret->result = CX_SUCCESS;
        ret->user_data =
                talloc_asprintf(mem, "<IMSSubscription>%s %s %d %d</IMSSubscription>", rq->impi ? rq->impi : "-",
                                rq->impu ? rq->impu : "-", (int)rq->type, rq->user_data_already_available);
}

static const struct cx_server ops = { on_uar, on_mar, on_sar };

static struct cx_fd_place place_of(const char *name)
{
        static char sub[128], cert[128], key[128], ca[128];
        snprintf(sub, sizeof sub, "%s/%d", dir, (int)getpid());
        mkdir(sub, 0700);
        snprintf(cert, sizeof cert, "%s/%s.crt", dir, name);
        snprintf(key, sizeof key, "%s/%s.key", dir, name);
        snprintf(ca, sizeof ca, "%s/ca.crt", dir);
        return (struct cx_fd_place){ log_mem(), sub, cert, key, ca, 4 };
}

static int fork_child(void)
{
        fflush(NULL);
        int pid = fork();
        if (pid == 0)
                prctl(PR_SET_PDEATHSIG, SIGKILL);
        return pid;
}

/* Returns the process once its port is bound. */
static int server_start(bool plain)
{
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        int pid = fork_child();
        if (pid == 0) {
                static const char *peers[] = { "icscf.ims.test", "scscf.ims.test" };
                struct cx_conf conf = { .identity = "hss.ims.test",
                                        .realm = "ims.test",
                                        .plain = plain,
                                        .listen = address[0],
                                        .tls_port = 5868,
                                        .peers = { peers, COUNT(peers) } };
                struct cx_fd_place place = place_of("hss.ims.test");
                struct err er = { 0 };
                sigset_t term;
                int sig;
                sigemptyset(&term);
                sigaddset(&term, SIGTERM);
                sigprocmask(SIG_BLOCK, &term, NULL);
                enum ecode e = cx_fd_start_server(&conf, &place, &ops, dir, &er);
                if (e != E_OK)
                        fprintf(stderr, "server: %s %s\n", ecode_name(e), er.text);
                MUST(e == E_OK && write(ready[1], "r", 1) == 1);
                sigwait(&term, &sig);
                cx_fd_stop();
                _exit(0);
        }
        close(ready[1]);
        char c = 0;
        ssize_t n = read(ready[0], &c, 1);
        close(ready[0]);
        if (n != 1)
                fail_msg("the server did not start");
        return pid;
}

static void server_end(int pid, int sig)
{
        int st = 0;
        kill(pid, sig);
        assert_int_equal(waitpid(pid, &st, 0), pid);
        if (sig == SIGTERM && st != 0)
                fail_msg("the server ended with %d", st);
}

/* ---- the client's side ---- */

static struct cx_client *client_start(const char *identity, const char *hss, bool plain)
{
        static struct cx_conf conf;
        conf = (struct cx_conf){ .identity = identity,
                                 .realm = "ims.test",
                                 .plain = plain,
                                 .hss = hss,
                                 .hss_address = address[!plain],
                                 .address = ip,
                                 .timeout_s = 1 };
        static struct cx_fd_place place;
        place = place_of(identity);
        struct cx_client *cx = NULL;
        struct err er = { 0 };
        enum ecode e = cx_fd_start_client(&conf, &place, &cx, &er);
        if (e != E_OK)
                fprintf(stderr, "client: %s %s\n", ecode_name(e), er.text);
        MUST(e == E_OK && cx != NULL);
        return cx;
}

static bool connected_within(int seconds)
{
        struct timespec step = { .tv_nsec = 20000000 };
        for (int i = 0; i < seconds * 50; i++) {
                if (cx_fd_connected())
                        return true;
                nanosleep(&step, NULL);
        }
        return false;
}

static void ask_uar(struct cx_client *cx, void *mem)
{
        struct err er = { 0 };
        struct cx_uaa a = { 0 };
        struct cx_uar q = { .impi = IMPI, .impu = IMPU, .visited_network = "visited.test" };
        MUST(cx->uar(cx, mem, &q, &a, &er) == E_OK && a.result == CX_FIRST_REGISTRATION && a.server_name == NULL);
        q.type = 1;
        MUST(cx->uar(cx, mem, &q, &a, &er) == E_OK && a.result == CX_SUCCESS && !strcmp(a.server_name, SCSCF));
        q.impi = "nobody@ims.test";
        MUST(cx->uar(cx, mem, &q, &a, &er) == E_OK && a.result == CX_ERROR_USER_UNKNOWN);
}

static void ask_mar(struct cx_client *cx, void *mem)
{
        struct err er = { 0 };
        struct cx_maa a = { 0 };
        struct cx_mar q = { .impi = IMPI, .impu = IMPU, .server_name = SCSCF, .scheme = CX_AKA, .count = 2 };
        MUST(cx->mar(cx, mem, &q, &a, &er) == E_OK && a.result == CX_SUCCESS && a.items_n == 2);
        MUST(a.items[1].scheme == CX_AKA && a.items[1].xres.n == 8 && a.items[1].ik.n == 16);
        MUST(a.items[0].rand.p[0] == 0 && a.items[0].autn.p[15] == 1 && a.items[1].xres.p[0] == 16 + 2);
        MUST(a.items[1].ck.p[3] == 16 + 3 && a.items[1].ik.p[15] == 16 + 4);
        q.resync = BYTES_LIT(RESYNC);
        MUST(cx->mar(cx, mem, &q, &a, &er) == E_OK && !memcmp(a.items[0].rand.p, &RESYNC[14], 16));
        q.resync = (struct bytes){ 0 };
        q.scheme = CX_DIGEST;
        q.count = 1;
        MUST(cx->mar(cx, mem, &q, &a, &er) == E_OK && a.items_n == 1 && a.items[0].scheme == CX_DIGEST);
        MUST(!strcmp(a.items[0].ha1, HA1) && !strcmp(a.items[0].realm, "ims.test"));
}

static void ask_sar(struct cx_client *cx, void *mem)
{
        struct err er = { 0 };
        struct cx_saa a = { 0 };
        struct cx_sar q = { .impi = IMPI, .impu = IMPU, .server_name = SCSCF, .type = CX_REGISTRATION };
        MUST(cx->sar(cx, mem, &q, &a, &er) == E_OK && a.result == CX_SUCCESS);
        MUST(!strcmp(a.user_data, "<IMSSubscription>" IMPI " " IMPU " 1 0</IMSSubscription>"));
        q = (struct cx_sar){ .impu = IMPU, .server_name = SCSCF, .type = CX_AUTHENTICATION_TIMEOUT };
        q.user_data_already_available = true;
        MUST(cx->sar(cx, mem, &q, &a, &er) == E_OK);
        MUST(!strcmp(a.user_data, "<IMSSubscription>- " IMPU " 10 1</IMSSubscription>"));
}

static void run_child(void (*fn)(void))
{
        int pid = fork_child();
        if (pid == 0) {
                fn();
                _exit(0);
        }
        int st = 0;
        assert_int_equal(waitpid(pid, &st, 0), pid);
        if (st != 0)
                fail_msg("the client ended with status %x", (unsigned)st);
}

static void round_trips(bool plain)
{
        struct cx_client *cx = client_start("icscf.ims.test", "hss.ims.test", plain);
        void *mem = talloc_new(NULL);
        MUST(connected_within(10));
        ask_uar(cx, mem);
        ask_mar(cx, mem);
        ask_sar(cx, mem);
        cx_fd_stop();
        talloc_free(mem);
}

static void round_trips_tls(void)
{
        round_trips(false);
}

static void round_trips_plain(void)
{
        round_trips(true);
}

/* R-SA-3, R-SA-6, R-SA-10: what these need crosses Cx unharmed, over TLS. */
static void uar_mar_sar_over_tls(void **state)
{
        (void)state;
        int server = server_start(false);
        run_child(round_trips_tls);
        server_end(server, SIGTERM);
}

static void uar_mar_sar_plain(void **state)
{
        (void)state;
        int server = server_start(true);
        run_child(round_trips_plain);
        server_end(server, SIGTERM);
}

/* Not connected, slow, wrong server: each is "could not ask". */
static void child_no_server(void)
{
        struct cx_client *cx = client_start("icscf.ims.test", "hss.ims.test", false);
        struct err er = { 0 };
        struct cx_uaa a = { 0 };
        MUST(cx->uar(cx, NULL, &(struct cx_uar){ .impi = IMPI, .impu = IMPU }, &a, &er) == E_PEER_DOWN);
        MUST(a.result == 0 && strstr(er.text, "hss.ims.test") != NULL);
}

static void child_slow(void)
{
        struct cx_client *cx = client_start("scscf.ims.test", "hss.ims.test", false);
        struct cx_mar q = { .impi = "slow@ims.test", .impu = IMPU, .server_name = SCSCF, .count = 1 };
        struct cx_maa a = { 0 };
        struct err er = { 0 };
        MUST(connected_within(10));
        MUST(cx->mar(cx, NULL, &q, &a, &er) == E_TIMEOUT && a.result == 0);
        struct timespec t = { .tv_sec = 2 };
        nanosleep(&t, NULL); /* the late answer comes to nobody */
        MUST(cx_fd_connected());
}

static void child_wrong_name(void)
{
        client_start("icscf.ims.test", "hss2.ims.test", false);
        MUST(!connected_within(3));
}

static void nobody_answers(void **state)
{
        (void)state;
        run_child(child_no_server);
        int server = server_start(false);
        run_child(child_slow);
        run_child(child_wrong_name); /* the certificate names hss.ims.test */
        server_end(server, SIGTERM);
}

static void child_stranger(void)
{
        struct cx_client *cx = client_start("stranger.ims.test", "hss.ims.test", false);
        struct err er = { 0 };
        struct cx_uaa a = { 0 };
        MUST(!connected_within(3));
        MUST(cx->uar(cx, NULL, &(struct cx_uar){ .impi = IMPI, .impu = IMPU }, &a, &er) == E_PEER_DOWN);
}

/* ---- somebody who speaks Diameter by hand ---- */

static void put_avp(struct buf *b, uint32_t code, struct bytes v)
{
        uint32_t n = (uint32_t)v.n + 8;
        uint8_t h[8] = { 0, 0, (uint8_t)(code >> 8), (uint8_t)code, 0x40, 0, (uint8_t)(n >> 8), (uint8_t)n };
        static const uint8_t pad[3];
        buf_put(b, BYTES_ARR(h));
        buf_put(b, v);
        buf_put(b, bytes_of(pad, (4 - n % 4) % 4));
}

/* A Capabilities-Exchange-Request (RFC 6733 clause 5.3.1) that offers Cx. */
static struct bytes cer(void *mem, const char *origin)
{
        struct buf b = buf_on(mem);
        uint8_t h[20] = { 1, 0, 0, 0, 0x80, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 };
        buf_put(&b, BYTES_ARR(h));
        put_avp(&b, 264, bytes_str(origin));
        put_avp(&b, 296, bytes_str("ims.test"));
        put_avp(&b, 257, BYTES_LIT("\0\1\177\0\0\1"));
        put_avp(&b, 266, BYTES_LIT("\0\0\0\0"));
        put_avp(&b, 269, BYTES_LIT("by hand"));
        put_avp(&b, 258, BYTES_LIT("\1\0\0\0")); /* Auth-Application-Id 16777216 */
        b.p[2] = (uint8_t)(b.n >> 8);
        b.p[3] = (uint8_t)b.n;
        return buf_bytes(&b);
}

static bool listens(const char *to_ip, uint16_t port)
{
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
        inet_pton(AF_INET, to_ip, &sa.sin_addr);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool open = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
        close(fd);
        return open;
}

static int connect_to(const char *to_ip, uint16_t port)
{
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
        inet_pton(AF_INET, to_ip, &sa.sin_addr);
        int fd = -1;
        for (int i = 0; i < 100; i++) {
                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
                        return fd;
                close(fd);
                nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        }
        fail_msg("cannot connect to %s:%u: %s", to_ip, port, strerror(errno));
        return -1;
}

/* The Result-Code that a CER with this Origin-Host gets under that certificate; 0: none. *stay: the connection, left
 * open. */
static uint32_t knock_and(const char *cert_name, const char *origin, SSL **stay)
{
        char cert[128], key[128];
        uint8_t in[2048];
        uint32_t result = 0;
        void *mem = talloc_new(NULL);
        snprintf(cert, sizeof cert, "%s/%s.crt", dir, cert_name);
        snprintf(key, sizeof key, "%s/%s.key", dir, cert_name);
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        if (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
                fail_msg("certificate of %s", cert_name);
        SSL *ssl = SSL_new(ctx);
        int fd = connect_to(ip, 5868);
        SSL_set_fd(ssl, fd);
        struct bytes rq = cer(mem, origin);
        int n = 0;
        if (SSL_connect(ssl) == 1 && SSL_write(ssl, rq.p, (int)rq.n) == (int)rq.n)
                n = SSL_read(ssl, in, sizeof in);
        for (int at = 20; at + 12 <= n;) {
                uint32_t code = (uint32_t)in[at + 2] << 8 | in[at + 3], len = (uint32_t)in[at + 6] << 8 | in[at + 7];
                if (code == 268)
                        result = (uint32_t)in[at + 10] << 8 | in[at + 11];
                at += (int)((len + 3) & ~3u);
                if (len < 8)
                        break;
        }
        SSL_CTX_free(ctx);
        talloc_free(mem);
        if (stay != NULL) {
                *stay = ssl;
        } else {
                SSL_free(ssl);
                close(fd);
        }
        return result;
}

static uint32_t knock(const char *cert_name, const char *origin)
{
        return knock_and(cert_name, origin, NULL);
}

#define DIAMETER_SUCCESS      2001u
#define DIAMETER_UNKNOWN_PEER 3010u

static void only_listed_peers_connect(void **state)
{
        (void)state;
        int server = server_start(false);
        run_child(child_stranger);
        assert_int_equal(knock("scscf.ims.test", "scscf.ims.test"), DIAMETER_SUCCESS);
        assert_int_equal(knock("stranger.ims.test", "stranger.ims.test"), DIAMETER_UNKNOWN_PEER);
        /* A certificate of the deployment is not enough to be somebody else of it, neither before nor after that one
         * was there. */
        assert_int_equal(knock("stranger.ims.test", "icscf.ims.test"), DIAMETER_UNKNOWN_PEER);
        assert_int_equal(knock("scscf.ims.test", "icscf.ims.test"), DIAMETER_UNKNOWN_PEER);
        assert_int_not_equal(knock("stranger.ims.test", "scscf.ims.test"), DIAMETER_SUCCESS);
        assert_int_equal(knock("foreign/scscf.ims.test", "scscf.ims.test"), 0);
        server_end(server, SIGTERM);
}

/* Who was refused and does not hang up does not keep the identity that he claimed. */
static void refused_peers_block_nobody(void **state)
{
        (void)state;
        SSL *stay[3] = { 0 };
        int server = server_start(false);
        for (size_t i = 0; i < COUNT(stay); i++)
                assert_int_not_equal(knock_and("stranger.ims.test", "icscf.ims.test", &stay[i]), DIAMETER_SUCCESS);
        run_child(round_trips_tls);
        for (size_t i = 0; i < COUNT(stay); i++) {
                int fd = SSL_get_fd(stay[i]);
                SSL_free(stay[i]);
                close(fd);
        }
        server_end(server, SIGTERM);
}

static void listens_where_it_is_told(void **state)
{
        (void)state;
        int server = server_start(false);
        int fd = connect_to(ip, 5868);
        close(fd);
        assert_false(listens("127.0.0.1", 5868));
        assert_false(listens(ip, 3868)); /* without TLS only when plain */
        server_end(server, SIGTERM);
}

static int back_and_forth[2][2]; /* parent to child, child to parent */

static void child_sees_restart(void)
{
        struct cx_client *cx = client_start("icscf.ims.test", "hss.ims.test", false);
        struct cx_uar q = { .impi = IMPI, .impu = IMPU, .visited_network = "visited.test" };
        struct cx_uaa a = { 0 };
        struct err er = { 0 };
        char c;
        MUST(connected_within(10) && cx->uar(cx, NULL, &q, &a, &er) == E_OK);
        MUST(write(back_and_forth[1][1], "1", 1) == 1 && read(back_and_forth[0][0], &c, 1) == 1);
        enum ecode e = cx->uar(cx, NULL, &q, &a, &er);
        MUST(e == E_PEER_DOWN || e == E_TIMEOUT);
        MUST(write(back_and_forth[1][1], "2", 1) == 1 && read(back_and_forth[0][0], &c, 1) == 1);
        MUST(connected_within(20));
        MUST(cx->uar(cx, NULL, &q, &a, &er) == E_OK && a.result == CX_FIRST_REGISTRATION);
}

static void server_killed_and_back(void **state)
{
        (void)state;
        char c;
        assert_int_equal(pipe(back_and_forth[0]) | pipe(back_and_forth[1]), 0);
        int server = server_start(false), client = fork_child();
        if (client == 0) {
                child_sees_restart();
                _exit(0);
        }
        close(back_and_forth[1][1]);
        assert_int_equal(read(back_and_forth[1][0], &c, 1), 1);
        server_end(server, SIGKILL);
        assert_int_equal(write(back_and_forth[0][1], "1", 1), 1);
        assert_int_equal(read(back_and_forth[1][0], &c, 1), 1);
        server = server_start(false);
        assert_int_equal(write(back_and_forth[0][1], "2", 1), 1);
        int st = 0;
        assert_int_equal(waitpid(client, &st, 0), client);
        assert_int_equal(st, 0);
        server_end(server, SIGTERM);
}

static void child_bad_settings(void)
{
        struct cx_conf conf = { .identity = "hss.ims.test", .realm = "ims.test", .listen = "nowhere", .tls_port = 1 };
        struct cx_fd_place place = place_of("hss.ims.test");
        struct err er = { 0 };
        MUST(cx_fd_start_server(&conf, &place, &ops, dir, &er) == E_CONFIG && strstr(er.text, "nowhere") != NULL);
        MUST(cx_fd_start_server(&conf, &place, &ops, dir, &er) == E_EXISTS);
        cx_fd_stop();
}

static void child_missing_key(void)
{
        struct cx_conf conf = { .identity = "hss.ims.test", .realm = "ims.test", .listen = address[0], .tls_port = 1 };
        struct cx_fd_place place = place_of("hss.ims.test");
        struct err er = { 0 };
        place.key_file = "/nonexistent/key";
        MUST(cx_fd_start_server(&conf, &place, &ops, dir, &er) == E_CONFIG && strstr(er.text, "nonexistent") != NULL);
}

static void child_gives_up(void)
{
        sigset_t term;
        int sig = 0;
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, NULL);
        client_start("icscf.ims.test", "hss.ims.test", false);
        MUST(fd_core_shutdown() == 0); /* as freeDiameter does after an error that it cannot repair */
        MUST(sigwait(&term, &sig) == 0 && sig == SIGTERM && !cx_fd_connected());
        cx_fd_stop();
}

static void process_ends_with_diameter(void **state)
{
        (void)state;
        run_child(child_gives_up);
}

static void settings_are_checked(void **state)
{
        (void)state;
        run_child(child_bad_settings);
        run_child(child_missing_key);
}

static int setup(void **state)
{
        (void)state;
        static const char *const names[] = { "hss.ims.test", "icscf.ims.test", "scscf.ims.test", "stranger.ims.test" };
        char sub[80];
        snprintf(dir, sizeof dir, "/tmp/muster-cx-XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        int pid = (int)getpid();
        snprintf(ip, sizeof ip, "127.%d.%d.%d", 100 + (pid >> 16) % 100, pid >> 8 & 255, pid & 255 ? pid & 255 : 1);
        snprintf(address[0], sizeof address[0], "%s:3868", ip);
        snprintf(address[1], sizeof address[1], "%s:5868", ip);
        snprintf(sub, sizeof sub, "%s/foreign", dir);
        return mkdir(sub, 0700) | pki_make(dir, names, COUNT(names)) | pki_make(sub, names, COUNT(names));
}

static int teardown(void **state)
{
        (void)state;
        char cmd[128];
        snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
        return system(cmd);
}

int main(void)
{
        signal(SIGPIPE, SIG_IGN); /* servers hang up on strangers */
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(settings_are_checked),       cmocka_unit_test(uar_mar_sar_over_tls),
                cmocka_unit_test(uar_mar_sar_plain),          cmocka_unit_test(nobody_answers),
                cmocka_unit_test(only_listed_peers_connect),  cmocka_unit_test(server_killed_and_back),
                cmocka_unit_test(listens_where_it_is_told),   cmocka_unit_test(process_ends_with_diameter),
                cmocka_unit_test(refused_peers_block_nobody),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
