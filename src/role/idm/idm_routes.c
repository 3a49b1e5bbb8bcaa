/* CSC-1 as HTTP: words in, words out; the decisions are in idm_service*.c. */
#include "role/idm/idm_priv.h"

#include <strings.h>
#include <talloc.h>

#define FLOW        "mcx-sign-on"
#define TXN_COOKIE  "__Host-txn"
#define MARK_COOKIE "__Host-mark"
#define COOKIE_ATTR "Path=/; Secure; HttpOnly; SameSite=Lax"
#define MARK_KEEP_S 31536000

/* What both endpoints need */

static void arrived(struct idm *idm, const struct http_req *rq, const char *step, const char *text)
{
        ev_arrow(idm->env->log, &(struct arrow){ .flow = FLOW,
                                                 .step = step,
                                                 .from = "ue",
                                                 .to = "idm",
                                                 .proto = "HTTPS",
                                                 .text = text,
                                                 .trace = rq->trace });
}

static void refused(struct idm *idm, const struct http_req *rq, const char *step, const struct err *er,
                    const char *client_id, const char *sub)
{
        const struct ev_kv more[] = {
                KV_STR("client", client_id), KV_HASH("user", sub), KV_STR("trace", rq->trace), { 0 }
        };
        ev_refused(idm->env->log, FLOW, step, er, more);
}

static bool is_form(const struct http_req *rq)
{
        static const char type[] = "application/x-www-form-urlencoded";
        const char *is = http_req_field(rq, "Content-Type");
        size_t n = sizeof type - 1;
        return is != NULL && strncasecmp(is, type, n) == 0 && (is[n] == 0 || is[n] == ';' || is[n] == ' ');
}

static enum ecode read_form(const struct http_req *rq, struct form *ret, struct err *er)
{
        if (!is_form(rq))
                return err_set(er, E_MEDIA_TYPE, "R-ID-61", "the body has to be application/x-www-form-urlencoded");
        enum ecode e = form_parse(rq->mem, rq->body, ret, er);
        return e;
}

/* The value of one cookie; NULL: it is not there. */
static const char *cookie(const struct http_req *rq, const char *name)
{
        const char *at = http_req_field(rq, "Cookie");
        size_t n = strlen(name);
        while (at != NULL && *at != 0) {
                at += strspn(at, "; ");
                size_t len = strcspn(at, ";");
                if (len > n && strncmp(at, name, n) == 0 && at[n] == '=')
                        return talloc_strndup(rq->mem, at + n + 1, len - n - 1);
                at += len;
        }
        return NULL;
}

/* Authorization endpoint */

/* 400 for what was decided, whatever it was: the user reads the page, no client reads the status. */
static void show_error(struct idm *idm, const struct http_req *rq, struct http_res *rs, const char *step,
                       const struct err *er)
{
        bool undecided = ecode_undecided(er->code);
        refused(idm, rq, step, er, NULL, NULL);
        if (undecided)
                http_res_field(rs, "Retry-After", "5");
        idm_page_error(idm, rs, undecided ? 503 : 400, er, rq->trace);
}

static void redirect(struct http_res *rs, const struct idm_answer *a)
{
        rs->status = 302;
        http_res_field(rs, "Location", "%s", a->redirect);
        http_res_field(rs, "Cache-Control", "no-store");
        http_res_field(rs, "Referrer-Policy", "no-referrer");
        http_res_field(rs, "Set-Cookie", TXN_COOKIE "=; Max-Age=0; " COOKIE_ATTR);
        if (a->mark != NULL)
                http_res_field(rs, "Set-Cookie", MARK_COOKIE "=%s; Max-Age=%d; " COOKIE_ATTR, a->mark, MARK_KEEP_S);
}

