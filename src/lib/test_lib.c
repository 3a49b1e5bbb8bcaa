/* The public functions with vectors; what needs servers is in test/flow/library.py. */
#include "test/kit/check.h"

#include "test/kit/pki.h"

#include "lib/lib.h"

#include <unistd.h>

#define NOW_TOKEN 1767261620 /* shortly after the tokens of mcx-identity.json were issued */
#define NOW_KEYS  1782907200 /* 2026-07-01T12:00:00Z, the time of mikey-3gpp.json */

static const char *text_of(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        if (s == NULL)
                fail_msg("no %s", key);
        return s;
}

static void check_error(const struct muster_error *err, const char *code, const char *req)
{
        assert_string_equal(err->code, code);
        assert_string_equal(err->requirement, req);
        assert_non_null(err->advice);
}

/* --- tokens --- */

struct tokens_fix {
        json_t *doc;
        struct clock_fake clock;
        struct muster_tokens *tokens;
        char *keys;
};

static const char *token_named(const json_t *doc, const char *name)
{
        const json_t *one;
        size_t i;
        json_array_foreach(json_object_get(doc, "tokens"), i, one)
        {
                if (strcmp(text_of(one, "name"), name) == 0)
                        return text_of(one, "text");
        }
        fail_msg("no token %s", name);
        return NULL;
}

static char *set_of(void *mem, const json_t *doc, const char *key)
{
        json_t *o = json_pack("{s:[O]}", "keys", json_object_get(json_object_get(doc, "keys"), key));
        char *text = json_dumps(o, JSON_COMPACT), *ret = talloc_strdup(mem, text);
        free(text);
        json_decref(o);
        return ret;
}

static int set_up_tokens(void **state)
{
        struct tokens_fix *f = talloc_zero(NULL, struct tokens_fix);
        struct err er = { 0 };
        f->doc = vector_json(f, "mcx-identity.json");
        f->clock = clock_fake_at(NOW_TOKEN);
        char *a = set_of(f, f->doc, "a_public"), *b = set_of(f, f->doc, "b_public");
        const struct muster_issuer issuers[] = {
                { .issuer = text_of(f->doc, "issuer_a"), .jwks_text = a },
                { .issuer = text_of(f->doc, "issuer_b"), .jwks_text = b },
        };
        const char *const audiences[] = { "mcx-a", "mcx-b", NULL };
        const struct muster_tokens_conf conf = { .issuers = issuers, .issuers_n = 2, .audiences = audiences };
        if (lib_tokens_open(&conf, &f->clock.base, &f->tokens, &er) != E_OK)
                fail_msg("%s", er.text);
        talloc_free(a); /* everything was copied */
        talloc_free(b);
        *state = f;
        return 0;
}

static int tear_down_tokens(void **state)
{
        struct tokens_fix *f = *state;
        muster_tokens_free(f->tokens);
        json_decref(f->doc);
        talloc_free(f);
        return 0;
}

/* R-ID-83, R-ID-84, R-ID-86 */
static void test_tokens_accepted(void **state)
{
        struct tokens_fix *f = *state;
        struct muster_token *who = NULL;
        struct muster_error err = { 0 };
        const char *token = token_named(f->doc, "access_token");
        if (muster_tokens_check(f->tokens, token, MUSTER_MCPTT, MUSTER_RES_SERVICE, &who, &err) != MUSTER_OK)
                fail_msg("%s %s", err.code, err.text);
        assert_int_equal(who->service, MUSTER_MCPTT);
        assert_string_equal(who->identity, who->mcptt_id);
        assert_string_equal(who->issuer, text_of(f->doc, "issuer_a"));
        assert_string_equal(who->sub, "u-7f3c2a9e51d04b7c");
        assert_string_equal(who->client_id, text_of(f->doc, "client_id"));
        assert_non_null(strstr(who->scope, "3gpp:mc:ptt_service"));
        assert_true(who->expires_at > NOW_TOKEN && who->issued_at <= NOW_TOKEN);
        muster_token_free(who);
        assert_int_equal(muster_tokens_check(f->tokens, token, MUSTER_ANY_SERVICE, MUSTER_RES_KMS, &who, &err),
                         MUSTER_OK);
        assert_int_equal(who->service, MUSTER_MCPTT);
        muster_token_free(who);
        f->clock.s = NOW_TOKEN + 200; /* the partner's was issued later */
        assert_int_equal(muster_tokens_check(f->tokens, token_named(f->doc, "partner_access_token"), MUSTER_MCPTT,
                                             MUSTER_RES_GMS, &who, &err),
                         MUSTER_OK);
        assert_string_equal(who->issuer, text_of(f->doc, "issuer_b"));
        muster_token_free(who);
        assert_int_equal(muster_tokens_refresh(f->tokens, NULL), MUSTER_OK);
        muster_token_free(NULL);
}

