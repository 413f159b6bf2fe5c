#!/bin/bash
# make test-package: the Debian package is installed, used and removed in a clean root of this release; the
# RPM is built and looked at. One line a check; 1 when one of them fails.
#
#   test-package.sh FOLDER      where `make deb` puts the package
#
# As root. Touches the kernel's audit under the lock of all live tests, and nothing of this machine's files.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
mkdir -p "$folder"
folder=$(realpath "$folder")
image=$folder/root.tar
. packaging/test/lib.sh

if [ "$(id -u)" != 0 ]; then
    echo "FAIL test-package must be root: it makes a root folder, and installs into that" >&2
    exit 1
fi

# What the package depends on, and what the checks use. Kept for a week: making it takes a minute.
contents=auditd,libauparse0,libcap-ng0,libstdc++6,zlib1g,adduser,man-db,systemd,logrotate,zsh,fish,bash-completion
make_image() {
    if [ -n "$(find "$image" -mtime -7 2>/dev/null)" ] && [ "$(cat "$image.contents")" = "$contents" ]; then return; fi
    local release
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mmdebstrap --quiet --mode=root --format=tar --variant=minbase --include="$contents" "$release" "$image.new" &&
        mv "$image.new" "$image" && echo "$contents" >"$image.contents"
}
# The root and the static build do not need each other.
make_image >"$image.log" 2>&1 &
imaging=$!

if ! make --no-print-directory deb >"$folder/deb.log" 2>&1; then
    tail -n 30 "$folder/deb.log"
    echo "FAIL make deb"
    wait
    exit 1
fi
package=$(echo "$folder"/sockaudit_*.deb)
echo "ok make deb: $(basename "$package"), $(du -k "$package" | cut -f 1) KiB"

. packaging/test/outside.sh

if ! wait "$imaging"; then
    tail -n 20 "$image.log"
    echo "FAIL a clean root cannot be made"
    exit 1
fi
root=$(mktemp -d "$folder/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
tar -C "$root" --numeric-owner --xattrs -xf "$image" --exclude='./dev/*'
mkdir "$root/package"
cp "$package" packaging/test/*.sh "$root/package"
# Waiting for other live tests may take long, as theirs do.
exec 9>>/run/lock/sockaudit-live-tests
timeout 1500 unshare --mount --propagation private sh packaging/test/enter.sh "$root" \
    bash /package/inside.sh /package || failures=$((failures + 1))
exec 9>&-

if [ "$failures" != 0 ]; then
    echo "test-package: FAILED"
    exit 1
fi
echo "test-package: all checks passed"
