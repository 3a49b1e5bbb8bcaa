#include "proto/nas/nas_cap.h"

#include "base/rdwr.h"

#define EPCO_PPP    0x80 /* extension bit and configuration protocol 0: TS 24.008 10.5.6.3 */
#define VERSION     1
#define TAG_METHODS 1
#define TAG_KMS_ID  2
#define TAG_PORT    3
#define CONTENT_MAX 255u

static bool is_lower_alnum(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Parts of a-z, 0-9 and '-' between separators; no part is empty. */
static bool is_list(struct bytes b, uint8_t separator)
{
        bool in_part = false;
        for (size_t i = 0; i < b.n; i++) {
                bool inside = is_lower_alnum(b.p[i]) || b.p[i] == '-';
                if (!inside && !(b.p[i] == separator && in_part))
                        return false;
                in_part = inside;
        }
        return in_part;
}

static enum ecode read_tag(uint8_t tag, struct bytes v, struct msg5g_cap *c, struct err *er)
{
        struct bytes *text = tag == TAG_METHODS ? &c->methods : &c->kms_id;
        if (tag != TAG_METHODS && tag != TAG_KMS_ID && tag != TAG_PORT)
                return E_OK;
        if (tag == TAG_PORT ? c->port != 0 : text->p != NULL)
                return err_set(er, E_DUPLICATE, "R-5G-26", "MSGin5G container: tag %u stands twice", tag);
        if (tag == TAG_PORT) {
                struct rd r = rd_init(v);
                c->port = rd_u16(&r);
                return v.n == 2 && c->port != 0 ? E_OK : err_set(er, E_SYNTAX, "R-5G-26", "MSGin5G container: no port");
        }
        if (!is_list(v, tag == TAG_METHODS ? ',' : '.'))
                return err_set(er, E_SYNTAX, "R-5G-26", "MSGin5G container: characters in tag %u", tag);
        *text = v;
        return E_OK;
}

static enum ecode read_content(struct bytes content, struct msg5g_cap *c, struct err *er)
{
        struct rd r = rd_init(content);
        const uint8_t *plmn = rd_take(&r, PLMN_LEN);
        uint8_t version = rd_u8(&r);
        if (r.err != E_OK)
                return err_set(er, E_SHORT, "R-5G-26", "MSGin5G container: cut in its head");
        if (plmn_read(plmn, &c->plmn) != E_OK)
                return err_set(er, E_SYNTAX, "R-5G-26", "MSGin5G container: no PLMN");
        if (version != VERSION)
                return err_set(er, E_UNSUPPORTED, "R-5G-26", "MSGin5G container: version %u", version);
        enum ecode e = E_OK;
        while (e == E_OK && rd_left(&r) > 0) {
                uint8_t tag = rd_u8(&r);
                struct bytes v = rd_bytes(&r, rd_u8(&r));
                e = r.err == E_OK ? read_tag(tag, v, c, er)
                                  : err_set(er, E_SHORT, "R-5G-26", "MSGin5G container: tag %u is cut", tag);
        }
        if (e == E_OK && c->methods.p == NULL)
                return err_set(er, E_MISSING, "R-5G-26", "MSGin5G container: no methods");
        return e;
}

enum ecode msg5g_cap_parse(struct bytes epco, struct msg5g_cap *ret, struct err *er)
{
        struct rd r = rd_init(epco);
        struct msg5g_cap c = { 0 };
        struct bytes content = { 0 };
        bool found = false;
        if (rd_u8(&r) != EPCO_PPP)
                return err_set(er, r.err != E_OK ? r.err : E_SYNTAX, "R-5G-26", "not protocol configuration options");
        while (rd_left(&r) > 0) {
                uint16_t id = rd_u16(&r);
                struct bytes v = rd_bytes(&r, rd_u8(&r));
                if (r.err != E_OK)
                        return err_set(er, E_SHORT, "R-5G-26", "container %04x is cut", id);
                if (id != NAS_EPCO_MSG5G)
                        continue;
                if (found)
                        return err_set(er, E_DUPLICATE, "R-5G-26", "container %04x stands twice", id);
                found = true;
                content = v;
        }
        if (!found)
                return err_set(er, E_NOT_FOUND, NULL, "no MSGin5G container");
        enum ecode e = read_content(content, &c, er);
        if (e == E_OK)
                *ret = c;
        return e;
}

static void put_tag(struct wr *w, uint8_t tag, struct bytes v)
{
        wr_u8(w, tag);
        wr_u8(w, (uint8_t)v.n);
        wr_bytes(w, v);
}

enum ecode msg5g_cap_print(void *mem, const struct msg5g_cap *c, struct bytes *ret, struct err *er)
{
        uint8_t room[4 + CONTENT_MAX], plmn[PLMN_LEN], port[2] = { (uint8_t)(c->port >> 8), (uint8_t)c->port };
        struct wr w = wr_init(room, sizeof room);
        if (!is_list(c->methods, ',') || (c->kms_id.n > 0 && !is_list(c->kms_id, '.')))
                return err_set(er, E_RANGE, NULL, "MSGin5G container: methods or KMS-ID");
        plmn_write(&c->plmn, plmn);
        wr_u8(&w, EPCO_PPP);
        wr_u16(&w, NAS_EPCO_MSG5G);
        wr_u8(&w, 0); /* the length, below */
        wr_bytes(&w, BYTES_ARR(plmn));
        wr_u8(&w, VERSION);
        put_tag(&w, TAG_METHODS, c->methods);
        if (c->kms_id.n > 0)
                put_tag(&w, TAG_KMS_ID, c->kms_id);
        if (c->port != 0)
                put_tag(&w, TAG_PORT, BYTES_ARR(port));
        if (w.err != E_OK)
                return err_set(er, E_RANGE, NULL, "MSGin5G container: longer than %u octets", CONTENT_MAX);
        room[3] = (uint8_t)(w.at - 4);
        struct bytes made = bytes_copy(mem, bytes_of(room, w.at));
        if (made.p == NULL)
                return err_set(er, E_NOMEM, NULL, "MSGin5G container");
        *ret = made;
        return E_OK;
}

/* R-5G-27 */
bool msg5g_offered(struct bytes offer, struct bytes select)
{
        size_t start = 0;
        for (size_t i = 0; select.n > 0 && i <= offer.n; i++) {
                if (i < offer.n && offer.p[i] != ',')
                        continue;
                if (bytes_eq(bytes_of(offer.p + start, i - start), select))
                        return true;
                start = i + 1;
        }
        return false;
}
