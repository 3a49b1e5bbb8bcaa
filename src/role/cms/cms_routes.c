/* HTTP of configuration and group management: GET of XCAP documents with entity tags. */
#include "role/cms/cms_priv.h"

#include "role/common/request.h"

#include <talloc.h>

/* RFC 9110 clause 13.1.2: weak comparison, a list or an asterisk. */
static bool none_match_hit(const char *field, const char *etag)
{
        size_t n = strlen(etag);
        if (field == NULL)
                return false;
        if (strcmp(field, "*") == 0)
                return true;
        for (const char *at = strchr(field, '"'); at != NULL;) {
                const char *end = strchr(at + 1, '"');
                if (end == NULL)
                        return false;
                if ((size_t)(end - at - 1) == n && memcmp(at + 1, etag, n) == 0)
                        return true;
                at = strchr(end + 1, '"');
        }
        return false;
}

static void refuse(struct cms *c, const struct err *er, const struct cms_about *about, struct http_res *rs)
{
        struct bearer_words w = { .realm = c->env->site->mc_domain, .scope = about->scope, .missing_status = 403 };
        if (bearer_concerns(er)) {
                bearer_answer(rs, er, &w);
                return;
        }
        rs->status = ecode_http(er->code);
        if (ecode_undecided(er->code))
                http_res_field(rs, "Retry-After", "2");
}

/* The UE initial configuration is how the chain begins (step 0); the rest belongs to service authorisation (step 4). */
static void report_arrow(struct cms *c, const struct http_req *rq, const struct cms_about *about, bool has_token)
{
        bool first = strcmp(about->what, "UE initial configuration") == 0;
        ev_arrow(c->env->log,
                 &(struct arrow){ .flow = "mcx-sign-on",
                                  .step = first ? "0" : "4",
                                  .from = "ue",
                                  .to = "cms",
                                  .proto = "HTTPS",
                                  .text = talloc_asprintf(rq->mem, "GET %s%s", about->what, has_token ? ", token" : ""),
                                  .trace = rq->trace });
}

static void get_document(void *role, const struct http_req *rq, struct http_res *rs)
{
        struct cms *c = role;
        struct bytes token = { 0 };
        struct cms_about about = { .what = "document" };
        struct cms_doc d;
        struct err er = { 0 };
        enum ecode e = request_bearer(rq, &token, &er);
        if (e == E_TOKEN_MISSING) {
                token = (struct bytes){ 0 };
                e = E_OK;
        }
        if (e == E_OK)
                e = cms_get(c, rq->mem, rq->path, token, &d, &about, &er);
        report_arrow(c, rq, &about, token.p != NULL);
        if (e != E_OK) {
                atomic_fetch_add(&c->refused, 1);
                ev_refused(c->env->log, "mcx-sign-on", "4", &er,
                           (const struct ev_kv[]){ KV_STR("document", about.what),
                                                   KV_HASH("user", about.user_uri),
                                                   KV_STR("trace", rq->trace),
                                                   { 0 } });
                refuse(c, &er, &about, rs);
                return;
        }
        http_res_field(rs, "ETag", "\"%s\"", d.etag);
        http_res_field(rs, "Cache-Control", "private, no-cache");
        if (none_match_hit(http_req_field(rq, "If-None-Match"), d.etag)) {
                atomic_fetch_add(&c->unchanged, 1);
                rs->status = 304;
                return;
        }
        atomic_fetch_add(&c->served, 1);
        ev(c->env->log, EV_INFO, "document-served", KV_STR("flow", "mcx-sign-on"), KV_STR("document", about.what),
           KV_HASH("user", about.user_uri), KV_STR("trace", rq->trace));
        http_res_body(rs, 200, d.media_type, d.xml);
}

const struct http_route cms_routes[] = {
        { "GET", "/*", get_document },
        { 0 },
};
