#!/bin/sh
# make demo: the table from a recorded log. No root, no kernel.
#
#   replay.sh SOCKAUDIT LOG [ARGUMENTS...]
set -eu
program=$1 log=$2
shift 2
if [ ! -r "$log" ]; then
    echo "demo: $log is missing" >&2
    exit 1
fi
status=0
"$program" all --input "$log" "$@" || status=$?
# 4: the log itself shows a gap, and the table says so. For a demonstration that is fine.
[ "$status" = 4 ] || exit "$status"
