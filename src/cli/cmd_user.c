/* user, client: provisioning over the administration sockets. */
#include "base/codec.h"
#include "base/env.h"
#include "base/secret.h"
#include "cli/command.h"
#include "cli/cli_util.h"
#include "host/admin.h"
#include "host/provision.h"
#include "host/roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

enum { CALL_MS = 20000 };

/* Who is meant, and what the deployment derives from the name. */
struct who {
        const char *local; /* "alice" */
        const char *mc_id; /* "alice@mc.example" */
};

static enum ecode who_of(struct cli *c, const struct deployment *d, const char *text, struct who *ret, struct err *er)
{
        const char *at = strchr(text, '@');
        size_t n = at ? (size_t)(at - text) : strlen(text);
        static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
        if (n == 0 || n > 64 || strspn(text, good) < n || text[0] == '.')
                return err_set(er, E_SYNTAX, NULL, "%s: a user name has letters, digits, dots, hyphens and underscores",
                               text);
        ret->local = talloc_strndup(c->mem, text, n);
        ret->mc_id = at ? text : talloc_asprintf(c->mem, "%s@%s", text, d->set.mc_domain);
        return E_OK;
}

/* The roles of this deployment that hold users. */
static const char *const *user_roles(struct cli *c, const struct deployment *d)
{
        const char **list = talloc_zero_array(c->mem, const char *, 8), **to = list;
        for (const char *const *r = provision_roles; *r != NULL; r++) {
                bool listed = d->set.roles.n == 0;
                for (size_t i = 0; i < d->set.roles.n; i++)
                        listed |= !strcmp(d->set.roles.item[i], *r);
                if (listed && host_role(*r) != NULL)
                        *to++ = *r;
        }
        return list;
}

static const char *or_derived(const struct cli *c, const char *option, const char *fmt, const char *local,
                              const char *domain)
{
        const char *given = cli_opt(c, option);
        return given ? given : talloc_asprintf(c->mem, fmt, local, domain);
}

static char *profile_path(struct cli *c, const struct deployment *d, const struct who *w)
{
        return deployment_path(c->mem, d, "ue/%s.json", w->local);
}

/* What the scripted UE needs to be this user, subscriber keys included. The password for sign-on is not in it. */
static json_t *make_profile(struct cli *c, const struct deployment *d, const struct who *w, struct err *er)
{
        const char *auth = cli_opt(c, "auth") ? cli_opt(c, "auth") : "aka";
        const char *name = cli_opt(c, "name");
        if (strcmp(auth, "aka") != 0 && strcmp(auth, "digest") != 0)
                return err_set(er, E_RANGE, NULL, "--auth is aka or digest"), NULL;
        const char *k = cli_opt(c, "k"), *opc = cli_opt(c, "opc"), *ims_password = cli_opt(c, "ims-password");
        bool aka = !strcmp(auth, "aka");
        k = k ? k : rng_hex(&rng_system, c->mem, 16);
        opc = opc ? opc : rng_hex(&rng_system, c->mem, 16);
        ims_password = ims_password ? ims_password : rng_token(&rng_system, c->mem, 18);
        const char *mc = d->set.mc_domain, *ims = d->set.ims_domain;
        json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s*,s:s,s:[s],s:s,s:s*,s:s*,s:s*}", "user", w->local, "mc_id",
                              w->mc_id, "mcptt_id", or_derived(c, "mcptt-id", "sip:%s@%s", w->local, mc), "mcvideo_id",
                              or_derived(c, "mcvideo-id", "sip:%s-v@%s", w->local, mc), "mcdata_id",
                              or_derived(c, "mcdata-id", "sip:%s-d@%s", w->local, mc), "name", name ? name : w->local,
                              "impi", or_derived(c, "impi", "%s.impi@%s", w->local, ims), "impus",
                              or_derived(c, "impu", "sip:%s.impu@%s", w->local, ims), "auth", auth, "k", aka ? k : NULL,
                              "opc", aka ? opc : NULL, "ims_password", aka ? NULL : ims_password);
        if (o == NULL)
                err_set(er, E_NOMEM, NULL, "profile");
        return o;
}

json_t *cli_user_profile(struct cli *c, const struct deployment *d, const char *name, struct err *er)
{
        struct who w;
        return who_of(c, d, name, &w, er) == E_OK ? make_profile(c, d, &w, er) : NULL;
}

