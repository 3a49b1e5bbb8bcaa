/* The KMS provisioning documents of TS 33.180 annex D: KmsRequest (D.2.2), KmsResponse (D.3), the KMS certificate
 * (D.3.2.2) and the user key set (D.3.3.2), as structs and as XML.
 *
 * Whether KmsUri is ours, ClientReqUrl is the address asked and Time is recent (R-KMS-50..52) is decided by the role:
 * these are only carried here, octet for octet (R-KMS-13, R-KMS-14). Times are seconds since 1970. */
#ifndef MUSTER_PROTO_KMS_KMS_H
#define MUSTER_PROTO_KMS_KMS_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/uid.h"

#define KMS_NS         "urn:3gpp:ns:mcsecKMSInterface:1.0"
#define KMS_MEDIA_TYPE "application/xml"
#define KMS_BASE_PATH  "/keymanagement/identity/v1/" /* D.2.1 */

#define KMS_TIME_NONE INT64_MIN /* the optional date is absent */

#define KMS_PUB_ENC_LEN  257u
#define KMS_PUB_AUTH_LEN 65u
#define KMS_RSK_LEN      257u
#define KMS_SSK_LEN      32u
#define KMS_PVT_LEN      65u

/* KmsError, ClientError. */
struct kms_fault {
        int64_t code; /* the HTTP status in our answers */
        char *msg;
};

struct kms_request {
        char *id;      /* attribute Id, or NULL */
        char *version; /* "1.1.0" or "1.0.0" (R-KMS-56); NULL when printing: 1.1.0 */
        char *user_uri, *kms_uri, *client_req_url;
        int64_t time_s;
        char *client_id, *device_id;    /* or NULL */
        char *trk_id, *signature_id;    /* read in any namespace; or NULL; never printed */
        struct kms_fault *client_error; /* or NULL */
        bool has_krr_list;              /* its content is not read */
        bool is_signed;                 /* came as SignedKmsRequest; whether the signature holds: kms_sig.h */
};

enum kms_role { KMS_ROLE_ROOT, KMS_ROLE_EXTERNAL };

struct kms_cert {
        char *id; /* or NULL */
        enum kms_role role;
        bool is_security_gateway;
        char *cert_uri; /* or NULL; a newly received certificate of the same name replaces the older (5.3.5) */
        char *kms_uri;
        char *issuer;                 /* or NULL */
        int64_t valid_from, valid_to; /* or KMS_TIME_NONE */
        bool revoked;
        char *user_id_format;         /* "2": the hashed UID of F.2.1 */
        struct key_period key_period; /* UserKeyPeriod, UserKeyOffset: checked as F.2.1.1 asks */
        struct bytes pub_enc_key;     /* Z, 257 octets starting 04 */
        struct bytes pub_auth_key;    /* KPAK, 65 octets starting 04 */
        int64_t parameter_set;        /* 1, also where absent */
        char **domains;
        size_t domains_n;
};

/* A key value in clear (D.3.5.1 KeyContentType) or wrapped under a TrK (EncKeyContentType, kw-aes256). Of plain and
 * wrapped exactly one has octets. */
struct kms_key {
        struct bytes plain;   /* wiped when its context is freed, where parsed */
        struct bytes wrapped; /* the CipherValue */
        char *trk_name;       /* with wrapped; or NULL */
};

struct kms_key_set {
        char *id;                                     /* or NULL */
        char *kms_uri, *cert_uri, *issuer, *user_uri; /* cert_uri and issuer may be NULL */
        struct uid user_id;                           /* base64 or hex on the wire (R-KMS-131) */
        int64_t valid_from, valid_to;                 /* or KMS_TIME_NONE */
        uint64_t key_period_no;
        bool revoked;
        struct kms_key decrypt_key;     /* RSK, 257 octets */
        struct kms_key signing_key_ssk; /* 32 octets */
        struct kms_key pub_token_pvt;   /* 65 octets */
};

enum kms_content { KMS_EMPTY, KMS_INIT, KMS_KEYPROV, KMS_CERTCACHE, KMS_ERROR };

struct kms_response {
        char *id; /* or NULL; printed as "xmldoc" then */
        char *user_uri, *kms_uri;
        int64_t time_s;
        char *kms_id; /* or NULL */
        char *client_req_url;
        enum kms_content content;
        struct kms_cert *certs; /* KMS_INIT: exactly one. KMS_CERTCACHE: any number */
        size_t certs_n;
        bool has_cache_num; /* KMS_CERTCACHE */
        int64_t cache_num;
        struct kms_key_set *sets; /* KMS_KEYPROV: any number */
        size_t sets_n;
        struct kms_key *new_trk, *new_ink; /* KMS_INIT and KMS_KEYPROV: wrapped keys, any number */
        size_t new_trk_n, new_ink_n;
        struct kms_fault error; /* KMS_ERROR */
        bool is_signed;         /* came as SignedKmsResponse */
};

/* An empty body is no document: the caller looks first (R-KMS-23). KmsRequest or SignedKmsRequest.
 * Errors  E_SYNTAX (R-KMS-54, 55: not XML, wrong root or namespace, wrong value), E_MISSING, E_DUPLICATE, E_LONG. */
enum ecode kms_request_parse(void *mem, struct bytes xml, struct kms_request **ret, struct err *er);
enum ecode kms_request_print(void *mem, const struct kms_request *rq, struct bytes *ret, struct err *er);

/* As above. Key lengths and first octets are checked, curve membership is not (src/crypto does). */
enum ecode kms_response_parse(void *mem, struct bytes xml, struct kms_response **ret, struct err *er);

struct kms_print_opts {
        bool user_id_hex; /* UserID as lower-case hex; base64 otherwise */
};
/* Refuses (E_RANGE, E_MISSING) what would not be schema-valid (R-KMS-16). opts may be NULL.
 * The caller answers KMS_ERROR with a status other than 200 (R-KMS-61): kms_http_status. */
enum ecode kms_response_print(void *mem, const struct kms_response *rs, const struct kms_print_opts *opts,
                              struct bytes *ret, struct err *er);
/* 200, or the error's code where that is a status from 400 to 599, else 500. */
int kms_http_status(const struct kms_response *rs);

/* One certificate as a document of its own, root KmsCertificate (for stores and for exchange between partners). */
enum ecode kms_cert_parse(void *mem, struct bytes xml, struct kms_cert **ret, struct err *er);
enum ecode kms_cert_print(void *mem, const struct kms_cert *c, struct bytes *ret, struct err *er);

/* The <time> of a keyprov path: 16 hex digits, 32 bits NTP seconds and 32 bits fraction (D.2.4, R-KMS-57). The era is
 * the one nearest to now_s. E_SYNTAX. */
enum ecode kms_time_path_parse(struct bytes text, int64_t now_s, int64_t *ret_unix_s);
/* Upper case, fraction 0. ret holds 17 octets. */
void kms_time_path_print(int64_t unix_s, char ret[17]);

#endif
