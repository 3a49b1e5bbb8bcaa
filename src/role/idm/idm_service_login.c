/* The authorization endpoint's decisions: TS 33.180 B.4.2.2, B.4.2.3, C.1 steps 3a to 3d; TS 24.482 clause 6.3.1. */
#include "role/idm/idm_priv.h"

#include "crypto/prim.h"

#include <talloc.h>

#define FAILURES_KEPT_S 900 /* a quiet quarter of an hour, and earlier failures are forgotten */

/* Ends at the client: 302 with code or error, state and iss (R-ID-52, R-ID-53). */
static enum ecode send_back(struct idm *idm, void *mem, const char *redirect_uri, const char *state, const char *code,
                            struct idm_answer *ret, struct err *er)
{
        struct auth_res rs = { .code = code, .state = state, .iss = idm->conf->issuer };
        if (code == NULL) {
                const char *word = ecode_oauth(ret->why.code);
                rs.error = word != NULL ? word : "server_error";
                rs.error_description = idm_describe(&ret->why);
        }
        ret->step = IDM_REDIRECT;
        ret->redirect = auth_res_url(mem, redirect_uri, &rs);
        return ret->redirect != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "redirect");
}

/* B.4.2.2 */

/* Until here nothing in the request may be followed: an error goes to the user, not to the redirect URI. */
static enum ecode find_client(struct idm *idm, void *mem, const struct auth_req *rq, struct idm_client *ret,
                              struct err *er)
{
        enum ecode e = idm_client_known(idm, mem, rq->client_id, ret, er);
        if (e != E_OK)
                return e;
        if (rq->redirect_uri == NULL)
                return err_set(er, E_REDIRECT_URI, "R-ID-41", "redirect_uri is missing or stands twice");
        if (!idm_uri_registered(ret->redirect_uris, rq->redirect_uri))
                return err_set(er, E_REDIRECT_URI, "R-ID-41", "this redirect_uri is not registered for %s", ret->id);
        return E_OK;
}

static enum ecode check_request(void *mem, const struct auth_req *rq, const struct idm_client *c, const char **scope,
                                struct err *er)
{
        enum ecode e = auth_req_check(rq, c->lenience, er);
        if (e != E_OK)
                return e;
        if (rq->prompt != NULL && scope_has(rq->prompt, "none"))
                return err_set(er, E_LOGIN_REQUIRED, NULL, "prompt=none cannot be met: every sign-on asks the user");
        return idm_scope_grant(mem, c, NULL, rq->scope, scope, er);
}

static enum ecode begin(struct idm *idm, void *mem, const struct auth_req *rq, const char *scope,
                        struct idm_answer *ret, struct err *er)
{
        struct idm_txn t = { .client_id = rq->client_id,
                             .redirect_uri = rq->redirect_uri,
                             .state = rq->state,
                             .nonce = rq->nonce,
                             .scope = scope,
                             .challenge = rq->code_challenge,
                             .login_hint = rq->login_hint,
                             .expires_s = idm_now(idm) + idm->conf->txn_ttl_s };
        ret->handle = idm_random(idm, mem);
        if (ret->handle == NULL)
                return err_set(er, E_CRYPTO, NULL, "no randomness");
        enum ecode e = idm_hash_of(ret->handle, &t.handle, er);
        return e == E_OK ? idm->st->txn_begin(idm->st, &t, er) : e;
}

/* A pushed request takes the place of the one that names it: RFC 9126 clause 4. It can be named once, by its client. */
static enum ecode take_pushed(struct idm *idm, void *mem, const struct auth_req *rq, struct auth_req *ret,
                              struct err *er)
{
        struct idm_hash h;
        struct idm_pushed p;
        struct form form;
        enum ecode e = idm_hash_of(rq->request_uri + strlen(IDM_REQUEST_URI), &h, er);
        if (e == E_OK)
                e = idm->st->pushed_take(idm->st, mem, &h, idm_now(idm), &p, er);
        if (e == E_NOT_FOUND || (e == E_OK && (rq->client_id == NULL || strcmp(rq->client_id, p.client_id) != 0)))
                return err_set(er, E_SYNTAX, "R-ID-134", "this request_uri is unknown, used or too old");
        if (e == E_OK)
                e = form_parse(mem, bytes_str(p.form), &form, er);
        if (e == E_OK)
                auth_req_parse(&form, ret);
        return e;
}

static bool names_pushed(const struct auth_req *rq)
{
        return rq->request_uri != NULL && strncmp(rq->request_uri, IDM_REQUEST_URI, strlen(IDM_REQUEST_URI)) == 0;
}

