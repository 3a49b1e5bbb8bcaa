#include "proto/mikey/mikey_params.h"

#include <talloc.h>

#include "base/rdwr.h"
#include "base/secret.h"
#include "crypto/prim.h"

#define MSG_TYPE     0x43 /* bits 7 and 6 are 01: protected; the rest as peers send it */
#define MSG_TYPE_TOP 0xc0
#define MSG_DATE     1   /* date and time: as peers send it, the T payload has the time */
#define ALG_GCM      1   /* AES-128-GCM */
#define AAD_LEN      32u /* message type to DPPK-ID */
#define GROUP_ID     0x7b
#define GROUPS_MAX   64u
#define TEXT_MAX     255u

#define STATUS_NOT_REVOKED 1u
#define STATUS_GATEWAY     2u

/* Types whose parameters carry groups (E.6). */
static bool has_groups(enum mikey_type t)
{
        return t == MIKEY_GMK || t == MIKEY_MKFC || t == MIKEY_MUSIK;
}

static void put_u40(struct wr *w, int64_t v)
{
        wr_u8(w, (uint8_t)(v >> 32));
        wr_u32(w, (uint32_t)v);
}

static int64_t get_u40(struct rd *r)
{
        int64_t high = rd_u8(r);
        return high << 32 | rd_u32(r);
}

static void put_text(struct wr *w, const char *s)
{
        struct bytes b = bytes_str(s);
        wr_u16(w, (uint16_t)b.n);
        wr_bytes(w, b);
}

static bool fits(const struct mikey_params *p)
{
        bool ok = p->groups_n <= GROUPS_MAX && (p->text == NULL || strlen(p->text) <= TEXT_MAX);
        for (size_t i = 0; ok && i < p->groups_n; i++)
                ok = strlen(p->groups[i]) <= TEXT_MAX;
        return ok && p->activation_s >= 0 && p->activation_s >> 40 == 0 && p->expiry_s >= 0 && p->expiry_s >> 40 == 0;
}

static void put_plain(struct wr *w, const struct mikey_params *p, enum mikey_type type)
{
        wr_u8(w, (uint8_t)type);
        wr_u32(w, (p->revoked ? 0 : STATUS_NOT_REVOKED) | (p->shared_with_gateway ? STATUS_GATEWAY : 0));
        put_u40(w, p->activation_s);
        put_u40(w, p->expiry_s);
        put_text(w, p->text);
        if (!has_groups(type))
                return;
        size_t n = 1;
        for (size_t i = 0; i < p->groups_n; i++)
                n += 3 + strlen(p->groups[i]);
        wr_u16(w, (uint16_t)n); /* 64 groups of 255 octets fit */
        wr_u8(w, (uint8_t)p->groups_n);
        for (size_t i = 0; i < p->groups_n; i++) {
                wr_u8(w, GROUP_ID);
                put_text(w, p->groups[i]);
        }
}

static void put_head(struct wr *w, uint32_t csb_id, const uint8_t *iv)
{
        wr_u8(w, MSG_TYPE);
        put_u40(w, MSG_DATE);
        wr_u32(w, 0); /* payload id */
        wr_u8(w, 0);  /* sequence number */
        wr_u8(w, ALG_GCM);
        wr_bytes(w, bytes_of(iv, MIKEY_PARAMS_IV));
        wr_u32(w, csb_id);
}

enum ecode mikey_params_seal(void *mem, const struct mikey_params *p, const struct mc_key *key, uint32_t csb_id,
                             const uint8_t iv[MIKEY_PARAMS_IV], struct bytes *ret, struct err *er)
{
        uint8_t plain[2048], room[2048 + 64], cipher[sizeof plain], tag[GCM_TAG_LEN];
        struct wr pw = wr_init(plain, sizeof plain), w = wr_init(room, sizeof room);
        SECRET(dpck) dpck = { 0 };
        if (!fits(p))
                return err_set(er, E_RANGE, NULL, "Key Parameters: a text, group list or time has no room");
        put_plain(&pw, p, mikey_key_type(csb_id));
        put_head(&w, csb_id, iv);
        if (pw.err != E_OK || w.err != E_OK)
                return err_set(er, E_RANGE, NULL, "Key Parameters: too many groups");
        enum ecode e = kdf_dpck(key, csb_id, &dpck);
        if (e == E_OK)
                e = aes128_gcm_seal(dpck.b, bytes_of(iv, MIKEY_PARAMS_IV), bytes_of(room, w.at), bytes_of(plain, pw.at),
                                    cipher, tag);
        if (e != E_OK)
                return err_set(er, e, NULL, "Key Parameters");
        wr_u8(&w, 0); /* type of the element that follows */
        wr_u16(&w, (uint16_t)(pw.at + GCM_TAG_LEN));
        wr_bytes(&w, bytes_of(cipher, pw.at));
        wr_bytes(&w, BYTES_ARR(tag));
        struct bytes made = w.err == E_OK ? bytes_copy(mem, bytes_of(room, w.at)) : (struct bytes){ 0 };
        if (made.p == NULL)
                return err_set(er, w.err != E_OK ? E_RANGE : E_NOMEM, NULL, "Key Parameters");
        *ret = made;
        return E_OK;
}

static char *get_text(struct rd *r, void *mem, bool *bad)
{
        struct bytes b = rd_bytes(r, rd_u16(r));
        char *s = r->err == E_OK ? bytes_to_str(mem, b) : NULL;
        if (s == NULL)
                *bad = true;
        return s;
}

