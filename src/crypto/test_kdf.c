#include "test/kit/check.h"

#include "crypto/kdf.h"
#include "crypto/uid.h"

static json_t *vectors;
static void *mem;

static const char *str(json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        if (s == NULL)
                fail_msg("vector lacks %s", key);
        return s;
}

static struct bytes hex(json_t *o, const char *key)
{
        return vector_hex(mem, str(o, key));
}

static uint64_t num(json_t *o, const char *key)
{
        json_t *v = json_object_get(o, key);
        if (!json_is_integer(v))
                fail_msg("vector lacks %s", key);
        return (uint64_t)json_integer_value(v);
}

static uint32_t u32(json_t *o, const char *key)
{
        return (uint32_t)strtoul(str(o, key), NULL, 16);
}

static struct mc_key mc_key_of(struct bytes in)
{
        struct mc_key k;
        assert_int_equal(in.n, sizeof k.b);
        memcpy(k.b, in.p, sizeof k.b);
        return k;
}

static struct key_period period_of(json_t *o)
{
        return (struct key_period){ .period = num(o, "period"), .offset = num(o, "offset") };
}

/* R-KMS-10, R-KMS-11 */
static void test_uid(void **state)
{
        (void)state;
        size_t i;
        json_t *v;
        assert_int_equal(json_array_size(json_object_get(vectors, "uid")), 11);
        json_array_foreach(json_object_get(vectors, "uid"), i, v)
        {
                struct uid u;
                CHECK_OK(uid_make(bytes_str(str(v, "uri")), bytes_str(str(v, "kms_uri")), period_of(v),
                                  num(v, "key_period_no"), &u, NULL));
                CHECK_BYTES(str(v, "note"), uid_bytes(&u), hex(v, "uid_hex"));
                assert_string_equal(b64_encode(mem, uid_bytes(&u)), str(v, "uid_base64"));
        }
        struct uid u;
        CHECK_E(E_RANGE, uid_make(BYTES_LIT(""), BYTES_LIT("k"), (struct key_period){ 10, 0 }, 1, &u, NULL));
        CHECK_E(E_RANGE, uid_make(BYTES_LIT("a"), bytes_of(mem, 65536), (struct key_period){ 10, 0 }, 1, &u, NULL));
}

/* R-KMS-11, R-KMS-25 */
static void test_period_number(void **state)
{
        (void)state;
        size_t i;
        json_t *v;
        uint64_t no;
        json_array_foreach(json_object_get(vectors, "period_number"), i, v)
        {
                CHECK_OK(key_period_no(period_of(v), num(v, "ntp_seconds"), &no, NULL));
                assert_int_equal(no, num(v, "key_period_no"));
        }
        json_array_foreach(json_object_get(vectors, "keyprov_time_path"), i, v)
        {
                uint64_t start;
                CHECK_OK(key_period_start(period_of(v), num(v, "key_period_no"), &start, NULL));
                assert_int_equal(start, num(v, "start_ntp_seconds"));
        }
        /* the last second of NTP era 0 and the first of era 1 */
        struct key_period minute = { 64, 0 };
        CHECK_OK(key_period_no(minute, UINT64_C(0xffffffff), &no, NULL));
        assert_int_equal(no, UINT64_C(0x3ffffff));
        CHECK_OK(key_period_no(minute, UINT64_C(0x100000000), &no, NULL));
        assert_int_equal(no, UINT64_C(0x4000000));
        CHECK_E(E_RANGE, key_period_start(minute, UINT64_MAX / 2, &no, NULL));
}

/* R-KMS-12 */
static void test_period_refused(void **state)
{
        (void)state;
        static const struct key_period bad[] = { { 0, 0 }, { 10, 10 }, { 10, 11 } };
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct err er;
                uint64_t no;
                CHECK_E(E_RANGE, key_period_check(bad[i], &er));
                assert_string_equal(er.req, "R-KMS-12");
                CHECK_E(E_RANGE, key_period_no(bad[i], 1000, &no, NULL));
                CHECK_E(E_RANGE, key_period_start(bad[i], 1, &no, NULL));
        }
        uint64_t no;
        CHECK_OK(key_period_check((struct key_period){ 10, 9 }, NULL));
        CHECK_E(E_RANGE, key_period_no((struct key_period){ 10, 9 }, 8, &no, NULL));
}

