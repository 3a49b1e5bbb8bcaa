#include <talloc.h>

#include "proto/kms/kms_internal.h"

/* A certificate stands alone or inside of SignedKmsCertificate; where a signature counts, the role asks for it. */
static const struct xml_node *cert_node(const struct xml_node *n)
{
        return xml_is(n, KMS_NS, "SignedKmsCertificate") ? xml_first(n, KMS_NS, "KmsCertificate") : n;
}

static void read_certs(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        size_t max = xml_count(n, KMS_NS, "KmsCertificate") + xml_count(n, KMS_NS, "SignedKmsCertificate");
        if (max > KMS_CERTS_MAX)
                xmlr_fail(r, E_LONG, n, "KmsCertificate", "stands too often");
        if (r->e != E_OK || max == 0)
                return;
        rs->certs = talloc_zero_array(r->mem, struct kms_cert, (unsigned)max);
        if (rs->certs == NULL)
                xmlr_fail(r, E_NOMEM, n, "KmsCertificate", "does not fit into memory");
        for (const struct xml_node *c = xml_first(n, KMS_NS, NULL); c != NULL && r->e == E_OK;
             c = xml_next(c, KMS_NS, NULL)) {
                const struct xml_node *cert = cert_node(c);
                if (cert == NULL)
                        xmlr_fail(r, E_MISSING, c, "KmsCertificate", "is missing");
                else if (xml_is(cert, KMS_NS, "KmsCertificate"))
                        kms_read_cert(r, cert, &rs->certs[rs->certs_n++]);
        }
}

static void read_new_keys(struct xmlr *r, const struct xml_node *n, const char *name, struct kms_key **ret,
                          size_t *ret_n)
{
        struct kms_key *keys = xmlr_array(r, n, name, sizeof *keys, 4, ret_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(n, KMS_NS, name); i < *ret_n; c = xml_next(c, KMS_NS, name), i++) {
                kms_read_key(r, c, 32, &keys[i]);
                if (r->e == E_OK && keys[i].wrapped.n == 0)
                        xmlr_fail(r, E_SYNTAX, c, name, "is not wrapped");
        }
        *ret = keys;
}

static void read_init(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        rs->content = KMS_INIT;
        read_certs(r, n, rs);
        if (r->e == E_OK && rs->certs_n != 1)
                xmlr_fail(r, rs->certs_n == 0 ? E_MISSING : E_DUPLICATE, n, "KmsCertificate", "has to stand once");
        read_new_keys(r, n, "NewTransportKey", &rs->new_trk, &rs->new_trk_n);
        read_new_keys(r, n, "NewIntegrityKey", &rs->new_ink, &rs->new_ink_n);
}

static void read_keyprov(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        rs->content = KMS_KEYPROV;
        rs->sets = xmlr_array(r, n, "KmsKeySet", sizeof *rs->sets, KMS_SETS_MAX, &rs->sets_n);
        size_t i = 0;
        for (const struct xml_node *c = xml_first(n, KMS_NS, "KmsKeySet"); i < rs->sets_n;
             c = xml_next(c, KMS_NS, "KmsKeySet"), i++)
                kms_read_key_set(r, c, &rs->sets[i]);
        read_new_keys(r, n, "NewTransportKey", &rs->new_trk, &rs->new_trk_n);
        read_new_keys(r, n, "NewIntegrityKey", &rs->new_ink, &rs->new_ink_n);
}

static void read_certcache(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        rs->content = KMS_CERTCACHE;
        char *num = xmlr_opt_attr(r, n, "CacheNum");
        rs->has_cache_num = num != NULL;
        if (num != NULL && xml_parse_i64(num, &rs->cache_num) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, "CacheNum", "is no integer");
        read_certs(r, n, rs);
}

static void read_message(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        static const struct {
                const char *name;
                void (*read)(struct xmlr *, const struct xml_node *, struct kms_response *);
        } kinds[] = { { "KmsInit", read_init }, { "KmsKeyProv", read_keyprov }, { "KmsCertCache", read_certcache } };
        const struct xml_node *c = xml_first(n, KMS_NS, NULL);
        if (c == NULL || xml_next(c, KMS_NS, NULL) != NULL) {
                xmlr_fail(r, c == NULL ? E_MISSING : E_DUPLICATE, n, "KmsMessage", "has to hold one message");
                return;
        }
        for (size_t i = 0; i < COUNT(kinds); i++) {
                if (xml_is(c, KMS_NS, kinds[i].name)) {
                        kinds[i].read(r, c, rs);
                        return;
                }
        }
        xmlr_fail(r, E_UNSUPPORTED, c, xml_name(c), "is a message that is not served");
}

static void read_response(struct xmlr *r, const struct xml_node *n, struct kms_response *rs)
{
        rs->id = xmlr_opt_attr(r, n, "Id");
        rs->user_uri = xmlr_text(r, n, "UserUri");
        rs->kms_uri = xmlr_text(r, n, "KmsUri");
        rs->time_s = kms_read_time(r, n, "Time", KMS_TIME_NONE);
        if (rs->time_s == KMS_TIME_NONE)
                xmlr_fail(r, E_MISSING, n, "Time", "is missing");
        rs->kms_id = xmlr_opt_text(r, n, "KmsId");
        rs->client_req_url = xmlr_text(r, n, "ClientReqUrl");
        const struct xml_node *message = xmlr_opt_node(r, n, "KmsMessage");
        const struct xml_node *error = xmlr_opt_node(r, n, "KmsError");
        if (message != NULL && error != NULL) {
                xmlr_fail(r, E_SYNTAX, n, "KmsError", "stands beside a KmsMessage");
        } else if (message != NULL) {
                read_message(r, message, rs);
        } else if (error != NULL) {
                rs->content = KMS_ERROR;
                kms_read_fault(r, error, &rs->error);
        }
}

enum ecode kms_response_parse(void *mem, struct bytes xml, struct kms_response **ret, struct err *er)
{
        static const struct xml_limits limits = { 4u << 20, XML_DEPTH_MAX, 100000 }; /* certcache of many partners */
        struct kms_response *rs = talloc_zero(mem, struct kms_response);
        struct xml *x = NULL;
        enum ecode e = rs == NULL ? err_set(er, E_NOMEM, NULL, "KmsResponse") : xml_parse(rs, xml, &limits, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = rs, .ns = KMS_NS, .req = "R-KMS-55", .er = er };
                const struct xml_node *n = kms_open(&r, x, "KmsResponse", "SignedKmsResponse", &rs->is_signed);
                if (n != NULL)
                        read_response(&r, n, rs);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(rs);
        else
                *ret = rs;
        return e;
}

int kms_http_status(const struct kms_response *rs)
{
        if (rs->content != KMS_ERROR)
                return 200;
        return rs->error.code >= 400 && rs->error.code <= 599 ? (int)rs->error.code : 500;
}
