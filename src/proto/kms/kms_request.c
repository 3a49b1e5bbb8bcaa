#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>

#include "base/codec.h"
#include "base/env.h"
#include "proto/kms/kms_internal.h"

const struct xml_node *kms_open(struct xmlr *r, const struct xml *x, const char *name, const char *signed_name,
                                bool *is_signed)
{
        const struct xml_node *root = xml_root(x);
        *is_signed = xml_is(root, KMS_NS, signed_name);
        if (*is_signed)
                return xmlr_node(r, root, name);
        if (!xml_is(root, KMS_NS, name))
                xmlr_fail(r, E_SYNTAX, root, name, "is not the root element in the namespace of TS 33.180 annex D");
        return r->e == E_OK ? root : NULL;
}

int64_t kms_read_time(struct xmlr *r, const struct xml_node *n, const char *name, int64_t absent)
{
        char *text = xmlr_opt_text(r, n, name);
        int64_t t = absent;
        if (text != NULL && time_parse_iso8601(bytes_str(text), &t) != E_OK)
                xmlr_fail(r, E_SYNTAX, xml_first(n, r->ns, name), name, "is no dateTime");
        talloc_free(text);
        return t;
}

void kms_read_fault(struct xmlr *r, const struct xml_node *n, struct kms_fault *ret)
{
        ret->code = xmlr_i64(r, n, "ErrorCode");
        ret->msg = xmlr_opt_text(r, n, "ErrorMsg");
        if (ret->msg == NULL)
                ret->msg = talloc_strdup(r->mem, "");
}

static void read_client_error(struct xmlr *r, const struct xml_node *n, struct kms_request *rq)
{
        if (n == NULL)
                return;
        rq->client_error = talloc_zero(r->mem, struct kms_fault);
        if (rq->client_error == NULL)
                xmlr_fail(r, E_NOMEM, n, "ClientError", "does not fit into memory");
        else
                kms_read_fault(r, n, rq->client_error);
}

static void read_request(struct xmlr *r, const struct xml_node *n, struct kms_request *rq)
{
        rq->id = xmlr_opt_attr(r, n, "Id");
        rq->version = xmlr_opt_attr(r, n, "Version");
        /* R-KMS-56: the schema says 1.1.0, a widespread client 1.0.0 */
        if (rq->version != NULL && strcmp(rq->version, "1.1.0") != 0 && strcmp(rq->version, "1.0.0") != 0)
                xmlr_fail(r, E_UNSUPPORTED, n, "Version", "is neither 1.1.0 nor 1.0.0");
        rq->user_uri = xmlr_text(r, n, "UserUri");
        rq->kms_uri = xmlr_text(r, n, "KmsUri");
        rq->time_s = kms_read_time(r, xmlr_node(r, n, "Time") != NULL ? n : NULL, "Time", KMS_TIME_NONE);
        if (r->e == E_OK && rq->time_s == KMS_TIME_NONE)
                xmlr_fail(r, E_MISSING, n, "Time", "is empty");
        rq->client_id = xmlr_opt_text(r, n, "ClientId");
        rq->device_id = xmlr_opt_text(r, n, "DeviceId");
        rq->client_req_url = xmlr_text(r, n, "ClientReqUrl");
        rq->has_krr_list = xmlr_opt_node(r, n, "KrrList") != NULL;
        read_client_error(r, xmlr_opt_node(r, n, "ClientError"), rq);
        struct xmlr any = *r; /* the public schema does not tell where these two live */
        any.ns = NULL;
        rq->trk_id = xmlr_opt_text(&any, n, "TrK-ID");
        rq->signature_id = xmlr_opt_text(&any, n, "Signature-ID");
        r->e = any.e;
}

enum ecode kms_request_parse(void *mem, struct bytes xml, struct kms_request **ret, struct err *er)
{
        struct kms_request *rq = talloc_zero(mem, struct kms_request);
        struct xml *x = NULL;
        enum ecode e = rq == NULL ? err_set(er, E_NOMEM, NULL, "KmsRequest") : xml_parse(rq, xml, NULL, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = rq, .ns = KMS_NS, .req = "R-KMS-55", .er = er };
                const struct xml_node *n = kms_open(&r, x, "KmsRequest", "SignedKmsRequest", &rq->is_signed);
                read_request(&r, n, rq);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(rq);
        else
                *ret = rq;
        return e;
}

void kms_write_time(struct xmlw *w, const char *name, int64_t t)
{
        char text[21];
        if (t == KMS_TIME_NONE)
                return;
        time_iso8601(t, text);
        xmlw_leaf(w, name, text);
}

enum ecode kms_request_print(void *mem, const struct kms_request *rq, struct bytes *ret, struct err *er)
{
        if (rq->user_uri == NULL || rq->kms_uri == NULL || rq->client_req_url == NULL || rq->time_s == KMS_TIME_NONE)
                return err_set(er, E_MISSING, "R-KMS-16", "UserUri, KmsUri, Time or ClientReqUrl of the request");
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        xmlw_start(&w, "KmsRequest");
        xmlw_attr(&w, "xmlns", KMS_NS);
        xmlw_attr(&w, "Id", rq->id);
        xmlw_attr(&w, "Version", rq->version != NULL ? rq->version : "1.1.0");
        xmlw_leaf(&w, "UserUri", rq->user_uri);
        xmlw_leaf(&w, "KmsUri", rq->kms_uri);
        kms_write_time(&w, "Time", rq->time_s);
        xmlw_leaf(&w, "ClientId", rq->client_id);
        xmlw_leaf(&w, "DeviceId", rq->device_id);
        xmlw_leaf(&w, "ClientReqUrl", rq->client_req_url);
        if (rq->client_error != NULL) {
                xmlw_start(&w, "ClientError");
                xmlw_leaf_i64(&w, "ErrorCode", rq->client_error->code);
                xmlw_leaf(&w, "ErrorMsg", rq->client_error->msg != NULL ? rq->client_error->msg : "");
                xmlw_end(&w);
        }
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}

enum ecode kms_time_path_parse(struct bytes text, int64_t now_s, int64_t *ret_unix_s)
{
        uint8_t b[8];
        if (hex_decode_to(text, b, sizeof b) != E_OK)
                return E_SYNTAX;
        uint32_t s = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        /* the difference modulo 2^32, read with its sign, leads to the nearest era */
        int64_t now_ntp = now_s + NTP_UNIX_OFFSET;
        *ret_unix_s = now_s + (int32_t)(s - (uint32_t)now_ntp);
        return E_OK;
}

void kms_time_path_print(int64_t unix_s, char ret[17])
{
        snprintf(ret, 17, "%08" PRIX32 "00000000", (uint32_t)(unix_s + NTP_UNIX_OFFSET));
}
