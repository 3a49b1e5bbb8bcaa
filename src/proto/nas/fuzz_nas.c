/* A stream of the lab access: frames of NAS messages, plain and protected. What parses prints, and parses to the same
 * octets again; identities and capability containers inside likewise; and no stranger's PDU opens. */
#include <stdlib.h>
#include <talloc.h>

#include "proto/nas/nas.h"
#include "proto/nas/nas_cap.h"
#include "proto/nas/nas_id.h"
#include "proto/nas/nas_sec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool good)
{
        if (!good)
                abort();
}

static void identity(struct bytes v)
{
        struct suci s, s2;
        struct guti g, g2;
        struct guti_text text;
        uint8_t out[NAS_SUCI_MAX];
        (void)nas_id_type(v);
        if (nas_suci_read(v, &s, NULL) == E_OK) {
                size_t n = nas_suci_write(&s, out);
                need(n == v.n && nas_suci_read(bytes_of(out, n), &s2, NULL) == E_OK && s2.out_n == s.out_n);
        }
        if (nas_guti_read(v, &g, NULL) == E_OK) {
                guti_print(&g, &text);
                nas_guti_write(&g, out);
                need(bytes_eq(bytes_of(out, NAS_GUTI_LEN), v) && guti_parse(bytes_str(text.s), &g2) == E_OK);
        }
}

static void capability(void *mem, struct bytes v)
{
        struct msg5g_cap a, b;
        struct bytes out;
        if (msg5g_cap_parse(v, &a, NULL) != E_OK)
                return;
        need(msg5g_cap_print(mem, &a, &out, NULL) == E_OK && msg5g_cap_parse(out, &b, NULL) == E_OK);
        need(bytes_eq(a.methods, b.methods) && bytes_eq(a.kms_id, b.kms_id) && a.port == b.port);
        need(!msg5g_offered(a.methods, BYTES_LIT("")));
}

static void plain(void *mem, struct bytes in, int depth)
{
        struct nas_msg a, b;
        struct bytes once, twice;
        enum ecode e = nas_parse(in, &a, NULL);
        (void)nas_cause_of(e);
        if (e != E_OK)
                return;
        need(nas_print(mem, &a, &once, NULL) == E_OK && nas_parse(once, &b, NULL) == E_OK);
        need(nas_print(mem, &b, &twice, NULL) == E_OK && bytes_eq(once, twice) && a.has == b.has);
        if (nas_has(&a, NAS_IE_IDENTITY))
                identity(a.oct[NAS_IE_IDENTITY]);
        if (nas_has(&a, NAS_IE_GUTI))
                identity(a.oct[NAS_IE_GUTI]);
        if (nas_has(&a, NAS_IE_EPCO))
                capability(mem, a.oct[NAS_IE_EPCO]);
        if (nas_has(&a, NAS_IE_CONTAINER) && depth == 0)
                plain(mem, a.oct[NAS_IE_CONTAINER], 1);
}

static void protected_pdu(void *mem, struct bytes pdu)
{
        struct nas_sec s = { .bearer = NAS_NON_3GPP, .enc = { { 0xb3, 0x17 } }, .integ = { { 0x4e, 0x99 } } };
        enum nas_sht type;
        struct bytes body, opened;
        if (nas_peek(pdu, &type, &body) != E_OK || type == NAS_PLAIN)
                return;
        plain(mem, body, 0);
        enum ecode e = nas_open(mem, &s, pdu, &type, &opened, NULL);
        need(e == E_AUTH_FAILED ? s.next_recv == 0 : e == E_OK && s.next_recv > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        void *mem = talloc_new(NULL);
        struct bytes in = bytes_of(data, size), pdu;
        size_t used = 0;
        while (nas_frame_next(in, &pdu, &used) == E_OK) {
                need(used == pdu.n + 2 && used <= in.n);
                plain(mem, pdu, 0);
                protected_pdu(mem, pdu);
                in = bytes_of(in.p + used, in.n - used);
        }
        talloc_free(mem);
        return 0;
}
