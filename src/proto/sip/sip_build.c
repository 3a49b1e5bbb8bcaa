#include "proto/sip/sip_int.h"

#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

struct sip_msg *sip_request_new(void *mem, const struct sip_request_in *in)
{
        struct sip_msg *m = talloc_zero(mem, struct sip_msg);
        if (m == NULL)
                return NULL;
        m->request = true;
        m->method = talloc_strdup(m, in->method);
        m->failed = sip_all(SIP_C_TOKEN, in->method) ? E_OK : E_SYNTAX;
        sip_set_ruri(m, in->uri);
        sip_hdr_add(m, "Max-Forwards", "70"); /* RFC 3261 clause 8.1.1.6 */
        sip_hdr_add(m, "From", "%s", in->from);
        sip_hdr_add(m, "To", "%s", in->to);
        sip_hdr_add(m, "Call-ID", "%s", in->call_id);
        sip_hdr_add(m, "CSeq", "%u %s", in->cseq, in->method);
        return m;
}

/* RFC 3261 clause 21 and the extensions that occur here. */
static const struct {
        int status;
        const char *phrase;
} phrases[] = {
        { 100, "Trying" },
        { 180, "Ringing" },
        { 181, "Call Is Being Forwarded" },
        { 182, "Queued" },
        { 183, "Session Progress" },
        { 200, "OK" },
        { 202, "Accepted" },
        { 204, "No Notification" },
        { 300, "Multiple Choices" },
        { 301, "Moved Permanently" },
        { 302, "Moved Temporarily" },
        { 305, "Use Proxy" },
        { 380, "Alternative Service" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" },
        { 408, "Request Timeout" },
        { 410, "Gone" },
        { 412, "Conditional Request Failed" },
        { 413, "Request Entity Too Large" },
        { 414, "Request-URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Unsupported URI Scheme" },
        { 420, "Bad Extension" },
        { 421, "Extension Required" },
        { 422, "Session Interval Too Small" },
        { 423, "Interval Too Brief" },
        { 430, "Flow Failed" },
        { 439, "First Hop Lacks Outbound Support" },
        { 480, "Temporarily Unavailable" },
        { 481, "Call/Transaction Does Not Exist" },
        { 482, "Loop Detected" },
        { 483, "Too Many Hops" },
        { 484, "Address Incomplete" },
        { 486, "Busy Here" },
        { 487, "Request Terminated" },
        { 488, "Not Acceptable Here" },
        { 489, "Bad Event" },
        { 491, "Request Pending" },
        { 493, "Undecipherable" },
        { 494, "Security Agreement Required" },
        { 500, "Server Internal Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Server Time-out" },
        { 505, "Version Not Supported" },
        { 513, "Message Too Large" },
        { 600, "Busy Everywhere" },
        { 603, "Decline" },
        { 604, "Does Not Exist Anywhere" },
        { 606, "Not Acceptable" },
};

const char *sip_phrase(int status)
{
        static const char *const of_class[] = {
                "Trying", "OK", "Redirection", "Bad Request", "Server Error", "Decline"
        };
        for (size_t i = 0; i < COUNT(phrases); i++)
                if (phrases[i].status == status)
                        return phrases[i].phrase;
        return status >= 100 && status < 700 ? of_class[status / 100 - 1] : "Unknown";
}

int sip_status_of(enum ecode e)
{
        switch (e) {
        case E_OK: return 200;
        case E_EXISTS: return 412;
        case E_CONFLICT: return 500; /* CSeq that was overtaken: RFC 3261 clauses 10.3 and 12.2.2, R-SA-19 */
        case E_REPLAY: return 403;
        case E_NOMEM: return 503;
        default: break;
        }
        int status = ecode_http(e);
        return status >= 300 && status < 700 ? status : 500;
}

struct sip_msg *sip_response_new(void *mem, const struct sip_msg *rq, int status, const char *reason)
{
        static const char *const copied[] = { "Via", "From", "To", "Call-ID", "CSeq" };
        struct sip_msg *m = talloc_zero(mem, struct sip_msg);
        if (m == NULL)
                return NULL;
        m->status = status;
        m->reason = talloc_strdup(m, reason != NULL ? reason : sip_phrase(status));
        m->method = talloc_strdup(m, sip_method(rq));
        m->failed = m->reason == NULL || m->method == NULL ? E_NOMEM : E_OK;
        if (reason != NULL && !sip_is_clean(reason))
                m->failed = E_SYNTAX;
        for (size_t i = 0; i < COUNT(copied); i++)
                sip_hdr_copy(m, copied[i], rq, copied[i]);
        if (status > 100 && status < 300)
                sip_hdr_copy(m, "Record-Route", rq, "Record-Route"); /* RFC 3261 clause 12.1.1 */
        if (status == 100)
                sip_hdr_copy(m, "Timestamp", rq, "Timestamp"); /* clause 8.2.6.1 */
        return m;
}

/* R-SA-98 */
void sip_warning_add(struct sip_msg *m, const char *host, int code, const char *text)
{
        char *full = talloc_asprintf(m, "%d %s", code, text);
        char *q = full != NULL ? sip_quote(m, full) : NULL;
        if (q == NULL)
                m->failed = m->failed != E_OK ? m->failed : E_SYNTAX;
        else
                sip_hdr_add(m, "Warning", "399 %s %s", host, q);
}

int sip_warning_code(struct sip_msg *m, const char **text)
{
        const char *v;
        for (size_t i = 0; (v = sip_hdr_at(m, "Warning", i)) != NULL; i++) {
                char *s = talloc_strdup(m, v);
                char *quote = s != NULL ? strchr(s, '"') : NULL;
                if (quote == NULL || strncmp(s, "399 ", 4) != 0)
                        continue;
                char *in = sip_unquote(&quote);
                size_t n = in != NULL ? strspn(in, "0123456789") : 0;
                if (n < 3 || n > 5 || (in[n] != ' ' && in[n] != 0))
                        continue;
                if (text != NULL)
                        *text = in[n] == ' ' ? in + n + 1 : in + n;
                return (int)strtol(in, NULL, 10);
        }
        return -1;
}

/* RFC 7315 clause 5.6: icid-value = gen-value, orig-ioi = gen-value; all may be quoted. */
static void charging_param(struct buf *b, const char *name, const char *v)
{
        if (v == NULL)
                return;
        char *q = sip_all(SIP_C_TOKEN, v) ? NULL : sip_quote(b->mem, v);
        buf_printf(b, "%s%s=%s", b->n > 0 ? ";" : "", name, q != NULL ? q : v);
}

void sip_charging_set(struct sip_msg *m, const struct sip_charging *c)
{
        struct buf b = buf_on(m);
        charging_param(&b, "icid-value", c->icid);
        charging_param(&b, "icid-generated-at", c->generated_at);
        charging_param(&b, "orig-ioi", c->orig_ioi);
        charging_param(&b, "term-ioi", c->term_ioi);
        char *text = buf_str(&b);
        if (text == NULL)
                m->failed = m->failed != E_OK ? m->failed : E_NOMEM;
        else
                sip_hdr_set(m, "P-Charging-Vector", "%s", text);
}

enum ecode sip_charging_get(void *mem, const struct sip_msg *m, struct sip_charging *ret, struct err *er)
{
        const char *v = sip_hdr(m, "P-Charging-Vector");
        if (v == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "no P-Charging-Vector");
        char *s = talloc_strdup(mem, v);
        struct sip_params ps;
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "P-Charging-Vector");
        enum ecode e = sip_params_scan(mem, s, ';', false, &ps, er);
        if (e == E_OK)
                *ret = (struct sip_charging){ sip_param(&ps, "icid-value"), sip_param(&ps, "icid-generated-at"),
                                              sip_param(&ps, "orig-ioi"), sip_param(&ps, "term-ioi") };
        return e;
}
