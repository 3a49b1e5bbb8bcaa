/* What the HSS decides (TS 29.228 clause 6, TS 33.102 clause 6.3), on a store in memory. */
#include "test/kit/check.h"
#include "test/kit/store_hss_mem.h"

#include "base/secret.h"
#include "crypto/digest.h"
#include "role/hss/hss_priv.h"

#define ALICE  "alice.impi@ims.mc.example"
#define IMPU   "sip:alice.impu@ims.mc.example"
#define BOB    "bob.impi@ims.mc.example"
#define BOBU   "sip:bob.impu@ims.mc.example"
#define S1     "sip:s1.ims.mc.example:6060"
#define S2     "sip:s2.ims.mc.example:6060"
#define K_HEX  "465b5ce8b199b49faa5f0a2ee238a6bc" /* TS 35.208 test set 1 */
#define OP_HEX "cdc202d5123e20f62b6d676ac72cb318"

struct world {
        struct hss_mem *st;
        struct clock_fake clock;
        struct role_env env;
        struct hss_conf conf;
        struct hss *h;
        struct log *log;
        const char *as[1];
};

static const struct seal_key seal_octets = { "0123456789abcdef0123456789abcdef" };

static void world_open(struct world *w)
{
        struct err er = { 0 };
        if (hss_open(w, &w->env, &w->conf, &w->h, &er) != E_OK)
                fail_msg("%s", er.text);
}

static const char *both_parts[] = { "request", "response" };

static struct world *world(void)
{
        struct world *w = talloc_zero(NULL, struct world);
        w->st = hss_mem_new(w);
        w->clock = clock_fake_at(1767261600);
        w->log = log_mem();
        w->as[0] = "sip:127.0.1.5:5061;transport=tls";
        w->conf = (struct hss_conf){
                .as = { w->as, 1 },
                .as_failure = "continued",
                .as_parts = { both_parts, COUNT(both_parts) },
                .as_info = "",
                .sqn = "counter",
                .digest_realm = "ims.mc.example",
        };
        w->env = (struct role_env){ .clock = &w->clock.base,
                                    .rng = &rng_system,
                                    .log = w->log,
                                    .store = &w->st->port,
                                    .seal_key = &seal_octets };
        world_open(w);
        return w;
}

static void world_free(struct world *w)
{
        log_close(w->log);
        talloc_free(w);
}

static enum ecode admin(struct world *w, const char *cmd, json_t *in, json_t **out, struct err *er)
{
        enum ecode e = E_INTERNAL;
        for (const struct admin_cmd *c = hss_admin_cmds; c->name != NULL; c++) {
                if (!strcmp(c->name, cmd))
                        e = c->fn(w->h, w, in, out, er);
        }
        json_decref(in);
        return e;
}

static void put(struct world *w, json_t *in)
{
        json_t *out = NULL;
        struct err er = { 0 };
        if (admin(w, "user-put", in, &out, &er) != E_OK)
                fail_msg("user-put: %s %s", ecode_name(er.code), er.text);
        json_decref(out);
}

static void put_alice(struct world *w)
{
        put(w, json_pack("{s:s,s:[s,{s:s,s:b}],s:s,s:s,s:s,s:s}", "impi", ALICE, "impus", IMPU, "uri", "tel:+15550100",
                         "barred", 1, "auth", "aka", "k", K_HEX, "op", OP_HEX, "amf", "8000"));
}

static void put_bob(struct world *w)
{
        put(w, json_pack("{s:s,s:[s],s:s,s:s}", "impi", BOB, "impus", BOBU, "auth", "digest", "password", "secret"));
}

static uint32_t uar(struct world *w, const char *impi, const char *impu, uint32_t type, const char **server)
{
        struct cx_uaa a = { 0 };
        struct err er = { 0 };
        hss_uar(w->h, w, &(struct cx_uar){ .impi = impi, .impu = impu, .type = type }, &a, &er);
        if (server != NULL)
                *server = a.server_name;
        return a.result;
}

static struct cx_mar mar_of(uint32_t count)
{
        return (struct cx_mar){ .impi = ALICE, .impu = IMPU, .server_name = S1, .scheme = CX_AKA, .count = count };
}

static struct cx_maa mar(struct world *w, const struct cx_mar *rq)
{
        struct cx_maa a = { 0 };
        struct err er = { 0 };
        hss_mar(w->h, w, rq, &a, &er);
        return a;
}

