#!/bin/sh
# Builds Muster and shows it: every function starts, the demo user alice signs on through all steps, and the ladder
# diagram of what just happened is drawn. Ctrl-C stops everything. `./run.sh --once` stops by itself afterwards and exits
# 0 only if every step succeeded. Further arguments go to `muster demo`.
set -eu
cd "$(dirname "$0")"
tools/setup build
[ -f build/release/build.ninja ] || meson setup build/release --buildtype=release -Dtests=false >build.log 2>&1 || { cat build.log >&2; exit 1; }
if [ -t 2 ]; then echo "building (the first time takes a minute or two)" >&2; fi
ninja -C build/release src/muster >build.log 2>&1 || { cat build.log >&2; echo "run.sh: the build failed, see above" >&2; exit 1; }
rm -f build.log
exec build/release/src/muster demo "$@"
