#!/bin/sh
# build.sh OUTDIR: compiles all workloads. CC and CFLAGS_EXTRA (say -fsanitize=address,undefined) are
# taken from the environment.
set -eu
out=${1:?usage: build.sh OUTDIR}
case $out in /*) ;; *) out=$PWD/$out ;; esac
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
cc=${CC:-cc}
flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror -pthread ${CFLAGS_EXTRA:-}"
mkdir -p "$out"
cd "$here"

# shellcheck disable=SC2086 # flags are several words
build() { "$cc" $flags -o "$@"; }

# libgcc_s from the start: pthread_exit would load it, opening and closing a file in the midst of
# what other threads do, where no turn is taken.
build "$out/chaos" truth.c chaos_*.c -Wl,--no-as-needed -lgcc_s
build "$out/counter" counter.c
build "$out/int80" int80.c truth.c
build "$out/racer" racer.c truth.c
build "$out/flood" flood.c
build "$out/crowd" crowd.c
build "$out/witness" witness.c truth.c
build "$out/toucher" toucher.c
build "$out/ringer" ringer.c truth.c
build "$out/intruder" -D_GNU_SOURCE intruder.c

# Preloaded into a program that has no sanitizer.
"$cc" -std=gnu11 -O1 -g -Wall -Wextra -Werror -shared -fPIC -o "$out/setclock.so" setclock.c -ldl

# These hang on libraries not everybody has (32-bit and static libc), and do without sanitizers.
optional() {
    name=$1
    shift
    if ! "$cc" -std=gnu11 -O1 -Wall -Wextra -Werror "$@" -o "$out/$name" counter.c 2>/dev/null; then
        rm -f "$out/$name"
        echo "build.sh: no $name: the toolchain cannot do $*" >&2
    fi
}
optional counter32 -m32
optional counter-static -static
