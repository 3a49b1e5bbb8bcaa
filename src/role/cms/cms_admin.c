/* Administration of configuration and group management: users with their profile, groups, membership. */
#include "role/cms/cms_priv.h"

#include "role/common/request.h"

#include <talloc.h>

static const char *const id_names[CMS_SERVICES] = { "mcptt_id", "mcvideo_id", "mcdata_id" };

/* What a user of whom nothing else is said may do: talk, and call for help. */
#define ALLOW_DEFAULT                                                                                                  \
        "private_call manual_commencement automatic_commencement emergency_group_call emergency_private_call "         \
        "cancel_group_emergency activate_emergency_alert cancel_emergency_alert"

static json_t *words_json(const char *words)
{
        json_t *a = json_array();
        struct bytes word;
        for (size_t at = 0; scope_next(words, &at, &word);)
                json_array_append_new(a, json_stringn((const char *)word.p, word.n));
        return a;
}

static enum ecode user_json(struct cms *c, void *mem, const struct cms_user *u, json_t **ret, struct err *er)
{
        struct cms_group *groups;
        size_t n;
        enum ecode e = c->store->groups_of(c->store, mem, u->mc_id, &groups, &n, er);
        if (e != E_OK)
                return e;
        json_t *uris = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(uris, json_string(groups[i].uri));
        *ret = json_pack("{ss ss* ss* ss* ss* ss* ss* sI sI sI sI so sb so}", "mc_id", u->mc_id, id_names[0], u->id[0],
                         id_names[1], u->id[1], id_names[2], u->id[2], "name", u->name, "organisation", u->organisation,
                         "participant_type", u->participant_type, "priority", (json_int_t)u->priority, "profile_index",
                         (json_int_t)u->profile_index, "max_affiliations", (json_int_t)u->max_affiliations, "max_calls",
                         (json_int_t)u->max_calls, "allow", words_json(u->allow), "enabled", u->enabled, "groups",
                         uris);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "user");
}

/* The user as it is, or a new one. */
static enum ecode old_user(struct cms *c, void *mem, const char *mc_id, bool only_new, struct cms_user *ret,
                           struct err *er)
{
        enum ecode e = c->store->user_get(c->store, mem, mc_id, ret, er);
        if (e == E_OK && only_new)
                return err_set(er, E_EXISTS, "R-SA-122", "%.100s has a profile already", mc_id);
        if (e != E_NOT_FOUND)
                return e;
        *ret = (struct cms_user){ .mc_id = mc_id,
                                  .profile_index = 1,
                                  .max_affiliations = 10,
                                  .max_calls = 4,
                                  .allow = ALLOW_DEFAULT,
                                  .enabled = true };
        return E_OK;
}

static enum ecode read_allow(void *mem, const json_t *in, struct cms_user *u, struct err *er)
{
        const char **words = NULL;
        size_t n = 0;
        enum ecode e = arg_list(mem, in, "allow", &words, &n, er);
        if (e != E_OK || words == NULL)
                return e;
        struct buf b = buf_on(mem);
        buf_puts(&b, "");
        for (size_t i = 0; i < n; i++)
                buf_printf(&b, "%s%s", i != 0 ? " " : "", words[i]);
        u->allow = buf_str(&b);
        if (u->allow == NULL)
                return err_set(er, E_NOMEM, NULL, "user");
        return cms_allow_check(u->allow, er);
}

static enum ecode read_texts(const json_t *in, struct cms_user *u, struct err *er)
{
        enum ecode e = arg_text(in, "name", &u->name, er);
        if (e == E_OK)
                e = arg_text(in, "organisation", &u->organisation, er);
        if (e == E_OK)
                e = arg_text(in, "participant_type", &u->participant_type, er);
        for (unsigned s = 0; e == E_OK && s < CMS_SERVICES; s++) {
                e = arg_text(in, id_names[s], &u->id[s], er);
                if (e == E_OK && u->id[s] != NULL)
                        e = mc_id_check(u->id[s], id_names[s], er);
        }
        return e;
}

static enum ecode read_user(void *mem, const json_t *in, struct cms_user *u, struct err *er)
{
        enum ecode e = read_texts(in, u, er);
        if (e == E_OK)
                e = arg_int(in, "priority", 0, 255, &u->priority, er);
        if (e == E_OK)
                e = arg_int(in, "profile_index", 0, 255, &u->profile_index, er);
        if (e == E_OK)
                e = arg_int(in, "max_affiliations", 0, 65535, &u->max_affiliations, er);
        if (e == E_OK)
                e = arg_int(in, "max_calls", 0, 65535, &u->max_calls, er);
        if (e == E_OK)
                e = arg_bool(in, "enabled", &u->enabled, er);
        return e == E_OK ? read_allow(mem, in, u, er) : e;
}

static enum ecode put_user(struct cms *c, void *mem, json_t *in, bool check_only, json_t **out, struct err *er)
{
        const char *mc_id = NULL, **groups = NULL;
        size_t n = 0;
        struct cms_user u = { 0 };
        bool only_new = false;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = arg_bool(in, "new", &only_new, er);
        if (e == E_OK)
                e = old_user(c, mem, mc_id, only_new, &u, er);
        if (e == E_OK)
                e = read_user(mem, in, &u, er);
        if (e == E_OK)
                e = arg_list(mem, in, "groups", &groups, &n, er);
        if (e == E_OK)
                e = c->store->user_put(c->store, &u, groups, n, check_only, er);
        if (e != E_OK || check_only)
                return e;
        ev(c->env->log, EV_INFO, "user-put", KV_HASH("user", mc_id));
        return user_json(c, mem, &u, out, er);
}

