#include "proto/mikey/mikey.h"

#include <talloc.h>

#include "base/codec.h"
#include "base/env.h"
#include "base/rdwr.h"
#include "proto/mikey/mikey_wire.h"

/* One bit for each payload that may stand once. */
enum seen {
        SEEN_T = 1 << 0,
        SEEN_RAND = 1 << 1,
        SEEN_INITIATOR = 1 << 2,
        SEEN_RESPONDER = 1 << 3,
        SEEN_KMS_I = 1 << 4,
        SEEN_KMS_R = 1 << 5,
        SEEN_SAKKE = 1 << 6,
        SEEN_SELF = 1 << 7,
        SEEN_PARAMS = 1 << 8,
        SEEN_SIGN = 1 << 9,
};
#define SEEN_ALL_MANDATORY                                                                                             \
        (SEEN_T | SEEN_RAND | SEEN_INITIATOR | SEEN_RESPONDER | SEEN_KMS_I | SEEN_KMS_R | SEEN_SAKKE | SEEN_SIGN)

struct parser {
        struct rd rd;
        struct bytes whole;
        struct mikey_msg *m;
        unsigned seen;
        bool hidden[2]; /* by role: initiator, responder */
        struct err *er;
};

static enum ecode once(struct parser *p, enum seen bit, const char *what)
{
        if (p->seen & bit)
                return err_set(p->er, E_DUPLICATE, "R-KMS-107", "%s stands twice", what);
        p->seen |= bit;
        return E_OK;
}

static void read_generic_cs(struct rd *r, struct mikey_cs *cs)
{
        cs->cs_id = rd_u8(r);
        cs->protocol = rd_u8(r);
        uint8_t flags = rd_u8(r);
        cs->session_flag = flags & 0x80;
        cs->policies = rd_bytes(r, flags & 0x7f);
        cs->session_data = rd_bytes(r, rd_u16(r));
        cs->spi = rd_bytes(r, rd_u8(r));
}

/* RFC 3830 6.1.1: policy number, SSRC, ROC. */
static void read_srtp_cs(struct rd *r, struct mikey_cs *cs)
{
        cs->policies = rd_bytes(r, 1);
        cs->session_data = rd_bytes(r, 8);
}

static enum ecode read_map(struct parser *p, unsigned count, unsigned map)
{
        struct mikey_msg *m = p->m;
        if (map > MIKEY_MAP_GENERIC)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "CS ID map type %u", map);
        if (count > MIKEY_CS_MAX)
                return err_set(p->er, E_LONG, "R-KMS-102", "%u crypto sessions, at most %u", count, MIKEY_CS_MAX);
        if ((count == 0) != (map == MIKEY_MAP_EMPTY)) /* 33.180 E.1.2 */
                return err_set(p->er, E_SYNTAX, "R-KMS-102", "%u crypto sessions with map type %u", count, map);
        m->map = (enum mikey_map)map;
        m->cs_n = count;
        for (unsigned i = 0; i < count; i++)
                map == MIKEY_MAP_SRTP ? read_srtp_cs(&p->rd, &m->cs[i]) : read_generic_cs(&p->rd, &m->cs[i]);
        return p->rd.err;
}

static enum ecode read_hdr(struct parser *p, uint8_t *next)
{
        uint8_t version = rd_u8(&p->rd), type = rd_u8(&p->rd);
        *next = rd_u8(&p->rd);
        uint8_t prf = rd_u8(&p->rd);
        p->m->csb_id = rd_u32(&p->rd);
        uint8_t count = rd_u8(&p->rd), map = rd_u8(&p->rd);
        if (p->rd.err != E_OK)
                return p->rd.err;
        if (version != MIKEY_VERSION || type != MIKEY_DATA_SAKKE)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "version %u, data type %u: no MIKEY-SAKKE message",
                               version, type);
        if (prf != MIKEY_PRF_SHA256) /* V is 0: an I_MESSAGE asks for no answer (E.1.2) */
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "V and PRF function are %02x, only 01 is served",
                               prf);
        if (p->m->csb_id >> 28 > MIKEY_TAG_MAX)
                return err_set(p->er, E_RANGE, "R-KMS-108", "the CSB ID has no purpose of 33.180 annex G");
        return read_map(p, count, map);
}

