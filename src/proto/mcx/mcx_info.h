/* The info bodies of the three services: mcptt-info (TS 24.379 F.1), mcvideo-info (24.281 F.1), mcdata-info (24.282
 * D.1). What service authorisation needs of them: token, client id, request-uri and the indicators.
 *
 * An element of contentType is "Normal" and holds its value, or "Encrypted" and holds xenc:EncryptedData under the
 * client-server key (33.180 9.3.4, AES-128-GCM). Elements are accepted in any order, unknown ones are ignored
 * (R-SA-75, R-SA-76), and printed in schema order. */
#ifndef MUSTER_PROTO_MCX_MCX_INFO_H
#define MUSTER_PROTO_MCX_MCX_INFO_H

#include "base/bytes.h"
#include "base/env.h"
#include "base/err.h"
#include "crypto/kdf.h"

enum mcx_service { MCX_PTT, MCX_VIDEO, MCX_DATA };
#define MCX_SERVICES 3

/* "mcptt", "mcvideo", "mcdata". */
const char *mcx_service_name(enum mcx_service s);
/* "application/vnd.3gpp.mcptt-info+xml" and so on. */
const char *mcx_info_media_type(enum mcx_service s);
/* The service of an info body's media type (lower case, no parameters); false when it is none. */
bool mcx_service_of_media_type(const char *type, enum mcx_service *ret);
/* "urn:urn-7:3gpp-service.ims.icsi.mcptt" and so on. */
const char *mcx_icsi(enum mcx_service s);

enum mcx_form { MCX_ABSENT, MCX_NORMAL, MCX_ENCRYPTED };

struct mcx_value {
        enum mcx_form form;
        char *text;          /* MCX_NORMAL; for a token: log it nowhere */
        char *key_name;      /* MCX_ENCRYPTED: KeyName as it stood (base64 of the 4-octet key id), or NULL */
        struct bytes cipher; /* MCX_ENCRYPTED: IV (12), ciphertext, tag (16) */
};

struct mcx_info {
        enum mcx_service service;
        struct mcx_value access_token;
        struct mcx_value client_id; /* any text, need not be urn:uuid (R-SA-69) */
        struct mcx_value request_uri;
        struct mcx_value calling_user_id;
        struct mcx_value calling_group_id;
        struct mcx_value emergency_ind;        /* "true" or "false"; not in mcdata */
        struct mcx_value multiple_devices_ind; /* "true" or "false" */
        char *session_type;                    /* mcptt, mcvideo: plain text, or NULL */
        char *request_type;                    /* mcdata: plain text, or NULL */
};

/* The service follows from root and namespace. An absent params element gives a struct without values.
 * Errors  E_SYNTAX with req R-SA-57 (not XML, wrong root) or R-SA-77 (an element without exactly one child);
 *         E_TOKEN_MALFORMED with R-SA-77 when that element is the token (403 + 101);
 *         E_DECRYPT with R-SA-78 when "Encrypted" holds no EncryptedData or not under AES-128-GCM (403 + 140). */
enum ecode mcx_info_parse(void *mem, struct bytes xml, struct mcx_info **ret, struct err *er);

/* The key that protects elements: kdf_xpk_conf of the CSK (33.180 F.1.4). */
struct mcx_conf_key {
        uint32_t key_id; /* CSK-ID */
        struct xpk_conf key;
};

/* True when an element is encrypted; *ret then is the key id the first of them names. */
bool mcx_info_key_id(const struct mcx_info *in, uint32_t *ret);
/* Decrypts every encrypted element in place (texts on mem). After decryption the wrapper element with its namespace,
 * the wrapper without, and bare text are accepted. Nothing is changed on failure.
 * Errors  E_DECRYPT with R-SA-78: another KeyName, wrong tag, not XML afterwards. */
enum ecode mcx_info_decrypt(void *mem, struct mcx_info *in, const struct mcx_conf_key *key, struct err *er);

/* With protect, every value is printed encrypted (rng gives the IVs); NULL: as it stands in the struct. An
 * MCX_ENCRYPTED value prints its cipher. */
struct mcx_protect {
        const struct mcx_conf_key *key;
        const struct rng *rng;
};
enum ecode mcx_info_print(void *mem, const struct mcx_info *in, const struct mcx_protect *protect, struct bytes *ret,
                          struct err *er);

/* A normal value, for filling structs; text NULL: absent. The text is not copied. */
struct mcx_value mcx_value_of(const char *text);
/* The text of a normal value; NULL otherwise. */
const char *mcx_value_text(const struct mcx_value *v);
bool mcx_value_true(const struct mcx_value *v);

#endif
