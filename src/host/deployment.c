#include "host/deployment.h"

#include "base/secret.h"
#include "host/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

const struct conf_item deployment_conf_items[] = {
        CONF_STRING(struct deployment_conf, net, "127.0.1",
                    "First three octets of the network on which the functions have their addresses.", NULL),
        CONF_STRING(struct deployment_conf, mc_domain, "mc.example",
                    "Domain of the mission critical system: MC IDs and MC service IDs end with it.",
                    "TS 33.180 clause 5.1.2.1"),
        CONF_STRING(struct deployment_conf, ims_domain, "ims.{mc_domain}",
                    "Home domain of the IMS: private and public identities and the realm.", "TS 23.003 clause 13.2"),
        CONF_LIST(struct deployment_conf, roles, "", "What `muster serve` starts; nothing named: everything.", NULL),
        CONF_CHOICE(struct deployment_conf, log_level, "info", "debug info warning error",
                    "The least important events that are shown; event files hold everything from info.", NULL),
        CONF_CHOICE(struct deployment_conf, log_format, "auto", "auto text json",
                    "How events are shown; auto is text on a terminal and JSON otherwise.", NULL),
        CONF_STRING(struct deployment_conf, run_as, "",
                    "User to become when started by root; the deployment directory has to be this user's.", NULL),
        CONF_LISTEN(
                struct deployment_conf, monitor, "",
                "Metrics and health over plain HTTP: the first role's address, each further role has the next port.",
                NULL),
        CONF_INT(struct deployment_conf, workers, "0", 0, 256,
                 "Worker threads of each role; 0 takes twice the number of processors.", NULL),
        CONF_SECONDS(struct deployment_conf, stop_s, "10", 1, 300, "How long an orderly stop may take.", NULL),
        CONF_END,
};

static bool holds_deployment(void *mem, const char *dir)
{
        return access(talloc_asprintf(mem, "%s/muster.yaml", dir), F_OK) == 0;
}

static enum ecode find_dir(void *mem, const char *dir, char **ret, struct err *er)
{
        const char *named = dir ? dir : getenv("MUSTER_DIR");
        const char *found = named;
        if (named == NULL || *named == 0)
                found = holds_deployment(mem, ".") ? "." : "muster-demo";
        if (!holds_deployment(mem, found))
                return err_set(er, E_NOT_FOUND, NULL,
                               "there is no deployment in %s (no muster.yaml): `muster init -d %s` makes one", found,
                               found);
        char real[PATH_MAX];
        if (realpath(found, real) == NULL)
                return err_set(er, E_IO, NULL, "%s: %s", found, strerror(errno));
        *ret = talloc_strdup(mem, real);
        return *ret ? E_OK : E_NOMEM;
}

static void set_vars(struct deployment *d)
{
        static const struct {
                const char *name, *dflt;
        } var[] = { { "net", "127.0.1" }, { "mc_domain", "mc.example" } };
        for (size_t i = 0; i < COUNT(var); i++) {
                const char *text = conf_text(d->conf, "deployment", var[i].name);
                conf_set_var(d->conf, var[i].name, text ? text : var[i].dflt);
        }
}

static enum ecode check_roles(struct deployment *d)
{
        const char **known = host_role_names(d);
        for (size_t i = 0; i < d->set.roles.n; i++) {
                if (host_role(d->set.roles.item[i]) != NULL)
                        continue;
                const char *near = conf_nearest(d->set.roles.item[i], known);
                struct conf_problem p = {
                        .code = E_NOT_FOUND,
                        .text = talloc_asprintf(d, "deployment.roles: there is no role %s", d->set.roles.item[i]),
                        .remedy =
                                near ? talloc_asprintf(d, "did you mean %s?", near) : "`muster status` lists the roles",
                };
                struct conf_problem *grown =
                        talloc_realloc(d, d->problems.items, struct conf_problem, d->problems.n + 1);
                if (grown == NULL)
                        return E_NOMEM;
                d->problems.items = grown;
                grown[d->problems.n++] = p;
        }
        return d->problems.n ? E_CONFIG : E_OK;
}

static enum ecode bind(struct deployment *d)
{
        char *path = deployment_path(d, d, "muster.yaml");
        enum ecode e = conf_load(d, path, &d->conf, &d->problems);
        if (e != E_OK)
                return E_CONFIG;
        conf_set_dir(d->conf, d->site.dir);
        set_vars(d);
        e = conf_bind(d->conf, "deployment", deployment_conf_items, &d->set, sizeof d->set, &d->problems);
        if (e != E_OK)
                return e;
        conf_set_var(d->conf, "ims_domain", d->set.ims_domain);
        d->site.net = d->set.net;
        d->site.mc_domain = d->set.mc_domain;
        d->site.ims_domain = d->set.ims_domain;
        d->site.ca_file = deployment_path(d, d, "tls/ca.crt");
        return check_roles(d);
}

