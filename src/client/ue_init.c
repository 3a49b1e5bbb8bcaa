/* Step 0: what a UE has to know before anybody signs in (TS 24.484 clause 7.2). Radio attach and network security lie
 * below; Muster does not run them, and the ladder says so. */
#include "client/ue.h"

#include <talloc.h>

enum ecode ue_configure(struct ue *u, struct err *er)
{
        struct http_in rs;
        void *mem = talloc_new(u);
        struct http_out rq = { .method = "GET", .url = u->profile->init_url };
        enum ecode e = ue_fetch(u, mem, &rq, &rs, er);
        if (e == E_OK && rs.status != 200)
                e = err_set(er, rs.status >= 500 ? E_PEER_DOWN : E_NOT_FOUND, NULL, "%s answered %d", rq.url,
                            rs.status);
        if (e == E_OK)
                e = mcx_ue_init_parse(u, rs.body, &u->init, er);
        if (e == E_OK && u->init->pcscf_n == 0)
                e = err_set(er, E_MISSING, NULL, "the UE initial configuration names no P-CSCF");
        if (e == E_OK)
                ue_arrow(u, "0", "cms", "HTTPS", "UE initial configuration: IdM, KMS, CMS and P-CSCF addresses", NULL);
        talloc_free(mem);
        return e;
}
