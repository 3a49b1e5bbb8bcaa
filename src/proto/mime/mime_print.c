#include "proto/mime/mime.h"

#include <ctype.h>
#include <talloc.h>

static bool boundary_ok(const char *s)
{
        size_t n = strlen(s);
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)s[i]) && strchr("-_.", s[i]) == NULL)
                        return false;
        return n >= 1 && n <= 70;
}

static bool value_ok(const char *s)
{
        return s == NULL || strpbrk(s, "\r\n") == NULL;
}

static void put_header(struct buf *b, const char *name, const char *before, const char *value, const char *behind)
{
        if (value != NULL)
                buf_printf(b, "%s: %s%s%s\r\n", name, before, value, behind);
}

static enum ecode put_part(struct buf *b, const struct mime_out *part, const char *boundary, struct err *er)
{
        if (part->content_type == NULL)
                return err_set(er, E_MISSING, NULL, "Content-Type of a part");
        if (!value_ok(part->content_type) || !value_ok(part->id) || !value_ok(part->encoding) ||
            !value_ok(part->disposition))
                return err_set(er, E_RANGE, NULL, "a header of a part holds a line end");
        if (part->body.n > 0 && memmem(part->body.p, part->body.n, boundary, strlen(boundary)) != NULL)
                return err_set(er, E_CONFLICT, NULL, "the boundary occurs in a body");
        buf_printf(b, "--%s\r\n", boundary);
        put_header(b, "Content-Type", "", part->content_type, "");
        put_header(b, "Content-ID", "<", part->id, ">");
        put_header(b, "Content-Transfer-Encoding", "", part->encoding, "");
        put_header(b, "Content-Disposition", "", part->disposition, "");
        buf_puts(b, "\r\n");
        buf_put(b, part->body);
        buf_puts(b, "\r\n");
        return E_OK;
}

enum ecode mime_print(void *mem, const struct mime_out *parts, size_t n, const char *boundary, char **ret_type,
                      struct bytes *ret, struct err *er)
{
        if (!boundary_ok(boundary))
                return err_set(er, E_RANGE, NULL, "the boundary is not 1 to 70 letters and digits");
        if (n == 0)
                return err_set(er, E_MISSING, NULL, "a multipart body needs a part");
        struct buf b = buf_on(mem);
        for (size_t i = 0; i < n; i++) {
                enum ecode e = put_part(&b, &parts[i], boundary, er);
                if (e != E_OK)
                        return e;
        }
        buf_printf(&b, "--%s--\r\n", boundary);
        char *type = talloc_asprintf(mem, "multipart/mixed;boundary=%s", boundary);
        if (b.failed || type == NULL)
                return err_set(er, E_NOMEM, NULL, "multipart body");
        if (b.n > MIME_OCTETS_MAX)
                return err_set(er, E_LONG, "R-SA-39", "a body of %zu octets, at most %zu", b.n, MIME_OCTETS_MAX);
        *ret_type = type;
        *ret = buf_bytes(&b);
        return E_OK;
}
