#include "test/kit/vec5g.h"

#include "crypto/suci_impl.h"

static void *mem;
static json_t *vectors;
static struct suci_home_key keys[2]; /* profile A as key 27, B as key 28 */
static struct suci_home home;

#define ROUTING BYTES_LIT("678")

static const json_t *vec_of(enum suci_scheme s)
{
        return vec_get(vec_get(vectors, "suci"), s == SUCI_A ? "profile_a" : "profile_b");
}

static const struct suci_home_key *key_of(enum suci_scheme s)
{
        return &keys[s - 1];
}

static struct suci_ask ask_of(enum suci_scheme s, const struct suci_public *pub)
{
        return (struct suci_ask){ vec_str(vec_of(s), "supi"), 3, ROUTING, pub };
}

/* The SUCI of the vector, made by the UE with the ephemeral key of the vector. */
static struct suci suci_of(enum suci_scheme s)
{
        struct suci_public pub;
        struct suci ret;
        struct rng_script rng = rng_script_of(vec_hex(mem, vec_of(s), "eph_private"));
        CHECK_OK(suci_public_of(key_of(s), &pub, NULL));
        struct suci_ask ask = ask_of(s, &pub);
        CHECK_OK(suci_conceal(&ask, &rng.base, &ret, NULL));
        return ret;
}

/* R-5G-19: both examples of TS 33.501 C.4, concealed and revealed */
static void test_vectors(void **state)
{
        (void)state;
        for (int i = SUCI_A; i <= SUCI_B; i++) {
                enum suci_scheme s = (enum suci_scheme)i;
                struct suci_public pub;
                struct supi supi;
                CHECK_OK(suci_public_of(key_of(s), &pub, NULL));
                CHECK_BYTES("public", bytes_of(pub.b, pub.n),
                            vec_hex(mem, vec_of(s), s == SUCI_A ? "hn_public" : "hn_public_compressed"));
                struct suci got = suci_of(s);
                CHECK_BYTES("output", bytes_of(got.out, got.out_n), vec_hex(mem, vec_of(s), "scheme_output"));
                CHECK_OK(suci_reveal(&got, &home, &supi, NULL));
                CHECK_BYTES("SUPI", bytes_str(supi.s), vec_str(vec_of(s), "supi"));
        }
}

/* R-5G-19, R-5G-20 */
static void test_null(void **state)
{
        (void)state;
        struct bytes text = vec_str(vec_get(vectors, "suci"), "null_scheme");
        struct suci s, t;
        struct supi supi;
        struct suci_home lab = home;
        struct err er;
        lab.null_allowed = true;
        CHECK_OK(suci_parse(text, &s, NULL));
        CHECK_OK(suci_reveal(&s, &lab, &supi, NULL));
        assert_string_equal(supi.s, "imsi-001010000000001");
        CHECK_E(E_UNSUPPORTED, suci_reveal(&s, &home, &supi, &er));
        assert_string_equal(er.req, "R-5G-20");

        struct suci_ask ask = { BYTES_LIT("imsi-001010000000001"), 2, BYTES_LIT("0"), NULL };
        CHECK_OK(suci_conceal(&ask, &rng_system, &t, NULL));
        CHECK_BYTES("text", bytes_str(suci_print(mem, &t)), text);
}

static void check_closed(const char *what, const struct suci *s)
{
        struct err er = { 0 };
        struct supi supi = { "untouched" };
        if (suci_reveal(s, &home, &supi, &er) != E_DECRYPT || strcmp(er.req, "R-5G-19") != 0 ||
            strcmp(er.text, "the SUCI does not open") != 0)
                fail_msg("%s: %s %s %s", what, ecode_name(er.code), er.req, er.text);
        assert_string_equal(supi.s, "untouched");
}

/* R-5G-19: one same rejection */
static void test_closed(void **state)
{
        (void)state;
        for (int i = SUCI_A; i <= SUCI_B; i++) {
                struct suci good = suci_of((enum suci_scheme)i), s = good;
                for (size_t at = 0; at < good.out_n; at++) {
                        s = good;
                        s.out[at] ^= 1;
                        check_closed("a changed octet", &s);
                }
                for (size_t n = 0; n < good.out_n; n++) {
                        s = good;
                        s.out_n = (uint8_t)n;
                        check_closed("cut", &s);
                }
                s = good;
                s.out_n = SUCI_OUT_MAX;
                check_closed("too long", &s);
                s = good;
                s.key_id = 99;
                check_closed("unknown key", &s);
                s = good;
                s.scheme = (uint8_t)(SUCI_A + SUCI_B - s.scheme);
                check_closed("key of the other profile", &s);
        }
}

