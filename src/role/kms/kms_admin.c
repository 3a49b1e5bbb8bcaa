/* Administration of the KMS: who gets keys, partners' certificates, what was issued. */
#include "role/kms/kms_priv.h"

#include "base/codec.h"
#include "role/common/request.h"

#include <talloc.h>

static const struct {
        const char *name;
        unsigned service;
} ids[] = { { "mcptt_id", 1u << MC_PTT }, { "mcvideo_id", 1u << MC_VIDEO }, { "mcdata_id", 1u << MC_DATA } };

static json_t *subjects_json(const struct kms_subject *s, size_t n)
{
        json_t *o = json_pack("{ss sb s[]}", "mc_id", s[0].owner, "server", s[0].server, "uris");
        for (size_t i = 0; i < n; i++) {
                json_array_append_new(json_object_get(o, "uris"), json_string(s[i].uri));
                for (size_t k = 0; k < COUNT(ids); k++)
                        if ((s[i].services & ids[k].service) != 0)
                                json_object_set_new(o, ids[k].name, json_string(s[i].uri));
        }
        return o;
}

/* One service now has this URI (NULL: none): in the list, which has room for one more. */
static size_t set_service(struct kms_subject *list, size_t n, unsigned service, const char *uri)
{
        size_t kept = 0, at = n;
        for (size_t i = 0; i < n; i++) {
                list[i].services &= ~service;
                if (uri != NULL && strcmp(list[i].uri, uri) == 0)
                        list[i].services |= service;
                if (list[i].services == 0)
                        continue;
                list[kept] = list[i];
                if ((list[kept].services & service) != 0)
                        at = kept;
                kept++;
        }
        if (uri != NULL && at == n)
                list[kept++] = (struct kms_subject){ .uri = uri, .services = service };
        return kept;
}

/* What the user has after this command: absent members stay, null removes. */
static enum ecode wanted(struct kms *k, void *mem, const char *mc_id, const json_t *in, struct kms_subject **ret,
                         size_t *ret_n, struct err *er)
{
        struct kms_subject *old = NULL;
        size_t n = 0;
        enum ecode e = k->store->subject_list(k->store, mem, mc_id, "", LIST_MOST, &old, &n, er);
        if (e != E_OK)
                return e;
        struct kms_subject *list = talloc_zero_array(mem, struct kms_subject, n + COUNT(ids));
        if (list == NULL)
                return err_set(er, E_NOMEM, NULL, "user");
        size_t old_n = n;
        n = 0;
        for (size_t i = 0; i < old_n; i++)
                if (!old[i].server)
                        list[n++] = old[i];
        for (size_t i = 0; i < COUNT(ids); i++) {
                const char *uri = NULL;
                if (json_object_get(in, ids[i].name) == NULL)
                        continue;
                e = arg_text(in, ids[i].name, &uri, er);
                if (e == E_OK && uri != NULL)
                        e = mc_id_check(uri, ids[i].name, er);
                if (e != E_OK)
                        return e;
                n = set_service(list, n, ids[i].service, uri);
        }
        *ret = list;
        *ret_n = n;
        return E_OK;
}

static enum ecode user_show_of(struct kms *k, void *mem, const char *mc_id, json_t **out, struct err *er)
{
        struct kms_subject *s;
        size_t n;
        enum ecode e = k->store->subject_list(k->store, mem, mc_id, "", LIST_MOST, &s, &n, er);
        if (e == E_OK && n == 0)
                e = err_set(er, E_NOT_FOUND, NULL, "no keys are made for %.100s", mc_id);
        if (e == E_OK)
                *out = subjects_json(s, n);
        return e;
}

static enum ecode check_new(struct kms *k, void *mem, const char *mc_id, struct err *er)
{
        struct kms_subject *list;
        size_t n;
        enum ecode e = k->store->subject_list(k->store, mem, mc_id, "", LIST_MOST, &list, &n, er);
        return e == E_OK && n > 0 ? err_set(er, E_EXISTS, "R-SA-122", "%.100s has keys already", mc_id) : e;
}

