#!/bin/bash
# Sourced by inside.sh: leaving. The plugin runs under auditd, and a killed run has left its rules.
echo "-- removed"
ln -s /usr/share/doc/sockaudit/examples/30-sockaudit-plugin.rules /etc/audit/rules.d/30-sockaudit.rules
sockaudit sed --duration 0 --quiet --report /var/log/sockaudit/killed.jsonl 2>"$work/killed.log" 9>&- &
run=$!
started+=("$run")
disown "$run"
own_rules() { auditctl -l | grep -q -- '-F pid!='; }
check "a run has its rules in" eventually 20 own_rules
keeper=$(sockaudits | awk '/sockaudit: keeper/ { print $1 }' |
    while read -r pid; do [ "$(awk '{ print $4 }' "/proc/$pid/stat")" = "$run" ] && echo "$pid"; done)
kill -KILL "$keeper" "$run"
eventually 10 gone "$run" >/dev/null
check "killed, it leaves them" own_rules

unit_links() { find /etc/systemd/system -name 'sockaudit*'; }
check "the service is enabled, as an administrator does it" systemctl enable sockaudit.service
check "which makes a link" is "$(unit_links)" /etc/systemd/system/multi-user.target.wants/sockaudit.service

must "dpkg removes the package" dpkg -r sockaudit
check "no link of the unit is left" is "$(unit_links)" ""
check "the rules of the killed run are gone" bash -c "! auditctl -l | grep -q -- '-F pid!='"
check "the plugin has ended" eventually 30 no_plugin
check "nothing of it runs" eventually 30 none_run
check "auditd runs on" bash -c "kill -0 $daemon"
check "the link to the example rules is gone" bash -c '! test -L /etc/audit/rules.d/30-sockaudit.rules'
check "settings and reports stay until the purge" \
    bash -c 'test -e /etc/sockaudit/plugin.conf && test -e /etc/audit/plugins.d/sockaudit.conf && test -e /var/log/sockaudit/report.jsonl'
stop_all
sed -n 's/^-a/-d/p' "$work/added.rules" >"$work/taken.rules"
check "the administrator's rules can be taken out" auditctl -R "$work/taken.rules"
check "the rules are those from before" diff "$work/rules.before" <(auditctl -l)
audit_end

must "dpkg purges it" dpkg -P sockaudit
snapshot after
check "no file is left" same before after files
check "/etc is as it was, byte for byte" same before after etc
check "no user and no group is left" same before after users
check "nothing is left in /run" same before after run

must "installed once more" dpkg -i "$package"
must "and purged at once" dpkg -P sockaudit
snapshot again
check "no file is left this time either" same before again files
check "nor a user" same before again users
