#include "cli/everybody.h"

#include <stdio.h>
#include <talloc.h>

static const struct {
        enum cli_exit code;
        const char *text;
} exits[] = {
        { CLI_OK, "It is done, or the answer is yes." },
        { CLI_REFUSED, "The answer is no: refused, not found, or a check found something." },
        { CLI_USAGE, "The command line is wrong." },
        { CLI_UNDECIDED,
          "Nobody could be asked: a role, a file or the network did not answer. Trying again may help." },
        { CLI_CONFIG, "The configuration is wrong." },
};

static bool has_prefix(const char *name, const char *prefix)
{
        size_t n = strlen(prefix);
        return n == 0 || (!strncmp(name, prefix, n) && (name[n] == 0 || name[n] == ' '));
}

/* Text in lines of at most `width`, each after `indent` spaces. */
static void put_wrapped(struct buf *to, const char *text, size_t indent, size_t width)
{
        while (*text) {
                size_t room = width - indent, n = strcspn(text, "\n");
                bool cut = n > room;
                if (cut)
                        for (n = room; n > 0 && text[n] != ' ';)
                                n--;
                if (cut && n == 0)
                        n = strcspn(text, " \n");
                buf_printf(to, "%*s%.*s\n", (int)indent, "", (int)n, text);
                text += n;
                text += *text == '\n' ? 1 : strspn(text, " ");
        }
}

static void put_opt(struct buf *to, const struct cli_opt *o)
{
        char left[64];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->value ? " " : "", o->value ? o->value : "");
        buf_printf(to, "  %-26s %s\n", left, o->text);
}

static void help_one(struct buf *to, const struct cli_cmd *c)
{
        buf_printf(to, "muster %s%s%s%s\n\n  %s\n", c->name, *c->args ? " " : "", c->args, " [OPTION]...", c->text);
        if (c->detail != NULL) {
                buf_puts(to, "\n");
                put_wrapped(to, c->detail, 2, 100);
        }
        buf_puts(to, "\nOptions:\n");
        for (size_t i = 0; i < CLI_OPTS_MAX && c->opts[i].name != NULL; i++)
                put_opt(to, &c->opts[i]);
        for (const struct cli_opt *o = cli_everybody; o->name != NULL; o++)
                put_opt(to, o);
}

static void help_list(struct buf *to, const char *prefix)
{
        for (size_t t = 0; cli_tables[t] != NULL; t++) {
                bool any = false;
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        if (!has_prefix(c->name, prefix))
                                continue;
                        char left[64];
                        snprintf(left, sizeof left, "%s%s%s", c->name, *c->args ? " " : "", c->args);
                        buf_printf(to, "  %-28s %s\n", left, c->text);
                        any = true;
                }
                if (any && *prefix == 0)
                        buf_puts(to, "\n");
        }
}

void cli_help(struct buf *to, const char *prefix)
{
        const struct cli_cmd *exact = NULL;
        size_t n = 0;
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        n += has_prefix(c->name, prefix);
                        if (!strcmp(c->name, prefix))
                                exact = c;
                }
        if (exact != NULL && n == 1) {
                help_one(to, exact);
                return;
        }
        if (n == 0)
                return;
        if (*prefix == 0)
                buf_puts(to, "muster " MUSTER_VERSION ": identity and authorisation core for 3GPP services\n\n"
                             "  muster init && muster serve      make a deployment, and start every function of it\n"
                             "  muster COMMAND --help            about one command\n\n");
        help_list(to, prefix);
}

/* One case per command: its options, and after nothing else its second word. */
void cli_completion_bash(struct buf *to)
{
        buf_puts(to, "# bash completion for muster; made from its table of commands\n"
                     "_muster()\n{\n"
                     "        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words\n"
                     "        case $prev in -d|--dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;; esac\n"
                     "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
        for (size_t pass = 0; pass < 2; pass++) /* two words are looked at before one */
                for (size_t t = 0; cli_tables[t] != NULL; t++)
                        for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                                bool two = strchr(c->name, ' ') != NULL;
                                if (two == (pass == 1))
                                        continue;
                                buf_printf(to, "        \"%s%s) words=\"", c->name, two ? "\"" : " \"*");
                                for (size_t i = 0; i < CLI_OPTS_MAX && c->opts[i].name != NULL; i++)
                                        buf_printf(to, "--%s ", c->opts[i].name);
                                buf_puts(to, "--dir --json --help\" ;;\n");
                        }
        buf_puts(to, "        *) words= ;;\n        esac\n"
                     "        if [ \"$COMP_CWORD\" = 1 ]; then words=\"");
        const char *last = "";
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        size_t n = strcspn(c->name, " ");
                        if (!strncmp(last, c->name, n) && (last[n] == ' ' || last[n] == 0))
                                continue;
                        buf_printf(to, "%.*s ", (int)n, c->name);
                        last = c->name;
                }
        buf_puts(to, "--help --version\"\n"
                     "        elif [ \"$COMP_CWORD\" = 2 ]; then case ${COMP_WORDS[1]} in\n");
        last = "";
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        size_t n = strcspn(c->name, " ");
                        if (c->name[n] == 0 || (!strncmp(last, c->name, n) && last[n] == ' '))
                                continue;
                        buf_printf(to, "                %.*s) words=\"$words", (int)n, c->name);
                        for (const struct cli_cmd *k = c; k->name != NULL; k++)
                                if (!strncmp(k->name, c->name, n + 1))
                                        buf_printf(to, " %s", k->name + n + 1);
                        buf_puts(to, " --help\" ;;\n");
                        last = c->name;
                }
        buf_puts(to, "        esac; fi\n"
                     "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                     "        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                     "}\ncomplete -F _muster muster\n");
}

