/* Filling a struct from an element without a test after each line: the first failure sticks, later reads do nothing.
 *
 *      struct xmlr r = { .mem = m, .ns = NS, .req = "R-SA-57", .er = er };
 *      m->uri = xmlr_text(&r, node, "Uri");
 *      m->n = xmlr_i64_or(&r, node, "N", 0);
 *      return r.e;
 *
 * A child that is read may stand once: E_DUPLICATE otherwise. */
#ifndef MUSTER_PROTO_XML_XML_READ_H
#define MUSTER_PROTO_XML_XML_READ_H

#include "proto/xml/xml.h"

struct xmlr {
        void *mem;
        const char *ns;  /* of the children; NULL: any */
        const char *req; /* what an error names; or NULL */
        enum ecode e;
        struct err *er; /* may be NULL */
};

/* NULL when absent; n may be NULL. */
const struct xml_node *xmlr_opt_node(struct xmlr *r, const struct xml_node *n, const char *name);
/* NULL only after a failure: E_MISSING. */
const struct xml_node *xmlr_node(struct xmlr *r, const struct xml_node *n, const char *name);
/* NULL when absent, or empty. */
char *xmlr_opt_text(struct xmlr *r, const struct xml_node *n, const char *name);
/* E_MISSING when absent or empty. */
char *xmlr_text(struct xmlr *r, const struct xml_node *n, const char *name);
int64_t xmlr_i64(struct xmlr *r, const struct xml_node *n, const char *name);
int64_t xmlr_i64_or(struct xmlr *r, const struct xml_node *n, const char *name, int64_t absent);
bool xmlr_bool_or(struct xmlr *r, const struct xml_node *n, const char *name, bool absent);
/* An attribute without namespace; E_MISSING when absent or empty. */
char *xmlr_attr(struct xmlr *r, const struct xml_node *n, const char *name);
char *xmlr_opt_attr(struct xmlr *r, const struct xml_node *n, const char *name);

/* A zeroed array for the children of that name, on r->mem; at most `max` (E_LONG). NULL when there are none. */
void *xmlr_array(struct xmlr *r, const struct xml_node *n, const char *name, size_t size, size_t max, size_t *ret_n);
/* Texts of all children of that name. */
char **xmlr_texts(struct xmlr *r, const struct xml_node *n, const char *name, size_t max, size_t *ret_n);

/* Fails, naming the line and the element. `what` completes "line 7: UserUri ...". */
void xmlr_fail(struct xmlr *r, enum ecode e, const struct xml_node *n, const char *name, const char *what);

#endif
