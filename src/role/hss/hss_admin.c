#include "base/codec.h"
#include "crypto/digest.h"
#include "role/common/request.h"
#include "role/hss/hss_priv.h"

#include <talloc.h>

#define IDENTITY_MAX 255u /* octets */
#define IMPUS_MAX    64u

/* Identities travel in SIP headers, XML and Diameter: no spaces, quotes, angle brackets or control characters. */
static bool plain(const char *s)
{
        size_t n = strlen(s);
        for (const char *p = s; *p; p++) {
                if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127 || strchr("\"<>;,\\", *p) != NULL)
                        return false;
        }
        return n > 0 && n <= IDENTITY_MAX;
}

static enum ecode wrong(struct err *er, const char *what)
{
        return err_set(er, E_SYNTAX, "R-SA-122", "%s", what);
}

static enum ecode get_impi(json_t *in, const char **ret, struct err *er)
{
        const char *impi = json_string_value(json_object_get(in, "impi"));
        if (impi == NULL || !plain(impi) || strchr(impi, '@') == NULL)
                return wrong(er, "impi has to be user@domain");
        *ret = impi;
        return E_OK;
}

static enum ecode get_impus(void *mem, json_t *list, struct hss_subscription *s, struct err *er)
{
        size_t n = json_array_size(list);
        struct hss_impu *to = talloc_zero_array(mem, struct hss_impu, (unsigned)(n ? n : 1));
        if (n == 0 || n > IMPUS_MAX)
                return wrong(er, "impus has to be a list of 1 to 64 public identities, the default one first");
        if (to == NULL)
                return err_set(er, E_NOMEM, NULL, "impus");
        for (size_t i = 0; i < n; i++) {
                json_t *o = json_array_get(list, i);
                to[i].uri = json_string_value(json_is_object(o) ? json_object_get(o, "uri") : o);
                to[i].barred = json_is_true(json_object_get(o, "barred"));
                if (to[i].uri == NULL || !plain(to[i].uri) ||
                    (strncmp(to[i].uri, "sip:", 4) != 0 && strncmp(to[i].uri, "tel:", 4) != 0))
                        return wrong(er, "a public identity has to be a sip: or tel: URI without parameters");
                for (size_t k = 0; k < i; k++) {
                        if (!strcmp(to[k].uri, to[i].uri))
                                return err_set(er, E_DUPLICATE, "R-SA-122", "%s stands twice", to[i].uri);
                }
        }
        s->impus = to;
        s->impus_n = n;
        return E_OK;
}

static enum ecode put_sealed(struct hss *h, void *mem, const char *impi, const char *field, struct bytes plain_value,
                             struct bytes *ret, struct err *er)
{
        const char *name = hss_seal_name(mem, impi, field);
        enum ecode e = name != NULL ? seal(mem, h->env->seal_key, h->env->rng, name, plain_value, ret) : E_NOMEM;
        return e == E_OK ? E_OK : err_set(er, e, NULL, "sealing %s", field);
}

/* 16 octets in hex; E_NOT_FOUND: the argument is absent. */
static enum ecode get_key(json_t *in, const char *name, uint8_t out[16], struct err *er)
{
        json_t *o = json_object_get(in, name);
        if (o == NULL)
                return E_NOT_FOUND;
        if (!json_is_string(o) || hex_decode_to(bytes_str(json_string_value(o)), out, 16) != E_OK)
                return err_set(er, E_SYNTAX, "R-SA-122", "%s has to be 32 hex digits", name);
        return E_OK;
}

/* E_NOT_FOUND where nothing was asked is no failure. */
static bool failed(enum ecode e)
{
        return e != E_OK && e != E_NOT_FOUND;
}

/* OPc as given, or made from OP, which is not kept. E_NOT_FOUND: neither was given. */
static enum ecode get_opc(json_t *in, const struct milenage_k *k, enum ecode have_k, struct milenage_opc *ret,
                          struct err *er)
{
        SECRET(milenage_op) op = { 0 };
        enum ecode e = get_key(in, "opc", ret->b, er);
        if (e != E_NOT_FOUND || (e = get_key(in, "op", op.b, er)) != E_OK)
                return e;
        if (have_k != E_OK)
                return wrong(er, "op needs k with it");
        e = milenage_opc_of(k, &op, ret);
        return e == E_OK ? E_OK : err_set(er, e, NULL, "OPc");
}

