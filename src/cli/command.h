/* The command line is a table: help, completion, manual page and dispatch are made from these rows. */
#ifndef MUSTER_CLI_COMMAND_H
#define MUSTER_CLI_COMMAND_H

#include "base/bytes.h"
#include "base/err.h"
#include "host/deployment.h"

/* Exit codes, documented in the manual page. */
enum cli_exit {
        CLI_OK = 0,
        CLI_REFUSED = 1,   /* the answer is no: refused, not found, check failed */
        CLI_USAGE = 2,     /* the command line itself is wrong */
        CLI_UNDECIDED = 3, /* could not ask: a role, file or network did not answer */
        CLI_CONFIG = 4,    /* the configuration is wrong, or there is no deployment */
};

struct cli_opt {
        const char *name;  /* "json" for --json */
        char letter;       /* 'd' for -d, or 0 */
        const char *value; /* what the help calls its value: "DIR"; NULL: a switch */
        const char *text;
};
#define CLI_OPTS_MAX 24

struct cli;
struct cli_cmd {
        const char *name; /* "user add": one or two words */
        const char *args; /* positional arguments for help: "NAME", "[ROLE]", "" */
        unsigned least, most;
        const char *text;   /* one line */
        const char *detail; /* paragraph for --help and the manual, or NULL */
        enum ecode (*fn)(struct cli *c, struct err *er);
        struct cli_opt opts[CLI_OPTS_MAX]; /* ends with an all-zero row; --help, --dir and --json are everybody's */
};

/* One run of a command. */
struct cli {
        void *mem;
        const struct cli_cmd *cmd;
        const char **args; /* positional */
        size_t args_n;
        const char *values[CLI_OPTS_MAX]; /* in the order of cmd->opts; a switch that was given is "" */
        const char *dir;                  /* -d, or NULL */
        bool json;
        bool out_tty, colour;
};

/* Tables of command groups, each ending with an all-zero row; the list ends with NULL. */
extern const struct cli_cmd *const cli_tables[];
extern const struct cli_cmd cli_serve_cmds[], cli_user_cmds[], cli_idm_cmds[], cli_token_cmds[], cli_tool_cmds[];
extern const struct cli_cmd cli_ladder_cmds[], cli_ue_cmds[], cli_storm_cmds[], cli_demo_cmds[];

/* The value of an option of this command, or NULL when it was not given. */
const char *cli_opt(const struct cli *c, const char *name);
/* Opens the deployment that -d names; problems of the configuration are listed on stderr. */
enum ecode cli_deployment(struct cli *c, struct deployment **ret, struct err *er);
enum cli_exit cli_exit_of(enum ecode e);
/* "muster: cause\n  at: place\n  remedy: ..." on stderr. */
void cli_print_err(const struct cli *c, const struct err *er);

int cli_main(int argc, char **argv);

/* Made from the tables. */
void cli_help(struct buf *to, const char *prefix); /* prefix: "", "user" or "user add" */
void cli_completion_bash(struct buf *to);
void cli_manual(struct buf *to);

#endif
