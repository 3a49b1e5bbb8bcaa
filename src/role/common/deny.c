#include "role/common/deny.h"

#include "role/common/trust_file.h"

#include <talloc.h>

#define FILE_MOST ((size_t)8 << 20)

static const char *const claim_names[] = { "jti", "sub", "client_id" };

struct entry {
        unsigned claim; /* index of claim_names */
        const char *value;
        int64_t at_s;
};

struct deny {
        char *path;
        struct entry *entry;
        size_t n;
};

static bool claim_of(const char *name, unsigned *ret)
{
        for (unsigned i = 0; name != NULL && i < COUNT(claim_names); i++) {
                if (strcmp(claim_names[i], name) == 0) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

static const char *claim_value(const struct token_claims *c, unsigned claim)
{
        return claim == 0 ? c->jti : claim == 1 ? c->sub : c->client_id;
}

json_t *deny_json(const struct deny *d)
{
        json_t *list = json_array();
        for (size_t i = 0; i < d->n; i++)
                json_array_append_new(list, json_pack("{ss ss sI}", "claim", claim_names[d->entry[i].claim], "value",
                                                      d->entry[i].value, "at", (json_int_t)d->entry[i].at_s));
        return json_pack("{so}", "denied", list);
}

static enum ecode save(const struct deny *d)
{
        json_t *o = deny_json(d);
        char *text = json_dumps(o, JSON_COMPACT);
        enum ecode e = text != NULL ? trust_file_write(d->path, bytes_str(text)) : E_NOMEM;
        free(text);
        json_decref(o);
        return e;
}

static enum ecode load(struct deny *d, struct bytes text)
{
        json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL), *one;
        const json_t *list = json_object_get(o, "denied");
        enum ecode e = json_is_array(list) && json_array_size(list) <= DENY_MOST ? E_OK : E_SYNTAX;
        size_t i;
        json_array_foreach(list, i, one)
        {
                struct entry *x = &d->entry[d->n];
                const char *value = json_string_value(json_object_get(one, "value"));
                if (e != E_OK || value == NULL ||
                    !claim_of(json_string_value(json_object_get(one, "claim")), &x->claim)) {
                        e = E_SYNTAX;
                        break;
                }
                x->value = talloc_strdup(d, value);
                x->at_s = json_integer_value(json_object_get(one, "at"));
                if (x->value == NULL) {
                        e = E_NOMEM;
                        break;
                }
                d->n++;
        }
        json_decref(o);
        return e;
}

enum ecode deny_open(void *mem, const char *state_dir, struct deny **ret, struct err *er)
{
        struct deny *d = talloc_zero(mem, struct deny);
        struct bytes text;
        if (d == NULL || (state_dir != NULL && (d->path = talloc_asprintf(d, "%s/denied.json", state_dir)) == NULL) ||
            (d->entry = talloc_zero_array(d, struct entry, DENY_MOST)) == NULL) {
                talloc_free(d);
                return err_set(er, E_NOMEM, NULL, "deny list");
        }
        void *tmp = talloc_new(NULL);
        enum ecode e = d->path != NULL ? trust_file_read(tmp, d->path, FILE_MOST, &text) : E_NOT_FOUND;
        e = e == E_NOT_FOUND ? E_OK : e == E_OK ? load(d, text) : e;
        talloc_free(tmp);
        if (e != E_OK) {
                err_set(er, e, "R-KMS-33", "%.150s cannot be read: repair or remove it", d->path);
                talloc_free(d);
                return e;
        }
        *ret = d;
        return E_OK;
}

/* Drops what no token can be as old as. */
static void forget_old(struct deny *d, int64_t now_s)
{
        size_t kept = 0;
        for (size_t i = 0; i < d->n; i++)
                if (d->entry[i].at_s > now_s - DENY_KEPT_S)
                        d->entry[kept++] = d->entry[i];
        d->n = kept;
}

enum ecode deny_add(struct deny *d, const char *claim, const char *value, int64_t now_s, struct err *er)
{
        struct entry x = { .at_s = now_s };
        if (!claim_of(claim, &x.claim))
                return err_set(er, E_SYNTAX, NULL, "tokens are denied by jti, sub or client_id");
        forget_old(d, now_s);
        if (d->n == DENY_MOST)
                return err_set(er, E_LIMIT, NULL, "%d tokens are denied already", DENY_MOST);
        if (d->path == NULL)
                return err_set(er, E_CONFIG, NULL, "there is no folder to keep the deny list in");
        x.value = talloc_strdup(d, value);
        if (x.value == NULL)
                return err_set(er, E_NOMEM, NULL, "deny list");
        d->entry[d->n++] = x;
        enum ecode e = save(d);
        if (e == E_OK)
                return E_OK;
        d->n--;
        return err_set(er, e, NULL, "%.150s cannot be written", d->path);
}

enum ecode deny_check(const struct deny *d, const struct token_claims *c, struct err *er)
{
        for (size_t i = 0; i < d->n; i++) {
                const struct entry *x = &d->entry[i];
                const char *value = claim_value(c, x->claim);
                if (value != NULL && c->iat <= x->at_s && strcmp(value, x->value) == 0)
                        return err_set(er, E_TOKEN_REVOKED, "R-KMS-33", "denied here by its %s", claim_names[x->claim]);
        }
        return E_OK;
}