static enum ecode read_t(struct parser *p)
{
        if (rd_u8(&p->rd) != MIKEY_TS_NTP_UTC && p->rd.err == E_OK)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "the time stamp is not NTP-UTC");
        p->m->ntp_s = rd_u32(&p->rd);
        p->m->ntp_frac = rd_u32(&p->rd);
        return once(p, SEEN_T, "T");
}

static enum ecode read_rand(struct parser *p)
{
        p->m->rand = rd_bytes(&p->rd, rd_u8(&p->rd));
        if (p->rd.err == E_OK && p->m->rand.n < 16) /* RFC 3830 6.11 */
                return err_set(p->er, E_RANGE, "R-KMS-102", "RAND of %zu octets, at least 16", p->m->rand.n);
        return once(p, SEEN_RAND, "RAND");
}

static const struct idr_row {
        uint8_t role;
        bool hidden;
        enum seen bit;
        size_t at;
        const char *name;
} idr_rows[] = {
        { MIKEY_ROLE_INITIATOR, false, SEEN_INITIATOR, offsetof(struct mikey_msg, initiator), "IDRi" },
        { MIKEY_ROLE_RESPONDER, false, SEEN_RESPONDER, offsetof(struct mikey_msg, responder), "IDRr" },
        { MIKEY_ROLE_KMS_I, false, SEEN_KMS_I, offsetof(struct mikey_msg, kms_i), "IDRkmsi" },
        { MIKEY_ROLE_KMS_R, false, SEEN_KMS_R, offsetof(struct mikey_msg, kms_r), "IDRkmsr" },
        { MIKEY_ROLE_UID_I, true, SEEN_INITIATOR, offsetof(struct mikey_msg, initiator), "IDRuidi" },
        { MIKEY_ROLE_UID_R, true, SEEN_RESPONDER, offsetof(struct mikey_msg, responder), "IDRuidr" },
};

static enum ecode check_id(struct parser *p, const struct idr_row *row, struct mikey_id id)
{
        if (id.type != MIKEY_ID_URI && id.type != MIKEY_ID_OCTETS)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-107", "%s has ID type %u", row->name, id.type);
        if (row->hidden && id.data.n != MIKEY_UID_LEN)
                return err_set(p->er, E_RANGE, "R-KMS-107", "%s has %zu octets, not 32", row->name, id.data.n);
        if (!row->hidden && (id.data.n == 0 || id.data.n > MIKEY_URI_MAX || memchr(id.data.p, 0, id.data.n) != NULL))
                return err_set(p->er, E_RANGE, "R-KMS-107", "%s is no URI", row->name);
        return E_OK;
}

static enum ecode read_idr(struct parser *p)
{
        uint8_t role = rd_u8(&p->rd);
        struct mikey_id id = { .type = rd_u8(&p->rd) };
        id.data = rd_bytes(&p->rd, rd_u16(&p->rd));
        if (p->rd.err != E_OK)
                return p->rd.err;
        for (size_t i = 0; i < COUNT(idr_rows); i++) {
                const struct idr_row *row = &idr_rows[i];
                if (row->role != role)
                        continue;
                enum ecode e = once(p, row->bit, row->name);
                if (e == E_OK)
                        e = check_id(p, row, id);
                if (e != E_OK)
                        return e;
                memcpy((uint8_t *)p->m + row->at, &id, sizeof id);
                if (row->bit == SEEN_INITIATOR)
                        p->hidden[0] = row->hidden;
                if (row->bit == SEEN_RESPONDER)
                        p->hidden[1] = row->hidden;
                return E_OK;
        }
        return err_set(p->er, E_UNSUPPORTED, "R-KMS-107", "an IDR of role %u", role);
}

/* The least value of SRTP parameters that a message may ask for; what is lower weakens (R-KMS-115). Types: RFC 3830
 * 6.10.1, RFC 7714 and 33.180 E.2 to E.4 for 20, the tag length of AEAD. */
static const struct {
        uint8_t type;
        uint32_t least;
        const char *name;
} least_rows[] = {
        { 0, 1, "encryption algorithm" }, { 1, 16, "encryption key length" }, { 7, 1, "SRTP encryption" },
        { 8, 1, "SRTCP encryption" },     { 20, 16, "AEAD tag length" },
};

