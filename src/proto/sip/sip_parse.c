/* From octets to struct sip_msg: one copy of the octets that stays as it is, one whose lines are cut in place. */
#include "proto/sip/sip_int.h"

#include <strings.h>
#include <talloc.h>

struct scan {
        struct sip_msg *m;
        char *at, *end; /* the head, up to and with the empty line */
        struct err *er;
        bool lenient; /* for an answer to what is wrong: other versions pass, of what stands twice the first counts */
};

/* RFC 3261 clause 7: lines end with CR LF; a CR or LF alone, NUL and other controls are no SIP. Returns the line,
 * NUL-terminated, or NULL. */
static char *line_next(struct scan *s)
{
        char *line = s->at, *p = line;
        while (p < s->end && ((unsigned char)*p >= 0x20 || *p == '\t') && *p != 0x7f)
                p++;
        if (s->end - p < 2 || p[0] != '\r' || p[1] != '\n')
                return NULL;
        *p = 0;
        s->at = p + 2;
        return line;
}

static enum ecode bad(struct scan *s, const char *what)
{
        return err_set(s->er, E_SYNTAX, NULL, "%s", what);
}

static enum ecode version_check(struct scan *s, const char *v)
{
        size_t n = strncasecmp(v, "SIP/", 4) == 0 ? 4 + strspn(v + 4, "0123456789.") : 0;
        if (n <= 4 || v[n] != 0)
                return bad(s, "the start line has no SIP version");
        if (strcasecmp(v, "SIP/2.0") != 0 && !s->lenient)
                return err_set(s->er, E_UNSUPPORTED, NULL, "a SIP version other than 2.0");
        return E_OK;
}

static enum ecode status_line(struct scan *s, char *line)
{
        char *code = strchr(line, ' ');
        if (code == NULL)
                return bad(s, "the status line has no status");
        *code++ = 0;
        enum ecode e = version_check(s, line);
        if (e != E_OK)
                return e;
        char *reason = code + strspn(code, "0123456789");
        if (reason - code != 3 || (*reason != ' ' && *reason != 0) || code[0] < '1' || code[0] > '6')
                return bad(s, "the status is not from 100 to 699");
        s->m->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
        s->m->reason = *reason == ' ' ? reason + 1 : reason;
        return E_OK;
}

/* Only the outline: what the scheme is, and that nothing in it can be taken for something else when it is written. */
static bool ruri_ok(const char *uri)
{
        size_t n = 0;
        while (sip_is(SIP_C_SCHEME, uri[n]))
                n++;
        return n > 0 && uri[n] == ':' && uri[n + 1] != 0 && uri[strcspn(uri, "<>\" \t")] == 0;
}

static enum ecode request_line(struct scan *s, char *line)
{
        char *uri = strchr(line, ' ');
        char *version = uri != NULL ? strchr(uri + 1, ' ') : NULL;
        if (version == NULL)
                return bad(s, "the request line is not method, URI and version");
        *uri++ = 0;
        *version++ = 0;
        enum ecode e = version_check(s, version);
        if (e != E_OK)
                return e;
        if (!sip_all(SIP_C_TOKEN, line) || strlen(line) > 32)
                return bad(s, "the method is not a token");
        if (!ruri_ok(uri))
                return bad(s, "the Request-URI is not a URI");
        s->m->request = true;
        s->m->method = line;
        s->m->ruri = uri;
        return E_OK;
}

/* RFC 3261 clause 7.3.1: a line that begins with white space continues the one before. */
static void unfold(struct scan *s, char *line)
{
        char *to = line + strlen(line);
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\t')) {
                char *more = line_next(s);
                if (more == NULL)
                        return;
                more += strspn(more, " \t");
                *to++ = ' ';
                memmove(to, more, strlen(more) + 1);
                to += strlen(to);
        }
}

