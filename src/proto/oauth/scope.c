#include "proto/oauth/scope.h"

/* TS 33.180 table B.4.2.2-1; the last four TS 33.179 B.3.1.1. */
const struct mc_scope mc_scopes[MC_SCOPES_N] = {
        { "3gpp:mc:ptt_service", MC_PTT, MC_RES_SERVICE, NULL },
        { "3gpp:mc:ptt_key_management_service", MC_PTT, MC_RES_KMS, NULL },
        { "3gpp:mc:ptt_config_management_service", MC_PTT, MC_RES_CMS, NULL },
        { "3gpp:mc:ptt_group_management_service", MC_PTT, MC_RES_GMS, NULL },
        { "3gpp:mc:video_service", MC_VIDEO, MC_RES_SERVICE, NULL },
        { "3gpp:mc:video_key_management_service", MC_VIDEO, MC_RES_KMS, NULL },
        { "3gpp:mc:video_config_management_service", MC_VIDEO, MC_RES_CMS, NULL },
        { "3gpp:mc:video_group_management_service", MC_VIDEO, MC_RES_GMS, NULL },
        { "3gpp:mc:data_service", MC_DATA, MC_RES_SERVICE, NULL },
        { "3gpp:mc:data_key_management_service", MC_DATA, MC_RES_KMS, NULL },
        { "3gpp:mc:data_config_management_service", MC_DATA, MC_RES_CMS, NULL },
        { "3gpp:mc:data_group_management_service", MC_DATA, MC_RES_GMS, NULL },
        { "3gpp:mc:location_management_service", MC_ANY, MC_RES_LMS, NULL },
        { "3gpp:mcptt:ptt_server", MC_PTT, MC_RES_SERVICE, "3gpp:mc:ptt_service" },
        { "3gpp:mcptt:key_management_server", MC_PTT, MC_RES_KMS, "3gpp:mc:ptt_key_management_service" },
        { "3gpp:mcptt:config_management_server", MC_PTT, MC_RES_CMS, "3gpp:mc:ptt_config_management_service" },
        { "3gpp:mcptt:group_management_server", MC_PTT, MC_RES_GMS, "3gpp:mc:ptt_group_management_service" },
};

const struct mc_scope *mc_scope_find(struct bytes name)
{
        for (size_t i = 0; i < MC_SCOPES_N; i++)
                if (bytes_eq_str(name, mc_scopes[i].name))
                        return &mc_scopes[i];
        return NULL;
}

const char *mc_scope_name(enum mc_service s, enum mc_resource r)
{
        for (size_t i = 0; i < MC_SCOPES_N; i++)
                if (mc_scopes[i].service == s && mc_scopes[i].resource == r)
                        return mc_scopes[i].name;
        return NULL;
}

bool mc_scope_granted(const char *scope, enum mc_service s, enum mc_resource r)
{
        for (size_t i = 0; i < MC_SCOPES_N; i++)
                if (mc_scopes[i].service == s && mc_scopes[i].resource == r && scope_has(scope, mc_scopes[i].name))
                        return true;
        return false;
}

const char *mc_service_name(enum mc_service s)
{
        static const char *const name[] = {
                [MC_ANY] = "any", [MC_PTT] = "mcptt", [MC_VIDEO] = "mcvideo", [MC_DATA] = "mcdata"
        };
        return name[s];
}

const char *token_mc_id(const struct token_claims *c, enum mc_service s)
{
        const char *id = s == MC_PTT ? c->mcptt_id : s == MC_VIDEO ? c->mcvideo_id : s == MC_DATA ? c->mcdata_id : NULL;
        return id != NULL && *id != 0 ? id : NULL;
}

bool scope_next(const char *scope, size_t *at, struct bytes *ret)
{
        if (scope == NULL)
                return false;
        while (scope[*at] == ' ')
                (*at)++;
        size_t n = strcspn(scope + *at, " ");
        if (n == 0)
                return false;
        *ret = bytes_of(scope + *at, n);
        *at += n;
        return true;
}

/* RFC 6749 clause 3.3: NQCHAR without space. */
static bool is_scope_char(char c)
{
        return c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c <= 0x7e);
}

bool scope_valid(const char *scope)
{
        bool in_token = false;
        for (; *scope != 0; scope++) {
                if (*scope == ' ' ? !in_token : !is_scope_char(*scope))
                        return false;
                in_token = *scope != ' ';
        }
        return in_token;
}
