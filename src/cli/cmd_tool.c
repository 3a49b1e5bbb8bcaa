#include "cli/command.h"

const struct cli_cmd cli_tool_cmds[] = { { 0 } };
