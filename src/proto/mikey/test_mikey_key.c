#include "test/kit/check.h"

#include "proto/mikey/mikey_key.h"

#define NOW       1782907200 /* 2026-07-01T12:00:00Z, the time of all examples */
#define ALL_TYPES 0x7fu

/* The example KMS with its users; made once, as checking keys costs pairings. */
static struct world {
        void *mem;
        json_t *doc;
        struct mikey_domain *domain, *partner;
        struct mikey_user *user[8];
        size_t n;
} world;

static const char *text_of(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        if (s == NULL)
                fail_msg("no %s", key);
        return s;
}

static struct bytes hex_of(void *mem, const json_t *o, const char *key)
{
        return vector_hex(mem, text_of(o, key));
}

static struct kms_key_set key_set(void *mem, const json_t *u)
{
        struct kms_key_set k = { .kms_uri = talloc_strdup(mem, "kms.example.org"),
                                 .user_uri = talloc_strdup(mem, text_of(u, "uri")),
                                 .key_period_no = (uint64_t)json_integer_value(json_object_get(u, "key_period_no")),
                                 .decrypt_key.plain = hex_of(mem, u, "UserDecryptKey"),
                                 .signing_key_ssk.plain = hex_of(mem, u, "UserSigningKeySSK"),
                                 .pub_token_pvt.plain = hex_of(mem, u, "UserPubTokenPVT") };
        memcpy(k.user_id.b, hex_of(mem, u, "uid_hex").p, sizeof k.user_id.b);
        return k;
}

static struct kms_cert *cert_of(void *mem, const char *file)
{
        struct kms_response *rs = NULL;
        CHECK_OK(kms_response_parse(mem, vector_file(mem, file), &rs, NULL));
        return rs->certs;
}

static int set_up(void **state)
{
        (void)state;
        struct err er = { 0 };
        world.mem = talloc_new(NULL);
        world.doc = vector_json(world.mem, "mikey-3gpp.json");
        if (mikey_domain_new(world.mem, cert_of(world.mem, "kms-xml/02-init-response.xml"), &world.domain, &er) != E_OK)
                fail_msg("%s", er.text);
        CHECK_OK(mikey_domain_new(world.mem, cert_of(world.mem, "kms-xml/07-certcache-response.xml"), &world.partner,
                                  &er));
        json_t *u;
        size_t i;
        json_array_foreach(json_object_get(json_object_get(world.doc, "example_kms"), "users"), i, u)
        {
                struct kms_key_set k = key_set(world.mem, u);
                bool server = strcmp(k.user_uri, "sip:mcptt-server@example.org") == 0;
                if (mikey_user_new(world.mem, world.domain, &k, server, &world.user[world.n++], &er) != E_OK)
                        fail_msg("%s: %s", k.user_uri, er.text);
        }
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_decref(world.doc);
        talloc_free(world.mem);
        return 0;
}

static struct mikey_user *user(const char *uri, uint64_t period_no)
{
        for (size_t i = 0; i < world.n; i++)
                if (strcmp(world.user[i]->uri, uri) == 0 && world.user[i]->period_no == period_no)
                        return world.user[i];
        fail_msg("no user %s", uri);
        return NULL;
}

static const struct mikey_domain *domain_of(const void *arg, const char *kms_uri)
{
        (void)arg;
        return strcmp(kms_uri, world.domain->kms_uri) == 0 ? world.domain : NULL;
}

static const json_t *example(const char *name)
{
        json_t *one;
        size_t i;
        json_array_foreach(json_object_get(world.doc, "worked_examples"), i,
                           one) if (strcmp(text_of(one, "name"), name) == 0) return one;
        fail_msg("no example %s", name);
        return NULL;
}

static struct mikey_expect expect(void)
{
        return (struct mikey_expect){ .selves = (const struct mikey_user *const *)world.user,
                                      .selves_n = world.n,
                                      .domain_of = domain_of,
                                      .types = ALL_TYPES,
                                      .now_s = NOW + 3,
                                      .window_s = 30 };
}

