/* The formats of messages, for the files of this folder. */
#ifndef MUSTER_PROTO_NAS_NAS_TABLE_H
#define MUSTER_PROTO_NAS_NAS_TABLE_H

#include "proto/nas/nas.h"

/* Formats of TS 24.007 11.2.1.1. The first four have no identifier and stand in the table's order. */
enum nas_form {
        NAS_HALVES, /* two half octets: ie low, high_ie high */
        NAS_V,
        NAS_LV,
        NAS_LVE,
        NAS_T1, /* identifier and value in one octet */
        NAS_TV,
        NAS_TLV,
        NAS_TLVE,
};

/* min and max are octets of the value. `must`: without it the message is refused. */
struct nas_row {
        enum nas_form form;
        uint8_t iei;
        enum nas_ie ie, high_ie;
        uint16_t min, max;
        bool must;
};

struct nas_shape {
        uint8_t type;
        const char *name;
        const struct nas_row *row;
        size_t n;
};

/* NULL for an unknown type. */
const struct nas_shape *nas_shape_of(unsigned type);

static inline bool nas_is_sm(unsigned type)
{
        return type >= 0xc0; /* TS 24.501 table 9.7.2: 5GSM types begin with 11 */
}

static inline bool nas_is_num(enum nas_ie ie)
{
        return (unsigned)ie <= NAS_LAST_NUM;
}

#endif