/* R-ID-28, R-ID-82, R-ID-83, R-ID-86, R-ID-88, R-ID-100 */
static void test_tokens_refused(void **state)
{
        struct tokens_fix *f = *state;
        const char *good = token_named(f->doc, "access_token");
        char *forged = talloc_strdup(f, good);
        forged[strlen(forged) - 10] = forged[strlen(forged) - 10] == 'A' ? 'B' : 'A';
        const struct {
                const char *token;
                int64_t now_s;
                enum muster_service service;
                enum muster_resource resource;
                const char *code, *req;
                int status;
        } row[] = {
                { forged, NOW_TOKEN, MUSTER_MCPTT, MUSTER_RES_SERVICE, "E_TOKEN_SIGNATURE", "R-ID-82", 401 },
                { good, NOW_TOKEN + 86400, MUSTER_MCPTT, MUSTER_RES_SERVICE, "E_TOKEN_EXPIRED", "R-ID-100", 401 },
                { good, NOW_TOKEN, MUSTER_MCVIDEO, MUSTER_RES_SERVICE, "E_TOKEN_SCOPE", "R-ID-83", 403 },
                { token_named(f->doc, "id_token"), NOW_TOKEN, MUSTER_MCPTT, MUSTER_RES_SERVICE, "E_TOKEN_TYPE",
                  "R-ID-28", 401 },
                { token_named(f->doc, "kms_access_token"), NOW_TOKEN + 200, MUSTER_MCPTT, MUSTER_RES_KMS,
                  "E_TOKEN_AUDIENCE", "R-ID-88", 401 },
                { "no.token", NOW_TOKEN, MUSTER_MCPTT, MUSTER_RES_SERVICE, "E_TOKEN_MALFORMED", "R-ID-82", 401 },
                { NULL, NOW_TOKEN, MUSTER_MCPTT, MUSTER_RES_SERVICE, "E_TOKEN_MISSING", "R-ID-81", 403 },
                { good, NOW_TOKEN, (enum muster_service)7, MUSTER_RES_SERVICE, "E_RANGE", "", 400 },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct muster_token *who = NULL;
                struct muster_error err = { 0 };
                f->clock.s = row[i].now_s;
                assert_int_equal(
                        muster_tokens_check(f->tokens, row[i].token, row[i].service, row[i].resource, &who, &err),
                        MUSTER_REFUSED);
                assert_null(who);
                check_error(&err, row[i].code, row[i].req);
                assert_int_equal(err.result, MUSTER_REFUSED);
                assert_int_equal(err.http_status, row[i].status);
        }
}

/* R-ID-97: without a key nothing was decided */
static void test_tokens_undecided(void **state)
{
        struct tokens_fix *f = *state;
        char ca[] = "/tmp/muster-lib-XXXXXX";
        int fd = mkstemp(ca);
        assert_true(fd >= 0);
        const struct muster_issuer away = { .issuer = text_of(f->doc, "issuer_a"),
                                            .jwks_url = "https://127.0.0.1:1/jwks.json" };
        const char *const audiences[] = { "mcx-a", NULL };
        struct muster_tokens_conf conf = { .issuers = &away, .issuers_n = 1, .audiences = audiences };
        struct muster_tokens *t = NULL;
        struct muster_token *who = NULL;
        struct muster_error err = { 0 };
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        conf.ca_file = "/nonexistent/ca.crt";
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_UNDECIDED);
        check_error(&err, "E_CONFIG", "");
        assert_null(t);
        conf.ca_file = ca;
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_OK);
        assert_int_equal(muster_tokens_check(t, token_named(f->doc, "access_token"), MUSTER_MCPTT, MUSTER_RES_SERVICE,
                                             &who, &err),
                         MUSTER_UNDECIDED);
        check_error(&err, "E_PEER_DOWN", "R-ID-97");
        assert_int_equal(err.http_status, 503);
        assert_int_equal(muster_tokens_refresh(t, &err), MUSTER_UNDECIDED);
        muster_tokens_free(t);
        remove(ca);
        close(fd);
}

