/* token inspect: what is in a token, whether it is proven, and what each resource server would say. */
#include "adapter/net/http_client.h"
#include "base/env.h"
#include "cli/cli_util.h"
#include "cli/command.h"
#include "host/roles.h"
#include "proto/oauth/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

/* A resource server's view, from its own section of the configuration. */
static const struct {
        const char *role, *what;
        enum mc_service service;
        enum mc_resource resource;
} servers[] = {
        { "kms", "keys", MC_ANY, MC_RES_KMS },          { "cms", "user profile", MC_ANY, MC_RES_CMS },
        { "cms", "groups", MC_ANY, MC_RES_GMS },        { "mcx", "MCPTT", MC_PTT, MC_RES_SERVICE },
        { "mcx", "MCVideo", MC_VIDEO, MC_RES_SERVICE }, { "mcx", "MCData", MC_DATA, MC_RES_SERVICE },
};

struct inspection {
        struct cli *c;
        struct deployment *d; /* NULL: the token is only shown */
        struct bytes text;
        struct jwt jwt;
        struct jwks keys;
        enum ecode keys_at_hand;
        struct err why; /* keys_at_hand */
};

static enum ecode read_token(struct cli *c, struct bytes *ret, struct err *er)
{
        char *text = NULL;
        const char *arg = c->args_n ? c->args[0] : "-";
        enum ecode e = E_OK;
        if (strcmp(arg, "-") != 0)
                text = talloc_strdup(c->mem, arg);
        else
                e = cli_read_text(c->mem, "-", 64 << 10, &text, er);
        if (e != E_OK)
                return e;
        /* People paste whole header lines. */
        const char *bearer = strstr(text, "Bearer ");
        struct bytes t = bytes_str(bearer ? bearer + 7 : text);
        while (t.n > 0 && strchr(" \t\r\n", t.p[t.n - 1]) != NULL)
                t.n--;
        *ret = t;
        return E_OK;
}

static enum ecode fetch_keys(struct inspection *in, struct err *er)
{
        const char *url = deployment_setting(in->c->mem, in->d, "kms", "jwks_url");
        if (url == NULL)
                return err_set(er, E_CONFIG, NULL, "no jwks_url is configured");
        const struct http_client_conf conf = { .rng = &rng_system, .ca_file = in->d->site.ca_file };
        const struct http_out rq = { .method = "GET", .url = url, .timeout_ms = 5000 };
        struct http_client *http = NULL;
        struct http_in rs = { 0 };
        enum ecode e = http_client_open(&conf, &http, er);
        if (e == E_OK)
                e = http->fetch(http, in->c->mem, &rq, &rs, er);
        if (e == E_OK && rs.status != 200)
                e = err_set(er, E_PEER_DOWN, NULL, "%s answered %d", url, rs.status);
        if (e == E_OK)
                e = jwks_parse(in->c->mem, rs.body, &in->keys, er);
        http_client_close(http);
        return e;
}

static enum ecode ask_server(struct inspection *in, size_t i, const char **ret_id, struct err *er)
{
        void *mem = in->c->mem;
        const char *role = servers[i].role, *names[17] = { 0 };
        static const char *const types[] = { "at+jwt", "application/at+jwt", NULL };
        const char *list = deployment_setting(mem, in->d, role, "audiences");
        if (list == NULL)
                list = deployment_setting(mem, in->d, role, "audience");
        char *words = talloc_strdup(mem, list ? list : ""), *save = NULL;
        size_t n = 0;
        for (char *w = strtok_r(words, " ", &save); w != NULL && n < COUNT(names) - 1; w = strtok_r(NULL, " ", &save))
                names[n++] = w;
        const struct jwt_policy policy = { .algs = JOSE_ALLOW_ALL,
                                           .iss = deployment_setting(mem, in->d, role, "issuer"),
                                           .typ = types,
                                           .aud_any = names,
                                           .leeway_s = JWT_LEEWAY_S,
                                           .access = true };
        struct token_claims claims;
        enum ecode e = jwt_verify(mem, in->text, &in->keys, &policy, clock_now(&clock_system), &claims, er);
        if (e != E_OK)
                return e;
        static const enum mc_service all[] = { MC_PTT, MC_VIDEO, MC_DATA };
        e = E_TOKEN_SCOPE;
        for (size_t k = 0; e != E_OK && k < COUNT(all); k++) {
                if (servers[i].service != MC_ANY && servers[i].service != all[k])
                        continue;
                if (!mc_scope_granted(claims.scope, all[k], servers[i].resource))
                        continue;
                *ret_id = token_mc_id(&claims, all[k]);
                e = *ret_id ? E_OK : E_TOKEN_IDENTITY;
        }
        return e == E_OK ? e
                         : err_set(er, e, e == E_TOKEN_SCOPE ? "R-ID-83" : "R-ID-84", "%s",
                                   e == E_TOKEN_SCOPE ? "the scope for it is not in the token"
                                                      : "the token names no MC service ID for this service");
}

