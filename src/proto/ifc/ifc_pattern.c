#include "proto/ifc/ifc_pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ifc/ifc.h"

/* Repetitions may stand inside of each other, and the compiled size is their product. */
#define REPEAT_PRODUCT_MAX 1024ul

/* The larger bound of the interval that starts behind '{'; 0 when it is none. */
static unsigned long interval(const char *s)
{
        if (!isdigit((unsigned char)*s))
                return 0;
        char *end;
        unsigned long most = strtoul(s, &end, 10);
        if (*end == ',' && isdigit((unsigned char)end[1]))
                most = strtoul(end + 1, NULL, 10);
        return most;
}

static bool runs_away(const char *pattern)
{
        unsigned long product = 1;
        for (const char *s = pattern; *s != 0; s++) {
                if (*s == '\\') {
                        if (isdigit((unsigned char)s[1]))
                                return true; /* a back reference costs exponential time */
                        if (s[1] != 0)
                                s++;
                } else if (*s == '{') {
                        unsigned long n = interval(s + 1);
                        if (n > REPEAT_PRODUCT_MAX || (n > 1 && (product *= n) > REPEAT_PRODUCT_MAX))
                                return true;
                }
        }
        return false;
}

enum ecode ifc_pattern_compile(const char *pattern, enum ifc_match_kind kind, regex_t *ret, struct err *er)
{
        char whole[IFC_PATTERN_MAX + 8];
        if (strlen(pattern) > IFC_PATTERN_MAX)
                return err_set(er, E_RANGE, "R-SA-33", "a regular expression of more than %u octets", IFC_PATTERN_MAX);
        if (runs_away(pattern))
                return err_set(er, E_RANGE, "R-SA-33", "a regular expression with back references or huge repetition");
        bool name = kind == IFC_MATCH_NAME;
        snprintf(whole, sizeof whole, name ? "^(%s)$" : "%s", pattern);
        int rc = regcomp(ret, whole, REG_EXTENDED | REG_NOSUB | (name ? REG_ICASE : 0));
        if (rc == REG_ESPACE)
                return err_set(er, E_NOMEM, NULL, "regular expression");
        if (rc != 0)
                return err_set(er, E_SYNTAX, "R-SA-33", "\"%.60s\" is no regular expression", pattern);
        return E_OK;
}
