#include "proto/oauth/oauth.h"

#include "proto/oauth/json_text.h"

#include <talloc.h>

enum row_type { ROW_TEXT, ROW_LIST, ROW_BOOL };

struct row {
        const char *name;
        enum row_type type;
        size_t offset;
};

#define AT(f) offsetof(struct oauth_metadata, f)
/* OIDC Discovery 1.0 clause 3, RFC 8414 clause 2, RFC 9207 clause 3, RFC 9126 clause 5. */
static const struct row rows[] = {
        { "issuer", ROW_TEXT, AT(issuer) },
        { "authorization_endpoint", ROW_TEXT, AT(authorization_endpoint) },
        { "token_endpoint", ROW_TEXT, AT(token_endpoint) },
        { "jwks_uri", ROW_TEXT, AT(jwks_uri) },
        { "revocation_endpoint", ROW_TEXT, AT(revocation_endpoint) },
        { "introspection_endpoint", ROW_TEXT, AT(introspection_endpoint) },
        { "pushed_authorization_request_endpoint", ROW_TEXT, AT(par_endpoint) },
        { "end_session_endpoint", ROW_TEXT, AT(end_session_endpoint) },
        { "scopes_supported", ROW_LIST, AT(scopes) },
        { "response_types_supported", ROW_LIST, AT(response_types) },
        { "response_modes_supported", ROW_LIST, AT(response_modes) },
        { "grant_types_supported", ROW_LIST, AT(grant_types) },
        { "subject_types_supported", ROW_LIST, AT(subject_types) },
        { "id_token_signing_alg_values_supported", ROW_LIST, AT(id_token_algs) },
        { "token_endpoint_auth_methods_supported", ROW_LIST, AT(auth_methods) },
        { "code_challenge_methods_supported", ROW_LIST, AT(challenge_methods) },
        { "authorization_response_iss_parameter_supported", ROW_BOOL, AT(iss_parameter) },
        { "acr_values_supported", ROW_LIST, AT(acr_values) },
        { "claims_supported", ROW_LIST, AT(claims) },
};
#undef AT

static json_t *row_json(const struct row *r, const struct oauth_metadata *m)
{
        const void *at = (const char *)m + r->offset;
        const char *text;
        const char *const *list;
        if (r->type == ROW_BOOL)
                return json_boolean(m->iss_parameter);
        if (r->type == ROW_TEXT) {
                memcpy(&text, at, sizeof text);
                return json_string(text);
        }
        memcpy(&list, at, sizeof list);
        json_t *a = list != NULL ? json_array() : NULL;
        for (; list != NULL && *list != NULL; list++)
                json_array_append_new(a, json_string(*list));
        return a;
}

char *oauth_metadata_print(void *mem, const struct oauth_metadata *m)
{
        json_t *o = json_object();
        for (size_t i = 0; i < COUNT(rows); i++) {
                json_t *v = row_json(&rows[i], m);
                if (v != NULL)
                        json_object_set_new(o, rows[i].name, v);
        }
        return jtext_print(mem, o);
}

static const char *const *list_copy(void *mem, const json_t *a)
{
        size_t n = json_array_size(a), k = 0;
        const char **list = json_is_array(a) ? talloc_zero_array(mem, const char *, n + 1) : NULL;
        for (size_t i = 0; list != NULL && i < n; i++) {
                const char *s = json_string_value(json_array_get(a, i));
                if (s != NULL)
                        list[k++] = talloc_strdup(list, s);
        }
        return list;
}

enum ecode oauth_metadata_parse(void *mem, struct bytes body, const char *issuer, struct oauth_metadata *ret,
                                struct err *er)
{
        struct oauth_metadata m = { 0 };
        json_t *o = jtext_read(body);
        if (o == NULL)
                return err_set(er, E_SYNTAX, "R-ID-130", "discovery document is no JSON object");
        for (size_t i = 0; i < COUNT(rows); i++) {
                void *at = (char *)&m + rows[i].offset;
                if (rows[i].type == ROW_TEXT) {
                        const char *s = jtext_member(mem, o, rows[i].name);
                        memcpy(at, &s, sizeof s);
                } else if (rows[i].type == ROW_LIST) {
                        const char *const *l = list_copy(mem, json_object_get(o, rows[i].name));
                        memcpy(at, &l, sizeof l);
                } else {
                        m.iss_parameter = json_is_true(json_object_get(o, rows[i].name));
                }
        }
        json_decref(o);
        for (size_t i = 0; i < 4; i++) {
                const char *s;
                memcpy(&s, (char *)&m + rows[i].offset, sizeof s);
                if (s == NULL)
                        return err_set(er, E_MISSING, "R-ID-130", "discovery document without %s", rows[i].name);
        }
        if (strcmp(m.issuer, issuer) != 0)
                return err_set(er, E_TOKEN_ISSUER, "R-ID-21", "discovery document names issuer %.120s", m.issuer);
        *ret = m;
        return E_OK;
}
