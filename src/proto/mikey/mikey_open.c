#include <talloc.h>

#include "base/rdwr.h"
#include "proto/mikey/mikey_params.h"
#include "proto/mikey/mikey_wire.h"

/* Clocks of two ends may differ around the change of a key period. */
#define PERIOD_SLACK_S 300

/* Is `uid` that of `uri` at time t, or within the slack of it? */
static bool uid_near(const struct mikey_domain *d, const char *uri, int64_t t, struct bytes uid)
{
        static const int64_t slack[] = { 0, -PERIOD_SLACK_S, PERIOD_SLACK_S };
        for (size_t i = 0; i < COUNT(slack); i++) {
                struct uid u;
                if (mikey_domain_uid(d, uri, t + slack[i], &u, NULL, NULL) == E_OK && bytes_eq(uid_bytes(&u), uid))
                        return true;
        }
        return false;
}

static bool is_me(const struct mikey_user *u, const struct mikey_msg *m, int64_t t)
{
        if (!bytes_eq_str(m->kms_r.data, u->home->kms_uri) || !uid_near(u->home, u->uri, t, uid_bytes(&u->uid)))
                return false;
        return m->hidden ? bytes_eq(m->responder.data, uid_bytes(&u->uid)) : bytes_eq_str(m->responder.data, u->uri);
}

/* R-KMS-105, R-KMS-112 */
static enum ecode find_self(const struct mikey_msg *m, const struct mikey_expect *x, int64_t t,
                            const struct mikey_user **ret, struct err *er)
{
        bool my_kms = false;
        for (size_t i = 0; i < x->selves_n; i++) {
                if (is_me(x->selves[i], m, t)) {
                        *ret = x->selves[i];
                        return E_OK;
                }
                my_kms = my_kms || bytes_eq_str(m->kms_r.data, x->selves[i]->home->kms_uri);
        }
        if (!my_kms)
                return err_set(er, E_NOT_FOUND, "R-KMS-112", "the receiver's KMS %.*s is not mine",
                               (int)m->kms_r.data.n, (const char *)m->kms_r.data.p);
        return err_set(er, E_NOT_FOUND, "R-KMS-105", "the message is not for me in that key period");
}

static enum ecode check_type_and_time(const struct mikey_msg *m, const struct mikey_expect *x, int64_t t,
                                      struct err *er)
{
        enum mikey_type type = mikey_key_type(m->csb_id);
        if (!(x->types & 1u << type))
                return err_set(er, E_RANGE, "R-KMS-108", "a key of type %u is not expected here", (unsigned)type);
        if (x->window_s > 0 && (t < x->now_s - x->window_s || t > x->now_s + x->window_s))
                return err_set(er, E_RANGE, "R-KMS-110", "the message is %lld s away from now",
                               (long long)(t - x->now_s));
        return E_OK;
}

/* R-KMS-112, R-KMS-113 */
static enum ecode find_domain(void *mem, const struct mikey_msg *m, const struct mikey_expect *x, int64_t t,
                              const struct mikey_domain **ret, struct err *er)
{
        char *uri = bytes_to_str(mem, m->kms_i.data);
        if (uri == NULL)
                return err_set(er, E_NOMEM, NULL, "I_MESSAGE");
        *ret = x->domain_of(x->domain_arg, uri);
        enum ecode e = E_OK;
        if (*ret == NULL)
                e = err_set(er, E_UNTRUSTED_PEER, "R-KMS-112", "the initiator's KMS %s is not allowed", uri);
        else if (!mikey_domain_valid(*ret, t))
                e = err_set(er, E_UNTRUSTED_PEER, "R-KMS-113", "the certificate of %s is not valid at that time", uri);
        talloc_free(uri);
        return e;
}

/* The UID that signs, and the name where the message shows it. */
static enum ecode read_initiator(void *mem, const struct mikey_msg *m, struct mikey_opened *o, struct err *er)
{
        if (m->hidden) {
                memcpy(o->initiator_uid.b, m->initiator.data.p, sizeof o->initiator_uid.b);
                return E_OK;
        }
        o->initiator_uri = bytes_to_str(mem, m->initiator.data);
        if (o->initiator_uri == NULL)
                return err_set(er, E_NOMEM, NULL, "I_MESSAGE");
        return mikey_domain_uid(o->initiator_domain, o->initiator_uri, o->time_s, &o->initiator_uid, NULL, er);
}

