/* Access tokens at a resource server (TS 33.180 clauses B.10 and B.11): KMS, configuration and group management
 * servers, MC servers, and whatever else lets users in by a token of their IdM server.
 *
 *      struct muster_issuer issuer = { .issuer = "https://idm.mc.example",
 *                                      .jwks_url = "https://idm.mc.example/jwks.json" };
 *      const char *const audiences[] = { "mc.example", NULL };
 *      struct muster_tokens_conf conf = { .issuers = &issuer, .issuers_n = 1,
 *                                         .audiences = audiences, .ca_file = "/etc/mc/ca.crt" };
 *      struct muster_tokens *tokens;
 *      struct muster_token *who;
 *      if (muster_tokens_open(&conf, &tokens, &err) == MUSTER_OK &&
 *          muster_tokens_check(tokens, text, MUSTER_MCPTT, MUSTER_RES_SERVICE, &who, &err) == MUSTER_OK)
 *              printf("%s\n", who->identity);
 *
 * RS256 and ES256 are accepted, 2048 bits and more for RSA. Clocks may differ by 30 s (R-ID-85). */
#ifndef MUSTER_TOKEN_H
#define MUSTER_TOKEN_H

#include <muster/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The servers of the scope table: TS 33.180 table B.4.2.2-1. */
enum muster_resource {
        MUSTER_RES_SERVICE = 0, /* the MC server itself */
        MUSTER_RES_KMS = 1,     /* key management */
        MUSTER_RES_CMS = 2,     /* configuration management */
        MUSTER_RES_GMS = 3,     /* group management */
        MUSTER_RES_LMS = 4,     /* location management */
};

/* A trusted issuer, with one of two sources of its keys. A token is checked with the keys of its own issuer alone
 * (R-ID-86). */
struct muster_issuer {
        const char *issuer;    /* the `iss` text, compared octet by octet */
        const char *jwks_url;  /* https: asked every 300 s, and for an unknown key at most once a minute; or NULL */
        const char *jwks_text; /* the JWK set itself (RFC 7517), never asked for; or NULL */
        bool plain_jwt;        /* accept typ "JWT" and none: issuers that do not know RFC 9068 */
        bool scp_array;        /* accept `scp` where `scope` is missing */
        const void *reserved[4];
};

struct muster_tokens_conf {
        const struct muster_issuer *issuers;
        size_t issuers_n;             /* 1 or more */
        const char *const *audiences; /* this server's names, ends with NULL: one has to be in `aud` (R-ID-88) */
        const char *ca_file;          /* PEM, whom HTTPS servers have to be certified by; needed for a jwks_url */
        const char *cache_dir;        /* where keys are kept for the time that an issuer is away (R-ID-97); or NULL */
        const void *reserved[4];
};

/* What a proven token says. Texts are NULL where the token has no such claim; times are seconds since 1970. */
struct muster_token {
        enum muster_service service; /* the one that was let in: of interest after MUSTER_ANY_SERVICE */
        const char *identity;        /* the MC service ID of that service (R-ID-84); never NULL */
        const char *issuer, *sub, *client_id, *scope, *jti;
        const char *mcptt_id, *mcvideo_id, *mcdata_id;
        int64_t issued_at, expires_at;
};

struct muster_tokens;

/* Nothing is fetched yet. E_MISSING: no issuer, audience, source of keys or ca_file; E_SYNTAX, E_DUPLICATE: jwks_text
 * is no JWK set; E_CONFIG: ca_file cannot be read. */
MUSTER_API enum muster_result muster_tokens_open(const struct muster_tokens_conf *conf, struct muster_tokens **ret,
                                                 struct muster_error *err);

/* Proves the token (form, issuer, algorithm, type, signature, times, audience), and that it opens this resource of this
 * service (scope: R-ID-83) to an MC service ID. MUSTER_ANY_SERVICE: any one service will do, the first is taken.
 * `token` is the text after "Bearer ".
 * Errors  E_TOKEN_MALFORMED, E_TOKEN_ISSUER, E_TOKEN_ALG, E_TOKEN_KEY, E_TOKEN_TYPE, E_TOKEN_SIGNATURE,
 * E_TOKEN_EXPIRED, E_TOKEN_EARLY, E_TOKEN_AUDIENCE, E_TOKEN_SCOPE, E_TOKEN_IDENTITY; E_PEER_DOWN only while there never
 * was a key of this issuer. */
MUSTER_API enum muster_result muster_tokens_check(struct muster_tokens *t, const char *token,
                                                  enum muster_service service, enum muster_resource resource,
                                                  struct muster_token **ret, struct muster_error *err);
MUSTER_API void muster_token_free(struct muster_token *token);

/* Fetches what keys are due. Optional: called about once a second by a thread of the caller's, requests rarely have to
 * wait for an issuer. E_PEER_DOWN: of some issuer there is no key at all yet. */
MUSTER_API enum muster_result muster_tokens_refresh(struct muster_tokens *t, struct muster_error *err);

MUSTER_API void muster_tokens_free(struct muster_tokens *t);

#ifdef __cplusplus
}
#endif

#endif
