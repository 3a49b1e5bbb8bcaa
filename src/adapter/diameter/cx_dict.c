#include "adapter/diameter/cx_dict.h"

#include "base/bytes.h"

struct avp_row {
        uint32_t code;
        const char *name;
        enum dict_avp_basetype base;
        const char *type; /* derived type of RFC 6733 clause 4.3.1, or NULL */
};

#define TEXT "UTF8String"
#define URI  "DiameterURI"

/* TS 29.229 table 6.3.1. Flags V and M are set on all of these; what others send is taken without M as well. */
static const struct avp_row cx_avps[] = {
        { 600, "Visited-Network-Identifier", AVP_TYPE_OCTETSTRING, NULL },
        { 601, "Public-Identity", AVP_TYPE_OCTETSTRING, TEXT },
        { 602, "Server-Name", AVP_TYPE_OCTETSTRING, TEXT },
        { 603, "Server-Capabilities", AVP_TYPE_GROUPED, NULL },
        { 604, "Mandatory-Capability", AVP_TYPE_UNSIGNED32, NULL },
        { 605, "Optional-Capability", AVP_TYPE_UNSIGNED32, NULL },
        { 606, "User-Data", AVP_TYPE_OCTETSTRING, NULL },
        { 607, "SIP-Number-Auth-Items", AVP_TYPE_UNSIGNED32, NULL },
        { 608, "SIP-Authentication-Scheme", AVP_TYPE_OCTETSTRING, TEXT },
        { 609, "SIP-Authenticate", AVP_TYPE_OCTETSTRING, NULL },
        { 610, "SIP-Authorization", AVP_TYPE_OCTETSTRING, NULL },
        { 611, "SIP-Authentication-Context", AVP_TYPE_OCTETSTRING, NULL },
        { 612, "SIP-Auth-Data-Item", AVP_TYPE_GROUPED, NULL },
        { 613, "SIP-Item-Number", AVP_TYPE_UNSIGNED32, NULL },
        { 614, "Server-Assignment-Type", AVP_TYPE_INTEGER32, NULL },
        { 615, "Deregistration-Reason", AVP_TYPE_GROUPED, NULL },
        { 616, "Reason-Code", AVP_TYPE_INTEGER32, NULL },
        { 617, "Reason-Info", AVP_TYPE_OCTETSTRING, TEXT },
        { 618, "Charging-Information", AVP_TYPE_GROUPED, NULL },
        { 619, "Primary-Event-Charging-Function-Name", AVP_TYPE_OCTETSTRING, URI },
        { 620, "Secondary-Event-Charging-Function-Name", AVP_TYPE_OCTETSTRING, URI },
        { 621, "Primary-Charging-Collection-Function-Name", AVP_TYPE_OCTETSTRING, URI },
        { 622, "Secondary-Charging-Collection-Function-Name", AVP_TYPE_OCTETSTRING, URI },
        { 623, "User-Authorization-Type", AVP_TYPE_INTEGER32, NULL },
        { 624, "User-Data-Already-Available", AVP_TYPE_INTEGER32, NULL },
        { 625, "Confidentiality-Key", AVP_TYPE_OCTETSTRING, NULL },
        { 626, "Integrity-Key", AVP_TYPE_OCTETSTRING, NULL },
        { 633, "Originating-Request", AVP_TYPE_INTEGER32, NULL },
        { 653, "LIA-Flags", AVP_TYPE_UNSIGNED32, NULL },
        { 654, "Initial-CSeq-Sequence-Number", AVP_TYPE_UNSIGNED32, NULL },
        { 655, "SAR-Flags", AVP_TYPE_UNSIGNED32, NULL },
};