static void show(struct idm *idm, const struct http_req *rq, struct http_res *rs, const char *step,
                 const struct idm_answer *a)
{
        if (a->why.code != E_OK)
                refused(idm, rq, step, &a->why, a->client_id, a->sub);
        switch (a->step) {
        case IDM_REDIRECT:
                if (a->why.code == E_OK)
                        ev(idm->env->log, EV_INFO, "code-issued", KV_STR("flow", FLOW), KV_STR("step", "3d"),
                           KV_STR("client", a->client_id), KV_HASH("user", a->sub), KV_STR("trace", rq->trace));
                redirect(rs, a);
                break;
        case IDM_ASK_PASSWORD:
                http_res_field(rs, "Set-Cookie", TXN_COOKIE "=%s; " COOKIE_ATTR, a->handle);
                idm_page_login(idm, rs, a);
                break;
        case IDM_ASK_CONSENT: idm_page_consent(idm, rs, a); break;
        }
}

static void authorize(struct idm *idm, const struct http_req *rq, struct http_res *rs, const struct form *f)
{
        struct auth_req in;
        struct idm_answer a;
        struct err er = { 0 };
        auth_req_parse(f, &in);
        arrived(idm, rq, "3a",
                talloc_asprintf(rq->mem, "authentication request of %.64s%s", in.client_id ? in.client_id : "nobody",
                                in.code_challenge ? " with code_challenge" : ""));
        if (idm_authorize(idm, rq->mem, &in, &a, &er) == E_OK)
                show(idm, rq, rs, "3a", &a);
        else
                show_error(idm, rq, rs, "3a", &er);
}

static void get_authorize(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct form f;
        struct err er = { 0 };
        if (form_parse(rq->mem, bytes_str(rq->query), &f, &er) == E_OK)
                authorize(role, rq, rs, &f);
        else
                show_error(role, rq, rs, "3a", &er);
}

static void login(struct idm *idm, const struct http_req *rq, struct http_res *rs, const struct form *f)
{
        struct idm_answer a;
        struct err er = { 0 };
        struct idm_login in = { .handle = form_get(f, "txn"),
                                .cookie = cookie(rq, TXN_COOKIE),
                                .username = form_get(f, "username"),
                                .password = form_get(f, "password"),
                                .mark = cookie(rq, MARK_COOKIE) };
        arrived(idm, rq, "3b", "MC ID and password");
        if (idm_login(idm, rq->mem, &in, &a, &er) == E_OK)
                show(idm, rq, rs, "3b", &a);
        else
                show_error(idm, rq, rs, "3b", &er);
}

static void consent(struct idm *idm, const struct http_req *rq, struct http_res *rs, const struct form *f)
{
        struct idm_answer a;
        struct err er = { 0 };
        bool allowed = strcmp(form_get(f, "consent"), "allow") == 0;
        arrived(idm, rq, "3c", allowed ? "the user allows it" : "the user refuses");
        if (idm_consent(idm, rq->mem, form_get(f, "txn"), cookie(rq, TXN_COOKIE), allowed, &a, &er) == E_OK)
                show(idm, rq, rs, "3c", &a);
        else
                show_error(idm, rq, rs, "3c", &er);
}

/* Three things are posted here: our two forms, which carry `txn`, and authentication requests by POST (R-ID-8). */
static void post_authorize(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct form f;
        struct err er = { 0 };
        if (read_form(rq, &f, &er) != E_OK)
                show_error(role, rq, rs, "3a", &er);
        else if (form_get(&f, "txn") == NULL)
                authorize(role, rq, rs, &f);
        else if (form_get(&f, "consent") != NULL)
                consent(role, rq, rs, &f);
        else
                login(role, rq, rs, &f);
}

static void get_metadata(void *role, const struct http_req *rq, struct http_res *rs)
{
        http_res_field(rs, "Cache-Control", "public, max-age=300");
        http_res_body(rs, 200, "application/json", bytes_str(idm_metadata(role, rq->mem)));
}

