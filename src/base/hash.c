#include "base/hash.h"

#include <pthread.h>
#include <stdint.h>
#include <sodium.h>

static unsigned char process_key[crypto_shorthash_KEYBYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw(void)
{
        randombytes_buf(process_key, sizeof process_key);
}

unsigned hash_keyed(const void *p, size_t n)
{
        uint64_t h;
        pthread_once(&once, draw);
        crypto_shorthash((unsigned char *)&h, p, n, process_key);
        return (unsigned)h;
}