/* roff: hyphens, backslashes and leading dots have a meaning. */
static void put_roff(struct buf *to, const char *text)
{
        bool start = true;
        for (const char *p = text; *p; p++) {
                if (start && (*p == '.' || *p == '\''))
                        buf_puts(to, "\\&");
                if (*p == '\\')
                        buf_puts(to, "\\e");
                else if (*p == '-')
                        buf_puts(to, "\\-");
                else
                        buf_put(to, bytes_of(p, 1));
                start = *p == '\n';
        }
}

static void manual_opt(struct buf *to, const struct cli_opt *o)
{
        buf_puts(to, ".TP\n.B ");
        if (o->letter)
                buf_printf(to, "\\-%c, ", o->letter);
        buf_puts(to, "\\-\\-");
        put_roff(to, o->name);
        if (o->value != NULL)
                buf_printf(to, " \\fI%s\\fR", o->value);
        buf_puts(to, "\n");
        put_roff(to, o->text);
        buf_puts(to, "\n");
}

static void manual_commands(struct buf *to)
{
        for (size_t t = 0; cli_tables[t] != NULL; t++)
                for (const struct cli_cmd *c = cli_tables[t]; c->name != NULL; c++) {
                        buf_puts(to, ".SS \"muster ");
                        put_roff(to, c->name);
                        buf_printf(to, "%s%s\"\n", *c->args ? " " : "", c->args);
                        put_roff(to, c->text);
                        buf_puts(to, "\n");
                        if (c->detail != NULL) {
                                buf_puts(to, ".PP\n");
                                put_roff(to, c->detail);
                                buf_puts(to, "\n");
                        }
                        for (size_t i = 0; i < CLI_OPTS_MAX && c->opts[i].name != NULL; i++)
                                manual_opt(to, &c->opts[i]);
                }
}

void cli_manual(struct buf *to)
{
        buf_puts(to, ".TH MUSTER 1 \"\" \"muster " MUSTER_VERSION "\"\n"
                     ".SH NAME\nmuster \\- identity and authorisation core for 3GPP services\n"
                     ".SH SYNOPSIS\n.B muster\n.I COMMAND\n[\\fIARGUMENT\\fR]... [\\fIOPTION\\fR]...\n"
                     ".SH DESCRIPTION\nMuster runs the functions that sign mission critical users on: identity "
                     "management, key\n"
                     "management, configuration management, a SIP core with its HSS, and the MC servers. Each function "
                     "is a\n"
                     "process of its own that speaks the protocol of its reference point.\n"
                     ".PP\n.B muster init\nmakes a deployment directory,\n.B muster serve\nruns it.\n"
                     ".SH COMMANDS\n");
        manual_commands(to);
        buf_puts(to, ".SH OPTIONS OF EVERY COMMAND\n");
        for (const struct cli_opt *o = cli_everybody; o->name != NULL; o++)
                manual_opt(to, o);
        buf_puts(to, ".SH EXIT STATUS\n");
        for (size_t i = 0; i < COUNT(exits); i++) {
                buf_printf(to, ".TP\n.B %d\n", (int)exits[i].code);
                put_roff(to, exits[i].text);
                buf_puts(to, "\n");
        }
        buf_puts(to, ".SH ENVIRONMENT\n.TP\n.B MUSTER_DIR\nThe deployment directory, where no \\-\\-dir is given.\n"
                     ".TP\n.B NO_COLOR\nWhen set, nothing is coloured.\n"
                     ".SH FILES\n.TP\n.I muster.yaml\nThe configuration, in the deployment directory;\n"
                     ".B muster config sample\nprints every setting with its meaning.\n"
                     ".TP\n.I log/events-ROLE.jsonl\nWhat happened in each function, one JSON object per line.\n");
}
