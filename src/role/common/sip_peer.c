#include "role/common/sip_peer.h"

#include "port/role.h"
#include "proto/sip/sip.h"

#include <netdb.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <talloc.h>

static enum sip_proto proto_of(const struct sip_uri *u)
{
        const char *t = sip_param(&u->params, "transport");
        static const enum sip_proto all[] = { SIP_UDP, SIP_TCP, SIP_TLS, SIP_WS, SIP_WSS };
        for (size_t i = 0; t != NULL && i < COUNT(all); i++)
                if (strcasecmp(t, sip_proto_param(all[i])) == 0)
                        return all[i];
        return strcmp(u->scheme, "sips") == 0 ? SIP_TLS : SIP_UDP;
}

static enum ecode resolve(const char *host, char ip[46], struct err *er)
{
        struct addrinfo hint = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
        int rc = getaddrinfo(host, NULL, &hint, &list);
        if (rc != 0)
                return err_set(er, E_PEER_DOWN, NULL, "%s does not resolve: %s", host, gai_strerror(rc));
        rc = getnameinfo(list->ai_addr, list->ai_addrlen, ip, 46, NULL, 0, NI_NUMERICHOST);
        freeaddrinfo(list);
        return rc == 0 ? E_OK : err_set(er, E_PEER_DOWN, NULL, "%s: %s", host, gai_strerror(rc));
}

enum ecode sip_target_of(const char *uri, struct sip_target *ret, struct err *er)
{
        void *mem = talloc_new(NULL);
        struct sip_addr a = { 0 };
        struct sip_target t = { 0 };
        /* without angle brackets, parameters would count as the header's (RFC 3261 clause 20) */
        enum ecode e = strchr(uri, '<') != NULL ? sip_addr_parse(mem, uri, &a, er) : sip_uri_parse(mem, uri, &a.u, er);
        if (e == E_OK && a.u.host[0] == 0)
                e = err_set(er, E_SYNTAX, NULL, "no host in %s", uri);
        if (e == E_OK) {
                t.proto = proto_of(&a.u);
                t.port = a.u.port != 0 ? a.u.port : t.proto == SIP_TLS || t.proto == SIP_WSS ? 5061 : 5060;
                e = resolve(a.u.host, t.ip, er);
        }
        talloc_free(mem);
        if (e == E_OK)
                *ret = t;
        return e;
}

char *sip_own_uri(void *mem, struct sip_port *port, const char *listener, enum sip_proto proto, const char *user,
                  bool lr)
{
        struct sip_target t;
        if (port->local(port, listener, proto, &t) != E_OK)
                return NULL;
        return talloc_asprintf(
                mem, strchr(t.ip, ':') ? "sip:%s%s[%s]:%u;transport=%s%s" : "sip:%s%s%s:%u;transport=%s%s",
                user ? user : "", user ? "@" : "", t.ip, t.port, sip_proto_param(proto), lr ? ";lr" : "");
}

static bool listed(const struct conf_list *list, const char *what)
{
        for (size_t i = 0; i < list->n; i++)
                if (strcasecmp(list->item[i], what) == 0)
                        return true;
        return false;
}

bool sip_peer_trusted(const struct sip_peer *from, const struct conf_list *names, const struct conf_list *addresses)
{
        return (from->tls_name[0] != 0 && listed(names, from->tls_name)) || listed(addresses, from->ip);
}

void sip_refuse(const struct role_env *env, const char *flow, const char *step, struct sip_tx *tx, struct sip_msg *rq,
                int64_t min_expires, const struct err *er)
{
        ev_refused(env->log, flow, step, er,
                   (const struct ev_kv[]){ KV_STR("method", sip_method(rq)),
                                           KV_HASH("call", sip_call_id(rq)),
                                           KV_HASH("subject", sip_hdr(rq, "To")),
                                           { 0 } });
        struct sip_msg *rs = tx != NULL ? sip_response_new(NULL, rq, sip_status_of(er->code), NULL) : NULL;
        if (rs == NULL)
                return;
        if (er->code == E_INTERVAL_BRIEF)
                sip_hdr_set(rs, "Min-Expires", "%lld", (long long)min_expires);
        if (ecode_undecided(er->code))
                sip_hdr_set(rs, "Retry-After", "%u", 5 + (unsigned)(clock_ms(env->clock) % 11));
        if (env->sip->reply(env->sip, tx, rs) != E_OK)
                ev(env->log, EV_WARN, "reply-lost", KV_INT("status", sip_status_of(er->code)));
}