static uint32_t u32(struct bytes b)
{
        return (uint32_t)b.p[0] << 24 | (uint32_t)b.p[1] << 16 | (uint32_t)b.p[2] << 8 | b.p[3];
}

/* The three examples: the inputs that are not in the data file as such. */
static const struct input {
        const char *name;
        uint32_t key_id;
        enum mikey_cs_use cs;
        bool params;
        const char *group;
} inputs[] = {
        { "CSK upload", 0x2e3856fb, MIKEY_CS_PTT, true, NULL },
        { "GMK to bob", 0x031d5d49, MIKEY_CS_PTT, true, "sip:group1@example.org" },
        { "PCK minimal", 0x1eac7681, MIKEY_CS_NONE, false, NULL },
};

/* R-KMS-100 */
static void test_made_byte_for_byte(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        for (size_t i = 0; i < COUNT(inputs); i++) {
                const json_t *e = example(inputs[i].name);
                struct mikey_key key = { .id = inputs[i].key_id };
                memcpy(key.key.b, hex_of(mem, e, "key").p, sizeof key.key.b);
                char *group[] = { talloc_strdup(mem, inputs[i].group ? inputs[i].group : "") };
                struct mikey_params params = { .groups = group, .groups_n = inputs[i].group != NULL };
                struct mikey_offer o = { .from = user(text_of(e, "initiator"), 1540),
                                         .peer_uri = text_of(e, "responder"),
                                         .peer_domain = world.domain,
                                         .key = &key,
                                         .time_s = NOW,
                                         .params = inputs[i].params ? &params : NULL,
                                         .cs = inputs[i].cs };
                struct buf script = buf_on(mem); /* RAND, IV, j */
                buf_put(&script, hex_of(mem, e, "rand"));
                if (inputs[i].params)
                        buf_put(&script, hex_of(mem, e, "gcm_iv"));
                buf_put(&script, hex_of(mem, e, "eccsi_j"));
                struct rng_script rng = rng_script_of(buf_bytes(&script));
                struct bytes out;
                struct err er = { 0 };
                if (mikey_offer_print(mem, &o, &rng.base, &out, &er) != E_OK)
                        fail_msg("%s: %s", inputs[i].name, er.text);
                CHECK_BYTES(inputs[i].name, out, hex_of(mem, e, "message_hex"));
                if (i == 0) { /* and with the receiver's precomputed table */
                        struct sakke_peer *peer = NULL;
                        struct uid uid;
                        CHECK_OK(mikey_domain_uid(world.domain, o.peer_uri, NOW, &uid, NULL, NULL));
                        CHECK_OK(sakke_peer_new(mem, world.domain->sakke, uid_bytes(&uid), &peer, NULL));
                        o.peer = peer;
                        rng = rng_script_of(buf_bytes(&script));
                        CHECK_OK(mikey_offer_print(mem, &o, &rng.base, &out, NULL));
                        CHECK_BYTES("with a table", out, hex_of(mem, e, "message_hex"));
                }
        }
        talloc_free(mem);
}

