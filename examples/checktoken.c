/* Judges an access token as an MCPTT server would, and with keys from a KMS sends a PCK to a peer:
 *
 *      checktoken ISSUER JWKS-URL AUDIENCE CA.crt < token                      who may use MCPTT
 *      checktoken ISSUER JWKS-URL AUDIENCE CA.crt KMS-URL PEER-URI < token     and the I_MESSAGE, in hex
 *
 * Exit status: 0 accepted, 1 refused, 2 somebody could not be asked. */
#include <muster/kms.h>
#include <muster/mikey.h>
#include <muster/token.h>

#include <stdio.h>
#include <string.h>

static int failed(const struct muster_error *err)
{
        fprintf(stderr, "%s %s: %s\n", err->code, err->requirement, err->text);
        return (int)err->result;
}

static int send_pck(const struct muster_keys *mine, const char *peer)
{
        struct muster_error err;
        struct muster_key pck;
        uint8_t *message = NULL;
        size_t n = 0;
        if (muster_key_new(MUSTER_PCK, &pck, &err) != MUSTER_OK)
                return failed(&err);
        struct muster_mikey_offer offer = { .from = mine, .peer_uri = peer, .key = &pck };
        enum muster_result r = muster_mikey_make(&offer, &message, &n, &err);
        muster_key_wipe(&pck);
        if (r != MUSTER_OK)
                return failed(&err);
        for (size_t i = 0; i < n; i++)
                printf("%02x", message[i]);
        printf("\n");
        muster_free(message);
        return 0;
}

static int fetch_and_send(const char *kms_url, const char *ca, const char *token, const char *me, const char *peer)
{
        struct muster_error err;
        struct muster_kms_conf conf = { .url = kms_url, .ca_file = ca };
        struct muster_kms *kms = NULL;
        struct muster_keys *keys = NULL;
        if (muster_kms_open(&conf, &kms, &err) != MUSTER_OK)
                return failed(&err);
        int rc = muster_kms_fetch(kms, me, token, 0, &keys, &err) == MUSTER_OK ? send_pck(keys, peer) : failed(&err);
        muster_keys_free(keys);
        muster_kms_free(kms);
        return rc;
}

int main(int argc, char **argv)
{
        char token[8200];
        if ((argc != 5 && argc != 7) || fgets(token, sizeof token, stdin) == NULL)
                return 1;
        token[strcspn(token, "\n")] = 0;
        struct muster_issuer issuer = { .issuer = argv[1], .jwks_url = argv[2] };
        const char *audiences[] = { argv[3], NULL };
        struct muster_tokens_conf conf = {
                .issuers = &issuer, .issuers_n = 1, .audiences = audiences, .ca_file = argv[4]
        };
        struct muster_tokens *tokens = NULL;
        struct muster_token *who = NULL;
        struct muster_error err;
        if (muster_tokens_open(&conf, &tokens, &err) != MUSTER_OK)
                return failed(&err);
        int rc = 0;
        if (muster_tokens_check(tokens, token, MUSTER_MCPTT, MUSTER_RES_SERVICE, &who, &err) != MUSTER_OK)
                rc = failed(&err);
        else
                printf("%s\n", who->identity);
        if (rc == 0 && argc == 7)
                rc = fetch_and_send(argv[5], argv[4], token, who->identity, argv[6]);
        muster_token_free(who);
        muster_tokens_free(tokens);
        return rc;
}
