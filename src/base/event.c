#include "base/event.h"

#include "base/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>
#include <sodium.h>
#include <talloc.h>

#define EVENT_FILE_MAX ((off_t)32 << 20)

struct log {
        pthread_mutex_t lock;
        struct log_conf conf;
        char *role, *event_path;
        int event_fd;
        struct buf collected; /* log_mem only */
        bool collects;
};

static const char *const level_name[] = { "debug", "info", "warning", "error" };

static void pseudonym(const struct log *log, const char *s, char ret[17])
{
        uint8_t h[crypto_generichash_BYTES_MIN];
        crypto_generichash(h, sizeof h, (const uint8_t *)s, strlen(s), log->conf.hash_key, sizeof log->conf.hash_key);
        static const char digit[] = "0123456789abcdef";
        for (size_t i = 0; i < 8; i++) {
                ret[2 * i] = digit[h[i] >> 4];
                ret[2 * i + 1] = digit[h[i] & 15];
        }
        ret[16] = 0;
}

/* ISO 8601 with microseconds, so that lines of several processes sort. */
static void stamp(char ret[32])
{
        struct timespec ts;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(ret + n, 32 - n, ".%06ldZ", ts.tv_nsec / 1000);
}

static json_t *event_json(const struct log *log, enum ev_level level, const char *name, const struct ev_kv *kv)
{
        char when[32];
        stamp(when);
        json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "time", when, "level", level_name[level], "role",
                              log->role ? log->role : "", "event", name);
        for (; o != NULL && kv != NULL && kv->type != EV_T_END; kv++) {
                json_t *v = NULL;
                char h[17];
                switch (kv->type) {
                case EV_T_STR: v = kv->s ? json_string(kv->s) : NULL; break;
                case EV_T_INT: v = json_integer(kv->i); break;
                case EV_T_BOOL: v = json_boolean(kv->i != 0); break;
                case EV_T_HASH:
                        if (kv->s != NULL) {
                                pseudonym(log, kv->s, h);
                                v = json_string(h);
                        }
                        break;
                case EV_T_END: break;
                }
                if (v != NULL)
                        json_object_set_new(o, kv->key, v);
        }
        return o;
}

static void write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t w = write(fd, p, n);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w <= 0)
                        return; /* a log that cannot be written must not stop the service */
                p += w;
                n -= (size_t)w;
        }
}

static void rotate(struct log *log)
{
        struct stat st;
        if (fstat(log->event_fd, &st) != 0 || st.st_size < EVENT_FILE_MAX)
                return;
        char old[4096];
        snprintf(old, sizeof old, "%s.1", log->event_path);
        if (rename(log->event_path, old) != 0)
                return;
        int fd = open(log->event_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0)
                return;
        close(log->event_fd);
        log->event_fd = fd;
}

/* "12:00:01.123 idm   token-refused  cause=E_PKCE_MISMATCH ..." */
static char *event_text(const struct log *log, const json_t *o, enum ev_level level)
{
        static const char *const paint[] = { "\033[2m", "", "\033[33m", "\033[31m" };
        const char *when = json_string_value(json_object_get(o, "time"));
        struct buf b = buf_on(NULL);
        buf_printf(&b, "%s%.12s %-6s %s%s", log->conf.colour ? paint[level] : "", when ? when + 11 : "",
                   log->role ? log->role : "", json_string_value(json_object_get(o, "event")),
                   log->conf.colour ? "\033[0m" : "");
        const char *key;
        json_t *v;
        json_object_foreach((json_t *)(uintptr_t)o, key, v)
        {
                if (!strcmp(key, "time") || !strcmp(key, "level") || !strcmp(key, "role") || !strcmp(key, "event"))
                        continue;
                if (json_is_string(v)) {
                        const char *s = json_string_value(v);
                        bool plain = *s && strcspn(s, " \"=") == strlen(s);
                        buf_printf(&b, plain ? " %s=%s" : " %s=\"%s\"", key, s);
                } else if (json_is_boolean(v)) {
                        buf_printf(&b, " %s=%s", key, json_is_true(v) ? "yes" : "no");
                } else {
                        buf_printf(&b, " %s=%lld", key, (long long)json_integer_value(v));
                }
        }
        buf_puts(&b, "\n");
        if (b.failed)
                talloc_free(b.p);
        return b.failed ? NULL : (char *)b.p;
}

