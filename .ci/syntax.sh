#!/bin/sh
# Part of make lint: every shell and Python file parses. Nothing is run, nothing is written.
set -eu
python=${1:-python3}
bad=0
found=$(find .ci Tests Benchmarks Examples rules docs packaging -type f 2>/dev/null | sort)
old_ifs=$IFS
IFS='
'
for file in $found; do
    first=$(head -n 1 "$file" 2>/dev/null | tr -d '\000' | cut -c 1-40)
    case $file:$first in
    *.py:* | *:'#!'*python*)
        "$python" -c 'import ast, sys; ast.parse(open(sys.argv[1], "rb").read(), sys.argv[1])' "$file" || bad=1
        ;;
    *:'#!'*bash*) bash -n "$file" || bad=1 ;;
    *.sh:* | *:'#!/bin/sh'*) sh -n "$file" || bad=1 ;;
    esac
done
IFS=$old_ifs
exit "$bad"
