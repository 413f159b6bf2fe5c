#!/bin/bash
# Sourced by inside.sh: what an installed package is, and what it has not done.
echo "-- installed"
version=$(dpkg-query -W -f '${Version}' sockaudit)

check "nothing was started" none_run
check "the service is not enabled" is "$(systemctl --root=/ is-enabled sockaudit.service 2>&1)" disabled
check "the plugin is not active" grep -q '^active = no$' /etc/audit/plugins.d/sockaudit.conf
check "the user sockaudit has no shell and no home" \
    is "$(getent passwd sockaudit | cut -d: -f6,7)" /nonexistent:/usr/sbin/nologin
check "/var/log/sockaudit is 0750, root and adm" is "$(stat -c '%a %U %G' /var/log/sockaudit)" "750 root adm"
check "augenrules does not read the example rules" bash -c '! ls /etc/audit/rules.d/ | grep -q sockaudit'
check "the example rules are those that the program prints" \
    diff <(grep -v '^#' /usr/share/doc/sockaudit/examples/30-sockaudit.rules) <(sockaudit rules all | grep -v '^#')
check "every setting in plugin.conf is a comment" bash -c '! grep -vE "^(#|$)" /etc/sockaudit/plugin.conf'

check "sockaudit --version" is "$(sockaudit --version)-1" "$version"
check "no library is missing, and no Swift is needed" bash -c '! ldd /usr/sbin/sockaudit | grep -E "not found|swift"'
for page in sockaudit sockaudit-plugin; do
    check "man $page renders" matches 'EXAMPLES' man -P cat "$page"
    check "man $page without warnings" is "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 "$page" 2>&1 >/dev/null)" ""
done
check "whatis finds it" matches 'find sockets' whatis sockaudit

check "completion in bash" matches doctor bash -c '
    . /usr/share/bash-completion/bash_completion
    _completion_loader sockaudit
    COMP_WORDS=(sockaudit doc) COMP_CWORD=1 COMP_LINE="sockaudit doc" COMP_POINT=13
    $(complete -p sockaudit | sed -n "s/.*-F \([^ ]*\) .*/\1/p") sockaudit doc sockaudit
    printf "%s\n" "${COMPREPLY[@]}"'
check "completion in zsh" matches '_sockaudit loaded' env HOME=$work zsh -f -c '
    autoload -U compinit && compinit -D -u && print -n "$_comps[sockaudit] "
    autoload +X _sockaudit && print loaded'
check "completion in fish" matches doctor env HOME=$work fish --no-config -c '
    source /usr/share/fish/vendor_completions.d/sockaudit.fish; complete -C "sockaudit doc"'

check "systemd-analyze verify" is "$(systemd-analyze --man=no verify sockaudit.service 2>&1 | grep -i sockaudit)" ""
exposure=$(systemd-analyze security --offline=true sockaudit.service | tail -n 1)
echo "   $exposure"
check "systemd-analyze security: exposure below 4.0" \
    systemd-analyze security --offline=true --threshold=40 sockaudit.service
check "logrotate reads its file" logrotate --debug /etc/logrotate.d/sockaudit

# An upgrade, and an administrator who changed a file.
sed -i 's/^#interval = 7/interval = 1/' /etc/sockaudit/plugin.conf
check "installed again over itself" dpkg --force-confold -i "$package"
check "the administrator's setting is kept" grep -q '^interval = 1$' /etc/sockaudit/plugin.conf
check "an upgrade starts nothing either" none_run
