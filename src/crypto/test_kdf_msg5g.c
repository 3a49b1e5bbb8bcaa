#include "test/kit/vec5g.h"

#include "crypto/kdf_msg5g.h"
#include "crypto/prim.h"

static void *mem;
static json_t *vectors;
static const json_t *profile, *input;
static struct key_kmsg kmsg;
static struct msg5g_prov prov;

#define SUPI BYTES_LIT("imsi-001010000000001")

/* The octets S that the vector lists, under this key, start with `got`. */
static void check_s(const json_t *o, const char *name, struct bytes key, struct bytes got)
{
        uint8_t d[SHA256_LEN];
        CHECK_OK(hmac_sha256(key, vec_hex(mem, o, name), d));
        CHECK_BYTES(name, bytes_of(d, got.n), got);
}

static struct key_kamf kamf_of_vector(void)
{
        struct key_kamf kamf = { 0 };
        vec_to(input, "kamf", kamf.b, sizeof kamf.b);
        return kamf;
}

/* R-5G-2, R-5G-30 */
static void test_kmsg(void **state)
{
        (void)state;
        struct key_kamf kamf = kamf_of_vector();
        struct key_kmsg got;
        struct key_kmsg_prov p;
        CHECK_OK(kdf_kmsg(&kamf, SUPI, prov.kms_id, vec_str(input, "offer"), vec_str(input, "select"), &got));
        CHECK_BYTES("KMSG", BYTES_ARR(got.b), vec_hex(mem, profile, "kmsg"));
        check_s(profile, "S_kmsg", BYTES_ARR(kamf.b), BYTES_ARR(got.b));
        CHECK_OK(kdf_kmsg_prov(&got, &p));
        CHECK_BYTES("PROV", BYTES_ARR(p.b), vec_hex(mem, profile, "kmsg_prov"));
        check_s(profile, "S_kmsg_prov", BYTES_ARR(got.b), BYTES_ARR(p.b));
        CHECK_E(E_SYNTAX,
                kdf_kmsg(&kamf, BYTES_LIT("001010000000001"), prov.kms_id, BYTES_LIT("a"), BYTES_LIT("a"), &got));
}

/* R-5G-31 */
static void test_kmsg_of_others(void **state)
{
        (void)state;
        struct key_kamf kamf = kamf_of_vector();
        struct key_kmsg got;
        const json_t *v = vec_get(vec_get(vectors, "negative"), "kmsg_other_kms_id");
        CHECK_OK(kdf_kmsg(&kamf, SUPI, vec_str(v, "kms_id"), vec_str(input, "offer"), vec_str(input, "select"), &got));
        CHECK_BYTES("other key server", BYTES_ARR(got.b), vec_hex(mem, v, "kmsg"));
        assert_memory_not_equal(got.b, kmsg.b, sizeof got.b);
        v = vec_get(vec_get(vectors, "negative"), "kmsg_downgraded_offer");
        CHECK_OK(kdf_kmsg(&kamf, SUPI, prov.kms_id, vec_str(v, "offer"), vec_str(v, "select"), &got));
        CHECK_BYTES("altered offer", BYTES_ARR(got.b), vec_hex(mem, v, "kmsg"));
        assert_memory_not_equal(got.b, kmsg.b, sizeof got.b);
}

