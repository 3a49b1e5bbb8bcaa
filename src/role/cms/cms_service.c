/* Who may read which document: TS 24.484 clause 6, TS 24.481 clause 6, TS 24.482 clause A.2.3. */
#include "role/cms/cms_priv.h"

#include "base/codec.h"
#include "crypto/prim.h"
#include "proto/oauth/form.h"

#include <talloc.h>

#define SEGMENTS_MOST 6

/* A path below the XCAP root, taken apart and decoded: AUID, "users" or "global", and the rest. */
struct xcap {
        const char *seg[SEGMENTS_MOST];
        size_t n;
};

/* A request on its way to one of the makers below. */
struct reading {
        void *mem;
        const struct xcap *at;
        struct token_claims claims;
        const char *id; /* the MC service ID of the token for `service` */
        enum mc_service service;
};

struct kind {
        const char *auid;
        bool open; /* without token: R-SA-112 */
        enum mc_service service;
        enum mc_resource resource;
        const char *media_type, *what;
        enum ecode (*make)(struct cms *c, struct reading *r, struct bytes *ret, struct err *er);
};

enum ecode cms_start(void *mem, const struct role_env *env, const struct cms_conf *conf, struct cms **ret,
                     struct err *er)
{
        struct cms *c = talloc_zero(mem, struct cms);
        if (c == NULL)
                return err_set(er, E_NOMEM, NULL, "CMS");
        c->env = env;
        c->conf = conf;
        c->store = env->store;
        c->audiences = talloc_zero_array(c, const char *, conf->audiences.n + 1);
        const char *authority = strstr(conf->xcap_root, "://");
        const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;
        c->root_path = talloc_strdup(c, path != NULL ? path : "");
        if (c->audiences == NULL || c->root_path == NULL) {
                talloc_free(c);
                return err_set(er, E_NOMEM, NULL, "CMS");
        }
        for (size_t n = strlen(c->root_path); n > 0 && c->root_path[n - 1] == '/'; n--)
                c->root_path[n - 1] = 0;
        for (size_t i = 0; i < conf->audiences.n; i++)
                c->audiences[i] = conf->audiences.item[i];
        struct trust_issuer is = { .issuer = conf->issuer,
                                   .jwks_url = conf->jwks_url,
                                   .plain_jwt_typ = conf->plain_jwt_typ,
                                   .scp_array = conf->scp_array };
        enum ecode e = trust_open(c, env, &is, 1, &c->trust, er);
        if (e != E_OK) {
                talloc_free(c);
                return e;
        }
        *ret = c;
        return E_OK;
}

void cms_tick(struct cms *c)
{
        trust_tick(c->trust);
}

static enum ecode bad_path(struct err *er)
{
        return err_set(er, E_SYNTAX, "R-SA-115", "the path holds a broken escape, an empty segment, or dots");
}

static enum ecode no_document(struct err *er)
{
        return err_set(er, E_NOT_FOUND, "R-SA-114", "there is no such document");
}

/* R-SA-115: %40 and @ are the same; what decodes to a slash, dots or nothing is refused. */
static enum ecode read_path(const struct cms *c, void *mem, const char *path, struct xcap *ret, struct err *er)
{
        struct xcap x = { 0 };
        size_t root = strlen(c->root_path);
        if (root > 0 && strncmp(path, c->root_path, root) == 0 && path[root] == '/')
                path += root;
        if (*path != '/')
                return bad_path(er);
        while (*path == '/') {
                char *seg;
                size_t n = strcspn(++path, "/");
                if (x.n == SEGMENTS_MOST)
                        return no_document(er);
                if (n == 0 || pct_decode(mem, bytes_of(path, n), false, &seg) != E_OK || strchr(seg, '/') != NULL ||
                    strcmp(seg, "..") == 0 || strcmp(seg, ".") == 0)
                        return bad_path(er);
                x.seg[x.n++] = seg;
                path += n;
        }
        *ret = x;
        return E_OK;
}

