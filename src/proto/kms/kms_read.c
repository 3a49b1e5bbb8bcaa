#include <talloc.h>

#include "base/codec.h"
#include "base/secret.h"
#include "proto/kms/kms_internal.h"

static void read_point(struct xmlr *r, const struct xml_node *n, const char *name, size_t len, struct bytes *ret)
{
        char *text = xmlr_text(r, n, name);
        if (text == NULL)
                return;
        if (hex_decode(r->mem, bytes_str(text), ret) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, name, "is no hexBinary");
        else if (ret->n != len || ret->p[0] != 0x04)
                xmlr_fail(r, E_RANGE, n, name, "is no uncompressed point of its curve's length");
        talloc_free(text);
}

static void read_key_period(struct xmlr *r, const struct xml_node *n, struct key_period *ret)
{
        int64_t period = xmlr_i64(r, n, "UserKeyPeriod");
        int64_t offset = xmlr_i64(r, n, "UserKeyOffset");
        if (r->e != E_OK)
                return;
        if (period <= 0 || offset < 0 || offset >= period) /* F.2.1.1 */
                xmlr_fail(r, E_RANGE, n, "UserKeyPeriod", "is not above UserKeyOffset, or one is negative");
        *ret = (struct key_period){ (uint64_t)period, (uint64_t)offset };
}

void kms_read_cert(struct xmlr *r, const struct xml_node *n, struct kms_cert *c)
{
        char *role = xmlr_attr(r, n, "Role");
        if (role != NULL && strcmp(role, "Root") != 0 && strcmp(role, "External") != 0)
                xmlr_fail(r, E_SYNTAX, n, "Role", "is neither Root nor External");
        c->role = role != NULL && strcmp(role, "External") == 0 ? KMS_ROLE_EXTERNAL : KMS_ROLE_ROOT;
        c->id = xmlr_opt_attr(r, n, "Id");
        char *gateway = xmlr_opt_attr(r, n, "IsSecurityGateway");
        if (gateway != NULL && xml_parse_bool(gateway, &c->is_security_gateway) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, "IsSecurityGateway", "is neither true nor false");
        c->cert_uri = xmlr_opt_text(r, n, "CertUri");
        c->kms_uri = xmlr_text(r, n, "KmsUri");
        c->issuer = xmlr_opt_text(r, n, "Issuer");
        c->valid_from = kms_read_time(r, n, "ValidFrom", KMS_TIME_NONE);
        c->valid_to = kms_read_time(r, n, "ValidTo", KMS_TIME_NONE);
        c->revoked = xmlr_bool_or(r, n, "Revoked", false);
        c->user_id_format = xmlr_text(r, n, "UserIdFormat");
        read_key_period(r, n, &c->key_period);
        read_point(r, n, "PubEncKey", KMS_PUB_ENC_LEN, &c->pub_enc_key);
        read_point(r, n, "PubAuthKey", KMS_PUB_AUTH_LEN, &c->pub_auth_key);
        c->parameter_set = xmlr_i64_or(r, n, "ParameterSet", 1);
        c->domains = xmlr_texts(r, xmlr_opt_node(r, n, "KmsDomainList"), "KmsDomain", KMS_DOMAINS_MAX, &c->domains_n);
}

enum ecode kms_cert_parse(void *mem, struct bytes xml, struct kms_cert **ret, struct err *er)
{
        struct kms_cert *c = talloc_zero(mem, struct kms_cert);
        struct xml *x = NULL;
        enum ecode e = c == NULL ? err_set(er, E_NOMEM, NULL, "KmsCertificate") : xml_parse(c, xml, NULL, &x, er);
        if (e == E_OK) {
                struct xmlr r = { .mem = c, .ns = KMS_NS, .req = "R-KMS-55", .er = er };
                bool is_signed;
                const struct xml_node *n = kms_open(&r, x, "KmsCertificate", "SignedKmsCertificate", &is_signed);
                kms_read_cert(&r, n, c);
                e = r.e;
        }
        talloc_free(x);
        if (e != E_OK)
                talloc_free(c);
        else
                *ret = c;
        return e;
}

/* CipherValue is base64; one make of KMS writes hex (annex D leaves the value to XML Encryption, which says base64). */
static void read_cipher(struct xmlr *r, const struct xml_node *n, struct kms_key *ret)
{
        char *text = xmlr_text(r, n, "CipherValue");
        if (text == NULL)
                return;
        if (hex_decode(r->mem, bytes_str(text), &ret->wrapped) != E_OK &&
            b64_decode(r->mem, bytes_str(text), &ret->wrapped) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, "CipherValue", "is no base64");
        else if (ret->wrapped.n < 16 || ret->wrapped.n > 512 || ret->wrapped.n % 8 != 0)
                xmlr_fail(r, E_RANGE, n, "CipherValue", "has a length that key wrapping does not make");
}