static uint32_t sar(struct world *w, enum cx_assignment type, const char *server, const char **data)
{
        struct cx_saa a = { 0 };
        struct err er = { 0 };
        hss_sar(w->h, w, &(struct cx_sar){ .impi = ALICE, .impu = IMPU, .server_name = server, .type = type }, &a, &er);
        if (data != NULL)
                *data = a.user_data;
        return a.result;
}

/* The USIM's side of one vector: its sequence number when everything fits. */
static uint64_t usim_opens(const struct cx_auth_item *it)
{
        struct milenage_k k;
        struct milenage_op op;
        struct milenage_opc opc;
        struct milenage_f2345 f;
        struct aka_rand rand;
        uint8_t amf[2];
        uint64_t sqn = 0;
        assert_int_equal(it->scheme, CX_AKA);
        CHECK_OK(hex_decode_to(bytes_str(K_HEX), k.b, 16));
        CHECK_OK(hex_decode_to(bytes_str(OP_HEX), op.b, 16));
        CHECK_OK(milenage_opc_of(&k, &op, &opc));
        memcpy(rand.b, it->rand.p, 16);
        CHECK_OK(aka_autn_open(&k, &opc, &rand, it->autn, &f, &sqn, amf));
        CHECK_BYTES("RES", it->xres, BYTES_ARR(f.res));
        CHECK_BYTES("CK", it->ck, BYTES_ARR(f.ck));
        CHECK_BYTES("IK", it->ik, BYTES_ARR(f.ik));
        assert_true(amf[0] == 0x80 && amf[1] == 0);
        return sqn;
}

static struct bytes usim_resync(void *mem, const struct cx_auth_item *it, uint64_t sqn_ms)
{
        struct milenage_k k;
        struct milenage_op op;
        struct milenage_opc opc;
        struct aka_rand rand;
        uint8_t *out = talloc_size(mem, 30);
        CHECK_OK(hex_decode_to(bytes_str(K_HEX), k.b, 16));
        CHECK_OK(hex_decode_to(bytes_str(OP_HEX), op.b, 16));
        CHECK_OK(milenage_opc_of(&k, &op, &opc));
        memcpy(rand.b, it->rand.p, 16);
        memcpy(out, it->rand.p, 16);
        CHECK_OK(aka_auts_make(&k, &opc, &rand, sqn_ms, out + 16));
        return bytes_of(out, 30);
}

/* R-SA-13, R-SA-14 */
static void unknown_is_not_mismatch(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        put_bob(w);
        assert_int_equal(uar(w, "nobody@ims.mc.example", IMPU, 0, NULL), CX_ERROR_USER_UNKNOWN);
        assert_int_equal(uar(w, ALICE, "sip:nobody@ims.mc.example", 0, NULL), CX_ERROR_USER_UNKNOWN);
        assert_int_equal(uar(w, ALICE, BOBU, 0, NULL), CX_ERROR_IDENTITIES_DONT_MATCH);
        struct cx_mar q = mar_of(1);
        q.impu = BOBU;
        assert_int_equal(mar(w, &q).result, CX_ERROR_IDENTITIES_DONT_MATCH);
        q.impi = "nobody@ims.mc.example";
        assert_int_equal(mar(w, &q).result, CX_ERROR_USER_UNKNOWN);
        world_free(w);
}

