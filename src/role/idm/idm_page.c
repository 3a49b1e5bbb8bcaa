/* The pages that users see. One file of HTML that works without JavaScript, on a phone and on a desktop, with gloves
 * and in the dark; nothing is fetched from anywhere. R-ID-14, R-ID-140. */
#include "role/idm/idm_priv.h"

#include "crypto/prim.h"

#include <talloc.h>

static const char css[] =
        ":root{color-scheme:light dark;--bg:#eef1f5;--card:#fff;--ink:#16202c;--soft:#55606e;--line:#8a95a3;"
        "--go:#0b5cad;--go-ink:#fff;--bad:#a3161b;--bad-bg:#fdecec;--ring:#f2a900}"
        "@media(prefers-color-scheme:dark){:root{--bg:#0e141b;--card:#182230;--ink:#eef3f8;--soft:#a9b6c5;"
        "--line:#66758a;--go:#6db3ff;--go-ink:#06182b;--bad:#ff9b96;--bad-bg:#3a1a1d;--ring:#ffcf4d}}"
        "*{box-sizing:border-box}"
        "body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:1rem;"
        "background:var(--bg);color:var(--ink);"
        "font:1.125rem/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
        "main{width:100%;max-width:27rem;background:var(--card);border-radius:1rem;padding:1.75rem;"
        "box-shadow:0 .25rem 1.5rem rgba(0,0,0,.14)}"
        ".org{margin:0;color:var(--soft);font-weight:600;letter-spacing:.02em;overflow-wrap:anywhere}"
        "h1{margin:.15rem 0 .75rem;font-size:1.75rem;line-height:1.2}"
        "p{margin:.5rem 0}.app{margin-bottom:1rem;overflow-wrap:anywhere;text-wrap:pretty}"
        "label{display:block;margin:1.1rem 0 .6rem;font-weight:600}"
        "input{width:100%;min-height:3.5rem;padding:.5rem 1rem;font:inherit;color:inherit;background:transparent;"
        "border:2px solid var(--line);border-radius:.6rem}"
        "button{width:100%;min-height:4rem;margin-top:1.5rem;padding:.5rem 1rem;font:inherit;font-size:1.25rem;"
        "font-weight:700;color:var(--go-ink);background:var(--go);border:2px solid var(--go);border-radius:.6rem;"
        "cursor:pointer}"
        "button.no{margin-top:1rem;color:var(--ink);background:transparent;border-color:var(--line)}"
        "input:focus-visible,button:focus-visible{outline:4px solid var(--ring);outline-offset:2px}"
        ".err{margin:0 0 1rem;padding:.8rem 1rem;color:var(--bad);background:var(--bad-bg);"
        "border-left:.35rem solid var(--bad);border-radius:.4rem;font-weight:600;overflow-wrap:anywhere}"
        ".err::first-letter{text-transform:uppercase}"
        "ul{margin:.5rem 0;padding-left:1.25rem}li{margin:.35rem 0}"
        ".foot{margin:1.5rem 0 0;color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}"
        "@media(max-width:30rem){body{padding:0;place-items:stretch}main{border-radius:0;box-shadow:none;"
        "max-width:none;padding:1.5rem 1.25rem}}";

static void put_html(struct buf *b, const char *s)
{
        for (; s != NULL && *s; s++)
                switch (*s) {
                case '&': buf_puts(b, "&amp;"); break;
                case '<': buf_puts(b, "&lt;"); break;
                case '>': buf_puts(b, "&gt;"); break;
                case '"': buf_puts(b, "&quot;"); break;
                case '\'': buf_puts(b, "&#39;"); break;
                default: buf_put(b, bytes_of(s, 1)); break;
                }
}

/* No form-action directive: some browsers apply it to the redirect that follows and would block the way back into the
 * application (R-ID-140). */
static void put_headers(struct http_res *rs)
{
        uint8_t h[SHA256_LEN];
        char *hash = sha256(BYTES_LIT(css), h) == E_OK ? b64_encode(rs->mem, BYTES_ARR(h)) : NULL;
        http_res_field(rs, "Cache-Control", "no-store");
        http_res_field(rs, "Content-Security-Policy",
                       "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; frame-ancestors 'none'",
                       hash != NULL ? hash : "");
        http_res_field(rs, "X-Frame-Options", "DENY");
        http_res_field(rs, "X-Content-Type-Options", "nosniff");
        http_res_field(rs, "Referrer-Policy", "no-referrer");
}

