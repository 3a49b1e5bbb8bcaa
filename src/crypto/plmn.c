#include "crypto/plmn.h"

#define FILLER 0xfu

static bool is_digit(uint8_t c)
{
        return c >= '0' && c <= '9';
}

static bool all_digits(struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (!is_digit(b.p[i]))
                        return false;
        return true;
}

enum ecode plmn_of(struct bytes mcc, struct bytes mnc, struct plmn *ret)
{
        if (mcc.n != 3 || mnc.n < 2 || mnc.n > 3 || !all_digits(mcc) || !all_digits(mnc))
                return E_RANGE;
        *ret = (struct plmn){ 0 };
        memcpy(ret->mcc, mcc.p, mcc.n);
        memcpy(ret->mnc, mnc.p, mnc.n);
        return E_OK;
}

bool plmn_eq(const struct plmn *a, const struct plmn *b)
{
        return strcmp(a->mcc, b->mcc) == 0 && strcmp(a->mnc, b->mnc) == 0;
}

enum ecode plmn_read(const uint8_t in[PLMN_LEN], struct plmn *ret)
{
        /* MCC digits 1 to 3, MNC digits 1 to 3 */
        const uint8_t d[6] = { in[0] & 15, in[0] >> 4, in[1] & 15, in[2] & 15, in[2] >> 4, in[1] >> 4 };
        for (size_t i = 0; i < sizeof d; i++)
                if (d[i] > 9 && !(i == 5 && d[i] == FILLER))
                        return E_SYNTAX;
        struct plmn p = { 0 };
        for (size_t i = 0; i < 3; i++) {
                p.mcc[i] = (char)('0' + d[i]);
                if (d[3 + i] != FILLER)
                        p.mnc[i] = (char)('0' + d[3 + i]);
        }
        *ret = p;
        return E_OK;
}

void plmn_write(const struct plmn *p, uint8_t ret[PLMN_LEN])
{
        unsigned last = p->mnc[2] != 0 ? (unsigned)(p->mnc[2] - '0') : FILLER;
        ret[0] = (uint8_t)((p->mcc[1] - '0') << 4 | (p->mcc[0] - '0'));
        ret[1] = (uint8_t)(last << 4 | (unsigned)(p->mcc[2] - '0'));
        ret[2] = (uint8_t)((p->mnc[1] - '0') << 4 | (p->mnc[0] - '0'));
}

static const char sn_form[] = "5G:mnc###.mcc###.3gppnetwork.org";
_Static_assert(sizeof sn_form == SN_NAME_LEN + 1, "the form and its length");

void sn_name_of(const struct plmn *p, struct sn_name *ret)
{
        memcpy(ret->s, sn_form, sizeof sn_form);
        bool two = p->mnc[2] == 0;
        ret->s[6] = '0';
        memcpy(ret->s + (two ? 7 : 6), p->mnc, two ? 2 : 3);
        memcpy(ret->s + 13, p->mcc, 3);
}

enum ecode sn_name_parse(struct bytes text, struct sn_name *ret)
{
        if (text.n != SN_NAME_LEN)
                return E_SYNTAX;
        for (size_t i = 0; i < SN_NAME_LEN; i++)
                if (sn_form[i] == '#' ? !is_digit(text.p[i]) : text.p[i] != (uint8_t)sn_form[i])
                        return E_SYNTAX;
        memcpy(ret->s, text.p, SN_NAME_LEN);
        ret->s[SN_NAME_LEN] = 0;
        return E_OK;
}
