/* Step 1: SIP registration (TS 24.229 clause 5.1.1) with IMS AKA (TS 33.203 clause 6.1) or SIP Digest (annex N). */
#include "client/ue.h"

#include "base/codec.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "proto/sip/sip.h"

#include <talloc.h>

#define GM        "gm"
#define ANSWER_MS 34000u
#define FEATURES                                                                                                       \
        "+g.3gpp.icsi-ref=\"urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mcptt,urn%%3Aurn-7%%3A3gpp-service.ims.icsi."        \
        "mcvideo,urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mcdata.sds\";+g.3gpp.mcptt;+g.3gpp.mcvideo;+g.3gpp.mcdata.sds"

/* The P-CSCF of the configuration document that speaks our transport. */
static enum ecode pcscf_of(struct ue *u, struct sip_target *ret, struct err *er)
{
        void *mem = talloc_new(NULL);
        enum ecode e =
                err_set(er, E_NOT_FOUND, NULL, "no P-CSCF in the configuration speaks %s", sip_proto_name(u->proto));
        for (size_t i = 0; i < u->init->pcscf_n && e != E_OK; i++) {
                struct sip_uri uri;
                const char *t = sip_uri_parse(mem, u->init->pcscf[i], &uri, NULL) == E_OK
                                        ? sip_param(&uri.params, "transport")
                                        : NULL;
                if (t == NULL || strcmp(t, sip_proto_param(u->proto)) != 0)
                        continue;
                *ret = (struct sip_target){ .proto = u->proto, .port = uri.port, .listener = GM };
                snprintf(ret->ip, sizeof ret->ip, "%s", uri.host);
                e = E_OK;
        }
        talloc_free(mem);
        return e;
}

enum ecode ue_sip_call(struct ue *u, void *mem, struct sip_msg *rq, struct sip_msg **ret, struct err *er)
{
        struct sip_target to;
        enum ecode e = pcscf_of(u, &to, er);
        if (e != E_OK) {
                talloc_free(rq);
                return e;
        }
        return u->sip->call(u->sip, mem, rq, &to, ANSWER_MS, ret, er);
}

static enum ecode begin(struct ue *u, struct err *er)
{
        struct sip_target me;
        /* a UE opens its TLS connection and listens on none: what comes back comes on that connection */
        if (u->sip->local(u->sip, GM, u->proto, &me) != E_OK && u->sip->local(u->sip, GM, SIP_TCP, &me) != E_OK)
                return err_set(er, E_INTERNAL, NULL, "no local address for %s", sip_proto_name(u->proto));
        if (u->reg.call_id == NULL) {
                char *id = rng_hex(u->env->rng, u, 12);
                u->reg.call_id = id != NULL ? talloc_asprintf(u, "reg-%s", id) : NULL;
        }
        talloc_free(u->reg.contact);
        u->reg.contact =
                talloc_asprintf(u, "sip:%s@%s:%u;transport=%s", "ue", me.ip, me.port, sip_proto_param(u->proto));
        return u->reg.call_id != NULL && u->reg.contact != NULL ? E_OK
                                                                : err_set(er, E_CRYPTO, NULL, "no random octets");
}

static struct sip_msg *register_message(struct ue *u, void *mem, int64_t expires)
{
        char *tag = rng_hex(u->env->rng, mem, 6), *home = talloc_asprintf(mem, "sip:%s", u->profile->ims_domain);
        struct sip_msg *rq = sip_request_new(
                mem, &(struct sip_request_in){ .method = "REGISTER",
                                               .uri = home,
                                               .call_id = u->reg.call_id,
                                               .from = talloc_asprintf(mem, "<%s>;tag=%s", u->profile->impu, tag),
                                               .to = talloc_asprintf(mem, "<%s>", u->profile->impu),
                                               .cseq = ++u->reg.cseq });
        if (rq == NULL)
                return NULL;
        sip_hdr_add(rq, "Contact", "<%s>;+sip.instance=\"<%s>\";" FEATURES ";expires=%lld", u->reg.contact,
                    u->profile->mc_client_id, (long long)expires);
        sip_hdr_add(rq, "Supported", "path");
        sip_hdr_add(rq, "P-Access-Network-Info", "IEEE-802.11");
        return rq;
}

/* What answers a challenge: the password as octets, and AUTS when the network's SQN is not fresh. */
struct answer {
        uint8_t password[32];
        size_t n;
        char *auts;
        bool network_refused;
};

static void answer_wipe(struct answer *a)
{
        secret_wipe(a->password, sizeof a->password);
}

