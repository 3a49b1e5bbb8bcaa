/* The private certification authority of a deployment: EC P-256, one certificate per role for server and client use. */
#ifndef MUSTER_HOST_PKI_H
#define MUSTER_HOST_PKI_H

#include "base/env.h"
#include "base/err.h"

struct pki_subject {
        const char *common_name;
        const char *const *names; /* "DNS:idm.mc.example", "IP:127.0.1.1"; NULL at the end */
        unsigned days;
};

/* Writes tls_dir/ca.crt and ca.key (0600). E_CRYPTO, E_IO. */
enum ecode pki_make_ca(const struct env *env, const char *tls_dir, const struct pki_subject *s, struct err *er);
/* Writes tls_dir/<file>.crt (with nothing but itself: the authority is the root) and <file>.key (0600). */
enum ecode pki_issue(const struct env *env, const char *tls_dir, const char *file, const struct pki_subject *s,
                     struct err *er);

#endif
