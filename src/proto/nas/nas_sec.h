/* Protected NAS messages (TS 24.501 4.4, 9.1.1): 7e || security header type || MAC || sequence number || message. One
 * struct holds one side's security context: keys of 128-NEA2 and 128-NIA2 and both counts. */
#ifndef MUSTER_PROTO_NAS_NAS_SEC_H
#define MUSTER_PROTO_NAS_NAS_SEC_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/nas_alg.h"

/* Security header types, TS 24.501 9.3. */
enum nas_sht {
        NAS_PLAIN = 0,
        NAS_INTEGRITY = 1,
        NAS_CIPHERED = 2,
        NAS_INTEGRITY_NEW = 3, /* SECURITY MODE COMMAND */
        NAS_CIPHERED_NEW = 4,  /* SECURITY MODE COMPLETE */
};

#define NAS_COUNT_END (UINT32_C(1) << 24)

/* next_send and next_recv are the counts of the next message, 0 with a new KAMF. They only grow (R-5G-22). */
struct nas_sec {
        struct key_nas_enc enc;
        struct key_nas_int integ;
        uint8_t bearer;
        enum nas_dir send;
        uint32_t next_send, next_recv;
};
static inline void nas_sec_wipe(struct nas_sec *s)
{
        secret_wipe(s, sizeof *s);
}

/* send is NAS_UP at the UE, NAS_DOWN at the AMF. What kdf_nas_enc gives. */
enum ecode nas_sec_of(const struct key_kamf *kamf, enum nas_bearer bearer, enum nas_dir send, struct nas_sec *ret);

/* Which header a PDU has, and the octets behind the sequence number: of an integrity-protected message (types 1 and 3)
 * these are the message, so that a UE can see which keys a SECURITY MODE COMMAND asks for. Nothing is verified yet.
 * E_SHORT, E_SYNTAX (an unknown type), E_UNSUPPORTED (not 5GMM). For NAS_PLAIN the body is the whole PDU. */
enum ecode nas_peek(struct bytes pdu, enum nas_sht *ret_type, struct bytes *ret_body);

/* On mem. E_LIMIT when the counts are used up: only a new KAMF helps. E_RANGE for NAS_PLAIN and for a message that has
 * no room. The count is spent also when mem is out. */
enum ecode nas_seal(void *mem, struct nas_sec *s, enum nas_sht type, struct bytes plain, struct bytes *ret,
                    struct err *er);

/* Verifies, then deciphers, on mem. E_AUTH_FAILED: altered, of another context, or received before; drop it and answer
 * nothing (R-5G-22). s changes on success only. Also E_SHORT, E_SYNTAX, E_UNSUPPORTED, E_LIMIT. */
enum ecode nas_open(void *mem, struct nas_sec *s, struct bytes pdu, enum nas_sht *ret_type, struct bytes *ret_plain,
                    struct err *er);

#endif