/* TS 33.102 annex C.2: fresh when it is above the highest seen; IND is the low 5 bits and not compared. */
static enum ecode answer_aka(struct ue *u, void *mem, const struct sip_auth *c, struct answer *a, struct err *er)
{
        struct bytes nonce;
        struct aka_rand rand;
        struct milenage_f2345 f;
        uint64_t sqn = 0;
        uint8_t amf[2];
        if (b64_decode(mem, bytes_str(c->nonce), &nonce) != E_OK || nonce.n < 32)
                return err_set(er, E_SYNTAX, "R-SA-3", "the nonce is not RAND and AUTN in base64");
        memcpy(rand.b, nonce.p, sizeof rand.b);
        enum ecode e =
                aka_autn_open(&u->profile->k, &u->profile->opc, &rand, bytes_of(nonce.p + 16, 16), &f, &sqn, amf);
        if (e == E_AUTH_FAILED) { /* not our network: TS 24.229 clause 5.1.1.5.3 */
                a->network_refused = true;
                return E_OK;
        }
        if (e != E_OK)
                return err_set(er, e, "R-SA-3", "AUTN cannot be read");
        if (sqn <= u->sqn) {
                uint8_t auts[AKA_AUTS_LEN];
                e = aka_auts_make(&u->profile->k, &u->profile->opc, &rand, u->sqn, auts);
                a->auts = e == E_OK ? b64_encode(mem, BYTES_ARR(auts)) : NULL;
        } else {
                u->sqn = sqn;
                memcpy(a->password, f.res, sizeof f.res);
                a->n = sizeof f.res;
        }
        milenage_f2345_wipe(&f);
        return e;
}

static enum ecode answer_of(struct ue *u, void *mem, const struct sip_auth *c, struct answer *a, struct err *er)
{
        const char *alg = c->algorithm != NULL ? c->algorithm : "MD5";
        if (strcmp(u->profile->auth, "aka") == 0)
                return strcmp(alg, "AKAv1-MD5") == 0
                               ? answer_aka(u, mem, c, a, er)
                               : err_set(er, E_UNSUPPORTED, NULL, "the network offers %s, not AKAv1-MD5", alg);
        if (strcmp(alg, "MD5") != 0)
                return err_set(er, E_UNSUPPORTED, NULL, "the network offers %s, not MD5", alg);
        return E_OK;
}

static enum ecode authorization(struct ue *u, void *mem, const struct sip_auth *c, const struct answer *a, char **ret,
                                struct err *er)
{
        struct digest_hex ha1, response;
        char *cnonce = rng_hex(u->env->rng, mem, 8), *uri = talloc_asprintf(mem, "sip:%s", u->profile->ims_domain);
        struct bytes pw = strcmp(u->profile->auth, "aka") == 0 ? bytes_of(a->password, a->n)
                                                               : bytes_str(u->profile->sip_password);
        struct digest_req rq = { .alg = DIGEST_MD5,
                                 .qop = DIGEST_QOP_AUTH,
                                 .method = BYTES_LIT("REGISTER"),
                                 .uri = bytes_str(uri),
                                 .nonce = bytes_str(c->nonce),
                                 .nc = BYTES_LIT("00000001"),
                                 .cnonce = bytes_str(cnonce) };
        enum ecode e = cnonce != NULL
                               ? digest_ha1(DIGEST_MD5, bytes_str(u->profile->impi), bytes_str(c->realm), pw, &ha1)
                               : E_CRYPTO;
        if (e == E_OK)
                e = digest_response(&rq, &ha1, &response);
        digest_hex_wipe(&ha1);
        if (e != E_OK)
                return err_set(er, e, NULL, "digest");
        struct sip_auth out = { .scheme = "Digest",
                                .username = u->profile->impi,
                                .realm = c->realm,
                                .nonce = c->nonce,
                                .uri = uri,
                                .response = a->network_refused ? "" : response.s,
                                .algorithm = c->algorithm,
                                .opaque = c->opaque,
                                .auts = a->auts };
        if (!a->network_refused) {
                out.qop = "auth";
                out.nc = "00000001";
                out.cnonce = cnonce;
        }
        *ret = sip_auth_print(mem, &out);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "Authorization");
}

static enum ecode first_authorization(struct ue *u, void *mem, char **ret)
{
        *ret = talloc_asprintf(mem, "Digest username=\"%s\",realm=\"%s\",uri=\"sip:%s\",nonce=\"\",response=\"\"",
                               u->profile->impi, u->profile->ims_domain, u->profile->ims_domain);
        return *ret != NULL ? E_OK : E_NOMEM;
}

