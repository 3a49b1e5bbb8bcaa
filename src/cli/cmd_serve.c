/* init, serve, status: a deployment and its processes. */
#include "base/env.h"
#include "cli/command.h"
#include "host/admin.h"
#include "host/init.h"
#include "host/roles.h"
#include "host/run_role.h"
#include "host/supervisor.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <talloc.h>
#include <unistd.h>

static enum ecode cmd_init(struct cli *c, struct err *er)
{
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        const char *net = cli_opt(c, "net"), *domain = cli_opt(c, "domain");
        const struct init_options o = { .dir = c->dir ? c->dir : "muster-demo",
                                        .net = net ? net : "127.0.1",
                                        .domain = domain ? domain : "mc.example" };
        enum ecode e = init_deployment(&env, &o, er);
        if (e != E_OK)
                return e;
        if (c->json) {
                json_t *done = json_pack("{s:s,s:s,s:s}", "dir", o.dir, "net", o.net, "domain", o.domain);
                json_dumpf(done, stdout, 0);
                puts("");
                json_decref(done);
        } else {
                printf("%s is ready: configuration in muster.yaml, certificates in tls, functions on %s.1 and "
                       "following.\n"
                       "Next: muster serve -d %s\n",
                       o.dir, o.net, o.dir);
        }
        return E_OK;
}

/* Root is given up before anything of the network is touched, and cannot be had again. */
static enum ecode drop_privileges(const struct deployment *d, struct err *er)
{
        const char *name = d->set.run_as;
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (geteuid() != 0 || *name == 0)
                return E_OK;
        const struct passwd *pw = getpwnam(name);
        if (pw == NULL)
                return err_set(er, E_CONFIG, NULL, "deployment.run_as: there is no user %s", name);
        if (initgroups(name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0 || setuid(0) == 0)
                return err_set(er, E_IO, NULL, "cannot become %s: %s", name, strerror(errno));
        return E_OK;
}

struct serving {
        const char *self; /* the file we were started from */
        const struct deployment *d;
};

static char **role_command(void *mem, const char *role, void *arg)
{
        const struct serving *s = arg;
        const char *words[] = { s->self, "serve", role, "--dir", s->d->site.dir };
        char **argv = talloc_zero_array(mem, char *, COUNT(words) + 1);
        for (size_t i = 0; argv != NULL && i < COUNT(words); i++)
                argv[i] = talloc_strdup(argv, words[i]);
        return argv;
}

static enum ecode serve_all(struct cli *c, struct deployment *d, struct err *er)
{
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n <= 0)
                return err_set(er, E_IO, NULL, "cannot find the program file: %s", strerror(errno));
        self[n] = 0;
        const char **roles = d->set.roles.n ? d->set.roles.item : host_role_names(c->mem);
        if (roles == NULL || roles[0] == NULL)
                return err_set(er, E_CONFIG, NULL, "there is no role to serve in this build");
        struct serving s = { self, d };
        struct supervisor_conf conf = { .roles = roles,
                                        .run_dir = deployment_path(c->mem, d, "run"),
                                        .command = role_command,
                                        .arg = &s,
                                        .stop_ms = (unsigned)d->set.stop_s * 1000 };
        const struct env env = { .clock = &clock_system, .rng = &rng_system };
        size_t added = 0;
        enum ecode e = deployment_log(c->mem, d, "serve", &conf.log, er);
        if (e == E_OK)
                e = init_complete(&env, &d->site, roles, &added, er);
        if (e == E_OK && added > 0)
                ev(conf.log, EV_INFO, "deployment-completed", KV_INT("roles", (int64_t)added));
        if (e == E_OK)
                e = supervise(&conf, er);
        log_close(conf.log);
        return e;
}

/* Everything that is wrong in the file, before the first process is started. */
static enum ecode check_first(struct cli *c, struct deployment *d, struct err *er)
{
        struct conf_report rep = conf_report_on(c->mem, d->problems.file);
        if (deployment_check(d, &rep) == E_OK)
                return E_OK;
        for (size_t i = 1; i < rep.n; i++)
                fprintf(stderr, "%s\n", conf_problem_line(c->mem, &rep, i));
        conf_report_err(&rep, er);
        er->code = E_CONFIG;
        return E_CONFIG;
}

static enum ecode cmd_serve(struct cli *c, struct err *er)
{
        struct deployment *d;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = drop_privileges(d, er);
        if (e != E_OK)
                return e;
        if (c->args_n == 0) {
                e = check_first(c, d, er);
                return e != E_OK ? e : serve_all(c, d, er);
        }
        const struct role_row *row = host_role(c->args[0]);
        if (row == NULL) {
                const char *near = conf_nearest(c->args[0], host_role_names(c->mem));
                return err_set(er, E_NOT_FOUND, NULL, "there is no role %s%s%s", c->args[0],
                               near ? ", did you mean " : "", near ? near : "");
        }
        e = run_role(d, row, er);
        er->text[0] = 0; /* it stands in the log already */
        return e;
}