enum ecode idm_authorize(struct idm *idm, void *mem, const struct auth_req *rq, struct idm_answer *ret, struct err *er)
{
        struct idm_client c;
        struct auth_req kept;
        const char *scope = NULL;
        struct idm_answer a = { 0 };
        bool pushed = names_pushed(rq);
        enum ecode e = pushed ? take_pushed(idm, mem, rq, &kept, er) : E_OK;
        rq = pushed ? &kept : rq;
        if (e == E_OK)
                e = find_client(idm, mem, rq, &c, er);
        if (e != E_OK)
                return e;
        a.client_id = c.id;
        if (c.par_required && !pushed)
                e = err_set(&a.why, E_MISSING, "R-ID-134", "this client has to push its requests");
        if (e == E_OK)
                e = check_request(mem, rq, &c, &scope, &a.why);
        if (e == E_OK)
                e = begin(idm, mem, rq, scope, &a, &a.why);
        if (e == E_OK) {
                a.step = IDM_ASK_PASSWORD;
                a.client_name = c.name != NULL ? c.name : c.id;
                a.login_hint = rq->login_hint;
        } else {
                e = send_back(idm, mem, rq->redirect_uri, rq->state, NULL, &a, er);
        }
        if (e == E_OK)
                *ret = a;
        return e;
}

/* What was pushed, without what proved the client. */
static const char *form_to_keep(void *mem, const struct form *form)
{
        struct buf b = buf_on(mem);
        for (size_t i = 0; i < form->n; i++)
                if (strncmp(form->pair[i].name, "client_assertion", 16) != 0 &&
                    strcmp(form->pair[i].name, "client_id") != 0)
                        form_put(&b, form->pair[i].name, form->pair[i].value);
        return b.failed ? NULL : buf_str(&b);
}

static enum ecode keep_pushed(struct idm *idm, void *mem, const struct idm_client *c, const char *form,
                              const char **ret_json, struct err *er)
{
        struct idm_pushed p = { .client_id = c->id, .expires_s = idm_now(idm) + IDM_PUSHED_S };
        struct buf b = buf_on(mem);
        char *handle = idm_random(idm, mem);
        buf_puts(&b, form);
        form_put(&b, "client_id", c->id);
        p.form = buf_str(&b);
        if (handle == NULL || p.form == NULL)
                return err_set(er, E_NOMEM, NULL, "pushed request");
        enum ecode e = idm_hash_of(handle, &p.handle, er);
        if (e == E_OK)
                e = idm->st->pushed_put(idm->st, &p, er);
        if (e != E_OK)
                return e;
        *ret_json = talloc_asprintf(mem, "{\"request_uri\":\"" IDM_REQUEST_URI "%s\",\"expires_in\":%d}", handle,
                                    IDM_PUSHED_S);
        return *ret_json != NULL ? E_OK : err_set(er, E_NOMEM, NULL, "answer");
}

enum ecode idm_push(struct idm *idm, void *mem, const struct idm_caller *who, const struct form *form,
                    const char **ret_json, struct err *er)
{
        struct idm_client proven, c;
        struct auth_req rq;
        const char *scope = NULL, *kept = form_to_keep(mem, form);
        enum ecode e = idm_client_proven(idm, mem, who, &proven, er);
        if (e != E_OK)
                return e;
        auth_req_parse(form, &rq);
        rq.client_id = proven.id;
        if (kept == NULL)
                return err_set(er, E_NOMEM, NULL, "pushed request");
        if (rq.request_uri != NULL)
                return err_set(er, E_UNSUPPORTED, "R-ID-134", "request_uri cannot be pushed");
        e = find_client(idm, mem, &rq, &c, er);
        if (e == E_OK)
                e = check_request(mem, &rq, &c, &scope, er);
        return e == E_OK ? keep_pushed(idm, mem, &c, kept, ret_json, er) : e;
}

/* Failed logins cost time, per account and client; the address the request came from counts for nothing, since many
 * users share one behind a gateway (R-ID-6, R-ID-7, R-ID-16). Whoever signed on here before has a counter of their own,
 * so that strangers who guess cannot keep a user waiting. */

static char *mark_of(struct idm *idm, void *mem, const char *username)
{
        uint8_t h[SHA256_LEN];
        if (hmac_sha256(BYTES_ARR(idm->mark_key), bytes_str(username), h) != E_OK)
                return NULL;
        return b64url_encode(mem, bytes_of(h, 16));
}

static char *failure_key(struct idm *idm, void *mem, const char *client_id, const struct idm_login *in)
{
        char *mark = mark_of(idm, mem, in->username);
        bool known = mark != NULL && in->mark != NULL && bytes_eq_secret(bytes_str(mark), bytes_str(in->mark));
        const struct bytes part[] = { BYTES_LIT("failures\0"), bytes_str(client_id),
                                      BYTES_LIT("\0"),         bytes_str(known ? "known" : "stranger"),
                                      BYTES_LIT("\0"),         bytes_str(in->username) };
        uint8_t h[SHA256_LEN];
        if (mark == NULL || sha256_parts(part, COUNT(part), h) != E_OK)
                return NULL;
        return b64url_encode(mem, bytes_of(h, 24));
}