static struct buf page_open(struct idm *idm, void *mem, const char *title)
{
        struct buf b = buf_on(mem);
        buf_puts(&b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>");
        put_html(&b, title);
        buf_puts(&b, "</title><style>");
        buf_puts(&b, css);
        buf_puts(&b, "</style></head><body><main><p class=\"org\">");
        put_html(&b, idm->conf->organisation);
        buf_puts(&b, "</p><h1>");
        put_html(&b, title);
        buf_puts(&b, "</h1>");
        return b;
}

static void page_close(struct http_res *rs, struct buf *b, int status)
{
        buf_puts(b, "</main></body></html>");
        put_headers(rs);
        http_res_body(rs, status, "text/html; charset=utf-8", buf_bytes(b));
}

static void put_alert(struct buf *b, const char *text)
{
        buf_puts(b, "<p class=\"err\" id=\"why\" role=\"alert\">");
        put_html(b, text);
        buf_puts(b, "</p>");
}

static void form_open(struct buf *b, const char *handle)
{
        buf_puts(b, "<form method=\"post\" action=\"/as/authorize\"><input type=\"hidden\" name=\"txn\" value=\"");
        put_html(b, handle);
        buf_puts(b, "\">");
}

static const char *host_of(void *mem, const char *url)
{
        const char *h = strstr(url, "://");
        h = h != NULL ? h + 3 : url;
        char *host = talloc_strndup(mem, h, strcspn(h, "/"));
        return host != NULL ? host : "";
}

/* First try and every further one: 200, as deployed clients expect; too early: 429; nobody could be asked: 503. */
static int login_status(struct http_res *rs, const struct idm_answer *a)
{
        if (a->why.code == E_OK)
                return 200;
        if (ecode_undecided(a->why.code)) {
                http_res_field(rs, "Retry-After", "5");
                return 503;
        }
        if (a->wait_s > 0) {
                http_res_field(rs, "Retry-After", "%lld", (long long)a->wait_s);
                return 429;
        }
        return 200;
}

void idm_page_login(struct idm *idm, struct http_res *rs, const struct idm_answer *a)
{
        struct buf b = page_open(idm, rs->mem, "Sign in");
        bool bad = a->why.code != E_OK, hint = a->login_hint != NULL && *a->login_hint != 0;
        const char *describes = bad ? " aria-invalid=\"true\" aria-describedby=\"why\"" : "";
        buf_puts(&b, "<p class=\"app\"><strong>");
        put_html(&b, a->client_name);
        buf_puts(&b, "</strong> asks you to sign in.</p>");
        if (bad)
                put_alert(&b, idm_describe(&a->why));
        form_open(&b, a->handle);
        buf_printf(&b,
                   "<label for=\"username\">MC ID</label>"
                   "<input id=\"username\" name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" "
                   "autocorrect=\"off\" spellcheck=\"false\" enterkeyhint=\"next\" required%s%s value=\"",
                   hint ? "" : " autofocus", describes);
        put_html(&b, a->login_hint);
        buf_printf(&b,
                   "\"><label for=\"password\">Password</label>"
                   "<input id=\"password\" type=\"password\" name=\"password\" autocomplete=\"current-password\" "
                   "enterkeyhint=\"go\" required%s%s><button>Sign in</button></form><p class=\"foot\">",
                   hint ? " autofocus" : "", describes);
        buf_puts(&b, "Enter your password only if the address of this page is ");
        put_html(&b, host_of(rs->mem, idm->conf->authorization_url));
        buf_puts(&b, ".</p>");
        page_close(rs, &b, login_status(rs, a));
}

static const char *resource_words(const struct mc_scope *m)
{
        switch (m->resource) {
        case MC_RES_SERVICE: return "use the service";
        case MC_RES_KMS: return "fetch your keys";
        case MC_RES_CMS: return "read your configuration";
        case MC_RES_GMS: return "read your groups";
        case MC_RES_LMS: return "report your location";
        }
        return m->name;
}

static void put_scope_item(struct buf *b, void *mem, struct bytes word)
{
        static const char *const service[] = {
                [MC_ANY] = "All services", [MC_PTT] = "Push to talk", [MC_VIDEO] = "Video", [MC_DATA] = "Data"
        };
        const struct mc_scope *m = mc_scope_find(word);
        if (m != NULL && m->alias_of != NULL)
                return; /* the same under its older name */
        buf_puts(b, "<li>");
        if (m != NULL)
                buf_printf(b, "%s: %s", service[m->service], resource_words(m));
        else if (bytes_eq_str(word, "openid"))
                buf_puts(b, "Know who you are");
        else
                put_html(b, bytes_to_str(mem, word));
        buf_puts(b, "</li>");
}

void idm_page_consent(struct idm *idm, struct http_res *rs, const struct idm_answer *a)
{
        struct buf b = page_open(idm, rs->mem, "Allow access?");
        struct bytes word;
        buf_puts(&b, "<p class=\"app\"><strong>");
        put_html(&b, a->client_name);
        buf_puts(&b, "</strong> wants to do this in your name:</p><ul>");
        for (size_t at = 0; scope_next(a->scope, &at, &word);)
                put_scope_item(&b, rs->mem, word);
        buf_puts(&b, "</ul>");
        form_open(&b, a->handle);
        buf_puts(&b, "<button name=\"consent\" value=\"allow\">Allow</button>"
                     "<button class=\"no\" name=\"consent\" value=\"deny\">Refuse</button></form>");
        page_close(rs, &b, 200);
}

void idm_page_error(struct idm *idm, struct http_res *rs, int status, const struct err *er, const char *trace)
{
        struct buf b = page_open(idm, rs->mem, "Sign-in is not possible");
        put_alert(&b, idm_describe(er));
        buf_puts(&b, "<p>Go back to the application and start again. If this stays, tell your operator:</p>"
                     "<p class=\"foot\">");
        put_html(&b, ecode_name(er->code));
        if (er->req[0] != 0) {
                buf_puts(&b, " ");
                put_html(&b, er->req);
        }
        if (trace != NULL) {
                buf_puts(&b, ", trace ");
                put_html(&b, trace);
        }
        buf_puts(&b, "</p>");
        page_close(rs, &b, status);
}

void idm_page_signed_out(struct idm *idm, struct http_res *rs, bool ended)
{
        struct buf b = page_open(idm, rs->mem, ended ? "Signed out" : "Nothing to sign out from");
        buf_puts(&b, ended ? "<p>You are signed out of the application. You can close this page.</p>"
                           : "<p>This page keeps no sign-in of its own. Sign out in the application.</p>");
        page_close(rs, &b, 200);
}