/* R-5G-19: X25519 points of low order, P-256 points off the curve or in another form */
static void test_bad_points(void **state)
{
        (void)state;
        static const char *const low[] = {
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        };
        struct suci s = suci_of(SUCI_A);
        for (size_t i = 0; i < COUNT(low); i++) {
                CHECK_OK(hex_decode_to(bytes_str(low[i]), s.out, 32));
                check_closed("low order", &s);
        }
        s = suci_of(SUCI_B);
        static const uint8_t forms[] = { 0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0xff };
        for (size_t i = 0; i < sizeof forms; i++) {
                s.out[0] = forms[i];
                check_closed("form", &s);
        }
        s.out[0] = 2;
        memset(s.out + 1, 0xff, 32);
        check_closed("x above p", &s);
        struct suci_public pub;
        CHECK_OK(suci_public_of(key_of(SUCI_B), &pub, NULL));
        memset(pub.b + 1, 0xff, 32);
        struct suci_ask ask = ask_of(SUCI_B, &pub);
        CHECK_E(E_POINT, suci_conceal(&ask, &rng_system, &s, NULL));
}

/* A MAC that fits over a plain text that is no MSIN: the same rejection (R-5G-19). The UE seals what it likes. */
static void test_strange_plain(void **state)
{
        (void)state;
        struct suci s = suci_of(SUCI_A);
        struct supi supi;
        /* MCC, MNC and ten digits would be sixteen */
        struct suci_public pub;
        CHECK_OK(suci_public_of(key_of(SUCI_A), &pub, NULL));
        struct suci_ask ask = { BYTES_LIT("imsi-274010123456789"), 2, ROUTING, &pub };
        CHECK_OK(suci_conceal(&ask, &rng_system, &s, NULL));
        CHECK_OK(suci_reveal(&s, &home, &supi, NULL));
        assert_string_equal(supi.s, "imsi-274010123456789");
        memcpy(s.plmn.mnc, "012", 4);
        check_closed("sixteen digits", &s);

        static const uint8_t digits[24] = { 0x21 };
        for (size_t n = SUCI_MSIN_MAX + 1; n <= 23; n++) {
                CHECK_OK(ecies_seal(&pub, bytes_of(digits, n), &rng_system, &s));
                check_closed("a long plain text", &s);
                uint8_t room[SUCI_OUT_MAX];
                size_t room_n;
                CHECK_E(E_DECRYPT, ecies_open(key_of(SUCI_A), bytes_of(s.out, s.out_n), room, &room_n));
        }
        CHECK_OK(ecies_seal(&pub, bytes_of(digits, 0), &rng_system, &s));
        check_closed("no plain text", &s);
        CHECK_E(E_LONG, ecies_seal(&pub, bytes_of(digits, 24), &rng_system, &s));
}

static void test_keys(void **state)
{
        (void)state;
        struct suci_public pub;
        struct suci_home_key k = { .scheme = SUCI_B, .id = 1 };
        CHECK_E(E_KEY_INVALID, suci_public_of(&k, &pub, NULL));
        memset(k.priv.b, 0xff, sizeof k.priv.b);
        CHECK_E(E_KEY_INVALID, suci_public_of(&k, &pub, NULL));
        k.scheme = SUCI_NULL;
        CHECK_E(E_UNSUPPORTED, suci_public_of(&k, &pub, NULL));

        /* two SUCIs of one SUPI have nothing in common; a dead random source is told */
        CHECK_OK(suci_public_of(key_of(SUCI_B), &pub, NULL));
        struct suci_ask ask = ask_of(SUCI_B, &pub);
        struct suci a, b;
        struct supi supi;
        CHECK_OK(suci_conceal(&ask, &rng_system, &a, NULL));
        CHECK_OK(suci_conceal(&ask, &rng_system, &b, NULL));
        assert_memory_not_equal(a.out + 1, b.out + 1, 45);
        CHECK_OK(suci_reveal(&b, &home, &supi, NULL));
        struct rng_script dry = rng_script_of(bytes_of(NULL, 0));
        CHECK_E(E_CRYPTO, suci_conceal(&ask, &dry.base, &a, NULL));
        ask.supi = BYTES_LIT("nai-someone@example.org");
        CHECK_E(E_SYNTAX, suci_conceal(&ask, &rng_system, &a, NULL));
        ask = ask_of(SUCI_B, &pub);
        ask.routing = BYTES_LIT("12345");
        CHECK_E(E_RANGE, suci_conceal(&ask, &rng_system, &a, NULL));
}

