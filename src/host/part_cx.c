#include "adapter/diameter/cx_fd.h"
#include "host/running.h"

#include <talloc.h>

static struct cx_fd_place cx_place(struct running *r)
{
        return (struct cx_fd_place){ .log = r->env.log,
                                     .dir = r->env.state_dir,
                                     .cert_file = running_tls_file(r, "crt"),
                                     .key_file = running_tls_file(r, "key"),
                                     .ca_file = r->d->site.ca_file };
}

const struct cx_conf *running_cx_conf(const struct running *r)
{
        return (const struct cx_conf *)(const void *)((const uint8_t *)r->set + r->role->cx_conf);
}

static enum ecode open_cx_client(struct running *r, struct err *er)
{
        if (!(r->role->needs & NEED_CX_CLIENT))
                return E_OK;
        struct cx_fd_place place = cx_place(r);
        return cx_fd_start_client(running_cx_conf(r), &place, &r->env.cx, er);
}

static void close_cx_client(struct running *r)
{
        if (r->role->needs & NEED_CX_CLIENT)
                cx_fd_stop();
}

static enum ecode open_cx_server(struct running *r, struct err *er)
{
        if (!(r->role->needs & NEED_CX_SERVER))
                return E_OK;
        struct cx_fd_place place = cx_place(r);
        return cx_fd_start_server(running_cx_conf(r), &place, r->role->cx, r->self, er);
}

static void close_cx_server(struct running *r)
{
        if (r->role->needs & NEED_CX_SERVER)
                cx_fd_stop();
}

static void stats_cx(struct running *r, json_t *into)
{
        if (r->role->needs & (NEED_CX_CLIENT | NEED_CX_SERVER))
                json_object_set_new(into, "cx_connected", json_boolean(cx_fd_connected()));
}

/* A client needs its server; a server is ready before anybody comes. */
static bool cx_client_ready(struct running *r)
{
        return !(r->role->needs & NEED_CX_CLIENT) || cx_fd_connected();
}

/* One of the two reports for both: there is one Diameter peer per process. */
const struct running_part part_cx_client = {
        .name = "Diameter client",
        .open = open_cx_client,
        .close = close_cx_client,
        .stats = stats_cx,
        .ready = cx_client_ready,
};
const struct running_part part_cx_server = {
        .name = "Diameter server",
        .open = open_cx_server,
        .close = close_cx_server,
};
