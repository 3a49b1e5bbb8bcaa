/* A UE that signs on (TS 33.180 clause 5.1.1): OpenID Connect login at the IdM server, keys from the KMS, registration
 * in the SIP core, and service authorisation at the MC servers. Login and registration may come in either order; the
 * first call that needs the network reads the UE initial configuration document.
 *
 *      muster_ue_open(&conf, &ue, &err);
 *      muster_ue_login(ue, password, &err);               steps 3a to 3g
 *      muster_ue_fetch_keys(ue, &err);                    step 3.5
 *      muster_ue_register(ue, 3600, false, &err);         step 1
 *      muster_ue_authorize(ue, MUSTER_MCPTT, &err);       step 4
 *      ...
 *      muster_ue_log_off(ue, MUSTER_MCPTT, &err);
 *      muster_ue_deregister(ue, &err);
 *      muster_ue_free(ue);
 *
 * examples/signon.c is a whole program. A UE is used by one thread at a time; different UEs by different threads. Each
 * has two threads of its own for its SIP connection.
 *
 * Errors of all steps: E_PEER_DOWN and E_TIMEOUT while a server is away (its 5xx answers too), E_FORBIDDEN with the
 * server's words where it says no, and what the single functions name. */
#ifndef MUSTER_UE_H
#define MUSTER_UE_H

#include <muster/base.h>
#include <muster/kms.h>
#include <muster/mikey.h>

#ifdef __cplusplus
extern "C" {
#endif

struct muster_ue;

struct muster_ue_conf {
        /* A JSON object, all members texts. Secret where it holds k, opc or sip_password.
         *   user, mc_id         the name at the MC system, and the one to log in with
         *   impi, impu          private and public identity in the SIP core (TS 23.228), ims_domain its realm
         *   auth                "aka": with k, opc (32 hex digits each) and perhaps amf (4, default 8000); or "digest":
         *                       with sip_password
         *   mc_client_id        urn:uuid:..., one per client instance (TS 24.379)
         *   oauth_client, redirect_uri   as the client is registered at the IdM server
         *   init_url            of the UE initial configuration document (TS 24.484 clause 7.2)
         *   psi_mcptt, psi_mcvideo, psi_mcdata   public service identities of the MC servers */
        const char *profile_json;
        const char *state_json; /* what muster_ue_state() gave at the end of the last run; or NULL */
        const char *ca_file;    /* PEM, whom all servers have to be certified by */
        const char *local_ip;   /* this UE's IPv4 address as the SIP core sees it */
        const char *transport;  /* SIP over "tls", "tcp" or "udp"; NULL: tls */
        uint16_t udp_port;      /* own port for "udp"; 0: a free one */
        const void *reserved[4];
};

/* Sends nothing. E_MISSING, E_SYNTAX name the member of the profile or the setting; E_RANGE: transport; E_CONFIG:
 * ca_file; E_IO: no socket. */
MUSTER_API enum muster_result muster_ue_open(const struct muster_ue_conf *conf, struct muster_ue **ret,
                                             struct muster_error *err);
/* Closes its connections; what the servers know of it stays until it expires. */
MUSTER_API void muster_ue_free(struct muster_ue *ue);

/* Steps 3a to 3g with mc_id and password of the profile's user. E_LOGIN_FAILED: name or password. */
MUSTER_API enum muster_result muster_ue_login(struct muster_ue *ue, const char *password, struct muster_error *err);
/* The same through a browser (RFC 8252), which is redirected to redirect_uri: *ret_url is for the browser, see
 * muster_free(); `query` is what follows the question mark of the redirect. */
MUSTER_API enum muster_result muster_ue_login_begin(struct muster_ue *ue, const char *redirect_uri, char **ret_url,
                                                    struct muster_error *err);
MUSTER_API enum muster_result muster_ue_login_finish(struct muster_ue *ue, const char *query, struct muster_error *err);
/* New tokens with the refresh token. Other steps do so themselves when the access token's life is over (R-ID-101). */
MUSTER_API enum muster_result muster_ue_refresh(struct muster_ue *ue, struct muster_error *err);

/* An access token that lives, for requests of the caller's own; see muster_free(). scope NULL: with all that was
 * granted; otherwise one with this part of it alone. E_TOKEN_MISSING: log in first. */
MUSTER_API enum muster_result muster_ue_access_token(struct muster_ue *ue, const char *scope, char **ret,
                                                     struct muster_error *err);

/* Keys for every MC service ID of the user. Errors as muster_kms_fetch(). */
MUSTER_API enum muster_result muster_ue_fetch_keys(struct muster_ue *ue, struct muster_error *err);
/* Those of one service; borrowed until keys are fetched again. NULL: none were fetched. */
MUSTER_API const struct muster_keys *muster_ue_keys(struct muster_ue *ue, enum muster_service service);

/* IMS AKA or SIP Digest as the profile says. token_inside: the access token travels in the REGISTER, and
 * muster_ue_authorize() is not needed. E_AUTH_FAILED: the network is not ours, or does not accept us. */
MUSTER_API enum muster_result muster_ue_register(struct muster_ue *ue, int64_t expires_s, bool token_inside,
                                                 struct muster_error *err);
MUSTER_API enum muster_result muster_ue_deregister(struct muster_ue *ue, struct muster_error *err);

/* Step 4: the access token, and a fresh CSK where keys were fetched. Not MUSTER_ANY_SERVICE: E_RANGE. */
MUSTER_API enum muster_result muster_ue_authorize(struct muster_ue *ue, enum muster_service service,
                                                  struct muster_error *err);
MUSTER_API enum muster_result muster_ue_log_off(struct muster_ue *ue, enum muster_service service,
                                                struct muster_error *err);
/* The CSK that muster_ue_authorize() sent, to protect what goes to this server (TS 33.180 clause 5.4). Secret.
 * E_NOT_FOUND: none is in force. */
MUSTER_API enum muster_result muster_ue_csk(struct muster_ue *ue, enum muster_service service, struct muster_key *ret,
                                            struct muster_error *err);

/* What is known by now. Texts are borrowed until the next step and NULL, times 0, while unknown. */
struct muster_ue_view {
        const char *sub, *mcptt_id, *mcvideo_id, *mcdata_id; /* from the ID token */
        const char *scope;                                   /* granted */
        int64_t token_expires_at;
        const char *kms_url;                              /* from the initial configuration */
        const char *impu;                                 /* registered */
        int64_t registered_until;                         /* seconds since 1970 */
        int64_t mcptt_until, mcvideo_until, mcdata_until; /* authorised */
        const void *reserved[4];
};
MUSTER_API void muster_ue_look(const struct muster_ue *ue, struct muster_ue_view *ret);

/* Tokens, SQN of AKA and registration as JSON, for another run to go on with; see muster_free(). Secret. After AKA it
 * has to be kept: a UE that forgets its SQN takes old challenges for new ones. */
MUSTER_API enum muster_result muster_ue_state(const struct muster_ue *ue, char **ret, struct muster_error *err);

#ifdef __cplusplus
}
#endif

#endif
