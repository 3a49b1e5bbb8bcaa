#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>
#include <unistd.h>

#include "cli/everybody.h"

/* In the order of the help. */
/* clang-format off */
const struct cli_cmd *const cli_tables[] = {
        cli_demo_cmds,
        cli_serve_cmds,
        cli_user_cmds,
        cli_idm_cmds,
        cli_ue_cmds,
        cli_storm_cmds,
        cli_token_cmds,
        cli_tool_cmds,
        cli_ladder_cmds,
        NULL,
};
/* clang-format on */

const struct cli_opt cli_everybody[] = {
        { "dir", 'd', "DIR", "The deployment directory (default: $MUSTER_DIR, the current one, ./muster-demo)." },
        { "json", 0, NULL, "Answer as JSON." },
        { "help", 'h', NULL, "Show this help." },
        { 0 },
};

const char *cli_opt(const struct cli *c, const char *name)
{
        for (size_t i = 0; i < CLI_OPTS_MAX && c->cmd->opts[i].name != NULL; i++)
                if (!strcmp(c->cmd->opts[i].name, name))
                        return c->values[i];
        return NULL;
}

enum cli_exit cli_exit_of(enum ecode e)
{
        switch (e) {
        case E_OK: return CLI_OK;
        case E_CONFIG: return CLI_CONFIG;
        default: return ecode_undecided(e) ? CLI_UNDECIDED : CLI_REFUSED;
        }
}

void cli_print_err(const struct cli *c, const struct err *er)
{
        bool colour = c != NULL && c->colour && isatty(STDERR_FILENO);
        fprintf(stderr, "%smuster:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", er->text);
        const char *advice = er->code != E_OK ? ecode_advice(er->code) : NULL;
        fprintf(stderr, "  cause:  %s%s%s%s\n", ecode_name(er->code), er->req[0] ? " (" : "", er->req,
                er->req[0] ? ")" : "");
        if (advice != NULL)
                fprintf(stderr, "  remedy: %s\n", advice);
}

enum ecode cli_deployment(struct cli *c, struct deployment **ret, struct err *er)
{
        struct deployment *d = NULL;
        enum ecode e = deployment_open(c->mem, c->dir, &d, er);
        for (size_t i = 1; e == E_CONFIG && d != NULL && i < d->problems.n; i++)
                fprintf(stderr, "%s\n", conf_problem_line(c->mem, &d->problems, i));
        if (e == E_OK)
                *ret = d;
        return e;
}

/* The row whose words begin the command line; *used is how many words. Two words win over one. */
static const struct cli_cmd *find(char **words, size_t n, size_t *used)
{
        const struct cli_cmd *best = NULL;
        *used = 0;
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *cmd = cli_tables[t]; cmd->name != NULL; cmd++) {
                        const char *space = strchr(cmd->name, ' ');
                        size_t words_n = space ? 2 : 1, first = space ? (size_t)(space - cmd->name) : strlen(cmd->name);
                        if (n < words_n || words_n <= *used || strlen(words[0]) != first ||
                            strncmp(words[0], cmd->name, first) != 0 || (space && strcmp(words[1], space + 1) != 0))
                                continue;
                        best = cmd;
                        *used = words_n;
                }
        return best;
}

static const char *nearest_command(void *mem, const char *typed)
{
        const char **names = talloc_zero_array(mem, const char *, 256);
        size_t n = 0;
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *cmd = cli_tables[t]; cmd->name != NULL && n < 255; cmd++)
                        names[n++] = cmd->name;
        return conf_nearest(typed, names);
}

static int usage(const struct cli *c, const char *fmt, const char *what)
{
        fputs("muster: ", stderr);
        fprintf(stderr, fmt, what);
        fprintf(stderr, "\n  remedy: muster %s%s--help\n", c->cmd ? c->cmd->name : "", c->cmd ? " " : "");
        return CLI_USAGE;
}

static int unknown(struct cli *c, char **words, size_t n)
{
        const char *typed = n > 1 ? talloc_asprintf(c->mem, "%s %s", words[0], words[1]) : words[0];
        const char *near = nearest_command(c->mem, typed);
        if (near == NULL)
                near = nearest_command(c->mem, words[0]);
        struct buf b = buf_on(c->mem);
        cli_help(&b, words[0]);
        fprintf(stderr, "muster: there is no command %s\n", typed);
        if (near != NULL)
                fprintf(stderr, "  did you mean: muster %s\n", near);
        if (b.n > 0)
                fwrite(b.p, 1, b.n, stderr); /* the first word is known: show what may follow it */
        else
                fprintf(stderr, "  remedy: muster --help\n");
        return CLI_USAGE;
}

