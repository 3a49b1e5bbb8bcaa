#include "proto/nas/nas_id.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/rdwr.h"

#define SUPI_FORMAT_IMSI 0x01 /* bits 7 to 5 are 000, type SUCI */
#define GUTI_HEAD        0xf2 /* bits 8 to 5 are 1111, type 5G-GUTI */
#define TYPE_MASK        0x07
#define GUTI_PREFIX      "5g-guti-"
#define GUTI_HEX         14u /* digits of region, set and pointer, TMSI */

enum nas_id_type nas_id_type(struct bytes value)
{
        unsigned type = value.n > 0 ? value.p[0] & TYPE_MASK : 0;
        return type <= NAS_ID_GUTI ? (enum nas_id_type)type : NAS_ID_NONE;
}

/* One to four digits, low half octet first, then only 0xf. */
static bool routing_read(const uint8_t in[2], char ret[5])
{
        const uint8_t d[4] = { in[0] & 15, in[0] >> 4, in[1] & 15, in[1] >> 4 };
        size_t n = 0;
        while (n < 4 && d[n] <= 9) {
                ret[n] = (char)('0' + d[n]);
                n++;
        }
        ret[n] = 0;
        for (size_t i = n; i < 4; i++)
                if (d[i] != 15)
                        return false;
        return n > 0;
}

static void routing_write(const char *s, uint8_t ret[2])
{
        memset(ret, 0xff, 2);
        for (size_t i = 0; i < 4 && s[i] != 0; i++) {
                unsigned d = (unsigned)(s[i] - '0');
                ret[i / 2] = (uint8_t)(i % 2 == 0 ? 0xf0 | d : (ret[i / 2] & 0x0f) | d << 4);
        }
}

enum ecode nas_suci_read(struct bytes value, struct suci *ret, struct err *er)
{
        struct rd r = rd_init(value);
        struct suci s = { 0 };
        uint8_t head = rd_u8(&r);
        const uint8_t *plmn = rd_take(&r, PLMN_LEN), *routing = rd_take(&r, 2);
        s.scheme = rd_u8(&r) & 15;
        s.key_id = rd_u8(&r);
        struct bytes out = rd_bytes(&r, rd_left(&r));
        if (r.err != E_OK)
                return err_set(er, E_SHORT, "R-5G-24", "SUCI: cut in its head");
        if (head != SUPI_FORMAT_IMSI)
                return err_set(er, (head & TYPE_MASK) == NAS_ID_SUCI ? E_UNSUPPORTED : E_SYNTAX, "R-5G-24",
                               "identity %02x is no SUCI of an IMSI", head);
        if (plmn_read(plmn, &s.plmn) != E_OK || !routing_read(routing, s.routing))
                return err_set(er, E_SYNTAX, "R-5G-24", "SUCI: no digits in its network or routing indicator");
        if (out.n > sizeof s.out)
                return err_set(er, E_LONG, "R-5G-24", "SUCI: an output of %zu octets", out.n);
        if (out.n > 0)
                memcpy(s.out, out.p, out.n);
        s.out_n = (uint8_t)out.n;
        enum ecode e = suci_check(&s, er);
        if (e == E_OK)
                *ret = s;
        return e;
}

size_t nas_suci_write(const struct suci *s, uint8_t ret[NAS_SUCI_MAX])
{
        ret[0] = SUPI_FORMAT_IMSI;
        plmn_write(&s->plmn, ret + 1);
        routing_write(s->routing, ret + 4);
        ret[6] = s->scheme;
        ret[7] = s->key_id;
        memcpy(ret + 8, s->out, s->out_n);
        return 8u + s->out_n;
}

enum ecode nas_guti_read(struct bytes value, struct guti *ret, struct err *er)
{
        struct guti g = { 0 };
        if (value.n != NAS_GUTI_LEN)
                return err_set(er, value.n < NAS_GUTI_LEN ? E_SHORT : E_LONG, "R-5G-24", "5G-GUTI of %zu octets",
                               value.n);
        struct rd r = rd_init(value);
        uint8_t head = rd_u8(&r);
        const uint8_t *plmn = rd_take(&r, PLMN_LEN);
        g.amf_region = rd_u8(&r);
        g.amf_set_pointer = rd_u16(&r);
        g.tmsi = rd_u32(&r);
        if (head != GUTI_HEAD || plmn_read(plmn, &g.plmn) != E_OK)
                return err_set(er, E_SYNTAX, "R-5G-24", "identity %02x is no 5G-GUTI, or has no network", head);
        *ret = g;
        return E_OK;
}

void nas_guti_write(const struct guti *g, uint8_t ret[NAS_GUTI_LEN])
{
        struct wr w = wr_init(ret, NAS_GUTI_LEN);
        uint8_t plmn[PLMN_LEN];
        plmn_write(&g->plmn, plmn);
        wr_u8(&w, GUTI_HEAD);
        wr_bytes(&w, BYTES_ARR(plmn));
        wr_u8(&w, g->amf_region);
        wr_u16(&w, g->amf_set_pointer);
        wr_u32(&w, g->tmsi);
}

void guti_print(const struct guti *g, struct guti_text *ret)
{
        snprintf(ret->s, sizeof ret->s, GUTI_PREFIX "%s%s%02x%04x%08x", g->plmn.mcc, g->plmn.mnc, g->amf_region,
                 g->amf_set_pointer, g->tmsi);
}

enum ecode guti_parse(struct bytes text, struct guti *ret)
{
        const size_t prefix = sizeof GUTI_PREFIX - 1;
        struct guti g = { 0 };
        struct guti_text again;
        uint8_t raw[GUTI_HEX / 2];
        if (text.n < prefix + 5 + GUTI_HEX || text.n > GUTI_TEXT_MAX)
                return E_SYNTAX;
        size_t digits = text.n - prefix - GUTI_HEX;
        struct bytes mcc = bytes_of(text.p + prefix, 3), mnc = bytes_of(text.p + prefix + 3, digits - 3);
        if (plmn_of(mcc, mnc, &g.plmn) != E_OK ||
            hex_decode_to(bytes_of(text.p + text.n - GUTI_HEX, GUTI_HEX), raw, sizeof raw) != E_OK)
                return E_SYNTAX;
        struct rd r = rd_init(BYTES_ARR(raw));
        g.amf_region = rd_u8(&r);
        g.amf_set_pointer = rd_u16(&r);
        g.tmsi = rd_u32(&r);
        guti_print(&g, &again);
        if (!bytes_eq_str(text, again.s))
                return E_SYNTAX;
        *ret = g;
        return E_OK;
}
