#include "proto/kms/kms_sig.h"

#include <talloc.h>

#include "base/codec.h"
#include "crypto/prim.h"
#include "proto/kms/kms_internal.h"

#define C14N     "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
#define HMAC     "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
#define SHA256   "http://www.w3.org/2001/04/xmlenc#sha256"
#define ENVELOPE "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

static const struct xml_limits limits = { 4u << 20, XML_DEPTH_MAX, 100000 };

/* The parts of a signed document. */
struct signed_doc {
        struct xmlr r; /* reads in the namespace of XML Signature */
        struct xml *x;
        const struct xml_node *root, *inner, *signature, *info, *target;
};

static void want_algorithm(struct signed_doc *d, const struct xml_node *parent, const char *name, const char *alg)
{
        const struct xml_node *n = xmlr_node(&d->r, parent, name);
        char *have = n != NULL ? xmlr_attr(&d->r, n, "Algorithm") : NULL;
        if (have != NULL && strcmp(have, alg) != 0)
                xmlr_fail(&d->r, E_UNSUPPORTED, n, name, "is of another algorithm");
}

/* Exactly a request or response and its signature, so that nothing unsigned stands beside. */
static void find_parts(struct signed_doc *d)
{
        d->root = xml_root(d->x);
        bool request = xml_is(d->root, KMS_NS, "SignedKmsRequest");
        if (!request && !xml_is(d->root, KMS_NS, "SignedKmsResponse"))
                xmlr_fail(&d->r, E_SYNTAX, d->root, xml_name(d->root), "is no signed KMS document");
        d->inner = xml_first(d->root, KMS_NS, request ? "KmsRequest" : "KmsResponse");
        d->signature = xmlr_node(&d->r, d->root, "Signature");
        if (d->r.e == E_OK && (d->inner == NULL || xml_count(d->root, NULL, NULL) != 2))
                xmlr_fail(&d->r, E_SYNTAX, d->root, xml_name(d->root), "does not hold one document and its signature");
        d->info = xmlr_node(&d->r, d->signature, "SignedInfo");
}

static void check_method(struct signed_doc *d)
{
        int64_t bits = 256;
        want_algorithm(d, d->info, "CanonicalizationMethod", C14N);
        want_algorithm(d, d->info, "SignatureMethod", HMAC);
        bits = xmlr_i64_or(&d->r, xmlr_opt_node(&d->r, d->info, "SignatureMethod"), "HMACOutputLength", bits);
        if (d->r.e == E_OK && bits != 256) /* a short one could be guessed */
                xmlr_fail(&d->r, E_SIGNATURE, d->info, "HMACOutputLength", "is not 256");
}

/* How many elements carry that Id, in any spelling of the attribute that somebody might go by. */
static unsigned ids_in(void *mem, const struct xml_node *n, const char *id)
{
        static const char *const names[] = { "Id", "ID", "id" };
        unsigned count = 0;
        for (size_t i = 0; i < COUNT(names); i++) {
                char *have = xml_attr(mem, n, NULL, names[i]);
                count += have != NULL && strcmp(have, id) == 0;
                talloc_free(have);
        }
        for (const struct xml_node *c = xml_first(n, NULL, NULL); c != NULL; c = xml_next(c, NULL, NULL))
                count += ids_in(mem, c, id); /* the depth is that of the limits */
        return count;
}

/* None, or canonicalisation, or enveloped signature: the latter if and only if the wrapper is referenced. */
static void check_transforms(struct signed_doc *d, const struct xml_node *ref)
{
        bool enveloped = false;
        const struct xml_node *list = xmlr_opt_node(&d->r, ref, "Transforms");
        for (const struct xml_node *t = xml_first(list, NULL, NULL); t != NULL && d->r.e == E_OK;
             t = xml_next(t, NULL, NULL)) {
                char *alg = xmlr_attr(&d->r, t, "Algorithm");
                if (alg == NULL)
                        return;
                if (strcmp(alg, ENVELOPE) == 0)
                        enveloped = true;
                else if (strcmp(alg, C14N) != 0)
                        xmlr_fail(&d->r, E_UNSUPPORTED, t, "Transform", "is not served");
        }
        if (d->r.e == E_OK && enveloped != (d->target == d->root))
                xmlr_fail(&d->r, E_SIGNATURE, ref, "Reference", "does not cover the document");
}

