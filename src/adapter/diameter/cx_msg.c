#include "adapter/diameter/cx_msg.h"

#include "adapter/diameter/cx_avp.h"
#include "base/rdwr.h"
#include "base/secret.h"

#include <talloc.h>

#define NO_STATE_MAINTAINED 1u /* Auth-Session-State, RFC 6733 clause 8.11; TS 29.229 clause 6.1 */

/* SIP-Authentication-Scheme, TS 29.229 clause 6.3.9 */
static const char *const schemes[] = {
        [CX_AKA] = "Digest-AKAv1-MD5",
        [CX_DIGEST] = "SIP Digest",
        [CX_UNKNOWN_SCHEME] = "Unknown",
};

static enum ecode done(const struct cx_put *p)
{
        return p->failed ? E_NOMEM : E_OK;
}

static void put_application(struct cx_put *p)
{
        struct cx_put g = cx_put_group(p, 0, AVP_VENDOR_SPECIFIC_APPLICATION_ID);
        cx_put_u32(&g, 0, AVP_VENDOR_ID, VENDOR_3GPP);
        cx_put_u32(&g, 0, AVP_AUTH_APPLICATION_ID, CX_APPLICATION);
        cx_put_end(p, &g);
}

enum ecode cx_msg_request(enum cx_command cmd, const char *dest_host, const char *dest_realm, struct msg **ret)
{
        struct msg *m = NULL;
        struct dict_object *model = cx_dict_request(cmd);
        if (model == NULL || fd_msg_new(model, MSGFL_ALLOC_ETEID, &m) != 0)
                return E_NOMEM;
        struct cx_put p = { .parent = m };
        p.failed = fd_msg_new_session(m, (os0_t)(uintptr_t) "cx", 2) != 0;
        put_application(&p);
        cx_put_u32(&p, 0, AVP_AUTH_SESSION_STATE, NO_STATE_MAINTAINED);
        p.failed = p.failed || fd_msg_add_origin(m, 0) != 0;
        cx_put_text(&p, 0, AVP_DESTINATION_REALM, dest_realm);
        cx_put_text(&p, 0, AVP_DESTINATION_HOST, dest_host);
        if (p.failed)
                fd_msg_free(m);
        else
                *ret = m;
        return done(&p);
}

enum ecode cx_put_uar(struct msg *m, const struct cx_uar *rq)
{
        struct cx_put p = { .parent = m };
        cx_put_text(&p, 0, AVP_USER_NAME, rq->impi);
        cx_put_text(&p, VENDOR_3GPP, CX_PUBLIC_IDENTITY, rq->impu);
        cx_put_text(&p, VENDOR_3GPP, CX_VISITED_NETWORK_IDENTIFIER, rq->visited_network ? rq->visited_network : "");
        cx_put_u32(&p, VENDOR_3GPP, CX_USER_AUTHORIZATION_TYPE, rq->type);
        return done(&p);
}

enum ecode cx_put_mar(struct msg *m, const struct cx_mar *rq)
{
        struct cx_put p = { .parent = m };
        cx_put_text(&p, 0, AVP_USER_NAME, rq->impi);
        cx_put_text(&p, VENDOR_3GPP, CX_PUBLIC_IDENTITY, rq->impu);
        struct cx_put item = cx_put_group(&p, VENDOR_3GPP, CX_SIP_AUTH_DATA_ITEM);
        cx_put_text(&item, VENDOR_3GPP, CX_SIP_AUTHENTICATION_SCHEME, schemes[rq->scheme]);
        if (rq->resync.n > 0)
                cx_put_bytes(&item, VENDOR_3GPP, CX_SIP_AUTHORIZATION, rq->resync);
        cx_put_end(&p, &item);
        cx_put_u32(&p, VENDOR_3GPP, CX_SIP_NUMBER_AUTH_ITEMS, rq->count);
        cx_put_text(&p, VENDOR_3GPP, CX_SERVER_NAME, rq->server_name);
        return done(&p);
}

