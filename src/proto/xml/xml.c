#include "proto/xml/xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <libxml/SAX2.h>
#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <talloc.h>
#include <pthread.h>

/* Names of one start tag, and namespace declarations in scope: libxml2 compares each with each. */
#define ATTRS_MAX  256u
#define SCOPE_MAX  64u
#define DEPTH_HARD 250u /* libxml2 itself stops at 256 */

static const struct xml_limits limits_default = { XML_OCTETS_MAX, XML_DEPTH_MAX, XML_NODES_MAX };

struct xml {
        xmlDocPtr doc;
};

/* What the parser's callbacks watch while it runs. */
struct guard {
        struct xml_limits max;
        unsigned depth, nodes, scope;
        unsigned scope_at[DEPTH_HARD + 1];
        enum ecode e;
        const char *why;
        long line;
};

static void stop(xmlParserCtxtPtr ctxt, enum ecode e, const char *why)
{
        struct guard *g = ctxt->_private;
        if (g->e == E_OK) {
                g->e = e;
                g->why = why;
                g->line = ctxt->input != NULL ? ctxt->input->line : 0;
        }
        xmlStopParser(ctxt);
}

/* Called at <!DOCTYPE, before anything in it is read. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
        (void)name, (void)external, (void)system;
        stop(ctx, E_SYNTAX, "a DOCTYPE is not accepted");
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int ns_n,
                     const xmlChar **ns, int attr_n, int defaulted_n, const xmlChar **attrs)
{
        struct guard *g = ((xmlParserCtxtPtr)ctx)->_private;
        if (g->depth >= g->max.depth) {
                stop(ctx, E_LONG, "elements are nested too deeply");
                return;
        }
        g->depth++;
        g->scope_at[g->depth] = (unsigned)ns_n;
        g->scope += (unsigned)ns_n;
        if (++g->nodes > g->max.nodes) {
                stop(ctx, E_LONG, "there are too many elements");
                return;
        }
        if (g->scope > SCOPE_MAX) {
                stop(ctx, E_LONG, "too many namespaces are declared");
                return;
        }
        xmlSAX2StartElementNs(ctx, name, prefix, uri, ns_n, ns, attr_n, defaulted_n, attrs);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
        struct guard *g = ((xmlParserCtxtPtr)ctx)->_private;
        if (g->depth > 0) {
                g->scope -= g->scope_at[g->depth];
                g->depth--;
        }
        xmlSAX2EndElementNs(ctx, name, prefix, uri);
}

static void on_text(void *ctx, const xmlChar *text, int n)
{
        struct guard *g = ((xmlParserCtxtPtr)ctx)->_private;
        if (++g->nodes > g->max.nodes) {
                stop(ctx, E_LONG, "there are too many texts");
                return;
        }
        xmlSAX2Characters(ctx, text, n);
}

/* Comments and processing instructions mean nothing to us. */
static void on_comment(void *ctx, const xmlChar *text)
{
        (void)ctx, (void)text;
}

static void on_pi(void *ctx, const xmlChar *target, const xmlChar *data)
{
        (void)ctx, (void)target, (void)data;
}

/* A '<' cannot stand inside an attribute, so what follows one up to the next holds all attributes of a tag. */
static bool too_many_attrs(struct bytes in)
{
        unsigned n = 0;
        for (size_t i = 0; i + 1 < in.n; i++) {
                if (in.p[i] == '<') {
                        n = 0;
                } else if (in.p[i] == '=') {
                        size_t k = i + 1;
                        while (k < in.n && strchr(" \t\r\n", in.p[k]) != NULL && in.p[k] != 0)
                                k++;
                        if (k < in.n && (in.p[k] == '"' || in.p[k] == '\'') && ++n > ATTRS_MAX)
                                return true;
                        i = k - 1; /* so that white space is walked once */
                }
        }
        return false;
}

static int xml_free_doc(struct xml *x)
{
        if (x->doc != NULL)
                xmlFreeDoc(x->doc);
        return 0;
}

