/* The table of commands and what is made from it, and whole command lines against a deployment in a temporary
 * directory. Output of commands goes to a file, since that is what scripts see. */
#include "test/kit/check.h"

#include "cli/command.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static int start(void **state)
{
        (void)state;
        snprintf(top, sizeof top, "/tmp/muster-cli-XXXXXX");
        assert_non_null(mkdtemp(top));
        return setenv("MUSTER_DIR", top, 1);
}

static int stop(void **state)
{
        (void)state;
        return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Runs a command line (words separated by single spaces) with its output in a file; %s is the temporary directory. */
static int run(void *mem, char **ret_out, const char *fmt)
{
        char *line = talloc_asprintf(mem, fmt, top), *argv[16] = { 0 }, *save = NULL;
        char *path = talloc_asprintf(mem, "%s.out", top);
        int argc = 0;
        for (char *w = strtok_r(line, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
                argv[argc++] = w;
        fflush(stdout);
        fflush(stderr);
        int keep_out = dup(STDOUT_FILENO), keep_err = dup(STDERR_FILENO);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        int rc = cli_main(argc, argv);
        fflush(stdout);
        fflush(stderr);
        dup2(keep_out, STDOUT_FILENO);
        dup2(keep_err, STDERR_FILENO);
        close(keep_out);
        close(keep_err);
        off_t n = lseek(fd, 0, SEEK_END);
        char *text = talloc_zero_size(mem, (size_t)n + 1);
        assert_int_equal(pread(fd, text, (size_t)n, 0), n);
        close(fd);
        unlink(path);
        if (ret_out != NULL)
                *ret_out = text;
        return rc;
}

static void check_run(const char *line, int want, const char *part)
{
        void *mem = talloc_new(NULL);
        char *out;
        int rc = run(mem, &out, line);
        if (rc != want || (part != NULL && strstr(out, part) == NULL))
                fail_msg("%s: want %d and \"%s\", got %d and\n%s", line, want, part ? part : "", rc, out);
        talloc_free(mem);
}

/* Everybody can rely on the shape of a row. */
static void test_table(void **state)
{
        (void)state;
        size_t n = 0;
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++, n++) {
                        assert_non_null(c->fn);
                        assert_non_null(c->args);
                        assert_true(c->least <= c->most);
                        assert_true(strlen(c->text) > 10 && c->text[strlen(c->text) - 1] == '.');
                        size_t opts = 0;
                        while (opts < CLI_OPTS_MAX && c->opts[opts].name != NULL)
                                opts++;
                        assert_true(opts < CLI_OPTS_MAX);
                        for (size_t u = 0; cli_tables[u] != NULL; u++)
                                for (const struct cli_cmd *k = cli_tables[u]; k->name != NULL; k++)
                                        assert_true(k == c || strcmp(k->name, c->name) != 0);
                }
        assert_true(n > 20);
}

/* Help, manual and completion name every command and option. */
static void test_made_from_the_table(void **state)
{
        (void)state;
        void *mem = talloc_new(NULL);
        struct buf help = buf_on(mem), manual = buf_on(mem), completion = buf_on(mem);
        cli_help(&help, "");
        cli_manual(&manual);
        cli_completion_bash(&completion);
        char *roff = buf_str(&manual), *plain = roff;
        for (const char *p = roff; *p; p++) /* roff writes hyphens with a backslash */
                if (*p != '\\')
                        *plain++ = *p;
        *plain = 0;
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        struct buf one = buf_on(mem);
                        cli_help(&one, c->name);
                        assert_non_null(strstr(buf_str(&help), c->name));
                        assert_non_null(strstr(roff, c->name));
                        assert_non_null(strstr(buf_str(&completion), c->name));
                        for (const struct cli_opt *o = c->opts; o->name != NULL; o++) {
                                assert_non_null(strstr(buf_str(&one), o->name));
                                assert_non_null(strstr(buf_str(&completion), o->name));
                        }
                }
        talloc_free(mem);
}

static void test_command_lines(void **state)
{
        (void)state;
        check_run("muster", CLI_USAGE, "muster COMMAND --help");
        check_run("muster --help", CLI_OK, "user add NAME");
        check_run("muster --version", CLI_OK, "muster ");
        check_run("muster user --help", CLI_OK, "user passwd");
        check_run("muster user add --help", CLI_OK, "--password-stdin");
        check_run("muster help user add", CLI_OK, "--mcptt-id URI");
        check_run("muster help nothing", CLI_REFUSED, "there is no command nothing");
        check_run("muster sreve", CLI_USAGE, "did you mean: muster serve");
        check_run("muster user bla", CLI_USAGE, "user list");
        check_run("muster user add", CLI_USAGE, "NAME is missing");
        check_run("muster status now", CLI_USAGE, "one argument too many");
        check_run("muster status --jso", CLI_USAGE, "no option --jso");
        check_run("muster status --json=yes", CLI_USAGE, "takes no value");
        check_run("muster ladder --width", CLI_USAGE, "needs a value");
        check_run("muster manual --completion zsh", CLI_REFUSED, "bash");
        check_run("muster config sample", CLI_OK, "# log_level: info");
        check_run("muster config sample nothing", CLI_REFUSED, NULL);
}

static void write_conf(const char *text)
{
        char path[96];
        snprintf(path, sizeof path, "%s/muster.yaml", top);
        FILE *f = fopen(path, "w");
        fputs(text, f);
        fclose(f);
}

static void test_deployment(void **state)
{
        (void)state;
        check_run("muster status", CLI_REFUSED, "`muster init -d");
        check_run("muster init -d %s --net 127.0.99 --domain mc.test", CLI_OK, "is ready");
        check_run("muster init -d %s", CLI_REFUSED, "E_EXISTS");
        check_run("muster config check", CLI_OK, "is good");
        check_run("muster -d %s config show deployment", CLI_OK, "mc_domain: mc.test");
        check_run("muster config show --dir=%s idm", CLI_OK, "https://127.0.99.1:8443");
        check_run("muster status", CLI_UNDECIDED, "down");
        check_run("muster status --json", CLI_UNDECIDED, "\"state\": \"down\"");
        check_run("muster user list", CLI_UNDECIDED, "idm does not run");
        check_run("muster user add alice --password-file /dev/null", CLI_REFUSED, "the password is empty");
        check_run("muster user add a/b --password-file /etc/hostname", CLI_REFUSED, "letters, digits");
        check_run("muster ladder", CLI_REFUSED, "no message was seen");
        check_run("muster logs --level loud", CLI_REFUSED, "--level is one of");
        check_run("muster serve nothing", CLI_REFUSED, "there is no role nothing");
        check_run("muster token inspect abc", CLI_REFUSED, "E_TOKEN_MALFORMED");
        check_run("muster token inspect eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJ4IiwiZXhwIjoxNzAwMDAwMDAwfQ.AAAA",
                  CLI_UNDECIDED, "2023-11-14T22:13:20Z");
        write_conf("deployment:\n  nett: 1\n");
        check_run("muster config check", CLI_CONFIG, ":2:3: deployment has no setting nett (did you mean net?)");
        check_run("muster config check --json", CLI_CONFIG, "\"line\": 2");
        check_run("muster serve", CLI_CONFIG, "did you mean net?");
        write_conf("deployment:\n  roles: [idm, kmss]\nidm:\n  code_ttl_s: never\nkmss:\n");
        check_run("muster config check", CLI_CONFIG, "there is no role kmss");
        write_conf("idm:\n  code_ttl_s: never\nkmss:\n  a: b\n");
        check_run("muster config check", CLI_CONFIG, "idm.code_ttl_s: \"never\" does not fit");
        check_run("muster config check", CLI_CONFIG, "did you mean kms?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_made_from_the_table),
                cmocka_unit_test_setup_teardown(test_command_lines, start, stop),
                cmocka_unit_test_setup_teardown(test_deployment, start, stop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