static enum ecode get_aka(struct hss *h, void *mem, json_t *in, struct hss_subscription *s, struct err *er)
{
        SECRET(milenage_k) k = { 0 };
        SECRET(milenage_opc) opc = { 0 };
        json_t *amf = json_object_get(in, "amf");
        if (amf != NULL && hex_decode_to(bytes_str(json_string_value(amf)), s->amf, sizeof s->amf) != E_OK)
                return wrong(er, "amf has to be 4 hex digits");
        enum ecode ek = get_key(in, "k", k.b, er);
        if (ek == E_OK)
                ek = put_sealed(h, mem, s->impi, "k", BYTES_ARR(k.b), &s->k, er);
        if (failed(ek))
                return ek;
        enum ecode eo = get_opc(in, &k, ek, &opc, er);
        if (eo == E_OK)
                eo = put_sealed(h, mem, s->impi, "opc", BYTES_ARR(opc.b), &s->opc, er);
        if (failed(eo))
                return eo;
        return s->k.n > 0 && s->opc.n > 0 ? E_OK : err_set(er, E_MISSING, "R-SA-122", "AKA needs k, and opc or op");
}

static enum ecode get_digest(struct hss *h, void *mem, json_t *in, struct hss_subscription *s, struct err *er)
{
        __attribute__((cleanup(digest_hex_wipe))) struct digest_hex ha1 = { { 0 } };
        uint8_t bin[16];
        const char *password = json_string_value(json_object_get(in, "password"));
        const char *given = json_string_value(json_object_get(in, "ha1"));
        if (password == NULL && given == NULL)
                return s->ha1.n > 0 ? E_OK : err_set(er, E_MISSING, "R-SA-122", "SIP Digest needs password or ha1");
        enum ecode e = E_OK;
        if (given != NULL && hex_decode_to(bytes_str(given), bin, sizeof bin) != E_OK)
                return wrong(er, "ha1 has to be 32 hex digits");
        if (given == NULL) {
                e = digest_ha1(DIGEST_MD5, bytes_str(s->impi), bytes_str(h->conf->digest_realm), bytes_str(password),
                               &ha1);
        } else {
                for (size_t i = 0; i < 32; i++) /* RFC 2617 clause 3.1.3: lower case */
                        ha1.s[i] = (char)(given[i] >= 'A' && given[i] <= 'F' ? given[i] + 32 : given[i]);
        }
        if (e != E_OK)
                return err_set(er, e, NULL, "ha1");
        return put_sealed(h, mem, s->impi, "ha1", bytes_of(ha1.s, 32), &s->ha1, er);
}

static enum ecode get_credentials(struct hss *h, void *mem, json_t *in, struct hss_subscription *s, struct err *er)
{
        json_t *auth = json_object_get(in, "auth"), *no_null = json_object_get(in, "no_null_res");
        const char *word = json_string_value(auth);
        if (auth != NULL && (word == NULL || (strcmp(word, "aka") != 0 && strcmp(word, "digest") != 0)))
                return wrong(er, "auth has to be aka or digest");
        if (word != NULL)
                s->auth = !strcmp(word, "aka") ? HSS_AUTH_AKA : HSS_AUTH_DIGEST;
        if (no_null != NULL)
                s->no_null_res = json_is_true(no_null);
        return s->auth == HSS_AUTH_AKA ? get_aka(h, mem, in, s, er) : get_digest(h, mem, in, s, er);
}

/* The subscription as user-put would store it. */
static enum ecode merge(struct hss *h, void *mem, json_t *in, struct hss_subscription *ret, bool *created,
                        struct err *er)
{
        struct hss_subscription s = { .amf = { 0x80, 0x00 } }; /* separation bit: TS 33.102 annex H */
        const char *impi = NULL;
        enum ecode e = get_impi(in, &impi, er);
        if (e != E_OK)
                return e;
        e = h->st->ops->by_impi(h->st, mem, impi, &s, er);
        if (e != E_OK && e != E_NOT_FOUND)
                return e;
        *created = e == E_NOT_FOUND;
        if (!*created && json_is_true(json_object_get(in, "new")))
                return err_set(er, E_EXISTS, "R-SA-122", "there is a subscription of %s already", impi);
        s.impi = impi;
        if (*created || json_object_get(in, "impus") != NULL) {
                e = get_impus(mem, json_object_get(in, "impus"), &s, er);
                if (e != E_OK)
                        return e;
        }
        e = get_credentials(h, mem, in, &s, er);
        if (e == E_OK)
                *ret = s;
        return e;
}

