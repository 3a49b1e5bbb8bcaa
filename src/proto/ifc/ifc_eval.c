#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

#include "proto/ifc/ifc.h"
#include "proto/ifc/ifc_pattern.h"

/* Evaluation stops at the first failure; ev.e says which. */
struct ev {
        const struct ifc_request *rq;
        struct err *er;
        enum ecode e;
};

static void end_regex(regex_t **re)
{
        if (*re != NULL)
                regfree(*re);
}

#define AUTO_REGEX __attribute__((cleanup(end_regex))) regex_t *

/* NULL for no pattern, or after a failure. */
static regex_t *compile(struct ev *ev, const char *pattern, enum ifc_match_kind kind, regex_t *room)
{
        if (pattern == NULL || ev->e != E_OK)
                return NULL;
        ev->e = ifc_pattern_compile(pattern, kind, room, ev->er);
        return ev->e == E_OK ? room : NULL;
}

static bool matches(const regex_t *re, const char *subject)
{
        return subject != NULL && strlen(subject) <= IFC_SUBJECT_MAX && regexec(re, subject, 0, NULL, 0) == 0;
}

static bool spt_uri(struct ev *ev, const struct ifc_spt *s)
{
        regex_t room;
        AUTO_REGEX re = compile(ev, s->name, IFC_MATCH_CONTENT, &room);
        return re != NULL && matches(re, ev->rq->request_uri);
}

/* Methods are compared with their case: RFC 3261 clause 7.1. */
static bool spt_method(struct ev *ev, const struct ifc_spt *s)
{
        if (strcmp(s->name, ev->rq->method) != 0)
                return false;
        return s->reg_types == 0 || strcmp(s->name, "REGISTER") != 0 || (s->reg_types & ev->rq->reg_type) != 0;
}

static bool spt_header(struct ev *ev, const struct ifc_spt *s)
{
        regex_t name_room, content_room;
        AUTO_REGEX name = compile(ev, s->name, IFC_MATCH_NAME, &name_room);
        AUTO_REGEX content = compile(ev, s->content, IFC_MATCH_CONTENT, &content_room);
        if (name == NULL || ev->e != E_OK || ev->rq->header == NULL)
                return false;
        const char *have_name = NULL, *have_value = NULL;
        for (size_t i = 0; ev->rq->header(ev->rq->message, i, &have_name, &have_value); i++)
                if (matches(name, have_name) && (content == NULL || matches(content, have_value)))
                        return true;
        return false;
}

static bool spt_case(struct ev *ev, const struct ifc_spt *s)
{
        return s->session_case == ev->rq->session_case;
}

static bool sdp_line(const char *line, size_t n, const regex_t *name, const regex_t *content)
{
        char text[IFC_SUBJECT_MAX + 1];
        if (n < 2 || line[1] != '=' || n >= sizeof text)
                return false;
        memcpy(text, line, n);
        text[n] = 0;
        text[1] = 0;
        return matches(name, text) && (content == NULL || matches(content, text + 2));
}

static bool spt_sdp(struct ev *ev, const struct ifc_spt *s)
{
        regex_t name_room, content_room;
        AUTO_REGEX name = compile(ev, s->name, IFC_MATCH_NAME, &name_room);
        AUTO_REGEX content = compile(ev, s->content, IFC_MATCH_CONTENT, &content_room);
        if (name == NULL || ev->e != E_OK)
                return false;
        for (const char *at = ev->rq->sdp; at != NULL && *at != 0;) {
                size_t n = strcspn(at, "\r\n");
                if (sdp_line(at, n, name, content))
                        return true;
                at += n;
                at += strspn(at, "\r\n");
        }
        return false;
}

static bool spt_true(struct ev *ev, const struct ifc_spt *s)
{
        static bool (*const test[])(struct ev *, const struct ifc_spt *) = {
                [IFC_SPT_URI] = spt_uri,   [IFC_SPT_METHOD] = spt_method, [IFC_SPT_HEADER] = spt_header,
                [IFC_SPT_CASE] = spt_case, [IFC_SPT_SDP] = spt_sdp,
        };
        return test[s->kind](ev, s) != s->negated;
}

static bool in_group(const struct ifc_spt *s, unsigned group)
{
        for (size_t i = 0; i < s->groups_n; i++)
                if (s->groups[i] == group)
                        return true;
        return false;
}

/* CNF: is any SPT of the group true? DNF: are all? `truth` holds the value of each SPT. */
static bool group_true(const struct ifc *f, const bool *truth, unsigned group)
{
        for (size_t i = 0; i < f->spts_n; i++)
                if (in_group(&f->spts[i], group) && truth[i] == f->cnf)
                        return f->cnf;
        return !f->cnf;
}

/* 29.228 annex C. */
static bool trigger_true(const struct ifc *f, const bool *truth)
{
        for (size_t i = 0; i < f->spts_n; i++)
                for (size_t g = 0; g < f->spts[i].groups_n; g++)
                        if (group_true(f, truth, f->spts[i].groups[g]) != f->cnf)
                                return !f->cnf;
        return f->cnf;
}

static bool part_fits(const struct ifc *f, enum ifc_session_case c)
{
        bool registered = c == IFC_ORIGINATING_REGISTERED || c == IFC_TERMINATING_REGISTERED;
        return f->part == IFC_PART_BOTH || (f->part == IFC_PART_REGISTERED) == registered;
}

static bool ifc_true(struct ev *ev, void *tmp, const struct ifc *f)
{
        if (ev->e != E_OK || !part_fits(f, ev->rq->session_case))
                return false;
        if (!f->has_trigger)
                return true;
        bool *truth = talloc_zero_array(tmp, bool, (unsigned)f->spts_n);
        if (truth == NULL)
                ev->e = err_set(ev->er, E_NOMEM, NULL, "filter criteria");
        for (size_t i = 0; i < f->spts_n && ev->e == E_OK; i++)
                truth[i] = spt_true(ev, &f->spts[i]);
        bool yes = ev->e == E_OK && trigger_true(f, truth);
        talloc_free(truth);
        return yes;
}

/* Lower priority first; of equal ones the one that stands first, so that the order is always the same. */
static int by_priority(const void *pa, const void *pb)
{
        const struct ifc *a = *(const struct ifc *const *)pa, *b = *(const struct ifc *const *)pb;
        if (a->priority != b->priority)
                return a->priority < b->priority ? -1 : 1;
        return a < b ? -1 : a > b;
}

enum ecode ifc_eval(void *mem, const struct ims_profile *p, const struct ifc_request *rq, struct ifc_match *ret,
                    struct err *er)
{
        struct ev ev = { .rq = rq, .er = er };
        const struct ifc **hit = talloc_zero_array(mem, const struct ifc *, (unsigned)p->ifcs_n + 1);
        const struct ifc_as **as = talloc_zero_array(mem, const struct ifc_as *, (unsigned)p->ifcs_n + 1);
        if (hit == NULL || as == NULL)
                return err_set(er, E_NOMEM, NULL, "filter criteria");
        size_t n = 0;
        for (size_t i = 0; i < p->ifcs_n; i++)
                if (ifc_true(&ev, hit, &p->ifcs[i]))
                        hit[n++] = &p->ifcs[i];
        if (n > 0)
                qsort(hit, n, sizeof(const struct ifc *), by_priority);
        for (size_t i = 0; i < n; i++)
                as[i] = &hit[i]->as;
        talloc_free(hit);
        if (ev.e != E_OK) {
                talloc_free(as);
                return ev.e;
        }
        *ret = (struct ifc_match){ .as = as, .n = n };
        return E_OK;
}
