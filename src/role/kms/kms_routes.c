/* HTTP of the KMS: paths of TS 33.180 D.2.1 to requests, answers and errors to KmsResponse documents. */
#include "role/kms/kms_priv.h"

#include "role/common/request.h"

#include <talloc.h>

#define BODY_MOST ((size_t)256 << 10)

/* One segment of a path: R-KMS-3 (raw or encoded), R-KMS-59. NULL for an empty one. */
static enum ecode segment(void *mem, const char *at, size_t n, const char **ret, struct err *er)
{
        char *text;
        if (pct_decode(mem, bytes_of(at, n), false, &text) != E_OK || strchr(text, '/') != NULL ||
            strcmp(text, "..") == 0 || strcmp(text, ".") == 0)
                return err_set(er, E_SYNTAX, "R-KMS-59", "the path holds a broken or forbidden escape");
        *ret = *text != 0 ? text : NULL;
        return E_OK;
}

/* "keyprov/<UserUri>/<time>": `rest` is what stands behind the operation's name. */
static enum ecode split(void *mem, const char *rest, const char **ret_first, const char **ret_second, struct err *er)
{
        if (*rest != '/')
                return *rest == 0 ? E_OK : err_set(er, E_NOT_FOUND, "R-KMS-58", "no such resource");
        size_t n = strcspn(++rest, "/");
        enum ecode e = segment(mem, rest, n, ret_first, er);
        if (e != E_OK || rest[n] == 0)
                return e;
        rest += n + 1;
        n = strcspn(rest, "/");
        if (rest[n] != 0)
                return err_set(er, E_NOT_FOUND, "R-KMS-58", "no such resource");
        return segment(mem, rest, n, ret_second, er);
}

static enum ecode read_path(void *mem, const struct http_req *rq, const char *op, struct kms_ask *ask, struct err *er)
{
        const char *second = NULL;
        const char *rest = rq->path + strlen(KMS_BASE_PATH) + strlen(op);
        enum ecode e = split(mem, rest, &ask->name, &second, er);
        if (e != E_OK)
                return e;
        if (ask->op == KMS_OP_KEYPROV)
                ask->time_hex = second;
        else if (second != NULL || (ask->op == KMS_OP_INIT && ask->name != NULL))
                return err_set(er, E_NOT_FOUND, "R-KMS-58", "no such resource");
        if (ask->op == KMS_OP_CERTCACHE) {
                ask->cache_num = ask->name;
                ask->name = NULL;
        }
        return E_OK;
}

/* XML in any of its usual names; R-KMS-54 for the size. */
static enum ecode check_body(const struct http_req *rq, struct err *er)
{
        const char *type = http_req_field(rq, "Content-Type");
        if (rq->body.n == 0)
                return E_OK;
        if (rq->body.n > BODY_MOST)
                return err_set(er, E_LONG, "R-KMS-54", "body of %zu octets", rq->body.n);
        size_t n = type != NULL ? strcspn(type, "; \t") : 0;
        if (n >= 3 && (strncasecmp(type + n - 3, "xml", 3) == 0))
                return E_OK;
        return err_set(er, E_MEDIA_TYPE, "R-KMS-54", "Content-Type has to be application/xml");
}

/* The status, with WWW-Authenticate where the token is the matter: R-KMS-30 to R-KMS-34. */
static int refuse(struct kms *k, struct http_res *rs, const struct err *er)
{
        struct bearer_words w = { .realm = k->conf->kms_uri,
                                  .scope = mc_scope_name(MC_PTT, MC_RES_KMS),
                                  .missing_status = 401 };
        if (bearer_concerns(er)) {
                bearer_answer(rs, er, &w);
        } else {
                rs->status = ecode_http(er->code);
                if (ecode_undecided(er->code))
                        http_res_field(rs, "Retry-After", "2");
        }
        return rs->status;
}

static void send(struct kms *k, struct http_res *rs, int status, const struct kms_response *answer)
{
        struct bytes xml;
        struct err er;
        struct kms_print_opts opts = { .user_id_hex = k->conf->user_id_hex };
        http_res_field(rs, "Cache-Control", "no-store"); /* R-KMS-22 */
        if (kms_response_print(rs->mem, answer, &opts, &xml, &er) == E_OK) {
                http_res_body(rs, status, KMS_MEDIA_TYPE, xml);
                return;
        }
        ev(k->env->log, EV_ERROR, "kms-answer-unprintable", KV_STR("cause", er.text));
        rs->status = status == 200 ? 500 : status;
}