/* One option of this command or everybody's; *at moves on when the value is the next word. */
static int take_option(struct cli *c, int argc, char **argv, int *at, bool *help)
{
        const char *word = argv[*at], *value = NULL;
        bool is_long = word[1] == '-';
        const char *name = word + (is_long ? 2 : 1);
        size_t n = strlen(name);
        if (is_long && strchr(name, '=') != NULL) {
                n = (size_t)(strchr(name, '=') - name);
                value = name + n + 1;
        }
        const struct cli_opt *lists[] = { c->cmd->opts, cli_everybody };
        for (size_t l = 0; l < COUNT(lists); l++)
                for (const struct cli_opt *o = lists[l]; o->name != NULL; o++) {
                        bool same = is_long ? strlen(o->name) == n && !strncmp(o->name, name, n)
                                            : o->letter != 0 && name[0] == o->letter && name[1] == 0;
                        if (!same)
                                continue;
                        if (o->value == NULL && value != NULL)
                                return usage(c, "option %s takes no value", word);
                        if (o->value != NULL && value == NULL && *at + 1 >= argc)
                                return usage(c, "option %s needs a value", word);
                        value = o->value == NULL ? "" : value ? value : argv[++*at];
                        if (l == 0)
                                c->values[o - c->cmd->opts] = value;
                        else if (!strcmp(o->name, "dir"))
                                c->dir = value;
                        else if (!strcmp(o->name, "json"))
                                c->json = true;
                        else
                                *help = true;
                        return CLI_OK;
                }
        return usage(c, "there is no option %s", word);
}

static int parse(struct cli *c, int argc, char **argv, bool *help)
{
        bool literal = false;
        c->args = talloc_zero_array(c->mem, const char *, (size_t)argc + 1);
        for (int i = 0; i < argc; i++) {
                if (!literal && !strcmp(argv[i], "--")) {
                        literal = true;
                } else if (!literal && argv[i][0] == '-' && argv[i][1] != 0) {
                        int rc = take_option(c, argc, argv, &i, help);
                        if (rc != CLI_OK)
                                return rc;
                } else {
                        c->args[c->args_n++] = argv[i];
                }
        }
        if (*help)
                return CLI_OK;
        if (c->args_n < c->cmd->least)
                return usage(c, "%s is missing", c->cmd->args);
        if (c->args_n > c->cmd->most)
                return usage(c, "%s is one argument too many", c->args[c->cmd->most]);
        return CLI_OK;
}

static int show_help(struct cli *c, const char *prefix)
{
        struct buf b = buf_on(c->mem);
        cli_help(&b, prefix);
        fwrite(b.p ? b.p : (const uint8_t *)"", 1, b.n, stdout);
        return CLI_OK;
}

/* Options before the command are everybody's: muster -d DIR status. They are moved behind it. */
static size_t leading_options(int argc, char **argv)
{
        int i = 1;
        while (i < argc && argv[i][0] == '-') {
                bool with_value = !strcmp(argv[i], "-d") || !strcmp(argv[i], "--dir");
                i += with_value && i + 1 < argc ? 2 : 1;
        }
        return (size_t)i;
}

static int run(struct cli *c, int argc, char **argv)
{
        size_t lead = leading_options(argc, argv), used;
        if (lead >= (size_t)argc) {
                bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
                if (argc > 1 && !strcmp(argv[1], "--version"))
                        return puts("muster " MUSTER_VERSION), CLI_OK;
                show_help(c, "");
                return asked ? CLI_OK : CLI_USAGE;
        }
        char **words = argv + lead;
        size_t n = (size_t)argc - lead;
        bool help = false;
        c->cmd = find(words, n, &used);
        if (c->cmd == NULL && n > 1 && (!strcmp(words[1], "--help") || !strcmp(words[1], "-h")))
                return show_help(c, words[0]);
        if (c->cmd == NULL)
                return unknown(c, words, n);
        char **rest = talloc_zero_array(c->mem, char *, (size_t)argc + 1);
        memcpy(rest, argv + 1, (lead - 1) * sizeof *rest);
        memcpy(rest + lead - 1, words + used, (n - used) * sizeof *rest);
        int rc = parse(c, (int)(lead - 1 + n - used), rest, &help);
        if (rc != CLI_OK)
                return rc;
        if (help)
                return show_help(c, c->cmd->name);
        struct err er = { 0 };
        enum ecode e = c->cmd->fn(c, &er);
        if (e != E_OK && er.text[0])
                cli_print_err(c, &er);
        return (int)cli_exit_of(e);
}

int cli_main(int argc, char **argv)
{
        struct cli c = { .mem = talloc_new(NULL), .out_tty = isatty(STDOUT_FILENO) == 1 };
        const char *term = getenv("TERM");
        c.colour = c.out_tty && getenv("NO_COLOR") == NULL && (term == NULL || strcmp(term, "dumb") != 0);
        int rc = run(&c, argc, argv);
        if (fflush(stdout) != 0 && errno != EPIPE)
                rc = CLI_UNDECIDED;
        talloc_free(c.mem);
        return rc;
}
