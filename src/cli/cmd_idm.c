/* session, key: what the IdM server holds beside users and clients. */
#include "cli/cli_util.h"
#include "host/admin.h"

#include <stdio.h>
#include <talloc.h>

enum { CALL_MS = 20000 };

static enum ecode ask(struct cli *c, const char *cmd, json_t *args, json_t **ret, struct err *er)
{
        struct deployment *d = NULL;
        enum ecode e = cli_deployment(c, &d, er);
        if (e == E_OK && c->args_n > 0) {
                const char *who = c->args[0];
                bool whole = strchr(who, '@') != NULL;
                json_object_set_new(args, "mc_id", json_sprintf(whole ? "%s" : "%s@%s", who, d->set.mc_domain));
        }
        if (e == E_OK)
                e = admin_call(c->mem, d->site.dir, "idm", cmd, args, CALL_MS, ret, er);
        json_decref(args);
        return e;
}

static const char *text_of(json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s != NULL ? s : "-";
}

static enum ecode cmd_session_list(struct cli *c, struct err *er)
{
        json_t *out = NULL, *o;
        size_t i;
        enum ecode e = ask(c, "sessions", json_object(), &out, er);
        if (e != E_OK)
                return e;
        json_t *all = json_object_get(out, "sessions");
        if (c->json) {
                cli_print_json(all);
        } else {
                printf("%-32s %-24s %-20s %s\n", "USER", "CLIENT", "SIGNED ON", "EXPIRES");
                json_array_foreach(all, i, o)
                        printf("%-32s %-24s %-20s %s\n", text_of(o, "mc_id"), text_of(o, "client_id"),
                               text_of(o, "signed_on"), text_of(o, "expires"));
        }
        json_decref(out);
        return E_OK;
}

static enum ecode cmd_session_end(struct cli *c, struct err *er)
{
        json_t *out = NULL;
        enum ecode e = ask(c, "sessions", json_pack("{s:b}", "end", 1), &out, er);
        if (e != E_OK)
                return e;
        if (c->json)
                cli_print_json(out);
        else
                printf("%lld ended\n", (long long)json_integer_value(json_object_get(out, "ended")));
        json_decref(out);
        return E_OK;
}

static enum ecode show_keys(struct cli *c, const char *cmd, json_t *args, struct err *er)
{
        json_t *out = NULL, *o;
        size_t i;
        enum ecode e = ask(c, cmd, args, &out, er);
        if (e != E_OK)
                return e;
        json_t *keys = json_object_get(out, "keys");
        if (c->json) {
                cli_print_json(keys);
        } else {
                printf("%-44s %-6s %-21s %s\n", "KEY", "ALG", "SIGNS FROM", "PUBLISHED UNTIL");
                json_array_foreach(keys, i, o) printf("%-44s %-6s %-21s %s\n", text_of(o, "kid"), text_of(o, "alg"),
                                                      text_of(o, "use_from"), text_of(o, "drop_at"));
        }
        json_decref(out);
        return E_OK;
}

static enum ecode cmd_key_list(struct cli *c, struct err *er)
{
        return show_keys(c, "key-list", json_object(), er);
}

static enum ecode cmd_key_rotate(struct cli *c, struct err *er)
{
        json_t *args = json_object();
        if (cli_opt(c, "alg") != NULL)
                json_object_set_new(args, "alg", json_string(cli_opt(c, "alg")));
        return show_keys(c, "key-rotate", args, er);
}

const struct cli_cmd cli_idm_cmds[] = {
        { "session list",
          "[NAME]",
          0,
          1,
          "List who is signed on, and at which client.",
          NULL,
          cmd_session_list,
          { { 0 } } },
        { "session end",
          "NAME",
          1,
          1,
          "End every session of a user: all refresh tokens fall.",
          "Access tokens that are out already stay good until they expire, at servers that do not introspect.",
          cmd_session_end,
          { { 0 } } },
        { "key list", "", 0, 0, "List the keys that sign tokens.", NULL, cmd_key_list, { { 0 } } },
        { "key rotate",
          "",
          0,
          0,
          "Make new keys for signing tokens; the old ones follow their last token.",
          "A new key is published at once and signs after the setting key_lead_s, so that everybody has it by then. "
          "Nothing has to be restarted.",
          cmd_key_rotate,
          { { "alg", 0, "ALG", "RS256 or ES256; default both." } } },
        { 0 },
};
