/* Service settings: application/poc-settings+xml (RFC 4354) with the MCX extension (TS 24.379 7.4.1.2.2). */
#ifndef MUSTER_PROTO_MCX_MCX_SETTINGS_H
#define MUSTER_PROTO_MCX_MCX_SETTINGS_H

#include "base/bytes.h"
#include "base/err.h"

#define MCX_SETTINGS_MEDIA_TYPE "application/poc-settings+xml"

enum mcx_answer_mode { MCX_ANSWER_UNSET, MCX_ANSWER_MANUAL, MCX_ANSWER_AUTOMATIC };

struct mcx_settings_entity {
        char *id; /* the client's instance, or any text: never match by it alone, clients exist that draw a new one each
                     time */
        enum mcx_answer_mode answer_mode;
        bool has_profile_index; /* matched by local name (R-SA-85) */
        int64_t profile_index;
};

struct mcx_settings {
        struct mcx_settings_entity *entities;
        size_t n;
};

/* Errors  E_SYNTAX with R-SA-57 (not XML, wrong root) or R-SA-83 (answer-mode other than automatic, manual). */
enum ecode mcx_settings_parse(void *mem, struct bytes xml, struct mcx_settings **ret, struct err *er);
enum ecode mcx_settings_print(void *mem, const struct mcx_settings *in, struct bytes *ret, struct err *er);

#endif
