#include "proto/mikey/mikey.h"

#include "base/rdwr.h"
#include "proto/mikey/mikey_wire.h"

/* Payloads are written with a hole for their successor's number, which is filled when the successor comes. */
struct writer {
        struct wr wr;
        size_t hole;
        bool range;
};

static void payload(struct writer *w, uint8_t type)
{
        if (w->wr.err == E_OK)
                w->wr.p[w->hole] = type;
        w->hole = w->wr.at;
        if (type != MIKEY_PAYLOAD_SIGN)
                wr_u8(&w->wr, MIKEY_PAYLOAD_LAST);
}

static void put_counted8(struct writer *w, struct bytes b)
{
        if (b.n > 0xff)
                w->range = true;
        wr_u8(&w->wr, (uint8_t)b.n);
        wr_bytes(&w->wr, b);
}

static void put_counted16(struct writer *w, struct bytes b)
{
        if (b.n > 0xffff)
                w->range = true;
        wr_u16(&w->wr, (uint16_t)b.n);
        wr_bytes(&w->wr, b);
}

static void put_cs(struct writer *w, const struct mikey_cs *cs, enum mikey_map map)
{
        if (map == MIKEY_MAP_SRTP) {
                if (cs->policies.n != 1 || cs->session_data.n != 8)
                        w->range = true;
                wr_bytes(&w->wr, cs->policies);
                wr_bytes(&w->wr, cs->session_data);
                return;
        }
        if (cs->policies.n > 0x7f)
                w->range = true;
        wr_u8(&w->wr, cs->cs_id);
        wr_u8(&w->wr, cs->protocol);
        wr_u8(&w->wr, (uint8_t)((cs->session_flag ? 0x80 : 0) | cs->policies.n));
        wr_bytes(&w->wr, cs->policies);
        put_counted16(w, cs->session_data);
        put_counted8(w, cs->spi);
}

static void put_hdr(struct writer *w, const struct mikey_msg *m)
{
        wr_u8(&w->wr, MIKEY_VERSION);
        wr_u8(&w->wr, MIKEY_DATA_SAKKE);
        w->hole = w->wr.at;
        wr_u8(&w->wr, MIKEY_PAYLOAD_LAST);
        wr_u8(&w->wr, MIKEY_PRF_SHA256);
        wr_u32(&w->wr, m->csb_id);
        wr_u8(&w->wr, (uint8_t)m->cs_n);
        wr_u8(&w->wr, (uint8_t)m->map);
        if (m->cs_n > MIKEY_CS_MAX || (m->cs_n == 0) != (m->map == MIKEY_MAP_EMPTY)) {
                w->range = true;
                return;
        }
        for (size_t i = 0; i < m->cs_n; i++)
                put_cs(w, &m->cs[i], m->map);
}

static void put_idr(struct writer *w, enum mikey_role role, const struct mikey_id *id)
{
        payload(w, MIKEY_PAYLOAD_IDR);
        wr_u8(&w->wr, (uint8_t)role);
        wr_u8(&w->wr, id->type);
        put_counted16(w, id->data);
}

static void put_ids(struct writer *w, const struct mikey_msg *m)
{
        put_idr(w, m->hidden ? MIKEY_ROLE_UID_I : MIKEY_ROLE_INITIATOR, &m->initiator);
        put_idr(w, m->hidden ? MIKEY_ROLE_UID_R : MIKEY_ROLE_RESPONDER, &m->responder);
        put_idr(w, MIKEY_ROLE_KMS_I, &m->kms_i);
        put_idr(w, MIKEY_ROLE_KMS_R, &m->kms_r);
}

static void put_sakke_body(struct writer *w, const struct mikey_sakke *s)
{
        wr_u8(&w->wr, s->param_set);
        wr_u8(&w->wr, s->id_scheme);
        put_counted16(w, s->sed);
}

static void put_extensions(struct writer *w, const struct mikey_msg *m)
{
        if (m->has_self) {
                payload(w, MIKEY_PAYLOAD_GE);
                wr_u8(&w->wr, MIKEY_EXT_SAKKE_TO_SELF);
                wr_u16(&w->wr, (uint16_t)(5 + m->self.sed.n));
                wr_u8(&w->wr, MIKEY_PAYLOAD_LAST);
                put_sakke_body(w, &m->self);
        }
        if (m->key_params.n > 0) {
                payload(w, MIKEY_PAYLOAD_GE);
                wr_u8(&w->wr, MIKEY_EXT_KEY_PARAMS);
                put_counted16(w, m->key_params);
        }
}

static void put_all(struct writer *w, const struct mikey_msg *m)
{
        put_hdr(w, m);
        payload(w, MIKEY_PAYLOAD_T);
        wr_u8(&w->wr, MIKEY_TS_NTP_UTC);
        wr_u32(&w->wr, m->ntp_s);
        wr_u32(&w->wr, m->ntp_frac);
        payload(w, MIKEY_PAYLOAD_RAND);
        put_counted8(w, m->rand);
        put_ids(w, m);
        for (size_t i = 0; i < m->policies_n && i < MIKEY_POLICIES_MAX; i++) {
                payload(w, MIKEY_PAYLOAD_SP);
                wr_u8(&w->wr, m->policies[i].number);
                wr_u8(&w->wr, m->policies[i].protocol);
                put_counted16(w, m->policies[i].params);
        }
        if (!m->ext_after_sakke)
                put_extensions(w, m);
        payload(w, MIKEY_PAYLOAD_SAKKE);
        put_sakke_body(w, &m->sakke);
        if (m->ext_after_sakke)
                put_extensions(w, m);
        payload(w, MIKEY_PAYLOAD_SIGN);
        wr_u16(&w->wr, MIKEY_SIGN_HEAD);
}

enum ecode mikey_print_unsigned(void *mem, const struct mikey_msg *m, struct bytes *ret, struct err *er)
{
        uint8_t room[MIKEY_OCTETS_MAX - MIKEY_SIG_LEN];
        struct writer w = { .wr = wr_init(room, sizeof room) };
        put_all(&w, m);
        if (w.range)
                return err_set(er, E_RANGE, NULL, "a part of the I_MESSAGE does not fit its length field");
        if (w.wr.err != E_OK)
                return err_set(er, E_LONG, "R-KMS-117", "the I_MESSAGE is longer than %u octets", MIKEY_OCTETS_MAX);
        struct bytes made = bytes_copy(mem, bytes_of(room, w.wr.at));
        if (made.p == NULL)
                return err_set(er, E_NOMEM, NULL, "I_MESSAGE");
        *ret = made;
        return E_OK;
}
