/* Challenges and their answers: TS 24.229 clauses 5.4.1.2.1 to 5.4.1.2.3, TS 33.203 clause 6.1 and annex N. */
#include "role/scscf/scscf.h"

#include "base/codec.h"
#include "base/secret.h"

#include <talloc.h>

/* What the dialogue with this UE has used up so far, carried from one nonce to the next. */
struct tries {
        unsigned failures, network_refusals, resyncs;
};

static enum ecode ask_hss(struct scscf_turn *t, struct bytes resync, struct cx_auth_item *item, struct err *er)
{
        struct scscf *s = t->s;
        struct cx_maa a = { 0 };
        struct cx_mar q = { .impi = t->impi,
                            .impu = t->impu,
                            .server_name = s->conf->name,
                            .scheme = resync.n > 0 ? CX_AKA : CX_UNKNOWN_SCHEME,
                            .count = 1,
                            .resync = resync };
        enum ecode e = s->env->cx->mar(s->env->cx, t->mem, &q, &a, er);
        if (e != E_OK)
                return e;
        switch (a.result) {
        case CX_SUCCESS: break;
        case CX_ERROR_USER_UNKNOWN:
                return err_set(er, E_FORBIDDEN, "R-SA-14", "the HSS does not know this private identity");
        case CX_ERROR_IDENTITIES_DONT_MATCH:
                return err_set(er, E_FORBIDDEN, "R-SA-13", "private and public identity do not belong together");
        case CX_ERROR_AUTH_SCHEME_NOT_SUPPORTED:
                return err_set(er, E_FORBIDDEN, "R-SA-3", "the HSS has no such authentication scheme for this user");
        case CX_AUTHORIZATION_REJECTED:
                return err_set(er, E_AUTH_FAILED, "R-SA-6", "the HSS refused the resynchronisation: MAC-S is wrong");
        default: return err_set(er, E_PEER_DOWN, NULL, "the HSS could not say: Diameter result %u", a.result);
        }
        if (a.items_n == 0)
                return err_set(er, E_PEER_DOWN, NULL, "the HSS sent no authentication vector");
        *item = a.items[0];
        return E_OK;
}

static enum ecode remember_aka(struct chal *c, const struct cx_auth_item *v, struct err *er)
{
        if (v->rand.n != 16 || v->autn.n != 16 || v->xres.n < 4 || v->xres.n > sizeof c->xres || v->ck.n != 16 ||
            v->ik.n != 16)
                return err_set(er, E_PEER_DOWN, "R-SA-3", "the HSS sent a vector of wrong sizes");
        c->scheme = CHAL_AKA;
        memcpy(c->xres, v->xres.p, v->xres.n);
        c->xres_n = v->xres.n;
        memcpy(c->rand, v->rand.p, 16);
        uint8_t nonce[32]; /* RFC 3310 clause 3.2: RAND || AUTN */
        memcpy(nonce, v->rand.p, 16);
        memcpy(nonce + 16, v->autn.p, 16);
        c->nonce = b64_encode(c, BYTES_ARR(nonce));
        return c->nonce != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "challenge");
}

static enum ecode remember_digest(struct scscf_turn *t, struct chal *c, const struct cx_auth_item *v, struct err *er)
{
        if (v->ha1 == NULL || strlen(v->ha1) != 32)
                return err_set(er, E_PEER_DOWN, "R-SA-10", "the HSS sent no H(A1)");
        c->scheme = CHAL_DIGEST;
        memcpy(c->ha1.s, v->ha1, 33);
        if (v->realm != NULL && *v->realm)
                c->realm = talloc_strdup(c, v->realm);
        c->nonce = rng_token(t->s->env->rng, c, 24);
        return c->nonce != NULL && c->realm != NULL ? E_OK
                                                    : err_set(er, E_CRYPTO, NULL, "no random octets for a nonce");
}

/* The 401. ck and ik go to the P-CSCF, which takes them out (TS 24.229 clause 7.2A.1, R-SA-8). */
static struct sip_msg *challenge_message(struct scscf_turn *t, const struct chal *c, const struct cx_auth_item *v,
                                         bool stale)
{
        struct sip_auth a = { .scheme = "Digest",
                              .realm = c->realm,
                              .nonce = c->nonce,
                              .algorithm = c->scheme == CHAL_AKA ? "AKAv1-MD5" : "MD5",
                              .qop = "auth", /* R-SA-130: auth alone */
                              .stale = stale ? "true" : NULL };
        if (c->scheme == CHAL_AKA) {
                a.ck = hex_encode(t->mem, v->ck);
                a.ik = hex_encode(t->mem, v->ik);
        }
        struct sip_msg *rs = sip_response_new(t->mem, t->rq, 401, NULL);
        char *text = sip_auth_print(t->mem, &a);
        if (rs == NULL || text == NULL)
                return NULL;
        sip_hdr_add(rs, "WWW-Authenticate", "%s", text);
        secret_wipe(text, strlen(text));
        sip_auth_wipe(&a);
        return rs;
}

