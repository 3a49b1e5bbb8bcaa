#include "engine/registrar.h"

#include "base/json.h"

#include <talloc.h>

static bool same_text(const char *a, const char *b)
{
        return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* RFC 5626 clause 6: the instance is the key where there is one; the URI otherwise. */
static struct reg_contact *contact_of(const struct reg *r, const struct reg_ask_contact *a)
{
        for (size_t i = 0; r != NULL && i < r->contacts_n; i++) {
                struct reg_contact *c = r->contacts[i];
                if (a->instance != NULL ? same_text(c->instance, a->instance)
                                        : c->instance == NULL && same_text(c->uri, a->uri))
                        return c;
        }
        return NULL;
}

static enum ecode check_cseq(const struct reg_contact *c, const struct reg_ask *ask, struct err *er)
{
        if (c != NULL && same_text(c->call_id, ask->call_id) && ask->cseq <= c->cseq)
                return err_set(er, E_CONFLICT, "R-SA-19", "CSeq %u is not above %u in this Call-ID", ask->cseq,
                               c->cseq);
        return E_OK;
}

enum ecode reg_check(const struct reg *r, const struct reg_ask *ask, const struct reg_limits *lim, int64_t now_s,
                     struct err *er)
{
        (void)now_s;
        size_t more = 0;
        for (size_t i = 0; ask->star && r != NULL && i < r->contacts_n; i++)
                if (check_cseq(r->contacts[i], ask, er) != E_OK)
                        return E_CONFLICT;
        for (size_t i = 0; i < ask->contacts_n; i++) {
                const struct reg_ask_contact *a = &ask->contacts[i];
                const struct reg_contact *c = contact_of(r, a);
                if (check_cseq(c, ask, er) != E_OK)
                        return E_CONFLICT;
                if (a->expires > 0 && a->expires < lim->least_s)
                        return err_set(er, E_INTERVAL_BRIEF, "R-SA-15", "%lld s asked, at least %lld s are served",
                                       (long long)a->expires, (long long)lim->least_s);
                if (c == NULL && a->expires > 0)
                        more++;
        }
        if ((r != NULL ? r->contacts_n : 0) + more > lim->contacts_most)
                return err_set(er, E_LIMIT, NULL, "more than %zu contacts of one subscription", lim->contacts_most);
        return E_OK;
}

static void contact_remove(struct reg *r, struct reg_contact *c)
{
        for (size_t i = 0; i < r->contacts_n; i++) {
                if (r->contacts[i] != c)
                        continue;
                talloc_free(c);
                r->contacts_n--;
                memmove(&r->contacts[i], &r->contacts[i + 1], (r->contacts_n - i) * sizeof(struct reg_contact *));
                return;
        }
}

static struct reg_contact *contact_add(struct reg *r)
{
        struct reg_contact **list = talloc_realloc(r, r->contacts, struct reg_contact *, r->contacts_n + 1);
        if (list == NULL)
                return NULL;
        r->contacts = list;
        struct reg_contact *c = talloc_zero(r, struct reg_contact);
        if (c != NULL)
                r->contacts[r->contacts_n++] = c;
        return c;
}

static enum ecode contact_fill(struct reg_contact *c, const struct reg_ask_contact *a, const struct reg_ask *ask,
                               int64_t expires_at)
{
        char *uri = talloc_strdup(c, a->uri), *params = talloc_strdup(c, a->params ? a->params : "");
        char *instance = a->instance ? talloc_strdup(c, a->instance) : NULL;
        char *call_id = talloc_strdup(c, ask->call_id);
        char **path = talloc_zero_array(c, char *, ask->path_n);
        if (uri == NULL || params == NULL || call_id == NULL || path == NULL || (a->instance && instance == NULL))
                return E_NOMEM;
        for (size_t i = 0; i < ask->path_n; i++)
                if ((path[i] = talloc_strdup(path, ask->path[i])) == NULL)
                        return E_NOMEM;
        talloc_free(c->uri);
        talloc_free(c->params);
        talloc_free(c->instance);
        talloc_free(c->call_id);
        talloc_free(c->path);
        *c = (struct reg_contact){ uri, params, instance, call_id, ask->cseq, path, ask->path_n, expires_at };
        return E_OK;
}

static int64_t granted(int64_t asked, const struct reg_limits *lim)
{
        return asked > lim->most_s ? lim->most_s : asked;
}

enum ecode reg_apply(struct reg *r, const struct reg_ask *ask, const struct reg_limits *lim, int64_t now_s,
                     enum reg_change *ret)
{
        size_t before = r->contacts_n, removed = 0;
        bool asked = ask->star || ask->contacts_n > 0;
        while (ask->star && r->contacts_n > 0) {
                contact_remove(r, r->contacts[0]);
                removed++;
        }
        for (size_t i = 0; i < ask->contacts_n; i++) {
                const struct reg_ask_contact *a = &ask->contacts[i];
                struct reg_contact *c = contact_of(r, a);
                if (a->expires == 0) {
                        if (c != NULL) {
                                contact_remove(r, c);
                                removed++;
                        }
                        continue;
                }
                if (c == NULL)
                        c = contact_add(r);
                if (c == NULL || contact_fill(c, a, ask, now_s + granted(a->expires, lim)) != E_OK)
                        return E_NOMEM;
        }
        *ret = !asked                                  ? REG_QUERIED
               : r->contacts_n == 0                    ? REG_ENDED
               : before == 0                           ? REG_CREATED
               : removed > 0 && r->contacts_n < before ? REG_REDUCED
                                                       : REG_REFRESHED;
        return E_OK;
}

bool reg_expire(struct reg *r, int64_t now_s)
{
        bool gone = false;
        for (size_t i = r->contacts_n; i-- > 0;)
                if (r->contacts[i]->expires_at <= now_s) {
                        contact_remove(r, r->contacts[i]);
                        gone = true;
                }
        return gone;
}

int64_t reg_longest(const struct reg *r, int64_t now_s)
{
        int64_t most = 0;
        for (size_t i = 0; i < r->contacts_n; i++)
                if (r->contacts[i]->expires_at - now_s > most)
                        most = r->contacts[i]->expires_at - now_s;
        return most;
}

bool reg_has_impu(const struct reg *r, const char *impu)
{
        for (size_t i = 0; i < r->impus_n; i++)
                if (strcmp(r->impus[i], impu) == 0)
                        return true;
        return false;
}

json_t *reg_to_json(const struct reg *r)
{
        json_t *contacts = json_array();
        for (size_t i = 0; i < r->contacts_n; i++) {
                const struct reg_contact *c = r->contacts[i];
                json_array_append_new(contacts,
                                      json_pack("{s:s,s:s,s:s*,s:s,s:I,s:o,s:I}", "uri", c->uri, "params", c->params,
                                                "instance", c->instance, "call_id", c->call_id, "cseq",
                                                (json_int_t)c->cseq, "path", texts_json(c->path, c->path_n),
                                                "expires_at", (json_int_t)c->expires_at));
        }
        return json_pack("{s:s,s:o,s:o}", "impi", r->impi, "impus", texts_json(r->impus, r->impus_n), "contacts",
                         contacts);
}

static enum ecode contact_from_json(struct reg *r, const json_t *o)
{
        const char *uri = json_string_value(json_object_get(o, "uri"));
        const char *params = json_string_value(json_object_get(o, "params"));
        const char *instance = json_string_value(json_object_get(o, "instance"));
        const char *call_id = json_string_value(json_object_get(o, "call_id"));
        struct reg_contact *c = uri && params && call_id ? contact_add(r) : NULL;
        if (c == NULL)
                return E_SYNTAX;
        c->uri = talloc_strdup(c, uri);
        c->params = talloc_strdup(c, params);
        c->instance = instance ? talloc_strdup(c, instance) : NULL;
        c->call_id = talloc_strdup(c, call_id);
        c->cseq = (uint32_t)json_integer_value(json_object_get(o, "cseq"));
        c->expires_at = json_integer_value(json_object_get(o, "expires_at"));
        c->path = json_texts(c, json_object_get(o, "path"), &c->path_n);
        return c->path != NULL ? E_OK : E_SYNTAX;
}

enum ecode reg_from_json(void *mem, const json_t *o, struct reg **ret)
{
        const char *impi = json_string_value(json_object_get(o, "impi"));
        struct reg *r = talloc_zero(mem, struct reg);
        if (r == NULL)
                return E_NOMEM;
        r->impi = impi ? talloc_strdup(r, impi) : NULL;
        r->impus = json_texts(r, json_object_get(o, "impus"), &r->impus_n);
        enum ecode e = r->impi != NULL && r->impus != NULL && r->impus_n > 0 ? E_OK : E_SYNTAX;
        const json_t *contacts = json_object_get(o, "contacts");
        for (size_t i = 0; e == E_OK && i < json_array_size(contacts); i++)
                e = contact_from_json(r, json_array_get(contacts, i));
        if (e != E_OK)
                talloc_free(r);
        else
                *ret = r;
        return e;
}