static void find_target(struct signed_doc *d, const struct xml_node *ref)
{
        char *uri = xmlr_attr(&d->r, ref, "URI");
        if (uri == NULL)
                return;
        char *inner = xml_attr(d->r.mem, d->inner, "", "Id"), *outer = xml_attr(d->r.mem, d->root, "", "Id");
        if (uri[0] == '#' && inner != NULL && strcmp(uri + 1, inner) == 0)
                d->target = d->inner;
        else if (uri[0] == '#' && outer != NULL && strcmp(uri + 1, outer) == 0)
                d->target = d->root;
        if (d->target == NULL)
                xmlr_fail(&d->r, E_SIGNATURE, ref, "Reference", "does not name the document");
        else if (ids_in(d->r.mem, d->root, uri + 1) != 1)
                xmlr_fail(&d->r, E_SIGNATURE, ref, "Reference", "names an Id that stands more than once");
}

static void digest_part(struct signed_doc *d, const struct xml_node *part, const struct xml_node *without,
                        struct bytes *ret)
{
        if (d->r.e == E_OK && xml_canonical_part(d->r.mem, d->x, part, without, ret) != E_OK)
                xmlr_fail(&d->r, E_NOMEM, part, xml_name(part), "cannot be canonicalised");
}

static bool same(struct signed_doc *d, const struct xml_node *n, const char *name, const uint8_t want[SHA256_LEN])
{
        struct bytes have = { 0 };
        char *text = xmlr_text(&d->r, n, name);
        return text != NULL && b64_decode(d->r.mem, bytes_str(text), &have) == E_OK &&
               bytes_eq_secret(have, bytes_of(want, SHA256_LEN));
}

static void check_reference(struct signed_doc *d)
{
        uint8_t digest[SHA256_LEN];
        struct bytes octets = { 0 };
        const struct xml_node *ref = xmlr_node(&d->r, d->info, "Reference");
        if (ref == NULL)
                return;
        want_algorithm(d, ref, "DigestMethod", SHA256);
        find_target(d, ref);
        check_transforms(d, ref);
        digest_part(d, d->target, d->signature, &octets);
        if (d->r.e == E_OK && sha256(octets, digest) != E_OK)
                xmlr_fail(&d->r, E_CRYPTO, ref, "Reference", "cannot be digested");
        if (d->r.e == E_OK && !same(d, ref, "DigestValue", digest))
                xmlr_fail(&d->r, E_SIGNATURE, ref, "DigestValue", "differs: the document was altered");
}

static void check_value(struct signed_doc *d, const char *name, const struct kms_sig_keys *keys)
{
        uint8_t mac[SHA256_LEN];
        struct bytes octets = { 0 }, key = { 0 };
        digest_part(d, d->info, NULL, &octets);
        if (d->r.e != E_OK)
                return;
        enum ecode e = keys->find(keys->arg, name, &key);
        if (e != E_OK) {
                xmlr_fail(&d->r, e == E_NOT_FOUND ? E_SIGNATURE : e, d->signature, "KeyName", "names no key of ours");
                return;
        }
        if (hmac_sha256(key, octets, mac) != E_OK)
                xmlr_fail(&d->r, E_CRYPTO, d->signature, "SignatureValue", "cannot be computed");
        else if (!same(d, d->signature, "SignatureValue", mac))
                xmlr_fail(&d->r, E_SIGNATURE, d->signature, "SignatureValue", "does not verify");
}

enum ecode kms_signature_verify(void *mem, struct bytes xml, const struct kms_sig_keys *keys, char **ret_name,
                                struct err *er)
{
        void *tmp = talloc_new(mem);
        struct signed_doc d = { .r = { .mem = tmp, .ns = KMS_DS_NS, .req = "R-KMS-70", .er = er } };
        char *name = NULL;
        d.r.e = tmp == NULL ? err_set(er, E_NOMEM, NULL, "signature") : xml_parse(tmp, xml, &limits, &d.x, er);
        if (d.r.e == E_OK) {
                find_parts(&d);
                check_method(&d);
                name = xmlr_text(&d.r, xmlr_node(&d.r, d.signature, "KeyInfo"), "KeyName");
                if (name != NULL)
                        check_reference(&d);
                if (name != NULL)
                        check_value(&d, name, keys);
        }
        if (d.r.e == E_OK)
                *ret_name = talloc_steal(mem, name);
        talloc_free(tmp);
        return d.r.e;
}

static void write_algorithm(struct xmlw *w, const char *name, const char *alg)
{
        xmlw_start(w, name);
        xmlw_attr(w, "Algorithm", alg);
        xmlw_end(w);
}