/* The way of a registration and back: the name of the S-CSCF comes with the MAR and goes with the SAR. */
static void assignment_follows_registration(void **state)
{
        (void)state;
        struct world *w = world();
        const char *server = "?";
        put_alice(w);
        assert_int_equal(uar(w, ALICE, IMPU, 0, &server), CX_FIRST_REGISTRATION);
        assert_null(server);
        assert_int_equal(uar(w, ALICE, IMPU, 1, NULL), CX_ERROR_IDENTITY_NOT_REGISTERED);
        assert_int_equal(sar(w, CX_NO_ASSIGNMENT, S1, NULL), CX_UNABLE_TO_COMPLY);
        struct cx_mar q = mar_of(1);
        assert_int_equal(mar(w, &q).result, CX_SUCCESS);
        assert_int_equal(uar(w, ALICE, IMPU, 0, &server), CX_SUBSEQUENT_REGISTRATION);
        assert_string_equal(server, S1);
        assert_int_equal(sar(w, CX_AUTHENTICATION_FAILURE, S1, NULL), CX_SUCCESS);
        assert_int_equal(uar(w, ALICE, IMPU, 0, NULL), CX_FIRST_REGISTRATION);
        assert_int_equal(mar(w, &q).result, CX_SUCCESS);
        assert_int_equal(sar(w, CX_REGISTRATION, S2, NULL), CX_ERROR_IDENTITY_ALREADY_REGISTERED);
        assert_int_equal(sar(w, CX_REGISTRATION, S1, NULL), CX_SUCCESS);
        unsigned writes = w->st->writes;
        assert_int_equal(sar(w, CX_RE_REGISTRATION, S1, NULL), CX_SUCCESS);
        assert_int_equal(w->st->writes, writes);
        assert_int_equal(sar(w, CX_AUTHENTICATION_TIMEOUT, S1, NULL), CX_SUCCESS); /* of a re-authentication */
        assert_int_equal(uar(w, ALICE, IMPU, 1, &server), CX_SUCCESS);
        assert_string_equal(server, S1);
        assert_int_equal(uar(w, ALICE, IMPU, 2, &server), CX_SUCCESS);
        assert_null(server);
        assert_int_equal(sar(w, CX_NO_ASSIGNMENT, S1, NULL), CX_SUCCESS);
        assert_int_equal(sar(w, CX_USER_DEREGISTRATION, S2, NULL), CX_UNABLE_TO_COMPLY);
        assert_int_equal(sar(w, CX_USER_DEREGISTRATION, S1, NULL), CX_SUCCESS);
        assert_int_equal(sar(w, CX_TIMEOUT_DEREGISTRATION, S1, NULL), CX_SUCCESS); /* twice is no error */
        assert_int_equal(uar(w, ALICE, IMPU, 0, NULL), CX_FIRST_REGISTRATION);
        assert_int_equal(sar(w, CX_UNREGISTERED_USER, S1, NULL), CX_SUCCESS);
        assert_int_equal(w->st->s[0]->state, HSS_UNREGISTERED);
        assert_int_equal(sar(w, CX_ADMINISTRATIVE_DEREGISTRATION, S1, NULL), CX_SUCCESS);
        assert_int_equal(sar(w, (enum cx_assignment)7, S1, NULL), CX_ERROR_IN_ASSIGNMENT_TYPE);
        assert_int_equal(sar(w, (enum cx_assignment)99, S1, NULL), CX_ERROR_IN_ASSIGNMENT_TYPE);
        world_free(w);
}

/* R-SA-17: default identity first, barred ones marked. R-SA-33: the criteria that the S-CSCF evaluates. */
static void profile_names_identities_and_servers(void **state)
{
        (void)state;
        struct world *w = world();
        const char *xml = NULL;
        struct ims_subscription *s = NULL;
        put_alice(w);
        assert_int_equal(sar(w, CX_REGISTRATION, S1, &xml), CX_SUCCESS);
        CHECK_OK(ims_subscription_parse(w, bytes_str(xml), &s, NULL));
        assert_string_equal(s->private_id, ALICE);
        assert_int_equal(s->profiles_n, 1);
        const struct ims_profile *p = &s->profiles[0];
        assert_int_equal(p->identities_n, 2);
        assert_string_equal(p->identities[0].uri, IMPU);
        assert_true(!p->identities[0].barred && p->identities[1].barred);
        assert_int_equal(p->ifcs_n, 2);
        assert_true(p->ifcs[0].as.include_register_request && p->ifcs[0].as.include_register_response);
        assert_false(p->ifcs[1].as.include_register_request);
        struct ifc_match m = { 0 };
        struct ifc_request rq = { .method = "REGISTER", .request_uri = "sip:ims.mc.example" };
        const unsigned types[] = { IFC_REG_INITIAL, IFC_REG_RE, IFC_REG_DE };
        for (size_t i = 0; i < COUNT(types); i++) {
                rq.reg_type = types[i];
                CHECK_OK(ifc_eval(w, p, &rq, &m, NULL));
                assert_int_equal(m.n, 1);
                assert_string_equal(m.as[0]->server_name, w->as[0]);
        }
        w->conf.as_parts.n = 1; /* R-SA-31: by configuration */
        w->conf.as_info = "mcx=1";
        world_open(w);
        assert_int_equal(sar(w, CX_RE_REGISTRATION, S1, &xml), CX_SUCCESS);
        CHECK_OK(ims_subscription_parse(w, bytes_str(xml), &s, NULL));
        const struct ifc_as *as = &s->profiles[0].ifcs[0].as;
        assert_true(as->include_register_request && !as->include_register_response);
        assert_string_equal(as->service_info, "mcx=1");
        w->conf.as.n = 0; /* no servers: a profile without criteria */
        world_open(w);
        assert_int_equal(sar(w, CX_RE_REGISTRATION, S1, &xml), CX_SUCCESS);
        CHECK_OK(ims_subscription_parse(w, bytes_str(xml), &s, NULL));
        assert_int_equal(s->profiles[0].ifcs_n, 0);
        world_free(w);
}

