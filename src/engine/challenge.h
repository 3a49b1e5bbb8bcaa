/* The registrar's challenges: which nonce was given to whom, what answers it, and what an answer means. IMS AKA (RFC
 * 3310, TS 33.203 clause 6.1) and SIP Digest (TS 33.203 annex N). A nonce is good for one AKA answer (R-SA-9), or for
 * SIP Digest answers with growing nc (R-SA-11), and for four minutes (reg-await-auth, TS 24.229 clause 7.8, R-SA-21).
 *
 * The table is driven by (answer, time) and does no I/O. It is not thread-safe: its owner holds a lock. */
#ifndef MUSTER_ENGINE_CHALLENGE_H
#define MUSTER_ENGINE_CHALLENGE_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/digest.h"

#define CHAL_LIFE_MS (UINT64_C(4) * 60 * 1000)

enum chal_scheme { CHAL_AKA, CHAL_DIGEST };

struct chal {
        char *nonce, *impi, *realm;
        enum chal_scheme scheme;
        uint8_t xres[16]; /* AKA: the password is these octets */
        size_t xres_n;
        uint8_t rand[16];      /* AKA, for a resynchronisation */
        struct digest_hex ha1; /* Digest */
        uint32_t nc;           /* the highest that was accepted */
        uint64_t made_ms;
        unsigned failures;         /* wrong answers of this dialogue so far, carried from nonce to nonce */
        unsigned network_refusals; /* times the UE refused AUTN: R-SA-7 */
        unsigned resyncs;
};

/* What came in an Authorization header. Texts as they stand there; absent ones are NULL. */
struct chal_answer {
        const char *username, *realm, *nonce, *uri, *response, *qop, *nc, *cnonce, *auts, *algorithm;
        const char *method;
        struct bytes body;
};

enum chal_verdict {
        CHAL_NONE,            /* no answer, or its nonce is unknown or too old: challenge (stale if it had a nonce) */
        CHAL_GOOD,            /* who answered knows the secret */
        CHAL_WRONG,           /* and this one does not */
        CHAL_REPLAYED,        /* nc not greater than before: challenge with stale=true */
        CHAL_RESYNC,          /* AUTS is there: ask the HSS, which judges MAC-S (R-SA-6) */
        CHAL_NETWORK_REFUSED, /* empty response without AUTS: the UE did not accept AUTN (R-SA-7) */
};

struct chal_table;
/* At most `limit` pending challenges: the oldest goes first, so that strangers cannot fill the memory. */
struct chal_table *chal_table_new(void *mem, size_t limit);

/* To be filled in, and put into the table or freed; wiped in the end. */
struct chal *chal_new(void *mem);
/* Takes c into the table; when it fails, c stays the caller's. Its nonce has to be new. */
enum ecode chal_put(struct chal_table *t, struct chal *c, uint64_t now_ms);

/* Judges an answer. *which is the challenge that it answers (still in the table), or NULL with CHAL_NONE. After
 * CHAL_GOOD for Digest, *rspauth holds the value for Authentication-Info. */
enum chal_verdict chal_check(struct chal_table *t, const struct chal_answer *a, uint64_t now_ms, struct chal **which,
                             struct digest_hex *rspauth);

/* Takes c out and frees it. NULL is fine. */
void chal_drop(struct chal_table *t, struct chal *c);
/* Drops what is older than CHAL_LIFE_MS. */
void chal_expire(struct chal_table *t, uint64_t now_ms);
size_t chal_count(const struct chal_table *t);

#endif