enum ecode cx_put_sar(struct msg *m, const struct cx_sar *rq)
{
        struct cx_put p = { .parent = m };
        cx_put_text(&p, 0, AVP_USER_NAME, rq->impi);
        cx_put_text(&p, VENDOR_3GPP, CX_PUBLIC_IDENTITY, rq->impu);
        cx_put_text(&p, VENDOR_3GPP, CX_SERVER_NAME, rq->server_name);
        cx_put_u32(&p, VENDOR_3GPP, CX_SERVER_ASSIGNMENT_TYPE, (uint32_t)rq->type);
        cx_put_u32(&p, VENDOR_3GPP, CX_USER_DATA_ALREADY_AVAILABLE, rq->user_data_already_available);
        return done(&p);
}

/* RFC 6733 clause 7.2: protocol errors (3xxx) carry the E bit. */
static void put_result(struct cx_put *p, struct msg *m, uint32_t result)
{
        struct msg_hdr *h = NULL;
        if (fd_msg_hdr(m, &h) == 0 && result / 1000 == 3)
                h->msg_flags |= CMD_FLAG_ERROR;
        put_application(p);
        if (!CX_IS_EXPERIMENTAL(result)) {
                cx_put_u32(p, 0, AVP_RESULT_CODE, result);
        } else {
                struct cx_put g = cx_put_group(p, 0, AVP_EXPERIMENTAL_RESULT);
                cx_put_u32(&g, 0, AVP_VENDOR_ID, VENDOR_3GPP);
                cx_put_u32(&g, 0, AVP_EXPERIMENTAL_RESULT_CODE, result - 10000);
                cx_put_end(p, &g);
        }
        cx_put_u32(p, 0, AVP_AUTH_SESSION_STATE, NO_STATE_MAINTAINED);
        p->failed = p->failed || fd_msg_add_origin(m, 0) != 0;
}

enum ecode cx_put_uaa(struct msg *m, const struct cx_uaa *a)
{
        struct cx_put p = { .parent = m };
        put_result(&p, m, a->result);
        cx_put_text(&p, VENDOR_3GPP, CX_SERVER_NAME, a->server_name);
        return done(&p);
}

static void put_auth_item(struct cx_put *p, const struct cx_auth_item *it, uint32_t number)
{
        uint8_t rand_autn[32] = { 0 };
        struct wr w = wr_init(rand_autn, sizeof rand_autn);
        struct cx_put g = cx_put_group(p, VENDOR_3GPP, CX_SIP_AUTH_DATA_ITEM);
        cx_put_u32(&g, VENDOR_3GPP, CX_SIP_ITEM_NUMBER, number);
        cx_put_text(&g, VENDOR_3GPP, CX_SIP_AUTHENTICATION_SCHEME, schemes[it->scheme]);
        if (it->scheme == CX_AKA) {
                wr_bytes(&w, it->rand);
                wr_bytes(&w, it->autn);
                g.failed |= w.err != E_OK;
                cx_put_bytes(&g, VENDOR_3GPP, CX_SIP_AUTHENTICATE, BYTES_ARR(rand_autn));
                cx_put_bytes(&g, VENDOR_3GPP, CX_SIP_AUTHORIZATION, it->xres);
                cx_put_bytes(&g, VENDOR_3GPP, CX_CONFIDENTIALITY_KEY, it->ck);
                cx_put_bytes(&g, VENDOR_3GPP, CX_INTEGRITY_KEY, it->ik);
        } else {
                struct cx_put d = cx_put_group(&g, VENDOR_3GPP, CX_SIP_DIGEST_AUTHENTICATE);
                cx_put_text(&d, 0, AVP_DIGEST_REALM, it->realm);
                cx_put_text(&d, 0, AVP_DIGEST_ALGORITHM, "MD5");
                cx_put_text(&d, 0, AVP_DIGEST_QOP, "auth");
                cx_put_text(&d, 0, AVP_DIGEST_HA1, it->ha1);
                cx_put_end(&g, &d);
        }
        cx_put_end(p, &g);
}

