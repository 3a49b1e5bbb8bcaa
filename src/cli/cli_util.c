#include "cli/cli_util.h"

#include "base/secret.h"
#include "host/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <talloc.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MAX = 1024, CALL_MS = 20000 };

enum ecode cli_read_text(void *mem, const char *path, size_t most, char **ret, struct err *er)
{
        FILE *f = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
        if (f == NULL)
                return err_set(er, E_IO, NULL, "cannot read %s: %s", path, strerror(errno));
        char *text = (char *)secret_alloc(mem, most + 2);
        size_t n = text ? fread(text, 1, most + 1, f) : 0;
        bool bad = ferror(f) != 0;
        if (f != stdin)
                fclose(f);
        if (text == NULL || bad)
                return err_set(er, E_IO, NULL, "cannot read %s", path);
        if (n > most || memchr(text, 0, n) != NULL)
                return err_set(er, E_LONG, NULL, "%s is no text of at most %zu octets", path, most);
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                n--;
        text[n] = 0;
        *ret = text;
        return E_OK;
}

/* One line from the terminal without showing it. */
static enum ecode ask(struct cli *c, const char *prompt, const char *whose, char **ret, struct err *er)
{
        int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
        struct termios shown, hidden;
        if (fd < 0 || tcgetattr(fd, &shown) != 0) {
                if (fd >= 0)
                        close(fd);
                return err_set(er, E_MISSING, NULL,
                               "there is no terminal to ask for a password: use --password-stdin or "
                               "--password-file");
        }
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &hidden);
        dprintf(fd, "%s %s: ", prompt, whose);
        char *text = (char *)secret_alloc(c->mem, PASSWORD_MAX);
        ssize_t n = text ? read(fd, text, PASSWORD_MAX - 1) : -1;
        tcsetattr(fd, TCSAFLUSH, &shown);
        dprintf(fd, "\n");
        close(fd);
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                n--;
        if (n <= 0)
                return err_set(er, E_MISSING, NULL, "no password was given");
        text[n] = 0;
        *ret = text;
        return E_OK;
}

/* E_NOT_FOUND: no option says where it is. */
static enum ecode given(struct cli *c, char **ret, struct err *er)
{
        const char *file = cli_opt(c, "password-stdin") != NULL ? "-" : cli_opt(c, "password-file");
        if (file == NULL)
                return E_NOT_FOUND;
        enum ecode e = cli_read_text(c->mem, file, PASSWORD_MAX, ret, er);
        return e == E_OK && **ret == 0 ? err_set(er, E_MISSING, NULL, "the password is empty") : e;
}

enum ecode cli_password(struct cli *c, const char *whose, char **ret, struct err *er)
{
        enum ecode e = given(c, ret, er);
        return e == E_NOT_FOUND ? ask(c, "Password of", whose, ret, er) : e;
}

enum ecode cli_new_password(struct cli *c, const char *whose, char **ret, struct err *er)
{
        char *again = NULL;
        enum ecode e = given(c, ret, er);
        if (e != E_NOT_FOUND)
                return e;
        e = ask(c, "New password of", whose, ret, er);
        if (e == E_OK)
                e = ask(c, "Once more, password of", whose, &again, er);
        if (e == E_OK && strcmp(*ret, again) != 0)
                e = err_set(er, E_CONFLICT, NULL, "the two passwords differ");
        return e;
}

json_t *cli_words(const char *text)
{
        json_t *list = json_array();
        while (*text) {
                size_t n = strcspn(text, ", ");
                if (n > 0)
                        json_array_append_new(list, json_stringn(text, n));
                text += n + strspn(text + n, ", ");
        }
        return list;
}

enum ecode cli_handset_client(const struct deployment *d, struct err *er)
{
        json_t *out = NULL;
        json_t *args = json_pack("{s:s,s:s,s:s,s:[s,s],s:s}", "client_id", "mcx-handset-01", "name", "Muster handset",
                                 "auth_method", "none", "redirect_uris", "http://127.0.0.1/callback",
                                 "com.example.mcxhandset:/oauth2redirect", "scopes", "all");
        void *mem = talloc_new(NULL);
        enum ecode e = admin_call(mem, d->site.dir, "idm", "client-put", args, CALL_MS, &out, er);
        talloc_free(mem);
        json_decref(args);
        json_decref(out);
        return e;
}

enum ecode cli_transport(const struct cli *c, enum sip_proto *ret, struct err *er)
{
        const char *t = cli_opt(c, "transport");
        static const enum sip_proto all[] = { SIP_TLS, SIP_TCP, SIP_UDP };
        *ret = SIP_TLS;
        for (size_t i = 0; i < COUNT(all); i++)
                if (t != NULL && strcasecmp(t, sip_proto_param(all[i])) == 0) {
                        *ret = all[i];
                        return E_OK;
                }
        return t == NULL ? E_OK : err_set(er, E_RANGE, NULL, "--transport is tls, tcp or udp");
}

enum ecode cli_write_json(const char *path, json_t *o, struct err *er)
{
        char *fresh = talloc_asprintf(NULL, "%s.new", path);
        char *text = json_dumps(o, JSON_INDENT(2));
        unlink(fresh);
        int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool good = fd >= 0 && text != NULL && dprintf(fd, "%s\n", text) > 0 && fsync(fd) == 0;
        if (fd >= 0 && close(fd) != 0)
                good = false;
        if (good && rename(fresh, path) != 0)
                good = false;
        enum ecode e = good ? E_OK : err_set(er, E_IO, NULL, "cannot write %s: %s", path, strerror(errno));
        if (text != NULL)
                secret_wipe(text, strlen(text));
        free(text);
        talloc_free(fresh);
        return e;
}

void cli_print_json(json_t *o)
{
        json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        puts("");
}
