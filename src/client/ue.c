#include "client/ue.h"

#include "base/codec.h"
#include "base/secret.h"

#include <talloc.h>

static char *text_of(void *mem, const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s != NULL && *s ? talloc_strdup(mem, s) : NULL;
}

static enum ecode need(char **to, void *mem, const json_t *o, const char *key, struct err *er)
{
        *to = text_of(mem, o, key);
        return *to != NULL ? E_OK : err_set(er, E_MISSING, NULL, "the UE profile has no %s", key);
}

static int profile_free(struct ue_profile *p)
{
        milenage_k_wipe(&p->k);
        milenage_opc_wipe(&p->opc);
        if (p->sip_password != NULL)
                secret_wipe(p->sip_password, strlen(p->sip_password));
        return 0;
}

static enum ecode read_subscriber_key(struct ue_profile *p, const json_t *o, struct err *er)
{
        const char *k = json_string_value(json_object_get(o, "k")), *opc = json_string_value(json_object_get(o, "opc"));
        const char *amf = json_string_value(json_object_get(o, "amf"));
        if (strcmp(p->auth, "digest") == 0)
                return need(&p->sip_password, p, o, "sip_password", er);
        if (k == NULL || opc == NULL || hex_decode_to(bytes_str(k), p->k.b, 16) != E_OK ||
            hex_decode_to(bytes_str(opc), p->opc.b, 16) != E_OK ||
            hex_decode_to(bytes_str(amf != NULL ? amf : "8000"), p->amf, 2) != E_OK)
                return err_set(er, E_SYNTAX, NULL, "the UE profile has no k and opc of 32 hex digits");
        return E_OK;
}

static enum ecode read_profile(struct ue *u, const json_t *o, struct err *er)
{
        struct ue_profile *p = u->profile = talloc_zero(u, struct ue_profile);
        if (p == NULL)
                return err_set(er, E_NOMEM, NULL, "UE profile");
        talloc_set_destructor(p, profile_free);
        const struct {
                char **to;
                const char *key;
        } texts[] = { { &p->user, "user" },
                      { &p->mc_id, "mc_id" },
                      { &p->impi, "impi" },
                      { &p->impu, "impu" },
                      { &p->ims_domain, "ims_domain" },
                      { &p->auth, "auth" },
                      { &p->mc_client_id, "mc_client_id" },
                      { &p->init_url, "init_url" },
                      { &p->oauth_client, "oauth_client" },
                      { &p->redirect_uri, "redirect_uri" },
                      { &p->psi[MCX_PTT], "psi_mcptt" },
                      { &p->psi[MCX_VIDEO], "psi_mcvideo" },
                      { &p->psi[MCX_DATA], "psi_mcdata" } };
        enum ecode e = E_OK;
        for (size_t i = 0; i < COUNT(texts) && e == E_OK; i++)
                e = need(texts[i].to, p, o, texts[i].key, er);
        return e == E_OK ? read_subscriber_key(p, o, er) : e;
}

static void read_tokens(struct ue *u, const json_t *o)
{
        static const char *const id[] = { "mcptt_id", "mcvideo_id", "mcdata_id" };
        struct ue_tokens *t = &u->tokens;
        t->access = text_of(u, o, "access");
        t->id = text_of(u, o, "id");
        t->refresh = text_of(u, o, "refresh");
        t->scope = text_of(u, o, "scope");
        t->sub = text_of(u, o, "sub");
        for (int s = 0; s < MCX_SERVICES; s++)
                t->service_id[s] = text_of(u, o, id[s]);
        t->expires_at = json_integer_value(json_object_get(o, "expires_at"));
}

static void read_registration(struct ue *u, const json_t *o)
{
        u->reg.call_id = text_of(u, o, "call_id");
        u->reg.cseq = (uint32_t)json_integer_value(json_object_get(o, "cseq"));
        const char *etags[] = { "etag_mcptt", "etag_mcvideo", "etag_mcdata" };
        for (int s = 0; s < MCX_SERVICES; s++)
                u->auth[s].etag = text_of(u, o, etags[s]);
}

static int ue_free(struct ue *u)
{
        char *const secrets[] = { u->tokens.access, u->tokens.id, u->tokens.refresh, u->code_verifier };
        for (size_t i = 0; i < COUNT(secrets); i++)
                if (secrets[i] != NULL)
                        secret_wipe(secrets[i], strlen(secrets[i]));
        for (int s = 0; s < MCX_SERVICES; s++)
                mikey_key_wipe(&u->auth[s].csk);
        for (size_t i = 0; i < COUNT(u->narrow); i++)
                if (u->narrow[i].access != NULL)
                        secret_wipe(u->narrow[i].access, strlen(u->narrow[i].access));
        return 0;
}

enum ecode ue_new(void *mem, const struct env *env, const json_t *profile, const json_t *state, struct ue **ret,
                  struct err *er)
{
        struct ue *u = talloc_zero(mem, struct ue);
        if (u == NULL)
                return err_set(er, E_NOMEM, NULL, "UE");
        u->env = env;
        u->mem = u;
        u->proto = SIP_TLS;
        talloc_set_destructor(u, ue_free);
        char *trace = rng_hex(env->rng, u, 16);
        enum ecode e = trace != NULL ? read_profile(u, profile, er) : err_set(er, E_CRYPTO, NULL, "no random octets");
        if (e != E_OK) {
                talloc_free(u);
                return e;
        }
        memcpy(u->trace, trace, sizeof u->trace);
        if (state != NULL) {
                read_tokens(u, json_object_get(state, "tokens"));
                read_registration(u, json_object_get(state, "registration"));
                const char *sqn = json_string_value(json_object_get(state, "sqn"));
                u->sqn = sqn != NULL ? strtoull(sqn, NULL, 16) : 0;
        }
        *ret = u;
        return E_OK;
}

json_t *ue_state_json(const struct ue *u)
{
        char sqn[17];
        snprintf(sqn, sizeof sqn, "%012llx", (unsigned long long)u->sqn);
        const struct ue_tokens *t = &u->tokens;
        return json_pack("{s:s,s:{s:s*,s:s*,s:s*,s:s*,s:s*,s:s*,s:s*,s:s*,s:I},s:{s:s*,s:I,s:s*,s:s*,s:s*}}", "sqn",
                         sqn, "tokens", "access", t->access, "id", t->id, "refresh", t->refresh, "scope", t->scope,
                         "sub", t->sub, "mcptt_id", t->service_id[MCX_PTT], "mcvideo_id", t->service_id[MCX_VIDEO],
                         "mcdata_id", t->service_id[MCX_DATA], "expires_at", (json_int_t)t->expires_at, "registration",
                         "call_id", u->reg.call_id, "cseq", (json_int_t)u->reg.cseq, "etag_mcptt",
                         u->auth[MCX_PTT].etag, "etag_mcvideo", u->auth[MCX_VIDEO].etag, "etag_mcdata",
                         u->auth[MCX_DATA].etag);
}

void ue_arrow(struct ue *u, const char *step, const char *from, const char *proto, const char *text, const char *call)
{
        ev_arrow(u->env->log, &(struct arrow){ .flow = UE_FLOW,
                                               .step = step,
                                               .from = from,
                                               .to = "ue",
                                               .proto = proto,
                                               .text = text,
                                               .trace = u->trace,
                                               .call = call });
}

enum ecode ue_fetch(struct ue *u, void *mem, const struct http_out *rq, struct http_in *rs, struct err *er)
{
        struct http_out out = *rq;
        out.trace = u->trace;
        return u->http->fetch(u->http, mem, &out, rs, er);
}
