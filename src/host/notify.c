#include "host/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify_manager(const char *what)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        if (path == NULL || (*path != '/' && *path != '@') || strlen(path) >= sizeof a.sun_path)
                return;
        memcpy(a.sun_path, path, strlen(path));
        if (*path == '@')
                a.sun_path[0] = 0; /* the abstract name space */
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&a, n);
        close(fd);
}

void notify_ready(void)
{
        const char *fd_text = getenv("MUSTER_READY_FD");
        int fd = fd_text ? (int)strtol(fd_text, NULL, 10) : 0;
        if (fd > 2) {
                ssize_t n = write(fd, "ready\n", 6);
                (void)n;
                close(fd);
                unsetenv("MUSTER_READY_FD");
        }
        notify_manager("READY=1");
}

void notify_stopping(void)
{
        notify_manager("STOPPING=1");
}
