#!/bin/bash
# make sanitize: the tests, and the program that they run, with the address and leak checkers, then with the
# thread checker. Each has a build of its own. As root the live tests named below run too.
# usage: sanitize.sh SWIFT WORKLOADS [address|thread] [arguments of swift test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift=$1
export SOCKAUDIT_WORKLOADS=$2
shift 2
kinds="address thread"
case "${1:-}" in
address | thread)
    kinds=$1
    shift
    ;;
esac

# Where several processes meet over sockets, signals and a kernel: the rest of the live tests would say the same
# of the same code, in an hour.
live='LiveKernelTests\.Live/(KeeperAndMonitor|KeeperInTrouble|TheEnd|SelfTest|StaleRules|SeveralRuns'
live+='|TwoRuns|CounterOracle|StraceOracle|Leaked|WholeReports'
suppressions=$PWD/.ci/sanitize
bad=0

# A name that fits no test is a mistake, not a success.
tests() {
    local leaks=1
    # A monitor in its cage cannot be looked through for leaks, nor write its report: it ends with 66.
    case "$*" in *--filter*Live*) leaks=0 ;; esac
    export ASAN_OPTIONS="$common:detect_leaks=$leaks"
    "${run[@]}" "$@" 2>&1 | tee "$reports.log" || bad=1
    if ! grep -qaE 'Test run with [1-9][0-9]* tests?' "$reports.log"; then
        echo "sanitize: no test was run by: $*" >&2
        bad=1
    fi
    rm -f "$reports.log"
}

for kind in $kinds; do
    case $kind in
    address) scratch=$PWD/.build-asan only="$live|OnScreen)/" ;;
    # With this checker a busy monitor is too slow for a screen, which has no thread of its own.
    thread) scratch=$PWD/.build-tsan only="$live)/" ;;
    esac
    printf '\n==== %s ====\n' "$kind"
    "$swift" build --build-tests --sanitize="$kind" --scratch-path "$scratch"

    # A program that a test starts says what is wrong with it in a file, also when nobody reads its stderr, and
    # when it has given up root.
    reports=$(mktemp -d)
    chmod 1777 "$reports"
    common="log_path=$reports/$kind:exitcode=66"
    export SOCKAUDIT_BIN=$scratch/debug/sockaudit
    export LSAN_OPTIONS="suppressions=$suppressions/leak.txt:print_suppressions=0"
    export TSAN_OPTIONS="$common:halt_on_error=0:second_deadlock_stack=1:suppressions=$suppressions/thread.txt"
    run=("$swift" test --no-parallel --skip-build --sanitize="$kind" --scratch-path "$scratch")
    # What a program needs with a checker in it is not what it needs.
    if [ $# -gt 0 ]; then
        tests --skip ReplayMemory "$@"
    else
        tests --skip LiveKernelTests --skip ReplayMemory
        if [ "$(id -u)" = 0 ]; then tests --filter "$only"; fi
    fi
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        # The keeper is caged as well, in every test.
        if grep -qa 'LeakSanitizer has encountered a fatal error' "$report" \
            && ! grep -qaE 'ERROR: AddressSanitizer|runtime error' "$report"; then
            continue
        fi
        bad=1
        printf '\n---- %s\n' "$report" >&2
        cat "$report" >&2
    done
    rm -rf "$reports"
done
exit "$bad"
