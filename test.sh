#!/bin/sh
# Sets up, builds and tests everything; the last line is "N passed, N failed, N skipped". `./test.sh -h` tells more.
set -eu
cd "$(dirname "$0")"
tools/setup test
exec python3 test/run "$@"