static enum ecode user_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        return put_user(role, mem, in, false, out, er);
}

static enum ecode user_check(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        return put_user(role, mem, in, true, out, er);
}

static enum ecode user_show(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        const char *mc_id = NULL;
        struct cms_user u;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = c->store->user_get(c->store, mem, mc_id, &u, er);
        return e == E_OK ? user_json(c, mem, &u, out, er) : e;
}

static enum ecode user_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        const char *mc_id = NULL;
        (void)mem;
        (void)out;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = c->store->user_del(c->store, mc_id, er);
        if (e == E_OK)
                ev(c->env->log, EV_INFO, "user-del", KV_HASH("user", mc_id));
        return e;
}

static enum ecode user_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        struct cms_user *u;
        struct page page;
        size_t n;
        enum ecode e = arg_page(in, &page, er);
        if (e == E_OK)
                e = c->store->user_list(c->store, mem, page.after, page.most, &u, &n, er);
        if (e != E_OK)
                return e;
        json_t *users = json_array();
        for (size_t i = 0; e == E_OK && i < n; i++) {
                json_t *one = NULL;
                e = user_json(c, mem, &u[i], &one, er);
                if (e == E_OK)
                        json_array_append_new(users, one);
        }
        if (e != E_OK) {
                json_decref(users);
                return e;
        }
        *out = json_pack("{so ss*}", "users", users, "next", n == page.most ? u[n - 1].mc_id : NULL);
        return E_OK;
}

static enum ecode group_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        const char *uri = NULL;
        struct cms_group g = { 0 };
        (void)out;
        enum ecode e = arg_need(in, "uri", &uri, er);
        if (e == E_OK)
                e = mc_id_check(uri, "uri", er);
        if (e != E_OK)
                return e;
        e = c->store->group_get(c->store, mem, uri, &g, er);
        if (e == E_NOT_FOUND) {
                g = (struct cms_group){ .uri = uri, .invite_members = true, .allow_emergency_call = true };
                e = E_OK;
        }
        if (e == E_OK)
                e = arg_text(in, "name", &g.display_name, er);
        if (e == E_OK)
                e = arg_int(in, "max_participants", 0, 1000000, &g.max_participants, er);
        if (e == E_OK)
                e = arg_int(in, "priority", 0, 255, &g.priority, er);
        if (e == E_OK)
                e = arg_bool(in, "invite_members", &g.invite_members, er);
        if (e == E_OK)
                e = arg_bool(in, "allow_emergency_call", &g.allow_emergency_call, er);
        return e == E_OK ? c->store->group_put(c->store, &g, er) : e;
}

static enum ecode group_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        const char *uri = NULL;
        (void)mem;
        (void)out;
        enum ecode e = arg_need(in, "uri", &uri, er);
        return e == E_OK ? c->store->group_del(c->store, uri, er) : e;
}

static enum ecode group_json(struct cms *c, void *mem, const struct cms_group *g, json_t **ret, struct err *er)
{
        struct cms_user *u;
        size_t n;
        enum ecode e = c->store->members_of(c->store, mem, g->uri, &u, &n, er);
        if (e != E_OK)
                return e;
        json_t *members = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(members, json_string(u[i].mc_id));
        *ret = json_pack("{ss ss* sI sI sb sb so}", "uri", g->uri, "name", g->display_name, "max_participants",
                         (json_int_t)g->max_participants, "priority", (json_int_t)g->priority, "invite_members",
                         g->invite_members, "allow_emergency_call", g->allow_emergency_call, "members", members);
        return *ret != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "group");
}

static enum ecode group_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        struct cms_group *g;
        size_t n;
        (void)in;
        enum ecode e = c->store->group_list(c->store, mem, &g, &n, er);
        if (e != E_OK)
                return e;
        json_t *groups = json_array();
        for (size_t i = 0; e == E_OK && i < n; i++) {
                json_t *one = NULL;
                e = group_json(c, mem, &g[i], &one, er);
                if (e == E_OK)
                        json_array_append_new(groups, one);
        }
        if (e == E_OK)
                *out = json_pack("{so}", "groups", groups);
        else
                json_decref(groups);
        return e;
}

static enum ecode token_deny(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        (void)mem;
        (void)out;
        return trust_deny_cmd(c->trust, in, er);
}

static enum ecode token_denied(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct cms *c = role;
        (void)mem;
        (void)in;
        return trust_denied_cmd(c->trust, out, er);
}

const struct admin_cmd cms_admin_cmds[] = {
        { "user-put", user_put },
        { "user-check", user_check },
        { "user-show", user_show },
        { "user-del", user_del },
        { "user-list", user_list },
        { "group-put", group_put },
        { "group-del", group_del },
        { "group-list", group_list },
        { "token-deny", token_deny },
        { "token-denied", token_denied },
        { 0 },
};