static void test_texts(void **state)
{
        (void)state;
        struct suci s;
        static const char *const good[] = {
                "suci-0-001-01-0-0-0-0000000001",
                "suci-0-310-410-1234-0-0-7",
                "suci-0-274-012-678-1-27-b2e92f836055a255837debf850b528997ce0201cb82adfe4be1f587d07d8457d",
                "suci-0-274-012-678-2-255-",
        };
        for (size_t i = 0; i < COUNT(good); i++) {
                CHECK_OK(suci_parse(bytes_str(good[i]), &s, NULL));
                assert_string_equal(suci_print(mem, &s), good[i]);
        }
        static const struct {
                enum ecode e;
                const char *text;
        } bad[] = {
                { E_SYNTAX, "" },
                { E_SYNTAX, "imsi-001010000000001" },
                { E_SYNTAX, "suci-0-001-01-0-0-0" },
                { E_SYNTAX, "suci-0-001-01-0-0-0-1-" },
                { E_SYNTAX, "SUCI-0-001-01-0-0-0-1" },
                { E_UNSUPPORTED, "suci-1-example.org-0-0-0-0-someone" },
                { E_SYNTAX, "suci-0-01-01-0-0-0-1" },
                { E_SYNTAX, "suci-0-001-0001-0-0-0-1" },
                { E_SYNTAX, "suci-0-001-01--0-0-1" },
                { E_SYNTAX, "suci-0-001-01-12345-0-0-1" },
                { E_SYNTAX, "suci-0-001-01-0-00-0-1" },
                { E_SYNTAX, "suci-0-001-01-0-1-256-00" },
                { E_SYNTAX, "suci-0-001-01-0-1-01-00" },
                { E_RANGE, "suci-0-001-01-0-0-1-1" },
                { E_RANGE, "suci-0-001-01-0-1-0-00" },
                { E_UNSUPPORTED, "suci-0-001-01-0-3-1-00" },
                { E_SYNTAX, "suci-0-001-01-0-0-0-" },
                { E_SYNTAX, "suci-0-001-01-0-0-0-12345678901" },
                { E_SYNTAX, "suci-0-001-01-0-0-0-12a" },
                { E_SYNTAX, "suci-0-001-01-0-1-1-0" },
                { E_SYNTAX, "suci-0-001-01-0-1-1-0g" },
        };
        for (size_t i = 0; i < COUNT(bad); i++)
                if (suci_parse(bytes_str(bad[i].text), &s, NULL) != bad[i].e)
                        fail_msg("%s: not %s", bad[i].text, ecode_name(bad[i].e));
        char *longer = talloc_asprintf(mem, "suci-0-001-01-0-1-1-%0*d", 2 * (int)SUCI_OUT_MAX + 2, 0);
        CHECK_E(E_LONG, suci_parse(bytes_str(longer), &s, NULL));
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        vectors = vector_json(mem, "5g-aka.json");
        keys[0] = (struct suci_home_key){ .scheme = SUCI_A, .id = 27 };
        keys[1] = (struct suci_home_key){ .scheme = SUCI_B, .id = 28 };
        vec_to(vec_of(SUCI_A), "hn_private", keys[0].priv.b, 32);
        vec_to(vec_of(SUCI_B), "hn_private", keys[1].priv.b, 32);
        home = (struct suci_home){ .keys = keys, .n = COUNT(keys) };
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
                cmocka_unit_test(test_vectors),    cmocka_unit_test(test_null),          cmocka_unit_test(test_closed),
                cmocka_unit_test(test_bad_points), cmocka_unit_test(test_strange_plain), cmocka_unit_test(test_keys),
                cmocka_unit_test(test_texts),
        };
        return cmocka_run_group_tests_name("suci", tests, set_up, tear_down);
}
