#include "role/common/trust_file.h"

#include "base/codec.h"
#include "crypto/prim.h"

#include <fcntl.h>
#include <stdio.h>
#include <talloc.h>
#include <unistd.h>

char *trust_file_path(void *mem, const char *dir, const char *issuer)
{
        uint8_t md[SHA256_LEN];
        if (sha256(bytes_str(issuer), md) != E_OK)
                return NULL;
        char *hex = hex_encode(mem, bytes_of(md, 16));
        char *path = hex != NULL ? talloc_asprintf(mem, "%s/jwks-%s.json", dir, hex) : NULL;
        talloc_free(hex);
        return path;
}

enum ecode trust_file_read(void *mem, const char *path, size_t max, struct bytes *ret)
{
        FILE *f = fopen(path, "rbe");
        if (f == NULL)
                return E_NOT_FOUND;
        uint8_t *text = talloc_size(mem, max + 1);
        size_t n = text != NULL ? fread(text, 1, max + 1, f) : 0;
        bool failed = ferror(f) != 0;
        fclose(f);
        if (text == NULL)
                return E_NOMEM;
        if (failed || n > max)
                return failed ? E_IO : E_LONG;
        *ret = bytes_of(text, n);
        return E_OK;
}

static bool write_all(int fd, struct bytes text)
{
        for (size_t at = 0; at < text.n;) {
                ssize_t k = write(fd, text.p + at, text.n - at);
                if (k <= 0)
                        return false;
                at += (size_t)k;
        }
        return fsync(fd) == 0;
}

enum ecode trust_file_write(const char *path, struct bytes text)
{
        char *tmp = talloc_asprintf(NULL, "%s.new", path);
        int fd = tmp != NULL ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
        bool ok = fd >= 0 && write_all(fd, text);
        if (fd >= 0)
                ok &= close(fd) == 0;
        ok = ok && rename(tmp, path) == 0;
        if (!ok && fd >= 0)
                unlink(tmp);
        talloc_free(tmp);
        return ok ? E_OK : E_IO;
}
