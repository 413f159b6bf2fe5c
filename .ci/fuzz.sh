#!/bin/sh
# make fuzz: builds the fuzzer's program and lets it loose on one target after the other (Tests/Fuzz/README.md).
#
#   fuzz.sh SWIFT [SECONDS] [TARGET...]     so many seconds for each target (120; all of them)
#   fuzz.sh SWIFT replay TARGET FILE        one input, as a finding's line says
#   fuzz.sh SWIFT minimise [TARGET...]      what was found since the last time goes into the repository's corpus
#
# Exit: 0 nothing found, 1 a finding.
set -eu
swift=$1
shift
folder=$PWD/.build-fuzz
program=$folder/release/sockaudit-fuzz
findings=$folder/findings
kept=$PWD/Tests/Fuzz/Corpus
targets="decode live ledger keeper small"
# What takes so many seconds is a finding too, and so is who asks for so much memory at once.
limits="-timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=256 -max_len=8192"

SOCKAUDIT_FUZZ=1 "$swift" build -c release --scratch-path "$folder" --product sockaudit-fuzz \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing -Xswiftc -use-ld=lld

# libFuzzer says where a trap was; Swift's own backtrace of the same takes a minute. Leaks are not asked for: libauparse
# and Swift keep what they make once, and processes that share a descriptor table hold each other until they end, or the
# run does.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:abort_on_error=1

# run TARGET ARGUMENT...
run() {
    SOCKAUDIT_FUZZ_TARGET=$1
    export SOCKAUDIT_FUZZ_TARGET
    shift
    # shellcheck disable=SC2086  # limits are several words
    nice -n 10 "$program" $limits "$@"
}

case ${1:-} in
replay)
    run "$2" "$3"
    exit
    ;;
minimise)
    shift
    for target in ${*:-$targets}; do
        mkdir -p "$folder/corpus/$target" "$kept/$target"
        rm -rf "$folder/merged"
        mkdir "$folder/merged"
        run "$target" -set_cover_merge=1 -max_len=2048 "$folder/merged" "$kept/$target" "$folder/corpus/$target" 2>&1 |
            grep -a 'MERGE-OUTER: [0-9]* new' || :
        # What was found wrong once stays, whatever else covers it.
        find "$kept/$target" -type f ! -name 'finding-*' -exec rm {} +
        # It is cloned with everything else: the small ones, up to a share of a megabyte.
        room=200000
        for input in $(ls -Sr "$folder/merged"); do
            room=$((room - $(wc -c <"$folder/merged/$input")))
            [ "$room" -ge 0 ] || break
            cp "$folder/merged/$input" "$kept/$target/"
        done
        du -sb "$kept/$target"
    done
    exit
    ;;
esac

seconds=120
case ${1:-} in
[0-9]*)
    seconds=$1
    shift
    ;;
esac
mkdir -p "$findings"
table=$folder/figures.txt
printf '%-8s %7s %12s %8s %8s %9s %8s %9s\n' target seconds executions exec/s edges features inputs findings >"$table"
found=0
for target in ${*:-$targets}; do
    mkdir -p "$folder/corpus/$target"
    log=$folder/$target.log
    echo "fuzz: $target for $seconds s ..."
    bad=0
    run "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$findings/$target-" \
        "$folder/corpus/$target" "$kept/$target" >"$log" 2>&1 || bad=1
    awk -v target="$target" -v seconds="$seconds" -v bad="$bad" '
        /cov: [0-9]/ {
            for (i = 1; i < NF; i++) {
                if ($i == "cov:") edges = $(i + 1)
                if ($i == "ft:") features = $(i + 1)
                if ($i == "corp:") split($(i + 1), corpus, "/")
            }
        }
        /^stat::number_of_executed_units/ { executions = $2 }
        /^stat::average_exec_per_sec/ { speed = $2 }
        END { printf "%-8s %7d %12d %8d %8d %9d %8d %9d\n", target, seconds, executions, speed, edges, features, corpus[1], bad }
    ' "$log" >>"$table"
    if [ "$bad" = 1 ]; then
        found=1
        grep -a -m 4 -E 'FOUND:|Fatal error|ERROR: |Test unit written' "$log" || tail -n 5 "$log"
        file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        echo "fuzz: replay it with: make fuzz ARGS=\"replay $target $file\" (all of it is in $log)"
    fi
done
echo
cat "$table"
exit "$found"
