/* ue: a scripted UE, each step by itself or all of them (TS 33.180 clause 5.1.1: A user authentication, B SIP
 * registration, C service authorisation). */
#include "cli/cli_util.h"
#include "cli/cmd_ue.h"
#include "cli/command.h"
#include "host/ue_host.h"

#include <stdio.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

struct run {
        struct cli *c;
        struct deployment *d;
        struct ue_host *host;
        struct ue *ue;
        bool registered; /* on this process's connections */
};

static void say(struct run *r, const char *what)
{
        if (!r->c->json)
                printf("%s%s%s\n", r->c->colour ? "\033[32m✓\033[0m " : "ok  ", what, "");
        fflush(stdout);
}

/* --- the steps; each says what was reached --- */

static enum ecode step_configure(struct run *r, struct err *er)
{
        if (r->ue->init != NULL)
                return E_OK;
        return ue_configure(r->ue, er);
}

static void open_browser(const char *url)
{
        pid_t pid = fork();
        if (pid == 0) {
                int quiet = dup2(open("/dev/null", 1), 2);
                execlp("xdg-open", "xdg-open", url, (char *)NULL);
                _exit(quiet < 0 ? 126 : 127);
        }
        if (pid > 0)
                waitpid(pid, NULL, 0);
}

static enum ecode login_browser(struct run *r, struct err *er)
{
        char *redirect = NULL, *url = NULL, *query = NULL;
        enum ecode e = ue_host_listen(r->host, &redirect, er);
        if (e == E_OK)
                e = ue_login_begin(r->ue, redirect, &url, er);
        if (e != E_OK)
                return e;
        fprintf(stderr, "Sign in as %s at\n\n  %s\n\n", r->ue->profile->mc_id, url);
        if (cli_opt(r->c, "no-open") == NULL)
                open_browser(url);
        e = ue_host_await(r->host, 300, &query, er);
        return e == E_OK ? ue_login_finish(r->ue, query, er) : e;
}

static enum ecode step_login(struct run *r, struct err *er)
{
        char *password = NULL;
        enum ecode e = step_configure(r, er);
        if (e != E_OK)
                return e;
        if (cli_opt(r->c, "browser") != NULL) {
                e = login_browser(r, er);
        } else {
                e = cli_password(r->c, r->ue->profile->mc_id, &password, er);
                if (e == E_OK)
                        e = ue_login_password(r->ue, password, er);
        }
        if (e == E_OK)
                say(r,
                    talloc_asprintf(r->c->mem, "signed in as %s: ID, access and refresh token", r->ue->profile->mc_id));
        return e;
}

static enum ecode step_refresh(struct run *r, struct err *er)
{
        enum ecode e = step_configure(r, er);
        if (e == E_OK)
                e = ue_refresh(r->ue, er);
        if (e == E_OK)
                say(r, "tokens refreshed");
        return e;
}

static enum ecode step_keys(struct run *r, struct err *er)
{
        enum ecode e = step_configure(r, er);
        if (e == E_OK)
                e = ue_fetch_keys(r->ue, er);
        if (e == E_OK)
                say(r, talloc_asprintf(r->c->mem, "keys of %s fetched and validated", r->ue->domain->kms_uri));
        return e;
}

static enum ecode register_now(struct run *r, bool token_inside, struct err *er)
{
        enum ecode e = step_configure(r, er);
        if (e == E_OK)
                e = ue_register(r->ue, 600000, token_inside, er);
        r->registered = e == E_OK;
        if (e == E_OK) /* now: who ends the command while the browser waits would else repeat a CSeq */
                e = ue_host_keep(r->host, er);
        if (e == E_OK)
                say(r, talloc_asprintf(r->c->mem, "registered %s over SIP/%s with %s%s", r->ue->reg.default_impu,
                                       sip_proto_name(r->ue->proto),
                                       strcmp(r->ue->profile->auth, "aka") == 0 ? "IMS AKA" : "SIP Digest",
                                       token_inside ? ", token inside" : ""));
        return e;
}

static enum ecode step_register(struct run *r, struct err *er)
{
        return register_now(r, cli_opt(r->c, "token-in-register") != NULL, er);
}

/* A connection ends with the command that opened it, so the next one registers anew before it sends anything else. */
static enum ecode be_registered(struct run *r, struct err *er)
{
        return r->registered ? E_OK : register_now(r, false, er);
}

static enum ecode step_authorize(struct run *r, struct err *er)
{
        enum ecode e = be_registered(r, er);
        if (e == E_OK && r->ue->domain == NULL)
                e = step_keys(r, er);
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++) {
                if (r->ue->tokens.service_id[s] == NULL)
                        continue;
                e = ue_authorize(r->ue, (enum mcx_service)s, er);
                if (e == E_OK)
                        say(r, talloc_asprintf(r->c->mem, "%s authorised as %s, CSK-ID %08x",
                                               mcx_service_name((enum mcx_service)s), r->ue->tokens.service_id[s],
                                               r->ue->auth[s].csk_id));
        }
        return e;
}

