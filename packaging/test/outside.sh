#!/bin/bash
# Sourced by .ci/test-package.sh: what can be looked at without installing anything.
echo "-- the packages"
lint() {
    local found
    found=$(lintian --allow-root --tag-display-limit 0 "$@" 2>&1) || :
    printf '%s\n' "$found"
    ! grep -qE '^[EW]:' <<<"$found"
}
check "lintian: no error and no warning" lint "$package"
depends=$(dpkg-deb -f "$package" Depends)
echo "   depends: $depends"
# Audit's libraries, and what every Debian has anyway.
others=$(tr ',' '\n' <<<"$depends" | sed 's/^ *//; s/ .*//' |
    grep -vxE 'libaudit1(t64)?|libauparse0(t64)?|libcap-ng0|libc6|libgcc-s1|libstdc\+\+6|zlib1g|adduser')
check "it depends on audit's libraries and on what every Debian has" is "$others" ""
again=$(mktemp -d)
check "built again it is the same, bit for bit" bash -c \
    "sh packaging/deb/build.sh '$folder/sockaudit' '$again' && cmp '$again'/*.deb '$package'"
rm -rf "$again"

check "make install" make --no-print-directory install DESTDIR="$folder/install" PREFIX=/opt/sockaudit
check "the unit names the program where it is" \
    grep -q '^ExecStart=/opt/sockaudit/sbin/sockaudit ' "$folder/install/opt/sockaudit/lib/systemd/system/sockaudit.service"
check "make uninstall" make --no-print-directory uninstall DESTDIR="$folder/install" PREFIX=/opt/sockaudit
check "it leaves no file" is "$(find "$folder/install" ! -type d)" ""
rm -rf "$folder/install"

check "rpmbuild takes the spec" make --no-print-directory rpm
rpm=$(find "$folder" -maxdepth 1 -name '*.rpm')
names() { grep -vE '/(share/doc|share/lintian)/|/$' | sed -E 's|^\.?/?||; s|^usr/lib/systemd|lib/systemd|; s|/vendor-completions/|/site-functions/|; s|\.gz$||' | sort; }
check "the RPM has the files of the Debian package" diff \
    <(rpm -qlp "$rpm" 2>/dev/null | grep -vxE '/(usr/lib|etc|usr/share/doc|var/log)/sockaudit|/usr/share/doc/sockaudit/examples' | names) \
    <(dpkg-deb --fsys-tarfile "$package" | tar -t | names)
rpmroot=$(mktemp -d)
check "rpm installs it" rpm --root "$rpmroot" --nodeps --noscripts --ignoreos -i "$rpm"
check "and finds it as it was packed" rpm --root "$rpmroot" --nodeps --nouser --nogroup -V sockaudit
check "rpm removes it" rpm --root "$rpmroot" --nodeps --noscripts -e sockaudit
check "without a rest" is "$(find "$rpmroot" -path "$rpmroot/var/lib/rpm" -prune -o -name '*sockaudit*' -print)" ""
rm -rf "$rpmroot"