static enum ecode check_param(struct parser *p, uint8_t type, struct bytes value)
{
        uint32_t v = 0;
        for (size_t i = 0; i < value.n; i++)
                v = v > 0xffffff ? UINT32_MAX : v << 8 | value.p[i];
        for (size_t i = 0; i < COUNT(least_rows); i++)
                if (least_rows[i].type == type && v < least_rows[i].least)
                        return err_set(p->er, E_RANGE, "R-KMS-115", "%s is %u, at least %u", least_rows[i].name,
                                       (unsigned)v, (unsigned)least_rows[i].least);
        return E_OK;
}

static enum ecode read_sp(struct parser *p)
{
        struct mikey_policy sp = { .number = rd_u8(&p->rd), .protocol = rd_u8(&p->rd) };
        sp.params = rd_bytes(&p->rd, rd_u16(&p->rd));
        if (p->rd.err != E_OK)
                return p->rd.err;
        if (p->m->policies_n == MIKEY_POLICIES_MAX)
                return err_set(p->er, E_LONG, "R-KMS-117", "more than %u security policies", MIKEY_POLICIES_MAX);
        for (size_t i = 0; i < p->m->policies_n; i++)
                if (p->m->policies[i].number == sp.number)
                        return err_set(p->er, E_DUPLICATE, "R-KMS-115", "policy %u stands twice", sp.number);
        struct rd params = rd_init(sp.params);
        while (rd_left(&params) > 0) {
                uint8_t type = rd_u8(&params);
                struct bytes value = rd_bytes(&params, rd_u8(&params));
                enum ecode e = params.err != E_OK ? err_set(p->er, E_SHORT, "R-KMS-103", "policy parameters")
                                                  : check_param(p, type, value);
                if (e != E_OK)
                        return e;
        }
        p->m->policies[p->m->policies_n++] = sp;
        return E_OK;
}

static enum ecode read_sakke_body(struct parser *p, struct rd *r, struct mikey_sakke *ret)
{
        ret->param_set = rd_u8(r);
        ret->id_scheme = rd_u8(r);
        ret->sed = rd_bytes(r, rd_u16(r));
        if (r->err != E_OK)
                return r->err;
        if (ret->param_set != MIKEY_SAKKE_SET_1 || ret->id_scheme != MIKEY_SCHEME_3GPP)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "SAKKE parameter set %u, identifier scheme %u",
                               ret->param_set, ret->id_scheme);
        if (ret->sed.n != MIKEY_SED_LEN || ret->sed.p[0] != 0x04)
                return err_set(p->er, E_SYNTAX, "R-KMS-83", "the SED has not 273 octets starting 04");
        return E_OK;
}

static enum ecode read_sakke(struct parser *p)
{
        enum ecode e = read_sakke_body(p, &p->rd, &p->m->sakke);
        return e != E_OK ? e : once(p, SEEN_SAKKE, "SAKKE");
}

/* 33.180 E.5: a whole SAKKE payload, whose next-payload octet means nothing. */
static enum ecode read_self(struct parser *p, struct bytes data)
{
        struct rd r = rd_init(data);
        rd_u8(&r);
        enum ecode e = read_sakke_body(p, &r, &p->m->self);
        if (e == E_OK && rd_left(&r) != 0)
                e = err_set(p->er, E_LONG, "R-KMS-104", "octets after SAKKE-to-self");
        p->m->has_self = true;
        return e != E_OK ? e : once(p, SEEN_SELF, "SAKKE-to-self");
}

static enum ecode read_ge(struct parser *p)
{
        uint8_t type = rd_u8(&p->rd);
        struct bytes data = rd_bytes(&p->rd, rd_u16(&p->rd));
        if (p->rd.err != E_OK)
                return p->rd.err;
        if (type == MIKEY_EXT_SAKKE_TO_SELF || type == MIKEY_EXT_KEY_PARAMS)
                p->m->ext_after_sakke = p->seen & SEEN_SAKKE;
        if (type == MIKEY_EXT_SAKKE_TO_SELF)
                return read_self(p, data);
        if (type != MIKEY_EXT_KEY_PARAMS)
                return E_OK; /* RFC 3830 6.15: extensions that are not known are skipped */
        if (data.n == 0)
                return err_set(p->er, E_SHORT, "R-KMS-103", "the Key Parameters are empty");
        p->m->key_params = data;
        return once(p, SEEN_PARAMS, "Key Parameters");
}