static xmlDocPtr read_guarded(xmlParserCtxtPtr ctxt, struct bytes in, struct guard *g)
{
        ctxt->_private = g;
        ctxt->sax->internalSubset = on_doctype;
        ctxt->sax->startElementNs = on_start;
        ctxt->sax->endElementNs = on_end;
        ctxt->sax->characters = on_text;
        ctxt->sax->ignorableWhitespace = on_text;
        ctxt->sax->comment = on_comment;
        ctxt->sax->processingInstruction = on_pi;
        return xmlCtxtReadMemory(ctxt, (const char *)in.p, (int)in.n, NULL, "UTF-8",
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
}

static enum ecode syntax_error(xmlParserCtxtPtr ctxt, const struct guard *g, struct err *er)
{
        if (g->e != E_OK)
                return err_set(er, g->e, "R-KMS-54", "line %ld: %s", g->line, g->why);
        const xmlError *last = xmlCtxtGetLastError(ctxt);
        if (last != NULL && last->code == XML_ERR_NO_MEMORY)
                return err_set(er, E_NOMEM, NULL, "XML parser");
        char text[120] = "not well-formed";
        if (last != NULL && last->message != NULL)
                snprintf(text, sizeof text, "%s", last->message);
        text[strcspn(text, "\n")] = 0;
        return err_set(er, E_SYNTAX, "R-SA-57", "line %d: %s", last != NULL ? last->line : 0, text);
}

/* libxml2 before 2.11 starts itself at the first document, which two threads at once do twice */
static pthread_once_t libxml_once = PTHREAD_ONCE_INIT;

static enum ecode parse_into(struct xml *x, struct bytes in, const struct xml_limits *lim, struct err *er)
{
        struct guard g = { .max = *lim };
        pthread_once(&libxml_once, xmlInitParser);
        xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
        if (ctxt == NULL)
                return err_set(er, E_NOMEM, NULL, "XML parser");
        x->doc = read_guarded(ctxt, in, &g);
        enum ecode e = E_OK;
        if (g.e != E_OK || x->doc == NULL || !ctxt->wellFormed || !ctxt->nsWellFormed)
                e = syntax_error(ctxt, &g, er);
        else if (xmlDocGetRootElement(x->doc) == NULL || x->doc->intSubset != NULL)
                e = err_set(er, E_SYNTAX, "R-SA-57", "there is no root element");
        /* a document that failed half-way hangs at the context */
        if (x->doc == NULL && ctxt->myDoc != NULL)
                xmlFreeDoc(ctxt->myDoc);
        ctxt->myDoc = NULL;
        xmlFreeParserCtxt(ctxt);
        return e;
}

enum ecode xml_parse(void *mem, struct bytes in, const struct xml_limits *limits, struct xml **ret, struct err *er)
{
        struct xml_limits lim = limits != NULL ? *limits : limits_default;
        if (lim.depth > DEPTH_HARD)
                lim.depth = DEPTH_HARD;
        if (in.n > lim.octets || in.n > INT32_MAX)
                return err_set(er, E_LONG, "R-KMS-54", "a document of %zu octets, at most %zu", in.n, lim.octets);
        if (in.n == 0)
                return err_set(er, E_SYNTAX, "R-SA-57", "the document is empty");
        if (too_many_attrs(in))
                return err_set(er, E_LONG, "R-KMS-54", "more than %u attributes in one element", ATTRS_MAX);
        struct xml *x = talloc_zero(mem, struct xml);
        if (x == NULL)
                return err_set(er, E_NOMEM, NULL, "XML document");
        talloc_set_destructor(x, xml_free_doc);
        enum ecode e = parse_into(x, in, &lim, er);
        if (e != E_OK) {
                talloc_free(x);
                return e;
        }
        *ret = x;
        return E_OK;
}

/* struct xml_node is never defined: it is libxml2's node under a name that keeps libxml2 out of our headers. */
static const xmlNode *node_of(const struct xml_node *n)
{
        return (const void *)n;
}

static const struct xml_node *as_node(const xmlNode *n)
{
        return (const void *)n;
}

const struct xml_node *xml_root(const struct xml *x)
{
        return as_node(xmlDocGetRootElement(x->doc));
}

void *xml_doc(const struct xml *x)
{
        return x->doc;
}

const char *xml_ns(const struct xml_node *n)
{
        const xmlNode *x = node_of(n);
        return x->ns != NULL && x->ns->href != NULL ? (const char *)x->ns->href : "";
}

const char *xml_name(const struct xml_node *n)
{
        return (const char *)node_of(n)->name;
}

long xml_line(const struct xml_node *n)
{
        return xmlGetLineNo(node_of(n));
}

bool xml_is(const struct xml_node *n, const char *ns, const char *name)
{
        return n != NULL && (name == NULL || strcmp(xml_name(n), name) == 0) &&
               (ns == NULL || strcmp(xml_ns(n), ns) == 0);
}

static const struct xml_node *seek(const xmlNode *at, const char *ns, const char *name)
{
        for (; at != NULL; at = at->next)
                if (at->type == XML_ELEMENT_NODE && xml_is(as_node(at), ns, name))
                        return as_node(at);
        return NULL;
}

const struct xml_node *xml_first(const struct xml_node *n, const char *ns, const char *name)
{
        return n == NULL ? NULL : seek(node_of(n)->children, ns, name);
}

const struct xml_node *xml_next(const struct xml_node *n, const char *ns, const char *name)
{
        return n == NULL ? NULL : seek(node_of(n)->next, ns, name);
}

const struct xml_node *xml_path(const struct xml_node *n, const char *ns, const char *path)
{
        while (n != NULL && *path != 0) {
                char name[64];
                size_t len = strcspn(path, "/");
                if (len >= sizeof name)
                        return NULL;
                memcpy(name, path, len);
                name[len] = 0;
                n = xml_first(n, ns, name);
                path += len + (path[len] == '/');
        }
        return n;
}

size_t xml_count(const struct xml_node *n, const char *ns, const char *name)
{
        size_t count = 0;
        for (const struct xml_node *c = xml_first(n, ns, name); c != NULL; c = xml_next(c, ns, name))
                count++;
        return count;
}

static char *trimmed(void *mem, const char *s)
{
        static const char space[] = " \t\r\n";
        s += strspn(s, space);
        size_t n = strlen(s);
        while (n > 0 && strchr(space, s[n - 1]) != NULL)
                n--;
        return talloc_strndup(mem, s, n);
}

char *xml_text(void *mem, const struct xml_node *n)
{
        xmlChar *raw = xmlNodeGetContent(node_of(n));
        if (raw == NULL)
                return NULL;
        char *text = trimmed(mem, (const char *)raw);
        xmlFree(raw);
        return text;
}

char *xml_child_text(void *mem, const struct xml_node *n, const char *ns, const char *name)
{
        const struct xml_node *c = xml_first(n, ns, name);
        return c == NULL ? NULL : xml_text(mem, c);
}

static bool attr_is(const xmlAttr *a, const char *ns, const char *name)
{
        const char *have = a->ns != NULL ? (const char *)a->ns->href : "";
        return strcmp((const char *)a->name, name) == 0 && (ns == NULL || strcmp(have, ns) == 0);
}

char *xml_attr(void *mem, const struct xml_node *n, const char *ns, const char *name)
{
        for (const xmlAttr *a = n != NULL ? node_of(n)->properties : NULL; a != NULL; a = a->next) {
                if (!attr_is(a, ns, name))
                        continue;
                xmlChar *raw = xmlNodeListGetString(a->doc, a->children, 1);
                char *text = trimmed(mem, raw != NULL ? (const char *)raw : "");
                xmlFree(raw);
                return text;
        }
        return NULL;
}

enum ecode xml_parse_i64(const char *text, int64_t *ret)
{
        const char *digits = text + (*text == '-' || *text == '+');
        if (*digits == 0 || strspn(digits, "0123456789") != strlen(digits))
                return E_SYNTAX;
        errno = 0;
        long long v = strtoll(text, NULL, 10);
        if (errno == ERANGE)
                return E_RANGE;
        *ret = v;
        return E_OK;
}

enum ecode xml_parse_bool(const char *text, bool *ret)
{
        bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
                return E_SYNTAX;
        *ret = yes;
        return E_OK;
}

enum ecode xml_child_i64(const struct xml_node *n, const char *ns, const char *name, int64_t *ret)
{
        const struct xml_node *c = xml_first(n, ns, name);
        if (c == NULL)
                return E_MISSING;
        char *text = xml_text(NULL, c);
        enum ecode e = text == NULL ? E_NOMEM : xml_parse_i64(text, ret);
        talloc_free(text);
        return e;
}

enum ecode xml_child_bool(const struct xml_node *n, const char *ns, const char *name, bool *ret)
{
        const struct xml_node *c = xml_first(n, ns, name);
        if (c == NULL)
                return E_MISSING;
        char *text = xml_text(NULL, c);
        enum ecode e = text == NULL ? E_NOMEM : xml_parse_bool(text, ret);
        talloc_free(text);
        return e;
}

static xmlNodePtr after(xmlNodePtr n)
{
        while (n != NULL && n->next == NULL)
                n = n->parent;
        return n != NULL ? n->next : NULL;
}

static bool beside_elements(const xmlNode *n)
{
        return n->parent != NULL && n->parent->type == XML_ELEMENT_NODE && xmlFirstElementChild(n->parent) != NULL;
}

static void drop_white_space(xmlDocPtr doc)
{
        for (xmlNodePtr n = doc->children, following; n != NULL; n = following) {
                following = n->type == XML_ELEMENT_NODE && n->children != NULL ? n->children : after(n);
                if (xmlIsBlankNode(n) && beside_elements(n)) {
                        xmlUnlinkNode(n);
                        xmlFreeNode(n);
                }
        }
}

enum ecode xml_canonical(void *mem, const struct xml *x, struct bytes *ret)
{
        xmlDocPtr copy = xmlCopyDoc(x->doc, 1);
        if (copy == NULL)
                return E_NOMEM;
        drop_white_space(copy);
        xmlChar *out = NULL;
        int n = xmlC14NDocDumpMemory(copy, NULL, XML_C14N_1_0, NULL, 0, &out);
        xmlFreeDoc(copy);
        struct bytes made = { 0 };
        if (n > 0)
                made = bytes_copy(mem, bytes_of(out, (size_t)n));
        xmlFree(out);
        if (made.p == NULL)
                return E_NOMEM;
        *ret = made;
        return E_OK;
}

struct selection {
        const xmlNode *part, *without;
};

/* libxml2 asks this of every node; for namespaces and attributes `parent` is the element that carries them. */
static int is_selected(void *user, xmlNodePtr node, xmlNodePtr parent)
{
        const struct selection *s = user;
        const xmlNode *n = node->type == XML_NAMESPACE_DECL || node->type == XML_ATTRIBUTE_NODE ? parent : node;
        for (; n != NULL; n = n->parent) {
                if (n == s->without)
                        return 0;
                if (n == s->part)
                        return 1;
        }
        return 0;
}

enum ecode xml_canonical_part(void *mem, const struct xml *x, const struct xml_node *part,
                              const struct xml_node *without, struct bytes *ret)
{
        struct selection s = { node_of(part), without != NULL ? node_of(without) : NULL };
        xmlOutputBufferPtr out = xmlAllocOutputBuffer(NULL);
        if (out == NULL)
                return E_NOMEM;
        int rc = xmlC14NExecute(x->doc, is_selected, &s, XML_C14N_1_0, NULL, 0, out);
        struct bytes made = { 0 };
        if (rc >= 0)
                made = bytes_copy(mem, bytes_of(xmlOutputBufferGetContent(out), xmlOutputBufferGetSize(out)));
        xmlOutputBufferClose(out);
        if (made.p == NULL)
                return E_NOMEM;
        *ret = made;
        return E_OK;
}
