/* Step 4: PUBLISH of service settings with the access token, the client id and the CSK (TS 24.379 clause 7.2, TS 33.180
 * clause 5.4). */
#include "client/ue.h"

#include "proto/mcx/mcx_settings.h"
#include "proto/mime/mime.h"
#include "proto/sip/sip.h"

#include <talloc.h>

#define FOREVER INT64_C(4294967295) /* TS 24.379 clause 7.2.1A */

/* Makes the CSK and its I_MESSAGE to the server's identity. No keys fetched: no CSK, which the server may allow. */
static enum ecode csk_part(struct ue *u, void *mem, enum mcx_service s, struct mime_out *part, size_t *n,
                           struct err *er)
{
        struct mikey_key csk = { 0 };
        struct bytes message;
        if (u->keys[s] == NULL)
                return E_OK;
        enum ecode e = mikey_key_new(u->env->rng, MIKEY_CSK, &csk);
        struct mikey_params params = { 0 };
        struct mikey_offer offer = { .from = u->keys[s],
                                     .peer_uri = u->profile->psi[s],
                                     .peer_domain = u->domain,
                                     .key = &csk,
                                     .time_s = clock_now(u->env->clock),
                                     .params = &params,
                                     .cs = s == MCX_PTT     ? MIKEY_CS_PTT
                                           : s == MCX_VIDEO ? MIKEY_CS_VIDEO
                                                            : MIKEY_CS_NONE };
        if (e == E_OK)
                e = mikey_offer_print(mem, &offer, u->env->rng, &message, er);
        else
                err_set(er, e, NULL, "no random octets for a CSK");
        if (e == E_OK) {
                u->auth[s].csk_id = csk.id;
                u->auth[s].csk = csk;
        }
        mikey_key_wipe(&csk);
        if (e == E_OK)
                part[(*n)++] =
                        (struct mime_out){ .content_type = "application/mikey", .encoding = "binary", .body = message };
        return e;
}

static enum ecode settings_part(struct ue *u, void *mem, struct mime_out *part, size_t *n, struct err *er)
{
        struct mcx_settings_entity entity = { .id = u->profile->mc_client_id,
                                              .answer_mode = MCX_ANSWER_AUTOMATIC,
                                              .has_profile_index = true,
                                              .profile_index = 1 };
        struct mcx_settings settings = { &entity, 1 };
        struct bytes xml;
        enum ecode e = mcx_settings_print(mem, &settings, &xml, er);
        if (e == E_OK)
                part[(*n)++] = (struct mime_out){ .content_type = MCX_SETTINGS_MEDIA_TYPE, .body = xml };
        return e;
}

enum ecode ue_authorise_body(struct ue *u, void *mem, enum mcx_service s, bool with_settings, char **ret_type,
                             struct bytes *ret, struct err *er)
{
        struct mime_out part[3] = { 0 };
        size_t n = 0;
        const char *token = NULL;
        struct bytes xml;
        enum ecode e = ue_token_at(u, MC_RES_SERVICE, &token, er);
        struct mcx_info info = { .service = s,
                                 .access_token = mcx_value_of(token),
                                 .client_id = mcx_value_of(u->profile->mc_client_id) };
        if (e == E_OK)
                e = mcx_info_print(mem, &info, NULL, &xml, er);
        if (e == E_OK)
                part[n++] = (struct mime_out){ .content_type = mcx_info_media_type(s), .body = xml };
        if (e == E_OK)
                e = csk_part(u, mem, s, part, &n, er);
        if (e == E_OK && with_settings)
                e = settings_part(u, mem, part, &n, er);
        char *boundary = rng_hex(u->env->rng, mem, 12);
        if (e == E_OK && boundary == NULL)
                e = err_set(er, E_CRYPTO, NULL, "no random octets");
        return e == E_OK ? mime_print(mem, part, n, boundary, ret_type, ret, er) : e;
}

/* A request to the MC server through the SIP core. */
static struct sip_msg *request(struct ue *u, void *mem, enum mcx_service s, const char *method)
{
        char *tag = rng_hex(u->env->rng, mem, 6), *id = rng_hex(u->env->rng, mem, 12);
        const char *impu = u->reg.default_impu != NULL ? u->reg.default_impu : u->profile->impu;
        struct sip_msg *rq =
                sip_request_new(mem, &(struct sip_request_in){ .method = method,
                                                               .uri = u->profile->psi[s],
                                                               .cseq = 1,
                                                               .from = talloc_asprintf(mem, "<%s>;tag=%s", impu, tag),
                                                               .to = talloc_asprintf(mem, "<%s>", u->profile->psi[s]),
                                                               .call_id = talloc_asprintf(mem, "%s-%s", method, id) });
        if (rq == NULL)
                return NULL;
        for (size_t i = 0; i < u->reg.service_route_n; i++)
                sip_hdr_add(rq, "Route", "%s", u->reg.service_route[i]);
        sip_hdr_add(rq, "P-Preferred-Identity", "<%s>", impu);
        sip_hdr_add(rq, "P-Preferred-Service", "%s", mcx_icsi(s));
        sip_hdr_add(rq, "Accept-Contact", "*;+g.3gpp.%s;require;explicit",
                    s == MCX_DATA ? "mcdata.sds" : mcx_service_name(s));
        if (u->reg.contact != NULL)
                sip_hdr_add(rq, "Contact", "<%s>", u->reg.contact);
        return rq;
}

