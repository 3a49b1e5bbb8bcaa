/* Signs a UE on and off again, as an MCX client does: login, keys, registration, service authorisation.
 *
 *      signon PROFILE.json CA.crt LOCAL-IP < password
 *
 * PROFILE.json is described in muster/ue.h. Exit status: 0 signed on and off, 1 refused, 2 somebody could not be asked.
 */
#include <muster/muster.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum muster_result failed(const char *step, const struct muster_error *err)
{
        fprintf(stderr, "%s: %s %s: %s\n(%s)\n", step, err->code, err->requirement, err->text, err->advice);
        return err->result;
}

static enum muster_result sign_on(struct muster_ue *ue, const char *password)
{
        struct muster_error err;
        struct muster_ue_view view;
        struct muster_key csk;
        if (muster_ue_login(ue, password, &err) != MUSTER_OK)
                return failed("login", &err);
        if (muster_ue_fetch_keys(ue, &err) != MUSTER_OK)
                return failed("keys", &err);
        if (muster_ue_register(ue, 3600, false, &err) != MUSTER_OK)
                return failed("register", &err);
        if (muster_ue_authorize(ue, MUSTER_MCPTT, &err) != MUSTER_OK)
                return failed("authorize", &err);
        if (muster_ue_csk(ue, MUSTER_MCPTT, &csk, &err) != MUSTER_OK)
                return failed("CSK", &err);
        muster_ue_look(ue, &view);
        printf("%s signed on, registered as %s, CSK-ID %08" PRIx32 "\n", view.mcptt_id, view.impu, csk.id);
        muster_key_wipe(&csk);
        if (muster_ue_log_off(ue, MUSTER_MCPTT, &err) != MUSTER_OK)
                return failed("log off", &err);
        if (muster_ue_deregister(ue, &err) != MUSTER_OK)
                return failed("deregister", &err);
        return MUSTER_OK;
}

int main(int argc, char **argv)
{
        static char profile[65536];
        char password[256];
        FILE *f = argc == 4 ? fopen(argv[1], "r") : NULL;
        if (f == NULL || fgets(password, sizeof password, stdin) == NULL) {
                fprintf(stderr, "usage: signon PROFILE.json CA.crt LOCAL-IP < password\n");
                return 1;
        }
        profile[fread(profile, 1, sizeof profile - 1, f)] = 0;
        fclose(f);
        password[strcspn(password, "\n")] = 0;
        struct muster_ue_conf conf = { .profile_json = profile, .ca_file = argv[2], .local_ip = argv[3] };
        struct muster_ue *ue = NULL;
        struct muster_error err;
        if (muster_ue_open(&conf, &ue, &err) != MUSTER_OK)
                return (int)failed("open", &err);
        enum muster_result r = sign_on(ue, password);
        muster_ue_free(ue);
        return (int)r;
}
