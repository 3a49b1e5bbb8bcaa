/* A role is one 3GPP function and one constant struct: the host knows roles through this alone, so that a new role is a
 * folder and one line in host/roles.c. Each role runs in a process of its own and speaks to the others only over the
 * protocol of their reference point. */
#ifndef MUSTER_PORT_ROLE_H
#define MUSTER_PORT_ROLE_H

#include "base/env.h"
#include "base/event.h"
#include "crypto/seal.h"
#include "port/conf.h"
#include "port/cx.h"
#include "port/http.h"
#include "port/sip.h"

#include <jansson.h>

/* The deployment section of the configuration, the same in every role. */
struct site {
        const char *dir;        /* the deployment directory, absolute */
        const char *net;        /* "127.0.1" */
        const char *mc_domain;  /* "mc.example": MC service IDs, and the audience name of MC servers */
        const char *ims_domain; /* "ims.mc.example": IMPI, IMPU, realm */
        const char *ca_file;    /* PEM, what peers' certificates are checked against */
};

/* What a role may touch. The host fills in what `needs` asks for. */
struct role_env {
        const struct clock *clock;
        const struct rng *rng;
        struct log *log;
        const struct site *site;
        void *store;                     /* the role's store port: struct store_idm *, ... (NEED_STORE) */
        struct http_client *http;        /* NEED_HTTP_CLIENT */
        struct sip_port *sip;            /* any SIP listener declared */
        struct cx_client *cx;            /* NEED_CX_CLIENT */
        const struct seal_key *seal_key; /* seals this role's secrets at rest */
        const char *state_dir;           /* <deployment>/state/<role>, exists, mode 0700 */
};

enum role_need {
        NEED_STORE = 1,
        NEED_HTTP_CLIENT = 2,
        NEED_CX_CLIENT = 4,
        NEED_CX_SERVER = 8,
};

enum listen_kind { LISTEN_HTTPS, LISTEN_SIP };

/* One address on which the role serves. `conf_offset` is that of its CONF_LISTEN row in the role's struct.
 * SIP listeners open UDP, TCP and TLS as `sip_protos` says: TLS on the port after the one configured. */
struct role_listener {
        const char *name; /* "authorization", "token", "gm", "mw" */
        enum listen_kind kind;
        size_t conf_offset;
        const struct http_route *routes; /* ends with an all-zero row */
        unsigned sip_protos;             /* 1u << SIP_UDP | ... */
        bool client_cert;                /* ask for and verify a client certificate (mutual TLS) */
        bool client_cert_optional;       /* the same, but who has none is let in too: then peer_name is NULL */
};

/* Administration: one request over the role's Unix socket (peer credentials checked by the host). `in` is borrowed;
 * *out is a new reference, may stay NULL for {}. Runs on a worker. */
struct admin_cmd {
        const char *name; /* "user-put" */
        enum ecode (*fn)(void *role, void *mem, json_t *in, json_t **out, struct err *er);
};

struct role {
        const char *name;  /* "idm": command line, configuration section, events */
        const char *title; /* "identity management server" */
        unsigned needs;
        const struct conf_item *conf; /* ends with CONF_END */
        size_t conf_size;
        const struct role_listener *listeners; /* ends with an all-zero row */
        const struct admin_cmd *admin;         /* ends with an all-zero row */
        sip_request_fn on_sip;
        const struct cx_server *cx; /* NEED_CX_SERVER */
        size_t cx_conf;             /* NEED_CX_*: where the struct cx_conf (port/cx_conf.h) stands in conf */

        /* (env, configuration snapshot) to an instance. Both outlive it. */
        enum ecode (*start)(void *mem, const struct role_env *env, const void *conf, void **ret, struct err *er);
        /* About once a second, on a worker, never twice at a time: expiry. May be NULL. */
        void (*tick)(void *self);
        /* Numbers for metrics and status: adds integers to `into`. May be NULL. */
        void (*stats)(void *self, json_t *into);
        /* Finish what is under way, wipe secrets. Memory goes with mem. May be NULL. */
        void (*stop)(void *self);
};

#endif
