#include "host/provision.h"

#include "host/admin.h"

#include <stdio.h>
#include <string.h>

enum { PUT_MS = 20000 };

const char *const provision_roles[] = { "hss", "mcx", "cms", "kms", "idm", NULL };

/* A secret goes to the role that needs it and to no other. */
static const struct {
        const char *role, *member, *as;
} members[] = {
        { "hss", "impi", "impi" },
        { "hss", "impus", "impus" },
        { "hss", "auth", "auth" },
        { "hss", "k", "k" },
        { "hss", "opc", "opc" },
        { "hss", "amf", "amf" },
        { "hss", "ims_password", "password" },
        { "mcx", "mc_id", "mc_id" },
        { "mcx", "mcptt_id", "mcptt_id" },
        { "mcx", "mcvideo_id", "mcvideo_id" },
        { "mcx", "mcdata_id", "mcdata_id" },
        { "mcx", "enabled", "enabled" },
        { "cms", "mc_id", "mc_id" },
        { "cms", "mcptt_id", "mcptt_id" },
        { "cms", "mcvideo_id", "mcvideo_id" },
        { "cms", "mcdata_id", "mcdata_id" },
        { "cms", "name", "name" },
        { "cms", "organisation", "organisation" },
        { "cms", "groups", "groups" },
        { "kms", "mc_id", "mc_id" },
        { "kms", "mcptt_id", "mcptt_id" },
        { "kms", "mcvideo_id", "mcvideo_id" },
        { "kms", "mcdata_id", "mcdata_id" },
        { "idm", "mc_id", "mc_id" },
        { "idm", "mcptt_id", "mcptt_id" },
        { "idm", "mcvideo_id", "mcvideo_id" },
        { "idm", "mcdata_id", "mcdata_id" },
        { "idm", "name", "name" },
        { "idm", "password", "password" },
        { "idm", "enabled", "enabled" },
        { "idm", "extra_scopes", "extra_scopes" },
};

json_t *provision_args(const char *role, json_t *user)
{
        json_t *o = json_object();
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                json_t *v = json_object_get(user, members[i].member);
                if (!strcmp(members[i].role, role) && v != NULL)
                        json_object_set(o, members[i].as, v);
        }
        return o;
}

static enum ecode call(void *mem, const char *dir, const char *role, const char *cmd, json_t *user, struct err *er)
{
        json_t *args = provision_args(role, user), *out = NULL;
        if (args == NULL)
                return err_set(er, E_NOMEM, NULL, "arguments");
        if (strcmp(cmd, "user-del") != 0)
                json_object_set_new(args, "new", json_true());
        enum ecode e = admin_call(mem, dir, role, cmd, args, PUT_MS, &out, er);
        json_decref(out);
        json_decref(args);
        return e;
}

static bool on_list(const char *const *roles, const char *role)
{
        for (; *roles != NULL; roles++)
                if (!strcmp(*roles, role))
                        return true;
        return false;
}

/* Takes back what stands in the roles before `end`. What cannot be taken back is named. */
static void undo(void *mem, const char *dir, const char *const *roles, json_t *user, size_t end, struct err *er)
{
        for (size_t i = end; i-- > 0;) {
                struct err why;
                if (!on_list(roles, provision_roles[i]))
                        continue;
                enum ecode e = call(mem, dir, provision_roles[i], "user-del", user, &why);
                if (e == E_OK || e == E_NOT_FOUND || er == NULL)
                        continue;
                size_t n = strlen(er->text);
                snprintf(er->text + n, sizeof er->text - n, "; %s could not be cleaned (%s), repeat `muster user del`",
                         provision_roles[i], ecode_name(e));
        }
}

enum ecode provision_add(void *mem, const char *dir, const char *const *roles, json_t *user, struct err *er)
{
        for (const char *const *r = provision_roles; *r != NULL; r++) {
                enum ecode e = on_list(roles, *r) ? call(mem, dir, *r, "user-check", user, er) : E_OK;
                if (e != E_OK)
                        return e; /* nothing was written anywhere */
        }
        for (size_t i = 0; provision_roles[i] != NULL; i++) {
                enum ecode e = on_list(roles, provision_roles[i])
                                       ? call(mem, dir, provision_roles[i], "user-put", user, er)
                                       : E_OK;
                if (e == E_OK)
                        continue;
                /* When nobody knows whether it was written, it is taken back there as well. */
                undo(mem, dir, roles, user, i + ecode_undecided(e), er);
                return e;
        }
        return E_OK;
}

enum ecode provision_del(void *mem, const char *dir, const char *const *roles, json_t *user, struct err *er)
{
        size_t n = 0, found = 0;
        while (provision_roles[n] != NULL)
                n++;
        while (n-- > 0) {
                if (!on_list(roles, provision_roles[n]))
                        continue;
                enum ecode e = call(mem, dir, provision_roles[n], "user-del", user, er);
                if (e != E_OK && e != E_NOT_FOUND)
                        return e; /* repeating goes on where this stopped */
                found += e == E_OK;
        }
        return found ? E_OK : err_set(er, E_NOT_FOUND, "R-SA-122", "no function knows this user");
}
