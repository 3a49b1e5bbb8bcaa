/* Events: what happened, with stable names and keys. Dashboards, the ladder, `muster explain` and tests read the keys;
 * people read `text`, which alone may change freely. A secret has no logging form: there is no KV_BYTES.
 *
 * Every decision is one event. Three kinds have a helper of their own:
 *   ev_arrow    a message of a flow arrived: one arrow of the ladder diagram. The function that RECEIVES a message
 *               reports it, so each arrow is drawn once.
 *   ev_refused  somebody was refused: error, advice and requirement id.
 *   ev          everything else.
 *
 * Events are thread-safe. Where they go is the host's business (see host/): one line of text on a terminal, one line of
 * JSON otherwise, and always a line of JSON in the deployment's event file of this role. */
#ifndef MUSTER_BASE_EVENT_H
#define MUSTER_BASE_EVENT_H

#include "base/bytes.h"
#include "base/err.h"

enum ev_level { EV_DEBUG, EV_INFO, EV_WARN, EV_ERROR };
enum ev_type { EV_T_END, EV_T_STR, EV_T_INT, EV_T_BOOL, EV_T_HASH };

struct ev_kv {
        const char *key;
        enum ev_type type;
        const char *s;
        int64_t i;
};

#define KV_STR(k, v)  ((struct ev_kv){ (k), EV_T_STR, (v), 0 })
#define KV_INT(k, v)  ((struct ev_kv){ (k), EV_T_INT, NULL, (v) })
#define KV_BOOL(k, v) ((struct ev_kv){ (k), EV_T_BOOL, NULL, (v) })
/* For identities (MC ID, IMPU, ...): a pseudonym under the deployment's log key, equal in all roles. */
#define KV_HASH(k, v) ((struct ev_kv){ (k), EV_T_HASH, (v), 0 })

struct log;

/* NULL `log` is allowed everywhere and drops the event. NULL strings are left out. */
void ev_emit(struct log *log, enum ev_level level, const char *name, const struct ev_kv *kv);
#define ev(log, level, name, ...) ev_emit((log), (level), (name), (const struct ev_kv[]){ __VA_ARGS__, { 0 } })

struct arrow {
        const char *flow;  /* "mcx-sign-on", "webrtc-ims", "msgin5g" */
        const char *step;  /* as the standard's figure numbers it: "1", "2", "3a", "3.5", "4" */
        const char *from;  /* role names: "ue", "idm", "pcscf", ... */
        const char *to;    /* the receiver, who reports */
        const char *proto; /* "HTTPS", "SIP/TLS", "Diameter Cx" */
        const char *text;  /* the essential content in one line, tokens abbreviated: "REGISTER, no credentials" */
        const char *trace; /* what ties messages of one run together over HTTP: the trace id of traceparent, or NULL */
        const char *call;  /* and over SIP: the Call-ID, or NULL */
        const char *subject; /* and over Diameter: the IMPI or IMPU, written as a pseudonym, or NULL */
};

void ev_arrow(struct log *log, const struct arrow *a);

/* `more` may be NULL; otherwise ends with an all-zero row. */
void ev_refused(struct log *log, const char *flow, const char *step, const struct err *er, const struct ev_kv *more);

/* "eyJhbGci...(1004 characters)": how a token may be shown, and "(empty)" for none. Never more than 8 of its
 * characters. */
char *ev_abbrev(void *mem, const char *token);

struct log_conf {
        const char *role;       /* who speaks, in every line */
        int text_fd;            /* lines for people, or -1 */
        int json_fd;            /* lines for journald and collectors, or -1 */
        const char *event_path; /* appended to; rotated to path.1 at 32 MiB; NULL: none */
        enum ev_level level;    /* what goes to text_fd and json_fd; the event file gets everything from EV_INFO */
        bool colour;
        uint8_t hash_key[32];
};

enum ecode log_open(const struct log_conf *conf, struct log **ret, struct err *er);
void log_close(struct log *log);
/* Changes what is shown from now on; the event file is not concerned. */
void log_set_level(struct log *log, enum ev_level level);
/* "debug", "info", "warning", "error"; false: none of these. */
bool log_level_parse(const char *word, enum ev_level *ret);

/* For tests: collects events as JSON lines in memory; log_mem_text is valid until the next event. */
struct log *log_mem(void);
const char *log_mem_text(struct log *log);

#endif
