#include "test/kit/vec5g.h"

#include "crypto/nas_alg.h"
#include "crypto/prim.h"

static void *mem;
static struct key_nas_enc enc;
static struct key_nas_int integ;

/* RFC 4493 clause 4: the examples of 0, 16, 40 and 64 octets, cut into parts anywhere */
static void test_cmac(void **state)
{
        (void)state;
        struct bytes key = vector_hex(mem, "2b7e151628aed2a6abf7158809cf4f3c");
        struct bytes m = vector_hex(mem, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                         "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
        static const struct {
                size_t n;
                const char *mac;
        } rows[] = { { 0, "bb1d6929e95937287fa37d129b756746" },
                     { 16, "070a16b46b4d4144f79bdd9dd04a287c" },
                     { 40, "dfa66747de9ae63030ca32611497c827" },
                     { 64, "51f0bebf7e3b9d92fc49741779363cfe" } };
        for (size_t i = 0; i < COUNT(rows); i++) {
                uint8_t mac[16];
                size_t cut = rows[i].n / 3;
                const struct bytes parts[] = { bytes_of(m.p, cut), bytes_of(m.p + cut, rows[i].n - cut) };
                CHECK_OK(aes128_cmac_parts(key.p, parts, COUNT(parts), mac));
                CHECK_BYTES("CMAC", BYTES_ARR(mac), vector_hex(mem, rows[i].mac));
        }
}

/* NIST SP 800-38A F.5.1, in place and back */
static void test_ctr(void **state)
{
        (void)state;
        struct bytes key = vector_hex(mem, "2b7e151628aed2a6abf7158809cf4f3c");
        struct bytes block = vector_hex(mem, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        struct bytes plain = vector_hex(mem, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        uint8_t out[32];
        CHECK_OK(aes128_ctr(key.p, block.p, plain, out));
        CHECK_BYTES("CTR", BYTES_ARR(out),
                    vector_hex(mem, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"));
        CHECK_OK(aes128_ctr(key.p, block.p, BYTES_ARR(out), out));
        CHECK_BYTES("back", BYTES_ARR(out), plain);
}

/* TS 33.401 annex C, test set 2 of 128-EIA2, which is 128-NIA2 */
static void test_eia2(void **state)
{
        (void)state;
        struct key_nas_int key;
        uint8_t mac[NAS_MAC_LEN];
        struct bytes k = vector_hex(mem, "d3c5d592327fb11c4035c6680af8c6d1");
        memcpy(key.b, k.p, sizeof key.b);
        struct nas_place at = { .count = 0x398a59b4, .bearer = 0x1a, .dir = NAS_DOWN };
        CHECK_OK(nia2(&key, at, vector_hex(mem, "484583d5afe082ae"), mac));
        CHECK_BYTES("MAC", BYTES_ARR(mac), vector_hex(mem, "b93787e6"));
}

/* The two protected messages of the vectors: 7e, header type, MAC, sequence number, body. */
static void test_messages(void **state)
{
        (void)state;
        json_t *all = vector_json(mem, "5g-aka.json");
        const json_t *v = vec_get(all, "nas_messages");
        uint8_t mac[NAS_MAC_LEN], out[64];
        struct nas_place down = { .bearer = NAS_NON_3GPP, .dir = NAS_DOWN }, up = { .bearer = NAS_NON_3GPP };
        struct bytes smc = vec_hex(mem, v, "security_mode_command_protected_dl0_non3gpp");
        CHECK_OK(nia2(&integ, down, bytes_of(smc.p + 6, smc.n - 6), mac));
        CHECK_BYTES("SMC", BYTES_ARR(mac), bytes_of(smc.p + 2, 4));

        struct bytes done = vec_hex(mem, v, "security_mode_complete_protected_ul0_non3gpp");
        struct bytes plain = vec_hex(mem, v, "security_mode_complete_plain");
        CHECK_OK(nia2(&integ, up, bytes_of(done.p + 6, done.n - 6), mac));
        CHECK_BYTES("complete", BYTES_ARR(mac), bytes_of(done.p + 2, 4));
        CHECK_OK(nea2(&enc, up, plain, out));
        CHECK_BYTES("cipher", bytes_of(out, plain.n), bytes_of(done.p + 7, done.n - 7));
        json_decref(all);
}

/* Every part of the place matters. */
static void test_place(void **state)
{
        (void)state;
        const struct nas_place at = { .count = 0x0100, .bearer = NAS_NON_3GPP, .dir = NAS_UP };
        const struct nas_place others[] = {
                { .count = 0x0101, .bearer = NAS_NON_3GPP, .dir = NAS_UP },
                { .count = 0x0200, .bearer = NAS_NON_3GPP, .dir = NAS_UP },
                { .count = 0x0100, .bearer = NAS_3GPP, .dir = NAS_UP },
                { .count = 0x0100, .bearer = NAS_NON_3GPP, .dir = NAS_DOWN },
        };
        struct bytes in = BYTES_LIT("sixteen octets..");
        uint8_t mac[NAS_MAC_LEN], mac2[NAS_MAC_LEN], out[16], out2[16];
        CHECK_OK(nia2(&integ, at, in, mac));
        CHECK_OK(nea2(&enc, at, in, out));
        for (size_t i = 0; i < COUNT(others); i++) {
                CHECK_OK(nia2(&integ, others[i], in, mac2));
                CHECK_OK(nea2(&enc, others[i], in, out2));
                assert_memory_not_equal(mac, mac2, sizeof mac);
                assert_memory_not_equal(out, out2, sizeof out);
        }
        struct nas_place bad = { .bearer = 32 };
        CHECK_E(E_RANGE, nia2(&integ, bad, in, mac));
        CHECK_E(E_RANGE, nea2(&enc, bad, in, out));
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        json_t *all = vector_json(mem, "5g-aka.json");
        const json_t *keys = vec_get(vec_get(all, "five_g_aka_set1"), "nas_keys");
        vec_to(keys, "k_nas_enc_nea2", enc.b, sizeof enc.b);
        vec_to(keys, "k_nas_int_nia2", integ.b, sizeof integ.b);
        json_decref(all);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cmac),     cmocka_unit_test(test_ctr),   cmocka_unit_test(test_eia2),
                cmocka_unit_test(test_messages), cmocka_unit_test(test_place),
        };
        return cmocka_run_group_tests_name("nas_alg", tests, set_up, tear_down);
}