/* The function of the catalogue that fits the code must give what the bare KDF gives, cut. */
static void check_named(json_t *v, uint8_t fc, const struct bytes *p)
{
        struct mc_key k = mc_key_of(hex(v, "key"));
        if (fc == KDF_FC_USER_SALT) {
                uint32_t salt;
                CHECK_OK(kdf_user_salt(&k, p[0], &salt));
                assert_int_equal(salt, strtoul(str(v, "lsb28"), NULL, 16));
                return;
        }
        const struct bytes id4 = fc == KDF_FC_DPCK ? p[0] : p[1];
        assert_int_equal(id4.n, 4);
        uint32_t id = (uint32_t)id4.p[0] << 24 | (uint32_t)id4.p[1] << 16 | (uint32_t)id4.p[2] << 8 | id4.p[3];
        struct xpk_conf conf;
        struct xpk_int integ;
        struct dpck dpck;
        switch (fc) {
        case KDF_FC_XPK_CONF:
                CHECK_OK(kdf_xpk_conf(&k, id, p[0], &conf));
                CHECK_BYTES("xpk_conf", BYTES_ARR(conf.b), hex(v, "lsb128"));
                break;
        case KDF_FC_XPK_INT:
                CHECK_OK(kdf_xpk_int(&k, id, p[0], &integ));
                CHECK_BYTES("xpk_int", BYTES_ARR(integ.b), hex(v, "lsb128"));
                break;
        default: CHECK_OK(kdf_dpck(&k, id, &dpck)); CHECK_BYTES("dpck", BYTES_ARR(dpck.b), hex(v, "lsb128"));
        }
}

/* R-KMS-116 */
static void test_kdf(void **state)
{
        (void)state;
        size_t i, j;
        json_t *v, *p;
        json_array_foreach(json_object_get(vectors, "kdf"), i, v)
        {
                struct bytes params[4];
                size_t n = 0;
                json_array_foreach(json_object_get(v, "P"), j, p) params[n++] = vector_hex(mem, json_string_value(p));
                uint8_t fc = (uint8_t)strtoul(str(v, "FC"), NULL, 16), out[SHA256_LEN];
                CHECK_OK(kdf_3gpp(hex(v, "key"), fc, params, n, out));
                CHECK_BYTES(str(v, "note"), BYTES_ARR(out), hex(v, "output"));
                check_named(v, fc, params);
        }
        json_array_foreach(json_object_get(vectors, "guk_id"), i, v)
        {
                struct mc_key gmk = mc_key_of(hex(v, "gmk"));
                struct bytes id = bytes_str(str(v, "mc_service_id"));
                uint32_t guk, back;
                CHECK_OK(kdf_guk_id(&gmk, u32(v, "gmk_id"), id, &guk));
                assert_int_equal(guk, u32(v, "guk_id"));
                CHECK_OK(kdf_guk_id(&gmk, guk, id, &back));
                assert_int_equal(back, u32(v, "gmk_id"));
        }
        uint8_t out[SHA256_LEN];
        const struct bytes huge = bytes_of(mem, 65536);
        CHECK_E(E_RANGE, kdf_3gpp(BYTES_LIT("k"), 1, &huge, 1, out));
}

/* 33.180 F.1.4 on the service-authorisation side: the same function with another key */
static void test_xpk(void **state)
{
        (void)state;
        struct mc_key xpk = mc_key_of(vector_hex(mem, "000102030405060708090a0b0c0d0e0f"));
        struct xpk_conf c;
        struct xpk_int i;
        CHECK_OK(kdf_xpk_conf(&xpk, 0x2a5b6c7d, BYTES_LIT("sip:alice@mc.example"), &c));
        CHECK_BYTES("FC 51", BYTES_ARR(c.b), vector_hex(mem, "c94056e09f3aea46d280f5954a3092b1"));
        CHECK_OK(kdf_xpk_int(&xpk, 0x2a5b6c7d, BYTES_LIT("sip:alice@mc.example"), &i));
        CHECK_BYTES("FC 52", BYTES_ARR(i.b), vector_hex(mem, "ed83d497490e02fae178b00f17a1f837"));
        /* the encrypted element of an MCPTT info body under that key: IV || ciphertext || tag */
        struct bytes value, plain = BYTES_LIT("<mcpttString xmlns=\"urn:3gpp:ns:mcpttInfo:1.0\">TOKEN</mcpttString>");
        CHECK_OK(b64_decode(mem,
                            BYTES_LIT("AAECAwQFBgcICQoLA+/clwwEvpK58sORFqSweY7iSenw/"
                                      "dj5d2IfWjlmFe9iSpC80yVQ77q0/yuav9lqhkjkgsKk1STjalccjJO8STJzEF+"
                                      "2E1JmPKIwze/Ue0tkRg=="),
                            &value));
        uint8_t out[128], tag[GCM_TAG_LEN];
        assert_int_equal(value.n, 12 + plain.n + GCM_TAG_LEN);
        struct bytes iv = bytes_of(value.p, 12), cipher = bytes_of(value.p + 12, plain.n);
        struct bytes none = { 0 }, want_tag = bytes_of(value.p + 12 + plain.n, GCM_TAG_LEN);
        CHECK_OK(aes128_gcm_open(c.b, iv, none, cipher, want_tag, out));
        CHECK_BYTES("plain", bytes_of(out, plain.n), plain);
        CHECK_OK(aes128_gcm_seal(c.b, iv, none, plain, out, tag));
        CHECK_BYTES("cipher", bytes_of(out, plain.n), cipher);
        CHECK_BYTES("tag", BYTES_ARR(tag), want_tag);
}

