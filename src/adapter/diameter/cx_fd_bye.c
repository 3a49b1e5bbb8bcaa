/* Stands in front of GnuTLS's gnutls_bye for freeDiameter 1.2.1, whose receiving thread answers the peer's close_notify
 * with gnutls_bye(RDWR) while another thread may be writing to the same session, or closing it. GnuTLS allows one
 * writer at a time; two use memory that one of them has freed, and a peer can choose the moment. That call does nothing
 * here: the connection is closed right after it. gnutls_bye(WR) comes from the thread that ends the session and goes
 * through. */
#include "adapter/diameter/cx_fd_internal.h"

#include <dlfcn.h>

typedef int (*bye_fn)(gnutls_session_t, gnutls_close_request_t);

static bye_fn library_bye(void)
{
        void *p = dlsym(RTLD_NEXT, "gnutls_bye");
        bye_fn fn;
        memcpy(&fn, &p, sizeof fn);
        return fn;
}

int gnutls_bye(gnutls_session_t session, gnutls_close_request_t how)
{
        bye_fn library = library_bye();
        if (how == GNUTLS_SHUT_RDWR)
                return GNUTLS_E_SUCCESS;
        return library != NULL ? library(session, how) : GNUTLS_E_PUSH_ERROR;
}

/* Where the dynamic linker put somebody else's function first, the flaw above is back: refuse to serve. */
enum ecode cx_fd_bye_check(struct err *er)
{
        bye_fn mine = gnutls_bye;
        void *used = dlsym(RTLD_DEFAULT, "gnutls_bye");
        if (used == NULL || memcmp(&used, &mine, sizeof mine) != 0)
                return err_set(er, E_INTERNAL, NULL, "gnutls_bye of this program is not the one that is used");
        return E_OK;
}
