#include <talloc.h>

#include "base/codec.h"
#include "base/secret.h"
#include "crypto/prim.h"
#include "proto/mcx/mcx_internal.h"

static bool key_id_of(const struct mcx_value *v, uint32_t *ret)
{
        struct bytes id = { 0 };
        void *tmp = talloc_new(NULL);
        bool ok = v->key_name != NULL && b64_decode(tmp, bytes_str(v->key_name), &id) == E_OK && id.n == 4;
        if (ok)
                *ret = (uint32_t)id.p[0] << 24 | (uint32_t)id.p[1] << 16 | (uint32_t)id.p[2] << 8 | id.p[3];
        talloc_free(tmp);
        return ok;
}

bool mcx_info_key_id(const struct mcx_info *in, uint32_t *ret)
{
        struct mcx_info copy = *in;
        for (size_t i = 0; i < MCX_FIELDS; i++) {
                const struct mcx_value *v = mcx_field_of(&copy, i);
                if (v->form == MCX_ENCRYPTED && key_id_of(v, ret))
                        return true;
        }
        return false;
}

/* The plain text is the wrapper element (XML Encryption's Type Content), or, from some senders, only its text. Inside
 * of an element of our own both are well-formed or not acceptable. */
static enum ecode read_plain(void *mem, struct bytes plain, enum mcx_service s, enum mcx_wrap wrap,
                             struct mcx_value *ret)
{
        struct xml *x = NULL;
        struct buf doc = buf_on(mem);
        buf_puts(&doc, "<t>");
        buf_put(&doc, plain);
        buf_puts(&doc, "</t>");
        enum ecode e = doc.failed ? E_NOMEM : xml_parse(mem, buf_bytes(&doc), NULL, &x, NULL);
        if (!doc.failed)
                secret_wipe(doc.p, doc.n);
        if (e != E_OK)
                return e;
        const struct xml_node *holder = xml_root(x), *child = xml_first(holder, NULL, NULL);
        if (child != NULL && (!mcx_is_wrapper(child, s) || xml_next(child, NULL, NULL) != NULL))
                e = E_SYNTAX;
        else
                e = mcx_value_read(mem, child != NULL ? child : holder, wrap, ret);
        talloc_free(x);
        return e;
}

static enum ecode open_value(void *mem, const struct mcx_value *v, const struct mcx_conf_key *key, enum mcx_service s,
                             enum mcx_wrap wrap, struct mcx_value *ret)
{
        uint32_t id;
        if (v->key_name != NULL && (!key_id_of(v, &id) || id != key->key_id))
                return E_DECRYPT;
        if (v->cipher.n < MCX_CIPHER_MIN)
                return E_DECRYPT;
        size_t n = v->cipher.n - MCX_CIPHER_MIN;
        uint8_t *plain = secret_alloc(mem, n + 1);
        if (plain == NULL)
                return E_NOMEM;
        enum ecode e = aes128_gcm_open(key->key.b, bytes_of(v->cipher.p, MCX_GCM_IV), bytes_of(NULL, 0),
                                       bytes_of(v->cipher.p + MCX_GCM_IV, n),
                                       bytes_of(v->cipher.p + MCX_GCM_IV + n, GCM_TAG_LEN), plain);
        if (e == E_OK)
                e = read_plain(mem, bytes_of(plain, n), s, wrap, ret);
        talloc_free(plain);
        return e == E_OK || e == E_NOMEM || e == E_CRYPTO ? e : E_DECRYPT;
}

enum ecode mcx_info_decrypt(void *mem, struct mcx_info *in, const struct mcx_conf_key *key, struct err *er)
{
        struct mcx_info out = *in;
        for (size_t i = 0; i < MCX_FIELDS; i++) {
                const struct mcx_value *v = mcx_field_of(in, i);
                if (v->form != MCX_ENCRYPTED)
                        continue;
                enum ecode e = open_value(mem, v, key, in->service, mcx_fields[i].wrap, mcx_field_of(&out, i));
                if (e != E_OK) {
                        char name[48];
                        mcx_field_name(name, in->service, i);
                        return err_set(er, e, "R-SA-78", "%s does not open with the key %08x", name,
                                       (unsigned)key->key_id);
                }
        }
        *in = out;
        return E_OK;
}

static enum ecode plain_element(void *mem, enum mcx_service s, enum mcx_wrap wrap, const char *text, struct bytes *ret)
{
        char name[24];
        snprintf(name, sizeof name, "%s%s", mcx_services[s].name, mcx_wraps[wrap]);
        struct xmlw w = xmlw_fragment(mem);
        xmlw_start(&w, name);
        xmlw_attr(&w, "xmlns", mcx_services[s].ns);
        xmlw_text(&w, text);
        xmlw_end(&w);
        return xmlw_done(&w, ret, NULL);
}

