#include "role/common/trust.h"

/* What the client reads behind error_description. Details stay in the event: a forger learns nothing here. */
static const struct {
        enum ecode code;
        const char *text;
} texts[] = {
        { E_TOKEN_MALFORMED, "malformed" },       { E_TOKEN_ALG, "algorithm not allowed" },
        { E_TOKEN_KEY, "unknown key" },           { E_TOKEN_SIGNATURE, "bad signature" },
        { E_TOKEN_EXPIRED, "expired" },           { E_TOKEN_EARLY, "not yet valid" },
        { E_TOKEN_ISSUER, "issuer not trusted" }, { E_TOKEN_AUDIENCE, "made for another server" },
        { E_TOKEN_TYPE, "no access token" },      { E_TOKEN_REVOKED, "revoked" },
};

static void invalid_token(struct http_res *rs, enum ecode code, const char *realm)
{
        const char *text = "invalid";
        for (size_t i = 0; i < COUNT(texts); i++)
                if (texts[i].code == code)
                        text = texts[i].text;
        rs->status = 401;
        http_res_field(rs, "WWW-Authenticate", "Bearer realm=\"%s\", error=\"invalid_token\", error_description=\"%s\"",
                       realm, text);
}

bool bearer_concerns(const struct err *er)
{
        return (er->code >= E_TOKEN_MISSING && er->code <= E_TOKEN_IDENTITY) || strcmp(er->req, "R-ID-80") == 0;
}

void bearer_answer(struct http_res *rs, const struct err *er, const struct bearer_words *w)
{
        if (ecode_undecided(er->code)) {
                rs->status = ecode_http(er->code);
                http_res_field(rs, "Retry-After", "2");
        } else if (er->code == E_TOKEN_MISSING) {
                rs->status = w->missing_status;
                if (w->missing_status == 401)
                        http_res_field(rs, "WWW-Authenticate", "Bearer realm=\"%s\"", w->realm);
        } else if (er->code == E_SYNTAX) {
                rs->status = 400;
                http_res_field(rs, "WWW-Authenticate", "Bearer realm=\"%s\", error=\"invalid_request\"", w->realm);
        } else if (er->code == E_TOKEN_SCOPE) {
                rs->status = 403;
                if (w->scope != NULL)
                        http_res_field(rs, "WWW-Authenticate",
                                       "Bearer realm=\"%s\", error=\"insufficient_scope\", scope=\"%s\"", w->realm,
                                       w->scope);
                else
                        http_res_field(rs, "WWW-Authenticate", "Bearer realm=\"%s\", error=\"insufficient_scope\"",
                                       w->realm);
        } else if (er->code == E_TOKEN_IDENTITY) {
                rs->status = 403; /* a good token, but of somebody else: no other token of this user would do */
        } else if (er->code >= E_TOKEN_MALFORMED && er->code < E_TOKEN_SCOPE) {
                invalid_token(rs, er->code, w->realm);
        } else {
                rs->status = ecode_http(er->code);
        }
}
