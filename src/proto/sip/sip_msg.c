#include "proto/sip/sip_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <talloc.h>

struct bytes sip_msg_raw(const struct sip_msg *m)
{
        return m->raw;
}

bool sip_is_request(const struct sip_msg *m)
{
        return m->request;
}

const char *sip_method(const struct sip_msg *m)
{
        return m->method != NULL ? m->method : "";
}

bool sip_method_is(const struct sip_msg *m, const char *method)
{
        return strcmp(sip_method(m), method) == 0; /* RFC 3261 clause 7.1: case matters */
}

const char *sip_ruri(const struct sip_msg *m)
{
        return m->ruri;
}

int sip_status(const struct sip_msg *m)
{
        return m->status;
}

const char *sip_reason(const struct sip_msg *m)
{
        return m->reason;
}

static void fail(struct sip_msg *m, enum ecode e)
{
        if (m->failed == E_OK)
                m->failed = e;
}

void sip_set_ruri(struct sip_msg *m, const char *uri)
{
        if (!sip_is_clean(uri) || uri[strcspn(uri, " \t<>\"")] != 0 || *uri == 0) {
                fail(m, E_SYNTAX);
                return;
        }
        m->ruri = talloc_strdup(m, uri);
        if (m->ruri == NULL)
                fail(m, E_NOMEM);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct key {
        const struct sip_name *known;
        const char *name;
};

static struct key key_of(const char *name)
{
        return (struct key){ sip_name_find(name, strlen(name)), name };
}

static bool key_fits(const struct key *k, const struct sip_hdr_entry *h)
{
        return k->known != NULL ? h->known == k->known : h->known == NULL && strcasecmp(h->name, k->name) == 0;
}

static size_t key_index(const struct sip_msg *m, const struct key *k, size_t i)
{
        size_t at = 0;
        for (; at < m->n; at++)
                if (key_fits(k, &m->h[at]) && i-- == 0)
                        break;
        return at;
}

size_t sip_hdr_index(const struct sip_msg *m, const char *name, size_t i)
{
        struct key k = key_of(name);
        return key_index(m, &k, i);
}

size_t sip_hdr_count(const struct sip_msg *m, const char *name)
{
        struct key k = key_of(name);
        size_t n = 0;
        for (size_t i = 0; i < m->n; i++)
                n += key_fits(&k, &m->h[i]);
        return n;
}

const char *sip_hdr_at(const struct sip_msg *m, const char *name, size_t i)
{
        size_t at = sip_hdr_index(m, name, i);
        return at < m->n ? m->h[at].value : NULL;
}

const char *sip_hdr(const struct sip_msg *m, const char *name)
{
        return sip_hdr_at(m, name, 0);
}

bool sip_hdr_has(const struct sip_msg *m, const char *name, const char *token)
{
        struct key k = key_of(name);
        size_t n = strlen(token);
        for (size_t i = 0; i < m->n; i++) {
                const char *v = m->h[i].value;
                /* Privacy separates its values with ';' (RFC 3323 clause 4.2) */
                while (key_fits(&k, &m->h[i]) && v != NULL) {
                        v += strspn(v, " \t;");
                        if (strncasecmp(v, token, n) == 0 && (v[n] == 0 || strchr("; \t,", v[n]) != NULL))
                                return true;
                        v = strcasecmp(m->h[i].name, "Privacy") == 0 ? strchr(v, ';') : NULL;
                }
        }
        return false;
}

bool sip_hdr_each(const struct sip_msg *m, size_t i, const char **name, const char **value)
{
        if (i >= m->n)
                return false;
        *name = m->h[i].name;
        *value = m->h[i].value;
        return true;
}

/* --- changing --------------------------------------------------------------------------------------------------- */

static void forget(struct sip_msg *m, const char *name)
{
        if (strcmp(name, "From") == 0)
                m->from_known = false;
        else if (strcmp(name, "To") == 0)
                m->to_known = false;
        else if (strcmp(name, "Via") == 0)
                m->via_known = false;
}

bool sip_hdr_put(struct sip_msg *m, size_t at, const struct sip_name *known, const char *name, const char *value)
{
        if (m->n > SIP_HEADERS_MAX) { /* one more than may be added: see header_add() of the parser */
                fail(m, E_LONG);
                return false;
        }
        if (m->n == m->cap) {
                size_t cap = m->cap != 0 ? m->cap * 2 : 32;
                struct sip_hdr_entry *h = talloc_realloc(m, m->h, struct sip_hdr_entry, cap);
                if (h == NULL) {
                        fail(m, E_NOMEM);
                        return false;
                }
                m->h = h;
                m->cap = cap;
        }
        memmove(&m->h[at + 1], &m->h[at], (m->n - at) * sizeof m->h[0]);
        m->h[at] = (struct sip_hdr_entry){ known, name, value };
        m->n++;
        forget(m, name);
        return true;
}

/* Every value of `text` from place `at` on. text is on m and cut in place. */
static void put_all(struct sip_msg *m, size_t at, const struct key *k, char *text)
{
        const char *name = k->known != NULL ? k->known->text : talloc_strdup(m, k->name);
        if (text == NULL || name == NULL) {
                fail(m, E_NOMEM);
                return;
        }
        if (!sip_is_clean(text) || !sip_all(SIP_C_TOKEN, name)) {
                fail(m, E_SYNTAX);
                return;
        }
        if (m->n >= SIP_HEADERS_MAX) {
                fail(m, E_LONG);
                return;
        }
        text = sip_trim(text);
        if (k->known == NULL || (k->known->flags & SIP_NAME_LIST) == 0) {
                sip_hdr_put(m, at, k->known, name, text);
                return;
        }
        for (char *one; (one = sip_next(&text, ',')) != NULL;)
                if (!sip_hdr_put(m, at++, k->known, name, one))
                        return;
}

static void remove_at(struct sip_msg *m, size_t at)
{
        forget(m, m->h[at].name);
        m->n--;
        memmove(&m->h[at], &m->h[at + 1], (m->n - at) * sizeof m->h[0]);
}

void sip_hdr_add(struct sip_msg *m, const char *name, const char *fmt, ...)
{
        struct key k = key_of(name);
        va_list ap;
        va_start(ap, fmt);
        put_all(m, m->n, &k, talloc_vasprintf(m, fmt, ap));
        va_end(ap);
}

void sip_hdr_prepend(struct sip_msg *m, const char *name, const char *fmt, ...)
{
        struct key k = key_of(name);
        size_t at = key_index(m, &k, 0);
        va_list ap;
        va_start(ap, fmt);
        put_all(m, at < m->n ? at : 0, &k, talloc_vasprintf(m, fmt, ap));
        va_end(ap);
}

void sip_hdr_set(struct sip_msg *m, const char *name, const char *fmt, ...)
{
        struct key k = key_of(name);
        va_list ap;
        va_start(ap, fmt);
        char *text = talloc_vasprintf(m, fmt, ap); /* before the removal: an argument may be the old value */
        va_end(ap);
        size_t at = key_index(m, &k, 0);
        sip_hdr_remove(m, name);
        put_all(m, at < m->n ? at : m->n, &k, text);
}

void sip_hdr_remove(struct sip_msg *m, const char *name)
{
        struct key k = key_of(name);
        for (size_t i = m->n; i-- > 0;)
                if (key_fits(&k, &m->h[i]))
                        remove_at(m, i);
}

void sip_hdr_remove_at(struct sip_msg *m, const char *name, size_t i)
{
        size_t at = sip_hdr_index(m, name, i);
        if (at < m->n)
                remove_at(m, at);
}

void sip_hdr_copy(struct sip_msg *dst, const char *dst_name, const struct sip_msg *src, const char *src_name)
{
        struct key to = key_of(dst_name), from = key_of(src_name);
        size_t n = src->n; /* dst may be src */
        for (size_t i = 0; i < n; i++)
                if (key_fits(&from, &src->h[i]))
                        put_all(dst, dst->n, &to, talloc_strdup(dst, src->h[i].value));
}

void sip_set_body(struct sip_msg *m, const char *type, struct bytes body)
{
        if (type != NULL)
                sip_hdr_set(m, "Content-Type", "%s", type);
        else
                sip_hdr_remove(m, "Content-Type");
        m->body = body.n > 0 ? bytes_copy(m, body) : (struct bytes){ 0 };
        if (body.n > 0 && m->body.p == NULL)
                fail(m, E_NOMEM);
}

struct bytes sip_body(const struct sip_msg *m)
{
        return m->body;
}

/* --- copying and printing ---------------------------------------------------------------------------------------- */

struct sip_msg *sip_msg_copy(void *mem, const struct sip_msg *m)
{
        size_t room = m->raw.n + m->body.n + 2048;
        for (size_t i = 0; i < m->n; i++)
                room += strlen(m->h[i].value) + 128;
        struct sip_msg *c = talloc_pooled_object(mem, struct sip_msg, 8, room);
        if (c == NULL)
                return NULL;
        *c = (struct sip_msg){ .request = m->request, .status = m->status, .failed = m->failed };
        c->method = talloc_strdup(c, sip_method(m));
        c->ruri = m->ruri != NULL ? talloc_strdup(c, m->ruri) : NULL;
        c->reason = m->reason != NULL ? talloc_strdup(c, m->reason) : NULL;
        c->raw = m->raw.n > 0 ? bytes_copy(c, m->raw) : (struct bytes){ 0 };
        c->body = m->body.n > 0 ? bytes_copy(c, m->body) : (struct bytes){ 0 };
        for (size_t i = 0; i < m->n; i++) {
                const struct sip_hdr_entry *h = &m->h[i];
                const char *value = talloc_strdup(c, h->value);
                const char *name = h->known != NULL ? h->known->text : talloc_strdup(c, h->name);
                if (value == NULL || name == NULL || !sip_hdr_put(c, c->n, h->known, name, value))
                        fail(c, E_NOMEM);
        }
        return c;
}

struct out {
        char *p; /* NULL while counting */
        size_t n;
};

static void out(struct out *o, const char *s, size_t n)
{
        if (o->p != NULL && n > 0)
                memcpy(o->p + o->n, s, n);
        o->n += n;
}

static void outs(struct out *o, const char *s)
{
        out(o, s, strlen(s));
}

static void write_all(struct out *o, const struct sip_msg *m)
{
        char number[32];
        if (m->request) {
                outs(o, m->method);
                outs(o, " ");
                outs(o, m->ruri);
                outs(o, " SIP/2.0\r\n");
        } else {
                snprintf(number, sizeof number, "SIP/2.0 %03d ", m->status);
                outs(o, number);
                outs(o, m->reason);
                outs(o, "\r\n");
        }
        const struct sip_name *length = sip_name_find("Content-Length", 14);
        for (size_t i = 0; i < m->n; i++) {
                if (m->h[i].known == length)
                        continue;
                outs(o, m->h[i].name);
                outs(o, ": ");
                outs(o, m->h[i].value);
                outs(o, "\r\n");
        }
        snprintf(number, sizeof number, "Content-Length: %zu\r\n\r\n", m->body.n);
        outs(o, number);
        out(o, (const char *)m->body.p, m->body.n);
}

enum ecode sip_msg_print(void *mem, const struct sip_msg *m, struct bytes *ret)
{
        if (m->failed != E_OK)
                return m->failed;
        if (m->request ? m->method == NULL || m->ruri == NULL : m->reason == NULL)
                return E_MISSING;
        struct out o = { 0 };
        write_all(&o, m);
        if (o.n > SIP_MSG_MAX)
                return E_LONG;
        size_t n = o.n;
        o = (struct out){ .p = talloc_size(mem, n + 1) };
        if (o.p == NULL)
                return E_NOMEM;
        write_all(&o, m);
        o.p[n] = 0;
        *ret = bytes_of(o.p, n);
        return E_OK;
}