enum ecode cx_put_maa(struct msg *m, const struct cx_mar *rq, const struct cx_maa *a)
{
        struct cx_put p = { .parent = m };
        put_result(&p, m, a->result);
        if (a->result != CX_SUCCESS)
                return done(&p);
        cx_put_text(&p, 0, AVP_USER_NAME, rq->impi);
        cx_put_text(&p, VENDOR_3GPP, CX_PUBLIC_IDENTITY, rq->impu);
        cx_put_u32(&p, VENDOR_3GPP, CX_SIP_NUMBER_AUTH_ITEMS, (uint32_t)a->items_n);
        for (size_t i = 0; i < a->items_n; i++)
                put_auth_item(&p, &a->items[i], (uint32_t)i + 1);
        return done(&p);
}

enum ecode cx_put_saa(struct msg *m, const struct cx_sar *rq, const struct cx_saa *a)
{
        struct cx_put p = { .parent = m };
        put_result(&p, m, a->result);
        cx_put_text(&p, 0, AVP_USER_NAME, rq->impi);
        cx_put_text(&p, VENDOR_3GPP, CX_USER_DATA, a->user_data);
        return done(&p);
}

/* A text on mem; *ret stays NULL when there is none. */
static enum ecode get_text(void *mem, void *parent, uint32_t vendor, uint32_t code, size_t max, const char **ret,
                           struct err *er)
{
        if (cx_find(parent, vendor, code, 0) == NULL)
                return E_OK;
        struct bytes b = cx_find_bytes(parent, vendor, code);
        if (b.n > max)
                return err_set(er, E_LONG, NULL, "AVP %u of vendor %u has %zu octets", code, vendor, b.n);
        *ret = bytes_to_str(mem, b);
        return *ret != NULL ? E_OK : err_set(er, E_SYNTAX, NULL, "AVP %u of vendor %u is no text", code, vendor);
}

static enum ecode need_text(void *mem, struct msg *m, uint32_t vendor, uint32_t code, const char **ret, struct err *er)
{
        *ret = NULL;
        enum ecode e = get_text(mem, m, vendor, code, CX_TEXT_MAX, ret, er);
        if (e == E_OK && (*ret == NULL || **ret == 0))
                e = err_set(er, E_MISSING, NULL, "AVP %u of vendor %u", code, vendor);
        return e;
}

enum ecode cx_get_uar(void *mem, struct msg *m, struct cx_uar *ret, struct err *er)
{
        struct cx_uar q = { 0 };
        enum ecode e = need_text(mem, m, 0, AVP_USER_NAME, &q.impi, er);
        if (e == E_OK)
                e = need_text(mem, m, VENDOR_3GPP, CX_PUBLIC_IDENTITY, &q.impu, er);
        if (e == E_OK)
                e = get_text(mem, m, VENDOR_3GPP, CX_VISITED_NETWORK_IDENTIFIER, CX_TEXT_MAX, &q.visited_network, er);
        q.type = cx_find_u32(m, VENDOR_3GPP, CX_USER_AUTHORIZATION_TYPE, 0);
        if (e == E_OK && q.type > 2)
                return err_set(er, E_RANGE, NULL, "User-Authorization-Type is %u", q.type);
        if (e == E_OK)
                *ret = q;
        return e;
}

static enum ecode get_scheme(void *parent, enum cx_scheme *ret)
{
        struct bytes s = cx_find_bytes(parent, VENDOR_3GPP, CX_SIP_AUTHENTICATION_SCHEME);
        for (size_t i = 0; i < COUNT(schemes); i++) {
                if (bytes_eq_str(s, schemes[i])) {
                        *ret = (enum cx_scheme)i;
                        return E_OK;
                }
        }
        return E_UNSUPPORTED;
}

