/* The kernels under fp.c: 1024-bit product, square, Montgomery reduction, sum and difference. On x86-64 with BMI2 and
 * ADX they are written by hand (fp_kernel_x86_64.S), as no compiler interleaves two carry chains; elsewhere in C. */
#ifndef MUSTER_CRYPTO_FP_KERNEL_H
#define MUSTER_CRYPTO_FP_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* -1 / p modulo 2^64 */
#define FP_N0 UINT64_C(0x290420077c8f2f3d)

struct fp_kernel {
        void (*mul)(uint64_t ret[32], const uint64_t a[16], const uint64_t b[16]);
        void (*sqr)(uint64_t ret[32], const uint64_t a[16]);
        /* t / 2^1024 modulo p for t < p * 2^1024: the result is below 2p, its bit 1024 is returned. */
        uint64_t (*redc)(uint64_t ret[16], const uint64_t t[32], const uint64_t p[16], uint64_t n0);
        /* 16 limbs, and 32 limbs; the carry or borrow is returned. */
        uint64_t (*add)(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16]);
        uint64_t (*sub)(uint64_t ret[16], const uint64_t a[16], const uint64_t b[16]);
        uint64_t (*addw)(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32]);
        uint64_t (*subw)(uint64_t ret[32], const uint64_t a[32], const uint64_t b[32]);
        /* ret = table[index] of n entries of `words` words each (a multiple of 16), reading all of them. */
        void (*pick)(uint64_t *ret, const uint64_t *table, unsigned n, size_t words, unsigned index);
        const char *name;
};

extern const struct fp_kernel fp_kernel_portable;
/* The one in use: chosen when the program is loaded, by what the processor offers. */
extern struct fp_kernel fp_kernel;
/* For tests: the portable one, or with 0 again the best. Not while other threads compute. */
void fp_kernel_choose(int portable);

#endif
