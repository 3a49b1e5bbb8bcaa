/* Options that every command takes. Inside of cli/ only. */
#ifndef MUSTER_CLI_EVERYBODY_H
#define MUSTER_CLI_EVERYBODY_H

#include "cli/command.h"

extern const struct cli_opt cli_everybody[];

#endif
