#include "lib/lib.h"

#include "base/secret.h"

#include <stdio.h>
#include <talloc.h>

const struct env lib_env = { .clock = &clock_system, .rng = &rng_system };

const char *muster_version(void)
{
        return MUSTER_VERSION;
}

enum muster_result lib_result(enum ecode e, const struct err *er, struct muster_error *ret)
{
        if (e == E_OK)
                return MUSTER_OK;
        enum muster_result r = ecode_undecided(e) ? MUSTER_UNDECIDED : MUSTER_REFUSED;
        if (ret == NULL)
                return r;
        *ret = (struct muster_error){
                .result = r, .advice = ecode_advice(e), .oauth = ecode_oauth(e), .http_status = ecode_http(e)
        };
        snprintf(ret->code, sizeof ret->code, "%s", ecode_name(e));
        if (er->code == e) {
                snprintf(ret->requirement, sizeof ret->requirement, "%s", er->req);
                snprintf(ret->text, sizeof ret->text, "%s", er->text);
        }
        return r;
}

enum ecode lib_missing(const char *name, struct err *er)
{
        return err_set(er, E_MISSING, NULL, "%s is missing", name);
}

void muster_free(void *buffer)
{
        talloc_free(buffer);
}

uint8_t *lib_octets(struct bytes in)
{
        uint8_t *p = secret_alloc(NULL, in.n > 0 ? in.n : 1);
        if (p != NULL && in.n > 0)
                memcpy(p, in.p, in.n);
        return p;
}

char *lib_text(const char *in)
{
        return in != NULL ? (char *)lib_octets(bytes_of(in, strlen(in) + 1)) : NULL;
}