/* R-5G-30 */
static void test_psk(void **state)
{
        (void)state;
        for (int i = 0; i < PSK_PROFILES; i++) {
                struct msg5g_prov v = prov;
                v.profile = (enum psk_profile)i;
                const char *name = psk_profile_name(v.profile);
                const json_t *want = vec_get(vec_get(profile, "psk"), name);
                assert_int_equal(psk_profile_of(bytes_str(name)), i);
                struct key_kmsg_psk psk;
                struct psk_id id, back;
                struct psk_id_text text;
                CHECK_OK(kdf_kmsg_psk(&kmsg, &v, &psk));
                CHECK_BYTES(name, BYTES_ARR(psk.b), vec_hex(mem, want, "kmsg_psk"));
                check_s(want, "S_psk", BYTES_ARR(kmsg.b), BYTES_ARR(psk.b));
                CHECK_OK(kdf_psk_id(&kmsg, &v, &id));
                CHECK_BYTES(name, BYTES_ARR(id.b), vec_hex(mem, want, "psk_id_raw"));
                check_s(want, "S_psk_id", BYTES_ARR(kmsg.b), BYTES_ARR(id.b));
                psk_id_print(&id, &text);
                CHECK_BYTES(name, bytes_str(text.s), vec_str(want, "psk_id"));
                CHECK_OK(psk_id_parse(bytes_str(text.s), &back));
                assert_memory_equal(id.b, back.b, sizeof id.b);
        }
        struct msg5g_prov v = prov;
        struct key_kmsg_psk psk;
        v.profile = PSK_PROFILES;
        CHECK_E(E_RANGE, kdf_kmsg_psk(&kmsg, &v, &psk));
        assert_int_equal(psk_profile_of(BYTES_LIT("TLS12")), PSK_PROFILES);
}

/* R-5G-30 */
static void test_macs(void **state)
{
        (void)state;
        struct key_kmsg_prov key;
        struct msg5g_mac mac, other;
        struct psk_id id;
        CHECK_OK(kdf_kmsg_prov(&kmsg, &key));
        CHECK_OK(kdf_psk_id(&kmsg, &prov, &id));
        CHECK_OK(msg5g_mac_request(&key, &prov, vec_str(input, "guti"), 1, vec_str(input, "offer"), &mac));
        CHECK_BYTES("S-3", BYTES_ARR(mac.b), vec_hex(mem, profile, "mac_request"));
        check_s(profile, "S_mac_request", BYTES_ARR(key.b), BYTES_ARR(mac.b));
        CHECK_OK(msg5g_mac_response(&key, &prov, &id, 28800, vec_str(input, "config_utf8"), &other));
        CHECK_BYTES("S-8", BYTES_ARR(other.b), vec_hex(mem, profile, "mac_response"));
        check_s(profile, "S_mac_response", BYTES_ARR(key.b), BYTES_ARR(other.b));
        assert_false(msg5g_mac_eq(&mac, &other));
        assert_true(msg5g_mac_eq(&mac, &mac));
}

/* R-5G-30, R-5G-74 */
static void test_pop_and_proof(void **state)
{
        (void)state;
        const json_t *v = vec_get(profile, "registration_proof");
        struct key_kmsg_pop pop;
        struct msg5g_mac mac, other;
        CHECK_OK(kdf_kmsg_pop(&kmsg, &prov, &pop));
        CHECK_BYTES("POP", BYTES_ARR(pop.b), vec_hex(mem, profile, "kmsg_pop"));
        check_s(profile, "S_kmsg_pop", BYTES_ARR(kmsg.b), BYTES_ARR(pop.b));
        struct msg5g_claim c = {
                .op = MSG5G_REG,
                .token = vec_str(v, "access_token"),
                .ue_service_id = vec_str(v, "ue_service_id"),
                .gateway_id = vec_str(v, "gateway_id"),
                .aud = vec_str(v, "aud"),
                .iat_s = (uint64_t)json_integer_value(vec_get(v, "iat")),
        };
        vec_to(v, "nonce", c.nonce.b, sizeof c.nonce.b);
        CHECK_OK(msg5g_proof(&pop, &c, &mac));
        CHECK_BYTES("proof", BYTES_ARR(mac.b), vec_hex(mem, v, "proof"));
        check_s(v, "S_proof", BYTES_ARR(pop.b), BYTES_ARR(mac.b));
        for (int op = MSG5G_UPD; op <= MSG5G_DEREG; op++) {
                c.op = (enum msg5g_op)op;
                CHECK_OK(msg5g_proof(&pop, &c, &other));
                assert_false(msg5g_mac_eq(&mac, &other));
        }
        c.op = (enum msg5g_op)(MSG5G_DEREG + 1);
        CHECK_E(E_RANGE, msg5g_proof(&pop, &c, &other));
}

