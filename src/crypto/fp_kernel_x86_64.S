/* 1024-bit product, square and Montgomery reduction with MULX, ADCX and ADOX: two carry chains run at once, one for the
 * low and one for the high halves of the 64-bit products. No branch and no address depends on a value.
 *
 * Plan: 8 limbs of the accumulator live in r8 to r15. A row adds rdx times 8 limbs; its lowest limb is then final, goes
 * to memory, and its register becomes the new top: the eight rows of a block rotate the names. rbp is 0 all along. */

#if defined(__x86_64__) && defined(__ELF__)
        .intel_syntax noprefix
        .text

.macro ENTER frame
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        sub rsp, \frame
        xor ebp, ebp
.endm

.macro LEAVE frame
        add rsp, \frame
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret
.endm

.macro FUNCTION name
        .globl \name
        .hidden \name
        .type \name, @function
        .balign 64
\name:
        endbr64
.endm

/* w += low, next += high of rdx * [base + off] */
.macro MULADD w, next, base, off
        mulx rbx, rax, [\base + \off]
        adcx \w, rax
        adox \next, rbx
.endm

/* The last product of a row: w becomes final, and `top` starts anew with the high half and both carries. */
.macro MULTOP w, top, base, off
        mulx rbx, rax, [\base + \off]
        adcx \w, rax
        mov \top, 0
        adox \top, rbx
        adcx \top, rbp
.endm

.macro ROW w0, w1, w2, w3, w4, w5, w6, w7, base, off, dst, dstoff
        xor eax, eax /* CF = OF = 0 */
        MULADD \w0, \w1, \base, \off
        mov [\dst + \dstoff], \w0
        MULADD \w1, \w2, \base, \off + 8
        MULADD \w2, \w3, \base, \off + 16
        MULADD \w3, \w4, \base, \off + 24
        MULADD \w4, \w5, \base, \off + 32
        MULADD \w5, \w6, \base, \off + 40
        MULADD \w6, \w7, \base, \off + 48
        MULTOP \w7, \w0, \base, \off + 56
.endm

/* [dst ...] and accumulator: accumulator + ([x .. x + 56] as 8 limbs) * [base + off .. + 56] */
.macro BLOCK x, xoff, base, off, dst, dstoff
        mov rdx, [\x + \xoff]
        ROW r8, r9, r10, r11, r12, r13, r14, r15, \base, \off, \dst, \dstoff
        mov rdx, [\x + \xoff + 8]
        ROW r9, r10, r11, r12, r13, r14, r15, r8, \base, \off, \dst, \dstoff + 8
        mov rdx, [\x + \xoff + 16]
        ROW r10, r11, r12, r13, r14, r15, r8, r9, \base, \off, \dst, \dstoff + 16
        mov rdx, [\x + \xoff + 24]
        ROW r11, r12, r13, r14, r15, r8, r9, r10, \base, \off, \dst, \dstoff + 24
        mov rdx, [\x + \xoff + 32]
        ROW r12, r13, r14, r15, r8, r9, r10, r11, \base, \off, \dst, \dstoff + 32
        mov rdx, [\x + \xoff + 40]
        ROW r13, r14, r15, r8, r9, r10, r11, r12, \base, \off, \dst, \dstoff + 40
        mov rdx, [\x + \xoff + 48]
        ROW r14, r15, r8, r9, r10, r11, r12, r13, \base, \off, \dst, \dstoff + 48
        mov rdx, [\x + \xoff + 56]
        ROW r15, r8, r9, r10, r11, r12, r13, r14, \base, \off, \dst, \dstoff + 56
.endm

.macro LOAD8 base, off
        mov r8, [\base + \off]
        mov r9, [\base + \off + 8]
        mov r10, [\base + \off + 16]
        mov r11, [\base + \off + 24]
        mov r12, [\base + \off + 32]
        mov r13, [\base + \off + 40]
        mov r14, [\base + \off + 48]
        mov r15, [\base + \off + 56]
.endm

.macro STORE8 base, off
        mov [\base + \off], r8
        mov [\base + \off + 8], r9
        mov [\base + \off + 16], r10
        mov [\base + \off + 24], r11
        mov [\base + \off + 32], r12
        mov [\base + \off + 40], r13
        mov [\base + \off + 48], r14
        mov [\base + \off + 56], r15
.endm

/* accumulator += [base + off], with the carry flag coming in and going out */
.macro ADC8 base, off
        adc r8, [\base + \off]
        adc r9, [\base + \off + 8]
        adc r10, [\base + \off + 16]
        adc r11, [\base + \off + 24]
        adc r12, [\base + \off + 32]
        adc r13, [\base + \off + 40]
        adc r14, [\base + \off + 48]
        adc r15, [\base + \off + 56]
