/* SIP transactions: RFC 3261 clause 17 with RFC 6026 (INVITE answered 2xx), as a table of (kind, state, event) and two
 * timers each. No I/O and no clock: siptx_step() says what to do, the caller does it. A transaction is a part of the
 * caller's own struct; it has one place in a table that finds it by key and by who is due next.
 *
 * Not thread-safe: a table belongs to one loop. Nothing is allocated after siptx_table_new(). */
#ifndef MUSTER_ENGINE_SIPTX_H
#define MUSTER_ENGINE_SIPTX_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "proto/sip/sip.h"

/* Milliseconds: RFC 3261 clause 17.1.1.1 and table 4. */
#define SIPTX_T1 500
#define SIPTX_T2 4000
#define SIPTX_T4 5000

enum siptx_kind {
        SIPTX_CLIENT_INVITE, /* clause 17.1.1 */
        SIPTX_CLIENT,        /* clause 17.1.2 */
        SIPTX_SERVER_INVITE, /* clause 17.2.1 */
        SIPTX_SERVER,        /* clause 17.2.2 */
        SIPTX_KINDS
};

enum siptx_state {
        SIPTX_START,      /* Calling and Trying; the INVITE server is Proceeding, with 100 not sent yet */
        SIPTX_PROCEEDING, /* a provisional answer was seen or sent */
        SIPTX_COMPLETED,
        SIPTX_CONFIRMED, /* INVITE server: the ACK of a refusal was seen */
        SIPTX_ACCEPTED,  /* INVITE: 2xx, RFC 6026 clause 7 */
        SIPTX_ENDED,
        SIPTX_STATES
};

enum siptx_event {
        SIPTX_1XX, /* an answer arrived (client) or is to be sent (server) */
        SIPTX_2XX,
        SIPTX_FINAL,      /* 300 to 699 */
        SIPTX_REQUEST,    /* server: the request once more */
        SIPTX_ACK,        /* server: ACK, of a refusal (by branch) or of a 2xx (by dialog) */
        SIPTX_RETRANSMIT, /* the timers A, E, G; and 200 ms of an INVITE without answer */
        SIPTX_EXPIRE,     /* the timers B, D, F, H, I, J, K, L, M */
        SIPTX_BROKEN,     /* the transport gave up */
        SIPTX_EVENTS
};

/* What siptx_step() wants done; a set. */
enum siptx_do {
        SIPTX_DO_SEND_REQUEST = 1, /* once more */
        SIPTX_DO_SEND_ACK = 2,     /* of a refusal, clause 17.1.1.3 */
        SIPTX_DO_SEND_ACK_2XX = 4, /* the ACK of a 2xx once more, if it was sent before */
        SIPTX_DO_SEND_ANSWER = 8,  /* the last answer given, for the first time or once more: R-SA-99 */
        SIPTX_DO_SEND_TRYING = 16, /* 100, clause 17.2.1 */
        SIPTX_DO_PASS = 32,        /* to whoever sits above: an answer */
        SIPTX_DO_TELL_TIMEOUT = 64,
        SIPTX_DO_TELL_BROKEN = 128,
        SIPTX_DO_END = 256, /* the state is SIPTX_ENDED: take it out of the table */
};

struct siptx {
        enum siptx_kind kind;
        enum siptx_state state;
        bool reliable;        /* TCP, TLS, WebSocket: nothing is retransmitted, and waiting states take no time */
        uint64_t again_ms;    /* when to retransmit; UINT64_MAX: not */
        uint64_t end_ms;      /* when the state's time is over; UINT64_MAX: never */
        uint64_t limit_ms;    /* the user's patience: no answer is waited for longer */
        uint32_t interval_ms; /* between the last retransmission and the next */

        /* The table's. */
        const char *key;
        uint64_t hash;
        struct siptx *next;
        size_t heap_at;
};

/* Sets up a transaction whose request was just sent (client) or received (server). key: see siptx_key_*(), has to live
 * as long. */
void siptx_init(struct siptx *t, enum siptx_kind kind, bool reliable, const char *key, uint64_t now_ms);
/* Client, before siptx_put(): without a final answer it times out then at the latest. */
void siptx_limit(struct siptx *t, uint64_t limit_ms);
/* Nothing but a second name to be found by: no timers, deaf to events. */
void siptx_init_name(struct siptx *t, const char *key);
/* Events that a state does not expect change nothing and return 0. RETRANSMIT and EXPIRE are given by siptx_due(). */
unsigned siptx_on(struct siptx *t, enum siptx_event ev, uint64_t now_ms);
/* The 2xx of an INVITE server reached its destination: no more of it. */
void siptx_quiet(struct siptx *t);

/* Keys, on mem; NULL: out of memory, or the message has no Via. Client: clause 17.1.3, branch and CSeq method, so that
 * request and answer give the same. Server: clause 17.2.3, branch, sent-by and method, ACK being INVITE; a branch
 * without the cookie z9hG4bK (RFC 2543) falls back to tags, Call-ID, CSeq and Via. Dialog: what an ACK and the 2xx it
 * answers share. */
char *siptx_key_client(void *mem, const struct sip_msg *m);
char *siptx_key_server(void *mem, const struct sip_msg *rq);
char *siptx_key_cancelled(void *mem, const struct sip_msg *cancel); /* the INVITE that a CANCEL means, clause 9.2 */
char *siptx_key_dialog(void *mem, const struct sip_msg *m, bool client);

struct siptx_table;

/* For at most `max` transactions. The hash is keyed from rng: who chooses branches cannot choose buckets. NULL: out of
 * memory, or no random numbers. */
struct siptx_table *siptx_table_new(void *mem, size_t max, const struct rng *rng);
/* E_BUSY: full. E_EXISTS: there is one with this key. */
enum ecode siptx_put(struct siptx_table *tb, struct siptx *t);
struct siptx *siptx_find(const struct siptx_table *tb, const char *key);
void siptx_take(struct siptx_table *tb, struct siptx *t);
size_t siptx_count(const struct siptx_table *tb);
/* siptx_on() and the new place in the order of times. Does not take it out at SIPTX_DO_END. */
unsigned siptx_step(struct siptx_table *tb, struct siptx *t, enum siptx_event ev, uint64_t now_ms);
/* The same for siptx_quiet(). */
void siptx_hush(struct siptx_table *tb, struct siptx *t);
/* Whose time has come, and for what (RETRANSMIT or EXPIRE); NULL: nobody's. Give the event to siptx_step() and ask
 * again. */
struct siptx *siptx_due(struct siptx_table *tb, uint64_t now_ms, enum siptx_event *ev);
/* When somebody's time comes; UINT64_MAX: nobody waits. */
uint64_t siptx_next_ms(const struct siptx_table *tb);

/* An event for an answer: 1XX, 2XX, FINAL. */
enum siptx_event siptx_answer(int status);

#endif
