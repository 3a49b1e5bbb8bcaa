/* Answers as octets, and the choice of a handler: the parts of the HTTP server that need neither socket nor loop. */
#ifndef MUSTER_ADAPTER_NET_HTTP_ANSWER_H
#define MUSTER_ADAPTER_NET_HTTP_ANSWER_H

#include "port/http.h"

struct http_answer_how {
        int64_t now_s;
        bool head_only;  /* HEAD: the fields as with GET, no body */
        bool keep_alive; /* else "Connection: close" */
        bool tls;        /* sends Strict-Transport-Security (RFC 6797 clause 7.2: over TLS only) */
};

/* The whole answer on mem: status line, the handler's fields, Date, Content-Length, default security fields unless the
 * handler set them, body. Fields that belong to the connection (Content-Length, Transfer-Encoding, Connection, Date)
 * are not taken from a handler. E_NOMEM. */
enum ecode http_answer_print(void *mem, const struct http_res *rs, const struct http_answer_how *how,
                             struct bytes *ret);

/* Fills *rs with a refusal in plain text: "400 Bad Request: why". */
void http_answer_refusal(struct http_res *rs, int status, const char *why);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 clause 5.6.7). */
void http_date(int64_t unix_s, char ret[30]);

/* The first row that fits method and path. NULL: *ret_allow (on mem) lists the methods of the path, or is NULL when
 * there is no such path. */
const struct http_route *http_route_find(void *mem, const struct http_route *routes, const char *method,
                                         const char *path, const char **ret_allow);

#endif
