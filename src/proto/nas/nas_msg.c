#include "base/rdwr.h"
#include "proto/nas/nas_table.h"

#define IEI_T1      0x80 /* TS 24.007 11.2.4: identifiers from here on are alone in one octet with their value */
#define IEI_TLVE    0x70 /* 7x: two octets of length */
#define IEI_MASK    0xf0
#define SHT_MASK    0x0f
#define ALGS_SERVED 0x22 /* 128-NEA2, 128-NIA2 */

bool nas_has(const struct nas_msg *m, enum nas_ie ie)
{
        return (m->has >> ie & 1) != 0;
}

void nas_set_num(struct nas_msg *m, enum nas_ie ie, uint8_t v)
{
        m->num[ie] = v;
        m->has |= UINT32_C(1) << ie;
}

void nas_set(struct nas_msg *m, enum nas_ie ie, struct bytes v)
{
        m->oct[ie] = v;
        m->has |= UINT32_C(1) << ie;
}

/* A value that was read, into its place. */
static void keep(struct nas_msg *m, enum nas_ie ie, struct bytes v)
{
        if (ie == NAS_IE_NONE)
                return;
        if (nas_is_num(ie))
                nas_set_num(m, ie, v.p[0]);
        else
                nas_set(m, ie, v);
}

static void keep_half(struct nas_msg *m, enum nas_ie ie, unsigned v)
{
        if (ie != NAS_IE_NONE)
                nas_set_num(m, ie, (uint8_t)v);
}

static size_t length_of(const struct nas_row *row, struct rd *r)
{
        switch (row->form) {
        case NAS_LV:
        case NAS_TLV: return rd_u8(r);
        case NAS_LVE:
        case NAS_TLVE: return rd_u16(r);
        default: return row->max;
        }
}

static enum ecode read_value(const struct nas_shape *s, const struct nas_row *row, struct rd *r, struct nas_msg *m,
                             struct err *er)
{
        size_t n = length_of(row, r);
        if (r->err == E_OK && n > row->max)
                return err_set(er, E_LONG, "R-5G-24", "%s: element %02x has %zu octets, at most %u", s->name, row->iei,
                               n, row->max);
        struct bytes v = rd_bytes(r, n);
        if (r->err != E_OK)
                return err_set(er, E_SHORT, "R-5G-24", "%s: element %02x is cut", s->name, row->iei);
        if (n < row->min)
                return err_set(er, E_SYNTAX, "R-5G-24", "%s: element %02x has %zu octets, at least %u", s->name,
                               row->iei, n, row->min);
        if (row->form == NAS_HALVES) {
                keep_half(m, row->ie, v.p[0] & 15u);
                keep_half(m, row->high_ie, v.p[0] >> 4);
        } else {
                keep(m, row->ie, v);
        }
        return E_OK;
}

static const struct nas_row *row_of(const struct nas_shape *s, uint8_t iei)
{
        for (size_t i = 0; i < s->n; i++) {
                const struct nas_row *row = &s->row[i];
                if (row->form == NAS_T1 ? row->iei == (iei & IEI_MASK) : row->form > NAS_T1 && row->iei == iei)
                        return row;
        }
        return NULL;
}

/* An element that no row knows: its format is in its identifier (TS 24.007 11.2.4). */
static enum ecode skip_unknown(const struct nas_shape *s, uint8_t iei, struct rd *r, struct err *er)
{
        if ((iei & IEI_MASK) == 0)
                return err_set(er, E_SYNTAX, "R-5G-24", "%s: element %02x has to be understood", s->name, iei);
        if (iei >= IEI_T1)
                return E_OK;
        rd_take(r, (iei & IEI_MASK) == IEI_TLVE ? rd_u16(r) : rd_u8(r));
        return r->err == E_OK ? E_OK : err_set(er, E_SHORT, "R-5G-24", "%s: element %02x is cut", s->name, iei);
}

