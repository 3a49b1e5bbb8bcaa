#include "proto/nas/nas_sec.h"

#include <talloc.h>

#include "proto/nas/nas.h"

#define HEAD_LEN 7u /* discriminator, header type, MAC, sequence number */
#define AT_MAC   2u
#define AT_SQN   6u

enum ecode nas_sec_of(const struct key_kamf *kamf, enum nas_bearer bearer, enum nas_dir send, struct nas_sec *ret)
{
        __attribute__((cleanup(nas_sec_wipe))) struct nas_sec s = { .bearer = (uint8_t)bearer, .send = send };
        enum ecode e = kdf_nas_enc(kamf, NAS_ALG_AES, &s.enc);
        if (e == E_OK)
                e = kdf_nas_int(kamf, NAS_ALG_AES, &s.integ);
        if (e == E_OK)
                *ret = s;
        return e;
}

static bool is_ciphered(enum nas_sht t)
{
        return t == NAS_CIPHERED || t == NAS_CIPHERED_NEW;
}

enum ecode nas_peek(struct bytes pdu, enum nas_sht *ret_type, struct bytes *ret_body)
{
        if (pdu.n < 2)
                return E_SHORT;
        if (pdu.p[0] != NAS_EPD_5GMM)
                return E_UNSUPPORTED;
        unsigned type = pdu.p[1] & 15u; /* the other half octet is spare */
        if (type > NAS_CIPHERED_NEW)
                return E_SYNTAX;
        if (type != NAS_PLAIN && pdu.n <= HEAD_LEN)
                return E_SHORT;
        *ret_type = (enum nas_sht)type;
        *ret_body = type == NAS_PLAIN ? pdu : bytes_of(pdu.p + HEAD_LEN, pdu.n - HEAD_LEN);
        return E_OK;
}

static struct nas_place place_of(const struct nas_sec *s, uint32_t count, enum nas_dir dir)
{
        return (struct nas_place){ .count = count, .bearer = s->bearer, .dir = dir };
}

enum ecode nas_seal(void *mem, struct nas_sec *s, enum nas_sht type, struct bytes plain, struct bytes *ret,
                    struct err *er)
{
        if (type == NAS_PLAIN || type > NAS_CIPHERED_NEW || plain.n == 0 || plain.n > NAS_PDU_MAX - HEAD_LEN)
                return err_set(er, E_RANGE, NULL, "cannot protect %zu octets with header type %u", plain.n,
                               (unsigned)type);
        if (s->next_send >= NAS_COUNT_END)
                return err_set(er, E_LIMIT, "R-5G-22", "all NAS counts of this key are used");
        struct nas_place at = place_of(s, s->next_send++, s->send);
        uint8_t *pdu = talloc_size(mem, HEAD_LEN + plain.n);
        if (pdu == NULL)
                return err_set(er, E_NOMEM, NULL, "a NAS message");
        pdu[0] = NAS_EPD_5GMM;
        pdu[1] = (uint8_t)type;
        pdu[AT_SQN] = (uint8_t)at.count;
        memcpy(pdu + HEAD_LEN, plain.p, plain.n);
        enum ecode e = E_OK;
        if (is_ciphered(type))
                e = nea2(&s->enc, at, plain, pdu + HEAD_LEN);
        if (e == E_OK)
                e = nia2(&s->integ, at, bytes_of(pdu + AT_SQN, 1 + plain.n), pdu + AT_MAC);
        if (e != E_OK) {
                talloc_free(pdu);
                return err_set(er, e, NULL, "cannot protect a NAS message");
        }
        *ret = bytes_of(pdu, HEAD_LEN + plain.n);
        return E_OK;
}

/* TS 24.501 4.4.3: the sequence number is the low octet; the rest is the least that makes the count new. So a message
 * that was received before is looked at under a count that it was not made with, and its MAC fails. */
static uint32_t count_of(uint32_t next, uint8_t sqn)
{
        uint32_t count = (next & ~UINT32_C(0xff)) | sqn;
        return count < next ? count + 0x100 : count;
}

enum ecode nas_open(void *mem, struct nas_sec *s, struct bytes pdu, enum nas_sht *ret_type, struct bytes *ret_plain,
                    struct err *er)
{
        enum nas_sht type;
        struct bytes body;
        uint8_t mac[NAS_MAC_LEN];
        enum ecode e = nas_peek(pdu, &type, &body);
        if (e != E_OK || type == NAS_PLAIN)
                return err_set(er, e != E_OK ? e : E_SYNTAX, "R-5G-22", "not a protected NAS message");
        uint32_t count = count_of(s->next_recv, pdu.p[AT_SQN]);
        if (count >= NAS_COUNT_END)
                return err_set(er, E_LIMIT, "R-5G-22", "all NAS counts of this key are used");
        struct nas_place at = place_of(s, count, s->send == NAS_UP ? NAS_DOWN : NAS_UP);
        e = nia2(&s->integ, at, bytes_of(pdu.p + AT_SQN, pdu.n - AT_SQN), mac);
        if (e == E_OK && !bytes_eq_secret(BYTES_ARR(mac), bytes_of(pdu.p + AT_MAC, NAS_MAC_LEN)))
                return err_set(er, E_AUTH_FAILED, "R-5G-22", "the MAC of a NAS message does not fit");
        uint8_t *plain = e == E_OK ? talloc_memdup(mem, body.p, body.n) : NULL;
        if (plain == NULL)
                return err_set(er, e != E_OK ? e : E_NOMEM, NULL, "a NAS message");
        if (is_ciphered(type))
                e = nea2(&s->enc, at, body, plain);
        if (e != E_OK) {
                talloc_free(plain);
                return err_set(er, e, NULL, "cannot decipher a NAS message");
        }
        s->next_recv = count + 1;
        *ret_type = type;
        *ret_plain = bytes_of(plain, body.n);
        return E_OK;
}