static void test_sub(void **state)
{
        (void)state;
        const json_t *v = vec_get(profile, "pairwise_sub");
        struct key_subject key;
        uint8_t sub[MSG5G_SUB_LEN];
        vec_to(v, "subject_key", key.b, sizeof key.b);
        CHECK_OK(msg5g_sub(&key, SUPI, vec_str(v, "aud"), sub));
        CHECK_BYTES("sub", BYTES_ARR(sub), vec_hex(mem, v, "sub_raw"));
        check_s(v, "S_sub", BYTES_ARR(key.b), BYTES_ARR(sub));
        CHECK_BYTES("text", bytes_str(b64url_encode(mem, BYTES_ARR(sub))), vec_str(v, "sub"));
}

static void test_psk_id_spellings(void **state)
{
        (void)state;
        static const char *const bad[] = {
                "",
                "m",
                "msg5g1.",
                "msg5g1.qdirobj9D6A0FWh0xywKX",   /* short */
                "msg5g1.qdirobj9D6A0FWh0xywKXQQ", /* long */
                "msg5g1.qdirobj9D6A0FWh0xywKXR",  /* unused bits are set */
                "msg5g1.qdirobj9D6A0FWh0xywKX=",  /* padding */
                "msg5g1.qdirobj9D6A0FWh0xyw+XQ",  /* the other alphabet */
                "msg5g1.qdirobj9D6A0FWh0xyw XQ",  /* a blank */
                "MSG5G1.qdirobj9D6A0FWh0xywKXQ",  /* another prefix */
                "msg5g2.qdirobj9D6A0FWh0xywKXQ",
        };
        struct psk_id id;
        for (size_t i = 0; i < COUNT(bad); i++)
                CHECK_E(E_SYNTAX, psk_id_parse(bytes_str(bad[i]), &id));
        CHECK_E(E_SYNTAX, psk_id_parse(BYTES_LIT("msg5g1.qdirobj9D6A0FWh0xyw\0XQ"), &id));
        for (int c = 0x80; c <= 0xff; c++) {
                char text[] = "msg5g1.qdirobj9D6A0FWh0xyw_XQ";
                CHECK_OK(psk_id_parse(bytes_str(text), &id));
                text[26] = (char)c;
                CHECK_E(E_SYNTAX, psk_id_parse(bytes_str(text), &id));
        }
        CHECK_OK(psk_id_parse(BYTES_LIT("msg5g1.qdirobj9D6A0FWh0xywKXQ"), &id));
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        vectors = vector_json(mem, "5g-aka.json");
        profile = vec_get(vectors, "msg5g_profile_v1");
        input = vec_get(profile, "input");
        vec_to(profile, "kmsg", kmsg.b, sizeof kmsg.b);
        vec_to(input, "nonce_ue", prov.nonce_ue.b, sizeof prov.nonce_ue.b);
        vec_to(input, "nonce_kms", prov.nonce_kms.b, sizeof prov.nonce_kms.b);
        prov.kms_id = vec_str(input, "kms_id");
        prov.profile = psk_profile_of(vec_str(input, "psk_profile"));
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
                cmocka_unit_test(test_kmsg),
                cmocka_unit_test(test_kmsg_of_others),
                cmocka_unit_test(test_psk),
                cmocka_unit_test(test_macs),
                cmocka_unit_test(test_pop_and_proof),
                cmocka_unit_test(test_sub),
                cmocka_unit_test(test_psk_id_spellings),
        };
        return cmocka_run_group_tests_name("kdf_msg5g", tests, set_up, tear_down);
}