static bool asserted(const void *message, size_t nth, const char **name, const char **value)
{
        *name = "P-Asserted-Service";
        *value = message;
        return nth == 0 && message != NULL;
}

/* R-SA-33 */
static void mc_requests_go_to_the_server(void **state)
{
        (void)state;
        struct world *w = world();
        const char *xml = NULL;
        struct ims_subscription *s = NULL;
        put_alice(w);
        assert_int_equal(sar(w, CX_REGISTRATION, S1, &xml), CX_SUCCESS);
        CHECK_OK(ims_subscription_parse(w, bytes_str(xml), &s, NULL));
        static const struct {
                const char *method, *service;
                enum ifc_session_case where;
                size_t want;
        } rows[] = {
                { "PUBLISH", "urn:urn-7:3gpp-service.ims.icsi.mcptt", IFC_ORIGINATING_REGISTERED, 1 },
                { "SUBSCRIBE", "urn:urn-7:3gpp-service.ims.icsi.mcvideo", IFC_ORIGINATING_REGISTERED, 1 },
                { "MESSAGE", "urn:urn-7:3gpp-service.ims.icsi.mcdata.sds", IFC_ORIGINATING_REGISTERED, 1 },
                { "INVITE", "urn:urn-7:3gpp-service.ims.icsi.mcptt", IFC_TERMINATING_REGISTERED, 0 },
                { "INVITE", "urn:urn-7:3gpp-service.ims.icsi.mmtel", IFC_ORIGINATING_REGISTERED, 0 },
                { "INVITE", NULL, IFC_ORIGINATING_REGISTERED, 0 },
                { "REFER", "urn:urn-7:3gpp-service.ims.icsi.mcptt", IFC_ORIGINATING_REGISTERED, 1 },
                { "REGISTER", "urn:urn-7:3gpp-service.ims.icsi.mcptt", IFC_TERMINATING_REGISTERED, 0 },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct ifc_match m = { 0 };
                struct ifc_request rq = { .method = rows[i].method,
                                          .request_uri = "sip:mcptt-psi@ims.mc.example",
                                          .session_case = rows[i].where,
                                          .header = asserted,
                                          .message = rows[i].service };
                CHECK_OK(ifc_eval(w, &s->profiles[0], &rq, &m, NULL));
                if (m.n != rows[i].want)
                        fail_msg("row %zu: %zu servers", i, m.n);
        }
        world_free(w);
}

static void user_data_only_when_wanted(void **state)
{
        (void)state;
        struct world *w = world();
        struct cx_saa a = { 0 };
        struct err er = { 0 };
        put_alice(w);
        struct cx_sar q = {
                .impu = IMPU, .server_name = S1, .type = CX_REGISTRATION, .user_data_already_available = true
        };
        hss_sar(w->h, w, &q, &a, &er);
        assert_true(a.result == CX_SUCCESS && a.user_data == NULL);
        q.user_data_already_available = false;
        hss_sar(w->h, w, &q, &a, &er); /* without User-Name */
        assert_true(a.result == CX_SUCCESS && strstr(a.user_data, ALICE) != NULL);
        q.impu = "sip:nobody@ims.mc.example";
        hss_sar(w->h, w, &q, &a, &er);
        assert_true(a.result == CX_ERROR_USER_UNKNOWN && a.user_data == NULL);
        q.type = CX_USER_DEREGISTRATION;
        q.impu = IMPU;
        hss_sar(w->h, w, &q, &a, &er);
        assert_true(a.result == CX_SUCCESS && a.user_data == NULL);
        world_free(w);
}

