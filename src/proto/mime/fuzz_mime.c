#include <stdlib.h>
#include <talloc.h>

#include "proto/mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_inside(const struct mime_part *part, const uint8_t *data, size_t n)
{
        if (part->depth > MIME_DEPTH_MAX || part->type == NULL || (n > 0 && part->body.p < data) || part->body.n > n)
                abort();
        for (size_t i = 0; i < part->n; i++)
                check_inside(&part->parts[i], part->body.p, part->body.n);
}

/* The first line is the Content-Type, the rest the body. Parts lie inside of what holds them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        void *mem = talloc_new(NULL);
        const uint8_t *nl = n > 0 ? memchr(data, '\n', n) : NULL;
        size_t head = nl != NULL ? (size_t)(nl - data) : n;
        char *type = bytes_to_str(mem, bytes_of(data, head));
        struct mime_part *root = NULL;
        if (nl != NULL && type != NULL && mime_parse(mem, type, bytes_of(nl + 1, n - head - 1), 0, &root, NULL) == E_OK)
                check_inside(root, nl + 1, n - head - 1);
        talloc_free(mem);
        return 0;
}