static void report_arrow(struct kms *k, const struct http_req *rq, const char *op, const struct kms_ask *ask)
{
        char *token = ask->token.p != NULL ? talloc_strndup(rq->mem, (const char *)ask->token.p, ask->token.n) : NULL;
        char *text = talloc_asprintf(rq->mem, "POST %s, %s%s", op, token != NULL ? "token " : "no token",
                                     token != NULL ? ev_abbrev(rq->mem, token) : "");
        ev_arrow(k->env->log, &(struct arrow){ .flow = "mcx-sign-on",
                                               .step = "3.5",
                                               .from = "ue",
                                               .to = "kms",
                                               .proto = "HTTPS",
                                               .text = text,
                                               .trace = rq->trace });
}

static void serve(struct kms *k, const struct http_req *rq, struct http_res *rs, enum kms_op op_no, const char *op)
{
        struct kms_ask ask = { .op = op_no, .url = rq->url, .body = rq->body, .peer_name = rq->peer_name };
        struct kms_about about = { 0 };
        struct kms_response answer;
        struct err er = { 0 };
        enum ecode e = request_bearer(rq, &ask.token, &er);
        if (e == E_TOKEN_MISSING) {
                ask.token = (struct bytes){ 0 };
                e = E_OK;
        }
        if (ask.token.p != NULL || rq->peer_name == NULL)
                report_arrow(k, rq, op, &ask);
        if (e == E_OK && ask.token.p == NULL && rq->peer_name == NULL)
                e = err_set(&er, E_TOKEN_MISSING, "R-KMS-30", "no Authorization: Bearer");
        if (e == E_OK)
                e = read_path(rq->mem, rq, op, &ask, &er);
        if (e == E_OK)
                e = check_body(rq, &er);
        if (e == E_OK)
                e = kms_answer(k, rq->mem, &ask, &answer, &about, &er);
        if (e == E_OK) {
                ev(k->env->log, EV_INFO, "kms-answered", KV_STR("flow", "mcx-sign-on"), KV_STR("step", "3.5"),
                   KV_STR("op", op), KV_HASH("user", about.user_uri), KV_STR("client", about.client_id),
                   KV_STR("jti", about.jti), KV_STR("server", about.server ? rq->peer_name : NULL),
                   KV_INT("sets", (int64_t)answer.sets_n), KV_STR("trace", rq->trace));
                send(k, rs, 200, &answer);
                return;
        }
        atomic_fetch_add(&k->refused, 1);
        ev_refused(k->env->log, "mcx-sign-on", "3.5", &er,
                   (const struct ev_kv[]){ KV_STR("op", op),
                                           KV_HASH("user", about.user_uri),
                                           KV_STR("client", about.client_id),
                                           KV_STR("jti", about.jti),
                                           KV_STR("trace", rq->trace),
                                           { 0 } });
        int status = refuse(k, rs, &er);
        kms_error_response(k, rq->mem, &ask, &about, status, &er, &answer);
        send(k, rs, status, &answer);
}

#define ROUTE(fn, op_no, op)                                                                                           \
        static void fn(void *role, const struct http_req *rq, struct http_res *rs)                                     \
        {                                                                                                              \
                serve(role, rq, rs, op_no, op);                                                                        \
        }
ROUTE(post_init, KMS_OP_INIT, "init")
ROUTE(post_keyprov, KMS_OP_KEYPROV, "keyprov")
ROUTE(post_certcache, KMS_OP_CERTCACHE, "certcache")
ROUTE(post_cert, KMS_OP_CERT, "cert")
#undef ROUTE

const struct http_route kms_routes[] = {
        { "POST", KMS_BASE_PATH "init", post_init },
        { "POST", KMS_BASE_PATH "keyprov", post_keyprov },
        { "POST", KMS_BASE_PATH "keyprov/*", post_keyprov },
        { "POST", KMS_BASE_PATH "certcache", post_certcache },
        { "POST", KMS_BASE_PATH "certcache/*", post_certcache },
        { "POST", KMS_BASE_PATH "cert/*", post_cert },
        { 0 },
};
