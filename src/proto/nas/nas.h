/* NAS messages of TS 24.501 as octets: the subset that registration, 5G-AKA, security mode and one PDU session need.
 * Protected messages are in nas_sec.h, what stands inside identities and capability containers in nas_id.h and
 * nas_cap.h.
 *
 * A message is its type and its information elements; elements borrow from the input. One table (nas_table.h) drives
 * parsing and printing. */
#ifndef MUSTER_PROTO_NAS_NAS_H
#define MUSTER_PROTO_NAS_NAS_H

#include "base/bytes.h"
#include "base/err.h"

#define NAS_PDU_MAX 8192u /* of the lab access: two octets of length, then so many at most */

#define NAS_EPD_5GMM 0x7e /* TS 24.501 9.2 */
#define NAS_EPD_5GSM 0x2e

/* 5GMM message types (TS 24.501 9.7) as they are; 5GSM types likewise. The two ranges do not meet. */
enum nas_type {
        NAS_REGISTRATION_REQUEST = 0x41,
        NAS_REGISTRATION_ACCEPT = 0x42,
        NAS_REGISTRATION_COMPLETE = 0x43,
        NAS_REGISTRATION_REJECT = 0x44,
        NAS_AUTHENTICATION_REQUEST = 0x56,
        NAS_AUTHENTICATION_RESPONSE = 0x57,
        NAS_AUTHENTICATION_REJECT = 0x58,
        NAS_AUTHENTICATION_FAILURE = 0x59,
        NAS_SECURITY_MODE_COMMAND = 0x5d,
        NAS_SECURITY_MODE_COMPLETE = 0x5e,
        NAS_SECURITY_MODE_REJECT = 0x5f,
        NAS_5GMM_STATUS = 0x64,
        NAS_UL_TRANSPORT = 0x67,
        NAS_DL_TRANSPORT = 0x68,
        NAS_PDU_SESSION_REQUEST = 0xc1,
        NAS_PDU_SESSION_ACCEPT = 0xc2,
        NAS_PDU_SESSION_REJECT = 0xc3,
};

/* 5GMM causes, TS 24.501 9.11.3.2. */
enum nas_cause {
        NAS_CAUSE_ILLEGAL_UE = 3,
        NAS_CAUSE_IDENTITY = 9, /* UE identity cannot be derived by the network */
        NAS_CAUSE_PLMN = 11,    /* PLMN not allowed */
        NAS_CAUSE_MAC_FAILURE = 20,
        NAS_CAUSE_SYNCH_FAILURE = 21,
        NAS_CAUSE_CONGESTION = 22,
        NAS_CAUSE_CAPABILITIES = 23, /* UE security capabilities mismatch */
        NAS_CAUSE_SECURITY_MODE = 24,
        NAS_CAUSE_NON_5G = 26, /* the separation bit is 0 */
        NAS_CAUSE_NGKSI_IN_USE = 71,
        NAS_CAUSE_SERVING_NETWORK = 73,
        NAS_CAUSE_MANDATORY = 96, /* invalid mandatory information */
        NAS_CAUSE_TYPE = 97,      /* message type non-existent or not implemented */
        NAS_CAUSE_CONDITIONAL = 100,
        NAS_CAUSE_PROTOCOL = 111,
};

/* Information elements. Those up to NAS_LAST_NUM are numbers of half an octet or one, the others octets without their
 * identifier and length. */
