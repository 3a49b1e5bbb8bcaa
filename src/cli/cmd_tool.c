/* config, help, manual: what can be said without asking anybody. */
#include "cli/command.h"
#include "host/roles.h"

#include <stdio.h>
#include <talloc.h>

static void print_buf(const struct buf *b)
{
        fwrite(b->p ? b->p : (const uint8_t *)"", 1, b->n, stdout);
}

static enum ecode print_problems(struct cli *c, const struct conf_report *rep)
{
        json_t *all = json_array();
        for (size_t i = 0; i < rep->n; i++) {
                const struct conf_problem *p = &rep->items[i];
                json_array_append_new(all, json_pack("{s:s,s:i,s:i,s:s,s:s,s:s*}", "file", rep->file, "line",
                                                     (int)p->line, "column", (int)p->column, "cause",
                                                     ecode_name(p->code), "text", p->text, "remedy", p->remedy));
                if (!c->json)
                        printf("%s\n", conf_problem_line(c->mem, rep, i));
        }
        if (c->json)
                json_dumpf(all, stdout, JSON_INDENT(2)), puts("");
        json_decref(all);
        return rep->n ? E_CONFIG : E_OK;
}

static enum ecode cmd_config_check(struct cli *c, struct err *er)
{
        struct deployment *d = NULL;
        enum ecode e = deployment_open(c->mem, c->dir, &d, er);
        if (d == NULL)
                return e;
        struct conf_report rep = d->problems;
        if (e == E_OK)
                deployment_check(d, &rep);
        else
                er->text[0] = 0; /* it is on the list */
        e = print_problems(c, &rep);
        if (e == E_OK && !c->json)
                printf("%s is good\n", rep.file);
        return e;
}

static enum ecode show_section(struct cli *c, struct deployment *d, const struct role *r, struct buf *b, struct err *er)
{
        void *set = talloc_zero_size(c->mem, r->conf_size + 1);
        struct conf_report rep = conf_report_on(c->mem, d->problems.file);
        if (conf_bind(d->conf, r->name, r->conf, set, r->conf_size, &rep) != E_OK)
                return conf_report_err(&rep, er);
        conf_print_values(b, r->name, r->conf, set);
        buf_puts(b, "\n");
        return E_OK;
}

static enum ecode cmd_config_show(struct cli *c, struct err *er)
{
        struct deployment *d;
        struct buf b = buf_on(c->mem);
        enum ecode e = cli_deployment(c, &d, er);
        if (e != E_OK)
                return e;
        const char *only = c->args_n ? c->args[0] : NULL;
        if (only != NULL && strcmp(only, "deployment") != 0 && host_role(only) == NULL)
                return err_set(er, E_NOT_FOUND, NULL, "there is no section %s", only);
        if (only == NULL || !strcmp(only, "deployment")) {
                conf_print_values(&b, "deployment", deployment_conf_items, &d->set);
                buf_puts(&b, "\n");
        }
        for (const struct role_row *r = host_roles; e == E_OK && r->role != NULL; r++)
                if (only == NULL || !strcmp(only, r->role->name))
                        e = show_section(c, d, r->role, &b, er);
        if (e == E_OK)
                print_buf(&b);
        return e;
}

static enum ecode cmd_config_sample(struct cli *c, struct err *er)
{
        struct buf b = buf_on(c->mem);
        const char *only = c->args_n ? c->args[0] : NULL;
        if (only == NULL || !strcmp(only, "deployment"))
                conf_print_sample(&b, "deployment", "What all functions share.", deployment_conf_items, NULL);
        for (const struct role_row *r = host_roles; r->role != NULL; r++)
                if (only == NULL || !strcmp(only, r->role->name))
                        conf_print_sample(&b, r->role->name, r->role->title, r->role->conf, NULL);
        if (b.n == 0)
                return err_set(er, E_NOT_FOUND, NULL, "there is no section %s", only ? only : "");
        print_buf(&b);
        return E_OK;
}

static enum ecode cmd_help(struct cli *c, struct err *er)
{
        struct buf b = buf_on(c->mem);
        char *prefix = talloc_asprintf(c->mem, "%s%s%s", c->args_n ? c->args[0] : "", c->args_n > 1 ? " " : "",
                                       c->args_n > 1 ? c->args[1] : "");
        cli_help(&b, prefix);
        print_buf(&b);
        return b.n ? E_OK : err_set(er, E_NOT_FOUND, NULL, "there is no command %s", prefix);
}

static enum ecode cmd_manual(struct cli *c, struct err *er)
{
        struct buf b = buf_on(c->mem);
        const char *shell = cli_opt(c, "completion");
        if (shell != NULL && strcmp(shell, "bash") != 0)
                return err_set(er, E_UNSUPPORTED, NULL, "completion exists for bash");
        if (shell != NULL)
                cli_completion_bash(&b);
        else
                cli_manual(&b);
        print_buf(&b);
        return E_OK;
}

const struct cli_cmd cli_tool_cmds[] = {
        { "config check",
          "",
          0,
          0,
          "Say everything that is wrong in the configuration.",
          "One line for each: file, line, column, cause and remedy. Exit status 4 when there is something.",
          cmd_config_check,
          { { 0 } } },
        { "config show",
          "[SECTION]",
          0,
          1,
          "Show the values that hold, defaults included.",
          NULL,
          cmd_config_show,
          { { 0 } } },
        { "config sample",
          "[SECTION]",
          0,
          1,
          "Print every setting with its meaning, default and source.",
          NULL,
          cmd_config_sample,
          { { 0 } } },
        { "help", "[COMMAND]", 0, 2, "Show all commands, or one.", NULL, cmd_help, { { 0 } } },
        { "manual",
          "",
          0,
          0,
          "Print the manual page, or a completion file.",
          NULL,
          cmd_manual,
          { { "man", 0, NULL, "The manual page in roff (default)." },
            { "completion", 0, "SHELL", "The completion file of a shell: bash." } } },
        { 0 },
};