static enum ecode challenge(struct scscf_turn *t, struct bytes resync, const struct tries *tries, bool stale,
                            struct sip_msg **ret, struct err *er)
{
        struct scscf *s = t->s;
        struct cx_auth_item v = { 0 };
        enum ecode e = ask_hss(t, resync, &v, er);
        if (e != E_OK)
                return e;
        struct chal *c = chal_new(NULL); /* the table is others' too */
        if (c == NULL)
                return err_set(er, E_NOMEM, NULL, "challenge");
        c->impi = talloc_strdup(c, t->impi);
        c->realm = talloc_strdup(c, s->env->site->ims_domain);
        c->failures = tries->failures;
        c->network_refusals = tries->network_refusals;
        c->resyncs = tries->resyncs;
        e = v.scheme == CX_AKA ? remember_aka(c, &v, er) : remember_digest(t, c, &v, er);
        struct sip_msg *rs = e == E_OK ? challenge_message(t, c, &v, stale) : NULL;
        if (e == E_OK && rs == NULL)
                e = err_set(er, E_NOMEM, NULL, "challenge");
        cx_maa_wipe(&(struct cx_maa){ .items = { v }, .items_n = 1 });
        pthread_mutex_lock(&s->lock);
        if (e == E_OK && chal_put(s->challenges, c, clock_ms(s->env->clock)) != E_OK)
                e = err_set(er, E_CRYPTO, "R-SA-9", "a nonce came up twice");
        if (e != E_OK)
                talloc_free(c);
        pthread_mutex_unlock(&s->lock);
        if (e != E_OK)
                return e;
        *ret = rs;
        return err_set(er, E_AUTH_NEEDED, "R-SA-3", "challenged");
}

/* RAND || AUTS for the MAR, or an empty string when AUTS has no proper form. */
static struct bytes resync_octets(void *mem, const uint8_t rand[16], const char *auts_text)
{
        struct bytes auts;
        if (b64_decode(mem, bytes_str(auts_text), &auts) != E_OK || auts.n != 14)
                return (struct bytes){ 0 };
        uint8_t *p = talloc_size(mem, 30);
        if (p == NULL)
                return (struct bytes){ 0 };
        memcpy(p, rand, 16);
        memcpy(p + 16, auts.p, 14);
        return bytes_of(p, 30);
}

static struct chal_answer answer_of(const struct scscf_turn *t)
{
        const struct sip_auth *a = &t->auth;
        return (struct chal_answer){ .username = a->username,
                                     .realm = a->realm,
                                     .nonce = a->nonce,
                                     .uri = a->uri,
                                     .response = a->response,
                                     .qop = a->qop,
                                     .nc = a->nc,
                                     .cnonce = a->cnonce,
                                     .auts = a->auts,
                                     .algorithm = a->algorithm,
                                     .method = sip_method(t->rq),
                                     .body = sip_body(t->rq) };
}

/* What is to be done about an answer, decided under the lock and done outside of it. */
struct ruling {
        enum chal_verdict verdict;
        enum chal_scheme scheme;
        struct tries tries;
        uint8_t rand[16];
};

static struct ruling judge(struct scscf_turn *t)
{
        struct scscf *s = t->s;
        struct ruling r = { .verdict = CHAL_NONE };
        struct chal_answer a = answer_of(t);
        struct chal *c = NULL;
        pthread_mutex_lock(&s->lock);
        r.verdict = chal_check(s->challenges, &a, clock_ms(s->env->clock), &c, &t->rspauth);
        if (c != NULL) {
                r.scheme = t->scheme = c->scheme;
                r.tries = (struct tries){ c->failures, c->network_refusals, c->resyncs };
                memcpy(r.rand, c->rand, sizeof r.rand);
                /* A Digest nonce that was answered well serves again with a higher nc; every other is used up. */
                if (!(c->scheme == CHAL_DIGEST && (r.verdict == CHAL_GOOD || r.verdict == CHAL_REPLAYED)))
                        chal_drop(s->challenges, c);
        }
        pthread_mutex_unlock(&s->lock);
        return r;
}

static enum ecode after_wrong(struct scscf_turn *t, struct ruling *r, struct sip_msg **ret, struct err *er)
{
        r->tries.failures++;
        if (r->scheme == CHAL_AKA || (int64_t)r->tries.failures >= t->s->conf->auth_failures_max)
                return err_set(er, E_AUTH_FAILED, r->scheme == CHAL_AKA ? "R-SA-4" : "R-SA-10",
                               "the response does not fit the challenge (%u time%s)", r->tries.failures,
                               r->tries.failures == 1 ? "" : "s");
        return challenge(t, (struct bytes){ 0 }, &r->tries, false, ret, er);
}

static enum ecode after_resync(struct scscf_turn *t, struct ruling *r, struct sip_msg **ret, struct err *er)
{
        struct bytes resync = resync_octets(t->mem, r->rand, t->auth.auts);
        if (resync.n == 0 || ++r->tries.resyncs > 2)
                return err_set(er, E_AUTH_FAILED, "R-SA-6",
                               resync.n == 0 ? "auts is not base64 of 14 octets"
                                             : "the UE asks for resynchronisation again and again");
        return challenge(t, resync, &r->tries, false, ret, er);
}

enum ecode scscf_authenticate(struct scscf_turn *t, struct sip_msg **ret, struct err *er)
{
        struct ruling r = t->has_auth ? judge(t) : (struct ruling){ .verdict = CHAL_NONE };
        const struct bytes none = { 0 };
        switch (r.verdict) {
        case CHAL_GOOD: return E_OK;
        case CHAL_WRONG: return after_wrong(t, &r, ret, er);
        case CHAL_RESYNC: return after_resync(t, &r, ret, er);
        case CHAL_NETWORK_REFUSED:
                if (++r.tries.network_refusals > 1)
                        return err_set(er, E_AUTH_FAILED, "R-SA-7", "the UE refused the network's AUTN twice");
                return challenge(t, none, &r.tries, false, ret, er);
        case CHAL_REPLAYED: return challenge(t, none, &r.tries, true, ret, er);
        case CHAL_NONE: break;
        }
        /* R-SA-9: an unknown or spent nonce is stale, whatever was computed from it */
        bool had_nonce = t->has_auth && t->auth.nonce != NULL && *t->auth.nonce != 0;
        return challenge(t, none, &r.tries, had_nonce, ret, er);
}
