#!/bin/sh
# make bench: builds the C pieces, runs the benchmark; its live part as root if that can be had.
#
#   bench.sh PYTHON DIR [ARGUMENTS of bench.py...]
set -eu
here=$(dirname "$0")
. "$here/root.sh"
python=$1 tools=$2
shift 2

mkdir -p "$tools"
${CC:-cc} -O2 Benchmarks/auparse_loop.c -o "$tools/auparse_loop" -lauparse -laudit
${CC:-cc} -O2 Tests/Workloads/flood.c -o "$tools/flood" -pthread
${CC:-cc} -O2 Tests/Workloads/crowd.c -o "$tools/crowd"

get_root || {
    echo "bench: $WHY: the live part will be skipped" >&2
    AS_ROOT=
}
# -B: a run as root must not leave root's cache files in the tree.
# shellcheck disable=SC2086  # AS_ROOT is empty or one word
exec $AS_ROOT "$python" -B Benchmarks/bench.py --tools "$tools" "$@"
