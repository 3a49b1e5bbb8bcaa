#include "proto/reginfo/reginfo.h"

#include "proto/xml/xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REGINFO_NS "urn:ietf:params:xml:ns:reginfo"

static const char *const event_names[] = {
        [REGINFO_REGISTERED] = "registered",     [REGINFO_CREATED] = "created",   [REGINFO_REFRESHED] = "refreshed",
        [REGINFO_SHORTENED] = "shortened",       [REGINFO_EXPIRED] = "expired",   [REGINFO_DEACTIVATED] = "deactivated",
        [REGINFO_UNREGISTERED] = "unregistered", [REGINFO_REJECTED] = "rejected",
};

const char *reginfo_event_name(enum reginfo_event e)
{
        return (size_t)e < COUNT(event_names) ? event_names[e] : "unregistered";
}

static bool is_active(const struct reginfo_contact *c)
{
        return c->event < REGINFO_EXPIRED;
}

/* FNV-1a of both texts. An id tells documents' elements apart, it protects nothing. */
static void id_of(char ret[24], char kind, const char *a, const char *b)
{
        uint64_t h = 14695981039346656037u;
        for (; *a != 0; a++)
                h = (h ^ (uint8_t)*a) * 1099511628211u;
        h *= 1099511628211u; /* a step between them: "ab", "c" is not "a", "bc" */
        for (; *b != 0; b++)
                h = (h ^ (uint8_t)*b) * 1099511628211u;
        snprintf(ret, 24, "%c%016" PRIx64, kind, h);
}

static void write_contact(struct xmlw *w, const char *aor, const struct reginfo_contact *c)
{
        char id[24];
        id_of(id, 'c', aor, c->uri);
        xmlw_start(w, "contact");
        xmlw_attr(w, "id", id);
        xmlw_attr(w, "state", is_active(c) ? "active" : "terminated");
        xmlw_attr(w, "event", reginfo_event_name(c->event));
        if (is_active(c) && c->expires >= 0)
                xmlw_attr_i64(w, "expires", c->expires);
        xmlw_leaf(w, "uri", c->uri);
        xmlw_end(w);
}

static void write_aor(struct xmlw *w, const struct reginfo_aor *a)
{
        char id[24];
        bool active = false;
        for (size_t i = 0; i < a->contacts_n; i++)
                active = active || is_active(&a->contacts[i]);
        id_of(id, 'r', a->uri, "");
        xmlw_start(w, "registration");
        xmlw_attr(w, "aor", a->uri);
        xmlw_attr(w, "id", id);
        xmlw_attr(w, "state", active ? "active" : a->contacts_n > 0 ? "terminated" : "init");
        for (size_t i = 0; i < a->contacts_n; i++)
                write_contact(w, a->uri, &a->contacts[i]);
        xmlw_end(w);
}

enum ecode reginfo_print(void *mem, uint32_t version, const struct reginfo_aor *aors, size_t n, struct bytes *ret,
                         struct err *er)
{
        struct xmlw w = xmlw_on(mem);
        xmlw_start(&w, "reginfo");
        xmlw_attr(&w, "xmlns", REGINFO_NS);
        xmlw_attr_i64(&w, "version", version);
        xmlw_attr(&w, "state", "full");
        for (size_t i = 0; i < n; i++)
                write_aor(&w, &aors[i]);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
