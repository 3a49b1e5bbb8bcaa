#include "proto/oauth/oauth.h"

#include <talloc.h>

struct param {
        const char *name;
        size_t offset;
};

#define PARAM(f)                                                                                                       \
        {                                                                                                              \
#f, offsetof(struct auth_req, f)                                                                       \
        }
/* The order in which a client of ours writes them: TS 33.180 B.4.2.2. */
static const struct param auth_params[] = {
        PARAM(response_type), PARAM(client_id),      PARAM(scope),
        PARAM(redirect_uri),  PARAM(state),          PARAM(nonce),
        PARAM(acr_values),    PARAM(code_challenge), PARAM(code_challenge_method),
        PARAM(prompt),        PARAM(max_age),        PARAM(login_hint),
        PARAM(ui_locales),    PARAM(request),        PARAM(request_uri),
        PARAM(response_mode),
};
#undef PARAM

static const char **field(struct auth_req *r, const struct param *p)
{
        return (const char **)(void *)((char *)r + p->offset);
}

void auth_req_parse(const struct form *f, struct auth_req *ret)
{
        struct auth_req r = { .repeated = f->repeated };
        for (size_t i = 0; i < COUNT(auth_params); i++)
                *field(&r, &auth_params[i]) = form_get(f, auth_params[i].name);
        *ret = r;
}

static enum ecode missing(struct err *er, const char *req, const char *name)
{
        return err_set(er, E_MISSING, req, "parameter %s is missing", name);
}

static enum ecode check_pkce(const struct auth_req *r, struct err *er)
{
        if (r->code_challenge == NULL)
                return missing(er, "R-ID-47", "code_challenge");
        if (r->code_challenge_method == NULL || strcmp(r->code_challenge_method, "S256") != 0)
                return err_set(er, E_UNSUPPORTED, "R-ID-47", "code_challenge_method has to be S256");
        if (!pkce_challenge_valid(r->code_challenge))
                return err_set(er, E_SYNTAX, "R-ID-48", "code_challenge has to be 43 base64url characters");
        return E_OK;
}

static enum ecode check_scope(const struct auth_req *r, unsigned lenience, struct err *er)
{
        if (r->scope == NULL)
                return missing(er, "R-ID-44", "scope");
        if (!scope_valid(r->scope))
                return err_set(er, E_SCOPE, "R-ID-50", "scope is no list of words with single spaces");
        if (!scope_has(r->scope, "openid") && (lenience & AUTH_LENIENT_OPENID) == 0)
                return err_set(er, E_SCOPE, "R-ID-44", "scope lacks openid");
        return E_OK;
}

enum ecode auth_req_check(const struct auth_req *r, unsigned lenience, struct err *er)
{
        if (r->repeated != NULL)
                return err_set(er, E_DUPLICATE, "R-ID-49", "parameter %.60s is repeated", r->repeated);
        if (r->response_type == NULL)
                return missing(er, "R-ID-42", "response_type");
        if (strcmp(r->response_type, "code") != 0)
                return err_set(er, E_RESPONSE_TYPE, "R-ID-42", "response_type has to be code");
        if (r->state == NULL)
                return missing(er, "R-ID-43", "state");
        if (r->request != NULL || r->request_uri != NULL)
                return err_set(er, E_UNSUPPORTED, "R-ID-49", "request objects are not served");
        if (r->response_mode != NULL && strcmp(r->response_mode, "query") != 0)
                return err_set(er, E_UNSUPPORTED, "R-ID-52", "response_mode has to be query");
        enum ecode e = check_scope(r, lenience, er);
        if (e == E_OK)
                e = check_pkce(r, er);
        if (e == E_OK && r->acr_values == NULL && (lenience & AUTH_LENIENT_ACR) == 0)
                e = missing(er, "R-ID-45", "acr_values");
        return e;
}

char *auth_req_url(void *mem, const char *endpoint, const struct auth_req *r)
{
        struct auth_req copy = *r;
        struct buf b = buf_on(mem);
        buf_puts(&b, endpoint);
        for (size_t i = 0; i < COUNT(auth_params); i++)
                query_put(&b, auth_params[i].name, *field(&copy, &auth_params[i]));
        return buf_str(&b);
}

char *auth_res_url(void *mem, const char *redirect_uri, const struct auth_res *r)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, redirect_uri);
        if (r->error != NULL) {
                query_put(&b, "error", r->error);
                query_put(&b, "error_description", r->error_description);
        } else {
                query_put(&b, "code", r->code);
        }
        query_put(&b, "state", r->state);
        query_put(&b, "iss", r->iss);
        return buf_str(&b);
}

enum ecode auth_res_parse(void *mem, const char *query, struct auth_res *ret, struct err *er)
{
        struct form f;
        enum ecode e = form_parse(mem, bytes_str(query), &f, er);
        if (e != E_OK)
                return e;
        if (f.repeated != NULL)
                return err_set(er, E_DUPLICATE, "R-ID-52", "parameter %.60s is repeated", f.repeated);
        struct auth_res r = { .code = form_get(&f, "code"),
                              .state = form_get(&f, "state"),
                              .iss = form_get(&f, "iss"),
                              .error = form_get(&f, "error"),
                              .error_description = form_get(&f, "error_description") };
        if ((r.code == NULL) == (r.error == NULL))
                return err_set(er, E_SYNTAX, "R-ID-52", "an answer has either code or error");
        *ret = r;
        return E_OK;
}