static enum ecode read_optional(const struct nas_shape *s, struct rd *r, struct nas_msg *m, struct err *er)
{
        uint8_t iei = rd_u8(r);
        const struct nas_row *row = row_of(s, iei);
        if (row == NULL)
                return skip_unknown(s, iei, r, er);
        if (row->ie != NAS_IE_NONE && nas_has(m, row->ie))
                return err_set(er, E_DUPLICATE, "R-5G-24", "%s: element %02x stands twice", s->name, iei);
        if (row->form != NAS_T1)
                return read_value(s, row, r, m, er);
        keep_half(m, row->ie, iei & 15u);
        return E_OK;
}

static enum ecode read_all(const struct nas_shape *s, struct rd *r, struct nas_msg *m, struct err *er)
{
        enum ecode e = E_OK;
        for (size_t i = 0; e == E_OK && i < s->n && s->row[i].form < NAS_T1; i++)
                e = read_value(s, &s->row[i], r, m, er);
        while (e == E_OK && rd_left(r) > 0)
                e = read_optional(s, r, m, er);
        for (size_t i = 0; e == E_OK && i < s->n; i++)
                if (s->row[i].must && !nas_has(m, s->row[i].ie))
                        e = err_set(er, E_MISSING, "R-5G-24", "%s: element %02x is missing", s->name, s->row[i].iei);
        return e;
}

/* Up to the message type. */
static enum ecode read_head(struct rd *r, struct nas_msg *m, const struct nas_shape **ret, struct err *er)
{
        uint8_t epd = rd_u8(r), second = rd_u8(r);
        if (r->err == E_OK && epd != NAS_EPD_5GMM && epd != NAS_EPD_5GSM)
                return err_set(er, E_UNSUPPORTED, "R-5G-24", "protocol discriminator %02x", epd);
        if (epd == NAS_EPD_5GSM) {
                m->psi = second;
                m->pti = rd_u8(r);
        } else if ((second & SHT_MASK) != 0) {
                return err_set(er, E_SYNTAX, "R-5G-24", "a protected message where a plain one should be");
        }
        uint8_t type = rd_u8(r);
        if (r->err != E_OK)
                return err_set(er, E_SHORT, "R-5G-24", "the message ends before its type");
        *ret = nas_shape_of(type);
        if (*ret == NULL || nas_is_sm(type) != (epd == NAS_EPD_5GSM))
                return err_set(er, E_UNSUPPORTED, "R-5G-24", "message type %02x of protocol %02x", type, epd);
        m->type = (enum nas_type)type;
        return E_OK;
}

enum ecode nas_parse(struct bytes in, struct nas_msg *ret, struct err *er)
{
        struct rd r = rd_init(in);
        struct nas_msg m = { 0 };
        const struct nas_shape *s;
        if (in.n > NAS_PDU_MAX)
                return err_set(er, E_LONG, "R-5G-24", "a message of %zu octets, at most %u", in.n, NAS_PDU_MAX);
        enum ecode e = read_head(&r, &m, &s, er);
        if (e == E_OK)
                e = read_all(s, &r, &m, er);
        if (e == E_OK)
                *ret = m;
        return e;
}

static void put_u16(struct buf *b, size_t v)
{
        const uint8_t two[2] = { (uint8_t)(v >> 8), (uint8_t)v };
        buf_put(b, BYTES_ARR(two));
}

static void put_u8(struct buf *b, unsigned v)
{
        const uint8_t one = (uint8_t)v;
        buf_put(b, bytes_of(&one, 1));
}

static unsigned half_of(const struct nas_msg *m, enum nas_ie ie)
{
        return ie == NAS_IE_NONE ? 0 : m->num[ie];
}

static bool fits(const struct nas_row *row, const struct nas_msg *m)
{
        if (row->form == NAS_HALVES)
                return half_of(m, row->ie) < 16 && half_of(m, row->high_ie) < 16;
        if (nas_is_num(row->ie))
                return row->form != NAS_T1 || m->num[row->ie] < 16;
        return m->oct[row->ie].n >= row->min && m->oct[row->ie].n <= row->max;
}