/* R-KMS-101, R-KMS-109, R-KMS-114 (absent and present) */
static void test_opened(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        for (size_t i = 0; i < COUNT(inputs); i++) {
                const json_t *e = example(inputs[i].name);
                struct mikey_expect x = expect();
                struct mikey_opened o;
                struct err er = { 0 };
                x.initiator_uri = text_of(e, "initiator");
                if (mikey_open(mem, hex_of(mem, e, "message_hex"), &x, &o, &er) != E_OK)
                        fail_msg("%s: %s", inputs[i].name, er.text);
                CHECK_BYTES("key", BYTES_ARR(o.key.key.b), hex_of(mem, e, "key"));
                CHECK_BYTES("RAND", o.rand, hex_of(mem, e, "rand"));
                assert_int_equal(o.key.id, inputs[i].key_id);
                assert_int_equal(o.csb_id, u32(hex_of(mem, e, "csb_id")));
                assert_int_equal(o.type, inputs[i].key_id >> 28);
                assert_int_equal(o.time_s, NOW);
                assert_string_equal(o.initiator_uri, text_of(e, "initiator"));
                assert_string_equal(o.self->uri, text_of(e, "responder"));
                assert_ptr_equal(o.initiator_domain, world.domain);
                assert_int_equal(o.params != NULL, inputs[i].params);
                if (o.params != NULL) {
                        assert_false(o.params->revoked);
                        assert_int_equal(o.params->activation_s, 0);
                        assert_string_equal(o.params->text, "");
                        assert_int_equal(o.params->groups_n, inputs[i].group != NULL);
                }
                if (inputs[i].group != NULL)
                        assert_string_equal(o.params->groups[0], inputs[i].group);
                mikey_opened_wipe(&o);
        }
        talloc_free(mem);
}

/* R-KMS-102 */
static void test_mutations(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mikey_expect x = expect();
        json_t *row;
        size_t i;
        json_array_foreach(json_object_get(world.doc, "must_reject_xor"), i, row)
        {
                const char *why = text_of(row, "why");
                struct bytes good = hex_of(mem, example(text_of(row, "base")), "message_hex");
                uint8_t *m = talloc_memdup(mem, good.p, good.n);
                size_t at = (size_t)json_integer_value(json_object_get(row, "offset"));
                m[at] ^= hex_of(mem, row, "xor").p[0];
                struct mikey_opened o;
                if (mikey_open(mem, bytes_of(m, good.n), &x, &o, NULL) == E_OK)
                        fail_msg("%s was accepted", why);
                /* signed anew: only RAND may be anything, and the signature itself is right again */
                struct eccsi_sig sig;
                const char *from = text_of(example(text_of(row, "base")), "initiator");
                CHECK_OK(eccsi_sign(&user(from, 1540)->signer, &rng_system, bytes_of(m, good.n - ECCSI_SIG_LEN), &sig));
                memcpy(m + good.n - ECCSI_SIG_LEN, sig.b, sizeof sig.b);
                bool harmless = strcmp(why, "RAND changed") == 0 || at >= good.n - ECCSI_SIG_LEN;
                struct err er = { 0 };
                enum ecode e = mikey_open(mem, bytes_of(m, good.n), &x, &o, &er);
                if ((e == E_OK) != harmless)
                        fail_msg("%s, signed anew: %s %s", why, ecode_name(e), er.text);
        }
        assert_int_equal(i, 28);
        talloc_free(mem);
}

