#include "lib/lib.h"

#include "adapter/net/sip_net.h"
#include "base/secret.h"
#include "client/ue.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <talloc.h>

/* One transaction at a time, and a few that end. */
enum { TRANSACTIONS = 32, CONNECTIONS = 4, QUEUE = 256 };

_Static_assert((int)MUSTER_MCPTT == MCX_PTT + 1 && (int)MUSTER_MCVIDEO == MCX_VIDEO + 1 &&
                       (int)MUSTER_MCDATA == MCX_DATA + 1,
               "services are numbered alike");

struct muster_ue {
        struct ue *ue;
        struct loop *loop;
        struct workers *workers;
        SSL_CTX *tls;
        struct sip_net *sip;
        struct muster_keys keys[MCX_SERVICES];
};

/* --- opening --- */

static int ue_end(struct muster_ue *u)
{
        sip_net_close(u->sip);
        TALLOC_FREE(u->ue);
        workers_stop(u->workers);
        loop_stop(u->loop);
        SSL_CTX_free(u->tls);
        return 0;
}

static enum ecode protocol_of(const char *word, enum sip_proto *ret, struct err *er)
{
        static const struct {
                const char *word;
                enum sip_proto proto;
        } row[] = { { "tls", SIP_TLS }, { "tcp", SIP_TCP }, { "udp", SIP_UDP } };
        for (size_t i = 0; i < COUNT(row); i++) {
                if (strcmp(word != NULL ? word : "tls", row[i].word) == 0) {
                        *ret = row[i].proto;
                        return E_OK;
                }
        }
        return err_set(er, E_RANGE, NULL, "transport is tls, tcp or udp, not %.20s", word);
}

static json_t *load(const char *what, const char *text, struct err *er)
{
        json_error_t why;
        json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);
        if (o == NULL)
                err_set(er, E_SYNTAX, NULL, "%s: line %d: %s", what, why.line, why.text);
        return o;
}

static enum ecode open_client(struct muster_ue *u, const struct muster_ue_conf *conf, struct err *er)
{
        json_t *profile = load("the UE profile", conf->profile_json, er), *state = NULL;
        enum ecode e = profile != NULL ? E_OK : E_SYNTAX;
        if (e == E_OK && conf->state_json != NULL && (state = load("the UE state", conf->state_json, er)) == NULL)
                e = E_SYNTAX;
        if (e == E_OK)
                e = ue_new(u, &lib_env, profile, state, &u->ue, er);
        if (e == E_OK)
                e = lib_http_open(u, &(struct http_client_conf){ .rng = lib_env.rng, .ca_file = conf->ca_file },
                                  &u->ue->http, er);
        if (e == E_OK)
                e = protocol_of(conf->transport, &u->ue->proto, er);
        json_decref(profile);
        json_decref(state);
        return e;
}

static enum ecode open_sip(struct muster_ue *u, const struct muster_ue_conf *conf, struct err *er)
{
        struct in_addr mine;
        enum ecode e = inet_pton(AF_INET, conf->local_ip, &mine) == 1
                               ? loop_start("muster-ue", &u->loop, er)
                               : err_set(er, E_SYNTAX, NULL, "local_ip %.40s is no IPv4 address", conf->local_ip);
        if (e == E_OK)
                e = workers_start("muster-ue", 1, QUEUE, &u->workers, er);
        if (e == E_OK)
                e = tls_client_ctx(&(struct tls_client_conf){ .ca_file = conf->ca_file }, &u->tls, er);
        struct sip_net_conf c = { .clock = lib_env.clock,
                                  .rng = lib_env.rng,
                                  .workers = u->workers,
                                  .loop = u->loop,
                                  .tls_client = u->tls,
                                  .max_transactions = TRANSACTIONS,
                                  .max_connections = CONNECTIONS };
        if (e == E_OK)
                e = sip_net_open(&c, &u->sip, er);
        char *address =
                talloc_asprintf(u, "%s:%u", conf->local_ip, u->ue->proto == SIP_UDP ? (unsigned)conf->udp_port : 0u);
        struct sip_listen l = { .name = "gm", .address = address, .protos = 1u << SIP_UDP | 1u << SIP_TCP };
        if (e == E_OK && address == NULL)
                e = err_set(er, E_NOMEM, NULL, "UE");
        if (e == E_OK)
                e = sip_net_listen(u->sip, &l, er);
        if (e == E_OK)
                u->ue->sip = sip_net_port(u->sip);
        return e;
}

