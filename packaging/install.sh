#!/bin/sh
# What `make install`, `make deb` and the RPM spec put in place: one list for all three.
#
#   install.sh install|uninstall PROGRAM
#
# From the environment: DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc), UNITDIR.
# Changes nothing but files: no user, no rule, no service. What an administrator may have changed in
# SYSCONFDIR is neither overwritten nor removed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
action=${1:?install or uninstall} program=${2:?the program}
DESTDIR=${DESTDIR-} PREFIX=${PREFIX:-/usr/local} SYSCONFDIR=${SYSCONFDIR:-/etc}
UNITDIR=${UNITDIR:-$PREFIX/lib/systemd/system}
SBINDIR=$PREFIX/sbin LIBDIR=$PREFIX/lib/sockaudit
SHARE=$PREFIX/share DOC=$PREFIX/share/doc/sockaudit

# Where README's links look for them, but what is for developers.
pages() {
    for page in "$root"/docs/*.md "$root"/docs/*.json; do
        page=docs/${page##*/}
        [ "$page" = docs/architecture.md ] || echo "$page|$DOC/$page|644"
    done
}

# source | place | mode | conf: an administrator's file
list() {
    cat <<LIST
$program|$SBINDIR/sockaudit|755
man/sockaudit.8|$SHARE/man/man8/sockaudit.8|644
man/sockaudit-plugin.8|$SHARE/man/man8/sockaudit-plugin.8|644
:bash|$SHARE/bash-completion/completions/sockaudit|644
:zsh|$SHARE/zsh/${ZSHDIR:-site-functions}/_sockaudit|644
:fish|$SHARE/fish/vendor_completions.d/sockaudit.fish|644
packaging/sockaudit.service|$UNITDIR/sockaudit.service|644
packaging/sockaudit.tmpfiles|$PREFIX/lib/tmpfiles.d/sockaudit.conf|644
packaging/sockaudit.sysusers|$PREFIX/lib/sysusers.d/sockaudit.conf|644
packaging/reopen-reports|$LIBDIR/reopen-reports|755
packaging/sockaudit.logrotate|$SYSCONFDIR/logrotate.d/sockaudit|644|conf
contrib/plugin/sockaudit.conf|$SYSCONFDIR/audit/plugins.d/sockaudit.conf|640|conf
contrib/plugin/plugin.conf|$SYSCONFDIR/sockaudit/plugin.conf|644|conf
README.md|$DOC/README.md|644
CHANGELOG.md|$DOC/changelog|644
$(pages)
rules/30-sockaudit.rules|$DOC/examples/30-sockaudit.rules|644
:rules|$DOC/examples/30-sockaudit-plugin.rules|644
contrib/prometheus/sockaudit.rules.yml|$DOC/examples/prometheus-rules.yml|644
contrib/grafana/sockaudit.json|$DOC/examples/grafana-dashboard.json|644
LIST
}

# auditd's folders are closed to others.
make_folder() {
    case $1 in
    "$SYSCONFDIR"/audit/plugins.d)
        install -d -m 755 "$DESTDIR$SYSCONFDIR"
        for folder in "$SYSCONFDIR/audit" "$1"; do
            [ -d "$DESTDIR$folder" ] || install -d -m 750 "$DESTDIR$folder"
        done
        ;;
    *) install -d -m 755 "$DESTDIR$1" ;;
    esac
}

text_of() {
    case $1 in
    # What is sourced is no program.
    :bash) "$program" --generate-completion-script bash | sed '1{/^#!/d}' ;;
    :zsh | :fish) "$program" --generate-completion-script "${1#:}" ;;
    # They name the program that is asked.
    :rules) "$program" rules all --plugin | sed "s|$(realpath "$program")|$SBINDIR/sockaudit|" ;;
    packaging/*) sed -e "s|@SBINDIR@|$SBINDIR|g" -e "s|@LIBDIR@|$LIBDIR|g" "$root/$1" ;;
    contrib/plugin/*) sed "s|/usr/sbin/sockaudit|$SBINDIR/sockaudit|g" "$root/$1" ;;
    *) cat "$root/$1" ;;
    esac
}

put() {
    source=$1 place=$2 mode=$3
    make_folder "$(dirname "$place")"
    # Written anew beside it and renamed: the program may be running.
    trap 'rm -f "$DESTDIR$place.new"' EXIT
    if [ "$source" = "$program" ]; then cp "$program" "$DESTDIR$place.new"; else text_of "$source" >"$DESTDIR$place.new"; fi
    chmod "$mode" "$DESTDIR$place.new"
    mv -f "$DESTDIR$place.new" "$DESTDIR$place"
    trap - EXIT
}

case $action in
install)
    if [ ! -x "$program" ]; then
        echo "install: $program is missing: run \`make static\` first" >&2
        exit 1
    fi
    list | while IFS='|' read -r source place mode kind; do
        if [ "${kind:-}" = conf ] && [ -e "$DESTDIR$place" ]; then
            echo "install: $DESTDIR$place is there already and stays as it is"
            continue
        fi
        put "$source" "$place" "$mode"
    done
    ;;
uninstall)
    list | while IFS='|' read -r source place mode kind; do
        if [ "${kind:-}" = conf ] && [ -e "$DESTDIR$place" ] && ! text_of "$source" | cmp -s - "$DESTDIR$place"; then
            echo "uninstall: $DESTDIR$place was changed and stays"
            continue
        fi
        rm -f "$DESTDIR$place"
    done
    # Folders that are ours alone, where nothing else is in them.
    for folder in "$LIBDIR" "$DOC/examples" "$DOC/docs" "$DOC" "$SYSCONFDIR/sockaudit"; do
        rmdir "$DESTDIR$folder" 2>/dev/null || :
    done
    ;;
*) echo "usage: install.sh install|uninstall PROGRAM" >&2; exit 64 ;;
esac
