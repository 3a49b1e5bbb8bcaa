#include "host/ue_site.h"

#include "adapter/net/http_client.h"
#include "adapter/net/sip_net.h"
#include "proto/sip/sip.h"

#include <stdatomic.h>
#include <talloc.h>

/* A UE has one SIP transaction under way at a time, and a few that end. */
enum { SEAT_TRANSACTIONS = 32, SEAT_CONNECTIONS = 4, QUEUE = 4096 };

struct ue_site {
        const struct deployment *d;
        struct env env;
        struct loop **loops;
        unsigned loops_n;
        atomic_uint next_loop;
        struct workers *workers;
        struct http_client *http; /* shared by all seats, or NULL */
        SSL_CTX *tls;
};

struct ue_seat {
        struct ue_site *site;
        struct http_client *http; /* its own, or NULL */
        struct sip_net *sip;
        struct ue *ue;
};

/* --- the site --- */

static int site_free(struct ue_site *s)
{
        http_client_close(s->http);
        workers_stop(s->workers);
        for (unsigned i = 0; i < s->loops_n; i++)
                loop_stop(s->loops[i]);
        SSL_CTX_free(s->tls);
        return 0;
}

static enum ecode open_http(const struct deployment *d, struct http_client **ret, struct err *er)
{
        return http_client_open(&(struct http_client_conf){ .rng = &rng_system, .ca_file = d->site.ca_file }, ret, er);
}

static enum ecode open_threads(struct ue_site *s, const struct ue_site_conf *conf, struct err *er)
{
        enum ecode e = E_OK;
        s->loops = talloc_zero_array(s, struct loop *, conf->loops);
        if (s->loops == NULL)
                return err_set(er, E_NOMEM, NULL, "UE");
        while (e == E_OK && s->loops_n < conf->loops) {
                e = loop_start("ue", &s->loops[s->loops_n], er);
                s->loops_n += e == E_OK;
        }
        return e == E_OK ? workers_start("ue", conf->workers, QUEUE, &s->workers, er) : e;
}

enum ecode ue_site_open(void *mem, const struct deployment *d, const struct ue_site_conf *conf, struct ue_site **ret,
                        struct err *er)
{
        struct ue_site *s = talloc_zero(mem, struct ue_site);
        if (s == NULL)
                return err_set(er, E_NOMEM, NULL, "UE");
        s->d = d;
        s->env = (struct env){ .clock = &clock_system, .rng = &rng_system, .log = conf->log };
        talloc_set_destructor(s, site_free);
        enum ecode e = open_threads(s, conf, er);
        if (e == E_OK && conf->share_https)
                e = open_http(d, &s->http, er);
        if (e == E_OK)
                e = tls_client_ctx(&(struct tls_client_conf){ .ca_file = d->site.ca_file }, &s->tls, er);
        if (e == E_OK)
                *ret = s;
        else
                talloc_free(s);
        return e;
}

void ue_site_close(struct ue_site *s)
{
        talloc_free(s);
}

struct loop *ue_site_loop(struct ue_site *s)
{
        return s->loops[0];
}

struct workers *ue_site_workers(struct ue_site *s)
{
        return s->workers;
}

/* --- what a profile needs --- */

static void default_text(json_t *o, const char *key, const char *text)
{
        if (json_object_get(o, key) == NULL && text != NULL)
                json_object_set_new(o, key, json_string(text));
}

void ue_site_complete(const struct deployment *d, const char *user, json_t *o, const char *mc_client_id)
{
        const struct deployment_conf *s = &d->set;
        void *mem = talloc_new(NULL);
        json_t *impus = json_object_get(o, "impus");
        if (json_array_size(impus) > 0)
                json_object_set(o, "impu", json_array_get(impus, 0));
        if (json_object_get(o, "ims_password") != NULL)
                json_object_set(o, "sip_password", json_object_get(o, "ims_password"));
        default_text(o, "ims_domain", s->ims_domain);
        default_text(o, "mc_client_id", mc_client_id);
        default_text(o, "oauth_client", "mcx-handset-01");
        default_text(o, "redirect_uri", "com.example.mcxhandset:/oauth2redirect");
        default_text(o, "psi_mcptt", talloc_asprintf(mem, "sip:mcptt-psi@%s", s->mc_domain));
        default_text(o, "psi_mcvideo", talloc_asprintf(mem, "sip:mcvideo-psi@%s", s->mc_domain));
        default_text(o, "psi_mcdata", talloc_asprintf(mem, "sip:mcdata-psi@%s", s->mc_domain));
        default_text(o, "init_url",
                     talloc_asprintf(mem, "https://%s.4:8443/xcap/org.3gpp.mcptt.ue-init-config/users/%s/%s", s->net,
                                     user, user));
        talloc_free(mem);
}

