#!/bin/sh
# run.sh: builds what the benchmark needs and runs it; see README.md beside it.
#
#     sh tests/bench/run.sh [--short] [--build=DIRECTORY] [OPTION...]
#
# --build names a directory that is built already; --help lists the other options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=
for argument; do
    case $argument in
    --build=*) build=${argument#--build=} ;;
    esac
done
if [ -z "$build" ]; then
    build=$root/build-bench
    sh "$root/tests/build.sh" "$build" -DCMAKE_BUILD_TYPE=Release >&2
fi
exec python3 "$root/tests/bench/bench.py" "$@" --build="$build"