static enum ecode step_profile(struct run *r, struct err *er)
{
        enum ecode e = step_configure(r, er);
        if (e == E_OK)
                e = ue_read_profile(r->ue, MCX_PTT, er);
        if (e == E_OK)
                say(r, talloc_asprintf(r->c->mem, "user profile read: %s, %zu group(s)",
                                       r->ue->user_profile->name ? r->ue->user_profile->name
                                                                 : r->ue->user_profile->user_uri,
                                       r->ue->user_profile->groups_n));
        return e;
}

static enum ecode step_log_off(struct run *r, struct err *er)
{
        enum ecode e = be_registered(r, er);
        for (int s = 0; s < MCX_SERVICES && e == E_OK; s++)
                if (r->ue->tokens.service_id[s] != NULL && r->ue->auth[s].etag != NULL)
                        e = ue_log_off(r->ue, (enum mcx_service)s, er);
        if (e == E_OK)
                say(r, "logged off from the MC services");
        return e;
}

static enum ecode step_deregister(struct run *r, struct err *er)
{
        enum ecode e = step_configure(r, er);
        if (e == E_OK)
                e = ue_deregister(r->ue, er);
        if (e == E_OK)
                say(r, "de-registered from the SIP core");
        return e;
}

/* Any request before or after authorisation, to see what the MC server says. */
static enum ecode step_try(struct run *r, struct err *er)
{
        int status = 0, warning = -1;
        enum ecode e = be_registered(r, er);
        if (e == E_OK)
                e = ue_try(r->ue, MCX_PTT, r->c->args[0], &status, &warning, er);
        if (e == E_OK && r->c->json) {
                json_t *o = json_pack("{s:s,s:i,s:i}", "method", r->c->args[0], "status", status, "warning", warning);
                cli_print_json(o);
                json_decref(o);
        } else if (e == E_OK && warning >= 0)
                printf("%s: %d, Warning %d\n", r->c->args[0], status, warning);
        else if (e == E_OK)
                printf("%s: %d\n", r->c->args[0], status);
        return e;
}

/* --- runs of steps --- */

typedef enum ecode (*step_fn)(struct run *r, struct err *er);

static enum ecode run_steps(struct cli *c, const step_fn *steps, struct err *er)
{
        struct run r = { .c = c };
        enum sip_proto proto;
        const char *user = cli_opt(c, "user");
        enum ecode e = cli_transport(c, &proto, er);
        if (e == E_OK && user == NULL)
                e = err_set(er, E_MISSING, NULL, "--user NAME is missing: `muster user list` shows who there is");
        if (e == E_OK)
                e = cli_deployment(c, &r.d, er);
        if (e == E_OK)
                e = ue_host_open(c->mem, r.d, user, proto, &r.host, er);
        if (e != E_OK)
                return e;
        r.ue = ue_host_ue(r.host);
        for (; *steps != NULL && e == E_OK; steps++)
                e = (*steps)(&r, er);
        struct err kept = { 0 };
        if (ue_host_keep(r.host, &kept) != E_OK && e == E_OK) {
                *er = kept;
                e = kept.code;
        }
        if (e == E_OK && c->json && strcmp(c->cmd->name, "ue try") != 0) {
                json_t *o = json_pack("{s:s,s:s,s:s,s:b}", "user", user, "command", c->cmd->name, "trace", r.ue->trace,
                                      "ok", 1);
                cli_print_json(o);
                json_decref(o);
        }
        ue_host_close(r.host);
        return e;
}

#define RUN(name, ...)                                                                                                 \
        static enum ecode cmd_##name(struct cli *c, struct err *er)                                                    \
        {                                                                                                              \
                static const step_fn steps[] = { __VA_ARGS__, NULL };                                                  \
                return run_steps(c, steps, er);                                                                        \
        }

RUN(login, step_login)
RUN(refresh, step_refresh)
RUN(keys, step_keys)
RUN(register, step_register)
RUN(authorize, step_authorize, step_profile)
RUN(profile, step_profile)
RUN(log_off, step_log_off)
RUN(deregister, step_deregister)
RUN(try, step_try)

