#include "port/sip.h"

const char *sip_proto_name(enum sip_proto p)
{
        static const char *const name[] = { "UDP", "TCP", "TLS", "WS", "WSS" };
        return name[p];
}

const char *sip_proto_param(enum sip_proto p)
{
        static const char *const name[] = { "udp", "tcp", "tls", "ws", "wss" };
        return name[p];
}