static enum ecode cmd_user_add(struct cli *c, struct err *er)
{
        struct deployment *d;
        struct who w;
        char *password = NULL;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = who_of(c, d, c->args[0], &w, er);
        if (e == E_OK)
                e = cli_new_password(c, w.mc_id, &password, er);
        if (e != E_OK)
                return e;
        json_t *profile = make_profile(c, d, &w, er);
        if (profile == NULL)
                return er->code;
        json_t *user = json_copy(profile);
        json_object_set_new(user, "password", json_string(password));
        json_object_set_new(user, "enabled", json_true());
        if (cli_opt(c, "groups") != NULL)
                json_object_set_new(user, "groups", cli_words(cli_opt(c, "groups")));
        e = provision_add(c->mem, d->site.dir, user_roles(c, d), user, er);
        if (e == E_OK)
                e = cli_write_json(profile_path(c, d, &w), profile, er);
        json_decref(user);
        if (e == E_OK && c->json) {
                static const char *const secret[] = { "k", "opc", "ims_password" };
                for (size_t i = 0; i < COUNT(secret); i++)
                        json_object_del(profile, secret[i]);
                cli_print_json(profile);
        } else if (e == E_OK) {
                printf("%s is provisioned; its UE's profile is %s\n", w.mc_id, profile_path(c, d, &w));
        }
        json_decref(profile);
        return e;
}

static enum ecode cmd_user_del(struct cli *c, struct err *er)
{
        struct deployment *d;
        struct who w;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = who_of(c, d, c->args[0], &w, er);
        if (e != E_OK)
                return e;
        /* The private identity stands in the profile, where there is one. */
        json_t *profile = json_load_file(profile_path(c, d, &w), 0, NULL);
        const char *impi =
                cli_opt(c, "impi") ? cli_opt(c, "impi") : json_string_value(json_object_get(profile, "impi"));
        if (impi == NULL)
                impi = talloc_asprintf(c->mem, "%s.impi@%s", w.local, d->set.ims_domain);
        json_t *user = json_pack("{s:s,s:s}", "mc_id", w.mc_id, "impi", impi);
        e = provision_del(c->mem, d->site.dir, user_roles(c, d), user, er);
        if (e == E_OK) {
                remove(profile_path(c, d, &w));
                printf("%s is removed\n", w.mc_id);
        }
        json_decref(user);
        json_decref(profile);
        return e;
}

/* Every page of a listing: {key: [...], "next": ...}. A new reference. */
static enum ecode list_all(struct cli *c, const struct deployment *d, const char *role, const char *cmd,
                           const char *key, json_t **ret, struct err *er)
{
        json_t *all = json_array(), *args = json_object();
        enum ecode e = E_OK;
        for (bool more = true; e == E_OK && more;) {
                json_t *page = NULL;
                e = admin_call(c->mem, d->site.dir, role, cmd, args, CALL_MS, &page, er);
                if (e != E_OK)
                        break;
                json_array_extend(all, json_object_get(page, key));
                json_t *next = json_object_get(page, "next");
                more = json_is_string(next);
                if (more)
                        json_object_set(args, "after", next);
                json_decref(page);
        }
        json_decref(args);
        if (e == E_OK)
                *ret = all;
        else
                json_decref(all);
        return e;
}

static const char *text_of(json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "-";
}

static enum ecode cmd_user_list(struct cli *c, struct err *er)
{
        struct deployment *d;
        json_t *users = NULL, *u;
        size_t i;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = list_all(c, d, "idm", "user-list", "users", &users, er);
        if (e != E_OK)
                return e;
        if (c->json) {
                cli_print_json(users);
        } else {
                printf("%-30s %-32s %-9s %s\n", "MC ID", "MCPTT ID", "STATE", "NAME");
                json_array_foreach(users, i, u)
                {
                        bool off = json_is_false(json_object_get(u, "enabled"));
                        printf("%-30s %-32s %-9s %s\n", text_of(u, "mc_id"), text_of(u, "mcptt_id"),
                               off ? "disabled" : "enabled", text_of(u, "name"));
                }
        }
        json_decref(users);
        return E_OK;
}

static void print_object(const char *title, json_t *o)
{
        const char *key;
        json_t *v;
        printf("%s\n", title);
        json_object_foreach(o, key, v)
        {
                char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
                printf("  %-14s %s\n", key, json_is_string(v) ? json_string_value(v) : text);
                free(text);
        }
}