static enum ecode put_user(struct kms *k, void *mem, json_t *in, bool check_only, json_t **out, struct err *er)
{
        const char *mc_id = NULL;
        struct kms_subject *list = NULL;
        size_t n = 0;
        bool only_new = false;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = arg_bool(in, "new", &only_new, er);
        if (e == E_OK && only_new)
                e = check_new(k, mem, mc_id, er);
        if (e == E_OK)
                e = wanted(k, mem, mc_id, in, &list, &n, er);
        if (e == E_OK)
                e = k->store->subjects_put(k->store, mc_id, false, list, n, clock_now(k->env->clock), check_only, er);
        if (e != E_OK || check_only)
                return e;
        ev(k->env->log, EV_INFO, "user-put", KV_HASH("user", mc_id), KV_INT("uris", (int64_t)n));
        if (n == 0) {
                *out = json_pack("{ss sb s[]}", "mc_id", mc_id, "server", 0, "uris");
                return E_OK;
        }
        return user_show_of(k, mem, mc_id, out, er);
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
        const char *mc_id = NULL;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        return e == E_OK ? user_show_of(role, mem, mc_id, out, er) : e;
}

static enum ecode user_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        const char *mc_id = NULL;
        (void)mem;
        (void)out;
        enum ecode e = arg_need(in, "mc_id", &mc_id, er);
        if (e == E_OK)
                e = k->store->owner_del(k->store, mc_id, er);
        if (e == E_OK)
                ev(k->env->log, EV_INFO, "user-del", KV_HASH("user", mc_id));
        return e;
}

static enum ecode user_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        struct kms_subject *s;
        struct page page;
        size_t n;
        enum ecode e = arg_page(in, &page, er);
        if (e == E_OK)
                e = k->store->subject_list(k->store, mem, NULL, page.after, page.most, &s, &n, er);
        if (e != E_OK)
                return e;
        json_t *users = json_array();
        size_t owners = 0;
        for (size_t i = 0; i < n; owners++) {
                size_t same = 1;
                while (i + same < n && strcmp(s[i].owner, s[i + same].owner) == 0)
                        same++;
                json_array_append_new(users, subjects_json(s + i, same));
                i += same;
        }
        *out = json_pack("{so ss*}", "users", users, "next", owners == page.most && n > 0 ? s[n - 1].owner : NULL);
        return E_OK;
}

/* Adds one identity to those of a server. */
static enum ecode server_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        const char *uri = NULL, *name = NULL;
        struct kms_subject *old, *list = NULL;
        size_t n = 0;
        enum ecode e = arg_need(in, "uri", &uri, er);
        if (e == E_OK)
                e = mc_id_check(uri, "uri", er);
        if (e == E_OK)
                e = arg_text(in, "name", &name, er);
        name = name != NULL ? name : uri;
        if (e == E_OK)
                e = k->store->subject_list(k->store, mem, name, "", LIST_MOST, &old, &n, er);
        if (e == E_OK && (list = talloc_zero_array(mem, struct kms_subject, n + 1)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "server");
        if (e != E_OK)
                return e;
        for (size_t i = 0; i < n; i++)
                list[i] = old[i];
        list[n] = (struct kms_subject){ .uri = uri };
        e = k->store->subjects_put(k->store, name, true, list, n + 1, clock_now(k->env->clock), false, er);
        if (e == E_OK)
                ev(k->env->log, EV_INFO, "server-put", KV_STR("uri", uri), KV_STR("name", name));
        return e == E_OK ? user_show_of(k, mem, name, out, er) : e;
}

