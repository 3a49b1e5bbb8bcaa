#include "test/kit/check.h"

#include "adapter/conf/conf.h"

struct toy {
        const char *issuer, *listen, *algorithm, *store, *page;
        struct conf_list partners;
        int64_t code_ttl_s, workers;
        bool consent;
};

static const struct conf_item rows[] = {
        CONF_URL(struct toy, issuer, NULL, "Value of iss in every token.", "OpenID Connect Discovery 1.0 clause 3"),
        CONF_LISTEN(struct toy, listen, "{net}.1:8443", "Where it listens.", NULL),
        CONF_CHOICE(struct toy, algorithm, "ES256", "RS256 ES256", "Signature algorithm of tokens.", "RFC 7518"),
        CONF_PATH(struct toy, store, "state/toy.db", "The store.", NULL),
        CONF_STRING(struct toy, page, "", "Title of the login page.", NULL),
        CONF_LIST(struct toy, partners, "", "Partner domains.", NULL),
        CONF_SECONDS(struct toy, code_ttl_s, "60", 1, 600, "How long an authorization code is good.", "RFC 6749 4.1.2"),
        CONF_INT(struct toy, workers, "0", 0, 64, "Worker threads.", NULL),
        CONF_BOOL(struct toy, consent, "no", "Ask for consent.", NULL),
        CONF_END,
};

static enum ecode bind(void *mem, const char *yaml, struct toy *ret, struct conf_report *rep)
{
        struct conf *c = NULL;
        *rep = conf_report_on(mem, "muster.yaml");
        enum ecode e = conf_parse(mem, bytes_str(yaml), &c, rep);
        if (e != E_OK)
                return e;
        conf_set_dir(c, "/srv/demo");
        conf_set_var(c, "net", "127.0.9");
        conf_set_var(c, "mc_domain", "mc.example");
        static const char *const known[] = { "deployment", "toy", NULL };
        e = conf_check_sections(c, known, rep);
        enum ecode b = conf_bind(c, "toy", rows, ret, sizeof *ret, rep);
        return e != E_OK ? e : b;
}

static void test_defaults_and_values(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct toy t;
        struct conf_report rep;
        CHECK_OK(bind(mem, "toy:\n  issuer: \"https://idm.{mc_domain}\"\n", &t, &rep));
        assert_string_equal(t.issuer, "https://idm.mc.example");
        assert_string_equal(t.listen, "127.0.9.1:8443");
        assert_string_equal(t.store, "/srv/demo/state/toy.db");
        assert_string_equal(t.page, "");
        assert_int_equal(t.partners.n, 0);
        assert_int_equal(t.code_ttl_s, 60);
        assert_false(t.consent);

        CHECK_OK(bind(mem,
                      "toy:\n  issuer: https://a.example:8443/x\n  listen: '[::1]:1'\n  store: /var/x\n"
                      "  partners: [b.example, 'c.{mc_domain}']\n  code_ttl_s: 5m\n  workers: 64\n  consent: true\n"
                      "  algorithm: RS256\n  page:\n",
                      &t, &rep));
        assert_string_equal(t.listen, "[::1]:1");
        assert_string_equal(t.store, "/var/x");
        assert_int_equal(t.partners.n, 2);
        assert_string_equal(t.partners.item[1], "c.mc.example");
        assert_int_equal(t.code_ttl_s, 300);
        assert_int_equal(t.workers, 64);
        assert_true(t.consent);
        talloc_free(mem);
}

