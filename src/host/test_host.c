/* Deployments, processes and administration, with a toy role in real processes. */
#include "test/kit/check.h"

#include "base/env.h"
#include "host/admin.h"
#include "host/init.h"
#include "host/run_role.h"
#include "host/supervisor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* ---- the toy role ---- */

struct toy_conf {
        const char *word;
};

struct toy {
        const struct toy_conf *conf;
        int ticks;
};

static const struct conf_item toy_items[] = {
        CONF_STRING(struct toy_conf, word, "hello", "A word.", NULL),
        CONF_END,
};

static enum ecode toy_start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        (void)env;
        const struct toy_conf *c = conf;
        if (!strcmp(c->word, "broken"))
                return err_set(er, E_CONFIG, NULL, "broken");
        struct toy *t = talloc_zero(mem, struct toy);
        t->conf = c;
        *ret = t;
        return E_OK;
}

static void toy_tick(void *self)
{
        __atomic_add_fetch(&((struct toy *)self)->ticks, 1, __ATOMIC_RELAXED);
}

static void toy_stats(void *self, json_t *into)
{
        json_object_set_new(into, "ticks",
                            json_integer(__atomic_load_n(&((struct toy *)self)->ticks, __ATOMIC_RELAXED)));
}

static enum ecode toy_say(void *self, void *mem, json_t *in, json_t **out, struct err *er)
{
        (void)mem;
        if (json_is_true(json_object_get(in, "refuse")))
                return err_set(er, E_EXISTS, "R-SA-122", "said already");
        *out = json_pack("{s:s}", "word", ((struct toy *)self)->conf->word);
        return E_OK;
}

static const struct admin_cmd toy_admin[] = { { "say", toy_say }, { 0 } };
static const struct role_listener toy_listeners[] = { { 0 } };
static const struct role role_toy = {
        .name = "toy",
        .title = "toy",
        .conf = toy_items,
        .conf_size = sizeof(struct toy_conf),
        .listeners = toy_listeners,
        .admin = toy_admin,
        .start = toy_start,
        .tick = toy_tick,
        .stats = toy_stats,
};

/* This program started again by the supervisor: serve ROLE DIR. The name of the process decides; two of them run toy.
 */
static int serve(const char *name, const char *dir)
{
        struct deployment *d;
        struct err er;
        void *mem = talloc_new(NULL);
        struct role named = role_toy;
        named.name = name;
        struct role_row row = { .role = &named };
        enum ecode e = deployment_open(mem, dir, &d, &er);
        if (e == E_OK)
                e = run_role(d, &row, &er);
        talloc_free(mem);
        return e == E_OK ? 0 : 1;
}

static char **command(void *mem, const char *role, void *arg)
{
        char **argv = talloc_zero_array(mem, char *, 5);
        argv[0] = realpath("/proc/self/exe", NULL);
        argv[1] = talloc_strdup(mem, "serve");
        argv[2] = talloc_strdup(mem, role);
        argv[3] = talloc_strdup(mem, arg);
        return argv;
}

/* ---- a deployment in a temporary directory ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

struct place {
        void *mem;
        char *top, *dir;
};

static void put(const struct place *p, const char *name, const char *text, size_t n)
{
        FILE *f = fopen(talloc_asprintf(p->mem, "%s/%s", p->dir, name), "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        fclose(f);
}

static struct place place_new(const char *yaml)
{
        struct place p = { .mem = talloc_new(NULL) };
        struct err er;
        p.top = talloc_strdup(p.mem, "/tmp/muster-host-XXXXXX");
        assert_non_null(mkdtemp(p.top));
        /* longer than the address of a Unix socket: administration has to work there too */
        p.dir = talloc_asprintf(p.mem, "%s/%0120d", p.top, 7);
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        const struct init_options o = { p.dir, "127.0.77", "mc.example" };
        CHECK_OK(init_deployment(&env, &o, &er));
        put(&p, "keys/toy.seal", "01234567890123456789012345678901", 32);
        put(&p, "keys/two.seal", "01234567890123456789012345678901", 32);
        if (yaml != NULL)
                put(&p, "muster.yaml", yaml, strlen(yaml));
        return p;
}