/* R-SA-3: vectors that the USIM accepts. Sequence numbers grow, also over a restart; IND takes turns. */
static void vectors_and_numbers(void **state)
{
        (void)state;
        struct world *w = world();
        uint64_t last = 0;
        put_alice(w);
        for (int round = 0; round < 20; round++) {
                struct cx_mar q = mar_of(round % 7);
                struct cx_maa a = mar(w, &q);
                assert_int_equal(a.result, CX_SUCCESS);
                assert_int_equal(a.items_n, q.count < 1 ? 1 : q.count > 5 ? 5 : q.count);
                for (size_t i = 0; i < a.items_n; i++) {
                        uint64_t sqn = usim_opens(&a.items[i]);
                        assert_true(sqn >> 5 == (last >> 5) + 1 && (sqn & 31) == ((last + 1) & 31));
                        last = sqn;
                }
                if (round == 10) {
                        world_open(w);
                }
        }
        assert_true(w->st->s[0]->sqn == last);
        world_free(w);
}

static void numbers_by_time(void **state)
{
        (void)state;
        struct world *w = world();
        w->conf.sqn = "time";
        put_alice(w);
        struct cx_mar q = mar_of(2);
        struct cx_maa a = mar(w, &q);
        assert_true(usim_opens(&a.items[0]) >> 5 == 1767261600);
        assert_true(usim_opens(&a.items[1]) >> 5 == 1767261601);
        w->clock.s -= 1000; /* a clock that was set back does not take numbers back */
        a = mar(w, &q);
        assert_true(usim_opens(&a.items[0]) >> 5 == 1767261602);
        world_free(w);
}

static void numbers_end(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        w->st->s[0]->sqn = AKA_SQN_MAX;
        struct cx_mar q = mar_of(1);
        struct cx_maa a = mar(w, &q);
        assert_true(a.result == CX_UNABLE_TO_COMPLY && a.items_n == 0);
        world_free(w);
}

/* R-SA-6 */
static void resynchronisation(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        struct cx_mar q = mar_of(1);
        struct cx_maa first = mar(w, &q);
        const uint64_t ms = UINT64_C(0xff9bb4d0b700) >> 5 << 5 | 7;
        q.resync = usim_resync(w, &first.items[0], ms);
        struct cx_maa a = mar(w, &q);
        assert_int_equal(a.result, CX_SUCCESS);
        assert_true(usim_opens(&a.items[0]) >> 5 == (ms >> 5) + 1);

        uint64_t before = w->st->s[0]->sqn;
        q.resync = usim_resync(w, &a.items[0], before - 32); /* ours would be taken: it stays */
        a = mar(w, &q);
        assert_true(usim_opens(&a.items[0]) >> 5 == (before >> 5) + 1);

        q.resync = usim_resync(w, &a.items[0], 64); /* too far ahead of the USIM: back to it */
        a = mar(w, &q);
        assert_true(usim_opens(&a.items[0]) >> 5 == 3);

        before = w->st->s[0]->sqn;
        q.resync = usim_resync(w, &a.items[0], 4096);
        ((uint8_t *)(uintptr_t)q.resync.p)[29] ^= 1; /* MAC-S */
        struct cx_maa bad = { 0 };
        struct err er = { 0 };
        hss_mar(w->h, w, &q, &bad, &er);
        assert_true(bad.result == CX_AUTHORIZATION_REJECTED && bad.items_n == 0);
        assert_string_equal(er.req, "R-SA-6");
        q.resync.n = 29;
        assert_int_equal(mar(w, &q).result, CX_AUTHORIZATION_REJECTED);
        assert_true(w->st->s[0]->sqn == before);
        world_free(w);
}

/* R-SA-5: RES with 00 octets is handed out as it is. R-SA-129: unless the account cannot take it. */
static void res_without_null(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        bool seen = false;
        for (int i = 0; i < 400 && !seen; i++) {
                struct cx_mar q = mar_of(5);
                struct cx_maa a = mar(w, &q);
                for (size_t k = 0; k < a.items_n; k++)
                        seen |= memchr(a.items[k].xres.p, 0, a.items[k].xres.n) != NULL;
        }
        assert_true(seen); /* the chance that 2000 RES have none is below 1e-26 */
        put(w, json_pack("{s:s,s:b}", "impi", ALICE, "no_null_res", 1));
        for (int i = 0; i < 400; i++) {
                struct cx_mar q = mar_of(5);
                struct cx_maa a = mar(w, &q);
                assert_int_equal(a.items_n, 5);
                for (size_t k = 0; k < a.items_n; k++)
                        assert_null(memchr(a.items[k].xres.p, 0, a.items[k].xres.n));
        }
        world_free(w);
}

/* R-SA-129: K is ASCII padded with zeros, OP is zero, AMF 0000; the numbers of the vector that deployed clients take.
 */