static void annotate(json_t *payload, const char *name, struct buf *to)
{
        json_t *v = json_object_get(payload, name);
        char iso[21];
        if (!json_is_integer(v))
                return;
        long long left = json_integer_value(v) - clock_now(&clock_system);
        time_iso8601(json_integer_value(v), iso);
        buf_printf(to, "  %-10s %s  (%lld s %s)\n", name, iso, left < 0 ? -left : left, left < 0 ? "ago" : "from now");
}

static void show_parts(struct inspection *in)
{
        char *header = json_dumps(in->jwt.header, JSON_INDENT(2)),
             *payload = json_dumps(in->jwt.payload, JSON_INDENT(2));
        struct buf times = buf_on(in->c->mem);
        static const char *const names[] = { "iat", "nbf", "auth_time", "exp" };
        for (size_t i = 0; i < COUNT(names); i++)
                annotate(in->jwt.payload, names[i], &times);
        printf("Header\n%s\nClaims\n%s\nTimes\n%s", header, payload, times.p ? (char *)times.p : "");
        free(header);
        free(payload);
}

/* One row per resource server; the number of those that would accept. */
static size_t judge(struct inspection *in, json_t *rows)
{
        size_t good = 0;
        const struct cli *c = in->c;
        for (size_t i = 0; i < COUNT(servers); i++) {
                const char *id = NULL;
                struct err er = in->why;
                if (host_role(servers[i].role) == NULL)
                        continue;
                enum ecode e = in->keys_at_hand == E_OK ? ask_server(in, i, &id, &er) : in->keys_at_hand;
                good += e == E_OK;
                json_array_append_new(rows,
                                      json_pack("{s:s,s:s,s:b,s:s*,s:s*,s:s*,s:s*}", "server", servers[i].role, "for",
                                                servers[i].what, "accepted", e == E_OK, "as", id, "cause",
                                                e != E_OK ? ecode_name(e) : NULL, "text", e != E_OK ? er.text : NULL,
                                                "advice", e != E_OK ? ecode_advice(e) : NULL));
                if (c->json)
                        continue;
                bool undecided = ecode_undecided(e);
                const char *word = e == E_OK ? "accepts" : undecided ? "unknown" : "refuses";
                printf("  %-4s %-13s %s%s%s  %s\n", servers[i].role, servers[i].what,
                       !c->colour  ? ""
                       : e == E_OK ? "\033[32m"
                       : undecided ? "\033[33m"
                                   : "\033[31m",
                       word, c->colour ? "\033[0m" : "",
                       e == E_OK ? id : talloc_asprintf(c->mem, "%s: %s", ecode_name(e), er.text));
        }
        return good;
}

static enum ecode cmd_token_inspect(struct cli *c, struct err *er)
{
        struct inspection in = { .c = c };
        enum ecode e = read_token(c, &in.text, er);
        if (e == E_OK)
                e = jwt_parse(c->mem, in.text, &in.jwt, er);
        if (e != E_OK)
                return e;
        if (!c->json)
                show_parts(&in);
        if (deployment_open(c->mem, c->dir, &in.d, &in.why) == E_OK)
                in.keys_at_hand = fetch_keys(&in, &in.why);
        else
                in.keys_at_hand = in.why.code;
        json_t *rows = json_array();
        if (!c->json)
                puts("What the resource servers of this deployment would say");
        size_t good = in.d != NULL && in.d->conf != NULL ? judge(&in, rows) : 0;
        if (c->json) {
                json_t *all = json_pack("{s:O,s:O,s:b,s:O}", "header", in.jwt.header, "claims", in.jwt.payload,
                                        "keys_at_hand", in.keys_at_hand == E_OK, "servers", rows);
                cli_print_json(all);
                json_decref(all);
        } else if (in.keys_at_hand != E_OK) {
                printf("  nothing is proven: %s\n", in.why.text);
        }
        json_decref(rows);
        if (in.keys_at_hand != E_OK)
                return E_PEER_DOWN; /* it has been said */
        return good > 0 ? E_OK : E_FORBIDDEN;
}

const struct cli_cmd cli_token_cmds[] = {
        { "token inspect",
          "[TOKEN]",
          0,
          1,
          "Show a token, and what each resource server would say to it.",
          "Reads the token (or a whole Authorization header) from the argument or from standard input, which keeps it "
          "out of the "
          "process list. Exit status 1: no server would accept it; 3: the issuer's keys could not be had.",
          cmd_token_inspect,
          { { 0 } } },
        { 0 },
};