static void place_free(struct place *p)
{
        nftw(p->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        talloc_free(p->mem);
}

/* ---- init ---- */

static mode_t mode_of(const struct place *p, const char *name)
{
        struct stat st;
        assert_int_equal(stat(talloc_asprintf(p->mem, "%s/%s", p->dir, name), &st), 0);
        return st.st_mode & 07777;
}

static void test_init(void **state)
{
        (void)state;
        struct place p = place_new(NULL);
        struct err er;
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        assert_int_equal(mode_of(&p, "."), 0700);
        assert_int_equal(mode_of(&p, "tls/ca.key"), 0600);
        assert_int_equal(mode_of(&p, "keys/log.key"), 0600);

        struct init_options o = { p.dir, "127.0.77", "mc.example" };
        CHECK_E(E_EXISTS, init_deployment(&env, &o, &er));
        struct deployment *d;
        struct conf_report rep = conf_report_on(p.mem, "muster.yaml");
        CHECK_OK(deployment_open(p.mem, p.dir, &d, &er));
        assert_string_equal(d->set.net, "127.0.77");
        assert_string_equal(d->set.ims_domain, "ims.mc.example");
        assert_int_equal(deployment_check(d, &rep), E_OK);

        o.dir = talloc_asprintf(p.mem, "%s/none/none", p.top);
        CHECK_E(E_IO, init_deployment(&env, &o, &er));
        o.dir = talloc_asprintf(p.mem, "%s/other", p.top);
        o.net = "127.0.1.1";
        CHECK_E(E_SYNTAX, init_deployment(&env, &o, &er));
        o.net = "127.0.1";
        o.domain = "mc..example";
        CHECK_E(E_SYNTAX, init_deployment(&env, &o, &er));
        place_free(&p);
}

/* A deployment of an older build gets what is missing, and keeps what it has. */
static void test_completion(void **state)
{
        (void)state;
        struct place p = place_new(NULL);
        struct err er;
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        struct deployment *d;
        struct stat before, after;
        size_t added = 99;
        CHECK_OK(deployment_open(p.mem, p.dir, &d, &er));
        CHECK_OK(init_complete(&env, &d->site, host_role_names(p.mem), &added, &er));
        assert_int_equal(added, 0);
        char *crt = deployment_path(p.mem, d, "tls/%s.crt", host_roles[0].role->name);
        char *kept = deployment_path(p.mem, d, "tls/%s.crt", host_roles[1].role->name);
        assert_int_equal(unlink(crt), 0);
        assert_int_equal(unlink(deployment_path(p.mem, d, "keys/%s.seal", host_roles[0].role->name)), 0);
        assert_int_equal(stat(kept, &before), 0);
        CHECK_OK(init_complete(&env, &d->site, host_role_names(p.mem), &added, &er));
        assert_int_equal(added, 1);
        assert_int_equal(access(crt, F_OK), 0);
        assert_int_equal(stat(kept, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        unlink(crt);
        unlink(deployment_path(p.mem, d, "tls/ca.key"));
        CHECK_E(E_IO, init_complete(&env, &d->site, host_role_names(p.mem), &added, &er));
        place_free(&p);
}

/* Without chance there are no keys, and then there is no deployment either: nothing is left behind. */
static void test_init_leaves_nothing(void **state)
{
        (void)state;
        char top[] = "/tmp/muster-host-XXXXXX";
        struct err er;
        assert_non_null(mkdtemp(top));
        struct rng_script none = rng_script_of((struct bytes){ 0 });
        const struct env env = { .clock = &clock_system, .rng = &none.base };
        char *dir = talloc_asprintf(NULL, "%s/demo", top);
        const struct init_options o = { dir, "127.0.77", "mc.example" };
        CHECK_E(E_CRYPTO, init_deployment(&env, &o, &er));
        assert_int_equal(rmdir(top), 0); /* it is empty */
        talloc_free(dir);
}

static X509 *read_crt(const struct place *p, const char *name)
{
        FILE *f = fopen(talloc_asprintf(p->mem, "%s/tls/%s.crt", p->dir, name), "r");
        assert_non_null(f);
        X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
        assert_non_null(x);
        return x;
}

/* Each role's certificate chains to the root for both directions of TLS, and names the addresses of the role. */
static void test_certificates(void **state)
{
        (void)state;
        struct place p = place_new(NULL);
        X509 *ca = read_crt(&p, "ca");
        X509_STORE *trust = X509_STORE_new();
        X509_STORE_add_cert(trust, ca);
        static const int purposes[] = { X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT };
        for (const struct role_row *r = host_roles; r->role != NULL; r++) {
                X509 *crt = read_crt(&p, r->role->name);
                for (size_t i = 0; i < COUNT(purposes); i++) {
                        X509_STORE_CTX *c = X509_STORE_CTX_new();
                        X509_STORE_CTX_init(c, trust, crt, NULL);
                        X509_STORE_CTX_set_purpose(c, purposes[i]);
                        assert_int_equal(X509_verify_cert(c), 1);
                        X509_STORE_CTX_free(c);
                }
                char *ip = talloc_asprintf(p.mem, "127.0.77.%u", r->address);
                assert_int_equal(X509_check_ip_asc(crt, ip, 0), 1);
                assert_int_equal(X509_check_ip_asc(crt, "127.0.78.1", 0), 0);
                char *name = talloc_asprintf(p.mem, "%s.mc.example", r->role->name);
                assert_int_equal(X509_check_host(crt, name, 0, 0, NULL), 1);
                X509_free(crt);
        }
        X509_STORE_free(trust);
        X509_free(ca);
        place_free(&p);
}

/* ---- processes ---- */

static void pause_ms(long ms)
{
        nanosleep(&(const struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static pid_t start_supervisor(const struct place *p, const char *const *roles)
{
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        const struct supervisor_conf c = {
                .roles = roles,
                .run_dir = talloc_asprintf(p->mem, "%s/run", p->dir),
                .command = command,
                .arg = p->dir,
                .first_delay_ms = 20,
                .most_delay_ms = 100,
                .stop_ms = 8000,
        };
        struct err er;
        _exit(supervise(&c, &er) == E_OK ? 0 : er.code == E_EXISTS ? 17 : 1);
}

/* The pid that answers for a role, once it is ready and not `old`; waited for up to 10 s. */
static pid_t ready_pid(const struct place *p, const char *role, pid_t old)
{
        for (int i = 0; i < 1000; i++) {
                json_t *o = NULL;
                pid_t pid = 0;
                if (admin_call(p->mem, p->dir, role, "status", NULL, 1000, &o, NULL) == E_OK &&
                    json_is_true(json_object_get(o, "ready")))
                        pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
                json_decref(o);
                if (pid != 0 && pid != old)
                        return pid;
                pause_ms(10);
        }
        fail_msg("%s did not become ready", role);
        return 0;
}

static int wait_status(pid_t pid)
{
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void wait_gone(pid_t pid)
{
        for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++) {
                waitpid(pid, NULL, WNOHANG); /* ours after its parent died, when we are the reaper */
                char path[64], state = 0;
                snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
                FILE *f = fopen(path, "r");
                if (f == NULL || fscanf(f, "%*d %*s %c", &state) != 1)
                        state = 'Z';
                if (f != NULL)
                        fclose(f);
                if (state == 'Z')
                        return; /* ended; who reaps it is not our matter */
                pause_ms(10);
        }
        if (kill(pid, 0) == 0)
                fail_msg("process %d lives on", (int)pid);
}

static const char *const two_roles[] = { "toy", "two", NULL };

static void test_restart_and_stop(void **state)
{
        (void)state;
        struct place p = place_new("deployment:\n  net: 127.0.77\n  log_level: error\n");
        pid_t s = start_supervisor(&p, two_roles);
        pid_t toy = ready_pid(&p, "toy", 0), two = ready_pid(&p, "two", 0);

        int second = wait_status(start_supervisor(&p, two_roles));
        assert_true(WIFEXITED(second) && WEXITSTATUS(second) == 17);

        for (int i = 0; i < 3; i++) {
                kill(toy, SIGKILL);
                pid_t fresh = ready_pid(&p, "toy", toy);
                assert_int_not_equal(fresh, toy);
                toy = fresh;
        }
        assert_int_equal(ready_pid(&p, "two", 0), two); /* the other one was not touched */

        kill(s, SIGTERM);
        int status = wait_status(s);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_not_equal(kill(toy, 0), 0);
        assert_int_not_equal(kill(two, 0), 0);
        json_t *o = NULL;
        struct err er;
        CHECK_E(E_PEER_DOWN, admin_call(p.mem, p.dir, "toy", "status", NULL, 1000, &o, &er));
        json_t *file = json_load_file(talloc_asprintf(p.mem, "%s/run/status.json", p.dir), 0, NULL);
        json_t *first = json_array_get(json_object_get(file, "roles"), 0);
        assert_string_equal(json_string_value(json_object_get(first, "state")), "ended");
        assert_int_equal(json_integer_value(json_object_get(first, "restarts")), 3);
        json_decref(file);
        place_free(&p);
}

static void test_children_end_with_the_supervisor(void **state)
{
        (void)state;
        struct place p = place_new("deployment:\n  net: 127.0.77\n  log_level: error\n");
        pid_t s = start_supervisor(&p, two_roles);
        pid_t toy = ready_pid(&p, "toy", 0), two = ready_pid(&p, "two", 0);
        kill(s, SIGKILL);
        wait_status(s);
        wait_gone(toy);
        wait_gone(two);
        place_free(&p);
}

/* A role that cannot start is tried again, and does not keep the others from working. */
static void test_broken_role(void **state)
{
        (void)state;
        struct place p = place_new(
                "deployment:\n  net: 127.0.77\n  log_level: error\n  log_format: text\ntwo:\n  word: broken\n");
        int null = open("/dev/null", O_WRONLY), keep = dup(STDERR_FILENO);
        dup2(null, STDERR_FILENO);
        pid_t s = start_supervisor(&p, two_roles);
        dup2(keep, STDERR_FILENO);
        close(keep);
        close(null);
        ready_pid(&p, "toy", 0);
        json_int_t restarts = 0;
        for (int i = 0; i < 1000 && restarts < 2; i++) {
                json_t *file = json_load_file(talloc_asprintf(p.mem, "%s/run/status.json", p.dir), 0, NULL);
                json_t *two = json_array_get(json_object_get(file, "roles"), 1);
                restarts = json_integer_value(json_object_get(two, "restarts"));
                json_decref(file);
                pause_ms(10);
        }
        assert_true(restarts >= 2);
        kill(s, SIGTERM);
        assert_int_equal(wait_status(s), 0);
        place_free(&p);
}

/* ---- administration and monitor ---- */

static char *fetch(void *mem, unsigned port, const char *request)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        inet_pton(AF_INET, "127.0.77.200", &a.sin_addr);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
        struct buf b = buf_on(mem);
        char chunk[4096];
        for (ssize_t n; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;)
                buf_put(&b, bytes_of(chunk, (size_t)n));
        close(fd);
        return buf_str(&b);
}

static unsigned roles_before_end(void)
{
        unsigned n = 0;
        while (host_roles[n].role != NULL)
                n++;
        return n; /* the toy role is on no list: it gets the port behind the last */
}

static void check_admin(const struct place *p)
{
        json_t *o = NULL, *args = json_pack("{s:b}", "refuse", 1);
        struct err er;
        CHECK_OK(admin_call(p->mem, p->dir, "toy", "say", NULL, 1000, &o, &er));
        assert_string_equal(json_string_value(json_object_get(o, "word")), "hello");
        json_decref(o);
        CHECK_E(E_EXISTS, admin_call(p->mem, p->dir, "toy", "say", args, 1000, &o, &er));
        assert_string_equal(er.req, "R-SA-122");
        assert_non_null(strstr(er.text, "said already"));
        json_decref(args);
        CHECK_E(E_UNSUPPORTED, admin_call(p->mem, p->dir, "toy", "dance", NULL, 1000, &o, &er));
        CHECK_OK(admin_call(p->mem, p->dir, "toy", "commands", NULL, 1000, &o, &er));
        assert_int_equal(json_array_size(json_object_get(o, "commands")), 7);
        json_decref(o);
        args = json_pack("{s:s}", "level", "loud");
        CHECK_E(E_RANGE, admin_call(p->mem, p->dir, "toy", "log-level", args, 1000, &o, &er));
        json_object_set_new(args, "level", json_string("error"));
        CHECK_OK(admin_call(p->mem, p->dir, "toy", "log-level", args, 1000, &o, &er));
        json_decref(o);
        json_decref(args);
        CHECK_OK(admin_call(p->mem, p->dir, "toy", "reload", NULL, 1000, &o, &er));
        json_decref(o);
}

static void check_ticks(const struct place *p)
{
        json_int_t ticks = 0;
        for (int i = 0; i < 400 && ticks < 2; i++) {
                json_t *o = NULL;
                struct err er;
                CHECK_OK(admin_call(p->mem, p->dir, "toy", "stats", NULL, 1000, &o, &er));
                ticks = json_integer_value(json_object_get(json_object_get(o, "role"), "ticks"));
                json_decref(o);
                pause_ms(10);
        }
        assert_true(ticks >= 2);
}

static void test_admin_and_monitor(void **state)
{
        (void)state;
        unsigned port = 39170;
        void *mem = talloc_new(NULL);
        struct place p = place_new(talloc_asprintf(
                mem, "deployment:\n  net: 127.0.77\n  log_level: error\n  monitor: 127.0.77.200:%u\n", port));
        static const char *const one[] = { "toy", NULL };
        pid_t s = start_supervisor(&p, one);
        ready_pid(&p, "toy", 0);
        check_admin(&p);
        check_ticks(&p);
        port += roles_before_end();
        const char *metrics = fetch(mem, port, "GET /metrics HTTP/1.0\r\n\r\n");
        assert_non_null(strstr(metrics, "200 OK"));
        assert_non_null(strstr(metrics, "muster_ready{role=\"toy\"} 1\n"));
        assert_non_null(strstr(metrics, "muster_toy_ticks{role=\"toy\"} "));
        assert_non_null(strstr(fetch(mem, port, "GET /ready HTTP/1.0\r\n\r\n"), "200 OK"));
        assert_non_null(strstr(fetch(mem, port, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), "\"ready\":true"));
        assert_non_null(strstr(fetch(mem, port, "GET / HTTP/1.0\r\n\r\n"), "404 Not Found"));
        kill(s, SIGTERM);
        assert_int_equal(wait_status(s), 0);
        talloc_free(mem);
        place_free(&p);
}

int main(int argc, char **argv)
{
        if (argc == 4 && !strcmp(argv[1], "serve"))
                return serve(argv[2], argv[3]);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init),
                cmocka_unit_test(test_completion),
                cmocka_unit_test(test_init_leaves_nothing),
                cmocka_unit_test(test_certificates),
                cmocka_unit_test(test_restart_and_stop),
                cmocka_unit_test(test_children_end_with_the_supervisor),
                cmocka_unit_test(test_broken_role),
                cmocka_unit_test(test_admin_and_monitor),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
