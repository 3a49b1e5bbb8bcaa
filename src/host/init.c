#include "host/init.h"

#include "base/secret.h"
#include "host/deployment.h"
#include "host/pki.h"
#include "host/roles.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

/* Two years for a demonstration; ten for its root. */
enum { ROLE_DAYS = 730, CA_DAYS = 3650 };

struct making {
        void *mem;
        const struct env *env;
        const struct init_options *opt;
        char *tmp; /* the directory as long as it is not complete */
        const char *ims_domain;
        struct err *er;
};

static enum ecode put_file(struct making *m, const char *name, struct bytes content)
{
        char *path = talloc_asprintf(m->mem, "%s/%s", m->tmp, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool good = fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n && fsync(fd) == 0;
        if (fd >= 0 && close(fd) != 0)
                good = false;
        return good ? E_OK : err_set(m->er, E_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}

static enum ecode make_dirs(struct making *m)
{
        static const char *const dirs[] = { "tls", "keys", "state", "run", "log", "ue" };
        for (size_t i = 0; i < COUNT(dirs); i++)
                if (mkdir(talloc_asprintf(m->mem, "%s/%s", m->tmp, dirs[i]), 0700) != 0)
                        return err_set(m->er, E_IO, NULL, "cannot make %s/%s: %s", m->tmp, dirs[i], strerror(errno));
        for (const struct role_row *r = host_roles; r->role != NULL; r++)
                if (mkdir(talloc_asprintf(m->mem, "%s/state/%s", m->tmp, r->role->name), 0700) != 0)
                        return err_set(m->er, E_IO, NULL, "cannot make %s/state/%s: %s", m->tmp, r->role->name,
                                       strerror(errno));
        return E_OK;
}

static enum ecode make_conf(struct making *m)
{
        struct buf b = buf_on(m->mem);
        const struct conf_given given[] = { { "net", m->opt->net }, { "mc_domain", m->opt->domain }, { 0 } };
        buf_puts(
                &b,
                "# Muster. Every setting stands here with its default, commented out: remove the # to change it.\n"
                "# `muster config check` says what is wrong, `muster config show` what holds. Relative paths begin in\n"
                "# this directory; {net}, {mc_domain} and {ims_domain} stand for the values of the first section.\n\n");
        conf_print_sample(&b, "deployment", "What all functions share.", deployment_conf_items, given);
        for (const struct role_row *r = host_roles; r->role != NULL; r++)
                conf_print_sample(&b, r->role->name, r->role->title, r->role->conf, NULL);
        return b.failed ? err_set(m->er, E_NOMEM, NULL, "configuration") : put_file(m, "muster.yaml", buf_bytes(&b));
}

static enum ecode make_key(struct making *m, const char *name)
{
        uint8_t key[32];
        enum ecode e = rng_fill(m->env->rng, key, sizeof key);
        if (e == E_OK)
                e = put_file(m, talloc_asprintf(m->mem, "keys/%s", name), BYTES_ARR(key));
        else
                err_set(m->er, e, NULL, "no random numbers");
        secret_wipe(key, sizeof key);
        return e;
}

static enum ecode make_crt(struct making *m, const char *tls, const struct role_row *r)
{
        const char *names[16] = { 0 };
        size_t n = 0;
        const char *role = r->role->name;
        names[n++] = talloc_asprintf(m->mem, "DNS:%s.%s", role, m->opt->domain);
        names[n++] = talloc_asprintf(m->mem, "DNS:%s.%s", role, m->ims_domain);
        names[n++] = "DNS:localhost";
        for (unsigned i = 0; i < r->addresses && n < COUNT(names) - 1; i++)
                names[n++] = talloc_asprintf(m->mem, "IP:%s.%u", m->opt->net, r->address + i);
        const char *own = talloc_asprintf(m->mem, "%s.%s", role, r->in_ims ? m->ims_domain : m->opt->domain);
        const struct pki_subject s = { own, names, ROLE_DAYS };
        return pki_issue(m->env, tls, role, &s, m->er);
}

static enum ecode make_role(struct making *m, const char *tls, const struct role_row *r)
{
        enum ecode e = make_crt(m, tls, r);
        return e != E_OK ? e : make_key(m, talloc_asprintf(m->mem, "%s.seal", r->role->name));
}

static enum ecode make_all(struct making *m)
{
        char *tls = talloc_asprintf(m->mem, "%s/tls", m->tmp);
        static const char *const none[] = { NULL };
        const struct pki_subject ca = { talloc_asprintf(m->mem, "Muster root for %s", m->opt->domain), none, CA_DAYS };
        enum ecode e = make_dirs(m);
        if (e == E_OK)
                e = make_conf(m);
        if (e == E_OK)
                e = make_key(m, "log.key");
        if (e == E_OK)
                e = pki_make_ca(m->env, tls, &ca, m->er);
        for (const struct role_row *r = host_roles; e == E_OK && r->role != NULL; r++)
                e = make_role(m, tls, r);
        return e;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

/* Letters, digits, dots and hyphens only: the text goes into certificates and SIP URIs. */
static enum ecode check_options(const struct init_options *o, struct err *er)
{
        struct in_addr a;
        char first[32];
        snprintf(first, sizeof first, "%s.1", o->net);
        if (strlen(o->net) > 11 || inet_pton(AF_INET, first, &a) != 1)
                return err_set(er, E_SYNTAX, NULL,
                               "--net %s: write the first three octets of a network, such as 127.0.1", o->net);
        size_t n = strlen(o->domain);
        bool good =
                n > 0 && n < 200 && isalnum((unsigned char)o->domain[0]) && isalnum((unsigned char)o->domain[n - 1]);
        for (const char *p = o->domain; *p; p++)
                good &= isalnum((unsigned char)*p) || *p == '-' || (*p == '.' && p[1] != '.');
        return good ? E_OK
                    : err_set(er, E_SYNTAX, NULL, "--domain %s: write a domain name, such as mc.example", o->domain);
}

enum ecode init_deployment(const struct env *env, const struct init_options *opt, struct err *er)
{
        enum ecode e = check_options(opt, er);
        if (e != E_OK)
                return e;
        struct making m = { .mem = talloc_new(NULL), .env = env, .opt = opt, .er = er };
        char *dir = talloc_strdup(m.mem, opt->dir);
        for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
                dir[n - 1] = 0;
        m.tmp = talloc_asprintf(m.mem, "%s.new-XXXXXX", dir);
        m.ims_domain = talloc_asprintf(m.mem, "ims.%s", opt->domain);
        struct stat st;
        if (stat(dir, &st) == 0 && rmdir(dir) != 0) {
                e = err_set(er, E_EXISTS, NULL, "%s is there already and is not empty: nothing was changed", dir);
        } else if (mkdtemp(m.tmp) == NULL) {
                e = err_set(er, E_IO, NULL, "cannot make a directory beside %s: %s", dir, strerror(errno));
        } else {
                e = make_all(&m);
                if (e == E_OK && rename(m.tmp, dir) != 0)
                        e = err_set(er, E_IO, NULL, "cannot rename %s to %s: %s", m.tmp, dir, strerror(errno));
                if (e != E_OK)
                        nftw(m.tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
        talloc_free(m.mem);
        return e;
}

static bool there(struct making *m, const char *dir, const char *role, const char *suffix)
{
        return access(talloc_asprintf(m->mem, "%s/%s/%s.%s", m->tmp, dir, role, suffix), F_OK) == 0;
}

static enum ecode complete_role(struct making *m, const struct role_row *r, size_t *added)
{
        const char *role = r->role->name;
        bool crt = there(m, "tls", role, "crt"), key = there(m, "tls", role, "key"),
             seal = there(m, "keys", role, "seal");
        enum ecode e = E_OK;
        if (!crt || !key) { /* half a pair is of no use to anybody */
                unlink(talloc_asprintf(m->mem, "%s/tls/%s.crt", m->tmp, role));
                unlink(talloc_asprintf(m->mem, "%s/tls/%s.key", m->tmp, role));
                e = make_crt(m, talloc_asprintf(m->mem, "%s/tls", m->tmp), r);
        }
        if (e == E_OK && !seal)
                e = make_key(m, talloc_asprintf(m->mem, "%s.seal", role));
        *added += !crt || !key || !seal;
        return e;
}

enum ecode init_complete(const struct env *env, const struct site *site, const char *const *roles, size_t *ret_added,
                         struct err *er)
{
        const struct init_options o = { site->dir, site->net, site->mc_domain };
        struct making m = { .mem = talloc_new(NULL), .env = env, .opt = &o, .ims_domain = site->ims_domain, .er = er };
        m.tmp = talloc_strdup(m.mem, site->dir);
        size_t added = 0;
        enum ecode e = E_OK;
        for (; e == E_OK && *roles != NULL; roles++)
                if (host_role(*roles) != NULL)
                        e = complete_role(&m, host_role(*roles), &added);
        talloc_free(m.mem);
        if (e == E_OK)
                *ret_added = added;
        return e;
}
