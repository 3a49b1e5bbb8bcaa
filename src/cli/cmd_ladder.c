#include "cli/command.h"

const struct cli_cmd cli_ladder_cmds[] = { { 0 } };
