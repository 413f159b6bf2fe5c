#!/bin/sh
# make run: `sockaudit all` on this host, as root for that alone; where that cannot be, the same
# table from the bundled sample log, and one sentence that says why.
#
#   live.sh SOCKAUDIT SAMPLE-LOG [ARGUMENTS...]     (ARGUMENTS are for the live table)
set -eu
here=$(dirname "$0")
. "$here/root.sh"
program=$1 sample=$2
shift 2

replay() {
    echo "run: $1; this is the bundled sample log instead, recorded on a real kernel:" >&2
    exec sh "$here/replay.sh" "$program" "$sample"
}

get_root || replay "$WHY"

# Ctrl-C must reach sockaudit, which then prints its last table and takes its rules out, and not
# make, which would call the run failed. Job control gives the program the terminal.
if [ -t 0 ]; then
    set -m 2>/dev/null || true
fi
status=0
# shellcheck disable=SC2086  # AS_ROOT is empty or one word
$AS_ROOT "$program" all "$@" || status=$?
case $status in
0 | 4 | 130) exit 0 ;; # 4: some table was PARTIAL or LOSSY and said so; 130: ended by ctrl-C
3) replay "this host cannot be audited (the line above says why)" ;;
*)
    echo "run: sockaudit ended with status $status" >&2
    exit "$status"
    ;;
esac
