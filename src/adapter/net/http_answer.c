#include "adapter/net/http_answer.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <talloc.h>

static const struct {
        int status;
        const char *phrase;
} phrases[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
};

static const char *phrase_of(int status)
{
        for (size_t i = 0; i < COUNT(phrases); i++)
                if (phrases[i].status == status)
                        return phrases[i].phrase;
        return "";
}

void http_date(int64_t unix_s, char ret[30])
{
        static const char day[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        time_t t = (time_t)unix_s;
        struct tm tm;
        if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
                tm = (struct tm){ .tm_year = 70, .tm_mday = 1, .tm_wday = 4 };
        char text[128]; /* the compiler cannot know the ranges */
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[tm.tm_wday], tm.tm_mday,
                 month[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        memcpy(ret, text, 29);
        ret[29] = 0;
}

static bool has_field(const struct http_res *rs, const char *name)
{
        for (size_t i = 0; i < rs->fields_n; i++)
                if (strcasecmp(rs->fields[i].name, name) == 0)
                        return true;
        return false;
}

static bool is_of_connection(const char *name)
{
        static const char *const ours[] = { "Content-Length", "Transfer-Encoding", "Connection", "Date" };
        for (size_t i = 0; i < COUNT(ours); i++)
                if (strcasecmp(name, ours[i]) == 0)
                        return true;
        return false;
}

static void put_fields(struct buf *b, const struct http_res *rs, const struct http_answer_how *how)
{
        char date[30];
        http_date(how->now_s, date);
        buf_printf(b, "Date: %s\r\n", date);
        for (size_t i = 0; i < rs->fields_n; i++)
                if (!is_of_connection(rs->fields[i].name))
                        buf_printf(b, "%s: %s\r\n", rs->fields[i].name, rs->fields[i].value);
        if (!has_field(rs, "X-Content-Type-Options"))
                buf_puts(b, "X-Content-Type-Options: nosniff\r\n");
        if (how->tls && !has_field(rs, "Strict-Transport-Security"))
                buf_puts(b, "Strict-Transport-Security: max-age=31536000\r\n");
        if (!how->keep_alive)
                buf_puts(b, "Connection: close\r\n");
}

enum ecode http_answer_print(void *mem, const struct http_res *rs, const struct http_answer_how *how, struct bytes *ret)
{
        int status = rs->status >= 200 && rs->status <= 599 ? rs->status : 500;
        bool bodiless = status == 204 || status == 304; /* RFC 9110 clause 8.6: no Content-Length either */
        struct buf b = buf_on(mem);
        b.max = rs->body.n + ((size_t)1 << 20);
        buf_printf(&b, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
        put_fields(&b, rs, how);
        if (!bodiless)
                buf_printf(&b, "Content-Length: %zu\r\n", rs->body.n);
        buf_puts(&b, "\r\n");
        if (!bodiless && !how->head_only)
                buf_put(&b, rs->body);
        if (b.failed)
                return E_NOMEM;
        *ret = buf_bytes(&b);
        return E_OK;
}

void http_answer_refusal(struct http_res *rs, int status, const char *why)
{
        char *text = talloc_asprintf(rs->mem, "%d %s%s%s\n", status, phrase_of(status), why != NULL ? ": " : "",
                                     why != NULL ? why : "");
        http_res_body(rs, status, "text/plain; charset=utf-8", bytes_str(text));
        http_res_field(rs, "Cache-Control", "no-store");
}

static bool path_fits(const char *pattern, const char *path)
{
        size_t n = strlen(pattern);
        if (n > 0 && pattern[n - 1] == '*')
                return strncmp(pattern, path, n - 1) == 0;
        return strcmp(pattern, path) == 0;
}

static bool method_fits(const char *of_row, const char *method)
{
        return strcmp(of_row, method) == 0 || (strcmp(of_row, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

const struct http_route *http_route_find(void *mem, const struct http_route *routes, const char *method,
                                         const char *path, const char **ret_allow)
{
        struct buf allow = buf_on(mem);
        for (const struct http_route *r = routes; r != NULL && r->path != NULL; r++) {
                if (!path_fits(r->path, path))
                        continue;
                if (method_fits(r->method, method))
                        return r;
                buf_printf(&allow, "%s%s%s", allow.n > 0 ? ", " : "", r->method,
                           strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
        }
        *ret_allow = allow.n > 0 ? buf_str(&allow) : NULL;
        return NULL;
}
