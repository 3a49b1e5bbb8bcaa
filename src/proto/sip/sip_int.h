/* Inside of proto/sip only: how a message is kept, and the scanners that its files share. */
#ifndef MUSTER_PROTO_SIP_INT_H
#define MUSTER_PROTO_SIP_INT_H

#include "proto/sip/sip.h"

enum sip_name_flag {
        SIP_NAME_LIST = 1,   /* its grammar is 1#value: split at commas, RFC 3261 clause 7.3.1 */
        SIP_NAME_SINGLE = 2, /* may stand once */
};

struct sip_name {
        const char *text;
        char compact; /* 0: none */
        uint8_t flags;
};

/* The row of a header name in any spelling, or NULL: not known here. */
const struct sip_name *sip_name_find(const char *name, size_t n);

struct sip_hdr_entry {
        const struct sip_name *known; /* NULL: compare the text */
        const char *name, *value;
};

struct sip_msg {
        struct bytes raw;
        bool request;
        int status;
        const char *method, *ruri, *reason;
        struct sip_hdr_entry *h;
        size_t n, cap;
        struct bytes body;
        enum ecode failed; /* the first change that went wrong */

        /* Parsed when first asked for, forgotten when the header changes. */
        bool from_known, to_known, via_known;
        const char *from_tag, *to_tag;
        struct sip_via via;
};

/* Where in m->h the i-th value stands; m->n: nowhere. */
size_t sip_hdr_index(const struct sip_msg *m, const char *name, size_t i);
/* Puts one value at place `at`, taking name and value as they are (on m). False: full, or out of memory (m->failed). */
bool sip_hdr_put(struct sip_msg *m, size_t at, const struct sip_name *known, const char *name, const char *value);
/* Takes the piece before the next separator out of *s, in place; NULL at the end. Quotes and < > protect it. */
char *sip_next(char **s, char sep);

enum sip_class {
        SIP_C_TOKEN = 1,  /* token */
        SIP_C_USER = 2,   /* unreserved, user-unreserved */
        SIP_C_PASS = 4,   /* what a password may hold */
        SIP_C_PARAM = 8,  /* unreserved, param-unreserved */
        SIP_C_HOST = 16,  /* letters, digits, '-', '.' */
        SIP_C_SCHEME = 32 /* letters, digits, '+', '-', '.' */
};
bool sip_is(enum sip_class c, char ch);
/* Every character is of the class, and there is one. */
bool sip_all(enum sip_class c, const char *s);
/* Cuts white space off both ends, in place. */
char *sip_trim(char *s);
bool sip_uint(const char *s, uint64_t most, uint64_t *ret);
/* Octets that no header value and no URI may hold: controls but HTAB, and DEL. */
bool sip_is_clean(const char *s);

/* ";a=b;c" in place; `sep` is ';' for parameters and ',' for authentication. uri: values hold %-escapes. */
enum ecode sip_params_scan(void *mem, char *s, char sep, bool uri, struct sip_params *ret, struct err *er);
/* A quoted-string at *s (which points at the quote), unescaped in place; *s is moved behind. NULL: it does not end. */
char *sip_unquote(char **s);
/* %-escapes undone in place. False: not two hex digits, or %00, which no C string can hold. */
bool sip_unescape(char *s, enum sip_class may);
/* host [":" port] in place. */
enum ecode sip_hostport(char *s, const char **host, uint16_t *port, struct err *er);

#endif
