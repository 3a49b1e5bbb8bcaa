/* Between JSON documents and talloc texts. */
#ifndef MUSTER_BASE_JSON_H
#define MUSTER_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

/* The member `key` of o, copied on mem; NULL where it is absent, no text, or there is no memory. */
char *json_text(void *mem, const json_t *o, const char *key);
/* An array of texts; to be owned by the caller. */
json_t *texts_json(char *const *text, size_t n);
/* The way back: *n texts and a NULL behind them. NULL: an element is no text, or there is no memory. No array at all is
 * an empty one. */
char **json_texts(void *mem, const json_t *a, size_t *n);

#endif
