#include "role/common/request.h"

#include "proto/oauth/oauth.h"

#include <talloc.h>

#define TEXT_MOST 255

enum ecode request_bearer(const struct http_req *rq, struct bytes *ret, struct err *er)
{
        struct form f;
        const char *query = rq->query != NULL ? rq->query : "";
        /* also where the query is broken: whoever puts a token there must not be told anything else */
        if (strstr(query, "access_token=") != NULL ||
            (*query != 0 && form_parse(rq->mem, bytes_str(query), &f, NULL) == E_OK &&
             form_get(&f, "access_token") != NULL))
                return err_set(er, E_SYNTAX, "R-ID-80", "a token in the query is never taken");
        return bearer_parse(http_req_field(rq, "Authorization"), ret, er);
}

static enum ecode wrong_type(struct err *er, const char *name, const char *want)
{
        return err_set(er, E_SYNTAX, NULL, "argument %s has to be %s", name, want);
}

enum ecode arg_text(const json_t *in, const char *name, const char **ret, struct err *er)
{
        const json_t *v = json_object_get(in, name);
        if (v == NULL)
                return E_OK;
        if (!json_is_null(v) && (json_string_length(v) == 0 || json_string_length(v) > TEXT_MOST))
                return wrong_type(er, name, "a text of 1 to 255 octets");
        *ret = json_string_value(v);
        return E_OK;
}

enum ecode arg_need(const json_t *in, const char *name, const char **ret, struct err *er)
{
        const char *text = NULL;
        enum ecode e = arg_text(in, name, &text, er);
        if (e == E_OK && text == NULL)
                e = err_set(er, E_MISSING, NULL, "argument %s is missing", name);
        if (e == E_OK)
                *ret = text;
        return e;
}

enum ecode arg_page(const json_t *in, struct page *ret, struct err *er)
{
        const char *after = "";
        int64_t most = LIST_MOST;
        enum ecode e = arg_text(in, "after", &after, er);
        if (e == E_OK)
                e = arg_int(in, "most", 1, LIST_MOST, &most, er);
        if (e == E_OK)
                *ret = (struct page){ after != NULL ? after : "", (size_t)most };
        return e;
}

enum ecode arg_int(const json_t *in, const char *name, int64_t least, int64_t most, int64_t *ret, struct err *er)
{
        const json_t *v = json_object_get(in, name);
        if (v == NULL)
                return E_OK;
        if (!json_is_null(v) && !json_is_integer(v))
                return wrong_type(er, name, "a whole number");
        int64_t n = json_integer_value(v);
        if (!json_is_null(v) && (n < least || n > most))
                return err_set(er, E_RANGE, NULL, "argument %s is %lld, it may be %lld to %lld", name, (long long)n,
                               (long long)least, (long long)most);
        *ret = n;
        return E_OK;
}

enum ecode arg_bool(const json_t *in, const char *name, bool *ret, struct err *er)
{
        const json_t *v = json_object_get(in, name);
        if (v == NULL)
                return E_OK;
        if (!json_is_null(v) && !json_is_boolean(v))
                return wrong_type(er, name, "true or false");
        *ret = json_is_true(v);
        return E_OK;
}

enum ecode arg_list(void *mem, const json_t *in, const char *name, const char ***ret, size_t *ret_n, struct err *er)
{
        const json_t *v = json_object_get(in, name);
        if (v == NULL)
                return E_OK;
        if (!json_is_null(v) && !json_is_array(v))
                return wrong_type(er, name, "an array of texts");
        size_t n = json_array_size(v);
        const char **list = talloc_zero_array(mem, const char *, n + 1);
        if (list == NULL)
                return err_set(er, E_NOMEM, NULL, "argument %s", name);
        for (size_t i = 0; i < n; i++) {
                const json_t *one = json_array_get(v, i);
                if (json_string_length(one) == 0 || json_string_length(one) > TEXT_MOST)
                        return wrong_type(er, name, "an array of texts of 1 to 255 octets");
                list[i] = json_string_value(one);
        }
        *ret = list;
        *ret_n = n;
        return E_OK;
}

enum ecode mc_id_check(const char *uri, const char *what, struct err *er)
{
        static const char *const schemes[] = { "sip:", "sips:", "tel:" };
        size_t n = 0;
        for (size_t i = 0; i < COUNT(schemes); i++)
                if (strncmp(uri, schemes[i], strlen(schemes[i])) == 0)
                        n = strlen(schemes[i]);
        if (n == 0 || uri[n] == 0)
                return err_set(er, E_SYNTAX, "R-ID-10", "%s %.100s is no sip: or tel: URI", what, uri);
        for (const char *p = uri; *p != 0; p++)
                if ((uint8_t)*p <= 0x20 || *p == 0x7f || strchr("<>\"\\/", *p) != NULL)
                        return err_set(er, E_SYNTAX, "R-ID-10", "%s holds a character that does not belong in a URI",
                                       what);
        return E_OK;
}
