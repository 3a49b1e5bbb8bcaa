/* Steps 3a to 3f (TS 33.180 annex B and C.1, TS 24.482 clause 6.2.1): authentication request with PKCE, credentials,
 * code, tokens. */
#include "client/ue.h"

#include "base/codec.h"
#include "proto/oauth/form.h"
#include "proto/oauth/oauth.h"
#include "proto/oauth/scope.h"

#include <ctype.h>
#include <strings.h>
#include <talloc.h>

static char *wanted_scope(void *mem)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "openid");
        for (size_t i = 0; i < MC_SCOPES_N; i++)
                if (mc_scopes[i].alias_of == NULL)
                        buf_printf(&b, " %s", mc_scopes[i].name);
        return buf_str(&b);
}

enum ecode ue_login_begin(struct ue *u, const char *redirect_uri, char **ret_url, struct err *er)
{
        char challenge[PKCE_CHALLENGE_LEN + 1];
        u->code_verifier = pkce_new_verifier(u->env->rng, u);
        u->state = rng_token(u->env->rng, u, 16);
        u->nonce = rng_token(u->env->rng, u, 16);
        u->redirect_uri = talloc_strdup(u, redirect_uri);
        if (u->code_verifier == NULL || u->state == NULL || u->nonce == NULL ||
            pkce_s256(u->code_verifier, challenge) != E_OK)
                return err_set(er, E_CRYPTO, NULL, "no random octets for the login");
        struct auth_req rq = { .response_type = "code",
                               .client_id = u->profile->oauth_client,
                               .scope = wanted_scope(u),
                               .redirect_uri = u->redirect_uri,
                               .state = u->state,
                               .nonce = u->nonce,
                               .acr_values = "3gpp:acr:password",
                               .code_challenge = challenge,
                               .code_challenge_method = "S256" };
        *ret_url = auth_req_url(u, u->init->idms_auth_endpoint, &rq);
        return *ret_url != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "login");
}

/* The value of a hidden field of the form; the page is our own provider's or another's, so nothing but the standard
 * form of an input element is relied on. */
static char *attribute(void *mem, const char *tag, const char *end, const char *name)
{
        size_t n = strlen(name);
        for (const char *p = tag; p + n + 2 < end; p++) {
                if (!isspace((unsigned char)p[0]) || strncasecmp(p + 1, name, n) != 0 || p[1 + n] != '=')
                        continue;
                const char *v = p + n + 2;
                char quote = *v == '"' || *v == '\'' ? *v++ : ' ';
                size_t len = 0;
                while (v + len < end && v[len] != quote && v[len] != '>')
                        len++;
                return talloc_strndup(mem, v, len);
        }
        return NULL;
}

static char *filled_form(void *mem, const char *page, const char *username, const char *password)
{
        struct buf b = buf_on(mem);
        for (const char *p = page; (p = strcasestr(p, "<input")) != NULL; p++) {
                const char *end = strchr(p, '>');
                char *name = end != NULL ? attribute(mem, p, end, "name") : NULL;
                char *type = end != NULL ? attribute(mem, p, end, "type") : NULL;
                char *value = end != NULL ? attribute(mem, p, end, "value") : NULL;
                if (name != NULL && type != NULL && strcasecmp(type, "hidden") == 0)
                        form_put(&b, name, value != NULL ? value : "");
        }
        form_put(&b, "username", username);
        form_put(&b, "password", password);
        return buf_str(&b);
}

static char *cookies(void *mem, const struct http_in *rs)
{
        struct buf b = buf_on(mem);
        for (size_t i = 0; i < rs->fields_n; i++)
                if (strcasecmp(rs->fields[i].name, "Set-Cookie") == 0)
                        buf_printf(&b, "%s%.*s", b.n ? "; " : "", (int)strcspn(rs->fields[i].value, ";"),
                                   rs->fields[i].value);
        return buf_str(&b);
}

/* Scheme and authority: what a browser sends as Origin. */
static char *origin_of(void *mem, const char *url)
{
        const char *p = strstr(url, "://");
        return p != NULL ? talloc_strndup(mem, url, (size_t)(p - url) + 3 + strcspn(p + 3, "/?#")) : NULL;
}

static const char *query_of(const char *url)
{
        const char *q = strchr(url, '?');
        return q != NULL ? q + 1 : "";
}

/* Where the form goes: its action, relative to the page. */
static char *form_target(void *mem, const char *page, const char *url)
{
        const char *form = strcasestr(page, "<form"), *end = form != NULL ? strchr(form, '>') : NULL;
        char *action = end != NULL ? attribute(mem, form, end, "action") : NULL;
        if (action == NULL || *action == 0)
                return talloc_strndup(mem, url, strcspn(url, "?"));
        return action[0] == '/' ? talloc_asprintf(mem, "%s%s", origin_of(mem, url), action) : action;
}

