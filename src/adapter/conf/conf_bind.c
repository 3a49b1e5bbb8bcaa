#include "adapter/conf/conf_tree.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <talloc.h>

/* One setting on its way from text to field. */
struct binding {
        struct conf *conf;
        const char *section;
        const struct conf_item *item;
        struct conf_word at; /* line 0: the default is being bound */
        const char *text;    /* after {placeholders} */
        uint8_t *field;
        struct conf_report *rep;
};

static enum ecode wrong(const struct binding *b, enum ecode code, const char *want)
{
        return conf_problem(b->rep, &b->at, code, want, "%s.%s: \"%.80s\" does not fit", b->section, b->item->name,
                            b->text);
}

static bool optional(const struct conf_item *i)
{
        return i->dflt != NULL && *i->dflt == 0;
}

static enum ecode put_text(const struct binding *b, const char *text)
{
        const char *copy = talloc_strdup(b->conf, text);
        memcpy(b->field, &copy, sizeof copy);
        return copy != NULL ? E_OK : E_NOMEM;
}

static enum ecode put_string(const struct binding *b)
{
        return put_text(b, b->text);
}

/* "127.0.1.1:8443" or "[::1]:8443" */
static enum ecode put_listen(const struct binding *b)
{
        static const char want[] = "write address and port, for example 127.0.1.1:8443 or [::1]:8443";
        char ip[64];
        uint8_t raw[16];
        const char *colon = strrchr(b->text, ':');
        size_t n = colon ? (size_t)(colon - b->text) : 0;
        if (*b->text == 0 && optional(b->item))
                return put_text(b, "");
        if (colon == NULL || n >= sizeof ip)
                return wrong(b, E_SYNTAX, want);
        memcpy(ip, b->text, n);
        ip[n] = 0;
        bool v6 = n > 2 && ip[0] == '[' && ip[n - 1] == ']';
        if (v6) {
                ip[n - 1] = 0;
                memmove(ip, ip + 1, n - 1);
        }
        char *end;
        long port = strtol(colon + 1, &end, 10);
        if (inet_pton(v6 ? AF_INET6 : AF_INET, ip, raw) != 1 || !isdigit((unsigned char)colon[1]) || *end != 0)
                return wrong(b, E_SYNTAX, want);
        if (port < 1 || port > 65535)
                return wrong(b, E_RANGE, "a port is 1 to 65535");
        return put_text(b, b->text);
}

static enum ecode put_url(const struct binding *b)
{
        static const char scheme[] = "https://";
        if (*b->text == 0 && optional(b->item))
                return put_text(b, "");
        bool good =
                strncmp(b->text, scheme, sizeof scheme - 1) == 0 && isalnum((unsigned char)b->text[sizeof scheme - 1]);
        for (const char *p = b->text; *p; p++)
                good &= *p > ' ' && *p < 127;
        return good ? put_text(b, b->text) : wrong(b, E_SYNTAX, "write an absolute address that begins with https://");
}

static enum ecode put_path(const struct binding *b)
{
        if (*b->text == 0 || *b->text == '/' || b->conf->dir == NULL)
                return put_text(b, b->text);
        char *whole = talloc_asprintf(b->conf, "%s/%s", b->conf->dir, b->text);
        memcpy(b->field, &whole, sizeof whole);
        return whole != NULL ? E_OK : E_NOMEM;
}

static enum ecode put_choice(const struct binding *b)
{
        struct conf_list words;
        void *tmp = talloc_new(NULL);
        enum ecode e = conf_split(tmp, b->item->choices, &words);
        bool found = false;
        for (size_t i = 0; e == E_OK && i < words.n; i++)
                found |= !strcmp(words.item[i], b->text);
        if (e == E_OK && !found)
                e = wrong(b, E_RANGE, talloc_asprintf(tmp, "one of: %s", b->item->choices));
        talloc_free(tmp);
        return e != E_OK ? e : put_text(b, b->text);
}

static enum ecode put_number(const struct binding *b, int64_t value)
{
        if (value < b->item->least || (b->item->most != 0 && value > b->item->most)) {
                char want[96];
                snprintf(want, sizeof want, "%lld to %lld", (long long)b->item->least, (long long)b->item->most);
                return wrong(b, E_RANGE, want);
        }
        memcpy(b->field, &value, sizeof value);
        return E_OK;
}

static enum ecode put_int(const struct binding *b)
{
        char *end;
        errno = 0;
        long long v = strtoll(b->text, &end, 10);
        if (end == b->text || *end != 0 || errno != 0)
                return wrong(b, E_SYNTAX, "write a whole number");
        return put_number(b, v);
}

static enum ecode put_seconds(const struct binding *b)
{
        static const char want[] = "write seconds, or a number with s, m, h or d: 90, 15m, 2h, 30d";
        char *end;
        errno = 0;
        long long v = strtoll(b->text, &end, 10), unit = 1;
        switch (*end) {
        case 0:
        case 's': unit = 1; break;
        case 'm': unit = 60; break;
        case 'h': unit = 3600; break;
        case 'd': unit = 86400; break;
        default: return wrong(b, E_SYNTAX, want);
        }
        long long product;
        if (end == b->text || (*end != 0 && end[1] != 0) || errno != 0 || __builtin_mul_overflow(v, unit, &product))
                return wrong(b, E_SYNTAX, want);
        return put_number(b, product);
}

