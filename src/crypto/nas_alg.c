#include "crypto/nas_alg.h"

#include "base/rdwr.h"
#include "crypto/prim.h"

/* COUNT || BEARER || DIRECTION || 0^26, the first half of NEA2's counter block and the head of NIA2's input. */
static enum ecode head_of(struct nas_place at, uint8_t ret[8])
{
        if (at.bearer > 31 || (at.dir != NAS_UP && at.dir != NAS_DOWN))
                return E_RANGE;
        struct wr w = wr_init(ret, 8);
        wr_u32(&w, at.count);
        wr_u32(&w, (uint32_t)at.bearer << 27 | (uint32_t)at.dir << 26);
        return w.err;
}

enum ecode nea2(const struct key_nas_enc *key, struct nas_place at, struct bytes in, uint8_t *ret)
{
        uint8_t block[16] = { 0 };
        enum ecode e = head_of(at, block);
        return e == E_OK ? aes128_ctr(key->b, block, in, ret) : e;
}

enum ecode nia2(const struct key_nas_int *key, struct nas_place at, struct bytes in, uint8_t ret[NAS_MAC_LEN])
{
        uint8_t head[8], mac[16];
        enum ecode e = head_of(at, head);
        if (e != E_OK)
                return e;
        const struct bytes parts[] = { BYTES_ARR(head), in };
        e = aes128_cmac_parts(key->b, parts, COUNT(parts), mac);
        if (e == E_OK)
                memcpy(ret, mac, NAS_MAC_LEN);
        return e;
}
