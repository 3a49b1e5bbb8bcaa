#include "adapter/net/http_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include <curl/curl.h>
#include <talloc.h>

#define CONNECT_TIMEOUT_MS 5000L
#define HANDLES_KEPT       64

struct client {
        struct http_client port; /* first: a port pointer is a client pointer */
        const struct rng *rng;
        char *ca_file, *cert_file, *key_file;
        bool allow_plain;
        pthread_mutex_t lock;
        CURL *idle[HANDLES_KEPT]; /* with their open connections; the last used is the next to be used */
        size_t idle_n;
};

/* One exchange while it runs. */
struct fetch {
        void *mem;
        const struct http_out *rq;
        struct http_in rs;
        struct buf body;
        bool too_long;
        struct curl_slist *fields;
        char curl_says[CURL_ERROR_SIZE];
};

static CURL *take(struct client *c)
{
        CURL *h = NULL;
        pthread_mutex_lock(&c->lock);
        if (c->idle_n > 0)
                h = c->idle[--c->idle_n];
        pthread_mutex_unlock(&c->lock);
        return h != NULL ? h : curl_easy_init();
}

static void give_back(struct client *c, CURL *h)
{
        curl_easy_reset(h); /* forgets the settings and keeps the connections */
        pthread_mutex_lock(&c->lock);
        bool kept = c->idle_n < HANDLES_KEPT;
        if (kept)
                c->idle[c->idle_n++] = h;
        pthread_mutex_unlock(&c->lock);
        if (!kept)
                curl_easy_cleanup(h);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
        struct fetch *f = arg;
        f->too_long = size * n > f->body.max - f->body.n;
        buf_put(&f->body, bytes_of(p, size * n));
        return f->body.failed ? 0 : size * n;
}

/* Header lines of every answer on the way; a status line starts over (100 Continue). */
static size_t on_field(char *p, size_t size, size_t n, void *arg)
{
        struct fetch *f = arg;
        struct bytes line = bytes_of(p, size * n);
        const uint8_t *colon = memchr(line.p, ':', line.n);
        if (line.n > 5 && memcmp(line.p, "HTTP/", 5) == 0) {
                f->rs.fields_n = 0;
                return line.n;
        }
        if (colon == NULL || f->rs.fields_n == 100)
                return line.n;
        size_t name_n = (size_t)(colon - line.p), from = name_n + 1, to = line.n;
        while (from < to && (p[from] == ' ' || p[from] == '\t'))
                from++;
        while (to > from && (p[to - 1] == '\r' || p[to - 1] == '\n' || p[to - 1] == ' ' || p[to - 1] == '\t'))
                to--;
        const char *name = bytes_to_str(f->mem, bytes_of(p, name_n));
        const char *value = bytes_to_str(f->mem, bytes_of(p + from, to - from));
        struct http_field *more = talloc_realloc(f->mem, f->rs.fields, struct http_field, f->rs.fields_n + 1);
        if (more != NULL)
                f->rs.fields = more;
        if (more == NULL || name == NULL || value == NULL)
                return 0;
        f->rs.fields[f->rs.fields_n++] = (struct http_field){ name, value };
        return line.n;
}

static enum ecode add_line(struct fetch *f, const char *line)
{
        struct curl_slist *more = line != NULL ? curl_slist_append(f->fields, line) : NULL;
        if (more == NULL)
                return E_NOMEM;
        f->fields = more;
        return E_OK;
}

static enum ecode add_field(struct fetch *f, const char *name, const char *value)
{
        if (strpbrk(name, "\r\n:;") != NULL || strpbrk(value, "\r\n") != NULL)
                return E_SYNTAX;
        /* libcurl: "Name;" is how to send a field without a value */
        return add_line(f, talloc_asprintf(f->mem, *value ? "%s: %s" : "%s;", name, value));
}

