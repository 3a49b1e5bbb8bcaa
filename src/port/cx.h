/* The Cx reference point (TS 29.228, 29.229) as plain structs: the client side that I-CSCF and S-CSCF call, and the
 * server side that the HSS implements. Encoding and transport are the Diameter adapter's. Calls block (workers only).
 */
#ifndef MUSTER_PORT_CX_H
#define MUSTER_PORT_CX_H

#include "base/bytes.h"
#include "base/err.h"

/* Experimental-Result-Codes and Result-Codes of TS 29.229 clause 6.2, RFC 6733 clause 7.1; 0 in `result` never occurs.
 */
enum cx_result {
        CX_SUCCESS = 2001,                            /* DIAMETER_SUCCESS */
        CX_FIRST_REGISTRATION = 12001,                /* 10000 + experimental 2001 */
        CX_SUBSEQUENT_REGISTRATION = 12002,           /* experimental 2002 */
        CX_UNREGISTERED_SERVICE = 12003,              /* experimental 2003 */
        CX_SERVER_NAME_NOT_STORED = 12004,            /* experimental 2004 */
        CX_ERROR_USER_UNKNOWN = 15001,                /* experimental 5001 */
        CX_ERROR_IDENTITIES_DONT_MATCH = 15002,       /* experimental 5002 */
        CX_ERROR_IDENTITY_NOT_REGISTERED = 15003,     /* experimental 5003 */
        CX_ERROR_ROAMING_NOT_ALLOWED = 15004,         /* experimental 5004 */
        CX_ERROR_IDENTITY_ALREADY_REGISTERED = 15005, /* experimental 5005 */
        CX_ERROR_AUTH_SCHEME_NOT_SUPPORTED = 15006,   /* experimental 5006 */
        CX_ERROR_IN_ASSIGNMENT_TYPE = 15007,          /* experimental 5007 */
        CX_AUTHORIZATION_REJECTED = 5003,             /* DIAMETER_AUTHORIZATION_REJECTED */
        CX_UNABLE_TO_COMPLY = 5012,                   /* DIAMETER_UNABLE_TO_COMPLY: nothing was decided */
        CX_TOO_BUSY = 3004,                           /* DIAMETER_TOO_BUSY: nothing was decided */
};
#define CX_IS_EXPERIMENTAL(r) ((r) > 10000)

/* User-Authorization, clause 6.1.1 */
struct cx_uar {
        const char *impi, *impu, *visited_network;
        uint32_t type; /* 0 REGISTRATION, 1 DE_REGISTRATION, 2 REGISTRATION_AND_CAPABILITIES */
};
struct cx_uaa {
        uint32_t result;
        const char *server_name; /* the assigned S-CSCF, or NULL: choose one */
};

/* Multimedia-Auth, clause 6.1.7 */
enum cx_scheme { CX_AKA, CX_DIGEST, CX_UNKNOWN_SCHEME };
struct cx_mar {
        const char *impi, *impu, *server_name;
        enum cx_scheme scheme; /* CX_UNKNOWN_SCHEME: the HSS says which */
        uint32_t count;        /* vectors wanted, 1 to 5 */
        struct bytes resync;   /* RAND || AUTS (16 + 14 octets), or empty */
};
struct cx_auth_item {
        enum cx_scheme scheme;
        struct bytes rand, autn, xres, ck, ik; /* AKA: 16, 16, 4..16, 16, 16 octets */
        const char *realm, *ha1;               /* Digest: HA1 in 32 hex digits */
};
struct cx_maa {
        uint32_t result;
        struct cx_auth_item items[5];
        size_t items_n;
};

/* Server-Assignment, clause 6.1.3; the numbers are those of Server-Assignment-Type, clause 6.3.15 */
enum cx_assignment {
        CX_NO_ASSIGNMENT = 0,
        CX_REGISTRATION = 1,
        CX_RE_REGISTRATION = 2,
        CX_UNREGISTERED_USER = 3,
        CX_TIMEOUT_DEREGISTRATION = 4,
        CX_USER_DEREGISTRATION = 5,
        CX_ADMINISTRATIVE_DEREGISTRATION = 8,
        CX_AUTHENTICATION_FAILURE = 9,
        CX_AUTHENTICATION_TIMEOUT = 10,
};
struct cx_sar {
        const char *impi, *impu, *server_name;
        enum cx_assignment type;
        bool user_data_already_available;
};
struct cx_saa {
        uint32_t result;
        const char *user_data; /* IMSSubscription XML (proto/ifc), or NULL */
};

/* `ret` is written whenever the HSS answered, whatever its result; E_OK then. E_PEER_DOWN or E_TIMEOUT: it did not. */
struct cx_client {
        enum ecode (*uar)(struct cx_client *, void *mem, const struct cx_uar *rq, struct cx_uaa *ret, struct err *er);
        enum ecode (*mar)(struct cx_client *, void *mem, const struct cx_mar *rq, struct cx_maa *ret, struct err *er);
        enum ecode (*sar)(struct cx_client *, void *mem, const struct cx_sar *rq, struct cx_saa *ret, struct err *er);
};

/* Implemented by the hss role; runs on a Diameter worker, allocates on mem. from_host: Origin-Host of the asker. */
struct cx_server {
        void (*uar)(void *role, void *mem, const char *from_host, const struct cx_uar *rq, struct cx_uaa *ret);
        void (*mar)(void *role, void *mem, const char *from_host, const struct cx_mar *rq, struct cx_maa *ret);
        void (*sar)(void *role, void *mem, const char *from_host, const struct cx_sar *rq, struct cx_saa *ret);
};

/* Secrets of an answer (XRES, CK, IK, HA1). */
void cx_maa_wipe(struct cx_maa *a);

#endif
