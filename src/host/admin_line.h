/* Lines over a stream socket, and addresses of administration sockets. Inside of host/ only. */
#ifndef MUSTER_HOST_ADMIN_LINE_H
#define MUSTER_HOST_ADMIN_LINE_H

#include "base/bytes.h"
#include "base/err.h"

#include <sys/un.h>

/* The socket of a role. The path of a deployment may be longer than an address can hold, so the address goes over the
 * open directory. *dir_fd has to stay open until bind or connect has returned. */
enum ecode admin_address(const char *run_dir, const char *role, struct sockaddr_un *ret, int *dir_fd, struct err *er);

/* Reads up to and without the next line feed; one line at a time is under way, as in a dialogue of question and answer.
 * E_SHORT: the other side closed. E_LONG, E_IO, E_TIMEOUT (socket time-out), E_NOMEM. */
enum ecode admin_read_line(int fd, void *mem, size_t max, char **ret);
enum ecode admin_write_line(int fd, const char *text);

#endif
