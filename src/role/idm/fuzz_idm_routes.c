/* Both endpoints as strangers see them. An input is: one octet that chooses the route, then up to four lines: query,
 * cookie, authorization, and the rest as the body. @T, @C and @R stand for a live transaction, code and refresh token,
 * so that inputs get past the first checks.
 *
 * Whatever comes in: nobody is sent to a place that is not registered, no page holds markup from the input, token
 * answers are JSON that nobody stores, and "could not ask" is never answered, since everybody could be asked. */
#include "role/idm/test_idm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct fx *f;
static char *live[3]; /* transaction, code, refresh token */

static void renew(void)
{
        static unsigned runs;
        if (f != NULL && runs++ % 1024 != 0)
                return;
        if (f != NULL)
                fx_free(f);
        f = fx_new();
        struct auth_req rq = fx_request(SCOPES);
        struct idm_answer a;
        CHECK_OK(idm_authorize(f->idm, f, &rq, &a, NULL));
        live[0] = talloc_strdup(f, a.handle);
        live[1] = talloc_strdup(f, fx_code(f, SCOPES));
        live[2] = talloc_strdup(f, fx_tokens(f, fx_redeem(fx_code(f, SCOPES))).refresh_token);
}

static struct bytes line(struct bytes *in)
{
        const uint8_t *nl = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
        struct bytes l = { in->p, nl != NULL ? (size_t)(nl - in->p) : in->n };
        size_t used = l.n + (nl != NULL);
        *in = bytes_of(in->p + used, in->n - used);
        return l;
}

static struct bytes filled(void *mem, struct bytes in)
{
        static const char word[] = "TCR";
        struct buf b = buf_on(mem);
        for (size_t i = 0; i < in.n; i++) {
                const char *at = in.p[i] == '@' && i + 1 < in.n && in.p[i + 1] != 0 ? strchr(word, in.p[i + 1]) : NULL;
                if (at != NULL && ++i > 0)
                        buf_puts(&b, live[at - word]);
                else
                        buf_put(&b, bytes_of(in.p + i, 1));
        }
        return buf_bytes(&b);
}

static void must(bool holds)
{
        if (!holds)
                abort();
}

static bool begins(const char *s, const char *with)
{
        return strncmp(s, with, strlen(with)) == 0;
}

/* One of the two that are registered; the port of the loopback literal is free. */
static bool registered(const char *to)
{
        static const char loop[] = "http://127.0.0.1";
        if (begins(to, REDIRECT "?"))
                return true;
        if (!begins(to, loop))
                return false;
        to += strlen(loop);
        if (*to == ':')
                to += 1 + strspn(to + 1, "0123456789");
        return begins(to, "/callback?");
}

static void check(const struct http_res *rs, bool token_endpoint)
{
        const char *type = "", *cache = "";
        must(rs->status >= 200 && rs->status < 500);
        for (size_t i = 0; i < rs->fields_n; i++) {
                const char *name = rs->fields[i].name, *v = rs->fields[i].value;
                must(strpbrk(v, "\r\n") == NULL);
                if (strcmp(name, "Location") == 0)
                        must(registered(v));
                if (strcmp(name, "Content-Type") == 0)
                        type = v;
                if (strcmp(name, "Cache-Control") == 0)
                        cache = v;
        }
        must(rs->status == 302 || *type != 0);
        must(!begins(type, "text/html") || memmem(rs->body.p, rs->body.n, "<x", 2) == NULL);
        must(!token_endpoint || (!begins(type, "text/html") && rs->status != 302));
        must(!begins(type, "application/json") || strstr(cache, "max-age") != NULL || strcmp(cache, "no-store") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n == 0)
                return 0;
        renew();
        size_t a = 0, t = 0;
        while (idm_authorization_routes[a].path != NULL)
                a++;
        while (idm_token_routes[t].path != NULL)
                t++;
        size_t pick = data[0] % (a + t);
        const struct http_route *r = pick < a ? &idm_authorization_routes[pick] : &idm_token_routes[pick - a];
        void *mem = talloc_new(NULL);
        struct bytes rest = bytes_of(data + 1, n - 1);
        char *query = bytes_to_str(mem, filled(mem, line(&rest)));
        char *cookie = bytes_to_str(mem, filled(mem, line(&rest)));
        char *authorization = bytes_to_str(mem, line(&rest));
        struct http_field field[3] = { { "Content-Type", "application/x-www-form-urlencoded" } };
        struct http_req rq = { .mem = mem,
                               .method = r->method,
                               .path = r->path,
                               .query = query != NULL ? query : "",
                               .fields = field,
                               .fields_n = 1,
                               .body = filled(mem, rest) };
        if (cookie != NULL && *cookie != 0)
                field[rq.fields_n++] = (struct http_field){ "Cookie", cookie };
        if (authorization != NULL && *authorization != 0)
                field[rq.fields_n++] = (struct http_field){ "Authorization", authorization };
        struct http_res rs = { .mem = mem };
        r->fn(f->idm, &rq, &rs);
        check(&rs, pick >= a);
        talloc_free(mem);
        return 0;
}