static enum ecode remove_uri(struct kms *k, void *mem, const struct kms_subject *s, struct err *er)
{
        struct kms_subject *list;
        size_t n, kept = 0;
        enum ecode e = k->store->subject_list(k->store, mem, s->owner, "", LIST_MOST, &list, &n, er);
        if (e != E_OK)
                return e;
        for (size_t i = 0; i < n; i++)
                if (list[i].server && strcmp(list[i].uri, s->uri) != 0)
                        list[kept++] = list[i];
        return k->store->subjects_put(k->store, s->owner, true, list, kept, clock_now(k->env->clock), false, er);
}

static enum ecode server_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        const char *uri = NULL;
        struct kms_subject s;
        (void)out;
        enum ecode e = arg_need(in, "uri", &uri, er);
        if (e == E_OK)
                e = k->store->subject_get(k->store, mem, uri, &s, er);
        if (e == E_OK && !s.server)
                e = err_set(er, E_FORBIDDEN, NULL, "%.100s is a user, not a server", uri);
        return e == E_OK ? remove_uri(k, mem, &s, er) : e;
}

static enum ecode print_text(void *mem, const struct kms_response *rs, char **ret, struct err *er)
{
        struct bytes xml;
        enum ecode e = kms_response_print(mem, rs, NULL, &xml, er);
        if (e == E_OK && (*ret = bytes_to_str(mem, xml)) == NULL)
                e = err_set(er, E_NOMEM, NULL, "document");
        return e;
}

static enum ecode server_keys(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        struct kms_response init, keys;
        const char *uri, *at = NULL;
        char *init_text, *keys_text;
        int64_t time_s = clock_now(k->env->clock);
        enum ecode e = arg_need(in, "uri", &uri, er);
        if (e == E_OK)
                e = arg_text(in, "time", &at, er);
        if (e == E_OK && at != NULL && time_parse_iso8601(bytes_str(at), &time_s) != E_OK)
                e = err_set(er, E_SYNTAX, NULL, "argument time is not ISO 8601");
        if (e == E_OK)
                e = kms_server_keys(k, mem, uri, time_s, &init, &keys, er);
        if (e == E_OK)
                e = print_text(mem, &init, &init_text, er);
        if (e == E_OK)
                e = print_text(mem, &keys, &keys_text, er);
        if (e != E_OK)
                return e;
        ev(k->env->log, EV_INFO, "server-keys", KV_STR("uri", uri),
           KV_INT("period", (int64_t)keys.sets[0].key_period_no));
        *out = json_pack("{ss ss ss}", "uri", uri, "init", init_text, "keyprov", keys_text);
        return E_OK;
}

/* R-KMS-21: nothing is taken over that is not on its curve. */
static enum ecode check_partner(void *mem, const struct kms *k, const struct kms_cert *c, struct err *er)
{
        struct eccsi_kpak kpak;
        struct sakke_zpub z;
        struct sakke_domain *d = NULL;
        if (c->role != KMS_ROLE_EXTERNAL || c->cert_uri == NULL)
                return err_set(er, E_RANGE, "R-KMS-17", "a partner's certificate has Role External and a CertUri");
        if (strcmp(c->kms_uri, k->conf->kms_uri) == 0)
                return err_set(er, E_RANGE, "R-KMS-17", "this is our own KmsUri");
        if (c->pub_auth_key.n != sizeof kpak.b || c->pub_enc_key.n != sizeof z.b)
                return err_set(er, E_RANGE, "R-KMS-15", "public keys of another length");
        memcpy(kpak.b, c->pub_auth_key.p, sizeof kpak.b);
        memcpy(z.b, c->pub_enc_key.p, sizeof z.b);
        enum ecode e = eccsi_kpak_check(&kpak, er);
        if (e == E_OK)
                e = sakke_domain_new(mem, &z, &d, er);
        talloc_free(d);
        return e;
}

