/* A second opinion: what Muster makes, wolfCrypt accepts, and the other way round. */
#include "test/kit/check.h"

#include "test/kit/wolf.h"

static struct wolf *w;
static void *mem;

static struct eccsi_ksak ksak;
static struct eccsi_kpak kpak;
static struct sakke_z z;
static struct sakke_zpub zpub;
static struct sakke_domain *domain;

#define CHECK_WOLF(call) assert_int_equal((call), 0)

static void random_octets(uint8_t *p, size_t n)
{
        CHECK_OK(rng_fill(&rng_system, p, n));
}

/* R-KMS-6, R-KMS-7: keys issued here are the keys of wolfCrypt, or satisfy it */
static void test_keys(void **state)
{
        (void)state;
        for (int i = 0; i < 24; i++) {
                uint8_t id[32];
                struct bytes ib = BYTES_ARR(id);
                struct sakke_rsk ours, theirs;
                struct eccsi_ssk ssk;
                struct eccsi_pvt pvt;
                struct eccsi_signer s;
                int valid = 0;
                random_octets(id, sizeof id);
                CHECK_OK(sakke_rsk_extract(&z, ib, &ours, NULL));
                CHECK_WOLF(wolf_rsk(w, ib, &theirs));
                CHECK_BYTES("RSK", BYTES_ARR(ours.b), BYTES_ARR(theirs.b));
                CHECK_WOLF(wolf_rsk_valid(w, ib, &ours, &valid));
                assert_int_equal(valid, 1);
                CHECK_OK(sakke_rsk_check(domain, ib, &theirs, NULL));

                CHECK_OK(eccsi_issue(&ksak, &kpak, ib, &rng_system, &ssk, &pvt));
                valid = 0;
                CHECK_WOLF(wolf_pair_valid(w, ib, &ssk, &pvt, &valid));
                assert_int_equal(valid, 1);
                CHECK_WOLF(wolf_pair(w, ib, &ssk, &pvt));
                CHECK_OK(eccsi_signer_make(&kpak, ib, &ssk, &pvt, &s, NULL));
        }
}

/* R-KMS-80, R-KMS-88 */
static void test_signatures(void **state)
{
        (void)state;
        for (int i = 0; i < 32; i++) {
                uint8_t id[32], m[100];
                struct bytes ib = BYTES_ARR(id), mb = bytes_of(m, (size_t)i * 3);
                struct eccsi_ssk ssk;
                struct eccsi_pvt pvt;
                struct eccsi_signer s;
                struct eccsi_sig sig;
                int ok = 0;
                random_octets(id, sizeof id);
                random_octets(m, sizeof m);
                CHECK_OK(eccsi_issue(&ksak, &kpak, ib, &rng_system, &ssk, &pvt));
                CHECK_OK(eccsi_signer_make(&kpak, ib, &ssk, &pvt, &s, NULL));
                CHECK_OK(eccsi_sign(&s, &rng_system, mb, &sig));
                CHECK_WOLF(wolf_verify(w, ib, mb, &sig, &ok));
                assert_int_equal(ok, 1);

                CHECK_WOLF(wolf_pair_valid(w, ib, &ssk, &pvt, &ok));
                CHECK_WOLF(wolf_signer(w, ib));
                CHECK_WOLF(wolf_sign(w, mb, &sig));
                CHECK_OK(eccsi_verify(&kpak, ib, mb, BYTES_ARR(sig.b), NULL));
                sig.b[40] ^= 1;
                CHECK_E(E_SIGNATURE, eccsi_verify(&kpak, ib, mb, BYTES_ARR(sig.b), NULL));
        }
}

/* R-KMS-80, R-KMS-81 */
static void test_encapsulations(void **state)
{
        (void)state;
        for (int i = 0; i < 12; i++) {
                uint8_t id[32];
                struct bytes ib = BYTES_ARR(id);
                struct mc_key key, got = { { 0 } };
                struct sakke_sed ours, kept, theirs;
                struct sakke_peer *peer;
                struct sakke_rsk rsk;
                struct sakke_rsk_table *t;
                random_octets(id, sizeof id);
                random_octets(key.b, sizeof key.b);
                CHECK_OK(sakke_rsk_extract(&z, ib, &rsk, NULL));
                CHECK_OK(sakke_encapsulate(domain, ib, &key, &ours, NULL));
                CHECK_OK(sakke_peer_new(mem, domain, ib, &peer, NULL));
                CHECK_OK(sakke_encapsulate_peer(peer, &key, &kept, NULL));
                CHECK_WOLF(wolf_peer(w, ib, (i & 1) != 0));
                CHECK_WOLF(wolf_encapsulate(w, &key, &theirs));
                CHECK_BYTES("SED", BYTES_ARR(ours.b), BYTES_ARR(theirs.b));
                CHECK_BYTES("SED of a kept peer", BYTES_ARR(kept.b), BYTES_ARR(theirs.b));

                CHECK_WOLF(wolf_receiver(w, ib, &rsk));
                CHECK_WOLF(wolf_decapsulate(w, &ours, &got));
                CHECK_BYTES("opened there", BYTES_ARR(got.b), BYTES_ARR(key.b));
                CHECK_OK(sakke_decapsulate(domain, ib, &rsk, BYTES_ARR(theirs.b), &got, NULL));
                CHECK_BYTES("opened here", BYTES_ARR(got.b), BYTES_ARR(key.b));
                CHECK_OK(sakke_rsk_table_new(mem, domain, ib, &rsk, &t, NULL));
                CHECK_OK(sakke_decapsulate_table(t, BYTES_ARR(theirs.b), &got, NULL));
                CHECK_BYTES("opened with a table", BYTES_ARR(got.b), BYTES_ARR(key.b));
                theirs.b[272] ^= 1;
                CHECK_E(E_DECRYPT, sakke_decapsulate_table(t, BYTES_ARR(theirs.b), &got, NULL));
                talloc_free(peer);
                talloc_free(t);
        }
}

static int set_up(void **state)
{
        (void)state;
        mem = talloc_new(NULL);
        w = calloc(1, sizeof *w);
        CHECK_WOLF(wolf_open(w));
        CHECK_OK(eccsi_master_make(&rng_system, &ksak, &kpak));
        CHECK_OK(sakke_master_make(&rng_system, &z, &zpub));
        CHECK_OK(sakke_domain_new(mem, &zpub, &domain, NULL));
        CHECK_OK(sakke_domain_prepare(domain, NULL));
        CHECK_WOLF(wolf_kms(w, &ksak, &kpak, &z, &zpub));
        CHECK_WOLF(wolf_user(w, &kpak, &zpub));
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        wolf_close(w);
        free(w);
        talloc_free(mem);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_signatures),
                cmocka_unit_test(test_encapsulations),
        };
        return cmocka_run_group_tests_name("wolf", tests, set_up, tear_down);
}
