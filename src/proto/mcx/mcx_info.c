#include "proto/mcx/mcx_info.h"

#include <talloc.h>

#include "base/codec.h"
#include "proto/mcx/mcx_internal.h"
#include "proto/xml/xml_read.h"

const struct mcx_service_row mcx_services[MCX_SERVICES] = {
        [MCX_PTT] = { "mcptt", "MCPTT", "urn:3gpp:ns:mcpttInfo:1.0", "application/vnd.3gpp.mcptt-info+xml",
                      "urn:urn-7:3gpp-service.ims.icsi.mcptt" },
        [MCX_VIDEO] = { "mcvideo", "MCVideo", "urn:3gpp:ns:mcvideoInfo:1.0", "application/vnd.3gpp.mcvideo-info+xml",
                        "urn:urn-7:3gpp-service.ims.icsi.mcvideo" },
        [MCX_DATA] = { "mcdata", "MCData", "urn:3gpp:ns:mcdataInfo:1.0", "application/vnd.3gpp.mcdata-info+xml",
                       "urn:urn-7:3gpp-service.ims.icsi.mcdata" },
};

/* In schema order: 24.379 F.1.2. session-type and request-type stand behind the token. */
const struct mcx_field mcx_fields[MCX_FIELDS] = {
        { offsetof(struct mcx_info, access_token), true, "-access-token", MCX_WRAP_STRING },
        { offsetof(struct mcx_info, request_uri), true, "-request-uri", MCX_WRAP_URI },
        { offsetof(struct mcx_info, calling_user_id), true, "-calling-user-id", MCX_WRAP_URI },
        { offsetof(struct mcx_info, calling_group_id), true, "-calling-group-id", MCX_WRAP_URI },
        { offsetof(struct mcx_info, emergency_ind), false, "emergency-ind", MCX_WRAP_BOOLEAN, true },
        { offsetof(struct mcx_info, client_id), true, "-client-id", MCX_WRAP_STRING },
        { offsetof(struct mcx_info, multiple_devices_ind), false, "multiple-devices-ind", MCX_WRAP_BOOLEAN },
};

const char *const mcx_wraps[] = {
        [MCX_WRAP_STRING] = "String",
        [MCX_WRAP_URI] = "URI",
        [MCX_WRAP_BOOLEAN] = "Boolean",
};

const char *mcx_service_name(enum mcx_service s)
{
        return mcx_services[s].name;
}

const char *mcx_info_media_type(enum mcx_service s)
{
        return mcx_services[s].media_type;
}

const char *mcx_icsi(enum mcx_service s)
{
        return mcx_services[s].icsi;
}

bool mcx_service_of_media_type(const char *type, enum mcx_service *ret)
{
        for (unsigned s = 0; s < MCX_SERVICES; s++) {
                if (strcmp(mcx_services[s].media_type, type) == 0) {
                        *ret = (enum mcx_service)s;
                        return true;
                }
        }
        return false;
}

struct mcx_value *mcx_field_of(struct mcx_info *in, size_t i)
{
        return (void *)((uint8_t *)in + mcx_fields[i].at);
}

void mcx_field_name(char ret[48], enum mcx_service s, size_t i)
{
        snprintf(ret, 48, "%s%s", mcx_fields[i].prefixed ? mcx_services[s].name : "", mcx_fields[i].name);
}

struct mcx_value mcx_value_of(const char *text)
{
        if (text == NULL)
                return (struct mcx_value){ .form = MCX_ABSENT };
        return (struct mcx_value){ .form = MCX_NORMAL, .text = (char *)(uintptr_t)text };
}

const char *mcx_value_text(const struct mcx_value *v)
{
        return v->form == MCX_NORMAL ? v->text : NULL;
}

bool mcx_value_true(const struct mcx_value *v)
{
        return v->form == MCX_NORMAL && strcmp(v->text, "true") == 0;
}

bool mcx_is_wrapper(const struct xml_node *n, enum mcx_service s)
{
        size_t len = strlen(mcx_services[s].name);
        if (n == NULL || strncmp(xml_name(n), mcx_services[s].name, len) != 0)
                return false;
        for (size_t i = 0; i < COUNT(mcx_wraps); i++)
                if (strcmp(xml_name(n) + len, mcx_wraps[i]) == 0)
                        return true;
        return false;
}

static void read_encrypted(struct xmlr *outer, const struct xml_node *enc, struct mcx_value *v)
{
        struct xmlr r = *outer;
        r.ns = MCX_XENC_NS;
        const struct xml_node *method = xmlr_opt_node(&r, enc, "EncryptionMethod");
        char *alg = method != NULL ? xmlr_opt_attr(&r, method, "Algorithm") : NULL;
        if (alg != NULL && strcmp(alg, MCX_GCM_ALG) != 0)
                xmlr_fail(&r, E_DECRYPT, method, "EncryptionMethod", "is not AES-128-GCM");
        char *text = xmlr_text(&r, xmlr_node(&r, enc, "CipherData"), "CipherValue");
        if (text != NULL && (b64_decode(r.mem, bytes_str(text), &v->cipher) != E_OK || v->cipher.n < MCX_CIPHER_MIN))
                xmlr_fail(&r, E_DECRYPT, enc, "CipherValue", "is no base64, or too short");
        r.ns = MCX_DS_NS;
        v->key_name = xmlr_opt_text(&r, xmlr_opt_node(&r, enc, "KeyInfo"), "KeyName");
        v->form = MCX_ENCRYPTED;
        if (r.e != E_OK && r.e != E_NOMEM && r.e != E_DECRYPT) /* whatever is wrong, it cannot be decrypted */
                r.e = err_set(r.er, E_DECRYPT, "R-SA-78", "line %ld: EncryptedData is incomplete", xml_line(enc));
        outer->e = r.e;
}

