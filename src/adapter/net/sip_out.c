#include "adapter/net/sip_net_int.h"

/* A listener to send from, which need not serve the protocol itself when that is one of streams. */
static struct sip_listener *sender(struct sip_net *n, const struct sip_target *to)
{
        struct sip_listener *l = sip_net_listener(n, to->listener, to->proto);
        for (size_t i = 0; l == NULL && to->proto != SIP_UDP && i < n->listeners_n; i++)
                if (to->listener == NULL || strcmp(n->listeners[i].name, to->listener) == 0)
                        l = &n->listeners[i];
        return l;
}

enum ecode sip_route(struct sip_net *n, const struct sip_target *to, struct sip_route *ret)
{
        if (to->proto >= SIP_PROTOS)
                return E_UNSUPPORTED;
        struct sip_listener *ls = sender(n, to);
        struct sip_conn *c = to->proto == SIP_UDP && to->flow == 0 ? NULL : sip_conn_find(n, to, ls);
        if (c != NULL) {
                *ret = (struct sip_route){ c->ls, c->key.proto, c };
                return E_OK;
        }
        if (ls == NULL || to->port == 0)
                return E_PEER_DOWN;
        *ret = (struct sip_route){ ls, to->proto, NULL };
        return E_OK;
}

static enum ecode datagram(const struct sip_listener *ls, const struct sip_target *to, struct bytes out)
{
        struct sockaddr_storage sa;
        socklen_t len = 0;
        if (!sip_sockaddr(to->ip, to->port, &sa, &len))
                return E_PEER_DOWN;
        ssize_t n = sendto(ls->fd[SIP_UDP], out.p, out.n, 0, (struct sockaddr *)&sa, len);
        return n == (ssize_t)out.n ? E_OK : E_PEER_DOWN;
}

enum ecode sip_transmit(struct sip_net *n, struct sip_route *r, const struct sip_target *to, struct bytes out)
{
        if (n->closing)
                return E_PEER_DOWN;
        if (r->proto == SIP_UDP)
                return datagram(r->ls, to, out);
        struct sip_target t = *to;
        t.proto = r->proto;
        if (r->conn == NULL)
                r->conn = sip_conn_find(n, &t, r->ls);
        enum ecode e = r->conn != NULL ? E_OK : sip_conn_connect(r->ls, &t, &r->conn);
        if (e == E_OK)
                sip_conn_write(r->conn, out);
        return e;
}