static enum ecode add_fields(const struct client *c, struct fetch *f)
{
        const struct http_out *rq = f->rq;
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < rq->fields_n; i++)
                e = add_field(f, rq->fields[i].name, rq->fields[i].value);
        if (e == E_OK && rq->trace != NULL) {
                char *span = rng_hex(c->rng, f->mem, 8);
                char *value = span ? talloc_asprintf(f->mem, "00-%s-%s-01", rq->trace, span) : NULL;
                e = value != NULL ? add_field(f, "traceparent", value) : E_NOMEM;
        }
        /* "Name:" keeps libcurl from adding what it thinks fit; no waiting for 100 (Continue) either */
        bool typed = false;
        for (size_t i = 0; i < rq->fields_n; i++)
                typed |= strcasecmp(rq->fields[i].name, "Content-Type") == 0;
        if (e == E_OK)
                e = add_line(f, "Expect:");
        if (e == E_OK && !typed)
                e = add_line(f, "Content-Type:");
        return e;
}

static void set_trust(CURL *h, const struct client *c)
{
        curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, c->allow_plain ? "https,http" : "https");
        curl_easy_setopt(h, CURLOPT_CAINFO, c->ca_file);
        curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(h, CURLOPT_PROXY, ""); /* not what the environment says */
        if (c->cert_file != NULL) {
                curl_easy_setopt(h, CURLOPT_SSLCERT, c->cert_file);
                curl_easy_setopt(h, CURLOPT_SSLKEY, c->key_file);
        }
}

static void set_request(CURL *h, const struct http_out *rq)
{
        curl_easy_setopt(h, CURLOPT_URL, rq->url);
        curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
        if (strcmp(rq->method, "HEAD") == 0) {
                curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
        } else if (rq->body.n > 0 || strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0) {
                curl_easy_setopt(h, CURLOPT_POST, 1L);
                curl_easy_setopt(h, CURLOPT_POSTFIELDS, rq->body.n > 0 ? (const char *)rq->body.p : "");
                curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
        }
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, rq->method);
}

static void set_limits(CURL *h, struct fetch *f)
{
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(f->rq->timeout_ms ? f->rq->timeout_ms : 10000));
        curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
        curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->body.max);
        curl_easy_setopt(h, CURLOPT_ERRORBUFFER, f->curl_says);
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, f);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_field);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, f);
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, f->fields);
}

static const struct {
        CURLcode from;
        enum ecode to;
        const char *what;
} causes[] = {
        { CURLE_COULDNT_CONNECT, E_PEER_DOWN, "connection refused" },
        { CURLE_COULDNT_RESOLVE_HOST, E_PEER_DOWN, "no such host" },
        { CURLE_SSL_CONNECT_ERROR, E_PEER_DOWN, "TLS refused" },
        { CURLE_PEER_FAILED_VERIFICATION, E_PEER_DOWN, "TLS refused, the server's certificate is not accepted" },
        { CURLE_SSL_CERTPROBLEM, E_CONFIG, "TLS, our own certificate" },
        { CURLE_SSL_CACERT_BADFILE, E_CONFIG, "TLS, the CA file" },
        { CURLE_SSL_CIPHER, E_PEER_DOWN, "TLS refused" },
        { CURLE_SEND_ERROR, E_PEER_DOWN, "connection lost" },
        { CURLE_RECV_ERROR, E_PEER_DOWN, "connection lost" },
        { CURLE_GOT_NOTHING, E_PEER_DOWN, "closed without an answer" },
        { CURLE_PARTIAL_FILE, E_PEER_DOWN, "closed in the middle of the answer" },
        { CURLE_WEIRD_SERVER_REPLY, E_PEER_DOWN, "the answer is not HTTP" },
        { CURLE_UNSUPPORTED_PROTOCOL, E_UNSUPPORTED, "only https is spoken" },
        { CURLE_URL_MALFORMAT, E_SYNTAX, "not a URL" },
        { CURLE_OPERATION_TIMEDOUT, E_TIMEOUT, "no answer in time" },
        { CURLE_FILESIZE_EXCEEDED, E_LONG, "the answer is too long" },
        { CURLE_OUT_OF_MEMORY, E_NOMEM, "out of memory" },
};

/* scheme, host and path: a query may hold what is nobody's business in a log */
static int shown(const char *url)
{
        return (int)strcspn(url, "?#");
}