static void logout(struct idm *idm, const struct http_req *rq, struct http_res *rs, const struct form *f)
{
        struct idm_logout in = { .id_token_hint = form_get(f, "id_token_hint"),
                                 .client_id = form_get(f, "client_id"),
                                 .post_logout_redirect_uri = form_get(f, "post_logout_redirect_uri"),
                                 .state = form_get(f, "state"),
                                 .repeated = f->repeated };
        struct err er = { 0 };
        const char *to = NULL;
        int64_t ended = 0;
        if (idm_logout(idm, rq->mem, &in, &to, &ended, &er) != E_OK) {
                show_error(idm, rq, rs, "logout", &er);
                return;
        }
        ev(idm->env->log, EV_INFO, "signed-out", KV_STR("flow", FLOW), KV_INT("ended", ended),
           KV_STR("trace", rq->trace), KV_STR("req", "R-ID-138"));
        http_res_field(rs, "Set-Cookie", MARK_COOKIE "=; Max-Age=0; " COOKIE_ATTR);
        if (to != NULL)
                redirect(rs, &(struct idm_answer){ .redirect = to });
        else
                idm_page_signed_out(idm, rs, in.id_token_hint != NULL);
}

static void get_logout(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct form f;
        struct err er = { 0 };
        if (form_parse(rq->mem, bytes_str(rq->query), &f, &er) == E_OK)
                logout(role, rq, rs, &f);
        else
                show_error(role, rq, rs, "logout", &er);
}

static void post_logout(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct form f;
        struct err er = { 0 };
        if (read_form(rq, &f, &er) == E_OK)
                logout(role, rq, rs, &f);
        else
                show_error(role, rq, rs, "logout", &er);
}

const struct http_route idm_authorization_routes[] = {
        { "GET", "/as/authorize", get_authorize },
        { "POST", "/as/authorize", post_authorize },
        { "GET", "/as/logout", get_logout },
        { "POST", "/as/logout", post_logout },
        { "GET", "/.well-known/openid-configuration", get_metadata },
        { "GET", "/.well-known/oauth-authorization-server", get_metadata },
        { 0 },
};

/* Token endpoint: machines only, no cookies, no HTML, no redirects */

static void answer_json(struct http_res *rs, int status, const char *json)
{
        http_res_field(rs, "Cache-Control", "no-store"); /* R-ID-68 */
        http_res_field(rs, "Pragma", "no-cache");
        http_res_body(rs, status, "application/json", bytes_str(json));
}

static void answer_error(struct idm *idm, const struct http_req *rq, struct http_res *rs, const char *step,
                         const struct err *er, const struct idm_about *about)
{
        struct err shown = *er;
        int status = oauth_error_status(er);
        refused(idm, rq, step, er, about->client_id, about->sub);
        snprintf(shown.text, sizeof shown.text, "%s", idm_describe(er));
        if (status == 401)
                http_res_field(rs, "WWW-Authenticate", "Basic realm=\"%s\"", idm->conf->issuer);
        if (status == 503)
                http_res_field(rs, "Retry-After", "5");
        answer_json(rs, status, oauth_error_print(rs->mem, &shown));
}

static void post_token(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct idm *idm = role;
        struct token_req in = { 0 };
        struct idm_about about = { 0 };
        struct err er = { 0 };
        const char *json = NULL, *step = "3e";
        enum ecode e = token_req_parse(rq->mem, rq->body, http_req_field(rq, "Content-Type"),
                                       http_req_field(rq, "Authorization"), &in, &er);
        if (e == E_OK && in.grant == GRANT_CODE)
                arrived(idm, rq, "3e", "code and code_verifier");
        if (e == E_OK && in.grant == GRANT_REFRESH)
                arrived(idm, rq, "3e", in.scope != NULL ? "refresh token, narrower scope" : "refresh token");
        if (e == E_OK && in.grant != GRANT_CODE)
                step = "refresh";
        if (e == E_OK)
                e = idm_token(idm, rq->mem, &in, &json, &about, &er);
        if (e != E_OK) {
                answer_error(idm, rq, rs, step, &er, &about);
                return;
        }
        ev(idm->env->log, EV_INFO, "tokens-issued", KV_STR("flow", FLOW), KV_STR("grant", oauth_grant_name(in.grant)),
           KV_STR("client", about.client_id), KV_HASH("user", about.sub), KV_STR("family", about.family),
           KV_STR("trace", rq->trace));
        answer_json(rs, 200, json);
}