static enum ecode partner_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        struct kms_cert *c;
        const char *xml = json_string_value(json_object_get(in, "xml"));
        if (xml == NULL)
                return err_set(er, E_MISSING, NULL, "argument xml is missing");
        enum ecode e = kms_cert_parse(mem, bytes_str(xml), &c, er);
        if (e == E_OK)
                e = check_partner(mem, k, c, er);
        if (e == E_OK)
                e = k->store->partner_put(k->store, &(struct kms_partner){ c->cert_uri, c->kms_uri, bytes_str(xml) },
                                          er);
        if (e != E_OK)
                return e;
        ev(k->env->log, EV_INFO, "partner-put", KV_STR("kms_uri", c->kms_uri), KV_STR("cert_uri", c->cert_uri));
        *out = json_pack("{ss ss}", "cert_uri", c->cert_uri, "kms_uri", c->kms_uri);
        return E_OK;
}

static enum ecode partner_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        const char *cert_uri = NULL;
        (void)mem;
        (void)out;
        enum ecode e = arg_need(in, "cert_uri", &cert_uri, er);
        return e == E_OK ? k->store->partner_del(k->store, cert_uri, er) : e;
}

static enum ecode partner_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        struct kms_partner *p;
        size_t n;
        int64_t num;
        (void)in;
        enum ecode e = k->store->partner_list(k->store, mem, &p, &n, &num, er);
        if (e != E_OK)
                return e;
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{ss ss}", "cert_uri", p[i].cert_uri, "kms_uri", p[i].kms_uri));
        *out = json_pack("{so sI}", "partners", list, "cache_num", (json_int_t)num);
        return E_OK;
}

static enum ecode issue_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        struct kms_issue *list;
        const char *uri = NULL;
        int64_t most = 100;
        size_t n;
        enum ecode e = arg_text(in, "uri", &uri, er);
        if (e == E_OK)
                e = arg_int(in, "most", 1, LIST_MOST, &most, er);
        if (e == E_OK)
                e = k->store->issue_list(k->store, mem, uri, (size_t)most, &list, &n, er);
        if (e != E_OK)
                return e;
        json_t *rows = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(rows,
                                      json_pack("{sI ss sI ss ss* ss*}", "time", (json_int_t)list[i].time_s, "uri",
                                                list[i].uri, "period", (json_int_t)list[i].period_no, "via",
                                                list[i].via, "client_id", list[i].client_id, "jti", list[i].jti));
        *out = json_pack("{so}", "issues", rows);
        return E_OK;
}

static enum ecode kms_show(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        uint64_t no = 0;
        (void)in;
        enum ecode e = key_period_no(k->period, (uint64_t)(clock_now(k->env->clock) + NTP_UNIX_OFFSET), &no, er);
        if (e != E_OK)
                return e;
        *out = json_pack("{ss ss sI sI sI sI ss ss}", "kms_uri", k->conf->kms_uri, "cert_uri", k->cert_uri, "created",
                         (json_int_t)k->master->created_s, "key_period", (json_int_t)k->period.period, "key_offset",
                         (json_int_t)k->period.offset, "key_period_no", (json_int_t)no, "pub_enc_key",
                         hex_encode(mem, BYTES_ARR(k->master->pub_z.b)), "pub_auth_key",
                         hex_encode(mem, BYTES_ARR(k->master->kpak.b)));
        return E_OK;
}

static enum ecode token_deny(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        (void)mem;
        (void)out;
        return trust_deny_cmd(k->trust, in, er);
}

static enum ecode token_denied(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct kms *k = role;
        (void)mem;
        (void)in;
        return trust_denied_cmd(k->trust, out, er);
}

const struct admin_cmd kms_admin_cmds[] = {
        { "user-put", user_put },         { "user-check", user_check },
        { "user-show", user_show },       { "user-del", user_del },
        { "user-list", user_list },       { "server-put", server_put },
        { "server-del", server_del },     { "server-keys", server_keys },
        { "partner-put", partner_put },   { "partner-del", partner_del },
        { "partner-list", partner_list }, { "issue-list", issue_list },
        { "kms-show", kms_show },         { "token-deny", token_deny },
        { "token-denied", token_denied }, { 0 },
};