static enum ecode open_cached(struct tokens_fix *f, const char *dir, const char *ca, const char *url, const char *text)
{
        const struct muster_issuer is = { .issuer = text_of(f->doc, "issuer_a"), .jwks_url = url, .jwks_text = text };
        const char *const audiences[] = { "mcx-a", NULL };
        const struct muster_tokens_conf conf = {
                .issuers = &is, .issuers_n = 1, .audiences = audiences, .ca_file = ca, .cache_dir = dir
        };
        muster_tokens_free(f->tokens);
        f->tokens = NULL;
        return lib_tokens_open(&conf, &f->clock.base, &f->tokens, NULL);
}

/* R-ID-97: keys that were seen once serve on while the issuer is away, also after a restart */
static void test_tokens_cached(void **state)
{
        struct tokens_fix *f = *state;
        char dir[] = "/tmp/muster-lib-XXXXXX", *set = set_of(f, f->doc, "a_public");
        const char *token = token_named(f->doc, "access_token");
        struct muster_token *who = NULL;
        struct muster_error err = { 0 };
        assert_non_null(mkdtemp(dir));
        char *ca = talloc_asprintf(f, "%s/ca.crt", dir), *clean = talloc_asprintf(f, "rm -r %s", dir);
        FILE *empty = fopen(ca, "w");
        assert_non_null(empty);
        fclose(empty);
        CHECK_OK(open_cached(f, dir, NULL, NULL, set));
        assert_int_equal(muster_tokens_refresh(f->tokens, &err), MUSTER_OK);
        CHECK_OK(open_cached(f, dir, ca, "https://127.0.0.1:1/jwks.json", NULL));
        assert_int_equal(muster_tokens_check(f->tokens, token, MUSTER_MCPTT, MUSTER_RES_SERVICE, &who, &err),
                         MUSTER_OK);
        muster_token_free(who);
        assert_int_equal(system(clean), 0);
}

static void test_tokens_conf(void **state)
{
        struct tokens_fix *f = *state;
        const char *const audiences[] = { "mcx-a", NULL };
        struct muster_issuer is = { .issuer = text_of(f->doc, "issuer_a"), .jwks_text = "{\"keys\":" };
        struct muster_tokens_conf conf = { .issuers = &is, .issuers_n = 1, .audiences = audiences };
        struct muster_tokens *t = NULL;
        struct muster_error err = { 0 };
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_REFUSED);
        check_error(&err, "E_SYNTAX", err.requirement);
        is.jwks_text = "{\"keys\":[]}";
        is.jwks_url = "https://127.0.0.1:1/jwks.json";
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        is.jwks_url = NULL;
        conf.audiences = NULL;
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_REFUSED);
        conf.audiences = audiences;
        conf.issuers_n = 0;
        assert_int_equal(muster_tokens_open(&conf, &t, &err), MUSTER_REFUSED);
        assert_null(t);
        muster_tokens_free(NULL);
}

/* --- keys and messages --- */

static struct world {
        void *mem;
        json_t *doc;
        struct bytes init;
        struct muster_keys *alice, *bob, *gms, *server;
} world;

/* The keyprov answer that the example KMS would give this user. */
static struct bytes keyprov_of(void *mem, const json_t *u)
{
        struct kms_key_set k = { .kms_uri = talloc_strdup(mem, "kms.example.org"),
                                 .cert_uri = talloc_strdup(mem, "cert1.kms.example.org"),
                                 .user_uri = talloc_strdup(mem, text_of(u, "uri")),
                                 .valid_from = KMS_TIME_NONE,
                                 .valid_to = KMS_TIME_NONE,
                                 .key_period_no = (uint64_t)json_integer_value(json_object_get(u, "key_period_no")),
                                 .decrypt_key.plain = vector_hex(mem, text_of(u, "UserDecryptKey")),
                                 .signing_key_ssk.plain = vector_hex(mem, text_of(u, "UserSigningKeySSK")),
                                 .pub_token_pvt.plain = vector_hex(mem, text_of(u, "UserPubTokenPVT")) };
        memcpy(k.user_id.b, vector_hex(mem, text_of(u, "uid_hex")).p, sizeof k.user_id.b);
        struct kms_response rs = { .user_uri = k.user_uri,
                                   .kms_uri = k.kms_uri,
                                   .time_s = NOW_KEYS,
                                   .client_req_url = talloc_strdup(mem, "https://kms.example.org/keyprov"),
                                   .content = KMS_KEYPROV,
                                   .sets = &k,
                                   .sets_n = 1 };
        struct bytes xml = { 0 };
        struct err er = { 0 };
        if (kms_response_print(mem, &rs, NULL, &xml, &er) != E_OK)
                fail_msg("%s", er.text);
        return xml;
}