static enum ecode put_bool(const struct binding *b)
{
        static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no", "off" };
        for (size_t i = 0; i < COUNT(yes); i++) {
                bool v = !strcmp(b->text, yes[i]);
                if (v || !strcmp(b->text, no[i])) {
                        memcpy(b->field, &v, sizeof v);
                        return E_OK;
                }
        }
        return wrong(b, E_SYNTAX, "write true or false");
}

static enum ecode put_list(const struct binding *b)
{
        struct conf_list l;
        enum ecode e = conf_split(b->conf, b->text, &l);
        if (e == E_OK)
                memcpy(b->field, &l, sizeof l);
        return e;
}

static const struct {
        size_t size;
        enum ecode (*put)(const struct binding *b);
} types[] = {
        [CONF_T_STRING] = { sizeof(const char *), put_string },
        [CONF_T_LISTEN] = { sizeof(const char *), put_listen },
        [CONF_T_URL] = { sizeof(const char *), put_url },
        [CONF_T_PATH] = { sizeof(const char *), put_path },
        [CONF_T_CHOICE] = { sizeof(const char *), put_choice },
        [CONF_T_LIST] = { sizeof(struct conf_list), put_list },
        [CONF_T_INT] = { sizeof(int64_t), put_int },
        [CONF_T_SECONDS] = { sizeof(int64_t), put_seconds },
        [CONF_T_BOOL] = { sizeof(bool), put_bool },
};

static enum ecode expand_or_report(const struct binding *b, const char *raw, char **ret)
{
        char *unknown = NULL;
        char *text = conf_expand(b->conf, b->conf, raw, &unknown);
        if (text == NULL)
                return conf_problem(b->rep, &b->at, E_NOT_FOUND, "there are {net}, {mc_domain} and {ims_domain}",
                                    "%s.%s names {%s}, which means nothing", b->section, b->item->name,
                                    unknown ? unknown : "");
        *ret = text;
        return E_OK;
}

static enum ecode bind_sequence(struct binding *b, const struct conf_entry *e)
{
        if (b->item->type != CONF_T_LIST)
                return conf_problem(b->rep, &e->value, E_SYNTAX, "write one value", "%s.%s is no list", b->section,
                                    b->item->name);
        struct conf_list l = { talloc_array(b->conf, const char *, e->items_n + 1), 0 };
        if (l.item == NULL)
                return E_NOMEM;
        for (size_t i = 0; i < e->items_n; i++) {
                char *text = NULL;
                b->at = e->items[i];
                if (expand_or_report(b, e->items[i].text, &text) == E_OK)
                        l.item[l.n++] = text;
        }
        l.item[l.n] = NULL;
        memcpy(b->field, &l, sizeof l);
        return E_OK;
}

static enum ecode bind_item(struct binding *b, const struct conf_section *s)
{
        const struct conf_entry *e = conf_entry_find(s, b->item->name);
        const char *raw = b->item->dflt;
        if (e != NULL && !e->absent) {
                if (e->kind == CONF_SEQUENCE)
                        return bind_sequence(b, e);
                raw = e->value.text;
                b->at = e->value;
        }
        if (raw == NULL) {
                const struct conf_word *at = e ? &e->key : s ? &s->name : NULL;
                return conf_problem(b->rep, at, E_MISSING, b->item->text, "%s.%s has to be set", b->section,
                                    b->item->name);
        }
        char *text = NULL;
        enum ecode err = expand_or_report(b, raw, &text);
        if (err != E_OK)
                return err;
        b->text = text;
        return types[b->item->type].put(b);
}

static void report_unknown(const char *section, const struct conf_section *s, const struct conf_item *items,
                           struct conf_report *rep)
{
        const char *words[257] = { 0 };
        for (size_t i = 0; i < COUNT(words) - 1 && items[i].name != NULL; i++)
                words[i] = items[i].name;
        for (size_t i = 0; s != NULL && i < s->entries_n; i++) {
                const struct conf_word *key = &s->entries[i].key;
                bool known = false;
                for (const char *const *w = words; *w != NULL; w++)
                        known |= !strcmp(*w, key->text);
                if (known)
                        continue;
                const char *near = conf_nearest(key->text, words);
                char *remedy = near ? talloc_asprintf(NULL, "did you mean %s?", near)
                                    : talloc_asprintf(NULL, "`muster config sample %s` lists what there is", section);
                conf_problem(rep, key, E_NOT_FOUND, remedy, "%s has no setting %s", section, key->text);
                talloc_free(remedy);
        }
}

enum ecode conf_bind(struct conf *c, const char *section, const struct conf_item *items, void *out, size_t out_size,
                     struct conf_report *rep)
{
        size_t before = rep->n;
        const struct conf_section *s = conf_section_find(c, section);
        uint8_t *room = talloc_zero_size(NULL, out_size ? out_size : 1);
        if (room == NULL)
                return E_NOMEM;
        enum ecode e = E_OK;
        for (const struct conf_item *i = items; e != E_NOMEM && i->name != NULL; i++) {
                if (i->offset > out_size || types[i->type].size > out_size - i->offset) {
                        e = conf_problem(rep, NULL, E_INTERNAL, NULL, "%s.%s lies outside of its struct", section,
                                         i->name);
                        continue;
                }
                struct binding b = { c, section, i, { 0 }, NULL, room + i->offset, rep };
                e = bind_item(&b, s);
        }
        report_unknown(section, s, items, rep);
        bool good = e != E_NOMEM && rep->n == before;
        if (good)
                memcpy(out, room, out_size);
        talloc_free(room);
        return good ? E_OK : e == E_NOMEM ? E_NOMEM : E_CONFIG;
}
