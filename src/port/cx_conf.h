/* Settings of a Diameter peer on Cx, the same in every role that has one. A role embeds struct cx_conf in its
 * configuration struct and takes the rows that fit:
 *
 *      struct scscf_conf { ...; struct cx_conf cx; };
 *      ... CX_CLIENT_ROWS(struct scscf_conf, cx, "scscf"), CONF_END };
 *
 * and says where it is: .cx_conf = offsetof(struct scscf_conf, cx) in its struct role. */
#ifndef MUSTER_PORT_CX_CONF_H
#define MUSTER_PORT_CX_CONF_H

#include "port/conf.h"

struct cx_conf {
        const char *identity; /* Origin-Host: the name in the role's own certificate */
        const char *realm;    /* Origin-Realm and Destination-Realm */
        bool plain;           /* no TLS: the path is protected otherwise (RFC 6733 clause 13, IPsec) */

        /* server */
        const char *listen;     /* "ip:port" of Diameter without TLS; the port is open only when plain */
        int64_t tls_port;       /* on the same address */
        struct conf_list peers; /* Origin-Hosts that may connect: the name in their certificate too */

        /* client */
        const char *hss;         /* identity of the HSS, and the name that its certificate has to show */
        const char *hss_address; /* "ip:port": its TLS port, or the other one when plain */
        const char *address;     /* ip of this node: Host-IP-Address, RFC 6733 clause 5.3.5 */
        int64_t timeout_s;       /* how long an answer is waited for */
};

#define CX_ROW(st, f, member, name, kind, dflt, lo, hi, text, source)                                                  \
        {                                                                                                              \
                name, kind, offsetof(st, f.member), dflt, lo, hi, NULL, text, source                                   \
        }

/* clang-format off */
#define CX_ROWS(st, f, role) \
        CX_ROW(st, f, identity, "cx_identity", CONF_T_STRING, role ".{ims_domain}", 0, 0, \
               "Diameter identity (Origin-Host); the certificate names it too.", "RFC 6733 clause 6.3"), \
        CX_ROW(st, f, realm, "cx_realm", CONF_T_STRING, "{ims_domain}", 0, 0, \
               "Diameter realm.", "RFC 6733 clause 6.4"), \
        CX_ROW(st, f, plain, "cx_plain", CONF_T_BOOL, "false", 0, 0, \
               "Diameter without TLS: only where something else protects the path.", "RFC 6733 clause 13")

#define CX_SERVER_ROWS(st, f, role, host) \
        CX_ROWS(st, f, role), \
        CX_ROW(st, f, listen, "listen", CONF_T_LISTEN, "{net}." host ":3868", 0, 0, \
               "Address of the Diameter server; this port is open only with cx_plain.", "RFC 6733 clause 2.1"), \
        CX_ROW(st, f, tls_port, "tls_port", CONF_T_INT, "5868", 1, 65535, \
               "Port of Diameter over TLS, on the same address.", "RFC 6733 clause 2.1"), \
        CX_ROW(st, f, peers, "peers", CONF_T_LIST, "icscf.{ims_domain} scscf.{ims_domain}", 0, 0, \
               "Diameter identities that may connect; each one's certificate has to name it.", NULL)

#define CX_CLIENT_ROWS(st, f, role, host) \
        CX_ROWS(st, f, role), \
        CX_ROW(st, f, hss, "cx_hss", CONF_T_STRING, "hss.{ims_domain}", 0, 0, \
               "Diameter identity of the HSS; its certificate has to name it.", "TS 29.229 clause 5"), \
        CX_ROW(st, f, hss_address, "cx_hss_address", CONF_T_LISTEN, "{net}.9:5868", 0, 0, \
               "Address of the HSS; the port without TLS is 3868.", "RFC 6733 clause 2.1"), \
        CX_ROW(st, f, address, "cx_address", CONF_T_STRING, "{net}." host, 0, 0, \
               "Address that this node tells its peers (Host-IP-Address).", "RFC 6733 clause 5.3.5"), \
        CX_ROW(st, f, timeout_s, "cx_timeout", CONF_T_SECONDS, "5s", 1, 60, \
               "How long an answer of the HSS is waited for.", NULL)
/* clang-format on */

#endif
