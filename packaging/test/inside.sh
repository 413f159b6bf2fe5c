#!/bin/bash
# The package's life in a clean root, as root of it; .ci/test-package.sh gets us here.
#
#   inside.sh FOLDER     where the package and these scripts are
#
# The mounts are private, so is /run; processes, network and the kernel's audit are those of the host. What
# touches audit holds descriptor 9, the lock that all live tests of a host share.
here=$(dirname "$0")
. "$here/lib.sh"
package=$(echo "$1"/sockaudit_*.deb)
work=/run/package-test
mkdir -p "$work"

audit_begin
trap 'stop_all; audit_end; summary' EXIT
# So that the trap above is run.
trap 'exit 143' TERM HUP
snapshot before

must "dpkg installs it with what it depends on" dpkg -i "$package"
check "no audit rule was put in" no_rules
check "auditing is as it was" is "$(auditctl -s | awk '$1 == "enabled" { print $2 }')" "$enabled"
audit_end

. "$here/installed.sh"

audit_begin
. "$here/service.sh"
. "$here/plugin.sh"
. "$here/removed.sh"
