/* Hex and base64 texts. Decoders are strict: one octet string has exactly one accepted base64url spelling (RFC 7515
 * clause 2, RFC 4648 clause 3.5), so that nothing keyed on a text can be evaded by another spelling of it. */
#ifndef MUSTER_BASE_CODEC_H
#define MUSTER_BASE_CODEC_H

#include "base/bytes.h"
#include "base/err.h"

/* The value of a hex digit of either case, or -1. */
int hex_digit(uint8_t c);

/* Lower case. NULL when memory is out. */
char *hex_encode(void *mem, struct bytes in);
/* Either case, even length, nothing else. E_SYNTAX otherwise. */
enum ecode hex_decode(void *mem, struct bytes text, struct bytes *ret);
/* Exactly n octets into out, for keys of known size. E_SYNTAX, E_SHORT or E_LONG otherwise. */
enum ecode hex_decode_to(struct bytes text, uint8_t *out, size_t n);

/* RFC 4648 clause 4, with padding. The decoder skips white space (XML texts are wrapped). */
char *b64_encode(void *mem, struct bytes in);
enum ecode b64_decode(void *mem, struct bytes text, struct bytes *ret);

/* RFC 4648 clause 5 without padding. The decoder refuses padding, other characters, and trailing bits that are set. */
char *b64url_encode(void *mem, struct bytes in);
enum ecode b64url_decode(void *mem, struct bytes text, struct bytes *ret);

#endif
