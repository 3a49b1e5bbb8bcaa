/* Headers with a shape of their own. */
#include "proto/sip/sip_int.h"

#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

const char *sip_call_id(const struct sip_msg *m)
{
        const char *v = sip_hdr(m, "Call-ID");
        return v != NULL ? v : "";
}

uint32_t sip_cseq(const struct sip_msg *m)
{
        const char *v = sip_hdr(m, "CSeq");
        unsigned long n = v != NULL && *v >= '0' && *v <= '9' ? strtoul(v, NULL, 10) : 0;
        return n <= INT32_MAX ? (uint32_t)n : 0;
}

static const char *tag_of(struct sip_msg *m, const char *name)
{
        struct sip_addr a;
        return sip_addr_of(m, m, name, 0, &a, NULL) == E_OK ? sip_param(&a.params, "tag") : NULL;
}

/* What was parsed once is kept beside the message; the message itself does not change for its reader. */
static struct sip_msg *cache(const struct sip_msg *m)
{
        union {
                const struct sip_msg *in;
                struct sip_msg *out;
        } u = { m };
        return u.out;
}

const char *sip_from_tag(const struct sip_msg *m)
{
        if (!m->from_known) {
                cache(m)->from_tag = tag_of(cache(m), "From");
                cache(m)->from_known = true;
        }
        return m->from_tag;
}

const char *sip_to_tag(const struct sip_msg *m)
{
        if (!m->to_known) {
                cache(m)->to_tag = tag_of(cache(m), "To");
                cache(m)->to_known = true;
        }
        return m->to_tag;
}

const char *sip_via_param(const struct sip_msg *m, const char *name)
{
        if (!m->via_known) {
                const char *v = sip_hdr(m, "Via");
                struct sip_via via;
                if (v == NULL || sip_via_parse(cache(m), v, &via, NULL) != E_OK)
                        return NULL;
                cache(m)->via = via;
                cache(m)->via_known = true;
        }
        return sip_param(&m->via.params, name);
}

void sip_set_to_tag(struct sip_msg *m, const char *tag)
{
        struct sip_addr a;
        if (!sip_all(SIP_C_TOKEN, tag) || sip_addr_of(m, m, "To", 0, &a, NULL) != E_OK) {
                m->failed = m->failed != E_OK ? m->failed : E_SYNTAX;
                return;
        }
        if (sip_param(&a.params, "tag") == NULL) {
                sip_hdr_set(m, "To", "%s;tag=%s", sip_hdr(m, "To"), tag);
                return;
        }
        struct sip_param *p = talloc_memdup(m, a.params.p, a.params.n * sizeof *p);
        for (size_t i = 0; p != NULL && i < a.params.n; i++)
                if (strcasecmp(p[i].name, "tag") == 0)
                        p[i].value = tag;
        a.params.p = p;
        a.params.n = p != NULL ? a.params.n : 0;
        char *text = sip_addr_print(m, &a);
        sip_hdr_set(m, "To", "%s", text != NULL ? text : "");
}

int sip_max_forwards(const struct sip_msg *m)
{
        const char *v = sip_hdr(m, "Max-Forwards");
        uint64_t n;
        return v != NULL && sip_uint(v, 255, &n) ? (int)n : -1;
}

int64_t sip_delta_seconds(const char *text)
{
        uint64_t n;
        return text != NULL && sip_uint(text, UINT32_MAX, &n) ? (int64_t)n : -1;
}

int64_t sip_expires(const struct sip_msg *m)
{
        return sip_delta_seconds(sip_hdr(m, "Expires"));
}

const char *sip_content_type(const struct sip_msg *m)
{
        return sip_hdr(m, "Content-Type");
}

bool sip_type_is(const char *content_type, const char *type)
{
        if (content_type == NULL)
                return false;
        const char *p = content_type;
        for (bool slash = false; *type != 0; type++, p++) { /* white space may stand around the slash */
                if (*type == '/' || slash)
                        p += strspn(p, " \t");
                slash = *type == '/';
                if (strncasecmp(p, type, 1) != 0)
                        return false;
        }
        p += strspn(p, " \t");
        return *p == 0 || *p == ';';
}
