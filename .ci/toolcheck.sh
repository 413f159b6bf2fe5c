#!/bin/sh
# Before a build: what the compiler would say at length if it were missing, in one line.
set -eu
if ! command -v "${1:-swift}" >/dev/null 2>&1; then
    echo "build: there is no swift in PATH; Swift 6.2 or later is needed: https://www.swift.org/install/" >&2
    exit 1
fi
for header in libaudit.h auparse.h zlib.h; do
    if [ ! -e "/usr/include/$header" ]; then
        echo "build: $header is missing: run \`make deps\` (installs libaudit-dev, libauparse-dev and zlib1g-dev)" >&2
        exit 1
    fi
done