static bool seg_is(const struct xcap *x, size_t i, const char *want)
{
        return i < x->n && strcmp(x->seg[i], want) == 0;
}

static enum ecode make_ue_init(struct cms *c, struct reading *r, struct bytes *ret, struct err *er)
{
        if (!seg_is(r->at, 1, "users") || r->at->n < 3 || r->at->n > 4)
                return no_document(er);
        return cms_print_ue_init(c, r->mem, r->at->seg[2], ret, er);
}

/* users/<XUI>/<service>-user-profile-<index>.xml of the asker, and of nobody else: R-SA-113, R-SA-114. */
static enum ecode make_profile(struct cms *c, struct reading *r, struct bytes *ret, struct err *er)
{
        struct cms_user u;
        enum mcx_service s = (enum mcx_service)(r->service - MC_PTT);
        if (!seg_is(r->at, 1, "users") || r->at->n != 4)
                return no_document(er);
        if (strcmp(r->at->seg[2], r->id) != 0)
                return err_set(er, E_FORBIDDEN, "R-SA-114", "this is another user's profile");
        enum ecode e = c->store->user_by_id(c->store, r->mem, s, r->id, &u, er);
        if (e == E_NOT_FOUND)
                return err_set(er, e, "R-SA-114", "the user has no profile: muster user add");
        if (e != E_OK)
                return e;
        char *name =
                talloc_asprintf(r->mem, "%s-user-profile-%lld.xml", mcx_service_name(s), (long long)u.profile_index);
        if (name == NULL)
                return err_set(er, E_NOMEM, NULL, "document");
        return seg_is(r->at, 3, name) ? cms_print_profile(c, r->mem, s, &u, ret, er) : no_document(er);
}

static enum ecode make_ue_config(struct cms *c, struct reading *r, struct bytes *ret, struct err *er)
{
        struct cms_user u;
        if (!seg_is(r->at, 1, "users") || r->at->n < 4)
                return no_document(er);
        enum ecode e = c->store->user_by_id(c->store, r->mem, MCX_PTT, r->id, &u, er);
        return e == E_OK ? cms_print_ue_config(c, r->mem, &u, ret, er) : e;
}

static enum ecode make_service_config(struct cms *c, struct reading *r, struct bytes *ret, struct err *er)
{
        if (!seg_is(r->at, 1, "global") || !seg_is(r->at, 2, "service-config.xml") || r->at->n != 3)
                return no_document(er);
        return cms_print_service_config(c, r->mem, ret, er);
}

/* The token stands for this member: some service's ID with that service's scope for groups. */
static bool is_member(const struct reading *r, const struct cms_user *u, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (enum mc_service s = MC_PTT; s <= MC_DATA; s++) {
                        const char *mine = token_mc_id(&r->claims, s), *theirs = u[i].id[s - MC_PTT];
                        if (mine != NULL && theirs != NULL && strcmp(mine, theirs) == 0 &&
                            mc_scope_granted(r->claims.scope, s, MC_RES_GMS))
                                return true;
                }
        return false;
}

/* global/byGroup/<id>, global/byGroupID/<id>, users/<XUI>/<id>: R-SA-120. */
static enum ecode make_group(struct cms *c, struct reading *r, struct bytes *ret, struct err *er)
{
        struct cms_group g;
        struct cms_user *members;
        size_t n;
        bool global = seg_is(r->at, 1, "global") && (seg_is(r->at, 2, "byGroup") || seg_is(r->at, 2, "byGroupID"));
        if ((!global && !seg_is(r->at, 1, "users")) || r->at->n != 4)
                return no_document(er);
        enum ecode e = c->store->group_get(c->store, r->mem, r->at->seg[3], &g, er);
        if (e == E_NOT_FOUND)
                return err_set(er, e, "R-SA-120", "there is no such group");
        if (e == E_OK)
                e = c->store->members_of(c->store, r->mem, g.uri, &members, &n, er);
        if (e != E_OK)
                return e;
        if (!is_member(r, members, n))
                return err_set(er, E_FORBIDDEN, "R-SA-120", "the user is no member of this group");
        return cms_print_group(c, r->mem, &g, members, n, ret, er);
}