static json_t *show(const struct hss_subscription *s)
{
        static const char *const states[] = { "not registered", "registered", "unregistered" };
        char amf[5];
        json_t *impus = json_array();
        for (size_t i = 0; i < s->impus_n; i++)
                json_array_append_new(
                        impus, json_pack("{s:s,s:b}", "uri", s->impus[i].uri, "barred", (int)s->impus[i].barred));
        snprintf(amf, sizeof amf, "%02x%02x", s->amf[0], s->amf[1]);
        json_t *o = json_pack("{s:s,s:o,s:s,s:b,s:s}", "impi", s->impi, "impus", impus, "auth",
                              s->auth == HSS_AUTH_AKA ? "aka" : "digest", "no_null_res", (int)s->no_null_res, "state",
                              states[s->state]);
        if (s->auth == HSS_AUTH_AKA) {
                json_object_set_new(o, "amf", json_string(amf));
                json_object_set_new(o, "sqn", json_integer((json_int_t)s->sqn));
        }
        if (s->scscf != NULL)
                json_object_set_new(o, "scscf", json_string(s->scscf));
        return o;
}

static enum ecode give(json_t *o, json_t **out, struct err *er)
{
        if (o == NULL)
                return err_set(er, E_NOMEM, NULL, "answer");
        *out = o;
        return E_OK;
}

static enum ecode user_put(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct hss *h = role;
        struct hss_subscription s = { 0 };
        bool created = false;
        enum ecode e = merge(h, mem, in, &s, &created, er);
        if (e == E_OK)
                e = h->st->ops->put(h->st, &s, &created, er);
        if (e != E_OK)
                return e;
        json_t *o = show(&s);
        if (o != NULL)
                json_object_set_new(o, "created", json_boolean(created));
        ev(h->env->log, EV_INFO, "user_put", KV_HASH("user", s.impi), KV_BOOL("created", created));
        return give(o, out, er);
}

static enum ecode user_check(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct hss *h = role;
        struct hss_subscription s = { 0 };
        bool created = false;
        enum ecode e = merge(h, mem, in, &s, &created, er);
        for (size_t i = 0; e == E_OK && i < s.impus_n; i++) {
                const char *owner = NULL;
                e = h->st->ops->impi_of(h->st, mem, s.impus[i].uri, &owner, er);
                if (e == E_NOT_FOUND)
                        e = E_OK;
                else if (e == E_OK && strcmp(owner, s.impi) != 0)
                        e = err_set(er, E_EXISTS, "R-SA-122", "%s belongs to another subscription", s.impus[i].uri);
        }
        if (e != E_OK)
                return e;
        json_t *o = show(&s);
        if (o != NULL)
                json_object_set_new(o, "created", json_boolean(created));
        return give(o, out, er);
}

static enum ecode user_show(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct hss *h = role;
        struct hss_subscription s = { 0 };
        const char *impi = NULL;
        enum ecode e = get_impi(in, &impi, er);
        if (e == E_OK)
                e = h->st->ops->by_impi(h->st, mem, impi, &s, er);
        return e == E_OK ? give(show(&s), out, er) : e;
}

static enum ecode user_list(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct hss *h = role;
        const char **impis = NULL;
        struct page page;
        size_t n = 0;
        enum ecode e = arg_page(in, &page, er);
        if (e == E_OK)
                e = h->st->ops->list(h->st, mem, page.after, page.most, &impis, &n, er);
        if (e != E_OK)
                return e;
        json_t *users = json_array();
        for (size_t i = 0; i < n && e == E_OK; i++) {
                struct hss_subscription s = { 0 };
                e = h->st->ops->by_impi(h->st, mem, impis[i], &s, er);
                if (e == E_OK)
                        json_array_append_new(users, show(&s));
                else if (e == E_NOT_FOUND) /* removed meanwhile */
                        e = E_OK;
        }
        json_t *o = json_pack("{s:o}", "users", users);
        if (o != NULL && n == page.most)
                json_object_set_new(o, "next", json_string(impis[n - 1]));
        if (e != E_OK) {
                json_decref(o);
                return e;
        }
        return give(o, out, er);
}

static enum ecode user_del(void *role, void *mem, json_t *in, json_t **out, struct err *er)
{
        struct hss *h = role;
        const char *impi = NULL;
        (void)mem;
        enum ecode e = get_impi(in, &impi, er);
        if (e == E_OK)
                e = h->st->ops->del(h->st, impi, er);
        if (e != E_OK && e != E_NOT_FOUND)
                return e;
        if (e == E_OK)
                ev(h->env->log, EV_INFO, "user_deleted", KV_HASH("user", impi));
        return give(json_pack("{s:b}", "deleted", e == E_OK), out, er);
}

const struct admin_cmd hss_admin_cmds[] = {
        { "user-put", user_put },   { "user-check", user_check }, { "user-show", user_show },
        { "user-list", user_list }, { "user-del", user_del },     { 0 },
};
