/* The two small documents of subscribing to configuration: resource-lists (RFC 4826) says what to watch, xcap-diff
 * (RFC 5874) says what there is (TS 24.484 6.2). */
#ifndef MUSTER_PROTO_MCX_MCX_LISTS_H
#define MUSTER_PROTO_MCX_MCX_LISTS_H

#include "base/bytes.h"
#include "base/err.h"

#define MCX_RESOURCE_LISTS_MEDIA_TYPE "application/resource-lists+xml"
#define MCX_XCAP_DIFF_MEDIA_TYPE      "application/xcap-diff+xml"
#define MCX_LIST_MAX                  256u

struct mcx_uri_list {
        char **uris;
        size_t n;
};

/* The uri of every entry, lists within lists included, in document order. E_SYNTAX, E_LONG (more than MCX_LIST_MAX). */
enum ecode mcx_resource_lists_parse(void *mem, struct bytes xml, struct mcx_uri_list **ret, struct err *er);
enum ecode mcx_resource_lists_print(void *mem, const struct mcx_uri_list *in, struct bytes *ret, struct err *er);

struct mcx_xcap_doc {
        char *sel;           /* path below the XCAP root, no slash in front */
        char *previous_etag; /* or NULL: new */
        char *new_etag;      /* or NULL: removed */
};

struct mcx_xcap_diff {
        char *xcap_root;
        struct mcx_xcap_doc *docs;
        size_t n;
};

enum ecode mcx_xcap_diff_parse(void *mem, struct bytes xml, struct mcx_xcap_diff **ret, struct err *er);
enum ecode mcx_xcap_diff_print(void *mem, const struct mcx_xcap_diff *in, struct bytes *ret, struct err *er);

#endif