static enum ecode cmd_sign_on(struct cli *c, struct err *er)
{
        static const step_fn login_first[] = {
                step_login, step_keys, step_register, step_authorize, step_profile, NULL
        };
        static const step_fn register_first[] = { step_register,  step_login,   step_keys,
                                                  step_authorize, step_profile, NULL };
        static const step_fn inside[] = { step_login, step_keys, step_register, step_profile, NULL };
        const char *order = cli_opt(c, "order");
        if (order != NULL && strcmp(order, "login-first") != 0 && strcmp(order, "register-first") != 0)
                return err_set(er, E_RANGE, NULL, "--order is login-first or register-first");
        if (cli_opt(c, "token-in-register") != NULL)
                return run_steps(c, inside, er);
        return run_steps(c, order != NULL && strcmp(order, "login-first") == 0 ? login_first : register_first, er);
}

enum ecode cli_sign_on(struct cli *c, struct deployment *d, const char *user, const char *password, char trace[33],
                       struct err *er)
{
        struct run r = { .c = c, .d = d };
        enum ecode e = ue_host_open(c->mem, d, user, SIP_TLS, &r.host, er);
        trace[0] = 0;
        if (e != E_OK)
                return e;
        r.ue = ue_host_ue(r.host);
        memcpy(trace, r.ue->trace, 33);
        e = step_register(&r, er);
        if (e == E_OK)
                e = ue_login_password(r.ue, password, er);
        if (e == E_OK)
                e = step_keys(&r, er);
        if (e == E_OK)
                e = step_authorize(&r, er);
        if (e == E_OK)
                e = step_profile(&r, er);
        if (e == E_OK)
                e = ue_host_keep(r.host, er);
        ue_host_close(r.host);
        return e;
}

#define USER                                                                                                           \
        {                                                                                                              \
                "user", 'u', "NAME", "Whose UE: a name in the deployment's ue/ folder."                                \
        }
#define TRANSPORT                                                                                                      \
        {                                                                                                              \
                "transport", 't', "NAME", "SIP over tls (default), tcp or udp."                                        \
        }
#define INSIDE                                                                                                         \
        {                                                                                                              \
                "token-in-register", 0, NULL, "The access token travels inside REGISTER, without a PUBLISH."           \
        }
#define PASSWORD                                                                                                       \
        { "password-stdin", 0, NULL, "Read the password from standard input." },                                       \
        {                                                                                                              \
                "password-file", 0, "FILE", "Read the password from a file."                                           \
        }
#define BROWSER                                                                                                        \
        { "browser", 0, NULL, "Sign in with the browser, which is redirected to a loopback address (RFC 8252)." },     \
        {                                                                                                              \
                "no-open", 0, NULL, "With --browser: only print the address."                                          \
        }

const struct cli_cmd cli_ue_cmds[] = {
        { "ue sign-on",
          "",
          0,
          0,
          "Go through all steps: register, log in, fetch keys, be authorised, read the profile.",
          "Asks for the password, or opens the browser. Steps A (login) and B (registration) may come in either order.",
          cmd_sign_on,
          { USER,
            TRANSPORT,
            PASSWORD,
            BROWSER,
            INSIDE,
            { "order", 0, "ORDER", "register-first (default) or login-first: TS 33.180 clause 5.1.1 allows both." } } },
        { "ue login",
          "",
          0,
          0,
          "Steps 3a to 3g: OpenID Connect login; keeps the tokens.",
          NULL,
          cmd_login,
          { USER, PASSWORD, BROWSER } },
        { "ue refresh", "", 0, 0, "Get new tokens with the refresh token.", NULL, cmd_refresh, { USER } },
        { "ue keys", "", 0, 0, "Step 3.5: fetch and validate the keys from the KMS.", NULL, cmd_keys, { USER } },
        { "ue register",
          "",
          0,
          0,
          "Step 1: register in the SIP core.",
          NULL,
          cmd_register,
          { USER, TRANSPORT, INSIDE } },
        { "ue authorize",
          "",
          0,
          0,
          "Step 4: PUBLISH token, client id and CSK; then read the user profile.",
          "Registers first where its connection needs it, and fetches the keys.",
          cmd_authorize,
          { USER, TRANSPORT } },
        { "ue profile", "", 0, 0, "Read the user profile from the CMS.", NULL, cmd_profile, { USER } },
        { "ue log-off",
          "",
          0,
          0,
          "Leave the MC services (PUBLISH with Expires 0).",
          NULL,
          cmd_log_off,
          { USER, TRANSPORT } },
        { "ue deregister",
          "",
          0,
          0,
          "Leave the SIP core (REGISTER with Expires 0).",
          NULL,
          cmd_deregister,
          { USER, TRANSPORT } },
        { "ue try",
          "METHOD",
          1,
          1,
          "Send one request (INVITE, MESSAGE, ...) to the MCPTT server and show its answer.",
          "Before service authorisation the answer is 404 with Warning 141.",
          cmd_try,
          { USER, TRANSPORT } },
        { 0 },
};
