#include "role/hss/hss_priv.h"

#include <talloc.h>

/* Nothing was decided: TS 29.228 clause 6.1.1.1 and the like give "user unknown" to who is unknown, not to who could
 * not be looked up. */
static uint32_t undecided(enum ecode e)
{
        return e == E_BUSY ? CX_TOO_BUSY : CX_UNABLE_TO_COMPLY;
}

static uint32_t refuse(struct err *er, uint32_t result, enum ecode code, const char *req, const char *text)
{
        err_set(er, code, req, "%s", text);
        return result;
}

static const struct hss_impu *impu_in(const struct hss_subscription *s, const char *impu)
{
        for (size_t i = 0; i < s->impus_n; i++) {
                if (!strcmp(s->impus[i].uri, impu))
                        return &s->impus[i];
        }
        return NULL;
}

/* The first two steps of every command: both identities exist, and belong together. impu NULL: not asked. 0 when all is
 * well, else the result. */
static uint32_t find(struct hss *h, void *mem, const char *impi, const char *impu, struct hss_subscription *ret,
                     struct err *er)
{
        const char *owner = NULL;
        enum ecode e = h->st->ops->by_impi(h->st, mem, impi, ret, er);
        if (e == E_NOT_FOUND)
                return refuse(er, CX_ERROR_USER_UNKNOWN, E_NOT_FOUND, "R-SA-14", "no such private identity");
        if (e != E_OK)
                return undecided(e);
        if (impu == NULL || impu_in(ret, impu) != NULL)
                return 0;
        e = h->st->ops->impi_of(h->st, mem, impu, &owner, er);
        if (e == E_NOT_FOUND)
                return refuse(er, CX_ERROR_USER_UNKNOWN, E_NOT_FOUND, "R-SA-13", "no such public identity");
        if (e != E_OK)
                return undecided(e);
        return refuse(er, CX_ERROR_IDENTITIES_DONT_MATCH, E_FORBIDDEN, "R-SA-13",
                      "the public identity belongs to another private identity");
}

static bool all_barred(const struct hss_subscription *s)
{
        for (size_t i = 0; i < s->impus_n; i++) {
                if (!s->impus[i].barred)
                        return false;
        }
        return true;
}

enum { UAR_REGISTRATION = 0, UAR_DE_REGISTRATION = 1, UAR_REGISTRATION_AND_CAPABILITIES = 2 };

/* TS 29.228 clause 6.1.1.1 */
static uint32_t authorize(const struct hss_subscription *s, const struct cx_uar *rq, const char **server,
                          struct err *er)
{
        if (rq->type == UAR_REGISTRATION_AND_CAPABILITIES)
                return CX_SUCCESS; /* no name: the I-CSCF is to choose anew */
        if (rq->type == UAR_DE_REGISTRATION && s->scscf == NULL)
                return refuse(er, CX_ERROR_IDENTITY_NOT_REGISTERED, E_NOT_REGISTERED, "R-SA-17", "not registered");
        if (rq->type == UAR_REGISTRATION && all_barred(s))
                return refuse(er, CX_AUTHORIZATION_REJECTED, E_USER_DISABLED, "R-SA-17",
                              "all public identities are barred");
        *server = s->scscf;
        if (rq->type == UAR_DE_REGISTRATION)
                return CX_SUCCESS;
        return s->scscf != NULL ? CX_SUBSEQUENT_REGISTRATION : CX_FIRST_REGISTRATION;
}

void hss_uar(struct hss *h, void *mem, const struct cx_uar *rq, struct cx_uaa *ret, struct err *er)
{
        struct hss_subscription s = { 0 };
        *ret = (struct cx_uaa){ 0 };
        ret->result = find(h, mem, rq->impi, rq->impu, &s, er);
        if (ret->result == 0)
                ret->result = authorize(&s, rq, &ret->server_name, er);
}

/* TS 29.228 clause 6.3.1 */
void hss_mar(struct hss *h, void *mem, const struct cx_mar *rq, struct cx_maa *ret, struct err *er)
{
        struct hss_subscription s = { 0 };
        *ret = (struct cx_maa){ 0 };
        ret->result = find(h, mem, rq->impi, rq->impu, &s, er);
        if (ret->result != 0)
                return;
        enum cx_scheme has = s.auth == HSS_AUTH_AKA ? CX_AKA : CX_DIGEST;
        if (rq->scheme != CX_UNKNOWN_SCHEME && rq->scheme != has) {
                ret->result =
                        refuse(er, CX_ERROR_AUTH_SCHEME_NOT_SUPPORTED, E_UNSUPPORTED,
                               has == CX_AKA ? "R-SA-3" : "R-SA-10", "the user has the other kind of credentials");
                return;
        }
        enum ecode e = has == CX_AKA ? hss_vectors(h, mem, rq, &s, ret, er) : hss_digest(h, mem, rq, &s, ret, er);
        ret->result = e == E_OK            ? (uint32_t)CX_SUCCESS
                      : e == E_AUTH_FAILED ? (uint32_t)CX_AUTHORIZATION_REJECTED /* R-SA-6 */
                      : e == E_NOT_FOUND   ? (uint32_t)CX_ERROR_USER_UNKNOWN     /* removed meanwhile */
                                           : undecided(e);
}

/* What an assignment type does: TS 29.228 clause 6.1.2.1. A type that is not in the table is refused; so are those that
 * ask the HSS to keep the name of an S-CSCF without a registration. */