static void software_aka_account(void **state)
{
        (void)state;
        struct world *w = world();
        put(w, json_pack("{s:s,s:[s],s:s,s:s,s:s,s:s,s:b}", "impi", ALICE, "impus", IMPU, "auth", "aka", "k",
                         "73656372657400000000000000000000", "op", "00000000000000000000000000000000", "amf", "0000",
                         "no_null_res", 1));
        struct rng_script rng = rng_script_of(vector_hex(w, "23553cbe9637a89d218ae64dae47bf35"));
        w->env.rng = &rng.base;
        struct cx_mar q = mar_of(1);
        struct cx_maa a = mar(w, &q);
        assert_int_equal(a.result, CX_SUCCESS);
        CHECK_BYTES("RES", a.items[0].xres, vector_hex(w, "ecd7afe1cfe53c67"));
        assert_true(w->st->s[0]->sqn == 0x21); /* SEQ 1, IND 1 */
        world_free(w);
}

/* R-SA-10 */
static void digest_gives_ha1(void **state)
{
        (void)state;
        struct world *w = world();
        struct digest_hex want;
        put_bob(w);
        CHECK_OK(digest_ha1(DIGEST_MD5, bytes_str(BOB), bytes_str("ims.mc.example"), bytes_str("secret"), &want));
        struct cx_mar q = { .impi = BOB, .impu = BOBU, .server_name = S1, .scheme = CX_UNKNOWN_SCHEME, .count = 1 };
        struct cx_maa a = mar(w, &q);
        assert_true(a.result == CX_SUCCESS && a.items_n == 1 && a.items[0].scheme == CX_DIGEST);
        assert_string_equal(a.items[0].ha1, want.s);
        assert_string_equal(a.items[0].realm, "ims.mc.example");
        assert_string_equal(w->st->s[0]->scscf, S1);
        unsigned writes = w->st->writes;
        assert_int_equal(mar(w, &q).result, CX_SUCCESS);
        assert_int_equal(w->st->writes, writes);
        q.scheme = CX_AKA;
        assert_int_equal(mar(w, &q).result, CX_ERROR_AUTH_SCHEME_NOT_SUPPORTED);
        world_free(w);
}

/* Another key, or a row that was moved to another user: the operator's fault is not the user's. */
static void sealed_for_one_place(void **state)
{
        (void)state;
        static const struct seal_key other = { { 1 } };
        struct world *w = world();
        put_alice(w);
        struct cx_mar q = mar_of(1);
        w->env.seal_key = &other;
        world_open(w);
        struct cx_maa a = { 0 };
        struct err er = { 0 };
        hss_mar(w->h, w, &q, &a, &er);
        assert_true(a.result == CX_UNABLE_TO_COMPLY && er.code == E_CONFIG);
        assert_true(w->st->s[0]->k.n == 16 + SEAL_OVERHEAD);
        world_free(w);
}

static void barred_users(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        assert_int_equal(uar(w, ALICE, "tel:+15550100", 0, NULL),
                         CX_FIRST_REGISTRATION); /* another one is not barred */
        put(w, json_pack("{s:s,s:[{s:s,s:b}]}", "impi", ALICE, "impus", "uri", IMPU, "barred", 1));
        assert_int_equal(uar(w, ALICE, IMPU, 0, NULL), CX_AUTHORIZATION_REJECTED);
        world_free(w);
}

/* Every store call fails once: never "user unknown", never a vector, and nothing half done. */
static void store_failures_decide_nothing(void **state)
{
        (void)state;
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
                struct world *w = world();
                put_alice(w);
                put_bob(w);
                w->st->fail_nth = nth;
                struct cx_mar q = mar_of(2), other = { .impi = ALICE, .impu = BOBU, .server_name = S1, .count = 1 };
                uint32_t r[6] = { uar(w, ALICE, IMPU, 0, NULL), 0, 0, 0, 0, 0 };
                struct cx_maa a = mar(w, &q);
                r[1] = a.result;
                r[2] = sar(w, CX_REGISTRATION, S1, NULL);
                r[3] = sar(w, CX_USER_DEREGISTRATION, S1, NULL);
                r[4] = mar(w, &other).result;
                struct cx_saa sa = { 0 };
                struct err er = { 0 };
                hss_sar(w->h, w, &(struct cx_sar){ .impu = IMPU, .server_name = S1, .type = 1 }, &sa, &er);
                r[5] = sa.result;
                fired = w->st->fired;
                size_t failed = 0;
                for (size_t i = 0; i < COUNT(r); i++) {
                        assert_int_not_equal(r[i], CX_ERROR_USER_UNKNOWN);
                        failed += r[i] == CX_UNABLE_TO_COMPLY;
                }
                assert_true((a.result == CX_SUCCESS) == (a.items_n == 2));
                assert_int_equal(failed, fired);
                assert_true(w->st->s[0]->sqn == (a.items_n == 2 ? (2 << 5 | 2) : 0));
                world_free(w);
        }
}