static enum ecode failed(const struct fetch *f, CURLcode rc, struct err *er)
{
        enum ecode e = E_PEER_DOWN;
        const char *what = "failed", *says = *f->curl_says ? f->curl_says : curl_easy_strerror(rc);
        for (size_t i = 0; i < COUNT(causes); i++) {
                if (causes[i].from != rc)
                        continue;
                e = causes[i].to;
                what = causes[i].what;
        }
        if (rc == CURLE_WRITE_ERROR) {
                e = f->too_long ? E_LONG : E_NOMEM;
                what = e == E_LONG ? "the answer is too long" : "out of memory";
        }
        if (rc == CURLE_RECV_ERROR && strstr(says, "alert") != NULL)
                what = "TLS refused"; /* in TLS 1.3 the server says so after the client's part of the handshake */
        return err_set(er, e, NULL, "%s %.*s: %s (%s)", f->rq->method, shown(f->rq->url), f->rq->url, what, says);
}

static enum ecode perform(struct client *c, CURL *h, struct fetch *f, struct err *er)
{
        enum ecode e = add_fields(c, f);
        if (e != E_OK)
                return err_set(er, e, NULL, "%s %.*s: a header field cannot be sent", f->rq->method, shown(f->rq->url),
                               f->rq->url);
        set_trust(h, c);
        set_request(h, f->rq);
        set_limits(h, f);
        CURLcode rc = curl_easy_perform(h);
        if (rc != CURLE_OK)
                return failed(f, rc, er);
        long status = 0;
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
        f->rs.status = (int)status;
        f->rs.body = buf_bytes(&f->body);
        return E_OK;
}

static enum ecode client_fetch(struct http_client *port, void *mem, const struct http_out *rq, struct http_in *rs,
                               struct err *er)
{
        struct client *c = (struct client *)(void *)port;
        CURL *h = take(c);
        struct fetch f = { .mem = mem, .rq = rq, .body = buf_on(mem) };
        if (h == NULL)
                return err_set(er, E_NOMEM, NULL, "no memory for an HTTP exchange");
        f.body.max = rq->max_body ? rq->max_body : (size_t)1 << 20;
        enum ecode e = perform(c, h, &f, er);
        curl_slist_free_all(f.fields);
        give_back(c, h);
        if (e == E_OK)
                *rs = f.rs;
        return e;
}

static enum ecode check_file(const char *path, struct err *er)
{
        if (path != NULL && access(path, R_OK) != 0)
                return err_set(er, E_CONFIG, NULL, "%s: cannot be read", path);
        return E_OK;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
        curl_global_init(CURL_GLOBAL_ALL);
}

enum ecode http_client_open(const struct http_client_conf *conf, struct http_client **ret, struct err *er)
{
        if (conf->ca_file == NULL || (conf->cert_file == NULL) != (conf->key_file == NULL))
                return err_set(er, E_CONFIG, NULL,
                               "an HTTP client needs a CA file, and certificate and key or neither");
        const char *const file[] = { conf->ca_file, conf->cert_file, conf->key_file };
        for (size_t i = 0; i < COUNT(file); i++)
                if (check_file(file[i], er) != E_OK)
                        return E_CONFIG;
        pthread_once(&curl_once, curl_start);
        struct client *c = talloc_zero(NULL, struct client);
        if (c == NULL)
                return err_set(er, E_NOMEM, NULL, "no memory for an HTTP client");
        c->port.fetch = client_fetch;
        c->rng = conf->rng;
        c->allow_plain = conf->allow_plain;
        c->ca_file = talloc_strdup(c, conf->ca_file);
        c->cert_file = talloc_strdup(c, conf->cert_file);
        c->key_file = talloc_strdup(c, conf->key_file);
        if (c->ca_file == NULL || (conf->cert_file != NULL && (c->cert_file == NULL || c->key_file == NULL))) {
                talloc_free(c);
                return err_set(er, E_NOMEM, NULL, "no memory for an HTTP client");
        }
        pthread_mutex_init(&c->lock, NULL);
        *ret = &c->port;
        return E_OK;
}

void http_client_close(struct http_client *port)
{
        struct client *c = (struct client *)(void *)port;
        if (c == NULL)
                return;
        while (c->idle_n > 0)
                curl_easy_cleanup(c->idle[--c->idle_n]);
        pthread_mutex_destroy(&c->lock);
        talloc_free(c);
}