enum ecode cx_get_mar(void *mem, struct msg *m, struct cx_mar *ret, struct err *er)
{
        struct cx_mar q = { 0 };
        enum ecode e = need_text(mem, m, 0, AVP_USER_NAME, &q.impi, er);
        if (e == E_OK)
                e = need_text(mem, m, VENDOR_3GPP, CX_PUBLIC_IDENTITY, &q.impu, er);
        if (e == E_OK)
                e = need_text(mem, m, VENDOR_3GPP, CX_SERVER_NAME, &q.server_name, er);
        if (e != E_OK)
                return e;
        struct avp *item = cx_find(m, VENDOR_3GPP, CX_SIP_AUTH_DATA_ITEM, 0);
        if (item == NULL)
                return err_set(er, E_MISSING, NULL, "SIP-Auth-Data-Item");
        if (get_scheme(item, &q.scheme) != E_OK)
                return err_set(er, E_UNSUPPORTED, NULL, "this SIP-Authentication-Scheme is not served");
        q.resync = bytes_copy(mem, cx_find_bytes(item, VENDOR_3GPP, CX_SIP_AUTHORIZATION));
        if (q.resync.n != 0 && q.resync.n != 16 + 14) /* RAND || AUTS, TS 29.229 clause 6.3.11 */
                return err_set(er, E_RANGE, "R-SA-6", "RAND and AUTS are 30 octets, not %zu", q.resync.n);
        q.count = cx_find_u32(m, VENDOR_3GPP, CX_SIP_NUMBER_AUTH_ITEMS, 1);
        *ret = q;
        return E_OK;
}

enum ecode cx_get_sar(void *mem, struct msg *m, struct cx_sar *ret, struct err *er)
{
        struct cx_sar q = { 0 };
        enum ecode e = need_text(mem, m, VENDOR_3GPP, CX_SERVER_NAME, &q.server_name, er);
        if (e == E_OK)
                e = get_text(mem, m, 0, AVP_USER_NAME, CX_TEXT_MAX, &q.impi, er);
        if (e == E_OK)
                e = get_text(mem, m, VENDOR_3GPP, CX_PUBLIC_IDENTITY, CX_TEXT_MAX, &q.impu, er);
        if (e != E_OK)
                return e;
        if (q.impi == NULL && q.impu == NULL)
                return err_set(er, E_MISSING, NULL, "neither User-Name nor Public-Identity");
        q.type = (enum cx_assignment)cx_find_u32(m, VENDOR_3GPP, CX_SERVER_ASSIGNMENT_TYPE, 0);
        q.user_data_already_available = cx_find_u32(m, VENDOR_3GPP, CX_USER_DATA_ALREADY_AVAILABLE, 0) == 1;
        *ret = q;
        return E_OK;
}

uint32_t cx_get_result(struct msg *m)
{
        struct avp *x = cx_find(m, 0, AVP_EXPERIMENTAL_RESULT, 0);
        uint32_t code = x != NULL ? cx_find_u32(x, 0, AVP_EXPERIMENTAL_RESULT_CODE, 0) : 0;
        return code != 0 ? 10000 + code : cx_find_u32(m, 0, AVP_RESULT_CODE, 0);
}

static enum ecode need_result(struct msg *m, uint32_t *ret, struct err *er)
{
        *ret = cx_get_result(m);
        return *ret != 0 ? E_OK : err_set(er, E_MISSING, NULL, "the answer has no result code");
}

enum ecode cx_get_uaa(void *mem, struct msg *m, struct cx_uaa *ret, struct err *er)
{
        struct cx_uaa a = { 0 };
        enum ecode e = need_result(m, &a.result, er);
        if (e == E_OK)
                e = get_text(mem, m, VENDOR_3GPP, CX_SERVER_NAME, CX_TEXT_MAX, &a.server_name, er);
        if (e == E_OK)
                *ret = a;
        return e;
}