/* R-KMS-116 */
static void test_mikey_prf(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                enum mikey_use use;
        } uses[] = { { "TEK", MIKEY_TEK }, { "SALT", MIKEY_SALT }, { "ENCR", MIKEY_ENCR }, { "AUTH", MIKEY_AUTH } };
        size_t i;
        json_t *v;
        json_array_foreach(json_object_get(vectors, "mikey_prf_hmac_sha256"), i, v)
        {
                uint8_t out[64];
                size_t n = num(v, "out_octets");
                CHECK_OK(mikey_prf(hex(v, "inkey"), hex(v, "label"), out, n));
                CHECK_BYTES(str(v, "note"), bytes_of(out, n), hex(v, "output"));
                struct mc_key k = mc_key_of(hex(v, "inkey"));
                bool found = false;
                for (size_t u = 0; u < COUNT(uses); u++) {
                        if (strcmp(uses[u].name, str(v, "type")) != 0)
                                continue;
                        found = true;
                        CHECK_OK(mikey_derive(&k, uses[u].use, (uint8_t)num(v, "cs_id"), u32(v, "csb_id"),
                                              hex(v, "rand"), out, n));
                        CHECK_BYTES(str(v, "type"), bytes_of(out, n), hex(v, "output"));
                }
                assert_true(found);
        }
        /* Long output starts with short output; a second block of inkey matters. */
        uint8_t a[16], b[70], c[70], key[40] = { 1 };
        CHECK_OK(mikey_prf(bytes_of(key, 32), BYTES_LIT("label"), a, sizeof a));
        CHECK_OK(mikey_prf(bytes_of(key, 32), BYTES_LIT("label"), b, sizeof b));
        CHECK_OK(mikey_prf(bytes_of(key, 40), BYTES_LIT("label"), c, sizeof c));
        assert_memory_equal(a, b, sizeof a);
        assert_memory_not_equal(b, c, sizeof b);
        CHECK_E(E_RANGE, mikey_prf(bytes_of(key, 0), BYTES_LIT("label"), a, sizeof a));
}

static void test_gcm_refuses(void **state)
{
        (void)state;
        const uint8_t key[16] = { 1 }, iv[16] = { 2 };
        uint8_t cipher[20], tag[GCM_TAG_LEN], out[20];
        struct bytes aad = BYTES_LIT("header"), plain = BYTES_LIT("twenty octets of txt");
        CHECK_OK(aes128_gcm_seal(key, BYTES_ARR(iv), aad, plain, cipher, tag));
        CHECK_OK(aes128_gcm_open(key, BYTES_ARR(iv), aad, BYTES_ARR(cipher), BYTES_ARR(tag), out));
        CHECK_BYTES("plain", BYTES_ARR(out), plain);
        CHECK_E(E_DECRYPT,
                aes128_gcm_open(key, BYTES_ARR(iv), BYTES_LIT("Header"), BYTES_ARR(cipher), BYTES_ARR(tag), out));
        static const uint8_t zero[20];
        assert_memory_equal(out, zero, sizeof out);
        CHECK_E(E_SHORT, aes128_gcm_open(key, BYTES_ARR(iv), aad, BYTES_ARR(cipher), bytes_of(tag, 15), out));
        CHECK_E(E_RANGE, aes128_gcm_open(key, bytes_of(iv, 0), aad, BYTES_ARR(cipher), BYTES_ARR(tag), out));
        tag[15] ^= 1;
        CHECK_E(E_DECRYPT, aes128_gcm_open(key, BYTES_ARR(iv), aad, BYTES_ARR(cipher), BYTES_ARR(tag), out));
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_zero_size(NULL, 65536);
        vectors = vector_json(mem, "mikey-3gpp.json");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_decref(vectors);
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_uid),         cmocka_unit_test(test_period_number),
                cmocka_unit_test(test_kdf),         cmocka_unit_test(test_period_refused),
                cmocka_unit_test(test_xpk),         cmocka_unit_test(test_mikey_prf),
                cmocka_unit_test(test_gcm_refuses),
        };
        return cmocka_run_group_tests_name("kdf", tests, set_up, tear_down);
}
