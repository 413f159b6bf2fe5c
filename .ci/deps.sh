#!/bin/sh
# Installs what is missing, and nothing else: a second run finds everything and is instant.
#
#   deps.sh build    what `make build` and `make run` need: three header packages, no program
#   deps.sh test     what the tests and the benchmark drive
#   deps.sh package  what `make deb` and `make test-package` use
#
# No daemon is started. Debian's auditd, nginx, redis, sshd and Prometheus packages start theirs on
# installation; auditd would take over the kernel's audit stream of this host.
set -eu

# package | a file or command that serves as well (another variant, a hand-built one) | what for
build_list() {
    cat <<'LIST'
libaudit-dev|/usr/include/libaudit.h|audit rules and kernel status
libauparse-dev|/usr/include/auparse.h|reading audit records
zlib1g-dev|/usr/include/zlib.h|reading .gz logs
LIST
}
test_list() {
    cat <<'LIST'
auditd|auditd|auditctl shows that rules come and go; live tests run beside a private auditd
strace|strace|counts sockets independently of us
curl|curl|a real program to count
nginx-light|nginx|a real server to count
redis-server|redis-server|a real server to count
openssh-server|sshd|a real server to count, with forks and inherited descriptors
openssh-client|ssh|its client
python3|python3|workloads, synthetic logs, the benchmark
gcc|gcc|builds the workloads and the C yardstick
libc6-dev|/usr/include/stdio.h|the same
procps|ps|looks at test processes
tmux|tmux|a terminal that presses keys and looks at the live screen
iproute2|ss|counts open sockets independently of us; joins the network namespaces of a small fleet
audispd-plugins|audisp-remote|sends audit records to a central auditd, as a fleet does
chromium|chromium|looks at the HTML report
prometheus|promtool|a real Prometheus scrapes the metrics and tests the alert rules
prometheus-node-exporter|prometheus-node-exporter|its textfile collector takes the metrics
jq|jq|reads reports as the examples of README and docs do
python3-jsonschema|/usr/lib/python3/dist-packages/jsonschema|checks JSON against the schemas in docs/
LIST
}
package_list() {
    cat <<'LIST'
dpkg-dev|dpkg-shlibdeps|finds the packages of the libraries
binutils|strip|makes the program smaller
lintian|lintian|looks at the package
mmdebstrap|mmdebstrap|makes the clean root that the package is installed into
rpm|rpmbuild|builds the RPM
auditd|auditctl|sees to it that the kernel's rules are as before
man-db|man|renders the manual
LIST
}
optional_list() {
    cat <<'LIST'
bpftrace|bpftrace|a second independent counter, in the kernel
gcc-multilib|/usr/include/gnu/stubs-32.h|builds a 32-bit workload (x86_64 only)
xz-utils|xz|reading .xz logs
zstd|zstd|reading .zst logs
bzip2|bzip2|reading .bz2 logs
LIST
}

PATH=$PATH:/usr/sbin:/sbin # a user's PATH often lacks them, and daemons live there
say() { printf '%s\n' "deps: $*"; }