enum owner { ANY_SERVER, FREE_OR_SAME, SAME_SERVER };
enum change { KEEP, SET_REGISTERED, SET_UNREGISTERED, CLEAR, CLEAR_UNLESS_REGISTERED };
static const struct sar_rule {
        uint32_t type;
        enum owner owner;  /* which S-CSCF may send it, seen from the assigned one */
        uint32_t mismatch; /* what another one is told */
        enum change change;
        bool profile; /* the answer holds the user data */
} sar_rules[] = {
        { CX_NO_ASSIGNMENT, SAME_SERVER, CX_UNABLE_TO_COMPLY, KEEP, true },
        { CX_REGISTRATION, FREE_OR_SAME, CX_ERROR_IDENTITY_ALREADY_REGISTERED, SET_REGISTERED, true },
        { CX_RE_REGISTRATION, FREE_OR_SAME, CX_ERROR_IDENTITY_ALREADY_REGISTERED, SET_REGISTERED, true },
        { CX_UNREGISTERED_USER, FREE_OR_SAME, CX_ERROR_IDENTITY_ALREADY_REGISTERED, SET_UNREGISTERED, true },
        { CX_TIMEOUT_DEREGISTRATION, FREE_OR_SAME, CX_UNABLE_TO_COMPLY, CLEAR, false },
        { CX_USER_DEREGISTRATION, FREE_OR_SAME, CX_UNABLE_TO_COMPLY, CLEAR, false },
        { CX_ADMINISTRATIVE_DEREGISTRATION, FREE_OR_SAME, CX_UNABLE_TO_COMPLY, CLEAR, false },
        { CX_AUTHENTICATION_FAILURE, ANY_SERVER, 0, CLEAR_UNLESS_REGISTERED, false },
        { CX_AUTHENTICATION_TIMEOUT, ANY_SERVER, 0, CLEAR_UNLESS_REGISTERED, false },
};

static const struct sar_rule *sar_rule(uint32_t type)
{
        for (size_t i = 0; i < COUNT(sar_rules); i++) {
                if (sar_rules[i].type == type)
                        return &sar_rules[i];
        }
        return NULL;
}

static uint32_t check_owner(const struct sar_rule *r, const struct hss_subscription *s, const char *server,
                            struct err *er)
{
        bool same = s->scscf != NULL && !strcmp(s->scscf, server);
        if (same || r->owner == ANY_SERVER || (r->owner != SAME_SERVER && s->scscf == NULL))
                return 0;
        return refuse(er, r->mismatch, E_CONFLICT, NULL, "the user is assigned to another S-CSCF, or to none");
}

static enum ecode change(struct hss *h, const struct sar_rule *r, const struct hss_subscription *s, const char *server,
                         struct err *er)
{
        bool same = s->scscf != NULL && !strcmp(s->scscf, server);
        enum hss_state to = r->change == SET_REGISTERED     ? HSS_REGISTERED
                            : r->change == SET_UNREGISTERED ? HSS_UNREGISTERED
                                                            : HSS_NOT_REGISTERED;
        switch (r->change) {
        case SET_REGISTERED:
        case SET_UNREGISTERED:
                if (same && s->state == to) /* a refresh costs no write */
                        return E_OK;
                return h->st->ops->assign(h->st, s->impi, server, to, er);
        case CLEAR:
                if (s->scscf == NULL && s->state == to)
                        return E_OK;
                return h->st->ops->assign(h->st, s->impi, NULL, to, er);
        case CLEAR_UNLESS_REGISTERED:
                if (!same || s->state == HSS_REGISTERED)
                        return E_OK;
                return h->st->ops->assign(h->st, s->impi, NULL, to, er);
        case KEEP: break;
        }
        return E_OK;
}

/* S-CSCFs that do not know the private identity yet ask by the public one. */
static uint32_t find_by_either(struct hss *h, void *mem, const struct cx_sar *rq, struct hss_subscription *ret,
                               struct err *er)
{
        const char *impi = rq->impi;
        enum ecode e = impi == NULL ? h->st->ops->impi_of(h->st, mem, rq->impu, &impi, er) : E_OK;
        if (e == E_NOT_FOUND)
                return refuse(er, CX_ERROR_USER_UNKNOWN, e, "R-SA-13", "no such public identity");
        return e != E_OK ? undecided(e) : find(h, mem, impi, rq->impu, ret, er);
}

void hss_sar(struct hss *h, void *mem, const struct cx_sar *rq, struct cx_saa *ret, struct err *er)
{
        struct hss_subscription s = { 0 };
        const struct sar_rule *r = sar_rule((uint32_t)rq->type);
        const char *profile = NULL;
        enum ecode e = E_OK;
        *ret = (struct cx_saa){ 0 };
        if (r == NULL)
                ret->result = refuse(er, CX_ERROR_IN_ASSIGNMENT_TYPE, E_RANGE, NULL, "no such Server-Assignment-Type");
        else if ((ret->result = find_by_either(h, mem, rq, &s, er)) == 0)
                ret->result = check_owner(r, &s, rq->server_name, er);
        if (ret->result != 0)
                return;
        if (r->profile && !rq->user_data_already_available)
                e = hss_profile(h, mem, &s, &profile, er);
        if (e == E_OK)
                e = change(h, r, &s, rq->server_name, er);
        if (e == E_OK)
                *ret = (struct cx_saa){ .result = CX_SUCCESS, .user_data = profile };
        else
                ret->result = e == E_NOT_FOUND ? (uint32_t)CX_ERROR_USER_UNKNOWN /* removed meanwhile */ : undecided(e);
}
