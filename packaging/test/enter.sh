#!/bin/sh
# Runs a program in a folder as if that were the whole system; the mounts are seen by nobody else and go
# with the last process of it. A chroot would not do: systemd cannot make a unit's own mounts in one.
#
#   unshare --mount --propagation private enter.sh ROOT PROGRAM [ARGUMENTS...]
set -eu
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/old" "$root/run/lock"
cd "$root"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8 "$@"
