/* demo: a deployment from nothing, every function started, the demo users provisioned, alice signed on, the ladder
 * drawn, and then left running until Ctrl-C. */
#include "base/env.h"
#include "cli/cli_util.h"
#include "cli/cmd_ue.h"
#include "cli/command.h"
#include "host/admin.h"
#include "host/init.h"
#include "host/ladder.h"
#include "host/provision.h"
#include "host/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

enum { READY_S = 60, CALL_MS = 20000 };

static const struct {
        const char *user, *name;
} people[] = { { "alice", "Alice, crew 7" }, { "bob", "Bob, crew 7" }, { "carol", "Carol, dispatch" } };

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int sig)
{
        (void)sig;
        asked_to_stop = 1;
}

static enum ecode make_deployment(struct cli *c, struct err *er)
{
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        const char *dir = c->dir != NULL ? c->dir : "muster-demo", *net = cli_opt(c, "net");
        struct stat st;
        if (stat(talloc_asprintf(c->mem, "%s/muster.yaml", dir), &st) == 0)
                return E_OK;
        struct init_options o = { .dir = dir, .net = net != NULL ? net : "127.0.1", .domain = "mc.example" };
        enum ecode e = init_deployment(&env, &o, er);
        if (e == E_OK)
                printf("made a deployment in %s: configuration, certificates, keys\n", dir);
        return e;
}

/* --- the functions, as a supervisor in a process of its own --- */

static enum ecode start_all(struct cli *c, struct deployment *d, pid_t *ret, struct err *er)
{
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n <= 0)
                return err_set(er, E_IO, NULL, "cannot find the program file: %s", strerror(errno));
        self[n] = 0;
        const char *log = deployment_path(c->mem, d, "log/serve.log");
        pid_t pid = fork();
        if (pid < 0)
                return err_set(er, E_IO, NULL, "cannot start a process: %s", strerror(errno));
        if (pid == 0) {
                /* Ctrl-C on the terminal is for us: we stop the functions in order. */
                setpgid(0, 0);
                int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0640);
                if (fd >= 0) {
                        dup2(fd, 1);
                        dup2(fd, 2);
                }
                execl(self, self, "serve", "--dir", d->site.dir, (char *)NULL);
                _exit(127);
        }
        *ret = pid;
        return E_OK;
}

static bool is_ready(struct cli *c, struct deployment *d, const char *role)
{
        json_t *status = NULL, *stats = NULL;
        bool ready = admin_call(c->mem, d->site.dir, role, "status", NULL, 1000, &status, NULL) == E_OK &&
                     json_is_true(json_object_get(status, "ready")) &&
                     admin_call(c->mem, d->site.dir, role, "stats", NULL, 1000, &stats, NULL) == E_OK &&
                     /* what would answer "could not ask" for the next second or two is not ready to be shown */
                     !json_is_false(json_object_get(stats, "cx_connected")) &&
                     !json_is_false(json_object_get(json_object_get(stats, "role"), "server_keys_held"));
        json_decref(status);
        json_decref(stats);
        return ready;
}

static enum ecode await_all(struct cli *c, struct deployment *d, pid_t pid, struct err *er)
{
        const char **roles = d->set.roles.n ? d->set.roles.item : host_role_names(c->mem);
        uint64_t until = clock_ms(&clock_system) + READY_S * 1000;
        for (size_t i = 0; roles[i] != NULL && !asked_to_stop;) {
                if (is_ready(c, d, roles[i])) {
                        i++;
                        continue;
                }
                int status;
                if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
                        return err_set(er, E_PEER_DOWN, NULL, "the functions did not start: see %s",
                                       deployment_path(c->mem, d, "log/serve.log"));
                if (clock_ms(&clock_system) > until)
                        return err_set(er, E_TIMEOUT, NULL, "%s is not ready after %d s: see %s", roles[i], READY_S,
                                       deployment_path(c->mem, d, "log/serve.log"));
                usleep(50000); /* its socket may not exist yet: there is nothing to wait on */
        }
        return E_OK;
}

static void stop_all(pid_t pid)
{
        if (pid > 0 && kill(pid, SIGTERM) == 0)
                waitpid(pid, NULL, 0);
}

/* --- demo users --- */

static enum ecode add_group(struct cli *c, struct deployment *d, struct err *er)
{
        json_t *out = NULL;
        char *uri = talloc_asprintf(c->mem, "sip:fire-1@%s", d->set.mc_domain);
        json_t *args = json_pack("{s:s,s:s}", "uri", uri, "name", "Fire 1");
        enum ecode e = admin_call(c->mem, d->site.dir, "cms", "group-put", args, CALL_MS, &out, er);
        json_decref(args);
        json_decref(out);
        return e;
}

/* Passwords of the demo users: drawn once, readable by the owner alone. */
static json_t *passwords(struct cli *c, struct deployment *d, struct err *er)
{
        char *path = deployment_path(c->mem, d, "ue/demo-passwords.json");
        json_t *o = json_load_file(path, 0, NULL);
        if (o != NULL)
                return o;
        o = json_object();
        for (size_t i = 0; i < COUNT(people); i++) {
                char *pw = rng_token(&rng_system, c->mem, 9);
                json_object_set_new(o, people[i].user, json_string(pw != NULL ? pw : ""));
        }
        if (cli_write_json(path, o, er) != E_OK) {
                json_decref(o);
                return NULL;
        }
        return o;
}

