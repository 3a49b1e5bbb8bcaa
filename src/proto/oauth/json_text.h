/* JSON habits of this folder: objects without duplicate members, texts without white space. */
#ifndef MUSTER_PROTO_OAUTH_JSON_TEXT_H
#define MUSTER_PROTO_OAUTH_JSON_TEXT_H

#include "base/bytes.h"

#include <jansson.h>

/* Compact text on mem; o may be NULL and is released. NULL: no memory. */
char *jtext_print(void *mem, json_t *o);
/* NULL when it is no object. */
json_t *jtext_read(struct bytes body);
/* A text member, copied. NULL when absent or of another type. */
const char *jtext_member(void *mem, const json_t *o, const char *name);

#endif
