#!/bin/bash
# Sourced by inside.sh: the plugin, by a real auditd with Debian's own settings and the package's files.
echo "-- the plugin"
plugin_report=/var/log/sockaudit/report.jsonl
plugin_pid() { sockaudits | awk '$3 == "plugin" { print $1 }'; }
plugin_runs() { [ -n "$(plugin_pid)" ]; }
no_plugin() { ! plugin_runs; }
reported() { # PID SOCKETS: in the last table
    tail -n 1 "$plugin_report" | grep -o "\"pid\":$1,.*" | grep -q "\"still_open\":{\"total\":$2,\"tcp\":$2,"
}

sed -i 's/^active = no$/active = yes/' /etc/audit/plugins.d/sockaudit.conf
sed -i 's/^#names = all/names = perl/' /etc/sockaudit/plugin.conf
# Narrow ones: nobody else on this host pays for them.
sockaudit rules perl >"$work/added.rules"
check "the rules name the program" grep -q 'exe=/usr/bin/perl' "$work/added.rules"
check "auditctl takes them" auditctl -R "$work/added.rules"
auditd -n -c /etc/audit >"$work/auditd.log" 2>&1 9>&- &
daemon=$!
started+=("$daemon")
if check "auditd starts the plugin" eventually 30 plugin_runs; then
    plugin=$(plugin_pid)
    check "it takes the records as the user sockaudit" \
        eventually 20 bash -c "[ \"\$(stat -c %U /proc/$plugin)\" = sockaudit ]"
    check "it writes tables" eventually 30 test -s "$plugin_report"
    leaker 17 plugin
    check "it counts the 17 sockets of a process" eventually 30 reported "$leaked" 17
    check "no rule is missing, no record is lost" bash -c \
        "! tail -n 1 $plugin_report | grep -E 'rules_missing|\"lossy\"'"
    check "the report is closed to others" is "$(stat -c '%a %U' "$plugin_report")" "600 root"
    check "the administrator's setting holds (interval = 1)" \
        bash -c "tail -n 1 $plugin_report | grep -qE '\"interval\":(0\.9|1\.0)'"

    check "logrotate rotates the report" logrotate --force /etc/logrotate.d/sockaudit
    check "the rotated one is sealed" eventually 20 sockaudit verify "$plugin_report.1"
    check "the plugin goes on in a new one" eventually 20 reported "$leaked" 17
    check "it is the same process" is "$(plugin_pid)" "$plugin"

    sed -i 's/^interval = 1$/interval = 2/' /etc/sockaudit/plugin.conf
    kill -HUP "$daemon"
    check "HUP of auditd: the settings are read again" \
        eventually 20 bash -c "tail -n 1 $plugin_report | grep -qE '\"interval\":(1\.9|2\.0)'"
    check "the figures stay" eventually 20 reported "$leaked" 17
fi

# TERM, as auditd gives it at its own end.
kill -TERM "$daemon"
check "auditd ends" eventually 20 gone "$daemon"
check "and the plugin with it" eventually 20 no_plugin
check "its report is whole" sockaudit verify "$plugin_report"
check "the last table is in it" grep -q '"final":true' "$plugin_report"

# For removed.sh: it runs while the package goes.
auditd -n -c /etc/audit >"$work/auditd.log" 2>&1 9>&- &
daemon=$!
started+=("$daemon")
check "auditd starts it again" eventually 30 plugin_runs
