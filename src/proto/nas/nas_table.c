#include "proto/nas/nas_table.h"

#define NONE NAS_IE_NONE

/* TS 24.501 clauses 8.2 and 8.3. Optional elements whose format cannot be told from their identifier stand here also
 * when nobody reads them (NONE). */
/* clang-format off */
static const struct nas_row registration_request[] = {
        { NAS_HALVES, 0,    NAS_IE_REG_TYPE, NAS_IE_NGKSI, 1, 1, true },
        { NAS_LVE,    0,    NAS_IE_IDENTITY, NONE, 1, 128, true },
        { NAS_TLV,    0x2e, NAS_IE_UE_CAP,   NONE, 2, 8, true },
        { NAS_TV,     0x52, NONE,            NONE, 6, 6, false }, /* last visited TAI */
};
static const struct nas_row registration_accept[] = {
        { NAS_LV,     0,    NAS_IE_REG_RESULT, NONE, 1, 1, true },
        { NAS_TLVE,   0x77, NAS_IE_GUTI,       NONE, 11, 11, false },
};
static const struct nas_row only_cause[] = {
        { NAS_V,      0,    NAS_IE_CAUSE, NONE, 1, 1, true },
};
static const struct nas_row authentication_request[] = {
        { NAS_HALVES, 0,    NAS_IE_NGKSI, NONE, 1, 1, true },
        { NAS_LV,     0,    NAS_IE_ABBA,  NONE, 2, 255, true },
        { NAS_TV,     0x21, NAS_IE_RAND,  NONE, 16, 16, true },
        { NAS_TLV,    0x20, NAS_IE_AUTN,  NONE, 16, 16, true },
};
static const struct nas_row authentication_response[] = {
        { NAS_TLV,    0x2d, NAS_IE_RES_STAR, NONE, 16, 16, true },
};
static const struct nas_row authentication_failure[] = {
        { NAS_V,      0,    NAS_IE_CAUSE, NONE, 1, 1, true },
        { NAS_TLV,    0x30, NAS_IE_AUTS,  NONE, 14, 14, false },
};
static const struct nas_row security_mode_command[] = {
        { NAS_V,      0,    NAS_IE_ALGORITHMS, NONE, 1, 1, true },
        { NAS_HALVES, 0,    NAS_IE_NGKSI,      NONE, 1, 1, true },
        { NAS_LV,     0,    NAS_IE_UE_CAP,     NONE, 2, 8, true },
        { NAS_TV,     0x57, NONE,              NONE, 1, 1, false }, /* selected EPS algorithms */
};
static const struct nas_row ul_transport[] = {
        { NAS_HALVES, 0,    NAS_IE_CONTAINER_TYPE, NONE, 1, 1, true },
        { NAS_LVE,    0,    NAS_IE_CONTAINER,      NONE, 1, NAS_PDU_MAX, true },
        { NAS_TV,     0x12, NAS_IE_PSI,            NONE, 1, 1, false },
        { NAS_TV,     0x59, NONE,                  NONE, 1, 1, false }, /* old PDU session */
        { NAS_T1,     0x80, NAS_IE_REQUEST_TYPE,   NONE, 1, 1, false },
        { NAS_TLV,    0x22, NAS_IE_SNSSAI,         NONE, 1, 8, false },
        { NAS_TLV,    0x25, NAS_IE_DNN,            NONE, 1, 100, false },
};
static const struct nas_row dl_transport[] = {
        { NAS_HALVES, 0,    NAS_IE_CONTAINER_TYPE, NONE, 1, 1, true },
        { NAS_LVE,    0,    NAS_IE_CONTAINER,      NONE, 1, NAS_PDU_MAX, true },
        { NAS_TV,     0x12, NAS_IE_PSI,            NONE, 1, 1, false },
        { NAS_TV,     0x58, NAS_IE_CAUSE,          NONE, 1, 1, false },
};
static const struct nas_row session_request[] = {
        { NAS_V,      0,    NAS_IE_MAX_RATE, NONE, 2, 2, true },
        { NAS_TV,     0x55, NONE,            NONE, 2, 2, false }, /* number of packet filters */
        { NAS_TLVE,   0x7b, NAS_IE_EPCO,     NONE, 1, NAS_PDU_MAX, false },
};
static const struct nas_row session_accept[] = {
        { NAS_HALVES, 0,    NAS_IE_SESSION_TYPE, NAS_IE_SSC_MODE, 1, 1, true },
        { NAS_LVE,    0,    NAS_IE_QOS_RULES,    NONE, 4, NAS_PDU_MAX, true },
        { NAS_LV,     0,    NAS_IE_AMBR,         NONE, 6, 6, true },
        { NAS_TV,     0x59, NAS_IE_SM_CAUSE,     NONE, 1, 1, false },
        { NAS_TV,     0x56, NONE,                NONE, 1, 1, false }, /* RQ timer */
        { NAS_TLVE,   0x7b, NAS_IE_EPCO,         NONE, 1, NAS_PDU_MAX, false },
};
static const struct nas_row session_reject[] = {
        { NAS_V,      0,    NAS_IE_SM_CAUSE, NONE, 1, 1, true },
        { NAS_TLVE,   0x7b, NAS_IE_EPCO,     NONE, 1, NAS_PDU_MAX, false },
};

