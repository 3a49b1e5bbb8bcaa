/* The head of an HTTP/1.1 request, read strictly (RFC 9112 clauses 2 to 6, RFC 9110 clause 5): lines end in CRLF, no
 * folding, no white space before a colon, one reading of the body's length or none. What two readers could understand
 * differently is refused, so that nothing can be smuggled past another HTTP server in front. Pure functions. */
#ifndef MUSTER_PROTO_HTTP_HEAD_H
#define MUSTER_PROTO_HTTP_HEAD_H

#include "base/bytes.h"
#include "base/err.h"

#define HTTP_FIELDS_MAX 64

struct http_head_field {
        struct bytes name, value; /* value without white space around it; no CR, LF, NUL inside */
};

enum http_form {                      /* RFC 9112 clause 3.2 */
                 HTTP_FORM_ORIGIN,    /* "/path?query" */
                 HTTP_FORM_ABSOLUTE,  /* "https://host/path?query"; host equals Host */
                 HTTP_FORM_AUTHORITY, /* "host:port", CONNECT only */
                 HTTP_FORM_ASTERISK,  /* "*", OPTIONS only */
};

/* Slices of the input, which has to outlive it. */
struct http_head {
        struct bytes method;
        enum http_form form;
        struct bytes path;  /* checked by http_path_check() in the first two forms; the whole target otherwise */
        struct bytes query; /* without '?' */
        struct bytes host;  /* of Host, which is mandatory here in HTTP/1.0 too */
        unsigned minor;     /* HTTP/1.minor: 0 or 1 */
        struct http_head_field field[HTTP_FIELDS_MAX];
        size_t fields_n;
        bool has_length, chunked; /* never both (R-KMS-62); neither: no body */
        uint64_t length;
        bool keep_alive;      /* RFC 9112 clause 9.3 */
        bool expect_continue; /* RFC 9110 clause 10.1.1 */
};

/* Where the head ends: the offset after its empty line, or 0 when it is not there yet. `from` is what an earlier call
 * with less input has already seen, so that a head that comes in drops costs linear time. */
size_t http_head_end(struct bytes in, size_t from);

/* `in` is exactly one head with its empty line. E_SYNTAX, E_MISSING (Host), E_DUPLICATE (Host, Authorization and others
 * that may stand once), E_RANGE (version, length), E_LONG (more than HTTP_FIELDS_MAX fields), E_UNSUPPORTED (transfer
 * coding other than chunked, expectation). */
enum ecode http_head_parse(struct bytes in, struct http_head *ret, struct err *er);

/* NULL when there is none. */
const struct http_head_field *http_head_find(const struct http_head *h, const char *name);

/* Begins with a slash; after decoding there is no NUL, no "." or ".." segment, and no empty segment but the last one.
 * E_SYNTAX. */
enum ecode http_path_check(struct bytes path, struct err *er);

/* W3C Trace Context clause 3.2: the 32 hex digits of the trace id. E_SYNTAX. */
enum ecode http_traceparent(struct bytes value, char ret[33]);

/* Chunked coding (RFC 9112 clause 7.1), decoded piece by piece. Zero-initialise. */
struct http_chunked {
        int state;
        unsigned digits;
        uint64_t left;
        size_t line; /* octets of the line under way: extensions and trailers are bounded, and thrown away */
        bool done;
};

/* Takes octets from `in` until it is empty or the body is complete (then c->done), appends data to *out, and tells in
 * *used how many it took. E_SYNTAX; E_LONG when *out would pass max octets. */
enum ecode http_chunked_feed(struct http_chunked *c, struct bytes in, struct buf *out, size_t max, size_t *used);

#endif
