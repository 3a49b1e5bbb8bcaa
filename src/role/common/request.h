/* What roles read from HTTP requests and administration commands in the same way. */
#ifndef MUSTER_ROLE_COMMON_REQUEST_H
#define MUSTER_ROLE_COMMON_REQUEST_H

#include "base/event.h"
#include "port/http.h"

#include <jansson.h>

/* The token of the Authorization header, and of nothing else (R-ID-80, R-KMS-38): E_SYNTAX when the query carries one.
 * E_TOKEN_MISSING: none. *ret borrows from rq. */
enum ecode request_bearer(const struct http_req *rq, struct bytes *ret, struct err *er);

/* Members of an administration command. Absent: *ret stays as it is; null: NULL or the empty value. E_SYNTAX for
 * another type, or a text that is empty or longer than 255 octets. Texts are borrowed from `in`. */
enum ecode arg_text(const json_t *in, const char *name, const char **ret, struct err *er);
enum ecode arg_int(const json_t *in, const char *name, int64_t least, int64_t most, int64_t *ret, struct err *er);
enum ecode arg_bool(const json_t *in, const char *name, bool *ret, struct err *er);
/* An array of texts; *ret on mem. Null: n = 0 and *ret not NULL. */
enum ecode arg_list(void *mem, const json_t *in, const char *name, const char ***ret, size_t *ret_n, struct err *er);
/* The same as arg_text, and E_MISSING when there is none. */
enum ecode arg_need(const json_t *in, const char *name, const char **ret, struct err *er);

/* Where a listing goes on: "after" (default "", the begin) and "most", 1 to LIST_MOST, which is the default. */
#define LIST_MOST 1000
struct page {
        const char *after;
        size_t most;
};
enum ecode arg_page(const json_t *in, struct page *ret, struct err *er);

/* An MC service ID: sip or tel URI (R-ID-10), without white space and control characters. E_SYNTAX. */
enum ecode mc_id_check(const char *uri, const char *what, struct err *er);

#endif
