#include "host/admin.h"

#include "host/admin_line.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <talloc.h>
#include <unistd.h>

static enum ecode dial(const char *dir, const char *role, unsigned timeout_ms, int *ret, struct err *er)
{
        struct sockaddr_un a;
        int dir_fd = -1;
        char *run = talloc_asprintf(NULL, "%s/run", dir);
        enum ecode e = admin_address(run, role, &a, &dir_fd, er);
        talloc_free(run);
        if (e != E_OK)
                return e;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval tv = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        int why = errno;
        close(dir_fd);
        if (rc == 0) {
                *ret = fd;
                return E_OK;
        }
        if (fd >= 0)
                close(fd);
        if (why == ENOENT || why == ECONNREFUSED)
                return err_set(er, E_PEER_DOWN, NULL, "%s does not run in %s: start it with `muster serve -d %s`", role,
                               dir, dir);
        return err_set(er, E_PEER_DOWN, NULL, "cannot reach %s in %s: %s", role, dir, strerror(why));
}

static enum ecode code_of(const char *name)
{
        for (int e = E_OK + 1; e < E_COUNT; e++)
                if (name != NULL && !strcmp(ecode_name((enum ecode)e), name))
                        return (enum ecode)e;
        return E_INTERNAL;
}

/* {"ok":true,"result":...} or the refusal as the role gave it. */
static enum ecode read_answer(const char *role, const char *line, json_t **ret, struct err *er)
{
        json_error_t je;
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &je);
        if (o == NULL || !json_is_object(o)) {
                json_decref(o);
                return err_set(er, E_INTERNAL, NULL, "%s answered something that is not JSON", role);
        }
        enum ecode e = E_OK;
        if (json_is_true(json_object_get(o, "ok"))) {
                json_t *result = json_object_get(o, "result");
                *ret = result ? json_incref(result) : json_object();
        } else {
                const char *text = json_string_value(json_object_get(o, "text"));
                const char *req = json_string_value(json_object_get(o, "req"));
                e = err_set(er, code_of(json_string_value(json_object_get(o, "code"))), req, "%s: %s", role,
                            text ? text : "refused");
        }
        json_decref(o);
        return e;
}

enum ecode admin_call(void *mem, const char *dir, const char *role, const char *cmd, json_t *args, unsigned timeout_ms,
                      json_t **ret, struct err *er)
{
        int fd = -1;
        enum ecode e = dial(dir, role, timeout_ms ? timeout_ms : 10000, &fd, er);
        if (e != E_OK)
                return e;
        json_t *rq = json_pack("{s:s,s:O*}", "cmd", cmd, "args", args);
        char *text = rq ? json_dumps(rq, JSON_COMPACT) : NULL, *line = NULL;
        e = text ? admin_write_line(fd, text) : E_NOMEM;
        if (e == E_OK)
                e = admin_read_line(fd, mem, ADMIN_LINE_MAX, &line);
        close(fd);
        free(text);
        json_decref(rq);
        if (e == E_TIMEOUT)
                return err_set(er, E_TIMEOUT, NULL, "%s does not answer %s", role, cmd);
        if (e != E_OK)
                return err_set(er, e == E_SHORT || e == E_IO ? E_PEER_DOWN : e, NULL, "%s ended in the middle of %s",
                               role, cmd);
        e = read_answer(role, line, ret, er);
        talloc_free(line);
        return e;
}
