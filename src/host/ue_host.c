#include "host/ue_host.h"

#include "adapter/net/http_server.h"
#include "host/ue_site.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <talloc.h>

struct ue_host {
        const struct deployment *d;
        char *user, *mc_client_id;
        struct log *log;
        struct ue_site *site;
        struct ue_seat *seat;
        struct ue *ue;

        struct http_server *redirect;
        struct loop *loop;
        pthread_mutex_t lock;
        pthread_cond_t came;
        char *query;
};

static json_t *load(void *mem, const struct deployment *d, const char *user, const char *what)
{
        return json_load_file(deployment_path(mem, d, "ue/%s%s.json", user, what), JSON_REJECT_DUPLICATES, NULL);
}

static int host_free(struct ue_host *h)
{
        http_server_close(h->redirect, 500);
        ue_seat_close(h->seat);
        ue_site_close(h->site);
        log_close(h->log);
        pthread_mutex_destroy(&h->lock);
        pthread_cond_destroy(&h->came);
        return 0;
}

static enum ecode open_parts(struct ue_host *h, json_t *profile, json_t *state, enum sip_proto proto, struct err *er)
{
        const char *id = json_string_value(json_object_get(state, "mc_client_id"));
        int64_t port = json_integer_value(json_object_get(state, "udp_port"));
        h->mc_client_id = id != NULL ? talloc_strdup(h, id) : rng_uuid_urn(&rng_system, h);
        ue_site_complete(h->d, h->user, profile, h->mc_client_id);
        enum ecode e = deployment_log(h, h->d, "ue", &h->log, er);
        if (e == E_OK)
                e = ue_site_open(h, h->d, &(struct ue_site_conf){ .loops = 1, .workers = 2, .log = h->log }, &h->site,
                                 er);
        if (e == E_OK)
                e = ue_seat_open(h, h->site, profile, state, proto, port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0,
                                 &h->seat, er);
        return e;
}

enum ecode ue_host_open(void *mem, const struct deployment *d, const char *user, enum sip_proto proto,
                        struct ue_host **ret, struct err *er)
{
        struct ue_host *h = talloc_zero(mem, struct ue_host);
        if (h == NULL)
                return err_set(er, E_NOMEM, NULL, "UE");
        h->d = d;
        h->user = talloc_strdup(h, user);
        pthread_mutex_init(&h->lock, NULL);
        pthread_cond_init(&h->came, NULL);
        talloc_set_destructor(h, host_free);
        json_t *profile = load(h, d, user, ""), *state = load(h, d, user, ".state");
        enum ecode e = profile != NULL
                               ? open_parts(h, profile, state, proto, er)
                               : err_set(er, E_NOT_FOUND, NULL,
                                         "there is no UE %s: `muster user add %s` makes it, ue/%s.json is its file",
                                         user, user, user);
        json_decref(profile);
        json_decref(state);
        if (e != E_OK) {
                talloc_free(h);
                return e;
        }
        h->ue = ue_seat_ue(h->seat);
        *ret = h;
        return E_OK;
}

struct ue *ue_host_ue(struct ue_host *h)
{
        return h->ue;
}

static enum ecode write_whole(const char *path, const char *text, struct err *er)
{
        char *tmp = talloc_asprintf(NULL, "%s.new", path);
        int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
        if (fd >= 0 && close(fd) != 0)
                good = false;
        good = good && rename(tmp, path) == 0;
        enum ecode e = good ? E_OK : err_set(er, E_IO, NULL, "cannot write %s: %s", path, strerror(errno));
        talloc_free(tmp);
        return e;
}

enum ecode ue_host_keep(struct ue_host *h, struct err *er)
{
        json_t *o = ue_state_json(h->ue);
        struct sip_target me;
        if (h->ue->sip->local(h->ue->sip, "gm", SIP_UDP, &me) == E_OK)
                json_object_set_new(o, "udp_port", json_integer(me.port));
        json_object_set_new(o, "mc_client_id", json_string(h->mc_client_id));
        char *text = o != NULL ? json_dumps(o, JSON_INDENT(1)) : NULL;
        enum ecode e = text != NULL ? write_whole(deployment_path(h, h->d, "ue/%s.state.json", h->user), text, er)
                                    : err_set(er, E_NOMEM, NULL, "UE state");
        free(text);
        json_decref(o);
        return e;
}

void ue_host_close(struct ue_host *h)
{
        talloc_free(h);
}

/* --- the redirect of the browser --- */

static void on_redirect(void *arg, const struct http_req *rq, struct http_res *rs)
{
        static const char page[] =
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Signed in</title>"
                "<meta name=\"viewport\" content=\"width=device-width\">"
                "<body style=\"font:18px system-ui;display:grid;place-items:center;min-height:90vh\">"
                "<p>You are signed in. This window can be closed.</p></body></html>";
        struct ue_host *h = arg;
        pthread_mutex_lock(&h->lock);
        if (h->query == NULL)
                h->query = strdup(rq->query);
        pthread_cond_signal(&h->came);
        pthread_mutex_unlock(&h->lock);
        http_res_field(rs, "Cache-Control", "no-store");
        http_res_field(rs, "Referrer-Policy", "no-referrer");
        http_res_body(rs, 200, "text/html; charset=utf-8", bytes_str(page));
}

static const struct http_route redirect_routes[] = { { "GET", "/callback", on_redirect }, { 0 } };

enum ecode ue_host_listen(struct ue_host *h, char **ret_uri, struct err *er)
{
        uint16_t port = 0;
        h->loop = ue_site_loop(h->site);
        struct http_server_conf c = { .clock = &clock_system,
                                      .rng = &rng_system,
                                      .log = h->log,
                                      .workers = ue_site_workers(h->site),
                                      .loops = &h->loop,
                                      .loops_n = 1 };
        struct http_listen l = {
                .name = "redirect", .address = "127.0.0.1:0", .plain = true, .routes = redirect_routes, .role = h
        };
        enum ecode e = http_server_open(&c, &h->redirect, er);
        if (e == E_OK)
                e = http_server_listen(h->redirect, &l, &port, er);
        if (e == E_OK)
                *ret_uri = talloc_asprintf(h, "http://127.0.0.1:%u/callback", port);
        return e;
}

enum ecode ue_host_await(struct ue_host *h, unsigned timeout_s, char **ret_query, struct err *er)
{
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += timeout_s;
        int rc = 0;
        pthread_mutex_lock(&h->lock);
        while (h->query == NULL && rc == 0)
                rc = pthread_cond_timedwait(&h->came, &h->lock, &until);
        *ret_query = h->query != NULL ? talloc_strdup(h, h->query) : NULL;
        free(h->query);
        h->query = NULL;
        pthread_mutex_unlock(&h->lock);
        return *ret_query != NULL ? E_OK : err_set(er, E_TIMEOUT, NULL, "nobody signed in within %u s", timeout_s);
}
