/* What strangers send to the identity-based cryptography: signatures and encapsulations of any octets. The first octet
 * chooses. Whatever is accepted must be what was sent: an opened key seals to the same octets again. */
#include <stdlib.h>
#include <talloc.h>

#include "crypto/eccsi.h"
#include "crypto/sakke.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The published identity and keys of RFC 6507 and RFC 6508 appendix A: z = aff429d3..., KSAK = 12345. */
#define ID BYTES_LIT("2011-02\0tel:+447700900123\0")

static struct {
        struct eccsi_kpak kpak;
        struct sakke_domain *domain;
        struct sakke_rsk_table *table;
        struct sakke_peer *self;
} k;

static void need(bool good)
{
        if (!good)
                abort();
}

static void set_up(void)
{
        struct eccsi_ksak ksak = { .b = { [29] = 0x01, [30] = 0x23, [31] = 0x45 } };
        static const uint8_t z20[20] = { 0xaf, 0xf4, 0x29, 0xd3, 0x5f, 0x84, 0xb1, 0x10, 0xd0, 0x94,
                                         0x80, 0x3b, 0x35, 0x95, 0xa6, 0xe2, 0x99, 0x8b, 0xc9, 0x9f };
        struct sakke_z z = { { 0 } };
        struct sakke_zpub pub;
        struct sakke_rsk rsk;
        memcpy(z.b + 108, z20, sizeof z20);
        need(eccsi_master_public(&ksak, &k.kpak, NULL) == E_OK && sakke_master_public(&z, &pub, NULL) == E_OK &&
             sakke_rsk_extract(&z, ID, &rsk, NULL) == E_OK && sakke_domain_new(NULL, &pub, &k.domain, NULL) == E_OK &&
             sakke_rsk_table_new(NULL, k.domain, ID, &rsk, &k.table, NULL) == E_OK &&
             sakke_peer_new(NULL, k.domain, ID, &k.self, NULL) == E_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (k.domain == NULL)
                set_up();
        if (size == 0)
                return 0;
        struct bytes in = bytes_of(data + 1, size - 1);
        if (data[0] == 's') {
                enum ecode e = eccsi_verify(&k.kpak, ID, BYTES_LIT("message\0"), in, NULL);
                need(e == E_OK || e == E_SHORT || e == E_LONG || e == E_POINT || e == E_SIGNATURE);
        } else if (data[0] == 'e') {
                struct mc_key key;
                struct sakke_sed sed;
                if (sakke_decapsulate_table(k.table, in, &key, NULL) == E_OK) {
                        need(sakke_encapsulate_peer(k.self, &key, &sed, NULL) == E_OK);
                        need(bytes_eq(BYTES_ARR(sed.b), in));
                }
        } else if (data[0] == 'z' && in.n == sizeof(struct sakke_zpub)) {
                struct sakke_zpub pub;
                struct sakke_domain *d;
                memcpy(pub.b, in.p, in.n);
                if (sakke_domain_new(NULL, &pub, &d, NULL) == E_OK)
                        talloc_free(d);
        }
        return 0;
}
