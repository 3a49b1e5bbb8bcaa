#include "proto/oauth/oauth.h"

/* RFC 8252 clause 7.3; "localhost" is no IP literal and gets no such freedom. */
static const char *const loopback[] = { "http://127.0.0.1", "http://[::1]" };

/* Behind the host of a loopback redirect URI: ":port" or nothing; *rest is what follows. */
static bool loopback_rest(const char *uri, const char *prefix, const char **rest)
{
        size_t n = strlen(prefix);
        if (strncmp(uri, prefix, n) != 0)
                return false;
        const char *at = uri + n;
        if (*at == ':') {
                size_t digits = strspn(at + 1, "0123456789");
                if (digits == 0 || digits > 5)
                        return false;
                at += 1 + digits;
        }
        *rest = at;
        return *at == 0 || *at == '/' || *at == '?';
}

bool redirect_uri_match(const char *registered, const char *requested)
{
        if (registered == NULL || requested == NULL)
                return false;
        if (strcmp(registered, requested) == 0)
                return true;
        for (size_t i = 0; i < COUNT(loopback); i++) {
                const char *a, *b;
                if (loopback_rest(registered, loopback[i], &a) && loopback_rest(requested, loopback[i], &b))
                        return strcmp(a, b) == 0;
        }
        return false;
}

static bool is_scheme_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
               c == '.';
}

bool redirect_uri_registrable(const char *uri)
{
        static const char *const never[] = { "javascript:", "data:", "file:", "vbscript:", "about:", "blob:" };
        const char *rest;
        size_t scheme = 0;
        for (const char *p = uri; *p != 0; p++)
                if ((uint8_t)*p <= 0x20 || (uint8_t)*p >= 0x7f || *p == '#' || *p == '"' || *p == '<' || *p == '>' ||
                    *p == '\\')
                        return false;
        while (is_scheme_char(uri[scheme]))
                scheme++;
        if (scheme == 0 || uri[scheme] != ':' || uri[scheme + 1] == 0 || strlen(uri) > 2000)
                return false;
        for (size_t i = 0; i < COUNT(never); i++)
                if (strncasecmp(uri, never[i], strlen(never[i])) == 0)
                        return false;
        if (strncasecmp(uri, "https:", 6) == 0)
                return strncmp(uri, "https://", 8) == 0 && uri[8] != 0 && uri[8] != '/';
        if (strncasecmp(uri, "http:", 5) == 0)
                return loopback_rest(uri, loopback[0], &rest) || loopback_rest(uri, loopback[1], &rest);
        return memchr(uri, '.', scheme) != NULL; /* private-use scheme in reverse domain form: RFC 8252 clause 7.1 */
}
