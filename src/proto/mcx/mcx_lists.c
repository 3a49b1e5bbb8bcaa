#include "proto/mcx/mcx_lists.h"

#include <talloc.h>

#include "proto/xml/xml_read.h"

#define NS_LISTS "urn:ietf:params:xml:ns:resource-lists" /* RFC 4826 */
#define NS_DIFF  "urn:ietf:params:xml:ns:xcap-diff"      /* RFC 5874 */

/* The depth of lists within lists is limited by that of XML. */
static void read_list(struct xmlr *r, const struct xml_node *list, struct mcx_uri_list *ret)
{
        for (const struct xml_node *c = xml_first(list, NS_LISTS, NULL); c != NULL && r->e == E_OK;
             c = xml_next(c, NS_LISTS, NULL)) {
                if (xml_is(c, NS_LISTS, "list"))
                        read_list(r, c, ret);
                if (!xml_is(c, NS_LISTS, "entry"))
                        continue;
                if (ret->n == MCX_LIST_MAX)
                        xmlr_fail(r, E_LONG, c, "entry", "stands too often");
                else
                        ret->uris[ret->n++] = xmlr_attr(r, c, "uri");
        }
}

enum ecode mcx_resource_lists_parse(void *mem, struct bytes xml, struct mcx_uri_list **ret, struct err *er)
{
        struct mcx_uri_list *l = talloc_zero(mem, struct mcx_uri_list);
        struct xml *x = NULL;
        enum ecode e = l == NULL ? err_set(er, E_NOMEM, NULL, "resource-lists") : xml_parse(l, xml, NULL, &x, er);
        if (e != E_OK) {
                talloc_free(l);
                return e;
        }
        struct xmlr r = { .mem = l, .ns = NS_LISTS, .req = "R-SA-57", .er = er };
        const struct xml_node *root = xml_root(x);
        l->uris = talloc_zero_array(l, char *, MCX_LIST_MAX);
        if (l->uris == NULL)
                xmlr_fail(&r, E_NOMEM, root, "entry", "does not fit into memory");
        if (!xml_is(root, NS_LISTS, "resource-lists"))
                xmlr_fail(&r, E_SYNTAX, root, xml_name(root), "is the root instead of resource-lists");
        read_list(&r, root, l);
        talloc_free(x);
        if (r.e != E_OK)
                talloc_free(l);
        else
                *ret = l;
        return r.e;
}

enum ecode mcx_resource_lists_print(void *mem, const struct mcx_uri_list *in, struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "resource-lists");
        xmlw_attr(&w, "xmlns", NS_LISTS);
        xmlw_start(&w, "list");
        for (size_t i = 0; i < in->n; i++) {
                xmlw_start(&w, "entry");
                xmlw_attr(&w, "uri", in->uris[i]);
                xmlw_end(&w);
        }
        xmlw_end(&w);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

enum ecode mcx_xcap_diff_parse(void *mem, struct bytes xml, struct mcx_xcap_diff **ret, struct err *er)
{
        struct mcx_xcap_diff *d = talloc_zero(mem, struct mcx_xcap_diff);
        struct xml *x = NULL;
        enum ecode e = d == NULL ? err_set(er, E_NOMEM, NULL, "xcap-diff") : xml_parse(d, xml, NULL, &x, er);
        if (e != E_OK) {
                talloc_free(d);
                return e;
        }
        struct xmlr r = { .mem = d, .ns = NS_DIFF, .req = "R-SA-57", .er = er };
        const struct xml_node *root = xml_root(x);
        if (!xml_is(root, NS_DIFF, "xcap-diff"))
                xmlr_fail(&r, E_SYNTAX, root, xml_name(root), "is the root instead of xcap-diff");
        d->xcap_root = xmlr_attr(&r, root, "xcap-root");
        d->docs = xmlr_array(&r, root, "document", sizeof *d->docs, MCX_LIST_MAX, &d->n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(root, NS_DIFF, "document"); i < d->n;
             c = xml_next(c, NS_DIFF, "document"), i++) {
                d->docs[i].sel = xmlr_attr(&r, c, "sel");
                d->docs[i].previous_etag = xmlr_opt_attr(&r, c, "previous-etag");
                d->docs[i].new_etag = xmlr_opt_attr(&r, c, "new-etag");
        }
        talloc_free(x);
        if (r.e != E_OK)
                talloc_free(d);
        else
                *ret = d;
        return r.e;
}

enum ecode mcx_xcap_diff_print(void *mem, const struct mcx_xcap_diff *in, struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "xcap-diff");
        xmlw_attr(&w, "xmlns", NS_DIFF);
        xmlw_attr(&w, "xcap-root", in->xcap_root);
        for (size_t i = 0; i < in->n; i++) {
                xmlw_start(&w, "document");
                xmlw_attr(&w, "sel", in->docs[i].sel);
                xmlw_attr(&w, "previous-etag", in->docs[i].previous_etag);
                xmlw_attr(&w, "new-etag", in->docs[i].new_etag);
                xmlw_end(&w);
        }
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
