#!/bin/sh
# make static: the program that `make build` built, stripped: .build/package/sockaudit. What it needs beside
# libc are audit's libraries, libcap-ng, zlib and the C++ runtime.
#
#   static.sh PROGRAM OUTPUT
set -eu
built=$1 output=$2
# A plain `swift build` puts another one in the same place.
if readelf -d "$built" | grep -E 'NEEDED.*libswift|R(UN)?PATH'; then
    echo "static: the program above still depends on this machine's Swift" >&2
    exit 1
fi
if [ ! -e "$output" ] || [ "$built" -nt "$output" ]; then
    mkdir -p "$(dirname "$output")"
    strip --strip-unneeded --remove-section=.comment -o "$output.new" "$built"
    mv "$output.new" "$output"
fi
