/* The Cx application in freeDiameter's dictionary: TS 29.229 clauses 6.1 and 6.3, as tables. */
#ifndef MUSTER_ADAPTER_DIAMETER_CX_DICT_H
#define MUSTER_ADAPTER_DIAMETER_CX_DICT_H

#include "base/err.h"

#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>

#define VENDOR_3GPP    10415u    /* TS 29.229 clause 5.2 */
#define CX_APPLICATION 16777216u /* TS 29.229 clause 6 */

/* TS 29.229 clause 6.1 */
enum cx_command {
        CX_CMD_UA = 300,
        CX_CMD_SA = 301,
        CX_CMD_LI = 302,
        CX_CMD_MA = 303,
        CX_CMD_RT = 304,
        CX_CMD_PP = 305
};

/* TS 29.229 clause 6.3, table 6.3.1; of vendor 3GPP */
enum cx_avp {
        CX_VISITED_NETWORK_IDENTIFIER = 600,
        CX_PUBLIC_IDENTITY = 601,
        CX_SERVER_NAME = 602,
        CX_SERVER_CAPABILITIES = 603,
        CX_MANDATORY_CAPABILITY = 604,
        CX_OPTIONAL_CAPABILITY = 605,
        CX_USER_DATA = 606,
        CX_SIP_NUMBER_AUTH_ITEMS = 607,
        CX_SIP_AUTHENTICATION_SCHEME = 608,
        CX_SIP_AUTHENTICATE = 609,
        CX_SIP_AUTHORIZATION = 610,
        CX_SIP_AUTHENTICATION_CONTEXT = 611,
        CX_SIP_AUTH_DATA_ITEM = 612,
        CX_SIP_ITEM_NUMBER = 613,
        CX_SERVER_ASSIGNMENT_TYPE = 614,
        CX_DEREGISTRATION_REASON = 615,
        CX_REASON_CODE = 616,
        CX_REASON_INFO = 617,
        CX_CHARGING_INFORMATION = 618,
        CX_USER_AUTHORIZATION_TYPE = 623,
        CX_USER_DATA_ALREADY_AVAILABLE = 624,
        CX_CONFIDENTIALITY_KEY = 625,
        CX_INTEGRITY_KEY = 626,
        CX_SUPPORTED_FEATURES = 628,
        CX_SIP_DIGEST_AUTHENTICATE = 635,
};

/* RFC 6733 clause 4.5, and RFC 4740 clause 9.5 (taken over by TS 29.229 clause 6.3); vendor 0 */
enum base_avp {
        AVP_USER_NAME = 1,
        AVP_DIGEST_REALM = 104,
        AVP_DIGEST_QOP = 110,
        AVP_DIGEST_ALGORITHM = 111,
        AVP_DIGEST_HA1 = 121,
        AVP_AUTH_APPLICATION_ID = 258,
        AVP_VENDOR_SPECIFIC_APPLICATION_ID = 260,
        AVP_VENDOR_ID = 266,
        AVP_RESULT_CODE = 268,
        AVP_AUTH_SESSION_STATE = 277,
        AVP_DESTINATION_REALM = 283,
        AVP_DESTINATION_HOST = 293,
        AVP_EXPERIMENTAL_RESULT = 297,
        AVP_EXPERIMENTAL_RESULT_CODE = 298,
};

/* Adds everything to fd_g_config->cnf_dict and announces the application. E_INTERNAL. */
enum ecode cx_dict_load(struct err *er);
/* The request of a command, for fd_msg_new and fd_disp_register. NULL before cx_dict_load. */
struct dict_object *cx_dict_request(enum cx_command cmd);
struct dict_object *cx_dict_application(void);
/* vendor 0 or VENDOR_3GPP; NULL: no such AVP */
struct dict_object *cx_dict_avp(uint32_t vendor, uint32_t code);

#endif