static enum ecode read_sign(struct parser *p)
{
        uint16_t head = rd_u16(&p->rd);
        if (p->rd.err == E_OK && head != MIKEY_SIGN_HEAD)
                return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "SIGN is not ECCSI of 129 octets");
        p->m->signed_part = bytes_of(p->whole.p, p->rd.at);
        p->m->signature = rd_bytes(&p->rd, MIKEY_SIG_LEN);
        if (p->rd.err == E_OK && rd_left(&p->rd) != 0)
                return err_set(p->er, E_LONG, "R-KMS-104", "%zu octets after SIGN", rd_left(&p->rd));
        return once(p, SEEN_SIGN, "SIGN");
}

static const struct {
        uint8_t type;
        enum ecode (*read)(struct parser *);
} payload_rows[] = {
        { MIKEY_PAYLOAD_SIGN, read_sign },   { MIKEY_PAYLOAD_T, read_t },     { MIKEY_PAYLOAD_SP, read_sp },
        { MIKEY_PAYLOAD_RAND, read_rand },   { MIKEY_PAYLOAD_IDR, read_idr }, { MIKEY_PAYLOAD_GE, read_ge },
        { MIKEY_PAYLOAD_SAKKE, read_sakke },
};

/* Reads the payload of that type and sets *next to what follows it; SIGN names no successor. */
static enum ecode read_payload(struct parser *p, uint8_t *next)
{
        uint8_t type = *next;
        for (size_t i = 0; i < COUNT(payload_rows); i++) {
                if (payload_rows[i].type != type)
                        continue;
                *next = type == MIKEY_PAYLOAD_SIGN ? MIKEY_PAYLOAD_LAST : rd_u8(&p->rd);
                enum ecode e = payload_rows[i].read(p);
                if (p->rd.err != E_OK)
                        return err_set(p->er, E_SHORT, "R-KMS-103", "payload %u ends too early", type);
                return e;
        }
        return err_set(p->er, E_UNSUPPORTED, "R-KMS-102", "payload type %u", type);
}

static enum ecode read_chain(struct parser *p)
{
        uint8_t next = MIKEY_PAYLOAD_LAST;
        enum ecode e = read_hdr(p, &next);
        if (p->rd.err != E_OK)
                return err_set(p->er, E_SHORT, "R-KMS-103", "HDR ends too early");
        for (unsigned n = 0; e == E_OK && next != MIKEY_PAYLOAD_LAST; n++) {
                if (n == MIKEY_PAYLOADS_MAX)
                        return err_set(p->er, E_LONG, "R-KMS-117", "more than %u payloads", MIKEY_PAYLOADS_MAX);
                e = read_payload(p, &next);
        }
        if (e == E_OK && (p->seen & SEEN_ALL_MANDATORY) != SEEN_ALL_MANDATORY)
                e = err_set(p->er, E_MISSING, "R-KMS-102", "a mandatory payload is missing (have %03x)", p->seen);
        if (e == E_OK && p->hidden[0] != p->hidden[1])
                e = err_set(p->er, E_SYNTAX, "R-KMS-107", "one identity is hidden and the other is not");
        return e;
}

enum ecode mikey_parse(struct bytes in, struct mikey_msg *ret, struct err *er)
{
        if (in.n > MIKEY_OCTETS_MAX)
                return err_set(er, E_LONG, "R-KMS-117", "a message of %zu octets, at most %u", in.n, MIKEY_OCTETS_MAX);
        struct mikey_msg m = { 0 };
        struct parser p = { .rd = rd_init(in), .whole = in, .m = &m, .er = er };
        enum ecode e = read_chain(&p);
        if (e != E_OK)
                return e;
        m.hidden = p.hidden[0];
        *ret = m;
        return E_OK;
}

int64_t mikey_time_s(const struct mikey_msg *m, int64_t now_s)
{
        /* the difference modulo 2^32, read with its sign, leads to the nearest era */
        return now_s + (int32_t)(m->ntp_s - (uint32_t)(now_s + NTP_UNIX_OFFSET));
}

enum ecode mikey_from_body(void *mem, struct bytes body, struct bytes *ret)
{
        if (body.n >= 2 && body.p[0] == MIKEY_VERSION && body.p[1] == MIKEY_DATA_SAKKE) {
                *ret = body;
                return E_OK;
        }
        return b64_decode(mem, body, ret);
}
