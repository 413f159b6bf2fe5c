#!/bin/sh
# make static: the release with the Swift runtime linked in, stripped: .build/package/sockaudit.
# What it needs beside libc are audit's libraries, libcap-ng, zlib and the C++ runtime.
#
#   static.sh SWIFT OUTPUT
#
# Its build has a folder of its own: other flags in the same one would build all anew, back and forth.
set -eu
swift=$1 output=$2
folder=$(dirname "$output")
# No $ORIGIN in the library path: a program of root must not load what lies beside it.
$swift build -c release --product sockaudit --scratch-path "$folder/build" --static-swift-stdlib \
    --disable-local-rpath -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now
built=$folder/build/release/sockaudit
if readelf -d "$built" | grep -E 'NEEDED.*libswift|R(UN)?PATH'; then
    echo "static: the program above still depends on this machine's Swift" >&2
    exit 1
fi
if [ ! -e "$output" ] || [ "$built" -nt "$output" ]; then
    strip --strip-unneeded --remove-section=.comment -o "$output.new" "$built"
    mv "$output.new" "$output"
fi
