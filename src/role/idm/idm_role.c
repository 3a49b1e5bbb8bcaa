/* What the host knows of the IdM server, and what it publishes about itself. */
#include "role/idm/idm_priv.h"

#include <talloc.h>

/* R-ID-130, R-ID-133, R-ID-142: what is not here is not offered. */
const char *idm_metadata(struct idm *idm, void *mem)
{
        static const char *const scopes[] = { "openid",
                                              "3gpp:mc:ptt_service",
                                              "3gpp:mc:video_service",
                                              "3gpp:mc:data_service",
                                              "3gpp:mc:ptt_key_management_service",
                                              "3gpp:mc:video_key_management_service",
                                              "3gpp:mc:data_key_management_service",
                                              "3gpp:mc:ptt_config_management_service",
                                              "3gpp:mc:video_config_management_service",
                                              "3gpp:mc:data_config_management_service",
                                              "3gpp:mc:ptt_group_management_service",
                                              "3gpp:mc:video_group_management_service",
                                              "3gpp:mc:data_group_management_service",
                                              "3gpp:mc:location_management_service",
                                              NULL };
        static const char *const code[] = { "code", NULL }, *const query[] = { "query", NULL };
        static const char *const grants[] = { OAUTH_GT_CODE, OAUTH_GT_REFRESH, NULL };
        static const char *const public_[] = { "public", NULL }, *const s256[] = { "S256", NULL };
        static const char *const algs[] = { "RS256", "ES256", NULL };
        static const char *const auth[] = { "none", "client_secret_basic", "private_key_jwt", NULL };
        static const char *const acr[] = { IDM_ACR_PASSWORD, NULL };
        static const char *const claims[] = { "iss", "sub", "aud",     "exp",      "iat",        "auth_time", "nonce",
                                              "acr", "amr", "at_hash", "mcptt_id", "mcvideo_id", "mcdata_id", NULL };
        const char *a = idm->conf->authorization_url, *t = idm->conf->token_url;
        struct oauth_metadata m = {
                .issuer = idm->conf->issuer,
                .authorization_endpoint = talloc_asprintf(mem, "%s/as/authorize", a),
                .token_endpoint = talloc_asprintf(mem, "%s/as/token", t),
                .jwks_uri = talloc_asprintf(mem, "%s/jwks.json", t),
                .revocation_endpoint = talloc_asprintf(mem, "%s/as/revoke", t),
                .introspection_endpoint = talloc_asprintf(mem, "%s/as/introspect", t),
                .par_endpoint = talloc_asprintf(mem, "%s/as/par", t),
                .end_session_endpoint = talloc_asprintf(mem, "%s/as/logout", a),
                .scopes = scopes,
                .response_types = code,
                .response_modes = query,
                .grant_types = grants,
                .subject_types = public_,
                .id_token_algs = algs,
                .auth_methods = auth,
                .challenge_methods = s256,
                .iss_parameter = true,
                .acr_values = acr,
                .claims = claims,
        };
        return oauth_metadata_print(mem, &m);
}

static enum ecode start(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er)
{
        struct idm *idm = NULL;
        enum ecode e = idm_start(mem, env, conf, &idm, er);
        if (e == E_OK)
                *ret = idm;
        return e;
}

static void tick(void *self)
{
        idm_tick(self);
}

static void stop(void *self)
{
        idm_stop(self);
}

static void stats(void *self, json_t *into)
{
        struct idm *idm = self;
        int64_t users = 0, sessions = 0;
        if (idm->st->count(idm->st, idm_now(idm), &users, &sessions, NULL) != E_OK)
                return;
        json_object_set_new(into, "users", json_integer(users));
        json_object_set_new(into, "sessions", json_integer(sessions));
}

static const struct role_listener listeners[] = {
        { .name = "authorization",
          .kind = LISTEN_HTTPS,
          .conf_offset = offsetof(struct idm_conf, listen_authorization),
          .routes = idm_authorization_routes },
        { .name = "token",
          .kind = LISTEN_HTTPS,
          .conf_offset = offsetof(struct idm_conf, listen_token),
          .routes = idm_token_routes },
        { 0 },
};

const struct role role_idm = {
        .name = "idm",
        .title = "identity management server",
        .needs = NEED_STORE,
        .conf = idm_conf_items,
        .conf_size = sizeof(struct idm_conf),
        .listeners = listeners,
        .admin = idm_admin_cmds,
        .start = start,
        .tick = tick,
        .stats = stats,
        .stop = stop,
};
