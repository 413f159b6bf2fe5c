#!/bin/sh
# make bench-harm: builds the workloads it needs, runs the harm benchmark as root; there is no part without.
#
#   bench-harm.sh PYTHON DIR [ARGUMENTS of harm.py...]
set -eu
here=$(dirname "$0")
. "$here/root.sh"
python=$1 tools=$2
shift 2

mkdir -p "$tools"
${CC:-cc} -O2 Tests/Workloads/flood.c -o "$tools/flood" -pthread
${CC:-cc} -O2 Tests/Workloads/witness.c Tests/Workloads/truth.c -o "$tools/witness"
${CC:-cc} -O2 Tests/Workloads/toucher.c -o "$tools/toucher"

get_root || {
    echo "bench-harm: $WHY: it puts audit rules in and runs an audit daemon, and cannot do without" >&2
    exit 2
}
# -B: a run as root must not leave cache files of root in the tree. sudo keeps no SOCKAUDIT_BIN.
program=${SOCKAUDIT_BIN:-.build/release/sockaudit}
# shellcheck disable=SC2086  # AS_ROOT is empty or one word
exec $AS_ROOT "$python" -B Benchmarks/harm.py --tools "$tools" --sockaudit "$program" "$@"