static enum ecode add_person(struct cli *c, struct deployment *d, size_t i, const char *password, struct err *er)
{
        char *path = deployment_path(c->mem, d, "ue/%s.json", people[i].user);
        struct stat st;
        if (stat(path, &st) == 0)
                return E_OK;
        json_t *profile = cli_user_profile(c, d, people[i].user, er), *user = json_copy(profile);
        if (user == NULL)
                return er->code;
        json_object_set_new(profile, "name", json_string(people[i].name));
        json_object_set_new(user, "name", json_string(people[i].name));
        json_object_set_new(user, "password", json_string(password));
        json_object_set_new(user, "groups",
                            json_pack("[o]", json_string(talloc_asprintf(c->mem, "sip:fire-1@%s", d->set.mc_domain))));
        enum ecode e = provision_add(c->mem, d->site.dir, provision_roles, user, er);
        if (e == E_OK)
                e = cli_write_json(path, profile, er);
        json_decref(user);
        json_decref(profile);
        return e;
}

static enum ecode add_people(struct cli *c, struct deployment *d, json_t *pw, struct err *er)
{
        enum ecode e = cli_handset_client(d, er);
        if (e == E_OK)
                e = add_group(c, d, er);
        for (size_t i = 0; i < COUNT(people) && e == E_OK; i++)
                e = add_person(c, d, i, json_string_value(json_object_get(pw, people[i].user)), er);
        return e;
}

/* --- what is shown --- */

static void draw(struct cli *c, struct deployment *d, const char *trace, const char *since)
{
        struct winsize w = { 0 };
        struct buf b = buf_on(c->mem);
        struct ladder *l = ladder_new(c->mem);
        struct err er;
        unsigned width = ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 40 ? w.ws_col : 100;
        struct ladder_options o = {
                .width = width > 120 ? 120 : width, .colour = c->colour, .trace = trace, .note = true
        };
        if (l == NULL || !ladder_begin(l, since) || ladder_add_dir(l, d->site.dir, &er) != E_OK)
                return;
        ladder_tie(l);
        ladder_draw(l, &o, &b);
        puts(buf_str(&b) != NULL ? buf_str(&b) : "");
}

static void tell(struct cli *c, struct deployment *d, json_t *pw, bool stays)
{
        const char *net = d->set.net, *dir = d->site.dir;
        printf("Every step succeeded. %s\n\n", stays ? "Everything keeps running; Ctrl-C stops it." : "");
        if (!stays)
                return;
        printf("  IdM server   https://%s.1:8443 (sign-in page), https://%s.2:8443 (tokens)\n"
               "  KMS, CMS     https://%s.3:8443, https://%s.4:8443\n"
               "  P-CSCF       sip:%s.6:5060 (UDP, TCP), sip:%s.6:5061 (TLS)\n"
               "  trust        %s/tls/ca.crt is the authority behind all of these certificates\n\n",
               net, net, net, net, net, net, dir);
        printf("Go on from another terminal (bob's password is %s):\n\n",
               json_string_value(json_object_get(pw, "bob")));
        char self[PATH_MAX] = "muster";
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 6] = 0;
        printf("  %s ue sign-on --user bob --browser -d %s    sign on by hand in a browser\n"
               "  %s ladder --follow -d %s                    watch messages as they arrive\n"
               "  %s status -d %s                             what runs where\n"
               "  %s logs --follow -d %s                      what happened and why\n\n",
               self, dir, self, dir, self, dir, self, dir);
        (void)c;
}

/* An earlier run of the same user may have left its Call-ID behind: this one begins here. */
static void stamp(char ret[32])
{
        struct timespec ts;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(ret + n, 32 - n, ".%06ldZ", ts.tv_nsec / 1000);
}

static enum ecode show(struct cli *c, struct deployment *d, json_t **pw, struct err *er)
{
        char trace[33], since[32];
        *pw = passwords(c, d, er);
        enum ecode e = *pw != NULL ? add_people(c, d, *pw, er) : er->code;
        if (e != E_OK)
                return e;
        stamp(since);
        e = cli_sign_on(c, d, "alice", json_string_value(json_object_get(*pw, "alice")), trace, er);
        if (!c->json) {
                puts("");
                draw(c, d, trace, since);
        }
        return e;
}

static enum ecode cmd_demo(struct cli *c, struct err *er)
{
        struct deployment *d = NULL;
        bool once = cli_opt(c, "once") != NULL;
        pid_t pid = 0;
        json_t *pw = NULL;
        struct sigaction sa = { .sa_handler = on_signal };
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        enum ecode e = make_deployment(c, er);
        if (e == E_OK && c->dir == NULL)
                c->dir = "muster-demo";
        if (e == E_OK)
                e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        if (is_ready(c, d, "idm"))
                printf("%s runs already; using it\n", d->site.dir);
        else
                e = start_all(c, d, &pid, er);
        if (e == E_OK)
                e = await_all(c, d, pid, er);
        if (e == E_OK && !asked_to_stop)
                e = show(c, d, &pw, er);
        if (e == E_OK && !asked_to_stop)
                tell(c, d, pw, !once && pid > 0);
        fflush(stdout);
        while (e == E_OK && !once && pid > 0 && !asked_to_stop)
                pause();
        stop_all(pid);
        json_decref(pw);
        return e;
}

const struct cli_cmd cli_demo_cmds[] = {
        { "demo",
          "",
          0,
          0,
          "Make a deployment if there is none, start everything, sign alice on and draw the ladder.",
          "What ./run.sh does after building. Keeps running until Ctrl-C.",
          cmd_demo,
          { { "once", 0, NULL, "Stop everything afterwards; exit status 0 only if every step succeeded." },
            { "net", 0, "NET", "For a new deployment: first three octets of the functions' network." } } },
        { 0 },
};
