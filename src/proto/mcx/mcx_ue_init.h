/* The MCS UE initial configuration document (TS 24.484 7.2): what a client has to know before anybody signs in.
 *
 * The addresses of the SIP core's entry (P-CSCF) are not part of the standard's document: a UE has them from its
 * network. For UEs that come over plain IP, Muster carries them in an element of its own,
 *      <ue-config xmlns="urn:muster:ue-config:1.0"><p-cscf>sip:...</p-cscf>...</ue-config>
 * as the last child of the root element, where clients of other makes ignore it. */
#ifndef MUSTER_PROTO_MCX_MCX_UE_INIT_H
#define MUSTER_PROTO_MCX_MCX_UE_INIT_H

#include "base/bytes.h"
#include "base/err.h"

#define MCX_UE_INIT_MEDIA_TYPE "application/vnd.3gpp.mcptt-ue-init-config+xml"
#define MCX_UE_INIT_AUID       "org.3gpp.mcptt.ue-init-config"
#define MCX_UE_INIT_NS         "urn:3gpp:mcptt:mcpttUEinitConfig:1.0"
#define MCX_UE_CONFIG_EXT_NS   "urn:muster:ue-config:1.0"

struct mcx_ue_init {
        char *domain;
        char *xui_uri;         /* or NULL */
        char *name;            /* or NULL */
        char *instance_id_urn; /* MCPTT-UE-id; or NULL */
        char *default_user;    /* or NULL: no Default-user-profile */
        int64_t default_profile_index;
        char *plmn;                          /* HPLMN; NULL prints "001001" */
        char *apn_mcptt, *apn_core, *apn_id; /* connection references; NULL prints "mcptt", "mc-core", "mc-id" */
        char *idms_auth_endpoint, *idms_token_endpoint;
        char *http_proxy;         /* or NULL */
        char *gms, *cms, *kms;    /* SIP URI, SIP URI, HTTPS URI */
        char *group_creation_xui; /* or NULL: as gms */
        char *gms_xcap_root, *cms_xcap_root;
        bool mutual_tls;
        bool integrity_protection, confidentiality_protection;
        char **pcscf; /* SIP URIs, in order of preference; from and for Muster only, see above */
        size_t pcscf_n;
};

/* E_SYNTAX, E_MISSING (the two IdM endpoints). Everything else that is absent is NULL or false. */
enum ecode mcx_ue_init_parse(void *mem, struct bytes xml, struct mcx_ue_init **ret, struct err *er);
/* E_MISSING for domain, the endpoints, gms, cms, kms and the XCAP roots. */
enum ecode mcx_ue_init_print(void *mem, const struct mcx_ue_init *in, struct bytes *ret, struct err *er);

#endif
