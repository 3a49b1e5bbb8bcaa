/* Signatures of KMS documents (TS 33.180 D.1): SignedKmsRequest and SignedKmsResponse with one XML Signature. One
 * profile is served and nothing else is interpreted: Canonical XML 1.0, HMAC-SHA-256 of full length, SHA-256, one
 * Reference. The key is the InK of the user, or the TrK where there is no InK; its name is opaque text. */
#ifndef MUSTER_PROTO_KMS_KMS_SIG_H
#define MUSTER_PROTO_KMS_KMS_SIG_H

#include "base/bytes.h"
#include "base/err.h"

struct kms_sig_keys {
        /* The key of that name: E_OK, or E_NOT_FOUND, or E_STORE_DOWN, which is passed on. */
        enum ecode (*find)(const void *arg, const char *name, struct bytes *ret);
        const void *arg;
};

/* Checks that the signature covers what kms_request_parse or kms_response_parse read from the same octets: the
 * Reference names the inner element, or (as one make of KMS does) the wrapper with the enveloped-signature transform,
 * and no other element carries that Id (R-KMS-70, R-KMS-71). *ret_name, on mem, is the name of the key that signed.
 * Errors  E_SIGNATURE, E_UNSUPPORTED (another algorithm or transform), E_SYNTAX, E_MISSING, E_DUPLICATE, those of find
 *         (E_NOT_FOUND becomes E_SIGNATURE). */
enum ecode kms_signature_verify(void *mem, struct bytes xml, const struct kms_sig_keys *keys, char **ret_name,
                                struct err *er);

/* Wraps a document printed by kms_request_print or kms_response_print into SignedKmsRequest or SignedKmsResponse. It
 * needs an Id. */
enum ecode kms_sign(void *mem, struct bytes xml, const char *key_name, struct bytes key, struct bytes *ret,
                    struct err *er);

#endif