static struct muster_keys_source source_of(const char *uri, struct bytes keyprov)
{
        return (struct muster_keys_source){ .init = world.init.p,
                                            .init_n = world.init.n,
                                            .keyprov = keyprov.p,
                                            .keyprov_n = keyprov.n,
                                            .user_uri = uri,
                                            .now_s = NOW_KEYS };
}

static const json_t *user_of(const char *uri)
{
        const json_t *u;
        size_t i;
        json_array_foreach(json_object_get(json_object_get(world.doc, "example_kms"), "users"), i, u)
        {
                if (strcmp(text_of(u, "uri"), uri) == 0 &&
                    json_integer_value(json_object_get(u, "key_period_no")) == 1540)
                        return u;
        }
        fail_msg("no user %s", uri);
        return NULL;
}

static struct muster_keys *keys_of(const char *uri, bool much)
{
        struct muster_keys *k = NULL;
        struct muster_error err = { 0 };
        struct muster_keys_source from = source_of(uri, keyprov_of(world.mem, user_of(uri)));
        from.receives_much = much;
        if (muster_keys_read(&from, &k, &err) != MUSTER_OK)
                fail_msg("%s: %s %s", uri, err.code, err.text);
        return k;
}

static int set_up_keys(void **state)
{
        (void)state;
        world.mem = talloc_new(NULL);
        world.doc = vector_json(world.mem, "mikey-3gpp.json");
        world.init = vector_file(world.mem, "kms-xml/02-init-response.xml");
        world.alice = keys_of("sip:alice@example.org", false);
        world.bob = keys_of("sip:bob@example.org", false);
        world.gms = keys_of("sip:gms@example.org", false);
        world.server = keys_of("sip:mcptt-server@example.org", true);
        return 0;
}

static int tear_down_keys(void **state)
{
        (void)state;
        muster_keys_free(world.alice);
        muster_keys_free(world.bob);
        muster_keys_free(world.gms);
        muster_keys_free(world.server);
        json_decref(world.doc);
        talloc_free(world.mem);
        return 0;
}

static void test_keys(void **state)
{
        (void)state;
        uint8_t uid[32];
        uint64_t no = 0;
        int64_t from = 0, to = 0;
        assert_string_equal(muster_keys_uri(world.alice), "sip:alice@example.org");
        assert_string_equal(muster_domain_kms_uri(muster_keys_domain(world.alice)), "kms.example.org");
        muster_keys_uid(world.alice, uid);
        CHECK_BYTES("UID", BYTES_ARR(uid), vector_hex(world.mem, text_of(user_of("sip:alice@example.org"), "uid_hex")));
        muster_keys_period(world.alice, &no, &from, &to);
        assert_int_equal(no, 1540);
        assert_true(from <= NOW_KEYS && NOW_KEYS < to);
        assert_int_equal(to - from, 2592000);
        muster_keys_period(world.alice, NULL, NULL, NULL);
        muster_keys_free(NULL);
}