/* R-KMS-105, 106, 108, 110 (the window), 112, 113 */
static void test_expectations(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct bytes msg = hex_of(mem, example("CSK upload"), "message_hex");
        const struct mikey_user *bob = user("sip:bob@example.org", 1540);
        struct mikey_expect x = expect();
        struct mikey_opened o;
        struct err er = { 0 };

        x.initiator_uri = "sip:bob@example.org";
        CHECK_E(E_TOKEN_IDENTITY, mikey_open(mem, msg, &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-106");
        x = expect();
        CHECK_OK(mikey_open(mem, msg, &x, &o, NULL));
        assert_null(o.initiator_uri);
        assert_true(mikey_initiator_is(&o, "sip:alice@example.org"));
        assert_false(mikey_initiator_is(&o, "sip:alice@example.com"));
        x.selves = &bob;
        x.selves_n = 1;
        CHECK_E(E_NOT_FOUND, mikey_open(mem, msg, &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-105");
        x = expect();
        x.types = 1u << MIKEY_PCK | 1u << MIKEY_GMK;
        CHECK_E(E_RANGE, mikey_open(mem, msg, &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-108");
        x = expect();
        x.now_s = NOW + 31;
        CHECK_E(E_RANGE, mikey_open(mem, msg, &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-110");
        x.now_s = NOW - 31;
        CHECK_E(E_RANGE, mikey_open(mem, msg, &x, &o, &er));

        struct mikey_domain saved = *world.domain;
        world.domain->valid_to = NOW;
        x = expect();
        CHECK_E(E_UNTRUSTED_PEER, mikey_open(mem, msg, &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-113");
        *world.domain = saved;
        talloc_free(mem);
}

static const struct mikey_domain *no_domain(const void *arg, const char *kms_uri)
{
        (void)arg, (void)kms_uri;
        return NULL;
}

static void test_foreign_kms(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct mikey_expect x = expect();
        struct mikey_opened o;
        struct err er = { 0 };
        x.domain_of = no_domain;
        CHECK_E(E_UNTRUSTED_PEER, mikey_open(mem, hex_of(mem, example("CSK upload"), "message_hex"), &x, &o, &er));
        assert_string_equal(er.req, "R-KMS-112");
        talloc_free(mem);
}

/* R-KMS-107: URIs in the open, and a fresh key of every type that travels. */
static void test_round_trips(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        static const enum mikey_type types[] = { MIKEY_GMK, MIKEY_PCK, MIKEY_CSK, MIKEY_MUSIK };
        char *groups[] = { talloc_strdup(mem, "sip:g1@example.org"), talloc_strdup(mem, "sip:g2@example.org") };
        struct mikey_params params = {
                .revoked = true, .expiry_s = NOW + 3600, .text = talloc_strdup(mem, "hello"), .groups = groups
        };
        for (size_t i = 0; i < COUNT(types); i++) {
                struct mikey_key key;
                CHECK_OK(mikey_key_new(&rng_system, types[i], &key));
                assert_int_equal(mikey_key_type(key.id), types[i]);
                params.groups_n = types[i] == MIKEY_GMK || types[i] == MIKEY_MUSIK ? 2 : 0;
                struct mikey_offer of = { .from = user("sip:alice@example.org", 1540),
                                          .peer_uri = "sip:bob@example.org",
                                          .peer_domain = world.domain,
                                          .key = &key,
                                          .time_s = NOW,
                                          .params = &params,
                                          .cs = MIKEY_CS_VIDEO,
                                          .clear_uris = i % 2 == 0 };
                struct bytes msg;
                struct mikey_expect x = expect();
                struct mikey_opened o;
                CHECK_OK(mikey_offer_print(mem, &of, &rng_system, &msg, NULL));
                CHECK_OK(mikey_open(mem, msg, &x, &o, NULL));
                assert_memory_equal(o.key.key.b, key.key.b, sizeof key.key.b);
                assert_int_equal(o.key.id, key.id);
                assert_true(o.params->revoked);
                assert_int_equal(o.params->expiry_s, NOW + 3600);
                assert_string_equal(o.params->text, "hello");
                assert_int_equal(o.params->groups_n, params.groups_n);
                assert_true(mikey_initiator_is(&o, "sip:alice@example.org"));
                if (of.clear_uris)
                        assert_string_equal(o.initiator_uri, "sip:alice@example.org");
                x.initiator_uri = "sip:eve@example.org";
                CHECK_E(E_TOKEN_IDENTITY, mikey_open(mem, msg, &x, &o, NULL));
        }
        talloc_free(mem);
}

/* Around the change of a period a message under the neighbouring period's keys is still read. */
static void test_period_edge(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        const int64_t change = 1785283200; /* 2026-07-29T00:00:00Z: period 1541 begins */
        struct mikey_key key;
        CHECK_OK(mikey_key_new(&rng_system, MIKEY_PCK, &key));
        struct mikey_offer of = { .from = user("sip:bob@example.org", 1540),
                                  .peer_uri = "sip:alice@example.org",
                                  .peer_domain = world.domain,
                                  .key = &key,
                                  .time_s = change - 1 };
        struct bytes msg;
        struct mikey_expect x = expect();
        struct mikey_opened o;
        struct err er = { 0 };
        x.now_s = change + 1;
        CHECK_OK(mikey_offer_print(mem, &of, &rng_system, &msg, NULL));
        CHECK_OK(mikey_open(mem, msg, &x, &o, NULL));
        assert_int_equal(o.self->period_no, 1540);
        of.time_s = change;
        CHECK_E(E_RANGE, mikey_offer_print(mem, &of, &rng_system, &msg, &er));
        key.id = 0x30000001; /* an SPK is configured, it does not travel */
        of.time_s = NOW;
        CHECK_E(E_RANGE, mikey_offer_print(mem, &of, &rng_system, &msg, &er));
        key.id = 0xf0000001;
        CHECK_E(E_RANGE, mikey_offer_print(mem, &of, &rng_system, &msg, &er));
        talloc_free(mem);
}

/* R-KMS-6, 7, 13, 14, 15, 20, 21 at taking over what a KMS sent. */
static void test_provisioned_keys_are_checked(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        json_t *u = json_array_get(json_object_get(json_object_get(world.doc, "example_kms"), "users"), 0);
        json_t *bob = json_array_get(json_object_get(json_object_get(world.doc, "example_kms"), "users"), 2);
        struct mikey_user *got = NULL;
        struct err er = { 0 };
        struct kms_key_set k = key_set(mem, u);
        k.user_id.b[0] ^= 1;
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        assert_string_equal(er.req, "R-KMS-14");
        k = key_set(mem, u);
        k.key_period_no++;
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        k = key_set(mem, u);
        k.signing_key_ssk.plain = hex_of(mem, bob, "UserSigningKeySSK");
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        k = key_set(mem, u);
        k.decrypt_key.plain = hex_of(mem, bob, "UserDecryptKey");
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, true, &got, &er));
        k = key_set(mem, u);
        k.revoked = true;
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        k = key_set(mem, u);
        CHECK_E(E_KEY_INVALID, mikey_user_new(mem, world.partner, &k, false, &got, &er));
        assert_string_equal(er.req, "R-KMS-13");
        k.signing_key_ssk = (struct kms_key){ .wrapped = BYTES_LIT("0123456789abcdef") };
        CHECK_E(E_UNSUPPORTED, mikey_user_new(mem, world.domain, &k, false, &got, &er));
        assert_null(got);

        struct mikey_domain *d = NULL;
        struct kms_cert *c = cert_of(mem, "kms-xml/02-init-response.xml");
        c->revoked = true;
        CHECK_E(E_KEY_INVALID, mikey_domain_new(mem, c, &d, &er));
        c->revoked = false;
        uint8_t *z = talloc_memdup(mem, c->pub_enc_key.p, c->pub_enc_key.n);
        z[256] ^= 1;
        c->pub_enc_key.p = z;
        CHECK_E(E_POINT, mikey_domain_new(mem, c, &d, &er));
        z[256] ^= 1;
        uint8_t *kpak = talloc_memdup(mem, c->pub_auth_key.p, c->pub_auth_key.n);
        kpak[64] ^= 1;
        c->pub_auth_key.p = kpak;
        CHECK_E(E_POINT, mikey_domain_new(mem, c, &d, &er));
        kpak[64] ^= 1;
        c->user_id_format = talloc_strdup(mem, "1");
        CHECK_E(E_KEY_INVALID, mikey_domain_new(mem, c, &d, &er));
        assert_null(d);
        talloc_free(mem);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_made_byte_for_byte), cmocka_unit_test(test_opened),
                cmocka_unit_test(test_mutations),          cmocka_unit_test(test_expectations),
                cmocka_unit_test(test_foreign_kms),        cmocka_unit_test(test_round_trips),
                cmocka_unit_test(test_period_edge),        cmocka_unit_test(test_provisioned_keys_are_checked),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
