#include "host/roles.h"

#include "adapter/store/cms_sqlite.h"
#include "adapter/store/hss_sqlite.h"
#include "adapter/store/idm_sqlite.h"
#include "adapter/store/kms_sqlite.h"
#include "adapter/store/kv_sqlite.h"
#include "role/cms/cms.h"
#include "role/hss/hss.h"
#include "role/icscf/icscf.h"
#include "role/idm/idm.h"
#include "role/kms/kms.h"
#include "role/mcx/mcx.h"
#include "role/pcscf/pcscf.h"
#include "role/scscf/scscf.h"

#include <talloc.h>

/* For roles whose state is a set of values under keys. */
static enum ecode kv_store_open(void *mem, const struct role_env *env, void **ret, struct err *er)
{
        struct store_kv *kv = NULL;
        char *path = talloc_asprintf(mem, "%s/state.db", env->state_dir);
        enum ecode e = path != NULL ? kv_sqlite_open(mem, path, env->seal_key, env->rng, &kv, er)
                                    : err_set(er, E_NOMEM, NULL, "store");
        if (e == E_OK)
                *ret = kv;
        return e;
}

/* Addresses: one per function on the loopback network, so that the standard's demand for separate addressing holds on
 * one machine too. .1 and .2 idm (authorization, token), .3 kms, .4 cms, .5 mcx, .6 pcscf, .7 icscf, .8 scscf, .9 hss.
 */
const struct role_row host_roles[] = {
        { &role_idm, idm_store_open, 1, 2, false },
        { &role_kms, kms_store_open, 3, 1, false },
        { &role_cms, cms_store_open, 4, 1, false },
        { &role_hss, hss_store_open, 9, 1, true },
        { &role_mcx, kv_store_open, 5, 1, false },
        { &role_scscf, kv_store_open, 8, 1, true },
        { &role_icscf, NULL, 7, 1, true },
        { &role_pcscf, kv_store_open, 6, 1, true },
        { 0 },
};

const struct role_row *host_role(const char *name)
{
        for (const struct role_row *r = host_roles; r->role != NULL; r++)
                if (!strcmp(r->role->name, name))
                        return r;
        return NULL;
}

const char **host_role_names(void *mem)
{
        size_t n = 0;
        while (host_roles[n].role != NULL)
                n++;
        const char **names = talloc_zero_array(mem, const char *, n + 1);
        for (size_t i = 0; names != NULL && i < n; i++)
                names[i] = host_roles[i].role->name;
        return names;
}
