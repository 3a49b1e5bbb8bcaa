/* MIKEY-SAKKE I_MESSAGE (RFC 3830, RFC 6043, RFC 6509 in the profile of TS 33.180 annex E): octets and struct.
 * What the message means, with keys and signatures, is in mikey_key.h. */
#ifndef MUSTER_PROTO_MIKEY_MIKEY_H
#define MUSTER_PROTO_MIKEY_MIKEY_H

#include "base/bytes.h"
#include "base/err.h"

#define MIKEY_MEDIA_TYPE   "application/mikey"
#define MIKEY_OCTETS_MAX   4096u
#define MIKEY_PAYLOADS_MAX 32u /* R-KMS-117 */
#define MIKEY_CS_MAX       16u
#define MIKEY_SED_LEN      273u /* RFC 6508, parameter set 1: R (257) and H (16) */
#define MIKEY_SIG_LEN      129u /* RFC 6507: r, s, PVT */

enum mikey_map { MIKEY_MAP_SRTP = 0, MIKEY_MAP_EMPTY = 1, MIKEY_MAP_GENERIC = 2 };

/* IDR roles: RFC 6043 6.6, RFC 6509 4.4, 33.180 E.7. */
enum mikey_role {
        MIKEY_ROLE_INITIATOR = 1,
        MIKEY_ROLE_RESPONDER = 2,
        MIKEY_ROLE_KMS_I = 6,
        MIKEY_ROLE_KMS_R = 7,
        MIKEY_ROLE_UID_I = 8, /* the initiator's UID in place of its URI */
        MIKEY_ROLE_UID_R = 9,
};

/* General extension types of 33.180 E.5 and E.6. */
enum mikey_ext { MIKEY_EXT_SAKKE_TO_SELF = 6, MIKEY_EXT_KEY_PARAMS = 7 };

/* One entry of a GENERIC-ID map (RFC 6043 6.1.1), or of a legacy SRTP-ID map. */
struct mikey_cs {
        uint8_t cs_id;
        uint8_t protocol; /* 0: SRTP */
        bool session_flag;
        struct bytes policies; /* policy numbers, one octet each */
        struct bytes session_data;
        struct bytes spi;
};

struct mikey_policy {
        uint8_t number;
        uint8_t protocol;    /* 0: SRTP */
        struct bytes params; /* type, length, value and so on; checked to be well-formed */
};

struct mikey_sakke {
        uint8_t param_set; /* 1 */
        uint8_t id_scheme; /* 2: UID of 33.180 F.2.1 */
        struct bytes sed;  /* 273 octets */
};

struct mikey_id {
        uint8_t type; /* 1: URI, also used for UIDs; 2: octets */
        struct bytes data;
};

#define MIKEY_POLICIES_MAX 4u

struct mikey_msg {
        uint32_t csb_id;
        enum mikey_map map;
        struct mikey_cs cs[MIKEY_CS_MAX];
        size_t cs_n;
        uint32_t ntp_s; /* NTP seconds, low 32 bits: mikey_time_s unwraps */
        uint32_t ntp_frac;
        struct bytes rand;
        bool hidden; /* roles 8 and 9 with UIDs; else roles 1 and 2 with URIs (R-KMS-107) */
        struct mikey_id initiator, responder, kms_i, kms_r;
        struct mikey_policy policies[MIKEY_POLICIES_MAX];
        size_t policies_n;
        struct mikey_sakke sakke;
        bool has_self;
        struct mikey_sakke self;  /* SAKKE-to-self (E.5) */
        struct bytes key_params;  /* E.6, as sent; no octets: absent */
        bool ext_after_sakke;     /* where the general extensions stand; either is accepted */
        struct bytes signature;   /* 129 octets */
        struct bytes signed_part; /* parsing only: the octets that the signature covers */
};

/* Everything in *ret borrows from `in`. Accepts any order of payloads between HDR and the final SIGN, each once.
 * Errors  E_SHORT, E_LONG, E_SYNTAX, E_DUPLICATE, E_MISSING, E_UNSUPPORTED; req R-KMS-102..104, 107, 108, 115, 117. */
enum ecode mikey_parse(struct bytes in, struct mikey_msg *ret, struct err *er);

/* Canonical order of 33.180 E.1.2: HDR T RAND IDRi IDRr IDRkmsi IDRkmsr SP* [GE*] SAKKE [GE*] SIGN. The octets end
 * before the signature value: what is returned is to be signed, and the 129 octets appended.
 * E_LONG, E_RANGE. */
enum ecode mikey_print_unsigned(void *mem, const struct mikey_msg *m, struct bytes *ret, struct err *er);

/* Seconds since 1970 of the T payload, in the NTP era that is nearest to now_s (R-KMS-25). */
int64_t mikey_time_s(const struct mikey_msg *m, int64_t now_s);

/* The body as it came in SIP or SDP: binary (first octets 01 1a) or base64. E_SYNTAX. */
enum ecode mikey_from_body(void *mem, struct bytes body, struct bytes *ret);

#endif