/* Somebody else counts the same user between reading and writing: new numbers, never the same twice. */
static enum ecode (*true_begin)(struct store_hss *, const char *, uint64_t, uint64_t, bool, const char *, struct err *);
static unsigned races;

static enum ecode racing_begin(struct store_hss *st, const char *impi, uint64_t old, uint64_t now, bool backwards,
                               const char *scscf, struct err *er)
{
        if (races > 0) {
                races--;
                CHECK_OK(true_begin(st, impi, old, old + 33, false, scscf, er));
        }
        return true_begin(st, impi, old, now, backwards, scscf, er);
}

static void racing_authentications(void **state)
{
        (void)state;
        struct world *w = world();
        put_alice(w);
        struct store_hss_ops ops = *w->st->port.ops;
        true_begin = ops.auth_begin;
        ops.auth_begin = racing_begin;
        w->st->port.ops = &ops;
        races = 3;
        struct cx_mar q = mar_of(1);
        struct cx_maa a = mar(w, &q);
        assert_int_equal(a.result, CX_SUCCESS);
        assert_true(usim_opens(&a.items[0]) == 4 * 33);
        races = 1000;
        a = mar(w, &q);
        assert_true(a.result == CX_TOO_BUSY && a.items_n == 0);
        world_free(w);
}

/* R-SA-122: provisioning says beforehand what it would do, and doing it twice is doing it once. */
static void provisioning(void **state)
{
        (void)state;
        struct world *w = world();
        json_t *out = NULL;
        struct err er = { 0 };
        json_t *good = json_pack("{s:s,s:[s],s:s,s:s,s:s}", "impi", ALICE, "impus", IMPU, "auth", "aka", "k", K_HEX,
                                 "opc", OP_HEX);
        CHECK_OK(admin(w, "user-check", json_deep_copy(good), &out, &er));
        assert_true(json_is_true(json_object_get(out, "created")) && w->st->n == 0);
        json_decref(out);
        CHECK_OK(admin(w, "user-put", json_deep_copy(good), &out, &er));
        assert_true(json_is_true(json_object_get(out, "created")));
        json_decref(out);
        CHECK_OK(admin(w, "user-put", json_deep_copy(good), &out, &er));
        assert_true(json_is_false(json_object_get(out, "created")) && w->st->n == 1);
        json_decref(out);
        json_object_set_new(good, "new", json_true());
        CHECK_E(E_EXISTS, admin(w, "user-check", json_deep_copy(good), &out, &er));
        CHECK_E(E_EXISTS, admin(w, "user-put", good, &out, &er));
        json_t *thief = json_pack("{s:s,s:[s],s:s,s:s}", "impi", BOB, "impus", IMPU, "auth", "digest", "password", "x");
        CHECK_E(E_EXISTS, admin(w, "user-check", json_deep_copy(thief), &out, &er));
        CHECK_E(E_EXISTS, admin(w, "user-put", thief, &out, &er));
        put_bob(w);
        CHECK_OK(admin(w, "user-list", json_pack("{s:i}", "most", 1), &out, &er));
        assert_string_equal(json_string_value(json_object_get(out, "next")), ALICE);
        assert_int_equal(json_array_size(json_object_get(out, "users")), 1);
        json_decref(out);
        CHECK_OK(admin(w, "user-del", json_pack("{s:s}", "impi", ALICE), &out, &er));
        assert_true(json_is_true(json_object_get(out, "deleted")));
        json_decref(out);
        CHECK_OK(admin(w, "user-del", json_pack("{s:s}", "impi", ALICE), &out, &er));
        assert_true(json_is_false(json_object_get(out, "deleted")));
        json_decref(out);
        CHECK_E(E_NOT_FOUND, admin(w, "user-show", json_pack("{s:s}", "impi", ALICE), &out, &er));
        world_free(w);
}