/* Booleans become the words: xs:boolean also knows 0 and 1. */
enum ecode mcx_value_read(void *mem, const struct xml_node *holder, enum mcx_wrap wrap, struct mcx_value *ret)
{
        bool yes = false;
        char *text = xml_text(mem, holder);
        if (text != NULL && wrap == MCX_WRAP_BOOLEAN) {
                if (xml_parse_bool(text, &yes) != E_OK)
                        return E_SYNTAX;
                text = talloc_strdup(mem, yes ? "true" : "false");
        }
        if (text == NULL)
                return E_NOMEM;
        *ret = (struct mcx_value){ .form = MCX_NORMAL, .text = text };
        return E_OK;
}

static void read_normal(struct xmlr *r, const struct xml_node *wrapper, enum mcx_wrap wrap, struct mcx_value *v)
{
        enum ecode e = mcx_value_read(r->mem, wrapper, wrap, v);
        if (e != E_OK)
                xmlr_fail(r, e, wrapper, xml_name(wrapper), "has no value of its type");
}

/* contentType: 24.379 F.1.2. */
static void read_value(struct xmlr *outer, const struct xml_node *n, enum mcx_service s, size_t field,
                       struct mcx_value *v)
{
        struct xmlr r = *outer;
        const struct xml_node *child = xml_first(n, NULL, NULL);
        char *type = xmlr_opt_attr(&r, n, "type");
        bool says_encrypted = type != NULL && strcmp(type, "Encrypted") == 0;
        bool is_encrypted = xml_is(child, MCX_XENC_NS, "EncryptedData");
        bool one_child = child != NULL && xml_next(child, NULL, NULL) == NULL;
        r.req = says_encrypted || is_encrypted ? "R-SA-78" : "R-SA-77";
        if (says_encrypted && !is_encrypted)
                xmlr_fail(&r, E_DECRYPT, n, xml_name(n), "is \"Encrypted\" without EncryptedData");
        else if (type != NULL && !says_encrypted && strcmp(type, "Normal") != 0)
                xmlr_fail(&r, E_SYNTAX, n, "type", "is neither Normal nor Encrypted");
        else if (!one_child || (!is_encrypted && !mcx_is_wrapper(child, s)))
                xmlr_fail(&r, field == MCX_FIELD_TOKEN ? E_TOKEN_MALFORMED : E_SYNTAX, n, xml_name(n),
                          "does not hold exactly one value");
        else if (is_encrypted)
                read_encrypted(&r, child, v);
        else
                read_normal(&r, child, mcx_fields[field].wrap, v);
        outer->e = r.e;
}

static void read_params(struct xmlr *r, const struct xml_node *params, struct mcx_info *in)
{
        const struct xml_node *any = xml_first(params, NULL, "anyExt"); /* where later additions may stand as well */
        for (size_t i = 0; i < MCX_FIELDS && r->e == E_OK; i++) {
                char name[48];
                mcx_field_name(name, in->service, i);
                const struct xml_node *n = xmlr_opt_node(r, params, name);
                if (n == NULL && r->e == E_OK)
                        n = xmlr_opt_node(r, any, name);
                if (n != NULL)
                        read_value(r, n, in->service, i, mcx_field_of(in, i));
        }
        in->session_type = xmlr_opt_text(r, params, "session-type");
        in->request_type = xmlr_opt_text(r, params, "request-type");
}

static void read_info(struct xmlr *r, const struct xml_node *root, struct mcx_info *in)
{
        for (unsigned s = 0; s < MCX_SERVICES; s++) {
                char name[32];
                snprintf(name, sizeof name, "%sinfo", mcx_services[s].name);
                if (!xml_is(root, mcx_services[s].ns, name))
                        continue;
                in->service = (enum mcx_service)s;
                r->ns = mcx_services[s].ns;
                snprintf(name, sizeof name, "%s-Params", mcx_services[s].name);
                const struct xml_node *params = xmlr_opt_node(r, root, name);
                if (params != NULL)
                        read_params(r, params, in);
                return;
        }
        xmlr_fail(r, E_SYNTAX, root, xml_name(root), "is no root element of an info body");
}

enum ecode mcx_info_parse(void *mem, struct bytes xml, struct mcx_info **ret, struct err *er)
{
        struct mcx_info *in = talloc_zero(mem, struct mcx_info);
        struct xml *x = NULL;
        enum ecode e = in == NULL ? err_set(er, E_NOMEM, NULL, "info body") : xml_parse(in, xml, NULL, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = in, .req = "R-SA-57", .er = er };
                read_info(&r, xml_root(x), in);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(in);
        else
                *ret = in;
        return e;
}