/* How long after the last failure the next try is looked at: nothing at first, then 1, 2, 4 ... seconds. */
static int64_t delay_s(const struct idm_conf *conf, int64_t count)
{
        if (count < conf->delay_after)
                return 0;
        int64_t over = count - conf->delay_after;
        int64_t d = over > 20 ? conf->delay_most_s : INT64_C(1) << over;
        return d < conf->delay_most_s ? d : conf->delay_most_s;
}

/* R-ID-15: the same work and the same words for an unknown user and a wrong password. */
static enum ecode prove_password(struct idm *idm, void *mem, const struct idm_login *in, struct idm_user *ret,
                                 struct err *er)
{
        struct bytes given = bytes_str(in->password);
        struct idm_user u = { 0 };
        enum ecode e = idm->st->user_by_mc_id(idm->st, mem, in->username, &u, er);
        if (e != E_OK && e != E_NOT_FOUND)
                return e;
        if (e == E_OK && u.password_hash != NULL)
                e = password_verify(u.password_hash, given);
        else
                e = password_verify_dummy(given, idm->cost);
        if (e == E_LOGIN_FAILED || e == E_RANGE)
                return err_set(er, E_LOGIN_FAILED, "R-ID-15", "MC ID or password is wrong");
        if (e != E_OK)
                return err_set(er, e == E_SYNTAX ? E_INTERNAL : e, NULL, "the password could not be checked");
        *ret = u;
        return E_OK;
}

/* After the cost was changed, the hashes follow one login at a time; until then R-ID-15 holds only nearly. A login does
 * not fail for it. */
static void renew_hash(struct idm *idm, void *mem, const struct idm_user *u, const char *password)
{
        char *hash = NULL;
        if (password_stale(u->password_hash, idm->cost) &&
            password_hash(mem, bytes_str(password), idm->cost, &hash) == E_OK)
                idm->st->user_rehash(idm->st, u->sub, u->password_hash, hash, NULL);
}

static enum ecode try_password(struct idm *idm, void *mem, const struct idm_login *in, const char *key,
                               struct idm_user *user, int64_t *wait_s, struct err *er)
{
        struct idm_failures f;
        int64_t now = idm_now(idm);
        enum ecode e = idm->st->failures_get(idm->st, key, now - FAILURES_KEPT_S, &f, er);
        if (e != E_OK)
                return e;
        int64_t wait = f.last_s + delay_s(idm->conf, f.count) - now;
        if (wait > 0) {
                *wait_s = wait;
                return err_set(er, E_LIMIT, "R-ID-16", "too many failed tries: wait %lld s, then try again",
                               (long long)wait);
        }
        e = prove_password(idm, mem, in, user, er);
        if (e == E_OK)
                renew_hash(idm, mem, user, in->password);
        if (e != E_LOGIN_FAILED)
                return e;
        struct err store = { 0 };
        e = idm->st->failures_add(idm->st, key, now - FAILURES_KEPT_S, now, &store);
        return e == E_OK ? E_LOGIN_FAILED : err_set(er, e, NULL, "%s", store.text);
}

/* The code with everything it stands for: step 3d. */
static enum ecode finish(struct idm *idm, void *mem, const struct idm_txn *t, const struct idm_user *u,
                         const char *scope, const char *failures, struct idm_answer *ret, struct err *er)
{
        int64_t now = idm_now(idm);
        struct idm_code k = { .redirect_uri = t->redirect_uri,
                              .challenge = t->challenge,
                              .expires_s = now + idm->conf->code_ttl_s,
                              .family = { .sub = u->sub,
                                          .client_id = t->client_id,
                                          .scope = scope,
                                          .nonce = t->nonce,
                                          .auth_time_s = t->sub != NULL ? t->auth_time_s : now,
                                          .created_s = now,
                                          .expires_s = now + idm->conf->code_ttl_s } };
        char *code = idm_random(idm, mem);
        k.family.id = rng_token(idm->env->rng, mem, 16);
        if (code == NULL || k.family.id == NULL)
                return err_set(er, E_CRYPTO, NULL, "no randomness");
        enum ecode e = idm_hash_of(code, &k.hash, er);
        if (e == E_OK)
                e = idm->st->txn_finish(idm->st, &t->handle, &k, failures, er);
        if (e != E_OK)
                return e;
        ret->mark = mark_of(idm, mem, u->mc_id);
        return send_back(idm, mem, t->redirect_uri, t->state, code, ret, er);
}