static const struct kind kinds[] = {
        { MCX_UE_INIT_AUID, true, MC_ANY, MC_RES_CMS, MCX_UE_INIT_MEDIA_TYPE, "UE initial configuration",
          make_ue_init },
        { "org.3gpp.mcptt.user-profile", false, MC_PTT, MC_RES_CMS, "application/vnd.3gpp.mcptt-user-profile+xml",
          "user profile", make_profile },
        { "org.3gpp.mcvideo.user-profile", false, MC_VIDEO, MC_RES_CMS, "application/vnd.3gpp.mcvideo-user-profile+xml",
          "user profile", make_profile },
        { "org.3gpp.mcdata.user-profile", false, MC_DATA, MC_RES_CMS, "application/vnd.3gpp.mcdata-user-profile+xml",
          "user profile", make_profile },
        { "org.3gpp.mcptt.ue-config", false, MC_PTT, MC_RES_CMS, "application/vnd.3gpp.mcptt-ue-config+xml",
          "UE configuration", make_ue_config },
        { "org.3gpp.mcptt.service-config", false, MC_PTT, MC_RES_CMS, "application/vnd.3gpp.mcptt-service-config+xml",
          "service configuration", make_service_config },
        { MCX_GROUP_AUID, false, MC_ANY, MC_RES_GMS, MCX_GROUP_MEDIA_TYPE, "group", make_group },
};

/* What does not exist is told to those alone who could read what does: R-SA-112. */
static const struct kind unknown = { NULL, false, MC_ANY, MC_RES_CMS, NULL, "unknown document", NULL };

static const struct kind *kind_of(const struct xcap *x)
{
        for (size_t i = 0; i < COUNT(kinds); i++)
                if (x->n > 0 && strcmp(x->seg[0], kinds[i].auid) == 0)
                        return &kinds[i];
        return &unknown;
}

/* TS 24.482 A.2.3: no credentials, then the token, then its scope and identity. */
static enum ecode identify(struct cms *c, const struct kind *k, struct bytes token, struct reading *r, struct err *er)
{
        if (k->open)
                return E_OK;
        if (token.p == NULL)
                return err_set(er, E_TOKEN_MISSING, "R-SA-114", "no Authorization: Bearer");
        return trust_check(c->trust, r->mem, token, c->audiences, k->service, k->resource, &r->claims, &r->id, er);
}

/* Equal exactly when the octets are: 128 bits of SHA-256. */
static enum ecode set_etag(void *mem, struct cms_doc *d)
{
        uint8_t md[SHA256_LEN];
        enum ecode e = sha256(d->xml, md);
        char *hex = e == E_OK ? hex_encode(mem, bytes_of(md, 16)) : NULL;
        if (hex == NULL)
                return e != E_OK ? e : E_NOMEM;
        memcpy(d->etag, hex, sizeof d->etag);
        return E_OK;
}

enum ecode cms_get(struct cms *c, void *mem, const char *path, struct bytes token, struct cms_doc *ret,
                   struct cms_about *about, struct err *er)
{
        struct xcap x;
        *about = (struct cms_about){ .what = unknown.what };
        enum ecode e = read_path(c, mem, path, &x, er);
        if (e != E_OK)
                return e;
        const struct kind *k = kind_of(&x);
        struct reading r = { .mem = mem, .at = &x, .service = k->service };
        struct cms_doc d = { .media_type = k->media_type };
        *about = (struct cms_about){ k->what, NULL,
                                     mc_scope_name(k->service == MC_ANY ? MC_PTT : k->service, k->resource) };
        e = identify(c, k, token, &r, er);
        about->user_uri = r.id;
        if (e == E_OK)
                e = k->make != NULL ? k->make(c, &r, &d.xml, er) : no_document(er);
        if (e != E_OK)
                return e;
        e = set_etag(mem, &d);
        if (e != E_OK)
                return err_set(er, e, NULL, "entity tag");
        *ret = d;
        return E_OK;
}
