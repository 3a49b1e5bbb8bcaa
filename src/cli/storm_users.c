#include "cli/storm_users.h"

#include "base/env.h"
#include "cli/cli_util.h"
#include "host/provision.h"
#include "host/ue_site.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <talloc.h>

enum { THREADS = 4 }; /* each costs the IdM server a password hash and the KMS a key set */

typedef enum ecode (*provision_fn)(void *mem, const char *dir, const char *const *roles, json_t *user, struct err *er);

/* Users from `at` on are for whichever thread comes next. */
struct batch {
        const struct deployment *d;
        provision_fn fn;
        json_t *users;
        atomic_size_t at, good;
        pthread_mutex_t lock;
        struct err first;
};

static void *work(void *arg)
{
        struct batch *b = arg;
        for (;;) {
                size_t i = atomic_fetch_add(&b->at, 1);
                json_t *user = json_array_get(b->users, i);
                if (user == NULL || b->first.code != E_OK)
                        return NULL;
                void *mem = talloc_new(NULL);
                struct err why = { 0 };
                enum ecode e = b->fn(mem, b->d->site.dir, provision_roles, user, &why);
                talloc_free(mem);
                if (e == E_OK || e == E_EXISTS || e == E_NOT_FOUND) {
                        atomic_fetch_add(&b->good, 1);
                        continue;
                }
                pthread_mutex_lock(&b->lock);
                if (b->first.code == E_OK)
                        b->first = why;
                pthread_mutex_unlock(&b->lock);
        }
}

static enum ecode run_batch(struct batch *b, struct err *er)
{
        pthread_t id[THREADS];
        size_t up = 0;
        pthread_mutex_init(&b->lock, NULL);
        while (up < THREADS && pthread_create(&id[up], NULL, work, b) == 0)
                up++;
        for (size_t i = 0; i < up; i++)
                pthread_join(id[i], NULL);
        pthread_mutex_destroy(&b->lock);
        if (up == 0)
                return err_set(er, E_NOMEM, NULL, "no thread can be started");
        if (b->first.code != E_OK && er != NULL)
                *er = b->first;
        return b->first.code;
}

static char *file_of(struct cli *c, const struct deployment *d)
{
        return deployment_path(c->mem, d, "ue/storm.json");
}

/* One more user: the ordinary profile, a client instance id of its own, the password of all. */
static enum ecode new_user(struct cli *c, const struct deployment *d, size_t number, const char *password,
                           json_t *users, struct err *er)
{
        char *name = talloc_asprintf(c->mem, "storm-%05zu", number), *id = rng_uuid_urn(&rng_system, c->mem);
        json_t *o = cli_user_profile(c, d, name, er);
        if (o == NULL)
                return er->code;
        ue_site_complete(d, name, o, id);
        json_object_set_new(o, "password", json_string(password));
        json_object_set_new(o, "enabled", json_true());
        return json_array_append_new(users, o) == 0 ? E_OK : err_set(er, E_NOMEM, NULL, "users");
}

static enum ecode draw(struct cli *c, const struct deployment *d, size_t n, json_t *users, struct err *er)
{
        json_t *first = json_array_get(users, 0);
        const char *old = json_string_value(json_object_get(first, "password"));
        char *password = old != NULL ? talloc_strdup(c->mem, old) : rng_token(&rng_system, c->mem, 15);
        enum ecode e = password != NULL ? E_OK : err_set(er, E_CRYPTO, NULL, "no random octets");
        while (e == E_OK && json_array_size(users) < n)
                e = new_user(c, d, json_array_size(users), password, users, er);
        return e;
}

/* The file is written first: whoever stands in it and is not provisioned yet is provisioned the next time. */
enum ecode storm_users(struct cli *c, const struct deployment *d, size_t n, json_t **ret, struct err *er)
{
        json_t *users = json_load_file(file_of(c, d), 0, NULL);
        if (users == NULL)
                users = json_array();
        size_t had = json_array_size(users);
        struct batch b = { .d = d, .fn = provision_add, .users = users };
        enum ecode e = draw(c, d, n, users, er);
        json_t *check = json_array_get(users, 0);
        if (e == E_OK && n > had)
                e = cli_write_json(file_of(c, d), users, er);
        atomic_store(&b.at, check != NULL && had > 0 ? had - 1 : 0); /* the last one may be of a run that was ended */
        if (e == E_OK && n > had)
                e = run_batch(&b, er);
        while (e == E_OK && json_array_size(users) > n)
                json_array_remove(users, n);
        if (e == E_OK)
                *ret = users;
        else
                json_decref(users);
        return e;
}

enum ecode storm_users_remove(struct cli *c, const struct deployment *d, size_t *ret_n, struct err *er)
{
        json_t *users = json_load_file(file_of(c, d), 0, NULL);
        struct batch b = { .d = d, .fn = provision_del, .users = users };
        *ret_n = json_array_size(users);
        enum ecode e = users != NULL ? run_batch(&b, er) : E_OK;
        if (e == E_OK && users != NULL && remove(file_of(c, d)) != 0)
                e = err_set(er, E_IO, NULL, "%s cannot be removed", file_of(c, d));
        json_decref(users);
        return e;
}
