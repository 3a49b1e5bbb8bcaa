#include "crypto/suci_impl.h"

#include <stdio.h>

#include "base/codec.h"

#define FIELDS 8u

static bool is_digits(struct bytes b, size_t least, size_t most)
{
        if (b.n < least || b.n > most)
                return false;
        for (size_t i = 0; i < b.n; i++)
                if (b.p[i] < '0' || b.p[i] > '9')
                        return false;
        return true;
}

size_t msin_pack(struct bytes digits, uint8_t ret[SUCI_MSIN_MAX])
{
        size_t n = (digits.n + 1) / 2;
        memset(ret, 0xff, n);
        for (size_t i = 0; i < digits.n; i++) {
                unsigned d = (unsigned)(digits.p[i] - '0');
                ret[i / 2] = (uint8_t)(i % 2 == 0 ? 0xf0 | d : (ret[i / 2] & 0x0f) | d << 4);
        }
        return n;
}

size_t msin_unpack(struct bytes bcd, char ret[2 * SUCI_MSIN_MAX + 1])
{
        size_t n = 0;
        if (bcd.n == 0 || bcd.n > SUCI_MSIN_MAX)
                return 0;
        for (size_t i = 0; i < 2 * bcd.n; i++) {
                unsigned d = i % 2 == 0 ? bcd.p[i / 2] & 15u : bcd.p[i / 2] >> 4;
                if (d == 15 && i + 1 == 2 * bcd.n)
                        break;
                if (d > 9)
                        return 0;
                ret[n++] = (char)('0' + d);
        }
        ret[n] = 0;
        return n;
}

enum ecode suci_check(const struct suci *s, struct err *er)
{
        char msin[2 * SUCI_MSIN_MAX + 1];
        if (!is_digits(bytes_of(s->routing, strnlen(s->routing, sizeof s->routing)), 1, 4))
                return err_set(er, E_SYNTAX, NULL, "SUCI: the routing indicator is not one to four digits");
        if (s->scheme > SUCI_B)
                return err_set(er, E_UNSUPPORTED, NULL, "SUCI: protection scheme %u is not served", s->scheme);
        if ((s->scheme == SUCI_NULL) != (s->key_id == 0))
                return err_set(er, E_RANGE, NULL, "SUCI: key identifier %u with scheme %u", s->key_id, s->scheme);
        if (s->scheme == SUCI_NULL && msin_unpack(bytes_of(s->out, s->out_n), msin) == 0)
                return err_set(er, E_SYNTAX, NULL, "SUCI: the MSIN is not one to ten digits");
        return E_OK;
}

/* Exactly `n` fields between hyphens; false otherwise. */
static bool split(struct bytes text, struct bytes *f, size_t n)
{
        size_t at = 0, start = 0;
        for (size_t i = 0; i <= text.n; i++) {
                if (i < text.n && text.p[i] != '-')
                        continue;
                if (at == n)
                        return false;
                f[at++] = bytes_of(text.p + start, i - start);
                start = i + 1;
        }
        return at == n;
}

/* A decimal number of up to three digits without leading zeros. */
static bool small_number(struct bytes t, unsigned max, uint8_t *ret)
{
        unsigned v = 0;
        if (!is_digits(t, 1, 3) || (t.n > 1 && t.p[0] == '0'))
                return false;
        for (size_t i = 0; i < t.n; i++)
                v = 10 * v + (unsigned)(t.p[i] - '0');
        *ret = (uint8_t)v;
        return v <= max;
}

static enum ecode parse_output(struct bytes t, struct suci *s)
{
        if (s->scheme == SUCI_NULL) {
                if (!is_digits(t, 1, 2 * SUCI_MSIN_MAX))
                        return E_SYNTAX;
                s->out_n = (uint8_t)msin_pack(t, s->out);
                return E_OK;
        }
        if (t.n > 2 * sizeof s->out)
                return E_LONG;
        s->out_n = (uint8_t)(t.n / 2);
        return hex_decode_to(t, s->out, s->out_n) == E_OK ? E_OK : E_SYNTAX;
}

enum ecode suci_parse(struct bytes text, struct suci *ret, struct err *er)
{
        struct bytes f[FIELDS];
        struct suci s = { 0 };
        if (!split(text, f, FIELDS) || !bytes_eq_str(f[0], "suci"))
                return err_set(er, E_SYNTAX, NULL, "SUCI: not suci- and seven fields");
        if (!bytes_eq_str(f[1], "0"))
                return err_set(er, E_UNSUPPORTED, NULL, "SUCI: only SUPIs that are IMSIs (type 0) are served");
        if (plmn_of(f[2], f[3], &s.plmn) != E_OK)
                return err_set(er, E_SYNTAX, NULL, "SUCI: no MCC and MNC");
        if (!is_digits(f[4], 1, 4))
                return err_set(er, E_SYNTAX, NULL, "SUCI: the routing indicator is not one to four digits");
        memcpy(s.routing, f[4].p, f[4].n);
        if (!small_number(f[5], 15, &s.scheme) || !small_number(f[6], 255, &s.key_id))
                return err_set(er, E_SYNTAX, NULL, "SUCI: scheme or key identifier");
        enum ecode e = parse_output(f[7], &s);
        if (e != E_OK)
                return err_set(er, e, NULL, "SUCI: the scheme output");
        e = suci_check(&s, er);
        if (e == E_OK)
                *ret = s;
        return e;
}