static void read_wrapped(struct xmlr *outer, const struct xml_node *enc, struct kms_key *ret)
{
        struct xmlr r = *outer;
        r.ns = KMS_XENC_NS;
        const struct xml_node *method = xmlr_node(&r, enc, "EncryptionMethod");
        char *alg = method != NULL ? xmlr_attr(&r, method, "Algorithm") : NULL;
        if (alg != NULL && strcmp(alg, KMS_KW_ALG) != 0)
                xmlr_fail(&r, E_UNSUPPORTED, method, "EncryptionMethod", "is not kw-aes256");
        read_cipher(&r, xmlr_node(&r, enc, "CipherData"), ret);
        r.ns = KMS_DS_NS;
        ret->trk_name = xmlr_opt_text(&r, xmlr_opt_node(&r, enc, "KeyInfo"), "KeyName");
        outer->e = r.e;
}

static void read_plain(struct xmlr *r, const struct xml_node *n, size_t len, struct kms_key *ret)
{
        char *text = xml_text(NULL, n);
        size_t digits = text != NULL ? strlen(text) : 0;
        uint8_t *key = secret_alloc(r->mem, len);
        if (text == NULL || key == NULL)
                xmlr_fail(r, E_NOMEM, n, xml_name(n), "does not fit into memory");
        else if (hex_decode_to(bytes_str(text), key, len) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, xml_name(n), "is no hexBinary of its length");
        else
                ret->plain = bytes_of(key, len);
        if (text != NULL)
                secret_wipe(text, digits);
        talloc_free(text);
}

void kms_read_key(struct xmlr *r, const struct xml_node *n, size_t len, struct kms_key *ret)
{
        if (n == NULL || r->e != E_OK)
                return;
        const struct xml_node *enc = xml_first(n, KMS_XENC_NS, "EncryptedKey");
        char *type = xml_attr(r->mem, n, KMS_XSI_NS, "type");
        const char *colon = type != NULL ? strchr(type, ':') : NULL;
        const char *local = colon != NULL ? colon + 1 : type;
        if (local != NULL && strcmp(local, "KeyContentType") != 0 && strcmp(local, "EncKeyContentType") != 0)
                xmlr_fail(r, E_UNSUPPORTED, n, xml_name(n), "has an unknown xsi:type");
        else if (local != NULL && (strcmp(local, "EncKeyContentType") == 0) != (enc != NULL))
                xmlr_fail(r, E_SYNTAX, n, xml_name(n), "is not what its xsi:type says");
        else if (enc != NULL)
                read_wrapped(r, enc, ret);
        else
                read_plain(r, n, len, ret);
        talloc_free(type);
}

/* base64 of 32 octets has 44 characters and ends in '=', hex has 64: they cannot be mistaken (R-KMS-131). */
static void read_user_id(struct xmlr *r, const struct xml_node *n, struct uid *ret)
{
        char *text = xmlr_text(r, n, "UserID");
        struct bytes b = { 0 };
        if (text == NULL)
                return;
        if (hex_decode(r->mem, bytes_str(text), &b) != E_OK && b64_decode(r->mem, bytes_str(text), &b) != E_OK)
                xmlr_fail(r, E_SYNTAX, n, "UserID", "is neither base64 nor hex");
        else if (b.n != sizeof ret->b)
                xmlr_fail(r, E_RANGE, n, "UserID", "has not 32 octets");
        else
                memcpy(ret->b, b.p, b.n);
        talloc_free(text);
}

void kms_read_key_set(struct xmlr *r, const struct xml_node *n, struct kms_key_set *s)
{
        s->id = xmlr_opt_attr(r, n, "Id");
        s->kms_uri = xmlr_text(r, n, "KmsUri");
        s->cert_uri = xmlr_opt_text(r, n, "CertUri");
        s->issuer = xmlr_opt_text(r, n, "Issuer");
        s->user_uri = xmlr_text(r, n, "UserUri");
        read_user_id(r, n, &s->user_id);
        s->valid_from = kms_read_time(r, n, "ValidFrom", KMS_TIME_NONE);
        s->valid_to = kms_read_time(r, n, "ValidTo", KMS_TIME_NONE);
        int64_t no = xmlr_i64(r, n, "KeyPeriodNo");
        if (no < 0)
                xmlr_fail(r, E_RANGE, n, "KeyPeriodNo", "is negative");
        s->key_period_no = (uint64_t)no;
        s->revoked = xmlr_bool_or(r, n, "Revoked", false);
        kms_read_key(r, xmlr_node(r, n, "UserDecryptKey"), KMS_RSK_LEN, &s->decrypt_key);
        kms_read_key(r, xmlr_node(r, n, "UserSigningKeySSK"), KMS_SSK_LEN, &s->signing_key_ssk);
        kms_read_key(r, xmlr_node(r, n, "UserPubTokenPVT"), KMS_PVT_LEN, &s->pub_token_pvt);
}
