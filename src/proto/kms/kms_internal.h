/* Shared by the files of this folder only. */
#ifndef MUSTER_PROTO_KMS_KMS_INTERNAL_H
#define MUSTER_PROTO_KMS_KMS_INTERNAL_H

#include "proto/kms/kms.h"
#include "proto/xml/xml_read.h"

#define KMS_XSI_NS  "http://www.w3.org/2001/XMLSchema-instance"
#define KMS_XENC_NS "http://www.w3.org/2001/04/xmlenc#"
#define KMS_DS_NS   "http://www.w3.org/2000/09/xmldsig#"
#define KMS_KW_ALG  "http://www.w3.org/2001/04/xmlenc#kw-aes256"

#define KMS_CERTS_MAX   1000u
#define KMS_DOMAINS_MAX 100u
#define KMS_SETS_MAX    64u

/* The element `name`, which is the root or the one child of `signed_name` (D.2.2, D.3.1). *is_signed tells which. */
const struct xml_node *kms_open(struct xmlr *r, const struct xml *x, const char *name, const char *signed_name,
                                bool *is_signed);
int64_t kms_read_time(struct xmlr *r, const struct xml_node *n, const char *name, int64_t absent);
void kms_read_fault(struct xmlr *r, const struct xml_node *n, struct kms_fault *ret);
void kms_read_cert(struct xmlr *r, const struct xml_node *n, struct kms_cert *ret);
/* len 0: any. */
void kms_read_key(struct xmlr *r, const struct xml_node *n, size_t len, struct kms_key *ret);
void kms_read_key_set(struct xmlr *r, const struct xml_node *n, struct kms_key_set *ret);

void kms_write_time(struct xmlw *w, const char *name, int64_t t);
enum ecode kms_check_cert(const struct kms_cert *c, struct err *er);
void kms_write_cert(struct xmlw *w, const struct kms_cert *c, bool is_root);

#endif