enum muster_result muster_ue_open(const struct muster_ue_conf *conf, struct muster_ue **ret, struct muster_error *err)
{
        struct err er = { 0 };
        if (conf->profile_json == NULL || conf->ca_file == NULL || conf->local_ip == NULL)
                return lib_result(lib_missing("profile_json, ca_file or local_ip", &er), &er, err);
        struct muster_ue *u = talloc_zero(NULL, struct muster_ue);
        if (u == NULL)
                return lib_result(E_NOMEM, &er, err);
        talloc_set_destructor(u, ue_end);
        enum ecode e = open_client(u, conf, &er);
        if (e == E_OK)
                e = open_sip(u, conf, &er);
        if (e == E_OK)
                *ret = u;
        else
                talloc_free(u);
        return lib_result(e, &er, err);
}

void muster_ue_free(struct muster_ue *ue)
{
        talloc_free(ue);
}

/* --- steps --- */

/* Every step that needs the network begins here. */
static enum ecode configured(struct muster_ue *u, struct err *er)
{
        return u->ue->init != NULL ? E_OK : ue_configure(u->ue, er);
}

static enum ecode one_service(enum muster_service s, enum mcx_service *ret, struct err *er)
{
        if (s < MUSTER_MCPTT || s > MUSTER_MCDATA)
                return err_set(er, E_RANGE, NULL, "one service has to be named");
        *ret = (enum mcx_service)(s - 1);
        return E_OK;
}

static enum ecode give_text(const char *text, char **ret, struct err *er)
{
        char *out = lib_text(text);
        if (out == NULL)
                return err_set(er, E_NOMEM, NULL, "text");
        *ret = out;
        return E_OK;
}

