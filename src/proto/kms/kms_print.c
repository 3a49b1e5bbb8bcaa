#include <ctype.h>
#include <talloc.h>

#include "base/codec.h"
#include "base/secret.h"
#include "proto/kms/kms_internal.h"

/* xs:hexBinary, upper case as its canonical form is (XML Schema part 2, 3.2.15). */
static void write_hex(struct xmlw *w, struct bytes in)
{
        char *hex = hex_encode(w->b.mem, in);
        if (hex == NULL) {
                w->b.failed = true;
                return;
        }
        for (char *c = hex; *c != 0; c++)
                *c = (char)toupper((unsigned char)*c);
        xmlw_text(w, hex);
        secret_wipe(hex, strlen(hex));
        talloc_free(hex);
}

static void write_hex_leaf(struct xmlw *w, const char *name, struct bytes in)
{
        xmlw_start(w, name);
        write_hex(w, in);
        xmlw_end(w);
}

static bool point_ok(struct bytes p, size_t n)
{
        return p.n == n && p.p[0] == 0x04;
}

/* R-KMS-15 */
enum ecode kms_check_cert(const struct kms_cert *c, struct err *er)
{
        if (c->kms_uri == NULL)
                return err_set(er, E_MISSING, "R-KMS-16", "KmsUri of a certificate");
        if (c->user_id_format == NULL || strcmp(c->user_id_format, "2") != 0 || c->parameter_set != 1)
                return err_set(er, E_RANGE, "R-KMS-15", "UserIdFormat is not 2, or ParameterSet not 1");
        if (!point_ok(c->pub_enc_key, KMS_PUB_ENC_LEN) || !point_ok(c->pub_auth_key, KMS_PUB_AUTH_LEN))
                return err_set(er, E_RANGE, "R-KMS-15", "PubEncKey or PubAuthKey is no uncompressed point");
        if (c->key_period.period == 0 || c->key_period.offset >= c->key_period.period ||
            c->key_period.period > INT64_MAX)
                return err_set(er, E_RANGE, "R-KMS-12", "UserKeyOffset is not below UserKeyPeriod");
        return E_OK;
}

void kms_write_cert(struct xmlw *w, const struct kms_cert *c, bool is_root)
{
        xmlw_start(w, "KmsCertificate");
        xmlw_attr(w, "xmlns", is_root ? KMS_NS : NULL);
        xmlw_attr(w, "Id", c->id);
        xmlw_attr(w, "Version", "1.1.0");
        xmlw_attr(w, "Role", c->role == KMS_ROLE_ROOT ? "Root" : "External");
        xmlw_attr(w, "IsSecurityGateway", c->is_security_gateway ? "true" : NULL);
        xmlw_leaf(w, "CertUri", c->cert_uri);
        xmlw_leaf(w, "KmsUri", c->kms_uri);
        xmlw_leaf(w, "Issuer", c->issuer);
        kms_write_time(w, "ValidFrom", c->valid_from);
        kms_write_time(w, "ValidTo", c->valid_to);
        xmlw_leaf_bool(w, "Revoked", c->revoked);
        xmlw_leaf(w, "UserIdFormat", c->user_id_format);
        xmlw_leaf_i64(w, "UserKeyPeriod", (int64_t)c->key_period.period);
        xmlw_leaf_i64(w, "UserKeyOffset", (int64_t)c->key_period.offset);
        write_hex_leaf(w, "PubEncKey", c->pub_enc_key);
        write_hex_leaf(w, "PubAuthKey", c->pub_auth_key);
        xmlw_leaf_i64(w, "ParameterSet", c->parameter_set);
        if (c->domains_n > 0) {
                xmlw_start(w, "KmsDomainList");
                for (size_t i = 0; i < c->domains_n; i++)
                        xmlw_leaf(w, "KmsDomain", c->domains[i]);
                xmlw_end(w);
        }
        xmlw_end(w);
}

enum ecode kms_cert_print(void *mem, const struct kms_cert *c, struct bytes *ret, struct err *er)
{
        enum ecode e = kms_check_cert(c, er);
        if (e != E_OK)
                return e;
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        kms_write_cert(&w, c, true);
        return xmlw_done(&w, ret, er);
}