.endm

.macro ADC8ZERO
        adc r8, 0
        adc r9, 0
        adc r10, 0
        adc r11, 0
        adc r12, 0
        adc r13, 0
        adc r14, 0
        adc r15, 0
.endm

.macro CLEAR8
        xor r8d, r8d
        xor r9d, r9d
        xor r10d, r10d
        xor r11d, r11d
        xor r12d, r12d
        xor r13d, r13d
        xor r14d, r14d
        xor r15d, r15d
.endm

/* void muster_fp_mul_adx(uint64_t ret[32], const uint64_t a[16], const uint64_t b[16]) */
FUNCTION muster_fp_mul_adx
        ENTER 8
        mov rcx, rdx
        CLEAR8
        BLOCK rsi, 0, rcx, 0, rdi, 0
        BLOCK rsi, 0, rcx, 64, rdi, 64
        STORE8 rdi, 128
        LOAD8 rdi, 64
        BLOCK rsi, 64, rcx, 0, rdi, 64
        xor eax, eax
        ADC8 rdi, 128
        adc rax, 0
        mov [rsp], rax
        BLOCK rsi, 64, rcx, 64, rdi, 128
        add r8, [rsp]
        adc r9, 0
        adc r10, 0
        adc r11, 0
        adc r12, 0
        adc r13, 0
        adc r14, 0
        adc r15, 0
        STORE8 rdi, 192
        LEAVE 8
        .size muster_fp_mul_adx, . - muster_fp_mul_adx

/* Products of different limbs among the 8 at [rsi + off], into limbs 1 to 14 at [rdi + dst]. */
.macro TRIANGLE off, dst
        mov rdx, [rsi + \off]
        mulx r9, r8, [rsi + \off + 8]
        mulx r10, rax, [rsi + \off + 16]
        add r9, rax
        mulx r11, rax, [rsi + \off + 24]
        adc r10, rax
        mulx r12, rax, [rsi + \off + 32]
        adc r11, rax
        mulx r13, rax, [rsi + \off + 40]
        adc r12, rax
        mulx r14, rax, [rsi + \off + 48]
        adc r13, rax
        mulx r15, rax, [rsi + \off + 56]
        adc r14, rax
        adc r15, 0
        mov [rdi + \dst + 8], r8
        mov [rdi + \dst + 16], r9

        mov rdx, [rsi + \off + 8]
        xor eax, eax
        MULADD r10, r11, rsi, \off + 16
        MULADD r11, r12, rsi, \off + 24
        MULADD r12, r13, rsi, \off + 32
        MULADD r13, r14, rsi, \off + 40
        MULADD r14, r15, rsi, \off + 48
        MULTOP r15, r8, rsi, \off + 56
        mov [rdi + \dst + 24], r10
        mov [rdi + \dst + 32], r11

        mov rdx, [rsi + \off + 16]
        xor eax, eax
        MULADD r12, r13, rsi, \off + 24
        MULADD r13, r14, rsi, \off + 32
        MULADD r14, r15, rsi, \off + 40
        MULADD r15, r8, rsi, \off + 48
        MULTOP r8, r9, rsi, \off + 56
        mov [rdi + \dst + 40], r12
        mov [rdi + \dst + 48], r13

        mov rdx, [rsi + \off + 24]
        xor eax, eax
        MULADD r14, r15, rsi, \off + 32
        MULADD r15, r8, rsi, \off + 40
        MULADD r8, r9, rsi, \off + 48
        MULTOP r9, r10, rsi, \off + 56
        mov [rdi + \dst + 56], r14
        mov [rdi + \dst + 64], r15

        mov rdx, [rsi + \off + 32]
        xor eax, eax
        MULADD r8, r9, rsi, \off + 40
        MULADD r9, r10, rsi, \off + 48
        MULTOP r10, r11, rsi, \off + 56
        mov [rdi + \dst + 72], r8
        mov [rdi + \dst + 80], r9

        mov rdx, [rsi + \off + 40]
        xor eax, eax
        MULADD r10, r11, rsi, \off + 48
        MULTOP r11, r12, rsi, \off + 56
        mov [rdi + \dst + 88], r10
        mov [rdi + \dst + 96], r11

        mov rdx, [rsi + \off + 48]
        xor eax, eax
        MULTOP r12, r13, rsi, \off + 56
        mov [rdi + \dst + 104], r12
        mov [rdi + \dst + 112], r13
.endm

/* Limbs 2i and 2i + 1: doubled, plus the square of limb i. */
.macro DIAGONAL i
        mov rdx, [rsi + 8 * \i]
        mulx rbx, rax, rdx
        mov r8, [rdi + 16 * \i]
        mov r9, [rdi + 16 * \i + 8]
        adcx r8, r8
        adox r8, rax
        adcx r9, r9
        adox r9, rbx
        mov [rdi + 16 * \i], r8
        mov [rdi + 16 * \i + 8], r9