/* A copy on mem that wipes itself; the message's own octets are wiped. */
static struct bytes take_secret(void *mem, void *parent, uint32_t vendor, uint32_t code)
{
        struct bytes in = cx_find_bytes(parent, vendor, code), out = secret_copy(mem, in);
        secret_wipe((void *)(uintptr_t)in.p, in.n);
        return out;
}

static enum ecode get_aka(void *mem, struct avp *item, struct cx_auth_item *ret)
{
        struct rd r = rd_init(bytes_copy(mem, cx_find_bytes(item, VENDOR_3GPP, CX_SIP_AUTHENTICATE)));
        ret->rand = rd_bytes(&r, 16);
        ret->autn = rd_bytes(&r, 16);
        ret->xres = take_secret(mem, item, VENDOR_3GPP, CX_SIP_AUTHORIZATION);
        ret->ck = take_secret(mem, item, VENDOR_3GPP, CX_CONFIDENTIALITY_KEY);
        ret->ik = take_secret(mem, item, VENDOR_3GPP, CX_INTEGRITY_KEY);
        bool good = r.err == E_OK && ret->xres.n >= 4 && ret->xres.n <= 16 && ret->ck.n == 16 && ret->ik.n == 16;
        return good ? E_OK : E_RANGE;
}

static enum ecode get_digest(void *mem, struct avp *item, struct cx_auth_item *ret)
{
        struct avp *d = cx_find(item, VENDOR_3GPP, CX_SIP_DIGEST_AUTHENTICATE, 0);
        if (d == NULL)
                return E_MISSING;
        struct bytes alg = cx_find_bytes(d, 0, AVP_DIGEST_ALGORITHM);
        if (alg.n != 0 && !bytes_ieq_str(alg, "MD5"))
                return E_UNSUPPORTED;
        struct bytes ha1 = take_secret(mem, d, 0, AVP_DIGEST_HA1);
        ret->ha1 = (const char *)ha1.p; /* followed by a NUL */
        enum ecode e = get_text(mem, d, 0, AVP_DIGEST_REALM, CX_TEXT_MAX, &ret->realm, NULL);
        if (e == E_OK && (ha1.n != 32 || strlen(ret->ha1) != 32 || ret->realm == NULL))
                e = E_RANGE;
        return e;
}

enum ecode cx_get_maa(void *mem, struct msg *m, struct cx_maa *ret, struct err *er)
{
        struct cx_maa a = { 0 };
        enum ecode e = need_result(m, &a.result, er);
        struct avp *item;
        /* Vectors are used in the order of their SIP-Item-Number (TS 29.229 clause 6.3.14); senders write them so. */
        for (size_t i = 0; e == E_OK && i < COUNT(a.items) && a.result == CX_SUCCESS; i++) {
                if ((item = cx_find(m, VENDOR_3GPP, CX_SIP_AUTH_DATA_ITEM, i)) == NULL)
                        break;
                struct cx_auth_item *it = &a.items[a.items_n++];
                e = get_scheme(item, &it->scheme);
                if (e == E_OK)
                        e = it->scheme == CX_AKA ? get_aka(mem, item, it) : get_digest(mem, item, it);
                if (e != E_OK)
                        err_set(er, e, NULL, "SIP-Auth-Data-Item %zu of the answer", i + 1);
        }
        if (e == E_OK && a.result == CX_SUCCESS && a.items_n == 0)
                e = err_set(er, E_MISSING, NULL, "the answer has no SIP-Auth-Data-Item");
        if (e == E_OK)
                *ret = a;
        else
                cx_maa_wipe(&a);
        return e;
}

enum ecode cx_get_saa(void *mem, struct msg *m, struct cx_saa *ret, struct err *er)
{
        struct cx_saa a = { 0 };
        enum ecode e = need_result(m, &a.result, er);
        if (e == E_OK)
                e = get_text(mem, m, VENDOR_3GPP, CX_USER_DATA, CX_USER_DATA_MAX, &a.user_data, er);
        if (e == E_OK)
                *ret = a;
        return e;
}
