/* SIP messages: RFC 3261 clause 7 and 25, as an ordered list of header values over the octets received.
 *
 * What most code needs:
 *
 *      const char *id = sip_hdr(rq, "Call-ID");                      first value, any header, any spelling; or NULL
 *      for (size_t i = 0; i < sip_hdr_count(rq, "Route"); i++)       values, comma lists taken apart
 *              use(sip_hdr_at(rq, "Route", i));
 *      sip_addr_of(mem, rq, "Contact", 0, &addr, er);                <uri>;params as a plain struct
 *      struct sip_msg *rs = sip_response_new(mem, rq, 200, NULL);    Via, From, To, Call-ID, CSeq are copied
 *      sip_hdr_set(rs, "Expires", "%u", 3600);                       printf; add, prepend, remove likewise
 *      sip_set_body(rs, "application/sdp", body);                    Content-Length is written when it is printed
 *
 * Names: case does not matter, and a compact form (RFC 3261 clause 7.3.3) is the same header. Values: unfolded, without
 * white space around them, NUL-terminated; they live as long as the message, also when they are removed from it.
 * A header whose grammar is a comma list (Via, Route, Contact, P-Asserted-Identity, Supported, ...) has one entry
 * for each value and is printed one line each, which RFC 3261 clause 7.3.1 calls equal; Authorization and its kind,
 * and headers that are not known here, are never split.
 *
 * Changes cannot fail on the spot: memory that runs out, or CR, LF, NUL in a value, make the message unprintable, and
 * sip_msg_print (so also sending) returns that error. A message is one talloc tree and belongs to one thread at a time.
 */
#ifndef MUSTER_PROTO_SIP_SIP_H
#define MUSTER_PROTO_SIP_SIP_H

#include "base/bytes.h"
#include "base/err.h"

struct sip_msg;

#define SIP_MSG_MAX     ((size_t)64 << 10) /* R-SA-128: more is answered 413 */
#define SIP_HEADERS_MAX 256                /* values in one message */

/* The whole datagram or framed message. With Content-Length in a datagram, octets after the body are dropped (RFC
 * 3261 clause 18.3). E_LONG: R-SA-128; E_SYNTAX, E_MISSING, E_DUPLICATE, E_RANGE: answer 400; E_UNSUPPORTED: not
 * SIP/2.0. Via, From, To, Call-ID and CSeq are there and well-formed when this returned E_OK, and CSeq fits the method.
 */
enum ecode sip_msg_parse(void *mem, struct bytes in, struct sip_msg **ret, struct err *er);
/* For who has to answer what sip_msg_parse refused: the headers alone are taken apart, nothing is demanded of them, and
 * everything behind them is the body. Errors as above, for what is no SIP at all. */
enum ecode sip_msg_parse_head(void *mem, struct bytes in, struct sip_msg **ret, struct err *er);
struct sip_msg *sip_msg_copy(void *mem, const struct sip_msg *m);
enum ecode sip_msg_print(void *mem, const struct sip_msg *m, struct bytes *ret);
/* The octets as received, whatever was changed since; empty for a message that was built here. */
struct bytes sip_msg_raw(const struct sip_msg *m);

/* The start line. */
bool sip_is_request(const struct sip_msg *m);
const char *sip_method(const struct sip_msg *m); /* of a response: the method in CSeq */
bool sip_method_is(const struct sip_msg *m, const char *method);
const char *sip_ruri(const struct sip_msg *m);   /* Request-URI; NULL for a response */
int sip_status(const struct sip_msg *m);         /* 0 for a request */
const char *sip_reason(const struct sip_msg *m); /* NULL for a request */
void sip_set_ruri(struct sip_msg *m, const char *uri);

/* Headers by name. NULL where there is no such value. */
size_t sip_hdr_count(const struct sip_msg *m, const char *name);
const char *sip_hdr(const struct sip_msg *m, const char *name);
const char *sip_hdr_at(const struct sip_msg *m, const char *name, size_t i);
/* Is one of the values this token (case-insensitive, parameters aside)? For Supported, Require, Allow, Privacy, Event.
 */
