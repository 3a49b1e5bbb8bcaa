/* Multipart bodies as SIP carries them (RFC 2046 clause 5.1, RFC 5621): parsed into a tree, printed from a list.
 *
 * Strangers send boundaries quoted and unquoted, preambles, any part order and unknown parts: all are accepted
 * (R-SA-58). A boundary that is missing or never ends is not (R-SA-57). Towards clients the boundary is unquoted and
 * lines end in CRLF (R-SA-133). */
#ifndef MUSTER_PROTO_MIME_MIME_H
#define MUSTER_PROTO_MIME_MIME_H

#include "base/bytes.h"
#include "base/err.h"

#define MIME_DEPTH_MAX  4u                 /* R-SA-39 */
#define MIME_OCTETS_MAX ((size_t)64 << 10) /* R-SA-39 */
#define MIME_PARTS_MAX  64u                /* in one multipart */

struct mime_part {
        char *type;              /* "application/mikey": lower case, no parameters */
        char *content_type;      /* the whole value as it stood */
        char *id;                /* Content-ID without the angle brackets, or NULL */
        char *encoding;          /* Content-Transfer-Encoding in lower case, or NULL */
        char *disposition;       /* Content-Disposition as it stood, or NULL */
        struct bytes body;       /* borrows from the input; as sent, see mime_body */
        unsigned depth;          /* nesting of its own; 1 for the outermost body */
        struct mime_part *parts; /* the parts of a multipart; or NULL */
        size_t n;
};

/* Reads a body of that Content-Type. When it is no multipart, *ret is that one part and has no children.
 * `outer_depth` is 0 for the body of a message from the wire; for a message that was itself the body of a part
 * (message/sip) it is that part's depth, so that the limit counts through.
 * Memory  *ret is on mem, its bodies point into `body`.
 * Errors  E_SYNTAX (boundary missing, unterminated, broken header), E_LONG (depth, size, parts: req R-SA-39). */
enum ecode mime_parse(void *mem, const char *content_type, struct bytes body, unsigned outer_depth,
                      struct mime_part **ret, struct err *er);

/* The first part of that media type, depth first, `root` included; NULL when there is none. */
const struct mime_part *mime_find(const struct mime_part *root, const char *type);
/* The part of that Content-ID; `cid` may come as "cid:x", "<x>" or "x". */
const struct mime_part *mime_find_id(const struct mime_part *root, const char *cid);

/* The body with its transfer encoding undone: base64 is decoded, everything else is as sent. E_SYNTAX. */
enum ecode mime_body(void *mem, const struct mime_part *part, struct bytes *ret);

/* Value of a parameter of a header such as Content-Type, unquoted; NULL when absent. */
char *mime_param(void *mem, const char *header, const char *name);
/* The media type of a Content-Type value, lower case; NULL when it is none. */
char *mime_type(void *mem, const char *content_type);

struct mime_out {
        const char *content_type; /* mandatory */
        const char *id;           /* without angle brackets; or NULL */
        const char *encoding;     /* written as given, the body is not changed; or NULL */
        const char *disposition;  /* or NULL */
        struct bytes body;
};

/* multipart/mixed with an unquoted boundary, which the caller chooses (random letters and digits do).
 * *ret_type is the Content-Type header's value.
 * Errors  E_RANGE (boundary is not 1 to 70 letters, digits or "-_.", or a header value holds CR or LF),
 *         E_CONFLICT (the boundary occurs in a body: choose another), E_LONG, E_NOMEM. */
enum ecode mime_print(void *mem, const struct mime_out *parts, size_t n, const char *boundary, char **ret_type,
                      struct bytes *ret, struct err *er);

#endif
