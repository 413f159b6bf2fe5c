#!/bin/sh
# make deb: the Debian package, with dpkg's own tools alone (dpkg-dev), as any user.
#
#   build.sh PROGRAM FOLDER     prints the package's path
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$2"
program=$(realpath "$1") folder=$(realpath "$2")
tree=$folder/tree
rm -rf "$tree"
mkdir -p "$tree/DEBIAN" "$folder/shlibs/debian"
umask 022

# The same commit gives the same package.
if [ -z "${SOURCE_DATE_EPOCH-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH
version=$("$program" --version)-1
architecture=$(dpkg --print-architecture)

# Where Debian 12 and its like still have units in /lib, lintian wants them there.
unitdir=/usr/lib/systemd/system
if grep -qs '^VERSION_ID="1[0-2]"' /etc/os-release; then unitdir=/lib/systemd/system; fi
DESTDIR=$tree PREFIX=/usr ZSHDIR=vendor-completions UNITDIR=$unitdir \
    sh "$root/packaging/install.sh" install "$program" >/dev/null

doc=$tree/usr/share/doc/sockaudit
install -m 644 "$here/copyright" "$doc/copyright"
sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$(date -u -R -d "@$SOURCE_DATE_EPOCH")/" "$here/changelog" |
    gzip -9n >"$doc/changelog.Debian.gz"
gzip -9n "$doc/README.md" "$doc/changelog" "$tree"/usr/share/man/man8/*.8
chmod 644 "$doc"/*.gz "$tree"/usr/share/man/man8/*.gz
install -d -m 755 "$tree/usr/share/lintian/overrides"
install -m 644 "$here/lintian-overrides" "$tree/usr/share/lintian/overrides/sockaudit"

# dpkg-shlibdeps knows the packages of the libraries; it wants a source package's control file to stand by.
printf 'Source: sockaudit\n\nPackage: sockaudit\nArchitecture: any\n' >"$folder/shlibs/debian/control"
libraries=$(cd "$folder/shlibs" && dpkg-shlibdeps -O -e"$tree/usr/sbin/sockaudit" | sed -n 's/^shlibs:Depends=//p')
size=$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    -e "s/@LIBRARIES@/$libraries/" "$here/control" >"$tree/DEBIAN/control"
(cd "$tree" && find etc -type f | LC_ALL=C sort | sed 's|^|/|') >"$tree/DEBIAN/conffiles"
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' | grep -v '^etc/' |
    LC_ALL=C sort | tr '\n' '\0' | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$tree/DEBIAN/$script"; done
chmod 644 "$tree/DEBIAN/control" "$tree/DEBIAN/conffiles" "$tree/DEBIAN/md5sums"

package=$folder/sockaudit_${version}_$architecture.deb
rm -f "$folder"/sockaudit_*.deb
dpkg-deb --root-owner-group -Zxz --build "$tree" "$package" >/dev/null
echo "$package"