/* Revocation, introspection: a form with `token`, and whoever asks. */
static enum ecode read_caller(const struct http_req *rq, struct form *f, struct idm_caller *who, struct err *er)
{
        const char *authorization = http_req_field(rq, "Authorization");
        enum ecode e = read_form(rq, f, er);
        if (e == E_OK && f->repeated != NULL)
                e = err_set(er, E_DUPLICATE, "R-ID-49", "%.64s stands twice", f->repeated);
        if (e != E_OK)
                return e;
        *who = (struct idm_caller){ .client_id = form_get(f, "client_id"),
                                    .assertion = form_get(f, "client_assertion"),
                                    .assertion_type = form_get(f, "client_assertion_type") };
        if (authorization != NULL)
                e = basic_parse(rq->mem, authorization, &who->basic_id, &who->basic_secret);
        return e == E_OK ? E_OK : err_set(er, E_CLIENT_AUTH, "R-ID-69", "the Authorization header is not HTTP Basic");
}

/* What a caller with a form asks for; *json is the answer. */
typedef enum ecode (*caller_fn)(struct idm *idm, void *mem, const struct idm_caller *who, const struct form *f,
                                const char **json, struct err *er);

static void serve_caller(struct idm *idm, const struct http_req *rq, struct http_res *rs, const char *step, int status,
                         caller_fn fn)
{
        struct form f;
        struct idm_caller who = { 0 };
        struct err er = { 0 };
        const char *json = "";
        enum ecode e = read_caller(rq, &f, &who, &er);
        struct idm_about about = { .client_id = who.basic_id != NULL ? who.basic_id : who.client_id };
        if (e == E_OK)
                e = fn(idm, rq->mem, &who, &f, &json, &er);
        if (e == E_OK)
                answer_json(rs, status, json);
        else
                answer_error(idm, rq, rs, step, &er, &about);
}

static enum ecode revoke(struct idm *idm, void *mem, const struct idm_caller *who, const struct form *f,
                         const char **json, struct err *er)
{
        (void)json;
        return idm_revoke(idm, mem, who, form_get(f, "token"), er);
}

static enum ecode introspect(struct idm *idm, void *mem, const struct idm_caller *who, const struct form *f,
                             const char **json, struct err *er)
{
        return idm_introspect(idm, mem, who, form_get(f, "token"), json, er);
}

static void post_revoke(void *role, const struct http_req *rq, struct http_res *rs)
{
        serve_caller(role, rq, rs, "revocation", 200, revoke);
}

static void post_introspect(void *role, const struct http_req *rq, struct http_res *rs)
{
        serve_caller(role, rq, rs, "introspection", 200, introspect);
}

static void post_par(void *role, const struct http_req *rq, struct http_res *rs)
{
        serve_caller(role, rq, rs, "pushed request", 201, idm_push);
}

static void get_jwks(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct err er = { 0 };
        const char *json = idm_jwks(role, rq->mem, &er);
        if (json == NULL) {
                answer_error(role, rq, rs, "jwks", &er, &(struct idm_about){ 0 });
                return;
        }
        http_res_field(rs, "Cache-Control", "public, max-age=300");
        http_res_body(rs, 200, "application/jwk-set+json", bytes_str(json));
}

const struct http_route idm_token_routes[] = {
        { "POST", "/as/token", post_token },
        { "POST", "/as/revoke", post_revoke },
        { "POST", "/as/introspect", post_introspect },
        { "POST", "/as/par", post_par },
        { "GET", "/jwks.json", get_jwks },
        { 0 },
};
