/* Keys in MIKEY-SAKKE messages: making the I_MESSAGE that carries a CSK, PCK or GMK (TS 33.180 annex E), and opening
 * one with all its checks. Randomness, time and key material are passed in, nothing is kept. What is made here once
 * (domains, users) is read-only afterwards: any number of threads may use it. */
#ifndef MUSTER_PROTO_MIKEY_MIKEY_KEY_H
#define MUSTER_PROTO_MIKEY_MIKEY_KEY_H

#include "base/env.h"
#include "crypto/eccsi.h"
#include "crypto/kdf.h"
#include "crypto/sakke.h"
#include "crypto/uid.h"
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
        MIKEY_MUSIK = 6,
};

/* A key with its id: 4 bits purpose, 28 bits random (5.2.2). */
struct mikey_key {
        struct mc_key key;
        uint32_t id;
};
void mikey_key_wipe(struct mikey_key *k);

/* Draws key (16 octets), then id (4 octets). */
enum ecode mikey_key_new(const struct rng *rng, enum mikey_type type, struct mikey_key *ret);
enum mikey_type mikey_key_type(uint32_t id);

/* A security domain, from the certificate of its KMS. */
struct mikey_domain {
        char *kms_uri;
        struct key_period key_period;
        struct eccsi_kpak kpak;
        const struct sakke_domain *sakke;
        int64_t valid_from, valid_to; /* as in the certificate */
};
/* Copies what it needs. E_KEY_INVALID when revoked or of another UserIdFormat or ParameterSet (R-KMS-15, R-KMS-20),
 * E_POINT (R-KMS-21). */
enum ecode mikey_domain_new(void *mem, const struct kms_cert *c, struct mikey_domain **ret, struct err *er);
/* Inside of ValidFrom to ValidTo (R-KMS-20). */
bool mikey_domain_valid(const struct mikey_domain *d, int64_t time_s);
/* UID of a user of the domain at that time, and the number of the period. E_RANGE. */
enum ecode mikey_domain_uid(const struct mikey_domain *d, const char *uri, int64_t time_s, struct uid *ret,
                            uint64_t *ret_period_no, struct err *er);

/* A user with keys for one period. */
struct mikey_user {
        const struct mikey_domain *home;
        char *uri;
        uint64_t period_no;
        struct uid uid;
        struct eccsi_signer signer;
        struct sakke_rsk rsk;
        const struct sakke_rsk_table *table; /* or NULL */
};
/* Takes over a provisioned key set after checking it: domain, UID, the SSK/PVT pair and the RSK (R-KMS-6, R-KMS-7).
 * `receives_much` precomputes tables (see sakke.h), for servers. The keys are wiped when it is freed; `home` has to
 * outlive it. E_KEY_INVALID, E_POINT, E_UNSUPPORTED (keys still wrapped). */
enum ecode mikey_user_new(void *mem, const struct mikey_domain *home, const struct kms_key_set *keys,
                          bool receives_much, struct mikey_user **ret, struct err *er);

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

/* What the message says of crypto sessions. NONE: #CS 0, default profiles. */
enum mikey_cs_use { MIKEY_CS_NONE, MIKEY_CS_PTT, MIKEY_CS_VIDEO };

struct mikey_offer {
        const struct mikey_user *from;          /* signs */
        const char *peer_uri;                   /* receiver: MC service ID, or the server's identity for a CSK */
        const struct mikey_domain *peer_domain; /* of the receiver; often from->home */
        const struct sakke_peer *peer;          /* precomputed for the receiver's UID at time_s; or NULL */
        const struct mikey_key *key;            /* for a GMK the id is the GMK-ID: the GUK-ID is derived (F.1.3) */
        int64_t time_s;                         /* seconds since 1970; has to lie in from's period */
        const struct mikey_params *params;      /* NULL: no Key Parameters */
        enum mikey_cs_use cs;
        bool clear_uris; /* URIs in the open; UIDs otherwise (E.7) */
};

/* Makes the message. Draws from rng, in this order: RAND (16 octets), the IV of the Key Parameters (16) when there are
 * any, then the j of the signature.
 * Errors  E_RANGE (time outside of the key period, type without I_MESSAGE), E_CRYPTO, E_NOMEM. */
enum ecode mikey_offer_print(void *mem, const struct mikey_offer *o, const struct rng *rng, struct bytes *ret,
                             struct err *er);

struct mikey_expect {
        /* Mine, one per identity and period; the message has to name one of them. */
        const struct mikey_user *const *selves;
        size_t selves_n;
        /* The initiator's domain; NULL: not allowed (R-KMS-112). Validity in time is checked here. */
        const struct mikey_domain *(*domain_of)(const void *arg, const char *kms_uri);
        const void *domain_arg;
        /* The initiator as the transport or the token names it. NULL: the caller compares afterwards, which it has to
         * do (R-KMS-106, E.7): see initiator_uri and mikey_initiator_is. */
        const char *initiator_uri;
        unsigned types; /* bits 1 << enum mikey_type that are welcome here (R-KMS-108) */
        int64_t now_s;
        int64_t window_s; /* how far T may be from now; 0: not checked. Replay (R-KMS-110, 111) is the role's */
};

struct mikey_opened {
        struct mikey_key key; /* the id of a GMK is the GMK-ID, recovered from the GUK-ID (R-KMS-109) */
        enum mikey_type type;
        uint32_t csb_id; /* GUK-ID for a GMK; else the key id */
        struct bytes rand;
        int64_t time_s;
        struct uid initiator_uid;
        char *initiator_uri; /* expect's, or the URI in the open; NULL: hidden, and not expected by name */
        const struct mikey_domain *initiator_domain;
        const struct mikey_user *self;
        struct mikey_params *params; /* NULL: there were none (R-KMS-114) */
};
void mikey_opened_wipe(struct mikey_opened *o);

/* Checks in this order: form, receiver's KMS and identity mine (R-KMS-105, 112), type, time, initiator's KMS, signature
 * (and R-KMS-106 when a name is expected), decapsulation, key id, Key Parameters.
 * Errors  those of mikey_parse; E_NOT_FOUND (not for me), E_UNTRUSTED_PEER (KMS), E_RANGE (time, type), E_SIGNATURE,
 *         E_TOKEN_IDENTITY (the initiator is somebody else), E_DECRYPT, E_POINT. *ret is untouched then. */
enum ecode mikey_open(void *mem, struct bytes message, const struct mikey_expect *x, struct mikey_opened *ret,
                      struct err *er);

/* Step 3 of E.7 for a caller who learns the name later: the UID that signed is that URI's. */
bool mikey_initiator_is(const struct mikey_opened *o, const char *uri);

#endif