#define ROWS(a) a, COUNT(a)
static const struct nas_shape shapes[] = {
        { NAS_REGISTRATION_REQUEST,    "REGISTRATION REQUEST",    ROWS(registration_request) },
        { NAS_REGISTRATION_ACCEPT,     "REGISTRATION ACCEPT",     ROWS(registration_accept) },
        { NAS_REGISTRATION_COMPLETE,   "REGISTRATION COMPLETE",   NULL, 0 },
        { NAS_REGISTRATION_REJECT,     "REGISTRATION REJECT",     ROWS(only_cause) },
        { NAS_AUTHENTICATION_REQUEST,  "AUTHENTICATION REQUEST",  ROWS(authentication_request) },
        { NAS_AUTHENTICATION_RESPONSE, "AUTHENTICATION RESPONSE", ROWS(authentication_response) },
        { NAS_AUTHENTICATION_REJECT,   "AUTHENTICATION REJECT",   NULL, 0 },
        { NAS_AUTHENTICATION_FAILURE,  "AUTHENTICATION FAILURE",  ROWS(authentication_failure) },
        { NAS_SECURITY_MODE_COMMAND,   "SECURITY MODE COMMAND",   ROWS(security_mode_command) },
        { NAS_SECURITY_MODE_COMPLETE,  "SECURITY MODE COMPLETE",  NULL, 0 },
        { NAS_SECURITY_MODE_REJECT,    "SECURITY MODE REJECT",    ROWS(only_cause) },
        { NAS_5GMM_STATUS,             "5GMM STATUS",             ROWS(only_cause) },
        { NAS_UL_TRANSPORT,            "UL NAS TRANSPORT",        ROWS(ul_transport) },
        { NAS_DL_TRANSPORT,            "DL NAS TRANSPORT",        ROWS(dl_transport) },
        { NAS_PDU_SESSION_REQUEST,     "PDU SESSION ESTABLISHMENT REQUEST", ROWS(session_request) },
        { NAS_PDU_SESSION_ACCEPT,      "PDU SESSION ESTABLISHMENT ACCEPT",  ROWS(session_accept) },
        { NAS_PDU_SESSION_REJECT,      "PDU SESSION ESTABLISHMENT REJECT",  ROWS(session_reject) },
};
/* clang-format on */

const struct nas_shape *nas_shape_of(unsigned type)
{
        for (size_t i = 0; i < COUNT(shapes); i++)
                if (shapes[i].type == type)
                        return &shapes[i];
        return NULL;
}

const char *nas_type_name(unsigned type)
{
        const struct nas_shape *s = nas_shape_of(type);
        return s != NULL ? s->name : "unknown message";
}
