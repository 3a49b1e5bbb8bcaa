/* Shared by the files of this folder only. */
#ifndef MUSTER_PROTO_MCX_MCX_INTERNAL_H
#define MUSTER_PROTO_MCX_MCX_INTERNAL_H

#include "proto/mcx/mcx_info.h"
#include "proto/xml/xml.h"

#define MCX_XENC_NS "http://www.w3.org/2001/04/xmlenc#"
#define MCX_DS_NS   "http://www.w3.org/2000/09/xmldsig#"
#define MCX_GCM_ALG "http://www.w3.org/2009/xmlenc11#aes128-gcm"

#define MCX_GCM_IV     12u
#define MCX_CIPHER_MIN (MCX_GCM_IV + GCM_TAG_LEN)

struct mcx_service_row {
        const char *name;  /* as in element names of the info body */
        const char *label; /* as in element names of the user profile */
        const char *ns;
        const char *media_type;
        const char *icsi;
};
extern const struct mcx_service_row mcx_services[MCX_SERVICES];

enum mcx_wrap { MCX_WRAP_STRING, MCX_WRAP_URI, MCX_WRAP_BOOLEAN };
extern const char *const mcx_wraps[3];

/* The elements of contentType, in schema order. */
struct mcx_field {
        size_t at;     /* in struct mcx_info */
        bool prefixed; /* the service's name stands before `name` */
        const char *name;
        enum mcx_wrap wrap;
        bool not_in_data; /* the schema of mcdata-info does not know it */
};
#define MCX_FIELDS      7
#define MCX_FIELD_TOKEN 0
extern const struct mcx_field mcx_fields[MCX_FIELDS];

struct mcx_value *mcx_field_of(struct mcx_info *in, size_t i);
void mcx_field_name(char ret[48], enum mcx_service s, size_t i);
bool mcx_is_wrapper(const struct xml_node *n, enum mcx_service s);
/* The text inside of `holder` as a normal value. E_SYNTAX, E_NOMEM. */
enum ecode mcx_value_read(void *mem, const struct xml_node *holder, enum mcx_wrap wrap, struct mcx_value *ret);

#endif