static enum ecode header_add(struct scan *s, const struct sip_name *known, const char *name, char *value)
{
        struct sip_msg *m = s->m;
        if (known != NULL && (known->flags & SIP_NAME_SINGLE) != 0)
                for (size_t i = 0; i < m->n; i++)
                        if (m->h[i].known == known)
                                return s->lenient ? E_OK
                                                  : err_set(s->er, E_DUPLICATE, NULL, "%s stands twice", known->text);
        bool list = known != NULL && (known->flags & SIP_NAME_LIST) != 0;
        char *rest = value;
        for (char *one; (one = list ? sip_next(&rest, ',') : rest) != NULL;) {
                /* Content-Length is not counted: printing adds it to a message that came without */
                if (m->n >= SIP_HEADERS_MAX && (known == NULL || strcmp(known->text, "Content-Length") != 0))
                        return err_set(s->er, E_LONG, NULL, "more than %d header values", SIP_HEADERS_MAX);
                if (!sip_hdr_put(m, m->n, known, name, one))
                        return err_set(s->er, E_NOMEM, NULL, "header values");
                if (!list)
                        break;
        }
        return E_OK;
}

static enum ecode header_line(struct scan *s, char *line)
{
        unfold(s, line);
        char *colon = strchr(line, ':');
        if (colon == NULL)
                return bad(s, "a header line has no colon");
        *colon = 0;
        size_t n = strlen(line);
        while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
                line[--n] = 0;
        if (!sip_all(SIP_C_TOKEN, line))
                return bad(s, "a header name is not a token");
        const struct sip_name *known = sip_name_find(line, n);
        return header_add(s, known, known != NULL ? known->text : line, sip_trim(colon + 1));
}

static enum ecode head_scan(struct scan *s)
{
        char *line = line_next(s);
        if (line == NULL)
                return bad(s, "the start line does not end with CR LF, or holds control characters");
        enum ecode e = strncasecmp(line, "SIP/", 4) == 0 ? status_line(s, line) : request_line(s, line);
        while (e == E_OK) {
                line = line_next(s);
                if (line == NULL)
                        return bad(s, "a header line does not end with CR LF, or holds control characters");
                if (*line == 0)
                        return E_OK;
                if (*line == ' ' || *line == '\t')
                        return bad(s, "the first header line begins with white space");
                e = header_line(s, line);
        }
        return e;
}

/* Where the body starts: behind the first empty line. 0: there is none. */
static size_t head_length(struct bytes in)
{
        const uint8_t *p = memmem(in.p, in.n, "\r\n\r\n", 4);
        return p != NULL ? (size_t)(p - in.p) + 4 : 0;
}

