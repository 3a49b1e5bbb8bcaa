/* application/x-www-form-urlencoded: bodies and queries. Strict: every percent sign has two hex digits, names and
 * values are UTF-8 without NUL. Repetition is kept and reported, because RFC 6749 clause 3.1 forbids it (R-ID-49). */
#ifndef MUSTER_PROTO_OAUTH_FORM_H
#define MUSTER_PROTO_OAUTH_FORM_H

#include "base/bytes.h"
#include "base/err.h"

#define FORM_PAIRS_MAX 64

struct form_pair {
        const char *name, *value;
};

struct form {
        struct form_pair *pair;
        size_t n;
        const char *repeated; /* the first name that stands twice, or NULL */
};

/* E_SYNTAX, E_LONG (more than FORM_PAIRS_MAX pairs). An empty value counts as absent (RFC 6749 clause 3.1) in form_get,
 * and still as present for `repeated`. */
enum ecode form_parse(void *mem, struct bytes in, struct form *ret, struct err *er);
/* The value; NULL when absent or empty, and when the name is repeated. */
const char *form_get(const struct form *f, const char *name);

/* Appends name=value with '&' where needed; everything but unreserved characters (RFC 3986 clause 2.3) is
 * percent-encoded, a space becomes %20. A NULL value adds nothing. */
void form_put(struct buf *b, const char *name, const char *value);
/* The same behind a URL: '?' or '&' is chosen by what the URL holds already. b holds the URL so far. */
void query_put(struct buf *b, const char *name, const char *value);

/* RFC 3986 clause 2.1, for path segments and queries. NULL: no memory. */
char *pct_encode(void *mem, struct bytes in);
/* E_SYNTAX: broken escape, NUL or not UTF-8. plus_is_space: as in forms. */
enum ecode pct_decode(void *mem, struct bytes in, bool plus_is_space, char **ret);

#endif