bool mikey_initiator_is(const struct mikey_opened *o, const char *uri)
{
        if (o->initiator_uri != NULL)
                return strcmp(o->initiator_uri, uri) == 0;
        return uid_near(o->initiator_domain, uri, o->time_s, uid_bytes(&o->initiator_uid));
}

/* The signature first, then that its owner is who the transport says: E.7, R-KMS-106. */
static enum ecode authenticate(void *mem, const struct mikey_msg *m, const struct mikey_expect *x,
                               struct mikey_opened *o, struct err *er)
{
        enum ecode e = read_initiator(mem, m, o, er);
        if (e == E_OK)
                e = eccsi_verify(&o->initiator_domain->kpak, uid_bytes(&o->initiator_uid), m->signed_part, m->signature,
                                 er);
        if (e != E_OK || x->initiator_uri == NULL)
                return e;
        if (!mikey_initiator_is(o, x->initiator_uri))
                return err_set(er, E_TOKEN_IDENTITY, "R-KMS-106", "the message is signed by somebody else than %s",
                               x->initiator_uri);
        if (o->initiator_uri == NULL)
                o->initiator_uri = talloc_strdup(mem, x->initiator_uri);
        return o->initiator_uri != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "I_MESSAGE");
}

static enum ecode decapsulate(const struct mikey_msg *m, struct mikey_opened *o, struct err *er)
{
        const struct mikey_user *u = o->self;
        if (u->table != NULL)
                return sakke_decapsulate_table(u->table, m->sakke.sed, &o->key.key, er);
        return sakke_decapsulate(u->home->sakke, uid_bytes(&u->uid), &u->rsk, m->sakke.sed, &o->key.key, er);
}

static bool spi_fits(struct bytes spi, const struct mikey_opened *o)
{
        struct rd r = rd_init(spi);
        uint32_t first = rd_u32(&r);
        if (spi.n == 8)
                return o->type == MIKEY_GMK && first == o->key.id && rd_u32(&r) == o->csb_id;
        return spi.n == 4 && (first == o->key.id || first == o->csb_id);
}

/* R-KMS-109 */
static enum ecode identify_key(const struct mikey_msg *m, struct mikey_opened *o, struct err *er)
{
        o->csb_id = m->csb_id;
        o->key.id = m->csb_id;
        if (o->type == MIKEY_GMK) {
                enum ecode e = kdf_guk_id(&o->key.key, m->csb_id, bytes_str(o->self->uri), &o->key.id);
                if (e != E_OK)
                        return err_set(er, e, NULL, "GMK-ID");
        }
        for (size_t i = 0; i < m->cs_n; i++)
                if (m->cs[i].spi.n > 0 && !spi_fits(m->cs[i].spi, o))
                        return err_set(er, E_SYNTAX, "R-KMS-109", "the SPI does not name the key");
        return E_OK;
}

static enum ecode take_key(void *mem, const struct mikey_msg *m, struct mikey_opened *o, struct err *er)
{
        enum ecode e = decapsulate(m, o, er);
        if (e == E_OK)
                e = identify_key(m, o, er);
        if (e == E_OK && m->key_params.n > 0)
                e = mikey_params_open(mem, m->key_params, &o->key.key, m->csb_id, &o->params, er);
        if (e != E_OK)
                return e;
        o->rand = bytes_copy(mem, m->rand);
        return o->rand.p != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "I_MESSAGE");
}

void mikey_opened_wipe(struct mikey_opened *o)
{
        mikey_key_wipe(&o->key);
}

enum ecode mikey_open(void *mem, struct bytes message, const struct mikey_expect *x, struct mikey_opened *ret,
                      struct err *er)
{
        struct mikey_msg m;
        __attribute__((cleanup(mikey_opened_wipe))) struct mikey_opened o = { 0 };
        enum ecode e = mikey_parse(message, &m, er);
        if (e != E_OK)
                return e;
        o.time_s = mikey_time_s(&m, x->now_s);
        o.type = mikey_key_type(m.csb_id);
        e = find_self(&m, x, o.time_s, &o.self, er);
        if (e == E_OK)
                e = check_type_and_time(&m, x, o.time_s, er);
        if (e == E_OK)
                e = find_domain(mem, &m, x, o.time_s, &o.initiator_domain, er);
        if (e == E_OK)
                e = authenticate(mem, &m, x, &o, er);
        if (e == E_OK)
                e = take_key(mem, &m, &o, er);
        if (e == E_OK)
                *ret = o;
        return e;
}
