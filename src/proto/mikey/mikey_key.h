/* Keys in MIKEY-SAKKE messages: making the I_MESSAGE that carries a CSK, PCK or GMK (TS 33.180 annex E), and opening
 * one with all its checks. Randomness, time and key material are passed in, nothing is kept. */
#ifndef MUSTER_PROTO_MIKEY_MIKEY_KEY_H
#define MUSTER_PROTO_MIKEY_MIKEY_KEY_H

#include "base/env.h"
#include "base/secret.h"
#include "proto/kms/kms.h"
#include "proto/mikey/mikey.h"

/* Purpose tag of a key id: 33.180 annex G. */
enum mikey_type {
        MIKEY_GMK = 0,
        MIKEY_PCK = 1,
        MIKEY_CSK = 2,
        MIKEY_SPK = 3,
        MIKEY_MKFC = 4,
        MIKEY_MSCCK = 5,
        MIKEY_MUSIK = 6
};

/* A key with its id: 4 bits purpose, 28 bits random (5.2.2). */
struct mikey_key {
        uint8_t key[16];
        uint8_t id[4];
};
void mikey_key_wipe(struct mikey_key *k);

/* Draws key (16 octets), then id (4 octets). */
enum ecode mikey_key_new(const struct rng *rng, enum mikey_type type, struct mikey_key *ret);
enum mikey_type mikey_key_type(const uint8_t id[4]);

/* A user of a KMS, as it was provisioned. */
struct mikey_self {
        const struct kms_cert *cert;    /* of its KMS */
        const struct kms_key_set *keys; /* for one period */
};

/* The Key Parameters payload (E.6). Times are seconds since 1970; 0: activation is the message's time, never expires.
 */
struct mikey_params {
        bool revoked;
        bool shared_with_gateway;
        int64_t activation_s, expiry_s;
        char *text;    /* or NULL */
        char **groups; /* GMK, MKFC, MuSiK: group ids */
        size_t groups_n;
};

struct mikey_offer {
        struct mikey_self self;            /* signs */
        const char *peer_uri;              /* receiver: MC service ID, or the server's identity for a CSK */
        const struct kms_cert *peer_cert;  /* of the receiver's KMS; its Z encrypts */
        const struct mikey_key *key;       /* for a GMK the id is the GMK-ID: the GUK-ID is derived (F.1.3) */
        int64_t time_s;                    /* seconds since 1970; has to lie in the key set's period */
        const struct mikey_params *params; /* NULL: no Key Parameters */
        bool clear_uris;                   /* URIs in the open; UIDs otherwise (E.7) */
        enum { MIKEY_CS_NONE, MIKEY_CS_PTT, MIKEY_CS_VIDEO } cs; /* NONE: #CS 0, default profiles */
};

/* Makes the message. Draws from rng, in this order: RAND (16 octets), the IV of the Key Parameters (16) when there are
 * any, then the j of the signature.
 * Errors  E_RANGE (time outside of the key period, type without I_MESSAGE), E_KEY_INVALID, E_CRYPTO, E_NOMEM. */
enum ecode mikey_offer_print(void *mem, const struct mikey_offer *o, const struct rng *rng, struct bytes *ret,
                             struct err *er);

struct mikey_expect {
        /* Mine, one per identity and period; the message has to name one of them. */
        const struct mikey_self *selves;
        size_t selves_n;
        /* The KMS certificate of the initiator's domain, valid and not revoked at that time; NULL: not allowed. */
        const struct kms_cert *(*cert_of)(const void *arg, const char *kms_uri, int64_t time_s);
        const void *cert_arg;
        /* The initiator as the transport or the token names it. NULL: the caller compares afterwards, which it has to
         * do (R-KMS-106, E.7): with initiator_uri, or by mikey_uid_is. */
        const char *initiator_uri;
        unsigned types; /* bits 1 << enum mikey_type that are welcome here (R-KMS-108) */
        int64_t now_s;
        int64_t window_s; /* how far T may be from now; 0: not checked here (R-KMS-110 is the role's) */
};

struct mikey_opened {
        struct mikey_key key; /* the id of a GMK is the GMK-ID, recovered from the GUK-ID */
        enum mikey_type type;
        uint8_t csb_id[4]; /* GUK-ID for a GMK; else the key id */
        uint8_t rand[16];
        int64_t time_s;
        uint8_t initiator_uid[32];
        char *initiator_uri; /* expect's, or the URI in the open; NULL: hidden and not expected by name */
        char *initiator_kms;
        size_t self;                 /* index into selves */
        struct mikey_params *params; /* NULL: there were none (R-KMS-114) */
};
void mikey_opened_wipe(struct mikey_opened *o);

/* Checks in this order: form, receiver's KMS and identity mine (R-KMS-105, 112), type, time, initiator's KMS, signature
 * (R-KMS-106 when a name is expected), decapsulation, key id, Key Parameters.
 * Errors  those of mikey_parse; E_NOT_FOUND (not for me), E_UNTRUSTED_PEER (KMS), E_RANGE (time, type), E_SIGNATURE,
 *         E_TOKEN_IDENTITY (the initiator is somebody else), E_DECRYPT. *ret is untouched then. */
enum ecode mikey_open(void *mem, struct bytes message, const struct mikey_expect *x, struct mikey_opened *ret,
                      struct err *er);

/* Does this UID belong to that URI, in that domain at that time? */
bool mikey_uid_is(const uint8_t uid[32], const char *uri, const struct kms_cert *cert, int64_t time_s);

#endif