static void put_row(struct buf *b, const struct nas_row *row, const struct nas_msg *m)
{
        bool num = nas_is_num(row->ie);
        struct bytes v = num ? bytes_of(&m->num[row->ie], 1) : m->oct[row->ie];
        if (row->form == NAS_HALVES) {
                put_u8(b, half_of(m, row->high_ie) << 4 | half_of(m, row->ie));
                return;
        }
        if (row->form == NAS_T1) {
                put_u8(b, (unsigned)row->iei | m->num[row->ie]);
                return;
        }
        if (row->form > NAS_T1)
                put_u8(b, row->iei);
        if (row->form == NAS_LV || row->form == NAS_TLV)
                put_u8(b, (unsigned)v.n);
        else if (row->form == NAS_LVE || row->form == NAS_TLVE)
                put_u16(b, v.n);
        buf_put(b, v);
}

enum ecode nas_print(void *mem, const struct nas_msg *m, struct bytes *ret, struct err *er)
{
        const struct nas_shape *s = nas_shape_of(m->type);
        if (s == NULL)
                return err_set(er, E_UNSUPPORTED, NULL, "message type %02x", (unsigned)m->type);
        struct buf b = buf_on(mem);
        bool sm = nas_is_sm(m->type);
        put_u8(&b, sm ? NAS_EPD_5GSM : NAS_EPD_5GMM);
        put_u8(&b, sm ? m->psi : 0);
        if (sm)
                put_u8(&b, m->pti);
        put_u8(&b, m->type);
        for (size_t i = 0; i < s->n; i++) {
                const struct nas_row *row = &s->row[i];
                bool there = row->ie != NAS_IE_NONE && nas_has(m, row->ie);
                if (row->must && !there)
                        return err_set(er, E_MISSING, NULL, "%s: element %02x is missing", s->name, row->iei);
                if (there && !fits(row, m))
                        return err_set(er, E_RANGE, NULL, "%s: element %02x does not fit", s->name, row->iei);
                if (there)
                        put_row(&b, row, m);
        }
        if (b.failed)
                return err_set(er, E_NOMEM, NULL, "%s", s->name);
        if (b.n > NAS_PDU_MAX)
                return err_set(er, E_RANGE, NULL, "%s: %zu octets, at most %u", s->name, b.n, NAS_PDU_MAX);
        *ret = buf_bytes(&b);
        return E_OK;
}

enum nas_cause nas_cause_of(enum ecode e)
{
        switch (e) {
        case E_UNSUPPORTED: return NAS_CAUSE_TYPE;
        case E_DUPLICATE:
        case E_LONG: return NAS_CAUSE_CONDITIONAL;
        default: return NAS_CAUSE_MANDATORY;
        }
}

/* R-5G-21 */
unsigned nas_smc_cause(const struct nas_msg *smc, struct bytes own)
{
        bool same = bytes_eq(smc->oct[NAS_IE_UE_CAP], own);
        return same && smc->num[NAS_IE_ALGORITHMS] == ALGS_SERVED ? 0 : NAS_CAUSE_CAPABILITIES;
}

enum ecode nas_frame_next(struct bytes in, struct bytes *ret_pdu, size_t *ret_used)
{
        struct rd r = rd_init(in);
        size_t n = rd_u16(&r);
        if (r.err != E_OK)
                return E_SHORT;
        if (n == 0 || n > NAS_PDU_MAX)
                return n == 0 ? E_RANGE : E_LONG;
        struct bytes pdu = rd_bytes(&r, n);
        if (r.err != E_OK)
                return E_SHORT;
        *ret_pdu = pdu;
        *ret_used = n + 2;
        return E_OK;
}

void nas_frame_head(size_t n, uint8_t ret[2])
{
        ret[0] = (uint8_t)(n >> 8);
        ret[1] = (uint8_t)n;
}
