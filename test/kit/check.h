/* What the unit tests share: cmocka with its includes in order, paths of vectors, and checks that name the case. */
#ifndef MUSTER_TEST_CHECK_H
#define MUSTER_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include <talloc.h>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/err.h"

/* A file under test/vectors, read whole. Fails the test when it is missing. */
static inline struct bytes vector_file(void *mem, const char *name)
{
        const char *root = getenv("MUSTER_SOURCE_ROOT");
        char path[4096];
        snprintf(path, sizeof path, "%s/test/vectors/%s", root ? root : ".", name);
        FILE *f = fopen(path, "rb");
        if (f == NULL)
                fail_msg("cannot open %s", path);
        fseek(f, 0, SEEK_END);
        long n = ftell(f);
        rewind(f);
        uint8_t *p = talloc_size(mem, (size_t)n + 1);
        if (fread(p, 1, (size_t)n, f) != (size_t)n)
                fail_msg("cannot read %s", path);
        fclose(f);
        p[n] = 0;
        return bytes_of(p, (size_t)n);
}

static inline json_t *vector_json(void *mem, const char *name)
{
        struct bytes text = vector_file(mem, name);
        json_error_t je;
        json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &je);
        if (o == NULL)
                fail_msg("%s:%d: %s", name, je.line, je.text);
        return o;
}

static inline struct bytes vector_hex(void *mem, const char *hex)
{
        struct bytes b = { 0 };
        if (hex_decode(mem, bytes_str(hex), &b) != E_OK)
                fail_msg("not hex: %s", hex);
        return b;
}

#define CHECK_E(want, got)                                                                                             \
        do {                                                                                                           \
                enum ecode got_ = (got), want_ = (want);                                                               \
                if (got_ != want_)                                                                                     \
                        fail_msg("%s: want %s, got %s", #got, ecode_name(want_), ecode_name(got_));                    \
        } while (0)
#define CHECK_OK(got) CHECK_E(E_OK, got)
#define CHECK_BYTES(what, got, want)                                                                                   \
        do {                                                                                                           \
                struct bytes got_ = (got), want_ = (want);                                                             \
                if (!bytes_eq(got_, want_))                                                                            \
                        fail_msg("%s: want %s, got %s", (what), hex_encode(NULL, want_), hex_encode(NULL, got_));      \
        } while (0)

#endif
