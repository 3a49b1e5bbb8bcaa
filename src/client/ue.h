/* A scripted MCX UE: IdM client, key management client, SIP client and MCX client of TS 33.180 clause 5.1 in one
 * library. Each function does one numbered step over its real protocol and reports what it received as an arrow of the
 * ladder.
 *
 *   ue.c           profile and state, as JSON
 *   ue_init.c      step 0: the UE initial configuration document
 *   ue_login.c     steps 3a to 3g: OpenID Connect
 *   ue_tokens.c    token answers: validation, refresh
 *   ue_keys.c      step 3.5: KMS
 *   ue_register.c  step 1: SIP registration and de-registration, IMS AKA and SIP Digest
 *   ue_publish.c   step 4: service authorisation, log-off
 *   ue_profile.c   the user profile from the CMS
 *
 * One thread at a time. Exchanges block. Secrets of a UE live on its memory and are wiped with it. */
#ifndef MUSTER_CLIENT_UE_H
#define MUSTER_CLIENT_UE_H

#include "base/env.h"
#include "base/event.h"
#include "crypto/milenage.h"
#include "engine/kmc.h"
#include "port/http.h"
#include "port/sip.h"
#include "proto/mcx/mcx_info.h"
#include "proto/mcx/mcx_profile.h"
#include "proto/mcx/mcx_ue_init.h"
#include "proto/mikey/mikey_key.h"
#include "proto/oauth/scope.h"

#include <jansson.h>

#define UE_FLOW "mcx-sign-on"

/* What is provisioned into a UE. */
struct ue_profile {
        char *user, *mc_id;
        char *impi, *impu, *ims_domain;
        char *auth; /* "aka" or "digest" */
        struct milenage_k k;
        struct milenage_opc opc;
        uint8_t amf[2];
        char *sip_password; /* digest */
        char *mc_client_id; /* urn:uuid:..., one per client instance (TS 24.379) */
        char *init_url;     /* of the UE initial configuration document */
        char *oauth_client, *redirect_uri;
        char *psi[MCX_SERVICES]; /* public service identities of the MC servers */
};

struct ue_tokens {
        char *access, *id, *refresh, *scope;
        char *sub, *service_id[MCX_SERVICES]; /* from the ID token */
        int64_t expires_at;                   /* of the access token; none is sent later (R-ID-101) */
};

/* An access token for one kind of resource server: what a server is shown opens nothing else, so that a compromised CMS
 * or MC server cannot fetch a user's keys with it (TS 33.180 B.5.2; the KMS access token of the early design). */
struct ue_narrow {
        char *access;
        int64_t expires_at;
};

struct ue_registration {
        char *call_id, *contact;
        uint32_t cseq;
        char **service_route;
        size_t service_route_n;
        char *default_impu;
        int64_t expires_at;
};

struct ue_authorisation {
        char *etag;
        int64_t expires_at;
        uint32_t csk_id;      /* of csk; 0: none was sent */
        struct mikey_key csk; /* what the server and this UE share (TS 33.180 clause 5.4) */
        bool multiple_devices;
};

struct ue {
        const struct env *env;
        struct http_client *http;
        struct sip_port *sip;
        enum sip_proto proto; /* how to reach the P-CSCF */
        char trace[33];       /* ties this run's messages together */
        void *mem;
        struct ue_profile *profile;
        struct mcx_ue_init *init;
        struct ue_tokens tokens;
        struct ue_narrow narrow[5]; /* by enum mc_resource */
        struct mikey_domain *domain;
        struct mikey_user *keys[MCX_SERVICES]; /* NULL: not fetched */
        struct ue_registration reg;
        struct ue_authorisation auth[MCX_SERVICES];
        uint64_t sqn; /* highest SQN that the network used: TS 33.102 clause 6.3 */
        char *code_verifier, *state, *nonce, *redirect_uri; /* while a login is under way */
        struct mcx_profile *user_profile;
};

/* `profile` is the JSON object that provisioning wrote; `state` what ue_state_json gave at the end of the last run, or
 * NULL. *ret on mem; freeing it wipes its secrets. E_SYNTAX, E_MISSING name the member. */
enum ecode ue_new(void *mem, const struct env *env, const json_t *profile, const json_t *state, struct ue **ret,
                  struct err *er);
/* Tokens, SQN, registration: what another run goes on with. Secret. A new reference. */
json_t *ue_state_json(const struct ue *u);

enum ecode ue_configure(struct ue *u, struct err *er);

/* The plain way: fetches the form and fills it in. E_LOGIN_FAILED: name or password. */
enum ecode ue_login_password(struct ue *u, const char *password, struct err *er);
/* The way through a browser (RFC 8252): *ret_url is for the browser; `query` is that of the redirect it ended in. */
enum ecode ue_login_begin(struct ue *u, const char *redirect_uri, char **ret_url, struct err *er);
enum ecode ue_login_finish(struct ue *u, const char *query, struct err *er);
enum ecode ue_refresh(struct ue *u, struct err *er);
/* An access token of this scope alone, on u; it is not kept (the refresh token that came with it is). */
enum ecode ue_token_for(struct ue *u, const char *scope, char **ret_token, int64_t *ret_expires_at, struct err *er);

/* Key sets for every MC service ID that the ID token names. */
enum ecode ue_fetch_keys(struct ue *u, struct err *er);

/* token_inside: the access token travels in the REGISTER (then ue_authorize is not needed). */
enum ecode ue_register(struct ue *u, int64_t expires_s, bool token_inside, struct err *er);
enum ecode ue_deregister(struct ue *u, struct err *er);

enum ecode ue_authorize(struct ue *u, enum mcx_service s, struct err *er);
enum ecode ue_log_off(struct ue *u, enum mcx_service s, struct err *er);
/* Any other request to the MC server, to see what it says: the status, and the Warning code or -1. */
enum ecode ue_try(struct ue *u, enum mcx_service s, const char *method, int *ret_status, int *ret_warning,
                  struct err *er);

enum ecode ue_read_profile(struct ue *u, enum mcx_service s, struct err *er);

/* --- inside of the library --- */
void ue_arrow(struct ue *u, const char *step, const char *from, const char *proto, const char *text, const char *call);
enum ecode ue_fetch(struct ue *u, void *mem, const struct http_out *rq, struct http_in *rs, struct err *er);
enum ecode ue_take_tokens(struct ue *u, struct bytes body, struct err *er);
enum ecode ue_token_exchange(struct ue *u, const char *body, void *mem, struct http_in *rs, struct err *er);
/* The access token to show to this kind of server now: narrowed by a refresh, and again when its life is over. *ret
 * borrows. E_TOKEN_MISSING: not logged in; E_TOKEN_SCOPE: nothing of this kind was granted. */
enum ecode ue_token_at(struct ue *u, enum mc_resource r, const char **ret, struct err *er);
/* Sends over Gm and waits. */
enum ecode ue_sip_call(struct ue *u, void *mem, struct sip_msg *rq, struct sip_msg **ret, struct err *er);
/* The token, client id and CSK of one service as parts of a body. */
enum ecode ue_authorise_body(struct ue *u, void *mem, enum mcx_service s, bool with_settings, char **ret_type,
                             struct bytes *ret, struct err *er);

#endif
