#include "port/http.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

static const char *field_of(const struct http_field *fields, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcasecmp(fields[i].name, name) == 0)
                        return fields[i].value;
        return NULL;
}

const char *http_req_field(const struct http_req *rq, const char *name)
{
        return field_of(rq->fields, rq->fields_n, name);
}

const char *http_in_field(const struct http_in *rs, const char *name)
{
        return field_of(rs->fields, rs->fields_n, name);
}

void http_res_field(struct http_res *rs, const char *name, const char *fmt, ...)
{
        if (rs->fields_n == COUNT(rs->fields))
                return;
        va_list ap;
        va_start(ap, fmt);
        char *value = talloc_vasprintf(rs->mem, fmt, ap);
        va_end(ap);
        if (value == NULL || strpbrk(value, "\r\n") != NULL)
                return;
        rs->fields[rs->fields_n++] = (struct http_field){ name, value };
}

void http_res_body(struct http_res *rs, int status, const char *type, struct bytes body)
{
        rs->status = status;
        rs->body = body;
        if (type != NULL)
                http_res_field(rs, "Content-Type", "%s", type);
}
