#include "engine/siptx.h"

#include <string.h>
#include <strings.h>
#include <talloc.h>

/* --- the machines ------------------------------------------------------------------------------------------------ */

#define NEVER UINT64_MAX

struct row {
        uint8_t next; /* state */
        uint16_t todo;
        bool valid;
};

#define GO(state, actions)                                                                                             \
        {                                                                                                              \
                SIPTX_##state, (actions), true                                                                         \
        }
#define BROKEN    [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_TELL_BROKEN | SIPTX_DO_END)
#define OVER      [SIPTX_EXPIRE] = GO(ENDED, SIPTX_DO_END)
#define TIMED_OUT [SIPTX_EXPIRE] = GO(ENDED, SIPTX_DO_TELL_TIMEOUT | SIPTX_DO_END)

static const struct row machine[SIPTX_KINDS][SIPTX_STATES][SIPTX_EVENTS] = {
        /* RFC 3261 figure 5, RFC 6026 figure 1 */
        [SIPTX_CLIENT_INVITE] = {
                [SIPTX_START] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_PASS),
                        [SIPTX_2XX] = GO(ACCEPTED, SIPTX_DO_PASS),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_PASS | SIPTX_DO_SEND_ACK),
                        [SIPTX_RETRANSMIT] = GO(START, SIPTX_DO_SEND_REQUEST),
                        TIMED_OUT, BROKEN,
                },
                [SIPTX_PROCEEDING] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_PASS),
                        [SIPTX_2XX] = GO(ACCEPTED, SIPTX_DO_PASS),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_PASS | SIPTX_DO_SEND_ACK),
                        TIMED_OUT, BROKEN,
                },
                [SIPTX_COMPLETED] = {
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_SEND_ACK),
                        OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END),
                },
                [SIPTX_ACCEPTED] = {
                        [SIPTX_2XX] = GO(ACCEPTED, SIPTX_DO_SEND_ACK_2XX),
                        OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END),
                },
        },
        /* figure 6 */
        [SIPTX_CLIENT] = {
                [SIPTX_START] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_PASS),
                        [SIPTX_2XX] = GO(COMPLETED, SIPTX_DO_PASS),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_PASS),
                        [SIPTX_RETRANSMIT] = GO(START, SIPTX_DO_SEND_REQUEST),
                        TIMED_OUT, BROKEN,
                },
                [SIPTX_PROCEEDING] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_PASS),
                        [SIPTX_2XX] = GO(COMPLETED, SIPTX_DO_PASS),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_PASS),
                        [SIPTX_RETRANSMIT] = GO(PROCEEDING, SIPTX_DO_SEND_REQUEST),
                        TIMED_OUT, BROKEN,
                },
                [SIPTX_COMPLETED] = { OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END) },
        },
        /* figure 7, RFC 6026 figure 2; a lost connection does not end what a worker is still busy with */
        [SIPTX_SERVER_INVITE] = {
                [SIPTX_START] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_2XX] = GO(ACCEPTED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_RETRANSMIT] = GO(PROCEEDING, SIPTX_DO_SEND_TRYING),
                        [SIPTX_REQUEST] = GO(PROCEEDING, SIPTX_DO_SEND_TRYING),
                },
                [SIPTX_PROCEEDING] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_2XX] = GO(ACCEPTED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_REQUEST] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                },
                [SIPTX_COMPLETED] = {
                        [SIPTX_REQUEST] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_RETRANSMIT] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_ACK] = GO(CONFIRMED, 0),
                        OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END),
                },
                [SIPTX_CONFIRMED] = { OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END) },
                [SIPTX_ACCEPTED] = {
                        [SIPTX_REQUEST] = GO(ACCEPTED, 0),
                        [SIPTX_RETRANSMIT] = GO(ACCEPTED, SIPTX_DO_SEND_ANSWER),
                        OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END),
                },
        },
        /* figure 8 */
        [SIPTX_SERVER] = {
                [SIPTX_START] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_2XX] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                },
                [SIPTX_PROCEEDING] = {
                        [SIPTX_1XX] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_2XX] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_FINAL] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        [SIPTX_REQUEST] = GO(PROCEEDING, SIPTX_DO_SEND_ANSWER),
                },
                [SIPTX_COMPLETED] = {
                        [SIPTX_REQUEST] = GO(COMPLETED, SIPTX_DO_SEND_ANSWER),
                        OVER, [SIPTX_BROKEN] = GO(ENDED, SIPTX_DO_END),
                },
        },
};

/* How long a state lasts and how it retransmits, in milliseconds. -1: no such timer. Over a reliable transport there is
 * no retransmission but `always`, and a state of rest ends at once. */
struct times {
        int32_t again; /* first interval */
        int32_t most;  /* the interval doubles up to this */
        int32_t end;   /* the state's time */
        bool rest;     /* end is 0 when reliable */
        bool always;   /* `again` counts for reliable transports too */
        bool keep_end; /* entered from START: its end stays */
};

