#!/bin/bash
# Sourced. One line a check: "ok ..." or "FAIL ...", and why.
failures=0 checks=0

# check TEXT COMMAND...
check() {
    local text=$1 output
    shift
    checks=$((checks + 1))
    if output=$("$@" 2>&1 9>&-); then
        echo "ok $text"
    else
        failures=$((failures + 1))
        echo "FAIL $text: $*"
        # shellcheck disable=SC2001
        [ -z "$output" ] || sed 's/^/    /' <<<"$output" | tail -n 30
        return 1
    fi
}

# Ends the test where nothing after it can be right.
must() { check "$@" || exit 1; }

summary() {
    local code=$?
    if [ "$code" != 0 ] && [ "$failures" = 0 ]; then
        echo "FAIL the test ended early, with $code"
        failures=1
    fi
    echo "package: $((checks - failures)) of $checks checks passed in the clean root"
    [ "$failures" = 0 ] || exit 1
}

# eventually SECONDS COMMAND...: until it succeeds.
eventually() {
    local end=$((SECONDS + $1)) said
    shift
    until said=$("$@" 2>&1); do
        if [ "$SECONDS" -ge "$end" ]; then
            printf 'never came true: %s\n%s\n' "$*" "$said"
            return 1
        fi
        sleep 0.1
    done
}

is() {
    [ "$1" = "$2" ] && return
    printf 'expected: %s\ngot:      %s\n' "$2" "$1"
    return 1
}

# matches PATTERN COMMAND...: the command's output has it.
matches() {
    local pattern=$1 output
    shift
    output=$("$@" 2>&1)
    if [[ $output =~ $pattern ]]; then return 0; fi
    printf '%s\n' "$output"
    return 1
}

exits() {
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    is "$code" "$wanted"
}

# -- the host's audit ------------------------------------------------------------------------

# The lock is not kept longer than it is needed: others wait for it.
audit_begin() {
    [ -z "${audited-}" ] || return 0
    flock 9
    audited=1
    enabled=$(auditctl -s | awk '$1 == "enabled" { print $2 }')
    auditctl -l >"$work/rules.before"
}

audit_end() {
    [ -n "${audited-}" ] || return 0
    # Nobody else may have added any meanwhile.
    auditctl -l | grep -vxFf "$work/rules.before" | grep '^-a.*key=sockaudit' | sed 's/^-a/-d/' |
        while read -r rule; do
            # shellcheck disable=SC2086
            auditctl $rule >/dev/null 2>&1
        done
    auditctl -e "$enabled" >/dev/null
    flock -u 9
    audited=
}

our_rules() { auditctl -l | grep -F sockaudit; }
no_rules() { ! our_rules; }
has_rules() { our_rules >/dev/null; }

# -- processes that are ours -----------------------------------------------------------------

started=()
stop_all() {
    local pid
    for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do
        eventually 20 gone "$pid" >/dev/null || kill -KILL "$pid" 2>/dev/null
    done
    started=()
}
gone() { ! kill -0 "$1" 2>/dev/null; }

# Processes of the program in this root, and of no other: pid and what it is.
sockaudits() {
    local process
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe") in
        /usr/sbin/sockaudit*) [ "$process/root" -ef / ] && echo "${process#/proc/} $(tr '\0' ' ' <"$process/cmdline")" ;;
        esac
    done 2>/dev/null
}
none_run() { is "$(sockaudits)" ""; }

# A process that opens so many TCP sockets, tells, and keeps them.
leaker() {
    : >"$work/leaker.$2"
    perl -e 'use Socket; my @kept;
        for (1..$ARGV[0]) { socket(my $s, AF_INET, SOCK_STREAM, 0) or die; push @kept, $s }
        print "open\n"; close STDOUT; sleep 600' "$1" >"$work/leaker.$2" 9>&- &
    leaked=$!
    started+=("$leaked")
    eventually 10 grep -q open "$work/leaker.$2"
}

# -- files -----------------------------------------------------------------------------------

# Every file of the root with its type, mode, owner and target, what stands in /etc, and users. What other
# programs (dpkg, mandb, adduser) write down for themselves is theirs.
snapshot() {
    find / -xdev \( -path /run -o -path /proc -o -path /sys -o -path /dev -o -path /tmp \
        -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log/audit -o -path /var/lib/logrotate \) -prune \
        -o -printf '%p %y %m %u %g %l\n' |
        grep -vE '^/var/log/(dpkg|alternatives|lastlog|faillog)|^/etc/(passwd|group|shadow|gshadow)- |^/etc/.pwd.lock|^/(etc|var/log|var/lib|root) d|^/var/lib/systemd' |
        LC_ALL=C sort >"$work/$1.files"
    find /etc -xdev -type f ! -name '*-' ! -path '/etc/ld.so.cache' -exec md5sum {} + | LC_ALL=C sort -k 2 >"$work/$1.etc"
    getent passwd >"$work/$1.users"
    getent group >>"$work/$1.users"
    find /run -name '*sockaudit*' >"$work/$1.run"
}
same() { diff "$work/$1.$3" "$work/$2.$3"; }
