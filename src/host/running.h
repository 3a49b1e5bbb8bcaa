/* One running role and its parts. Inside of host/ only. */
#ifndef MUSTER_HOST_RUNNING_H
#define MUSTER_HOST_RUNNING_H

#include "adapter/net/http_server.h"
#include "adapter/net/loop.h"
#include "adapter/net/workers.h"
#include "host/admin.h"
#include "host/deployment.h"
#include "host/roles.h"

#include <stdatomic.h>

struct cx_conf;
struct monitor;
struct sip_net;

struct running {
        struct deployment *d;
        const struct role_row *row;
        const struct role *role;
        void *set;  /* the role's configuration struct */
        void *self; /* the role's instance */
        struct role_env env;
        struct seal_key seal_key;
        uint64_t started_ms;
        atomic_bool ready, ticking, stopping;

        struct workers *workers;
        struct loop **loops;
        size_t loops_n;
        struct http_client *http_client;
        struct http_server *http;
        struct sip_net *sip;
        struct admin_server *admin;
        struct monitor *monitor;
        _Atomic size_t parts_open;
};

/* What a role is made of: opened in the order of the table in running.c, closed in reverse. A part that the role does
 * not need opens as a success without doing anything. All but `open` may be NULL. */
struct running_part {
        const char *name;
        enum ecode (*open)(struct running *r, struct err *er);
        void (*close)(struct running *r);
        void (*stats)(struct running *r, json_t *into);
        enum ecode (*reload)(struct running *r, struct err *er);
        bool (*ready)(struct running *r); /* could a request be served this moment? */
};
extern const struct running_part part_conf, part_state, part_threads, part_store, part_role, part_admin, part_monitor;
extern const struct running_part part_http_client, part_https;
extern const struct running_part part_cx_client, part_cx_server;
extern const struct running_part part_sip_port, part_sip_requests;

char *running_tls_file(const struct running *r, const char *suffix);
bool running_has_listener(const struct running *r, enum listen_kind kind);
/* The TLS context of one of the role's listeners, from the files as they are now. */
enum ecode running_server_ctx(struct running *r, const struct role_listener *l, SSL_CTX **ret, struct err *er);
/* For roles with NEED_CX_*. */
const struct cx_conf *running_cx_conf(const struct running *r);
const char *running_listen_address(const struct running *r, const struct role_listener *l);
void running_stat(json_t *into, const char *name, uint64_t value);

enum ecode running_open(struct running *r, struct err *er);
void running_close(struct running *r);
void running_tick(struct running *r);
/* Level of the log and renewed certificates, from the files as they are now. */
enum ecode running_reload(struct running *r, struct err *er);

/* Built-in administration (role_admin.c). */
enum ecode running_admin(void *arg, void *mem, const char *cmd, json_t *args, json_t **out, struct err *er);
json_t *running_status(struct running *r);
json_t *running_stats(struct running *r);
/* Open, and every part says so: false while the HSS cannot be asked, for then each request would end in 503. */
bool running_ready(struct running *r);
/* Prometheus text format 0.0.4. */
void running_metrics(struct running *r, struct buf *to);

/* Metrics and health over plain HTTP on a loopback address; see monitor.c. address "": none, *ret is NULL. */
enum ecode monitor_start(struct running *r, const char *address, unsigned port_offset, struct monitor **ret,
                         struct err *er);
void monitor_stop(struct monitor *m);

#endif