static const struct times times[SIPTX_KINDS][SIPTX_STATES] = {
        [SIPTX_CLIENT_INVITE] = {
                [SIPTX_START] = { .again = SIPTX_T1, .most = 64 * SIPTX_T1, .end = 64 * SIPTX_T1 }, /* A, B */
                [SIPTX_PROCEEDING] = { .again = -1, .end = -1 }, /* the user's time-out */
                [SIPTX_COMPLETED] = { .again = -1, .end = 32000, .rest = true }, /* D */
                [SIPTX_ACCEPTED] = { .again = -1, .end = 64 * SIPTX_T1 }, /* M, RFC 6026 clause 8.4 */
        },
        [SIPTX_CLIENT] = {
                [SIPTX_START] = { .again = SIPTX_T1, .most = SIPTX_T2, .end = 64 * SIPTX_T1 }, /* E, F */
                [SIPTX_PROCEEDING] = { .again = SIPTX_T2, .most = SIPTX_T2, .keep_end = true },
                [SIPTX_COMPLETED] = { .again = -1, .end = SIPTX_T4, .rest = true }, /* K */
        },
        [SIPTX_SERVER_INVITE] = {
                [SIPTX_START] = { .again = 200, .most = 200, .end = -1, .always = true }, /* 100 within 200 ms */
                [SIPTX_PROCEEDING] = { .again = -1, .end = -1 },
                [SIPTX_COMPLETED] = { .again = SIPTX_T1, .most = SIPTX_T2, .end = 64 * SIPTX_T1 }, /* G, H */
                [SIPTX_CONFIRMED] = { .again = -1, .end = SIPTX_T4, .rest = true }, /* I */
                [SIPTX_ACCEPTED] = { .again = SIPTX_T1, .most = SIPTX_T2, .end = 64 * SIPTX_T1 }, /* L; clause 13.3.1.4 */
        },
        [SIPTX_SERVER] = {
                [SIPTX_START] = { .again = -1, .end = -1 },
                [SIPTX_PROCEEDING] = { .again = -1, .end = -1 },
                [SIPTX_COMPLETED] = { .again = -1, .end = 64 * SIPTX_T1, .rest = true }, /* J */
        },
};

static void enter(struct siptx *t, enum siptx_state s, uint64_t now)
{
        const struct times *w = &times[t->kind][s];
        t->state = s;
        t->again_ms = NEVER;
        if (s == SIPTX_ENDED) {
                t->end_ms = NEVER;
                return;
        }
        if (w->again >= 0 && (!t->reliable || w->always)) {
                t->interval_ms = (uint32_t)w->again;
                t->again_ms = now + t->interval_ms;
        }
        if (!w->keep_end)
                t->end_ms = w->end < 0 ? NEVER : now + (t->reliable && w->rest ? 0 : (uint64_t)w->end);
        if (s <= SIPTX_PROCEEDING && t->end_ms > t->limit_ms)
                t->end_ms = t->limit_ms;
}

void siptx_init(struct siptx *t, enum siptx_kind kind, bool reliable, const char *key, uint64_t now_ms)
{
        *t = (struct siptx){ .kind = kind, .reliable = reliable, .key = key, .limit_ms = NEVER };
        enter(t, SIPTX_START, now_ms);
}

void siptx_limit(struct siptx *t, uint64_t limit_ms)
{
        t->limit_ms = limit_ms;
        if (t->end_ms > limit_ms)
                t->end_ms = limit_ms;
}

void siptx_init_name(struct siptx *t, const char *key)
{
        *t = (struct siptx){ .state = SIPTX_ENDED, .key = key, .again_ms = NEVER, .end_ms = NEVER, .limit_ms = NEVER };
}

unsigned siptx_on(struct siptx *t, enum siptx_event ev, uint64_t now_ms)
{
        const struct row *r = &machine[t->kind][t->state][ev];
        if (!r->valid)
                return 0;
        if (r->next != t->state) {
                enter(t, r->next, now_ms);
        } else if (ev == SIPTX_RETRANSMIT) {
                uint32_t most = (uint32_t)times[t->kind][t->state].most;
                t->interval_ms = t->interval_ms * 2 < most ? t->interval_ms * 2 : most;
                t->again_ms = now_ms + t->interval_ms;
        }
        return r->todo;
}

void siptx_quiet(struct siptx *t)
{
        if (t->state == SIPTX_ACCEPTED)
                t->again_ms = NEVER;
}

enum siptx_event siptx_answer(int status)
{
        return status < 200 ? SIPTX_1XX : status < 300 ? SIPTX_2XX : SIPTX_FINAL;
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

char *siptx_key_client(void *mem, const struct sip_msg *m)
{
        const char *branch = sip_via_param(m, "branch");
        return branch != NULL ? talloc_asprintf(mem, "c %s %s", branch, sip_method(m)) : NULL;
}

/* Clause 17.2.3. Everything from the network that is glued together is cut by a character that none of it can hold. */
static char *server_key(void *mem, const struct sip_msg *rq, const char *method)
{
        struct sip_via via;
        const char *top = sip_hdr(rq, "Via");
        void *tmp = talloc_new(mem);
        if (top == NULL || sip_via_parse(tmp, top, &via, NULL) != E_OK) {
                talloc_free(tmp);
                return NULL;
        }
        const char *branch = sip_param(&via.params, "branch");
        const char *tag = sip_from_tag(rq);
        char *key;
        if (branch != NULL && strncmp(branch, "z9hG4bK", 7) == 0 && branch[7] != 0)
                key = talloc_asprintf(mem, "s %s\n%s:%u\n%s", branch, via.host, via.port, method);
        else
                key = talloc_asprintf(mem, "o %s\n%s\n%u\n%s:%u\n%s\n%s", sip_call_id(rq), tag != NULL ? tag : "",
                                      sip_cseq(rq), via.host, via.port, branch != NULL ? branch : "", method);
        talloc_free(tmp);
        return key;
}

char *siptx_key_server(void *mem, const struct sip_msg *rq)
{
        return server_key(mem, rq, sip_method_is(rq, "ACK") ? "INVITE" : sip_method(rq));
}

char *siptx_key_cancelled(void *mem, const struct sip_msg *cancel)
{
        return server_key(mem, cancel, "INVITE");
}

char *siptx_key_dialog(void *mem, const struct sip_msg *m, bool client)
{
        const char *tag = sip_from_tag(m);
        return talloc_asprintf(mem, "%s %s\n%s\n%u", client ? "dc" : "ds", sip_call_id(m), tag != NULL ? tag : "",
                               sip_cseq(m));
}