/* The same table: V is set, M is not (or may be). */
static const struct avp_row cx_avps_optional[] = {
        { 628, "Supported-Features", AVP_TYPE_GROUPED, NULL },
        { 629, "Feature-List-ID", AVP_TYPE_UNSIGNED32, NULL },
        { 630, "Feature-List", AVP_TYPE_UNSIGNED32, NULL },
        { 631, "Supported-Applications", AVP_TYPE_GROUPED, NULL },
        { 632, "Associated-Identities", AVP_TYPE_GROUPED, NULL },
        { 634, "Wildcarded-Public-Identity", AVP_TYPE_OCTETSTRING, TEXT },
        { 635, "SIP-Digest-Authenticate", AVP_TYPE_GROUPED, NULL },
        { 636, "Wildcarded-IMPU", AVP_TYPE_OCTETSTRING, TEXT },
        { 637, "UAR-Flags", AVP_TYPE_UNSIGNED32, NULL },
        { 638, "Loose-Route-Indication", AVP_TYPE_INTEGER32, NULL },
        { 639, "SCSCF-Restoration-Info", AVP_TYPE_GROUPED, NULL },
        { 640, "Path", AVP_TYPE_OCTETSTRING, NULL },
        { 641, "Contact", AVP_TYPE_OCTETSTRING, NULL },
        { 642, "Subscription-Info", AVP_TYPE_GROUPED, NULL },
        { 643, "Call-ID-SIP-Header", AVP_TYPE_OCTETSTRING, NULL },
        { 644, "From-SIP-Header", AVP_TYPE_OCTETSTRING, NULL },
        { 645, "To-SIP-Header", AVP_TYPE_OCTETSTRING, NULL },
        { 646, "Record-Route", AVP_TYPE_OCTETSTRING, NULL },
        { 647, "Associated-Registered-Groups", AVP_TYPE_GROUPED, NULL },
        { 648, "Multiple-Registration-Indication", AVP_TYPE_INTEGER32, NULL },
        { 649, "Restoration-Info", AVP_TYPE_GROUPED, NULL },
        { 650, "Session-Priority", AVP_TYPE_INTEGER32, NULL },
        { 651, "Identity-with-Emergency-Registration", AVP_TYPE_GROUPED, NULL },
        { 652, "Priviledged-Sender-Indication", AVP_TYPE_INTEGER32, NULL },
        { 656, "Allowed-WAF-WWSF-Identities", AVP_TYPE_GROUPED, NULL },
        { 657, "WebRTC-Authentication-Function-Name", AVP_TYPE_OCTETSTRING, TEXT },
        { 658, "WebRTC-Web-Server-Function-Name", AVP_TYPE_OCTETSTRING, TEXT },
};

/* RFC 4740 clause 9.5: the AVPs inside SIP-Digest-Authenticate */
static const struct avp_row digest_avps[] = {
        { 104, "Digest-Realm", AVP_TYPE_OCTETSTRING, TEXT },
        { 110, "Digest-QoP", AVP_TYPE_OCTETSTRING, TEXT },
        { 111, "Digest-Algorithm", AVP_TYPE_OCTETSTRING, TEXT },
        { 121, "Digest-HA1", AVP_TYPE_OCTETSTRING, TEXT },
};

static const struct {
        uint32_t code;
        const char *request, *answer;
} commands[] = {
        { CX_CMD_UA, "User-Authorization-Request", "User-Authorization-Answer" },
        { CX_CMD_SA, "Server-Assignment-Request", "Server-Assignment-Answer" },
        { CX_CMD_LI, "Location-Info-Request", "Location-Info-Answer" },
        { CX_CMD_MA, "Multimedia-Auth-Request", "Multimedia-Auth-Answer" },
        { CX_CMD_RT, "Registration-Termination-Request", "Registration-Termination-Answer" },
        { CX_CMD_PP, "Push-Profile-Request", "Push-Profile-Answer" },
};

/* What a request cannot be without (TS 29.229 clause 6.1): freeDiameter answers DIAMETER_MISSING_AVP by itself. */
static const struct {
        uint32_t command, vendor, avp;
} mandatory[] = {
        { CX_CMD_UA, 0, AVP_USER_NAME },
        { CX_CMD_UA, VENDOR_3GPP, CX_PUBLIC_IDENTITY },
        { CX_CMD_UA, VENDOR_3GPP, CX_VISITED_NETWORK_IDENTIFIER },
        { CX_CMD_MA, 0, AVP_USER_NAME },
        { CX_CMD_MA, VENDOR_3GPP, CX_PUBLIC_IDENTITY },
        { CX_CMD_MA, VENDOR_3GPP, CX_SIP_AUTH_DATA_ITEM },
        { CX_CMD_MA, VENDOR_3GPP, CX_SIP_NUMBER_AUTH_ITEMS },
        { CX_CMD_MA, VENDOR_3GPP, CX_SERVER_NAME },
        { CX_CMD_SA, VENDOR_3GPP, CX_SERVER_NAME },
        { CX_CMD_SA, VENDOR_3GPP, CX_SERVER_ASSIGNMENT_TYPE },
        { CX_CMD_SA, VENDOR_3GPP, CX_USER_DATA_ALREADY_AVAILABLE },
        { CX_CMD_LI, VENDOR_3GPP, CX_PUBLIC_IDENTITY },
        { CX_CMD_RT, VENDOR_3GPP, CX_DEREGISTRATION_REASON },
        { CX_CMD_PP, 0, AVP_USER_NAME },
};