enum muster_result muster_ue_login(struct muster_ue *ue, const char *password, struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e = password != NULL ? configured(ue, &er) : lib_missing("the password", &er);
        if (e == E_OK)
                e = ue_login_password(ue->ue, password, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_login_begin(struct muster_ue *ue, const char *redirect_uri, char **ret_url,
                                         struct muster_error *err)
{
        struct err er = { 0 };
        char *url = NULL;
        enum ecode e = redirect_uri != NULL ? configured(ue, &er) : lib_missing("redirect_uri", &er);
        if (e == E_OK)
                e = ue_login_begin(ue->ue, redirect_uri, &url, &er);
        if (e == E_OK)
                e = give_text(url, ret_url, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_login_finish(struct muster_ue *ue, const char *query, struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e = query != NULL ? configured(ue, &er) : lib_missing("the query of the redirect", &er);
        if (e == E_OK)
                e = ue_login_finish(ue->ue, query, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_refresh(struct muster_ue *ue, struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e = configured(ue, &er);
        if (e == E_OK)
                e = ue_refresh(ue->ue, &er);
        return lib_result(e, &er, err);
}

/* The whole grant's token, refreshed when its life is over. */
static enum ecode whole_token(struct ue *u, struct err *er)
{
        if (u->tokens.access == NULL)
                return err_set(er, E_TOKEN_MISSING, NULL, "there is no access token: log in first");
        return clock_now(u->env->clock) + 5 < u->tokens.expires_at ? E_OK : ue_refresh(u, er);
}

enum muster_result muster_ue_access_token(struct muster_ue *ue, const char *scope, char **ret, struct muster_error *err)
{
        struct err er = { 0 };
        char *narrow = NULL;
        int64_t expires_at = 0;
        enum ecode e = configured(ue, &er);
        if (e == E_OK)
                e = scope == NULL ? whole_token(ue->ue, &er) : ue_token_for(ue->ue, scope, &narrow, &expires_at, &er);
        if (e == E_OK)
                e = give_text(scope == NULL ? ue->ue->tokens.access : narrow, ret, &er);
        if (narrow != NULL)
                secret_wipe(narrow, strlen(narrow));
        talloc_free(narrow);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_fetch_keys(struct muster_ue *ue, struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e = configured(ue, &er);
        if (e == E_OK)
                e = ue_fetch_keys(ue->ue, &er);
        for (int s = 0; s < MCX_SERVICES; s++) {
                const struct mikey_user *user = e == E_OK ? ue->ue->keys[s] : NULL;
                ue->keys[s] = (struct muster_keys){ .home.d = user != NULL ? user->home : NULL, .user = user };
        }
        return lib_result(e, &er, err);
}

const struct muster_keys *muster_ue_keys(struct muster_ue *ue, enum muster_service service)
{
        enum mcx_service s;
        return one_service(service, &s, NULL) == E_OK && ue->keys[s].user != NULL ? &ue->keys[s] : NULL;
}

enum muster_result muster_ue_register(struct muster_ue *ue, int64_t expires_s, bool token_inside,
                                      struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e =
                expires_s > 0 ? configured(ue, &er) : err_set(&er, E_RANGE, NULL, "a registration lasts 1 s or longer");
        if (e == E_OK)
                e = ue_register(ue->ue, expires_s, token_inside, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_deregister(struct muster_ue *ue, struct muster_error *err)
{
        struct err er = { 0 };
        enum ecode e = configured(ue, &er);
        if (e == E_OK)
                e = ue_deregister(ue->ue, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_authorize(struct muster_ue *ue, enum muster_service service, struct muster_error *err)
{
        struct err er = { 0 };
        enum mcx_service s;
        enum ecode e = one_service(service, &s, &er);
        if (e == E_OK)
                e = configured(ue, &er);
        if (e == E_OK)
                e = ue_authorize(ue->ue, s, &er);
        return lib_result(e, &er, err);
}

enum muster_result muster_ue_log_off(struct muster_ue *ue, enum muster_service service, struct muster_error *err)
{
        struct err er = { 0 };
        enum mcx_service s;
        enum ecode e = one_service(service, &s, &er);
        if (e == E_OK)
                e = configured(ue, &er);
        if (e == E_OK)
                e = ue_log_off(ue->ue, s, &er);
        return lib_result(e, &er, err);
}

/* --- what is known --- */

enum muster_result muster_ue_csk(struct muster_ue *ue, enum muster_service service, struct muster_key *ret,
                                 struct muster_error *err)
{
        struct err er = { 0 };
        enum mcx_service s;
        enum ecode e = one_service(service, &s, &er);
        if (e == E_OK && ue->ue->auth[s].csk_id == 0)
                e = err_set(&er, E_NOT_FOUND, NULL, "no CSK is in force: fetch keys, then authorise");
        if (e == E_OK) {
                memcpy(ret->octets, ue->ue->auth[s].csk.key.b, sizeof ret->octets);
                ret->id = ue->ue->auth[s].csk.id;
        }
        return lib_result(e, &er, err);
}

void muster_ue_look(const struct muster_ue *ue, struct muster_ue_view *ret)
{
        const struct ue *u = ue->ue;
        *ret = (struct muster_ue_view){ .sub = u->tokens.sub,
                                        .mcptt_id = u->tokens.service_id[MCX_PTT],
                                        .mcvideo_id = u->tokens.service_id[MCX_VIDEO],
                                        .mcdata_id = u->tokens.service_id[MCX_DATA],
                                        .scope = u->tokens.scope,
                                        .token_expires_at = u->tokens.expires_at,
                                        .kms_url = u->init != NULL ? u->init->kms : NULL,
                                        .impu = u->reg.default_impu,
                                        .registered_until = u->reg.expires_at,
                                        .mcptt_until = u->auth[MCX_PTT].expires_at,
                                        .mcvideo_until = u->auth[MCX_VIDEO].expires_at,
                                        .mcdata_until = u->auth[MCX_DATA].expires_at };
}

enum muster_result muster_ue_state(const struct muster_ue *ue, char **ret, struct muster_error *err)
{
        struct err er = { 0 };
        json_t *o = ue_state_json(ue->ue);
        char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
        enum ecode e = text != NULL ? give_text(text, ret, &er) : err_set(&er, E_NOMEM, NULL, "UE state");
        if (text != NULL)
                secret_wipe(text, strlen(text));
        free(text);
        json_decref(o);
        return lib_result(e, &er, err);
}