static enum ecode refused(struct sip_msg *rs, struct err *er)
{
        const char *text = NULL;
        int warning = sip_warning_code(rs, &text), status = sip_status(rs);
        return err_set(er, status >= 500 || status == 408 ? E_PEER_DOWN : E_FORBIDDEN, NULL, "%s: %d %s%s%s",
                       sip_method(rs), status, sip_reason(rs), warning > 0 ? ", " : "",
                       warning > 0 && text != NULL ? text : "");
}

static void keep_answer(struct ue *u, enum mcx_service s, struct sip_msg *rs)
{
        struct ue_authorisation *a = &u->auth[s];
        const char *etag = sip_hdr(rs, "SIP-ETag");
        int64_t life = sip_expires(rs);
        struct mcx_info *info = NULL;
        talloc_free(a->etag);
        a->etag = etag != NULL ? talloc_strdup(u, etag) : NULL;
        a->expires_at = clock_now(u->env->clock) + (life > 0 ? life : 0);
        a->multiple_devices = sip_body(rs).n > 0 && mcx_info_parse(rs, sip_body(rs), &info, NULL) == E_OK &&
                              mcx_value_true(&info->multiple_devices_ind);
}

enum ecode ue_authorize(struct ue *u, enum mcx_service s, struct err *er)
{
        void *mem = talloc_new(u);
        char *type = NULL;
        struct bytes body;
        struct sip_msg *rs = NULL, *rq = request(u, mem, s, "PUBLISH");
        enum ecode e = rq != NULL ? ue_authorise_body(u, mem, s, true, &type, &body, er)
                                  : err_set(er, E_NOMEM, NULL, "PUBLISH");
        char *call = rq != NULL ? talloc_strdup(mem, sip_call_id(rq)) : NULL;
        if (e == E_OK) {
                sip_hdr_add(rq, "Event", "poc-settings");
                sip_hdr_add(rq, "Expires", "%lld", (long long)FOREVER);
                sip_set_body(rq, type, body);
                e = ue_sip_call(u, mem, rq, &rs, er);
        }
        if (e == E_OK && sip_status(rs) != 200)
                e = refused(rs, er);
        if (e == E_OK) {
                keep_answer(u, s, rs);
                ue_arrow(u, "4", "pcscf", talloc_asprintf(mem, "SIP/%s", sip_proto_name(u->proto)),
                         talloc_asprintf(mem, "200, %s service authorised%s", mcx_service_name(s),
                                         u->keys[s] != NULL ? ", CSK in force" : ""),
                         call);
        }
        talloc_free(mem);
        return e;
}

enum ecode ue_log_off(struct ue *u, enum mcx_service s, struct err *er)
{
        void *mem = talloc_new(u);
        struct sip_msg *rs = NULL, *rq = request(u, mem, s, "PUBLISH");
        char *call = rq != NULL ? talloc_strdup(mem, sip_call_id(rq)) : NULL;
        if (rq != NULL) {
                sip_hdr_add(rq, "Event", "poc-settings");
                sip_hdr_add(rq, "Expires", "0");
                if (u->auth[s].etag != NULL)
                        sip_hdr_add(rq, "SIP-If-Match", "%s", u->auth[s].etag);
        }
        enum ecode e = rq != NULL ? ue_sip_call(u, mem, rq, &rs, er) : err_set(er, E_NOMEM, NULL, "PUBLISH");
        if (e == E_OK && sip_status(rs) != 200)
                e = refused(rs, er);
        if (e == E_OK) {
                TALLOC_FREE(u->auth[s].etag);
                mikey_key_wipe(&u->auth[s].csk);
                u->auth[s].csk_id = 0;
                u->auth[s].expires_at = 0;
                ue_arrow(u, "off", "pcscf", talloc_asprintf(mem, "SIP/%s", sip_proto_name(u->proto)),
                         talloc_asprintf(mem, "200, %s logged off", mcx_service_name(s)), call);
        }
        talloc_free(mem);
        return e;
}

enum ecode ue_try(struct ue *u, enum mcx_service s, const char *method, int *ret_status, int *ret_warning,
                  struct err *er)
{
        void *mem = talloc_new(u);
        struct sip_msg *rs = NULL, *rq = request(u, mem, s, method);
        enum ecode e = rq != NULL ? ue_sip_call(u, mem, rq, &rs, er) : err_set(er, E_NOMEM, NULL, "%s", method);
        if (e == E_OK) {
                *ret_status = sip_status(rs);
                *ret_warning = sip_warning_code(rs, NULL);
        }
        talloc_free(mem);
        return e;
}