enum ecode deployment_open(void *mem, const char *dir, struct deployment **ret, struct err *er)
{
        struct deployment *d = talloc_zero(mem, struct deployment);
        char *real = NULL;
        if (d == NULL)
                return err_set(er, E_NOMEM, NULL, "deployment");
        enum ecode e = find_dir(d, dir, &real, er);
        if (e != E_OK) {
                talloc_free(d);
                return e;
        }
        d->site.dir = real;
        d->problems = conf_report_on(d, deployment_path(d, d, "muster.yaml"));
        e = bind(d);
        if (e != E_OK && d->problems.n > 0) {
                e = E_CONFIG;
                conf_report_err(&d->problems, er);
                if (er != NULL)
                        er->code = E_CONFIG;
        } else if (e != E_OK) {
                err_set(er, e, NULL, "cannot read the configuration of %s", real);
        }
        *ret = d;
        return e;
}

enum ecode deployment_check(struct deployment *d, struct conf_report *rep)
{
        if (d->conf == NULL)
                return E_CONFIG;
        const char **roles = host_role_names(d);
        size_t n = 0;
        while (roles[n] != NULL)
                n++;
        const char **known = talloc_zero_array(d, const char *, n + 2);
        if (known == NULL)
                return E_NOMEM;
        known[0] = "deployment";
        memcpy(known + 1, roles, n * sizeof *known);
        enum ecode e = conf_check_sections(d->conf, known, rep);
        for (const struct role_row *r = host_roles; r->role != NULL; r++) {
                void *set = talloc_zero_size(d, r->role->conf_size + 1);
                enum ecode one = conf_bind(d->conf, r->role->name, r->role->conf, set, r->role->conf_size, rep);
                e = e != E_OK ? e : one;
        }
        return e;
}

static const char *setting_text(void *mem, const struct conf_item *i, const uint8_t *field)
{
        const char *s = NULL;
        struct conf_list l;
        int64_t n;
        switch (i->type) {
        case CONF_T_LIST:
                memcpy(&l, field, sizeof l);
                s = talloc_strdup(mem, "");
                for (size_t k = 0; k < l.n && s != NULL; k++)
                        s = talloc_asprintf(mem, "%s%s%s", s, k ? " " : "", l.item[k]);
                return s;
        case CONF_T_INT:
        case CONF_T_SECONDS: memcpy(&n, field, sizeof n); return talloc_asprintf(mem, "%lld", (long long)n);
        case CONF_T_BOOL: return *(const bool *)field ? "true" : "false";
        default: memcpy(&s, field, sizeof s); return s;
        }
}

const char *deployment_setting(void *mem, struct deployment *d, const char *role, const char *name)
{
        const struct role_row *row = host_role(role);
        if (row == NULL || d->conf == NULL)
                return NULL;
        struct conf_report rep = conf_report_on(mem, "");
        uint8_t *set = talloc_zero_size(mem, row->role->conf_size + 1);
        if (conf_bind(d->conf, role, row->role->conf, set, row->role->conf_size, &rep) != E_OK)
                return NULL;
        for (const struct conf_item *i = row->role->conf; i->name != NULL; i++)
                if (!strcmp(i->name, name))
                        return setting_text(mem, i, set + i->offset);
        return NULL;
}

char *deployment_path(void *mem, const struct deployment *d, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        char *tail = talloc_vasprintf(mem, fmt, ap);
        va_end(ap);
        char *whole = tail ? talloc_asprintf(mem, "%s/%s", d->site.dir, tail) : NULL;
        talloc_free(tail);
        return whole;
}

enum ecode deployment_key(const struct deployment *d, const char *name, uint8_t ret[32], struct err *er)
{
        char *path = deployment_path(NULL, d, "keys/%s", name);
        uint8_t b[33];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, b, sizeof b);
        enum ecode e = E_OK;
        if (n < 0)
                e = err_set(er, E_IO, NULL, "cannot read the key %s: %s", path, strerror(errno));
        else if (n != 32)
                e = err_set(er, E_CONFIG, NULL, "the key %s is not 32 octets long", path);
        else
                memcpy(ret, b, 32);
        if (fd >= 0)
                close(fd);
        secret_wipe(b, sizeof b);
        talloc_free(path);
        return e;
}

enum ecode deployment_log(void *mem, const struct deployment *d, const char *role, struct log **ret, struct err *er)
{
        struct log_conf c = { .role = role, .text_fd = -1, .json_fd = -1 };
        enum ecode e = deployment_key(d, "log.key", c.hash_key, er);
        if (e != E_OK)
                return e;
        bool tty = isatty(STDERR_FILENO) == 1;
        bool text = !strcmp(d->set.log_format, "text") || (!strcmp(d->set.log_format, "auto") && tty);
        if (strcmp(role, "ue") !=
            0) /* a command's standard error is for its user: a UE's events go to the file alone */
                *(text ? &c.text_fd : &c.json_fd) = STDERR_FILENO;
        c.colour = text && tty && getenv("NO_COLOR") == NULL;
        log_level_parse(d->set.log_level, &c.level);
        c.event_path = deployment_path(mem, d, "log/events-%s.jsonl", role);
        e = log_open(&c, ret, er);
        secret_wipe(c.hash_key, sizeof c.hash_key);
        return e;
}