void ev_emit(struct log *log, enum ev_level level, const char *name, const struct ev_kv *kv)
{
        if (log == NULL)
                return;
        bool shown = level >= __atomic_load_n(&log->conf.level, __ATOMIC_RELAXED) &&
                     (log->conf.text_fd >= 0 || log->conf.json_fd >= 0);
        bool kept = level >= EV_INFO && log->event_fd >= 0;
        if (!shown && !kept && !log->collects)
                return;
        json_t *o = event_json(log, level, name, kv);
        char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
        if (line == NULL) {
                json_decref(o);
                return;
        }
        size_t n = strlen(line);
        line[n] = '\n'; /* over the NUL: from here on the line is n + 1 octets and no string */
        pthread_mutex_lock(&log->lock);
        if (kept) {
                write_all(log->event_fd, line, n + 1);
                rotate(log);
        }
        if (shown && log->conf.json_fd >= 0)
                write_all(log->conf.json_fd, line, n + 1);
        if (shown && log->conf.text_fd >= 0) {
                char *text = event_text(log, o, level);
                if (text != NULL)
                        write_all(log->conf.text_fd, text, strlen(text));
                talloc_free(text);
        }
        if (log->collects)
                buf_put(&log->collected, bytes_of(line, n + 1));
        pthread_mutex_unlock(&log->lock);
        free(line);
        json_decref(o);
}

void ev_arrow(struct log *log, const struct arrow *a)
{
        ev(log, EV_INFO, "arrow", KV_STR("flow", a->flow), KV_STR("step", a->step), KV_STR("from", a->from),
           KV_STR("to", a->to), KV_STR("proto", a->proto), KV_STR("text", a->text), KV_STR("trace", a->trace),
           KV_HASH("call", a->call), KV_HASH("subject", a->subject));
}

void ev_refused(struct log *log, const char *flow, const char *step, const struct err *er, const struct ev_kv *more)
{
        struct ev_kv kv[24] = { KV_STR("flow", flow),
                                KV_STR("step", step),
                                KV_STR("cause", ecode_name(er->code)),
                                KV_STR("req", er->req[0] ? er->req : NULL),
                                KV_STR("text", er->text),
                                KV_STR("advice", ecode_advice(er->code)) };
        for (size_t n = 6; more != NULL && more->type != EV_T_END && n < COUNT(kv) - 1; n++)
                kv[n] = *more++;
        ev_emit(log, ecode_undecided(er->code) ? EV_ERROR : EV_WARN, "refused", kv);
}

char *ev_abbrev(void *mem, const char *token)
{
        if (token == NULL || *token == 0)
                return talloc_strdup(mem, "(empty)");
        size_t n = strlen(token);
        return talloc_asprintf(mem, "%.*s... (%zu characters)", n >= 32 ? 8 : 0, token, n);
}

enum ecode log_open(const struct log_conf *conf, struct log **ret, struct err *er)
{
        struct log *log = calloc(1, sizeof *log);
        if (log == NULL)
                return err_set(er, E_NOMEM, NULL, "log");
        pthread_mutex_init(&log->lock, NULL);
        log->conf = *conf;
        log->role = conf->role ? strdup(conf->role) : NULL;
        log->event_path = conf->event_path ? strdup(conf->event_path) : NULL;
        log->event_fd = -1;
        if (log->event_path != NULL) {
                log->event_fd = open(log->event_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
                if (log->event_fd < 0) {
                        err_set(er, E_IO, NULL, "cannot open the event file %s: %s", log->event_path, strerror(errno));
                        log_close(log);
                        return E_IO;
                }
        }
        *ret = log;
        return E_OK;
}

void log_set_level(struct log *log, enum ev_level level)
{
        __atomic_store_n(&log->conf.level, level, __ATOMIC_RELAXED);
}

bool log_level_parse(const char *word, enum ev_level *ret)
{
        for (size_t i = 0; i < COUNT(level_name); i++) {
                if (strcmp(word, level_name[i]) != 0)
                        continue;
                *ret = (enum ev_level)i;
                return true;
        }
        return false;
}

void log_close(struct log *log)
{
        if (log == NULL)
                return;
        if (log->event_fd >= 0)
                close(log->event_fd);
        sodium_memzero(log->conf.hash_key, sizeof log->conf.hash_key);
        talloc_free(log->collected.p);
        pthread_mutex_destroy(&log->lock);
        free(log->role);
        free(log->event_path);
        free(log);
}

struct log *log_mem(void)
{
        struct log *log = NULL;
        if (log_open(&(struct log_conf){ .role = "test", .text_fd = -1, .json_fd = -1 }, &log, NULL) != E_OK)
                return NULL;
        log->collects = true;
        log->collected = buf_on(NULL);
        return log;
}

const char *log_mem_text(struct log *log)
{
        return log->collected.p != NULL ? (const char *)log->collected.p : "";
}