static struct dict_object *application;
static struct dict_object *requests[COUNT(commands)];

/* freeDiameter takes char * where it copies. */
static char *text(const char *s)
{
        return (char *)(uintptr_t)s;
}

struct dict_object *cx_dict_application(void)
{
        return application;
}

struct dict_object *cx_dict_request(enum cx_command cmd)
{
        for (size_t i = 0; i < COUNT(commands); i++) {
                if (commands[i].code == cmd)
                        return requests[i];
        }
        return NULL;
}

struct dict_object *cx_dict_avp(uint32_t vendor, uint32_t code)
{
        struct dict_avp_request_ex rq = { .avp_vendor.vendor_id = vendor, .avp_data.avp_code = code };
        struct dict_object *o = NULL;
        int r = vendor == 0 ? fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_CODE, &code, &o, 0)
                            : fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_STRUCT, &rq, &o, 0);
        return r == 0 ? o : NULL;
}

static bool add_avps(const struct avp_row *rows, size_t n, uint32_t vendor, uint8_t flags)
{
        for (size_t i = 0; i < n; i++) {
                struct dict_avp_data d = {
                        .avp_code = rows[i].code,
                        .avp_vendor = vendor,
                        .avp_name = text(rows[i].name),
                        .avp_flag_mask = AVP_FLAG_VENDOR,
                        .avp_flag_val = flags,
                        .avp_basetype = rows[i].base,
                };
                struct dict_object *type = NULL;
                if (rows[i].type != NULL &&
                    fd_dict_search(fd_g_config->cnf_dict, DICT_TYPE, TYPE_BY_NAME, rows[i].type, &type, ENOENT) != 0)
                        return false;
                if (fd_dict_new(fd_g_config->cnf_dict, DICT_AVP, &d, type, NULL) != 0)
                        return false;
        }
        return true;
}

static bool add_commands(void)
{
        for (size_t i = 0; i < COUNT(commands); i++) {
                struct dict_cmd_data rq = {
                        .cmd_code = commands[i].code,
                        .cmd_name = text(commands[i].request),
                        .cmd_flag_mask = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE | CMD_FLAG_ERROR,
                        .cmd_flag_val = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE,
                };
                struct dict_cmd_data ans = {
                        .cmd_code = commands[i].code,
                        .cmd_name = text(commands[i].answer),
                        .cmd_flag_mask = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE,
                        .cmd_flag_val = CMD_FLAG_PROXIABLE,
                };
                if (fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &rq, application, &requests[i]) != 0 ||
                    fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &ans, application, NULL) != 0)
                        return false;
        }
        return true;
}

static bool add_rules(void)
{
        for (size_t i = 0; i < COUNT(mandatory); i++) {
                struct dict_rule_data rule = {
                        .rule_avp = cx_dict_avp(mandatory[i].vendor, mandatory[i].avp),
                        .rule_position = RULE_REQUIRED,
                        .rule_min = 1,
                        .rule_max = -1,
                };
                struct dict_object *parent = cx_dict_request((enum cx_command)mandatory[i].command);
                if (rule.rule_avp == NULL || fd_dict_new(fd_g_config->cnf_dict, DICT_RULE, &rule, parent, NULL) != 0)
                        return false;
        }
        return true;
}

enum ecode cx_dict_load(struct err *er)
{
        struct dict_vendor_data v = { VENDOR_3GPP, text("3GPP") };
        struct dict_application_data a = { CX_APPLICATION, text("3GPP Cx/Dx") };
        struct dict_object *vendor = NULL;
        bool ok = fd_dict_new(fd_g_config->cnf_dict, DICT_VENDOR, &v, NULL, &vendor) == 0 &&
                  fd_dict_new(fd_g_config->cnf_dict, DICT_APPLICATION, &a, vendor, &application) == 0 &&
                  add_avps(cx_avps, COUNT(cx_avps), VENDOR_3GPP, AVP_FLAG_VENDOR | AVP_FLAG_MANDATORY) &&
                  add_avps(cx_avps_optional, COUNT(cx_avps_optional), VENDOR_3GPP, AVP_FLAG_VENDOR) &&
                  add_avps(digest_avps, COUNT(digest_avps), 0, AVP_FLAG_MANDATORY) && add_commands() && add_rules() &&
                  fd_disp_app_support(application, vendor, 1, 0) == 0;
        return ok ? E_OK : err_set(er, E_INTERNAL, NULL, "freeDiameter did not take the Cx dictionary");
}
