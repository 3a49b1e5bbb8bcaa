/* Telling who started us: the supervisor over MUSTER_READY_FD, a service manager over NOTIFY_SOCKET (sd_notify(3)). */
#ifndef MUSTER_HOST_NOTIFY_H
#define MUSTER_HOST_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);

#endif