static void provisioning_refuses(void **state)
{
        (void)state;
        static const struct {
                enum ecode want;
                const char *json;
        } rows[] = {
                { E_SYNTAX, "{}" },
                { E_SYNTAX, "{\"impi\":\"noat\"}" },
                { E_SYNTAX, "{\"impi\":\"a b@x\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[]}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[7]}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"http://x\"]}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x;user=phone\"]}" },
                { E_DUPLICATE, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\",\"sip:a@x\"]}" },
                { E_MISSING, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"]}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"auth\":\"basic\"}" },
                { E_MISSING, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"auth\":\"digest\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"auth\":\"digest\",\"ha1\":\"abc\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"k\":\"00\"}" },
                { E_MISSING, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"k\":\"" K_HEX "\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"op\":\"" OP_HEX "\"}" },
                { E_SYNTAX, "{\"impi\":\"a@x\",\"impus\":[\"sip:a@x\"],\"k\":\"" K_HEX "\",\"op\":\"" OP_HEX
                            "\",\"amf\":\"8\"}" },
        };
        struct world *w = world();
        for (size_t i = 0; i < COUNT(rows); i++) {
                json_t *out = NULL;
                struct err er = { 0 };
                enum ecode e = admin(w, "user-put", json_loads(rows[i].json, 0, NULL), &out, &er);
                if (e != rows[i].want || er.code != e)
                        fail_msg("%s: %s %s", rows[i].json, ecode_name(e), er.text);
        }
        assert_int_equal(w->st->n, 0);
        world_free(w);
}

/* No secret in what administration shows, nor in events. */
static void nothing_secret_is_shown(void **state)
{
        (void)state;
        static const char *const secrets[] = {
                K_HEX, OP_HEX, "cd63cb71954a9f4e48a5994e37a02baf", "secret", ALICE, BOB
        };
        struct world *w = world();
        json_t *out = NULL;
        put_alice(w);
        put_bob(w);
        CHECK_OK(admin(w, "user-list", json_object(), &out, NULL));
        char *shown = json_dumps(out, 0);
        json_decref(out);
        for (size_t i = 0; i < 4; i++)
                assert_null(strstr(shown, secrets[i]));
        free(shown);
        struct cx_uaa ua = { 0 };
        struct cx_maa ma = { 0 };
        struct cx_saa sa = { 0 };
        struct cx_mar q = mar_of(1);
        hss_cx.uar(w->h, w, "icscf.ims.mc.example", &(struct cx_uar){ .impi = ALICE, .impu = BOBU }, &ua);
        hss_cx.mar(w->h, w, "scscf.ims.mc.example", &q, &ma);
        char *res = hex_encode(w, ma.items[0].xres);
        hss_cx.sar(w->h, w, "scscf.ims.mc.example",
                   &(struct cx_sar){ .impi = ALICE, .impu = IMPU, .server_name = S1, .type = 1 }, &sa);
        const char *log = log_mem_text(w->log);
        for (size_t i = 0; i < COUNT(secrets); i++)
                assert_null(strstr(log, secrets[i]));
        assert_null(strstr(log, res));
        assert_true(ua.result == CX_ERROR_IDENTITIES_DONT_MATCH && ma.result == CX_SUCCESS && sa.result == CX_SUCCESS);
        static const char *const wanted[] = { "UAR, registration", "MAR, AKA", "SAR, registration",
                                              "Diameter Cx",       "icscf",    "R-SA-13",
                                              "mcx-sign-on" };
        for (size_t i = 0; i < COUNT(wanted); i++) {
                if (strstr(log, wanted[i]) == NULL)
                        fail_msg("no %s in %s", wanted[i], log);
        }
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unknown_is_not_mismatch),
                cmocka_unit_test(assignment_follows_registration),
                cmocka_unit_test(profile_names_identities_and_servers),
                cmocka_unit_test(mc_requests_go_to_the_server),
                cmocka_unit_test(user_data_only_when_wanted),
                cmocka_unit_test(vectors_and_numbers),
                cmocka_unit_test(numbers_by_time),
                cmocka_unit_test(numbers_end),
                cmocka_unit_test(resynchronisation),
                cmocka_unit_test(res_without_null),
                cmocka_unit_test(software_aka_account),
                cmocka_unit_test(digest_gives_ha1),
                cmocka_unit_test(sealed_for_one_place),
                cmocka_unit_test(barred_users),
                cmocka_unit_test(store_failures_decide_nothing),
                cmocka_unit_test(racing_authentications),
                cmocka_unit_test(provisioning),
                cmocka_unit_test(provisioning_refuses),
                cmocka_unit_test(nothing_secret_is_shown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
