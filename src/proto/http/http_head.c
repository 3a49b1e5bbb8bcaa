#include "proto/http/http_head.h"
#include "base/codec.h"

#include <string.h>

#define REQ_STRICT "R-KMS-62"

static bool is_alnum(uint8_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 9110 clause 5.6.2 */
static bool is_tchar(uint8_t c)
{
        return is_alnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool all(struct bytes b, bool (*is)(uint8_t))
{
        for (size_t i = 0; i < b.n; i++)
                if (!is(b.p[i]))
                        return false;
        return b.n > 0;
}

/* Anything visible but '#': user agents send brackets and quotes unescaped, and it does no harm here. */
static bool is_target(uint8_t c)
{
        return c > 0x20 && c < 0x7f && c != '#';
}

/* Names, addresses and port; no user part, nothing that could break out of a URL. */
static bool is_host(uint8_t c)
{
        return is_alnum(c) || (c != 0 && strchr("-._:[]", c) != NULL);
}

/* RFC 9110 clause 5.5: visible, blank, tab, and obs-text. */
static bool is_value(uint8_t c)
{
        return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static struct bytes trim(struct bytes b)
{
        while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'))
                b = bytes_of(b.p + 1, b.n - 1);
        while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
                b.n--;
        return b;
}

/* The part of *b before the first `sep`, which is taken off with it; false when there is none. */
static bool cut(struct bytes *b, uint8_t sep, struct bytes *ret)
{
        const uint8_t *at = b->n > 0 ? memchr(b->p, sep, b->n) : NULL;
        if (at == NULL)
                return false;
        *ret = bytes_of(b->p, (size_t)(at - b->p));
        *b = bytes_of(at + 1, b->n - ret->n - 1);
        return true;
}

/* The next line without its CRLF; a lone LF or CR is no line end here (RFC 9112 clause 2.2 leaves that open, and two
 * servers that choose differently see different requests). */
static bool cut_line(struct bytes *b, struct bytes *ret)
{
        if (!cut(b, '\n', ret) || ret->n == 0 || ret->p[ret->n - 1] != '\r')
                return false;
        ret->n--;
        return ret->n == 0 || memchr(ret->p, '\r', ret->n) == NULL;
}

size_t http_head_end(struct bytes in, size_t from)
{
        /* An end with bare LF is found as well, so that it is refused at once and not waited for. */
        for (size_t i = from > 3 ? from - 3 : 0; i < in.n; i++) {
                if (in.p[i] != '\n')
                        continue;
                if (i + 1 < in.n && in.p[i + 1] == '\n')
                        return i + 2;
                if (i + 2 < in.n && in.p[i + 1] == '\r' && in.p[i + 2] == '\n')
                        return i + 3;
        }
        return 0;
}

/* The next octet of a percent-encoded text; -1 for bad encoding. */
static int decoded(struct bytes path, size_t *at)
{
        uint8_t c = path.p[*at];
        if (c != '%') {
                *at += 1;
                return c;
        }
        if (path.n - *at < 3)
                return -1;
        int hi = hex_digit(path.p[*at + 1]), lo = hex_digit(path.p[*at + 2]);
        *at += 3;
        return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

enum ecode http_path_check(struct bytes path, struct err *er)
{
        if (path.n == 0 || path.p[0] != '/')
                return err_set(er, E_SYNTAX, NULL, "the path does not begin with a slash");
        size_t len = 0, dots = 0; /* of the segment so far */
        for (size_t i = 1; i < path.n;) {
                int c = decoded(path, &i);
                if (c <= 0)
                        return err_set(er, E_SYNTAX, NULL, "bad percent-encoding or NUL in the path");
                if (c == '/' && len == 0)
                        return err_set(er, E_SYNTAX, NULL, "empty segment in the path");
                if (c == '/' && dots == len && dots <= 2)
                        break;
                len = c == '/' ? 0 : len + 1;
                dots = c == '/' ? 0 : dots + (c == '.');
        }
        if (len > 0 && dots == len && dots <= 2)
                return err_set(er, E_SYNTAX, NULL, "dot segment in the path");
        return E_OK;
}

/* Clause 3.2.2; the authority is compared with Host later. */
static bool cut_scheme_and_host(struct bytes *target, struct bytes *ret_host)
{
        static const char *const scheme[] = { "https://", "http://" };
        for (size_t i = 0; i < COUNT(scheme); i++) {
                size_t n = strlen(scheme[i]);
                if (target->n <= n || !bytes_ieq_str(bytes_of(target->p, n), scheme[i]))
                        continue;
                struct bytes rest = bytes_of(target->p + n, target->n - n);
                const uint8_t *slash = memchr(rest.p, '/', rest.n);
                if (slash == NULL)
                        return false;
                *ret_host = bytes_of(rest.p, (size_t)(slash - rest.p));
                *target = bytes_of(slash, rest.n - ret_host->n);
                return true;
        }
        return false;
}

static enum ecode parse_target(struct http_head *h, struct bytes target, struct bytes *authority, struct err *er)
{
        h->path = target;
        if (bytes_eq_str(h->method, "CONNECT")) {
                h->form = HTTP_FORM_AUTHORITY;
                return all(target, is_host) ? E_OK : err_set(er, E_SYNTAX, NULL, "CONNECT wants host and port");
        }
        if (bytes_eq_str(h->method, "OPTIONS") && bytes_eq_str(target, "*")) {
                h->form = HTTP_FORM_ASTERISK;
                return E_OK;
        }
        h->form = HTTP_FORM_ORIGIN;
        if (target.n > 0 && target.p[0] != '/') {
                h->form = HTTP_FORM_ABSOLUTE;
                if (!cut_scheme_and_host(&target, authority))
                        return err_set(er, E_SYNTAX, NULL, "the request target is neither a path nor a URL");
        }
        h->query = target;
        if (cut(&h->query, '?', &h->path))
                return http_path_check(h->path, er);
        h->path = target;
        h->query = bytes_of(target.p + target.n, 0);
        return http_path_check(h->path, er);
}

static enum ecode parse_request_line(struct http_head *h, struct bytes line, struct bytes *authority, struct err *er)
{
        struct bytes target;
        if (!cut(&line, ' ', &h->method) || !all(h->method, is_tchar) || !cut(&line, ' ', &target) ||
            !all(target, is_target))
                return err_set(er, E_SYNTAX, NULL, "the request line is not method, target and version");
        if (bytes_eq_str(line, "HTTP/1.1"))
                h->minor = 1;
        else if (!bytes_eq_str(line, "HTTP/1.0"))
                return err_set(er, E_RANGE, NULL, "only HTTP/1.1 is spoken here");
        h->keep_alive = h->minor == 1;
        return parse_target(h, target, authority, er);
}

/* What each known field does to the head, with the occurrences counted for those that may stand once. */
static enum ecode on_length(struct http_head *h, struct bytes v, struct err *er)
{
        uint64_t n = 0;
        for (size_t i = 0; i < v.n; i++) {
                if (v.p[i] < '0' || v.p[i] > '9' || v.n > 18)
                        return err_set(er, E_RANGE, REQ_STRICT, "Content-Length is not a number");
                n = n * 10 + (v.p[i] - '0');
        }
        if (v.n == 0)
                return err_set(er, E_RANGE, REQ_STRICT, "Content-Length is empty");
        h->has_length = true;
        h->length = n;
        return E_OK;
}

static enum ecode on_coding(struct http_head *h, struct bytes v, struct err *er)
{
        if (!bytes_ieq_str(v, "chunked"))
                return err_set(er, E_UNSUPPORTED, REQ_STRICT, "a transfer coding other than chunked");
        h->chunked = true;
        return E_OK;
}

static enum ecode on_host(struct http_head *h, struct bytes v, struct err *er)
{
        if (!all(v, is_host) || v.n > 255)
                return err_set(er, E_SYNTAX, NULL, "Host is not a name or address with a port");
        h->host = v;
        return E_OK;
}

static enum ecode on_expect(struct http_head *h, struct bytes v, struct err *er)
{
        if (!bytes_ieq_str(v, "100-continue"))
                return err_set(er, E_UNSUPPORTED, NULL, "an expectation other than 100-continue");
        h->expect_continue = h->minor == 1;
        return E_OK;
}

static enum ecode on_connection(struct http_head *h, struct bytes v, struct err *er)
{
        (void)er;
        struct bytes word;
        for (bool more = true; more;) {
                more = cut(&v, ',', &word);
                word = trim(more ? word : v);
                if (bytes_ieq_str(word, "close"))
                        h->keep_alive = false;
                else if (bytes_ieq_str(word, "keep-alive") && h->minor == 0)
                        h->keep_alive = true;
        }
        return E_OK;
}

static const struct known {
        const char *name;
        bool once;
        enum ecode (*fn)(struct http_head *h, struct bytes v, struct err *er);
} known[] = {
        { "Content-Length", true, on_length },
        { "Transfer-Encoding", true, on_coding },
        { "Host", true, on_host },
        { "Expect", true, on_expect },
        { "Connection", false, on_connection },
        { "Authorization", true, NULL },
        { "Content-Type", true, NULL },
};

static enum ecode parse_known(struct http_head *h, const struct http_head_field *f, struct err *er)
{
        for (size_t i = 0; i < COUNT(known); i++) {
                if (!bytes_ieq_str(f->name, known[i].name))
                        continue;
                if (known[i].once && http_head_find(h, known[i].name) != NULL)
                        return err_set(er, E_DUPLICATE, REQ_STRICT, "%s stands twice", known[i].name);
                return known[i].fn != NULL ? known[i].fn(h, f->value, er) : E_OK;
        }
        return E_OK;
}

static enum ecode parse_field(struct http_head *h, struct bytes line, struct err *er)
{
        struct http_head_field f;
        if (!cut(&line, ':', &f.name) || !all(f.name, is_tchar))
                return err_set(er, E_SYNTAX, NULL, "line %zu of the head is not name and value", h->fields_n + 2);
        f.value = trim(line);
        if (f.value.n > 0 && !all(f.value, is_value))
                return err_set(er, E_SYNTAX, NULL, "control character in the value of a header field");
        if (h->fields_n == HTTP_FIELDS_MAX)
                return err_set(er, E_LONG, NULL, "more than %d header fields", HTTP_FIELDS_MAX);
        enum ecode e = parse_known(h, &f, er);
        if (e == E_OK)
                h->field[h->fields_n++] = f;
        return e;
}

static enum ecode check_whole(const struct http_head *h, struct bytes authority, struct err *er)
{
        if (h->host.n == 0)
                return err_set(er, E_MISSING, NULL, "Host is missing");
        if (h->chunked && (h->has_length || h->minor == 0))
                return err_set(er, E_DUPLICATE, REQ_STRICT,
                               h->has_length ? "Content-Length beside chunked coding" : "chunked coding in HTTP/1.0");
        if (h->form == HTTP_FORM_ABSOLUTE && !bytes_eq(authority, h->host))
                return err_set(er, E_SYNTAX, NULL, "Host differs from the host in the request target");
        return E_OK;
}

enum ecode http_head_parse(struct bytes in, struct http_head *ret, struct err *er)
{
        struct http_head h = { 0 };
        struct bytes line, authority = { 0 };
        if (!cut_line(&in, &line))
                return err_set(er, E_SYNTAX, NULL, "the request line does not end in CRLF");
        enum ecode e = parse_request_line(&h, line, &authority, er);
        while (e == E_OK) {
                if (!cut_line(&in, &line))
                        return err_set(er, E_SYNTAX, NULL, "line %zu of the head does not end in CRLF", h.fields_n + 2);
                if (line.n == 0)
                        break;
                e = parse_field(&h, line, er);
        }
        if (e == E_OK && in.n > 0)
                e = err_set(er, E_SYNTAX, NULL, "octets after the head");
        if (e == E_OK)
                e = check_whole(&h, authority, er);
        if (e == E_OK)
                *ret = h;
        return e;
}

const struct http_head_field *http_head_find(const struct http_head *h, const char *name)
{
        for (size_t i = 0; i < h->fields_n; i++)
                if (bytes_ieq_str(h->field[i].name, name))
                        return &h->field[i];
        return NULL;
}

static bool is_lower_hex(uint8_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_zero(uint8_t c)
{
        return c == '0';
}

enum ecode http_traceparent(struct bytes v, char ret[33])
{
        /* version "00", trace id, parent id, flags: 2, 32, 16 and 2 digits with a dash between them */
        static const struct {
                size_t at, n;
        } part[] = { { 0, 2 }, { 3, 32 }, { 36, 16 }, { 53, 2 } };
        if (v.n < 55 || v.p[2] != '-' || v.p[35] != '-' || v.p[52] != '-')
                return E_SYNTAX;
        for (size_t i = 0; i < COUNT(part); i++)
                if (!all(bytes_of(v.p + part[i].at, part[i].n), is_lower_hex))
                        return E_SYNTAX;
        bool version_0 = v.p[0] == '0' && v.p[1] == '0', version_ff = v.p[0] == 'f' && v.p[1] == 'f';
        if (version_ff || (v.n > 55 && (version_0 || v.p[55] != '-')))
                return E_SYNTAX;
        if (all(bytes_of(v.p + 3, 32), is_zero) || all(bytes_of(v.p + 36, 16), is_zero))
                return E_SYNTAX;
        memcpy(ret, v.p + 3, 32);
        ret[32] = 0;
        return E_OK;
}