# Is $1 installed, or does $2 stand in for it?
have() {
    case $2 in
    /*) [ -e "$2" ] && return 0 ;;
    *) command -v "$2" >/dev/null 2>&1 && return 0 ;;
    esac
    command -v dpkg-query >/dev/null 2>&1 &&
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Of the list on standard input, the lines that are missing.
missing_of() {
    while IFS='|' read -r package probe why; do
        have "$package" "$probe" || printf '%s|%s\n' "$package" "$why"
    done
}
names_of() { printf '%s\n' "$1" | cut -d '|' -f 1 | tr '\n' ' '; }
explain() { printf '%s\n' "$1" | while IFS='|' read -r package why; do printf '  %-24s %s\n' "$package" "$why"; done; }

# -- as root ---------------------------------------------------------------------------------

MARK='# sockaudit: temporary, made by .ci/deps.sh'
POLICY=/usr/sbin/policy-rc.d
masked= policy_is_ours=

unit_of() {
    case $1 in
    auditd) echo auditd.service ;;
    nginx-light) echo nginx.service ;;
    redis-server) echo redis-server.service ;;
    openssh-server) echo ssh.service ;;
    prometheus) echo prometheus.service ;;
    prometheus-node-exporter) echo prometheus-node-exporter.service ;;
    esac
}

restore() {
    if [ -n "$policy_is_ours" ] && grep -qsF "$MARK" "$POLICY"; then rm -f "$POLICY"; fi
    # shellcheck disable=SC2086  # a list of unit names
    if [ -n "$masked" ]; then systemctl unmask --runtime $masked >/dev/null 2>&1 || true; fi
}

# Debian asks policy-rc.d before it starts anything; 101 means no.
forbid_daemons() {
    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if [ ! -e "$POLICY" ] && [ ! -L "$POLICY" ] || grep -qsF "$MARK" "$POLICY"; then
        policy_is_ours=1
        printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY"
        chmod 755 "$POLICY"
        return
    fi
    # Someone else's (a container image has one): never touched. Where it allows starting, the
    # older means are left: the single-user run level for sysvinit, masks until the next boot
    # for systemd. Only units of packages that are not here yet, so nothing in use is masked.
    answer=0
    "$POLICY" auditd start >/dev/null 2>&1 || answer=$?
    [ "$answer" = 101 ] && return
    export RUNLEVEL=1
    [ -d /run/systemd/system ] || return 0
    for package in "$@"; do
        unit=$(unit_of "$package")
        [ -z "$unit" ] && continue
        systemctl mask --runtime "$unit" >/dev/null 2>&1 && masked="$masked $unit"
    done
}

# Installed is not asked for at the next boot either.
leave_disabled() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for package in "$@"; do
        unit=$(unit_of "$package")
        [ -z "$unit" ] && continue
        if systemctl disable "$unit" >/dev/null 2>&1; then
            say "$unit is installed, not started, and not enabled at boot"
        fi
    done
}

apt_install() {
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_as_root() { # $1 required, $2 optional: package names
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    # shellcheck disable=SC2086  # lists of package names, here and below
    forbid_daemons $1 $2
    # Stale lists name packages that the mirror no longer has. Offline, the old ones may do.
    apt-get update -qq </dev/null || say "the package lists could not be refreshed; going on with the old ones"
    if [ -n "$1" ]; then
        apt_install $1
    fi
    for package in $2; do
        apt_install "$package" || say "$package cannot be had here; what needs it will be skipped"
    done
    leave_disabled $1 $2
}

# -- as anyone -------------------------------------------------------------------------------

main() {
    case ${1-} in
    build) required=$(build_list | missing_of) optional= ;;
    package) required=$(package_list | missing_of) optional= ;;
    test) required=$(test_list | missing_of) optional=$(optional_list | missing_of) ;;
    --as-root) install_as_root "$2" "$3"; exit 0 ;;
    *) echo "usage: deps.sh build|test|package" >&2; exit 64 ;;
    esac

    if ! command -v apt-get >/dev/null 2>&1; then
        [ -z "$required" ] && exit 0
        say "no apt-get here; please install the counterparts of these Debian packages:" >&2
        explain "$required" >&2
        exit 1
    fi
    # An optional package that this release or architecture does not have is no reason to ask
    # for root at every run.
    wanted=
    for package in $(names_of "$optional"); do
        if [ -n "$required" ] || apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]'; then
            wanted="$wanted $package"
        else
            say "$package (optional) is not to be had here; what needs it will be skipped"
        fi
    done
    if [ -z "$required" ] && [ -z "$wanted" ]; then
        exit 0
    fi
    say "installing (no daemon will be started):"
    if [ -n "$required" ]; then explain "$required"; fi
    if [ -n "$optional" ]; then explain "$optional" | sed 's/$/ (optional)/'; fi

    if [ "$(id -u)" = 0 ]; then
        sh "$0" --as-root "$(names_of "$required")" "$wanted"
    elif command -v sudo >/dev/null 2>&1; then
        say "this step alone needs root: sudo may ask for your password"
        sudo sh "$0" --as-root "$(names_of "$required")" "$wanted" || {
            [ -z "$required" ] || exit 1
            say "going on without the optional packages"
        }
    else
        say "root is needed and there is no sudo; as root: apt-get install $(names_of "$required")$wanted" >&2
        [ -z "$required" ] || exit 1
    fi
}

main "$@"