static enum ecode redirect_error(const char *location, void *mem, struct err *er)
{
        struct auth_res res = { 0 };
        auth_res_parse(mem, query_of(location), &res, NULL);
        return err_set(er, E_FORBIDDEN, NULL, "the IdM server says %s: %s", res.error ? res.error : "no code",
                       res.error_description ? res.error_description : "");
}

static enum ecode submit(struct ue *u, void *mem, const char *url, const struct http_in *page, const char *password,
                         char **location, struct err *er)
{
        char *text = bytes_to_str(mem, page->body);
        char *body = text != NULL ? filled_form(mem, text, u->profile->mc_id, password) : NULL;
        if (body == NULL)
                return err_set(er, E_SYNTAX, NULL, "the login page is no text");
        struct http_out rq = { .method = "POST",
                               .url = form_target(mem, text, url),
                               .body = bytes_str(body),
                               .fields = { { "Content-Type", "application/x-www-form-urlencoded" },
                                           { "Origin", origin_of(mem, url) },
                                           { "Cookie", cookies(mem, page) } },
                               .fields_n = 3 };
        struct http_in rs;
        enum ecode e = ue_fetch(u, mem, &rq, &rs, er);
        if (e != E_OK)
                return e;
        if (rs.status == 200)
                return err_set(er, E_LOGIN_FAILED, "R-ID-15",
                               "the IdM server did not accept the name and password of %s", u->profile->mc_id);
        const char *to = http_in_field(&rs, "Location");
        if ((rs.status != 302 && rs.status != 303) || to == NULL)
                return err_set(er, rs.status >= 500 ? E_PEER_DOWN : E_FORBIDDEN, NULL, "the IdM server answered %d",
                               rs.status);
        *location = talloc_strdup(mem, to);
        return E_OK;
}

enum ecode ue_login_password(struct ue *u, const char *password, struct err *er)
{
        void *mem = talloc_new(u);
        char *url = NULL, *location = NULL;
        struct http_in page = { 0 };
        enum ecode e = ue_login_begin(u, u->profile->redirect_uri, &url, er);
        if (e == E_OK)
                e = ue_fetch(u, mem, &(struct http_out){ .method = "GET", .url = url }, &page, er);
        if (e == E_OK && (page.status == 302 || page.status == 303) && http_in_field(&page, "Location") != NULL)
                e = redirect_error(http_in_field(&page, "Location"), mem, er);
        else if (e == E_OK && page.status != 200)
                e = err_set(er, page.status >= 500 ? E_PEER_DOWN : E_FORBIDDEN, NULL, "the IdM server answered %d",
                            page.status);
        if (e == E_OK) {
                ue_arrow(u, "3b", "idm", "HTTPS", "200, login page: who are you?", NULL);
                e = submit(u, mem, url, &page, password, &location, er);
        }
        if (e == E_OK && strncmp(location, u->redirect_uri, strlen(u->redirect_uri)) != 0)
                e = err_set(er, E_REDIRECT_URI, "R-ID-41", "the IdM server redirects to another place than ours");
        if (e == E_OK)
                e = ue_login_finish(u, query_of(location), er);
        talloc_free(mem);
        return e;
}

/* RFC 9207 and OIDC Discovery: who answered is who publishes these endpoints. */
enum ecode ue_login_finish(struct ue *u, const char *query, struct err *er)
{
        void *mem = talloc_new(u);
        struct auth_res res = { 0 };
        enum ecode e = auth_res_parse(mem, query, &res, er);
        if (e == E_OK && (res.state == NULL || u->state == NULL || strcmp(res.state, u->state) != 0))
                e = err_set(er, E_FORBIDDEN, "R-ID-52", "the state of the answer is not ours: discarded");
        if (e == E_OK && (res.error != NULL || res.code == NULL))
                e = err_set(er, E_FORBIDDEN, NULL, "the IdM server says %s: %s", res.error ? res.error : "no code",
                            res.error_description ? res.error_description : "");
        if (e == E_OK) {
                ue_arrow(u, "3d", "idm", "HTTPS", "302, authorization code in the redirect", NULL);
                struct token_req rq = { .grant = GRANT_CODE,
                                        .client_id = u->profile->oauth_client,
                                        .code = res.code,
                                        .redirect_uri = u->redirect_uri,
                                        .code_verifier = u->code_verifier };
                struct http_in rs;
                char *body = token_req_print(mem, &rq);
                e = body != NULL ? ue_token_exchange(u, body, mem, &rs, er) : err_set(er, E_NOMEM, NULL, "login");
                if (e == E_OK)
                        e = ue_take_tokens(u, rs.body, er);
        }
        if (e == E_OK)
                ue_arrow(u, "3f", "idm", "HTTPS", "200, ID token, access token, refresh token", NULL);
        if (e == E_OK)
                ev_arrow(u->env->log, &(struct arrow){ .flow = UE_FLOW,
                                                       .step = "3g",
                                                       .from = "ue",
                                                       .to = "ue",
                                                       .proto = "inside",
                                                       .text = "tokens handed to the MC clients of the UE",
                                                       .trace = u->trace });
        talloc_free(mem);
        return e;
}