static enum ecode seal_value(void *mem, enum mcx_service s, enum mcx_wrap wrap, const char *text,
                             const struct mcx_protect *p, struct mcx_value *ret)
{
        struct bytes plain;
        enum ecode e = plain_element(mem, s, wrap, text, &plain);
        if (e != E_OK)
                return e;
        uint8_t id[4] = { (uint8_t)(p->key->key_id >> 24), (uint8_t)(p->key->key_id >> 16),
                          (uint8_t)(p->key->key_id >> 8), (uint8_t)p->key->key_id };
        uint8_t *out = talloc_size(mem, MCX_CIPHER_MIN + plain.n);
        char *key_name = b64_encode(mem, BYTES_ARR(id));
        e = out == NULL || key_name == NULL ? E_NOMEM : rng_fill(p->rng, out, MCX_GCM_IV);
        if (e == E_OK)
                e = aes128_gcm_seal(p->key->key.b, bytes_of(out, MCX_GCM_IV), bytes_of(NULL, 0), plain,
                                    out + MCX_GCM_IV, out + MCX_GCM_IV + plain.n);
        if (e == E_OK)
                *ret = (struct mcx_value){ .form = MCX_ENCRYPTED,
                                           .key_name = key_name,
                                           .cipher = bytes_of(out, MCX_CIPHER_MIN + plain.n) };
        return e;
}

static void write_encrypted(struct xmlw *w, const struct mcx_value *v)
{
        char *cipher = b64_encode(w->b.mem, v->cipher);
        xmlw_attr(w, "type", "Encrypted");
        xmlw_start(w, "xenc:EncryptedData");
        xmlw_attr(w, "xmlns:xenc", MCX_XENC_NS);
        xmlw_attr(w, "Type", MCX_XENC_NS "Content");
        xmlw_start(w, "xenc:EncryptionMethod");
        xmlw_attr(w, "Algorithm", MCX_GCM_ALG);
        xmlw_end(w);
        if (v->key_name != NULL) {
                xmlw_start(w, "ds:KeyInfo");
                xmlw_attr(w, "xmlns:ds", MCX_DS_NS);
                xmlw_leaf(w, "ds:KeyName", v->key_name);
                xmlw_end(w);
        }
        xmlw_start(w, "xenc:CipherData");
        xmlw_leaf(w, "xenc:CipherValue", cipher);
        xmlw_end(w);
        xmlw_end(w);
}

static enum ecode write_value(struct xmlw *w, enum mcx_service s, size_t field, struct mcx_value v,
                              const struct mcx_protect *p)
{
        char name[48], wrap[24];
        if (v.form == MCX_ABSENT || (s == MCX_DATA && mcx_fields[field].not_in_data))
                return E_OK;
        if (v.form == MCX_NORMAL && p != NULL) {
                enum ecode e = seal_value(w->b.mem, s, mcx_fields[field].wrap, v.text, p, &v);
                if (e != E_OK)
                        return e;
        }
        mcx_field_name(name, s, field);
        snprintf(wrap, sizeof wrap, "%s%s", mcx_services[s].name, mcx_wraps[mcx_fields[field].wrap]);
        xmlw_start(w, name);
        if (v.form == MCX_ENCRYPTED) {
                write_encrypted(w, &v);
        } else {
                xmlw_attr(w, "type", "Normal");
                xmlw_leaf(w, wrap, v.text);
        }
        xmlw_end(w);
        return E_OK;
}

enum ecode mcx_info_print(void *mem, const struct mcx_info *in, const struct mcx_protect *protect, struct bytes *ret,
                          struct err *er)
{
        struct mcx_info copy = *in;
        char root[16], params[16];
        snprintf(root, sizeof root, "%sinfo", mcx_services[in->service].name);
        snprintf(params, sizeof params, "%s-Params", mcx_services[in->service].name);
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, root);
        xmlw_attr(&w, "xmlns", mcx_services[in->service].ns);
        xmlw_start(&w, params);
        for (size_t i = 0; i < MCX_FIELDS; i++) {
                enum ecode e = write_value(&w, in->service, i, *mcx_field_of(&copy, i), protect);
                if (e != E_OK)
                        return err_set(er, e, NULL, "info body");
                if (i == MCX_FIELD_TOKEN) {
                        xmlw_leaf(&w, "session-type", in->service != MCX_DATA ? in->session_type : NULL);
                        xmlw_leaf(&w, "request-type", in->service == MCX_DATA ? in->request_type : NULL);
                }
        }
        xmlw_end(&w);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
