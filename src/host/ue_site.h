/* What scripted UEs share on one machine, and what each has of its own.
 *
 * A site holds threads and trust: event loops, workers, the TLS context. A seat is one UE on it with connections of its
 * own: to a P-CSCF each UE is its own address and port (UDP) or its own connection (TCP, TLS), and to HTTPS servers its
 * own connections, as it is when every UE is a device. Hundreds of seats fit on one site; each seat is used by one
 * thread at a time, and its exchanges block that thread. */
#ifndef MUSTER_HOST_UE_SITE_H
#define MUSTER_HOST_UE_SITE_H

#include "adapter/net/loop.h"
#include "adapter/net/workers.h"
#include "client/ue.h"
#include "host/deployment.h"

struct ue_site;
struct ue_seat;

struct ue_site_conf {
        unsigned loops, workers; /* threads; at least 1 each */
        bool share_https;        /* one pool of HTTPS connections for all seats */
        struct log *log;         /* of arrows and events, borrowed; NULL: none are kept */
};

/* The deployment is borrowed. E_CONFIG: its CA cannot be read. */
enum ecode ue_site_open(void *mem, const struct deployment *d, const struct ue_site_conf *conf, struct ue_site **ret,
                        struct err *er);
/* After its seats. NULL is fine. */
void ue_site_close(struct ue_site *s);
struct loop *ue_site_loop(struct ue_site *s);
struct workers *ue_site_workers(struct ue_site *s);

/* Adds to a profile what provisioning leaves to the deployment: addresses and names that follow from its plan.
 * mc_client_id is for a profile that has none. */
void ue_site_complete(const struct deployment *d, const char *user, json_t *profile, const char *mc_client_id);

/* `profile` is complete; `state` as in ue_new(). udp_port: the port of an earlier run, by which the P-CSCF knows a UE
 * on UDP; 0, or in use by somebody else: a free one. */
enum ecode ue_seat_open(void *mem, struct ue_site *s, const json_t *profile, const json_t *state, enum sip_proto proto,
                        uint16_t udp_port, struct ue_seat **ret, struct err *er);
struct ue *ue_seat_ue(struct ue_seat *s);
/* Closes its connections. NULL is fine. */
void ue_seat_close(struct ue_seat *s);

#endif
