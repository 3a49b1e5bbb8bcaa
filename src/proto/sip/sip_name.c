#include "proto/sip/sip_int.h"

#include <strings.h>

#define L SIP_NAME_LIST
#define S SIP_NAME_SINGLE

/* Sorted without regard to case. Which headers are lists: RFC 3261 clause 25.1 and the RFC of each extension. */
static const struct sip_name names[] = {
        { "Accept", 0, L },
        { "Accept-Contact", 'a', L },
        { "Accept-Encoding", 0, L },
        { "Accept-Language", 0, L },
        { "Alert-Info", 0, L },
        { "Allow", 0, L },
        { "Allow-Events", 'u', L },
        { "Authentication-Info", 0, 0 },
        { "Authorization", 0, 0 },
        { "Call-ID", 'i', S },
        { "Call-Info", 0, L },
        { "Contact", 'm', L },
        { "Content-Disposition", 0, S },
        { "Content-Encoding", 'e', L },
        { "Content-Language", 0, L },
        { "Content-Length", 'l', S },
        { "Content-Type", 'c', S },
        { "CSeq", 0, S },
        { "Date", 0, S },
        { "Error-Info", 0, L },
        { "Event", 'o', S },
        { "Expires", 0, S },
        { "From", 'f', S },
        { "History-Info", 0, L },
        { "Identity", 'y', 0 },
        { "Identity-Info", 'n', 0 },
        { "In-Reply-To", 0, L },
        { "Max-Forwards", 0, S },
        { "MIME-Version", 0, S },
        { "Min-Expires", 0, S },
        { "Min-SE", 0, S },
        { "Organization", 0, 0 },
        { "P-Access-Network-Info", 0, L },
        { "P-Asserted-Identity", 0, L },
        { "P-Asserted-Service", 0, L },
        { "P-Associated-URI", 0, L },
        { "P-Called-Party-ID", 0, S },
        { "P-Charging-Function-Addresses", 0, 0 },
        { "P-Charging-Vector", 0, S },
        { "P-Preferred-Identity", 0, L },
        { "P-Preferred-Service", 0, L },
        { "P-Visited-Network-ID", 0, L },
        { "Path", 0, L },
        { "Priority", 0, S },
        { "Privacy", 0, 0 },
        { "Proxy-Authenticate", 0, 0 },
        { "Proxy-Authorization", 0, 0 },
        { "Proxy-Require", 0, L },
        { "RAck", 0, S },
        { "Reason", 0, L },
        { "Record-Route", 0, L },
        { "Refer-To", 'r', S },
        { "Referred-By", 'b', S },
        { "Reject-Contact", 'j', L },
        { "Replaces", 0, S },
        { "Reply-To", 0, S },
        { "Request-Disposition", 'd', L },
        { "Require", 0, L },
        { "Resource-Priority", 0, L },
        { "Retry-After", 0, S },
        { "Route", 0, L },
        { "RSeq", 0, S },
        { "Security-Client", 0, L },
        { "Security-Server", 0, L },
        { "Security-Verify", 0, L },
        { "Server", 0, 0 },
        { "Service-Route", 0, L },
        { "Session-Expires", 'x', S },
        { "SIP-ETag", 0, S },
        { "SIP-If-Match", 0, S },
        { "Subject", 's', 0 },
        { "Subscription-State", 0, S },
        { "Supported", 'k', L },
        { "Timestamp", 0, S },
        { "To", 't', S },
        { "Unsupported", 0, L },
        { "User-Agent", 0, 0 },
        { "Via", 'v', L },
        { "Warning", 0, L },
        { "WWW-Authenticate", 0, 0 },
};

static const struct sip_name *by_compact(char c)
{
        for (size_t i = 0; i < COUNT(names); i++)
                if (names[i].compact != 0 && names[i].compact == (c | 0x20))
                        return &names[i];
        return NULL;
}

const struct sip_name *sip_name_find(const char *name, size_t n)
{
        if (n == 1)
                return by_compact(name[0]);
        size_t lo = 0, hi = COUNT(names);
        while (lo < hi) {
                size_t mid = (lo + hi) / 2;
                int d = strncasecmp(name, names[mid].text, n);
                if (d == 0 && names[mid].text[n] == 0)
                        return &names[mid];
                if (d > 0)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return NULL;
}