bool sip_hdr_has(const struct sip_msg *m, const char *name, const char *token);
void sip_hdr_add(struct sip_msg *m, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sip_hdr_prepend(struct sip_msg *m, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Replaces all values by this one, in the place of the first. */
void sip_hdr_set(struct sip_msg *m, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sip_hdr_remove(struct sip_msg *m, const char *name);
void sip_hdr_remove_at(struct sip_msg *m, const char *name, size_t i);
/* Appends every value of src_name, in order: Path to Route, Service-Route to Route, Via to Via. */
void sip_hdr_copy(struct sip_msg *dst, const char *dst_name, const struct sip_msg *src, const char *src_name);
/* Every value in order of arrival, for whoever has to walk them all. False after the last. */
bool sip_hdr_each(const struct sip_msg *m, size_t i, const char **name, const char **value);

/* Headers with a shape of their own. */
const char *sip_call_id(const struct sip_msg *m);  /* "" if there is none */
uint32_t sip_cseq(const struct sip_msg *m);        /* 0 if there is none */
const char *sip_from_tag(const struct sip_msg *m); /* NULL without */
const char *sip_to_tag(const struct sip_msg *m);   /* NULL without */
void sip_set_to_tag(struct sip_msg *m, const char *tag);
int sip_max_forwards(const struct sip_msg *m); /* 0..255; -1: not there or not a number */
int64_t sip_expires(const struct sip_msg *m);  /* seconds of the Expires header; -1: not there or not a number */
int64_t sip_delta_seconds(const char *text);   /* "3600": 0..2^32-1; -1 otherwise */
const char *sip_content_type(const struct sip_msg *m); /* with its parameters; NULL without */
/* "multipart/mixed;boundary=x" is "multipart/mixed": case-insensitive. NULL is nothing. */
bool sip_type_is(const char *content_type, const char *type);
struct bytes sip_body(const struct sip_msg *m);
/* Copies. Empty body and NULL type: none. */
void sip_set_body(struct sip_msg *m, const char *type, struct bytes body);

/* Parameters: names compare case-insensitively; a value is unquoted; a parameter without '=' has the value "". */
struct sip_param {
        const char *name, *value;
};
struct sip_params {
        const struct sip_param *p;
        size_t n;
};
/* NULL: no such parameter. */
const char *sip_param(const struct sip_params *ps, const char *name);
/* Parameters of any header value that starts with something else: "refresher;a=b", "text/plain;charset=x". */
enum ecode sip_params_of(void *mem, const char *value, struct sip_params *ret, struct err *er);

/* sip:, sips: (RFC 3261 clause 19.1) and tel: (RFC 3966); any other scheme keeps its rest in `opaque`. */
struct sip_uri {
        const char *scheme;   /* lower case */
        const char *user;     /* escapes undone; NULL without; of tel: the number as written */
        const char *password; /* NULL without */
        const char *host;     /* lower case; IPv6 without brackets; "" for tel: and other schemes */
        uint16_t port;        /* 0: none given */
        struct sip_params params;
        const char *headers; /* after '?', NULL without */
        const char *opaque;  /* of other schemes: what stands after the colon; otherwise NULL */
};
enum ecode sip_uri_parse(void *mem, const char *text, struct sip_uri *ret, struct err *er);
char *sip_uri_print(void *mem, const struct sip_uri *u);
/* RFC 3261 clause 19.1.4. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);
/* The address of record as a key: "sip:user@host", "tel:+4930123" without visual separators; no port 5060, no password,
 * parameters or headers (RFC 3261 clause 10.3 step 5). NULL: it does not parse. Takes "<...>" and a display name as
 * well. */
char *sip_aor(void *mem, const char *uri_or_addr);
/* The same for a public user identity, which is a SIP or tel URI (TS 23.003 clause 13.4); NULL otherwise: R-SA-38. */
char *sip_impu(void *mem, const char *uri_or_addr);
/* Both parse, and have the same address of record. */
bool sip_aor_eq(const char *a, const char *b);

/* name-addr or addr-spec with header parameters: From, To, Contact, Route, Path, P-Asserted-Identity, ... */
struct sip_addr {
        const char *display; /* unquoted; NULL without */
        const char *uri;     /* as written, without < > */
        struct sip_uri u;
        struct sip_params params; /* those after >: tag, expires, +sip.instance, +g.3gpp.icsi-ref, ... */
        bool star;                /* Contact: * */
};
enum ecode sip_addr_parse(void *mem, const char *text, struct sip_addr *ret, struct err *er);
/* E_NOT_FOUND: no such value. */
enum ecode sip_addr_of(void *mem, const struct sip_msg *m, const char *name, size_t i, struct sip_addr *ret,
                       struct err *er);

/* "display" <uri>;params from the fields display, uri and params. NULL: out of memory, or CR, LF in a text. */
char *sip_addr_print(void *mem, const struct sip_addr *a);

struct sip_via {
        const char *transport; /* "UDP" */
        const char *host;      /* sent-by */
        uint16_t port;         /* 0: none given */
        struct sip_params params;
};
enum ecode sip_via_parse(void *mem, const char *text, struct sip_via *ret, struct err *er);
/* The parameter of the topmost Via: "branch", "received", "rport". NULL without. On m. */
const char *sip_via_param(const struct sip_msg *m, const char *name);

/* Authorization, WWW-Authenticate, Authentication-Info and their proxy kin: RFC 2617, RFC 3310 (auts), TS 24.229
 * clause 7.2A.2 (ck, ik, integrity-protected). Unquoted texts, NULL where not given. ck and ik are secrets: they are on
 * mem like the rest, whoever reads them wipes them (sip_auth_wipe). A parameter that stands twice: E_DUPLICATE. */
struct sip_auth {
        const char *scheme; /* "Digest", "Bearer"; NULL: Authentication-Info, which has none */
        const char *username, *realm, *nonce, *uri, *response, *algorithm, *qop, *nc, *cnonce, *opaque, *auts;
        const char *stale, *domain, *nextnonce, *rspauth;
        const char *integrity_protected, *ck, *ik;
        const char *token; /* of Bearer and other schemes with one token68 instead of parameters */
        struct sip_params rest;
};
enum ecode sip_auth_parse(void *mem, const char *text, struct sip_auth *ret, struct err *er);
enum ecode sip_auth_info_parse(void *mem, const char *text, struct sip_auth *ret, struct err *er);
/* Quoted and unquoted as the grammar of each parameter says; qop is quoted in a challenge. NULL: out of memory. */
char *sip_auth_print(void *mem, const struct sip_auth *a);
void sip_auth_wipe(struct sip_auth *a);

/* Builders. */
struct sip_request_in {
        const char *method, *uri;
        const char *from; /* "<sip:a@b>;tag=x" */
        const char *to;   /* "<sip:a@b>" */
        const char *call_id;
        uint32_t cseq;
};
/* Max-Forwards is 70. Via is added by who sends. NULL: out of memory. */
struct sip_msg *sip_request_new(void *mem, const struct sip_request_in *in);
/* RFC 3261 clause 8.2.6. reason NULL: the usual phrase. A To tag is added by who sends, when there is none and the
 * status is above 100. Record-Route is copied into 101..299. NULL: out of memory. */
struct sip_msg *sip_response_new(void *mem, const struct sip_msg *rq, int status, const char *reason);
const char *sip_phrase(int status);
/* What an error is in SIP: ecode_http, except where SIP has another number. 403 is never the answer to "could not ask".
 */
int sip_status_of(enum ecode e);

/* R-SA-98: `399 host "141 user unknown to the participating function"` (TS 24.379 clause 4.4.1, RFC 3261 clause 20.43)
 */
void sip_warning_add(struct sip_msg *m, const char *host, int code, const char *text);
/* The code in the first Warning of that form; -1 without. *text, which may be NULL, is what follows it, on m. */
int sip_warning_code(struct sip_msg *m, const char **text);

/* P-Charging-Vector: RFC 7315 clause 4.6. NULL where not given. */
struct sip_charging {
        const char *icid, *generated_at, *orig_ioi, *term_ioi;
};
void sip_charging_set(struct sip_msg *m, const struct sip_charging *c);
/* E_NOT_FOUND: there is none. */
enum ecode sip_charging_get(void *mem, const struct sip_msg *m, struct sip_charging *ret, struct err *er);

/* Streams: where the next message in `in` ends (RFC 3261 clause 18.3). Start from zero for each message, hand in the
 * same struct again with more octets; no octet is looked at twice. */
struct sip_frame {
        size_t seen;    /* searched for the end of the headers up to here */
        size_t head, n; /* octets of headers, and of headers and body; 0 while not known */
};
enum sip_frame_is {
        SIP_FRAME_MORE,      /* wait for more octets */
        SIP_FRAME_PING,      /* CR LF CR LF: answer with CR LF (RFC 5626 clause 4.4.1); n octets */
        SIP_FRAME_BLANK,     /* a CR LF between messages, or a pong; n octets */
        SIP_FRAME_MESSAGE,   /* n octets */
        SIP_FRAME_TOO_LONG,  /* R-SA-128: answer 413 and close. head is 0 when even the headers are too long */
        SIP_FRAME_MALFORMED, /* no Content-Length, two, or no number: nobody knows where it ends. Answer 400, close */
};
enum sip_frame_is sip_frame_next(struct sip_frame *f, struct bytes in);

/* `s` as a quoted-string with its quotes, and back. NULL: out of memory, or CR, LF in s. */
char *sip_quote(void *mem, const char *s);

#endif