static enum ecode next_authorization(struct ue *u, void *mem, struct sip_msg *rs, char **ret, struct err *er)
{
        struct sip_auth c;
        __attribute__((cleanup(answer_wipe))) struct answer a = { 0 };
        const char *h = sip_hdr(rs, "WWW-Authenticate");
        enum ecode e =
                h != NULL ? sip_auth_parse(mem, h, &c, er) : err_set(er, E_MISSING, NULL, "a 401 without a challenge");
        if (e == E_OK && (c.nonce == NULL || c.realm == NULL))
                e = err_set(er, E_MISSING, NULL, "a challenge without nonce or realm");
        if (e == E_OK)
                e = answer_of(u, mem, &c, &a, er);
        if (e == E_OK)
                ue_arrow(u, "1", "pcscf", talloc_asprintf(mem, "SIP/%s", sip_proto_name(u->proto)),
                         talloc_asprintf(mem, "401, %s challenge%s", c.algorithm ? c.algorithm : "MD5",
                                         a.auts              ? ": SQN is old, resynchronising"
                                         : a.network_refused ? ": not our network"
                                                             : ""),
                         u->reg.call_id);
        return e == E_OK ? authorization(u, mem, &c, &a, ret, er) : e;
}

static void learn(struct ue *u, void *mem, struct sip_msg *rs)
{
        struct sip_addr a;
        talloc_free(u->reg.service_route);
        talloc_free(u->reg.default_impu);
        u->reg.service_route_n = sip_hdr_count(rs, "Service-Route");
        u->reg.service_route = talloc_zero_array(u, char *, u->reg.service_route_n + 1);
        for (size_t i = 0; u->reg.service_route != NULL && i < u->reg.service_route_n; i++)
                u->reg.service_route[i] = talloc_strdup(u->reg.service_route, sip_hdr_at(rs, "Service-Route", i));
        u->reg.default_impu = sip_addr_of(mem, rs, "P-Associated-URI", 0, &a, NULL) == E_OK
                                      ? talloc_strdup(u, a.uri)
                                      : talloc_strdup(u, u->profile->impu);
        int64_t s = sip_expires(rs);
        u->reg.expires_at = clock_now(u->env->clock) + (s > 0 ? s : 0);
}

static enum ecode final_answer(struct ue *u, void *mem, struct sip_msg *rs, int64_t expires, struct err *er)
{
        int status = sip_status(rs);
        if (status != 200)
                return err_set(er, status >= 500 || status == 408 ? E_PEER_DOWN : E_AUTH_FAILED, NULL,
                               "REGISTER: %d %s", status, sip_reason(rs));
        learn(u, mem, rs);
        ue_arrow(u, expires == 0 ? "off" : "1", "pcscf", talloc_asprintf(mem, "SIP/%s", sip_proto_name(u->proto)),
                 expires == 0 ? "200, de-registered"
                              : talloc_asprintf(mem, "200, registered %s for %lld s", u->reg.default_impu,
                                                (long long)(u->reg.expires_at - clock_now(u->env->clock))),
                 u->reg.call_id);
        return E_OK;
}

static enum ecode attach_tokens(struct ue *u, void *mem, struct sip_msg *rq, struct err *er)
{
        char *type = NULL;
        struct bytes body;
        enum ecode e = ue_authorise_body(u, mem, MCX_PTT, false, &type, &body, er);
        if (e == E_OK)
                sip_set_body(rq, type, body);
        return e;
}

/* At most one challenge, one resynchronisation with its challenge, and one stale nonce. */
static enum ecode dialogue(struct ue *u, int64_t expires, bool token_inside, struct err *er)
{
        void *mem = talloc_new(u);
        char *auth = NULL;
        enum ecode e = begin(u, er);
        if (e == E_OK)
                e = first_authorization(u, mem, &auth);
        for (int round = 0; e == E_OK; round++) {
                struct sip_msg *rq = register_message(u, mem, expires), *rs = NULL;
                if (rq == NULL) {
                        e = err_set(er, E_NOMEM, NULL, "REGISTER");
                        break;
                }
                sip_hdr_add(rq, "Authorization", "%s", auth);
                if (token_inside)
                        e = attach_tokens(u, mem, rq, er);
                if (e == E_OK)
                        e = ue_sip_call(u, mem, rq, &rs, er);
                if (e != E_OK)
                        break;
                if (sip_status(rs) != 401 || round == 4) {
                        e = final_answer(u, mem, rs, expires, er);
                        break;
                }
                e = next_authorization(u, mem, rs, &auth, er);
        }
        talloc_free(mem);
        return e;
}

enum ecode ue_register(struct ue *u, int64_t expires_s, bool token_inside, struct err *er)
{
        for (int i = 0; token_inside && i < MCX_SERVICES; i++)
                TALLOC_FREE(u->auth[i].etag); /* REGISTER brings no entity tag, and makes older ones void */
        return dialogue(u, expires_s, token_inside, er);
}

enum ecode ue_deregister(struct ue *u, struct err *er)
{
        return dialogue(u, 0, false, er);
}