static enum ecode get_groups(struct rd *outer, struct mikey_params *p, struct err *er)
{
        bool bad = false;
        struct bytes list = rd_bytes(outer, rd_u16(outer));
        struct rd inner = rd_init(list), *r = &inner;
        uint8_t n = rd_u8(r);
        if (outer->err != E_OK || r->err != E_OK)
                return err_set(er, E_SHORT, "R-KMS-103", "Key Parameters end in the group list");
        if (n > GROUPS_MAX)
                return err_set(er, E_LONG, "R-KMS-117", "Key Parameters: %u groups, at most %u", n, GROUPS_MAX);
        p->groups = talloc_zero_array(p, char *, n);
        if (p->groups == NULL)
                return err_set(er, E_NOMEM, NULL, "Key Parameters");
        for (unsigned i = 0; i < n && !bad; i++) {
                if (rd_u8(r) != GROUP_ID && r->err == E_OK)
                        return err_set(er, E_SYNTAX, "R-KMS-102", "Key Parameters: no group id where one should be");
                p->groups[i] = get_text(r, p->groups, &bad);
                p->groups_n++;
        }
        if (!bad && rd_left(r) != 0)
                return err_set(er, E_LONG, "R-KMS-104", "Key Parameters: octets after the group list");
        return bad ? err_set(er, E_SYNTAX, "R-KMS-102", "Key Parameters: a group id is cut or holds a NUL") : E_OK;
}

static enum ecode get_plain(struct bytes plain, enum mikey_type type, struct mikey_params *p, struct err *er)
{
        bool bad = false;
        struct rd r = rd_init(plain);
        uint8_t key_type = rd_u8(&r);
        uint32_t status = rd_u32(&r);
        p->revoked = !(status & STATUS_NOT_REVOKED);
        p->shared_with_gateway = status & STATUS_GATEWAY;
        p->activation_s = get_u40(&r);
        p->expiry_s = get_u40(&r);
        p->text = get_text(&r, p, &bad);
        if (r.err != E_OK || bad)
                return err_set(er, r.err != E_OK ? r.err : E_SYNTAX, "R-KMS-103", "Key Parameters end too early");
        if (key_type != type)
                return err_set(er, E_RANGE, "R-KMS-108", "Key Parameters are of key type %u", key_type);
        enum ecode e = has_groups(type) && rd_left(&r) > 0 ? get_groups(&r, p, er) : E_OK;
        if (e == E_OK && rd_left(&r) != 0)
                e = err_set(er, E_LONG, "R-KMS-104", "octets after the Key Parameters");
        return e;
}

/* The layout around the ciphertext. */
static enum ecode split(struct bytes data, uint32_t csb_id, struct bytes *iv, struct bytes *cipher, struct bytes *tag,
                        struct err *er)
{
        struct rd r = rd_init(data);
        uint8_t type = rd_u8(&r);
        rd_take(&r, 5 + 4 + 1); /* date and time, payload id, sequence number */
        uint8_t alg = rd_u8(&r);
        *iv = rd_bytes(&r, MIKEY_PARAMS_IV);
        uint32_t dppk_id = rd_u32(&r);
        rd_u8(&r);
        uint16_t n = rd_u16(&r);
        if (r.err == E_OK && n >= GCM_TAG_LEN)
                *cipher = rd_bytes(&r, n - GCM_TAG_LEN);
        *tag = rd_bytes(&r, GCM_TAG_LEN);
        if (r.err != E_OK || n < GCM_TAG_LEN || rd_left(&r) != 0)
                return err_set(er, E_SHORT, "R-KMS-103", "Key Parameters have not the length that they tell");
        if ((type & MSG_TYPE_TOP) != (MSG_TYPE & MSG_TYPE_TOP) || alg != ALG_GCM)
                return err_set(er, E_UNSUPPORTED, "R-KMS-114", "Key Parameters of message type %02x, algorithm %u",
                               type, alg);
        if (dppk_id != csb_id)
                return err_set(er, E_DECRYPT, "R-KMS-114", "Key Parameters are for another key");
        return E_OK;
}

enum ecode mikey_params_open(void *mem, struct bytes data, const struct mc_key *key, uint32_t csb_id,
                             struct mikey_params **ret, struct err *er)
{
        struct bytes iv, cipher = { 0 }, tag;
        SECRET(dpck) dpck = { 0 };
        enum ecode e = split(data, csb_id, &iv, &cipher, &tag, er);
        if (e != E_OK)
                return e;
        struct mikey_params *p = talloc_zero(mem, struct mikey_params);
        uint8_t *plain = p != NULL ? secret_alloc(p, cipher.n + 1) : NULL;
        if (plain == NULL) {
                talloc_free(p);
                return err_set(er, E_NOMEM, NULL, "Key Parameters");
        }
        e = kdf_dpck(key, csb_id, &dpck);
        if (e == E_OK)
                e = aes128_gcm_open(dpck.b, iv, bytes_of(data.p, AAD_LEN), cipher, tag, plain);
        if (e != E_OK)
                err_set(er, e, "R-KMS-114", "Key Parameters do not open");
        else
                e = get_plain(bytes_of(plain, cipher.n), mikey_key_type(csb_id), p, er);
        talloc_free(plain);
        if (e != E_OK)
                talloc_free(p);
        else
                *ret = p;
        return e;
}