static void write_wrapped(struct xmlw *w, const struct kms_key *k)
{
        char *text = b64_encode(w->b.mem, k->wrapped);
        xmlw_start(w, "xenc:EncryptedKey");
        xmlw_attr(w, "xmlns:xenc", KMS_XENC_NS);
        xmlw_start(w, "xenc:EncryptionMethod");
        xmlw_attr(w, "Algorithm", KMS_KW_ALG);
        xmlw_end(w);
        if (k->trk_name != NULL) {
                xmlw_start(w, "ds:KeyInfo");
                xmlw_attr(w, "xmlns:ds", KMS_DS_NS);
                xmlw_leaf(w, "ds:KeyName", k->trk_name);
                xmlw_end(w);
        }
        xmlw_start(w, "xenc:CipherData");
        xmlw_leaf(w, "xenc:CipherValue", text);
        xmlw_end(w);
        xmlw_end(w);
}

/* R-KMS-16: the schema's type is abstract, so xsi:type has to stand. */
static void write_key(struct xmlw *w, const char *name, const struct kms_key *k)
{
        xmlw_start(w, name);
        xmlw_attr(w, "xsi:type", k->wrapped.n > 0 ? "EncKeyContentType" : "KeyContentType");
        if (k->wrapped.n > 0)
                write_wrapped(w, k);
        else
                write_hex(w, k->plain);
        xmlw_end(w);
}

static void write_key_set(struct xmlw *w, const struct kms_key_set *s, bool hex)
{
        xmlw_start(w, "KmsKeySet");
        xmlw_attr(w, "Id", s->id);
        xmlw_attr(w, "Version", "1.1.0");
        xmlw_leaf(w, "KmsUri", s->kms_uri);
        xmlw_leaf(w, "CertUri", s->cert_uri);
        xmlw_leaf(w, "Issuer", s->issuer);
        xmlw_leaf(w, "UserUri", s->user_uri);
        xmlw_leaf(w, "UserID",
                  hex ? hex_encode(w->b.mem, uid_bytes(&s->user_id)) : b64_encode(w->b.mem, uid_bytes(&s->user_id)));
        kms_write_time(w, "ValidFrom", s->valid_from);
        kms_write_time(w, "ValidTo", s->valid_to);
        xmlw_leaf_i64(w, "KeyPeriodNo", (int64_t)s->key_period_no);
        xmlw_leaf_bool(w, "Revoked", s->revoked);
        write_key(w, "UserDecryptKey", &s->decrypt_key);
        write_key(w, "UserSigningKeySSK", &s->signing_key_ssk);
        write_key(w, "UserPubTokenPVT", &s->pub_token_pvt);
        xmlw_end(w);
}

static bool key_ok(const struct kms_key *k, size_t len)
{
        return k->wrapped.n > 0 ? k->plain.n == 0 : k->plain.n == len;
}

static enum ecode check_sets(const struct kms_response *rs, struct err *er)
{
        for (size_t i = 0; i < rs->sets_n; i++) {
                const struct kms_key_set *s = &rs->sets[i];
                if (s->kms_uri == NULL || s->user_uri == NULL)
                        return err_set(er, E_MISSING, "R-KMS-16", "KmsUri or UserUri of a key set");
                if (strcmp(s->kms_uri, rs->kms_uri) != 0)
                        return err_set(er, E_RANGE, "R-KMS-13", "KmsUri differs between key set and response");
                if (!key_ok(&s->decrypt_key, KMS_RSK_LEN) || !key_ok(&s->signing_key_ssk, KMS_SSK_LEN) ||
                    !key_ok(&s->pub_token_pvt, KMS_PVT_LEN))
                        return err_set(er, E_RANGE, "R-KMS-16", "a key of a key set has not its length");
        }
        return E_OK;
}

