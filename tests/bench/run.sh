#!/bin/sh
# run.sh: builds what the benchmark needs and runs it; see README.md beside it.
#
#     sh tests/bench/run.sh [--short | --sinks] [--build=DIRECTORY] [OPTION...]
#
# --sinks measures what events are written into (sinks.py). --build names a directory that is built already; --help
# lists the other options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=
script=bench.py
for argument; do
    shift
    case $argument in
    --sinks)
        script=sinks.py
        continue
        ;;
    --build=*) build=${argument#--build=} ;;
    esac
    set -- "$@" "$argument"
done
if [ -z "$build" ]; then
    build=$root/build-bench
    sh "$root/tests/build.sh" "$build" -DCMAKE_BUILD_TYPE=Release >&2
fi
exec python3 "$root/tests/bench/$script" "$@" --build="$build"
