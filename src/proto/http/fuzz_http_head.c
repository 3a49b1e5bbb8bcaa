#include "proto/http/http_head.h"

#include <stdlib.h>
#include <talloc.h>

/* The same chunks in one piece and octet by octet have to give the same. */
static void chunks(struct bytes in)
{
        void *mem = talloc_new(NULL);
        struct http_chunked whole = { 0 }, drops = { 0 };
        struct buf a = buf_on(mem), b = buf_on(mem);
        size_t used = 0, one;
        enum ecode e = http_chunked_feed(&whole, in, &a, 4096, &used), f = E_OK;
        for (size_t i = 0; i < in.n && f == E_OK && !drops.done; i++)
                f = http_chunked_feed(&drops, bytes_of(in.p + i, 1), &b, 4096, &one);
        if (e != f || whole.done != drops.done || !bytes_eq(buf_bytes(&a), buf_bytes(&b)) || a.n > 4096)
                abort();
        talloc_free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes in = bytes_of(data, n);
        size_t end = http_head_end(in, 0), late = 0;
        for (size_t i = 1; i <= n && late == 0; i++)
                late = http_head_end(bytes_of(data, i), i - 1);
        if (end != late || end > n)
                abort();
        struct http_head h;
        char trace[33];
        if (end > 0 && http_head_parse(bytes_of(data, end), &h, NULL) == E_OK) {
                if (h.host.n == 0 || (h.chunked && h.has_length) || h.fields_n > HTTP_FIELDS_MAX)
                        abort();
                const struct http_head_field *t = http_head_find(&h, "traceparent");
                if (t != NULL && http_traceparent(t->value, trace) == E_OK && trace[32] != 0)
                        abort();
        }
        chunks(bytes_of(data + end, n - end));
        return 0;
}
