#include "role/hss/hss_priv.h"

#include <talloc.h>

#define FLOW  "mcx-sign-on"
#define STEP  "1"
#define PROTO "Diameter Cx"

/* "icscf" of "icscf.ims.mc.example": by convention the first label of a Diameter identity is the role. */
static const char *role_of(void *mem, const char *host)
{
        const char *name = talloc_strndup(mem, host, strcspn(host, "."));
        return name != NULL && *name != 0 ? name : "peer";
}

static void arrived(struct hss *h, void *mem, const char *from, const char *impi, const char *text)
{
        atomic_fetch_add(&h->requests, 1);
        ev_arrow(h->env->log, &(struct arrow){ .flow = FLOW,
                                               .step = STEP,
                                               .from = role_of(mem, from),
                                               .to = "hss",
                                               .proto = PROTO,
                                               .text = text,
                                               .subject = impi });
}

static void decided(struct hss *h, const char *from, const char *impi, uint32_t result, const struct err *er)
{
        if (er->code == E_OK)
                return;
        bool open = result == CX_UNABLE_TO_COMPLY || result == CX_TOO_BUSY;
        atomic_fetch_add(open ? &h->undecided : &h->refused, 1);
        ev_refused(
                h->env->log, FLOW, STEP, er,
                (const struct ev_kv[]){ KV_STR("peer", from), KV_INT("result", result), KV_HASH("user", impi), { 0 } });
}

static const char *const uar_types[] = { "registration", "de-registration", "registration and capabilities" };

static void on_uar(void *role, void *mem, const char *from, const struct cx_uar *rq, struct cx_uaa *ret)
{
        struct err er = { 0 };
        arrived(role, mem, from, rq->impi, talloc_asprintf(mem, "UAR, %s", uar_types[rq->type % COUNT(uar_types)]));
        hss_uar(role, mem, rq, ret, &er);
        decided(role, from, rq->impi, ret->result, &er);
}

static const char *const scheme_names[] = { "AKA", "SIP Digest", "any scheme" };

static void on_mar(void *role, void *mem, const char *from, const struct cx_mar *rq, struct cx_maa *ret)
{
        struct err er = { 0 };
        arrived(role, mem, from, rq->impi,
                talloc_asprintf(mem, "MAR, %s%s", scheme_names[rq->scheme],
                                rq->resync.n > 0 ? ", resynchronisation" : ""));
        hss_mar(role, mem, rq, ret, &er);
        decided(role, from, rq->impi, ret->result, &er);
}

/* TS 29.229 clause 6.3.15 */
static const char *const sar_types[] = {
        "no assignment",           "registration",
        "re-registration",         "unregistered user",
        "time-out deregistration", "user deregistration",
        "time-out, keep name",     "user deregistration, keep name",
        "administrative",          "authentication failure",
        "authentication time-out", "deregistration, too much data",
};

static void on_sar(void *role, void *mem, const char *from, const struct cx_sar *rq, struct cx_saa *ret)
{
        struct err er = { 0 };
        const char *who = rq->impi != NULL ? rq->impi : rq->impu;
        const char *type = (size_t)rq->type < COUNT(sar_types) ? sar_types[rq->type] : "unknown assignment type";
        arrived(role, mem, from, who, talloc_asprintf(mem, "SAR, %s", type));
        hss_sar(role, mem, rq, ret, &er);
        decided(role, from, who, ret->result, &er);
}

const struct cx_server hss_cx = { .uar = on_uar, .mar = on_mar, .sar = on_sar };
