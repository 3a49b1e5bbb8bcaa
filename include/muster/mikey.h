/* Keys in MIKEY-SAKKE I_MESSAGEs (TS 33.180 annex E over RFC 6509): making the message that carries a CSK, PCK or GMK
 * to one receiver, and opening one with all its checks. Nothing is sent here: the octets travel as application/mikey in
 * SIP bodies or base64 in SDP.
 *
 *      muster_key_new(MUSTER_PCK, &pck, &err);
 *      struct muster_mikey_offer offer = { .from = alice, .peer_uri = "sip:bob@mc.example", .key = &pck };
 *      muster_mikey_make(&offer, &message, &n, &err);
 *
 *      struct muster_mikey_expect expect = { .selves = &bob, .selves_n = 1, .initiator_uri = "sip:alice@mc.example",
 *                                            .types = MUSTER_KEY_BIT(MUSTER_PCK), .window_s = 30 };
 *      muster_mikey_open(message, n, &expect, &opened, &err);
 */
#ifndef MUSTER_MIKEY_H
#define MUSTER_MIKEY_H

#include <muster/base.h>
#include <muster/kms.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Purpose tags of key identifiers: TS 33.180 annex G. */
enum muster_key_type {
        MUSTER_GMK = 0,   /* of a group */
        MUSTER_PCK = 1,   /* of a private call */
        MUSTER_CSK = 2,   /* between client and server */
        MUSTER_SPK = 3,   /* between servers: not carried in an I_MESSAGE */
        MUSTER_MKFC = 4,  /* of multicast floor control */
        MUSTER_MSCCK = 5, /* of MBMS subchannel control */
        MUSTER_MUSIK = 6, /* of multicast signalling */
};
#define MUSTER_KEY_BIT(type) (1u << (type))

/* A key and its id: 4 bits purpose, 28 bits random (5.2.2). Secret. */
struct muster_key {
        uint8_t octets[16];
        uint32_t id;
};

/* From the random generator of this machine. E_RANGE: no such type; E_CRYPTO. */
MUSTER_API enum muster_result muster_key_new(enum muster_key_type type, struct muster_key *ret,
                                             struct muster_error *err);
MUSTER_API void muster_key_wipe(struct muster_key *k);

/* The Key Parameters payload (E.6). Times are seconds since 1970; 0: active from the message's time, never expires. */
struct muster_key_params {
        bool revoked;
        bool shared_with_gateway;
        int64_t activation_s, expiry_s;
        const char *text;          /* or NULL */
        const char *const *groups; /* GMK, MKFC, MuSiK: group ids */
        size_t groups_n;
};

struct muster_mikey_offer {
        const struct muster_keys *from;          /* signs */
        const char *peer_uri;                    /* receiver: MC service ID, or the server's identity for a CSK */
        const struct muster_domain *peer_domain; /* the receiver's; NULL: that of `from` */
        const struct muster_key *key;            /* for a GMK the id is the GMK-ID */
        const struct muster_key_params *params;  /* NULL: no Key Parameters */
        enum muster_service sessions;            /* the crypto sessions of MCPTT or MCVideo; otherwise none are named */
        int64_t time_s;                          /* seconds since 1970, inside of the key period of `from`; 0: now */
        bool clear_uris;                         /* URIs in the open; UIDs otherwise (E.7) */
        const void *reserved[4];
};

/* *ret: octets, see muster_free(). E_MISSING, E_RANGE (time outside of the key period, type without I_MESSAGE),
 * E_CRYPTO. */
MUSTER_API enum muster_result muster_mikey_make(const struct muster_mikey_offer *offer, uint8_t **ret, size_t *ret_n,
                                                struct muster_error *err);

struct muster_mikey_expect {
        const struct muster_keys *const
                *selves; /* one per identity and key period; the message has to name one of them */
        size_t selves_n;
        const struct muster_domain *const *partners; /* initiators' domains beside those of selves (R-KMS-112) */
        size_t partners_n;
        /* The initiator as the transport or the token names it. NULL: the caller compares afterwards, which it has to
         * do (R-KMS-106, E.7), with muster_mikey_initiator_is(). */
        const char *initiator_uri;
        unsigned types;   /* MUSTER_KEY_BIT of what is welcome here (R-KMS-108) */
        int64_t window_s; /* how far the message's time may be from now; 0: not checked */
        int64_t now_s;    /* seconds since 1970; 0: the clock of this machine */
        const void *reserved[4];
};

/* Replays inside of the window are the caller's to notice (R-KMS-110, R-KMS-111), by initiator, type, key id and time.
 * The type of a key is MUSTER_GMK and so on, also where the message shows a GUK-ID. */
struct muster_mikey_opened {
        struct muster_key key; /* the id of a GMK is the GMK-ID, recovered from the GUK-ID (R-KMS-109) */
        enum muster_key_type type;
        uint32_t csb_id; /* GUK-ID for a GMK; else the key id */
        int64_t time_s;
        const char
                *initiator_uri; /* the expected one, or the one in the open; NULL: hidden, and not expected by name */
        const char *initiator_kms_uri;
        const char *receiver_uri;               /* which of selves */
        const struct muster_key_params *params; /* NULL: there were none */
};

/* Checks in this order: form, receiver, type, time, initiator's KMS, signature and initiator, decapsulation, key id,
 * Key Parameters. *ret borrows from selves and partners. Errors  E_SHORT, E_SYNTAX, E_UNSUPPORTED, ...: no such
 * message; E_NOT_FOUND (not for me), E_UNTRUSTED_PEER (KMS), E_RANGE (time, type), E_SIGNATURE, E_TOKEN_IDENTITY (the
 * initiator is somebody else), E_DECRYPT, E_POINT. */
MUSTER_API enum muster_result muster_mikey_open(const uint8_t *message, size_t n,
                                                const struct muster_mikey_expect *expect,
                                                struct muster_mikey_opened **ret, struct muster_error *err);
/* Step 3 of E.7 for a caller who learns the name later: the UID that signed is that URI's. */
MUSTER_API bool muster_mikey_initiator_is(const struct muster_mikey_opened *o, const char *uri);
/* Wipes the key. */
MUSTER_API void muster_mikey_opened_free(struct muster_mikey_opened *o);

#ifdef __cplusplus
}
#endif

#endif