/* --- a seat --- */

/* A scripted UE starts calls and takes none. */
static void on_sip(void *arg, struct sip_tx *tx, struct sip_msg *rq, const struct sip_peer *from)
{
        struct ue_seat *u = arg;
        struct sip_port *port = sip_net_port(u->sip);
        (void)from;
        struct sip_msg *rs = sip_method_is(rq, "ACK") ? NULL : sip_response_new(NULL, rq, 405, NULL);
        if (rs != NULL)
                port->reply(port, tx, rs);
}

static enum ecode listen_gm(struct ue_seat *u, enum sip_proto proto, uint16_t udp_port, struct err *er)
{
        struct sip_listen l = { .name = "gm", .protos = 1u << SIP_UDP | 1u << SIP_TCP, .one_port = true };
        const char *net = u->site->d->set.net;
        if (proto == SIP_UDP && udp_port > 0) {
                l.address = talloc_asprintf(u, "%s.100:%u", net, udp_port);
                if (sip_net_listen(u->sip, &l, NULL) == E_OK)
                        return E_OK; /* otherwise somebody has the port: another one, and registering anew */
        }
        l.address = talloc_asprintf(u, "%s.100:0", net);
        return sip_net_listen(u->sip, &l, er);
}

static enum ecode open_sip(struct ue_seat *u, struct err *er)
{
        struct ue_site *s = u->site;
        struct sip_net_conf c = { .clock = s->env.clock,
                                  .rng = s->env.rng,
                                  .log = s->env.log,
                                  .workers = s->workers,
                                  .loop = s->loops[atomic_fetch_add(&s->next_loop, 1) % s->loops_n],
                                  .tls_client = s->tls,
                                  .max_transactions = SEAT_TRANSACTIONS,
                                  .max_connections = SEAT_CONNECTIONS };
        return sip_net_open(&c, &u->sip, er);
}

static int seat_free(struct ue_seat *u)
{
        sip_net_close(u->sip);
        http_client_close(u->http);
        TALLOC_FREE(u->ue);
        return 0;
}

enum ecode ue_seat_open(void *mem, struct ue_site *s, const json_t *profile, const json_t *state, enum sip_proto proto,
                        uint16_t udp_port, struct ue_seat **ret, struct err *er)
{
        struct ue_seat *u = talloc_zero(mem, struct ue_seat);
        if (u == NULL)
                return err_set(er, E_NOMEM, NULL, "UE");
        u->site = s;
        talloc_set_destructor(u, seat_free);
        enum ecode e = ue_new(u, &s->env, profile, state, &u->ue, er);
        if (e == E_OK && s->http == NULL)
                e = open_http(s->d, &u->http, er);
        if (e == E_OK)
                e = open_sip(u, er);
        if (e == E_OK)
                e = listen_gm(u, proto, udp_port, er);
        if (e == E_OK) /* the answer to a datagram comes to our own socket */
                sip_net_serve(u->sip, on_sip, u);
        if (e != E_OK) {
                talloc_free(u);
                return e;
        }
        u->ue->http = s->http != NULL ? s->http : u->http;
        u->ue->sip = sip_net_port(u->sip);
        u->ue->proto = proto;
        *ret = u;
        return E_OK;
}

struct ue *ue_seat_ue(struct ue_seat *u)
{
        return u->ue;
}

void ue_seat_close(struct ue_seat *u)
{
        talloc_free(u);
}