enum nas_ie {
        NAS_IE_NGKSI,          /* 0 to 6, 7 = no key */
        NAS_IE_REG_TYPE,       /* 9.11.3.7: 1 = initial, +8 = follow-on request */
        NAS_IE_CAUSE,          /* enum nas_cause */
        NAS_IE_ALGORITHMS,     /* ciphering << 4 | integrity */
        NAS_IE_CONTAINER_TYPE, /* 1 = 5GSM message */
        NAS_IE_PSI,            /* PDU session identity */
        NAS_IE_REQUEST_TYPE,   /* 1 = initial */
        NAS_IE_SESSION_TYPE,   /* selected: 1 = IPv4 */
        NAS_IE_SSC_MODE,
        NAS_IE_SM_CAUSE,
        NAS_LAST_NUM = NAS_IE_SM_CAUSE,
        NAS_IE_IDENTITY, /* nas_id.h */
        NAS_IE_UE_CAP,   /* UE security capability: 5G-EA, 5G-IA and more */
        NAS_IE_ABBA,
        NAS_IE_RAND,
        NAS_IE_AUTN,
        NAS_IE_RES_STAR,
        NAS_IE_AUTS,
        NAS_IE_REG_RESULT, /* 2 = registered over non-3GPP access */
        NAS_IE_GUTI,       /* nas_id.h */
        NAS_IE_CONTAINER,  /* a message of 5GSM */
        NAS_IE_SNSSAI,
        NAS_IE_DNN,
        NAS_IE_MAX_RATE,
        NAS_IE_QOS_RULES,
        NAS_IE_AMBR,
        NAS_IE_EPCO, /* nas_cap.h */
        NAS_IE_COUNT,
        NAS_IE_NONE = NAS_IE_COUNT, /* read, then ignored */
};

#define NAS_CONTAINER_5GSM 1u

struct nas_msg {
        enum nas_type type;
        uint8_t psi, pti; /* 5GSM only: PDU session identity and procedure transaction identity */
        uint32_t has;     /* bit of each element that is there */
        uint8_t num[NAS_LAST_NUM + 1];
        struct bytes oct[NAS_IE_COUNT]; /* by enum nas_ie */
};

bool nas_has(const struct nas_msg *m, enum nas_ie ie);
/* The setters trust their caller about ie; nas_print tells when a value does not fit the message. */
void nas_set_num(struct nas_msg *m, enum nas_ie ie, uint8_t v);
void nas_set(struct nas_msg *m, enum nas_ie ie, struct bytes v);

/* A plain message, 5GMM or 5GSM. Unknown optional elements are ignored as TS 24.501 7.6.1 says; order among optional
 * elements is free. R-5G-24:
 *   E_SHORT        no message type, or an element ends early
 *   E_LONG         above NAS_PDU_MAX, or an element is longer than its maximum
 *   E_UNSUPPORTED  another protocol or message type
 *   E_MISSING      an element without which the message says nothing here
 *   E_DUPLICATE    an element stands twice
 *   E_SYNTAX       protected, of the wrong length, or an unknown element whose comprehension is required */
enum ecode nas_parse(struct bytes in, struct nas_msg *ret, struct err *er);
/* On mem. E_MISSING, E_RANGE (a value that does not fit), E_UNSUPPORTED (type), E_NOMEM. */
enum ecode nas_print(void *mem, const struct nas_msg *m, struct bytes *ret, struct err *er);

/* "REGISTRATION REQUEST"; "unknown message" for other types. */
const char *nas_type_name(unsigned type);
/* What to answer in a status or reject message when parsing ended so: 96, 97 or 100. */
enum nas_cause nas_cause_of(enum ecode e);

/* UE: the cause to reject a SECURITY MODE COMMAND with, or 0. own is the capability that the UE sent. R-5G-21: 23 when
 * the replayed capability is another one, or when another integrity or ciphering algorithm is selected than 128-NIA2
 * and 128-NEA2 (so never NIA0). */
unsigned nas_smc_cause(const struct nas_msg *smc, struct bytes own);

/* The next PDU of a stream of the lab access: two octets of length, big-endian, and the PDU (R-5G-24). E_SHORT: wait
 * for more octets. E_RANGE, E_LONG: length 0 or above NAS_PDU_MAX, close the connection. *ret_used is what to drop. */
enum ecode nas_frame_next(struct bytes in, struct bytes *ret_pdu, size_t *ret_used);
/* The two octets before a PDU of n octets; n is 1 to NAS_PDU_MAX. */
void nas_frame_head(size_t n, uint8_t ret[2]);

#endif