static json_t *status_of(struct cli *c, const struct deployment *d, const char *role, json_t *known)
{
        json_t *one = NULL, *o = json_pack("{s:s}", "role", role);
        struct err er;
        enum ecode e = admin_call(c->mem, d->site.dir, role, "status", NULL, 2000, &one, &er);
        if (e == E_OK)
                json_object_update(o, one);
        else
                json_object_set_new(o, "error", json_string(er.text));
        json_decref(one);
        const char *state = e == E_OK ? (json_is_true(json_object_get(o, "ready")) ? "ready" : "starting") : "down";
        json_object_set_new(o, "state", json_string(state));
        size_t i;
        json_t *k;
        json_array_foreach(known, i, k)
        {
                const char *name = json_string_value(json_object_get(k, "name"));
                if (name != NULL && !strcmp(name, role))
                        json_object_set(o, "restarts", json_object_get(k, "restarts"));
        }
        return o;
}

static void print_status(const struct cli *c, json_t *o)
{
        struct buf where = buf_on(c->mem);
        size_t i;
        json_t *l;
        json_array_foreach(json_object_get(o, "listeners"), i, l)
        {
                buf_printf(&where, "%s%s %s", i ? ", " : "", json_string_value(json_object_get(l, "name")),
                           json_string_value(json_object_get(l, "address")));
        }
        const char *state = json_string_value(json_object_get(o, "state"));
        const char *paint = !strcmp(state, "ready") ? "\033[32m" : "\033[31m";
        char life[32] = "";
        json_t *up = json_object_get(o, "uptime_ms");
        if (up != NULL)
                snprintf(life, sizeof life, "%llds", (long long)json_integer_value(up) / 1000);
        printf("%-8s %s%-9s%s %8s %9s %9lld  %s\n", json_string_value(json_object_get(o, "role")),
               c->colour ? paint : "", state, c->colour ? "\033[0m" : "",
               json_object_get(o, "pid")
                       ? talloc_asprintf(c->mem, "%lld", (long long)json_integer_value(json_object_get(o, "pid")))
                       : "",
               life, (long long)json_integer_value(json_object_get(o, "restarts")), where.p ? (char *)where.p : "");
}

static enum ecode cmd_status(struct cli *c, struct err *er)
{
        struct deployment *d;
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        json_error_t je;
        json_t *file = json_load_file(deployment_path(c->mem, d, "run/status.json"), 0, &je), *all = json_array();
        const char **roles = d->set.roles.n ? d->set.roles.item : host_role_names(c->mem);
        size_t down = 0, i;
        json_t *o;
        for (; roles != NULL && *roles != NULL; roles++)
                json_array_append_new(all, status_of(c, d, *roles, json_object_get(file, "roles")));
        if (c->json)
                json_dumpf(all, stdout, JSON_INDENT(2)), puts("");
        else
                printf("%-8s %-9s %8s %9s %9s  %s\n", "ROLE", "STATE", "PID", "UP", "RESTARTS", "LISTENS");
        json_array_foreach(all, i, o)
        {
                down += strcmp(json_string_value(json_object_get(o, "state")), "ready") != 0;
                if (!c->json)
                        print_status(c, o);
        }
        json_decref(all);
        json_decref(file);
        return down ? E_PEER_DOWN : E_OK; /* the table has said it */
}

const struct cli_cmd cli_serve_cmds[] = {
        { "init",
          "",
          0,
          0,
          "Make a deployment: configuration, certificates, keys.",
          "Makes the directory (default ./muster-demo) with a commented configuration, a private certification "
          "authority, a "
          "certificate per function, and the keys that seal secrets at rest. An existing deployment is never touched.",
          cmd_init,
          { { "net", 0, "NET", "First three octets of the network of the functions (default 127.0.1)." },
            { "domain", 0, "NAME", "Domain of the mission critical system (default mc.example)." } } },
        { "serve",
          "[ROLE]",
          0,
          1,
          "Run every function of the deployment, or one.",
          "Without ROLE: a supervisor that starts one process per function, restarts what ends, and stops all of them "
          "in order "
          "on SIGTERM or Ctrl-C. SIGHUP reads log level and certificates again.",
          cmd_serve,
          { { 0 } } },
        { "status",
          "",
          0,
          0,
          "What runs where, since when.",
          "Exit status 3 when something does not run.",
          cmd_status,
          { { 0 } } },
        { 0 },
};
