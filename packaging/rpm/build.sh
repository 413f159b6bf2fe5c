#!/bin/sh
# make rpm: an RPM of the program that `make static` built. On a machine with Swift from anywhere and audit's
# headers from Debian, so without asking rpm for what it thinks is missing.
#
#   build.sh PROGRAM FOLDER     prints the package's path
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$2"
program=$(realpath "$1") folder=$(realpath "$2")
rm -rf "$folder/rpm" "$folder"/*.rpm
rpmbuild -bb --nodeps --quiet --define "_topdir $folder/rpm" --define "_rpmdir $folder" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define "source $root" --define "program $program" --define "version_of_program $("$program" --version)" \
    "$root/packaging/rpm/sockaudit.spec"
rm -rf "$folder/rpm"
ls "$folder"/*.rpm