char *suci_print(void *mem, const struct suci *s)
{
        struct buf b = buf_on(mem);
        char msin[2 * SUCI_MSIN_MAX + 1] = "";
        buf_printf(&b, "suci-0-%s-%s-%s-%u-%u-", s->plmn.mcc, s->plmn.mnc, s->routing, s->scheme, s->key_id);
        if (s->scheme == SUCI_NULL && msin_unpack(bytes_of(s->out, s->out_n), msin) > 0)
                buf_puts(&b, msin);
        for (size_t i = 0; s->scheme != SUCI_NULL && i < s->out_n; i++)
                buf_printf(&b, "%02x", s->out[i]);
        return buf_str(&b);
}

enum ecode suci_conceal(const struct suci_ask *ask, const struct rng *rng, struct suci *ret, struct err *er)
{
        struct suci s = { 0 };
        struct bytes imsi = { 0 };
        uint8_t msin[SUCI_MSIN_MAX];
        size_t head = 3 + (size_t)ask->mnc_digits;
        if (ask->supi.n > 5 && memcmp(ask->supi.p, "imsi-", 5) == 0)
                imsi = bytes_of(ask->supi.p + 5, ask->supi.n - 5);
        if (head < 5 || head > 6 || !is_digits(imsi, head + 1, 15) || imsi.n - head > 2 * SUCI_MSIN_MAX)
                return err_set(er, E_SYNTAX, NULL, "the SUPI is no IMSI with an MNC of %u digits", ask->mnc_digits);
        if (!is_digits(ask->routing, 1, 4))
                return err_set(er, E_RANGE, NULL, "the routing indicator is not one to four digits");
        (void)plmn_of(bytes_of(imsi.p, 3), bytes_of(imsi.p + 3, head - 3), &s.plmn); /* digits, as was seen above */
        memcpy(s.routing, ask->routing.p, ask->routing.n);
        size_t n = msin_pack(bytes_of(imsi.p + head, imsi.n - head), msin);
        enum ecode e = E_OK;
        if (ask->pub == NULL) {
                memcpy(s.out, msin, n);
                s.out_n = (uint8_t)n;
        } else {
                s.scheme = (uint8_t)ask->pub->scheme;
                s.key_id = ask->pub->id;
                e = ecies_seal(ask->pub, bytes_of(msin, n), rng, &s);
        }
        if (e != E_OK)
                return err_set(er, e, NULL, "cannot conceal the SUPI with home network key %u", s.key_id);
        *ret = s;
        return E_OK;
}

/* R-5G-19: an unknown key identifier, a changed octet and a strange plain text end here, with nothing to tell them
 * apart. */
static enum ecode closed(struct err *er)
{
        return err_set(er, E_DECRYPT, "R-5G-19", "the SUCI does not open");
}

static enum ecode plain_msin(const struct suci *s, const struct suci_home *home, uint8_t msin[SUCI_MSIN_MAX], size_t *n)
{
        if (s->scheme == SUCI_NULL) {
                if (s->out_n > SUCI_MSIN_MAX)
                        return E_DECRYPT;
                memcpy(msin, s->out, s->out_n);
                *n = s->out_n;
                return E_OK;
        }
        for (size_t i = 0; i < home->n; i++)
                if (home->keys[i].scheme == s->scheme && home->keys[i].id == s->key_id)
                        return ecies_open(&home->keys[i], bytes_of(s->out, s->out_n), msin, n);
        return E_DECRYPT;
}

enum ecode suci_reveal(const struct suci *s, const struct suci_home *home, struct supi *ret, struct err *er)
{
        if (s->scheme > SUCI_B)
                return err_set(er, E_UNSUPPORTED, NULL, "SUCI: protection scheme %u is not served", s->scheme);
        if (s->scheme == SUCI_NULL && !home->null_allowed)
                return err_set(er, E_UNSUPPORTED, "R-5G-20", "SUCI: the null scheme is not allowed here");
        uint8_t bcd[SUCI_MSIN_MAX];
        char msin[2 * SUCI_MSIN_MAX + 1];
        size_t n = 0;
        enum ecode e = plain_msin(s, home, bcd, &n);
        if (e == E_DECRYPT)
                return closed(er);
        if (e != E_OK)
                return err_set(er, e, NULL, "SUCI: home network key %u", s->key_id);
        size_t digits = msin_unpack(bytes_of(bcd, n), msin);
        size_t head = 3 + strlen(s->plmn.mnc);
        if (digits == 0 || head + digits > 15)
                return closed(er);
        snprintf(ret->s, sizeof ret->s, "imsi-%s%s%s", s->plmn.mcc, s->plmn.mnc, msin);
        return E_OK;
}
