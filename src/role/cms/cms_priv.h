/* Shared by the files of this folder alone. */
#ifndef MUSTER_ROLE_CMS_PRIV_H
#define MUSTER_ROLE_CMS_PRIV_H

#include "proto/mcx/mcx_group.h"
#include "proto/mcx/mcx_profile.h"
#include "proto/mcx/mcx_ue_init.h"
#include "role/cms/cms.h"
#include "role/common/trust.h"

#include <stdatomic.h>

struct cms {
        const struct role_env *env;
        const struct cms_conf *conf;
        struct store_cms *store;
        struct trust *trust;
        const char **audiences; /* NULL-terminated */
        char *root_path;        /* of xcap_root: "/xcap" */
        atomic_llong served, unchanged, refused;
};

/* The documents, as octets on mem. */
enum ecode cms_print_ue_init(struct cms *c, void *mem, const char *ue_id, struct bytes *ret, struct err *er);
enum ecode cms_print_profile(struct cms *c, void *mem, enum mcx_service s, const struct cms_user *u, struct bytes *ret,
                             struct err *er);
enum ecode cms_print_ue_config(struct cms *c, void *mem, const struct cms_user *u, struct bytes *ret, struct err *er);
enum ecode cms_print_service_config(struct cms *c, void *mem, struct bytes *ret, struct err *er);
/* members as the store gives them; ids of all services of a member that differ are entries of their own. */
enum ecode cms_print_group(struct cms *c, void *mem, const struct cms_group *g, const struct cms_user *members,
                           size_t n, struct bytes *ret, struct err *er);

/* Every word is one of MCX_ALLOWS. E_SYNTAX otherwise, with the word. */
enum ecode cms_allow_check(const char *words, struct err *er);

extern const struct http_route cms_routes[];

#endif