.endm

/* void muster_fp_sqr_adx(uint64_t ret[32], const uint64_t a[16]) */
FUNCTION muster_fp_sqr_adx
        ENTER 8
        TRIANGLE 0, 0
        TRIANGLE 64, 128
        mov [rdi], rbp
        mov [rdi + 120], rbp
        mov [rdi + 128], rbp
        mov [rdi + 248], rbp
        LOAD8 rdi, 64
        BLOCK rsi, 0, rsi, 64, rdi, 64
        xor eax, eax
        ADC8 rdi, 128
        STORE8 rdi, 128
        .irp off, 192, 200, 208, 216, 224, 232, 240, 248
        adc qword ptr [rdi + \off], 0
        .endr
        xor eax, eax
        .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        DIAGONAL \i
        .endr
        LEAVE 8
        .size muster_fp_sqr_adx, . - muster_fp_sqr_adx

/* One row of the reduction: the multiple of p that clears w0, kept at [rsp + off]. */
.macro REDROW w0, w1, w2, w3, w4, w5, w6, w7, off
        mov rdx, [rsp + 256]
        imul rdx, \w0
        mov [rsp + \off], rdx
        xor eax, eax
        MULADD \w0, \w1, rcx, 0
        MULADD \w1, \w2, rcx, 8
        MULADD \w2, \w3, rcx, 16
        MULADD \w3, \w4, rcx, 24
        MULADD \w4, \w5, rcx, 32
        MULADD \w5, \w6, rcx, 40
        MULADD \w6, \w7, rcx, 48
        MULTOP \w7, \w0, rcx, 56
.endm

.macro REDBLOCK
        REDROW r8, r9, r10, r11, r12, r13, r14, r15, 0
        REDROW r9, r10, r11, r12, r13, r14, r15, r8, 8
        REDROW r10, r11, r12, r13, r14, r15, r8, r9, 16
        REDROW r11, r12, r13, r14, r15, r8, r9, r10, 24
        REDROW r12, r13, r14, r15, r8, r9, r10, r11, 32
        REDROW r13, r14, r15, r8, r9, r10, r11, r12, 40
        REDROW r14, r15, r8, r9, r10, r11, r12, r13, 48
        REDROW r15, r8, r9, r10, r11, r12, r13, r14, 56
.endm

/* uint64_t muster_fp_redc_adx(uint64_t ret[16], const uint64_t t[32], const uint64_t p[16], uint64_t n0)
 * Stack: 0 the multiples, 64 and 128 the middle of t, 256 n0, 264 and 272 carries. */
FUNCTION muster_fp_redc_adx
        ENTER 280
        mov [rsp + 256], rcx
        mov rcx, rdx
        LOAD8 rsi, 0
        REDBLOCK
        xor eax, eax
        ADC8 rsi, 64
        adc rax, 0
        mov [rsp + 264], rax
        BLOCK rsp, 0, rcx, 64, rsp, 64
        xor eax, eax
        mov rdx, [rsp + 264]
        neg rdx /* CF = the carry */
        ADC8 rsi, 128
        adc rax, 0
        mov [rsp + 272], rax
        STORE8 rsp, 128

        LOAD8 rsp, 64
        REDBLOCK
        xor eax, eax
        ADC8 rsp, 128
        adc rax, 0
        mov [rsp + 264], rax
        BLOCK rsp, 0, rcx, 64, rdi, 0
        mov rdx, [rsp + 264]
        neg rdx
        ADC8 rsi, 192
        mov rax, 0
        adc rax, 0
        mov rdx, [rsp + 272]
        neg rdx
        ADC8ZERO
        adc rax, 0
        STORE8 rdi, 64
        LEAVE 280
        .size muster_fp_redc_adx, . - muster_fp_redc_adx

/* Sums and differences over n limbs; the carry or borrow is returned. */
.macro CHAIN name, op, n
FUNCTION \name
        xor eax, eax /* CF = 0 */
        .set off, 0
        .rept \n
        mov rax, [rsi + off]
        \op rax, [rdx + off]
        mov [rdi + off], rax
        .set off, off + 8
        .endr
        mov eax, 0
        adc rax, 0
        ret
        .size \name, . - \name
.endm

        CHAIN muster_fp_add_adx, adc, 16
        CHAIN muster_fp_sub_adx, sbb, 16
        CHAIN muster_fp_addw_adx, adc, 32
        CHAIN muster_fp_subw_adx, sbb, 32

#endif

#if defined(__linux__) && defined(__ELF__)
        .section .note.GNU-stack, "", @progbits
#endif