/* Each wrong file, and the line that people get to read. */
static void test_problems_name_place_and_remedy(void **state)
{
        (void)state;
        static const struct {
                const char *yaml, *want;
        } vec[] = {
                { "", "muster.yaml: toy.issuer has to be set" },
                { "toy:\n  listen: \"127.0.0.1:1\"\n", "muster.yaml:1:1: toy.issuer has to be set" },
                { "toy:\n  issuer: http://x\n", "muster.yaml:2:11: toy.issuer: \"http://x\" does not fit" },
                { "toy:\n  issuer: https://x\n  isuer: 1\n", "did you mean issuer?" },
                { "toy:\n  issuer: https://x\n  zzzzzzzzzz: 1\n", "muster.yaml:3:3: toy has no setting zzzzzzzzzz" },
                { "toy:\n  issuer: https://x\ntoi:\n  a: 1\n",
                  "muster.yaml:3:1: there is no section toi (did you mean toy?)" },
                { "toy:\n  issuer: https://x\n  code_ttl_s: 0\n",
                  "muster.yaml:3:15: toy.code_ttl_s: \"0\" does not fit (1 to 600)" },
                { "toy:\n  issuer: https://x\n  code_ttl_s: 11m\n", "(1 to 600)" },
                { "toy:\n  issuer: https://x\n  code_ttl_s: 9999999999999999999d\n", "15m, 2h, 30d" },
                { "toy:\n  issuer: https://x\n  workers: 3x\n", "write a whole number" },
                { "toy:\n  issuer: https://x\n  consent: perhaps\n", "write true or false" },
                { "toy:\n  issuer: https://x\n  algorithm: none\n", "one of: RS256 ES256" },
                { "toy:\n  issuer: https://x\n  listen: host:80\n", "for example 127.0.1.1:8443" },
                { "toy:\n  issuer: https://x\n  listen: 127.0.0.1:65536\n", "a port is 1 to 65535" },
                { "toy:\n  issuer: \"https://{nett}\"\n", "toy.issuer names {nett}, which means nothing" },
                { "toy:\n  issuer: [a]\n", "muster.yaml:2:11: toy.issuer is no list (write one value)" },
                { "toy:\n  issuer: https://x\n  issuer: https://y\n",
                  "muster.yaml:3:3: issuer is set twice, first in line 2" },
                { "toy:\n  issuer: https://x\ntoy:\n", "section toy stands twice" },
                { "toy:\n\tissuer: https://x\n", "this is not YAML" },
                { "toy:\n  listen: {net}.1:8443\n", "put quotes around a value that begins with {" },
                { "- a\n- b\n", "the file is not a list of sections" },
                { "toy: 3\n", "toy is not a section" },
                { "toy:\n  issuer: {a: b}\n", "issuer is a mapping" },
        };
        for (size_t i = 0; i < COUNT(vec); i++) {
                void *mem = talloc_new(NULL);
                struct toy t;
                struct conf_report rep;
                if (bind(mem, vec[i].yaml, &t, &rep) == E_OK || rep.n == 0)
                        fail_msg("accepted: %s", vec[i].yaml);
                bool found = false;
                for (size_t k = 0; k < rep.n; k++)
                        found |= strstr(conf_problem_line(mem, &rep, k), vec[i].want) != NULL;
                if (!found)
                        fail_msg("want: %s\ngot: %s", vec[i].want, conf_problem_line(mem, &rep, 0));
                struct err er;
                assert_int_not_equal(conf_report_err(&rep, &er), E_OK);
                talloc_free(mem);
        }
}

static void test_all_problems_are_listed(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct toy t = { .workers = 7 };
        struct conf_report rep;
        CHECK_E(E_CONFIG, bind(mem, "toy:\n  workers: x\n  consent: x\n  colour: red\nother:\n", &t, &rep));
        assert_int_equal(rep.n, 5);     /* other, issuer, workers, consent, colour */
        assert_int_equal(t.workers, 7); /* nothing was written */
        talloc_free(mem);
}

/* What `init` writes is accepted as soon as the mandatory settings are there, and uncommenting changes nothing. */
static void test_sample_reads_back(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct buf b = buf_on(mem), open = buf_on(mem);
        conf_print_sample(&b, "toy", "A toy.", rows, NULL);
        assert_non_null(strstr(
                buf_str(&b), "  # Value of iss in every token. [OpenID Connect Discovery 1.0 clause 3]\n  issuer:\n"));
        assert_non_null(strstr(buf_str(&b), "  # listen: \"{net}.1:8443\"\n"));
        assert_non_null(strstr(buf_str(&b), "1 to 600 seconds."));
        struct toy t, u;
        struct conf_report rep;
        CHECK_E(E_CONFIG, bind(mem, buf_str(&b), &t, &rep));
        for (const char *p = buf_str(&b); *p;) {
                const char *end = strchr(p, '\n');
                size_t n = (size_t)(end - p);
                if (n > 10 && !strncmp(p, "  # ", 4) && memchr(p, ':', n) && strcspn(p + 4, " :") + 4 < n &&
                    p[4 + strcspn(p + 4, " :")] == ':')
                        buf_printf(&open, "  %.*s\n", (int)(n - 4), p + 4);
                p = end + 1;
        }
        char *with = talloc_asprintf(mem, "toy:\n  issuer: https://x\n%s", buf_str(&open));
        CHECK_OK(bind(mem, with, &t, &rep));
        CHECK_OK(bind(mem, "toy:\n  issuer: https://x\n", &u, &rep));
        struct buf one = buf_on(mem), two = buf_on(mem);
        conf_print_values(&one, "toy", rows, &t);
        conf_print_values(&two, "toy", rows, &u);
        assert_string_equal(buf_str(&one), buf_str(&two));
        assert_non_null(strstr(buf_str(&one), "  algorithm: ES256\n"));
        talloc_free(mem);
}

static void test_nearest(void **state)
{
        (void)state;
        static const char *const words[] = { "serve", "status", "user", NULL };
        assert_string_equal(conf_nearest("sreve", words), "serve");
        assert_string_equal(conf_nearest("staus", words), "status");
        assert_null(conf_nearest("completely-else", words));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_and_values),
                cmocka_unit_test(test_problems_name_place_and_remedy),
                cmocka_unit_test(test_all_problems_are_listed),
                cmocka_unit_test(test_sample_reads_back),
                cmocka_unit_test(test_nearest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