/* What was handed out for storage reads again. */
static void test_keys_kept(void **state)
{
        (void)state;
        struct muster_keys_source s = { .user_uri = "sip:bob@example.org", .now_s = NOW_KEYS };
        struct muster_keys *k = NULL;
        struct muster_error err = { 0 };
        assert_int_equal(muster_keys_documents(world.bob, &s.init, &s.init_n, &s.keyprov, &s.keyprov_n, &err),
                         MUSTER_OK);
        assert_int_equal(muster_keys_read(&s, &k, &err), MUSTER_OK);
        assert_string_equal(muster_keys_uri(k), "sip:bob@example.org");
        muster_keys_free(k);
        s.user_uri = "sip:alice@example.org";
        k = NULL;
        assert_int_equal(muster_keys_read(&s, &k, &err), MUSTER_REFUSED);
        check_error(&err, "E_NOT_FOUND", "R-KMS-2");
        s.user_uri = NULL;
        assert_int_equal(muster_keys_read(&s, &k, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        s.user_uri = "sip:bob@example.org";
        s.keyprov_n -= 20;
        assert_int_equal(muster_keys_read(&s, &k, &err), MUSTER_REFUSED);
        assert_null(k);
}

/* R-KMS-6, R-KMS-7: keys that are not what they should be are not used */
static void test_keys_wrong(void **state)
{
        (void)state;
        static const char *const member[] = { "UserDecryptKey", "UserSigningKeySSK", "uid_hex" };
        for (size_t i = 0; i < COUNT(member); i++) {
                json_t *u = json_deep_copy(user_of("sip:alice@example.org"));
                json_object_set(u, member[i], json_object_get(user_of("sip:bob@example.org"), member[i]));
                struct muster_keys_source s = source_of("sip:alice@example.org", keyprov_of(world.mem, u));
                struct muster_keys *k = NULL;
                struct muster_error err = { 0 };
                assert_int_equal(muster_keys_read(&s, &k, &err), MUSTER_REFUSED);
                assert_string_equal(err.code, "E_KEY_INVALID");
                assert_null(k);
                json_decref(u);
        }
}

static struct muster_mikey_expect expect_of(const struct muster_keys *const *self, enum muster_key_type type,
                                            const char *initiator)
{
        return (struct muster_mikey_expect){ .selves = self,
                                             .selves_n = 1,
                                             .initiator_uri = initiator,
                                             .types = MUSTER_KEY_BIT(type),
                                             .now_s = NOW_KEYS + 3,
                                             .window_s = 30 };
}

static void round_trip(enum muster_key_type type, const struct muster_keys *from, const struct muster_keys *to,
                       const struct muster_key_params *params, bool clear)
{
        struct muster_key key;
        struct muster_error err = { 0 };
        struct muster_mikey_opened *o = NULL;
        uint8_t *message = NULL;
        size_t n = 0;
        assert_int_equal(muster_key_new(type, &key, &err), MUSTER_OK);
        struct muster_mikey_offer offer = { .from = from,
                                            .peer_uri = muster_keys_uri(to),
                                            .key = &key,
                                            .params = params,
                                            .sessions = MUSTER_MCPTT,
                                            .time_s = NOW_KEYS,
                                            .clear_uris = clear };
        if (muster_mikey_make(&offer, &message, &n, &err) != MUSTER_OK)
                fail_msg("%s %s", err.code, err.text);
        struct muster_mikey_expect x = expect_of(&to, type, clear ? NULL : muster_keys_uri(from));
        if (muster_mikey_open(message, n, &x, &o, &err) != MUSTER_OK)
                fail_msg("%s %s", err.code, err.text);
        assert_memory_equal(o->key.octets, key.octets, sizeof key.octets);
        assert_int_equal(o->key.id, key.id);
        assert_int_equal(o->type, type);
        assert_int_equal(o->time_s, NOW_KEYS);
        assert_string_equal(o->initiator_uri, muster_keys_uri(from));
        assert_string_equal(o->receiver_uri, muster_keys_uri(to));
        assert_string_equal(o->initiator_kms_uri, "kms.example.org");
        assert_true(muster_mikey_initiator_is(o, muster_keys_uri(from)));
        assert_false(muster_mikey_initiator_is(o, "sip:mallory@example.org"));
        assert_int_equal(o->params != NULL, params != NULL);
        if (params != NULL && params->groups_n > 0) {
                assert_int_equal(o->params->groups_n, params->groups_n);
                assert_string_equal(o->params->groups[0], params->groups[0]);
                assert_int_equal(o->params->expiry_s, params->expiry_s);
        }
        muster_mikey_opened_free(o);
        muster_free(message);
        muster_key_wipe(&key);
}

/* R-KMS-100, R-KMS-109 */
static void test_round_trips(void **state)
{
        (void)state;
        const char *const groups[] = { "sip:group1@example.org" };
        const struct muster_key_params plain = { 0 },
                                       group = { .groups = groups, .groups_n = 1, .expiry_s = NOW_KEYS + 86400 };
        round_trip(MUSTER_CSK, world.alice, world.server, &plain, false);
        round_trip(MUSTER_PCK, world.alice, world.bob, NULL, false);
        round_trip(MUSTER_PCK, world.bob, world.alice, NULL, true);
        round_trip(MUSTER_GMK, world.gms, world.bob, &group, false);
}

static struct bytes example(const char *name, uint8_t key[16])
{
        const json_t *one;
        size_t i;
        json_array_foreach(json_object_get(world.doc, "worked_examples"), i, one)
        {
                if (strcmp(text_of(one, "name"), name) == 0) {
                        memcpy(key, vector_hex(world.mem, text_of(one, "key")).p, 16);
                        return vector_hex(world.mem, text_of(one, "message_hex"));
                }
        }
        fail_msg("no example %s", name);
        return (struct bytes){ 0 };
}

/* Messages of another make: R-KMS-105, R-KMS-106, R-KMS-108 */
static void test_examples_opened(void **state)
{
        (void)state;
        uint8_t key[16];
        struct muster_mikey_opened *o = NULL;
        struct muster_error err = { 0 };
        struct bytes m = example("CSK upload", key);
        const struct muster_keys *self = world.server;
        struct muster_mikey_expect x = expect_of(&self, MUSTER_CSK, "sip:alice@example.org");
        assert_int_equal(muster_mikey_open(m.p, m.n, &x, &o, &err), MUSTER_OK);
        assert_memory_equal(o->key.octets, key, sizeof key);
        assert_int_equal(o->key.id, 0x2e3856fb);
        muster_mikey_opened_free(o);
        o = NULL;
        x.initiator_uri = "sip:bob@example.org";
        assert_int_equal(muster_mikey_open(m.p, m.n, &x, &o, &err), MUSTER_REFUSED);
        check_error(&err, "E_TOKEN_IDENTITY", "R-KMS-106");
        x.initiator_uri = "sip:alice@example.org";
        x.types = MUSTER_KEY_BIT(MUSTER_PCK);
        assert_int_equal(muster_mikey_open(m.p, m.n, &x, &o, &err), MUSTER_REFUSED);
        check_error(&err, "E_RANGE", "R-KMS-108");
        self = world.bob;
        x.types = MUSTER_KEY_BIT(MUSTER_CSK);
        assert_int_equal(muster_mikey_open(m.p, m.n, &x, &o, &err), MUSTER_REFUSED);
        assert_string_equal(err.code, "E_NOT_FOUND");
        self = world.server;
        x.now_s = NOW_KEYS + 600;
        assert_int_equal(muster_mikey_open(m.p, m.n, &x, &o, &err), MUSTER_REFUSED);
        assert_string_equal(err.code, "E_RANGE");
        assert_int_equal(muster_mikey_open(m.p, 40, &x, &o, &err), MUSTER_REFUSED);
        assert_null(o);
        muster_mikey_opened_free(NULL);
}

static void test_mikey_arguments(void **state)
{
        (void)state;
        struct muster_key key;
        struct muster_error err = { 0 };
        uint8_t *message = NULL;
        size_t n = 0;
        assert_int_equal(muster_key_new((enum muster_key_type)7, &key, &err), MUSTER_REFUSED);
        check_error(&err, "E_RANGE", "");
        struct muster_mikey_offer offer = { .from = world.alice };
        assert_int_equal(muster_mikey_make(&offer, &message, &n, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        assert_int_equal(muster_mikey_make(&offer, &message, &n, NULL), MUSTER_REFUSED);
        assert_null(message);
        muster_free(NULL);
}

/* Encrypted to a user of the partner: nobody here can open it. */
static void offer_to_partner(const struct muster_domain *partner)
{
        struct muster_key key;
        struct muster_error err = { 0 };
        struct muster_mikey_opened *o = NULL;
        uint8_t *message = NULL;
        size_t n = 0;
        const struct muster_keys *self = world.bob;
        assert_int_equal(muster_key_new(MUSTER_PCK, &key, &err), MUSTER_OK);
        struct muster_mikey_offer offer = { .from = world.alice,
                                            .peer_uri = muster_keys_uri(world.bob),
                                            .peer_domain = partner,
                                            .key = &key,
                                            .time_s = NOW_KEYS };
        assert_int_equal(muster_mikey_make(&offer, &message, &n, &err), MUSTER_OK);
        struct muster_mikey_expect x = expect_of(&self, MUSTER_PCK, "sip:alice@example.org");
        x.partners = &partner;
        x.partners_n = 1;
        assert_int_equal(muster_mikey_open(message, n, &x, &o, &err), MUSTER_REFUSED);
        assert_string_equal(err.code, "E_NOT_FOUND");
        assert_null(o);
        muster_free(message);
}

/* A partner's certificate comes by itself: R-KMS-112 */
static void test_domains(void **state)
{
        (void)state;
        struct muster_domain *d = NULL;
        struct muster_error err = { 0 };
        struct bytes cache = vector_file(world.mem, "kms-xml/07-certcache-response.xml");
        assert_int_equal(muster_domain_read(cache.p, cache.n, &d, &err), MUSTER_OK);
        assert_string_equal(muster_domain_kms_uri(d), "kms.partner.example");
        offer_to_partner(d);
        muster_domain_free(d);
        d = NULL;
        assert_int_equal(muster_domain_read(world.init.p, world.init.n, &d, &err), MUSTER_OK);
        assert_string_equal(muster_domain_kms_uri(d), "kms.example.org");
        muster_domain_free(d);
        d = NULL;
        struct bytes keyprov = keyprov_of(world.mem, user_of("sip:bob@example.org"));
        assert_int_equal(muster_domain_read(keyprov.p, keyprov.n, &d, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        assert_int_equal(muster_domain_read((const uint8_t *)"<x/>", 4, &d, &err), MUSTER_REFUSED);
        assert_null(d);
        muster_domain_free(NULL);
}

/* --- a UE and a KMS client, without a network --- */

#define PROFILE                                                                                                        \
        "{\"user\":\"alice\",\"mc_id\":\"alice@mc.example\",\"impi\":\"alice@ims.mc.example\","                        \
        "\"impu\":\"sip:alice@ims.mc.example\",\"ims_domain\":\"ims.mc.example\",\"auth\":\"digest\","                 \
        "\"sip_password\":\"p\",\"mc_client_id\":\"urn:uuid:1\",\"oauth_client\":\"c\",\"redirect_uri\":\"r:/\","      \
        "\"init_url\":\"https://127.0.0.1:1/x\",\"psi_mcptt\":\"sip:a@x\",\"psi_mcvideo\":\"sip:b@x\","                \
        "\"psi_mcdata\":\"sip:c@x\"}"

struct ue_fix {
        char dir[64], ca[96];
        struct muster_ue_conf conf;
};

static int set_up_ue(void **state)
{
        struct ue_fix *f = talloc_zero(NULL, struct ue_fix);
        X509 *crt = NULL;
        EVP_PKEY *key = NULL;
        snprintf(f->dir, sizeof f->dir, "/tmp/muster-lib-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        assert_true(pki_issue("ca", 1, NULL, NULL, &crt, &key));
        assert_true(pki_write(f->dir, "ca", crt, key));
        X509_free(crt);
        EVP_PKEY_free(key);
        snprintf(f->ca, sizeof f->ca, "%s/ca.crt", f->dir);
        f->conf = (struct muster_ue_conf){ .profile_json = PROFILE, .ca_file = f->ca, .local_ip = "127.0.0.1" };
        *state = f;
        return 0;
}

static int tear_down_ue(void **state)
{
        struct ue_fix *f = *state;
        char key[96];
        snprintf(key, sizeof key, "%s/ca.key", f->dir);
        unlink(key);
        unlink(f->ca);
        rmdir(f->dir);
        talloc_free(f);
        return 0;
}

static void test_ue_conf(void **state)
{
        struct ue_fix *f = *state;
        static const struct {
                const char *profile, *state, *ca, *ip, *transport, *code;
                enum muster_result result;
        } row[] = {
                { NULL, NULL, NULL, NULL, NULL, "E_MISSING", MUSTER_REFUSED },
                { "{", NULL, "", "127.0.0.1", NULL, "E_SYNTAX", MUSTER_REFUSED },
                { "{}", NULL, "", "127.0.0.1", NULL, "E_MISSING", MUSTER_REFUSED },
                { PROFILE, "[", "", "127.0.0.1", NULL, "E_SYNTAX", MUSTER_REFUSED },
                { PROFILE, NULL, "", "127.0.0.1", "carrier pigeon", "E_RANGE", MUSTER_REFUSED },
                { PROFILE, NULL, "", "nowhere", "udp", "E_SYNTAX", MUSTER_REFUSED },
                { PROFILE, NULL, "/nonexistent/ca.crt", "127.0.0.1", NULL, "E_CONFIG", MUSTER_UNDECIDED },
        };
        for (size_t i = 0; i < COUNT(row); i++) {
                struct muster_ue *ue = NULL;
                struct muster_error err = { 0 };
                struct muster_ue_conf c = { .profile_json = row[i].profile,
                                            .state_json = row[i].state,
                                            .ca_file = row[i].ca != NULL && row[i].ca[0] == 0 ? f->ca : row[i].ca,
                                            .local_ip = row[i].ip,
                                            .transport = row[i].transport };
                assert_int_equal(muster_ue_open(&c, &ue, &err), row[i].result);
                check_error(&err, row[i].code, "");
                assert_null(ue);
        }
        muster_ue_free(NULL);
}

/* Nobody answers: every step is undecided, and what is known stays readable. */
static void test_ue_alone(void **state)
{
        struct ue_fix *f = *state;
        struct muster_ue *ue = NULL;
        struct muster_error err = { 0 };
        struct muster_ue_view view;
        struct muster_key csk;
        char *text = NULL;
        f->conf.state_json =
                "{\"sqn\":\"00000000002a\",\"tokens\":{\"sub\":\"u-1\",\"mcptt_id\":\"sip:alice@mc.example\"}}";
        if (muster_ue_open(&f->conf, &ue, &err) != MUSTER_OK)
                fail_msg("%s %s", err.code, err.text);
        assert_int_equal(muster_ue_login(ue, "secret", &err), MUSTER_UNDECIDED);
        check_error(&err, "E_PEER_DOWN", "");
        assert_int_equal(muster_ue_register(ue, 600, false, &err), MUSTER_UNDECIDED);
        assert_int_equal(muster_ue_authorize(ue, MUSTER_MCPTT, &err), MUSTER_UNDECIDED);
        assert_int_equal(muster_ue_login(ue, NULL, &err), MUSTER_REFUSED);
        assert_int_equal(muster_ue_register(ue, 0, false, &err), MUSTER_REFUSED);
        assert_int_equal(muster_ue_authorize(ue, MUSTER_ANY_SERVICE, &err), MUSTER_REFUSED);
        check_error(&err, "E_RANGE", "");
        assert_int_equal(muster_ue_csk(ue, MUSTER_MCPTT, &csk, &err), MUSTER_REFUSED);
        check_error(&err, "E_NOT_FOUND", "");
        assert_null(muster_ue_keys(ue, MUSTER_MCPTT));
        assert_null(muster_ue_keys(ue, MUSTER_ANY_SERVICE));
        muster_ue_look(ue, &view);
        assert_string_equal(view.sub, "u-1");
        assert_string_equal(view.mcptt_id, "sip:alice@mc.example");
        assert_null(view.mcdata_id);
        assert_int_equal(muster_ue_state(ue, &text, &err), MUSTER_OK);
        assert_non_null(strstr(text, "00000000002a"));
        muster_free(text);
        muster_ue_free(ue);
}

static void test_kms_conf(void **state)
{
        struct ue_fix *f = *state;
        struct muster_kms_conf c = { .url = "https://127.0.0.1:1/" };
        struct muster_kms *kms = NULL;
        struct muster_keys *keys = NULL;
        struct muster_error err = { 0 };
        assert_int_equal(muster_kms_open(&c, &kms, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        c.ca_file = f->ca;
        assert_int_equal(muster_kms_open(&c, &kms, &err), MUSTER_OK);
        assert_int_equal(muster_kms_fetch(kms, "sip:alice@mc.example", "a.b.c", 0, &keys, &err), MUSTER_UNDECIDED);
        check_error(&err, "E_PEER_DOWN", "");
        assert_int_equal(muster_kms_fetch(kms, NULL, "a.b.c", 0, &keys, &err), MUSTER_REFUSED);
        check_error(&err, "E_MISSING", "");
        assert_null(keys);
        muster_kms_free(kms);
}

int main(void)
{
        const struct CMUnitTest tokens[] = {
                cmocka_unit_test_setup_teardown(test_tokens_accepted, set_up_tokens, tear_down_tokens),
                cmocka_unit_test_setup_teardown(test_tokens_refused, set_up_tokens, tear_down_tokens),
                cmocka_unit_test_setup_teardown(test_tokens_undecided, set_up_tokens, tear_down_tokens),
                cmocka_unit_test_setup_teardown(test_tokens_cached, set_up_tokens, tear_down_tokens),
                cmocka_unit_test_setup_teardown(test_tokens_conf, set_up_tokens, tear_down_tokens),
        };
        const struct CMUnitTest keys[] = {
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_keys_kept),
                cmocka_unit_test(test_keys_wrong),
                cmocka_unit_test(test_round_trips),
                cmocka_unit_test(test_examples_opened),
                cmocka_unit_test(test_mikey_arguments),
                cmocka_unit_test(test_domains),
        };
        const struct CMUnitTest alone[] = {
                cmocka_unit_test_setup_teardown(test_ue_conf, set_up_ue, tear_down_ue),
                cmocka_unit_test_setup_teardown(test_ue_alone, set_up_ue, tear_down_ue),
                cmocka_unit_test_setup_teardown(test_kms_conf, set_up_ue, tear_down_ue),
        };
        return cmocka_run_group_tests_name("libmuster: tokens", tokens, NULL, NULL) +
               cmocka_run_group_tests_name("libmuster: keys", keys, set_up_keys, tear_down_keys) +
               cmocka_run_group_tests_name("libmuster: UE", alone, NULL, NULL);
}