/* The user proved who they are, and it is no all the same: the client is told, the login is over. */
static enum ecode turn_away(struct idm *idm, void *mem, const struct idm_txn *t, struct idm_answer *ret, struct err *er)
{
        enum ecode e = idm->st->txn_drop(idm->st, &t->handle, er);
        return e == E_OK ? send_back(idm, mem, t->redirect_uri, t->state, NULL, ret, er) : e;
}

static enum ecode go_on(struct idm *idm, void *mem, struct idm_txn *t, const struct idm_client *c,
                        const struct idm_user *u, const char *failures, struct idm_answer *ret, struct err *er)
{
        const char *scope = NULL;
        enum ecode e = E_OK;
        ret->sub = u->sub;
        if (!u->enabled)
                e = err_set(&ret->why, E_USER_DISABLED, "R-ID-13", "the account is disabled");
        if (e == E_OK)
                e = idm_scope_grant(mem, c, u, t->scope, &scope, &ret->why);
        if (e != E_OK)
                return ecode_undecided(e) ? err_set(er, e, NULL, "%s", ret->why.text) : turn_away(idm, mem, t, ret, er);
        if (!c->consent || t->sub != NULL)
                return finish(idm, mem, t, u, scope, failures, ret, er);
        t->sub = u->sub;
        t->auth_time_s = idm_now(idm);
        ret->step = IDM_ASK_CONSENT;
        ret->scope = scope;
        return idm->st->txn_proven(idm->st, t, failures, er);
}

/* The form and the cookie carry the same handle: only the browser that got the page can send it back. */
static enum ecode find_txn(struct idm *idm, void *mem, const char *handle, const char *cookie, struct idm_txn *t,
                           struct idm_client *c, struct err *er)
{
        struct idm_hash h;
        if (handle == NULL || cookie == NULL || !bytes_eq_secret(bytes_str(handle), bytes_str(cookie)))
                return err_set(
                        er, E_FORBIDDEN, NULL,
                        "this browser did not open this page: allow cookies, and start again in the application");
        enum ecode e = idm_hash_of(handle, &h, er);
        if (e == E_OK)
                e = idm->st->txn_get(idm->st, mem, &h, idm_now(idm), t, er);
        if (e == E_OK)
                e = idm_client_known(idm, mem, t->client_id, c, er);
        return e;
}

enum ecode idm_login(struct idm *idm, void *mem, const struct idm_login *in, struct idm_answer *ret, struct err *er)
{
        struct idm_txn t;
        struct idm_client c;
        struct idm_user u;
        enum ecode e = find_txn(idm, mem, in->handle, in->cookie, &t, &c, er);
        if (e != E_OK)
                return e;
        struct idm_answer a = { .step = IDM_ASK_PASSWORD,
                                .handle = in->handle,
                                .client_id = c.id,
                                .client_name = c.name != NULL ? c.name : c.id,
                                .login_hint = in->username != NULL ? in->username : t.login_hint };
        const char *key = NULL;
        if (in->username == NULL || in->password == NULL)
                e = err_set(&a.why, E_MISSING, "R-ID-14", "enter both MC ID and password");
        else if ((key = failure_key(idm, mem, c.id, in)) == NULL)
                e = err_set(&a.why, E_CRYPTO, NULL, "SHA-256");
        else
                e = try_password(idm, mem, in, key, &u, &a.wait_s, &a.why);
        /* Wrong, too early, or nobody could be asked: the page comes again and says which. */
        if (e == E_OK)
                e = go_on(idm, mem, &t, &c, &u, key, &a, er);
        else
                e = E_OK;
        if (e == E_OK)
                *ret = a;
        return e;
}

enum ecode idm_consent(struct idm *idm, void *mem, const char *handle, const char *cookie, bool allowed,
                       struct idm_answer *ret, struct err *er)
{
        struct idm_txn t;
        struct idm_client c;
        struct idm_user u = { 0 };
        enum ecode e = find_txn(idm, mem, handle, cookie, &t, &c, er);
        if (e == E_OK && t.sub == NULL)
                e = err_set(er, E_FORBIDDEN, NULL, "sign in first");
        if (e == E_OK)
                e = idm->st->user_by_sub(idm->st, mem, t.sub, &u, er);
        if (e != E_OK)
                return e;
        struct idm_answer a = { .client_id = c.id, .sub = u.sub };
        if (allowed) {
                e = go_on(idm, mem, &t, &c, &u, NULL, &a, er);
        } else {
                err_set(&a.why, E_FORBIDDEN, NULL, "the user refused");
                e = turn_away(idm, mem, &t, &a, er);
        }
        if (e == E_OK)
                *ret = a;
        return e;
}
