#!/bin/bash
# Sourced by inside.sh: the unit as it is shipped, started by a real systemd. It is a user manager of root,
# the only kind that need not be process 1 (audit is refused in a pid namespace), so its log folder is
# found by XDG_CONFIG_HOME.
echo "-- the service"
export XDG_RUNTIME_DIR=/run/manager XDG_CONFIG_HOME=/var
unit=sockaudit.service
report=/var/log/sockaudit/sockaudit.jsonl
manage() { systemctl --user "$@"; }
main_pid() { manage show -P MainPID "$unit"; }
keeper_pid() { sockaudits | awk '/sockaudit: keeper/ { print $1 }'; }

mkdir -p -m 755 "$XDG_RUNTIME_DIR/systemd" /run/systemd/system "/run/systemd/user/$unit.d"
cp "$(dpkg -L sockaudit | grep "/$unit\$")" /run/systemd/user/
# How a unit is changed, as its comment says; the interval makes the test short.
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/sockaudit all --interval 1 --report %s\nStandardError=file:%s\n' \
    "$report" "$work/service.err" >"/run/systemd/user/$unit.d/test.conf"
# A manager takes the group it is in for its own, with all processes there: it gets one of ours.
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/sockaudit-package-test.$$
mkdir "$group"
# Made by a manager that is process 1: what a unit must not see is covered with these.
mkdir -p -m 000 /run/systemd/inaccessible/dir
install -m 000 /dev/null /run/systemd/inaccessible/reg
mkfifo -m 000 /run/systemd/inaccessible/fifo
mknod -m 000 /run/systemd/inaccessible/chr c 0 0
bash -c 'echo $$ >"$0/cgroup.procs"; exec /lib/systemd/systemd --user --unit=basic.target --log-target=null' \
    "$group" 9>&- &
manager=$!
started+=("$manager")
check "a service manager runs" eventually 20 test -S "$XDG_RUNTIME_DIR/systemd/private"
# As it is where the manager is process 1: every user may tell it something.
chmod 777 "$XDG_RUNTIME_DIR/systemd/notify"

if check "the unit starts, and tells when it watches (Type=notify)" bash -c \
    "timeout 60 systemctl --user start $unit || { systemctl --user status --no-pager $unit; exit 1; }"; then
    check "rules are in" has_rules
    check "it has its large buffer, and nothing to complain about" bash -c "[ \$(wc -l <$work/service.err) = 1 ] &&
        grep -E 'watching all processes.*(16|32|64) MiB of buffer' $work/service.err || { cat $work/service.err; exit 1; }"
    pid=$(main_pid)
    check "the reader is the user sockaudit" is "$(stat -c %U "/proc/$pid")" sockaudit
    check "it may read /proc, and no more: the stream it has joined" is "$(awk '/^CapPrm/ { print $2 }' "/proc/$pid/status")" 0000000000080004
    check "the keeper is root, with the unit's capabilities alone" \
        is "$(awk '/^(CapBnd|NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$(keeper_pid)/status" | tr '\n' ' ')" "00000020400810c4 1 2 "
    leaker 23 service
    seen() { tail -n 1 "$report" | grep -o "\"pid\":$leaked,.*" | grep -q '"still_open":{"total":23,"tcp":23,'; }
    check "it counts the 23 sockets of a process" eventually 20 seen
    check "the report is closed to others" is "$(stat -c '%a %U' "$report")" "600 root"

    mv "$report" "$report.1"
    check "reload (HUP) begins a new report" eventually 20 bash -c "systemctl --user reload $unit; test -s $report"
    check "and seals the old one" eventually 20 sockaudit verify "$report.1"
    check "it stops" timeout 60 systemctl --user stop "$unit"
    check "no rule is left" no_rules
    check "its result is success" is "$(manage show -P Result "$unit")" success
    check "the report is sealed" sockaudit verify "$report"
    # COMPLETE, but for processes older than auditing: this host was not booted with audit=1.
    check "no loss" bash -c "! grep -q '\"verdict\":\"lossy\"' $report"

    check "it starts again" timeout 60 systemctl --user start "$unit"
    kill -KILL "$(keeper_pid)" "$(main_pid)"
    check "both killed: the unit clears the rules" eventually 30 no_rules
    manage stop "$unit" >/dev/null 2>&1
    manage reset-failed "$unit" >/dev/null 2>&1
fi
manage exit >/dev/null 2>&1
eventually 10 gone "$manager" >/dev/null
no_group() { find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -e "$group" ]; }
check "nothing of it is left among the control groups" eventually 10 no_group
umount /sys/fs/cgroup
rm -rf /run/systemd/system /run/systemd/user /run/systemd/inaccessible
