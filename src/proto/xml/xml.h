/* Reading and writing XML from strangers. All readers of XML in Muster go through here, so that its dangers are closed
 * in one place (R-KMS-54, R-SA-57): a document with a DOCTYPE is refused, so there are no entity declarations, no
 * expansion and nothing external; no file or network is touched; size, depth and number of elements have limits; the
 * encoding is UTF-8 whatever the document says of itself.
 *
 * A name is a local name with a namespace. Where a function takes `ns`, NULL means any namespace or none. */
#ifndef MUSTER_PROTO_XML_XML_H
#define MUSTER_PROTO_XML_XML_H

#include "base/bytes.h"
#include "base/err.h"

#define XML_OCTETS_MAX ((size_t)256 << 10)
#define XML_DEPTH_MAX  32u
#define XML_NODES_MAX  20000u

struct xml;      /* a parsed document, on the talloc context it was asked for; the nodes live as long as it */
struct xml_node; /* an element */

struct xml_limits {
        size_t octets;
        unsigned depth; /* 1: the root element alone */
        unsigned nodes; /* elements and texts */
};

/* limits may be NULL: the values above. *er names the line.
 * Errors  E_SYNTAX not well-formed, DOCTYPE, not UTF-8; E_LONG beyond a limit; E_NOMEM. */
enum ecode xml_parse(void *mem, struct bytes in, const struct xml_limits *limits, struct xml **ret, struct err *er);
const struct xml_node *xml_root(const struct xml *x);
/* The xmlDocPtr beneath, for signatures. */
void *xml_doc(const struct xml *x);

/* "" where the element has no namespace. */
const char *xml_ns(const struct xml_node *n);
const char *xml_name(const struct xml_node *n);
long xml_line(const struct xml_node *n);
bool xml_is(const struct xml_node *n, const char *ns, const char *name);

/* The first child element, or the next sibling element, of that name; name NULL: of any name. n may be NULL. */
const struct xml_node *xml_first(const struct xml_node *n, const char *ns, const char *name);
const struct xml_node *xml_next(const struct xml_node *n, const char *ns, const char *name);
/* Down a path of first children, "a/b/c"; NULL when one is missing. */
const struct xml_node *xml_path(const struct xml_node *n, const char *ns, const char *path);
/* How many such children. */
size_t xml_count(const struct xml_node *n, const char *ns, const char *name);

/* All text inside the element without the white space around it; "" when there is none. NULL: no memory. */
char *xml_text(void *mem, const struct xml_node *n);
/* Text of the first such child. NULL when there is no such child (or no memory): an empty element gives "". */
char *xml_child_text(void *mem, const struct xml_node *n, const char *ns, const char *name);
/* NULL when absent. ns "" is the usual case of an attribute without prefix. */
char *xml_attr(void *mem, const struct xml_node *n, const char *ns, const char *name);

/* Whole values. E_MISSING when there is no such child, E_SYNTAX or E_RANGE otherwise; *ret only on success. */
enum ecode xml_child_i64(const struct xml_node *n, const char *ns, const char *name, int64_t *ret);
enum ecode xml_child_bool(const struct xml_node *n, const char *ns, const char *name, bool *ret);
/* xs:integer and xs:boolean texts. */
enum ecode xml_parse_i64(const char *text, int64_t *ret);
enum ecode xml_parse_bool(const char *text, bool *ret);

/* The document in Canonical XML 1.0 with white space between elements left out: equal octets mean equal documents. */
enum ecode xml_canonical(void *mem, const struct xml *x, struct bytes *ret);

/* Canonical XML 1.0 of one element and what is in it, as XML Signature digests it; what lies in `without` (NULL:
 * nothing) is left out. White space is kept. */
enum ecode xml_canonical_part(void *mem, const struct xml *x, const struct xml_node *part,
                              const struct xml_node *without, struct bytes *ret);

/* Writing. Names are literals of the program (or at least live until the element ends) and are not escaped; values
 * are. The first failure sticks; xmlw_done tells. The document is one line, as some clients cut a SIP body part at the
 * first line end inside (R-SA-133), unless `pretty` is set, which is for documents that travel over HTTP.
 *
 *      struct xmlw w = xmlw_on(mem);
 *      xmlw_start(&w, "a"); xmlw_attr(&w, "xmlns", NS); xmlw_leaf(&w, "b", "text"); xmlw_end(&w);
 *      return xmlw_done(&w, ret, er); */
struct xmlw {
        struct buf b;
        const char *open[XML_DEPTH_MAX];
        unsigned depth;
        bool pretty; /* one element per line, indented; set it before the first element */
        bool in_tag, has_text, bad_text, bad_use;
};

/* With the XML declaration, or (fragment) without. */
struct xmlw xmlw_on(void *mem);
struct xmlw xmlw_fragment(void *mem);
void xmlw_start(struct xmlw *w, const char *name);
/* NULL values write nothing. */
void xmlw_attr(struct xmlw *w, const char *name, const char *value);
void xmlw_attr_i64(struct xmlw *w, const char *name, int64_t value);
void xmlw_text(struct xmlw *w, const char *text);
void xmlw_end(struct xmlw *w);
/* <name>text</name>; nothing when text is NULL. */
void xmlw_leaf(struct xmlw *w, const char *name, const char *text);
void xmlw_leaf_i64(struct xmlw *w, const char *name, int64_t value);
void xmlw_leaf_bool(struct xmlw *w, const char *name, bool value);
void xmlw_empty(struct xmlw *w, const char *name);
/* E_SYNTAX: a value holds octets that XML cannot carry. E_NOMEM, E_INTERNAL (start and end do not match). */
enum ecode xmlw_done(struct xmlw *w, struct bytes *ret, struct err *er);

#endif