static enum ecode signature_text(void *mem, const char *id, const char *digest, const char *value, const char *key_name,
                                 struct bytes *ret, struct err *er)
{
        struct xmlw w = xmlw_fragment(mem);
        char *uri = talloc_asprintf(mem, "#%s", id);
        xmlw_start(&w, "ds:Signature");
        xmlw_attr(&w, "xmlns:ds", KMS_DS_NS);
        xmlw_start(&w, "ds:SignedInfo");
        write_algorithm(&w, "ds:CanonicalizationMethod", C14N);
        xmlw_start(&w, "ds:SignatureMethod");
        xmlw_attr(&w, "Algorithm", HMAC);
        xmlw_leaf_i64(&w, "ds:HMACOutputLength", 256);
        xmlw_end(&w);
        xmlw_start(&w, "ds:Reference");
        xmlw_attr(&w, "URI", uri);
        write_algorithm(&w, "ds:DigestMethod", SHA256);
        xmlw_leaf(&w, "ds:DigestValue", digest);
        xmlw_end(&w);
        xmlw_end(&w);
        xmlw_leaf(&w, "ds:SignatureValue", value);
        xmlw_start(&w, "ds:KeyInfo");
        xmlw_leaf(&w, "ds:KeyName", key_name);
        xmlw_end(&w);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

/* The inner document stands in the wrapper as it was printed, without its XML declaration. */
static struct bytes wrapped(void *mem, const char *name, struct bytes doc, struct bytes signature)
{
        struct buf b = buf_on(mem);
        const uint8_t *end = doc.n > 5 && memcmp(doc.p, "<?xml", 5) == 0 ? memmem(doc.p, doc.n, "?>", 2) : NULL;
        size_t skip = end != NULL ? (size_t)(end - doc.p) + 2 : 0;
        while (skip < doc.n && (doc.p[skip] == '\n' || doc.p[skip] == '\r'))
                skip++;
        buf_printf(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Signed%s xmlns=\"%s\">", name, KMS_NS);
        buf_put(&b, bytes_of(doc.p + skip, doc.n - skip));
        buf_put(&b, signature);
        buf_printf(&b, "</Signed%s>", name);
        if (b.failed)
                return (struct bytes){ 0 };
        return buf_bytes(&b);
}

/* Base64 of a digest, or with a key of the MAC, of an element in the document as it will be sent. */
static enum ecode value_of(void *mem, struct bytes doc, const char *path_ns, const char *name, struct bytes key,
                           char **ret, struct err *er)
{
        uint8_t out[SHA256_LEN];
        struct xml *x = NULL;
        struct bytes octets;
        enum ecode e = xml_parse(mem, doc, &limits, &x, er);
        if (e != E_OK)
                return e;
        const struct xml_node *n = xml_first(xml_root(x), path_ns, name);
        if (strcmp(name, "Signature") == 0)
                n = xml_first(n, KMS_DS_NS, "SignedInfo");
        e = n == NULL ? E_SYNTAX : xml_canonical_part(mem, x, n, NULL, &octets);
        if (e == E_OK)
                e = key.n > 0 ? hmac_sha256(key, octets, out) : sha256(octets, out);
        talloc_free(x);
        if (e != E_OK)
                return err_set(er, e, NULL, "signing a KMS document");
        *ret = b64_encode(mem, BYTES_ARR(out));
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "signature");
}

enum ecode kms_sign(void *mem, struct bytes xml, const char *key_name, struct bytes key, struct bytes *ret,
                    struct err *er)
{
        struct xml *x = NULL;
        struct bytes sig = { 0 };
        char *digest = NULL, *value = NULL;
        enum ecode e = xml_parse(mem, xml, &limits, &x, er);
        if (e != E_OK)
                return e;
        char *id = xml_attr(mem, xml_root(x), "", "Id");
        char *name = talloc_strdup(mem, xml_name(xml_root(x)));
        bool known = xml_is(xml_root(x), KMS_NS, "KmsRequest") || xml_is(xml_root(x), KMS_NS, "KmsResponse");
        talloc_free(x);
        if (!known || id == NULL || name == NULL || key.n == 0)
                return err_set(er, E_MISSING, NULL, "what is to be signed needs a known root, an Id and a key");
        e = value_of(mem, wrapped(mem, name, xml, sig), KMS_NS, name, bytes_of(NULL, 0), &digest, er);
        if (e == E_OK)
                e = signature_text(mem, id, digest, "", key_name, &sig, er);
        if (e == E_OK)
                e = value_of(mem, wrapped(mem, name, xml, sig), KMS_DS_NS, "Signature", key, &value, er);
        if (e == E_OK)
                e = signature_text(mem, id, digest, value, key_name, &sig, er);
        if (e != E_OK)
                return e;
        struct bytes made = wrapped(mem, name, xml, sig);
        if (made.p == NULL)
                return err_set(er, E_NOMEM, NULL, "signed document");
        *ret = made;
        return E_OK;
}