static enum ecode check_response(const struct kms_response *rs, struct err *er)
{
        if (rs->user_uri == NULL || rs->kms_uri == NULL || rs->client_req_url == NULL || rs->time_s == KMS_TIME_NONE)
                return err_set(er, E_MISSING, "R-KMS-16", "UserUri, KmsUri, Time or ClientReqUrl of the response");
        if (rs->content == KMS_INIT && rs->certs_n != 1)
                return err_set(er, E_RANGE, "R-KMS-16", "KmsInit holds one certificate, not %zu", rs->certs_n);
        for (size_t i = 0; i < rs->certs_n; i++) {
                enum ecode e = kms_check_cert(&rs->certs[i], er);
                if (e != E_OK)
                        return e;
        }
        if (rs->content == KMS_INIT && strcmp(rs->certs[0].kms_uri, rs->kms_uri) != 0)
                return err_set(er, E_RANGE, "R-KMS-13", "KmsUri differs between certificate and response");
        return check_sets(rs, er);
}

static void write_new_keys(struct xmlw *w, const char *name, const struct kms_key *keys, size_t n)
{
        for (size_t i = 0; i < n; i++)
                write_key(w, name, &keys[i]);
}

static void write_message(struct xmlw *w, const struct kms_response *rs, bool hex)
{
        static const char *const names[] = {
                [KMS_INIT] = "KmsInit", [KMS_KEYPROV] = "KmsKeyProv", [KMS_CERTCACHE] = "KmsCertCache"
        };
        static const char *const types[] = {
                [KMS_INIT] = "KmsInitTkIkType", [KMS_KEYPROV] = "KmsKeyProvTkIkType", [KMS_CERTCACHE] = NULL
        };
        xmlw_start(w, "KmsMessage");
        xmlw_start(w, names[rs->content]);
        xmlw_attr(w, "Version", "1.0.0");
        xmlw_attr(w, "xsi:type", types[rs->content]);
        if (rs->content == KMS_CERTCACHE && rs->has_cache_num)
                xmlw_attr_i64(w, "CacheNum", rs->cache_num);
        for (size_t i = 0; i < rs->certs_n && rs->content != KMS_KEYPROV; i++)
                kms_write_cert(w, &rs->certs[i], false);
        for (size_t i = 0; i < rs->sets_n && rs->content == KMS_KEYPROV; i++)
                write_key_set(w, &rs->sets[i], hex);
        if (rs->content != KMS_CERTCACHE) {
                write_new_keys(w, "NewTransportKey", rs->new_trk, rs->new_trk_n);
                write_new_keys(w, "NewIntegrityKey", rs->new_ink, rs->new_ink_n);
        }
        xmlw_end(w);
        xmlw_end(w);
}

static void write_error(struct xmlw *w, const struct kms_fault *f)
{
        xmlw_start(w, "KmsError");
        xmlw_attr(w, "Version", "1.0.0");
        xmlw_leaf_i64(w, "ErrorCode", f->code);
        xmlw_leaf(w, "ErrorMsg", f->msg != NULL ? f->msg : "");
        xmlw_end(w);
}

enum ecode kms_response_print(void *mem, const struct kms_response *rs, const struct kms_print_opts *opts,
                              struct bytes *ret, struct err *er)
{
        enum ecode e = check_response(rs, er);
        if (e != E_OK)
                return e;
        struct xmlw w = xmlw_on(mem);
        w.pretty = true;
        xmlw_start(&w, "KmsResponse");
        xmlw_attr(&w, "xmlns", KMS_NS);
        xmlw_attr(&w, "xmlns:xsi", KMS_XSI_NS);
        xmlw_attr(&w, "Id", rs->id != NULL ? rs->id : "xmldoc");
        xmlw_attr(&w, "Version", "1.0.0");
        xmlw_leaf(&w, "UserUri", rs->user_uri);
        xmlw_leaf(&w, "KmsUri", rs->kms_uri);
        kms_write_time(&w, "Time", rs->time_s);
        xmlw_leaf(&w, "KmsId", rs->kms_id);
        xmlw_leaf(&w, "ClientReqUrl", rs->client_req_url);
        if (rs->content == KMS_ERROR)
                write_error(&w, &rs->error);
        else if (rs->content != KMS_EMPTY)
                write_message(&w, rs, opts != NULL && opts->user_id_hex);
        xmlw_end(&w);
        return xmlw_done(&w, ret, er);
}
