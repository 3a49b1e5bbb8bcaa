/* Regular expressions of filter criteria; used by the files of this folder only. */
#ifndef MUSTER_PROTO_IFC_IFC_PATTERN_H
#define MUSTER_PROTO_IFC_IFC_PATTERN_H

#include <regex.h>

#include "base/err.h"

/* A name has to match as a whole and without case, a content anywhere in the text (29.228 annex F). */
enum ifc_match_kind { IFC_MATCH_NAME, IFC_MATCH_CONTENT };

/* E_RANGE: too long, back references, repetition that could run away. E_SYNTAX: no regular expression. On success the
 * caller ends *ret with regfree. */
enum ecode ifc_pattern_compile(const char *pattern, enum ifc_match_kind kind, regex_t *ret, struct err *er);

#endif
