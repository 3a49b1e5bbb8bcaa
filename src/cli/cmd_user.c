#include "cli/command.h"

const struct cli_cmd cli_user_cmds[] = { { 0 } };
