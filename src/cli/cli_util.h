/* What several commands need. Inside of cli/ only. */
#ifndef MUSTER_CLI_CLI_UTIL_H
#define MUSTER_CLI_CLI_UTIL_H

#include "cli/command.h"
#include "port/sip.h"

/* From --password-stdin, --password-file, or asked twice on the terminal. Wipes itself with c->mem. */
enum ecode cli_new_password(struct cli *c, const char *whose, char **ret, struct err *er);
/* The same for a password that exists: asked once. */
enum ecode cli_password(struct cli *c, const char *whose, char **ret, struct err *er);
/* A whole file, or standard input for "-"; at most `most` octets, without the line feed at its end. */
enum ecode cli_read_text(void *mem, const char *path, size_t most, char **ret, struct err *er);
/* "a,b" or "a b" as a JSON array. */
json_t *cli_words(const char *text);
/* What provisioning is told of a new user of that name: identities that follow from the deployment, fresh subscriber
 * keys, and what the options of the command say. A new reference. */
json_t *cli_user_profile(struct cli *c, const struct deployment *d, const char *name, struct err *er);
/* Registers the OAuth client that scripted UEs are; again is harmless. */
enum ecode cli_handset_client(const struct deployment *d, struct err *er);
/* What --transport says: tls where it is not given. */
enum ecode cli_transport(const struct cli *c, enum sip_proto *ret, struct err *er);
/* Replaces the file as a whole, mode 0600. */
enum ecode cli_write_json(const char *path, json_t *o, struct err *er);
void cli_print_json(json_t *o);

#endif