static enum ecode cmd_user_show(struct cli *c, struct err *er)
{
        struct deployment *d;
        struct who w;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = who_of(c, d, c->args[0], &w, er);
        if (e != E_OK)
                return e;
        json_t *profile = json_load_file(profile_path(c, d, &w), 0, NULL), *all = json_object();
        const char *impi = json_string_value(json_object_get(profile, "impi"));
        json_t *user = json_pack("{s:s,s:s}", "mc_id", w.mc_id, "impi",
                                 impi ? impi : talloc_asprintf(c->mem, "%s.impi@%s", w.local, d->set.ims_domain));
        size_t known = 0;
        for (const char *const *r = user_roles(c, d); *r != NULL && !ecode_undecided(e); r++) {
                json_t *args = provision_args(*r, user), *one = NULL;
                e = admin_call(c->mem, d->site.dir, *r, "user-show", args, CALL_MS, &one, er);
                known += e == E_OK;
                if (e == E_OK)
                        json_object_set_new(all, *r, one);
                json_decref(args);
        }
        const char *role;
        json_t *o;
        if (known > 0 && c->json)
                cli_print_json(all);
        else
                json_object_foreach(all, role, o) print_object(role, o);
        json_decref(all);
        json_decref(user);
        json_decref(profile);
        return known > 0 && !ecode_undecided(e) ? E_OK : e;
}

static enum ecode simple(struct cli *c, const char *cmd, json_t *more, const char *done, struct err *er)
{
        struct deployment *d;
        struct who w;
        json_t *out = NULL;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = who_of(c, d, c->args[0], &w, er);
        if (e == E_OK) {
                json_object_set_new(more, "mc_id", json_string(w.mc_id));
                e = admin_call(c->mem, d->site.dir, "idm", cmd, more, CALL_MS, &out, er);
        }
        json_decref(out);
        json_decref(more);
        if (e == E_OK)
                printf("%s %s\n", w.mc_id, done);
        return e;
}

static enum ecode cmd_user_enable(struct cli *c, struct err *er)
{
        return simple(c, "user-enable", json_object(), "may sign on again", er);
}

static enum ecode cmd_user_disable(struct cli *c, struct err *er)
{
        return simple(c, "user-disable", json_object(), "may not sign on any more", er);
}

static enum ecode cmd_user_passwd(struct cli *c, struct err *er)
{
        char *password = NULL;
        enum ecode e = cli_new_password(c, c->args[0], &password, er);
        if (e != E_OK)
                return e;
        return simple(c, "user-passwd", json_pack("{s:s}", "password", password), "has a new password", er);
}

/* ---- OAuth clients ---- */

static enum ecode cmd_client_add(struct cli *c, struct err *er)
{
        struct deployment *d;
        json_t *out = NULL;
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        const char *method = cli_opt(c, "auth-method"), *scopes = cli_opt(c, "scopes"), *name = cli_opt(c, "name");
        const char *redirect = cli_opt(c, "redirect-uri");
        json_t *args = json_pack("{s:s,s:s,s:s,s:o,s:o}", "client_id", c->args[0], "name", name ? name : c->args[0],
                                 "auth_method", method ? method : "none", "redirect_uris",
                                 redirect ? cli_words(redirect) : json_array(), "scopes",
                                 scopes ? cli_words(scopes) : json_string("all"));
        static const char *const switches[][2] = { { "consent", "consent" }, { "introspects", "introspects" } };
        for (size_t i = 0; i < COUNT(switches); i++)
                if (cli_opt(c, switches[i][0]) != NULL)
                        json_object_set_new(args, switches[i][1], json_true());
        e = admin_call(c->mem, d->site.dir, "idm", "client-put", args, CALL_MS, &out, er);
        json_decref(args);
        if (e != E_OK)
                return e;
        if (c->json)
                cli_print_json(out);
        else
                print_object("registered; a secret is shown this once", out);
        json_decref(out);
        return E_OK;
}

static enum ecode cmd_client_list(struct cli *c, struct err *er)
{
        struct deployment *d;
        json_t *clients = NULL, *o;
        size_t i;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK)
                e = list_all(c, d, "idm", "client-list", "clients", &clients, er);
        if (e != E_OK)
                return e;
        if (c->json) {
                cli_print_json(clients);
        } else {
                printf("%-28s %-20s %s\n", "CLIENT", "AUTHENTICATION", "NAME");
                json_array_foreach(clients, i, o)
                {
                        printf("%-28s %-20s %s\n", text_of(o, "client_id"), text_of(o, "auth_method"),
                               text_of(o, "name"));
                }
        }
        json_decref(clients);
        return E_OK;
}