static struct bytes skip_crlf(struct bytes in)
{
        while (in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
                in = bytes_of(in.p + 2, in.n - 2);
        return in;
}

static enum ecode parse_head(void *mem, struct bytes in, bool lenient, struct sip_msg **ret, struct err *er)
{
        in = skip_crlf(in); /* RFC 3261 clause 7.5 */
        size_t head = in.n > 0 ? head_length(in) : 0;
        if (head == 0)
                return err_set(er, in.n > SIP_MSG_MAX ? E_LONG : E_SHORT, NULL,
                               "the empty line after the headers is missing");
        if (head > SIP_MSG_MAX)
                return err_set(er, E_LONG, "R-SA-128", "the headers are longer than %zu octets", SIP_MSG_MAX);
        struct sip_msg *m = talloc_pooled_object(mem, struct sip_msg, 8, in.n + head + 2048);
        if (m == NULL)
                return err_set(er, E_NOMEM, NULL, "message");
        *m = (struct sip_msg){ .cap = 0 };
        m->raw = bytes_copy(m, in);
        char *text = talloc_memdup(m, in.p, head);
        struct scan s = { .m = m, .at = text, .end = text + head, .er = er, .lenient = lenient };
        enum ecode e = text == NULL || m->raw.p == NULL ? err_set(er, E_NOMEM, NULL, "message") : head_scan(&s);
        if (e != E_OK) {
                talloc_free(m);
                return e;
        }
        m->body = bytes_of(m->raw.p + head, in.n - head);
        *ret = m;
        return E_OK;
}

enum ecode sip_msg_parse_head(void *mem, struct bytes in, struct sip_msg **ret, struct err *er)
{
        return parse_head(mem, in, true, ret, er);
}

static enum ecode body_cut(struct sip_msg *m, struct err *er)
{
        const char *text = sip_hdr(m, "Content-Length");
        uint64_t n;
        if (text == NULL)
                return E_OK;
        if (!sip_uint(text, UINT32_MAX, &n))
                return err_set(er, E_SYNTAX, NULL, "Content-Length is not a number");
        if (n > m->body.n)
                return err_set(er, E_SHORT, NULL, "Content-Length is more than there is");
        m->body.n = (size_t)n;
        return E_OK;
}

static enum ecode cseq_check(struct sip_msg *m, struct err *er)
{
        const char *text = sip_hdr(m, "CSeq");
        size_t digits = strspn(text, "0123456789");
        size_t space = strspn(text + digits, " \t");
        uint64_t n = 0;
        char number[12];
        if (digits == 0 || digits > 10 || space == 0 || !sip_all(SIP_C_TOKEN, text + digits + space))
                return err_set(er, E_SYNTAX, NULL, "CSeq is not a number and a method");
        memcpy(number, text, digits);
        number[digits] = 0;
        if (!sip_uint(number, INT32_MAX, &n)) /* RFC 3261 clause 8.1.1.5: less than 2**31 */
                return err_set(er, E_RANGE, NULL, "the number in CSeq is not below 2**31");
        if (m->request && strcmp(m->method, text + digits + space) != 0)
                return err_set(er, E_SYNTAX, NULL, "the method in CSeq is not that of the request");
        m->method = text + digits + space;
        return E_OK;
}

static enum ecode address_check(const struct sip_msg *m, const char *name, struct err *er)
{
        void *tmp = talloc_new(m);
        struct sip_addr a;
        enum ecode e = sip_addr_of(tmp, m, name, 0, &a, er);
        if (e == E_OK && a.star)
                e = err_set(er, E_SYNTAX, NULL, "no address");
        if (e != E_OK && er != NULL)
                err_at(er, name);
        talloc_free(tmp);
        return e;
}

/* RFC 3261 clause 8.1.1: what every message has to have. */
static enum ecode mandatory_check(struct sip_msg *m, struct err *er)
{
        static const char *const need[] = { "Via", "From", "To", "Call-ID", "CSeq" };
        for (size_t i = 0; i < COUNT(need); i++) {
                const char *v = sip_hdr(m, need[i]);
                if (v == NULL || *v == 0)
                        return err_set(er, E_MISSING, NULL, "%s is missing", need[i]);
        }
        enum ecode e = cseq_check(m, er);
        if (e == E_OK)
                e = address_check(m, "From", er);
        if (e == E_OK)
                e = address_check(m, "To", er);
        if (e == E_OK)
                e = sip_via_parse(m, sip_hdr(m, "Via"), &m->via, er);
        m->via_known = e == E_OK;
        const char *hops = sip_hdr(m, "Max-Forwards");
        if (e == E_OK && hops != NULL && sip_max_forwards(m) < 0)
                e = err_set(er, E_SYNTAX, NULL, "Max-Forwards is not a number from 0 to 255");
        return e;
}

enum ecode sip_msg_parse(void *mem, struct bytes in, struct sip_msg **ret, struct err *er)
{
        if (in.n > SIP_MSG_MAX)
                return err_set(er, E_LONG, "R-SA-128", "the message is longer than %zu octets", SIP_MSG_MAX);
        struct sip_msg *m;
        enum ecode e = parse_head(mem, in, false, &m, er);
        if (e != E_OK)
                return e;
        e = body_cut(m, er);
        if (e == E_OK)
                e = mandatory_check(m, er);
        if (e != E_OK) {
                talloc_free(m);
                return e;
        }
        *ret = m;
        return E_OK;
}
