#include "proto/oauth/oauth.h"

#include <talloc.h>

struct param {
        const char *name;
        size_t offset;
};

#define PARAM(f)                                                                                                       \
        {                                                                                                              \
#f, offsetof(struct token_req, f)                                                                      \
        }
static const struct param token_params[] = {
        PARAM(code),
        PARAM(refresh_token),
        PARAM(resource),
        PARAM(subject_token),
        PARAM(subject_token_type),
        PARAM(requested_token_type),
        PARAM(assertion),
        PARAM(client_id),
        PARAM(redirect_uri),
        PARAM(code_verifier),
        PARAM(scope),
        PARAM(client_assertion_type),
        PARAM(client_assertion),
};
#undef PARAM

/* Which parameters a grant cannot do without, and the requirement that says so. */
static const struct grant {
        const char *name, *req;
        const char *needs[6];
} grants[] = {
        /* TS 33.180 B.4.2.4 */
        [GRANT_CODE] = { OAUTH_GT_CODE, "R-ID-60", { "code", "client_id", "redirect_uri", "code_verifier" } },
        /* B.5.2; client_id because a refresh token is bound to its client (RFC 6749 clause 6) */
        [GRANT_REFRESH] = { OAUTH_GT_REFRESH, "R-ID-74", { "refresh_token", "client_id" } },
        /* B.7.2; client_id because the subject token has to be of the same client */
        [GRANT_EXCHANGE] = { OAUTH_GT_EXCHANGE,
                             "R-ID-110",
                             { "resource", "subject_token", "subject_token_type", "client_id" } },
        /* B.7.4 */
        [GRANT_JWT_BEARER] = { OAUTH_GT_BEARER, "R-ID-115", { "assertion", "client_id", "scope" } },
};

const char *oauth_grant_name(enum oauth_grant g)
{
        return grants[g].name;
}

static const char **field(struct token_req *r, const struct param *p)
{
        return (const char **)(void *)((char *)r + p->offset);
}

static const char *param_value(struct token_req *r, const char *name)
{
        for (size_t i = 0; i < COUNT(token_params); i++)
                if (strcmp(token_params[i].name, name) == 0)
                        return *field(r, &token_params[i]);
        return NULL;
}

/* Media type without parameters, without case: RFC 9110 clause 8.3.1. */
static bool is_form_type(const char *content_type)
{
        static const char want[] = "application/x-www-form-urlencoded";
        if (content_type == NULL || strncasecmp(content_type, want, sizeof want - 1) != 0)
                return false;
        const char *rest = content_type + sizeof want - 1;
        rest += strspn(rest, " \t");
        return *rest == 0 || *rest == ';';
}

static enum ecode read_grant(const char *grant_type, enum oauth_grant *ret, struct err *er)
{
        if (grant_type == NULL)
                return err_set(er, E_MISSING, "R-ID-60", "parameter grant_type is missing");
        for (size_t i = 0; i < COUNT(grants); i++) {
                if (strcmp(grant_type, grants[i].name) == 0) {
                        *ret = (enum oauth_grant)i;
                        return E_OK;
                }
        }
        return err_set(er, E_GRANT_TYPE, "R-ID-142", "grant_type %.60s", grant_type);
}

/* A confidential client may name itself in Basic alone: RFC 6749 clause 2.3.1. */
static enum ecode read_client(void *mem, const char *authorization, struct token_req *r, struct err *er)
{
        enum ecode e = basic_parse(mem, authorization, &r->basic_id, &r->basic_secret);
        if (e == E_MISSING)
                return E_OK;
        if (e != E_OK)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "Authorization is broken");
        if (r->client_id != NULL && strcmp(r->client_id, r->basic_id) != 0)
                return err_set(er, E_CLIENT_AUTH, "R-ID-69", "client_id differs from that in Authorization");
        r->client_id = r->basic_id;
        return E_OK;
}

enum ecode token_req_parse(void *mem, struct bytes body, const char *content_type, const char *authorization,
                           struct token_req *ret, struct err *er)
{
        struct token_req r = { 0 };
        struct form f;
        if (!is_form_type(content_type))
                return err_set(er, E_MEDIA_TYPE, "R-ID-61", "the body has to be application/x-www-form-urlencoded");
        enum ecode e = form_parse(mem, body, &f, er);
        if (e != E_OK)
                return e;
        if (f.repeated != NULL)
                return err_set(er, E_DUPLICATE, "R-ID-49", "parameter %.60s is repeated", f.repeated);
        e = read_grant(form_get(&f, "grant_type"), &r.grant, er);
        if (e != E_OK)
                return e;
        for (size_t i = 0; i < COUNT(token_params); i++)
                *field(&r, &token_params[i]) = form_get(&f, token_params[i].name);
        e = read_client(mem, authorization, &r, er);
        const struct grant *g = &grants[r.grant];
        for (size_t i = 0; e == E_OK && g->needs[i] != NULL; i++)
                if (param_value(&r, g->needs[i]) == NULL)
                        e = err_set(er, E_MISSING, g->req, "parameter %s is missing", g->needs[i]);
        if (e == E_OK && r.scope != NULL && !scope_valid(r.scope))
                e = err_set(er, E_SCOPE, "R-ID-71", "scope is no list of words with single spaces");
        if (e == E_OK)
                *ret = r;
        return e;
}

char *token_req_print(void *mem, const struct token_req *r)
{
        struct token_req copy = *r;
        struct buf b = buf_on(mem);
        form_put(&b, "grant_type", grants[r->grant].name);
        for (size_t i = 0; i < COUNT(token_params); i++)
                form_put(&b, token_params[i].name, *field(&copy, &token_params[i]));
        return buf_str(&b);
}
