/* What the user may do: the user profile document from the CMS (TS 24.484 clause 8.3), with the access token. */
#include "client/ue.h"

#include "proto/oauth/form.h"

#include <talloc.h>

enum ecode ue_read_profile(struct ue *u, enum mcx_service s, struct err *er)
{
        void *mem = talloc_new(u);
        const char *token = NULL, *id = u->tokens.service_id[s];
        struct http_in rs;
        enum ecode e = id != NULL
                               ? ue_token_at(u, MC_RES_CMS, &token, er)
                               : err_set(er, E_TOKEN_IDENTITY, NULL, "no %s ID in the ID token", mcx_service_name(s));
        if (e == E_OK) {
                struct http_out rq = { .method = "GET",
                                       .url = talloc_asprintf(mem, "%s/%s/users/%s/%s-user-profile-1.xml",
                                                              u->init->cms_xcap_root, mcx_profile_auid(s),
                                                              pct_encode(mem, bytes_str(id)), mcx_service_name(s)),
                                       .fields = { { "Authorization", talloc_asprintf(mem, "Bearer %s", token) } },
                                       .fields_n = 1 };
                e = ue_fetch(u, mem, &rq, &rs, er);
        }
        if (e == E_OK && rs.status != 200)
                e = err_set(er,
                            rs.status >= 500   ? E_PEER_DOWN
                            : rs.status == 404 ? E_NOT_FOUND
                                               : E_FORBIDDEN,
                            NULL, "the CMS answered %d", rs.status);
        if (e == E_OK)
                e = mcx_profile_parse(u, rs.body, &u->user_profile, er);
        if (e == E_OK)
                ue_arrow(u, "4", "cms", "HTTPS",
                         talloc_asprintf(mem, "200, user profile %lld: %zu group%s", (long long)u->user_profile->index,
                                         u->user_profile->groups_n, u->user_profile->groups_n == 1 ? "" : "s"),
                         NULL);
        talloc_free(mem);
        return e;
}
