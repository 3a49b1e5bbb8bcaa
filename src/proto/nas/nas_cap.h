/* How UE and network agree on a method for MSGin5G (profile msg5g/1, S-2): a container of the extended protocol
 * configuration options (TS 24.008 10.5.6.3) from the operator-specific range. Project extension, not assigned by 3GPP.
 *
 *      80 | ff01 length | PLMN (3) version 01 | tag length value ...      tag 1 OFFER or SELECT, 2 KMS-ID, 3 port
 *
 * Believe it only when it came in a protected message (R-5G-26). */
#ifndef MUSTER_PROTO_NAS_NAS_CAP_H
#define MUSTER_PROTO_NAS_NAS_CAP_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/plmn.h"

#define NAS_EPCO_MSG5G 0xff01

/* `methods` is the UE's OFFER, a list in its order of preference, or the AMF's SELECT, one of them: exactly as sent,
 * because it goes into KMSG. kms_id is empty and port 0 in an offer. All borrow. */
struct msg5g_cap {
        struct plmn plmn;
        struct bytes methods, kms_id;
        uint16_t port;
};

/* From the value of the ePCO element. E_NOT_FOUND: no such container, so the method is not available. E_SHORT, E_LONG,
 * E_DUPLICATE, E_SYNTAX, E_UNSUPPORTED (version), E_MISSING (methods). Unknown tags and containers are passed over. */
enum ecode msg5g_cap_parse(struct bytes epco, struct msg5g_cap *ret, struct err *er);
/* The value of the ePCO element, on mem. E_RANGE for what has no room or would not parse. */
enum ecode msg5g_cap_print(void *mem, const struct msg5g_cap *c, struct bytes *ret, struct err *er);

/* Whether select is exactly one of the offered methods: R-5G-27. */
bool msg5g_offered(struct bytes offer, struct bytes select);

#endif
