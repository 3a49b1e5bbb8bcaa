#include "base/codec.h"

#include <talloc.h>

char *hex_encode(void *mem, struct bytes in)
{
        static const char digit[] = "0123456789abcdef";
        char *out = talloc_size(mem, in.n * 2 + 1);
        if (out == NULL)
                return NULL;
        for (size_t i = 0; i < in.n; i++) {
                out[2 * i] = digit[in.p[i] >> 4];
                out[2 * i + 1] = digit[in.p[i] & 15];
        }
        out[in.n * 2] = 0;
        return out;
}

int hex_digit(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static enum ecode hex_into(struct bytes text, uint8_t *out)
{
        for (size_t i = 0; i + 1 < text.n; i += 2) {
                int hi = hex_digit(text.p[i]), lo = hex_digit(text.p[i + 1]);
                if (hi < 0 || lo < 0)
                        return E_SYNTAX;
                out[i / 2] = (uint8_t)(hi << 4 | lo);
        }
        return E_OK;
}

enum ecode hex_decode(void *mem, struct bytes text, struct bytes *ret)
{
        if (text.n % 2 != 0)
                return E_SYNTAX;
        uint8_t *out = talloc_size(mem, text.n / 2 + 1);
        if (out == NULL)
                return E_NOMEM;
        enum ecode e = hex_into(text, out);
        if (e != E_OK) {
                talloc_free(out);
                return e;
        }
        out[text.n / 2] = 0;
        *ret = bytes_of(out, text.n / 2);
        return E_OK;
}

enum ecode hex_decode_to(struct bytes text, uint8_t *out, size_t n)
{
        if (text.n != n * 2)
                return text.n < n * 2 ? E_SHORT : E_LONG;
        return hex_into(text, out);
}

static char *b64_write(void *mem, struct bytes in, const char *alphabet, bool pad)
{
        char *out = talloc_size(mem, (in.n + 2) / 3 * 4 + 1);
        if (out == NULL)
                return NULL;
        size_t o = 0;
        for (size_t i = 0; i < in.n; i += 3) {
                size_t left = in.n - i;
                uint32_t v = (uint32_t)in.p[i] << 16 | (left > 1 ? (uint32_t)in.p[i + 1] << 8 : 0) |
                             (left > 2 ? in.p[i + 2] : 0);
                out[o++] = alphabet[v >> 18 & 63];
                out[o++] = alphabet[v >> 12 & 63];
                if (left > 1)
                        out[o++] = alphabet[v >> 6 & 63];
                else if (pad)
                        out[o++] = '=';
                if (left > 2)
                        out[o++] = alphabet[v & 63];
                else if (pad)
                        out[o++] = '=';
        }
        out[o] = 0;
        return out;
}

static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *b64_encode(void *mem, struct bytes in)
{
        return b64_write(mem, in, std_alphabet, true);
}

char *b64url_encode(void *mem, struct bytes in)
{
        return b64_write(mem, in, url_alphabet, false);
}

static int b64_value(uint8_t c, bool url)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == (url ? '-' : '+'))
                return 62;
        if (c == (url ? '_' : '/'))
                return 63;
        return -1;
}

static enum ecode b64_read(void *mem, struct bytes text, bool url, struct bytes *ret)
{
        uint8_t *out = talloc_size(mem, text.n / 4 * 3 + 4);
        if (out == NULL)
                return E_NOMEM;
        size_t o = 0, chars = 0, pads = 0;
        uint32_t acc = 0;
        unsigned bits = 0;
        for (size_t i = 0; i < text.n; i++) {
                uint8_t c = text.p[i];
                if (!url && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
                        continue;
                if (!url && c == '=') {
                        pads++;
                        continue;
                }
                int v = b64_value(c, url);
                if (v < 0 || pads > 0)
                        goto bad;
                chars++;
                acc = acc << 6 | (uint32_t)v;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        out[o++] = (uint8_t)(acc >> bits);
                        acc &= (1u << bits) - 1;
                }
        }
        if (bits >= 6 || acc != 0 || (!url && (chars + pads) % 4 != 0) || pads > 2)
                goto bad;
        out[o] = 0;
        *ret = bytes_of(out, o);
        return E_OK;
bad:
        talloc_free(out);
        return E_SYNTAX;
}

enum ecode b64_decode(void *mem, struct bytes text, struct bytes *ret)
{
        return b64_read(mem, text, false, ret);
}

enum ecode b64url_decode(void *mem, struct bytes text, struct bytes *ret)
{
        return b64_read(mem, text, true, ret);
}
