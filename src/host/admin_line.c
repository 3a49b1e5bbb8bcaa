#include "host/admin_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <talloc.h>
#include <unistd.h>

enum ecode admin_address(const char *run_dir, const char *role, struct sockaddr_un *ret, int *dir_fd, struct err *er)
{
        int fd = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return err_set(er, E_IO, NULL, "cannot open %s: %s", run_dir, strerror(errno));
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        int n = snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s.sock", fd, role);
        if (n < 0 || (size_t)n >= sizeof ret->sun_path) {
                close(fd);
                return err_set(er, E_LONG, NULL, "the name %.40s is too long for a socket", role);
        }
        *dir_fd = fd;
        return E_OK;
}

enum ecode admin_read_line(int fd, void *mem, size_t max, char **ret)
{
        struct buf b = buf_on(mem);
        b.max = max;
        char chunk[4096];
        for (;;) {
                ssize_t n = recv(fd, chunk, sizeof chunk, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN || errno == EWOULDBLOCK ? E_TIMEOUT : E_IO;
                if (n == 0)
                        return E_SHORT;
                bool whole = chunk[n - 1] == '\n';
                buf_put(&b, bytes_of(chunk, (size_t)(n - whole)));
                if (b.failed)
                        return b.n + (size_t)n > max ? E_LONG : E_NOMEM;
                if (!whole)
                        continue;
                *ret = buf_str(&b);
                return *ret == NULL ? E_NOMEM : memchr(*ret, '\n', b.n) != NULL ? E_SYNTAX : E_OK;
        }
}

enum ecode admin_write_line(int fd, const char *text)
{
        struct iovec part[2] = { { (void *)(uintptr_t)text, strlen(text) }, { (void *)(uintptr_t) "\n", 1 } };
        size_t at = 0;
        while (at < 2) {
                struct msghdr m = { .msg_iov = part + at, .msg_iovlen = 2 - at };
                ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN || errno == EWOULDBLOCK ? E_TIMEOUT : E_IO;
                for (size_t left = (size_t)n; at < 2 && left >= part[at].iov_len; at++)
                        left -= part[at].iov_len, n -= (ssize_t)part[at].iov_len;
                if (at < 2) {
                        part[at].iov_base = (char *)part[at].iov_base + n;
                        part[at].iov_len -= (size_t)n;
                }
        }
        return E_OK;
}
