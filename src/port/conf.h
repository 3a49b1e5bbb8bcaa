/* Settings. A setting is declared once, as a row beside the role's configuration struct: the reader, `muster config
 * check`, the commented file that `muster init` writes, and the manual are made from that row.
 *
 * Defaults may name values of the deployment section: {net} (first three octets of the loopback network, "127.0.1"),
 * {mc_domain}, {ims_domain}. So a deployment file that only says `net: 127.0.7` gives a complete second deployment. */
#ifndef MUSTER_PORT_CONF_H
#define MUSTER_PORT_CONF_H

#include "base/bytes.h"

enum conf_type {
        CONF_T_STRING,  /* const char * */
        CONF_T_LISTEN,  /* const char *: "127.0.1.1:8443" */
        CONF_T_URL,     /* const char *: absolute https URL */
        CONF_T_PATH,    /* const char *: relative ones are below the deployment directory; resolved when read */
        CONF_T_CHOICE,  /* const char *: one of the words in `choices`, separated by spaces */
        CONF_T_LIST,    /* struct conf_list */
        CONF_T_INT,     /* int64_t */
        CONF_T_SECONDS, /* int64_t; "15m", "2h", "30d" and plain seconds are read */
        CONF_T_BOOL,    /* bool */
};

struct conf_list {
        const char **item;
        size_t n;
};

struct conf_item {
        const char *name;
        enum conf_type type;
        size_t offset;
        const char *dflt; /* text as it would stand in the file; "" is the empty string or list; NULL: mandatory */
        int64_t least, most;
        const char *choices;
        const char *text;   /* one sentence for people */
        const char *source; /* clause or requirement, or NULL */
};

#define CONF_ROW(st, field, kind, dflt, lo, hi, words, text, source)                                                   \
        {                                                                                                              \
#field, kind, offsetof(st, field), dflt, lo, hi, words, text, source                                   \
        }
#define CONF_STRING(st, field, dflt, text, source) CONF_ROW(st, field, CONF_T_STRING, dflt, 0, 0, NULL, text, source)
#define CONF_LISTEN(st, field, dflt, text, source) CONF_ROW(st, field, CONF_T_LISTEN, dflt, 0, 0, NULL, text, source)
#define CONF_URL(st, field, dflt, text, source)    CONF_ROW(st, field, CONF_T_URL, dflt, 0, 0, NULL, text, source)
#define CONF_PATH(st, field, dflt, text, source)   CONF_ROW(st, field, CONF_T_PATH, dflt, 0, 0, NULL, text, source)
#define CONF_LIST(st, field, dflt, text, source)   CONF_ROW(st, field, CONF_T_LIST, dflt, 0, 0, NULL, text, source)
#define CONF_BOOL(st, field, dflt, text, source)   CONF_ROW(st, field, CONF_T_BOOL, dflt, 0, 0, NULL, text, source)
#define CONF_CHOICE(st, field, dflt, words, text, source)                                                              \
        CONF_ROW(st, field, CONF_T_CHOICE, dflt, 0, 0, words, text, source)
#define CONF_INT(st, field, dflt, lo, hi, text, source)                                                                \
        CONF_ROW(st, field, CONF_T_INT, dflt, lo, hi, NULL, text, source)
#define CONF_SECONDS(st, field, dflt, lo, hi, text, source)                                                            \
        CONF_ROW(st, field, CONF_T_SECONDS, dflt, lo, hi, NULL, text, source)
#define CONF_END                                                                                                       \
        {                                                                                                              \
                0                                                                                                      \
        }

#endif