static enum ecode cmd_client_del(struct cli *c, struct err *er)
{
        struct deployment *d;
        json_t *out = NULL;
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        json_t *args = json_pack("{s:s}", "client_id", c->args[0]);
        e = admin_call(c->mem, d->site.dir, "idm", "client-del", args, CALL_MS, &out, er);
        json_decref(out);
        json_decref(args);
        if (e == E_OK)
                printf("%s is removed\n", c->args[0]);
        return e;
}

#define PASSWORD_OPTS                                                                                                  \
        { "password-stdin", 0, NULL, "Read the password from standard input." },                                       \
        {                                                                                                              \
                "password-file", 0, "FILE", "Read the password from a file."                                           \
        }

const struct cli_cmd cli_user_cmds[] = {
        { "user add",
          "NAME",
          1,
          1,
          "Put a user into all databases (IdM, KMS, CMS, MC servers, HSS), or into none.",
          "NAME is alice or alice@mc.example; what is not given is derived from it and the domains of the deployment. "
          "Keys for "
          "IMS AKA are drawn at random and kept in ue/NAME.json (mode 0600) for the scripted UE. The password for "
          "sign-on is "
          "asked for, unless it comes from a file or standard input.",
          cmd_user_add,
          { PASSWORD_OPTS,
            { "name", 0, "TEXT", "Name for people." },
            { "mcptt-id", 0, "URI", "Default sip:NAME@MC-DOMAIN." },
            { "mcvideo-id", 0, "URI", "Default sip:NAME-v@MC-DOMAIN." },
            { "mcdata-id", 0, "URI", "Default sip:NAME-d@MC-DOMAIN." },
            { "impi", 0, "ID", "Private identity; default NAME.impi@IMS-DOMAIN." },
            { "impu", 0, "URI", "Public identity; default sip:NAME.impu@IMS-DOMAIN." },
            { "auth", 0, "KIND", "How the UE proves itself to IMS: aka (default) or digest." },
            { "k", 0, "HEX", "Subscriber key of 16 octets; default random." },
            { "opc", 0, "HEX", "OPc of 16 octets; default random." },
            { "ims-password", 0, "TEXT", "Password for SIP Digest; default random." },
            { "groups", 0, "URI,...", "MC groups that the user belongs to." } } },
        { "user list", "", 0, 0, "List the users of the IdM server.", NULL, cmd_user_list, { { 0 } } },
        { "user show", "NAME", 1, 1, "Show what each function knows of a user.", NULL, cmd_user_show, { { 0 } } },
        { "user del",
          "NAME",
          1,
          1,
          "Remove a user from all databases.",
          NULL,
          cmd_user_del,
          { { "impi", 0, "ID", "Private identity, where it is not the derived one and the profile is gone." } } },
        { "user enable", "NAME", 1, 1, "Let a user sign on again.", NULL, cmd_user_enable, { { 0 } } },
        { "user disable", "NAME", 1, 1, "Let a user not sign on any more.", NULL, cmd_user_disable, { { 0 } } },
        { "user passwd", "NAME", 1, 1, "Set a new password.", NULL, cmd_user_passwd, { PASSWORD_OPTS } },
        { "client add",
          "CLIENT",
          1,
          1,
          "Register or change an OAuth client.",
          NULL,
          cmd_client_add,
          { { "name", 0, "TEXT", "Name for people." },
            { "redirect-uri", 0, "URI,...", "Where answers may go; compared octet by octet." },
            { "auth-method", 0, "KIND", "none (default), client_secret_basic or private_key_jwt." },
            { "scopes", 0, "SCOPE,...", "What it may ask for (default: everything)." },
            { "consent", 0, NULL, "Ask users for their consent." },
            { "introspects", 0, NULL, "It may ask whether tokens are good (RFC 7662)." } } },
        { "client list", "", 0, 0, "List the OAuth clients.", NULL, cmd_client_list, { { 0 } } },
        { "client del", "CLIENT", 1, 1, "Remove an OAuth client.", NULL, cmd_client_del, { { 0 } } },
        { 0 },
};
