#include "adapter/diameter/cx_fd_internal.h"

#include <pthread.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static struct log *log_to;
static const struct cx_conf *settings;

static bool listed(const char *identity)
{
        for (size_t i = 0; i < settings->peers.n; i++) {
                if (bytes_ieq_str(bytes_str(identity), settings->peers.item[i]))
                        return true;
        }
        return false;
}

/* GnuTLS has checked the chain against the CA; whose certificate it is, nobody has asked yet. */
static bool certified(const struct peer_info *info)
{
        if (info->runtime.pir_cert_list_size == 0)
                return false;
        const unsigned char *der = info->runtime.pir_cert_list[0].data;
        X509 *cert = d2i_X509(NULL, &der, (long)info->runtime.pir_cert_list[0].size);
        bool ok = cert != NULL &&
                  X509_check_host(cert, info->pi_diamid, info->pi_diamidlen, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
        X509_free(cert);
        return ok;
}

/* Called for each connection of each peer: none is in freeDiameter's own list, which would let it pass unasked. */
static int validate(struct peer_info *info, int *auth, int (**cb2)(struct peer_info *))
{
        (void)cb2;
        struct err er = { 0 };
        int cancel; /* not in the middle of an event: see cx_fd_log.c */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
        if (!listed(info->pi_diamid))
                err_set(&er, E_UNTRUSTED_PEER, NULL, "%s is not on the list of peers", info->pi_diamid);
        else if (!settings->plain && !certified(info))
                err_set(&er, E_UNTRUSTED_PEER, NULL, "the certificate does not name %s", info->pi_diamid);
        else if (settings->plain)
                info->config.pic_flags.sec = PI_SEC_NONE;
        *auth = er.code == E_OK ? 1 : -1;
        if (er.code != E_OK)
                ev_refused(log_to, NULL, NULL, &er, (const struct ev_kv[]){ KV_STR("peer", info->pi_diamid), { 0 } });
        pthread_setcancelstate(cancel, NULL);
        return 0;
}

enum ecode cx_fd_peers_start(struct log *log, const struct cx_conf *conf, struct err *er)
{
        log_to = log;
        settings = conf;
        if (conf->peers.n == 0)
                return err_set(er, E_CONFIG, NULL, "the list of Diameter peers is empty: nobody could connect");
        if (conf->plain)
                ev(log, EV_WARN, "diameter_plain",
                   KV_STR("text",
                          "Diameter without TLS: peers are believed by name, something else has to protect the path"));
        return fd_peer_validate_register(validate) == 0 ? E_OK : err_set(er, E_INTERNAL, NULL, "peer validation");
}
