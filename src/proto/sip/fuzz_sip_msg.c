/* Whatever parses can be read, changed, copied and printed, and what was printed parses again with the same values. */
#include "proto/sip/sip.h"

#include <stdlib.h>
#include <talloc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void read_all(void *mem, struct sip_msg *m)
{
        const char *name, *value;
        for (size_t i = 0; sip_hdr_each(m, i, &name, &value); i++) {
                struct sip_addr a;
                struct sip_uri u;
                struct sip_via v;
                struct sip_auth auth;
                struct sip_params ps;
                if (sip_addr_parse(mem, value, &a, NULL) == E_OK && !a.star) {
                        struct sip_uri again;
                        struct sip_addr addr;
                        char *uri = sip_uri_print(mem, &a.u), *text = sip_addr_print(mem, &a);
                        must(uri != NULL && text != NULL);
                        must(sip_uri_parse(mem, uri, &again, NULL) == E_OK && sip_uri_eq(&a.u, &again));
                        must(sip_addr_parse(mem, text, &addr, NULL) == E_OK && addr.params.n == a.params.n);
                        must(sip_aor(mem, text) != NULL);
                }
                if (sip_auth_parse(mem, value, &auth, NULL) == E_OK) {
                        struct sip_auth again;
                        must(sip_auth_parse(mem, sip_auth_print(mem, &auth), &again, NULL) == E_OK);
                        must(again.rest.n == auth.rest.n);
                }
                sip_auth_info_parse(mem, value, &auth, NULL);
                sip_uri_parse(mem, value, &u, NULL);
                sip_via_parse(mem, value, &v, NULL);
                sip_params_of(mem, value, &ps, NULL);
        }
        struct sip_charging c;
        sip_charging_get(mem, m, &c, NULL);
        sip_warning_code(m, NULL);
        sip_to_tag(m);
        sip_from_tag(m);
        sip_via_param(m, "branch");
}

static void round_trip(void *mem, struct sip_msg *m)
{
        struct bytes text = { 0 };
        struct sip_msg *again = NULL;
        enum ecode e = sip_msg_print(mem, m, &text);
        if (e == E_LONG) /* white space and compact forms were spelled out */
                return;
        must(e == E_OK && sip_msg_parse(mem, text, &again, NULL) == E_OK);
        must(bytes_eq(sip_body(m), sip_body(again)));
        must(sip_cseq(m) == sip_cseq(again) && sip_status(m) == sip_status(again));
        const char *name, *value, *name2, *value2;
        size_t k = 0;
        for (size_t i = 0; sip_hdr_each(m, i, &name, &value); i++) {
                if (strcmp(name, "Content-Length") == 0)
                        continue;
                must(sip_hdr_each(again, k++, &name2, &value2));
                must(strcmp(name, name2) == 0 && strcmp(value, value2) == 0);
        }
}

static void frames(const uint8_t *data, size_t n)
{
        struct sip_frame whole = { 0 }, slow = { 0 };
        enum sip_frame_is a = sip_frame_next(&whole, bytes_of(data, n)), b = SIP_FRAME_MORE;
        for (size_t i = 1; i <= n && b == SIP_FRAME_MORE; i++)
                b = sip_frame_next(&slow, bytes_of(data, i));
        must(a == b || a == SIP_FRAME_TOO_LONG || b == SIP_FRAME_TOO_LONG);
        must(a != SIP_FRAME_MESSAGE || whole.n == slow.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        struct sip_msg *m = NULL;
        if (n > 0 && n <= 4096)
                frames(data, n);
        if (sip_msg_parse(mem, bytes_of(data, n), &m, NULL) == E_OK) {
                struct sip_msg *copy = sip_msg_copy(mem, m);
                read_all(mem, m);
                round_trip(mem, m);
                round_trip(mem, copy);
                if (sip_is_request(m)) {
                        struct sip_msg *rs = sip_response_new(mem, m, 200, NULL);
                        struct bytes text = { 0 };
                        sip_set_to_tag(rs, "x1");
                        enum ecode e = sip_msg_print(mem, rs, &text);
                        must(e == E_LONG || (e == E_OK && sip_msg_parse(mem, text, &rs, NULL) == E_OK));
                }
        }
        talloc_free(mem);
        return 0;
}
