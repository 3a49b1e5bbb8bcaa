#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *name, *oauth, *advice;
        int http;
} rows[E_COUNT] = { [E_OK] = { "E_OK", NULL, "", 200 },
#define X(code, oauth_word, status, text) [code] = { #code, oauth_word, text, status },
                    ERROR_CATALOGUE(X)
#undef X
};

static enum ecode known(enum ecode e)
{
        return e >= E_OK && e < E_COUNT ? e : E_INTERNAL;
}

const char *ecode_name(enum ecode e)
{
        return rows[known(e)].name;
}

const char *ecode_oauth(enum ecode e)
{
        return rows[known(e)].oauth;
}

int ecode_http(enum ecode e)
{
        return rows[known(e)].http;
}

const char *ecode_advice(enum ecode e)
{
        return rows[known(e)].advice;
}

bool ecode_undecided(enum ecode e)
{
        return (e >= E_BUSY && e < E_COUNT) || e == E_CRYPTO;
}

void err_fill(struct err *er, enum ecode code, const char *req, const char *fmt, ...)
{
        if (er == NULL)
                return;
        er->code = code;
        snprintf(er->req, sizeof er->req, "%s", req ? req : "");
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(er->text, sizeof er->text, fmt, ap);
        va_end(ap);
}

void err_at(struct err *er, const char *place)
{
        if (er == NULL)
                return;
        char old[sizeof er->text];
        memcpy(old, er->text, sizeof old);
        int n = snprintf(er->text, sizeof er->text, "%s: ", place);
        if (n > 0 && (size_t)n < sizeof er->text)
                snprintf(er->text + n, sizeof er->text - (size_t)n, "%.*s", (int)(sizeof er->text - (size_t)n - 1),
                         old);
}
