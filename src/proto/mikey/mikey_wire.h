/* Numbers on the wire; used by the files of this folder only. */
#ifndef MUSTER_PROTO_MIKEY_MIKEY_WIRE_H
#define MUSTER_PROTO_MIKEY_MIKEY_WIRE_H

#define MIKEY_VERSION    0x01
#define MIKEY_DATA_SAKKE 26   /* RFC 6509 4.1 */
#define MIKEY_PRF_SHA256 1    /* RFC 6043 6.1, V = 0 */
#define MIKEY_TS_NTP_UTC 0    /* RFC 3830 6.6 */
#define MIKEY_TAG_MAX    6u   /* 33.180 annex G */
#define MIKEY_URI_MAX    512u /* octets of an identity in the open */
#define MIKEY_UID_LEN    32u

/* RFC 3830 6.1, RFC 6043 6.1, RFC 6509 4.2. */
enum {
        MIKEY_PAYLOAD_LAST = 0,
        MIKEY_PAYLOAD_SIGN = 4,
        MIKEY_PAYLOAD_T = 5,
        MIKEY_PAYLOAD_SP = 10,
        MIKEY_PAYLOAD_RAND = 11,
        MIKEY_PAYLOAD_IDR = 14,
        MIKEY_PAYLOAD_GE = 21,
        MIKEY_PAYLOAD_SAKKE = 26,
};

enum { MIKEY_ID_URI = 1, MIKEY_ID_OCTETS = 2 };

#define MIKEY_SAKKE_SET_1 1
#define MIKEY_SCHEME_3GPP 2      /* UID of 33.180 F.2.1 */
#define MIKEY_SIGN_HEAD   0x2081 /* S type 2 (ECCSI), 129 octets */

#endif
